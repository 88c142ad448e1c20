-- What somebody should be told of. Nothing tells anybody yet: the rows wait.
CREATE TABLE alarm (
  id           INTEGER PRIMARY KEY,
  at_ms        INTEGER NOT NULL,
  app_id       INTEGER NOT NULL,
  job_id       INTEGER NOT NULL,
  instance_id  INTEGER NOT NULL,
  attempt      INTEGER NOT NULL,
  kind         TEXT NOT NULL CHECK (kind IN ('failed', 'reported')),
  source_ms    INTEGER NOT NULL,          -- reported: the report's time, by which one that comes again is known
  text         TEXT
);
CREATE UNIQUE INDEX alarm_source ON alarm(instance_id, attempt, kind, source_ms);
CREATE INDEX alarm_at ON alarm(at_ms);
