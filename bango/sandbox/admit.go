package sandbox

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Reseller is who may call the API. Resellers do not see each other's entitlements.
type Reseller struct {
	Name     string // for people; empty means the user name
	Username string // Basic credentials that it must present; the user name is its resellerIdentifier, too
	Password string

	SigningKey *rsa.PublicKey // every call must be signed with its private half; nil means that none need be

	NotifyKey      string // sent with notifications as X-Api-Key; empty for none
	NotifyUsername string // sent with notifications as Basic credentials; empty for none
	NotifyPassword string
}

const realm = `Basic realm="Bango Resale API sandbox"`

// account is a Reseller and its calls of this minute. The sandbox's lock guards the latter.
type account struct {
	Reseller
	minute time.Time // when it began
	calls  int
}

// caller is who makes a call, and by which generation of the API.
type caller struct {
	*account
	generation int
}

// accounts returns the reseller that the configuration is, and the further ones that it names, or says what is wrong with them.
func (c *Config) accounts() ([]*account, error) {
	first := Reseller{Username: c.Username, Password: c.Password, SigningKey: c.SigningKey,
		NotifyKey: c.NotifyKey, NotifyUsername: c.NotifyUsername, NotifyPassword: c.NotifyPassword}
	var all []*account
	seen := map[string]bool{}
	for _, r := range append([]Reseller{first}, c.Resellers...) {
		switch {
		case r.Username == "" || r.Password == "":
			return nil, errors.New("user name and password are required")
		case strings.Contains(r.Username, ":") || strings.Contains(r.NotifyUsername, ":"):
			return nil, errors.New("a user name has a colon, which HTTP Basic does not allow")
		case seen[r.Username]:
			return nil, fmt.Errorf("the user name %q is there twice", r.Username)
		case strings.ContainsAny(r.NotifyKey, "\r\n\x00"):
			return nil, errors.New("the notification key has a line break or a zero byte, which a header cannot carry")
		}
		seen[r.Username] = true
		r.Name = cmp.Or(r.Name, r.Username)
		all = append(all, &account{Reseller: r})
	}
	return all, nil
}

// admit returns whose call it is, or why it is not answered; header is that of the answer.
func (s *Sandbox) admit(r *http.Request, header http.Header) (*account, *answer) {
	who := s.authorised(r)
	if who == nil {
		header.Set("WWW-Authenticate", realm)
		a := refuse(http.StatusUnauthorized, codeUnauthorized, "The user name or the password is not valid") // src: platform/connectivity/basic-auth
		return nil, &a
	}
	if wait := s.over(who); wait > 0 {
		header.Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		// The code: resale/entitlements/report; the HTTP status is inferred.
		a := refuse(http.StatusTooManyRequests, codeTooMany, fmt.Sprintf("More than %d calls in a minute; try again later", s.config.RateLimit))
		return nil, &a
	}
	if who.SigningKey != nil {
		if err := checkSignature(r, who.SigningKey, s.config.Now()); err != nil {
			a := refuse(http.StatusUnauthorized, codeUnauthorized, "The signature is not valid: "+err.Error())
			return nil, &a
		}
	}
	return who, nil
}

// authorised compares digests, which takes as long whatever is wrong.
func (s *Sandbox) authorised(r *http.Request) (who *account) {
	username, password, _ := r.BasicAuth()
	equal := func(a, b string) int {
		x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
		return subtle.ConstantTimeCompare(x[:], y[:])
	}
	for _, one := range s.accounts {
		if equal(username, one.Username)&equal(password, one.Password) == 1 {
			who = one
		}
	}
	return who
}

// over counts a call, and returns how long its reseller has to wait with it: 0 where that is within the limit.
func (s *Sandbox) over(who *account) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.config.Now() // moving the sandbox's own clock lets nobody in
	if s.config.RateLimit == 0 {
		return 0
	}
	if now.Sub(who.minute) >= time.Minute {
		who.minute, who.calls = now, 0
	}
	if who.calls >= s.config.RateLimit {
		return who.minute.Add(time.Minute).Sub(now)
	}
	who.calls++
	return 0
}

const (
	signatureHead = "keyId=RSA-SHA256V1, headers=Created, signature=" // src: platform/connectivity/signing-http-messages
	signedFor     = 120 * time.Second                                 // src: the same
)

// checkSignature says what is wrong with the signature of a message. It must be over the header Created and the body, one right after the
// other: that is our choice, and so is the padding. The rest is documented. src: platform/connectivity/signing-http-messages
func checkSignature(r *http.Request, key *rsa.PublicKey, now time.Time) error {
	seconds, err := strconv.ParseInt(r.Header.Get("Created"), 10, 64)
	if err != nil {
		return errors.New("the header Created is not a number of seconds")
	}
	if age := now.Truncate(time.Second).Sub(time.Unix(seconds, 0)); age.Abs() > signedFor {
		return fmt.Errorf("the header Created is more than %d seconds from now", signedFor/time.Second)
	}
	text, found := strings.CutPrefix(r.Header.Get("Signature"), signatureHead)
	signature, err := base64.StdEncoding.DecodeString(text)
	if !found || err != nil {
		return fmt.Errorf("the header Signature is not %q and Base64", signatureHead)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return errors.New("the body did not arrive whole")
	}
	r.Body = io.NopCloser(bytes.NewReader(body)) // for the operation
	if bytes.ContainsAny(body, "\r\n\t") {
		return errors.New("the body has a line break or a tab")
	}
	digest := sha256.Sum256(append([]byte(r.Header.Get("Created")), body...))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) != nil {
		return errors.New("it does not fit the header Created, the body and the key")
	}
	return nil
}
