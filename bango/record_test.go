package bango_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"latchkey/bango"
)

func TestRecord(t *testing.T) {
	const full = `{"responseCode":"OK","responseMessage":"Success","parameters":null,"entitlementId":"e1","status":"ACTIVE-ENDING",
		"dateCreated":"2021-03-01T09:00:00Z","dateActivated":"2021-03-02T09:00:00.690Z","dateEnded":"2031-03-03T09:00:00+01:00",
		"dateSuspended":"2021-03-04T09:00:00","dateResumed":"2021-03-05 09:00:00","dateLastUpdated":"2021-03-06T09:00:00.1234567",
		"dateExpiry":"2021-03-07","customerIdentifier":"cust-001","merchantAccountKey":"BANGO","productKey":"BangoMusic",
		"offerKey":"","activationCode":"A-1","entitlementDisplayName":"Bango Music","extensionData":"{\"Param1\":\"123\"}",
		"externalEntitlementId":"x1","merchantEntitlementId":"m1","sharedCustomerId":"s1","merchantExtensionData":{"a":1},
		"merchantBangoExtensionData":[2],"financeData":{"b":"c"}}`
	reply, err := answers(t, 200, full).Read(t.Context(), "e1")
	if err != nil {
		t.Fatal(err)
	}
	at := func(day int, fraction time.Duration) bango.Time {
		return bango.Time{Time: time.Date(2021, 3, day, 9, 0, 0, int(fraction), time.UTC)}
	}
	got := reply.Record
	if string(got.ExtensionData) != `"{\"Param1\":\"123\"}"` {
		t.Errorf("extensionData is %s", got.ExtensionData)
	}
	got.ExtensionData = nil
	want := bango.Record{EntitlementID: "e1", Status: "ACTIVE-ENDING", DateCreated: at(1, 0), DateActivated: at(2, 690*time.Millisecond),
		DateEnded:     bango.Time{Time: time.Date(2031, 3, 3, 8, 0, 0, 0, time.UTC)},
		DateSuspended: at(4, 0), DateResumed: at(5, 0), DateLastUpdated: at(6, 123456700),
		DateExpiry:         bango.Time{Time: time.Date(2021, 3, 7, 0, 0, 0, 0, time.UTC)},
		CustomerIdentifier: "cust-001", MerchantAccountKey: "BANGO", ProductKey: "BangoMusic", ActivationCode: "A-1",
		EntitlementDisplayName: "Bango Music", ExternalEntitlementID: "x1", MerchantEntitlementID: "m1", SharedCustomerID: "s1",
		MerchantExtensionData: json.RawMessage(`{"a":1}`), MerchantBangoExtensionData: json.RawMessage(`[2]`),
		FinanceData: json.RawMessage(`{"b":"c"}`)}
	if a, b := asJSON(got), asJSON(want); a != b {
		t.Errorf("got  %s\nwant %s", a, b)
	}
}

func asJSON(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}

func TestTime(t *testing.T) {
	day := time.Date(2021, 7, 6, 15, 30, 22, 0, time.UTC)
	for raw, want := range map[string]time.Time{
		`"2021-07-06T15:30:22Z"`:      day,
		`"2021-07-06T15:30:22+00:00"`: day,
		`"2021-07-06T17:30:22+0200"`:  day,
		`"2021-07-06T15:30:22"`:       day,
		`"2021-07-06 15:30:22"`:       day,
		`"2021-07-06T15:30:22.5"`:     day.Add(500 * time.Millisecond),
		`"2021-07-06T15:30:22.690Z"`:  day.Add(690 * time.Millisecond),
		`"2021-07-06"`:                day.Truncate(24 * time.Hour),
		`"0001-01-01T00:00:00"`:       {},
		`null`:                        {},
		`""`:                          {},
		`"NULL"`:                      {},
		`"06/07/2021 15:30:22"`:       {},
		`"2021-13-06T15:30:22Z"`:      {},
		`1625585422`:                  {},
		`{}`:                          {},
	} {
		got := bango.Time{Time: time.Now()}
		if err := json.Unmarshal([]byte(raw), &got); err != nil || !got.Equal(want) || got.IsZero() != want.IsZero() {
			t.Errorf("%s: %s, %v; want %s", raw, got, err, want)
		}
	}
}

