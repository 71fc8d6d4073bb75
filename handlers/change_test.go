package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

func TestAChangeIsStored(t *testing.T) {
	p := openPortal(t, with{})
	p.hub.Shutdown() // nobody waits for Bango's word
	other := p.addCustomer(resale.Customer{Identifier: "user-2"})
	expires := time.Now().UTC().AddDate(0, 1, 0).Truncate(time.Minute)
	now := resale.Terms{DateExpiry: expires.Add(time.Hour + 7*time.Second), DisplayName: "Zoë's music", ExtensionData: `{"ticket":"T-9","url":"https://a.example/?b=c"}`}
	for name, tt := range map[string]struct {
		change url.Values // what is typed over what the form holds
		terms  resale.Terms
	}{
		"product":     {url.Values{"product": {p.products[1].ID}}, resale.Terms{ProductKey: p.products[1].Key}},
		"customer":    {url.Values{"customer_identifier": {" user-2 "}}, resale.Terms{CustomerIdentifier: other.Identifier}},
		"expiry":      {url.Values{"date_expiry": {expires.Format("2006-01-02T15:04")}}, resale.Terms{DateExpiry: expires}},
		"name":        {url.Values{"display_name": {"Ours <b>"}}, resale.Terms{DisplayName: "Ours <b>"}},
		"custom data": {url.Values{"extension_data": {"a = 1\r\n\r\nb=2=3\n"}}, resale.Terms{ExtensionData: `{"a":"1","b":"2=3"}`}},
		"several": {url.Values{"display_name": {"Ours"}, "date_expiry": {""}, "extension_data": {""}, "customer_identifier": {""}},
			resale.Terms{DisplayName: "Ours"}},
	} {
		e := p.change(p.settled(resale.Active), func(e *resale.Entitlement) {
			e.DateExpiry, e.DisplayName, e.ExtensionData = now.DateExpiry, now.DisplayName, now.ExtensionData
		})
		b := p.as(resale.Agent)
		form := b.get("/entitlements/"+e.Ref+"/change").must(t, http.StatusOK).page(t).Find(`form[action="/entitlements/` + e.Ref + `/update"]`)
		fields := url.Values{"product": {form.Find("option[selected]").AttrOr("value", "")}, "extension_data": {form.Find("textarea").Text()}}
		for _, field := range []string{"customer_identifier", "date_expiry", "display_name"} {
			fields.Set(field, form.Find("input[name="+field+"]").AttrOr("value", ""))
		}
		// What the form holds is what there is: sent as it is, nothing is asked for.
		page := b.post("/entitlements/"+e.Ref+"/update", fields).must(t, http.StatusUnprocessableEntity).page(t)
		if says := page.Find(".error").Text(); !strings.Contains(says, "Nothing is different") {
			t.Fatalf("%s: %v says %q", name, fields, says)
		}
		for field, value := range tt.change {
			fields[field] = value
		}
		b.post("/entitlements/"+e.Ref+"/update", fields).leadsTo(t, "/entitlements/"+e.Ref)
		if r, n := p.newest(e); n != 2 || r.Kind != resale.KindUpdate || r.Terms != tt.terms {
			t.Errorf("%s: %d requests, the newest is %+v", name, n, r)
		}
		if name == "name" {
			page := b.get("/entitlements/" + e.Ref).page(t)
			if !strings.Contains(page.Find("#signup dl").First().Text(), "Ours <b>") || page.Find("main b").Length() > 0 {
				t.Error("the page does not show the terms of the request as text")
			}
		}
	}
}

