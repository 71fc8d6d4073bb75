package bango_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"latchkey/bango"
)

// Every documented responseCode with every HTTP status that may come with it, and with those that contradict it.
func TestOutcomes(t *testing.T) {
	const table = `
		status                  200 201 202 203 301 302 307 400 401 403 404 409 429 500 502 503
		OK                       D   D   A   ?   >   >   >   ?   ?   ?   ?   ?   ?   ?   ?   ?
		CLIENT_ACTION_REQUIRED   C   C   C   ?   >   >   >   ?   ?   ?   ?   ?   ?   ?   ?   ?
		BAD_REQUEST              R   R   R   R   >   >   >   R   R   R   R   R   R   ?   ?   ?
		NOT_AVAILABLE            R   R   R   R   >   >   >   R   R   R   R   R   R   ?   ?   ?
		NOT_FOUND                N   N   N   N   >   >   >   N   N   N   N   N   N   ?   ?   ?
		ALREADY_EXISTS           E   E   E   E   >   >   >   E   E   E   E   E   E   ?   ?   ?
		UNAUTHORIZED             U   U   U   U   >   >   >   U   U   U   U   U   U   ?   ?   ?
		TOO_MANY_REQUESTS        T   T   T   T   >   >   >   T   T   T   T   T   T   ?   ?   ?
		SERVICE_UNAVAILABLE      ?   ?   ?   ?   >   >   >   ?   ?   ?   ?   ?   ?   ?   ?   M
		INTERNAL_ERROR           ?   ?   ?   ?   >   >   >   ?   ?   ?   ?   ?   ?   ?   ?   ?
		SOMETHING_NEW            ?   ?   ?   ?   >   >   >   ?   U   U   ?   ?   T   ?   ?   ?
		ok                       ?   ?   ?   ?   >   >   >   ?   U   U   ?   ?   T   ?   ?   ?
		(none)                   ?   ?   ?   ?   >   >   >   ?   U   U   ?   ?   T   ?   ?   ?
		(HTML)                   ?   ?   ?   ?   >   >   >   ?   U   U   ?   ?   T   ?   ?   ?`
	outcomes := map[string]bango.Outcome{"?": bango.OutcomeUnknown, "D": bango.OutcomeDone, "C": bango.OutcomeAction,
		"A": bango.OutcomeAccepted, "R": bango.OutcomeRefused, "N": bango.OutcomeNotFound, "E": bango.OutcomeExists,
		"U": bango.OutcomeUnauthorized, "T": bango.OutcomeThrottled, "M": bango.OutcomeUnavailable, ">": bango.OutcomeRedirected}
	rows := strings.Split(strings.TrimSpace(table), "\n")
	statuses := strings.Fields(rows[0])[1:]
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		status, body, _ := strings.Cut(r.Header.Get("X-RequestIdentifier"), "-")
		code, _ := strconv.Atoi(status)
		w.WriteHeader(code)
		switch body {
		case "(none)":
			io.WriteString(w, "{}")
		case "(HTML)":
			io.WriteString(w, "<html>Words of Bango</html>")
		default:
			io.WriteString(w, created(body))
		}
	})
	for _, row := range rows[1:] {
		fields := strings.Fields(row)
		code := fields[0]
		for i, status := range statuses {
			want := outcomes[fields[1+i]]
			reply, err := client.Create(t.Context(), status+"-"+code, order)
			got, reply, failed := judged(t, reply, err)
			if got != want {
				t.Errorf("HTTP %s with %s: %s, want %s", status, code, got, want)
				continue
			}
			believed := want != bango.OutcomeUnknown && want != bango.OutcomeRedirected && !strings.Contains("SOMETHING_NEW ok (none) (HTML)", code)
			believed = believed || code == "INTERNAL_ERROR" && want == bango.OutcomeUnknown
			switch {
			case reply != nil:
				if reply.ResponseCode != code || reply.ResponseMessage != "Words of Bango" || reply.Record.EntitlementID != entitlementID {
					t.Errorf("HTTP %s with %s: %+v", status, code, reply)
				}
			case believed && (failed.ResponseCode != code || !strings.Contains(failed.Error(), "Words of Bango")):
				t.Errorf("HTTP %s with %s: Bango's words are missing: %q, %v", status, code, failed.ResponseCode, failed)
			case !believed && (failed.ResponseCode != "" || strings.Contains(failed.Error(), "Words of Bango")):
				t.Errorf("HTTP %s with %s: words that are not believed are quoted: %v", status, code, failed)
			case !strings.Contains(failed.Text(), status):
				t.Errorf("HTTP %s with %s: the text does not tell the status: %s", status, code, failed.Text())
			}
		}
	}
}

