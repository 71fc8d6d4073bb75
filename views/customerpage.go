package views

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/resale"
)

// CustomerPage is everything about one customer.
type CustomerPage struct {
	Frame
	Customer  resale.Customer
	Former    []resale.FormerIdentifier // the last first
	Live      []ServiceCard             // newest first
	Ended     []ServiceCard             // likewise, the newest of them
	More      bool                      // there may be more services
	Tags      []string
	KnownTags []string      // of any customer, for suggestions
	Pinned    resale.Note   // zero for none
	Notes     []resale.Note // the others that hold, newest first
	History   History
	NoteText  string        // what the form for a note holds
	Tag       string        // and that for a tag
	Fault     *resale.Error // why one of them was turned down; nil for none
}

// ServiceCard is a service with what is known of it and can be done with it.
type ServiceCard struct {
	Service
	Actions    []resale.Action
	Asked      resale.Request // what was last asked of Bango, looks at its record aside; zero where nothing was, or it is not known
	SignupLink string
}

// EditCustomerPage is the form for what we keep of a customer.
type EditCustomerPage struct {
	Frame
	Customer resale.Customer // as it is now, which is what the editor sees
	Form     resale.Customer // what the form holds
	Fault    *resale.Error
}

// TogetherPage is the form that suspends or resumes several services.
type TogetherPage struct {
	Frame
	Kind      resale.RequestKind
	Customer  resale.Customer
	Can       []ServiceCard
	Cannot    []ServiceCard // of those that have not ended
	Chosen    map[string]bool
	Group     resale.ActGroup // of a resume: the suspension that it takes back; zero for none
	Reason    string
	FormToken string
	Fault     *resale.Error
}

// IdentifierPage is the form for another customerIdentifier.
type IdentifierPage struct {
	Frame
	Customer   resale.Customer
	Live       []ServiceCard
	Ended      bool // there are services that have ended
	Identifier string
	Reason     string
	FormToken  string
	Fault      *resale.Error
	Other      resale.Customer // who has the identifier, or had it last; zero for nobody
}

// GroupPage tells what became of what was asked for several services together.
type GroupPage struct {
	Frame
	Customer resale.Customer
	Group    resale.ActGroup
	Rows     []GroupRow
}

// GroupRow is one service of them.
type GroupRow struct {
	resale.ActGroupRow
	Product resale.Product
}

func customerAddress(c resale.Customer, more string) string { return "/customers/" + c.ID + more }

// customerSentence tells in plain words what a customer has, so that it can be read to a caller.
func customerSentence(p CustomerPage) string {
	by := map[string][]string{}
	add := func(what, name string) { by[what] = append(by[what], name) }
	for _, s := range p.Live {
		e, name := s.Entitlement, s.Product.Name
		switch e.Status {
		case resale.Active:
			if !e.DateActivated.IsZero() {
				name += ", active" + since(e.DateActivated)
			}
			add("has", name)
		case resale.ActiveEnding:
			add("has", name+" until "+cmp.Or(day(e.DateEnded), "the end of the paid period"))
		case resale.Pending:
			if e.RegistrationURL != "" {
				add("signs up", name)
			} else {
				add("comes", name)
			}
		case resale.Suspended:
			add("suspended", name+since(e.DateSuspended))
		case resale.Requested, resale.Unknown:
			add("unknown", name)
		case resale.Failed:
			add("failed", name)
		}
	}
	var parts, rest []string
	if has := by["has"]; has != nil {
		parts = append(parts, "has "+enumerated(has))
	}
	if up := by["signs up"]; up != nil {
		parts = append(parts, "is waiting to sign up for "+enumerated(up))
	}
	for _, more := range []struct{ what, format string }{
		{"comes", "The merchant has yet to activate %s."}, {"suspended", "Suspended: %s."},
		{"unknown", "Bango has not said yet what became of %s."}, {"failed", "Whether there is access to %s is not known."},
	} {
		if names := by[more.what]; names != nil {
			rest = append(rest, fmt.Sprintf(more.format, enumerated(names)))
		}
	}
	switch {
	case len(p.Live)+len(p.Ended) == 0:
		return p.Customer.Label() + " has no services yet."
	case len(p.Live) == 0:
		return p.Customer.Label() + " has nothing now; what there was has ended or was refused."
	case len(parts) == 0:
		parts = []string{"has nothing active"}
	}
	sentence := p.Customer.Label() + " " + strings.Join(parts, ", and ") + "."
	return strings.Join(append([]string{sentence}, rest...), " ")
}

