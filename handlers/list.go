package handlers

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

const (
	pageSize = 40 // lines of a list
	listPage = 20 // of the list of entitlements, whose rows have much in them, so that the page is light

	viewsTime  = 15 * time.Millisecond // what counting for the saved views may take together
	viewCounts = 100                   // one more than is counted for a saved view
)

// queryValues returns the values of a name in the address's query.
func queryValues(c *fiber.Ctx) func(name string) []string {
	args := c.Context().QueryArgs()
	return func(name string) []string {
		var values []string
		for _, v := range args.PeekMulti(name) {
			values = append(values, string(v))
		}
		return values
	}
}

func (a *App) listEntitlements(c *fiber.Ctx) error {
	get := queryValues(c)
	f, err := resale.ParseFilter(get)
	if err != nil {
		return err
	}
	after, err := parsePosition(c.Query("after"))
	if err != nil {
		return err
	}
	if hasEmptyFilter(get) { // a form sends what is left empty, too
		return seeOther(c, views.ListAddress(f, c.Query("after")))
	}
	return a.showList(c, f, after, "", nil)
}

// showList shows a page of the list; viewFault is why the view of that name was not saved, nil for none.
func (a *App) showList(c *fiber.Ctx, f resale.EntitlementFilter, after *resale.ListPosition, viewName string, viewFault *resale.Error) (err error) {
	ctx := c.UserContext()
	page := views.EntitlementsPage{Frame: a.frame(c), Filter: f, First: after == nil, ViewName: viewName, ViewFault: viewFault}
	if err := a.fillList(ctx, c, &page); err != nil {
		return err
	}
	status := http.StatusOK
	if viewFault != nil {
		status = statusOf[viewFault.Code]
	}
	f.After, f.Limit = after, listPage
	found, err := a.store.PageEntitlements(ctx, f)
	if page.Fault = faultOf(err); page.Fault != nil {
		status = statusOf[page.Fault.Code]
	} else if err != nil {
		return err
	}
	page.Rows, page.Searched = found.Rows, found.Searched
	if found.Next != nil {
		page.Next = formatPosition(found.Next)
	}
	if slices.Contains(page.Columns, views.ColumnReason) {
		if page.Reasons, err = a.reasonsOf(ctx, page.Rows); err != nil {
			return err
		}
	}
	if len(page.Rows) == 0 && page.First && page.Next == "" {
		if page.Blame, err = a.blame(ctx, f); err != nil {
			return err
		}
	}
	return a.render(c, status, views.Entitlements(page))
}

// fillList is what a list has around its rows.
func (a *App) fillList(ctx context.Context, c *fiber.Ctx, page *views.EntitlementsPage) (err error) {
	by := resale.StaffActor(who(c))
	if page.Products, err = a.store.Products(ctx); err != nil {
		return err
	}
	if page.Counts, err = a.store.StatusCounts(ctx); err != nil {
		return err
	}
	prefer, err := a.service.Preferences(ctx, by)
	if err != nil {
		return err
	}
	page.Columns = views.ReadColumns(prefer[columnsPreference])
	page.ReasonList = a.service.Reasons()
	page.CanSelect = page.Person.Role.AtLeast(resale.Supervisor) && a.has(post, "/bulk")
	page.Views, err = a.savedViews(ctx, by, page.Counts)
	return err
}

// has reports whether the table has a route.
func (a *App) has(method, path string) bool {
	return slices.ContainsFunc(a.routes(), func(r route) bool { return r.method == method && r.path == path })
}

func hasEmptyFilter(get func(string) []string) bool {
	for _, name := range append([]string{"after"}, resale.FilterNames...) {
		for _, v := range get(name) {
			if strings.TrimSpace(v) == "" {
				return true
			}
		}
	}
	return false
}

// blame returns the parts of a filter that nothing passes, without which something would: the chips to take away.
func (a *App) blame(ctx context.Context, f resale.EntitlementFilter) (names []string, err error) {
	for _, name := range resale.FilterNames {
		if name == "age" || len(f.Values(name)) == 0 {
			continue
		}
		rest := f.Without(name)
		rest.Limit = 1
		n, _, err := a.store.CountEntitlements(ctx, rest)
		if err != nil && faultOf(err) == nil {
			return nil, err
		}
		if n > 0 {
			names = append(names, name)
		}
	}
	return names, nil
}

