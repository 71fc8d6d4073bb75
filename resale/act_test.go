package resale_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/resale"
)

var (
	sofia      = resale.StaffActor(resale.Staff{ID: "s-3", Name: "Sofia", Role: resale.Supervisor})
	notRenewed = resale.Reason{Category: "CUSTOMER_CANCELLED", Code: "NOT_RENEWED", Description: "moved abroad"}
)

// says is an answer with what Bango holds of the test's entitlement, so many seconds after noon.
func says(source resale.Source, status resale.Status, seconds int) resale.Answer {
	return resale.Answer{Verdict: resale.VerdictDone, Fact: record(source, status, seconds)}
}

// live returns an entitlement that is ACTIVE.
func (d *desk) live() resale.Entitlement {
	d.Helper()
	d.bango.create = []resale.Answer{active}
	e := d.create()
	d.step()
	return d.is(e, resale.Active, resale.Done)
}

// ask asks for something, which must be possible.
func (d *desk) ask(e resale.Entitlement, kind resale.RequestKind, reason resale.Reason) {
	d.Helper()
	if _, err := d.service.Act(d.ctx, sofia, e.Ref, kind, reason); err != nil {
		d.Fatalf("%s: %v", kind, err)
	}
}

// last returns the newest request that is not a check.
func (d *desk) last(e resale.Entitlement) resale.Request {
	d.Helper()
	requests, err := d.store.RequestsOf(d.ctx, e.ID, 20)
	if err != nil {
		d.Fatal(err)
	}
	for _, r := range requests {
		if r.Kind != resale.KindCheck {
			return r
		}
	}
	d.Fatal("no request")
	return resale.Request{}
}

func TestTheLifeOfAnEntitlement(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.live()
		for _, tt := range []struct {
			kind   resale.RequestKind
			reason resale.Reason
			answer resale.Status
			at     int
		}{
			{resale.KindSuspend, resale.Reason{}, resale.Suspended, 60},
			{resale.KindResume, resale.Reason{}, resale.Active, 120},
			{resale.KindCancel, notRenewed, resale.ActiveEnding, 180},
			{resale.KindRevoke, resale.Reason{Category: "REVOKED", Code: "OTHER"}, resale.Revoked, 240},
		} {
			d.bango.act, d.bango.acted = []resale.Answer{says(resale.FromReply, tt.answer, tt.at)}, nil
			d.ask(e, tt.kind, tt.reason)
			if now := d.now(e); now.Status == tt.answer {
				d.Errorf("it is %s before Bango was asked to %s it", now.Status, tt.kind)
			}
			d.clock.turn(resale.RevokeHold)
			d.step()
			r := d.last(e)
			if now := d.now(e); now.Status != tt.answer || r.Kind != tt.kind || r.State != resale.Done || r.Reason != tt.reason {
				d.Errorf("after %s it is %s, the request %s %s because %v", tt.kind, now.Status, r.Kind, r.State, r.Reason)
			}
			want := fmt.Sprintf("%s %s b-1 %s/%s %s", tt.kind, r.ID, tt.reason.Category, tt.reason.Code, tt.reason.Description)
			if len(d.bango.acted) != 1 || d.bango.acted[0] != want {
				d.Errorf("Bango was asked %q, not %q", d.bango.acted, want)
			}
		}
		events, err := d.store.Events(d.ctx, e.ID, 100)
		if err != nil {
			d.Fatal(err)
		}
		told := ""
		for _, e := range events {
			told += e.Actor.Name + " " + e.Text + "\n"
		}
		for _, line := range []string{"Sofia asked Bango to suspend it", "Sofia asked Bango to cancel it (CUSTOMER_CANCELLED / NOT_RENEWED: moved abroad)", "got Bango's answer: REVOKED"} {
			if !strings.Contains(told, line) {
				d.Errorf("the timeline does not tell %q:\n%s", line, told)
			}
		}
	})
}

