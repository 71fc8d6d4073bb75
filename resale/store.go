package resale

import (
	"context"
	"time"
)

// Store keeps everything. A thing that is asked for and does not exist is an [Error] with CodeNotFound; a clash with
// something that exists is CodeConflict with its Field; too many writes at once is CodeBusy.
type Store interface {
	Reader

	// Write runs f in a transaction and returns after it is durable. Transactions that arrive together may share one commit, each
	// under a savepoint, so that one that fails takes nothing else with it. f may run more than once (after a serialization failure)
	// and must not keep tx. What f announces by Tx.Announce is told to listeners after the commit.
	Write(ctx context.Context, f func(ctx context.Context, tx Tx) error) error

	// LeaseRequest hands the open request that has been due the longest to the caller until the given time and returns it with
	// State Sending and one more attempt. It reports false where nothing is due. Two callers never get the same one.
	// wait is how long until something may be due (at most a minute), for a caller that got none.
	LeaseRequest(ctx context.Context, now, until time.Time) (r Request, ok bool, wait time.Duration, err error)

	// ReleaseLeases makes every leased request due at once where no other process can hold a lease (SQLite); elsewhere it
	// does nothing, and the leases run out by themselves.
	ReleaseLeases(ctx context.Context) error

	// Ping reports whether the store answers.
	Ping(ctx context.Context) error

	Close() error
}

