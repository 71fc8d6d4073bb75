package resale_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

// row is a line of a report about a live of Zoë's, last changed so many seconds after noon.
func row(bangoID string, status resale.Status, seconds int) resale.Fact {
	f := record(resale.FromRecord, status, seconds)
	f.BangoID, f.DateActivated = bangoID, noon
	return f
}

// file is a report of these rows, complete and of a period that ended a day after noon.
func file(rows ...resale.Fact) resale.Report {
	return resale.Report{Source: "AR_V1_D_20260301.csv", Complete: true, End: noon.Add(24 * time.Hour), Facts: func(yield func(resale.Fact, error) bool) {
		for _, f := range rows {
			if !yield(f, nil) {
				return
			}
		}
	}}
}

// numbered is a report of n ACTIVE rows b-0, b-1 and so on, each of a customer of its own.
func numbered(n int) iter.Seq2[resale.Fact, error] {
	return func(yield func(resale.Fact, error) bool) {
		for i := range n {
			f := row(fmt.Sprint("b-", i), resale.Active, 0)
			f.CustomerIdentifier = fmt.Sprint("c-", i)
			if !yield(f, nil) {
				return
			}
		}
	}
}

// compare imports a report, which must be possible.
func (d *desk) compare(r resale.Report, adopt bool) resale.ReportResult {
	d.Helper()
	result, err := d.service.ImportReport(d.ctx, resale.Automatic, r, adopt)
	if err != nil {
		d.Fatal(err)
	}
	return result
}

// open returns the open differences by what they are about.
func (d *desk) open() map[string]resale.Drift {
	d.Helper()
	open := map[string]resale.Drift{}
	for after := ""; ; {
		page, err := d.store.OpenDrift(d.ctx, after, 100)
		if err != nil {
			d.Fatal(err)
		}
		for _, drift := range page {
			open[drift.Subject], after = drift, drift.ID
		}
		if len(page) < 100 {
			n, err := d.store.DriftCount(d.ctx)
			if err != nil || n != int64(len(open)) {
				d.Errorf("%d differences are counted, %v, and %d listed", n, err, len(open))
			}
			return open
		}
	}
}

// drift returns what is stored of a difference, open or not.
func (d *desk) drift(subject string) resale.Drift {
	d.Helper()
	drift, err := d.store.DriftOf(d.ctx, subject)
	if err != nil {
		d.Fatal(err)
	}
	return drift
}

// lives puts ACTIVE entitlements with these ids at Bango, last changed at noon.
func (d *desk) lives(bangoIDs ...string) []resale.Entitlement {
	d.Helper()
	return d.put(len(bangoIDs), func(i int, e *resale.Entitlement) {
		e.ID, e.Ref = "e-"+bangoIDs[i], "R-"+bangoIDs[i]
		e.Status, e.BangoID, e.DateCreated, e.DateActivated, e.DateLastUpdated = resale.Active, bangoIDs[i], noon, noon, noon
	})
}

