package handlers

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"latchkey/resale"
	"latchkey/static"
)

var nonceInPolicy = regexp.MustCompile(`script-src 'nonce-([A-Z2-7]{26})'`)

// everyHeader fails unless the response has the headers that all have, and returns its nonce.
func everyHeader(t *testing.T, name string, h http.Header) string {
	t.Helper()
	for header, want := range map[string]string{
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"X-Robots-Tag":                 "noindex, nofollow",
	} {
		if got := h.Get(header); got != want {
			t.Errorf("%s: %s is %q, not %q", name, header, got, want)
		}
	}
	if got := h.Get("Server") + h.Get("X-Powered-By"); got != "" {
		t.Errorf("%s: it says that it is %q", name, got)
	}
	if h.Get("Cache-Control") != "no-store" && !strings.HasPrefix(name, "/static/") {
		t.Errorf("%s: Cache-Control is %q", name, h.Get("Cache-Control"))
	}
	policy := h.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("%s: the policy %q has no %s", name, policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("%s: the policy is %q", name, policy)
	}
	found := nonceInPolicy.FindStringSubmatch(policy)
	if found == nil {
		t.Fatalf("%s: the policy %q has no nonce", name, policy)
	}
	return found[1]
}

func TestEveryResponseHasTheHeaders(t *testing.T) {
	p := openPortal(t, with{})
	th := p.things()
	p.hub.Shutdown()
	seen := map[string]bool{}
	try := func(name string, got response) {
		t.Helper()
		nonce := everyHeader(t, name, got.Header)
		if seen[nonce] {
			t.Errorf("%s: its nonce was used before", name)
		}
		seen[nonce] = true
		got.page(t).Find("script, style, [style]").Each(func(_ int, s *goquery.Selection) {
			if s.AttrOr("nonce", "") != nonce {
				t.Errorf("%s: %s without the nonce", name, goquery.NodeName(s))
			}
		})
	}
	for _, role := range []resale.Role{"", resale.Viewer, resale.Admin} {
		for _, r := range p.app.routes() {
			if r.method == get {
				try(r.path, p.as(role).get(th.address(r)))
			}
		}
	}
	b := p.as(resale.Agent)
	try("unknown address", b.get("/nothing"))
	try("wrong method", b.send("DELETE", "/customers", "", ""))
	try("unknown method", b.send("BREW", "/customers", "", ""))
	try("too large", b.send("POST", "/customers", formType, strings.Repeat("x", maxBody+1)))
	try("not a form", b.send("POST", "/customers", "application/json", "{}"))
	try("wrong password", b.post("/login", url.Values{"email": {"a@b.example"}, "password": {"x"}}))
	for range 1000 {
		try("/login", p.as("").get("/login"))
	}
	if got := b.get(static.URL("app.css")); got.StatusCode != 200 || got.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
		got.Header.Get("Content-Type") != "text/css; charset=utf-8" || got.body == "" {
		t.Errorf("the style sheet: status %d, %v", got.StatusCode, got.Header)
	}
}

func TestFormActionIsOpenToTheMerchantOnTheEndUsersPageAlone(t *testing.T) {
	for publicURL, want := range map[string]string{
		"https://portal.example": "form-action 'self' https:;",
		"http://127.0.0.1:8080":  "form-action 'self' https: http://127.0.0.1:* http://localhost:*;",
		"http://localhost:8080":  "form-action 'self' https: http://127.0.0.1:* http://localhost:*;",
	} {
		h := newHeaders(publicURL)
		if got := h.policy("n", "/s/token"); !strings.Contains(got, want) {
			t.Errorf("%s: %s", publicURL, got)
		}
		for _, path := range []string{"/", "/login", "/customers", "/static/s/", "/setup/x"} {
			if got := h.policy("n", path); !strings.Contains(got, "form-action 'self';") {
				t.Errorf("%s%s: %s", publicURL, path, got)
			}
		}
	}
}

