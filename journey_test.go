package main

import (
	"fmt"
	"net/http"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The main job in a real browser: from a customer's call to ACTIVE on the open page, by keyboard where staff would use it.
func TestJourney(t *testing.T) {
	b := startBrowser(t)
	d := startDemo(t)

	staff := b.tab("journey-staff")
	staff.signIn(d.portal)
	staff.everyLook("home")

	staff.do("find the customer", press("/"), typedInto(chromedp.CSS(`.find input`), "zoe example"+kb.Enter),
		chromedp.WaitVisible(`//h1[text()="Zoë Example"]`))
	staff.everyLook("customer")
	staff.do("press n", press("n"), chromedp.WaitVisible(chromedp.CSS(`#choices`)))
	staff.everyLook("new-entitlement")
	staff.do("narrow the list and choose", typedInto(chromedp.CSS(`[data-narrows] input`), "bango"), press("Enter"),
		chromedp.WaitVisible(chromedp.CSS(`#choices input:checked`)), press("Enter"))
	staff.status("PENDING")
	staff.everyLook("pending")
	link := staff.attribute("#signup-link", "value")
	read(staff, "leave a mark in the page", chromedp.Evaluate[bool](`window.neverReloaded = true`))
	if !strings.HasPrefix(link, d.portal+"/s/") {
		t.Fatalf("the signup link is %q", link)
	}

	customer := b.tab("journey-customer", chromedp.EmulateViewport(390, 844))
	customer.do("open the link", chromedp.Navigate(link), chromedp.WaitVisible(chromedp.CSS(`form button`)))
	said := customer.text("main")
	for _, must := range []string{"Bango Music", demoReseller, "Continue"} {
		if !strings.Contains(said, must) {
			t.Errorf("the end user's page does not say %q: %s", must, said)
		}
	}
	for _, mustNot := range []string{"Zoë", "cust-0001", "7700", "@"} {
		if strings.Contains(said, mustNot) {
			t.Errorf("the end user's page shows %q, which is personal: %s", mustNot, said)
		}
	}
	customer.everyLook("signup")
	// A second page of the same link, left open: it must turn to done by itself.
	waiting := b.tab("journey-waiting", chromedp.EmulateViewport(390, 844))
	waiting.do("open the link once more", chromedp.Navigate(link), chromedp.WaitVisible(chromedp.CSS(`form button`)))

	customer.bringToFront()
	customer.do("continue to the merchant", chromedp.Click(chromedp.CSS(`form button`)), chromedp.WaitVisible(chromedp.CSS(`button[value=finish]`)))
	if at := customer.address(); !strings.HasPrefix(at, d.sandbox+"/merchant/BANGO/register/") {
		t.Fatalf("the customer was led to %s", at)
	}
	customer.everyLook("merchant")
	staff.bringToFront()
	staff.do("see that the customer went on", chromedp.WaitVisible(chromedp.CSS(`[data-event=continued]`)))
	customer.bringToFront()
	customer.do("sign up", chromedp.Click(chromedp.CSS(`button[value=finish]`)), chromedp.WaitNotPresent(chromedp.CSS(`button[value=finish]`)))
	customer.screenshot("signed-up")

	staff.bringToFront()
	staff.status("ACTIVE")
	if !read(staff, "look for the mark", chromedp.Evaluate[bool](`window.neverReloaded === true`)) {
		t.Error("the page showed ACTIVE only after a reload")
	}
	staff.do("see the notification on the timeline", chromedp.WaitVisible(chromedp.CSS(`[data-event=notified]`)))
	staff.everyLook("active")
	waiting.bringToFront()
	waiting.do("see that it is done", chromedp.WaitVisible(chromedp.CSS(`[data-status=ACTIVE]`)))
	if said := waiting.text("main"); !strings.Contains(said, "all set") {
		t.Errorf("the end user's page says: %s", said)
	}
	waiting.everyLook("done")

	staff.bringToFront()
	staff.do("read the evidence", chromedp.Click(`//a[text()="request and reply"]`), chromedp.WaitVisible(chromedp.CSS(`pre`)))
	if said := staff.text("main"); !strings.Contains(said, "CLIENT_ACTION_REQUIRED") || strings.Contains(said, sandboxPassword) {
		t.Errorf("the evidence is: %s", said)
	}
	staff.screenshot("evidence")
	for step, path := range map[string]string{"list": "/entitlements", "inbox": "/notifications", "catalogue": "/catalogue", "customers": "/customers",
		"search": "/search?q=mar", "nothing-found": "/search?q=nobody-at-all"} {
		staff.do("look at "+path, chromedp.Navigate(d.portal+path), chromedp.WaitVisible(chromedp.CSS("h1")))
		staff.everyLook(step)
	}
}

// signIn signs the sample agent in and shows the start page.
func (t *tab) signIn(portal string) { t.t.Helper(); t.signInAs(portal, demoStaff[0].Email) }

func (t *tab) signInAs(portal, email string) {
	t.t.Helper()
	t.do("open the portal", chromedp.Navigate(portal), chromedp.WaitVisible(chromedp.CSS(`input[name=password]`)))
	t.screenshot("sign-in")
	t.do("sign in", typedInto(chromedp.CSS(`input[name=email]`), email),
		typedInto(chromedp.CSS(`input[name=password]`), demoPassword+kb.Enter), chromedp.WaitVisible(chromedp.CSS(`.find`)))
}

// open finds a customer and opens the form for a new entitlement.
func (t *tab) open(customer string) {
	t.t.Helper()
	t.do("find "+customer, chromedp.SetValue(chromedp.CSS(`.find input`), customer), chromedp.Submit(chromedp.CSS(`.find`)),
		chromedp.WaitVisible(`//a[starts-with(normalize-space(.), "New entitlement")]`), chromedp.Click(`//a[starts-with(normalize-space(.), "New entitlement")]`),
		chromedp.WaitVisible(chromedp.CSS(`#choices`)))
}

func (t *tab) choose(product string) {
	t.t.Helper()
	t.do("choose "+product, chromedp.Click(fmt.Sprintf(`//label[span[1][normalize-space(.)=%q]][not(contains(., "with "))]`, product)),
		chromedp.WaitReady(chromedp.CSS(`#choices :checked`)))
}

func (t *tab) send() {
	t.t.Helper()
	t.do("send the form", chromedp.Click(chromedp.CSS(`.send button`)), chromedp.WaitVisible(chromedp.CSS(`h1 + .badge`)))
}

// ask asks for a product for a customer and shows the entitlement.
func (t *tab) ask(customer, product string) {
	t.t.Helper()
	t.open(customer)
	t.choose(product)
	t.send()
}

// The same journey without JavaScript: forms and links do all of it; a reload shows what changed.
func TestJourneyWithoutJavaScript(t *testing.T) {
	b := startBrowser(t)
	d := startDemo(t)

	staff := b.tab("noscript-staff", withoutScripts())
	staff.signIn(d.portal)
	staff.ask("cust-0002", "Bango Music")
	staff.status("PENDING")
	staff.screenshot("pending")
	link := staff.attribute("#signup-link", "value")

	customer := b.tab("noscript-customer", withoutScripts(), chromedp.EmulateViewport(390, 844))
	customer.do("open the link and continue", chromedp.Navigate(link), chromedp.Click(chromedp.CSS(`form button`)),
		chromedp.WaitVisible(chromedp.CSS(`button[value=finish]`)))
	customer.do("sign up", chromedp.Click(chromedp.CSS(`button[value=finish]`)), chromedp.WaitNotPresent(chromedp.CSS(`button[value=finish]`)))

	// Bango's notification is on its way; a person reloads until it is there.
	staff.bringToFront()
	status := ""
	for range 50 {
		staff.do("reload", chromedp.Reload())
		if status = staff.attribute("h1 + .badge", "data-status"); status == "ACTIVE" {
			break
		}
	}
	if status != "ACTIVE" {
		t.Errorf("after the sign-up the page says %s", status)
	}
	staff.screenshot("active")
	customer.do("open the link again", chromedp.Navigate(link), chromedp.WaitVisible(chromedp.CSS(`[data-status=ACTIVE]`)))
	customer.screenshot("done")
}

// Active at once, refused with Bango's words, declined, and the same form twice.
func TestOtherOutcomes(t *testing.T) {
	b := startBrowser(t)
	d := startDemo(t)
	staff := b.tab("outcomes")
	staff.signIn(d.portal)

	staff.ask("cust-0003", "Cloudpantry 200 GB")
	staff.status("ACTIVE")
	staff.everyLook("active-at-once")

	staff.ask("cust-0003", "Courier Daily")
	staff.status("REFUSED")
	refused := staff.text(".note.bad")
	if !strings.Contains(refused, "Bango said") || len(refused) < 80 {
		t.Errorf("the refusal says: %s", refused)
	}
	staff.everyLook("refused")

	staff.open("cust-0003")
	staff.choose("Lumenreel Plus")
	first := read(staff, "send the form twice", chromedp.Evaluate[string](`fetch('/entitlements', {method: 'POST',
		body: new URLSearchParams(new FormData(document.querySelector('main form')))}).then(r => r.url)`, chromedp.EvalAwaitPromise))
	staff.send()
	staff.status("PENDING")
	if second := staff.address(); second != first || first == "" {
		t.Errorf("the same form led to %s and %s", first, second)
	}

	link := staff.attribute("#signup-link", "value")
	customer := b.tab("declines", chromedp.EmulateViewport(390, 844))
	customer.do("decline at the merchant", chromedp.Navigate(link), chromedp.Click(chromedp.CSS(`form button`)),
		chromedp.Click(chromedp.CSS(`button[value=decline]`)), chromedp.WaitNotPresent(chromedp.CSS(`button[value=decline]`)))
	staff.bringToFront()
	staff.status("CANCELLED")
	staff.everyLook("declined")
}

// The whole life of an entitlement, as a supervisor takes it through: a fresh link, suspended, resumed, cancelled, revoked.
func TestLife(t *testing.T) {
	b := startBrowser(t)
	d := startDemo(t)
	staff := b.tab("life")
	staff.signInAs(d.portal, "sofia@demo.example")
	staff.ask("cust-0004", "Bango Music")
	staff.status("PENDING")
	link := staff.attribute("#signup-link", "value")
	staff.do("ask for a fresh link", chromedp.Click(chromedp.CSS(`#do-refresh`)), chromedp.WaitReady(`//li[@data-event="answered"][contains(., "fresh registration link")]`))
	staff.everyLook("fresh-link")
	if again := staff.attribute("#signup-link", "value"); again != link {
		t.Errorf("the fresh link changed the signup link from %s to %s", link, again)
	}

	customer := b.tab("life-customer", chromedp.EmulateViewport(390, 844))
	customer.do("sign up", chromedp.Navigate(link), chromedp.Click(chromedp.CSS(`form button`)), chromedp.Click(chromedp.CSS(`button[value=finish]`)),
		chromedp.WaitNotPresent(chromedp.CSS(`button[value=finish]`)))
	staff.bringToFront()
	staff.status("ACTIVE")

	staff.do("suspend", chromedp.Click(chromedp.CSS(`#do-suspend`)))
	staff.status("SUSPENDED")
	staff.everyLook("suspended")
	staff.do("resume", chromedp.Click(chromedp.CSS(`#do-resume`)))
	staff.status("ACTIVE")

	staff.do("change its name and expiry", chromedp.Click(chromedp.CSS(`#do-update`)), chromedp.WaitVisible(chromedp.CSS(`input[name=display_name]`)),
		chromedp.SetValue(chromedp.CSS(`input[name=display_name]`), "Music for Zoë"), chromedp.SetValue(chromedp.CSS(`input[name=date_expiry]`), "2031-05-06T07:08"),
		chromedp.Click(chromedp.CSS(`main form[action$="/update"] button`)), chromedp.WaitReady(`//li[@data-event="answered"][contains(., "it is changed")]`))
	staff.status("ACTIVE")
	if facts := staff.text("#facts"); !strings.Contains(facts, "Music for Zoë") || !strings.Contains(facts, "2031") {
		t.Errorf("the page does not show what was changed: %s", facts)
	}
	staff.everyLook("changed")

	staff.do("go to the endings by keyboard", press("x"), chromedp.WaitVisible(chromedp.CSS(`#cancel select`)))
	staff.everyLook("endings")
	staff.do("cancel", chromedp.SetValue(chromedp.CSS(`#cancel select`), "CUSTOMER_CANCELLED/NOT_RENEWED"),
		typedInto(chromedp.CSS(`#cancel input[name=reason_description]`), "moved abroad"), chromedp.Click(chromedp.CSS(`#cancel button`)))
	staff.status("ACTIVE-ENDING")
	if said := staff.text("#timeline"); !strings.Contains(said, "moved abroad") {
		t.Errorf("the timeline does not tell why: %s", said)
	}
	staff.everyLook("ending")
	staff.do("take the cancellation back", chromedp.Click(chromedp.CSS(`#do-undo`)))
	staff.status("ACTIVE")

	ref := path.Base(staff.address()) // the page changes by itself just now
	revoke := func() {
		staff.do("revoke", press("x"), chromedp.WaitVisible(chromedp.CSS(`#revoke select`)),
			chromedp.SetValue(chromedp.CSS(`#revoke select`), "REVOKED/ACCOUNT_TERMINATED"), typedInto(chromedp.CSS(`#revoke input[name=confirm]`), strings.ToLower(ref)),
			chromedp.Click(chromedp.CSS(`#revoke button`)), chromedp.WaitVisible(chromedp.CSS(`#held time[data-age=down]`)))
	}
	revoke()
	staff.everyLook("revoke-waits")
	staff.do("undo it by keyboard", press("u"), chromedp.WaitReady(chromedp.CSS(`[data-event=withdrawn]`)), chromedp.WaitNotPresent(chromedp.CSS(`#held`)))
	staff.status("ACTIVE")
	revoke() // and let the ten seconds pass
	staff.status("REVOKED")
	staff.everyLook("revoked")
	customer.bringToFront()
	customer.do("see that it has ended", chromedp.Navigate(link), chromedp.WaitVisible(chromedp.CSS(`[data-status=REVOKED]`)))
	customer.screenshot("ended")
}

func TestTheDemoLeavesNothingBehind(t *testing.T) {
	for _, keep := range []bool{false, true} {
		flags := []string{}
		if keep {
			flags = append(flags, "--keep")
		}
		d := startDemo(t, flags...)
		if resp, err := http.Get(d.portal + "/readyz"); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("the demo is not ready: %v", err)
		}
		if exit, errs := d.stop(); exit != 0 || errs != "" {
			t.Errorf("the demo ended with %d and said %q", exit, errs)
		}
		if left, _ := os.ReadDir(d.temp); (len(left) > 0) != keep {
			t.Errorf("with --keep=%v the demo left %d folders behind", keep, len(left))
		}
	}
}
