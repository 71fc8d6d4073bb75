package resale_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"latchkey/bango"
	"latchkey/bango/sandbox"
	"latchkey/db"
	"latchkey/resale"
)

const (
	theUser, thePassword = "reseller", "correct-horse"

	merchantURL = "https://music.example" // where the sandbox's registration URLs lead
	portalURL   = "https://127.0.0.1:1"   // nobody listens there: the sandbox's notifications never arrive, so only requests settle anything
)

// rig is a portal of the real pieces without its pages: a store, the service, the sender, and the client, which asks the sandbox through a
// proxy. The portal and the sandbox share a clock that only the test turns; the network keeps its own time.
type rig struct {
	testing.TB
	*ground
	ctx      context.Context
	service  *resale.Service
	sender   *resale.Sender
	sandbox  *sandbox.Sandbox
	proxy    *proxy
	pool     *http.Transport // the client's
	dial     atomic.Pointer[func(context.Context, string, string) (net.Conn, error)]
	received atomic.Int64              // bytes that the client read
	dialled  atomic.Int64              // faults, where a test counts them
	trusted  *tls.Config               // the proxy's, where there is no fault
	products map[string]resale.Product // by key
	made     []resale.Entitlement
	given    int // entitlements that the test made at Bango by itself
}

// ground is what the rigs of one row share, since a database takes longer to make than most of them take to run: each leaves nothing open.
type ground struct {
	store     *db.Store
	hub       *resale.Hub
	clock     *clock // never goes back
	customers int
}

