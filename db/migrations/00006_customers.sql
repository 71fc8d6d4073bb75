-- What staff keep of a customer: notes, tags, former identifiers; and what was asked for several of their services together.

-- +goose Up
CREATE TABLE notes (
  id TEXT PRIMARY KEY, -- that of the event which tells of it, too
  customer_id TEXT NOT NULL,
  text TEXT NOT NULL,
  author_id TEXT NOT NULL,
  author_name TEXT NOT NULL,
  created BIGINT NOT NULL,
  pinned BOOLEAN NOT NULL,
  withdrawn BIGINT NOT NULL, -- 0 while it holds
  withdrawn_by TEXT NOT NULL
);
CREATE INDEX notes_by_customer ON notes (customer_id, id);

-- A tag as people first wrote it, by its folded form, and how many customers have it: kept, so that nobody counts.
CREATE TABLE tags (
  folded TEXT PRIMARY KEY,
  tag TEXT NOT NULL,
  n BIGINT NOT NULL
);
CREATE TABLE customer_tags (
  customer_id TEXT NOT NULL,
  tag TEXT NOT NULL, -- folded
  PRIMARY KEY (customer_id, tag)
);
CREATE INDEX customer_tags_by_tag ON customer_tags (tag, customer_id);

-- What a customer was known by before.
CREATE TABLE customer_identifiers (
  customer_id TEXT NOT NULL,
  identifier TEXT NOT NULL,
  until BIGINT NOT NULL,
  PRIMARY KEY (customer_id, identifier)
);
CREATE INDEX customer_identifiers_by_identifier ON customer_identifiers (identifier, until);

-- One thing asked for several services of a customer by one form.
CREATE TABLE act_groups (
  id TEXT PRIMARY KEY,
  form_token TEXT NOT NULL UNIQUE,
  customer_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  identifier TEXT NOT NULL, -- the new one, where that is what was asked for
  former TEXT NOT NULL,     -- the one before it
  reason TEXT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  created BIGINT NOT NULL
);
CREATE INDEX act_groups_by_customer ON act_groups (customer_id, kind, id);
CREATE TABLE act_group_rows (
  group_id TEXT NOT NULL,
  entitlement_id TEXT NOT NULL,
  request_id TEXT NOT NULL, -- empty where nothing was asked
  why TEXT NOT NULL,        -- why nothing was asked
  PRIMARY KEY (group_id, entitlement_id)
);

-- +goose Down
DROP TABLE act_group_rows;
DROP TABLE act_groups;
DROP TABLE customer_identifiers;
DROP TABLE customer_tags;
DROP TABLE tags;
DROP TABLE notes;
