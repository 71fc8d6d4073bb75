package handlers

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

func (p *portal) job(name resale.JobName) resale.Job {
	p.t.Helper()
	job, err := p.store.Job(p.t.Context(), name)
	if err != nil {
		p.t.Fatal(err)
	}
	return job
}

func TestDifferencesAreShownSideBySide(t *testing.T) {
	p := openPortal(t, with{})
	const marked = `<img src=x onerror=alert(1)>`
	e := p.settled(resale.Active)
	fact := resale.Fact{Source: resale.FromRecord, BangoID: e.BangoID, Status: "SUSPENDED", CustomerIdentifier: "user-1", MerchantKey: "BANGO", ProductKey: "BangoMusicTogether"}
	differs := p.addDrift(resale.Drift{Kind: resale.Differs, Subject: e.BangoID, EntitlementID: e.ID, OursStatus: resale.Active, OursProduct: "BangoMusic", Fact: fact, Source: "Active " + marked})
	missing := p.addDrift(resale.Drift{Kind: resale.MissingHere, Subject: "b-" + marked, Source: "a report", Fact: resale.Fact{Source: resale.FromRecord,
		BangoID: "b-" + marked, Status: "ODD " + marked, CustomerIdentifier: marked, MerchantKey: marked, ProductKey: marked}})
	gone := p.settled(resale.Suspended)
	there := p.addDrift(resale.Drift{Kind: resale.MissingThere, Subject: gone.BangoID, EntitlementID: gone.ID, OursStatus: resale.Suspended, OursProduct: "BangoMusic",
		Fact: resale.Fact{Source: resale.FromRecord, BangoID: gone.BangoID}, Source: "not in a report"})
	for _, role := range []resale.Role{resale.Viewer, resale.Agent, resale.Supervisor, resale.Admin} {
		page := p.as(role).get("/reconciliation").must(t, http.StatusOK).page(t)
		if page.Find("main img").Length() > 0 {
			t.Error("what Bango says is no text")
		}
		if text := page.Find("#difference-count h2").Text(); text != "3 differences" {
			t.Errorf("the page counts %q", text)
		}
		for id, says := range map[string][]string{
			differs: {p.customer.Name, e.Ref, "ACTIVE", "Bango Music Premium", "SUSPENDED", "Bango Music Together", "Active " + marked},
			missing: {marked, "not here", "ODD " + marked, "not known here"},
			there:   {p.customer.Name, gone.Ref, "SUSPENDED", "no record"},
		} {
			row := page.Find(fmt.Sprintf("#differences [data-row=%q]", id))
			for _, want := range says {
				if !strings.Contains(row.Text(), want) {
					t.Errorf("%s: the row lacks %q: %q", role, want, row.Text())
				}
			}
			if may := row.Find(`form[action="/reconciliation/`+id+`/take"]`).Length() == 1; may != role.AtLeast(resale.Supervisor) {
				t.Errorf("%s: may take it over: %v", role, may)
			}
		}
		for action, least := range map[string]resale.Role{"/reconciliation/take": resale.Supervisor, "/reconciliation/run": resale.Agent} {
			if may := page.Find(`form[action="`+action+`"]`).Length() == 1; may != role.AtLeast(least) {
				t.Errorf("%s: the page offers %s: %v", role, action, may)
			}
		}
	}
	// One is taken over, and the others stay.
	p.as(resale.Supervisor).post("/reconciliation/"+differs+"/take", nil).leadsTo(t, "/reconciliation")
	if e, err := p.store.Entitlement(t.Context(), e.ID); err != nil || e.Status != resale.Suspended || e.ProductKey != "BangoMusicTogether" {
		t.Errorf("it is %s %s, %v", e.Status, e.ProductKey, err)
	}
	page := p.as(resale.Supervisor).get("/reconciliation").page(t)
	if page.Find("#differences [data-row]").Length() != 2 || page.Find(`[data-row="`+differs+`"]`).Length() != 0 {
		t.Error("the page does not show what is left")
	}
	// The same again is done already; what cannot be taken over says why, on the page.
	p.as(resale.Supervisor).post("/reconciliation/"+differs+"/take", url.Values{"after": {there}}).leadsTo(t, "/reconciliation?after="+there)
	bad := p.addDrift(resale.Drift{Kind: resale.MissingHere, Subject: "b-bad", Fact: resale.Fact{Source: resale.FromRecord, BangoID: "b-bad", Status: "ACTIVE",
		CustomerIdentifier: "has a space", MerchantKey: "BANGO", ProductKey: "BangoMusic"}})
	answer := p.as(resale.Supervisor).post("/reconciliation/"+bad+"/take", nil).must(t, http.StatusUnprocessableEntity).page(t)
	if !strings.Contains(answer.Find(".error").Text(), "space") || answer.Find(`[data-row="`+bad+`"]`).Length() != 1 {
		t.Errorf("the page says %q", answer.Find(".error").Text())
	}
	if _, live := answer.Find("body").Attr("data-live"); live {
		t.Error("a page follows whose address cannot be read again")
	}
}

