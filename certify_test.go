package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/bango/sandbox"
)

// asked is a request on its way to the sandbox.
type asked struct {
	op  string // echo, create, read, report, update, cancel, revoke or sign-up
	nth int    // of this operation, from 1
	r   *http.Request
	raw []byte
}

// reply is an answer on its way back.
type reply struct {
	status int
	header http.Header
	raw    []byte
}

// with returns raw, a JSON object, with one member changed.
func with(raw []byte, key string, value any) []byte {
	var members map[string]any
	if json.Unmarshal(raw, &members) != nil {
		return raw
	}
	members[key] = value
	changed, _ := json.Marshal(members)
	return changed
}

func text(raw []byte, key string) string {
	var members map[string]any
	json.Unmarshal(raw, &members)
	value, _ := members[key].(string)
	return value
}

// fault breaks one behaviour: it passes a request on or not, and changes it or the answer.
type fault func(q *asked, pass func() reply) reply

// only breaks the nth call of an operation; 0 is every one.
func only(op string, nth int, change func(q *asked, pass func() reply) reply) fault {
	return func(q *asked, pass func() reply) reply {
		if q.op == op && (nth == 0 || q.nth == nth) {
			return change(q, pass)
		}
		return pass()
	}
}

// answers changes one member of the answer to the nth call of an operation.
func answersWith(op string, nth int, key string, value any) fault {
	return only(op, nth, func(_ *asked, pass func() reply) reply {
		a := pass()
		a.raw = with(a.raw, key, value)
		return a
	})
}

// says answers the nth call of an operation in the sandbox's place.
func says(op string, nth, status int, body string) fault {
	return only(op, nth, func(*asked, func() reply) reply {
		return reply{status, http.Header{"Content-Type": {"application/json"}}, []byte(body)}
	})
}

// unheard loses the notifications of one status on their way.
func unheard(t *testing.T, status string) fault {
	relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		if text(raw, "status") == status {
			return
		}
		onward, _ := http.NewRequest(http.MethodPost, r.URL.Query().Get("to"), bytes.NewReader(raw))
		onward.Header = r.Header
		if resp, err := http.DefaultTransport.RoundTrip(onward); err == nil {
			resp.Body.Close()
		}
	}))
	t.Cleanup(relay.Close)
	return only("create", 0, func(q *asked, pass func() reply) reply {
		q.raw = with(q.raw, "notificationUrl", relay.URL+"?to="+text(q.raw, "notificationUrl"))
		return pass()
	})
}

// certifyBench is a sandbox, behind a fault, and a certification of it.
type certifyBench struct {
	t   *testing.T
	box *sandbox.Sandbox
	cmd certifyCmd
	run *certification
	out bytes.Buffer
}

