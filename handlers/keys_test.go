package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"latchkey/resale"
)

func TestSingleKeysCanBeSwitchedOff(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Viewer)
	off := func() bool {
		_, there := b.get("/customers").must(t, http.StatusOK).page(t).Find("body").Attr("data-keys")
		return there
	}
	if off() {
		t.Error("keys are off before anybody has switched them off")
	}
	for _, value := range []string{"off", "on", "off"} {
		form := b.get("/keys").must(t, http.StatusOK).page(t).Find(`form[action="/keys"] button`)
		if form.AttrOr("value", "") != value {
			t.Fatalf("the page offers %q, not %q", form.AttrOr("value", ""), value)
		}
		b.post("/keys", url.Values{"shortcuts": {value}}).leadsTo(t, "/keys")
		if off() != (value == "off") {
			t.Errorf("after %q keys are off: %v", value, off())
		}
	}
	if _, there := p.as(resale.Agent).get("/customers").page(t).Find("body").Attr("data-keys"); there {
		t.Error("another person has lost their keys")
	}
	b.post("/keys", url.Values{"shortcuts": {"sometimes"}}).must(t, http.StatusUnprocessableEntity)
}

func TestAnOutcomeStaysUntilItIsDismissed(t *testing.T) {
	p := openPortal(t, with{})
	e := p.settled(resale.Active)
	refuse := func() resale.Request {
		r := resale.Request{ID: uuid.Must(uuid.NewV7()).String(), EntitlementID: e.ID, Kind: resale.KindSuspend, State: resale.Denied, Message: "Not today.", Created: e.Updated, Updated: e.Updated}
		if err := p.store.Write(t.Context(), func(ctx context.Context, tx resale.Tx) error { return tx.InsertRequest(ctx, r) }); err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := refuse()
	b, other := p.as(resale.Agent), p.as(resale.Supervisor)
	told := func(b *browser) bool {
		return strings.Contains(b.get("/entitlements/"+e.Ref).must(t, http.StatusOK).page(t).Find("#state").Text(), "Not today.")
	}
	button := b.get("/entitlements/" + e.Ref).page(t).Find(`#state form[action="/dismiss"] button`)
	if !told(b) || button.AttrOr("name", "") != "request" || button.AttrOr("value", "") != first.ID {
		t.Fatalf("the refusal is not told, or cannot be dismissed: %s", button.AttrOr("value", ""))
	}
	for range 2 { // twice is once
		b.post("/dismiss", url.Values{"request": {first.ID}}).leadsTo(t, "/entitlements/"+e.Ref)
	}
	if told(b) || !told(other) {
		t.Errorf("after it was dismissed it is told: %v; to others: %v", told(b), told(other))
	}
	refuse()
	if !told(b) {
		t.Error("the next refusal is not told")
	}
	for _, id := range []string{"", "x", uuid.Must(uuid.NewV7()).String()} {
		b.post("/dismiss", url.Values{"request": {id}}).must(t, http.StatusNotFound)
	}
}
