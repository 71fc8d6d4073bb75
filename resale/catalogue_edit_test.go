package resale_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/resale"
)

var adam = resale.StaffActor(resale.Staff{ID: "s-9", Name: "Adam", Role: resale.Admin})

// product0 is the desk's product as it is stored.
func (d *desk) product0() resale.Product {
	d.Helper()
	p, err := d.store.Product(d.ctx, d.product.ID)
	if err != nil {
		d.Fatal(err)
	}
	return p
}

// toldOfCatalogue returns the timeline of the desk's product, oldest first.
func (d *desk) toldOfCatalogue() (texts []string) {
	d.Helper()
	events, err := d.store.CatalogueEvents(d.ctx, d.product.Merchant.ID, d.product.ID, 100)
	if err != nil {
		d.Fatal(err)
	}
	for _, e := range events {
		if e.Actor.Name != "Adam" || e.Actor.Kind != resale.ByStaff || !e.At.Equal(noon) {
			d.Errorf("%+v", e)
		}
		texts = append([]string{e.Text}, texts...)
	}
	return texts
}

func TestOnlyAdminsChangeTheCatalogueAndOnlyWhatTheySaw(t *testing.T) {
	onEachStore(t, func(d *desk) {
		id, merchant := d.product.ID, d.product.Merchant.ID
		edits := map[string]func(by resale.Actor, version int64) error{
			"merchant": func(by resale.Actor, v int64) error {
				return d.service.ChangeMerchant(d.ctx, by, merchant, v, "Bango Ltd", "")
			},
			"name": func(by resale.Actor, v int64) error { return d.service.RenameProduct(d.ctx, by, id, v, "Music") },
			"texts": func(by resale.Actor, v int64) error {
				return d.service.SetProductTexts(d.ctx, by, id, v, []resale.ProductText{{Language: "es", Name: "Música"}})
			},
			"data":   func(by resale.Actor, v int64) error { return d.service.SetDefaultData(d.ctx, by, id, v, `{"a": "1"}`) },
			"retire": func(by resale.Actor, v int64) error { return d.service.Retire(d.ctx, by, id, v, true) },
			"offer":  func(by resale.Actor, v int64) error { return d.service.AddOffer(d.ctx, by, id, v, "half", "Half") },
			"rename": func(by resale.Actor, v int64) error {
				return d.service.RenameOffer(d.ctx, by, id, v, d.product.Offers[0].ID, "Trial")
			},
		}
		supervisor := resale.StaffActor(resale.Staff{ID: "s-8", Name: "Sofia", Role: resale.Supervisor})
		for what, edit := range edits {
			if err := edit(supervisor, 0); resale.CodeOf(err) != resale.CodeForbidden {
				d.Errorf("%s by a supervisor: %v", what, err)
			}
			if err := edit(adam, 5); resale.CodeOf(err) != resale.CodeConflict {
				d.Errorf("%s of a version that was never seen: %v", what, err)
			}
		}
		for what, add := range map[string]func(resale.Actor) error{
			"a merchant": func(by resale.Actor) error { _, err := d.service.AddMerchant(d.ctx, by, "NEW", ""); return err },
			"a product": func(by resale.Actor) error {
				_, err := d.service.AddProduct(d.ctx, by, merchant, "New", "")
				return err
			},
		} {
			if err := add(supervisor); resale.CodeOf(err) != resale.CodeForbidden {
				d.Errorf("%s by a supervisor: %v", what, err)
			}
		}
		if told := d.toldOfCatalogue(); len(told) != 0 {
			d.Errorf("what was refused is told: %q", told)
		}

		// Of two who saw the same version, one is told.
		var all sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			all.Go(func() { errs[i] = d.service.RenameProduct(d.ctx, adam, id, 0, "Music "+string(rune('a'+i))) })
		}
		all.Wait()
		stale := 0
		for _, err := range errs {
			if resale.CodeOf(err) == resale.CodeConflict {
				stale++
			} else if err != nil {
				d.Error(err)
			}
		}
		if p := d.product0(); stale != len(errs)-1 || p.Version != 1 || len(d.toldOfCatalogue()) != 1 {
			d.Errorf("%d of %d are stale, version %d, told %q", stale, len(errs), p.Version, d.toldOfCatalogue())
		}
		for _, what := range []string{"texts", "data", "retire", "offer", "rename"} {
			if err := edits[what](adam, d.product0().Version); err != nil {
				d.Errorf("%s: %v", what, err)
			}
			if err := edits[what](adam, d.product0().Version); err != nil && what != "offer" { // as it is already: nothing to tell
				d.Errorf("%s again: %v", what, err)
			}
		}
		if err := edits["merchant"](adam, 0); err != nil {
			d.Error(err)
		}
		p, want := d.product0(), []string{"renamed it from “Bango Music” to", "name in Spanish from nothing to “Música”", `from none to {"a":"1"}`, "retired it",
			"added the offer half", "renamed the offer TestOffer from “Test offer” to “Trial”", "renamed the merchant from “Bango” to “Bango Ltd”"}
		told := d.toldOfCatalogue()
		for i, text := range want {
			if i >= len(told) || !strings.Contains(told[i], text) {
				d.Errorf("told %d is not %q in %q", i, text, told)
			}
		}
		if len(told) != len(want) || p.Version != 6 || p.DefaultData != `{"a":"1"}` || p.Offered() || len(p.Offers) != 2 || p.Merchant.Name != "Bango Ltd" || p.Key != "BangoMusic" {
			d.Errorf("%+v, told %q", p, told)
		}
		if _, err := d.service.AddMerchant(d.ctx, adam, "BANGO", "Twice"); resale.CodeOf(err) != resale.CodeConflict {
			d.Errorf("a key twice: %v", err)
		}
		if _, err := d.service.AddProduct(d.ctx, adam, merchant, "BangoMusic", "Twice"); resale.CodeOf(err) != resale.CodeConflict {
			d.Errorf("a key twice: %v", err)
		}
		if err := d.service.AddOffer(d.ctx, adam, id, p.Version, "half", "Twice"); resale.CodeOf(err) != resale.CodeConflict {
			d.Errorf("a key twice: %v", err)
		}

		// An import renames, which makes what was seen stale, and leaves the rest alone.
		if _, err := d.service.ImportCatalogue(d.ctx, strings.NewReader("merchantAccountKey,merchantName,productKey,productName,offerKey,offerName\n"+
			"BANGO,Bango Ltd,BangoMusic,Imported,half,Half\n")); err != nil {
			d.Fatal(err)
		}
		texts, err := d.store.ProductText(d.ctx, id)
		after := d.product0()
		if err != nil || texts["es"].Name != "Música" || after.Name != "Imported" || after.DefaultData != p.DefaultData || after.Offered() || after.Version != p.Version+1 ||
			after.Merchant.Version != p.Merchant.Version {
			d.Errorf("after an import: %+v, %v, %v", after, texts, err)
		}
	})
}

