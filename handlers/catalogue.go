package handlers

import (
	"github.com/gofiber/fiber/v2"

	"latchkey/views"
)

func (a *App) showCatalogue(c *fiber.Ctx) error {
	products, err := a.store.Products(c.UserContext())
	if err != nil {
		return err
	}
	return a.show(c, views.Catalogue(views.CataloguePage{Frame: a.frame(c), Products: products}))
}
