package resale

import (
	"context"
	"crypto/sha256"
	"fmt"
	"runtime/debug"
	"time"
)

// maxToken bounds what is stored of an address that Bango posted to, in bytes.
const maxToken = 128

// Hint is what a notification says, as far as it could be read.
type Hint struct {
	Fact      Fact
	Reason    string // Bango's notificationReason, empty where it gave none
	Message   string // Bango's responseMessage
	ActionURL string // a registration URL, not yet trusted

	ActionExpires time.Time
}

// ReceiveNotification stores what Bango posted to the address with this token, together with its effect and what follows from it,
// and returns once all of that is durable: only then may it be acknowledged. Everything is kept: what cannot be read or
// belongs to nothing is parked, and what cannot have its effect waits for it. The same notification again has no second effect.
func (s *Service) ReceiveNotification(ctx context.Context, token string, body []byte) error {
	if len(token) > maxToken || !printable(token) {
		token = "" // nothing of ours looks like that; the body is what matters
	}
	now := s.now()
	digest := sha256.New()
	digest.Write([]byte(token))
	digest.Write([]byte{0})
	digest.Write(body)
	n := Notification{ID: newID(), Digest: digest.Sum(nil), Token: token, Body: body, Copies: 1, Received: now, LastReceived: now}
	hint, unreadable := s.hint(body)
	n.BangoID = hint.Fact.BangoID

	asked := false
	err := s.store.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
		defer recovered(&err)
		asked, err = s.applyNotification(ctx, tx, n, hint, unreadable, tx.ReceiveNotification)
		return err
	})
	if err != nil && CodeOf(err) != CodeBusy && ctx.Err() == nil {
		// Its effect failed, which is ours to mend. Bango has done its part as soon as it is stored.
		s.log.Error("a notification could not have its effect; it is kept and tried again", "notification", n.ID, "err", err)
		n.State, n.Reason, n.Attempts, n.Due = NotificationWaiting, "Its effect could not be stored; it is tried again.", 1, nextAttempt(now, 1, 0)
		err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
			_, _, err := tx.ReceiveNotification(ctx, n)
			return err
		})
	}
	if err == nil && asked {
		s.wakeSender()
	}
	return err
}

// recovered turns a panic into an error: a fault of ours in one notification must not lose it.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}
}

// hint reads what Bango posted.
func (s *Service) hint(body []byte) (Hint, error) {
	hint, err := readNotification(body)
	if s.links.Check(hint.ActionURL) == nil {
		hint.Fact.RegistrationURL, hint.Fact.RegistrationExpires = hint.ActionURL, hint.ActionExpires
	}
	return hint, err
}

// parked returns n with the reason why nothing could be done with it.
func (n Notification) parked(why string) Notification {
	n.State, n.Effect, n.Reason = NotificationParked, "", why
	return n
}

