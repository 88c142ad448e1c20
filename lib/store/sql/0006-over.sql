-- A job that was disabled because its times are over, and when: a clock that is set back brings them, and it, back.
ALTER TABLE job ADD COLUMN over_ms INTEGER;
CREATE INDEX job_over ON job(over_ms) WHERE over_ms IS NOT NULL;
