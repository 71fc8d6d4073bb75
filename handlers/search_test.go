package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

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

func TestHitsAreGroupedAndMarked(t *testing.T) {
	p := openPortal(t, with{})
	e := p.addEntitlement()
	p.addCustomer(resale.Customer{Identifier: "user-12", Name: "Zoë Baker", Phone: "+44 (0)20 7946 0001"})
	err := p.store.Write(t.Context(), func(ctx context.Context, tx resale.Tx) error {
		return tx.IndexText(ctx, resale.Text{Kind: resale.TextNote, ID: "1", CustomerID: p.customer.ID, Text: "<b>Zoe</b> called"})
	})
	if err != nil {
		t.Fatal(err)
	}
	b := p.as(resale.Viewer)
	page := b.get("/search?q=zoe").must(t, http.StatusOK).page(t)
	if got := page.Find("main h2").Text(); got != "CustomersNotes" {
		t.Errorf("the groups are %q", got)
	}
	var marks []string
	page.Find("main mark").Each(func(_ int, m *goquery.Selection) { marks = append(marks, m.Text()) })
	if got := strings.Join(marks, " "); got != "Zoë Zoë zoe Zoë Zoe" {
		t.Errorf("marked are %q", got)
	}
	if page.Find("main b").Length() != 0 || !strings.Contains(page.Find("main").Text(), "<b>Zoe</b> called") {
		t.Error("the words of a note are not shown as they are")
	}
	// Asked for all, even a single whole hit is shown.
	if got := b.get("/search?all=1&q="+e.Ref).must(t, http.StatusOK).page(t).Find("main mark").Text(); !strings.Contains(got, e.Ref) {
		t.Errorf("marked is %q", got)
	}
	if got := b.get("/search?q=%2b44+20+7946+0001").must(t, http.StatusSeeOther); got.Header.Get("Location") == "" {
		t.Error("a number that is stored with a (0) is not found")
	}
}

func TestSuggestions(t *testing.T) {
	p := openPortal(t, with{})
	e := p.addEntitlement()
	r, _ := p.newest(e)
	options := func(b *browser, q string) (said []string, first string) {
		page := b.get("/search?part=suggestions&q="+url.QueryEscape(q)).must(t, http.StatusOK).page(t)
		page.Find(`#suggestions [role=option]`).Each(func(_ int, o *goquery.Selection) { said = append(said, o.AttrOr("href", "")) })
		if len(said) > 0 {
			first = said[0]
		}
		return said, first
	}
	viewer, agent := p.as(resale.Viewer), p.as(resale.Agent)
	for q, want := range map[string]string{
		"ångstr":                    "/customers/" + p.customer.ID,
		e.Ref:                       "/entitlements/" + e.Ref,
		e.Ref[:6]:                   "/entitlements/" + e.Ref,
		r.ID:                        "/entitlements/" + e.Ref,
		"status:pending older:2d":   "/entitlements?older=2d&status=PENDING",
		"unknown-1234":              "/customers?identifier=unknown-1234#add",
		"two words that are not id": "",
	} {
		if _, first := options(agent, q); first != want {
			t.Errorf("%q suggests %q first, not %q", q, first, want)
		}
	}
	if all, _ := options(viewer, "unknown-1234"); len(all) != 0 {
		t.Errorf("a viewer is offered %q", all)
	}
	if all, _ := options(agent, "ser-1"); len(all) != 2 || all[1] != "/customers?identifier=ser-1#add" {
		t.Errorf("a part of an identifier that may be one suggests %q", all)
	}
	form := agent.get("/customers?identifier=unknown-1234").must(t, http.StatusOK).page(t)
	if got := form.Find("input[name=customer_identifier]").AttrOr("value", ""); got != "unknown-1234" {
		t.Errorf("the form for the new customer has %q", got)
	}

	// An empty box has what this person opened last.
	if all, _ := options(viewer, ""); len(all) != 0 {
		t.Errorf("nothing was opened, and %q is suggested", all)
	}
	for _, topic := range []string{resale.TopicCustomer(p.customer.ID), resale.TopicEntitlement(e.ID)} {
		viewer.post("/opened", url.Values{"topic": {topic}}).must(t, http.StatusOK)
	}
	if all, _ := options(viewer, ""); strings.Join(all, " ") != "/entitlements/"+e.Ref+" /customers/"+p.customer.ID {
		t.Errorf("opened last were %q", all)
	}
	if all, _ := options(agent, ""); len(all) != 0 {
		t.Errorf("another person opened %q", all)
	}
	viewer.post("/opened", url.Values{"topic": {"staff:1"}}).must(t, http.StatusUnprocessableEntity)
	viewer.get("/search?part=suggestions&q=%00").must(t, http.StatusUnprocessableEntity)
}

func TestWordsForTheList(t *testing.T) {
	for q, want := range map[string]string{
		"status:pending":                     "/entitlements?status=PENDING",
		"Status:Active-Ending product:music": "/entitlements?product=music&status=ACTIVE-ENDING",
		"status:pending older:2d zoë b":      "/entitlements?older=2d&q=zo%C3%AB+b&status=PENDING",
		"merchant:a&b=c reason:fraud":        "/entitlements?merchant=a%26b%3Dc&reason=fraud",
		"status:":                            "",
		":pending":                           "",
		"tel:123":                            "",
		"zoe":                                "",
		"":                                   "",
	} {
		if got := listOf(q); got != want {
			t.Errorf("%q asks for %q, not %q", q, got, want)
		}
	}
	p := openPortal(t, with{})
	p.as(resale.Viewer).get("/search?q=status:pending").leadsTo(t, "/entitlements?status=PENDING")
}
