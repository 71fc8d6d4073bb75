package handlers

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// changeEntitlement is the page on which the terms of an entitlement are changed.
func (a *App) changeEntitlement(c *fiber.Ctx) error {
	e, err := a.entitlement(c)
	if err != nil {
		return err
	}
	page, err := a.changePage(c, e)
	if err != nil {
		return err
	}
	page.ProductID, page.CustomerIdentifier = e.ProductID, e.CustomerIdentifier
	page.Terms = views.TermsForm{DateExpiry: views.FormatExpiry(e.DateExpiry), DisplayName: e.DisplayName}
	page.Terms.CustomData, _ = views.CustomLines(e.ExtensionData)
	return a.show(c, views.ChangeEntitlement(page))
}

func (a *App) changePage(c *fiber.Ctx, e resale.Entitlement) (views.ChangePage, error) {
	ctx := c.UserContext()
	page := views.ChangePage{Frame: a.frame(c), Entitlement: e}
	if _, sayable := views.CustomLines(e.ExtensionData); !sayable {
		page.KeptData = e.ExtensionData
	}
	var err error
	if page.Customer, err = a.store.Customer(ctx, e.CustomerID); err != nil {
		return page, err
	}
	if page.Product, err = a.store.Product(ctx, e.ProductID); err != nil {
		return page, err
	}
	products, err := a.store.Products(ctx)
	if err != nil {
		return page, err
	}
	for _, p := range products {
		if p.Merchant.ID == page.Product.Merchant.ID && (p.Offered() || p.ID == page.Product.ID) {
			page.Products = append(page.Products, p)
		}
	}
	requests, err := a.store.RequestsOf(ctx, e.ID, maxRequests)
	if err != nil {
		return page, err
	}
	page.Actions, err = a.actions(c, e, requests)
	return page, err
}

// readTerms returns what the fields of the terms hold, as typed and as it is meant.
func readTerms(form *form) (typed views.TermsForm, meant resale.NewTerms, err error) {
	typed = views.TermsForm{DateExpiry: form.text("date_expiry"), DisplayName: form.text("display_name")}
	typed.CustomData = form.lines("extension_data") // last, so that a fault in it costs no other field
	if form.err != nil {
		return typed, meant, form.err
	}
	meant.DisplayName = typed.DisplayName
	if meant.DateExpiry, err = views.ParseExpiry(typed.DateExpiry); err != nil {
		return typed, meant, err
	}
	meant.ExtensionData, err = resale.CustomData(typed.CustomData)
	return typed, meant, err
}

// updateEntitlement asks Bango for other terms.
func (a *App) updateEntitlement(c *fiber.Ctx) error {
	e, err := a.entitlement(c)
	if err != nil {
		return err
	}
	form := readForm(c)
	product, identifier := form.text("product"), form.text("customer_identifier")
	typed, terms, err := readTerms(form)
	if err == nil {
		terms.ProductID, terms.CustomerIdentifier = product, identifier
		if terms.DateExpiry.Equal(e.DateExpiry) {
			terms.DateExpiry = time.Time{} // one that has passed is no fault of this form
		}
		_, err = a.service.Update(c.UserContext(), resale.StaffActor(who(c)), e.Ref, terms)
	}
	if fault := faultOf(err); fault != nil {
		if e, err = a.store.Entitlement(c.UserContext(), e.ID); err != nil { // what clashes may do so because it has just changed
			return err
		}
		page, err := a.changePage(c, e)
		if err != nil {
			return err
		}
		page.ProductID, page.CustomerIdentifier, page.Terms, page.Fault = product, identifier, typed, fault
		return a.render(c, statusOf[fault.Code], views.ChangeEntitlement(page))
	}
	if err != nil {
		return err
	}
	a.awaitSettled(c, e, resale.KindUpdate)
	return seeOther(c, "/entitlements/"+e.Ref)
}
