-- resplit_target: which call makes the parts of a target, what a run needs and
-- what it only passes by, what it is weighed in, and what undo_split makes of it.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
SET search_path = public, target_split;
SET datestyle = ISO;
SELECT add_metric('sales', unit => 'EUR', quantum => 1) > 0 AS metric, add_dimension('market') > 0 AS market, add_dimension('type') > 0 AS type;
SELECT count(add_member('market', m)) FROM unnest('{East,West,North}'::text[]) m;
SELECT count(add_member('type', m)) FROM unnest('{key,small}'::text[]) m;
CREATE TABLE potential (market text, type text, weight numeric);
INSERT INTO potential VALUES ('East', 'key', 5), ('East', 'small', 3), ('West', 'key', 2), ('West', 'small', 1), ('North', 'key', 1), ('North', 'small', 1);
CREATE FUNCTION new_plan(name text, total numeric) RETURNS bigint LANGUAGE sql AS $$
	SELECT create_plan(name, period => '[2024-01-01,2025-01-01)');
	SELECT set_target(name, 'sales', amount => total);
$$;
-- a plan's targets as people read them: amounts from the top, then by time; L locked, A adjusted
CREATE FUNCTION shown(name text) RETURNS TABLE (what text, amounts text) LANGUAGE sql AS $$
	SELECT concat_ws(' ', COALESCE(slice ->> 'market', 'all'), slice ->> 'type'),
		   string_agg(amount || CASE WHEN locked THEN 'L' ELSE '' END || CASE WHEN adjusted THEN 'A' ELSE '' END, ' ' ORDER BY depth, lower(t.period))
	FROM target t JOIN plan p USING (plan_id) WHERE p.family = name
	GROUP BY slice ORDER BY slice ->> 'market' NULLS FIRST, slice ->> 'type' NULLS FIRST
