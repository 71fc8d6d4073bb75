-- What needs a person, kept by the writer in the transaction of each change, so that the number in every page's header is never counted.

-- +goose Up
CREATE TABLE attention (
  subject TEXT PRIMARY KEY, -- the id of an entitlement or a notification; "line", "reconciliation", "drift"
  sort TEXT NOT NULL,       -- what the subject is
  kind TEXT NOT NULL,       -- what is the matter; empty while nothing is
  state TEXT NOT NULL,      -- later: nothing is the matter yet, look again when due; open; snoozed; decided
  rank BIGINT NOT NULL,     -- of the kind: the lowest is shown first
  mark TEXT NOT NULL,       -- of what it is about, within its kind: another one ends a snooze and a decision
  since BIGINT NOT NULL,
  due BIGINT NOT NULL,      -- when to look at it again, never (the largest number) where nothing becomes of it by time alone
  owner_id TEXT NOT NULL,   -- a member of staff, empty for nobody
  owner_name TEXT NOT NULL,
  until BIGINT NOT NULL,    -- of a snooze
  reason TEXT NOT NULL,     -- of a snooze or a decision
  decided_by TEXT NOT NULL  -- who snoozed or decided, by name
);
CREATE INDEX attention_due ON attention (due);
CREATE INDEX attention_all ON attention (state, rank, since, subject) WHERE state <> 'later';
CREATE INDEX attention_by_kind ON attention (state, kind, rank, since, subject) WHERE state <> 'later';
CREATE INDEX attention_by_owner ON attention (state, owner_id, rank, since, subject) WHERE state <> 'later';

-- How much is open, by kind; and of whatever kind is snoozed.
CREATE TABLE attention_counts (
  kind TEXT PRIMARY KEY,
  n BIGINT NOT NULL
);

-- Whatever may need somebody already is looked at as soon as a portal runs.
INSERT INTO attention (subject, sort, kind, state, rank, mark, since, due, owner_id, owner_name, until, reason, decided_by)
SELECT id, 'entitlement', '', 'later', 0, '', 0, 0, '', '', 0, '', '' FROM entitlements WHERE status IN ('UNKNOWN', 'PENDING', 'FAILED', 'REFUSED')
UNION SELECT entitlement_id, 'entitlement', '', 'later', 0, '', 0, 0, '', '', 0, '', '' FROM requests WHERE state = 'manual'
UNION SELECT id, 'notification', '', 'later', 0, '', 0, 0, '', '', 0, '', '' FROM notifications WHERE state = 'parked'
UNION SELECT 'drift', 'drift', '', 'later', 0, '', 0, 0, '', '', 0, '', '' FROM drift WHERE state = 'open'
UNION SELECT 'line', 'line', '', 'later', 0, '', 0, 0, '', '', 0, '', '' FROM lines WHERE state <> 'open'
UNION SELECT 'reconciliation', 'reconciliation', '', 'later', 0, '', 0, 0, '', '', 0, '', '' FROM jobs WHERE name = 'reconcile';

-- +goose Down
DROP TABLE attention_counts;
DROP TABLE attention;
