package db

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"latchkey/db/queries"
	"latchkey/resale"
)

// touched is what a transaction has changed of a subject that may need attention.
type touched struct {
	sort        resale.AttentionSort
	entitlement resale.Entitlement // as it is now; zero where it was not changed
	fresh       bool               // it has just been made, so that there is no line of it
	manual      bool               // a person has to decide about a request of it
}

// touch notes that a subject has changed. What it means is looked at once, when the transaction's function has returned.
func (t *tx) touch(sort resale.AttentionSort, subject string, note func(*touched)) {
	if t.attention == nil {
		t.attention = map[string]*touched{}
	}
	if t.attention[subject] == nil {
		t.attention[subject] = &touched{sort: sort}
	}
	if note != nil {
		note(t.attention[subject])
	}
}

// touchEntitlement notes that an entitlement is another one now, if that can matter.
func (t *tx) touchEntitlement(before, after resale.Entitlement) {
	if before.Status != after.Status || before.RegistrationURL != after.RegistrationURL || !before.RegistrationExpires.Equal(after.RegistrationExpires) {
		t.touch(resale.AboutEntitlement, after.ID, func(of *touched) {
			of.entitlement, of.fresh = after, of.fresh || before.ID == ""
		})
	}
}

// touchRequest notes that a request was stored.
func (t *tx) touchRequest(r resale.Request) {
	t.touch(resale.AboutEntitlement, r.EntitlementID, func(of *touched) { of.manual = of.manual || r.State == resale.Manual })
}

