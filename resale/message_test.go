package resale_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/resale"
)

func TestEveryTextOfThePortalsOwnPasses(t *testing.T) {
	onSQLite(t, func(d *desk) {
		seen := map[string]string{}
		for _, o := range resale.Occasions {
			for _, l := range resale.MessageLanguages {
				m, err := d.service.MessageTemplate(d.ctx, o, l)
				if err != nil {
					d.Fatal(err)
				}
				if err := d.service.SetMessageTemplate(d.ctx, adam, m); err != nil {
					d.Errorf("%s, %s: %v", o, l, err)
				}
				for name, text := range map[string]string{"subject": m.Subject, "e-mail": m.Email, "short": m.Short} {
					if other := seen[name+text]; other != "" {
						d.Errorf("%s in %s has the %s of %s", o, l, name, other)
					}
					seen[name+text] = string(o) + " in " + l
				}
				filled := m.Fill("Tunes {name}", "Harbour", "https://p.example/s/x", "K7Q4-X2MD", "")
				if text := filled.Subject + filled.Email + filled.Short; strings.ContainsAny(strings.ReplaceAll(text, "Tunes {name}", ""), "{}") || strings.Contains(text, " ,") || strings.Contains(text, " :") {
					d.Errorf("%s, %s: %s", o, l, text)
				}
			}
		}
	})
}

func TestMessageTemplates(t *testing.T) {
	onEachStore(t, func(d *desk) {
		good := resale.MessageTemplate{Occasion: resale.OccasionSignup, Language: "de", Subject: "Los, {name}!", Email: "Hier\r\n{link}\r\n", Short: "{link} {ref}"}
		for _, tt := range []struct {
			change func(*resale.MessageTemplate)
			field  string
			says   string
		}{
			{func(t *resale.MessageTemplate) { t.Subject = "" }, "subject", "empty"},
			{func(t *resale.MessageTemplate) { t.Subject = "a\r\nBcc: x@example.com" }, "subject", "cannot be shown"},
			{func(t *resale.MessageTemplate) { t.Subject = strings.Repeat("ä", 151) }, "subject", "150"},
			{func(t *resale.MessageTemplate) { t.Email = "{link} {phone}" }, "email", "{phone}"},
			{func(t *resale.MessageTemplate) { t.Email = "{link} {LINK}" }, "email", "{LINK}"},
			{func(t *resale.MessageTemplate) { t.Short = "{link} {" }, "short", "{"},
			{func(t *resale.MessageTemplate) { t.Email = "no link" }, "email", "{link}"},
			{func(t *resale.MessageTemplate) { t.Short = "no link" }, "short", "{link}"},
			{func(t *resale.MessageTemplate) { t.Email = "{link}" + strings.Repeat("x", 4000) }, "email", "4000"},
			{func(t *resale.MessageTemplate) { t.Short = "{link}\x00" }, "short", "cannot be shown"},
		} {
			bad := good
			tt.change(&bad)
			err := d.service.SetMessageTemplate(d.ctx, adam, bad)
			if e, ok := err.(*resale.Error); !ok || e.Field != tt.field || !strings.Contains(e.Message, tt.says) {
				d.Errorf("%+v: %v", bad, err)
			}
		}
		if err := d.service.SetMessageTemplate(d.ctx, sofia, good); resale.CodeOf(err) != resale.CodeForbidden {
			d.Errorf("a supervisor changes texts: %v", err)
		}
		for _, none := range []resale.MessageTemplate{{Occasion: "birthday", Language: "de"}, {Occasion: resale.OccasionSignup, Language: "xx"}} {
			if err := d.service.SetMessageTemplate(d.ctx, adam, none); resale.CodeOf(err) != resale.CodeNotFound {
				d.Errorf("%+v: %v", none, err)
			}
		}
		for range 2 {
			if err := d.service.SetMessageTemplate(d.ctx, adam, good); err != nil {
				d.Fatal(err)
			}
		}
		got, err := d.service.MessageTemplate(d.ctx, resale.OccasionSignup, "de")
		if err != nil || got.Email != "Hier\n{link}" || got.ChangedBy != "Adam" || !got.Changed.Equal(noon) {
			d.Errorf("%+v, %v", got, err)
		}
		e := d.waiting(time.Hour)
		if text, err := d.service.MessageText(d.ctx, e, resale.OccasionSignup, "de"); err != nil || text != "https://portal.example/s/"+e.SignupToken+" "+e.Ref {
			d.Errorf("%q, %v", text, err)
		}
		if text, err := d.service.MessageText(d.ctx, e, resale.OccasionSignup, "en"); err != nil || !strings.Contains(text, "Finish signing up for Bango Music here: https://portal.example/s/") {
			d.Errorf("%q, %v", text, err)
		}
		if _, err := d.service.MessageText(d.ctx, e, resale.OccasionActive, "en"); resale.CodeOf(err) != resale.CodeConflict {
			d.Errorf("it is told to be active: %v", err)
		}
		if changed, err := d.store.MessageTemplates(d.ctx); err != nil || len(changed) != 1 {
			d.Errorf("%v, %v", changed, err)
		}
		if err := d.service.SetMessageTemplate(d.ctx, adam, resale.MessageTemplate{Occasion: resale.OccasionSignup, Language: "de"}); err != nil {
			d.Fatal(err)
		}
		if got, err := d.service.MessageTemplate(d.ctx, resale.OccasionSignup, "de"); err != nil || got.ChangedBy != "" || !strings.HasPrefix(got.Email, "Guten Tag {name},") {
			d.Errorf("%+v, %v", got, err)
		}
		if err := d.service.NoteMessage(d.ctx, d.ana, e.Ref, resale.OccasionSignup, "ar"); err != nil {
			d.Fatal(err)
		}
		if err := d.service.NoteMessage(d.ctx, d.victor, e.Ref, resale.OccasionSignup, "ar"); resale.CodeOf(err) != resale.CodeForbidden {
			d.Errorf("a viewer sends: %v", err)
		}
		if n := d.events(e)[resale.EventMessage]; n != 1 {
			d.Errorf("%d events", n)
		}
	})
}

