-- name: InsertCustomer :exec
INSERT INTO customers (id, identifier, name, email, phone, search, search_key, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: UpdateCustomer :execrows
UPDATE customers SET name = $2, email = $3, phone = $4, search = $5 WHERE id = $1;

-- name: Customer :one
SELECT * FROM customers WHERE id = $1;

-- name: CustomerByIdentifier :one
SELECT * FROM customers WHERE identifier = $1;

-- LIKE finds the candidates by the index, with _ for whatever it would take for a wildcard; replace() keeps those that hold q as it is.
-- name: SearchCustomers :many
SELECT * FROM customers WHERE search_key IN (
  SELECT found.rowid FROM customer_search found
  WHERE found.search LIKE sqlc.arg(pattern) AND replace(found.search, CAST(sqlc.arg(q) AS TEXT), '') <> found.search LIMIT 500)
ORDER BY name, id LIMIT sqlc.arg(at_most);

-- name: CountCustomers :one
SELECT count(*) FROM customers;
