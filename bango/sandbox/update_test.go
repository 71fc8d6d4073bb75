package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// shops are merchants with several products, for each way to update.
var shops = []Merchant{
	{Key: "NOW", Name: "Now", EndsLater: true, Products: twoProducts},
	{Key: "ASKS", Name: "Asks", UpdateNeedsUser: true, Products: twoProducts},
	{Key: "SLOW", Name: "Slow", Async: 20 * time.Millisecond, EndsLater: true, Products: twoProducts},
	{Key: "SHORT", Name: "Short", LinkLasts: time.Hour, Products: twoProducts},
	{Key: "SECOND", Name: "Second", Generation: 2, LinkLasts: time.Hour, EndsLater: true, Products: twoProducts},
	{Key: "STUCK", Name: "Stuck", Async: time.Hour, Products: twoProducts},
}

var twoProducts = []Product{{Key: "p", Name: "P", Offers: []string{"free"}}, {Key: "q", Name: "Q", Offers: []string{"half"}}}

func newShops(t *testing.T) *rig { return newRig(t, func(c *Config) { c.Merchants = shops }) }

// patch updates members of an entitlement.
func (r *rig) patch(id, members string, header ...string) (int, string) {
	r.t.Helper()
	return r.call("PATCH", "/v1/entitlement", fmt.Sprintf(`{"entitlementId":%q,%s}`, id, members), header...)
}

// told returns status and reason of every notification received, and of the newest its body.
func (r *rig) told() (all []string, newest string) {
	r.t.Helper()
	r.delivered()
	for _, n := range r.reseller.all() {
		newest = n.body
		all = append(all, member(n.body, "status")+":"+member(n.body, "notificationReason"))
	}
	return all, newest
}

