package db_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/db"
	"latchkey/resale"
)

// TestTheListIsWhatItsFilterLetsIn compares the list with a filter in memory, for any filter: its pages joined, the walk by id, the whole at once
// and the count. Pages look at few entitlements at a time, so that the search is put off in them as among a million.
func TestTheListIsWhatItsFilterLetsIn(t *testing.T) {
	each(t, func(d *desk) {
		all := d.manifold()
		now := at(0)
		rapid.Check(d, func(rt *rapid.T) {
			defer db.Spans(rapid.SampledFrom([]int{8, 1000}).Draw(rt, "span"), rapid.SampledFrom([]int{5, 500}).Draw(rt, "walk"),
				rapid.SampledFrom([]int{0, 20, 1000}).Draw(rt, "few"))()
			f := anyFilter(rt)
			f, err := f.Resolve(d.Context(), d, now)
			if resale.CodeOf(err) == resale.CodeInvalid {
				return // nobody has it; that this is refused is another test's
			}
			if err != nil {
				rt.Fatal(err)
			}
			f.Limit = rapid.SampledFrom([]int{7, 200}).Draw(rt, "limit")
			var want []string
			for _, r := range all {
				if letsIn(f, r) {
					want = append(want, r.Ref)
				}
			}
			var pages []string
			for f := f; ; {
				page, err := d.PageEntitlements(d.Context(), f)
				if err != nil || len(page.Rows) > f.Limit {
					rt.Fatal(len(page.Rows), err)
				}
				if page.Next != nil && len(page.Rows) < f.Limit && page.Searched == 0 {
					rt.Fatalf("a page of %d goes on without saying why", len(page.Rows))
				}
				pages = append(pages, refsOf(page.Rows)...)
				if page.Next == nil {
					break
				}
				f.After = page.Next
			}
			if !slices.Equal(pages, want) {
				rt.Errorf("%q: the pages show %v, expected %v", f.Query(), pages, want)
			}
			rows, err := d.ListEntitlements(d.Context(), f)
			if got := refsOf(rows); err != nil || !slices.Equal(got, want[:min(len(want), f.Limit)]) {
				rt.Errorf("%q: at once %v, expected %v: %v", f.Query(), got, want, err)
			}
			var walked []string
			for after := ""; ; {
				rows, next, err := d.WalkEntitlements(d.Context(), f, after)
				if err != nil {
					rt.Fatal(err)
				}
				walked = append(walked, refsOf(rows)...)
				if after = next; after == "" {
					break
				}
			}
			byID := slices.Clone(want) // refs are in the order of ids
			slices.Sort(byID)
			if !slices.Equal(walked, byID) {
				rt.Errorf("%q: the walk shows %v, expected %v", f.Query(), walked, byID)
			}
			n, whole, err := d.CountEntitlements(d.Context(), f)
			if err != nil || n > min(len(want), f.Limit) || whole && n != min(len(want), f.Limit) {
				rt.Errorf("%q: counted %d (whole: %t), expected %d: %v", f.Query(), n, whole, len(want), err)
			}
		})
	})
}

// row is an entitlement with what a filter may want to know of it.
type row struct {
	resale.Entitlement
	customer, product string // name
	reason            resale.Reason
}

