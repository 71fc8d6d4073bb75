package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"latchkey/resale"
)

func TestReturnToIsAPathOfOurs(t *testing.T) {
	for _, s := range []string{"/", "/customers", "/entitlements?status=ACTIVE&after=1-2", "/entitlements/K7Q4-X2MD", "/search?q=%2B44+20",
		"/search?q=//evil.example", "/search?q=http://evil.example"} {
		if localPath(s) != s {
			t.Errorf("%q is refused", s)
		}
	}
	for _, s := range []string{"", "customers", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example",
		"/\t/evil.example", "/\n/evil.example", "\t//evil.example", " //evil.example", "/ /evil.example", "http://evil.example",
		"https://evil.example/", "HTTPS://evil.example", "https:evil.example", "https:/evil.example", "http:///evil.example",
		"javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "//evil.example\\@portal.example", "//user@evil.example",
		"/%09/evil.example\x00", "/\x00/evil.example", "/.//evil.example", "/..//evil.example", "/./\\evil.example", "/a/..//evil.example",
		"/%2f/evil.example", "/%2F%2Fevil.example", "/%5cevil.example", "/%5C%5Cevil.example", "/../evil", "/customers/..", "/x//y", "/customers#x",
		"/ünï", "?q=1", "#x", "mailto:a@b.example", "//[::1]/", "/%zz", "/" + strings.Repeat("x", 3000), "/customers\r\nSet-Cookie: a=b",
		"//evil.example:80", "//0x7f000001", "///", "//", "/\u2028/evil.example", ".evil.example", "@evil.example", ";//evil.example"} {
		if got := localPath(s); got != "" {
			t.Errorf("%q is taken", s)
		}
	}
}

func TestSigningInLeadsBackToAPageOfOursAlone(t *testing.T) {
	p := openPortal(t, with{})
	for returnTo, want := range map[string]string{
		"/customers?q=zoe":      "/customers?q=zoe",
		"//evil.example":        "/",
		"https://evil.example/": "/",
		"/\\evil.example":       "/",
		"":                      "/",
	} {
		fields := url.Values{"email": {"agent@staff.example"}, "password": {password}, "return_to": {returnTo}}
		p.as("").post("/login", fields).leadsTo(t, want)
		p.as(resale.Agent).get("/login?return_to="+url.QueryEscape(returnTo)).leadsTo(t, want)
		got := p.as("").get("/login?return_to="+url.QueryEscape(returnTo)).must(t, http.StatusOK)
		if value := got.page(t).Find("input[name=return_to]").AttrOr("value", ""); value != "" && value != want {
			t.Errorf("the form for %q leads to %q", returnTo, value)
		}
	}
	got := p.as("").get("/entitlements?status=ACTIVE").must(t, http.StatusSeeOther)
	back := p.as("").get(got.Header.Get("Location")).must(t, http.StatusOK).page(t).Find("input[name=return_to]").AttrOr("value", "")
	if back != "/entitlements?status=ACTIVE" {
		t.Errorf("leads back to %q", back)
	}
}

func TestAWrongPasswordSaysNoMoreThanThat(t *testing.T) {
	p := openPortal(t, with{})
	said := map[string]bool{}
	for _, in := range [][2]string{{"agent@staff.example", "wrong"}, {"nobody@staff.example", password}, {"not an address", password},
		{"agent@staff.example", ""}, {"agent@staff.example", strings.Repeat("x", 2000)}, {"", ""}} {
		got := p.as("").post("/login", url.Values{"email": {in[0]}, "password": {in[1]}}).must(t, http.StatusForbidden)
		if got.cookieOf(p) != nil {
			t.Errorf("%q: a cookie", in[0])
		}
		page := got.page(t)
		said[page.Find(".error").Text()] = true
		if page.Find("input[name=email]").AttrOr("value", "") != in[0] || page.Find("input[name=password]").AttrOr("value", "") != "" {
			t.Errorf("%q: the form does not hold the address, or holds the password", in[0])
		}
	}
	if len(said) != 1 || said[""] {
		t.Errorf("it says %v", said)
	}
}

func TestASetupLinkCountsOnce(t *testing.T) {
	p := openPortal(t, with{})
	_, token, err := p.service.AddStaff(t.Context(), "new@staff.example", "New", resale.Agent, "")
	if err != nil {
		t.Fatal(err)
	}
	address := "/setup/" + token
	for range 2 { // opening it changes nothing
		if got := p.as("").get(address).must(t, http.StatusOK); !strings.Contains(got.body, "new@staff.example") {
			t.Error("the page does not say whose password it is")
		}
	}
	got := p.as("").post(address, url.Values{"password": {"short"}}).must(t, http.StatusUnprocessableEntity)
	if !strings.Contains(got.page(t).Find(".error").Text(), "15") {
		t.Errorf("the page does not say how long a password must be: %s", got.body)
	}
	in := p.as("").post(address, url.Values{"password": {"long enough for this"}}).leadsTo(t, "/")
	c := in.cookieOf(p)
	if c == nil {
		t.Fatal("not signed in")
	}
	(&browser{p, &http.Cookie{Name: c.Name, Value: c.Value}}).get("/customers").must(t, http.StatusOK)
	p.as("").get(address).must(t, http.StatusNotFound)
	p.as("").post(address, url.Values{"password": {"another that is long enough"}}).must(t, http.StatusNotFound)
	p.as("").post("/login", url.Values{"email": {"new@staff.example"}, "password": {"long enough for this"}}).leadsTo(t, "/")
}
