-- Those that failed, and those that were canceled or stopped: few among many, and what is looked for.
CREATE INDEX instance_failed ON instance(app_id, id) WHERE status = 4;
CREATE INDEX instance_stopped ON instance(app_id, id) WHERE status > 5;
