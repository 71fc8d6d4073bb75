package main

import (
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// hand is a way to use a page. What is done is the same, and so is what must be seen afterwards.
type hand interface {
	find(words string)                       // types into the one box, and sends it
	press(selector string)                   // a link or a button
	fill(selector, text string)              // a field
	choose(product string)                   // one of the products
	option(selector, value string)           // one of a list
	send(selector string)                    // the form that a field is in
	take(button, selector, attribute string) // what is to be told to somebody: by the button, or from where it stands
	sees(what, xpath string)                 // waits until the page shows it
}

func TestCoreTasksByKeyboardAlone(t *testing.T) {
	b := startBrowser(t)
	d := startDemo(t)
	staff := b.tab("keyboard")
	staff.signIn(d.portal)
	coreTasks(b, staff, &keyboard{tab: staff})
}

func TestCoreTasksWithoutJavaScript(t *testing.T) {
	b := startBrowser(t)
	d := startDemo(t)
	staff := b.tab("tasks-noscript", withoutScripts())
	staff.signIn(d.portal)
	coreTasks(b, staff, plain{staff})
}

// coreTasks are what an agent's day consists of.
func coreTasks(b *browser, s *tab, h hand) {
	s.t.Helper()
	badge := func(status string) string { return fmt.Sprintf(`//h1/following-sibling::*[@data-status=%q]`, status) }
	event := func(kind, words string) string {
		return fmt.Sprintf(`//*[@id="timeline"]//li[@data-event=%q][contains(., %q)]`, kind, words)
	}
	create := func(product, status string) (ref string) {
		h.find("cust-0007")
		h.sees("the customer", `//*[@id="contact"][contains(., "cust-0007")]`)
		h.press(`#who a[href^="/entitlements/new"]`)
		h.sees("the products", `//*[@id="choices"]`)
		h.choose(product)
		h.send(`#choices :checked`)
		h.sees("the new entitlement", badge(status))
		h.sees("who asked", event("requested", "Ana"))
		return path.Base(s.address())
	}

	// A new entitlement, and its link for the customer.
	music := create("Bango Music", "PENDING")
	h.take(`[data-copy-from=signup-link]`, `#signup-link`, "value")
	link := s.attribute("#signup-link", "value")

	// A fresh link behind it.
	h.find(music)
	h.sees("the entitlement", badge("PENDING"))
	h.press(`#fresh-link`)
	h.sees("the answer", event("answered", "fresh registration link"))
	h.sees("the status as it was", badge("PENDING"))
	if again := s.attribute("#signup-link", "value"); again != link || link == "" {
		s.t.Errorf("the fresh link changed the signup link from %q to %q", link, again)
	}

	// "Does it work?"
	h.find(strings.ToLower(music))
	h.sees("the answer", `//*[@id="state"]//p[contains(., "still has to sign up for Bango Music")]`)
	h.take(`#state [data-copy]`, `#state .sentence`, "")

	// The customer signs up.
	customer := b.tab(s.name + "-customer")
	customer.do("sign up", chromedp.Navigate(link), chromedp.Click(chromedp.CSS(`form button`)), chromedp.Click(chromedp.CSS(`button[value=finish]`)),
		chromedp.WaitNotPresent(chromedp.CSS(`button[value=finish]`)))
	s.bringToFront()
	h.sees("the sign-up", badge("ACTIVE"))
	create("Cloudpantry 200 GB", "ACTIVE")

	// The customer does not pay, and later does.
	for _, w := range []struct{ button, reason, status, done string }{
		{"#suspend", "Did not pay", "SUSPENDED", "2 of 2 services are suspended"},
		{"#resume", "Has paid", "ACTIVE", "2 of 2 services are resumed"},
	} {
		h.find("cust-0007")
		h.sees("the customer", `//*[@id="services"][count(.//li[contains(@class, "card")])=2]`)
		h.press(w.button)
		h.sees("the services", `//input[@name="reason"]`)
		h.fill(`input[name=reason]`, w.reason)
		h.send(`input[name=reason]`)
		h.sees("what became of them", fmt.Sprintf(`//*[@id="result"][count(.//*[@data-status=%q])=2]//p[contains(., %q)]`, w.status, w.done))
		h.find(music)
		h.sees("it at the service", badge(w.status))
		h.sees("it on the timeline", event("requested", w.reason))
	}

	// "I do not want it any more."
	h.find(music)
	h.sees("the entitlement", badge("ACTIVE"))
	h.press(`#do-end`)
	h.sees("the endings", `//*[@id="cancel"]//select`)
	h.option(`#cancel select`, "CUSTOMER_CANCELLED/NOT_RENEWED")
	h.fill(`#cancel input[name=reason_description]`, "moved abroad")
	h.press(`#cancel button`)
	h.sees("that it ends", badge("ACTIVE-ENDING"))
	h.sees("why", event("requested", "moved abroad"))
}

// plain clicks on links and sends forms. There is no JavaScript: what changed is seen after a reload.
type plain struct{ *tab }

func (p plain) find(words string) { p.t.Helper(); p.fill(`.find input`, words); p.send(`.find input`) }

func (p plain) press(selector string) {
	p.t.Helper()
	p.leaves(func() { p.do("click on "+selector, chromedp.Click(chromedp.CSS(selector))) })
}

// leaves does what leads to another page, and returns once that is there: a page that was reloaded meanwhile would never have been left.
func (p plain) leaves(act func()) {
	p.t.Helper()
	read(p.tab, "mark the page", chromedp.Evaluate[bool](`window.here = true`))
	act()
	for deadline := time.Now().Add(tabTime); ; time.Sleep(20 * time.Millisecond) {
		left, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](`!window.here && document.readyState === 'complete'`))
		if err == nil && left {
			return
		}
		if time.Now().After(deadline) {
			p.must("leave the page", fmt.Errorf("it is still there: %v", err))
		}
	}
}

