package views

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"latchkey/resale"
)

// SuggestionsPage is what is shown under the box while somebody types.
type SuggestionsPage struct {
	Role   resale.Role
	Found  resale.Found
	Opened []resale.Hit // what the person opened last, in place of what was found, where nothing is typed
	List   string       // the address of the list that is asked for; empty for none
}

// HitAddress is the page that a hit leads to.
func HitAddress(h resale.Hit) string {
	if h.Ref != "" {
		return "/entitlements/" + h.Ref
	}
	return "/customers/" + h.CustomerID
}

// newCustomerAddress is the form for a customer with that identifier.
func newCustomerAddress(identifier string) string {
	return "/customers?identifier=" + query(identifier) + "#add"
}

// newCustomerWords names a customer who is to be made known; of a long identifier the end is what people compare.
func newCustomerWords(identifier string) string {
	if runes := []rune(identifier); len(runes) > 20 {
		identifier = "…" + string(runes[len(runes)-12:])
	}
	return "Create customer “" + identifier + "”"
}

// groupNames head the groups of hits.
var groupNames = map[resale.HitKind]string{resale.HitCustomer: "Customers", resale.HitEntitlement: "Entitlements", resale.HitRequest: "Requests",
	resale.HitText: "Notes"}

// hitFacts are what stands beside the name of a hit's customer.
func hitFacts(h resale.Hit, q string) []string {
	facts := map[resale.HitKind][]string{
		resale.HitCustomer:    {h.Identifier, h.Phone, h.Email},
		resale.HitEntitlement: {h.Product, h.Ref},
		resale.HitRequest:     {h.Product, h.Ref, h.Text + " " + h.ID},
		resale.HitText:        {h.Ref, around(h.Text, q)},
	}[h.Kind]
	if h.Kind == resale.HitEntitlement && q != "" && strings.HasPrefix(h.BangoID, q) {
		facts = append(facts, h.BangoID)
	}
	return slices.DeleteFunc(facts, func(fact string) bool { return fact == "" || fact == h.Label() })
}

// around is as much of a text as a line takes, with what was looked for in it.
func around(text, q string) string {
	const before, most = 40, 120
	text = strings.Join(strings.Fields(text), " ")
	pieces := marked(text, q)
	start := 0
	if len(pieces) > 1 && !pieces[0].hit {
		start = utf8.RuneCountInString(pieces[0].text) - before
	}
	runes := []rune(text)
	start = max(0, min(start, len(runes)-most))
	end := min(start+most, len(runes))
	cut := string(runes[start:end])
	if start > 0 {
		cut = "…" + cut
	}
	if end < len(runes) {
		cut += "…"
	}
	return cut
}

// searchTitle heads the page of hits.
func searchTitle(p SearchPage) string {
	if p.Found.Count() == 0 {
		return fmt.Sprintf("Nothing found for “%s”", p.Query)
	}
	return fmt.Sprintf("%s for “%s”", plural(int64(p.Found.Count()), "hit", "hits"), p.Query)
}

// piece is a part of a text that was looked for, or was not.
type piece struct {
	text string
	hit  bool
}

// spot is a folded letter with the bytes of the text that it comes from.
type spot struct {
	letter     rune
	start, end int
}

// marked cuts a text where q begins and ends in it, whatever case and accents: a phone number whatever stands between its digits, words one by
// one, and a reference with or without its hyphen.
func marked(text, q string) []piece {
	if q == "" {
		return []piece{{text, false}}
	}
	var spots []spot
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		end := i + size
		folded := []rune(resale.Fold(string(r)))
		if len(folded) == 0 && len(spots) > 0 {
			spots[len(spots)-1].end = end // an accent of its own
		}
		for _, letter := range folded {
			spots = append(spots, spot{letter, i, end})
		}
	}
	hit := make([]bool, len(text))
	plain := slices.DeleteFunc(slices.Clone(spots), func(p spot) bool { return !unicode.IsLetter(p.letter) && !unicode.IsDigit(p.letter) })
	number := resale.PhoneDigits(q)
	found := len(number) >= 3 && markAll(hit, plain, []rune(number))
	if !found {
		tail := number[max(0, len(number)-8):]
		found = len(tail) == 8 && markAll(hit, plain, []rune(tail))
	}
	if !found {
		for _, word := range resale.Words(q) {
			found = markAll(hit, spots, []rune(word)) || found
		}
	}
	letters := slices.DeleteFunc([]rune(resale.Fold(q)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if !found && len(letters) >= 3 {
		markAll(hit, plain, letters)
	}
	var pieces []piece
	for start, i := 0, 1; i <= len(text); i++ {
		if i == len(text) || hit[i] != hit[start] {
			pieces = append(pieces, piece{text[start:i], hit[start]})
			start = i
		}
	}
	return pieces
}

// markAll marks wherever the letters stand, and reports whether they do.
func markAll(hit []bool, spots []spot, letters []rune) (found bool) {
	for i := 0; i+len(letters) <= len(spots) && len(letters) > 0; i++ {
		if !slices.EqualFunc(spots[i:i+len(letters)], letters, func(p spot, r rune) bool { return p.letter == r }) {
			continue
		}
		found = true
		for b := spots[i].start; b < spots[i+len(letters)-1].end; b++ {
			hit[b] = true
		}
	}
	return found
}
