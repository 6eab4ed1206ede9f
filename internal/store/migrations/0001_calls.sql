-- Rows are numbered in the order in which calls ended.
CREATE TABLE call (
  rec         INTEGER PRIMARY KEY,
  id          TEXT    NOT NULL,
  server      TEXT    NOT NULL,
  start       INTEGER NOT NULL, -- Unix nanoseconds
  answered    INTEGER NOT NULL, -- 0: never
  "end"       INTEGER NOT NULL,
  called      TEXT    NOT NULL, -- normalized, or as received
  calling     TEXT    NOT NULL,
  user        TEXT    NOT NULL,
  trunk_in    TEXT    NOT NULL,
  trunk_out   TEXT    NOT NULL,
  call_id_in  TEXT    NOT NULL,
  call_id_out TEXT    NOT NULL,
  reason      TEXT    NOT NULL,
  status      INTEGER NOT NULL,
  cause       INTEGER NOT NULL,
  ended_by    TEXT    NOT NULL,
  flags       INTEGER NOT NULL, -- 1 emergency, 2 failed
  attempts    INTEGER NOT NULL
);

-- Order of lists, and what makes a record unique.
CREATE UNIQUE INDEX call_start ON call (start, id);
CREATE INDEX call_failed ON call (start, id) WHERE flags >= 2;

-- The whole record (see cdr.AppendBinary), apart from call so that lists read little.
CREATE TABLE record (
  rec  INTEGER PRIMARY KEY,
  stored BLOB NOT NULL
);

-- What a call is found by: 'i' + record id, 'c' + Call-ID of either leg, 'n' + a number backwards, each cut
-- to 24 bytes. The bucket (rec / 8192) keeps insertions close together: a look-up asks every bucket.
CREATE TABLE key (
  bucket INTEGER NOT NULL,
  key    TEXT    NOT NULL,
  rec    INTEGER NOT NULL,
  PRIMARY KEY (bucket, key, rec)
) WITHOUT ROWID;
