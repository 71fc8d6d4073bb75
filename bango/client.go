package bango

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// DefaultBaseURL is the API for test and production alike; the credentials choose. src: resale/testing
	DefaultBaseURL = "https://resale.api.bango.net/v1"

	// DefaultTimeout is for one call, body included. Bango publishes none.
	DefaultTimeout = 10 * time.Second

	maxReply    = 1 << 20  // bytes of a reply that are read; a longer one is not believed
	maxEvidence = 64 << 10 // bytes of a reply that are kept
)

// Config is what a Client needs. BaseURL, Username and Password are required.
type Config struct {
	BaseURL   string // with the version; https, or http to this machine; DefaultBaseURL
	Username  string // of the organisation. src: platform/connectivity/basic-auth
	Password  string
	Timeout   time.Duration     // for one call, body included; 0 means DefaultTimeout
	Transport http.RoundTripper // nil means one of its own: HTTP/1.1, through HTTPS_PROXY where that is set
	Wire      Wire              // what is empty is as in DefaultWire
}

// Wire is what the documentation leaves open or is only inferred: set here, it needs no change anywhere else. Paths are relative
// to the base URL and begin with a slash; {id} stands for the escaped identifier.
type Wire struct {
	EchoPath   string // path: resale/testing; the method, GET, is inferred
	CreatePath string // src: resale/api-ref/entitlement/post
	ReadPath   string // src: resale/entitlements/read; the version in front is inferred
	ReportPath string // src: resale/entitlements/report; the version in front is inferred
	UpdatePath string // inferred: src: resale/entitlements/update says only that the id is in the body, not in the path
	CancelPath string // inferred from the form of resale/api-ref/entitlement/reactivate/post
	RevokePath string // inferred likewise

	Suspended string // entitlementBenefits of a suspend; inferred
	Normal    string // entitlementBenefits of a resume. src: resale/entitlements/resume
}

// DefaultWire returns the documented or most likely form.
func DefaultWire() Wire {
	return Wire{EchoPath: "/echo/{id}", CreatePath: "/entitlement", ReadPath: "/entitlement/{id}", ReportPath: "/entitlement/report",
		UpdatePath: "/entitlement", CancelPath: "/entitlement/cancel/{id}", RevokePath: "/entitlement/revoke/{id}",
		Suspended: "SUSPENDED", Normal: "NORMAL"}
}

// Client calls the Resale API. It is safe for use by many goroutines.
type Client struct {
	base      string
	username  string
	password  string
	timeout   time.Duration
	wire      Wire
	transport http.RoundTripper // not an http.Client, which would follow redirects
}

// New returns a client, or says what is wrong with the configuration.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.BaseURL)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("bango: the base URL is not an absolute web address")
	case u.User != nil || strings.ContainsAny(c.BaseURL, "?#"):
		return nil, errors.New("bango: the base URL must have no user name, query or fragment")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return nil, errors.New("bango: the base URL must be https; http only to this machine")
	case c.Username == "" || c.Password == "":
		return nil, errors.New("bango: user name and password are required")
	case strings.Contains(c.Username, ":"):
		return nil, errors.New("bango: the user name has a colon, which Basic authentication cannot carry")
	case c.Timeout < 0:
		return nil, errors.New("bango: the timeout is negative")
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Transport == nil {
		c.Transport = newTransport(c.Timeout)
	}
	wire := DefaultWire()
	wire = Wire{EchoPath: cmp.Or(c.Wire.EchoPath, wire.EchoPath), CreatePath: cmp.Or(c.Wire.CreatePath, wire.CreatePath),
		ReadPath: cmp.Or(c.Wire.ReadPath, wire.ReadPath), ReportPath: cmp.Or(c.Wire.ReportPath, wire.ReportPath),
		UpdatePath: cmp.Or(c.Wire.UpdatePath, wire.UpdatePath), CancelPath: cmp.Or(c.Wire.CancelPath, wire.CancelPath),
		RevokePath: cmp.Or(c.Wire.RevokePath, wire.RevokePath),
		Suspended:  cmp.Or(c.Wire.Suspended, wire.Suspended), Normal: cmp.Or(c.Wire.Normal, wire.Normal)}
	return &Client{base: strings.TrimSuffix(c.BaseURL, "/"), username: c.Username, password: c.Password, timeout: c.Timeout, wire: wire,
		transport: c.Transport}, nil
}

