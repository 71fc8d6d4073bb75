-- What customers are told: the texts that admins changed, and the e-mails that wait to be sent.

-- +goose Up
CREATE TABLE message_templates (
  occasion TEXT NOT NULL,
  language TEXT NOT NULL,
  subject TEXT NOT NULL,
  email TEXT NOT NULL,
  short TEXT NOT NULL,
  changed_by TEXT NOT NULL,
  changed BIGINT NOT NULL,
  PRIMARY KEY (occasion, language)
);

CREATE TABLE emails (
  id TEXT PRIMARY KEY,
  form_token TEXT NOT NULL UNIQUE, -- of the form that asked for it, so that one click is one e-mail
  entitlement_id TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  occasion TEXT NOT NULL,
  language TEXT NOT NULL,
  recipient TEXT NOT NULL, -- shortened once it is settled
  subject TEXT NOT NULL,   -- empty once it is settled, and so is the body
  body TEXT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  due BIGINT NOT NULL, -- when a portal may take it
  message TEXT NOT NULL,
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL
);
CREATE INDEX emails_due ON emails (due) WHERE state IN ('queued', 'sending');

-- +goose Down
DROP TABLE emails;
DROP TABLE message_templates;
