-- What a restore from a snapshot has to do, in the form of the journal: see amend_journal.
CREATE TABLE amend_set_aside (
    -- The lists of two runs never share a number.
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The restore.
    run_id    TEXT NOT NULL REFERENCES amend_run (id),
    chunk     INTEGER NOT NULL,
    -- The snapshot's value, and what Amend wrote last; the same twice where no journal tells.
    old_value ANY,
    new_value ANY,
    row_count INTEGER NOT NULL,
    row_keys  TEXT NOT NULL
) STRICT;
CREATE INDEX amend_set_aside_run ON amend_set_aside (run_id);
