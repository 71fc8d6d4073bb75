package sandbox

import (
	"crypto/sha256"
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
	Status            int    // HTTP status of the answer; 0 where a fault left none
	Fault             string // name of the fault that struck it; empty for none
	At                time.Time
}

// Calls returns the newest 1,000 calls of the API, the oldest first. A call is there before its answer arrives.
func (s *Sandbox) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls.all()
}

// api serves a generation of the API, below a base path. That of generation 2 and its paths are not published: they are those of
// generation 1, and after their form.
func (s *Sandbox) api(base string, generation int) http.Handler {
	mux := http.NewServeMux()
	handle := func(method, path string, execute func(caller, *http.Request) answer) {
		mux.HandleFunc(strings.TrimSpace(method+" "+base+path), func(w http.ResponseWriter, r *http.Request) {
			var a answer
			who, refusal := s.admit(r, w.Header())
			operation := func(r *http.Request) answer { return execute(caller{who, generation}, r) }
			if refusal == nil {
				if s.strike(w, r, operation) {
					return
				}
				a = operation(r)
			} else {
				a = *refusal
			}
			s.record(r, a.status, "")
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(a.status)
			_, _ = w.Write(a.body) // a caller who left before the answer is known by its next request
		})
	}
	handle("GET", "/echo/{id}", s.echo)
	handle("POST", "/entitlement", s.once(s.create))
	handle("PATCH", "/entitlement", s.once(s.update))
	handle("POST", "/entitlement/cancel/{id}", s.once(s.ending(cancel)))
	handle("POST", "/entitlement/revoke/{id}", s.once(s.ending(revoke)))
	handle("GET", "/entitlement/{id}", s.read)
	handle("POST", "/entitlement/report", s.report)
	handle("GET", "/products/{resellerIdentifier}", s.eligible)
	if generation == 2 {
		handle("POST", "/entitlement/suspend/{id}", s.once(s.suspension(suspend)))
		handle("POST", "/entitlement/resume/{id}", s.once(s.suspension(resume)))
		handle("GET", "/entitlement/activationInfo/{id}", s.activationInfo)
	}
	handle("", "/", func(_ caller, r *http.Request) answer {
		// Not NOT_FOUND: a client may take that for an entitlement that does not exist.
		return badRequest(messageInvalid + fmt.Sprintf("The sandbox has no operation %s %.200s", r.Method, r.URL.Path))
	})
	return mux
}

func (s *Sandbox) record(r *http.Request, status int, fault string) {
	c := Call{Method: r.Method, Path: clip(r.URL.Path), RequestIdentifier: clip(requestIdentifier(r)), Status: status, Fault: fault, At: s.Now()}
	s.log.Debug("call", "method", c.Method, "path", c.Path, "request", c.RequestIdentifier, "status", c.Status, "fault", c.Fault)
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
func (s *Sandbox) echo(_ caller, r *http.Request) answer {
	return answer{http.StatusOK, toJSON(echoReply{envelope{codeOK, messageSuccess}, r.PathValue("id")})}
}

// requestKey is whose request identifier it is.
type requestKey struct {
	owner *account
	id    string // X-RequestIdentifier
}

// remembered is the first answer to a request identifier.
type remembered struct {
	digest [sha256.Size]byte // of the request: method, path and body
	answer answer
}

// write is an operation that changes something: what it does with the body of a request. The caller holds the lock.
type write func(c caller, r *http.Request, raw []byte, requestID string) answer

// once carries out a write, once for each request identifier: what comes while the first is under way waits for it.
func (s *Sandbox) once(execute write) func(caller, *http.Request) answer {
	return func(c caller, r *http.Request) answer {
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
			return execute(c, r, raw, "")
		}
		key := requestKey{c.account, id}
		first, known := s.requests.values[key]
		switch {
		case known && first.digest != digest:
			return badRequest(messageInvalid + "X-RequestIdentifier parameter is invalid: it came before with another request")
		case known:
			return first.answer
		}
		a := execute(c, r, raw, id)
		s.requests.add(key, remembered{digest, a})
		return a
	}
}

