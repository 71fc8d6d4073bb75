package bango

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Echo asks whether the service is there; its reply repeats the id. src: resale/testing
func (c *Client) Echo(ctx context.Context, id string) (*Reply, error) {
	return c.do(ctx, operation{name: "echo", method: c.wire.EchoMethod, path: path(c.wire.EchoPath, id), check: func(r *Reply) error {
		if r.Echo != id {
			return fmt.Errorf("%w: it repeats %.40q", errMismatch, r.Echo)
		}
		return nil
	}})
}

// CreateRequest asks for an entitlement. What is empty is not sent, but for the first five. Bango publishes no lengths.
// src: resale/api-ref/entitlement/post for the first six, hidden/batchprocessing-create for the others
type CreateRequest struct {
	CustomerIdentifier string  `json:"customerIdentifier"`
	MerchantAccountKey string  `json:"merchantAccountKey"` // case-sensitive
	ProductKey         string  `json:"productKey"`
	OfferKey           *string `json:"offerKey"`        // null where none applies
	NotificationURL    string  `json:"notificationUrl"` // used exactly as given. src: resale/api-ref/notifications

	EntitlementID    string          `json:"entitlementId,omitempty"` // of the caller's choice; Bango recommends to let it choose
	DisplayName      string          `json:"entitlementDisplayName,omitempty"`
	DateExpiry       time.Time       `json:"-"`                          // sent in whole seconds; Bango ends the entitlement then
	ExtensionData    json.RawMessage `json:"extensionData,omitempty"`    // an object, comes back in the record
	ExtraInformation json.RawMessage `json:"extraInformation,omitempty"` // an object, say of the clientDevice
}

// Create asks Bango to make an entitlement. requestID drives idempotency: with the same one, it is made once however often this is
// called. The reply is OutcomeDone (active, or pending without anything to do), OutcomeAction (the end user must register) or
// OutcomeAccepted.
func (c *Client) Create(ctx context.Context, requestID string, in CreateRequest) (*Reply, error) {
	if err := checkRequestID(requestID); err != nil {
		return nil, err
	}
	if err := checkObjects(in.ExtensionData, in.ExtraInformation); err != nil {
		return nil, err
	}
	body := struct {
		CreateRequest
		DateExpiry string `json:"dateExpiry,omitempty"`
	}{CreateRequest: in}
	if !in.DateExpiry.IsZero() {
		body.DateExpiry = wireTime(in.DateExpiry)
	}
	return c.do(ctx, operation{name: "create", method: c.wire.CreateMethod, path: c.wire.CreatePath, requestID: requestID, body: body,
		check: func(r *Reply) error {
			if err := r.Record.usable(); err != nil {
				return err
			}
			if in.EntitlementID != "" && r.Record.EntitlementID != in.EntitlementID {
				return fmt.Errorf("%w: entitlement %.40q", errMismatch, r.Record.EntitlementID)
			}
			return r.Record.mustBe(in.CustomerIdentifier, in.MerchantAccountKey, in.ProductKey)
		}})
}

// Read asks for the record of one entitlement. src: resale/entitlements/read
func (c *Client) Read(ctx context.Context, entitlementID string) (*Reply, error) {
	if entitlementID == "" {
		return nil, impossible("a read needs an entitlement id")
	}
	return c.do(ctx, operation{name: "read", method: c.wire.ReadMethod, path: path(c.wire.ReadPath, entitlementID), check: about(entitlementID)})
}

// Update is what is to change of an entitlement. What is empty or nil stays as it is; a pointer to an empty value takes the offer or the
// date away, as null, which is inferred. src: resale/entitlements/update, resale/faq (productKey), generation 2's batch
// (customerIdentifier); that the offer and the display name can be updated is inferred
type Update struct {
	ProductKey         string
	OfferKey           *string
	DateExpiry         *time.Time // sent in whole seconds
	NotificationURL    string     // used exactly as given
	CustomerIdentifier string
	DisplayName        string
	ExtensionData      json.RawMessage // an object; whether it replaces the former one or is added to it is not published
}

