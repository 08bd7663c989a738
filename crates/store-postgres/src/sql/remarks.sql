-- $1: the target's and the reference's names, each quoted, in this order.
SELECT n.no, quote_ident(s.nspname) || '.' || quote_ident(c.relname) AS sql_name, c.relkind::text AS relkind,
       row_security_active(c.oid) AS hides, has_table_privilege(c.oid, 'SELECT') AS readable,
       pg_get_userbyid(c.relowner)::text AS owner, current_user::text AS me
FROM unnest($1::text[]) WITH ORDINALITY AS n(name, no)
JOIN pg_class c ON c.oid = to_regclass(n.name)
JOIN pg_namespace s ON s.oid = c.relnamespace
ORDER BY n.no
