package resale

import (
	"cmp"
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
	{KindUpdate, Agent, []Status{Pending, Active, ActiveEnding, Suspended}, "asked Bango to change "},
	{KindUndo, Agent, []Status{ActiveEnding}, "asked Bango to take the cancellation back"},
	{KindCancel, Agent, []Status{Pending, Active, Suspended}, "asked Bango to cancel it"},
	{KindRevoke, Supervisor, []Status{Pending, Active, ActiveEnding, Suspended}, "asked Bango to revoke it"},
}

// Action is something that may or may not be done with an entitlement now.
type Action struct {
	Kind    RequestKind
	Allowed bool
	Why     string // why it is not allowed, in a few words; empty where it is
}

// Actions says what somebody of a role may do with an entitlement now, and why not the rest. requests are the entitlement's, abilities its
// merchant's.
func Actions(e Entitlement, requests []Request, role Role, abilities []Ability) []Action {
	actions := make([]Action, len(acts))
	for i, a := range acts {
		why := a.whyNot(e, requests, role, abilities)
		actions[i] = Action{Kind: a.kind, Allowed: why == "", Why: why}
	}
	return actions
}

// whyNot is empty where the act can be asked for.
func (a act) whyNot(e Entitlement, requests []Request, role Role, abilities []Ability) string {
	open := slices.IndexFunc(requests, func(r Request) bool { return r.State.Open() && r.Kind != KindCheck })
	switch {
	case !role.AtLeast(a.role):
		return "it needs the role " + string(a.role) + " or more"
	case open >= 0 && requests[open].Undoable():
		return requests[open].Kind.named() + " waits to be sent, and can be undone until then"
	case open >= 0:
		return requests[open].Kind.named() + " is under way"
	case !slices.Contains(a.from, e.Status):
		why := whyNotIn(a.kind, e.Status)
		if r, known := Ending(e.Status, requests); known && (e.Status.Ended() || a.kind == KindCancel) {
			why += ", since " + r.Created.UTC().Format("2 January 2006") + " by " + r.Actor.Name
		}
		return why
	case slices.ContainsFunc(abilities, func(b Ability) bool { return b.Kind == a.kind && b.Missing() }):
		return "its merchant cannot do this; an admin can say otherwise in the catalogue"
	case e.BangoID == "" && a.kind != KindRefresh:
		return "Bango's id of it is not known yet"
	}
	return ""
}

// named is the kind with its article.
func (k RequestKind) named() string {
	if k == KindUpdate || k == KindUndo {
		return "an " + string(k)
	}
	return "a " + string(k)
}

// Ending returns the request by which an entitlement ends or has ended, of its requests, the newest first. It reports false where it does not end,
// or nobody here asked for it.
func Ending(s Status, requests []Request) (Request, bool) {
	if !s.Ended() && s != ActiveEnding {
		return Request{}, false
	}
	for _, r := range requests {
		switch {
		case r.State != Done || r.Withdrawn():
		case r.Kind.NeedsReason():
			return r, true
		case r.Kind == KindUndo: // what was asked before it has been taken back
			return Request{}, false
		}
	}
	return Request{}, false
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
	case k == KindUndo:
		return "only while it is ending"
	}
	return "only once it is active"
}

// Act stores a request for something to be done with the entitlement at Bango, and returns before Bango has been asked. What cannot be done
// now is CodeConflict, with the reason; the same thing asked for twice is asked of Bango once.
func (s *Service) Act(ctx context.Context, by Actor, ref string, kind RequestKind, reason Reason) (Entitlement, error) {
	if kind == KindUpdate {
		return Entitlement{}, NotFound("action") // see Update
	}
	reason.Description = strings.TrimSpace(reason.Description)
	return s.ask(ctx, by, ref, Request{Kind: kind, Reason: reason}, nil)
}

// NewTerms is what the form for other terms asks for; what is empty stays as it is.
type NewTerms struct {
	ProductID          string // of the same merchant
	CustomerIdentifier string // of a customer whom we know
	DateExpiry         time.Time
	DisplayName        string
	ExtensionData      string // a JSON object, in place of the one before
}

// Update stores a request for other terms of the entitlement, and returns before Bango has been asked. It is as [Service.Act].
func (s *Service) Update(ctx context.Context, by Actor, ref string, n NewTerms) (Entitlement, error) {
	t, err := Terms{DateExpiry: n.DateExpiry, DisplayName: n.DisplayName, ExtensionData: n.ExtensionData,
		CustomerIdentifier: strings.TrimSpace(n.CustomerIdentifier)}.normalised(s.now())
	if err != nil {
		return Entitlement{}, err
	}
	return s.ask(ctx, by, ref, Request{Kind: KindUpdate}, func(e Entitlement, r *Request) error {
		if n.ProductID != "" && n.ProductID != e.ProductID {
			p, err := s.store.Product(ctx, n.ProductID)
			if err != nil {
				return err
			}
			if p.Merchant.Key != e.MerchantKey {
				return Invalid("product", "%s is not of the same merchant. Cancel this entitlement and create another.", p.Name)
			}
			if !p.Offered() {
				return Invalid("product", "%s is not offered any more. Choose another product.", p.Name)
			}
			t.ProductKey = p.Key
		}
		t, err := s.onlyNew(ctx, e, t)
		if err != nil {
			return err
		}
		if t == (Terms{}) {
			return Invalid("", "Nothing is different from what it is now. Change something, then send.")
		}
		r.Terms = t
		return nil
	})
}

