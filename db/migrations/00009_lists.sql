-- What the lists need: views that the team shares, and ways to what is rare among a million.

-- +goose Up
CREATE TABLE views (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL UNIQUE, -- the name folded, so that no two look alike
  query TEXT NOT NULL, -- as resale.ParseQuery reads it
  created_by_id TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created BIGINT NOT NULL
);

-- An entitlement of a product with few of them is found without a look at all others. A notification changes neither column.
CREATE INDEX entitlements_by_product ON entitlements (product_id, id);
-- Only cancellations and revocations have a reason.
CREATE INDEX requests_by_reason ON requests (reason_category, reason_code, entitlement_id) WHERE reason_category <> '';
CREATE INDEX customers_by_label ON customers (lower(CASE WHEN name = '' THEN identifier ELSE name END), id);

-- +goose Down
DROP INDEX customers_by_label;
DROP INDEX requests_by_reason;
DROP INDEX entitlements_by_product;
DROP TABLE views;
