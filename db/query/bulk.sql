-- name: InsertBulkJob :exec
INSERT INTO bulk_jobs (id, number, ask, source, filter, state, cursor, counts, slot, message, actor_kind, actor_id, actor_name,
  confirmed_kind, confirmed_id, confirmed_name, created, confirmed, updated)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19);

-- name: SaveBulkJob :execrows
UPDATE bulk_jobs SET state = $2, cursor = $3, counts = $4, slot = $5, message = $6, confirmed_kind = $7, confirmed_id = $8, confirmed_name = $9,
  confirmed = $10, updated = $11 WHERE id = $1;

-- name: BulkJob :one
SELECT * FROM bulk_jobs WHERE id = $1;

-- name: LastBulkNumber :one
SELECT CAST(COALESCE(max(number), 0) AS BIGINT) FROM bulk_jobs;

-- name: BulkJobs :many
SELECT * FROM bulk_jobs WHERE number < sqlc.arg(before) ORDER BY number DESC LIMIT sqlc.arg(at_most);

-- name: ActiveBulkJobs :many
SELECT * FROM bulk_jobs WHERE state IN ('judging', 'running', 'paused', 'stopping') ORDER BY number LIMIT $1;

-- name: InsertBulkChunk :exec
INSERT INTO bulk_chunks (job_id, n, items) VALUES ($1, $2, $3);

-- name: BulkChunk :one
SELECT items FROM bulk_chunks WHERE job_id = $1 AND n = $2;

-- name: DeleteBulkChunk :exec
DELETE FROM bulk_chunks WHERE job_id = $1 AND n = $2;

-- name: InsertBulkRow :exec
INSERT INTO bulk_rows (job_id, n, input, ask, entitlement_id, ref, customer_identifier, product_key, status, verdict, why, state,
  request_id, message, judged, asked, settled)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17);

-- name: SaveBulkRow :execrows
UPDATE bulk_rows SET state = $3, request_id = $4, message = $5, asked = $6, settled = $7 WHERE job_id = $1 AND n = $2;

-- name: BulkRowOf :one
SELECT n FROM bulk_rows WHERE job_id = $1 AND entitlement_id = $2 AND entitlement_id <> '' AND verdict <> 'twice';

-- name: BulkRows :many
SELECT sqlc.embed(b), CAST(COALESCE(e.status, '') AS TEXT) AS status_now, CAST(COALESCE(r.state, '') AS TEXT) AS request_state,
  CAST(COALESCE(r.message, '') AS TEXT) AS request_message, CAST(COALESCE(r.updated, 0) AS BIGINT) AS request_updated
FROM bulk_rows b LEFT JOIN entitlements e ON e.id = b.entitlement_id LEFT JOIN requests r ON r.id = b.request_id
WHERE b.job_id = sqlc.arg(job_id) AND b.n > sqlc.arg(after) ORDER BY b.n LIMIT sqlc.arg(at_most);

-- name: BulkRowsByVerdict :many
SELECT sqlc.embed(b), CAST(COALESCE(e.status, '') AS TEXT) AS status_now, CAST(COALESCE(r.state, '') AS TEXT) AS request_state,
  CAST(COALESCE(r.message, '') AS TEXT) AS request_message, CAST(COALESCE(r.updated, 0) AS BIGINT) AS request_updated
FROM bulk_rows b LEFT JOIN entitlements e ON e.id = b.entitlement_id LEFT JOIN requests r ON r.id = b.request_id
WHERE b.job_id = sqlc.arg(job_id) AND b.verdict = sqlc.arg(verdict) AND b.n > sqlc.arg(after) ORDER BY b.n LIMIT sqlc.arg(at_most);

-- name: BulkRowsByState :many
SELECT sqlc.embed(b), CAST(COALESCE(e.status, '') AS TEXT) AS status_now, CAST(COALESCE(r.state, '') AS TEXT) AS request_state,
  CAST(COALESCE(r.message, '') AS TEXT) AS request_message, CAST(COALESCE(r.updated, 0) AS BIGINT) AS request_updated
FROM bulk_rows b LEFT JOIN entitlements e ON e.id = b.entitlement_id LEFT JOIN requests r ON r.id = b.request_id
WHERE b.job_id = sqlc.arg(job_id) AND b.state = sqlc.arg(state) AND b.n > sqlc.arg(after) ORDER BY b.n LIMIT sqlc.arg(at_most);

-- name: BulkEvents :many
SELECT * FROM events WHERE bulk_id = $1 AND bulk_id <> '' ORDER BY id DESC LIMIT $2;