func (a *App) reasonsOf(ctx context.Context, rows []resale.EntitlementRow) (map[string]resale.Reason, error) {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	return a.store.LastReasons(ctx, ids)
}

// savedViews are the team's views with how many each has, as far as that is known at once: statuses have kept counts, and the rest is counted
// as long as there is time for it.
func (a *App) savedViews(ctx context.Context, by resale.Actor, counts map[resale.Status]int64) ([]views.SavedView, error) {
	kept, err := a.store.Views(ctx)
	if err != nil {
		return nil, err
	}
	saved := make([]views.SavedView, len(kept))
	began := time.Now()
	for i, v := range kept {
		saved[i] = views.SavedView{View: v, MayRemove: v.MayRemove(by)}
		f, err := v.Filter()
		if err != nil { // what filters are has changed since
			saved[i].Broken = true
			continue
		}
		wants := f.Wants()
		if f.Query() == (resale.EntitlementFilter{Status: f.Status, Statuses: f.Statuses}).Query() {
			n := int64(0)
			for _, s := range wants {
				n += counts[s]
			}
			saved[i].Count = humanize.Comma(n)
			continue
		}
		if time.Since(began) > viewsTime {
			continue
		}
		f.Limit = viewCounts
		n, whole, err := a.store.CountEntitlements(ctx, f)
		switch {
		case faultOf(err) != nil: // a product that is gone, for example
			saved[i].Count = "0"
		case err != nil:
			return nil, err
		case n >= viewCounts:
			saved[i].Count = "99+"
		case whole:
			saved[i].Count = strconv.Itoa(n)
		}
	}
	return saved, nil
}

func (a *App) saveView(c *fiber.Ctx) error {
	form := readForm(c)
	name, query := form.text("name"), form.text("view")
	if form.err != nil {
		return form.err
	}
	v, err := a.service.SaveView(c.UserContext(), resale.StaffActor(who(c)), name, query)
	if err == nil {
		return seeOther(c, "/entitlements?"+v.Query)
	}
	fault := faultOf(err)
	f, unreadable := resale.ParseQuery(query)
	if fault == nil || unreadable != nil {
		return err
	}
	return a.showList(c, f, nil, name, fault)
}

func (a *App) removeView(c *fiber.Ctx) error {
	id, err := pathID(c, "view")
	if err != nil {
		return err
	}
	if err := a.service.RemoveView(c.UserContext(), resale.StaffActor(who(c)), id); err != nil {
		return err
	}
	return seeOther(c, "/entitlements")
}

// columnsPreference is which columns of the list a person sees.
const columnsPreference = resale.PreferenceName("columns")

func (a *App) setColumns(c *fiber.Ctx) error {
	form := readForm(c)
	query := form.text("view")
	if form.err != nil {
		return form.err
	}
	f, err := resale.ParseQuery(query)
	if err != nil {
		return err
	}
	var chosen []string
	for _, v := range form.args.PeekMulti("column") {
		chosen = append(chosen, string(v))
	}
	columns, unknown := views.ParseColumns(chosen)
	if unknown != "" {
		return resale.Invalid("column", "The list has no column %.40q.", unknown)
	}
	if err := a.service.Prefer(c.UserContext(), resale.StaffActor(who(c)), columnsPreference, views.FormatColumns(columns)); err != nil {
		return err
	}
	return seeOther(c, views.ListAddress(f, ""))
}

// formatPosition writes where a page of the list ends, for the address of the next: microseconds and id.
func formatPosition(p *resale.ListPosition) string {
	return strconv.FormatInt(p.Updated.UnixMicro(), 10) + "-" + p.ID
}

// parsePosition reads what formatPosition wrote; nil for "".
func parsePosition(s string) (*resale.ListPosition, error) {
	if s == "" {
		return nil, nil
	}
	micros, id, _ := strings.Cut(s, "-")
	n, err := strconv.ParseInt(micros, 10, 64)
	if err != nil || n <= 0 || !isID(id) {
		return nil, resale.Invalid("after", "No page of the list has this address. Start at its first page.")
	}
	return &resale.ListPosition{Updated: time.UnixMicro(n).UTC(), ID: id}, nil
}
