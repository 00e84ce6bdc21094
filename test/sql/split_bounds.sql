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
CREATE TABLE no_bikes AS SELECT line, market, CASE line WHEN 'Bikes' THEN 0 ELSE 1 END AS weight FROM (SELECT DISTINCT line, market FROM orders) x;
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line,market}', method => 'weights', weights_from => 'no_bikes', bounds => '{"line": {"Bikes": {"at_least": 100}}}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', quantum => 1000, bounds => '{"market": {"North": {"at_least": 2001, "at_most": 2999}}}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', quantum => 1000, bounds => '{"market": {"*": {"at_most": 4500}, "North": {"at_most": 2700}}}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', quantum => 1000, residual => 'carry');
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

-- ------------------------------------------- with a quantum of the call
SELECT set_target('Y', 'sales', amount => 11234.56) > 0 AS set;
-- bounds come inwards to it; one part has what is less than a multiple
SELECT slice ->> 'market' AS market, amount, at_least, at_most FROM preview_split(root_target('Y', 'sales'), '{market}', quantum => 1000, bounds => '{"market": {"North": {"at_least": 1500}, "East": {"at_most": 5999.99}}}');
-- a bound that holds nothing changes nothing
SELECT count(*) AS different FROM (
	SELECT slice, amount FROM preview_split(root_target('Y', 'sales'), '{line,market}', quantum => 1000, bounds => '{"market": {"*": {"at_most": 11000}}}') EXCEPT
	SELECT slice, amount FROM preview_split(root_target('Y', 'sales'), '{line,market}', quantum => 1000)) d;
-- negative parts, and a negative whole
SELECT slice ->> 'market' AS market, amount FROM preview_split(root_target('Y', 'sales'), '{market}', quantum => 1000, bounds => '{"market": {"North": {"at_most": -1500}}}');
SELECT set_target('Y', 'sales', amount => -11234.56) > 0 AS set;
SELECT slice ->> 'market' AS market, amount FROM preview_split(root_target('Y', 'sales'), '{market}', quantum => 1000, bounds => '{"market": {"North": {"at_most": -1500}, "East": {"at_least": -5999.99}}}');
SELECT set_target('Y', 'sales', amount => 11234.56) > 0 AS set;

-- Exact shares within bounds, in plain SQL: clamp(level x weight) with the level at
-- which they add up, found between its breakpoints.
CREATE FUNCTION exact_shares(total numeric, w numeric[], l numeric[], u numeric[]) RETURNS numeric[] LANGUAGE sql AS $$
	WITH p AS (SELECT i, exact_shares.w[i] AS w, exact_shares.l[i] AS l, exact_shares.u[i] AS u FROM generate_subscripts(exact_shares.w, 1) i),
	b AS (SELECT round(l / w, 30) AS s FROM p UNION SELECT round(u / w, 30) FROM p),
	g AS (SELECT s, (SELECT sum(LEAST(GREATEST(b.s * w, l), u)) FROM p) AS g FROM b),
	lo AS (SELECT s, g FROM g WHERE g <= exact_shares.total + 1e-12 ORDER BY s DESC LIMIT 1),
	hi AS (SELECT s, g FROM g WHERE g >= exact_shares.total - 1e-12 ORDER BY s LIMIT 1),
	level AS (SELECT CASE WHEN hi.g - lo.g < 1e-11 THEN lo.s ELSE lo.s + (exact_shares.total - lo.g) * (hi.s - lo.s) / (hi.g - lo.g) END AS s FROM lo, hi)
	SELECT array_agg(LEAST(GREATEST(level.s * w, l), u) ORDER BY i) FROM p, level $$;
CREATE FUNCTION coarse_bounded(seed int, quantum numeric, total numeric) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	wrong bigint;
	possible boolean;
