package resale

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// settle commits what one attempt at a request showed: the request's state, what it means for the entitlement, the timeline and the
// evidence, in one transaction. The last answer is the one that counts; the line to Bango follows all of them. began is when the attempt did.
func (s *Service) settle(ctx context.Context, r Request, answers []Answer, began time.Time) error {
	var asked, manual bool
	err := s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		last := answers[len(answers)-1]
		if err := s.noteLine(ctx, tx, answers, began); err != nil {
			return err
		}
		before, err := tx.LockEntitlement(ctx, r.EntitlementID)
		if err != nil {
			return err
		}
		if before, err = s.recognise(ctx, tx, before, last.Fact); err != nil {
			return err
		}
		stored, err := tx.Request(ctx, r.ID)
		if err != nil {
			return err
		}
		if last.Fact.BangoID != "" && last.Fact.BangoID != before.BangoID {
			switch other, err := tx.EntitlementByBangoID(ctx, last.Fact.BangoID); {
			case err == nil:
				last.Verdict, last.Message = VerdictMismatch, "Bango's answer speaks of another entitlement: "+other.Ref+"."
			case CodeOf(err) != CodeNotFound:
				return err
			}
		}
		if last.unsafe, err = s.unsafeLink(ctx, tx, before, last); err != nil {
			return err
		}
		o := s.outcome(before, r, last)
		if asked, err = s.change(ctx, tx, before, &o.after, o.doubted); err != nil {
			return err
		}
		if err := s.learn(ctx, tx, before.MerchantKey, r.Kind, last); err != nil {
			return err
		}
		if err := s.compareAnswered(ctx, tx, r, before, o, last.Fact); err != nil {
			return err
		}
		event := Event{ID: newID(), EntitlementID: before.ID, CustomerID: before.CustomerID, At: s.now(), Actor: Automatic,
			Kind: o.kind, Text: o.text}
		event.moved(before, o.after)
		for _, a := range answers {
			if a.Evidence.At.IsZero() {
				continue // nothing went over the wire
			}
			a.Evidence = a.Evidence.without(before.NotifyToken)
			a.Evidence.ID, a.Evidence.RequestID = newID(), r.ID
			event.EvidenceID = a.Evidence.ID
			if err := tx.AddEvidence(ctx, a.Evidence); err != nil {
				return err
			}
		}
		// Where the lease ran out and another sender has the request now, only a final state may be written over its own.
		ours := stored.State == Sending && stored.Attempts == r.Attempts
		if ours || stored.State.Open() && !o.request.State.Open() {
			if err := tx.UpdateRequest(ctx, o.request); err != nil {
				return err
			}
		}
		manual = o.request.State == Manual
		tx.Announce(changeOf(o.after))
		return tx.AddEvent(ctx, event)
	})
	if err != nil {
		return err
	}
	if manual {
		s.log.Warn("a person has to decide", "request", r.ID, "kind", r.Kind) // what Bango said is for the page alone
	}
	if asked {
		s.wakeSender()
	}
	return nil
}

// outcome is what an answer makes of an entitlement and the request that asked.
type outcome struct {
	after    Entitlement
	request  Request
	kind     EventKind
	text     string
	doubted  bool // Bango's record has to be read back
	absent   bool // Bango has no record of what it once told us of
	rejected bool // Bango's record contradicts an ending
}

// outcome is pure but for the clock and the jitter of the next attempt.
func (s *Service) outcome(e Entitlement, r Request, a Answer) outcome {
	now := s.now()
	r.Updated, r.Message = now, a.Message
	o := outcome{after: e, request: r}
	again := func(state RequestState, kind EventKind, text string) {
		o.request.State, o.request.NotBefore = state, nextAttempt(now, r.Attempts, a.RetryAfter)
		o.kind, o.text = kind, text
	}
	switch a.Verdict {
	case VerdictDone, VerdictAction:
		s.applyAnswer(&o, r, a)
	case VerdictRefused, VerdictTaken, VerdictMisconfigured:
		o.request.State, o.kind = Denied, EventRefused
		o.text = "got a no from Bango: " + a.Message
		if r.Kind.changes() {
			o.text = "got a no from Bango to " + string(r.Kind) + " it: " + a.Message
			// What we believed possible was not: Bango's record may differ from ours, unless the merchant never does such a thing.
			o.doubted = a.Verdict == VerdictRefused && !a.NotAvailable
			if r.Kind == KindUpdate {
				o.after.NextIdentifier = ""
			}
		} else if r.Kind == KindCheck {
			o.text = "could not check with Bango: " + a.Message
		} else if e.BangoStatus == "" {
			o.after.Status, o.after.Message = Refused, a.Message
		}
	case VerdictUnauthorized:
		// Nothing is wrong with the request: it keeps its place until the line is open again.
		again(Queued, EventNoAnswer, "could not ask Bango: "+a.Message+" Everything waits until Bango lets us in again; it goes by itself then.")
		o.request.NotBefore = r.NotBefore
	case VerdictNotSent, VerdictThrottled, VerdictUnavailable:
		again(Waiting, EventNoAnswer, "could not ask Bango: "+a.Message+" The same request goes again by itself.")
	case VerdictMismatch:
		o.request.State, o.kind, o.text = Manual, EventManual, "needs a person: "+a.Message
		o.after.Message = a.Message
	case VerdictAbsent:
		if r.Kind == KindCheck {
			o.request.State, o.kind, o.text = Done, EventChecked, "checked with Bango: it has no record of this"
			o.after.CheckedAt = now
			if o.absent = e.BangoID != ""; o.absent {
				o.after.Message = "Bango has no record of this. Nothing here was deleted; see what Bango says, then decide."
			}
			break
		}
		if r.Kind.changes() {
			o.request.State, o.kind, o.text = Denied, EventRefused, "got a no from Bango to "+string(r.Kind)+" it: it has no record of this"
			break
		}
		fallthrough
	default: // VerdictUnknown, VerdictExists
		again(Unsure, EventNoAnswer, "does not know the outcome: "+a.Message+" The same request goes again by itself.")
		if r.Kind == KindCreate && e.Status == Requested {
			o.after.Status = Unknown
		}
	}
	known := e
	known.CheckedAt = o.after.CheckedAt // that Bango was asked is no change
	if o.after != known {
		o.after.Updated = now
	}
	return o
}

