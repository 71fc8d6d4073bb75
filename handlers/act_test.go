package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/uuid"

	"latchkey/resale"
)

// newest returns what was last asked of Bango about the entitlement, and how much was.
func (p *portal) newest(e resale.Entitlement) (resale.Request, int) {
	p.t.Helper()
	requests, err := p.store.RequestsOf(p.t.Context(), e.ID, 100)
	if err != nil || len(requests) == 0 {
		p.t.Fatalf("%d requests, %v", len(requests), err)
	}
	return requests[0], len(requests)
}

func TestActsAreStored(t *testing.T) {
	p := openPortal(t, with{})
	p.hub.Shutdown() // nobody waits for Bango's word
	notRenewed := resale.Reason{Category: "CUSTOMER_CANCELLED", Code: "NOT_RENEWED", Description: "Moves abroad"}
	for _, tt := range []struct {
		kind   resale.RequestKind
		status resale.Status
		fields url.Values
		reason resale.Reason
	}{
		{resale.KindRefresh, resale.Pending, nil, resale.Reason{}},
		{resale.KindSuspend, resale.Active, nil, resale.Reason{}},
		{resale.KindResume, resale.Suspended, nil, resale.Reason{}},
		{resale.KindCancel, resale.Active, url.Values{"reason": {"CUSTOMER_CANCELLED/NOT_RENEWED"}, "reason_description": {" Moves abroad "}}, notRenewed},
		{resale.KindCancel, resale.Pending, url.Values{"reason_category": {"CUSTOMER_CANCELLED"}, "reason_code": {"NOT_RENEWED"},
			"reason_description": {"Moves abroad"}}, notRenewed},
		{resale.KindRevoke, resale.ActiveEnding, url.Values{"reason": {"ACTIVATION_ROLLBACK/FRAUD"}, "confirm": {"REF"}},
			resale.Reason{Category: "ACTIVATION_ROLLBACK", Code: "FRAUD"}},
		{resale.KindRevoke, resale.Suspended, url.Values{"reason": {"REVOKED/OTHER"}, "confirm": {"ref"}}, resale.Reason{Category: "REVOKED", Code: "OTHER"}},
	} {
		e := p.settled(tt.status)
		switch tt.fields.Get("confirm") {
		case "REF":
			tt.fields.Set("confirm", e.Ref)
		case "ref":
			tt.fields.Set("confirm", strings.ToLower(strings.ReplaceAll(e.Ref, "-", "")))
		}
		b := p.as(resale.Supervisor)
		b.post("/entitlements/"+strings.ToLower(e.Ref)+"/"+string(tt.kind), tt.fields).leadsTo(t, "/entitlements/"+e.Ref)
		r, n := p.newest(e)
		if n != 2 || r.Kind != tt.kind || r.Reason != tt.reason || r.State != resale.Queued || r.Actor.ID != p.staff[resale.Supervisor].ID {
			t.Errorf("%s: %d requests, the newest is %+v", tt.kind, n, r)
		}
		page := b.get("/entitlements/" + e.Ref).page(t)
		if text := page.Find("main").Text(); tt.reason.Code != "" && strings.Count(text, tt.reason.Code) < 2 {
			t.Errorf("%s: the page does not show the reason beside the request and on the timeline", tt.kind)
		}
	}
}