func TestHTTPSMakesItStrict(t *testing.T) {
	p := openPortal(t, with{config: func(c *Config) { c.PublicURL = "https://portal.example" }})
	got := p.as("").post("/login", url.Values{"email": {"agent@staff.example"}, "password": {password}}).leadsTo(t, "/")
	if got.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security")
	}
	c := got.cookieOf(p)
	if c == nil || c.Name != "__Host-latchkey" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" ||
		c.Domain != "" || c.MaxAge != 0 || !c.Expires.IsZero() {
		t.Errorf("the cookie is %v", c)
	}
	// What a proxy or a visitor says of the scheme and the host changes nothing.
	got = p.as("").get("/customers", "X-Forwarded-Proto", "http", "X-Forwarded-Host", "evil.example", "X-Forwarded-For", "1.2.3.4")
	got.leadsTo(t, "/login?return_to=%2Fcustomers")
}

// raw sends bytes as they are and returns all that comes back until the connection closes.
func (p *portal) raw(text string) string {
	p.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.address, "http://"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		p.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		p.t.Fatal(err)
	}
	got, _ := io.ReadAll(conn) // a reset after the answer is the server's right
	return string(got)
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	p := openPortal(t, with{})
	const host = "Host: portal.example\r\nConnection: close\r\n"
	for name, text := range map[string]string{
		"no version":        "GET /\r\n\r\n",
		"garbage":           "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"two lengths":       "POST /login HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"length and chunks": "POST /login HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
		"negative length":   "POST /login HTTP/1.1\r\n" + host + "Content-Length: -5\r\n\r\n",
		"header too long":   "GET /login HTTP/1.1\r\n" + host + "X: " + strings.Repeat("x", 17<<10) + "\r\n\r\n",
		"space in name":     "GET /login HTTP/1.1\r\n" + host + "Content Length : 5\r\n\r\n",
		"bad chunk":         "POST /login HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		"far too large":     "POST /login HTTP/1.1\r\n" + host + "Content-Length: 99999999\r\n\r\n",
	} {
		got := p.raw(text)
		if strings.Count(got, "HTTP/1.1 ") > 1 {
			t.Errorf("%s: more than one answer: %s", name, got)
		}
		if got == "" {
			continue // closed without a word, which is as good
		}
		answer, err := http.ReadResponse(bufio.NewReader(strings.NewReader(got)), nil)
		if err != nil || answer.StatusCode < 400 || answer.StatusCode > 499 || !answer.Close {
			t.Errorf("%s: %v, %.300s", name, err, got)
			continue
		}
		everyHeader(t, name, answer.Header)
	}
	p.as("").get("/healthz").must(t, http.StatusOK)
}

func TestShutdownAnswersWhatIsUnderWay(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Agent)
	form := url.Values{"customer": {p.customer.ID}, "product": {p.products[0].ID}, "form_token": {resale.NewFormToken()}}
	answered := make(chan string, 1)
	go func() {
		got, err := noRedirects.Do(mustRequest(p.address+"/entitlements", form, b.cookie))
		if err != nil {
			answered <- err.Error()
			return
		}
		got.Body.Close()
		answered <- fmt.Sprint(got.StatusCode, " ", strings.HasPrefix(got.Header.Get("Location"), "/entitlements/"))
	}()
	eventually(t, "somebody waits for Bango's word", func() bool { return p.hub.Listeners() == 1 })
	start := time.Now()
	if err := p.app.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if got := <-answered; got != "303 true" {
		t.Errorf("whoever waited got %s", got)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("the shutdown took %v", took)
	}
}

func TestShutdownBeforeTheStartIsNotForgotten(t *testing.T) {
	hub := resale.NewHub()
	app := New(Config{Service: resale.NewService(resale.ServiceConfig{Hub: hub}), Hub: hub, PublicURL: "http://127.0.0.1:1"})
	if err := app.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Listener(listener) }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it serves though it was told to stop")
	}
}

func mustRequest(address string, form url.Values, cookie *http.Cookie) *http.Request {
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", formType)
	r.AddCookie(cookie)
	return r
}
