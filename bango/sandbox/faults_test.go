package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// seen is what a plain client sees of one call.
type seen struct {
	status int
	header http.Header
	body   string
	err    error // of the call, or of reading the body
	took   time.Duration
}

func (s seen) members() map[string]any {
	var m map[string]any
	_ = json.Unmarshal([]byte(s.body), &m) // nil is no object
	return m
}

// try makes a call that may fail, and gives it up after patience.
func (r *rig) try(patience time.Duration, method, path, body string, header ...string) (got seen) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, r.server.URL+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.SetBasicAuth("MyOrganization", "elephant-notepad-dancer")
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	begun := time.Now()
	defer func() { got.took = time.Since(begun) }()
	resp, err := r.client.Do(req)
	if err != nil {
		return seen{err: err}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return seen{status: resp.StatusCode, header: resp.Header, body: string(raw), err: err}
}

// looks says, for each fault of calls, what is wrong with how a create that it struck is seen; empty for nothing.
var looks = map[string]func(r *rig, got seen) string{
	"latency-short": func(_ *rig, got seen) string { return complain(got.status == 202 && got.took >= 300*time.Millisecond) },
	"latency-long": func(_ *rig, got seen) string {
		return complain(errors.Is(got.err, context.DeadlineExceeded) && got.status == 0)
	},
	"no-answer": func(_ *rig, got seen) string {
		return complain(errors.Is(got.err, context.DeadlineExceeded) && got.status == 0)
	},
	"reset":  func(_ *rig, got seen) string { return complain(errors.Is(got.err, syscall.ECONNRESET)) },
	"closed": func(_ *rig, got seen) string { return complain(errors.Is(got.err, io.EOF) && got.status == 0) },
	"truncated": func(_ *rig, got seen) string {
		return complain(got.status == 200 && errors.Is(got.err, io.ErrUnexpectedEOF) && strings.HasPrefix(got.body, `{"responseCode":"CLIENT`))
	},
	"content-length-too-long": func(_ *rig, got seen) string {
		return complain(errors.Is(got.err, io.ErrUnexpectedEOF) && got.members()["status"] == "PENDING")
	},
	"content-length-too-short": func(_ *rig, got seen) string {
		return complain(got.err == nil && strings.HasPrefix(got.body, `{"responseCode":"CLIENT`) && got.members() == nil)
	},
	"drip": func(_ *rig, got seen) string {
		return complain(errors.Is(got.err, context.DeadlineExceeded) && got.status == 200 && got.body == strings.Repeat(" ", 1000))
	},
	"body-garbage": plain200("\x00\x01\xff"),
	"body-html": func(_ *rig, got seen) string {
		return complain(got.status == 200 && strings.HasPrefix(got.header.Get("Content-Type"), "text/html") && strings.HasPrefix(got.body, "<!doctype"))
	},
	"body-empty": func(_ *rig, got seen) string { return complain(got.status == 200 && got.body == "" && got.err == nil) },
	"body-bom":   plain200("\xef\xbb\xbf{\"responseCode\":\"CLIENT_ACTION_REQUIRED\""),
	"body-10mb": func(_ *rig, got seen) string {
		return complain(got.status == 200 && len(got.body) > 10<<20 && got.members()["responseCode"] == "OK")
	},
	"body-nested": func(_ *rig, got seen) string {
		return complain(got.status == 200 && strings.Count(got.body, "[") == 10_000 && strings.Count(got.body, "]") == 10_000)
	},
	"body-duplicate-keys": func(_ *rig, got seen) string {
		return complain(got.status == 200 && strings.Count(got.body, `"responseCode"`) == 2 && got.members()["responseCode"] == "CLIENT_ACTION_REQUIRED")
	},
	"body-nan":               plain200(`{"balance":NaN,"responseCode":"CLIENT_ACTION_REQUIRED"`),
	"url-javascript":         leadsTo(func(_ *rig, u string) bool { return strings.HasPrefix(u, "javascript:") }),
	"url-data":               leadsTo(func(_ *rig, u string) bool { return strings.HasPrefix(u, "data:") }),
	"url-http":               leadsTo(func(_ *rig, u string) bool { return strings.HasPrefix(u, "http://attacker.example/") }),
	"url-scheme-relative":    leadsTo(func(_ *rig, u string) bool { return strings.HasPrefix(u, "//attacker.example/") }),
	"url-userinfo":           leadsTo(func(_ *rig, u string) bool { return strings.HasPrefix(u, "https://127.0.0.1@attacker.example/") }),
	"url-control-characters": leadsTo(func(_ *rig, u string) bool { return strings.ContainsAny(u, "\x00\x08\x7f") }),
	"url-line-break":         leadsTo(func(_ *rig, u string) bool { return strings.Contains(u, "\r\nSet-Cookie:") }),
	"url-10kb":               leadsTo(func(r *rig, u string) bool { return strings.HasPrefix(u, r.server.URL) && len(u) > 10<<10 }),
	"url-foreign-host":       leadsTo(func(_ *rig, u string) bool { return strings.HasPrefix(u, "https://attacker.example/") }),
	"url-ip-address": leadsTo(func(_ *rig, u string) bool {
		at, err := url.Parse(u)
		return err == nil && at.Scheme == "https" && net.ParseIP(at.Host) != nil
	}),
	"url-look-alike": leadsTo(func(_ *rig, u string) bool {
		at, err := url.Parse(u)
		return err == nil && at.Host != "www.bango.com" && strings.ReplaceAll(at.Host, "а", "a") == "www.bango.com"
	}),
	"url-missing": func(_ *rig, got seen) string {
		parameters, _ := got.members()["parameters"].(map[string]any)
		_, has := parameters["url"]
		return complain(got.status == 202 && parameters["action"] == "NAVIGATE_TO_URL" && !has)
	},
	"unknown-action": func(_ *rig, got seen) string {
		parameters, _ := got.members()["parameters"].(map[string]any)
		return complain(got.status == 202 && parameters["action"] == unknownValue)
	},
	"unknown-response-code": answered(200, unknownValue),
	"ok-with-500":           answered(500, "OK"),
	"error-with-200":        answered(200, "INTERNAL_ERROR"),
	"bad-request":           answered(400, "BAD_REQUEST"),
	"maximum-reached": func(r *rig, got seen) string {
		return answered(400, "BAD_REQUEST")(r, got) + complain(strings.Contains(got.body, "Maximum number of subscriptions"))
	},
	"unauthorized": func(r *rig, got seen) string {
		return answered(401, "UNAUTHORIZED")(r, got) + complain(got.header.Get("WWW-Authenticate") != "")
	},
	"forbidden":      answered(403, "FORBIDDEN"),
	"not-found":      answered(404, "NOT_FOUND"),
	"already-exists": answered(409, "ALREADY_EXISTS"),
	"too-many-requests": func(r *rig, got seen) string {
		return answered(429, "TOO_MANY_REQUESTS")(r, got) + complain(got.header["Retry-After"] == nil)
	},
	"too-many-requests-retry-after": func(r *rig, got seen) string {
		return answered(429, "TOO_MANY_REQUESTS")(r, got) + complain(got.header.Get("Retry-After") == "5")
	},
	"too-many-requests-retry-date": func(r *rig, got seen) string {
		at, err := http.ParseTime(got.header.Get("Retry-After"))
		return answered(429, "TOO_MANY_REQUESTS")(r, got) + complain(err == nil && time.Until(at) > 50*time.Second && time.Until(at) <= time.Minute)
	},
	"internal-error":      answered(500, "INTERNAL_ERROR"),
	"service-unavailable": answered(503, "SERVICE_UNAVAILABLE"),
	"redirect-301":        redirected(301),
	"redirect-302":        redirected(302),
	"redirect-307":        redirected(307),
	"other-entitlement": func(r *rig, got seen) string {
		m := got.members()
		return complain(got.status == 200 && m["customerIdentifier"] == "c" && uuidV4.MatchString(m["entitlementId"].(string)) && m["entitlementId"] != r.newest().ID)
	},
	"other-customer": func(r *rig, got seen) string {
		m := got.members()
		return complain(got.status == 200 && m["customerIdentifier"] != "c" && m["entitlementId"] == r.newest().ID)
	},
	"keep-alive-closed": func(r *rig, got seen) string {
		calls := len(r.Calls())
		next := r.try(5*time.Second, "POST", "/v1/entitlement", r.body("next", "BANGO", "BangoMusic"), "X-RequestIdentifier", "next")
		lost := errors.Is(next.err, io.EOF) || errors.Is(next.err, syscall.ECONNRESET)
		after := r.try(5*time.Second, "POST", "/v1/entitlement", r.body("next", "BANGO", "BangoMusic"), "X-RequestIdentifier", "next")
		return complain(got.status == 202 && got.members()["status"] == "PENDING" && lost && after.status == 202 && len(r.Calls()) == calls+1)
	},
	"notification-early": func(_ *rig, got seen) string { return complain(got.status == 202) }, // more in a test of its own
}

