-- Substring search on PostgreSQL. The view gives it the shape of SQLite's index, so that one query serves both.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX customers_by_search ON customers USING gin (search gin_trgm_ops);
CREATE VIEW customer_search AS SELECT search_key AS rowid, search FROM customers;
