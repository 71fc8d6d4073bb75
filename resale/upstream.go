package resale

import (
	"context"
	"time"
)

// Upstream is Bango as the domain sees it. A call makes exactly one attempt and always returns: not knowing is an [Answer] too.
type Upstream interface {
	// Create asks for an entitlement. Calls with the same request identifier create it once.
	Create(ctx context.Context, requestID string, o Order) Answer
	// Refresh asks for a fresh registration URL of an entitlement that is PENDING; o is what its create asked for.
	Refresh(ctx context.Context, requestID, bangoID string, o Order) Answer
	// Act asks for something to be done with an entitlement: suspend, resume, cancel, undo or revoke. Calls with the same request
	// identifier do it once.
	Act(ctx context.Context, requestID string, kind RequestKind, bangoID string, reason Reason) Answer
	// Update asks for other terms of an entitlement; notificationURL is empty where that stays.
	Update(ctx context.Context, requestID, bangoID string, t Terms, notificationURL string) Answer
	// Read asks for the record of one entitlement; its Fact comes FromRecord.
	Read(ctx context.Context, bangoID string) Answer
	// Find asks for all records of a customer and product, or of all products where productKey is empty. facts is complete only where the
	// verdict is VerdictDone.
	Find(ctx context.Context, customerIdentifier, productKey string) (facts []Fact, a Answer)
	// Echo asks for nothing but an answer.
	Echo(ctx context.Context) Answer
	// Eligible asks which products a customer may have; the answer's verdict is VerdictNotSent where the account has no such list.
	Eligible(ctx context.Context, customerIdentifier string) (productKeys []string, a Answer)
}

// Order is what a create asks for, in Bango's terms.
type Order struct {
	CustomerIdentifier string
	MerchantKey        string
	ProductKey         string
	OfferKey           string // empty for none
	NotificationURL    string
	EntitlementID      string // chosen by us, empty where Bango makes one
	Terms              Terms  // expiry, name and custom data
}

// Verdict is what one attempt showed about the request.
type Verdict string

const (
	VerdictUnknown       Verdict = ""              // no answer, or none that says what happened: it may have been executed
	VerdictDone          Verdict = "done"          // executed; Fact tells the record
	VerdictAction        Verdict = "action"        // executed; the end user has to do something, see Action
	VerdictRefused       Verdict = "refused"       // Bango said no for good
	VerdictTaken         Verdict = "taken"         // Bango said no because the customer has as many as may be of this merchant
	VerdictAbsent        Verdict = "absent"        // Bango has no such record
	VerdictExists        Verdict = "exists"        // Bango says that it is there already
	VerdictNotSent       Verdict = "not sent"      // provably not executed: nothing left this machine
	VerdictThrottled     Verdict = "throttled"     // provably not executed; too much at once, for everybody
	VerdictUnavailable   Verdict = "unavailable"   // provably not executed; Bango is in maintenance
	VerdictUnauthorized  Verdict = "unauthorized"  // provably not executed; credentials or our address are not accepted
	VerdictMisconfigured Verdict = "misconfigured" // provably not executed; the address is not that of the API
	VerdictMismatch      Verdict = "wrong record"  // the answer speaks of another entitlement; a person decides
)

// Answer is all that one attempt brought.
type Answer struct {
	Verdict       Verdict
	Fact          Fact          // for VerdictDone and VerdictAction
	Action        string        // Bango's word for what has to be done, as it came; NavigateToURL is the documented one
	ActionURL     string        // not yet trusted
	ActionExpires time.Time     // until when the merchant takes ActionURL; zero where nobody said
	Message       string        // what happened, in a sentence; Bango's own words where it gave some
	RetryAfter    time.Duration // not before that; 0 where Bango gave none
	unsafe        error         // why ActionURL must not be followed, nil where it may
	Evidence      Evidence      // ID and RequestID are left to the caller

	NotAvailable bool // of VerdictRefused: the merchant does not do such a thing
	Untrusted    bool // of VerdictNotSent: whoever answered could not prove to be Bango
}

// NavigateToURL is the one action that is documented: the end user must open ActionURL. src: resale/entitlements/create
const NavigateToURL = "NAVIGATE_TO_URL"
