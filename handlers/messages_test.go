package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"latchkey/resale"
)

func TestACustomerIsWrittenToInOneClick(t *testing.T) {
	p := openPortal(t, with{emails: true})
	e := p.settled(resale.Pending)
	agent := p.as(resale.Agent)
	form := agent.get("/entitlements/"+e.Ref).must(t, http.StatusOK).page(t).Find(`form[action="/entitlements/` + e.Ref + `/send"]`)
	if form.Find("button").Length() != 1 || form.Find("button").AttrOr("name", "") != "channel" {
		t.Fatalf("the page has no button that sends: %s", form.Text())
	}
	fields := url.Values{"channel": {"email"}, "occasion": {form.Find("[name=occasion] [selected]").AttrOr("value", "")},
		"language": {form.Find("[name=language] [selected]").AttrOr("value", "")}, "form_token": {form.Find("[name=form_token]").AttrOr("value", "")}}
	for range 3 {
		agent.post("/entitlements/"+e.Ref+"/send", fields).leadsTo(t, "/entitlements/"+e.Ref)
	}
	fields.Set("language", "fr") // the same form, changed: another message
	agent.post("/entitlements/"+e.Ref+"/send", fields).leadsTo(t, "/entitlements/"+e.Ref)
	page := agent.get("/entitlements/" + e.Ref).page(t)
	if n := page.Find("[data-event=message]").Length(); n != 2 {
		t.Errorf("%d messages on the timeline: %s", n, page.Find("#timeline").Text())
	}
	if language := page.Find("#send [name=language] [selected]").AttrOr("value", ""); language != "fr" {
		t.Errorf("next time, the language is %q", language)
	}
	if token := page.Find("#send [name=form_token]").AttrOr("value", ""); token == fields.Get("form_token") || token == "" {
		t.Error("nothing more can be sent")
	}
	if page = p.as(resale.Viewer).get("/entitlements/" + e.Ref).page(t); page.Find("#send").Length() != 0 {
		t.Error("a viewer is offered to send")
	}
}

func TestWhatIsSentIsShownFirst(t *testing.T) {
	p := openPortal(t, with{})
	e := p.settled(resale.Pending)
	agent := p.as(resale.Agent)
	page := agent.get("/entitlements/"+e.Ref+"/send?occasion=reminder&language=ar").must(t, http.StatusOK).page(t)
	short := page.Find("#short")
	if short.AttrOr("dir", "") != "rtl" || !strings.Contains(short.Text(), p.address+"/s/"+e.SignupToken) || page.Find("button[value=email]").Length() != 0 ||
		!strings.Contains(page.Find("main").Text(), "LATCHKEY_SMTP_URL") {
		t.Errorf("the page: %s", page.Find("main").Text())
	}
	fields := url.Values{"channel": {"text"}, "occasion": {"reminder"}, "language": {"ar"}}
	agent.post("/entitlements/"+e.Ref+"/send", fields).leadsTo(t, "/entitlements/"+e.Ref)
	page = agent.get("/entitlements/" + e.Ref).page(t)
	if said := page.Find("[data-event=message]").Text(); !strings.Contains(said, "sent the customer a text by SMS or chat: a reminder with the signup link (ar)") {
		t.Errorf("the timeline says %q", said)
	}
	for _, tt := range []struct {
		field, value string
		status       int
		says         string
	}{
		{"channel", "email", http.StatusConflict, "LATCHKEY_SMTP_URL"}, {"channel", "pigeon", http.StatusUnprocessableEntity, "Choose whether"},
		{"occasion", "active", http.StatusConflict, "no occasion"}, {"occasion", "x", http.StatusNotFound, ""}, {"language", "xx", http.StatusNotFound, ""},
	} {
		fields := url.Values{"channel": {"text"}, "occasion": {"reminder"}, "language": {"ar"}, "form_token": {"0123456789abcdef"}}
		fields.Set(tt.field, tt.value)
		if got := agent.post("/entitlements/"+e.Ref+"/send", fields).must(t, tt.status); !strings.Contains(got.body, tt.says) {
			t.Errorf("%s=%s: %s", tt.field, tt.value, got.body)
		}
	}
	refused := p.settled(resale.Refused)
	if page := agent.get("/entitlements/"+refused.Ref+"/send").must(t, http.StatusOK).page(t); page.Find("main form").Length() != 0 {
		t.Error("there is something to tell of what was refused")
	}
}

func TestAdminsChangeTheTexts(t *testing.T) {
	p := openPortal(t, with{})
	admin := p.as(resale.Admin)
	fields := url.Values{"occasion": {"signup"}, "language": {"de"}, "subject": {"Los <b>"}, "email": {"Hallo {name},\r\n{link}"}, "short": {"{link}"}}
	const address = "/messages?language=de&occasion=signup"
	if page := admin.get(address).must(t, http.StatusOK).page(t); !strings.Contains(page.Find("pre").First().Text(), "Guten Tag Zoë Example,") || page.Find(`form[action="/messages/reset"]`).Length() != 0 {
		t.Errorf("the page: %s", page.Find("main").Text())
	}
	admin.post("/messages", fields).leadsTo(t, address)
	page := admin.get(address).page(t)
	if page.Find("pre").First().Text() != "Hallo Zoë Example,\n"+p.address+"/s/K3QV7M2XWZ5RT9ACDEFGHJKLMN" || page.Find("main b").Length() != 0 {
		t.Errorf("the example is %q", page.Find("pre").First().Text())
	}
	fields.Set("short", "{link} {phone}")
	page = admin.post("/messages", fields).must(t, http.StatusUnprocessableEntity).page(t)
	if says := page.Find(".error").Text(); !strings.Contains(says, "{phone}") || page.Find("label.wrong [name=short]").Text() != "{link} {phone}" {
		t.Errorf("the page says %q, and what was typed is %q", says, page.Find("[name=short]").Text())
	}
	admin.post("/messages", url.Values{"occasion": {"signup"}, "language": {"de"}}).must(t, http.StatusUnprocessableEntity)
	admin.post("/messages", url.Values{"occasion": {"x"}, "language": {"de"}, "subject": {"x"}}).must(t, http.StatusNotFound)
	admin.get("/messages?language=xx").must(t, http.StatusNotFound)
	admin.post("/messages/reset", fields).leadsTo(t, address)
	if page := admin.get(address).page(t); !strings.Contains(page.Find("pre").First().Text(), "Guten Tag") {
		t.Errorf("after going back: %s", page.Find("main").Text())
	}
}
