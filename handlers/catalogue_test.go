package handlers

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"latchkey/resale"
)

// version is that of a product, as a form has it.
func (p *portal) version(productID string) string {
	p.t.Helper()
	product, err := p.store.Product(p.t.Context(), productID)
	if err != nil {
		p.t.Fatal(err)
	}
	return strconv.FormatInt(product.Version, 10)
}

func TestTheCatalogueIsChangedByForms(t *testing.T) {
	p := openPortal(t, with{})
	admin := p.as(resale.Admin)
	product := p.products[0]
	address := "/catalogue/" + product.ID
	edit := func(what string, fields ...string) response {
		in := url.Values{"version": {p.version(product.ID)}}
		for i := 0; i < len(fields); i += 2 {
			in.Set(fields[i], fields[i+1])
		}
		return admin.post(address+"/"+what, in)
	}

	at := admin.post("/catalogue/merchants", url.Values{"merchant_key": {"NEW"}, "name": {"Newcomer"}}).must(t, http.StatusSeeOther).Header.Get("Location")
	merchant := strings.TrimPrefix(at, "/catalogue#merchant-")
	added := admin.post("/catalogue/merchants/"+merchant+"/products", url.Values{"product_key": {"First"}}).must(t, http.StatusSeeOther)
	if page := admin.get(added.Header.Get("Location")).must(t, 200).page(t); page.Find("h1").Text() != "First" || !strings.Contains(page.Text(), "added the product First") {
		t.Error("the new product's page does not tell of it")
	}
	admin.post("/catalogue/merchants/"+merchant, url.Values{"name": {"Newcomers"}, "link_hosts": {"a.example\n*.b.example"}, "version": {"0"}}).
		leadsTo(t, "/catalogue#merchant-"+merchant)

	edit("name", "name", "Music").leadsTo(t, address+"#name")
	edit("texts", "name_en", "Your music", "help_es", "Toca «Continuar».\n Listo.", "name_ar", "موسيقاك").leadsTo(t, address+"#texts")
	edit("data", "data_name_1", "channel", "data_value_1", "retail").leadsTo(t, address+"#data")
	edit("offers", "offer_key", "half", "offer_name", "Half the price").leadsTo(t, address+"#offers")
	edit("offers/"+product.Offers[0].ID, "offer_name", "Three free months").leadsTo(t, address+"#offer-"+product.Offers[0].ID)
	page := admin.get(address).must(t, 200).page(t)
	value := func(field string) string {
		found := page.Find(`[name="` + field + `"]`)
		return found.AttrOr("value", found.Text())
	}
	for field, want := range map[string]string{"name": "Music", "name_en": "Your music", "help_es": "Toca «Continuar». Listo.", "name_ar": "موسيقاك",
		"data_name_1": "channel", "data_value_1": "retail"} {
		if value(field) != want {
			t.Errorf("%s holds %q, not %q", field, value(field), want)
		}
	}
	for _, said := range []string{"from “Bango Music Premium” to “Music”", "in Spanish from nothing to “Toca", `from none to {"channel":"retail"}`, "added the offer half",
		"from “Three months free” to “Three free months”"} {
		if !strings.Contains(page.Find("#timeline").Text(), said) {
			t.Errorf("the changes do not tell %q", said)
		}
	}
	if list := admin.get("/catalogue").body; !strings.Contains(list, "English, Español, العربية") || !strings.Contains(list, "a.example, *.b.example") {
		t.Error("the list does not tell in which languages customers read of it, or where links may lead")
	}

	// What is given by nobody is sent, and what is retired is not offered.
	e := p.addEntitlement()
	if requests, err := p.store.RequestsOf(t.Context(), e.ID, 1); err != nil || requests[0].Terms.ExtensionData != `{"channel":"retail"}` {
		t.Errorf("%+v, %v", requests, err)
	}
	edit("retire", "retired", "yes").leadsTo(t, address+"#retire")
	if form := p.as(resale.Agent).get("/entitlements/new?customer="+p.customer.ID).must(t, 200).page(t); form.Find(`[value^="`+product.ID+`"]`).Length() != 0 {
		t.Error("a retired product is offered")
	}
	sent := p.as(resale.Agent).post("/entitlements", url.Values{"customer": {p.customer.ID}, "product": {product.ID}, "form_token": {resale.NewFormToken()}})
	if sent.must(t, http.StatusUnprocessableEntity); !strings.Contains(sent.body, "not offered any more") {
		t.Error("the page does not say why")
	}
	p.as(resale.Viewer).get("/entitlements/"+e.Ref).must(t, 200)
	edit("retire", "retired", "no").leadsTo(t, address+"#retire")
	if p.as(resale.Supervisor).get(address).must(t, 200).page(t).Find(`form[method="post"][action^="/catalogue"]`).Length() != 0 {
		t.Error("a supervisor is shown forms that only an admin may send")
	}
}

