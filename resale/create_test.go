package resale_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/resale"
)

func TestAnEntitlementIsStoredBeforeBangoIsAsked(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{mustRegister}
		e := d.create()
		d.bango.onAsk = func(requestID string) {
			stored, err := d.store.Request(d.ctx, requestID)
			if err != nil || stored.EntitlementID != e.ID || stored.State != resale.Sending || stored.Attempts != 1 {
				d.Errorf("while Bango is asked, the store has %+v, %v", stored, err)
			}
		}
		d.is(e, resale.Requested, resale.Queued)
		d.step()
		e = d.is(e, resale.Pending, resale.Done)
		if e.RegistrationURL != "https://music.example/r/1" || e.BangoID != "b-1" || e.CheckedAt.IsZero() {
			d.Errorf("stored %+v", e)
		}
		want := resale.Order{CustomerIdentifier: "cust-1", MerchantKey: "BANGO", ProductKey: "BangoMusic",
			NotificationURL: "https://portal.example/webhooks/bango/" + resale.NotificationToken(e)}
		if d.bango.order != want {
			d.Errorf("Bango was asked for %+v", d.bango.order)
		}
		if ok, _ := d.sender.Step(d.ctx); ok {
			d.Error("something is due although all is settled")
		}
	})
}

func TestEvidenceHasNoSecret(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.create()
		token := resale.NotificationToken(e)
		answer := mustRegister
		answer.Evidence = resale.Evidence{Sent: `{"notificationUrl":"https://portal.example/webhooks/bango/` + token + `"}`, Received: token, Error: token}
		d.bango.create = []resale.Answer{answer}
		d.step()
		events, err := d.store.Events(d.ctx, e.ID, 1)
		if err != nil || len(events) != 1 || events[0].EvidenceID == "" {
			d.Fatalf("%+v, %v", events, err)
		}
		kept, err := d.store.Evidence(d.ctx, events[0].EvidenceID)
		if all := kept.Sent + kept.Received + kept.Error; err != nil || strings.Contains(all, token) || !strings.Contains(all, "/webhooks/bango/…") {
			d.Errorf("kept %+v, %v", kept, err)
		}
	})
}