BEGIN
	DELETE FROM random_bounds;
	INSERT INTO random_bounds
	SELECT l.line, m.market, CASE WHEN h % 3 = 0 THEN h % 1500 END, CASE WHEN h % 2 = 0 THEN h % 1500 + h % 4000 END
	FROM (VALUES ('Bikes'), ('Parts')) l (line) CROSS JOIN (VALUES ('East'), ('West'), ('North'), (NULL)) m (market),
		 LATERAL (SELECT abs(hashtext(l.line || COALESCE(m.market, '-') || coarse_bounded.seed)) AS h) x;
	DROP TABLE IF EXISTS part;
	CREATE TEMP TABLE part AS
	SELECT line, market, weight, ceil(COALESCE(at_least, 0) / coarse_bounded.quantum) * coarse_bounded.quantum AS low, floor(COALESCE(at_most, 1e9) / coarse_bounded.quantum) * coarse_bounded.quantum AS high
	FROM random_bounds LEFT JOIN (SELECT line, market, sum(amount) AS weight FROM orders GROUP BY 1, 2) o USING (line, market);
	DROP TABLE IF EXISTS branch;
	CREATE TEMP TABLE branch AS
	SELECT line, sum(weight) AS weight, GREATEST(sum(low) FILTER (WHERE market IS NOT NULL), max(low) FILTER (WHERE market IS NULL)) AS low,
		   LEAST(sum(high) FILTER (WHERE market IS NOT NULL), min(high) FILTER (WHERE market IS NULL)) AS high,
		   bool_and(low <= high) AS possible FROM part GROUP BY 1;
	SELECT bool_and(b.possible AND low <= high) AND sum(low) <= coarse_bounded.total AND sum(high) >= coarse_bounded.total INTO possible FROM branch b;
	ALTER TABLE branch ADD exact numeric;
	ALTER TABLE part ADD exact numeric;
	IF possible THEN
		UPDATE branch b SET exact = x.exact
		FROM (SELECT unnest(array_agg(line ORDER BY line)) AS line, unnest(exact_shares(coarse_bounded.total, array_agg(weight ORDER BY line), array_agg(low ORDER BY line), array_agg(high ORDER BY line))) AS exact FROM branch) x WHERE x.line = b.line;
		UPDATE part p SET exact = x.exact
		FROM (SELECT line, unnest(array_agg(market ORDER BY market)) AS market, unnest(exact_shares(min(b.exact), array_agg(p.weight ORDER BY market), array_agg(p.low ORDER BY market), array_agg(p.high ORDER BY market))) AS exact
			  FROM part p JOIN branch b USING (line) WHERE market IS NOT NULL GROUP BY line) x WHERE x.line = p.line AND x.market = p.market;
		UPDATE part p SET exact = b.exact FROM branch b WHERE b.line = p.line AND p.market IS NULL;
	END IF;
	WITH made AS (
		SELECT slice ->> 'line' AS line, slice ->> 'market' AS market, amount, at_least, at_most
		FROM preview_split(root_target('Y', 'sales'), '{line,market}', bounds_from => 'random_bounds', quantum => coarse_bounded.quantum)
	), both_sides AS (
		SELECT m.*, p.low, p.high, p.exact / coarse_bounded.quantum AS exact, m.amount / coarse_bounded.quantum AS got, mod(m.amount, coarse_bounded.quantum) <> 0 AS odd
		FROM made m FULL JOIN part p ON p.line = m.line AND p.market IS NOT DISTINCT FROM m.market
	)
	SELECT count(*) INTO wrong FROM (
		SELECT 1 FROM both_sides WHERE amount NOT BETWEEN low AND high OR amount IS NULL OR amount NOT BETWEEN COALESCE(at_least, amount) AND COALESCE(at_most, amount)
		-- floor or ceiling of the exact share, or between them
		UNION ALL SELECT 1 FROM both_sides WHERE got < floor(exact + 1e-15) OR got > ceil(exact - 1e-15)
		-- one path has what is less than a multiple
		UNION ALL SELECT 1 FROM both_sides HAVING count(*) FILTER (WHERE odd) <> CASE WHEN mod(coarse_bounded.total, coarse_bounded.quantum) = 0 THEN 0 ELSE 2 END
		UNION ALL SELECT 1 FROM both_sides WHERE odd GROUP BY line HAVING count(*) <> 2
		UNION ALL SELECT 1 FROM both_sides GROUP BY line HAVING sum(amount) FILTER (WHERE market IS NOT NULL) <> sum(amount) FILTER (WHERE market IS NULL)
		UNION ALL SELECT 1 FROM both_sides HAVING sum(amount) FILTER (WHERE market IS NULL) <> coarse_bounded.total) w;
	RETURN CASE WHEN wrong = 0 AND possible THEN 'right' ELSE 'wrong' END;
