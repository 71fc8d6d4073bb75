package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

// needs returns the number in the header that somebody sees.
func (b *browser) needs() string {
	b.p.t.Helper()
	return b.get("/me").must(b.p.t, http.StatusOK).page(b.p.t).Find("#needs b").Text()
}

func TestTheQueueOfWhatNeedsAttention(t *testing.T) {
	p := openPortal(t, with{})
	p.hub.Shutdown() // nobody waits for Bango's word
	const marked = `No <img src=x onerror=alert(1)>`
	agent, viewer := p.as(resale.Agent), p.as(resale.Viewer)
	if page := agent.get("/attention").must(t, http.StatusOK).page(t); page.Find("#attention [data-row]").Length() != 0 || agent.needs() != "" {
		t.Errorf("with nothing the matter the page says %q", page.Find("main").Text())
	}
	failed, unknown, refused := p.settled(resale.Failed), p.addEntitlement(), p.settled(resale.Refused)
	p.change(unknown, func(e *resale.Entitlement) { e.Status = resale.Unknown })
	p.change(refused, func(e *resale.Entitlement) { e.Message = marked })
	p.addDrift(resale.Drift{Kind: resale.MissingHere, Subject: "b-1"})
	p.addDrift(resale.Drift{Kind: resale.MissingHere, Subject: "b-2"})
	p.setLine(resale.LineDown, "No answer")
	if got := agent.needs(); got != "5" {
		t.Errorf("the header says %q", got)
	}
	page := agent.get("/attention").page(t)
	if page.Find("main img").Length() > 0 {
		t.Error("what came from outside is no text")
	}
	for _, tt := range []struct{ subject, kind, says, does string }{
		{"line", "line", "Nothing goes to Bango", `a[href="/entitlements?status=REQUESTED"].button`},
		{failed.ID, "failed", "FAILED", `form[action="/entitlements/` + failed.Ref + `/check"]`},
		{unknown.ID, "unknown", p.customer.Name, `form[action="/entitlements/` + unknown.Ref + `/check"]`},
		{"drift", "drift", "2 differences from Bango’s records are open", `a[href="/reconciliation"].button`},
		{refused.ID, "refused", marked, `a[href="/entitlements/new?customer=` + p.customer.ID + `&product=` + refused.ProductID + `"]`},
	} {
		row := page.Find(fmt.Sprintf("#attention [data-row=%q][data-kind=%s]", tt.subject, tt.kind))
		if row.Length() != 1 || !strings.Contains(row.Text(), tt.says) || row.Find(tt.does).Length() != 1 || row.Find("time").Length() != 1 {
			t.Errorf("%s: its line is %q", tt.kind, row.Text())
		}
		if row.Find(`form[action="/attention/`+tt.subject+`/take"]`).Length() != 1 {
			t.Errorf("%s: an agent cannot take it", tt.kind)
		}
		if only := agent.get("/attention?kind=" + tt.kind).page(t).Find("#attention [data-row]"); only.Length() != 1 || only.AttrOr("data-row", "") != tt.subject {
			t.Errorf("%s: its filter shows %d lines", tt.kind, only.Length())
		}
	}
	if forms := viewer.get("/attention").page(t).Find(`#attention form:not([action$="/check"])`).Length(); forms != 0 {
		t.Errorf("a viewer is offered %d forms", forms)
	}
	for _, address := range []string{"?kind=nonsense", "?owner=nonsense", "?state=later", "?after=1", "?after=1-1-x", "?kind=" + strings.Repeat("x", 300)} {
		agent.get("/attention"+address).must(t, http.StatusUnprocessableEntity)
	}
	// What is done from a list leads back to it, and to nowhere else.
	agent.post("/attention/"+failed.ID+"/take", url.Values{"back": {"/attention?kind=failed"}}).leadsTo(t, "/attention?kind=failed")
	agent.post("/entitlements/"+failed.Ref+"/check", url.Values{"back": {"/"}}).leadsTo(t, "/")
	for _, elsewhere := range []string{"//evil.example/attention", "https://evil.example/attention", "/entitlements", "javascript:alert(1)", "/attention\r\nX: y"} {
		agent.post("/entitlements/"+unknown.Ref+"/check", url.Values{"back": {elsewhere}}).leadsTo(t, "/entitlements/"+unknown.Ref)
	}
	mine := agent.get("/attention?owner=mine").page(t).Find("#attention [data-row]")
	if mine.Length() != 1 || !strings.Contains(mine.Text(), "You") || agent.get("/attention?owner=none").page(t).Find("#attention [data-row]").Length() != 4 {
		t.Errorf("what is mine is %q", mine.Text())
	}
	if theirs := p.as(resale.Supervisor).get("/attention").page(t).Find(fmt.Sprintf("[data-row=%q]", failed.ID)).Text(); !strings.Contains(theirs, p.staff[resale.Agent].Label()) {
		t.Errorf("a colleague reads %q", theirs)
	}
	home := viewer.get("/").page(t).Find("#attention")
	if home.Find("[data-row]").Length() != 5 || !strings.Contains(home.Text(), "All 5") {
		t.Errorf("the first page says %q", home.Text())
	}
}