$$;
CREATE FUNCTION tree_of(name text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_agg(to_jsonb(t) ORDER BY target_id) FROM target t JOIN plan p USING (plan_id) WHERE p.family = name
$$;
CREATE FUNCTION last_call() RETURNS bigint LANGUAGE sql AS $$ SELECT max(split_id) FILTER (WHERE part_of IS NULL) FROM split $$;
CREATE FUNCTION why(call text) RETURNS TABLE (message text, detail text, hint text, context text) LANGUAGE plpgsql AS $$
DECLARE
	m text; d text; h text; c text;
BEGIN
	EXECUTE 'SELECT count(*) FROM ' || call;
	RETURN QUERY SELECT 'no error'::text, NULL::text, NULL::text, NULL::text;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT, c = PG_EXCEPTION_CONTEXT;
	RETURN QUERY SELECT regexp_replace(m, '(target|split) \d+', '\1 N', 'g'), regexp_replace(d, '(target|split) \d+', '\1 N', 'g'),
						regexp_replace(h, '\(\d+', '(N', 'g'), regexp_replace(substring(c FROM 'split \d+ made again[^\n]*'), '\d+', 'N');
END
$$;


-- ------------------------------------- what a part is weighed in: its own days
CREATE TABLE orders (day date, market text, type text, amount numeric);
INSERT INTO orders VALUES ('2023-01-01', 'East', 'key', 100), ('2023-01-31', 'West', 'small', 100), ('2023-01-31', 'East', 'small', 100),
	('2023-12-01', 'East', 'key', 300), ('2023-12-31', 'West', 'small', 100);
SELECT count(*) FROM add_source('sales', 'orders', occurred_on => 'day', amount => 'amount', dimensions => '{"market": "market", "type": "type"}');
SELECT new_plan('H', 1200) AS r \gset
SELECT count(*) FROM split_target(:r, '{half}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{market}', members => '["East", "West"]');
SELECT * FROM shown('H');
SELECT * FROM preview_resplit(:r);
SELECT * FROM preview_resplit(find_target('H', 'sales', '{}', '[2024-01-01,2024-07-01)'));
-- and what is told of its basis is of these days, too
SELECT level, amount, weight, basis_rows FROM explain_target(plan => 'H', metric => 'sales', slice => '{"market": "East"}', period => '[2024-01-01,2024-07-01)');
-- another method in a part has the basis that the whole would have
SELECT count(*) FROM resplit_target(:r, by => '{market}', method => 'equal');
SELECT count(*) FROM resplit_target(find_target('H', 'sales', '{}', '[2024-01-01,2024-07-01)'), method => 'history');
SELECT * FROM shown('H');
SELECT by_levels, method, basis FROM split_log WHERE plan = 'H' AND in_force ORDER BY split_id;
-- with a path, for increments, and below months
SELECT new_plan('H2', 1200) AS r \gset
SELECT count(*) FROM split_target(:r, '{half}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{market,type}', members => '{"market": ["East", "West"], "type": ["key", "small"]}');
SELECT * FROM preview_resplit(find_target('H2', 'sales', '{"market": "East"}', '[2024-01-01,2024-07-01)'));
SELECT new_plan('H3', 1200) AS r \gset
SELECT count(*) FROM split_target(:r, '{half}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{market}', members => '["East", "West"]', method => 'increment');
SELECT * FROM preview_resplit(find_target('H3', 'sales', '{}', '[2024-01-01,2024-07-01)'));
SELECT new_plan('H4', 1200) AS r \gset
SELECT count(*) FROM split_target(:r, '{month}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{market}', members => '["East", "West"]', on_missing => 'equal', on_zero => 'equal');
SELECT * FROM preview_resplit(find_target('H4', 'sales', '{}', '[2024-01-01,2024-02-01)'));
-- a call that named a part of the period is weighed as it was, also when the whole is made again
SELECT new_plan('H5', 1200) AS r \gset
SELECT count(*) FROM split_target(:r, '{half}', method => 'equal');
SELECT count(*) FROM split_target(find_target('H5', 'sales', '{}', '[2024-01-01,2024-07-01)'), '{market}', members => '["East", "West"]');
SELECT * FROM preview_resplit(:r);
-- a member that stands for the rest leaves out what is beside it
SELECT add_member('market', 'Others', is_rest => true) > 0 AS added;
SELECT new_plan('R', 1200) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'equal', members => '["West"]', rest => 'Others');
SELECT count(*) FROM split_target(:r, '{half,type}', on_missing => 'zero', on_zero => 'equal', members => '{"type": ["key", "small"]}');
SELECT slice, period, amount FROM target_tree WHERE plan = 'R' AND slice ->> 'market' = 'Others' AND level = 'type' ORDER BY period_start, slice;
SELECT * FROM preview_resplit(find_target('R', 'sales', '{"market": "Others"}', '[2024-01-01,2024-07-01)'));
SELECT count(*) FROM resplit_target(find_target('R', 'sales', '{"market": "Others"}', '[2024-01-01,2024-07-01)'), on_missing => 'equal');
SELECT level, amount, weight, basis_rows FROM explain_target(plan => 'R', metric => 'sales', slice => '{"market": "Others", "type": "key"}', period => '[2024-01-01,2024-07-01)');
SELECT * FROM preview_resplit(:r);

-- ------------------- a part with a call of its own whose weights follow from amounts
SELECT new_plan('I', 800) AS r \gset
SELECT count(*) FROM split_target(:r, '{market,type}', method => 'increment', members => '{"market": ["East", "West"], "type": ["key", "small"]}');
SELECT * FROM shown('I');
SELECT count(*) FROM resplit_target(find_target('I', 'sales', '{"market": "East"}'), on_missing => 'zero');
SELECT * FROM preview_resplit(:r);
SELECT count(*) FROM preview_resplit(:r, amount => 900);
SELECT count(*) FROM resplit_target(:r, amount => 900);
SELECT * FROM shown('I');
SELECT by_levels, n_split, fallbacks FROM split_log WHERE plan = 'I' AND in_force ORDER BY split_id;
SELECT * FROM plan_check;
DROP TABLE orders;