EXCEPTION WHEN check_violation OR invalid_parameter_value THEN
	RETURN CASE WHEN possible THEN 'wrongly refused' ELSE 'impossible' END;
END $$;
SELECT quantum, result, count(*) > 5 AS many FROM (VALUES (500), (100), (7.53)) q (quantum), LATERAL (SELECT coarse_bounded(seed, quantum, 11234.56) AS result FROM generate_series(1, 60) seed) r GROUP BY 1, 2 ORDER BY 1, 2;

-- ------------------------------------------- with residuals of other systems
-- shares are bounded first, rounded, and who takes what is left over has room for it
SELECT residual, (SELECT array_agg(amount ORDER BY slice ->> 'market') FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'equal', residual => r.residual,
	bounds => '{"market": {"East": {"at_least": 3744.85}, "North": {"at_most": 3744.85}}}')) AS east_north_west
FROM unnest('{largest,first,last,highest,lowest,carry,North,West}'::text[]) AS r (residual);
SELECT residual, (SELECT array_agg(amount ORDER BY slice ->> 'market') FROM preview_split(root_target('Y', 'sales'), '{market}', residual => r.residual, quantum => 1000,
	bounds => '{"market": {"East": {"at_most": 5400}, "North": {"at_most": 2000}}}')) AS east_north_west
FROM unnest('{largest,first,last,highest,lowest,North}'::text[]) AS r (residual);
-- on every level within bounds, sums hold, and the call that is recorded makes it again
SELECT count(*) FROM split_target(root_target('Y', 'sales'), '{line,market,quarter}', quantum => 100, residual => 'last', bounds => '{"market": {"East": {"at_most": 2950}}, "quarter": {"*": {"at_least": 150}}}');
SELECT level, count(*), count(*) FILTER (WHERE mod(amount, 100) <> 0) AS odd, sum(amount), min(amount), max(amount) FILTER (WHERE slice ->> 'market' = 'East') AS east FROM target WHERE depth > 0 GROUP BY 1 ORDER BY 2;
SELECT * FROM plan_check;
-- bounds of the call are no hindrance to sharing again by its own rounding
SELECT sum(amount_after) FILTER (WHERE depth = 1) AS after, count(*) FILTER (WHERE depth = 3 AND mod(amount_after, 100) <> 0) AS odd FROM resplit_target(root_target('Y', 'sales'), amount => 12345.67);
SELECT * FROM plan_check;
SELECT unsplit_target(root_target('Y', 'sales'));

-- growth is growth on the net: a quarter of returns counts in its market's year
INSERT INTO orders VALUES ('2023-05-15', 'Bikes', 'West', -1000);
SELECT s.level, s.at_most, round(s.at_most / 1.1, 2) AS basis FROM preview_split(root_target('Y', 'sales'), '{market,quarter}', on_negative => 'spread', bounds => '{"market": {"West": {"max_growth": 0.10}}}') s WHERE at_most IS NOT NULL;
SELECT sum(amount) FROM orders WHERE market = 'West';
DELETE FROM orders WHERE amount < 0;

