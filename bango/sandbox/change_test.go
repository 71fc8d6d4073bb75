package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// ways are merchants for each way to change.
var ways = []Merchant{
	{Key: "NOW", Name: "Now", Products: []Product{{Key: "p", Name: "P"}}},
	{Key: "LATER", Name: "Later", EndsLater: true, Products: []Product{{Key: "p", Name: "P"}}},
	{Key: "NEVER", Name: "Never", NoSuspend: true, Products: []Product{{Key: "p", Name: "P"}}},
	{Key: "SLOW", Name: "Slow", Async: 20 * time.Millisecond, Products: []Product{{Key: "p", Name: "P"}}},
	{Key: "STUCK", Name: "Stuck", Async: time.Hour, Products: []Product{{Key: "p", Name: "P"}}},
}

func newWays(t *testing.T) *rig { return newRig(t, func(c *Config) { c.Merchants = ways }) }

const reason = `{"cancelReasonCategory":"CUSTOMER_CANCELLED","cancelReasonCode":"NOT_RENEWED"}`

// ask asks for a change.
func (r *rig) ask(o operation, id string, header ...string) (int, string) {
	r.t.Helper()
	switch o {
	case suspend:
		return r.call("PATCH", "/v1/entitlement", fmt.Sprintf(`{"entitlementId":%q,"entitlementBenefits":"SUSPENDED"}`, id), header...)
	case resume:
		return r.call("PATCH", "/v1/entitlement", fmt.Sprintf(`{"entitlementId":%q,"entitlementBenefits":"NORMAL"}`, id), header...)
	}
	return r.call("POST", "/v1/entitlement/"+string(o)+"/"+id, reason, header...)
}

// one makes an entitlement of a status, each step a minute after the former, and forgets what was notified until then.
func (r *rig) one(customer, merchant, status string) Entitlement {
	r.t.Helper()
	e := r.create(customer, merchant, "p")
	step := func(to string) {
		r.clock.advance(time.Minute)
		r.mu.Lock()
		r.change(r.byID[e.ID], to)
		r.mu.Unlock()
	}
	if status != statusPending {
		step(statusActive)
	}
	if status != statusPending && status != statusActive {
		step(status)
	}
	r.delivered()
	r.reseller.mu.Lock()
	r.reseller.received = nil
	r.reseller.mu.Unlock()
	r.clock.advance(time.Minute)
	return r.newest()
}

