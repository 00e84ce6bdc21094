-- split_target: methods that mix bases, grow them, copy them, or need none;
-- each against plain SQL.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA method_test;
SET search_path = method_test, target_split;
SET datestyle = ISO;

CREATE TABLE orders AS
SELECT day::date AS day, line, region,
	   ((extract(doy FROM day)::int * 31 + extract(year FROM day)::int * 17 + ascii(region) * 5 + ascii(line)) % 211 + 1)::numeric / 4 AS amount
FROM generate_series('2021-01-01'::date, '2023-12-31', '1 day') day,
	 (VALUES ('Bikes'), ('Parts'), ('Shoes')) l (line), (VALUES ('North'), ('South')) r (region);
CREATE TABLE payments AS SELECT (day + 61)::date AS day, line, region, round(amount * 0.9, 2) AS amount FROM orders;
SELECT add_metric('sales', unit => 'EUR') > 0 AS added, add_metric('cash', unit => 'EUR') > 0 AS added;
SELECT count(*) AS levels FROM add_source('sales', 'orders', occurred_on => 'day', amount => 'amount', dimensions => '{"line": "line", "region": "region"}');
SELECT count(*) AS levels FROM add_source('cash', 'payments', occurred_on => 'day', amount => 'amount', dimensions => '{"line": "line", "region": "region"}');
SELECT create_plan('Y', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('Y', 'sales', amount => 100000.01) > 0 AS set, set_target('Y', 'cash', amount => 90000) > 0 AS set;
CREATE TABLE potential AS SELECT * FROM (VALUES ('Bikes', 50), ('Parts', 30), ('Shoes', 20)) p (line, weight);
CREATE VIEW by_year AS SELECT extract(year FROM day)::int AS year, line, sum(amount) AS amount FROM orders GROUP BY 1, 2;

-- Is each part the floor or the ceiling of its share of the target?  Shares as
-- plain SQL makes them, from keys to weights that add up to 1.
CREATE FUNCTION fair(amount numeric, share numeric, total numeric) RETURNS boolean LANGUAGE sql AS $$
	SELECT abs(fair.amount - fair.total * fair.share) < 0.01 $$;

-- ------------------------------------------------------------------- blend
SELECT slice ->> 'line' AS line, amount, weight FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'blend',
	bases => '[{"factor": 0.5, "basis": "[2022-01-01,2023-01-01)"}, {"factor": 0.5, "basis": "[2023-01-01,2024-01-01)"}]');
SELECT bool_and(fair(s.amount, 0.7 * b.amount / b.total + 0.3 * p.weight / 100, 100000.01)) AS fair
FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'blend',
				   bases => '[{"factor": 7}, {"factor": 3, "weights_from": "method_test.potential"}]') s
JOIN (SELECT *, sum(amount) OVER () AS total FROM by_year WHERE year = 2023) b ON b.line = s.slice ->> 'line'
JOIN potential p ON p.line = s.slice ->> 'line';
-- with equal shares, and another metric; nested levels
SELECT bool_and(fair(s.amount, 0.25 / 6 + 0.75 * b.amount / b.total, 100000.01)) AS fair, count(*) AS parts
FROM preview_split(root_target('Y', 'sales'), '{region,line}', method => 'blend',
				   bases => '[{"factor": 1, "method": "equal"}, {"factor": 3, "profile": {"metric": "cash"}, "basis": "[2023-01-01,2024-01-01)"}]') s
JOIN (SELECT region, line, sum(amount) AS amount, sum(sum(amount)) OVER () AS total FROM payments WHERE day BETWEEN '2023-01-01' AND '2023-12-31' GROUP BY 1, 2) b
	ON b.line = s.slice ->> 'line' AND b.region = s.slice ->> 'region';
-- members that are left out have no part in any basis
SELECT slice ->> 'line' AS line, amount FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'blend',
	bases => '[{"method": "equal"}, {"weights_from": "method_test.potential"}]', members => '["Bikes", "Parts"]');