// onlyNew returns what of the terms is different from what the entitlement has.
func (s *Service) onlyNew(ctx context.Context, e Entitlement, t Terms) (Terms, error) {
	if t.CustomerIdentifier == e.CustomerIdentifier {
		t.CustomerIdentifier = ""
	}
	if t.CustomerIdentifier != "" {
		if _, err := s.store.CustomerByIdentifier(ctx, t.CustomerIdentifier); err != nil {
			return t, Invalid("customer_identifier", "There is no customer with the identifier %.60q. Add the customer first.", t.CustomerIdentifier)
		}
	}
	if t.DateExpiry.Equal(e.DateExpiry) {
		t.DateExpiry = time.Time{}
	}
	if t.DisplayName == e.DisplayName {
		t.DisplayName = ""
	}
	if sameJSON(t.ExtensionData, e.ExtensionData) {
		t.ExtensionData = ""
	}
	return t, nil
}

// ask stores a request about an entitlement. fill may complete it, once the entitlement is known.
func (s *Service) ask(ctx context.Context, by Actor, ref string, r Request, fill func(Entitlement, *Request) error) (Entitlement, error) {
	i := slices.IndexFunc(acts, func(a act) bool { return a.kind == r.Kind })
	if i < 0 {
		return Entitlement{}, NotFound("action")
	}
	a := acts[i]
	if err := by.must(a.role); err != nil {
		return Entitlement{}, err
	}
	if err := r.Reason.check(r.Kind, s.reasons); err != nil {
		return Entitlement{}, err
	}
	known, err := s.store.EntitlementByRef(ctx, ref)
	if err != nil {
		return Entitlement{}, err
	}
	if fill != nil {
		if err := fill(known, &r); err != nil {
			return Entitlement{}, err
		}
	}
	err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		e, err := tx.LockEntitlement(ctx, known.ID)
		if err != nil {
			return err
		}
		requests, err := tx.RequestsOf(ctx, e.ID, 1000)
		if err != nil {
			return err
		}
		if r.Kind == KindRefresh { // everything must be as in the create
			for _, o := range requests {
				if o.Kind == KindCreate {
					r.Terms = o.Terms
				}
			}
		}
		if slices.ContainsFunc(requests, func(o Request) bool { return o.Kind == r.Kind && o.Terms == r.Terms && o.State.Open() }) {
			return nil // a second click, or a colleague: it is under way
		}
		abilities, err := tx.AbilitiesOf(ctx, e.MerchantKey)
		if err != nil {
			return err
		}
		if why := a.whyNot(e, requests, by.Role, abilities); why != "" {
			return Conflict("", "This cannot be done now: %s.", why)
		}
		text := a.ask
		if r.Kind == KindUpdate {
			text += r.Terms.changes()
		}
		if held := r.Kind.hold(); held > 0 {
			text += fmt.Sprintf(", after %.0f seconds in which it can be undone", held.Seconds())
		}
		return s.insertRequest(ctx, tx, e, by, r, text+because(r.Reason))
	})
	if err != nil {
		return Entitlement{}, err
	}
	s.wakeSender()
	return known, nil
}

// insertRequest stores a request about an entitlement that is locked, and tells of it on the timeline. It goes at once unless it has a time or its
// kind is held.
func (s *Service) insertRequest(ctx context.Context, tx Tx, e Entitlement, by Actor, r Request, text string) error {
	now := s.now()
	r.ID, r.EntitlementID, r.State, r.Actor, r.Created, r.Updated = cmp.Or(r.ID, newID()), e.ID, Queued, by, now, now
	if r.NotBefore.IsZero() { // of a bulk job, a request has its time, and the job can be paused
		r.NotBefore = now.Add(r.Kind.hold())
	}
	if err := tx.InsertRequest(ctx, r); err != nil {
		return err
	}
	if r.Reason.Description != "" {
		text := Text{Kind: TextReason, ID: r.ID, CustomerID: e.CustomerID, EntitlementID: e.ID, Text: r.Reason.Description, At: now}
		if err := tx.IndexText(ctx, text); err != nil {
			return err
		}
	}
	if r.Terms.CustomerIdentifier != "" && r.Kind == KindUpdate {
		moving := e
		moving.NextIdentifier = r.Terms.CustomerIdentifier
		if err := tx.UpdateEntitlement(ctx, e, moving); err != nil {
			return err
		}
	}
	tx.Announce(changeOf(e))
	return tx.AddEvent(ctx, Event{ID: newID(), EntitlementID: e.ID, CustomerID: e.CustomerID, At: now, Actor: by, Kind: EventRequested, Text: text})
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
