package resale_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/db"
	"latchkey/resale"
)

var taken = resale.Reason{Category: "REVOKED", Code: "OTHER"}

// idle makes sure that the sender has nothing to do.
func (d *desk) idle(when string) {
	d.Helper()
	if ok, err := d.sender.Step(d.ctx); err != nil || ok {
		d.Errorf("%s: the sender made an attempt: %v, %v", when, ok, err)
	}
}

// revoked checks how often Bango was asked to revoke, and what the entitlement and the revoke are.
func (d *desk) revoked(e resale.Entitlement, asked int, status resale.Status, state resale.RequestState) {
	d.Helper()
	if r := d.last(e); len(d.bango.acted) != asked || d.now(e).Status != status || r.State != state {
		d.Errorf("Bango was asked %q; the entitlement is %s and the revoke %s", d.bango.acted, d.now(e).Status, r.State)
	}
}

func TestARevokeWaitsAndIsSentOnce(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.live()
		d.bango.act = []resale.Answer{says(resale.FromReply, resale.Revoked, 60)}
		d.ask(e, resale.KindRevoke, taken)
		d.idle("at once")
		d.clock.turn(resale.RevokeHold - time.Microsecond)
		d.idle("just before its time")
		if r := d.last(e); !r.Undoable() {
			d.Errorf("it cannot be undone: %+v", r)
		}
		// The same again neither sends it nor starts the time anew.
		d.ask(e, resale.KindRevoke, taken)
		if _, err := d.service.Act(d.ctx, sofia, e.Ref, resale.KindSuspend, resale.Reason{}); resale.CodeOf(err) != resale.CodeConflict || !strings.Contains(err.Error(), "can be undone") {
			d.Errorf("a suspension beside the revoke: %v", err)
		}
		d.clock.turn(time.Microsecond)
		d.step()
		d.revoked(e, 1, resale.Revoked, resale.Done)
		d.steps()
		d.revoked(e, 1, resale.Revoked, resale.Done)
		if r := d.last(e); r.Withdrawn() {
			d.Error("a revoke that was sent counts as withdrawn")
		}
	})
}

func TestARevokeThatIsUndoneIsNeverSent(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.live()
		d.ask(e, resale.KindRevoke, taken)
		d.clock.turn(9 * time.Second)
		if err := d.service.Withdraw(d.ctx, sofia, e.Ref, d.last(e).ID); err != nil {
			d.Fatal(err)
		}
		if err := d.service.Withdraw(d.ctx, sofia, e.Ref, d.last(e).ID); err != nil {
			d.Errorf("a second click: %v", err)
		}
		d.clock.turn(time.Hour)
		d.idle("an hour later")
		d.revoked(e, 0, resale.Active, resale.Done)
		r := d.last(e)
		if !r.Withdrawn() || r.Unconfirmed(resale.Active) || !strings.Contains(r.Message, "before it was sent") {
			d.Errorf("the request is %+v", r)
		}
		if kinds := d.events(e); kinds[resale.EventWithdrawn] != 1 {
			d.Errorf("the timeline tells %v", kinds)
		}
		// It is as before: all that could be asked for still can.
		d.bango.act = []resale.Answer{says(resale.FromReply, resale.Suspended, 60)}
		d.ask(e, resale.KindSuspend, resale.Reason{})
		d.step()
		d.is(e, resale.Suspended, resale.Done)
	})
}

func TestWhatCannotBeUndone(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.live()
		create := d.last(e)
		d.ask(e, resale.KindRevoke, taken)
		r := d.last(e)
		other := d.create()
		for name, tt := range map[string]struct {
			by      resale.Actor
			ref, id string
			code    resale.Code
		}{
			"by an agent":                {d.ana, e.Ref, r.ID, resale.CodeForbidden},
			"by the customer":            {resale.TheCustomer, e.Ref, r.ID, resale.CodeForbidden},
			"no such entitlement":        {sofia, "AAAA-AAAA", r.ID, resale.CodeNotFound},
			"under another entitlement":  {sofia, other.Ref, r.ID, resale.CodeNotFound},
			"no such request":            {sofia, e.Ref, other.ID, resale.CodeNotFound},
			"a create":                   {sofia, e.Ref, create.ID, resale.CodeNotFound},
			"a create that was not sent": {sofia, other.Ref, d.last(other).ID, resale.CodeNotFound},
		} {
			if err := d.service.Withdraw(d.ctx, tt.by, tt.ref, tt.id); resale.CodeOf(err) != tt.code {
				d.Errorf("%s: %v", name, err)
			}
		}
		if now := d.last(e); now != r {
			d.Errorf("the request has become %+v", now)
		}
		d.bango.create = []resale.Answer{refused}
		d.step() // the other one
		d.clock.turn(resale.RevokeHold)
		leased, ok, _, err := d.store.LeaseRequest(d.ctx, d.clock.now(), d.clock.now().Add(time.Minute))
		if err != nil || !ok || leased.ID != r.ID {
			d.Fatalf("%+v, %v, %v", leased, ok, err)
		}
		late := func(when string) {
			if err := d.service.Withdraw(d.ctx, sofia, e.Ref, r.ID); resale.CodeOf(err) != resale.CodeConflict || !strings.Contains(err.Error(), "too late") {
				d.Errorf("%s: %v", when, err)
			}
		}
		late("while it is sent")
		d.bango.act = []resale.Answer{notNow, says(resale.FromReply, resale.Revoked, 60)}
		d.clock.turn(2 * time.Minute)
		d.step() // whoever had it died
		late("while it waits for Bango")
		d.steps()
		late("once it is done")
		d.revoked(e, 2, resale.Revoked, resale.Done)
	})
}