SELECT (0.5 / 2 + 0.5 * 50 / 80) * 100000.01 AS bikes_by_hand;
SELECT add_member('line', 'Boats') > 0 AS added;
SELECT slice ->> 'line' AS line, amount FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'blend',
	bases => '[{"method": "equal"}, {"factor": 0.000000001}]', members => '"active"');
DELETE FROM member WHERE code = 'Boats';
-- a trailing twelve months
SELECT bool_and(fair(s.amount, b.amount / b.total, 100000.01)) AS fair
FROM preview_split(root_target('Y', 'sales'), '{line}', basis => '[2022-11-01,2023-11-01)') s
JOIN (SELECT line, sum(amount) AS amount, sum(sum(amount)) OVER () AS total FROM orders WHERE day >= '2022-11-01' AND day < '2023-11-01' GROUP BY 1) b ON b.line = s.slice ->> 'line';
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'blend');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'blend', bases => '{}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'blend', bases => '[{"factor": 0}]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'blend', bases => '[{"factor": -1}]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'blend', bases => '[{"faktor": 1}]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'blend', bases => '[{"method": "magic"}]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'blend', bases => '[{"method": "equal", "basis": "[2023-01-01,2024-01-01)"}]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'blend', bases => '[{"weights_from": "no.such"}]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'blend', bases => '[{"method": "amounts", "weights": {"Bikes": 1}}]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'blend', bases => '[{"basis": "empty"}]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'blend', bases => '[3]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', bases => '[{}]');

-- --------------------------------------------------------------- increment
-- own last year plus what is more x share of potential
SELECT s.slice ->> 'line' AS line, s.amount, s.weight, round(b.amount + (100000.01 - b.total) * p.weight / 100, 6) AS by_hand
FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'increment', weights_from => 'potential') s
JOIN (SELECT *, sum(amount) OVER () AS total FROM by_year WHERE year = 2023) b ON b.line = s.slice ->> 'line'
JOIN potential p ON p.line = s.slice ->> 'line';
-- equally, and less instead of more
SELECT set_target('Y', 'sales', amount => 30000) > 0 AS set;
SELECT s.slice ->> 'line' AS line, s.amount, b.amount + (30000 - b.total) / 3 AS by_hand
FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'increment', bases => '[{"method": "equal"}]') s
JOIN (SELECT *, sum(amount) OVER () AS total FROM by_year WHERE year = 2023) b ON b.line = s.slice ->> 'line';
-- by the basis itself it is what history gives
SELECT count(*) AS different FROM (
	SELECT slice, period, amount FROM preview_split(root_target('Y', 'sales'), '{line,month}', method => 'increment') EXCEPT
	SELECT slice, period, amount FROM preview_split(root_target('Y', 'sales'), '{line,month}')) d;
-- who loses more than there was
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'increment', weights => '{"Bikes": 1}');
SELECT slice, amount, fallback FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'increment', weights => '{"Bikes": 100, "Parts": 1, "Shoes": 1}', on_negative => 'zero');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'increment', weights => '{"Bikes": 1}', bases => '[{}]');
SELECT set_target('Y', 'sales', amount => 100000.01) > 0 AS set;

-- ------------------------------------------------------------------ growth
-- the weight is the figure before the parts are brought to the total
SELECT s.slice ->> 'line' AS line, s.amount, s.weight, b.amount * (1 + CASE b.line WHEN 'Bikes' THEN 0.25 WHEN 'Parts' THEN -0.1 ELSE 0.02 END) AS unreconciled
FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'growth', weights => '{"Bikes": 0.25, "Parts": -0.1, "*": 0.02}') s
JOIN by_year b ON b.line = s.slice ->> 'line' AND b.year = 2023;
CREATE TABLE rate AS SELECT line, region, CASE line WHEN 'Bikes' THEN 0.25 ELSE 0 END + CASE region WHEN 'South' THEN 0.1 ELSE 0 END AS weight
FROM (VALUES ('Bikes'), ('Parts'), ('Shoes')) l (line), (VALUES ('North'), ('South')) r (region);
SELECT bool_and(fair(s.amount, b.amount * (1 + r.weight) / b.total, 100000.01)) AS fair, count(*) AS parts
FROM preview_split(root_target('Y', 'sales'), '{line,region}', method => 'growth', weights_from => 'rate') s
JOIN rate r ON r.line = s.slice ->> 'line' AND r.region = s.slice ->> 'region'
JOIN (SELECT o.line, o.region, sum(o.amount) AS amount, sum(sum(o.amount * (1 + r.weight))) OVER () AS total
	  FROM orders o JOIN rate r USING (line, region) WHERE o.day >= '2023-01-01' GROUP BY 1, 2) b USING (line, region);
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'growth', weights => '{"Bikes": 0.25}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'growth', weights => '{"Bikes": -2, "*": 0}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{line}', method => 'growth');

