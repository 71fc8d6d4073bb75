package resale

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// AttentionKind is what is the matter with something that needs a person.
type AttentionKind string

const (
	AttentionLine    AttentionKind = "line"           // nothing goes to Bango
	AttentionMissed  AttentionKind = "reconciliation" // open questions were not read back when they should have been
	AttentionDecide  AttentionKind = "decide"         // a person has to decide what comes of a request
	AttentionFailed  AttentionKind = "failed"         // FAILED: whether the customer has access is not known
	AttentionUnknown AttentionKind = "unknown"        // UNKNOWN: whether it exists is not known
	AttentionParked  AttentionKind = "parked"         // a notification without effect
	AttentionDrift   AttentionKind = "drift"          // our records and Bango's differ
	AttentionRefused AttentionKind = "refused"        // Bango said no, lately
	AttentionExpired AttentionKind = "expired"        // the merchant does not take the registration link any more
	AttentionStuck   AttentionKind = "stuck"          // PENDING for longer than is usual
)

const (
	refusedLately = 7 * 24 * time.Hour // a refusal that is older is old news
	missedGrace   = 10 * time.Minute   // after which a run of the reconciliation was missed
	attentionPage = 50                 // what a step looks at
	pendingAgain  = time.Hour          // at the latest, what is pending is looked at again: what is usual changes
	maxSnooze     = 31 * 24 * time.Hour
)

// AttentionKinds lists the kinds in the order in which they are shown: what stands in the way of everything else first.
var AttentionKinds = []AttentionKind{AttentionLine, AttentionMissed, AttentionDecide, AttentionFailed, AttentionUnknown, AttentionParked,
	AttentionDrift, AttentionRefused, AttentionExpired, AttentionStuck}

// Rank is the place of a kind among all.
func (k AttentionKind) Rank() int { return slices.Index(AttentionKinds, k) }

// Decidable reports whether a person may settle the matter by knowing of it: nothing else will.
func (k AttentionKind) Decidable() bool { return k == AttentionRefused || k == AttentionFailed }

// AttentionSort is what sort of thing needs attention.
type AttentionSort string

const (
	AboutEntitlement    AttentionSort = "entitlement"
	AboutNotification   AttentionSort = "notification"
	AboutDrift          AttentionSort = "drift"          // all differences together: they are settled on a page of their own
	AboutLine           AttentionSort = "line"           // to Bango
	AboutReconciliation AttentionSort = "reconciliation" // the job
)

// AttentionState is whether somebody should look.
type AttentionState string

const (
	AttentionLater   AttentionState = "later"   // nothing is the matter yet: it is looked at again when due
	AttentionOpen    AttentionState = "open"    // somebody should look
	AttentionPutOff  AttentionState = "snoozed" // nobody needs to before Until
	AttentionSettled AttentionState = "decided" // somebody knows and leaves it at that
)

// Attention is one line of what needs a person: there is one for each subject, of the most pressing kind. It is kept by the store in the
// transaction of whatever changes it, by [NeedOf] and [Attention.Meet].
type Attention struct {
	Subject string // an id, or the sort itself where there is one of it
	Sort    AttentionSort
	Kind    AttentionKind
	State   AttentionState
	Mark    string // what it is about, within its kind
	Since   time.Time
	Due     time.Time // when to look again whatever happens; zero for never

	OwnerID   string // who looks after it, empty for nobody
	OwnerName string
	Until     time.Time // of a snooze
	Reason    string    // of a snooze or a decision
	DecidedBy string    // whose it was, by name
}

// Need is what is the matter with a subject. With no Kind nothing is, and with no Due either nothing will be.
type Need struct {
	Kind  AttentionKind
	Mark  string
	Since time.Time
	Due   time.Time // when time alone may change it
}

// NeedOf is what is the matter with an entitlement as far as it can be told from what is stored, at the time of its last change. decision is
// the request of which a person has to decide, zero for none. What becomes the matter by time alone is found by the [Reconciler].
func NeedOf(e Entitlement, decision Request) Need {
	if decision.ID != "" {
		return Need{Kind: AttentionDecide, Mark: decision.ID, Since: decision.Updated}
	}
	switch e.Status {
	case Failed:
		return Need{Kind: AttentionFailed, Since: e.Updated}
	case Unknown:
		return Need{Kind: AttentionUnknown, Since: e.Updated}
	case Refused:
		return Need{Kind: AttentionRefused, Since: e.Updated, Due: e.Updated.Add(refusedLately)}
	case Pending:
		if linkExpired(e, e.Updated) {
			return Need{Kind: AttentionExpired, Since: e.RegistrationExpires}
		}
		return Need{Due: soonest(e.Created.Add(usualLeast), e.RegistrationExpires)}
	}
	return Need{}
}

