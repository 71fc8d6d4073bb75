package handlers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
)

func TestEveryRouteIsInTheTable(t *testing.T) {
	p := openPortal(t, with{})
	table := map[string]int{}
	for _, r := range p.app.routes() {
		table[r.method+" "+r.path]++
		if r.method == get {
			table["HEAD "+r.path]++
		}
	}
	registered := p.app.fiber.GetRoutes()
	for _, r := range registered {
		if table[r.Method+" "+r.Path] != 1 {
			t.Errorf("%s %s is registered and %d times in the table", r.Method, r.Path, table[r.Method+" "+r.Path])
		}
		delete(table, r.Method+" "+r.Path)
	}
	for missing := range table {
		t.Errorf("%s is in the table and not registered", missing)
	}
}

// TestTheTableGuardsWhatItShould names what is not for every member of staff to read, so that a slip in the table shows.
func TestTheTableGuardsWhatItShould(t *testing.T) {
	others := map[string]guard{
		"GET /login": anybody, "POST /login": anybody, "POST /logout": anybody, "GET /setup/:token": holder, "POST /setup/:token": holder,
		"GET /customers/:id/edit": agent, "POST /customers/:id/edit": agent, "POST /customers/:id/notes": agent,
		"POST /customers/:id/notes/:note/pin": agent, "POST /customers/:id/notes/:note/unpin": agent, "POST /customers/:id/notes/:note/withdraw": agent,
		"POST /customers/:id/tags": agent, "POST /customers/:id/tags/remove": agent, "GET /customers/:id/identifier": agent,
		"POST /customers/:id/identifier": agent, "GET /customers/:id/suspend": agent, "POST /customers/:id/suspend": agent,
		"GET /customers/:id/resume": agent, "POST /customers/:id/resume": agent,
		"POST /customers": agent, "POST /entitlements": agent, "GET /entitlements/new": agent,
		"GET /entitlements/:ref/end": agent, "POST /entitlements/:ref/refresh": agent, "POST /entitlements/:ref/suspend": agent,
		"POST /entitlements/:ref/resume": agent, "POST /entitlements/:ref/cancel": agent, "POST /entitlements/:ref/revoke": supervisor,
		"POST /entitlements/:ref/undo": agent, "POST /entitlements/:ref/requests/:id/undo": supervisor, "GET /entitlements/:ref/change": agent, "POST /entitlements/:ref/update": agent,
		"POST /catalogue/merchants": admin, "POST /catalogue/merchants/:id": admin, "POST /catalogue/merchants/:id/products": admin,
		"POST /catalogue/:id/name": admin, "POST /catalogue/:id/texts": admin, "POST /catalogue/:id/data": admin, "POST /catalogue/:id/retire": admin,
		"POST /catalogue/:id/offers": admin, "POST /catalogue/:id/offers/:offer": admin,
		"GET /entitlements/:ref/send": agent, "POST /entitlements/:ref/send": agent, "GET /messages": admin, "POST /messages": admin, "POST /messages/reset": admin,
		"POST /catalogue/ability": admin, "POST /notifications/:id/replay": agent, "POST /reconciliation/run": agent,
		"POST /reconciliation/take": supervisor, "POST /reconciliation/:id/take": supervisor, "POST /reconciliation/repoint": admin,
		"POST /opened": viewer, "POST /dismiss": viewer, "POST /keys": viewer,
		"GET /entitlements.csv": supervisor, "GET /customers.csv": supervisor, "POST /views": agent, "POST /views/:id/remove": agent,
		"POST /entitlements/:ref/requests/:id/close": supervisor, "POST /attention/:id/take": agent, "POST /attention/:id/release": agent,
		"POST /attention/:id/snooze": agent, "POST /attention/:id/wake": agent, "POST /attention/:id/acknowledge": agent,
		"GET /bulk": supervisor, "POST /bulk": supervisor, "GET /bulk/:id.csv": supervisor, "GET /bulk/:id": supervisor, "POST /bulk/:id/confirm": supervisor,
		"POST /bulk/:id/pause": supervisor, "POST /bulk/:id/resume": supervisor, "POST /bulk/:id/cancel": supervisor,
		"GET /s/:token": holder, "POST /s/:token": holder, "POST /webhooks/bango/:token": bango, "GET /live": byTopic,
		"GET /static/:name": anybody, "GET /healthz": anybody, "GET /readyz": anybody,
	}
	for _, r := range (&App{}).routes() {
		want, found := others[r.method+" "+r.path]
		if !found {
			want = viewer
		}
		if r.guard != want {
			t.Errorf("%s %s is for %s, not %s", r.method, r.path, r.guard, want)
		}
	}
}

