package sandbox

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// Call is one call of the API, as it was answered.
type Call struct {
	Method            string
	Path              string // at most 500 bytes of it
	RequestIdentifier string // X-RequestIdentifier, at most 500 bytes of it; empty for none
	Status            int    // HTTP status of the answer
	At                time.Time
}

// Calls returns the newest 1,000 calls of the API, the oldest first. A call is there before its answer arrives.
func (s *Sandbox) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls.all()
}

// api serves what is below /v1.
func (s *Sandbox) api() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, operation func(*http.Request) answer) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			var a answer
			if s.authorised(r) {
				a = operation(r)
			} else {
				a = refuse(http.StatusUnauthorized, codeUnauthorized, "The user name or the password is not valid") // src: platform/connectivity/basic-auth
				w.Header().Set("WWW-Authenticate", `Basic realm="Bango Resale API sandbox"`)
			}
			s.record(r, a.status)
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(a.status)
			_, _ = w.Write(a.body) // a caller who left before the answer is known by its next request
		})
	}
	handle("GET /v1/echo/{id}", s.echo)
	handle("POST /v1/entitlement", s.once(s.create))
	handle("PATCH /v1/entitlement", s.once(s.update))
	handle("POST /v1/entitlement/cancel/{id}", s.once(s.ending(cancel)))
	handle("POST /v1/entitlement/revoke/{id}", s.once(s.ending(revoke)))
	handle("GET /v1/entitlement/{id}", s.read)
	handle("POST /v1/entitlement/report", s.report)
	handle("/v1/", func(r *http.Request) answer {
		// Not NOT_FOUND: a client may take that for an entitlement that does not exist.
		return badRequest(messageInvalid + fmt.Sprintf("The sandbox has no operation %s %.200s", r.Method, r.URL.Path))
	})
	return mux
}

// authorised compares digests, which takes as long whatever is wrong.
func (s *Sandbox) authorised(r *http.Request) bool {
	username, password, _ := r.BasicAuth()
	equal := func(a, b string) int {
		x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
		return subtle.ConstantTimeCompare(x[:], y[:])
	}
	return equal(username, s.config.Username)&equal(password, s.config.Password) == 1
}

func (s *Sandbox) record(r *http.Request, status int) {
	c := Call{Method: r.Method, Path: clip(r.URL.Path), RequestIdentifier: clip(requestIdentifier(r)), Status: status, At: s.config.Now()}
	s.log.Debug("call", "method", c.Method, "path", c.Path, "request", c.RequestIdentifier, "status", c.Status)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.callCount++
	s.calls.add(s.callCount, c)
}

func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxText)], "") }

func requestIdentifier(r *http.Request) string { return r.Header.Get("X-RequestIdentifier") } // src: resale/api-ref/entitlement/post

// readBody returns the body of a request, or the refusal of one.
func readBody(r *http.Request) ([]byte, *answer) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	var refusal answer
	switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); {
	case err != nil:
		refusal = badRequest(messageInvalid + "The body did not arrive whole")
	case len(raw) > maxBody:
		refusal = refuse(http.StatusRequestEntityTooLarge, codeBadRequest, messageInvalid+fmt.Sprintf("The body is longer than %d bytes", maxBody))
	case kind != "application/json":
		refusal = badRequest(messageInvalid + "The Content-Type is not application/json")
	default:
		return raw, nil
	}
	return nil, &refusal
}

// echo answers with the id of the path. src: resale/testing
func (s *Sandbox) echo(r *http.Request) answer {
	return answer{http.StatusOK, toJSON(echoReply{envelope{codeOK, messageSuccess}, r.PathValue("id")})}
}

// remembered is the first answer to a request identifier.
type remembered struct {
	digest [sha256.Size]byte // of the request: method, path and body
	answer answer
}

// write is an operation that changes something: what it does with the body of a request. The caller holds the lock.
type write func(r *http.Request, raw []byte, requestID string) answer