func complain(ok bool) string {
	if ok {
		return ""
	}
	return "that is not what the fault claims to be"
}

func plain200(begins string) func(*rig, seen) string {
	return func(_ *rig, got seen) string {
		return complain(got.status == 200 && got.err == nil && strings.HasPrefix(got.body, begins) && got.members() == nil)
	}
}

func answered(status int, code string) func(*rig, seen) string {
	return func(_ *rig, got seen) string {
		return complain(got.err == nil && got.status == status && got.members()["responseCode"] == code && got.members()["parameters"] == nil)
	}
}

func leadsTo(right func(r *rig, u string) bool) func(*rig, seen) string {
	return func(r *rig, got seen) string {
		m := got.members()
		parameters, _ := m["parameters"].(map[string]any)
		u, _ := parameters["url"].(string)
		return complain(got.status == 202 && m["responseCode"] == "CLIENT_ACTION_REQUIRED" && parameters["action"] == "NAVIGATE_TO_URL" && right(r, u))
	}
}

func redirected(status int) func(*rig, seen) string {
	return func(r *rig, got seen) string {
		follow := r.try(5*time.Second, "GET", strings.TrimPrefix(got.header.Get("Location"), r.server.URL), "")
		return complain(got.status == status && follow.status == 200 && strings.Contains(got.header.Get("Location"), "/v1/echo/followed-a-redirect"))
	}
}

