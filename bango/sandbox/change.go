package sandbox

import (
	"fmt"
	"net/http"
	"time"
)

// operation is a change of status that the reseller, or the merchant, asks for.
type operation string

const (
	suspend operation = "suspend"
	resume  operation = "resume"
	undo    operation = "undo"   // of a cancel
	cancel  operation = "cancel" // the soft ending
	revoke  operation = "revoke" // the hard ending
)

const endsAfter = 30 * 24 * time.Hour // how long an entitlement of a merchant that EndsLater is ACTIVE-ENDING

// ending is a cancel or a revoke. src: resale/entitlements/cancel, resale/entitlements/revoke
func (s *Sandbox) ending(o operation) write {
	return func(c caller, r *http.Request, raw []byte, requestID string) answer {
		properties, problem := parseEnding(raw, c.generation)
		if problem != "" {
			return badRequest(problem)
		}
		return s.ask(c, r.PathValue("id"), o, properties, requestID)
	}
}

// ask carries out a change, at once or as long after as the merchant takes. The caller holds the lock.
func (s *Sandbox) ask(c caller, id string, o operation, properties properties, requestID string) answer {
	e := s.find(c, id)
	if e == nil {
		return notFound()
	}
	merchant := s.merchant(e.request.merchantAccountKey)
	to, no := e.after(o, merchant)
	if no != nil {
		return no.answer()
	}
	e.addRequest(requestID)
	carryOut := func() {
		if len(properties) > 0 {
			e.request.extensionData = withProperties(e.request.extensionData, properties)
		}
		s.change(e, to)
	}
	switch {
	case to == e.status:
	case merchant.Async > 0:
		s.later(merchant.Async, func() {
			if to, no = e.after(o, merchant); no != nil || to == e.status { // it may have changed meanwhile
				s.dropped(e, o)
				return
			}
			carryOut()
		})
		return accepted(e)
	default:
		carryOut()
	}
	return done(e)
}

func (s *Sandbox) dropped(e *entitlement, o operation) {
	s.log.Warn("a queued change is dropped: nothing is left for it to do", "entitlement", e.id, "operation", o, "status", e.status)
}

// refused is why a change is not possible.
type refused struct {
	status int    // HTTP
	code   string // responseCode
	why    string
}

func (r *refused) answer() answer {
	if r.code == codeBadRequest {
		return refuse(r.status, r.code, messageInvalid+r.why)
	}
	return refuse(r.status, r.code, r.why)
}

// after returns the status that a change leads to, the same where nothing is left to do, or why it is not possible. Transitions:
// resale/entitlements; which refusal is answered with what is not published.
func (e *entitlement) after(o operation, m *Merchant) (to string, no *refused) {
	is := "The entitlement is " + e.status
	switch {
	case (o == suspend || o == resume) && m.NoSuspend:
		return "", &refused{http.StatusBadRequest, codeNotAvailable, m.Name + " can neither suspend nor resume"}
	case o == suspend && (e.status == statusActive || e.status == statusSuspended):
		return statusSuspended, nil
	case o == resume && (e.status == statusSuspended || e.status == statusActive),
		o == undo && (e.status == statusActiveEnding || e.status == statusActive):
		return statusActive, nil
	case o == suspend:
		return "", &refused{http.StatusBadRequest, codeBadRequest, is + "; only one that is ACTIVE can be suspended"}
	case o == resume:
		return "", &refused{http.StatusBadRequest, codeBadRequest, is + "; only one that is SUSPENDED can be resumed"}
	case o == undo:
		return "", &refused{http.StatusBadRequest, codeBadRequest, is + "; only of one that is ACTIVE-ENDING the cancel can be undone"}
	case !e.live():
		return "", &refused{http.StatusConflict, codeBadRequest, "The entitlement has already ended: it is " + e.status}
	case o == revoke:
		return statusRevoked, nil
	case e.status == statusActiveEnding:
		return "", &refused{http.StatusConflict, codeBadRequest, "The entitlement is already cancelled, and ends at " + *wireDate(e.ended)}
	case e.status == statusActive && m.EndsLater:
		return statusActiveEnding, nil
	}
	return statusCancelled, nil
}

// live reports whether it has not ended. src: resale/entitlements
func (e *entitlement) live() bool {
	return e.status != statusCancelled && e.status != statusRevoked && e.status != statusFailed
}

// accepted is the reply 202 OK: the record as it still is. src: resale/entitlements/resume; the responseCode is inferred
func accepted(e *entitlement) answer {
	return answer{http.StatusAccepted, toJSON(entitlementReply{envelope{codeOK, messageAccepted}, nil, e.record()})}
}

// change moves an entitlement to another status and tells the reseller. The caller holds the lock.
func (s *Sandbox) change(e *entitlement, to string) {
	from := e.status
	e.status, e.updated, e.declined = to, s.now(), false
	var reason string
	switch {
	case to == statusActive && from == statusSuspended:
		e.resumed, reason = e.updated, reasonResumed
	case to == statusActive && from == statusActiveEnding:
		e.ended, reason = time.Time{}, reasonMetadata
	case to == statusActive && e.before != nil: // the end user agreed to the update
		e.before, reason = nil, reasonProduct
	case to == statusActive:
		e.activated, reason = e.updated, reasonActivated
	case to == statusSuspended:
		e.suspended, reason = e.updated, reasonSuspended
	case to == statusActiveEnding:
		e.ended, reason = e.updated.Add(endsAfter), reasonEnding
	case to == statusCancelled && from == statusActiveEnding && !e.ended.IsZero():
		reason = reasonTerminated // the end that was announced: its date stays
	case to == statusCancelled, to == statusRevoked:
		e.ended, reason = e.updated, reasonTerminated
	default:
		panic(fmt.Sprintf("sandbox: nothing leads from %s to %s", from, to))
	}
	s.notify(e, reason)
}
