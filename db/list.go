package db

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/db/queries"
	"latchkey/resale"
)

// The filtered list is the one query that is put together by hand. It finds places only, which the index has; their rows are read afterwards,
// in one more query.
//
// What is rare has to be found without a look at a million: where a customer, a product or a reason has few entitlements, these few are sorted.
// What is common is found by walking back from the newest change, or along the changes of each status that is asked for. What is neither,
// such as a product and a status that are both common and hardly ever meet, is looked for among so many at a time.
//
// These are variables for tests alone.
var (
	listSpan  = 5_000  // how many entitlements a page looks at
	countSpan = 2_000  // how many a count on the side looks at
	wholeSpan = 50_000 // how many a query looks at where the whole list is wanted
	walkLimit = 500    // rows of a walk by id at once
	fewRows   = 2_000  // so many are sorted rather than walked by
)

// place is where an entitlement stands in the list.
type place struct {
	updated int64
	id      string
}

// topOfList is before the newest.
var topOfList = place{updated: math.MaxInt64}

func placeOf(p *resale.ListPosition) place {
	if p == nil {
		return topOfList
	}
	return place{micros(p.Updated), p.ID}
}

func (p place) position() *resale.ListPosition {
	return &resale.ListPosition{Updated: instant(p.updated), ID: p.id}
}

