package bango_test

import (
	"context"
	"encoding/json"
	"errors"
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

	"latchkey/bango"
)

// No test may leave a goroutine behind, whatever the far side did.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The credentials of the documentation's worked example. src: platform/connectivity/basic-auth
const (
	username  = "MyOrganization"
	password  = "elephant-notepad-dancer"
	basicAuth = "TXlPcmdhbml6YXRpb246ZWxlcGhhbnQtbm90ZXBhZC1kYW5jZXI="
)

const entitlementID = "1c0f3c1e-0000-4000-8000-000000000001"

var order = bango.CreateRequest{CustomerIdentifier: "cust-001", MerchantAccountKey: "BANGO", ProductKey: "BangoMusic",
	NotificationURL: "https://reseller.example/bango/n?ref=ord-77"}

// created is an answer to order, with a given responseCode.
func created(responseCode string) string {
	return `{"responseCode":"` + responseCode + `","responseMessage":"Words of Bango",` +
		`"parameters":{"action":"NAVIGATE_TO_URL","url":"https://merchant.example/activate/t0k3n"},` +
		`"entitlementId":"` + entitlementID + `","status":"PENDING","dateCreated":"2021-03-01T09:00:00Z","dateActivated":null,` +
		`"dateLastUpdated":"2021-03-01T09:00:00Z","customerIdentifier":"cust-001","merchantAccountKey":"BANGO",` +
		`"productKey":"BangoMusic","offerKey":null,"extensionData":null}`
}

// changes are the operations that change an entitlement.
var changes = map[string]func(c *bango.Client, requestID, entitlementID string) (*bango.Reply, error){
	"suspend": func(c *bango.Client, requestID, id string) (*bango.Reply, error) {
		return c.Suspend(context.Background(), requestID, id)
	},
	"resume": func(c *bango.Client, requestID, id string) (*bango.Reply, error) {
		return c.Resume(context.Background(), requestID, id)
	},
	"cancel": func(c *bango.Client, requestID, id string) (*bango.Reply, error) {
		return c.Cancel(context.Background(), requestID, id, bango.Reason{Category: "CUSTOMER_CANCELLED", Code: "NOT_RENEWED"})
	},
	"revoke": func(c *bango.Client, requestID, id string) (*bango.Reply, error) {
		return c.Revoke(context.Background(), requestID, id, bango.Reason{Category: "REVOKED", Code: "OTHER"})
	},
	"update": func(c *bango.Client, requestID, id string) (*bango.Reply, error) {
		return c.Update(context.Background(), requestID, id, bango.Update{ProductKey: "BangoMusicPremium"})
	},
	"undo of a cancel": func(c *bango.Client, requestID, id string) (*bango.Reply, error) {
		return c.UndoCancel(context.Background(), requestID, id)
	},
}

// newClient returns a client of the server at base. The configuration given is completed.
func newClient(t testing.TB, base string, c bango.Config) *bango.Client {
	t.Helper()
	c.BaseURL, c.Username, c.Password = base+"/v1", username, password
	if c.Timeout == 0 {
		c.Timeout = 20 * time.Second // longer than any test: only those of the deadline run into one
	}
	client, err := bango.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// serve returns a client of a server with one handler.
func serve(t testing.TB, handler http.HandlerFunc) *bango.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return newClient(t, server.URL, bango.Config{})
}

