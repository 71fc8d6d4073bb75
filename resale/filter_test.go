package resale_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

func TestAges(t *testing.T) {
	const day = 24 * time.Hour
	for s, want := range map[string]resale.Age{
		"30m": {Ago: 30 * time.Minute}, "36h": {Ago: 36 * time.Hour}, "2d": {Ago: 2 * day}, "48h": {Ago: 2 * day}, "3w": {Ago: 21 * day},
		"2026-03-01":                {At: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
		"2026-03-01T12:30:00+02:00": {At: time.Date(2026, 3, 1, 10, 30, 0, 0, time.UTC)},
	} {
		got, ok := resale.ParseAge(s)
		again, okAgain := resale.ParseAge(got.String())
		if !ok || got != want || !okAgain || again != want {
			t.Errorf("%s is %+v, written %s", s, got, got)
		}
	}
	for _, s := range []string{"", "d", "0d", "2", "2x", "-2d", "2.5d", "999999w", "2 d", "1970-01-01", "9999-01-01", "2026-13-01", "01/03/2026", "yesterday"} {
		if got, ok := resale.ParseAge(s); ok {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func TestAFilterIsWrittenInOneWay(t *testing.T) {
	for query, want := range map[string]string{
		"":                                    "",
		"status=":                             "",
		"status=PENDING%2CACTIVE":             "status=PENDING&status=ACTIVE",
		"status=ACTIVE&status=PENDING":        "status=PENDING&status=ACTIVE",
		"status=ACTIVE&status=ACTIVE":         "status=ACTIVE",
		"older=48h&age=changed&q=+zoe+":       "older=2d&q=zoe",
		"age=created":                         "", // of nothing
		"age=created&older=2d":                "age=created&older=2d",
		"reason=REVOKED%2FFRAUD&ending=7d":    "ending=7&reason=REVOKED%2FFRAUD",
		"by=Ana+%26+Co&opened=no&merchant=M":  "by=Ana+%26+Co&merchant=M&opened=no",
		"status=" + everyStatus() + "&q=x":    "q=x", // all are as none
		"product=%22%3E%3Cscript%3E&opened=":  "product=%22%3E%3Cscript%3E",
		"q=%E2%80%AEabc":                      "q=%E2%80%AEabc",
		"newer=2026-03-01&older=2026-03-02&q": "newer=2026-03-01&older=2026-03-02",
	} {
		f, err := resale.ParseQuery(query)
		if err != nil || f.Query() != want {
			t.Errorf("%q becomes %q, expected %q: %v", query, f.Query(), want, err)
		}
	}
	f, err := resale.ParseQuery("age=created&older=2d&status=ACTIVE&q=zoe")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"older": "q=zoe&status=ACTIVE", "status": "age=created&older=2d&q=zoe", "q": "age=created&older=2d&status=ACTIVE",
		"by": "age=created&older=2d&q=zoe&status=ACTIVE"} {
		if got := f.Without(name).Query(); got != want {
			t.Errorf("without %s it is %q, expected %q", name, got, want)
		}
	}
}

func everyStatus() string {
	var words []string
	for _, s := range resale.Statuses {
		words = append(words, string(s))
	}
	return strings.Join(words, ",")
}

// FuzzFilter: whatever an address holds is refused by the name of what is wrong, or is a filter that reads back as itself and lets in no more.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"", "status=ACTIVE&q=zoe", "older=2d&newer=2026-03-01", "reason=REVOKED/FRAUD", "ending=7&opened=yes&by=Ana", "%zz", "q=%00", "q=a&q=b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		filter, err := resale.ParseQuery(query)
		if err != nil {
			if resale.CodeOf(err) != resale.CodeInvalid {
				t.Fatalf("%q: %v", query, err)
			}
			return
		}
		written := filter.Query()
		again, err := resale.ParseQuery(written)
		if err != nil && len(written) <= 1000 || err == nil && again.Query() != written {
			t.Fatalf("%q is written %q and read as %q: %v", query, written, again.Query(), err)
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("%q is a filter and no query", query)
		}
		for _, name := range resale.FilterNames {
			asked := slices.ContainsFunc(values[name], func(v string) bool { return strings.Trim(v, ", \t") != "" })
			if len(filter.Values(name)) > 0 && !asked {
				t.Fatalf("%q asks for no %s, and gets %q", query, name, filter.Values(name))
			}
			if got := filter.Without(name).Values(name); len(got) != 0 {
				t.Fatalf("%q without %s still asks for %q", query, name, got)
			}
		}
	})
}

