package views

import (
	"fmt"
	"slices"

	"latchkey/resale"
)

// choiceGroup is a heading of the form for a new entitlement, and what stands below it.
type choiceGroup struct {
	title    string
	mixed    bool // of several merchants, so that each choice says whose it is
	products []resale.Product
}

// choiceGroups puts the most used products first, then the others by merchant. Each stands in one place, so that narrowing shows it once. A
// catalogue of a handful needs no such help.
func choiceGroups(p NewEntitlementPage) []choiceGroup {
	var groups []choiceGroup
	var used []string
	if len(p.Products) > 2*len(p.MostUsed) {
		most := choiceGroup{title: "Most used", mixed: true}
		for _, id := range p.MostUsed {
			if i := slices.IndexFunc(p.Products, func(product resale.Product) bool { return product.ID == id }); i >= 0 {
				most.products, used = append(most.products, p.Products[i]), append(used, id)
			}
		}
		if len(used) > 0 {
			groups = append(groups, most)
		}
	}
	merchant := ""
	for _, product := range p.Products {
		if slices.Contains(used, product.ID) {
			continue
		}
		if product.Merchant.ID != merchant {
			groups = append(groups, choiceGroup{title: product.Merchant.Name})
			merchant = product.Merchant.ID
		}
		last := &groups[len(groups)-1]
		last.products = append(last.products, product)
	}
	return groups
}

// choiceName is what a choice is called, with its merchant where neither the heading nor the name says it.
func choiceName(g choiceGroup, p resale.Product) (name, merchant string) {
	if g.mixed && p.Merchant.Name != p.Name {
		return p.Name, p.Merchant.Name
	}
	return p.Name, ""
}

// existingAt returns what the customer has with a merchant, the newest; nil for nothing.
func existingAt(existing []Service, merchantID string) *Service {
	i := slices.IndexFunc(existing, func(s Service) bool { return s.Product.Merchant.ID == merchantID })
	if i < 0 {
		return nil
	}
	return &existing[i]
}

// sendable reports whether there is a link of it that can be sent once more.
func sendable(s Service) bool {
	return s.Entitlement.Status == resale.Pending && s.Entitlement.RegistrationURL != ""
}

// existingWords tell what it means that the customer has it, before a second one at the same merchant is asked for. src: resale/faq, one per
// customer and merchant
func existingWords(s Service) string {
	m := s.Product.Merchant.Name
	switch s.Entitlement.Status {
	case resale.Pending:
		if sendable(s) {
			return "They still have to sign up. Send a fresh link instead of asking for another."
		}
		return fmt.Sprintf("It waits for %s; there is nothing for the customer to do, and nothing to ask for again.", m)
	case resale.Requested, resale.Unknown:
		return "Bango’s answer is not known yet; it settles by itself. Watch that one."
	case resale.Active, resale.ActiveEnding:
		return fmt.Sprintf("Already active: Bango will refuse a second one at %s.", m)
	case resale.Suspended:
		return fmt.Sprintf("Resume it instead: Bango will refuse a second one at %s.", m)
	}
	return fmt.Sprintf("Check it with Bango first: it may refuse a second one at %s.", m)
}

// started returns what somebody is at, at a merchant; nil where nobody is.
func started(p NewEntitlementPage, merchantKey string) *Service {
	entitlements := make([]resale.Entitlement, len(p.Existing))
	for k, s := range p.Existing {
		entitlements[k] = s.Entitlement
	}
	e, found := resale.Started(entitlements, merchantKey, p.Now)
	if !found {
		return nil
	}
	k := slices.IndexFunc(p.Existing, func(s Service) bool { return s.Entitlement.ID == e.ID })
	return &p.Existing[k]
}

// startedAt is started for the merchant of the product that was chosen.
func startedAt(p NewEntitlementPage) *Service {
	i := slices.IndexFunc(p.Products, func(product resale.Product) bool { return product.ID == p.ProductID })
	if i < 0 {
		return nil
	}
	return started(p, p.Products[i].Merchant.Key)
}

// underWayAt reports whether somebody is at this one.
func underWayAt(p NewEntitlementPage, s Service) bool {
	at := started(p, s.Entitlement.MerchantKey)
	return at != nil && at.Entitlement.ID == s.Entitlement.ID
}

// starter is who asked for it, as the person at the page says it.
func starter(e resale.Entitlement, f Frame) string {
	if e.CreatedBy == f.Person.Label() {
		return "You"
	}
	return e.CreatedBy
}

// meant reports whether the form was turned down only because somebody is at it already.
func meant(p NewEntitlementPage) bool { return p.Fault != nil && p.Fault.Field == "anyway" }
