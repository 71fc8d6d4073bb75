-- Bulk jobs: one act for many entitlements, on a set that is frozen and judged before anything is asked of Bango.

-- +goose Up
CREATE TABLE bulk_jobs (
  id TEXT PRIMARY KEY,
  number BIGINT NOT NULL UNIQUE, -- what people call it
  ask TEXT NOT NULL, -- JSON: the act with its reason or terms; each row may have one of its own
  source TEXT NOT NULL,
  filter TEXT NOT NULL, -- JSON: the view of the list that the set is, empty where chunks hold it
  state TEXT NOT NULL,
  cursor TEXT NOT NULL, -- where judging goes on
  counts TEXT NOT NULL, -- JSON, kept with each change of a row, so that pages never count
  slot BIGINT NOT NULL, -- the last request that was given a time: the next one gets a later one
  message TEXT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  confirmed_kind TEXT NOT NULL,
  confirmed_id TEXT NOT NULL,
  confirmed_name TEXT NOT NULL,
  created BIGINT NOT NULL,
  confirmed BIGINT NOT NULL,
  updated BIGINT NOT NULL
);
CREATE INDEX bulk_jobs_active ON bulk_jobs (number) WHERE state IN ('judging', 'running', 'paused', 'stopping');

-- What was given, until it is judged.
CREATE TABLE bulk_chunks (
  job_id TEXT NOT NULL REFERENCES bulk_jobs,
  n BIGINT NOT NULL,
  items TEXT NOT NULL, -- JSON
  PRIMARY KEY (job_id, n)
);

-- The frozen set, in the order in which it was given. No foreign key to the entitlement: many rows have none.
CREATE TABLE bulk_rows (
  job_id TEXT NOT NULL REFERENCES bulk_jobs,
  n BIGINT NOT NULL,
  input TEXT NOT NULL,
  ask TEXT NOT NULL, -- JSON: this row's own act, empty for the job's
  entitlement_id TEXT NOT NULL,
  ref TEXT NOT NULL,
  customer_identifier TEXT NOT NULL,
  product_key TEXT NOT NULL,
  status TEXT NOT NULL, -- when it was judged
  verdict TEXT NOT NULL,
  why TEXT NOT NULL,
  state TEXT NOT NULL,
  request_id TEXT NOT NULL,
  message TEXT NOT NULL,
  judged BIGINT NOT NULL,
  asked BIGINT NOT NULL,
  settled BIGINT NOT NULL,
  PRIMARY KEY (job_id, n)
);
CREATE INDEX bulk_rows_by_verdict ON bulk_rows (job_id, verdict, n);
CREATE INDEX bulk_rows_by_state ON bulk_rows (job_id, state, n);
-- Each entitlement is judged once in a job, however often it was given.
CREATE UNIQUE INDEX bulk_rows_by_entitlement ON bulk_rows (job_id, entitlement_id) WHERE entitlement_id <> '' AND verdict <> 'twice';
CREATE UNIQUE INDEX bulk_rows_by_request ON bulk_rows (request_id) WHERE request_id <> '';

ALTER TABLE events ADD COLUMN bulk_id TEXT NOT NULL DEFAULT ''; -- of what is about a bulk job as a whole
CREATE INDEX events_by_bulk ON events (bulk_id, id) WHERE bulk_id <> '';

-- +goose Down
DROP INDEX events_by_bulk;
ALTER TABLE events DROP COLUMN bulk_id;
DROP TABLE bulk_rows;
DROP TABLE bulk_chunks;
DROP TABLE bulk_jobs;