// Update asks Bango to change an entitlement. requestID is as in Create. The reply is OutcomeDone, OutcomeAction (the end user must agree
// to it: the record has the changes, and is PENDING until then) or OutcomeAccepted (the change follows). Where nobody has to do anything,
// the status stays as it is. src: resale/entitlements/update
func (c *Client) Update(ctx context.Context, requestID, entitlementID string, u Update) (*Reply, error) {
	if err := checkObjects(u.ExtensionData); err != nil {
		return nil, err
	}
	var changes []member
	for _, m := range []struct{ name, value string }{
		{"productKey", u.ProductKey}, {"notificationUrl", u.NotificationURL}, {"customerIdentifier", u.CustomerIdentifier},
		{"entitlementDisplayName", u.DisplayName},
	} {
		if m.value != "" {
			changes = append(changes, member{m.name, m.value})
		}
	}
	switch {
	case u.OfferKey == nil:
	case *u.OfferKey == "":
		changes = append(changes, member{"offerKey", nil})
	default:
		changes = append(changes, member{"offerKey", *u.OfferKey})
	}
	switch {
	case u.DateExpiry == nil:
	case u.DateExpiry.IsZero():
		changes = append(changes, member{"dateExpiry", nil})
	default:
		changes = append(changes, member{"dateExpiry", wireTime(*u.DateExpiry)})
	}
	if len(u.ExtensionData) > 0 {
		changes = append(changes, member{"extensionData", u.ExtensionData})
	}
	if len(changes) == 0 {
		return nil, impossible("an update needs something to change")
	}
	return c.update(ctx, "update", requestID, entitlementID, changes...)
}

// UndoCancel asks Bango to take back a cancel before it takes effect, that is while the entitlement is ACTIVE-ENDING. It is as Suspend;
// the record's status is ACTIVE once it is done, which is inferred. src: resale/entitlements/update, which does not say what to set:
// see Wire.UndoProperty
func (c *Client) UndoCancel(ctx context.Context, requestID, entitlementID string) (*Reply, error) {
	if c.wire.UndoProperty == "" {
		return nil, impossible("no property of the undo of a cancel is set")
	}
	return c.update(ctx, "undo", requestID, entitlementID, member{c.wire.UndoProperty, c.wire.UndoValue})
}

// Suspend asks Bango to suspend an entitlement. requestID is as in Create. The reply is OutcomeDone, OutcomeAccepted (the merchant has
// queued it: the record's status is still the former one, the change comes by notification) or OutcomeAction (the end user has a part
// in it). Whatever the outcome, the record's status tells what is true now: SUSPENDED once it is done.
// src: resale/entitlements/update; the outcomes are inferred from those of a resume
func (c *Client) Suspend(ctx context.Context, requestID, entitlementID string) (*Reply, error) {
	if c.wire.SuspendPath == "" {
		return c.update(ctx, "suspend", requestID, entitlementID, member{benefits, c.wire.Suspended})
	}
	return c.write(ctx, "suspend", c.wire.SuspendMethod, c.wire.SuspendPath, requestID, entitlementID)
}

// Resume asks Bango to end a suspension. It is as Suspend; the record's status is ACTIVE once it is done. src: resale/entitlements/resume
func (c *Client) Resume(ctx context.Context, requestID, entitlementID string) (*Reply, error) {
	if c.wire.ResumePath == "" {
		return c.update(ctx, "resume", requestID, entitlementID, member{benefits, c.wire.Normal})
	}
	return c.write(ctx, "resume", c.wire.ResumeMethod, c.wire.ResumePath, requestID, entitlementID)
}

// benefits is the property that an update suspends and resumes by. src: resale/entitlements/resume
const benefits = "entitlementBenefits"

// update is a write whose body names the entitlement whatever its path does. src: resale/entitlements/update
func (c *Client) update(ctx context.Context, name, requestID, entitlementID string, changes ...member) (*Reply, error) {
	return c.write(ctx, name, c.wire.UpdateMethod, c.wire.UpdatePath, requestID, entitlementID,
		append([]member{{"entitlementId", entitlementID}}, changes...)...)
}

// Reason says why an entitlement is to end. What is empty is not sent; Bango publishes no lengths, so whoever takes the description
// from a person must bound it. The names are those of a cancel for a revoke, too. src: resale/api-ref/reason-codes (values),
// resale/entitlements/cancel and revoke (names)
type Reason struct {
	Category    string
	Code        string
	Description string
}

func (r Reason) members() []member {
	var all []member
	for _, m := range []struct{ name, value string }{
		{"cancelReasonCategory", r.Category}, {"cancelReasonCode", r.Code}, {"cancelReasonDescription", r.Description},
	} {
		if m.value != "" {
			all = append(all, member{m.name, m.value})
		}
	}
	return all
}

// Cancel asks Bango for the soft ending of an entitlement. requestID is as in Create, the outcomes are as in Suspend. Where it is done,
// the merchant decides between CANCELLED at once, and ACTIVE-ENDING until the record's DateEnded: the status tells.
// src: resale/entitlements/cancel
func (c *Client) Cancel(ctx context.Context, requestID, entitlementID string, r Reason) (*Reply, error) {
	return c.write(ctx, "cancel", c.wire.CancelMethod, c.wire.CancelPath, requestID, entitlementID, r.members()...)
}

