package bango

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
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
	Wire      Wire              // the zero value is DefaultWire

	// SigningKey signs every call where it is set. Whether an account must sign is told at onboarding; Bango needs the public half first.
	// src: platform/connectivity/signing-http-messages, generation 1
	SigningKey *rsa.PrivateKey

	// MagicNumbers are, by operation, the X-Magic-Number that makes generation 2's sandbox answer in a certain way. They go nowhere but
	// there and to this machine. The operations are echo, create, read, report, update, suspend, resume, undo, cancel, revoke, products
	// and activation. src: developer.bango.info/mock-response-headers
	MagicNumbers map[string]string
}

// Client calls the Resale API. It is safe for use by many goroutines.
type Client struct {
	base      string
	username  string
	password  string
	timeout   time.Duration
	wire      Wire
	transport http.RoundTripper // not an http.Client, which would follow redirects

	signingKey   *rsa.PrivateKey // nil: calls are not signed
	magicNumbers map[string]string
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
	if c.Wire.Generation < 0 || c.Wire.Generation > 2 {
		return nil, fmt.Errorf("bango: there is no generation %d of the API", c.Wire.Generation)
	}
	wire := c.Wire.complete()
	if err := wire.check(); err != nil {
		return nil, fmt.Errorf("bango: %w", err)
	}
	if c.SigningKey != nil {
		if _, err := checkSigningKey(c.SigningKey); err != nil {
			return nil, fmt.Errorf("bango: %w", err)
		}
	}
	for name, value := range c.MagicNumbers {
		switch {
		case c.BaseURL != Generation2Sandbox && !strings.HasPrefix(c.BaseURL, Generation2Sandbox+"/") && !loopback(u.Hostname()):
			return nil, errors.New("bango: magic numbers are for the sandbox of generation 2 alone")
		case !slices.Contains(operations, name):
			return nil, fmt.Errorf("bango: %.40q is no operation that a magic number can be for; they are %s", name,
				strings.Join(operations, ", "))
		case !printable(value):
			return nil, fmt.Errorf("bango: the magic number of %s is not printable ASCII without spaces", name)
		}
	}
	return &Client{base: strings.TrimSuffix(c.BaseURL, "/"), username: c.Username, password: c.Password, timeout: c.Timeout, wire: wire,
		transport: c.Transport, signingKey: c.SigningKey, magicNumbers: maps.Clone(c.MagicNumbers)}, nil
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
	name      string // one of operations
	method    string
	path      string
	requestID string // X-RequestIdentifier; empty for reads
	customer  string // X-CustomerIdentifier; empty for none
	body      any    // nil for none
	check     func(*Reply) error
}

// operations are what a magic number can be for.
var operations = []string{"echo", "create", "read", "report", "update", "suspend", "resume", "undo", "cancel", "revoke",
	"products", "activation"}

// do makes one attempt.
func (c *Client) do(ctx context.Context, op operation) (*Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()

	var raw []byte
	var body io.Reader
	if op.body != nil {
		var err error
		if raw, err = json.Marshal(op.body); err != nil {
			return nil, &Error{Outcome: OutcomeNotSent, text: "the request cannot be put into JSON", Err: err}
		}
		body = bytes.NewReader(raw)
	}
	exchange := Exchange{Method: op.method, Path: op.path, Sent: string(raw), Started: time.Now()}
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
		return nil, &Error{Outcome: OutcomeNotSent, text: "the request cannot be made", Err: err}
	}
	req.SetBasicAuth(c.username, c.password)
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if op.requestID != "" {
		req.Header.Set("X-RequestIdentifier", op.requestID) // src: resale/api-ref/entitlement/post
	}
	if op.customer != "" {
		req.Header.Set("X-CustomerIdentifier", op.customer) // src: resale/product-api-ref/get
	}
	if magic := c.magicNumbers[op.name]; magic != "" {
		req.Header.Set("X-Magic-Number", magic)
	}
	if c.signingKey != nil {
		if err := c.sign(req.Header, exchange.Sent); err != nil {
			return nil, &Error{Outcome: OutcomeNotSent, text: "the request cannot be signed", Err: err}
		}
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
	received, readErr := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	exchange.Duration = time.Since(exchange.Started)
	exchange.Status, exchange.Received = resp.StatusCode, string(received[:min(len(received), maxEvidence)])
	retryAfter := parseRetryAfter(resp.Header.Get("Retry-After"), time.Now())
	switch {
	case readErr != nil:
		return nil, &Error{Outcome: OutcomeUnknown, RetryAfter: retryAfter, Exchange: exchange, text: "Bango's answer broke off", Err: readErr}
	case len(received) > maxReply:
		return nil, &Error{Outcome: OutcomeUnknown, RetryAfter: retryAfter, Exchange: exchange, text: "Bango's answer is larger than 1 MiB"}
	}
	return c.judge(op, resp.StatusCode, retryAfter, received, exchange)
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
