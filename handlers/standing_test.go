package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

func TestAnOldStatusSaysSo(t *testing.T) {
	p := openPortal(t, with{})
	for _, tt := range []struct {
		status resale.Status
		heard  time.Duration
		stale  bool
	}{{resale.Active, 23 * time.Hour, false}, {resale.Active, 25 * time.Hour, true}, {resale.Pending, 25 * time.Hour, true}, {resale.Cancelled, 25 * time.Hour, false}} {
		e := p.change(p.settled(tt.status), func(e *resale.Entitlement) { e.CheckedAt = time.Now().UTC().Add(-tt.heard) })
		says := p.as(resale.Viewer).get("/entitlements/" + e.Ref).page(t).Find("#freshness.late").Text()
		if strings.Contains(says, "not heard of for over a day") != tt.stale {
			t.Errorf("%s, heard of %s ago: the page says %q", tt.status, tt.heard, says)
		}
	}
}

func TestTheSignupCard(t *testing.T) {
	p := openPortal(t, with{})
	now := time.Now().UTC()
	pending := func(expires time.Time) string {
		e := p.change(p.settled(resale.Pending), func(e *resale.Entitlement) {
			e.RegistrationExpires, e.Opened, e.OpenedAt = expires, 2, now.Add(-time.Hour)
		})
		page := p.as(resale.Agent).get("/entitlements/" + e.Ref).page(t)
		text := page.Find("#message button").AttrOr("data-copy", "")
		if !strings.Contains(text, p.service.SignupLink(e)) || !strings.Contains(text, e.Ref) || page.Find("#message p").First().Text() != text {
			t.Errorf("the text for a message is %q", text)
		}
		return strings.Join(strings.Fields(page.Find("#signup").Text()), " ")
	}
	if says := pending(now.Add(35*time.Minute + 30*time.Second)); !strings.Contains(says, "it expires 35 minutes from now") || !strings.Contains(says, "2 times, last 1 hour ago") {
		t.Errorf("the card says %q", says)
	}
	if says := pending(now.Add(-time.Hour)); !strings.Contains(says, "own link expired at ") {
		t.Errorf("the card says %q", says)
	}
	for status, next := range map[resale.Status]string{resale.Active: "signs in at the merchant", resale.Cancelled: "gets a new entitlement", resale.Failed: "Check now", resale.Suspended: "Once it is resumed"} {
		e := p.settled(status)
		card := p.as(resale.Agent).get("/entitlements/" + e.Ref).page(t).Find("#signup section").First()
		if !strings.Contains(card.Text(), next) || card.Find("#signup-link").Length() > 0 {
			t.Errorf("%s: the card says %q", status, card.Text())
		}
		if again := card.Find(`a[href="/entitlements/new?customer=` + p.customer.ID + `&product=` + e.ProductID + `"]`).Length(); (again == 1) != status.Ended() {
			t.Errorf("%s: %d ways to a new one", status, again)
		}
	}
}

func TestADifferenceIsSettledOnTheEntitlementsPage(t *testing.T) {
	p := openPortal(t, with{})
	e := p.settled(resale.Active)
	fact := resale.Fact{Source: resale.FromRecord, BangoID: e.BangoID, Status: "SUSPENDED", CustomerIdentifier: "user-1", MerchantKey: "BANGO",
		ProductKey: "BangoMusicTogether", DateLastUpdated: time.Now().UTC().Truncate(time.Second)}
	id := p.addDrift(resale.Drift{Kind: resale.Differs, Subject: e.BangoID, EntitlementID: e.ID, OursStatus: resale.Active, OursProduct: "BangoMusic",
		Fact: fact, Source: "read back from Bango"})
	address := "/entitlements/" + e.Ref
	card := p.as(resale.Agent).get(address).page(t).Find("#difference")
	for _, want := range []string{`[data-label=Here] [data-status=ACTIVE]`, `[data-label="At Bango"] [data-status=SUSPENDED]`,
		`[data-label=Here]:contains("Bango Music Premium")`, `[data-label="At Bango"]:contains("Bango Music Together")`} {
		if card.Find(want).Length() != 1 {
			t.Errorf("the card does not have %s: %s", want, card.Text())
		}
	}
	if card.Find(`form[action$="/take"]`).Length() > 0 {
		t.Error("an agent is offered what a supervisor may do")
	}
	b := p.as(resale.Supervisor)
	form := b.get(address).page(t).Find(`#difference form[action="/reconciliation/` + id + `/take"]`)
	b.post("/reconciliation/"+id+"/take", url.Values{"ref": {form.Find("input[name=ref]").AttrOr("value", "")}}).leadsTo(t, address)
	page := b.get(address).must(t, http.StatusOK).page(t)
	if page.Find("#difference").Length() > 0 || page.Find("h1 ~ [data-status=SUSPENDED]").Length() != 1 {
		t.Errorf("after it was taken over the page says %q", page.Find("#state").Text())
	}
	note := page.Find("#corrected")
	if !strings.Contains(note.Text(), "Corrected by reconciliation") || note.Find("[data-status=ACTIVE] ~ [data-status=SUSPENDED]").Length() != 1 {
		t.Errorf("both versions are not shown: %q", note.Text())
	}
	line := page.Find("#timeline [data-event=corrected]")
	if line.Find("[data-status=ACTIVE] ~ [data-status=SUSPENDED]").Length() != 1 || !strings.Contains(line.Text(), "corrected by reconciliation") {
		t.Errorf("the timeline tells %q", line.Text())
	}
	// Whatever the form says, it leads nowhere else.
	other := p.addDrift(resale.Drift{Kind: resale.Differs, Subject: "none", EntitlementID: e.ID, OursStatus: resale.Active, Fact: fact})
	b.post("/reconciliation/"+other+"/take", url.Values{"ref": {"//evil.example"}}).leadsTo(t, "/reconciliation")
}

