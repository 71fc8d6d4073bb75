package sandbox

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// hangUp ends the connection without an answer.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_ = conn.Close()
}

func TestANotificationToTheByte(t *testing.T) {
	r := newRig(t, func(c *Config) { c.NotifyKey, c.NotifyUsername, c.NotifyPassword = "key-1", "bango", "secret" })
	e := r.create("cust-001", "BANGO", "BangoMusic")
	r.clock.advance(90 * time.Second)
	r.complete(e.ID, Finish)
	r.delivered()
	all := r.reseller.all()
	if len(all) != 1 {
		t.Fatalf("%d notifications", len(all))
	}
	want := `{"responseCode":"OK","responseMessage":"Success","parameters":null,"entitlementId":"` + e.ID + `","activationCode":null,` +
		`"customerIdentifier":"cust-001","merchantAccountKey":"BANGO","productKey":"BangoMusic","offerKey":null,"entitlementDisplayName":"Bango Music",` +
		`"status":"ACTIVE","dateCreated":"2021-03-01T09:00:00Z","dateActivated":"2021-03-01T09:01:30Z","dateEnded":null,"dateSuspended":null,` +
		`"dateResumed":null,"dateLastUpdated":"2021-03-01T09:01:30Z","dateExpiry":null,"extensionData":null,"notificationReason":"ACTIVATION_SUCCESS"}`
	if all[0].body != want {
		t.Errorf("got\n%s\nwant\n%s", all[0].body, want)
	}
	if all[0].uri != "/n?ref=ord-77&x=%2F" {
		t.Errorf("it went to %s: the address is to be used exactly as it was given", all[0].uri)
	}
	h := all[0].header
	if h.Get("X-Api-Key") != "key-1" || h.Get("Authorization") != "Basic YmFuZ286c2VjcmV0" || !strings.HasPrefix(h.Get("Content-Type"), "application/json") {
		t.Errorf("headers %v", h)
	}
	if got := r.newest(); got.Notified != "ACTIVATION_SUCCESS: delivered" || !got.Activated.Equal(time.Date(2021, 3, 1, 9, 1, 30, 0, time.UTC)) ||
		!got.LastUpdated.Equal(got.Activated) {
		t.Errorf("%+v", got)
	}
	// What was told is what is read.
	_, answer := r.call("GET", "/v1/entitlement/"+e.ID, "")
	if !strings.Contains(answer, `"status":"ACTIVE","dateCreated":"2021-03-01T09:00:00Z","dateActivated":"2021-03-01T09:01:30Z"`) {
		t.Errorf("read %s", answer)
	}
}

func TestADeclineIsNotifiedAsTheEnd(t *testing.T) {
	r := newRig(t)
	e := r.create("c", "BANGO", "BangoMusic")
	r.clock.advance(time.Minute)
	r.complete(e.ID, Decline)
	r.delivered()
	all := r.reseller.all()
	if len(all) != 1 {
		t.Fatalf("%d notifications", len(all))
	}
	for _, want := range []string{`"status":"CANCELLED"`, `"dateActivated":null`,
		`"dateEnded":"2021-03-01T09:01:00Z"`, `"notificationReason":"TERMINATION_SUCCESS"`} {
		if !strings.Contains(all[0].body, want) {
			t.Errorf("without %s: %s", want, all[0].body)
		}
	}
	if len(all[0].header["X-Api-Key"])+len(all[0].header["Authorization"]) != 0 {
		t.Errorf("credentials that nobody set: %v", all[0].header)
	}
}

func TestLeavingChangesNothing(t *testing.T) {
	r := newRig(t)
	e := r.create("c", "BANGO", "BangoMusic")
	r.complete(e.ID, Leave)
	if got := r.newest(); got.Status != "PENDING" || got.Notified != "" || r.Pending() != 0 {
		t.Errorf("%+v", got)
	}
}

func TestCompleteSaysWhatIsWrong(t *testing.T) {
	r := newRig(t)
	e := r.create("c", "BANGO", "BangoMusic")
	want := func(err error, text string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want one with %q", err, text)
		}
	}
	want(r.Complete("none", Finish), "there is no entitlement")
	want(r.Complete(e.ID, "maybe"), "is no choice")
	r.complete(e.ID, Finish)
	want(r.Complete(e.ID, Decline), "is ACTIVE and waits for nobody")
	r.delivered()
	if got := r.newest(); got.Status != "ACTIVE" || len(r.reseller.all()) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestANotificationIsSentUntilItIsTaken(t *testing.T) {
	r := newRig(t)
	elsewhere := func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, "/elsewhere", http.StatusTemporaryRedirect)
	}
	r.reseller.answer(status(500), hangUp, elsewhere, status(401), status(204))
	e := r.create("c", "BANGO", "BangoMusic")
	r.complete(e.ID, Finish)
	r.delivered()
	all := r.reseller.all()
	if len(all) != 5 {
		t.Fatalf("%d attempts, want 5", len(all))
	}
	for _, got := range all {
		if got.body != all[0].body || got.uri != "/n?ref=ord-77&x=%2F" {
			t.Errorf("one attempt was\n%+v\nanother\n%+v", all[0], got)
		}
	}
}

