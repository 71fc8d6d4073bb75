package resale_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"latchkey/resale"
)

func TestSignupLink(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{mustRegister}
		e := d.create()
		if to, err := d.service.Continue(d.ctx, e.SignupToken, 0); to != "" || err != nil {
			d.Errorf("before Bango has answered it leads to %q, %v", to, err)
		}
		d.step()
		for range 3 { // a link scanner
			if s, err := d.service.Signup(d.ctx, e.SignupToken); err != nil || s.Product.Name != "Bango Music" {
				d.Fatalf("%+v, %v", s, err)
			}
		}
		if e = d.now(e); e.Opened != 0 {
			d.Error("opening the page counts as going on")
		}
		for range 2 {
			if to, err := d.service.Continue(d.ctx, e.SignupToken, 0); to != "https://music.example/r/1" || err != nil {
				d.Errorf("it leads to %q, %v", to, err)
			}
		}
		if e = d.now(e); e.Opened != 2 || e.OpenedAt.IsZero() || d.events(e)[resale.EventContinued] != 2 {
			d.Errorf("opened %d times, at %s; the timeline has %v", e.Opened, e.OpenedAt, d.events(e))
		}
		d.notify(e, resale.Active, "ACTIVATION_SUCCESS", 60)
		if to, err := d.service.Continue(d.ctx, e.SignupToken, 0); to != "" || err != nil {
			d.Errorf("once active it leads to %q, %v", to, err)
		}
		if _, err := d.service.Signup(d.ctx, "nobodys"); resale.CodeOf(err) != resale.CodeNotFound {
			d.Errorf("a made-up link: %v", err)
		}
	})
}

// expiring is Bango's answer with a registration URL that is valid until then.
func expiring(address string, until time.Time) resale.Answer {
	a := mustRegister
	a.ActionURL, a.ActionExpires = address, until
	return a
}

// waiting returns an entitlement that waits for its end user, whose registration URL is valid until so long after noon.
func (d *desk) waiting(valid time.Duration) resale.Entitlement {
	d.Helper()
	d.bango.create = []resale.Answer{expiring("https://music.example/r/1", noon.Add(valid))}
	d.bango.read = says(resale.FromRecord, resale.Pending, 0)
	e := d.create()
	d.step()
	return d.is(e, resale.Pending, resale.Done)
}

func (d *desk) goesOn(e resale.Entitlement, want string) {
	d.Helper()
	if to, err := d.service.Continue(d.ctx, e.SignupToken, 0); to != want || err != nil {
		d.Errorf("the signup link leads to %q, not %q: %v", to, want, err)
	}
}

func (d *desk) showsSignup(e resale.Entitlement, want resale.SignupState, canGo bool) resale.Signup {
	d.Helper()
	s, err := d.service.Signup(d.ctx, e.SignupToken)
	if err != nil || s.State != want || s.CanGo != canGo {
		d.Errorf("the signup page is about %q, and one can go on: %v; want %q, %v (%v)", s.State, s.CanGo, want, canGo, err)
	}
	return s
}

func (d *desk) refreshes(e resale.Entitlement) (n int) {
	d.Helper()
	requests, err := d.store.RequestsOf(d.ctx, e.ID, 1000)
	if err != nil {
		d.Fatal(err)
	}
	for _, r := range requests {
		if r.Kind == resale.KindRefresh {
			n++
			if r.Actor.Kind != resale.ByCustomer {
				d.Errorf("%s asked for a fresh link", r.Actor.Name)
			}
		}
	}
	return n
}

