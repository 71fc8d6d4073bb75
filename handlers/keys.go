package handlers

import (
	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

func (a *App) showKeys(c *fiber.Ctx) error {
	return a.show(c, views.Keys(views.KeysPage{Frame: a.frame(c)}))
}

func (a *App) setKeys(c *fiber.Ctx) error {
	form := readForm(c)
	value := form.text("shortcuts")
	if form.err != nil {
		return form.err
	}
	if value != "on" && value != resale.ShortcutsOff {
		return resale.Invalid("shortcuts", "Keys are on or off.")
	}
	if err := a.service.Prefer(c.UserContext(), resale.StaffActor(who(c)), resale.PreferenceShortcuts, value); err != nil {
		return err
	}
	return seeOther(c, "/keys")
}

// dismiss takes note of what came of a request, and leads back to the page that told it.
func (a *App) dismiss(c *fiber.Ctx) error {
	form := readForm(c)
	id := form.text("request")
	if form.err != nil {
		return form.err
	}
	if !isID(id) {
		return resale.NotFound("request")
	}
	r, err := a.store.Request(c.UserContext(), id)
	if err != nil {
		return err
	}
	e, err := a.store.Entitlement(c.UserContext(), r.EntitlementID)
	if err != nil {
		return err
	}
	if err := a.service.Dismiss(c.UserContext(), resale.StaffActor(who(c)), r.ID); err != nil {
		return err
	}
	return seeOther(c, "/entitlements/"+e.Ref)
}
