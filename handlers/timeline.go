package handlers

import (
	"slices"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// timelineLines is how many lines of a timeline a page shows at a time.
const timelineLines = 25

// history reads the part of a timeline that the address asks for: ?by= an actor's kind, ?before= the last line of the page before. f says whose.
func (a *App) history(c *fiber.Ctx, f resale.EventFilter) (views.History, error) {
	by, err := query(c, "by")
	if err != nil {
		return views.History{}, err
	}
	h := views.History{By: resale.ActorKind(by), Before: c.Query("before")}
	if by != "" && !slices.Contains(resale.ActorKinds, h.By) {
		return h, resale.Invalid("by", "%.40q is no filter of a timeline. Choose staff, customer, bango or automatic.", by)
	}
	if h.Before != "" && !isID(h.Before) {
		return h, resale.Invalid("before", "No page of a timeline has this address. Start at its newest lines.")
	}
	f.By, f.Before, f.Limit = h.By, h.Before, timelineLines+1 // one more than is shown tells whether there is a next page
	if h.Events, err = a.store.Timeline(c.UserContext(), f); err != nil {
		return h, err
	}
	if len(h.Events) > timelineLines {
		h.Events = h.Events[:timelineLines]
		h.Next = h.Events[timelineLines-1].ID
	}
	return h, nil
}

// latest are the newest lines of an entitlement's timeline, whatever part of it the page shows.
func (a *App) latest(c *fiber.Ctx, e resale.Entitlement, h views.History) ([]resale.Event, error) {
	if h.By == "" && h.Before == "" {
		return h.Events, nil
	}
	return a.store.Timeline(c.UserContext(), resale.EventFilter{EntitlementID: e.ID, Limit: timelineLines})
}
