package resale

import "slices"

// Status is the state of an entitlement: Bango's word once Bango has spoken, ours before that.
type Status string

// Bango's words. src: resale/entitlements
const (
	Pending      Status = "PENDING"       // waits for the end user to finish at the merchant
	Active       Status = "ACTIVE"        // the customer has access
	ActiveEnding Status = "ACTIVE-ENDING" // has access until DateEnded, then ends
	Suspended    Status = "SUSPENDED"     // exists, without access
	Cancelled    Status = "CANCELLED"     // ended softly; stays ended
	Revoked      Status = "REVOKED"       // ended at once; stays ended
	Failed       Status = "FAILED"        // Bango's talk with the merchant failed; access is not known
)

// Our words, before Bango's is known.
const (
	Requested Status = "REQUESTED" // stored, being sent
	Unknown   Status = "UNKNOWN"   // sent, outcome not known, being settled
	Refused   Status = "REFUSED"   // Bango said no; nothing exists there
)

// Statuses lists every status in the order in which pages show them.
var Statuses = []Status{Requested, Unknown, Pending, Active, ActiveEnding, Suspended, Cancelled, Revoked, Failed, Refused}

// bangoStatuses are the words that Bango may say.
var bangoStatuses = []Status{Pending, Active, ActiveEnding, Suspended, Cancelled, Revoked, Failed}

// moves is the table of changes that a reply or a notification may make by itself. Anything else is not refused but
// doubted: Bango's record is read back and settles it. src: the transitions of resale/entitlements and its notifications
var moves = map[Status][]Status{
	Pending:      {Active, Cancelled, Revoked, Failed},
	Active:       {Pending, ActiveEnding, Suspended, Cancelled, Revoked, Failed},
	ActiveEnding: {Active, Cancelled, Revoked, Failed},
	Suspended:    {Active, Cancelled, Revoked, Failed},
	Failed:       {Pending, Active, ActiveEnding, Suspended, Cancelled, Revoked},
}

// ParseStatus returns the status for a word of ours or Bango's, and false for any other word.
func ParseStatus(word string) (Status, bool) {
	s := Status(word)
	return s, slices.Contains(Statuses, s)
}

// IsBangos reports whether Bango says this word, as opposed to our words for what is not known yet.
func (s Status) IsBangos() bool { return slices.Contains(bangoStatuses, s) }

// Ended reports whether nothing follows: Bango never takes a cancelled or revoked entitlement back. (Its "reactivate" was
// withdrawn on 1 June 2019; a customer who returns gets a new entitlement.)
func (s Status) Ended() bool { return s == Cancelled || s == Revoked }

// Live reports whether the entitlement counts against the customer's limit at its merchant.
func (s Status) Live() bool { return !s.Ended() && s != Refused }

// MayBecome reports whether a reply or a notification may move s to next without a look at Bango's record.
func (s Status) MayBecome(next Status) bool { return slices.Contains(moves[s], next) }
