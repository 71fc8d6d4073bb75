package handlers

import (
	"net/url"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

func (a *App) showCatalogue(c *fiber.Ctx) error {
	ctx := c.UserContext()
	page := views.CataloguePage{Frame: a.frame(c)}
	var err error
	if page.Products, err = a.store.Products(ctx); err != nil {
		return err
	}
	if page.Abilities, err = a.store.Abilities(ctx); err != nil {
		return err
	}
	return a.show(c, views.Catalogue(page))
}

// setAbility says whether a merchant can do something, or leaves it to the merchant's answers.
func (a *App) setAbility(c *fiber.Ctx) error {
	form := readForm(c)
	merchant, kind, setting := form.text("merchant"), form.text("kind"), form.text("setting")
	if form.err != nil {
		return form.err
	}
	err := a.service.SetAbility(c.UserContext(), resale.StaffActor(who(c)), merchant, resale.RequestKind(kind), resale.AbilitySetting(setting))
	if err != nil {
		return err
	}
	return seeOther(c, "/catalogue#"+url.PathEscape(views.MerchantAnchor(merchant)))
}
