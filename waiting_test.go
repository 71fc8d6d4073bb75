package main

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
)

// longestWait is how long whoever creates an entitlement is kept at most, whatever Bango does.
const longestWait = 5 * time.Second

// Bango hangs, dribbles, breaks off, or lets nobody in: whoever asked for an entitlement is on its page within five seconds all the same, and reads
// there where things stand.
func TestNobodyIsKeptWaitingByBango(t *testing.T) {
	d := startDemo(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: time.Minute}
	submit := func(address string, fields url.Values) *goquery.Document {
		t.Helper()
		response, err := client.PostForm(address, fields)
		if err != nil {
			t.Error(err)
			return nil
		}
		defer response.Body.Close()
		page, err := goquery.NewDocumentFromReader(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("%s: HTTP %d, %v", address, response.StatusCode, err)
		}
		return page
	}
	read := func(address string) *goquery.Document {
		t.Helper()
		response, err := client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		page, err := goquery.NewDocumentFromReader(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
	submit(d.portal+"/login", url.Values{"email": {demoStaff[0].Email}, "password": {demoPassword}})

	create := func(customer, fault string) {
		t.Helper()
		submit(d.sandbox+"/control/set", url.Values{"fault": {fault}, "operation": {"create"}, "times": {"0"}, "customer": {customer}, "merchant": {"BANGO"}})
		address, _ := read(d.portal + "/search?q=" + customer).Find(`a[href^="/entitlements/new?customer="]`).Attr("href")
		form := read(d.portal + address).Find(`form[action="/entitlements"]`)
		fields := url.Values{}
		form.Find("input[type=hidden]").Each(func(_ int, s *goquery.Selection) { fields.Set(s.AttrOr("name", ""), s.AttrOr("value", "")) })
		form.Find("label").Each(func(_ int, s *goquery.Selection) {
			if strings.TrimSpace(s.Find("span").First().Text()) == "Bango Music" && !strings.Contains(s.Text(), "with ") {
				fields.Set("product", s.Find("input").AttrOr("value", ""))
			}
		})
		began := time.Now()
		page := submit(d.portal+"/entitlements", fields)
		took := time.Since(began)
		if page == nil {
			return
		}
		if took > longestWait {
			t.Errorf("%s: the browser was held for %s", fault, took)
		}
		if status := page.Find("h1 ~ [data-status]").AttrOr("data-status", ""); status != "REQUESTED" && status != "UNKNOWN" {
			t.Errorf("%s: the page shows %q", fault, status)
		}
		t.Logf("%s: %s", fault, took.Round(10*time.Millisecond))
	}
	// Together, since each keeps its call until the call's own time is up, and before so many have failed that nothing is sent any more.
	var together sync.WaitGroup
	for customer, fault := range map[string]string{"cust-0071": "no-answer", "cust-0072": "latency-long", "cust-0073": "drip", "cust-0074": "reset"} {
		together.Go(func() { create(customer, fault) })
	}
	together.Wait()
	create("cust-0075", "unauthorized")
	create("cust-0076", "internal-error")
}
