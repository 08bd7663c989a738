-- Rows that the table refused alone: passed over by their run, listed for people, tried again by
-- another run. A row has one entry a run, with its newest refusal.
CREATE TABLE amend_failed_row (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id    TEXT NOT NULL REFERENCES amend_run (id),
    -- The key's columns as a JSON array that gives them back exactly, and the key as people see it.
    key_parts TEXT NOT NULL,
    key       TEXT NOT NULL,
    symbol    TEXT,
    -- ANY keeps the storage class, to be compared with the row.
    old_value ANY,
    new_value TEXT,
    -- A stable word for programs, a sentence for people, the database's own text for operators.
    code      TEXT NOT NULL,
    message   TEXT NOT NULL,
    detail    TEXT NOT NULL,
    at        INTEGER NOT NULL,
    attempts  INTEGER NOT NULL DEFAULT 1,
    UNIQUE (run_id, key_parts)
) STRICT;
