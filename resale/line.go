package resale

import (
	"context"
	"math/rand/v2"
	"time"
)

// LineState is how things stand between us and Bango, as far as all requests are concerned.
type LineState string

const (
	LineOpen   LineState = "open"
	LineDown   LineState = "down"   // Bango does not answer, or says that it cannot: one probe every 10 seconds
	LineBarred LineState = "barred" // Bango accepts neither our credentials nor our address: one probe a minute
	LineSlowed LineState = "slowed" // Bango asked us to slow down: nothing goes before NextTry
)

// Line is the breaker of everything that is sent to Bango: one for all portals on a database, and kept there, so that ten portals make
// one probe and every page can say what is the matter. What Bango says about one request (a refusal, a record that is not there) never
// closes it; only what would happen to any request does.
type Line struct {
	State    LineState
	Failures int64     // attempts without an answer in a row
	Message  string    // what closed it, for people; empty while it is open
	Since    time.Time // when it last opened or closed
	NextTry  time.Time // while it is not open: nothing is sent earlier
}

const (
	maxFailures  = 5                // attempts without an answer in a row close the line
	probeDown    = 10 * time.Second // between two probes of a line that is down
	probeBarred  = time.Minute      // of one that is barred
	slowDefault  = 10 * time.Second // how long 429 holds the line where Bango gave no Retry-After
	lineLockName = "line"
)

// Held returns how long nothing may be sent, not above zero where something may.
func (l Line) Held(now time.Time) time.Duration {
	if wait := l.NextTry.Sub(now); l.State != LineOpen && wait < MaxWait {
		return wait
	}
	return 0
}

// probed returns the line once somebody makes a probe: nobody else does before it is over.
func (l Line) probed(now time.Time) Line {
	l.NextTry = now.Add(l.probeEvery())
	return l
}

func (l Line) probeEvery() time.Duration {
	if l.State == LineBarred {
		return probeBarred
	}
	return probeDown
}

// after returns the line after an attempt that began at the given time. An attempt that began before the line last opened or closed
// tells nothing new: its answer was already on the way.
func (l Line) after(a Answer, began, now time.Time) Line {
	if l.State != LineOpen && !began.After(l.Since) {
		return l
	}
	closed := func(state LineState, wait time.Duration) Line {
		if l.State != state {
			l.State, l.Since = state, now
		}
		l.Message, l.NextTry = a.Message, now.Add(wait)
		return l
	}
	switch a.Verdict {
	case VerdictUnauthorized:
		return closed(LineBarred, probeBarred)
	case VerdictThrottled:
		wait := a.RetryAfter
		if wait <= 0 {
			wait = slowDefault
		}
		return closed(LineSlowed, wait+rand.N(wait/5+1))
	case VerdictUnavailable:
		return closed(LineDown, max(probeDown, a.RetryAfter))
	case VerdictUnknown, VerdictNotSent:
		l.Failures++
		if l.State == LineDown || l.Failures >= maxFailures || a.Untrusted {
			return closed(LineDown, max(probeDown, a.RetryAfter))
		}
		return l
	case VerdictMisconfigured:
		return l // whoever answered is not Bango
	}
	if l.State == LineOpen && l.Failures == 0 {
		return l
	}
	if l.State != LineOpen {
		l.Since = now
	}
	return Line{State: LineOpen, Since: l.Since}
}

// noteLine lets what an attempt showed have its effect on the line. Pages hear of it when it opens or closes.
func (s *Service) noteLine(ctx context.Context, tx Tx, answers []Answer, began time.Time) error {
	follow := func(l Line) Line {
		for _, a := range answers {
			if !a.Evidence.At.IsZero() { // it went over the wire
				l = l.after(a, began, s.now())
			}
		}
		return l
	}
	before, err := tx.Line(ctx)
	if err != nil || follow(before) == before {
		return err
	}
	if err := tx.LockNamed(ctx, lineLockName); err != nil {
		return err
	}
	if before, err = tx.Line(ctx); err != nil {
		return err
	}
	after := follow(before)
	if after.State != before.State {
		s.log.Warn("the line to Bango is "+string(after.State), "was", string(before.State), "because", after.Message)
		tx.Announce(Change{Topics: []string{TopicEverything}})
	}
	return tx.SetLine(ctx, after)
}
