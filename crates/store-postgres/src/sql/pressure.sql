-- One look at what presses on the server. $1: the target table's quoted name.
-- What Amend's own sessions do is left out by the name under which it connects.
WITH target AS (
    SELECT to_regclass($1)::oid AS oid
), tables AS (
    SELECT oid FROM target WHERE oid IS NOT NULL
    UNION
    SELECT p.relid::oid FROM target, pg_partition_tree(target.oid::regclass) p WHERE target.oid IS NOT NULL
), locks AS MATERIALIZED (
    -- The same number may be another table in another database; transactions belong to none.
    SELECT pid, locktype, relation, mode, granted FROM pg_locks
    WHERE (database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
           AND relation IN (SELECT oid FROM tables)
           AND (NOT granted OR locktype = 'tuple' OR mode = 'ShareUpdateExclusiveLock'))
       OR (locktype = 'transactionid' AND NOT granted)
), sessions AS MATERIALIZED (
    SELECT pid, usesysid, state, backend_type FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND application_name IS DISTINCT FROM current_setting('application_name')
), waiting AS (
    -- For the table itself or for a row that a third one waits for already ...
    SELECT pid FROM locks WHERE NOT granted AND relation IS NOT NULL
    UNION
    -- ... or as the first one for a row: it holds the row's place in the queue and waits for the
    -- transaction that has the row.
    SELECT w.pid FROM locks w JOIN locks place USING (pid)
    WHERE NOT w.granted AND w.locktype = 'transactionid' AND place.granted AND place.locktype = 'tuple'
), replicas AS MATERIALIZED (
    -- What only receives the log (a backup, an archive) applies nothing and is never behind.
    SELECT state IS NULL AS hidden, replay_lag FROM pg_stat_replication
    WHERE state IS NULL OR (state IN ('catchup', 'streaming') AND replay_lsn IS NOT NULL)
)
SELECT
    (SELECT oid IS NOT NULL FROM target) AS found,
    (SELECT count(*) FROM waiting JOIN sessions USING (pid)) AS lock_waiters,
    -- Autovacuum's workers are the sessions without a user that lock the table as VACUUM does; the
    -- progress views say no more to a user without rights on statistics.
    (SELECT count(DISTINCT l.pid) FROM locks l JOIN sessions s USING (pid)
     WHERE l.granted AND l.mode = 'ShareUpdateExclusiveLock' AND s.usesysid IS NULL) AS autovacuum,
    CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint END AS wal_bytes,
    pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all,
    (SELECT count(*) FROM sessions WHERE state = 'active' AND backend_type = 'client backend') AS active_sessions,
    (SELECT count(*) FROM replicas WHERE NOT hidden) AS replicas,
    (SELECT count(*) FROM replicas WHERE hidden) AS hidden_replicas,
    (SELECT (max(extract(epoch FROM replay_lag)) * 1000)::bigint FROM replicas) AS lag_ms
