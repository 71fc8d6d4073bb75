-- What the whole life of an entitlement at Bango needs: terms, the line to Bango, what merchants can do, background jobs, and drift.

-- +goose Up
ALTER TABLE entitlements ADD COLUMN display_name TEXT NOT NULL DEFAULT '';
ALTER TABLE entitlements ADD COLUMN extension_data TEXT NOT NULL DEFAULT '';
ALTER TABLE entitlements ADD COLUMN next_identifier TEXT NOT NULL DEFAULT '';
ALTER TABLE entitlements ADD COLUMN registration_expires BIGINT NOT NULL DEFAULT 0;
ALTER TABLE entitlements ADD COLUMN notify_base TEXT NOT NULL DEFAULT ''; -- the public URL that its notification URL at Bango begins with

ALTER TABLE requests ADD COLUMN terms TEXT NOT NULL DEFAULT ''; -- JSON, of a create or an update
CREATE INDEX requests_manual ON requests (updated, id) WHERE state = 'manual';

ALTER TABLE notifications ADD COLUMN bango_id TEXT NOT NULL DEFAULT '';
ALTER TABLE notifications ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE notifications ADD COLUMN due BIGINT NOT NULL DEFAULT 0;
CREATE INDEX notifications_waiting ON notifications (due) WHERE state = 'waiting';
CREATE INDEX notifications_parked ON notifications (bango_id, id) WHERE state = 'parked';

-- The one line to Bango, shared by all portals on this database.
CREATE TABLE lines (
  name TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  failures BIGINT NOT NULL,
  message TEXT NOT NULL,
  since BIGINT NOT NULL,
  next_try BIGINT NOT NULL
);

CREATE TABLE abilities (
  merchant_key TEXT NOT NULL,
  kind TEXT NOT NULL,
  setting TEXT NOT NULL,
  refusals BIGINT NOT NULL,
  message TEXT NOT NULL,
  set_by TEXT NOT NULL,
  updated BIGINT NOT NULL,
  PRIMARY KEY (merchant_key, kind)
);

CREATE TABLE jobs (
  name TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  cursor TEXT NOT NULL,
  done BIGINT NOT NULL,
  found BIGINT NOT NULL,
  message TEXT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  slot BIGINT NOT NULL,
  started BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  next_run BIGINT NOT NULL
);

CREATE TABLE drift (
  id TEXT PRIMARY KEY,
  subject TEXT NOT NULL UNIQUE, -- Bango's id of the entitlement, or ours where Bango has none
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  entitlement_id TEXT NOT NULL,
  ours_status TEXT NOT NULL,
  ours_product TEXT NOT NULL,
  fact TEXT NOT NULL, -- JSON, what Bango says
  source TEXT NOT NULL,
  found BIGINT NOT NULL,
  settled BIGINT NOT NULL,
  settled_by TEXT NOT NULL
);
CREATE INDEX drift_open ON drift (id) WHERE state = 'open';

-- +goose Down
DROP TABLE drift;
DROP TABLE jobs;
DROP TABLE abilities;
DROP TABLE lines;
DROP INDEX notifications_parked;
DROP INDEX notifications_waiting;
ALTER TABLE notifications DROP COLUMN due;
ALTER TABLE notifications DROP COLUMN attempts;
ALTER TABLE notifications DROP COLUMN bango_id;
DROP INDEX requests_manual;
ALTER TABLE requests DROP COLUMN terms;
ALTER TABLE entitlements DROP COLUMN notify_base;
ALTER TABLE entitlements DROP COLUMN registration_expires;
ALTER TABLE entitlements DROP COLUMN next_identifier;
ALTER TABLE entitlements DROP COLUMN extension_data;
ALTER TABLE entitlements DROP COLUMN display_name;
