package resale

import (
	"time"
	_ "time/tzdata" // one binary tells the time anywhere, also where the system has no time zones
)

const (
	PreferTimeZone  PreferenceName = "time_zone" // IANA's name; empty where the browser's counts
	PreferShortcuts PreferenceName = "shortcuts" // ShortcutsOff, or anything else for on
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
