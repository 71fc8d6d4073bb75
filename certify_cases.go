package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"latchkey/bango"
	"latchkey/resale"
)

// Statuses of Bango's that the cases speak of.
const (
	pending      = string(resale.Pending)
	active       = string(resale.Active)
	activeEnding = string(resale.ActiveEnding)
	suspended    = string(resale.Suspended)
	cancelled    = string(resale.Cancelled)
	revoked      = string(resale.Revoked)
	inTrouble    = string(resale.Failed)
)

// over are the statuses of what has ended or will by itself.
var over = []string{activeEnding, cancelled, revoked, inTrouble}

// testReason is the published reason for what was a test; generation 2 has none for that. src: resale/api-ref/reason-codes, Gen 2
// categories-and-codes
func testReason(generation int) bango.Reason {
	if generation == 2 {
		return bango.Reason{Category: "CUSTOMER_CANCELLED", Code: "OTHER", Description: "certification by Latchkey"}
	}
	return bango.Reason{Category: "ACTIVATION_ROLLBACK", Code: "TEST_ENTITLEMENT", Description: "certification by Latchkey"}
}

// The names of cases that others build upon.
const (
	caseCreate   = "Successful First Time Activation: create"
	caseActivate = "Successful First Time Activation: activate"
	caseQuery    = "Successful First Time Activation: query"
	caseCancel   = "Successful First Time Activation: cancel"
	caseSuspend  = "Suspend"
	caseRevoke   = "Revoke another one"
)

// certCases are run in this order. The documented ones are those of Bango's test plan that are public: test 0 and the first group; the
// others follow from what its documentation says of each operation. src: resale/testing
var certCases = []certCase{
	{"Test 0 Connectivity", true, "", "200 OK, which repeats the id", (*certification).connectivity},
	{"Wrong password", false, "", "401 UNAUTHORIZED", (*certification).wrongPassword},
	{"Read of an unknown id", false, "", "NOT_FOUND", (*certification).unknownID},
	{"Create of an unknown product", false, "", "400 BAD_REQUEST", (*certification).unknownProduct},
	{caseCreate, true, "", "202 CLIENT_ACTION_REQUIRED with a link and PENDING, or 200 OK and ACTIVE", (*certification).firstCreate},
	{"Same X-RequestIdentifier again", false, caseCreate, "the same reply, and one entitlement", (*certification).sameRequest},
	{"Repeat create while PENDING", false, caseCreate, "the same id with a fresh link", (*certification).repeatCreate},
	{caseActivate, true, caseCreate, "ACTIVE after the sign-up at the merchant", (*certification).activate},
	{"Notification of the activation", false, caseActivate, "ACTIVE, at the notificationUrl", notified(active)},
	{caseQuery, true, caseActivate, "200 OK, ACTIVE, with what was asked for and dateActivated", (*certification).query},
	{"Second create while ACTIVE", false, caseActivate, "400 BAD_REQUEST, maximum number reached", (*certification).secondCreate},
	{"Report", false, caseActivate, "the customer's one entitlement, ACTIVE", (*certification).reportListsIt},
	{"Update", false, caseActivate, "ACTIVE, with another dateExpiry", (*certification).update},
	{caseSuspend, false, caseActivate, "SUSPENDED", (*certification).suspend},
	{"Resume", false, caseSuspend, "ACTIVE", (*certification).resume},
	{caseCancel, true, caseActivate, "ACTIVE-ENDING with a date to come, or CANCELLED", (*certification).cancel},
	{"Reason of the cancel", false, caseCancel, "the reason in extensionData", (*certification).reasonCarried},
	{"Notification of the ending", false, caseCancel, "ACTIVE-ENDING or CANCELLED, at the notificationUrl", notified(activeEnding, cancelled)},
	{"Undo of the cancel", false, caseCancel, "ACTIVE, without a dateEnded", (*certification).undo},
	{caseRevoke, false, caseCreate, "REVOKED", (*certification).revokeAnother},
	{"Cancel of what has ended", false, caseRevoke, "a refusal, and it stays REVOKED", (*certification).cancelEnded},
}

