-- worker.db: shared by the programs of one worker host, one writer a table. pj-worker.db(5) is its manual page.
-- Times are ms since the epoch unless the name says boot.
-- by pj-workerd
CREATE TABLE self (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  address    TEXT NOT NULL,               -- host:port the server is told
  boot_id    TEXT NOT NULL,
  started_ms INTEGER NOT NULL,
  slots      INTEGER NOT NULL
);
CREATE TABLE slot (
  slot  INTEGER PRIMARY KEY,
  seq   INTEGER NOT NULL                  -- the last use given out: never goes back
);
CREATE TABLE assignment (
  instance_id  INTEGER NOT NULL,
  attempt      INTEGER NOT NULL,          -- 0: from a server that does not number them
  job_id       INTEGER NOT NULL,
  wf_instance_id INTEGER,
  state        INTEGER NOT NULL,          -- see pj-worker.db(5)
  slot         INTEGER,
  seq          INTEGER,
  boot_id      TEXT NOT NULL,             -- the boot in which the spawner was told
  spec         TEXT NOT NULL,             -- the run request as it came, JSON
  source       TEXT NOT NULL,             -- 'pj' signed peer, 'plain' a PowerJob server
  accepted_ms  INTEGER NOT NULL,
  started_ms   INTEGER,
  finished_ms  INTEGER,
  stop_ms      INTEGER,                   -- a written stop
  PRIMARY KEY (instance_id, attempt)
) WITHOUT ROWID;
CREATE INDEX assignment_open ON assignment(state) WHERE finished_ms IS NULL;
CREATE INDEX assignment_finished ON assignment(finished_ms) WHERE finished_ms IS NOT NULL;
CREATE TABLE outbox (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  instance_id  INTEGER NOT NULL,
  attempt      INTEGER NOT NULL,
  body         TEXT NOT NULL,             -- the final report, JSON
  created_ms   INTEGER NOT NULL
);
-- by pj-discover
CREATE TABLE server (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  app        TEXT NOT NULL,
  app_id     INTEGER NOT NULL,
  via        TEXT NOT NULL,               -- host:port of the 7700 that answered
  address    TEXT,                        -- host:port of the server that owns the app; NULL none answers
  checked_ms INTEGER NOT NULL,
  failures   INTEGER NOT NULL DEFAULT 0   -- rounds in a row without an answer
);
-- by pj-logship
CREATE TABLE log_offset (
  spool      TEXT PRIMARY KEY,            -- file name
  instance_id INTEGER NOT NULL,
  attempt    INTEGER NOT NULL,
  offset     INTEGER NOT NULL,            -- acknowledged by the server up to here
  at_ms      INTEGER NOT NULL
) WITHOUT ROWID;
