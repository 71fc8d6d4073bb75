package handlers

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"latchkey/resale"
	"latchkey/views"
)

const testLogo = `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`

func branded(t *testing.T) with {
	t.Helper()
	brand, err := views.NewBrand("Harbour & Sons", []byte(testLogo), "#ffcc00", "help@harbour.example")
	if err != nil {
		t.Fatal(err)
	}
	return with{config: func(c *Config) { c.Brand, c.Sandbox = brand, true }}
}

// everySignup makes an entitlement for each state of the end user's page and calls f with it.
func (p *portal) everySignup(t *testing.T, f func(state resale.SignupState, e resale.Entitlement)) {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	made := map[resale.SignupState]bool{}
	for _, tt := range []struct {
		state  resale.SignupState
		status resale.Status
		change func(*resale.Entitlement)
	}{
		{resale.SignupGo, resale.Pending, nil},
		{resale.SignupPreparing, resale.Requested, nil},
		{resale.SignupPreparing, resale.Unknown, func(e *resale.Entitlement) { e.Created = now.Add(-time.Hour) }},
		{resale.SignupWaiting, resale.Pending, func(e *resale.Entitlement) { e.Opened, e.OpenedAt = 1, now }},
		{resale.SignupWaiting, resale.Pending, func(e *resale.Entitlement) { e.Opened, e.OpenedAt = 1, now.Add(-time.Hour) }},
		{resale.SignupComing, resale.Pending, func(e *resale.Entitlement) { e.RegistrationURL = "" }},
		{resale.SignupDone, resale.Active, nil},
		{resale.SignupEnding, resale.ActiveEnding, func(e *resale.Entitlement) { e.DateEnded = now.Add(40 * 24 * time.Hour) }},
		{resale.SignupDirect, resale.Refused, func(e *resale.Entitlement) { e.Message = "Maximum number of subscriptions for user reached" }},
		{resale.SignupEnded, resale.Revoked, func(e *resale.Entitlement) { e.DateActivated = now }},
		{resale.SignupClosed, resale.Cancelled, nil},
		{resale.SignupPaused, resale.Suspended, nil},
		{resale.SignupRefused, resale.Refused, nil},
		{resale.SignupFailed, resale.Failed, nil},
		{resale.SignupStuck, resale.Pending, func(e *resale.Entitlement) { e.RegistrationExpires = now.Add(-time.Minute) }},
		{resale.SignupBusy, resale.Pending, func(e *resale.Entitlement) { e.RegistrationExpires = now.Add(-time.Minute) }},
	} {
		e := p.settled(tt.status)
		for range map[resale.SignupState]int{resale.SignupStuck: 1, resale.SignupBusy: 6}[tt.state] {
			p.change(e, func(e *resale.Entitlement) { e.RegistrationExpires = now.Add(-time.Minute) })
			if to, err := p.service.Continue(t.Context(), e.SignupToken, 0); to != "" || err != nil {
				t.Fatalf("%q, %v", to, err)
			}
			outcome := resale.Done
			if tt.state == resale.SignupStuck {
				outcome = resale.Denied
			}
			p.answer(e, outcome, "")
		}
		if tt.change != nil {
			e = p.change(e, tt.change)
		}
		made[tt.state] = true
		f(tt.state, e)
	}
	for _, s := range resale.SignupStates {
		if !made[s] {
			t.Errorf("nothing makes the state %s", s)
		}
	}
}

