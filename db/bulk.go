package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"

	"latchkey/db/queries"
	"latchkey/resale"
)

func bulkJob(j queries.BulkJob) resale.BulkJob {
	actor := func(kind, id, name string) resale.Actor {
		return resale.Actor{Kind: resale.ActorKind(kind), ID: id, Name: name}
	}
	return resale.BulkJob{ID: j.ID, Number: j.Number, Ask: fromJSON[resale.Ask](j.Ask), Source: j.Source,
		View: fromJSON[*resale.EntitlementFilter](j.Filter), State: resale.BulkState(j.State), Cursor: j.Cursor,
		Counts: fromJSON[resale.BulkCounts](j.Counts), Slot: instant(j.Slot), Message: j.Message,
		Actor: actor(j.ActorKind, j.ActorID, j.ActorName), ConfirmedBy: actor(j.ConfirmedKind, j.ConfirmedID, j.ConfirmedName),
		Created: instant(j.Created), Confirmed: instant(j.Confirmed), Updated: instant(j.Updated)}
}

func bulkRow(r queries.BulkRowsRow) resale.BulkRow {
	b := r.BulkRow
	return resale.BulkRow{JobID: b.JobID, N: b.N, Input: b.Input, Ask: fromJSON[resale.Ask](b.Ask), EntitlementID: b.EntitlementID, Ref: b.Ref,
		CustomerIdentifier: b.CustomerIdentifier, ProductKey: b.ProductKey, Status: resale.Status(b.Status), Verdict: resale.BulkVerdict(b.Verdict),
		Why: b.Why, State: resale.BulkRowState(b.State), RequestID: b.RequestID, Message: b.Message, Judged: instant(b.Judged),
		Asked: instant(b.Asked), Settled: instant(b.Settled), StatusNow: resale.Status(r.StatusNow),
		Request: resale.Request{ID: b.RequestID, State: resale.RequestState(r.RequestState), Message: r.RequestMessage, Updated: instant(r.RequestUpdated)}}
}

func (r reader) BulkJob(ctx context.Context, id string) (resale.BulkJob, error) {
	return one(ctx, r, "bulk job", r.q.BulkJob, id, bulkJob)
}

func (r reader) BulkJobs(ctx context.Context, before int64, limit int) ([]resale.BulkJob, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	return many(ctx, r, "bulk jobs", r.q.BulkJobs, queries.BulkJobsParams{Before: before, AtMost: atMost(limit)}, bulkJob)
}

func (r reader) ActiveBulkJobs(ctx context.Context, limit int) ([]resale.BulkJob, error) {
	return many(ctx, r, "bulk jobs", r.q.ActiveBulkJobs, atMost(limit), bulkJob)
}

func (r reader) BulkChunk(ctx context.Context, jobID string, n int64) ([]resale.BulkItem, error) {
	return one(ctx, r, "rows of a bulk job", r.q.BulkChunk, queries.BulkChunkParams{JobID: jobID, N: n}, fromJSON[[]resale.BulkItem])
}

func (r reader) BulkRows(ctx context.Context, f resale.BulkFilter) ([]resale.BulkRow, error) {
	const what = "rows of a bulk job"
	switch {
	case f.Verdict != "":
		p := queries.BulkRowsByVerdictParams{JobID: f.JobID, Verdict: string(f.Verdict), After: f.After, AtMost: atMost(f.Limit)}
		return many(ctx, r, what, r.q.BulkRowsByVerdict, p, func(row queries.BulkRowsByVerdictRow) resale.BulkRow { return bulkRow(queries.BulkRowsRow(row)) })
	case f.State != "":
		p := queries.BulkRowsByStateParams{JobID: f.JobID, State: string(f.State), After: f.After, AtMost: atMost(f.Limit)}
		return many(ctx, r, what, r.q.BulkRowsByState, p, func(row queries.BulkRowsByStateRow) resale.BulkRow { return bulkRow(queries.BulkRowsRow(row)) })
	}
	return many(ctx, r, what, r.q.BulkRows, queries.BulkRowsParams{JobID: f.JobID, After: f.After, AtMost: atMost(f.Limit)}, bulkRow)
}

