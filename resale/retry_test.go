package resale_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

// faulty is a store in which one entitlement cannot be changed as long as fault is not nil.
type faulty struct {
	resale.Store
	of    string // the entitlement's id
	fault func() error
	tries int // to change it, in vain
}

func (s *faulty) Write(ctx context.Context, f func(context.Context, resale.Tx) error) error {
	return s.Store.Write(ctx, func(ctx context.Context, tx resale.Tx) error { return f(ctx, faultyTx{tx, s}) })
}

type faultyTx struct {
	resale.Tx
	store *faulty
}

func (t faultyTx) UpdateEntitlement(ctx context.Context, before, after resale.Entitlement) error {
	if before.ID == t.store.of && t.store.fault != nil {
		t.store.tries++
		return t.store.fault()
	}
	return t.Tx.UpdateEntitlement(ctx, before, after)
}

// unlimited hides how often a notification was tried, so that the portal never has enough of it.
type unlimited struct{ *faulty }

func (s unlimited) WaitingNotifications(ctx context.Context, now time.Time, limit int) ([]resale.Notification, error) {
	waiting, err := s.faulty.WaitingNotifications(ctx, now, limit)
	for i := range waiting {
		waiting[i].Attempts = 1
	}
	return waiting, err
}

// hasty hands out notifications before they are due.
type hasty struct{ *faulty }

func (s hasty) WaitingNotifications(ctx context.Context, now time.Time, limit int) ([]resale.Notification, error) {
	return s.faulty.WaitingNotifications(ctx, now.Add(time.Hour), limit)
}

// failing is how many notifications fail at once: so many that the longest wait of each round is near its ceiling.
const failing = 24

// failForGood lets the effects of notifications fail for good, in a portal that keeps everything in the store that wrap returns, and returns
// what is wrong with how that went. fault is what happens at each try.
func (d *desk) failForGood(fault func() error, wrap func(*faulty) resale.Store) error {
	d.bango.create = []resale.Answer{mustRegister}
	e := d.create()
	d.step()
	store := &faulty{Store: d.store, of: e.ID, fault: fault}
	d.keepIn(wrap(store))

	began := d.clock.now()
	for i := range failing {
		d.notify(e, resale.Active, "ACTIVATION_SUCCESS", 60+i) // is acknowledged all the same
	}
	kept, err := d.store.Notifications(d.ctx, 2*failing)
	if err != nil || len(kept) != failing {
		return fmt.Errorf("%d of %d are kept: %v", len(kept), failing, err)
	}
	listener := d.hub.Listen("nothing that ever changes") // hears what concerns everybody
	defer listener.Close()
	waits, err := d.retryAll(began)
	if err != nil {
		return err
	}
	const attempts = 8
	if len(waits) != attempts-1 {
		return fmt.Errorf("%d rounds of waits, want %d", len(waits), attempts-1)
	}
	for i, longest := range waits {
		if ceiling := time.Second << i; longest > ceiling+time.Millisecond || longest < ceiling/2 {
			return fmt.Errorf("after %d attempts none waits longer than %s; want nearly %s", i+1, longest, ceiling)
		}
	}
	for range 24 * 60 {
		d.clock.turn(time.Minute)
		if n, err := d.service.RetryNotifications(d.ctx); err != nil || n != 0 {
			return fmt.Errorf("after %d attempts another %d were made: %v", attempts, n, err)
		}
	}
	if store.tries != attempts*failing {
		return fmt.Errorf("%d attempts were made at %d notifications", store.tries, failing)
	}
	parked, err := d.store.ParkedNotifications(d.ctx, 2*failing)
	if err != nil || len(parked) != failing || !strings.Contains(parked[0].Reason, "8 attempts") {
		return fmt.Errorf("%d are parked: %v", len(parked), err)
	}
	select { // the start page reads again
	case <-listener.Signal:
	case <-time.After(5 * time.Second):
		return errors.New("nobody was told that some were parked")
	}
	if now := d.now(e); now.Status != resale.Pending {
		return fmt.Errorf("though nothing could be stored it is %s", now.Status)
	}
	return d.replayOne(store, e, parked[0])
}