// create makes an entitlement, or a new registration URL for one that waits for its end user. The caller holds the lock.
func (s *Sandbox) create(c caller, r *http.Request, raw []byte, requestID string) answer {
	request, problem := parseCreate(raw)
	if problem != "" {
		return badRequest(problem)
	}
	merchant := s.merchant(request.merchantAccountKey)
	if merchant == nil || merchant.generation() != c.generation {
		return badRequest(messageInvalid + "merchantAccountKey parameter is invalid")
	}
	product := merchant.product(request.productKey)
	if product == nil {
		return badRequest(messageInvalid + "productKey parameter is invalid")
	}
	if !product.has(request.offerKey) {
		return badRequest(messageInvalid + "offerKey parameter is invalid")
	}
	how, refusal := forced(c, r, merchant.Behaviour)
	if refusal != nil {
		return *refusal
	}
	if live := s.liveOf(c.account, request.customerIdentifier, merchant.Key); live != nil {
		if live.status != statusPending || live.before != nil || live.first != request {
			return badRequest(messageMaximum) // not ALREADY_EXISTS. src: resale/faq
		}
		live.addRequest(requestID)
		return s.actionRequired(live, s.newLink(live)) // src: resale/faq/create-duplicate-pending
	}
	if s.byID[request.entitlementID] != nil {
		return refuse(http.StatusConflict, codeAlreadyExists, "An entitlement with this entitlementId already exists")
	}
	if how == Refuses {
		// The HTTP status of NOT_AVAILABLE is not published. A 400 is what nobody takes for a success; Bango's Payment API would say 202.
		return refuse(http.StatusBadRequest, codeNotAvailable, merchant.Name+" does not take new customers at the moment")
	}
	if len(s.entitlements) >= maxEntitlements {
		return refuse(http.StatusBadRequest, codeNotAvailable,
			fmt.Sprintf("The sandbox holds %d entitlements and takes no more; start it anew to empty it", maxEntitlements))
	}
	e := s.add(c.account, request, product)
	e.addRequest(requestID)
	switch how {
	case Instant:
		s.change(e, statusActive)
		return done(e)
	case waits:
		return answer{http.StatusCreated, toJSON(entitlementReply{envelope{codeOK, messageSuccess}, nil, e.record()})}
	}
	return s.actionRequired(e, s.newLink(e))
}

// done is the reply 200 OK. src: resale/entitlements/read
func done(e *entitlement) answer {
	return answer{http.StatusOK, toJSON(entitlementReply{envelope{codeOK, messageSuccess}, nil, e.record()})}
}

// actionRequired is the reply that sends the end user to the merchant. src: resale/entitlements/create
func (s *Sandbox) actionRequired(e *entitlement, l *link) answer {
	reply := entitlementReply{envelope{codeActionRequired, messageAction}, s.navigate(l), e.record()}
	return answer{http.StatusAccepted, toJSON(reply)}
}

// navigate says where the end user is to go. Generation 1 does not say until when. src: resale/entitlements/create; Gen 2 ?p=2171
func (s *Sandbox) navigate(l *link) *parameters {
	p := &parameters{Action: actionNavigate, URL: s.url(l)}
	if s.merchant(l.entitlement.request.merchantAccountKey).generation() == 2 {
		p.URLExpiry = wireDate(l.expires)
	}
	return p
}

// read answers with one record. src: resale/entitlements/read
func (s *Sandbox) read(c caller, r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(c, r.PathValue("id"))
	if e == nil {
		return notFound()
	}
	return done(e)
}

func notFound() answer {
	return refuse(http.StatusNotFound, codeNotFound, "There is no such entitlement")
}

// report answers with all records of a customer that match. src: resale/entitlements/report
func (s *Sandbox) report(c caller, r *http.Request) answer {
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
	for _, e := range s.byCustomer[customer{c.account, filter.customerIdentifier}] {
		if s.find(c, e.id) != nil && (filter.productKey == "" || filter.productKey == e.request.productKey) &&
			(filter.status == "" || filter.status == e.status) {
			records = append(records, e.record())
		}
	}
	return answer{http.StatusOK, toJSON(reportReply{envelope{codeOK, messageSuccess}, records})}
}