-- ----------------------------------------------------------- profile, copy
-- like another slice
SELECT count(*) FROM split_target(root_target('Y', 'sales'), '{region}', method => 'equal');
SELECT bool_and(fair(s.amount, b.amount / b.total, 50000)) AS fair, min(s.slice ->> 'region') AS region, count(*) AS parts
FROM preview_split(find_target('Y', 'sales', '{"region": "South"}'), '{line}', method => 'profile', profile => '{"slice": {"region": "North"}}') s
JOIN (SELECT line, sum(amount) AS amount, sum(sum(amount)) OVER () AS total FROM orders WHERE region = 'North' AND day >= '2023-01-01' GROUP BY 1) b ON b.line = s.slice ->> 'line';
-- cash is collected like sales, two months later: the basis begins two months earlier
SELECT s.period, s.amount, s.weight, b.amount AS two_months_before
FROM preview_split(root_target('Y', 'cash'), '{month}', method => 'profile', profile => '{"metric": "sales", "lag": 2}') s
JOIN (SELECT date_trunc('month', day)::date AS month, sum(amount) AS amount FROM orders GROUP BY 1) b ON b.month + interval '14 months' = lower(s.period)
ORDER BY 1;
-- like the targets of another plan and metric, the whole tree in one call
SELECT count(*) FROM split_target(root_target('Y', 'sales'), '{line,month}');
SELECT count(*) AS parts, bool_and(fair(c.amount, s.amount / 100000.01, 90000)) AS fair
FROM preview_split(root_target('Y', 'cash'), '{region,line,month}', method => 'profile', profile => '{"plan": "Y", "metric": "sales"}') c
JOIN target s ON s.slice = c.slice AND s.period = c.period AND s.level = c.level AND s.metric_id = 1
WHERE c.n_children = 0;
SELECT create_plan('Z', period => '[2025-01-01,2026-01-01)') > 0 AS created, set_target('Z', 'sales', amount => 110000.01) > 0 AS set;
SELECT slice ->> 'line' AS line, amount, weight FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'copy', profile => '{"plan": "Y", "factor": 1.1}');
SELECT set_target('Z', 'sales', amount => 110000.01 - 0.01) > 0 AS set;
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'copy', profile => '{"plan": "Y", "factor": 2}');
-- a year later: each month like last year's
SELECT count(*) AS parts, bool_and(fair(c.amount, s.amount / 100000.01, 110000)) AS fair
FROM preview_split(root_target('Z', 'sales'), '{region,line,month}', method => 'profile', profile => '{"plan": "Y"}') c
JOIN target s ON s.slice = c.slice AND lower(s.period) + interval '1 year' = lower(c.period) AND s.level = c.level AND s.plan_id = 1 AND s.metric_id = 1
WHERE c.n_children = 0;
SELECT * FROM preview_split(root_target('Z', 'sales'), '{week}', method => 'profile', profile => '{"plan": "Y"}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'profile', profile => '{"plan": "Z"}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'profile', profile => '{"plan": "No"}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'profile', profile => '{"slice": {"line": "Bikes"}}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'profile', profile => '{"slice": {"line": "Boats"}}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'profile', profile => '{"lag": "two"}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'profile', profile => '[]');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'profile');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'profile', profile => '{"lag": 99999}');

