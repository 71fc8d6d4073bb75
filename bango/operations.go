package bango

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Echo asks whether the service is there; its reply repeats the id. src: resale/testing
func (c *Client) Echo(ctx context.Context, id string) (*Reply, error) {
	return c.do(ctx, operation{method: http.MethodGet, path: path(c.wire.EchoPath, id), check: func(r *Reply) error {
		if r.Echo != id {
			return fmt.Errorf("%w: it repeats %.40q", errMismatch, r.Echo)
		}
		return nil
	}})
}

// CreateRequest asks for an entitlement. src: resale/api-ref/entitlement/post. Bango publishes no lengths.
type CreateRequest struct {
	CustomerIdentifier string  `json:"customerIdentifier"`
	MerchantAccountKey string  `json:"merchantAccountKey"` // case-sensitive
	ProductKey         string  `json:"productKey"`
	OfferKey           *string `json:"offerKey"`        // null where none applies
	NotificationURL    string  `json:"notificationUrl"` // used exactly as given. src: resale/api-ref/notifications
}

// Create asks Bango to make an entitlement. requestID drives idempotency: with the same one, it is made once however often this is
// called. The reply is OutcomeDone (active, or pending without anything to do), OutcomeAction (the end user must register) or
// OutcomeAccepted.
func (c *Client) Create(ctx context.Context, requestID string, in CreateRequest) (*Reply, error) {
	if err := checkRequestID(requestID); err != nil {
		return nil, err
	}
	return c.do(ctx, operation{method: http.MethodPost, path: c.wire.CreatePath, requestID: requestID, body: in, check: func(r *Reply) error {
		if err := r.Record.usable(); err != nil {
			return err
		}
		return r.Record.mustBe(in.CustomerIdentifier, in.MerchantAccountKey, in.ProductKey)
	}})
}

// Read asks for the record of one entitlement. src: resale/entitlements/read
func (c *Client) Read(ctx context.Context, entitlementID string) (*Reply, error) {
	if entitlementID == "" {
		return nil, &Error{Outcome: OutcomeNotSent, text: "a read needs an entitlement id"}
	}
	return c.do(ctx, operation{method: http.MethodGet, path: path(c.wire.ReadPath, entitlementID), check: about(entitlementID)})
}

// Suspend asks Bango to suspend an entitlement. requestID is as in Create. The reply is OutcomeDone, OutcomeAccepted (the merchant has
// queued it: the record's status is still the former one, the change comes by notification) or OutcomeAction (the end user has a part
// in it). Whatever the outcome, the record's status tells what is true now: SUSPENDED once it is done.
// src: resale/entitlements/update; the outcomes are inferred from those of a resume
func (c *Client) Suspend(ctx context.Context, requestID, entitlementID string) (*Reply, error) {
	return c.setBenefits(ctx, requestID, entitlementID, c.wire.Suspended)
}

// Resume asks Bango to end a suspension. It is as Suspend; the record's status is ACTIVE once it is done. src: resale/entitlements/resume
func (c *Client) Resume(ctx context.Context, requestID, entitlementID string) (*Reply, error) {
	return c.setBenefits(ctx, requestID, entitlementID, c.wire.Normal)
}

func (c *Client) setBenefits(ctx context.Context, requestID, entitlementID, benefits string) (*Reply, error) {
	return c.write(ctx, http.MethodPatch, c.wire.UpdatePath, requestID, entitlementID, struct {
		EntitlementID       string `json:"entitlementId"`
		EntitlementBenefits string `json:"entitlementBenefits"`
	}{entitlementID, benefits})
}

// Reason says why an entitlement is to end. What is empty is not sent; Bango publishes no lengths, so whoever takes the description
// from a person must bound it. The names are those of a cancel for a revoke, too. src: resale/api-ref/reason-codes (values),
// resale/entitlements/cancel and revoke (names)
type Reason struct {
	Category    string `json:"cancelReasonCategory,omitempty"`
	Code        string `json:"cancelReasonCode,omitempty"`
	Description string `json:"cancelReasonDescription,omitempty"`
}

