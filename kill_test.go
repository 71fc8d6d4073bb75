package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"latchkey/bango/sandbox"
	"latchkey/db"
	"latchkey/db/dbtest"
	"latchkey/resale"
)

// The points of a create at which the process is killed.
const (
	atNoPoint     = "none"
	whenStored    = "stored"     // entitlement and request are committed, nobody was told
	beforeSending = "before"     // leased, nothing has left
	afterSending  = "after"      // Bango has answered, nothing of the answer was read
	whenRead      = "read"       // the answer was read, nothing of it is stored
	whenCommitted = "committed"  // the outcome is stored, nobody was told
	whenPublished = "published"  // pages were told
	newIdentifier = "new-id"     // not a point but a fault: each attempt gets an identifier of its own; dies after sending
	ackBeforeKept = "ack-before" // a fault: a notification is acknowledged before it is stored
	askedTwice    = "twice"      // a fault: Bango is asked twice, under two identifiers
	syncedRarely  = "normal"     // a fault: what is committed is not yet on the disk
)

var killPoints = []string{whenStored, beforeSending, afterSending, whenRead, whenCommitted, whenPublished}

func die() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // nothing runs on until the signal arrives
}

// serveToBeKilled runs a portal that kills itself at the given point, with what the test says in its environment.
func serveToBeKilled(point string) int {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	set := settings{database: os.Getenv("LATCHKEY_TEST_DATABASE"), publicURL: "http://" + os.Getenv("LATCHKEY_TEST_LISTEN"),
		bangoURL: os.Getenv("LATCHKEY_TEST_BANGO"), bangoUsername: sandboxUsername, bangoPassword: sandboxPassword,
		bangoTimeout: 2 * time.Second, bulkPerMinute: 60_000, links: resale.LinkRules{AllowLoopback: true}}
	listener, err := listen(os.Getenv("LATCHKEY_TEST_LISTEN"), "--listen")
	if err != nil {
		log.Error("listen", "err", err)
		return 1
	}
	if point == syncedRarely {
		lessDurable()
	}
	p, err := openPortal(context.Background(), set, log, killer{point: point}.seams())
	if err != nil {
		log.Error("open", "err", err)
		return 1
	}
	fmt.Println("ready", os.Getpid())
	if err := p.serve(context.Background(), listener); err != nil {
		log.Error("serve", "err", err)
		return 1
	}
	return 0
}

// killer holds the process at its point.
type killer struct{ point string }

func (k killer) seams() seams {
	var settled atomic.Bool // the transaction that stores the outcome of a create has run
	return seams{
		transport: killTransport{k.point, http.DefaultTransport.(*http.Transport).Clone()},
		store:     func(s resale.Store) resale.Store { return killStore{s, k.point, &settled} },
		publish: func(publish func(resale.Change)) func(resale.Change) {
			return func(c resale.Change) {
				if settled.Load() && k.point == whenCommitted {
					die()
				}
				publish(c)
				if settled.Load() && k.point == whenPublished {
					die()
				}
			}
		},
	}
}

// killTransport dies around the call that creates.
type killTransport struct {
	point string
	next  http.RoundTripper
}

func (t killTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("X-RequestIdentifier") == "" {
		return t.next.RoundTrip(r)
	}
	switch t.point {
	case beforeSending:
		die()
	case newIdentifier:
		r.Header.Set("X-RequestIdentifier", resale.NewFormToken())
	case askedTwice:
		first := r.Clone(r.Context())
		first.Header.Set("X-RequestIdentifier", resale.NewFormToken())
		if body, err := r.GetBody(); err == nil {
			first.Body = body
		}
		if resp, err := t.next.RoundTrip(first); err == nil {
			resp.Body.Close()
		}
	}
	resp, err := t.next.RoundTrip(r)
	if t.point == afterSending || t.point == newIdentifier {
		die()
	}
	if err == nil && t.point == whenRead {
		resp.Body = dyingBody{resp.Body}
	}
	return resp, err
}

type dyingBody struct{ io.ReadCloser }

func (b dyingBody) Close() error { die(); return nil }

// killStore dies around the commits of a create.
type killStore struct {
	resale.Store
	point   string
	settled *atomic.Bool
}

func (s killStore) Write(ctx context.Context, f func(context.Context, resale.Tx) error) error {
	var seen watchedTx
	watched := func(ctx context.Context, tx resale.Tx) error {
		seen = watchedTx{Tx: tx, settled: s.settled}
		return f(ctx, &seen)
	}
	if s.point == ackBeforeKept {
		go s.Store.Write(context.WithoutCancel(ctx), watched)
		return nil
	}
	err := s.Store.Write(ctx, watched)
	if err == nil && seen.requested && s.point == whenStored {
		die()
	}
	return err
}

