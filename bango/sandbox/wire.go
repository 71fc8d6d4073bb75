package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// What goes over the wire, written down once more from the documentation and shared with no client: a field that a client misspells
// is missing here.

// responseCode values. src: resale/api-ref/entitlement/reactivate/post
const (
	codeOK             = "OK"
	codeActionRequired = "CLIENT_ACTION_REQUIRED"
	codeBadRequest     = "BAD_REQUEST"
	codeUnauthorized   = "UNAUTHORIZED"
	codeNotFound       = "NOT_FOUND"
	codeAlreadyExists  = "ALREADY_EXISTS"
	codeNotAvailable   = "NOT_AVAILABLE"
	codeTooMany        = "TOO_MANY_REQUESTS"
)

// Statuses of an entitlement. src: resale/entitlements
const (
	statusPending      = "PENDING"
	statusActive       = "ACTIVE"
	statusActiveEnding = "ACTIVE-ENDING"
	statusSuspended    = "SUSPENDED"
	statusCancelled    = "CANCELLED"
	statusRevoked      = "REVOKED"
	statusFailed       = "FAILED"
)

var statuses = []string{statusPending, statusActive, statusActiveEnding, statusSuspended, statusCancelled, statusRevoked, statusFailed}

// Values of notificationReason. src: resale/api-ref/notifications
const (
	reasonActivated  = "ACTIVATION_SUCCESS"
	reasonSuspended  = "SUSPENSION_SUCCESS"
	reasonResumed    = "RESUMPTION_SUCCESS"
	reasonEnding     = "TERMINATION_PENDING"
	reasonTerminated = "TERMINATION_SUCCESS"
	reasonProduct    = "PRODUCT_UPDATE"
	reasonMetadata   = "METADATA_UPDATE"
)

const (
	messageSuccess  = "Success" // src: resale/testing
	messageAction   = "Action required"
	messageAccepted = "Accepted"
	messageInvalid  = "Invalid request or the request contains invalid data. "
	messageMaximum  = messageInvalid + "Maximum number of subscriptions for user reached" // src: resale/faq
)

// envelope begins every reply.
type envelope struct {
	ResponseCode    string `json:"responseCode"`
	ResponseMessage string `json:"responseMessage"`
}

// echoReply answers an echo. src: resale/testing
type echoReply struct {
	envelope
	Echo string `json:"echo"`
}

// entitlementReply is the envelope and one record, side by side. src: resale/api-ref/entitlement/reactivate/post
type entitlementReply struct {
	envelope
	Parameters *parameters `json:"parameters"` // null but for CLIENT_ACTION_REQUIRED
	record
}

// parameters say what the caller has to do. src: resale/entitlements/create
type parameters struct {
	Action string `json:"action"`
	URL    string `json:"url"`

	URLExpiry *string `json:"urlExpiry,omitempty"` // of generation 2, where the merchant has one. src: Gen 2 ?p=2171
}

const actionNavigate = "NAVIGATE_TO_URL" // src: resale/entitlements/create

// reportReply answers a report. src: resale/entitlements/report
type reportReply struct {
	envelope
	Entitlements []record `json:"entitlements"`
}

// productsReply answers with the products that a customer can have. Its documentation ends after productTermsURL.
// src: resale/product-api-ref/get
type productsReply struct {
	envelope
	EligibleProducts []eligibleProduct `json:"eligibleProducts"`
}

type eligibleProduct struct {
	ProductIdentifier  string  `json:"productIdentifier"`
	ProductRank        int     `json:"productRank"`
	ProductStatus      string  `json:"productStatus"`
	ProductName        string  `json:"productName"`
	ProductDescription string  `json:"productDescription"`
	ProductLogoURL     *string `json:"productLogoURL"`
	ProductTermsURL    *string `json:"productTermsURL"`
}

// record is an entitlement, its fields in the documented order; nil is null. src: resale/api-ref/entitlement/reactivate/post
type record struct {
	EntitlementID          string          `json:"entitlementId"`
	Status                 string          `json:"status"`
	DateCreated            *string         `json:"dateCreated"`
	DateActivated          *string         `json:"dateActivated"`
	DateEnded              *string         `json:"dateEnded"`
	DateSuspended          *string         `json:"dateSuspended"`
	DateResumed            *string         `json:"dateResumed"`
	DateLastUpdated        *string         `json:"dateLastUpdated"`
	CustomerIdentifier     string          `json:"customerIdentifier"`
	MerchantAccountKey     string          `json:"merchantAccountKey"`
	ProductKey             string          `json:"productKey"`
	OfferKey               *string         `json:"offerKey"`
	ActivationCode         *string         `json:"activationCode"`
	EntitlementDisplayName string          `json:"entitlementDisplayName"`
	DateExpiry             *string         `json:"dateExpiry"`
	ExtensionData          json.RawMessage `json:"extensionData"`
}

