-- Where a walk by blocks left its rows, so that undoing it finds them without their keys' index.

ALTER TABLE amend.journal
    -- The table or leaf partition; null where the entry knows no places.
    ADD COLUMN leaf oid,
    -- For each key the place of the version that was written. A row may have moved since: whoever uses
    -- a place looks whether the row is still there.
    ADD COLUMN row_tids tid[],
    -- The first and the last of these blocks, that one excluded.
    ADD COLUMN from_block bigint,
    ADD COLUMN to_block bigint,
    -- The new versions found no room in the blocks where the rows were, and lie anywhere.
    ADD COLUMN moved boolean;
CREATE INDEX journal_of_chunk ON amend.journal (run_id, chunk);

-- Keys that a rollback by places did not deal with: copies of journal entries with the keys that are
-- left, for its walk by key.
CREATE TABLE amend.set_aside (
    -- The rollback.
    run_id    text NOT NULL REFERENCES amend.run (id),
    -- The entry of the journal that is undone.
    id        bigint NOT NULL,
    chunk     bigint NOT NULL,
    old_value text,
    new_value text,
    row_count bigint NOT NULL CHECK (row_count > 0),
    row_keys  text[] NOT NULL,
    PRIMARY KEY (run_id, id)
);

-- As row_keys: see 0004.
DO $$
BEGIN
    ALTER TABLE amend.journal ALTER COLUMN row_tids SET COMPRESSION lz4;
    ALTER TABLE amend.set_aside ALTER COLUMN row_keys SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL;
END $$;