// inTime is what NeedOf found of an entitlement with what has become of it by the given time.
func inTime(e Entitlement, n Need, now time.Time, usual map[string]time.Duration) Need {
	switch {
	case e.Status == Refused && !now.Before(n.Due):
		return Need{}
	case e.Status != Pending:
		return n
	case linkExpired(e, now):
		return Need{Kind: AttentionExpired, Since: e.RegistrationExpires}
	}
	since := e.Created.Add(cmp.Or(usual[e.ProductID], usualDefault))
	if now.Before(since) {
		return Need{Due: soonest(soonest(since, now.Add(pendingAgain)), e.RegistrationExpires)}
	}
	return Need{Kind: AttentionStuck, Since: since, Due: e.RegistrationExpires}
}

// linkExpired reports whether the merchant does not take the registration link any more.
func linkExpired(e Entitlement, now time.Time) bool {
	return e.RegistrationURL != "" && !e.RegistrationExpires.IsZero() && !now.Before(e.RegistrationExpires)
}

// soonest is the earlier of two times, of which a zero one is none.
func soonest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Meet returns the line as it is with what is the matter now; with no State there is none. What is the matter still stays whose it was,
// snoozed or decided; another matter comes back at once.
func (a Attention) Meet(n Need) Attention {
	after := Attention{Subject: a.Subject, Sort: a.Sort, Kind: n.Kind, Mark: n.Mark, Since: n.Since, Due: n.Due}
	switch {
	case n.Kind == "" && n.Due.IsZero():
		return Attention{Subject: a.Subject, Sort: a.Sort}
	case n.Kind == "":
		after.State = AttentionLater
		return after
	case a.Kind != n.Kind || a.Mark != n.Mark:
		after.State, after.OwnerID, after.OwnerName = AttentionOpen, a.OwnerID, a.OwnerName
		return after
	}
	a.Due = n.Due
	if a.State == AttentionPutOff {
		a.Due = soonest(n.Due, a.Until)
	}
	return a
}

// MeetChange is Meet for a change that was just stored, which cannot tell whether the time has come: what is stuck stays so while it is
// pending, and what was given a new link is looked at in a moment.
func (a Attention) MeetChange(n Need) Attention {
	if n.Kind == "" && !n.Due.IsZero() {
		switch {
		case a.Kind == AttentionStuck:
			return a
		case a.Kind == AttentionExpired, a.State == AttentionLater && a.Due.Before(n.Due):
			n.Due = soonest(n.Due, a.Due)
		}
	}
	return a.Meet(n)
}

// AttentionFilter says which lines a list shows. After is where the page before ended.
type AttentionFilter struct {
	State AttentionState // open or snoozed
	Kind  AttentionKind  // empty for all
	Owner *string        // the id of whose they are, "" for nobody's; nil for all
	After *AttentionPosition
	Limit int
}

// AttentionPosition is a place in a list ordered by kind, then age, then subject.
type AttentionPosition struct {
	Rank    int
	Since   time.Time
	Subject string
}

// AttentionCounts is how much needs attention.
type AttentionCounts struct {
	Open    map[AttentionKind]int64
	Snoozed int64
}

// Total is the number of open lines.
func (c AttentionCounts) Total() (n int64) {
	for _, of := range c.Open {
		n += of
	}
	return n
}

// AttentionRow is a line of the list with what people know its subject by; for what is no entitlement the names are empty.
type AttentionRow struct {
	Attention
	Ref          string
	Status       Status
	ProductID    string
	CustomerID   string
	CustomerName string // or the identifier where there is none
	ProductName  string
	Asked        RequestKind // of which a person has to decide
	Message      string      // what came of that, Bango's words, or why a notification is parked
}

// Position is the place of the line in a list.
func (a Attention) Position() *AttentionPosition {
	return &AttentionPosition{Rank: a.Kind.Rank(), Since: a.Since, Subject: a.Subject}
}

// attend looks at a page of the lines whose time has come: what is snoozed comes back, a link has expired, something is pending for longer
// than is usual, a refusal is old news. It reports whether there are more.
func (r *Reconciler) attend(ctx context.Context) (more bool, err error) {
	s := r.service
	due, err := s.store.DueAttention(ctx, s.now(), attentionPage)
	if err != nil || len(due) == 0 {
		return false, err
	}
	usual, err := usualTimes(ctx, s.store)
	if err != nil {
		return false, err
	}
	subjects := make([]string, len(due))
	for i, a := range due {
		subjects[i] = a.Subject
	}
	slices.Sort(subjects) // whoever locks several does so in one order
	err = s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		for _, subject := range subjects {
			if err := s.lookAt(ctx, tx, subject, usual); err != nil {
				return err
			}
		}
		return nil
	})
	return len(due) == attentionPage && err == nil, err
}