func TestAnExpiredLinkIsRefreshedOnceHoweverManyClick(t *testing.T) {
	for name, late := range map[string]time.Duration{"expired": time.Hour, "about to expire": 59 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			onEachStore(t, func(d *desk) {
				e := d.waiting(time.Hour)
				d.clock.turn(late)
				for range 5 {
					d.showsSignup(e, resale.SignupGo, true) // scanners
				}
				if n := d.refreshes(e); n != 0 {
					d.Fatalf("looking at the page asked for %d fresh links", n)
				}
				d.bango.create = []resale.Answer{expiring("https://music.example/r/2", d.clock.now().Add(time.Hour))}
				var clicks sync.WaitGroup
				for range 20 {
					clicks.Go(func() {
						if to, err := d.service.Continue(d.ctx, e.SignupToken, 30*time.Second); to != "https://music.example/r/2" || err != nil {
							d.Errorf("a click leads to %q, %v", to, err)
						}
					})
				}
				clicked := make(chan struct{})
				go func() { clicks.Wait(); close(clicked) }()
				for answered := false; !answered; {
					if _, err := d.sender.Step(d.ctx); err != nil {
						d.Fatal(err)
					}
					select {
					case <-clicked:
						answered = true
					default:
					}
				}
				if n, now := d.refreshes(e), d.now(e); n != 1 || len(d.bango.asked) != 2 || now.Opened != 20 {
					d.Errorf("20 clicks made %d refreshes and %d creates, and count as %d", n, len(d.bango.asked), now.Opened)
				}
				if d.events(e)[resale.EventContinued] != 20 {
					d.Errorf("the timeline has %v", d.events(e))
				}
				d.showsSignup(e, resale.SignupWaiting, true)
			})
		})
	}
}

func TestAnExpiredLinkWhileBangoIsDown(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.waiting(time.Hour)
		d.clock.turn(2 * time.Hour)
		d.bango.read = silence
		for range 3 {
			d.goesOn(e, "")
			if s := d.showsSignup(e, resale.SignupPreparing, false); s.Slow {
				d.Error("it is slow at once")
			}
		}
		d.step()
		d.clock.turn(3 * time.Minute)
		d.goesOn(e, "")
		if s := d.showsSignup(e, resale.SignupPreparing, false); !s.Slow {
			d.Error("after three minutes it is not slow")
		}
		d.bango.read = says(resale.FromRecord, resale.Pending, 0)
		d.bango.create = []resale.Answer{expiring("https://music.example/r/2", d.clock.now().Add(6*time.Hour))}
		d.steps()
		d.showsSignup(e, resale.SignupGo, true)
		d.goesOn(e, "https://music.example/r/2")
		if n := d.refreshes(e); n != 1 {
			d.Errorf("%d fresh links were asked for", n)
		}
	})
}

func TestAnExpiredLinkThatIsNotNeededAnyMore(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.waiting(time.Hour)
		d.clock.turn(2 * time.Hour)
		d.bango.read = says(resale.FromRecord, resale.Active, 60)
		d.goesOn(e, "")
		d.step()
		d.showsSignup(e, resale.SignupDone, false)
		d.goesOn(e, "")
		if n := d.refreshes(e); n != 1 {
			d.Errorf("%d fresh links were asked for", n)
		}
	})
}

func TestAFreshLinkThatBangoRefuses(t *testing.T) {
	onSQLite(t, func(d *desk) {
		e := d.waiting(time.Hour)
		d.clock.turn(2 * time.Hour)
		d.bango.create = []resale.Answer{{Verdict: resale.VerdictRefused, Message: "No", NotAvailable: true}}
		d.goesOn(e, "")
		d.step()
		d.showsSignup(e, resale.SignupStuck, true)
		d.bango.create = []resale.Answer{expiring("https://music.example/r/2", d.clock.now().Add(time.Hour))}
		d.goesOn(e, "") // another try
		d.step()
		d.goesOn(e, "https://music.example/r/2")
	})
}

// The link that a merchant gives may live for less than what we want: it is followed all the same, and refreshed for a few clicks an hour.
func TestFreshLinksAreBounded(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.waiting(time.Minute)
		for range 6 {
			d.clock.turn(time.Minute)
			d.goesOn(e, "")
			d.bango.create = []resale.Answer{expiring("https://music.example/r/2", d.clock.now().Add(time.Minute))}
			d.step()
			d.showsSignup(e, resale.SignupGo, true)
		}
		d.clock.turn(59 * time.Second)
		d.goesOn(e, "https://music.example/r/2")
		d.clock.turn(time.Second)
		for range 3 {
			d.goesOn(e, "")
		}
		d.showsSignup(e, resale.SignupBusy, false)
		if n := d.refreshes(e); n != 6 {
			d.Errorf("%d fresh links were asked for within the hour", n)
		}
		if _, err := d.service.Act(d.ctx, d.ana, e.Ref, resale.KindRefresh, resale.Reason{}); err != nil {
			d.Errorf("staff cannot refresh it: %v", err)
		}
		d.step()
		d.clock.turn(time.Hour)
		d.goesOn(e, "")
		d.showsSignup(e, resale.SignupPreparing, false)
	})
}