// Cancel asks Bango for the soft ending of an entitlement. requestID is as in Create, the outcomes are as in Suspend. Where it is done,
// the merchant decides between CANCELLED at once, and ACTIVE-ENDING until the record's DateEnded: the status tells.
// src: resale/entitlements/cancel
func (c *Client) Cancel(ctx context.Context, requestID, entitlementID string, r Reason) (*Reply, error) {
	return c.write(ctx, http.MethodPost, c.wire.CancelPath, requestID, entitlementID, r)
}

// Revoke asks Bango for the hard ending of an entitlement. It is as Cancel; the record's status is REVOKED once it is done.
// src: resale/entitlements/revoke
func (c *Client) Revoke(ctx context.Context, requestID, entitlementID string, r Reason) (*Reply, error) {
	return c.write(ctx, http.MethodPost, c.wire.RevokePath, requestID, entitlementID, r)
}

// write asks for a change of one entitlement.
func (c *Client) write(ctx context.Context, method, pattern, requestID, entitlementID string, body any) (*Reply, error) {
	if err := checkRequestID(requestID); err != nil {
		return nil, err
	}
	if entitlementID == "" {
		return nil, &Error{Outcome: OutcomeNotSent, text: "a change needs an entitlement id"}
	}
	return c.do(ctx, operation{method: method, path: path(pattern, entitlementID), requestID: requestID, body: body, check: about(entitlementID)})
}

// checkRequestID returns the Error of a request identifier that no header can carry, or that would make a write not repeatable.
func checkRequestID(id string) error {
	if id == "" || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return &Error{Outcome: OutcomeNotSent, text: "a write needs a request identifier of printable ASCII without spaces"}
	}
	return nil
}

// about checks that a reply is the record of that entitlement.
func about(entitlementID string) func(*Reply) error {
	return func(r *Reply) error {
		if err := r.Record.usable(); err != nil {
			return err
		}
		if r.Record.EntitlementID != entitlementID {
			return fmt.Errorf("%w: entitlement %.40q", errMismatch, r.Record.EntitlementID)
		}
		return nil
	}
}

// ReportFilter says which entitlements a report lists. src: resale/entitlements/report. Which are mandatory is not published.
type ReportFilter struct {
	CustomerIdentifier string  `json:"customerIdentifier"`
	ProductKey         *string `json:"productKey"` // nil for all
	Status             *string `json:"status"`     // nil for all
}

// Report asks for all records that match. NOT_FOUND and an empty list both mean that there are none; which one Bango sends is not
// published, so the former is turned into an empty OutcomeDone. An OK without a list says nothing about records, and is not believed.
func (c *Client) Report(ctx context.Context, f ReportFilter) (*Reply, error) {
	reply, err := c.do(ctx, operation{method: http.MethodPost, path: c.wire.ReportPath, body: f, check: func(r *Reply) error {
		if r.Records == nil {
			return errors.New("it has no list of entitlements")
		}
		for _, record := range r.Records {
			if err := record.usable(); err != nil {
				return err
			}
			if err := record.mustBe(f.CustomerIdentifier, "", ""); err != nil {
				return err
			}
		}
		return nil
	}})
	var failed *Error
	if errors.As(err, &failed) && failed.Outcome == OutcomeNotFound {
		return &Reply{Outcome: OutcomeDone, ResponseCode: failed.ResponseCode, ResponseMessage: failed.ResponseMessage,
			Exchange: failed.Exchange}, nil
	}
	return reply, err
}

// usable reports what a record must have to mean anything.
func (r Record) usable() error {
	switch {
	case r.EntitlementID == "":
		return errors.New("it has no entitlementId")
	case r.Status == "":
		return errors.New("it has no status")
	case len(r.EntitlementID) > 200 || len(r.Status) > 40:
		return errors.New("its entitlementId or status is far too long")
	}
	return nil
}

// mustBe reports whether a record names another customer, merchant or product than the ones asked for; an empty one is not compared.
func (r Record) mustBe(customer, merchant, product string) error {
	for _, f := range []struct{ name, asked, got string }{
		{"customerIdentifier", customer, r.CustomerIdentifier},
		{"merchantAccountKey", merchant, r.MerchantAccountKey},
		{"productKey", product, r.ProductKey},
	} {
		if f.asked != "" && f.got != "" && f.asked != f.got {
			return fmt.Errorf("%w: its %s is not the one asked for", errMismatch, f.name)
		}
	}
	return nil
}