// once carries out a write, once for each request identifier: what comes while the first is under way waits for it.
func (s *Sandbox) once(execute write) func(*http.Request) answer {
	return func(r *http.Request) answer {
		raw, refusal := readBody(r)
		if refusal != nil {
			return *refusal
		}
		id, digest := requestIdentifier(r), sha256.Sum256(fmt.Appendf(nil, "%s %s\n%s", r.Method, r.URL.EscapedPath(), raw))
		if len(id) > maxText {
			return badRequest(messageInvalid + "X-RequestIdentifier parameter is invalid")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if id == "" {
			return execute(r, raw, "")
		}
		first, known := s.requests.values[id]
		switch {
		case known && first.digest != digest:
			return badRequest(messageInvalid + "X-RequestIdentifier parameter is invalid: it came before with another request")
		case known:
			return first.answer
		}
		a := execute(r, raw, id)
		s.requests.add(id, remembered{digest, a})
		return a
	}
}

// create makes an entitlement, or a new registration URL for one that waits for its end user. The caller holds the lock.
func (s *Sandbox) create(_ *http.Request, raw []byte, requestID string) answer {
	c, problem := parseCreate(raw)
	if problem != "" {
		return badRequest(problem)
	}
	merchant := s.merchant(c.merchantAccountKey)
	if merchant == nil {
		return badRequest(messageInvalid + "merchantAccountKey parameter is invalid")
	}
	product := merchant.product(c.productKey)
	if product == nil {
		return badRequest(messageInvalid + "productKey parameter is invalid")
	}
	if !product.has(c.offerKey) {
		return badRequest(messageInvalid + "offerKey parameter is invalid")
	}
	if live := s.liveOf(c.customerIdentifier, merchant.Key); live != nil {
		if live.status != statusPending || live.request != c {
			return badRequest(messageMaximum) // not ALREADY_EXISTS. src: resale/faq
		}
		live.addRequest(requestID)
		return actionRequired(live, s.newRegistrationURL(live)) // src: resale/faq/create-duplicate-pending
	}
	if s.byID[c.entitlementID] != nil {
		return refuse(http.StatusConflict, codeAlreadyExists, "An entitlement with this entitlementId already exists")
	}
	if merchant.Behaviour == Refuses {
		// The HTTP status of NOT_AVAILABLE is not published. A 400 is what nobody takes for a success; Bango's Payment API would say 202.
		return refuse(http.StatusBadRequest, codeNotAvailable, merchant.Name+" does not take new customers at the moment")
	}
	if len(s.entitlements) >= maxEntitlements {
		return refuse(http.StatusBadRequest, codeNotAvailable,
			fmt.Sprintf("The sandbox holds %d entitlements and takes no more; start it anew to empty it", maxEntitlements))
	}
	e := s.add(c, product)
	e.addRequest(requestID)
	if merchant.Behaviour == Instant {
		s.change(e, statusActive)
		return done(e)
	}
	return actionRequired(e, s.newRegistrationURL(e))
}

// done is the reply 200 OK. src: resale/entitlements/read
func done(e *entitlement) answer {
	return answer{http.StatusOK, toJSON(entitlementReply{envelope{codeOK, messageSuccess}, nil, e.record()})}
}

// actionRequired is the reply that sends the end user to the merchant. src: resale/entitlements/create
func actionRequired(e *entitlement, url string) answer {
	reply := entitlementReply{envelope{codeActionRequired, messageAction}, &parameters{actionNavigate, url}, e.record()}
	return answer{http.StatusAccepted, toJSON(reply)}
}

// read answers with one record. src: resale/entitlements/read
func (s *Sandbox) read(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[r.PathValue("id")]
	if e == nil {
		return notFound()
	}
	return done(e)
}

func notFound() answer {
	return refuse(http.StatusNotFound, codeNotFound, "There is no such entitlement")
}

// report answers with all records of a customer that match. src: resale/entitlements/report
func (s *Sandbox) report(r *http.Request) answer {
	raw, refusal := readBody(r)
	if refusal != nil {
		return *refusal
	}
	filter, problem := parseReport(raw)
	if problem != "" {
		return badRequest(problem)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	records := []record{}
	for _, e := range s.byCustomer[filter.customerIdentifier] {
		if (filter.productKey == "" || filter.productKey == e.request.productKey) && (filter.status == "" || filter.status == e.status) {
			records = append(records, e.record())
		}
	}
	return answer{http.StatusOK, toJSON(reportReply{envelope{codeOK, messageSuccess}, records})}
}
