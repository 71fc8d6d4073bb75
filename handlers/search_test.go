package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"latchkey/resale"
)

func TestTheOneBoxFinds(t *testing.T) {
	p := openPortal(t, with{})
	e := p.addEntitlement()
	e = p.change(e, func(e *resale.Entitlement) {
		e.BangoID, e.Status, e.BangoStatus = "bango-id-1", resale.Active, "ACTIVE"
	})
	requests, err := p.store.RequestsOf(t.Context(), e.ID, 1)
	if err != nil || len(requests) != 1 {
		t.Fatal(requests, err)
	}
	other := p.addCustomer(resale.Customer{Identifier: "user-12", Name: "Zoë Baker", Phone: "020 1234 5678"})
	b := p.as(resale.Viewer)
	its, page := "/entitlements/"+e.Ref, "/customers/"+p.customer.ID
	for q, want := range map[string]string{
		e.Ref: its,
		strings.ToLower(strings.ReplaceAll(e.Ref, "-", "")): its,
		"  " + strings.ReplaceAll(e.Ref, "-", " ") + " ":    its,
		"bango-id-1":                    its,
		requests[0].ID:                  its,
		strings.ToUpper(requests[0].ID): its,
		"user-1":                        page, // whole, though user-12 has it too
		"angstrom":                      page,
		"ZOË ÅNG":                       page,
		"zoe@example.com":               page,
		"+44 20 7946 0000":              page,
		"+442079460000":                 page,
		"0044 20 7946-0000":             page,
		"020 7946 0000":                 page,
		"(020) 79460000":                page,
		"7946 0000":                     page,
		"79460000":                      page,
		"02012345678":                   "/customers/" + other.ID,
		"":                              "/",
		"   ":                           "/",
	} {
		got := b.get("/search?q=" + url.QueryEscape(q))
		if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != want {
			t.Errorf("%q: status %d, leads to %q, not %q", q, got.StatusCode, got.Header.Get("Location"), want)
		}
	}
	several := b.get("/search?q=zoe").must(t, http.StatusOK)
	for _, c := range []resale.Customer{p.customer, other} {
		if several.page(t).Find(`a[href="/customers/`+c.ID+`"]`).Length() == 0 {
			t.Errorf("%s is not on the page", c.Name)
		}
	}
	none := p.as(resale.Agent).get("/search?q=user-99").must(t, http.StatusOK).page(t)
	if none.Find("input[name=q]").AttrOr("value", "") != "user-99" || !strings.Contains(none.Find("main").Text(), "user-99") {
		t.Error("the page that found nothing does not say what it looked for")
	}
	if got := b.get("/customers?q=zoe").must(t, http.StatusOK); strings.Count(got.body, "/customers/"+other.ID) == 0 {
		t.Error("the list of customers does not show who was looked for")
	}
	for _, q := range []string{"%00", "%ff", "x%0d%0aSet-Cookie:a=b", strings.Repeat("x", 201), "%c3%28"} {
		for _, address := range []string{"/search", "/customers"} {
			b.get(address+"?q="+q).must(t, http.StatusUnprocessableEntity)
		}
	}
	b.get("/search?q="+strings.Repeat("x", 200)).must(t, http.StatusOK)
	for _, q := range []string{"%25", "_", "'", "\"", "zoe*", "a OR b", "(", "NEAR(", "-", "zo", "\\"} { // nothing is an operator
		b.get("/search?q="+url.QueryEscape(q)).must(t, http.StatusOK)
	}
}

func TestPhoneDigits(t *testing.T) {
	for q, want := range map[string]string{"+44 (0)20": "44020", "0044": "44", "020 7946": "207946", "12a": "", "": "", "000": "", "+": "", "٣": ""} {
		if got := phoneDigits(q); got != want {
			t.Errorf("%q: %q, not %q", q, got, want)
		}
	}
}
