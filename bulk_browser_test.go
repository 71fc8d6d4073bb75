package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A set is pasted, judged, confirmed by the number and run, and the open page follows by itself; then the same without JavaScript.
func TestBulkInTheBrowser(t *testing.T) {
	b := startBrowser(t)
	d := startDemo(t)

	staff := b.tab("bulk")
	staff.signInAs(d.portal, demoStaff[2].Email)
	staff.do("find some that are active", chromedp.Navigate(d.portal+"/entitlements?status=ACTIVE"), chromedp.WaitVisible(chromedp.CSS(`tr[data-row]`)))
	refs := strings.Fields(read(staff, "read their references", chromedp.Evaluate[string](
		`[...document.querySelectorAll('tr[data-row]')].filter((row) => row.textContent.includes('Cloudpantry')).slice(0, 3).map((row) => row.dataset.row).join(' ')`)))
	if len(refs) != 3 {
		t.Fatalf("there are %q", refs)
	}
	set := strings.Join(refs, ", ") + " " + refs[0] + " nobody"
	staff.do("open the bulk page", chromedp.Click(chromedp.CSS(`#menu summary`)), chromedp.Click(`//nav//a[text()="Bulk"]`), chromedp.WaitVisible(chromedp.CSS(`form.bulk`)))
	if read(staff, "look for the reason", chromedp.Evaluate[bool](`document.querySelector('.bulk [name=reason]').checkVisibility()`)) {
		t.Error("a reason is asked for although no ending is chosen")
	}
	staff.everyLook("empty")
	staff.do("paste a set and start", typedInto(chromedp.CSS(`select[name=act]`), "Suspend"), typedInto(chromedp.CSS(`textarea[name=refs]`), set),
		chromedp.Click(chromedp.CSS(`#do-dry-run`)), chromedp.WaitVisible(chromedp.CSS(`#do-confirm`)))
	staff.do("see the rows", chromedp.WaitVisible(chromedp.CSS(`[data-verdict=twice]`)))
	staff.everyLook("dry-run")
	staff.do("type the number", typedInto(chromedp.CSS(`input[name=count]`), "3"+kb.Enter),
		chromedp.WaitVisible(chromedp.CSS(`#progress progress`)))
	read(staff, "leave a mark in the page", chromedp.Evaluate[bool](`window.neverReloaded = true`))
	staff.screenshot("running")
	staff.do("see it finish", chromedp.WaitVisible(chromedp.CSS(`#progress[data-state=finished]`)), chromedp.WaitVisible(chromedp.CSS(`[data-event=bulk_finished]`)))
	if !read(staff, "look for the mark", chromedp.Evaluate[bool](`window.neverReloaded === true`)) {
		t.Error("the page showed the end only after a reload")
	}
	if n := read(staff, "count the outcomes", chromedp.Evaluate[int](`document.querySelectorAll('[data-outcome=done] [data-status=SUSPENDED]').length`)); n != 3 {
		t.Errorf("%d rows are done and show SUSPENDED", n)
	}
	staff.everyLook("finished")
	staff.do("look at one of them", chromedp.Navigate(d.portal+"/entitlements/"+refs[0]), chromedp.WaitVisible(chromedp.CSS(`.timeline`)))
	if said := staff.text(".timeline"); !strings.Contains(said, "asked Bango to suspend it, in bulk job 1") {
		t.Errorf("its timeline says %s", said)
	}

	plain := b.tab("bulk-noscript", withoutScripts())
	plain.do("paste a set and start", chromedp.Navigate(d.portal+"/bulk"), chromedp.WaitVisible(chromedp.CSS(`form.bulk`)),
		typedInto(chromedp.CSS(`select[name=act]`), "Resume"), typedInto(chromedp.CSS(`textarea[name=refs]`), set),
		chromedp.Click(chromedp.CSS(`#do-dry-run`)), chromedp.WaitVisible(chromedp.CSS(`#progress`)))
	job := plain.address()
	follow := func(what, selector string) { // the page reloads by itself, a person does so sooner
		t.Helper()
		for range 40 {
			plain.do(what, chromedp.Navigate(job), chromedp.WaitVisible(chromedp.CSS(`#progress`)))
			if found := read(plain, what, chromedp.Nodes(chromedp.CSS(selector), chromedp.AtLeast(0))); len(found) > 0 {
				return
			}
		}
		t.Fatalf("%s: %s", what, plain.text("main"))
	}
	follow("wait for the dry run", `#do-confirm`)
	plain.do("type the number", typedInto(chromedp.CSS(`input[name=count]`), "3"+kb.Enter), chromedp.WaitVisible(chromedp.CSS(`#progress progress`)))
	follow("wait for the end", `#progress[data-state=finished]`)
	plain.do("look at the jobs", chromedp.Navigate(d.portal+"/bulk"), chromedp.WaitVisible(chromedp.CSS(`#jobs`)))
	plain.screenshot("jobs")
}
