-- What staff wrote in their own words, as the search finds it.
CREATE TABLE texts (
  kind TEXT NOT NULL,
  id TEXT NOT NULL, -- of what has the text: a request, a note
  customer_id TEXT NOT NULL,
  entitlement_id TEXT NOT NULL,
  text TEXT NOT NULL,
  search TEXT NOT NULL, -- the text, folded
  search_key BIGINT NOT NULL UNIQUE, -- as that of customers
  at BIGINT NOT NULL,
  PRIMARY KEY (kind, id)
);
