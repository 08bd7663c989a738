-- Amend's own tables. They live in schema amend, beside whatever tables the rules name.
-- Once released this file is immutable: changes are new files.

CREATE TABLE amend.rule (
    slug       text PRIMARY KEY,
    body       jsonb NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE amend.run (
    id          text PRIMARY KEY,
    -- The order of creation, for runs of the same instant.
    seq         bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    rule        text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('correction', 'rollback')),
    state       text NOT NULL CHECK (state IN ('queued', 'running', 'pausing', 'paused', 'validating',
                                               'succeeded', 'failed', 'cancelling', 'cancelled')),
    phase       text NOT NULL,
    options     jsonb,
    rollback    jsonb,
    undoes      text REFERENCES amend.run (id),
    started_by  text NOT NULL,
    created_at  timestamptz NOT NULL,
    started_at  timestamptz,
    ended_at    timestamptz,
    plan_hash   text NOT NULL,
    expected    jsonb,
    before      jsonb,
    after       jsonb,
    validation  jsonb,
    error       jsonb,
    changed     bigint NOT NULL DEFAULT 0,
    skipped     bigint NOT NULL DEFAULT 0,
    failed      bigint NOT NULL DEFAULT 0,
    conflicts   bigint NOT NULL DEFAULT 0,
    deleted     bigint NOT NULL DEFAULT 0,
    remaining   bigint NOT NULL DEFAULT 0,
    chunks      bigint NOT NULL DEFAULT 0,
    scanned     bigint NOT NULL DEFAULT 0,
    duration_ms bigint NOT NULL DEFAULT 0,
    to_change   bigint,
    to_scan     bigint,
    rate        double precision,
    batch_size  bigint NOT NULL,
    takeovers   bigint NOT NULL DEFAULT 0,
    cursor      text,
    lease_owner text,
    lease_until timestamptz,
    fence       bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50); -- rewritten with every chunk: room for heap-only updates

-- At most one active run a rule. The states are RunState::ACTIVE.
CREATE UNIQUE INDEX run_one_active ON amend.run (rule)
    WHERE state IN ('queued', 'running', 'pausing', 'paused', 'validating', 'cancelling');
CREATE INDEX run_newest ON amend.run (created_at DESC, seq DESC);
CREATE INDEX run_undoes ON amend.run (undoes) WHERE undoes IS NOT NULL;

CREATE TABLE amend.event (
    seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run     text NOT NULL REFERENCES amend.run (id),
    at      timestamptz NOT NULL,
    kind    text NOT NULL,
    message text NOT NULL
);
CREATE INDEX event_of_run ON amend.event (run, seq);

CREATE TABLE amend.chunk (
    run              text NOT NULL REFERENCES amend.run (id),
    no               bigint NOT NULL,
    at               timestamptz NOT NULL,
    scanned          bigint NOT NULL,
    changed          bigint NOT NULL,
    skipped          bigint NOT NULL,
    conflicts        bigint NOT NULL,
    deleted          bigint NOT NULL,
    duration_ms      bigint NOT NULL,
    batch_size       bigint NOT NULL,
    upto             text NOT NULL,
    untouched_before text NOT NULL,
    untouched_after  text NOT NULL,
    PRIMARY KEY (run, no)
);

-- The before-image: one row for each pair of values of a chunk, with the keys of its rows.
CREATE TABLE amend.journal (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run       text NOT NULL REFERENCES amend.run (id),
    chunk     bigint NOT NULL,
    old_value text,
    new_value text,
    -- How many keys there are, so that counting does not read them.
    rows      bigint NOT NULL CHECK (rows > 0),
    -- A key of one column as its text; of several, a JSON array of texts.
    keys      text[] NOT NULL
);
CREATE INDEX journal_of_run ON amend.journal (run, id);

CREATE TABLE amend.analysis (
    rule   text PRIMARY KEY,
    at     timestamptz NOT NULL,
    report jsonb NOT NULL
);

CREATE TABLE amend.snapshot (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule   text NOT NULL,
    at     timestamptz NOT NULL,
    counts jsonb NOT NULL,
    score  double precision NOT NULL
);
CREATE INDEX snapshot_trend ON amend.snapshot (rule, at);

CREATE TABLE amend.account (
    name          text PRIMARY KEY,
    password_hash text NOT NULL,
    role          text NOT NULL,
    created_at    timestamptz NOT NULL
);

CREATE TABLE amend.session (
    token_hash text PRIMARY KEY,
    account    text NOT NULL,
    role       text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX session_expiry ON amend.session (expires_at);

CREATE TABLE amend.token (
    name       text PRIMARY KEY,
    token_hash text NOT NULL UNIQUE,
    role       text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz
);

CREATE TABLE amend.audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL,
    who     text NOT NULL,
    role    text NOT NULL,
    door    text NOT NULL,
    act     text NOT NULL,
    object  text NOT NULL,
    outcome text NOT NULL,
    detail  text NOT NULL
);
