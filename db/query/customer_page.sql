-- name: InsertNote :exec
INSERT INTO notes (id, customer_id, text, author_id, author_name, created, pinned, withdrawn, withdrawn_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: UpdateNote :execrows
UPDATE notes SET pinned = $2, withdrawn = $3, withdrawn_by = $4 WHERE id = $1;

-- name: UnpinNotes :exec
UPDATE notes SET pinned = FALSE WHERE customer_id = $1 AND pinned;

-- name: Note :one
SELECT * FROM notes WHERE id = $1;

-- name: NotesOf :many
SELECT * FROM notes WHERE customer_id = $1 ORDER BY id DESC LIMIT $2;

-- name: PinnedNote :one
SELECT * FROM notes WHERE customer_id = $1 AND pinned LIMIT 1;

-- A tag that nobody has any more may be written anew.
-- name: CountTag :exec
INSERT INTO tags (folded, tag, n) VALUES (sqlc.arg(folded), sqlc.arg(tag), sqlc.arg(n))
ON CONFLICT (folded) DO UPDATE SET n = tags.n + excluded.n, tag = CASE WHEN tags.n > 0 THEN tags.tag ELSE excluded.tag END;

-- name: AddTag :execrows
INSERT INTO customer_tags (customer_id, tag) VALUES ($1, $2) ON CONFLICT (customer_id, tag) DO NOTHING;

-- name: RemoveTag :execrows
DELETE FROM customer_tags WHERE customer_id = $1 AND tag = $2;

-- name: TagsOf :many
SELECT tags.tag FROM customer_tags JOIN tags ON tags.folded = customer_tags.tag WHERE customer_tags.customer_id = $1
ORDER BY customer_tags.tag;

-- name: TagsInUse :many
SELECT tag FROM tags WHERE n > 0 ORDER BY n DESC, folded LIMIT $1;

-- name: Tag :one
SELECT tag FROM tags WHERE folded = $1 AND n > 0;

-- name: CustomersByTag :many
SELECT customers.* FROM customer_tags JOIN customers ON customers.id = customer_tags.customer_id
WHERE customer_tags.tag = sqlc.arg(tag) AND customer_tags.customer_id > sqlc.arg(after) ORDER BY customer_tags.customer_id LIMIT sqlc.arg(at_most);

-- name: SetIdentifier :execrows
UPDATE customers SET identifier = $2, search = $3 WHERE id = $1;

-- name: KeepIdentifier :exec
INSERT INTO customer_identifiers (customer_id, identifier, until) VALUES ($1, $2, $3)
ON CONFLICT (customer_id, identifier) DO UPDATE SET until = excluded.until;

-- name: DropIdentifier :exec
DELETE FROM customer_identifiers WHERE customer_id = $1 AND identifier = $2;

-- name: FormerIdentifiers :many
SELECT * FROM customer_identifiers WHERE customer_id = $1 ORDER BY until DESC, identifier;

-- name: CustomersOnceKnownAs :many
SELECT customers.* FROM customer_identifiers JOIN customers ON customers.id = customer_identifiers.customer_id
WHERE customer_identifiers.identifier = $1 ORDER BY customer_identifiers.until DESC, customers.id LIMIT $2;

-- name: LiveEntitlementsOf :many
SELECT * FROM entitlements WHERE customer_id = $1 AND status NOT IN ('CANCELLED', 'REVOKED', 'REFUSED') ORDER BY id DESC LIMIT $2;

-- What was asked of Bango about the services that a customer has, looks at its record aside, newest first.
-- name: LiveRequestsOf :many
SELECT requests.* FROM entitlements JOIN requests ON requests.entitlement_id = entitlements.id
WHERE entitlements.customer_id = $1 AND entitlements.status NOT IN ('CANCELLED', 'REVOKED', 'REFUSED') AND requests.kind <> 'check'
ORDER BY requests.id DESC LIMIT $2;

-- name: InsertActGroup :exec
INSERT INTO act_groups (id, form_token, customer_id, kind, identifier, former, reason, actor_kind, actor_id, actor_name, created)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: InsertActGroupRow :exec
INSERT INTO act_group_rows (group_id, entitlement_id, request_id, why) VALUES ($1, $2, $3, $4);

-- name: ActGroup :one
SELECT * FROM act_groups WHERE id = $1;

-- name: ActGroupByFormToken :one
SELECT * FROM act_groups WHERE form_token = $1;

-- name: ActGroupsOf :many
SELECT * FROM act_groups WHERE customer_id = $1 AND kind = $2 ORDER BY id DESC LIMIT $3;

-- name: ActGroupRows :many
SELECT * FROM act_group_rows WHERE group_id = $1 ORDER BY entitlement_id DESC;

-- name: ActGroupEntitlements :many
SELECT entitlements.* FROM act_group_rows JOIN entitlements ON entitlements.id = act_group_rows.entitlement_id WHERE act_group_rows.group_id = $1;

-- name: ActGroupRequests :many
SELECT requests.* FROM act_group_rows JOIN requests ON requests.id = act_group_rows.request_id WHERE act_group_rows.group_id = $1;

-- name: AFormerIdentifier :one
SELECT identifier FROM customer_identifiers LIMIT 1;