// member returns a string of a JSON object, the first of that name.
func member(body, name string) string {
	_, rest, _ := strings.Cut(body, `"`+name+`":"`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func (r *rig) wantTold(want ...string) {
	r.t.Helper()
	if got, _ := r.told(); !slices.Equal(got, want) {
		r.t.Errorf("the notifications are %q, want %q", got, want)
	}
}

func (r *rig) wantStatus(id, want string) {
	r.t.Helper()
	for _, e := range r.Entitlements() {
		if e.ID == id && e.Status != want {
			r.t.Errorf("it is %s, want %s", e.Status, want)
		}
	}
}

func TestAnUpdateChangesWhatIsGivenAndTellsWhatChanged(t *testing.T) {
	for _, c := range []struct {
		members string
		want    string   // what the record has from then on
		told    []string // the reasons
	}{
		{`"productKey":"q"`, `"productKey":"q","offerKey":null,"activationCode":null,"entitlementDisplayName":"Q"`, []string{"PRODUCT_UPDATE"}},
		{`"productKey":"q","offerKey":"half"`, `"productKey":"q","offerKey":"half"`, []string{"PRODUCT_UPDATE"}},
		{`"productKey":"q","dateExpiry":"2022-01-01T00:00:00Z"`, `"dateExpiry":"2022-01-01T00:00:00Z"`, []string{"PRODUCT_UPDATE", "METADATA_UPDATE"}},
		{`"offerKey":"free"`, `"productKey":"p","offerKey":"free"`, []string{"METADATA_UPDATE"}},
		{`"offerKey":null`, `"productKey":"p","offerKey":null`, []string{"METADATA_UPDATE"}},
		{`"dateExpiry":"2022-01-01T02:00:00+02:00"`, `"dateExpiry":"2022-01-01T00:00:00Z"`, []string{"METADATA_UPDATE"}},
		{`"dateExpiry":null`, `"dateExpiry":null`, []string{"METADATA_UPDATE"}},
		{`"customerIdentifier":"other"`, `"customerIdentifier":"other"`, []string{"METADATA_UPDATE"}},
		{`"entitlementDisplayName":"Mine"`, `"entitlementDisplayName":"Mine"`, []string{"METADATA_UPDATE"}},
		{`"extensionData":{"b": 2}`, `"extensionData":{"b":2}`, []string{"METADATA_UPDATE"}},
		{`"extensionData":null`, `"extensionData":null`, []string{"METADATA_UPDATE"}},
		{`"productKey":"p","entitlementDisplayName":null`, `"productKey":"p"`, nil},
	} {
		r := newShops(t)
		body := strings.Replace(r.body("c", "NOW", "p"), "{", `{"dateExpiry":"2021-12-31T00:00:00Z","extensionData":{"a":1},`, 1)
		r.call("POST", "/v1/entitlement", strings.Replace(body, `"offerKey":null`, `"offerKey":"free"`, 1))
		e := r.newest()
		r.complete(e.ID, Finish)
		if c.members == `"offerKey":"free"` {
			r.patch(e.ID, `"offerKey":null`)
		}
		before, _ := r.told()
		r.clock.advance(time.Minute)
		status, answer := r.patch(e.ID, c.members, "X-RequestIdentifier", "u-1")
		if status != 200 || !strings.HasPrefix(answer, `{"responseCode":"OK","responseMessage":"Success","parameters":null,"entitlementId":"`+e.ID+`","status":"ACTIVE"`) ||
			!strings.Contains(answer, c.want) {
			t.Errorf("%s: HTTP %d %s", c.members, status, answer)
		}
		all, newest := r.told()
		var reasons []string
		for _, n := range all[len(before):] {
			reasons = append(reasons, strings.TrimPrefix(n, "ACTIVE:"))
		}
		if !slices.Equal(reasons, c.told) {
			t.Errorf("%s: told %q, want %q", c.members, reasons, c.told)
		}
		if _, read := r.call("GET", "/v1/entitlement/"+e.ID, ""); read != answer {
			t.Errorf("%s: answered %s, and read %s", c.members, answer, read)
		}
		if got := r.newest(); got.LastUpdated.Equal(r.now()) != (c.told != nil) || len(got.RequestIdentifiers) != 1 {
			t.Errorf("%s: %+v", c.members, got)
		}
		if extension := `"extensionData":{"b":2}`; c.want == extension && !strings.Contains(newest, extension) {
			t.Errorf("the notification: %s", newest)
		}
	}
}

func TestNotificationsFollowTheNewAddress(t *testing.T) {
	r := newShops(t)
	other := newReseller(t)
	e := r.create("c", "SLOW", "p")
	r.complete(e.ID, Finish)
	r.wantTold("ACTIVE:ACTIVATION_SUCCESS")
	// The address never reaches the merchant, so that also one who takes its time has nothing to do with it.
	if status, answer := r.patch(e.ID, `"notificationUrl":"`+other.server.URL+`/new?x=1"`); status != 200 {
		t.Fatalf("HTTP %d %s", status, answer)
	}
	r.delivered()
	all := other.all()
	if len(all) != 1 || all[0].uri != "/new?x=1" || !strings.Contains(all[0].body, `"notificationReason":"METADATA_UPDATE"`) || len(r.reseller.all()) != 1 {
		t.Errorf("the new address got %v, the old one %d", all, len(r.reseller.all()))
	}
	if got := r.newest().NotificationURL; got != other.server.URL+"/new?x=1" {
		t.Errorf("it is %s", got)
	}
}

func TestAnUpdateIsRefused(t *testing.T) {
	r := newShops(t)
	for _, ended := range []string{statusCancelled, statusRevoked} {
		e := r.one("gone", "NOW", ended)
		status, answer := r.patch(e.ID, `"dateExpiry":null`)
		r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageInvalid+"The entitlement is "+ended+"; only one that has not ended can be updated"))
	}
	status, answer := r.patch("none", `"dateExpiry":null`)
	r.wantAnswer(status, answer, 404, refusal("NOT_FOUND", "There is no such entitlement"))

	// One live entitlement for each customer and merchant, also by way of an update.
	first, second := r.one("c", "NOW", statusActive), r.one("d", "NOW", statusActive)
	status, answer = r.patch(second.ID, `"customerIdentifier":"c"`)
	r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageMaximum))
	if status, answer = r.patch(first.ID, `"customerIdentifier":"e"`); status != 200 {
		t.Errorf("HTTP %d %s", status, answer)
	}
	if status, answer = r.patch(second.ID, `"customerIdentifier":"c"`); status != 200 {
		t.Errorf("HTTP %d %s", status, answer)
	}
	for customer, id := range map[string]string{"c": second.ID, "d": "", "e": first.ID} {
		_, answer := r.call("POST", "/v1/entitlement/report", `{"customerIdentifier":"`+customer+`"}`)
		if got := member(answer, "entitlementId"); got != id {
			t.Errorf("the report of %s has %q, want %q", customer, got, id)
		}
	}
	r.delivered()
}

