package handlers

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// showSignup is the end user's page. It changes nothing: mail and chat programs open links by themselves.
func (a *App) showSignup(c *fiber.Ctx) error {
	token := c.Params("token")
	if !isToken(token) {
		return resale.NotFound("signup link")
	}
	s, err := a.service.Signup(c.UserContext(), token)
	if err != nil {
		return err
	}
	language := signupLanguage(c)
	text := s.Product.Text(s.Texts, language.Tag)
	s.Product.Name = text.Name
	return a.show(c, views.Signup(views.SignupPage{Sandbox: a.sandbox, Language: language, Asked: c.Query("lang") != "", Brand: a.brand,
		State: s.State, Slow: s.Slow, Status: s.Entitlement.Status, CanGo: s.CanGo, Product: s.Product, Help: text.Help, Token: token, Ref: s.Entitlement.Ref,
		Promise: s.Promise, Ends: s.Entitlement.DateEnded}))
}

// continueSignup leads on to the merchant, or back to the page, which tells why not.
func (a *App) continueSignup(c *fiber.Ctx) error {
	token := c.Params("token")
	if !isToken(token) {
		return resale.NotFound("signup link")
	}
	address, err := a.service.Continue(c.UserContext(), token, awaitBango)
	if err != nil {
		return err
	}
	if address == "" {
		address = "/s/" + token
		if c.Query("lang") != "" {
			address += "?lang=" + signupLanguage(c).Tag
		}
	}
	return seeOther(c, address)
}

// signupLanguage is what the end user reads; it is told to programs as well.
func signupLanguage(c *fiber.Ctx) views.Language {
	l := views.ChooseLanguage(c.Query("lang"), c.Get(fiber.HeaderAcceptLanguage))
	c.Set(fiber.HeaderContentLanguage, l.Tag)
	c.Vary(fiber.HeaderAcceptLanguage)
	return l
}

// lost is the page of a failure for an end user, who knows nothing of this portal.
func (a *App) lost(c *fiber.Ctx, status int, id string) views.LostPage {
	p := views.LostPage{Sandbox: a.sandbox, Language: signupLanguage(c), Brand: a.brand, Key: "other"}
	switch {
	case status == http.StatusNotFound:
		p.Key = "unknown"
	case status >= http.StatusInternalServerError:
		p.Key, p.Trouble = "error", id
	}
	return p
}
