package resale

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// Terms are what a create asks for beside the product, or what an update changes. What is empty is not said to Bango. It is stored with
// its request, so that every attempt says the same.
type Terms struct {
	ProductKey         string    `json:",omitempty"` // of an update
	CustomerIdentifier string    `json:",omitempty"` // of an update: the customer that the entitlement goes to
	NotificationBase   string    `json:",omitempty"` // of an update: the public URL that the notification URL begins with
	DateExpiry         time.Time `json:",omitzero"`  // when Bango ends it by itself; whole seconds
	DisplayName        string    `json:",omitempty"`
	ExtensionData      string    `json:",omitempty"` // custom data: a JSON object
}

// Limits of the terms. Bango publishes none, so these are ours.
const (
	MaxDisplayName   = 200     // characters
	MaxExtensionData = 4 << 10 // bytes
	maxExpiry        = 20 * 365 * 24 * time.Hour
)

// normalised returns t as it is stored and sent, or the first fault by field.
func (t Terms) normalised(now time.Time) (Terms, error) {
	t.DisplayName, t.ExtensionData = strings.TrimSpace(t.DisplayName), strings.TrimSpace(t.ExtensionData)
	t.DateExpiry = t.DateExpiry.UTC().Truncate(time.Second)
	switch {
	case utf8.RuneCountInString(t.DisplayName) > MaxDisplayName:
		return t, Invalid("display_name", "The display name is longer than %d characters.", MaxDisplayName)
	case !printable(t.DisplayName):
		return t, Invalid("display_name", "The display name has characters in it that cannot be shown.")
	case !t.DateExpiry.IsZero() && !t.DateExpiry.After(now):
		return t, Invalid("date_expiry", "The expiry date has passed. Choose one in the future; to end it now, cancel it.")
	case t.DateExpiry.After(now.Add(maxExpiry)):
		return t, Invalid("date_expiry", "The expiry date is more than 20 years away.")
	case len(t.ExtensionData) > MaxExtensionData:
		return t, Invalid("extension_data", "The custom data is longer than %d bytes.", MaxExtensionData)
	case t.ExtensionData != "":
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(t.ExtensionData)); err != nil || compact.Bytes()[0] != '{' || !utf8.Valid(compact.Bytes()) {
			return t, Invalid("extension_data", "The custom data is not a JSON object like {\"ticket\":\"T-9\"}.")
		}
		t.ExtensionData = compact.String()
	}
	return t, nil
}

// CustomData returns name=value lines as the JSON object that [Terms] hold, or the fault of the first line that is not one.
func CustomData(lines string) (string, error) {
	object := map[string]string{}
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return "", Invalid("extension_data", "%.60q is not of the form name=value.", line)
		}
		if _, twice := object[name]; twice {
			return "", Invalid("extension_data", "%.60q is there twice.", name)
		}
		object[name] = strings.TrimSpace(value)
	}
	if len(object) == 0 {
		return "", nil
	}
	text, err := json.Marshal(object)
	return string(text), err
}

// shownBy reports whether Bango's record shows all of the terms. The notification URL is in no record, so terms with one are never shown.
func (t Terms) shownBy(f Fact) bool {
	same := func(asked, said string) bool { return asked == "" || asked == said }
	return t.NotificationBase == "" && same(t.ProductKey, f.ProductKey) && same(t.CustomerIdentifier, f.CustomerIdentifier) &&
		same(t.DisplayName, f.DisplayName) && (t.ExtensionData == "" || sameJSON(t.ExtensionData, f.ExtensionData)) &&
		(t.DateExpiry.IsZero() || t.DateExpiry.Equal(f.DateExpiry))
}

// changes tells on the timeline what the terms say.
func (t Terms) changes() string {
	var said []string
	for _, c := range []struct{ what, value string }{
		{"the product to ", t.ProductKey}, {"the customer to ", t.CustomerIdentifier}, {"the name to ", t.DisplayName},
	} {
		if c.value != "" {
			said = append(said, c.what+clip(c.value, 60))
		}
	}
	if !t.DateExpiry.IsZero() {
		said = append(said, "the expiry to "+t.DateExpiry.Format("2 January 2006 15:04")+" UTC")
	}
	if t.ExtensionData != "" {
		said = append(said, "the custom data")
	}
	if t.NotificationBase != "" {
		said = append(said, "where its notifications go")
	}
	return strings.Join(said, ", ")
}

// sameJSON reports whether two texts are the same JSON value, whatever the order of its members.
func sameJSON(a, b string) bool {
	if a == b {
		return true
	}
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}
