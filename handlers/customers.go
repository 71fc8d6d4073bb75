package handlers

import (
	"context"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// maxServices is how many entitlements a customer's page shows, maxEvents how many lines its timeline has.
const (
	maxServices = 100
	maxEvents   = 100
)

func (a *App) listCustomers(c *fiber.Ctx) error {
	if c.Query("tag") != "" {
		return a.listTagged(c)
	}
	q, err := query(c, "q")
	if err != nil {
		return err
	}
	page := views.CustomersPage{Frame: a.frame(c)}
	page.Query = q
	if page.Form.Identifier, err = query(c, "identifier"); err != nil {
		return err
	}
	if q != "" {
		if page.Customers, err = a.findCustomers(c.UserContext(), q); err != nil {
			return err
		}
		if len(page.Customers) == 0 && !strings.Contains(q, " ") {
			page.Form.Identifier = q // it may be the one to add
		}
		page.Cut = len(page.Customers) == maxHits
	} else if err := a.pageCustomers(c, &page); err != nil {
		return err
	}
	return a.showCustomers(c, http.StatusOK, page)
}

// pageCustomers fills in one page of all customers.
func (a *App) pageCustomers(c *fiber.Ctx, page *views.CustomersPage) (err error) {
	order, err := query(c, "order")
	if err != nil {
		return err
	}
	page.ByName, page.After = order == "name", c.Query("after")
	switch {
	case order != "" && order != "name" && order != "newest":
		return resale.Invalid("order", "%q is not an order of the list. Take newest or name.", order)
	case page.After != "" && !isID(page.After):
		return resale.Invalid("after", "No page of the list has this address. Start at its first page.")
	}
	// One more than is shown tells whether there is a next page.
	page.Customers, err = a.store.ListCustomers(c.UserContext(), resale.CustomerFilter{ByName: page.ByName, After: page.After, Limit: pageSize + 1})
	if len(page.Customers) > pageSize {
		page.Customers = page.Customers[:pageSize]
		page.Next = page.Customers[pageSize-1].ID
	}
	return err
}

func (a *App) showCustomers(c *fiber.Ctx, status int, page views.CustomersPage) (err error) {
	if page.Count, err = a.store.CustomerCount(c.UserContext()); err != nil {
		return err
	}
	return a.render(c, status, views.Customers(page))
}

func (a *App) addCustomer(c *fiber.Ctx) error {
	form := readForm(c)
	in := resale.Customer{Identifier: form.text("customer_identifier"), Name: form.text("name"), Email: form.text("email"),
		Phone: form.text("phone")}
	if form.err != nil {
		return form.err
	}
	added, err := a.service.AddCustomer(c.UserContext(), resale.StaffActor(who(c)), in)
	if err == nil {
		return seeOther(c, "/customers/"+added.ID)
	}
	fault := faultOf(err)
	if fault == nil {
		return err
	}
	page := views.CustomersPage{Frame: a.frame(c), Form: in, Fault: fault}
	if fault.Code == resale.CodeConflict {
		page.Known, err = a.store.CustomerKnownAs(c.UserContext(), strings.TrimSpace(in.Identifier))
		if err != nil && resale.CodeOf(err) != resale.CodeNotFound {
			return err
		}
	}
	return a.showCustomers(c, statusOf[fault.Code], page)
}

// servicesOf returns a customer's entitlements, newest first, each with its product.
func (a *App) servicesOf(ctx context.Context, customerID string) ([]views.Service, error) {
	entitlements, err := a.store.EntitlementsOf(ctx, customerID, maxServices)
	if err != nil || len(entitlements) == 0 {
		return nil, err
	}
	products, err := a.store.Products(ctx)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]resale.Product, len(products))
	for _, p := range products {
		byID[p.ID] = p
	}
	services := make([]views.Service, len(entitlements))
	for i, e := range entitlements {
		services[i] = views.Service{Entitlement: e, Product: byID[e.ProductID]}
	}
	return services, nil
}

// addRef adds the ref of an entitlement to refs, by its id, unless it is there; nothing for an empty id.
func (a *App) addRef(ctx context.Context, refs map[string]string, id string) error {
	if _, known := refs[id]; known || id == "" {
		return nil
	}
	e, err := a.store.Entitlement(ctx, id)
	if err == nil {
		refs[id] = e.Ref
	}
	return err
}
