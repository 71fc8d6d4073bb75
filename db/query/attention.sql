-- name: Attention :one
SELECT * FROM attention WHERE subject = $1;

-- name: SaveAttention :exec
INSERT INTO attention (subject, sort, kind, state, rank, mark, since, due, owner_id, owner_name, until, reason, decided_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (subject) DO UPDATE SET sort = excluded.sort, kind = excluded.kind, state = excluded.state, rank = excluded.rank, mark = excluded.mark,
  since = excluded.since, due = excluded.due, owner_id = excluded.owner_id, owner_name = excluded.owner_name, until = excluded.until,
  reason = excluded.reason, decided_by = excluded.decided_by;

-- name: DeleteAttention :exec
DELETE FROM attention WHERE subject = $1;

-- name: DueAttention :many
SELECT * FROM attention WHERE due <= $1 ORDER BY due, subject LIMIT $2;

-- name: AddToAttentionCount :exec
INSERT INTO attention_counts (kind, n) VALUES ($1, $2)
ON CONFLICT (kind) DO UPDATE SET n = attention_counts.n + excluded.n;

-- name: AttentionCounts :many
SELECT * FROM attention_counts;

-- The request about an entitlement that a person has to decide: the last one, or the last one that was more than a look at its record.
-- name: Decision :one
SELECT * FROM requests WHERE state = 'manual' AND id IN (
  (SELECT n.id FROM requests n WHERE n.entitlement_id = $1 ORDER BY n.id DESC LIMIT 1),
  (SELECT a.id FROM requests a WHERE a.entitlement_id = $1 AND a.kind <> 'check' ORDER BY a.id DESC LIMIT 1))
ORDER BY id DESC LIMIT 1;

-- name: LastOpenDrift :one
SELECT * FROM drift WHERE state = 'open' ORDER BY id DESC LIMIT 1;

-- The entitlement of each status that has changed the longest ago, found by the index; what is counted names the statuses that there are.
-- name: OldestByStatus :many
SELECT s.status, CAST(coalesce((SELECT e.updated FROM entitlements e WHERE e.status = s.status ORDER BY e.updated, e.id LIMIT 1), 0) AS BIGINT) AS oldest
FROM status_counts s;
