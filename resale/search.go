package resale

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// HitKind is what a search found something by.
type HitKind string

const (
	HitCustomer    HitKind = "customer"    // a customer, by what a caller says of themselves
	HitEntitlement HitKind = "entitlement" // an entitlement, by its ref or by Bango's id
	HitRequest     HitKind = "request"     // an entitlement, by the id of a request about it
	HitText        HitKind = "text"        // what staff wrote in their own words
)

// Hit is one thing that a search found, with what a line about it says.
type Hit struct {
	Kind       HitKind
	ID         string // of the customer, the entitlement, the request or the text
	CustomerID string
	Identifier string // the customer's
	Name       string // the customer's
	Phone      string // the customer's, of a customer
	Email      string // likewise
	Ref        string // of the entitlement; empty where there is none
	Status     Status // likewise
	Product    string // likewise
	BangoID    string // of an entitlement
	Text       string // of a text
	At         time.Time
}

// Label is what to call the hit's customer on a page.
func (h Hit) Label() string { return cmp.Or(h.Name, h.Identifier) }

// Found is what the one box finds, in groups, each with the best first.
type Found struct {
	Query        string
	Whole        Hit // what the query names as a whole: a ref, an identifier, Bango's id, a request's id; without a kind where it names none
	Customers    []Hit
	Entitlements []Hit
	Requests     []Hit
	Texts        []Hit
	Distant      bool // the customers have the last digits of the number only
}

// Groups are the hits by kind, without empty ones; what was named as a whole leads.
func (f Found) Groups() [][]Hit {
	groups := slices.DeleteFunc([][]Hit{f.Customers, f.Entitlements, f.Requests, f.Texts}, func(hits []Hit) bool { return len(hits) == 0 })
	slices.SortStableFunc(groups, func(a, b []Hit) int {
		switch f.Whole.Kind {
		case a[0].Kind:
			return -1
		case b[0].Kind:
			return 1
		}
		return 0
	})
	return groups
}

// Count is how many hits there are.
func (f Found) Count() (n int) {
	for _, group := range f.Groups() {
		n += len(group)
	}
	return n
}

// Unknown reports whether the query may be the identifier of a customer who is not known yet; one that others have a part of has a digit.
func (f Found) Unknown() bool {
	return (f.Count() == 0 || digits(f.Query) != "") && f.Whole.Kind == "" && len(f.Entitlements)+len(f.Requests) == 0 && len(f.Query) >= minWord && len(f.Query) <= MaxIdentifier &&
		!strings.ContainsFunc(f.Query, unicode.IsSpace)
}

// Opens is what to open without asking: what was named as a whole, or the only hit.
func (f Found) Opens() (Hit, bool) {
	if f.Whole.Kind != "" {
		return f.Whole, true
	}
	if f.Count() != 1 || f.Distant || len(f.Texts) > 0 {
		return Hit{}, false
	}
	return slices.Concat(f.Groups()...)[0], true
}

const (
	minRefPart  = 3  // letters of a ref that are a part of one, where a digit is among them: "mar" is a name
	minRefWords = 4  // and where none is
	minIDPart   = 6  // characters of Bango's id
	minUUIDPart = 8  // characters of a request's id; it begins with the time
	minWord     = 3  // letters of a word that texts and customers are found by; the index knows every three
	distantTail = 8  // digits of a phone number that are the same whatever the country's prefix
	candidates  = 50 // customers that are read, to show the best of them
)

// Search finds whatever q may mean, at most so many of each kind. Viewers may.
func (s *Service) Search(ctx context.Context, by Actor, q string, limit int) (Found, error) {
	f := Found{Query: strings.TrimSpace(q)}
	if err := by.must(Viewer); err != nil || f.Query == "" {
		return f, err
	}
	if err := s.searchEntitlements(ctx, &f, limit); err != nil {
		return f, err
	}
	known, err := s.store.CustomerKnownAs(ctx, f.Query)
	if err == nil {
		f.Whole = customerHit(known)
	} else if CodeOf(err) != CodeNotFound {
		return f, err
	}
	customers, distant, err := findCustomers(ctx, s.store, f.Query, candidates)
	if err != nil {
		return f, err
	}
	f.Distant = distant
	for _, c := range best(customers, f.Query) {
		if len(f.Customers) < limit {
			f.Customers = append(f.Customers, customerHit(c))
		}
	}
	f.Texts, err = s.store.SearchTexts(ctx, f.Query, limit)
	return f, err
}

// searchEntitlements looks for q as a ref, Bango's id or a request's id, or as the beginning of one.
func (s *Service) searchEntitlements(ctx context.Context, f *Found, limit int) (err error) {
	if part, ok := ParseRefPart(f.Query); ok {
		if f.Entitlements, err = s.store.EntitlementsByRefStart(ctx, part, limit); err != nil {
			return err
		}
		if len(f.Entitlements) == 1 && f.Entitlements[0].Ref == part {
			f.Whole = f.Entitlements[0]
		}
	}
	if len(f.Query) >= minIDPart && !strings.Contains(f.Query, " ") {
		hits, err := s.store.EntitlementsByBangoIDStart(ctx, f.Query, limit)
		if err != nil {
			return err
		}
		if len(hits) > 0 && hits[0].BangoID == f.Query { // the shortest comes first
			f.Whole = hits[0]
		}
		f.Entitlements = append(f.Entitlements, hits...)
	}
	start := strings.ToLower(f.Query)
	if len(start) < minUUIDPart || strings.Trim(start, "0123456789abcdef-") != "" {
		return nil
	}
	if f.Requests, err = s.store.RequestsByStart(ctx, start, limit); err == nil && len(f.Requests) == 1 && f.Requests[0].ID == start {
		f.Whole = f.Requests[0]
	}
	return err
}

