package views

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"latchkey/resale"
)

// staleAfter is how old the last word from Bango may be before a page says so: a live entitlement that nobody has heard of for a day is one to check
// before a caller is told of it.
const staleAfter = 24 * time.Hour

// heard is when Bango last told of an entitlement, by itself or asked; zero for never.
func heard(e resale.Entitlement) time.Time {
	if e.CheckedAt.After(e.NotifiedAt) {
		return e.CheckedAt
	}
	return e.NotifiedAt
}

// stale reports whether what is known of an entitlement is older than it should be. What has ended does not change any more.
func stale(e resale.Entitlement, now time.Time) bool {
	return e.Status.Live() && !heard(e).IsZero() && now.Sub(heard(e)) > staleAfter
}

// manualRequest is the request of which a person has to decide what comes, where needsPerson.
func manualRequest(requests []resale.Request) resale.Request {
	if r := requests[0]; r.State == resale.Manual {
		return r
	}
	return newest(requests)
}

// endingWords tell who ended it, when and why; empty where that is not known here.
func endingWords(p EntitlementPage) string {
	r, known := resale.Ending(p.Entitlement.Status, p.Requests)
	if !known {
		return ""
	}
	verb := "cancelled"
	if r.Kind == resale.KindRevoke {
		verb = "revoked"
	}
	why := cmp.Or(reasonWords[resale.Reason{Category: r.Reason.Category, Code: r.Reason.Code}], r.Reason.Category+" / "+r.Reason.Code)
	if r.Reason.Description != "" {
		why += " – " + r.Reason.Description
	}
	return fmt.Sprintf("%s %s it on %s: %s.", r.Actor.Name, verb, day(r.Created), why)
}

// pageAnswer is the answer to whoever asks about it, with why it ends.
func pageAnswer(p EntitlementPage) string {
	text := answer(p.Entitlement, p.Customer.Label(), p.Product.Name)
	if why := endingWords(p); why != "" {
		text += " " + why
	}
	return text
}

// corrected is the last change of status, where it was Bango's record that showed it and it is no older than a day; zero otherwise.
func corrected(p EntitlementPage) resale.Event {
	i := slices.IndexFunc(p.Latest, func(e resale.Event) bool { return e.To != "" })
	if i < 0 {
		return resale.Event{}
	}
	e := p.Latest[i]
	if e.Kind != resale.EventChecked && e.Kind != resale.EventCorrected || e.From == "" || p.Now.Sub(e.At) > staleAfter ||
		e.From == resale.Requested || e.From == resale.Unknown { // of which we had no word to correct
		return resale.Event{}
	}
	// Of what Bango told by itself, a record that was read back for safety says no more.
	told := func(n resale.Event) bool {
		return n.Kind == resale.EventNotified && !n.At.After(e.At) && e.At.Sub(n.At) < time.Minute
	}
	if slices.ContainsFunc(p.Latest[i:], told) {
		return resale.Event{}
	}
	return e
}

// noLinkBecause tells why there is no link to hand over, and what to do instead.
func noLinkBecause(e resale.Entitlement) string {
	switch e.Status {
	case resale.Requested, resale.Unknown:
		return "There is none until Bango has answered. This page shows it by itself."
	case resale.Pending:
		return "Bango gave none: the merchant activates it without the customer, who has nothing to do. If it takes long, check now."
	case resale.Active, resale.ActiveEnding:
		return "There is nothing left to sign up for: it is active. The customer signs in at the merchant."
	case resale.Refused:
		return "There is none: Bango refused it. Settle what Bango names, then ask for a new one."
	case resale.Suspended:
		return "There is none while it is suspended. Once it is resumed, the customer has access again as before."
	case resale.Failed:
		return "There is none: Bango’s talk with the merchant failed. Check now, to see what Bango has."
	}
	return "There is none: it has ended and stays so. A customer who comes back gets a new entitlement."
}
