package resale

import (
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
)

// EmailState is how far an e-mail is.
type EmailState string

const (
	EmailQueued  EmailState = "queued"  // stored; sent when due
	EmailSending EmailState = "sending" // a portal is sending it; its lease ends when due
	EmailSent    EmailState = "sent"    // the mail server took it
	EmailFailed  EmailState = "failed"  // it was not sent, and is not tried again
	EmailUnsure  EmailState = "unknown" // it may have been sent, and is not sent again: better none than two
)

// Email is one to a customer, stored before it is sent. Once it is settled, what it said is not kept, and of the address only enough to tell
// two apart.
type Email struct {
	ID            string // UUIDv7, also its Message-ID
	FormToken     string // one click is one e-mail
	EntitlementID string
	CustomerID    string
	Occasion      Occasion
	Language      string
	To            string
	Subject       string
	Body          string
	Actor         Actor
	State         EmailState
	Attempts      int64
	Due           time.Time
	Message       string // what came of the last attempt
	Created       time.Time
	Updated       time.Time
}

// Delivery is what became of an attempt to send an e-mail.
type Delivery int

const (
	NotDelivered   Delivery = iota // it provably did not go out; again later
	Delivered                      // the mail server took it
	Undeliverable                  // the mail server will never take it
	MaybeDelivered                 // nobody knows: the connection broke where it may have gone out
)

// Mailer hands an e-mail to a mail server, in one attempt. message says in a few words why it was not delivered.
type Mailer interface {
	Send(ctx context.Context, e Email) (d Delivery, message string)
}

// emailWaits are how long to wait after each attempt that did not go out; after the last, it is given up.
var emailWaits = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour}

// CanEmail reports whether there is a mail server to send by.
func (s *Service) CanEmail() bool { return s.emails != nil }

// SendEmail stores an e-mail to the customer of an entitlement, and returns before it is sent. The same form token is always the same e-mail.
// Agents may.
func (s *Service) SendEmail(ctx context.Context, by Actor, ref string, o Occasion, language, formToken string) (Email, error) {
	if err := by.must(Agent); err != nil {
		return Email{}, err
	}
	if !s.CanEmail() {
		return Email{}, Conflict("", "No mail server is configured. Whoever runs this portal sets LATCHKEY_SMTP_URL.")
	}
	if len(formToken) < 16 || len(formToken) > 64 || !printable(formToken) {
		return Email{}, Invalid("form_token", "The form is not one of ours. Open it again and send it once more.")
	}
	if known, err := s.store.EmailByFormToken(ctx, formToken); CodeOf(err) != CodeNotFound {
		return known, err
	}
	e, err := s.store.EntitlementByRef(ctx, ref)
	if err != nil {
		return Email{}, err
	}
	m, c, err := s.message(ctx, e, o, language)
	if err != nil {
		return Email{}, err
	}
	if c.Email == "" {
		return Email{}, Conflict("to", "The customer has no e-mail address here. Add it, or send the text by SMS or chat.")
	}
	if address, err := mail.ParseAddress(c.Email); err != nil || address.Address != c.Email || !printable(c.Email) {
		return Email{}, Invalid("to", "The customer's e-mail address, %.80q, is not one that can be sent to. Correct it first.", c.Email)
	}
	now := s.now()
	email := Email{ID: newID(), FormToken: formToken, EntitlementID: e.ID, CustomerID: e.CustomerID, Occasion: o, Language: language, To: c.Email,
		Subject: m.Subject, Body: m.Email, Actor: by, State: EmailQueued, Due: now, Created: now, Updated: now}
	err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.InsertEmail(ctx, email); err != nil {
			return err
		}
		if err := tx.SetPreference(ctx, by.ID, PreferMessageLanguage, language); err != nil {
			return err
		}
		return s.tellEmail(ctx, tx, email, by, "asked to e-mail", "")
	})
	if CodeOf(err) == CodeConflict { // a second click was first
		if known, readErr := s.store.EmailByFormToken(ctx, formToken); readErr == nil {
			return known, nil
		}
	}
	if err != nil {
		return Email{}, err
	}
	select {
	case s.emails <- struct{}{}:
	default:
	}
	return email, nil
}

// tellEmail puts on the timeline what became of an e-mail, with as much of the address as tells it from another.
func (s *Service) tellEmail(ctx context.Context, tx Tx, e Email, by Actor, what, because string) error {
	about, err := tx.Entitlement(ctx, e.EntitlementID)
	if err != nil {
		return err
	}
	tx.Announce(changeOf(about))
	return tx.AddEvent(ctx, Event{ID: newID(), EntitlementID: e.EntitlementID, CustomerID: e.CustomerID, At: s.now(), Actor: by, Kind: EventMessage,
		Text: fmt.Sprintf("%s the customer at %s: %s (%s)%s", what, maskEmail(e.To), occasionNames[e.Occasion], e.Language, because)})
}