func TestReportDifferences(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.lives("same", "suspended", "product", "newer", "newer there", "gone", "late")
		d.put(2, func(i int, e *resale.Entitlement) { // of another merchant, and ended: no Active report of BANGO lists them
			e.ID, e.Ref, e.BangoID = fmt.Sprint("o-", i), fmt.Sprint("O-", i), fmt.Sprint("other ", i)
			e.Status, e.MerchantKey = resale.Active, "OTHER"
			if i == 1 {
				e.Status, e.MerchantKey = resale.Cancelled, "BANGO"
			}
		})
		d.put(1, func(_ int, e *resale.Entitlement) { // it was activated after the report had been made
			e.ID, e.Ref, e.BangoID, e.Status, e.DateActivated = "e-after", "R-after", "after", resale.Active, noon.Add(25*time.Hour)
		})
		err := d.store.Write(d.ctx, func(ctx context.Context, tx resale.Tx) error {
			for id, at := range map[string]time.Time{"e-newer": noon.Add(time.Minute), "e-late": noon.Add(25 * time.Hour)} {
				before, err := tx.LockEntitlement(ctx, id)
				if err != nil {
					return err
				}
				after := before
				after.DateLastUpdated = at
				if err := tx.UpdateEntitlement(ctx, before, after); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			d.Fatal(err)
		}
		product := row("product", resale.Active, 60)
		product.ProductKey = "BangoVideo"
		result := d.compare(file(row("same", resale.Active, 0), row("suspended", resale.Suspended, 60), product, row("newer", resale.Suspended, 30),
			row("newer there", resale.Active, 60), row("unknown", resale.Active, 0), row("over", resale.Cancelled, 0)), false)
		want := resale.ReportResult{Rows: 7, MissingHere: 1, MissingThere: 1, Differs: 2}
		if result != want {
			d.Errorf("%+v, want %+v", result, want)
		}
		open := d.open()
		for subject, want := range map[string]resale.Drift{
			"suspended": {Kind: resale.Differs, EntitlementID: "e-suspended", OursStatus: resale.Active, OursProduct: "BangoMusic", Source: "AR_V1_D_20260301.csv"},
			"product":   {Kind: resale.Differs, EntitlementID: "e-product", OursStatus: resale.Active, OursProduct: "BangoMusic", Source: "AR_V1_D_20260301.csv"},
			"unknown":   {Kind: resale.MissingHere, Source: "AR_V1_D_20260301.csv"},
			"gone":      {Kind: resale.MissingThere, EntitlementID: "e-gone", OursStatus: resale.Active, OursProduct: "BangoMusic", Source: "not in AR_V1_D_20260301.csv"},
		} {
			got, there := open[subject]
			fact := got.Fact
			got.Fact = resale.Fact{}
			want.ID, want.Subject, want.State, want.Found = got.ID, subject, resale.DriftOpen, noon
			if !there || got != want || fact.BangoID != subject {
				d.Errorf("%s: %+v, want %+v", subject, got, want)
			}
			delete(open, subject)
		}
		for subject, drift := range open {
			d.Errorf("%s: %+v", subject, drift)
		}
		if d.now(resale.Entitlement{ID: "e-suspended"}).Status != resale.Active {
			d.Error("a comparison changed an entitlement")
		}
		j := d.job(resale.JobImport)
		if j.Done != 7 || j.Found != 4 || j.State != resale.JobIdle || j.Message != "AR_V1_D_20260301.csv: 7 rows compared, 1 missing here, 1 missing at Bango, 2 differ, 0 adopted." {
			d.Errorf("the job is %+v", j)
		}
	})
}

// What has gone away by the next report is no difference any more; what is still there stays the same one.
func TestDifferencesGoAway(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.lives("a", "b", "c", "still")
		d.compare(file(row("a", resale.Suspended, 60), row("c", resale.Suspended, 60), row("still", resale.Suspended, 60), row("new", resale.Active, 0),
			row("short", resale.Active, 0)), false)
		first := d.open()
		if len(first) != 6 || first["b"].Kind != resale.MissingThere {
			d.Fatalf("%+v", first)
		}
		d.clock.turn(time.Hour)
		d.compare(file(row("a", resale.Active, 120), row("b", resale.Active, 0), row("c", resale.Suspended, 30), row("still", resale.Suspended, 60),
			row("new", resale.Cancelled, 60)), false)
		open := d.open()
		for subject, state := range map[string]resale.DriftState{"a": resale.DriftGone, "b": resale.DriftGone, "new": resale.DriftGone, "short": resale.DriftGone,
			"still": resale.DriftOpen, "c": resale.DriftOpen} {
			drift := d.drift(subject)
			if _, listed := open[subject]; drift.State != state || listed != (state == resale.DriftOpen) || drift.ID != first[subject].ID {
				d.Errorf("%s: %+v", subject, drift)
			}
			if gone := state == resale.DriftGone; gone && (!drift.Settled.Equal(noon.Add(time.Hour)) || drift.SettledBy != "Automatic") {
				d.Errorf("%s: %+v", subject, drift)
			}
		}
		if fact := d.drift("c").Fact; !fact.DateLastUpdated.Equal(noon.Add(time.Minute)) {
			d.Errorf("an older report took the place of a newer one: %+v", fact)
		}
	})
}

