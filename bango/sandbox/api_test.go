package sandbox

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var uuidV4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestWithoutTheCredentialsNothingIsAnswered(t *testing.T) {
	r := newRig(t)
	for _, route := range []string{"GET /v1/echo/1", "POST /v1/entitlement", "GET /v1/entitlement/1", "POST /v1/entitlement/report", "PATCH /v1/entitlement",
		"POST /v1/entitlement/cancel/1", "POST /v1/entitlement/revoke/1", "GET /v1/products/MyOrganization", "POST /v2/entitlement",
		"GET /v2/entitlement/activationInfo/1", "POST /v2/entitlement/suspend/1", "POST /v2/entitlement/resume/1"} {
		for _, credentials := range [][2]string{{"MyOrganization", "wrong"}, {"wrong", "elephant-notepad-dancer"}, {"", ""}} {
			method, path, _ := strings.Cut(route, " ")
			req, _ := http.NewRequest(method, r.server.URL+path, strings.NewReader(r.body("c", "BANGO", "BangoMusic")))
			req.Header.Set("Content-Type", "application/json")
			if credentials[0] != "" {
				req.SetBasicAuth(credentials[0], credentials[1])
			}
			status, header, answer := r.send(req)
			r.wantAnswer(status, answer, 401, refusal("UNAUTHORIZED", "The user name or the password is not valid"))
			if !strings.HasPrefix(header.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("%s: WWW-Authenticate is %q", route, header.Get("WWW-Authenticate"))
			}
		}
	}
	if n := len(r.Entitlements()); n != 0 {
		t.Errorf("%d entitlements were made", n)
	}
	// The worked example of the documentation. src: platform/connectivity/basic-auth
	status, answer := r.call("GET", "/v1/echo/1", "", "Authorization", "Basic TXlPcmdhbml6YXRpb246ZWxlcGhhbnQtbm90ZXBhZC1kYW5jZXI=")
	r.wantAnswer(status, answer, 200, `{"responseCode":"OK","responseMessage":"Success","echo":"1"}`)
}

func TestEchoRepeatsTheID(t *testing.T) {
	r := newRig(t)
	status, answer := r.call("GET", "/v1/echo/a%20b%2Fc", "")
	r.wantAnswer(status, answer, 200, `{"responseCode":"OK","responseMessage":"Success","echo":"a b/c"}`)
}

// pendingRecord is the record of the documentation's example, from entitlementId on.
const pendingRecord = `"entitlementId":"%s","status":"PENDING","dateCreated":"2021-03-01T09:00:00Z","dateActivated":null,"dateEnded":null,` +
	`"dateSuspended":null,"dateResumed":null,"dateLastUpdated":"2021-03-01T09:00:00Z","customerIdentifier":"cust-001","merchantAccountKey":"BANGO",` +
	`"productKey":"BangoMusic","offerKey":null,"activationCode":null,"entitlementDisplayName":"Bango Music","dateExpiry":null,"extensionData":null`

func TestCreateIsAnsweredToTheByte(t *testing.T) {
	r := newRig(t)
	status, answer := r.call("POST", "/v1/entitlement", r.body("cust-001", "BANGO", "BangoMusic"))
	e := r.newest()
	r.wantAnswer(status, answer, 202, `{"responseCode":"CLIENT_ACTION_REQUIRED","responseMessage":"Action required","parameters":{"action":"NAVIGATE_TO_URL",`+
		`"url":"`+e.RegistrationURL+`"},`+fmt.Sprintf(pendingRecord, e.ID)+`}`)
	if !uuidV4.MatchString(e.ID) {
		t.Errorf("entitlementId is %q, no UUID", e.ID)
	}
	if !strings.HasPrefix(e.RegistrationURL, r.server.URL+"/merchant/BANGO/register/") {
		t.Errorf("the registration URL is %s", e.RegistrationURL)
	}
	status, answer = r.call("GET", "/v1/entitlement/"+e.ID, "")
	r.wantAnswer(status, answer, 200, `{"responseCode":"OK","responseMessage":"Success","parameters":null,`+fmt.Sprintf(pendingRecord, e.ID)+`}`)
	status, answer = r.call("POST", "/v1/entitlement/report", `{"customerIdentifier":"cust-001","productKey":null,"status":null}`)
	r.wantAnswer(status, answer, 200, `{"responseCode":"OK","responseMessage":"Success","entitlements":[{`+fmt.Sprintf(pendingRecord, e.ID)+`}]}`)
}