// maxListed is how many services a sentence names of a kind.
const maxListed = 3

// enumerated is "A", "A and B", "A, B and 2 more"; what has a comma in it is set apart by semicolons.
func enumerated(names []string) string {
	if len(names) > maxListed {
		names = append(slices.Clone(names[:maxListed-1]), fmt.Sprintf("%d more", len(names)-maxListed+1))
	}
	comma := ", "
	if len(names) > 1 && slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, ",") }) {
		return strings.Join(names[:len(names)-1], "; ") + "; and " + names[len(names)-1]
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], comma) + " and " + names[len(names)-1]
}

// customerAnswer is the sentence with what a ticket needs beside it.
func customerAnswer(p CustomerPage) string {
	var refs []string
	for _, s := range p.Live {
		refs = append(refs, s.Product.Name+" "+s.Entitlement.Ref+" "+string(s.Entitlement.Status))
	}
	if len(refs) == 0 {
		return customerSentence(p)
	}
	return customerSentence(p) + " (" + strings.Join(refs, ", ") + ")"
}

// problem tells what a person has to know or do about a service; empty for nothing.
func (s ServiceCard) problem(p CustomerPage) string {
	e := s.Entitlement
	switch {
	case s.Asked.State == resale.Manual:
		return "A person has to decide: " + cmp.Or(s.Asked.Message, e.Message)
	case s.Asked.State == resale.Denied:
		return actWords[s.Asked.Kind].no + ": " + s.Asked.Message
	case s.Asked.State == resale.Unsure:
		return "Not known yet whether Bango did what it was asked for; it settles by itself."
	case s.Asked.State == resale.Waiting:
		return "Not done yet; the request goes again by itself. " + s.Asked.Message
	case e.Status == resale.Failed:
		return "Bango’s talk with the merchant failed."
	case e.Message != "":
		return e.Message
	case e.CustomerIdentifier != p.Customer.Identifier && e.NextIdentifier == "":
		return "Bango still knows it by the identifier " + e.CustomerIdentifier + "."
	case s.linkExpired(p.Now):
		return "The merchant’s link has expired; get a fresh one."
	}
	return ""
}

func (s ServiceCard) linkExpired(now time.Time) bool {
	until := s.Entitlement.RegistrationExpires
	return s.Entitlement.Status == resale.Pending && s.Entitlement.RegistrationURL != "" && !until.IsZero() && !until.After(now)
}

// state tells what there is to say beside the badge.
func (s ServiceCard) state() string {
	e := s.Entitlement
	switch e.Status {
	case resale.Active:
		return strings.TrimSpace("Active" + since(e.DateActivated))
	case resale.ActiveEnding:
		return "Until " + cmp.Or(day(e.DateEnded), "the end of the paid period")
	case resale.Suspended:
		return "Without access" + since(e.DateSuspended)
	case resale.Cancelled, resale.Revoked:
		return "Ended" + on(e.DateEnded)
	case resale.Refused:
		return e.Message
	case resale.Requested:
		return "Bango is being asked"
	case resale.Unknown:
		return "Not known yet whether Bango created it"
	}
	return ""
}

// told is when we last heard of it from Bango.
func (s ServiceCard) told() time.Time {
	if s.Entitlement.NotifiedAt.After(s.Entitlement.CheckedAt) {
		return s.Entitlement.NotifiedAt
	}
	return s.Entitlement.CheckedAt
}

func (s ServiceCard) can(kind resale.RequestKind) resale.Action { return action(s.Actions, kind) }

// anyCan reports whether something can be done with one of the services.
func anyCan(of []ServiceCard, kind resale.RequestKind) bool {
	return slices.ContainsFunc(of, func(s ServiceCard) bool { return s.can(kind).Allowed })
}

// fewEnded is how many services that have ended are shown without being asked for.
const fewEnded = 3

// expectsLink reports whether the customer has a link to go on with.
func expectsLink(s ServiceCard) bool {
	return s.Entitlement.Status == resale.Pending && s.Entitlement.RegistrationURL != ""
}

