package handlers

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"latchkey/resale"
)

// activeAtOnce answers every create with an active entitlement.
func activeAtOnce(requestID string, o resale.Order) resale.Answer {
	return resale.Answer{Verdict: resale.VerdictDone, Message: "OK", Evidence: resale.Evidence{At: time.Now().UTC(), HTTPStatus: 200, Method: "POST"},
		Fact: resale.Fact{Source: resale.FromReply, BangoID: "b-" + requestID, Status: "ACTIVE", CustomerIdentifier: o.CustomerIdentifier,
			MerchantKey: o.MerchantKey, ProductKey: o.ProductKey, DateLastUpdated: time.Now().UTC().Truncate(time.Second)}}
}

func TestCreate(t *testing.T) {
	orders := make(chan resale.Order, 10)
	p := openPortal(t, with{upstream: fakeBango{func(id string, o resale.Order) resale.Answer {
		orders <- o
		return activeAtOnce(id, o)
	}}})
	b := p.as(resale.Agent)
	form := b.get("/entitlements/new?customer="+p.customer.ID).must(t, http.StatusOK).page(t).Find(`form[action="/entitlements"]`)
	withOffer := ""
	form.Find(`input[name=product]`).Each(func(_ int, s *goquery.Selection) {
		if value := s.AttrOr("value", ""); strings.Contains(value, ":") {
			withOffer = value
		}
	})
	fields := url.Values{"product": {withOffer}}
	form.Find("input[type=hidden]").Each(func(_ int, s *goquery.Selection) { fields.Set(s.AttrOr("name", ""), s.AttrOr("value", "")) })
	got := b.post("/entitlements", fields).must(t, http.StatusSeeOther)
	order := <-orders
	if order.ProductKey != "BangoMusic" || order.OfferKey != "trial" || order.CustomerIdentifier != "user-1" ||
		!strings.HasPrefix(order.NotificationURL, p.address+"/webhooks/bango/") {
		t.Errorf("Bango was asked for %+v", order)
	}
	page := b.get(got.Header.Get("Location")).must(t, http.StatusOK).page(t)
	ref := strings.TrimPrefix(got.Header.Get("Location"), "/entitlements/")
	if status := page.Find(fmt.Sprintf("[data-ref=%q]", ref)).First().AttrOr("data-status", ""); status != "ACTIVE" {
		t.Errorf("the page shows %q", status)
	}
	if page.Find("[data-event]").Length() < 2 {
		t.Error("the page has no timeline")
	}
	// Any way of writing the ref leads to the one address.
	for _, other := range []string{strings.ToLower(ref), strings.ReplaceAll(ref, "-", ""), strings.ReplaceAll(ref, "-", "%20")} {
		b.get("/entitlements/"+other).leadsTo(t, "/entitlements/"+ref)
	}
	// The same form again, in another tab or later, is the same entitlement; what it says otherwise does not count.
	b.post("/entitlements", fields).leadsTo(t, "/entitlements/"+ref)
	fields.Set("product", p.products[1].ID)
	b.post("/entitlements", fields).leadsTo(t, "/entitlements/"+ref)

	// The evidence of its request is under its address and under no other.
	link, found := page.Find(`a[href*="/evidence/"]`).Attr("href")
	if !found {
		t.Fatal("the timeline leads to no evidence")
	}
	b.get(link).must(t, http.StatusOK)
	other := p.addEntitlement()
	b.get(strings.Replace(link, ref, other.Ref, 1)).must(t, http.StatusNotFound)
	b.get(strings.Replace(link, ref, "AAAA-AAAA", 1)).must(t, http.StatusNotFound)
}

func TestTheSameFormAtOnceIsOneEntitlement(t *testing.T) {
	p := openPortal(t, with{upstream: fakeBango{activeAtOnce}})
	b := p.as(resale.Agent)
	fields := url.Values{"customer": {p.customer.ID}, "product": {p.products[0].ID}, "form_token": {resale.NewFormToken()}}
	addresses := make([]string, 8)
	var clicks sync.WaitGroup
	for i := range addresses {
		clicks.Go(func() {
			got, err := noRedirects.Do(mustRequest(p.address+"/entitlements", fields, b.cookie))
			if err != nil {
				t.Error(err)
				return
			}
			got.Body.Close()
			addresses[i] = got.Header.Get("Location")
		})
	}
	clicks.Wait()
	if slices.Sort(addresses); addresses[0] == "" || addresses[0] != addresses[7] {
		t.Errorf("they lead to %q", addresses)
	}
	if of, err := p.store.EntitlementsOf(t.Context(), p.customer.ID, 10); err != nil || len(of) != 1 {
		t.Errorf("%d entitlements, %v", len(of), err)
	}
}

