package resale

import (
	"strings"
	"time"
)

// ActorKind says who did something.
type ActorKind string

const (
	ByStaff     ActorKind = "staff"
	ByCustomer  ActorKind = "customer"
	ByBango     ActorKind = "bango"
	ByAutomatic ActorKind = "automatic"
)

// Actor is who did something: the kind, and for staff which person with what rights.
type Actor struct {
	Kind ActorKind
	ID   string // staff id
	Name string
	Role Role
}

// Actors that are not people of ours.
var (
	TheCustomer = Actor{Kind: ByCustomer, Name: "Customer"}
	Bango       = Actor{Kind: ByBango, Name: "Bango"}
	Automatic   = Actor{Kind: ByAutomatic, Name: "Automatic"}
)

// StaffActor is the actor for a person who is signed in.
func StaffActor(s Staff) Actor {
	return Actor{Kind: ByStaff, ID: s.ID, Name: s.Label(), Role: s.Role}
}

// must returns a forbidden error unless the actor is staff with the rights of least.
func (a Actor) must(least Role) error {
	if a.Kind == ByStaff && a.Role.AtLeast(least) {
		return nil
	}
	return &Error{Code: CodeForbidden, Message: "Your role does not allow this. Ask someone who is " + string(least) + " or more."}
}

// EventKind says what an event of the timeline is about.
type EventKind string

const (
	EventCustomerAdded EventKind = "customer_added" // we know the customer
	EventRequested     EventKind = "requested"      // somebody asked for something of Bango
	EventAnswered      EventKind = "answered"       // Bango answered a request
	EventNoAnswer      EventKind = "no_answer"      // an attempt ended without an answer
	EventRefused       EventKind = "refused"        // Bango said no
	EventManual        EventKind = "manual"         // a person has to decide
	EventNotified      EventKind = "notified"       // a notification arrived
	EventChecked       EventKind = "checked"        // Bango's record was read back
	EventContinued     EventKind = "continued"      // the customer went on to the merchant
	EventAdopted       EventKind = "adopted"        // it existed at Bango and is ours to look after now
	EventCorrected     EventKind = "corrected"      // a person took over what Bango says
	EventWithdrawn     EventKind = "withdrawn"      // a person took a request back before it was sent
	EventViewSaved     EventKind = "view_saved"     // a filter of the list has a name for the team; of no entitlement, from here
	EventViewRemoved   EventKind = "view_removed"
	EventExported      EventKind = "exported"       // a list left as a file
	EventNoted         EventKind = "noted"          // a note about the customer; a [Note] has the event's id
	EventEdited        EventKind = "edited"         // a person changed what we keep of the customer
	EventBulkMade      EventKind = "bulk_made"      // a bulk job was made; this and the next are about the job as a whole
	EventBulkJudged    EventKind = "bulk_judged"    // its dry run is over
	EventBulkConfirmed EventKind = "bulk_confirmed" // a person confirmed it
	EventBulkPaused    EventKind = "bulk_paused"    // nothing more of it is asked for now
	EventBulkResumed   EventKind = "bulk_resumed"   // it goes on
	EventBulkStopped   EventKind = "bulk_stopped"   // a person discarded it, or cancelled the rest
	EventBulkFinished  EventKind = "bulk_finished"  // every row has its outcome
	EventAttended      EventKind = "attended"       // somebody looks after what needs attention, or puts it off
	EventClosed        EventKind = "closed"         // a person decided that a request was not done
)

// Event is one line of the timeline: who did what, when, why, with what evidence. It is written in the transaction of the
// change that it tells of, and is never changed afterwards.
type Event struct {
	ID             string // UUIDv7: its order is the order of writing
	EntitlementID  string // empty for what concerns the customer alone
	CustomerID     string
	At             time.Time
	Actor          Actor
	Kind           EventKind
	Text           string // a sentence without the actor: "asked Bango to create it"
	From, To       Status // the change of status, both empty where there was none
	EvidenceID     string // an Evidence, empty where there is none
	NotificationID string // a Notification, empty where there is none
	BulkID         string // a BulkJob, of what is about the job as a whole
}

// moved notes on e the change of status from before to after, if there was one.
func (e *Event) moved(before, after Entitlement) {
	if before.Status != after.Status {
		e.From, e.To = before.Status, after.Status
	}
}

// Evidence is one attempt at a request as it went over the wire, credentials left out.
type Evidence struct {
	ID         string
	RequestID  string
	At         time.Time
	Method     string
	Path       string
	Sent       string // request body
	HTTPStatus int    // 0 where no reply came
	Received   string // reply body, at most 64 KiB
	Duration   time.Duration
	Error      string // what went wrong, empty where Bango answered
}

// without returns e with a secret left out, which staff must not read in it.
func (e Evidence) without(secret string) Evidence {
	e.Sent, e.Received = strings.ReplaceAll(e.Sent, secret, "…"), strings.ReplaceAll(e.Received, secret, "…")
	e.Error = strings.ReplaceAll(e.Error, secret, "…")
	return e
}