// answers returns a client of a server that gives one answer to everything.
func answers(t testing.TB, status int, body string) *bango.Client {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

// create makes one attempt and returns its outcome, the reply or the error; it checks what holds for every attempt.
func create(t testing.TB, client *bango.Client) (bango.Outcome, *bango.Reply, *bango.Error) {
	t.Helper()
	reply, err := client.Create(context.Background(), "request-1", order)
	return judged(t, reply, err)
}

func judged(t testing.TB, reply *bango.Reply, err error) (bango.Outcome, *bango.Reply, *bango.Error) {
	t.Helper()
	var failed *bango.Error
	switch {
	case err == nil && reply != nil:
		noSecrets(t, reply)
		if o := reply.Outcome; o != bango.OutcomeDone && o != bango.OutcomeAction && o != bango.OutcomeAccepted {
			t.Errorf("a reply has the outcome %q", o)
		}
		return reply.Outcome, reply, nil
	case reply == nil && errors.As(err, &failed):
		noSecrets(t, failed)
		if failed.Text() == "" || failed.Error() == "" {
			t.Error("an error without words")
		}
		if len(failed.Exchange.Received) > 64<<10 {
			t.Errorf("%d bytes were kept", len(failed.Exchange.Received))
		}
		return failed.Outcome, nil, failed
	}
	t.Fatalf("neither a reply nor an Error: %v, %v", reply, err)
	return 0, nil, nil
}

func noSecrets(t testing.TB, v any) {
	t.Helper()
	everything := fmt.Sprintf("%+v %#v %s", v, v, v)
	if e, ok := v.(*bango.Error); ok {
		everything += fmt.Sprintf("%+v %#v", e.Exchange, e.Err)
		for err := e.Err; err != nil; err = errors.Unwrap(err) {
			everything += fmt.Sprintf("%+v", err)
		}
	}
	for _, secret := range []string{password, basicAuth} {
		if strings.Contains(everything, secret) {
			t.Errorf("the password is in %s", everything)
		}
	}
}

func TestConfig(t *testing.T) {
	for base, want := range map[string]string{
		"https://resale.api.bango.net/v1":  "",
		"https://resale.api.bango.net/v1/": "",
		"http://127.0.0.1:8081/v1":         "",
		"http://[::1]:8081/v1":             "",
		"http://localhost:8081/v1":         "",
		"":                                 "absolute",
		"resale.api.bango.net/v1":          "absolute",
		"/v1":                              "absolute",
		"https://":                         "absolute",
		"https://:443/v1":                  "absolute",
		"https://bango example/v1":         "absolute",
		"http://resale.api.bango.net/v1":   "must be https",
		"http://127.0.0.1.example/v1":      "must be https",
		"ftp://127.0.0.1/v1":               "must be https",
		"https://me:secret@bango.net/v1":   "no user name",
		"https://bango.net/v1?":            "no user name, query",
		"https://bango.net/v1?a=b":         "no user name, query",
		"https://bango.net/v1#":            "no user name, query",
	} {
		_, err := bango.New(bango.Config{BaseURL: base, Username: username, Password: password})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", base, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error tells the password: %v", base, err)
		}
	}
	for name, c := range map[string]bango.Config{
		"user name and password are required": {Username: username},
		"user name and password":              {Password: password},
		"colon":                               {Username: "a:b", Password: password},
		"timeout is negative":                 {Username: username, Password: password, Timeout: -1},
		"no generation 3":                     {Username: username, Password: password, Wire: bango.Wire{Generation: 3}},
		"no generation -1":                    {Username: username, Password: password, Wire: bango.Wire{Generation: -1}},
		`readPath: "/all" is not a path`:      {Username: username, Password: password, Wire: bango.Wire{ReadPath: "/all"}},
		`http.NEW: there is no such`: {Username: username, Password: password,
			Wire: bango.Wire{HTTP: map[string]bango.Statuses{"NEW": {From: 200, To: 200}}}},
		"the sandbox of generation 2 alone": {Username: username, Password: password, MagicNumbers: map[string]string{"create": "X"}},
	} {
		c.BaseURL = bango.DefaultBaseURL
		if _, err := bango.New(c); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What goes over the wire, to the letter.
func TestRequests(t *testing.T) {
	offer := "Trial"
	withOffer := order
	withOffer.OfferKey = &offer
	everything := withOffer
	everything.EntitlementID, everything.DisplayName = "own-1", "Music"
	everything.DateExpiry = time.Date(2031, 7, 6, 17, 30, 22, 9e8, time.FixedZone("", 2*60*60))
	everything.ExtensionData = json.RawMessage("{\n\t\"Param1\": \"a\\tb\"\r\n}")
	everything.ExtraInformation = json.RawMessage(`{"clientDevice":{"type":"STB"}}`)
	noOffer, noDate, status := "", time.Time{}, "ACTIVE"
	ctx := context.Background()
	for name, c := range map[string]struct {
		call                       func(*bango.Client)
		method, path, body, header string
	}{
		"echo": {call: func(c *bango.Client) { c.Echo(ctx, "a/b ?") }, method: "GET", path: "/v1/echo/a%2Fb%20%3F"},
		"create": {call: func(c *bango.Client) { c.Create(ctx, "request-1", order) }, method: "POST", path: "/v1/entitlement",
			body: `{"customerIdentifier":"cust-001","merchantAccountKey":"BANGO","productKey":"BangoMusic","offerKey":null,` +
				`"notificationUrl":"https://reseller.example/bango/n?ref=ord-77"}`, header: "request-1"},
		"create with an offer": {call: func(c *bango.Client) { c.Create(ctx, "request-2", withOffer) }, method: "POST", path: "/v1/entitlement",
			body: `{"customerIdentifier":"cust-001","merchantAccountKey":"BANGO","productKey":"BangoMusic","offerKey":"Trial",` +
				`"notificationUrl":"https://reseller.example/bango/n?ref=ord-77"}`, header: "request-2"},
		"create with everything": {call: func(c *bango.Client) { c.Create(ctx, "request-8", everything) }, method: "POST", path: "/v1/entitlement",
			body: `{"customerIdentifier":"cust-001","merchantAccountKey":"BANGO","productKey":"BangoMusic","offerKey":"Trial",` +
				`"notificationUrl":"https://reseller.example/bango/n?ref=ord-77","entitlementId":"own-1","entitlementDisplayName":"Music",` +
				`"extensionData":{"Param1":"a\tb"},"extraInformation":{"clientDevice":{"type":"STB"}},"dateExpiry":"2031-07-06T15:30:22Z"}`,
			header: "request-8"},
		"update of one": {call: func(c *bango.Client) { c.Update(ctx, "request-9", "e/1", bango.Update{ProductKey: "Other"}) }, method: "PATCH",
			path: "/v1/entitlement", body: `{"entitlementId":"e/1","productKey":"Other"}`, header: "request-9"},
		"update of everything": {call: func(c *bango.Client) {
			c.Update(ctx, "request-10", "e/1", bango.Update{ProductKey: "Other", OfferKey: &offer, DateExpiry: &everything.DateExpiry,
				NotificationURL: "https://reseller.example/n", CustomerIdentifier: "cust-002", DisplayName: "Music",
				ExtensionData: everything.ExtensionData})
		}, method: "PATCH", path: "/v1/entitlement", body: `{"entitlementId":"e/1","productKey":"Other","notificationUrl":"https://reseller.example/n",` +
			`"customerIdentifier":"cust-002","entitlementDisplayName":"Music","offerKey":"Trial","dateExpiry":"2031-07-06T15:30:22Z",` +
			`"extensionData":{"Param1":"a\tb"}}`, header: "request-10"},
		"update that takes away": {call: func(c *bango.Client) {
			c.Update(ctx, "request-11", "e/1", bango.Update{OfferKey: &noOffer, DateExpiry: &noDate})
		}, method: "PATCH", path: "/v1/entitlement", body: `{"entitlementId":"e/1","offerKey":null,"dateExpiry":null}`, header: "request-11"},
		"undo of a cancel": {call: func(c *bango.Client) { c.UndoCancel(ctx, "request-12", "e/1") }, method: "PATCH", path: "/v1/entitlement",
			body: `{"entitlementId":"e/1","entitlementBenefits":"NORMAL"}`, header: "request-12"},
		"read": {call: func(c *bango.Client) { c.Read(ctx, "e/1") }, method: "GET", path: "/v1/entitlement/e%2F1"},
		"suspend": {call: func(c *bango.Client) { c.Suspend(ctx, "request-3", "e/1") }, method: "PATCH", path: "/v1/entitlement",
			body: `{"entitlementId":"e/1","entitlementBenefits":"SUSPENDED"}`, header: "request-3"},
		"resume": {call: func(c *bango.Client) { c.Resume(ctx, "request-4", "e/1") }, method: "PATCH", path: "/v1/entitlement",
			body: `{"entitlementId":"e/1","entitlementBenefits":"NORMAL"}`, header: "request-4"},
		"cancel": {call: func(c *bango.Client) {
			c.Cancel(ctx, "request-5", "e/1", bango.Reason{Category: "CUSTOMER_CANCELLED", Code: "OTHER", Description: "moves <abroad>"})
		}, method: "POST", path: "/v1/entitlement/cancel/e%2F1", body: `{"cancelReasonCategory":"CUSTOMER_CANCELLED","cancelReasonCode":"OTHER",` +
			`"cancelReasonDescription":"moves \u003cabroad\u003e"}`, header: "request-5"},
		"revoke": {call: func(c *bango.Client) {
			c.Revoke(ctx, "request-6", "e/1", bango.Reason{Category: "REVOKED", Code: "ACCOUNT_TERMINATED"})
		},
			method: "POST", path: "/v1/entitlement/revoke/e%2F1",
			body: `{"cancelReasonCategory":"REVOKED","cancelReasonCode":"ACCOUNT_TERMINATED"}`, header: "request-6"},
		"revoke without a reason": {call: func(c *bango.Client) { c.Revoke(ctx, "request-7", "e1", bango.Reason{}) }, method: "POST",
			path: "/v1/entitlement/revoke/e1", body: `{}`, header: "request-7"},
		"report": {call: func(c *bango.Client) { c.Report(ctx, bango.ReportFilter{CustomerIdentifier: "cust-001"}) }, method: "POST",
			path: "/v1/entitlement/report", body: `{"customerIdentifier":"cust-001","productKey":null,"status":null}`},
		"report of one product and status": {call: func(c *bango.Client) {
			c.Report(ctx, bango.ReportFilter{CustomerIdentifier: "cust-001", ProductKey: &order.ProductKey, Status: &status})
		}, method: "POST", path: "/v1/entitlement/report", body: `{"customerIdentifier":"cust-001","productKey":"BangoMusic","status":"ACTIVE"}`},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				calls++
				body, _ := io.ReadAll(r.Body)
				contentType := ""
				if c.body != "" {
					contentType = "application/json"
				}
				for what, pair := range map[string][2]string{
					"method":              {r.Method, c.method},
					"path":                {r.RequestURI, c.path},
					"body":                {string(body), c.body},
					"Authorization":       {r.Header.Get("Authorization"), "Basic " + basicAuth},
					"Content-Type":        {r.Header.Get("Content-Type"), contentType},
					"Accept":              {r.Header.Get("Accept"), "application/json"},
					"X-RequestIdentifier": {r.Header.Get("X-RequestIdentifier"), c.header},
					"Idempotency-Key":     {r.Header.Get("Idempotency-Key") + r.Header.Get("X-Idempotency-Key"), ""}, // net/http would repeat a write
				} {
					if pair[0] != pair[1] {
						t.Errorf("%s is %q, want %q", what, pair[0], pair[1])
					}
				}
			})
			c.call(client)
			if calls != 1 {
				t.Errorf("%d calls", calls)
			}
		})
	}
}

