package handlers

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// What a customer's page reads at most.
const (
	maxNotes     = 100
	maxEnded     = 30   // services that have ended
	maxKnownTags = 100  // suggestions
	maxAsked     = 1000 // requests about the services that have not ended, newest first
)

func (a *App) showCustomer(c *fiber.Ctx) error {
	page, err := a.customerPage(c)
	if err != nil {
		return err
	}
	return a.show(c, views.Customer(page))
}

// theCustomer returns the one whose id the address carries.
func (a *App) theCustomer(c *fiber.Ctx) (resale.Customer, error) {
	id, err := pathID(c, "customer")
	if err != nil {
		return resale.Customer{}, err
	}
	return a.store.Customer(c.UserContext(), id)
}

func (a *App) customerPage(c *fiber.Ctx) (views.CustomerPage, error) {
	ctx := c.UserContext()
	page := views.CustomerPage{Frame: a.frame(c)}
	var err error
	if page.Customer, err = a.theCustomer(c); err != nil {
		return page, err
	}
	id := page.Customer.ID
	if page.Former, err = a.store.FormerIdentifiers(ctx, id); err != nil {
		return page, err
	}
	if page.Live, err = a.liveServices(c, id); err != nil {
		return page, err
	}
	services, err := a.servicesOf(ctx, id)
	if err != nil {
		return page, err
	}
	for _, s := range services {
		if !s.Entitlement.Status.Live() {
			page.Ended = append(page.Ended, views.ServiceCard{Service: s})
		}
	}
	page.More = len(page.Live) == resale.MaxTogether || len(services) == maxServices || len(page.Ended) > maxEnded
	page.Ended = page.Ended[:min(len(page.Ended), maxEnded)]
	if page.Tags, err = a.store.TagsOf(ctx, id); err != nil {
		return page, err
	}
	if page.Person.Role.AtLeast(resale.Agent) {
		if page.KnownTags, err = a.store.TagsInUse(ctx, maxKnownTags); err != nil {
			return page, err
		}
	}
	page.Pinned, err = a.store.PinnedNote(ctx, id)
	if err != nil && resale.CodeOf(err) != resale.CodeNotFound {
		return page, err
	}
	written, err := a.store.NotesOf(ctx, id, maxNotes)
	if err != nil {
		return page, err
	}
	if page.History, err = a.history(c, resale.EventFilter{CustomerID: id}); err != nil {
		return page, err
	}
	page.History.Address, page.History.Refs = "/customers/"+id, map[string]string{}
	for _, s := range services {
		page.History.Refs[s.Entitlement.ID] = s.Entitlement.Ref
	}
	for i, e := range page.History.Events {
		page.History.Events[i].Text = noteText(e, written)
		if err := a.addRef(ctx, page.History.Refs, e.EntitlementID); err != nil {
			return page, err
		}
	}
	page.Notes = slices.DeleteFunc(written, func(n resale.Note) bool { return !n.Holds() || n.Pinned })
	return page, nil
}

// noteText is what the timeline says of a note: the event itself has not its text, which may be withdrawn.
func noteText(e resale.Event, written []resale.Note) string {
	i := slices.IndexFunc(written, func(n resale.Note) bool { return n.ID == e.ID && e.Kind == resale.EventNoted })
	switch {
	case i < 0:
		return e.Text
	case !written[i].Holds():
		return "wrote a note that " + written[i].WithdrawnBy + " withdrew"
	}
	return "noted: " + written[i].Text
}

// liveServices returns what has not ended of a customer's, newest first, with what can be done with each.
func (a *App) liveServices(c *fiber.Ctx, customerID string) ([]views.ServiceCard, error) {
	ctx := c.UserContext()
	entitlements, err := a.store.LiveEntitlementsOf(ctx, customerID, resale.MaxTogether)
	if err != nil || len(entitlements) == 0 {
		return nil, err
	}
	requests, err := a.store.LiveRequestsOf(ctx, customerID, maxAsked)
	if err != nil {
		return nil, err
	}
	of := map[string][]resale.Request{}
	for _, r := range requests {
		of[r.EntitlementID] = append(of[r.EntitlementID], r)
	}
	products, err := a.productsByID(ctx)
	if err != nil {
		return nil, err
	}
	all, err := a.store.Abilities(ctx)
	if err != nil {
		return nil, err
	}
	abilities := map[string][]resale.Ability{}
	for _, b := range all {
		abilities[b.MerchantKey] = append(abilities[b.MerchantKey], b)
	}
	cards := make([]views.ServiceCard, len(entitlements))
	for i, e := range entitlements {
		cards[i] = views.ServiceCard{Service: views.Service{Entitlement: e, Product: products[e.ProductID]}, SignupLink: a.service.SignupLink(e),
			Actions: resale.Actions(e, of[e.ID], who(c).Role, abilities[e.MerchantKey])}
		if asked := slices.IndexFunc(of[e.ID], func(r resale.Request) bool { return r.Kind != resale.KindCheck }); asked >= 0 {
			cards[i].Asked = of[e.ID][asked]
		}
	}
	return cards, nil
}