func TestTheJobsOfReconciliation(t *testing.T) {
	p := openPortal(t, with{config: func(c *Config) { c.PublicURL = "https://new.example" }})
	if text := p.as(resale.Viewer).get("/reconciliation").page(t).Find("#differences").Text(); !strings.Contains(text, "latchkey import reports") {
		t.Errorf("without differences the page says %q", text)
	}
	moved := p.change(p.settled(resale.Active), func(e *resale.Entitlement) { e.NotifyBase = "https://old.example" })
	p.addDrift(resale.Drift{Kind: resale.MissingHere, Subject: "b-1"})
	for _, role := range resale.Roles {
		card := p.as(role).get("/reconciliation").page(t).Find("#repoint")
		if !strings.Contains(card.Text(), "1 live entitlement is") || !strings.Contains(card.Text(), "https://new.example") {
			t.Errorf("the page says %q", card.Text())
		}
		if may := card.Find("form").Length() == 1; may != role.AtLeast(resale.Admin) {
			t.Errorf("%s: may point them anew: %v", role, may)
		}
		attention := p.as(role).get("/").page(t).Find("#attention")
		if told := attention.Find(`a[href="/reconciliation#repoint"]`).Length() == 1; told != role.AtLeast(resale.Admin) {
			t.Errorf("%s is told on the first page: %v", role, told)
		}
		if !strings.Contains(attention.Text(), "1 difference from Bango’s records is open") {
			t.Errorf("the first page says %q", attention.Text())
		}
	}
	// In this order: what taking over differences changes would be counted by the others.
	for _, tt := range []struct {
		action string
		job    resale.JobName
		role   resale.Role
		part   string
	}{
		{"run", resale.JobReconcile, resale.Agent, "#questions"},
		{"repoint", resale.JobRepoint, resale.Admin, "#repoint"},
		{"take", resale.JobTake, resale.Supervisor, "#difference-count"},
	} {
		action := tt.action
		p.as(tt.role).post("/reconciliation/"+action, nil).leadsTo(t, "/reconciliation")
		if job := p.job(tt.job); job.State != resale.JobRunning || job.Actor.ID != p.staff[tt.role].ID {
			t.Errorf("%s: the job is %+v", action, job)
		}
		part := p.as(resale.Admin).get("/reconciliation").page(t).Find(tt.part)
		if !strings.Contains(part.Text(), "so far") || part.Find("form").Length() != 0 {
			t.Errorf("%s: while it runs the page says %q", action, part.Text())
		}
	}
	reconciler := resale.NewReconciler(p.service, time.Hour)
	eventually(t, "the jobs end", func() bool {
		if _, err := reconciler.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		return p.job(resale.JobReconcile).State == resale.JobIdle && p.job(resale.JobTake).State == resale.JobIdle && p.job(resale.JobRepoint).State == resale.JobIdle
	})
	page := p.as(resale.Viewer).get("/reconciliation").page(t)
	for part, says := range map[string]string{"#questions": "Looked at:", "#repoint": "Bango is told of the new address: 1", "#difference-count": "No differences"} {
		if text := page.Find(part).Text(); !strings.Contains(text, says) {
			t.Errorf("the page says %q", text)
		}
	}
	if r, _ := p.newest(moved); r.Kind != resale.KindUpdate || r.Terms.NotificationBase == "" {
		t.Errorf("the newest request is %+v", r)
	}
}