func (r reader) ListEntitlements(ctx context.Context, f resale.EntitlementFilter) ([]resale.EntitlementRow, error) {
	if f.Query() == "" || f.Query() == "status="+string(f.Status) {
		return r.listByStatus(ctx, f)
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	f, err := r.resolved(ctx, f)
	if err != nil {
		return nil, err
	}
	var all []place
	for {
		step := f
		step.Limit -= len(all)
		found, next, _, err := r.places(ctx, step, wholeSpan)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		if next == nil || len(all) >= f.Limit {
			return r.rowsAt(ctx, all)
		}
		f.After = next.position()
	}
}

// listByStatus is the list with no other filter, as most pages show it.
func (r reader) listByStatus(ctx context.Context, f resale.EntitlementFilter) ([]resale.EntitlementRow, error) {
	before := placeOf(f.After)
	row := func(e queries.Entitlement, customer, merchant, product string) resale.EntitlementRow {
		return resale.EntitlementRow{Entitlement: entitlement(e), CustomerName: customer, MerchantName: merchant, ProductName: product}
	}
	if f.Status == "" {
		return many(ctx, r, "entitlements", r.q.ListEntitlements,
			queries.ListEntitlementsParams{Limit: atMost(f.Limit), Before: before.updated, BeforeID: before.id},
			func(l queries.ListEntitlementsRow) resale.EntitlementRow {
				return row(l.Entitlement, l.CustomerName, l.MerchantName, l.ProductName)
			})
	}
	return many(ctx, r, "entitlements", r.q.ListEntitlementsByStatus,
		queries.ListEntitlementsByStatusParams{Limit: atMost(f.Limit), Status: string(f.Status), Before: before.updated, BeforeID: before.id},
		func(l queries.ListEntitlementsByStatusRow) resale.EntitlementRow {
			return row(l.Entitlement, l.CustomerName, l.MerchantName, l.ProductName)
		})
}

func (r reader) PageEntitlements(ctx context.Context, f resale.EntitlementFilter) (page resale.EntitlementPage, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	if f, err = r.resolved(ctx, f); err != nil {
		return page, err
	}
	// One more than is shown tells whether there is a next page.
	shown := f.Limit
	f.Limit++
	found, next, searched, err := r.places(ctx, f, listSpan)
	if err != nil {
		return page, err
	}
	if len(found) > shown {
		found, next, searched = found[:shown], &found[shown-1], 0
	}
	if next != nil {
		page.Next, page.Searched = next.position(), searched
	}
	page.Rows, err = r.rowsAt(ctx, found)
	return page, err
}

func (r reader) CountEntitlements(ctx context.Context, f resale.EntitlementFilter) (n int, whole bool, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	if f, err = r.resolved(ctx, f); err != nil {
		return 0, false, err
	}
	found, next, _, err := r.places(ctx, f, countSpan)
	return len(found), next == nil, err
}

func (r reader) resolved(ctx context.Context, f resale.EntitlementFilter) (resale.EntitlementFilter, error) {
	if f.Meaning != nil {
		return f, nil
	}
	return f.Resolve(ctx, r, time.Now().UTC())
}

// places returns where the entitlements of a filter stand, at most its limit. next is where it goes on where it has not come to the end, and
// searched how many it looked at, at most, where it was for this that it stopped.
func (r reader) places(ctx context.Context, f resale.EntitlementFilter, span int) (found []place, next *place, searched int, err error) {
	const columns = "SELECT e.updated, e.id FROM entitlements AS e"
	s := &statement{}
	if few, err := r.few(ctx, s, f); err != nil {
		return nil, nil, 0, err
	} else if few != "" {
		// With "+ 0", no database takes the index of the changes instead.
		before := placeOf(f.After)
		text := columns + " WHERE " + few + " AND (e.updated + 0, e.id) < (" + s.arg(before.updated) + ", " + s.arg(before.id) + ")" + s.conditions(f, true) +
			" ORDER BY e.updated + 0 DESC, e.id DESC LIMIT " + s.arg(f.Limit)
		found, err = r.readPlaces(ctx, text, s.args)
		return found, following(found, f.Limit), 0, err
	}

	top, bottom := placeOf(f.After), place{}
	if f.AgeOf == "" {
		if until := (place{updated: micros(f.Meaning.Until)}); until.updated != 0 && until.updated <= top.updated {
			top = until
		}
		bottom.updated = micros(f.Meaning.Since)
	}
	statuses := f.Wants()
	if len(statuses) == 0 {
		statuses = []resale.Status{""}
	}
	// walk goes back from the newest of each status, and merges what it finds. So many are taken of each, from the skipped one on.
	walk := func(s *statement, conditions bool, skip, limit int) string {
		var arms []string
		for _, status := range statuses {
			index := "entitlements_by_change"
			if status != "" {
				index = "entitlements_by_status"
			}
			arm := columns + r.engine.along(index) + " WHERE (e.updated, e.id) < (" + s.arg(top.updated) + ", " + s.arg(top.id) +
				") AND (e.updated, e.id) >= (" + s.arg(bottom.updated) + ", " + s.arg(bottom.id) + ")"
			if status != "" {
				arm += " AND e.status = " + s.arg(string(status))
			}
			if conditions {
				arm += s.conditions(f, false)
			}
			arms = append(arms, arm+" ORDER BY e.updated DESC, e.id DESC LIMIT "+s.arg(limit)+" OFFSET "+s.arg(skip))
		}
		if len(arms) == 1 {
			return arms[0]
		}
		return "SELECT updated, id FROM (" + strings.Join(arms, ") AS a UNION ALL SELECT updated, id FROM (") + ") AS a ORDER BY 1 DESC, 2 DESC LIMIT " + s.arg(limit)
	}
	var stop *place
	if s := (&statement{}); s.conditions(f, false) != "" {
		if f.Reason.Category != "" {
			span = max(span/2, 1) // each costs a look at its requests
		}
		// Each status has its share; the search stops where the first of them has used it up.
		s := &statement{}
		text := walk(s, false, max(span/len(statuses), 1)-1, 1)
		end, err := r.readPlaces(ctx, text, s.args)
		if err != nil {
			return nil, nil, 0, err
		}
		if len(end) > 0 {
			stop, bottom = &end[0], end[0]
		}
	}
	s = &statement{}
	text := walk(s, true, 0, f.Limit)
	if found, err = r.readPlaces(ctx, text, s.args); err != nil {
		return nil, nil, 0, err
	}
	if next = following(found, f.Limit); next == nil && stop != nil {
		next, searched = stop, span
	}
	return found, next, searched, nil
}

// following is where a full page goes on, nil for one that is not full.
func following(found []place, limit int) *place {
	if len(found) < limit || limit <= 0 {
		return nil
	}
	return &found[len(found)-1]
}

// few returns a condition that only few entitlements have and that an index finds, empty where there is none.
func (r reader) few(ctx context.Context, s *statement, f resale.EntitlementFilter) (string, error) {
	m := f.Meaning
	switch {
	case m.EntitlementID != "":
		return "e.id = " + s.arg(m.EntitlementID), nil
	case m.Customers != nil:
		return "e.customer_id IN (" + s.list(m.Customers) + ")", nil
	}
	if m.Products != nil {
		probe := &statement{}
		many, err := r.more(ctx, "SELECT 1 FROM entitlements WHERE product_id IN ("+probe.list(m.Products)+")", probe)
		if err != nil || !many {
			return "e.product_id IN (" + s.list(m.Products) + ")", err
		}
	}
	if f.Reason.Category != "" {
		probe := &statement{}
		many, err := r.more(ctx, "SELECT 1 FROM requests r WHERE "+probe.reason(f.Reason), probe)
		if err != nil || !many {
			return "e.id IN (SELECT r.entitlement_id FROM requests r WHERE " + s.reason(f.Reason) + ")", err
		}
	}
	return "", nil
}

// more reports whether a query has more rows than few.
func (r reader) more(ctx context.Context, text string, s *statement) (bool, error) {
	rows, err := r.sql.QueryContext(ctx, text+" LIMIT 1 OFFSET "+strconv.Itoa(fewRows), s.args...)
	if err != nil {
		return false, r.fault("entitlements", err)
	}
	defer rows.Close()
	found := rows.Next()
	return found, r.fault("entitlements", rows.Err())
}

// statement gathers the parameters of a query while its text is put together.
type statement struct{ args []any }

func (s *statement) arg(value any) string {
	s.args = append(s.args, value)
	return "$" + strconv.Itoa(len(s.args))
}

func (s *statement) list(values []string) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = s.arg(v)
	}
	return strings.Join(names, ", ")
}