func (r reader) BulkRowOf(ctx context.Context, jobID, entitlementID string) (int64, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	n, err := r.q.BulkRowOf(ctx, queries.BulkRowOfParams{JobID: jobID, EntitlementID: entitlementID})
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return n, r.fault("row of a bulk job", err)
}

func (r reader) BulkEvents(ctx context.Context, jobID string, limit int) ([]resale.Event, error) {
	return many(ctx, r, "events", r.q.BulkEvents, queries.BulkEventsParams{BulkID: jobID, Limit: atMost(limit)}, event)
}

func (t *tx) InsertBulkJob(ctx context.Context, j resale.BulkJob) (resale.BulkJob, error) {
	last, err := t.q.LastBulkNumber(ctx)
	if err != nil {
		return j, t.fault("bulk job", err)
	}
	j.Number = last + 1
	filter := ""
	if j.View != nil {
		text, err := json.Marshal(j.View)
		if err != nil {
			return j, err
		}
		filter = string(text)
	}
	return j, t.fault("bulk job", t.q.InsertBulkJob(ctx, queries.InsertBulkJobParams{ID: j.ID, Number: j.Number, Ask: toJSON(j.Ask), Source: j.Source,
		Filter: filter, State: string(j.State), Cursor: j.Cursor, Counts: toJSON(j.Counts), Slot: micros(j.Slot), Message: j.Message,
		ActorKind: string(j.Actor.Kind), ActorID: j.Actor.ID, ActorName: j.Actor.Name, ConfirmedKind: string(j.ConfirmedBy.Kind),
		ConfirmedID: j.ConfirmedBy.ID, ConfirmedName: j.ConfirmedBy.Name, Created: micros(j.Created), Confirmed: micros(j.Confirmed),
		Updated: micros(j.Updated)}))
}

func (t *tx) SaveBulkJob(ctx context.Context, j resale.BulkJob) error {
	n, err := t.q.SaveBulkJob(ctx, queries.SaveBulkJobParams{ID: j.ID, State: string(j.State), Cursor: j.Cursor, Counts: toJSON(j.Counts),
		Slot: micros(j.Slot), Message: j.Message, ConfirmedKind: string(j.ConfirmedBy.Kind), ConfirmedID: j.ConfirmedBy.ID,
		ConfirmedName: j.ConfirmedBy.Name, Confirmed: micros(j.Confirmed), Updated: micros(j.Updated)})
	return t.existing("bulk job", n, err)
}

func (t *tx) InsertBulkChunk(ctx context.Context, jobID string, n int64, items []resale.BulkItem) error {
	text, err := json.Marshal(items)
	if err != nil {
		return err
	}
	return t.fault("rows of a bulk job", t.q.InsertBulkChunk(ctx, queries.InsertBulkChunkParams{JobID: jobID, N: n, Items: string(text)}))
}

func (t *tx) DeleteBulkChunk(ctx context.Context, jobID string, n int64) error {
	return t.fault("rows of a bulk job", t.q.DeleteBulkChunk(ctx, queries.DeleteBulkChunkParams{JobID: jobID, N: n}))
}

func (t *tx) InsertBulkRow(ctx context.Context, r resale.BulkRow) error {
	return t.fault("row of a bulk job", t.q.InsertBulkRow(ctx, queries.InsertBulkRowParams{JobID: r.JobID, N: r.N, Input: r.Input, Ask: toJSON(r.Ask),
		EntitlementID: r.EntitlementID, Ref: r.Ref, CustomerIdentifier: r.CustomerIdentifier, ProductKey: r.ProductKey, Status: string(r.Status),
		Verdict: string(r.Verdict), Why: r.Why, State: string(r.State), RequestID: r.RequestID, Message: r.Message, Judged: micros(r.Judged),
		Asked: micros(r.Asked), Settled: micros(r.Settled)}))
}

func (t *tx) SaveBulkRow(ctx context.Context, r resale.BulkRow) error {
	n, err := t.q.SaveBulkRow(ctx, queries.SaveBulkRowParams{JobID: r.JobID, N: r.N, State: string(r.State), RequestID: r.RequestID, Message: r.Message,
		Asked: micros(r.Asked), Settled: micros(r.Settled)})
	return t.existing("row of a bulk job", n, err)
}
