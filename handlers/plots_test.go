package handlers

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/uuid"

	"latchkey/resale"
)

// lived puts an entitlement of a product into the store that lived as told.
func (p *portal) lived(product int, f func(e *resale.Entitlement)) {
	p.t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	e := resale.Entitlement{ID: uuid.Must(uuid.NewV7()).String(), Ref: "REF-" + resale.NewFormToken()[:8], CustomerID: p.customer.ID, ProductID: p.products[product].ID,
		CustomerIdentifier: p.customer.Identifier, MerchantKey: "BANGO", ProductKey: p.products[product].Key, Status: resale.Requested,
		NotifyToken: resale.NewFormToken(), SignupToken: resale.NewFormToken(), FormToken: resale.NewFormToken(), Created: now.Add(-time.Hour), Updated: now}
	after := e
	f(&after)
	e.Created = after.Created
	err := p.store.Write(p.t.Context(), func(ctx context.Context, tx resale.Tx) error {
		if err := tx.InsertEntitlement(ctx, e); err != nil {
			return err
		}
		return tx.UpdateEntitlement(ctx, e, after)
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// TestABarLeadsToExactlyWhatItCounts follows each link of the plots and counts the rows of the list, page by page.
func TestABarLeadsToExactlyWhatItCounts(t *testing.T) {
	p := openPortal(t, with{})
	now := time.Now().UTC().Truncate(time.Microsecond)
	for i := range 63 { // more than a page
		p.lived(0, func(e *resale.Entitlement) {
			e.Status, e.DateActivated = resale.Active, now.Add(-time.Duration(i)*time.Second)
		})
	}
	for i := range 30 {
		p.lived(i%2, func(e *resale.Entitlement) {
			e.Status, e.DateActivated = resale.Cancelled, now.AddDate(0, 0, -i)
			e.DateEnded, e.Opened, e.OpenedAt = now.AddDate(0, 0, -i/2), int64(i%3), e.Created.Add(time.Minute)
		})
		p.lived(1, func(e *resale.Entitlement) {
			e.Status, e.Updated = resale.Pending, now.Add(-time.Duration(i*i)*time.Hour)
		})
	}
	b := p.as(resale.Viewer)
	for _, address := range []string{"/plots?", "/plots?product=" + p.products[1].ID, "/?"} {
		bars := b.get(address).must(t, http.StatusOK).page(t).Find("svg.plot a")
		tables := "/plots?as=table"
		if strings.Contains(address, "product") {
			tables = address + "&as=table"
		}
		inTable := map[string]string{}
		b.get(tables).must(t, http.StatusOK).page(t).Find("figure td a").Each(func(_ int, a *goquery.Selection) {
			inTable[a.AttrOr("href", "")] = strings.TrimSpace(a.Text())
		})
		if bars.Length() < 20 {
			t.Fatalf("%s has %d bars", address, bars.Length())
		}
		bars.Each(func(_ int, a *goquery.Selection) {
			href := a.AttrOr("href", "")
			count := inTable[href]
			if count == "" || !strings.Contains(" "+a.Find("title").Text(), " "+count+" ") {
				t.Errorf("%s: the bar %q is not in the table", address, a.Find("title").Text())
			}
			delete(inTable, href)
			rows, next := 0, href
			for pages := 0; next != "" && pages < 5; pages++ {
				list := b.get(next).must(t, http.StatusOK).page(t)
				rows += list.Find("#list [data-row]").Length()
				if next == href && !strings.Contains(list.Find("main").Text(), count+" entitlement") {
					t.Errorf("%s: the list does not say that it has %s", href, count)
				}
				next = list.Find(`a[rel="next"]`).AttrOr("href", "")
			}
			if strconv.Itoa(rows) != count {
				t.Errorf("%s: the figure is %s, the list has %d", href, count, rows)
			}
		})
		if len(inTable) != 0 && address != "/?" {
			t.Errorf("%s: figures without a bar: %v", address, inTable)
		}
	}
}

func TestPlotsOfNothingSayWhatWillBeThere(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Viewer)
	page := b.get("/plots").must(t, http.StatusOK).page(t)
	if page.Find("figure .empty").Length() != 4 || page.Find("figure svg").Length() != 0 {
		t.Errorf("%d of 4 plots say that they are empty", page.Find("figure .empty").Length())
	}
	for address, status := range map[string]int{"/plots?product=x": 404, "/plots?product=00000000-0000-7000-8000-000000000009": 404,
		"/plots/list": 422, "/plots/list?created=": 422, "/plots/list?other=2026-11-01": 422, "/plots/list?created=2026-11-01&ended=2026-11-01": 422,
		"/plots/list?ended=2026-11-02..2026-11-01": 422, "/plots/list?ended=2026-13-02": 422, "/plots/list?ended=0001-01-01..9999-12-31": 422,
		"/plots/list?waiting=yesterday..": 422, "/plots/list?waiting=..": 200, "/plots/list?ended=2026-11-02&after=1": 422, "/plots/list?ended=2026-11-02": 200,
		"/plots/list?ended_for=2026-11-02&reason=%00": 422} {
		b.get(address).must(t, status)
	}
}

// A reason and a name come from outside, and stay text in the SVG and everywhere else.
func TestPlotsEscapeWhatComesFromOutside(t *testing.T) {
	p := openPortal(t, with{})
	const evil = `"><script>alert(1)</script><a href="javascript:x">`
	_, err := p.service.ImportCatalogue(t.Context(), strings.NewReader("merchantAccountKey,merchantName,productKey,productName,offerKey,offerName\n"+
		"BANGO,"+csvCell(evil)+",BangoMusic,"+csvCell(evil)+",,\n"))
	if err != nil {
		t.Fatal(err)
	}
	p.lived(0, func(e *resale.Entitlement) { e.Status, e.DateActivated = resale.Active, time.Now() })
	e := p.settled(resale.Active)
	err = p.store.Write(t.Context(), func(ctx context.Context, tx resale.Tx) error {
		return tx.InsertRequest(ctx, resale.Request{ID: uuid.Must(uuid.NewV7()).String(), EntitlementID: e.ID, Kind: resale.KindCancel, State: resale.Done,
			Reason: resale.Reason{Category: evil, Code: evil}, Created: time.Now(), Updated: time.Now()})
	})
	if err != nil {
		t.Fatal(err)
	}
	p.change(e, func(e *resale.Entitlement) { e.Status = resale.Cancelled })
	b := p.as(resale.Admin)
	page := b.get("/plots").must(t, http.StatusOK)
	address := page.page(t).Find("#reasons svg a").AttrOr("href", "")
	list := b.get(address).must(t, http.StatusOK)
	if list.page(t).Find("#list [data-row]").Length() != 1 {
		t.Errorf("the list of %s has not the one that ended for it", address)
	}
	for _, got := range []response{page, list, b.get("/catalogue"), b.get("/catalogue/" + p.products[0].ID), b.get("/")} {
		if strings.Contains(got.body, "<script>alert") || strings.Contains(got.body, `href="javascript`) || strings.Contains(got.body, "style=") {
			t.Errorf("%s has script or style in it", got.Request.URL.Path)
		}
	}
}

func csvCell(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }
