package handlers

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"latchkey/resale"
)

// OAuth says how the OAuth2 access tokens that may come with a notification are checked. One that any of the given ways accepts admits;
// with neither an Issuer nor an IntrospectionURL none does.
type OAuth struct {
	Issuer   string // whose JWTs are accepted, exactly as it calls itself; https, or http to this machine
	Audience string // whom a token must be meant for; required with Issuer, may be empty with introspection alone

	IntrospectionURL      string // RFC 7662; https, or http to this machine
	IntrospectionUsername string // of this portal, at the authorization server
	IntrospectionPassword string
}

// tokenCheck is a way to check an access token. An error means that nobody could tell, and never has the token in it.
type tokenCheck interface {
	admits(ctx context.Context, token string) (bool, error)
}

func newTokenChecks(o OAuth) (checks []tokenCheck) {
	if o.Issuer != "" {
		checks = append(checks, newIssuer(o.Issuer, o.Audience))
	}
	if o.IntrospectionURL != "" {
		checks = append(checks, newIntrospection(o))
	}
	return checks
}

const (
	// lookupTime is what one call to the authorization server may take, and also what a notification waits for all of them.
	lookupTime = 5 * time.Second

	// maxLookups is how many calls to the authorization server there are at once: whoever sends wrong tokens causes them.
	maxLookups = 32

	maxTokenReply = 64 << 10 // bytes of an answer of the authorization server that are read; a longer one is not believed
)

// newTokenClient returns a client for the authorization server. It follows no redirects: what it carries is meant for that address alone.
func newTokenClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		Timeout:       lookupTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// tokenTransport bounds what is read of an answer; the key sets' library does not.
type tokenTransport struct{ to *http.Transport }

func newTokenTransport() tokenTransport {
	to := http.DefaultTransport.(*http.Transport).Clone()
	to.MaxIdleConnsPerHost = maxLookups
	to.MaxResponseHeaderBytes = maxTokenReply
	return tokenTransport{to}
}

// RoundTrip is http.RoundTripper's.
func (t tokenTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.to.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{http.MaxBytesReader(nil, resp.Body, maxTokenReply), resp.Body}
	}
	return resp, err
}

// private reports whether nobody on the way can read or change what goes to the address.
func private(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && resale.IsLoopback(u.Hostname())
}