// Reader reads. Lists are bounded by the limit that the caller gives.
type Reader interface {
	customerReader
	BulkReader

	Customer(ctx context.Context, id string) (Customer, error)
	CustomerByIdentifier(ctx context.Context, identifier string) (Customer, error)
	// SearchCustomers returns customers whose SearchText contains the folded text q or, where there are none, all its words, by name. q of
	// under three characters finds only a whole identifier.
	SearchCustomers(ctx context.Context, q string, limit int) ([]Customer, error)
	CustomerCount(ctx context.Context) (int64, error)
	ListCustomers(ctx context.Context, f CustomerFilter) ([]Customer, error)
	// These return what begins with start, by what it begins, without looking at more than that.
	EntitlementsByRefStart(ctx context.Context, start string, limit int) ([]Hit, error)
	EntitlementsByBangoIDStart(ctx context.Context, start string, limit int) ([]Hit, error)
	RequestsByStart(ctx context.Context, start string, limit int) ([]Hit, error)
	// HitsByID returns the customers and entitlements with these ids, at most some tens, in any order.
	HitsByID(ctx context.Context, ids []string) ([]Hit, error)
	SearchTexts(ctx context.Context, q string, limit int) ([]Hit, error) // that have all words of q, newest first; as SearchCustomers

	// Products returns the whole catalogue by merchant name, then product name, each with its offers.
	Products(ctx context.Context) ([]Product, error)
	Product(ctx context.Context, id string) (Product, error)
	// ProductByKeys returns the product without its offers.
	ProductByKeys(ctx context.Context, merchantKey, productKey string) (Product, error)
	// MostUsed returns the ids of the products that were asked for most often among the newest entitlements, the most used first.
	MostUsed(ctx context.Context, of, limit int) ([]string, error)
	Abilities(ctx context.Context) ([]Ability, error) // by merchant
	AbilitiesOf(ctx context.Context, merchantKey string) ([]Ability, error)

	Entitlement(ctx context.Context, id string) (Entitlement, error)
	EntitlementByRef(ctx context.Context, ref string) (Entitlement, error)
	EntitlementByBangoID(ctx context.Context, bangoID string) (Entitlement, error)
	EntitlementByFormToken(ctx context.Context, token string) (Entitlement, error)
	EntitlementByNotifyToken(ctx context.Context, token string) (Entitlement, error)
	EntitlementBySignupToken(ctx context.Context, token string) (Entitlement, error)
	EntitlementsOf(ctx context.Context, customerID string, limit int) ([]Entitlement, error) // newest first
	// ListEntitlements returns those that the filter lets in, last changed first, as many as its limit, however long it takes to find them.
	ListEntitlements(ctx context.Context, f EntitlementFilter) ([]EntitlementRow, error)
	// PageEntitlements is ListEntitlements in bounded time: it looks at so many and then puts the search off.
	PageEntitlements(ctx context.Context, f EntitlementFilter) (EntitlementPage, error)
	// CountEntitlements counts up to f.Limit of them; whole is false where it gave up before it had looked at all.
	CountEntitlements(ctx context.Context, f EntitlementFilter) (n int, whole bool, err error)
	// WalkEntitlements returns those that the filter lets in by id, from after on, each exactly once however they change meanwhile. A call looks at
	// some thousands, so that it may return few, or none, and still go on at next; next is empty at the end.
	WalkEntitlements(ctx context.Context, f EntitlementFilter, after string) (rows []EntitlementRow, next string, err error)
	// LastReasons returns the reason of the last ending that Bango took, by the ids of entitlements; where there is none it is missing.
	LastReasons(ctx context.Context, ids []string) (map[string]Reason, error)
	// Standings returns how things stand with those of the entitlements that we know, by Bango's ids, at most some hundreds.
	Standings(ctx context.Context, bangoIDs []string) (map[string]Standing, error)
	// EntitlementsToPoint returns lives whose notification URL at Bango does not begin with base, by id, from after on.
	EntitlementsToPoint(ctx context.Context, base, after string, limit int) ([]Entitlement, error)
	CountToPoint(ctx context.Context, base string) (int64, error)
	StatusCounts(ctx context.Context) (map[Status]int64, error) // kept, not counted
	// OldestByStatus returns when the one of each status changed that has not for the longest.
	OldestByStatus(ctx context.Context) (map[Status]time.Time, error)

	PlotReader
	CatalogueReader

	Request(ctx context.Context, id string) (Request, error)
	RequestsOf(ctx context.Context, entitlementID string, limit int) ([]Request, error) // newest first
	Events(ctx context.Context, entitlementID string, limit int) ([]Event, error)       // newest first
	CustomerEvents(ctx context.Context, customerID string, limit int) ([]Event, error)  // newest first, all of the customer's
	Timeline(ctx context.Context, f EventFilter) ([]Event, error)                       // newest first
	Evidence(ctx context.Context, id string) (Evidence, error)
	Notification(ctx context.Context, id string) (Notification, error)
	Notifications(ctx context.Context, limit int) ([]Notification, error)       // newest first
	ParkedNotifications(ctx context.Context, limit int) ([]Notification, error) // newest first
	// ParkedNotificationsOf returns those that speak of Bango's entitlement with that id, oldest first.
	ParkedNotificationsOf(ctx context.Context, bangoID string, limit int) ([]Notification, error)
	// WaitingNotifications returns those whose effect is to be tried again by now.
	WaitingNotifications(ctx context.Context, now time.Time, limit int) ([]Notification, error)
	ManualRequests(ctx context.Context, limit int) ([]Request, error) // last changed first

	Views(ctx context.Context) ([]View, error) // by name
	View(ctx context.Context, id string) (View, error)
	MessageTemplate(ctx context.Context, o Occasion, language string) (MessageTemplate, error)
	MessageTemplates(ctx context.Context) ([]MessageTemplate, error) // those that were changed
	Email(ctx context.Context, id string) (Email, error)
	EmailByFormToken(ctx context.Context, token string) (Email, error)
	NextEmail(ctx context.Context) (Email, error) // the one that is to be sent and due first

	Line(ctx context.Context) (Line, error)             // open where nothing was ever said of it
	Job(ctx context.Context, name JobName) (Job, error) // idle where it has never run
	Drift(ctx context.Context, id string) (Drift, error)
	DriftOf(ctx context.Context, subject string) (Drift, error)
	OpenDrift(ctx context.Context, after string, limit int) ([]Drift, error) // by id, from after on
	DriftCount(ctx context.Context) (int64, error)                           // open ones
	LastOpenDrift(ctx context.Context) (Drift, error)                        // by id

	// Decision returns the request about an entitlement of which a person has to decide what comes: the last one, or the last one that
	// was more than a look at its record. One after which something else was asked of Bango is decided.
	Decision(ctx context.Context, entitlementID string) (Request, error)
	Attention(ctx context.Context, subject string) (Attention, error)
	ListAttention(ctx context.Context, f AttentionFilter) ([]AttentionRow, error) // most pressing kind first, then oldest
	// AttentionCounts returns how many lines are open, by kind, and how many are snoozed. They are kept, not counted.
	AttentionCounts(ctx context.Context) (AttentionCounts, error)
	DueAttention(ctx context.Context, now time.Time, limit int) ([]Attention, error)

	StaffByEmail(ctx context.Context, email string) (Staff, error)
	Staff(ctx context.Context, id string) (Staff, error)
	Session(ctx context.Context, idHash []byte) (Session, error)
	SetupLink(ctx context.Context, tokenHash []byte) (SetupLink, error)
	Setting(ctx context.Context, name string) (string, error)
	Preferences(ctx context.Context, staffID string) (map[PreferenceName]string, error) // what is not set is missing
}

