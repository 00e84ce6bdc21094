-- resplit_target of some splits and not of others: "by", parts that were split
-- again by themselves, arguments that move no number, and undoing all of that.
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

-- ------------------------------------------------------- by: only this split
SELECT new_plan('B', 1300) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'weights', weights => '{"East": 1, "West": 1, "North": 1}');
SELECT count(*) FROM split_target(:r, '{half}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{type}', method => 'equal');
SELECT count(*) FROM resplit_target(:r, by => '{market}', weights => '{"East": 5, "West": 1, "North": 1}');
SELECT tree_of('B') AS before \gset
-- what is above the halves stays, what is below follows
SELECT count(*) FROM resplit_target(:r, by => '{half}', method => 'weights', weights => '{"2024-01-01": 2, "2024-07-01": 1}');
SELECT * FROM shown('B');
SELECT by_levels, method, n_split, in_force FROM split_log WHERE plan = 'B' ORDER BY split_id;
SELECT * FROM resplit_target(:r, by => '{half}');
SELECT * FROM resplit_target(:r);
SELECT * FROM plan_check;
SELECT undo_split(last_call());
SELECT tree_of('B') = :'before'::jsonb AS as_before;
-- with another amount everything follows
SELECT count(*) FROM resplit_target(:r, by => '{half}', amount => 2600);
SELECT * FROM shown('B') WHERE what IN ('all', 'East', 'West');
-- amounts of both signs above the split stay as well
SELECT count(*) FROM adjust_target(find_target('B', 'sales', '{"market": "West"}'), amount => -50);
UPDATE target SET adjusted = false WHERE target_id = find_target('B', 'sales', '{"market": "West"}');
SELECT count(*) FROM resplit_target(:r, by => '{type}', method => 'weights', weights => '{"key": 3, "small": 1}');
SELECT * FROM shown('B') WHERE what ~ 'all|West';
SELECT * FROM plan_check;

-- ---------------------------------- a part that was split again by itself
SELECT new_plan('P', 1000) AS r \gset
SELECT count(*) FROM split_target(:r, '{market,type}', method => 'weights', weights_from => 'potential');
SELECT count(*) FROM split_target(:r, '{half}', method => 'equal');
SELECT count(*) FROM resplit_target(find_target('P', 'sales', '{"market": "East"}'), method => 'equal');
SELECT tree_of('P') AS before \gset
-- it keeps its way
SELECT * FROM resplit_target(:r);
SELECT count(*) FROM resplit_target(:r, amount => 2000);
SELECT * FROM shown('P');
SELECT * FROM plan_check;
SELECT step, amount, method, weight, weight_sum, shared_amount, exact_share FROM explain_target(plan => 'P', metric => 'sales', slice => '{"market": "East", "type": "key"}');
SELECT undo_split(last_call());
SELECT tree_of('P') = :'before'::jsonb AS as_before;
SELECT * FROM resplit_target(find_target('P', 'sales', '{"market": "East"}'));
-- until there are arguments for all of it
SELECT count(*) FROM resplit_target(:r, weights_from => 'potential', on_zero => 'equal');
SELECT * FROM shown('P') WHERE what ~ 'East';
SELECT undo_split(last_call());
SELECT tree_of('P') = :'before'::jsonb AS as_before;
-- other members in the part: undone, each target is of the split that it was of
SELECT count(*) FROM resplit_target(find_target('P', 'sales', '{"market": "East"}'), method => 'weights', weights_from => 'potential',
									members => '{"market": ["East", "West", "North"], "type": ["key"]}');
SELECT * FROM shown('P') WHERE what ~ 'East';
SELECT tree_of('P') AS before \gset
SELECT count(*) FROM resplit_target(:r, amount => 3000);
SELECT undo_split(last_call());
SELECT tree_of('P') = :'before'::jsonb AS as_before;
SELECT * FROM plan_check;