// In every state and language the page is small, whole, and shows nothing of whom it is for.
func TestTheEndUsersPageInEveryStateAndLanguage(t *testing.T) {
	p := openPortal(t, branded(t))
	outside := regexp.MustCompile(`(?i)(src|href|action|content)="?(https?:)?//`)
	said := map[string]string{}
	p.everySignup(t, func(state resale.SignupState, e resale.Entitlement) {
		before := p.state(e)
		for _, l := range views.Languages {
			what := string(state) + " in " + l.Name
			got := p.as("").send("GET", "/s/"+e.SignupToken+"?lang="+l.Tag, "", "").must(t, http.StatusOK)
			page := got.page(t)
			html := page.Find("html")
			if lang, _ := html.Attr("lang"); lang != l.Tag || got.Header.Get("Content-Language") != l.Tag {
				t.Errorf("%s: the page is in %q", what, lang)
			}
			if dir, _ := html.Attr("dir"); (dir == "rtl") != (l.Tag == "ar") {
				t.Errorf("%s: it is written %s", what, dir)
			}
			if has, _ := page.Find("#signup").Attr("data-state"); has != string(state) {
				t.Fatalf("%s: the page is about %q", what, has)
			}
			text := page.Find("#signup").Text()
			if other := said[l.Tag+page.Find("h1").Text()+page.Find("#signup p").Text()]; other != "" && other != string(state) {
				t.Errorf("%s says the same as %s: %s", what, other, text)
			}
			said[l.Tag+page.Find("h1").Text()+page.Find("#signup p").Text()] = string(state)
			if strings.ContainsAny(text, "{}") || strings.TrimSpace(page.Find("h1").Text()) == "" || !strings.Contains(got.body, e.Ref) ||
				page.Find(`a[href="mailto:help@harbour.example"]`).Length() != 1 {
				t.Errorf("%s: %s", what, page.Find("body").Text())
			}
			for _, personal := range []string{p.customer.Name, p.customer.Email, p.customer.Phone, p.customer.Identifier, "merchant.example", "Latchkey", "Bango said"} {
				if strings.Contains(got.body, personal) {
					t.Errorf("%s: the page has %q on it", what, personal)
				}
			}
			if found := outside.FindString(got.body); found != "" {
				t.Errorf("%s: the page needs something from elsewhere: %s", what, found)
			}
			if page.Find("[style], script:not([src])").Length() > 0 {
				t.Errorf("%s: the page has styles or scripts that the policy forbids", what)
			}
			if n := p.weight(t, page, len(got.body)); n > 20<<10 {
				t.Errorf("%s: the page weighs %d bytes", what, n)
			}
			buttons := page.Find("button").Length()
			if wants := state == resale.SignupGo || state == resale.SignupWaiting || state == resale.SignupStuck; (buttons == 1) != wants || buttons > 1 {
				t.Errorf("%s: %d buttons", what, buttons)
			}
			if reloads, waits := page.Find("noscript").Length() > 0, page.Find("[data-waits]").Length() > 0; reloads != waits {
				t.Errorf("%s: reloads %v, waits %v", what, reloads, waits)
			}
			p.as("").send("HEAD", "/s/"+e.SignupToken, "", "").must(t, http.StatusOK)
		}
		if after := p.state(e); after != before {
			t.Errorf("%s: looking at it changed something:\n%s\n%s", state, before, after)
		}
	})
	if n := len(said); n < 6*14 {
		t.Errorf("only %d different pages", n)
	}
}

// weight is what a browser loads for a page, uncompressed, but for the reseller's own logo.
func (p *portal) weight(t *testing.T, page *goquery.Document, n int) int {
	t.Helper()
	page.Find("link[href], script[src], img[src]").Each(func(_ int, s *goquery.Selection) {
		address, _ := s.Attr("href")
		if address == "" {
			address, _ = s.Attr("src")
		}
		got := p.as("").get(address).must(t, http.StatusOK)
		if !strings.Contains(address, "logo-") {
			n += len(got.body)
		}
	})
	return n
}

