-- The guard: plain SQL on the target tree leaves every sum exact or fails.
SET search_path = public, target_split;
SET target_split.reason = 'set up';

INSERT INTO metric (metric_id, name, unit) VALUES (1, 'sales', 'EUR'), (2, 'orders', 'pieces');
INSERT INTO plan (plan_id, family, period, calendar_id, created_by)
  SELECT n, 'P' || n, '[2024-01-01,2025-01-01)', calendar_id, 'me' FROM calendar, generate_series(1, 3) n WHERE name = 'gregorian';
INSERT INTO plan_metric VALUES (1, 1, 0.01), (1, 2, 1), (2, 1, 0.01), (3, 1, 0.01);

-- target with defaults that keep the statements below short
CREATE SEQUENCE member_seq;
CREATE VIEW node AS
  SELECT target_id, parent_id, depth, amount, n_children, plan_id, metric_id, member_id, lineage_id, level, period, slice, locked
  FROM target;
ALTER VIEW node ALTER plan_id SET DEFAULT 1;
ALTER VIEW node ALTER metric_id SET DEFAULT 1;
ALTER VIEW node ALTER member_id SET DEFAULT nextval('member_seq');
ALTER VIEW node ALTER lineage_id SET DEFAULT 0;
ALTER VIEW node ALTER level SET DEFAULT 'x';
ALTER VIEW node ALTER period SET DEFAULT '[2024-01-01,2025-01-01)';
ALTER VIEW node ALTER slice SET DEFAULT '{}';

-- what the guard promises, said once more in plain SQL: no row here, ever
CREATE VIEW wrong AS
  SELECT p.plan_id, p.target_id, p.amount, p.n_children, count(c.target_id) AS children, sum(c.amount) AS total
  FROM target p LEFT JOIN target c ON c.plan_id = p.plan_id AND c.parent_id = p.target_id
  GROUP BY p.plan_id, p.target_id
  HAVING count(c.target_id) <> p.n_children OR sum(c.amount) <> p.amount
      OR bool_or(c.depth <> p.depth + 1) OR bool_or(c.metric_id <> p.metric_id)
  UNION ALL
  SELECT c.plan_id, c.target_id, c.amount, c.n_children, NULL, NULL
  FROM target c
  WHERE c.parent_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM target p WHERE p.plan_id = c.plan_id AND p.target_id = c.parent_id);
CREATE VIEW tree AS SELECT target_id, parent_id, depth, amount, n_children FROM target WHERE plan_id = 1 ORDER BY target_id;

-- ------------------------------------------------------------------ INSERT

-- a whole tree in one statement, parents after their children, counters as dumped or 0
INSERT INTO node (target_id, parent_id, depth, amount, n_children) VALUES
  (111, 11, 2, 20, 0), (112, 11, 2, 30, 0),
  (11, 1, 1, 50, 2), (12, 1, 1, 30, 0), (13, 1, 1, 20, 0),
  (1, NULL, 0, 100, 0);
TABLE tree;
TABLE wrong;

-- first children that add up
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (121, 12, 2, 10.01), (122, 12, 2, 10), (123, 12, 2, 9.99);
-- that do not
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (131, 13, 2, 10), (132, 13, 2, 9.99), (133, 13, 2, 0);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (131, 13, 2, 19);
-- two parents at once, one or both of them wrong
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (131, 13, 2, 20), (1111, 111, 3, 20);
SELECT * FROM tree WHERE n_children = 1;
DELETE FROM node WHERE target_id IN (131, 1111);
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (131, 13, 2, 20), (1111, 111, 3, 21);
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (131, 13, 2, 19), (1111, 111, 3, 21);
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (131, 13, 2, 19), (1111, 111, 3, 21), (1121, 112, 3, 21);
-- into an inner node: only what adds nothing
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (14, 1, 1, 5);
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (14, 1, 1, 5), (15, 1, 1, -5), (16, 1, 1, 0);
SELECT * FROM tree WHERE depth <= 1;
-- wrong depth, metric, plan, parent
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (131, 13, 1, 20);
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (131, 13, 2, 10), (132, 13, 3, 10);
INSERT INTO node (target_id, parent_id, depth, amount, metric_id) VALUES (131, 13, 2, 20, 2);
INSERT INTO node (target_id, parent_id, depth, amount, metric_id) VALUES (131, 13, 2, 10, 1), (132, 13, 2, 10, 2);
INSERT INTO node (target_id, parent_id, depth, amount, plan_id) VALUES (131, 13, 2, 20, 2);
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (991, 99, 2, 20), (990, 99, 2, 20), (131, 13, 2, 20);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO node (target_id, parent_id, depth, amount, metric_id) VALUES (131, 13, 2, 20, 3);
-- counters that are not true
INSERT INTO node (target_id, parent_id, depth, amount, n_children) VALUES (131, 13, 2, 20, 1);
INSERT INTO node (target_id, parent_id, depth, amount, n_children) VALUES (131, 13, 2, 20, 2), (1311, 131, 3, 20, 0);
-- children of themselves or of each other
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (99, 99, 1, 20);
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (98, 99, 1, 20), (99, 98, 2, 20);
-- no multiple of the quantum, at a leaf or a root
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (131, 13, 2, 19.995), (132, 13, 2, 0.005);
INSERT INTO node (target_id, depth, amount, metric_id) VALUES (2, 0, 7.5, 2);
INSERT INTO node (target_id, depth, amount, plan_id, metric_id) VALUES (2, 0, 7, 2, 2);
-- nothing is left of all that, and nothing happens in a statement without rows
SELECT count(*), sum(n_children) FROM node;
INSERT INTO node (target_id, parent_id, depth, amount) SELECT 99, 98, 1, 20 WHERE false;
TABLE wrong;

