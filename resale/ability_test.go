package resale_test

import (
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

var notAvailable = resale.Answer{Verdict: resale.VerdictRefused, Message: "The merchant does not suspend", NotAvailable: true}

// offered returns whether Ana is offered something, and why not.
func (d *desk) offered(e resale.Entitlement, kind resale.RequestKind) (bool, string) {
	d.Helper()
	requests, err := d.store.RequestsOf(d.ctx, e.ID, 20)
	if err != nil {
		d.Fatal(err)
	}
	abilities, err := d.store.AbilitiesOf(d.ctx, e.MerchantKey)
	if err != nil {
		d.Fatal(err)
	}
	for _, a := range resale.Actions(d.now(e), requests, resale.Agent, abilities) {
		if a.Kind == kind {
			return a.Allowed, a.Why
		}
	}
	d.Fatalf("%s is no action", kind)
	return false, ""
}

func TestAbilitiesAreLearned(t *testing.T) {
	dead := resale.Answer{Verdict: resale.VerdictRefused, Message: "Not now"}
	for name, tt := range map[string]struct {
		answers []resale.Answer
		missing bool
	}{
		"once":                             {[]resale.Answer{notAvailable}, false},
		"twice in a row":                   {[]resale.Answer{notAvailable, notAvailable}, true},
		"other refusals":                   {[]resale.Answer{dead, dead, dead}, false},
		"with another refusal between":     {[]resale.Answer{notAvailable, dead, notAvailable}, true},
		"with a success between":           {[]resale.Answer{notAvailable, says(resale.FromReply, resale.Active, 0), notAvailable}, false},
		"a success, then twice in a row":   {[]resale.Answer{says(resale.FromReply, resale.Active, 0), notAvailable, notAvailable}, true},
		"with no answer between, and once": {[]resale.Answer{silence, notAvailable}, false},
	} {
		t.Run(name, func(t *testing.T) {
			onEachStore(t, func(d *desk) {
				e := d.live()
				d.bango.read = says(resale.FromRecord, resale.Active, 0)
				for i, a := range tt.answers {
					d.bango.act = []resale.Answer{a}
					if a.Verdict == resale.VerdictUnknown {
						continue // the next answer is to the same request again
					}
					if i > 0 && tt.answers[i-1].Verdict == resale.VerdictUnknown {
						d.bango.act = tt.answers[i-1:]
					}
					d.ask(e, resale.KindSuspend, resale.Reason{})
					d.steps()
				}
				allowed, why := d.offered(e, resale.KindSuspend)
				if allowed == tt.missing || tt.missing && !strings.Contains(why, "its merchant cannot do this") {
					d.Errorf("it is offered: %v (%s)", allowed, why)
				}
				if allowed, why := d.offered(e, resale.KindCancel); !allowed {
					d.Errorf("what was never refused is not offered: %s", why)
				}
				_, err := d.service.Act(d.ctx, d.ana, e.Ref, resale.KindSuspend, resale.Reason{})
				if (resale.CodeOf(err) == resale.CodeConflict) != tt.missing {
					d.Errorf("Act says %v", err)
				}
			})
		})
	}
}

// What an admin says holds, whatever the merchant answers, until it is left to the answers again.
func TestAnAdminDecidesOnAbilities(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.live()
		set := func(to resale.AbilitySetting) {
			d.Helper()
			if err := d.service.SetAbility(d.ctx, admin, "BANGO", resale.KindSuspend, to); err != nil {
				d.Fatal(err)
			}
		}
		offered := func(want bool, when string) {
			d.Helper()
			if allowed, why := d.offered(e, resale.KindSuspend); allowed != want {
				d.Errorf("%s it is offered: %v (%s)", when, allowed, why)
			}
		}
		set(resale.AbilityNo)
		offered(false, "after no")
		set(resale.AbilityYes)
		for range 3 {
			d.bango.act = []resale.Answer{notAvailable}
			d.ask(e, resale.KindSuspend, resale.Reason{})
			d.steps()
		}
		offered(true, "after yes and three refusals")
		known, err := d.store.AbilitiesOf(d.ctx, "BANGO")
		if err != nil || len(known) != 1 || known[0].SetBy != "Ada" || known[0].Refusals != 2 || known[0].Message != notAvailable.Message {
			d.Errorf("known is %+v, %v", known, err)
		}
		d.clock.turn(time.Minute)
		set(resale.AbilityLearned) // the answers are looked at anew
		offered(true, "left to the answers")
		for range 2 {
			d.ask(e, resale.KindSuspend, resale.Reason{})
			d.steps()
		}
		offered(false, "after two refusals more")

		for name, tt := range map[string]struct {
			by       resale.Actor
			merchant string
			kind     resale.RequestKind
			to       resale.AbilitySetting
			code     resale.Code
		}{
			"a supervisor":      {sofia, "BANGO", resale.KindSuspend, resale.AbilityYes, resale.CodeForbidden},
			"no such merchant":  {admin, "NOBODY", resale.KindSuspend, resale.AbilityYes, resale.CodeNotFound},
			"always possible":   {admin, "BANGO", resale.KindCreate, resale.AbilityNo, resale.CodeNotFound},
			"neither yes or no": {admin, "BANGO", resale.KindSuspend, "maybe", resale.CodeInvalid},
		} {
			if err := d.service.SetAbility(d.ctx, tt.by, tt.merchant, tt.kind, tt.to); resale.CodeOf(err) != tt.code {
				d.Errorf("%s: %v", name, err)
			}
		}
		offered(false, "after what may not be said")
	})
}
