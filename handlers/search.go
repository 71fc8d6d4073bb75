package handlers

import (
	"context"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// maxHits is how many customers a search shows.
const maxHits = 50

// search is the one box: what is meant by a ref, an id or a whole identifier is opened at once, and so is a single find.
func (a *App) search(c *fiber.Ctx) error {
	q, err := query(c, "q")
	if err != nil {
		return err
	}
	if q == "" {
		return seeOther(c, "/")
	}
	address, err := a.meant(c.UserContext(), q)
	if err != nil {
		return err
	}
	if address != "" {
		return seeOther(c, address)
	}
	found, err := a.findCustomers(c.UserContext(), q)
	if err != nil {
		return err
	}
	if len(found) == 1 {
		return seeOther(c, "/customers/"+found[0].ID)
	}
	page := views.SearchPage{Frame: a.frame(c), Customers: found}
	page.Query = q
	return a.show(c, views.Search(page))
}

// meant returns the address of the one thing that q names, and "" where it names none.
func (a *App) meant(ctx context.Context, q string) (address string, err error) {
	var e resale.Entitlement
	if ref, ok := resale.ParseRef(q); ok {
		e, err = a.store.EntitlementByRef(ctx, ref)
		if resale.CodeOf(err) != resale.CodeNotFound {
			return "/entitlements/" + e.Ref, err
		}
	}
	customer, err := a.store.CustomerByIdentifier(ctx, q)
	if resale.CodeOf(err) != resale.CodeNotFound {
		return "/customers/" + customer.ID, err
	}
	e, err = a.store.EntitlementByBangoID(ctx, q)
	if resale.CodeOf(err) != resale.CodeNotFound {
		return "/entitlements/" + e.Ref, err
	}
	if !isID(q) {
		return "", nil
	}
	r, err := a.store.Request(ctx, strings.ToLower(q))
	if err == nil {
		e, err = a.store.Entitlement(ctx, r.EntitlementID)
	}
	if resale.CodeOf(err) != resale.CodeNotFound {
		return "/entitlements/" + e.Ref, err
	}
	return "", nil
}

// findCustomers looks for q and, where q may be a phone number, for its digits too: stored as +44 20 7946 0000, it is found by
// 020 7946 0000 and 0044 20 7946 0000.
func (a *App) findCustomers(ctx context.Context, q string) ([]resale.Customer, error) {
	found, err := a.store.SearchCustomers(ctx, resale.Fold(q), maxHits)
	if err != nil {
		return nil, err
	}
	number := phoneDigits(q)
	if len(number) < 3 || number == q {
		return found, nil
	}
	more, err := a.store.SearchCustomers(ctx, number, maxHits)
	if err != nil {
		return nil, err
	}
	for _, m := range more {
		if !slices.ContainsFunc(found, func(f resale.Customer) bool { return f.ID == m.ID }) && len(found) < maxHits {
			found = append(found, m)
		}
	}
	return found, nil
}

// phoneDigits returns the digits of a phone number without its leading zeros, which stand for a country or for none; "" for other text.
func phoneDigits(q string) string {
	var digits strings.Builder
	for _, r := range q {
		switch {
		case r >= '0' && r <= '9':
			digits.WriteRune(r)
		case !strings.ContainsRune("+ ()-./", r):
			return ""
		}
	}
	return strings.TrimLeft(digits.String(), "0")
}
