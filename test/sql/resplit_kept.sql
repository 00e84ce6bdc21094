-- resplit_target around what is kept: locks, amounts of the other sign, bounds,
-- and weights that follow from amounts.
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

-- ---------------------------------- locked, not made any more, and not kept
SELECT new_plan('L', 1000) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{quarter}', method => 'equal');
SELECT count(*) FROM adjust_target(plan => 'L', metric => 'sales', slice => '{"market": "North"}', amount => 400);
SELECT count(*) FROM lock_target(plan => 'L', metric => 'sales', slice => '{"market": "North"}');
-- it stays for it was adjusted, and stays locked
SELECT count(*) FROM resplit_target(:r, by => '{market}', members => '["East", "West"]', keep_locks => false, amount => 1200);
SELECT * FROM shown('L');
-- what a lock holds keeps its mark
SELECT count(*) FROM resplit_target(:r, by => '{market}', members => '["East", "West", "North"]', keep_adjustments => false, amount => 1300);
SELECT * FROM shown('L');
-- without either it goes
SELECT tree_of('L') AS before \gset
SELECT count(*) FROM resplit_target(:r, by => '{market}', members => '["East", "West"]', keep_locks => false, keep_adjustments => false);
SELECT * FROM shown('L');
SELECT undo_split(last_call());
SELECT tree_of('L') = :'before'::jsonb AS as_before;
SELECT * FROM plan_check;

-- ---------------------------------------------------- kept below zero
SELECT new_plan('N', 1000) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{quarter}', method => 'equal');
SELECT count(*) FROM adjust_target(find_target('N', 'sales', '{"market": "East"}'), amount => -50);
SELECT count(*) FROM adjust_target(find_target('N', 'sales', '{"market": "East"}', '[2024-01-01,2024-04-01)'), amount => -20);
SELECT * FROM shown('N');
SELECT * FROM resplit_target(:r);
SELECT count(*) FROM resplit_target(:r, amount => 1300);
SELECT * FROM shown('N');
-- in one split with what is under it
SELECT new_plan('M', 1000) AS r \gset
SELECT count(*) FROM split_target(:r, '{market,type}', method => 'equal');
SELECT count(*) FROM adjust_target(find_target('M', 'sales', '{"market": "East"}'), amount => -50);
SELECT count(*) FROM adjust_target(find_target('M', 'sales', '{"market": "East", "type": "key"}'), amount => -20);
SELECT * FROM resplit_target(:r);
SELECT count(*) FROM resplit_target(:r, amount => 1300);
SELECT * FROM shown('M');
SELECT * FROM plan_check;

-- --------------------------------------------------------------- bounds
SELECT new_plan('B', 1000) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'equal');
SELECT count(*) FROM lock_target(find_target('B', 'sales', '{"market": "East"}'));
SELECT * FROM why(format('resplit_target(%s, bounds => ''{"market": {"East": {"at_least": 400}}}'', amount => 2000)', :r));
SELECT * FROM why(format('preview_resplit(%s, bounds => ''{"market": {"East": {"at_least": 400}}}'')', :r));
SELECT count(*) FROM unlock_target(find_target('B', 'sales', '{"market": "East"}'));
SELECT count(*) FROM adjust_target(find_target('B', 'sales', '{"market": "East"}'), amount => 500);
SELECT * FROM why(format('resplit_target(%s, bounds => ''{"market": {"East": {"at_most": 400}}}'')', :r));
UPDATE target SET floor_amount = 900 WHERE target_id = :r;
SELECT * FROM why(format('preview_resplit(%s, amount => 800)', :r));
UPDATE target SET floor_amount = NULL, stretch_amount = 1100 WHERE target_id = :r;
SELECT * FROM why(format('resplit_target(%s, amount => 1200)', :r));
SELECT count(*) FROM resplit_target(:r, keep_adjustments => false);
SELECT * FROM why(format('resplit_target(%s, bounds => ''{"market": {"West": {"at_least": 600}, "North": {"at_least": 600}}}'')', :r));
-- recorded bounds do not undo what a person set since
SELECT count(*) FROM resplit_target(:r, bounds => '{"market": {"East": {"at_least": 300}}}');
UPDATE target SET at_least = NULL WHERE target_id = find_target('B', 'sales', '{"market": "East"}');
SELECT count(*) FROM adjust_target(find_target('B', 'sales', '{"market": "East"}'), amount => 200);
SELECT count(*) FROM resplit_target(:r, amount => 1100);
SELECT slice ->> 'market' AS market, amount, at_least FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'B' AND depth = 1 ORDER BY 1;
SELECT * FROM plan_check;

