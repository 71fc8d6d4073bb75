package handlers

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// personal makes a frame what the person has set for themselves. A page can be drawn without.
func (a *App) personal(c *fiber.Ctx, f *views.Frame) {
	ctx, cancel := context.WithTimeout(c.UserContext(), lineTime)
	defer cancel()
	set, err := a.store.Preferences(ctx, f.Person.ID)
	if err != nil {
		a.log.Error("a page is drawn without what the person has set", "err", err)
		return
	}
	f.Dismissed = resale.Dismissed(set)
	f.KeysOff = set[resale.PreferShortcuts] == resale.ShortcutsOff
	if zone, err := resale.TimeZone(set[resale.PreferTimeZone]); err == nil {
		f.Zone, f.Now = set[resale.PreferTimeZone], f.Now.In(zone)
	}
}