-- ------------------------------------------- percent, straight line, curve
SELECT set_target('Z', 'sales', amount => 100) > 0 AS set;
SELECT slice ->> 'line' AS line, amount FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'percent', weights => '{"Bikes": 50.5, "Parts": 25, "Shoes": 24.5}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'percent', weights => '{"Bikes": 50.5, "Parts": 25, "Shoes": 24}');
SELECT period, amount FROM preview_split(root_target('Z', 'sales'), '{quarter}', method => 'percent', weights => '{"2025-01-01": 10, "2025-04-01": 20, "2025-07-01": 30, "2025-10-01": 40}');
SELECT period, amount FROM preview_split(root_target('Z', 'sales'), '{quarter}', method => 'straight_line', weights => '{"first": 10, "last": 40}');
SELECT period, amount FROM preview_split(root_target('Z', 'sales'), '{half,quarter}', method => 'straight_line', weights => '{"first": 40, "last": 10}');
SELECT period, amount, weight FROM preview_split(root_target('Z', 'sales'), '{quarter}', method => 'growth_curve', weights => '{"rate": 0.1}');
SELECT 100 * 1.1 ^ k / (1 + 1.1 + 1.21 + 1.331) AS by_hand FROM generate_series(0, 3) k;
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'straight_line', weights => '{"first": 1, "last": 2}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{quarter}', method => 'straight_line', weights => '{"first": 1}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{quarter}', method => 'growth_curve', weights => '{"rate": -1}');

-- ------------------------------------------------------------------ shrunk
-- the product of the margins alone, from one year: line x region x month
SELECT count(*) AS parts, bool_and(fair(s.amount, l.share * r.share * m.share, 100)) AS fair
FROM preview_split(root_target('Z', 'sales'), '{line,region,quarter,month}', method => 'shrunk', basis => '[2023-01-01,2025-01-01)',
				   weights => '{"product": 10}', on_incomplete => 'accept') s