// watchedTx notices what is written.
type watchedTx struct {
	resale.Tx
	settled   *atomic.Bool
	requested bool
}

func (t *watchedTx) InsertRequest(ctx context.Context, r resale.Request) error {
	t.requested = t.requested || r.Kind == resale.KindCreate
	return t.Tx.InsertRequest(ctx, r)
}

func (t *watchedTx) UpdateRequest(ctx context.Context, r resale.Request) error {
	if r.Kind == resale.KindCreate && r.State == resale.Done {
		t.settled.Store(true)
	}
	return t.Tx.UpdateRequest(ctx, r)
}

// child is a portal in a process of its own.
type child struct {
	pid  int
	done chan struct{} // closed when it is gone
}

// startChild starts a portal on the address that dies at the point, and returns once it serves.
func startChild(t *testing.T, point, database, listen, bangoURL string) *child {
	t.Helper()
	return startChildBy(t, nil, point, database, listen, bangoURL)
}

// startChildBy is startChild by another program, which is told to start it.
func startChildBy(t *testing.T, by []string, point, database, listen, bangoURL string) *child {
	t.Helper()
	command := append(by, os.Args[0])
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "LATCHKEY_TEST_SERVE="+point, "LATCHKEY_TEST_DATABASE="+database, "LATCHKEY_TEST_LISTEN="+listen,
		"LATCHKEY_TEST_BANGO="+bangoURL)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{done: make(chan struct{})}
	line, err := bufio.NewReader(out).ReadString('\n')
	go func() { cmd.Wait(); close(c.done) }()
	if _, scanErr := fmt.Sscanf(line, "ready %d\n", &c.pid); err != nil || scanErr != nil {
		<-c.done
		t.Fatalf("the portal did not start: %q, %v\n%s", line, err, said.String())
	}
	t.Cleanup(c.kill)
	return c
}

// kill ends the process as a power cut would, and returns once it is gone.
func (c *child) kill() {
	select {
	case <-c.done: // its number may be another's by now
		return
	default:
	}
	syscall.Kill(c.pid, syscall.SIGKILL)
	<-c.done
}

// killBench is a database with a catalogue and one member of staff, a sandbox, and a browser that is signed in.
type killBench struct {
	t        *testing.T
	database string
	listen   string
	box      *sandbox.Sandbox
	bangoURL string
	product  string
	browser  *http.Client
}

func newKillBench(t *testing.T) *killBench {
	t.Helper()
	return newKillBenchOn(t, filepath.Join(t.TempDir(), "latchkey.db"))
}

func newKillBenchOn(t *testing.T, database string) *killBench {
	t.Helper()
	b := &killBench{t: t, database: database, listen: freeAddress(t)}
	server := httptest.NewUnstartedServer(nil)
	var err error
	if b.box, err = newSandbox("http://"+server.Listener.Addr().String(), 0, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = b.box
	server.Start()
	t.Cleanup(func() { server.Close(); b.box.Close() })
	b.bangoURL = server.URL + "/v1"
	b.withService(func(ctx context.Context, store *db.Store, service *resale.Service) {
		if err := sampleData(ctx, service); err != nil {
			t.Fatal(err)
		}
		products, err := store.Products(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range products {
			if p.Key == "BangoMusic" {
				b.product = p.ID
			}
		}
	})
	jar, _ := cookiejar.New(nil)
	b.browser = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return b
}

// withService runs f on the database while no portal does.
func (b *killBench) withService(f func(context.Context, *db.Store, *resale.Service)) {
	b.t.Helper()
	log := slog.New(slog.DiscardHandler)
	hub := resale.NewHub()
	store, err := openStore(b.t.Context(), b.database, hub.Publish, log)
	if err != nil {
		b.t.Fatal(err)
	}
	defer store.Close()
	f(b.t.Context(), store, resale.NewService(resale.ServiceConfig{Store: store, Hub: hub, PublicURL: "http://" + b.listen, Log: log}))
}

func (b *killBench) signIn() {
	b.t.Helper()
	resp, err := b.browser.PostForm("http://"+b.listen+"/login", url.Values{"email": {demoStaff[0].Email}, "password": {demoPassword}})
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("sign-in: %s", resp.Status)
	}
}

// get returns a page; an error is returned where the portal died.
func (b *killBench) get(path string) (string, error) {
	resp, err := b.browser.Get("http://" + b.listen + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, resp.Status)
	}
	return string(body), err
}

