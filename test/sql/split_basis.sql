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
		-- 28 and 29 February share the 28th of a year that has no other
		SELECT pd.day, b.day AS basis_day,
			   CASE WHEN to_char(b.day, 'MMDD') = '0228' AND extract(day FROM b.day + 1) = 1 AND extract(day FROM date_trunc('month', pd.day) + interval '1 month -1 day') = 29 THEN 0.5 ELSE 1 END AS part
		FROM plan_day pd CROSS JOIN LATERAL (
			SELECT (pd.day - y * interval '1 year')::date AS day FROM generate_series(0, 9) y) b
		WHERE b.day <@ compare.basis AND b.day >= '2020-02-10'
	), expected AS (
		SELECT m.line, m.period, sum(a.average) AS weight
		FROM made m
		CROSS JOIN LATERAL (
			SELECT avg(o.amount * s.part) AS average
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
SELECT plan, fallbacks FROM split_log ORDER BY plan, split_id;

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


-- ------------------------------------------------- windows not filled
SELECT unsplit_target(root_target('Y', 'sales')) > 0 AS unsplit;
CREATE TABLE all_orders AS SELECT * FROM orders WHERE seller <> 'Zed';
CREATE FUNCTION only_orders(span daterange) RETURNS void LANGUAGE sql AS $$
	DELETE FROM orders;
	INSERT INTO orders SELECT * FROM all_orders WHERE day <@ span $$;
-- a source that begins and ends inside the basis: four months are no year
SELECT only_orders('[2023-07-01,2023-11-01)');
SELECT set_target('Y', 'sales', growth => 0.2);
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}');
SELECT only_orders('[2023-07-01,2024-01-01)');
SELECT set_target('Y', 'sales', growth => 0.2);
SELECT set_target('Y', 'sales', growth => 0.2, basis => '[2021-01-01,2022-01-01)');
SELECT set_target('Y', 'sales', growth => 0.2, on_incomplete => 'accept') > 0 AS set;
SELECT amount = round(1.2 * (SELECT sum(amount) FROM orders), 2) AS by_hand FROM target WHERE target_id = root_target('Y', 'sales');
-- by time, the months before the source are missing
SELECT * FROM preview_split(root_target('Y', 'sales'), '{quarter}');
-- rows without an amount, or of no day, do not make a source older
INSERT INTO orders VALUES ('2010-01-01', 'Bikes', 'North', 'Ada', NULL), ('-infinity', 'Bikes', 'North', 'Ada', 5);
SELECT * FROM preview_split(root_target('Y', 'sales'), '{quarter}');
-- a window without any fact says nothing, which is not zero
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', basis => '[2020-01-01,2021-01-01)', on_incomplete => 'accept');
SELECT slice, amount, fallback FROM preview_split(root_target('Y', 'sales'), '{line}', basis => '[2020-01-01,2021-01-01)', on_incomplete => 'accept', on_missing => 'equal');
SELECT only_orders('[2020-01-01,2024-01-01)');

-- --------------------------------------- members that come and go
-- Kim begins in July 2023, Lee ends in May 2024
SELECT add_member('region', 'Kim', parent => '{North}', valid => '[2023-07-01,)') > 0 AS added,
	   add_member('region', 'Lee', parent => '{North}', valid => '(,2024-05-10)') > 0 AS added;
INSERT INTO orders SELECT day, line, region, 'Kim', amount FROM orders WHERE seller = 'Ada' AND day >= '2023-07-01';
INSERT INTO orders SELECT day, line, region, 'Lee', amount FROM orders WHERE seller = 'Ben' AND day >= '2023-01-01' AND day < '2023-04-01';
-- of Kim's first half nothing is known; Lee has no second half
SELECT * FROM preview_split(root_target('Y', 'sales'), '{seller,half}');
SELECT slice ->> 'region' AS seller, period, amount, weight, fallback
FROM preview_split(root_target('Y', 'sales'), '{seller,half}', on_missing => 'equal') WHERE slice ->> 'region' IN ('Kim', 'Lee');
SELECT slice ->> 'region' AS seller, period, amount, weight, fallback
FROM preview_split(root_target('Y', 'sales'), '{half,seller}', on_missing => 'zero') WHERE slice ->> 'region' IN ('Kim', 'Lee');
SELECT slice ->> 'region' AS seller, period, amount FROM preview_split(root_target('Y', 'sales'), '{seller,quarter}', method => 'equal') WHERE slice ->> 'region' IN ('Kim', 'Lee');
-- what Lee sold in later months belongs to nobody who exists then
INSERT INTO orders VALUES ('2023-08-08', 'Bikes', 'North', 'Lee', 500);
SELECT * FROM preview_split(root_target('Y', 'sales'), '{seller,half}', on_missing => 'zero');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{half,seller}', on_missing => 'zero');
SELECT slice, sum(amount), sum(weight) FROM preview_split(root_target('Y', 'sales'), '{seller,half}', on_missing => 'zero', on_unassigned => 'Others')
WHERE n_children = 0 GROUP BY 1 ORDER BY 1;

-- ------------------------------------------------------- the biggest by name
-- the rest may have caught more than anybody sold; it takes no place of theirs
INSERT INTO orders SELECT day, line, 'South', 'Nobody', 1000 FROM orders WHERE seller = 'Cem' AND day >= '2023-01-01';
SELECT slice, amount FROM preview_split(find_target('Y', 'sales', '{}'), '{region,seller}', on_unassigned => 'Others', members => '{"seller": 1}', rest => 'Others');
-- the same ones in every period
SELECT count(DISTINCT slice) AS named, count(*) AS parts
FROM preview_split(root_target('Y', 'sales'), '{month,seller}', on_missing => 'zero', on_unassigned => 'spread', members => '1', rest => 'Others')
WHERE level = 'seller' AND NOT slice @> '{"region": ["North", "Others"]}' AND NOT slice @> '{"region": ["South", "Others"]}' AND slice <> '{"region": "Others"}';
SELECT count(*) > 4 AS all_of_them FROM preview_split(root_target('Y', 'sales'), '{seller}', on_unassigned => 'spread', members => '99999999999', rest => 'Others');

-- -------------------------------------------------- one rule for every depth
-- seller Bea is under two regions: facts count where the member is, also for
-- the region, whether the tree goes down to sellers or not
SELECT only_orders('[2023-01-01,2024-01-01)');
UPDATE orders SET seller = 'Bea' WHERE seller = 'Dai' OR (seller = 'Ben' AND day < '2023-06-01');
SELECT * FROM import_members('sales');
SELECT dimension, level, members_added FROM import_members('sales', on_conflict => 'latest');
SELECT name, member_decides FROM dimension_level ORDER BY dimension_id, depth;
SELECT slice, weight FROM preview_split(root_target('Y', 'sales'), '{region}');
SELECT slice, weight FROM preview_split(root_target('Y', 'sales'), '{region,seller}', on_missing => 'zero') WHERE level = 'region';
SELECT CASE WHEN seller = 'Bea' THEN 'South' ELSE region END AS region, sum(amount) FROM orders GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM split_target(root_target('Y', 'sales'), '{region}');
SELECT cut, actual FROM kpi_cut('Y', 'sales', '{region}', as_of => '2024-12-31');
UPDATE orders SET day = day + 365;
SELECT cut, actual FROM kpi_cut('Y', 'sales', '{region}', as_of => '2024-12-31');
SELECT count(*) FROM split_target(root_target('Y', 'sales'), '{seller}', basis => '[2024-01-01,2025-01-01)', on_missing => 'zero');
SELECT cut, actual FROM kpi_cut('Y', 'sales', '{region}', as_of => '2024-12-31');

-- ------------------------------------------- shares of parts that are gone
SELECT unsplit_target(root_target('Y', 'sales')) > 0 AS unsplit;
SELECT count(*) FROM split_target(root_target('Y', 'sales'), '{line}', method => 'weights', weights => '{"Bikes": 2, "Parts": 1}');
SELECT exact_share, weight_sum, changed_since FROM explain_target(plan => 'Y', metric => 'sales', slice => '{"line": "Bikes"}') WHERE step = 1;
WITH gone AS (DELETE FROM target WHERE slice = '{"line": "Parts"}' AND plan_id = 1 RETURNING amount)
UPDATE target SET amount = target.amount + gone.amount FROM gone WHERE slice = '{"line": "Bikes"}' AND plan_id = 1;
SELECT exact_share, weight_sum, changed_since FROM explain_target(plan => 'Y', metric => 'sales', slice => '{"line": "Bikes"}') WHERE step = 1;

-- ------------------------------------------------------------- small things
SELECT unsplit_target(root_target('Y', 'sales')) > 0 AS unsplit;
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'amounts', weights => '{"Bikes": 99999999, "Parts": 0}', rest => 'Parts');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'weights', weights => '{"M1": 1, "M2": 1}');
SELECT count(*) FROM split_target(root_target('Y', 'sales'), '{week}', method => 'equal');
SELECT * FROM split_target(root_target('Y', 'sales'), '{month}', method => 'equal');

SET client_min_messages = error;
DROP SCHEMA basis_test CASCADE;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
