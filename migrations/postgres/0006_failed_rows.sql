-- Rows that the table refused alone: passed over by their run, listed for people, tried again by
-- another run. A row has one entry a run, with its newest refusal.
CREATE TABLE amend.failed_row (
    run_id    text NOT NULL REFERENCES amend.run (id),
    -- The texts of the key's columns; as one text it is what people see.
    key_parts text[] NOT NULL,
    key       text NOT NULL,
    symbol    text,
    old_value text,
    new_value text,
    -- A stable word for programs, a sentence for people, the database's own text for operators.
    code      text NOT NULL,
    message   text NOT NULL,
    detail    text NOT NULL,
    at        timestamptz NOT NULL,
    attempts  bigint NOT NULL DEFAULT 1,
    seq       bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (run_id, key_parts)
);
CREATE INDEX failed_row_page ON amend.failed_row (run_id, seq);