func TestOutcomesOfAnAct(t *testing.T) {
	foreign := says(resale.FromReply, resale.Suspended, 60)
	foreign.Fact.BangoID = "b-2"
	for _, tt := range []struct {
		name   string
		act    []resale.Answer
		read   resale.Answer
		status resale.Status
		state  resale.RequestState
		most   int // attempts
	}{
		{"done", []resale.Answer{says(resale.FromReply, resale.Suspended, 60)}, absent, resale.Suspended, resale.Done, 1},
		{"accepted, done later", []resale.Answer{says(resale.FromReply, resale.Active, 0)}, absent, resale.Active, resale.Done, 1},
		{"done in the same second", []resale.Answer{says(resale.FromReply, resale.Suspended, 0)}, says(resale.FromRecord, resale.Suspended, 0), resale.Suspended, resale.Done, 1},
		{"refused", []resale.Answer{refused}, says(resale.FromRecord, resale.Active, 0), resale.Active, resale.Denied, 1},
		{"refused, because our view was old", []resale.Answer{refused}, says(resale.FromRecord, resale.Cancelled, 60), resale.Cancelled, resale.Denied, 1},
		{"not there", []resale.Answer{absent}, absent, resale.Active, resale.Denied, 1},
		{"not now, then done", []resale.Answer{notNow, says(resale.FromReply, resale.Suspended, 60)}, absent, resale.Suspended, resale.Done, 2},
		{"silence, then the same again", []resale.Answer{silence, says(resale.FromReply, resale.Suspended, 60)}, absent, resale.Suspended, resale.Done, 2},
		{"silence, but done", []resale.Answer{silence}, says(resale.FromRecord, resale.Suspended, 60), resale.Suspended, resale.Done, 2},
		{"silence, then refused because it was done", []resale.Answer{silence, refused}, says(resale.FromRecord, resale.Suspended, 60), resale.Suspended, resale.Done, 2},
		{"silence, then refused, and not done", []resale.Answer{silence, refused}, says(resale.FromRecord, resale.Active, 0), resale.Active, resale.Denied, 2},
		{"silence for a day", []resale.Answer{silence}, silence, resale.Active, resale.Manual, 400},
		{"another entitlement's record", []resale.Answer{foreign}, absent, resale.Active, resale.Manual, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onEachStore(t, func(d *desk) {
				e := d.live()
				d.bango.act, d.bango.read = tt.act, tt.read
				d.ask(e, resale.KindSuspend, resale.Reason{})
				d.steps()
				r := d.last(e)
				if now := d.now(e); now.Status != tt.status || r.State != tt.state {
					d.Errorf("it is %s and the request %s; want %s and %s (%s)", now.Status, r.State, tt.status, tt.state, r.Message)
				}
				if len(d.bango.acted) > tt.most {
					d.Errorf("Bango was asked %d times", len(d.bango.acted))
				}
				for _, asked := range d.bango.acted {
					if asked != d.bango.acted[0] {
						d.Fatalf("Bango was asked %q and %q", d.bango.acted[0], asked)
					}
				}
			})
		})
	}
}

func TestAFreshLink(t *testing.T) {
	fresh := mustRegister
	fresh.ActionURL = "https://music.example/r/2"
	for _, tt := range []struct {
		name    string
		read    resale.Answer
		create  resale.Answer
		status  resale.Status
		state   resale.RequestState
		link    string
		creates int
	}{
		{"while it is PENDING", says(resale.FromRecord, resale.Pending, 0), fresh, resale.Pending, resale.Done, "https://music.example/r/2", 2},
		{"once it is ACTIVE there", says(resale.FromRecord, resale.Active, 60), fresh, resale.Active, resale.Denied, "", 1},
		{"once it has ended there", says(resale.FromRecord, resale.Cancelled, 60), fresh, resale.Cancelled, resale.Denied, "", 1},
		{"when Bango refuses", says(resale.FromRecord, resale.Pending, 0), refused, resale.Pending, resale.Denied, "https://music.example/r/1", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onEachStore(t, func(d *desk) {
				d.bango.create = []resale.Answer{mustRegister}
				e := d.create()
				d.step()
				d.bango.read, d.bango.create = tt.read, []resale.Answer{tt.create}
				d.ask(e, resale.KindRefresh, resale.Reason{})
				d.steps()
				now, r := d.now(e), d.last(e)
				if now.Status != tt.status || now.RegistrationURL != tt.link || now.SignupToken != e.SignupToken || r.State != tt.state {
					d.Errorf("it is %s with the link %q, the request %s: %s", now.Status, now.RegistrationURL, r.State, r.Message)
				}
				if len(d.bango.asked) != tt.creates {
					d.Errorf("Bango was asked to create %d times", len(d.bango.asked))
				} else if tt.creates == 2 && d.bango.asked[0] == d.bango.asked[1] {
					d.Error("the fresh link was asked for under the identifier of the create, whose first answer Bango would repeat")
				}
			})
		})
	}
}

