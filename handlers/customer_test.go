package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"latchkey/resale"
)

// noteAndGroup puts a note and a group into the portal, and returns their ids.
func (p *portal) noteAndGroup() (note, group string) {
	p.t.Helper()
	agent := resale.StaffActor(p.staff[resale.Agent])
	n, err := p.service.AddNote(p.t.Context(), agent, p.customer.ID, "A note", false)
	if err != nil {
		p.t.Fatal(err)
	}
	e := p.settled(resale.Active)
	g, err := p.service.ActTogether(p.t.Context(), agent, resale.Together{CustomerID: p.customer.ID, Kind: resale.KindSuspend, Refs: []string{e.Ref},
		Reason: "Did not pay", FormToken: resale.NewFormToken()})
	if err != nil {
		p.t.Fatal(err)
	}
	return n.ID, g.ID
}

// onCustomer is the address of the customer's page, or of one below it.
func (p *portal) onCustomer(more string) string { return "/customers/" + p.customer.ID + more }

// checked returns which services a form has chosen.
func checked(page *goquery.Document) (refs []string) {
	page.Find(`input[name=service][checked]`).Each(func(_ int, s *goquery.Selection) { refs = append(refs, s.AttrOr("value", "")) })
	slices.Sort(refs)
	return refs
}

func TestACardHasTheOneThingToDo(t *testing.T) {
	p := openPortal(t, with{})
	agent, viewer := p.as(resale.Agent), p.as(resale.Viewer)
	for status, want := range map[resale.Status]string{
		resale.Pending: `button[data-copy^="http"]`, resale.Active: `a[href*="/suspend?only="]`, resale.Suspended: `form[action$="/resume"] button`,
		resale.ActiveEnding: `form[action$="/undo"] button`, resale.Failed: `form[action$="/check"] button`, resale.Unknown: `form[action$="/check"] button`,
		resale.Cancelled: `a[href^="/entitlements/new?customer="]`, resale.Refused: `a[href^="/entitlements/new?customer="]`,
	} {
		e := p.settled(status)
		card := agent.get(p.onCustomer("")).must(t, http.StatusOK).page(t).Find("#service-" + e.Ref)
		if card.Find(want).Length() != 1 || card.Find("form, a.button, button[data-copy]").Length() != 1 {
			t.Errorf("%s: the card has %s", status, card.Text())
		}
		if status == resale.Active || status == resale.Suspended || status == resale.ActiveEnding || status == resale.Cancelled {
			if viewers := viewer.get(p.onCustomer("")).page(t).Find("#service-" + e.Ref); viewers.Find("form, a.button").Length() > 0 {
				t.Errorf("%s: a viewer is offered %s", status, viewers.Text())
			}
		}
	}
	page := agent.get(p.onCustomer("")).page(t)
	if said := page.Find("#services .sentence").Text(); !strings.Contains(said, "has Bango Music Premium") || !strings.Contains(said, "is waiting to sign up for Bango Music Premium") ||
		!strings.Contains(said, "Suspended: Bango Music Premium") {
		t.Errorf("the sentence is %q", said)
	}
	if said := page.Find(".problem").Text(); !strings.Contains(said, "talk with the merchant failed") {
		t.Errorf("the open problems are %q", said)
	}
	for range 3 {
		p.settled(resale.Revoked)
	}
	if folded := agent.get(p.onCustomer("")).page(t).Find("details#ended li").Length(); folded != 5 {
		t.Errorf("%d services are folded away", folded)
	}
}