func TestWhatCustomersReadFallsBack(t *testing.T) {
	p := resale.Product{Name: "BMUSIC 12"}
	texts := map[string]resale.ProductText{"en": {Language: "en", Name: "Music", Help: "Tap."}, "fr": {Language: "fr", Help: "Touchez."}}
	for language, want := range map[string]resale.ProductText{"en": {Name: "Music", Help: "Tap."}, "fr": {Name: "Music", Help: "Touchez."}, "ar": {Name: "Music"}} {
		if want.Language = language; p.Text(texts, language) != want {
			t.Errorf("%s: %+v", language, p.Text(texts, language))
		}
	}
	if got := p.Text(nil, "de"); got.Name != "BMUSIC 12" || got.Help != "" {
		t.Errorf("%+v", got)
	}
}

// A registration link has to pass the portal's rule and its merchant's, whether a reply or a notification brings it.
func TestARegistrationLinkKeepsToItsMerchantsHosts(t *testing.T) {
	onEachStore(t, func(d *desk) {
		if err := d.service.ChangeMerchant(d.ctx, adam, d.product.Merchant.ID, 0, "Bango", "*.music.example\n  signup.example"); err != nil {
			d.Fatal(err)
		}
		if told := d.toldOfCatalogue(); len(told) != 1 || !strings.Contains(told[0], "from what the portal allows to *.music.example,signup.example") {
			d.Errorf("told %q", told)
		}
		answer := mustRegister // of music.example itself, which *.music.example does not name
		d.bango.create = []resale.Answer{answer}
		e := d.create()
		d.step()
		if e = d.is(e, resale.Pending, resale.Manual); e.RegistrationURL != "" || !strings.Contains(e.Message, "not among those that the catalogue has for Bango") {
			d.Errorf("%q, %q", e.RegistrationURL, e.Message)
		}
		link := func(url string) string {
			return `{"responseCode":"OK","responseMessage":"x","parameters":{"action":"NAVIGATE_TO_URL","url":"` + url + `"},"entitlementId":"b-1","customerIdentifier":"cust-1",` +
				`"merchantAccountKey":"BANGO","productKey":"BangoMusic","status":"PENDING","dateLastUpdated":"2026-03-01T12:00:09Z","notificationReason":"X"}`
		}
		d.post(resale.NotificationToken(e), link("https://elsewhere.example/r"))
		if e = d.now(e); e.RegistrationURL != "" {
			d.Errorf("a notification brought %q", e.RegistrationURL)
		}
		d.post(resale.NotificationToken(e), strings.Replace(link("https://a.music.example/r"), ":09Z", ":10Z", 1))
		if e = d.now(e); e.RegistrationURL != "https://a.music.example/r" {
			d.Errorf("the link is %q", e.RegistrationURL)
		}

		answer.ActionURL, answer.Fact.BangoID = "https://signup.example/r/2", "b-2"
		d.bango.create = []resale.Answer{answer}
		e = d.create()
		d.step()
		if e = d.is(e, resale.Pending, resale.Done); e.RegistrationURL != "https://signup.example/r/2" {
			d.Errorf("the link is %q", e.RegistrationURL)
		}
		for _, hosts := range []string{"http://x", "x..y/", strings.Repeat("a.example,", 200)} {
			if err := d.service.ChangeMerchant(d.ctx, adam, d.product.Merchant.ID, 1, "Bango", hosts); resale.CodeOf(err) != resale.CodeInvalid {
				d.Errorf("%.20q: %v", hosts, err)
			}
		}
	})
}

