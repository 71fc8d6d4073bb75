package resale_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// proxy stands between the portal and the sandbox, on a TCP port of its own, and does to each connection and request what a test tells it.
// It speaks HTTP/1.1 by hand, because the faults begin where an HTTP server has no say. Toxiproxy would bring fourteen modules, a metrics
// server and a logger among them, for faults that are a few lines each, and knows nothing of requests.
type proxy struct {
	bango    http.Handler
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	tls     *tls.Config // nil: plain TCP
	accept  func(net.Conn)
	fault   fault
	conns   map[net.Conn]bool // open ones; nil once all is over
	dialled int
	seen    []seen
}

// fault does something to a request, and reports whether the connection may be used again.
type fault func(x *exchange) (keep bool)

// seen is a request as it came, whether or not the sandbox got it.
type seen struct{ method, path, id string }

// write reports whether the request was to change something at Bango.
func (s seen) write() bool { return s.method != http.MethodGet && s.path != "/v1/entitlement/report" }

// exchange is one request on its connection.
type exchange struct {
	conn    net.Conn
	request *http.Request
	body    []byte
	proxy   *proxy
}

func newProxy(t testing.TB, bango http.Handler) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{bango: bango, listener: l, conns: map[net.Conn]bool{}}
	p.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for conn := range p.conns {
			conn.Close()
		}
		p.conns = nil
		p.mu.Unlock()
		p.running.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) serve(tcp net.Conn) {
	defer tcp.Close()
	p.mu.Lock()
	if p.conns == nil {
		p.mu.Unlock()
		return
	}
	p.conns[tcp] = true
	p.dialled++
	accept, secured := p.accept, p.tls
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.conns, tcp)
		p.mu.Unlock()
	}()
	if accept != nil {
		accept(tcp)
		return
	}
	conn := tcp
	if secured != nil {
		conn = tls.Server(tcp, secured)
	}
	from := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(from)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.seen = append(p.seen, seen{r.Method, r.URL.Path, r.Header.Get("X-RequestIdentifier")})
		f := p.fault
		p.mu.Unlock()
		if f == nil {
			f = through
		}
		if !f(&exchange{conn, r, body, p}) {
			return
		}
	}
}

// requests returns what came so far.
func (p *proxy) requests() []seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]seen(nil), p.seen...)
}

// connections returns how many came so far.
func (p *proxy) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dialled
}

// reply is an answer before it is written.
type reply struct {
	status int
	header string // lines that end in CR LF, besides Content-Type and Content-Length
	body   string
}

func (a reply) String() string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
		a.status, http.StatusText(a.status), a.header, len(a.body), a.body)
}

// pass lets the sandbox have the request, and returns its answer.
func (x *exchange) pass() reply {
	x.request.Body = io.NopCloser(bytes.NewReader(x.body))
	w := httptest.NewRecorder()
	x.proxy.bango.ServeHTTP(w, x.request)
	return reply{status: w.Code, body: w.Body.String()}
}

func (x *exchange) send(raw string) { io.WriteString(x.conn, raw) }

// gone waits until the far side has closed the connection, at most so long, and reports whether it has.
func (x *exchange) gone(wait time.Duration) bool {
	x.conn.SetReadDeadline(time.Now().Add(wait))
	defer x.conn.SetReadDeadline(time.Time{})
	_, err := x.conn.Read(make([]byte, 1))
	timeout, ok := err.(net.Error)
	return !(ok && timeout.Timeout())
}

// through lets the request through.
func through(x *exchange) bool {
	x.send(x.pass().String())
	return true
}

// answers answers in the sandbox's place, which never sees the request.
func answers(a reply) fault {
	return func(x *exchange) bool { x.send(a.String()); return true }
}

// edits lets the sandbox carry the request out and changes its answer.
func edits(edit func(reply) reply) fault {
	return func(x *exchange) bool { x.send(edit(x.pass()).String()); return true }
}

// after lets the sandbox carry the request out, and its answer wait.
func after(wait time.Duration) fault {
	return func(x *exchange) bool {
		a := x.pass()
		if x.gone(wait) {
			return false
		}
		x.send(a.String())
		return true
	}
}

// carriedOut lets the sandbox carry the request out before the fault, which answers in its place.
func carriedOut(f fault) fault {
	return func(x *exchange) bool { x.pass(); return f(x) }
}

// raw answers with exactly these bytes, and closes the connection.
func raw(answer string) fault {
	return func(x *exchange) bool { x.send(answer); return false }
}

// silent never answers.
func silent(x *exchange) bool { x.gone(time.Minute); return false }

// resets breaks the connection with an RST.
func resets(x *exchange) bool { abort(x.conn); return false }

// drips writes an answer a byte at a time, which takes a byte's pause for each.
func drips(answer string, pause time.Duration) fault {
	return func(x *exchange) bool {
		for i := range len(answer) {
			x.send(answer[i : i+1])
			if x.gone(pause) {
				return false
			}
		}
		return true
	}
}

// only applies a fault to requests of a method and the end of a path, and lets the others through.
func only(method, ending string, f fault) fault {
	return func(x *exchange) bool {
		if x.request.Method == method && strings.HasSuffix(x.request.URL.Path, ending) {
			return f(x)
		}
		return through(x)
	}
}

func abort(conn net.Conn) {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// certificate makes a certificate for a name or address, which is its own authority.
func certificate(t testing.TB, name string, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: until.Add(-48 * time.Hour), NotAfter: until}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