func TestCreateGivesBackWhatItWasGiven(t *testing.T) {
	r := newRig(t)
	status, answer := r.call("POST", "/v1/entitlement", `{"customerIdentifier":"c","merchantAccountKey":"BANGO","productKey":"BangoMusic","offerKey":"TestOffer",
		"entitlementId":"mine/1","notificationUrl":"http://127.0.0.1:1/n","entitlementDisplayName":"Tunes","dateExpiry":"2021-07-06T17:30:22.5+02:00",
		"extensionData":{ "Param1": "123" },"extraInformation":{"clientDevice":{"type":"STB"}}}`)
	for _, want := range []string{`"entitlementId":"mine/1"`, `"offerKey":"TestOffer"`, `"entitlementDisplayName":"Tunes"`,
		`"dateExpiry":"2021-07-06T15:30:22Z"`, `"extensionData":{"Param1":"123"}`} {
		if status != 202 || !strings.Contains(answer, want) {
			t.Errorf("HTTP %d without %s: %s", status, want, answer)
		}
	}
	if status, _ := r.call("GET", "/v1/entitlement/mine%2F1", ""); status != 200 {
		t.Errorf("the chosen entitlementId is not found: HTTP %d", status)
	}
	status, answer = r.call("POST", "/v1/entitlement", strings.Replace(r.body("other", "BANGO", "BangoMusic"), "{", `{"entitlementId":"mine/1",`, 1))
	r.wantAnswer(status, answer, 409, refusal("ALREADY_EXISTS", "An entitlement with this entitlementId already exists"))
	status, answer = r.call("POST", "/v1/entitlement", strings.Replace(r.body("text", "BANGO", "BangoMusic"), "{", `{"extensionData":"\"Param1\":\"123\"",`, 1))
	if status != 202 || !strings.Contains(answer, `"extensionData":"\"Param1\":\"123\""`) {
		t.Errorf("extensionData as a string: HTTP %d %s", status, answer)
	}
}

func TestAMerchantThatActivatesAtOnce(t *testing.T) {
	r := newRig(t)
	status, answer := r.call("POST", "/v1/entitlement", r.body("c", "CLOUDPANTRY", "Cloudpantry200"))
	e := r.newest()
	if !strings.HasPrefix(answer, `{"responseCode":"OK","responseMessage":"Success","parameters":null,"entitlementId":"`+e.ID+`","status":"ACTIVE",`+
		`"dateCreated":"2021-03-01T09:00:00Z","dateActivated":"2021-03-01T09:00:00Z","dateEnded":null,`) || status != 200 {
		t.Errorf("HTTP %d %s", status, answer)
	}
	if e.Status != "ACTIVE" || e.RegistrationURL != "" {
		t.Errorf("it is %s and waits at %q", e.Status, e.RegistrationURL)
	}
	r.delivered()
	if all := r.reseller.all(); len(all) != 1 || !strings.Contains(all[0].body, `"notificationReason":"ACTIVATION_SUCCESS"`) {
		t.Errorf("notifications: %v", all)
	}
}

func TestAMerchantThatRefuses(t *testing.T) {
	r := newRig(t)
	status, answer := r.call("POST", "/v1/entitlement", r.body("c", "SALTMARSH", "CourierDaily"))
	r.wantAnswer(status, answer, 400, refusal("NOT_AVAILABLE", "The Saltmarsh Courier does not take new customers at the moment"))
	if n := len(r.Entitlements()); n != 0 {
		t.Errorf("%d entitlements were made", n)
	}
}