// A change is judged by its responseCode and by the entitlement that the answer is about. What became of it is the record's status,
// whatever the HTTP status is.
func TestChanges(t *testing.T) {
	record := func(code, id, status string) string {
		return `{"responseCode":"` + code + `","responseMessage":"Words of Bango","parameters":null,"entitlementId":"` + id + `","status":"` + status + `"}`
	}
	refused := func(code string) string { return `{"responseCode":"` + code + `","responseMessage":"Words of Bango"}` }
	for name, c := range map[string]struct {
		http   int
		body   string
		want   bango.Outcome
		status string // of the record, of a Reply
	}{
		"suspended":              {200, record("OK", entitlementID, "SUSPENDED"), bango.OutcomeDone, "SUSPENDED"},
		"resumed":                {200, record("OK", entitlementID, "ACTIVE"), bango.OutcomeDone, "ACTIVE"},
		"ends later":             {200, record("OK", entitlementID, "ACTIVE-ENDING"), bango.OutcomeDone, "ACTIVE-ENDING"},
		"revoked":                {201, record("OK", entitlementID, "REVOKED"), bango.OutcomeDone, "REVOKED"},
		"queued":                 {202, record("OK", entitlementID, "ACTIVE"), bango.OutcomeAccepted, "ACTIVE"},
		"the end user has to":    {202, created("CLIENT_ACTION_REQUIRED"), bango.OutcomeAction, "PENDING"},
		"has to, and no address": {202, record("CLIENT_ACTION_REQUIRED", entitlementID, "PENDING"), bango.OutcomeUnknown, ""},
		"another entitlement":    {200, record("OK", "e2", "REVOKED"), bango.OutcomeMismatch, ""},
		"another, queued":        {202, record("OK", "e2", "ACTIVE"), bango.OutcomeMismatch, ""},
		"no entitlement":         {200, `{"responseCode":"OK","status":"REVOKED"}`, bango.OutcomeUnknown, ""},
		"no status":              {200, `{"responseCode":"OK","entitlementId":"` + entitlementID + `"}`, bango.OutcomeUnknown, ""},
		"no body":                {200, ``, bango.OutcomeUnknown, ""},
		"refused":                {400, refused("BAD_REQUEST"), bango.OutcomeRefused, ""},
		"refused as a conflict":  {409, refused("BAD_REQUEST"), bango.OutcomeRefused, ""},
		"refused with a 202":     {202, refused("NOT_AVAILABLE"), bango.OutcomeRefused, ""},
		"exists":                 {409, refused("ALREADY_EXISTS"), bango.OutcomeExists, ""},
		"not found":              {404, refused("NOT_FOUND"), bango.OutcomeNotFound, ""},
		"a conflict of gen. 2":   {409, refused("CONFLICT"), bango.OutcomeUnknown, ""},
		"broken":                 {500, refused("INTERNAL_ERROR"), bango.OutcomeUnknown, ""},
	} {
		client := answers(t, c.http, c.body)
		for operation, change := range changes {
			reply, err := change(client, "request-1", entitlementID)
			got, reply, failed := judged(t, reply, err)
			switch {
			case got != c.want:
				t.Errorf("%s, %s: %s, want %s (%v)", operation, name, got, c.want, failed)
			case reply != nil && reply.Record.Status != c.status:
				t.Errorf("%s, %s: the record is %+v", operation, name, reply.Record)
			}
		}
	}
}