func TestAPersonDecidesWithBothFacts(t *testing.T) {
	p := openPortal(t, with{})
	p.hub.Shutdown()
	e, b := p.settled(resale.Active), p.as(resale.Agent)
	p.change(e, func(e *resale.Entitlement) { e.CheckedAt = time.Now().UTC().Add(-time.Hour) })
	b.post("/entitlements/"+e.Ref+"/suspend", nil).must(t, http.StatusSeeOther)
	p.answer(e, resale.Manual, "Bango has several records.")
	note := b.get("/entitlements/" + e.Ref).page(t).Find("#manual")
	says := strings.Join(strings.Fields(note.Text()), " ")
	for _, want := range []string{"Bango to suspend it, 1 attempt; agent", "Bango has several records.", "ACTIVE, as of 1 hour ago"} {
		if !strings.Contains(says, want) {
			t.Errorf("the note does not say %q: %s", want, says)
		}
	}
	if note.Find(`form[action="/entitlements/`+e.Ref+`/check"]`).Length() != 1 {
		t.Error("it cannot be checked again")
	}
}

func TestTheEndIsToldInWordsAndDates(t *testing.T) {
	p := openPortal(t, with{})
	p.hub.Shutdown()
	b := p.as(resale.Supervisor)
	ends := time.Date(2031, 9, 30, 12, 0, 0, 0, time.UTC)
	e := p.change(p.settled(resale.Active), func(e *resale.Entitlement) { e.DateExpiry = ends })
	page := b.get("/entitlements/" + e.Ref + "/end").page(t)
	if says := page.Find("#cancel").Text(); !strings.Contains(says, "at the latest until 30 September 2031") {
		t.Errorf("of the cancel the page says %q", says)
	}
	if says := page.Find("#revoke").Text(); !strings.Contains(says, "loses access now") || !strings.Contains(says, "10 seconds") {
		t.Errorf("of the revoke the page says %q", says)
	}
	if says := page.Find("#revoke button").Text(); says != "Revoke Bango Music Premium for Zoë Ångström (…er-1)" {
		t.Errorf("the button says %q", says)
	}
	b.post("/entitlements/"+e.Ref+"/cancel", url.Values{"reason": {"CUSTOMER_CANCELLED/NOT_RENEWED"}, "reason_description": {"moved away"}}).must(t, http.StatusSeeOther)
	p.answer(e, resale.Done, "")
	p.change(e, func(e *resale.Entitlement) {
		e.Status, e.BangoStatus, e.DateEnded = resale.ActiveEnding, "ACTIVE-ENDING", ends
	})
	page = b.get("/entitlements/" + e.Ref + "/end").page(t)
	today := time.Now().UTC().Format("2 January 2006")
	if says := page.Find("#cancel").Text(); !strings.Contains(says, "it is ending already, since "+today+" by supervisor") {
		t.Errorf("of a second cancel the page says %q", says)
	}
	if says := page.Find("#revoke").Text(); !strings.Contains(says, "instead of keeping it until 30 September 2031") {
		t.Errorf("of the revoke the page says %q", says)
	}
	again := b.post("/entitlements/"+e.Ref+"/cancel", url.Values{"reason": {"CUSTOMER_CANCELLED/OTHER"}}).must(t, http.StatusConflict).page(t)
	if says := again.Find(".error").Text(); !strings.Contains(says, "by supervisor") {
		t.Errorf("a second cancel is answered %q", says)
	}
	own := b.get("/entitlements/" + e.Ref).page(t)
	want := "supervisor cancelled it on " + today + ": did not renew – moved away."
	if says := own.Find("#state").Text(); !strings.Contains(says, want) || !strings.Contains(own.Find("[data-key=c]").AttrOr("data-copy", ""), want) {
		t.Errorf("the page does not tell why it ends: %s", says)
	}
	if says := own.Find("aside section").First().Text(); strings.Contains(says, "Suspend: only once it is active, since") {
		t.Errorf("the card says %q", says)
	}
}