func TestIncompleteReports(t *testing.T) {
	broken := errors.New("the connection broke")
	for name, tt := range map[string]struct {
		change func(r *resale.Report)
		there  int64
	}{
		"as it should be": {func(*resale.Report) {}, 1},
		"a Change report": {func(r *resale.Report) { r.Complete = false }, 0},
		"of yesterday":    {func(r *resale.Report) { r.End = noon }, 0},
		"with a row that cannot be read": {func(r *resale.Report) {
			rows := r.Facts
			r.Facts = func(yield func(resale.Fact, error) bool) {
				if yield(resale.Fact{}, errors.New("line 2: it has 3 columns")) {
					rows(yield)
				}
			}
		}, 0},
		"that ends in the middle": {func(r *resale.Report) {
			rows := r.Facts
			r.Facts = func(yield func(resale.Fact, error) bool) { rows(yield); yield(resale.Fact{}, broken) }
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			onEachStore(t, func(d *desk) {
				d.lives("here", "not there")
				r := file(row("here", resale.Active, 0))
				tt.change(&r)
				if result := d.compare(r, false); result.MissingThere != tt.there || int64(len(d.open())) != tt.there {
					d.Errorf("%s: %v", result, d.open())
				}
			})
		})
	}
}

func TestBatchesOfAReport(t *testing.T) {
	onEachStore(t, func(d *desk) {
		const n = 1203 // two whole batches and a part of one
		r := file()
		r.Facts = func(yield func(resale.Fact, error) bool) {
			i := 0
			for f := range numbered(n) {
				if i++; i == 500 && !yield(resale.Fact{}, errors.New("line 501: Status is empty")) || i == 600 && !yield(resale.Fact{}, errors.New("line 602: later")) {
					return
				}
				if !yield(f, nil) {
					return
				}
			}
		}
		result := d.compare(r, false)
		if result.Rows != n || result.MissingHere != n || result.Unreadable != 2 || result.FirstFault.Error() != "line 501: Status is empty" || len(d.open()) != n {
			d.Errorf("%s; %d are open", result, len(d.open()))
		}
		if !strings.HasSuffix(result.String(), " 2 rows could not be taken: line 501: Status is empty") {
			d.Errorf("it says %q", result)
		}
		if result := d.compare(r, false); result.MissingHere != n || len(d.open()) != n {
			d.Errorf("the same again: %s; %d are open", result, len(d.open()))
		}
	})
}

// An Event report has a row for each event: the last of an entitlement counts, in whatever order they come.
func TestSeveralRowsOfOneEntitlement(t *testing.T) {
	for name, rows := range map[string][]resale.Fact{
		"the oldest first": {row("a", resale.Active, 0), row("b", resale.Active, 0), row("a", resale.Suspended, 60), row("b", resale.Cancelled, 60)},
		"the newest first": {row("b", resale.Cancelled, 60), row("a", resale.Suspended, 60), row("b", resale.Active, 0), row("a", resale.Active, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			onEachStore(t, func(d *desk) {
				events := file(rows...)
				events.Complete = false
				result := d.compare(events, false)
				if open := d.open(); result.MissingHere != 1 || len(open) != 1 || open["a"].Fact.Status != "SUSPENDED" {
					d.Errorf("%s: %+v", result, open)
				}
				if result := d.compare(events, true); result.Adopted != 1 {
					d.Errorf("%s", result)
				}
				if e, err := d.store.EntitlementByBangoID(d.ctx, "a"); err != nil || e.Status != resale.Suspended {
					d.Errorf("it is %s, %v", e.Status, err)
				}
			})
		})
	}
}

