-- Substring search on SQLite: an index of every three characters, without positions; the text itself stays in customers.
CREATE VIRTUAL TABLE customer_search USING fts5(search, content='customers', content_rowid='search_key', tokenize='trigram', detail='none');
CREATE TRIGGER customers_search_insert AFTER INSERT ON customers BEGIN
  INSERT INTO customer_search (rowid, search) VALUES (new.search_key, new.search);
END;
CREATE TRIGGER customers_search_delete AFTER DELETE ON customers BEGIN
  INSERT INTO customer_search (customer_search, rowid, search) VALUES ('delete', old.search_key, old.search);
END;
CREATE TRIGGER customers_search_update AFTER UPDATE OF search ON customers BEGIN
  INSERT INTO customer_search (customer_search, rowid, search) VALUES ('delete', old.search_key, old.search);
  INSERT INTO customer_search (rowid, search) VALUES (new.search_key, new.search);
END;
-- Of several processes that migrate a file at once, only one has a migration to its name: the transaction of any other fails.
CREATE UNIQUE INDEX goose_db_version_once ON goose_db_version (version_id);