// Of an undo and a sender at the same moment exactly one gets the request.
func TestUndoAndLeaseAtOnce(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.live()
		undone, leased := 0, 0
		for range 30 {
			d.ask(e, resale.KindRevoke, taken)
			r := d.last(e)
			d.clock.turn(resale.RevokeHold)
			var withdrawn error
			var got bool
			var both sync.WaitGroup
			both.Go(func() { withdrawn = d.service.Withdraw(d.ctx, sofia, e.Ref, r.ID) })
			both.Go(func() {
				_, ok, _, err := d.store.LeaseRequest(d.ctx, d.clock.now(), d.clock.now().Add(time.Minute))
				if got = ok; err != nil {
					d.Error(err)
				}
			})
			both.Wait()
			switch {
			case withdrawn == nil && !got:
				undone++
			case resale.CodeOf(withdrawn) == resale.CodeConflict && got:
				leased++
				d.bango.act = []resale.Answer{refused}
				d.bango.read = says(resale.FromRecord, resale.Active, 0)
				d.steps()
			default:
				d.Fatalf("undone: %v, leased: %v", withdrawn, got)
			}
		}
		d.Logf("%d undone, %d leased", undone, leased)
	})
}

// Whatever a clock that is set back does, nothing goes before ten seconds have passed, it can be undone as long as it was not sent, and it is sent.
func TestAClockSetBackNeitherHastensNorStrandsARevoke(t *testing.T) {
	for _, back := range []time.Duration{time.Second, 50 * time.Second, 2 * time.Minute, 3 * time.Hour, 400 * 24 * time.Hour} {
		onEachStore(t, func(d *desk) {
			e := d.live()
			d.ask(e, resale.KindRevoke, taken)
			d.clock.turn(3*time.Second - back)
			d.sender.Step(d.ctx)
			d.clock.turn(6 * time.Second)
			d.sender.Step(d.ctx)
			d.revoked(e, 0, resale.Active, resale.Queued)
			if !d.last(e).Undoable() {
				d.Errorf("set back by %s: it cannot be undone", back)
			}
			d.bango.act = []resale.Answer{says(resale.FromReply, resale.Revoked, 60)}
			for range 3 { // at most a minute and a half more
				d.clock.turn(30 * time.Second)
				d.sender.Step(d.ctx)
			}
			d.revoked(e, 1, resale.Revoked, resale.Done)
		})
	}
}

// The wait is in the database: another portal that starts on it finds it as it was.
func TestARevokeOutlivesItsPortal(t *testing.T) {
	for _, undo := range []bool{false, true} {
		onEachStore(t, func(d *desk) {
			e := d.live()
			d.ask(e, resale.KindRevoke, taken)
			if err := d.store.Close(); err != nil {
				d.Fatal(err)
			}
			store, err := db.Open(d.ctx, d.address, d.hub.Publish, slog.New(slog.DiscardHandler))
			if err != nil {
				d.Fatal(err)
			}
			d.Cleanup(func() { store.Close() })
			d.store = store
			d.keepIn(store)
			if err := store.ReleaseLeases(d.ctx); err != nil { // as a sender does that starts
				d.Fatal(err)
			}
			d.clock.turn(8 * time.Second)
			d.idle("after the start")
			if undo {
				if err := d.service.Withdraw(d.ctx, sofia, e.Ref, d.last(e).ID); err != nil {
					d.Fatal(err)
				}
				d.clock.turn(time.Minute)
				d.idle("after the undo")
				d.revoked(e, 0, resale.Active, resale.Done)
				return
			}
			d.bango.act = []resale.Answer{says(resale.FromReply, resale.Revoked, 60)}
			d.clock.turn(2 * time.Second)
			d.step()
			d.idle("afterwards")
			d.revoked(e, 1, resale.Revoked, resale.Done)
		})
	}
}
