package bango_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/bango"
)

// Generation 2 creates with a 201 what is still pending, with nothing for anybody to do.
func TestCreatedAndPending(t *testing.T) {
	got, reply, failed := create(t, answers(t, 201, strings.Replace(created("OK"), `"parameters":{"action":"NAVIGATE_TO_URL",`+
		`"url":"https://merchant.example/activate/t0k3n"}`, `"parameters":null`, 1)))
	if got != bango.OutcomeDone || reply.Record.Status != "PENDING" || reply.Parameters.URL != "" {
		t.Errorf("%s: %+v, %v", got, reply, failed)
	}
}

// The operations of generation 2 have paths of their own, and each its magic number.
func TestGeneration2(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, strings.Join([]string{r.Method, r.URL.Path, r.Header.Get("X-Magic-Number"), string(body)}, " "))
	}))
	defer server.Close()
	c := newClient(t, server.URL, bango.Config{Wire: bango.Generation2Wire(), MagicNumbers: map[string]string{
		"suspend": "S", "revoke": "X", "activation": "ACTIVATION_INFO_RETURNS_ACTIVATION_URL"}})
	c.Suspend(t.Context(), "r", "e1")
	c.Resume(t.Context(), "r", "e1")
	c.Revoke(t.Context(), "r", "e1", bango.Reason{})
	c.Activation(t.Context(), "e1")
	want := []string{"POST /v1/entitlement/suspend/e1 S {}", "POST /v1/entitlement/resume/e1  {}", "POST /v1/entitlement/revoke/e1 X {}",
		"GET /v1/entitlement/activationInfo/e1 ACTIVATION_INFO_RETURNS_ACTIVATION_URL "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := c.UndoCancel(t.Context(), "r", "e1"); !bango.Impossible(err) || len(got) != len(want) {
		t.Errorf("undo of a cancel: %v", err)
	}
}

// Generation 1 has nothing of it.
func TestNoMagicNumber(t *testing.T) {
	create(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			if strings.Contains(strings.ToLower(name), "magic") || name == "Created" || name == "Signature" {
				t.Errorf("%s is sent", name)
			}
		}
		io.WriteString(w, created("OK"))
	}))
}

// Magic numbers never go to where an entitlement is real.
func TestMagicNumbersOfTheSandboxAlone(t *testing.T) {
	for base, want := range map[string]string{
		bango.Generation2Sandbox:                   "",
		bango.Generation2Sandbox + "/v1":           "",
		"http://127.0.0.1:8081/v1":                 "",
		bango.Generation2EU:                        "alone",
		bango.DefaultBaseURL:                       "alone",
		bango.Generation2Sandbox + ".evil.example": "alone",
	} {
		_, err := bango.New(bango.Config{BaseURL: base, Username: username, Password: password, MagicNumbers: map[string]string{"create": "X"}})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", base, err)
		}
	}
	for number, want := range map[[2]string]string{{"delete", "X"}: "no operation", {"create", ""}: "printable", {"create", "a\r\nb"}: "printable"} {
		_, err := bango.New(bango.Config{BaseURL: bango.Generation2Sandbox, Username: username, Password: password,
			MagicNumbers: map[string]string{number[0]: number[1]}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", number, err)
		}
	}
}

func TestActivation(t *testing.T) {
	const address = `"parameters":{"action":"NAVIGATE_TO_URL","url":"https://m.example/2","urlExpiry":"2031-08-15T09:32:51.690Z"}`
	reply := func(code, rest string) string {
		return `{"responseCode":"` + code + `","responseMessage":"Words of Bango","status":"PENDING",` + rest + `}`
	}
	for name, c := range map[string]struct {
		status int
		body   string
		want   bango.Outcome
		url    string
		code   string
	}{
		"a URL":                {200, reply("OK", `"entitlementId":"e1",`+address), bango.OutcomeDone, "https://m.example/2", ""},
		"a URL to go to":       {200, reply("CLIENT_ACTION_REQUIRED", `"entitlementId":"e1",`+address), bango.OutcomeAction, "https://m.example/2", ""},
		"a code":               {200, reply("OK", `"entitlementId":"e1","activationCode":"A-1"`), bango.OutcomeDone, "", "A-1"},
		"neither":              {200, reply("OK", `"entitlementId":"e1"`), bango.OutcomeUnknown, "", ""},
		"of another":           {200, reply("OK", `"entitlementId":"e2",`+address), bango.OutcomeMismatch, "", ""},
		"of nothing":           {200, reply("OK", address), bango.OutcomeUnknown, "", ""},
		"not pending any more": {400, `{"responseCode":"BAD_REQUEST","responseMessage":"No","metadata":{"source":"MERCHANT"}}`, bango.OutcomeRefused, "", ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
		}))
		defer server.Close()
		got, err := newClient(t, server.URL, bango.Config{Wire: bango.Generation2Wire()}).Activation(t.Context(), "e1")
		outcome, _, failed := judged(t, got, err)
		switch {
		case outcome != c.want:
			t.Errorf("%s: %s, want %s (%v)", name, outcome, c.want, failed)
		case got != nil && (got.Parameters.URL != c.url || got.Record.ActivationCode != c.code):
			t.Errorf("%s: %+v", name, got)
		case c.url != "" && !got.Parameters.URLExpiry.Equal(time.Date(2031, 8, 15, 9, 32, 51, 69e7, time.UTC)):
			t.Errorf("%s: until %s", name, got.Parameters.URLExpiry)
		case outcome == bango.OutcomeRefused && string(failed.Metadata) != `{"source":"MERCHANT"}`:
			t.Errorf("%s: the metadata is %s", name, failed.Metadata)
		}
	}
}