// applyNotification stores a notification by put, with its effect unless put says that it had one before. It reports whether a read-back
// was asked for.
func (s *Service) applyNotification(ctx context.Context, tx Tx, n Notification, hint Hint, unreadable error,
	put func(context.Context, Notification) (Notification, bool, error)) (asked bool, err error) {
	park := func(why string) (bool, error) {
		_, _, err := put(ctx, n.parked(why))
		return false, err
	}
	known, err := tx.EntitlementByNotifyToken(ctx, n.Token)
	byToken := err == nil
	if CodeOf(err) == CodeNotFound {
		known, err = tx.EntitlementByBangoID(ctx, n.BangoID)
	}
	switch {
	case CodeOf(err) == CodeNotFound && unreadable != nil:
		return park("It could not be read: " + unreadable.Error())
	case CodeOf(err) == CodeNotFound:
		return park("The address that it was sent to belongs to no entitlement, and none is known by the id in it.")
	case err != nil:
		return false, err
	}
	before, err := tx.LockEntitlement(ctx, known.ID)
	if err != nil {
		return false, err
	}
	if before, err = s.recognise(ctx, tx, before, hint.Fact); err != nil {
		return false, err
	}
	n.EntitlementID = before.ID
	if err := s.dropUnsafeLink(ctx, tx, before, &hint.Fact); err != nil {
		return false, err
	}
	after, text := before, ""
	switch {
	case unreadable != nil:
		n, text = n.parked("It could not be read: "+unreadable.Error()), "sent a notification that could not be read; it is kept"
	case foreign(before, hint.Fact):
		n = n.parked("It speaks of another entitlement or customer than the one that its address belongs to.")
		text = notifiedText(hint.Reason, hint.Fact.Status, EffectForeign)
	case !byToken:
		// It came to an address that anybody may make up, so it is not believed: Bango's record is.
		n.State, n.Effect, n.Reason = NotificationApplied, EffectDoubted, hint.Reason
		text = notifiedText(hint.Reason, hint.Fact.Status, EffectDoubted)
	default:
		after, n.Effect = Apply(before, hint.Fact)
		n.State, n.Reason = NotificationApplied, hint.Reason
		text = notifiedText(hint.Reason, hint.Fact.Status, n.Effect)
	}
	if _, isNew, err := put(ctx, n); err != nil || !isNew {
		return false, err
	}
	if n.State == NotificationApplied {
		after.NotifiedAt = n.Received
	}
	if n.Effect == EffectChanged {
		after.Updated = s.now()
	}
	if asked, err = s.change(ctx, tx, before, &after, n.Effect == EffectDoubted); err != nil {
		return false, err
	}
	tx.Announce(changeOf(after))
	event := Event{ID: newID(), EntitlementID: before.ID, CustomerID: before.CustomerID, At: s.now(), Actor: Bango,
		Kind: EventNotified, Text: text, NotificationID: n.ID}
	event.moved(before, after)
	return asked, tx.AddEvent(ctx, event)
}

// change stores an entitlement that facts have changed, with what follows: our product and customer are those that Bango names, and
// notifications that came before we knew Bango's id find their way. It reports whether a read-back was asked for, as it is where the facts are
// doubted.
func (s *Service) change(ctx context.Context, tx Tx, before Entitlement, after *Entitlement, doubted bool) (asked bool, err error) {
	if after.ProductKey != before.ProductKey {
		p, err := tx.ProductByKeys(ctx, after.MerchantKey, after.ProductKey)
		switch {
		case err == nil:
			after.ProductID, after.OfferID = p.ID, ""
		case CodeOf(err) != CodeNotFound: // one that is not in the catalogue is shown by its key
			return false, err
		}
	}
	if after.CustomerIdentifier != before.CustomerIdentifier {
		c, err := tx.CustomerKnownAs(ctx, after.CustomerIdentifier) // it may have changed since Bango was asked
		if err != nil {
			return false, err
		}
		after.CustomerID = c.ID
	}
	if after.BangoID != "" && before.BangoID == "" {
		linked, err := s.linkParked(ctx, tx, *after)
		if err != nil {
			return false, err
		}
		doubted = doubted || linked
	}
	if doubted {
		if asked, err = s.askCheck(ctx, tx, before, Automatic, s.now()); err != nil {
			return false, err
		}
	}
	if err := s.decided(ctx, tx, before, *after); err != nil {
		return false, err
	}
	return asked, tx.UpdateEntitlement(ctx, before, *after)
}

// maxLinked bounds how many notifications that came too early are linked at once.
const maxLinked = 100

// linkParked links notifications that spoke of an entitlement before we knew Bango's id of it. They were parked because their address was
// not its own, so they are not believed: Bango's record is read back.
func (s *Service) linkParked(ctx context.Context, tx Tx, e Entitlement) (linked bool, err error) {
	parked, err := tx.ParkedNotificationsOf(ctx, e.BangoID, maxLinked)
	if err != nil {
		return false, err
	}
	for _, n := range parked {
		hint, err := s.hint(n.Body)
		if err != nil || foreign(e, hint.Fact) {
			continue
		}
		n.EntitlementID, n.State, n.Effect, n.Reason = e.ID, NotificationApplied, EffectDoubted, hint.Reason
		if err := tx.UpdateNotification(ctx, n); err != nil {
			return false, err
		}
		if err := tx.AddEvent(ctx, Event{ID: newID(), EntitlementID: e.ID, CustomerID: e.CustomerID, At: s.now(), Actor: Bango,
			Kind: EventNotified, Text: notifiedText(hint.Reason, hint.Fact.Status, EffectDoubted) + "; it came before the entitlement was known",
			NotificationID: n.ID}); err != nil {
			return false, err
		}
		linked = true
	}
	return linked, nil
}

