package resale

import (
	"context"
	"slices"
	"time"
)

// startedWithin is how long after somebody asked for an entitlement another one at the same merchant is taken for a mistake.
const startedWithin = 2 * time.Minute

// Started returns the newest of a customer's entitlements at a merchant that somebody is at just now: Bango's word on it is not known yet, or it was
// asked for within two minutes. It reports false where nobody is.
func Started(entitlements []Entitlement, merchantKey string, now time.Time) (Entitlement, bool) {
	var newest Entitlement
	for _, e := range entitlements {
		open := e.Status == Requested || e.Status == Unknown
		if e.MerchantKey == merchantKey && e.Status.Live() && (open || now.Sub(e.Created) < startedWithin) && e.Created.After(newest.Created) {
			newest = e
		}
	}
	return newest, newest.ID != ""
}

// guard returns CodeConflict, of the field anyway, where somebody is at the same customer and merchant already. Two creates for them wait for each
// other until the transaction ends, so that the second one sees the first.
func (s *Service) guard(ctx context.Context, tx Tx, by Actor, e Entitlement) error {
	if err := tx.LockNamed(ctx, "create "+e.CustomerID+" "+e.MerchantKey); err != nil {
		return err
	}
	known, err := tx.EntitlementsOf(ctx, e.CustomerID, guardedAgainst)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(known, func(k Entitlement) bool { return k.FormToken == e.FormToken }) {
		return nil // the same form once more: it leads to what it made
	}
	other, found := Started(known, e.MerchantKey, s.now())
	if !found {
		return nil
	}
	who := other.CreatedBy
	if by.Name == who {
		who = "You"
	}
	return Conflict("anyway", "%s started %s for this customer just now, and it is %s. Look at that one first.", who, other.Ref, other.Status)
}

// guardedAgainst is how many of a customer's entitlements the guard looks at, the newest.
const guardedAgainst = 100
