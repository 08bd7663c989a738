-- Walking by heap blocks. A walk is a frontier in its run and the slices that are cut off it.

ALTER TABLE amend.run
    -- {strategy, reason, workers, stripes}: see amend_domain::Walk.
    ADD COLUMN walk jsonb,
    -- {before, after, ...}: see amend_domain::Effect.
    ADD COLUMN effect jsonb,
    ADD COLUMN footprint jsonb,
    -- {walk, leaves: [[name, blocks], ...], leaf, block}: what the next slice is cut off.
    ADD COLUMN frontier jsonb,
    -- Chunk numbers that are given away: slices reserve theirs when they are cut.
    ADD COLUMN chunk_numbers bigint NOT NULL DEFAULT 0;

UPDATE amend.run SET chunk_numbers = chunks;

CREATE TABLE amend.slice (
    run_id      text NOT NULL REFERENCES amend.run (id),
    no          bigint NOT NULL,
    walk        bigint NOT NULL,
    -- The table or leaf partition, quoted as SQL takes it.
    leaf        text NOT NULL,
    from_block  bigint NOT NULL,
    to_block    bigint NOT NULL,
    part_blocks bigint NOT NULL,
    parts       bigint NOT NULL,
    stripes     bigint NOT NULL,
    -- The next step: stripe step / parts of part step % parts.
    step        bigint NOT NULL DEFAULT 0,
    -- One bit for each part that needs no more steps.
    through     bigint NOT NULL DEFAULT 0,
    -- The same for each part whose remaining stripes are worth one step together.
    rest        bigint NOT NULL DEFAULT 0,
    done        boolean NOT NULL DEFAULT false,
    -- Its step s is chunk first_chunk + s.
    first_chunk bigint NOT NULL,
    holder      text,
    fence       bigint NOT NULL,
    held_until  timestamptz,
    PRIMARY KEY (run_id, no)
) WITH (fillfactor = 50);
CREATE INDEX slice_open ON amend.slice (run_id) WHERE NOT done;

-- The keys of a chunk are some hundred kilobytes: compressed on the way of every change, so by the faster
-- method where the server was built with it.
DO $$
BEGIN
    ALTER TABLE amend.journal ALTER COLUMN row_keys SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL; -- Built without it: the server's own method stays.
END $$;