-- COPY brings several trees at once, as a restore does
CREATE TABLE copied AS
  SELECT 10 * target_id AS target_id, 10 * parent_id AS parent_id, member_id, lineage_id, 2 + n AS plan_id, metric_id, n_children, depth,
         level, period, amount, slice
  FROM target, generate_series(0, 1) n;
COPY copied TO '/dev/null';
INSERT INTO target (target_id, parent_id, member_id, lineage_id, plan_id, metric_id, n_children, depth, level, period, amount, slice)
  TABLE copied;
SELECT plan_id, count(*), sum(n_children), sum(amount) FILTER (WHERE n_children = 0) FROM target GROUP BY 1 ORDER BY 1;
DELETE FROM target WHERE plan_id > 1;
COPY target (target_id, parent_id, member_id, lineage_id, plan_id, metric_id, n_children, depth, level, period, amount, slice) FROM stdin;
21	2	1	0	2	1	0	1	x	[2024-01-01,2024-07-01)	7.00	{}
22	2	1	0	2	1	1	1	x	[2024-07-01,2025-01-01)	8.00	{}
221	22	1	0	2	1	0	2	x	[2024-07-01,2025-01-01)	8.00	{}
31	3	1	0	3	1	0	1	x	[2024-01-01,2025-01-01)	-1.00	{}
2	\N	0	0	2	1	2	0	total	[2024-01-01,2025-01-01)	15.00	{}
3	\N	0	0	3	1	1	0	total	[2024-01-01,2025-01-01)	-1.00	{}
\.
COPY target (target_id, parent_id, member_id, lineage_id, plan_id, metric_id, n_children, depth, level, period, amount, slice) FROM stdin;
211	21	1	0	2	1	0	2	x	[2024-01-01,2025-01-01)	7.01	{}
\.
SELECT plan_id, target_id, n_children, amount FROM target WHERE plan_id > 1 ORDER BY 1, 2;
TABLE wrong;
DELETE FROM target WHERE plan_id > 1;

-- ------------------------------------------------------------------ UPDATE

