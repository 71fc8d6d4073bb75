package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"latchkey/db/queries"
	"latchkey/resale"
)

// endRequests is how many requests are looked through for the one that ended an entitlement.
const endRequests = 20

// begin stores the life of a new entitlement.
func (t *tx) begin(ctx context.Context, e resale.Entitlement) error {
	l := resale.NewLife(e)
	t.tally(l, 1)
	err := t.q.InsertLife(ctx, queries.InsertLifeParams{EntitlementID: l.EntitlementID, ProductID: l.ProductID, Created: micros(l.Created),
		Opened: micros(l.Opened), Activated: micros(l.Activated), Ended: micros(l.Ended), Waiting: micros(l.Waiting), Reason: l.Reason})
	return t.fault("life", err)
}

// follow stores what a change of an entitlement means for its life.
func (t *tx) follow(ctx context.Context, before, after resale.Entitlement) error {
	if !resale.Steps(before, after) {
		return nil
	}
	row, err := t.q.Life(ctx, after.ID)
	if errors.Is(err, sql.ErrNoRows) { // a figure that is missing must not keep a notification from its effect
		return t.begin(ctx, after)
	}
	if err != nil {
		return t.fault("life", err)
	}
	was, reason := life(row), ""
	if after.Status.Ended() && was.Ended.IsZero() {
		requests, err := t.RequestsOf(ctx, after.ID, endRequests)
		if err != nil {
			return err
		}
		reason = resale.EndReason(requests)
	}
	is := was.Follow(after, reason)
	if is == was {
		return nil
	}
	t.tally(was, -1)
	t.tally(is, 1)
	return t.fault("life", t.q.UpdateLife(ctx, queries.UpdateLifeParams{EntitlementID: is.EntitlementID, ProductID: is.ProductID,
		Opened: micros(is.Opened), Activated: micros(is.Activated), Ended: micros(is.Ended), Waiting: micros(is.Waiting), Reason: is.Reason}))
}

// tally counts a life in, or out, in each count and in that of all products.
func (t *tx) tally(l resale.Life, n int64) {
	if t.tallies == nil {
		t.tallies = map[resale.Tally]int64{}
	}
	for _, one := range l.Tallies() {
		t.tallies[one] += n
		one.ProductID = ""
		t.tallies[one] += n
	}
}

// addTallies takes over from a job that succeeded.
func (b *batch) addTallies(t *tx) {
	if b.tallies == nil && len(t.tallies) > 0 {
		b.tallies = map[resale.Tally]int64{}
	}
	for one, n := range t.tallies {
		b.tallies[one] += n
	}
}