func TestAnAttemptWithoutAnAnswerEnds(t *testing.T) {
	r := newRig(t)
	if got := r.Sandbox.client.Timeout; got != 10*time.Second {
		t.Errorf("an attempt takes up to %s, want 10 s", got)
	}
	r.Sandbox.client.Timeout = 50 * time.Millisecond
	r.reseller.answer(func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
	e := r.create("c", "BANGO", "BangoMusic")
	r.complete(e.ID, Finish)
	r.delivered()
	if n := len(r.reseller.all()); n != 2 {
		t.Errorf("%d attempts, want 2", n)
	}
}

func TestNotificationsOfAnEntitlementKeepTheirOrder(t *testing.T) {
	r := newRig(t)
	taken := make(chan struct{})
	r.reseller.answer(func(w http.ResponseWriter, _ *http.Request) { <-taken; w.WriteHeader(503) }, hangUp)
	r.create("c", "BANGO", "BangoMusic")
	r.mu.Lock()
	e := r.entitlements[0]
	for _, reason := range []string{"FIRST", "SECOND", "THIRD"} {
		r.notify(e, reason)
	}
	r.mu.Unlock()
	if n := r.Pending(); n != 3 {
		t.Errorf("%d wait, want 3", n)
	}
	close(taken)
	r.delivered()
	var got []string
	for _, n := range r.reseller.all() {
		_, reason, _ := strings.Cut(n.body, `"notificationReason":`)
		got = append(got, reason)
	}
	if fmt.Sprint(got) != `["FIRST"} "FIRST"} "FIRST"} "SECOND"} "THIRD"}]` {
		t.Errorf("the order was %v", got)
	}
}

func TestANotificationIsGivenUpInTheEnd(t *testing.T) {
	r := newRig(t, func(c *Config) { c.RetryFirst = 50 * time.Microsecond })
	never := make([]func(http.ResponseWriter, *http.Request), 20)
	for i := range never {
		never[i] = status(500)
	}
	r.reseller.answer(never...)
	e := r.create("c", "BANGO", "BangoMusic")
	r.complete(e.ID, Finish)
	r.delivered()
	if got, n := r.newest().Notified, len(r.reseller.all()); n != 10 || got != "ACTIVATION_SUCCESS: given up after 10 attempts: HTTP 500" {
		t.Errorf("%d attempts; %s", n, got)
	}
}

func TestNotifiedKeepsTheAddressToItself(t *testing.T) {
	r := newRig(t, func(c *Config) { c.RetryFirst = time.Hour })
	r.reseller.answer(hangUp)
	e := r.create("c", "BANGO", "BangoMusic")
	r.complete(e.ID, Finish)
	eventually(t, "one attempt made", func() bool { return strings.Contains(r.newest().Notified, "attempt 1 of 10 failed") })
	if got := r.newest().Notified; strings.Contains(got, "ord-77") {
		t.Errorf("it shows the address: %s", got)
	}
}

func TestRetryWait(t *testing.T) {
	for failed, want := range map[int]time.Duration{1: 500 * time.Millisecond, 2: time.Second, 3: 2 * time.Second, 6: 16 * time.Second,
		7: 30 * time.Second, 9: 30 * time.Second} {
		if got := retryWait(500*time.Millisecond, failed); got != want {
			t.Errorf("after %d failed attempts: %s, want %s", failed, got, want)
		}
	}
}

// TestMain sees to it that nothing goes on after a Close.
func TestCloseEndsDeliveries(t *testing.T) {
	r := newRig(t, func(c *Config) { c.RetryFirst = time.Hour })
	waiting, hanging := make(chan struct{}), make(chan struct{})
	r.reseller.answer(
		func(w http.ResponseWriter, _ *http.Request) { close(waiting); w.WriteHeader(500) },
		func(_ http.ResponseWriter, req *http.Request) { close(hanging); <-req.Context().Done() },
	)
	first, second := r.create("c", "BANGO", "BangoMusic"), r.create("d", "BANGO", "BangoMusic")
	r.complete(first.ID, Finish)
	<-waiting
	r.complete(second.ID, Finish)
	<-hanging
	started := time.Now()
	r.Close()
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if n := r.Pending(); n != 2 {
		t.Errorf("%d undelivered, want 2", n)
	}
	third := r.create("e", "BANGO", "BangoMusic")
	r.complete(third.ID, Finish)
	r.Close()
	if n := len(r.reseller.all()); n != 2 {
		t.Errorf("%d attempts, want 2: none after Close", n)
	}
}

// gate is a log that holds up whoever writes to it until the gate opens.
type gate struct{ reached, open chan struct{} }

func (g gate) Write(line []byte) (int, error) {
	close(g.reached)
	<-g.open
	return len(line), nil
}

func TestCloseWaitsForWhatIsUnderWay(t *testing.T) {
	g := gate{make(chan struct{}), make(chan struct{})}
	r := newRig(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(g, nil)) })
	r.complete(r.create("c", "BANGO", "BangoMusic").ID, Finish)
	<-g.reached
	closed := make(chan struct{})
	go func() { r.Close(); close(closed) }()
	select {
	case <-closed:
		t.Error("Close returned while a delivery was under way")
	case <-time.After(50 * time.Millisecond):
	}
	close(g.open)
	<-closed
}

func TestDeliveriesToManyAreIndependent(t *testing.T) {
	r := newRig(t)
	slow := make(chan struct{})
	r.reseller.answer(func(_ http.ResponseWriter, req *http.Request) { <-slow; _, _ = io.Copy(io.Discard, req.Body) })
	first := r.create("c-0", "BANGO", "BangoMusic")
	r.complete(first.ID, Finish)
	eventually(t, "the first under way", func() bool { return len(r.reseller.all()) == 1 })
	for i := range 20 {
		r.complete(r.create(fmt.Sprint("c-", i+1), "BANGO", "BangoMusic").ID, Finish)
	}
	eventually(t, "only the slow one waiting", func() bool { return r.Pending() == 1 })
	close(slow)
	r.delivered()
}
