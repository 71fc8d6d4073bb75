package handlers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"

	"latchkey/db"
	"latchkey/db/dbtest"
	"latchkey/resale"
)

// portal is a whole portal on a real socket and a real database, with staff of every role, a catalogue and a customer.
type portal struct {
	t        *testing.T
	app      *App
	address  string // http://127.0.0.1:…
	file     string // the database
	store    *switchStore
	service  *resale.Service
	hub      *resale.Hub
	log      *logBuffer
	staff    map[resale.Role]resale.Staff
	products []resale.Product
	customer resale.Customer
}

// with changes the portal before it serves.
type with struct {
	config   func(*Config)
	app      func(*App)
	upstream resale.Upstream // asked by a sender; nil: there is none
	asked    resale.Upstream // asked while a person waits; nil: there is none
	emails   bool            // a mail server is configured
}

func openPortal(t *testing.T, w with) *portal {
	t.Helper()
	ctx := t.Context()
	p := &portal{t: t, log: &logBuffer{}, hub: resale.NewHub(), staff: map[resale.Role]resale.Staff{}, file: dbtest.SQLite(t)}
	log := slog.New(slog.NewTextHandler(p.log, nil))
	store, err := db.Open(ctx, p.file, p.hub.Publish, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	p.store = &switchStore{Store: store}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = "http://" + listener.Addr().String()
	p.service = resale.NewService(resale.ServiceConfig{Store: p.store, Hub: p.hub, Upstream: w.asked, PublicURL: p.address, Log: log,
		Links: resale.LinkRules{AllowLoopback: true}, Emails: w.emails})
	config := Config{Service: p.service, Store: p.store, Hub: p.hub, PublicURL: p.address, SessionKey: bytes.Repeat([]byte{7}, 32),
		InstanceKey: bytes.Repeat([]byte{9}, 32),
		Log:         log, Ready: p.store.Ping}
	if w.config != nil {
		w.config(&config)
	}
	p.app = New(config)
	if w.app != nil {
		w.app(p.app)
	}
	p.fill()

	served := make(chan error, 1)
	go func() { served <- p.app.Listener(listener) }()
	t.Cleanup(func() {
		ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		if err := p.app.Shutdown(ending); err != nil {
			t.Errorf("shut down: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	if w.upstream != nil {
		sending, stop := context.WithCancel(ctx)
		sent := make(chan struct{})
		sender := resale.NewSender(p.service, w.upstream, 2, time.Second)
		go func() { sender.Run(sending); close(sent) }()
		t.Cleanup(func() { stop(); <-sent })
	}
	return p
}

const password = "correct horse battery canary"

func (p *portal) fill() {
	p.t.Helper()
	ctx := p.t.Context()
	// A hash says how much work it took; a cheap one spares the tests most of their time.
	hash, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		p.t.Fatal(err)
	}
	for i, role := range resale.Roles {
		person := resale.Staff{ID: "00000000-0000-7000-8000-00000000000" + string(rune('1'+i)), Email: string(role) + "@staff.example",
			Role: role, PasswordHash: hash, Created: time.Now().UTC()}
		if err := p.store.Write(ctx, func(ctx context.Context, tx resale.Tx) error { return tx.InsertStaff(ctx, person) }); err != nil {
			p.t.Fatal(err)
		}
		p.staff[role] = person
	}
	_, err = p.service.ImportCatalogue(ctx, strings.NewReader("merchantAccountKey,merchantName,productKey,productName,offerKey,offerName\n"+
		"BANGO,Bango Music,BangoMusic,Bango Music Premium,trial,Three months free\nBANGO,Bango Music,BangoMusicTogether,Bango Music Together,,\n"))
	if err != nil {
		p.t.Fatal(err)
	}
	if p.products, err = p.store.Products(ctx); err != nil || len(p.products) != 2 {
		p.t.Fatalf("%d products, %v", len(p.products), err)
	}
	p.customer = p.addCustomer(resale.Customer{Identifier: "user-1", Name: "Zoë Ångström", Email: "zoe@example.com", Phone: "+44 20 7946 0000"})
}

func (p *portal) addCustomer(c resale.Customer) resale.Customer {
	p.t.Helper()
	added, err := p.service.AddCustomer(p.t.Context(), resale.StaffActor(p.staff[resale.Agent]), c)
	if err != nil {
		p.t.Fatal(err)
	}
	return added
}

// addEntitlement stores an entitlement that nobody has asked Bango for yet, unless the portal has a sender.
func (p *portal) addEntitlement() resale.Entitlement {
	p.t.Helper()
	e, err := p.service.CreateEntitlement(p.t.Context(), resale.StaffActor(p.staff[resale.Agent]), resale.NewEntitlement{
		CustomerID: p.customer.ID, ProductID: p.products[0].ID, FormToken: resale.NewFormToken(), Anyway: true})
	if err != nil {
		p.t.Fatal(err)
	}
	return e
}

// change changes an entitlement in the store, as an answer of Bango would.
func (p *portal) change(e resale.Entitlement, f func(*resale.Entitlement)) resale.Entitlement {
	p.t.Helper()
	err := p.store.Write(p.t.Context(), func(ctx context.Context, tx resale.Tx) error {
		before, err := tx.LockEntitlement(ctx, e.ID)
		if err != nil {
			return err
		}
		e = before
		f(&e)
		e.Updated = time.Now().UTC().Truncate(time.Microsecond)
		tx.Announce(resale.Change{Topics: []string{resale.TopicEntitlement(e.ID), resale.TopicCustomer(e.CustomerID), resale.TopicEntitlements},
			Refs: []string{e.Ref}})
		return tx.UpdateEntitlement(ctx, before, e)
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return e
}

// settled adds an entitlement of which Bango has spoken: it has that status, and nothing asked about it is open.
func (p *portal) settled(status resale.Status) resale.Entitlement {
	p.t.Helper()
	e := p.addEntitlement()
	p.answer(e, resale.Done, "")
	return p.change(e, func(e *resale.Entitlement) {
		e.Status, e.BangoStatus, e.BangoID = status, string(status), "b-"+e.ID
		if status == resale.Pending {
			e.RegistrationURL = "https://merchant.example/register"
		}
	})
}

// answer puts the newest request about an entitlement into a state.
func (p *portal) answer(e resale.Entitlement, state resale.RequestState, message string) {
	p.t.Helper()
	requests, err := p.store.RequestsOf(p.t.Context(), e.ID, 1)
	if err != nil || len(requests) != 1 {
		p.t.Fatalf("%d requests, %v", len(requests), err)
	}
	r := requests[0]
	r.State, r.Message, r.Attempts = state, message, 1
	if err := p.store.Write(p.t.Context(), func(ctx context.Context, tx resale.Tx) error { return tx.UpdateRequest(ctx, r) }); err != nil {
		p.t.Fatal(err)
	}
}

// addDrift stores an open difference and returns its id. What Bango says of it is that of a customer who is not known here, unless told.
func (p *portal) addDrift(d resale.Drift) string {
	p.t.Helper()
	d.ID, d.State, d.Found = uuid.Must(uuid.NewV7()).String(), resale.DriftOpen, time.Now().UTC().Truncate(time.Microsecond)
	if d.Fact == (resale.Fact{}) {
		d.Fact = resale.Fact{Source: resale.FromRecord, BangoID: d.Subject, Status: "ACTIVE", CustomerIdentifier: "user-9", MerchantKey: "BANGO", ProductKey: "BangoMusic"}
	}
	err := p.store.Write(p.t.Context(), func(ctx context.Context, tx resale.Tx) error {
		tx.Announce(resale.Change{Topics: []string{resale.TopicReconciliation}})
		return tx.SaveDrift(ctx, d)
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return d.ID
}

// addEvidence stores an attempt at the entitlement's newest request and returns its id.
func (p *portal) addEvidence(e resale.Entitlement, sent string) string {
	p.t.Helper()
	requests, err := p.store.RequestsOf(p.t.Context(), e.ID, 1)
	if err != nil || len(requests) != 1 {
		p.t.Fatalf("%d requests, %v", len(requests), err)
	}
	evidence := resale.Evidence{ID: uuid.Must(uuid.NewV7()).String(), RequestID: requests[0].ID, At: time.Now().UTC(), Method: "POST",
		Path: "/entitlement", Sent: sent, HTTPStatus: 200, Received: "{}", Duration: time.Millisecond}
	err = p.store.Write(p.t.Context(), func(ctx context.Context, tx resale.Tx) error { return tx.AddEvidence(ctx, evidence) })
	if err != nil {
		p.t.Fatal(err)
	}
	return evidence.ID
}

// disable takes the rights of the person of that role away.
func (p *portal) disable(role resale.Role) {
	p.t.Helper()
	person := p.staff[role]
	person.Disabled = true
	err := p.store.Write(p.t.Context(), func(ctx context.Context, tx resale.Tx) error { return tx.UpdateStaff(ctx, person) })
	if err != nil {
		p.t.Fatal(err)
	}
}

// state tells everything that a request may change, so that a test can say that it changed nothing.
func (p *portal) state(of ...resale.Entitlement) string {
	p.t.Helper()
	ctx := p.t.Context()
	var s strings.Builder
	customers, err := p.store.CustomerCount(ctx)
	counts, countsErr := p.store.StatusCounts(ctx)
	rows, rowsErr := p.store.ListEntitlements(ctx, resale.EntitlementFilter{Limit: 100})
	inbox, inboxErr := p.store.Notifications(ctx, 100)
	drift, driftErr := p.store.OpenDrift(ctx, "", 100)
	abilities, abilitiesErr := p.store.Abilities(ctx)
	attention, attentionErr := p.store.ListAttention(ctx, resale.AttentionFilter{State: resale.AttentionOpen, Limit: 100})
	bulk, bulkErr := p.store.BulkJobs(ctx, 0, 1000)
	var jobs []resale.Job
	for _, name := range []resale.JobName{resale.JobReconcile, resale.JobRepoint, resale.JobTake, resale.JobImport} {
		job, err := p.store.Job(ctx, name)
		if err != nil {
			p.t.Fatal(err)
		}
		jobs = append(jobs, job)
	}
	if err := errors.Join(err, countsErr, rowsErr, inboxErr, driftErr, abilitiesErr, attentionErr, bulkErr); err != nil {
		p.t.Fatal(err)
	}
	write := func(args ...any) { slog.New(slog.NewTextHandler(&s, nil)).Info("", args...) }
	write("customers", customers, "counts", counts, "rows", rows, "inbox", inbox, "drift", drift, "abilities", abilities, "attention", attention, "jobs", jobs, "bulk", bulk)
	for _, e := range of {
		requests, err := p.store.RequestsOf(ctx, e.ID, 100)
		events, eventsErr := p.store.Events(ctx, e.ID, 100)
		if err := errors.Join(err, eventsErr); err != nil {
			p.t.Fatal(err)
		}
		write("requests", requests, "events", events)
	}
	out := s.String()
	var b strings.Builder // without the time that slog writes
	for line := range strings.Lines(out) {
		_, rest, _ := strings.Cut(line, " ")
		b.WriteString(rest)
	}
	return b.String()
}

// switchStore is the real store, whose writes can be made to fail, and so can the reading of the line.
type switchStore struct {
	resale.Store
	failure   atomic.Pointer[error]
	lineFault atomic.Pointer[error]
}

func (s *switchStore) Line(ctx context.Context) (resale.Line, error) {
	if fault := s.lineFault.Load(); fault != nil {
		return resale.Line{}, *fault
	}
	return s.Store.Line(ctx)
}

func (s *switchStore) Write(ctx context.Context, f func(context.Context, resale.Tx) error) error {
	if failure := s.failure.Load(); failure != nil {
		return *failure
	}
	return s.Store.Write(ctx, f)
}

// logBuffer is a log that many write to.
type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// browser is somebody at the portal, with a cookie where they are signed in.
type browser struct {
	p      *portal
	cookie *http.Cookie
}

// as returns the browser of somebody of that role who is signed in; with "" nobody is.
func (p *portal) as(role resale.Role) *browser {
	p.t.Helper()
	b := &browser{p: p}
	if role != "" {
		id, err := p.service.StartSession(p.t.Context(), p.staff[role])
		if err != nil {
			p.t.Fatal(err)
		}
		value, err := p.app.sessions.codec.Encode(p.app.sessions.cookie, []byte(id))
		if err != nil {
			p.t.Fatal(err)
		}
		b.cookie = &http.Cookie{Name: p.app.sessions.cookie, Value: value}
	}
	return b
}

// response is a response whose body was read.
type response struct {
	*http.Response
	body string
}

// noRedirects leaves redirects to the test.
var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// send sends a request; headers are names and values in turn.
func (b *browser) send(method, path, contentType, body string, headers ...string) response {
	b.p.t.Helper()
	r, err := http.NewRequestWithContext(b.p.t.Context(), method, b.p.address+path, strings.NewReader(body))
	if err != nil {
		b.p.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if b.cookie != nil {
		r.AddCookie(b.cookie)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	got, err := noRedirects.Do(r)
	if err != nil {
		b.p.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer got.Body.Close()
	content, err := io.ReadAll(got.Body)
	if err != nil {
		b.p.t.Fatalf("%s %s: %v", method, path, err)
	}
	return response{got, string(content)}
}

func (b *browser) get(path string, headers ...string) response {
	b.p.t.Helper()
	return b.send(http.MethodGet, path, "", "", headers...)
}

const formType = "application/x-www-form-urlencoded"

func (b *browser) post(path string, fields url.Values, headers ...string) response {
	b.p.t.Helper()
	return b.send(http.MethodPost, path, formType, fields.Encode(), headers...)
}

// must fails the test unless the response has the status.
func (r response) must(t *testing.T, status int) response {
	t.Helper()
	if r.StatusCode != status {
		t.Fatalf("%s %s: status %d, not %d: %.300s", r.Request.Method, r.Request.URL.Path, r.StatusCode, status, r.body)
	}
	return r
}

// leadsTo fails the test unless the response is a 303 to the address.
func (r response) leadsTo(t *testing.T, address string) response {
	t.Helper()
	r.must(t, http.StatusSeeOther)
	if got := r.Header.Get("Location"); got != address {
		t.Fatalf("%s %s leads to %q, not %q", r.Request.Method, r.Request.URL.Path, got, address)
	}
	return r
}

// page parses the body.
func (r response) page(t *testing.T) *goquery.Document {
	t.Helper()
	document, err := goquery.NewDocumentFromReader(strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// cookieOf returns the session cookie that the response sets, nil for none.
func (r response) cookieOf(p *portal) *http.Cookie {
	for _, c := range r.Cookies() {
		if c.Name == p.app.sessions.cookie {
			return c
		}
	}
	return nil
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("it did not happen in 10 s: %s", what)
		}
	}
}

// fakeBango answers creates by a rule and finds nothing else.
type fakeBango struct {
	create func(requestID string, o resale.Order) resale.Answer
}

func (f fakeBango) Create(_ context.Context, requestID string, o resale.Order) resale.Answer {
	return f.create(requestID, o)
}

func (f fakeBango) Act(_ context.Context, _ string, kind resale.RequestKind, bangoID string, _ resale.Reason) resale.Answer {
	return resale.Answer{Verdict: resale.VerdictRefused, Message: "Bango does not " + string(kind) + " " + bangoID + "."}
}

func (f fakeBango) Refresh(_ context.Context, requestID, _ string, o resale.Order) resale.Answer {
	return f.create(requestID, o)
}

func (f fakeBango) Update(_ context.Context, _, bangoID string, _ resale.Terms, _ string) resale.Answer {
	return resale.Answer{Verdict: resale.VerdictRefused, Message: "Bango does not change " + bangoID + "."}
}

func (f fakeBango) Echo(context.Context) resale.Answer {
	return resale.Answer{Verdict: resale.VerdictDone}
}

func (f fakeBango) Eligible(context.Context, string) ([]string, resale.Answer) {
	return nil, resale.Answer{Verdict: resale.VerdictNotSent}
}

func (f fakeBango) Read(context.Context, string) resale.Answer {
	return resale.Answer{Verdict: resale.VerdictAbsent, Message: "Bango has no record of it."}
}

func (f fakeBango) Find(context.Context, string, string) ([]resale.Fact, resale.Answer) {
	return nil, resale.Answer{Verdict: resale.VerdictDone}
}
