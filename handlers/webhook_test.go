package handlers

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

func basic(pair string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) }

func TestWhoMayNotify(t *testing.T) {
	open := func(config func(*Config)) *portal { return openPortal(t, with{config: config}) }
	none := open(nil)
	keys := open(func(c *Config) { c.WebhookKeys = []string{"new-key", "old-key"} })
	pair := open(func(c *Config) { c.WebhookUsername, c.WebhookPasswords = "bango", []string{"pass:word", "pass,word"} })
	both := open(func(c *Config) {
		c.WebhookKeys, c.WebhookUsername, c.WebhookPasswords = []string{"new-key", "old-key"}, "bango", []string{"pass:word"}
	})
	for _, tt := range []struct {
		name   string
		p      *portal
		header string
		value  string
		status int
	}{
		{"nothing configured", none, "", "", 200},
		{"nothing configured, something sent", none, "X-Api-Key", "whatever", 200},
		{"key", keys, "X-Api-Key", "new-key", 200},
		{"the other key", keys, "X-Api-Key", "old-key", 200},
		{"bearer", keys, "Authorization", "Bearer new-key", 200},
		{"bearer in lower case", keys, "Authorization", "bearer old-key", 200},
		{"basic", pair, "Authorization", basic("bango:pass:word"), 200},
		{"basic, the other password", pair, "Authorization", basic("bango:pass,word"), 200},
		{"both: key", both, "X-Api-Key", "old-key", 200},
		{"both: basic", both, "Authorization", basic("bango:pass:word"), 200},
		{"none sent", keys, "", "", 401},
		{"none sent, basic", pair, "", "", 401},
		{"empty key", keys, "X-Api-Key", "", 401},
		{"wrong key", keys, "X-Api-Key", "new-keY", 401},
		{"half a key", keys, "X-Api-Key", "new-ke", 401},
		{"longer key", keys, "X-Api-Key", "new-key2", 401},
		{"very long key", keys, "X-Api-Key", strings.Repeat("k", 8000), 401},
		{"keys as configured", keys, "X-Api-Key", "new-key,old-key", 401},
		{"wrong bearer", keys, "Authorization", "Bearer nonsense", 401},
		{"empty bearer", keys, "Authorization", "Bearer ", 401},
		{"key as basic", keys, "Authorization", basic("new-key:"), 401},
		{"basic as key", pair, "X-Api-Key", "bango:pass:word", 401},
		{"basic as bearer", pair, "Authorization", "Bearer bango:pass:word", 401},
		{"wrong password", pair, "Authorization", basic("bango:wrong"), 401},
		{"a third password", pair, "Authorization", basic("bango:password"), 401},
		{"a third key", keys, "X-Api-Key", "older-key", 401},
		{"empty password", pair, "Authorization", basic("bango:"), 401},
		{"wrong user", pair, "Authorization", basic("other:pass:word"), 401},
		{"basic that is no base64", pair, "Authorization", "Basic !!!", 401},
		{"scheme alone", pair, "Authorization", "Basic", 401},
		{"another scheme", keys, "Authorization", "Digest new-key", 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.p
			e := p.addEntitlement()
			before := p.state(e)
			var headers []string
			if tt.header != "" {
				headers = []string{tt.header, tt.value}
			}
			got := p.as("").send("POST", webhookPath+e.NotifyToken, "application/json", `{"a":1}`, headers...).must(t, tt.status)
			if changed := p.state(e) != before; changed != (tt.status == 200) {
				t.Errorf("something was stored: %v", changed)
			}
			if challenge := got.Header.Get("WWW-Authenticate"); (challenge != "") != (tt.status == 401) {
				t.Errorf("WWW-Authenticate is %q", challenge)
			}
			everyHeader(t, tt.name, got.Header)
		})
	}
}