// What becomes of each status by each operation: the status after it and the notification's reason; = where nothing changes and all is
// well, ! where it is refused with a 400, !! with a 409.
func TestChanges(t *testing.T) {
	const table = `
		status        operation  NOW                             LATER
		PENDING       suspend    !                               !
		PENDING       resume     !                               !
		PENDING       cancel     CANCELLED:TERMINATION_SUCCESS   CANCELLED:TERMINATION_SUCCESS
		PENDING       revoke     REVOKED:TERMINATION_SUCCESS     REVOKED:TERMINATION_SUCCESS
		ACTIVE        suspend    SUSPENDED:SUSPENSION_SUCCESS    SUSPENDED:SUSPENSION_SUCCESS
		ACTIVE        resume     =                               =
		ACTIVE        cancel     CANCELLED:TERMINATION_SUCCESS   ACTIVE-ENDING:TERMINATION_PENDING
		ACTIVE        revoke     REVOKED:TERMINATION_SUCCESS     REVOKED:TERMINATION_SUCCESS
		SUSPENDED     suspend    =                               =
		SUSPENDED     resume     ACTIVE:RESUMPTION_SUCCESS       ACTIVE:RESUMPTION_SUCCESS
		SUSPENDED     cancel     CANCELLED:TERMINATION_SUCCESS   CANCELLED:TERMINATION_SUCCESS
		SUSPENDED     revoke     REVOKED:TERMINATION_SUCCESS     REVOKED:TERMINATION_SUCCESS
		ACTIVE-ENDING suspend    !                               !
		ACTIVE-ENDING resume     ACTIVE:METADATA_UPDATE          ACTIVE:METADATA_UPDATE
		ACTIVE-ENDING cancel     !!                              !!
		ACTIVE-ENDING revoke     REVOKED:TERMINATION_SUCCESS     REVOKED:TERMINATION_SUCCESS
		CANCELLED     suspend    !                               !
		CANCELLED     resume     !                               !
		CANCELLED     cancel     !!                              !!
		CANCELLED     revoke     !!                              !!
		REVOKED       suspend    !                               !
		REVOKED       resume     !                               !
		REVOKED       cancel     !!                              !!
		REVOKED       revoke     !!                              !!`
	r := newWays(t)
	rows := strings.Split(strings.TrimSpace(table), "\n")
	merchants := strings.Fields(rows[0])[2:]
	for i, row := range rows[1:] {
		fields := strings.Fields(row)
		for column, merchant := range merchants {
			before := r.one(fmt.Sprint("c", i), merchant, fields[0])
			status, answer := r.ask(operation(fields[1]), before.ID, "X-RequestIdentifier", fmt.Sprint(merchant, i))
			r.delivered()
			after, notifications := r.newest(), r.reseller.all()
			name, want := strings.Join(fields[:2], ", ")+" at "+merchant, fields[2+column]
			switch {
			case want == "!" || want == "!!":
				wantStatus := map[string]int{"!": 400, "!!": 409}[want]
				if status != wantStatus || !strings.HasPrefix(answer, `{"responseCode":"BAD_REQUEST","responseMessage":"`+messageInvalid+"The entitlement ") {
					t.Errorf("%s: HTTP %d %s", name, status, answer)
				}
				if after.Status != before.Status || after.LastUpdated != before.LastUpdated || len(notifications) != 0 || len(after.RequestIdentifiers) != 0 {
					t.Errorf("%s: it was refused, and is %+v; %d notifications", name, after, len(notifications))
				}
			case want == "=":
				if status != 200 || !strings.Contains(answer, `"status":"`+before.Status+`"`) || after.LastUpdated != before.LastUpdated || len(notifications) != 0 {
					t.Errorf("%s: HTTP %d %s, %+v; %d notifications", name, status, answer, after, len(notifications))
				}
			default:
				to, reason, _ := strings.Cut(want, ":")
				if status != 200 || !strings.HasPrefix(answer, `{"responseCode":"OK","responseMessage":"Success","parameters":null,"entitlementId":"`+before.ID+
					`","status":"`+to+`"`) {
					t.Errorf("%s: HTTP %d %s", name, status, answer)
				}
				if after.Status != to || !after.LastUpdated.Equal(r.now()) || !slices.Equal(after.RequestIdentifiers, []string{fmt.Sprint(merchant, i)}) {
					t.Errorf("%s: it is %+v", name, after)
				}
				if len(notifications) != 1 || !strings.Contains(notifications[0].body, `"status":"`+to+`"`) ||
					!strings.HasSuffix(notifications[0].body, `"notificationReason":"`+reason+`"}`) {
					t.Errorf("%s: notifications %v", name, notifications)
				}
			}
		}
	}
}