-- ------------------------------------------ arguments that move no number
SELECT new_plan('A', 1000) AS r \gset
SELECT count(*) FROM split_target(:r, '{market,type}', method => 'weights', weights_from => 'potential');
SELECT * FROM resplit_target(:r, bounds => '{"market": {"North": {"at_least": 100}}}');
SELECT count(*), max(arguments ->> 'bounds') FROM split_log WHERE plan = 'A';
-- said once more, nothing is new
SELECT * FROM resplit_target(:r, bounds => '{"market": {"North": {"at_least": 100}}}');
SELECT count(*) FROM split_log WHERE plan = 'A';
SELECT count(*) FROM resplit_target(:r, amount => 300);
SELECT * FROM shown('A');
SELECT * FROM resplit_target(:r, on_missing => 'zero');
SELECT arguments FROM split_log WHERE plan = 'A' AND in_force;
-- a mark alone
SELECT count(*) FROM adjust_target(find_target('A', 'sales', '{"market": "West", "type": "key"}'), add => 1);
SELECT count(*) FROM adjust_target(find_target('A', 'sales', '{"market": "West", "type": "key"}'), add => -1);
SELECT * FROM shown('A') WHERE what ~ 'West';
SELECT * FROM resplit_target(:r, keep_adjustments => false);
SELECT * FROM shown('A') WHERE what ~ 'West';

-- ------------------------- removed and brought back; a member renamed since
SELECT count(*) FROM resplit_target(:r, members => '{"market": ["East", "West"]}', weights => '{"East": {"key": 5, "small": 3}, "West": {"key": 2, "small": 1}}', bounds => '{}');
SELECT undo_split(last_call());
SELECT step, weight_sum, shared_amount, exact_share FROM explain_target(plan => 'A', metric => 'sales', slice => '{"market": "East"}');
SELECT count(*) > 0 AS renamed FROM rename_member('market', 'East', 'Far East');
SELECT undo_split(max(split_id)) > 0 AS undone FROM split_log WHERE plan = 'A' AND in_force;
SELECT * FROM plan_check;

-- ------------------------------------------- a part, in a quantum of its call
SELECT new_plan('C', 1000) AS r \gset
SELECT count(*) FROM split_target(:r, '{market,type}', method => 'equal', quantum => 10);
SELECT target_id AS east FROM target_tree WHERE plan = 'C' AND slice = '{"market": "Far East"}' \gset
SELECT * FROM preview_resplit(:east);
SELECT count(*) FROM adjust_target(plan => 'C', metric => 'sales', slice => '{"market": "Far East", "type": "key"}', amount => 133);
SELECT role, slice ->> 'type' AS type, amount_before, amount_after FROM resplit_target(:east, keep_adjustments => false) ORDER BY depth, 2;
SELECT * FROM plan_check;

-- ------------------------------------------------------- what cannot be
SELECT count(*) FROM resplit_target(:r, quantum => 1, residual => 'last');
SELECT * FROM why(format('resplit_target(%s, residual => ''largest'', members => ''{"market": ["West", "North"], "type": ["key"]}'')', :east));
-- a role that does not see all of it
CREATE ROLE regress_ts_resplit;
GRANT USAGE ON SCHEMA target_split TO regress_ts_resplit;
GRANT SELECT ON ALL TABLES IN SCHEMA target_split TO regress_ts_resplit;
GRANT UPDATE ON target TO regress_ts_resplit;
GRANT EXECUTE ON FUNCTION resplit_target TO regress_ts_resplit;
CREATE POLICY not_north ON target USING (COALESCE(slice ->> 'market', '') <> 'North');
ALTER TABLE target ENABLE ROW LEVEL SECURITY;
SET ROLE regress_ts_resplit;
SELECT count(*) FROM resplit_target(:r, residual => 'largest');
SELECT count(*) FROM preview_resplit(:r, residual => 'largest');
RESET ROLE;
-- nor what is above
DROP POLICY not_north ON target;
CREATE POLICY not_north ON target USING (slice ->> 'market' = 'West');
SELECT target_id AS west FROM target_tree WHERE plan = 'C' AND slice = '{"market": "West"}' \gset
SET ROLE regress_ts_resplit;
SELECT count(*) FROM resplit_target(:west, residual => 'largest');
RESET ROLE;
ALTER TABLE target DISABLE ROW LEVEL SECURITY;
DROP POLICY not_north ON target;
DROP OWNED BY regress_ts_resplit;
DROP ROLE regress_ts_resplit;

DROP FUNCTION new_plan(text, numeric), shown(text), tree_of(text), last_call(), why(text);
DROP TABLE potential;
RESET search_path;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
