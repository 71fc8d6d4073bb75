package resale

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// EntitlementFilter says which entitlements a list shows: those that have all that is set. After is where the page before ended.
type EntitlementFilter struct {
	Status   Status   // this one; empty: those of Statuses
	Statuses []Status // any of these; empty: all

	Merchant   string // the merchantAccountKey
	Product    string // a productKey, our id of a product, or a part of its name
	Text       string // a ref, or whose it is: a part of the customer's identifier, name, number or e-mail address
	AgeOf      AgeOf  // what Older and Newer speak of; empty: the last change
	Older      Age    // before that moment
	Newer      Age    // not before that moment
	Reason     Reason // of the last ending: the category and, unless it is empty, the code
	EndingDays int    // ends within so many days, as far as anybody said; 0: whenever
	Opened     Opened // whether the customer went on to the merchant; empty: either
	CreatedBy  string // who asked for it, by name

	After *ListPosition
	Limit int

	Meaning *Meaning // what the words above come to; nil: not yet found out
}

// AgeOf is which of an entitlement's times a filter by age means.
type AgeOf string

const (
	AgeOfChange     AgeOf = "changed" // ours, and what lists are ordered by
	AgeOfCreation   AgeOf = "created" // ours
	AgeOfActivation AgeOf = "activated"
	AgeOfEnding     AgeOf = "ended"
)

// AgesOf lists them in the order in which pages offer them.
var AgesOf = []AgeOf{AgeOfChange, AgeOfCreation, AgeOfActivation, AgeOfEnding}

// Opened is whether the customer went on to the merchant.
type Opened string

const (
	OpenedYes Opened = "yes"
	OpenedNo  Opened = "no"
)

// Age is a moment: so long ago, or at a time. The zero Age is none.
type Age struct {
	Ago time.Duration
	At  time.Time
}

// MaxAge bounds an age.
const MaxAge = 10 * 366 * 24 * time.Hour

var ageForm = regexp.MustCompile(`^([1-9][0-9]{0,5})([mhdw])$`)

// ParseAge reads an age: 30m, 36h, 2d, 3w, a date like 2026-03-01 (its beginning in UTC) or a time like 2026-03-01T12:00:00Z.
func ParseAge(s string) (Age, bool) {
	if found := ageForm.FindStringSubmatch(s); found != nil {
		n, _ := strconv.Atoi(found[1])
		unit := map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[found[2]]
		if time.Duration(n) > MaxAge/unit {
			return Age{}, false
		}
		return Age{Ago: time.Duration(n) * unit}, true
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 1970 && t.Year() < 3000 {
			return Age{At: t.UTC().Truncate(time.Second)}, true
		}
	}
	return Age{}, false
}

// String writes the age as ParseAge reads it, empty for none.
func (a Age) String() string {
	const day = 24 * time.Hour
	switch {
	case !a.At.IsZero() && a.At.Equal(a.At.Truncate(day)):
		return a.At.Format(time.DateOnly)
	case !a.At.IsZero():
		return a.At.Format(time.RFC3339)
	case a.Ago == 0:
		return ""
	case a.Ago%day == 0:
		return strconv.Itoa(int(a.Ago/day)) + "d"
	case a.Ago%time.Hour == 0:
		return strconv.Itoa(int(a.Ago/time.Hour)) + "h"
	}
	return strconv.Itoa(int(a.Ago/time.Minute)) + "m"
}

// moment returns the time that the age means, zero for none.
func (a Age) moment(now time.Time) time.Time {
	if a.Ago != 0 {
		return now.Add(-a.Ago)
	}
	return a.At
}

// FilterNames are the names under which an address carries a filter, in the order in which pages show them.
var FilterNames = []string{"status", "merchant", "product", "q", "age", "older", "newer", "reason", "ending", "opened", "by"}

const (
	maxFilterValue = 200 // bytes
	maxEndingDays  = 366
)

var reasonForm = regexp.MustCompile(`^([A-Z_]{1,40})(?:/([A-Z_]{1,40}))?$`)