// newGround opens a database for rigs.
func newGround(t testing.TB, database string) *ground {
	t.Helper()
	hub := resale.NewHub()
	store, err := db.Open(t.Context(), database, hub.Publish, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return &ground{store: store, hub: hub, clock: &clock{at: noon}}
}

// setUp is what a variant wants to have otherwise.
type setUp struct {
	timeout  time.Duration // of one call; 0 is long enough for any machine
	secured  bool          // https
	hosts    []string      // LinkRules.Hosts
	upstream func(resale.Upstream) resale.Upstream
}

// short is the time-out of calls that are meant to run into it. It stands for the 10 seconds of a real one.
const short = 250 * time.Millisecond

func newRig(t testing.TB, g *ground, s setUp) *rig {
	t.Helper()
	r := &rig{TB: t, ctx: t.Context(), ground: g, products: map[string]resale.Product{}}
	var err error
	r.sandbox, err = sandbox.New(sandbox.Config{Username: theUser, Password: thePassword, PublicURL: merchantURL, Now: r.clock.now, RetryFirst: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.sandbox.Close)
	r.proxy = newProxy(t, r.sandbox)
	base := "http://" + r.proxy.address() + "/v1"
	r.pool = &http.Transport{TLSHandshakeTimeout: s.timeout, MaxResponseHeaderBytes: 64 << 10, MaxIdleConnsPerHost: 16}
	if s.secured {
		good := certificate(t, "127.0.0.1", time.Now().Add(time.Hour))
		r.trusted = &tls.Config{Certificates: []tls.Certificate{good}}
		r.secures(r.trusted)
		roots := x509.NewCertPool()
		roots.AddCert(good.Leaf)
		r.pool.TLSClientConfig = &tls.Config{RootCAs: roots}
		base = "https://" + r.proxy.address() + "/v1"
	}
	r.pool.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dial := new(net.Dialer).DialContext
		if other := r.dial.Load(); other != nil {
			dial = *other
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return counted{conn, &r.received}, nil
	}
	t.Cleanup(r.pool.CloseIdleConnections)
	client, err := bango.New(bango.Config{BaseURL: base, Username: theUser, Password: thePassword, Timeout: s.timeout, Transport: r.pool})
	if err != nil {
		t.Fatal(err)
	}
	upstream := resale.NewUpstream(client, 1)
	if s.upstream != nil {
		upstream = s.upstream(upstream)
	}
	r.service = resale.NewService(resale.ServiceConfig{Store: r.store, Hub: r.hub, PublicURL: portalURL, Log: slog.New(slog.DiscardHandler), Now: r.clock.now,
		Links: resale.LinkRules{Hosts: s.hosts}})
	r.sender = resale.NewSender(r.service, upstream, 1, 10*time.Second)
	const catalogue = "merchantAccountKey,merchantName,productKey,productName,offerKey,offerName\n" +
		"BANGO,Bango,BangoMusic,Bango Music,,\nCLOUDPANTRY,Cloudpantry,Cloudpantry200,Cloudpantry 200 GB,,\n" +
		"CLOUDPANTRY,Cloudpantry,Cloudpantry1000,Cloudpantry 1 TB,,\nSALTMARSH,The Saltmarsh Courier,CourierDaily,Courier Daily,,\n" +
		"BANGO,Bango,Withdrawn,A product that Bango does not know,,\n"
	if _, err := r.service.ImportCatalogue(r.ctx, strings.NewReader(catalogue)); err != nil {
		t.Fatal(err)
	}
	products, err := r.store.Products(r.ctx)
	if err != nil || len(products) != 5 {
		t.Fatalf("%v, %v", products, err)
	}
	for _, p := range products {
		r.products[p.Key] = p
	}
	return r
}

// counted counts what is read from a connection.
type counted struct {
	net.Conn
	read *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// breaks puts a fault before every request from now on. Connections that are open are not used again.
func (r *rig) breaks(f fault) {
	r.pool.CloseIdleConnections()
	r.proxy.mu.Lock()
	r.proxy.fault = f
	r.proxy.mu.Unlock()
}

// breaksConnections puts a fault before every new connection, of which nothing is read before.
func (r *rig) breaksConnections(accept func(net.Conn)) {
	r.pool.CloseIdleConnections()
	r.proxy.mu.Lock()
	r.proxy.accept = accept
	r.proxy.mu.Unlock()
}

// dials makes connections another way.
func (r *rig) dials(dial func(context.Context, string, string) (net.Conn, error)) {
	r.pool.CloseIdleConnections()
	r.dial.Store(&dial)
}

// lift takes every fault away.
func (r *rig) lift() {
	r.breaksConnections(nil)
	r.breaks(nil)
	r.dial.Store(nil)
	r.secures(r.trusted)
}

// secures lets Bango speak TLS from now on, or not for nil.
func (r *rig) secures(with *tls.Config) {
	r.pool.CloseIdleConnections()
	r.proxy.mu.Lock()
	r.proxy.tls = with
	r.proxy.mu.Unlock()
}

// create asks for a product for a new customer, without Bango having been asked.
func (r *rig) create(product string) resale.Entitlement {
	r.Helper()
	r.customers++
	c, err := r.service.AddCustomer(r.ctx, sofia, resale.Customer{Identifier: fmt.Sprintf("cust-%d", r.customers), Name: "Zoë"})
	if err != nil {
		r.Fatal(err)
	}
	return r.createFor(c.ID, product)
}

func (r *rig) createFor(customerID, product string) resale.Entitlement {
	r.Helper()
	e, err := r.service.CreateEntitlement(r.ctx, sofia, resale.NewEntitlement{CustomerID: customerID, ProductID: r.products[product].ID,
		FormToken: resale.NewFormToken(), Anyway: true})
	if err != nil {
		r.Fatal(err)
	}
	r.made = append(r.made, e)
	return e
}

// live returns an entitlement that is ACTIVE, of a merchant that changes things at once.
func (r *rig) live() resale.Entitlement {
	r.Helper()
	e := r.create("Cloudpantry200")
	r.settles(time.Hour) // more than one attempt, where a short time-out meets a busy machine
	e, _ = r.is(e, resale.KindCreate, resale.Done, resale.Active)
	return e
}

// ask asks for something to be done with an entitlement, or for a check.
func (r *rig) ask(e resale.Entitlement, kind resale.RequestKind) {
	r.Helper()
	var err error
	switch {
	case kind == resale.KindCheck:
		_, err = r.service.Check(r.ctx, sofia, e.Ref)
	case kind.NeedsReason():
		_, err = r.service.Act(r.ctx, sofia, e.Ref, kind, notRenewed)
	default:
		_, err = r.service.Act(r.ctx, sofia, e.Ref, kind, resale.Reason{})
	}
	if err != nil {
		r.Fatalf("%s: %v", kind, err)
	}
}

// line returns the line to Bango as it is stored.
func (r *rig) line() resale.Line {
	r.Helper()
	l, err := r.store.Line(r.ctx)
	if err != nil {
		r.Fatal(err)
	}
	return l
}

// tries makes one attempt, if one is due.
func (r *rig) tries() bool {
	r.Helper()
	ok, err := r.sender.Step(r.ctx)
	if err != nil {
		r.Fatal(err)
	}
	return ok
}

// step makes one attempt, which must be due.
func (r *rig) step() {
	r.Helper()
	if !r.tries() {
		r.Fatal("nothing is due")
	}
}

// again turns the clock on until something is due, and does it.
func (r *rig) again() {
	r.Helper()
	for range 2000 {
		if r.tries() {
			return
		}
		r.clock.turn(time.Second)
	}
	r.Fatal("nothing fell due within half an hour")
}

// settles makes attempts until no request is open, and fails where that takes longer than within.
func (r *rig) settles(within time.Duration) {
	r.Helper()
	pause := max(within/200, time.Second)
	for until := r.clock.now().Add(within); ; {
		switch {
		case r.tries():
		case !r.anyOpen():
			return
		case r.clock.now().After(until):
			r.Fatalf("not settled after %s: %s", within, r.story())
		default:
			r.clock.turn(pause)
		}
	}
}

// rests fails where anything is asked of Bango within a time, but for whether it is there.
func (r *rig) rests(within time.Duration) {
	r.Helper()
	before := r.business()
	for range 100 {
		r.tries()
		r.clock.turn(within / 100)
	}
	if n := r.business() - before; n != 0 {
		r.Errorf("%d more requests were sent: %s", n, r.story())
	}
}

// business returns how many requests came to the proxy, echoes left out.
func (r *rig) business() (n int) {
	for _, s := range r.proxy.requests() {
		if !strings.HasPrefix(s.path, "/v1/echo/") {
			n++
		}
	}
	return n
}

func (r *rig) anyOpen() bool {
	r.Helper()
	return slices.ContainsFunc(r.allRequests(), func(q resale.Request) bool { return q.State.Open() })
}

func (r *rig) allRequests() (all []resale.Request) {
	r.Helper()
	for _, e := range r.made {
		all = append(all, r.requestsOf(e)...)
	}
	return all
}

func (r *rig) requestsOf(e resale.Entitlement) []resale.Request {
	r.Helper()
	requests, err := r.store.RequestsOf(r.ctx, e.ID, 1000)
	if err != nil {
		r.Fatal(err)
	}
	return requests
}

func (r *rig) eventsOf(e resale.Entitlement) []resale.Event {
	r.Helper()
	events, err := r.store.Events(r.ctx, e.ID, 10_000)
	if err != nil {
		r.Fatal(err)
	}
	return events
}

// is checks the status of an entitlement and the state of its newest request of a kind, and returns both as they are stored.
func (r *rig) is(e resale.Entitlement, kind resale.RequestKind, state resale.RequestState, status resale.Status) (resale.Entitlement, resale.Request) {
	r.Helper()
	e, err := r.store.Entitlement(r.ctx, e.ID)
	if err != nil {
		r.Fatal(err)
	}
	requests := r.requestsOf(e)
	i := slices.IndexFunc(requests, func(q resale.Request) bool { return q.Kind == kind })
	if i < 0 {
		r.Fatalf("there is no request to %s", kind)
	}
	if q := requests[i]; q.State != state || e.Status != status {
		r.Errorf("the %s is %q and the entitlement %s; want %q and %s (%s)", kind, q.State, e.Status, state, status, q.Message)
	}
	return e, requests[i]
}

// says fails where a message lacks some words.
func (r *rig) says(message, words string) {
	r.Helper()
	if !strings.Contains(message, words) {
		r.Errorf("it says %q, without %q", message, words)
	}
}

// atBango returns what the sandbox holds of an entitlement's customer.
func (r *rig) atBango(e resale.Entitlement) (held []sandbox.Entitlement) {
	for _, h := range r.sandbox.Entitlements() {
		if h.CustomerIdentifier == e.CustomerIdentifier {
			held = append(held, h)
		}
	}
	return held
}

// evidence returns the newest of an entitlement.
func (r *rig) evidence(e resale.Entitlement) resale.Evidence {
	r.Helper()
	for _, event := range r.eventsOf(e) {
		if event.EvidenceID == "" {
			continue
		}
		kept, err := r.store.Evidence(r.ctx, event.EvidenceID)
		if err != nil {
			r.Fatal(err)
		}
		return kept
	}
	r.Fatal("there is no evidence")
	return resale.Evidence{}
}

// sent returns how often a request with an identifier came to the proxy.
func (r *rig) sent(id string) (n int) {
	for _, s := range r.proxy.requests() {
		if s.id == id {
			n++
		}
	}
	return n
}

// asked returns how many requests with the method and the end of a path came to the proxy.
func (r *rig) asked(method, ending string) (n int) {
	for _, s := range r.proxy.requests() {
		if s.method == method && strings.HasSuffix(s.path, ending) {
			n++
		}
	}
	return n
}

// story tells the beginning and the end of the first timelines, for a test that failed.
func (r *rig) story() string {
	r.Helper()
	var b strings.Builder
	for _, e := range r.made[:min(len(r.made), 3)] {
		events := r.eventsOf(e)
		for i, event := range events {
			if i >= 3 && i < len(events)-3 {
				continue
			}
			fmt.Fprintf(&b, "\n%s %s: %s", e.Ref, event.At.Format(time.TimeOnly), event.Text)
		}
	}
	return b.String()
}

// audit checks what must hold after every row, whatever happened in it, once all is settled.
func (r *rig) audit() {
	r.Helper()
	requests := map[string]resale.Request{}
	for _, q := range r.allRequests() {
		requests[q.ID] = q
		r.sentence("request", q.Message)
		if q.State.Open() {
			r.Errorf("a request to %s is %q in the end", q.Kind, q.State)
		}
	}
	for _, s := range r.proxy.requests() {
		if _, ours := requests[s.id]; s.write() && !ours {
			r.Errorf("%s %s went out under the identifier %q, which is not that of a request", s.method, s.path, s.id)
		}
	}
	for _, c := range r.sandbox.Calls() {
		if _, ours := requests[c.RequestIdentifier]; c.RequestIdentifier != "" && !ours {
			r.Errorf("the sandbox had %s %s under the identifier %q, which is not that of a request", c.Method, c.Path, c.RequestIdentifier)
		}
	}
	held := map[string]sandbox.Entitlement{}
	for _, h := range r.sandbox.Entitlements() {
		held[h.ID] = h
	}
	if n := len(held) - r.given; n > len(r.made) {
		r.Errorf("the sandbox holds %d entitlements after %d creates", n, len(r.made))
	}
	for _, e := range r.made {
		r.auditOne(e, requests, held)
	}
}

func (r *rig) auditOne(e resale.Entitlement, requests map[string]resale.Request, held map[string]sandbox.Entitlement) {
	r.Helper()
	e, err := r.store.Entitlement(r.ctx, e.ID)
	if err != nil {
		r.Fatal(err)
	}
	creates, mine := "", 0
	for _, q := range requests {
		if q.EntitlementID == e.ID && q.Kind == resale.KindCreate {
			creates = q.ID
		}
	}
	for _, h := range held {
		if slices.Contains(h.RequestIdentifiers, creates) {
			mine++
		}
	}
	there, known := held[e.BangoID]
	switch {
	case mine > 1:
		r.Errorf("%s: the sandbox holds %d entitlements for one intent", e.Ref, mine)
	case e.Status.IsBangos() && (!known || there.Status != string(e.Status) || there.CustomerIdentifier != e.CustomerIdentifier):
		r.Errorf("%s: it is %s here, and at Bango it is %+v", e.Ref, e.Status, there)
	case e.Status == resale.Refused && mine > 0:
		r.Errorf("%s: it is refused here, and exists at Bango", e.Ref)
	case e.Status == resale.Requested:
		r.Errorf("%s: it is requested in the end", e.Ref)
	}
	if e.RegistrationURL != "" && !strings.HasPrefix(e.RegistrationURL, merchantURL+"/") {
		r.Errorf("%s: there is a link to %.200q", e.Ref, e.RegistrationURL)
	}
	r.sentence("entitlement", e.Message)
	kinds := map[string]bool{}
	for _, event := range r.eventsOf(e) {
		if kinds[event.Text] {
			continue
		}
		kinds[event.Text] = true
		r.sentence("timeline", event.Text)
		if event.EvidenceID != "" {
			r.auditEvidence(event.EvidenceID)
		}
	}
}

func (r *rig) auditEvidence(id string) {
	r.Helper()
	kept, err := r.store.Evidence(r.ctx, id)
	if err != nil {
		r.Fatal(err)
	}
	if len(kept.Received) > 64<<10 {
		r.Errorf("%d bytes of an answer were kept", len(kept.Received))
	}
	if all := kept.Sent + kept.Received + kept.Error + kept.Path; strings.Contains(all, thePassword) || strings.Contains(all, "Basic ") {
		r.Errorf("the evidence has the credentials: %+v", kept)
	}
}

// notForPeople are words of Go's, of its libraries' and of the network's that no sentence for people may have.
var notForPeople = regexp.MustCompile(`(?i)\b(dial|read|write) (tcp|udp)\b|\bEOF\b|goroutine|\.go:\d|%!|<nil>|\bnil\b|0x[0-9a-f]{4}|\bpanic|runtime error|` +
	`context (deadline|canceled)|net/http|^http: |\bhttp: |\btls: |x509|\bjson: |invalid character|unexpected (end|EOF)|i/o timeout|` +
	`connection re(set|fused)|broken pipe|no such host|lookup |127\.0\.0\.1:\d|malformed|SQL|sandbox: `)

// sentence fails where a text is not one for people.
func (r *rig) sentence(where, text string) {
	r.Helper()
	if why := unfit(text); why != "" {
		r.Errorf("%s: %q %s", where, text, why)
	}
}

// unfit says why a text is not a sentence for people, or nothing. Bango's own words may stand in one.
func unfit(text string) string {
	switch {
	case notForPeople.MatchString(text):
		return fmt.Sprintf("speaks of %q", notForPeople.FindString(text))
	case strings.ContainsFunc(text, unicode.IsControl):
		return "has a control character"
	case len(text) > 1500:
		return "has no end"
	}
	return ""
}
