package resale_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"latchkey/resale"
)

var (
	unauthorized = resale.Answer{Verdict: resale.VerdictUnauthorized, Message: "The user name or the password is not valid"}
	throttled    = resale.Answer{Verdict: resale.VerdictThrottled, Message: "Too many requests", RetryAfter: 40 * time.Second}
	notSent      = resale.Answer{Verdict: resale.VerdictNotSent, Message: "Bango could not be reached."}
)

// What one request brings upon itself never closes the line; what would happen to any request does.
func TestWhatMovesTheLine(t *testing.T) {
	open := resale.Line{State: resale.LineOpen}
	failing := resale.Line{State: resale.LineOpen, Failures: 4}
	began := noon.Add(time.Second)
	for _, tt := range []struct {
		from    resale.Line
		verdict resale.Verdict
		state   resale.LineState
		fails   int64
	}{
		{open, resale.VerdictDone, resale.LineOpen, 0},
		{open, resale.VerdictUnknown, resale.LineOpen, 1},
		{open, resale.VerdictNotSent, resale.LineOpen, 1},
		{open, resale.VerdictUnavailable, resale.LineDown, 0},
		{open, resale.VerdictThrottled, resale.LineSlowed, 0},
		{open, resale.VerdictUnauthorized, resale.LineBarred, 0},
		{open, resale.VerdictMisconfigured, resale.LineOpen, 0},
		{failing, resale.VerdictUnknown, resale.LineDown, 5},
		{failing, resale.VerdictNotSent, resale.LineDown, 5},
		{failing, resale.VerdictDone, resale.LineOpen, 0},
		{failing, resale.VerdictRefused, resale.LineOpen, 0},
		{failing, resale.VerdictTaken, resale.LineOpen, 0},
		{failing, resale.VerdictAbsent, resale.LineOpen, 0},
		{failing, resale.VerdictExists, resale.LineOpen, 0},
		{failing, resale.VerdictMismatch, resale.LineOpen, 0},
		{failing, resale.VerdictMisconfigured, resale.LineOpen, 4},
	} {
		got := tt.from.After(resale.Answer{Verdict: tt.verdict, Message: "m"}, began, began)
		if got.State != tt.state || got.Failures != tt.fails {
			t.Errorf("%q after %d failures: %+v, want %s with %d", tt.verdict, tt.from.Failures, got, tt.state, tt.fails)
		}
		if held := got.Held(began) > 0; held != (tt.state != resale.LineOpen) {
			t.Errorf("%q: held is %t", tt.verdict, held)
		}
	}
}

// Whoever cannot prove to be Bango is told of at once.
func TestAWrongCertificateClosesTheLine(t *testing.T) {
	a := notSent
	a.Untrusted = true
	if got := (resale.Line{State: resale.LineOpen}).After(a, noon, noon); got.State != resale.LineDown || got.Message != a.Message {
		t.Errorf("%+v", got)
	}
}

// An answer that was on the way when the line closed tells nothing new.
func TestAnOldAnswerDoesNotMoveTheLine(t *testing.T) {
	closed := resale.Line{State: resale.LineOpen}.After(throttled, noon, noon.Add(time.Second))
	if got := closed.After(active, noon.Add(time.Millisecond), noon.Add(2*time.Second)); got != closed {
		t.Errorf("an answer to an attempt from before opened it: %+v", got)
	}
	if got := closed.After(active, noon.Add(time.Minute), noon.Add(time.Minute)); got.State != resale.LineOpen {
		t.Errorf("the probe's answer did not open it: %+v", got)
	}
	if wait := closed.Held(noon.Add(time.Second)); wait < 40*time.Second || wait > 48*time.Second {
		t.Errorf("held for %s, Bango asked for 40 s", wait)
	}
	if wait := closed.Held(noon.Add(-24 * time.Hour)); wait > 0 {
		t.Errorf("a clock that was set back holds it for %s", wait)
	}
}

// line returns the line as it is stored.
func (d *desk) line() resale.Line {
	d.Helper()
	l, err := d.store.Line(d.ctx)
	if err != nil {
		d.Fatal(err)
	}
	return l
}

// Bad credentials stop everything, say so once, and cost one call a minute, until they are accepted again.
func TestUnauthorizedPausesEverything(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{unauthorized}
		first := d.create()
		d.step()
		d.is(first, resale.Requested, resale.Queued)
		d.clock.turn(time.Millisecond)
		second := d.create()
		for range 5 * 60 {
			d.clock.turn(time.Second)
			if _, err := d.sender.Step(d.ctx); err != nil {
				d.Fatal(err)
			}
		}
		if n := len(d.bango.asked); n != 6 {
			d.Errorf("%d calls in five minutes, want the first and one a minute", n)
		}
		if l := d.line(); l.State != resale.LineBarred || l.Message != unauthorized.Message || !l.Since.Equal(noon) {
			d.Errorf("the line is %+v", l)
		}
		d.bango.create = []resale.Answer{active, mustRegister}
		d.bango.create[1].Fact.BangoID = "b-2"
		d.clock.turn(time.Minute)
		d.step()
		if l := d.line(); l.State != resale.LineOpen || l.Message != "" {
			d.Errorf("after an answer the line is %+v", l)
		}
		d.step()
		d.is(first, resale.Active, resale.Done)
		d.is(second, resale.Pending, resale.Done)
	})
}

