package handlers

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"latchkey/resale"
	"latchkey/views"
)

// listAttention is the queue of what needs a person.
func (a *App) listAttention(c *fiber.Ctx) error {
	page := views.AttentionPage{Frame: a.frame(c)}
	var kind, owner, state string
	for name, to := range map[string]*string{"kind": &kind, "owner": &owner, "state": &state} {
		var err error
		if *to, err = query(c, name); err != nil {
			return err
		}
	}
	after, err := parseAttention(c.Query("after"))
	if err != nil {
		return err
	}
	f := resale.AttentionFilter{State: resale.AttentionOpen, Kind: resale.AttentionKind(kind), After: after, Limit: pageSize + 1}
	switch me, nobody := who(c).ID, ""; owner {
	case "":
	case "mine":
		f.Owner = &me
	case "none":
		f.Owner = &nobody
	default:
		return resale.Invalid("owner", "%.40q is no filter of this list.", owner)
	}
	switch {
	case kind != "" && !slices.Contains(resale.AttentionKinds, f.Kind):
		return resale.Invalid("kind", "%.40q is no filter of this list.", kind)
	case state == string(resale.AttentionPutOff):
		f.State = resale.AttentionPutOff
	case state != "":
		return resale.Invalid("state", "%.40q is no filter of this list.", state)
	}
	page.Kind, page.Owner, page.Snoozed, page.First = f.Kind, owner, f.State == resale.AttentionPutOff, after == nil
	if page.Rows, err = a.store.ListAttention(c.UserContext(), f); err != nil {
		return err
	}
	if len(page.Rows) > pageSize { // one more than is shown tells whether there is a next page
		page.Rows = page.Rows[:pageSize]
		page.Next = formatAttention(page.Rows[pageSize-1].Attention)
	}
	if page.Drift, err = a.driftOf(c.UserContext(), page.Rows); err != nil {
		return err
	}
	return a.show(c, views.NeedsAttention(page))
}

// driftOf counts the differences where one of the rows is about them.
func (a *App) driftOf(ctx context.Context, rows []resale.AttentionRow) (int64, error) {
	if !slices.ContainsFunc(rows, func(r resale.AttentionRow) bool { return r.Kind == resale.AttentionDrift }) {
		return 0, nil
	}
	return a.store.DriftCount(ctx)
}

// formatAttention writes where a page of the list ends, for the address of the next: rank, microseconds and subject.
func formatAttention(at resale.Attention) string {
	p := at.Position()
	return strconv.Itoa(p.Rank) + "-" + strconv.FormatInt(p.Since.UnixMicro(), 10) + "-" + p.Subject
}

// parseAttention reads what formatAttention wrote; nil for "".
func parseAttention(s string) (*resale.AttentionPosition, error) {
	if s == "" {
		return nil, nil
	}
	parts := strings.SplitN(s, "-", 3)
	if len(parts) == 3 {
		rank, err := strconv.Atoi(parts[0])
		micros, sinceErr := strconv.ParseInt(parts[1], 10, 64)
		if err == nil && sinceErr == nil && isSubject(parts[2]) {
			return &resale.AttentionPosition{Rank: rank, Since: time.UnixMicro(micros).UTC(), Subject: parts[2]}, nil
		}
	}
	return nil, resale.Invalid("after", "No page of the list has this address. Start at its first page.")
}

// isSubject reports whether something of that name may need attention.
func isSubject(s string) bool {
	return isID(s) || s == string(resale.AboutDrift) || s == string(resale.AboutLine) || s == string(resale.AboutReconciliation)
}

// showAttention is one line with all that can be done about it.
func (a *App) showAttention(c *fiber.Ctx) error {
	page, err := a.attentionLine(c)
	if err != nil {
		return err
	}
	if page.Back = c.Query("back"); !isBack(page.Back) {
		page.Back = ""
	}
	return a.show(c, views.AttentionLine(page))
}

