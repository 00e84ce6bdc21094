-- target_history: the life of every number.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA history_test;
SET search_path = history_test, target_split;
-- periods in old rows are written in ISO whatever the session's style is
SET datestyle = 'German';

SELECT add_metric('sales', unit => 'EUR') > 0 AS added, add_metric('visits', unit => 'visits', quantum => 1) > 0 AS added,
	add_dimension('market', levels => '{town}') > 0 AS added;
SELECT count(add_member('market', m)) FROM unnest('{East,West}'::text[]) m;
SELECT count(add_member('market', t, parent => ARRAY[m])) FROM (VALUES ('Ab', 'East'), ('Xi', 'East'), ('Yu', 'West')) v (t, m);
SELECT create_plan('P', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('P', 'sales', amount => 1000) > 0 AS set,
	set_target('P', 'visits', amount => 10) > 0 AS set;
CREATE VIEW life AS
SELECT level, slice, to_char(period_start, 'MM-DD') || ' ' || to_char(period_end, 'MM-DD') AS days, event, amount_before AS before, amount_after AS after,
	difference, detail, reason, split_id AS split, method
FROM target_history WHERE plan = 'P' AND metric = 'sales';
-- what is said of one target, in order
CREATE FUNCTION life_of(id bigint) RETURNS TABLE (event text, before numeric, after numeric, difference numeric, detail text, reason text, split bigint, method text)
LANGUAGE sql AS 'SELECT event, amount_before, amount_after, difference, detail, reason, split_id, method FROM target_history WHERE target_id = id ORDER BY change_order';

-- ---------------------------------------------------------- set, made, changed
SELECT plan, plan_family, plan_version, is_current, metric, unit, slice, period_start, period_end, event, amount_after, changed_by, changed_at, change_order, revision_id
FROM target_history;
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{market}', method => 'equal');
SELECT set_config('target_split.reason', 'the year in halves', false);
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{half}', method => 'equal');
RESET target_split.reason;
SELECT * FROM life ORDER BY slice, days DESC;
-- who and when is the split's, or the revision's
SELECT event, count(*), bool_and(changed_by = current_user) AS by_me, bool_and(changed_at BETWEEN now() - interval '10 minutes' AND now()) AS just_now FROM target_history GROUP BY 1 ORDER BY 1;
SELECT find_target('P', 'sales', '{"market": "East"}') AS east, find_target('P', 'sales', '{"market": "West"}') AS west,
	find_target('P', 'sales', '{"market": "East"}', '[2024-01-01,2024-07-01)') AS east_1 \gset
SELECT count(*) FROM adjust_target(:east, amount => 600, reason => 'a new shop');
SELECT count(*) FROM adjust_target(:east_1, add => 10);
SELECT * FROM life_of(:east);
SELECT * FROM life_of(:east_1);

-- ------------------------------------------------- locks, factors and bounds
SELECT count(*) FROM lock_target(:east_1, reason => 'the half is closed');
SELECT count(*) FROM adjust_target(:east, add => 1, keep_locks => false, absorb => 'root');
SELECT count(*) FROM unlock_target(:east_1, reason => 'opened');
SELECT count(*) FROM over_assign(:east_1, factor => 0.05);
UPDATE target SET at_least = 100, stretch_amount = 400 WHERE target_id = :east_1;
UPDATE target SET at_least = NULL, at_most = 500 WHERE target_id = :east_1;
SELECT * FROM life_of(:east_1);

-- ------------------------------------------------------------------ plain SQL
SELECT set_config('target_split.reason', 'by hand', false);
UPDATE target SET amount = amount + CASE :east WHEN target_id THEN 5 WHEN parent_id THEN 5 ELSE -5 END
WHERE target_id IN (:east, :west) OR (parent_id IN (:east, :west) AND lower(period) = '2024-07-01');
-- a hand-made part, moved to another parent, and deleted
INSERT INTO target (target_id, parent_id, lineage_id, plan_id, metric_id, depth, level, period, amount, slice, member_id)
SELECT 1000, t.target_id, 1000, t.plan_id, t.metric_id, 1, 'market', t.period, 0, '{"market": "Ost"}', 0 FROM target t WHERE t.target_id = root_target('P', 'sales');
INSERT INTO target (target_id, parent_id, lineage_id, plan_id, metric_id, depth, level, period, amount, slice, member_id)
SELECT 1001, 1000, 1001, t.plan_id, t.metric_id, 2, 'half', '[2024-01-01,2024-07-01)', 0, '{"market": "Ost"}', 0 FROM target t WHERE t.target_id = root_target('P', 'sales');
UPDATE target SET parent_id = :west, slice = '{"market": "West"}', period = '[2024-02-01,2024-07-01)' WHERE target_id = 1001;
DELETE FROM target WHERE target_id = 1001;
DELETE FROM target WHERE target_id = 1000;
RESET target_split.reason;
SELECT * FROM life_of(1000);
SELECT * FROM life_of(1001);
SELECT * FROM life_of(:west);
SELECT level, slice, period_start, period_end, event FROM target_history WHERE target_id = 1001 ORDER BY change_order;
SELECT * FROM plan_check;

-- ------------------------------------------------------- removed, and restored
SELECT unsplit_target(:west, reason => 'not by half');
SELECT slice, days, event, before, after, reason FROM life WHERE level = 'half' AND slice = '{"market": "West"}' ORDER BY days, event;
-- deleted and put back under its own number; what it was made by is what made it first
CREATE TABLE gone AS SELECT * FROM target WHERE parent_id = :east;
SELECT unsplit_target(:east);
INSERT INTO target (target_id, parent_id, split_id, lineage_id, plan_id, metric_id, depth, level, period, amount, slice)
SELECT target_id, parent_id, split_id, lineage_id, plan_id, metric_id, depth, level, period, amount, slice FROM gone;
SELECT count(*) FROM adjust_target(:east_1, add => 1);
SELECT * FROM life_of(:east_1) OFFSET 8;
SELECT unsplit_target(:east);
SELECT event, before, after, split, method FROM life_of(:east_1) OFFSET 8;

-- --------------------------------------------------------------- split and undo
SELECT set_target('P', 'visits', amount => 12) > 0 AS set;
SELECT count(*) FROM split_target(root_target('P', 'visits'), '{market,town}', method => 'equal');
SELECT max(split_id) AS towns FROM split \gset
SELECT undo_split(:towns, reason => 'a mistake');
SELECT slice, event, amount_before, amount_after, reason, split_id = :towns AS of_the_split, method FROM target_history WHERE metric = 'visits' ORDER BY slice, change_order;

-- --------------------------------------------------------------------- re-split
SELECT create_plan('R', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('R', 'visits', amount => 90) > 0 AS set;
SELECT count(*) FROM split_target(root_target('R', 'visits'), '{town}', method => 'weights', weights => '{"Ab": 1, "Xi": 1, "Yu": 1}');
SELECT count(*) FROM adjust_target(find_target('R', 'visits', '{"market": "Xi"}'), amount => 40, reason => 'by hand');
SELECT count(add_member('market', 'Zu', parent => '{West}'));
SELECT count(*) FROM resplit_target(root_target('R', 'visits'), amount => 100, weights => '{"Ab": 3, "Xi": 1, "Zu": 1, "Yu": 1}', reason => 'a new town');
SELECT count(*) FROM resplit_target(root_target('R', 'visits'), keep_adjustments => false);
CREATE VIEW again AS
SELECT slice, event, amount_before AS before, amount_after AS after, detail, reason, split_id - (SELECT min(split_id) - 1 FROM split_log WHERE plan = 'R') AS split, method
FROM target_history WHERE plan = 'R' ORDER BY slice, change_order;
TABLE again;
-- taken back: what it made goes, and what it changed is as it was
SELECT undo_split(max(split_id)) FROM split WHERE part_of IS NULL;
SELECT undo_split(max(split_id)) FROM split WHERE part_of IS NULL AND after_revision < (SELECT max(after_revision) FROM split);
TABLE again;

-- ---------------------------------------------------------------------- a sheet
CREATE TABLE sheet (market text, amount numeric);
INSERT INTO sheet VALUES ('East', 7), ('West', 4);
SELECT count(*) FROM import_targets('P', 'visits', 'sheet', slice => '{"market": "market"}', amount => 'amount', absorb => 'root', reason => 'as agreed');
UPDATE sheet SET amount = 9 WHERE market = 'East';
SELECT count(*) FROM import_targets('P', 'visits', 'sheet', slice => '{"market": "market"}', amount => 'amount', absorb => 'root', reason => 'as they want it');
SELECT slice, event, amount_before AS before, amount_after AS after, detail, reason, split_id IS NOT NULL AS by_call, method
FROM target_history WHERE plan = 'P' AND metric = 'visits' AND event NOT IN ('made', 'removed') OR method = 'import' ORDER BY slice, change_order;

-- ------------------------------------------------------- members renamed, merged
SELECT create_plan('M', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('M', 'visits', amount => 40) > 0 AS set;
SELECT count(*) FROM split_target(root_target('M', 'visits'), '{market,half}', method => 'equal');
SELECT count(*) FROM rename_member('market', 'East', 'Orient', reason => 'a better name');
SELECT count(*) FROM merge_member('market', 'West', 'Orient', reason => 'one market');
SELECT slice, level, period_start, event, amount_before AS before, amount_after AS after, detail, reason
FROM target_history WHERE plan = 'M' ORDER BY slice, level DESC, period_start, change_order;

-- ------------------------------------------------------------------- all of it
-- every target is what its life adds up to, and is set or made once at first
SELECT count(*) FILTER (WHERE n <> 1) AS not_made_once, count(*) FILTER (WHERE total <> COALESCE(amount, 0)) AS wrong,
	count(*) FILTER (WHERE amount IS NULL) > 0 AS some_are_gone
FROM (SELECT target_id, sum(difference) AS total, count(*) FILTER (WHERE event IN ('set', 'made')) AS n FROM target_history GROUP BY 1) h
LEFT JOIN target t USING (target_id);
SELECT count(*) AS gaps FROM (SELECT amount_before, lag(amount_after) OVER (PARTITION BY target_id ORDER BY change_order) AS previous FROM target_history) h
WHERE amount_before IS DISTINCT FROM previous;
SELECT count(*) AS nameless FROM target_history WHERE event = '';
-- every revision is there once
SELECT (SELECT count(*) FROM revision) - count(revision_id) AS lost, count(revision_id) - count(DISTINCT revision_id) AS doubled FROM target_history;

SET client_min_messages = error;
DROP SCHEMA history_test CASCADE;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