func TestADoubleClickAsksOnce(t *testing.T) {
	p := openPortal(t, with{})
	p.hub.Shutdown()
	e, b := p.settled(resale.Active), p.as(resale.Agent)
	var clicks sync.WaitGroup
	for range 8 {
		clicks.Go(func() {
			got, err := noRedirects.Do(mustRequest(p.address+"/entitlements/"+e.Ref+"/suspend", nil, b.cookie))
			if err != nil {
				t.Error(err)
				return
			}
			got.Body.Close()
			if got.StatusCode != http.StatusSeeOther {
				t.Errorf("status %d", got.StatusCode)
			}
		})
	}
	clicks.Wait()
	if _, n := p.newest(e); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestABadActIsTurnedDown(t *testing.T) {
	p := openPortal(t, with{})
	e, ended := p.settled(resale.Active), p.settled(resale.Cancelled)
	before := p.state(e, ended)
	const marked = `<img src=x onerror=alert(1)>`
	for name, tt := range map[string]struct {
		kind          resale.RequestKind
		field, value  string // what is wrong
		wrong, saying string // the field that the form marks, and what the page says
	}{
		"no reason":              {resale.KindCancel, "reason", "", "reason", "Choose a reason"},
		"an unknown reason":      {resale.KindCancel, "reason", "REVOKED/NOT_RENEWED", "reason", "does not know"},
		"no code":                {resale.KindCancel, "reason", "REVOKED", "reason", "does not know"},
		"a long explanation":     {resale.KindCancel, "reason_description", strings.Repeat("ö", resale.MaxReason+1), "reason_description", "longer"},
		"a huge explanation":     {resale.KindCancel, "reason_description", strings.Repeat("x", maxField+1), "reason_description", "longer"},
		"NUL in the explanation": {resale.KindCancel, "reason_description", "a\x00b", "reason_description", "cannot be shown"},
		"not confirmed":          {resale.KindRevoke, "confirm", "", "confirm", e.Ref},
		"confirmed wrongly":      {resale.KindRevoke, "confirm", "yes", "confirm", e.Ref},
		"another confirmed":      {resale.KindRevoke, "confirm", ended.Ref, "confirm", e.Ref},
		"revoked without reason": {resale.KindRevoke, "reason", "", "reason", "Choose a reason"},
	} {
		reason := map[resale.RequestKind]string{resale.KindCancel: "CUSTOMER_CANCELLED/OTHER", resale.KindRevoke: "REVOKED/OTHER"}[tt.kind]
		fields := url.Values{"reason": {reason}, "reason_description": {marked}, "confirm": {e.Ref}}
		fields.Set(tt.field, tt.value)
		page := p.as(resale.Supervisor).post("/entitlements/"+e.Ref+"/"+string(tt.kind), fields).must(t, http.StatusUnprocessableEntity).page(t)
		form := page.Find(`form[action="/entitlements/` + e.Ref + "/" + string(tt.kind) + `"]`)
		if got := form.Find(".wrong").Find("input, select").AttrOr("name", ""); got != tt.wrong || page.Find(".wrong").Length() != 1 {
			t.Errorf("%s: the form marks %q", name, got)
		}
		if says := page.Find(".error").Text(); !strings.Contains(says, tt.saying) {
			t.Errorf("%s: the page says %q", name, says)
		}
		if tt.field != "reason" && form.Find("option[selected]").AttrOr("value", "") != reason {
			t.Errorf("%s: the reason is not kept", name)
		}
		if tt.field != "reason_description" && form.Find("input[name=reason_description]").AttrOr("value", "") != marked {
			t.Errorf("%s: the explanation is not kept", name)
		}
		if page.Find(`input[name=reason_description][value!=""]`).Length() > 1 || page.Find("img[onerror]").Length() > 0 {
			t.Errorf("%s: what was typed is in the wrong place", name)
		}
	}
	// No reason is given for the others: it would be lost.
	p.as(resale.Agent).post("/entitlements/"+e.Ref+"/suspend", url.Values{"reason": {"REVOKED/OTHER"}}).must(t, http.StatusUnprocessableEntity)
	p.as(resale.Agent).send("POST", "/entitlements/"+e.Ref+"/suspend", "application/json", "{}").must(t, http.StatusUnsupportedMediaType)
	p.as(resale.Agent).post("/entitlements/AAAA-AAAA/suspend", nil).must(t, http.StatusNotFound)
	if after := p.state(e, ended); after != before {
		t.Errorf("something was stored:\n%s\n%s", before, after)
	}
}

func TestWhatCannotBeDoneNowIsSaidOnThePage(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Supervisor)
	for _, tt := range []struct {
		kind   resale.RequestKind
		status resale.Status
		why    string
	}{
		{resale.KindRefresh, resale.Active, "only while the customer has to sign up"},
		{resale.KindSuspend, resale.Pending, "only once it is active"},
		{resale.KindResume, resale.Active, "only once it is suspended"},
		{resale.KindCancel, resale.ActiveEnding, "it is ending already"},
		{resale.KindRevoke, resale.Revoked, "it has ended"},
	} {
		e := p.settled(tt.status)
		before := p.state(e)
		got := b.post("/entitlements/"+e.Ref+"/"+string(tt.kind), url.Values{"confirm": {e.Ref}}).StatusCode
		if tt.kind.NeedsReason() && got != http.StatusUnprocessableEntity {
			t.Errorf("%s without a reason: status %d", tt.kind, got)
		}
		fields := url.Values{"confirm": {e.Ref}}
		if tt.kind.NeedsReason() {
			fields.Set("reason", "REVOKED/OTHER")
		}
		page := b.post("/entitlements/"+e.Ref+"/"+string(tt.kind), fields).must(t, http.StatusConflict).page(t)
		if says := page.Find(".error").Text(); !strings.Contains(says, tt.why) {
			t.Errorf("%s while %s: the page says %q", tt.kind, tt.status, says)
		}
		if page.Find(`[data-ref="`+e.Ref+`"]`).Length() == 0 || page.Find(`main a[href="/entitlements/`+e.Ref+`"]`).Length() == 0 {
			t.Errorf("%s: the page does not lead back to the entitlement", tt.kind)
		}
		if _, live := page.Find("body").Attr("data-live"); live {
			t.Errorf("%s: a page follows whose address cannot be read again", tt.kind)
		}
		if after := p.state(e); after != before {
			t.Errorf("%s: something was stored:\n%s\n%s", tt.kind, before, after)
		}
	}
}

