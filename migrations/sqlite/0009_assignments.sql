-- What people decided about matches that the reference cannot decide: that one is another spelling of
-- another, or which of the reference's values holds.

CREATE TABLE amend_assignment (
    rule        TEXT NOT NULL,
    -- The match columns' texts as a JSON array, in the order of the rule.
    matches     TEXT NOT NULL,
    alias_of    TEXT,
    value       TEXT,
    assigned_by TEXT NOT NULL,
    assigned_at INTEGER NOT NULL,
    PRIMARY KEY (rule, matches),
    CHECK ((alias_of IS NULL) <> (value IS NULL)),
    CHECK (alias_of IS NULL OR alias_of <> matches)
) STRICT, WITHOUT ROWID;
