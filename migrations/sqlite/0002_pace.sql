-- Pausing, holding and slowing down a run while it works.

-- Percent of the time that may be spent working; 0 holds the run.
ALTER TABLE amend_run ADD COLUMN pace INTEGER NOT NULL DEFAULT 100 CHECK (pace BETWEEN 0 AND 100);
-- Why it is held now: a JSON array of sentences, empty when it goes on.
ALTER TABLE amend_run ADD COLUMN held TEXT NOT NULL DEFAULT '[]';
-- Milliseconds paused or held in periods that are over.
ALTER TABLE amend_run ADD COLUMN idle_ms INTEGER NOT NULL DEFAULT 0;
-- When the present pause or hold began, in microseconds.
ALTER TABLE amend_run ADD COLUMN idle_since INTEGER;