// Tx is one transaction: what it reads includes what it wrote.
type Tx interface {
	Reader
	customerWriter
	BulkTx

	InsertCustomer(ctx context.Context, c Customer) error // CodeConflict, field customer_identifier
	UpdateCustomer(ctx context.Context, c Customer) error
	IndexText(ctx context.Context, t Text) error // in place of the one with the same kind and id
	ForgetText(ctx context.Context, kind TextKind, id string) error
	// UpsertCatalogue adds the row's merchant, product and offer, or renames them.
	UpsertCatalogue(ctx context.Context, r CatalogueRow) error
	CatalogueWriter

	InsertEntitlement(ctx context.Context, e Entitlement) error // CodeConflict, field form_token or ref
	// UpdateEntitlement stores every field that can change, and keeps the status counts, the life and its tallies.
	UpdateEntitlement(ctx context.Context, before, after Entitlement) error
	// LockEntitlement returns the entitlement, which no other transaction changes until this one ends.
	LockEntitlement(ctx context.Context, id string) (Entitlement, error)

	// LeaseRequest is as that of the Store, within the transaction.
	LeaseRequest(ctx context.Context, now, until time.Time) (r Request, ok bool, err error)
	InsertRequest(ctx context.Context, r Request) error
	UpdateRequest(ctx context.Context, r Request) error
	// WithdrawRequest settles a request that no sender has ever leased, and reports false where one has. It never waits for a sender's answer, and
	// of it and a lease at the same moment exactly one succeeds.
	WithdrawRequest(ctx context.Context, id, message string, at time.Time) (bool, error)
	AddEvent(ctx context.Context, e Event) error
	AddEvidence(ctx context.Context, e Evidence) error
	// ReceiveNotification stores n, or raises the copies of the one with the same digest; both are writes, because a duplicate that
	// wrote nothing would be acknowledged by a database that is no longer the primary. It returns the stored one and whether it is new.
	ReceiveNotification(ctx context.Context, n Notification) (stored Notification, isNew bool, err error)
	UpdateNotification(ctx context.Context, n Notification) error

	SaveMessageTemplate(ctx context.Context, t MessageTemplate) error
	DeleteMessageTemplate(ctx context.Context, o Occasion, language string) error
	InsertEmail(ctx context.Context, e Email) error // CodeConflict, field form_token
	UpdateEmail(ctx context.Context, e Email) error

	// LockNamed makes other transactions wait that lock the same name, until this one ends.
	LockNamed(ctx context.Context, name string) error
	SetLine(ctx context.Context, l Line) error
	SetAbility(ctx context.Context, a Ability) error
	SaveJob(ctx context.Context, j Job) error
	SaveDrift(ctx context.Context, d Drift) error // in place of the one with the same subject

	// LockAttention returns the line about a subject, which no other transaction changes until this one ends.
	LockAttention(ctx context.Context, subject string) (Attention, error)
	// SaveAttention stores after in place of before; with no State there is no line any more. It keeps the counts and announces the change.
	SaveAttention(ctx context.Context, before, after Attention) error

	InsertStaff(ctx context.Context, s Staff) error // CodeConflict, field email
	UpdateStaff(ctx context.Context, s Staff) error
	InsertSession(ctx context.Context, s Session) error
	TouchSession(ctx context.Context, idHash []byte, seen time.Time) error
	DeleteSession(ctx context.Context, idHash []byte) error
	DeleteExpiredSessions(ctx context.Context, now time.Time) error
	InsertSetupLink(ctx context.Context, l SetupLink) error
	DeleteSetupLinks(ctx context.Context, staffID string) error
	// EnsureSetting stores the value if there is none of that name, and returns the stored one.
	EnsureSetting(ctx context.Context, name, value string) (string, error)
	SetPreference(ctx context.Context, staffID string, name PreferenceName, value string) error

	InsertView(ctx context.Context, v View) error // CodeConflict, field name
	DeleteView(ctx context.Context, id string) error

	// Announce tells listeners of the change once it is committed.
	Announce(c Change)
}

// Standing is what a comparison with Bango's records needs of an entitlement.
type Standing struct {
	EntitlementID   string
	Status          Status
	ProductKey      string
	DateLastUpdated time.Time
	Drifted         bool // a difference is open
}

// ListPosition is a place in a list ordered by last change, then id.
type ListPosition struct {
	Updated time.Time
	ID      string
}

// EntitlementRow is a line of the list: the entitlement with the names that people know.
type EntitlementRow struct {
	Entitlement
	CustomerName string
	MerchantName string
	ProductName  string
}
