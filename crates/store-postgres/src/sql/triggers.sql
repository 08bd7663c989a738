-- $1: the target's quoted name; $2: its value column. Triggers of others that run before a row's value is
-- updated, on the table or on a partition.
SELECT DISTINCT t.tgname::text AS name, l.lanname::text AS language, p.prosrc AS body
FROM pg_trigger t
JOIN pg_proc p ON p.oid = t.tgfoid
JOIN pg_language l ON l.oid = p.prolang
JOIN pg_namespace s ON s.oid = p.pronamespace
JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attname = $2
WHERE (t.tgrelid = to_regclass($1) OR t.tgrelid IN (SELECT relid FROM pg_partition_tree(to_regclass($1))))
  AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND s.nspname <> 'amend'
  -- For each row, before, on update.
  AND t.tgtype & 19 = 19
  AND (t.tgattr::text = '' OR a.attnum = ANY (t.tgattr))
ORDER BY 1