-- one child; an inner node; both of them wrong
UPDATE target SET amount = amount + 0.01 WHERE target_id = 121;
\echo :LAST_ERROR_SQLSTATE
UPDATE target SET amount = amount - 1 WHERE target_id = 12;
UPDATE target SET amount = 0 WHERE target_id = 1;
UPDATE target SET amount = 2 * amount WHERE depth = 2;
-- what the hints say works
BEGIN;
UPDATE target_split.target SET amount = amount + 0.01 WHERE plan_id = 1 AND target_id IN (1, 12, 121);
UPDATE target_split.target SET amount = amount - 1.00 WHERE plan_id = 1 AND target_id IN (1, 11, 111);
TABLE wrong;
ROLLBACK;
-- two siblings
UPDATE target SET amount = amount + CASE target_id WHEN 121 THEN 1 ELSE -1 END WHERE target_id IN (121, 122);
-- a child and all above it
UPDATE target SET amount = amount + 5 WHERE target_id IN (1, 11, 112);
-- the whole tree
UPDATE target SET amount = 3 * amount;
TABLE tree;
TABLE wrong;
UPDATE target SET amount = round(amount / 3, 2);
-- no multiple
UPDATE target SET amount = amount + 0.001 WHERE target_id = 13;
UPDATE target SET amount = amount / 3 WHERE target_id = 13;
-- the same amount with other digits is no change
UPDATE target SET amount = 20.0000 WHERE target_id = 13;
SELECT count(*) FROM revision WHERE target_id = 13 AND amount_before = amount_after;
-- what cannot be changed
UPDATE target SET n_children = 1 WHERE target_id = 13;
UPDATE target SET n_children = n_children + 0 WHERE target_id = 12;
UPDATE target SET target_id = 9 WHERE target_id = 13;
UPDATE target SET plan_id = 2 WHERE target_id = 13;
UPDATE target SET metric_id = 2 WHERE target_id = 13;
UPDATE target SET depth = 2 WHERE target_id = 13;
UPDATE target SET depth = depth + 1 WHERE depth > 0;
-- other columns can
UPDATE target SET locked = true, weight = 1, level = 'y', slice = '{"a": "b"}', floor_amount = 1 WHERE target_id = 13;
UPDATE target SET locked = false, weight = NULL, level = 'x', slice = '{}', floor_amount = NULL WHERE target_id = 13;
TABLE wrong;

-- ------------------------------------------------------------------- moves

-- unbalanced at both ends; balanced with both parents in the statement
UPDATE target SET parent_id = 11 WHERE target_id = 121;
UPDATE target t SET parent_id = CASE WHEN target_id = 121 THEN 11 ELSE parent_id END,
                    amount = amount + CASE target_id WHEN 12 THEN -11.01 WHEN 11 THEN 11.01 ELSE 0 END
  WHERE target_id IN (121, 11, 12);
SELECT * FROM tree WHERE depth > 0;
TABLE wrong;
-- two children change places
UPDATE target SET parent_id = 23 - parent_id, amount = 10 WHERE target_id IN (112, 122);
UPDATE target SET parent_id = 23 - parent_id,
                  amount = amount + CASE target_id WHEN 112 THEN 1 ELSE -1 END WHERE target_id IN (121, 122);
BEGIN;
UPDATE target SET parent_id = 23 - parent_id,
                  amount = CASE target_id WHEN 121 THEN 9 ELSE 11.01 END WHERE target_id IN (121, 122);
SELECT * FROM tree WHERE depth > 0;
TABLE wrong;
ROLLBACK;
-- the last children go, and come to what was a leaf
UPDATE target t SET parent_id = 13, amount = CASE target_id WHEN 122 THEN 10.01 ELSE 9.99 END WHERE parent_id = 12;
SELECT * FROM tree WHERE depth > 0;
UPDATE target t SET parent_id = 12, amount = 9.50 WHERE parent_id = 13;
UPDATE target t SET parent_id = 12, amount = 9.495 WHERE target_id = 122;
SELECT target_id, amount FROM tree WHERE target_id = 12;
-- a leaf that gets its first child and another amount by the same statement
UPDATE target SET parent_id = CASE target_id WHEN 123 THEN 12 ELSE parent_id END,
                  amount = CASE target_id WHEN 122 THEN 20 WHEN 123 THEN 0 ELSE amount + 0.01 END WHERE target_id IN (12, 122, 123, 1);
-- wrong depth, missing parent, another plan's parent, cycles
UPDATE target SET parent_id = 1 WHERE target_id = 16;
UPDATE target SET parent_id = 11 WHERE target_id = 16;
UPDATE target SET parent_id = 99, depth = 2 WHERE target_id = 16;
UPDATE target SET parent_id = 16 WHERE target_id = 16;
UPDATE target SET parent_id = 16, depth = 2 WHERE target_id = 16;
UPDATE target SET parent_id = 112, depth = 3 WHERE target_id = 11;
UPDATE target SET parent_id = 112 WHERE target_id = 11;
-- a node with all that is below it goes one level down
UPDATE target SET parent_id = 16, depth = 2 WHERE target_id = 11;
UPDATE target SET parent_id = CASE target_id WHEN 11 THEN 16 ELSE parent_id END,
                  depth = depth + CASE target_id WHEN 16 THEN 0 ELSE 1 END,
                  amount = amount + CASE target_id WHEN 16 THEN 66.01 ELSE 0 END
  WHERE target_id IN (11, 16) OR parent_id = 11;
