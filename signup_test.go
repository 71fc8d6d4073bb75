package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"latchkey/db"
	"latchkey/resale"
)

// What an end user meets on a phone, with JavaScript and without: the link, the merchant, back, and done by itself; a link that has expired is
// refreshed on the way without their noticing.
func TestTheEndUsersJourney(t *testing.T) {
	b := startBrowser(t)
	d := startDemo(t)
	staff := b.tab("enduser-staff")
	staff.signIn(d.portal)

	for i, scripts := range []bool{true, false} {
		staff.bringToFront()
		staff.ask([]string{"cust-0005", "cust-0006"}[i], "Lumenreel Plus")
		staff.status("PENDING")
		link := staff.attribute("#signup-link", "value")
		name, phone := "enduser", []step{chromedp.EmulateViewport(390, 844)}
		if !scripts {
			name, phone = "enduser-noscript", append(phone, withoutScripts())
		}
		user := b.tab(name, phone...)
		user.do("open the link", chromedp.Navigate(link+"?lang=ar"), chromedp.WaitVisible(chromedp.CSS(`[data-state=go] form button`)))
		if scripts {
			if got := read(user, "measure", chromedp.Evaluate[string](`document.documentElement.dir + ' ' + (document.documentElement.scrollWidth <= innerWidth) + ' ' +
				getComputedStyle(document.querySelector('main')).direction`)); got != "rtl true rtl" {
				t.Errorf("in Arabic, the page is %s", got)
			}
			user.everyLook("arabic")
		}
		user.do("read it in French", chromedp.Click(chromedp.CSS(`footer a[lang=fr]`)), chromedp.WaitVisible(`//h1[starts-with(., "Finalisez votre inscription")]`))

		old := d.expire(link)
		user.do("continue", chromedp.Click(chromedp.CSS(`form button`)), chromedp.WaitVisible(chromedp.CSS(`button[value=finish]`)))
		if at := user.address(); !strings.HasPrefix(at, d.sandbox+"/merchant/LUMENREEL/register/") || at == old {
			t.Errorf("after %s had expired, the end user was led to %s", old, at)
		}
		back := b.tab(name+"-back", phone...)
		back.do("come back before it is done", chromedp.Navigate(link+"?lang=fr"), chromedp.WaitVisible(chromedp.CSS(`[data-state=waiting] button`)))
		back.screenshot("waiting")
		user.bringToFront()
		user.do("sign up", chromedp.Click(chromedp.CSS(`button[value=finish]`)), chromedp.WaitNotPresent(chromedp.CSS(`button[value=finish]`)))
		back.bringToFront()
		back.do("see that it is done, by itself", chromedp.WaitVisible(chromedp.CSS(`[data-state=done] [data-status=ACTIVE]`)))
		back.screenshot("done")
	}
	staff.bringToFront()
	staff.status("ACTIVE")
	if said := staff.text("#timeline"); !strings.Contains(said, "because the merchant's had expired") || !strings.Contains(said, "went on to register") {
		t.Errorf("the timeline does not tell of it: %s", said)
	}
}

// expire lets the merchant's link behind a signup link be out of date, and returns it.
func (d *demo) expire(link string) (registrationURL string) {
	files, _ := filepath.Glob(filepath.Join(d.temp, "latchkey-demo-*", "latchkey.db"))
	if len(files) != 1 {
		panic("the demo's database is not where it was")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	store, err := db.Open(ctx, files[0], func(resale.Change) {}, slog.New(slog.DiscardHandler))
	if err == nil {
		defer store.Close()
		err = store.Write(ctx, func(ctx context.Context, tx resale.Tx) error {
			_, token, _ := strings.Cut(link, "/s/")
			e, err := tx.EntitlementBySignupToken(ctx, token)
			if err != nil {
				return err
			}
			after := e
			after.RegistrationExpires = time.Now().Add(-time.Minute).UTC().Truncate(time.Microsecond)
			registrationURL = e.RegistrationURL
			return tx.UpdateEntitlement(ctx, e, after)
		})
	}
	if err != nil {
		panic(err)
	}
	return registrationURL
}