JOIN (SELECT line, sum(amount) / sum(sum(amount)) OVER () AS share FROM orders WHERE day >= '2023-01-01' GROUP BY 1) l ON l.line = s.slice ->> 'line'
JOIN (SELECT region, sum(amount) / sum(sum(amount)) OVER () AS share FROM orders WHERE day >= '2023-01-01' GROUP BY 1) r ON r.region = s.slice ->> 'region'
JOIN (SELECT extract(month FROM day) AS month, sum(amount) / sum(sum(amount)) OVER () AS share FROM orders WHERE day >= '2023-01-01' GROUP BY 1) m ON m.month = extract(month FROM lower(s.period))
WHERE s.n_children = 0;
SELECT create_plan('U', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('U', 'sales', amount => 100000.01) > 0 AS set;
-- half of it and half of the joint shares of two years
SELECT count(*) AS parts, bool_and(fair(s.amount, 0.5 * j.share + 0.5 * l.share * r.share, 100000.01)) AS fair
FROM preview_split(root_target('U', 'sales'), '{line,region}', method => 'shrunk', weights => '{"joint": 5, "product": 5}', basis => '[2022-01-01,2024-01-01)') s
JOIN (SELECT line, sum(amount) / sum(sum(amount)) OVER () AS share FROM orders WHERE day >= '2022-01-01' GROUP BY 1) l ON l.line = s.slice ->> 'line'
JOIN (SELECT region, sum(amount) / sum(sum(amount)) OVER () AS share FROM orders WHERE day >= '2022-01-01' GROUP BY 1) r ON r.region = s.slice ->> 'region'
JOIN (SELECT line, region, sum(amount) / sum(sum(amount)) OVER () AS share FROM orders WHERE day >= '2022-01-01' GROUP BY 1, 2) j ON j.line = l.line AND j.region = r.region
WHERE s.n_children = 0;
-- factors that the years choose, and what the call keeps of them
SELECT create_plan('S', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('S', 'sales', amount => 100) > 0 AS set;
SELECT count(*) FROM split_target(root_target('S', 'sales'), '{line,region,month}', method => 'shrunk');
SELECT basis, findings FROM split_log WHERE method = 'shrunk';
SELECT * FROM plan_check;
-- one year: nothing to hold back, plain history
SELECT count(*) AS different FROM (
	SELECT slice, period, amount FROM preview_split(root_target('U', 'sales'), '{line,region}', method => 'shrunk', basis => '[2023-01-01,2024-01-01)') EXCEPT
	SELECT slice, period, amount FROM preview_split(root_target('U', 'sales'), '{line,region}')) d;
SELECT * FROM preview_split(root_target('U', 'sales'), '{line}', method => 'shrunk', basis => '[2023-02-01,2023-11-01)');
SELECT * FROM preview_split(root_target('U', 'sales'), '{line}', method => 'shrunk', weights => '{"joint": 5, "product": 4}');
SELECT * FROM preview_split(root_target('U', 'sales'), '{line}', method => 'shrunk', weights => '{"joint": 0.5}');
SELECT * FROM preview_split(root_target('U', 'sales'), '{line}', method => 'shrunk', weights => '5');
SELECT create_plan('Long', period => '[2024-01-01,2026-01-01)') > 0 AS created, set_target('Long', 'sales', amount => 100) > 0 AS set;
SELECT * FROM preview_split(root_target('Long', 'sales'), '{line}', method => 'shrunk');

-- --------------------------------------------------- a quantum of the call
-- Every node between the floor and the ceiling of its exact share in the call's
-- quantum, and all but those on one path multiples of it: counted for amounts
-- and quanta of all sizes, in plain SQL.
CREATE FUNCTION coarse(quantum numeric, amount numeric) RETURNS TABLE (nodes bigint, unfair bigint, no_multiples bigint, sums_hold boolean)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_target('Z', 'sales', amount => coarse.amount);
	RETURN QUERY
	WITH p AS (SELECT * FROM preview_split(root_target('Z', 'sales'), '{line,quarter,region}', basis => '[2023-01-01,2024-01-01)', quantum => coarse.quantum)),
	r AS (SELECT sum(p.weight) AS whole FROM p WHERE p.n_children = 0)
	SELECT count(*),
		   count(*) FILTER (WHERE p.amount < floor(coarse.amount * p.weight / r.whole / coarse.quantum) * coarse.quantum
							OR p.amount > ceil(coarse.amount * p.weight / r.whole / coarse.quantum) * coarse.quantum),
		   count(*) FILTER (WHERE mod(p.amount, coarse.quantum) <> 0),
		   sum(p.amount) FILTER (WHERE p.n_children = 0) = coarse.amount AND sum(p.amount) FILTER (WHERE p.level = 'line') = coarse.amount
		   AND sum(p.amount) FILTER (WHERE p.level = 'quarter') = coarse.amount
	FROM p, r;
END $$;
SELECT q, a, (coarse(q, a)).* FROM (VALUES (1), (100), (10000), (0.05), (777.77)) q (q), (VALUES (1234567.89), (-55555.55), (999), (0.01), (20000)) a (a) ORDER BY 1, 2;
SELECT set_target('Z', 'sales', amount => 65549.26) > 0 AS set;
SELECT slice ->> 'line' AS line, amount FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'equal', quantum => 10000);
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'equal', quantum => 0.015);
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'equal', quantum => 0);
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'equal', quantum => 'NaN');
-- other systems' rounding, to hundreds: the last takes what is left over
SELECT slice ->> 'line' AS line, amount FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'equal', quantum => 100, residual => 'last');

-- ---------------------------------------- who gets what rounding leaves over
SELECT set_target('Z', 'sales', amount => 100) > 0 AS set;
SELECT residual, (SELECT array_agg(amount ORDER BY period) FROM preview_split(root_target('Z', 'sales'), '{month}', method => 'equal', residual => r.residual)) AS months
FROM unnest('{largest,first,last,highest,lowest,carry}'::text[]) AS r (residual);
SELECT slice, amount FROM preview_split(root_target('Z', 'sales'), '{line,region}', method => 'equal', residual => 'South');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'equal', residual => 'somebody');

-- ------------------------------------------------- a method for each level
-- two stages: shares of the lines are given, regions inside each by history
SELECT slice, amount FROM preview_split(root_target('Z', 'sales'), '{line,region}', basis => '[2023-01-01,2024-01-01)',
	levels => '{"line": {"method": "percent", "weights": {"Bikes": 50, "Parts": 30, "Shoes": 20}}}') s;