TABLE tree;
TABLE wrong;

-- ------------------------------------------------------------------ DELETE

-- one child; all children; a node without what is below it
DELETE FROM target WHERE target_id = 111;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM target WHERE target_id = 14;
BEGIN;
WITH gone AS (DELETE FROM target_split.target WHERE plan_id = 1 AND target_id IN (14) RETURNING amount) UPDATE target_split.target SET amount = amount + (SELECT sum(amount) FROM gone) WHERE plan_id = 1 AND target_id IN (12);
TABLE wrong;
ROLLBACK;
DELETE FROM target WHERE target_id IN (14, 16, 11) OR parent_id = 11;
DELETE FROM target WHERE target_id = 11;
\echo :LAST_ERROR_SQLSTATE
DELETE FROM target WHERE target_id IN (11, 111);
-- one child that is 0, two children that are 0 together
DELETE FROM target WHERE target_id IN (14, 15);
-- what the hint says, then all children of another
WITH RECURSIVE below AS (SELECT target_id FROM target_split.target WHERE plan_id = 1 AND parent_id = 16 UNION ALL SELECT t.target_id FROM target_split.target t JOIN below b ON t.plan_id = 1 AND t.parent_id = b.target_id) DELETE FROM target_split.target t USING below b WHERE t.plan_id = 1 AND t.target_id = b.target_id;
DELETE FROM target WHERE parent_id = 13;
TABLE tree;
-- the whole tree without its root, then the root
DELETE FROM target WHERE depth > 0;
DELETE FROM target;
SELECT count(*) FROM target;

TRUNCATE target;
\echo :LAST_ERROR_SQLSTATE

-- ------------------------------------- several events in one statement

INSERT INTO node (target_id, parent_id, depth, amount) VALUES
  (1, NULL, 0, 100), (11, 1, 1, 50), (12, 1, 1, 30), (13, 1, 1, 20), (111, 11, 2, 20), (112, 11, 2, 30);
-- ON CONFLICT: updates and inserts at once, right and wrong
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (112, 11, 2, 25), (113, 11, 2, 5)
  ON CONFLICT (plan_id, target_id) DO UPDATE SET amount = EXCLUDED.amount;
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (112, 11, 2, 25), (114, 11, 2, 5)
  ON CONFLICT (plan_id, target_id) DO UPDATE SET amount = EXCLUDED.amount;
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (112, 11, 2, 24), (113, 11, 2, 5)
  ON CONFLICT (plan_id, target_id) DO UPDATE SET amount = EXCLUDED.amount;
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (112, 11, 2, 24), (113, 11, 2, 6)
  ON CONFLICT (plan_id, target_id) DO UPDATE SET amount = EXCLUDED.amount;
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (13, 1, 1, 0) ON CONFLICT DO NOTHING;
SELECT * FROM tree WHERE depth = 2;
-- inserts and updates
WITH less AS (UPDATE target SET amount = amount - 5 WHERE target_id = 12)
  INSERT INTO node (target_id, parent_id, depth, amount) VALUES (14, 1, 1, 5);
WITH less AS (UPDATE target SET amount = amount - 5 WHERE target_id = 12)
  INSERT INTO node (target_id, parent_id, depth, amount) VALUES (15, 1, 1, 4);
-- first children of a leaf whose amount changes with them
WITH more AS (UPDATE target SET amount = amount + 1 WHERE target_id IN (1, 13))
  INSERT INTO node (target_id, parent_id, depth, amount) VALUES (131, 13, 2, 21);
WITH more AS (UPDATE target SET amount = amount + 1 WHERE target_id IN (1, 14))
  INSERT INTO node (target_id, parent_id, depth, amount) VALUES (141, 14, 2, 5);
-- deletes and updates
WITH gone AS (DELETE FROM target WHERE target_id = 14 RETURNING amount)
  UPDATE target SET amount = target.amount + gone.amount FROM gone WHERE target_id = 12;
WITH gone AS (DELETE FROM target WHERE target_id = 12 RETURNING amount)
  UPDATE target SET amount = target.amount + gone.amount FROM gone WHERE target_id = 111;
-- deletes all children and changes the leaf that remains
WITH gone AS (DELETE FROM target WHERE parent_id = 13)
  UPDATE target SET amount = amount - 1 WHERE target_id IN (1, 13);
-- deletes and inserts
WITH gone AS (DELETE FROM target WHERE parent_id = 11)
  INSERT INTO node (target_id, parent_id, depth, amount) VALUES (115, 11, 2, 49), (116, 11, 2, 1);
