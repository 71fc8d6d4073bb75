-- The view gives it the shape of SQLite's index, so that one query serves both.
CREATE INDEX texts_by_search ON texts USING gin (search gin_trgm_ops);
CREATE VIEW text_search AS SELECT search_key AS rowid, search FROM texts;
