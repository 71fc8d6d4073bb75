// Package views draws the pages: templ components and what they need to know. It decides nothing about rights and reads nothing by
// itself; what came from outside is escaped by templ and never becomes a link here unless resale.LinkRules let it in.
package views

import (
	"time"

	"latchkey/resale"
)

// Frame is what every staff page has around its content.
type Frame struct {
	Person  resale.Staff // who is signed in
	Sandbox bool         // nothing on this portal is real
	Query   string       // what stands in the search box
	Now     time.Time    // what ages are counted from, in the person's time zone
	Open    bool         // no webhook credential is configured, so an entitlement's token alone admits a notification
	Line    resale.Line  // to Bango; zero where it is not known

	Needs     resale.AttentionCounts // what needs attention
	Answered  bool                   // the page answers a form, so that it cannot be read again at its address
	KeysOff   bool                   // the person wants no keyboard shortcuts
	Zone      string                 // the person's time zone, empty where the browser's counts
	Dismissed []string               // requests whose outcome the person has taken note of
}

// LoginPage is the sign-in form. Fault is why the last try failed, empty for none.
type LoginPage struct {
	Sandbox  bool
	Email    string
	ReturnTo string // a path of ours, empty for the start page
	Fault    string
}

// SetupPage is where a one-time link leads: the person sets a password.
type SetupPage struct {
	Sandbox bool
	Person  resale.Staff
	Token   string
	Fault   string
}

// HomePage is the start of a shift.
type HomePage struct {
	Frame
	Counts    map[resale.Status]int64
	Oldest    map[resale.Status]time.Time // when the one of each status changed that has not for the longest
	Customers int64
	Attention []resale.AttentionRow   // the first of what needs attention
	Recent    []resale.EntitlementRow // last changed first

	Drift   int64 // differences from Bango's records that are open, where Attention has them
	ToPoint int64 // lives that Bango notifies at another address; 0 for whoever cannot change it
	Plots   resale.Plots
}

// AttentionPage is the queue of what needs a person, filtered.
type AttentionPage struct {
	Frame
	Rows    []resale.AttentionRow
	Kind    resale.AttentionKind // empty for all
	Owner   string               // mine, none, or empty for all
	Snoozed bool                 // what is put off
	Next    string               // the after= of the next page, empty on the last
	First   bool
	Drift   int64 // differences from Bango's records that are open, where Rows has them
}

// AttentionLinePage is one line of it, with all that can be done about it.
type AttentionLinePage struct {
	Frame
	Row         resale.AttentionRow
	Entitlement resale.Entitlement // zero where it is about none
	Request     resale.Request     // to decide about, zero for none
	Drift       int64
	Back        string // the list that it was opened from, empty for the whole one
	Reason, For string // what a form held that was turned down
	Fault       *resale.Error
}

// MePage is where a person sets what concerns them alone.
type MePage struct {
	Frame
	TimeZone  string // what the form holds
	Shortcuts bool
	Kept      bool // what was sent is stored
	Fault     *resale.Error
}

// SearchPage is what the one box found; a single find is not shown but opened.
type SearchPage struct {
	Frame
	Found resale.Found
}

// CustomersPage lists customers and has the form that adds one.
type CustomersPage struct {
	Frame
	Customers []resale.Customer
	Count     int64           // of all customers
	ByName    bool            // ordered by name, not newest first
	After     string          // the id after which this page begins, empty for the first
	Next      string          // that of the next, empty on the last
	Cut       bool            // more match than are shown
	Form      resale.Customer // what the form holds
	Fault     *resale.Error   // why the form was not accepted; nil for none
	Known     resale.Customer // the customer who has the identifier already; zero for none
	Tag       string          // only those with this tag are shown; empty for none
}

// Service is an entitlement with the product that it gives.
type Service struct {
	Entitlement resale.Entitlement
	Product     resale.Product
}

// NewEntitlementPage is the form for a new entitlement.
type NewEntitlementPage struct {
	Frame
	Customer  resale.Customer
	Products  []resale.Product // by merchant name, then product name
	Existing  []Service        // what the customer has that is live, newest first
	MostUsed  []string         // ids of products, the most used first
	Eligible  map[string]bool  // what Bango says that the customer may have, by our id of the product; nil where it does not say
	ProductID string           // chosen before, empty for none
	OfferID   string
	Terms     TermsForm
	FormToken string
	Fault     *resale.Error // why the form was not accepted; nil for none
}

// EntitlementPage is everything about one entitlement.
type EntitlementPage struct {
	Frame
	Entitlement resale.Entitlement
	Customer    resale.Customer
	Product     resale.Product
	Offer       resale.Offer     // zero where none was chosen
	SignupLink  string           // the portal's own address for the end user
	Requests    []resale.Request // newest first
	History     History
	Difference  *Difference     // from Bango's record, that nobody has decided about; nil for none
	Latest      []resale.Event  // the newest, whatever part of them the history shows
	Actions     []resale.Action // what the person may do now, and why not the rest
	Others      []Service       // what the customer has at the same merchant, where Bango refused this
	Fault       *resale.Error   // why an act was turned down; nil for none
	Send        SendChoice      // what the customer may be written to about
	Short       string          // what to tell the customer by SMS or chat, empty for nothing
}

