package resale

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"latchkey/bango"
)

// upstream is Bango through its client: the one place where the words of its wire become ours.
type upstream struct {
	client     *bango.Client
	generation int
}

// NewUpstream returns Bango as the domain sees it. generation is that of the API, 1 or 2: they differ in how a fresh registration URL is asked for.
func NewUpstream(client *bango.Client, generation int) Upstream { return upstream{client, generation} }

func (u upstream) Create(ctx context.Context, requestID string, o Order) Answer {
	var offer *string
	if o.OfferKey != "" {
		offer = &o.OfferKey
	}
	reply, err := u.client.Create(ctx, requestID, bango.CreateRequest{CustomerIdentifier: o.CustomerIdentifier,
		MerchantAccountKey: o.MerchantKey, ProductKey: o.ProductKey, OfferKey: offer, NotificationURL: o.NotificationURL,
		EntitlementID: o.EntitlementID, DisplayName: o.Terms.DisplayName, DateExpiry: o.Terms.DateExpiry,
		ExtensionData: json.RawMessage(o.Terms.ExtensionData)})
	return answer(FromReply, reply, err)
}

// Refresh is the same create again in generation 1, under an identifier of its own. src: resale/faq/create-duplicate-pending
func (u upstream) Refresh(ctx context.Context, requestID, bangoID string, o Order) Answer {
	if u.generation < 2 {
		return u.Create(ctx, requestID, o)
	}
	reply, err := u.client.Activation(ctx, bangoID)
	a := answer(FromReply, reply, err)
	if a.Verdict == VerdictDone && a.ActionURL != "" { // 200 OK, with what there is to do beside it. src: Gen 2 bango-music
		a.Verdict = VerdictAction
	}
	return a
}

func (u upstream) Update(ctx context.Context, requestID, bangoID string, t Terms, notificationURL string) Answer {
	change := bango.Update{ProductKey: t.ProductKey, CustomerIdentifier: t.CustomerIdentifier, NotificationURL: notificationURL,
		DisplayName: t.DisplayName, ExtensionData: json.RawMessage(t.ExtensionData)}
	if !t.DateExpiry.IsZero() {
		change.DateExpiry = &t.DateExpiry
	}
	reply, err := u.client.Update(ctx, requestID, bangoID, change)
	return answer(FromReply, reply, err)
}

func (u upstream) Act(ctx context.Context, requestID string, kind RequestKind, bangoID string, reason Reason) Answer {
	why := bango.Reason{Category: reason.Category, Code: reason.Code, Description: reason.Description}
	var reply *bango.Reply
	var err error
	switch kind {
	case KindSuspend:
		reply, err = u.client.Suspend(ctx, requestID, bangoID)
	case KindResume:
		reply, err = u.client.Resume(ctx, requestID, bangoID)
	case KindCancel:
		reply, err = u.client.Cancel(ctx, requestID, bangoID, why)
	case KindUndo:
		reply, err = u.client.UndoCancel(ctx, requestID, bangoID)
	case KindRevoke:
		reply, err = u.client.Revoke(ctx, requestID, bangoID, why)
	default:
		return Answer{Verdict: VerdictMismatch, Message: fmt.Sprintf("There is no such request as %q.", kind)}
	}
	return answer(FromReply, reply, err)
}

func (u upstream) Echo(ctx context.Context) Answer {
	reply, err := u.client.Echo(ctx, newID())
	return answer(FromReply, reply, err)
}

func (u upstream) Eligible(ctx context.Context, customerIdentifier string) ([]string, Answer) {
	reply, err := u.client.EligibleProducts(ctx, customerIdentifier)
	a := answer(FromReply, reply, err)
	if err != nil {
		return nil, a
	}
	keys := make([]string, len(reply.Products))
	for i, p := range reply.Products {
		keys[i] = p.Identifier
	}
	return keys, a
}

func (u upstream) Read(ctx context.Context, bangoID string) Answer {
	reply, err := u.client.Read(ctx, bangoID)
	return answer(FromRecord, reply, err)
}

func (u upstream) Find(ctx context.Context, customerIdentifier, productKey string) ([]Fact, Answer) {
	filter := bango.ReportFilter{CustomerIdentifier: customerIdentifier}
	if productKey != "" {
		filter.ProductKey = &productKey
	}
	reply, err := u.client.Report(ctx, filter)
	a := answer(FromRecord, reply, err)
	if err != nil {
		return nil, a
	}
	facts := make([]Fact, len(reply.Records))
	for i, r := range reply.Records {
		facts[i] = fact(FromRecord, r)
	}
	return facts, a
}