WITH gone AS (DELETE FROM target WHERE parent_id = 11)
  INSERT INTO node (target_id, parent_id, depth, amount) VALUES (117, 11, 2, 49);
WITH gone AS (DELETE FROM target WHERE target_id IN (11, 115, 116))
  INSERT INTO node (target_id, parent_id, depth, amount) VALUES (117, 11, 2, 50);
WITH gone AS (DELETE FROM target WHERE target_id = 115)
  INSERT INTO node (target_id, parent_id, depth, amount) VALUES (117, 11, 2, 49);
-- deletes, inserts, moves and changes so that every event alone looks right
WITH gone AS (DELETE FROM target WHERE parent_id = 11),
     moved AS (UPDATE target SET parent_id = CASE target_id WHEN 12 THEN 11 ELSE parent_id END,
                                 depth = CASE target_id WHEN 12 THEN 2 ELSE depth END,
                                 amount = CASE target_id WHEN 11 THEN 80 ELSE amount END WHERE target_id IN (11, 12))
  INSERT INTO node (target_id, parent_id, depth, amount) VALUES (118, 11, 2, 80);
WITH gone AS (DELETE FROM target WHERE parent_id = 11),
     moved AS (UPDATE target SET parent_id = CASE target_id WHEN 12 THEN 11 ELSE parent_id END,
                                 depth = CASE target_id WHEN 12 THEN 2 ELSE depth END,
                                 amount = CASE target_id WHEN 11 THEN 80 ELSE amount END WHERE target_id IN (11, 12))
  INSERT INTO node (target_id, parent_id, depth, amount) VALUES (118, 11, 2, 50);
-- makes a cycle and is refused for another reason before that is looked at: the search for a hint ends
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (1181, 118, 3, 20), (1182, 118, 3, 30), (11811, 1181, 4, 20);
SET statement_timeout = '20s';
WITH locked AS (UPDATE target SET locked = true WHERE target_id = 12),
     gone AS (DELETE FROM target WHERE target_id = 1182)
  UPDATE target SET parent_id = 1181 WHERE target_id = 118;
RESET statement_timeout;
DELETE FROM target WHERE target_id IN (1181, 1182, 11811);
-- deletes a node and moves its children elsewhere
WITH gone AS (DELETE FROM target WHERE target_id = 11)
  UPDATE target SET parent_id = CASE WHEN parent_id = 11 THEN 13 ELSE parent_id END,
                    amount = CASE target_id WHEN 13 THEN 100 WHEN 118 THEN 70 ELSE amount END
  WHERE target_id IN (13, 118, 12);
TABLE tree;
TABLE wrong;

-- ---------------------------------------------------------------- triggers

-- statements of a trigger that the guard's own update of counters fires are guarded too
CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql SET search_path = target_split AS $$
BEGIN
  IF OLD.n_children <> NEW.n_children THEN
    UPDATE target SET amount = amount + 1 WHERE target_id = 12;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER spoil AFTER UPDATE ON target FOR EACH ROW EXECUTE FUNCTION spoil();
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (1181, 118, 3, 70);
DROP TRIGGER spoil ON target;
UPDATE target SET n_children = 1 WHERE target_id = 118;
-- the guard guards nothing else
CREATE TABLE public.target (a int);
CREATE TRIGGER g AFTER INSERT ON public.target FOR EACH STATEMENT EXECUTE FUNCTION target_guard();
INSERT INTO public.target VALUES (1);
DROP TABLE public.target;
SELECT target_guard();
CREATE TRIGGER g BEFORE INSERT ON target_split.target FOR EACH STATEMENT EXECUTE FUNCTION target_guard();
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (1181, 118, 3, 70);
DROP TRIGGER g ON target_split.target;
SELECT tgname, obj_description(oid, 'pg_trigger') FROM pg_trigger
  WHERE tgrelid = 'target_split.target'::regclass AND NOT tgisinternal ORDER BY 1;

-- --------------------------------------------------------------- revisions

