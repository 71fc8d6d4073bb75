package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"latchkey/bango/sandbox"
	"latchkey/resale"
)

var pictures = flag.Bool("pictures", false, "TestEveryPage takes pictures of every page, and makes those in docs/pictures anew")

// bench is a portal with its sandbox, of which a test has the inside too.
type bench struct {
	*portal
	address string
	box     *sandbox.Sandbox
	boxed   *httptest.Server
}

// startBench runs a portal with the sample staff, and unless it is to be empty with sample customers, catalogue and entitlements.
func startBench(t *testing.T, empty bool) *bench {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	log := slog.New(slog.DiscardHandler)
	boxed := httptest.NewUnstartedServer(nil)
	box, err := newSandbox("http://"+boxed.Listener.Addr().String(), 0, log)
	if err != nil {
		t.Fatal(err)
	}
	boxed.Config.Handler = box
	boxed.Start()
	l, err := listen(freeAddress(t), "--listen")
	if err != nil {
		t.Fatal(err)
	}
	set := settings{database: filepath.Join(t.TempDir(), "latchkey.db"), publicURL: "http://" + l.Addr().String(), bangoURL: boxed.URL + "/v1",
		bangoUsername: sandboxUsername, bangoPassword: sandboxPassword, bangoTimeout: 10 * time.Second, bangoWire: demoWire,
		webhookKeys: []string{sandboxWebhookKey}, links: resale.LinkRules{AllowLoopback: true}, brand: demoBrand(), reconcileEvery: time.Minute}
	p, err := openPortal(ctx, set, log, seams{sandboxed: true})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{portal: p, address: set.publicURL, box: box, boxed: boxed}
	ended := make(chan error, 1)
	go func() { ended <- p.serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the portal ended with %v", err)
		}
		p.close()
		box.Close()
		boxed.Close()
	})
	if empty {
		for _, person := range demoStaff {
			if _, _, err := p.service.AddStaff(ctx, person.Email, person.Name, person.Role, demoPassword); err != nil {
				t.Fatal(err)
			}
		}
		return b
	}
	if err := sampleData(ctx, p.service); err != nil {
		t.Fatal(err)
	}
	if err := sampleEntitlements(ctx, p.service, p.store, box); err != nil {
		t.Fatal(err)
	}
	return b
}

// visit is a page as somebody sees it. What is posted to is seen as what the form was answered with.
type visit struct {
	name, path string
	fields     map[string]string // of a form that is posted, nil for a page that is opened
	picture    string            // its name in docs/pictures, empty for none
}

// looks are how each page is looked at.
var looks = []struct {
	width  int64
	scheme string
}{{1280, "light"}, {390, "light"}, {1280, "dark"}, {390, "dark"}}

// tour takes somebody through pages and looks at each: nothing breaks WCAG 2.2 AA, and nothing weighs more than it may.
type tour struct {
	*tab
	portal string
	seen   map[string]bool // the paths of the pages
}

// weight is what a page costs, in bytes before compression.
type weight struct {
	All, Styles, Scripts int
	From                 []string // other origins
}

const weigh = `JSON.stringify((() => {
	const parts = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].filter((e) => e.decodedBodySize && !/fetch|xmlhttp|beacon/.test(e.initiatorType));
	const sum = (of) => of.reduce((n, e) => n + e.decodedBodySize, 0);
	return {All: sum(parts), Styles: sum(parts.filter((e) => e.name.endsWith('.css'))), Scripts: sum(parts.filter((e) => e.name.endsWith('.js'))),
		From: parts.map((e) => new URL(e.name).origin).filter((o) => o !== location.origin)};
})())`

func (r *tour) look(state string, v visit) {
	r.t.Helper()
	r.seen[strings.SplitN(v.path, "?", 2)[0]] = true
	name := state + "-" + v.name
	views := looks
	if testing.Short() {
		views = looks[:1]
	}
	for i, as := range views {
		r.do("look at "+name, chromedp.EmulateViewport(as.width, 844), colours(as.scheme))
		if i == 0 {
			r.open(v)
			r.weighs(name)
		}
		if !testing.Short() {
			for _, fault := range r.violations() {
				r.t.Errorf("%s at %d px, %s: %s", name, as.width, as.scheme, fault)
			}
			if over := read(r.tab, "measure", chromedp.Evaluate[int](`document.documentElement.scrollWidth - document.documentElement.clientWidth`)); over > 0 {
				r.t.Errorf("%s at %d px is %d px too wide", name, as.width, over)
			}
		}
		if *pictures {
			r.screenshot(fmt.Sprintf("%s-%d-%s", name, as.width, as.scheme))
			phone := strings.Contains(v.path, "/s/")
			if v.picture != "" && as.scheme == "light" && phone == (as.width == 390) {
				r.keepPicture(v.picture)
			}
		}
	}
}

