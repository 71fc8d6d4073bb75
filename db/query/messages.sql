-- name: MessageTemplate :one
SELECT * FROM message_templates WHERE occasion = $1 AND language = $2;

-- name: MessageTemplates :many
SELECT * FROM message_templates ORDER BY occasion, language;

-- name: SaveMessageTemplate :exec
INSERT INTO message_templates (occasion, language, subject, email, short, changed_by, changed) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (occasion, language) DO UPDATE SET subject = excluded.subject, email = excluded.email, short = excluded.short,
  changed_by = excluded.changed_by, changed = excluded.changed;

-- name: DeleteMessageTemplate :exec
DELETE FROM message_templates WHERE occasion = $1 AND language = $2;

-- name: InsertEmail :exec
INSERT INTO emails (id, form_token, entitlement_id, customer_id, occasion, language, recipient, subject, body, actor_kind, actor_id, actor_name,
  state, attempts, due, message, created, updated)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18);

-- name: UpdateEmail :execrows
UPDATE emails SET recipient = $2, subject = $3, body = $4, state = $5, attempts = $6, due = $7, message = $8, updated = $9 WHERE id = $1;

-- name: Email :one
SELECT * FROM emails WHERE id = $1;

-- name: EmailByFormToken :one
SELECT * FROM emails WHERE form_token = $1;

-- The one that is due first.
-- name: NextEmail :one
SELECT * FROM emails WHERE state IN ('queued', 'sending') ORDER BY due LIMIT 1;
