-- $1: the target's and the reference's names, each quoted, in this order. $2: the rule.
WITH asked AS (
    SELECT n.no, c.oid, c.relkind, c.relhassubclass, c.reltuples,
           quote_ident(s.nspname) || '.' || quote_ident(c.relname) AS sql_name
    FROM unnest($1::text[]) WITH ORDINALITY AS n(name, no)
    JOIN pg_class c ON c.oid = to_regclass(n.name)
    JOIN pg_namespace s ON s.oid = c.relnamespace
)
SELECT t.no, t.sql_name, t.relkind::text AS relkind, t.reltuples::float8 AS estimate,
       current_setting('server_encoding') AS encoding,
       EXISTS (SELECT 1 FROM amend.assignment d WHERE d.rule = $2) AS assigned,
       (SELECT coalesce(json_agg(k.columns), '[]')::text
        FROM (SELECT (SELECT json_agg(ka.attname)
                      FROM unnest(i.indkey[0:i.indnkeyatts - 1]) AS kc(attnum)
                      JOIN pg_attribute ka ON ka.attrelid = i.indrelid AND ka.attnum = kc.attnum) AS columns
              FROM pg_index i
              WHERE i.indrelid = t.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
                AND i.indpred IS NULL AND i.indexprs IS NULL) k) AS unique_sets,
       a.attname::text AS name, quote_ident(a.attname) AS quoted,
       format_type(a.atttypid, -1) AS type_sql, base.typname::text AS base, ty.typtype::text AS typtype,
       ty.typcategory::text AS category, a.attnotnull AS not_null, a.attgenerated <> '' AS generated,
       a.atttypmod >= 0 AS has_modifier, coalesce(co.collisdeterministic, true) AS deterministic
FROM asked t
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type ty ON ty.oid = a.atttypid
LEFT JOIN pg_collation co ON co.oid = a.attcollation
CROSS JOIN LATERAL (
    -- A domain stands for what it is made of, however deep.
    WITH RECURSIVE down AS (
        SELECT ty.typname, ty.typbasetype
        UNION ALL
        SELECT b.typname, b.typbasetype FROM down d JOIN pg_type b ON b.oid = d.typbasetype
    )
    SELECT typname FROM down WHERE typbasetype = 0
) base
ORDER BY t.no, a.attnum