func TestOneLiveEntitlementForEachCustomerAndMerchant(t *testing.T) {
	r := newRig(t)
	same := r.body("c", "LUMENREEL", "LumenreelPlus")
	maximum := refusal("BAD_REQUEST", "Invalid request or the request contains invalid data. Maximum number of subscriptions for user reached")
	first := r.create("c", "LUMENREEL", "LumenreelPlus")

	// While it waits, the same again gets the same entitlement and one more URL.
	r.clock.advance(time.Minute)
	status, answer := r.call("POST", "/v1/entitlement", same, "X-RequestIdentifier", "r-2")
	second := r.newest()
	if status != 202 || second.ID != first.ID || !strings.Contains(answer, `"entitlementId":"`+first.ID+`"`) ||
		!strings.Contains(answer, `"dateLastUpdated":"2021-03-01T09:00:00Z"`) {
		t.Errorf("HTTP %d %s", status, answer)
	}
	if second.RegistrationURL == first.RegistrationURL || !strings.Contains(answer, second.RegistrationURL) {
		t.Errorf("the URL was %s and is %s", first.RegistrationURL, second.RegistrationURL)
	}
	if !slices.Equal(second.RequestIdentifiers, []string{"r-2"}) {
		t.Errorf("request identifiers %v", second.RequestIdentifiers)
	}

	// Anything else at that merchant is one too many; another merchant or customer is not.
	for _, other := range []string{r.body("c", "LUMENREEL", "LumenreelBasic"), strings.Replace(same, "ord-77", "ord-78", 1),
		strings.Replace(same, `"offerKey":null`, `"offerKey":"ThreeMonthsFree"`, 1), strings.Replace(same, "{", `{"extensionData":"x",`, 1)} {
		status, answer = r.call("POST", "/v1/entitlement", other)
		r.wantAnswer(status, answer, 400, maximum)
	}
	r.create("c", "BANGO", "BangoMusic")
	r.create("d", "LUMENREEL", "LumenreelPlus")

	// Whatever is live counts.
	for _, live := range []string{statusActive, statusActiveEnding, statusSuspended} {
		r.mu.Lock()
		r.byID[first.ID].status = live
		r.mu.Unlock()
		status, answer = r.call("POST", "/v1/entitlement", same)
		r.wantAnswer(status, answer, 400, maximum)
	}
	// What has ended does not: the customer comes back with a new one.
	for _, ended := range []string{statusCancelled, statusRevoked, statusFailed} {
		r.mu.Lock()
		r.liveOf(r.accounts[0], "c", "LUMENREEL").status = ended
		r.mu.Unlock()
		if e := r.create("c", "LUMENREEL", "LumenreelPlus"); e.ID == first.ID || e.Status != "PENDING" {
			t.Errorf("after %s: %s is %s", ended, e.ID, e.Status)
		}
	}
}

func TestTheSameRequestIdentifierGetsTheFirstAnswer(t *testing.T) {
	r := newRig(t)
	body := r.body("c", "BANGO", "BangoMusic")
	status, first := r.call("POST", "/v1/entitlement", body, "X-RequestIdentifier", "r-1")
	r.complete(r.newest().ID, Finish)
	r.clock.advance(time.Hour)
	again, answer := r.call("POST", "/v1/entitlement", body, "X-RequestIdentifier", "r-1")
	r.wantAnswer(again, answer, status, first)

	status, answer = r.call("POST", "/v1/entitlement", body+" ", "X-RequestIdentifier", "r-1")
	r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageInvalid+"X-RequestIdentifier parameter is invalid: it came before with another request"))

	refused, first := r.call("POST", "/v1/entitlement", body, "X-RequestIdentifier", "r-2") // it is active: one too many
	r.mu.Lock()
	r.entitlements[0].status = statusCancelled
	r.mu.Unlock()
	again, answer = r.call("POST", "/v1/entitlement", body, "X-RequestIdentifier", "r-2")
	r.wantAnswer(again, answer, refused, first)
	if got := r.newest(); refused != 400 || !slices.Equal(got.RequestIdentifiers, []string{"r-1"}) || len(r.Entitlements()) != 1 {
		t.Errorf("HTTP %d; request identifiers %v; %d entitlements", refused, got.RequestIdentifiers, len(r.Entitlements()))
	}
	status, _ = r.call("POST", "/v1/entitlement", body, "X-RequestIdentifier", strings.Repeat("r", 501))
	if status != 400 {
		t.Errorf("a very long request identifier: HTTP %d", status)
	}
}