func TestParameters(t *testing.T) {
	for raw, want := range map[string][2]string{
		`null`: {},
		`""`:   {},
		`{}`:   {},
		`[]`:   {},
		`17`:   {},
		`"?"`:  {},
		`{"action":"NAVIGATE_TO_URL","url":"https://m.example/?a=b&c"}`:        {"NAVIGATE_TO_URL", "https://m.example/?a=b&c"},
		`"{\"action\":\"NAVIGATE_TO_URL\",\"url\":\"https://m.example\"}"`:     {"NAVIGATE_TO_URL", "https://m.example"},
		`{"action":"NAVIGATE_TO_URL","url":null,"urlExpiry":"2025-08-15"}`:     {"NAVIGATE_TO_URL", ""},
		`{"action":"OTHER","number":"+44"}`:                                    {"OTHER", ""},
		`"{\"action\":\"OTHER\",\"url\":\"https://a\",\"url\":\"https://b\"}"`: {}, // two addresses are none
		`"` + strings.Repeat("[", 20000) + `"`:                                 {},
	} {
		var got bango.Parameters
		if err := json.Unmarshal([]byte(raw), &got); err != nil || got.Action != want[0] || got.URL != want[1] || string(got.Raw) != raw {
			t.Errorf("%.80s: %q %q %.80s, %v", raw, got.Action, got.URL, got.Raw, err)
		}
	}
}

func TestURLExpiry(t *testing.T) {
	for raw, want := range map[string]time.Time{
		`{"action":"NAVIGATE_TO_URL","url":"https://m.example","urlExpiry":"2025-08-15T09:32:51.690Z"}`: time.Date(2025, 8, 15, 9, 32, 51, 69e7, time.UTC),
		`"{\"url\":\"https://m.example\",\"urlExpiry\":\"2025-08-15T09:32:51Z\"}"`:                      time.Date(2025, 8, 15, 9, 32, 51, 0, time.UTC),
		`{"url":"https://m.example","urlExpiry":null}`:                                                  {},
		`{"url":"https://m.example","urlExpiry":"soon"}`:                                                {},
	} {
		var got bango.Parameters
		if err := json.Unmarshal([]byte(raw), &got); err != nil || !got.URLExpiry.Equal(want) || got.URL != "https://m.example" {
			t.Errorf("%s: %s, %q, %v", raw, got.URLExpiry, got.URL, err)
		}
	}
}

func TestEligibleProducts(t *testing.T) {
	const one = `{"productIdentifier":"P1","productRank":1.5,"productStatus":"ELIGIBLE","productName":"Music","productDescription":"Songs",` +
		`"productLogoURL":"https://m.example/l","productTermsURL":"https://m.example/t","productPrice":"5"}`
	for name, c := range map[string]struct {
		status int
		body   string
		want   bango.Outcome
		first  bango.EligibleProduct
	}{
		"one": {200, `{"responseCode":"OK","eligibleProducts":[` + one + `]}`, bango.OutcomeDone, bango.EligibleProduct{Identifier: "P1", Rank: 1.5,
			Status: "ELIGIBLE", Name: "Music", Description: "Songs", LogoURL: "https://m.example/l", TermsURL: "https://m.example/t",
			Raw: json.RawMessage(one)}},
		"odd types": {200, `{"responseCode":"OK","eligibleProducts":[{"productIdentifier":"P1","productRank":"first"}]}`, bango.OutcomeDone,
			bango.EligibleProduct{Identifier: "P1", Raw: json.RawMessage(`{"productIdentifier":"P1","productRank":"first"}`)}},
		"none":       {200, `{"responseCode":"OK","eligibleProducts":[]}`, bango.OutcomeDone, bango.EligibleProduct{}},
		"no list":    {200, `{"responseCode":"OK"}`, bango.OutcomeUnknown, bango.EligibleProduct{}},
		"strings":    {200, `{"responseCode":"OK","eligibleProducts":["P1"]}`, bango.OutcomeUnknown, bango.EligibleProduct{}},
		"without id": {200, `{"responseCode":"OK","eligibleProducts":[{"productName":"Music"}]}`, bango.OutcomeUnknown, bango.EligibleProduct{}},
		"not found":  {404, `{"responseCode":"NOT_FOUND"}`, bango.OutcomeNotFound, bango.EligibleProduct{}},
	} {
		var asked string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = r.Method + " " + r.URL.Path + " " + r.Header.Get("X-CustomerIdentifier")
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
		}))
		defer server.Close()
		client := newClient(t, server.URL, bango.Config{Wire: bango.Wire{ProductsPath: "/reseller-7/products"}})
		reply, err := client.EligibleProducts(t.Context(), "cust 001")
		got, reply, failed := judged(t, reply, err)
		if got != c.want || asked != "GET /v1/reseller-7/products cust 001" {
			t.Errorf("%s: %s, want %s, by %s (%v)", name, got, c.want, asked, failed)
		}
		if reply != nil && c.first.Identifier != "" && !reflect.DeepEqual(reply.Products, []bango.EligibleProduct{c.first}) {
			t.Errorf("%s: %+v", name, reply.Products)
		}
		for _, customer := range []string{"", " cust", "cüst", "a\r\nX-Other: b"} {
			if _, err := client.EligibleProducts(t.Context(), customer); !bango.Impossible(err) {
				t.Errorf("customer %q: %v", customer, err)
			}
		}
	}
}

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want bango.Outcome
	}{
		"found":       {created("OK"), bango.OutcomeDone},
		"another one": {strings.Replace(created("OK"), entitlementID, "other", 1), bango.OutcomeMismatch},
		"an echo":     {`{"responseCode":"OK","echo":"` + entitlementID + `"}`, bango.OutcomeUnknown},
		"not there":   {`{"responseCode":"NOT_FOUND","responseMessage":"Not found"}`, bango.OutcomeNotFound},
	} {
		reply, err := answers(t, 200, c.body).Read(t.Context(), entitlementID)
		if got, _, failed := judged(t, reply, err); got != c.want {
			t.Errorf("%s: %s, want %s (%v)", name, got, c.want, failed)
		}
	}
}