-- ------------------------ arguments for the whole, given while a part was locked
SELECT new_plan('L', 1000) AS r \gset
SELECT count(*) FROM split_target(:r, '{market,type}', method => 'weights', weights_from => 'potential');
SELECT find_target('L', 'sales', '{"market": "East"}') AS east \gset
SELECT count(*) FROM lock_target(:east);
SELECT count(*) FROM resplit_target(:r, method => 'equal');
SELECT * FROM shown('L');
SELECT count(*) FROM unlock_target(:east);
-- they hold for it as well, also where only the part is named, and need nothing of before
ALTER TABLE potential RENAME TO gone;
SELECT slice ->> 'type' AS type, amount_after FROM preview_resplit(:east);
SELECT count(*) FROM resplit_target(:r);
SELECT * FROM shown('L') WHERE what ~ 'East';
SELECT * FROM resplit_target(:r);
ALTER TABLE gone RENAME TO potential;
-- so do those that its own ones are older than
SELECT count(*) FROM resplit_target(:east, method => 'weights', weights_from => 'potential');
SELECT count(*) FROM lock_target(:east);
SELECT count(*) FROM resplit_target(:r, method => 'weights', weights => '{"East": {"key": 1, "small": 3}, "West": {"key": 1, "small": 3}, "North": {"key": 1, "small": 3}}');
SELECT count(*) FROM unlock_target(:east);
SELECT count(*) FROM resplit_target(:r);
SELECT * FROM shown('L');
-- and those of a split below
SELECT count(*) FROM split_target(:r, '{half}', method => 'equal');
SELECT count(*) FROM lock_target(:east);
SELECT count(*) FROM resplit_target(:r, by => '{half}', method => 'weights', weights => '{"2024-01-01": 2, "2024-07-01": 1}');
SELECT count(*) FROM unlock_target(:east);
SELECT count(*) FROM resplit_target(:r);
SELECT * FROM shown('L') WHERE what ~ 'East|West';
SELECT * FROM resplit_target(:r);
-- its own ones that are younger stay its own
SELECT count(*) FROM resplit_target(:east, by => '{half}', method => 'equal');
SELECT tree_of('L') AS before \gset
SELECT * FROM resplit_target(:r);
SELECT count(*) FROM resplit_target(:r, amount => 2000);
SELECT * FROM shown('L') WHERE what ~ 'East|West';
SELECT undo_split(last_call());
SELECT tree_of('L') = :'before'::jsonb AS as_before;
SELECT count(*) FROM resplit_target(:r, by => '{half}', method => 'weights', weights => '{"2024-01-01": 1, "2024-07-01": 3}');
SELECT * FROM shown('L') WHERE what ~ 'East|West';
SELECT * FROM plan_check;

-- --------------------------------- what nothing is made by is not needed
-- left as it is
SELECT new_plan('G', 1000) AS r \gset
SELECT count(*) FROM split_target(:r, '{market,type}', method => 'weights', weights_from => 'potential');
SELECT count(*) FROM split_target(:r, '{half}', method => 'equal');
ALTER TABLE potential RENAME TO gone;
SELECT count(*) FROM resplit_target(:r, by => '{half}', method => 'weights', weights => '{"2024-01-01": 2, "2024-07-01": 1}');
SELECT * FROM shown('G') WHERE what ~ 'East';
-- needed, and the hint works
SELECT * FROM why(format('resplit_target(%s, amount => 1100)', :r));
ALTER TABLE gone RENAME TO potential;
SELECT count(*) FROM preview_resplit(:r, amount => 1100, by => '{market,type}', weights_from => 'potential');
-- under a lock
SELECT new_plan('K', 1000) AS r \gset
CREATE TABLE w4 (type text, weight numeric);
INSERT INTO w4 VALUES ('key', 1), ('small', 2);
SELECT count(*) FROM split_target(:r, '{market}', method => 'equal', members => '["East", "West"]');
SELECT find_target('K', 'sales', '{"market": "East"}') AS east \gset
SELECT count(*) FROM split_target(:east, '{type}', method => 'weights', weights_from => 'w4');
SELECT count(*) FROM split_target(find_target('K', 'sales', '{"market": "West"}'), '{type}', method => 'equal');
SELECT count(*) FROM lock_target(:east);
ALTER TABLE w4 RENAME TO w5;
SELECT slice, amount_after FROM preview_resplit(:r, amount => 1100);
-- not under one; where two go by the same levels the hint names the part
SELECT count(*) FROM unlock_target(:east);
SELECT * FROM why(format('preview_resplit(%s, amount => 1100)', :r));
SELECT count(*) FROM resplit_target(:east, weights_from => 'w5');
SELECT slice, amount_after FROM preview_resplit(:r, amount => 1100);
DROP TABLE w5;
-- what stays though no split makes it any more
SELECT new_plan('S', 1000) AS r \gset
CREATE TABLE w2 (market text, weight numeric);
INSERT INTO w2 VALUES ('East', 1), ('West', 2), ('North', 1);
SELECT count(*) FROM split_target(:r, '{market}', method => 'weights', weights_from => 'w2');
SELECT count(*) FROM lock_target(find_target('S', 'sales', '{"market": "North"}'));
SELECT count(*) FROM resplit_target(:r, method => 'equal', members => '["East", "West"]');
DROP TABLE w2;
SELECT slice, amount_after FROM preview_resplit(:r, amount => 1100);