func TestTheSameRequestAtTheSameTimeCreatesOnce(t *testing.T) {
	r := newRig(t)
	const senders = 32
	answers := make([]string, senders)
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range senders {
		group.Go(func() {
			<-start
			status, answer := r.call("POST", "/v1/entitlement", r.body("c", "BANGO", "BangoMusic"), "X-RequestIdentifier", "r-1")
			answers[i] = fmt.Sprint(status, " ", answer)
		})
	}
	close(start)
	group.Wait()
	for _, answer := range answers {
		if answer != answers[0] || !strings.HasPrefix(answer, "202 ") {
			t.Errorf("one got\n%s\nanother\n%s", answers[0], answer)
		}
	}
	if n := len(r.Entitlements()); n != 1 {
		t.Errorf("%d entitlements", n)
	}
	if n := len(r.Calls()); n != senders {
		t.Errorf("%d calls", n)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	r := newRig(t)
	good := r.body("c", "BANGO", "BangoMusic")
	without := func(key string) string { return strings.Replace(good, `"`+key+`":`, `"was":`, 1) }
	set := func(key, value string) string {
		return regexp.MustCompile(`"`+key+`":("[^"]*"|null)`).ReplaceAllLiteralString(good, `"`+key+`":`+value)
	}
	add := func(member string) string { return strings.Replace(good, "{", "{"+member+",", 1) }
	for _, c := range []struct{ body, want string }{
		{set("customerIdentifier", `""`), "customerIdentifier parameter is required"},
		{set("customerIdentifier", `null`), "customerIdentifier parameter is required"},
		{set("customerIdentifier", `7`), "customerIdentifier parameter is invalid"},
		{set("customerIdentifier", `"`+strings.Repeat("c", 501)+`"`), "customerIdentifier parameter is invalid"},
		{set("merchantAccountKey", `null`), "merchantAccountKey parameter is required"},
		{set("merchantAccountKey", `"Bango"`), "merchantAccountKey parameter is invalid"},
		{set("productKey", `null`), "productKey parameter is required"},
		{set("productKey", `"LumenreelPlus"`), "productKey parameter is invalid"},
		{set("offerKey", `"ThreeMonthsFree"`), "offerKey parameter is invalid"},
		{set("offerKey", `["TestOffer"]`), "offerKey parameter is invalid"},
		{set("notificationUrl", `null`), "notificationUrl parameter is required"},
		{set("notificationUrl", `"/n"`), "notificationUrl parameter is invalid"},
		{set("notificationUrl", `"reseller.example/n"`), "notificationUrl parameter is invalid"},
		{set("notificationUrl", `"ftp://reseller.example/n"`), "notificationUrl parameter is invalid"},
		{set("notificationUrl", `"http:///n"`), "notificationUrl parameter is invalid"},
		{set("notificationUrl", `"https://reseller.example/`+strings.Repeat("n", 2000)+`"`), "notificationUrl parameter is invalid"},
		{add(`"dateExpiry":"tomorrow"`), "dateExpiry parameter is invalid"},
		{add(`"extensionData":[1]`), "extensionData parameter is invalid"},
		{add(`"extensionData":"` + strings.Repeat("x", 4<<10) + `"`), "extensionData parameter is invalid"},
		{add(`"extraInformation":1`), "extraInformation parameter is invalid"},
		{without("customerIdentifier"), `"was" parameter is invalid`},
		{strings.Replace(good, "customerIdentifier", "customeridentifier", 1), `"customeridentifier" parameter is invalid`},
		{"[" + good + "]", "The body is not a JSON object"},
		{good + good, "The body is not a JSON object"},
		{"null", "The body is not a JSON object"},
		{"{", "The body is not a JSON object"},
	} {
		status, answer := r.call("POST", "/v1/entitlement", c.body)
		r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageInvalid+c.want))
	}
	status, answer := r.call("POST", "/v1/entitlement", good, "Content-Type", "text/plain")
	r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageInvalid+"The Content-Type is not application/json"))
	for _, path := range []string{"/v1/entitlement", "/v1/entitlement/report"} {
		status, answer = r.call("POST", path, good+strings.Repeat(" ", maxBody))
		r.wantAnswer(status, answer, 413, refusal("BAD_REQUEST", messageInvalid+"The body is longer than 65536 bytes"))
	}
	if n := len(r.Entitlements()); n != 0 {
		t.Errorf("%d entitlements were made", n)
	}
	if status, answer := r.call("POST", "/v1/entitlement", good+strings.Repeat(" ", maxBody-len(good))); status != 202 {
		t.Errorf("a body of exactly the most: HTTP %d %s", status, answer)
	}
}

func TestReadOfNothing(t *testing.T) {
	r := newRig(t)
	status, answer := r.call("GET", "/v1/entitlement/1c0f3c1e-0000-4000-8000-000000000001", "")
	r.wantAnswer(status, answer, 404, refusal("NOT_FOUND", "There is no such entitlement"))
}

