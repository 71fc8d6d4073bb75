package sandbox

import (
	"fmt"
	"net/http"
	"time"
)

// operation is a change that the reseller asks for.
type operation string

const (
	suspend operation = "suspend"
	resume  operation = "resume"
	cancel  operation = "cancel" // the soft ending
	revoke  operation = "revoke" // the hard ending
)

const (
	endsAfter = 30 * 24 * time.Hour    // how long an entitlement of a merchant that EndsLater is ACTIVE-ENDING
	dueEvery  = 500 * time.Millisecond // between two looks for those whose end has come
)

// update suspends or resumes; the id is in the body. src: resale/entitlements/update
func (s *Sandbox) update(_ *http.Request, raw []byte, requestID string) answer {
	u, problem := parseUpdate(raw)
	if problem != "" {
		return badRequest(problem)
	}
	return s.ask(u.entitlementID, u.operation, nil, requestID)
}

// ending is a cancel or a revoke. src: resale/entitlements/cancel, resale/entitlements/revoke
func (s *Sandbox) ending(o operation) write {
	return func(r *http.Request, raw []byte, requestID string) answer {
		properties, problem := parseEnding(raw)
		if problem != "" {
			return badRequest(problem)
		}
		return s.ask(r.PathValue("id"), o, properties, requestID)
	}
}

// ask carries out a change, at once or as long after as the merchant takes. The caller holds the lock.
func (s *Sandbox) ask(id string, o operation, properties properties, requestID string) answer {
	e := s.byID[id]
	if e == nil {
		return notFound()
	}
	merchant := s.merchant(e.request.merchantAccountKey)
	to, refusal := e.after(o, merchant)
	if refusal != nil {
		return *refusal
	}
	e.addRequest(requestID)
	carryOut := func() {
		if properties != nil {
			e.extension = withProperties(e.extension, properties)
		}
		s.change(e, to)
	}
	switch {
	case to == e.status:
	case merchant.Async > 0:
		s.later(merchant.Async, func() {
			to, refusal = e.after(o, merchant) // it may have changed meanwhile
			if refusal != nil || to == e.status {
				s.log.Warn("a queued change is dropped: nothing is left for it to do", "entitlement", e.id, "operation", o, "status", e.status)
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

// after returns the status that a change leads to, the same where nothing is left to do, or why it is not possible. Transitions:
// resale/entitlements; which refusal is answered with what is not published.
func (e *entitlement) after(o operation, m *Merchant) (to string, refusal *answer) {
	no := func(status int, code, message string) (string, *answer) {
		a := refuse(status, code, message)
		return "", &a
	}
	switch {
	case (o == suspend || o == resume) && m.NoSuspend:
		return no(http.StatusBadRequest, codeNotAvailable, m.Name+" can neither suspend nor resume")
	case o == suspend && (e.status == statusActive || e.status == statusSuspended):
		return statusSuspended, nil
	case o == resume && (e.status == statusSuspended || e.status == statusActive):
		return statusActive, nil
	case o == suspend:
		return no(http.StatusBadRequest, codeBadRequest, messageInvalid+"The entitlement is "+e.status+"; only one that is ACTIVE can be suspended")
	case o == resume:
		return no(http.StatusBadRequest, codeBadRequest, messageInvalid+"The entitlement is "+e.status+"; only one that is SUSPENDED can be resumed")
	case !e.live():
		return no(http.StatusConflict, codeBadRequest, messageInvalid+"The entitlement has already ended: it is "+e.status)
	case o == revoke:
		return statusRevoked, nil
	case e.status == statusActiveEnding:
		return no(http.StatusConflict, codeBadRequest, messageInvalid+"The entitlement is already cancelled, and ends at "+*wireDate(e.ended))
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

// later does something after a while, under the lock; never, where the sandbox is closed before. The caller holds the lock.
func (s *Sandbox) later(wait time.Duration, do func()) {
	if s.stop.Err() != nil {
		return
	}
	s.running.Go(func() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-s.stop.Done():
			return
		case <-timer.C:
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.stop.Err() == nil {
			do()
		}
	})
}

// change moves an entitlement to another status and tells the reseller. The caller holds the lock.
func (s *Sandbox) change(e *entitlement, to string) {
	from := e.status
	e.status, e.updated = to, s.now()
	var reason string
	switch {
	case to == statusActive && from == statusSuspended:
		e.resumed, reason = e.updated, reasonResumed
	case to == statusActive:
		e.activated, reason = e.updated, reasonActivated
	case to == statusSuspended:
		e.suspended, reason = e.updated, reasonSuspended
	case to == statusActiveEnding:
		e.ended, reason = e.updated.Add(endsAfter), reasonEnding
	case to == statusCancelled && from == statusActiveEnding:
		reason = reasonTerminated // the end that was announced: its date stays
	case to == statusCancelled, to == statusRevoked:
		e.ended, reason = e.updated, reasonTerminated
	default:
		panic(fmt.Sprintf("sandbox: nothing leads from %s to %s", from, to))
	}
	s.notify(e, reason)
}

// endDue carries out the announced ends whose date has come, until the sandbox is closed.
func (s *Sandbox) endDue() {
	ticker := time.NewTicker(dueEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop.Done():
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		for _, e := range s.entitlements {
			if e.status == statusActiveEnding && !s.now().Before(e.ended) {
				s.change(e, statusCancelled)
			}
		}
		s.mu.Unlock()
	}
}