func TestReport(t *testing.T) {
	one := created("OK")
	other := strings.Replace(one, "cust-001", "cust-002", 1)
	for name, c := range map[string]struct {
		status  int
		body    string
		want    bango.Outcome
		records int
	}{
		"two":                {200, `{"responseCode":"OK","entitlements":[` + one + `,` + one + `]}`, bango.OutcomeDone, 2},
		"none":               {200, `{"responseCode":"OK","entitlements":[]}`, bango.OutcomeDone, 0},
		"NOT_FOUND":          {404, `{"responseCode":"NOT_FOUND","responseMessage":"None"}`, bango.OutcomeDone, 0},
		"no list":            {200, `{"responseCode":"OK"}`, bango.OutcomeUnknown, 0},
		"list null":          {200, `{"responseCode":"OK","entitlements":null}`, bango.OutcomeUnknown, 0},
		"list an object":     {200, `{"responseCode":"OK","entitlements":` + one + `}`, bango.OutcomeUnknown, 0},
		"list of strings":    {200, `{"responseCode":"OK","entitlements":["e1"]}`, bango.OutcomeUnknown, 0},
		"one without an id":  {200, `{"responseCode":"OK","entitlements":[` + one + `,{"status":"ACTIVE"}]}`, bango.OutcomeUnknown, 0},
		"another's customer": {200, `{"responseCode":"OK","entitlements":[` + one + `,` + other + `]}`, bango.OutcomeMismatch, 0},
		"404 of a proxy":     {404, `<html>not found</html>`, bango.OutcomeUnknown, 0},
		"refused":            {400, `{"responseCode":"BAD_REQUEST","responseMessage":"parameter is required"}`, bango.OutcomeRefused, 0},
	} {
		reply, err := answers(t, c.status, c.body).Report(t.Context(), bango.ReportFilter{CustomerIdentifier: "cust-001"})
		got, reply, failed := judged(t, reply, err)
		if got != c.want || reply != nil && (len(reply.Records) != c.records || reply.Exchange.Status != c.status) {
			t.Errorf("%s: %s, want %s (%v, %+v)", name, got, c.want, failed, reply)
		}
	}
}

func TestEcho(t *testing.T) {
	for body, want := range map[string]bango.Outcome{
		`{"responseCode":"OK","responseMessage":"Success","echo":"ping-1"}`:         bango.OutcomeDone,
		`{"responseCode":"OK","responseMessage":"Success","echo":"ping-2"}`:         bango.OutcomeMismatch,
		`{"responseCode":"OK","responseMessage":"Success"}`:                         bango.OutcomeMismatch,
		`{"responseCode":"UNAUTHORIZED","responseMessage":"Bad address or secret"}`: bango.OutcomeUnauthorized,
	} {
		reply, err := answers(t, 200, body).Echo(context.Background(), "ping-1")
		if got, _, _ := judged(t, reply, err); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}
