package resale

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// Note is what a person wrote about a customer. It is never edited; the event that tells of it has the same id and not the text, so that
// what is withdrawn is not read any more.
type Note struct {
	ID          string
	CustomerID  string
	Text        string // may have several lines
	AuthorID    string
	AuthorName  string
	Created     time.Time
	Pinned      bool // shown on top of the customer's page; one of a customer's notes at most
	Withdrawn   time.Time
	WithdrawnBy string // by name
}

// MaxNote bounds a note, in characters.
const MaxNote = 2000

// Holds reports whether the note was not withdrawn.
func (n Note) Holds() bool { return n.Withdrawn.IsZero() }

// MayWithdraw reports whether a person may take the note back: the author may, and supervisors.
func (n Note) MayWithdraw(by Actor) bool {
	return by.must(Supervisor) == nil || by.must(Agent) == nil && by.ID == n.AuthorID
}

// AddNote keeps a note about a customer, pinned if so asked. Agents may.
func (s *Service) AddNote(ctx context.Context, by Actor, customerID, text string, pinned bool) (Note, error) {
	if err := by.must(Agent); err != nil {
		return Note{}, err
	}
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	switch {
	case text == "":
		return Note{}, Invalid("text", "The note is empty. Write something, then add it.")
	case utf8.RuneCountInString(text) > MaxNote:
		return Note{}, Invalid("text", "The note is longer than %d characters. Shorten it, or make two of it.", MaxNote)
	case !printable(strings.NewReplacer("\n", "", "\t", "").Replace(text)):
		return Note{}, Invalid("text", "The note has characters in it that cannot be shown.")
	}
	n := Note{ID: newID(), CustomerID: customerID, Text: text, AuthorID: by.ID, AuthorName: by.Name, Created: s.now(), Pinned: pinned}
	err := s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := tx.Customer(ctx, customerID); err != nil {
			return err
		}
		last, err := tx.NotesOf(ctx, customerID, 1)
		if err != nil {
			return err
		}
		if len(last) == 1 && last[0].repeats(n) {
			n = last[0]
			return nil // a second click
		}
		if pinned {
			if err := unpin(ctx, tx, customerID); err != nil {
				return err
			}
		}
		if err := tx.InsertNote(ctx, n); err != nil {
			return err
		}
		if err := tx.IndexText(ctx, Text{Kind: TextNote, ID: n.ID, CustomerID: customerID, Text: text, At: n.Created}); err != nil {
			return err
		}
		said := "added a note"
		if pinned {
			said = "added a note and pinned it"
		}
		return s.aboutCustomer(ctx, tx, Event{ID: n.ID, CustomerID: customerID, Actor: by, Kind: EventNoted, Text: said})
	})
	return n, err
}

// repeats reports whether the form for a new note was sent once more: the same from the same person within a minute.
func (n Note) repeats(again Note) bool {
	return n.Holds() && n.Text == again.Text && n.AuthorID == again.AuthorID && n.Pinned == again.Pinned && again.Created.Sub(n.Created) < time.Minute
}

// PinNote shows a note on top of the customer's page, in place of the one that was there, or takes it from there. Agents may.
func (s *Service) PinNote(ctx context.Context, by Actor, customerID, noteID string, pinned bool) error {
	if err := by.must(Agent); err != nil {
		return err
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		n, err := noteOf(ctx, tx, customerID, noteID)
		if err != nil || n.Pinned == pinned {
			return err
		}
		if !n.Holds() {
			return Conflict("", "This note was withdrawn by %s, so it cannot be pinned.", n.WithdrawnBy)
		}
		said := "took a note from the top of the page"
		if pinned {
			said = "pinned a note of " + n.AuthorName
			if err := unpin(ctx, tx, customerID); err != nil {
				return err
			}
		}
		n.Pinned = pinned
		if err := tx.UpdateNote(ctx, n); err != nil {
			return err
		}
		return s.aboutCustomer(ctx, tx, Event{ID: newID(), CustomerID: customerID, Actor: by, Kind: EventEdited, Text: said})
	})
}

// WithdrawNote takes a note back: its text is not shown or found any more, that there was one is. Its author may, and supervisors.
func (s *Service) WithdrawNote(ctx context.Context, by Actor, customerID, noteID string) error {
	if err := by.must(Agent); err != nil {
		return err
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		n, err := noteOf(ctx, tx, customerID, noteID)
		if err != nil || !n.Holds() {
			return err
		}
		if !n.MayWithdraw(by) {
			return &Error{Code: CodeForbidden, Message: "This note is " + n.AuthorName + "'s. Its author can withdraw it, or someone who is supervisor or more."}
		}
		n.Pinned, n.Withdrawn, n.WithdrawnBy = false, s.now(), by.Name
		if err := errors.Join(tx.UpdateNote(ctx, n), tx.ForgetText(ctx, TextNote, n.ID)); err != nil {
			return err
		}
		return s.aboutCustomer(ctx, tx, Event{ID: newID(), CustomerID: customerID, Actor: by, Kind: EventEdited, Text: "withdrew a note of " + n.AuthorName})
	})
}

// unpin makes room on top of a customer's page. Of two who pin at once, the second waits here.
func unpin(ctx context.Context, tx Tx, customerID string) error {
	if err := tx.LockNamed(ctx, customerLock(customerID)); err != nil {
		return err
	}
	return tx.UnpinNotes(ctx, customerID)
}

// noteOf returns a note, if it is about that customer.
func noteOf(ctx context.Context, r Reader, customerID, noteID string) (Note, error) {
	n, err := r.Note(ctx, noteID)
	if err == nil && n.CustomerID != customerID {
		return Note{}, NotFound("note")
	}
	return n, err
}

// customerLock is held by whoever changes what must stay one thing of a customer's.
func customerLock(customerID string) string { return "customer " + customerID }

// aboutCustomer tells of a change to what we keep of a customer.
func (s *Service) aboutCustomer(ctx context.Context, tx Tx, e Event) error {
	e.At = s.now()
	tx.Announce(Change{Topics: []string{TopicCustomer(e.CustomerID)}})
	return tx.AddEvent(ctx, e)
}
