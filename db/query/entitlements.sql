-- name: InsertEntitlement :exec
INSERT INTO entitlements (id, ref, customer_id, product_id, offer_id, customer_identifier, merchant_key, product_key, offer_key,
  status, bango_status, bango_id, message, registration_url, activation_code,
  date_created, date_activated, date_ended, date_suspended, date_resumed, date_expiry, date_last_updated, notified_at, checked_at,
  notify_token, signup_token, form_token, opened, opened_at, created_by, created, updated,
  display_name, extension_data, next_identifier, registration_expires, notify_base)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26,
  $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37);

-- name: UpdateEntitlement :execrows
UPDATE entitlements SET product_key = $2, status = $3, bango_status = $4, message = $5, registration_url = $6, activation_code = $7,
  date_created = $8, date_activated = $9, date_ended = $10, date_suspended = $11, date_resumed = $12, date_expiry = $13,
  date_last_updated = $14, notified_at = $15, checked_at = $16, opened = $17, opened_at = $18, updated = $19,
  display_name = $20, extension_data = $21, next_identifier = $22, registration_expires = $23, notify_base = $24, offer_key = $25
WHERE id = $1;

-- The columns that hardly ever change, and that an index or a foreign key has.
-- name: SetBelongings :exec
UPDATE entitlements SET bango_id = $2, customer_id = $3, customer_identifier = $4, product_id = $5, offer_id = $6 WHERE id = $1;

-- name: TouchEntitlement :execrows
UPDATE entitlements SET notified_at = $2, checked_at = $3 WHERE id = $1;

-- name: Entitlement :one
SELECT * FROM entitlements WHERE id = $1;

-- name: EntitlementByRef :one
SELECT * FROM entitlements WHERE ref = $1;

-- name: EntitlementByBangoID :one
SELECT * FROM entitlements WHERE bango_id = $1 LIMIT 1;

-- name: EntitlementByFormToken :one
SELECT * FROM entitlements WHERE form_token = $1;

-- name: EntitlementByNotifyToken :one
SELECT * FROM entitlements WHERE notify_token = $1;

-- name: EntitlementBySignupToken :one
SELECT * FROM entitlements WHERE signup_token = $1;

-- name: EntitlementsOf :many
SELECT * FROM entitlements WHERE customer_id = $1 ORDER BY id DESC LIMIT $2;

-- name: ListEntitlements :many
SELECT sqlc.embed(entitlements), customers.name AS customer_name, merchants.name AS merchant_name, products.name AS product_name
FROM entitlements
JOIN customers ON customers.id = entitlements.customer_id
JOIN products ON products.id = entitlements.product_id
JOIN merchants ON merchants.id = products.merchant_id
WHERE (entitlements.updated, entitlements.id) < (CAST(sqlc.arg(before) AS BIGINT), CAST(sqlc.arg(before_id) AS TEXT))
ORDER BY entitlements.updated DESC, entitlements.id DESC LIMIT $1;

-- name: ListEntitlementsByStatus :many
SELECT sqlc.embed(entitlements), customers.name AS customer_name, merchants.name AS merchant_name, products.name AS product_name
FROM entitlements
JOIN customers ON customers.id = entitlements.customer_id
JOIN products ON products.id = entitlements.product_id
JOIN merchants ON merchants.id = products.merchant_id
WHERE entitlements.status = $2 AND (entitlements.updated, entitlements.id) < (CAST(sqlc.arg(before) AS BIGINT), CAST(sqlc.arg(before_id) AS TEXT))
ORDER BY entitlements.updated DESC, entitlements.id DESC LIMIT $1;

-- name: AddToStatusCount :exec
INSERT INTO status_counts (status, n) VALUES ($1, $2)
ON CONFLICT (status) DO UPDATE SET n = status_counts.n + excluded.n;

-- name: StatusCounts :many
SELECT * FROM status_counts;

-- Lives that a change of the notification URL has to reach, in the order of their ids.
-- name: EntitlementsToPoint :many
SELECT * FROM entitlements WHERE id > sqlc.arg(after) AND bango_id <> '' AND notify_base <> sqlc.arg(base)
  AND status NOT IN ('CANCELLED', 'REVOKED', 'REFUSED') ORDER BY id LIMIT sqlc.arg(at_most);

-- name: CountToPoint :one
SELECT count(*) FROM entitlements WHERE bango_id <> '' AND notify_base <> $1 AND status NOT IN ('CANCELLED', 'REVOKED', 'REFUSED');