// notification is what is POSTed to the notificationUrl. Its order is another than the record's. src: resale/api-ref/notifications; the
// order from merchantAccountKey on is inferred
type notification struct {
	envelope
	Parameters             *string         `json:"parameters"` // string or null here, not an object
	EntitlementID          string          `json:"entitlementId"`
	ActivationCode         *string         `json:"activationCode"`
	CustomerIdentifier     string          `json:"customerIdentifier"`
	MerchantAccountKey     string          `json:"merchantAccountKey"`
	ProductKey             string          `json:"productKey"`
	OfferKey               *string         `json:"offerKey"`
	EntitlementDisplayName string          `json:"entitlementDisplayName"`
	Status                 string          `json:"status"`
	DateCreated            *string         `json:"dateCreated"`
	DateActivated          *string         `json:"dateActivated"`
	DateEnded              *string         `json:"dateEnded"`
	DateSuspended          *string         `json:"dateSuspended"`
	DateResumed            *string         `json:"dateResumed"`
	DateLastUpdated        *string         `json:"dateLastUpdated"`
	DateExpiry             *string         `json:"dateExpiry"`
	ExtensionData          json.RawMessage `json:"extensionData"`
	NotificationReason     string          `json:"notificationReason"`
}

func newNotification(reason string, r record) notification {
	return notification{envelope: envelope{codeOK, messageSuccess}, NotificationReason: reason,
		EntitlementID: r.EntitlementID, ActivationCode: r.ActivationCode, CustomerIdentifier: r.CustomerIdentifier,
		MerchantAccountKey: r.MerchantAccountKey, ProductKey: r.ProductKey, OfferKey: r.OfferKey,
		EntitlementDisplayName: r.EntitlementDisplayName, Status: r.Status, DateCreated: r.DateCreated, DateActivated: r.DateActivated,
		DateEnded: r.DateEnded, DateSuspended: r.DateSuspended, DateResumed: r.DateResumed, DateLastUpdated: r.DateLastUpdated,
		DateExpiry: r.DateExpiry, ExtensionData: r.ExtensionData}
}

// wireDate writes a date as Bango does, UTC in whole seconds; the zero time is null. src: resale/reporting/entitlement
func wireDate(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05Z")
	return &s
}

// nullable is null for an empty string.
func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// rawOrNull is JSON as it came, null for an empty string.
func rawOrNull(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return json.RawMessage(s)
}

// toJSON is for our own wire types, which always have a JSON form.
func toJSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("sandbox: %T has no JSON form: %v", v, err))
	}
	return raw
}

// Bounds of what a caller may send. Bango publishes none; these keep the memory of a long run in hand.
const (
	maxBody      = 64 << 10 // bytes
	maxText      = 500      // bytes of one string
	maxURL       = 2000     // bytes of a notificationUrl
	maxReason    = 2000     // bytes of a cancelReasonDescription
	maxExtension = 4 << 10  // bytes of extensionData, and of the custom properties of an ending
)

// createRequest is the body of a create after validation. Two are equal if every parameter is. src: resale/api-ref/entitlement/post
type createRequest struct {
	customerIdentifier     string
	merchantAccountKey     string
	productKey             string
	offerKey               string // empty for none
	entitlementID          string // empty: ours to make
	notificationURL        string
	entitlementDisplayName string // empty: the product's name
	dateExpiry             time.Time
	extensionData          string // compact JSON, empty for none
	extraInformation       string // compact JSON, empty for none
}

// parseCreate reads a create. problem is what is wrong with it, in the documented words.
func parseCreate(raw []byte) (c createRequest, problem string) {
	f, problem := parseFields(raw, "customerIdentifier", "merchantAccountKey", "productKey", "offerKey", "entitlementId", "notificationUrl",
		"entitlementDisplayName", "dateExpiry", "extensionData", "extraInformation")
	if problem != "" {
		return c, problem
	}
	c.customerIdentifier = f.text("customerIdentifier", maxText, required)
	c.merchantAccountKey = f.text("merchantAccountKey", maxText, required)
	c.productKey = f.text("productKey", maxText, required)
	c.offerKey = f.text("offerKey", maxText, optional)
	c.entitlementID = f.text("entitlementId", maxText, optional)
	c.notificationURL = f.address("notificationUrl")
	c.entitlementDisplayName = f.text("entitlementDisplayName", maxText, optional)
	c.dateExpiry = f.date("dateExpiry")
	c.extensionData = f.custom("extensionData")
	c.extraInformation = f.custom("extraInformation")
	return c, f.problem
}

// reportFilter is the body of a report. src: resale/entitlements/report
type reportFilter struct {
	customerIdentifier string
	productKey         string // empty for all
	status             string // empty for all
}

