package sandbox

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// page opens an address of the sandbox.
func (r *rig) page(address string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequest("GET", address, http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	status, header, body := r.send(req)
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "same-origin",
		"Content-Type":            "text/html; charset=utf-8",
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"} {
		if header.Get(name) != want {
			r.t.Errorf("%s: %s is %q", address, name, header.Get(name))
		}
	}
	return status, body
}

// press presses a button of a registration page; header are name and value in turn.
func (r *rig) press(address, choice string, header ...string) (status int, location, body string) {
	r.t.Helper()
	return r.pressForm(address, url.Values{"choice": {choice}}, header...)
}

// pressForm sends a form.
func (r *rig) pressForm(address string, form url.Values, header ...string) (status int, location, body string) {
	r.t.Helper()
	req, err := http.NewRequest("POST", address, strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	status, h, body := r.send(req)
	return status, h.Get("Location"), body
}

func (r *rig) wantPage(address string, wantStatus int, want ...string) {
	r.t.Helper()
	status, body := r.page(address)
	for _, text := range want {
		if status != wantStatus || !strings.Contains(body, text) {
			r.t.Errorf("%s: HTTP %d without %q:\n%s", address, status, text, regexp.MustCompile(`(?s)<style>.*?</style>`).ReplaceAllString(body, ""))
		}
	}
}

const notReal = "Nothing here is real."

func TestTheRegistrationPage(t *testing.T) {
	r := newRig(t)
	e := r.create("cust-001", "TALEBARN", "TalebarnMonthly")
	r.wantPage(e.RegistrationURL, 200, "<h1>Sign up for Talebarn Monthly</h1>", "Talebarn Audiobooks", notReal, `<form method="post"`,
		`name="choice" value="finish"`, ">Sign up</button>", `name="choice" value="decline"`, ">No thanks</button>", `name="choice" value="leave"`, ">Leave</button>")
	_, body := r.page(e.RegistrationURL)
	if strings.Contains(body, "cust-001") || strings.Contains(body, "<script") || strings.Contains(body, "With the offer") || len(body) > 20_000 {
		t.Errorf("%d bytes:\n%s", len(body), body)
	}
}

func TestTheButtons(t *testing.T) {
	for _, c := range []struct {
		choice, status, done, title string
		again                       int
		text                        string // of the registration page afterwards
	}{
		{"finish", "ACTIVE", "<h1>You are signed up</h1>", "<title>Signed up: ", 200, "<h1>You are already signed up</h1>"},
		{"decline", "CANCELLED", "<h1>You have not signed up</h1>", "<title>Not signed up: ", 404, "<h1>This link is not valid any more</h1>"},
		{"leave", "PENDING", "<h1>Nothing has changed</h1>", "<title>Nothing has changed: ", 200, "<h1>Sign up for Bango Music</h1>"},
	} {
		t.Run(c.choice, func(t *testing.T) {
			r := newRig(t)
			old := r.create("c", "BANGO", "BangoMusic")
			e := r.create("c", "BANGO", "BangoMusic") // a newer URL; the older one stays valid
			r.wantPage(e.RegistrationURL, 200, "<h1>Sign up for Bango Music</h1>")
			status, location, _ := r.press(old.RegistrationURL, c.choice, "Sec-Fetch-Site", "same-origin")
			if want := strings.Replace(strings.TrimPrefix(old.RegistrationURL, r.server.URL), "/register/", "/done/", 1); status != 303 || location != want {
				t.Fatalf("HTTP %d to %q, want 303 to %q", status, location, want)
			}
			r.wantPage(r.server.URL+location, 200, c.done, c.title, "Bango Music", notReal)
			r.wantPage(e.RegistrationURL, c.again, c.text)
			if got := r.newest().Status; got != c.status {
				t.Errorf("it is %s", got)
			}
			// Another press changes nothing that is settled, and leads to what has happened.
			if c.choice != "leave" {
				status, location, _ = r.press(e.RegistrationURL, "decline")
				r.wantPage(r.server.URL+location, 200, c.done)
				if got := r.newest().Status; status != 303 || got != c.status {
					t.Errorf("pressed again: HTTP %d, it is %s", status, got)
				}
			}
			r.delivered()
			if n := len(r.reseller.all()); n > 1 || (n == 1) != (c.choice != "leave") {
				t.Errorf("%d notifications", n)
			}
		})
	}
}

func TestAWrongLink(t *testing.T) {
	r := newRig(t)
	e := r.create("c", "BANGO", "BangoMusic")
	for _, address := range []string{strings.Replace(e.RegistrationURL, "BANGO", "LUMENREEL", 1), e.RegistrationURL + "X",
		strings.Replace(e.RegistrationURL, "/register/", "/done/", 1) + "X"} {
		r.wantPage(address, 404, "<h1>This link is not valid any more</h1>")
		if strings.Contains(address, "/register/") {
			if status, _, _ := r.press(address, "finish"); status != 404 {
				t.Errorf("%s: pressing is HTTP %d", address, status)
			}
		}
	}
	r.wantPage(r.server.URL+"/elsewhere", 404, "<h1>There is no such page</h1>")
	if got := r.newest().Status; got != "PENDING" {
		t.Errorf("it is %s", got)
	}
}

func TestOnlyTheNewestHundredLinksAreKept(t *testing.T) {
	r := newRig(t)
	first := r.create("c", "BANGO", "BangoMusic")
	second := r.create("c", "BANGO", "BangoMusic")
	for i := range maxTokens - 1 {
		r.call("POST", "/v1/entitlement", r.body("c", "BANGO", "BangoMusic"), "X-RequestIdentifier", fmt.Sprint("r-", i))
	}
	r.wantPage(first.RegistrationURL, 404, "not valid any more")
	r.wantPage(second.RegistrationURL, 200, "Sign up for Bango Music")
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.byToken) != maxTokens {
		t.Errorf("%d tokens are kept", len(r.byToken))
	}
}