func TestOutcomeStrings(t *testing.T) {
	seen := map[string]bool{}
	for o := bango.OutcomeUnknown; o <= bango.OutcomeMismatch; o++ {
		if s := o.String(); s == "" || seen[s] {
			t.Errorf("outcome %d is called %q", int(o), s)
		} else {
			seen[s] = true
		}
	}
	for _, o := range []bango.Outcome{-1, bango.OutcomeMismatch + 1} {
		if o.String() != "unknown" {
			t.Errorf("%d is %q", int(o), o)
		}
	}
	var zero bango.Outcome
	if zero != bango.OutcomeUnknown {
		t.Error("the zero outcome is something known")
	}
}

// An answer that says "done" is believed only if it is whole and about what was asked.
func TestAnswersThatAreNotBelieved(t *testing.T) {
	action := created("CLIENT_ACTION_REQUIRED")
	long := func(n int) string {
		return "https://merchant.example/" + strings.Repeat("x", n-len("https://merchant.example/"))
	}
	for name, c := range map[string]struct {
		old, new string // what is put into a good answer for what
		want     bango.Outcome
	}{
		"as it should be":        {"", "", bango.OutcomeAction},
		"no id":                  {`"entitlementId":"` + entitlementID + `",`, ``, bango.OutcomeUnknown},
		"id null":                {`"` + entitlementID + `"`, `null`, bango.OutcomeUnknown},
		"id a number":            {`"` + entitlementID + `"`, `17`, bango.OutcomeUnknown},
		"id far too long":        {entitlementID, strings.Repeat("x", 201), bango.OutcomeUnknown},
		"no status":              {`"status":"PENDING",`, ``, bango.OutcomeUnknown},
		"status an object":       {`"PENDING"`, `{}`, bango.OutcomeUnknown},
		"status far too long":    {`PENDING`, strings.Repeat("X", 41), bango.OutcomeUnknown},
		"a new status":           {`PENDING`, `PAUSED`, bango.OutcomeAction},
		"another customer":       {`cust-001`, `cust-002`, bango.OutcomeMismatch},
		"another merchant":       {`"BANGO"`, `"bango"`, bango.OutcomeMismatch},
		"another product":        {`BangoMusic`, `BangoVideo`, bango.OutcomeMismatch},
		"customer not repeated":  {`"customerIdentifier":"cust-001",`, ``, bango.OutcomeAction},
		"parameters null":        {`{"action":"NAVIGATE_TO_URL","url":"https://merchant.example/activate/t0k3n"}`, `null`, bango.OutcomeUnknown},
		"no address":             {`,"url":"https://merchant.example/activate/t0k3n"`, ``, bango.OutcomeUnknown},
		"address empty":          {`https://merchant.example/activate/t0k3n`, ``, bango.OutcomeUnknown},
		"address a number":       {`"https://merchant.example/activate/t0k3n"`, `1`, bango.OutcomeUnknown},
		"no action":              {`"action":"NAVIGATE_TO_URL",`, ``, bango.OutcomeUnknown},
		"an unknown action":      {`NAVIGATE_TO_URL`, `CALL <b>US</b>`, bango.OutcomeAction},
		"unknown, no address":    {`"action":"NAVIGATE_TO_URL","url":"https://merchant.example/activate/t0k3n"`, `"action":"CALL_US"`, bango.OutcomeAction},
		"longest address":        {`https://merchant.example/activate/t0k3n`, long(10_000), bango.OutcomeAction},
		"address of any length":  {`https://merchant.example/activate/t0k3n`, long(10_001), bango.OutcomeAction},
		"responseCode a number":  {`"CLIENT_ACTION_REQUIRED"`, `202`, bango.OutcomeUnknown},
		"twice the same key":     {`"offerKey":null`, `"offerKey":null,"status":"ACTIVE"`, bango.OutcomeUnknown},
		"twice but for the case": {`"offerKey":null`, `"offerKey":null,"Status":"ACTIVE"`, bango.OutcomeUnknown},
		"twice but for a long s": {`"offerKey":null`, `"offerKey":null,"ſtatus":"ACTIVE"`, bango.OutcomeUnknown},
		"twice further down":     {`"extensionData":null`, `"extensionData":[{"a":1,"a":2}]`, bango.OutcomeUnknown},
		"twice in parameters":    {`"action":"NAVIGATE_TO_URL"`, `"action":"NAVIGATE_TO_URL","action":"OTHER"`, bango.OutcomeUnknown},
		"same key, other object": {`"extensionData":null`, `"extensionData":{"status":"x","a":{"status":"y"}}`, bango.OutcomeAction},
		"unknown fields":         {`"offerKey":null`, `"offerKey":null,"sharedCustomerId":"x","financeData":{"a":[1,2]}`, bango.OutcomeAction},
		"an odd date":            {`2021-03-01T09:00:00Z`, `the other day`, bango.OutcomeAction},
		"an odd type":            {`"offerKey":null`, `"offerKey":17,"activationCode":{"a":1},"dateEnded":5`, bango.OutcomeAction},
		"a huge number":          {`"offerKey":null`, `"offerKey":1e999999`, bango.OutcomeAction},
	} {
		body := strings.ReplaceAll(action, c.old, c.new)
		if body == action && c.old != "" {
			t.Fatalf("%s: nothing was replaced", name)
		}
		got, reply, failed := create(t, answers(t, 202, body))
		if got != c.want {
			t.Errorf("%s: %s, want %s (%v)", name, got, c.want, failed)
		}
		if reply != nil && name == "an unknown action" && reply.Parameters.Action != "CALL <b>US</b>" {
			t.Errorf("%s: the action is not as it came: %q", name, reply.Parameters.Action)
		}
	}
}