// things are what the addresses of the table name in a test.
type things struct {
	customer     resale.Customer
	entitlement  resale.Entitlement
	evidence     string
	notification string
	drift        string
	request      string // one that the route is for
	view         string
	note         string
	group        string
	bulk         string
	product      resale.Product
}

// things puts one of each into the portal.
func (p *portal) things() things {
	p.t.Helper()
	e := p.addEntitlement()
	if err := p.service.ReceiveNotification(p.t.Context(), e.NotifyToken, []byte(`{"not":"ours"}`)); err != nil {
		p.t.Fatal(err)
	}
	inbox, err := p.store.Notifications(p.t.Context(), 1)
	if err != nil || len(inbox) != 1 {
		p.t.Fatalf("%d notifications, %v", len(inbox), err)
	}
	note, group := p.noteAndGroup()
	return things{customer: p.customer, entitlement: e, evidence: p.addEvidence(e, "sent"), notification: inbox[0].ID,
		drift: p.addDrift(resale.Drift{Kind: resale.MissingHere, Subject: "b-drift"}), note: note, group: group, bulk: p.bulkJob("", p.settled(resale.Active)).ID,
		product: p.products[0]}
}

// address fills in the parts of a route's path.
func (th things) address(r route) string {
	address := r.path
	id := map[string]string{"/customers/:id": th.customer.ID, "/notifications/:id": th.notification, "/notifications/:id/replay": th.notification,
		"/reconciliation/:id/take": th.drift, "/entitlements/:ref/requests/:id/undo": th.request,
		"/views/:id/remove": th.view, "/entitlements/:ref/requests/:id/close": th.request}[r.path]
	if strings.HasPrefix(r.path, "/attention/") {
		id = th.entitlement.ID
	}
	if strings.HasPrefix(r.path, "/bulk/") {
		id = th.bulk
	}
	if strings.HasPrefix(r.path, "/catalogue/:id") {
		id = th.product.ID
	}
	if strings.HasPrefix(r.path, "/catalogue/merchants/:id") {
		id = th.product.Merchant.ID
	}
	if id == "" {
		id = th.evidence
	}
	if strings.HasPrefix(r.path, "/customers/") {
		id = th.customer.ID
	}
	token := th.entitlement.SignupToken
	if r.guard == bango {
		token = th.entitlement.NotifyToken
	}
	address = strings.NewReplacer(":ref", th.entitlement.Ref, ":note", th.note, ":group", th.group, ":id", id, ":token", token, ":name", "none.css",
		":offer", th.product.Offers[0].ID).Replace(address)
	switch r.path {
	case "/entitlements/new":
		address += "?customer=" + th.customer.ID
	case "/search":
		address += "?q=nobody+at+all"
	case "/live":
		address += "?topic=signup:none"
	case "/plots/list":
		address += "?created=2026-11-01..2026-11-26"
	}
	return address
}

