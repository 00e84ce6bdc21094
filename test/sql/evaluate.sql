-- evaluate_plan, kpi_variance, kpi_cut: every figure against plain SQL.
\set SHOW_CONTEXT never
-- on an extension of its own, so that ids are always the same
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA evaluate_test;
SET search_path = evaluate_test, target_split;

-- Two years of orders: a market, a product below a category, one order a day
-- and market; nothing is random.
CREATE TABLE orders AS
SELECT day::date AS day, market, category, product,
	   ((extract(doy FROM day)::int * 37 + ascii(market) * 11 + ascii(product) * 7) % 500 + 10)* 0.25 AS amount
FROM generate_series('2023-01-01'::date, '2024-05-31', '1 day') day,
	 (VALUES ('East'), ('West')) m (market),
	 (VALUES ('Bikes', 'road'), ('Bikes', 'city'), ('Parts', 'bell')) p (category, product);
SELECT add_metric('sales', unit => 'EUR', quantum => 0.01) > 0 AS added;
SELECT add_source('sales', 'orders', occurred_on => 'day', amount => 'amount',
				  dimensions => '{"market": "market", "category": ["category", "product"]}') IS NOT NULL AS added;
SELECT create_plan('FY2024', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('FY2024', 'sales', growth => 0.10) > 0 AS set;

SELECT evaluate_plan('FY2024', as_of => '2024-01-31');
SELECT amount, actual, variance, attainment, expected, variance_to_date, attainment_to_date
FROM kpi_variance WHERE plan = 'FY2024';
-- the same by hand: 31 of 366 days
SELECT sum(amount) AS actual,
	   (SELECT round(amount * 31 / 366, 2) FROM target_tree WHERE depth = 0) AS expected
FROM orders WHERE day BETWEEN '2024-01-01' AND '2024-01-31';

SELECT count(*) FROM split_target(root_target('FY2024', 'sales'), '{market,category,quarter,product,month}');
SELECT evaluate_plan('FY2024', as_of => '2024-05-15');

-- every node, against the source: its slice read from the label columns
CREATE VIEW by_hand AS
SELECT t.target_id, t.depth, t.level, t.slice, t.period,
	   (SELECT sum(o.amount) FROM orders o
		WHERE o.day <@ t.period AND o.day <= '2024-05-15'
		  AND (t.slice ->> 'market' IS NULL OR o.market = t.slice ->> 'market')
		  AND (t.slice ->> 'category' IS NULL OR o.category = t.slice ->> 'category' OR o.product = t.slice ->> 'category')) AS actual
FROM target t;
SELECT count(*) AS nodes, count(v.actual) AS known, count(*) FILTER (WHERE v.actual IS DISTINCT FROM h.actual) AS different
FROM kpi_variance v JOIN by_hand h USING (target_id);
-- expected of an inner node is the sum of its leaves: months over, and 15 of 31 days of May
SELECT count(*) AS different
FROM (SELECT v.target_id, v.expected,
			 (SELECT sum(CASE WHEN l.period << '[2024-05-01,2024-06-01)' THEN l.amount
							  WHEN l.period = '[2024-05-01,2024-06-01)' THEN round(l.amount * 15 / 31, 2) ELSE 0 END)
			  FROM target l WHERE l.n_children = 0 AND l.period <@ v.period
			    AND (l.slice @> v.slice
					 OR (l.slice -> 'market' = v.slice -> 'market'
						 AND (SELECT path[1] FROM member m WHERE m.slice_value = l.slice -> 'category') = v.slice ->> 'category'))) AS by_hand
	  FROM kpi_variance v) x
WHERE expected IS DISTINCT FROM by_hand;
SELECT depth, level, slice, period_start, period_end, amount, actual, variance, attainment, expected
FROM kpi_variance WHERE depth <= 1 OR (depth = 5 AND slice = '{"market": "East", "category": "bell"}' AND period_start < '2024-07-01')
ORDER BY depth, slice, period_start;
-- a second run of a day replaces the first; runs of other days stay
SELECT evaluate_plan('FY2024', as_of => '2024-05-15', metric => 'sales');
SELECT as_of, last_fact, n_targets FROM evaluation_run ORDER BY as_of;
SELECT count(*) FROM evaluation;

-- cuts that are no node of the tree
SELECT period_label, amount, actual, variance, attainment, expected FROM kpi_cut('FY2024', 'sales', '{month}', as_of => '2024-05-15');
SELECT sum(k.amount) = (SELECT amount FROM target_tree WHERE depth = 0) AS adds_up,
	   sum(k.actual) = (SELECT sum(o.amount) FROM orders o WHERE day BETWEEN '2024-01-01' AND '2024-05-15') AS actuals_add_up
FROM kpi_cut('FY2024', 'sales', '{product,month}', as_of => '2024-05-15') k;
SELECT cut, period_label, amount, actual FROM kpi_cut('FY2024', 'sales', '{quarter,market}', slice => '{"category": "Bikes"}', as_of => '2024-05-15');
SELECT cut, amount, actual FROM kpi_cut('FY2024', 'sales', '{}', slice => '{"category": "road", "market": "West"}', as_of => '2024-05-15');
SELECT count(*) AS different
FROM kpi_cut('FY2024', 'sales', '{market,product,month}', as_of => '2024-05-15') k
FULL JOIN (SELECT jsonb_build_object('market', market, 'category', product) AS cut, date_trunc('month', day)::date AS period_start, sum(amount) AS actual
		   FROM orders WHERE day BETWEEN '2024-01-01' AND '2024-05-15' GROUP BY 1, 2) o USING (cut, period_start)
WHERE k.actual IS DISTINCT FROM o.actual;
-- finer than the targets, or not at all
SELECT * FROM kpi_cut('FY2024', 'sales', '{week}');
SELECT * FROM kpi_cut('FY2024', 'sales', '{colour}');
SELECT * FROM kpi_cut('FY2024', 'sales', '{month}', slice => '{"colour": "red"}');
SELECT * FROM kpi_cut('FY2024', 'sales', '{month}', slice => '{"market": "North"}');
SELECT * FROM kpi_cut('FY2024', 'sales', '{month}', slice => '["market"]');
SELECT * FROM kpi_cut('FY2025', 'sales', '{month}');
SELECT * FROM kpi_cut('FY2024', 'sales', NULL);
SELECT * FROM kpi_cut(NULL, 'sales', '{month}');

-- a fact of an unknown member, or of none, counts above and not below
INSERT INTO orders VALUES ('2024-02-02', 'Moon', 'Bikes', 'road', 100), ('2024-02-03', NULL, 'Parts', 'bell', 10);
SELECT evaluate_plan('FY2024', as_of => '2024-05-16');
SELECT (SELECT actual FROM kpi_variance WHERE depth = 0) - (SELECT sum(actual) FROM kpi_variance WHERE depth = 1) AS unassigned;
SELECT cut, amount, actual FROM kpi_cut('FY2024', 'sales', '{market}', as_of => '2024-05-16');

-- targets of 0 and below: NULL, and 1 + (actual - amount) / |amount|
SELECT attainment(50, 100), attainment(-50, 100), attainment(5, 0), attainment(NULL, 100), attainment(-50, -100), attainment(-150, -100);

-- a level that the source does not have is not measurable, and not 0
SELECT add_dimension('channel') > 0 AS added;
SELECT add_member('channel', 'shop') > 0, add_member('channel', 'web') > 0;
SELECT create_plan('FY2024c', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('FY2024c', 'sales', amount => 1000) > 0 AS set;
SELECT slice, amount FROM split_target(root_target('FY2024c', 'sales'), '{channel}', method => 'weights', weights => '{"shop": 1, "web": 3}');
SELECT evaluate_plan('FY2024c', as_of => '2024-05-15');
SELECT slice, amount, actual, attainment FROM kpi_variance WHERE plan = 'FY2024c' ORDER BY depth, slice;
SELECT cut, amount, actual FROM kpi_cut('FY2024c', 'sales', '{channel}', as_of => '2024-05-15');

-- nothing is known of a plan that the source has not reached yet; 0 and NULL differ
SELECT create_plan('FY2025', period => '[2025-01-01,2026-01-01)') > 0 AS created;
SELECT set_target('FY2025', 'sales', amount => 1000) > 0 AS set;
SELECT evaluate_plan('FY2025', as_of => '2025-05-15');
SELECT amount, actual, variance, attainment, expected FROM kpi_variance WHERE plan = 'FY2025';
-- a metric without a source
SELECT add_metric('visits', unit => 'visits', quantum => 1) > 0 AS added;
SELECT set_target('FY2025', 'visits', amount => 365) > 0 AS set;
SELECT evaluate_plan('FY2025', as_of => '2025-01-31', metric => 'visits');
SELECT metric, amount, actual, expected FROM kpi_variance WHERE plan = 'FY2025' ORDER BY metric;

-- a rest member takes what its siblings leave
SELECT add_member('market', 'Others', is_rest => true) > 0 AS added;
SELECT create_plan('Rest', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('Rest', 'sales', amount => 1000) > 0 AS set;
SELECT slice, amount FROM split_target(root_target('Rest', 'sales'), '{market}', members => '["West"]', rest => 'Others');
SELECT evaluate_plan('Rest', as_of => '2024-05-15');
SELECT v.slice, v.actual, (SELECT sum(o.amount) FROM orders o WHERE day BETWEEN '2024-01-01' AND '2024-05-15'
						   AND (v.slice = '{}' OR (market = 'West') = (v.slice ->> 'market' = 'West')) AND (market IN ('East', 'West') OR v.slice = '{}')) AS by_hand
FROM kpi_variance v WHERE plan = 'Rest' ORDER BY depth, slice;

-- amounts that are no numbers are refused by all that read them, as in a split
BEGIN;
INSERT INTO orders VALUES ('2024-03-03', 'East', 'Bikes', 'road', 'NaN'), ('2024-03-02', 'Moon', 'Bikes', 'road', 'Infinity'),
	('2024-03-02', 'Moon', 'Bikes', 'road', '-Infinity');
SAVEPOINT s;
SELECT evaluate_plan('FY2024', as_of => '2024-05-15');
ROLLBACK TO s;
SELECT * FROM kpi_cut('FY2024', 'sales', '{market}', as_of => '2024-05-15');
ROLLBACK TO s;
-- ... and are nobody's business outside the days that are read
SELECT evaluate_plan('FY2024', as_of => '2024-03-01') > 0 AS evaluated;
SELECT count(*) FROM kpi_cut('FY2024', 'sales', '{market}', as_of => '2024-03-01');
ROLLBACK;

-- the run made last is shown, whatever day it is for
SELECT DISTINCT as_of FROM kpi_variance WHERE plan = 'FY2024';
SELECT evaluate_plan('FY2024', as_of => '2042-05-15') > 0 AS a_typo;
SELECT evaluate_plan('FY2024', as_of => '2024-05-15') > 0 AS put_right;
SELECT DISTINCT as_of, evaluated_at = (SELECT max(evaluated_at) FROM evaluation_run) AS latest FROM kpi_variance WHERE plan = 'FY2024';
-- ... with its targets: what is gone since has no row, nor has what came since
SELECT unsplit_target(root_target('Rest', 'sales'));
SELECT set_target('Rest', 'sales', amount => 2000) > 0 AS set;
SELECT count(*) FROM split_target(root_target('Rest', 'sales'), '{half}', method => 'equal');
SELECT depth, amount, as_of FROM kpi_variance WHERE plan = 'Rest';
SELECT evaluate_plan('Rest', as_of => '2024-05-14');
SELECT depth, amount, as_of FROM kpi_variance WHERE plan = 'Rest' ORDER BY depth, period;

-- a cut without a day: today, but not after the plan
SELECT (SELECT array_agg((k.amount, k.actual, k.expected)) FROM kpi_cut('FY2024', 'sales', '{month}') k)
	 = (SELECT array_agg((k.amount, k.actual, k.expected)) FROM kpi_cut('FY2024', 'sales', '{month}', as_of => '2024-12-31') k) AS a_plan_that_is_over;
SELECT create_plan('Now', period => daterange(current_date - 10, current_date + 10)) > 0 AS created, set_target('Now', 'sales', amount => 2000) > 0 AS set;
SELECT k.expected FROM kpi_cut('Now', 'sales', '{}') k;

-- careless calls
SELECT evaluate_plan(NULL);
SELECT evaluate_plan('FY2024', as_of => NULL);
SELECT evaluate_plan('FY2024', as_of => 'infinity');
SELECT evaluate_plan('nowhere');
SELECT evaluate_plan('FY2024', metric => 'visits', as_of => '2024-05-15');
SELECT evaluate_plan('FY2024', metric => 'nothing', as_of => '2024-05-15');
SELECT create_plan('Empty', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT evaluate_plan('Empty', as_of => '2024-05-15');
SELECT * FROM plan_check;

SET client_min_messages = error;
DROP SCHEMA evaluate_test CASCADE;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