func TestAReportStaysInOrderOfCreation(t *testing.T) {
	r := newShops(t)
	first, second, third := r.create("x", "NOW", "p"), r.create("c", "SHORT", "p"), r.create("c", "ASKS", "p")
	r.patch(first.ID, `"customerIdentifier":"c"`)
	_, answer := r.call("POST", "/v1/entitlement/report", `{"customerIdentifier":"c"}`)
	at := []int{strings.Index(answer, first.ID), strings.Index(answer, second.ID), strings.Index(answer, third.ID)}
	if at[0] < 0 || !slices.IsSorted(at) {
		t.Errorf("the order is %v", at)
	}
	r.delivered()
}

func TestAnUpdateThatNeedsTheEndUser(t *testing.T) {
	for _, c := range []struct {
		choice         Choice
		product, offer string
	}{{Finish, "q", "null"}, {Decline, "p", `"free"`}} {
		t.Run(string(c.choice), func(t *testing.T) {
			r := newShops(t)
			r.call("POST", "/v1/entitlement", strings.Replace(r.body("c", "ASKS", "p"), `"offerKey":null`, `"offerKey":"free"`, 1))
			e := r.newest()
			r.complete(e.ID, Finish)
			r.clock.advance(time.Minute)
			status, answer := r.patch(e.ID, `"productKey":"q"`)
			now := r.newest()
			if status != 202 || !strings.HasPrefix(answer, `{"responseCode":"CLIENT_ACTION_REQUIRED","responseMessage":"Action required","parameters":{"action":"NAVIGATE_TO_URL",`+
				`"url":"`+now.RegistrationURL+`"},"entitlementId":"`+e.ID+`","status":"PENDING","dateCreated":"2021-03-01T09:00:00Z","dateActivated":"2021-03-01T09:00:00Z"`) ||
				!strings.Contains(answer, `"productKey":"q","offerKey":null`) || now.RegistrationURL == e.RegistrationURL {
				t.Errorf("HTTP %d %s", status, answer)
			}
			r.wantTold("ACTIVE:ACTIVATION_SUCCESS")
			// It was activated once, so that the create is no longer one that can be repeated.
			status, answer = r.call("POST", "/v1/entitlement", strings.Replace(r.body("c", "ASKS", "p"), `"offerKey":null`, `"offerKey":"free"`, 1))
			r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageMaximum))
			r.wantPage(now.RegistrationURL, 200, "<h1>Change to Q</h1>")
			_, location, _ := r.press(now.RegistrationURL, string(c.choice))
			r.wantPage(r.server.URL+location, 200, map[Choice]string{Finish: "<h1>You are signed up</h1>", Decline: "<h1>You keep P</h1>"}[c.choice])
			r.wantTold("ACTIVE:ACTIVATION_SUCCESS", "ACTIVE:PRODUCT_UPDATE")
			_, answer = r.call("GET", "/v1/entitlement/"+e.ID, "")
			if !strings.Contains(answer, `"status":"ACTIVE","dateCreated":"2021-03-01T09:00:00Z","dateActivated":"2021-03-01T09:00:00Z"`) ||
				!strings.Contains(answer, `"productKey":"`+c.product+`","offerKey":`+c.offer+`,`) ||
				!strings.Contains(answer, `"entitlementDisplayName":"`+strings.ToUpper(c.product)+`"`) {
				t.Errorf("it is %s", answer)
			}
			// Whatever else is updated needs nobody.
			if status, answer := r.patch(e.ID, `"dateExpiry":"2022-01-01T00:00:00Z"`); status != 200 {
				t.Errorf("HTTP %d %s", status, answer)
			}
			// Nor does the page say that the end user did what the reseller does.
			r.ask(revoke, e.ID)
			r.wantPage(r.server.URL+location, 404, "not valid any more")
			r.delivered()
		})
	}
	r := newShops(t)
	e := r.one("c", "ASKS", statusSuspended)
	status, answer := r.patch(e.ID, `"productKey":"q"`)
	r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageInvalid+"The entitlement is SUSPENDED; the end user can agree to another product only while it is ACTIVE"))
}

