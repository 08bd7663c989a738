-- What Amend put into target tables so that the fault is not made again: two triggers for each rule.

CREATE TABLE amend_prevention (
    rule         TEXT PRIMARY KEY,
    kind         TEXT NOT NULL CHECK (kind IN ('fill', 'refuse')),
    -- The triggers are called so with _insert and _update behind.
    name         TEXT NOT NULL UNIQUE,
    -- How often it filled. One writer at a time means that nobody waits for this row.
    acted        INTEGER NOT NULL DEFAULT 0,
    -- The statements that made the triggers: another text means that the rule has changed.
    statements   TEXT NOT NULL,
    installed_by TEXT NOT NULL,
    installed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Has a row while Amend itself writes, inside its transaction alone, so that nobody else ever sees it.
CREATE TABLE amend_at_work (
    yes INTEGER PRIMARY KEY CHECK (yes = 1)
) STRICT;
