package sandbox

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// as returns the header of another reseller than the first, for rig.call.
func as(username, password string) []string {
	return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))}
}

func TestResellersDoNotSeeEachOther(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.NotifyKey = "first-key"
		c.Resellers = []Reseller{{Name: "Other", Username: "other", Password: "other-password", NotifyKey: "other-key"}}
	})
	other := as("other", "other-password")
	body := r.body("c", "BANGO", "BangoMusic")
	mine := r.create("c", "BANGO", "BangoMusic")

	// The limit for a customer and a merchant, and the scope of request identifiers, are each reseller's own.
	status, answer := r.call("POST", "/v1/entitlement", body, append(other, "X-RequestIdentifier", "r-1")...)
	theirs := r.newest()
	if status != 202 || theirs.ID == mine.ID || theirs.Reseller != "other" || mine.Reseller != "MyOrganization" {
		t.Fatalf("HTTP %d %s; %+v", status, answer, theirs)
	}
	if status, answer = r.call("POST", "/v1/entitlement", body, "X-RequestIdentifier", "r-1"); status != 202 || member(answer, "entitlementId") != mine.ID {
		t.Errorf("HTTP %d %s", status, answer)
	}

	// What is another's is not there.
	for _, call := range [][3]string{{"GET", "/v1/entitlement/" + theirs.ID, ""}, {"PATCH", "/v1/entitlement", `{"entitlementId":"` + theirs.ID + `","dateExpiry":null}`},
		{"PATCH", "/v1/entitlement", `{"entitlementId":"` + theirs.ID + `","entitlementBenefits":"SUSPENDED"}`},
		{"POST", "/v1/entitlement/cancel/" + theirs.ID, reason}, {"POST", "/v1/entitlement/revoke/" + theirs.ID, reason}} {
		status, answer := r.call(call[0], call[1], call[2])
		r.wantAnswer(status, answer, 404, refusal("NOT_FOUND", "There is no such entitlement"))
	}
	for id, header := range map[string][]string{mine.ID: nil, theirs.ID: other} {
		_, answer := r.call("POST", "/v1/entitlement/report", `{"customerIdentifier":"c"}`, header...)
		if strings.Count(answer, `"entitlementId"`) != 1 || member(answer, "entitlementId") != id {
			t.Errorf("the report: %s", answer)
		}
		if status, _ := r.call("GET", "/v1/entitlement/"+id, "", header...); status != 200 {
			t.Errorf("its own: HTTP %d", status)
		}
	}

	// Each is told with its own credentials.
	r.complete(mine.ID, Finish)
	r.complete(theirs.ID, Finish)
	r.delivered()
	for _, n := range r.reseller.all() {
		if want := map[string]string{mine.ID: "first-key", theirs.ID: "other-key"}[member(n.body, "entitlementId")]; n.header.Get("X-Api-Key") != want {
			t.Errorf("%s with the key %q", n.body, n.header.Get("X-Api-Key"))
		}
	}
	r.wantPage(r.server.URL, 200, "MyOrganization, Other.", "BANGO · other ·")

	// One's password is not the other's.
	status, answer = r.call("GET", "/v1/echo/1", "", as("other", "elephant-notepad-dancer")...)
	r.wantAnswer(status, answer, 401, refusal("UNAUTHORIZED", "The user name or the password is not valid"))
}

func TestTheLimitOfCalls(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.RateLimit = 3
		c.Resellers = []Reseller{{Username: "other", Password: "p"}}
	})
	echo := func(want int, header ...string) http.Header {
		t.Helper()
		req := mustRequest("GET", r.server.URL+"/v1/echo/1")
		req.SetBasicAuth("MyOrganization", "elephant-notepad-dancer")
		if header != nil {
			req.Header.Set(header[0], header[1])
		}
		status, h, answer := r.send(req)
		if status != want {
			t.Errorf("HTTP %d %s, want %d", status, answer, want)
		}
		if want == 429 && answer != refusal("TOO_MANY_REQUESTS", "More than 3 calls in a minute; try again later") {
			t.Error(answer)
		}
		return h
	}
	for range 3 {
		echo(200)
		echo(401, "Authorization", "Basic x") // which counts for nobody
	}
	r.clock.advance(14*time.Second + time.Millisecond)
	if h := echo(429); h.Get("Retry-After") != "46" {
		t.Errorf("Retry-After is %q", h.Get("Retry-After"))
	}
	echo(200, as("other", "p")...)
	r.MoveClock(time.Hour) // is no way around it
	echo(429)
	r.clock.advance(46 * time.Second)
	for range 3 {
		echo(200)
	}
	echo(429)
}