-- --------------------------------------------- method increment: whole amounts
-- Bounds are on what a part has in the end.  What one cannot take of the increase
-- the others have by their shares of the increase, and keep their basis.
SELECT set_target('Y', 'sales', amount => 11234.56) > 0 AS set;
SELECT market, sum(amount) AS basis, 11234.56 - sum(sum(amount)) OVER () AS more FROM orders GROUP BY 1 ORDER BY 1;
SELECT slice ->> 'market' AS market, amount, round(weight, 6) AS exact, at_least, at_most FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'increment', bases => '[{"method": "equal"}]', bounds => '{"market": {"East": {"at_most": 5600}}}');
SELECT 3285 + (11234.56 - 9855 - 125) / 2 AS west_by_hand, 1095 + (11234.56 - 9855 - 125) / 2 AS north_by_hand;
-- guardrails; a floor that takes more than there is more comes from what the others kept
SELECT slice ->> 'market' AS market, amount, at_least, at_most FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'increment', bases => '[{"method": "equal"}]', bounds => '{"market": {"*": {"max_growth": 0.25, "min_growth": 0.05}}}');
SELECT slice ->> 'market' AS market, amount, at_least FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'increment', weights => '{"East": 1, "West": 3, "North": 1}', bounds => '{"market": {"North": {"at_least": 4474.56}}}');
SELECT 5475 - 2000 * 1 / 4.0 AS east_by_hand, 3285 - 2000 * 3 / 4.0 AS west_by_hand;
-- who has no share of the increase keeps the basis, unless a bound says otherwise
SELECT slice ->> 'market' AS market, amount FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'increment', weights => '{"East": 1, "West": 0, "North": 1}', bounds => '{"market": {"East": {"at_most": 5500}}}');
SELECT slice ->> 'market' AS market, amount FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'increment', weights => '{"East": 1, "West": 0, "North": 1}', bounds => '{"market": {"West": {"at_most": 3000}}}', quantum => 100);
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'increment', weights => '{"East": 1, "West": 0, "North": 0}', bounds => '{"market": {"East": {"at_most": 5500}}}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'increment', weights => '{"East": 1, "West": 1, "North": 1}', bounds => '{"market": {"*": {"max_growth": 0.10}}}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line,market}', method => 'increment', bases => '[{"method": "equal"}]', bounds => '{"line": {"Bikes": {"at_most": 3000}}, "market": {"*": {"at_least": 1200}}}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'increment', bounds => '{"market": {"East": {"at_most": -1}}}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'increment', bounds => '{"market": {"East": {"at_least": 1e30}}}');
SELECT slice ->> 'market' AS market, amount FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'increment', bounds => '{"market": {"East": {"at_most": 1e30}}}');
-- with a rest the parts that go into it bring their basis and their shares
SELECT add_member('market', 'Others', is_rest => true) > 0 AS added;
SELECT slice ->> 'market' AS market, amount FROM preview_split(root_target('Y', 'sales'), '{market}', members => '1', rest => 'Others', method => 'increment', bases => '[{"method": "equal"}]', bounds => '{"market": {"East": {"at_most": 5600}}}');
-- a decrease: nobody below what a bound says, and nobody below 0 unsaid
SELECT set_target('Y', 'sales', amount => 6000) > 0 AS set;
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'increment', bases => '[{"method": "equal"}]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'increment', bases => '[{"method": "equal"}]', bounds => '{"market": {"East": {"at_most": 5000}}}');
SELECT slice ->> 'market' AS market, amount, fallback FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'increment', bases => '[{"method": "equal"}]', bounds => '{"market": {"East": {"at_most": 5000}}}', on_negative => 'zero');
SELECT slice ->> 'market' AS market, amount, fallback FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'increment', bases => '[{"method": "equal"}]', bounds => '{"market": {"North": {"at_least": 0}}}');
SELECT 5475 - (9855 - 6000 - 1095) / 2.0 AS east_by_hand, 3285 - (9855 - 6000 - 1095) / 2.0 AS west_by_hand;
-- other residuals; and a level's own increment, which has become shares when bounds are looked at
SELECT slice ->> 'market' AS market, amount FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'increment', bases => '[{"method": "equal"}]', bounds => '{"market": {"North": {"at_least": 1}}}', residual => 'last', quantum => 100);
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market,line}', method => 'increment', bases => '[{"method": "equal"}]', levels => '{"line": {}}', bounds => '{"market": {"North": {"at_least": 0}}}');
SELECT slice, amount FROM preview_split(root_target('Y', 'sales'), '{market,line}', method => 'increment', levels => '{"line": {"method": "equal"}}', bounds => '{"market": {"North": {"at_least": 3000}}}');
-- random bounds on both levels, more and less to share, against plain SQL
CREATE TABLE potential AS SELECT line, market, length(line || market) * (1 + (ascii(market) % 3)) AS weight FROM (SELECT DISTINCT line, market FROM orders) x;
CREATE FUNCTION bounded_increment(seed int, total numeric) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	wrong bigint;
	possible boolean;
