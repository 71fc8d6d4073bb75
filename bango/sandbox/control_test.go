package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// submit sends a form of the control page; header are name and value in turn.
func (r *rig) submit(path string, fields url.Values, header ...string) (status int, location, body string) {
	r.t.Helper()
	req, err := http.NewRequest("POST", r.server.URL+path, strings.NewReader(fields.Encode()))
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

func TestFaultsAreSetAndClearedOnTheControlPage(t *testing.T) {
	r := newRig(t)
	r.wantPage(r.server.URL+"/", 200, `<a href="/control">`)
	r.wantPage(r.server.URL+"/control", 200, "Nothing. Every call is answered as it should be", "None yet.", `<form class="set" method="post" action="/control/set">`)
	set := func(fields url.Values) {
		t.Helper()
		if status, location, body := r.submit("/control/set", fields, "Sec-Fetch-Site", "same-origin"); status != 303 || location != "/control" {
			t.Fatalf("HTTP %d to %q: %s", status, location, body)
		}
	}
	set(url.Values{"fault": {"internal-error"}, "operation": {"create"}, "times": {"2"}, "executed": {"yes"}, "customer": {" cust-001 "}, "merchant": {"BANGO"}})
	set(url.Values{"fault": {"notification-late"}, "operation": {"any"}, "times": {"0"}, "value": {"1m"}})
	want := []FaultRule{{Fault: "internal-error", Operation: "create", Times: 2, Executed: true, Customer: "cust-001", Merchant: "BANGO"},
		{Fault: "notification-late", Operation: "any", Value: "1m"}}
	if got := r.FaultRules(); !slices.Equal(got, want) {
		t.Fatalf("in force are %+v, want %+v", got, want)
	}
	r.wantPage(r.server.URL+"/control", 200, "2 left", "every create of customer cust-001 at BANGO, executed", "until cleared", "every notification, set to 1m")
	if status, _ := r.call("POST", "/v1/entitlement", r.body("cust-001", "BANGO", "BangoMusic"), "X-RequestIdentifier", "r-77"); status != 500 {
		t.Errorf("HTTP %d", status)
	}
	r.wantPage(r.server.URL+"/control", 200, "1 left", "POST /v1/entitlement", "r-77", `struck by <a href="#internal-error">`, "<b>500</b>")
	if status, _, _ := r.submit("/control/clear", url.Values{"rule": {"1"}}); status != 303 {
		t.Errorf("HTTP %d", status)
	}
	if got := r.FaultRules(); !slices.Equal(got, want[1:]) {
		t.Errorf("in force are %+v", got)
	}
	set(url.Values{"fault": {"reset"}, "operation": {"any"}, "times": {"1"}})
	if status, _, _ := r.submit("/control/clear", url.Values{"rule": {"all"}}); status != 303 || len(r.FaultRules()) != 0 {
		t.Errorf("HTTP %d, in force are %+v", status, r.FaultRules())
	}
}

func TestTheControlPageExplainsEveryFault(t *testing.T) {
	r := newRig(t)
	_, body := r.page(r.server.URL + "/control?fault=drip")
	for _, f := range Faults() {
		for _, want := range []string{`<li id="` + f.Name + `">`, `<a href="/control?fault=` + f.Name + `#set">`, f.Text} {
			if !strings.Contains(body, want) {
				t.Errorf("the page is without %q", want)
			}
		}
	}
	if !strings.Contains(body, "<option selected>drip</option>") || strings.Count(body, " selected>") != 1 || strings.Contains(body, "<script") {
		t.Error("another fault is chosen in the form, or a script runs")
	}
}

func TestAWrongFormSetsNothingAndKeepsWhatWasTyped(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct{ fault, times, value, want string }{
		{"reset", "often", "", "How often is to be a whole number"},
		{"reset", "-1", "", "less than none"},
		{"latency-short", "3", "a while", "must be a duration"},
		{"bad-luck", "1", "", "there is no fault"},
		{"reset", "1", strings.Repeat("x", 5000), "did not arrive whole"},
	} {
		status, _, body := r.submit("/control/set", url.Values{"fault": {c.fault}, "times": {c.times}, "value": {c.value}, "customer": {`"><b>`}})
		if status != 400 || !strings.Contains(body, `role="alert">Nothing was set: `) || !strings.Contains(body, c.want) || strings.Contains(body, `"><b>`) {
			t.Errorf("%+.100v: HTTP %d\n%s", c, status, body)
		}
		if len(c.value) < 100 && !strings.Contains(body, `name="times" value="`+c.times+`"`) {
			t.Errorf("%+v: what was typed is gone", c)
		}
	}
	if got := r.FaultRules(); len(got) != 0 {
		t.Errorf("in force are %+v", got)
	}
}

func TestAnotherSiteCannotSetOrClearFaults(t *testing.T) {
	r := newRig(t)
	if err := r.SetFault(FaultRule{Fault: "reset", Operation: "echo"}); err != nil {
		t.Fatal(err)
	}
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		for path, fields := range map[string]url.Values{"/control/set": {"fault": {"drip"}, "times": {"0"}}, "/control/clock": {"by": {"day"}}, "/control/clear": {"rule": {"all"}}} {
			if status, _, body := r.submit(path, fields, header...); status != 403 || !strings.Contains(body, "This did not come from this page") {
				t.Errorf("%s %v: HTTP %d", path, header, status)
			}
		}
	}
	if got := r.FaultRules(); len(got) != 1 || got[0].Fault != "reset" {
		t.Errorf("in force are %+v", got)
	}
}

// What callers send is shown as text.
func TestTheControlPageEscapes(t *testing.T) {
	r := newRig(t)
	const evil = `<script>alert(1)</script>"'`
	if err := r.SetFault(FaultRule{Fault: "not-found", Customer: evil, Merchant: evil}); err != nil {
		t.Fatal(err)
	}
	r.call("GET", "/v1/echo/"+url.PathEscape(evil), "", "X-RequestIdentifier", evil)
	status, body := r.page(r.server.URL + "/control?fault=" + url.QueryEscape(evil))
	if status != 200 || strings.Contains(body, "<script") || strings.Count(body, "&lt;script&gt;") != 4 || strings.Contains(body, "ZgotmplZ") {
		t.Errorf("HTTP %d, %d times\n%s", status, strings.Count(body, "&lt;script&gt;"), body)
	}
}

// The clock is moved on by the form, and what is due by then happens.
func TestTheClockIsMovedOn(t *testing.T) {
	r := newRig(t)
	before := r.Now()
	if status, location, _ := r.submit("/control/clock", url.Values{"by": {"month"}}, "Sec-Fetch-Site", "same-origin"); status != 303 || location != "/control" {
		t.Errorf("status %d, leads to %q", status, location)
	}
	if moved := r.Now().Sub(before); moved < 31*24*time.Hour || moved > 32*24*time.Hour {
		t.Errorf("it moved by %s", moved)
	}
	if status, _, body := r.submit("/control/clock", url.Values{"by": {"year"}}, "Sec-Fetch-Site", "same-origin"); status != 400 || !strings.Contains(body, "a day or a month") {
		t.Errorf("status %d: %.300s", status, body)
	}
}
