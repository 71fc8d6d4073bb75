package db

import (
	"context"
	"time"

	"latchkey/db/queries"
	"latchkey/resale"
)

func (r reader) CustomerKnownAs(ctx context.Context, identifier string) (resale.Customer, error) {
	c, err := r.CustomerByIdentifier(ctx, identifier)
	if resale.CodeOf(err) != resale.CodeNotFound {
		return c, err
	}
	once, failed := r.CustomersOnceKnownAs(ctx, identifier, 1)
	switch {
	case failed != nil:
		return c, failed
	case len(once) == 0:
		return c, err
	}
	return once[0], nil
}

func (r reader) CustomersOnceKnownAs(ctx context.Context, identifier string, limit int) ([]resale.Customer, error) {
	return many(ctx, r, "customers", r.q.CustomersOnceKnownAs, queries.CustomersOnceKnownAsParams{Identifier: identifier, Limit: atMost(limit)}, customer)
}

func (r reader) FormerIdentifiers(ctx context.Context, customerID string) ([]resale.FormerIdentifier, error) {
	return many(ctx, r, "identifiers", r.q.FormerIdentifiers, customerID, func(f queries.CustomerIdentifier) resale.FormerIdentifier {
		return resale.FormerIdentifier{Identifier: f.Identifier, Until: instant(f.Until)}
	})
}

func (r reader) AnyFormerIdentifiers(ctx context.Context) (bool, error) {
	_, err := one(ctx, r, "identifier", func(ctx context.Context, _ struct{}) (string, error) { return r.q.AFormerIdentifier(ctx) }, struct{}{}, asItIs)
	if resale.CodeOf(err) == resale.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}

func note(n queries.Note) resale.Note {
	return resale.Note{ID: n.ID, CustomerID: n.CustomerID, Text: n.Text, AuthorID: n.AuthorID, AuthorName: n.AuthorName, Created: instant(n.Created),
		Pinned: n.Pinned, Withdrawn: instant(n.Withdrawn), WithdrawnBy: n.WithdrawnBy}
}

func (r reader) Note(ctx context.Context, id string) (resale.Note, error) {
	return one(ctx, r, "note", r.q.Note, id, note)
}

func (r reader) NotesOf(ctx context.Context, customerID string, limit int) ([]resale.Note, error) {
	return many(ctx, r, "notes", r.q.NotesOf, queries.NotesOfParams{CustomerID: customerID, Limit: atMost(limit)}, note)
}

func (r reader) PinnedNote(ctx context.Context, customerID string) (resale.Note, error) {
	return one(ctx, r, "note", r.q.PinnedNote, customerID, note)
}

func asItIs(s string) string { return s }

func (r reader) TagsOf(ctx context.Context, customerID string) ([]string, error) {
	return many(ctx, r, "tags", r.q.TagsOf, customerID, asItIs)
}

func (r reader) Tag(ctx context.Context, tag string) (string, error) {
	return one(ctx, r, "tag", r.q.Tag, resale.Fold(tag), asItIs)
}

func (r reader) TagsInUse(ctx context.Context, limit int) ([]string, error) {
	return many(ctx, r, "tags", r.q.TagsInUse, atMost(limit), asItIs)
}

func (r reader) CustomersByTag(ctx context.Context, tag, after string, limit int) ([]resale.Customer, error) {
	return many(ctx, r, "customers", r.q.CustomersByTag, queries.CustomersByTagParams{Tag: resale.Fold(tag), After: after, AtMost: atMost(limit)}, customer)
}

func (r reader) LiveEntitlementsOf(ctx context.Context, customerID string, limit int) ([]resale.Entitlement, error) {
	return many(ctx, r, "entitlements", r.q.LiveEntitlementsOf, queries.LiveEntitlementsOfParams{CustomerID: customerID, Limit: atMost(limit)}, entitlement)
}

func (r reader) LiveRequestsOf(ctx context.Context, customerID string, limit int) ([]resale.Request, error) {
	return many(ctx, r, "requests", r.q.LiveRequestsOf, queries.LiveRequestsOfParams{CustomerID: customerID, Limit: atMost(limit)}, request)
}

func actGroup(g queries.ActGroup) resale.ActGroup {
	return resale.ActGroup{ID: g.ID, FormToken: g.FormToken, CustomerID: g.CustomerID, Kind: resale.RequestKind(g.Kind), Identifier: g.Identifier,
		Former: g.Former, Reason: g.Reason, Actor: resale.Actor{Kind: resale.ActorKind(g.ActorKind), ID: g.ActorID, Name: g.ActorName}, Created: instant(g.Created)}
}

func (r reader) ActGroup(ctx context.Context, id string) (resale.ActGroup, error) {
	return one(ctx, r, "result", r.q.ActGroup, id, actGroup)
}

func (r reader) ActGroupByFormToken(ctx context.Context, token string) (resale.ActGroup, error) {
	return one(ctx, r, "result", r.q.ActGroupByFormToken, token, actGroup)
}

func (r reader) ActGroupsOf(ctx context.Context, customerID string, kind resale.RequestKind, limit int) ([]resale.ActGroup, error) {
	return many(ctx, r, "results", r.q.ActGroupsOf, queries.ActGroupsOfParams{CustomerID: customerID, Kind: string(kind), Limit: atMost(limit)}, actGroup)
}

