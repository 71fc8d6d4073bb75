package resale_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

// update asks for other terms, which must be possible.
func (d *desk) update(e resale.Entitlement, n resale.NewTerms) {
	d.Helper()
	if _, err := d.service.Update(d.ctx, d.ana, e.Ref, n); err != nil {
		d.Fatal(err)
	}
}

// products adds products, named merchant/product, and returns all of the catalogue by such names.
func (d *desk) products(keys ...string) map[string]resale.Product {
	d.Helper()
	file := "merchantAccountKey,merchantName,productKey,productName,offerKey,offerName\n"
	for _, key := range keys {
		merchant, product, _ := strings.Cut(key, "/")
		file += merchant + "," + merchant + "," + product + "," + product + ",,\n"
	}
	if _, err := d.service.ImportCatalogue(d.ctx, strings.NewReader(file)); err != nil {
		d.Fatal(err)
	}
	products, err := d.store.Products(d.ctx)
	if err != nil {
		d.Fatal(err)
	}
	by := map[string]resale.Product{}
	for _, p := range products {
		by[p.Merchant.Key+"/"+p.Key] = p
	}
	return by
}

// changed is an answer in which Bango's record has changed a minute after noon.
func changed(source resale.Source, change func(f *resale.Fact)) resale.Answer {
	a := says(source, resale.Active, 60)
	change(&a.Fact)
	return a
}

var nextYear = noon.AddDate(1, 0, 0)

func TestUpdate(t *testing.T) {
	onEachStore(t, func(d *desk) {
		video := d.products("BANGO/Video")["BANGO/Video"]
		e := d.live()
		d.bango.act = []resale.Answer{changed(resale.FromReply, func(f *resale.Fact) {
			f.ProductKey, f.DateExpiry, f.DisplayName, f.ExtensionData = "Video", nextYear.Add(time.Hour), "Videos!", `{"ticket":"T-10","by":"Ana"}`
		})}
		d.update(e, resale.NewTerms{ProductID: video.ID, CustomerIdentifier: "cust-1", DateExpiry: nextYear, DisplayName: " Videos ", ExtensionData: `{ "ticket": "T-9" }`})
		want := resale.Terms{ProductKey: "Video", DateExpiry: nextYear, DisplayName: "Videos", ExtensionData: `{"ticket":"T-9"}`}
		if r := d.last(e); r.Terms != want || r.Actor.Name != "Ana" {
			d.Errorf("stored %+v of %s", r.Terms, r.Actor.Name)
		}
		d.step()
		if len(d.bango.updated) != 1 || d.bango.updated[0] != want || d.bango.address != "" {
			d.Errorf("Bango was asked for %+v at %q", d.bango.updated, d.bango.address)
		}
		// What holds is what Bango says, not what was asked for.
		now := d.now(e)
		if now.ProductKey != "Video" || now.ProductID != video.ID || now.OfferID != "" || !now.DateExpiry.Equal(nextYear.Add(time.Hour)) ||
			now.DisplayName != "Videos!" || now.ExtensionData != `{"ticket":"T-10","by":"Ana"}` || d.last(e).State != resale.Done {
			d.Errorf("it is %+v after the request %s", now, d.last(e).State)
		}
		events, err := d.store.Events(d.ctx, e.ID, 10)
		if err != nil || events[1].Text != "asked Bango to change the product to Video, the name to Videos, the expiry to 1 March 2027 12:00 UTC, the custom data" {
			d.Errorf("the timeline tells %q, %v", events[1].Text, err)
		}

		// Only what differs is sent.
		same := resale.NewTerms{ProductID: video.ID, CustomerIdentifier: "cust-1", DateExpiry: nextYear.Add(time.Hour), DisplayName: "Videos!", ExtensionData: `{"by":"Ana", "ticket":"T-10"}`}
		name, data := same, same
		name.DisplayName, data.ExtensionData = "Videos", `{"ticket": "T-11"}`
		for _, tt := range []struct {
			n    resale.NewTerms
			sent resale.Terms
		}{{name, resale.Terms{DisplayName: "Videos"}}, {data, resale.Terms{ExtensionData: `{"ticket":"T-11"}`}}} {
			d.bango.updated = nil
			d.update(e, tt.n)
			d.step()
			if len(d.bango.updated) != 1 || d.bango.updated[0] != tt.sent {
				d.Errorf("Bango was asked for %+v, want %+v", d.bango.updated, tt.sent)
			}
		}
	})
}

