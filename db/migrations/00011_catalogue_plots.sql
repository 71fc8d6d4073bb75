-- What admins say of the catalogue, and the figures that plots are drawn from.

-- +goose Up
ALTER TABLE merchants ADD COLUMN link_hosts TEXT NOT NULL DEFAULT ''; -- where its registration links may lead, comma-separated
ALTER TABLE merchants ADD COLUMN version BIGINT NOT NULL DEFAULT 0; -- how often it was changed
ALTER TABLE products ADD COLUMN default_data TEXT NOT NULL DEFAULT ''; -- custom data of a new entitlement, a JSON object
ALTER TABLE products ADD COLUMN retired BIGINT NOT NULL DEFAULT 0;
ALTER TABLE products ADD COLUMN version BIGINT NOT NULL DEFAULT 0; -- also of its offers and its texts

CREATE TABLE product_texts (
  product_id TEXT NOT NULL REFERENCES products,
  language TEXT NOT NULL,
  name TEXT NOT NULL,
  help TEXT NOT NULL,
  PRIMARY KEY (product_id, language)
);

-- The timeline of the catalogue. No foreign keys: history outlives its subject.
CREATE TABLE catalogue_events (
  id TEXT PRIMARY KEY,
  merchant_id TEXT NOT NULL,
  product_id TEXT NOT NULL, -- empty for what concerns the merchant alone
  at BIGINT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  text TEXT NOT NULL
);
CREATE INDEX catalogue_events_by_merchant ON catalogue_events (merchant_id, id);

-- The steps in the life of each entitlement, 0 for one that was not made. A row changes at a step alone, a few times in a life, so that its
-- indexes cost a notification nothing.
CREATE TABLE lives (
  entitlement_id TEXT PRIMARY KEY,
  product_id TEXT NOT NULL,
  created BIGINT NOT NULL, -- 0 where it was adopted, not asked for here
  opened BIGINT NOT NULL, -- the first time
  activated BIGINT NOT NULL,
  ended BIGINT NOT NULL,
  waiting BIGINT NOT NULL, -- since when it is PENDING
  reason TEXT NOT NULL -- of the end: category/code, empty where we gave none
);

-- How many lives made a step on a day. Kept by the writer, in the transaction of the change, so that pages never count. The sum over all
-- products has an empty product_id.
CREATE TABLE tallies (
  what TEXT NOT NULL,
  product_id TEXT NOT NULL,
  day BIGINT NOT NULL, -- since 1970, UTC
  detail TEXT NOT NULL, -- the reason of an end, or how long a step took, see resale.Spread
  n BIGINT NOT NULL,
  PRIMARY KEY (what, product_id, day, detail)
);

INSERT INTO lives (entitlement_id, product_id, created, opened, activated, ended, waiting, reason)
SELECT e.id, e.product_id,
  CASE WHEN EXISTS (SELECT 1 FROM events v WHERE v.entitlement_id = e.id AND v.kind = 'adopted') THEN 0 ELSE e.created END,
  CASE WHEN e.opened = 0 THEN 0
    ELSE COALESCE((SELECT min(v.at) FROM events v WHERE v.entitlement_id = e.id AND v.kind = 'continued'), e.opened_at) END,
  CASE WHEN e.date_activated <> 0 THEN e.date_activated
    ELSE COALESCE((SELECT min(v.at) FROM events v WHERE v.entitlement_id = e.id AND v.status_to IN ('ACTIVE', 'ACTIVE-ENDING', 'SUSPENDED')),
      CASE WHEN e.status IN ('ACTIVE', 'ACTIVE-ENDING', 'SUSPENDED') THEN e.updated ELSE 0 END) END,
  CASE WHEN e.status NOT IN ('CANCELLED', 'REVOKED') THEN 0 WHEN e.date_ended <> 0 THEN e.date_ended
    ELSE COALESCE((SELECT max(v.at) FROM events v WHERE v.entitlement_id = e.id AND v.status_to IN ('CANCELLED', 'REVOKED')), e.updated) END,
  CASE WHEN e.status <> 'PENDING' THEN 0
    ELSE COALESCE((SELECT max(v.at) FROM events v WHERE v.entitlement_id = e.id AND v.status_to = 'PENDING'), e.updated) END,
  CASE WHEN e.status NOT IN ('CANCELLED', 'REVOKED') THEN ''
    ELSE COALESCE((SELECT CASE r.kind WHEN 'undo' THEN '' ELSE r.reason_category || '/' || r.reason_code END FROM requests r
      WHERE r.entitlement_id = e.id AND r.kind IN ('cancel', 'revoke', 'undo') AND r.state <> 'refused' ORDER BY r.id DESC LIMIT 1), '') END