// fakeMailer answers as a test tells it.
type fakeMailer struct {
	answers []resale.Delivery // the last again and again
	sent    []resale.Email
	onSend  func()
}

func (m *fakeMailer) Send(_ context.Context, e resale.Email) (resale.Delivery, string) {
	m.sent = append(m.sent, e)
	if m.onSend != nil {
		m.onSend()
	}
	a := m.answers[0]
	if len(m.answers) > 1 {
		m.answers = m.answers[1:]
	}
	return a, "Because."
}

// posts lets the desk send e-mails, for a customer who has an address.
func (d *desk) posts(answers ...resale.Delivery) (*fakeMailer, *resale.Postman) {
	d.Helper()
	d.service = resale.NewService(resale.ServiceConfig{Store: d.store, Hub: d.hub, PublicURL: "https://portal.example", Reseller: "Harbour", Emails: true,
		Log: slog.New(slog.DiscardHandler), Now: d.clock.now})
	d.sender = resale.NewSender(d.service, d.bango, 1, 10*time.Second)
	var err error
	d.zoe, err = d.service.AddCustomer(d.ctx, d.ana, resale.Customer{Identifier: "cust-9", Name: "Zoë", Email: "zoe@example.com"})
	if err != nil {
		d.Fatal(err)
	}
	m := &fakeMailer{answers: answers}
	return m, resale.NewPostman(d.service, m)
}

// pending returns an entitlement of the desk's customer that waits for its end user.
func (d *desk) pending() resale.Entitlement {
	d.Helper()
	e := d.create()
	err := d.store.Write(d.ctx, func(ctx context.Context, tx resale.Tx) error {
		after := e
		after.Status, after.BangoStatus, after.RegistrationURL = resale.Pending, "PENDING", "https://music.example/r"
		return tx.UpdateEntitlement(ctx, e, after)
	})
	if err != nil {
		d.Fatal(err)
	}
	return d.now(e)
}

