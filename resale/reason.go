package resale

import (
	"slices"
	"unicode/utf8"
)

// Reason is why an entitlement ends. Bango passes it on and may reject values that it did not publish.
type Reason struct {
	Category    string
	Code        string
	Description string // free text, may be empty
}

// ReasonList is a list of reasons that Bango published for one generation of its API. Which one holds is a matter of the account.
type ReasonList struct {
	Version string // what it is called, with its source
	Reasons []Reason
}

// ReasonLists are the published lists by generation, with OTHER in each category where none fits. What follows the twelfth entry of the
// first is not known. src: resale/api-ref/reason-codes; Gen 2 categories-and-codes
var ReasonLists = map[int]ReasonList{
	1: {Version: "Bango Resale API v1", Reasons: []Reason{
		{Category: "CUSTOMER_CANCELLED", Code: "NOT_RENEWED"},
		{Category: "CUSTOMER_CANCELLED", Code: "CHANGED_SERVICE"},
		{Category: "CUSTOMER_CANCELLED", Code: "CUSTOMER_CANCELLED"},
		{Category: "CUSTOMER_CANCELLED", Code: "EXPIRED"},
		{Category: "CUSTOMER_CANCELLED", Code: "OTHER"},
		{Category: "CUSTOMER_CHANGED", Code: "CUSTOMER_CANCELLED_BUNDLE"},
		{Category: "CUSTOMER_CHANGED", Code: "CUSTOMER_CANCELLED_ADDON"},
		{Category: "CUSTOMER_CHANGED", Code: "CHANGED_SERVICE"},
		{Category: "CUSTOMER_CHANGED", Code: "OTHER"},
		{Category: "REVOKED", Code: "ACCOUNT_TERMINATED"},
		{Category: "REVOKED", Code: "SUSPENDED_CANCEL"},
		{Category: "REVOKED", Code: "OTHER"},
		{Category: "ACTIVATION_ROLLBACK", Code: "TEST_ENTITLEMENT"},
		{Category: "ACTIVATION_ROLLBACK", Code: "FRAUD"},
		{Category: "ACTIVATION_ROLLBACK", Code: "FRAUD_CHECK"},
		{Category: "ACTIVATION_ROLLBACK", Code: "OTHER"},
	}},
	2: {Version: "Bango API generation 2", Reasons: []Reason{
		{Category: "CUSTOMER_CANCELLED", Code: "NOT_RENEWED"},
		{Category: "CUSTOMER_CANCELLED", Code: "CHANGED_SERVICE"},
		{Category: "CUSTOMER_CANCELLED", Code: "SUBSCRIPTION_CANCELLED"},
		{Category: "CUSTOMER_CANCELLED", Code: "ADDON_CANCELLED"},
		{Category: "CUSTOMER_CANCELLED", Code: "EXPIRED"},
		{Category: "CUSTOMER_CANCELLED", Code: "OTHER"},
		{Category: "REVOKED", Code: "ACCOUNT_TERMINATED"},
		{Category: "REVOKED", Code: "SUSPEND_TERMINATED"},
		{Category: "REVOKED", Code: "ERROR"},
		{Category: "REVOKED", Code: "FRAUD"},
		{Category: "REVOKED", Code: "IMMEDIATE_CANCELLATION"},
		{Category: "REVOKED", Code: "OTHER"},
	}},
}

// MaxReason bounds a reason's description, in characters. Bango publishes no limit.
const MaxReason = 500

// check returns why the reason cannot be given for a kind of request under the account's list, or nil.
func (r Reason) check(k RequestKind, list ReasonList) error {
	if !k.NeedsReason() {
		if r != (Reason{}) {
			return Invalid("reason_code", "No reason is given to Bango for this.")
		}
		return nil
	}
	known := slices.ContainsFunc(list.Reasons, func(p Reason) bool { return p.Category == r.Category && p.Code == r.Code })
	switch {
	case r.Code == "" && r.Category == "":
		return Invalid("reason_code", "Choose a reason; Bango passes it on.")
	case !known:
		return Invalid("reason_code", "Bango does not know the reason %.60q in %.60q. Choose one of the list.", r.Code, r.Category)
	case utf8.RuneCountInString(r.Description) > MaxReason:
		return Invalid("reason_description", "The explanation is longer than %d characters.", MaxReason)
	case !printable(r.Description):
		return Invalid("reason_description", "The explanation has characters in it that cannot be shown.")
	}
	return nil
}
