package resale

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"
)

// View is a filter of the list under a name, which the whole team sees.
type View struct {
	ID          string
	Name        string
	Query       string // as [ParseQuery] reads it
	CreatedByID string // staff id
	CreatedBy   string
	Created     time.Time
}

const (
	// MaxViews bounds how many views a team has.
	MaxViews = 50

	// MaxViewName bounds a view's name, in characters.
	MaxViewName = 60
)

// Filter returns the view's filter. What is stored is read like any address: it may be older than what filters are now.
func (v View) Filter() (EntitlementFilter, error) { return ParseQuery(v.Query) }

// MayRemove reports whether a person may remove the view: their own, or any as a supervisor.
func (v View) MayRemove(by Actor) bool {
	return by.must(Agent) == nil && v.CreatedByID == by.ID || by.must(Supervisor) == nil
}

// SaveView keeps a filter under a name for the team. A name that is taken is a conflict.
func (s *Service) SaveView(ctx context.Context, by Actor, name, query string) (View, error) {
	if err := by.must(Agent); err != nil {
		return View{}, err
	}
	name = strings.Join(strings.Fields(name), " ")
	switch {
	case name == "":
		return View{}, Invalid("name", "The view has no name yet. Call it what colleagues would look for.")
	case utf8.RuneCountInString(name) > MaxViewName:
		return View{}, Invalid("name", "The name is longer than %d characters.", MaxViewName)
	case !printable(name):
		return View{}, Invalid("name", "The name has characters in it that cannot be shown.")
	}
	f, err := ParseQuery(query)
	if err != nil {
		return View{}, err
	}
	if f.Query() == "" {
		return View{}, Invalid("query", "Nothing is filtered. Filter the list first, then save what you see.")
	}
	v := View{ID: newID(), Name: name, Query: f.Query(), CreatedByID: by.ID, CreatedBy: by.Name, Created: s.now()}
	return v, s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.LockNamed(ctx, "views"); err != nil {
			return err
		}
		views, err := tx.Views(ctx)
		if err != nil {
			return err
		}
		if len(views) >= MaxViews {
			return Invalid("name", "There are %d views already. Remove one that nobody needs first.", MaxViews)
		}
		if err := tx.InsertView(ctx, v); err != nil {
			return err
		}
		tx.Announce(Change{Topics: []string{TopicEntitlements}})
		return tx.AddEvent(ctx, Event{ID: newID(), At: v.Created, Actor: by, Kind: EventViewSaved, Text: "saved the view “" + v.Name + "”: " + v.Query})
	})
}

// RemoveView removes a view: a person's own, or any for a supervisor.
func (s *Service) RemoveView(ctx context.Context, by Actor, id string) error {
	if err := by.must(Agent); err != nil {
		return err
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		v, err := tx.View(ctx, id)
		if err != nil {
			return err
		}
		if !v.MayRemove(by) {
			return &Error{Code: CodeForbidden, Message: "The view “" + v.Name + "” is " + v.CreatedBy + "’s. Ask them, or a supervisor, to remove it."}
		}
		if err := tx.DeleteView(ctx, id); err != nil {
			return err
		}
		tx.Announce(Change{Topics: []string{TopicEntitlements}})
		return tx.AddEvent(ctx, Event{ID: newID(), At: s.now(), Actor: by, Kind: EventViewRemoved, Text: "removed the view “" + v.Name + "”: " + v.Query})
	})
}

// CustomerFilter says which customers a list shows: the newest first, or by name.
type CustomerFilter struct {
	ByName bool
	After  string // the id of the last one on the page before, empty for the first page
	Limit  int
}