// Each date tells of the last time, and the activation's stays.
func TestTheDatesOfALife(t *testing.T) {
	r := newWays(t)
	e := r.one("cust-001", "LATER", statusActive) // created at 9:00, active at 9:01; it is 9:02
	dates := func(want string) {
		t.Helper()
		_, answer := r.call("GET", "/v1/entitlement/"+e.ID, "")
		if !strings.Contains(answer, `"dateCreated":"2021-03-01T09:00:00Z","dateActivated":"2021-03-01T09:01:00Z",`+want) {
			t.Errorf("%s\nis without %s", answer, want)
		}
		r.clock.advance(time.Minute)
	}
	r.ask(suspend, e.ID)
	dates(`"dateEnded":null,"dateSuspended":"2021-03-01T09:02:00Z","dateResumed":null,"dateLastUpdated":"2021-03-01T09:02:00Z"`)
	r.ask(resume, e.ID)
	dates(`"dateEnded":null,"dateSuspended":"2021-03-01T09:02:00Z","dateResumed":"2021-03-01T09:03:00Z","dateLastUpdated":"2021-03-01T09:03:00Z"`)
	r.ask(cancel, e.ID)
	dates(`"dateEnded":"2021-03-31T09:04:00Z","dateSuspended":"2021-03-01T09:02:00Z","dateResumed":"2021-03-01T09:03:00Z",` +
		`"dateLastUpdated":"2021-03-01T09:04:00Z"`)
	got := r.newest()
	if !got.Ended.Equal(time.Date(2021, 3, 31, 9, 4, 0, 0, time.UTC)) || got.Suspended.Minute() != 2 || got.Resumed.Minute() != 3 {
		t.Errorf("%+v", got)
	}
	status, answer := r.ask(cancel, e.ID)
	r.wantAnswer(status, answer, 409, refusal("BAD_REQUEST", messageInvalid+"The entitlement is already cancelled, and ends at 2021-03-31T09:04:00Z"))
	r.ask(revoke, e.ID)
	dates(`"dateEnded":"2021-03-01T09:05:00Z","dateSuspended":"2021-03-01T09:02:00Z","dateResumed":"2021-03-01T09:03:00Z",` +
		`"dateLastUpdated":"2021-03-01T09:05:00Z"`)
	r.delivered()
}

func TestAnAnnouncedEndComes(t *testing.T) {
	r := newWays(t)
	e := r.one("c", "LATER", statusActiveEnding)     // since 9:02; it is 9:03
	other := r.one("d", "LATER", statusActiveEnding) // since 9:05; it is 9:06
	r.clock.advance(endsAfter - 3*time.Minute)
	eventually(t, "ended", func() bool { return r.Entitlements()[0].Status == statusCancelled })
	r.delivered()
	got, all := r.Entitlements()[0], r.reseller.all()
	if !got.Ended.Equal(e.Ended) || !got.LastUpdated.Equal(r.now()) {
		t.Errorf("it was to end at %v, and is %+v", e.Ended, got)
	}
	if len(all) != 1 || !strings.Contains(all[0].body, `"status":"CANCELLED"`) || !strings.Contains(all[0].body, `"notificationReason":"TERMINATION_SUCCESS"`) {
		t.Errorf("notifications %v", all)
	}
	if got := r.newest(); got.Status != statusActiveEnding || got.ID != other.ID {
		t.Errorf("one whose date has not come is %s", got.Status)
	}
	if e := r.create("c", "LATER", "p"); e.Status != statusPending {
		t.Errorf("the customer comes back: %s", e.Status)
	}
}

func TestAMerchantThatCannotSuspend(t *testing.T) {
	r := newWays(t)
	e := r.one("c", "NEVER", statusActive)
	for _, o := range []operation{suspend, resume} {
		status, answer := r.ask(o, e.ID)
		r.wantAnswer(status, answer, 400, refusal("NOT_AVAILABLE", "Never can neither suspend nor resume"))
	}
	if status, answer := r.ask(cancel, e.ID); status != 200 {
		t.Errorf("cancel: HTTP %d %s", status, answer)
	}
	r.delivered()
}

func TestAMerchantThatTakesItsTime(t *testing.T) {
	r := newWays(t)
	e := r.one("c", "SLOW", statusActive)
	for _, c := range []struct {
		operation        operation
		from, to, reason string
	}{
		{suspend, "ACTIVE", "SUSPENDED", "SUSPENSION_SUCCESS"},
		{resume, "SUSPENDED", "ACTIVE", "RESUMPTION_SUCCESS"},
		{cancel, "ACTIVE", "CANCELLED", "TERMINATION_SUCCESS"},
	} {
		_, before := r.call("GET", "/v1/entitlement/"+e.ID, "")
		status, answer := r.ask(c.operation, e.ID)
		want := strings.Replace(before, `"Success"`, `"Accepted"`, 1) // the record as it still is
		r.wantAnswer(status, answer, 202, want)
		if !strings.Contains(answer, `"status":"`+c.from+`"`) {
			t.Errorf("%s: %s", c.operation, answer)
		}
		eventually(t, c.to, func() bool { return r.newest().Status == c.to })
		r.delivered()
		all := r.reseller.all()
		if last := all[len(all)-1].body; !strings.Contains(last, `"status":"`+c.to+`"`) || !strings.Contains(last, `"notificationReason":"`+c.reason+`"`) {
			t.Errorf("%s: %s", c.operation, last)
		}
	}
	if got := r.reseller.all(); len(got) != 3 || !strings.Contains(got[2].body, `"cancelReasonCode":"NOT_RENEWED"`) {
		t.Errorf("notifications %v", got)
	}
}

