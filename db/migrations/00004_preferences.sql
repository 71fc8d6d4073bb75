-- What each member of staff has set for themselves.

-- +goose Up
CREATE TABLE preferences (
  staff_id TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (staff_id, name)
);

-- +goose Down
DROP TABLE preferences;