BEGIN
	DELETE FROM random_bounds;
	INSERT INTO random_bounds
	SELECT l.line, m.market, CASE WHEN h % 3 = 0 THEN h % 1500 ELSE 0 END, CASE WHEN h % 2 = 0 THEN h % 1500 + h % 4000 END
	FROM (VALUES ('Bikes'), ('Parts')) l (line) CROSS JOIN (VALUES ('East'), ('West'), ('North'), (NULL)) m (market),
		 LATERAL (SELECT abs(hashtext(l.line || COALESCE(m.market, '-') || bounded_increment.seed)) AS h) x;
	DROP TABLE IF EXISTS part, branch;
	CREATE TEMP TABLE part AS
	SELECT line, market, basis, weight, at_least AS low, COALESCE(at_most, 1e9) AS high, NULL::numeric AS exact
	FROM random_bounds LEFT JOIN (SELECT line, market, sum(amount) AS basis FROM orders GROUP BY 1, 2) o USING (line, market) LEFT JOIN potential USING (line, market);
	CREATE TEMP TABLE branch AS
	SELECT line, sum(basis) AS basis, sum(weight) AS weight, GREATEST(sum(low) FILTER (WHERE market IS NOT NULL), max(low) FILTER (WHERE market IS NULL)) AS low,
		   LEAST(sum(high) FILTER (WHERE market IS NOT NULL), min(high) FILTER (WHERE market IS NULL)) AS high, NULL::numeric AS exact FROM part GROUP BY 1;
	SELECT bool_and(low <= high) AND sum(low) <= bounded_increment.total AND sum(high) >= bounded_increment.total INTO possible FROM branch;
	IF possible THEN
		UPDATE branch b SET exact = b.basis + x.exact
		FROM (SELECT unnest(array_agg(line ORDER BY line)) AS line, unnest(exact_shares(bounded_increment.total - sum(basis), array_agg(weight ORDER BY line), array_agg(low - basis ORDER BY line), array_agg(high - basis ORDER BY line))) AS exact FROM branch) x WHERE x.line = b.line;
		UPDATE part p SET exact = p.basis + x.exact
		FROM (SELECT line, unnest(array_agg(market ORDER BY market)) AS market, unnest(exact_shares(min(b.exact - b.basis), array_agg(p.weight ORDER BY market), array_agg(p.low - p.basis ORDER BY market), array_agg(p.high - p.basis ORDER BY market))) AS exact
			  FROM part p JOIN branch b USING (line) WHERE market IS NOT NULL GROUP BY line) x WHERE x.line = p.line AND x.market = p.market;
		UPDATE part p SET exact = b.exact FROM branch b WHERE b.line = p.line AND p.market IS NULL;
	END IF;
	SELECT count(*) INTO wrong
	FROM (SELECT slice ->> 'line' AS line, slice ->> 'market' AS market, amount, weight
		  FROM preview_split(root_target('Y', 'sales'), '{line,market}', method => 'increment', weights_from => 'potential', bounds_from => 'random_bounds')) m
	FULL JOIN part p ON p.line = m.line AND p.market IS NOT DISTINCT FROM m.market
	WHERE m.amount IS NULL OR p.exact IS NULL OR m.amount < floor(p.exact * 100 + 1e-6) / 100 OR m.amount > ceil(p.exact * 100 - 1e-6) / 100
	   OR m.amount NOT BETWEEN low AND high OR abs(m.weight - p.exact) > 1e-8;
	RETURN CASE WHEN wrong = 0 AND possible THEN 'right' ELSE 'wrong' END;
EXCEPTION WHEN check_violation OR invalid_parameter_value THEN
	RETURN CASE WHEN possible THEN 'wrongly refused' ELSE 'impossible' END;
END $$;
SELECT total, result, count(*) > 5 AS many FROM (VALUES (11234.56), (9855), (6000.01)) t (total), LATERAL (SELECT set_target('Y', 'sales', amount => total) > 0 AS set OFFSET 0) s, LATERAL (SELECT bounded_increment(seed, total) AS result FROM generate_series(1, 60) seed WHERE s.set) r GROUP BY 1, 2 ORDER BY 1, 2;

SET client_min_messages = error;
DROP SCHEMA bounds_test CASCADE;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
