package sandbox

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// music makes an entitlement of generation 2's Bango Music.
func (r *rig) music(merchant string, header ...string) (Entitlement, int, string) {
	r.t.Helper()
	status, answer := r.call("POST", "/v2/entitlement", r.body("c", merchant, "MUSIC"), header...)
	return r.newest(), status, answer
}

func TestBangoMusicOfGeneration2(t *testing.T) {
	r := newRig(t)
	e, status, answer := r.music("BANGO_US")
	expiry := `"parameters":{"action":"NAVIGATE_TO_URL","url":"` + e.RegistrationURL + `","urlExpiry":"2021-03-02T09:00:00Z"}`
	if status != 202 || !strings.HasPrefix(answer, `{"responseCode":"CLIENT_ACTION_REQUIRED","responseMessage":"Action required",`+expiry+`,"entitlementId":"`+e.ID+`","status":"PENDING"`) {
		t.Errorf("HTTP %d %s", status, answer)
	}
	r.clock.advance(time.Minute)
	for range 2 { // the same address
		status, answer = r.call("GET", "/v2/entitlement/activationInfo/"+e.ID, "")
		if status != 200 || !strings.HasPrefix(answer, `{"responseCode":"OK","responseMessage":"Success",`+expiry+`,"entitlementId":"`+e.ID+`","status":"PENDING"`) {
			t.Errorf("HTTP %d %s", status, answer)
		}
	}
	r.MoveClock(24 * time.Hour) // its time is over
	status, answer = r.call("GET", "/v2/entitlement/activationInfo/"+e.ID, "")
	if fresh := r.newest().RegistrationURL; status != 200 || fresh == e.RegistrationURL || !strings.Contains(answer, fresh+`","urlExpiry":"2021-03-03T09:01:00Z"}`) {
		t.Errorf("HTTP %d %s", status, answer)
	}
	r.press(r.newest().RegistrationURL, "finish")
	r.wantTold("ACTIVE:ACTIVATION_SUCCESS")
	status, answer = r.call("GET", "/v2/entitlement/activationInfo/"+e.ID, "")
	r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageInvalid+"The entitlement is ACTIVE; only of one that is PENDING there is activation info"))
	status, answer = r.call("GET", "/v2/entitlement/activationInfo/none", "")
	r.wantAnswer(status, answer, 404, refusal("NOT_FOUND", "There is no such entitlement"))

	// Suspend and resume are operations, and no updates.
	for _, c := range []struct{ call, body, want string }{
		{"PATCH /v2/entitlement", `{"entitlementId":"` + e.ID + `","productKey":"MUSIC_PREMIUM"}`, "ACTIVE:PRODUCT_UPDATE"},
		{"POST /v2/entitlement/suspend/" + e.ID, `{}`, "SUSPENDED:SUSPENSION_SUCCESS"},
		{"POST /v2/entitlement/resume/" + e.ID, `{}`, "ACTIVE:RESUMPTION_SUCCESS"},
		{"POST /v2/entitlement/cancel/" + e.ID, `{}`, "CANCELLED:TERMINATION_SUCCESS"},
	} {
		method, path, _ := strings.Cut(c.call, " ")
		if status, answer := r.call(method, path, c.body); status != 200 || !strings.HasPrefix(answer, `{"responseCode":"OK"`) {
			t.Errorf("%s: HTTP %d %s", c.call, status, answer)
		}
		all, _ := r.told()
		if last := all[len(all)-1]; last != c.want {
			t.Errorf("%s: told %q", c.call, all)
		}
	}
	for _, o := range []operation{cancel, revoke} {
		status, answer := r.call("POST", "/v2/entitlement/"+string(o)+"/"+e.ID, `{}`)
		r.wantAnswer(status, answer, 409, refusal("BAD_REQUEST", messageInvalid+"The entitlement has already ended: it is CANCELLED"))
	}
	status, answer = r.call("PATCH", "/v2/entitlement", `{"entitlementId":"`+e.ID+`","entitlementBenefits":"NORMAL"}`)
	r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageInvalid+`"entitlementBenefits" parameter is invalid`))
	status, answer = r.call("POST", "/v2/entitlement/suspend/"+e.ID, `{"x":1}`)
	r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageInvalid+`"x" parameter is invalid`))
}

func TestGenerationsAreApart(t *testing.T) {
	r := newRig(t)
	e, _, _ := r.music("BANGO_US")
	old := r.create("c", "BANGO", "BangoMusic")
	for path, body := range map[string]string{"/v1/entitlement": r.body("d", "BANGO_US", "MUSIC"), "/v2/entitlement": r.body("d", "BANGO", "BangoMusic")} {
		status, answer := r.call("POST", path, body)
		r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageInvalid+"merchantAccountKey parameter is invalid"))
	}
	for path, id := range map[string]string{"/v1/entitlement/": e.ID, "/v2/entitlement/": old.ID} {
		status, answer := r.call("GET", path+id, "")
		r.wantAnswer(status, answer, 404, refusal("NOT_FOUND", "There is no such entitlement"))
	}
	for version, id := range map[string]string{"/v1": old.ID, "/v2": e.ID} {
		_, answer := r.call("POST", version+"/entitlement/report", `{"customerIdentifier":"c"}`)
		if strings.Count(answer, `"entitlementId"`) != 1 || member(answer, "entitlementId") != id {
			t.Errorf("%s: %s", version, answer)
		}
		status, answer := r.call("GET", version+"/echo/x", "")
		r.wantAnswer(status, answer, 200, `{"responseCode":"OK","responseMessage":"Success","echo":"x"}`)
	}
	for _, route := range []string{"POST /v1/entitlement/suspend/" + old.ID, "GET /v1/entitlement/activationInfo/" + old.ID, "PUT /v2/entitlement"} {
		method, path, _ := strings.Cut(route, " ")
		status, answer := r.call(method, path, "{}")
		r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageInvalid+"The sandbox has no operation "+route))
	}
}

