package bango

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	Transport http.RoundTripper // nil means a transport of its own
	Wire      *Wire             // nil means DefaultWire
}

// Wire is what the documentation leaves open or is only inferred: set here, it needs no change anywhere else. Paths are relative
// to the base URL; {id} stands for the escaped identifier.
type Wire struct {
	EchoPath   string // path: resale/testing; the method, GET, is inferred
	CreatePath string // src: resale/api-ref/entitlement/post
	ReadPath   string // src: resale/entitlements/read; the version in front is inferred
	ReportPath string // src: resale/entitlements/report; the version in front is inferred
}

// DefaultWire returns the documented or most likely form.
func DefaultWire() Wire {
	return Wire{EchoPath: "/echo/{id}", CreatePath: "/entitlement", ReadPath: "/entitlement/{id}", ReportPath: "/entitlement/report"}
}

// Client calls the Resale API. It is safe for use by many goroutines.
type Client struct {
	base     string
	username string
	password string
	timeout  time.Duration
	wire     Wire
	http     *http.Client
}

// New returns a client, or says what is wrong with the configuration.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.BaseURL)
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("bango: the base URL is not an absolute web address")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("bango: the base URL must have no user name, query or fragment")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return nil, errors.New("bango: the base URL must be https; http only to this machine")
	case c.Username == "" || c.Password == "":
		return nil, errors.New("bango: user name and password are required")
	case c.Timeout < 0:
		return nil, errors.New("bango: the timeout is negative")
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Transport == nil {
		c.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	wire := DefaultWire()
	if c.Wire != nil {
		wire = *c.Wire
	}
	return &Client{base: strings.TrimSuffix(c.BaseURL, "/"), username: c.Username, password: c.Password, timeout: c.Timeout, wire: wire,
		http: &http.Client{Transport: c.Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // another address gets neither the request nor the credentials
		}}}, nil
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
	var connected atomic.Bool // from then on the request may have been received
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
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

	resp, err := c.http.Do(req)
	if err != nil {
		exchange.Duration = time.Since(exchange.Started)
		if !connected.Load() {
			return nil, &Error{Outcome: OutcomeNotSent, Exchange: exchange, text: "Bango could not be reached", Err: err}
		}
		return nil, &Error{Outcome: OutcomeUnknown, Exchange: exchange, text: unanswered(ctx, c.timeout), Err: err}
	}
	defer resp.Body.Close()
	raw, readErr := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	exchange.Duration = time.Since(exchange.Started)
	exchange.Status, exchange.Received = resp.StatusCode, string(raw[:min(len(raw), maxEvidence)])
	switch {
	case readErr != nil:
		return nil, &Error{Outcome: OutcomeUnknown, Exchange: exchange, text: "Bango's answer broke off", Err: readErr}
	case len(raw) > maxReply:
		return nil, &Error{Outcome: OutcomeUnknown, Exchange: exchange, text: "Bango's answer is larger than 1 MiB"}
	}
	return judge(op, resp.StatusCode, parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()), raw, exchange)
}

func unanswered(ctx context.Context, timeout time.Duration) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Sprintf("Bango did not answer within %s", timeout)
	}
	return "the connection to Bango broke before it answered"
}

// path fills an identifier into a path.
func path(pattern, id string) string { return strings.ReplaceAll(pattern, "{id}", url.PathEscape(id)) }