func TestWhateverIsAuthenticatedIsKept(t *testing.T) {
	p := openPortal(t, with{})
	e := p.addEntitlement()
	e = p.change(e, func(e *resale.Entitlement) {
		e.BangoID, e.Status, e.BangoStatus = "b-1", resale.Pending, "PENDING"
		e.DateLastUpdated = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	})
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	z.Close()
	full := strings.Repeat("x", maxBody)
	b := p.as("")
	send := func(token, contentType, body string, headers ...string) {
		t.Helper()
		got := b.send("POST", webhookPath+token, contentType, body, headers...).must(t, http.StatusOK)
		if got.body != "{}" {
			t.Errorf("the answer is %q", got.body)
		}
		inbox, err := p.store.Notifications(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range inbox {
			if string(n.Body) == body && n.Token == token {
				return
			}
		}
		t.Errorf("%.40q was not kept as it came", body)
	}
	unknown := "AAAAAAAAAAAAAAAAAAAAAAAAAA"
	send(e.NotifyToken, "application/json", "")
	send(e.NotifyToken, "", "garbage \x00\xff")
	send(e.NotifyToken, "text/html", "<p>")
	send(e.NotifyToken, formType, "a=b&c=d")
	send(e.NotifyToken, "application/json", full)
	send(e.NotifyToken, "application/json", zipped.String(), "Content-Encoding", "gzip")
	send(e.NotifyToken, "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--\r\n")
	send(unknown, "application/json", `{"a":2}`)
	send(unknown, "application/json", `{"a":3}`, "Sec-Fetch-Site", "cross-site", "Origin", "https://bango.example")

	before := p.state(e)
	got := b.send("POST", webhookPath+e.NotifyToken, "application/json", full+"x").must(t, http.StatusRequestEntityTooLarge)
	if p.state(e) != before || strings.Contains(got.body, "<") {
		t.Errorf("64 KiB and one: stored, or answered with a page: %.100s", got.body)
	}
	b.get(webhookPath+e.NotifyToken).must(t, http.StatusMethodNotAllowed)
	b.send("POST", "/webhooks/bango/", "application/json", "{}").must(t, http.StatusNotFound)

	chunked := p.raw("POST " + webhookPath + e.NotifyToken + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"c\r\n4\r\n\":1}\r\n0\r\n\r\n")
	if !strings.HasPrefix(chunked, "HTTP/1.1 200 ") {
		t.Errorf("in chunks: %s", chunked)
	}
	if inbox, err := p.store.Notifications(t.Context(), 1); err != nil || string(inbox[0].Body) != `{"c":1}` {
		t.Errorf("in chunks: %q, %v", inbox[0].Body, err)
	}
}

func TestWhatCannotBeStoredIsNotAcknowledged(t *testing.T) {
	p := openPortal(t, with{})
	e := p.addEntitlement()
	before := p.state(e)
	for _, failure := range []error{errors.New("disk full"), &resale.Error{Code: resale.CodeBusy, Message: "too much"},
		resale.NotFound("entitlement"), &resale.Error{Code: resale.CodeForbidden, Message: "no"}} {
		p.store.failure.Store(&failure)
		got := p.as("").send("POST", webhookPath+e.NotifyToken, "application/json", "{}").must(t, http.StatusServiceUnavailable)
		if got.Header.Get("Retry-After") != "1" || strings.Contains(got.body, "disk") {
			t.Errorf("%v: Retry-After %q: %s", failure, got.Header.Get("Retry-After"), got.body)
		}
	}
	p.store.failure.Store(nil)
	if after := p.state(e); after != before {
		t.Error("something was stored")
	}
	p.as("").send("POST", webhookPath+e.NotifyToken, "application/json", "{}").must(t, http.StatusOK)
	if !strings.Contains(p.log.String(), "disk full") {
		t.Error("the log does not say why")
	}
}

func TestTally(t *testing.T) {
	var told []string
	var tl tally
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for second := range 150 {
		if n := tl.count(start.Add(time.Duration(second) * time.Second)); n > 0 {
			told = append(told, fmt.Sprint(second, ":", n))
		}
	}
	if got := strings.Join(told, " "); got != "0:1 60:60 120:60" {
		t.Errorf("told %s", got)
	}
}
