package handlers

import (
	"context"
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

// lineTime bounds how long a page waits to know how things stand with Bango.
const lineTime = time.Second

// frame is what stands around a staff page. How things stand with Bango is told where it can be read; the page of a failure, of the
// database for example, has to be drawn without it.
func (a *App) frame(c *fiber.Ctx) views.Frame {
	f := views.Frame{Person: who(c), Sandbox: a.sandbox, Now: time.Now().UTC(), Answered: c.Method() == post}
	if f.Person.ID == "" {
		return f
	}
	f.Open = a.caller.unknown()
	a.personal(c, &f)
	ctx, cancel := context.WithTimeout(c.UserContext(), lineTime)
	defer cancel()
	line, err := a.store.Line(ctx)
	if err != nil {
		a.log.Error("a page does not tell how things stand with Bango", "err", err)
		return f
	}
	f.Line = line
	return f
}
