-- The rows of a page, whose ids are the names of a JSON object: a list is no parameter that both databases take.
-- name: EntitlementRows :many
SELECT sqlc.embed(entitlements), customers.name AS customer_name, merchants.name AS merchant_name, products.name AS product_name
FROM entitlements
JOIN customers ON customers.id = entitlements.customer_id
JOIN products ON products.id = entitlements.product_id
JOIN merchants ON merchants.id = products.merchant_id
WHERE entitlements.id IN (SELECT key FROM json_each(sqlc.arg(ids)));

-- Oldest first, so that the last one of an entitlement counts.
-- name: ReasonsOf :many
SELECT entitlement_id, reason_category, reason_code, reason_description FROM requests
WHERE entitlement_id IN (SELECT key FROM json_each(sqlc.arg(ids))) AND reason_category <> '' AND state = 'done' ORDER BY id;

-- name: NewestCustomers :many
SELECT * FROM customers WHERE id < sqlc.arg(before) ORDER BY id DESC LIMIT sqlc.arg(at_most);

-- name: CustomersByLabel :many
SELECT * FROM customers
WHERE (lower(CASE WHEN name = '' THEN identifier ELSE name END), id) > (CAST(sqlc.arg(after) AS TEXT), CAST(sqlc.arg(after_id) AS TEXT))
ORDER BY lower(CASE WHEN name = '' THEN identifier ELSE name END), id LIMIT sqlc.arg(at_most);

-- name: CustomerLabel :one
SELECT CAST(lower(CASE WHEN name = '' THEN identifier ELSE name END) AS TEXT) AS label FROM customers WHERE id = $1;

-- name: Views :many
SELECT * FROM views ORDER BY name_key, id LIMIT $1;

-- name: View :one
SELECT * FROM views WHERE id = $1;

-- name: InsertView :exec
INSERT INTO views (id, name, name_key, query, created_by_id, created_by, created) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: DeleteView :execrows
DELETE FROM views WHERE id = $1;
