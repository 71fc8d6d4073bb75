package handlers

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// endEntitlement is the page on which an entitlement is cancelled or revoked.
func (a *App) endEntitlement(c *fiber.Ctx) error {
	e, err := a.entitlement(c)
	if err != nil {
		return err
	}
	page, err := a.endPage(c, e)
	if err != nil {
		return err
	}
	return a.show(c, views.EndEntitlement(page))
}

func (a *App) endPage(c *fiber.Ctx, e resale.Entitlement) (views.EndPage, error) {
	ctx := c.UserContext()
	page := views.EndPage{Frame: a.frame(c), Entitlement: e, Reasons: a.service.Reasons()}
	var err error
	if page.Customer, err = a.store.Customer(ctx, e.CustomerID); err != nil {
		return page, err
	}
	if page.Product, err = a.store.Product(ctx, e.ProductID); err != nil {
		return page, err
	}
	requests, err := a.store.RequestsOf(ctx, e.ID, maxRequests)
	if err != nil {
		return page, err
	}
	page.Actions, err = a.actions(c, e, requests)
	return page, err
}

// actions are what the person may do with an entitlement now, and why not the rest.
func (a *App) actions(c *fiber.Ctx, e resale.Entitlement, requests []resale.Request) ([]resale.Action, error) {
	abilities, err := a.store.AbilitiesOf(c.UserContext(), e.MerchantKey)
	return resale.Actions(e, requests, who(c).Role, abilities), err
}

// act asks Bango for something of that kind to be done with an entitlement.
func (a *App) act(kind resale.RequestKind) fiber.Handler {
	return func(c *fiber.Ctx) error {
		e, err := a.entitlement(c)
		if err != nil {
			return err
		}
		form := readForm(c)
		reason := resale.Reason{Category: form.text("reason_category"), Code: form.text("reason_code")}
		// One list of choices without JavaScript: a category and its code in one value.
		if both := form.text("reason"); both != "" && reason.Category == "" && reason.Code == "" {
			reason.Category, reason.Code, _ = strings.Cut(both, "/")
		}
		confirm := form.text("confirm")
		reason.Description = form.text("reason_description") // last, so that a fault in it costs no other field
		if err = form.err; err == nil && kind == resale.KindRevoke {
			err = confirms(confirm, e)
		}
		if err == nil {
			_, err = a.service.Act(c.UserContext(), resale.StaffActor(who(c)), e.Ref, kind, reason)
		}
		if fault := faultOf(err); fault != nil {
			return a.showFault(c, e, kind, reason, confirm, fault)
		}
		if err != nil {
			return err
		}
		if kind != resale.KindRevoke { // which waits here first, where it can be undone
			a.awaitSettled(c, e, kind)
		}
		return seeOther(c, "/entitlements/"+e.Ref)
	}
}

// awaitSettled waits for Bango's word on what was asked of it. It is stored, so whatever comes of the wait, the entitlement's page is where
// things stand.
func (a *App) awaitSettled(c *fiber.Ctx, e resale.Entitlement, kind resale.RequestKind) {
	if _, err := a.service.AwaitSettled(c.UserContext(), e.ID, awaitBango); err != nil {
		a.log.Warn("Bango's word could not be waited for", "ref", e.Ref, "kind", kind, "err", err)
	}
}

// confirms returns why what was typed does not confirm that this entitlement is meant, or nil.
func confirms(typed string, e resale.Entitlement) error {
	if ref, ok := resale.ParseRef(typed); !ok || ref != e.Ref {
		return resale.Invalid("confirm", "To revoke it, type its reference, %s.", e.Ref)
	}
	return nil
}

// showFault shows why an act was turned down, on the page that it was asked for on, with what was typed.
func (a *App) showFault(c *fiber.Ctx, e resale.Entitlement, kind resale.RequestKind, reason resale.Reason, confirm string, fault *resale.Error) error {
	// What clashes with the state may do so because the state has just changed.
	e, err := a.store.Entitlement(c.UserContext(), e.ID)
	if err != nil {
		return err
	}
	if kind.NeedsReason() {
		page, err := a.endPage(c, e)
		if err != nil {
			return err
		}
		page.Kind, page.Reason, page.Confirm, page.Fault = kind, reason, confirm, fault
		return a.render(c, statusOf[fault.Code], views.EndEntitlement(page))
	}
	page, err := a.entitlementPage(c, e)
	if err != nil {
		return err
	}
	page.Fault = fault
	return a.render(c, statusOf[fault.Code], views.Entitlement(page))
}