// maskEmail leaves the first character of an address, and where it is at.
func maskEmail(address string) string {
	at := strings.LastIndexByte(address, '@')
	for i := range address {
		if i > 0 && at > 0 {
			return address[:min(i, at)] + "…" + address[at:]
		}
	}
	return "…"
}

// Postman sends the e-mails that are due. It may be killed at any moment: one that it was sending then is not sent again.
type Postman struct {
	service *Service
	mailer  Mailer
}

const (
	emailLease = 2 * time.Minute  // longer than an attempt takes
	emailTick  = 10 * time.Second // between two looks, where nobody wakes the postman
)

// NewPostman returns a postman, who sends nothing yet.
func NewPostman(s *Service, m Mailer) *Postman { return &Postman{service: s, mailer: m} }

// Run sends until ctx is done.
func (p *Postman) Run(ctx context.Context) {
	for ctx.Err() == nil {
		sent, err := p.Step(ctx)
		if err != nil && ctx.Err() == nil {
			p.service.log.Error("e-mails cannot be sent now; they are tried again", "err", err)
		}
		if sent && err == nil {
			continue
		}
		timer := time.NewTimer(emailTick)
		select {
		case <-ctx.Done():
		case <-p.service.emails:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Step makes one attempt at the e-mail that is due the longest, and reports false where none is due.
func (p *Postman) Step(ctx context.Context) (bool, error) {
	s := p.service
	next, err := s.store.NextEmail(ctx)
	if CodeOf(err) == CodeNotFound || err == nil && next.Due.After(s.now()) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var e Email
	leased := false
	err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		leased = false
		if err := tx.LockNamed(ctx, "email "+next.ID); err != nil {
			return err
		}
		var err error
		if e, err = tx.Email(ctx, next.ID); err != nil {
			return err
		}
		now := s.now()
		switch {
		case e.State != EmailQueued && e.State != EmailSending || e.Due.After(now):
			return nil // another portal was faster
		case e.State == EmailSending: // whoever had it did not come back
			return s.settleEmail(ctx, tx, e, MaybeDelivered, "The portal was stopped while it was being sent.")
		}
		about, err := tx.Entitlement(ctx, e.EntitlementID)
		if err != nil {
			return err
		}
		if !slices.Contains(OccasionsOf(about), e.Occasion) {
			return s.settleEmail(ctx, tx, e, Undeliverable, "There is no occasion for it any more: it is "+string(about.Status)+".")
		}
		leased = true
		e.State, e.Attempts, e.Due, e.Updated = EmailSending, e.Attempts+1, now.Add(emailLease), now
		return tx.UpdateEmail(ctx, e)
	})
	if err != nil || !leased {
		return err == nil, err
	}
	sending, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(senderGrace, cut) })()
	d, message := p.mailer.Send(sending, e)
	ctx = context.WithoutCancel(ctx)
	return true, s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		stored, err := tx.Email(ctx, e.ID)
		if err != nil || stored.State != EmailSending || stored.Attempts != e.Attempts {
			return err
		}
		return s.settleEmail(ctx, tx, stored, d, message)
	})
}

// settleEmail stores what became of an attempt, and tells of it once nothing more is tried.
func (s *Service) settleEmail(ctx context.Context, tx Tx, e Email, d Delivery, message string) error {
	message = clip(storable(message), 200)
	e.Message, e.Updated = message, s.now()
	what, because := "", ". "+message
	switch {
	case d == Delivered:
		e.State, what, because = EmailSent, "e-mailed", ""
	case d == MaybeDelivered:
		e.State, what, because = EmailUnsure, "may have e-mailed", ". "+message+" It is not sent again by itself, so that nobody gets it twice."
	case d == Undeliverable:
		e.State, what = EmailFailed, "could not e-mail"
	case e.Attempts > int64(len(emailWaits)):
		e.State, what = EmailFailed, fmt.Sprintf("gave up after %d attempts to e-mail", e.Attempts)
	default:
		e.State, e.Due = EmailQueued, s.now().Add(emailWaits[e.Attempts-1])
		return tx.UpdateEmail(ctx, e)
	}
	if err := s.tellEmail(ctx, tx, e, Automatic, what, because); err != nil {
		return err
	}
	e.To, e.Subject, e.Body = maskEmail(e.To), "", ""
	return tx.UpdateEmail(ctx, e)
}