-- ------------------------------ by, for a split of which a part has its own call
SELECT new_plan('P', 1000) AS r \gset
SELECT count(*) FROM split_target(:r, '{market,type}', method => 'weights', weights_from => 'potential');
SELECT find_target('P', 'sales', '{"market": "East"}') AS east \gset
SELECT count(*) FROM resplit_target(:east, method => 'equal');
SELECT slice, amount_after FROM preview_resplit(:r, weights_from => 'potential');
SELECT slice, amount_after FROM preview_resplit(:r, by => '{market,type}', weights_from => 'potential');
-- an error says which split it is about
SELECT * FROM why(format('preview_resplit(%s, by => ''{market,type}'', weights_from => ''potential'')', :east));
-- what it is called by is for the part alone, also when the whole was made again
SELECT count(*) FROM resplit_target(:r, amount => 2000);
SELECT level, regexp_replace(split_call, '\((\d+)', CASE substring(split_call FROM '\((\d+)') WHEN :'r' THEN '(all' WHEN :'east' THEN '(East' END) ~ CASE level WHEN 'market' THEN '\(all, by' ELSE '\(East, by' END AS is_its_own
FROM explain_target(find_target('P', 'sales', '{"market": "East", "type": "key"}')) WHERE split_call IS NOT NULL;
-- the same below: the first row of a call may be that of a part
SELECT count(*) FROM split_target(:r, '{half}', method => 'equal');
SELECT count(*) FROM resplit_target(:east, by => '{half}', method => 'weights', weights => '{"2024-01-01": 2, "2024-07-01": 1}');
SELECT count(*) FROM adjust_target(plan => 'P', metric => 'sales', slice => '{"type": "small"}', period => '[2024-01-01,2024-07-01)', add => 10);
UPDATE target SET adjusted = false WHERE adjusted;
SELECT tree_of('P') AS before \gset
SELECT count(*) FROM resplit_target(:r, by => '{half}');
SELECT * FROM shown('P') WHERE what ~ 'East|West';
SELECT undo_split(last_call());
SELECT tree_of('P') = :'before'::jsonb AS as_before;
-- the present amount is not another amount
UPDATE potential SET weight = 50 WHERE market = 'West';
SELECT count(*) FROM preview_resplit(:r, by => '{half}', method => 'equal');
SELECT count(*) FROM preview_resplit(:r, by => '{half}', method => 'equal', amount => 2000);
SELECT count(*) FROM preview_resplit(:r, by => '{half}', method => 'equal', amount => 2001);
SELECT * FROM plan_check;

-- ------------------------------------------------------------- undo_split
-- children that were put under what the call only changed
SELECT new_plan('U', 900) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'equal');
SELECT count(*) FROM resplit_target(:r, method => 'weights', weights => '{"East": 1, "West": 1, "North": 2}');
INSERT INTO target (parent_id, member_id, lineage_id, plan_id, metric_id, depth, level, period, amount, slice)
SELECT t.target_id, m.member_id, 0, t.plan_id, t.metric_id, 2, 'type', t.period, t.amount, t.slice || '{"type": "key"}'
FROM target t, member m WHERE t.target_id = find_target('U', 'sales', '{"market": "East"}') AND m.code = 'key';
SELECT * FROM why(format('undo_split(%s)', last_call()));
SELECT unsplit_target(find_target('U', 'sales', '{"market": "East"}'));
SELECT undo_split(last_call());
SELECT * FROM shown('U');
-- those that were there before are none
INSERT INTO target (parent_id, member_id, lineage_id, plan_id, metric_id, depth, level, period, amount, slice)
SELECT t.target_id, m.member_id, 0, t.plan_id, t.metric_id, 2, 'type', t.period, t.amount, t.slice || '{"type": "key"}'
FROM target t, member m WHERE t.target_id = find_target('U', 'sales', '{"market": "East"}') AND m.code = 'key';
SELECT tree_of('U') AS before \gset
SELECT count(*) FROM resplit_target(:r, amount => 1200);
SELECT undo_split(last_call());
SELECT tree_of('U') = :'before'::jsonb AS as_before;
-- a mark that came since, with an amount that was changed back
SELECT count(*) FROM resplit_target(:r, amount => 600);
SELECT count(*) FROM adjust_target(find_target('U', 'sales', '{"market": "North"}'), amount => 210);
SELECT count(*) FROM adjust_target(find_target('U', 'sales', '{"market": "North"}'), amount => 200);
SELECT * FROM shown('U');
SELECT undo_split(last_call());
SELECT tree_of('U') = :'before'::jsonb AS as_before;
SELECT * FROM plan_check;

