-- As the index of customers: every three characters, without positions.
CREATE VIRTUAL TABLE text_search USING fts5(search, content='texts', content_rowid='search_key', tokenize='trigram', detail='none');
CREATE TRIGGER texts_insert AFTER INSERT ON texts BEGIN
  INSERT INTO text_search (rowid, search) VALUES (new.search_key, new.search);
END;
CREATE TRIGGER texts_delete AFTER DELETE ON texts BEGIN
  INSERT INTO text_search (text_search, rowid, search) VALUES ('delete', old.search_key, old.search);
END;
CREATE TRIGGER texts_update AFTER UPDATE OF search ON texts BEGIN
  INSERT INTO text_search (text_search, rowid, search) VALUES ('delete', old.search_key, old.search);
  INSERT INTO text_search (rowid, search) VALUES (new.search_key, new.search);
END;