func TestAnUpdateAtAMerchantThatTakesItsTime(t *testing.T) {
	r := newShops(t)
	e := r.one("c", "SLOW", statusActive)
	_, before := r.call("GET", "/v1/entitlement/"+e.ID, "")
	status, answer := r.patch(e.ID, `"productKey":"q"`)
	r.wantAnswer(status, answer, 202, strings.Replace(before, `"Success"`, `"Accepted"`, 1))
	eventually(t, "updated", func() bool { return r.newest().ProductKey == "q" })
	r.wantTold("ACTIVE:PRODUCT_UPDATE")
	// One that comes too late is dropped.
	e = r.one("c", "STUCK", statusActive)
	r.patch(e.ID, `"productKey":"q"`)
	if err := r.MerchantChange(e.ID, MerchantChange{Action: MerchantRevoke}); err != nil {
		t.Fatal(err)
	}
	r.MoveClock(time.Hour)
	eventually(t, "nothing queued", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.queue) == 0 })
	if got := r.newest(); got.ProductKey != "p" || got.Status != statusRevoked {
		t.Errorf("%+v", got)
	}
	r.wantTold("REVOKED:TERMINATION_SUCCESS")
}

func TestACancelIsUndone(t *testing.T) {
	for _, how := range []string{`"entitlementBenefits":"NORMAL"`, `"status":"ACTIVE"`} {
		for _, merchant := range []string{"NOW", "SLOW"} {
			r := newShops(t)
			e := r.one("c", merchant, statusActiveEnding)
			status, answer := r.patch(e.ID, how)
			if want := map[string]int{"NOW": 200, "SLOW": 202}[merchant]; status != want {
				t.Errorf("%s: HTTP %d %s", how, status, answer)
			}
			eventually(t, "undone", func() bool { return r.newest().Status == statusActive })
			r.wantTold("ACTIVE:METADATA_UPDATE")
			_, answer = r.call("GET", "/v1/entitlement/"+e.ID, "")
			if !strings.Contains(answer, `"dateEnded":null`) || !strings.Contains(answer, `"dateActivated":"2021-03-01T09:01:00Z"`) {
				t.Errorf("it is %s", answer)
			}
			r.MoveClock(2 * endsAfter)
			r.wantStatus(e.ID, statusActive)
		}
	}
	r := newShops(t)
	for _, status := range []string{statusPending, statusSuspended, statusCancelled} {
		e := r.one("c-"+status, "NOW", status)
		got, answer := r.patch(e.ID, `"status":"ACTIVE"`)
		r.wantAnswer(got, answer, 400, refusal("BAD_REQUEST", messageInvalid+"The entitlement is "+status+"; only of one that is ACTIVE-ENDING the cancel can be undone"))
	}
	e := r.one("c", "NOW", statusActive)
	if status, answer := r.patch(e.ID, `"status":"ACTIVE"`); status != 200 || !r.newest().LastUpdated.Equal(e.LastUpdated) {
		t.Errorf("of one that is ACTIVE: HTTP %d %s", status, answer)
	}
	r.wantTold()
}
