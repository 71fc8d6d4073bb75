package resale_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"latchkey/resale"
)

// jumps are how far our clock is set: back or forth, also in the middle of a lease.
var jumps = []time.Duration{-24 * time.Hour, -5 * time.Minute, -61 * time.Second, -20 * time.Second, 5 * time.Minute, 24 * time.Hour}

// atEachJump runs a test on each engine, on a fresh portal for each jump of the clock.
func atEachJump(t *testing.T, test func(d *desk, jump time.Duration) error) {
	t.Helper()
	for _, jump := range jumps {
		t.Run(jump.String(), func(t *testing.T) {
			on := onEachStore
			if jump > -time.Hour && jump != -5*time.Minute { // the two that matter most are enough on PostgreSQL, where each takes long
				on = onSQLite
			}
			on(t, func(d *desk) {
				if err := test(d, jump); err != nil {
					d.Error(err)
				}
			})
		})
	}
}

// noticesADay fails unless the test notices, when the clock is set back by a day, that the portal keeps everything in a store that hides what
// that does.
func noticesADay(t *testing.T, test func(d *desk, jump time.Duration) error) {
	t.Helper()
	onEachStore(t, func(d *desk) {
		d.keepIn(gullible{d.store, d.clock})
		if err := test(d, -24*time.Hour); err == nil {
			d.Error("nothing was noticed")
		} else {
			d.Log("noticed:", err)
		}
	})
}

// gullible is a store that hides everything by which a portal could tell that its clock was set back.
type gullible struct {
	resale.Store
	clock *clock
}

func (s gullible) LeaseRequest(ctx context.Context, now, until time.Time) (r resale.Request, ok bool, wait time.Duration, err error) {
	unleased := errors.New("it was not due")
	err = s.Store.Write(ctx, func(ctx context.Context, tx resale.Tx) error {
		if r, ok, err = tx.LeaseRequest(ctx, now, until); err != nil || !ok {
			return err
		}
		if before, err := s.Store.Request(ctx, r.ID); err != nil || before.LeasedUntil.After(now) {
			return errors.Join(unleased, err)
		}
		return nil
	})
	if errors.Is(err, unleased) {
		return resale.Request{}, false, time.Second, nil
	}
	return r, ok, time.Second, err
}

func (s gullible) WaitingNotifications(ctx context.Context, now time.Time, limit int) (due []resale.Notification, err error) {
	waiting, err := s.Store.WaitingNotifications(ctx, now, limit)
	for _, n := range waiting {
		if !n.Due.After(now) {
			due = append(due, n)
		}
	}
	return due, err
}

func (s gullible) Line(ctx context.Context) (resale.Line, error) {
	l, err := s.Store.Line(ctx)
	l.NextTry = earliest(l.NextTry, s.clock.now().Add(resale.MaxWait-time.Second))
	return l, err
}

func (s gullible) Job(ctx context.Context, name resale.JobName) (resale.Job, error) {
	j, err := s.Store.Job(ctx, name)
	j.NextRun = earliest(j.NextRun, s.clock.now().Add(time.Minute))
	return j, err
}