// What the documentation leaves open can be set one by one.
func TestWire(t *testing.T) {
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { paths = append(paths, r.URL.Path) }))
	defer server.Close()
	client := newClient(t, server.URL, bango.Config{Wire: bango.Wire{ReadPath: "/other/{id}/record"}})
	client.Read(t.Context(), "e1")
	client.Create(t.Context(), "request-1", order)
	if got := strings.Join(paths, " "); got != "/v1/other/e1/record /v1/entitlement" {
		t.Error(got)
	}
}

// Each of the settings goes where it belongs: all set at once, the paths and the values of the requests are those.
func TestWireOfChanges(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.URL.Path+" "+string(body))
	}))
	defer server.Close()
	client := newClient(t, server.URL, bango.Config{Wire: bango.Wire{UpdatePath: "/u/{id}", CancelPath: "/c/{id}", RevokePath: "/r/{id}",
		Suspended: "OFF", Normal: "ON"}})
	client.Suspend(t.Context(), "request-1", "e1")
	client.Resume(t.Context(), "request-2", "e1")
	client.Cancel(t.Context(), "request-3", "e1", bango.Reason{})
	client.Revoke(t.Context(), "request-4", "e1", bango.Reason{})
	want := []string{`/v1/u/e1 {"entitlementId":"e1","entitlementBenefits":"OFF"}`, `/v1/u/e1 {"entitlementId":"e1","entitlementBenefits":"ON"}`,
		`/v1/c/e1 {}`, `/v1/r/e1 {}`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What cannot be asked is not sent.
func TestArguments(t *testing.T) {
	client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("something was sent") })
	for _, id := range []string{"", "a b", "a\r\nX-Other: b", "ä", "a\x7f"} {
		reply, err := client.Create(t.Context(), id, order)
		if o, _, _ := judged(t, reply, err); o != bango.OutcomeNotSent {
			t.Errorf("request identifier %q: %s", id, o)
		}
		for name, change := range changes {
			reply, err := change(client, id, entitlementID)
			if o, _, _ := judged(t, reply, err); o != bango.OutcomeNotSent {
				t.Errorf("%s, request identifier %q: %s", name, id, o)
			}
		}
	}
	for name, change := range changes {
		reply, err := change(client, "request-1", "")
		if o, _, _ := judged(t, reply, err); o != bango.OutcomeNotSent {
			t.Errorf("%s of nothing: %s", name, o)
		}
	}
	with := order
	with.ExtensionData = json.RawMessage(`"a string"`)
	ctx := t.Context()
	for want, call := range map[string]func() (*bango.Reply, error){
		"a read needs":      func() (*bango.Reply, error) { return client.Read(ctx, "") },
		"something to":      func() (*bango.Reply, error) { return client.Update(ctx, "request-1", "e1", bango.Update{}) },
		"not a JSON object": func() (*bango.Reply, error) { return client.Create(ctx, "request-1", with) },
		"twice": func() (*bango.Reply, error) {
			return client.Update(ctx, "request-1", "e1", bango.Update{ExtensionData: json.RawMessage(`{"a":1,"a":2}`)})
		},
		"no path of the eligible products is set": func() (*bango.Reply, error) { return client.EligibleProducts(ctx, "cust-001") },
		"no path of the activation info is set":   func() (*bango.Reply, error) { return client.Activation(ctx, "e1") },
	} {
		reply, err := call()
		if o, _, failed := judged(t, reply, err); o != bango.OutcomeNotSent || !strings.Contains(failed.Error(), want) || !bango.Impossible(err) {
			t.Errorf("%s: %s, %v", want, o, failed)
		}
	}
	// A connection that does not come about is another matter: the same may be asked again.
	if _, err := newClient(t, "http://"+listenAndClose(t), bango.Config{}).Create(ctx, "request-1", order); bango.Impossible(err) {
		t.Errorf("nobody was there: it is said that it cannot be: %v", err)
	}
}