// verdicts says what an outcome of the client means for a request. One that is missing here is VerdictUnknown.
var verdicts = map[bango.Outcome]Verdict{
	bango.OutcomeDone:         VerdictDone,
	bango.OutcomeAccepted:     VerdictDone, // the record tells that it is still pending
	bango.OutcomeAction:       VerdictAction,
	bango.OutcomeRefused:      VerdictRefused,
	bango.OutcomeNotFound:     VerdictAbsent,
	bango.OutcomeExists:       VerdictExists,
	bango.OutcomeUnauthorized: VerdictUnauthorized,
	bango.OutcomeThrottled:    VerdictThrottled,
	bango.OutcomeUnavailable:  VerdictUnavailable,
	bango.OutcomeNotSent:      VerdictNotSent,
	bango.OutcomeRedirected:   VerdictMisconfigured,
	bango.OutcomeMismatch:     VerdictMismatch,
}

func answer(source Source, reply *bango.Reply, err error) Answer {
	var failed *bango.Error
	switch {
	case err == nil:
		return Answer{Verdict: verdicts[reply.Outcome], Fact: fact(source, reply.Record), Action: reply.Parameters.Action,
			ActionURL: reply.Parameters.URL, ActionExpires: reply.Parameters.URLExpiry.Time, Message: storable(reply.ResponseMessage), Evidence: evidence(reply.Exchange, nil)}
	case errors.As(err, &failed):
		verdict := verdicts[failed.Outcome]
		switch {
		case bango.MaximumReached(err):
			verdict = VerdictTaken
		case bango.Impossible(err):
			verdict = VerdictRefused // the same again would be the same again
		}
		return Answer{Verdict: verdict, Untrusted: bango.Untrusted(err), NotAvailable: failed.ResponseCode == "NOT_AVAILABLE", Message: storable(sentence(failed)), RetryAfter: failed.RetryAfter,
			Evidence: evidence(failed.Exchange, failed)}
	}
	return Answer{Message: storable(err.Error())}
}

// sentence tells what went wrong: in Bango's words where it gave some, without the cause, which the evidence holds.
func sentence(e *bango.Error) string {
	if e.ResponseMessage != "" {
		return e.ResponseMessage
	}
	text := upper(e.Text()) + "."
	if e.Outcome == bango.OutcomeRedirected {
		text += " Look at LATCHKEY_BANGO_URL."
	}
	return text
}

func upper(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

func evidence(x bango.Exchange, failed *bango.Error) Evidence {
	e := Evidence{At: x.Started.UTC().Truncate(time.Microsecond), Method: x.Method, Path: x.Path, Sent: x.Sent,
		HTTPStatus: x.Status, Received: storable(x.Received), Duration: x.Duration.Truncate(time.Microsecond)}
	if failed != nil {
		e.Error = storable(failed.Error())
	}
	return e
}

func fact(source Source, r bango.Record) Fact {
	return Fact{Source: source, BangoID: storable(r.EntitlementID), Status: storable(r.Status), CustomerIdentifier: r.CustomerIdentifier,
		MerchantKey: r.MerchantAccountKey, ProductKey: storable(r.ProductKey), OfferKey: storable(r.OfferKey),
		DisplayName: storable(r.EntitlementDisplayName), ExtensionData: extensionData(r.ExtensionData), ActivationCode: storable(r.ActivationCode),
		DateCreated: r.DateCreated.Time, DateActivated: r.DateActivated.Time, DateEnded: r.DateEnded.Time,
		DateSuspended: r.DateSuspended.Time, DateResumed: r.DateResumed.Time, DateExpiry: r.DateExpiry.Time,
		DateLastUpdated: r.DateLastUpdated.Time}
}

// extensionData returns Bango's custom data as one JSON value, empty for none. It may come as an object or as a string that holds one.
func extensionData(raw []byte) string {
	text := strings.TrimSpace(string(raw))
	var inner string
	if json.Unmarshal(raw, &inner) == nil && strings.HasPrefix(strings.TrimSpace(inner), "{") && json.Valid([]byte(inner)) {
		text = strings.TrimSpace(inner)
	}
	if text == "null" || text == `""` || text == "{}" {
		return ""
	}
	return storable(text)
}

// readNotification reads what Bango posted.
func readNotification(body []byte) (Hint, error) {
	n, err := bango.ParseNotification(body)
	if err != nil {
		return Hint{}, err
	}
	return Hint{Fact: fact(FromNotification, n.Record), Reason: storable(n.Reason), Message: storable(n.ResponseMessage), ActionURL: n.Parameters.URL,
		ActionExpires: n.Parameters.URLExpiry.Time}, nil
}

// storable returns s without what a database's text cannot hold: NUL and broken UTF-8. What comes from outside may have either.
func storable(s string) string {
	if utf8.ValidString(s) && !strings.Contains(s, "\x00") {
		return s
	}
	clean := make([]rune, 0, len(s))
	for _, r := range s { // broken bytes become U+FFFD
		if r != 0 {
			clean = append(clean, r)
		}
	}
	return string(clean)
}
