package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"latchkey/resale"
)

// order is what the form for a new entitlement sends.
func (p *portal) order(extra ...string) url.Values {
	fields := url.Values{"customer": {p.customer.ID}, "product": {p.products[0].ID}, "form_token": {resale.NewFormToken()}}
	for i := 0; i < len(extra); i += 2 {
		fields.Set(extra[i], extra[i+1])
	}
	return fields
}

func TestTheSecondPersonHasToMeanIt(t *testing.T) {
	p := openPortal(t, with{})
	p.hub.Shutdown()
	first := p.as(resale.Agent).post("/entitlements", p.order()).must(t, http.StatusSeeOther).Header.Get("Location")
	b := p.as(resale.Supervisor)
	if says := b.get("/entitlements/new?customer=" + p.customer.ID).page(t).Find("#has").Text(); !strings.Contains(says, "agent started this") {
		t.Errorf("before anything is sent, the form says %q", says)
	}
	second := p.order("display_name", "Kept")
	page := b.post("/entitlements", second).must(t, http.StatusConflict).page(t)
	note := page.Find("#started")
	if says := note.Text(); !strings.Contains(says, "agent started this") || note.Find("time").Length() != 1 || note.Find(`[data-status=REQUESTED]`).Length() != 1 {
		t.Errorf("the note says %q", says)
	}
	if watch := note.Find("a[autofocus]").AttrOr("href", ""); watch != first {
		t.Errorf("it leads to %q, not %q", watch, first)
	}
	form := page.Find(`form[action="/entitlements"]`)
	if form.Find(`input[name=form_token]`).AttrOr("value", "") != second.Get("form_token") || form.Find("input:checked").AttrOr("value", "") != p.products[0].ID ||
		form.Find(`input[name=display_name]`).AttrOr("value", "") != "Kept" {
		t.Error("the form has lost what was typed")
	}
	if buttons := form.Find("button"); buttons.Length() != 1 || buttons.AttrOr("name", "") != "anyway" {
		t.Errorf("the form has %d buttons", buttons.Length())
	}
	own := p.as(resale.Agent).post("/entitlements", p.order()).must(t, http.StatusConflict).page(t).Find("#started").Text()
	if !strings.Contains(own, "You started this") {
		t.Errorf("another tab of the same person says %q", own)
	}
	if of, err := p.store.EntitlementsOf(t.Context(), p.customer.ID, 10); err != nil || len(of) != 1 {
		t.Fatalf("%d entitlements, %v", len(of), err)
	}
	second.Set("anyway", "1")
	if meant := b.post("/entitlements", second).must(t, http.StatusSeeOther).Header.Get("Location"); meant == first {
		t.Error("what was meant leads to the first one")
	}
}

func TestTheFormSaysWhatTheCustomerHas(t *testing.T) {
	p := openPortal(t, with{})
	pending, waiting, active, cancelled := p.settled(resale.Pending), p.settled(resale.Pending), p.settled(resale.Active), p.settled(resale.Cancelled)
	p.change(waiting, func(e *resale.Entitlement) { e.RegistrationURL = "" })
	page := p.as(resale.Agent).get("/entitlements/new?customer="+p.customer.ID).must(t, http.StatusOK).page(t)
	for ref, tt := range map[string]struct {
		says string
		form bool
	}{pending.Ref: {"Send a fresh link instead", true}, waiting.Ref: {"nothing for the customer to do", false}, active.Ref: {"Bango will refuse a second one", false}} {
		line := page.Find(`#has li:has([data-ref="` + ref + `"])`)
		if !strings.Contains(line.Text(), tt.says) || line.Find("time").Length() != 1 || line.Find(`a[href="/entitlements/`+ref+`"]`).Length() != 1 {
			t.Errorf("of %s the form says %q", ref, line.Text())
		}
		if action, found := line.Find("form").Attr("action"); found != tt.form || found && action != "/entitlements/"+ref+"/refresh" {
			t.Errorf("the button of %s leads to %q", ref, action)
		}
	}
	if strings.Contains(page.Find("#has").Text(), cancelled.Ref) || page.Find(`#has [data-ref="`+cancelled.Ref+`"]`).Length() > 0 {
		t.Error("what has ended is in the way")
	}
	// Enter in the form presses its first button.
	if first := page.Find(`form[action="/entitlements"] button`).First(); first.Text() != "Ask Bango to create it" {
		t.Errorf("Enter presses %q", first.Text())
	}
	if page.Find("[autofocus]").Length() != 1 || page.Find("[data-narrows] input[autofocus]").Length() != 1 {
		t.Error("the focus is not in the box that narrows")
	}
	if page.Find(`#choices label:contains("here")`).Length() != 3 {
		t.Error("the choices do not say what the customer has at their merchant")
	}
}

func TestMostUsedProductsComeFirst(t *testing.T) {
	p := openPortal(t, with{})
	var rows strings.Builder
	rows.WriteString("merchantAccountKey,merchantName,productKey,productName,offerKey,offerName\n")
	for _, key := range strings.Fields("A B C D E F G H") {
		rows.WriteString("M" + key + ",Merchant " + key + "," + key + ",Product " + key + ",,\n")
	}
	if _, err := p.service.ImportCatalogue(t.Context(), strings.NewReader(rows.String())); err != nil {
		t.Fatal(err)
	}
	products, err := p.store.Products(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, product := range products {
		for range map[string]int{"H": 3, "C": 2, "G": 1}[product.Key] {
			if _, err := p.service.CreateEntitlement(t.Context(), resale.StaffActor(p.staff[resale.Agent]), resale.NewEntitlement{
				CustomerID: p.customer.ID, ProductID: product.ID, FormToken: resale.NewFormToken(), Anyway: true}); err != nil {
				t.Fatal(err)
			}
		}
	}
	page := p.as(resale.Agent).get("/entitlements/new?customer="+p.customer.ID).must(t, http.StatusOK).page(t)
	first := strings.Join(strings.Fields(page.Find("#choices section").First().Find("h3, label").Text()), " ")
	for _, want := range []string{"Most used", "Product H Merchant H", "Product C Merchant C", "Product G Merchant G"} {
		_, rest, found := strings.Cut(first, want)
		if !found {
			t.Fatalf("the first group is %q; %q is missing or out of place", first, want)
		}
		first = rest
	}
	seen := map[string]int{}
	for _, value := range page.Find("#choices input").Map(func(_ int, s *goquery.Selection) string { return s.AttrOr("value", "") }) {
		if seen[value]++; seen[value] > 1 {
			t.Errorf("the product %s stands there twice", value)
		}
	}
	if len(seen) != 11 { // ten products, one of them with an offer
		t.Errorf("%d choices", len(seen))
	}
}
