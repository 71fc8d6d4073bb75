package handlers

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"latchkey/resale"
)

// addView saves a view as the person of that role.
func (p *portal) addView(role resale.Role, name, query string) resale.View {
	p.t.Helper()
	v, err := p.service.SaveView(p.t.Context(), resale.StaffActor(p.staff[role]), name, query)
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// texts are what the elements of a selection say, with single spaces.
func texts(s *goquery.Selection) (said []string) {
	s.Each(func(_ int, e *goquery.Selection) { said = append(said, strings.Join(strings.Fields(e.Text()), " ")) })
	return said
}

// hrefs are where links lead.
func hrefs(s *goquery.Selection) (to []string) {
	s.Each(func(_ int, e *goquery.Selection) { to = append(to, e.AttrOr("href", "")) })
	return to
}

// must fails the test unless two lists are alike.
func mustBe(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, expected %q", what, got, want)
	}
}

func TestChipsTakeOneFilterAway(t *testing.T) {
	p := openPortal(t, with{})
	active, pending := p.settled(resale.Active), p.settled(resale.Pending)
	p.settled(resale.Suspended)
	b := p.as(resale.Viewer)
	page := b.get("/entitlements?merchant=BANGO&product=music&status=PENDING,ACTIVE&q=zoe&newer=48h&opened=no").must(t, http.StatusOK).page(t)
	mustBe(t, "rows", hrefs(page.Find("[data-row] a.whole")), "/entitlements/"+pending.Ref, "/entitlements/"+active.Ref)
	chips := page.Find(`nav[aria-label="Filters in use"] a`)
	mustBe(t, "chips", texts(chips), "Remove the filter Status: PENDING ×", "Remove the filter Status: ACTIVE ×", "Remove the filter Merchant: Bango Music ×",
		"Remove the filter Product: “music” ×", "Remove the filter Customer: “zoe” ×", "Remove the filter Changed in the last 2 days ×",
		"Remove the filter Link not opened ×", "Remove all")
	const rest = "merchant=BANGO&newer=2d&opened=no&product=music&q=zoe"
	mustBe(t, "where chips lead", hrefs(chips)[:3], "/entitlements?"+rest+"&status=ACTIVE", "/entitlements?"+rest+"&status=PENDING",
		"/entitlements?newer=2d&opened=no&product=music&q=zoe&status=PENDING&status=ACTIVE")
	// A chip of a status keeps the other filters; beside them, counts of all would be wrong.
	status := page.Find(`#counts a`)
	if got := hrefs(status)[4]; got != "/entitlements?"+rest+"&status=ACTIVE" || status.Find("b").Length() != 0 {
		t.Errorf("the chip of ACTIVE leads to %s; there are %d counts", got, status.Find("b").Length())
	}
	if n := b.get("/entitlements?status=ACTIVE&status=PENDING").page(t).Find("#counts b").Length(); n != 11 {
		t.Errorf("%d counts are shown beside statuses alone", n)
	}
	for _, removed := range hrefs(chips) {
		b.get(removed).must(t, http.StatusOK)
	}
	// The form sends what is left empty, too.
	b.get("/entitlements?q=&merchant=&product=&status=ACTIVE&older=&newer=3d&age=changed&reason=&ending=&opened=&by=").
		leadsTo(t, "/entitlements?newer=3d&status=ACTIVE")
}

func TestFiltersThatNobodyHasAreNamed(t *testing.T) {
	p := openPortal(t, with{})
	p.settled(resale.Active)
	b := p.as(resale.Viewer)
	for query, says := range map[string]string{
		"status=NONSENSE": `"NONSENSE" is not a status`, "status=ACTIVE,x": `"x" is not a status`, "merchant=NOBODY": `key "NOBODY"`,
		"product=nothing": `name "nothing"`, "merchant=BANGO&product=nothing": `merchant BANGO`, "q=nobody+at+all": "“nobody at all”",
		"older=soon": `"soon" is not an age`, "newer=2x": `"2x" is not an age`, "newer=1d&newer=2d": "more than once", "age=eaten&older=1d": `"eaten"`,
		"reason=BECAUSE": `"BECAUSE" is not a reason`, "reason=REVOKED/BECAUSE": "not a reason", "ending=0": `"0" is not a number of days`,
		"ending=1000": "between 1 and 366", "opened=maybe": `"maybe"`, "by=%00": "cannot be shown", "q=" + strings.Repeat("x", 300): "longer than 200",
	} {
		got := b.get("/entitlements?"+query).must(t, http.StatusUnprocessableEntity)
		if text := got.page(t).Find("main").Text(); !strings.Contains(text, says) {
			t.Errorf("%s: the page does not say %q: %s", query, says, strings.Join(strings.Fields(text), " "))
		}
		if strings.Contains(got.body, "data-row=") {
			t.Errorf("%s: rows are shown", query)
		}
		p.as(resale.Supervisor).get("/entitlements.csv?"+query).must(t, http.StatusUnprocessableEntity)
	}
	// Where there is nothing, the page says what to take away.
	page := b.get("/entitlements?opened=yes&merchant=BANGO").must(t, http.StatusOK).page(t)
	mustBe(t, "the way out", hrefs(page.Find("#list a")), "/entitlements?merchant=BANGO")
	page = b.get("/entitlements?opened=yes&by=Nobody").must(t, http.StatusOK).page(t)
	mustBe(t, "the way out", hrefs(page.Find("#list a")), "/entitlements")
}