func TestWhatCannotBeDone(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.live()
		for name, tt := range map[string]struct {
			by     resale.Actor
			ref    string
			kind   resale.RequestKind
			reason resale.Reason
			code   resale.Code
			says   string
		}{
			"a viewer suspends":           {d.victor, e.Ref, resale.KindSuspend, resale.Reason{}, resale.CodeForbidden, ""},
			"an agent revokes":            {d.ana, e.Ref, resale.KindRevoke, notRenewed, resale.CodeForbidden, "supervisor"},
			"the customer cancels":        {resale.TheCustomer, e.Ref, resale.KindCancel, notRenewed, resale.CodeForbidden, ""},
			"nothing":                     {sofia, "AAAA-AAAA", resale.KindSuspend, resale.Reason{}, resale.CodeNotFound, ""},
			"no such act":                 {sofia, e.Ref, resale.KindCreate, resale.Reason{}, resale.CodeNotFound, ""},
			"no reason":                   {sofia, e.Ref, resale.KindCancel, resale.Reason{}, resale.CodeInvalid, "Choose a reason"},
			"a reason of the wrong group": {sofia, e.Ref, resale.KindCancel, resale.Reason{Category: "REVOKED", Code: "NOT_RENEWED"}, resale.CodeInvalid, "NOT_RENEWED"},
			"a very long explanation":     {sofia, e.Ref, resale.KindCancel, resale.Reason{Category: "REVOKED", Code: "OTHER", Description: strings.Repeat("ä", 501)}, resale.CodeInvalid, "500"},
			"a reason for a suspension":   {sofia, e.Ref, resale.KindSuspend, notRenewed, resale.CodeInvalid, ""},
			"a resumption":                {sofia, e.Ref, resale.KindResume, resale.Reason{}, resale.CodeConflict, "only once it is suspended"},
			"a fresh link":                {sofia, e.Ref, resale.KindRefresh, resale.Reason{}, resale.CodeConflict, "only while the customer has to sign up"},
		} {
			_, err := d.service.Act(d.ctx, tt.by, tt.ref, tt.kind, tt.reason)
			if resale.CodeOf(err) != tt.code || err != nil && !strings.Contains(err.Error(), tt.says) {
				d.Errorf("%s: %v", name, err)
			}
		}
		if r := d.last(e); r.Kind != resale.KindCreate {
			d.Errorf("a request to %s was stored", r.Kind)
		}
	})
}

func TestTheSameActCountsOnce(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.live()
		var clicks sync.WaitGroup
		for range 8 {
			clicks.Go(func() {
				if _, err := d.service.Act(d.ctx, sofia, e.Ref, resale.KindCancel, notRenewed); err != nil {
					d.Error(err)
				}
			})
		}
		clicks.Wait()
		if _, err := d.service.Act(d.ctx, sofia, e.Ref, resale.KindSuspend, resale.Reason{}); resale.CodeOf(err) != resale.CodeConflict || !strings.Contains(err.Error(), "a cancel is under way") {
			d.Errorf("a suspension beside the cancel: %v", err)
		}
		d.bango.act = []resale.Answer{says(resale.FromReply, resale.Cancelled, 60)}
		d.steps()
		if len(d.bango.acted) != 1 {
			d.Errorf("Bango was asked %d times", len(d.bango.acted))
		}
	})
}

// Actions offers what Act accepts, and nothing else.
func TestActionsAgreeWithAct(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.live()
		for _, status := range resale.Statuses {
			err := d.store.Write(d.ctx, func(ctx context.Context, tx resale.Tx) error {
				before, err := tx.LockEntitlement(ctx, e.ID)
				after := before
				after.Status = status
				if err != nil {
					return err
				}
				return tx.UpdateEntitlement(ctx, before, after)
			})
			if err != nil {
				d.Fatal(err)
			}
			updates := 0
			for _, by := range []resale.Actor{d.victor, d.ana, sofia} {
				requests, err := d.store.RequestsOf(d.ctx, e.ID, 20)
				if err != nil {
					d.Fatal(err)
				}
				for _, action := range resale.Actions(d.now(e), requests, by.Role, nil) {
					reason := resale.Reason{}
					if action.Kind.NeedsReason() {
						reason = notRenewed
					}
					_, err := d.service.Act(d.ctx, by, e.Ref, action.Kind, reason)
					if action.Kind == resale.KindUpdate {
						updates++
						_, err = d.service.Update(d.ctx, by, e.Ref, resale.NewTerms{DisplayName: fmt.Sprint("name ", updates)})
					}
					if (err == nil) != action.Allowed || action.Allowed == (action.Why != "") {
						d.Errorf("%s, %s: %s is offered: %v (%s); Act says %v", status, by.Role, action.Kind, action.Allowed, action.Why, err)
					}
					d.bango.act, d.bango.read, d.bango.create = []resale.Answer{refused}, absent, []resale.Answer{refused}
					d.steps() // so that nothing is under way
				}
			}
		}
	})
}

func TestAwaitSettled(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.live()
		d.bango.act = []resale.Answer{says(resale.FromReply, resale.Suspended, 60)}
		d.ask(e, resale.KindSuspend, resale.Reason{})
		go d.sender.Step(d.ctx)
		if got, err := d.service.AwaitSettled(d.ctx, e.ID, 10*time.Second); err != nil || got.Status != resale.Suspended {
			d.Errorf("it is %s, %v", got.Status, err)
		}
	})
}
