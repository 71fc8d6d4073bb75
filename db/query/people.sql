-- name: InsertStaff :exec
INSERT INTO staff (id, email, name, role, password_hash, disabled, created) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: UpdateStaff :execrows
UPDATE staff SET name = $2, role = $3, password_hash = $4, disabled = $5 WHERE id = $1;

-- name: Staff :one
SELECT * FROM staff WHERE id = $1;

-- name: StaffByEmail :one
SELECT * FROM staff WHERE email = $1;

-- name: InsertSession :exec
INSERT INTO sessions (id_hash, staff_id, created, last_seen, expires) VALUES ($1, $2, $3, $4, $5);

-- name: Session :one
SELECT * FROM sessions WHERE id_hash = $1;

-- name: TouchSession :exec
UPDATE sessions SET last_seen = $2 WHERE id_hash = $1;

-- name: DeleteSession :exec
DELETE FROM sessions WHERE id_hash = $1;

-- name: DeleteExpiredSessions :exec
DELETE FROM sessions WHERE expires < $1;

-- name: InsertSetupLink :exec
INSERT INTO setup_links (token_hash, staff_id, expires) VALUES ($1, $2, $3);

-- name: SetupLink :one
SELECT * FROM setup_links WHERE token_hash = $1;

-- name: DeleteSetupLinks :exec
DELETE FROM setup_links WHERE staff_id = $1;

-- name: InsertSetting :exec
INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING;

-- name: Setting :one
SELECT value FROM settings WHERE name = $1;

-- name: Preferences :many
SELECT name, value FROM preferences WHERE staff_id = $1;

-- name: SetPreference :exec
INSERT INTO preferences (staff_id, name, value) VALUES ($1, $2, $3)
ON CONFLICT (staff_id, name) DO UPDATE SET value = excluded.value;