// ParseFilter reads a filter from the values that get returns for each name of FilterNames. Empty values are as none, a status may come
// several times or with commas between. Whether there is such a merchant, product or customer is found out by Resolve.
func ParseFilter(get func(name string) []string) (f EntitlementFilter, err error) {
	one := map[string]string{}
	for _, name := range FilterNames {
		var values []string
		for _, v := range get(name) {
			v = strings.TrimSpace(v)
			if len(v) > maxFilterValue {
				return f, Invalid(name, "The filter “%s” is longer than %d characters.", name, maxFilterValue)
			}
			if !printable(v) {
				return f, Invalid(name, "The filter “%s” has characters in it that cannot be shown.", name)
			}
			if v != "" {
				values = append(values, v)
			}
		}
		if name == "status" {
			if f.Status, f.Statuses, err = parseStatuses(values); err != nil {
				return f, err
			}
			continue
		}
		if len(values) > 1 {
			return f, Invalid(name, "The filter “%s” is there more than once.", name)
		}
		if len(values) == 1 {
			one[name] = values[0]
		}
	}
	f.Merchant, f.Product, f.Text, f.CreatedBy = one["merchant"], one["product"], one["q"], one["by"]
	f.AgeOf, f.Opened = AgeOf(one["age"]), Opened(one["opened"])
	if f.AgeOf != "" && !slices.Contains(AgesOf, f.AgeOf) {
		return f, Invalid("age", "%q is no age to filter by. Take changed, created, activated or ended.", one["age"])
	}
	if f.Opened != "" && f.Opened != OpenedYes && f.Opened != OpenedNo {
		return f, Invalid("opened", "%q does not say whether the link was opened. Take yes or no.", one["opened"])
	}
	for name, age := range map[string]*Age{"older": &f.Older, "newer": &f.Newer} {
		var ok bool
		if *age, ok = ParseAge(one[name]); !ok && one[name] != "" {
			return f, Invalid(name, "%q is not an age. Write 30m, 36h, 2d, 3w, or a date like 2026-03-01.", one[name])
		}
	}
	if f.Older == (Age{}) && f.Newer == (Age{}) || f.AgeOf == AgeOfChange {
		f.AgeOf = "" // nothing speaks of it, or it is what is meant anyway
	}
	if s := one["reason"]; s != "" {
		parts := reasonForm.FindStringSubmatch(s)
		if parts == nil || !publishedReason(parts[1], parts[2]) {
			return f, Invalid("reason", "%q is not a reason that Bango published. Take a category, or category/code, like REVOKED/FRAUD.", s)
		}
		f.Reason = Reason{Category: parts[1], Code: parts[2]}
	}
	if s := one["ending"]; s != "" {
		f.EndingDays, err = strconv.Atoi(strings.TrimSuffix(s, "d"))
		if err != nil || f.EndingDays < 1 || f.EndingDays > maxEndingDays {
			return f, Invalid("ending", "%q is not a number of days between 1 and %d.", s, maxEndingDays)
		}
	}
	return f, nil
}

// parseStatuses puts statuses in the order of pages, each once. All of them are as none.
func parseStatuses(values []string) (Status, []Status, error) {
	chosen := map[Status]bool{}
	for _, value := range values {
		for word := range strings.SplitSeq(value, ",") {
			if word = strings.TrimSpace(word); word == "" {
				continue
			}
			s, known := ParseStatus(word)
			if !known {
				return "", nil, Invalid("status", "%q is not a status.", word)
			}
			chosen[s] = true
		}
	}
	var several []Status
	for _, s := range Statuses {
		if chosen[s] {
			several = append(several, s)
		}
	}
	switch len(several) {
	case 1:
		return several[0], nil, nil
	case len(Statuses):
		return "", nil, nil
	}
	return "", several, nil
}

// publishedReason reports whether any list has the category, with the code where there is one.
func publishedReason(category, code string) bool {
	for _, list := range ReasonLists {
		if slices.ContainsFunc(list.Reasons, func(r Reason) bool { return r.Category == category && (code == "" || r.Code == code) }) {
			return true
		}
	}
	return false
}

// Wants returns the statuses that the filter asks for, none for all.
func (f EntitlementFilter) Wants() []Status {
	if f.Status != "" {
		return []Status{f.Status}
	}
	return f.Statuses
}

// Values returns what the address of the list carries under a name, none where the filter does not ask for it.
func (f EntitlementFilter) Values(name string) []string {
	var value string
	switch name {
	case "status":
		var words []string
		for _, s := range f.Wants() {
			words = append(words, string(s))
		}
		return words
	case "merchant":
		value = f.Merchant
	case "product":
		value = f.Product
	case "q":
		value = f.Text
	case "age":
		value = string(f.AgeOf)
	case "older":
		value = f.Older.String()
	case "newer":
		value = f.Newer.String()
	case "reason":
		value = f.Reason.Category
		if f.Reason.Code != "" {
			value += "/" + f.Reason.Code
		}
	case "ending":
		if f.EndingDays > 0 {
			value = strconv.Itoa(f.EndingDays)
		}
	case "opened":
		value = string(f.Opened)
	case "by":
		value = f.CreatedBy
	}
	if value == "" {
		return nil
	}
	return []string{value}
}

// Query writes the filter as the query of an address, always in the same way; empty for a filter that lets everything in. ParseQuery reads it.
func (f EntitlementFilter) Query() string {
	q := url.Values{}
	for _, name := range FilterNames {
		if values := f.Values(name); len(values) > 0 {
			q[name] = values
		}
	}
	return q.Encode()
}

