package resale

import (
	"math/rand/v2"
	"slices"
	"time"
)

// RequestKind is what is asked of Bango.
type RequestKind string

const (
	KindCreate  RequestKind = "create"  // make the entitlement
	KindRefresh RequestKind = "refresh" // the same create again, under another identifier: gives a fresh registration URL
	KindSuspend RequestKind = "suspend" // take the access away for a while
	KindResume  RequestKind = "resume"  // give it back
	KindCancel  RequestKind = "cancel"  // end softly: the merchant decides whether at once or when the paid period ends
	KindUndo    RequestKind = "undo"    // take a cancel back before its end has come
	KindRevoke  RequestKind = "revoke"  // end at once
	KindUpdate  RequestKind = "update"  // change its terms: see [Terms]
	KindCheck   RequestKind = "check"   // read Bango's record back; changes nothing there
)

// NeedsReason reports whether Bango wants to know why.
func (k RequestKind) NeedsReason() bool { return k == KindCancel || k == KindRevoke }

// targets are the statuses that a change of an entitlement is to bring about; a fresh link brings about none.
var targets = map[RequestKind][]Status{
	KindSuspend: {Suspended},
	KindResume:  {Active},
	KindCancel:  {ActiveEnding, Cancelled, Revoked},
	KindUndo:    {Active},
	KindRevoke:  {Cancelled, Revoked},
}

// reached reports whether a status is what a request of this kind was to bring about.
func (k RequestKind) reached(s Status) bool { return slices.Contains(targets[k], s) }

// changes reports whether a request of this kind asks for a change to an entitlement that exists at Bango.
func (k RequestKind) changes() bool { return k != KindCreate && k != KindCheck }

// RequestState is what we know of the answer.
type RequestState string

const (
	Queued  RequestState = "queued"  // stored, nobody is sending it yet
	Sending RequestState = "sending" // leased to a sender until LeasedUntil
	Waiting RequestState = "waiting" // provably not executed; again at NotBefore
	Unsure  RequestState = "unknown" // may have been executed; settled from NotBefore on
	Done    RequestState = "done"    // Bango did it, or told us its record
	Denied  RequestState = "refused" // Bango said no
	Manual  RequestState = "manual"  // a person decides
)

// Open reports whether the sender still has work with a request in this state.
func (s RequestState) Open() bool {
	return s == Queued || s == Sending || s == Waiting || s == Unsure
}

// Request is one thing asked of Bango, committed before it is sent. ID is the X-RequestIdentifier: the same for every attempt,
// which is what makes another attempt safe.
type Request struct {
	ID            string // UUIDv7
	EntitlementID string
	Kind          RequestKind
	State         RequestState
	Actor         Actor  // who asked
	Reason        Reason // why; zero where the kind needs none
	Terms         Terms  // of a create or an update; zero for every other kind
	Attempts      int64
	NotBefore     time.Time // the next attempt is not made earlier
	LeasedUntil   time.Time // while Sending: when another sender may take it
	Message       string    // what came of the last attempt, for people
	Created       time.Time
	Updated       time.Time
}

// Unconfirmed reports whether Bango took the request although an entitlement in status s is not what it asked for: the merchant has yet to
// confirm, unless something else has happened since.
func (r Request) Unconfirmed(s Status) bool {
	return r.State == Done && !r.Withdrawn() && targets[r.Kind] != nil && !r.Kind.reached(s)
}

const (
	// GiveUpAfter is how long a request may stay open before a person decides; no attempt is made after it.
	GiveUpAfter = 24 * time.Hour

	// MaxWait is the longest that an open request is ever put off; one that is put off for longer is so because our clock was set back.
	MaxWait = 20 * time.Minute

	firstBackoff = time.Second
	maxBackoff   = 15 * time.Minute
)

// backoff returns how long to wait after the given number of attempts (1 and up): exponential from a second to a quarter of
// an hour, with full jitter so that many requests do not come back together.
func backoff(attempts int64) time.Duration {
	ceiling := maxBackoff
	if attempts < 11 { // 2^10 s is past the ceiling
		ceiling = min(firstBackoff<<(attempts-1), maxBackoff)
	}
	return rand.N(ceiling) + time.Millisecond
}

// fulfilled reports whether Bango's record shows what the request was to bring about.
func (r Request) fulfilled(f Fact) bool {
	if r.Kind == KindUpdate {
		return r.Terms.shownBy(f)
	}
	return r.Kind.reached(Status(f.Status))
}

// nextAttempt returns when to try again: after a backoff, and never before what Bango asked for by Retry-After, nor much later.
func nextAttempt(now time.Time, attempts int64, retryAfter time.Duration) time.Time {
	if retryAfter > 0 {
		retryAfter += rand.N(retryAfter/5 + 1)
	}
	return now.Add(max(backoff(attempts), retryAfter))
}