func (p plain) fill(selector, text string) {
	p.t.Helper()
	p.do("fill "+selector, chromedp.SetValue(chromedp.CSS(selector), text))
}

func (p plain) choose(product string) { p.t.Helper(); p.tab.choose(product) }

func (p plain) option(selector, value string) {
	p.t.Helper()
	p.do("choose "+value, chromedp.SetValue(chromedp.CSS(selector), value))
}

func (p plain) send(selector string) {
	p.t.Helper()
	if strings.HasPrefix(selector, ".find") {
		p.leaves(func() { p.do("send", typedInto(chromedp.CSS(selector), kb.Enter)) })
		return
	}
	p.press(`.send button`)
}

// take checks that the words stand where a person can mark them, and that no button is offered that would do nothing.
func (p plain) take(button, selector, attribute string) {
	p.t.Helper()
	const marked = `(() => { const e = document.querySelector(%q), style = getComputedStyle(e); if (style.userSelect === 'none' || !e.checkVisibility()) return '';
		if (e.select) { e.select(); return e.disabled ? '' : e.value.slice(e.selectionStart, e.selectionEnd); }
		getSelection().selectAllChildren(e); return getSelection().toString(); })()`
	want := ""
	if attribute != "" {
		want = p.attribute(selector, attribute)
	} else {
		want = p.text(selector)
	}
	if got := read(p.tab, "mark "+selector, chromedp.Evaluate[string](fmt.Sprintf(marked, selector))); got != want || want == "" {
		p.t.Errorf("%s has %q, of which one can mark %q", selector, want, got)
	}
	p.do("see no button that does nothing", chromedp.WaitNotVisible(chromedp.CSS(button)))
}

func (p plain) sees(what, xpath string) {
	p.t.Helper()
	for range 60 {
		if read(p.tab, "look for "+what, chromedp.Evaluate[bool](fmt.Sprintf(`document.readyState === 'complete' && document.evaluate(%q, document, null, XPathResult.BOOLEAN_TYPE, null).booleanValue`, xpath))) {
			return
		}
		p.do("reload", chromedp.Reload())
	}
	p.must("see "+what, fmt.Errorf("there is no %s", xpath))
}

// keyboard presses keys, which go to whatever has the focus, and nothing else.
type keyboard struct {
	*tab
	told map[string]bool // what was found to be wrong with a stop, so that it is told once
}

// stop is what the focus stands on.
type stop struct {
	Name  string `json:"name"`
	Fault string `json:"fault"`
	There bool   `json:"there"`
}

// whereIsTheFocus says what has the focus, whether it is the one that is looked for, and why a person could not see that it has it.
const whereIsTheFocus = `(() => {
	const e = document.activeElement;
	if (!e || e === document.body) return {name: 'the page'};
	const line = (of, part) => { const s = getComputedStyle(of, part); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1; };
	const [r] = e.getClientRects(), x = r && (Math.max(r.left, 0) + Math.min(r.right, innerWidth)) / 2, y = r && (Math.max(r.top, 0) + Math.min(r.bottom, innerHeight)) / 2;
	const over = r && document.elementFromPoint(x, y);
	const fault = !r || r.width < 2 || r.height < 2 || !e.checkVisibility({visibilityProperty: true, opacityProperty: true}) ? 'is not visible'
		: !over ? 'is out of sight' : !(over === e || e.contains(over) || over.contains(e)) ? 'is covered by ' + over.outerHTML.slice(0, 80)
		: line(e) || line(e, '::after') || line(e.parentElement) ? '' : 'has no outline';
	return {name: e.cloneNode().outerHTML.slice(0, 120) + ' ' + e.textContent.trim().slice(0, 30), fault, there: e.matches(%q)};
})()`