DELETE FROM revision;
RESET target_split.reason;
CREATE ROLE guard_manager;
GRANT USAGE ON SCHEMA target_split TO guard_manager;
GRANT SELECT, UPDATE ON target TO guard_manager;
-- the manager sees one sibling only, the guard sees all
CREATE POLICY one_only ON target USING (target_id = 12);
ALTER TABLE target ENABLE ROW LEVEL SECURITY;
ALTER TABLE target FORCE ROW LEVEL SECURITY;
SET ROLE guard_manager;
SELECT target_id, amount FROM target;
UPDATE target SET amount = amount + 1;
-- objects of its own do not mislead it
CREATE TEMP TABLE target (LIKE target_split.target);
CREATE TEMP TABLE revision (LIKE pg_class);
CREATE TEMP TABLE plan_metric (LIKE pg_class);
CREATE TEMP TABLE old_rows (LIKE pg_class);
CREATE FUNCTION pg_temp.numeric_ne(numeric, numeric) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR pg_temp.<> (LEFTARG = numeric, RIGHTARG = numeric, FUNCTION = pg_temp.numeric_ne);
SET search_path = pg_temp, pg_catalog;
UPDATE target_split.target SET amount = amount + 1;
SET datestyle = 'German';
SET target_split.reason = 'a reason';
UPDATE target_split.target SET locked = true;
SHOW search_path;
SELECT current_user;
SHOW datestyle;
RESET datestyle;
DROP OPERATOR pg_temp.<> (numeric, numeric);
DROP TABLE target, revision, plan_metric, old_rows;
-- it cannot write there itself
INSERT INTO target_split.revision (plan_id, target_id, operation, amount_before, changed_by) VALUES (1, 1, 'delete', 1, 'somebody');
RESET ROLE;
SET search_path = public, target_split;
ALTER TABLE target NO FORCE ROW LEVEL SECURITY;
ALTER TABLE target DISABLE ROW LEVEL SECURITY;
DROP POLICY one_only ON target;
GRANT SELECT ON plan, member, metric TO guard_manager;
UPDATE target SET locked = false;
SET ROLE guard_manager;
UPDATE target SET amount = amount + CASE target_id WHEN 12 THEN -1 ELSE 1 END WHERE target_id IN (12, 118);
RESET ROLE;
SET target_split.reason = '';
UPDATE target SET weight = 2, amount = amount + CASE target_id WHEN 12 THEN 1 ELSE -1 END WHERE target_id IN (12, 118);
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (1181, 118, 3, 70);
DELETE FROM target WHERE target_id = 1181;
UPDATE target SET level = 'z', fallback = 'none' WHERE target_id = 12;
UPDATE target SET floor_amount = 1 WHERE target_id = 12;
UPDATE target SET stretch_amount = 100 WHERE target_id = 12;
UPDATE target SET over_assignment = 0.05 WHERE target_id = 12;
UPDATE target SET weight = 3 WHERE target_id = 12;
UPDATE target SET slice = '{"a": "b"}' WHERE target_id = 12;
UPDATE target SET period = '[2024-01-01,2024-07-01)' WHERE target_id = 12;
UPDATE target SET member_id = 1000 WHERE target_id = 12;
SELECT target_id AS id, operation, amount_before AS before, amount_after AS after,
       CASE changed_by WHEN current_user THEN 'me' ELSE changed_by END AS changed_by, reason,
       old_row ->> 'amount' AS amount, old_row -> 'locked' AS locked, old_row ->> 'period' AS period, old_row -> 'slice' AS slice,
       old_row -> 'weight' AS weight, old_row -> 'parent_id' AS parent
  FROM revision ORDER BY revision_id;
-- a whole row
SELECT jsonb_pretty(old_row - 'member_id') FROM revision WHERE operation = 'delete';

-- ------------------------------------------------------------------- locks

-- a locked target is neither changed nor moved nor deleted, whatever the sums
\set a 12
\set b 118
UPDATE target SET locked = true WHERE target_id = :a;
UPDATE target SET amount = amount + CASE target_id WHEN :a THEN 1 ELSE -1 END WHERE target_id IN (:a, :b);
\echo :LAST_ERROR_SQLSTATE
UPDATE target SET amount = amount + CASE target_id WHEN :a THEN 1 ELSE -1 END, locked = false WHERE target_id IN (:a, :b);
DELETE FROM target WHERE depth > 0;
\echo :LAST_ERROR_SQLSTATE
UPDATE target SET parent_id = :b, depth = 2 WHERE target_id = :a;
-- what changes no amount passes, and so does a lock that comes with the change
UPDATE target SET amount = amount + 0.00, weight = 7, level = 'w' WHERE target_id = :a;
UPDATE target SET locked = false WHERE target_id = :a;
UPDATE target SET amount = amount + CASE target_id WHEN :a THEN 1 ELSE -1 END, locked = true WHERE target_id IN (:a, :b);
-- two locked ones, and the hint as it is printed
UPDATE target SET amount = amount + CASE target_id WHEN :a THEN 1 ELSE -1 END WHERE target_id IN (:a, :b);
SELECT target_id = :a AS unlocked, locked FROM target_split.unlock_target(:a, scope => 'target');
INSERT INTO node (target_id, parent_id, depth, amount, locked) SELECT 7000001, :a, 3, amount, true FROM target WHERE target_id = :a;
DELETE FROM target WHERE target_id = 7000001;
SELECT a.target_id, b.target_id FROM unlock_target(:b) a, unlock_target(7000001) b;
DELETE FROM target WHERE target_id = 7000001;
UPDATE target SET locked = false;
TABLE wrong;