func TestARetiredProductIsNotGivenToAnybodyNew(t *testing.T) {
	onSQLite(t, func(d *desk) {
		d.bango.create = []resale.Answer{active}
		e := d.create()
		d.step()
		if err := d.service.Retire(d.ctx, adam, d.product.ID, 0, true); err != nil {
			d.Fatal(err)
		}
		_, err := d.service.CreateEntitlement(d.ctx, d.ana, resale.NewEntitlement{CustomerID: d.zoe.ID, ProductID: d.product.ID, FormToken: resale.NewFormToken()})
		if resale.CodeOf(err) != resale.CodeInvalid || !strings.Contains(err.Error(), "not offered any more") {
			d.Error(err)
		}
		other, err := d.service.AddProduct(d.ctx, adam, d.product.Merchant.ID, "Other", "")
		if err != nil {
			d.Fatal(err)
		}
		if err := d.service.Retire(d.ctx, adam, other.ID, 0, true); err != nil {
			d.Fatal(err)
		}
		if _, err := d.service.Update(d.ctx, d.ana, e.Ref, resale.NewTerms{ProductID: other.ID}); resale.CodeOf(err) != resale.CodeInvalid {
			d.Errorf("a change to a retired product: %v", err)
		}
		if _, err := d.service.Act(d.ctx, d.ana, e.Ref, resale.KindSuspend, resale.Reason{}); err != nil {
			d.Errorf("one that exists is not as it was: %v", err)
		}
	})
}

func TestNewEntitlementsHaveTheProductsCustomDataUnlessGivenSome(t *testing.T) {
	onSQLite(t, func(d *desk) {
		if err := d.service.SetDefaultData(d.ctx, adam, d.product.ID, 0, `{"channel": "retail"}`); err != nil {
			d.Fatal(err)
		}
		d.bango.create = []resale.Answer{active}
		d.create()
		d.step()
		if got := d.bango.order.Terms.ExtensionData; got != `{"channel":"retail"}` {
			d.Errorf("Bango was given %s", got)
		}
		if _, err := d.service.CreateEntitlement(d.ctx, d.ana, resale.NewEntitlement{CustomerID: d.zoe.ID, ProductID: d.product.ID, FormToken: resale.NewFormToken(),
			ExtensionData: `{"own":"x"}`, Anyway: true}); err != nil {
			d.Fatal(err)
		}
		d.step()
		if got := d.bango.order.Terms.ExtensionData; got != `{"own":"x"}` {
			d.Errorf("Bango was given %s", got)
		}
		if err := d.service.SetDefaultData(d.ctx, adam, d.product.ID, 1, `[1]`); resale.CodeOf(err) != resale.CodeInvalid {
			d.Errorf("a list: %v", err)
		}
	})
}

// The counts of times keep to what they promise: off by a 16th at most.
func TestTimesAreRightToASixteenth(t *testing.T) {
	onSQLite(t, func(d *desk) {
		for _, seconds := range []int64{1, 2, 3, 5, 9, 59, 61, 600, 3599, 86_400, 1_000_000, 30_000_000} {
			p, err := resale.ReadDays(d.ctx, oneTime{d.store, seconds}, "", noon)
			if err != nil {
				d.Fatal(err)
			}
			if off := p.ToActive.Median.Seconds()/float64(seconds) - 1; off < -1./16 || off > 1./16 && seconds > 8 || p.ToActive.N != 1 || p.ToActive.P90 != p.ToActive.Median {
				d.Errorf("%d seconds are shown as %v, off by %.3f", seconds, p.ToActive.Median, off)
			}
		}
	})
}

// oneTime reads as if one entitlement had taken so many seconds.
type oneTime struct {
	resale.PlotReader
	seconds int64
}

func (o oneTime) CohortTallies(context.Context, string, resale.Day, resale.Day) ([]resale.TimeTally, error) {
	l := resale.Life{Created: noon, Activated: noon.Add(time.Duration(o.seconds) * time.Second)}
	for _, t := range l.Tallies() {
		if t.Step == resale.StepToActive {
			return []resale.TimeTally{{Step: t.Step, Detail: t.Detail, N: 1}}, nil
		}
	}
	return nil, nil
}
