package resale

import (
	"context"
	"strings"
	"unicode/utf8"
)

// A tag is a short label on a customer. Two ways of writing it that [Fold] takes for the same are the same tag, which is shown as it was first
// written.
const (
	MaxTag  = 32 // characters
	MaxTags = 20 // of a customer
)

// AddTags puts tags on a customer, several with commas between them; those that are there already stay. Agents may.
func (s *Service) AddTags(ctx context.Context, by Actor, customerID, list string) error {
	if err := by.must(Agent); err != nil {
		return err
	}
	var tags []string
	for tag := range strings.SplitSeq(list, ",") {
		if tag = strings.Join(strings.Fields(tag), " "); tag == "" {
			continue
		}
		switch {
		case utf8.RuneCountInString(tag) > MaxTag:
			return Invalid("tag", "“%s” is longer than %d characters. A tag is a short label; write a note for more.", clip(tag, 60), MaxTag)
		case !printable(tag) || Fold(tag) == "":
			return Invalid("tag", "The tag has characters in it that cannot be shown.")
		}
		tags = append(tags, tag)
	}
	if len(tags) == 0 {
		return Invalid("tag", "Write a tag, then add it.")
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := tx.Customer(ctx, customerID); err != nil {
			return err
		}
		if err := tx.LockNamed(ctx, customerLock(customerID)); err != nil {
			return err
		}
		var added []string
		for _, tag := range tags {
			switch isNew, err := tx.AddTag(ctx, customerID, tag); {
			case err != nil:
				return err
			case isNew:
				added = append(added, "“"+tag+"”")
			}
		}
		if len(added) == 0 {
			return nil
		}
		has, err := tx.TagsOf(ctx, customerID)
		if err != nil {
			return err
		}
		if len(has) > MaxTags {
			return Invalid("tag", "A customer can have %d tags, and this would make %d. Remove one first.", MaxTags, len(has))
		}
		return s.aboutCustomer(ctx, tx, Event{ID: newID(), CustomerID: customerID, Actor: by, Kind: EventEdited, Text: "added the " + tagWord(len(added)) + " " + strings.Join(added, ", ")})
	})
}

// RemoveTag takes a tag from a customer. Agents may.
func (s *Service) RemoveTag(ctx context.Context, by Actor, customerID, tag string) error {
	if err := by.must(Agent); err != nil {
		return err
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := tx.Customer(ctx, customerID); err != nil {
			return err
		}
		if removed, err := tx.RemoveTag(ctx, customerID, tag); err != nil || !removed {
			return err
		}
		return s.aboutCustomer(ctx, tx, Event{ID: newID(), CustomerID: customerID, Actor: by, Kind: EventEdited, Text: "removed the tag “" + clip(tag, 4*MaxTag) + "”"})
	})
}

func tagWord(n int) string {
	if n == 1 {
		return "tag"
	}
	return "tags"
}