func (r *certification) connectivity(ctx context.Context) (string, error) {
	reply, err := r.call("", func() (*bango.Reply, error) { return r.client.Echo(ctx, "latchkey-cert-"+r.tag) })
	return answered(reply), err
}

// answered is a reply in short.
func answered(reply *bango.Reply) string {
	if reply == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("HTTP %d %s %s", reply.Exchange.Status, reply.ResponseCode, reply.Record.Status))
}

// refusedWith says how a refusal went that was expected, or what came in its place.
func refusedWith(reply *bango.Reply, err error, outcomes ...bango.Outcome) (string, error) {
	var refusal *bango.Error
	switch {
	case err == nil:
		return "", errors.New(answered(reply) + ": it was not refused")
	case errors.As(err, &refusal) && slices.Contains(outcomes, refusal.Outcome):
		return fmt.Sprintf("HTTP %d %s", refusal.Exchange.Status, refusal.ResponseCode), nil
	}
	return "", err
}

func (r *certification) wrongPassword(ctx context.Context) (string, error) {
	reply, err := r.call("", func() (*bango.Reply, error) {
		return r.stranger.Report(ctx, bango.ReportFilter{CustomerIdentifier: r.customer(1)})
	})
	return refusedWith(reply, err, bango.OutcomeUnauthorized)
}

func (r *certification) unknownID(ctx context.Context) (string, error) {
	reply, err := r.read(ctx, uuid.NewString())
	return refusedWith(reply, err, bango.OutcomeNotFound)
}

func (r *certification) unknownProduct(ctx context.Context) (string, error) {
	reply, err := r.ask(ctx, r.newRequestID(), r.customer(2), "LatchkeyHasNoSuchProduct")
	seen, err := refusedWith(reply, err, bango.OutcomeRefused)
	if err == nil && !strings.HasSuffix(seen, "BAD_REQUEST") {
		return "", errors.New(seen)
	}
	return seen, err
}

func (r *certification) firstCreate(ctx context.Context) (string, error) {
	r.requestID = r.newRequestID()
	reply, err := r.ask(ctx, r.requestID, r.customer(1), r.product)
	if err != nil {
		return "", err
	}
	switch {
	case reply.Outcome == bango.OutcomeAction && reply.Record.Status == pending:
		if err := r.set.links.Check(reply.Parameters.URL); err != nil {
			return "", fmt.Errorf("%s, but its link cannot be followed: %w", answered(reply), err)
		}
	case reply.Outcome == bango.OutcomeDone && reply.Record.Status == active:
	default:
		return "", errors.New(answered(reply))
	}
	r.create, r.id = reply, reply.Record.EntitlementID
	return answered(reply), nil
}

func (r *certification) sameRequest(ctx context.Context) (string, error) {
	reply, err := r.ask(ctx, r.requestID, r.customer(1), r.product)
	switch {
	case err != nil:
		return "", err
	case reply.Record.EntitlementID != r.id:
		return "", errors.New("it made another entitlement")
	case reply.ResponseCode != r.create.ResponseCode || reply.Record.Status != r.create.Record.Status || reply.Parameters.URL != r.create.Parameters.URL:
		return "", errors.New(answered(reply) + ": the reply is another one")
	}
	if all, err := r.report(ctx, r.customer(1)); err == nil && len(all.Records) > 1 {
		return "", fmt.Errorf("the customer has %d entitlements", len(all.Records))
	}
	return answered(reply), nil
}

func (r *certification) repeatCreate(ctx context.Context) (string, error) {
	if r.create.Record.Status != pending {
		return "", aside{notChecked, "the merchant activates at once"}
	}
	reply, err := r.ask(ctx, r.newRequestID(), r.customer(1), r.product)
	switch {
	case err != nil:
		return "", err
	case reply.Record.EntitlementID != r.id:
		return "", errors.New("it made another entitlement")
	case reply.Parameters.URL == "" || reply.Parameters.URL == r.create.Parameters.URL:
		return "", errors.New(answered(reply) + ": the link is not a fresh one")
	}
	r.create.Parameters = reply.Parameters
	return answered(reply), nil
}

