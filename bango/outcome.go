package bango

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Outcome is what one attempt showed. The zero value is OutcomeUnknown.
type Outcome int

const (
	OutcomeUnknown      Outcome = iota // no answer, or none that can be believed: the request may have been executed
	OutcomeDone                        // executed; the record's status tells what that made of it
	OutcomeAction                      // executed; the end user has to act, see Parameters
	OutcomeAccepted                    // taken on; the change follows later and comes by notification
	OutcomeRefused                     // Bango said no: BAD_REQUEST, NOT_AVAILABLE
	OutcomeNotFound                    // Bango has no such entitlement
	OutcomeExists                      // ALREADY_EXISTS
	OutcomeUnauthorized                // credentials or our IP address are not accepted; Bango says the same for both
	OutcomeThrottled                   // too many requests; try later
	OutcomeUnavailable                 // maintenance; try later
	OutcomeNotSent                     // never left: no connection came about, or the request could not be made
	OutcomeRedirected                  // the address is not that of the API
	OutcomeMismatch                    // the answer is about something else than what was asked for
)

var outcomeNames = [...]string{"unknown", "done", "action required", "accepted", "refused", "not found", "exists", "unauthorized",
	"throttled", "unavailable", "not sent", "redirected", "mismatch"}

func (o Outcome) String() string {
	if o < 0 || int(o) >= len(outcomeNames) {
		return "unknown"
	}
	return outcomeNames[o]
}

// Reply is an answer that says what was done: its Outcome is OutcomeDone, OutcomeAction or OutcomeAccepted.
type Reply struct {
	Outcome         Outcome
	ResponseCode    string
	ResponseMessage string // for people, not for code
	Parameters      Parameters
	Record          Record            // of every operation on one entitlement
	Records         []Record          // of a report
	Products        []EligibleProduct // of the eligible products
	Echo            string            // of an echo
	Exchange        Exchange
}

// Error is every other outcome, in one sentence. Err is the cause below it, where there is one.
type Error struct {
	Outcome         Outcome
	ResponseCode    string // empty, like the message, where Bango gave none or it is not believed
	ResponseMessage string
	Metadata        json.RawMessage // generation 2: whether Bango or the merchant raised it. Its form is not published
	RetryAfter      time.Duration   // not before; 0 where Bango gave none. At most MaxRetryAfter
	Exchange        Exchange        // the zero value where nothing was tried, see Impossible
	Err             error

	text string
}

// Error tells what happened, without credentials.
func (e *Error) Error() string {
	switch {
	case e.ResponseMessage != "" || e.ResponseCode != "":
		return strings.TrimSpace(fmt.Sprintf("Bango says %s: %s", e.ResponseCode, e.ResponseMessage))
	case e.Err != nil:
		return e.text + ": " + e.Err.Error()
	}
	return e.text
}

// Text is what happened without Bango's words and without the cause.
func (e *Error) Text() string { return e.text }

func (e *Error) Unwrap() error { return e.Err }

// MaximumReached reports whether err is the refusal of a second entitlement for the same customer and merchant. Bango tells it
// apart from other bad requests by its text alone. src: resale/faq
func MaximumReached(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.ResponseCode == "BAD_REQUEST" &&
		strings.Contains(e.ResponseMessage, "Maximum number of subscriptions for user reached")
}

// Untrusted reports whether err is that of a certificate that is not to be trusted at Bango's address: nothing was sent, and a person
// must look.
func Untrusted(err error) bool {
	var e *Error
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &e) && e.Outcome == OutcomeNotSent && errors.As(e.Err, &certificate)
}

// Impossible reports whether err is that of what was asked, which no request can be made of: nothing was tried, and asking again for the
// same with the same configuration changes nothing.
func Impossible(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Outcome == OutcomeNotSent && e.Exchange == Exchange{}
}