func TestARefusalIsShownInBangosWords(t *testing.T) {
	const words = `Maximum number of subscriptions <b>reached</b>`
	p := openPortal(t, with{upstream: fakeBango{func(string, resale.Order) resale.Answer {
		return resale.Answer{Verdict: resale.VerdictRefused, Message: words, Evidence: resale.Evidence{At: time.Now().UTC(), HTTPStatus: 400, Received: words}}
	}}})
	b := p.as(resale.Agent)
	got := b.post("/entitlements", url.Values{"customer": {p.customer.ID}, "product": {p.products[0].ID}, "form_token": {resale.NewFormToken()}})
	page := b.get(got.must(t, http.StatusSeeOther).Header.Get("Location")).page(t)
	if !strings.Contains(page.Find("main").Text(), words) || page.Find("[data-status=REFUSED]").Length() == 0 {
		t.Error("the page does not show Bango's words as they are")
	}
}

func TestABadOrderIsTurnedDown(t *testing.T) {
	p := openPortal(t, with{})
	b, before := p.as(resale.Agent), p.state()
	good := func() url.Values {
		return url.Values{"customer": {p.customer.ID}, "product": {p.products[0].ID}, "form_token": {resale.NewFormToken()}}
	}
	for name, bad := range map[string]struct {
		field, value string
		status       int
	}{
		"no product":          {"product", "", 422},
		"unknown product":     {"product", p.customer.ID, 404},
		"unknown customer":    {"customer", p.products[0].ID, 404},
		"no customer":         {"customer", "", 404},
		"an offer of another": {"offer", p.products[0].Merchant.ID, 422},
		"the same in one":     {"product", p.products[0].ID + ":" + p.products[0].Merchant.ID, 422},
		"no form token":       {"form_token", "", 422},
		"a short form token":  {"form_token", "x", 422},
		"broken UTF-8":        {"form_token", strings.Repeat("\xff", 20), 422},
		"NUL":                 {"product", "a\x00b", 422},
	} {
		fields := good()
		fields.Set(bad.field, bad.value)
		got := b.post("/entitlements", fields)
		if got.StatusCode != bad.status {
			t.Errorf("%s: status %d, not %d", name, got.StatusCode, bad.status)
		}
		if bad.status == 422 && printable(bad.value) {
			form := got.page(t).Find(`form[action="/entitlements"]`)
			token := form.Find("input[name=form_token]").AttrOr("value", "")
			if token == "" || bad.field != "form_token" && token != fields.Get("form_token") || bad.field == "form_token" && token == bad.value {
				t.Errorf("%s: the form's token is %q", name, token)
			}
			if got.page(t).Find(".error").Text() == "" {
				t.Errorf("%s: the page does not say why", name)
			}
		}
	}
	if after := p.state(); after != before {
		t.Errorf("something was stored:\n%s\n%s", before, after)
	}
}

func TestTheListGoesOnWhereItEnded(t *testing.T) {
	p := openPortal(t, with{})
	want := map[string]bool{}
	for range 2*listPage + 7 {
		want[p.addEntitlement().Ref] = true
	}
	p.change(p.addEntitlement(), func(e *resale.Entitlement) { e.Status, e.BangoStatus = resale.Active, "ACTIVE" })
	b := p.as(resale.Viewer)
	address, pages := "/entitlements?status=REQUESTED", 0
	for address != "" {
		page := b.get(address).must(t, http.StatusOK).page(t)
		pages++
		page.Find("[data-row]").Each(func(_ int, s *goquery.Selection) {
			ref := s.AttrOr("data-row", "")
			if !want[ref] {
				t.Errorf("%s is on page %d, twice or wrongly", ref, pages)
			}
			delete(want, ref)
		})
		address = ""
		if next, found := page.Find(`a[href*="after="]`).Attr("href"); found {
			address = next
		}
	}
	if pages != 3 || len(want) != 0 {
		t.Errorf("%d pages, %d were not shown", pages, len(want))
	}
	for _, bad := range []string{"status=NONSENSE", "status=%ff", "after=1", "after=x-00000000-0000-7000-8000-000000000001", "after=-1-x",
		"after=1-%27", "after=99999999999999999999-00000000-0000-7000-8000-000000000001"} {
		b.get("/entitlements?"+bad).must(t, http.StatusUnprocessableEntity)
	}
	b.get("/entitlements?after=1-00000000-0000-7000-8000-000000000001").must(t, http.StatusOK)
}