// maxTries is how often the effect of a notification is tried before it is parked, where staff see and replay it.
const maxTries = 8

// MaxNotificationWait is longer than a notification that waits is ever put off: one that is put off for longer is so because our clock was set
// back.
const MaxNotificationWait = 2 * time.Minute

// RetryNotifications tries the effect of notifications that wait for it, and parks those that failed too often. It returns how many it tried.
func (s *Service) RetryNotifications(ctx context.Context) (tried int, err error) {
	waiting, err := s.store.WaitingNotifications(ctx, s.now(), 100)
	if err != nil {
		return 0, err
	}
	for _, n := range waiting {
		if err := s.retry(ctx, n); err != nil {
			return tried, err
		}
		tried++
	}
	return tried, nil
}

func (s *Service) retry(ctx context.Context, n Notification) error {
	err := s.reapply(ctx, n, NotificationWaiting)
	if err == nil || CodeOf(err) == CodeBusy || ctx.Err() != nil {
		return err
	}
	s.log.Error("a notification could not have its effect", "notification", n.ID, "attempt", n.Attempts+1, "err", err)
	now := s.now()
	n.Attempts++
	n.Due = nextAttempt(now, n.Attempts, 0)
	if n.Attempts >= maxTries {
		n, n.Due = n.parked(fmt.Sprintf("Its effect could not be stored in %d attempts. The log says why; replay it once that is mended.", n.Attempts)), time.Time{}
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		stored, err := tx.Notification(ctx, n.ID)
		if err != nil || stored.State != NotificationWaiting {
			return err // somebody else was faster
		}
		if n.State == NotificationParked {
			tx.Announce(Change{Topics: []string{TopicEverything}})
		}
		return tx.UpdateNotification(ctx, n)
	})
}

// reapply gives a stored notification its effect, if it is still in that state.
func (s *Service) reapply(ctx context.Context, n Notification, in NotificationState) error {
	hint, unreadable := s.hint(n.Body)
	asked := false
	err := s.store.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
		defer recovered(&err)
		if err := tx.LockNamed(ctx, n.ID); err != nil {
			return err
		}
		stored, err := tx.Notification(ctx, n.ID)
		if err != nil || stored.State != in {
			return err
		}
		stored.BangoID = hint.Fact.BangoID
		asked, err = s.applyNotification(ctx, tx, stored, hint, unreadable, func(ctx context.Context, n Notification) (Notification, bool, error) {
			return n, true, tx.UpdateNotification(ctx, n)
		})
		return err
	})
	if err == nil && asked {
		s.wakeSender()
	}
	return err
}

// Replay tries once more to do something with a parked notification. It is CodeConflict, with the reason, where nothing can be done with
// it still. Agents may.
func (s *Service) Replay(ctx context.Context, by Actor, id string) (Notification, error) {
	if err := by.must(Agent); err != nil {
		return Notification{}, err
	}
	n, err := s.store.Notification(ctx, id)
	if err != nil {
		return n, err
	}
	if n.State != NotificationParked {
		return n, Conflict("", "This notification is not parked; it has had its effect.")
	}
	if err := s.reapply(ctx, n, NotificationParked); err != nil {
		return n, err
	}
	if n, err = s.store.Notification(ctx, id); err == nil && n.State == NotificationParked {
		err = Conflict("", "Nothing could be done with it still. %s", n.Reason)
	}
	return n, err
}

// notifiedText tells on the timeline what a notification said and did.
func notifiedText(reason, status string, effect Effect) string {
	said := "notified us"
	switch {
	case status != "" && reason != "":
		said += " of " + status + " (" + reason + ")"
	case status != "":
		said += " of " + status
	case reason != "":
		said += " of " + reason
	}
	switch effect {
	case EffectRepeated:
		return said + "; nothing new in it"
	case EffectStale:
		return said + "; older than what is known, so without effect"
	case EffectDoubted:
		return said + "; that cannot be placed, so its record is read back"
	case EffectForeign:
		return said + "; it speaks of another entitlement, so without effect"
	}
	return said
}