// Of two endings that are queued together, the second has nothing left to do.
func TestAQueuedChangeThatCameTooLateIsDropped(t *testing.T) {
	r := newWays(t)
	e := r.one("c", "SLOW", statusActive)
	for range 2 {
		if status, answer := r.ask(revoke, e.ID); status != 202 {
			t.Fatalf("HTTP %d %s", status, answer)
		}
	}
	last := r.one("d", "SLOW", statusActive)
	r.ask(suspend, last.ID) // what comes after the two has come when they have
	eventually(t, "suspended", func() bool { return r.newest().Status == statusSuspended })
	eventually(t, "revoked", func() bool { return r.Entitlements()[0].Status == statusRevoked })
	r.delivered()
	count := 0
	for _, n := range r.reseller.all() {
		if strings.Contains(n.body, e.ID) {
			count++
		}
	}
	if count > 1 { // none is left where the other entitlement was made ready meanwhile
		t.Errorf("%d notifications of one end", count)
	}
}

// Close does not wait for a merchant that takes an hour; goleak sees whoever would.
func TestCloseDropsWhatIsQueued(t *testing.T) {
	r := newWays(t)
	e := r.one("c", "STUCK", statusActive)
	if status, answer := r.ask(cancel, e.ID); status != 202 {
		t.Fatalf("HTTP %d %s", status, answer)
	}
	r.Close()
	if status, _ := r.ask(cancel, e.ID); status != 202 {
		t.Errorf("after Close: HTTP %d", status)
	}
	if got := r.newest(); got.Status != statusActive || r.Pending() != 0 {
		t.Errorf("%+v", got)
	}
}

func TestAChangeIsMadeOnceForItsRequestIdentifier(t *testing.T) {
	r := newWays(t)
	e := r.one("c", "LATER", statusActive)
	status, first := r.ask(suspend, e.ID, "X-RequestIdentifier", "r-1")
	r.ask(resume, e.ID, "X-RequestIdentifier", "r-2")
	again, answer := r.ask(suspend, e.ID, "X-RequestIdentifier", "r-1")
	r.wantAnswer(again, answer, status, first)
	if got := r.newest(); got.Status != statusActive || !slices.Equal(got.RequestIdentifiers, []string{"r-1", "r-2"}) {
		t.Errorf("%+v", got)
	}

	// One identifier is one request: the body alone does not make it the same.
	other := refusal("BAD_REQUEST", messageInvalid+"X-RequestIdentifier parameter is invalid: it came before with another request")
	status, answer = r.ask(resume, e.ID, "X-RequestIdentifier", "r-1")
	r.wantAnswer(status, answer, 400, other)
	if status, answer = r.ask(cancel, e.ID, "X-RequestIdentifier", "r-3"); status != 200 {
		t.Errorf("HTTP %d %s", status, answer)
	}
	status, answer = r.ask(revoke, e.ID, "X-RequestIdentifier", "r-3")
	r.wantAnswer(status, answer, 400, other)
	status, answer = r.ask(cancel, "another", "X-RequestIdentifier", "r-3")
	r.wantAnswer(status, answer, 400, other)

	// Together, too: one of them ends it, and all are told so.
	var mu sync.Mutex
	answers := map[string]int{}
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			status, answer := r.ask(revoke, e.ID, "X-RequestIdentifier", "r-4")
			mu.Lock()
			defer mu.Unlock()
			answers[fmt.Sprint(status, answer)]++
		})
	}
	group.Wait()
	for answer, n := range answers {
		if n != 16 || !strings.HasPrefix(answer, "200") {
			t.Errorf("%d got %s", n, answer)
		}
	}
	r.delivered()
}

