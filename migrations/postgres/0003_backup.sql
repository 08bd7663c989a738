-- The journal's columns have the names that SQLite's have.
ALTER TABLE amend.journal RENAME COLUMN run TO run_id;
ALTER TABLE amend.journal RENAME COLUMN rows TO row_count;
ALTER TABLE amend.journal RENAME COLUMN keys TO row_keys;

-- When retention took the run's before-images away; from then on it cannot be rolled back.
ALTER TABLE amend.run ADD COLUMN purged_at timestamptz;

-- Copies of key and value columns, made before a run's first write: tables beside their target.
CREATE TABLE amend.backup (
    run_id     text PRIMARY KEY REFERENCES amend.run (id),
    rule       text NOT NULL,
    -- The copy, and the table that was copied, as they are spelled.
    schema     text NOT NULL,
    name       text NOT NULL,
    source     text NOT NULL,
    row_count  bigint NOT NULL,
    size_bytes bigint NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (schema, name)
);

-- Chunks that changed something besides the corrected column: asked for after every chunk.
CREATE INDEX chunk_touched ON amend.chunk (run) WHERE untouched_before <> untouched_after;