func parseReport(raw []byte) (r reportFilter, problem string) {
	f, problem := parseFields(raw, "customerIdentifier", "productKey", "status")
	if problem != "" {
		return r, problem
	}
	r.customerIdentifier = f.text("customerIdentifier", maxText, required)
	r.productKey = f.text("productKey", maxText, optional)
	r.status = f.text("status", maxText, optional)
	if r.status != "" && !slices.Contains(statuses, r.status) {
		f.invalid("status")
	}
	return r, f.problem
}

// updateRequest is a PATCH after validation.
type updateRequest struct {
	entitlementID string
	operation     operation              // empty where edits are wanted
	edits         []func(*createRequest) // of what is given
	offer         bool                   // is given
}

// benefits are the values of entitlementBenefits. src: resale/entitlements/resume for NORMAL; SUSPENDED is inferred
var benefits = map[string]operation{"SUSPENDED": suspend, "NORMAL": resume}

// parseUpdate reads a PATCH. What is missing stays as it is. Null takes away what need not be there. src: resale/entitlements/update; in
// generation 2, suspend and resume are operations of their own
func parseUpdate(raw []byte, generation int) (u updateRequest, problem string) {
	known := []string{"entitlementId", "status", "productKey", "offerKey", "customerIdentifier", "notificationUrl", "dateExpiry",
		"entitlementDisplayName", "extensionData"}
	if generation == 1 {
		known = append(known, "entitlementBenefits")
	}
	f, problem := parseFields(raw, known...)
	if problem != "" {
		return u, problem
	}
	u.entitlementID = f.text("entitlementId", maxText, required)
	edit := func(key string, parse func() func(*createRequest)) {
		if _, given := f.members[key]; given {
			u.edits = append(u.edits, parse())
		}
	}
	text := func(key string, must bool, field func(*createRequest) *string) {
		edit(key, func() func(*createRequest) {
			value := f.text(key, maxText, must)
			return func(c *createRequest) { *field(c) = value }
		})
	}
	text("productKey", required, func(c *createRequest) *string { return &c.productKey })
	text("offerKey", optional, func(c *createRequest) *string { return &c.offerKey })
	text("customerIdentifier", required, func(c *createRequest) *string { return &c.customerIdentifier })
	text("entitlementDisplayName", optional, func(c *createRequest) *string { return &c.entitlementDisplayName })
	edit("notificationUrl", func() func(*createRequest) {
		value := f.address("notificationUrl")
		return func(c *createRequest) { c.notificationURL = value }
	})
	edit("dateExpiry", func() func(*createRequest) {
		value := f.date("dateExpiry")
		return func(c *createRequest) { c.dateExpiry = value }
	})
	edit("extensionData", func() func(*createRequest) {
		value := f.custom("extensionData")
		return func(c *createRequest) { c.extensionData = value }
	})
	_, u.offer = f.members["offerKey"]
	_, status := f.members["status"]
	_, benefit := f.members["entitlementBenefits"]
	switch {
	case status && benefit || (status || benefit) && len(u.edits) > 0:
		f.say("status and entitlementBenefits are updated alone")
	case benefit:
		if u.operation = benefits[f.text("entitlementBenefits", maxText, required)]; u.operation == "" {
			f.invalid("entitlementBenefits")
		}
	case status:
		switch to := f.text("status", maxText, required); to {
		case statusActive:
			u.operation = undo
		case statusCancelled, statusRevoked: // src: resale/entitlements/update
			f.say("An update cannot make the status " + to + "; cancel or revoke instead")
		default:
			f.invalid("status")
		}
	case len(u.edits) == 0:
		f.say("The update has nothing to change")
	}
	return u, f.problem
}

// reasons are the published codes of each category, and OTHER, of generation 1 and 2. src: resale/api-ref/reason-codes, of which the end is
// not known; Gen 2 categories-and-codes
var reasons = map[int]map[string][]string{
	1: {
		"CUSTOMER_CANCELLED":  {"NOT_RENEWED", "CHANGED_SERVICE", "CUSTOMER_CANCELLED", "EXPIRED", "OTHER"},
		"CUSTOMER_CHANGED":    {"CUSTOMER_CANCELLED_BUNDLE", "CUSTOMER_CANCELLED_ADDON", "CHANGED_SERVICE", "OTHER"},
		"REVOKED":             {"ACCOUNT_TERMINATED", "SUSPENDED_CANCEL", "OTHER"},
		"ACTIVATION_ROLLBACK": {"TEST_ENTITLEMENT", "FRAUD", "FRAUD_CHECK", "OTHER"},
	},
	2: {
		"CUSTOMER_CANCELLED": {"NOT_RENEWED", "CHANGED_SERVICE", "SUBSCRIPTION_CANCELLED", "ADDON_CANCELLED", "EXPIRED", "OTHER"},
		"REVOKED":            {"ACCOUNT_TERMINATED", "SUSPEND_TERMINATED", "ERROR", "FRAUD", "IMMEDIATE_CANCELLATION", "OTHER"},
	},
}