func TestReasonAndCustomPropertiesComeBack(t *testing.T) {
	r := newWays(t)
	for i, c := range []struct{ before, want string }{
		{``, `{"cancelReasonCategory":"REVOKED","cancelReasonCode":"OTHER","cancelReasonDescription":"ä","ticket":{"n":[1]}}`},
		{`"extensionData":{"Param1":"123","ticket":"old"},`,
			`{"Param1":"123","cancelReasonCategory":"REVOKED","cancelReasonCode":"OTHER","cancelReasonDescription":"ä","ticket":{"n":[1]}}`},
		{`"extensionData":"words",`,
			`{"cancelReasonCategory":"REVOKED","cancelReasonCode":"OTHER","cancelReasonDescription":"ä","extensionData":"words","ticket":{"n":[1]}}`},
	} {
		r.call("POST", "/v1/entitlement", strings.Replace(r.body(fmt.Sprint("c", i), "NOW", "p"), "{", "{"+c.before, 1))
		e := r.newest()
		status, answer := r.call("POST", "/v1/entitlement/revoke/"+e.ID,
			`{"cancelReasonCategory":"REVOKED","cancelReasonCode":"OTHER","cancelReasonDescription":"ä","ticket": {"n": [1]}}`)
		if want := `"extensionData":` + c.want + `}`; status != 200 || !strings.HasSuffix(answer, want) {
			t.Errorf("HTTP %d %s\nwant %s", status, answer, want)
		}
		r.delivered()
		all := r.reseller.all()
		if last := all[len(all)-1].body; !strings.Contains(last, `"extensionData":`+c.want+`,`) {
			t.Errorf("the notification: %s", last)
		}
	}
}