func TestMagicNumbers(t *testing.T) {
	for _, c := range []struct {
		merchant, magic string
		status          int
		want, is        string
	}{
		{"BANGO_US", "CREATE_REQUEST_RETURNS_ACTIVATION_REQUIRED", 202, `{"responseCode":"CLIENT_ACTION_REQUIRED",`, statusPending},
		{"BANGO_US", "CREATE_REQUEST_RETURNS_CREATED", 201, `{"responseCode":"OK","responseMessage":"Success","parameters":null,`, statusPending},
		{"BANGO_US", "CREATE_REQUEST_RETURNS_ACTIVATED", 200, `{"responseCode":"OK","responseMessage":"Success","parameters":null,`, statusActive},
	} {
		r := newRig(t)
		e, status, answer := r.music(c.merchant, "X-Magic-Number", c.magic)
		if status != c.status || !strings.HasPrefix(answer, c.want) || e.Status != c.is || (e.RegistrationURL == "") != (c.status != 202) {
			t.Errorf("%s: HTTP %d %s", c.magic, status, answer)
		}
		r.delivered()
	}
	r := newRig(t)
	status, answer := r.call("POST", "/v2/entitlement", r.body("c", "BANGO_US", "MUSIC"), "X-Magic-Number", "7")
	r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageInvalid+"X-Magic-Number parameter is invalid"))
	if status, _ := r.call("POST", "/v1/entitlement", r.body("c", "BANGO", "BangoMusic"), "X-Magic-Number", magicActivated); status != 202 {
		t.Errorf("generation 1 looks at it: HTTP %d", status)
	}

	// What was created without an address gets one, or a code that stays.
	e, _, _ := r.music("BANGO_US", "X-Magic-Number", magicCreated)
	info := "/v2/entitlement/activationInfo/" + e.ID
	var codes []string
	for range 2 {
		status, answer = r.call("GET", info, "", "X-Magic-Number", "ACTIVATION_INFO_RETURNS_ACTIVATION_CODE")
		codes = append(codes, member(answer, "activationCode"))
		if status != 200 || !strings.HasPrefix(answer, `{"responseCode":"OK","responseMessage":"Success","parameters":null,`) || len(codes[0]) != 8 || codes[0] != codes[len(codes)-1] {
			t.Errorf("HTTP %d %s", status, answer)
		}
	}
	status, answer = r.call("GET", info, "", "X-Magic-Number", "ACTIVATION_INFO_RETURNS_ACTIVATION_URL")
	if url := r.newest().RegistrationURL; status != 200 || url == "" || member(answer, "url") != url {
		t.Errorf("HTTP %d %s", status, answer)
	}
	status, answer = r.call("GET", info, "", "X-Magic-Number", magicCreated)
	r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageInvalid+"X-Magic-Number parameter is invalid"))
	r.complete(e.ID, Finish)
	r.delivered()
}

func TestReasonsOfGeneration2(t *testing.T) {
	for body, want := range map[string]string{
		`{}`: "",
		`{"cancelReasonCategory":"REVOKED","cancelReasonCode":"IMMEDIATE_CANCELLATION"}`: "",
		`{"cancelReasonDescription":"why","ticket":1}`:                                   "",
		`{"cancelReasonCategory":"REVOKED","cancelReasonCode":"SUSPENDED_CANCEL"}`:       "cancelReasonCode parameter is invalid",
		`{"cancelReasonCategory":"ACTIVATION_ROLLBACK","cancelReasonCode":"FRAUD"}`:      "cancelReasonCategory parameter is invalid",
		`{"cancelReasonCategory":"REVOKED"}`:                                             "cancelReasonCode parameter is required",
		`{"cancelReasonCode":"FRAUD"}`:                                                   "cancelReasonCategory parameter is required",
		`{"ticket":"` + strings.Repeat("x", maxExtension) + `"}`:                         "The custom properties are longer than 4096 bytes",
	} {
		if _, problem := parseEnding([]byte(body), 2); problem != want && problem != messageInvalid+want {
			t.Errorf("%.100s: %q, want %q", body, problem, want)
		}
	}
	for category, codes := range reasons[2] {
		for _, code := range codes {
			if _, problem := parseEnding(fmt.Appendf(nil, `{"cancelReasonCategory":%q,"cancelReasonCode":%q}`, category, code), 2); problem != "" {
				t.Errorf("%s, %s: %s", category, code, problem)
			}
		}
	}
}

// src: Gen 2 bango-music
func TestAnAsynchronousTerminationOfGeneration2(t *testing.T) {
	r := newRig(t)
	e, _, _ := r.music("BANGO_US_ASYNC")
	r.complete(e.ID, Finish)
	status, answer := r.call("POST", "/v2/entitlement/revoke/"+e.ID, `{}`)
	if status != 202 || !strings.HasPrefix(answer, `{"responseCode":"OK","responseMessage":"Accepted"`) || member(answer, "status") != statusActive {
		t.Errorf("HTTP %d %s", status, answer)
	}
	r.mu.Lock()
	for q := range r.queue {
		if left := time.Until(q.due); left > 5*time.Second || left < 4*time.Second {
			t.Errorf("it follows after %s, want 5 s", left)
		}
	}
	r.mu.Unlock()
	r.MoveClock(5 * time.Second)
	eventually(t, "revoked", func() bool { return r.newest().Status == statusRevoked })
	r.wantTold("ACTIVE:ACTIVATION_SUCCESS", "REVOKED:TERMINATION_SUCCESS")
}
