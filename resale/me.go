package resale

import (
	"context"
	"time"
	_ "time/tzdata" // one binary tells the time anywhere, also where the system has no time zones
)

const (
	PreferenceTimeZone  PreferenceName = "time_zone" // IANA's name; empty where the browser's counts
	PreferenceShortcuts PreferenceName = "shortcuts" // ShortcutsOff, or anything else for on
)

// ShortcutsOff is the choice of whoever wants no keyboard shortcuts.
const ShortcutsOff = "off"

// TimeZone returns the time zone of that name, UTC for an empty one.
func TimeZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // the server's own means nothing to a person
		return nil, Invalid("time_zone", "%.60q is no time zone. Choose one of the list, like Europe/Madrid.", name)
	}
	return zone, nil
}

// Personalise keeps a person's time zone, empty for the browser's, and whether there are keyboard shortcuts. Whoever may read may.
func (s *Service) Personalise(ctx context.Context, by Actor, zone string, shortcuts bool) error {
	if err := by.must(Viewer); err != nil {
		return err
	}
	if _, err := TimeZone(zone); err != nil {
		return err
	}
	keys := ""
	if !shortcuts {
		keys = ShortcutsOff
	}
	return s.store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.SetPreference(ctx, by.ID, PreferenceTimeZone, zone); err != nil {
			return err
		}
		return tx.SetPreference(ctx, by.ID, PreferenceShortcuts, keys)
	})
}
