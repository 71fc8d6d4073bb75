-- name: InsertEvent :exec
INSERT INTO events (id, entitlement_id, customer_id, at, actor_kind, actor_id, actor_name, kind, text, status_from, status_to, evidence_id, notification_id,
  bulk_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

-- name: Events :many
SELECT * FROM events WHERE entitlement_id = $1 ORDER BY id DESC LIMIT $2;

-- name: CustomerEvents :many
SELECT * FROM events WHERE customer_id = $1 ORDER BY id DESC LIMIT $2;

-- name: ReceiveNotification :one
INSERT INTO notifications (id, digest, token, entitlement_id, body, state, effect, reason, copies, received, last_received,
  bango_id, attempts, due)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (digest) DO UPDATE SET copies = notifications.copies + 1, last_received = excluded.last_received
RETURNING *;

-- name: UpdateNotification :execrows
UPDATE notifications SET entitlement_id = $2, state = $3, effect = $4, reason = $5, attempts = $6, due = $7 WHERE id = $1;

-- name: Notification :one
SELECT * FROM notifications WHERE id = $1;

-- name: Notifications :many
SELECT * FROM notifications ORDER BY id DESC LIMIT $1;

-- Also those that are put off for longer than any ever is: the clock was set back.
-- name: WaitingNotifications :many
SELECT * FROM notifications WHERE state = 'waiting' AND (due <= sqlc.arg(now) OR due > sqlc.arg(horizon)) ORDER BY due LIMIT sqlc.arg(at_most);

-- name: ParkedNotifications :many
SELECT * FROM notifications WHERE state = 'parked' ORDER BY id DESC LIMIT $1;

-- name: ParkedNotificationsOf :many
SELECT * FROM notifications WHERE state = 'parked' AND bango_id = $1 ORDER BY id LIMIT $2;