// Every fault of calls, by a rule and by the header, carried out and not: it is seen as what it claims to be, strikes as often as it
// says, stands among the calls, and leaves the entitlement that it says it leaves.
func TestEveryFaultOfCalls(t *testing.T) {
	count := 0
	for _, f := range Faults() {
		if f.Notification {
			continue
		}
		count++
		for _, executed := range map[Execution][]bool{NotExecuted: {false}, Executed: {true}, EitherWay: {false, true}}[f.Execution] {
			name := f.Name
			if executed {
				name += ";executed"
			}
			for _, header := range []string{"", name} {
				t.Run(name+map[bool]string{true: " by the header"}[header != ""], func(t *testing.T) {
					t.Parallel()
					strikes(t, f, executed, header)
				})
			}
		}
	}
	if count != len(looks) {
		t.Errorf("%d faults of calls, and %d looks", count, len(looks))
	}
}

func strikes(t *testing.T, f Fault, executed bool, header string) {
	r := newRig(t)
	send := []string{"X-RequestIdentifier", "r-1"}
	if header == "" {
		// Never by the operation of the second rule, and once by the first.
		for _, rule := range []FaultRule{{Fault: f.Name, Operation: "create", Times: 1, Executed: executed}, {Fault: "forbidden", Operation: "read"}} {
			if err := r.SetFault(rule); err != nil {
				t.Fatal(err)
			}
		}
	} else {
		send = append(send, "X-Sandbox-Fault", header)
	}
	patience := 10 * time.Second
	if slices.Contains([]string{"latency-long", "no-answer", "drip"}, f.Name) {
		patience = 800 * time.Millisecond
	}
	r.client.Timeout = 0
	got := r.try(patience, "POST", "/v1/entitlement", r.body("c", "BANGO", "BangoMusic"), send...)
	calls := r.Calls() // before a look makes others
	look := looks[f.Name]
	if look == nil {
		t.Fatal("nothing says how it looks")
	}
	late := f.Name == "latency-short" && !executed // carried out after the delay
	if n := len(r.Entitlements()); (n == 1) != (executed || late) || n > 1 {
		t.Errorf("%d entitlements", n)
	}
	if problem := look(r, got); problem != "" {
		t.Errorf("%s: HTTP %d %v after %v, error %v\n%.2000q", problem, got.status, got.header, got.took, got.err, got.body)
	}
	if f.Name == "latency-long" {
		if len(calls) != 0 {
			t.Errorf("an answer that has not gone out is among the calls: %+v", calls)
		}
	} else if len(calls) != 1 || calls[0].Fault != f.Name || calls[0].Status != got.status {
		t.Errorf("calls are %+v", calls)
	}
	// The next one is as usual, and at most one entitlement is there.
	again := r.try(10*time.Second, "POST", "/v1/entitlement", r.body("c", "BANGO", "BangoMusic"), "X-RequestIdentifier", "r-1")
	if again.status != 202 || again.members()["entitlementId"] != r.Entitlements()[0].ID {
		t.Errorf("afterwards: HTTP %d %s %v", again.status, again.body, again.err)
	}
	for _, e := range r.Entitlements()[1:] {
		if e.CustomerIdentifier == "c" {
			t.Error("there are two")
		}
	}
	r.Close() // or the server would wait for what is still delayed
}

