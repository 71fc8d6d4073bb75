-- name: UpsertMerchant :one
INSERT INTO merchants (id, account_key, name) VALUES ($1, $2, $3)
ON CONFLICT (account_key) DO UPDATE SET name = excluded.name,
  version = merchants.version + CASE WHEN merchants.name <> excluded.name THEN 1 ELSE 0 END RETURNING id;

-- name: UpsertProduct :one
INSERT INTO products (id, merchant_id, product_key, name) VALUES ($1, $2, $3, $4)
ON CONFLICT (merchant_id, product_key) DO UPDATE SET name = excluded.name,
  version = products.version + CASE WHEN products.name <> excluded.name THEN 1 ELSE 0 END RETURNING id;

-- name: UpsertOffer :exec
INSERT INTO offers (id, product_id, offer_key, name) VALUES ($1, $2, $3, $4)
ON CONFLICT (product_id, offer_key) DO UPDATE SET name = excluded.name;

-- name: Products :many
SELECT sqlc.embed(products), sqlc.embed(merchants) FROM products JOIN merchants ON merchants.id = products.merchant_id
ORDER BY merchants.name, merchants.id, products.name, products.id;

-- name: Product :one
SELECT sqlc.embed(products), sqlc.embed(merchants) FROM products JOIN merchants ON merchants.id = products.merchant_id
WHERE products.id = $1;

-- name: Offers :many
SELECT * FROM offers ORDER BY name, id;

-- name: OffersOf :many
SELECT * FROM offers WHERE product_id = $1 ORDER BY name, id;

-- name: ProductByKeys :one
SELECT sqlc.embed(products), sqlc.embed(merchants) FROM products JOIN merchants ON merchants.id = products.merchant_id
WHERE merchants.account_key = $1 AND products.product_key = $2;
