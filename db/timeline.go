package db

import (
	"cmp"
	"context"

	"latchkey/db/queries"
	"latchkey/resale"
)

// lastID is after every id in every way of ordering text.
const lastID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

func (r reader) Timeline(ctx context.Context, f resale.EventFilter) ([]resale.Event, error) {
	before := cmp.Or(f.Before, lastID)
	if f.EntitlementID != "" {
		return many(ctx, r, "events", r.q.EntitlementTimeline, queries.EntitlementTimelineParams{EntitlementID: f.EntitlementID, Before: before,
			ByKind: string(f.By), AtMost: atMost(f.Limit)}, event)
	}
	return many(ctx, r, "events", r.q.CustomerTimeline, queries.CustomerTimelineParams{CustomerID: f.CustomerID, Before: before,
		ByKind: string(f.By), AtMost: atMost(f.Limit)}, event)
}
