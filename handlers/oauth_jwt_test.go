package handlers

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
)

// signer is a key of an authorization server.
type signer struct {
	private crypto.Signer
	public  oidctest.PublicKey
}

func newSigner(t *testing.T, id, algorithm string) signer {
	t.Helper()
	var private crypto.Signer
	var err error
	switch algorithm {
	case oidc.EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case oidc.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return signer{private, oidctest.PublicKey{PublicKey: private.Public(), KeyID: id, Algorithm: algorithm}}
}

// claims are those of a token that must be admitted; other replaces some of them, nil takes one away.
func (a *authority) claims(other ...map[string]any) map[string]any {
	c := map[string]any{"iss": a.URL, "aud": "latchkey", "sub": "bango", "exp": time.Now().Add(time.Hour).Unix()}
	for _, o := range other {
		maps.Copy(c, o)
	}
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func encode(claims map[string]any) string {
	raw, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func (s signer) token(claims map[string]any) string {
	return oidctest.SignIDToken(s.private, s.public.KeyID, s.public.Algorithm, encode(claims))
}

// unsigned returns the part of a token that would be signed.
func unsigned(header string, claims map[string]any) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(encode(claims)))
}

func mac(key []byte, text string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func TestWhichJWTsAdmit(t *testing.T) {
	a := startAuthority(t)
	one, other, edwards, stranger := newSigner(t, "one", oidc.RS256), newSigner(t, "two", oidc.ES256), newSigner(t, "three", oidc.EdDSA),
		newSigner(t, "one", oidc.RS256)
	a.publishes(one.public, other.public, edwards.public)
	n := openForTokens(t, OAuth{Issuer: a.URL, Audience: "latchkey"})

	der, err := x509.MarshalPKIXPublicKey(one.private.Public())
	if err != nil {
		t.Fatal(err)
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	good := one.token(a.claims())
	head, rest, _ := strings.Cut(good, ".")
	_, signature, _ := strings.Cut(rest, ".")
	swapped := unsigned(`{"alg":"RS256","kid":"one"}`, a.claims(map[string]any{"sub": "somebody"}))

	for _, tt := range []struct {
		name   string
		token  string
		status int
	}{
		{"right", good, 200},
		{"of the second key", other.token(a.claims()), 200},
		{"of a third, on another curve", edwards.token(a.claims()), 200},
		{"for several", one.token(a.claims(map[string]any{"aud": []string{"x", "latchkey"}})), 200},
		{"another audience", one.token(a.claims(map[string]any{"aud": "latchkey2"})), 401},
		{"no audience", one.token(a.claims(map[string]any{"aud": nil})), 401},
		{"another issuer", one.token(a.claims(map[string]any{"iss": a.URL + "/"})), 401},
		{"no issuer", one.token(a.claims(map[string]any{"iss": nil})), 401},
		{"expired", one.token(a.claims(map[string]any{"exp": time.Now().Add(-time.Second).Unix()})), 401},
		{"no expiry", one.token(a.claims(map[string]any{"exp": nil})), 401},
		{"not valid yet", one.token(a.claims(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()})), 401},
		{"of a stranger's key", stranger.token(a.claims()), 401},
		{"other claims under the signature", swapped + "." + signature, 401},
		{"cut", good[:len(good)-8], 401},
		{"without a signature", head + "." + strings.Split(good, ".")[1] + ".", 401},
		{"alg none", unsigned(`{"alg":"none"}`, a.claims()) + ".", 401},
		{"alg none with a signature", unsigned(`{"alg":"none","kid":"one"}`, a.claims()) + "." + signature, 401},
		{"HS256 with the public key", mac(pemKey, unsigned(`{"alg":"HS256","kid":"one"}`, a.claims())), 401},
		{"HS256 with the public key's bytes", mac(der, unsigned(`{"alg":"HS256","kid":"one"}`, a.claims())), 401},
		{"opaque", "an-opaque-token", 401},
		{"dots", "..", 401},
	} {
		t.Run(tt.name, func(t *testing.T) { n.mustGet(t, tt.token, tt.status) })
	}
	if found := a.called("/.well-known/openid-configuration"); found != 1 {
		t.Errorf("where the keys are was asked %d times", found)
	}
}

// A symmetric key that is published by mistake makes nobody's HS256 token right.
func TestNoSymmetricKeyCounts(t *testing.T) {
	a := startAuthority(t)
	secret := []byte("a secret that everybody can read")
	a.does(func() {
		a.broken = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				answers(200, `{"keys":[{"kty":"oct","kid":"one","k":"`+base64.RawURLEncoding.EncodeToString(secret)+`"}]}`)(w, r)
				return
			}
			a.issues.ServeHTTP(w, r)
		}
	})
	n := openForTokens(t, OAuth{Issuer: a.URL, Audience: "latchkey"})
	n.mustGet(t, mac(secret, unsigned(`{"alg":"HS256","kid":"one"}`, a.claims())), 401)
}