func (a *App) productsByID(ctx context.Context) (map[string]resale.Product, error) {
	products, err := a.store.Products(ctx)
	byID := make(map[string]resale.Product, len(products))
	for _, p := range products {
		byID[p.ID] = p
	}
	return byID, err
}

// afterwards leads back to the customer's page, or shows on it why what was asked for there was turned down, with what was typed.
func (a *App) afterwards(c *fiber.Ctx, customer resale.Customer, err error, typed func(*views.CustomerPage)) error {
	fault := faultOf(err)
	switch {
	case err == nil:
		return seeOther(c, "/customers/"+customer.ID)
	case fault == nil:
		return err
	}
	page, err := a.customerPage(c)
	if err != nil {
		return err
	}
	page.Fault = fault
	typed(&page)
	return a.render(c, statusOf[fault.Code], views.Customer(page))
}

func (a *App) addNote(c *fiber.Ctx) error {
	customer, err := a.theCustomer(c)
	if err != nil {
		return err
	}
	form := readForm(c)
	pin := form.text("pin") != ""
	// What is too long by the domain's measure, in characters, comes back to be shortened; this bounds it in bytes.
	text := form.field("text", 8*resale.MaxNote, func(string) bool { return true })
	if err = form.err; err == nil {
		_, err = a.service.AddNote(c.UserContext(), resale.StaffActor(who(c)), customer.ID, text, pin)
	}
	return a.afterwards(c, customer, err, func(p *views.CustomerPage) { p.NoteText = strings.ToValidUTF8(text, "\uFFFD") })
}

// changeNote does something with the note that the address carries.
func (a *App) changeNote(do func(ctx context.Context, by resale.Actor, customerID, noteID string) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		customer, err := a.theCustomer(c)
		if err != nil {
			return err
		}
		if !isID(c.Params("note")) {
			return resale.NotFound("note")
		}
		err = do(c.UserContext(), resale.StaffActor(who(c)), customer.ID, c.Params("note"))
		return a.afterwards(c, customer, err, func(*views.CustomerPage) {})
	}
}

func (a *App) pinNote(pinned bool) fiber.Handler {
	return a.changeNote(func(ctx context.Context, by resale.Actor, customerID, noteID string) error {
		return a.service.PinNote(ctx, by, customerID, noteID, pinned)
	})
}

// changeTags adds or removes what the form names.
func (a *App) changeTags(do func(ctx context.Context, by resale.Actor, customerID, tag string) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		customer, err := a.theCustomer(c)
		if err != nil {
			return err
		}
		form := readForm(c)
		tag := form.text("tag")
		if err = form.err; err == nil {
			err = do(c.UserContext(), resale.StaffActor(who(c)), customer.ID, tag)
		}
		return a.afterwards(c, customer, err, func(p *views.CustomerPage) { p.Tag = tag })
	}
}

// listTagged lists the customers with a tag.
func (a *App) listTagged(c *fiber.Ctx) error {
	tag, err := query(c, "tag")
	if err != nil {
		return err
	}
	after, err := query(c, "after")
	if err != nil {
		return err
	}
	page := views.CustomersPage{Frame: a.frame(c), Tag: tag}
	if known, err := a.store.Tag(c.UserContext(), tag); err == nil {
		page.Tag = known
	} else if resale.CodeOf(err) != resale.CodeNotFound {
		return err
	}
	// One more than is shown tells whether there is a next page.
	if page.Customers, err = a.store.CustomersByTag(c.UserContext(), tag, after, pageSize+1); err != nil {
		return err
	}
	if len(page.Customers) > pageSize {
		page.Customers = page.Customers[:pageSize]
		page.Next = page.Customers[pageSize-1].ID
	}
	return a.showCustomers(c, http.StatusOK, page)
}

func (a *App) editCustomerForm(c *fiber.Ctx) error {
	customer, err := a.theCustomer(c)
	if err != nil {
		return err
	}
	return a.show(c, views.EditCustomer(views.EditCustomerPage{Frame: a.frame(c), Customer: customer, Form: customer}))
}

func (a *App) editCustomer(c *fiber.Ctx) error {
	customer, err := a.theCustomer(c)
	if err != nil {
		return err
	}
	form := readForm(c)
	seen := resale.Customer{Name: form.text("seen_name"), Email: form.text("seen_email"), Phone: form.text("seen_phone")}
	to := resale.Customer{Name: form.text("name"), Email: form.text("email"), Phone: form.text("phone")}
	if err = form.err; err == nil {
		err = a.service.EditCustomer(c.UserContext(), resale.StaffActor(who(c)), customer.ID, seen, to)
	}
	fault := faultOf(err)
	switch {
	case err == nil:
		return seeOther(c, "/customers/"+customer.ID)
	case fault == nil:
		return err
	}
	// What was seen is what is shown now: who sends once more has looked at it.
	if customer, err = a.store.Customer(c.UserContext(), customer.ID); err != nil {
		return err
	}
	return a.render(c, statusOf[fault.Code], views.EditCustomer(views.EditCustomerPage{Frame: a.frame(c), Customer: customer, Form: to, Fault: fault}))
}