func TestNotesOnThePage(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Agent)
	const marked = "<b>Fraud hold</b>\nuntil October"
	b.post(p.onCustomer("/notes"), url.Values{"text": {strings.ReplaceAll(marked, "\n", "\r\n")}, "pin": {"yes"}}).leadsTo(t, p.onCustomer(""))
	page := b.get(p.onCustomer("")).page(t)
	if banner := page.Find("#pinned .lines").Text(); banner != marked || page.Find("main b").Length() > 0 {
		t.Errorf("the banner is %q", banner)
	}
	if told := page.Find(`#timeline [data-event=noted]`).Text(); !strings.Contains(told, "Fraud hold") || !strings.Contains(told, "agent") {
		t.Errorf("the timeline tells %q", told)
	}
	unpin, _ := page.Find(`#pinned form[action$="/unpin"]`).Attr("action")
	b.post(unpin, nil).leadsTo(t, p.onCustomer(""))
	page = b.get(p.onCustomer("")).page(t)
	if page.Find("#pinned .note").Length() > 0 || page.Find("#notes .lines").Text() != marked {
		t.Error("it is not unpinned, or not among the notes")
	}
	withdraw, _ := page.Find(`#notes form[action$="/withdraw"]`).Attr("action")
	if own := p.as(resale.Supervisor); own.get(p.onCustomer("")).page(t).Find(`#notes form[action$="/withdraw"]`).Length() != 1 {
		t.Error("a supervisor cannot withdraw it")
	}
	b.post(withdraw, nil).leadsTo(t, p.onCustomer(""))
	if got := b.get(p.onCustomer("")); strings.Contains(got.body, "Fraud hold") || !strings.Contains(got.page(t).Find("#timeline").Text(), "wrote a note that agent withdrew") {
		t.Error("what was withdrawn is still there, or that it was is not told")
	}
	long := strings.Repeat("é", resale.MaxNote+1)
	if got := b.post(p.onCustomer("/notes"), url.Values{"text": {long}}).must(t, http.StatusUnprocessableEntity).page(t); got.Find("#note-text").Text() != long || !strings.Contains(got.Find("#fault").Text(), "2000") {
		t.Error("what was typed is lost, or it is not said why it was not taken")
	}
	b.post(p.onCustomer("/notes"), url.Values{"text": {"a\x00b\xff"}}).must(t, http.StatusUnprocessableEntity)
	b.post(p.onCustomer("/notes/x/pin"), nil).must(t, http.StatusNotFound)
}

func TestTagsLeadToWhoeverHasThem(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Agent)
	b.post(p.onCustomer("/tags"), url.Values{"tag": {"VIP, <i>late"}}).leadsTo(t, p.onCustomer(""))
	page := b.get(p.onCustomer("")).page(t)
	chip := page.Find("#tags a").Last()
	if page.Find("#tags a").Length() != 2 || page.Find("main i").Length() > 0 || page.Find(`#known-tags option[value=VIP]`).Length() != 1 {
		t.Errorf("the tags are %q", page.Find("#tags").Text())
	}
	for _, address := range []string{chip.AttrOr("href", ""), "/customers?tag=vip"} {
		if listed := p.as(resale.Viewer).get(address).must(t, http.StatusOK).page(t); listed.Find("[data-row]").AttrOr("data-row", "") != p.customer.ID {
			t.Errorf("%s lists %q", address, listed.Find("main").Text())
		}
	}
	for range pageSize {
		c := p.addCustomer(resale.Customer{Identifier: resale.NewFormToken()})
		if err := p.service.AddTags(t.Context(), resale.StaffActor(p.staff[resale.Agent]), c.ID, "vip"); err != nil {
			t.Fatal(err)
		}
	}
	first := b.get("/customers?tag=VIP").page(t)
	next := first.Find("a[rel=next]").AttrOr("href", "")
	if first.Find("[data-row]").Length() != pageSize || b.get(next).must(t, http.StatusOK).page(t).Find("[data-row]").Length() != 1 {
		t.Errorf("the pages have %d lines and lead to %q", first.Find("[data-row]").Length(), next)
	}
	b.post(p.onCustomer("/tags/remove"), url.Values{"tag": {"VIP"}}).leadsTo(t, p.onCustomer(""))
	if left := b.get(p.onCustomer("")).page(t).Find("#tags a"); left.Length() != 1 {
		t.Errorf("left are %q", left.Text())
	}
	if got := b.post(p.onCustomer("/tags"), url.Values{"tag": {strings.Repeat("x", 40)}}).must(t, http.StatusUnprocessableEntity).page(t); got.Find("input[name=tag]:not([type=hidden])").AttrOr("value", "") != strings.Repeat("x", 40) {
		t.Error("what was typed is lost")
	}
	if got := b.get("/customers?tag=nobody"); got.StatusCode != http.StatusOK || !strings.Contains(got.body, "No customer has the tag") {
		t.Errorf("a tag that nobody has: %d", got.StatusCode)
	}
}

