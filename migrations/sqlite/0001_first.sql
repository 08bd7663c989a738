-- Amend's own tables. Times are microseconds since 1970 in UTC.

CREATE TABLE amend_rule (
    slug       TEXT PRIMARY KEY,
    -- amend_domain::Rule as JSON.
    body       TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE amend_run (
    -- The order of creation, which the list of runs pages by.
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    rule         TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('correction', 'rollback')),
    state        TEXT NOT NULL CHECK (state IN ('queued', 'running', 'pausing', 'paused', 'validating',
                                                'succeeded', 'failed', 'cancelling', 'cancelled')),
    phase        TEXT NOT NULL CHECK (phase IN ('waiting', 'analysing', 'correcting', 'sweeping', 'validating', 'done')),
    -- JSON: RunOptions of a correction, RollbackOptions of a rollback.
    options      TEXT,
    rollback     TEXT,
    undoes       TEXT REFERENCES amend_run (id),
    started_by   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    started_at   INTEGER,
    ended_at     INTEGER,
    duration_ms  INTEGER NOT NULL DEFAULT 0,
    plan_hash    TEXT NOT NULL,
    -- JSON: FindingCounts.
    expected     TEXT,
    found_before TEXT,
    found_after  TEXT,
    -- JSON: Validation, RunError.
    validation   TEXT,
    error        TEXT,
    changed      INTEGER NOT NULL DEFAULT 0,
    skipped      INTEGER NOT NULL DEFAULT 0,
    failed       INTEGER NOT NULL DEFAULT 0,
    conflicts    INTEGER NOT NULL DEFAULT 0,
    deleted      INTEGER NOT NULL DEFAULT 0,
    remaining    INTEGER NOT NULL DEFAULT 0,
    chunks       INTEGER NOT NULL DEFAULT 0,
    scanned      INTEGER NOT NULL DEFAULT 0,
    to_change    INTEGER,
    to_scan      INTEGER,
    rate         REAL,
    batch_size   INTEGER NOT NULL,
    -- Where the last committed chunk ended, as the store wrote it.
    cursor       TEXT,
    lease_owner  TEXT,
    lease_until  INTEGER,
    fence        INTEGER NOT NULL DEFAULT 0,
    takeovers    INTEGER NOT NULL DEFAULT 0
) STRICT;

-- At most one active run a rule, whoever asks at the same moment.
CREATE UNIQUE INDEX amend_run_one_active ON amend_run (rule)
    WHERE state IN ('queued', 'running', 'pausing', 'paused', 'validating', 'cancelling');
CREATE INDEX amend_run_undoes ON amend_run (undoes) WHERE undoes IS NOT NULL;

CREATE TABLE amend_chunk (
    run_id           TEXT NOT NULL REFERENCES amend_run (id),
    no               INTEGER NOT NULL,
    at               INTEGER NOT NULL,
    scanned          INTEGER NOT NULL,
    changed          INTEGER NOT NULL,
    skipped          INTEGER NOT NULL,
    conflicts        INTEGER NOT NULL,
    deleted          INTEGER NOT NULL,
    duration_ms      INTEGER NOT NULL,
    batch_size       INTEGER NOT NULL,
    upto             TEXT NOT NULL,
    untouched_before TEXT NOT NULL,
    untouched_after  TEXT NOT NULL,
    PRIMARY KEY (run_id, no)
) STRICT, WITHOUT ROWID;

-- The before-image: one row for each chunk, old value and new value.
CREATE TABLE amend_journal (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id    TEXT NOT NULL REFERENCES amend_run (id),
    chunk     INTEGER NOT NULL,
    -- ANY keeps the storage class, so that a restored 5 is no '5'.
    old_value ANY,
    new_value ANY,
    -- How many keys; before `row_keys`, so that counting does not read them.
    row_count INTEGER NOT NULL,
    -- A JSON array of keys; a key of several columns is an array itself.
    row_keys  TEXT NOT NULL
) STRICT;
CREATE INDEX amend_journal_run ON amend_journal (run_id);

CREATE TABLE amend_event (
    run_id  TEXT NOT NULL REFERENCES amend_run (id),
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;

-- The newest analysis of each rule, as JSON.
CREATE TABLE amend_analysis (
    rule TEXT PRIMARY KEY,
    at   INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE amend_snapshot (
    id     INTEGER PRIMARY KEY,
    rule   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    -- JSON: FindingCounts.
    counts TEXT NOT NULL,
    score  REAL NOT NULL
) STRICT;
CREATE INDEX amend_snapshot_trend ON amend_snapshot (rule, at);

CREATE TABLE amend_user (
    name          TEXT PRIMARY KEY,
    password_hash TEXT NOT NULL,
    role          TEXT NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE amend_session (
    token_hash TEXT PRIMARY KEY,
    user_name  TEXT NOT NULL,
    role       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE amend_token (
    name       TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE amend_audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    role    TEXT NOT NULL,
    door    TEXT NOT NULL,
    act     TEXT NOT NULL,
    object  TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail  TEXT NOT NULL
) STRICT;
