-- $1: null for all tables that are neither the system's nor Amend's own; else one table's quoted name.
-- Partitions are listed through their parent, but found by their own name.
SELECT n.nspname::text AS schema, c.relname::text AS name, pg_table_is_visible(c.oid) AS visible,
       CASE WHEN c.relkind = 'p' THEN
              (SELECT sum(nullif(p.reltuples, -1)) FROM pg_partition_tree(c.oid) t
               JOIN pg_class p ON p.oid = t.relid WHERE t.isleaf)
            ELSE nullif(c.reltuples, -1) END::float8 AS estimate,
       (SELECT coalesce(json_agg(json_build_object(
                 'name', a.attname, 'type_name', lower(format_type(a.atttypid, a.atttypmod)),
                 'nullable', NOT a.attnotnull) ORDER BY a.attnum), '[]')::text
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       (SELECT coalesce(json_agg(json_build_object(
                 'columns', x.columns, 'is_key', x.is_key, 'serves', x.serves)
                 ORDER BY x.indisprimary DESC, x.relname), '[]')::text
        FROM (SELECT i.indisprimary, ic.relname, cols.columns,
                     -- A key tells every row apart by columns alone.
                     i.indisunique AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
                       AND (i.indisprimary OR NOT cols.nullable) AS is_key,
                     i.indpred IS NULL AND cols.columns IS NOT NULL AS serves
              FROM pg_index i
              JOIN pg_class ic ON ic.oid = i.indexrelid
              CROSS JOIN LATERAL (
                -- The leading plain columns: an expression ends what a column can be looked up by.
                SELECT json_agg(a.attname ORDER BY k.no) AS columns, bool_or(NOT a.attnotnull) AS nullable
                FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k(attnum, no)
                JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                WHERE NOT EXISTS (SELECT 1 FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS e(attnum, no)
                                  WHERE e.attnum = 0 AND e.no < k.no)) cols
              WHERE i.indrelid = c.oid AND i.indisvalid) x) AS indexes
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
  AND CASE WHEN $1::text IS NULL
           THEN NOT c.relispartition AND c.relpersistence <> 't'
                AND n.nspname NOT IN ('amend', 'pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_%'
           ELSE c.oid = to_regclass($1) END
ORDER BY n.nspname, c.relname
