package resale

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// ActGroup is one thing that was asked for several services of a customer by one form: to suspend or resume them, or, as an update, to know
// them by another customerIdentifier. What becomes of each is in the requests of its rows.
type ActGroup struct {
	ID         string
	FormToken  string // of the form that asked; unique, so that a form counts once
	CustomerID string
	Kind       RequestKind
	Identifier string // of an update: the new identifier
	Former     string // and the one before it, empty where it was asked for once more
	Reason     string // for us; Bango is not told
	Actor      Actor
	Created    time.Time
}

// ActGroupRow is one service of a group.
type ActGroupRow struct {
	Entitlement Entitlement // as it is now
	Request     Request     // zero where nothing was asked
	Why         string      // why nothing was asked
}

// MaxTogether bounds how many services are asked about by one form.
const MaxTogether = 200

// Together is what the form for several services asks for.
type Together struct {
	CustomerID string
	Kind       RequestKind // suspend or resume
	Refs       []string
	Reason     string // a suspension needs one
	FormToken  string
}

// ActTogether stores a request for each of several services of a customer, all or none of them, and returns before Bango has been asked. What
// cannot be done with a service now is told in its row; where it can be done with none, nothing is stored and the error is CodeConflict. The
// same form token always returns the same group. Agents may.
func (s *Service) ActTogether(ctx context.Context, by Actor, t Together) (ActGroup, error) {
	i := slices.IndexFunc(acts, func(a act) bool { return a.kind == t.Kind })
	if t.Kind != KindSuspend && t.Kind != KindResume || i < 0 {
		return ActGroup{}, NotFound("action")
	}
	a := acts[i]
	if err := by.must(a.role); err != nil {
		return ActGroup{}, err
	}
	if err := checkFormToken(t.FormToken); err != nil {
		return ActGroup{}, err
	}
	reason, err := ownReason(t.Reason)
	switch {
	case err != nil:
		return ActGroup{}, err
	case reason == "" && t.Kind == KindSuspend:
		return ActGroup{}, Invalid("reason", "Say why they are suspended; whoever resumes them will want to know.")
	case len(t.Refs) == 0:
		return ActGroup{}, Invalid("service", "Choose at least one service.")
	case len(t.Refs) > MaxTogether:
		return ActGroup{}, Invalid("service", "More than %d services cannot be asked about at once. Choose fewer.", MaxTogether)
	}
	g := ActGroup{ID: newID(), FormToken: t.FormToken, CustomerID: t.CustomerID, Kind: t.Kind, Reason: reason, Actor: by, Created: s.now()}
	return s.askTogether(ctx, g, func(ctx context.Context, tx Tx) ([]ActGroupRow, error) {
		var chosen []Entitlement
		for _, ref := range t.Refs {
			e, err := tx.EntitlementByRef(ctx, ref)
			if err == nil && e.CustomerID != t.CustomerID {
				err = NotFound("service of this customer")
			}
			if err != nil {
				return nil, err
			}
			chosen = append(chosen, e)
		}
		text := a.ask
		if len(chosen) > 1 {
			text += ", together with others"
		}
		if reason != "" {
			text += " (" + reason + ")"
		}
		rows, asked, err := s.askEach(ctx, tx, by, a, chosen, Request{Kind: t.Kind}, text)
		if err == nil && asked == 0 {
			err = Conflict("", "This cannot be done now with %s: %s.", rows[0].Entitlement.Ref, rows[0].Why)
		}
		return rows, err
	})
}