func newCertifyBench(t *testing.T, break_ fault, merchants ...sandbox.Merchant) *certifyBench {
	t.Helper()
	b := &certifyBench{t: t}
	server := httptest.NewUnstartedServer(nil)
	address := "http://" + server.Listener.Addr().String()
	var err error
	b.box, err = sandbox.New(sandbox.Config{Username: sandboxUsername, Password: sandboxPassword, PublicURL: address, NotifyKey: sandboxWebhookKey,
		Merchants: merchants, RetryFirst: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = b.box
	if break_ != nil {
		server.Config.Handler = breaking(b.box, break_)
	}
	server.Start()
	t.Cleanup(func() { server.Close(); b.box.Close() })
	for name, value := range map[string]string{"LATCHKEY_BANGO_USERNAME": sandboxUsername, "LATCHKEY_BANGO_PASSWORD": sandboxPassword,
		"LATCHKEY_WEBHOOK_KEY": sandboxWebhookKey} {
		t.Setenv(name, value)
	}
	b.cmd = certifyCmd{Merchant: "BANGO", Product: "BangoMusic", Wait: time.Minute, Evidence: filepath.Join(t.TempDir(), "evidence"),
		portalFlags: portalFlags{BangoURL: address + "/v1", BangoTimeout: "10s", ReconcileEvery: "15m", addressFlags: addressFlags{Listen: freeAddress(t)}}}
	return b
}

// breaking serves the sandbox with a fault.
func breaking(next http.Handler, break_ fault) http.Handler {
	counts := map[string]int{} // a certification calls one thing after the other
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		q := &asked{r: r, raw: raw}
		switch path := r.URL.Path; {
		case strings.HasPrefix(path, "/v1/echo/"):
			q.op = "echo"
		case strings.HasPrefix(path, "/merchant/"):
			q.op = "sign-up"
		case strings.HasPrefix(path, "/v1/entitlement/cancel/"):
			q.op = "cancel"
		case strings.HasPrefix(path, "/v1/entitlement/revoke/"):
			q.op = "revoke"
		case path == "/v1/entitlement/report":
			q.op = "report"
		case r.Method == http.MethodGet:
			q.op = "read"
		case r.Method == http.MethodPatch:
			q.op = "update"
		default:
			q.op = "create"
		}
		counts[q.op]++
		q.nth = counts[q.op]
		a := break_(q, func() reply {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(q.raw)), int64(len(q.raw))
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			return reply{rec.Code, rec.Header(), rec.Body.Bytes()}
		})
		for name, values := range a.header {
			w.Header()[name] = values
		}
		w.WriteHeader(a.status)
		w.Write(a.raw)
	})
}

// certify runs it with little patience, and returns how it ended and the verdict of each case that did not hold.
func (b *certifyBench) certify(ctx context.Context) (others map[string]verdict, err error) {
	b.t.Helper()
	if b.run, err = b.cmd.open(ctx, &b.out); err != nil {
		b.t.Fatal(err)
	}
	defer b.run.inbox.close()
	b.run.patience = patience{person: 5 * time.Second, merchant: 300 * time.Millisecond, notification: 300 * time.Millisecond, between: 10 * time.Millisecond}
	err = b.run.certify(ctx)
	others = map[string]verdict{}
	lines := strings.Split(b.out.String(), "\n")
	for _, c := range certCases {
		i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "  "+c.name+"  ") })
		if i < 0 {
			b.t.Fatalf("the table has no line for %q:\n%s", c.name, &b.out)
		}
		if v, _, _ := strings.Cut(lines[i], "  "); verdict(v) != held {
			others[c.name] = verdict(v)
		}
	}
	return others, err
}

// nothingIsLeft fails if the run has left an entitlement that lives on.
func (b *certifyBench) nothingIsLeft() {
	b.t.Helper()
	for _, e := range b.box.Entitlements() {
		if !slices.Contains(over, e.Status) {
			b.t.Errorf("an entitlement of %s is left, %s", e.CustomerIdentifier, e.Status)
		}
	}
}

