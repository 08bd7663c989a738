-- $1: the target, quoted; $2: its value column. One row for each table that holds rows of it.
WITH target AS (
    SELECT c.oid, c.relkind, c.relhassubclass
    FROM pg_class c WHERE c.oid = to_regclass($1)
),
leaf AS (
    SELECT t.oid AS relid FROM target t WHERE t.relkind <> 'p'
    UNION ALL
    SELECT p.relid::oid FROM target t CROSS JOIN LATERAL pg_partition_tree(t.oid) p
    WHERE t.relkind = 'p' AND p.isleaf
),
-- A table and its partitions down to the leaves.
part AS (
    SELECT t.oid AS relid FROM target t
    UNION
    SELECT p.relid::oid FROM target t CROSS JOIN LATERAL pg_partition_tree(t.oid) p WHERE t.relkind = 'p'
)
SELECT quote_ident(s.nspname) || '.' || quote_ident(c.relname) AS name,
       c.relkind::text AS relkind,
       coalesce(am.amname = 'heap', false) AS is_heap,
       CASE WHEN c.relkind = 'r'
            THEN pg_relation_size(c.oid) / current_setting('block_size')::bigint ELSE 0 END AS blocks,
       CASE WHEN c.relkind = 'r' THEN pg_indexes_size(c.oid) ELSE 0 END AS index_bytes,
       coalesce(pg_stat_get_tuples_updated(c.oid), 0) AS updated,
       coalesce(pg_stat_get_tuples_hot_updated(c.oid), 0) AS hot,
       has_table_privilege(c.oid, 'SELECT') AND has_column_privilege(c.oid, a.attnum, 'UPDATE') AS ours,
       -- An index names its columns in indkey, or depends on them from an expression or a predicate.
       EXISTS (SELECT FROM pg_index i
               WHERE i.indrelid = c.oid
                 AND (a.attnum = ANY (i.indkey)
                      OR EXISTS (SELECT FROM pg_depend d
                                 WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                                   AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
                                   AND d.refobjsubid = a.attnum))) AS value_is_indexed,
       -- For this user: who owns the table or may pass by has none.
       row_security_active(c.oid) OR (SELECT row_security_active(t.oid) FROM target t) AS row_security,
       (SELECT t.relkind <> 'p' AND EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = t.oid) FROM target t)
           AS has_children,
       EXISTS (SELECT FROM part p
               JOIN pg_partitioned_table pt ON pt.partrelid = p.relid
               JOIN pg_attribute pa ON pa.attrelid = p.relid AND pa.attname = $2
               WHERE pa.attnum = ANY (pt.partattrs) OR pt.partexprs IS NOT NULL) AS value_partitions
FROM leaf l
JOIN pg_class c ON c.oid = l.relid
JOIN pg_namespace s ON s.oid = c.relnamespace
LEFT JOIN pg_am am ON am.oid = c.relam
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $2 AND NOT a.attisdropped
ORDER BY c.oid