-- ------------------------------------------- weights that follow from amounts
CREATE TABLE orders (day date, market text, type text, amount numeric);
INSERT INTO orders SELECT '2023-06-01', m, t, CASE t WHEN 'key' THEN 100 ELSE 10 END FROM unnest('{East,West}'::text[]) m, unnest('{key,small}'::text[]) t;
INSERT INTO orders SELECT d, market, type, 0 FROM orders, unnest('{2023-01-01,2023-12-31}'::date[]) d;
SELECT count(*) FROM add_source('sales', 'orders', occurred_on => 'day', amount => 'amount', dimensions => '{"market": "market", "type": "type"}');
SELECT new_plan('I', 160) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'equal', members => '["East", "West"]');
SELECT count(*) FROM split_target(:r, '{type}', method => 'increment', weights => '{"key": 1, "small": 2}', on_negative => 'zero');
SELECT * FROM shown('I');
-- what had no weight at the old amount has one at the new
SELECT count(*) FROM lock_target(find_target('I', 'sales', '{"market": "East", "type": "key"}'));
SELECT count(*) FROM resplit_target(:r, amount => 320);
SELECT * FROM shown('I');
SELECT fallbacks FROM split_log WHERE plan = 'I' AND in_force ORDER BY split_id;
SELECT count(*) FROM unlock_target(find_target('I', 'sales', '{"market": "East", "type": "key"}'));
SELECT count(*) FROM resplit_target(:r, amount => 160);
SELECT fallbacks FROM split_log WHERE plan = 'I' AND in_force ORDER BY split_id;
SELECT slice, amount, weight, fallback FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'I' AND depth = 2 ORDER BY slice ->> 'market', slice ->> 'type';
-- enough with the new amount, though not with the old one
SELECT new_plan('J', 400) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'equal', members => '["East", "West"]');
SELECT count(*) FROM split_target(:r, '{type}', method => 'increment', weights => '{"key": 1, "small": 2}');
UPDATE orders SET amount = 300 WHERE market = 'East' AND type = 'key' AND amount > 0;
SELECT count(*) FROM resplit_target(:r, amount => 800);
SELECT * FROM shown('J');
-- too little: the context says which split, for "by" of the cure
SELECT * FROM why(format('resplit_target(%s, amount => 400)', :r));
SELECT * FROM plan_check;
DROP TABLE orders;

-- --------------------------------------- bounds that a person has set since
SELECT new_plan('O', 900) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'equal', bounds => '{"market": {"North": {"at_least": 100}}}');
UPDATE target SET at_least = 290 WHERE target_id = find_target('O', 'sales', '{"market": "East"}');
SELECT count(*) FROM resplit_target(:r, amount => 600);
SELECT slice ->> 'market' AS market, amount, at_least FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'O' AND depth = 1 ORDER BY 1;
-- taken away, where the call had one
UPDATE target SET at_least = NULL WHERE target_id = find_target('O', 'sales', '{"market": "North"}');
SELECT count(*) FROM resplit_target(:r, amount => 300);
SELECT slice ->> 'market' AS market, amount, at_least FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'O' AND depth = 1 ORDER BY 1;
-- those that are given are for all
SELECT count(*) FROM resplit_target(:r, amount => 390, bounds => '{"market": {"North": {"at_least": 140}}}');
SELECT slice ->> 'market' AS market, amount, at_least FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'O' AND depth = 1 ORDER BY 1;

-- undone, a call has set none, nor has who took it back
SELECT new_plan('OU', 900) AS r \gset
CREATE TABLE limits (market text, at_least numeric, at_most numeric);
INSERT INTO limits VALUES ('East', 200, NULL), ('West', NULL, 310);
SELECT count(*) FROM split_target(:r, '{market}', method => 'equal', bounds_from => 'limits');
UPDATE target SET at_most = 320 WHERE target_id = find_target('OU', 'sales', '{"market": "North"}');
SELECT count(*) FROM resplit_target(:r, amount => 800, bounds => '{"market": {"East": {"at_least": 250}, "North": {"at_least": 10}}}');
SELECT undo_split(last_call());
SELECT count(*) FROM resplit_target(:r, by => '{market}', bounds => '{"market": {"East": {"at_least": 210}}}');
SELECT undo_split(last_call());
UPDATE limits SET at_least = 350 WHERE market = 'East';
SELECT count(*) FROM resplit_target(:r);
SELECT slice ->> 'market' AS market, amount, at_least, at_most FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'OU' AND depth = 1 ORDER BY 1;
SELECT r.operation, r.split_id IS NOT NULL AS by_a_call, r.undoes IS NOT NULL AS undone, count(*) FROM revision r JOIN plan p USING (plan_id) WHERE p.family = 'OU' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
DROP TABLE limits;

