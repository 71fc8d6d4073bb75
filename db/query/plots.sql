-- name: InsertLife :exec
INSERT INTO lives (entitlement_id, product_id, created, opened, activated, ended, waiting, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: Life :one
SELECT * FROM lives WHERE entitlement_id = $1;

-- name: UpdateLife :exec
UPDATE lives SET product_id = $2, opened = $3, activated = $4, ended = $5, waiting = $6, reason = $7 WHERE entitlement_id = $1;

-- name: AddToTally :exec
INSERT INTO tallies (what, product_id, day, detail, n) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (what, product_id, day, detail) DO UPDATE SET n = tallies.n + excluded.n;

-- name: DayTallies :many
SELECT what, day, detail, n FROM tallies
WHERE what IN ('activated', 'ended') AND product_id = sqlc.arg(product_id) AND day >= sqlc.arg(first) AND day <= sqlc.arg(last) AND n <> 0;

-- name: CohortTallies :many
SELECT what, detail, CAST(sum(n) AS BIGINT) AS n FROM tallies
WHERE what IN ('created', 'to_open', 'to_active', 'from_open') AND product_id = sqlc.arg(product_id)
  AND day >= sqlc.arg(first) AND day <= sqlc.arg(last) AND n <> 0
GROUP BY what, detail;

-- name: CountWaiting :one
SELECT count(*) FROM (
  SELECT 1 FROM lives WHERE waiting > 0 AND waiting >= sqlc.arg(since) AND waiting < sqlc.arg(before)
    AND (CAST(sqlc.arg(product_id) AS TEXT) = '' OR product_id = sqlc.arg(product_id)) LIMIT sqlc.arg(at_most)) AS found;

-- The lists behind the bars, one for each index. Those of a product or of a further step pass over the others of the same days.
-- name: LivesCreated :many
SELECT lives.created AS at, sqlc.embed(entitlements), customers.name AS customer_name, merchants.name AS merchant_name, products.name AS product_name
FROM lives
JOIN entitlements ON entitlements.id = lives.entitlement_id
JOIN customers ON customers.id = entitlements.customer_id
JOIN products ON products.id = entitlements.product_id
JOIN merchants ON merchants.id = products.merchant_id
WHERE lives.created > 0 AND lives.created >= CAST(sqlc.arg(since) AS BIGINT) AND lives.opened >= CAST(sqlc.arg(opened) AS BIGINT) AND lives.activated >= CAST(sqlc.arg(activated) AS BIGINT)
  AND (lives.created, lives.entitlement_id) < (CAST(sqlc.arg(before) AS BIGINT), CAST(sqlc.arg(before_id) AS TEXT))
ORDER BY lives.created DESC, lives.entitlement_id DESC LIMIT $1;

-- name: LivesCreatedOf :many
SELECT lives.created AS at, sqlc.embed(entitlements), customers.name AS customer_name, merchants.name AS merchant_name, products.name AS product_name
FROM lives
JOIN entitlements ON entitlements.id = lives.entitlement_id
JOIN customers ON customers.id = entitlements.customer_id
JOIN products ON products.id = entitlements.product_id
JOIN merchants ON merchants.id = products.merchant_id
WHERE lives.created > 0 AND lives.product_id = sqlc.arg(product_id)
  AND lives.created >= CAST(sqlc.arg(since) AS BIGINT) AND lives.opened >= CAST(sqlc.arg(opened) AS BIGINT) AND lives.activated >= CAST(sqlc.arg(activated) AS BIGINT)
  AND (lives.created, lives.entitlement_id) < (CAST(sqlc.arg(before) AS BIGINT), CAST(sqlc.arg(before_id) AS TEXT))
ORDER BY lives.created DESC, lives.entitlement_id DESC LIMIT $1;

-- name: LivesActivated :many
SELECT lives.activated AS at, sqlc.embed(entitlements), customers.name AS customer_name, merchants.name AS merchant_name, products.name AS product_name
FROM lives
JOIN entitlements ON entitlements.id = lives.entitlement_id
JOIN customers ON customers.id = entitlements.customer_id
JOIN products ON products.id = entitlements.product_id
JOIN merchants ON merchants.id = products.merchant_id
WHERE lives.activated > 0 AND lives.activated >= CAST(sqlc.arg(since) AS BIGINT) AND (CAST(sqlc.arg(product_id) AS TEXT) = '' OR lives.product_id = sqlc.arg(product_id))
  AND (lives.activated, lives.entitlement_id) < (CAST(sqlc.arg(before) AS BIGINT), CAST(sqlc.arg(before_id) AS TEXT))
ORDER BY lives.activated DESC, lives.entitlement_id DESC LIMIT $1;

-- name: LivesEnded :many
SELECT lives.ended AS at, sqlc.embed(entitlements), customers.name AS customer_name, merchants.name AS merchant_name, products.name AS product_name
FROM lives
JOIN entitlements ON entitlements.id = lives.entitlement_id
JOIN customers ON customers.id = entitlements.customer_id
JOIN products ON products.id = entitlements.product_id
JOIN merchants ON merchants.id = products.merchant_id
WHERE lives.ended > 0 AND lives.ended >= CAST(sqlc.arg(since) AS BIGINT) AND (CAST(sqlc.arg(product_id) AS TEXT) = '' OR lives.product_id = sqlc.arg(product_id))
  AND (lives.ended, lives.entitlement_id) < (CAST(sqlc.arg(before) AS BIGINT), CAST(sqlc.arg(before_id) AS TEXT))
ORDER BY lives.ended DESC, lives.entitlement_id DESC LIMIT $1;

-- name: LivesEndedFor :many
SELECT lives.ended AS at, sqlc.embed(entitlements), customers.name AS customer_name, merchants.name AS merchant_name, products.name AS product_name
FROM lives
JOIN entitlements ON entitlements.id = lives.entitlement_id
JOIN customers ON customers.id = entitlements.customer_id
JOIN products ON products.id = entitlements.product_id
JOIN merchants ON merchants.id = products.merchant_id
WHERE lives.ended > 0 AND lives.reason = sqlc.arg(reason)
  AND lives.ended >= CAST(sqlc.arg(since) AS BIGINT) AND (CAST(sqlc.arg(product_id) AS TEXT) = '' OR lives.product_id = sqlc.arg(product_id))
  AND (lives.ended, lives.entitlement_id) < (CAST(sqlc.arg(before) AS BIGINT), CAST(sqlc.arg(before_id) AS TEXT))
ORDER BY lives.ended DESC, lives.entitlement_id DESC LIMIT $1;

-- name: LivesWaiting :many
SELECT lives.waiting AS at, sqlc.embed(entitlements), customers.name AS customer_name, merchants.name AS merchant_name, products.name AS product_name
FROM lives
JOIN entitlements ON entitlements.id = lives.entitlement_id
JOIN customers ON customers.id = entitlements.customer_id
JOIN products ON products.id = entitlements.product_id
JOIN merchants ON merchants.id = products.merchant_id
WHERE lives.waiting > 0 AND lives.waiting >= CAST(sqlc.arg(since) AS BIGINT) AND (CAST(sqlc.arg(product_id) AS TEXT) = '' OR lives.product_id = sqlc.arg(product_id))
  AND (lives.waiting, lives.entitlement_id) < (CAST(sqlc.arg(before) AS BIGINT), CAST(sqlc.arg(before_id) AS TEXT))
ORDER BY lives.waiting DESC, lives.entitlement_id DESC LIMIT $1;