func TestAStaleEditShowsWhatChanged(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Agent)
	form := func() url.Values {
		fields := url.Values{}
		b.get(p.onCustomer("/edit")).must(t, http.StatusOK).page(t).Find("form[action$=edit] input").Each(func(_ int, s *goquery.Selection) {
			fields.Set(s.AttrOr("name", ""), s.AttrOr("value", ""))
		})
		return fields
	}
	mine, theirs := form(), form()
	theirs.Set("phone", "+44 20 1111")
	b.post(p.onCustomer("/edit"), theirs).leadsTo(t, p.onCustomer(""))
	mine.Set("name", "Zoe")
	got := b.post(p.onCustomer("/edit"), mine).must(t, http.StatusConflict).page(t)
	if said := got.Find("#fault").Text(); !strings.Contains(said, "from “+44 20 7946 0000” to “+44 20 1111”") {
		t.Errorf("it says %q", said)
	}
	if got.Find("input[name=name]").AttrOr("value", "") != "Zoe" || !strings.Contains(got.Find("form.fields").Text(), "Now: +44 20 1111") {
		t.Errorf("the form has %q", got.Find("form.fields").Text())
	}
	mine.Set("seen_phone", got.Find("input[name=seen_phone]").AttrOr("value", ""))
	mine.Set("phone", "+44 20 1111")
	b.post(p.onCustomer("/edit"), mine).leadsTo(t, p.onCustomer(""))
	if c, err := p.store.Customer(t.Context(), p.customer.ID); err != nil || c.Name != "Zoe" || c.Phone != "+44 20 1111" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestSuspendTogetherOnThePages(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Agent)
	one, two, pending := p.settled(resale.Active), p.settled(resale.Active), p.settled(resale.Pending)
	page := b.get(p.onCustomer("/suspend")).must(t, http.StatusOK).page(t)
	both := []string{one.Ref, two.Ref}
	slices.Sort(both)
	if got := checked(page); !slices.Equal(got, both) || !strings.Contains(page.Find("main .card").Text(), "only once it is active") {
		t.Errorf("chosen are %v; %s", got, page.Find("main .card").Text())
	}
	if got := checked(b.get(p.onCustomer("/suspend?only=" + strings.ToLower(two.Ref))).page(t)); !slices.Equal(got, []string{two.Ref}) {
		t.Errorf("with one meant, chosen are %v", got)
	}
	fields := url.Values{"service": both, "form_token": {page.Find("input[name=form_token]").AttrOr("value", "")}}
	turned := b.post(p.onCustomer("/suspend"), fields).must(t, http.StatusUnprocessableEntity).page(t)
	if got := checked(turned); !slices.Equal(got, both) || turned.Find("label.wrong input[name=reason]").Length() != 1 {
		t.Errorf("without a reason, chosen are %v", got)
	}
	fields.Set("reason", "Did not pay")
	address := b.post(p.onCustomer("/suspend"), fields).must(t, http.StatusSeeOther).Header.Get("Location")
	b.post(p.onCustomer("/suspend"), fields).leadsTo(t, address) // a second click
	for _, e := range []resale.Entitlement{one, two} {
		if r, n := p.newest(e); n != 2 || r.Kind != resale.KindSuspend {
			t.Errorf("%d requests, the newest is %s", n, r.Kind)
		}
	}
	p.answer(one, resale.Done, "")
	p.change(one, func(e *resale.Entitlement) { e.Status = resale.Suspended })
	p.answer(two, resale.Denied, "The merchant said no")
	result := p.as(resale.Viewer).get(address).must(t, http.StatusOK).page(t)
	if said := result.Find(".sentence").Text(); said != "1 of 2 services is suspended, 1 refused by Bango." {
		t.Errorf("the sentence is %q", said)
	}
	if row := result.Find(`[data-row="` + two.Ref + `"]`).Text(); !strings.Contains(row, "refused: The merchant said no") {
		t.Errorf("the row is %q", row)
	}
	if result.Find(`body[data-live$="`+p.customer.ID+`"] #result[data-part] [data-ref="`+one.Ref+`"][data-status=SUSPENDED]`).Length() != 1 {
		t.Error("the result is not live")
	}
	other := p.settled(resale.Suspended)
	resume := b.get(p.onCustomer("/resume")).page(t)
	if got := checked(resume); !slices.Equal(got, []string{one.Ref}) || resume.Find(`input[value="`+other.Ref+`"]`).Length() != 1 || !strings.Contains(resume.Find(".sentence").Text(), "Did not pay") {
		t.Errorf("a resume has chosen %v: %s", got, resume.Find("main").Text())
	}
	if got := b.post(p.onCustomer("/suspend"), url.Values{"service": {pending.Ref}, "reason": {"x"}, "form_token": {resale.NewFormToken()}}).must(t, http.StatusConflict); !strings.Contains(got.body, "only once it is active") {
		t.Errorf("what cannot be suspended: %.200s", got.body)
	}
	stranger := p.addCustomer(resale.Customer{Identifier: "user-2"})
	b.get("/customers/"+stranger.ID+strings.TrimPrefix(address, p.onCustomer(""))).must(t, http.StatusNotFound)
}