func TestUpdateRefusals(t *testing.T) {
	onEachStore(t, func(d *desk) {
		films := d.products("FILMS/Films")["FILMS/Films"]
		e := d.live()
		for name, tt := range map[string]struct {
			by    resale.Actor
			ref   string
			n     resale.NewTerms
			code  resale.Code
			field string
			says  string
		}{
			"a viewer":             {d.victor, e.Ref, resale.NewTerms{DisplayName: "x"}, resale.CodeForbidden, "", ""},
			"no such entitlement":  {d.ana, "AAAA-AAAA", resale.NewTerms{DisplayName: "x"}, resale.CodeNotFound, "", ""},
			"no such product":      {d.ana, e.Ref, resale.NewTerms{ProductID: "none"}, resale.CodeNotFound, "", ""},
			"of another merchant":  {d.ana, e.Ref, resale.NewTerms{ProductID: films.ID}, resale.CodeInvalid, "product", "Films is not of the same merchant"},
			"an unknown customer":  {d.ana, e.Ref, resale.NewTerms{CustomerIdentifier: "nobody"}, resale.CodeInvalid, "customer_identifier", "nobody"},
			"nothing":              {d.ana, e.Ref, resale.NewTerms{}, resale.CodeInvalid, "", "Nothing is different"},
			"what it is":           {d.ana, e.Ref, resale.NewTerms{ProductID: d.product.ID, CustomerIdentifier: " cust-1 "}, resale.CodeInvalid, "", "Nothing is different"},
			"an expiry that is by": {d.ana, e.Ref, resale.NewTerms{DateExpiry: noon}, resale.CodeInvalid, "date_expiry", "has passed"},
			"a very late expiry":   {d.ana, e.Ref, resale.NewTerms{DateExpiry: noon.AddDate(21, 0, 0)}, resale.CodeInvalid, "date_expiry", "20 years"},
			"a very long name":     {d.ana, e.Ref, resale.NewTerms{DisplayName: strings.Repeat("ä", 201)}, resale.CodeInvalid, "display_name", "200"},
			"a name on two lines":  {d.ana, e.Ref, resale.NewTerms{DisplayName: "a\nb"}, resale.CodeInvalid, "display_name", "cannot be shown"},
			"no JSON":              {d.ana, e.Ref, resale.NewTerms{ExtensionData: "T-9"}, resale.CodeInvalid, "extension_data", "JSON object"},
			"a list":               {d.ana, e.Ref, resale.NewTerms{ExtensionData: `["T-9"]`}, resale.CodeInvalid, "extension_data", "JSON object"},
			"too much":             {d.ana, e.Ref, resale.NewTerms{ExtensionData: `{"a":"` + strings.Repeat("a", 4096) + `"}`}, resale.CodeInvalid, "extension_data", "4096"},
		} {
			_, err := d.service.Update(d.ctx, tt.by, tt.ref, tt.n)
			var field string
			if e, ok := err.(*resale.Error); ok {
				field = e.Field
			}
			if resale.CodeOf(err) != tt.code || field != tt.field || err != nil && !strings.Contains(err.Error(), tt.says) {
				d.Errorf("%s: %v, field %q", name, err, field)
			}
		}
		if r := d.last(e); r.Kind != resale.KindCreate {
			d.Errorf("a request to %s was stored", r.Kind)
		}
	})
}

