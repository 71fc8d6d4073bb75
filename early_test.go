package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/db/dbtest"
	"latchkey/resale"
)

// earlyBango is the sandbox with notifications that arrive at the portal before its reply to a create does.
type earlyBango struct {
	next http.RoundTripper
	post func(bangoID string) error // what is posted meanwhile
	said chan error                 // has what came of it, once for each create
}

func (b earlyBango) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err != nil || r.Header.Get("X-RequestIdentifier") == "" {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	_, id, _ := strings.Cut(string(body), `"entitlementId":"`)
	id, _, _ = strings.Cut(id, `"`)
	b.said <- b.post(id)
	return resp, nil
}

// earlyNotifications lets a portal create an entitlement while Bango notifies early, through HTTP all of it, and returns what is wrong with
// what becomes of the notifications. front returns the handler that Bango reaches the portal through.
func earlyNotifications(t *testing.T, database string, front func(portal *url.URL, store resale.Store) http.Handler) error {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	log := slog.New(slog.DiscardHandler)
	server := httptest.NewUnstartedServer(nil)
	box, err := newSandbox("http://"+server.Listener.Addr().String(), 0, log)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = box
	server.Start()
	listener, err := listen(freeAddress(t), "--listen")
	if err != nil {
		t.Fatal(err)
	}
	portalURL := &url.URL{Scheme: "http", Host: listener.Addr().String()}
	reached := httptest.NewUnstartedServer(nil)

	const nobodys = `{"entitlementId":"nobodys","status":"ACTIVE","dateLastUpdated":"2026-03-01T12:00:00Z"}`
	post := func(token, body string) error {
		resp, err := http.Post(reached.URL+"/webhooks/bango/"+token, "application/json", strings.NewReader(body))
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s got %s", body, resp.Status)
		}
		return nil
	}
	early := ""
	bango := earlyBango{next: http.DefaultTransport, said: make(chan error, 1), post: func(id string) error {
		early = fmt.Sprintf(`{"entitlementId":%q,"status":"ACTIVE","dateLastUpdated":%q}`, id, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		return errors.Join(post("elsewhere", early), post("elsewhere", nobodys))
	}}
	p, err := openPortal(ctx, settings{database: database, publicURL: portalURL.String(), bangoURL: server.URL + "/v1",
		bangoUsername: sandboxUsername, bangoPassword: sandboxPassword, bangoTimeout: 5 * time.Second,
		links: resale.LinkRules{AllowLoopback: true}, reconcileEvery: time.Minute}, log, seams{transport: bango})
	if err != nil {
		t.Fatal(err)
	}
	reached.Config.Handler = front(portalURL, p.store)
	reached.Start()
	served := make(chan error, 1)
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		p.close()
		reached.Close()
		server.Close()
		box.Close()
	}()
	if err := sampleData(ctx, p.service); err != nil {
		t.Fatal(err)
	}
	go func() { served <- p.serve(ctx, listener) }()

	e, err := createMusic(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-bango.said; err != nil {
		return err
	}
	if e, err = p.service.Await(ctx, e.ID, 10*time.Second); err != nil || e.Status != resale.Pending {
		return fmt.Errorf("it is %s: %v", e.Status, err)
	}
	// Within five seconds of the reply the early one is linked, and Bango's record was read: a hint from elsewhere is not believed.
	var linked resale.Notification
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if linked, err = keptAs(ctx, p, early); err != nil {
			return err
		}
		e, err = p.store.Entitlement(ctx, e.ID)
		if err == nil && linked.EntitlementID == e.ID && linked.State == resale.NotificationApplied && e.CheckedAt.After(linked.Received) {
			requests, err := p.store.RequestsOf(ctx, e.ID, 10)
			if err == nil && len(requests) == 2 && requests[0].Kind == resale.KindCheck && requests[0].State == resale.Done {
				break
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("five seconds after the reply the early one is %s and belongs to %q; %v", linked.State, linked.EntitlementID, err)
		}
	}
	if e.Status != resale.Pending {
		return fmt.Errorf("what came from elsewhere was believed: it is %s", e.Status)
	}
	if err := post(e.NotifyToken, fmt.Sprintf(`{"entitlementId":%q,"customerIdentifier":"cust-0002","status":"REVOKED"}`, e.BangoID)); err != nil {
		return err
	}
	if after, err := p.store.Entitlement(ctx, e.ID); err != nil || after.Status != resale.Pending {
		return fmt.Errorf("news of another customer made it %s: %v", after.Status, err)
	}
	parked, err := p.store.ParkedNotifications(ctx, 10)
	if err != nil || len(parked) != 2 {
		return fmt.Errorf("%d are parked, want another customer's and nobody's: %v", len(parked), err)
	}
	return listed(portalURL, parked)
}

