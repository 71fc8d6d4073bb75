package db_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"latchkey/db"
	"latchkey/db/dbtest"
	"latchkey/resale"
)

var errOnPurpose = errors.New("on purpose")

func TestWritesTogetherShareACommitAndFailAlone(t *testing.T) {
	each(t, func(d *desk) {
		release := d.hold()
		defer release()
		before, _ := d.log.count()
		const writes = 60
		var all sync.WaitGroup
		outcomes := make([]error, writes)
		for i := range writes {
			all.Go(func() {
				outcomes[i] = d.Write(d.Context(), func(ctx context.Context, tx resale.Tx) error {
					tx.Announce(resale.Change{Topics: []string{fmt.Sprint(i)}})
					if _, err := tx.EnsureSetting(ctx, fmt.Sprint(i), "x"); err != nil {
						return err
					}
					if i%3 == 0 {
						return errOnPurpose
					}
					if i%10 == 1 {
						return tx.InsertCustomer(ctx, resale.Customer{ID: newID(), Identifier: "cust-1"})
					}
					return nil
				})
			})
		}
		until(d.TB, "all queue up", func() bool { return d.Waiting() == writes })
		release()
		all.Wait()
		if commits, _ := d.log.count(); commits-before > writes/3 { // how many share one depends on how long each takes; alone it is 1 or 2
			d.Errorf("%d writes took %d commits", writes, commits-before)
		}
		want := map[string]bool{}
		for i, err := range outcomes {
			_, stored := d.Setting(d.Context(), fmt.Sprint(i))
			switch {
			case i%3 == 0:
				if !errors.Is(err, errOnPurpose) || resale.CodeOf(stored) != resale.CodeNotFound {
					d.Errorf("%d: %v, stored %v", i, err, stored)
				}
			case i%10 == 1:
				if resale.CodeOf(err) != resale.CodeConflict || resale.CodeOf(stored) != resale.CodeNotFound {
					d.Errorf("%d: %v, stored %v", i, err, stored)
				}
			default:
				want[fmt.Sprint(i)] = true
				if err != nil || stored != nil {
					d.Errorf("%d: %v, stored %v", i, err, stored)
				}
			}
		}
		// What was announced is what was stored.
		for len(want) > 0 {
			select {
			case c := <-d.heard:
				if !want[c.Topics[0]] {
					d.Errorf("%s was announced, which was not stored or was announced before", c.Topics[0])
				}
				delete(want, c.Topics[0])
			case <-time.After(10 * time.Second):
				d.Fatalf("not announced: %v", want)
			}
		}
	})
}

func TestAnnouncedIsWhatCanBeRead(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database string) {
		reader := newDesk(t, database)
		told := make(chan error, 100)
		store, err := db.Open(t.Context(), database, func(c resale.Change) {
			_, err := reader.Setting(context.Background(), c.Refs[0])
			told <- err
		}, reader.quiet())
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		for i := range 20 {
			err := store.Write(t.Context(), func(ctx context.Context, tx resale.Tx) error {
				tx.Announce(resale.Change{Topics: []string{"t"}, Refs: []string{fmt.Sprint(i)}})
				_, err := tx.EnsureSetting(ctx, fmt.Sprint(i), "x")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := <-told; err != nil {
				t.Errorf("told before it can be read: %v", err)
			}
		}
	})
}

