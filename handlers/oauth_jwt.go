package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/sync/singleflight"
)

// issuer checks access tokens that are JWTs by the keys that their issuer publishes. It is asked for nothing before the first token
// comes, so that the portal starts without it.
type issuer struct {
	name      string
	config    *oidc.Config
	client    context.Context                   // carries the HTTP client, which is how the library takes it
	keys      atomic.Pointer[oidc.RemoteKeySet] // nil until the issuer said where they are
	discovery singleflight.Group
}

func newIssuer(name, audience string) *issuer {
	return &issuer{
		name:   name,
		client: oidc.ClientContext(context.Background(), newTokenClient(&pace{RoundTripper: newTokenTransport()})),
		config: &oidc.Config{
			ClientID: audience,
			// A symmetric one would make a public key the secret. What the issuer says that it supports is about ID tokens alone.
			SupportedSigningAlgs: []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512,
				oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA},
		},
	}
}

func (i *issuer) admits(ctx context.Context, token string) (bool, error) {
	signature := &signature{issuer: i}
	_, err := oidc.NewVerifier(i.name, signature, i.config).Verify(ctx, token)
	if signature.unsure != nil {
		return false, fmt.Errorf("the keys of the authorization server are not to be had: %w", signature.unsure)
	}
	return err == nil, nil
}

// keySet returns the keys of the issuer, which it asks where they are until it once said so.
func (i *issuer) keySet(ctx context.Context) (*oidc.RemoteKeySet, error) {
	if keys := i.keys.Load(); keys != nil {
		return keys, nil
	}
	found := i.discovery.DoChan("", func() (any, error) {
		provider, err := oidc.NewProvider(i.client, i.name)
		if err != nil {
			return nil, err
		}
		var at struct {
			Keys string `json:"jwks_uri"`
		}
		if err := provider.Claims(&at); err != nil {
			return nil, err
		}
		if u, err := url.Parse(at.Keys); err != nil || !private(u) {
			return nil, errors.New("it says that they are at an address that is neither https nor on this machine")
		}
		keys := oidc.NewRemoteKeySet(i.client, at.Keys)
		i.keys.Store(keys)
		return keys, nil
	})
	select {
	case f := <-found:
		keys, _ := f.Val.(*oidc.RemoteKeySet)
		return keys, f.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// signature is the check of one token's signature. It remembers that the keys could not be had, which the verifier makes look like a wrong
// signature. It is used after the verifier has looked at the algorithm: what is no such JWT costs no call.
type signature struct {
	issuer *issuer
	unsure error
}

// VerifySignature is oidc.KeySet's.
func (s *signature) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	keys, err := s.issuer.keySet(ctx)
	if err != nil {
		s.unsure = brief(err)
		return nil, err
	}
	payload, err := keys.VerifySignature(ctx, jwt)
	if cause := errors.Unwrap(err); cause != nil { // a key set wraps why it could not be fetched, and nothing else
		s.unsure = brief(cause)
	}
	return payload, err
}

// brief cuts the answer off that may stand at the end of an error: it can be a whole page.
func brief(err error) error {
	const most = 300
	if text := err.Error(); len(text) > most {
		return errors.New(text[:most] + "…")
	}
	return err
}

// pacedBy is the least time from the start of one call for keys to the start of the next.
const pacedBy = 100 * time.Millisecond

// pace makes calls keep their distance. A token with a wrong signature makes the keys be fetched anew, since they may have changed;
// strangers must not make us call without a pause.
type pace struct {
	http.RoundTripper
	mu   sync.Mutex
	next time.Time
}

// RoundTrip is http.RoundTripper's.
func (p *pace) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	wait := max(time.Until(p.next), 0)
	p.next = time.Now().Add(wait + pacedBy)
	p.mu.Unlock()
	select {
	case <-time.After(wait):
		return p.RoundTripper.RoundTrip(r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}