func TestCheckAsksOnce(t *testing.T) {
	p := openPortal(t, with{})
	e := p.addEntitlement()
	for range 3 {
		p.as(resale.Viewer).post("/entitlements/"+strings.ToLower(e.Ref)+"/check", nil).leadsTo(t, "/entitlements/"+e.Ref)
	}
	requests, err := p.store.RequestsOf(t.Context(), e.ID, 10)
	if err != nil || len(requests) != 2 {
		t.Errorf("%d requests, %v", len(requests), err)
	}
}

func TestThePagesShowWhatTheyAreFor(t *testing.T) {
	p := openPortal(t, with{config: func(c *Config) { c.Sandbox = true }})
	failed, unknown, active, pending := p.addEntitlement(), p.addEntitlement(), p.addEntitlement(), p.addEntitlement()
	p.change(pending, func(e *resale.Entitlement) {
		e.Status, e.BangoStatus, e.RegistrationURL = resale.Pending, "PENDING", "https://merchant.example/register"
	})
	p.change(failed, func(e *resale.Entitlement) { e.Status, e.BangoStatus = resale.Failed, "FAILED" })
	p.change(unknown, func(e *resale.Entitlement) { e.Status = resale.Unknown })
	p.change(active, func(e *resale.Entitlement) { e.Status, e.BangoStatus = resale.Active, "ACTIVE" })
	if err := p.service.ReceiveNotification(t.Context(), "AAAAAAAAAAAAAAAAAAAAAAAAAA", []byte("parked <canary>")); err != nil {
		t.Fatal(err)
	}
	b := p.as(resale.Viewer)
	has := func(address string, words ...string) *goquery.Document {
		t.Helper()
		page := b.get(address).must(t, http.StatusOK).page(t)
		for _, w := range words {
			if html, _ := page.Html(); !strings.Contains(html, w) && !strings.Contains(page.Text(), w) {
				t.Errorf("%s does not show %q", address, w)
			}
		}
		return page
	}
	home := has("/", failed.Ref, unknown.Ref, "Sandbox", "LATCHKEY_WEBHOOK_KEY")
	if home.Find(`main a[href^="/notifications/"]`).Length() == 0 {
		t.Error("the first page does not show what is parked")
	}
	has("/customers/"+p.customer.ID, failed.Ref, active.Ref, "Bango Music Premium", "added the customer")
	has("/catalogue", "Bango Music Together", "Three months free", "BangoMusicTogether")
	has("/entitlements", failed.Ref, active.Ref, p.customer.Name)
	inbox := has("/notifications")
	link, _ := inbox.Find(`a[href^="/notifications/"]`).Attr("href")
	has(link, "parked <canary>")
	has("/entitlements/"+active.Ref, p.customer.Name)
	has("/entitlements/"+pending.Ref, p.address+"/s/"+pending.SignupToken, p.customer.Name)
}

// listedBango has a list of eligible products.
type listedBango struct{ fakeBango }

func (listedBango) Eligible(context.Context, string) ([]string, resale.Answer) {
	return []string{"BangoMusic"}, resale.Answer{Verdict: resale.VerdictDone}
}

func TestTheFormTellsWhatBangoDoesNotList(t *testing.T) {
	for _, tt := range []struct {
		upstream resale.Upstream
		said     int
	}{{listedBango{}, 1}, {fakeBango{}, 0}, {nil, 0}} {
		p := openPortal(t, with{asked: tt.upstream})
		page := p.as(resale.Agent).get("/entitlements/new?customer="+p.customer.ID).must(t, http.StatusOK).page(t)
		page.Find(`label:contains("not on Bango’s list")`).Each(func(_ int, s *goquery.Selection) {
			if !strings.Contains(s.Text(), "Bango Music Together") {
				t.Errorf("it is said of %q", s.Text())
			}
			tt.said--
		})
		if tt.said != 0 {
			t.Errorf("%T: it is said %d times too few", tt.upstream, tt.said)
		}
	}
}
