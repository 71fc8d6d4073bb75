package db

import (
	"context"

	"latchkey/db/queries"
)

func (r reader) MostUsed(ctx context.Context, of, limit int) ([]string, error) {
	return many(ctx, r, "products", r.q.MostUsed, queries.MostUsedParams{OfNewest: atMost(of), AtMost: atMost(limit)},
		func(id string) string { return id })
}