func TestTheIssuerMayChangeItsKeys(t *testing.T) {
	a := startAuthority(t)
	older, newer := newSigner(t, "older", oidc.ES256), newSigner(t, "newer", oidc.ES256)
	a.publishes(older.public)
	n := openForTokens(t, OAuth{Issuer: a.URL, Audience: "latchkey"})
	n.mustGet(t, older.token(a.claims()), 200)
	n.mustGet(t, newer.token(a.claims()), 401)
	a.publishes(older.public, newer.public)
	n.mustGet(t, newer.token(a.claims()), 200)
	n.mustGet(t, older.token(a.claims()), 200)
	a.publishes(newer.public)
	n.mustGet(t, newSigner(t, "newest", oidc.ES256).token(a.claims()), 401) // makes the keys be fetched
	n.mustGet(t, older.token(a.claims()), 401)
	n.mustGet(t, newer.token(a.claims()), 200)
}

func TestAnIssuerThatIsDownRefusesNobody(t *testing.T) {
	key := newSigner(t, "one", oidc.ES256)
	good := startAuthority(t)
	good.publishes(key.public)
	for name, broken := range outages(t, good) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := startAuthority(t)
			a.publishes(key.public)
			a.does(func() { a.broken = broken })
			n := openForTokens(t, OAuth{Issuer: a.URL, Audience: "latchkey"})
			n.mustGet(t, key.token(a.claims()), 503)
			n.mustGet(t, unsigned(`{"alg":"none"}`, a.claims())+".", 401) // no keys are needed to tell
			n.mustGet(t, "a-key", 200)

			a.does(func() { // it comes back, but not with its keys
				a.broken = func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/keys" {
						broken(w, r)
						return
					}
					a.issues.ServeHTTP(w, r)
				}
			})
			if name != "another shape" { // has no keys in it, which is an answer
				n.mustGet(t, key.token(a.claims()), 503)
			}
			a.does(func() { a.broken = nil })
			n.mustGet(t, key.token(a.claims()), 200)

			a.does(func() { a.broken = broken }) // the keys that are known stay known
			n.mustGet(t, key.token(a.claims()), 200)
			if strings.Contains(n.log.String(), strings.Repeat("x", 400)) {
				t.Error("the log has a whole answer in it")
			}
		})
	}
}

func TestKeysComeFromPrivateAddressesAlone(t *testing.T) {
	a := startAuthority(t)
	key := newSigner(t, "one", oidc.ES256)
	a.publishes(key.public)
	n := openForTokens(t, OAuth{Issuer: a.URL, Audience: "latchkey"})
	for _, at := range []string{`"http://192.0.2.1/keys"`, `"file:///keys"`, `"/keys"`, `""`, `null`} {
		a.does(func() { a.broken = answers(200, `{"issuer":"`+a.URL+`","jwks_uri":`+at+`}`) })
		n.mustGet(t, key.token(a.claims()), 503)
	}
	a.does(func() { a.broken = nil })
	n.mustGet(t, key.token(a.claims()), 200) // it is asked again
	if log := n.log.String(); !strings.Contains(log, "neither https nor on this machine") {
		t.Errorf("the log does not say why: %s", log)
	}
}

// transport answers calls without a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// hangs answers nothing until the call is given up.
func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestAnIssuerThatHangsIsNotWaitedForLonger(t *testing.T) {
	key := newSigner(t, "one", oidc.ES256)
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		i := newIssuer("https://login.example", "latchkey")
		i.client = oidc.ClientContext(context.Background(), newTokenClient(transport(func(r *http.Request) (*http.Response, error) {
			calls.Add(1)
			return hangs(r)
		})))
		c := caller{tokens: []tokenCheck{i}}
		start := time.Now()
		token := oidctest.SignIDToken(key.private, "one", oidc.ES256, "{}")
		done := make(chan error)
		for range 50 {
			go func() {
				known, err := c.knows(t.Context(), "", "Bearer "+token)
				if known {
					t.Error("admitted")
				}
				done <- err
			}()
		}
		for range 50 {
			if err := <-done; err == nil {
				t.Error("nobody could tell, and it was told")
			}
		}
		if took := time.Since(start); took > lookupTime || calls.Load() != 1 {
			t.Errorf("%d calls took %v", calls.Load(), took)
		}
		synctest.Wait()
	})
}

// Wrong tokens of strangers make the keys be fetched, but not without a pause.
func TestKeysAreFetchedAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		p := &pace{RoundTripper: transport(func(*http.Request) (*http.Response, error) {
			at = append(at, time.Since(start))
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("{}"))}, nil
		})}
		client := newTokenClient(p)
		for _, pause := range []time.Duration{0, 0, 0, time.Hour} {
			time.Sleep(pause)
			resp, err := client.Get("https://login.example/keys")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
		want := []time.Duration{0, pacedBy, 2 * pacedBy, 2*pacedBy + time.Hour}
		if fmt.Sprint(at) != fmt.Sprint(want) {
			t.Errorf("calls at %v, not %v", at, want)
		}
	})
}
