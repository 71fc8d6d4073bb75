package resale

import (
	"context"
	"strings"
)

// EditCustomer changes the name, the e-mail address and the phone number of a customer. seen is the customer as the editor saw them: what
// somebody else has changed meanwhile is not written over but CodeConflict, which says what it is now. Agents may.
func (s *Service) EditCustomer(ctx context.Context, by Actor, id string, seen, to Customer) error {
	if err := by.must(Agent); err != nil {
		return err
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.LockNamed(ctx, customerLock(id)); err != nil {
			return err
		}
		now, err := tx.Customer(ctx, id)
		if err != nil {
			return err
		}
		next := now
		next.Name, next.Email, next.Phone = to.Name, to.Email, to.Phone
		if next, err = next.normalised(); err != nil || next == now {
			return err // what is as it should be was changed by a first click, or by a colleague with the same in mind
		}
		before := now
		before.Name, before.Email, before.Phone = seen.Name, seen.Email, seen.Phone
		if meanwhile := edits(before, now); meanwhile != "" {
			return Conflict("", "Somebody was faster and %s. Nothing of yours was stored. Look at it below, then send again what should hold.", meanwhile)
		}
		if err := tx.UpdateCustomer(ctx, next); err != nil {
			return err
		}
		return s.aboutCustomer(ctx, tx, Event{ID: newID(), CustomerID: id, Actor: by, Kind: EventEdited, Text: edits(now, next)})
	})
}

// edits tells what changed from one state of a customer to another; empty where nothing did.
func edits(from, to Customer) string {
	var said []string
	for _, f := range []struct{ what, from, to string }{
		{"the name", from.Name, to.Name}, {"the e-mail address", from.Email, to.Email}, {"the phone number", from.Phone, to.Phone},
	} {
		switch {
		case f.from == f.to:
		case f.from == "":
			said = append(said, "added "+f.what+" "+quoted(f.to))
		case f.to == "":
			said = append(said, "removed "+f.what+" "+quoted(f.from))
		default:
			said = append(said, "changed "+f.what+" from "+quoted(f.from)+" to "+quoted(f.to))
		}
	}
	return strings.Join(said, ", ")
}
