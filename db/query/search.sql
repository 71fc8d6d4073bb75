-- The two longest of several words; the caller keeps those customers that have all of them.
-- name: SearchCustomersByWords :many
SELECT * FROM customers WHERE search_key IN (
  SELECT found.rowid FROM customer_search found WHERE found.search LIKE sqlc.arg(first_word) AND found.search LIKE sqlc.arg(second_word) LIMIT 500)
ORDER BY name, id LIMIT sqlc.arg(at_most);

-- A range finds the beginning by the index that is there anyway. Under any collation it holds all that begin so; substr() keeps those alone.
-- name: EntitlementsByRefStart :many
SELECT e.id, e.ref, e.status, e.bango_id, customers.id AS customer_id, customers.name, customers.identifier, products.name AS product_name
FROM entitlements e
JOIN customers ON customers.id = e.customer_id
JOIN products ON products.id = e.product_id
WHERE e.ref >= sqlc.arg(start) AND e.ref < sqlc.arg(beyond) AND substr(e.ref, 1, length(sqlc.arg(start))) = sqlc.arg(start)
ORDER BY e.ref LIMIT sqlc.arg(at_most);

-- name: EntitlementsByBangoIDStart :many
SELECT e.id, e.ref, e.status, e.bango_id, customers.id AS customer_id, customers.name, customers.identifier, products.name AS product_name
FROM entitlements e
JOIN customers ON customers.id = e.customer_id
JOIN products ON products.id = e.product_id
WHERE e.bango_id >= sqlc.arg(start) AND e.bango_id < sqlc.arg(beyond) AND substr(e.bango_id, 1, length(sqlc.arg(start))) = sqlc.arg(start)
ORDER BY e.bango_id LIMIT sqlc.arg(at_most);

-- name: RequestsByStart :many
SELECT r.id AS request_id, r.kind, r.created, e.id, e.ref, e.status, customers.id AS customer_id, customers.name, customers.identifier,
  products.name AS product_name
FROM requests r
JOIN entitlements e ON e.id = r.entitlement_id
JOIN customers ON customers.id = e.customer_id
JOIN products ON products.id = e.product_id
WHERE r.id >= sqlc.arg(start) AND r.id < sqlc.arg(beyond) AND substr(r.id, 1, length(sqlc.arg(start))) = sqlc.arg(start)
ORDER BY r.id LIMIT sqlc.arg(at_most);

-- name: SearchTexts :many
SELECT t.kind, t.id, t.text, t.at, customers.id AS customer_id, customers.name, customers.identifier,
  CAST(coalesce(e.ref, '') AS TEXT) AS ref, CAST(coalesce(e.status, '') AS TEXT) AS status
FROM texts t
JOIN customers ON customers.id = t.customer_id
LEFT JOIN entitlements e ON e.id = t.entitlement_id
WHERE t.search_key IN (
  SELECT found.rowid FROM text_search found WHERE found.search LIKE sqlc.arg(first_word) AND found.search LIKE sqlc.arg(second_word) LIMIT 200)
ORDER BY t.at DESC, t.id LIMIT sqlc.arg(at_most);

-- name: IndexText :exec
INSERT INTO texts (kind, id, customer_id, entitlement_id, text, search, search_key, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (kind, id) DO UPDATE SET customer_id = excluded.customer_id, entitlement_id = excluded.entitlement_id, text = excluded.text,
  search = excluded.search, at = excluded.at;

-- name: ForgetText :exec
DELETE FROM texts WHERE kind = $1 AND id = $2;
