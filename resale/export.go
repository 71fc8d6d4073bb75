package resale

import (
	"context"
	"fmt"
	"strings"
)

// Export is a list that leaves the portal as a file.
type Export struct {
	By   Actor
	What string // "entitlements"
	Of   string // the filter as a query, empty for all
}

// BeginExport writes down that somebody takes a list away, and has to succeed before the first row leaves. Supervisors may.
func (s *Service) BeginExport(ctx context.Context, by Actor, what, of string) (Export, error) {
	if err := by.must(Supervisor); err != nil {
		return Export{}, err
	}
	x := Export{By: by, What: what, Of: of}
	return x, s.noteExport(ctx, x, "began to export "+x.words())
}

// EndExport writes down how many rows left. whole is false where the file was broken off.
func (s *Service) EndExport(ctx context.Context, x Export, rows int64, whole bool) error {
	text := fmt.Sprintf("exported %d rows of %s", rows, x.words())
	if !whole {
		text += "; the file was broken off"
	}
	return s.noteExport(ctx, x, text)
}

// words says what is exported in the words of the address.
func (x Export) words() string {
	if x.Of == "" {
		return "all " + x.What
	}
	return x.What + " with " + strings.ReplaceAll(x.Of, "&", ", ")
}

func (s *Service) noteExport(ctx context.Context, x Export, text string) error {
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		return tx.AddEvent(ctx, Event{ID: newID(), At: s.now(), Actor: x.By, Kind: EventExported, Text: text})
	})
}