func TestWordsOfAFilterMeanWhatIsThere(t *testing.T) {
	onEachStore(t, func(d *desk) {
		if _, err := d.service.ImportCatalogue(d.ctx, strings.NewReader("merchantAccountKey,merchantName,productKey,productName,offerKey,offerName\n"+
			"OTHER,Other,Books,Bango in Books,,\nOTHER,Other,BangoMusic,Songs,,\n")); err != nil {
			d.Fatal(err)
		}
		ref := d.create().Ref
		for i := range 201 {
			if _, err := d.service.AddCustomer(d.ctx, d.ana, resale.Customer{Identifier: fmt.Sprintf("m-%03d", i), Name: "Many"}); err != nil {
				d.Fatal(err)
			}
		}
		if _, err := d.service.AddCustomer(d.ctx, d.ana, resale.Customer{Identifier: "x-7", Phone: "+44 20 7946 0000"}); err != nil {
			d.Fatal(err)
		}
		for query, want := range map[string][2]int{ // how many products and customers
			"product=BangoMusic": {2, 0}, "product=bango": {2, 0}, "merchant=OTHER": {2, 0}, "merchant=OTHER&product=BangoMusic": {1, 0},
			"product=" + d.product.ID: {1, 0}, "q=ZOE": {0, 1}, "q=cust-1": {0, 1}, "q=020+7946+0000": {0, 1}, "q=" + strings.ToLower(ref): {0, 0},
		} {
			f, err := resale.ParseQuery(query)
			if err != nil {
				d.Fatal(err)
			}
			f, err = f.Resolve(d.ctx, d.store, noon)
			if err != nil || len(f.Meaning.Products) != want[0] || len(f.Meaning.Customers) != want[1] || (f.Meaning.EntitlementID != "") != (want == [2]int{}) {
				d.Errorf("%s means %+v, %v", query, f.Meaning, err)
			}
		}
		for query, field := range map[string]string{"merchant=bango": "merchant", "product=nothing": "product", "merchant=OTHER&product=TestOffer": "product",
			"q=nobody+at+all": "q", "q=many": "q", "q=AAAA-AAAA": "q"} {
			f, err := resale.ParseQuery(query)
			if err != nil {
				d.Fatal(err)
			}
			_, err = f.Resolve(d.ctx, d.store, noon)
			if fault, ok := err.(*resale.Error); !ok || fault.Code != resale.CodeInvalid || fault.Field != field {
				d.Errorf("%s: %v", query, err)
			}
			f.Limit = 10
			if rows, err := d.store.ListEntitlements(d.ctx, f); err == nil {
				d.Errorf("%s lists %d: what is not known must not let everything in", query, len(rows))
			}
		}
	})
}

