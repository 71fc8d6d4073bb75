package handlers

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// showReconciliation is where our records and Bango's are compared.
func (a *App) showReconciliation(c *fiber.Ctx) error {
	after, err := driftAfter(c.Query("after"))
	if err != nil {
		return err
	}
	page, err := a.reconciliationPage(c, after)
	if err != nil {
		return err
	}
	return a.show(c, views.Reconciliation(page))
}

// driftAfter is where a page of the differences begins: the id of the last one before it, empty for the first page.
func driftAfter(id string) (string, error) {
	if id != "" && !isID(id) {
		return "", resale.Invalid("after", "No page of the differences has this address. Start at its first page.")
	}
	return id, nil
}

func (a *App) reconciliationPage(c *fiber.Ctx, after string) (views.ReconciliationPage, error) {
	ctx := c.UserContext()
	page := views.ReconciliationPage{Frame: a.frame(c), After: after, PublicURL: a.publicURL}
	var err error
	for name, job := range map[resale.JobName]*resale.Job{resale.JobReconcile: &page.Questions, resale.JobTake: &page.Take,
		resale.JobImport: &page.Import, resale.JobRepoint: &page.Repoint} {
		if *job, err = a.store.Job(ctx, name); err != nil {
			return page, err
		}
	}
	if page.ToPoint, err = a.service.ToPoint(ctx); err != nil {
		return page, err
	}
	if page.Count, err = a.store.DriftCount(ctx); err != nil {
		return page, err
	}
	// One more than is shown tells whether there is a next page.
	open, err := a.store.OpenDrift(ctx, after, pageSize+1)
	if err != nil {
		return page, err
	}
	if len(open) > pageSize {
		open = open[:pageSize]
		page.Next = open[pageSize-1].ID
	}
	page.Differences, err = a.differences(ctx, open)
	return page, err
}

// differences puts names to what differs.
func (a *App) differences(ctx context.Context, open []resale.Drift) ([]views.Difference, error) {
	if len(open) == 0 {
		return nil, nil
	}
	products, err := a.store.Products(ctx)
	if err != nil {
		return nil, err
	}
	type keys struct{ merchant, product string }
	names := map[keys]string{}
	for _, p := range products {
		names[keys{p.Merchant.Key, p.Key}] = p.Name
	}
	name := func(merchant, product string) string {
		if known := names[keys{merchant, product}]; known != "" {
			return known
		}
		return product
	}
	differences := make([]views.Difference, len(open))
	for i, drift := range open {
		d := views.Difference{Drift: drift}
		d.Customer.Identifier = drift.Fact.CustomerIdentifier
		merchant := drift.Fact.MerchantKey
		if drift.EntitlementID == "" {
			known, err := resale.OwnerOf(ctx, a.store, drift.Fact.CustomerIdentifier, drift.Fact.DateCreated)
			if err != nil && resale.CodeOf(err) != resale.CodeNotFound {
				return nil, err
			}
			if err == nil {
				d.Customer = known
			}
		} else {
			e, err := a.store.Entitlement(ctx, drift.EntitlementID)
			if err != nil {
				return nil, err
			}
			d.Ref, merchant = e.Ref, e.MerchantKey
			if d.Customer, err = a.store.Customer(ctx, e.CustomerID); err != nil {
				return nil, err
			}
		}
		d.OursName, d.BangosName = name(merchant, drift.OursProduct), name(merchant, drift.Fact.ProductKey)
		differences[i] = d
	}
	return differences, nil
}

// difference is how an entitlement differs from Bango's record, where nobody has decided about it yet; nil for not at all.
func (a *App) difference(c *fiber.Ctx, e resale.Entitlement) (*views.Difference, error) {
	if e.BangoID == "" {
		return nil, nil
	}
	d, err := a.store.DriftOf(c.UserContext(), e.BangoID)
	if resale.CodeOf(err) == resale.CodeNotFound || err == nil && (d.State != resale.DriftOpen || d.EntitlementID != e.ID) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	named, err := a.differences(c.UserContext(), []resale.Drift{d})
	if err != nil {
		return nil, err
	}
	return &named[0], nil
}

// reconcile makes something of reconciliation happen for the person, and leads back to its page.
func (a *App) reconcile(do func(ctx context.Context, by resale.Actor) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if err := do(c.UserContext(), resale.StaffActor(who(c))); err != nil {
			return err
		}
		return seeOther(c, "/reconciliation")
	}
}

// takeDifference takes over what Bango says of one difference, and leads back to where that was asked: the entitlement whose ref the form has, or
// the page of differences.
func (a *App) takeDifference(c *fiber.Ctx) error {
	id, err := pathID(c, "difference")
	if err != nil {
		return err
	}
	form := readForm(c)
	after, err := driftAfter(form.text("after"))
	ref, ofEntitlement := resale.ParseRef(form.text("ref"))
	if form.err != nil {
		err = form.err
	}
	if err != nil {
		return err
	}
	err = a.service.TakeBangos(c.UserContext(), resale.StaffActor(who(c)), id)
	if fault := faultOf(err); fault != nil {
		page, err := a.reconciliationPage(c, after)
		if err != nil {
			return err
		}
		page.Fault = fault
		return a.render(c, statusOf[fault.Code], views.Reconciliation(page))
	}
	if err != nil {
		return err
	}
	if ofEntitlement {
		return seeOther(c, "/entitlements/"+ref)
	}
	if after != "" {
		return seeOther(c, "/reconciliation?after="+after)
	}
	return seeOther(c, "/reconciliation")
}
