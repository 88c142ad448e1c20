-- 1: it waits for another instance of its job, whose end brings it back among those that wait for a worker.
ALTER TABLE instance ADD COLUMN parked INTEGER;
DROP INDEX instance_due;
CREATE INDEX instance_due ON instance(app_id, parked, due_ms) WHERE status = 1;
CREATE INDEX instance_parked ON instance(job_id, due_ms) WHERE parked = 1;