-- each part against its share by hand: percent x history x straight line
SELECT count(*) AS parts, bool_and(fair(s.amount, p.share * b.amount / b.total * (extract(quarter FROM lower(s.period)) + 1) / 14, 100)) AS fair
FROM preview_split(root_target('Z', 'sales'), '{line,region,quarter}', basis => '[2023-01-01,2024-01-01)',
				   levels => '{"line": {"method": "percent", "weights": {"Bikes": 50, "Parts": 30, "Shoes": 20}}, "quarter": {"method": "straight_line", "weights": {"first": 2, "last": 5}}}') s
JOIN (VALUES ('Bikes', 0.5), ('Parts', 0.3), ('Shoes', 0.2)) p (line, share) ON p.line = s.slice ->> 'line'
JOIN (SELECT line, region, sum(amount) AS amount, sum(sum(amount)) OVER (PARTITION BY line) AS total FROM orders WHERE day >= '2023-01-01' GROUP BY 1, 2) b
	ON b.line = s.slice ->> 'line' AND b.region = s.slice ->> 'region'
WHERE s.n_children = 0;
-- the regions alike, and each by its own quarters
SELECT count(*) AS parts, bool_and(fair(s.amount, 0.5 * b.amount / b.total, 100)) AS fair
FROM preview_split(root_target('Z', 'sales'), '{region,quarter}', method => 'equal', levels => '{"quarter": {"basis": "[2023-01-01,2024-01-01)"}}') s
JOIN (SELECT region, extract(quarter FROM day) AS q, sum(amount) AS amount, sum(sum(amount)) OVER (PARTITION BY region) AS total FROM orders WHERE day >= '2023-01-01' GROUP BY 1, 2) b
	ON b.region = s.slice ->> 'region' AND b.q = extract(quarter FROM lower(s.period))
WHERE s.n_children = 0;
-- all levels together by one method are what the call without levels makes
SELECT count(*) AS different FROM (
	SELECT slice, period, amount FROM preview_split(root_target('Z', 'sales'), '{line,region,month}', basis => '[2023-01-01,2024-01-01)', levels => '{"region": {"basis": "[2023-01-01,2024-01-01)"}, "month": {"basis": "[2023-01-01,2024-01-01)"}}') EXCEPT
	SELECT slice, period, amount FROM preview_split(root_target('Z', 'sales'), '{line,region,month}', basis => '[2023-01-01,2024-01-01)')) d;
-- weights that differ by a level above: a season for each region, whatever lies between
CREATE TABLE season AS
SELECT region, quarter, (CASE region WHEN 'North' THEN ARRAY[4, 3, 2, 1] ELSE ARRAY[1, 1, 1, 7] END)[quarter] AS weight,
	   make_date(2025, quarter * 3 - 2, 1) AS starts
FROM (VALUES ('North'), ('South')) r (region), generate_series(1, 4) quarter;
CREATE VIEW season_by_region AS SELECT region, starts AS quarter, weight FROM season;
SELECT count(*) AS parts, bool_and(fair(s.amount, b.amount / b.total * w.weight / 10, 100)) AS fair
FROM preview_split(root_target('Z', 'sales'), '{region,line,quarter}', basis => '[2023-01-01,2024-01-01)', levels => '{"quarter": {"weights_from": "method_test.season_by_region"}}') s
JOIN (SELECT line, region, sum(amount) AS amount, sum(sum(amount)) OVER () AS total FROM orders WHERE day >= '2023-01-01' GROUP BY 1, 2) b
	ON b.line = s.slice ->> 'line' AND b.region = s.slice ->> 'region'
JOIN season w ON w.region = b.region AND w.starts = lower(s.period)
WHERE s.n_children = 0;
-- the same as JSON, and as bases of a blend
SELECT count(*) AS different FROM (
	SELECT slice, period, amount FROM preview_split(root_target('Z', 'sales'), '{region,quarter}', method => 'equal', levels => '{"quarter": {"weights_from": "method_test.season_by_region"}}') EXCEPT
	SELECT slice, period, amount FROM preview_split(root_target('Z', 'sales'), '{region,quarter}', method => 'equal', levels => (SELECT jsonb_build_object('quarter', jsonb_build_object('weights', jsonb_object_agg(region, w)))
		FROM (SELECT region, jsonb_object_agg(starts, weight) AS w FROM season GROUP BY 1) x))) d;
