package main

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The one box by keyboard alone: suggestions, the actions of a page, the sheet of keys, and keys that are switched off.
func TestTheOneBoxByKeyboard(t *testing.T) {
	b := startBrowser(t)
	d := startDemo(t)
	s := b.tab("find")
	s.signIn(d.portal)
	box, option := chromedp.CSS(`.find input`), func(n string) string { return `//div[@id="found"]//*[@role="option"][` + n + `]` }

	s.do("find by a part of a name without its accents", press("/"), typedInto(box, "castane"), chromedp.WaitVisible(option(`contains(., "Castañeda")`)))
	s.everyLook("suggestions")
	if marked := s.text("#found mark"); marked != "Castañe" {
		t.Errorf("marked is %q", marked)
	}
	s.do("choose the second", typedInto(box, kb.ArrowDown+kb.ArrowDown))
	chosen := s.attribute(".find input", "aria-activedescendant")
	if chosen != "found-1" || s.attribute("#found-1", "aria-selected") != "true" || s.attribute("#found-0", "aria-selected") != "false" ||
		s.attribute(".find input", "aria-expanded") != "true" {
		t.Errorf("chosen is %q", chosen)
	}
	name := s.text("#found-1 > span")
	s.do("open "+name, press("Enter"), chromedp.WaitVisible(`//h1[text()="`+name+`"]`))

	s.loaded()
	s.do("run an action of the page", press("/"), typedInto(box, "new ent"), chromedp.WaitVisible(option(`contains(., "New entitlement")`)))
	s.everyLook("palette")
	s.do("with Enter", press("Enter"), chromedp.WaitVisible(chromedp.CSS(`#choices`)))
	s.loaded()
	s.do("go to a place", controlK(), typedInto(box, "recon"), chromedp.WaitVisible(option(`contains(., "g r")`)),
		press("Enter"), chromedp.WaitVisible(`//h1[contains(., "econciliation")]`))

	s.loaded()
	s.do("see what was opened last", press("/"), chromedp.WaitVisible(option(`contains(., "`+name+`")`)))
	s.everyLook("opened-last")
	s.do("close the list, then leave the box", typedInto(box, kb.Escape), chromedp.WaitNotVisible(chromedp.CSS(`#found`)), typedInto(box, kb.Escape))
	if read(s, "look at the focus", chromedp.Evaluate[bool](`document.activeElement.matches('.find input')`)) {
		t.Error("Escape does not leave the box")
	}
	s.do("ask for all hits", press("/"), typedInto(box, "castane"), chromedp.WaitVisible(option(`contains(., "Castañeda")`)), shiftEnter(),
		chromedp.WaitVisible(`//h1[contains(., "hits for")]`))
	s.loaded()
	s.do("walk to a row and open it", press("j"), press("j"), press("Enter"), chromedp.WaitVisible(`//h1[contains(., "Castañeda")]`))

	s.loaded()
	s.do("see the keys", press("?"), chromedp.WaitVisible(chromedp.CSS(`#sheet`)))
	s.everyLook("sheet")
	if said := s.text("#sheet"); !strings.Contains(said, "New entitlement") || !strings.Contains(said, "g h") {
		t.Errorf("the sheet says %q", said)
	}
	before := s.address()
	s.do("no key works below the sheet", press("g"), press("h"), chromedp.KeyEvent(kb.Escape), chromedp.WaitNotVisible(chromedp.CSS(`#sheet`)))
	s.do("type keys into the box", press("/"), press("?"), press("g"), press("h"))
	if value := read(s, "read the box", chromedp.Value(box)); value != "?gh" || s.address() != before || sheetIsOpen(s) {
		t.Errorf("keys in the box: %q, at %s, the sheet is open: %v", value, s.address(), sheetIsOpen(s))
	}

	s.do("switch the keys off", chromedp.Navigate(d.portal+"/keys"), chromedp.Click(chromedp.CSS(`form[action="/keys"] button`)),
		chromedp.WaitVisible(chromedp.CSS(`form[action="/keys"] button[value=on]`)))
	s.everyLook("keys")
	s.loaded()
	s.do("press them", press("?"), press("g"), press("h"), press("/"))
	if at := s.address(); at != d.portal+"/keys" || sheetIsOpen(s) || read(s, "look at the focus", chromedp.Evaluate[bool](`document.activeElement.matches('.find input')`)) {
		t.Errorf("keys work though they are switched off, at %s", at)
	}
	s.do("the box is reached all the same", controlK(), chromedp.WaitVisible(chromedp.CSS(`.find input:focus`)))
}

// loaded waits until the page's scripts have run, so that no key is pressed before anybody listens.
func (t *tab) loaded() {
	t.t.Helper()
	read(t, "load", chromedp.Poll[bool](`document.readyState === 'complete'`))
}

func sheetIsOpen(s *tab) bool {
	s.t.Helper()
	return read(s, "look at the sheet", chromedp.Evaluate[bool](`document.getElementById('sheet').open`))
}

func controlK() step { return chord(2, "k", 75) }

func shiftEnter() step { return chord(8, "Enter", 13) }

// chord is a key that is pressed with a modifier.
func chord(modifiers int64, key string, code int64) step {
	return chromedp.Steps(send(input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeRawKeyDown, Key: key, Modifiers: modifiers, WindowsVirtualKeyCode: code}),
		send(input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyUp, Key: key, Modifiers: modifiers, WindowsVirtualKeyCode: code}))
}