func customerHit(c Customer) Hit {
	return Hit{Kind: HitCustomer, ID: c.ID, CustomerID: c.ID, Identifier: c.Identifier, Name: c.Name, Phone: c.Phone, Email: c.Email}
}

// FindCustomers returns customers of whom a caller may say q, the best first.
func FindCustomers(ctx context.Context, r Reader, q string, limit int) ([]Customer, error) {
	found, _, err := findCustomers(ctx, r, strings.TrimSpace(q), limit)
	return best(found, q), err
}

// findCustomers looks for q and, where q may be a phone number, for its digits too: stored as +44 20 7946 0000, it is found by
// 020 7946 0000 and 0044 20 7946 0000. A number with a country's prefix that is stored without one is found by its last digits, which
// other countries may have too: distant says so.
func findCustomers(ctx context.Context, r Reader, q string, limit int) (found []Customer, distant bool, err error) {
	if found, err = r.SearchCustomers(ctx, Fold(q), limit); err != nil {
		return nil, false, err
	}
	number := PhoneDigits(q)
	if len(number) < minWord {
		return found, false, nil
	}
	if number != q {
		more, err := r.SearchCustomers(ctx, number, limit)
		if err != nil {
			return nil, false, err
		}
		for _, m := range more {
			if !slices.ContainsFunc(found, func(f Customer) bool { return f.ID == m.ID }) && len(found) < limit {
				found = append(found, m)
			}
		}
	}
	if len(found) > 0 || len(number) <= distantTail || !strings.HasPrefix(q, "+") && !strings.HasPrefix(q, "00") {
		return found, false, nil
	}
	found, err = r.SearchCustomers(ctx, number[len(number)-distantTail:], limit)
	return found, true, err
}

// PhoneDigits returns the digits of a phone number without its leading zeros, which stand for a country or for none, and without the zero
// that +44 (0)20 has in the middle; "" for other text.
func PhoneDigits(q string) string {
	if strings.Trim(q, "+0123456789 ()-./") != "" {
		return ""
	}
	if strings.HasPrefix(q, "+") || strings.HasPrefix(q, "00") {
		q = strings.Replace(q, "(0)", "", 1)
	}
	return strings.TrimLeft(digits(q), "0")
}

// best sorts customers: who is named by q as a whole, then who has it at the beginning of something, then the others, each by name.
func best(customers []Customer, q string) []Customer {
	q = Fold(strings.TrimSpace(q))
	rank := func(c Customer) int {
		switch {
		case slices.Contains([]string{Fold(c.Identifier), Fold(c.Name), Fold(c.Email)}, q):
			return 0
		case strings.HasPrefix(Fold(c.Name), q) || strings.HasPrefix(Fold(c.Identifier), q):
			return 1
		case strings.Contains("\n"+strings.ReplaceAll(c.SearchText(), " ", "\n"), "\n"+q):
			return 2
		}
		return 3
	}
	slices.SortStableFunc(customers, func(a, b Customer) int { return cmp.Compare(rank(a), rank(b)) })
	return customers
}

// ParseRefPart returns the beginning of a reference in its canonical form from what a person typed: any case, with or without the hyphen. It
// reports false for what is too short to be meant as one, or cannot be one.
func ParseRefPart(s string) (string, bool) {
	s = strings.ToUpper(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '-' || r == ' ' }), ""))
	least := minRefWords
	if digits(s) != "" {
		least = minRefPart
	}
	if len(s) < least || len(s) > 8 || strings.Trim(s, refAlphabet) != "" {
		return "", false
	}
	if len(s) > 4 {
		s = s[:4] + "-" + s[4:]
	}
	return s, true
}

// TextKind is what has a text that staff wrote.
type TextKind string

const (
	TextReason TextKind = "reason" // how staff explained why they ended an entitlement; the id is the request's
	TextNote   TextKind = "note"   // a note about a customer; the id is the note's
)

// Text is something that staff wrote in their own words, for the search to find. Whoever stores such a thing calls [Tx.IndexText] with it in
// the same transaction, again where the words change, and [Tx.ForgetText] where it is deleted.
type Text struct {
	Kind          TextKind
	ID            string // of what has the text
	CustomerID    string
	EntitlementID string // empty where it is about the customer
	Text          string
	At            time.Time
}

// Words are the words of q that a text must have, folded; q as a whole where all of them are too short to be looked up.
func Words(q string) []string {
	words := strings.Fields(Fold(q))
	if !slices.ContainsFunc(words, func(w string) bool { return utf8.RuneCountInString(w) >= minWord }) {
		return []string{strings.TrimSpace(Fold(q))}
	}
	return words
}
