package views

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"latchkey/resale"
)

// sentence tells in plain words where an entitlement stands, so that it can be read to a caller.
func sentence(e resale.Entitlement, customer, product string) string {
	switch e.Status {
	case resale.Requested:
		return fmt.Sprintf("Bango is being asked to create %s for %s.", product, customer)
	case resale.Unknown:
		return fmt.Sprintf("We do not know yet whether Bango created %s for %s. The same request goes again by itself; you may leave this page.", product, customer)
	case resale.Refused:
		return fmt.Sprintf("Bango refused %s for %s; nothing exists there.", product, customer)
	case resale.Pending:
		if e.RegistrationURL == "" {
			return fmt.Sprintf("%s for %s is waiting for the merchant; there is nothing for the customer to do.", product, customer)
		}
		return fmt.Sprintf("%s still has to sign up for %s at the merchant.", customer, product)
	case resale.Active:
		return fmt.Sprintf("%s has %s%s.", customer, product, since(e.DateActivated))
	case resale.ActiveEnding:
		return fmt.Sprintf("%s has %s until %s.", customer, product, cmp.Or(day(e.DateEnded), "the end of the paid period"))
	case resale.Suspended:
		return fmt.Sprintf("%s for %s is suspended%s: it exists, without access.", product, customer, since(e.DateSuspended))
	case resale.Cancelled:
		return fmt.Sprintf("%s for %s has ended%s.", product, customer, on(e.DateEnded))
	case resale.Revoked:
		return fmt.Sprintf("%s was taken from %s%s.", product, customer, on(e.DateEnded))
	case resale.Failed:
		return fmt.Sprintf("Bango's talk with the merchant failed. Whether %s has access to %s is not known.", customer, product)
	}
	return fmt.Sprintf("%s for %s: %s.", product, customer, e.Status)
}

// answer is the sentence with what a ticket needs beside it.
func answer(e resale.Entitlement, customer, product string) string {
	return fmt.Sprintf("%s (%s, %s)", sentence(e, customer, product), e.Ref, e.Status)
}

func since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " since " + day(t)
}

func on(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " on " + day(t)
}

// day is a date in UTC, as Bango's dates are, empty for none.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 January 2006")
}

// host is where a link leads, for people; the link has passed resale.LinkRules.
func host(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return u.Host
}

// plural is "1 customer", "2 customers".
func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// requestWords tells what is known of a request, for people.
func requestWords(r resale.Request) string {
	tries := plural(r.Attempts, "attempt", "attempts")
	switch r.State {
	case resale.Queued:
		if r.Undoable() {
			return "stored, goes out at " + r.NotBefore.UTC().Format("15:04:05 UTC") + " unless it is undone"
		}
		return "stored, goes out at once"
	case resale.Sending:
		return "with Bango now, " + tries
	case resale.Waiting:
		return fmt.Sprintf("not done yet after %s; next try %s", tries, r.NotBefore.UTC().Format("15:04:05 UTC"))
	case resale.Unsure:
		return fmt.Sprintf("outcome unknown after %s; next try %s", tries, r.NotBefore.UTC().Format("15:04:05 UTC"))
	case resale.Done:
		if r.Withdrawn() {
			return r.Message
		}
		return "done, " + tries
	case resale.Denied:
		return "refused, " + tries
	case resale.Manual:
		return "a person decides, " + tries
	}
	return string(r.State)
}

// needsPerson reports whether a person has to decide what comes of the last thing that was asked, or of the last look at the record.
func needsPerson(requests []resale.Request) bool {
	return len(requests) > 0 && requests[0].State == resale.Manual || newest(requests).State == resale.Manual
}

// waits reports whether something will change soon by itself.
func waits(s resale.Status) bool { return s == resale.Requested || s == resale.Unknown }

func keys(e resale.Entitlement) string {
	k := e.MerchantKey + " / " + e.ProductKey
	if e.OfferKey != "" {
		k += " / " + e.OfferKey
	}
	return k
}

// calm reports whether nothing needs attention.
func calm(p HomePage) bool {
	return len(p.Attention) == 0 && p.ToPoint == 0
}

func isAre(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func greeting(p HomePage) string { return "Hello " + p.Person.Label() }

func query(s string) string { return url.QueryEscape(s) }

func total(counts map[resale.Status]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

func grouped(n int64) string { return humanize.Comma(n) }

func minPassword() string { return strconv.Itoa(resale.MinPassword) }

func errorNumber(status int) string { return fmt.Sprintf("%d %s", status, http.StatusText(status)) }

func statusLine(status int) string {
	if status == 0 {
		return "No reply came."
	}
	return "HTTP " + errorNumber(status)
}

// pretty indents JSON; what is not JSON stays as it is.
func pretty(s string) string {
	var out bytes.Buffer
	if json.Indent(&out, []byte(s), "", "  ") != nil {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return out.String()
}

func offerNames(offers []resale.Offer) string {
	names := make([]string, len(offers))
	for i, o := range offers {
		names[i] = o.Name
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}

func notificationTitle(n resale.Notification) string {
	if n.State == resale.NotificationParked {
		return "Parked notification"
	}
	if n.State == resale.NotificationWaiting {
		return "Waiting notification"
	}
	return cmp.Or(n.Reason, "Notification without a reason")
}

func effectWords(n resale.Notification) string {
	switch n.State {
	case resale.NotificationParked:
		return "parked"
	case resale.NotificationWaiting:
		return "waits, tried again by itself"
	}
	switch n.Effect {
	case resale.EffectChanged:
		return "changed it"
	case resale.EffectRepeated:
		return "nothing new"
	case resale.EffectStale:
		return "old news"
	case resale.EffectDoubted:
		return "read back to be sure"
	}
	return string(n.Effect)
}

func effectSentence(n resale.Notification) string {
	if n.State == resale.NotificationParked {
		return "It is kept, without effect. " + n.Reason
	}
	if n.State == resale.NotificationWaiting {
		return fmt.Sprintf("It is kept, and waits for its effect after %s; the next is made by itself at %s.", plural(n.Attempts, "attempt", "attempts"), exact(n.Due, time.UTC))
	}
	switch n.Effect {
	case resale.EffectChanged:
		return "It changed the entitlement."
	case resale.EffectRepeated:
		return "It told nothing new."
	case resale.EffectStale:
		return "It is older than what was known, so it had no effect."
	case resale.EffectDoubted:
		return "It could not be placed, so Bango's record was read back."
	}
	return "It had no effect."
}