func TestDifferencesHavePages(t *testing.T) {
	p := openPortal(t, with{})
	for i := range pageSize + 2 {
		p.addDrift(resale.Drift{Kind: resale.MissingHere, Subject: fmt.Sprint("b-", i)})
	}
	b := p.as(resale.Supervisor)
	first := b.get("/reconciliation").page(t)
	next := first.Find("a[rel=next]").AttrOr("href", "")
	second := b.get(next).must(t, http.StatusOK).page(t)
	if n, m := first.Find("[data-row]").Length(), second.Find("[data-row]").Length(); n != pageSize || m != 2 || second.Find("a[rel=next]").Length() != 0 {
		t.Errorf("%d and %d differences", n, m)
	}
	after := strings.TrimPrefix(next, "/reconciliation?after=")
	if got := second.Find("#differences input[name=after]").First().AttrOr("value", ""); got != after {
		t.Errorf("its forms lead back to %q", got)
	}
	for _, bad := range []string{"x", "https://evil.example", "%00"} {
		b.get("/reconciliation?after="+bad).must(t, http.StatusUnprocessableEntity)
	}
	id := first.Find("[data-row]").AttrOr("data-row", "")
	b.post("/reconciliation/"+id+"/take", url.Values{"after": {"//evil.example"}}).must(t, http.StatusUnprocessableEntity)
	b.post("/reconciliation/00000000-0000-7000-8000-000000000099/take", nil).must(t, http.StatusNotFound)
	s := p.as(resale.Viewer).listen("reconciliation")
	p.addDrift(resale.Drift{Kind: resale.MissingHere, Subject: "b-new"})
	if got := s.event(); got.All {
		t.Errorf("told of %+v", got)
	}
}

