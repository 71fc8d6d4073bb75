package main

import (
	"path"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// What an agent does all day, counted: an interaction is a word typed with its Enter, a key, or a click.
func TestTheDeskIsQuick(t *testing.T) {
	b := startBrowser(t)
	d := startDemo(t)
	staff := b.tab("desk")
	staff.signInAs(d.portal, "sofia@demo.example")
	interactions := 0
	act := func(what string, steps ...step) { t.Helper(); interactions++; staff.do(what, steps...) }
	atMost := func(journey string, most int) {
		t.Helper()
		if interactions > most {
			t.Errorf("%s takes %d interactions, not %d", journey, interactions, most)
		}
		interactions = 0
	}

	// S1: "I want Bango Music." From the search to the copied link.
	act("find the customer", press("/"), typedInto(chromedp.CSS(`.find input`), "cust-0005"+kb.Enter), chromedp.WaitVisible(chromedp.CSS(`[data-key=n]`)))
	act("ask for a new one", press("n"), chromedp.WaitVisible(chromedp.CSS(`[data-narrows] input:focus`)))
	act("choose and send", typed("bango music"), press("Enter"), chromedp.WaitVisible(chromedp.CSS(`#choices input:checked:focus`)), press("Enter"),
		chromedp.WaitVisible(chromedp.CSS(`#signup-link`)))
	act("copy the link", press("y"), chromedp.WaitReady(`//*[@data-announce][.="Copied."]`))
	atMost("S1", 4)
	staff.status("PENDING")
	ref, link := path.Base(staff.address()), staff.attribute("#signup-link", "value")

	// S2: "The link does not work." The same short link, fresh behind it.
	act("get a fresh link", press("r"), chromedp.WaitReady(`//li[@data-event="answered"][contains(., "fresh registration link")]`))
	atMost("S2", 1)
	if again := staff.attribute("#signup-link", "value"); again != link {
		t.Errorf("the fresh link changed the signup link from %s to %s", link, again)
	}

	// S3: "Does it work?" The answer is on the page that the box opens, and a key copies it.
	staff.do("go home", chromedp.Navigate(d.portal), chromedp.WaitVisible(chromedp.CSS(`.find`)))
	act("type what the caller says", press("/"), typedInto(chromedp.CSS(`.find input`), strings.ToLower(ref)+kb.Enter), chromedp.WaitVisible(chromedp.CSS(`#state .sentence`)))
	atMost("S3", 1)
	if says := staff.text("#state"); !strings.Contains(says, "still has to sign up for Bango Music") || !strings.Contains(says, "checked") {
		t.Errorf("the answer is %q", says)
	}
	staff.do("copy the answer", press("c"), chromedp.WaitReady(`//*[@data-announce][.="Copied."]`))

	// The timeline narrowed, and live all the same.
	staff.do("narrow the timeline to staff", chromedp.Click(`//nav[contains(@class, "chips")]/a[.="Staff"]`), chromedp.WaitVisible(`//nav/a[@aria-current][.="Staff"]`))
	read(staff, "check from elsewhere", chromedp.Evaluate[int](`fetch(location.pathname + '/check', {method: 'POST', body: new URLSearchParams()}).then(r => r.status)`, chromedp.EvalAwaitPromise))
	staff.do("see that line come by itself", chromedp.WaitVisible(`//*[@id="timeline"]//li[@data-actor="staff"][contains(., "asked to check")]`))
	if strings.Contains(staff.text("#timeline"), "Automatic") {
		t.Errorf("the narrowed timeline shows %s", staff.text("#timeline"))
	}
	staff.everyLook("narrowed")
}

// typed are keys that go to whatever has the focus.
func typed(text string) step {
	var keys []step
	for _, key := range text {
		keys = append(keys, press(string(key)))
	}
	return chromedp.Steps(keys...)
}

// Create, cancel, revoke and undo with forms and links alone.
func TestTheDeskWithoutJavaScript(t *testing.T) {
	b := startBrowser(t)
	d := startDemo(t)
	staff := b.tab("desk-noscript", withoutScripts())
	staff.signInAs(d.portal, "sofia@demo.example")
	staff.ask("cust-0006", "Cloudpantry 200 GB")
	staff.status("ACTIVE")
	ref := path.Base(staff.address())
	end := func() {
		staff.do("go to the endings", chromedp.Click(chromedp.CSS(`#do-end`)), chromedp.WaitVisible(chromedp.CSS(`#revoke select`)))
	}
	end()
	staff.do("revoke", chromedp.SetValue(chromedp.CSS(`#revoke select`), "REVOKED/OTHER"), typedInto(chromedp.CSS(`#revoke input[name=confirm]`), ref),
		chromedp.Click(chromedp.CSS(`#revoke button`)), chromedp.WaitVisible(chromedp.CSS(`#held`)))
	staff.everyLook("revoke-waits")
	staff.do("undo it", chromedp.Click(chromedp.CSS(`#do-withdraw`)), chromedp.WaitVisible(chromedp.CSS(`[data-event=withdrawn]`)))
	staff.status("ACTIVE")
	end()
	staff.do("cancel", chromedp.SetValue(chromedp.CSS(`#cancel select`), "CUSTOMER_CANCELLED/NOT_RENEWED"), typedInto(chromedp.CSS(`#cancel input[name=reason_description]`), "moved abroad"),
		chromedp.Click(chromedp.CSS(`#cancel button`)), chromedp.WaitVisible(`//p[contains(., "Sofia cancelled it on")][contains(., "did not renew – moved abroad")]`))
	staff.screenshot("cancelled")
}