func TestAPanicIsItsCallersAlone(t *testing.T) {
	each(t, func(d *desk) {
		release := d.hold()
		defer release()
		var all sync.WaitGroup
		panicked := make(chan any, 1)
		all.Go(func() {
			defer func() { panicked <- recover() }()
			d.Write(d.Context(), func(ctx context.Context, tx resale.Tx) error {
				tx.EnsureSetting(ctx, "panic", "x")
				panic("boom")
			})
		})
		all.Go(func() {
			d.Write(d.Context(), func(ctx context.Context, tx resale.Tx) error {
				tx.EnsureSetting(ctx, "exit", "x")
				runtime.Goexit() // as t.Fatal does
				return nil
			})
		})
		for i := range 3 {
			all.Go(func() {
				if err := d.Write(d.Context(), func(ctx context.Context, tx resale.Tx) error {
					_, err := tx.EnsureSetting(ctx, fmt.Sprint(i), "x")
					return err
				}); err != nil {
					d.Errorf("beside a panic: %v", err)
				}
			})
		}
		release()
		all.Wait()
		if got := <-panicked; got != "boom" {
			d.Errorf("the caller got %v", got)
		}
		for name, want := range map[string]resale.Code{"panic": resale.CodeNotFound, "exit": resale.CodeNotFound, "0": "", "1": "", "2": ""} {
			if _, err := d.Setting(d.Context(), name); resale.CodeOf(err) != want {
				d.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestAWriteThatWaitsCanBeTakenBack(t *testing.T) {
	each(t, func(d *desk) {
		release := d.hold()
		defer release()
		ctx, cancel := context.WithCancel(d.Context())
		outcome := make(chan error, 1)
		go func() {
			outcome <- d.Write(ctx, func(context.Context, resale.Tx) error {
				d.Error("it ran")
				return nil
			})
		}()
		cancel()
		select {
		case err := <-outcome: // while the writer is held
			if !errors.Is(err, context.Canceled) {
				d.Error(err)
			}
		case <-time.After(10 * time.Second):
			d.Fatal("the caller is kept waiting")
		}
		release()
		// One that runs already is not cut short: what it has done is stored.
		ctx, cancel = context.WithCancel(d.Context())
		err := d.Write(ctx, func(ctx context.Context, tx resale.Tx) error {
			cancel()
			_, err := tx.EnsureSetting(ctx, "ran", "x")
			return err
		})
		if err != nil {
			d.Error(err)
		}
		if _, err := d.Setting(d.Context(), "ran"); err != nil {
			d.Error(err)
		}
	})
}

func TestTooManyWritesAreTurnedAway(t *testing.T) {
	d := newDesk(t, dbtest.SQLite(t))
	release := d.hold()
	defer release()
	var all sync.WaitGroup
	var busy, stored atomic.Int64
	for range db.QueueLength + 10 {
		all.Go(func() {
			err := d.Write(d.Context(), func(context.Context, resale.Tx) error { return nil })
			switch {
			case err == nil:
				stored.Add(1)
			case resale.CodeOf(err) == resale.CodeBusy:
				busy.Add(1)
			default:
				d.Error(err)
			}
		})
	}
	until(t, "ten are turned away", func() bool { return busy.Load() == 10 })
	release()
	all.Wait()
	if busy.Load() != 10 || stored.Load() != db.QueueLength {
		t.Errorf("%d turned away, %d stored", busy.Load(), stored.Load())
	}
}

func TestCloseEndsWhatWaits(t *testing.T) {
	each(t, func(d *desk) {
		second := openDesk(d.TB, d.database)
		release := second.hold()
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				err := second.Write(d.Context(), func(ctx context.Context, tx resale.Tx) error {
					_, err := tx.EnsureSetting(ctx, fmt.Sprint(i), "x")
					return err
				})
				if _, found := d.Setting(d.Context(), fmt.Sprint(i)); err != nil || found != nil {
					d.Errorf("%d: Write says %v, stored %v", i, err, found)
				}
			})
		}
		until(d.TB, "all queue up", func() bool { return second.Waiting() == 20 })
		all.Go(release)
		if err := second.Close(); err != nil {
			d.Error(err)
		}
		all.Wait()
		if err := second.Write(d.Context(), func(context.Context, resale.Tx) error { return nil }); err == nil {
			d.Error("a closed store takes writes")
		}
	})
}

func TestALockedEntitlementIsChangedByOneAtATime(t *testing.T) {
	each(t, func(d *desk) {
		e, portals := d.stored(1), []*desk{d, openDesk(d.TB, d.database)}
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for range 50 {
					err := portals[i%2].Write(d.Context(), func(ctx context.Context, tx resale.Tx) error {
						before, err := tx.LockEntitlement(ctx, e.ID)
						if err != nil {
							return err
						}
						after := before
						after.Opened++
						return tx.UpdateEntitlement(ctx, before, after)
					})
					if err != nil {
						d.Error(err)
					}
				}
			})
		}
		all.Wait()
		if e, err := d.Entitlement(d.Context(), e.ID); err != nil || e.Opened != 400 {
			d.Errorf("%d of 400 changes are there, %v", e.Opened, err)
		}
	})
}

// Several processes may write to one SQLite file, as an operator's command does beside the portal.
func TestNobodyMeetsALockedDatabase(t *testing.T) {
	each(t, func(d *desk) {
		second := openDesk(d.TB, d.database)
		stop := make(chan struct{})
		var readers, writers sync.WaitGroup
		readers.Go(func() {
			for reads := 0; ; reads++ {
				select {
				case <-stop:
					if reads == 0 {
						d.Error("nothing was read")
					}
					return
				default:
				}
				if _, err := d.ListEntitlements(d.Context(), resale.EntitlementFilter{Limit: 20}); err != nil {
					d.Errorf("read: %v", err)
				}
			}
		})
		for w := range 8 {
			store := []*desk{d, second}[w%2]
			writers.Go(func() {
				for i := range 20 {
					e := d.entitlement(i)
					e.Ref = newID()
					if err := store.Write(d.Context(), func(ctx context.Context, tx resale.Tx) error { return tx.InsertEntitlement(ctx, e) }); err != nil {
						d.Errorf("write: %v", err)
					}
				}
			})
		}
		writers.Wait()
		close(stop)
		readers.Wait()
		if counts, err := d.StatusCounts(d.Context()); counts[resale.Requested] != 160 || err != nil {
			d.Errorf("%v, %v", counts, err)
		}
	})
}

// admin runs one statement on a PostgreSQL database and returns its first column, a number.
func admin(t *testing.T, database, statement string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), statement).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// terminate ends the connections of a database that a condition is true for, once there are any.
func terminate(t *testing.T, database, condition string) {
	t.Helper()
	until(t, "a connection with "+condition, func() bool {
		return admin(t, database, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() "+
			"AND application_name = 'latchkey' AND pid <> pg_backend_pid() AND "+condition) > 0
	})
}