func TestColumnsAreEachPersonsOwn(t *testing.T) {
	p := openPortal(t, with{})
	e := p.settled(resale.Revoked)
	p.write(func(ctx context.Context, tx resale.Tx) error {
		return tx.InsertRequest(ctx, resale.Request{ID: "00000000-0000-7000-8000-0000000000aa", EntitlementID: e.ID, Kind: resale.KindRevoke, State: resale.Done,
			Reason: resale.Reason{Category: "REVOKED", Code: "FRAUD"}})
	})
	b := p.as(resale.Agent)
	heads := func(b *browser) []string { return texts(b.get("/entitlements").page(t).Find("#list th")) }
	mustBe(t, "the usual columns", heads(b), "Customer", "Product", "Status", "Reference", "Changed")
	b.post("/me/columns", url.Values{"column": {"reason", "ref", "status", "bango_id", "ends", "offer"}, "view": {"status=REVOKED"}}).
		leadsTo(t, "/entitlements?status=REVOKED")
	mustBe(t, "the chosen columns", heads(b), "Offer", "Status", "Reason", "Reference", "Bango’s id", "Ends")
	page := b.get("/entitlements").page(t)
	mustBe(t, "the row", texts(page.Find("[data-row] td")), "none", "REVOKED", "FRAUD", e.Ref, "b-"+e.ID[:6]+"…"+e.ID[32:], "no date")
	mustBe(t, "the link", hrefs(page.Find("[data-row] a.whole")), "/entitlements/"+e.Ref)
	if page.Find(`#columns input:checked`).Length() != 6 {
		t.Error("the form does not show what is chosen")
	}
	mustBe(t, "somebody else's columns", heads(p.as(resale.Viewer)), "Customer", "Product", "Status", "Reference", "Changed")
	b.post("/me/columns", url.Values{"column": {"secret"}}).must(t, http.StatusUnprocessableEntity)
	b.post("/me/columns", url.Values{"column": {"ref"}, "view": {"//evil.example"}}).must(t, http.StatusUnprocessableEntity)
	b.post("/me/columns", nil).leadsTo(t, "/entitlements") // none is as usual
	mustBe(t, "the columns after choosing none", heads(b), "Customer", "Product", "Status", "Reference", "Changed")
	for _, one := range []string{"status", "changed", "opened", "product"} { // whichever is the first is the link
		b.post("/me/columns", url.Values{"column": {one}}).leadsTo(t, "/entitlements")
		mustBe(t, "the link in "+one, hrefs(b.get("/entitlements").page(t).Find("[data-row] a.whole")), "/entitlements/"+e.Ref)
	}
}

// write writes to the store.
func (p *portal) write(f func(ctx context.Context, tx resale.Tx) error) {
	p.t.Helper()
	if err := p.store.Write(p.t.Context(), f); err != nil {
		p.t.Fatal(err)
	}
}

