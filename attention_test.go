package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"latchkey/db"
	"latchkey/resale"
)

// What needs attention is told on every open page as it becomes so, put off by a person, and back by itself.
func TestAttentionIsLive(t *testing.T) {
	b := startBrowser(t)
	d := startDemo(t)
	files, err := filepath.Glob(filepath.Join(d.temp, "*", "latchkey.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	store, err := db.Open(t.Context(), files[0], func(resale.Change) {}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	lives, err := store.ListEntitlements(t.Context(), resale.EntitlementFilter{Status: resale.Active, Limit: 2})
	if err != nil || len(lives) != 2 {
		t.Fatalf("%d are active, %v", len(lives), err)
	}
	staff := b.tab("attention")
	staff.signIn(d.portal)
	number := func(what string, n int) {
		t.Helper()
		staff.do(what, chromedp.WaitVisible(fmt.Sprintf(`//*[@id="needs"]/b[text()="%d"]`, n)))
	}
	staff.do("look at a page of something else", chromedp.Navigate(d.portal+"/entitlements/"+lives[1].Ref), chromedp.WaitVisible(chromedp.CSS("#needs b")))
	n, err := strconv.Atoi(staff.text("#needs b"))
	if err != nil || n == 0 {
		t.Fatalf("the header says %d, %v", n, err)
	}
	read(staff, "leave a mark in the page", chromedp.Evaluate[bool](`window.neverReloaded = true`))
	said, err := http.PostForm(d.sandbox+"/entitlement", url.Values{"id": {lives[0].BangoID}, "action": {"fail"}})
	if err != nil || said.StatusCode != http.StatusOK {
		t.Fatalf("the sandbox says %v, %v", said, err)
	}
	said.Body.Close()
	number("see one more", n+1)
	if !read(staff, "look for the mark", chromedp.Evaluate[bool](`window.neverReloaded === true`)) {
		t.Error("the number followed only after a reload")
	}

	staff.do("go there", chromedp.Click(chromedp.CSS("#needs")), chromedp.WaitVisible(chromedp.CSS(`[data-kind=failed]`)))
	staff.everyLook("queue")
	staff.do("walk to the first line", press("j"), chromedp.WaitVisible(chromedp.CSS(`tbody tr:first-child a.whole:focus`)))
	if exact := read(staff, "read the age", chromedp.Evaluate[string](`getComputedStyle(document.querySelector('tbody time'), '::after').content`)); len(exact) < 20 {
		t.Errorf("with the focus in its row the exact time is %s", exact)
	}
	staff.do("put it off", chromedp.Click(chromedp.CSS(`[data-kind=failed] .plain.button`)), chromedp.WaitVisible(chromedp.CSS(`select[name=for]`)),
		typedInto(chromedp.CSS(`form[action$="/snooze"] input[name=reason]`), "the merchant is looking"), press("Enter"),
		chromedp.WaitVisible(chromedp.CSS(`.chips`)))
	number("see it go", n)
	staff.do("see that it is gone", chromedp.WaitNotPresent(chromedp.CSS(`[data-kind=failed]`)))

	// As if its time were over.
	err = store.Write(t.Context(), func(ctx context.Context, tx resale.Tx) error {
		before, err := tx.LockAttention(ctx, lives[0].ID)
		if err != nil {
			return err
		}
		after := before
		after.Until, after.Due = time.Now().UTC().Truncate(time.Second), time.Now().UTC().Truncate(time.Second)
		return tx.SaveAttention(ctx, before, after)
	})
	if err != nil {
		t.Fatal(err)
	}
	number("see it come back", n+1)

	for _, close := range []string{`document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}))`, `document.querySelector('h1').click()`} {
		staff.do("open the menu", chromedp.Click(chromedp.CSS("#menu > summary")), chromedp.WaitVisible(chromedp.CSS(`#menu nav [href="/reconciliation"]`)))
		read(staff, "close it", chromedp.Evaluate[bool](close+`, true`))
		staff.do("see it closed", chromedp.WaitReady(chromedp.CSS("#menu:not([open])")))
	}
	staff.do("sign out", chromedp.Click(chromedp.CSS("#person > summary")), chromedp.Click(chromedp.CSS("#person form button")),
		chromedp.WaitVisible(chromedp.CSS("input[name=password]")))
}