// retryAll turns the clock from one due notification to the next until none waits any more, and returns the longest wait after each number of
// attempts. All of them failed for the first time at began.
func (d *desk) retryAll(began time.Time) (waits []time.Duration, err error) {
	tried, attempts := map[string]time.Time{}, map[string]int64{}
	for range 10 * failing {
		waiting, err := d.store.WaitingNotifications(d.ctx, d.clock.now().Add(time.Hour), 2*failing)
		if err != nil || len(waiting) == 0 {
			return waits, err
		}
		for _, n := range waiting {
			if n.Attempts == attempts[n.ID] {
				continue // is known
			}
			attempts[n.ID]++
			if n.Attempts != attempts[n.ID] {
				return nil, fmt.Errorf("attempt %d is counted as %d", attempts[n.ID], n.Attempts)
			}
			if tried[n.ID].IsZero() {
				tried[n.ID] = began
			}
			if int(n.Attempts) > len(waits) {
				waits = append(waits, 0)
			}
			waits[n.Attempts-1] = max(waits[n.Attempts-1], n.Due.Sub(tried[n.ID]))
		}
		next := slices.MinFunc(waiting, func(a, b resale.Notification) int { return a.Due.Compare(b.Due) })
		if early := next.Due.Add(-time.Microsecond).Sub(d.clock.now()); early > 0 {
			d.clock.turn(early)
			if n, err := d.service.RetryNotifications(d.ctx); err != nil || n != 0 {
				return nil, fmt.Errorf("%d were tried before they were due: %v", n, err)
			}
		}
		d.clock.turn(max(0, next.Due.Sub(d.clock.now())))
		for _, n := range waiting {
			if !n.Due.After(d.clock.now()) {
				tried[n.ID] = d.clock.now()
			}
		}
		if _, err := d.service.RetryNotifications(d.ctx); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("some still wait after %d attempts", 10*failing)
}

// replayOne replays a parked notification, in vain first, then with the fault lifted, then once too often, and returns what is wrong with that.
func (d *desk) replayOne(store *faulty, e resale.Entitlement, n resale.Notification) error {
	if _, err := d.service.Replay(d.ctx, d.victor, n.ID); resale.CodeOf(err) != resale.CodeForbidden {
		return fmt.Errorf("a viewer replays: %v", err)
	}
	if _, err := d.service.Replay(d.ctx, d.ana, n.ID); err == nil {
		return errors.New("a replay succeeded while the fault lasted")
	}
	store.fault = nil
	if n, err := d.service.Replay(d.ctx, d.ana, n.ID); err != nil || n.State != resale.NotificationApplied || n.Effect != resale.EffectChanged {
		return fmt.Errorf("replayed it is %s, effect %q: %v", n.State, n.Effect, err)
	}
	after, told := d.now(e), d.events(e)[resale.EventNotified]
	if after.Status != resale.Active || told != 1 {
		return fmt.Errorf("replayed it made it %s, with %d lines on the timeline", after.Status, told)
	}
	if _, err := d.service.Replay(d.ctx, d.ana, n.ID); resale.CodeOf(err) != resale.CodeConflict {
		return fmt.Errorf("replayed twice: %v", err)
	}
	if again := d.now(e); again != after || d.events(e)[resale.EventNotified] != told {
		return fmt.Errorf("the second replay made it %+v", again)
	}
	return nil
}

var errDisk = errors.New("no space left on device")

// R4: a notification whose effect always fails is tried 8 times, further and further apart, then parked, shown, and replayed once.
func TestR4AnEffectThatAlwaysFails(t *testing.T) {
	for name, fault := range map[string]func() error{
		"an error": func() error { return errDisk },
		"a panic":  func() error { panic("a fault of ours") },
	} {
		t.Run(name, func(t *testing.T) {
			onEachStore(t, func(d *desk) {
				if err := d.failForGood(fault, func(s *faulty) resale.Store { return s }); err != nil {
					d.Error(err)
				}
			})
		})
	}
}

// R4 must notice a portal that never has enough, and one that tries early.
func TestR4NoticesEndlessAndEarlyAttempts(t *testing.T) {
	onEachStore(t, func(d *desk) {
		if err := d.failForGood(func() error { return errDisk }, func(s *faulty) resale.Store { return unlimited{s} }); err == nil {
			d.Error("attempts without a limit were not noticed")
		} else {
			d.Log("noticed:", err)
		}
	})
	onEachStore(t, func(d *desk) {
		err := d.failForGood(func() error { return errDisk }, func(s *faulty) resale.Store { return hasty{s} })
		if err == nil || !strings.Contains(err.Error(), "before they were due") {
			d.Errorf("early attempts were not noticed: %v", err)
		}
	})
}

// dead is a store that stores nothing; whatever is to be stored runs nevertheless.
type dead struct{ resale.Store }

func (s dead) Write(ctx context.Context, f func(context.Context, resale.Tx) error) error {
	return s.Store.Write(ctx, func(ctx context.Context, tx resale.Tx) error { return errors.Join(f(ctx, tx), errDisk) })
}

// careless says that it has stored what it has not.
type careless struct{ dead }

func (s careless) Write(ctx context.Context, f func(context.Context, resale.Tx) error) error {
	s.dead.Write(ctx, f)
	return nil
}

// acknowledgedUnstored reports whether a notification was acknowledged though nothing could be stored.
func (d *desk) acknowledgedUnstored(store resale.Store) bool {
	d.Helper()
	e := d.create()
	d.keepIn(store)
	err := d.service.ReceiveNotification(d.ctx, resale.NotificationToken(e), []byte(`{"entitlementId":"b-1","status":"ACTIVE"}`))
	kept, readErr := d.store.Notifications(d.ctx, 10)
	if readErr != nil || len(kept) != 0 {
		d.Fatalf("%d are kept: %v", len(kept), readErr)
	}
	return err == nil
}

// R4: what cannot be stored at all is not acknowledged, so that Bango keeps it.
func TestR4NothingUnstoredIsAcknowledged(t *testing.T) {
	onEachStore(t, func(d *desk) {
		if d.acknowledgedUnstored(dead{d.store}) {
			d.Error("it was acknowledged")
		}
	})
}

// R4 must notice a store that swallows its errors.
func TestR4NoticesAnAcknowledgementOfNothing(t *testing.T) {
	onEachStore(t, func(d *desk) {
		if !d.acknowledgedUnstored(careless{dead{d.store}}) {
			d.Error("it was not noticed")
		}
	})
}