-- ------------------------------------------ a target put in by plain SQL
SELECT new_plan('T', 900) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'equal');
SELECT add_member('market', 'South') > 0 AS added;
WITH changed AS (UPDATE target SET amount = 200 WHERE target_id = find_target('T', 'sales', '{"market": "East"}'))
INSERT INTO target (parent_id, member_id, lineage_id, plan_id, metric_id, depth, level, period, amount, slice)
SELECT t.target_id, m.member_id, 0, t.plan_id, t.metric_id, 1, 'market', t.period, 100, '{"market": "South"}'
FROM target t, member m WHERE t.target_id = :r AND m.code = 'South';
SELECT tree_of('T') AS before \gset
-- kept where the split does not make it, and where it does; marked from then on
SELECT slice, amount_after FROM preview_resplit(:r, amount => 1000, members => '["East", "West", "North"]');
SELECT slice, amount_after FROM resplit_target(:r, amount => 1000);
SELECT count(*) FROM resplit_target(:r, amount => 1300);
SELECT * FROM shown('T');
SELECT slice, amount_after FROM preview_resplit(:r, keep_adjustments => false);
SELECT undo_split(last_call());
SELECT undo_split(min(split_id)) FROM split_log WHERE plan = 'T' AND in_force AND split_id > (SELECT min(split_id) FROM split_log WHERE plan = 'T');
SELECT tree_of('T') = :'before'::jsonb AS as_before;
SELECT * FROM plan_check;

-- ------------------------------------------------------- made by no split
SELECT new_plan('H', 100) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'amounts', weights => '{"East": 150, "West": -50, "North": 0, "South": 0}');
SELECT count(*) FROM split_target(find_target('H', 'sales', '{"market": "West"}'), '{type}', method => 'equal');
SELECT count(*) FROM lock_target(find_target('H', 'sales', '{"market": "West", "type": "key"}'));
-- with the same amount they stay, and what is under them is made again
SELECT * FROM preview_resplit(:r);
SELECT slice, amount_after FROM preview_resplit(:r, by => '{type}', method => 'weights', weights => '{"key": 1, "small": 3}', keep_locks => false);
-- another one cannot be shared by amounts of both signs; the hint works
SELECT * FROM why(format('preview_resplit(%s, amount => 200)', :r));
SELECT count(*) FROM unlock_target(find_target('H', 'sales', '{"market": "West", "type": "key"}'));
SELECT count(*) FROM adjust_target(:r, amount => 200, absorb => 'root', on_negative => 'absolute');
SELECT * FROM shown('H');
-- unless one sign is all held
SELECT count(*) FROM lock_target(find_target('H', 'sales', '{"market": "West"}'));
SELECT count(*) FROM resplit_target(:r, amount => 300);
SELECT * FROM shown('H');
-- nothing to do: nothing is written
SELECT new_plan('H2', 100) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'amounts', weights => '{"East": 70, "West": 30, "North": 0, "South": 0}');
SELECT * FROM resplit_target(:r);
SELECT count(*) FROM split_log WHERE plan = 'H2';
SELECT count(*) FROM resplit_target(:r, amount => 200);
SELECT * FROM resplit_target(:r);
SELECT count(*) FROM split_log WHERE plan = 'H2';
SELECT * FROM plan_check;

-- ----------------------------------------- a rounding of its own, and limits
SELECT new_plan('Q', 1000) AS r \gset
SELECT count(*) FROM split_target(:r, '{market}', method => 'weights', weights => '{"East": 5, "West": 3, "North": 2}', quantum => 100,
								  members => '["East", "West", "North"]');
SELECT count(*) FROM split_target(:r, '{type}', method => 'equal', bounds => '{"type": {"key": {"at_least": 20}}}');
-- what is under it needs some of it, and gets that
SELECT * FROM preview_resplit(:r);
SELECT count(*) FROM resplit_target(:r, amount => 1200);
SELECT * FROM shown('Q');
-- no multiple of 100 is possible for those that need 20: they have 20
SELECT count(*) FROM resplit_target(:r, by => '{market}', weights => '{"East": 5, "West": 3, "North": 0}');
SELECT * FROM shown('Q');
-- unless the quantum says so
SELECT * FROM why(format($$resplit_target(%s, amount => 50, by => '{market}', weights => '{"East": 5, "West": 3, "North": 0}')$$, :r));
SELECT count(*) FROM lock_target(plan => 'Q', metric => 'sales', slice => '{"market": "West"}');
SELECT count(*) FROM resplit_target(:r, amount => 1777);
SELECT * FROM shown('Q');
SELECT * FROM plan_check;
-- parts that are not split so far any more
SELECT new_plan('Q2', 1000) AS r \gset
SELECT count(*) FROM split_target(:r, '{market,type}', method => 'equal', quantum => 10, members => '{"market": ["East", "West"], "type": ["key", "small"]}');
SELECT unsplit_target(find_target('Q2', 'sales', '{"market": "East"}'));
SELECT count(*) FROM resplit_target(:r, amount => 1200);
SELECT * FROM shown('Q2');
SELECT * FROM plan_check;

