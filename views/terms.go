package views

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"latchkey/resale"
)

// TermsForm is what the fields of the terms hold, as it was typed.
type TermsForm struct {
	DateExpiry  string // UTC, as [FormatExpiry] writes it
	DisplayName string
	CustomData  string // name=value lines
}

// FormatExpiry writes a time as the field for it holds one, "" for none.
func FormatExpiry(t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case t.Second() != 0:
		return t.UTC().Format("2006-01-02T15:04:05")
	}
	return t.UTC().Format("2006-01-02T15:04")
}

// ParseExpiry reads what a browser sends for that field.
func ParseExpiry(s string) (time.Time, error) {
	if s = strings.TrimSpace(s); s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, resale.Invalid("date_expiry", "%.40q is not a date and time like 2027-01-31T18:00.", s)
}

// pair is a line of custom data.
type pair struct{ name, value string }

// customData returns the members of custom data, by name; what is no object is one line without a name.
func customData(text string) []pair {
	var members map[string]json.RawMessage
	if text == "" || text == "null" {
		return nil
	}
	if json.Unmarshal([]byte(text), &members) != nil {
		return []pair{{"", plain(json.RawMessage(text))}}
	}
	var pairs []pair
	for _, name := range slices.Sorted(maps.Keys(members)) {
		pairs = append(pairs, pair{name, plain(members[name])})
	}
	return pairs
}

// plain is a JSON string without its quotes, and any other value as it came.
func plain(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

// CustomLines returns custom data as the name=value lines that [resale.CustomData] reads, and false where lines cannot say it.
func CustomLines(text string) (string, bool) {
	if text == "" || text == "null" {
		return "", true
	}
	var members, again map[string]any
	if json.Unmarshal([]byte(text), &members) != nil {
		return "", false
	}
	if len(members) == 0 {
		return "", true
	}
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(members)) {
		value, ok := members[name].(string)
		if !ok {
			return "", false
		}
		fmt.Fprintf(&lines, "%s=%s\n", name, value)
	}
	read, err := resale.CustomData(lines.String())
	if err != nil || json.Unmarshal([]byte(read), &again) != nil || !reflect.DeepEqual(members, again) {
		return "", false
	}
	return lines.String(), true
}

// termsSaid are the terms of a request, for people.
func termsSaid(t resale.Terms) []pair {
	said := []pair{{"product", t.ProductKey}, {"customer", t.CustomerIdentifier}, {"notified at", t.NotificationBase}, {"expiry", exact(t.DateExpiry, time.UTC)},
		{"name", t.DisplayName}}
	for _, p := range customData(t.ExtensionData) {
		said = append(said, pair{"custom data", p.line()})
	}
	return slices.DeleteFunc(said, func(p pair) bool { return p.value == "" })
}

func (p pair) line() string {
	if p.name == "" {
		return p.value
	}
	return p.name + ": " + p.value
}

// exact is a time to the second, "" for none.
func exact(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return exactly(t, zone)
}

// typed reports whether anything was.
func (f TermsForm) typed() bool { return f != TermsForm{} }