// lookAt brings one line up to now.
func (s *Service) lookAt(ctx context.Context, tx Tx, subject string, usual map[string]time.Duration) error {
	if _, err := tx.LockEntitlement(ctx, subject); err != nil && CodeOf(err) != CodeNotFound { // before the line, as every change does
		return err
	}
	before, err := tx.LockAttention(ctx, subject)
	if CodeOf(err) == CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	now := s.now()
	n, err := CurrentNeed(ctx, tx, before)
	switch {
	case err != nil:
		return err
	case n.Kind == "" && !n.Due.IsZero() && before.Sort == AboutReconciliation && !now.Before(n.Due):
		n = Need{Kind: AttentionMissed, Since: n.Due.Add(-missedGrace)}
	case before.Sort == AboutEntitlement && n.Kind != AttentionDecide:
		e, err := tx.Entitlement(ctx, subject)
		if err != nil {
			return err
		}
		n = inTime(e, n, now, usual)
	}
	after := before.Meet(n)
	if after.State == AttentionPutOff && !now.Before(after.Until) {
		after.State, after.Due = AttentionOpen, n.Due
		after.Until, after.Reason, after.DecidedBy = time.Time{}, "", ""
	}
	return tx.SaveAttention(ctx, before, after)
}

// CurrentNeed is what is the matter with the subject of a line, as far as it can be told from what is stored.
func CurrentNeed(ctx context.Context, r Reader, a Attention) (Need, error) {
	switch a.Sort {
	case AboutEntitlement:
		e, err := r.Entitlement(ctx, a.Subject)
		if err != nil {
			return Need{}, err
		}
		decision, err := r.Decision(ctx, a.Subject)
		if err != nil && CodeOf(err) != CodeNotFound {
			return Need{}, err
		}
		return NeedOf(e, decision), nil
	case AboutNotification:
		n, err := r.Notification(ctx, a.Subject)
		return NeedOfNotification(n), err
	case AboutDrift:
		first, err := r.OpenDrift(ctx, "", 1)
		if err != nil || len(first) == 0 {
			return Need{}, err
		}
		last, err := r.LastOpenDrift(ctx)
		return Need{Kind: AttentionDrift, Mark: last.ID, Since: first[0].Found}, err // one more brings them back
	case AboutLine:
		l, err := r.Line(ctx)
		return NeedOfLine(l), err
	case AboutReconciliation:
		j, err := r.Job(ctx, JobReconcile)
		return NeedOfReconciliation(j), err
	}
	return Need{}, nil
}

// NeedOfNotification is what is the matter with a notification.
func NeedOfNotification(n Notification) Need {
	if n.State == NotificationParked {
		return Need{Kind: AttentionParked, Since: n.Received}
	}
	return Need{}
}

// NeedOfLine is what is the matter with the line to Bango.
func NeedOfLine(l Line) Need {
	if l.State == LineOpen {
		return Need{}
	}
	return Need{Kind: AttentionLine, Mark: string(l.State), Since: l.Since}
}

// NeedOfReconciliation is when the job was missed, unless it goes on before.
func NeedOfReconciliation(j Job) Need {
	switch {
	case j.State == JobRunning:
		return Need{Due: j.Updated.Add(missedGrace)}
	case j.NextRun.IsZero():
		return Need{}
	}
	return Need{Due: j.NextRun.Add(missedGrace)}
}

// onAttention changes an open or snoozed line by f, which returns what to tell of it on the timeline; empty where nothing was to be done.
func (s *Service) onAttention(ctx context.Context, by Actor, subject string, f func(*Attention) (text string, err error)) error {
	if err := by.must(Agent); err != nil {
		return err
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		before, err := tx.LockAttention(ctx, subject)
		if err == nil && before.State != AttentionOpen && before.State != AttentionPutOff {
			err = NotFound("line that needs attention; it may have settled meanwhile")
		}
		if err != nil {
			return err
		}
		after := before
		text, err := f(&after)
		if err != nil || text == "" {
			return err
		}
		event := Event{ID: newID(), At: s.now(), Actor: by, Kind: EventAttended, Text: text}
		switch before.Sort {
		case AboutEntitlement:
			event.EntitlementID = subject
		case AboutNotification:
			n, err := tx.Notification(ctx, subject)
			if err != nil {
				return err
			}
			event.EntitlementID, event.NotificationID = n.EntitlementID, n.ID
		}
		if event.EntitlementID != "" {
			e, err := tx.Entitlement(ctx, event.EntitlementID)
			if err != nil {
				return err
			}
			event.CustomerID = e.CustomerID
			tx.Announce(changeOf(e))
		}
		if err := tx.SaveAttention(ctx, before, after); err != nil {
			return err
		}
		return tx.AddEvent(ctx, event)
	})
}

