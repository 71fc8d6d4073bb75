-- name: Merchants :many
SELECT * FROM merchants ORDER BY name, id;

-- name: MerchantByKey :one
SELECT * FROM merchants WHERE account_key = $1;

-- name: Merchant :one
SELECT * FROM merchants WHERE id = $1;

-- name: InsertMerchant :exec
INSERT INTO merchants (id, account_key, name) VALUES ($1, $2, $3);

-- name: UpdateMerchant :execrows
UPDATE merchants SET name = $3, link_hosts = $4, version = version + 1 WHERE id = $1 AND version = $2;

-- name: InsertProduct :exec
INSERT INTO products (id, merchant_id, product_key, name) VALUES ($1, $2, $3, $4);

-- name: UpdateProduct :execrows
UPDATE products SET name = $3, default_data = $4, retired = $5, version = version + 1 WHERE id = $1 AND version = $2;

-- name: InsertOffer :exec
INSERT INTO offers (id, product_id, offer_key, name) VALUES ($1, $2, $3, $4);

-- name: RenameOffer :exec
UPDATE offers SET name = $2 WHERE id = $1;

-- name: ProductTexts :many
SELECT * FROM product_texts WHERE product_id = $1;

-- name: TextLanguages :many
SELECT product_id, language FROM product_texts ORDER BY product_id, language;

-- name: SetProductText :exec
INSERT INTO product_texts (product_id, language, name, help) VALUES ($1, $2, $3, $4)
ON CONFLICT (product_id, language) DO UPDATE SET name = excluded.name, help = excluded.help;

-- name: DeleteProductText :exec
DELETE FROM product_texts WHERE product_id = $1 AND language = $2;

-- name: InsertCatalogueEvent :exec
INSERT INTO catalogue_events (id, merchant_id, product_id, at, actor_kind, actor_id, actor_name, text) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: CatalogueEvents :many
SELECT * FROM catalogue_events WHERE merchant_id = $1 AND (product_id = $2 OR product_id = '') ORDER BY id DESC LIMIT $3;