FROM entitlements e;

CREATE INDEX lives_by_creation ON lives (created, entitlement_id) WHERE created > 0;
CREATE INDEX lives_by_product ON lives (product_id, created, entitlement_id) WHERE created > 0;
CREATE INDEX lives_by_activation ON lives (activated, entitlement_id) WHERE activated > 0;
CREATE INDEX lives_by_end ON lives (ended, entitlement_id) WHERE ended > 0;
CREATE INDEX lives_by_reason ON lives (reason, ended, entitlement_id) WHERE ended > 0;
CREATE INDEX lives_waiting ON lives (waiting, entitlement_id, product_id) WHERE waiting > 0;

INSERT INTO tallies (what, product_id, day, detail, n)
SELECT 'created', product_id, created / 86400000000, '', count(*) FROM lives WHERE created > 0 GROUP BY product_id, created / 86400000000;
INSERT INTO tallies (what, product_id, day, detail, n)
SELECT 'activated', product_id, activated / 86400000000, '', count(*) FROM lives WHERE activated > 0
GROUP BY product_id, activated / 86400000000;
INSERT INTO tallies (what, product_id, day, detail, n)
SELECT 'ended', product_id, ended / 86400000000, reason, count(*) FROM lives WHERE ended > 0 GROUP BY product_id, ended / 86400000000, reason;

-- How long it took, in whole seconds of at least one: eight steps to each power of two.
INSERT INTO tallies (what, product_id, day, detail, n)
WITH RECURSIVE powers(k, p) AS (
  SELECT CAST(0 AS BIGINT), CAST(1 AS BIGINT) UNION ALL SELECT k + 1, p * 2 FROM powers WHERE k < 40
), took(what, product_id, day, s) AS (
  SELECT 'to_open', product_id, created / 86400000000, (opened - created) / 1000000 FROM lives WHERE created > 0 AND opened > 0
  UNION ALL
  SELECT 'to_active', product_id, created / 86400000000, (activated - created) / 1000000 FROM lives WHERE created > 0 AND activated > 0
  UNION ALL
  SELECT 'from_open', product_id, created / 86400000000, (activated - opened) / 1000000 FROM lives
  WHERE created > 0 AND opened > 0 AND activated > 0
), whole(what, product_id, day, s, n) AS (
  SELECT what, product_id, day, CASE WHEN s < 1 THEN 1 ELSE s END, count(*) FROM took GROUP BY 1, 2, 3, 4
)
SELECT whole.what, whole.product_id, whole.day, CAST(8 * powers.k + (whole.s - powers.p) * 8 / powers.p AS TEXT), CAST(sum(whole.n) AS BIGINT)
FROM whole JOIN powers ON powers.p <= whole.s AND whole.s < 2 * powers.p
GROUP BY 1, 2, 3, 4;

INSERT INTO tallies (what, product_id, day, detail, n)
SELECT what, '', day, detail, CAST(sum(n) AS BIGINT) FROM tallies GROUP BY what, day, detail;

-- +goose Down
DROP TABLE tallies;
DROP TABLE lives;
DROP TABLE catalogue_events;
DROP TABLE product_texts;
ALTER TABLE products DROP COLUMN version;
ALTER TABLE products DROP COLUMN retired;
ALTER TABLE products DROP COLUMN default_data;
ALTER TABLE merchants DROP COLUMN version;
ALTER TABLE merchants DROP COLUMN link_hosts;