// tabTo presses Tab until the focus is on what is looked for. Every stop on the way must be seen to have it.
func (k *keyboard) tabTo(selector string) {
	k.t.Helper()
	var passed []string
	for range 80 {
		k.do("press Tab", chord(0, "Tab", 9))
		at := read(k.tab, "look at the focus", chromedp.Evaluate[stop](fmt.Sprintf(whereIsTheFocus, selector)))
		if told := at.Name + at.Fault; at.Fault != "" && !k.told[told] {
			if k.told == nil {
				k.told = map[string]bool{}
			}
			k.told[told] = true
			k.t.Errorf("at %s: with the focus, %s %s", k.address(), at.Name, at.Fault)
		}
		if at.There {
			return
		}
		passed = append(passed, at.Name)
	}
	k.must("tab to "+selector, fmt.Errorf("it was not reached, but these:\n%s", strings.Join(passed, "\n")))
}

// edit is a key with Control, which edits in a field.
func edit(key, command string, code int64) step {
	return send(input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeRawKeyDown, Key: key, Modifiers: 2, WindowsVirtualKeyCode: code, Commands: []string{command}})
}

func (k *keyboard) find(words string) {
	k.t.Helper()
	k.fill(`.find input`, words)
	k.do("send", press("Enter"))
}

func (k *keyboard) press(selector string) {
	k.t.Helper()
	k.tabTo(selector)
	k.do("press "+selector, press("Enter"))
}

func (k *keyboard) fill(selector, text string) {
	k.t.Helper()
	if !read(k.tab, "look at the focus", chromedp.Evaluate[bool](fmt.Sprintf(`document.activeElement.matches(%q)`, selector))) {
		k.tabTo(selector)
	}
	k.do("type "+text, edit("a", "selectAll", 65), typed(text))
}

// choose goes through the products by the arrows.
func (k *keyboard) choose(product string) {
	k.t.Helper()
	k.tabTo(`#choices input`)
	k.do("choose the first", chord(0, "ArrowDown", 40), chord(0, "ArrowUp", 38))
	k.arrowTo(product, `document.activeElement.closest('label').innerText.replace(/\s+/g, ' ').trim()`, func(now string) bool {
		return strings.HasPrefix(now, product) && !strings.Contains(now, " with ")
	})
}

func (k *keyboard) option(selector, value string) {
	k.t.Helper()
	k.tabTo(selector)
	k.arrowTo(value, `document.activeElement.value`, func(now string) bool { return now == value })
}

func (k *keyboard) arrowTo(what, script string, there func(now string) bool) {
	k.t.Helper()
	var passed []string
	for range 60 {
		now := read(k.tab, "look at the choice", chromedp.Evaluate[string](script))
		if there(now) {
			return
		}
		passed = append(passed, now)
		k.do("press the arrow", chord(0, "ArrowDown", 40))
	}
	k.must("choose "+what, fmt.Errorf("it was not reached, but these:\n%s", strings.Join(passed, "\n")))
}

// send presses Enter where the focus is, in the form.
func (k *keyboard) send(selector string) {
	k.t.Helper()
	k.do("send", chromedp.WaitReady(chromedp.CSS(selector+":focus")), press("Enter"))
}

// take copies, and looks at what was copied by pasting it.
func (k *keyboard) take(button, selector, attribute string) {
	k.t.Helper()
	k.press(button)
	k.do("see that it is copied", chromedp.WaitReady(`//*[@data-announce][.="Copied."]`))
	want := k.attribute(button, "data-copy")
	if attribute != "" {
		want = k.attribute(selector, attribute)
	} else if words := k.text(selector); !strings.Contains(want, words) {
		k.t.Errorf("%q is to be copied, without %q", want, words)
	}
	k.tabTo(`.find input`)
	k.do("paste", edit("a", "selectAll", 65), edit("v", "paste", 86))
	if got := read(k.tab, "read the box", chromedp.Value(chromedp.CSS(`.find input`))); got != want[:min(len(want), 200)] || want == "" {
		k.t.Errorf("copied is %q, not %q", got, want)
	}
}

func (k *keyboard) sees(what, xpath string) {
	k.t.Helper()
	k.do("see "+what, chromedp.WaitVisible(xpath))
	k.loaded()
}