// forms lists where the forms and links of acts on a page lead, without the entitlement's address.
func forms(page *goquery.Document, e resale.Entitlement) string {
	var to []string
	page.Find("main form, main a").Each(func(_ int, s *goquery.Selection) {
		address := s.AttrOr("action", s.AttrOr("href", ""))
		if act, found := strings.CutPrefix(address, "/entitlements/"+e.Ref+"/"); found && act != "check" && act != "send" {
			to = append(to, act)
		}
	})
	return strings.Join(to, " ")
}

func TestThePageOffersWhatCanBeDone(t *testing.T) {
	p := openPortal(t, with{})
	for _, tt := range []struct {
		status     resale.Status
		role       resale.Role
		offers     string // on its page
		ends       string // on the page that ends it
		words, not string // of the card
	}{
		{resale.Pending, resale.Agent, "refresh refresh change end", "cancel", "Suspend: only once it is active", "Cancel or revoke"},
		{resale.Active, resale.Agent, "suspend change end", "cancel", "Revoke: it needs the role supervisor", "Cancel or revoke"},
		{resale.Active, resale.Supervisor, "suspend change end", "cancel revoke", "Cancel or revoke …", "Revoke:"},
		{resale.ActiveEnding, resale.Admin, "undo change undo end", "revoke", "Cancel: it is ending already", "Cancel or revoke"},
		{resale.Suspended, resale.Supervisor, "resume change end", "cancel revoke", "Cancel or revoke …", "Resume:"},
		{resale.Revoked, resale.Supervisor, "", "", "Nothing now: it has ended.", "Suspend"},
		{resale.Active, resale.Viewer, "", "", "Suspend: it needs the role agent", " …"},
	} {
		e, b := p.settled(tt.status), p.as(tt.role)
		page := b.get("/entitlements/"+e.Ref).must(t, http.StatusOK).page(t)
		if got := forms(page, e); got != tt.offers {
			t.Errorf("%s, %s: the page offers %q", tt.status, tt.role, got)
		}
		card := page.Find(`aside section:first-child`).Text()
		if !strings.Contains(card, tt.words) || strings.Contains(card, tt.not) {
			t.Errorf("%s, %s: the card says %q", tt.status, tt.role, card)
		}
		if tt.role == resale.Viewer {
			continue
		}
		end := b.get("/entitlements/"+e.Ref+"/end").must(t, http.StatusOK).page(t)
		if got := forms(end, e); got != tt.ends {
			t.Errorf("%s, %s: the page that ends it offers %q", tt.status, tt.role, got)
		}
		if end.Find("[autofocus]").AttrOr("href", "") != "/entitlements/"+e.Ref {
			t.Error("the focus is not on the way back")
		}
		end.Find("option").Each(func(i int, s *goquery.Selection) {
			if words, _, _ := strings.Cut(s.Text(), " – "); s.AttrOr("value", "") != "" && strings.TrimSpace(words) == "" {
				t.Errorf("the reason %s has no words", s.AttrOr("value", ""))
			}
		})
		for kind, others := range map[string]string{"cancel": "REVOKED/", "revoke": "CUSTOMER_"} {
			if n := end.Find("#" + kind + " option[value*='/']").Length(); strings.Contains(tt.ends, kind) && n == 0 || end.Find("#"+kind+" option[value^='"+others+"']").Length() > 0 {
				t.Errorf("%d reasons to %s", n, kind)
			}
		}
	}
}

