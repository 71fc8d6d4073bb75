package handlers

import (
	"context"
	"net/http"
	"strings"

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
	}
	f.Dismissed = resale.Dismissed(set)
	f.KeysOff = set[resale.PreferenceShortcuts] == resale.ShortcutsOff
	if zone, err := resale.TimeZone(set[resale.PreferenceTimeZone]); err == nil {
		f.Zone, f.Now = set[resale.PreferenceTimeZone], f.Now.In(zone)
	}
	if f.Needs, err = a.store.AttentionCounts(ctx); err != nil {
		a.log.Error("a page does not tell what needs attention", "err", err)
	}
}

// showMe is where a person sets what concerns them alone.
func (a *App) showMe(c *fiber.Ctx) error {
	page := views.MePage{Frame: a.frame(c), Kept: c.Query("kept") != ""}
	page.TimeZone, page.Shortcuts = page.Zone, !page.KeysOff
	return a.show(c, views.Me(page))
}

func (a *App) setMe(c *fiber.Ctx) error {
	form := readForm(c)
	zone, shortcuts := strings.TrimSpace(form.text("time_zone")), form.text("shortcuts") != ""
	if form.err != nil {
		return form.err
	}
	err := a.service.Personalise(c.UserContext(), resale.StaffActor(who(c)), zone, shortcuts)
	if fault := faultOf(err); fault != nil {
		page := views.MePage{Frame: a.frame(c), TimeZone: zone, Shortcuts: shortcuts, Fault: fault}
		return a.render(c, http.StatusUnprocessableEntity, views.Me(page))
	}
	if err != nil {
		return err
	}
	return seeOther(c, "/me?kept=1")
}