// attentionNames are what the lines are called on a timeline.
var attentionNames = map[AttentionSort]string{AboutEntitlement: "it", AboutNotification: "a notification that is parked",
	AboutDrift: "the differences from Bango's records", AboutLine: "the line to Bango", AboutReconciliation: "the missed reconciliation"}

// TakeAttention makes a line somebody's to look after, also one that is a colleague's. Agents may.
func (s *Service) TakeAttention(ctx context.Context, by Actor, subject string) error {
	return s.onAttention(ctx, by, subject, func(a *Attention) (string, error) {
		if a.OwnerID == by.ID {
			return "", nil
		}
		text := "looks after " + attentionNames[a.Sort] + " now"
		if a.OwnerName != "" {
			text += ", in place of " + a.OwnerName
		}
		a.OwnerID, a.OwnerName = by.ID, by.Name
		return text, nil
	})
}

// ReleaseAttention makes a line nobody's again: agents their own, supervisors anybody's.
func (s *Service) ReleaseAttention(ctx context.Context, by Actor, subject string) error {
	return s.onAttention(ctx, by, subject, func(a *Attention) (string, error) {
		if a.OwnerID == "" {
			return "", nil
		}
		if a.OwnerID != by.ID && !by.Role.AtLeast(Supervisor) {
			return "", &Error{Code: CodeForbidden, Message: a.OwnerName + " looks after this. Take it over, or ask a supervisor to release it."}
		}
		text := "does not look after " + attentionNames[a.Sort] + " any more"
		if a.OwnerID != by.ID {
			text = "released " + attentionNames[a.Sort] + ", which was " + a.OwnerName + "'s"
		}
		a.OwnerID, a.OwnerName = "", ""
		return text, nil
	})
}

// SnoozeAttention puts a line off until a time, at most a month ahead, and says why. It comes back by itself, and earlier where something
// else becomes the matter. Agents may.
func (s *Service) SnoozeAttention(ctx context.Context, by Actor, subject string, until time.Time, reason string) error {
	now := s.now()
	until = until.UTC().Truncate(time.Microsecond)
	if !until.After(now) || until.After(now.Add(maxSnooze)) {
		return Invalid("for", "Choose a time that is to come, and within a month.")
	}
	reason, err := attentionReason(reason)
	if err != nil {
		return err
	}
	return s.onAttention(ctx, by, subject, func(a *Attention) (string, error) {
		a.State, a.Until, a.Reason, a.DecidedBy = AttentionPutOff, until, reason, by.Name
		a.Due = soonest(a.Due, until)
		return fmt.Sprintf("put %s off until %s: %s", attentionNames[a.Sort], until.Format("2 January 15:04 UTC"), reason), nil
	})
}

// WakeAttention takes a snooze back. Agents may.
func (s *Service) WakeAttention(ctx context.Context, by Actor, subject string) error {
	return s.onAttention(ctx, by, subject, func(a *Attention) (string, error) {
		if a.State != AttentionPutOff {
			return "", nil
		}
		a.State, a.Until, a.Reason, a.DecidedBy = AttentionOpen, time.Time{}, "", ""
		return "put " + attentionNames[a.Sort] + " back on the list of what needs attention", nil
	})
}

// AcknowledgeAttention leaves a refusal or a failure at that, and says why. It comes back only as something else. Agents may.
func (s *Service) AcknowledgeAttention(ctx context.Context, by Actor, subject, reason string) error {
	reason, err := attentionReason(reason)
	if err != nil {
		return err
	}
	return s.onAttention(ctx, by, subject, func(a *Attention) (string, error) {
		if !a.Kind.Decidable() {
			return "", Conflict("", "Knowing of it does not settle this. Do what its line offers, or snooze it.")
		}
		a.State, a.Until, a.Reason, a.DecidedBy = AttentionSettled, time.Time{}, reason, by.Name
		return "acknowledged that it is " + string(a.Kind) + ": " + reason, nil
	})
}

func attentionReason(reason string) (string, error) {
	reason = strings.TrimSpace(reason)
	switch {
	case reason == "":
		return "", Invalid("reason", "Say why, in a few words: whoever comes next reads it.")
	case utf8.RuneCountInString(reason) > MaxReason || !printable(reason):
		return "", Invalid("reason", "The reason is longer than %d characters, or has some in it that cannot be shown.", MaxReason)
	}
	return reason, nil
}