SELECT slice ->> 'region' AS region, period, amount FROM preview_split(root_target('Z', 'sales'), '{region,quarter}', method => 'equal',
	levels => '{"quarter": {"bases": [{"weights_from": "method_test.season_by_region"}, {"method": "equal"}]}}') WHERE level = 'quarter';
-- lines that differ by quarter; a level that is not named is for all
CREATE VIEW mix AS SELECT l.line, q.quarter, q.n * l.n AS weight FROM (VALUES ('Bikes', 1), ('Parts', 3)) l (line, n), LATERAL (SELECT make_date(2025, n * 3 - 2, 1) AS quarter, CASE WHEN l.line = 'Bikes' THEN n ELSE 1 END AS n FROM generate_series(1, 4) n) q;
SELECT level, slice, period, amount FROM preview_split(root_target('Z', 'sales'), '{quarter,region,line}', method => 'equal', levels => '{"line": {"weights_from": "method_test.mix"}}') WHERE level = 'line' AND slice ->> 'region' = 'North';
-- percentages are whole for each
SELECT level, slice, amount FROM preview_split(root_target('Z', 'sales'), '{region,line}', method => 'equal', levels => '{"line": {"method": "percent", "weights": {"North": {"Bikes": 100}, "South": {"Bikes": 30, "Parts": 70}}}}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{region,line}', method => 'equal', levels => '{"line": {"method": "percent", "weights": {"North": {"Bikes": 100}, "South": {"Bikes": 30, "Parts": 60}}}}');
-- nested weights without levels
SELECT level, slice, amount FROM preview_split(root_target('Z', 'sales'), '{region,line}', method => 'weights', weights => '{"North": {"Bikes": 1, "Parts": 2}, "South": {"Bikes": 3, "Parts": 4, "Shoes": null}}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{region,line}', method => 'equal', levels => '{"line": {"weights": {"North": {"Bikes": 1}}}}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{region,line}', method => 'equal', levels => '{"line": {"weights": {"North": {"Bikes": 1}, "South": {"Bikes": 1}, "East": {"Bikes": 1}}}}');
CREATE VIEW line_by_region AS SELECT * FROM (VALUES ('North', 'Bikes', 1), ('South', 'Bikes', 1)) v (region, line, weight);
SELECT * FROM preview_split(root_target('Z', 'sales'), '{region,line}', levels => '{"region": {"weights": {"North": 1}}, "line": {"weights_from": "method_test.line_by_region"}}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{region,line}', method => 'equal', levels => '{"line": {"weights": {"North": {"Bikes": 1}, "South": 5}}}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{region,line}', method => 'equal', levels => '{"line": {"weights": {"Z": {"North": {"Bikes": 1}}}}}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{region,line}', method => 'weights', weights => '{"Bikes": 1}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'weights', weights => '[1]');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', levels => '{"month": {}}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', levels => '[]');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', levels => '{"line": {"method": "amounts", "weights": {"Bikes": 1}}}');
SELECT * FROM preview_split(root_target('Z', 'sales'), '{line}', method => 'equal', levels => '{"line": {"weights": {"Bikes": 1}}}');

-- the call that is shown makes the same again
SELECT count(*) FROM split_target(root_target('Z', 'sales'), '{line}', method => 'blend', bases => '[{"factor": 0.7, "basis": "[2022-01-01,2023-01-01)"}, {"factor": 0.3, "method": "equal"}]');
SELECT regexp_replace(split_call, ' -- .*', '') AS split_call, amount, weight, exact_share_decimal FROM explain_target(plan => 'Z', metric => 'sales', slice => '{"line": "Bikes"}') WHERE step = 1;
SELECT * FROM plan_check;

SET client_min_messages = error;
DROP SCHEMA method_test CASCADE;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