func TestADelayedCallIsCarriedOutAfterItsCallerLeft(t *testing.T) {
	r := newRig(t)
	got := r.try(500*time.Millisecond, "POST", "/v1/entitlement", r.body("c", "BANGO", "BangoMusic"), "X-RequestIdentifier", "r-1",
		"X-Sandbox-Fault", "latency-long;value=1500ms")
	if got.err == nil || len(r.Entitlements()) != 0 {
		t.Fatalf("HTTP %d, %d entitlements", got.status, len(r.Entitlements()))
	}
	eventually(t, "the call to be carried out", func() bool { return len(r.Entitlements()) == 1 })
}

func TestHeldConnectionsEndWithTheSandbox(t *testing.T) {
	r := newRig(t)
	ended := make(chan seen, 1)
	go func() {
		ended <- r.try(time.Minute, "GET", "/v1/echo/1", "", "X-Sandbox-Fault", "no-answer")
	}()
	eventually(t, "the call", func() bool { return len(r.Calls()) == 1 })
	r.Close()
	if got := <-ended; got.err == nil || errors.Is(got.err, context.DeadlineExceeded) {
		t.Errorf("HTTP %d, error %v", got.status, got.err)
	}
	if got := r.try(time.Minute, "GET", "/v1/echo/1", "", "X-Sandbox-Fault", "no-answer"); got.err == nil {
		t.Error("a closed sandbox answered")
	}
}

func TestWithoutAConnectionToTakeACallEndsAsOneThatWasReset(t *testing.T) {
	r := newRig(t)
	server := httptest.NewUnstartedServer(r.Sandbox)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	req, _ := http.NewRequest("GET", server.URL+"/v1/echo/1", http.NoBody)
	req.SetBasicAuth("MyOrganization", "elephant-notepad-dancer")
	req.Header.Set("X-Sandbox-Fault", "no-answer")
	resp, err := server.Client().Do(req)
	if err == nil {
		resp.Body.Close()
		t.Errorf("HTTP %d", resp.StatusCode)
	}
}

func TestAResetThroughTLS(t *testing.T) {
	r := newRig(t)
	server := httptest.NewTLSServer(r.Sandbox)
	defer server.Close()
	req, _ := http.NewRequest("GET", server.URL+"/v1/echo/1", http.NoBody)
	req.SetBasicAuth("MyOrganization", "elephant-notepad-dancer")
	req.Header.Set("X-Sandbox-Fault", "reset")
	resp, err := server.Client().Do(req)
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v", err)
	}
}

func TestARuleCountsDown(t *testing.T) {
	r := newRig(t)
	set := func(rule FaultRule) {
		t.Helper()
		if err := r.SetFault(rule); err != nil {
			t.Fatal(err)
		}
	}
	want := func(path string, status int) {
		t.Helper()
		if got, body := r.call("GET", path, ""); got != status {
			t.Errorf("%s: HTTP %d %s, want %d", path, got, body, status)
		}
	}
	set(FaultRule{Fault: "service-unavailable", Operation: "echo", Times: 2})
	set(FaultRule{Fault: "internal-error", Operation: "any", Times: 1})
	set(FaultRule{Fault: "too-many-requests", Operation: "echo"})
	want("/v1/echo/1", 503)
	if got := r.FaultRules(); len(got) != 3 || got[0] != (FaultRule{Fault: "service-unavailable", Operation: "echo", Times: 1}) {
		t.Errorf("in force are %+v", got)
	}
	want("/v1/entitlement/none", 500) // the first that fits, and only once
	want("/v1/entitlement/none", 404)
	want("/v1/echo/1", 503)
	for range 3 {
		want("/v1/echo/1", 429)
	}
	if got := r.FaultRules(); len(got) != 1 || got[0].Fault != "too-many-requests" {
		t.Errorf("in force are %+v", got)
	}
	r.ClearFaults()
	want("/v1/echo/1", 200)
}

