-- Holding targets and changing their amounts: lock_target, adjust_target.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
SET search_path = public, target_split;
SET datestyle = ISO;

SELECT add_metric('sales', unit => 'EUR') > 0 AS added, add_dimension('market', levels => '{town}') > 0 AS added, add_dimension('type') > 0 AS added;
SELECT count(add_member('market', m)) FROM unnest('{East,West}'::text[]) m;
SELECT count(add_member('market', t, parent => ARRAY[m])) FROM (VALUES ('Xi', 'East'), ('Yu', 'East'), ('Ab', 'West')) v (t, m);
SELECT count(add_member('type', t)) FROM unnest('{key,small}'::text[]) t;
SELECT create_plan('P', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('P', 'sales', amount => 1200) > 0 AS set;
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{type,market,quarter,month}', method => 'equal');
CREATE VIEW t AS SELECT target_id, parent_id, depth, level, slice, period, amount, n_children, locked FROM target;

-- ------------------------------------------------------------------- locks
-- the first quarter is closed: that quarter of every slice, and the months in it
SELECT level, slice, period, amount, locked FROM lock_target(plan => 'P', metric => 'sales', period => '[2024-01-01,2024-04-01)', reason => 'closed');
SELECT count(*), count(*) FILTER (WHERE locked), bool_and(locked = (period <@ '[2024-01-01,2024-04-01)'::daterange)) AS just_these FROM t;
SELECT DISTINCT operation, reason, old_row -> 'locked' AS locked FROM revision;
-- what is locked already is not changed again
SELECT count(*) FROM lock_target(plan => 'P', metric => 'sales', period => '[2024-01-01,2024-04-01)');
-- leaves only; a member names what is under it, the deepest level too
SELECT level, slice, period FROM unlock_target(plan => 'P', metric => 'sales', slice => '{"market": "West", "type": "key"}', scope => 'leaves');
SELECT level, slice, period FROM unlock_target(plan => 'P', metric => 'sales', slice => '{"type": "key"}');
SELECT level, slice, period FROM unlock_target(root_target('P', 'sales')) ORDER BY slice, level DESC, period LIMIT 3;
SELECT level, slice, period, locked FROM lock_target(find_target('P', 'sales', '{"type": "small"}'), scope => 'target');
SELECT count(*) FROM t WHERE locked;
SELECT count(*) FROM unlock_target(plan => 'P', metric => 'sales');
-- a slice that the tree does not reach; one that it reaches in part only
SELECT * FROM lock_target(plan => 'P', metric => 'sales', slice => '{"market": "Xi"}');
SET client_min_messages = notice;
SELECT count(*) FROM split_target(find_target('P', 'sales', '{"type": "key", "market": "East"}', '[2024-01-01,2024-02-01)'), '{town}', method => 'equal');
SELECT level, slice, period FROM lock_target(plan => 'P', metric => 'sales', slice => '{"type": "key", "market": "Xi"}', period => '[2024-01-01,2024-03-01)');
SELECT level, slice, period FROM unlock_target(plan => 'P', metric => 'sales', slice => '{"type": "key", "market": "East"}', period => '[2024-01-01,2024-02-01)');
SET client_min_messages = warning;
SELECT * FROM lock_target(plan => 'P', metric => 'sales', period => '[2025-01-01,2026-01-01)');
SELECT * FROM lock_target(plan => 'P', metric => 'sales', slice => '{"market": "North"}');
SELECT * FROM lock_target(plan => 'P', metric => 'sales', period => 'empty');
SELECT * FROM lock_target(plan => 'P', metric => 'sales', slice => NULL);
SELECT * FROM lock_target(0);
SELECT * FROM lock_target();
SELECT * FROM lock_target(1, plan => 'P');
SELECT * FROM lock_target(plan => 'P');
SELECT * FROM lock_target(plan => 'P', metric => 'sales', scope => 'all');
SELECT * FROM plan_check;
