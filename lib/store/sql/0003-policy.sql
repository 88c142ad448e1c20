-- What becomes of times that passed, overlap, are too late; spreading.
ALTER TABLE job_version ADD COLUMN misfire TEXT NOT NULL DEFAULT 'once'; -- once none all: which of several that are past
ALTER TABLE job_version ADD COLUMN misfire_window_ms INTEGER NOT NULL DEFAULT 0; -- older ones do not; 0 no bound
ALTER TABLE job_version ADD COLUMN misfire_max INTEGER NOT NULL DEFAULT 100; -- all: the newest so many
ALTER TABLE job_version ADD COLUMN misfire_rate INTEGER NOT NULL DEFAULT 0; -- all: so many a minute; 0 no bound
ALTER TABLE job_version ADD COLUMN overlap TEXT NOT NULL DEFAULT 'allow'; -- allow skip queue replace
ALTER TABLE job_version ADD COLUMN deadline_ms INTEGER NOT NULL DEFAULT 0; -- not started so long after its time
ALTER TABLE job_version ADD COLUMN jitter_ms INTEGER NOT NULL DEFAULT 0; -- started up to so long after it
ALTER TABLE instance ADD COLUMN deadline_ms INTEGER; -- canceled when it has not started by then
ALTER TABLE instance ADD COLUMN lone INTEGER; -- 1: of a job whose overlap is not allow
CREATE INDEX instance_lone ON instance(job_id) WHERE status = 1 AND lone = 1;
CREATE INDEX instance_late ON instance(deadline_ms) WHERE status = 1 AND running_times = 0 AND deadline_ms IS NOT NULL;
