package handlers

import (
	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// What the first page shows of each list at most.
const (
	homeAttention = 8
	homeRecent    = 8
)

func (a *App) home(c *fiber.Ctx) error {
	ctx := c.UserContext()
	page := views.HomePage{Frame: a.frame(c)}
	var err error
	if page.Counts, err = a.store.StatusCounts(ctx); err != nil {
		return err
	}
	if page.Oldest, err = a.store.OldestByStatus(ctx); err != nil {
		return err
	}
	if page.Customers, err = a.store.CustomerCount(ctx); err != nil {
		return err
	}
	if page.Attention, err = a.store.ListAttention(ctx, resale.AttentionFilter{State: resale.AttentionOpen, Limit: homeAttention}); err != nil {
		return err
	}
	if page.Drift, err = a.driftOf(ctx, page.Attention); err != nil {
		return err
	}
	if page.Person.Role.AtLeast(resale.Admin) {
		if page.ToPoint, err = a.service.ToPoint(ctx); err != nil {
			return err
		}
	}
	if page.Plots, err = resale.ReadDays(ctx, a.store, "", page.Now); err != nil {
		return err
	}
	if page.Recent, err = a.store.ListEntitlements(ctx, resale.EntitlementFilter{Limit: homeRecent}); err != nil {
		return err
	}
	return a.show(c, views.Home(page))
}