// Each operation is struck by a rule of its own name, and by no other.
func TestARuleOfAnOperation(t *testing.T) {
	r := newRig(t)
	e := r.create("c", "BANGO", "BangoMusic")
	reason := `{"cancelReasonCategory":"REVOKED","cancelReasonCode":"OTHER"}`
	calls := map[string][3]string{"create": {"POST", "/v1/entitlement", r.body("x", "BANGO", "BangoMusic")}, "read": {"GET", "/v1/entitlement/" + e.ID, ""},
		"report": {"POST", "/v1/entitlement/report", `{"customerIdentifier":"c"}`}, "update": {"PATCH", "/v1/entitlement", `{"entitlementId":"` + e.ID + `"}`},
		"cancel": {"POST", "/v1/entitlement/cancel/" + e.ID, reason}, "revoke": {"POST", "/v1/entitlement/revoke/" + e.ID, reason}, "products": {"GET", "/v1/products/sandbox", ""},
		"echo": {"GET", "/v1/echo/1", ""}}
	if len(calls)+1 != len(operations) {
		t.Errorf("%d operations", len(operations))
	}
	for operation := range calls {
		if err := r.SetFault(FaultRule{Fault: "forbidden", Operation: operation}); err != nil {
			t.Fatal(err)
		}
		for other, call := range calls {
			if status, body := r.call(call[0], call[1], call[2]); (status == 403) != (other == operation) {
				t.Errorf("a rule for %s: %s is HTTP %d %s", operation, other, status, body)
			}
		}
		r.ClearFaults()
	}
}

// A rule for a customer or a merchant finds them in the body, and by the entitlement that a call names.
func TestARuleOfACustomer(t *testing.T) {
	for name, rule := range map[string]FaultRule{"customer": {Customer: "mine"}, "merchant": {Merchant: "BANGO"}, "both": {Customer: "mine", Merchant: "BANGO"}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			mine, other := r.create("mine", "BANGO", "BangoMusic"), r.create("other", "TALEBARN", "TalebarnMonthly")
			rule.Fault = "forbidden"
			if err := r.SetFault(rule); err != nil {
				t.Fatal(err)
			}
			reason := `{"cancelReasonCategory":"REVOKED","cancelReasonCode":"OTHER"}`
			for e, struck := range map[string]bool{mine.ID: true, other.ID: false} {
				for _, call := range [][3]string{{"GET", "/v1/entitlement/" + e, ""}, {"PATCH", "/v1/entitlement", `{"entitlementId":"` + e + `"}`},
					{"POST", "/v1/entitlement/revoke/" + e, reason}} {
					if status, body := r.call(call[0], call[1], call[2]); (status == 403) != struck {
						t.Errorf("%v: HTTP %d %s", call, status, body)
					}
				}
			}
			if status, _ := r.call("POST", "/v1/entitlement", r.body("mine", "BANGO", "BangoMusic")); status != 403 {
				t.Errorf("a create: HTTP %d", status)
			}
			if status, _ := r.call("POST", "/v1/entitlement", r.body("third", "LUMENREEL", "LumenreelBasic")); status != 202 {
				t.Errorf("another's create, whose body was looked at: HTTP %d", status)
			}
		})
	}
}

