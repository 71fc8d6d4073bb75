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
	if requestID == "" || strings.ContainsFunc(requestID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, &Error{Outcome: OutcomeNotSent, text: "a create needs a request identifier of printable ASCII without spaces"}
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
	return c.do(ctx, operation{method: http.MethodGet, path: path(c.wire.ReadPath, entitlementID), check: func(r *Reply) error {
		if err := r.Record.usable(); err != nil {
			return err
		}
		if r.Record.EntitlementID != entitlementID {
			return fmt.Errorf("%w: entitlement %.40q", errMismatch, r.Record.EntitlementID)
		}
		return nil
	}})
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