func TestViewsAreTheTeams(t *testing.T) {
	p := openPortal(t, with{})
	p.settled(resale.Active)
	p.settled(resale.Pending)
	agent, viewer := p.as(resale.Agent), p.as(resale.Viewer)
	save := func(b *browser, name, query string) response {
		return b.post("/views", url.Values{"name": {name}, "view": {query}})
	}
	save(agent, "  Waiting   long ", "q=&status=PENDING").leadsTo(t, "/entitlements?status=PENDING")
	save(p.as(resale.Supervisor), "Zoë’s music", "product=music&q=zoe").leadsTo(t, "/entitlements?product=music&q=zoe")
	page := viewer.get("/entitlements?status=PENDING").page(t)
	mustBe(t, "the views", texts(page.Find("#views a")), "Waiting long 1", "Zoë’s music 2")
	mustBe(t, "the view that is open", texts(page.Find("#views a[aria-current]")), "Waiting long 1")
	if page.Find("#save").Length() != 0 {
		t.Error("a viewer is offered to save a view")
	}
	for _, bad := range [][3]string{
		{"", "status=ACTIVE", "no name"}, {strings.Repeat("ü", 61), "status=ACTIVE", "longer than 60"}, {"waiting LONG", "status=ACTIVE", "already"},
		{"x", "", "Nothing is filtered"}, {"x", "status=NONSENSE", "NONSENSE"}, {"x", "status=ACTIVE&evil=1", `"evil"`}, {"x", "javascript:alert(1)", "javascript"},
		{"x", "status=%zz", "cannot be read"}, {"x", "q=" + strings.Repeat("x", 1000), "more than 1000"},
	} {
		got := save(agent, bad[0], bad[1])
		if got.StatusCode != http.StatusUnprocessableEntity && got.StatusCode != http.StatusConflict || !strings.Contains(got.page(t).Find("main").Text(), bad[2]) {
			t.Errorf("%q as %q: status %d, %s", bad[1], bad[0], got.StatusCode, got.page(t).Find("main").Text())
		}
	}
	if got := save(agent, "waiting long", "status=ACTIVE").must(t, http.StatusConflict).page(t); got.Find(`#save[open] input[value="waiting long"]`).Length() != 1 ||
		got.Find("[data-row]").Length() != 1 {
		t.Error("the form does not keep what was typed, or the list is not that of the view")
	}
	save(viewer, "Mine", "status=ACTIVE").must(t, http.StatusForbidden)
	views, err := p.store.Views(t.Context())
	if err != nil || len(views) != 2 || views[0].Query != "status=PENDING" {
		t.Fatalf("%+v, %v", views, err)
	}
	// An agent removes their own, a supervisor any.
	agent.post("/views/"+views[1].ID+"/remove", nil).must(t, http.StatusForbidden)
	viewer.post("/views/"+views[0].ID+"/remove", nil).must(t, http.StatusForbidden)
	mustBe(t, "what the agent may remove", texts(agent.get("/entitlements").page(t).Find("#save li > span")), "Waiting long by agent")
	agent.post("/views/"+views[0].ID+"/remove", nil).leadsTo(t, "/entitlements")
	p.as(resale.Supervisor).post("/views/"+views[0].ID+"/remove", nil).must(t, http.StatusNotFound)
	p.as(resale.Supervisor).post("/views/"+views[1].ID+"/remove", nil).leadsTo(t, "/entitlements")
	// What is stored is not trusted: it may be older than what filters are now.
	p.write(func(ctx context.Context, tx resale.Tx) error {
		return tx.InsertView(ctx, resale.View{ID: "00000000-0000-7000-8000-0000000000bb", Name: "Old", Query: "javascript:alert(1)", Created: time.Now()})
	})
	if page := viewer.get("/entitlements").must(t, http.StatusOK).page(t); page.Find("#views a").Length() != 0 || !strings.Contains(page.Find("#views").Text(), "Old") {
		t.Errorf("a broken view is shown as %s", page.Find("#views").Text())
	}
}

func TestRowsCanBeChosenWhereTheyCanBeActedOn(t *testing.T) {
	p := openPortal(t, with{})
	e := p.settled(resale.Active)
	for _, role := range resale.Roles {
		page := p.as(role).get("/entitlements?status=ACTIVE").page(t)
		box := page.Find(`[data-row] input[type=checkbox][name=ref]`)
		if can := role.AtLeast(resale.Supervisor) && p.app.has(post, "/bulk"); (box.Length() == 1) != can || (page.Find(`form[action="/bulk"]`).Length() == 1) != can {
			t.Errorf("%s sees %d boxes", role, box.Length())
		} else if can && (box.AttrOr("value", "") != e.Ref || box.AttrOr("form", "") != page.Find(`form[action="/bulk"]`).AttrOr("id", "-") ||
			page.Find(`form[action="/bulk"] [name=view]`).AttrOr("value", "") != "status=ACTIVE") {
			t.Error("the boxes or the view do not go with the form")
		}
	}
}

