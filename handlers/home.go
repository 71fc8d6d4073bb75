package handlers

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// What the first page shows of each list at most.
const (
	homeAttention = 10 // of each status
	homeParked    = 5  // among the newest homeInbox notifications
	homeInbox     = 50
	homeRecent    = 8
)

func (a *App) home(c *fiber.Ctx) error {
	ctx := c.UserContext()
	page := views.HomePage{Frame: a.frame(c)}
	var err error
	if page.Counts, err = a.store.StatusCounts(ctx); err != nil {
		return err
	}
	if page.Customers, err = a.store.CustomerCount(ctx); err != nil {
		return err
	}
	for _, s := range []resale.Status{resale.Unknown, resale.Failed} {
		rows, err := a.store.ListEntitlements(ctx, resale.EntitlementFilter{Status: s, Limit: homeAttention})
		if err != nil {
			return err
		}
		page.Attention = append(page.Attention, rows...)
	}
	slices.SortFunc(page.Attention, func(x, y resale.EntitlementRow) int { return x.Updated.Compare(y.Updated) })
	inbox, err := a.store.Notifications(ctx, homeInbox)
	if err != nil {
		return err
	}
	for _, n := range inbox {
		if n.State == resale.NotificationParked && len(page.Parked) < homeParked {
			page.Parked = append(page.Parked, n)
		}
	}
	if page.Recent, err = a.store.ListEntitlements(ctx, resale.EntitlementFilter{Limit: homeRecent}); err != nil {
		return err
	}
	return a.show(c, views.Home(page))
}