// suit returns things of which the route's entitlement is one that the route can do something with.
func (th things) suit(p *portal, r route) things {
	status, isAct := map[string]resale.Status{"/entitlements/:ref/refresh": resale.Pending, "/entitlements/:ref/suspend": resale.Active,
		"/entitlements/:ref/resume": resale.Suspended, "/entitlements/:ref/cancel": resale.Active, "/entitlements/:ref/revoke": resale.Active,
		"/entitlements/:ref/undo": resale.ActiveEnding, "/entitlements/:ref/send": resale.Pending, "/entitlements/:ref/update": resale.Active,
		"/customers/:id/suspend": resale.Active, "/customers/:id/resume": resale.Suspended}[r.path]
	if isAct {
		th.entitlement = p.settled(status)
	}
	if r.path == "/entitlements/:ref/requests/:id/undo" {
		th.entitlement, th.request = p.held()
	}
	if r.path == "/views/:id/remove" {
		th.view = p.addView(resale.Agent, resale.NewFormToken(), "status=ACTIVE").ID
	}
	if strings.HasPrefix(r.path, "/attention/") {
		th.entitlement = p.settled(resale.Failed)
	}
	if r.path == "/entitlements/:ref/requests/:id/close" {
		th.entitlement = p.addEntitlement()
		p.answer(th.entitlement, resale.Manual, "Nobody knows.")
		r, _ := p.newest(th.entitlement)
		th.request = r.ID
	}
	if steer, isBulk := strings.CutPrefix(r.path, "/bulk/:id/"); isBulk {
		th.entitlement = p.settled(resale.Active)
		th.bulk = p.bulkJob(steer, th.entitlement).ID
	}
	if r.path == "/notifications/:id/replay" { // one that came before its entitlement was known
		id := resale.NewFormToken()
		if err := p.service.ReceiveNotification(p.t.Context(), id, []byte(`{"entitlementId":"`+id+`","status":"ACTIVE"}`)); err != nil {
			p.t.Fatal(err)
		}
		parked, err := p.store.ParkedNotifications(p.t.Context(), 1)
		if err != nil || len(parked) != 1 {
			p.t.Fatalf("%d are parked, %v", len(parked), err)
		}
		th.notification = parked[0].ID
		th.entitlement = p.change(p.settled(resale.Active), func(e *resale.Entitlement) { e.BangoID = id })
	}
	return th
}

// fields are what a form would send to a route, such that it is accepted.
func (th things) fields(p *portal, r route) url.Values {
	switch r.path {
	case "/customers/:id/edit":
		return url.Values{"name": {"Zoe"}, "seen_name": {"Zoë Ångström"}, "seen_email": {"zoe@example.com"}, "seen_phone": {"+44 20 7946 0000"}}
	case "/customers/:id/notes":
		return url.Values{"text": {"A note"}}
	case "/customers/:id/tags", "/customers/:id/tags/remove":
		return url.Values{"tag": {"VIP"}}
	case "/customers/:id/identifier":
		return url.Values{"customer_identifier": {resale.NewFormToken()}, "form_token": {resale.NewFormToken()}}
	case "/customers/:id/suspend", "/customers/:id/resume":
		return url.Values{"service": {th.entitlement.Ref}, "reason": {"Did not pay"}, "form_token": {resale.NewFormToken()}}
	case "/customers":
		return url.Values{"customer_identifier": {resale.NewFormToken()}}
	case "/entitlements":
		return url.Values{"customer": {th.customer.ID}, "product": {p.products[0].ID}, "form_token": {resale.NewFormToken()}, "anyway": {"1"}}
	case "/views":
		return url.Values{"name": {resale.NewFormToken()}, "view": {"status=ACTIVE"}}
	case "/me/columns":
		return url.Values{"column": {"ref"}}
	case "/entitlements/:ref/cancel", "/entitlements/:ref/revoke":
		return url.Values{"reason": {"REVOKED/OTHER"}, "confirm": {th.entitlement.Ref}}
	case bulkPath:
		return url.Values{"act": {"suspend"}, "refs": {th.entitlement.Ref}}
	case "/bulk/:id/confirm":
		return url.Values{"count": {"1"}}
	case "/entitlements/:ref/send":
		return url.Values{"channel": {"text"}, "occasion": {"signup"}, "language": {"de"}}
	case "/messages", "/messages/reset":
		return url.Values{"occasion": {"ended"}, "language": {"de"}, "subject": {"Schade"}, "email": {"Hallo {name}"}, "short": {"Schade"}}
	case "/entitlements/:ref/update":
		return url.Values{"display_name": {"Another"}}
	case "/attention/:id/snooze", "/attention/:id/acknowledge", "/entitlements/:ref/requests/:id/close":
		return url.Values{"reason": {"It is known."}, "for": {"1h"}}
	case "/me":
		return url.Values{"time_zone": {"Europe/Madrid"}}
	case "/catalogue/merchants", "/catalogue/merchants/:id/products", "/catalogue/:id/offers":
		key := resale.NewFormToken()
		return url.Values{"merchant_key": {key}, "product_key": {key}, "offer_key": {key}, "version": {p.version(th.product.ID)}}
	case "/catalogue/merchants/:id":
		m, err := p.store.Merchant(p.t.Context(), th.product.Merchant.ID)
		if err != nil {
			p.t.Fatal(err)
		}
		return url.Values{"name": {"Bango"}, "version": {strconv.FormatInt(m.Version, 10)}}
	case "/catalogue/:id/name", "/catalogue/:id/texts", "/catalogue/:id/data", "/catalogue/:id/retire", "/catalogue/:id/offers/:offer":
		return url.Values{"name": {"Music"}, "offer_name": {"Free"}, "retired": {"no"}, "version": {p.version(th.product.ID)}}
	case "/catalogue/ability":
		return url.Values{"merchant": {"BANGO"}, "kind": {"suspend"}, "setting": {"yes"}}
	case "/opened":
		return url.Values{"topic": {resale.TopicCustomer(th.customer.ID)}}
	case "/dismiss":
		r, _ := p.newest(th.entitlement)
		return url.Values{"request": {r.ID}}
	case "/keys":
		return url.Values{"shortcuts": {"on"}}
	case "/login":
		return url.Values{"email": {"admin@staff.example"}, "password": {password}}
	}
	return nil
}

