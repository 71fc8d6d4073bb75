package bango

import (
	"bytes"
	"encoding/json"
	"time"
)

// ActionNavigate is the one documented value of Parameters.Action: the end user must open Parameters.URL. src: resale/entitlements/create
const ActionNavigate = "NAVIGATE_TO_URL"

// Record is Bango's record of an entitlement. Empty strings and zero times were null or missing.
// src: resale/api-ref/entitlement/reactivate/post
type Record struct {
	EntitlementID          string          `json:"entitlementId"`
	Status                 string          `json:"status"` // as it came: PENDING, ACTIVE, ACTIVE-ENDING, … src: resale/entitlements
	DateCreated            Time            `json:"dateCreated"`
	DateActivated          Time            `json:"dateActivated"`
	DateEnded              Time            `json:"dateEnded"` // in the future while ACTIVE-ENDING. src: resale/bangocare/reseller
	DateSuspended          Time            `json:"dateSuspended"`
	DateResumed            Time            `json:"dateResumed"`
	DateLastUpdated        Time            `json:"dateLastUpdated"`
	DateExpiry             Time            `json:"dateExpiry"`
	CustomerIdentifier     string          `json:"customerIdentifier"`
	MerchantAccountKey     string          `json:"merchantAccountKey"`
	ProductKey             string          `json:"productKey"`
	OfferKey               string          `json:"offerKey"`
	ActivationCode         string          `json:"activationCode"`
	EntitlementDisplayName string          `json:"entitlementDisplayName"`
	ExtensionData          json.RawMessage `json:"extensionData"` // a string or an object: the documents say both

	// Of generation 2. src: developer.bango.info/api-change-log, faqs-merchant-apis; their types are not published but for the identifiers
	ExternalEntitlementID      string          `json:"externalEntitlementId"`
	MerchantEntitlementID      string          `json:"merchantEntitlementId"`
	SharedCustomerID           string          `json:"sharedCustomerId"` // of a customer and a route, shared with the merchant
	MerchantExtensionData      json.RawMessage `json:"merchantExtensionData"`
	MerchantBangoExtensionData json.RawMessage `json:"merchantBangoExtensionData"`
	FinanceData                json.RawMessage `json:"financeData"`
}

// EligibleProduct is a product that a customer may have. Its documented list of fields is cut, so Raw is all of it.
// src: resale/product-api-ref/get
type EligibleProduct struct {
	Identifier  string  `json:"productIdentifier"`
	Rank        float64 `json:"productRank"`
	Status      string  `json:"productStatus"`
	Name        string  `json:"productName"`
	Description string  `json:"productDescription"`
	LogoURL     string  `json:"productLogoURL"` // not judged, like that of the terms
	TermsURL    string  `json:"productTermsURL"`

	Raw json.RawMessage `json:"-"`
}

// UnmarshalJSON keeps what came; a field of another type than documented counts as missing.
func (p *EligibleProduct) UnmarshalJSON(raw []byte) error {
	type plain EligibleProduct
	*p = EligibleProduct{}
	if err := decode(raw, (*plain)(p)); err != nil {
		*p = EligibleProduct{} // it is no object
	}
	p.Raw = bytes.Clone(raw)
	return nil
}

// Time is a date as Bango writes it: ISO 8601 in UTC, whole seconds or with a fraction. What is null, empty, missing or not a date is
// the zero time: an odd date must not make an executed request look unanswered.
// src: resale/reporting/entitlement (whole seconds); fractions are seen in generation 2
type Time struct{ time.Time }

// wireTime writes a date as Bango does, in whole seconds.
func wireTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// UnmarshalJSON reads a date leniently: a zone is optional and means UTC where it is missing.
func (t *Time) UnmarshalJSON(raw []byte) error {
	var s string
	t.Time = time.Time{}
	if json.Unmarshal(raw, &s) != nil {
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04:05Z0700", time.DateTime, time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			t.Time = at.UTC()
			break
		}
	}
	return nil
}

// Parameters say what has to be done. Raw is what came, of whatever type: an object in replies, a string or null in notifications.
type Parameters struct {
	Action    string // as it came
	URL       string // not judged: whoever opens it must
	URLExpiry Time   // until when the URL can be used; zero for no end. src: developer.bango.info, generation 2
	Raw       json.RawMessage
}

// UnmarshalJSON accepts null, an object, or a string that may itself be such an object.
func (p *Parameters) UnmarshalJSON(raw []byte) error {
	*p = Parameters{Raw: bytes.Clone(raw)}
	object := raw
	var inner string
	if json.Unmarshal(raw, &inner) == nil {
		object = []byte(inner)
	}
	var known struct {
		Action    string `json:"action"`
		URL       string `json:"url"`
		URLExpiry Time   `json:"urlExpiry"`
	}
	if decode(object, &known) == nil { // any other form is kept in Raw alone
		p.Action, p.URL, p.URLExpiry = known.Action, known.URL, known.URLExpiry
	}
	return nil
}
