-- $1: the target's and the reference's names, each quoted, in this order.
WITH RECURSIVE part(root, relid) AS (
    SELECT to_regclass(name)::oid, to_regclass(name)::oid FROM unnest($1::text[]) AS n(name)
    UNION
    SELECT p.root, i.inhrelid FROM part p JOIN pg_inherits i ON i.inhparent = p.relid
)
SELECT n.no, quote_ident(s.nspname) || '.' || quote_ident(c.relname) AS sql_name, c.relkind::text AS relkind,
       row_security_active(c.oid) AS hides, has_table_privilege(c.oid, 'SELECT') AS readable,
       pg_get_userbyid(c.relowner)::text AS owner, current_user::text AS me,
       ARRAY(SELECT quote_ident(fs.nspname) || '.' || quote_ident(f.relname)
             FROM part p JOIN pg_class f ON f.oid = p.relid JOIN pg_namespace fs ON fs.oid = f.relnamespace
             WHERE p.root = c.oid AND p.relid <> c.oid AND f.relkind = 'f' ORDER BY 1) AS foreign_parts
FROM unnest($1::text[]) WITH ORDINALITY AS n(name, no)
JOIN pg_class c ON c.oid = to_regclass(n.name)
JOIN pg_namespace s ON s.oid = c.relnamespace
ORDER BY n.no
