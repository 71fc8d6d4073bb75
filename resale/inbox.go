package resale

import (
	"context"
	"crypto/sha256"
)

// maxToken bounds what is stored of an address that Bango posted to, in bytes.
const maxToken = 128

// Hint is what a notification says, as far as it could be read.
type Hint struct {
	Fact      Fact
	Reason    string // Bango's notificationReason, empty where it gave none
	ActionURL string // a registration URL, not yet trusted
}

// ReceiveNotification stores what Bango posted to the address with this token, together with its effect and what follows from it,
// and returns once all of that is durable: only then may it be acknowledged. Everything is kept: what cannot be read or
// belongs to nothing is parked. The same notification again has no second effect.
func (s *Service) ReceiveNotification(ctx context.Context, token string, body []byte) error {
	if len(token) > maxToken || !printable(token) {
		token = "" // nothing of ours looks like that; the body is what matters
	}
	now := s.now()
	digest := sha256.New()
	digest.Write([]byte(token))
	digest.Write([]byte{0})
	digest.Write(body)
	hint, unreadable := readNotification(body)
	if s.links.Check(hint.ActionURL) == nil {
		hint.Fact.RegistrationURL = hint.ActionURL
	}
	n := Notification{ID: newID(), Digest: digest.Sum(nil), Token: token, Body: body, Reason: hint.Reason,
		Copies: 1, Received: now, LastReceived: now}

	asked := false
	err := s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		asked = false
		known, err := tx.EntitlementByNotifyToken(ctx, token)
		if CodeOf(err) == CodeNotFound {
			_, _, err := tx.ReceiveNotification(ctx, n.parked("The address that it was sent to belongs to no entitlement."))
			return err
		}
		if err != nil {
			return err
		}
		n := n
		n.EntitlementID = known.ID
		asked, err = s.applyNotification(ctx, tx, n, hint.Fact, unreadable)
		return err
	})
	if err == nil && asked {
		s.wakeSender()
	}
	return err
}

// parked returns n with the reason why nothing could be done with it.
func (n Notification) parked(why string) Notification {
	n.State, n.Effect, n.Reason = NotificationParked, "", why
	return n
}

// applyNotification stores a notification for a known entitlement, and its effect unless it was stored before.
// It reports whether a read-back was asked for.
func (s *Service) applyNotification(ctx context.Context, tx Tx, n Notification, f Fact, unreadable error) (asked bool, err error) {
	before, err := tx.LockEntitlement(ctx, n.EntitlementID)
	if err != nil {
		return false, err
	}
	after, text := before, ""
	if unreadable != nil {
		n, text = n.parked("It could not be read: "+unreadable.Error()), "sent a notification that could not be read; it is kept"
	} else {
		after, n.Effect = Apply(before, f)
		n.State, text = NotificationApplied, notifiedText(n.Reason, f.Status, n.Effect)
	}
	if n.Effect == EffectForeign {
		n = n.parked("It speaks of another entitlement or customer than the one that its address belongs to.")
	}
	if _, isNew, err := tx.ReceiveNotification(ctx, n); err != nil || !isNew {
		return false, err
	}
	if n.State == NotificationApplied {
		after.NotifiedAt = n.Received
	}
	if n.Effect == EffectChanged {
		after.Updated = n.Received
	}
	if n.Effect == EffectDoubted {
		if asked, err = s.askCheck(ctx, tx, before, Automatic); err != nil {
			return false, err
		}
	}
	if err := tx.UpdateEntitlement(ctx, before, after); err != nil {
		return false, err
	}
	tx.Announce(changeOf(after))
	event := Event{ID: newID(), EntitlementID: before.ID, CustomerID: before.CustomerID, At: n.Received, Actor: Bango,
		Kind: EventNotified, Text: text, NotificationID: n.ID}
	event.moved(before, after)
	return asked, tx.AddEvent(ctx, event)
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