-- ---------------------------------------------------------------- others
-- what a target gets follows from those beside it, whether a run shares them or not
CREATE TABLE orders AS SELECT d::date AS day, m AS market, t AS type, 30 * extract(month FROM d) * f + g * (extract(month FROM d)::int % 4) AS amount
FROM generate_series('2021-01-01'::date, '2023-12-31', '1 day') d, (VALUES ('East', 1, 50), ('West', 2, 10), ('North', 3, -5)) v (m, f, g), (VALUES ('key'), ('small'), ('web')) w (t);
SELECT count(add_member('type', 'web'));
CREATE FUNCTION quarter(name text, n int) RETURNS bigint LANGUAGE sql AS $$
	SELECT find_target(name, 'sales', period => daterange(make_date(2024, 3 * n - 2, 1), (make_date(2024, 3 * n - 2, 1) + interval '3 months')::date))
$$;
CREATE FUNCTION changed_by(target_id bigint) RETURNS TABLE (n_rows bigint, splits bigint) LANGUAGE plpgsql AS $$
DECLARE
	before bigint := (SELECT count(*) FROM split);
BEGIN
	n_rows := (SELECT count(*) FROM resplit_target(target_id));
	splits := (SELECT count(*) FROM split) - before;
	RETURN NEXT;
END
$$;
SELECT new_plan('Chain', 12000) AS r \gset
SELECT count(*) FROM split_target(:r, '{quarter}', method => 'percent', weights => '{"2024-01-01": 20, "2024-04-01": 30, "2024-07-01": 15, "2024-10-01": 35}');
SELECT count(*) FROM split_target(:r, '{month}', method => 'linked');
SELECT * FROM changed_by(:r);
SELECT n, c.* FROM generate_series(1, 4) n, changed_by(quarter('Chain', n)) c;
SELECT count(*) FROM lock_target(quarter('Chain', 2));
SELECT * FROM changed_by(:r);
SELECT * FROM changed_by(quarter('Chain', 3));
-- a part with a call of its own is a link of the chain as well
SELECT count(*) FROM unlock_target(quarter('Chain', 2));
SELECT count(*) FROM resplit_target(quarter('Chain', 2), method => 'equal');
SELECT n, c.* FROM generate_series(1, 4) n, changed_by(quarter('Chain', n)) c;
SELECT * FROM changed_by(:r);
-- a locked one has its amount there, and the others theirs of now
SELECT count(*) FROM lock_target(quarter('Chain', 2));
SELECT count(*) FROM resplit_target(:r, amount => 18000);
SELECT * FROM shown('Chain');
SELECT * FROM changed_by(:r);
-- so it is where another call makes what is beside later: the same call again finds nothing to do
SELECT new_plan('Beside', 12000) AS r \gset
SELECT count(*) FROM split_target(:r, '{half}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{quarter}', method => 'days');
SELECT count(*) FROM split_target(:r, '{month}', method => 'linked');
SELECT count(*) FROM resplit_target(find_target('Beside', 'sales', period => '[2024-07-01,2025-01-01)'), by => '{quarter}', method => 'percent', weights => '{"2024-07-01": 30, "2024-10-01": 70}');
SELECT * FROM changed_by(:r);
SELECT count(*) FROM resplit_target(:r, amount => 24000);
SELECT * FROM changed_by(:r);
SELECT * FROM shown('Beside');
-- as a level, also linked to the actuals
SELECT new_plan('Levels', 12000) AS r \gset
SELECT count(*) FROM split_target(:r, '{quarter}', method => 'percent', weights => '{"2024-01-01": 20, "2024-04-01": 30, "2024-07-01": 15, "2024-10-01": 35}');
SELECT count(*) FROM split_target(:r, '{market,month}', levels => '{"month": {"method": "linked", "link": "actuals"}}');
SELECT n, c.* FROM generate_series(1, 4) n, changed_by(quarter('Levels', n)) c;
SELECT count(*) FROM lock_target(quarter('Levels', 1));
SELECT * FROM changed_by(:r);
-- seasons are those of all members, named or not
SELECT new_plan('Seasons', 12000) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{type}', method => 'equal', members => '["key", "small"]');
SELECT count(*) FROM split_target(:r, '{month}', method => 'seasonal');
SELECT slice, c.* FROM (SELECT slice, target_id FROM target WHERE plan_id = (SELECT plan_id FROM target WHERE target_id = :r) AND depth < 3 ORDER BY target_id) t, changed_by(t.target_id) c;
SELECT count(*) FROM lock_target(find_target('Seasons', 'sales', '{"market": "East"}'));
SELECT * FROM changed_by(:r);
SELECT * FROM changed_by(find_target('Seasons', 'sales', '{"market": "West", "type": "key"}'));
-- the biggest members are those of all periods
SELECT add_member('market', 'Rest', is_rest => true) > 0 AS rest;
CREATE TABLE all_orders AS TABLE orders;
DELETE FROM orders;
INSERT INTO orders VALUES ('2023-01-01', 'North', 'key', 51), ('2023-02-01', 'East', 'key', 10), ('2023-08-01', 'East', 'key', 100), ('2023-02-01', 'West', 'key', 40), ('2023-08-01', 'West', 'key', 20), ('2023-12-31', 'North', 'key', 6);
SELECT new_plan('Biggest', 12000) AS r \gset
SELECT count(*) FROM split_target(:r, '{half}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{market}', members => '2', rest => 'Rest');
SELECT * FROM shown('Biggest');
SELECT * FROM changed_by(find_target('Biggest', 'sales', period => '[2024-01-01,2024-07-01)'));
SELECT count(*) FROM lock_target(find_target('Biggest', 'sales', period => '[2024-07-01,2025-01-01)'));
SELECT * FROM changed_by(:r);
SELECT count(*) FROM unlock_target(:r);
SELECT unsplit_target(:r);
DELETE FROM member WHERE code = 'Rest';
DELETE FROM orders;
INSERT INTO orders TABLE all_orders;
DROP TABLE all_orders;
-- weights and bounds of what is locked, or not under the named target, are no mistake
SELECT new_plan('Named', 12000) AS r \gset
SELECT count(*) FROM split_target(:r, '{half}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{quarter}', method => 'percent', weights => '{"2024-01-01": 60, "2024-04-01": 40, "2024-07-01": 50, "2024-10-01": 50}', bounds => '{"quarter": {"2024-07-01": {"at_least": 100}}}');
SELECT * FROM changed_by(find_target('Named', 'sales', period => '[2024-01-01,2024-07-01)'));
SELECT count(*) FROM lock_target(find_target('Named', 'sales', period => '[2024-07-01,2025-01-01)'));
SELECT count(*) FROM resplit_target(:r, amount => 13000);
SELECT * FROM shown('Named');
-- a part may be one short period, which the whole is not
SELECT create_plan('Short', period => '[2024-01-30,2025-01-01)') > 0 AS plan;
SELECT set_target('Short', 'sales', amount => 36000) AS r \gset
SELECT count(*) FROM split_target(:r, '{month}', method => 'days');
SELECT count(*) FROM split_target(:r, '{week}');
SELECT * FROM changed_by(find_target('Short', 'sales', period => '[2024-01-30,2024-02-01)'));
SELECT level, amount, weight, basis_rows FROM explain_target((SELECT max(target_id) FROM target WHERE plan_id = (SELECT plan_id FROM target WHERE target_id = :r) AND period = '[2024-01-30,2024-02-01)'));
-- a profile is what the others have
SELECT new_plan('Profile', 12000) AS r \gset
DELETE FROM orders WHERE market = 'North';
SELECT count(*) FROM split_target(:r, '{market}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{month}', on_zero => 'parent', on_missing => 'parent');
SELECT * FROM changed_by(find_target('Profile', 'sales', '{"market": "North"}'));
-- also where what they have follows from their amounts
SELECT new_plan('Profile i', 12000) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{month}', method => 'increment', on_zero => 'parent');
SELECT * FROM changed_by(find_target('Profile i', 'sales', '{"market": "North"}'));
SELECT count(*) FROM lock_target(find_target('Profile i', 'sales', '{"market": "East"}'));
SELECT * FROM changed_by(:r);
-- and nothing need be known of the others
DELETE FROM orders WHERE market = 'West';
SELECT * FROM why(format('preview_resplit(%s)', find_target('Profile', 'sales', '{"market": "East"}')));
-- a ramp that begins elsewhere
UPDATE member SET valid = CASE code WHEN 'North' THEN '[2024-05-15,)' ELSE '(,2024-09-01)' END::daterange WHERE code IN ('West', 'North');
SELECT new_plan('Ramp', 12000) AS r \gset
SELECT count(*) FROM split_target(:r, '{quarter}', method => 'pattern', weights => '[1,2,3,4]');
SELECT count(*) FROM split_target(:r, '{market}', method => 'ramp', weights => '[0,50,100]', on_missing => 'zero');
SELECT n, c.* FROM generate_series(1, 4) n, changed_by(quarter('Ramp', n)) c;
SELECT * FROM plan_check;