// classify returns the outcome of a reply by its HTTP status and responseCode. Where the two contradict each other, it is unknown.
func (w Wire) classify(status int, responseCode string) Outcome {
	if status >= 300 && status <= 399 {
		return OutcomeRedirected
	}
	if responseCode == w.Accepted && status == http.StatusAccepted {
		return OutcomeAccepted // the merchant has queued it. src: resale/entitlements/resume
	}
	if known, ok := codeNamed(responseCode); ok {
		if w.HTTP[responseCode].has(status) {
			return known.outcome
		}
		return OutcomeUnknown
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return OutcomeUnauthorized
	case http.StatusTooManyRequests:
		return OutcomeThrottled
	}
	return OutcomeUnknown
}

// judge turns a reply that arrived whole into a Reply or an Error.
func (c *Client) judge(op operation, status int, retryAfter time.Duration, raw []byte, x Exchange) (*Reply, error) {
	var body replyBody
	decodeErr := decode(raw, &body)
	outcome := c.wire.classify(status, body.ResponseCode)
	fail := func(o Outcome, text string, err error) (*Reply, error) {
		failed := &Error{Outcome: o, RetryAfter: retryAfter, Exchange: x, Err: err, text: text}
		if known, ok := codeNamed(body.ResponseCode); ok && known.outcome == o { // other words, say those of a success, would mislead
			failed.ResponseCode, failed.ResponseMessage = body.ResponseCode, clip(body.ResponseMessage)
			failed.Metadata = body.Metadata
		}
		return nil, failed
	}
	switch outcome {
	case OutcomeDone, OutcomeAction, OutcomeAccepted:
	case OutcomeRedirected:
		return fail(outcome, fmt.Sprintf("the address answers with a redirect (HTTP %d), which is not followed", status), nil)
	default:
		switch {
		case decodeErr != nil:
			return fail(outcome, fmt.Sprintf("HTTP %d came without an answer of Bango's form", status), decodeErr)
		case body.ResponseCode == "":
			return fail(outcome, fmt.Sprintf("HTTP %d came without a responseCode", status), nil)
		}
		return fail(outcome, fmt.Sprintf("HTTP %d came with responseCode %q", status, clip(body.ResponseCode)), nil)
	}
	// From here on Bango says that it did something; what follows must fit before that is believed.
	distrust := func(o Outcome, err error) (*Reply, error) { return fail(o, "Bango's answer cannot be used", err) }
	reply := &Reply{Outcome: outcome, ResponseCode: body.ResponseCode, ResponseMessage: clip(body.ResponseMessage),
		Parameters: body.Parameters, Record: body.Record, Records: body.Entitlements, Products: body.EligibleProducts, Echo: body.Echo, Exchange: x}
	if err := op.check(reply); err != nil {
		if errors.Is(err, errMismatch) {
			return distrust(OutcomeMismatch, err)
		}
		return distrust(OutcomeUnknown, err)
	}
	switch p := reply.Parameters; {
	case outcome == OutcomeAction && p.Action == "":
		return distrust(OutcomeUnknown, errors.New("it asks for an action and names none"))
	case outcome == OutcomeAction && p.Action == ActionNavigate && p.URL == "":
		return distrust(OutcomeUnknown, errors.New("it asks to open an address and gives none"))
	}
	return reply, nil
}

// replyBody is every reply: the envelope and the record's fields side by side. src: resale/api-ref/entitlement/reactivate/post
type replyBody struct {
	ResponseCode    string     `json:"responseCode"`
	ResponseMessage string     `json:"responseMessage"`
	Parameters      Parameters `json:"parameters"`
	Record
	Entitlements     []Record          `json:"entitlements"`     // src: resale/entitlements/report
	EligibleProducts []EligibleProduct `json:"eligibleProducts"` // src: resale/product-api-ref/get
	Echo             string            `json:"echo"`             // src: resale/testing
	Metadata         json.RawMessage   `json:"metadata"`         // of an error in generation 2. src: developer.bango.info/api-change-log
}

// MaxRetryAfter is the longest wait that is taken over from a Retry-After header.
const MaxRetryAfter = 15 * time.Minute

// parseRetryAfter reads seconds or an HTTP date. What is neither, or in the past, counts as none.
func parseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	wait := time.Duration(0)
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		wait = time.Duration(min(max(seconds, 0), int64(MaxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), MaxRetryAfter)
}

// clip bounds words of Bango's that are shown.
func clip(s string) string {
	const most = 1000
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

var errMismatch = errors.New("it is about something else")
