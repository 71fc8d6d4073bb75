package handlers

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

// stream is an open stream of events.
type stream struct {
	t     *testing.T
	lines chan string // closed when the stream ends
	close context.CancelFunc
}

// listen opens a stream and returns it after its first event.
func (b *browser) listen(topic string) *stream {
	b.p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	b.p.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.p.address+"/live?topic="+topic, nil)
	if err != nil {
		b.p.t.Fatal(err)
	}
	if b.cookie != nil {
		r.AddCookie(b.cookie)
	}
	got, err := noRedirects.Do(r)
	if err != nil {
		b.p.t.Fatal(err)
	}
	if got.StatusCode != http.StatusOK || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/event-stream") ||
		got.Header.Get("X-Accel-Buffering") != "no" || got.Header.Get("Cache-Control") != "no-store" {
		b.p.t.Fatalf("status %d, %v", got.StatusCode, got.Header)
	}
	s := &stream{b.p.t, make(chan string, 1000), cancel}
	go func() {
		defer close(s.lines)
		defer got.Body.Close()
		for scanner := bufio.NewScanner(got.Body); scanner.Scan(); {
			s.lines <- scanner.Text()
		}
	}()
	if first := s.event(); !first.All {
		b.p.t.Fatalf("the first event is %+v", first)
	}
	return s
}

// line returns the next line that starts with the prefix, and false where the stream ended before.
func (s *stream) line(prefix string) (string, bool) {
	s.t.Helper()
	timeout := time.NewTimer(10 * time.Second)
	defer timeout.Stop()
	for {
		select {
		case line, open := <-s.lines:
			if !open || strings.HasPrefix(line, prefix) {
				return line, open
			}
		case <-timeout.C:
			s.t.Fatalf("no %q came in 10 s", prefix)
		}
	}
}

// event returns the data of the next event.
func (s *stream) event() (data changed) {
	s.t.Helper()
	if line, open := s.line("event:"); !open || line != "event: changed" {
		s.t.Fatalf("%q, open %v", line, open)
	}
	if id, open := s.line("id: "); !open || id == "id: " {
		s.t.Fatalf("the event has no id: %q", id)
	}
	line, open := s.line("data: ")
	if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &data); !open || err != nil {
		s.t.Fatalf("%q: %v", line, err)
	}
	return data
}

// ends fails unless the stream ends.
func (s *stream) ends() {
	s.t.Helper()
	if line, open := s.line("event:"); open {
		s.t.Fatalf("the stream goes on: %q", line)
	}
}

func TestAStreamTellsWhatChanged(t *testing.T) {
	p := openPortal(t, with{})
	e, other := p.addEntitlement(), p.addEntitlement()
	staff := p.as(resale.Viewer)
	all, one, customer := staff.listen("entitlements"), staff.listen("entitlement:"+e.ID), staff.listen("customer:"+p.customer.ID)
	endUser := p.as("").listen("signup:" + e.SignupToken)
	p.change(e, func(e *resale.Entitlement) { e.Status, e.BangoStatus = resale.Active, "ACTIVE" })
	for _, s := range []*stream{all, one, customer} {
		if got := s.event(); !slices.Equal(got.Refs, []string{e.Ref}) || got.All {
			t.Errorf("told of %+v", got)
		}
	}
	if got := endUser.event(); len(got.Refs) != 0 || !got.All {
		t.Errorf("the end user is told of %+v", got)
	}
	p.change(other, func(e *resale.Entitlement) { e.Status, e.BangoStatus = resale.Active, "ACTIVE" })
	if got := all.event(); !slices.Equal(got.Refs, []string{other.Ref}) {
		t.Errorf("told of %+v", got)
	}
	// Whoever listens to one entitlement does not hear of another: the next that it hears of is its own.
	p.change(e, func(e *resale.Entitlement) { e.Status, e.BangoStatus = resale.Suspended, "SUSPENDED" })
	if got := one.event(); !slices.Equal(got.Refs, []string{e.Ref}) {
		t.Errorf("told of %+v", got)
	}
	p.hub.Publish(resale.Change{Topics: []string{resale.TopicEverything}})
	if got := one.event(); !got.All {
		t.Errorf("told of %+v", got)
	}
}

func TestManyChangesAreFewEvents(t *testing.T) {
	p := openPortal(t, with{})
	s := p.as(resale.Viewer).listen("entitlements")
	start := time.Now()
	for time.Since(start) < 500*time.Millisecond {
		p.hub.Publish(resale.Change{Topics: []string{resale.TopicEntitlements}, Refs: []string{"K7Q4-X2MD"}})
	}
	p.hub.Publish(resale.Change{Topics: []string{resale.TopicEverything}})
	events := 0
	for {
		events++
		if got := s.event(); got.All {
			break
		}
	}
	if most := 2 + int(time.Since(start)/liveTick); events > most {
		t.Errorf("%d events in %v", events, time.Since(start))
	}
}