func TestOutcomesOfACreate(t *testing.T) {
	unsafe, unknownAction, foreign := mustRegister, mustRegister, active
	unsafe.ActionURL, unknownAction.Action = "javascript:alert(1)", "CALL_A_FRIEND"
	foreign.Fact.CustomerIdentifier = "cust-2"
	second := record(resale.FromRecord, resale.Active, 0)
	second.BangoID = "b-2"
	for _, tt := range []struct {
		name    string
		create  []resale.Answer
		found   []resale.Fact
		find    resale.Answer
		status  resale.Status
		state   resale.RequestState
		most    int    // attempts
		message string // on the entitlement
	}{
		{name: "active at once", create: []resale.Answer{active}, status: resale.Active, state: resale.Done, most: 1},
		{name: "the customer must register", create: []resale.Answer{mustRegister}, status: resale.Pending, state: resale.Done, most: 1},
		{name: "refused", create: []resale.Answer{refused}, status: resale.Refused, state: resale.Denied, most: 1, message: "Maximum number"},
		{name: "not now, then active", create: []resale.Answer{notNow, active}, status: resale.Active, state: resale.Done, most: 2},
		{name: "silence, then the same again", create: []resale.Answer{silence, mustRegister}, status: resale.Pending, state: resale.Done, most: 2},
		{name: "silence twice, then found", create: []resale.Answer{silence}, found: []resale.Fact{record(resale.FromRecord, resale.Active, 0)}, find: done,
			status: resale.Active, state: resale.Done, most: 2},
		{name: "silence and not found, for a day", create: []resale.Answer{silence}, find: done, status: resale.Unknown, state: resale.Manual, most: 400, message: "24 hours"},
		{name: "silence, then refused, and nothing there", create: []resale.Answer{silence, refused}, find: done, status: resale.Refused, state: resale.Denied, most: 2},
		{name: "silence, then refused because it exists", create: []resale.Answer{silence, refused}, found: []resale.Fact{record(resale.FromRecord, resale.Active, 0)},
			find: done, status: resale.Active, state: resale.Done, most: 2},
		{name: "silence, then refused, and the look-up fails", create: []resale.Answer{silence, refused}, find: silence, status: resale.Unknown, state: resale.Manual, most: 400},
		{name: "exists already, and found", create: []resale.Answer{exists}, found: []resale.Fact{record(resale.FromRecord, resale.Pending, 0)}, find: done,
			status: resale.Pending, state: resale.Done, most: 1},
		{name: "several could be meant", create: []resale.Answer{silence}, found: []resale.Fact{record(resale.FromRecord, resale.Active, 0), second}, find: done,
			status: resale.Unknown, state: resale.Manual, most: 400},
		{name: "an unsafe link", create: []resale.Answer{unsafe}, status: resale.Pending, state: resale.Manual, most: 1, message: "javascript:alert(1)"},
		{name: "an unknown action", create: []resale.Answer{unknownAction}, status: resale.Pending, state: resale.Manual, most: 1, message: "CALL_A_FRIEND"},
		{name: "another customer's record", create: []resale.Answer{foreign}, status: resale.Requested, state: resale.Manual, most: 1, message: "another entitlement"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onEachStore(t, func(d *desk) {
				d.bango.create, d.bango.found, d.bango.find = tt.create, tt.found, tt.find
				e := d.create()
				d.steps()
				e = d.is(e, tt.status, tt.state)
				if len(d.bango.asked) > tt.most {
					d.Errorf("Bango was asked %d times, more than %d", len(d.bango.asked), tt.most)
				}
				for _, id := range d.bango.asked {
					if id != d.bango.asked[0] {
						d.Fatalf("Bango was asked under %s and %s", d.bango.asked[0], id)
					}
				}
				if tt.message != "" && !strings.Contains(e.Message, tt.message) {
					d.Errorf("the entitlement says %q, without %q", e.Message, tt.message)
				}
				if tt.state == resale.Manual && e.RegistrationURL != "" {
					d.Errorf("there is a link to %s although a person has to decide", e.RegistrationURL)
				}
				if n := d.events(e)[resale.EventRequested]; n != 1 {
					d.Errorf("the timeline tells of %d requests", n)
				}
			})
		})
	}
}

func TestAnotherAttemptIsNeverBeforeRetryAfter(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{notNow}
		e := d.create()
		d.step()
		d.is(e, resale.Requested, resale.Waiting)
		d.clock.turn(59 * time.Second)
		if ok, _ := d.sender.Step(d.ctx); ok {
			d.Error("it was asked again before the minute was over")
		}
		d.clock.turn(14 * time.Second)
		d.step()
	})
}

func TestTheSameFormCountsOnce(t *testing.T) {
	onEachStore(t, func(d *desk) {
		form := resale.NewEntitlement{CustomerID: d.zoe.ID, ProductID: d.product.ID, FormToken: resale.NewFormToken()}
		refs := make([]string, 16)
		var clicks sync.WaitGroup
		for i := range refs {
			clicks.Go(func() {
				e, err := d.service.CreateEntitlement(d.ctx, d.ana, form)
				if err != nil {
					d.Errorf("click %d: %v", i, err)
				}
				refs[i] = e.Ref
			})
		}
		clicks.Wait()
		for _, ref := range refs {
			if ref != refs[0] || ref == "" {
				d.Fatalf("the same form made %q and %q", refs[0], ref)
			}
		}
		d.bango.create = []resale.Answer{active}
		d.steps()
		if len(d.bango.asked) != 1 {
			d.Errorf("Bango was asked %d times", len(d.bango.asked))
		}
		counts, err := d.store.StatusCounts(d.ctx)
		if err != nil || counts[resale.Active] != 1 || counts[resale.Requested] != 0 {
			d.Errorf("the counts are %v, %v", counts, err)
		}
	})
}

