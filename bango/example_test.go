package bango_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"latchkey/bango"
)

// A stand-in for Bango. With the real one, BaseURL is DefaultBaseURL.
func standIn(status int, body string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
}

// Create an entitlement, and branch on what the attempt showed.
func Example() {
	server := standIn(202, `{"responseCode":"CLIENT_ACTION_REQUIRED","responseMessage":"Action required",
		"parameters":{"action":"NAVIGATE_TO_URL","url":"https://merchant.example/activate/t0k3n"},
		"entitlementId":"1c0f3c1e-0000-4000-8000-000000000001","status":"PENDING","dateCreated":"2021-03-01T09:00:00Z",
		"customerIdentifier":"cust-001","merchantAccountKey":"BANGO","productKey":"BangoMusic"}`)
	defer server.Close()

	client, err := bango.New(bango.Config{BaseURL: server.URL + "/v1", Username: "MyOrganization", Password: "elephant-notepad-dancer"})
	if err != nil {
		fmt.Println(err)
		return
	}
	// Store the request and its identifier before this: whoever asks again must ask with the same one.
	reply, err := client.Create(context.Background(), "018f3b1e-request-1", bango.CreateRequest{
		CustomerIdentifier: "cust-001",
		MerchantAccountKey: "BANGO",
		ProductKey:         "BangoMusic",
		NotificationURL:    "https://reseller.example/bango/n?ref=ord-77",
	})
	var failed *bango.Error
	switch {
	case errors.As(err, &failed) && failed.Outcome == bango.OutcomeUnknown:
		fmt.Println("It may have been executed. Ask again later, with the same identifier:", failed)
	case errors.As(err, &failed):
		fmt.Println(failed.Outcome, failed) // each of these outcomes says what to do next
	case reply.Outcome == bango.OutcomeAction && reply.Parameters.Action == bango.ActionNavigate:
		fmt.Println(reply.Record.Status, "until the end user opens", reply.Parameters.URL) // check the address first
	case reply.Outcome == bango.OutcomeAction:
		fmt.Println("An action that this program does not know:", reply.Parameters.Action)
	default:
		fmt.Println(reply.Record.Status)
	}
	// Output: PENDING until the end user opens https://merchant.example/activate/t0k3n
}

// A refusal is an error with Bango's words in it.
func ExampleMaximumReached() {
	server := standIn(400, `{"responseCode":"BAD_REQUEST","responseMessage":
		"Invalid request or the request contains invalid data. Maximum number of subscriptions for user reached"}`)
	defer server.Close()

	client, _ := bango.New(bango.Config{BaseURL: server.URL + "/v1", Username: "MyOrganization", Password: "elephant-notepad-dancer"})
	_, err := client.Create(context.Background(), "018f3b1e-request-2", bango.CreateRequest{CustomerIdentifier: "cust-001"})
	var failed *bango.Error
	if errors.As(err, &failed) {
		fmt.Println(failed.Outcome, bango.MaximumReached(err))
		fmt.Println(err)
	}
	// Output:
	// refused true
	// Bango says BAD_REQUEST: Invalid request or the request contains invalid data. Maximum number of subscriptions for user reached
}

// A report lists what Bango knows of a customer.
func ExampleClient_Report() {
	server := standIn(200, `{"responseCode":"OK","responseMessage":"Success","entitlements":[
		{"entitlementId":"e1","status":"ACTIVE","customerIdentifier":"cust-001","productKey":"BangoMusic"},
		{"entitlementId":"e0","status":"CANCELLED","customerIdentifier":"cust-001","dateEnded":"2021-02-01T00:00:00Z"}]}`)
	defer server.Close()

	client, _ := bango.New(bango.Config{BaseURL: server.URL + "/v1", Username: "MyOrganization", Password: "elephant-notepad-dancer"})
	reply, err := client.Report(context.Background(), bango.ReportFilter{CustomerIdentifier: "cust-001"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range reply.Records {
		fmt.Println(r.EntitlementID, r.Status, r.DateEnded.Format("2006-01-02"))
	}
	// Output:
	// e1 ACTIVE 0001-01-01
	// e0 CANCELLED 2021-02-01
}

// What Bango posts to the notificationUrl.
func ExampleParseNotification() {
	n, err := bango.ParseNotification([]byte(`{"responseCode":"OK","responseMessage":"Success","parameters":null,"entitlementId":"e1",
		"status":"ACTIVE","notificationReason":"ACTIVATION_SUCCESS","dateLastUpdated":"2021-03-01T09:05:00Z"}`))
	if err != nil {
		fmt.Println(err) // keep what came: it may be of a form that is new
		return
	}
	fmt.Println(n.EntitlementID, n.Status, n.Reason)
	// Output: e1 ACTIVE ACTIVATION_SUCCESS
}

// Move an entitlement to another product; what is not set stays as it is.
func ExampleClient_Update() {
	server := standIn(200, `{"responseCode":"OK","responseMessage":"Success","entitlementId":"e1","status":"ACTIVE",
		"customerIdentifier":"cust-001","merchantAccountKey":"BANGO","productKey":"BangoMusicPremium"}`)
	defer server.Close()

	client, _ := bango.New(bango.Config{BaseURL: server.URL + "/v1", Username: "MyOrganization", Password: "elephant-notepad-dancer"})
	reply, err := client.Update(context.Background(), "018f3b1e-request-3", "e1", bango.Update{ProductKey: "BangoMusicPremium"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(reply.Outcome, reply.Record.Status, reply.Record.ProductKey)
	fmt.Println(reply.Exchange.Sent)
	// Output:
	// done ACTIVE BangoMusicPremium
	// {"entitlementId":"e1","productKey":"BangoMusicPremium"}
}

// What Bango told at onboarding takes the place of what is inferred, without a new build.
func ExampleParseWire() {
	wire, err := bango.ParseWire(bango.DefaultWire(), "updatePath=/entitlement/{id}, suspended=ON_HOLD, http.NOT_AVAILABLE=202")
	fmt.Println(wire.UpdatePath, wire.Suspended, wire.HTTP["NOT_AVAILABLE"], err)
	_, err = bango.ParseWire(bango.DefaultWire(), "updateMethod=GET")
	fmt.Println(err)
	// Output:
	// /entitlement/{id} ON_HOLD 202 <nil>
	// updateMethod: "GET" is not POST, PUT or PATCH
}
