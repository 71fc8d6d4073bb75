// Package handlers answers HTTP: for each address who may, what they ask for, what is done, and where it leads. It decides nothing
// about entitlements and stores nothing by itself; see package resale. Start at the table in routes.go.
package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"latchkey/resale"
	"latchkey/views"
)

// Config is what an App needs. All fields are required but the webhook's credentials: with none of them, an entitlement's own token
// admits its notifications.
type Config struct {
	Service          *resale.Service
	Store            resale.Reader
	Hub              *resale.Hub
	PublicURL        string   // how browsers and Bango reach the portal, without a slash at the end
	SessionKey       []byte   // signs the session cookie, 32 bytes
	InstanceKey      []byte   // by which the portal proves who it is, see [Proof]
	WebhookKeys      []string // any of them is accepted
	WebhookUsername  string
	WebhookPasswords []string // any of them is accepted with the user name
	WebhookOAuth     OAuth
	Brand            views.Brand // who sells, as end users know them; may be empty
	Sandbox          bool        // the pages say that nothing is real
	Log              *slog.Logger
	Ready            func(context.Context) error // whether the portal can work
}

// App is the portal's web server.
type App struct {
	service   *resale.Service
	store     resale.Reader
	hub       *resale.Hub
	publicURL string
	brand     views.Brand
	sandbox   bool
	log       *slog.Logger
	ready     func(context.Context) error
	instance  []byte
	fiber     *fiber.App
	headers   headers
	sessions  *sessionStore
	foreign   *http.CrossOriginProtection
	caller    caller
	refused   tally
	streams   streams
	beat      time.Duration // between two heartbeats of a stream
	exports   chan struct{} // has room for those that may be written at once
	life      context.Context
	end       context.CancelFunc // of life

	serving sync.Mutex
	stopped bool
	socket  net.Listener // nil before Listener
}

const (
	// maxBody bounds the body of a request, as it goes over the wire, in bytes.
	maxBody = resale.MaxNotification

	// The server reads up to twice as much, so that a body that is somewhat too large still gets its answer: what is not read when a
	// connection closes makes the client's system throw the answer away.
	bodyLimit = 2 * maxBody

	writeTimeout = 30 * time.Second
	requestTime  = 15 * time.Second // what a handler may take; the longest wait in one is that for Bango's word
	maxConns     = 1 << 15          // at once, streams included
)

// New returns an App, which serves nothing yet.
func New(c Config) *App {
	a := &App{
		service: c.Service, store: c.Store, hub: c.Hub, publicURL: c.PublicURL, brand: c.Brand, sandbox: c.Sandbox, log: c.Log, ready: c.Ready,
		instance: c.InstanceKey,
		headers:  newHeaders(c.PublicURL), sessions: newSessionStore(c.Service, c.SessionKey, c.PublicURL),
		foreign: http.NewCrossOriginProtection(), caller: newCaller(c),
		streams: streams{of: map[string]int{}}, beat: 15 * time.Second,
	}
	a.exports = make(chan struct{}, maxExports)
	a.life, a.end = context.WithCancel(context.Background())
	// A proxy may change the Host header that an Origin is compared with; the public address is ours under any Host.
	if err := a.foreign.AddTrustedOrigin(c.PublicURL); err != nil {
		panic("handlers: the public URL is not an origin: " + err.Error())
	}
	a.fiber = fiber.New(fiber.Config{
		Immutable:                    true, // else strings change under us once fasthttp reuses their memory
		EnableTrustedProxyCheck:      true, // with nobody trusted: X-Forwarded-… says nothing, the public URL everything
		CaseSensitive:                true,
		StrictRouting:                true,
		DisablePreParseMultipartForm: true, // the one form of ours that is one is read by itself
		DisableStartupMessage:        true,
		BodyLimit:                    bodyLimit,
		Concurrency:                  maxConns,
		ReadTimeout:                  5 * time.Second,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  time.Minute,
		ReadBufferSize:               16 << 10, // bounds the head of a request
		ErrorHandler:                 a.fail,
	})
	for _, r := range a.routes() {
		if r.method == get {
			a.fiber.Get(r.path, a.serve(r)) // HEAD too
		} else {
			a.fiber.Add(r.method, r.path, a.serve(r))
		}
	}
	server := a.fiber.Server()
	server.Handler = a.observe(server.Handler)
	server.HeaderReceived = a.sized
	return a
}

// Listener serves on l until Shutdown, and then returns nil. It closes l.
func (a *App) Listener(l net.Listener) error {
	a.serving.Lock()
	a.socket = l
	stopped := a.stopped
	a.serving.Unlock()
	if stopped {
		return l.Close()
	}
	return a.fiber.Listener(l)
}

// Shutdown ends the live streams and whoever waits for Bango's word, and returns once the requests under way are answered or ctx is done.
func (a *App) Shutdown(ctx context.Context) error {
	a.hub.Shutdown() // first: a stream would otherwise be waited for
	a.end()
	a.serving.Lock()
	defer a.serving.Unlock()
	a.stopped = true
	if a.socket != nil {
		// fasthttp does not end a server that is only just starting; one without a socket ends by itself.
		if err := a.socket.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
	}
	err := a.fiber.ShutdownWithContext(ctx)
	if errors.Is(err, net.ErrClosed) { // it closes the socket too
		return nil
	}
	return err
}

// Keys of what is known of a request while it is answered.
type requestKey int

const (
	keyID      requestKey = iota // string, for the log and for people who report a failure
	keyNonce                     // string, of the content security policy
	keyRoute                     // route
	keyPerson                    // resale.Staff who is signed in
	keySession                   // string, the session's id
)

// observe gives every request an id and its response the headers that all have, and writes its line in the access log. The line has the
// route's pattern and never the address: tokens and what people search for stay out of the log.
func (a *App) observe(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		start := time.Now()
		a.begin(ctx)
		next(ctx)
		r, _ := ctx.UserValue(keyRoute).(route)
		method := string(ctx.Method())
		if !knownMethod(method) {
			method = "other"
		}
		a.log.Info("request", "id", ctx.UserValue(keyID), "method", method, "route", r.path,
			"status", ctx.Response.StatusCode(), "took", time.Since(start))
	}
}

func knownMethod(method string) bool {
	for _, m := range fiber.DefaultMethods {
		if m == method {
			return true
		}
	}
	return false
}