func TestMessageSigning(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 1024) // as documented
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) { c.SigningKey = &key.PublicKey })
	sign := func(created time.Time, body string) []string {
		seconds := strconv.FormatInt(created.Unix(), 10)
		digest := sha256.Sum256([]byte(seconds + body))
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return []string{"Created", seconds, "Signature", "keyId=RSA-SHA256V1, headers=Created, signature=" + base64.StdEncoding.EncodeToString(signature)}
	}
	body := r.body("c", "BANGO", "BangoMusic")
	good := sign(nine, body)
	with := func(i int, value string) []string {
		header := append([]string{}, good...)
		header[i] = value
		return header
	}
	for _, c := range []struct {
		header []string
		body   string
		want   string // empty where all is well
	}{
		{good, body, ""},
		{sign(nine.Add(-120*time.Second), body), body, ""},
		{sign(nine.Add(120*time.Second), body), body, ""},
		{nil, body, "the header Created is not a number of seconds"},
		{with(1, "2021-03-01T09:00:00Z"), body, "the header Created is not a number of seconds"},
		{sign(nine.Add(-121*time.Second), body), body, "the header Created is more than 120 seconds from now"},
		{sign(nine.Add(121*time.Second), body), body, "the header Created is more than 120 seconds from now"},
		{with(3, ""), body, `the header Signature is not "keyId=RSA-SHA256V1, headers=Created, signature=" and Base64`},
		{with(3, strings.ReplaceAll(good[3], ", ", ",")), body, `the header Signature is not "keyId=RSA-SHA256V1, headers=Created, signature=" and Base64`},
		{with(3, good[3]+"!"), body, `the header Signature is not "keyId=RSA-SHA256V1, headers=Created, signature=" and Base64`},
		{with(1, strconv.FormatInt(nine.Unix()+1, 10)), body, "it does not fit the header Created, the body and the key"},
		{good, strings.Replace(body, `"c"`, `"d"`, 1), "it does not fit the header Created, the body and the key"},
		{sign(nine, body+"\n"), body + "\n", "the body has a line break or a tab"},
	} {
		status, answer := r.call("POST", "/v1/entitlement", c.body, c.header...)
		if c.want == "" && status != 202 {
			t.Errorf("HTTP %d %s", status, answer)
		}
		if c.want != "" {
			r.wantAnswer(status, answer, 401, string(toJSON(envelope{"UNAUTHORIZED", "The signature is not valid: " + c.want})))
		}
	}
	if status, answer := r.call("GET", "/v1/echo/1", "", sign(nine, "")...); status != 200 {
		t.Errorf("without a body: HTTP %d %s", status, answer)
	}
	r.MoveClock(time.Hour) // the client's clock is the true one
	if status, answer := r.call("GET", "/v1/echo/1", "", sign(nine, "")...); status != 200 {
		t.Errorf("with the clock moved: HTTP %d %s", status, answer)
	}
	if n := len(r.Entitlements()); n != 1 {
		t.Errorf("%d entitlements", n)
	}
}

func TestEligibleProducts(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Merchants = append(shops[:1:1], Merchant{Key: "NO", Name: "No", Behaviour: Refuses, Products: twoProducts}, shops[3], shops[4])
	})
	products := func(customer string) string {
		t.Helper()
		status, answer := r.call("GET", "/v1/products/MyOrganization", "", "X-CustomerIdentifier", customer)
		if status != 200 {
			t.Errorf("HTTP %d %s", status, answer)
		}
		return answer
	}
	one := func(rank int, key, name, merchant string) string {
		return fmt.Sprintf(`{"productIdentifier":%q,"productRank":%d,"productStatus":"AVAILABLE","productName":%q,"productDescription":%q,`+
			`"productLogoURL":null,"productTermsURL":null}`, key, rank, name, name+" by "+merchant)
	}
	r.create("c", "NOW", "q")
	head := `{"responseCode":"OK","responseMessage":"Success","eligibleProducts":[`
	for customer, want := range map[string]string{
		"d": one(1, "p", "P", "Now") + "," + one(2, "q", "Q", "Now") + "," + one(3, "p", "P", "Short") + "," + one(4, "q", "Q", "Short"),
		"c": one(1, "p", "P", "Short") + "," + one(2, "q", "Q", "Short"),
	} {
		if got := products(customer); got != head+want+"]}" {
			t.Errorf("%s: %s", customer, got)
		}
	}
	r.create("c", "SHORT", "q")
	if got := products("c"); got != head+"]}" {
		t.Errorf("of one who has everything: %s", got)
	}
	status, answer := r.call("GET", "/v1/products/MyOrganization", "")
	r.wantAnswer(status, answer, 400, refusal("BAD_REQUEST", messageInvalid+"X-CustomerIdentifier parameter is required"))
	status, answer = r.call("GET", "/v1/products/other", "", "X-CustomerIdentifier", "c")
	r.wantAnswer(status, answer, 404, refusal("NOT_FOUND", "There is no such reseller"))
}
