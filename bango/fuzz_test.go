package bango_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"

	"latchkey/bango"
)

// FuzzReply lets any answer come to a create: only a whole one about the right thing is a success.
func FuzzReply(f *testing.F) {
	for _, code := range []string{"OK", "CLIENT_ACTION_REQUIRED", "BAD_REQUEST", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE", "NEW"} {
		for _, status := range []int{200, 202, 302, 400, 401, 429, 500, 503} {
			f.Add(status, []byte(created(code)))
		}
	}
	for _, body := range []string{"", "null", "{}", "[]", "\ufeff{}", `{"responseCode":"OK"}`, `{"responseCode":"OK","ResponseCode":"OK"}`,
		`{"responseCode":"OK","entitlementId":"e","ſtatus":"ACTIVE","status":"x"}`,
		`{"responseCode":"CLIENT_ACTION_REQUIRED","entitlementId":"e","status":"PENDING","parameters":"{\"action\":\"X\"}"}`} {
		f.Add(200, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		client := newClient(t, "http://127.0.0.1", bango.Config{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(body))}, nil
		})})
		got, reply, failed := create(t, client)
		if failed != nil {
			if failed.ResponseCode == "OK" || failed.ResponseCode == "CLIENT_ACTION_REQUIRED" {
				t.Errorf("%s is told with the words of a success", got)
			}
			if n := len(failed.ResponseMessage); n > 1003 {
				t.Errorf("%d bytes of words", n)
			}
			return
		}
		if status < 200 || status > 202 {
			t.Errorf("%s with HTTP %d", got, status)
		}
		if want := map[bango.Outcome]string{bango.OutcomeDone: "OK", bango.OutcomeAccepted: "OK",
			bango.OutcomeAction: "CLIENT_ACTION_REQUIRED"}[got]; reply.ResponseCode != want {
			t.Errorf("%s with %q", got, reply.ResponseCode)
		}
		if (got == bango.OutcomeAccepted) != (status == 202 && reply.ResponseCode == "OK") {
			t.Errorf("%s with HTTP %d", got, status)
		}
		r := reply.Record
		if r.EntitlementID == "" || r.Status == "" || !slices.Contains([]string{"", order.CustomerIdentifier}, r.CustomerIdentifier) ||
			!slices.Contains([]string{"", order.MerchantAccountKey}, r.MerchantAccountKey) ||
			!slices.Contains([]string{"", order.ProductKey}, r.ProductKey) {
			t.Errorf("%s with the record %+v", got, r)
		}
		if p := reply.Parameters; got == bango.OutcomeAction && (p.Action == "" || p.Action == bango.ActionNavigate && p.URL == "") {
			t.Errorf("%s with the parameters %+v", got, p)
		}
		if !saysTheSame(body, "responseCode", reply.ResponseCode) || !saysTheSame(body, "entitlementId", r.EntitlementID) ||
			!saysTheSame(body, "status", r.Status) {
			t.Errorf("another reader would read another thing in %q", body)
		}
	})
}

// FuzzParseNotification posts anything as a notification.
func FuzzParseNotification(f *testing.F) {
	for _, body := range []string{"", "{}", "null", created("OK"), `{"entitlementId":"e1","status":"ACTIVE","parameters":"x"}`,
		`{"entitlementId":"e1","notificationReason":"METADATA_UPDATE","extensionData":{"a":[1]}}`,
		`{"entitlementId":"e1","EntitlementId":"e2","status":"ACTIVE"}`, `{"entitlementId":5,"status":"ACTIVE"}`,
		`{"entitlementId":"e1","status":"ACTIVE","dateEnded":"2021-03-01T09:00:00.5","dateExpiry":"?"}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := bango.ParseNotification(body)
		if err != nil {
			if n.EntitlementID != "" || n.Status != "" || err.Error() == "" {
				t.Errorf("refused with %v, and returned %+v", err, n)
			}
			return
		}
		if n.EntitlementID == "" || n.Status == "" && n.Reason == "" || len(body) > bango.MaxNotificationBytes {
			t.Errorf("accepted: %+v", n)
		}
		if !saysTheSame(body, "entitlementId", n.EntitlementID) || !saysTheSame(body, "status", n.Status) {
			t.Errorf("another reader would read another thing in %q", body)
		}
	})
}

// FuzzParseWire sets anything: what is accepted makes a client, what is refused sets nothing.
func FuzzParseWire(f *testing.F) {
	for _, list := range []string{"", "updatePath=/v1/e/{id},updateMethod=PUT", "http.NOT_FOUND=404\nhttp.NOT_AVAILABLE=200-599",
		`signature="{created}\n{body}", suspendPath=none`, "a=b", "updatePath", `readPath="/{id}`, "suspended=A,suspended=B", "=,=\n", "undoProperty=none"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		for _, base := range []bango.Wire{bango.DefaultWire(), bango.Generation2Wire()} {
			before := fmt.Sprint(base)
			w, err := bango.ParseWire(base, list)
			if fmt.Sprint(base) != before {
				t.Errorf("%q changes its base", list)
			}
			if err != nil {
				if fmt.Sprint(w) != before {
					t.Errorf("%q is refused with %v and sets something", list, err)
				}
				continue
			}
			c := bango.Config{BaseURL: bango.DefaultBaseURL, Username: "a", Password: "b", Wire: w}
			if _, err := bango.New(c); err != nil {
				t.Errorf("%q is accepted, and no client is made of it: %v", list, err)
			}
		}
	})
}

// saysTheSame reports whether a plain reader of JSON, which knows no letter case, finds value under key in body. A key that body has
// in another letter case alone is not compared.
func saysTheSame(body []byte, key, value string) bool {
	var plain map[string]any
	reader := json.NewDecoder(bytes.NewReader(body))
	reader.UseNumber() // any number will do
	if reader.Decode(&plain) != nil {
		return false
	}
	said, there := plain[key].(string)
	return !there || said == value
}
