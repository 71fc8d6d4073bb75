package handlers

import (
	"net/http"
	"time"

	"github.com/a-h/templ"
	"github.com/gofiber/fiber/v2"

	"latchkey/views"
)

// render writes a page. On an error half of it may be in the body, which a.fail throws away.
func (a *App) render(c *fiber.Ctx, status int, page templ.Component) error {
	c.Status(status).Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return page.Render(templ.WithNonce(c.UserContext(), nonce(c)), c.Response().BodyWriter())
}

// show is render for a page on which all is well.
func (a *App) show(c *fiber.Ctx, page templ.Component) error { return a.render(c, http.StatusOK, page) }

// seeOther leads to another page, whatever this request was.
func seeOther(c *fiber.Ctx, address string) error { return c.Redirect(address, http.StatusSeeOther) }

// frame is what stands around a staff page.
func (a *App) frame(c *fiber.Ctx) views.Frame {
	person := who(c)
	return views.Frame{Person: person, Sandbox: a.sandbox, Now: time.Now().UTC(), Open: a.caller.unknown() && person.ID != ""}
}
