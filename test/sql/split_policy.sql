-- split_target: what is missing, zero, negative, unassigned or not there yet,
-- and what is recorded of it; explain_target; the views.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA policy_test;
SET search_path = policy_test, target_split;
SET datestyle = ISO;

-- a fact a day; market and seller, who is a person
CREATE TABLE orders AS
SELECT day::date AS day, CASE WHEN extract(doy FROM day)::int % 3 = 0 THEN 'East' ELSE 'West' END AS market,
	   CASE WHEN extract(doy FROM day)::int % 2 = 0 THEN 'Ann' ELSE 'Bob' END AS seller, (extract(doy FROM day)::int % 17 + 1)::numeric AS amount
FROM generate_series('2023-01-01'::date, '2023-12-31', '1 day') day;
SELECT add_metric('sales', unit => 'EUR') > 0 AS added;
SELECT level, members_added FROM add_source('sales', 'orders', occurred_on => 'day', amount => 'amount',
	dimensions => '{"market": "market", "seller": {"column": "seller", "persons": true}}');
SELECT create_plan('P', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('P', 'sales', amount => 1000.01) > 0 AS set;

-- --------------------------------------------------------------- unassigned
INSERT INTO orders VALUES ('2023-05-01', NULL, 'Ann', 7), ('2023-05-02', 'Moon', 'Ann', 11), ('2023-05-02', 'Moon', 'Bob', 13), ('2023-05-03', '', 'Bob', 17);
SELECT * FROM split_target(root_target('P', 'sales'), '{market}');
SELECT slice, amount, weight FROM preview_split(root_target('P', 'sales'), '{market}', on_unassigned => 'spread');
SELECT slice, amount, weight FROM preview_split(root_target('P', 'sales'), '{market}', on_unassigned => 'East');
SELECT market, sum(amount) FROM orders GROUP BY 1 ORDER BY 1;
SELECT * FROM preview_split(root_target('P', 'sales'), '{market}', on_unassigned => 'North');
-- at most 20 of them are listed
INSERT INTO orders SELECT '2023-06-01', 'M' || n, 'Ann', 1 FROM generate_series(10, 40) n;
SELECT * FROM split_target(root_target('P', 'sales'), '{market}');
SELECT level, members_added FROM import_members('sales');
DELETE FROM orders WHERE market IS NULL OR market = '';
SELECT count(*) FROM preview_split(root_target('P', 'sales'), '{market}');
SELECT count(*) FROM preview_split(root_target('P', 'sales'), '{market}', members => '["East", "West"]');
DELETE FROM orders WHERE market NOT IN ('East', 'West');
SELECT slice, weight FROM preview_split(root_target('P', 'sales'), '{market}', members => '"active"');
SELECT count(*) AS members, count(*) FILTER (WHERE amount = 0) AS of_zero, count(fallback) FROM preview_split(root_target('P', 'sales'), '{market}');
-- a member that is gone when the target's period begins
DELETE FROM member WHERE code LIKE 'M%';
UPDATE member SET valid = '[2020-01-01,2024-01-01)' WHERE code = 'West';
SELECT * FROM split_target(root_target('P', 'sales'), '{market}');
SELECT slice, amount FROM preview_split(root_target('P', 'sales'), '{market}', on_unassigned => 'East');
UPDATE member SET valid = '(,)' WHERE code = 'West';

-- ------------------------------------------------------------------ missing
SELECT add_member('market', 'North', valid => '[2024-03-01,)') > 0 AS added;
SELECT * FROM split_target(root_target('P', 'sales'), '{market}');
SELECT slice, amount, weight, fallback FROM preview_split(root_target('P', 'sales'), '{market}', on_missing => 'zero');
-- equal: as much as the others have on average
SELECT slice, amount, weight, fallback FROM preview_split(root_target('P', 'sales'), '{market}', on_missing => 'equal');
SELECT avg(s) FROM (SELECT sum(amount) AS s FROM orders GROUP BY market) x;
-- an observed 0 is not missing
SELECT add_member('market', 'South') > 0 AS added;
SELECT slice, amount, weight, fallback FROM split_target(root_target('P', 'sales'), '{market}', on_missing => 'equal');
SELECT fallbacks, n_split, n_created, in_force FROM split_log;
SELECT slice, fallback FROM target WHERE fallback IS NOT NULL;

-- --------------------------------------------------------------------- zero
SELECT slice, amount, weight, fallback FROM preview_split(find_target('P', 'sales', '{"market": "East"}'), '{half}');
SELECT * FROM split_target(find_target('P', 'sales', '{"market": "North"}'), '{half}');
SELECT period, amount, weight, fallback FROM preview_split(find_target('P', 'sales', '{"market": "North"}'), '{half}', on_missing => 'equal');
SELECT * FROM split_target(find_target('P', 'sales', '{"market": "North"}'), '{half}', on_missing => 'zero');
SELECT period, amount, weight, fallback FROM preview_split(find_target('P', 'sales', '{"market": "North"}'), '{half}', on_missing => 'zero', on_zero => 'equal');
-- a target of 0 needs nothing to be shared by
SELECT period, amount, weight, fallback FROM preview_split(find_target('P', 'sales', '{"market": "South"}'), '{half}');
-- the parent's profile: what the targets beside it have together
SELECT slice, period, amount, weight, fallback FROM split_target(root_target('P', 'sales'), '{half}', on_missing => 'parent');
SELECT extract(month FROM day) > 6 AS second_half, sum(amount) FROM orders GROUP BY 1 ORDER BY 1;
SELECT by_levels, fallbacks FROM split_log ORDER BY split_id;
SELECT * FROM plan_check;
SELECT unsplit_target(root_target('P', 'sales')) AS removed;
-- the same for a target whose members did exist, and sold nothing
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{market}', method => 'weights', weights => '{"East": 1, "South": 1}');
SELECT slice, period, amount, weight, fallback FROM preview_split(root_target('P', 'sales'), '{half}', on_zero => 'parent');
SELECT unsplit_target(root_target('P', 'sales')) AS removed;

-- ----------------------------------------------------------------- negative
INSERT INTO orders VALUES ('2023-07-01', 'South', 'Ann', -30), ('2023-08-01', 'South', 'Bob', 10);
SELECT * FROM split_target(root_target('P', 'sales'), '{market}', on_missing => 'zero');
SELECT slice, amount, weight, fallback FROM preview_split(root_target('P', 'sales'), '{market}', on_missing => 'zero', on_negative => 'zero');
SELECT slice, weight, fallback FROM preview_split(root_target('P', 'sales'), '{market}', on_missing => 'zero', on_negative => 'absolute');
SELECT slice, period, weight, fallback FROM preview_split(root_target('P', 'sales'), '{market,quarter}', on_missing => 'zero', on_negative => 'absolute') WHERE slice = '{"market": "South"}';
-- spread: the year of South stays -20, which the other markets give
SELECT slice, amount, weight, fallback FROM preview_split(root_target('P', 'sales'), '{market}', on_missing => 'zero', on_negative => 'spread');
SELECT market, net, GREATEST(net, 0) * sum(net) OVER () / sum(GREATEST(net, 0)) OVER () AS weight_by_hand
FROM (SELECT market, sum(amount) AS net FROM orders GROUP BY 1) x ORDER BY 1;
-- a market with one bad quarter keeps its net
INSERT INTO orders VALUES ('2023-02-01', 'South', 'Ann', 60);
SELECT level, period, weight, fallback FROM preview_split(root_target('P', 'sales'), '{market,quarter}', on_missing => 'zero', on_negative => 'spread') WHERE slice = '{"market": "South"}';
SELECT level, period, weight, fallback FROM preview_split(root_target('P', 'sales'), '{market,quarter}', on_missing => 'zero', on_negative => 'zero') WHERE slice = '{"market": "South"}' AND level = 'market';
-- equal: as much as another part has on average; parent: the profile above
SELECT level, period, weight, fallback FROM preview_split(root_target('P', 'sales'), '{quarter}', method => 'weights', weights => '{"2024-01-01": 10, "2024-04-01": 30, "2024-07-01": -5, "2024-10-01": 5}', on_negative => 'equal');
SELECT (10 + 30 + 5) / 3.0 AS by_hand;
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{market}', on_missing => 'zero');
SELECT slice, period, weight, fallback FROM preview_split(root_target('P', 'sales'), '{quarter}', on_missing => 'zero', on_negative => 'parent') WHERE slice = '{"market": "South"}';
-- 60 in the quarters that are known, times what the profile has in the third by what it has in those
SELECT 60 * sum(amount) FILTER (WHERE quarter = 3) / sum(amount) FILTER (WHERE quarter <> 3) AS by_hand
FROM (SELECT extract(quarter FROM day) AS quarter, amount FROM orders WHERE NOT (market = 'South' AND extract(quarter FROM day) = 3)) x;
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{quarter}', on_missing => 'zero', on_negative => 'spread', on_zero => 'equal');
SELECT by_levels, arguments ->> 'on_negative' AS on_negative, fallbacks FROM split_log WHERE in_force ORDER BY split_id;
SELECT step, level, weight, fallback, split_call LIKE '%on_negative => ''spread''%' AS in_call FROM explain_target(plan => 'P', metric => 'sales', slice => '{"market": "South"}', period => '[2024-07-01,2024-10-01)');
SELECT * FROM plan_check;
SELECT unsplit_target(root_target('P', 'sales')) AS removed;
-- nobody to give it; a target of 0 asks nobody
DELETE FROM orders WHERE market = 'South' AND day = '2023-02-01';
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{market}', on_missing => 'zero', on_negative => 'absolute');
SELECT * FROM preview_split(root_target('P', 'sales'), '{quarter}', on_missing => 'zero', on_negative => 'spread');
SELECT unsplit_target(root_target('P', 'sales')) AS removed;
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{market}', on_missing => 'zero', on_negative => 'zero');
SELECT slice, period, amount, fallback FROM preview_split(root_target('P', 'sales'), '{quarter}', on_missing => 'zero', on_negative => 'spread') WHERE slice = '{"market": "South"}';
SELECT unsplit_target(root_target('P', 'sales')) AS removed;
-- nobody beside it to be like
SELECT * FROM preview_split(root_target('P', 'sales'), '{market}', method => 'weights', weights => '{"East": -1, "West": 2}', on_negative => 'parent');
SELECT * FROM preview_split(root_target('P', 'sales'), '{market}', on_negative => 'nothing');
-- Random weights on three levels against plain SQL: each node has its part of the
-- node above by what is above zero among its siblings; weights of whole groups are exact.
CREATE TABLE random_weights (market text, seller text, quarter date, weight numeric);
CREATE FUNCTION spread(seed int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	total numeric;
	wrong bigint;
BEGIN
	DELETE FROM random_weights;
	INSERT INTO random_weights
	SELECT m.market, s.seller, q.quarter, abs(hashtext(m.market || s.seller || q.quarter || seed)) % 100 - seed % 60
	FROM (VALUES ('East'), ('West'), ('South')) m (market), (VALUES ('Ann'), ('Bob')) s (seller), generate_series('2024-01-01'::timestamp, '2024-12-01', '3 months') q (quarter);
	SELECT sum(weight) INTO total FROM random_weights;
	WITH m AS (
		SELECT *, total * GREATEST(n, 0) / sum(GREATEST(n, 0)) OVER () AS part FROM (SELECT market, sum(weight) AS n FROM random_weights GROUP BY 1) x
	), s AS (
		SELECT x.*, COALESCE(m.part * GREATEST(x.n, 0) / NULLIF(sum(GREATEST(x.n, 0)) OVER (PARTITION BY market), 0), 0) AS part
		FROM (SELECT market, seller, sum(weight) AS n FROM random_weights GROUP BY 1, 2) x JOIN m USING (market)
	), q AS (
		SELECT x.*, COALESCE(s.part * GREATEST(x.weight, 0) / NULLIF(sum(GREATEST(x.weight, 0)) OVER (PARTITION BY market, seller), 0), 0) AS part
		FROM random_weights x JOIN s USING (market, seller)
	), hand AS (
		SELECT market, NULL AS seller, NULL::date AS quarter, part, n FROM m UNION ALL SELECT market, seller, NULL, part, n FROM s UNION ALL SELECT market, seller, quarter, part, weight FROM q
	), made AS (
		SELECT slice ->> 'market' AS market, slice ->> 'seller' AS seller, CASE level WHEN 'quarter' THEN lower(period) END AS quarter, * FROM preview_split(root_target('P', 'sales'), '{market,seller,quarter}', method => 'weights', weights_from => 'random_weights', on_negative => 'spread')
	)
	SELECT count(*) INTO wrong
	FROM hand h FULL JOIN made p ON p.market = h.market AND p.seller IS NOT DISTINCT FROM h.seller AND p.quarter IS NOT DISTINCT FROM h.quarter
	WHERE p.weight IS NULL OR h.part IS NULL OR abs(p.weight - h.part) > 0.00001 OR abs(p.amount - 1000.01 * h.part / total) > 0.011
	   OR (h.part = h.n AND p.weight <> h.n) OR (h.quarter IS NOT NULL AND (p.fallback IS NULL) <> (abs(p.weight - h.n) = 0))
	   OR (h.n < 0 AND h.quarter IS NOT NULL AND p.fallback IS DISTINCT FROM 'negative: spread');
	RETURN CASE WHEN wrong > 0 THEN 'wrong ' || seed WHEN total > 0 THEN 'right' ELSE 'not refused' END;
EXCEPTION WHEN data_exception THEN
	RETURN CASE WHEN total > 0 THEN 'wrongly refused' ELSE 'impossible' END;
END $$;
SELECT result, count(*) > 20 AS many FROM (SELECT spread(seed) AS result FROM generate_series(1, 300) seed) r GROUP BY 1 ORDER BY 1;
DELETE FROM orders WHERE market = 'South';

-- --------------------------------------------------------------- incomplete
-- a plan made on 1 November
CREATE TABLE all_orders AS SELECT * FROM orders;
DELETE FROM orders WHERE day >= '2023-11-01';
SELECT * FROM split_target(root_target('P', 'sales'), '{market}', on_missing => 'zero');
SELECT sum(amount) FROM split_target(root_target('P', 'sales'), '{market}', on_missing => 'zero', on_incomplete => 'accept');
SELECT arguments FROM split_log ORDER BY split_id DESC LIMIT 1;
SELECT unsplit_target(root_target('P', 'sales')) AS removed;
SELECT * FROM preview_split(root_target('P', 'sales'), '{month}', basis => '[2019-01-01,2020-01-01)');
-- the source begins in March: what is before is missing, not 0
DELETE FROM orders;
INSERT INTO orders SELECT * FROM all_orders WHERE day >= '2023-03-01';
SELECT * FROM split_target(root_target('P', 'sales'), '{quarter,month}');
SELECT period, amount, fallback FROM preview_split(root_target('P', 'sales'), '{month}', on_missing => 'equal') LIMIT 3;
DELETE FROM orders;
INSERT INTO orders SELECT * FROM all_orders;
-- NaN is refused
INSERT INTO orders VALUES ('2023-07-01', 'East', 'Ann', 'NaN');
SELECT * FROM split_target(root_target('P', 'sales'), '{market}');
DELETE FROM orders WHERE amount = 'NaN';

-- ------------------------------------------------------------------ explain
DELETE FROM member WHERE code IN ('North', 'South');
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{market,seller}');
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{quarter}', method => 'equal');
SELECT step, level, step_slice, amount, method, weight, weight_sum, shared_amount, exact_share, exact_share_decimal, rounded_down, units_received, split_id
FROM explain_target(plan => 'P', metric => 'sales', slice => '{"market": "East", "seller": "Bob"}', period => '[2024-04-01,2024-07-01)');
-- the same by hand
SELECT sum(amount) FILTER (WHERE market = 'East' AND seller = 'Bob') AS weight, sum(amount) AS weight_sum,
	   1000.01 * sum(amount) FILTER (WHERE market = 'East' AND seller = 'Bob') / sum(amount) AS exact_share FROM orders;
-- a change since then is told apart
UPDATE target SET amount = amount + CASE slice ->> 'seller' WHEN 'Ann' THEN 5 ELSE -5 END
WHERE depth IN (2, 3) AND slice ->> 'market' = 'East' AND (depth = 2 OR period = '[2024-01-01,2024-04-01)');
SELECT step, level, amount, exact_share_decimal, units_received, changed_since FROM explain_target(plan => 'P', metric => 'sales', slice => '{"market": "East", "seller": "Bob"}');
SELECT split_call LIKE 'SELECT * FROM target_split.split_target(1, ''{market,seller}'', method => ''history'', basis => ''[2023-01-01,2024-01-01)''); -- by %' AS call
FROM explain_target(plan => 'P', metric => 'sales', slice => '{"market": "East"}') WHERE step = 1;
SELECT * FROM explain_target(plan => 'P', metric => 'sales', slice => '{"market": "Moon"}');
SELECT * FROM plan_check;

-- -------------------------------------------------------------------- people
SELECT assign('P', '{}', person => 'Zoe') > 0 AS assigned;
SELECT assign('P', '{"market": "East"}', person => 'Cid') > 0 AS assigned, assign('P', '{"market": "East"}', person => 'Dan', role => 'R') > 0 AS assigned_r;
SELECT path, amount, owner FROM target_tree WHERE depth <= 2 ORDER BY path;
SELECT DISTINCT slice, role, person, rule_slice FROM responsibility_matrix WHERE depth BETWEEN 1 AND 2 ORDER BY 1, 2, 3;
-- a rule that names the person's own member beats the member
SELECT assign('P', '{"seller": "Bob"}', person => 'Eve', from_day => '2024-07-01') > 0 AS assigned;
SELECT DISTINCT period, person FROM responsibility_matrix WHERE slice = '{"market": "West", "seller": "Bob"}' AND depth = 3 AND role = 'A' ORDER BY 1;
SELECT assign('P', '{"market": "East"}', person => 'Fay');
SELECT assign('P', '{"market": "East"}', person => 'Cid', role => 'X');
SELECT assign('P', '{"colour": "red"}', person => 'Cid');
SELECT assign('P', '{"market": "Moon"}', person => 'Cid');
SELECT assign('P', '[]', person => 'Cid');
SELECT assign('P', '{}', person => '');
SELECT assign('P', '{}', person => NULL);
SELECT assign('P', '{}', person => 'Cid', role => 'C', from_day => '2024-02-01', to_day => '2024-01-01');
SELECT assign('Q', '{}', person => 'Cid');

-- --------------------------------------------------------------------- views
SELECT slice, m01, q1, q2, q3, q4, total FROM target_wide WHERE plan = 'P' ORDER BY slice;
SELECT create_flat_view('P');
SELECT market, seller, fiscal_quarter, month, amount FROM p_flat ORDER BY 1, 2, 3 LIMIT 3;
SELECT sum(amount) FROM p_flat;
SELECT create_flat_view('P', 'Flat "one"'), create_flat_view('P');
SELECT create_flat_view(NULL);
-- every promise that plan_check knows, broken behind the guard's back
CREATE FUNCTION broken(change text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	EXECUTE change;
	-- the error takes the change back
	RAISE EXCEPTION USING MESSAGE = (SELECT string_agg(format('%s %s: %s', c.promise, c.n, c.problem), E'\n') FROM
		(SELECT c.promise, count(*) AS n, min(c.problem) AS problem FROM plan_check c GROUP BY 1 ORDER BY 1) c);
END $$;
SELECT broken($$UPDATE target_split.target SET amount = amount + 0.01 WHERE depth = 1 AND slice = '{"market": "East"}'$$);
SELECT broken($$UPDATE target_split.target SET n_children = 7 WHERE depth = 0$$);
SELECT broken($$UPDATE target_split.target SET parent_id = 999 WHERE depth = 1 AND slice = '{"market": "East"}'$$);
SELECT broken($$UPDATE target_split.target SET depth = 5 WHERE depth = 1 AND slice = '{"market": "East"}'$$);
SELECT broken($$UPDATE target_split.target SET amount = amount + CASE slice ->> 'market' WHEN 'East' THEN 0.005 ELSE -0.005 END WHERE depth = 1$$);
SELECT broken($$UPDATE target_split.target SET member_id = 999 WHERE depth = 1 AND slice = '{"market": "East"}'$$);
SELECT broken($$UPDATE target_split.target SET slice = '{"market": "West"}' WHERE depth = 1 AND slice = '{"market": "East"}'$$);
SELECT broken($$UPDATE target_split.target SET period = '[2024-01-01,2024-02-01)' WHERE depth = 3 AND slice = '{"market": "East", "seller": "Ann"}' AND period = '[2024-01-01,2024-04-01)'$$);
SELECT broken($$DELETE FROM target_split.split$$);
-- ... fairness, in a split that nobody has changed since
SELECT create_plan('Fair', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('Fair', 'sales', amount => 100) > 0 AS set;
SELECT count(*) FROM split_target(root_target('Fair', 'sales'), '{quarter,month}', method => 'equal');
SELECT broken($$UPDATE target_split.target SET amount = amount + CASE lower(period) WHEN '2024-01-01' THEN 0.02 ELSE -0.02 END
	WHERE plan_id = (SELECT plan_id FROM target_split.plan WHERE family = 'Fair') AND level = 'month' AND lower(period) < '2024-03-01'$$);

SET client_min_messages = error;
DROP SCHEMA policy_test CASCADE;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