// keepAttention brings the lines of all that was touched in line with it.
func (t *tx) keepAttention(ctx context.Context) error {
	subjects := make([]string, 0, len(t.attention))
	for subject := range t.attention {
		subjects = append(subjects, subject)
	}
	slices.Sort(subjects) // whoever locks several does so in one order
	for _, subject := range subjects {
		if err := t.keepLine(ctx, subject, *t.attention[subject]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) keepLine(ctx context.Context, subject string, of touched) error {
	known := resale.Attention{Subject: subject, Sort: of.sort}
	if !of.fresh {
		var err error
		if known, err = t.attentionOr(ctx, known); err != nil {
			return err
		}
	}
	need, err := t.needOf(ctx, known, of)
	if err != nil || need == nil || known.MeetChange(*need) == known {
		return err
	}
	if err := t.engine.lockNamed(ctx, t.tx, attentionLock(subject)); err != nil {
		return t.fault("attention", err)
	}
	// Whoever had the lock may have changed the line, and in doing so what is the matter may have become clear.
	if known, err = t.attentionOr(ctx, resale.Attention{Subject: subject, Sort: of.sort}); err != nil {
		return err
	}
	if need, err = t.needOf(ctx, known, of); err != nil || need == nil {
		return err
	}
	return t.SaveAttention(ctx, known, known.MeetChange(*need))
}

// needOf is what is the matter with a subject, nil where what was touched of it does not matter. Most changes are of entitlements that
// nothing is the matter with: those cost no further look.
func (t *tx) needOf(ctx context.Context, known resale.Attention, of touched) (*resale.Need, error) {
	decided := known.Kind == resale.AttentionDecide
	switch {
	case of.sort == resale.AboutEntitlement && !of.manual && !decided && of.entitlement.ID == "":
		return nil, nil
	case of.sort == resale.AboutEntitlement && !of.manual && !decided:
		n := resale.NeedOf(of.entitlement, resale.Request{})
		return &n, nil
	}
	n, err := resale.CurrentNeed(ctx, t, known)
	return &n, err
}

func attentionLock(subject string) string { return "attention " + subject }

// attentionOr returns the line about none's subject, or none.
func (t *tx) attentionOr(ctx context.Context, none resale.Attention) (resale.Attention, error) {
	a, err := t.Attention(ctx, none.Subject)
	if resale.CodeOf(err) == resale.CodeNotFound {
		return none, nil
	}
	return a, err
}

func (t *tx) LockAttention(ctx context.Context, subject string) (resale.Attention, error) {
	if err := t.engine.lockNamed(ctx, t.tx, attentionLock(subject)); err != nil {
		return resale.Attention{}, t.fault("attention", err)
	}
	return t.Attention(ctx, subject)
}

// snoozedCount is what the snoozed are counted as, whatever their kind.
const snoozedCount = string(resale.AttentionPutOff)

func (t *tx) SaveAttention(ctx context.Context, before, after resale.Attention) error {
	if before == after {
		return nil
	}
	count := func(a resale.Attention, by int64) {
		switch a.State {
		case resale.AttentionOpen:
			t.needs[string(a.Kind)] += by
		case resale.AttentionPutOff:
			t.needs[snoozedCount] += by
		}
	}
	count(before, -1)
	count(after, 1)
	shown := func(a resale.Attention) bool {
		return a.State == resale.AttentionOpen || a.State == resale.AttentionPutOff
	}
	if shown(before) || shown(after) {
		t.Announce(resale.Change{Topics: []string{resale.TopicAttention}})
	}
	if after.State == "" {
		if before.State == "" {
			return nil
		}
		return t.fault("attention", t.q.DeleteAttention(ctx, after.Subject))
	}
	due := int64(never)
	if !after.Due.IsZero() {
		due = micros(after.Due)
	}
	return t.fault("attention", t.q.SaveAttention(ctx, queries.SaveAttentionParams{Subject: after.Subject, Sort: string(after.Sort), Kind: string(after.Kind),
		State: string(after.State), Rank: int64(after.Kind.Rank()), Mark: after.Mark, Since: micros(after.Since), Due: due, OwnerID: after.OwnerID,
		OwnerName: after.OwnerName, Until: micros(after.Until), Reason: after.Reason, DecidedBy: after.DecidedBy}))
}

func attention(a queries.Attention) resale.Attention {
	due := time.Time{}
	if a.Due != never {
		due = instant(a.Due)
	}
	return resale.Attention{Subject: a.Subject, Sort: resale.AttentionSort(a.Sort), Kind: resale.AttentionKind(a.Kind), State: resale.AttentionState(a.State),
		Mark: a.Mark, Since: instant(a.Since), Due: due, OwnerID: a.OwnerID, OwnerName: a.OwnerName, Until: instant(a.Until), Reason: a.Reason,
		DecidedBy: a.DecidedBy}
}

func (r reader) Attention(ctx context.Context, subject string) (resale.Attention, error) {
	return one(ctx, r, "line that needs attention", r.q.Attention, subject, attention)
}

func (r reader) Decision(ctx context.Context, entitlementID string) (resale.Request, error) {
	return one(ctx, r, "request", r.q.Decision, entitlementID, request)
}

func (r reader) LastOpenDrift(ctx context.Context) (resale.Drift, error) {
	return one(ctx, r, "difference", func(ctx context.Context, _ struct{}) (queries.Drift, error) { return r.q.LastOpenDrift(ctx) }, struct{}{}, drift)
}

func (r reader) DueAttention(ctx context.Context, now time.Time, limit int) ([]resale.Attention, error) {
	return many(ctx, r, "attention", r.q.DueAttention, queries.DueAttentionParams{Due: micros(now), Limit: atMost(limit)}, attention)
}

func (r reader) AttentionCounts(ctx context.Context) (resale.AttentionCounts, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	counts := resale.AttentionCounts{Open: map[resale.AttentionKind]int64{}}
	rows, err := r.q.AttentionCounts(ctx)
	if err != nil {
		return counts, r.fault("attention", err)
	}
	for _, row := range rows {
		if row.Kind == snoozedCount {
			counts.Snoozed = row.N
		} else {
			counts.Open[resale.AttentionKind(row.Kind)] = row.N
		}
	}
	return counts, nil
}

func (r reader) OldestByStatus(ctx context.Context) (map[resale.Status]time.Time, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	rows, err := r.q.OldestByStatus(ctx)
	if err != nil {
		return nil, r.fault("status counts", err)
	}
	oldest := map[resale.Status]time.Time{}
	for _, row := range rows {
		if row.Oldest != 0 {
			oldest[resale.Status(row.Status)] = instant(row.Oldest)
		}
	}
	return oldest, nil
}

// ListAttention is put together by hand, because each filter has an index of its own.
func (r reader) ListAttention(ctx context.Context, f resale.AttentionFilter) ([]resale.AttentionRow, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	rank, since, subject := int64(math.MinInt64), int64(math.MinInt64), ""
	if f.After != nil {
		rank, since, subject = int64(f.After.Rank), micros(f.After.Since), f.After.Subject
	}
	// "later" stands there for the partial indexes.
	where, args := "a.state = $1 AND a.state <> 'later' AND (a.rank, a.since, a.subject) > ($2, $3, $4)", []any{string(f.State), rank, since, subject, atMost(f.Limit)}
	filter := func(column, value string) {
		args = append(args, value)
		where += " AND a." + column + " = $" + string(rune('0'+len(args)))
	}
	if f.Kind != "" {
		filter("kind", string(f.Kind))
	}
	if f.Owner != nil {
		filter("owner_id", *f.Owner)
	}
	rows, err := r.sql.QueryContext(ctx, listAttention+" WHERE "+where+" ORDER BY a.rank, a.since, a.subject LIMIT $5", args...)
	if err != nil {
		return nil, r.fault("attention", err)
	}
	defer rows.Close()
	var list []resale.AttentionRow
	for rows.Next() {
		var a queries.Attention
		var row resale.AttentionRow
		var status, identifier, asked string
		if err := rows.Scan(&a.Subject, &a.Sort, &a.Kind, &a.State, &a.Mark, &a.Since, &a.Due, &a.OwnerID, &a.OwnerName, &a.Until, &a.Reason, &a.DecidedBy,
			&row.Ref, &status, &row.ProductID, &row.CustomerID, &row.CustomerName, &identifier, &row.ProductName, &asked, &row.Message); err != nil {
			return nil, r.fault("attention", err)
		}
		row.Attention, row.Status = attention(a), resale.Status(status)
		row.CustomerName, row.Asked = cmp.Or(row.CustomerName, identifier), resale.RequestKind(asked)
		list = append(list, row)
	}
	return list, r.fault("attention", rows.Err())
}

const listAttention = `SELECT a.subject, a.sort, a.kind, a.state, a.mark, a.since, a.due, a.owner_id, a.owner_name, a.until, a.reason, a.decided_by,
  coalesce(e.ref, ''), coalesce(e.status, ''), coalesce(e.product_id, ''), coalesce(e.customer_id, ''),
  coalesce(c.name, ''), coalesce(c.identifier, ''), coalesce(p.name, ''), coalesce(r.kind, ''), coalesce(r.message, n.reason, e.message, '')
FROM attention a
LEFT JOIN entitlements e ON e.id = a.subject
LEFT JOIN customers c ON c.id = e.customer_id
LEFT JOIN products p ON p.id = e.product_id
LEFT JOIN notifications n ON n.id = a.subject
LEFT JOIN requests r ON r.id = a.mark`
