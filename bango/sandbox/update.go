package sandbox

import (
	"net/http"
	"slices"
)

// update changes what an entitlement is, or suspends, resumes or undoes a cancel; the id is in the body. src: resale/entitlements/update
func (s *Sandbox) update(c caller, _ *http.Request, raw []byte, requestID string) answer {
	u, problem := parseUpdate(raw, c.generation)
	if problem != "" {
		return badRequest(problem)
	}
	e := s.find(c, u.entitlementID)
	switch {
	case e == nil:
		return notFound()
	case u.operation == resume && e.status == statusActiveEnding: // NORMAL undoes a cancel as it does a suspension
		return s.ask(c, e.id, undo, nil, requestID)
	case u.operation != "":
		return s.ask(c, e.id, u.operation, nil, requestID)
	}
	return s.alter(e, u, requestID)
}

// alter carries out an update of what an entitlement is: at once, as long after as the merchant takes, or once the end user agrees. The
// caller holds the lock.
func (s *Sandbox) alter(e *entitlement, u updateRequest, requestID string) answer {
	merchant := s.merchant(e.request.merchantAccountKey)
	next, no := s.altered(e, u, merchant)
	if no != nil {
		return no.answer()
	}
	e.addRequest(requestID)
	forMerchant := next
	forMerchant.notificationURL = e.request.notificationURL // it never reaches the merchant. src: Gen 2 mock-response-headers
	switch {
	case next == e.request && e.before != nil: // the end user has still to agree to it
		return s.actionRequired(e, s.newLink(e))
	case next == e.request:
	case merchant.UpdateNeedsUser && next.productKey != e.request.productKey:
		if e.status == statusActive { // otherwise it waits already
			e.status, e.declined, e.before = statusPending, false, &purchase{e.request.productKey, e.request.offerKey, e.request.entitlementDisplayName}
		}
		s.apply(e, next, false)
		return s.actionRequired(e, s.newLink(e))
	case merchant.Async > 0 && forMerchant != e.request:
		s.later(merchant.Async, func() {
			if next, no = s.altered(e, u, merchant); no != nil || next == e.request { // it may have changed meanwhile
				s.dropped(e, "update")
				return
			}
			s.apply(e, next, true)
		})
		return accepted(e)
	default:
		s.apply(e, next, true)
	}
	return done(e)
}

// purchase is what a merchant supplies.
type purchase struct{ productKey, offerKey, name string }

// altered returns what an update makes of an entitlement, or why it is not possible.
func (s *Sandbox) altered(e *entitlement, u updateRequest, m *Merchant) (next createRequest, no *refused) {
	next = e.request
	for _, edit := range u.edits {
		edit(&next)
	}
	was, product := m.product(e.request.productKey), m.product(next.productKey)
	bad := func(why string) (createRequest, *refused) {
		return next, &refused{http.StatusBadRequest, codeBadRequest, why}
	}
	switch {
	case !e.live():
		return bad("The entitlement is " + e.status + "; only one that has not ended can be updated")
	case product == nil:
		return bad("productKey parameter is invalid")
	case product != was && m.UpdateNeedsUser && e.status != statusActive && e.status != statusPending:
		return bad("The entitlement is " + e.status + "; the end user can agree to another product only while it is ACTIVE")
	case product != was && !u.offer && !product.has(next.offerKey):
		next.offerKey = "" // it was one of the former product
	}
	switch next.entitlementDisplayName {
	case "", was.Name:
		next.entitlementDisplayName = product.Name
	}
	switch {
	case !product.has(next.offerKey):
		return bad("offerKey parameter is invalid")
	case next.customerIdentifier != e.request.customerIdentifier && s.liveOf(e.owner, next.customerIdentifier, m.Key) != nil:
		return bad("Maximum number of subscriptions for user reached")
	}
	return next, nil
}

// apply makes an entitlement what an update wants it to be, and tells the reseller what changed, at the new address where there is one.
// The caller holds the lock.
func (s *Sandbox) apply(e *entitlement, next createRequest, tellProduct bool) {
	was := e.request
	e.request, e.updated = next, s.now()
	if was.customerIdentifier != next.customerIdentifier {
		s.byCustomer[customer{e.owner, was.customerIdentifier}] = slices.DeleteFunc(s.byCustomer[customer{e.owner, was.customerIdentifier}],
			func(other *entitlement) bool { return other == e })
		s.index(e)
	}
	if was.productKey != next.productKey {
		if tellProduct {
			s.notify(e, reasonProduct)
		}
		was.productKey, was.offerKey, was.entitlementDisplayName = next.productKey, next.offerKey, next.entitlementDisplayName
	}
	if was != next {
		s.notify(e, reasonMetadata)
	}
}
