-- split_target: which facts are the basis of which part.  Corresponding days
-- in windows of any length, facts of no member, weights for many targets; each
-- against plain SQL.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA basis_test;
SET search_path = basis_test, target_split;
SET datestyle = ISO;

CREATE TABLE orders AS
SELECT day::date AS day, line, region, seller,
	   ((extract(doy FROM day)::int * 31 + extract(year FROM day)::int * 17 + ascii(seller) * 5 + ascii(line)) % 211 + 1)::numeric / 4 AS amount
FROM generate_series('2020-02-10'::date, '2023-12-31', '1 day') day,
	 (VALUES ('Bikes'), ('Parts')) l (line),
	 (VALUES ('North', 'Ada'), ('North', 'Ben'), ('South', 'Cem'), ('South', 'Dai')) r (region, seller);
SELECT add_metric('sales', unit => 'EUR') > 0 AS added;
SELECT count(*) AS levels FROM add_source('sales', 'orders', occurred_on => 'day', amount => 'amount',
	dimensions => '{"line": "line", "region": ["region", "seller"]}');
SELECT create_plan('Y', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('Y', 'sales', amount => 1000000) > 0 AS set;
SELECT create_plan('Two', period => '[2024-07-01,2026-07-01)') > 0 AS created, set_target('Two', 'sales', amount => 1000000) > 0 AS set;

-- ------------------------------------------------------- corresponding days
-- Each day of the plan has the average of the days of the basis that are whole
-- years away: compared as shares, for windows of whole years, of a year and a
-- half, of two years and a bit, and of one year under a plan of two.
CREATE FUNCTION compare(plan text, by_level text, basis daterange)
RETURNS TABLE (parts bigint, wrong bigint) LANGUAGE sql AS $$
	WITH made AS (
		SELECT slice ->> 'line' AS line, period, weight / sum(weight) FILTER (WHERE n_children = 0) OVER () AS share
		FROM preview_split(root_target(compare.plan, 'sales'), ARRAY['line', compare.by_level], basis => compare.basis)
		WHERE n_children = 0
	), plan_day AS (
		SELECT day::date AS day FROM plan p, generate_series(lower(p.period), upper(p.period) - 1, '1 day') day
		WHERE p.family = compare.plan
	), stands_for AS (
		SELECT pd.day, b.day AS basis_day
		FROM plan_day pd CROSS JOIN LATERAL (
			SELECT (pd.day - y * interval '1 year')::date AS day FROM generate_series(0, 9) y) b
		WHERE b.day <@ compare.basis AND b.day >= '2020-02-10'
		  AND to_char(b.day, 'MMDD') = to_char(pd.day, 'MMDD')
	), expected AS (
		SELECT m.line, m.period, sum(a.average) AS weight
		FROM made m
		CROSS JOIN LATERAL (
			SELECT avg(o.amount) AS average
			FROM stands_for s
			JOIN (SELECT day, line, sum(amount) AS amount FROM orders GROUP BY 1, 2) o ON o.day = s.basis_day AND o.line = m.line
			WHERE s.day <@ m.period GROUP BY s.day) a
		GROUP BY 1, 2
	)
	SELECT count(*), count(*) FILTER (WHERE abs(m.share - e.weight / (SELECT sum(weight) FROM expected)) > 1e-12)
	FROM made m JOIN expected e USING (line, period)
$$;
SELECT * FROM compare('Y', 'month', '[2023-01-01,2024-01-01)');
SELECT * FROM compare('Y', 'month', '[2022-07-01,2024-01-01)');
SELECT * FROM compare('Y', 'month', '[2021-11-15,2024-01-01)');
SELECT * FROM compare('Y', 'quarter', '[2021-01-01,2024-01-01)');
-- the source begins in the middle of the first year
SELECT * FROM compare('Y', 'month', '[2020-01-01,2024-01-01)');
SELECT * FROM compare('Two', 'month', '[2023-01-01,2024-01-01)');
SELECT * FROM compare('Two', 'week', '[2022-03-01,2024-01-01)');
-- two years for two years, a whole number of years before: each keeps its own
SELECT period, amount, (SELECT sum(o.amount) FROM orders o WHERE o.day + interval '3 years' <@ tsrange(lower(p.period), upper(p.period))) AS by_hand, weight
FROM preview_split(root_target('Two', 'sales'), '{year}', basis => '[2021-07-01,2023-07-01)') p;

-- ------------------------------------------------------ facts of no member
SELECT add_member('region', 'Others', parent => '{North}', is_rest => true) > 0 AS added,
	   add_member('region', 'Others', parent => '{South}', is_rest => true) > 0 AS added;
SELECT count(*) FROM split_target(root_target('Y', 'sales'), '{region}');
INSERT INTO orders VALUES ('2023-05-05', 'Bikes', 'South', 'Zed', 70000), ('2023-05-06', 'Bikes', 'West', 'Kim', 30), ('2023-05-07', 'Bikes', NULL, NULL, 4);
-- also above the targets that are split
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{seller}');
-- the member that catches is the one beside those that the fact could have had
SELECT * FROM preview_split(root_target('Y', 'sales'), '{seller}', on_unassigned => 'Others');
SELECT add_member('region', 'Others', is_rest => true) > 0 AS added;
SELECT unsplit_target(root_target('Y', 'sales'));
SELECT slice, amount, weight FROM preview_split(root_target('Y', 'sales'), '{region}', on_unassigned => 'Others');
SELECT amount, slice, weight FROM preview_split(root_target('Y', 'sales'), '{region,seller}', on_unassigned => 'Others');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{seller}', on_unassigned => 'Others');
DELETE FROM orders WHERE region IS NULL OR region = 'West';
SELECT slice, amount, weight FROM preview_split(root_target('Y', 'sales'), '{seller}', on_unassigned => 'Others');
SELECT sum(amount) FROM orders WHERE day >= '2023-01-01' AND seller = 'Zed';
SELECT count(*) FROM split_target(root_target('Y', 'sales'), '{region}');
-- counted once, although a plan of two years has its day twice
SELECT count(*) FROM split_target(root_target('Two', 'sales'), '{seller,month}', basis => '[2023-01-01,2024-01-01)', on_unassigned => 'spread');
SELECT plan, fallbacks FROM split_log;

-- ------------------------------------------------- weights for many targets
SELECT count(*) FROM split_target(root_target('Y', 'sales'), '{line,quarter}');
CREATE TABLE w AS
SELECT DISTINCT o.seller, p.period_start AS month, (ascii(o.seller) * p.days)::numeric / 7 AS weight
FROM orders o, periods('[2024-01-01,2025-01-01)', 'month') p WHERE o.seller <> 'Zed';
SELECT count(*) AS parts, count(*) FILTER (WHERE s.weight <> w.weight) AS wrong, count(DISTINCT s.slice) AS slices
FROM preview_split(root_target('Y', 'sales'), '{seller,month}', method => 'weights', weights_from => 'w') s
LEFT JOIN w ON w.seller = s.slice ->> 'region' AND w.month = lower(s.period) WHERE s.n_children = 0;
-- one branch ends with a month: leaves of several lengths
SELECT count(*) FROM split_target(find_target('Y', 'sales', '{"region": "North", "line": "Bikes"}', '[2024-01-01,2024-04-01)'), '{month}');
SELECT count(*) FROM preview_split(root_target('Y', 'sales'), '{seller,month}', method => 'weights', weights_from => 'w');
DELETE FROM w WHERE seller IN ('Cem', 'Dai');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{seller,month}', method => 'weights', weights_from => 'w');
ALTER TABLE w ALTER month TYPE timestamptz;
SELECT * FROM preview_split(root_target('Y', 'sales'), '{seller,month}', method => 'weights', weights_from => 'w');

-- --------------------------------------------------------- a ragged tree
SELECT unsplit_target(root_target('Y', 'sales'));
SELECT count(*) FROM split_target(root_target('Y', 'sales'), '{line}');
SELECT count(*) FROM split_target(find_target('Y', 'sales', '{"line": "Bikes"}'), '{region}', on_unassigned => 'spread');
SELECT count(*) FROM split_target(root_target('Y', 'sales'), '{region}', on_unassigned => 'spread');
SELECT count(*) AS leaves, count(*) FILTER (WHERE slice ? 'region') AS by_region FROM target_tree WHERE plan = 'Y' AND is_leaf;
SELECT * FROM plan_check;
SELECT * FROM explain_target(999999);
SELECT * FROM explain_target();

SET client_min_messages = error;
DROP SCHEMA basis_test CASCADE;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