// askTogether stores a group with the rows that ask returns, in one transaction, or returns the one that its form stored before.
func (s *Service) askTogether(ctx context.Context, g ActGroup, ask func(ctx context.Context, tx Tx) ([]ActGroupRow, error)) (ActGroup, error) {
	stored := g
	err := s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		stored = g
		known, err := tx.ActGroupByFormToken(ctx, g.FormToken)
		if CodeOf(err) != CodeNotFound {
			stored = known
			return err
		}
		rows, err := ask(ctx, tx)
		if err != nil {
			return err
		}
		tx.Announce(Change{Topics: []string{TopicCustomer(g.CustomerID)}})
		return tx.InsertActGroup(ctx, g, rows)
	})
	if CodeOf(err) == CodeConflict { // a second click was first, in another process
		if known, readErr := s.store.ActGroupByFormToken(ctx, g.FormToken); readErr == nil {
			stored, err = known, nil
		}
	}
	if err != nil {
		return ActGroup{}, err
	}
	if stored.CustomerID != g.CustomerID || stored.Kind != g.Kind {
		return ActGroup{}, errForeignForm
	}
	s.wakeSender()
	return stored, nil
}

// askEach asks for the same thing for each of several entitlements, in the order of their ids so that two who do so never wait for each other.
func (s *Service) askEach(ctx context.Context, tx Tx, by Actor, a act, chosen []Entitlement, r Request, text string) (rows []ActGroupRow, asked int, err error) {
	slices.SortFunc(chosen, func(x, y Entitlement) int { return cmp.Compare(x.ID, y.ID) })
	chosen = slices.CompactFunc(chosen, func(x, y Entitlement) bool { return x.ID == y.ID })
	for _, e := range chosen {
		e, err := tx.LockEntitlement(ctx, e.ID)
		if err != nil {
			return nil, 0, err
		}
		requests, err := tx.RequestsOf(ctx, e.ID, 1000)
		if err != nil {
			return nil, 0, err
		}
		abilities, err := tx.AbilitiesOf(ctx, e.MerchantKey)
		if err != nil {
			return nil, 0, err
		}
		row := ActGroupRow{Entitlement: e, Why: a.whyNot(e, requests, by.Role, abilities)}
		if row.Why == "" {
			asked++
			r.ID = newID()
			row.Request = r
			if err := s.insertRequest(ctx, tx, e, by, r, text); err != nil {
				return nil, 0, err
			}
		}
		rows = append(rows, row)
	}
	return rows, asked, nil
}

// SuspendedTogether returns the last suspension of several services of a customer of which some can be resumed now, and which those are; none
// where there is no such thing. live are the customer's services.
func SuspendedTogether(ctx context.Context, r Reader, customerID string, live []Entitlement) (g ActGroup, ids []string, err error) {
	if !slices.ContainsFunc(live, func(e Entitlement) bool { return e.Status == Suspended }) {
		return ActGroup{}, nil, nil
	}
	groups, err := r.ActGroupsOf(ctx, customerID, KindSuspend, maxGroups)
	if err != nil {
		return ActGroup{}, nil, err
	}
	for _, g := range groups {
		rows, err := r.ActGroupRows(ctx, g.ID)
		if err != nil {
			return ActGroup{}, nil, err
		}
		for _, row := range rows {
			if row.Request.ID != "" && row.Request.State != Denied && row.Entitlement.Status == Suspended {
				ids = append(ids, row.Entitlement.ID)
			}
		}
		if len(ids) > 0 {
			return g, ids, nil
		}
	}
	return ActGroup{}, nil, nil
}

// maxGroups is how many suspensions are looked through for the one that can be taken back.
const maxGroups = 5

// ownReason returns a reason that is for us alone, or what is wrong with it.
func ownReason(reason string) (string, error) {
	reason = strings.TrimSpace(reason)
	switch {
	case utf8.RuneCountInString(reason) > MaxReason:
		return "", Invalid("reason", "The reason is longer than %d characters.", MaxReason)
	case !printable(reason):
		return "", Invalid("reason", "The reason has characters in it that cannot be shown.")
	}
	return reason, nil
}

var errForeignForm = Invalid("form_token", "The form is not one of ours. Open it again and send it once more.")

// checkFormToken returns why a token cannot be one that [NewFormToken] made, or nil.
func checkFormToken(token string) error {
	if len(token) < 16 || len(token) > 64 || !printable(token) {
		return errForeignForm
	}
	return nil
}
