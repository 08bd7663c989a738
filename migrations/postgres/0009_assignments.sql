-- What people decided about matches that the reference cannot decide: that one is another spelling of
-- another, or which of the reference's values holds.

CREATE TABLE amend.assignment (
    rule        text NOT NULL,
    -- The match columns' texts, in the order of the rule.
    matches     text[] NOT NULL,
    alias_of    text[],
    value       text,
    assigned_by text NOT NULL,
    assigned_at timestamptz NOT NULL,
    PRIMARY KEY (rule, matches),
    CHECK (num_nonnulls(alias_of, value) = 1),
    CHECK (alias_of <> matches)
);