// freeAddress returns an address on this machine that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	for port := 20000 + os.Getpid()%5000; port < 32768; port++ {
		if taken[port] {
			continue
		}
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			taken[port] = true
			return l.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

// taken are the ports that freeAddress has returned.
var taken = map[int]bool{}

func times(most int) int {
	if testing.Short() {
		return max(1, most/10)
	}
	return most
}

// R5: wherever the process dies during a create, a restart ends in one entitlement at Bango, the same identifier, and its true status.
func TestR5KilledAtAnyPointOfACreate(t *testing.T) {
	for _, point := range killPoints {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, database string) {
				rounds := times(20)
				if strings.HasPrefix(database, "postgres") { // where a lease runs out by itself, since another portal may hold it
					rounds = 1
				}
				b := newKillBenchOn(t, database)
				for i := range rounds {
					if fault := b.createAndDie(point, i); fault != "" {
						t.Fatalf("round %d: %s", i, fault)
					}
				}
			})
		})
	}
}

// R5 must notice a portal that makes an identifier for each attempt.
func TestR5NoticesNewIdentifiers(t *testing.T) {
	b := newKillBench(t)
	if fault := b.createAndDie(newIdentifier, 0); fault == "" {
		t.Error("two identifiers for one request were not noticed")
	} else {
		t.Log("noticed:", fault)
	}
}

var statusAttribute = regexp.MustCompile(`data-ref="([^"]+)" data-status="([^"]+)"`)

// createAndDie asks for an entitlement of the i-th customer, lets the portal die at the point, starts another, and returns what is not as
// it must be.
func (b *killBench) createAndDie(point string, i int) (fault string) {
	b.t.Helper()
	portal := startChild(b.t, point, b.database, b.listen, b.bangoURL)
	if i == 0 {
		b.signIn()
	}
	customer := b.customerID(fmt.Sprintf("cust-%04d", i+1))
	token := resale.NewFormToken()
	form := url.Values{"customer": {customer}, "product": {b.product}, "form_token": {token}}
	if resp, err := b.browser.PostForm("http://"+b.listen+"/entitlements", form); err == nil {
		resp.Body.Close() // it may have been answered before the process died
	}
	select {
	case <-portal.done:
	case <-time.After(20 * time.Second):
		b.t.Fatalf("the portal did not die at %q", point)
	}

	portal = startChild(b.t, atNoPoint, b.database, b.listen, b.bangoURL)
	defer portal.kill()
	// What people do when a page does not answer: send the form again.
	resp, err := b.browser.PostForm("http://"+b.listen+"/entitlements", form)
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	address := resp.Header.Get("Location")
	status := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && status != "PENDING"; time.Sleep(10 * time.Millisecond) {
		page, err := b.get(address)
		if err != nil {
			b.t.Fatal(err)
		}
		if found := statusAttribute.FindStringSubmatch(page); found != nil {
			status = found[2]
		}
	}
	if status != "PENDING" {
		return fmt.Sprintf("%s is %q, not PENDING", address, status)
	}
	page, err := b.get("/customers/" + customer)
	if err != nil {
		b.t.Fatal(err)
	}
	if n := strings.Count(page, `id="service-`); n != 1 {
		return fmt.Sprintf("the portal has %d entitlements for the customer", n)
	}
	if n := strings.Count(page, `data-event="requested"`); n != 1 {
		return fmt.Sprintf("the timeline tells of %d requests", n)
	}
	return b.atBango(fmt.Sprintf("cust-%04d", i+1), strings.TrimPrefix(address, "/entitlements/"))
}

// atBango returns what is wrong with what the sandbox holds for a customer.
func (b *killBench) atBango(customerIdentifier, ref string) (fault string) {
	var held []sandbox.Entitlement
	for _, e := range b.box.Entitlements() {
		if e.CustomerIdentifier == customerIdentifier {
			held = append(held, e)
		}
	}
	if len(held) != 1 {
		return fmt.Sprintf("Bango holds %d entitlements for %s", len(held), ref)
	}
	if len(held[0].RequestIdentifiers) != 1 {
		return fmt.Sprintf("Bango was asked under %d identifiers for %s", len(held[0].RequestIdentifiers), ref)
	}
	return ""
}

// customerID returns our id of a customer from where the search leads.
func (b *killBench) customerID(identifier string) string {
	b.t.Helper()
	resp, err := b.browser.Get("http://" + b.listen + "/search?q=" + identifier)
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	id, found := strings.CutPrefix(resp.Header.Get("Location"), "/customers/")
	if !found {
		b.t.Fatalf("the search for %s leads to %q", identifier, resp.Header.Get("Location"))
	}
	return id
}