-- ----------------------------------------------------------- default basis
-- what was not given is found again, for other arguments anew; what was given stays
SELECT create_plan('Half', period => '[2024-01-01,2024-07-01)');
SELECT set_target('Half', 'sales', amount => 36000) AS r \gset
SELECT count(*) FROM split_target(:r, '{month}', method => 'linked', link => 'actuals');
SELECT * FROM changed_by(:r);
SELECT substring(split_call FROM 'method.*\)') FROM explain_target(:r + 1) WHERE split_call IS NOT NULL;
SELECT new_plan('Weekday', 36000) AS r \gset
SELECT count(*) FROM split_target(:r, '{month}', align => 'weekday');
SELECT count(*) > 0 AS changed FROM resplit_target(:r, align => 'date');
SELECT basis, arguments FROM split WHERE split_id = last_call();
SELECT count(*) FROM resplit_target(:r, basis => '[2022-01-01,2023-01-01)');
SELECT count(*) FROM resplit_target(:r, align => 'weekday', on_missing => 'zero');
SELECT basis, arguments FROM split WHERE split_id = last_call();
SELECT substring(split_call FROM 'by =>.*\)') FROM explain_target(find_target('Weekday', 'sales', period => '[2024-01-01,2024-02-01)')) WHERE split_call IS NOT NULL;
-- ------------------------------------------------------- nothing to share
-- on_zero is for amounts that there are at last, not for those of before
DELETE FROM orders WHERE market <> 'East';
UPDATE member SET valid = '(,)' WHERE code IN ('West', 'North');
SELECT new_plan('Zero a', 1200) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'weights', weights => '{"East": 1, "West": 0, "North": 0}');
SELECT count(*) FROM split_target(:r, '{quarter}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{month}');
SELECT * FROM changed_by(:r);
SELECT * FROM why(format('preview_resplit(%s, by => ''{market}'', method => ''equal'')', :r));
SELECT new_plan('Zero b', 1200) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'weights', weights => '{"East": 1, "West": 0, "North": 0}');
SELECT count(*) FROM split_target(:r, '{quarter}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{month}', on_zero => 'equal');
SELECT * FROM changed_by(:r);
SELECT new_plan('Zero c', 1200) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{month}', on_zero => 'equal');
SELECT count(*) > 0 AS changed FROM resplit_target(:r, by => '{market}', method => 'weights', weights => '{"East": 1, "West": 0, "North": 0}');
SELECT * FROM changed_by(:r);
-- a bound gives it an amount
SELECT slice ->> 'market' AS market, level, amount_after, count(*) FROM preview_resplit(:r, by => '{market}', bounds => '{"market": {"West": {"at_least": 108}}}')
WHERE slice ->> 'market' = 'West' OR level = 'market' GROUP BY 1, 2, 3 ORDER BY 2, 1;
SELECT count(*) > 0 AS changed FROM resplit_target(:r, by => '{market}', bounds => '{"market": {"West": {"at_least": 108}}}');
SELECT * FROM changed_by(:r);
SELECT * FROM plan_check;

DROP FUNCTION new_plan(text, numeric), shown(text), tree_of(text), last_call(), why(text), quarter(text, int), changed_by(bigint);
DROP TABLE potential, orders;
RESET search_path;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
