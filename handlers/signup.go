package handlers

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// showSignup is the end user's page. It changes nothing: mail and chat programs open links by themselves.
func (a *App) showSignup(c *fiber.Ctx) error {
	page, err := a.signupPage(c)
	if err != nil {
		return err
	}
	return a.show(c, views.Signup(page))
}

// continueSignup leads on to the merchant.
func (a *App) continueSignup(c *fiber.Ctx) error {
	if !isToken(c.Params("token")) {
		return resale.NotFound("signup link")
	}
	registrationURL, err := a.service.Continue(c.UserContext(), c.Params("token"), awaitBango)
	if err != nil {
		return err
	}
	if registrationURL != "" {
		return seeOther(c, registrationURL)
	}
	page, err := a.signupPage(c)
	if err != nil {
		return err
	}
	return a.render(c, http.StatusConflict, views.Signup(page))
}

func (a *App) signupPage(c *fiber.Ctx) (views.SignupPage, error) {
	token := c.Params("token")
	if !isToken(token) {
		return views.SignupPage{}, resale.NotFound("signup link")
	}
	s, err := a.service.Signup(c.UserContext(), token)
	return views.SignupPage{Sandbox: a.sandbox, Reseller: a.reseller, Status: s.Entitlement.Status, CanGo: s.Entitlement.RegistrationURL != "",
		Product: s.Product, Token: token, Ref: s.Entitlement.Ref, Opened: s.Entitlement.Opened > 0}, err
}
