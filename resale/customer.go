package resale

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Customer is one of the reseller's users. Identifier is what Bango knows of them, opaque to Bango and unique; ID is ours
// and appears in addresses, because an identifier may be a phone number.
type Customer struct {
	ID         string
	Identifier string
	Name       string
	Email      string
	Phone      string
	Created    time.Time
}

// Limits of a customer's fields, in bytes. Bango publishes none, so these are ours.
const (
	MaxIdentifier = 128
	MaxName       = 200
	MaxEmail      = 254
	MaxPhone      = 32
)

// Label is what to call the customer on a page: the name, or the identifier where there is none.
func (c Customer) Label() string {
	if c.Name != "" {
		return c.Name
	}
	return c.Identifier
}

// normalised returns c with outer space removed, or the first fault by field.
func (c Customer) normalised() (Customer, error) {
	c.Identifier, c.Name = strings.TrimSpace(c.Identifier), strings.TrimSpace(c.Name)
	c.Email, c.Phone = strings.TrimSpace(c.Email), strings.TrimSpace(c.Phone)
	switch {
	case c.Identifier == "":
		return c, Invalid("customer_identifier", "The customer identifier is missing; it is how Bango knows the customer.")
	case len(c.Identifier) > MaxIdentifier:
		return c, Invalid("customer_identifier", "The customer identifier is longer than %d characters.", MaxIdentifier)
	case strings.ContainsFunc(c.Identifier, func(r rune) bool { return unicode.IsSpace(r) }):
		return c, Invalid("customer_identifier", "The customer identifier has a space in it.")
	case len(c.Name) > MaxName:
		return c, Invalid("name", "The name is longer than %d characters.", MaxName)
	case len(c.Email) > MaxEmail:
		return c, Invalid("email", "The e-mail address is longer than %d characters.", MaxEmail)
	case c.Email != "" && !plausibleEmail(c.Email):
		return c, Invalid("email", "%q is not an e-mail address.", c.Email)
	case len(c.Phone) > MaxPhone:
		return c, Invalid("phone", "The phone number is longer than %d characters.", MaxPhone)
	case c.Phone != "" && (digits(c.Phone) == "" || strings.Trim(c.Phone, "+0123456789 ()-./") != ""):
		return c, Invalid("phone", "%q is not a phone number.", c.Phone)
	}
	for _, f := range []struct{ field, value string }{
		{"customer_identifier", c.Identifier}, {"name", c.Name}, {"email", c.Email}, {"phone", c.Phone},
	} {
		if !printable(f.value) {
			return c, Invalid(f.field, "The %s has characters in it that cannot be shown.", strings.ReplaceAll(f.field, "_", " "))
		}
	}
	return c, nil
}

// SearchText is what a search looks in: everything a caller may say, folded by [Fold], the phone number also as bare digits, and as whoever
// dials it from abroad says them. former are the identifiers that the customer had before.
func (c Customer) SearchText(former ...string) string {
	said := []string{c.Identifier, c.Name, c.Email, c.Phone, digits(c.Phone)}
	if abroad := PhoneDigits(c.Phone); !strings.HasSuffix(digits(c.Phone), abroad) {
		said = append(said, abroad)
	}
	return Fold(strings.Join(append(said, former...), "\n"))
}

// Fold lowers the case of s and takes its accents away, so that "zoe" finds "Zoë", and "lukasz" "Łukasz".
func Fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		r = unicode.ToLower(r)
		if plain := plainLetters[r]; plain != "" {
			b.WriteString(plain)
		} else if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// plainLetters are how letters that have no accent to take away are typed by whoever does not have them. A letter more needs a migration like
// db/fold.sql.
var plainLetters = map[rune]string{'ł': "l", 'ø': "o", 'đ': "d", 'ð': "d", 'ħ': "h", 'ı': "i", 'ß': "ss", 'æ': "ae", 'œ': "oe", 'þ': "th"}

func plausibleEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	return at > 0 && at < len(s)-1 && !strings.ContainsAny(s, " \t\r\n<>,;")
}

// printable reports whether s is valid UTF-8 without control characters; PostgreSQL stores neither NUL nor broken UTF-8.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
