package bango_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/bango"
)

const short = 150 * time.Millisecond // the deadline of calls that are meant to run into it

// listen gives every connection to its own call of handle, and closes it after that or with the test. It returns the address.
func listen(t testing.TB, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	over := make(chan struct{})
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			handled := make(chan struct{})
			running.Go(func() {
				defer close(handled)
				handle(conn)
			})
			running.Go(func() {
				defer conn.Close()
				select {
				case <-handled:
				case <-over:
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		close(over)
		running.Wait()
	})
	return l.Addr().String()
}

// readRequest reads one request with its body, and reports whether there was one.
func readRequest(from *bufio.Reader) bool {
	req, err := http.ReadRequest(from)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}

func reset(conn net.Conn) {
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// holdOpen waits until the far side goes away.
func holdOpen(conn net.Conn) { io.Copy(io.Discard, conn) }

// Where no connection comes about, it is certain that nothing was sent.
func TestNotSent(t *testing.T) {
	refused := listenAndClose(t)
	never := func(http.ResponseWriter, *http.Request) { t.Error("the request was sent") }
	quiet := log.New(io.Discard, "", 0)
	untrusted := httptest.NewUnstartedServer(http.HandlerFunc(never))
	untrusted.Config.ErrorLog = quiet
	untrusted.StartTLS()
	defer untrusted.Close()
	anotherName := untrusted.Client().Transport.(*http.Transport).Clone()
	anotherName.TLSClientConfig.ServerName = "resale.api.bango.net"
	oldTLS := httptest.NewUnstartedServer(http.HandlerFunc(never))
	oldTLS.Config.ErrorLog = quiet
	oldTLS.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	oldTLS.StartTLS()
	defer oldTLS.Close()
	plain := httptest.NewServer(http.HandlerFunc(never))
	plain.Config.ErrorLog = quiet
	defer plain.Close()
	mute := listen(t, holdOpen)
	hangsUp := listen(t, func(conn net.Conn) { conn.Read(make([]byte, 1)) })
	proxy := listen(t, func(conn net.Conn) {
		readRequest(bufio.NewReader(conn))
		io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
	})
	notResolved := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "x.invalid", IsNotFound: true}}
	}}
	gone, cancel := context.WithCancel(context.Background())
	cancel()

	for name, c := range map[string]struct {
		base   string
		config bango.Config
		ctx    context.Context
		text   string
	}{
		"connection refused":         {base: "http://" + refused, text: "could not be reached"},
		"name not resolved":          {base: "https://x.invalid", config: bango.Config{Transport: notResolved}, text: "could not be reached"},
		"certificate not trusted":    {base: untrusted.URL, text: "certificate"},
		"certificate of another":     {base: untrusted.URL, config: bango.Config{Transport: anotherName}, text: "certificate"},
		"TLS 1.1":                    {base: oldTLS.URL, text: "could not be reached"},
		"no TLS":                     {base: strings.Replace(plain.URL, "http:", "https:", 1), text: "could not be reached"},
		"handshake never answered":   {base: "https://" + mute, config: bango.Config{Timeout: short}, text: "could not be reached"},
		"connection lost in TLS":     {base: "https://" + hangsUp, text: "could not be reached"},
		"proxy refuses":              {base: untrusted.URL, config: bango.Config{Transport: through("http://" + proxy)}, text: "could not be reached"},
		"proxy refuses connections":  {base: untrusted.URL, config: bango.Config{Transport: through("http://" + refused)}, text: "could not be reached"},
		"proxy address cannot be":    {base: untrusted.URL, config: bango.Config{Transport: through("bad://")}, text: "could not be reached"},
		"given up before it started": {base: plain.URL, ctx: gone, text: "could not be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := c.ctx
			if ctx == nil {
				ctx = context.Background()
			}
			reply, err := newClient(t, c.base, c.config).Create(ctx, "request-1", order)
			got, _, failed := judged(t, reply, err)
			if got != bango.OutcomeNotSent || !strings.Contains(failed.Text(), c.text) || failed.Err == nil || failed.Exchange.Status != 0 {
				t.Errorf("%s: %v", got, failed)
			}
			if bango.Untrusted(fmt.Errorf("wrapped: %w", err)) != strings.Contains(name, "certificate") || bango.Impossible(err) {
				t.Errorf("it is told as another kind of error: %v", failed)
			}
		})
	}
}

