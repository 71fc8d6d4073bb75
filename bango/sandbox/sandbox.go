package sandbox

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a Sandbox needs. Username, Password and PublicURL are required.
type Config struct {
	Username  string // Basic credentials that callers must present
	Password  string
	PublicURL string     // how end users' browsers reach this sandbox, like http://127.0.0.1:8090; registration URLs begin with it
	Merchants []Merchant // nil means DefaultMerchants and Generation2Merchants

	SigningKey *rsa.PublicKey // as in Reseller
	Resellers  []Reseller     // besides the one that the fields of the same names in here are
	RateLimit  int            // calls in a minute that each reseller may make; 0 for any number

	NotifyKey      string // sent with notifications as X-Api-Key; empty for none
	NotifyUsername string // sent with notifications as Basic credentials; empty for none
	NotifyPassword string
	RetryFirst     time.Duration // wait before a notification's second attempt, doubled from then on; 0 means 500 ms

	Now func() time.Time // the true time, asked for by many goroutines; nil means time.Now
	Log *slog.Logger     // nil means that nothing is logged
}

// Bounds of what is remembered, so that a long run has an end to its memory.
const (
	maxEntitlements = 20_000 // then every create that would make another is refused
	maxRequests     = 20_000 // request identifiers; the oldest is forgotten, and would be executed anew
	maxCalls        = 1000   // of Calls; the oldest is forgotten
	maxTokens       = 100    // registration URLs, and request identifiers, per entitlement; the oldest is forgotten
)

// Sandbox is the simulator: an http.Handler with the API below /v1 and /v2, the merchants' pages and a start page. All of its state is in
// memory. It is safe for use by many goroutines; Close it in the end.
type Sandbox struct {
	config Config
	moved  atomic.Int64 // how far the clock is ahead of config.Now, in nanoseconds
	mux    *http.ServeMux
	client *http.Client // for notifications
	log    *slog.Logger

	accounts []*account // the one of the configuration first

	mu           sync.Mutex
	entitlements []*entitlement // in order of creation
	byID         map[string]*entitlement
	byCustomer   map[customer][]*entitlement // in order of creation
	byToken      map[string]*link            // by the token of a registration URL
	requests     recent[requestKey, remembered]
	queue        map[*queued]struct{}
	calls        recent[int, Call] // by running number
	callCount    int
	rules        []activeRule    // of faults, in the order in which they were set
	ruleCount    int             // ever set
	undelivered  int             // notifications
	running      sync.WaitGroup  // one for each entitlement with an undelivered notification, each queued change, each connection that a fault holds, and lookForEnds
	stop         context.Context // done once closed
	cancel       context.CancelFunc
}

// New returns a running sandbox, or says what is wrong with the configuration.
func New(c Config) (*Sandbox, error) {
	if c.Merchants == nil {
		c.Merchants = slices.Concat(DefaultMerchants(), Generation2Merchants())
	}
	if c.RetryFirst == 0 {
		c.RetryFirst = 500 * time.Millisecond
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	u, err := url.Parse(c.PublicURL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("sandbox: the public URL is not an absolute http or https address")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, errors.New("sandbox: the public URL must have no user name, path, query or fragment")
	case c.RetryFirst < 0:
		return nil, errors.New("sandbox: the wait before a retry is negative")
	case c.RateLimit < 0:
		return nil, errors.New("sandbox: the limit of calls is negative")
	}
	accounts, err := c.accounts()
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	if err := checkMerchants(c.Merchants); err != nil {
		return nil, fmt.Errorf("sandbox: the catalogue cannot be used: %w", err)
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")

	s := &Sandbox{config: c, log: c.Log, client: newNotifyClient(), accounts: accounts, byID: map[string]*entitlement{},
		byCustomer: map[customer][]*entitlement{}, byToken: map[string]*link{}, queue: map[*queued]struct{}{},
		requests: newRecent[requestKey, remembered](maxRequests), calls: newRecent[int, Call](maxCalls)}
	s.stop, s.cancel = context.WithCancel(context.Background())
	s.mux = http.NewServeMux()
	s.mux.Handle("/v1/", s.api("/v1", 1))
	s.mux.Handle("/v2/", s.api("/v2", 2))
	s.pages(s.mux)
	s.running.Go(s.lookForEnds)
	return s, nil
}

// ServeHTTP answers a request. Time limits are the server's.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close stops the delivery of notifications and waits until none is under way. What was not delivered never will be, and a change
// that a merchant has queued never happens.
func (s *Sandbox) Close() {
	s.mu.Lock() // so that nothing begins that is not waited for
	s.cancel()
	s.mu.Unlock()
	s.running.Wait()
	s.client.CloseIdleConnections()
}

// recent is a map that keeps its newest entries.
type recent[K comparable, V any] struct {
	most   int
	keys   []K // a ring once it is full
	oldest int
	values map[K]V
}

func newRecent[K comparable, V any](most int) recent[K, V] {
	return recent[K, V]{most: most, values: map[K]V{}}
}

// add puts in a key that is not there yet.
func (r *recent[K, V]) add(key K, value V) {
	if len(r.keys) < r.most {
		r.keys = append(r.keys, key)
	} else {
		delete(r.values, r.keys[r.oldest])
		r.keys[r.oldest] = key
		r.oldest = (r.oldest + 1) % r.most
	}
	r.values[key] = value
}

// all returns the values, the oldest first.
func (r *recent[K, V]) all() []V {
	out := make([]V, 0, len(r.keys))
	for i := range r.keys {
		out = append(out, r.values[r.keys[(r.oldest+i)%len(r.keys)]])
	}
	return out
}
