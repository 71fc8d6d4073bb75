package handlers

import (
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

const (
	// awaitBango is how long whoever asks for an entitlement is kept for Bango's word; the page shows it later just as well.
	awaitBango = 4 * time.Second

	maxRequests = 50 // that an entitlement's page shows

	usedLately    = 300 // newest entitlements that say which products are used most
	shownMostUsed = 3
)

// newEntitlement is the form; its token makes sure that it counts once.
func (a *App) newEntitlement(c *fiber.Ctx) error {
	page, err := a.newEntitlementPage(c, c.Query("customer"))
	if err != nil {
		return err
	}
	page.FormToken, page.ProductID = resale.NewFormToken(), c.Query("product")
	return a.show(c, views.NewEntitlement(page))
}

func (a *App) newEntitlementPage(c *fiber.Ctx, customerID string) (views.NewEntitlementPage, error) {
	ctx := c.UserContext()
	page := views.NewEntitlementPage{Frame: a.frame(c)}
	if !isID(customerID) {
		return page, resale.NotFound("customer")
	}
	var err error
	if page.Customer, err = a.store.Customer(ctx, customerID); err != nil {
		return page, err
	}
	if page.Products, err = a.store.Products(ctx); err != nil {
		return page, err
	}
	page.Products = resale.OfferedOf(page.Products)
	if page.Eligible, err = a.service.Eligible(ctx, resale.StaffActor(page.Person), customerID); err != nil {
		return page, err
	}
	services, err := a.servicesOf(ctx, customerID)
	for _, s := range services {
		if s.Entitlement.Status.Live() {
			page.Existing = append(page.Existing, s)
		}
	}
	if err != nil {
		return page, err
	}
	page.MostUsed, err = a.store.MostUsed(ctx, usedLately, shownMostUsed)
	return page, err
}

func (a *App) createEntitlement(c *fiber.Ctx) error {
	form := readForm(c)
	in := resale.NewEntitlement{CustomerID: form.text("customer"), ProductID: form.text("product"), OfferID: form.text("offer"),
		FormToken: form.text("form_token"), Anyway: form.text("anyway") != ""}
	typed, terms, wrong := readTerms(form)
	if form.err != nil && in.CustomerID == "" {
		return form.err // not a form of ours
	}
	in.DateExpiry, in.DisplayName, in.ExtensionData = terms.DateExpiry, terms.DisplayName, terms.ExtensionData
	// One list of choices without JavaScript: a product and its offer in one value.
	if product, offer, both := strings.Cut(in.ProductID, ":"); both && in.OfferID == "" {
		in.ProductID, in.OfferID = product, offer
	}
	e, err := resale.Entitlement{}, wrong
	if wrong == nil {
		e, err = a.service.CreateEntitlement(c.UserContext(), resale.StaffActor(who(c)), in)
	}
	if fault := faultOf(err); fault != nil {
		page, err := a.newEntitlementPage(c, in.CustomerID)
		if err != nil {
			return err
		}
		page.Fault, page.ProductID, page.OfferID, page.FormToken, page.Terms = fault, in.ProductID, in.OfferID, in.FormToken, typed
		if fault.Field == "form_token" {
			page.FormToken = resale.NewFormToken()
		}
		return a.render(c, statusOf[fault.Code], views.NewEntitlement(page))
	}
	if err != nil {
		return err
	}
	// It is stored, so whatever comes of the wait, its page is where things stand.
	if _, err := a.service.Await(c.UserContext(), e.ID, awaitBango); err != nil {
		a.log.Warn("Bango's word on a new entitlement could not be waited for", "ref", e.Ref, "err", err)
	}
	return seeOther(c, "/entitlements/"+e.Ref)
}

// entitlement returns the one whose ref the address carries, in any way of writing it.
func (a *App) entitlement(c *fiber.Ctx) (resale.Entitlement, error) {
	ref, ok := resale.ParseRef(strings.ReplaceAll(c.Params("ref"), "%20", " "))
	if !ok {
		return resale.Entitlement{}, resale.NotFound("entitlement")
	}
	return a.store.EntitlementByRef(c.UserContext(), ref)
}

func (a *App) showEntitlement(c *fiber.Ctx) error {
	e, err := a.entitlement(c)
	if err != nil {
		return err
	}
	if c.Params("ref") != e.Ref {
		return seeOther(c, "/entitlements/"+e.Ref)
	}
	page, err := a.entitlementPage(c, e)
	if err != nil {
		return err
	}
	return a.show(c, views.Entitlement(page))
}

func (a *App) entitlementPage(c *fiber.Ctx, e resale.Entitlement) (views.EntitlementPage, error) {
	ctx := c.UserContext()
	page := views.EntitlementPage{Frame: a.frame(c), Entitlement: e, SignupLink: a.service.SignupLink(e)}
	var err error
	if page.Customer, err = a.store.Customer(ctx, e.CustomerID); err != nil {
		return page, err
	}
	if page.Product, err = a.store.Product(ctx, e.ProductID); err != nil {
		return page, err
	}
	for _, o := range page.Product.Offers {
		if o.ID == e.OfferID {
			page.Offer = o
		}
	}
	if page.Requests, err = a.store.RequestsOf(ctx, e.ID, maxRequests); err != nil {
		return page, err
	}
	if page.Actions, err = a.actions(c, e, page.Requests); err != nil {
		return page, err
	}
	if page.Difference, err = a.difference(c, e); err != nil {
		return page, err
	}
	if page.History, err = a.history(c, resale.EventFilter{EntitlementID: e.ID}); err != nil {
		return page, err
	}
	page.History.Address, page.History.Ref = "/entitlements/"+e.Ref, e.Ref
	newest, err := a.store.Events(ctx, e.ID, 1)
	if err != nil {
		return page, err
	}
	if page.Send, page.Short, err = a.sendCard(c, e, newest); err != nil {
		return page, err
	}
	if page.Latest, err = a.latest(c, e, page.History); err != nil || e.Status != resale.Refused {
		return page, err
	}
	services, err := a.servicesOf(ctx, e.CustomerID)
	for _, s := range services {
		if s.Entitlement.MerchantKey == e.MerchantKey && s.Entitlement.Status.Live() {
			page.Others = append(page.Others, s)
		}
	}
	return page, err
}

func (a *App) checkEntitlement(c *fiber.Ctx) error {
	e, err := a.entitlement(c)
	if err != nil {
		return err
	}
	if _, err := a.service.Check(c.UserContext(), resale.StaffActor(who(c)), e.Ref); err != nil {
		return err
	}
	if readForm(c).text("back") != "" { // a list shows what came of it by the line that is there, or is not
		a.awaitSettled(c, e, resale.KindCheck)
	}
	return seeOther(c, "/entitlements/"+e.Ref)
}

// showEvidence shows an attempt at one of the entitlement's own requests; under the address of another there is no such thing.
func (a *App) showEvidence(c *fiber.Ctx) error {
	e, err := a.entitlement(c)
	if err != nil {
		return err
	}
	id, err := pathID(c, "evidence")
	if err != nil {
		return err
	}
	page := views.EvidencePage{Frame: a.frame(c), Ref: e.Ref}
	if page.Evidence, err = a.store.Evidence(c.UserContext(), id); err != nil {
		return err
	}
	if page.Request, err = a.store.Request(c.UserContext(), page.Evidence.RequestID); err != nil {
		return err
	}
	if page.Request.EntitlementID != e.ID {
		return resale.NotFound("evidence")
	}
	return a.show(c, views.Evidence(page))
}