func TestAnotherSiteCannotPressAButton(t *testing.T) {
	r := newRig(t)
	e := r.create("c", "BANGO", "BangoMusic")
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		status, _, body := r.press(e.RegistrationURL, "finish", header...)
		if status != 403 || !strings.Contains(body, "This did not come from this page") {
			t.Errorf("%v: HTTP %d %s", header, status, body)
		}
	}
	if status, _, _ := r.press(e.RegistrationURL, "sell"); status != 400 {
		t.Errorf("an unknown choice: HTTP %d", status)
	}
	req, _ := http.NewRequest("POST", e.RegistrationURL, strings.NewReader("choice=finish&more="+strings.Repeat("x", 4<<10)))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if status, _, _ := r.send(req); status != 400 {
		t.Errorf("an oversized form: HTTP %d", status)
	}
	if got := r.newest().Status; got != "PENDING" {
		t.Errorf("it is %s", got)
	}
	if status, _, _ := r.press(e.RegistrationURL, "finish", "Origin", r.server.URL); status != 303 {
		t.Errorf("from the page itself: HTTP %d", status)
	}
	r.delivered()
}

func TestPagesEscape(t *testing.T) {
	const evil = `<script>alert(1)</script>"'</style>`
	r := newRig(t, func(c *Config) {
		c.Merchants = []Merchant{{Key: evil, Name: evil, Products: []Product{{Key: evil, Name: evil, Offers: []string{evil}}}}}
	})
	status, answer := r.call("POST", "/v1/entitlement", string(toJSON(map[string]string{"customerIdentifier": evil, "merchantAccountKey": evil,
		"productKey": evil, "offerKey": evil, "notificationUrl": r.reseller.server.URL, "entitlementId": evil, "entitlementDisplayName": evil})))
	if status != 202 {
		t.Fatalf("HTTP %d %s", status, answer)
	}
	e := r.newest()
	addresses := []string{r.server.URL, e.RegistrationURL, strings.Replace(e.RegistrationURL, "/register/", "/done/", 1),
		r.server.URL + entitlementPath(e.ID)}
	check := func() {
		t.Helper()
		for _, address := range addresses {
			status, body := r.page(address)
			if status != 200 || strings.Contains(body, "<script") || !strings.Contains(body, "&lt;script&gt;") || strings.Contains(body, "ZgotmplZ") {
				t.Errorf("%s: HTTP %d\n%s", address, status, body)
			}
		}
	}
	check()
	if status, location, _ := r.press(e.RegistrationURL, "finish"); status != 303 || !strings.HasPrefix(location, "/merchant/%3Cscript%3E") {
		t.Errorf("HTTP %d to %s", status, location)
	}
	check()
	r.delivered()
}

func TestTheStartPage(t *testing.T) {
	r := newRig(t)
	r.wantPage(r.server.URL+"/", 200, "nothing here is real", r.server.URL+"/v1", "The Saltmarsh Courier", "CourierWeekend", "refuses", "There is none yet",
		"takes 2s for a change; its links last 24h<", "asks the end user about another product", "generation 2<", "Its clock says 1 Mar 2021 09:00:00 UTC")
	for i := range startEntitlements + 1 {
		r.create(fmt.Sprintf("cust-%03d", i), "BANGO", "BangoMusic")
	}
	e := r.newest()
	r.wantPage(r.server.URL+"/", 200, "The newest 50 of 51.", "cust-050", "cust-001", e.ID, `href="`+e.RegistrationURL+`"`)
	_, body := r.page(r.server.URL + "/")
	if strings.Contains(body, "cust-000") || strings.Contains(body, "elephant-notepad-dancer") {
		t.Error("it shows the oldest, or the password")
	}
	r.complete(e.ID, Finish)
	r.delivered()
	r.wantPage(r.server.URL+"/", 200, `<span class="status ACTIVE">ACTIVE</span>`, "ACTIVATION_SUCCESS: delivered")
	if _, body := r.page(r.server.URL + "/"); strings.Contains(body, e.RegistrationURL) {
		t.Error("it offers a registration page where nothing waits")
	}
}

func TestMerchantsDoNotLookLikeThePortal(t *testing.T) {
	seen := map[int]string{}
	for _, m := range DefaultMerchants() {
		h := hue(m.Key)
		if h >= 150 && h < 235 || h < 0 || h >= 360 {
			t.Errorf("%s has the hue %d", m.Key, h)
		}
		if seen[h] != "" {
			t.Errorf("%s looks like %s", m.Key, seen[h])
		}
		seen[h] = m.Key
	}
}