func TestWhatCameOfAnActIsShown(t *testing.T) {
	p := openPortal(t, with{})
	p.hub.Shutdown()
	const words = `No <b>suspension</b> here`
	b := p.as(resale.Supervisor)
	for _, tt := range []struct {
		state resale.RequestState
		class string
		says  string
	}{
		{resale.Denied, ".bad", "Bango refused to suspend it: " + words},
		{resale.Unsure, ".warn", "Not known yet, being settled. " + words},
		{resale.Manual, ".warn", "A person has to decide."},
		{resale.Waiting, ".warn", "Not done yet. " + words},
		{resale.Done, ":not(.bad, .warn)", "the merchant has yet to confirm"},
	} {
		e := p.settled(resale.Active)
		b.post("/entitlements/"+e.Ref+"/suspend", nil).must(t, http.StatusSeeOther)
		p.answer(e, tt.state, words)
		note := func() string { return b.get("/entitlements/" + e.Ref).page(t).Find("#state .note" + tt.class).Text() }
		if got := note(); !strings.Contains(got, tt.says) {
			t.Errorf("%s: the note says %q", tt.state, got)
		}
		// A look at the record does not hide it.
		b.post("/entitlements/"+e.Ref+"/check", nil)
		if got := note(); !strings.Contains(got, tt.says) {
			t.Errorf("%s and a check: the note says %q", tt.state, got)
		}
		// Once the merchant has confirmed, nothing is left to say; nor if somebody else resumes it later.
		for _, status := range []resale.Status{resale.Suspended, resale.Active} {
			e = p.change(e, func(e *resale.Entitlement) { e.Status, e.BangoStatus = status, string(status) })
			err := p.store.Write(t.Context(), func(ctx context.Context, tx resale.Tx) error {
				return tx.AddEvent(ctx, resale.Event{ID: uuid.Must(uuid.NewV7()).String(), EntitlementID: e.ID, CustomerID: e.CustomerID, At: time.Now().UTC(), Actor: resale.Bango,
					Kind: resale.EventNotified, Text: "told us", From: resale.Active, To: status})
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := note(); tt.state == resale.Done && got != "" {
				t.Errorf("confirmed, and the note says %q", got)
			}
		}
	}
}

func TestAnExplanationIsText(t *testing.T) {
	p := openPortal(t, with{})
	p.hub.Shutdown()
	const marked = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`
	e, b := p.settled(resale.Active), p.as(resale.Agent)
	b.post("/entitlements/"+e.Ref+"/cancel", url.Values{"reason": {"CUSTOMER_CANCELLED/OTHER"}, "reason_description": {marked}}).must(t, http.StatusSeeOther)
	for _, address := range []string{"/entitlements/" + e.Ref, "/customers/" + p.customer.ID} {
		page := b.get(address).must(t, http.StatusOK).page(t)
		if !strings.Contains(page.Find("main").Text(), marked) || page.Find("main script, main img").Length() > 0 {
			t.Errorf("%s does not show the explanation as text", address)
		}
	}
}

// obedientBango does what it is asked for at once.
type obedientBango struct {
	fakeBango
	asked chan resale.RequestKind
}

func (o obedientBango) Act(_ context.Context, requestID string, kind resale.RequestKind, bangoID string, _ resale.Reason) resale.Answer {
	o.asked <- kind
	status, later := "SUSPENDED", time.Minute // than the create: Bango's dates are whole seconds
	if kind == resale.KindCancel {
		status, later = "CANCELLED", 2*time.Minute
	}
	return resale.Answer{Verdict: resale.VerdictDone, Evidence: resale.Evidence{At: time.Now().UTC(), HTTPStatus: 200, Method: "PATCH"},
		Fact: resale.Fact{Source: resale.FromReply, BangoID: bangoID, Status: status, CustomerIdentifier: "user-1", MerchantKey: "BANGO",
			ProductKey: "BangoMusic", DateLastUpdated: time.Now().UTC().Add(later).Truncate(time.Second)}}
}

func TestAnActIsWaitedFor(t *testing.T) {
	asked := make(chan resale.RequestKind, 10)
	p := openPortal(t, with{upstream: obedientBango{fakeBango{activeAtOnce}, asked}})
	b := p.as(resale.Supervisor)
	got := b.post("/entitlements", url.Values{"customer": {p.customer.ID}, "product": {p.products[0].ID}, "form_token": {resale.NewFormToken()}})
	address := got.must(t, http.StatusSeeOther).Header.Get("Location")
	for _, tt := range []struct {
		kind   resale.RequestKind
		status string
	}{{resale.KindSuspend, "SUSPENDED"}, {resale.KindCancel, "CANCELLED"}} {
		fields := url.Values{}
		if tt.kind.NeedsReason() {
			fields = url.Values{"reason": {"CUSTOMER_CANCELLED/OTHER"}}
		}
		b.post(address+"/"+string(tt.kind), fields).leadsTo(t, address)
		if kind := <-asked; kind != tt.kind {
			t.Errorf("Bango was asked to %s", kind)
		}
		if status := b.get(address).page(t).Find("h1 ~ [data-ref]").AttrOr("data-status", ""); status != tt.status {
			t.Errorf("after the %s the page shows %q", tt.kind, status)
		}
	}
}