func TestReportFilters(t *testing.T) {
	r := newRig(t)
	music, film := r.create("c", "BANGO", "BangoMusic"), r.create("c", "LUMENREEL", "LumenreelPlus")
	r.create("d", "BANGO", "BangoMusic")
	r.complete(film.ID, Finish)
	for _, c := range []struct {
		filter string
		want   []string
	}{
		{`{"customerIdentifier":"c"}`, []string{music.ID, film.ID}},
		{`{"customerIdentifier":"c","productKey":"BangoMusic","status":null}`, []string{music.ID}},
		{`{"customerIdentifier":"c","productKey":null,"status":"ACTIVE"}`, []string{film.ID}},
		{`{"customerIdentifier":"c","productKey":"BangoMusic","status":"ACTIVE"}`, nil},
		{`{"customerIdentifier":"nobody"}`, nil},
	} {
		status, answer := r.call("POST", "/v1/entitlement/report", c.filter)
		var got []string
		for _, match := range regexp.MustCompile(`"entitlementId":"([^"]*)"`).FindAllStringSubmatch(answer, -1) {
			got = append(got, match[1])
		}
		if status != 200 || !slices.Equal(got, c.want) || c.want == nil && !strings.HasSuffix(answer, `"entitlements":[]}`) {
			t.Errorf("%s: HTTP %d %s", c.filter, status, answer)
		}
	}
	for filter, want := range map[string]string{`{}`: "customerIdentifier parameter is required",
		`{"customerIdentifier":"c","status":"Active"}`: "status parameter is invalid", `{"customerIdentifier":"c","offerKey":null}`: `"offerKey" parameter is invalid`} {
		status, answer := r.call("POST", "/v1/entitlement/report", filter)
		r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageInvalid+want))
	}
}

func TestWhatIsNotImitatedIsABadRequest(t *testing.T) {
	r := newRig(t)
	for _, route := range []string{"PUT /v1/entitlement", "POST /v1/entitlement/reactivate/1", "POST /v1/entitlement/cancel", "DELETE /v1/entitlement/1", "GET /v1/"} {
		method, path, _ := strings.Cut(route, " ")
		status, answer := r.call(method, path, "{}")
		r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageInvalid+"The sandbox has no operation "+route))
	}
}

func TestCallsAreKept(t *testing.T) {
	r := newRig(t)
	r.call("GET", "/v1/entitlement/none", "")
	r.call("POST", "/v1/entitlement", r.body("c", "BANGO", "BangoMusic"), "X-RequestIdentifier", "r-1")
	want := []Call{{Method: "GET", Path: "/v1/entitlement/none", Status: 404, At: nine},
		{Method: "POST", Path: "/v1/entitlement", RequestIdentifier: "r-1", Status: 202, At: nine}}
	if got := r.Calls(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	r.call("GET", "/v1/entitlement/"+strings.Repeat("é", 300), "")
	if got := r.Calls()[2].Path; len(got) > 500 || !strings.HasSuffix(got, "é") {
		t.Errorf("a path of %d bytes was kept: %q", len(got), got)
	}
	for range maxCalls {
		r.ServeHTTP(discard{http.Header{}}, mustRequest("GET", "/v1/echo/1"))
	}
	if got := r.Calls(); len(got) != maxCalls || got[0].Path != "/v1/echo/1" {
		t.Errorf("%d calls, the oldest %v", len(got), got[0])
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func mustRequest(method, path string) *http.Request {
	req, err := http.NewRequest(method, path, http.NoBody)
	if err != nil {
		panic(err)
	}
	return req
}

func TestAFullSandboxSaysSo(t *testing.T) {
	r := newRig(t)
	r.mu.Lock()
	for i := range maxEntitlements {
		r.add(r.accounts[0], createRequest{customerIdentifier: fmt.Sprint(i), merchantAccountKey: "BANGO", productKey: "BangoMusic"}, &Product{Name: "Bango Music"})
	}
	r.mu.Unlock()
	status, answer := r.call("POST", "/v1/entitlement", r.body("c", "BANGO", "BangoMusic"))
	r.wantAnswer(status, answer, 400, refusal("NOT_AVAILABLE", "The sandbox holds 20000 entitlements and takes no more; start it anew to empty it"))
}