// The exchange is the evidence of an attempt: all of it, but for the credentials.
func TestExchange(t *testing.T) {
	before := time.Now()
	_, reply, _ := create(t, answers(t, 202, created("CLIENT_ACTION_REQUIRED")))
	x := reply.Exchange
	sent, _ := json.Marshal(order)
	if x.Method != "POST" || x.Path != "/entitlement" || x.Sent != string(sent) || x.Status != 202 ||
		x.Received != created("CLIENT_ACTION_REQUIRED") || x.Started.Before(before) || x.Duration <= 0 {
		t.Errorf("%+v", x)
	}
	long := "<html>" + strings.Repeat("x", 100<<10)
	_, _, failed := create(t, answers(t, 502, long))
	if x := failed.Exchange; x.Status != 502 || x.Received != long[:64<<10] {
		t.Errorf("%d, %d bytes", x.Status, len(x.Received))
	}
}

func TestManyGoroutines(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.Header.Get("X-RequestIdentifier")]++
		mu.Unlock()
		io.WriteString(w, created("OK"))
	})
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			reply, err := client.Create(context.Background(), fmt.Sprintf("request-%d", i), order)
			if o, _, _ := judged(t, reply, err); o != bango.OutcomeDone {
				t.Errorf("%s", o)
			}
		})
	}
	group.Wait()
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", id, n)
		}
	}
	if len(seen) != 50 {
		t.Errorf("%d of 50 came", len(seen))
	}
}
