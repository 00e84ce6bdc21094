-- What an installation must look like, read from the catalog: every list is of
-- what is wrong, and so empty.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
SET search_path = pg_catalog;

-- objects without a comment; indexes, sequences and constraints say it by their tables
SELECT pg_describe_object(classid, objid, 0) AS object
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'target_split')
  AND NOT (classid = 'pg_class'::regclass AND (SELECT relkind FROM pg_class WHERE oid = objid) IN ('i', 'S', 'c'))
  AND NOT (classid = 'pg_type'::regclass AND (SELECT typrelid <> 0 OR typelem <> 0 FROM pg_type WHERE oid = objid))
  AND obj_description(objid, classid::regclass::text) IS NULL
ORDER BY 1;
-- composite types, and columns of tables, views and types
SELECT c.oid::regclass AS type FROM pg_class c
WHERE c.relnamespace = 'target_split'::regnamespace AND c.relkind = 'c' AND obj_description(c.reltype, 'pg_type') IS NULL ORDER BY 1;
SELECT c.oid::regclass AS relation, a.attname
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'target_split'::regnamespace AND c.relkind IN ('r', 'v', 'c') AND col_description(c.oid, a.attnum) IS NULL
ORDER BY c.relname, a.attnum;
-- amounts whose comment does not say in what they are counted
SELECT c.oid::regclass AS view, a.attname
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'target_split'::regnamespace AND c.relkind = 'v' AND a.atttypid = 'numeric'::regtype
  AND col_description(c.oid, a.attnum) !~ 'unit|1 = 100 %|0\.05 = |[Ff]actor|[Ff]raction|[Ww]orking days|[Dd]ays|percent'
ORDER BY c.relname, a.attnum;
-- functions that run statements look names up in a fixed search_path; those on
-- calendars qualify every operator instead, create_flat_view creates in the
-- caller's schema before it sets its own, and names in a body that was parsed
-- when the function was made are not looked up again
SELECT p.oid::regprocedure AS function FROM pg_proc p
WHERE p.pronamespace = 'target_split'::regnamespace AND p.provolatile <> 'i' AND p.prokind <> 'w'
  AND p.prorettype <> 'trigger'::regtype AND p.proname NOT IN ('add_calendar', 'periods', 'period_label', 'period_number', 'period_within', 'period_of', 'workdays', 'add_workdays', 'create_flat_view')
  AND p.prosqlbody IS NULL AND (p.proconfig IS NULL OR 'search_path=pg_catalog, pg_temp' <> ALL (p.proconfig))
ORDER BY 1;
-- nothing runs with other rights than the caller's
SELECT p.oid::regprocedure AS function FROM pg_proc p
WHERE p.pronamespace = 'target_split'::regnamespace AND p.prosecdef ORDER BY 1;
SELECT c.oid::regclass AS view FROM pg_class c
WHERE c.relnamespace = 'target_split'::regnamespace AND c.relkind = 'v' AND current_setting('server_version_num')::int >= 150000
  AND NOT 'security_invoker=true' = ANY (COALESCE(c.reloptions, '{}')) ORDER BY 1;
-- what writes is not for everybody
SELECT p.oid::regprocedure AS function FROM pg_proc p
WHERE p.pronamespace = 'target_split'::regnamespace AND p.provolatile = 'v' AND p.proname NOT IN ('preview_split', 'preview_resplit')
  AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0))
ORDER BY 1;
SELECT c.oid::regclass AS relation FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace = 'target_split'::regnamespace AND a.grantee = 0 ORDER BY 1;
-- tables and sequences whose rows a dump would not have
SELECT c.oid::regclass AS relation FROM pg_class c, pg_extension e
WHERE c.relnamespace = 'target_split'::regnamespace AND c.relkind IN ('r', 'S') AND e.extname = 'target_split' AND NOT c.oid = ANY (e.extconfig)
ORDER BY 1;
-- relations of another owner than the role that created the extension
SELECT c.oid::regclass AS relation FROM pg_class c, pg_extension e
WHERE c.relnamespace = 'target_split'::regnamespace AND c.relkind IN ('r', 'v', 'S') AND e.extname = 'target_split' AND c.relowner <> e.extowner ORDER BY 1;
-- casts, operators and catalog columns that could vanish from a later server
SELECT c.oid::regclass AS view FROM pg_class c
WHERE c.relnamespace = 'target_split'::regnamespace AND c.relkind = 'v' AND EXISTS (
	SELECT FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
	JOIN pg_class t ON t.oid = d.refobjid WHERE r.ev_class = c.oid AND t.relnamespace = 'pg_catalog'::regnamespace)
ORDER BY 1;

RESET search_path;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
