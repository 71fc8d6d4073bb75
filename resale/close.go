package resale

import (
	"context"
)

// CloseRequest ends a request of which a person has to decide as not done, and says why. An entitlement that Bango has never told of is
// REFUSED then: as far as we know nothing exists there. Should Bango tell of it after all, its record is read back and counts. Every other
// entitlement stays what Bango said last. A request that is not a person's to decide (any more) is CodeConflict. Supervisors may.
func (s *Service) CloseRequest(ctx context.Context, by Actor, requestID, reason string) error {
	if err := by.must(Supervisor); err != nil {
		return err
	}
	reason, err := attentionReason(reason)
	if err != nil {
		return err
	}
	known, err := s.store.Request(ctx, requestID)
	if err != nil {
		return err
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		before, err := tx.LockEntitlement(ctx, known.EntitlementID)
		if err != nil {
			return err
		}
		r, err := tx.Request(ctx, requestID)
		if err != nil {
			return err
		}
		if r.State != Manual {
			return Conflict("", "This request is not one to decide about any more: it is %s.", r.State)
		}
		now := s.now()
		closed := "Closed as not done by " + by.Name + ": " + reason
		after := before
		switch {
		case r.Kind == KindCreate && before.BangoStatus == "":
			after.Status, after.Message = Refused, closed
		case before.Message == r.Message:
			after.Message = "" // it told of what was to be decided
		}
		if r.Kind == KindUpdate {
			after.NextIdentifier = ""
		}
		if after != before {
			after.Updated = now
		}
		r.State, r.Message, r.Updated = Denied, closed, now
		if err := tx.UpdateRequest(ctx, r); err != nil {
			return err
		}
		if err := tx.UpdateEntitlement(ctx, before, after); err != nil {
			return err
		}
		event := Event{ID: newID(), EntitlementID: before.ID, CustomerID: before.CustomerID, At: now, Actor: by, Kind: EventClosed,
			Text: "closed the request to " + string(r.Kind) + " it as not done: " + reason}
		event.moved(before, after)
		tx.Announce(changeOf(after))
		return tx.AddEvent(ctx, event)
	})
}

// decided settles the request of which a person had to decide, where what Bango tells now shows that it was done.
func (s *Service) decided(ctx context.Context, tx Tx, before, after Entitlement) error {
	if after.Status == before.Status {
		return nil
	}
	a, err := tx.Attention(ctx, before.ID)
	if err != nil || a.Kind != AttentionDecide {
		return orMissing(err)
	}
	r, err := tx.Decision(ctx, before.ID)
	if err != nil {
		return orMissing(err)
	}
	created := r.Kind == KindCreate && before.BangoStatus == "" && after.BangoStatus != ""
	if !created && !r.Kind.reached(after.Status) {
		return nil
	}
	r.State, r.Message, r.Updated = Done, "Bango has told since that it was done.", s.now()
	return tx.UpdateRequest(ctx, r)
}

// orMissing is nil for what is not there.
func orMissing(err error) error {
	if CodeOf(err) == CodeNotFound {
		return nil
	}
	return err
}
