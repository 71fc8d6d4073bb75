-- The lines of one entitlement or customer, from a place on, by the index that has both; whose they are is looked at on the way, which ends with
-- the entitlement's own lines.
-- name: EntitlementTimeline :many
SELECT * FROM events WHERE entitlement_id = sqlc.arg(entitlement_id) AND id < sqlc.arg(before)
  AND (CAST(sqlc.arg(by_kind) AS TEXT) = '' OR actor_kind = sqlc.arg(by_kind)) ORDER BY id DESC LIMIT sqlc.arg(at_most);

-- name: CustomerTimeline :many
SELECT * FROM events WHERE customer_id = sqlc.arg(customer_id) AND id < sqlc.arg(before)
  AND (CAST(sqlc.arg(by_kind) AS TEXT) = '' OR actor_kind = sqlc.arg(by_kind)) ORDER BY id DESC LIMIT sqlc.arg(at_most);