// While an entitlement is on its way to another customer Bango may speak of either; then it belongs to that customer.
func TestMovingToAnotherCustomer(t *testing.T) {
	onEachStore(t, func(d *desk) {
		yann, err := d.service.AddCustomer(d.ctx, d.ana, resale.Customer{Identifier: "cust-2", Name: "Yann"})
		if err != nil {
			d.Fatal(err)
		}
		e := d.live()
		notify := func(identifier string, status resale.Status, seconds int) resale.Notification {
			d.Helper()
			d.post(resale.NotificationToken(e), fmt.Sprintf(`{"entitlementId":"b-1","customerIdentifier":%q,"merchantAccountKey":"BANGO",`+
				`"productKey":"BangoMusic","status":%q,"dateLastUpdated":%q}`, identifier, status, noon.Add(time.Duration(seconds)*time.Second).Format(time.RFC3339)))
			kept, err := d.store.Notifications(d.ctx, 1)
			if err != nil || len(kept) != 1 {
				d.Fatal(err)
			}
			return kept[0]
		}
		if n := notify("cust-2", resale.Active, 1); n.State != resale.NotificationParked {
			d.Errorf("before the update, one of somebody else is %s", n.State)
		}
		d.update(e, resale.NewTerms{CustomerIdentifier: "cust-2"})
		if now := d.now(e); now.NextIdentifier != "cust-2" || now.CustomerIdentifier != "cust-1" || now.CustomerID != d.zoe.ID {
			d.Errorf("asked for, it belongs to %s, next %q", now.CustomerIdentifier, now.NextIdentifier)
		}
		if n := notify("cust-1", resale.Suspended, 10); n.Effect != resale.EffectChanged || d.now(e).CustomerID != d.zoe.ID {
			d.Errorf("meanwhile, one of the first customer is %s/%s", n.State, n.Effect)
		}
		d.bango.act = []resale.Answer{refused}
		d.bango.read = resale.Answer{Verdict: resale.VerdictDone, Fact: record(resale.FromRecord, resale.Suspended, 10)}
		d.steps()
		if now := d.now(e); now.NextIdentifier != "" || now.CustomerIdentifier != "cust-1" || d.last(e).State != resale.Denied {
			d.Errorf("refused, it belongs to %s, next %q; the request is %s", now.CustomerIdentifier, now.NextIdentifier, d.last(e).State)
		}
		if n := notify("cust-2", resale.Active, 20); n.State != resale.NotificationParked {
			d.Errorf("refused, one of somebody else is %s", n.State)
		}

		// Once more, and Bango's notification is faster than its answer.
		d.update(e, resale.NewTerms{CustomerIdentifier: "cust-2"})
		if n := notify("cust-2", resale.Active, 30); n.State != resale.NotificationApplied || n.Effect != resale.EffectChanged {
			d.Errorf("on its way, one of the new customer is %s/%s", n.State, n.Effect)
		}
		now := d.now(e)
		if now.CustomerIdentifier != "cust-2" || now.CustomerID != yann.ID || now.NextIdentifier != "" || now.Status != resale.Active {
			d.Errorf("it belongs to %s (%s), next %q", now.CustomerIdentifier, now.CustomerID, now.NextIdentifier)
		}
		d.bango.act = []resale.Answer{changed(resale.FromReply, func(f *resale.Fact) { f.CustomerIdentifier, f.DateLastUpdated = "cust-2", noon.Add(30*time.Second) })}
		d.step()
		if r := d.last(e); r.State != resale.Done {
			d.Errorf("the request is %s: %s", r.State, r.Message)
		}
		if n := notify("cust-1", resale.Suspended, 40); n.State != resale.NotificationParked {
			d.Errorf("afterwards, one of the first customer is %s", n.State)
		}
		if his, err := d.store.EntitlementsOf(d.ctx, yann.ID, 10); err != nil || len(his) != 1 || his[0].ID != e.ID {
			d.Errorf("Yann has %v, %v", his, err)
		}
	})
}

// A change of product that nobody here asked for arrives by notification.
func TestProductUpdateNotification(t *testing.T) {
	onEachStore(t, func(d *desk) {
		video := d.products("BANGO/Video")["BANGO/Video"]
		e := d.live()
		post := func(product string, seconds int) {
			d.post(resale.NotificationToken(e), fmt.Sprintf(`{"entitlementId":"b-1","customerIdentifier":"cust-1","merchantAccountKey":"BANGO","productKey":%q,`+
				`"status":"ACTIVE","dateLastUpdated":%q,"notificationReason":"PRODUCT_UPDATE"}`, product, noon.Add(time.Duration(seconds)*time.Second).Format(time.RFC3339)))
		}
		post("Video", 60)
		if now := d.now(e); now.ProductKey != "Video" || now.ProductID != video.ID {
			d.Errorf("it is of %s (%s)", now.ProductKey, now.ProductID)
		}
		post("NotInTheCatalogue", 120)
		if now := d.now(e); now.ProductKey != "NotInTheCatalogue" || now.ProductID != video.ID {
			d.Errorf("it is of %s (%s)", now.ProductKey, now.ProductID)
		}
	})
}

