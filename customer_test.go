package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// A customer does not pay, and later does: both services are suspended and resumed in three interactions, live on every open page, and by links
// and forms alone where there is no JavaScript.
func TestSuspendSeveral(t *testing.T) {
	b := startBrowser(t)
	d := startDemo(t)
	staff := b.tab("several")
	staff.signIn(d.portal)
	staff.ask("cust-0005", "Cloudpantry 200 GB")
	staff.status("ACTIVE")
	staff.ask("cust-0005", "Bango Music")
	staff.status("PENDING")
	link := staff.attribute("#signup-link", "value")
	customer := b.tab("several-customer")
	customer.do("sign up", chromedp.Navigate(link), chromedp.Click(chromedp.CSS(`form button`)), chromedp.Click(chromedp.CSS(`button[value=finish]`)),
		chromedp.WaitNotPresent(chromedp.CSS(`button[value=finish]`)))
	staff.bringToFront()
	staff.status("ACTIVE")

	staff.do("go to the customer", chromedp.Click(chromedp.CSS(`#state a[href^="/customers/"]`)), chromedp.WaitVisible(chromedp.CSS(`#services .card`)))
	page := staff.address()
	staff.do("pin a note and add tags", press("a"), typedInto(chromedp.CSS(`#note-text:focus`), "Fraud hold: do not resume\nbefore October."),
		chromedp.Click(chromedp.CSS(`button[name=pin]`)), chromedp.WaitVisible(chromedp.CSS(`#pinned .note`)),
		typedInto(chromedp.CSS(`.tags input[name=tag]:not([type=hidden])`), "late payer, VIP\r"), chromedp.WaitVisible(`//ul[@id="tags"]//a[text()="VIP"]`))
	if said := staff.text("#pinned .note"); !strings.Contains(said, "do not resume\nbefore October") {
		t.Errorf("the banner says %q", said)
	}
	staff.everyLook("customer")
	colleague := b.tab("several-colleague")
	colleague.do("watch the customer", chromedp.Navigate(page), chromedp.WaitVisible(chromedp.CSS(`[data-connection][data-on]`)))
	read(colleague, "leave a mark in the page", chromedp.Evaluate[bool](`window.neverReloaded = true`))
	staff.bringToFront()

	interactions := 0
	act := func(what string, steps ...step) {
		t.Helper()
		interactions++
		staff.do(what, steps...)
	}
	act("press s", press("s"))
	act("say why", typedInto(chromedp.CSS(`input[name=reason]:focus`), "Did not pay"))
	if chosen := read(staff, "see what is chosen", chromedp.Evaluate[int](`document.querySelectorAll('input[name=service]:checked').length`)); chosen != 2 {
		t.Errorf("%d services are chosen", chosen)
	}
	staff.everyLook("suspend")
	act("press Enter", press("Enter"))
	staff.do("see both suspended", chromedp.WaitVisible(`//*[@id="result"][count(.//*[@data-status="SUSPENDED"])=2]//p[contains(., "2 of 2 services are suspended")]`))
	if interactions > 3 {
		t.Errorf("it took %d interactions", interactions)
	}
	staff.everyLook("suspended")
	colleague.bringToFront()
	colleague.do("see it on the page that was open", chromedp.WaitVisible(`//*[@id="services"][count(.//*[@data-status="SUSPENDED"])=2]`), chromedp.WaitVisible(chromedp.CSS(`#resume`)))
	if !read(colleague, "look for the mark", chromedp.Evaluate[bool](`window.neverReloaded === true`)) {
		t.Error("the page showed it only after a reload")
	}
	colleague.do("offer to resume them", press("u"), chromedp.WaitVisible(chromedp.CSS(`input[name=reason]`)))
	if chosen := read(colleague, "see what is chosen", chromedp.Evaluate[string](`[...document.querySelectorAll('input[name=service]')].map(i => i.checked).join()`)); chosen != "true,true" {
		t.Errorf("a resume has chosen %s", chosen)
	}
	colleague.everyLook("resume")
	colleague.do("resume them", press("Enter"), chromedp.WaitVisible(`//p[contains(., "2 of 2 services are resumed")]`))

	plain := b.tab("several-noscript", withoutScripts())
	plain.do("suspend without JavaScript", chromedp.Navigate(page), chromedp.Click(chromedp.CSS(`#suspend`)), chromedp.WaitVisible(chromedp.CSS(`input[name=reason]`)),
		typedInto(chromedp.CSS(`input[name=reason]`), "Did not pay again"), chromedp.Click(chromedp.CSS(`.send button`)), chromedp.WaitVisible(chromedp.CSS(`#result`)))
	for range 50 {
		if strings.Contains(plain.text("#result"), "2 of 2 services are suspended") {
			break
		}
		plain.do("reload", chromedp.Reload())
	}
	if said := plain.text("#result"); !strings.Contains(said, "2 of 2 services are suspended") {
		t.Errorf("without JavaScript the page says %s", said)
	}
	plain.do("see the banner", chromedp.Navigate(page), chromedp.WaitVisible(chromedp.CSS(`#pinned .note`)))

	// Another identifier: both services follow, and the old one still finds the customer.
	staff.bringToFront()
	staff.do("change the identifier", chromedp.Navigate(page), chromedp.Click(`//a[text()="Change identifier"]`), chromedp.WaitVisible(chromedp.CSS(`#fates`)))
	staff.everyLook("identifier")
	staff.do("send", typedInto(chromedp.CSS(`#change input[name=customer_identifier]`), "cust-9005"), press("Enter"),
		chromedp.WaitVisible(`//p[contains(., "2 of 2 services are known by the new identifier")]`))
	staff.everyLook("identifier-changed")
	staff.do("find by the former one", press("/"), typedInto(chromedp.CSS(`.find input`), "cust-0005\r"), chromedp.WaitVisible(`//*[@id="contact"][contains(., "formerly")]`))
}
