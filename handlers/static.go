package handlers

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"latchkey/static"
)

// static serves a file under the name that has its hash in it, so that it never changes.
func (a *App) static(c *fiber.Ctx) error {
	if name := c.Params("name"); name == a.brand.LogoName && name != "" {
		return a.logo(c)
	}
	content, contentType, ok := static.File(c.Params("name"))
	if !ok {
		return &refusal{status: http.StatusNotFound, message: "There is no such file."}
	}
	c.Set(fiber.HeaderContentType, contentType)
	c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	return c.Send(content)
}