// open shows the page, and posts the form where there is one.
func (r *tour) open(v visit) {
	r.t.Helper()
	if v.fields == nil {
		r.do("open "+v.path, chromedp.Navigate(r.portal+v.path), chromedp.WaitVisible(chromedp.CSS("h1")))
		return
	}
	var script strings.Builder
	script.WriteString(`(() => { const form = document.createElement('form'); form.method = 'post'; form.noValidate = true; `)
	fmt.Fprintf(&script, "form.action = %q;", v.path)
	for name, value := range v.fields {
		fmt.Fprintf(&script, "{ const input = document.createElement('textarea'); input.name = %q; input.value = %q; form.append(input); }", name, value)
	}
	script.WriteString(` document.body.append(form); document.title = 'left'; form.submit(); return true; })()`)
	read(r.tab, "send "+v.path, chromedp.Evaluate[bool](script.String()))
	r.do("see what is answered", chromedp.WaitVisible(`//title[not(text()="left")]/ancestor::html//h1`))
}

func (r *tour) weighs(name string) {
	r.t.Helper()
	var w weight
	parse(r.t, read(r.tab, "weigh", chromedp.Evaluate[string](weigh)), &w)
	most := 60_000
	if strings.Contains(r.address(), "/s/") {
		most = 20_000
	}
	if w.All == 0 || w.All > most || w.Styles > 20_000 || w.Scripts > 15_000 || len(w.From) > 0 {
		r.t.Errorf("%s weighs %d bytes of at most %d, with %d of styles and %d of scripts; from elsewhere: %v", name, w.All, most, w.Styles, w.Scripts, w.From)
	}
	r.t.Logf("%-40s %6d bytes", name, w.All)
}

// keepPicture keeps what the tab shows for the guides.
func (r *tour) keepPicture(name string) {
	r.t.Helper()
	png := read(r.tab, "take a picture", chromedp.CaptureScreenshot())
	if err := os.WriteFile(filepath.Join("docs", "pictures", name+".png"), png, 0o644); err != nil {
		r.t.Fatal(err)
	}
}

var pageRoute = regexp.MustCompile(`\{get, "(/[^"]*)"`)

// pagesOfTheTable are the addresses in the table of routes that a person opens in a browser.
func pagesOfTheTable(t *testing.T) []string {
	t.Helper()
	table, err := os.ReadFile("handlers/routes.go")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, m := range pageRoute.FindAllStringSubmatch(string(table), -1) {
		switch path := m[1]; {
		case path == "/live" || path == "/healthz" || path == "/readyz" || strings.HasPrefix(path, "/static/") || strings.HasSuffix(path, ".csv"):
		default:
			paths = append(paths, path)
		}
	}
	return paths
}

func missingFrom(seen map[string]bool, pages []string) (missing []string) {
	for _, page := range pages {
		pattern := regexp.MustCompile("^" + regexp.MustCompile(`:[a-z]+`).ReplaceAllString(page, `[^/]+`) + "$")
		found := false
		for path := range seen {
			found = found || pattern.MatchString(path)
		}
		if !found {
			missing = append(missing, page)
		}
	}
	return missing
}

func parse(t *testing.T, text string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), to); err != nil {
		t.Fatal(err)
	}
}