// EndPage is where an entitlement is cancelled or revoked.
type EndPage struct {
	Frame
	Entitlement resale.Entitlement
	Customer    resale.Customer
	Product     resale.Product
	Actions     []resale.Action
	Reasons     resale.ReasonList  // that hold for the account at Bango
	Kind        resale.RequestKind // of the form that was turned down, and what it held; empty for none
	Reason      resale.Reason
	Confirm     string
	Fault       *resale.Error // why it was turned down; nil for none
}

// ChangePage is where the terms of an entitlement are changed.
type ChangePage struct {
	Frame
	Entitlement        resale.Entitlement
	Customer           resale.Customer
	Product            resale.Product
	Products           []resale.Product // of the same merchant
	Actions            []resale.Action
	ProductID          string // what the form holds, from here
	CustomerIdentifier string
	Terms              TermsForm
	KeptData           string        // custom data that the form cannot hold, empty for none
	Fault              *resale.Error // why it was turned down; nil for none
}

// EntitlementsPage is the list, filtered.
type EntitlementsPage struct {
	Frame
	Filter     resale.EntitlementFilter
	Counts     map[resale.Status]int64 // of all
	Rows       []resale.EntitlementRow
	Reasons    map[string]resale.Reason // of the last ending, by the entitlement's id; nil where no column shows it
	Next       string                   // the after= of the next page, empty on the last
	First      bool                     // the first page: nothing is newer
	Searched   int                      // how many were looked at where the page is not full for that
	Blame      []string                 // names of the parts of the filter without which something would be found
	Fault      *resale.Error            // why the filter finds nothing: nobody has what it names; nil for none
	Columns    []Column
	Products   []resale.Product // to choose from, and for names
	ReasonList resale.ReasonList
	Views      []SavedView
	ViewName   string        // what the form for a view holds
	ViewFault  *resale.Error // why it was not accepted; nil for none
	CanSelect  bool          // rows can be chosen, to act on them together
}

// SavedView is a view of the team. Count is how many it has, for people; empty where that is not known at once.
type SavedView struct {
	resale.View
	Count     string
	MayRemove bool
	Broken    bool // its filter cannot be read any more
}

// CataloguePage shows merchants, products and offers.
type CataloguePage struct {
	Frame
	Products  []resale.Product    // by merchant name, then product name
	Abilities []resale.Ability    // by merchant; what none is said of is learned
	Merchants []resale.Merchant   // by name, also those without products
	Languages map[string][]string // in which each product has a text, by its id
	Set       string              // the key of the merchant whose abilities are being set, empty for none
	Form      CatalogueForm
}

// ReconciliationPage is where our records and Bango's are compared.
type ReconciliationPage struct {
	Frame
	Questions   resale.Job    // reads open questions back
	Take        resale.Job    // takes over what Bango says of all differences
	Import      resale.Job    // the last comparison with a report
	Repoint     resale.Job    // tells Bango of our address
	ToPoint     int64         // lives that Bango notifies at another address than PublicURL
	PublicURL   string        // how Bango reaches the portal
	Count       int64         // of all open differences
	Differences []Difference  // one page of them, by id
	After       string        // the id after which this page begins, empty for the first
	Next        string        // that of the next, empty on the last
	Fault       *resale.Error // why what Bango says of one could not be taken over; nil for none
}

// Difference is what differs, with names.
type Difference struct {
	resale.Drift
	Ref        string          // of our entitlement, empty where it is missing here
	Customer   resale.Customer // with no more than the identifier where the customer is not known
	OursName   string          // of the product
	BangosName string
}

// NotificationsPage lists what Bango sent, newest first.
type NotificationsPage struct {
	Frame
	Parked        bool // only those are shown
	Notifications []resale.Notification
	Refs          map[string]string // the ref of each entitlement that a notification is for, by its id
}

// NotificationPage is one notification as it came.
type NotificationPage struct {
	Frame
	Notification resale.Notification
	Ref          string        // of its entitlement, empty for none
	Fault        *resale.Error // why a replay did nothing; nil for none
}

// EvidencePage is one attempt at a request as it went over the wire.
type EvidencePage struct {
	Frame
	Evidence resale.Evidence
	Request  resale.Request
	Ref      string
}

// SignupPage is the end user's page. It has no personal data.
type SignupPage struct {
	Sandbox  bool
	Language Language
	Asked    bool // the language was asked for in the address
	Brand    Brand
	State    resale.SignupState
	Slow     bool
	Status   resale.Status
	CanGo    bool           // going on is worth a try
	Product  resale.Product // by the name that end users know
	Help     string         // what the catalogue tells them of it in their language, empty for nothing
	Token    string
	Ref      string
	Promise  time.Duration // within which the merchant usually confirms, 0 for no promise
	Ends     time.Time     // where State is SignupEnding
}

// LostPage is for an end user whose link leads nowhere, or for whom something went wrong: Key is "unknown", "error" or "other" of signupWords.
type LostPage struct {
	Sandbox  bool
	Language Language
	Brand    Brand
	Key      string
	Trouble  string // what it was written down as, empty for nothing
}

// ErrorPage says what went wrong and what to do. Frame.Person is zero where nobody is signed in.
type ErrorPage struct {
	Frame
	Status  int // HTTP
	Title   string
	Message string
}
