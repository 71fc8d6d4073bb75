package handlers

import (
	"context"
	"slices"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// What the first page shows of each list at most.
const (
	homeAttention = 10 // of each status
	homeManual    = 20
	homeParked    = 5
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
	if page.Manual, err = a.toDecide(ctx); err != nil {
		return err
	}
	page.Attention = slices.DeleteFunc(page.Attention, func(r resale.EntitlementRow) bool { // it is there with what is to decide
		return slices.ContainsFunc(page.Manual, func(d views.Decision) bool { return d.Ref == r.Ref })
	})
	if page.Parked, err = a.store.ParkedNotifications(ctx, homeParked+1); err != nil {
		return err
	}
	if page.MoreParked = len(page.Parked) > homeParked; page.MoreParked {
		page.Parked = page.Parked[:homeParked]
	}
	if page.Drift, err = a.store.DriftCount(ctx); err != nil {
		return err
	}
	if page.Person.Role.AtLeast(resale.Admin) {
		if page.ToPoint, err = a.service.ToPoint(ctx); err != nil {
			return err
		}
	}
	if page.Recent, err = a.store.ListEntitlements(ctx, resale.EntitlementFilter{Limit: homeRecent}); err != nil {
		return err
	}
	return a.show(c, views.Home(page))
}

// toDecide are the requests of which a person has to decide what comes, oldest first. One after which something else was asked of Bango
// is decided.
func (a *App) toDecide(ctx context.Context) ([]views.Decision, error) {
	manual, err := a.store.ManualRequests(ctx, homeManual)
	if err != nil {
		return nil, err
	}
	var decisions []views.Decision
	for _, r := range manual {
		requests, err := a.store.RequestsOf(ctx, r.EntitlementID, maxRequests)
		if err != nil {
			return nil, err
		}
		later := slices.IndexFunc(requests, func(o resale.Request) bool { return o.ID == r.ID })
		if later > 0 && (r.Kind == resale.KindCheck || slices.ContainsFunc(requests[:later], func(o resale.Request) bool { return o.Kind != resale.KindCheck })) {
			continue
		}
		e, err := a.store.Entitlement(ctx, r.EntitlementID)
		if err != nil {
			return nil, err
		}
		decisions = append(decisions, views.Decision{Request: r, Ref: e.Ref})
	}
	slices.Reverse(decisions)
	return decisions, nil
}