func TestWhoMayListen(t *testing.T) {
	p := openPortal(t, with{})
	e := p.addEntitlement()
	const nobody = "00000000-0000-7000-8000-000000000099"
	for _, tt := range []struct {
		role   resale.Role
		topic  string
		status int
	}{
		{"", "entitlements", 401},
		{"", "entitlement:" + e.ID, 401},
		{"", "customer:" + p.customer.ID, 401},
		{"", "", 401},
		{"", "signup:" + e.NotifyToken, 404},
		{"", "signup:AAAAAAAAAAAAAAAAAAAAAAAAAA", 404},
		{"", "signup:", 404},
		{resale.Admin, "", 404},
		{resale.Admin, "*", 404},
		{resale.Admin, "everything", 404},
		{resale.Admin, "entitlement:" + nobody, 404},
		{resale.Admin, "entitlement:*", 404},
		{resale.Admin, "customer:" + nobody, 404},
		{resale.Admin, "customer:" + e.ID, 404},
		{resale.Admin, "%00", 422},
	} {
		got := p.as(tt.role).get("/live?topic=" + tt.topic)
		if got.StatusCode != tt.status || strings.Contains(got.body, "<") {
			t.Errorf("%q as %q: status %d, not %d: %.100s", tt.topic, tt.role, got.StatusCode, tt.status, got.body)
		}
	}
	p.as(resale.Viewer).send("HEAD", "/live?topic=entitlements", "", "").must(t, http.StatusOK)
	if n := p.hub.Listeners(); n != 0 {
		t.Errorf("%d listeners are left", n)
	}
}

func TestAVanishedClientIsNoticed(t *testing.T) {
	p := openPortal(t, with{app: func(a *App) { a.beat = 20 * time.Millisecond }})
	b := p.as(resale.Viewer)
	one, two := b.listen("entitlements"), b.listen("entitlements")
	if _, open := one.line(": still here"); !open {
		t.Fatal("no heartbeat")
	}
	one.close()
	eventually(t, "the stream of the client that vanished ends", func() bool { return p.hub.Listeners() == 1 })
	if _, open := two.line(": still here"); !open {
		t.Error("the other stream ended too")
	}
	two.close()
	eventually(t, "no stream is counted any more", func() bool {
		p.app.streams.mu.Lock()
		defer p.app.streams.mu.Unlock()
		return p.app.streams.all == 0 && len(p.app.streams.of) == 0
	})
}

func TestAStreamEndsWithItsSession(t *testing.T) {
	p := openPortal(t, with{app: func(a *App) { a.beat = 20 * time.Millisecond }})
	e := p.addEntitlement()
	out, disabled, other := p.as(resale.Viewer), p.as(resale.Agent), p.as(resale.Admin)
	first, second, third := out.listen("entitlements"), disabled.listen("entitlement:"+e.ID), other.listen("entitlements")
	endUser := p.as("").listen("signup:" + e.SignupToken)
	out.post("/logout", nil).must(t, http.StatusSeeOther)
	p.disable(resale.Agent)
	first.ends()
	second.ends()
	for _, s := range []*stream{third, endUser} {
		if _, open := s.line(": still here"); !open {
			t.Error("somebody else's stream ended too")
		}
	}
}

func TestShutdownEndsStreamsAtOnce(t *testing.T) {
	p := openPortal(t, with{})
	var open []*stream
	b := p.as(resale.Viewer)
	for range 20 {
		open = append(open, b.listen("entitlements"))
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := p.app.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("the shutdown took %v", took)
	}
	for _, s := range open {
		s.ends()
	}
}

func TestStreamsOfOnePersonAreBounded(t *testing.T) {
	s := streams{of: map[string]int{}}
	for range maxStreamsOf {
		if err := s.enter("a"); err != nil {
			t.Fatal(err)
		}
	}
	var r *refusal
	if err := s.enter("a"); err == nil {
		t.Error("one too many was let in")
	} else if r = err.(*refusal); r.status != http.StatusTooManyRequests {
		t.Errorf("status %d", r.status)
	}
	if err := s.enter("b"); err != nil {
		t.Error("somebody else was not let in")
	}
	s.leave("a")
	if err := s.enter("a"); err != nil {
		t.Error("there is room again")
	}
	s.all = maxStreams
	if err := s.enter("c"); err == nil || err.(*refusal).status != http.StatusServiceUnavailable {
		t.Errorf("one too many for all: %v", err)
	}
}

func TestAStreamOutlivesTheWriteTimeout(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as it says")
	}
	p := openPortal(t, with{app: func(a *App) {
		a.beat = 100 * time.Millisecond
		a.fiber.Server().WriteTimeout = 300 * time.Millisecond
	}})
	s := p.as(resale.Viewer).listen("entitlements")
	for start := time.Now(); time.Since(start) < time.Second; {
		if _, open := s.line(": still here"); !open {
			t.Fatalf("it was cut after %v", time.Since(start))
		}
	}
}
