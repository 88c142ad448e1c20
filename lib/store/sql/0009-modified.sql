-- What people did while the clock was ahead is found when it is set back.
CREATE INDEX job_modified ON job(modified_ms);
