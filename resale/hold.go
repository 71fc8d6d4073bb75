package resale

import (
	"context"
	"time"
)

// RevokeHold is how long a revoke waits here before Bango is asked, because Bango has no way to take one back: whoever pressed the wrong button
// has that long to undo it. The wait is the request's NotBefore, so that it outlives the process.
const RevokeHold = 10 * time.Second

// hold is how long a request of this kind waits here before it is sent.
func (k RequestKind) hold() time.Duration {
	if k == KindRevoke {
		return RevokeHold
	}
	return 0
}

// Undoable reports whether the request can be taken back, as though it had never been asked for: it waits, and was never handed to a sender.
// One of a bulk job has a time of its own, and the job is what can be paused.
func (r Request) Undoable() bool {
	return r.Kind.hold() > 0 && r.State == Queued && r.Attempts == 0 && r.NotBefore.Equal(r.Updated.Add(r.Kind.hold()))
}

// Withdrawn reports whether the request was taken back before it was sent: it is settled, and no attempt was ever made.
func (r Request) Withdrawn() bool { return r.State == Done && r.Attempts == 0 }

// Withdraw takes a revoke back that has not been handed to a sender, so that Bango is never asked. One that has is CodeConflict; one that was
// taken back already stays so. Whoever may revoke may.
func (s *Service) Withdraw(ctx context.Context, by Actor, ref, requestID string) error {
	if err := by.must(Supervisor); err != nil {
		return err
	}
	known, err := s.store.EntitlementByRef(ctx, ref)
	if err != nil {
		return err
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		e, err := tx.LockEntitlement(ctx, known.ID)
		if err != nil {
			return err
		}
		r, err := tx.Request(ctx, requestID)
		switch {
		case err != nil:
			return err
		case r.EntitlementID != e.ID || r.Kind != KindRevoke:
			return NotFound("request")
		case r.Withdrawn():
			return nil // a second click, or a colleague
		}
		// The entitlement's lock does not keep a sender from leasing the request: this statement alone decides who was first.
		first, err := tx.WithdrawRequest(ctx, r.ID, "withdrawn before it was sent", s.now())
		if err != nil {
			return err
		}
		if !first {
			return Conflict("", "It is too late to undo this: Bango has been asked to revoke it. The timeline tells what comes of it.")
		}
		tx.Announce(changeOf(e))
		return tx.AddEvent(ctx, Event{ID: newID(), EntitlementID: e.ID, CustomerID: e.CustomerID, At: s.now(), Actor: by, Kind: EventWithdrawn,
			Text: "took the revoke back before it was sent; Bango was not asked"})
	})
}

// holdAgain puts a leased request back whose wait is not over, and reports whether it did. A sender gets one only where the clock was set back: how
// long it has waited is not known then, so that it waits once more from the start rather than go too early or hours late.
func (s *Service) holdAgain(ctx context.Context, r Request) (held bool, err error) {
	if r.Kind.hold() == 0 || r.Attempts != 1 || !r.NotBefore.After(s.now()) {
		return false, nil
	}
	err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		e, err := tx.LockEntitlement(ctx, r.EntitlementID)
		if err != nil {
			return err
		}
		stored, err := tx.Request(ctx, r.ID)
		if err != nil || stored.State != Sending || stored.Attempts != r.Attempts {
			return err // another sender has it now
		}
		stored.State, stored.Attempts, stored.LeasedUntil = Queued, 0, time.Time{}
		stored.Updated = s.now()
		stored.NotBefore = stored.Updated.Add(r.Kind.hold())
		tx.Announce(changeOf(e))
		return tx.UpdateRequest(ctx, stored)
	})
	return true, err
}
