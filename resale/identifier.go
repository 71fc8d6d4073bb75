package resale

import (
	"context"
	"slices"
	"time"
)

// FormerIdentifier is what a customer was known by before.
type FormerIdentifier struct {
	Identifier string
	Until      time.Time
}

// NewIdentifier is what the form for another customerIdentifier asks for.
type NewIdentifier struct {
	CustomerID string
	Seen       string // the identifier that whoever asks has seen; empty where they were asked for no other
	Identifier string
	Reason     string
	FormToken  string
}

// identifierLock is held by whoever gives a customer an identifier: two must not end up with the same one.
const identifierLock = "customer identifiers"

// ChangeIdentifier gives a customer another customerIdentifier: here at once, and at Bango by an update of each service that the customer has
// there, all of which are stored in the same transaction. Until Bango has said yes, a service keeps the identifier that Bango knows it by; one
// that is refused keeps it for good, and so does one that has ended. With the identifier that the customer has already, it asks once more for
// the services that Bango knows by another one. The same form token always returns the same group. Agents may.
func (s *Service) ChangeIdentifier(ctx context.Context, by Actor, n NewIdentifier) (ActGroup, error) {
	a := acts[slices.IndexFunc(acts, func(a act) bool { return a.kind == KindUpdate })]
	if err := by.must(a.role); err != nil {
		return ActGroup{}, err
	}
	if err := checkFormToken(n.FormToken); err != nil {
		return ActGroup{}, err
	}
	named, err := Customer{Identifier: n.Identifier}.normalised()
	if err != nil {
		return ActGroup{}, err
	}
	reason, err := ownReason(n.Reason)
	if err != nil {
		return ActGroup{}, err
	}
	now := s.now()
	g := ActGroup{ID: newID(), FormToken: n.FormToken, CustomerID: n.CustomerID, Kind: KindUpdate, Identifier: named.Identifier, Reason: reason,
		Actor: by, Created: now}
	if known, err := s.store.Customer(ctx, n.CustomerID); err != nil {
		return ActGroup{}, err
	} else if known.Identifier != named.Identifier {
		g.Former = known.Identifier
	}
	return s.askTogether(ctx, g, func(ctx context.Context, tx Tx) ([]ActGroupRow, error) {
		if err := tx.LockNamed(ctx, identifierLock); err != nil {
			return nil, err
		}
		c, err := tx.Customer(ctx, n.CustomerID)
		if err != nil {
			return nil, err
		}
		text := "asked Bango once more to know the services by the customer identifier " + quoted(named.Identifier)
		if c.Identifier != named.Identifier {
			if c.Identifier != g.Former || n.Seen != "" && n.Seen != c.Identifier {
				return nil, Conflict("customer_identifier", "Somebody was faster: the identifier is %q now. Look at it, then send again if it should be %q.", c.Identifier, named.Identifier)
			}
			other, err := tx.CustomerByIdentifier(ctx, named.Identifier)
			if err == nil {
				err = Conflict("customer_identifier", "%s has the identifier %q.", other.Label(), named.Identifier)
			}
			if CodeOf(err) != CodeNotFound {
				return nil, err
			}
			if err := unclaimed(ctx, tx, named.Identifier, c.ID); err != nil {
				return nil, err
			}
			if err := tx.SetIdentifier(ctx, c, named.Identifier, now); err != nil {
				return nil, err
			}
			text = "changed the customer identifier from " + quoted(c.Identifier) + " to " + quoted(named.Identifier)
		} else if g.Former != "" {
			return nil, Conflict("customer_identifier", "Somebody was faster: the identifier is %q already.", c.Identifier)
		}
		live, err := tx.LiveEntitlementsOf(ctx, c.ID, 5*MaxTogether)
		if err != nil {
			return nil, err
		}
		live = slices.DeleteFunc(live, func(e Entitlement) bool { return e.CustomerIdentifier == named.Identifier })
		live = live[:min(len(live), MaxTogether)] // the rest is asked for once more
		rows, asked, err := s.askEach(ctx, tx, by, a, live, Request{Kind: KindUpdate, Terms: Terms{CustomerIdentifier: named.Identifier}},
			a.ask+"the customer identifier to "+named.Identifier)
		if err != nil {
			return nil, err
		}
		if g.Former == "" && asked == 0 {
			why := "all services are known by it"
			if len(rows) > 0 {
				why = rows[0].Entitlement.Ref + " stays as it is, because " + rows[0].Why
			}
			return nil, Conflict("customer_identifier", "The customer has this identifier already, and nothing can be asked of Bango now: %s.", why)
		}
		if reason != "" {
			text += " (" + reason + ")"
		}
		return rows, tx.AddEvent(ctx, Event{ID: newID(), CustomerID: c.ID, At: now, Actor: by, Kind: EventEdited, Text: text})
	})
}

// unclaimed returns why a customer cannot be given an identifier that nobody has, or nil: somebody had it and has services that Bango still knows
// by it. An identifier may be a phone number, which in time is somebody else's.
func unclaimed(ctx context.Context, r Reader, identifier, customerID string) error {
	once, err := r.CustomersOnceKnownAs(ctx, identifier, MaxTogether)
	if err != nil {
		return err
	}
	for _, other := range once {
		if other.ID == customerID {
			continue
		}
		live, err := r.LiveEntitlementsOf(ctx, other.ID, MaxTogether)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(live, func(e Entitlement) bool { return e.CustomerIdentifier == identifier || e.NextIdentifier == identifier }) {
			return Conflict("customer_identifier", "%s had the identifier %q, and Bango still knows services of theirs by it. Let Bango know those by the new one first, or end them.",
				other.Label(), identifier)
		}
	}
	return nil
}

// recognise prepares an entitlement for a fact that names its customer by another identifier that the customer has or had, which is no reason to
// take the fact for one about somebody else: an update may have been carried out though we were told that it was not.
func (s *Service) recognise(ctx context.Context, r Reader, e Entitlement, f Fact) (Entitlement, error) {
	if f.CustomerIdentifier == "" || f.CustomerIdentifier == e.CustomerIdentifier || f.CustomerIdentifier == e.NextIdentifier {
		return e, nil
	}
	for _, identifier := range []string{f.CustomerIdentifier, e.NextIdentifier} {
		if identifier == "" {
			continue
		}
		c, err := r.CustomerKnownAs(ctx, identifier)
		if err != nil && CodeOf(err) != CodeNotFound {
			return e, err
		}
		if err != nil || c.ID != e.CustomerID { // somebody else's, or on its way to somebody else
			return e, nil
		}
	}
	e.NextIdentifier = f.CustomerIdentifier
	return e, nil
}

// OwnerOf returns whose an entitlement is that Bango created under an identifier at that time: its present owner's, or that of the one who had
// it then.
func OwnerOf(ctx context.Context, r Reader, identifier string, created time.Time) (Customer, error) {
	c, err := r.CustomerKnownAs(ctx, identifier)
	if err != nil || c.Identifier == identifier {
		return c, err
	}
	former, err := r.FormerIdentifiers(ctx, c.ID)
	if err != nil {
		return Customer{}, err
	}
	if slices.ContainsFunc(former, func(f FormerIdentifier) bool { return f.Identifier == identifier && f.Until.Before(created) }) {
		return Customer{}, NotFound("customer")
	}
	return c, nil
}