func TestGuards(t *testing.T) {
	p := openPortal(t, with{config: func(c *Config) { c.WebhookKeys = []string{"key"} }})
	th := p.things()
	p.hub.Shutdown() // nobody waits for Bango's word
	roles := append([]resale.Role{""}, resale.Roles...)
	for _, r := range p.app.routes() {
		for _, role := range roles {
			t.Run(fmt.Sprintf("%s %s as %q", r.method, r.path, role), func(t *testing.T) {
				p.t = t
				th := th.suit(p, r)
				before := p.state(th.entitlement)
				b := p.as(role)
				var got response
				if r.method == get {
					got = b.get(th.address(r))
				} else {
					got = b.post(th.address(r), th.fields(p, r))
				}
				signIn := got.StatusCode == http.StatusSeeOther && strings.HasPrefix(got.Header.Get("Location"), "/login")
				refused := true
				switch {
				case r.guard == bango:
					got.must(t, http.StatusUnauthorized)
				case !slices.Contains(resale.Roles, resale.Role(r.guard)):
					if got.StatusCode == http.StatusUnauthorized || got.StatusCode == http.StatusForbidden || signIn && r.path != "/logout" {
						t.Errorf("status %d for an address that is open", got.StatusCode)
					}
					refused = false
				case role == "":
					if !signIn {
						t.Errorf("status %d, leads to %q; it must lead to the sign-in", got.StatusCode, got.Header.Get("Location"))
					}
					if hasBack := strings.Contains(got.Header.Get("Location"), "return_to="); hasBack != (r.method == get && r.path != "/") {
						t.Errorf("leads to %q", got.Header.Get("Location"))
					}
				case !role.AtLeast(resale.Role(r.guard)):
					got.must(t, http.StatusForbidden)
					if !strings.Contains(got.body, string(r.guard)) {
						t.Error("the page does not say which role may")
					}
				default:
					if got.StatusCode != http.StatusOK && (got.StatusCode != http.StatusSeeOther || signIn) {
						t.Errorf("status %d, leads to %q: %.200s", got.StatusCode, got.Header.Get("Location"), got.body)
					}
					refused = false
				}
				if after := p.state(th.entitlement); (refused || r.method == get) && after != before {
					t.Errorf("it changed something:\n%s\n%s", before, after)
				}
			})
		}
	}
	p.t = t
}

