package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"latchkey/resale"
)

func TestACustomerIsAddedOnce(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Agent)
	got := b.post("/customers", url.Values{"customer_identifier": {" user-2 "}, "name": {"Ada"}, "email": {"ada@example.com"}, "phone": {"020 1234"}})
	got.must(t, http.StatusSeeOther)
	page := b.get(got.Header.Get("Location")).must(t, http.StatusOK)
	for _, want := range []string{"user-2", "Ada", "ada@example.com", "020 1234"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	clash := b.post("/customers", url.Values{"customer_identifier": {"user-2"}, "name": {"Somebody"}}).must(t, http.StatusConflict)
	if !strings.Contains(clash.body, got.Header.Get("Location")) || !strings.Contains(clash.body, "Somebody") {
		t.Error("the page does not lead to who has the identifier, or lost what was typed")
	}
}

func TestABadCustomerIsTurnedDownWithASentence(t *testing.T) {
	p := openPortal(t, with{})
	b, before := p.as(resale.Agent), p.state()
	for name, form := range map[string]string{
		"no identifier":    "name=Ada",
		"space":            "customer_identifier=a+b",
		"long identifier":  "customer_identifier=" + strings.Repeat("x", 129),
		"long name":        "customer_identifier=a&name=" + strings.Repeat("x", 201),
		"huge name":        "customer_identifier=a&name=" + strings.Repeat("x", 3000),
		"bad address":      "customer_identifier=a&email=nobody",
		"bad phone":        "customer_identifier=a&phone=call+me",
		"broken UTF-8":     "customer_identifier=a&name=%ff",
		"NUL":              "customer_identifier=a&name=x%00y",
		"line break":       "customer_identifier=a&name=x%0ay",
		"twice":            "customer_identifier=a&customer_identifier=b",
		"in the wrong one": "identifier=a",
	} {
		got := b.send("POST", "/customers", formType, form)
		if got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got.page(t).Find("main").Text(), ".") {
			t.Errorf("%s: status %d: %.200s", name, got.StatusCode, got.body)
		}
	}
	for contentType, status := range map[string]int{"": 415, "application/json": 415, "multipart/form-data; boundary=x": 415, "text/plain": 415,
		formType + "; charset=utf-8": 422} {
		if got := b.send("POST", "/customers", contentType, "name=x"); got.StatusCode != status {
			t.Errorf("%q: status %d, not %d", contentType, got.StatusCode, status)
		}
	}
	if got := b.send("POST", "/customers", formType, "customer_identifier=a", "Content-Encoding", "gzip"); got.StatusCode != 415 {
		t.Errorf("gzip: status %d", got.StatusCode)
	}
	large := "customer_identifier=large&x="
	if got := b.send("POST", "/customers", formType, large+strings.Repeat("x", maxBody-len(large)+1)); got.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("64 KiB and one: status %d", got.StatusCode)
	}
	if after := p.state(); after != before {
		t.Errorf("something was stored:\n%s\n%s", before, after)
	}
	if got := b.send("POST", "/customers", formType, large+strings.Repeat("x", maxBody-len(large))); got.StatusCode != http.StatusSeeOther {
		t.Errorf("64 KiB: status %d", got.StatusCode)
	}
}

func TestWhatPeopleTypeIsShownAsText(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Admin)
	for i, payload := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'><svg/onload=alert(1)>`, `javascript:alert(1)`,
		`</title><script>alert(1)</script>`, `{{7*7}}`, `<a href="javascript:alert(1)">x</a>`, `&lt;script&gt;`, `--><script>alert(1)</script>`,
		"\u202egnp.exe", `<iframe srcdoc="<script>alert(1)</script>">`, `" autofocus onfocus=alert(1) x="`, `<!--`, `</main></body>`,
		`<style>*{display:none}</style>`, `<base href=//evil.example>`, `<meta http-equiv=refresh content=0>`, "`${alert(1)}`", `\'-alert(1)-\'`, `%3Cscript%3E`} {
		c := p.addCustomer(resale.Customer{Identifier: "xss-" + string(rune('a'+i)), Name: payload})
		for _, address := range []string{"/customers/" + c.ID, "/search?q=" + url.QueryEscape(payload+" not there"), "/customers?q=" + c.Identifier,
			"/entitlements/new?customer=" + c.ID, "/login?return_to=" + url.QueryEscape("/?"+payload)} {
			got := b.get(address)
			if strings.HasPrefix(address, "/login") {
				got = p.as("").get(address)
			} else {
				got.must(t, http.StatusOK)
				if text := got.page(t).Text() + got.page(t).Find("input[name=q]").AttrOr("value", ""); !strings.Contains(text, payload) {
					t.Errorf("%s: the page does not show %q as it is", address, payload)
				}
			}
			page := got.page(t)
			if page.Find("script:not([src]), iframe, base, main style, main meta, [onerror], [onload], [onfocus]").Length() > 0 {
				t.Errorf("%s: %q became part of the page", address, payload)
			}
			if href, found := page.Find(`a[href^="javascript"]`).Attr("href"); found {
				t.Errorf("%s: a link to %q", address, href)
			}
		}
	}
}