func TestNothingIsRefreshedWhileAnythingElseIsUnderWay(t *testing.T) {
	onSQLite(t, func(d *desk) {
		e := d.waiting(time.Hour)
		d.clock.turn(2 * time.Hour)
		d.ask(e, resale.KindCancel, notRenewed)
		d.goesOn(e, "")
		d.showsSignup(e, resale.SignupPreparing, false)
		if n := d.refreshes(e); n != 0 {
			d.Errorf("%d fresh links were asked for", n)
		}
	})
}

func TestWhatTheSignupPageIsAbout(t *testing.T) {
	onSQLite(t, func(d *desk) {
		d.bango.create = []resale.Answer{{Verdict: resale.VerdictRefused, Message: "Customer ALREADY SUBSCRIBED with the merchant"}}
		e := d.create()
		d.showsSignup(e, resale.SignupPreparing, false)
		d.step()
		d.showsSignup(e, resale.SignupDirect, false)
		d.bango.create = []resale.Answer{{Verdict: resale.VerdictRefused, Message: "Out of stock"}}
		e = d.create()
		d.step()
		d.showsSignup(e, resale.SignupRefused, false)

		e = d.waiting(time.Hour)
		d.goesOn(e, "https://music.example/r/1")
		d.clock.turn(9 * time.Minute)
		if s := d.showsSignup(e, resale.SignupWaiting, true); s.Slow || s.Promise != 0 {
			d.Errorf("after nine minutes: slow %v, promised %s", s.Slow, s.Promise)
		}
		d.clock.turn(2 * time.Minute)
		if s := d.showsSignup(e, resale.SignupWaiting, true); !s.Slow {
			d.Error("after eleven minutes it is not slow")
		}
		d.post(resale.NotificationToken(e), `{"responseMessage":"The customer is a direct subscriber of the merchant","entitlementId":"b-1","status":"CANCELLED",`+
			`"dateLastUpdated":"2026-03-01T12:30:00Z"}`)
		d.showsSignup(e, resale.SignupDirect, false)
	})
	onSQLite(t, func(d *desk) {
		e := d.waiting(time.Hour)
		d.notify(e, resale.Cancelled, "TERMINATION_SUCCESS", 60)
		d.showsSignup(e, resale.SignupClosed, false)
	})
	onSQLite(t, func(d *desk) {
		e := d.live()
		d.showsSignup(e, resale.SignupDone, false)
		d.bango.act = []resale.Answer{says(resale.FromReply, resale.Suspended, 60)}
		d.ask(e, resale.KindSuspend, resale.Reason{})
		d.step()
		d.showsSignup(e, resale.SignupPaused, false)
	})
}

func TestThePromiseOfTheSignupPage(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.waiting(time.Hour)
		d.goesOn(e, "https://music.example/r/1")
		for minutes := range 10 { // active after 1 to 10 minutes
			other := d.create()
			err := d.store.Write(d.ctx, func(ctx context.Context, tx resale.Tx) error {
				after := other
				after.Status, after.BangoStatus, after.Opened, after.OpenedAt = resale.Active, "ACTIVE", 1, noon
				after.DateActivated = noon.Add(time.Duration(minutes+1) * time.Minute)
				return tx.UpdateEntitlement(ctx, other, after)
			})
			if err != nil {
				d.Fatal(err)
			}
		}
		if s := d.showsSignup(e, resale.SignupWaiting, true); s.Promise != 9*time.Minute {
			d.Errorf("nine of ten take %s", s.Promise)
		}
	})
}

func TestDirectWords(t *testing.T) {
	if got, err := resale.ParseDirectWords(" "); err != nil || len(got) != len(resale.DirectWords) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := resale.ParseDirectWords("is theirs already, Duplicate account"); err != nil || len(got) != 2 || got[1] != "Duplicate account" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := resale.ParseDirectWords("no"); err == nil {
		t.Error("a word that any message has is taken")
	}
}
