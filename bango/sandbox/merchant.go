package sandbox

import (
	"errors"
	"fmt"
)

// MerchantAction is what a merchant, or Bango, does to an entitlement by itself.
type MerchantAction string

const (
	MerchantCancel  MerchantAction = "cancel"  // the soft ending, as if the reseller had asked for it
	MerchantRevoke  MerchantAction = "revoke"  // the hard ending: REVOKED
	MerchantDecline MerchantAction = "decline" // turns down what is PENDING, as an end user who declines
	MerchantSuspend MerchantAction = "suspend"
	MerchantResume  MerchantAction = "resume"
	MerchantProduct MerchantAction = "product" // another product
	MerchantFail    MerchantAction = "fail"    // FAILED: Bango cannot reach the merchant. src: resale/entitlements
	MerchantRecover MerchantAction = "recover" // from FAILED back to the status before
)

var merchantActions = []MerchantAction{MerchantCancel, MerchantRevoke, MerchantDecline, MerchantSuspend, MerchantResume, MerchantProduct,
	MerchantFail, MerchantRecover}

// MerchantChange is a change that the reseller did not ask for, and hears of by a notification.
type MerchantChange struct {
	Action     MerchantAction
	ProductKey string // of MerchantProduct
}

// MerchantChange changes an entitlement as its merchant does by itself: at once, whatever time the merchant takes otherwise. The error
// says why that is not possible; nothing is done then.
func (s *Sandbox) MerchantChange(id string, c MerchantChange) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[id]
	if e == nil {
		return fmt.Errorf("sandbox: there is no entitlement %.60q", id)
	}
	carryOut, err := s.merchantChange(e, c)
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	carryOut()
	return nil
}

// merchantChange returns what carries out a change, or why it is not possible. The caller holds the lock, then as well.
func (s *Sandbox) merchantChange(e *entitlement, c MerchantChange) (carryOut func(), err error) {
	merchant := s.merchant(e.request.merchantAccountKey)
	impossible := fmt.Errorf("the entitlement is %s, so there is no %s", e.status, c.Action)
	switch c.Action {
	case MerchantCancel, MerchantRevoke, MerchantSuspend, MerchantResume:
		to, no := e.after(operation(c.Action), merchant)
		switch {
		case no != nil:
			return nil, errors.New(no.why)
		case to == e.status:
			return nil, impossible
		}
		return func() { s.change(e, to) }, nil
	case MerchantDecline:
		if e.status != statusPending {
			return nil, impossible
		}
		return func() { s.choose(e, Decline) }, nil
	case MerchantProduct:
		next, no := s.altered(e, updateRequest{edits: []func(*createRequest){func(r *createRequest) { r.productKey = c.ProductKey }}}, merchant)
		switch {
		case no != nil:
			return nil, errors.New(no.why)
		case e.before != nil:
			return nil, errors.New("the end user has still to agree to another change")
		case next == e.request:
			return nil, errors.New("it is that product already")
		}
		return func() { s.apply(e, next, true) }, nil
	case MerchantFail:
		if !e.live() {
			return nil, impossible
		}
		return func() { e.failedFrom = e.status; s.tell(e, statusFailed) }, nil
	case MerchantRecover:
		switch live := s.liveOf(e.owner, e.request.customerIdentifier, merchant.Key); {
		case e.status != statusFailed:
			return nil, impossible
		case live != nil:
			return nil, fmt.Errorf("the customer has another one there meanwhile, %.60q", live.id)
		}
		return func() { s.tell(e, e.failedFrom) }, nil
	}
	return nil, fmt.Errorf("%.40q is nothing that a merchant does; there are %v", string(c.Action), merchantActions)
}

// tell moves an entitlement to or from FAILED, of which there is no reason value. The caller holds the lock.
func (s *Sandbox) tell(e *entitlement, status string) {
	e.status, e.updated = status, s.now()
	s.notify(e, reasonMetadata)
}