func TestChangeOfIdentifierOnThePages(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Agent)
	e := p.settled(resale.Active)
	p.addEntitlement() // Bango has not answered yet
	p.addCustomer(resale.Customer{Identifier: "user-2", Name: "Yann"})
	page := b.get(p.onCustomer("/identifier")).must(t, http.StatusOK).page(t)
	if said := page.Find("#fates").Text(); !strings.Contains(said, "Bango is asked to know it by the new identifier") || !strings.Contains(said, "keeps user-1") {
		t.Errorf("it says of the services: %s", said)
	}
	fields := url.Values{"customer_identifier": {" user-2 "}, "reason": {"ported"}, "form_token": {resale.NewFormToken()}}
	taken := b.post(p.onCustomer("/identifier"), fields).must(t, http.StatusConflict).page(t)
	if !strings.Contains(taken.Find("#fault").Text(), "Yann") || !strings.Contains(taken.Find("main a.button").Text(), "Open Yann") || taken.Find("#change input[name=reason]").AttrOr("value", "") != "ported" {
		t.Errorf("taken, and the page says %s", taken.Find("main").Text())
	}
	fields.Set("customer_identifier", "user-9")
	address := b.post(p.onCustomer("/identifier"), fields).must(t, http.StatusSeeOther).Header.Get("Location")
	b.post(p.onCustomer("/identifier"), fields).leadsTo(t, address) // a second click
	if r, n := p.newest(e); n != 2 || r.Terms.CustomerIdentifier != "user-9" {
		t.Errorf("%d requests, the newest %+v", n, r.Terms)
	}
	p.answer(e, resale.Denied, "Too many")
	p.change(e, func(e *resale.Entitlement) { e.NextIdentifier = "" })
	result := b.get(address).must(t, http.StatusOK).page(t)
	if said := result.Find("#result").Text(); !strings.Contains(said, "refused: Too many Bango knows it as user-1.") || !strings.Contains(said, "1 refused by Bango, 1 not asked for.") {
		t.Errorf("the result is %s", said)
	}
	shown := b.get(p.onCustomer("")).page(t)
	if said := shown.Find("#contact").Text(); !strings.Contains(said, "user-9") || !strings.Contains(said, "formerly user-1") {
		t.Errorf("the page says %s", said)
	}
	if said := shown.Find("#services").Text(); !strings.Contains(said, "Let Bango know 2 services by user-9") {
		t.Errorf("the page says %s", said)
	}
	b.get("/search?q=user-1").leadsTo(t, p.onCustomer(""))
	again := b.get(p.onCustomer("/identifier")).page(t).Find("form:has(#once-more)")
	more := url.Values{"customer_identifier": {again.Find("input[name=customer_identifier]").AttrOr("value", "")}, "form_token": {again.Find("input[name=form_token]").AttrOr("value", "")}}
	b.post(p.onCustomer("/identifier"), more).must(t, http.StatusSeeOther)
	if _, n := p.newest(e); n != 3 {
		t.Errorf("asked once more, there are %d requests", n)
	}
	if clash := b.post("/customers", url.Values{"customer_identifier": {"user-1"}}).must(t, http.StatusConflict); !strings.Contains(clash.body, p.customer.ID) {
		t.Error("the page does not lead to who had the identifier")
	}
}
