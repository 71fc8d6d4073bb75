package resale

import (
	"math/bits"
	"strconv"
	"time"
)

// Life is the steps that plots count of an entitlement; a zero time is one that was not made. It is kept beside the entitlement, since some
// of it cannot be told from how the entitlement is now: when its link was first opened, when it became active where Bango gave no date.
type Life struct {
	EntitlementID string
	ProductID     string
	Created       time.Time // when it was asked for here; zero where it was adopted
	Opened        time.Time // when the customer first went on to the merchant
	Activated     time.Time
	Ended         time.Time
	Waiting       time.Time // since when it is PENDING
	Reason        string    // of the end, category/code; empty where we gave none
}

// NewLife is that of an entitlement that is stored for the first time.
func NewLife(e Entitlement) Life {
	l := Life{EntitlementID: e.ID}
	if e.Status == Requested { // what was adopted began elsewhere
		l.Created = e.Created
	}
	return l.Follow(e, "")
}

// Steps reports whether a change of an entitlement may be one of its life.
func Steps(before, after Entitlement) bool {
	return before.ProductID != after.ProductID || before.Status != after.Status && stage(before.Status) != stage(after.Status) ||
		before.Opened == 0 && after.Opened > 0 || before.DateActivated != after.DateActivated ||
		after.Status.Ended() && before.DateEnded != after.DateEnded
}

// stage is as much of a status as makes a step.
func stage(s Status) Status {
	switch s {
	case Active, ActiveEnding, Suspended:
		return Active
	case Cancelled, Revoked:
		return Cancelled
	case Pending:
		return Pending
	}
	return ""
}

// Follow returns the life after a change of its entitlement. Bango's dates count where it gave them, otherwise when we learned of it. reason
// is why it ended, where it did with this change.
func (l Life) Follow(e Entitlement, reason string) Life {
	l.ProductID = e.ProductID
	if l.Opened.IsZero() && e.Opened > 0 {
		l.Opened = e.OpenedAt
	}
	switch {
	case !e.DateActivated.IsZero():
		l.Activated = e.DateActivated
	case l.Activated.IsZero() && stage(e.Status) == Active:
		l.Activated = e.Updated
	}
	had := !l.Ended.IsZero()
	switch {
	case !e.Status.Ended():
		l.Ended, l.Reason = time.Time{}, ""
	case !e.DateEnded.IsZero():
		l.Ended = e.DateEnded
	case !had:
		l.Ended = e.Updated
	}
	if e.Status.Ended() && !had {
		l.Reason = reason
	}
	switch {
	case e.Status != Pending:
		l.Waiting = time.Time{}
	case l.Waiting.IsZero():
		l.Waiting = e.Updated
	}
	return l
}

// EndReason is why an entitlement ended, as far as we know: what we told Bango with the last request to end it, category/code; empty where
// none was made, or it was taken back. requests are newest first.
func EndReason(requests []Request) string {
	for _, r := range requests {
		if r.State == Denied {
			continue
		}
		switch r.Kind {
		case KindCancel, KindRevoke:
			return r.Reason.Category + "/" + r.Reason.Code
		case KindUndo:
			return ""
		}
	}
	return ""
}

// Day is a day in UTC, counted from 1970.
type Day int64

const microsOfDay = int64(24 * time.Hour / time.Microsecond)

// DayOf returns the day of a time.
func DayOf(t time.Time) Day { return Day(t.UnixMicro() / microsOfDay) }

// Start is when the day begins.
func (d Day) Start() time.Time { return time.UnixMicro(int64(d) * microsOfDay).UTC() }

// Step is what a tally counts.
type Step string

const (
	StepCreated   Step = "created"
	StepActivated Step = "activated"
	StepEnded     Step = "ended" // its detail is the reason

	// How long it took, by the day of creation; the detail is the class of time, see [Spread].
	StepToOpen   Step = "to_open"   // from creation until the link was opened
	StepToActive Step = "to_active" // from creation until active
	StepFromOpen Step = "from_open" // from the opening until active
)

// Tally is a count that a life is part of: those of its product that made the step on the day, with the same detail.
type Tally struct {
	Step      Step
	ProductID string
	Day       Day
	Detail    string
}

// Tallies are all counts that the life is part of.
func (l Life) Tallies() []Tally {
	var all []Tally
	add := func(s Step, at time.Time, detail string) {
		all = append(all, Tally{s, l.ProductID, DayOf(at), detail})
	}
	if !l.Activated.IsZero() {
		add(StepActivated, l.Activated, "")
	}
	if !l.Ended.IsZero() {
		add(StepEnded, l.Ended, l.Reason)
	}
	if l.Created.IsZero() {
		return all
	}
	add(StepCreated, l.Created, "")
	if !l.Opened.IsZero() {
		add(StepToOpen, l.Created, timeClass(l.Opened.Sub(l.Created)))
	}
	if !l.Activated.IsZero() {
		add(StepToActive, l.Created, timeClass(l.Activated.Sub(l.Created)))
		if !l.Opened.IsZero() {
			add(StepFromOpen, l.Created, timeClass(l.Activated.Sub(l.Opened)))
		}
	}
	return all
}

// timeClasses is into how many classes each power of two of seconds is divided, so that the middle of a class is off by a 16th at most.
const timeClasses = 8

// timeClass returns the class of a time, in whole seconds of at least one. Bango's clock is not ours, so that a step may seem to come before
// the one that led to it.
func timeClass(d time.Duration) string {
	s := uint64(max(d.Truncate(time.Second)/time.Second, 1))
	k := bits.Len64(s) - 1
	return strconv.FormatUint(uint64(timeClasses*k)+(s-1<<k)*timeClasses>>k, 10)
}

// classTime returns the middle of a class of time.
func classTime(class int) time.Duration {
	power := float64(uint64(1) << (class / timeClasses))
	return time.Duration(power * (1 + (float64(class%timeClasses)+0.5)/timeClasses) * float64(time.Second))
}