func (r *certification) activate(ctx context.Context) (string, error) {
	if r.create.Record.Status == pending {
		link, atMost := r.create.Parameters.URL, r.patience.person
		if r.auto {
			if err := signUp(ctx, link); err != nil {
				return "", err
			}
			atMost = r.patience.merchant
		} else {
			fmt.Fprintf(r.out, "Open this link and sign up at the merchant, as a customer would; this waits for at most %s:\n\n  %s\n\n", atMost, link)
		}
		if _, err := r.reads(ctx, r.id, atMost, is(active)); err != nil {
			return "", err
		}
	}
	return active, nil
}

// sandboxForm is the path of the page on which the sandbox's merchants let people sign up.
var sandboxForm = regexp.MustCompile(`^/merchant/[^/]+/register/[^/]+$`)

// signUp does what a person does on the registration page of the sandbox.
func signUp(ctx context.Context, link string) error {
	u, err := url.Parse(link)
	if err != nil || !sandboxForm.MatchString(u.EscapedPath()) {
		return errors.New("the link does not lead to a merchant of the sandbox; only there can the sign-up go without a person")
	}
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, link, strings.NewReader("choice=finish"))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultTransport.RoundTrip(req) // which follows no redirect
	if err != nil {
		return fmt.Errorf("the merchant's page cannot be reached: %w", err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		return fmt.Errorf("the merchant's page answers the sign-up with HTTP %d", resp.StatusCode)
	}
	return nil
}

// notified is the case that a notification arrives that tells one of the statuses.
func notified(statuses ...string) func(*certification, context.Context) (string, error) {
	return func(r *certification, ctx context.Context) (string, error) {
		if r.inbox.deaf != "" {
			return "", aside{notChecked, r.inbox.deaf}
		}
		m, err := r.inbox.wait(ctx, r.patience.notification, r.id, statuses)
		if err != nil {
			return "", err
		}
		r.evidence.notification(r.now, m.raw)
		if !m.known {
			return "", errors.New("it came without the webhook credentials that are set")
		}
		return strings.TrimSpace(m.Status + " " + m.Reason), nil
	}
}

func (r *certification) query(ctx context.Context) (string, error) {
	reply, err := r.read(ctx, r.id)
	if err != nil {
		return "", err
	}
	got := reply.Record
	switch {
	case got.Status != active:
		return "", errors.New(answered(reply))
	case got.CustomerIdentifier != r.customer(1) || got.MerchantAccountKey != r.merchant || got.ProductKey != r.product || got.OfferKey != r.offer:
		return "", errors.New("the customer, merchant, product or offer is another than the one asked for")
	case got.DateActivated.IsZero():
		return "", errors.New("it has no dateActivated")
	}
	return answered(reply), nil
}

func (r *certification) secondCreate(ctx context.Context) (string, error) {
	reply, err := r.ask(ctx, r.newRequestID(), r.customer(1), r.product)
	switch {
	case err == nil:
		return "", errors.New(answered(reply) + ": it was not refused")
	case !bango.MaximumReached(err):
		return "", err
	}
	return err.Error(), nil
}

func (r *certification) reportListsIt(ctx context.Context) (string, error) {
	reply, err := r.report(ctx, r.customer(1))
	switch {
	case err != nil:
		return "", err
	case len(reply.Records) != 1:
		return "", fmt.Errorf("it lists %d entitlements", len(reply.Records))
	case reply.Records[0].EntitlementID != r.id || reply.Records[0].Status != active:
		return "", fmt.Errorf("it lists %s, %s", reply.Records[0].EntitlementID, reply.Records[0].Status)
	}
	return answered(reply) + ", one, ACTIVE", nil
}

func (r *certification) suspend(ctx context.Context) (string, error) {
	reply, err := r.change(ctx, r.id, func(requestID string) (*bango.Reply, error) { return r.client.Suspend(ctx, requestID, r.id) }, is(suspended))
	return answered(reply), unsupported(err)
}

func (r *certification) resume(ctx context.Context) (string, error) {
	reply, err := r.change(ctx, r.id, func(requestID string) (*bango.Reply, error) { return r.client.Resume(ctx, requestID, r.id) }, is(active))
	return answered(reply), unsupported(err)
}

