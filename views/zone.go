package views

import (
	"strings"
	"time"
)

// exactly is a time to the second in a time zone, which is named: by its letters, or where it has none by how far it is from UTC.
func exactly(t time.Time, zone *time.Location) string {
	t = t.In(zone)
	name := t.Format("MST")
	if strings.ContainsAny(name, "+-0123456789") {
		name = t.Format("UTC-07:00")
	}
	return t.Format("2006-01-02 15:04:05 ") + name
}