func TestAdoption(t *testing.T) {
	onEachStore(t, func(d *desk) {
		const n = 2000
		r := file()
		r.Facts = numbered(n)
		if result := d.compare(r, true); result != (resale.ReportResult{Rows: n, Adopted: n}) {
			d.Errorf("%s", result)
		}
		counts, err := d.store.StatusCounts(d.ctx)
		customers, err2 := d.store.CustomerCount(d.ctx)
		if err := errors.Join(err, err2); err != nil || counts[resale.Active] != n || customers != n+1 {
			d.Errorf("%v, %d customers, %v", counts, customers, err)
		}
		e, err := d.store.EntitlementByBangoID(d.ctx, "b-1999")
		if err != nil {
			d.Fatal(err)
		}
		customer, err := d.store.Customer(d.ctx, e.CustomerID)
		if err != nil || customer.Identifier != "c-1999" || e.CustomerIdentifier != "c-1999" || e.ProductID != d.product.ID || e.Status != resale.Active ||
			e.BangoStatus != "ACTIVE" || !e.DateLastUpdated.Equal(noon) || e.CreatedBy != "Automatic" {
			d.Errorf("adopted %+v of %+v, %v", e, customer, err)
		}
		if kinds := d.events(e); kinds[resale.EventAdopted] != 1 || len(kinds) != 1 {
			d.Errorf("the timeline has %v", kinds)
		}
		if result := d.compare(r, true); result != (resale.ReportResult{Rows: n}) || len(d.open()) != 0 {
			d.Errorf("the same again: %s, %v", result, d.open())
		}
		if result := d.compare(file(row("b-0", resale.Active, 0)), false); result != (resale.ReportResult{Rows: 1, MissingThere: n - 1}) || len(d.open()) != n-1 {
			d.Errorf("all but one are gone: %s, %d are open", result, len(d.open()))
		}
		// Bango notifies where the old portal was, until it is told.
		if left, err := d.service.ToPoint(d.ctx); err != nil || left != n {
			d.Errorf("%d are to be told of our address, %v", left, err)
		}
	})
}

func TestAdoptionOfTheUnusual(t *testing.T) {
	with := func(id string, change func(f *resale.Fact)) resale.Fact {
		f := row(id, resale.Active, 0)
		change(&f)
		return f
	}
	onEachStore(t, func(d *desk) {
		result := d.compare(file(
			with("new merchant", func(f *resale.Fact) {
				f.MerchantKey, f.ProductKey, f.DisplayName = "VIDEO", "Films", "Films of the world"
			}),
			with("its other product", func(f *resale.Fact) { f.MerchantKey, f.ProductKey = "VIDEO", "Series" }),
			with("no such name", func(f *resale.Fact) { f.ProductKey, f.DisplayName = "Songs", "a\tb"+strings.Repeat("n", 300) }),
			with("spaces", func(f *resale.Fact) { f.CustomerIdentifier, f.ProductKey = "cust-1 ", "BangoMusic " }),
			with("no customer", func(f *resale.Fact) { f.CustomerIdentifier = "" }),
			with("a customer with a space", func(f *resale.Fact) { f.CustomerIdentifier = "a b" }),
			with("a very long product", func(f *resale.Fact) { f.CustomerIdentifier, f.ProductKey = "left behind", strings.Repeat("p", 200) }),
			with("an unknown word", func(f *resale.Fact) { f.Status = "DORMANT" }),
			with("an offer", func(f *resale.Fact) { f.OfferKey, f.ExtensionData = "TestOffer", `{"a":1}` }),
		), true)
		if result.Rows != 6 || result.Adopted != 6 || result.Unreadable != 3 || !strings.Contains(result.FirstFault.Error(), "no customer") {
			d.Errorf("%s", result)
		}
		products, err := d.store.Products(d.ctx)
		names := ""
		for _, p := range products {
			names += p.Merchant.Name + "/" + p.Name + " "
		}
		if err != nil || names != "Bango/Bango Music Bango/Songs VIDEO/Films of the world VIDEO/Series " {
			d.Errorf("the catalogue is %q, %v", names, err)
		}
		if n, err := d.store.CustomerCount(d.ctx); err != nil || n != 1 {
			d.Errorf("%d customers, %v: Zoë has it all, and what was not adopted left nothing behind", n, err)
		}
		e, err := d.store.EntitlementByBangoID(d.ctx, "an unknown word")
		if err != nil || e.Status != resale.Unknown || e.BangoStatus != "DORMANT" {
			d.Errorf("it is %s (%s), %v", e.Status, e.BangoStatus, err)
		}
		if e, err = d.store.EntitlementByBangoID(d.ctx, "an offer"); err != nil || e.OfferKey != "TestOffer" || e.ExtensionData != `{"a":1}` {
			d.Errorf("it is %+v, %v", e, err)
		}
	})
}

