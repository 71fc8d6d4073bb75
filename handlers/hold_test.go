package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

// held adds an active entitlement with a revoke that waits, and returns the revoke's id.
func (p *portal) held() (resale.Entitlement, string) {
	p.t.Helper()
	e := p.settled(resale.Active)
	if _, err := p.service.Act(p.t.Context(), resale.StaffActor(p.staff[resale.Supervisor]), e.Ref, resale.KindRevoke,
		resale.Reason{Category: "REVOKED", Code: "OTHER"}); err != nil {
		p.t.Fatal(err)
	}
	r, _ := p.newest(e)
	return e, r.ID
}

func TestARevokeCanBeUndoneOnThePage(t *testing.T) {
	asked := make(chan resale.RequestKind, 10)
	p := openPortal(t, with{upstream: obedientBango{fakeBango{activeAtOnce}, asked}})
	b := p.as(resale.Supervisor)
	address := b.post("/entitlements", url.Values{"customer": {p.customer.ID}, "product": {p.products[0].ID}, "form_token": {resale.NewFormToken()}}).
		must(t, http.StatusSeeOther).Header.Get("Location")
	began := time.Now()
	b.post(address+"/revoke", url.Values{"reason": {"REVOKED/OTHER"}, "confirm": {strings.TrimPrefix(address, "/entitlements/")}}).leadsTo(t, address)
	if took := time.Since(began); took > 2*time.Second { // it would be four for Bango's word
		t.Errorf("whoever revokes is kept for %s", took)
	}
	page := b.get(address).must(t, http.StatusOK).page(t)
	undo, found := page.Find(`#held form[method=post] button`).Parent().Attr("action")
	if !found || !strings.HasPrefix(undo, address+"/requests/") || !strings.HasSuffix(undo, "/undo") {
		t.Fatalf("the note leads to %q: %s", undo, page.Find("#state").Text())
	}
	if down := page.Find(`#held time[data-age=down]`); !strings.HasPrefix(down.Text(), "in ") || down.AttrOr("title", "") == "" {
		t.Errorf("the note counts down %q", down.Text())
	}
	if page.Find(`noscript meta[http-equiv=refresh]`).Length() != 1 && !strings.Contains(page.Find("head noscript").Text(), "refresh") {
		t.Error("without scripts the page stands still")
	}
	// Whoever may not revoke reads that it waits, and cannot undo it.
	if seen := p.as(resale.Agent).get(address).page(t).Find("#held"); seen.Length() != 1 || seen.Find("form").Length() != 0 {
		t.Errorf("an agent sees %q", seen.Text())
	}
	b.post(undo, nil).leadsTo(t, address)
	b.post(undo, nil).leadsTo(t, address) // a second click
	page = b.get(address).page(t)
	if page.Find("#held").Length() != 0 || page.Find(`[data-event=withdrawn]`).Length() != 1 || !strings.Contains(page.Find("#signup").Text(), "withdrawn before it was sent") {
		t.Errorf("after the undo the page says %q", page.Find("#state, #signup").Text())
	}
	if says := page.Find("#state .note").Text(); says != "" {
		t.Errorf("after the undo something is left to say: %q", says)
	}
	select {
	case kind := <-asked:
		t.Errorf("Bango was asked to %s", kind)
	default:
	}
}

func TestTooLateToUndo(t *testing.T) {
	p := openPortal(t, with{})
	e, id := p.held()
	p.answer(e, resale.Sending, "")
	page := p.as(resale.Supervisor).post("/entitlements/"+e.Ref+"/requests/"+id+"/undo", nil).must(t, http.StatusConflict).page(t)
	if says := page.Find(".error").Text(); !strings.Contains(says, "too late") {
		t.Errorf("the page says %q", says)
	}
	if _, live := page.Find("body").Attr("data-live"); live {
		t.Error("a page follows whose address cannot be read again")
	}
	p.as(resale.Supervisor).post("/entitlements/"+e.Ref+"/requests/none/undo", nil).must(t, http.StatusNotFound)
	p.as(resale.Supervisor).post("/entitlements/AAAA-AAAA/requests/"+id+"/undo", nil).must(t, http.StatusNotFound)
}
