-- Rows are numbered in the order in which calls ended. What is only shown, not searched, is in record.
CREATE TABLE call (
  rec       INTEGER PRIMARY KEY,
  id        TEXT    NOT NULL,
  start     INTEGER NOT NULL, -- Unix microseconds
  "end"     INTEGER NOT NULL,
  called    TEXT    NOT NULL, -- normalized, or as received
  calling   TEXT    NOT NULL,
  trunk_in  TEXT    NOT NULL,
  trunk_out TEXT    NOT NULL,
  reason    TEXT    NOT NULL,
  flags     INTEGER NOT NULL  -- 1 emergency, 2 failed
);

-- Order of lists, and what makes a record unique.
CREATE UNIQUE INDEX call_start ON call (start, id);
CREATE INDEX call_failed ON call (start, id) WHERE flags >= 2;

-- The whole record (see cdr.AppendBinary), apart from call so that searches read little.
CREATE TABLE record (
  rec    INTEGER PRIMARY KEY,
  stored BLOB NOT NULL
);

-- What a call is found by: numbers that stand for its id, Call-IDs and telephone numbers (see keys.go). The
-- bucket (rec / 8192) keeps insertions close together: a look-up asks every bucket.
CREATE TABLE key (
  bucket INTEGER NOT NULL,
  key    INTEGER NOT NULL,
  rec    INTEGER NOT NULL,
  PRIMARY KEY (bucket, key, rec)
) WITHOUT ROWID;
