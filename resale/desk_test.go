package resale_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/db"
	"latchkey/db/dbtest"
	"latchkey/resale"
)

// desk is a portal without its pages: a store, a service on it, a sender, a Bango that a test plays, and a clock that it turns.
type desk struct {
	*testing.T
	ctx     context.Context
	store   *db.Store
	hub     *resale.Hub
	address string // of the database
	service *resale.Service
	sender  *resale.Sender
	bango   *fakeBango
	clock   *clock
	ana     resale.Actor
	victor  resale.Actor
	zoe     resale.Customer
	product resale.Product
}

// onEachStore runs a test on a fresh database of each engine.
func onEachStore(t *testing.T, test func(d *desk)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, database string) { test(newDesk(t, database)) })
}

// onSQLite runs a test on a fresh SQLite database.
func onSQLite(t *testing.T, test func(d *desk)) {
	t.Helper()
	test(newDesk(t, dbtest.SQLite(t)))
}

func newDesk(t *testing.T, database string) *desk {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	hub := resale.NewHub()
	store, err := db.Open(t.Context(), database, hub.Publish, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	d := &desk{T: t, ctx: t.Context(), store: store, hub: hub, address: database, bango: &fakeBango{t: t}, clock: &clock{at: noon},
		ana:    resale.StaffActor(resale.Staff{ID: "s-1", Name: "Ana", Role: resale.Agent}),
		victor: resale.StaffActor(resale.Staff{ID: "s-2", Name: "Victor", Role: resale.Viewer})}
	d.keepIn(store)
	const catalogue = "merchantAccountKey,merchantName,productKey,productName,offerKey,offerName\n" +
		"BANGO,Bango,BangoMusic,Bango Music,TestOffer,Test offer\n"
	if _, err := d.service.ImportCatalogue(d.ctx, strings.NewReader(catalogue)); err != nil {
		t.Fatal(err)
	}
	products, err := store.Products(d.ctx)
	if err != nil || len(products) != 1 {
		t.Fatalf("%v, %v", products, err)
	}
	d.product = products[0]
	if d.zoe, err = d.service.AddCustomer(d.ctx, d.ana, resale.Customer{Identifier: "cust-1", Name: "Zoë"}); err != nil {
		t.Fatal(err)
	}
	return d
}

// keepIn lets the portal keep everything in the given store, which may be one with a fault.
func (d *desk) keepIn(store resale.Store) {
	d.service = resale.NewService(resale.ServiceConfig{Store: store, Hub: d.hub, PublicURL: "https://portal.example",
		Log: slog.New(slog.DiscardHandler), Now: d.clock.now})
	d.sender = resale.NewSender(d.service, d.bango, 1, 10*time.Second)
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock stands still until it is turned.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) turn(by time.Duration) { c.mu.Lock(); c.at = c.at.Add(by); c.mu.Unlock() }

// fakeBango answers as a test tells it and remembers what it was asked.
type fakeBango struct {
	t       *testing.T
	create  []resale.Answer // one for each attempt, the last again and again
	act     []resale.Answer // likewise, of what is asked during a life
	acted   []string        // kind, request identifier and reason of each
	read    resale.Answer
	found   []resale.Fact
	find    resale.Answer
	onAsk   func(requestID string)
	answer  func(requestID string) resale.Answer // in place of create
	asked   []string                             // request identifiers of creates
	order   resale.Order
	updated []resale.Terms
	address string // the notification URL of the last update
	echo    resale.Answer
	echoes  int
	reads   int
	lookups int
}

func (b *fakeBango) Create(_ context.Context, requestID string, o resale.Order) resale.Answer {
	b.asked, b.order = append(b.asked, requestID), o
	if b.onAsk != nil {
		b.onAsk(requestID)
	}
	var a resale.Answer
	switch {
	case b.answer != nil:
		a = b.answer(requestID)
	default:
		a = b.create[0]
		if len(b.create) > 1 {
			b.create = b.create[1:]
		}
	}
	a.Evidence.At, a.Evidence.Method, a.Evidence.Path, a.Evidence.HTTPStatus = noon, "POST", "/entitlement", 200
	return a
}

func (b *fakeBango) Act(_ context.Context, requestID string, kind resale.RequestKind, bangoID string, r resale.Reason) resale.Answer {
	b.acted = append(b.acted, fmt.Sprintf("%s %s %s %s/%s %s", kind, requestID, bangoID, r.Category, r.Code, r.Description))
	a := b.act[0]
	if len(b.act) > 1 {
		b.act = b.act[1:]
	}
	a.Evidence.At, a.Evidence.Method, a.Evidence.Path = noon, "POST", "/entitlement/…"
	return a
}

func (b *fakeBango) Refresh(ctx context.Context, requestID, _ string, o resale.Order) resale.Answer {
	return b.Create(ctx, requestID, o)
}

func (b *fakeBango) Update(ctx context.Context, requestID, bangoID string, t resale.Terms, address string) resale.Answer {
	b.updated = append(b.updated, t)
	b.address = address
	return b.Act(ctx, requestID, resale.KindUpdate, bangoID, resale.Reason{})
}

func (b *fakeBango) Echo(context.Context) resale.Answer {
	b.echoes++
	a := b.echo
	a.Evidence.At = noon
	return a
}

func (b *fakeBango) Eligible(context.Context, string) ([]string, resale.Answer) {
	return nil, resale.Answer{Verdict: resale.VerdictNotSent}
}

func (b *fakeBango) Read(context.Context, string) resale.Answer { b.reads++; return b.read }

func (b *fakeBango) Find(context.Context, string, string) ([]resale.Fact, resale.Answer) {
	b.lookups++
	return b.found, b.find
}

// record is what Bango holds of the test's entitlement, so many seconds after noon.
func record(source resale.Source, status resale.Status, seconds int) resale.Fact {
	at := noon.Add(time.Duration(seconds) * time.Second)
	return resale.Fact{Source: source, BangoID: "b-1", Status: string(status), CustomerIdentifier: "cust-1", MerchantKey: "BANGO",
		ProductKey: "BangoMusic", DateCreated: noon, DateLastUpdated: at}
}

var (
	active       = resale.Answer{Verdict: resale.VerdictDone, Fact: record(resale.FromReply, resale.Active, 0)}
	mustRegister = resale.Answer{Verdict: resale.VerdictAction, Fact: record(resale.FromReply, resale.Pending, 0),
		Action: resale.NavigateToURL, ActionURL: "https://music.example/r/1"}
	silence = resale.Answer{Message: "Bango did not answer within 10s."}
	refused = resale.Answer{Verdict: resale.VerdictRefused, Message: "Maximum number of subscriptions for user reached"}
	absent  = resale.Answer{Verdict: resale.VerdictAbsent, Message: "Entitlement not found"}
	exists  = resale.Answer{Verdict: resale.VerdictExists, Message: "The entitlement exists already"}
	notNow  = resale.Answer{Verdict: resale.VerdictUnavailable, Message: "In maintenance", RetryAfter: time.Minute}
	done    = resale.Answer{Verdict: resale.VerdictDone}
)

// create asks for the product for Zoë, without Bango having been asked.
func (d *desk) create() resale.Entitlement {
	d.Helper()
	e, err := d.service.CreateEntitlement(d.ctx, d.ana, resale.NewEntitlement{CustomerID: d.zoe.ID, ProductID: d.product.ID, FormToken: resale.NewFormToken(), Anyway: true})
	if err != nil {
		d.Fatal(err)
	}
	return e
}

// step makes one attempt, which must be due.
func (d *desk) step() {
	d.Helper()
	if ok, err := d.sender.Step(d.ctx); err != nil || !ok {
		d.Fatalf("nothing was due: %v", err)
	}
}

// steps makes attempts, turning the clock on where nothing is due, until nothing is open any more or the clock has gone two days on.
func (d *desk) steps() {
	d.Helper()
	for until := d.clock.now().Add(48 * time.Hour); d.clock.now().Before(until); {
		ok, err := d.sender.Step(d.ctx)
		if err != nil {
			d.Fatal(err)
		}
		if !ok && !d.anyOpen() {
			return
		}
		if !ok {
			d.clock.turn(5 * time.Minute)
		}
	}
}

// anyOpen reports whether a request about Zoë's entitlements is open.
func (d *desk) anyOpen() bool {
	d.Helper()
	entitlements, err := d.store.EntitlementsOf(d.ctx, d.zoe.ID, 100)
	if err != nil {
		d.Fatal(err)
	}
	for _, e := range entitlements {
		requests, err := d.store.RequestsOf(d.ctx, e.ID, 10)
		if err != nil {
			d.Fatal(err)
		}
		if slices.ContainsFunc(requests, func(r resale.Request) bool { return r.State.Open() }) {
			return true
		}
	}
	return false
}

// notify posts a notification for an entitlement.
func (d *desk) notify(e resale.Entitlement, status resale.Status, reason string, seconds int) {
	d.Helper()
	body := fmt.Sprintf(`{"responseCode":"OK","responseMessage":"Success","parameters":null,"entitlementId":"b-1","customerIdentifier":"cust-1",`+
		`"merchantAccountKey":"BANGO","productKey":"BangoMusic","status":%q,"dateLastUpdated":%q,"notificationReason":%q}`,
		status, noon.Add(time.Duration(seconds)*time.Second).Format(time.RFC3339), reason)
	d.post(resale.NotificationToken(e), body)
}

func (d *desk) post(token, body string) {
	d.Helper()
	if err := d.service.ReceiveNotification(d.ctx, token, []byte(body)); err != nil {
		d.Fatal(err)
	}
}

// now returns the entitlement as it is stored.
func (d *desk) now(e resale.Entitlement) resale.Entitlement {
	d.Helper()
	e, err := d.store.Entitlement(d.ctx, e.ID)
	if err != nil {
		d.Fatal(err)
	}
	return e
}

// is checks the status of an entitlement and the state of its first request.
func (d *desk) is(e resale.Entitlement, status resale.Status, state resale.RequestState) resale.Entitlement {
	d.Helper()
	e = d.now(e)
	requests, err := d.store.RequestsOf(d.ctx, e.ID, 10)
	if err != nil || len(requests) == 0 {
		d.Fatalf("no request: %v", err)
	}
	first := requests[len(requests)-1]
	if e.Status != status || first.State != state {
		d.Errorf("the entitlement is %s and the request %s; want %s and %s (%s)", e.Status, first.State, status, state, first.Message)
	}
	return e
}

// events returns how often the timeline has each kind.
func (d *desk) events(e resale.Entitlement) map[resale.EventKind]int {
	d.Helper()
	events, err := d.store.Events(d.ctx, e.ID, 10_000)
	if err != nil {
		d.Fatal(err)
	}
	kinds := map[resale.EventKind]int{}
	for _, e := range events {
		kinds[e.Kind]++
	}
	return kinds
}