func TestABadChangeIsTurnedDownByField(t *testing.T) {
	p := openPortal(t, with{})
	e := p.settled(resale.Active)
	before := p.state(e)
	const marked = `<img src=x onerror=alert(1)>`
	for name, tt := range map[string]struct{ field, value, saying string }{
		"an unknown customer":   {"customer_identifier", "nobody", "no customer with the identifier"},
		"an expiry in the past": {"date_expiry", "2020-01-01T00:00", "has passed"},
		"no date":               {"date_expiry", "tomorrow", "not a date and time"},
		"a long name":           {"display_name", strings.Repeat("ö", resale.MaxDisplayName+1), "longer"},
		"NUL in the name":       {"display_name", "a\x00b", "cannot be shown"},
		"no line of data":       {"extension_data", "a=1\nrubbish", "not of the form name=value"},
		"a name twice":          {"extension_data", "a=1\na=2", "twice"},
		"much data":             {"extension_data", "a=" + strings.Repeat("x", resale.MaxExtensionData), "longer"},
	} {
		fields := url.Values{"product": {p.products[1].ID}, "customer_identifier": {"user-1"}, "date_expiry": {"2031-02-03T04:05"},
			"display_name": {marked}, "extension_data": {"\na=</textarea>" + marked}}
		fields.Set(tt.field, tt.value)
		page := p.as(resale.Agent).post("/entitlements/"+e.Ref+"/update", fields).must(t, http.StatusUnprocessableEntity).page(t)
		form := page.Find(`form[action="/entitlements/` + e.Ref + `/update"]`)
		if got := form.Find(".wrong").Find("input, textarea").AttrOr("name", ""); got != tt.field || page.Find(".wrong").Length() != 1 {
			t.Errorf("%s: the form marks %q", name, got)
		}
		if says := page.Find(".error").Text(); !strings.Contains(says, tt.saying) {
			t.Errorf("%s: the page says %q", name, says)
		}
		if form.Find("option[selected]").AttrOr("value", "") != p.products[1].ID {
			t.Errorf("%s: the product is not kept", name)
		}
		for field, want := range map[string]string{"date_expiry": "2031-02-03T04:05", "display_name": marked} {
			if got := form.Find("input[name="+field+"]").AttrOr("value", ""); field != tt.field && strings.Trim(tt.value, "\x00") == tt.value && got != want {
				t.Errorf("%s: the %s is not kept: %q", name, field, got)
			}
		}
		if got := form.Find("textarea").Text(); tt.field == "date_expiry" && strings.TrimSpace(got) != "a=</textarea>"+marked {
			t.Errorf("%s: the custom data is not kept: %q", name, got)
		}
		if page.Find("img[onerror]").Length() > 0 {
			t.Errorf("%s: what was typed is no text", name)
		}
	}
	p.as(resale.Agent).send("POST", "/entitlements/"+e.Ref+"/update", "application/json", "{}").must(t, http.StatusUnsupportedMediaType)
	if after := p.state(e); after != before {
		t.Errorf("something was stored:\n%s\n%s", before, after)
	}
	ended := p.settled(resale.Revoked)
	b := p.as(resale.Agent)
	if text := b.get("/entitlements/" + ended.Ref + "/change").page(t).Find("main").Text(); !strings.Contains(text, "Not possible: it has ended") {
		t.Errorf("the page of an ended one says %q", text)
	}
	if says := b.post("/entitlements/"+ended.Ref+"/update", url.Values{"display_name": {"x"}}).must(t, http.StatusConflict).page(t).Find(".error").Text(); !strings.Contains(says, "it has ended") {
		t.Errorf("the change of an ended one says %q", says)
	}
}

func TestCustomDataThatLinesCannotSayStays(t *testing.T) {
	p := openPortal(t, with{})
	p.hub.Shutdown()
	for _, data := range []string{`{"a":{"b":1}}`, `{"a":null}`, `["x"]`, `"text"`, `{" a":"1"}`, `{"a":"line\nb=2"}`, `{"a=b":"1"}`, `{"":"1"}`} {
		e := p.change(p.settled(resale.Active), func(e *resale.Entitlement) { e.ExtensionData = data })
		page := p.as(resale.Agent).get("/entitlements/" + e.Ref + "/change").page(t)
		if page.Find("textarea").Text() != "" || page.Find("form pre").Length() != 1 {
			t.Errorf("%s: the form holds %q", data, page.Find("textarea").Text())
		}
		p.as(resale.Agent).post("/entitlements/"+e.Ref+"/update", url.Values{"display_name": {"x"}}).must(t, http.StatusSeeOther)
		if r, _ := p.newest(e); r.Terms != (resale.Terms{DisplayName: "x"}) {
			t.Errorf("%s: asked for %+v", data, r.Terms)
		}
	}
}

func TestAnExpiryThatHasPassedIsNoFaultOfTheForm(t *testing.T) {
	p := openPortal(t, with{})
	p.hub.Shutdown()
	e := p.change(p.settled(resale.Active), func(e *resale.Entitlement) { e.DateExpiry = time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC) })
	p.as(resale.Agent).post("/entitlements/"+e.Ref+"/update", url.Values{"date_expiry": {"2026-01-02T03:04"}, "display_name": {"x"}}).must(t, http.StatusSeeOther)
}