func TestViewsBelongToTheirMakers(t *testing.T) {
	onEachStore(t, func(d *desk) {
		sofia := resale.StaffActor(resale.Staff{ID: "s-3", Name: "Sofia", Role: resale.Supervisor})
		bo := resale.StaffActor(resale.Staff{ID: "s-4", Name: "Bo", Role: resale.Agent})
		heard := d.hub.Listen(resale.TopicEntitlements)
		defer heard.Close()
		v, err := d.service.SaveView(d.ctx, d.ana, " To  chase ", "older=48h&status=PENDING")
		if err != nil || v.Name != "To chase" || v.Query != "older=2d&status=PENDING" || v.CreatedBy != "Ana" {
			d.Fatalf("%+v, %v", v, err)
		}
		<-heard.Signal
		if kept, err := d.store.View(d.ctx, v.ID); err != nil || kept != v {
			d.Errorf("kept is %+v, %v", kept, err)
		}
		if _, err := d.service.SaveView(d.ctx, sofia, "TO CHÄSE", "status=ACTIVE"); resale.CodeOf(err) != resale.CodeConflict {
			d.Errorf("two views look alike: %v", err)
		}
		for by, want := range map[resale.Actor]resale.Code{d.victor: resale.CodeForbidden, bo: resale.CodeForbidden, resale.Automatic: resale.CodeForbidden} {
			if err := d.service.RemoveView(d.ctx, by, v.ID); resale.CodeOf(err) != want {
				d.Errorf("%s may remove it: %v", by.Name, err)
			}
		}
		if _, err := d.service.SaveView(d.ctx, d.victor, "x", "status=ACTIVE"); resale.CodeOf(err) != resale.CodeForbidden {
			d.Errorf("a viewer saves a view: %v", err)
		}
		if err := d.service.RemoveView(d.ctx, sofia, v.ID); err != nil {
			d.Error(err)
		}
		if err := d.service.RemoveView(d.ctx, sofia, v.ID); resale.CodeOf(err) != resale.CodeNotFound {
			d.Errorf("removed twice: %v", err)
		}
		for i := range resale.MaxViews {
			if _, err := d.service.SaveView(d.ctx, d.ana, fmt.Sprint("View ", i), "status=ACTIVE"); err != nil {
				d.Fatal(i, err)
			}
		}
		if _, err := d.service.SaveView(d.ctx, d.ana, "One more", "status=ACTIVE"); resale.CodeOf(err) != resale.CodeInvalid {
			d.Errorf("there are more views than may be: %v", err)
		}
		events, err := d.store.Events(d.ctx, "", 100)
		if err != nil {
			d.Fatal(err)
		}
		var said []string
		for _, e := range events {
			if e.Kind == resale.EventViewSaved || e.Kind == resale.EventViewRemoved {
				said = append(said, e.Actor.Name+" "+e.Text)
			}
		}
		if len(said) != resale.MaxViews+2 || said[len(said)-1] != "Ana saved the view “To chase”: older=2d&status=PENDING" ||
			said[len(said)-2] != "Sofia removed the view “To chase”: older=2d&status=PENDING" {
			d.Errorf("it is told as %q", said)
		}
	})
}

func TestExportsAreWrittenDown(t *testing.T) {
	onSQLite(t, func(d *desk) {
		sofia := resale.StaffActor(resale.Staff{ID: "s-3", Name: "Sofia", Role: resale.Supervisor})
		if _, err := d.service.BeginExport(d.ctx, d.ana, "entitlements", ""); resale.CodeOf(err) != resale.CodeForbidden {
			d.Errorf("an agent exports: %v", err)
		}
		x, err := d.service.BeginExport(d.ctx, sofia, "entitlements", "merchant=A&status=ACTIVE")
		if err != nil {
			d.Fatal(err)
		}
		for rows, whole := range map[int64]bool{7: true, 8: false} {
			if err := d.service.EndExport(d.ctx, x, rows, whole); err != nil {
				d.Fatal(err)
			}
		}
		events, err := d.store.Events(d.ctx, "", 100)
		if err != nil {
			d.Fatal(err)
		}
		var said []string
		for _, e := range events {
			if e.Kind == resale.EventExported && e.Actor.ID == "s-3" {
				said = append(said, e.Text)
			}
		}
		slices.Sort(said)
		if !slices.Equal(said, []string{"began to export entitlements with merchant=A, status=ACTIVE", "exported 7 rows of entitlements with merchant=A, status=ACTIVE",
			"exported 8 rows of entitlements with merchant=A, status=ACTIVE; the file was broken off"}) {
			d.Errorf("it is told as %q", said)
		}
		ctx, cancel := context.WithCancel(d.ctx)
		cancel()
		if _, err := d.service.BeginExport(ctx, sofia, "customers", ""); err == nil {
			d.Error("an export begins that cannot be written down")
		}
	})
}