// createMusic asks for a Bango Music for the first sample customer.
func createMusic(ctx context.Context, p *portal) (resale.Entitlement, error) {
	ana, err := p.store.StaffByEmail(ctx, demoStaff[0].Email)
	if err != nil {
		return resale.Entitlement{}, err
	}
	customer, err := p.store.CustomerByIdentifier(ctx, "cust-0001")
	if err != nil {
		return resale.Entitlement{}, err
	}
	product, err := p.store.ProductByKeys(ctx, "BANGO", "BangoMusic")
	if err != nil {
		return resale.Entitlement{}, err
	}
	return p.service.CreateEntitlement(ctx, resale.StaffActor(ana), resale.NewEntitlement{CustomerID: customer.ID, ProductID: product.ID,
		FormToken: resale.NewFormToken()})
}

// keptAs returns the notification with that body.
func keptAs(ctx context.Context, p *portal, body string) (resale.Notification, error) {
	kept, err := p.store.Notifications(ctx, 100)
	for _, n := range kept {
		if string(n.Body) == body {
			return n, err
		}
	}
	return resale.Notification{}, errors.Join(fmt.Errorf("%s is not kept", body), err)
}

// listed returns which of the notifications the inbox does not list, or that the start page says nothing of them.
func listed(portal *url.URL, parked []resale.Notification) error {
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	resp, err := browser.PostForm(portal.JoinPath("login").String(), url.Values{"email": {demoStaff[0].Email}, "password": {demoPassword}})
	if err != nil {
		return err
	}
	resp.Body.Close()
	for _, page := range []string{"", "notifications"} {
		resp, err := browser.Get(portal.JoinPath(page).String())
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return err
		}
		if page == "" {
			if strings.Contains(string(body), "Nothing needs attention") {
				return errors.New("the start page says that nothing needs attention")
			}
			continue
		}
		for _, n := range parked {
			if !strings.Contains(string(body), "/notifications/"+n.ID) {
				return fmt.Errorf("the inbox does not list %s", n.Body)
			}
		}
	}
	return nil
}

// R20 through HTTP: notifications before the create's reply, of nobody and of another customer get a 200, are linked or listed.
func TestR20EarlyNotifications(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database string) {
		straight := func(portal *url.URL, _ resale.Store) http.Handler { return httputil.NewSingleHostReverseProxy(portal) }
		if err := earlyNotifications(t, database, straight); err != nil {
			t.Error(err)
		}
	})
}

// R20 must notice a portal that answers 404 to what it does not know.
func TestR20NoticesA404(t *testing.T) {
	strict := func(portal *url.URL, store resale.Store) http.Handler {
		proxy := httputil.NewSingleHostReverseProxy(portal)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := store.EntitlementByNotifyToken(r.Context(), r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]); err != nil {
				http.NotFound(w, r)
				return
			}
			proxy.ServeHTTP(w, r)
		})
	}
	if err := earlyNotifications(t, dbtest.SQLite(t), strict); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("it was not noticed: %v", err)
	}
}
