package resale

// ActorKinds lists the kinds of actors in the order in which pages offer them.
var ActorKinds = []ActorKind{ByStaff, ByCustomer, ByBango, ByAutomatic}

// EventFilter says which lines of a timeline a page shows, newest first: those of one entitlement, or of one customer with all their entitlements.
type EventFilter struct {
	EntitlementID string
	CustomerID    string // where EntitlementID is empty
	By            ActorKind
	Before        string // the id of the event at which the page before ended; empty for the newest
	Limit         int
}