// properties are members of extensionData.
type properties map[string]json.RawMessage

// parseEnding reads the body of a cancel or a revoke: the reason, by the same names for both, and any custom properties beside it. It
// returns all of them. In generation 2 there need not be a reason. src: resale/entitlements/cancel, resale/entitlements/revoke; Gen 2
// categories-and-codes
func parseEnding(raw []byte, generation int) (all properties, problem string) {
	f, problem := parseObject(raw)
	if problem != "" {
		return nil, problem
	}
	known, size := []string{"cancelReasonCategory", "cancelReasonCode", "cancelReasonDescription"}, 0
	for key, value := range f.members {
		switch {
		case slices.Contains(known, key):
		case slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, key) }):
			return nil, messageInvalid + fmt.Sprintf("%.100q parameter is invalid", key)
		default:
			size += len(key) + len(value)
		}
	}
	must := required
	if generation == 2 && len(f.members["cancelReasonCategory"])+len(f.members["cancelReasonCode"]) == 0 {
		must = optional
	}
	category := f.text("cancelReasonCategory", maxText, must)
	code := f.text("cancelReasonCode", maxText, must)
	f.text("cancelReasonDescription", maxReason, optional)
	switch codes, listed := reasons[generation][category]; {
	case must && !listed:
		f.invalid("cancelReasonCategory")
	case must && !slices.Contains(codes, code):
		f.invalid("cancelReasonCode")
	case size > maxExtension:
		f.say(fmt.Sprintf("The custom properties are longer than %d bytes", maxExtension))
	}
	return f.members, f.problem
}

// withProperties returns extensionData with further members, in place of those of the same name. What was a string before, of which
// there is no member, becomes the member extensionData.
func withProperties(extensionData string, more properties) string {
	all := properties{}
	if err := json.Unmarshal([]byte(extensionData), &all); err != nil && extensionData != "" {
		all = properties{"extensionData": json.RawMessage(extensionData)}
	}
	maps.Copy(all, more)
	return string(toJSON(all))
}

const required, optional = true, false

// fields are the members of a JSON object, and the first thing found wrong with them. encoding/json into a struct would overlook a
// key in the wrong letter case.
type fields struct {
	members map[string]json.RawMessage
	problem string
}

// parseObject reads a JSON object.
func parseObject(raw []byte) (f *fields, problem string) {
	f = &fields{}
	if err := json.Unmarshal(raw, &f.members); err != nil || f.members == nil {
		return nil, messageInvalid + "The body is not a JSON object"
	}
	return f, ""
}

// parseFields reads a JSON object with no other keys than the known ones.
func parseFields(raw []byte, known ...string) (f *fields, problem string) {
	f, problem = parseObject(raw)
	if problem != "" {
		return nil, problem
	}
	for key := range f.members {
		if !slices.Contains(known, key) {
			return nil, messageInvalid + fmt.Sprintf("%.100q parameter is invalid", key)
		}
	}
	return f, ""
}

func (f *fields) invalid(key string) { f.say(key + " parameter is invalid") }

func (f *fields) say(problem string) {
	if f.problem == "" {
		f.problem = messageInvalid + problem
	}
}

// text reads a string. Null, missing and empty are the same: it is not given.
func (f *fields) text(key string, most int, must bool) string {
	var s *string
	raw, given := f.members[key]
	if given && json.Unmarshal(raw, &s) != nil || s != nil && len(*s) > most {
		f.invalid(key)
		return ""
	}
	if s == nil || *s == "" {
		if must {
			f.say(key + " parameter is required")
		}
		return ""
	}
	return *s
}

// address reads a notificationUrl.
func (f *fields) address(key string) string {
	text := f.text(key, maxURL, required)
	u, err := url.Parse(text)
	if text != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "") {
		f.invalid(key)
	}
	return text
}

// date reads a date, the zero time where there is none.
func (f *fields) date(key string) time.Time {
	text := f.text(key, maxText, optional)
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		f.invalid(key)
	}
	return at.UTC()
}

// custom reads custom data, an object or a string: the documentation says both. It is kept as it came.
func (f *fields) custom(key string) string {
	raw := bytes.TrimSpace(f.members[key])
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	var compact bytes.Buffer
	if raw[0] != '{' && raw[0] != '"' || len(raw) > maxExtension || json.Compact(&compact, raw) != nil {
		f.invalid(key)
	}
	return compact.String()
}

// answer is a reply before it is sent.
type answer struct {
	status int
	body   []byte
}

func refuse(status int, code, message string) answer {
	return answer{status, toJSON(envelope{code, message})}
}

func badRequest(message string) answer { return refuse(http.StatusBadRequest, codeBadRequest, message) }