// firstLink reports whether the service is the first one with a link: the key that copies is its own.
func firstLink(p CustomerPage, s ServiceCard) bool {
	i := slices.IndexFunc(p.Live, expectsLink)
	return i >= 0 && p.Live[i].Entitlement.ID == s.Entitlement.ID
}

// strayed are the services that Bango knows by another identifier than the customer's and was not asked to change.
func strayed(of []ServiceCard, c resale.Customer) (services []ServiceCard) {
	for _, s := range of {
		if s.Entitlement.CustomerIdentifier != c.Identifier && s.Entitlement.NextIdentifier != c.Identifier {
			services = append(services, s)
		}
	}
	return services
}

// togetherWords are what the pages say that ask for something for several services.
var togetherWords = map[resale.RequestKind]struct{ title, button, done, reason string }{
	resale.KindSuspend: {"Suspend", "Suspend the chosen services of ", "suspended", "For your colleagues; Bango is not told."},
	resale.KindResume:  {"Resume", "Resume the chosen services of ", "resumed", "It may stay empty. For your colleagues; Bango is not told."},
	resale.KindUpdate:  {title: "Change of identifier", done: "known by the new identifier"},
}

// suspendReasons are suggestions; anything may be typed.
var suspendReasons = []string{"Did not pay", "The customer asked for it", "Device lost or stolen", "Suspected fraud"}

// became tells what became of a row.
func (r GroupRow) became(g resale.ActGroup) string {
	e, q := r.Entitlement, r.Request
	known := ""
	if g.Kind == resale.KindUpdate {
		if known = " Bango knows it as " + e.CustomerIdentifier + "."; e.CustomerIdentifier == g.Identifier {
			return "done"
		}
	}
	switch {
	case q.ID == "":
		return "not asked: " + r.Why + "." + known
	case q.State == resale.Queued || q.State == resale.Sending:
		return "asked"
	case q.State == resale.Waiting:
		return "not done yet, goes again by itself: " + q.Message
	case q.State == resale.Unsure:
		return "outcome not known yet, settles by itself: " + q.Message
	case q.State == resale.Denied:
		return "refused: " + q.Message + known
	case q.State == resale.Manual:
		return "a person has to decide: " + q.Message
	case q.Unconfirmed(e.Status) || g.Kind == resale.KindUpdate:
		return "accepted by Bango; the merchant has yet to confirm." + known
	}
	return "done"
}

// outcome sorts a row, for the sentence.
func (r GroupRow) outcome(g resale.ActGroup) string {
	became, _, _ := strings.Cut(r.became(g), ":")
	return became
}

// groupSentence counts what became of the rows.
func groupSentence(p GroupPage) string {
	words := togetherWords[p.Group.Kind]
	if len(p.Rows) == 0 {
		return "The identifier is changed. Nothing had to be asked of Bango."
	}
	var done, refused, manual, unasked, open int64
	for _, r := range p.Rows {
		switch r.outcome(p.Group) {
		case "done":
			done++
		case "refused":
			refused++
		case "a person has to decide":
			manual++
		case "not asked":
			unasked++
		default:
			open++
		}
	}
	n := int64(len(p.Rows))
	said := []string{fmt.Sprintf("%d of %s %s %s", done, plural(n, "service", "services"), isAre(done), words.done)}
	if n == 1 && done == 1 {
		said = []string{"The service is " + words.done}
	}
	for _, more := range []struct {
		n    int64
		text string
	}{{open, "under way"}, {refused, "refused by Bango"}, {manual, "for a person to decide"}, {unasked, "not asked for"}} {
		if more.n > 0 {
			said = append(said, fmt.Sprintf("%d %s", more.n, more.text))
		}
	}
	return strings.Join(said, ", ") + "."
}

// groupWaits reports whether something will change soon by itself.
func groupWaits(p GroupPage) bool {
	return slices.ContainsFunc(p.Rows, func(r GroupRow) bool { return r.Request.State.Open() })
}

// identifierFate tells what a change of identifier means for a service.
func identifierFate(s ServiceCard) string {
	if a := s.can(resale.KindUpdate); !a.Allowed {
		return "keeps " + s.Entitlement.CustomerIdentifier + ": " + a.Why
	}
	return "Bango is asked to know it by the new identifier"
}

func tagAddress(tag string) string { return "/customers?tag=" + query(tag) }
