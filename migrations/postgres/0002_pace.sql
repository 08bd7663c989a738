-- Pausing, holding and slowing down a run while it works.

ALTER TABLE amend.run
    -- Percent of the time that may be spent working; 0 holds the run.
    ADD COLUMN pace       smallint NOT NULL DEFAULT 100 CHECK (pace BETWEEN 0 AND 100),
    -- Why it is held now: a JSON array of sentences, empty when it goes on.
    ADD COLUMN held       jsonb NOT NULL DEFAULT '[]',
    -- Milliseconds paused or held in periods that are over.
    ADD COLUMN idle_ms    bigint NOT NULL DEFAULT 0,
    -- When the present pause or hold began.
    ADD COLUMN idle_since timestamptz;
