-- pj-serverd's database. pj-server.db(5) is its manual page. Never edit a migration that has landed.
-- Times are ms since the epoch; ids of instances are PowerJob's snowflake ids.
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE app (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  name          TEXT NOT NULL UNIQUE,
  password      TEXT NOT NULL,            -- scrypt of the password's MD5: "scrypt$N$r$p$salt$hash", hex
  password_gen  INTEGER NOT NULL DEFAULT 1, -- goes up with each new password: older tokens end
  created_ms    INTEGER NOT NULL,
  modified_ms   INTEGER NOT NULL
);

-- What a job is called and where it stands; what it does is its latest job_version.
CREATE TABLE job (
  id               INTEGER PRIMARY KEY AUTOINCREMENT,
  app_id           INTEGER NOT NULL REFERENCES app(id),
  name             TEXT NOT NULL,
  status           INTEGER NOT NULL,      -- 1 enabled, 2 disabled, 99 deleted
  version          INTEGER NOT NULL,
  next_trigger_ms  INTEGER,               -- the nominal time that comes next; NULL none
  created_ms       INTEGER NOT NULL,
  modified_ms      INTEGER NOT NULL
);
CREATE INDEX job_name ON job(app_id, name);
CREATE INDEX job_due ON job(next_trigger_ms) WHERE status = 1 AND next_trigger_ms IS NOT NULL;

CREATE TABLE job_version (
  job_id              INTEGER NOT NULL REFERENCES job(id),
  version             INTEGER NOT NULL,
  at_ms               INTEGER NOT NULL,
  name                TEXT NOT NULL,
  description         TEXT,
  params              TEXT,
  time_type           INTEGER NOT NULL,   -- 1 API 2 CRON 3 FIXED_RATE 4 FIXED_DELAY 5 WORKFLOW 11 DAILY_TIME_INTERVAL
  time_expr           TEXT,
  execute_type        INTEGER NOT NULL,   -- 1 STANDALONE 2 BROADCAST 3 MAP_REDUCE 4 MAP
  processor_type      INTEGER NOT NULL,   -- 1 BUILT_IN 4 EXTERNAL
  processor_info      TEXT NOT NULL,
  max_instance_num    INTEGER NOT NULL DEFAULT 0,
  concurrency         INTEGER NOT NULL DEFAULT 5,
  time_limit_ms       INTEGER NOT NULL DEFAULT 0,
  instance_retry_num  INTEGER NOT NULL DEFAULT 0,
  task_retry_num      INTEGER NOT NULL DEFAULT 0,
  min_cpu_cores       REAL NOT NULL DEFAULT 0,
  min_memory_gb       REAL NOT NULL DEFAULT 0,
  min_disk_gb         REAL NOT NULL DEFAULT 0,
  designated_workers  TEXT,
  max_worker_count    INTEGER NOT NULL DEFAULT 0,
  notify_user_ids     TEXT,
  extra               TEXT,
  dispatch_strategy   INTEGER NOT NULL DEFAULT 1, -- 1 HEALTH_FIRST 2 RANDOM 11 SPECIFY
  dispatch_config     TEXT,
  start_ms            INTEGER,            -- life cycle, both ends inclusive
  end_ms              INTEGER,
  alarm_config        TEXT,               -- JSON
  tag                 TEXT,
  log_config          TEXT,               -- JSON
  advanced_config     TEXT,               -- JSON
  retry_delay_ms      INTEGER NOT NULL DEFAULT 10000,
  on_lost             TEXT NOT NULL DEFAULT 'rerun', -- rerun fail hold
  PRIMARY KEY (job_id, version)
) WITHOUT ROWID;

