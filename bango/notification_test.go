package bango_test

import (
	"strings"
	"testing"
	"time"

	"latchkey/bango"
)

func TestParseNotification(t *testing.T) {
	const full = `{"responseCode":"OK","responseMessage":"Success","parameters":null,"entitlementId":"e1","activationCode":null,
		"customerIdentifier":"cust-001","merchantAccountKey":"BANGO","productKey":"BangoMusic","offerKey":null,"status":"ACTIVE",
		"dateActivated":"2021-03-01T09:00:00.5Z","dateLastUpdated":"2021-03-01T09:00:00","notificationReason":"ACTIVATION_SUCCESS",
		"extensionData":{"Param1":"123"},"sharedCustomerId":"new field"}`
	n, err := bango.ParseNotification([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	if n.ResponseCode != "OK" || n.EntitlementID != "e1" || n.Status != "ACTIVE" || n.Reason != "ACTIVATION_SUCCESS" ||
		n.CustomerIdentifier != "cust-001" || string(n.ExtensionData) != `{"Param1":"123"}` || string(n.Parameters.Raw) != "null" ||
		!n.DateActivated.Equal(time.Date(2021, 3, 1, 9, 0, 0, 5e8, time.UTC)) || n.DateEnded != (bango.Time{}) {
		t.Errorf("%+v", n)
	}
}

func TestNotificationForms(t *testing.T) {
	padded := func(n int) string {
		const s = `{"entitlementId":"e1","status":"ACTIVE"}`
		return s + strings.Repeat(" ", n-len(s))
	}
	for body, want := range map[string]string{ // want is part of the error; empty where there is none
		`{"entitlementId":"e1","status":"ACTIVE"}`:                                           "", // the early form: no reason
		`{"entitlementId":"e1","notificationReason":"METADATA_UPDATE"}`:                      "",
		`{"entitlementId":"e1","status":"PAUSED","notificationReason":"SOMETHING_NEW"}`:      "",
		`{"entitlementId":"e1","status":"ACTIVE","parameters":"text"}`:                       "",
		`{"entitlementId":"e1","status":"ACTIVE","parameters":{"action":"NAVIGATE_TO_URL"}}`: "",
		`{"entitlementId":"e1","status":"ACTIVE","dateEnded":"soon","activationCode":17}`:    "",
		`{"entitlementId":"e1","status":null,"notificationReason":null}`:                     "neither a status nor a reason",
		`{"entitlementId":null,"status":"ACTIVE"}`:                                           "no entitlementId",
		`{"entitlementId":5,"status":"ACTIVE"}`:                                              "no entitlementId",
		`{"status":"ACTIVE"}`:                                                                "no entitlementId",
		`{"entitlementId":"e1","entitlementId":"e2","status":"ACTIVE"}`:                      "twice",
		`{"entitlementId":"e1","ENTITLEMENTID":"e2","status":"ACTIVE"}`:                      "twice",
		`{"entitlementId":"` + strings.Repeat("e", 201) + `","status":"ACTIVE"}`:             "far too long",
		`{"entitlementId":"e1","status":"` + strings.Repeat("A", 41) + `"}`:                  "far too long",
		`{"entitlementId":"e1","notificationReason":"` + strings.Repeat("A", 101) + `"}`:     "far too long",
		`{"entitlementId":"e1","status":"ACTIVE"} x`:                                         "follows",
		`[{"entitlementId":"e1","status":"ACTIVE"}]`:                                         "not a JSON object",
		`{"entitlementId":"e1","status":"ACTIVE"`:                                            "not JSON",
		``:                                     "empty",
		`entitlementId=e1`:                     "not JSON",
		strings.Repeat(`{"a":`, 1000):          "nested",
		padded(bango.MaxNotificationBytes):     "",
		padded(bango.MaxNotificationBytes + 1): "longer than 65536 bytes",
		"\ufeff" + padded(100):                 "not JSON",
		`{"a":1e999,"entitlementId":"e1","status":"ACTIVE"}`: "",
	} {
		n, err := bango.ParseNotification([]byte(body))
		switch {
		case want == "" && (err != nil || n.EntitlementID != "e1"):
			t.Errorf("%.100s: %v, %+v", body, err, n)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%.100s: %v, want %q", body, err, want)
		case want != "" && (n.EntitlementID != "" || n.Status != ""):
			t.Errorf("%.100s: it is refused and returned: %+v", body, n)
		}
	}
}
