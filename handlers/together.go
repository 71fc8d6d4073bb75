package handlers

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// all returns every value of a field that a form may have several times.
func (f *form) all(name string, most int) (values []string) {
	for _, value := range f.args.PeekMulti(name) {
		switch {
		case f.err != nil:
		case len(values) == most:
			f.err = resale.Invalid(name, "The form has more than %d of %s.", most, words(name))
		case len(value) > maxField || !printable(string(value)):
			f.err = resale.Invalid(name, "The %s is not one of those that the form offers.", words(name))
		default:
			values = append(values, string(value))
		}
	}
	return values
}

// togetherForm is the page on which several services are suspended or resumed: all that can be are chosen for a suspension, and for a resume
// what was suspended together.
func (a *App) togetherForm(kind resale.RequestKind) fiber.Handler {
	return func(c *fiber.Ctx) error {
		page, err := a.togetherPage(c, kind)
		if err != nil {
			return err
		}
		ctx := c.UserContext()
		page.FormToken, page.Chosen = resale.NewFormToken(), map[string]bool{}
		only, _ := resale.ParseRef(c.Query("only"))
		var together []string
		if kind == resale.KindResume && only == "" {
			live := make([]resale.Entitlement, len(page.Can))
			for i, s := range page.Can {
				live[i] = s.Entitlement
			}
			if page.Group, together, err = resale.SuspendedTogether(ctx, a.store, page.Customer.ID, live); err != nil {
				return err
			}
		}
		for _, s := range page.Can {
			e := s.Entitlement
			switch {
			case only != "":
				page.Chosen[e.Ref] = e.Ref == only
			case page.Group.ID != "":
				page.Chosen[e.Ref] = slices.Contains(together, e.ID)
			default:
				page.Chosen[e.Ref] = kind == resale.KindSuspend || len(page.Can) == 1
			}
		}
		return a.show(c, views.Together(page))
	}
}

func (a *App) togetherPage(c *fiber.Ctx, kind resale.RequestKind) (views.TogetherPage, error) {
	page := views.TogetherPage{Frame: a.frame(c), Kind: kind}
	var err error
	if page.Customer, err = a.theCustomer(c); err != nil {
		return page, err
	}
	live, err := a.liveServices(c, page.Customer.ID)
	for _, s := range live {
		if slices.ContainsFunc(s.Actions, func(x resale.Action) bool { return x.Kind == kind && x.Allowed }) {
			page.Can = append(page.Can, s)
		} else {
			page.Cannot = append(page.Cannot, s)
		}
	}
	return page, err
}

// together asks for it.
func (a *App) together(kind resale.RequestKind) fiber.Handler {
	return func(c *fiber.Ctx) error {
		customer, err := a.theCustomer(c)
		if err != nil {
			return err
		}
		form := readForm(c)
		in := resale.Together{CustomerID: customer.ID, Kind: kind, FormToken: form.text("form_token"), Refs: form.all("service", resale.MaxTogether)}
		in.Reason = form.text("reason") // last, so that a fault in it costs no other field
		var g resale.ActGroup
		if err = form.err; err == nil {
			g, err = a.service.ActTogether(c.UserContext(), resale.StaffActor(who(c)), in)
		}
		fault := faultOf(err)
		switch {
		case err == nil:
			return seeOther(c, "/customers/"+customer.ID+"/together/"+g.ID)
		case fault == nil:
			return err
		}
		page, err := a.togetherPage(c, kind)
		if err != nil {
			return err
		}
		page.Fault, page.Reason, page.FormToken, page.Chosen = fault, in.Reason, in.FormToken, map[string]bool{}
		if fault.Field == "form_token" {
			page.FormToken = resale.NewFormToken()
		}
		for _, ref := range in.Refs {
			page.Chosen[ref] = true
		}
		return a.render(c, statusOf[fault.Code], views.Together(page))
	}
}

// showGroup tells what became of what was asked for several services together.
func (a *App) showGroup(c *fiber.Ctx) error {
	ctx := c.UserContext()
	page := views.GroupPage{Frame: a.frame(c)}
	var err error
	if page.Customer, err = a.theCustomer(c); err != nil {
		return err
	}
	if !isID(c.Params("group")) {
		return resale.NotFound("result")
	}
	if page.Group, err = a.store.ActGroup(ctx, c.Params("group")); err != nil {
		return err
	}
	if page.Group.CustomerID != page.Customer.ID {
		return resale.NotFound("result")
	}
	rows, err := a.store.ActGroupRows(ctx, page.Group.ID)
	if err != nil {
		return err
	}
	products, err := a.productsByID(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		page.Rows = append(page.Rows, views.GroupRow{ActGroupRow: row, Product: products[row.Entitlement.ProductID]})
	}
	return a.show(c, views.Group(page))
}

// identifierForm is the page on which a customer gets another identifier.
func (a *App) identifierForm(c *fiber.Ctx) error {
	page, err := a.identifierPage(c)
	if err != nil {
		return err
	}
	page.FormToken = resale.NewFormToken()
	return a.show(c, views.Identifier(page))
}

func (a *App) identifierPage(c *fiber.Ctx) (views.IdentifierPage, error) {
	page := views.IdentifierPage{Frame: a.frame(c)}
	var err error
	if page.Customer, err = a.theCustomer(c); err != nil {
		return page, err
	}
	if page.Live, err = a.liveServices(c, page.Customer.ID); err != nil {
		return page, err
	}
	newest, err := a.store.EntitlementsOf(c.UserContext(), page.Customer.ID, maxServices)
	page.Ended = slices.ContainsFunc(newest, func(e resale.Entitlement) bool { return !e.Status.Live() })
	return page, err
}

func (a *App) changeIdentifier(c *fiber.Ctx) error {
	customer, err := a.theCustomer(c)
	if err != nil {
		return err
	}
	form := readForm(c)
	in := resale.NewIdentifier{CustomerID: customer.ID, FormToken: form.text("form_token"), Seen: form.text("seen_identifier"),
		Identifier: form.text("customer_identifier")}
	in.Reason = form.text("reason")
	var g resale.ActGroup
	if err = form.err; err == nil {
		g, err = a.service.ChangeIdentifier(c.UserContext(), resale.StaffActor(who(c)), in)
	}
	fault := faultOf(err)
	switch {
	case err == nil:
		return seeOther(c, "/customers/"+customer.ID+"/together/"+g.ID)
	case fault == nil:
		return err
	}
	page, err := a.identifierPage(c)
	if err != nil {
		return err
	}
	page.Fault, page.Identifier, page.Reason, page.FormToken = fault, in.Identifier, in.Reason, resale.NewFormToken()
	if fault.Code == resale.CodeConflict {
		page.Other, err = a.store.CustomerKnownAs(c.UserContext(), strings.TrimSpace(in.Identifier))
		if err != nil && resale.CodeOf(err) != resale.CodeNotFound {
			return err
		}
		if page.Other.ID == page.Customer.ID {
			page.Other = resale.Customer{}
		}
	}
	return a.render(c, statusOf[fault.Code], views.Identifier(page))
}