func TestWhatIsWrongWithAChangeIsNamed(t *testing.T) {
	r := newWays(t)
	e := r.one("c", "NOW", statusActive)
	update := func(members string) [2]string {
		return [2]string{"PATCH /v1/entitlement", `{"entitlementId":"` + e.ID + `"` + members + `}`}
	}
	end := func(o operation, body string) [2]string {
		return [2]string{"POST /v1/entitlement/" + string(o) + "/" + e.ID, body}
	}
	category := `"cancelReasonCategory":"REVOKED"`
	for _, c := range []struct {
		call [2]string
		want string
	}{
		{[2]string{"PATCH /v1/entitlement", `{"entitlementBenefits":"NORMAL"}`}, "entitlementId parameter is required"},
		{update(``), "The update has nothing to change"},
		{update(`,"entitlementBenefits":"suspended"`), "entitlementBenefits parameter is invalid"},
		{update(`,"entitlementBenefits":null`), "entitlementBenefits parameter is required"},
		{update(`,"entitlementBenefits":"NORMAL","productKey":"p"`), "status and entitlementBenefits are updated alone"},
		{update(`,"entitlementBenefits":"NORMAL","status":"ACTIVE"`), "status and entitlementBenefits are updated alone"},
		{update(`,"status":"CANCELLED"`), "An update cannot make the status CANCELLED; cancel or revoke instead"},
		{update(`,"status":"REVOKED"`), "An update cannot make the status REVOKED; cancel or revoke instead"},
		{update(`,"status":"SUSPENDED"`), "status parameter is invalid"},
		{update(`,"productKey":null`), "productKey parameter is required"},
		{update(`,"productKey":"q"`), "productKey parameter is invalid"},
		{update(`,"offerKey":"o"`), "offerKey parameter is invalid"},
		{update(`,"customerIdentifier":""`), "customerIdentifier parameter is required"},
		{update(`,"notificationUrl":null`), "notificationUrl parameter is required"},
		{update(`,"notificationUrl":"ftp://x.example"`), "notificationUrl parameter is invalid"},
		{update(`,"dateExpiry":"tomorrow"`), "dateExpiry parameter is invalid"},
		{update(`,"extensionData":[]`), "extensionData parameter is invalid"},
		{update(`,"merchantAccountKey":"LATER"`), `"merchantAccountKey" parameter is invalid`},
		{update(`,"benefits":"NORMAL"`), `"benefits" parameter is invalid`},
		{[2]string{"PATCH /v1/entitlement", `[]`}, "The body is not a JSON object"},
		{end(cancel, `{}`), "cancelReasonCategory parameter is required"},
		{end(cancel, `{"cancelReasonCode":"OTHER"}`), "cancelReasonCategory parameter is required"},
		{end(revoke, `{`+category+`}`), "cancelReasonCode parameter is required"},
		{end(revoke, `{`+category+`,"cancelReasonCode":"NOT_RENEWED"}`), "cancelReasonCode parameter is invalid"},
		{end(revoke, `{"revokeReasonCategory":"REVOKED","revokeReasonCode":"OTHER"}`), "cancelReasonCategory parameter is required"},
		{end(revoke, `{"cancelReasonCategory":"OTHER","cancelReasonCode":"OTHER"}`), "cancelReasonCategory parameter is invalid"},
		{end(revoke, `{"cancelReasonCategory":1,"cancelReasonCode":"OTHER"}`), "cancelReasonCategory parameter is invalid"},
		{end(cancel, `{`+category+`,"cancelReasonCode":"OTHER","cancelreasondescription":"x"}`), `"cancelreasondescription" parameter is invalid`},
		{end(cancel, `{`+category+`,"cancelReasonCode":"OTHER","cancelReasonDescription":"`+strings.Repeat("x", 2001)+`"}`),
			"cancelReasonDescription parameter is invalid"},
		{end(cancel, `{`+category+`,"cancelReasonCode":"OTHER","a":"`+strings.Repeat("x", 4<<10)+`"}`), "The custom properties are longer than 4096 bytes"},
		{end(cancel, ``), "The Content-Type is not application/json"},
	} {
		method, path, _ := strings.Cut(c.call[0], " ")
		status, answer := r.call(method, path, c.call[1])
		r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageInvalid+c.want))
	}
	for _, o := range []operation{suspend, resume, cancel, revoke} {
		status, answer := r.ask(o, "none")
		r.wantAnswer(status, answer, 404, refusal("NOT_FOUND", "There is no such entitlement"))
	}
	if got := r.newest(); got.Status != statusActive {
		t.Errorf("it is %s", got.Status)
	}
	// Every reason of the list is taken, and so is the longest description.
	for category, codes := range reasons[1] {
		for _, code := range append(codes, "OTHER") {
			body := fmt.Sprintf(`{"cancelReasonCategory":%q,"cancelReasonCode":%q,"cancelReasonDescription":%q}`, category, code, strings.Repeat("x", 2000))
			if _, problem := parseEnding([]byte(body), 1); problem != "" {
				t.Errorf("%s, %s: %s", category, code, problem)
			}
		}
	}
}

func TestTheStartPageShowsTheLife(t *testing.T) {
	r := newWays(t)
	r.one("c", "LATER", statusActiveEnding) // since 9:02
	r.wantPage(r.server.URL+"/", 200, `<span class="status ACTIVE-ENDING">ACTIVE-ENDING</span>`, "ends 31 Mar 2021 09:02:00 UTC",
		"goes on for 30 days after a cancel", "cannot suspend", "takes 1h for a change")
	r.one("d", "LATER", statusSuspended)
	r.wantPage(r.server.URL+"/", 200, `<span class="status SUSPENDED">SUSPENDED</span>`)
}

// A page that the end user kept open does not blame them for what the reseller did.
func TestTheDonePageAfterTheResellerEndedIt(t *testing.T) {
	r := newWays(t)
	for _, status := range []string{statusPending, statusActive} {
		e := r.one("c", "NOW", status)
		r.ask(revoke, e.ID)
		r.wantPage(strings.Replace(e.RegistrationURL, "/register/", "/done/", 1), 404, "<h1>This link is not valid any more</h1>")
	}
	r.delivered()
}