func TestFormsFromOtherSitesChangeNothing(t *testing.T) {
	p := openPortal(t, with{})
	th := p.things()
	p.hub.Shutdown() // nobody waits for Bango's word
	rows := []struct {
		site, origin string
		allowed      bool
	}{
		{"same-origin", "", true},
		{"same-origin", "*", true},
		{"none", "", true},
		{"", "", true}, // not a browser
		{"", "*", true},
		{"cross-site", "", false},
		{"cross-site", "https://evil.example", false},
		{"cross-site", "null", false},
		{"same-site", "", false},
		{"same-site", "https://evil.example", false},
		{"", "https://evil.example", false},
		{"", "null", false},
		{"", "http://evil.example:8080", false},
		{"nonsense", "https://evil.example", false},
	}
	unsafe := 0
	for _, r := range p.app.routes() {
		if r.method == get || r.guard == bango {
			continue
		}
		unsafe++
		for _, row := range rows {
			t.Run(fmt.Sprintf("%s site=%q origin=%q", r.path, row.site, row.origin), func(t *testing.T) {
				p.t = t
				th := th.suit(p, r)
				before, b := p.state(th.entitlement), p.as(resale.Admin)
				var headers []string
				if row.site != "" {
					headers = append(headers, "Sec-Fetch-Site", row.site)
				}
				if row.origin != "" {
					headers = append(headers, "Origin", strings.ReplaceAll(row.origin, "*", p.address))
				}
				got := b.post(th.address(r), th.fields(p, r), headers...)
				if row.allowed {
					if got.StatusCode == http.StatusForbidden {
						t.Error("refused, though it is a form of ours")
					}
					return
				}
				got.must(t, http.StatusForbidden)
				if got.cookieOf(p) != nil {
					t.Error("it set a cookie")
				}
				b.get("/").must(t, http.StatusOK) // still signed in
				if after := p.state(th.entitlement); after != before {
					t.Errorf("it changed something:\n%s\n%s", before, after)
				}
			})
		}
	}
	p.t = t
	if unsafe < 6 {
		t.Errorf("only %d unsafe routes were tried", unsafe)
	}
}

func TestAddressesAreStrict(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Admin)
	for _, address := range []string{"/nothing", "/customers/", "/Customers", "//customers", "/customers/x", "/customers/%00", "/customers/\xff",
		"/entitlements/AAAA", "/entitlements/AAAA-AAAA", "/entitlements/..%2f", "/notifications/x", "/attention/x", "/attention/00000000-0000-0000-0000-000000000000", "/s/x", "/s/AAAAAAAAAAAAAAAAAAAAAAAAAA",
		"/setup/AAAAAAAAAAAAAAAAAAAAAAAAAA", "/static/app.css", "/static/", "/entitlements/new?customer=x",
		"/customers/00000000-0000-0000-0000-000000000000"} {
		if got := b.get(address); got.StatusCode != http.StatusNotFound {
			t.Errorf("%q: status %d", address, got.StatusCode)
		}
	}
	for _, try := range [][2]string{{"DELETE", "/customers"}, {"GET", "/logout"}, {"POST", "/catalogue"}, {"TRACE", "/"}, {"PUT", "/webhooks/bango/x"}} {
		got := b.send(try[0], try[1], "", "")
		if got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") == "" {
			t.Errorf("%s %s: status %d, Allow %q", try[0], try[1], got.StatusCode, got.Header.Get("Allow"))
		}
	}
	for _, address := range []string{"/", "/login", "/customers", "/healthz"} {
		got := b.send("HEAD", address, "", "")
		if got.StatusCode != http.StatusOK && got.StatusCode != http.StatusSeeOther {
			t.Errorf("HEAD %s: status %d", address, got.StatusCode)
		}
	}
}

func TestHalfAPageIsNotShown(t *testing.T) {
	half := templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		io.WriteString(w, "<p>half a page")
		return errors.New("the other half is missing")
	})
	p := openPortal(t, with{app: func(a *App) {
		a.fiber.Get("/half", a.serve(route{get, "/half", anybody, func(c *fiber.Ctx) error { return a.show(c, half) }}))
	}})
	got := p.as("").get("/half").must(t, http.StatusInternalServerError)
	if strings.Contains(got.body, "half a page") || !strings.Contains(got.body, "our fault") {
		t.Errorf("the page is %s", got.body)
	}
}

func TestAPanicIsAPageAndALine(t *testing.T) {
	p := openPortal(t, with{app: func(a *App) {
		a.fiber.Get("/panics", a.serve(route{get, "/panics", anybody, nil}))
	}})
	got := p.as("").get("/panics").must(t, http.StatusInternalServerError)
	if !strings.Contains(got.body, "our fault") || strings.Contains(got.body, "nil pointer") {
		t.Errorf("the page says %s", got.body)
	}
	if !strings.Contains(p.log.String(), "nil pointer") {
		t.Error("the log has no cause")
	}
	p.as("").get("/healthz").must(t, http.StatusOK)
}
