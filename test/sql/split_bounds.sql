-- split_target: the least and the most that parts may get.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA bounds_test;
SET search_path = bounds_test, target_split;
SET datestyle = ISO;

CREATE TABLE orders AS
SELECT day::date AS day, line, market, (CASE market WHEN 'East' THEN 5 WHEN 'West' THEN 3 ELSE 1 END * CASE line WHEN 'Bikes' THEN 2 ELSE 1 END)::numeric AS amount
FROM generate_series('2023-01-01'::date, '2023-12-31', '1 day') day, (VALUES ('Bikes'), ('Parts')) l (line), (VALUES ('East'), ('West'), ('North')) m (market);
SELECT add_metric('sales', unit => 'EUR') > 0 AS added;
SELECT count(*) AS levels FROM add_source('sales', 'orders', occurred_on => 'day', amount => 'amount', dimensions => '{"line": "line", "market": "market"}');
SELECT create_plan('Y', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('Y', 'sales', amount => 12000) > 0 AS set;
SELECT market, sum(amount) AS basis, 12000 * sum(amount) / sum(sum(amount)) OVER () AS share FROM orders GROUP BY 1 ORDER BY 1;

-- a floor for one, a capacity for another; what is left is shared by weight
SELECT slice ->> 'market' AS market, amount, at_least, at_most FROM preview_split(root_target('Y', 'sales'), '{market}', bounds => '{"market": {"North": {"at_least": 2000}, "East": {"at_most": 6000}}}');
-- bounds come inwards to the quantum
SELECT slice ->> 'market' AS market, amount, at_least, at_most FROM preview_split(root_target('Y', 'sales'), '{market}', bounds => '{"market": {"North": {"at_least": 2000.001}, "East": {"at_most": 6000.009}}}');
-- guardrails: no market below +5 % or above +25 % of its basis
SELECT set_target('Y', 'sales', amount => 11000) > 0 AS set;
SELECT s.slice ->> 'market' AS market, s.amount, s.at_least, s.at_most, round(s.amount / b.basis - 1, 4) AS growth
FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'equal', bounds => '{"market": {"*": {"min_growth": 0.05, "max_growth": 0.25}}}') s
JOIN (SELECT market, sum(amount) AS basis FROM orders GROUP BY 1) b ON b.market = s.slice ->> 'market';
SELECT s.slice ->> 'market' AS market, s.amount, round(s.amount / b.basis - 1, 4) AS growth
FROM preview_split(root_target('Y', 'sales'), '{market,quarter}', method => 'equal', bounds => '{"market": {"*": {"min_growth": 0.05, "max_growth": 0.25}}}') s
JOIN (SELECT market, sum(amount) AS basis FROM orders GROUP BY 1) b ON b.market = s.slice ->> 'market' WHERE s.level = 'market';
-- a relation: bounds on any node, here on lines of one market
CREATE TABLE caps (line text, market text, at_least int, at_most numeric);
INSERT INTO caps VALUES ('Bikes', 'North', 1500, NULL), ('Parts', NULL, NULL, 3000), (NULL, 'West', 1600, NULL);
SELECT slice, amount, at_least, at_most FROM preview_split(root_target('Y', 'sales'), '{line,market}', bounds_from => 'caps');
-- split, and what is kept with the targets
SELECT count(*) FROM split_target(root_target('Y', 'sales'), '{line,market}', bounds_from => 'caps');
SELECT slice, amount, at_least, at_most FROM target WHERE at_least IS NOT NULL OR at_most IS NOT NULL ORDER BY target_id;
SELECT step, amount, weight, exact_share_decimal, rounded_down, units_received, at_least, at_most, bound
FROM explain_target(plan => 'Y', metric => 'sales', slice => '{"line": "Parts", "market": "West"}');
SELECT * FROM plan_check;
SELECT unsplit_target(root_target('Y', 'sales'));

