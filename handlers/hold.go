package handlers

import (
	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// undoRequest takes a revoke back while it waits here.
func (a *App) undoRequest(c *fiber.Ctx) error {
	e, err := a.entitlement(c)
	if err != nil {
		return err
	}
	id, err := pathID(c, "request")
	if err != nil {
		return err
	}
	err = a.service.Withdraw(c.UserContext(), resale.StaffActor(who(c)), e.Ref, id)
	if fault := faultOf(err); fault != nil {
		page, err := a.entitlementPage(c, e)
		if err != nil {
			return err
		}
		page.Fault = fault
		return a.render(c, statusOf[fault.Code], views.Entitlement(page))
	}
	if err != nil {
		return err
	}
	return seeOther(c, "/entitlements/"+e.Ref)
}
