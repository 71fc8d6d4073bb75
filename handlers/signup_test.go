package handlers

import (
	"net/http"
	"strings"
	"testing"

	"latchkey/resale"
)

func TestTheEndUserGoesOnToTheMerchant(t *testing.T) {
	p := openPortal(t, with{})
	e := p.addEntitlement()
	address := "/s/" + e.SignupToken
	nobody := p.as("")
	nobody.post(address, nil).leadsTo(t, address) // Bango has not answered yet

	const registration = "https://merchant.example/register?a=1&b=2"
	e = p.change(e, func(e *resale.Entitlement) {
		e.Status, e.BangoStatus, e.RegistrationURL = resale.Pending, "PENDING", registration
	})
	before := p.state(e)
	for range 3 {
		page := nobody.get(address).must(t, http.StatusOK)
		if page.page(t).Find(`form[method=post][action="`+address+`"]`).Length() != 1 || !strings.Contains(page.body, "Bango Music Premium") {
			t.Error("the page has no way to go on, or does not say for what")
		}
		for _, personal := range []string{p.customer.Name, p.customer.Email, p.customer.Phone, p.customer.Identifier, "merchant.example", "/logout"} {
			if strings.Contains(page.body, personal) {
				t.Errorf("the end user's page has %q on it", personal)
			}
		}
		p.as(resale.Admin).get(address).must(t, http.StatusOK)
		nobody.send("HEAD", address, "", "").must(t, http.StatusOK)
	}
	if after := p.state(e); after != before {
		t.Errorf("opening the link changed something:\n%s\n%s", before, after)
	}
	nobody.post(address, nil, "Sec-Fetch-Site", "same-origin").leadsTo(t, registration)
	nobody.post(address, nil).leadsTo(t, registration)
	if now, err := p.store.Entitlement(t.Context(), e.ID); err != nil || now.Opened != 2 {
		t.Errorf("it was opened %d times, %v", now.Opened, err)
	}

	p.change(e, func(e *resale.Entitlement) { e.Status, e.BangoStatus, e.RegistrationURL = resale.Active, "ACTIVE", "" })
	nobody.post(address+"?lang=fr", nil).leadsTo(t, address+"?lang=fr")
	nobody.post(address+"?lang=%22", nil).leadsTo(t, address+"?lang=en")
	done := nobody.get(address)
	if done.page(t).Find("[data-status=ACTIVE]").Length() == 0 || done.page(t).Find("main form").Length() != 0 {
		t.Error("the page does not say that it is active already")
	}
}

func TestAnUnknownLinkIsToldKindly(t *testing.T) {
	p := openPortal(t, with{})
	for _, address := range []string{"/s/AAAAAAAAAAAAAAAAAAAAAAAAAA", "/s/x", "/s/" + strings.Repeat("A", 500), "/s/%3Cscript%3E"} {
		for _, method := range []string{"GET", "POST"} {
			got := p.as(resale.Admin).send(method, address, formType, "").must(t, http.StatusNotFound)
			if page := got.page(t); page.Find("nav, form, input").Length() != 0 || !strings.Contains(page.Find("main").Text(), "link") {
				t.Errorf("%s: the page is not one for an end user: %s", address, got.body)
			}
		}
	}
}
