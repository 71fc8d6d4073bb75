package views

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/a-h/templ"

	"latchkey/resale"
)

// actWords are what people call each kind of request: on a button, what it does beside that, what is asked of Bango in a sentence, and
// what it means that Bango said no.
var actWords = map[resale.RequestKind]struct{ name, does, ask, no string }{
	resale.KindCreate:  {ask: "create it", no: "Bango refused to create it"},
	resale.KindCheck:   {ask: "tell its record", no: "Bango refused to tell its record"},
	resale.KindRefresh: {name: "Fresh link", does: "a new one from the merchant", ask: "give a fresh link", no: "There is no fresh link"},
	resale.KindSuspend: {name: "Suspend", does: "no access until it is resumed", ask: "suspend it", no: "Bango refused to suspend it"},
	resale.KindResume:  {name: "Resume", does: "the customer has access again", ask: "resume it", no: "Bango refused to resume it"},
	resale.KindCancel:  {name: "Cancel", ask: "cancel it", no: "Bango refused to cancel it"},
	resale.KindUndo:    {name: "Keep it", does: "takes the cancellation back, access goes on", ask: "take the cancellation back", no: "Bango refused to take the cancellation back"},
	resale.KindUpdate:  {name: "Change", does: "product, customer, expiry, name, custom data", ask: "change it", no: "Bango refused to change it"},
	resale.KindRevoke:  {name: "Revoke", ask: "revoke it", no: "Bango refused to revoke it"},
}

// reasonWords are Bango's reasons in words, for whoever has to choose one. src: resale/api-ref/reason-codes
var reasonWords = map[resale.Reason]string{
	{Category: "CUSTOMER_CANCELLED", Code: "NOT_RENEWED"}:             "did not renew",
	{Category: "CUSTOMER_CANCELLED", Code: "CHANGED_SERVICE"}:         "changed to another service of the merchant",
	{Category: "CUSTOMER_CANCELLED", Code: "CUSTOMER_CANCELLED"}:      "does not want it any more",
	{Category: "CUSTOMER_CANCELLED", Code: "EXPIRED"}:                 "its expiry date is reached",
	{Category: "CUSTOMER_CANCELLED", Code: "OTHER"}:                   "another reason",
	{Category: "CUSTOMER_CHANGED", Code: "CUSTOMER_CANCELLED_BUNDLE"}: "cancelled the bundle that it belongs to",
	{Category: "CUSTOMER_CHANGED", Code: "CUSTOMER_CANCELLED_ADDON"}:  "cancelled the add-on that it is",
	{Category: "CUSTOMER_CHANGED", Code: "CHANGED_SERVICE"}:           "has it through another party now",
	{Category: "CUSTOMER_CHANGED", Code: "OTHER"}:                     "another change",
	{Category: "REVOKED", Code: "ACCOUNT_TERMINATED"}:                 "the customer's account was closed",
	{Category: "REVOKED", Code: "SUSPENDED_CANCEL"}:                   "ended under the terms of its suspension",
	{Category: "REVOKED", Code: "OTHER"}:                              "another reason of ours",
	// Of generation 2. src: Gen 2 categories-and-codes
	{Category: "CUSTOMER_CANCELLED", Code: "SUBSCRIPTION_CANCELLED"}: "does not want it any more",
	{Category: "CUSTOMER_CANCELLED", Code: "ADDON_CANCELLED"}:        "cancelled the add-on that it is",
	{Category: "REVOKED", Code: "SUSPEND_TERMINATED"}:                "ended under the terms of its suspension",
	{Category: "REVOKED", Code: "ERROR"}:                             "it was a mistake",
	{Category: "REVOKED", Code: "FRAUD"}:                             "fraud",
	{Category: "REVOKED", Code: "IMMEDIATE_CANCELLATION"}:            "must end at once",
	{Category: "ACTIVATION_ROLLBACK", Code: "TEST_ENTITLEMENT"}:      "it was a test",
	{Category: "ACTIVATION_ROLLBACK", Code: "FRAUD"}:                 "known fraud",
	{Category: "ACTIVATION_ROLLBACK", Code: "FRAUD_CHECK"}:           "a fraud check",
	{Category: "ACTIVATION_ROLLBACK", Code: "OTHER"}:                 "another mistake",
}

// reasonGroup is a category of reasons.
type reasonGroup struct {
	category, words string
	reasons         []resale.Reason
}

// reasonsOf are the categories that go with each way to end it. What should never have been activated may end either way: not everybody may revoke.
var reasonsOf = map[resale.RequestKind][]string{
	resale.KindCancel: {"CUSTOMER_CANCELLED", "CUSTOMER_CHANGED", "ACTIVATION_ROLLBACK"},
	resale.KindRevoke: {"REVOKED", "ACTIVATION_ROLLBACK"},
}

// reasonGroups are the account's reasons that go with the kind of request, by category.
func reasonGroups(kind resale.RequestKind, reasons []resale.Reason) []reasonGroup {
	groups := []reasonGroup{
		{category: "CUSTOMER_CANCELLED", words: "The customer cancelled"},
		{category: "CUSTOMER_CHANGED", words: "The customer changed something"},
		{category: "REVOKED", words: "We take it away"},
		{category: "ACTIVATION_ROLLBACK", words: "It should not have been activated"},
	}
	for i := range groups {
		for _, r := range reasons {
			if r.Category == groups[i].category {
				groups[i].reasons = append(groups[i].reasons, r)
			}
		}
	}
	return slices.DeleteFunc(groups, func(g reasonGroup) bool { return g.reasons == nil || !slices.Contains(reasonsOf[kind], g.category) })
}

