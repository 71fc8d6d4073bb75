package handlers

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"latchkey/static"
)

// static serves a file under the name that has its hash in it, so that it never changes.
func (a *App) static(c *fiber.Ctx) error {
	content, contentType, ok := static.File(c.Params("name"))
	if f, of := a.brand.File(c.Params("name")); of {
		content, contentType, ok = f.Content, f.Type, true
		// An SVG may hold scripts: in a picture they never run, and opened by its address they are shut in.
		c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	}
	if !ok {
		return &refusal{status: http.StatusNotFound, message: "There is no such file."}
	}
	c.Set(fiber.HeaderContentType, contentType)
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	return c.Send(content)
}