func TestCertifyIsGreenAgainstTheSandbox(t *testing.T) {
	b := newCertifyBench(t, nil)
	others, err := b.certify(t.Context())
	if err != nil || len(others) > 0 {
		t.Fatalf("%v\n%s", err, &b.out)
	}
	b.nothingIsLeft()
	files, err := os.ReadDir(b.cmd.Evidence)
	if err != nil || len(files) < len(certCases) {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var all strings.Builder
	for _, f := range files {
		raw, err := os.ReadFile(filepath.Join(b.cmd.Evidence, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all.Write(raw)
	}
	for _, must := range []string{"POST /entitlement\nX-RequestIdentifier: latchkey-cert-", `/webhooks/bango/(removed)"`, "ACTIVATION_SUCCESS", "HTTP 401",
		"| held | Test 0 Connectivity | documented |", "cancelled now: 1"} {
		if !strings.Contains(all.String(), must) {
			t.Errorf("the evidence has no %q", must)
		}
	}
	for _, secret := range []string{b.run.inbox.token, sandboxPassword, sandboxWebhookKey, "Authorization"} {
		if strings.Contains(all.String(), secret) {
			t.Errorf("the evidence has the secret %q", secret)
		}
	}
	if _, err := b.cmd.open(t.Context(), &b.out); err == nil || !strings.Contains(err.Error(), "--evidence") {
		t.Errorf("a second run into the same folder: %v", err)
	}
}

// Every kind of merchant: what one does not do is no failure.
func TestCertifyKnowsWhatMerchantsDo(t *testing.T) {
	const undo = "Undo of the cancel"
	product := []sandbox.Product{{Key: "P", Name: "Product", Offers: []string{"O"}}}
	for _, tt := range []struct {
		merchant sandbox.Merchant
		others   map[string]verdict
	}{
		{sandbox.Merchant{Name: "queues", Async: 30 * time.Millisecond}, map[string]verdict{undo: notChecked}},
		{sandbox.Merchant{Name: "activates at once", Behaviour: sandbox.Instant}, map[string]verdict{"Repeat create while PENDING": notChecked, undo: notChecked}},
		{sandbox.Merchant{Name: "cannot suspend", NoSuspend: true}, map[string]verdict{"Suspend": notSupported, "Resume": notSupported, undo: notChecked}},
		{sandbox.Merchant{Name: "ends later", EndsLater: true}, map[string]verdict{}},
	} {
		t.Run(tt.merchant.Name, func(t *testing.T) {
			tt.merchant.Key, tt.merchant.Products = "M", product
			b := newCertifyBench(t, nil, tt.merchant)
			b.cmd.Merchant, b.cmd.Product, b.cmd.Offer = "M", "P", "O"
			if others, err := b.certify(t.Context()); err != nil || !sameVerdicts(others, tt.others) {
				t.Errorf("%v, %v\n%s", err, others, &b.out)
			}
			b.nothingIsLeft()
		})
	}
}

func sameVerdicts(a, b map[string]verdict) bool {
	if len(a) != len(b) {
		return false
	}
	for name, v := range a {
		if b[name] != v {
			return false
		}
	}
	return true
}

// Each behaviour, broken alone, is red in its own line and in no other, and nothing stays behind at Bango.
func TestCertifyFindsEachBreakage(t *testing.T) {
	const none, another = "00000000-0000-4000-8000-000000000000", "11111111-0000-4000-8000-000000000000"
	const fine, trouble = `{"responseCode":"OK","responseMessage":"Success"}`, `{"responseCode":"INTERNAL_ERROR","responseMessage":"Sorry"}`
	// The creates of a run: an unknown product, the first one, the same again, the repeat, the second while ACTIVE, the one to revoke.
	// Its updates: the update, the suspend, the resume, the undo. Its reads: an unknown id, the activation, the query, the reason, what was to stay revoked.
	for _, tt := range []struct {
		name  string
		red   string
		broke func(t *testing.T) fault
	}{
		{"echo repeats another id", "Test 0 Connectivity", always(answersWith("echo", 1, "echo", "another"))},
		{"echo is not there", "Test 0 Connectivity", always(says("echo", 1, 404, fine))},
		{"any password will do", "Wrong password", always(only("report", 1, func(q *asked, pass func() reply) reply {
			q.r.SetBasicAuth(sandboxUsername, sandboxPassword)
			return pass()
		}))},
		{"a wrong password is a bad request", "Wrong password", always(says("report", 1, 400, `{"responseCode":"BAD_REQUEST","responseMessage":"No"}`))},
		{"an unknown id is found", "Read of an unknown id", always(only("read", 1, func(q *asked, _ func() reply) reply {
			return reply{200, nil, with(with([]byte(fine), "entitlementId", filepath.Base(q.r.URL.Path)), "status", "ACTIVE")}
		}))},
		{"an unknown id is an error", "Read of an unknown id", always(says("read", 1, 500, trouble))},
		{"an unknown product is sold", "Create of an unknown product", always(only("create", 1, func(q *asked, pass func() reply) reply {
			q.raw = with(q.raw, "productKey", "BangoMusic")
			a := pass()
			a.raw = with(a.raw, "productKey", "LatchkeyHasNoSuchProduct")
			return a
		}))},
		{"an unknown product is not available", "Create of an unknown product", always(says("create", 1, 400, `{"responseCode":"NOT_AVAILABLE","responseMessage":"No"}`))},
		{"create fails", caseCreate, always(says("create", 2, 500, trouble))},
		{"create is refused", caseCreate, always(says("create", 2, 400, `{"responseCode":"NOT_AVAILABLE","responseMessage":"No"}`))},
		{"create gives no link", caseCreate, always(answersWith("create", 2, "parameters", nil))},
		{"the link hides where it leads", caseCreate, always(answersWith("create", 2, "parameters",
			map[string]string{"action": "NAVIGATE_TO_URL", "url": "https://bango.example@evil.example/"}))},
		{"create is ACTIVE though the user must act", caseCreate, always(answersWith("create", 2, "status", "ACTIVE"))},
		{"the same request makes another one", "Same X-RequestIdentifier again", always(answersWith("create", 3, "entitlementId", another))},
		{"the same request gives another link", "Same X-RequestIdentifier again", always(only("create", 3, func(q *asked, pass func() reply) reply {
			q.r.Header.Del("X-RequestIdentifier")
			return pass()
		}))},
		{"the same request leaves two behind", "Same X-RequestIdentifier again", always(only("report", 2, func(_ *asked, pass func() reply) reply {
			a := pass()
			var list struct {
				Entitlements []map[string]any `json:"entitlements"`
			}
			json.Unmarshal(a.raw, &list)
			a.raw = with(a.raw, "entitlements", append(list.Entitlements, list.Entitlements...))
			return a
		}))},
		{"the repeat gives the same link", "Repeat create while PENDING", func(*testing.T) fault {
			var first string
			return only("create", 0, func(q *asked, pass func() reply) reply {
				a := pass()
				var got struct{ Parameters map[string]string }
				json.Unmarshal(a.raw, &got)
				switch q.nth {
				case 2:
					first = got.Parameters["url"]
				case 4:
					a.raw = with(a.raw, "parameters", map[string]string{"action": "NAVIGATE_TO_URL", "url": first})
				}
				return a
			})
		}},
		{"the repeat makes another one", "Repeat create while PENDING", always(answersWith("create", 4, "entitlementId", another))},
		{"the repeat is refused", "Repeat create while PENDING", always(says("create", 4, 400, `{"responseCode":"BAD_REQUEST","responseMessage":"No"}`))},
		{"the sign-up has no effect", caseActivate, always(says("sign-up", 1, 303, ""))},
		{"the merchant's page is broken", caseActivate, always(says("sign-up", 1, 500, ""))},
		{"nothing tells of the activation", "Notification of the activation", func(t *testing.T) fault { return unheard(t, "ACTIVE") }},
		{"the query has another status", caseQuery, always(answersWith("read", 3, "status", "SUSPENDED"))},
		{"the query has another product", caseQuery, always(answersWith("read", 3, "productKey", "Another"))},
		{"the query has no dateActivated", caseQuery, always(answersWith("read", 3, "dateActivated", nil))},
		{"the query fails", caseQuery, always(says("read", 3, 500, trouble))},
		{"a second one is sold", "Second create while ACTIVE", always(only("create", 5, func(q *asked, pass func() reply) reply {
			a := pass()
			a.status, a.raw = 200, with(with(with([]byte(fine), "entitlementId", none), "status", "ACTIVE"), "productKey", "BangoMusic")
			return a
		}))},
		{"a second one is refused in other words", "Second create while ACTIVE", always(answersWith("create", 5, "responseMessage", "No"))},
		{"the report has nothing", "Report", always(answersWith("report", 3, "entitlements", []any{}))},
		{"the report fails", "Report", always(says("report", 3, 500, trouble))},
		{"suspend does nothing", caseSuspend, always(only("update", 2, func(q *asked, pass func() reply) reply {
			return reply{200, nil, with(with([]byte(fine), "entitlementId", text(q.raw, "entitlementId")), "status", "ACTIVE")}
		}))},
		{"suspend is queued for ever", caseSuspend, always(only("update", 2, func(q *asked, pass func() reply) reply {
			return reply{202, nil, with(with([]byte(fine), "entitlementId", text(q.raw, "entitlementId")), "status", "ACTIVE")}
		}))},
		{"resume does nothing", "Resume", always(only("update", 3, func(q *asked, pass func() reply) reply {
			return reply{200, nil, with(with([]byte(fine), "entitlementId", text(q.raw, "entitlementId")), "status", "SUSPENDED")}
		}))},
		{"an update does nothing", "Update", always(answersWith("update", 1, "dateExpiry", nil))},
		{"an update is refused", "Update", always(says("update", 1, 400, `{"responseCode":"BAD_REQUEST","responseMessage":"No"}`))},
		{"an undo does nothing", "Undo of the cancel", always(answersWith("update", 4, "status", "ACTIVE-ENDING"))},
		{"an undo leaves the announced end", "Undo of the cancel", always(answersWith("update", 4, "dateEnded", "2030-01-01T00:00:00Z"))},
		{"cancel leaves it ACTIVE", caseCancel, always(only("cancel", 1, func(q *asked, _ func() reply) reply {
			return reply{200, nil, with(with([]byte(fine), "entitlementId", filepath.Base(q.r.URL.Path)), "status", "ACTIVE")}
		}))},
		{"cancel is not available", caseCancel, always(says("cancel", 1, 202, `{"responseCode":"NOT_AVAILABLE","responseMessage":"No"}`))},
		{"the announced end has no date", caseCancel, always(answersWith("cancel", 1, "dateEnded", nil))},
		{"the reason is lost", "Reason of the cancel", always(answersWith("read", 4, "extensionData", nil))},
		{"the reason is another one", "Reason of the cancel", always(answersWith("read", 4, "extensionData", map[string]string{"cancelReasonCategory": "REVOKED"}))},
		{"nothing tells of the ending", "Notification of the ending", func(t *testing.T) fault { return unheard(t, "ACTIVE-ENDING") }},
		{"revoke leaves it PENDING", caseRevoke, always(only("revoke", 1, func(q *asked, _ func() reply) reply {
			return reply{200, nil, with(with([]byte(fine), "entitlementId", filepath.Base(q.r.URL.Path)), "status", "PENDING")}
		}))},
		{"what has ended is cancelled", "Cancel of what has ended", always(only("cancel", 2, func(q *asked, _ func() reply) reply {
			return reply{200, nil, with(with([]byte(fine), "entitlementId", filepath.Base(q.r.URL.Path)), "status", "CANCELLED")}
		}))},
		{"what has ended comes back", "Cancel of what has ended", always(answersWith("read", 5, "status", "ACTIVE"))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newCertifyBench(t, tt.broke(t))
			others, err := b.certify(t.Context())
			if err == nil || !strings.Contains(err.Error(), "did not hold") {
				t.Errorf("the run ended with %v", err)
			}
			for name, v := range others {
				if (v == failed) != (name == tt.red) || v != failed && v != notReached && v != notChecked {
					t.Errorf("%q: %s", name, v)
				}
			}
			if others[tt.red] != failed {
				t.Errorf("%q is %q", tt.red, others[tt.red])
			}
			b.nothingIsLeft()
			if t.Failed() {
				t.Log("\n" + b.out.String())
			}
		})
	}
}

func always(f fault) func(*testing.T) fault { return func(*testing.T) fault { return f } }

// Whoever is interrupted while a person is waited for leaves nothing behind.
func TestCertifyEndsCleanly(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	b := newCertifyBench(t, only("sign-up", 1, func(*asked, func() reply) reply {
		interrupt()
		return reply{status: http.StatusSeeOther}
	}))
	others, err := b.certify(ctx)
	if err == nil || !strings.Contains(err.Error(), "interrupted") || others[caseActivate] != notReached || others[caseCreate] != "" {
		t.Errorf("%v, %v", err, others)
	}
	if !strings.Contains(b.out.String(), "cancelled now: 1") {
		t.Errorf("it says %s", &b.out)
	}
	b.nothingIsLeft()
}

// Where a person signs up, the link is shown and waited for.
func TestCertifyWaitsForAPerson(t *testing.T) {
	var box *sandbox.Sandbox
	reads := 0
	b := newCertifyBench(t, func(q *asked, pass func() reply) reply {
		if q.op == "read" {
			if reads++; reads == 4 { // the third look at what waits
				for _, e := range box.Entitlements() {
					if e.Status == pending {
						box.Complete(e.ID, sandbox.Finish)
					}
				}
			}
		}
		return pass()
	})
	box = b.box
	var err error
	if b.run, err = b.cmd.open(t.Context(), &b.out); err != nil {
		t.Fatal(err)
	}
	defer b.run.inbox.close()
	b.run.auto, b.run.patience.between = false, 10*time.Millisecond
	if err := b.run.certify(t.Context()); err != nil {
		t.Errorf("%v\n%s", err, &b.out)
	}
	if link := b.run.create.Parameters.URL; !strings.Contains(b.out.String(), "sign up") || !strings.Contains(b.out.String(), "  "+link+"\n") {
		t.Errorf("the link %s is not shown:\n%s", link, &b.out)
	}
}

// Without an address for them, notifications are not checked, and nothing else is the worse for it.
func TestCertifyWithoutAnAddress(t *testing.T) {
	b := newCertifyBench(t, nil)
	taken, err := listen(b.cmd.Listen, "--listen")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	others, err := b.certify(t.Context())
	want := map[string]verdict{"Notification of the activation": notChecked, "Notification of the ending": notChecked}
	if err != nil || !sameVerdicts(others, want) || !strings.Contains(b.out.String(), "in use by another program") {
		t.Errorf("%v, %v\n%s", err, others, &b.out)
	}
}

// A notification without the credential that the portal would ask for is a failure.
func TestCertifyAsksForTheWebhookCredential(t *testing.T) {
	b := newCertifyBench(t, nil)
	t.Setenv("LATCHKEY_WEBHOOK_KEY", "another-key")
	others, err := b.certify(t.Context())
	if err == nil || others["Notification of the activation"] != failed || !strings.Contains(b.out.String(), "without the webhook credentials") {
		t.Errorf("%v, %v\n%s", err, others, &b.out)
	}
}

// The command line: the exit code, the one line on standard error, and what is wrong before it begins.
func TestCertifyCommand(t *testing.T) {
	for _, tt := range []struct {
		broken fault
		exit   int
	}{{nil, 0}, {says("echo", 1, 500, "{}"), 1}} {
		b := newCertifyBench(t, tt.broken)
		exit, out, errs := run(t, map[string]string{"LATCHKEY_BANGO_URL": b.cmd.BangoURL, "LATCHKEY_LISTEN": b.cmd.Listen}, "",
			"certify", "--evidence", b.cmd.Evidence)
		if exit != tt.exit || !strings.Contains(out, "Test 0 Connectivity") || !strings.Contains(out, b.cmd.Evidence) {
			t.Errorf("exit %d\n%s%s", exit, out, errs)
		}
		if tt.exit == 1 {
			oneLine(t, errs, "1 of 21 cases did not hold")
		}
	}
	for _, command := range []string{"certify", "doctor"} {
		if exit, out, errs := run(t, nil, "", command, "--help"); exit != 0 || !strings.Contains(out, "Usage: latchkey "+command) || errs != "" {
			t.Errorf("%s --help: exit %d, %q, %q", command, exit, out, errs)
		}
	}
	t.Setenv("LATCHKEY_BANGO_PASSWORD", "")
	exit, _, errs := run(t, nil, "", "certify")
	if exit != 1 {
		t.Errorf("without a password: exit %d", exit)
	}
	oneLine(t, errs, "LATCHKEY_BANGO_PASSWORD")
}