func (r reader) ActGroupRows(ctx context.Context, groupID string) ([]resale.ActGroupRow, error) {
	entitlements, err := many(ctx, r, "entitlements", r.q.ActGroupEntitlements, groupID, entitlement)
	if err != nil {
		return nil, err
	}
	requests, err := many(ctx, r, "requests", r.q.ActGroupRequests, groupID, request)
	if err != nil {
		return nil, err
	}
	byID, asked := map[string]resale.Entitlement{}, map[string]resale.Request{}
	for _, e := range entitlements {
		byID[e.ID] = e
	}
	for _, q := range requests {
		asked[q.ID] = q
	}
	return many(ctx, r, "results", r.q.ActGroupRows, groupID, func(row queries.ActGroupRow) resale.ActGroupRow {
		return resale.ActGroupRow{Entitlement: byID[row.EntitlementID], Request: asked[row.RequestID], Why: row.Why}
	})
}

func (t *tx) SetIdentifier(ctx context.Context, c resale.Customer, identifier string, now time.Time) error {
	if err := t.q.KeepIdentifier(ctx, queries.KeepIdentifierParams{CustomerID: c.ID, Identifier: c.Identifier, Until: micros(now)}); err != nil {
		return t.fault("identifier", err)
	}
	if err := t.q.DropIdentifier(ctx, queries.DropIdentifierParams{CustomerID: c.ID, Identifier: identifier}); err != nil {
		return t.fault("identifier", err)
	}
	c.Identifier, t.former = identifier, nil
	search, err := t.searchText(ctx, c)
	if err != nil {
		return err
	}
	n, err := t.q.SetIdentifier(ctx, queries.SetIdentifierParams{ID: c.ID, Identifier: identifier, Search: search})
	if err != nil {
		return t.clash("customer", err, map[string]*resale.Error{
			"identifier": resale.Conflict("customer_identifier", "There is a customer with the identifier %q already.", identifier)})
	}
	return t.existing("customer", n, nil)
}

// searchText is what a search for a customer looks in, the identifiers that they had before included.
func (t *tx) searchText(ctx context.Context, c resale.Customer) (string, error) {
	if t.former == nil { // an import changes many customers, and mostly nobody has had another identifier
		any, err := t.AnyFormerIdentifiers(ctx)
		if err != nil {
			return "", err
		}
		t.former = &any
	}
	if !*t.former {
		return c.SearchText(), nil
	}
	former, err := t.FormerIdentifiers(ctx, c.ID)
	var identifiers []string
	for _, f := range former {
		identifiers = append(identifiers, f.Identifier)
	}
	return c.SearchText(identifiers...), err
}

func (t *tx) InsertNote(ctx context.Context, n resale.Note) error {
	return t.fault("note", t.q.InsertNote(ctx, queries.InsertNoteParams{ID: n.ID, CustomerID: n.CustomerID, Text: n.Text, AuthorID: n.AuthorID,
		AuthorName: n.AuthorName, Created: micros(n.Created), Pinned: n.Pinned, Withdrawn: micros(n.Withdrawn), WithdrawnBy: n.WithdrawnBy}))
}

func (t *tx) UpdateNote(ctx context.Context, n resale.Note) error {
	changed, err := t.q.UpdateNote(ctx, queries.UpdateNoteParams{ID: n.ID, Pinned: n.Pinned, Withdrawn: micros(n.Withdrawn), WithdrawnBy: n.WithdrawnBy})
	return t.existing("note", changed, err)
}

func (t *tx) UnpinNotes(ctx context.Context, customerID string) error {
	return t.fault("notes", t.q.UnpinNotes(ctx, customerID))
}

func (t *tx) AddTag(ctx context.Context, customerID, tag string) (added bool, err error) {
	n, err := t.q.AddTag(ctx, queries.AddTagParams{CustomerID: customerID, Tag: resale.Fold(tag)})
	if err != nil || n == 0 {
		return false, t.fault("tag", err)
	}
	return true, t.fault("tag", t.q.CountTag(ctx, queries.CountTagParams{Folded: resale.Fold(tag), Tag: tag, N: 1}))
}

func (t *tx) RemoveTag(ctx context.Context, customerID, tag string) (removed bool, err error) {
	n, err := t.q.RemoveTag(ctx, queries.RemoveTagParams{CustomerID: customerID, Tag: resale.Fold(tag)})
	if err != nil || n == 0 {
		return false, t.fault("tag", err)
	}
	return true, t.fault("tag", t.q.CountTag(ctx, queries.CountTagParams{Folded: resale.Fold(tag), Tag: tag, N: -1}))
}

func (t *tx) InsertActGroup(ctx context.Context, g resale.ActGroup, rows []resale.ActGroupRow) error {
	err := t.q.InsertActGroup(ctx, queries.InsertActGroupParams{ID: g.ID, FormToken: g.FormToken, CustomerID: g.CustomerID, Kind: string(g.Kind),
		Identifier: g.Identifier, Former: g.Former, Reason: g.Reason, ActorKind: string(g.Actor.Kind), ActorID: g.Actor.ID, ActorName: g.Actor.Name,
		Created: micros(g.Created)})
	if err != nil {
		return t.clash("result", err, map[string]*resale.Error{"form_token": resale.Conflict("form_token", "This form was sent already.")})
	}
	for _, row := range rows {
		if err := t.q.InsertActGroupRow(ctx, queries.InsertActGroupRowParams{GroupID: g.ID, EntitlementID: row.Entitlement.ID,
			RequestID: row.Request.ID, Why: row.Why}); err != nil {
			return t.fault("result", err)
		}
	}
	return nil
}
