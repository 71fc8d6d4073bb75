-- The schema of SQLite and PostgreSQL alike: times are microseconds since 1970 in UTC (0 = none), ids are text, nothing is null.

-- +goose Up
CREATE TABLE customers (
  id TEXT PRIMARY KEY,
  identifier TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  phone TEXT NOT NULL,
  search TEXT NOT NULL,
  search_key BIGINT NOT NULL UNIQUE, -- random; the search index knows a customer by it, because a VACUUM renumbers SQLite's own row ids
  created BIGINT NOT NULL
);

CREATE TABLE merchants (
  id TEXT PRIMARY KEY,
  account_key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL
);

CREATE TABLE products (
  id TEXT PRIMARY KEY,
  merchant_id TEXT NOT NULL REFERENCES merchants,
  product_key TEXT NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (merchant_id, product_key)
);

CREATE TABLE offers (
  id TEXT PRIMARY KEY,
  product_id TEXT NOT NULL REFERENCES products,
  offer_key TEXT NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (product_id, offer_key)
);

CREATE TABLE entitlements (
  id TEXT PRIMARY KEY,
  ref TEXT NOT NULL UNIQUE,
  customer_id TEXT NOT NULL REFERENCES customers,
  product_id TEXT NOT NULL REFERENCES products,
  offer_id TEXT NOT NULL,
  customer_identifier TEXT NOT NULL,
  merchant_key TEXT NOT NULL,
  product_key TEXT NOT NULL,
  offer_key TEXT NOT NULL,
  status TEXT NOT NULL,
  bango_status TEXT NOT NULL,
  bango_id TEXT NOT NULL,
  message TEXT NOT NULL,
  registration_url TEXT NOT NULL,
  activation_code TEXT NOT NULL,
  date_created BIGINT NOT NULL,
  date_activated BIGINT NOT NULL,
  date_ended BIGINT NOT NULL,
  date_suspended BIGINT NOT NULL,
  date_resumed BIGINT NOT NULL,
  date_expiry BIGINT NOT NULL,
  date_last_updated BIGINT NOT NULL,
  notified_at BIGINT NOT NULL,
  checked_at BIGINT NOT NULL,
  notify_token TEXT NOT NULL UNIQUE,
  signup_token TEXT NOT NULL UNIQUE,
  form_token TEXT NOT NULL UNIQUE,
  opened BIGINT NOT NULL,
  opened_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL
);
-- Each index more costs every notification: these are the ones that a page or the sender cannot do without.
CREATE INDEX entitlements_by_customer ON entitlements (customer_id, id);
CREATE INDEX entitlements_by_bango_id ON entitlements (bango_id);
CREATE INDEX entitlements_by_status ON entitlements (status, updated, id);
CREATE INDEX entitlements_by_change ON entitlements (updated, id);

-- Kept by the writer, in the transaction of the change, so that pages never count.
CREATE TABLE status_counts (
  status TEXT PRIMARY KEY,
  n BIGINT NOT NULL
);

CREATE TABLE requests (
  id TEXT PRIMARY KEY, -- the X-RequestIdentifier
  entitlement_id TEXT NOT NULL REFERENCES entitlements,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  reason_category TEXT NOT NULL,
  reason_code TEXT NOT NULL,
  reason_description TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  not_before BIGINT NOT NULL,
  leased_until BIGINT NOT NULL,
  message TEXT NOT NULL,
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  due BIGINT NOT NULL -- when a sender may take it: not_before, while leased leased_until, once settled never (the largest number)
);
CREATE INDEX requests_by_due ON requests (due);
CREATE INDEX requests_by_entitlement ON requests (entitlement_id, id);

CREATE TABLE evidence (
  id TEXT PRIMARY KEY,
  request_id TEXT NOT NULL,
  at BIGINT NOT NULL,
  method TEXT NOT NULL,
  path TEXT NOT NULL,
  sent TEXT NOT NULL,
  http_status BIGINT NOT NULL,
  received TEXT NOT NULL,
  duration BIGINT NOT NULL, -- microseconds
  error TEXT NOT NULL
);

-- No foreign keys: history outlives its subject.
CREATE TABLE events (
  id TEXT PRIMARY KEY,
  entitlement_id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  at BIGINT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  kind TEXT NOT NULL,
  text TEXT NOT NULL,
  status_from TEXT NOT NULL,
  status_to TEXT NOT NULL,
  evidence_id TEXT NOT NULL,
  notification_id TEXT NOT NULL
);
CREATE INDEX events_by_entitlement ON events (entitlement_id, id);
CREATE INDEX events_by_customer ON events (customer_id, id);

CREATE TABLE notifications (
  id TEXT PRIMARY KEY,
  digest BYTEA NOT NULL UNIQUE,
  token TEXT NOT NULL,
  entitlement_id TEXT NOT NULL,
  body BYTEA NOT NULL,
  state TEXT NOT NULL,
  effect TEXT NOT NULL,
  reason TEXT NOT NULL,
  copies BIGINT NOT NULL,
  received BIGINT NOT NULL,
  last_received BIGINT NOT NULL
);

CREATE TABLE staff (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  disabled BOOLEAN NOT NULL,
  created BIGINT NOT NULL
);

CREATE TABLE sessions (
  id_hash BYTEA PRIMARY KEY,
  staff_id TEXT NOT NULL REFERENCES staff,
  created BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  expires BIGINT NOT NULL
);
CREATE INDEX sessions_by_expiry ON sessions (expires);

CREATE TABLE setup_links (
  token_hash BYTEA PRIMARY KEY,
  staff_id TEXT NOT NULL REFERENCES staff,
  expires BIGINT NOT NULL
);

CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

-- +goose Down
DROP TABLE settings;
DROP TABLE setup_links;
DROP TABLE sessions;
DROP TABLE staff;
DROP TABLE notifications;
DROP TABLE events;
DROP TABLE evidence;
DROP TABLE requests;
DROP TABLE status_counts;
DROP TABLE entitlements;
DROP TABLE offers;
DROP TABLE products;
DROP TABLE merchants;
DROP TABLE customers;