func TestTheFileIsTheWholeView(t *testing.T) {
	p := openPortal(t, with{})
	const many = 5000
	var stored []resale.Entitlement
	p.write(func(ctx context.Context, tx resale.Tx) error {
		for i := range many + 500 {
			e := resale.Entitlement{ID: fmt.Sprintf("01890000-0000-7000-8000-%012d", i), Ref: fmt.Sprintf("R-%d", i), CustomerID: p.customer.ID,
				ProductID: p.products[0].ID, CustomerIdentifier: "user-1", MerchantKey: "BANGO", ProductKey: "BangoMusic", Status: resale.Active,
				NotifyToken: fmt.Sprint("n", i), SignupToken: fmt.Sprint("s", i), FormToken: fmt.Sprint("f", i), Message: "=1+1",
				Created: time.UnixMicro(1700000000123456).UTC(), Updated: time.UnixMicro(int64(1700000000000000 + i)).UTC()}
			if i >= many {
				e.Status = resale.Failed
			}
			stored = append(stored, e)
			if err := tx.InsertEntitlement(ctx, e); err != nil {
				return err
			}
		}
		return tx.InsertRequest(ctx, resale.Request{ID: "00000000-0000-7000-8000-0000000000aa", EntitlementID: stored[7].ID, Kind: resale.KindCancel,
			State: resale.Done, Reason: resale.Reason{Category: "REVOKED", Code: "FRAUD", Description: "said \"so\",\nthen left"}})
	})
	// While the file is written, rows keep changing: they move to the front of the list, not out of the view.
	ctx, stop := context.WithCancel(t.Context())
	changed, changes := make(chan struct{}), 0
	go func() {
		defer close(changed)
		for i := many - 1; i >= 0 && ctx.Err() == nil; i -= 20 {
			err := p.store.Write(ctx, func(ctx context.Context, tx resale.Tx) error {
				after := stored[i]
				after.Updated, after.Opened = time.Now().UTC().Truncate(time.Microsecond), 1
				return tx.UpdateEntitlement(ctx, stored[i], after)
			})
			if err == nil {
				changes++
			}
		}
	}()
	got := p.as(resale.Supervisor).get("/entitlements.csv?merchant=BANGO&status=ACTIVE").must(t, http.StatusOK)
	stop()
	<-changed
	if head := got.Header; !strings.HasPrefix(head.Get("Content-Type"), "text/csv; charset=utf-8") ||
		!strings.HasPrefix(head.Get("Content-Disposition"), `attachment; filename="latchkey-entitlements-20`) {
		t.Errorf("the headers are %v", head)
	}
	rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, r := range rows[1:] {
		seen[r[0]]++
	}
	for _, e := range stored[:many] {
		if seen[e.Ref] != 1 {
			t.Fatalf("%s is in the file %d times; %d rows, %d changes meanwhile", e.Ref, seen[e.Ref], len(rows)-1, changes)
		}
	}
	if len(seen) != many || changes == 0 {
		t.Errorf("%d entitlements are in the file, %d changed meanwhile", len(seen), changes)
	}
	cell := func(row []string, name string) string { return row[slices.Index(rows[0], name)] }
	seventh := rows[1+slices.IndexFunc(rows[1:], func(r []string) bool { return r[0] == stored[7].Ref })]
	mustBe(t, "the row with a reason", []string{cell(seventh, "reasonCategory"), cell(seventh, "reasonCode"), cell(seventh, "reasonDescription"),
		cell(seventh, "created"), cell(seventh, "message"), cell(seventh, "dateEnded"), cell(seventh, "customerName")},
		"REVOKED", "FRAUD", "said \"so\",\nthen left", "2023-11-14T22:13:20Z", "'=1+1", "", "Zoë Ångström")
	if !strings.Contains(got.body, "\r\n") || strings.HasPrefix(got.body, "\ufeff") {
		t.Error("the lines do not end as RFC 4180 has it")
	}
	events := p.events()
	if last := events[len(events)-1]; last != "exported 5000 rows of entitlements with merchant=BANGO, status=ACTIVE" ||
		events[len(events)-2] != "began to export entitlements with merchant=BANGO, status=ACTIVE" {
		t.Errorf("what was exported is told as %q", events)
	}
	if head := p.as(resale.Supervisor).send("HEAD", "/entitlements.csv", "", "").must(t, http.StatusOK); len(p.events()) != len(events) || head.body != "" {
		t.Error("a HEAD is an export")
	}
}

// events are the texts of what belongs to no entitlement, oldest first.
func (p *portal) events() (said []string) {
	p.t.Helper()
	events, err := p.store.Events(p.t.Context(), "", 100)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range slices.Backward(events) {
		said = append(said, e.Text)
	}
	return said
}

