package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"latchkey/bango"
	"latchkey/handlers"
)

// inboxPath is where the portal takes notifications, and so where a proxy lets them through.
const inboxPath = "/webhooks/bango/"

// inbox takes Bango's notifications in the portal's place, at an address that nobody can guess.
type inbox struct {
	url, token string
	deaf       string // why nothing can come; empty where it can
	came       chan message
	early      []message // came while another was waited for
	server     *http.Server
}

// message is a notification that came.
type message struct {
	bango.Notification
	raw   []byte
	known bool // it presented one of the webhook credentials, or there are none
}

// openInbox listens where the portal would.
func openInbox(ctx context.Context, set settings) *inbox {
	b := &inbox{token: rand.Text(), came: make(chan message, 64)}
	b.url = set.publicURL + inboxPath + b.token
	if u, err := url.Parse(set.publicURL); err == nil && loopback(u) && !set.links.AllowLoopback {
		b.deaf = "Bango cannot reach " + set.publicURL + "; set LATCHKEY_PUBLIC_URL"
		return b
	}
	l, err := listen(set.listen, "--listen")
	if err != nil {
		b.deaf = err.Error()
		return b
	}
	presents := handlers.Credentials(set.webhook())
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+inboxPath+b.token, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, b.token) })
	mux.HandleFunc("POST "+inboxPath+b.token, func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bango.MaxNotificationBytes))
		if err != nil {
			http.Error(w, "it is too large", http.StatusRequestEntityTooLarge)
			return
		}
		known, err := presents(r.Context(), r.Header.Get("X-Api-Key"), r.Header.Get("Authorization"))
		if err != nil {
			http.Error(w, "the credential cannot be checked now", http.StatusServiceUnavailable)
			return
		}
		if n, err := bango.ParseNotification(raw); err == nil {
			select {
			case b.came <- message{n, raw, known}:
			default: // far more than a run can cause
			}
		}
		io.WriteString(w, "{}")
	})
	b.server = &http.Server{Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second}
	go b.server.Serve(l)
	if err := b.reach(ctx); err != nil {
		b.deaf = fmt.Sprintf("%s does not lead to %s: %v", set.publicURL, set.listen, err)
	}
	return b
}

func (b *inbox) close() {
	if b.server != nil {
		b.server.Close()
	}
}

// reach finds out whether the address leads here.
func (b *inbox) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(io.LimitReader(resp.Body, 1024)); string(body) != b.token {
		return fmt.Errorf("something else answers there, with HTTP %d", resp.StatusCode)
	}
	return nil
}

// wait returns a notification about an entitlement that tells one of the statuses.
func (b *inbox) wait(ctx context.Context, atMost time.Duration, id string, statuses []string) (message, error) {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	wanted := func(m message) bool { return m.EntitlementID == id && slices.Contains(statuses, m.Status) }
	for _, m := range b.early {
		if wanted(m) {
			return m, nil
		}
	}
	for {
		select {
		case m := <-b.came:
			if wanted(m) {
				return m, nil
			}
			b.early = append(b.early, m)
		case <-ctx.Done():
			return message{}, fmt.Errorf("none came within %s", atMost)
		}
	}
}
