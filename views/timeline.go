package views

import (
	"net/url"

	"github.com/a-h/templ"

	"latchkey/resale"
)

// History is a timeline with what it shows of all there is. Its page tells where it is, so that a view of it can be passed on and follows live.
type History struct {
	Address string            // of its page, without a query
	Events  []resale.Event    // newest first
	Refs    map[string]string // the ref of each entitlement that an event names, by its id; nil where the page is about one
	Ref     string            // of the one that the page is about
	By      resale.ActorKind  // whose lines are shown, empty for all
	Before  string            // the id of the event at which the page before ended, empty on the first
	Next    string            // that of the next page, empty on the last
}

// actorWords are the filters of a timeline.
var actorWords = map[resale.ActorKind]string{resale.ByStaff: "Staff", resale.ByCustomer: "Customer", resale.ByBango: "Bango", resale.ByAutomatic: "Automatic"}

// address is where the lines of one kind of actor are, from a place on.
func (h History) address(by resale.ActorKind, before string) templ.SafeURL {
	q := url.Values{}
	if by != "" {
		q.Set("by", string(by))
	}
	if before != "" {
		q.Set("before", before)
	}
	if len(q) == 0 {
		return templ.SafeURL(h.Address + "#timeline")
	}
	return templ.SafeURL(h.Address + "?" + q.Encode() + "#timeline")
}

// nothing tells why no line is shown.
func (h History) nothing() string {
	switch {
	case h.Before != "":
		return "There is nothing older."
	case h.By == resale.ByStaff:
		return "No member of staff has done anything yet."
	case h.By == resale.ByCustomer:
		return "The customer has not done anything here yet."
	case h.By == resale.ByBango:
		return "Bango has not told us anything by itself yet."
	case h.By == resale.ByAutomatic:
		return "Nothing has happened by itself yet."
	}
	return "Nothing has happened yet."
}