CREATE TABLE instance (
  id               INTEGER PRIMARY KEY,
  app_id           INTEGER NOT NULL,
  job_id           INTEGER NOT NULL,
  job_version      INTEGER NOT NULL,
  nominal_ms       INTEGER,               -- NULL: run by hand
  status           INTEGER NOT NULL,      -- 1 waiting 2 sent 3 running 4 failed 5 succeeded 9 canceled 10 stopped
  due_ms           INTEGER NOT NULL,      -- status 1: not dispatched before
  attempt          INTEGER NOT NULL DEFAULT 0, -- the latest attempt's number, 0 none yet
  running_times    INTEGER NOT NULL DEFAULT 0, -- attempts that really started (PowerJob's runningTimes)
  retries_left     INTEGER NOT NULL DEFAULT 0,
  worker           TEXT,                  -- the latest attempt's worker, 'N/A' when none could be had
  job_params       TEXT,                  -- NULL: the job's
  instance_params  TEXT,
  expected_ms      INTEGER NOT NULL,
  actual_ms        INTEGER,
  finished_ms      INTEGER,
  stop_ms          INTEGER,               -- stop was asked for
  result           TEXT,
  exit_code        INTEGER,
  signal           INTEGER,
  log_length       INTEGER,               -- bytes of the last attempt's spool: the log is complete when so much arrived
  wf_instance_id   INTEGER,
  created_ms       INTEGER NOT NULL,
  modified_ms      INTEGER NOT NULL
);
CREATE UNIQUE INDEX instance_nominal ON instance(job_id, nominal_ms) WHERE nominal_ms IS NOT NULL;
CREATE INDEX instance_due ON instance(app_id, due_ms) WHERE status = 1;
CREATE INDEX instance_live ON instance(job_id) WHERE status IN (2, 3);
CREATE INDEX instance_job ON instance(job_id, id);
CREATE INDEX instance_app ON instance(app_id, id);
CREATE INDEX instance_finished ON instance(finished_ms) WHERE finished_ms IS NOT NULL;

CREATE TABLE attempt (
  instance_id  INTEGER NOT NULL,
  attempt      INTEGER NOT NULL,
  worker       TEXT NOT NULL,
  is_pj        INTEGER NOT NULL,          -- 1: a pj worker: it numbers attempts and answers dispatches
  state        INTEGER NOT NULL,          -- see pj-server.db(5)
  opened_ms    INTEGER NOT NULL,
  accepted_ms  INTEGER,
  started_ms   INTEGER,                   -- by the worker's clock
  finished_ms  INTEGER,
  source_start_ms INTEGER,                -- startTime of a Java worker's first report: tells its attempts apart
  last_report_ms INTEGER,                 -- reportTime of the last accepted report
  exit_code    INTEGER,
  signal       INTEGER,
  result       TEXT,
  PRIMARY KEY (instance_id, attempt)
) WITHOUT ROWID;
CREATE INDEX attempt_live ON attempt(state) WHERE state IN (1, 2, 3);

-- Occurrences that did not run: a range of them and why.
CREATE TABLE skipped (
  id           INTEGER PRIMARY KEY,
  job_id       INTEGER NOT NULL,
  job_version  INTEGER NOT NULL,
  first_ms     INTEGER NOT NULL,
  last_ms      INTEGER NOT NULL,
  count        INTEGER NOT NULL,
  reason       TEXT NOT NULL CHECK (reason IN ('disabled', 'missed', 'overlap', 'deadline', 'lifecycle', 'edited', 'deleted')),
  at_ms        INTEGER NOT NULL
);
CREATE INDEX skipped_job ON skipped(job_id, first_ms);
CREATE INDEX skipped_at ON skipped(at_ms);

-- Where each source of an instance's log has been stored up to, and how long its file is: committed together.
CREATE TABLE log_file (
  instance_id  INTEGER PRIMARY KEY,
  length       INTEGER NOT NULL,          -- the file is cut to it at start
  at_ms        INTEGER NOT NULL
);
CREATE INDEX log_file_at ON log_file(at_ms);
CREATE TABLE log_source (
  instance_id  INTEGER NOT NULL,
  spool        TEXT NOT NULL,
  offset       INTEGER NOT NULL,
  PRIMARY KEY (instance_id, spool)
) WITHOUT ROWID;