func TestSnoozeAndAcknowledge(t *testing.T) {
	p := openPortal(t, with{})
	e := p.settled(resale.Failed)
	agent := p.as(resale.Agent)
	line := "/attention/" + e.ID
	page := agent.get(line+"?back=%2F").must(t, http.StatusOK).page(t)
	if page.Find(`form[action="`+line+`/snooze"] input[name=back][value="/"]`).Length() != 1 || page.Find(`form[action="`+line+`/acknowledge"]`).Length() != 1 {
		t.Errorf("the page of the line is %q", page.Find("main").Text())
	}
	for fields, says := range map[string]string{"reason=&for=1h": "Say why", "reason=later&for=never": "Choose a time", "reason=" + strings.Repeat("x", 600) + "&for=1h": "longer"} {
		values, _ := url.ParseQuery(fields)
		got := agent.post(line+"/snooze", values).must(t, http.StatusUnprocessableEntity)
		if fault := got.page(t).Find("#fault").Text(); !strings.Contains(fault, says) {
			t.Errorf("%.40s: it says %q", fields, fault)
		}
	}
	agent.post("/me", url.Values{"time_zone": {"America/New_York"}, "shortcuts": {"on"}}).must(t, http.StatusSeeOther)
	agent.post(line+"/snooze", url.Values{"for": {"tomorrow"}, "reason": {"the merchant is looking"}}).leadsTo(t, "/attention")
	put, err := p.store.Attention(t.Context(), e.ID)
	zone, zoneErr := time.LoadLocation("America/New_York")
	if err != nil || zoneErr != nil || put.Until.In(zone).Hour() != 9 || put.Until.In(zone).YearDay() == time.Now().In(zone).YearDay() {
		t.Errorf("it is put off until %s, %v", put.Until, err)
	}
	if agent.needs() != "" || agent.get("/attention").page(t).Find("#attention [data-row]").Length() != 0 {
		t.Error("what is snoozed is still there")
	}
	if text := agent.get("/attention?state=snoozed").page(t).Find("#attention").Text(); !strings.Contains(text, "the merchant is looking") {
		t.Errorf("what is snoozed says %q", text)
	}
	agent.post(line+"/wake", nil).leadsTo(t, "/attention")
	if agent.needs() != "1" {
		t.Error("it does not come back")
	}
	agent.post(line+"/acknowledge", url.Values{"reason": {"the customer knows"}}).leadsTo(t, "/attention")
	if page := agent.get(line).page(t); agent.needs() != "" || !strings.Contains(page.Find("main").Text(), "the customer knows") || page.Find("main form").Length() != 0 {
		t.Errorf("acknowledged, its page says %q", page.Find("main").Text())
	}
	agent.post(line+"/take", nil).must(t, http.StatusNotFound)
}

