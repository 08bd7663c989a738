-- When retention took the run's before-images away; from then on it cannot be rolled back.
ALTER TABLE amend_run ADD COLUMN purged_at INTEGER;

-- Copies of key and value columns, made before a run's first write: tables beside their target.
CREATE TABLE amend_backup (
    run_id     TEXT PRIMARY KEY REFERENCES amend_run (id),
    rule       TEXT NOT NULL,
    -- The copy, and the table that was copied, as they are spelled.
    name       TEXT NOT NULL UNIQUE,
    source     TEXT NOT NULL,
    row_count  INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Chunks that changed something besides the corrected column: asked for after every chunk.
CREATE INDEX amend_chunk_touched ON amend_chunk (run_id) WHERE untouched_before <> untouched_after;
