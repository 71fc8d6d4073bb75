-- name: Job :one
SELECT * FROM jobs WHERE name = $1;

-- name: SaveJob :exec
INSERT INTO jobs (name, state, cursor, done, found, message, actor_kind, actor_id, actor_name, slot, started, updated, next_run)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (name) DO UPDATE SET state = excluded.state, cursor = excluded.cursor, done = excluded.done, found = excluded.found,
  message = excluded.message, actor_kind = excluded.actor_kind, actor_id = excluded.actor_id, actor_name = excluded.actor_name,
  slot = excluded.slot, started = excluded.started, updated = excluded.updated, next_run = excluded.next_run;

-- name: DriftOf :one
SELECT * FROM drift WHERE subject = $1;

-- name: Drift :one
SELECT * FROM drift WHERE id = $1;

-- name: OpenDrift :many
SELECT * FROM drift WHERE state = 'open' AND id > sqlc.arg(after) ORDER BY id LIMIT sqlc.arg(at_most);

-- name: CountOpenDrift :one
SELECT count(*) FROM drift WHERE state = 'open';

-- name: SaveDrift :exec
INSERT INTO drift (id, subject, kind, state, entitlement_id, ours_status, ours_product, fact, source, found, settled, settled_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (subject) DO UPDATE SET kind = excluded.kind, state = excluded.state, entitlement_id = excluded.entitlement_id,
  ours_status = excluded.ours_status, ours_product = excluded.ours_product, fact = excluded.fact, source = excluded.source,
  found = excluded.found, settled = excluded.settled, settled_by = excluded.settled_by;