-- ------------- random: what is kept, a quantum of the call and a residual rule
-- What is asked: kept amounts stay, sums are exact (plan_check), every other target is
-- less than a quantum from what the same call gives in quanta of 1 by the largest remainder, and among
-- siblings at most one that is not kept is no multiple, where some can be
CREATE TABLE random_weight (market text, type text, weight numeric);
CREATE FUNCTION random_plan(i int) RETURNS TABLE (what text, n bigint) LANGUAGE plpgsql AS $$
DECLARE
	plan_name text := 'R' || i;
	unit numeric := (ARRAY[10, 100, 7])[1 + i % 3];
	rule text := (ARRAY['largest', 'first', 'last', 'highest', 'lowest', 'West', 'carry'])[1 + i / 3 % 7];
	total numeric := (2000 + floor(random() * 8000)) * CASE WHEN i % 5 = 0 THEN -1 ELSE 1 END;
	new_total numeric := round(total * (1 + random()::numeric / 2));
	root bigint;
	chosen record;
BEGIN
	IF i % 2 = 0 THEN
		total := total * unit;
		new_total := new_total * unit;
	END IF;
	unit := CASE WHEN rule = 'carry' THEN 1 ELSE unit END;
	root := new_plan(plan_name, total);
	DELETE FROM random_weight;
	INSERT INTO random_weight SELECT m, t, floor(1 + random() * 50) FROM unnest('{East,West,North}'::text[]) m, unnest('{key,small}'::text[]) t;
	PERFORM split_target(root, '{market,type}', method => 'weights', weights_from => 'random_weight', quantum => unit, residual => rule);
	FOR chosen IN SELECT t.target_id, t.amount, t.depth FROM target t JOIN plan p USING (plan_id)
			WHERE p.family = plan_name AND t.depth > 0 ORDER BY hashtext(t.slice::text || i) LIMIT 1 + i % 2 LOOP
		IF random() < 0.5 THEN
			PERFORM lock_target(chosen.target_id);
		ELSE
			BEGIN
				PERFORM adjust_target(chosen.target_id, amount => chosen.amount + sign(total) * floor(random() * 50));
			EXCEPTION WHEN OTHERS THEN	-- no sibling is left to give it
				PERFORM lock_target(chosen.target_id);
			END;
		END IF;
	END LOOP;
	CREATE TEMP TABLE fine ON COMMIT DROP AS
	SELECT target_id, amount_after FROM preview_resplit(root, amount => new_total, quantum => 1, residual => 'largest');
	CREATE TEMP TABLE before ON COMMIT DROP AS
	SELECT t.* FROM target t JOIN plan p USING (plan_id) WHERE p.family = plan_name;
	PERFORM resplit_target(root, amount => new_total);
	RETURN QUERY
	WITH now AS (
		SELECT t.target_id, t.parent_id, t.depth, t.amount, b.amount AS amount_before, COALESCE(f.amount_after, b.amount) AS fine,
			   t.locked OR t.adjusted OR pt.locked AS kept
		FROM target t JOIN before b USING (target_id) LEFT JOIN fine f USING (target_id) LEFT JOIN target pt ON pt.plan_id = t.plan_id AND pt.target_id = t.parent_id)
	SELECT 'kept, and changed', count(*) FROM now WHERE kept AND depth > 0 AND amount <> amount_before
	UNION ALL SELECT 'far from its share', count(*) FROM now WHERE NOT kept AND rule = 'largest' AND abs(amount - fine) > unit
	UNION ALL SELECT 'siblings with two that are no multiples', count(*) FROM (
		SELECT parent_id FROM now WHERE depth > 0 AND NOT kept AND mod(amount, unit) <> 0 GROUP BY 1 HAVING count(*) > 1) s
	UNION ALL SELECT 'all', count(*) FROM now
	UNION ALL SELECT 'changed', count(*) FROM now WHERE amount <> amount_before;
	DROP TABLE fine, before;
END $$;
SELECT setseed(0.25);
SELECT what, sum(n) FROM generate_series(1, 63) i, random_plan(i) GROUP BY 1 ORDER BY 1;
SELECT * FROM plan_check;

DROP FUNCTION random_plan(int);
DROP TABLE random_weight;
DROP FUNCTION new_plan(text, numeric), shown(text), tree_of(text), last_call(), why(text);
DROP TABLE potential;
RESET search_path;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
