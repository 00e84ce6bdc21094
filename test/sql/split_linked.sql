-- split_target: method "linked", targets that follow each other split without a step,
-- against disaggregate() OVER the same history in plain SQL.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA linked_test;
SET search_path = linked_test, target_split;
SET datestyle = ISO;

CREATE TABLE orders AS
SELECT day::date AS day, line,
	   ((extract(doy FROM day)::int * 31 + ascii(line) * 5) % 211 + extract(month FROM day)::int * 40)::numeric / 4 AS amount
FROM generate_series('2023-01-01'::date, '2023-12-31', '1 day') day, (VALUES ('Bikes'), ('Parts')) l (line)
-- Parts sell nothing in February
WHERE line = 'Bikes' OR extract(month FROM day) <> 2;
SELECT add_metric('sales', unit => 'EUR') > 0 AS added;
SELECT count(*) AS levels FROM add_source('sales', 'orders', occurred_on => 'day', amount => 'amount', dimensions => '{"line": "line"}');
SELECT create_plan('L', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('L', 'sales', amount => 200000.01) > 0 AS set;
-- quarters that are fixed by other numbers than history's
SELECT count(*) FROM split_target(root_target('L', 'sales'), '{line}', method => 'percent', weights => '{"Bikes": 60, "Parts": 40}');
SELECT count(*) FROM split_target(root_target('L', 'sales'), '{quarter}', method => 'percent', weights => '{"2024-01-01": 20, "2024-04-01": 30, "2024-07-01": 15, "2024-10-01": 35}');

CREATE VIEW history AS
SELECT line, extract(month FROM day)::int AS m, sum(amount) AS z FROM orders GROUP BY 1, 2;
CREATE VIEW by_hand AS
SELECT line, m, z, disaggregate(amount, quarter, z) OVER (PARTITION BY line ORDER BY m) AS part
FROM (SELECT slice ->> 'line' AS line, lower(period) AS quarter, amount, extract(month FROM lower(period))::int + k AS m
	  FROM target, generate_series(0, 2) k WHERE depth = 2) q
CROSS JOIN LATERAL (SELECT COALESCE(sum(h.z), 0) AS z FROM history h WHERE h.line = q.line AND h.m = q.m) h;

SELECT count(*) AS months, count(*) FILTER (WHERE s.amount = b.part) AS as_by_hand
FROM preview_split(root_target('L', 'sales'), '{month}', method => 'linked') s
JOIN by_hand b ON b.line = s.slice ->> 'line' AND b.m = extract(month FROM lower(s.period));
-- no step from March to April and from June to July, where history has one
SELECT b.m, linked.amount, round(linked.amount / b.z, 4) AS ratio, history.amount AS history, round(history.amount / b.z, 4) AS ratio_of_history
FROM preview_split(root_target('L', 'sales'), '{month}', method => 'linked') linked
JOIN preview_split(root_target('L', 'sales'), '{month}') history USING (slice, period)
JOIN by_hand b ON b.line = linked.slice ->> 'line' AND b.m = extract(month FROM lower(linked.period))
WHERE b.line = 'Bikes' ORDER BY m;
-- weights of the caller's as the indicator
SELECT slice ->> 'line' AS line, array_agg(amount ORDER BY period) AS months
FROM preview_split(root_target('L', 'sales'), '{month}', method => 'linked',
				   weights => '{"2024-01": 1, "2024-02": 1, "2024-03": 1, "2024-04": 1, "2024-05": 1, "2024-06": 1, "2024-07": 1, "2024-08": 1, "2024-09": 1, "2024-10": 1, "2024-11": 1, "2024-12": 1}')
GROUP BY 1 ORDER BY 1;
-- one target alone: like history
SELECT count(*) AS months, count(*) FILTER (WHERE a.amount = b.amount) AS same
FROM preview_split(find_target('L', 'sales', '{"line": "Bikes"}', '[2024-01-01,2024-04-01)'), '{month}', method => 'linked') a
JOIN preview_split(find_target('L', 'sales', '{"line": "Bikes"}', '[2024-01-01,2024-04-01)'), '{month}') b USING (slice, period);

-- what is written holds, is explained, and is split again with the year
SELECT count(*) FROM split_target(root_target('L', 'sales'), '{month}', method => 'linked');
SELECT * FROM plan_check;
SELECT method, basis FROM split WHERE method = 'linked';
SELECT amount, weight FROM target WHERE depth = 3 AND period = '[2024-02-01,2024-03-01)' ORDER BY amount;
SELECT step, amount, method, basis, weight, weight_sum, exact_share, basis_rows FROM explain_target(find_target('L', 'sales', '{"line": "Bikes"}', '[2024-04-01,2024-05-01)'));
SELECT count(*) AS changed FROM resplit_target(root_target('L', 'sales'), amount => 300000.02);
SELECT * FROM plan_check;
SELECT count(*) AS months, count(*) FILTER (WHERE t.amount = b.part) AS as_by_hand
FROM target t JOIN by_hand b ON b.line = t.slice ->> 'line' AND b.m = extract(month FROM lower(t.period)) WHERE t.depth = 3;

-- What cannot be
SELECT create_plan('M', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('M', 'sales', amount => 1000) > 0 AS set;
SELECT * FROM preview_split(root_target('M', 'sales'), '{line}', method => 'linked');
SELECT * FROM preview_split(root_target('M', 'sales'), '{line,month}', levels => '{"month": {"method": "linked"}}');
SELECT * FROM preview_split(root_target('M', 'sales'), '{month}', method => 'linked', profile => '{"lag": 1}');