// What is not one plain JSON object is no answer, whatever the HTTP status says.
func TestBodiesThatAreNoAnswer(t *testing.T) {
	good := created("OK")
	deep := func(n int) string {
		return strings.TrimSuffix(good, "}") + `,"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}"
	}
	padded := func(n int) string { return good + strings.Repeat(" ", n-len(good)) }
	for name, c := range map[string]struct {
		body string
		want bango.Outcome
	}{
		"as it should be":   {good, bango.OutcomeDone},
		"white space":       {"\r\n\t " + good + "\n", bango.OutcomeDone},
		"garbage":           {"\x00\xff\x17garbage", bango.OutcomeUnknown},
		"HTML":              {"<!doctype html><title>OK</title>", bango.OutcomeUnknown},
		"empty":             {"", bango.OutcomeUnknown},
		"blank":             {" \n", bango.OutcomeUnknown},
		"byte order mark":   {"\ufeff" + good, bango.OutcomeUnknown},
		"UTF-16":            {"\xff\xfe{\x00}\x00", bango.OutcomeUnknown},
		"null":              {"null", bango.OutcomeUnknown},
		"a string":          {`"OK"`, bango.OutcomeUnknown},
		"an array":          {"[" + good + "]", bango.OutcomeUnknown},
		"two objects":       {good + good, bango.OutcomeUnknown},
		"a tail":            {good + "x", bango.OutcomeUnknown},
		"cut short":         {good[:len(good)-1], bango.OutcomeUnknown},
		"NaN":               {strings.Replace(good, `"offerKey":null`, `"offerKey":NaN`, 1), bango.OutcomeUnknown},
		"single quotes":     {strings.ReplaceAll(good, `"`, `'`), bango.OutcomeUnknown},
		"a trailing comma":  {strings.TrimSuffix(good, "}") + ",}", bango.OutcomeUnknown},
		"nested 31 deep":    {deep(31), bango.OutcomeDone},
		"nested 32 deep":    {deep(32), bango.OutcomeUnknown},
		"nested 10000 deep": {deep(10000), bango.OutcomeUnknown},
		"endless nesting":   {strings.Repeat(`{"a":`, 200_000), bango.OutcomeUnknown},
		"1 MiB":             {padded(1 << 20), bango.OutcomeDone},
		"1 MiB and a byte":  {padded(1<<20 + 1), bango.OutcomeUnknown},
		"10 MB":             {padded(10_000_000), bango.OutcomeUnknown},
	} {
		got, _, failed := create(t, answers(t, 200, c.body))
		if got != c.want {
			t.Errorf("%s: %s, want %s (%v)", name, got, c.want, failed)
		}
		if failed != nil && failed.Exchange.Received != c.body[:min(len(c.body), 64<<10)] {
			t.Errorf("%s: the evidence is not what came", name)
		}
	}
}