func (r *certification) update(ctx context.Context) (string, error) {
	expiry := time.Now().UTC().Add(60 * 24 * time.Hour).Truncate(time.Second)
	reply, err := r.change(ctx, r.id, func(requestID string) (*bango.Reply, error) {
		return r.client.Update(ctx, requestID, r.id, bango.Update{DateExpiry: &expiry})
	}, func(record bango.Record) bool { return record.Status == active && record.DateExpiry.Equal(expiry) })
	return answered(reply), unsupported(err)
}

// undo takes the cancel back, where the merchant has not ended it at once. Which property does it is not published.
func (r *certification) undo(ctx context.Context) (string, error) {
	if !r.ending {
		return "", aside{notChecked, "it ended at once"}
	}
	reply, err := r.change(ctx, r.id, func(requestID string) (*bango.Reply, error) { return r.client.UndoCancel(ctx, requestID, r.id) }, is(active))
	switch {
	case bango.Impossible(err):
		return "", aside{notChecked, err.Error()}
	case err != nil:
		return "", unsupported(err)
	case !reply.Record.DateEnded.IsZero():
		return "", fmt.Errorf("it is ACTIVE, and its dateEnded is still %s", reply.Record.DateEnded)
	}
	return answered(reply), nil
}

func (r *certification) cancel(ctx context.Context) (string, error) {
	reply, err := r.change(ctx, r.id, func(requestID string) (*bango.Reply, error) {
		return r.client.Cancel(ctx, requestID, r.id, r.reason)
	}, is(activeEnding, cancelled))
	switch {
	case err != nil:
		return "", err
	case reply.Record.Status == activeEnding && !reply.Record.DateEnded.After(time.Now()):
		return "", errors.New("it is ACTIVE-ENDING, and its dateEnded is not in the future")
	}
	r.ending = reply.Record.Status == activeEnding
	return answered(reply), nil
}

func (r *certification) reasonCarried(ctx context.Context) (string, error) {
	reply, err := r.read(ctx, r.id)
	if err != nil {
		return "", err
	}
	var inText string
	raw := []byte(reply.Record.ExtensionData)
	if json.Unmarshal(raw, &inText) == nil { // the documents say both object and string
		raw = []byte(inText)
	}
	var got struct {
		Category    string `json:"cancelReasonCategory"`
		Code        string `json:"cancelReasonCode"`
		Description string `json:"cancelReasonDescription"`
	}
	if err := json.Unmarshal(raw, &got); err != nil || bango.Reason(got) != r.reason {
		return "", fmt.Errorf("extensionData is %s", cmp.Or(string(reply.Record.ExtensionData), "missing"))
	}
	return got.Category + " " + got.Code, nil
}

// revokeAnother revokes an entitlement of another customer, which need not be signed up for.
func (r *certification) revokeAnother(ctx context.Context) (string, error) {
	made, err := r.ask(ctx, r.newRequestID(), r.customer(3), r.product)
	if err != nil {
		return "", err
	}
	id := made.Record.EntitlementID
	reply, err := r.change(ctx, id, func(requestID string) (*bango.Reply, error) {
		return r.client.Revoke(ctx, requestID, id, r.reason)
	}, is(revoked))
	if err != nil {
		return "", err
	}
	r.revoked = id
	return answered(reply), nil
}

func (r *certification) cancelEnded(ctx context.Context) (string, error) {
	requestID := r.newRequestID()
	reply, err := r.call(requestID, func() (*bango.Reply, error) { return r.client.Cancel(ctx, requestID, r.revoked, r.reason) })
	var refusal *bango.Error
	switch {
	case err == nil:
		return "", errors.New(answered(reply) + ": it was not refused")
	case !errors.As(err, &refusal) || refusal.Outcome == bango.OutcomeUnauthorized || refusal.Outcome == bango.OutcomeThrottled:
		return "", err
	case refusal.Outcome != bango.OutcomeRefused && (refusal.Exchange.Status < 400 || refusal.Exchange.Status > 499): // the code is not published
		return "", err
	}
	reply, err = r.read(ctx, r.revoked)
	if err != nil {
		return "", err
	}
	if reply.Record.Status != revoked {
		return "", fmt.Errorf("it is %s now", reply.Record.Status)
	}
	return fmt.Sprintf("HTTP %d %s", refusal.Exchange.Status, refusal.ResponseCode), nil
}
