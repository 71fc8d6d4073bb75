package resale

import (
	"slices"
	"time"
)

// Source is where a fact comes from, which decides how far it is believed.
type Source string

const (
	FromReply        Source = "reply"        // Bango's answer to a request of ours
	FromNotification Source = "notification" // a hint: it carries no id, no version and no signature
	FromRecord       Source = "record"       // Bango's record, read back: it settles what the others leave open
)

// Fact is what Bango said about one entitlement, at one time. Empty fields were not said.
type Fact struct {
	Source             Source
	BangoID            string
	Status             string // Bango's word as it came
	CustomerIdentifier string
	MerchantKey        string
	ProductKey         string
	OfferKey           string
	DisplayName        string
	ExtensionData      string // JSON
	RegistrationURL    string // has passed LinkRules
	ActivationCode     string

	RegistrationExpires time.Time

	DateCreated     time.Time
	DateActivated   time.Time
	DateEnded       time.Time
	DateSuspended   time.Time
	DateResumed     time.Time
	DateExpiry      time.Time
	DateLastUpdated time.Time // whole seconds, so two facts may tie
}

// Effect is what a fact did to an entitlement.
type Effect string

const (
	EffectChanged  Effect = "changed"  // the entitlement is not what it was
	EffectRepeated Effect = "repeated" // all of it was known
	EffectStale    Effect = "stale"    // older than what is known: recorded, without effect
	EffectDoubted  Effect = "doubted"  // cannot be placed: nothing changed, Bango's record must be read back
	EffectForeign  Effect = "foreign"  // speaks of another entitlement or customer: nothing changed
	EffectRejected Effect = "rejected" // Bango's record contradicts an ending: nothing changed, people should look
)

// Apply returns the entitlement as it is after the fact, and what the fact did. It is pure: the same entitlement and fact
// always give the same result, and an effect other than EffectChanged returns the entitlement as it was.
//
// The newer DateLastUpdated wins. On a tie, on a missing date, or on a move that the status table does not allow, a reply or
// a notification changes nothing and is doubted; Bango's record, which a doubt asks for, settles it. An ended entitlement
// stays ended, whatever is said.
func Apply(e Entitlement, f Fact) (Entitlement, Effect) {
	if foreign(e, f) {
		return e, EffectForeign
	}
	after := e.with(f)
	if after == e {
		return e, EffectRepeated
	}
	if e.BangoStatus == "" {
		// Bango's first word on it: there is nothing that it could contradict, unless we hold that nothing exists there.
		if e.Status == Refused && f.Source != FromRecord {
			return e, EffectDoubted
		}
		return after, EffectChanged
	}
	if !f.DateLastUpdated.IsZero() && f.DateLastUpdated.Before(e.DateLastUpdated) {
		return e, EffectStale
	}
	if e.Status.Ended() && after.Status != e.Status {
		if f.Source == FromRecord {
			return e, EffectRejected
		}
		return e, EffectDoubted
	}
	if f.Source == FromRecord || onlyNewLink(e, after) {
		return after, EffectChanged
	}
	newer := f.DateLastUpdated.After(e.DateLastUpdated)
	if !newer || (after.Status != e.Status && !e.Status.MayBecome(after.Status)) {
		return e, EffectDoubted
	}
	return after, EffectChanged
}

// foreign reports whether the fact names another entitlement, customer or merchant. The product may change.
func foreign(e Entitlement, f Fact) bool {
	differs := func(known, said string) bool { return known != "" && said != "" && known != said }
	moving := f.CustomerIdentifier == e.NextIdentifier // it is on its way to that customer
	return differs(e.BangoID, f.BangoID) || differs(e.CustomerIdentifier, f.CustomerIdentifier) && !moving ||
		differs(e.MerchantKey, f.MerchantKey)
}

// with returns e with all that f says, taken at its word.
func (e Entitlement) with(f Fact) Entitlement {
	say := func(to *string, said string) {
		if said != "" {
			*to = said
		}
	}
	date := func(to *time.Time, said time.Time) {
		if !said.IsZero() {
			*to = said.UTC().Truncate(time.Microsecond) // the finest that storage keeps
		}
	}
	say(&e.BangoID, f.BangoID)
	say(&e.ProductKey, f.ProductKey)
	say(&e.OfferKey, f.OfferKey)
	say(&e.DisplayName, f.DisplayName)
	say(&e.ExtensionData, f.ExtensionData)
	say(&e.ActivationCode, f.ActivationCode)
	if f.CustomerIdentifier != "" && f.CustomerIdentifier == e.NextIdentifier {
		e.CustomerIdentifier, e.NextIdentifier = f.CustomerIdentifier, ""
	}
	date(&e.DateCreated, f.DateCreated)
	date(&e.DateActivated, f.DateActivated)
	date(&e.DateEnded, f.DateEnded)
	date(&e.DateSuspended, f.DateSuspended)
	date(&e.DateResumed, f.DateResumed)
	date(&e.DateExpiry, f.DateExpiry)
	date(&e.DateLastUpdated, f.DateLastUpdated)
	if f.Status != "" {
		e.BangoStatus = f.Status
		// A word that is not in the documentation is kept as it came and shown; our status stays what it was.
		if s, ok := ParseStatus(f.Status); ok && s.IsBangos() {
			e.Status, e.Message = s, ""
			if f.DateEnded.IsZero() && slices.Contains([]Status{Pending, Active, Suspended}, s) {
				e.DateEnded = time.Time{} // the end that was announced has been taken back
			}
		}
	}
	if f.RegistrationURL != "" {
		e.RegistrationURL, e.RegistrationExpires = f.RegistrationURL, f.RegistrationExpires
	}
	if e.Status != Pending {
		e.RegistrationURL, e.RegistrationExpires = "", time.Time{} // there is nothing left to register for
	}
	return e
}

// onlyNewLink reports whether a fresh registration URL is all that changed: Bango gives one without touching its dates.
func onlyNewLink(before, after Entitlement) bool {
	before.RegistrationURL, before.RegistrationExpires = after.RegistrationURL, after.RegistrationExpires
	before.Message = after.Message // ours, of an earlier answer
	return before == after
}