func TestCloseARequestAsNotDone(t *testing.T) {
	p := openPortal(t, with{})
	p.hub.Shutdown()
	e, other := p.addEntitlement(), p.addEntitlement()
	p.answer(e, resale.Manual, "Nobody knows.")
	r, _ := p.newest(e)
	close := "/entitlements/" + e.Ref + "/requests/" + r.ID + "/close"
	if page := p.as(resale.Agent).get("/attention/" + e.ID).page(t); page.Find(`form[action="`+close+`"]`).Length() != 0 || page.Find(`form[action$="/check"]`).Length() != 1 {
		t.Errorf("an agent is offered %q", page.Find("main").Text())
	}
	sofia := p.as(resale.Supervisor)
	page := sofia.get("/attention/" + e.ID).page(t)
	if page.Find(`form[action="`+close+`"]`).Length() != 1 || !strings.Contains(page.Find(".sentence").Text(), "Nobody knows.") {
		t.Errorf("a supervisor is offered %q", page.Find("main").Text())
	}
	sofia.post(close, nil).must(t, http.StatusUnprocessableEntity)
	sofia.post(strings.Replace(close, e.Ref, other.Ref, 1), url.Values{"reason": {"no"}}).must(t, http.StatusNotFound)
	sofia.post(close, url.Values{"reason": {"Bango has none"}, "back": {"/attention"}}).leadsTo(t, "/attention")
	sofia.post(close, url.Values{"reason": {"Bango has none"}}).must(t, http.StatusConflict)
	if now, err := p.store.Entitlement(t.Context(), e.ID); err != nil || now.Status != resale.Refused {
		t.Errorf("it is %s, %v", now.Status, err)
	}
}

func TestOwnSettings(t *testing.T) {
	p := openPortal(t, with{})
	e := p.addEntitlement()
	viewer := p.as(resale.Viewer)
	shown := func() (zone, keys, title string) {
		page := viewer.get("/entitlements").page(t)
		zone, _ = page.Find("body").Attr("data-zone")
		keys, _ = page.Find("body").Attr("data-keys")
		title, _ = page.Find(`[data-row="` + e.Ref + `"] time`).Attr("title")
		return zone, keys, title
	}
	if zone, keys, title := shown(); zone != "" || keys != "" || !strings.HasSuffix(title, " UTC") {
		t.Errorf("with nothing set it is %q, %q, %q", zone, keys, title)
	}
	for _, wrong := range []string{"Mars/Olympus", "Local", "../../etc/passwd"} {
		got := viewer.post("/me", url.Values{"time_zone": {wrong}}).must(t, http.StatusUnprocessableEntity).page(t)
		if got.Find(".wrong input").AttrOr("value", "") != wrong || !strings.Contains(got.Find("#fault").Text(), "no time zone") {
			t.Errorf("%q: %q", wrong, got.Find("main").Text())
		}
	}
	viewer.post("/me", url.Values{"time_zone": {"Asia/Kolkata"}}).leadsTo(t, "/me?kept=1")
	want := e.Updated.In(time.FixedZone("", 19800)).Format("2006-01-02 15:04:05") + " IST"
	if zone, keys, title := shown(); zone != "Asia/Kolkata" || keys != "off" || title != want {
		t.Errorf("it is %q, %q, %q, not %q", zone, keys, title, want)
	}
	viewer.post("/me", url.Values{"time_zone": {"America/Sao_Paulo"}, "shortcuts": {"on"}}).must(t, http.StatusSeeOther)
	if zone, keys, title := shown(); zone != "America/Sao_Paulo" || keys != "" || !strings.HasSuffix(title, " UTC-03:00") {
		t.Errorf("it is %q, %q, %q", zone, keys, title)
	}
	if page := p.as(resale.Agent).get("/me").page(t); page.Find("[name=time_zone]").AttrOr("value", "") != "" {
		t.Error("somebody else has the setting")
	}
}
