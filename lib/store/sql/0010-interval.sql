-- The rates and delays among many jobs: a clock that is set back moves their triggers.
CREATE INDEX job_version_interval ON job_version(job_id) WHERE time_type IN (3, 4);
