-- name: InsertEvent :exec
INSERT INTO events (id, entitlement_id, customer_id, at, actor_kind, actor_id, actor_name, kind, text, status_from, status_to, evidence_id, notification_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: Events :many
SELECT * FROM events WHERE entitlement_id = $1 ORDER BY id DESC LIMIT $2;

-- name: CustomerEvents :many
SELECT * FROM events WHERE customer_id = $1 ORDER BY id DESC LIMIT $2;

-- name: ReceiveNotification :one
INSERT INTO notifications (id, digest, token, entitlement_id, body, state, effect, reason, copies, received, last_received)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (digest) DO UPDATE SET copies = notifications.copies + 1, last_received = excluded.last_received
RETURNING *;

-- name: UpdateNotification :execrows
UPDATE notifications SET entitlement_id = $2, state = $3, effect = $4, reason = $5 WHERE id = $1;

-- name: Notification :one
SELECT * FROM notifications WHERE id = $1;

-- name: Notifications :many
SELECT * FROM notifications ORDER BY id DESC LIMIT $1;
