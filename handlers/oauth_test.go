package handlers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
)

// authority is an authorization server: an issuer of JWTs, and an introspection that answers as it is told to.
type authority struct {
	*httptest.Server
	mu     sync.Mutex
	issues oidctest.Server
	broken http.HandlerFunc // answers everything where it is set
	says   http.HandlerFunc // answers introspections
	calls  map[string]int   // by path
}

func startAuthority(t *testing.T) *authority {
	a := &authority{calls: map[string]int{}}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.calls[r.URL.Path]++
		switch {
		case a.broken != nil:
			a.broken(w, r)
		case r.URL.Path == "/introspect":
			a.says(w, r)
		default:
			a.issues.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(a.Close)
	a.issues.SetIssuer(a.URL)
	return a
}

// does changes the authority while it runs.
func (a *authority) does(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

func (a *authority) called(path string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls[path]
}

// publishes makes the keys the ones that the authority signs with.
func (a *authority) publishes(keys ...oidctest.PublicKey) {
	a.does(func() { a.issues.PublicKeys = keys })
}

func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// outages are the ways of an authority to be of no help, each of which must lead to a 503.
func outages(t *testing.T, good *authority) map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"500":           answers(500, `{"active":true}`),
		"401":           answers(401, `{"active":true}`),
		"no JSON":       answers(200, "<h1>We are moving</h1>"+strings.Repeat("x", 1000)),
		"too long":      answers(200, `{"active":true,"x":"`+strings.Repeat("x", maxTokenReply)+`"}`),
		"another shape": answers(200, `{"active":"true","issuer":1}`),
		"hangs up":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"redirects": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, good.URL+r.URL.Path, http.StatusTemporaryRedirect)
		},
	}
}

// notifier posts notifications and sees to it that those are stored that are acknowledged, and no other.
type notifier struct {
	*portal
	sent []string // credentials
}

func openForTokens(t *testing.T, o OAuth) *notifier {
	n := &notifier{portal: openPortal(t, with{config: func(c *Config) { c.WebhookKeys, c.WebhookOAuth = []string{"a-key"}, o }})}
	t.Cleanup(func() {
		log := n.log.String()
		for _, token := range n.sent {
			for part := range strings.SplitSeq(token, ".") {
				if len(part) > 7 && strings.Contains(log, part) {
					t.Errorf("the log has a token in it: %.60s", token)
				}
			}
		}
		if secret := o.IntrospectionPassword; secret != "" && strings.Contains(log, secret) {
			t.Error("the log has the portal's password at the authorization server in it")
		}
	})
	return n
}

func (n *notifier) mustGet(t *testing.T, token string, status int) {
	t.Helper()
	n.sent = append(n.sent, token)
	e := n.addEntitlement()
	before := n.state(e)
	got := n.as("").send("POST", webhookPath+e.NotifyToken, "application/json", `{"a":1}`, "Authorization", "Bearer "+token)
	if got.StatusCode != status {
		t.Errorf("status %d, not %d: %s", got.StatusCode, status, got.body)
	}
	if changed := n.state(e) != before; changed != (got.StatusCode == http.StatusOK) {
		t.Errorf("status %d; something was stored: %v", got.StatusCode, changed)
	}
	if after := got.Header.Get("Retry-After"); (after != "") != (got.StatusCode == http.StatusServiceUnavailable) {
		t.Errorf("status %d; Retry-After is %q", got.StatusCode, after)
	}
	if challenge := got.Header.Get("WWW-Authenticate"); strings.Contains(challenge, "Bearer") != (got.StatusCode == http.StatusUnauthorized) {
		t.Errorf("status %d; WWW-Authenticate is %q", got.StatusCode, challenge)
	}
}

func TestEitherWayToCheckATokenAdmits(t *testing.T) {
	a := startAuthority(t)
	key := newSigner(t, "one", oidc.ES256)
	a.publishes(key.public)
	a.does(func() { a.says = answers(200, `{"active":false}`) })
	n := openForTokens(t, OAuth{Issuer: a.URL, Audience: "latchkey", IntrospectionURL: a.URL + "/introspect",
		IntrospectionUsername: "portal", IntrospectionPassword: "canary-password"})
	n.mustGet(t, key.token(a.claims()), 200)
	if asked := a.called("/introspect"); asked != 0 {
		t.Errorf("a JWT that the keys admit was asked about %d times", asked)
	}
	n.mustGet(t, "an-opaque-token", 401)
	a.does(func() { a.says = answers(200, `{"active":true,"aud":"latchkey"}`) })
	n.mustGet(t, "an-opaque-token", 200)

	// A JWT that nobody can tell of is not refused because the other way does not know it.
	down := startAuthority(t)
	down.does(func() { down.broken = answers(500, "") })
	a.does(func() { a.says = answers(200, `{"active":false}`) })
	n = openForTokens(t, OAuth{Issuer: down.URL, Audience: "latchkey", IntrospectionURL: a.URL + "/introspect",
		IntrospectionUsername: "portal", IntrospectionPassword: "canary-password"})
	n.mustGet(t, key.token(down.claims()), 503)
	a.does(func() { a.says = answers(200, `{"active":true,"aud":["x","latchkey"]}`) })
	n.mustGet(t, key.token(down.claims()), 200)
}

func TestAKeyNeedsNoAuthorizationServer(t *testing.T) {
	a := startAuthority(t)
	a.does(func() { a.broken = answers(500, "") })
	n := openForTokens(t, OAuth{Issuer: a.URL, Audience: "latchkey", IntrospectionURL: a.URL + "/introspect",
		IntrospectionUsername: "portal", IntrospectionPassword: "canary-password"})
	n.mustGet(t, "a-key", 200)
	n.mustGet(t, "", 401)
	e := n.addEntitlement()
	for _, headers := range [][]string{{}, {"X-Api-Key", "wrong"}, {"Authorization", basic("bango:wrong")}} {
		n.as("").send("POST", webhookPath+e.NotifyToken, "application/json", "{}", headers...).must(t, http.StatusUnauthorized)
	}
	if len(a.calls) != 0 {
		t.Errorf("the authorization server was asked: %v", a.calls)
	}
	n.mustGet(t, "no-key", 503)
}

// With OAuth2 alone, a notification without a token is a stranger's.
func TestAccessTokensAreCredentials(t *testing.T) {
	for name, o := range map[string]OAuth{"an issuer": {Issuer: "https://login.example", Audience: "x"},
		"introspection": {IntrospectionURL: "https://login.example"}} {
		if newCaller(Config{WebhookOAuth: o}).unknown() {
			t.Errorf("%s counts for nothing", name)
		}
	}
	if !newCaller(Config{}).unknown() {
		t.Error("with nothing configured, credentials are asked for")
	}
}