// applyAnswer lets Bango's record, as an answer tells it, have its effect.
func (s *Service) applyAnswer(o *outcome, r Request, a Answer) {
	unsafe := a.unsafe
	if a.leads() && unsafe == nil {
		a.Fact.RegistrationURL, a.Fact.RegistrationExpires = a.ActionURL, a.ActionExpires
	}
	before, effect := o.after, EffectRepeated
	o.after, effect = Apply(before, a.Fact)
	o.request.State = Done
	if effect != EffectForeign {
		o.after.CheckedAt = o.request.Updated
	}
	o.kind, o.text = EventAnswered, answeredText(r.Kind, a, o.after)
	if r.Terms.NotificationBase != "" && effect != EffectForeign {
		o.after.NotifyBase = r.Terms.NotificationBase
	}
	if r.Kind == KindRefresh && a.Fact.Source == FromRecord {
		o.request.State, o.request.Message = Denied, "The customer does not have to sign up any more: Bango says "+clip(a.Fact.Status, 40)+"."
		o.kind, o.text = EventChecked, checkedText(a.Fact, effect, before)+"; no fresh link is needed"
	}
	if r.Kind == KindCheck {
		o.kind, o.text = EventChecked, checkedText(a.Fact, effect, before)
	}
	person := func(format string, args ...any) {
		o.after.Message = fmt.Sprintf(format, args...)
		o.request.State, o.request.Message = Manual, o.after.Message
		o.kind, o.text = EventManual, "needs a person: "+o.after.Message
	}
	switch {
	case effect == EffectForeign:
		person("Bango's answer speaks of another entitlement or customer.")
	case effect == EffectRejected:
		o.rejected = true
		person("Bango's record says %s though this entitlement has ended.", a.Fact.Status)
	case effect == EffectDoubted:
		o.doubted = true
	case unsafe != nil:
		person("Bango gave a registration address that must not be followed, because %s: %s", unsafe, clip(a.ActionURL, 200))
	case a.Verdict == VerdictAction && a.Action != NavigateToURL:
		person("Bango asks for an action that this portal does not know: %s", clip(a.Action, 200))
	}
}

func answeredText(k RequestKind, a Answer, after Entitlement) string {
	switch {
	case k == KindRefresh && a.Verdict == VerdictAction:
		return "got a fresh registration link from Bango"
	case a.Verdict == VerdictAction:
		return "got Bango's answer: the customer must register with the merchant"
	case k == KindUpdate:
		return "got Bango's answer: it is changed; " + clip(a.Fact.Status, 40)
	case k.changes() && k != KindRefresh && !k.reached(Status(a.Fact.Status)):
		return "got Bango's answer: it is accepted, the merchant has yet to confirm"
	case k.changes():
		return "got Bango's answer: " + clip(a.Fact.Status, 40)
	case after.Status == Active:
		return "got Bango's answer: it is active at once"
	}
	return "got Bango's answer: " + clip(a.Fact.Status, 40)
}

func checkedText(f Fact, effect Effect, before Entitlement) string {
	said := "checked with Bango: " + clip(f.Status, 40)
	switch {
	case effect != EffectChanged:
		return said + ", as known"
	case before.BangoStatus != "" && f.Status != "" && f.Status != before.BangoStatus:
		return said + "; here it was " + clip(before.BangoStatus, 40) + ", corrected by reconciliation"
	}
	return said + "; taken over from its record"
}

// clip shortens what came from outside to at most n bytes, for a sentence. What cannot be seen, say a line break or a change of the
// direction of writing, becomes U+FFFD: the evidence has it as it came.
func clip(s string, n int) string {
	s = strings.Map(func(c rune) rune {
		if !unicode.IsGraphic(c) {
			return unicode.ReplacementChar
		}
		return c
	}, s)
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 { // not in the middle of a character
		n--
	}
	return s[:n] + "…"
}