// newTransport speaks HTTP/1.1 alone: HTTP/2 repeats a write by itself in more cases, and one dead connection would hold up every
// call. It goes through HTTPS_PROXY where that is set, since Bango admits only addresses that it was told; it goes directly to this
// machine. The timeout bounds connecting a second time because that goes on after a call was given up.
func newTransport(timeout time.Duration) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Protocols:              protocols,
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
		TLSHandshakeTimeout:    timeout,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    16, // connections to the one host that all calls go to
		IdleConnTimeout:        90 * time.Second,
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Exchange is one attempt as it went over the wire, credentials left out.
type Exchange struct {
	Method   string
	Path     string
	Sent     string // request body
	Status   int    // HTTP status, 0 where no reply came
	Received string // reply body, at most 64 KiB of it
	Started  time.Time
	Duration time.Duration
}

// operation is one kind of call. check says what is wrong with a reply that would otherwise be a success.
type operation struct {
	method    string
	path      string
	requestID string // X-RequestIdentifier; empty for reads
	body      any    // nil for none
	check     func(*Reply) error
}

// do makes one attempt.
func (c *Client) do(ctx context.Context, op operation) (*Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()

	exchange := Exchange{Method: op.method, Path: op.path, Started: time.Now()}
	var body io.Reader
	if op.body != nil {
		raw, err := json.Marshal(op.body)
		if err != nil {
			return nil, &Error{Outcome: OutcomeNotSent, Exchange: exchange, text: "the request cannot be put into JSON", Err: err}
		}
		exchange.Sent, body = string(raw), bytes.NewReader(raw)
	}
	// notSent holds while it is certain that nothing has left: until a connection is there, and again where another one is looked for,
	// which happens for a write only if nothing of it was written to the former. A RoundTripper that does not tell is assumed to send.
	var notSent atomic.Bool
	_, tells := c.transport.(*http.Transport)
	notSent.Store(tells)
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { notSent.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { notSent.Store(false) },
	})
	req, err := http.NewRequestWithContext(traced, op.method, c.base+op.path, body)
	if err != nil {
		return nil, &Error{Outcome: OutcomeNotSent, Exchange: exchange, text: "the request cannot be made", Err: err}
	}
	req.SetBasicAuth(c.username, c.password)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if op.requestID != "" {
		req.Header.Set("X-RequestIdentifier", op.requestID) // src: resale/api-ref/entitlement/post
	}

	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		exchange.Duration = time.Since(exchange.Started)
		if notSent.Load() {
			return nil, &Error{Outcome: OutcomeNotSent, Exchange: exchange, text: unreached(err), Err: err}
		}
		return nil, &Error{Outcome: OutcomeUnknown, Exchange: exchange, text: unanswered(ctx), Err: err}
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body = http.NoBody // nobody asked for another protocol, and reading one would know no deadline
	}
	raw, readErr := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	exchange.Duration = time.Since(exchange.Started)
	exchange.Status, exchange.Received = resp.StatusCode, string(raw[:min(len(raw), maxEvidence)])
	retryAfter := parseRetryAfter(resp.Header.Get("Retry-After"), time.Now())
	switch {
	case readErr != nil:
		return nil, &Error{Outcome: OutcomeUnknown, RetryAfter: retryAfter, Exchange: exchange, text: "Bango's answer broke off", Err: readErr}
	case len(raw) > maxReply:
		return nil, &Error{Outcome: OutcomeUnknown, RetryAfter: retryAfter, Exchange: exchange, text: "Bango's answer is larger than 1 MiB"}
	}
	return judge(op, resp.StatusCode, retryAfter, raw, exchange)
}

func unreached(err error) string {
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return "the certificate at Bango's address is not to be trusted, so nothing was sent"
	}
	return "Bango could not be reached"
}

func unanswered(ctx context.Context) string {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "Bango did not answer in time"
	case ctx.Err() != nil:
		return "the call was given up before Bango answered"
	}
	return "the connection to Bango broke before it answered"
}

// path fills an identifier into a path.
func path(pattern, id string) string { return strings.ReplaceAll(pattern, "{id}", url.PathEscape(id)) }
