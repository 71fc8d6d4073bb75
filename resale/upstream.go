package resale

import (
	"context"
	"time"
)

// Upstream is Bango as the domain sees it. A call makes exactly one attempt and always returns: not knowing is an [Answer] too.
type Upstream interface {
	// Create asks for an entitlement. Calls with the same request identifier create it once.
	Create(ctx context.Context, requestID string, o Order) Answer
	// Act asks for something to be done with an entitlement: suspend, resume, cancel or revoke. Calls with the same request identifier do it once.
	Act(ctx context.Context, requestID string, kind RequestKind, bangoID string, reason Reason) Answer
	// Read asks for the record of one entitlement; its Fact comes FromRecord.
	Read(ctx context.Context, bangoID string) Answer
	// Find asks for all records of a customer and product. facts is complete only where the verdict is VerdictDone.
	Find(ctx context.Context, customerIdentifier, productKey string) (facts []Fact, a Answer)
}

// Order is what a create asks for, in Bango's terms.
type Order struct {
	CustomerIdentifier string
	MerchantKey        string
	ProductKey         string
	OfferKey           string // empty for none
	NotificationURL    string
}

// Verdict is what one attempt showed about the request.
type Verdict string

const (
	VerdictUnknown       Verdict = ""              // no answer, or none that says what happened: it may have been executed
	VerdictDone          Verdict = "done"          // executed; Fact tells the record
	VerdictAction        Verdict = "action"        // executed; the end user has to do something, see Action
	VerdictRefused       Verdict = "refused"       // Bango said no for good
	VerdictAbsent        Verdict = "absent"        // Bango has no such record
	VerdictExists        Verdict = "exists"        // Bango says that it is there already
	VerdictNotNow        Verdict = "not now"       // provably not executed; the same may go through later
	VerdictUnauthorized  Verdict = "unauthorized"  // provably not executed; credentials or our address are not accepted
	VerdictMisconfigured Verdict = "misconfigured" // provably not executed; the address is not that of the API
	VerdictMismatch      Verdict = "wrong record"  // the answer speaks of another entitlement; a person decides
)

// Answer is all that one attempt brought.
type Answer struct {
	Verdict    Verdict
	Fact       Fact          // for VerdictDone and VerdictAction
	Action     string        // Bango's word for what has to be done, as it came; NavigateToURL is the documented one
	ActionURL  string        // not yet trusted
	Message    string        // what happened, in a sentence; Bango's own words where it gave some
	RetryAfter time.Duration // not before that; 0 where Bango gave none
	Evidence   Evidence      // ID and RequestID are left to the caller
}

// NavigateToURL is the one action that is documented: the end user must open ActionURL. src: resale/entitlements/create
const NavigateToURL = "NAVIGATE_TO_URL"
