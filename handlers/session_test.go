package handlers

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/resale"
)

// signIn signs in by the form and returns the browser that is signed in.
func (b *browser) signIn(email string) *browser {
	b.p.t.Helper()
	got := b.post("/login", url.Values{"email": {email}, "password": {password}}).leadsTo(b.p.t, "/")
	c := got.cookieOf(b.p)
	if c == nil {
		b.p.t.Fatal("the sign-in set no cookie")
	}
	return &browser{b.p, &http.Cookie{Name: c.Name, Value: c.Value}}
}

// sessionID is what a cookie holds.
func (b *browser) sessionID() string {
	b.p.t.Helper()
	var id []byte
	if err := b.p.app.sessions.codec.Decode(b.cookie.Name, b.cookie.Value, &id); err != nil {
		b.p.t.Fatal(err)
	}
	return string(id)
}

func TestASessionBeginsAtSignInAndEndsAtSignOut(t *testing.T) {
	p := openPortal(t, with{})
	first := p.as("").signIn("agent@staff.example")
	if first.cookie.Name != "latchkey" {
		t.Errorf("over http the cookie is called %q", first.cookie.Name)
	}
	first.get("/").must(t, http.StatusOK)

	second := first.signIn("Admin@staff.example ")
	if second.sessionID() == first.sessionID() {
		t.Error("the session kept its id when its rights changed")
	}
	first.get("/").leadsTo(t, "/login")
	if got := second.get("/").must(t, http.StatusOK); !strings.Contains(got.body, "admin@staff.example") {
		t.Error("the page does not say who is signed in")
	}

	out := second.post("/logout", nil).leadsTo(t, "/login")
	if c := out.cookieOf(p); c == nil || c.MaxAge >= 0 || c.Value != "" {
		t.Errorf("signing out leaves the cookie: %v", c)
	}
	second.get("/").leadsTo(t, "/login")
	second.post("/logout", nil).leadsTo(t, "/login")
}

func TestNobodyCanPresetASession(t *testing.T) {
	p := openPortal(t, with{})
	stranger := p.as(resale.Viewer)
	for _, value := range []string{"", "x", "AAAA", strings.Repeat("A", 43), stranger.sessionID(), stranger.cookie.Value, stranger.cookie.Value + "x"} {
		victim := &browser{p, &http.Cookie{Name: "latchkey", Value: value}}
		in := victim.signIn("agent@staff.example")
		if in.cookie.Value == value {
			t.Errorf("the preset cookie %q is signed in", value)
		}
		if value == stranger.cookie.Value {
			victim.get("/").leadsTo(t, "/login") // and the session that was there has ended
		}
		in.get("/").must(t, http.StatusOK)
	}
}

func TestOnlyTheHashOfASessionIsStored(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as("").signIn("agent@staff.example")
	b.get("/").must(t, http.StatusOK)
	if len(b.sessionID()) < 43 {
		t.Errorf("an id of %d characters", len(b.sessionID()))
	}
	files, err := filepath.Glob(p.file + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	found := false
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(b.sessionID())) {
			t.Errorf("%s has the session's id in it", filepath.Base(file))
		}
		found = found || bytes.Contains(content, []byte("agent@staff.example"))
	}
	if !found {
		t.Error("the search would have found nothing: the files do not even have the address")
	}
}

func TestACookieIsSigned(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Admin)
	b.get("/").must(t, http.StatusOK)
	bare := &browser{p, &http.Cookie{Name: "latchkey", Value: b.sessionID()}}
	bare.get("/").leadsTo(t, "/login")
	other := newSessionStore(p.service, bytes.Repeat([]byte{8}, 32), p.address)
	forged, err := other.codec.Encode("latchkey", []byte(b.sessionID()))
	if err != nil {
		t.Fatal(err)
	}
	(&browser{p, &http.Cookie{Name: "latchkey", Value: forged}}).get("/").leadsTo(t, "/login")
}

func TestADisabledPersonIsOutAtOnce(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as("").signIn("viewer@staff.example")
	p.disable(resale.Viewer)
	b.get("/").leadsTo(t, "/login")
	p.as("").post("/login", url.Values{"email": {"viewer@staff.example"}, "password": {password}}).must(t, http.StatusForbidden)
}
