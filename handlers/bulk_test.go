package handlers

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/resale"
)

// bulkJob makes a job that suspends the entitlements, and takes it to where it can be steered in that way; its dry run is over.
func (p *portal) bulkJob(steer string, entitlements ...resale.Entitlement) resale.BulkJob {
	p.t.Helper()
	ctx, by := p.t.Context(), resale.StaffActor(p.staff[resale.Supervisor])
	n := resale.NewBulk{Kind: resale.KindSuspend, Source: "pasted"}
	for _, e := range entitlements {
		n.Items = append(n.Items, resale.BulkItem{Input: e.Ref})
	}
	j, err := p.service.StartBulk(ctx, by, n)
	if err != nil {
		p.t.Fatal(err)
	}
	p.judge()
	if steer == "pause" || steer == "resume" {
		if err := p.service.ConfirmBulk(ctx, by, j.ID, fmt.Sprint(len(entitlements))); err != nil {
			p.t.Fatal(err)
		}
	}
	if steer == "resume" {
		if err := p.service.PauseBulk(ctx, by, j.ID); err != nil {
			p.t.Fatal(err)
		}
	}
	return j
}

// judge lets every dry run come to its end.
func (p *portal) judge() {
	p.t.Helper()
	for more := true; more; {
		var err error
		if more, err = resale.NewBulkRunner(p.service, 1).Step(p.t.Context()); err != nil {
			p.t.Fatal(err)
		}
	}
}

// postBulk sends the form as a browser does, with a file where a name is given.
func (b *browser) postBulk(fields map[string]string, fileName, file string) response {
	b.p.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			b.p.t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", fileName)
	if err != nil {
		b.p.t.Fatal(err)
	}
	io.WriteString(part, file)
	w.Close()
	return b.send(http.MethodPost, bulkPath, w.FormDataContentType(), body.String())
}

func TestBulkFromPasteToResult(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Supervisor)
	active, suspended := p.settled(resale.Active), p.settled(resale.Suspended)
	b.get("/bulk").must(t, http.StatusOK)
	address := b.postBulk(map[string]string{"act": "suspend", "refs": active.Ref + "\n" + suspended.Ref + ", nobody"}, "", "").
		must(t, http.StatusSeeOther).Header.Get("Location")
	if page := b.get(address).must(t, http.StatusOK).page(t); page.Find("#progress progress").Length() != 1 || page.Find("#rows").Length() != 0 {
		t.Error("the dry run is not under way")
	}
	p.judge()
	page := b.get(address).must(t, http.StatusOK).page(t)
	var verdicts []string
	for _, row := range page.Find("[data-row]").EachIter() {
		verdicts = append(verdicts, row.AttrOr("data-verdict", ""))
	}
	if !slices.Equal(verdicts, []string{"change", "already", "unknown"}) {
		t.Errorf("%v", verdicts)
	}
	if got := page.Find(`[data-ref="`+active.Ref+`"]`).AttrOr("data-status", ""); got != "ACTIVE" {
		t.Errorf("the row's status is %q", got)
	}
	if n := b.get(address + "?verdict=unknown").page(t).Find("[data-row]").Length(); n != 1 {
		t.Errorf("%d rows are unknown", n)
	}
	got := b.post(address+"/confirm", url.Values{"count": {"3"}}).must(t, http.StatusUnprocessableEntity)
	if page := got.page(t); !strings.Contains(page.Find("#fault").Text(), "type 1") || page.Find(".wrong input").AttrOr("value", "") != "3" {
		t.Errorf("%s", page.Find("#fault").Text())
	}
	b.post(address+"/confirm", url.Values{"count": {"1"}}).leadsTo(t, address)
	p.judge() // asks the one row
	if page := b.get(address + "?outcome=asked").page(t); page.Find(`[data-outcome="queued"]`).Length() != 1 || page.Find("#do-pause").Length() != 1 {
		t.Errorf("%s", page.Find("#rows").Text())
	}
	b.post(address+"/pause", nil).leadsTo(t, address)
	b.post(address+"/pause", nil).leadsTo(t, address)
	b.post(address+"/resume", nil).leadsTo(t, address)
	p.answer(active, resale.Done, "")
	p.judge()
	if page := b.get(address).page(t); page.Find("#progress").AttrOr("data-state", "") != "finished" || page.Find(`[data-event="bulk_finished"]`).Length() != 1 {
		t.Errorf("%s", page.Find("#progress").Text())
	}
	b.post(address+"/pause", nil).must(t, http.StatusConflict)
	file := b.get(address+".csv").must(t, http.StatusOK)
	lines, err := csv.NewReader(strings.NewReader(file.body)).ReadAll()
	if err != nil || len(lines) != 4 || !slices.Equal(lines[0], bulkColumns) || lines[1][10] != "done" || lines[3][6] != "unknown" {
		t.Errorf("%v, %v", lines, err)
	}
	if at, err := time.Parse(time.RFC3339, lines[1][14]); err != nil || at.Location() != time.UTC {
		t.Errorf("%q, %v", lines[1][14], err)
	}
	if got := file.Header.Get("Content-Disposition"); got != `attachment; filename="bulk-job-1.csv"` {
		t.Errorf("%q", got)
	}
	if page := b.get("/bulk").page(t); page.Find(`[data-state="finished"]`).Length() != 1 {
		t.Error("the list of jobs does not have it")
	}
}