// reason is the condition that a request r, of whatever entitlement, has the reason.
func (s *statement) reason(reason resale.Reason) string {
	text := "r.reason_category <> '' AND r.reason_category = " + s.arg(reason.Category)
	if reason.Code != "" {
		text += " AND r.reason_code = " + s.arg(reason.Code)
	}
	return text
}

// agesOf are the columns of the times that a filter may speak of. Nothing happened at 0.
var agesOf = map[resale.AgeOf]string{"": "e.updated + 0", resale.AgeOfChange: "e.updated + 0", resale.AgeOfCreation: "e.created",
	resale.AgeOfActivation: "e.date_activated", resale.AgeOfEnding: "e.date_ended"}

// conditions is what an entitlement e must have, each with " AND " in front; walking already sees to statuses and to the time of the last change.
// Where all are wanted it is another index that finds e: what is put after them keeps columns from being looked for in their own.
func (s *statement) conditions(f resale.EntitlementFilter, all bool) string {
	var b strings.Builder
	and := func(parts ...string) { b.WriteString(" AND " + strings.Join(parts, "")) }
	m, unseen := f.Meaning, ""
	if all {
		unseen = " || ''"
	}
	if statuses := f.Wants(); all && len(statuses) > 0 {
		words := make([]string, len(statuses))
		for i, status := range statuses {
			words[i] = string(status)
		}
		and("e.status", unseen, " IN (", s.list(words), ")")
	}
	if m.Products != nil {
		and("e.product_id", unseen, " IN (", s.list(m.Products), ")")
	}
	if all || f.AgeOf != "" {
		column := agesOf[f.AgeOf]
		if !m.Since.IsZero() {
			and(column, " >= ", s.arg(micros(m.Since)))
		}
		if !m.Until.IsZero() {
			and(column, " > 0 AND ", column, " < ", s.arg(micros(m.Until)))
		}
	}
	if f.Reason.Category != "" {
		and("EXISTS (SELECT 1 FROM requests r WHERE r.entitlement_id = e.id AND r.state = 'done' AND ", s.reason(f.Reason),
			" AND NOT EXISTS (SELECT 1 FROM requests later WHERE later.entitlement_id = r.entitlement_id AND later.id > r.id",
			" AND later.state = 'done' AND later.reason_category <> ''))")
	}
	if !m.EndsBy.IsZero() {
		by := s.arg(micros(m.EndsBy))
		and("(e.status = 'ACTIVE-ENDING' AND e.date_ended <= ", by, " OR e.status NOT IN ('CANCELLED', 'REVOKED', 'REFUSED')",
			" AND e.date_expiry > 0 AND e.date_expiry <= ", by, ")")
	}
	switch f.Opened {
	case resale.OpenedYes:
		and("e.opened > 0")
	case resale.OpenedNo:
		and("e.opened = 0")
	}
	if f.CreatedBy != "" {
		and("e.created_by = ", s.arg(f.CreatedBy))
	}
	return b.String()
}

func (r reader) readPlaces(ctx context.Context, text string, args []any) ([]place, error) {
	rows, err := r.sql.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, r.fault("entitlements", err)
	}
	defer rows.Close()
	var found []place
	for rows.Next() {
		var p place
		if err := rows.Scan(&p.updated, &p.id); err != nil {
			return nil, r.fault("entitlements", err)
		}
		found = append(found, p)
	}
	return found, r.fault("entitlements", rows.Err())
}

// rowsAt returns the rows of places, in their order.
func (r reader) rowsAt(ctx context.Context, places []place) ([]resale.EntitlementRow, error) {
	if len(places) == 0 {
		return nil, nil
	}
	at := make(map[string]int, len(places))
	for i, p := range places {
		at[p.id] = i
	}
	rows, err := many(ctx, r, "entitlements", r.q.EntitlementRows, jsonNames(at), func(l queries.EntitlementRowsRow) resale.EntitlementRow {
		return resale.EntitlementRow{Entitlement: entitlement(l.Entitlement), CustomerName: l.CustomerName, MerchantName: l.MerchantName,
			ProductName: l.ProductName}
	})
	slices.SortFunc(rows, func(a, b resale.EntitlementRow) int { return at[a.ID] - at[b.ID] })
	return rows, err
}

