package resale_test

import (
	"testing"

	"latchkey/resale"
)

func TestSignupLink(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.bango.create = []resale.Answer{mustRegister}
		e := d.create()
		if to, err := d.service.Continue(d.ctx, e.SignupToken); to != "" || err != nil {
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
			if to, err := d.service.Continue(d.ctx, e.SignupToken); to != "https://music.example/r/1" || err != nil {
				d.Errorf("it leads to %q, %v", to, err)
			}
		}
		if e = d.now(e); e.Opened != 2 || e.OpenedAt.IsZero() || d.events(e)[resale.EventContinued] != 2 {
			d.Errorf("opened %d times, at %s; the timeline has %v", e.Opened, e.OpenedAt, d.events(e))
		}
		d.notify(e, resale.Active, "ACTIVATION_SUCCESS", 60)
		if to, err := d.service.Continue(d.ctx, e.SignupToken); to != "" || err != nil {
			d.Errorf("once active it leads to %q, %v", to, err)
		}
		if _, err := d.service.Signup(d.ctx, "nobodys"); resale.CodeOf(err) != resale.CodeNotFound {
			d.Errorf("a made-up link: %v", err)
		}
	})
}