func listenAndClose(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func through(proxy string) *http.Transport {
	u, _ := url.Parse(proxy)
	return &http.Transport{Proxy: http.ProxyURL(u)}
}

// A connection that comes about no more is given up too, so that those do not pile up behind a dead address.
func TestHandshakeIsGivenUp(t *testing.T) {
	closed := make(chan struct{})
	address := listen(t, func(conn net.Conn) {
		holdOpen(conn)
		close(closed)
	})
	create(t, newClient(t, "https://"+address, bango.Config{Timeout: short}))
	select {
	case <-closed:
	case <-time.After(5 * time.Second):
		t.Error("it is still being waited for")
	}
}

// An answer that switches protocols leaves a connection that no deadline ends: it is not read, and closed.
func TestSwitchingProtocols(t *testing.T) {
	closed := make(chan struct{})
	address := listen(t, func(conn net.Conn) {
		from := bufio.NewReader(conn)
		readRequest(from)
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
		io.Copy(io.Discard, from)
		close(closed)
	})
	if got, _, failed := create(t, newClient(t, "http://"+address, bango.Config{})); got != bango.OutcomeUnknown || failed.Exchange.Status != 101 {
		t.Errorf("%s: %v", got, failed)
	}
	select {
	case <-closed:
	case <-time.After(5 * time.Second):
		t.Error("the connection is still open")
	}
}

// The wait that Bango asks for counts also where its answer broke off.
func TestRetryAfterOfAnAnswerThatBrokeOff(t *testing.T) {
	address := listen(t, func(conn net.Conn) {
		readRequest(bufio.NewReader(conn))
		io.WriteString(conn, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 60\r\nContent-Length: 100\r\n\r\n{")
	})
	got, _, failed := create(t, newClient(t, "http://"+address, bango.Config{}))
	if got != bango.OutcomeUnknown || failed.RetryAfter != time.Minute {
		t.Errorf("%s, not before %s: %v", got, failed.RetryAfter, failed)
	}
}

// Once a connection was there, nobody can tell what became of the request.
func TestNobodyKnows(t *testing.T) {
	good := created("OK")
	head := func(more string) string {
		return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + more + "\r\n"
	}
	write := func(answer string) func(net.Conn) {
		return func(conn net.Conn) {
			if readRequest(bufio.NewReader(conn)) {
				io.WriteString(conn, answer)
			}
		}
	}
	drip := func(conn net.Conn) {
		readRequest(bufio.NewReader(conn))
		io.WriteString(conn, head(fmt.Sprintf("Content-Length: %d\r\n", len(good))))
		gone := make(chan struct{})
		go func() { holdOpen(conn); close(gone) }()
		for i := range len(good) {
			select {
			case <-gone:
				return
			case <-time.After(5 * time.Millisecond):
				io.WriteString(conn, good[i:i+1])
			}
		}
	}
	for name, c := range map[string]struct {
		handle  func(net.Conn)
		timeout time.Duration
		text    string
		kept    string // what must be in the evidence
	}{
		"accepts, never answers":   {handle: holdOpen, timeout: short, text: "did not answer in time"},
		"reads, never answers":     {handle: func(conn net.Conn) { readRequest(bufio.NewReader(conn)); holdOpen(conn) }, timeout: short, text: "in time"},
		"reset within the request": {handle: func(conn net.Conn) { conn.Read(make([]byte, 1)); reset(conn) }, text: "broke before it answered"},
		"reset after reading":      {handle: func(conn net.Conn) { readRequest(bufio.NewReader(conn)); reset(conn) }, text: "broke before"},
		"closed after reading":     {handle: write(""), text: "broke before"},
		"closed within the head":   {handle: write("HTTP/1.1 200 OK\r\nContent-"), text: "broke before"},
		"not HTTP":                 {handle: write("220 mail.example ESMTP\r\n"), text: "broke before"},
		"head of 300 KB": {handle: write(head(strings.Repeat("A: b\r\n", 50_000)+fmt.Sprintf("Content-Length: %d\r\n", len(good))) + good),
			text: "broke before"},
		"contradicting lengths":      {handle: write(head("Content-Length: 5\r\nContent-Length: 6\r\n") + good), text: "broke before"},
		"closed before the body":     {handle: write(head("Content-Length: 100\r\n")), text: "broke off"},
		"body cut short":             {handle: write(head("Content-Length: 5000\r\n") + good), text: "broke off", kept: good},
		"length too small":           {handle: write(head("Connection: close\r\nContent-Length: 100\r\n") + good), text: "without an answer", kept: good[:100]},
		"chunks without an end":      {handle: write(head("Transfer-Encoding: chunked\r\n") + "5\r\n{\"a\":\r\n"), text: "broke off", kept: `{"a":`},
		"not chunks":                 {handle: write(head("Transfer-Encoding: chunked\r\n") + good), text: "broke off"},
		"no length, cut short":       {handle: write(head("") + good[:200]), text: "without an answer", kept: good[:200]},
		"drips past the deadline":    {handle: drip, timeout: short, text: "broke off", kept: `{"resp`},
		"said to be gzip and is not": {handle: write(head("Content-Encoding: gzip\r\n") + good), text: "broke off"},
	} {
		t.Run(name, func(t *testing.T) {
			var connections atomic.Int32
			address := listen(t, func(conn net.Conn) { connections.Add(1); c.handle(conn) })
			started := time.Now()
			got, _, failed := create(t, newClient(t, "http://"+address, bango.Config{Timeout: c.timeout}))
			if got != bango.OutcomeUnknown {
				t.Fatalf("%s: %v", got, failed)
			}
			if !strings.Contains(failed.Text(), c.text) {
				t.Errorf("it says %q", failed.Error())
			}
			if !strings.HasPrefix(failed.Exchange.Received, c.kept) || failed.Exchange.Duration <= 0 {
				t.Errorf("the evidence is %+v", failed.Exchange)
			}
			if n := connections.Load(); n != 1 {
				t.Errorf("one call made %d connections", n)
			}
			if took := time.Since(started); took > 10*time.Second || c.timeout > 0 && took < c.timeout {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A caller that gives up learns that nobody knows, at once.
func TestGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	client := newClient(t, "http://"+listen(t, func(conn net.Conn) {
		readRequest(bufio.NewReader(conn))
		cancel()
		holdOpen(conn)
	}), bango.Config{})
	reply, err := client.Create(ctx, "request-1", order)
	got, _, failed := judged(t, reply, err)
	if got != bango.OutcomeUnknown || !strings.Contains(failed.Text(), "given up") || !errors.Is(err, context.Canceled) {
		t.Errorf("%s: %v", got, err)
	}
}

// 1 MiB is the bound of what comes out of gzip, not of what goes in.
func TestGzip(t *testing.T) {
	pack := func(write func(io.Writer)) []byte {
		var packed bytes.Buffer
		w, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
		write(w)
		w.Close()
		return packed.Bytes()
	}
	gzipped := func(body []byte) *bango.Client {
		return serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(body)
		})
	}
	if got, _, failed := create(t, gzipped(pack(func(w io.Writer) { io.WriteString(w, created("OK")) }))); got != bango.OutcomeDone {
		t.Errorf("an honest answer: %s, %v", got, failed)
	}
	bomb := pack(func(w io.Writer) {
		io.WriteString(w, strings.TrimSuffix(created("OK"), "}")+`,"x":"`)
		chunk := bytes.Repeat([]byte("x"), 1<<20)
		for range 64 {
			w.Write(chunk)
		}
		io.WriteString(w, `"}`)
	})
	client := gzipped(bomb)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, _, failed := create(t, client)
	runtime.ReadMemStats(&after)
	if got != bango.OutcomeUnknown || !strings.Contains(failed.Text(), "larger than 1 MiB") {
		t.Errorf("a bomb: %s, %v", got, failed)
	}
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 32 {
		t.Errorf("a bomb of %d KB that holds 64 MB made %d MB", len(bomb)>>10, used)
	}
}

// A redirect is not followed: the other address sees neither the request nor the credentials.
func TestRedirects(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("it was followed, with Authorization %q", r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	for _, status := range []int{300, 301, 302, 303, 304, 307, 308} {
		for _, location := range []string{elsewhere.URL + "/v1/entitlement", "/v2/entitlement", "", "://%zz"} {
			calls := 0
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				calls++
				w.Header().Set("Location", location)
				w.WriteHeader(status)
			})
			got, _, failed := create(t, client)
			if got != bango.OutcomeRedirected || calls != 1 || !strings.Contains(failed.Text(), "not followed") {
				t.Errorf("HTTP %d to %q: %s after %d calls: %v", status, location, got, calls, failed)
			}
			if _, err := client.Read(t.Context(), entitlementID); err == nil || calls != 2 {
				t.Errorf("read: HTTP %d to %q: %v after %d calls", status, location, err, calls)
			}
		}
	}
}

// A kept-alive connection that is closed while it is reused: a write was perhaps executed and is not sent again; a read is.
func TestClosedWhileReused(t *testing.T) {
	setUp := func() (*bango.Client, *atomic.Int32) {
		requests := new(atomic.Int32)
		address := listen(t, func(conn net.Conn) {
			from := bufio.NewReader(conn)
			for i := 0; readRequest(from); i++ {
				if requests.Add(1) == 2 {
					return // the second request of all: read, and no answer
				}
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(created("OK")), created("OK"))
			}
		})
		return newClient(t, "http://"+address, bango.Config{}), requests
	}

	client, requests := setUp()
	if got, _, failed := create(t, client); got != bango.OutcomeDone {
		t.Fatalf("%s: %v", got, failed)
	}
	if got, _, failed := create(t, client); got != bango.OutcomeUnknown || requests.Load() != 2 {
		t.Errorf("a write: %s after %d requests: %v", got, requests.Load(), failed)
	}
	if got, _, failed := create(t, client); got != bango.OutcomeDone || requests.Load() != 3 {
		t.Errorf("the next write: %s after %d requests: %v", got, requests.Load(), failed)
	}

	client, requests = setUp()
	client.Read(t.Context(), entitlementID)
	reply, err := client.Read(t.Context(), entitlementID)
	if got, _, failed := judged(t, reply, err); got != bango.OutcomeDone || requests.Load() != 3 {
		t.Errorf("a read: %s after %d requests: %v", got, requests.Load(), failed)
	}
}

// breakable is a connection whose next Write can be made to fail after some bytes.
type breakable struct {
	net.Conn
	broken *atomic.Bool
	after  int
}

func (c breakable) Write(p []byte) (int, error) {
	if !c.broken.Load() {
		return c.Conn.Write(p)
	}
	n, _ := c.Conn.Write(p[:min(c.after, len(p))])
	c.Conn.Close()
	return n, errors.New("broken pipe")
}

// A kept-alive connection that cannot be written to: where not a byte has left, net/http takes another connection, and if there is
// none, nothing was sent. Where a byte has left, nobody knows.
func TestBrokenBeforeReuse(t *testing.T) {
	for name, c := range map[string]struct {
		after    int  // bytes that leave
		reaches  bool // the second connection comes about
		want     bango.Outcome
		requests int32
		dials    int32
	}{
		"nothing left, new connection":    {0, true, bango.OutcomeDone, 2, 2},
		"nothing left, no new connection": {0, false, bango.OutcomeNotSent, 1, 2},
		"some left":                       {20, true, bango.OutcomeUnknown, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var requests, dials atomic.Int32
			answered := make(chan struct{}, 10)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				requests.Add(1)
				io.WriteString(w, created("OK"))
				answered <- struct{}{}
			}))
			defer server.Close()
			broken := new(atomic.Bool)
			client := newClient(t, server.URL, bango.Config{Transport: &http.Transport{
				DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
					if dials.Add(1) == 2 && !c.reaches {
						return nil, errors.New("connection refused")
					}
					conn, err := new(net.Dialer).DialContext(ctx, network, address)
					if err == nil && dials.Load() == 1 {
						conn = breakable{conn, broken, c.after}
					}
					return conn, err
				}}})
			if got, _, failed := create(t, client); got != bango.OutcomeDone {
				t.Fatalf("%s: %v", got, failed)
			}
			broken.Store(true)
			got, _, failed := create(t, client)
			for range c.requests { // the far side may be slower than our error
				<-answered
			}
			if got != c.want || requests.Load() != c.requests || dials.Load() != c.dials {
				t.Errorf("%s after %d requests on %d connections: %v", got, requests.Load(), dials.Load(), failed)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A RoundTripper that does not tell whether it had a connection is assumed to have sent; one that hands on to net/http tells.
func TestOtherRoundTrippers(t *testing.T) {
	fails := roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("lost") })
	if got, _, failed := create(t, newClient(t, "http://127.0.0.1", bango.Config{Transport: fails})); got != bango.OutcomeUnknown {
		t.Errorf("it does not tell: %s, %v", got, failed)
	}
	wraps := roundTripper(new(http.Transport).RoundTrip)
	refused := "http://" + listenAndClose(t)
	if got, _, failed := create(t, newClient(t, refused, bango.Config{Transport: wraps})); got != bango.OutcomeNotSent {
		t.Errorf("it tells: %s, %v", got, failed)
	}
}

// Bango admits known addresses only, so a proxy with one is a usual thing: HTTPS_PROXY counts, and the proxy sees a tunnel alone.
// net/http reads the environment once, hence a process of its own.
func TestProxyOfTheEnvironment(t *testing.T) {
	const inside = "BANGO_TEST_BEHIND_PROXY"
	if os.Getenv(inside) != "" {
		client := newClient(t, "https://resale.example", bango.Config{})
		if got, _, failed := create(t, client); got != bango.OutcomeNotSent {
			t.Errorf("through the proxy: %s, %v", got, failed)
		}
		if got, _, failed := create(t, answers(t, 200, created("OK"))); got != bango.OutcomeDone {
			t.Errorf("this machine is not asked directly: %s, %v", got, failed)
		}
		return
	}
	seen := make(chan *http.Request, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), inside+"=1", "HTTPS_PROXY="+proxy.URL, "HTTP_PROXY="+proxy.URL, "NO_PROXY=", "no_proxy=",
		"https_proxy=", "http_proxy=")
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(seen) != 1 {
		t.Fatalf("the proxy was asked %d times, want once", len(seen))
	}
	if r := <-seen; r.Method != "CONNECT" || r.Host != "resale.example:443" || r.Header.Get("Authorization") != "" {
		t.Errorf("the proxy saw %s %s %v", r.Method, r.Host, r.Header)
	}
}

// HTTP/1.1 is spoken even where the server would prefer HTTP/2, which repeats writes by itself.
func TestProtocol(t *testing.T) {
	var protocol string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocol = r.Proto
		io.WriteString(w, created("OK"))
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	own := bango.NewTransport(time.Second)
	own.TLSClientConfig = &tls.Config{RootCAs: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	if got, _, failed := create(t, newClient(t, server.URL, bango.Config{Transport: own})); got != bango.OutcomeDone || protocol != "HTTP/1.1" {
		t.Errorf("%s by %q: %v", got, protocol, failed)
	}
}