func TestACatalogueFormThatIsNotAcceptedSaysWhyAndKeepsWhatWasTyped(t *testing.T) {
	p := openPortal(t, with{})
	admin := p.as(resale.Admin)
	product := p.products[0]
	address := "/catalogue/" + product.ID
	for _, try := range []struct {
		path, fields string
		status       int
		says, keeps  string
	}{
		{"/catalogue/merchants", "merchant_key=BANGO&name=Another", 409, "already", "Another"},
		{"/catalogue/merchants", "name=Another", 422, "missing", "Another"},
		{"/catalogue/merchants/" + product.Merchant.ID, "version=0&name=B&link_hosts=ok.example,https://x", 422, "not a host", "https://x"},
		{"/catalogue/merchants/" + product.Merchant.ID, "version=7&name=Bee", 409, "Somebody has changed", "Bee"},
		{"/catalogue/merchants/" + product.Merchant.ID + "/products", "product_key=BangoMusic", 409, "already", "BangoMusic"},
		{address + "/name", "version=0&name=" + strings.Repeat("x", 300), 422, "longer than", "xxx"},
		{address + "/name", "version=3&name=Stale", 409, "Somebody has changed", "Stale"},
		{address + "/name", "name=NoVersion", 422, "not one of ours", "NoVersion"},
		{address + "/texts", "version=0&name_en=Kept&help_fr=" + strings.Repeat("é", 501), 422, "longer than 500", "Kept"},
		{address + "/data", "version=0&data_name_1=a&data_value_1=1&data_name_2=a", 422, "twice", "a"},
		{address + "/data", "version=0&data_value_3=alone", 422, "no name", "alone"},
		{address + "/data", "version=0&data_name_1=a%3Db&data_value_1=1", 422, "= in it", "a=b"},
		{address + "/offers", "version=0&offer_key=trial", 409, "already", "trial"},
		{address + "/retire", "version=0&retired=maybe", 422, "not one of ours", ""},
	} {
		got := admin.send("POST", try.path, formType, try.fields).must(t, try.status)
		page := got.page(t)
		if fault := page.Find("#fault").Text(); !strings.Contains(fault, try.says) {
			t.Errorf("%s %s: the page says %q", try.path, try.fields, fault)
		}
		if page.Find(`main [value^="`+try.keeps+`"], main textarea:contains("`+try.keeps+`")`).Length() == 0 {
			t.Errorf("%s %s: the page does not keep %q", try.path, try.fields, try.keeps)
		}
	}
	for _, path := range []string{"/catalogue/x", "/catalogue/00000000-0000-7000-8000-000000000009"} {
		admin.get(path).must(t, http.StatusNotFound)
	}
	admin.post(address+"/offers/"+product.ID, url.Values{"version": {"0"}, "offer_name": {"x"}}).must(t, http.StatusNotFound)
	if after, err := p.store.Products(t.Context()); err != nil || after[0].Name != product.Name || after[0].Version != 0 || len(after[0].Offers) != 1 {
		t.Errorf("something was changed: %+v, %v", after[0], err)
	}
}