// Revoke asks Bango for the hard ending of an entitlement. It is as Cancel; the record's status is REVOKED once it is done.
// src: resale/entitlements/revoke
func (c *Client) Revoke(ctx context.Context, requestID, entitlementID string, r Reason) (*Reply, error) {
	return c.write(ctx, "revoke", c.wire.RevokeMethod, c.wire.RevokePath, requestID, entitlementID, r.members()...)
}

// write asks for a change of one entitlement. The body names it where the path does not.
func (c *Client) write(ctx context.Context, name, method, pattern, requestID, entitlementID string, body ...member) (*Reply, error) {
	if err := checkRequestID(requestID); err != nil {
		return nil, err
	}
	if entitlementID == "" {
		return nil, impossible("a change needs an entitlement id")
	}
	if !hasID(pattern) && (len(body) == 0 || body[0].name != "entitlementId") {
		body = append([]member{{"entitlementId", entitlementID}}, body...)
	}
	return c.do(ctx, operation{name: name, method: method, path: path(pattern, entitlementID), requestID: requestID, body: object(body),
		check: about(entitlementID)})
}

// member is one member of a JSON object, and object is one with its members in order.
type (
	member struct {
		name  string
		value any
	}
	object []member
)

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	raw := []byte{'{'}
	for i, m := range o {
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			raw = append(raw, ',')
		}
		raw = append(append(append(raw, name...), ':'), value...)
	}
	return append(raw, '}'), nil
}

// Activation asks for the current values of a PENDING entitlement with a fresh registration URL, which is in the reply's Parameters, or an
// activation code, which is in its Record, whatever the outcome of the two, OutcomeDone or OutcomeAction. It is of generation 2; in
// generation 1, a create again gives a fresh one. src: developer.bango.info/mock-response-headers
func (c *Client) Activation(ctx context.Context, entitlementID string) (*Reply, error) {
	switch {
	case c.wire.ActivationPath == "":
		return nil, impossible("no path of the activation info is set")
	case entitlementID == "":
		return nil, impossible("the activation info needs an entitlement id")
	}
	return c.do(ctx, operation{name: "activation", method: c.wire.ActivationMethod, path: path(c.wire.ActivationPath, entitlementID),
		check: func(r *Reply) error {
			if err := about(entitlementID)(r); err != nil {
				return err
			}
			if r.Parameters.URL == "" && r.Record.ActivationCode == "" {
				return errors.New("it has neither an address nor an activation code")
			}
			return nil
		}})
}

// EligibleProducts asks which products a customer may have; they are in the reply's Products. The path is not published: without
// Wire.ProductsPath nothing is sent. src: resale/product-api-ref/get
func (c *Client) EligibleProducts(ctx context.Context, customerIdentifier string) (*Reply, error) {
	switch {
	case c.wire.ProductsPath == "":
		return nil, impossible("no path of the eligible products is set")
	case !printable(strings.ReplaceAll(customerIdentifier, " ", "x")) || strings.TrimSpace(customerIdentifier) != customerIdentifier:
		return nil, impossible("the eligible products need a customer identifier of printable ASCII, without spaces at its ends")
	}
	return c.do(ctx, operation{name: "products", method: c.wire.ProductsMethod, path: c.wire.ProductsPath, customer: customerIdentifier,
		check: func(r *Reply) error {
			if r.Products == nil {
				return errors.New("it has no list of eligible products")
			}
			for _, p := range r.Products {
				if p.Identifier == "" {
					return errors.New("one of its products has no productIdentifier")
				}
			}
			return nil
		}})
}

// impossible returns the Error of what no request can be made of.
func impossible(text string) error { return &Error{Outcome: OutcomeNotSent, text: text} }

// checkObjects returns the Error of custom data that is not a JSON object.
func checkObjects(data ...json.RawMessage) error {
	for _, raw := range data {
		if len(raw) == 0 {
			continue
		}
		if err := checkJSON(raw); err != nil {
			return &Error{Outcome: OutcomeNotSent, text: "custom data must be a JSON object", Err: err}
		}
	}
	return nil
}

// checkRequestID returns the Error of a request identifier that no header can carry, or that would make a write not repeatable.
func checkRequestID(id string) error {
	if !printable(id) {
		return impossible("a write needs a request identifier of printable ASCII without spaces")
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
	reply, err := c.do(ctx, operation{name: "report", method: http.MethodPost, path: c.wire.ReportPath, body: f, check: func(r *Reply) error {
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