func (d *desk) postAll(p *resale.Postman) {
	d.Helper()
	for range 20 {
		for {
			more, err := p.Step(d.ctx)
			if err != nil {
				d.Fatal(err)
			}
			if !more {
				break
			}
		}
		d.clock.turn(time.Hour)
	}
}

func (d *desk) toldOf(e resale.Entitlement) string {
	d.Helper()
	events, err := d.store.Events(d.ctx, e.ID, 100)
	if err != nil {
		d.Fatal(err)
	}
	told := ""
	for _, e := range events {
		told += e.Actor.Name + " " + e.Text + "\n"
	}
	return told
}

func TestAnEmailIsSentOnceForOneClick(t *testing.T) {
	onEachStore(t, func(d *desk) {
		m, p := d.posts(resale.NotDelivered, resale.NotDelivered, resale.Delivered)
		e := d.pending()
		token := resale.NewFormToken()
		var clicks sync.WaitGroup
		for range 10 {
			clicks.Go(func() {
				if _, err := d.service.SendEmail(d.ctx, d.ana, e.Ref, resale.OccasionSignup, "en", token); err != nil {
					d.Error(err)
				}
			})
		}
		clicks.Wait()
		d.postAll(p)
		if len(m.sent) != 3 || m.sent[0].ID != m.sent[2].ID {
			d.Fatalf("%d attempts for one click", len(m.sent))
		}
		if got := m.sent[2]; got.To != "zoe@example.com" || got.Subject != "Finish signing up for Bango Music" ||
			got.Body != "Hello Zoë,\n\nFinish signing up for Bango Music here:\nhttps://portal.example/s/"+e.SignupToken+"\n\nHarbour\nReference "+e.Ref {
			d.Errorf("%+v", got)
		}
		stored, err := d.store.Email(d.ctx, m.sent[0].ID)
		if err != nil || stored.State != resale.EmailSent || stored.Body != "" || stored.Subject != "" || stored.To != "z…@example.com" {
			d.Errorf("what is kept: %+v, %v", stored, err)
		}
		told := d.toldOf(e)
		if !strings.Contains(told, "Ana asked to e-mail the customer at z…@example.com: the signup link (en)") ||
			!strings.Contains(told, "Automatic e-mailed the customer at z…@example.com: the signup link (en)") || strings.Contains(told, "zoe@") {
			d.Errorf("the timeline:\n%s", told)
		}
		if language, err := d.service.Preferences(d.ctx, d.ana); err != nil || language[resale.PreferMessageLanguage] != "en" {
			d.Errorf("%v, %v", language, err)
		}
	})
}

func TestWhatBecomesOfAnEmail(t *testing.T) {
	for _, tt := range []struct {
		name     string
		answers  []resale.Delivery
		state    resale.EmailState
		attempts int
		says     string
	}{
		{"taken", []resale.Delivery{resale.Delivered}, resale.EmailSent, 1, "e-mailed the customer"},
		{"refused", []resale.Delivery{resale.Undeliverable}, resale.EmailFailed, 1, "could not e-mail the customer at z…@example.com: the signup link (fr). Because."},
		{"unsure", []resale.Delivery{resale.MaybeDelivered}, resale.EmailUnsure, 1, "may have e-mailed"},
		{"never", []resale.Delivery{resale.NotDelivered}, resale.EmailFailed, 6, "gave up after 6 attempts"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onSQLite(t, func(d *desk) {
				m, p := d.posts(tt.answers...)
				e := d.pending()
				if _, err := d.service.SendEmail(d.ctx, d.ana, e.Ref, resale.OccasionSignup, "fr", resale.NewFormToken()); err != nil {
					d.Fatal(err)
				}
				d.postAll(p)
				stored, err := d.store.Email(d.ctx, m.sent[0].ID)
				if err != nil || stored.State != tt.state || len(m.sent) != tt.attempts || !strings.Contains(d.toldOf(e), tt.says) {
					d.Errorf("%+v after %d attempts, %v\n%s", stored, len(m.sent), err, d.toldOf(e))
				}
			})
		})
	}
}

