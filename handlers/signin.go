package handlers

import (
	"cmp"
	"net/http"
	"net/url"
	"path"
	"strings"
	"unicode"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// signInForm is where whoever is not signed in is sent.
func (a *App) signInForm(c *fiber.Ctx) error {
	returnTo := localPath(c.Query("return_to"))
	if who(c).ID != "" {
		return seeOther(c, cmp.Or(returnTo, "/"))
	}
	return a.show(c, views.Login(views.LoginPage{Sandbox: a.sandbox, ReturnTo: returnTo}))
}

func (a *App) signIn(c *fiber.Ctx) error {
	form := readForm(c)
	in := struct{ email, password, returnTo string }{form.text("email"), form.text("password"), localPath(form.text("return_to"))}
	if form.err != nil {
		return form.err
	}
	person, err := a.service.SignIn(c.UserContext(), in.email, in.password)
	if resale.CodeOf(err) == resale.CodeForbidden {
		return a.render(c, http.StatusForbidden, views.Login(views.LoginPage{
			Sandbox: a.sandbox, Email: in.email, ReturnTo: in.returnTo, Fault: err.Error()}))
	}
	if err != nil {
		return err
	}
	if err := a.startSession(c, person); err != nil {
		return err
	}
	return seeOther(c, cmp.Or(in.returnTo, "/"))
}

func (a *App) signOut(c *fiber.Ctx) error {
	if err := a.endSession(c); err != nil {
		return err
	}
	return seeOther(c, "/login")
}

// askToSignIn leads to the sign-in form, and back from there where that shows a page again rather than does something again.
func askToSignIn(c *fiber.Ctx) error {
	address := "/login"
	back := localPath(c.OriginalURL())
	if (c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead) && back != "" && back != "/" {
		address += "?return_to=" + url.QueryEscape(back)
	}
	return seeOther(c, address)
}

// localPath returns s where it is an address on this portal as its own links have them, and "" for anything else. Browsers read
// "//host", "/\host" and a path with a control character in it as an address elsewhere.
func localPath(s string) string {
	if len(s) > maxField || !strings.HasPrefix(s, "/") || strings.ContainsFunc(s, func(r rune) bool {
		return r == ' ' || r > unicode.MaxASCII || unicode.IsControl(r)
	}) {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Fragment != "" {
		return ""
	}
	if path.Clean(u.Path) != u.Path || strings.Contains(u.Path, "\\") { // as decoded: "/%5chost" is no better
		return ""
	}
	return s
}

// setupForm is where a one-time link leads.
func (a *App) setupForm(c *fiber.Ctx) error {
	token := c.Params("token")
	person, err := a.setupStaff(c, token)
	if err != nil {
		return err
	}
	return a.show(c, views.Setup(views.SetupPage{Sandbox: a.sandbox, Person: person, Token: token}))
}

// setup takes the first password, uses the link up and signs the person in.
func (a *App) setup(c *fiber.Ctx) error {
	token := c.Params("token")
	form := readForm(c)
	in := struct{ password string }{form.text("password")}
	person, err := a.setupStaff(c, token)
	if err != nil {
		return err
	}
	signedUp, err := person, form.err
	if err == nil {
		signedUp, err = a.service.SetFirstPassword(c.UserContext(), token, in.password)
	}
	if fault := faultOf(err); fault != nil {
		return a.render(c, statusOf[fault.Code], views.Setup(views.SetupPage{
			Sandbox: a.sandbox, Person: person, Token: token, Fault: fault.Message}))
	}
	if err != nil {
		return err
	}
	if err := a.startSession(c, signedUp); err != nil {
		return err
	}
	return seeOther(c, "/")
}

func (a *App) setupStaff(c *fiber.Ctx, token string) (resale.Staff, error) {
	if !isToken(token) {
		return resale.Staff{}, resale.NotFound("set-up link")
	}
	return a.service.SetupStaff(c.UserContext(), token)
}
