-- What Amend put into target tables so that the fault is not made again: for each rule a trigger, its
-- function and a sequence that counts how often it acted, all of one name; and perhaps a CHECK.

CREATE TABLE amend.prevention (
    rule         text PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('fill', 'refuse')),
    name         text NOT NULL UNIQUE,
    -- The table, quoted as SQL takes it. The trigger itself follows a table that is renamed.
    target       text NOT NULL,
    -- Whether the CHECK of that name is Amend's.
    has_check    boolean NOT NULL DEFAULT false,
    -- The statements that made function and trigger: another text means that the rule has changed.
    statements   text NOT NULL,
    installed_by text NOT NULL,
    installed_at timestamptz NOT NULL
);
