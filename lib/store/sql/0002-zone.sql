-- The time zone of each job's expression, and its gaps and folds.
ALTER TABLE job_version ADD COLUMN tz TEXT;                            -- IANA zone of the expression; NULL the server's
ALTER TABLE job_version ADD COLUMN gap TEXT NOT NULL DEFAULT 'skip';   -- skip run-after shift: times that do not exist
ALTER TABLE job_version ADD COLUMN fold TEXT NOT NULL DEFAULT 'first'; -- first last both: times that exist twice
CREATE INDEX job_version_tz ON job_version(tz, job_id) WHERE tz IS NOT NULL;
