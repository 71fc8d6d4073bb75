package handlers

import (
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

func (a *App) showPlots(c *fiber.Ctx) error {
	page := views.PlotsPage{Frame: a.frame(c), Table: c.Query("as") == "table"}
	product, err := a.plotted(c)
	if err != nil {
		return err
	}
	if page.Products, err = a.store.Products(c.UserContext()); err != nil {
		return err
	}
	if page.Plots, err = resale.ReadPlots(c.UserContext(), a.store, product.ID, page.Now); err != nil {
		return err
	}
	return a.show(c, views.Plots(page))
}

// plotted returns the product that plots are asked for, the zero value for all.
func (a *App) plotted(c *fiber.Ctx) (resale.Product, error) {
	id := c.Query("product")
	if id == "" {
		return resale.Product{}, nil
	}
	if !isID(id) {
		return resale.Product{}, resale.NotFound("product")
	}
	return a.store.Product(c.UserContext(), id)
}

// listPlotted is the list of exactly what a bar counts.
func (a *App) listPlotted(c *fiber.Ctx) error {
	ctx := c.UserContext()
	product, err := a.plotted(c)
	if err != nil {
		return err
	}
	f, err := lifeFilter(c)
	if err != nil {
		return err
	}
	f.ProductID, f.Limit = product.ID, pageSize+1 // one more than is shown tells whether there is a next page
	page := views.PlottedPage{Frame: a.frame(c), Filter: f, Product: product.Name, First: f.After == nil}
	if page.Count, page.More, err = resale.CountLives(ctx, a.store, f); err != nil {
		return err
	}
	if page.Rows, err = a.store.Lives(ctx, f); err != nil {
		return err
	}
	if len(page.Rows) > pageSize {
		page.Rows = page.Rows[:pageSize]
		last := page.Rows[pageSize-1]
		page.Next = strconv.FormatInt(last.At.UnixMicro(), 10) + "-" + last.ID
	}
	return a.show(c, views.Plotted(page))
}

// lifeFilter reads which list the address asks for: its name, with a day or the first and the last.
func lifeFilter(c *fiber.Ctx) (f resale.LifeFilter, err error) {
	span := ""
	for _, kind := range resale.LifeLists {
		value, err := query(c, string(kind))
		if err != nil {
			return f, err
		}
		if value != "" && span != "" {
			return f, resale.Invalid(string(kind), "The address names two lists. Start from the plots.")
		}
		if value != "" {
			f.Kind, span = kind, value
		}
	}
	if span == "" {
		return f, resale.Invalid("", "The address names no list. Start from the plots.")
	}
	if f.After, err = parsePosition(c.Query("after")); err != nil {
		return f, err
	}
	if f.Kind == resale.LifeEndedFor {
		if f.Reason, err = query(c, "reason"); err != nil {
			return f, err
		}
	}
	first, last, two := strings.Cut(span, "..")
	if f.Kind == resale.LifeWaiting {
		if f.Since, err = minute(first); err == nil {
			f.Before, err = minute(last)
		}
		return f, err
	}
	if !two {
		last = first
	}
	if f.Since, err = dayOf(first); err != nil {
		return f, err
	}
	if f.Before, err = dayOf(last); err != nil {
		return f, err
	}
	if f.Before.Before(f.Since) {
		return f, resale.Invalid(string(f.Kind), "The last day is before the first.")
	}
	f.Before = f.Before.AddDate(0, 0, 1)
	return f, nil
}

// dayOf reads a day of the address.
func dayOf(text string) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil || day.Year() < 1970 {
		return time.Time{}, resale.Invalid("", "%q is not a day like 2026-11-26.", text)
	}
	return day, nil
}

// minute reads a time of the address, zero where there is none.
func minute(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse("2006-01-02T15:04Z", text)
	if err != nil {
		return at, resale.Invalid("", "%q is not a time like 2026-11-26T18:00Z.", text)
	}
	return at, nil
}