func (s gullible) Session(ctx context.Context, idHash []byte) (resale.Session, error) {
	session, err := s.Store.Session(ctx, idHash)
	session.LastSeen = earliest(session.LastSeen, s.clock.now())
	return session, err
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// elapse lets time pass in steps until something has happened, and returns how long that took, at least least and at most most.
func (d *desk) elapse(step, least, most time.Duration, happened func() (bool, error)) error {
	for took := time.Duration(0); took <= most; took += step {
		ok, err := happened()
		switch {
		case err != nil:
			return err
		case ok && took < least:
			return fmt.Errorf("it happened after %s; want not before %s", took, least)
		case ok:
			return nil
		}
		d.clock.turn(step)
	}
	return fmt.Errorf("it has not happened in %s", most)
}

// strandedLease lets a sender die with a lease, sets the clock, and returns what is wrong with when another takes the request.
func strandedLease(d *desk, jump time.Duration) error {
	const lease = 25 * time.Second // two calls of 10 seconds, and five
	d.bango.create = []resale.Answer{active}
	d.create()
	if ok, err := d.sender.Take(d.ctx); !ok || err != nil {
		return fmt.Errorf("nothing was due: %v", err)
	}
	d.clock.turn(jump)
	least := lease // a lease that may be alive is not taken away where clocks differ by less than a minute
	if jump.Abs() > time.Minute {
		least = 0
	}
	return d.elapse(time.Second, least, lease+time.Minute, func() (bool, error) { return d.sender.Step(d.ctx) })
}

// R10: no lease is stuck for longer than it lasts and a minute, however the clock was set.
func TestR10NoLeaseIsStuck(t *testing.T)              { atEachJump(t, strandedLease) }
func TestR10NoticesAStuckLease(t *testing.T)          { noticesADay(t, strandedLease) }
func TestR10NoNotificationIsStuck(t *testing.T)       { atEachJump(t, strandedNotification) }
func TestR10NoticesAStuckNotification(t *testing.T)   { noticesADay(t, strandedNotification) }
func TestR10TheLineIsTriedAgain(t *testing.T)         { atEachJump(t, strandedLine) }
func TestR10NoticesALineThatIsNotTried(t *testing.T)  { noticesADay(t, strandedLine) }
func TestR10JobsRunAgain(t *testing.T)                { atEachJump(t, strandedJob) }
func TestR10NoticesAJobThatDoesNotRun(t *testing.T)   { noticesADay(t, strandedJob) }
func TestR10NoSessionIsEternal(t *testing.T)          { atEachJump(t, eternalSession) }
func TestR10NoticesASessionThatIsTooOld(t *testing.T) { noticesADay(t, eternalSession) }
func TestR10NoSetupLinkIsEternal(t *testing.T)        { atEachJump(t, eternalSetupLink) }
func TestR10OrderIsBangos(t *testing.T)               { atEachJump(t, orderOfFacts(asBangoSays)) }

// strandedNotification lets a notification wait for its effect, sets the clock, and returns what is wrong with when it is tried again.
func strandedNotification(d *desk, jump time.Duration) error {
	d.bango.create = []resale.Answer{mustRegister}
	e := d.create()
	d.step()
	healthy := d.service
	d.keepIn(&faulty{Store: d.store, of: e.ID, fault: func() error { return errDisk }})
	d.notify(e, resale.Active, "ACTIVATION_SUCCESS", 60)
	d.service = healthy
	d.clock.turn(jump)
	err := d.elapse(time.Second, 0, resale.MaxNotificationWait+time.Second, func() (bool, error) {
		n, err := d.service.RetryNotifications(d.ctx)
		return n > 0, err
	})
	if now := d.now(e); err == nil && now.Status != resale.Active {
		return fmt.Errorf("it was tried, and the entitlement is %s", now.Status)
	}
	return err
}

// strandedLine closes the line, sets the clock, and returns what is wrong with when Bango is asked again.
func strandedLine(d *desk, jump time.Duration) error {
	d.bango.create = []resale.Answer{unauthorized, active}
	d.create()
	d.step()
	if l := d.line(); l.State != resale.LineBarred {
		return fmt.Errorf("the line is %s", l.State)
	}
	d.clock.turn(jump)
	return d.elapse(10*time.Second, 0, resale.MaxWait, func() (bool, error) { return d.sender.Step(d.ctx) })
}

// strandedJob lets reconciliation run, sets the clock, and returns what is wrong with when it runs again.
func strandedJob(d *desk, jump time.Duration) error {
	const every = 10 * time.Minute
	r := resale.NewReconciler(d.service, every)
	run := func() (time.Time, error) {
		for more := true; more; {
			var err error
			if more, err = r.Step(d.ctx); err != nil {
				return time.Time{}, err
			}
		}
		j, err := d.store.Job(d.ctx, resale.JobReconcile)
		return j.Started, err
	}
	first, err := run()
	if err != nil || !first.Equal(noon) {
		return fmt.Errorf("it ran at %s: %v", first, err)
	}
	d.clock.turn(jump)
	return d.elapse(30*time.Second, 0, every, func() (bool, error) {
		last, err := run()
		return !last.Equal(first), err
	})
}

// eternalSession starts sessions, sets the clock, and returns what is wrong with when they end.
func eternalSession(d *desk, jump time.Duration) error {
	person, _, err := d.service.AddStaff(d.ctx, "ana@example.com", "Ana", resale.Agent, password)
	if err != nil {
		return err
	}
	unused, err := d.service.StartSession(d.ctx, person)
	if err != nil {
		return err
	}
	used, err := d.service.StartSession(d.ctx, person)
	if err != nil {
		return err
	}
	over := func(id string) (bool, error) {
		_, err := d.service.SessionStaff(d.ctx, id)
		if err != nil && resale.CodeOf(err) != resale.CodeNotFound {
			return false, err
		}
		return err != nil, nil
	}
	d.clock.turn(jump)
	if ended, err := over(used); err != nil || ended && jump.Abs() <= 5*time.Minute {
		return fmt.Errorf("a clock that was set by %s signs people out: %v", jump, err)
	}
	const slack, hour = 10 * time.Minute, time.Hour
	if err := d.elapse(hour/2, 0, 12*hour+slack+hour/2, func() (bool, error) {
		if _, err := over(used); err != nil {
			return false, err
		}
		_, err := d.service.WatchSession(d.ctx, unused)
		return resale.CodeOf(err) == resale.CodeNotFound, nil
	}); err != nil {
		return fmt.Errorf("a session that is not used: %w", err)
	}
	if err := d.elapse(6*hour, 0, 7*24*hour, func() (bool, error) { return over(used) }); err != nil {
		return fmt.Errorf("a session that is used: %w", err)
	}
	return nil
}

// eternalSetupLink makes a set-up link, sets the clock, and returns what is wrong with how long it may be used.
func eternalSetupLink(d *desk, jump time.Duration) error {
	_, token, err := d.service.AddStaff(d.ctx, "sam@example.com", "", resale.Agent, "")
	if err != nil {
		return err
	}
	d.clock.turn(jump)
	return d.elapse(time.Hour, 0, 25*time.Hour, func() (bool, error) {
		_, err := d.service.SetupStaff(d.ctx, token)
		return resale.CodeOf(err) == resale.CodeNotFound, nil
	})
}

// asBangoSays leaves a fact's date to Bango; asOurClockSays dates it as it arrives, which is what R10 must notice.
func asBangoSays(_ *desk, seconds int) int { return seconds }
func asOurClockSays(d *desk, _ int) int    { return int(d.clock.now().Sub(noon) / time.Second) }

// orderOfFacts returns a test that tells facts of a life in a wrong order while the clock is set, each dated as date says, and returns which
// counts that should not.
func orderOfFacts(date func(d *desk, seconds int) int) func(d *desk, jump time.Duration) error {
	return func(d *desk, jump time.Duration) error {
		d.bango.create = []resale.Answer{mustRegister}
		e := d.create()
		d.step()
		for _, told := range []struct {
			status  resale.Status
			seconds int
			then    resale.Status
		}{
			{resale.Active, 60, resale.Active},
			{resale.Pending, 30, resale.Active}, // older, and told later
			{resale.Suspended, 90, resale.Suspended},
			{resale.Active, 60, resale.Suspended},
		} {
			d.clock.turn(time.Second)
			d.notify(e, told.status, "", date(d, told.seconds))
			if now := d.now(e); now.Status != told.then {
				return fmt.Errorf("after %s of second %d it is %s", told.status, told.seconds, now.Status)
			}
			d.clock.turn(jump)
		}
		return nil
	}
}

// R10 must notice a portal that takes what it heard last for what happened last.
func TestR10NoticesAnOrderByOurClock(t *testing.T) {
	onEachStore(t, func(d *desk) {
		if err := orderOfFacts(asOurClockSays)(d, 5*time.Minute); err == nil {
			d.Error("nothing was noticed")
		} else {
			d.Log("noticed:", err)
		}
	})
}