// reasonText tells a reason without its description; empty where there is none.
func reasonText(r resale.Reason) string {
	r.Description = ""
	switch words := reasonWords[r]; {
	case r == resale.Reason{}:
		return ""
	case words == "":
		return r.Category + " / " + r.Code
	default:
		return fmt.Sprintf("%s (%s / %s)", words, r.Category, r.Code)
	}
}

func actAddress(e resale.Entitlement, kind resale.RequestKind) templ.SafeURL {
	return templ.SafeURL("/entitlements/" + e.Ref + "/" + string(kind))
}

// action returns the one of that kind.
func action(actions []resale.Action, kind resale.RequestKind) resale.Action {
	i := slices.IndexFunc(actions, func(a resale.Action) bool { return a.Kind == kind })
	if i < 0 {
		return resale.Action{Kind: kind}
	}
	return actions[i]
}

// nothingBecause is the one reason why nothing at all can be done; empty where something can, or the reasons differ.
func nothingBecause(actions []resale.Action) string {
	if len(actions) == 0 || slices.ContainsFunc(actions, func(a resale.Action) bool { return a.Why != actions[0].Why }) {
		return ""
	}
	return actions[0].Why
}

// endLink is what the link to the page that ends it says on the line of one kind that is allowed; empty where another line has the link.
func endLink(actions []resale.Action, kind resale.RequestKind) string {
	cancel, revoke := action(actions, resale.KindCancel).Allowed, action(actions, resale.KindRevoke).Allowed
	switch {
	case !cancel || !revoke:
		return actWords[kind].name + " …"
	case kind == resale.KindCancel:
		return "Cancel or revoke …"
	}
	return ""
}

// cancelMeans tells what follows from a cancel. src: resale/entitlements/cancel
func cancelMeans(e resale.Entitlement) string {
	if e.Status == resale.Pending {
		return "The customer has not signed up yet, and no longer can: it ends as soon as the merchant has taken note."
	}
	if !e.DateExpiry.IsZero() {
		return fmt.Sprintf("The customer keeps access until the end of the paid period if the merchant has one, at the latest until %s, when it expires anyway; "+
			"otherwise it ends at once.", day(e.DateExpiry))
	}
	return "The customer keeps access until the end of the paid period if the merchant has one; otherwise it ends at once. Bango’s answer names the day."
}

// revokeMeans tells what follows from a revoke. src: resale/entitlements/revoke
func revokeMeans(e resale.Entitlement) string {
	switch e.Status {
	case resale.Pending:
		return "The customer has not signed up yet, and no longer can, from now on."
	case resale.Suspended:
		return "It ends now. The customer has no access today and does not get it back."
	case resale.ActiveEnding:
		return fmt.Sprintf("The customer loses access now instead of keeping it until %s.", cmp.Or(day(e.DateEnded), "the end of the paid period"))
	}
	return "The customer loses access now, whatever is paid for already."
}

// endButton names what the button does to whom; the end of the identifier tells people of one name apart.
func endButton(p EndPage, kind resale.RequestKind) string {
	whom := p.Customer.Label()
	if id := []rune(p.Customer.Identifier); whom != p.Customer.Identifier && len(id) > 4 {
		whom += " (…" + string(id[len(id)-4:]) + ")"
	}
	return actWords[kind].name + " " + p.Product.Name + " for " + whom
}

// endForm is what the form of one card holds.
type endForm struct {
	Reason  resale.Reason
	Confirm string
	Fault   *resale.Error
}

// form returns what was typed into the card's form, where that is the one that was turned down.
func (p EndPage) form(kind resale.RequestKind) endForm {
	if p.Kind != kind {
		return endForm{}
	}
	return endForm{p.Reason, p.Confirm, p.Fault}
}

// newest is what was last asked of Bango, looks at its record and what was taken back aside.
func newest(requests []resale.Request) resale.Request {
	i := slices.IndexFunc(requests, func(r resale.Request) bool { return r.Kind != resale.KindCheck && !r.Withdrawn() })
	if i < 0 {
		return resale.Request{}
	}
	return requests[i]
}

// unconfirmed reports whether Bango took the request and no status has followed yet.
func unconfirmed(r resale.Request, p EntitlementPage) bool {
	return r.Unconfirmed(p.Entitlement.Status) &&
		!slices.ContainsFunc(p.Latest, func(e resale.Event) bool { return e.To != "" && e.At.After(r.Created) })
}

// underWay reports whether something will change soon by itself.
func underWay(p EntitlementPage) bool {
	return waits(p.Entitlement.Status) || slices.ContainsFunc(p.Requests, func(r resale.Request) bool { return r.State.Open() })
}

// liveTopic is empty for the answer to a form: its address cannot be read again.
func liveTopic(p EntitlementPage) string {
	if p.Fault != nil {
		return ""
	}
	return resale.TopicEntitlement(p.Entitlement.ID)
}