// Every page, empty, full and failed, in both schemes and on a desk and a phone: nothing breaks WCAG 2.2 AA, nothing is wider than the
// screen, nothing weighs more than it may, and no page of the table of routes is left out.
func TestEveryPage(t *testing.T) {
	b := startBrowser(t)
	b.refusals = true
	seen := map[string]bool{}
	begin := func(name string, p *bench, who string) *tour {
		r := &tour{tab: b.person(name), portal: p.address, seen: seen}
		if who != "" {
			r.signInAs(p.address, who)
		}
		return r
	}

	empty := startBench(t, true)
	nobody := begin("pages", empty, "")
	nobody.look("empty", visit{name: "sign-in", path: "/login"})
	nobody.look("failed", visit{name: "sign-in", path: "/login", fields: map[string]string{"email": "ana@demo.example", "password": "wrong"}})
	_, token, err := empty.service.AddStaff(t.Context(), "new@demo.example", "New", resale.Agent, "")
	if err != nil {
		t.Fatal(err)
	}
	nobody.look("full", visit{name: "set-up", path: "/setup/" + token})
	nobody.look("failed", visit{name: "set-up", path: "/setup/" + token, fields: map[string]string{"password": "short"}})

	admin := begin("pages", empty, "adam@demo.example")
	for _, v := range []visit{
		{name: "home", path: "/"}, {name: "attention", path: "/attention"}, {name: "customers", path: "/customers"},
		{name: "catalogue", path: "/catalogue"}, {name: "entitlements", path: "/entitlements"}, {name: "inbox", path: "/notifications"},
		{name: "reconciliation", path: "/reconciliation"}, {name: "search-nothing", path: "/search?q=nobody"}, {name: "plots", path: "/plots"},
		{name: "bulk", path: "/bulk"}, {name: "messages", path: "/messages"},
	} {
		admin.look("empty", v)
	}

	full := startBench(t, false)
	made := full.everything(t)
	things := full.things(t, made)
	customer := func(e resale.Entitlement) string { return "/customers/" + e.CustomerID }
	entitlement := func(e resale.Entitlement) string { return "/entitlements/" + e.Ref }
	supervisor := begin("pages", full, "sofia@demo.example")
	for _, v := range []visit{
		{name: "home", path: "/", picture: "agents-home"}, {name: "attention", path: "/attention", picture: "agents-attention"},
		{name: "attention-one", path: "/attention/" + made["failed"].ID}, {name: "attention-snoozed", path: "/attention?state=snoozed"},
		{name: "search", path: "/search?all=1&q=mar", picture: "agents-search"}, {name: "keys", path: "/keys"}, {name: "me", path: "/me"},
		{name: "customers", path: "/customers"}, {name: "customers-found", path: "/customers?q=mar"}, {name: "customers-tagged", path: "/customers?tag=vip"},
		{name: "customer", path: customer(made["suspended"]), picture: "agents-customer"}, {name: "customer-edit", path: customer(made["active"]) + "/edit"},
		{name: "customer-identifier", path: customer(made["active"]) + "/identifier"}, {name: "customer-suspend", path: customer(made["active"]) + "/suspend"},
		{name: "customer-resume", path: customer(made["suspended"]) + "/resume"}, {name: "customer-together", path: things.group},
		{name: "entitlements", path: "/entitlements", picture: "agents-list"}, {name: "entitlements-filtered", path: "/entitlements?status=ACTIVE&older=1m"},
		{name: "entitlements-none", path: "/entitlements?status=ACTIVE&older=900d"},
		{name: "new", path: "/entitlements/new?customer=" + made["pending"].CustomerID, picture: "agents-new"},
		{name: "pending", path: entitlement(made["pending"]), picture: "agents-entitlement"}, {name: "opened", path: entitlement(made["opened"])},
		{name: "active", path: entitlement(made["active"])}, {name: "suspended", path: entitlement(made["suspended"])},
		{name: "ending", path: entitlement(made["ending"])}, {name: "declined", path: entitlement(made["declined"])},
		{name: "failed", path: entitlement(made["failed"])}, {name: "unknown", path: entitlement(made["unknown"])},
		{name: "manual", path: entitlement(made["manual"])}, {name: "refused", path: entitlement(made["refused"])},
		{name: "history", path: entitlement(made["active"]) + "?by=bango"}, {name: "evidence", path: things.evidence},
		{name: "end", path: entitlement(made["active"]) + "/end", picture: "agents-end"}, {name: "change", path: entitlement(made["active"]) + "/change"},
		{name: "send", path: entitlement(made["pending"]) + "/send"},
		{name: "bulk", path: "/bulk"}, {name: "bulk-judged", path: things.judged, picture: "agents-bulk"}, {name: "bulk-done", path: things.done},
		{name: "plots", path: "/plots", picture: "agents-plots"}, {name: "plots-table", path: "/plots?as=table"},
		{name: "plots-list", path: "/plots/list?activated=" + time.Now().UTC().Format(time.DateOnly)},
		{name: "inbox", path: "/notifications"}, {name: "parked", path: "/notifications?state=parked"}, {name: "notification", path: things.notification},
		{name: "reconciliation", path: "/reconciliation"}, {name: "catalogue", path: "/catalogue"}, {name: "product", path: things.product},
	} {
		supervisor.look("full", v)
	}
	operator := begin("pages", full, "adam@demo.example")
	for _, v := range []visit{{name: "catalogue-admin", path: "/catalogue"}, {name: "product-admin", path: things.product},
		{name: "messages", path: "/messages"}, {name: "home-admin", path: "/"}} {
		operator.look("full", v)
	}
	nobody.portal = full.address
	for what, e := range made {
		v := visit{name: "signup-" + what, path: "/s/" + e.SignupToken}
		if what == "pending" {
			v.picture = "agents-signup"
		}
		nobody.look("full", v)
	}
	nobody.look("full", visit{name: "signup-arabic", path: "/s/" + made["pending"].SignupToken + "?lang=ar"})

	long := strings.Repeat("x", 3000)
	for _, v := range []visit{
		{name: "customers", path: "/customers", fields: map[string]string{"customer_identifier": "has a space"}},
		{name: "customer-edit", path: customer(made["active"]) + "/edit", fields: map[string]string{"email": "nobody"}},
		{name: "customer-identifier", path: customer(made["active"]) + "/identifier", fields: map[string]string{"customer_identifier": "cust-0001"}},
		{name: "customer-note", path: customer(made["active"]) + "/notes", fields: map[string]string{"text": ""}},
		{name: "customer-suspend", path: customer(made["active"]) + "/suspend", fields: map[string]string{"form_token": resale.NewFormToken()}},
		{name: "new", path: "/entitlements", fields: map[string]string{"customer": made["pending"].CustomerID, "form_token": resale.NewFormToken()}},
		{name: "end", path: entitlement(made["active"]) + "/cancel", fields: map[string]string{"reason": ""}},
		{name: "revoke", path: entitlement(made["active"]) + "/revoke", fields: map[string]string{"reason": "REVOKED/OTHER", "confirm": "no"}},
		{name: "change", path: entitlement(made["active"]) + "/update", fields: map[string]string{"date_expiry": "yesterday"}},
		{name: "act", path: entitlement(made["pending"]) + "/suspend", fields: map[string]string{"x": ""}},
		{name: "send", path: entitlement(made["pending"]) + "/send", fields: map[string]string{"channel": "pigeon"}},
		{name: "bulk", path: "/bulk", fields: map[string]string{"act": "suspend", "refs": ""}},
		{name: "bulk-confirm", path: things.judged + "/confirm", fields: map[string]string{"count": "12345"}},
		{name: "view", path: "/views", fields: map[string]string{"name": "", "view": "status=ACTIVE"}},
		{name: "me", path: "/me", fields: map[string]string{"time_zone": "Atlantis"}},
		{name: "attention", path: "/attention/" + made["failed"].ID + "/snooze", fields: map[string]string{"for": "1h", "reason": ""}},
		{name: "filter", path: "/entitlements?status=NONE"}, {name: "no-such-page", path: "/nowhere"}, {name: "no-such-entitlement", path: "/entitlements/AAAA-AAAA"},
		{name: "not-allowed", path: "/messages"}, {name: "too-long", path: "/search?q=" + long},
	} {
		supervisor.look("failed", v)
	}
	for _, v := range []visit{
		{name: "product-name", path: things.product + "/name", fields: map[string]string{"name": "", "version": "1"}},
		{name: "merchant", path: "/catalogue/merchants", fields: map[string]string{"merchant_key": ""}},
		{name: "messages", path: "/messages", fields: map[string]string{"occasion": "signup", "language": "en", "subject": "{x}", "email": "{nobody}", "short": "x"}},
	} {
		operator.look("failed", v)
	}
	nobody.look("failed", visit{name: "signup-unknown", path: "/s/0123456789abcdefghijkl"})

	// Bango turns us away, so that nothing is sent: every page says so.
	if err := full.box.SetFault(sandbox.FaultRule{Fault: "unauthorized"}); err != nil {
		t.Fatal(err)
	}
	if _, err := full.service.Check(t.Context(), full.staff("sofia@demo.example"), made["active"].Ref); err != nil {
		t.Fatal(err)
	}
	for line := (resale.Line{}); line.State == "" || line.State == resale.LineOpen; {
		if line, err = full.store.Line(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range []visit{{name: "line-home", path: "/"}, {name: "line-entitlement", path: entitlement(made["active"])}, {name: "line-attention", path: "/attention"}} {
		supervisor.look("failed", v)
	}

	if missing := missingFrom(seen, pagesOfTheTable(t)); len(missing) > 0 {
		t.Errorf("nobody looked at %q", missing)
	}
}