-- ------------------------------------------------------------- impossible
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', bounds => '{"market": {"North": {"at_least": 9000}, "East": {"at_least": 3000}}}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', bounds => '{"market": {"*": {"at_most": 3000}}}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', bounds => '{"market": {"North": {"at_least": 3000, "at_most": 2000}}}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line,market}', bounds => '{"line": {"Bikes": {"at_most": 3000}}, "market": {"*": {"at_least": 1200}}}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', bounds => '{"market": {"Moon": {"at_least": 1}}}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', bounds => '{"line": {"Bikes": {"at_least": 1}}}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', bounds => '{"market": {"East": {"at_lest": 1}}}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', bounds => '{"market": {"East": 5}}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', bounds => '{"market": 5}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', bounds => '[]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', bounds => '{}', bounds_from => 'caps');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', bounds => '{"market": {"East": {"at_least": 1}}}', residual => 'last');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'amounts', weights => '{"East": 11000, "West": 0, "North": 0}', bounds => '{"market": {"East": {"at_least": 1}}}');
CREATE TABLE no_bounds AS SELECT 'East' AS market;
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', bounds_from => 'no_bounds');
CREATE TABLE no_levels AS SELECT 1 AS at_least;
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', bounds_from => 'no_levels');
CREATE TABLE wrong_type AS SELECT 'East' AS market, 'a' AS at_least;
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', bounds_from => 'wrong_type');
CREATE TABLE not_a_number AS SELECT 'East' AS market, 'NaN'::numeric AS at_least;
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', bounds_from => 'not_a_number');
CREATE TABLE in_a_zone AS SELECT '2024-01-01 00:00+00'::timestamptz AS quarter, 1 AS at_least;
SELECT * FROM preview_split(root_target('Y', 'sales'), '{quarter}', bounds_from => 'in_a_zone');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', members => '1', rest => 'Others', bounds => '{"market": {"East": {"max_growth": 1}}}');

-- Random bounds on all nodes against plain SQL: it is impossible exactly where the
-- bounds say so; sums hold on every level, no node is beyond its bounds, and
-- siblings that no bound holds share alike.
CREATE TABLE random_bounds (line text, market text, at_least numeric, at_most numeric);
CREATE FUNCTION bounded(seed int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	wrong bigint;
	possible boolean;
BEGIN
	DELETE FROM random_bounds;
	INSERT INTO random_bounds
	SELECT l.line, m.market, CASE WHEN h % 3 = 0 THEN h % 1500 END, CASE WHEN h % 2 = 0 THEN h % 1500 + h % 4000 END
	FROM (VALUES ('Bikes'), ('Parts')) l (line) CROSS JOIN (VALUES ('East'), ('West'), ('North'), (NULL)) m (market),
		 LATERAL (SELECT abs(hashtext(l.line || COALESCE(m.market, '-') || bounded.seed)) AS h) x;
	SELECT bool_and(low <= high) AND sum(low) <= 11000 AND sum(high) >= 11000 INTO possible
	FROM (SELECT GREATEST(sum(COALESCE(at_least, 0)) FILTER (WHERE market IS NOT NULL), max(at_least) FILTER (WHERE market IS NULL)) AS low,
				 LEAST(sum(COALESCE(at_most, 1e9)) FILTER (WHERE market IS NOT NULL), min(at_most) FILTER (WHERE market IS NULL)) AS high
		  FROM random_bounds GROUP BY line) x;
	SELECT possible AND bool_and(COALESCE(at_least, 0) <= COALESCE(at_most, 1e9)) INTO possible FROM random_bounds;
	SELECT count(*) INTO wrong FROM (
		WITH p AS (SELECT * FROM preview_split(root_target('Y', 'sales'), '{line,market}', bounds_from => 'random_bounds'))
		SELECT 1 FROM p WHERE amount < at_least OR amount > at_most
		UNION ALL SELECT 1 FROM p GROUP BY slice ->> 'line' HAVING sum(amount) FILTER (WHERE level = 'market') <> sum(amount) FILTER (WHERE level = 'line')
		UNION ALL SELECT 1 FROM p WHERE level = 'line' HAVING sum(amount) <> 11000
		-- two siblings that no bound holds: amounts are as weights, to a cent each
		UNION ALL SELECT 1 FROM p a JOIN p b ON a.slice ->> 'line' = b.slice ->> 'line' AND a.level = 'market' AND b.level = 'market'
			WHERE a.amount NOT IN (COALESCE(a.at_least, -1), COALESCE(a.at_most, -1)) AND b.amount NOT IN (COALESCE(b.at_least, -1), COALESCE(b.at_most, -1))
			  AND abs(a.amount * b.weight - b.amount * a.weight) > 0.01 * (a.weight + b.weight)) w;
	RETURN CASE WHEN wrong = 0 AND possible THEN 'right' ELSE 'wrong' END;
EXCEPTION WHEN check_violation OR invalid_parameter_value THEN
	RETURN CASE WHEN possible THEN 'wrongly refused' ELSE 'impossible' END;
END $$;
SELECT result, count(*) > 20 AS many FROM (SELECT bounded(seed) AS result FROM generate_series(1, 500) seed) r GROUP BY 1 ORDER BY 1;

SET client_min_messages = error;
DROP SCHEMA bounds_test CASCADE;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