func TestAWrongRuleIsRefused(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		rule   FaultRule
		header string // that says the same; empty for none
		want   string
	}{
		{FaultRule{Fault: "bad-luck"}, "bad-luck", `there is no fault "bad-luck"`},
		{FaultRule{}, ";executed", `there is no fault ""`},
		{FaultRule{Fault: "reset", Operation: "delete"}, "", `there is no operation "delete"`},
		{FaultRule{Fault: "notification-lost", Operation: "create"}, "", "which belong to no operation"},
		{FaultRule{Fault: "reset", Times: -1}, "", "less than none"},
		{FaultRule{Fault: "forbidden", Executed: true}, "forbidden; executed", "no variant in which the call is carried out"},
		{FaultRule{Fault: "notification-lost", Executed: true}, "notification-lost;executed", "no variant"},
		{FaultRule{Fault: "reset", Value: "1s"}, "reset;value=1s", "has nothing to set"},
		{FaultRule{Fault: "latency-short", Value: "soon"}, "latency-short;value=soon", "must be a duration"},
		{FaultRule{Fault: "latency-short", Value: "6m"}, "latency-short;value=6m", "from 0s to 5m0s"},
		{FaultRule{Fault: "latency-short", Value: "-1s"}, "latency-short;value=-1s", "must be a duration"},
		{FaultRule{Fault: "notification-duplicate", Value: "1"}, "notification-duplicate;value=1", "a number from 2 to 100"},
		{FaultRule{Fault: "too-many-requests-retry-after", Value: "5\r\nX: y"}, "", "printable ASCII"},
		{FaultRule{Fault: "reset", Customer: strings.Repeat("x", 501)}, "", "longer than 500 bytes"},
	} {
		if err := r.SetFault(c.rule); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.rule, err, c.want)
		}
		if c.header == "" {
			continue
		}
		got := r.try(5*time.Second, "POST", "/v1/entitlement", r.body("c", "BANGO", "BangoMusic"), "X-Sandbox-Fault", c.header)
		message, _ := got.members()["responseMessage"].(string)
		if got.status != 400 || !strings.Contains(message, "X-Sandbox-Fault: ") || !strings.Contains(message, c.want) {
			t.Errorf("%s: HTTP %d %s", c.header, got.status, got.body)
		}
	}
	if status, body := r.call("GET", "/v1/echo/1", "", "X-Sandbox-Fault", "reset;twice"); status != 400 || !strings.Contains(body, "neither executed nor value=") {
		t.Errorf("HTTP %d %s", status, body)
	}
	if n := len(r.FaultRules()) + len(r.Entitlements()); n != 0 {
		t.Errorf("%d rules and entitlements", n)
	}
	for range maxRules {
		if err := r.SetFault(FaultRule{Fault: "reset"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.SetFault(FaultRule{Fault: "reset"}); err == nil {
		t.Error("there is no end to the rules")
	}
}

func TestWithoutCredentialsNoFaultStrikes(t *testing.T) {
	r := newRig(t)
	if err := r.SetFault(FaultRule{Fault: "body-10mb"}); err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{"", "body-10mb"} {
		got := r.try(5*time.Second, "GET", "/v1/echo/1", "", "X-Sandbox-Fault", header, "Authorization", "Basic eDp5")
		if got.status != 401 || len(got.body) > 200 {
			t.Errorf("HTTP %d, %d bytes", got.status, len(got.body))
		}
	}
}

func TestRetryAfterSaysAnything(t *testing.T) {
	r := newRig(t)
	for _, value := range []string{"0", "1", "60", "-1", "1000000000", "soon", "Wed, 21 Oct 2015 07:28:00 GMT"} {
		got := r.try(5*time.Second, "GET", "/v1/echo/1", "", "X-Sandbox-Fault", "too-many-requests-retry-after;value="+value)
		if got.status != 429 || got.header.Get("Retry-After") != value {
			t.Errorf("HTTP %d, Retry-After %q, want %q", got.status, got.header.Get("Retry-After"), value)
		}
	}
}

// A report and a refusal are of another customer, too.
func TestARecordOfAnotherInEveryReply(t *testing.T) {
	r := newRig(t)
	e := r.create("c", "BANGO", "BangoMusic")
	for _, customer := range []string{"c", "nobody"} {
		got := r.try(5*time.Second, "POST", "/v1/entitlement/report", `{"customerIdentifier":"`+customer+`"}`, "X-Sandbox-Fault", "other-customer")
		list, _ := got.members()["entitlements"].([]any)
		if len(list) != 1 || list[0].(map[string]any)["customerIdentifier"] != "another-customer" {
			t.Errorf("HTTP %d %s", got.status, got.body)
		}
	}
	for id, customer := range map[string]string{e.ID: "c", "none": "another-customer"} {
		got := r.try(5*time.Second, "GET", "/v1/entitlement/"+id, "", "X-Sandbox-Fault", "other-entitlement")
		m := got.members()
		if got.status != 200 || m["responseCode"] != "OK" || m["entitlementId"] == id || m["customerIdentifier"] != customer {
			t.Errorf("HTTP %d %s", got.status, got.body)
		}
	}
}

func TestADripGoesOnAtItsPace(t *testing.T) {
	r := newRig(t)
	req, _ := http.NewRequest("GET", r.server.URL+"/v1/echo/1", http.NoBody)
	req.SetBasicAuth("MyOrganization", "elephant-notepad-dancer")
	req.Header.Set("X-Sandbox-Fault", "drip")
	begun := time.Now()
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 2000)); err != nil || time.Since(begun) < 900*time.Millisecond {
		t.Errorf("2 KB came after %v, error %v", time.Since(begun), err)
	}
	if want := int64(20<<10 + len(`{"responseCode":"OK","responseMessage":"Success","echo":"1"}`)); resp.ContentLength != want {
		t.Errorf("%d bytes are to come, want %d", resp.ContentLength, want)
	}
}