func TestFormsThatAreNotAccepted(t *testing.T) {
	onEachStore(t, func(d *desk) {
		good := resale.NewEntitlement{CustomerID: d.zoe.ID, ProductID: d.product.ID, FormToken: resale.NewFormToken()}
		for name, tt := range map[string]struct {
			by    resale.Actor
			form  func(n *resale.NewEntitlement)
			code  resale.Code
			field string
		}{
			"a viewer":           {d.victor, func(n *resale.NewEntitlement) {}, resale.CodeForbidden, ""},
			"the customer":       {resale.TheCustomer, func(n *resale.NewEntitlement) {}, resale.CodeForbidden, ""},
			"no token":           {d.ana, func(n *resale.NewEntitlement) { n.FormToken = "" }, resale.CodeInvalid, "form_token"},
			"a token of theirs":  {d.ana, func(n *resale.NewEntitlement) { n.FormToken = strings.Repeat("x", 65) }, resale.CodeInvalid, "form_token"},
			"no product":         {d.ana, func(n *resale.NewEntitlement) { n.ProductID = "" }, resale.CodeInvalid, "product"},
			"an unknown product": {d.ana, func(n *resale.NewEntitlement) { n.ProductID = "x" }, resale.CodeNotFound, ""},
			"an unknown person":  {d.ana, func(n *resale.NewEntitlement) { n.CustomerID = "x" }, resale.CodeNotFound, ""},
			"a foreign offer":    {d.ana, func(n *resale.NewEntitlement) { n.OfferID = "x" }, resale.CodeInvalid, "offer"},
		} {
			form := good
			tt.form(&form)
			_, err := d.service.CreateEntitlement(d.ctx, tt.by, form)
			if resale.CodeOf(err) != tt.code {
				d.Errorf("%s: %v", name, err)
			}
			if fault, ok := err.(*resale.Error); tt.field != "" && (!ok || fault.Field != tt.field) {
				d.Errorf("%s: %#v is not about %s", name, err, tt.field)
			}
		}
		counts, err := d.store.StatusCounts(d.ctx)
		if total := fmt.Sprint(counts); err != nil || len(counts) > 0 && counts[resale.Requested] != 0 {
			d.Errorf("something was stored: %s, %v", total, err)
		}
	})
}

// A sender that dies with a request in hand leaves it to the next, once its lease has run out.
func TestALeaseRunsOut(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{active}
		e := d.create()
		if ok, err := d.sender.Take(d.ctx); !ok || err != nil {
			d.Fatalf("nothing was due: %v", err)
		}
		if ok, _ := d.sender.Step(d.ctx); ok {
			d.Error("the request was handed out twice")
		}
		d.clock.turn(26 * time.Second) // two calls of ten seconds and five
		d.step()
		d.is(e, resale.Active, resale.Done)
	})
}

func TestCheckNow(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{mustRegister}
		e := d.create()
		d.step()
		for range 3 { // an impatient person
			if _, err := d.service.Check(d.ctx, d.victor, e.Ref); err != nil {
				d.Fatal(err)
			}
		}
		d.bango.read = resale.Answer{Verdict: resale.VerdictDone, Fact: record(resale.FromRecord, resale.Active, 60)}
		d.steps()
		e = d.is(e, resale.Active, resale.Done)
		if d.bango.reads != 1 || d.events(e)[resale.EventChecked] != 1 || e.RegistrationURL != "" {
			d.Errorf("Bango was read %d times, the timeline has %v, the link is %q", d.bango.reads, d.events(e), e.RegistrationURL)
		}
		if _, err := d.service.Check(d.ctx, d.ana, "AAAA-AAAA"); resale.CodeOf(err) != resale.CodeNotFound {
			d.Errorf("a check of nothing: %v", err)
		}
		d.bango.read = absent
		if _, err := d.service.Check(d.ctx, d.ana, e.Ref); err != nil {
			d.Fatal(err)
		}
		d.steps()
		d.is(e, resale.Active, resale.Done) // what Bango no longer knows is told, not deleted
	})
}
