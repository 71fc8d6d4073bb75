package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A supervisor filters the list by its form and by a chip, chooses columns that stay, gives the view a name, and sees a row change in its place.
func TestListInABrowser(t *testing.T) {
	b := startBrowser(t)
	d := startDemo(t)
	staff := b.tab("list")
	staff.signInAs(d.portal, "sofia@demo.example")
	staff.ask("cust-0003", "Bango Music")
	staff.status("PENDING")
	link := staff.attribute("#signup-link", "value")
	ref := strings.TrimPrefix(staff.address(), d.portal+"/entitlements/")

	staff.do("filter by the keyboard", chromedp.Navigate(d.portal+"/entitlements"), chromedp.WaitVisible(chromedp.CSS(`#list`)),
		chromedp.Focus(chromedp.CSS(`#filter summary`)), press("Enter"), chromedp.WaitVisible(chromedp.CSS(`#filter [name=q]`)),
		typedInto(chromedp.CSS(`#filter [name=product]`), "bango music"), typedInto(chromedp.CSS(`#filter [name=newer]`), "1d"+kb.Enter),
		chromedp.WaitVisible(`//a[contains(., "Product: “bango music”")]`))
	if at := staff.address(); at != d.portal+"/entitlements?newer=1d&product=bango+music" {
		t.Errorf("the filter is at %s", at)
	}
	staff.do("take one filter away", chromedp.Click(`//a[contains(., "Changed in the last 1 day")]`), chromedp.WaitNotPresent(`//a[contains(., "Changed in the last")]`))
	if at := staff.address(); at != d.portal+"/entitlements?product=bango+music" {
		t.Errorf("without the age it is at %s", at)
	}
	staff.do("choose columns", chromedp.Click(chromedp.CSS(`#columns summary`)), chromedp.Click(chromedp.CSS(`#columns [value=identifier]`)),
		chromedp.Click(chromedp.CSS(`#columns button`)), chromedp.WaitVisible(`//th[.="Identifier"]`))
	staff.do("name the view", chromedp.Click(chromedp.CSS(`#save summary`)), typedInto(chromedp.CSS(`#save [name=name]`), "Music"+kb.Enter),
		chromedp.WaitVisible(chromedp.CSS(`#views [aria-current]`)))
	staff.do("leave and come back by the view", chromedp.Navigate(d.portal+"/entitlements?status=REVOKED"), chromedp.WaitVisible(chromedp.CSS(`#views`)),
		chromedp.Click(`//nav[@id="views"]//a[contains(., "Music")]`), chromedp.WaitVisible(`//th[.="Identifier"]`))

	// The customer goes on to the merchant: the row is marked where it stands.
	place := func() string {
		return read(staff, "read the order", chromedp.Evaluate[string](`[...document.querySelectorAll('[data-row]')].map((row) => row.dataset.row).join(' ')`))
	}
	before := place()
	if !strings.Contains(before, ref) {
		t.Fatalf("%s is not in the view: %s", ref, before)
	}
	read(staff, "watch for the mark", chromedp.Evaluate[bool](`(() => { new MutationObserver((all) => { for (const m of all)
		if (m.target.matches?.('[data-row].changed')) window.marked = m.target.dataset.row; }).observe(document.body, { subtree: true, attributeFilter: ['class'] }); return true })()`))
	// Where rows can be acted on together, a row stays chosen while it changes, and a box is not the link.
	picks := read(staff, "look for boxes", chromedp.Evaluate[bool](`document.querySelector('form[action="/bulk"]') !== null`))
	if box := chromedp.CSS(`[data-row="` + ref + `"] [name=ref]`); picks {
		staff.do("choose the row", chromedp.Click(box), chromedp.WaitVisible(`//span[.="1 selected"]`))
	}
	customer := b.tab("list-customer")
	customer.do("sign up", chromedp.Navigate(link), chromedp.WaitVisible(chromedp.CSS(`form button`)), chromedp.Click(chromedp.CSS(`form button`)),
		chromedp.WaitVisible(chromedp.CSS(`button[value=finish]`)), chromedp.Click(chromedp.CSS(`button[value=finish]`)), chromedp.WaitNotPresent(chromedp.CSS(`button[value=finish]`)))
	staff.bringToFront()
	staff.do("see it ACTIVE", chromedp.WaitVisible(chromedp.CSS(`[data-row="`+ref+`"] [data-status=ACTIVE]`)))
	if after := place(); after != before {
		t.Errorf("rows moved: %s\n%s", before, after)
	}
	if marked := read(staff, "read the mark", chromedp.Evaluate[string](`window.marked ?? ''`)); marked != ref {
		t.Errorf("the row is not marked, but %q", marked)
	}

	if kept := read(staff, "read the choice", chromedp.Evaluate[bool](`document.activeElement.name === 'ref' && document.activeElement.checked`)); picks && !kept {
		t.Error("the row is not chosen any more, or the focus was lost")
	}

	file := staff.attribute(`a[download]`, "href")
	if status := read(staff, "take the file", inPage(`fetch(`+"`"+file+"`"+`).then(async (r) => r.status === 200 && (await r.text()).includes("`+ref+`,ACTIVE"))`)); !status {
		t.Errorf("%s has no line of %s", file, ref)
	}
	if response, err := http.Get(d.portal + file); err != nil || response.Request.URL.Path != "/login" {
		t.Errorf("the file is for anybody: %v, %v", response, err)
	} else {
		response.Body.Close()
	}
}

// inPage is a promise of the page's that comes to true or false.
func inPage(script string) chromedp.Action[bool] {
	return func(ctx context.Context, target *chromedp.Target) (bool, error) {
		return chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise)(ctx, target)
	}
}
