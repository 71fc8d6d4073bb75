package resale

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// act is what staff may ask of Bango during an entitlement's life.
type act struct {
	kind RequestKind
	role Role
	from []Status // in which it can be asked for. src: the transitions of resale/entitlements
	ask  string   // on the timeline
}

var acts = []act{
	{KindRefresh, Agent, []Status{Pending}, "asked Bango for a fresh registration link"},
	{KindSuspend, Agent, []Status{Active}, "asked Bango to suspend it"},
	{KindResume, Agent, []Status{Suspended}, "asked Bango to resume it"},
	{KindCancel, Agent, []Status{Pending, Active, Suspended}, "asked Bango to cancel it"},
	{KindRevoke, Supervisor, []Status{Pending, Active, ActiveEnding, Suspended}, "asked Bango to revoke it"},
}

// Action is something that may or may not be done with an entitlement now.
type Action struct {
	Kind    RequestKind
	Allowed bool
	Why     string // why it is not allowed, in a few words; empty where it is
}

// Actions says what somebody of a role may do with an entitlement now, and why not the rest. requests are the entitlement's.
func Actions(e Entitlement, requests []Request, role Role) []Action {
	actions := make([]Action, len(acts))
	for i, a := range acts {
		why := a.whyNot(e, requests, role)
		actions[i] = Action{Kind: a.kind, Allowed: why == "", Why: why}
	}
	return actions
}

// whyNot is empty where the act can be asked for.
func (a act) whyNot(e Entitlement, requests []Request, role Role) string {
	open := slices.IndexFunc(requests, func(r Request) bool { return r.State.Open() && r.Kind != KindCheck })
	switch {
	case !role.AtLeast(a.role):
		return "it needs the role " + string(a.role) + " or more"
	case open >= 0:
		return "a " + string(requests[open].Kind) + " is under way"
	case !slices.Contains(a.from, e.Status):
		return whyNotIn(a.kind, e.Status)
	case e.BangoID == "" && a.kind != KindRefresh:
		return "Bango's id of it is not known yet"
	}
	return ""
}

func whyNotIn(k RequestKind, s Status) string {
	switch {
	case s.Ended():
		return "it has ended"
	case s == Refused:
		return "nothing exists at Bango"
	case s == Requested || s == Unknown:
		return "not until Bango has answered"
	case s == Failed:
		return "its state is not known; check with Bango first"
	case k == KindSuspend && s == Suspended:
		return "it is suspended"
	case k == KindCancel && s == ActiveEnding:
		return "it is ending already"
	case k == KindRefresh:
		return "only while the customer has to sign up"
	case k == KindResume:
		return "only once it is suspended"
	}
	return "only once it is active"
}

// Act stores a request for something to be done with the entitlement at Bango, and returns before Bango has been asked. What cannot be done
// now is CodeConflict, with the reason; the same thing asked for twice is asked of Bango once.
func (s *Service) Act(ctx context.Context, by Actor, ref string, kind RequestKind, reason Reason) (Entitlement, error) {
	i := slices.IndexFunc(acts, func(a act) bool { return a.kind == kind })
	if i < 0 {
		return Entitlement{}, NotFound("action")
	}
	a := acts[i]
	if err := by.must(a.role); err != nil {
		return Entitlement{}, err
	}
	reason.Description = strings.TrimSpace(reason.Description)
	if err := reason.check(kind); err != nil {
		return Entitlement{}, err
	}
	known, err := s.store.EntitlementByRef(ctx, ref)
	if err != nil {
		return Entitlement{}, err
	}
	err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		e, err := tx.LockEntitlement(ctx, known.ID)
		if err != nil {
			return err
		}
		requests, err := tx.RequestsOf(ctx, e.ID, 20)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(requests, func(r Request) bool { return r.Kind == kind && r.State.Open() }) {
			return nil // a second click, or a colleague: it is under way
		}
		if why := a.whyNot(e, requests, by.Role); why != "" {
			return Conflict("", "This cannot be done now: %s.", why)
		}
		now := s.now()
		r := Request{ID: newID(), EntitlementID: e.ID, Kind: kind, State: Queued, Actor: by, Reason: reason, NotBefore: now, Created: now, Updated: now}
		if err := tx.InsertRequest(ctx, r); err != nil {
			return err
		}
		tx.Announce(changeOf(e))
		return tx.AddEvent(ctx, Event{ID: newID(), EntitlementID: e.ID, CustomerID: e.CustomerID, At: now, Actor: by, Kind: EventRequested,
			Text: a.ask + because(reason)})
	})
	if err != nil {
		return Entitlement{}, err
	}
	s.wakeSender()
	return known, nil
}

// because tells a reason on the timeline.
func because(r Reason) string {
	switch {
	case r == (Reason{}):
		return ""
	case r.Description == "":
		return fmt.Sprintf(" (%s / %s)", r.Category, r.Code)
	}
	return fmt.Sprintf(" (%s / %s: %s)", r.Category, r.Code, r.Description)
}

// AwaitSettled returns the entitlement as soon as no request about it is open, or as it is when the time is up.
func (s *Service) AwaitSettled(ctx context.Context, id string, atMost time.Duration) (Entitlement, error) {
	return s.await(ctx, id, atMost, func(Entitlement) (bool, error) {
		requests, err := s.store.RequestsOf(ctx, id, 20)
		return !slices.ContainsFunc(requests, func(r Request) bool { return r.State == Queued || r.State == Sending }), err
	})
}
