-- Of which attempt a log's source is: how much of the last one's did not come.
ALTER TABLE log_source ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;