func (a *App) attentionLine(c *fiber.Ctx) (page views.AttentionLinePage, err error) {
	ctx := c.UserContext()
	if !isSubject(c.Params("id")) {
		return page, resale.NotFound("line that needs attention")
	}
	if page.Row.Attention, err = a.store.Attention(ctx, c.Params("id")); err != nil {
		return page, err
	}
	switch page.Row.Sort {
	case resale.AboutNotification:
		n, err := a.store.Notification(ctx, page.Row.Subject)
		if err != nil {
			return page, err
		}
		page.Row.Message = n.Reason
	case resale.AboutEntitlement:
		e, err := a.store.Entitlement(ctx, page.Row.Subject)
		if err != nil {
			return page, err
		}
		customer, err := a.store.Customer(ctx, e.CustomerID)
		if err != nil {
			return page, err
		}
		product, err := a.store.Product(ctx, e.ProductID)
		if err != nil {
			return page, err
		}
		page.Row.Ref, page.Row.Status, page.Row.CustomerID, page.Row.Message = e.Ref, e.Status, e.CustomerID, e.Message
		page.Row.CustomerName, page.Row.ProductName = customer.Label(), product.Name
		if page.Row.Kind == resale.AttentionDecide {
			if page.Request, err = a.store.Request(ctx, page.Row.Mark); err != nil {
				return page, err
			}
			page.Row.Asked, page.Row.Message = page.Request.Kind, page.Request.Message
		}
		page.Entitlement = e
	}
	page.Frame = a.frame(c)
	page.Drift, err = a.driftOf(ctx, []resale.AttentionRow{page.Row})
	return page, err
}

// attend does something about a line, and leads back to the list.
func (a *App) attend(do func(c *fiber.Ctx, by resale.Actor, subject string, form *form) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		subject := c.Params("id")
		if !isSubject(subject) {
			return resale.NotFound("line that needs attention")
		}
		form := readForm(c)
		err := do(c, resale.StaffActor(who(c)), subject, form)
		if fault := faultOf(err); fault != nil {
			page, err := a.attentionLine(c)
			if err != nil {
				return err
			}
			page.Fault, page.Reason, page.For = fault, form.text("reason"), form.text("for")
			if page.Back = form.text("back"); !isBack(page.Back) {
				page.Back = ""
			}
			return a.render(c, statusOf[fault.Code], views.AttentionLine(page))
		}
		if err != nil {
			return err
		}
		return seeOther(c, "/attention")
	}
}

func (a *App) takeAttention(c *fiber.Ctx, by resale.Actor, subject string, _ *form) error {
	return a.service.TakeAttention(c.UserContext(), by, subject)
}

func (a *App) releaseAttention(c *fiber.Ctx, by resale.Actor, subject string, _ *form) error {
	return a.service.ReleaseAttention(c.UserContext(), by, subject)
}

func (a *App) wakeAttention(c *fiber.Ctx, by resale.Actor, subject string, _ *form) error {
	return a.service.WakeAttention(c.UserContext(), by, subject)
}

func (a *App) snoozeAttention(c *fiber.Ctx, by resale.Actor, subject string, form *form) error {
	choice, reason := form.text("for"), form.text("reason")
	if form.err != nil {
		return form.err
	}
	var frame views.Frame
	frame.Person, frame.Now = who(c), time.Now().UTC()
	a.personal(c, &frame)
	return a.service.SnoozeAttention(c.UserContext(), by, subject, views.SnoozeUntil(choice, frame.Now), reason)
}

func (a *App) acknowledgeAttention(c *fiber.Ctx, by resale.Actor, subject string, form *form) error {
	reason := form.text("reason")
	if form.err != nil {
		return form.err
	}
	return a.service.AcknowledgeAttention(c.UserContext(), by, subject, reason)
}

// closeRequest ends a request of which a person has to decide as not done.
func (a *App) closeRequest(c *fiber.Ctx) error {
	e, err := a.entitlement(c)
	if err != nil {
		return err
	}
	id, err := pathID(c, "request")
	if err != nil {
		return err
	}
	r, err := a.store.Request(c.UserContext(), id)
	if err == nil && r.EntitlementID != e.ID {
		err = resale.NotFound("request")
	}
	if err != nil {
		return err
	}
	form := readForm(c)
	reason := form.text("reason")
	if form.err != nil {
		return form.err
	}
	if err := a.service.CloseRequest(c.UserContext(), resale.StaffActor(who(c)), id, reason); err != nil {
		return err
	}
	return seeOther(c, "/entitlements/"+e.Ref)
}

// isBack reports whether an address is a list that a form may lead back to: a page of ours, and nothing that came from elsewhere.
func isBack(address string) bool {
	u, err := url.Parse(address)
	return err == nil && !u.IsAbs() && u.Host == "" && printable(address) && len(address) <= maxQuery && (u.Path == "/attention" || u.Path == "/")
}

// leadBack leads staff who acted from a list back to it, in place of to what they acted on. The form names the list.
func leadBack(c *fiber.Ctx) {
	if c.Method() != post || who(c).ID == "" || c.Response().StatusCode() != fiber.StatusSeeOther {
		return
	}
	if back := readForm(c).text("back"); isBack(back) {
		c.Set(fiber.HeaderLocation, back)
	}
}