func TestBulkSaysWhatIsWrong(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Supervisor)
	e := p.settled(resale.Active)
	for name, row := range map[string]struct {
		fields     map[string]string
		file, want string
	}{
		"no act":        {map[string]string{"refs": e.Ref}, "", "Choose what is to be done"},
		"no such act":   {map[string]string{"act": "create", "refs": e.Ref}, "", "cannot be done in bulk"},
		"no set":        {map[string]string{"act": "suspend"}, "", "at least one"},
		"no reason":     {map[string]string{"act": "revoke", "refs": e.Ref}, "", "Choose a reason"},
		"no product":    {map[string]string{"act": "update", "refs": e.Ref}, "", "Choose the product"},
		"two sets":      {map[string]string{"act": "suspend", "refs": e.Ref}, "ref\nx\n", "in one way"},
		"no action":     {map[string]string{"act": "file"}, "ref\nx\n", "Choose what is to be done"},
		"an action":     {map[string]string{"act": "suspend"}, "action,entitlementId\nRESUME,b-1\n", "says by itself"},
		"a bad file":    {map[string]string{"act": "suspend"}, "ref\n\"x\n", "not CSV"},
		"a bad view":    {map[string]string{"act": "suspend", "view": "status=NEVER"}, "", "is not a status"},
		"control chars": {map[string]string{"act": "suspend", "refs": "a\x01b"}, "", "cannot be shown"},
	} {
		fileName := ""
		if row.file != "" {
			fileName = "set.csv"
		}
		got := b.postBulk(row.fields, fileName, row.file)
		page := got.must(t, http.StatusUnprocessableEntity).page(t)
		if said := page.Find("#fault").Text(); !strings.Contains(said, row.want) {
			t.Errorf("%s: %q", name, said)
		}
		if act := page.Find("select[name=act] option[selected]").AttrOr("value", ""); name == "no reason" && act != "revoke" {
			t.Errorf("%s: the form forgot %q", name, act)
		}
	}
	b.send(http.MethodPost, bulkPath, "text/plain", "x").must(t, http.StatusUnsupportedMediaType)
	b.send(http.MethodPost, bulkPath, "multipart/form-data; boundary=x", "--x\r\nno end").must(t, http.StatusUnprocessableEntity)
	for _, address := range []string{"/bulk/x", "/bulk/x.csv", "/bulk/00000000-0000-7000-8000-000000000000", "/bulk/00000000-0000-7000-8000-000000000000.csv"} {
		b.get(address).must(t, http.StatusNotFound)
	}
	j := p.bulkJob("", e)
	for _, query := range []string{"?verdict=x", "?outcome=x", "?after=-1"} {
		b.get("/bulk/"+j.ID+query).must(t, http.StatusUnprocessableEntity)
	}
}

// A list hands its set over by the refs that were chosen, or as the view that it is; with an act, the dry run begins at once.
func TestBulkFromTheList(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Supervisor)
	one, two := p.settled(resale.Active), p.settled(resale.Active)
	p.settled(resale.Suspended)
	page := b.post(bulkPath, url.Values{"ref": {one.Ref, two.Ref}}).must(t, http.StatusOK).page(t)
	if got := page.Find("textarea[name=refs]").Text(); got != one.Ref+"\n"+two.Ref {
		t.Errorf("the form holds %q", got)
	}
	if page := b.post(bulkPath, url.Values{"view": {"status=ACTIVE"}}).must(t, http.StatusOK).page(t); page.Find("input[name=view]").AttrOr("value", "") != "status=ACTIVE" {
		t.Error("the form does not hold the view")
	}
	for _, set := range []url.Values{{"ref": {one.Ref, two.Ref}}, {"view": {"status=ACTIVE"}}} {
		set.Set("act", "suspend")
		address := b.post(bulkPath, set).must(t, http.StatusSeeOther).Header.Get("Location")
		p.judge()
		if n := b.get(address + "?verdict=change").page(t).Find("[data-row]").Length(); n != 2 {
			t.Errorf("%v: %d rows", set, n)
		}
	}
	if jobs, err := p.store.BulkJobs(t.Context(), 0, 10); err != nil || len(jobs) != 2 || jobs[0].Source != "the list: status ACTIVE" {
		t.Errorf("%+v, %v", jobs, err)
	}
}

// The one form that takes a file takes five megabytes of whoever is signed in; nothing else takes more than before, and nobody else.
func TestOnlyBulkTakesALargeBody(t *testing.T) {
	p := openPortal(t, with{})
	b := p.as(resale.Supervisor)
	large := "ref\n" + strings.Repeat(strings.Repeat("x", 290)+"\n", 15_000) // 4.4 MB
	address := b.postBulk(map[string]string{"act": "suspend"}, "Größe.csv", large).must(t, http.StatusSeeOther).Header.Get("Location")
	if j, err := p.store.BulkJob(t.Context(), strings.TrimPrefix(address, "/bulk/")); err != nil || j.Counts.Given != 15_000 || j.Source != "the file Größe.csv" {
		t.Errorf("%+v, %v", j.Counts, err)
	}
	got := b.postBulk(map[string]string{"act": "suspend"}, "more.csv", large+large).must(t, http.StatusRequestEntityTooLarge)
	if !strings.Contains(got.body, "5 MiB") {
		t.Errorf("%.300s", got.body)
	}
	// Whoever has no signed cookie, and every other address, is cut off where they were.
	for _, try := range []struct{ path, cookie string }{{bulkPath, ""}, {bulkPath, p.app.sessions.cookie + "=forged"}, {"/customers", b.cookie.String()}} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.address, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nCookie: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", try.path, try.cookie, formType, bodyLimit+1)
		answer := make([]byte, 64)
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := conn.Read(answer) // before any of the body was sent
		if conn.Close(); err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 413") {
			t.Errorf("%s with %.20q: %q, %v", try.path, try.cookie, answer[:n], err)
		}
	}
}