func TestAFileThatIsNotWholeBreaksOff(t *testing.T) {
	p := openPortal(t, with{})
	p.settled(resale.Active)
	fails := func(context.Context, string) ([][]string, string, error) { return nil, "", fmt.Errorf("on purpose") }
	conn := &deadConn{}
	f := &file{conn: conn, life: t.Context(), read: fails, allowed: func(context.Context) bool { return true }}
	var b strings.Builder
	if rows, err := f.write(bufioOf(&b), []string{"a"}); err == nil || rows != 0 {
		t.Errorf("%d rows, %v", rows, err)
	}
	// Whoever is signed out meanwhile gets no more of it.
	pages := 0
	f.read = func(context.Context, string) ([][]string, string, error) {
		pages++
		return [][]string{{"x"}}, "on", nil
	}
	f.allowed = func(context.Context) bool { return pages < 3 }
	f.recheck = -1
	if rows, err := f.write(bufioOf(&b), []string{"a"}); err != errSignedOut || rows != 3 {
		t.Errorf("%d rows, %v", rows, err)
	}
	// So does whoever asks while the portal ends.
	p.app.end()
	if err := tryGet(p.as(resale.Supervisor), "/customers.csv"); err == nil {
		t.Error("a file that was broken off looks whole")
	}
	eventually(t, "it is told", func() bool {
		events := p.events()
		return strings.Contains(events[len(events)-1], "exported 0 rows of all customers; the file was broken off")
	})
}

func TestCellsAreNoFormulas(t *testing.T) {
	for _, begins := range []string{"=", "+", "-", "@", "\t", "\r", "\n", " =", "  +", "\u00a0-", "\t=", "\r=", "\n@", "=cmd|' /C calc'!A0", "+44 7700 900123", "-2+3", "@SUM(1)",
		"=HYPERLINK(\"https://evil.example\")", "=1+1", "＝1", "＋1", "－1", "＠x", "\u3000=", "\ufeff=", " \t=", "--", "==", "+-", "@@", " @", "\r\n="} {
		if got := harmless(begins); got != "'"+begins {
			t.Errorf("%q stays %q", begins, got)
		}
	}
	for _, plain := range []string{"", " ", "a", "Zoë", "1", "a=b", "x@example.com", "2026-01-01", "'=1", "“=”", "(+44)"} {
		if got := harmless(plain); got != plain {
			t.Errorf("%q becomes %q", plain, got)
		}
	}
}

func TestCustomersLeaveAsAFile(t *testing.T) {
	p := openPortal(t, with{})
	p.addCustomer(resale.Customer{Identifier: "user-2", Name: "Bo, \"the\" Smith", Phone: "+44 20 1111 2222"})
	got := p.as(resale.Supervisor).get("/customers.csv").must(t, http.StatusOK)
	rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%q, %v", rows, err)
	}
	mustBe(t, "a customer", rows[1][:4], "user-2", "Bo, \"the\" Smith", "", "'+44 20 1111 2222")
	got = p.as(resale.Supervisor).get("/customers.csv?q=zoe").must(t, http.StatusOK)
	if n := strings.Count(got.body, "\r\n"); n != 2 || !strings.Contains(got.body, "Zoë") {
		t.Errorf("those found are %q", got.body)
	}
}

func TestCustomersByPage(t *testing.T) {
	p := openPortal(t, with{})
	const n = maxHits + 3
	for i := range n {
		p.addCustomer(resale.Customer{Identifier: fmt.Sprintf("m-%02d", i), Name: fmt.Sprintf("Person %02d", 99-i)})
	}
	b := p.as(resale.Viewer)
	for address, want := range map[string][2]string{"/customers": {"m-52", "user-1"}, "/customers?order=name": {"m-52", "user-1"}} { // the first, the last
		page := b.get(address).must(t, http.StatusOK).page(t)
		seen := texts(page.Find("[data-row] td:nth-child(2)"))
		next, found := page.Find("a[rel=next]").Attr("href")
		if !found || len(seen) != pageSize {
			t.Fatalf("%s: %d rows, next %q", address, len(seen), next)
		}
		page = b.get(next).must(t, http.StatusOK).page(t)
		seen = append(seen, texts(page.Find("[data-row] td:nth-child(2)"))...)
		if page.Find("a[rel=next]").Length() != 0 || len(seen) != n+1 || seen[0] != want[0] || seen[len(seen)-1] != want[1] {
			t.Errorf("%s: the pages show %q", address, seen)
		}
		slices.Sort(seen)
		if len(slices.Compact(seen)) != n+1 {
			t.Errorf("%s: one is there twice", address)
		}
	}
	if page := b.get("/customers?q=person").page(t); page.Find("[data-row]").Length() != maxHits || !strings.Contains(page.Text(), "More customers match") {
		t.Error("it is not said that more match")
	}
	for _, bad := range []string{"order=age", "after=x", "after=%27"} {
		b.get("/customers?"+bad).must(t, http.StatusUnprocessableEntity)
	}
	b.get("/customers?after=00000000-0000-7000-8000-000000000000").must(t, http.StatusOK)
}