// jsonNames writes ids as the names of a JSON object, which is how a query takes a list of them.
func jsonNames(ids map[string]int) string {
	text, _ := json.Marshal(ids) // of texts and numbers: never fails
	return string(text)
}

func (r reader) WalkEntitlements(ctx context.Context, f resale.EntitlementFilter, after string) (found []resale.EntitlementRow, next string, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	if f, err = r.resolved(ctx, f); err != nil {
		return nil, "", err
	}
	s := &statement{}
	few, err := r.few(ctx, s, f)
	if err != nil {
		return nil, "", err
	}
	end := ""
	if few == "" {
		probe := &statement{}
		stop, err := r.readPlaces(ctx, "SELECT 0, id FROM entitlements WHERE id > "+probe.arg(after)+" ORDER BY id LIMIT 1 OFFSET "+
			probe.arg(listSpan-1), probe.args)
		if err != nil {
			return nil, "", err
		}
		few = "e.id > " + s.arg(after)
		if len(stop) > 0 {
			end = stop[0].id
			few += " AND e.id <= " + s.arg(end)
		}
	} else {
		few += " AND e.id > " + s.arg(after)
	}
	places, err := r.readPlaces(ctx, "SELECT 0, e.id FROM entitlements e WHERE "+few+s.conditions(f, true)+" ORDER BY e.id LIMIT "+s.arg(walkLimit), s.args)
	if err != nil {
		return nil, "", err
	}
	if len(places) == walkLimit {
		end = places[walkLimit-1].id
	}
	found, err = r.rowsAt(ctx, places)
	return found, end, err
}

func (r reader) LastReasons(ctx context.Context, ids []string) (map[string]resale.Reason, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	names := make(map[string]int, len(ids))
	for _, id := range ids {
		names[id] = 0
	}
	rows, err := r.q.ReasonsOf(ctx, jsonNames(names))
	if err != nil {
		return nil, r.fault("reasons", err)
	}
	last := make(map[string]resale.Reason, len(rows))
	for _, row := range rows {
		last[row.EntitlementID] = resale.Reason{Category: row.ReasonCategory, Code: row.ReasonCode, Description: row.ReasonDescription}
	}
	return last, nil
}

func (r reader) ListCustomers(ctx context.Context, f resale.CustomerFilter) ([]resale.Customer, error) {
	if !f.ByName {
		before := f.After
		if before == "" {
			before = "z" // past every id
		}
		return many(ctx, r, "customers", r.q.NewestCustomers, queries.NewestCustomersParams{Before: before, AtMost: atMost(f.Limit)}, customer)
	}
	after := ""
	if f.After != "" {
		var err error
		if after, err = one(ctx, r, "customer", r.q.CustomerLabel, f.After, func(label string) string { return label }); err != nil {
			return nil, err
		}
	}
	return many(ctx, r, "customers", r.q.CustomersByLabel,
		queries.CustomersByLabelParams{After: after, AfterID: f.After, AtMost: atMost(f.Limit)}, customer)
}

func (r reader) Views(ctx context.Context) ([]resale.View, error) {
	return many(ctx, r, "views", r.q.Views, resale.MaxViews, view)
}

func (r reader) View(ctx context.Context, id string) (resale.View, error) {
	return one(ctx, r, "view", r.q.View, id, view)
}

func view(v queries.View) resale.View {
	return resale.View{ID: v.ID, Name: v.Name, Query: v.Query, CreatedByID: v.CreatedByID, CreatedBy: v.CreatedBy, Created: instant(v.Created)}
}

func (t *tx) InsertView(ctx context.Context, v resale.View) error {
	err := t.q.InsertView(ctx, queries.InsertViewParams{ID: v.ID, Name: v.Name, NameKey: resale.Fold(v.Name), Query: v.Query,
		CreatedByID: v.CreatedByID, CreatedBy: v.CreatedBy, Created: micros(v.Created)})
	return t.clash("view", err, map[string]*resale.Error{
		"name_key": resale.Conflict("name", "There is a view called “%s” already. Remove that first, or take another name.", v.Name)})
}

func (t *tx) DeleteView(ctx context.Context, id string) error {
	n, err := t.q.DeleteView(ctx, id)
	return t.existing("view", n, err)
}