// notified returns the reasons that a reseller was given, in order; empty for what cannot be read.
func (r *rig) notified() (all []string) {
	for _, n := range r.reseller.all() {
		m := seen{body: n.body}.members()
		reason, _ := m["notificationReason"].(string)
		all = append(all, reason)
	}
	return all
}

func TestEveryFaultOfNotifications(t *testing.T) {
	const activated, ending = "ACTIVATION_SUCCESS", "TERMINATION_SUCCESS"
	looks := map[string]struct {
		value string
		want  []string // reasons in order
		check func(r *rig, all []received) bool
	}{
		"notification-duplicate": {"3", []string{activated, activated, activated, ending}, func(_ *rig, all []received) bool {
			return all[0].body == all[1].body && all[0].body == all[2].body
		}},
		"notification-late":      {"1s", []string{ending, activated}, nil},
		"notification-lost":      {"", []string{ending}, nil},
		"notification-reordered": {"", []string{ending, activated}, nil},
		"notification-malformed": {"", []string{"", ending}, func(_ *rig, all []received) bool {
			return strings.HasPrefix(all[0].body, `{"responseCode":"OK"`) && !json.Valid([]byte(all[0].body))
		}},
		"notification-credentials": {"", []string{activated, ending}, func(_ *rig, all []received) bool {
			wrong, right := all[0].header, all[1].header
			return wrong.Get("X-Api-Key") != "" && wrong.Get("X-Api-Key") != "key-1" && wrong.Get("Authorization") != right.Get("Authorization") &&
				strings.HasPrefix(wrong.Get("Authorization"), "Basic ") && right.Get("X-Api-Key") == "key-1"
		}},
		"notification-unknown": {"", []string{activated, activated, ending}, func(r *rig, all []received) bool {
			known, unknown := seen{body: all[0].body}.members(), seen{body: all[1].body}.members()
			return known["entitlementId"] == r.newest().ID && unknown["entitlementId"] != r.newest().ID && uuidV4.MatchString(unknown["entitlementId"].(string))
		}},
	}
	count := 0
	for _, f := range Faults() {
		if !f.Notification {
			continue
		}
		count++
		for _, byHeader := range []bool{false, true} {
			t.Run(f.Name+map[bool]string{true: " by the header"}[byHeader], func(t *testing.T) {
				t.Parallel()
				look, known := looks[f.Name]
				if !known {
					t.Fatal("nothing says how it looks")
				}
				r := newRig(t, func(c *Config) { c.NotifyKey, c.NotifyUsername, c.NotifyPassword = "key-1", "bango", "secret" })
				var header []string
				if byHeader {
					header = []string{"X-Sandbox-Fault", f.Name}
					if look.value != "" {
						header[1] += ";value=" + look.value
					}
				} else if err := r.SetFault(FaultRule{Fault: f.Name, Value: look.value, Customer: "c", Merchant: "CLOUDPANTRY", Times: 1}); err != nil {
					t.Fatal(err)
				}
				if status, body := r.call("POST", "/v1/entitlement", r.body("other", "CLOUDPANTRY", "Cloudpantry200")); status != 200 {
					t.Fatalf("HTTP %d %s", status, body)
				}
				r.delivered() // of another customer: as usual
				before := len(r.reseller.all())
				if status, body := r.call("POST", "/v1/entitlement", r.body("c", "CLOUDPANTRY", "Cloudpantry200"), header...); status != 200 {
					t.Fatalf("HTTP %d %s", status, body)
				}
				if status, body := r.call("POST", "/v1/entitlement/revoke/"+r.newest().ID, `{"cancelReasonCategory":"REVOKED","cancelReasonCode":"OTHER"}`); status != 200 {
					t.Fatalf("HTTP %d %s", status, body)
				}
				r.delivered()
				if got := r.notified(); before != 1 || !slices.Equal(got[before:], look.want) {
					t.Errorf("after %d came %v, want %v", before, got[before:], look.want)
				} else if look.check != nil && !look.check(r, r.reseller.all()[before:]) {
					t.Errorf("received %+v", r.reseller.all()[before:])
				}
				if got := r.FaultRules(); len(got) != 0 {
					t.Errorf("still in force: %+v", got)
				}
			})
		}
	}
	if count != len(looks) {
		t.Errorf("%d faults of notifications, and %d looks", count, len(looks))
	}
}