func TestReplay(t *testing.T) {
	p := openPortal(t, with{})
	const marked = `<img src=x onerror=alert(1)>`
	early := `{"entitlementId":"b-early","status":"ACTIVE"}`
	for _, body := range []string{early, "rubbish " + marked} {
		if err := p.service.ReceiveNotification(t.Context(), "AAAAAAAAAAAAAAAAAAAAAAAAAA", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	parked, err := p.store.ParkedNotifications(t.Context(), 10)
	if err != nil || len(parked) != 2 {
		t.Fatalf("%d are parked, %v", len(parked), err)
	}
	for _, role := range []resale.Role{resale.Viewer, resale.Agent} {
		b := p.as(role)
		for _, n := range parked {
			home := b.get("/").page(t).Find(`#attention-rows [data-row="` + n.ID + `"]`)
			if home.Find(`a[href="/notifications/`+n.ID+`"]`).Length() != 1 {
				t.Errorf("the first page does not lead to what is parked: %q", home.Text())
			}
			for _, address := range []string{"/notifications", "/notifications?state=parked", "/notifications/" + n.ID} {
				page := b.get(address).must(t, http.StatusOK).page(t)
				if may := page.Find(`form[action="/notifications/`+n.ID+`/replay"]`).Length() == 1; may != role.AtLeast(resale.Agent) {
					t.Errorf("%s, %s: may replay: %v", address, role, may)
				}
				if page.Find("main img").Length() > 0 {
					t.Errorf("%s: what came is no text", address)
				}
			}
		}
	}
	b := p.as(resale.Agent)
	for _, n := range parked {
		page := b.post("/notifications/"+n.ID+"/replay", nil).must(t, http.StatusConflict).page(t)
		if !strings.Contains(page.Find(".error").Text(), "Nothing could be done with it still.") || page.Find("pre").Length() != 1 {
			t.Errorf("the page says %q", page.Find(".error").Text())
		}
	}
	// Once its entitlement is known, it has its effect.
	e := p.change(p.settled(resale.Active), func(e *resale.Entitlement) { e.BangoID = "b-early" })
	id := parked[1].ID
	b.post("/notifications/"+id+"/replay", nil).leadsTo(t, "/notifications/"+id)
	page := b.get("/notifications/" + id).page(t)
	if page.Find(`main a[href="/entitlements/`+e.Ref+`"]`).Length() != 1 || page.Find(`form[action$="/replay"]`).Length() != 0 {
		t.Error("its page does not lead to its entitlement")
	}
	if n := b.get("/notifications?state=parked").page(t).Find("[data-row]").Length(); n != 1 {
		t.Errorf("%d are parked still", n)
	}
	page = b.post("/notifications/"+id+"/replay", nil).must(t, http.StatusConflict).page(t)
	if !strings.Contains(page.Find(".error").Text(), "has had its effect") {
		t.Errorf("a second replay says %q", page.Find(".error").Text())
	}
	b.get("/notifications?state=other").must(t, http.StatusUnprocessableEntity)
}

func TestAWaitingNotificationIsTold(t *testing.T) {
	p := openPortal(t, with{})
	id := p.things().notification
	due := time.Now().UTC().Add(time.Hour).Truncate(time.Second)
	err := p.store.Write(t.Context(), func(ctx context.Context, tx resale.Tx) error {
		n, err := tx.Notification(ctx, id)
		if err != nil {
			return err
		}
		n.State, n.Attempts, n.Due = resale.NotificationWaiting, 2, due
		return tx.UpdateNotification(ctx, n)
	})
	if err != nil {
		t.Fatal(err)
	}
	b := p.as(resale.Agent)
	if text := b.get("/notifications").page(t).Find("#inbox").Text(); !strings.Contains(text, "tried again by itself") {
		t.Errorf("the list says %q", text)
	}
	page := b.get("/notifications/" + id).page(t)
	if text := page.Find(".sentence").Text(); !strings.Contains(text, "2 attempts") || !strings.Contains(text, due.Format("15:04:05")) {
		t.Errorf("its page says %q", text)
	}
}

func TestHomeTellsWhatAPersonDecides(t *testing.T) {
	p := openPortal(t, with{})
	p.hub.Shutdown()
	const marked = `Which one? <img src=x>`
	b := p.as(resale.Agent)
	open, settled := p.settled(resale.Active), p.settled(resale.Active)
	for _, e := range []resale.Entitlement{open, settled} {
		b.post("/entitlements/"+e.Ref+"/suspend", nil).must(t, http.StatusSeeOther)
		p.answer(e, resale.Manual, marked)
	}
	b.post("/entitlements/"+settled.Ref+"/suspend", nil).must(t, http.StatusSeeOther) // somebody decided: it was asked for again
	b.post("/entitlements/"+open.Ref+"/check", nil).must(t, http.StatusSeeOther)      // a look decides nothing
	todo := b.get("/").page(t).Find("#attention-rows")
	if todo.Find("[data-row]").Length() != 1 || todo.Find(`[data-ref="`+open.Ref+`"]`).Length() != 1 || !strings.Contains(todo.Text(), marked) || !strings.Contains(todo.Text(), "suspend it") ||
		todo.Find("img").Length() != 0 {
		t.Errorf("the first page says %q", todo.Text())
	}
}

func TestWhatAMerchantCanDo(t *testing.T) {
	p := openPortal(t, with{})
	const marked = `Not <b>here</b>`
	err := p.store.Write(t.Context(), func(ctx context.Context, tx resale.Tx) error {
		return tx.SetAbility(ctx, resale.Ability{MerchantKey: "BANGO", Kind: resale.KindSuspend, Refusals: 2, Message: marked, Updated: time.Now().UTC()})
	})
	if err != nil {
		t.Fatal(err)
	}
	admin := p.as(resale.Admin)
	says := func(kind, want string) {
		t.Helper()
		page := admin.get("/catalogue").page(t)
		row := page.Find("#can-BANGO [data-ability=" + kind + "]")
		if text := strings.Join(strings.Fields(row.Text()), " "); !strings.Contains(text, want) {
			t.Errorf("%s: the page says %q, not %q", kind, text, want)
		}
		if page.Find("main b").Length() > 0 {
			t.Error("what the merchant answered is no text")
		}
	}
	says("suspend", "Suspend: cannot learned from its answers: "+marked)
	says("resume", "Resume: can as far as is known")
	set := func(b *browser, kind, setting string) response {
		return b.post("/catalogue/ability", url.Values{"merchant": {"BANGO"}, "kind": {kind}, "setting": {setting}})
	}
	set(admin, "suspend", "yes").leadsTo(t, "/catalogue#can-BANGO")
	says("suspend", "Suspend: can set by admin")
	set(admin, "resume", "no").leadsTo(t, "/catalogue#can-BANGO")
	says("resume", "Resume: cannot set by admin")
	e := p.settled(resale.Suspended)
	if text := p.as(resale.Agent).get("/entitlements/" + e.Ref).page(t).Find("aside").Text(); !strings.Contains(text, "Resume: its merchant cannot do this") {
		t.Errorf("the page of an entitlement offers it: %q", text)
	}
	set(admin, "resume", "").leadsTo(t, "/catalogue#can-BANGO")
	says("resume", "Resume: can as far as is known")
	set(admin, "resume", "perhaps").must(t, http.StatusUnprocessableEntity)
	set(admin, "create", "no").must(t, http.StatusNotFound)
	if p.as(resale.Supervisor).get("/catalogue").page(t).Find(`form[action="/catalogue/ability"]`).Length() != 0 {
		t.Error("a supervisor is offered what an admin may")
	}
}
