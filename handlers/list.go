package handlers

import (
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

const pageSize = 50 // lines of a list

func (a *App) listEntitlements(c *fiber.Ctx) error {
	ctx := c.UserContext()
	status, err := query(c, "status")
	if err != nil {
		return err
	}
	if _, known := resale.ParseStatus(status); status != "" && !known {
		return resale.Invalid("status", "%q is not a status.", status)
	}
	after, err := parsePosition(c.Query("after"))
	if err != nil {
		return err
	}
	page := views.EntitlementsPage{Frame: a.frame(c), Status: resale.Status(status), First: after == nil}
	// One more than is shown tells whether there is a next page.
	page.Rows, err = a.store.ListEntitlements(ctx, resale.EntitlementFilter{Status: page.Status, After: after, Limit: pageSize + 1})
	if err != nil {
		return err
	}
	if len(page.Rows) > pageSize {
		page.Rows = page.Rows[:pageSize]
		page.Next = formatPosition(page.Rows[pageSize-1].Entitlement)
	}
	if page.Counts, err = a.store.StatusCounts(ctx); err != nil {
		return err
	}
	return a.show(c, views.Entitlements(page))
}

// formatPosition writes where a page of the list ends, for the address of the next: microseconds and id.
func formatPosition(e resale.Entitlement) string {
	return strconv.FormatInt(e.Updated.UnixMicro(), 10) + "-" + e.ID
}

// parsePosition reads what formatPosition wrote; nil for "".
func parsePosition(s string) (*resale.ListPosition, error) {
	if s == "" {
		return nil, nil
	}
	micros, id, _ := strings.Cut(s, "-")
	n, err := strconv.ParseInt(micros, 10, 64)
	if err != nil || n <= 0 || !isID(id) {
		return nil, resale.Invalid("after", "No page of the list has this address. Start at its first page.")
	}
	return &resale.ListPosition{Updated: time.UnixMicro(n).UTC(), ID: id}, nil
}