func TestALostConnectionBeforeTheCommitLosesNothing(t *testing.T) {
	d := newDesk(t, dbtest.Postgres(t))
	var all sync.WaitGroup
	var first sync.Once
	inside, cut := make(chan struct{}), make(chan struct{})
	for i := range 8 {
		all.Go(func() {
			err := d.Write(d.Context(), func(ctx context.Context, tx resale.Tx) error {
				if _, err := tx.EnsureSetting(ctx, fmt.Sprint(i), "x"); err != nil {
					return err
				}
				first.Do(func() { close(inside); <-cut })
				_, err := tx.EnsureSetting(ctx, fmt.Sprint(i, " too"), "x")
				return err
			})
			if err != nil {
				d.Errorf("%d: %v", i, err)
			}
		})
	}
	<-inside
	terminate(t, d.database, "state = 'idle in transaction'")
	close(cut)
	all.Wait()
	for i := range 8 {
		for _, name := range []string{fmt.Sprint(i), fmt.Sprint(i, " too")} {
			if _, err := d.Setting(t.Context(), name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestADeadlockBetweenPortalsIsRunAgain(t *testing.T) {
	d := newDesk(t, dbtest.Postgres(t))
	other := openDesk(t, d.database)
	a, b := d.stored(1), d.stored(2)
	var both, all sync.WaitGroup
	both.Add(2)
	var runs atomic.Int64
	cross := func(store *desk, first, second resale.Entitlement, code string) {
		once := sync.OnceFunc(func() { both.Done(); both.Wait() })
		err := store.Write(t.Context(), func(ctx context.Context, tx resale.Tx) error {
			runs.Add(1)
			for _, e := range []resale.Entitlement{first, second} {
				known, err := tx.LockEntitlement(ctx, e.ID)
				if err != nil {
					return err
				}
				after := known
				after.ActivationCode += code
				if err := tx.UpdateEntitlement(ctx, known, after); err != nil {
					return err
				}
				once()
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	all.Go(func() { cross(d, a, b, "1") })
	all.Go(func() { cross(other, b, a, "2") })
	all.Wait()
	if runs.Load() < 3 {
		t.Errorf("%d runs: there was no deadlock", runs.Load())
	}
	for _, e := range []resale.Entitlement{a, b} {
		if e, err := d.Entitlement(t.Context(), e.ID); err != nil || len(e.ActivationCode) != 2 {
			t.Errorf("%q, %v", e.ActivationCode, err)
		}
	}
}

func TestPortalsHearOfEachOther(t *testing.T) {
	d := newDesk(t, dbtest.Postgres(t))
	other := openDesk(t, d.database)
	change := resale.Change{Topics: []string{"entitlement:1", resale.TopicEntitlements}, Refs: []string{"K7Q4-X2MD"}}
	announce := func() {
		d.write(func(_ context.Context, tx resale.Tx) error { tx.Announce(change); return nil })
	}
	hear := func(listener *desk) resale.Change {
		select {
		case c := <-listener.heard:
			return c
		case <-time.After(10 * time.Second):
			t.Fatal("nothing is heard")
			return resale.Change{}
		}
	}
	same := func(c resale.Change) bool {
		return slices.Equal(c.Topics, change.Topics) && slices.Equal(c.Refs, change.Refs)
	}
	announce()
	for _, listener := range []*desk{d, other} {
		if c := hear(listener); !same(c) {
			t.Errorf("heard %+v", c)
		}
	}
	// Both listeners lose their connection: whatever they missed meanwhile, they say so.
	terminate(t, d.database, "query LIKE 'LISTEN%'")
	for _, listener := range []*desk{d, other} {
		if c := hear(listener); len(c.Topics) != 1 || c.Topics[0] != resale.TopicEverything {
			t.Errorf("after the connection was lost: %+v", c)
		}
	}
	announce()
	for _, listener := range []*desk{d, other} {
		if c := hear(listener); !same(c) {
			t.Errorf("afterwards heard %+v", c)
		}
	}
}

func TestMessagesFit(t *testing.T) {
	var changes []resale.Change
	for i := range 300 {
		changes = append(changes, resale.Change{Topics: []string{"entitlement:" + newID(), "customer:" + newID()}, Refs: []string{fmt.Sprint(i)}})
	}
	changes = append(changes, resale.Change{Topics: []string{strings.Repeat("x", 8000)}})
	messages := strings.Join(db.Payloads(changes), "\n")
	for _, m := range db.Payloads(changes) {
		if len(m) > 7999 {
			t.Errorf("a message of %d bytes", len(m))
		}
	}
	if n := strings.Count(messages, `"Topics"`); n != 301 {
		t.Errorf("%d changes of 301 in the messages", n)
	}
	if !strings.Contains(messages, `"*"`) || len(db.Payloads(nil)) != 0 {
		t.Error("one too large is not told as everything, or nothing is told as something")
	}
}