func TestTheSameUpdateCountsOnce(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.live()
		n := resale.NewTerms{DateExpiry: nextYear, DisplayName: "Music", ExtensionData: `{"b":1, "a":2}`}
		for range 3 {
			d.update(e, n)
		}
		n.DisplayName = "Other music"
		if _, err := d.service.Update(d.ctx, d.ana, e.Ref, n); resale.CodeOf(err) != resale.CodeConflict || !strings.Contains(err.Error(), "an update is under way") {
			d.Errorf("another one beside it: %v", err)
		}
		d.bango.act = []resale.Answer{silence, changed(resale.FromReply, func(f *resale.Fact) { f.DisplayName = "Music" })}
		d.bango.read = silence
		d.steps()
		if len(d.bango.updated) != 2 || d.bango.updated[0] != d.bango.updated[1] || d.bango.acted[0] != d.bango.acted[1] {
			d.Errorf("Bango was asked %q for %+v", d.bango.acted, d.bango.updated)
		}
	})
}

// Where nobody heard whether an update was done, Bango's record shows it: all of it, or it was not done.
func TestUpdateSettledByReading(t *testing.T) {
	all := func(f *resale.Fact) {
		f.DisplayName, f.ExtensionData, f.DateExpiry = "Music", `{"b":2,"a":1}`, nextYear
	}
	with := func(change func(f *resale.Fact)) resale.Answer {
		return changed(resale.FromRecord, func(f *resale.Fact) { all(f); change(f) })
	}
	for name, tt := range map[string]struct {
		read  resale.Answer
		state resale.RequestState
	}{
		"all of it":          {with(func(*resale.Fact) {}), resale.Done},
		"another name":       {with(func(f *resale.Fact) { f.DisplayName = "" }), resale.Denied},
		"another expiry":     {with(func(f *resale.Fact) { f.DateExpiry = nextYear.Add(time.Second) }), resale.Denied},
		"other custom data":  {with(func(f *resale.Fact) { f.ExtensionData = `{"a":1}` }), resale.Denied},
		"nothing is changed": {says(resale.FromRecord, resale.Active, 0), resale.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			onEachStore(t, func(d *desk) {
				e := d.live()
				d.bango.act, d.bango.read = []resale.Answer{silence, refused}, tt.read
				d.update(e, resale.NewTerms{DisplayName: "Music", ExtensionData: `{"a":1,"b":2}`, DateExpiry: nextYear})
				d.steps()
				if r := d.last(e); r.State != tt.state {
					d.Errorf("the request is %s: %s", r.State, r.Message)
				}
				if shown := d.now(e).DisplayName; (shown == "Music") != (tt.read.Fact.DisplayName == "Music") {
					d.Errorf("it is called %q", shown)
				}
			})
		})
	}
}

func TestUndo(t *testing.T) {
	onEachStore(t, func(d *desk) {
		e := d.live()
		ending := says(resale.FromReply, resale.ActiveEnding, 60)
		ending.Fact.DateEnded = noon.Add(30 * 24 * time.Hour)
		d.bango.act = []resale.Answer{ending, says(resale.FromReply, resale.Active, 120)}
		d.ask(e, resale.KindCancel, notRenewed)
		d.step()
		if now := d.now(e); now.Status != resale.ActiveEnding || !now.DateEnded.Equal(ending.Fact.DateEnded) {
			d.Fatalf("it is %s until %s", now.Status, now.DateEnded)
		}
		d.ask(e, resale.KindUndo, resale.Reason{})
		d.step()
		if now := d.now(e); now.Status != resale.Active || !now.DateEnded.IsZero() || d.last(e).State != resale.Done {
			d.Errorf("it is %s until %s after the request %s", now.Status, now.DateEnded, d.last(e).State)
		}
	})
}

func TestCustomData(t *testing.T) {
	for lines, want := range map[string]string{
		"":                      "",
		" \r\n\n":               "",
		"b=2\r\na = one=two \n": `{"a":"one=two","b":"2"}`,
		"a=":                    `{"a":""}`,
		"a":                     "!",
		"=a":                    "!",
		"a=1\n a =2":            "!",
	} {
		got, err := resale.CustomData(lines)
		if want == "!" && resale.CodeOf(err) == resale.CodeInvalid {
			continue
		}
		if got != want || err != nil {
			t.Errorf("%q is %s, %v; want %s", lines, got, err, want)
		}
	}
}