// A portal that dies while it sends leaves it open whether the e-mail went out: it is not sent again.
func TestAnEmailIsNotSentTwiceAfterACrash(t *testing.T) {
	onEachStore(t, func(d *desk) {
		m, p := d.posts(resale.Delivered)
		e := d.pending()
		if _, err := d.service.SendEmail(d.ctx, d.ana, e.Ref, resale.OccasionSignup, "en", resale.NewFormToken()); err != nil {
			d.Fatal(err)
		}
		other := resale.NewPostman(d.service, m)
		m.onSend = func() {
			m.onSend = nil
			if more, err := other.Step(d.ctx); more || err != nil {
				d.Errorf("another portal takes it as well: %v, %v", more, err)
			}
			panic("killed")
		}
		func() {
			defer func() { _ = recover() }()
			_, _ = p.Step(d.ctx)
		}()
		d.postAll(other)
		if len(m.sent) != 1 || !strings.Contains(d.toldOf(e), "may have e-mailed") {
			d.Errorf("sent %d times\n%s", len(m.sent), d.toldOf(e))
		}
	})
}

func TestAnEmailThatCannotBe(t *testing.T) {
	onSQLite(t, func(d *desk) {
		e := d.pending()
		if _, err := d.service.SendEmail(d.ctx, d.ana, e.Ref, resale.OccasionSignup, "en", resale.NewFormToken()); resale.CodeOf(err) != resale.CodeConflict {
			d.Errorf("without a mail server: %v", err)
		}
		m, p := d.posts(resale.NotDelivered)
		if _, err := d.service.SendEmail(d.ctx, d.ana, e.Ref, resale.OccasionSignup, "en", resale.NewFormToken()); err == nil || !strings.Contains(err.Error(), "no e-mail address") {
			d.Errorf("to a customer without an address: %v", err)
		}
		e = d.pending()
		for i, tt := range []struct {
			by       resale.Actor
			occasion resale.Occasion
			language string
			token    string
			want     resale.Code
		}{
			{d.victor, resale.OccasionSignup, "en", "0123456789abcdef", resale.CodeForbidden},
			{d.ana, resale.OccasionActive, "en", "0123456789abcdef", resale.CodeConflict},
			{d.ana, "birthday", "en", "0123456789abcdef", resale.CodeNotFound},
			{d.ana, resale.OccasionSignup, "tlh", "0123456789abcdef", resale.CodeNotFound},
			{d.ana, resale.OccasionSignup, "en", "short", resale.CodeInvalid},
		} {
			if _, err := d.service.SendEmail(d.ctx, tt.by, e.Ref, tt.occasion, tt.language, tt.token); resale.CodeOf(err) != tt.want {
				d.Errorf("%d: %v", i, err)
			}
		}
		// What it was to tell is over before it could be sent.
		if _, err := d.service.SendEmail(d.ctx, d.ana, e.Ref, resale.OccasionSignup, "en", resale.NewFormToken()); err != nil {
			d.Fatal(err)
		}
		if _, err := p.Step(d.ctx); err != nil {
			d.Fatal(err)
		}
		err := d.store.Write(d.ctx, func(ctx context.Context, tx resale.Tx) error {
			before, err := tx.LockEntitlement(ctx, e.ID)
			if err != nil {
				return err
			}
			after := before
			after.Status, after.RegistrationURL = resale.Active, ""
			return tx.UpdateEntitlement(ctx, before, after)
		})
		if err != nil {
			d.Fatal(err)
		}
		d.postAll(p)
		if len(m.sent) != 1 || !strings.Contains(d.toldOf(e), "no occasion for it any more: it is ACTIVE") {
			d.Errorf("%d attempts\n%s", len(m.sent), d.toldOf(e))
		}
		if got := fmt.Sprint(resale.OccasionsOf(d.now(e))); got != "[active]" {
			d.Error(got)
		}
	})
}
