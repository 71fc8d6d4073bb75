package handlers

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

// setLine puts the line to Bango into a state, and tells everybody, as an answer would.
func (p *portal) setLine(state resale.LineState, message string) {
	p.t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	err := p.store.Write(p.t.Context(), func(ctx context.Context, tx resale.Tx) error {
		tx.Announce(resale.Change{Topics: []string{resale.TopicEverything}})
		return tx.SetLine(ctx, resale.Line{State: state, Message: message, Since: now.Add(-time.Hour), NextTry: now.Add(time.Minute)})
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func TestEveryPageTellsThatNothingGoesToBango(t *testing.T) {
	p := openPortal(t, with{})
	e, b := p.settled(resale.Active), p.as(resale.Agent)
	pages := []string{"/", "/search?q=nobody", "/customers", "/customers/" + p.customer.ID, "/catalogue", "/entitlements",
		"/entitlements/new?customer=" + p.customer.ID, "/entitlements/" + e.Ref, "/entitlements/" + e.Ref + "/end", "/notifications", "/customers/x"}
	const marked = `Go <b>away</b> & stay`
	for _, tt := range []struct {
		state resale.LineState
		says  string
	}{
		{resale.LineOpen, ""},
		{resale.LineBarred, "accepts neither our credentials nor this address"},
		{resale.LineDown, "does not answer"},
		{resale.LineSlowed, "slow down"},
		{resale.LineOpen, ""},
	} {
		p.setLine(tt.state, marked)
		for _, address := range pages {
			line := b.get(address).page(t).Find("#line[data-part]") // it is there without words, too: open pages show and drop them
			text := line.Text()
			switch {
			case line.Length() != 1:
				t.Errorf("%s, %s: %d places for it", tt.state, address, line.Length())
			case tt.says == "" && text != "":
				t.Errorf("%s, %s: it says %q", tt.state, address, text)
			case tt.says != "" && !(strings.Contains(text, tt.says) && strings.Contains(text, marked) && strings.Contains(text, "stored") &&
				strings.Contains(text, "1 hour ago")):
				t.Errorf("%s, %s: it says %q", tt.state, address, text)
			case line.Find("b").Length() > 0:
				t.Errorf("%s, %s: Bango's words are not text", tt.state, address)
			}
		}
	}
	// Whoever is not signed in learns nothing of it.
	p.setLine(resale.LineDown, marked)
	for _, address := range []string{"/login", "/nothing", "/s/" + e.SignupToken} {
		if got := p.as("").get(address); strings.Contains(got.body, "slow down") || strings.Contains(got.body, "does not answer") {
			t.Errorf("%s tells it to everybody", address)
		}
	}
}

func TestOpenPagesHearOfTheLine(t *testing.T) {
	p := openPortal(t, with{})
	e := p.settled(resale.Active)
	for _, topic := range []string{resale.TopicEntitlements, resale.TopicEntitlement(e.ID), resale.TopicCustomer(p.customer.ID)} {
		s := p.as(resale.Viewer).listen(topic)
		p.setLine(resale.LineDown, "")
		if got := s.event(); !got.All {
			t.Errorf("%s: the page is told of %+v alone", topic, got)
		}
	}
}

func TestAPageIsDrawnWithoutTheLine(t *testing.T) {
	p := openPortal(t, with{})
	p.store.lineFault.Store(&errNoLine)
	if got := p.as(resale.Viewer).get("/customers").must(t, http.StatusOK).page(t).Find("#line"); got.Text() != "" {
		t.Errorf("it says %q", got.Text())
	}
	if !strings.Contains(p.log.String(), errNoLine.Error()) {
		t.Error("the log does not say why")
	}
}

var errNoLine = errors.New("no line today")