// Without returns the filter without what it asks for under a name.
func (f EntitlementFilter) Without(name string) EntitlementFilter {
	rest, _ := ParseFilter(func(n string) []string { // what was parsed before parses again
		if n == name {
			return nil
		}
		return f.Values(n)
	})
	return rest
}

// maxFilterQuery bounds a filter as a query, in bytes.
const maxFilterQuery = 1000

// ParseQuery reads a filter from the query of an address in which nothing else may be: a name that is not known would otherwise widen what a
// filter lets in.
func ParseQuery(query string) (EntitlementFilter, error) {
	if len(query) > maxFilterQuery {
		return EntitlementFilter{}, Invalid("query", "The view asks for more than %d characters.", maxFilterQuery)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return EntitlementFilter{}, Invalid("query", "The view cannot be read. Open the list and filter it anew.")
	}
	for name := range values {
		if !slices.Contains(FilterNames, name) {
			return EntitlementFilter{}, Invalid("query", "The view asks for %.40q, which is not known.", name)
		}
	}
	return ParseFilter(func(name string) []string { return values[name] })
}

// Meaning is what the words of a filter come to at a time.
type Meaning struct {
	EntitlementID string    // this one alone; empty: any
	Products      []string  // of these ids; nil: any
	Customers     []string  // of these ids; nil: any
	Since, Until  time.Time // the time that AgeOf means is not before Since, and before Until; zero: whenever
	EndsBy        time.Time // zero: whenever
}

// maxFilterCustomers is how many customers a text may mean.
const maxFilterCustomers = 200

// Resolve finds out what the words of the filter mean. A merchant, product or customer that nobody has is named in the error.
func (f EntitlementFilter) Resolve(ctx context.Context, r Reader, now time.Time) (EntitlementFilter, error) {
	m := Meaning{Since: f.Newer.moment(now), Until: f.Older.moment(now)}
	if f.EndingDays > 0 {
		m.EndsBy = now.AddDate(0, 0, f.EndingDays)
	}
	if f.Merchant != "" || f.Product != "" {
		products, err := r.Products(ctx)
		if err != nil {
			return f, err
		}
		if m.Products, err = f.productsIn(products); err != nil {
			return f, err
		}
	}
	if f.Text != "" {
		if err := f.whose(ctx, r, &m); err != nil {
			return f, err
		}
	}
	f.Meaning = &m
	return f, nil
}

// productsIn returns the ids of the products that the filter means: by key or id, and by a part of the name where neither is known.
func (f EntitlementFilter) productsIn(products []Product) ([]string, error) {
	if f.Merchant != "" {
		products = slices.DeleteFunc(slices.Clone(products), func(p Product) bool { return p.Merchant.Key != f.Merchant })
		if len(products) == 0 {
			return nil, Invalid("merchant", "No merchant of the catalogue has the key %q.", f.Merchant)
		}
	}
	part := Fold(f.Product)
	for _, means := range []func(Product) bool{
		func(p Product) bool { return f.Product == "" || p.Key == f.Product || p.ID == f.Product },
		func(p Product) bool { return strings.Contains(Fold(p.Name), part) },
	} {
		var ids []string
		for _, p := range products {
			if means(p) {
				ids = append(ids, p.ID)
			}
		}
		if len(ids) > 0 {
			return ids, nil
		}
	}
	if f.Merchant != "" {
		return nil, Invalid("product", "No product of the merchant %s has the key or name %q.", f.Merchant, f.Product)
	}
	return nil, Invalid("product", "No product has the key or name %q.", f.Product)
}

// whose finds the entitlement or the customers that the text means.
func (f EntitlementFilter) whose(ctx context.Context, r Reader, m *Meaning) error {
	if ref, ok := ParseRef(f.Text); ok {
		e, err := r.EntitlementByRef(ctx, ref)
		if err == nil {
			m.EntitlementID = e.ID
		}
		if CodeOf(err) != CodeNotFound {
			return err
		}
	}
	found, distant, err := findCustomers(ctx, r, strings.TrimSpace(f.Text), maxFilterCustomers+1)
	if err != nil {
		return err
	}
	if distant { // who has those last digits may be somebody else, in another country
		found = nil
	}
	switch {
	case len(found) == 0:
		return Invalid("q", "No customer and no reference matches “%s”.", f.Text)
	case len(found) > maxFilterCustomers:
		return Invalid("q", "More than %d customers match “%s”. Say more of the name or number.", maxFilterCustomers, f.Text)
	}
	for _, c := range found {
		m.Customers = append(m.Customers, c.ID)
	}
	return nil
}

// EntitlementPage is a part of the list. It may hold fewer than were asked for, even none, and still go on: Searched then says after how many,
// at most, the search was put off.
type EntitlementPage struct {
	Rows     []EntitlementRow
	Next     *ListPosition // where it goes on, nil at its end
	Searched int
}
