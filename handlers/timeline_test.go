package handlers

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/uuid"

	"latchkey/resale"
)

func TestATimelineIsFilteredAndPaged(t *testing.T) {
	p := openPortal(t, with{})
	e := p.settled(resale.Active)
	const n = 2*timelineLines + 5
	actors := []resale.Actor{resale.StaffActor(p.staff[resale.Agent]), resale.TheCustomer, resale.Bango, resale.Automatic}
	err := p.store.Write(t.Context(), func(ctx context.Context, tx resale.Tx) error {
		for i := range n {
			if err := tx.AddEvent(ctx, resale.Event{ID: uuid.Must(uuid.NewV7()).String(), EntitlementID: e.ID, CustomerID: e.CustomerID, At: time.Now().UTC(),
				Actor: actors[i%4], Kind: resale.EventNotified, Text: "did it"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b, address := p.as(resale.Viewer), "/entitlements/"+e.Ref
	walk := func(address string) (lines, pages int, by map[string]int) {
		by = map[string]int{}
		for address != "" {
			page := b.get(strings.TrimSuffix(address, "#timeline")).must(t, http.StatusOK).page(t)
			pages++
			page.Find("#timeline [data-event]").Each(func(_ int, s *goquery.Selection) { lines++; by[s.AttrOr("data-actor", "")]++ })
			if page.Find("h1 ~ [data-status=ACTIVE]").Length() != 1 || page.Find("body[data-live]").Length() != 1 {
				t.Errorf("%s does not show the entitlement, or does not follow", address)
			}
			address = page.Find("a#older").AttrOr("href", "")
		}
		return lines, pages, by
	}
	if lines, pages, _ := walk(address); pages != 3 || lines != 2*timelineLines+6 { // and the request to create it
		t.Errorf("%d lines on %d pages", lines, pages)
	}
	page := b.get(address).page(t)
	chips := page.Find("nav.chips a")
	if chips.Length() != 5 || chips.First().AttrOr("aria-current", "") != "true" {
		t.Errorf("%d chips", chips.Length())
	}
	for kind, want := range map[string]int{"staff": (n+3)/4 + 1, "customer": (n + 2) / 4, "bango": (n + 1) / 4, "automatic": n / 4} {
		chip := page.Find(`nav.chips a[href*="by=`+kind+`"]`).AttrOr("href", "")
		lines, pages, by := walk(chip)
		if lines != want || by[kind] != want || pages != 1 {
			t.Errorf("%s: %d lines of %v on %d pages", kind, lines, by, pages)
		}
		if b.get(strings.TrimSuffix(chip, "#timeline")).page(t).Find(`nav.chips a[aria-current]`).AttrOr("href", "") != chip {
			t.Errorf("the chip of %s is not the current one", kind)
		}
	}
	for _, bad := range []string{"by=nobody", "by=%00", "before=1", "before=%27--"} {
		b.get(address+"?"+bad).must(t, http.StatusUnprocessableEntity)
	}
	if says := b.get(address + "?before=00000000-0000-7000-8000-000000000000").page(t).Find("#timeline").Text(); !strings.Contains(says, "nothing older") {
		t.Errorf("before the first line the page says %q", says)
	}
}

func TestEvidenceIsCopiedAsCurl(t *testing.T) {
	p := openPortal(t, with{})
	e := p.addEntitlement()
	page := p.as(resale.Viewer).get("/entitlements/"+e.Ref+"/evidence/"+p.addEvidence(e, `{"it's":"<b>"}`)).must(t, http.StatusOK).page(t)
	copied := page.Find("#curl button").AttrOr("data-copy", "")
	if !strings.Contains(copied, `--data '{"it'\''s":"<b>"}'`) || strings.Contains(copied, "Authorization") || copied != page.Find("#curl pre").Text() {
		t.Errorf("what is copied is %s", copied)
	}
	if page.Find("main b").Length() > 0 {
		t.Error("what was sent has become HTML")
	}
}