-- ------------------------------------------------------ random statements

-- Each of many random statements is run twice.  First without the guard: then
-- the view wrong (but for counters) says whether it leaves the tree as it should
-- be, and it is undone.  Then with the guard: which must have the same opinion,
-- and nothing may be wrong afterwards.
DELETE FROM target;
DELETE FROM revision;
ALTER SEQUENCE member_seq RESTART;
CREATE VIEW wrong_sums AS
  SELECT p.target_id FROM target p JOIN target c ON c.plan_id = p.plan_id AND c.parent_id = p.target_id
  GROUP BY p.plan_id, p.target_id
  HAVING sum(c.amount) <> p.amount OR bool_or(c.depth <> p.depth + 1)
  UNION ALL
  SELECT target_id FROM wrong WHERE children IS NULL;
CREATE TABLE outcome (kind text, refused boolean, n int, PRIMARY KEY (kind, refused));
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (1, NULL, 0, 3);

CREATE FUNCTION random_part(kind int, new_id int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  a record;
  b record;
  d int := floor(random() * 3) - 1;
  e int := floor(random() * 3) - 1;
BEGIN
  -- by key: the order of rows in the table is not the same in every run
  SELECT * INTO a FROM target ORDER BY target_id OFFSET floor(random() * (SELECT count(*) FROM target)) LIMIT 1;
  SELECT * INTO b FROM target ORDER BY target_id OFFSET floor(random() * (SELECT count(*) FROM target)) LIMIT 1;
  RETURN CASE kind
    WHEN 0 THEN format('UPDATE target SET amount = amount + %s WHERE target_id = %s', d, a.target_id)
    WHEN 1 THEN format('UPDATE target SET amount = amount + CASE target_id WHEN %1$s THEN %3$s ELSE %4$s END WHERE target_id IN (%1$s, %2$s)',
                       a.target_id, b.target_id, d, CASE WHEN a.parent_id = b.target_id THEN d ELSE -d END)
    WHEN 2 THEN format('UPDATE target SET amount = amount + %1$s WHERE target_id = %2$s OR target_id = %3$s OR target_id = 1', d, a.target_id, coalesce(a.parent_id, 1))
    WHEN 3 THEN format('INSERT INTO node (target_id, parent_id, depth, amount) VALUES (%1$s, %2$s, %3$s, %4$s), (%5$s, %2$s, %3$s, %6$s)',
                       new_id, a.target_id, a.depth + 1, a.amount + d, new_id + 1, CASE WHEN random() < 0.3 THEN e ELSE -d END)
    WHEN 4 THEN format('INSERT INTO node (target_id, parent_id, depth, amount) VALUES (%s, %s, %s, %s)',
                       new_id, a.target_id, a.depth + 1, CASE WHEN random() < 0.5 THEN 0 ELSE d END)
    WHEN 5 THEN format('DELETE FROM target WHERE target_id = %s AND depth > 0', a.target_id)
    WHEN 6 THEN format('DELETE FROM target WHERE parent_id = %s', a.target_id)
    WHEN 7 THEN format('UPDATE target SET parent_id = %s, depth = %s WHERE target_id = %s', b.target_id, b.depth + 1, a.target_id)
    WHEN 8 THEN format('UPDATE target SET parent_id = CASE target_id WHEN %1$s THEN %2$s ELSE parent_id END, depth = CASE target_id WHEN %1$s THEN %3$s ELSE depth END,'
                       ' amount = amount + CASE target_id WHEN %2$s THEN %4$s WHEN %5$s THEN -(%4$s) ELSE 0 END WHERE target_id IN (%1$s, %2$s, %5$s)',
                       a.target_id, b.target_id, b.depth + 1, a.amount, coalesce(a.parent_id, 0))
    ELSE format('DELETE FROM target WHERE (target_id = %1$s OR parent_id = %1$s) AND depth > 0', a.target_id)
  END;
END $$;

SELECT setseed(0.42);
DO $$
DECLARE
  kind int;
  statement text;
  should text;
  is_now text;
  message text;
BEGIN
  FOR i IN 1 .. 1200 LOOP
    kind := floor(random() * 13);
    IF kind <= 9 THEN
      statement := random_part(kind, 10 * i);
    ELSE
      statement := format('WITH a AS (%s RETURNING 1), b AS (%s RETURNING 1) %s',
                          random_part((random() * 9)::int, 10 * i), random_part((random() * 9)::int, 10 * i + 2), random_part((random() * 9)::int, 10 * i + 4));
    END IF;
    BEGIN
      PERFORM set_config('session_replication_role', 'replica', true);
      EXECUTE statement;
      should := CASE WHEN EXISTS (SELECT FROM wrong_sums) THEN 'refuse' ELSE 'pass' END;
      RAISE EXCEPTION 'undo' USING ERRCODE = 'TS000';
    EXCEPTION WHEN SQLSTATE 'TS000' THEN
      NULL;
    WHEN unique_violation OR check_violation THEN
      should := 'refuse';
    END;
    BEGIN
      is_now := 'pass';
      EXECUTE statement;
    EXCEPTION WHEN check_violation OR unique_violation OR foreign_key_violation THEN
      GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
      is_now := 'refuse';
    END;
    IF is_now <> should THEN
      RAISE WARNING 'the guard should % but does % (%): %', should, is_now, message, statement;
    END IF;
    IF EXISTS (SELECT FROM wrong) THEN
      RAISE EXCEPTION 'wrong after %', statement;
    END IF;
    INSERT INTO outcome VALUES (CASE WHEN kind > 9 THEN 'several' ELSE kind::text END, is_now = 'refuse', 1)
      ON CONFLICT ON CONSTRAINT outcome_pkey DO UPDATE SET n = outcome.n + 1;
    COMMIT;
  END LOOP;
END $$;
-- every kind of statement was both refused and accepted
SELECT kind, count(*) FROM outcome GROUP BY kind HAVING count(*) <> 2 ORDER BY kind;
SELECT count(*) > 3 FROM target;
TABLE wrong;

-- ------------------------------------------------------------------ cancel

-- a cancelled statement leaves nothing: neither rows nor counters nor revisions
DELETE FROM target;
INSERT INTO node (target_id, parent_id, depth, amount) VALUES (1, NULL, 0, 100), (12, 1, 1, 30), (13, 1, 1, 70);
SELECT count(*) AS revisions FROM revision \gset
INSERT INTO node (target_id, parent_id, depth, amount) SELECT 2000000 + n, 12, 2, CASE n WHEN 1 THEN 30 ELSE 0 END FROM generate_series(1, 20000) n;
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
CREATE TRIGGER slow AFTER UPDATE ON target FOR EACH STATEMENT EXECUTE FUNCTION slow();
\set SHOW_CONTEXT never
SET statement_timeout = '200ms';
DELETE FROM target WHERE parent_id = 12;
RESET statement_timeout;
\set SHOW_CONTEXT errors
DROP TRIGGER slow ON target;
SELECT n_children FROM target WHERE target_id = 12;
SELECT count(*) - :revisions AS new FROM revision;
UPDATE target SET n_children = 0 WHERE target_id = 12;
-- many rows at once by a caller that wants no joins but nested loops
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET statement_timeout = '30s';
UPDATE target SET amount = -amount;
UPDATE target SET amount = -amount;
RESET statement_timeout;
RESET enable_mergejoin;
RESET enable_hashjoin;
-- many rows at once after many statements of one row
DO $$
BEGIN
  FOR i IN 1 .. 200 LOOP
    UPDATE target SET amount = amount + CASE target_id WHEN 2000001 THEN -1 ELSE 1 END
      WHERE plan_id = 1 AND target_id IN (2000001, 2000001 + i);
  END LOOP;
  UPDATE target SET amount = -amount;
  UPDATE target SET amount = -amount;
  DELETE FROM target WHERE parent_id = 12;
END $$;
TABLE tree;
TABLE wrong;

DELETE FROM target;
DROP OWNED BY guard_manager;
DROP ROLE guard_manager;
