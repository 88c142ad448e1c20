-- The same live attempts (states 1 open, 2 accepted, 3 running): a list of three makes SQLite build a table of them
-- twice at every change of a row, which cost half of it.
DROP INDEX attempt_live;
CREATE INDEX attempt_live ON attempt(state) WHERE state <= 3;
