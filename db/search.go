package db

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"

	"latchkey/db/queries"
	"latchkey/resale"
)

// minSearch is how many characters the search indexes need: they know every three that follow each other.
const minSearch = 3

// pattern is what the indexes find candidates by. No way to quote a wildcard of LIKE is known to both of them: _ takes any character, and
// whoever asked drops what that lets in too much.
func pattern(words string) string {
	return "%" + strings.Map(func(c rune) rune {
		if c == '%' || c == '\\' {
			return '_'
		}
		return c
	}, words) + "%"
}

// maxTelling is how many characters are looked up of something that has a digit or an @.
const maxTelling = 7

// telling returns the part of a text that the fewest customers have: its end up to the last digit, since identifiers and numbers begin alike and
// end differently, or what an e-mail address has before its @. PostgreSQL reads the index of each three characters that it is asked for: at a
// million customers, the last six characters of customer-4321 took an eighth of the time.
func telling(q string) string {
	end := strings.LastIndexAny(q, "0123456789")
	if end < 0 {
		end = strings.IndexByte(q, '@')
	}
	part := []rune(q[:end+1])
	part = part[max(0, len(part)-maxTelling):]
	if len(part) < minSearch+2 {
		return q
	}
	return string(part)
}

// twoLongest returns the words that find the fewest candidates; the same one twice where there is one.
func twoLongest(words []string) (first, second string) {
	words = slices.Clone(words)
	slices.SortStableFunc(words, func(a, b string) int { return utf8.RuneCountInString(b) - utf8.RuneCountInString(a) })
	if len(words) > 1 && utf8.RuneCountInString(words[1]) >= minSearch {
		return pattern(telling(words[0])), pattern(telling(words[1]))
	}
	return pattern(telling(words[0])), pattern(telling(words[0]))
}

// hasAll reports whether a folded text has all words.
func hasAll(text string, words []string) bool {
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
}

