package bango_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"latchkey/bango"
)

// A key that is too short to be safe is refused where it is read, and where a client is made with it.
func TestShortSigningKey(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, 512)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if _, err := bango.ParseSigningKey(text); err == nil || !strings.Contains(err.Error(), "512 bits") {
		t.Errorf("it is read: %v", err)
	}
	c := bango.Config{BaseURL: bango.DefaultBaseURL, Username: username, Password: password, SigningKey: key}
	if _, err := bango.New(c); err == nil || !strings.Contains(err.Error(), "512 bits") {
		t.Errorf("a client is made with it: %v", err)
	}
}

// The start of every synctest bubble, 2000-01-01 00:00:00 UTC.
const bubbleStart = "946684800"

// What is signed is the header Created and the body, to the letter; the public key alone verifies it.
func TestSigning(t *testing.T) {
	key := signingKey(t)
	with := order
	with.DisplayName = "tab\tand\r\nline end"
	with.ExtensionData = json.RawMessage("{\n\t\"a\": [1,\r\n2]\n}")
	form := regexp.MustCompile(`^keyId=RSA-SHA256V1, headers=Created, signature=([A-Za-z0-9+/]+={0,2})$`)
	for _, signature := range []string{"", "{created}{body}", "created: {created}\n{body}", "{body}|{created}"} {
		for name, call := range map[string]func(*bango.Client){
			"create": func(c *bango.Client) { c.Create(context.Background(), "request-1", with) },
			"read":   func(c *bango.Client) { c.Read(context.Background(), "e1") },
		} {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				call(newClient(t, "http://127.0.0.1", bango.Config{SigningKey: key, Wire: bango.Wire{Signature: signature},
					Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
						calls++
						var body []byte
						if r.Body != nil {
							body, _ = io.ReadAll(r.Body)
						}
						if strings.ContainsAny(string(body), "\r\n\t") {
							t.Errorf("%s: the body has a line end or a tab: %q", name, body)
						}
						if got := r.Header.Get("Created"); got != bubbleStart {
							t.Errorf("%s: Created is %q", name, got)
						}
						parts := form.FindStringSubmatch(r.Header.Get("Signature"))
						if parts == nil {
							t.Fatalf("%s: Signature is %q", name, r.Header.Get("Signature"))
						}
						raw, err := base64.StdEncoding.DecodeString(parts[1])
						if err != nil {
							t.Fatal(err)
						}
						signed := map[string]string{"": bubbleStart + string(body), "{created}{body}": bubbleStart + string(body),
							"created: {created}\n{body}": "created: " + bubbleStart + "\n" + string(body),
							"{body}|{created}":           string(body) + "|" + bubbleStart}[signature]
						hash := sha256.Sum256([]byte(signed))
						if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, hash[:], raw); err != nil {
							t.Errorf("%s by %q: %v", name, signature, err)
						}
						return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(created("OK")))}, nil
					})}))
				if calls != 1 {
					t.Errorf("%s: %d calls", name, calls)
				}
			})
		}
	}
}

func signingKey(t *testing.T) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 1024) // the documented length
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestParseSigningKey(t *testing.T) {
	key := signingKey(t)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := x509.MarshalPKCS8PrivateKey(elliptical)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, raw []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}) }
	pkcs1 := x509.MarshalPKCS1PrivateKey(key)
	for name, c := range map[string]struct {
		text []byte
		want string // part of the error; empty for none
	}{
		"PKCS #1":           {block("RSA PRIVATE KEY", pkcs1), ""},
		"PKCS #8":           {block("PRIVATE KEY", pkcs8), ""},
		"text before it":    {append([]byte("the key of Bango\n"), block("PRIVATE KEY", pkcs8)...), ""},
		"nothing":           {nil, "not PEM"},
		"no PEM":            {pkcs1, "not PEM"},
		"a public key":      {block("PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey)), "expected is PRIVATE KEY"},
		"another algorithm": {block("PRIVATE KEY", ec), "not an RSA key"},
		"PKCS #1, broken":   {block("RSA PRIVATE KEY", pkcs1[1:]), "cannot be read"},
		"PKCS #8, broken":   {block("PRIVATE KEY", pkcs8[1:]), "cannot be read"},
		"encrypted":         {block("ENCRYPTED PRIVATE KEY", pkcs8), "encrypted"},
		"encrypted, old": {pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"DEK-Info": "DES-EDE3-CBC,0"},
			Bytes: pkcs1}), "encrypted"},
	} {
		got, err := bango.ParseSigningKey(c.text)
		switch {
		case c.want == "" && (err != nil || !got.Equal(key)):
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || got != nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
