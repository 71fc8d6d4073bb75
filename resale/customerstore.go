package resale

import (
	"context"
	"time"
)

// customerReader reads what a customer's page shows beside the customer.
type customerReader interface {
	// CustomerKnownAs returns who has the identifier or, where nobody has, who had it last.
	CustomerKnownAs(ctx context.Context, identifier string) (Customer, error)
	// CustomersOnceKnownAs returns who had the identifier and has another one now, the last first.
	CustomersOnceKnownAs(ctx context.Context, identifier string, limit int) ([]Customer, error)
	AnyFormerIdentifiers(ctx context.Context) (bool, error)                               // of any customer
	FormerIdentifiers(ctx context.Context, customerID string) ([]FormerIdentifier, error) // the last first

	Note(ctx context.Context, id string) (Note, error)
	NotesOf(ctx context.Context, customerID string, limit int) ([]Note, error) // newest first, with those that were withdrawn
	PinnedNote(ctx context.Context, customerID string) (Note, error)

	TagsOf(ctx context.Context, customerID string) ([]string, error)
	// Tag returns a tag as people write it, by any way of writing it.
	Tag(ctx context.Context, tag string) (string, error)
	TagsInUse(ctx context.Context, limit int) ([]string, error) // what most customers have first
	// CustomersByTag returns the customers with a tag by id, which is the order of adding them, from after on.
	CustomersByTag(ctx context.Context, tag, after string, limit int) ([]Customer, error)

	// LiveEntitlementsOf returns what has not ended of a customer's, newest first.
	LiveEntitlementsOf(ctx context.Context, customerID string, limit int) ([]Entitlement, error)
	LiveRequestsOf(ctx context.Context, customerID string, limit int) ([]Request, error) // about those, newest first, checks aside

	ActGroup(ctx context.Context, id string) (ActGroup, error)
	ActGroupByFormToken(ctx context.Context, token string) (ActGroup, error)
	ActGroupsOf(ctx context.Context, customerID string, kind RequestKind, limit int) ([]ActGroup, error) // newest first
	ActGroupRows(ctx context.Context, groupID string) ([]ActGroupRow, error)                             // newest entitlement first
}

// customerWriter is the part of [Tx] that changes that.
type customerWriter interface {
	// SetIdentifier gives the customer an identifier in place of c's, by which the customer stays findable. CodeConflict, field
	// customer_identifier, where somebody has it.
	SetIdentifier(ctx context.Context, c Customer, identifier string, now time.Time) error

	InsertNote(ctx context.Context, n Note) error
	// UpdateNote stores whether it is pinned and whether it was withdrawn.
	UpdateNote(ctx context.Context, n Note) error
	UnpinNotes(ctx context.Context, customerID string) error

	AddTag(ctx context.Context, customerID, tag string) (added bool, err error)
	RemoveTag(ctx context.Context, customerID, tag string) (removed bool, err error)

	// InsertActGroup stores a group with its rows. CodeConflict, field form_token, where its form was sent already.
	InsertActGroup(ctx context.Context, g ActGroup, rows []ActGroupRow) error
}