func (r reader) SearchCustomers(ctx context.Context, q string, limit int) ([]resale.Customer, error) {
	whole := strings.TrimSpace(q)
	q = resale.Fold(whole)
	if utf8.RuneCountInString(q) < minSearch {
		c, err := r.CustomerByIdentifier(ctx, whole)
		if resale.CodeOf(err) == resale.CodeNotFound {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return []resale.Customer{c}, nil
	}
	found, err := many(ctx, r, "customers", r.q.SearchCustomers,
		queries.SearchCustomersParams{Pattern: pattern(telling(q)), Q: q, AtMost: atMost(limit)}, customer)
	words := resale.Words(q)
	if err != nil || len(found) > 0 || len(words) == 1 {
		return found, err
	}
	first, second := twoLongest(words)
	found, err = many(ctx, r, "customers", r.q.SearchCustomersByWords,
		queries.SearchCustomersByWordsParams{FirstWord: first, SecondWord: second, AtMost: maxCandidates}, customer)
	found = slices.DeleteFunc(found, func(c resale.Customer) bool { return !hasAll(c.SearchText(), words) })
	return found[:min(len(found), max(limit, 0))], err
}

// maxCandidates is how many customers that have two of the words are looked at for the others.
const maxCandidates = 500

// beyond is after everything that begins with start, as far as ids of ours and of Bango's go.
func beyond(start string) string { return start + "zzzzzzzz" }

func (r reader) EntitlementsByRefStart(ctx context.Context, start string, limit int) ([]resale.Hit, error) {
	return many(ctx, r, "entitlements", r.q.EntitlementsByRefStart,
		queries.EntitlementsByRefStartParams{Start: start, Beyond: beyond(start), AtMost: atMost(limit)},
		func(row queries.EntitlementsByRefStartRow) resale.Hit {
			return entitlementHit(queries.EntitlementsByBangoIDStartRow(row))
		})
}

// EntitlementsByBangoIDStart finds nothing for an empty start, which every id has.
func (r reader) EntitlementsByBangoIDStart(ctx context.Context, start string, limit int) ([]resale.Hit, error) {
	if start == "" {
		return nil, nil
	}
	return many(ctx, r, "entitlements", r.q.EntitlementsByBangoIDStart,
		queries.EntitlementsByBangoIDStartParams{Start: start, Beyond: beyond(start), AtMost: atMost(limit)}, entitlementHit)
}

func entitlementHit(row queries.EntitlementsByBangoIDStartRow) resale.Hit {
	return resale.Hit{Kind: resale.HitEntitlement, ID: row.ID, CustomerID: row.CustomerID, Identifier: row.Identifier, Name: row.Name,
		Ref: row.Ref, Status: resale.Status(row.Status), Product: row.ProductName, BangoID: row.BangoID}
}

func (r reader) RequestsByStart(ctx context.Context, start string, limit int) ([]resale.Hit, error) {
	return many(ctx, r, "requests", r.q.RequestsByStart,
		queries.RequestsByStartParams{Start: start, Beyond: beyond(start), AtMost: atMost(limit)},
		func(row queries.RequestsByStartRow) resale.Hit {
			return resale.Hit{Kind: resale.HitRequest, ID: row.RequestID, CustomerID: row.CustomerID, Identifier: row.Identifier, Name: row.Name,
				Ref: row.Ref, Status: resale.Status(row.Status), Product: row.ProductName, Text: row.Kind, At: instant(row.Created)}
		})
}

// HitsByID is put together by hand, as Standings is.
func (r reader) HitsByID(ctx context.Context, ids []string) ([]resale.Hit, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	list, err := json.Marshal(ids)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	rows, err := r.sql.QueryContext(ctx, "SELECT 'customer', id, id, identifier, name, phone, email, '', '', '' FROM customers WHERE id IN ("+r.engine.among()+") "+
		"UNION ALL SELECT 'entitlement', e.id, c.id, c.identifier, c.name, '', '', e.ref, e.status, p.name FROM entitlements e "+
		"JOIN customers c ON c.id = e.customer_id JOIN products p ON p.id = e.product_id WHERE e.id IN ("+r.engine.among()+")", string(list))
	if err != nil {
		return nil, r.fault("search", err)
	}
	defer rows.Close()
	var hits []resale.Hit
	for rows.Next() {
		var h resale.Hit
		if err := rows.Scan(&h.Kind, &h.ID, &h.CustomerID, &h.Identifier, &h.Name, &h.Phone, &h.Email, &h.Ref, &h.Status, &h.Product); err != nil {
			return nil, r.fault("search", err)
		}
		hits = append(hits, h)
	}
	return hits, r.fault("search", rows.Err())
}

func (r reader) SearchTexts(ctx context.Context, q string, limit int) ([]resale.Hit, error) {
	words := resale.Words(q)
	first, second := twoLongest(words)
	if utf8.RuneCountInString(first) < minSearch+len("%%") {
		return nil, nil
	}
	found, err := many(ctx, r, "texts", r.q.SearchTexts, queries.SearchTextsParams{FirstWord: first, SecondWord: second, AtMost: maxTexts},
		func(row queries.SearchTextsRow) resale.Hit {
			return resale.Hit{Kind: resale.HitText, ID: row.ID, CustomerID: row.CustomerID, Identifier: row.Identifier, Name: row.Name,
				Ref: row.Ref, Status: resale.Status(row.Status), Text: row.Text, At: instant(row.At)}
		})
	found = slices.DeleteFunc(found, func(h resale.Hit) bool { return !hasAll(resale.Fold(h.Text), words) })
	return found[:min(len(found), max(limit, 0))], err
}

// maxTexts is how many texts that have two of the words are looked at for the others.
const maxTexts = 50

func (t *tx) IndexText(ctx context.Context, x resale.Text) error {
	return t.fault("text", t.q.IndexText(ctx, queries.IndexTextParams{Kind: string(x.Kind), ID: x.ID, CustomerID: x.CustomerID,
		EntitlementID: x.EntitlementID, Text: x.Text, Search: resale.Fold(x.Text), SearchKey: rand.Int64(), At: micros(x.At)}))
}

func (t *tx) ForgetText(ctx context.Context, kind resale.TextKind, id string) error {
	return t.fault("text", t.q.ForgetText(ctx, queries.ForgetTextParams{Kind: string(kind), ID: id}))
}
