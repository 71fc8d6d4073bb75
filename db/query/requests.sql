-- name: InsertRequest :exec
INSERT INTO requests (id, entitlement_id, kind, state, actor_kind, actor_id, actor_name,
  reason_category, reason_code, reason_description, attempts, not_before, leased_until, message, created, updated, due, terms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18);

-- name: UpdateRequest :execrows
UPDATE requests SET state = $2, attempts = $3, not_before = $4, leased_until = $5, message = $6, updated = $7, due = $8 WHERE id = $1;

-- name: NextDue :one
SELECT due FROM requests ORDER BY due LIMIT 1;

-- name: LeaseRequest :one
UPDATE requests SET state = 'sending', attempts = attempts + 1, leased_until = sqlc.arg(until), due = sqlc.arg(until), updated = sqlc.arg(now)
WHERE id = (SELECT r.id FROM requests r WHERE r.due <= sqlc.arg(now) ORDER BY r.due LIMIT 1) AND due <= sqlc.arg(now)
RETURNING *;

-- Only one that no sender has had: of this and a lease at the same moment, the second finds a row that it does not want.
-- name: WithdrawRequest :execrows
UPDATE requests SET state = 'done', message = $2, updated = $3, due = sqlc.arg(never) WHERE id = $1 AND state = 'queued' AND attempts = 0;

-- What is put off for longer than anything ever is, or leased for longer than a lease lasts: the clock was set back. A revoke that was not sent
-- yet waits for seconds.
-- name: LeaseStranded :one
UPDATE requests SET state = 'sending', attempts = attempts + 1, leased_until = sqlc.arg(until), due = sqlc.arg(until), updated = sqlc.arg(now)
WHERE id = (SELECT r.id FROM requests r WHERE r.due > sqlc.arg(lease_horizon) AND r.due < sqlc.arg(never)
    AND (r.due > sqlc.arg(horizon) OR r.state = 'sending' OR r.kind = 'revoke' AND r.state = 'queued') ORDER BY r.due LIMIT 1)
  AND due > sqlc.arg(lease_horizon) AND due < sqlc.arg(never) AND (due > sqlc.arg(horizon) OR state = 'sending' OR kind = 'revoke' AND state = 'queued')
RETURNING *;

-- name: NextStranded :one
SELECT due FROM requests WHERE due > sqlc.arg(lease_horizon) AND due < sqlc.arg(never)
  AND (due > sqlc.arg(horizon) OR state = 'sending' OR kind = 'revoke' AND state = 'queued') ORDER BY due LIMIT 1;

-- name: ReleaseLeases :exec
UPDATE requests SET leased_until = 0, due = 0 WHERE due < sqlc.arg(never) AND state = 'sending';

-- name: Request :one
SELECT * FROM requests WHERE id = $1;

-- name: RequestsOf :many
SELECT * FROM requests WHERE entitlement_id = $1 ORDER BY id DESC LIMIT $2;

-- name: InsertEvidence :exec
INSERT INTO evidence (id, request_id, at, method, path, sent, http_status, received, duration, error)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: Evidence :one
SELECT * FROM evidence WHERE id = $1;

-- name: ManualRequests :many
SELECT * FROM requests WHERE state = 'manual' ORDER BY updated DESC, id DESC LIMIT $1;

-- name: Line :one
SELECT * FROM lines WHERE name = 'bango';

-- name: SetLine :exec
INSERT INTO lines (name, state, failures, message, since, next_try) VALUES ('bango', $1, $2, $3, $4, $5)
ON CONFLICT (name) DO UPDATE SET state = excluded.state, failures = excluded.failures, message = excluded.message,
  since = excluded.since, next_try = excluded.next_try;

-- name: Abilities :many
SELECT * FROM abilities ORDER BY merchant_key, kind;

-- name: AbilitiesOf :many
SELECT * FROM abilities WHERE merchant_key = $1 ORDER BY kind;

-- name: SetAbility :exec
INSERT INTO abilities (merchant_key, kind, setting, refusals, message, set_by, updated) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (merchant_key, kind) DO UPDATE SET setting = excluded.setting, refusals = excluded.refusals, message = excluded.message,
  set_by = excluded.set_by, updated = excluded.updated;