// storeTallies is for the end of a transaction, and in one order, as with the status counts.
func (b *batch) storeTallies(ctx context.Context) error {
	order := func(x, y resale.Tally) int {
		return cmp.Or(cmp.Compare(x.Step, y.Step), cmp.Compare(x.ProductID, y.ProductID), cmp.Compare(x.Day, y.Day), cmp.Compare(x.Detail, y.Detail))
	}
	for _, one := range slices.SortedFunc(maps.Keys(b.tallies), order) {
		if n := b.tallies[one]; n != 0 {
			err := b.q.AddToTally(ctx, queries.AddToTallyParams{What: string(one.Step), ProductID: one.ProductID, Day: int64(one.Day), Detail: one.Detail, N: n})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func life(l queries.Life) resale.Life {
	return resale.Life{EntitlementID: l.EntitlementID, ProductID: l.ProductID, Created: instant(l.Created), Opened: instant(l.Opened),
		Activated: instant(l.Activated), Ended: instant(l.Ended), Waiting: instant(l.Waiting), Reason: l.Reason}
}

func (r reader) DayTallies(ctx context.Context, productID string, first, last resale.Day) ([]resale.DayTally, error) {
	return many(ctx, r, "figures", r.q.DayTallies, queries.DayTalliesParams{ProductID: productID, First: int64(first), Last: int64(last)},
		func(t queries.DayTalliesRow) resale.DayTally {
			return resale.DayTally{Step: resale.Step(t.What), Day: resale.Day(t.Day), Detail: t.Detail, N: t.N}
		})
}

func (r reader) CohortTallies(ctx context.Context, productID string, first, last resale.Day) ([]resale.TimeTally, error) {
	return many(ctx, r, "figures", r.q.CohortTallies, queries.CohortTalliesParams{ProductID: productID, First: int64(first), Last: int64(last)},
		func(t queries.CohortTalliesRow) resale.TimeTally {
			return resale.TimeTally{Step: resale.Step(t.What), Detail: t.Detail, N: t.N}
		})
}

func (r reader) CountWaiting(ctx context.Context, productID string, since, before time.Time, most int) (int64, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	n, err := r.q.CountWaiting(ctx, queries.CountWaitingParams{ProductID: productID, Since: micros(since), Before: until(before), AtMost: atMost(most)})
	return n, r.fault("figures", err)
}

// until is an upper bound, none where it is zero.
func until(t time.Time) int64 {
	if t.IsZero() {
		return math.MaxInt64
	}
	return micros(t)
}

func (r reader) Lives(ctx context.Context, f resale.LifeFilter) ([]resale.LifeRow, error) {
	since, before, beforeID, limit := micros(f.Since), until(f.Before), "", atMost(f.Limit)
	if f.After != nil {
		before, beforeID = micros(f.After.Updated), f.After.ID
	}
	row := func(l queries.LivesCreatedRow) resale.LifeRow {
		return resale.LifeRow{At: instant(l.At), EntitlementRow: resale.EntitlementRow{Entitlement: entitlement(l.Entitlement),
			CustomerName: l.CustomerName, MerchantName: l.MerchantName, ProductName: l.ProductName}}
	}
	switch f.Kind {
	case resale.LifeCreated, resale.LifeOpened, resale.LifeActive:
		opened, activated := int64(0), int64(math.MinInt64) // that of something old may be before 1970
		if f.Kind == resale.LifeOpened {
			opened = 1
		}
		if f.Kind == resale.LifeActive {
			activated = 1
		}
		if f.ProductID == "" {
			return many(ctx, r, "entitlements", r.q.LivesCreated, queries.LivesCreatedParams{Limit: limit, Since: since, Opened: opened, Activated: activated,
				Before: before, BeforeID: beforeID}, row)
		}
		return many(ctx, r, "entitlements", r.q.LivesCreatedOf, queries.LivesCreatedOfParams{Limit: limit, Since: since, Opened: opened, Activated: activated,
			Before: before, BeforeID: beforeID, ProductID: f.ProductID},
			func(l queries.LivesCreatedOfRow) resale.LifeRow { return row(queries.LivesCreatedRow(l)) })
	case resale.LifeActivated:
		return many(ctx, r, "entitlements", r.q.LivesActivated, queries.LivesActivatedParams{Limit: limit, Since: since, ProductID: f.ProductID,
			Before: before, BeforeID: beforeID}, func(l queries.LivesActivatedRow) resale.LifeRow { return row(queries.LivesCreatedRow(l)) })
	case resale.LifeEnded:
		return many(ctx, r, "entitlements", r.q.LivesEnded, queries.LivesEndedParams{Limit: limit, Since: since, ProductID: f.ProductID,
			Before: before, BeforeID: beforeID}, func(l queries.LivesEndedRow) resale.LifeRow { return row(queries.LivesCreatedRow(l)) })
	case resale.LifeEndedFor:
		return many(ctx, r, "entitlements", r.q.LivesEndedFor, queries.LivesEndedForParams{Limit: limit, Since: since, ProductID: f.ProductID,
			Reason: f.Reason, Before: before, BeforeID: beforeID}, func(l queries.LivesEndedForRow) resale.LifeRow { return row(queries.LivesCreatedRow(l)) })
	case resale.LifeWaiting:
		return many(ctx, r, "entitlements", r.q.LivesWaiting, queries.LivesWaitingParams{Limit: limit, Since: since, ProductID: f.ProductID,
			Before: before, BeforeID: beforeID}, func(l queries.LivesWaitingRow) resale.LifeRow { return row(queries.LivesCreatedRow(l)) })
	}
	return nil, fmt.Errorf("there is no list %q", f.Kind)
}
