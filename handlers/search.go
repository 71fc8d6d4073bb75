package handlers

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

const (
	maxHits        = 50 // of each kind that a page of hits shows
	maxSuggestions = 6  // of each kind while somebody types
)

// search is the one box: what is named as a whole is opened at once, and so is a single find, unless all are asked for. Words like
// status:pending are for the list. While somebody types, scripts ask for the part "suggestions"; without a query those are what the person
// opened last.
func (a *App) search(c *fiber.Ctx) error {
	q, err := query(c, "q")
	if err != nil {
		return err
	}
	by, list := resale.StaffActor(who(c)), listOf(q)
	if c.Query("part") == "suggestions" {
		return a.suggest(c, by, q, list)
	}
	switch {
	case q == "":
		return seeOther(c, "/")
	case list != "":
		return seeOther(c, list)
	}
	found, err := a.service.Search(c.UserContext(), by, q, maxHits)
	if err != nil {
		return err
	}
	if hit, ok := found.Opens(); ok && c.Query("all") == "" {
		return seeOther(c, views.HitAddress(hit))
	}
	page := views.SearchPage{Frame: a.frame(c), Found: found}
	page.Query = q
	return a.show(c, views.Search(page))
}

func (a *App) suggest(c *fiber.Ctx, by resale.Actor, q, list string) (err error) {
	page := views.SuggestionsPage{Role: by.Role, List: list}
	switch {
	case q == "":
		page.Opened, err = a.service.Opened(c.UserContext(), by)
	case list == "":
		page.Found, err = a.service.Search(c.UserContext(), by, q, maxSuggestions)
	}
	if err != nil {
		return err
	}
	page.Found.Query = q
	return a.show(c, views.Suggestions(page))
}

// noteOpened keeps what a person looks at, for the next time that they go into the empty box. Scripts post it, so that a GET changes nothing.
func (a *App) noteOpened(c *fiber.Ctx) error {
	form := readForm(c)
	topic := form.text("topic")
	if form.err != nil {
		return form.err
	}
	if err := a.service.NoteOpened(c.UserContext(), resale.StaffActor(who(c)), topic); err != nil {
		return err
	}
	return c.Send(nil)
}

// listWords are the names that a word like status:pending may begin with: the filters of the list, as its address has them.
var listWords = []string{"status", "merchant", "product", "older", "reason"}

// listOf returns the address of the list that q asks for; "" where no word of q does. Its other words narrow that list.
func listOf(q string) string {
	filters, others, asks := url.Values{}, []string{}, false
	for _, word := range strings.Fields(q) {
		name, value, _ := strings.Cut(word, ":")
		name = strings.ToLower(name)
		if value == "" || !slices.Contains(listWords, name) {
			others = append(others, word)
			continue
		}
		if name == "status" {
			value = strings.ToUpper(value)
		}
		filters.Set(name, value)
		asks = true
	}
	if !asks {
		return ""
	}
	if len(others) > 0 {
		filters.Set("q", strings.Join(others, " "))
	}
	return "/entitlements?" + filters.Encode()
}

// findCustomers returns the customers that a list of them shows for q.
func (a *App) findCustomers(ctx context.Context, q string) ([]resale.Customer, error) {
	return resale.FindCustomers(ctx, a.store, q, maxHits)
}