// Where nothing is to be sent, an echo is the probe.
func TestAnEchoOpensAnIdleLine(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.echo, d.bango.find = unauthorized, done
		e := d.create()
		d.bango.create = []resale.Answer{unauthorized, refused}
		d.step()
		d.clock.turn(time.Minute)
		d.step() // refused: Bango lets us in
		d.is(e, resale.Refused, resale.Denied)
		if d.line().State != resale.LineOpen {
			d.Fatal("a refusal is an answer")
		}
		d.bango.create = []resale.Answer{unauthorized, unauthorized, active}
		e = d.create()
		d.step()
		d.clock.turn(25 * time.Hour)
		d.step() // too old to be sent: the request is a person's now, and nothing was sent
		if l := d.line(); l.State != resale.LineBarred || d.bango.echoes != 0 {
			d.Fatalf("%+v after %d echoes", l, d.bango.echoes)
		}
		d.clock.turn(time.Minute)
		d.step()
		d.bango.echo = done
		d.clock.turn(time.Minute)
		d.step()
		if l := d.line(); l.State != resale.LineOpen || d.bango.echoes != 2 {
			d.Errorf("%+v after %d echoes", l, d.bango.echoes)
		}
		d.is(e, resale.Requested, resale.Manual)
	})
}

// outage lets Bango be dead for a minute under 200 intents, and returns what is wrong with how that went.
func (d *desk) outage(answer func(resale.Answer) resale.Answer) error {
	const intents = 200
	alive := false
	d.bango.answer = func(requestID string) resale.Answer {
		if !alive {
			return answer(notSent)
		}
		a := active
		a.Fact.BangoID = "b-" + requestID
		return a
	}
	d.bango.echo = answer(notSent)
	for range intents {
		d.create()
	}
	calls := func() int { return len(d.bango.asked) + d.bango.echoes + d.bango.lookups }
	pass := func(seconds int, until func() bool) (int, error) {
		for s := range seconds {
			for { // all that is possible in this second
				ok, err := d.sender.Step(d.ctx)
				if err != nil {
					return s, err
				}
				if !ok {
					break
				}
			}
			if until() {
				return s, nil
			}
			d.clock.turn(time.Second)
		}
		return seconds, nil
	}
	if _, err := pass(2, func() bool { return false }); err != nil {
		return err
	}
	if l, n := d.line(), calls(); l.State != resale.LineDown || n != 5 {
		return fmt.Errorf("after two seconds and %d calls the line is %s", n, l.State)
	}
	if _, err := pass(58, func() bool { return false }); err != nil {
		return err
	}
	if n := calls(); n > 20 {
		return fmt.Errorf("%d calls in a minute of an outage", n)
	}
	alive, d.bango.echo = true, done
	seconds, err := pass(60, func() bool { counts, _ := d.store.StatusCounts(d.ctx); return counts[resale.Active] == intents })
	if err != nil {
		return err
	}
	if seconds == 60 {
		return fmt.Errorf("not drained 60 seconds after Bango came back")
	}
	return nil
}

// R8: Bango dead for 60 seconds under 200 intents.
func TestR8AnOutageCostsFewCalls(t *testing.T) {
	onEachStore(t, func(d *desk) {
		if err := d.outage(func(a resale.Answer) resale.Answer { return a }); err != nil {
			d.Error(err)
		}
	})
}

// The same outage under a portal that takes an outage for refusals: its breaker never opens, and R8 must notice.
func TestR8NoticesABreakerThatDoesNotOpen(t *testing.T) {
	onEachStore(t, func(d *desk) {
		if err := d.outage(func(a resale.Answer) resale.Answer { a.Verdict = resale.VerdictRefused; return a }); err == nil {
			d.Error("nothing was noticed")
		}
	})
}

// A storm of refusals is business as usual: everything is asked at once.
func TestRefusalsNeverHoldTheLine(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{refused}
		for range 30 {
			d.create()
		}
		for range 30 {
			d.step()
		}
		if l := d.line(); l.State != resale.LineOpen || len(d.bango.asked) != 30 {
			d.Errorf("after 30 refusals the line is %+v, %d calls were made", l, len(d.bango.asked))
		}
	})
}

// Ten portals on a database make one probe.
func TestOnePortalProbes(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{unauthorized}
		d.create()
		d.step()
		d.clock.turn(time.Minute)
		release, probing := make(chan struct{}), make(chan struct{})
		d.bango.onAsk = func(string) { close(probing); <-release }
		ended := make(chan error, 1)
		go func() { _, err := d.sender.Step(context.WithoutCancel(d.ctx)); ended <- err }()
		<-probing
		other := resale.NewSender(d.service, d.bango, 1, 10*time.Second)
		if ok, err := other.Step(d.ctx); ok || err != nil {
			d.Errorf("another portal probed as well: %t, %v", ok, err)
		}
		close(release)
		if err := <-ended; err != nil {
			d.Error(err)
		}
	})
}