func TestTheHeadersOfTheEndUsersPage(t *testing.T) {
	p := openPortal(t, branded(t))
	e := p.settled(resale.Pending)
	got := p.as("").send("GET", "/s/"+e.SignupToken, "", "", "Accept-Language", "fr-CA,fr;q=0.9,en;q=0.5").must(t, http.StatusOK)
	policy := got.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "form-action 'self' https:", "frame-ancestors 'none'", "script-src 'nonce-"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy lacks %q: %s", part, policy)
		}
	}
	for name, want := range map[string]string{"Content-Language": "fr", "Vary": "Accept-Language", "Referrer-Policy": "same-origin", "X-Robots-Tag": "noindex, nofollow",
		"Cache-Control": "no-store"} {
		if value := got.Header.Get(name); value != want {
			t.Errorf("%s is %q, not %q", name, value, want)
		}
	}
	page := got.page(t)
	if page.Find(`meta[name=robots][content^=noindex]`).Length() != 1 || !strings.HasPrefix(page.Find("h1").Text(), "Finalisez votre inscription") {
		t.Errorf("the page: %s", page.Text())
	}
	colour := p.as("").get(page.Find("link[href*=colour]").AttrOr("href", "")).must(t, http.StatusOK)
	if !strings.Contains(colour.body, "--brand:#ffcc00;--on-brand:#000000") || !strings.HasPrefix(colour.Header.Get("Content-Type"), "text/css") {
		t.Errorf("the colour does not come through: %s", colour.body)
	}
	if name := page.Find("img.logo").AttrOr("alt", ""); name != "Harbour & Sons" {
		t.Errorf("the logo is called %q", name)
	}
	logo := p.as("").get(page.Find("img.logo").AttrOr("src", "")).must(t, http.StatusOK)
	if logo.body != testLogo || logo.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(logo.Header.Get("Content-Security-Policy"), "default-src 'none'") ||
		!strings.Contains(logo.Header.Get("Content-Security-Policy"), "sandbox") || !strings.Contains(logo.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("the logo: %v", logo.Header)
	}
}

func TestALostEndUserIsToldInTheirLanguage(t *testing.T) {
	p := openPortal(t, branded(t))
	e := p.settled(resale.Pending)
	for _, l := range views.Languages {
		got := p.as("").get("/s/AAAAAAAAAAAAAAAAAAAAAAAAAA?lang="+l.Tag).must(t, http.StatusNotFound)
		page := got.page(t)
		if page.Find("html").AttrOr("lang", "") != l.Tag || page.Find("footer a[href^=mailto]").Length() != 1 || strings.Contains(got.body, "Latchkey") {
			t.Errorf("%s: %s", l.Name, page.Text())
		}
	}
	failure := error(&resale.Error{Code: resale.CodeInternal, Message: "the disk is full"})
	p.store.failure.Store(&failure)
	got := p.as("").post("/s/"+e.SignupToken+"?lang=de", nil).must(t, http.StatusInternalServerError)
	if !strings.Contains(got.body, "Das liegt an uns") || strings.Contains(got.body, "disk") {
		t.Errorf("a failure of ours: %s", got.body)
	}
	p.store.failure.Store(nil)
	got = p.as("").post("/s/"+e.SignupToken, nil, "Sec-Fetch-Site", "cross-site").must(t, http.StatusForbidden)
	if !strings.Contains(got.body, "open your link again") || strings.Contains(got.body, "our fault") {
		t.Errorf("a form from elsewhere: %s", got.body)
	}
}

// An expired link is asked for anew and waited for, so that the end user notices nothing.
func TestAnExpiredLinkIsRefreshedOnTheWay(t *testing.T) {
	p := openPortal(t, with{})
	e := p.settled(resale.Pending)
	e = p.change(e, func(e *resale.Entitlement) { e.RegistrationExpires = time.Now().Add(-time.Hour).UTC() })
	led := make(chan response, 1)
	go func() { led <- p.as("").post("/s/"+e.SignupToken, nil) }()
	for { // until the request is stored, then Bango answers
		requests, err := p.store.RequestsOf(t.Context(), e.ID, 1)
		if err != nil {
			t.Fatal(err)
		}
		if requests[0].Kind == resale.KindRefresh {
			break
		}
	}
	p.answer(e, resale.Done, "")
	p.change(e, func(e *resale.Entitlement) {
		e.RegistrationURL, e.RegistrationExpires = "https://merchant.example/fresh", time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	})
	got := <-led
	got.leadsTo(t, "https://merchant.example/fresh")
}
