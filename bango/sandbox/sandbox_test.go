package sandbox

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nine is when everything happens, unless a test moves the clock.
var nine = time.Date(2021, 3, 1, 9, 0, 0, 987_654_321, time.UTC)

// rig is a sandbox behind a real server, and a reseller that receives its notifications.
type rig struct {
	*Sandbox
	t        *testing.T
	server   *httptest.Server
	client   *http.Client
	reseller *reseller
	clock    *clock
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newRig(t *testing.T, changes ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, clock: &clock{at: nine}, reseller: newReseller(t)}
	r.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.ServeHTTP(w, req) }))
	config := Config{Username: "MyOrganization", Password: "elephant-notepad-dancer", PublicURL: "http://" + r.server.Listener.Addr().String(),
		RetryFirst: time.Millisecond, Now: r.clock.now}
	for _, change := range changes {
		change(&config)
	}
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	r.Sandbox = s
	r.server.Start()
	r.client = r.server.Client()
	r.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() { r.server.Close(); r.Close() })
	return r
}

// call makes an API call; header are name and value in turn.
func (r *rig) call(method, path, body string, header ...string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.server.URL+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.SetBasicAuth("MyOrganization", "elephant-notepad-dancer")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	status, _, answer := r.send(req)
	return status, answer
}

func (r *rig) send(req *http.Request) (int, http.Header, string) {
	r.t.Helper()
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(raw)
}

// body is a create of a customer at a merchant.
func (r *rig) body(customer, merchant, product string) string {
	return fmt.Sprintf(`{"customerIdentifier":%q,"merchantAccountKey":%q,"productKey":%q,"offerKey":null,"notificationUrl":%q}`,
		customer, merchant, product, r.reseller.server.URL+"/n?ref=ord-77&x=%2F")
}

// create makes an entitlement and returns it.
func (r *rig) create(customer, merchant, product string) Entitlement {
	r.t.Helper()
	if status, answer := r.call("POST", "/v1/entitlement", r.body(customer, merchant, product)); status > 299 {
		r.t.Fatalf("create: HTTP %d %s", status, answer)
	}
	return r.newest()
}

func (r *rig) newest() Entitlement {
	r.t.Helper()
	all := r.Entitlements()
	if len(all) == 0 {
		r.t.Fatal("there is no entitlement")
	}
	return all[len(all)-1]
}

func (r *rig) complete(id string, choice Choice) {
	r.t.Helper()
	if err := r.Complete(id, choice); err != nil {
		r.t.Fatal(err)
	}
}

// wantAnswer compares an answer to the byte.
func (r *rig) wantAnswer(status int, answer string, wantStatus int, want string) {
	r.t.Helper()
	if status != wantStatus || answer != want {
		r.t.Errorf("HTTP %d\n%s\nwant HTTP %d\n%s", status, answer, wantStatus, want)
	}
}

func refusal(code, message string) string {
	return fmt.Sprintf(`{"responseCode":%q,"responseMessage":%q}`, code, message)
}

// reseller receives notifications and answers as a test says, 200 without one.
type reseller struct {
	server *httptest.Server

	mu       sync.Mutex
	answers  []func(http.ResponseWriter, *http.Request) // one for each attempt, then 200
	received []received
}

type received struct {
	uri    string
	header http.Header
	body   string
}

func newReseller(t *testing.T) *reseller {
	s := &reseller{}
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		s.mu.Lock()
		s.received = append(s.received, received{req.RequestURI, req.Header, string(body)})
		answer := func(http.ResponseWriter, *http.Request) {}
		if n := len(s.received); n <= len(s.answers) {
			answer = s.answers[n-1]
		}
		s.mu.Unlock()
		answer(w, req)
	}))
	t.Cleanup(s.server.Close)
	return s
}

func (s *reseller) answer(answers ...func(http.ResponseWriter, *http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = answers
}

func (s *reseller) all() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("after 10 s: not %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func (r *rig) delivered() {
	r.t.Helper()
	eventually(r.t, "everything delivered", func() bool { return r.Pending() == 0 })
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	good := Config{Username: "u", Password: "p", PublicURL: "http://127.0.0.1:8090/"}
	if s, err := New(good); err != nil {
		t.Fatal(err)
	} else {
		s.Close()
	}
	catalogue := func(m ...Merchant) func(*Config) { return func(c *Config) { c.Merchants = m } }
	product := []Product{{Key: "p", Name: "P"}}
	for want, change := range map[string]func(*Config){
		"password are required":      func(c *Config) { c.Password = "" },
		"has a colon":                func(c *Config) { c.Username = "a:b" },
		"not an absolute":            func(c *Config) { c.PublicURL = "127.0.0.1:8090" },
		"http or https":              func(c *Config) { c.PublicURL = "ftp://sandbox.example" },
		"no user name, path":         func(c *Config) { c.PublicURL = "https://sandbox.example/below" },
		"line break":                 func(c *Config) { c.NotifyKey = "a\r\nb: c" },
		"a retry is negative":        func(c *Config) { c.RetryFirst = -1 },
		"limit of calls is negative": func(c *Config) { c.RateLimit = -1 },
		`name "u" is there twice`:    func(c *Config) { c.Resellers = []Reseller{{Username: "u", Password: "q"}} },
		"name and password are":      func(c *Config) { c.Resellers = []Reseller{{Username: "v"}} },
		"there is no merchant":       catalogue([]Merchant{}...),
		"needs a key and a name":     catalogue(Merchant{Key: "m", Products: product}),
		"longer than 500 bytes":      catalogue(Merchant{Key: strings.Repeat("m", 501), Name: "M", Products: product}),
		`"m" is there twice`:         catalogue(Merchant{Key: "m", Name: "M", Products: product}, Merchant{Key: "m", Name: "N", Products: product}),
		"has no product":             catalogue(Merchant{Key: "m", Name: "M"}),
		"unknown behaviour":          catalogue(Merchant{Key: "m", Name: "M", Products: product, Behaviour: 7}),
		"last a negative time":       catalogue(Merchant{Key: "m", Name: "M", Products: product, LinkLasts: -1}),
		"unknown generation 3":       catalogue(Merchant{Key: "m", Name: "M", Products: product, Generation: 3}),
		"takes a negative time":      catalogue(Merchant{Key: "m", Name: "M", Products: product, Async: -1}),
		`"q" needs a key and a name`: catalogue(Merchant{Key: "m", Name: "M", Products: []Product{{Key: "q"}}}),
		`"p" is there twice`:         catalogue(Merchant{Key: "m", Name: "M", Products: append(product, product...)}),
		"offer without a key":        catalogue(Merchant{Key: "m", Name: "M", Products: []Product{{Key: "p", Name: "P", Offers: []string{""}}}}),
	} {
		c := good
		change(&c)
		if s, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want one with %q", err, want)
			if s != nil {
				s.Close()
			}
		}
	}
}

func TestRecentKeepsTheNewest(t *testing.T) {
	r := newRecent[int, string](3)
	for i := range 5 {
		r.add(i, fmt.Sprint(i))
	}
	if got := r.all(); !slices.Equal(got, []string{"2", "3", "4"}) || len(r.values) != 3 {
		t.Errorf("kept %v and %v", got, r.values)
	}
}
