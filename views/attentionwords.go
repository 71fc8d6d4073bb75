package views

import (
	"cmp"
	"net/url"
	"strings"
	"time"

	"latchkey/resale"
)

// attentionWords are what people read of each kind of what needs attention: on its filter, and what is the matter.
var attentionWords = map[resale.AttentionKind]struct{ chip, what string }{
	resale.AttentionLine:    {"Line to Bango", "Nothing goes to Bango just now"},
	resale.AttentionMissed:  {"Reconciliation", "Open questions were not read back in time"},
	resale.AttentionDecide:  {"To decide", "A request needs your decision"},
	resale.AttentionFailed:  {"Failed", "Whether the customer has access is not known"},
	resale.AttentionUnknown: {"Unknown", "Whether Bango created it is not known"},
	resale.AttentionParked:  {"Parked", "A notification had no effect"},
	resale.AttentionDrift:   {"Differences", "Our records and Bango’s differ"},
	resale.AttentionRefused: {"Refused", "Bango refused it"},
	resale.AttentionExpired: {"Expired links", "The merchant’s link has expired"},
	resale.AttentionStuck:   {"Pending long", "The customer has not signed up for longer than is usual"},
}

// attentionTitle names what a line is about.
func attentionTitle(r resale.AttentionRow) string {
	switch r.Sort {
	case resale.AboutLine:
		return "The line to Bango"
	case resale.AboutReconciliation:
		return "Reconciliation"
	case resale.AboutDrift:
		return "Bango’s records"
	case resale.AboutNotification:
		return "Parked notification"
	}
	return r.CustomerName
}

// attentionAbout is the page of what a line is about.
func attentionAbout(r resale.AttentionRow) string {
	switch r.Sort {
	case resale.AboutLine:
		return "/entitlements?status=" + string(resale.Requested)
	case resale.AboutReconciliation, resale.AboutDrift:
		return "/reconciliation"
	case resale.AboutNotification:
		return "/notifications/" + r.Subject
	}
	return "/entitlements/" + r.Ref
}

// attentionWhat tells what is the matter, with Bango's words where there are some.
func attentionWhat(r resale.AttentionRow, drift int64) string {
	switch {
	case r.Kind == resale.AttentionDrift && drift > 0:
		return plural(drift, "difference", "differences") + " from Bango’s records " + isAre(drift) + " open"
	case r.Asked != "":
		return strings.TrimSpace("The request to " + actWords[r.Asked].ask + ": " + r.Message)
	case r.Message != "" && (r.Kind == resale.AttentionRefused || r.Kind == resale.AttentionParked):
		return r.Message
	}
	return attentionWords[r.Kind].what
}

// remedy is the one thing that is most likely done about a line: a form that is sent, or a link that is followed.
type remedy struct {
	name, address string
	form          bool
}

func remedyOf(r resale.AttentionRow, role resale.Role, back string) remedy {
	about := attentionAbout(r)
	staff := role.AtLeast(resale.Agent)
	switch {
	case r.Kind == resale.AttentionDecide && staff:
		return remedy{"Decide …", attentionAddress(r.Subject, back), false}
	case r.Kind == resale.AttentionFailed, r.Kind == resale.AttentionUnknown, r.Kind == resale.AttentionStuck:
		return remedy{"Check again", about + "/check", true}
	case r.Kind == resale.AttentionExpired && staff:
		return remedy{"Fresh link", about + "/refresh", true}
	case r.Kind == resale.AttentionRefused && staff:
		return remedy{"Ask again …", "/entitlements/new?customer=" + r.CustomerID + "&product=" + r.ProductID, false}
	case r.Kind == resale.AttentionParked && staff:
		return remedy{"Replay", about + "/replay", true}
	case r.Kind == resale.AttentionMissed && staff:
		return remedy{"Run it now", "/reconciliation/run", true}
	case r.Kind == resale.AttentionDrift:
		return remedy{"Compare", about, false}
	case r.Kind == resale.AttentionLine:
		return remedy{"See what waits", about, false}
	}
	return remedy{} // whoever may do nothing about it follows the line itself
}

// attentionAddress is the page of one line, from which one gets back to the list.
func attentionAddress(subject, back string) string {
	if back == "" || back == "/attention" {
		return "/attention/" + subject
	}
	return "/attention/" + subject + "?back=" + url.QueryEscape(back)
}

// attentionList is the address of the queue with filters. Empty ones are left out.
func attentionList(kind resale.AttentionKind, owner string, snoozed bool, after string) string {
	q := url.Values{}
	for name, value := range map[string]string{"kind": string(kind), "owner": owner, "after": after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if snoozed {
		q.Set("state", string(resale.AttentionPutOff))
	}
	if len(q) == 0 {
		return "/attention"
	}
	return "/attention?" + q.Encode()
}

func (p AttentionPage) address(after string) string {
	return attentionList(p.Kind, p.Owner, p.Snoozed, after)
}

// calmly says that a list is empty.
func (p AttentionPage) calmly() string {
	switch {
	case p.Snoozed:
		return "Nothing is snoozed."
	case p.Owner == "mine":
		return "Nothing that needs attention is yours."
	case p.Kind != "" || p.Owner != "":
		return "Nothing of this kind needs attention."
	}
	return "Nothing needs attention. What does appears here by itself."
}

// snoozes are the times that a line can be put off for.
var snoozes = []struct {
	value, name string
	until       func(now time.Time) time.Time
}{
	{"1h", "For an hour", func(now time.Time) time.Time { return now.Add(time.Hour) }},
	{"tomorrow", "Until tomorrow, 9:00", func(now time.Time) time.Time {
		return time.Date(now.Year(), now.Month(), now.Day()+1, 9, 0, 0, 0, now.Location())
	}},
	{"3d", "For three days", func(now time.Time) time.Time { return now.AddDate(0, 0, 3) }},
}

// SnoozeUntil is when a choice of the form ends, in the time zone of now; zero for none of its choices.
func SnoozeUntil(choice string, now time.Time) time.Time {
	for _, s := range snoozes {
		if s.value == choice {
			return s.until(now)
		}
	}
	return time.Time{}
}

// listBack is where a page of one line leads back to.
func listBack(back string) string { return cmp.Or(back, "/attention") }

// looksAfter tells whose a line is.
func looksAfter(r resale.AttentionRow, f Frame) string {
	switch r.OwnerID {
	case "":
		return "nobody looks after it"
	case f.Person.ID:
		return "you look after it"
	}
	return r.OwnerName + " looks after it"
}