func TestMaximumReached(t *testing.T) {
	// src: resale/faq
	const documented = "Invalid request or the request contains invalid data. Maximum number of subscriptions for user reached"
	for _, c := range []struct {
		code, message string
		want          bool
	}{
		{"BAD_REQUEST", documented, true},
		{"BAD_REQUEST", "productKey parameter is invalid", false},
		{"NOT_AVAILABLE", documented, false},
	} {
		client := answers(t, 400, fmt.Sprintf(`{"responseCode":%q,"responseMessage":%q}`, c.code, c.message))
		_, err := client.Create(t.Context(), "request-1", order)
		if got := bango.MaximumReached(fmt.Errorf("wrapped: %w", err)); got != c.want {
			t.Errorf("%s %s: %v", c.code, c.message, got)
		}
	}
	if bango.MaximumReached(nil) || bango.MaximumReached(io.EOF) {
		t.Error("some other error is taken for it")
	}
}

func TestRetryAfter(t *testing.T) {
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for value, want := range map[string]time.Duration{
		"":                     0,
		"0":                    0,
		"1":                    time.Second,
		" 5 ":                  5 * time.Second,
		"60":                   time.Minute,
		"-1":                   0,
		"garbage":              0,
		"1.5":                  0,
		"1000000000":           bango.MaxRetryAfter,
		in(2 * time.Minute):    2 * time.Minute,
		in(-time.Hour):         0,
		in(10000 * time.Hour):  bango.MaxRetryAfter,
		"Fri, 31 Dec 9999":     0,
		"99999999999999999999": 0,
	} {
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", value)
			w.WriteHeader(429)
			io.WriteString(w, `{"responseCode":"TOO_MANY_REQUESTS","responseMessage":"Later"}`)
		})
		got, _, failed := create(t, client)
		// A date has whole seconds, and some time has passed since.
		if got != bango.OutcomeThrottled || failed.RetryAfter > want || failed.RetryAfter < max(0, want-10*time.Second) ||
			!strings.Contains(value, "GMT") && failed.RetryAfter != want {
			t.Errorf("%q: %s, %s; want %s", value, got, failed.RetryAfter, want)
		}
	}
}

// Long words of Bango's are cut, at the end of a character.
func TestLongWords(t *testing.T) {
	words := "x" + strings.Repeat("ä", 5000)
	_, _, failed := create(t, answers(t, 400, `{"responseCode":"BAD_REQUEST","responseMessage":"`+words+`"}`))
	if want := "x" + strings.Repeat("ä", 499) + "…"; failed.ResponseMessage != want {
		t.Errorf("%d bytes: %q", len(failed.ResponseMessage), failed.ResponseMessage)
	}
	_, _, failed = create(t, answers(t, 200, `{"responseCode":"`+words+`"}`))
	if len(failed.Error()) > 2100 {
		t.Errorf("a code of 10 KB makes an error of %d bytes", len(failed.Error()))
	}
}