// What Bango told of before we knew the entitlement belongs to it from then on, and is looked at.
func TestAdoptionLinksParkedNotifications(t *testing.T) {
	onEachStore(t, func(d *desk) {
		d.post("the-old-portal", `{"entitlementId":"b-1","customerIdentifier":"cust-1","merchantAccountKey":"BANGO","productKey":"BangoMusic",`+
			`"status":"SUSPENDED","dateLastUpdated":"2026-03-01T12:01:00Z","notificationReason":"SUSPENSION_SUCCESS"}`)
		if parked, err := d.store.ParkedNotifications(d.ctx, 10); err != nil || len(parked) != 1 {
			d.Fatalf("%v, %v", parked, err)
		}
		d.compare(file(row("b-1", resale.Active, 0), row("b-2", resale.Active, 0)), true)
		e, err := d.store.EntitlementByBangoID(d.ctx, "b-1")
		if err != nil || e.Status != resale.Active {
			d.Fatalf("a notification from anybody was believed: %s, %v", e.Status, err)
		}
		other, err := d.store.EntitlementByBangoID(d.ctx, "b-2")
		if err != nil || len(d.checks(other)) != 0 {
			d.Errorf("the other one: %v, %v", d.checks(other), err)
		}
		if parked, err := d.store.ParkedNotifications(d.ctx, 10); err != nil || len(parked) != 0 || len(d.checks(e)) != 1 || d.events(e)[resale.EventNotified] != 1 {
			d.Errorf("parked %v, %v; asked %v; timeline %v", parked, err, d.checks(e), d.events(e))
		}
		d.bango.read = says(resale.FromRecord, resale.Suspended, 60)
		if d.step(); d.now(e).Status != resale.Suspended {
			d.Errorf("it is %s after the read-back", d.now(e).Status)
		}
	})
}

// The memory of a comparison does not grow with the rows beyond eight bytes for each.
func TestReportInBoundedMemory(t *testing.T) {
	onEachStore(t, func(d *desk) {
		if !strings.HasSuffix(d.Name(), "/sqlite") {
			return // what is measured is above the database, and this one takes longer
		}
		const n, most = 50_000, 8 << 20
		base, peak := heap(), uint64(0)
		r := file()
		r.Complete = false // the rows are the point, and none of them is here
		r.Facts = func(yield func(resale.Fact, error) bool) {
			i := 0
			for f := range numbered(n) {
				f.Status = string(resale.Cancelled) // no difference where it is not known, so that nothing is stored
				if i++; i%10_000 == 0 {
					peak = max(peak, heap())
				}
				if !yield(f, nil) {
					return
				}
			}
		}
		if result := d.compare(r, false); result != (resale.ReportResult{Rows: n}) {
			d.Errorf("%s", result)
		}
		if peak > base+most {
			d.Errorf("%d rows took %d KiB, more than %d", n, (peak-base)>>10, most>>10)
		}
	})
}

// heap returns what is alive on the heap.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