func TestCreateWithTerms(t *testing.T) {
	p := openPortal(t, with{})
	p.hub.Shutdown()
	b := p.as(resale.Agent)
	if _, open := b.get("/entitlements/new?customer=" + p.customer.ID).page(t).Find("details#more").Attr("open"); open {
		t.Error("what few need is open")
	}
	fields := url.Values{"customer": {p.customer.ID}, "product": {p.products[0].ID}, "form_token": {resale.NewFormToken()},
		"date_expiry": {"2020-01-01T00:00"}, "display_name": {`"Zoë" <b>`}, "extension_data": {"ticket=T-9"}}
	page := b.post("/entitlements", fields).must(t, http.StatusUnprocessableEntity).page(t)
	more := page.Find("details#more[open]")
	if more.Find(".wrong input").AttrOr("name", "") != "date_expiry" || more.Find("input[name=display_name]").AttrOr("value", "") != `"Zoë" <b>` ||
		more.Find("textarea").Text() != "ticket=T-9" || page.Find("input[name=product][checked]").AttrOr("value", "") != p.products[0].ID ||
		page.Find("input[name=form_token]").AttrOr("value", "") != fields.Get("form_token") {
		html, _ := page.Find("form[action='/entitlements']").Html()
		t.Fatalf("the form is not kept: %s", html)
	}
	fields.Set("date_expiry", "2031-02-03T04:05")
	b.post("/entitlements", fields).must(t, http.StatusSeeOther)
	e, err := p.store.EntitlementByFormToken(t.Context(), fields.Get("form_token"))
	if err != nil {
		t.Fatal(err)
	}
	r, _ := p.newest(e)
	if want := (resale.Terms{DateExpiry: time.Date(2031, 2, 3, 4, 5, 0, 0, time.UTC), DisplayName: `"Zoë" <b>`, ExtensionData: `{"ticket":"T-9"}`}); r.Terms != want {
		t.Errorf("Bango is asked for %+v", r.Terms)
	}
}

func TestTheFactsOfAnEntitlement(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Agent)
	const marked = `<script>alert(1)</script>`
	until := time.Now().UTC().Add(time.Hour).Truncate(time.Second)
	e := p.change(p.settled(resale.Pending), func(e *resale.Entitlement) {
		e.DisplayName, e.ExtensionData, e.Message, e.RegistrationExpires = marked, `{"reasonCode":"`+marked+`","n":{"a":1}}`, "Bango has no record of this "+marked, until
	})
	page := b.get("/entitlements/"+e.Ref).must(t, http.StatusOK).page(t)
	facts := page.Find("#facts").Text()
	for _, want := range []string{marked, "reasonCode: " + marked, `n: {"a":1}`} {
		if !strings.Contains(facts, want) {
			t.Errorf("the facts lack %q: %s", want, facts)
		}
	}
	if !strings.Contains(page.Find("#state .note.warn").Text(), "no record of this "+marked) || page.Find("main script").Length() > 0 {
		t.Error("the message is not shown as text")
	}
	if !strings.Contains(page.Find("#signup").Text(), "valid until "+until.Format("2006-01-02 15:04:05")) {
		t.Error("the page does not say until when the link is valid")
	}
	// One that is ending says until when, and can be kept.
	e = p.change(p.settled(resale.ActiveEnding), func(e *resale.Entitlement) { e.DateEnded = until })
	note := b.get("/entitlements/" + e.Ref).page(t).Find("#state .note")
	if !strings.Contains(note.Text(), until.Format("2006-01-02 15:04:05")) || note.Find(`form[action$="/undo"] button`).Text() != "Keep it" {
		t.Errorf("the page of one that is ending says %q", note.Text())
	}
}

func TestARefusedOneLeadsToWhatTheCustomerHas(t *testing.T) {
	p := openPortal(t, with{})
	has, ended, refused := p.settled(resale.Active), p.settled(resale.Cancelled), p.settled(resale.Active)
	other := p.addCustomer(resale.Customer{Identifier: "user-2"})
	theirs := p.change(p.settled(resale.Active), func(e *resale.Entitlement) { e.CustomerID = other.ID })
	refused = p.change(refused, func(e *resale.Entitlement) { e.Status = resale.Refused })
	note := p.as(resale.Viewer).get("/entitlements/" + refused.Ref).page(t).Find("#state .note.bad")
	if note.Find(`a[href="/entitlements/`+has.Ref+`"]`).Length() != 1 {
		t.Errorf("it does not lead to %s", has.Ref)
	}
	for _, e := range []resale.Entitlement{ended, refused, theirs} {
		if note.Find(`a[href="/entitlements/`+e.Ref+`"]`).Length() != 0 {
			t.Errorf("it leads to %s, which is %s", e.Ref, e.Status)
		}
	}
}
