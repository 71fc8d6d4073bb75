package handlers

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"latchkey/resale"
)

func TestTheLogHasNoSecrets(t *testing.T) {
	p := openPortal(t, with{config: func(c *Config) {
		c.WebhookKeys, c.WebhookUsername, c.WebhookPasswords = []string{"canary-webhook-key"}, "bango", []string{"canary-webhook-password"}
	}})
	e := p.addEntitlement()
	_, setup, err := p.service.AddStaff(t.Context(), "canary-new@staff.example", "", resale.Agent, "")
	if err != nil {
		t.Fatal(err)
	}
	b := p.as("").signIn("agent@staff.example")
	p.as("").post("/login", url.Values{"email": {"canary-wrong@staff.example"}, "password": {"canary wrong password"}})
	for _, address := range []string{"/", "/customers/" + p.customer.ID, "/search?q=canary-query", "/search?q=" + url.QueryEscape(p.customer.Phone),
		"/s/" + e.SignupToken, "/s/canary-signup-token-x", "/setup/" + setup, "/nothing/canary-path?canary-query", "/entitlements/" + e.Ref,
		webhookPath + e.NotifyToken, "/customers?q=%ffcanary-query", "/live?topic=signup:canary-signup-token-x"} {
		b.get(address, "Referer", p.address+"/canary-referer", "User-Agent", "canary-agent", "X-Request-Id", "canary-id")
	}
	b.post("/customers", url.Values{"customer_identifier": {"canary-identifier"}, "name": {"canary-name"}, "email": {"canary@example.com"}, "phone": {"+49 30 901820"}})
	p.as("").post("/setup/"+setup, url.Values{"password": {"canary long enough password"}})
	hook := webhookPath + e.NotifyToken
	for _, headers := range [][]string{{"X-Api-Key", "canary-wrong-key"}, {"X-Api-Key", "canary-webhook-key"}, {"Authorization", "Bearer canary-wrong-key"},
		{"Authorization", basic("bango:canary-webhook-password")}} {
		b.send("POST", hook, "application/json", `{"canary-body":1}`, headers...)
	}
	failure := error(&resale.Error{Code: resale.CodeInternal, Message: "the disk is full"})
	p.store.failure.Store(&failure)
	b.send("POST", hook, "application/json", `{"canary-body":2}`, "X-Api-Key", "canary-webhook-key").must(t, http.StatusServiceUnavailable)
	got := b.post("/customers", url.Values{"customer_identifier": {"canary-identifier-2"}}).must(t, http.StatusInternalServerError)
	p.store.failure.Store(nil)
	b.post("/logout", nil)

	log := p.log.String()
	for name, secret := range map[string]string{"a canary": "canary", "the session's id": b.sessionID(), "the cookie": b.cookie.Value,
		"the password": password, "the notification token": e.NotifyToken, "the signup token": e.SignupToken, "the set-up token": setup,
		"the phone number": "7946", "another phone number": "901820", "the customer": p.customer.ID, "the e-mail address": "zoe@", "the ref": e.Ref} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %s in it", name)
		}
	}
	for _, line := range []string{"method=GET route=/customers/:id status=200", "method=POST route=/login status=403", "route=/s/:token status=200",
		"route=/webhooks/bango/:token status=401", "route=/webhooks/bango/:token status=503", "route=\"\" status=404", "the disk is full"} {
		if !strings.Contains(log, line) {
			t.Errorf("the log does not say %q", line)
		}
	}
	// The page names the line of the log that has the cause, and not the cause.
	if strings.Contains(got.body, "disk") {
		t.Error("the page tells the cause")
	}
	named := false
	for line := range strings.Lines(log) {
		id := regexp.MustCompile(` id=([A-Z2-7]{10}) `).FindStringSubmatch(line)
		named = named || strings.Contains(line, "disk is full") && id != nil && strings.Contains(got.body, id[1])
	}
	if !named {
		t.Errorf("the page does not name its line of the log: %.500s", got.page(t).Find("main").Text())
	}
}

func TestReady(t *testing.T) {
	p := openPortal(t, with{})
	p.as("").get("/healthz").must(t, http.StatusOK)
	p.as("").get("/readyz").must(t, http.StatusOK)
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	p.as("").get("/healthz").must(t, http.StatusOK)
	p.as("").get("/readyz").must(t, http.StatusServiceUnavailable)
}
