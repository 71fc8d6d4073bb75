package sandbox

import (
	"crypto/rand"
	"net/http"
)

// What generation 2 has and generation 1 has not. src: developer.bango.info

// magic is the header that chooses an answer of Bango's own sandbox. src: Gen 2 mock-response-headers
const magic = "X-Magic-Number"

const (
	magicRequired  = "CREATE_REQUEST_RETURNS_ACTIVATION_REQUIRED"
	magicCreated   = "CREATE_REQUEST_RETURNS_CREATED"
	magicActivated = "CREATE_REQUEST_RETURNS_ACTIVATED"
	magicURL       = "ACTIVATION_INFO_RETURNS_ACTIVATION_URL"
	magicCode      = "ACTIVATION_INFO_RETURNS_ACTIVATION_CODE"
)

// forced returns how a create is answered: as the header says, which generation 1 does not look at, or else as the merchant does it.
func forced(c caller, r *http.Request, otherwise Behaviour) (Behaviour, *answer) {
	if c.generation == 1 {
		return otherwise, nil
	}
	switch r.Header.Get(magic) {
	case "":
		return otherwise, nil
	case magicRequired:
		return Registers, nil
	case magicCreated:
		return waits, nil
	case magicActivated:
		return Instant, nil
	}
	a := badRequest(messageInvalid + magic + " parameter is invalid")
	return 0, &a
}

// activationInfo answers with the newest registration URL of what is PENDING, a fresh one where its time is over or there is none yet, or with
// an activation code. src: Gen 2 bango-music, ?p=2171, mock-response-headers
func (s *Sandbox) activationInfo(c caller, r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, wanted := s.find(c, r.PathValue("id")), r.Header.Get(magic)
	switch {
	case e == nil:
		return notFound()
	case wanted != "" && wanted != magicURL && wanted != magicCode:
		return badRequest(messageInvalid + magic + " parameter is invalid")
	case e.status != statusPending:
		return badRequest(messageInvalid + "The entitlement is " + e.status + "; only of one that is PENDING there is activation info")
	case wanted == magicCode:
		if e.code == "" {
			e.code = rand.Text()[:8]
		}
		return done(e)
	}
	if n := len(e.links); n == 0 || s.expired(e.links[n-1]) {
		s.newLink(e)
	}
	newest := e.links[len(e.links)-1]
	return answer{http.StatusOK, toJSON(entitlementReply{envelope{codeOK, messageSuccess}, s.navigate(newest), e.record()})}
}

// suspension is a suspend or a resume, which are operations of their own in generation 2. Their body is an empty object.
func (s *Sandbox) suspension(o operation) write {
	return func(c caller, r *http.Request, raw []byte, requestID string) answer {
		if _, problem := parseFields(raw); problem != "" {
			return badRequest(problem)
		}
		return s.ask(c, r.PathValue("id"), o, nil, requestID)
	}
}
