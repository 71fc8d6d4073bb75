package views

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"latchkey/resale"
)

// ListAddress is the address of a page of the list, after empty for the first.
func ListAddress(f resale.EntitlementFilter, after string) string {
	q := f.Query()
	if after != "" {
		q = strings.TrimPrefix(q+"&after="+url.QueryEscape(after), "&")
	}
	if q == "" {
		return "/entitlements"
	}
	return "/entitlements?" + q
}

func csvAddress(f resale.EntitlementFilter) string {
	return strings.Replace(ListAddress(f, ""), "/entitlements", "/entitlements.csv", 1)
}

func listTitle(f resale.EntitlementFilter) string {
	if f.Status == "" {
		return "Entitlements"
	}
	return "Entitlements: " + string(f.Status)
}

// withStatus is the filter with one status in place of those that it asks for, or with none.
func withStatus(f resale.EntitlementFilter, s resale.Status) resale.EntitlementFilter {
	f.Status, f.Statuses = s, nil
	return f
}

// chip is one part of a filter: what it says, and the filter without it.
type chip struct {
	words string
	rest  resale.EntitlementFilter
}

// filterChips are the parts of a filter, each of which can be taken away alone.
func filterChips(f resale.EntitlementFilter, products []resale.Product) []chip {
	var chips []chip
	for _, s := range f.Wants() {
		rest, left := f, slices.DeleteFunc(slices.Clone(f.Wants()), func(o resale.Status) bool { return o == s })
		rest.Status, rest.Statuses = "", left
		if len(left) == 1 {
			rest.Status, rest.Statuses = left[0], nil
		}
		chips = append(chips, chip{"Status: " + string(s), rest})
	}
	for _, name := range resale.FilterNames[1:] {
		if words := filterWords(f, name, products); words != "" {
			chips = append(chips, chip{words, f.Without(name)})
		}
	}
	return chips
}

var ageWords = map[resale.AgeOf]string{"": "Changed", resale.AgeOfChange: "Changed", resale.AgeOfCreation: "Created", resale.AgeOfActivation: "Activated",
	resale.AgeOfEnding: "Ended"}

// filterWords says what a filter asks for under a name, empty for nothing.
func filterWords(f resale.EntitlementFilter, name string, products []resale.Product) string {
	value := strings.Join(f.Values(name), " or ")
	switch {
	case value == "" || name == "age":
		return ""
	case name == "status":
		return "Status: " + value
	case name == "merchant":
		for _, p := range products {
			if p.Merchant.Key == value {
				value = p.Merchant.Name
			}
		}
		return "Merchant: " + value
	case name == "product":
		for _, p := range products {
			if p.Key == value || p.ID == value {
				return "Product: " + p.Name
			}
		}
		return "Product: “" + value + "”"
	case name == "q":
		return "Customer: “" + value + "”"
	case name == "older" && f.Older.Ago != 0:
		return ageWords[f.AgeOf] + " more than " + agoWords(value) + " ago"
	case name == "older":
		return ageWords[f.AgeOf] + " before " + value
	case name == "newer" && f.Newer.Ago != 0:
		return ageWords[f.AgeOf] + " in the last " + agoWords(value)
	case name == "newer":
		return ageWords[f.AgeOf] + " since " + value
	case name == "reason":
		return "Reason: " + value
	case name == "ending":
		return "Ends within " + plural(int64(f.EndingDays), "day", "days")
	case name == "opened" && f.Opened == resale.OpenedYes:
		return "Link opened"
	case name == "opened":
		return "Link not opened"
	}
	return "Created by " + value
}

// agoWords is an age like 2d in words.
func agoWords(age string) string {
	var n int64
	var unit string
	fmt.Sscanf(age, "%d%s", &n, &unit)
	word := map[string]string{"m": "minute", "h": "hour", "d": "day"}[unit]
	return plural(n, word, word+"s")
}

// merchantsOf are the merchants of the catalogue, each once, by name.
func merchantsOf(products []resale.Product) (merchants []resale.Merchant) {
	for _, p := range products { // by merchant
		if len(merchants) == 0 || merchants[len(merchants)-1].ID != p.Merchant.ID {
			merchants = append(merchants, p.Merchant)
		}
	}
	return merchants
}

// someNames are names of products to choose from; whoever has more types a part of one.
func someNames(products []resale.Product) (names []string) {
	for _, p := range products {
		if len(names) < 50 && !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// reasonValues are what the filter by reason may be: each category, and each reason of it. What is chosen is among them though another
// list may have it.
func reasonValues(list resale.ReasonList, chosen string) (values []string) {
	for _, r := range list.Reasons {
		if !slices.Contains(values, r.Category) {
			values = append(values, r.Category)
		}
		values = append(values, r.Category+"/"+r.Code)
	}
	if chosen != "" && !slices.Contains(values, chosen) {
		values = append(values, chosen)
	}
	return values
}

func reasonLabel(value string) string {
	if category, code, ok := strings.Cut(value, "/"); ok {
		return category + " / " + code
	}
	return value + " (any)"
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// isSaved reports whether a view has the filter already.
func isSaved(p EntitlementsPage) bool {
	return slices.ContainsFunc(p.Views, func(v SavedView) bool { return v.Query == p.Filter.Query() })
}

func removable(saved []SavedView) bool {
	return slices.ContainsFunc(saved, func(v SavedView) bool { return v.MayRemove })
}

func offerName(r resale.EntitlementRow, products []resale.Product) string {
	for _, p := range products {
		for _, o := range p.Offers {
			if o.ID == r.OfferID && r.OfferID != "" {
				return o.Name
			}
		}
	}
	return r.OfferKey
}

// shortID is an id without its middle, as much as two of them differ in.
func shortID(id string) string {
	letters := []rune(id)
	if len(letters) <= 16 {
		return id
	}
	return string(letters[:8]) + "…" + string(letters[len(letters)-4:])
}