func TestAReorderedNotificationComesInTheEndWithoutANextOne(t *testing.T) {
	r := newRig(t)
	if err := r.SetFault(FaultRule{Fault: "notification-reordered", Value: "50ms"}); err != nil {
		t.Fatal(err)
	}
	r.create("c", "CLOUDPANTRY", "Cloudpantry200")
	if n := r.Pending(); n != 1 {
		t.Errorf("%d are undelivered", n)
	}
	r.delivered()
	if got := r.notified(); len(got) != 1 {
		t.Errorf("came %v", got)
	}
}

// The reply waits for the notification: while that is under way, none has come.
func TestAnEarlyNotification(t *testing.T) {
	r := newRig(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	r.reseller.answer(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
	})
	replied := make(chan seen, 1)
	go func() {
		replied <- r.try(10*time.Second, "POST", "/v1/entitlement", r.body("c", "CLOUDPANTRY", "Cloudpantry200"), "X-Sandbox-Fault", "notification-early")
	}()
	<-arrived
	select {
	case got := <-replied:
		close(release)
		t.Fatalf("the reply came first: HTTP %d %s", got.status, got.body)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if got := <-replied; got.status != 200 || got.members()["status"] != "ACTIVE" {
		t.Errorf("HTTP %d %s %v", got.status, got.body, got.err)
	}
	// A receiver that does not answer holds it no longer than is set.
	r.reseller.answer(status(200), func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
	got := r.try(5*time.Second, "POST", "/v1/entitlement", r.body("d", "CLOUDPANTRY", "Cloudpantry200"), "X-Sandbox-Fault", "notification-early;value=50ms")
	if got.status != 200 || got.took < 50*time.Millisecond {
		t.Errorf("HTTP %d after %v %v", got.status, got.took, got.err)
	}
}

func TestANotificationOfACallThatIsAboutNobody(t *testing.T) {
	r := newRig(t)
	if status, body := r.call("GET", "/v1/echo/1", "", "X-Sandbox-Fault", "notification-lost"); status != 400 || !strings.Contains(body, "about no customer") {
		t.Errorf("HTTP %d %s", status, body)
	}
}

func TestFaultsSayWhatTheyAre(t *testing.T) {
	rows := map[int]bool{1: true, 9: true, 10: true, 26: true} // that need no fault
	names := map[string]bool{}
	for _, f := range Faults() {
		rows[f.Row] = true
		if names[f.Name] || f.Name != strings.ToLower(f.Name) || strings.ContainsAny(f.Name, " _;") || !strings.HasSuffix(f.Text, ".") ||
			(f.Setting == "") != (f.Value == "") || f.Notification && (f.Row != 0 || f.Execution != NotExecuted) {
			t.Errorf("%+v", f)
		}
		names[f.Name] = true
	}
	for row := 1; row <= 27; row++ {
		if !rows[row] {
			t.Errorf("row %d has no fault", row)
		}
	}
}