// manifold stores entitlements of all kinds and returns them as the list has them.
func (d *desk) manifold() []row {
	d.Helper()
	d.write(func(ctx context.Context, tx resale.Tx) error {
		for _, p := range [][4]string{{"BANGO", "Bango", "Films", "Bango Films"}, {"OTHER", "Other", "Books", "Other Books"}, {"OTHER", "Other", "Music", "Other Music"}} {
			if err := tx.UpsertCatalogue(ctx, resale.CatalogueRow{MerchantKey: p[0], MerchantName: p[1], ProductKey: p[2], ProductName: p[3]}); err != nil {
				return err
			}
		}
		return nil
	})
	products, err := d.Products(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	customers := []resale.Customer{d.customer}
	for i, name := range []string{"Ana Nkosi", "Bo Smith", "Cy Smith"} {
		c := resale.Customer{ID: newID(), Identifier: fmt.Sprintf("user-%d", i), Name: name, Phone: fmt.Sprintf("+44 7700 9000 %d", i), Created: at(i)}
		customers = append(customers, c)
		d.write(func(ctx context.Context, tx resale.Tx) error { return tx.InsertCustomer(ctx, c) })
	}
	day := 24 * time.Hour
	var all []row
	d.write(func(ctx context.Context, tx resale.Tx) error {
		for i := range 90 {
			e := d.entitlement(i)
			c, p := customers[i%4], products[(i/3)%4]
			e.Ref = "REF-" + fmt.Sprintf("%04d", i)
			e.CustomerID, e.CustomerIdentifier, e.ProductID, e.MerchantKey, e.ProductKey = c.ID, c.Identifier, p.ID, p.Merchant.Key, p.Key
			e.Status = resale.Statuses[i*i%len(resale.Statuses)]
			e.Updated, e.Created = at(0).Add(-time.Duration(i%13)*day), at(0).Add(-time.Duration(i%17)*day)
			e.Opened, e.CreatedBy = int64(i%3), []string{"Ana", "Sofia"}[i/2%2]
			if i%5 == 0 {
				e.DateExpiry = at(0).Add(time.Duration(i%20) * day)
			}
			if i%4 == 0 {
				e.DateEnded = at(0).Add(time.Duration(i%11-5) * day)
			}
			if i%2 == 0 {
				e.DateActivated = e.Created.Add(time.Hour)
			}
			if err := tx.InsertEntitlement(ctx, e); err != nil {
				return err
			}
			r := row{Entitlement: e, customer: c.Name, product: p.Name}
			// The last one that Bango took counts.
			for n := range i % 3 {
				reason := resale.ReasonLists[1].Reasons[(i/4+7*n)%16]
				q := resale.Request{ID: newID(), EntitlementID: e.ID, Kind: resale.KindCancel, State: resale.Done, Reason: reason}
				if i%7 == n {
					q.State = resale.Denied
				} else {
					r.reason = reason
				}
				if err := tx.InsertRequest(ctx, q); err != nil {
					return err
				}
			}
			all = append(all, r)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b row) int { return cmp.Or(b.Updated.Compare(a.Updated), strings.Compare(b.ID, a.ID)) })
	return all
}

// anyFilter draws a filter as an address may have it.
func anyFilter(t *rapid.T) resale.EntitlementFilter {
	values := map[string][]string{}
	offer := func(name string, choices ...string) {
		if rapid.IntRange(0, 3).Draw(t, "asks for "+name) == 0 {
			values[name] = []string{rapid.SampledFrom(choices).Draw(t, name)}
		}
	}
	if rapid.Bool().Draw(t, "asks for a status") {
		for range rapid.IntRange(1, 4).Draw(t, "statuses") {
			values["status"] = append(values["status"], string(rapid.SampledFrom(resale.Statuses).Draw(t, "status")))
		}
	}
	offer("merchant", "BANGO", "OTHER")
	offer("product", "BangoMusic", "music", "BOOKS", "Films")
	offer("q", "nkosi", "user-1", "smith", "0770090002", "cust-1")
	offer("age", "changed", "created", "activated", "ended")
	offer("older", "1d", "36h", "5d", "2026-02-27")
	offer("newer", "1d", "90h", "6d", "2026-02-20", "2w")
	offer("reason", "REVOKED", "REVOKED/OTHER", "CUSTOMER_CANCELLED", "ACTIVATION_ROLLBACK/FRAUD")
	offer("ending", "1", "7d", "30")
	offer("opened", "yes", "no")
	offer("by", "Ana", "Sofia", "Nobody")
	f, err := resale.ParseFilter(func(name string) []string { return values[name] })
	if err != nil {
		t.Fatal(err)
	}
	if again, err := resale.ParseQuery(f.Query()); err != nil || again.Query() != f.Query() {
		t.Fatalf("%q is read back as %q: %v", f.Query(), again.Query(), err)
	}
	return f
}

// letsIn is the filter in plain words.
func letsIn(f resale.EntitlementFilter, r row) bool {
	m := f.Meaning
	if wants := f.Wants(); len(wants) > 0 && !slices.Contains(wants, r.Status) {
		return false
	}
	if f.Merchant != "" && r.MerchantKey != f.Merchant {
		return false
	}
	if f.Product != "" && r.ProductKey != f.Product && !strings.Contains(resale.Fold(r.product), resale.Fold(f.Product)) {
		return false
	}
	if f.Text != "" {
		folded := resale.Fold(f.Text)
		if !strings.Contains(resale.Fold(r.customer+"\n"+r.CustomerIdentifier), folded) && (folded != "0770090002" || r.CustomerIdentifier != "user-2") {
			return false
		}
	}
	moment := map[resale.AgeOf]time.Time{"": r.Updated, resale.AgeOfCreation: r.Created, resale.AgeOfActivation: r.DateActivated,
		resale.AgeOfEnding: r.DateEnded}[f.AgeOf]
	if !m.Since.IsZero() && moment.Before(m.Since) || !m.Until.IsZero() && (moment.IsZero() || !moment.Before(m.Until)) {
		return false
	}
	if f.Reason.Category != "" && (r.reason.Category != f.Reason.Category || f.Reason.Code != "" && r.reason.Code != f.Reason.Code) {
		return false
	}
	if f.EndingDays > 0 {
		ending := r.Status == resale.ActiveEnding && !r.DateEnded.After(m.EndsBy)
		expiring := r.Status.Live() && !r.DateExpiry.IsZero() && !r.DateExpiry.After(m.EndsBy)
		if !ending && !expiring {
			return false
		}
	}
	if f.Opened != "" && (f.Opened == resale.OpenedYes) != (r.Opened > 0) {
		return false
	}
	return f.CreatedBy == "" || r.CreatedBy == f.CreatedBy
}

func refsOf(rows []resale.EntitlementRow) []string {
	var refs []string
	for _, r := range rows {
		refs = append(refs, r.Ref)
	}
	return refs
}

func TestReasonsAreThoseThatBangoTookLast(t *testing.T) {
	each(t, func(d *desk) {
		all := d.manifold()
		var ids []string
		for _, r := range all {
			ids = append(ids, r.ID)
		}
		reasons, err := d.LastReasons(d.Context(), ids)
		if err != nil {
			d.Fatal(err)
		}
		for _, r := range all {
			if reasons[r.ID] != r.reason {
				d.Errorf("%s has the reason %v, expected %v", r.Ref, reasons[r.ID], r.reason)
			}
		}
	})
}

func TestCustomersByPages(t *testing.T) {
	each(t, func(d *desk) {
		names := []string{"", "abel", "Abel", "Ärger", "Zoë", "zz", "", "Bo"}
		all := []resale.Customer{d.customer}
		for i := range 40 {
			c := resale.Customer{ID: newID(), Identifier: fmt.Sprintf("m-%02d", i), Name: names[i%len(names)], Created: at(i)}
			all = append(all, c)
			d.write(func(ctx context.Context, tx resale.Tx) error { return tx.InsertCustomer(ctx, c) })
		}
		for _, byName := range []bool{false, true} {
			var got []resale.Customer
			f := resale.CustomerFilter{ByName: byName, Limit: 7}
			for {
				page, err := d.ListCustomers(d.Context(), f)
				if err != nil {
					d.Fatal(err)
				}
				got = append(got, page...)
				if len(page) < f.Limit {
					break
				}
				f.After = page[len(page)-1].ID
			}
			want := slices.Clone(all)
			if slices.Reverse(want); byName {
				slices.SortFunc(want, func(a, b resale.Customer) int { return strings.Compare(a.ID, b.ID) })
				slices.SortFunc(got, func(a, b resale.Customer) int { return strings.Compare(a.ID, b.ID) }) // how letters are ordered is the database's
			}
			if !slices.Equal(got, want) {
				d.Errorf("by name %t: the pages show %d customers, not each of the %d once", byName, len(got), len(want))
			}
		}
		first, err := d.ListCustomers(d.Context(), resale.CustomerFilter{ByName: true, Limit: 10})
		if err != nil || first[0].Label() != "Abel" && first[0].Label() != "abel" {
			d.Errorf("the first by name is %v, %v", first[0], err)
		}
	})
}
