-- split_target: method "linked", targets that follow each other split without a step,
-- alone, after the calls above, or linked to the actuals before; against disaggregate()
-- OVER the same history in plain SQL.
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
SELECT * FROM preview_split(root_target('M', 'sales'), '{line,month}', method => 'linked');
SELECT * FROM preview_split(root_target('M', 'sales'), '{month}', method => 'linked', profile => '{"lag": 1}');

-- ------------------------------------------------- link => 'actuals'
-- Bikes sold ever more; Parts had nothing after October and returns in November of 2023;
-- Toys are sold since 2023, so there is nothing to compare that with
CREATE TABLE revenue AS
SELECT day::date AS day, line,
	   (CASE WHEN line = 'Parts' AND day >= '2023-11-01' AND day < '2023-12-01' THEN -1 ELSE 1 END *
		((extract(doy FROM day)::int * 29 + ascii(line) * 7) % 199 + extract(month FROM day)::int * 30 + (day::date - '2021-01-01'::date) / 5))::numeric / 4 AS amount
FROM generate_series('2021-01-01'::date, '2023-12-31', '1 day') day, (VALUES ('Bikes'), ('Parts'), ('Toys')) l (line)
WHERE NOT (line = 'Parts' AND day >= '2023-12-01') AND NOT (line = 'Toys' AND day < '2023-01-01');
SELECT add_metric('revenue', unit => 'EUR') > 0 AS added;
SELECT count(*) AS levels FROM add_source('revenue', 'revenue', occurred_on => 'day', amount => 'amount', dimensions => '{"line": "line"}');
SELECT create_plan('K', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('K', 'revenue', amount => 80000) > 0 AS set;
SELECT count(*) FROM split_target(root_target('K', 'revenue'), '{line}', method => 'percent', weights => '{"Bikes": 50, "Parts": 30, "Toys": 20}');
SELECT count(*) FROM split_target(root_target('K', 'revenue'), '{quarter}', method => 'percent', weights => '{"2024-01-01": 22, "2024-04-01": 26, "2024-07-01": 20, "2024-10-01": 32}');

CREATE VIEW k AS SELECT t.* FROM target t WHERE t.plan_id = (SELECT r.plan_id FROM target r WHERE r.target_id = root_target('K', 'revenue'));
CREATE VIEW monthly AS
SELECT l.line, m::date AS month, COALESCE(sum(amount), 0) AS amount
FROM (VALUES ('Bikes'), ('Parts'), ('Toys')) l (line)
CROSS JOIN generate_series('2021-01-01'::date, '2023-12-01', '1 month') m
LEFT JOIN revenue r ON r.line = l.line AND date_trunc('month', r.day) = m
GROUP BY 1, 2;
-- what the plan has to be: months of 2023 are buckets of their own, and compared with 2022
CREATE FUNCTION linked_by_hand(indicator numeric[] DEFAULT NULL) RETURNS TABLE (line text, month date, z numeric, part numeric) LANGUAGE sql AS $$
	SELECT line, month, z, disaggregate(total, bucket, z) OVER (PARTITION BY line ORDER BY month)
	FROM (SELECT a.line, a.month, a.month AS bucket, a.amount AS total, COALESCE(indicator[extract(month FROM a.month)::int], b.amount) AS z
		  FROM monthly a JOIN monthly b ON b.line = a.line AND b.month = a.month - interval '1 year'
		  WHERE a.month >= '2023-01-01' AND a.amount > 0 AND (b.amount > 0 OR indicator IS NOT NULL)
		  UNION ALL
		  SELECT b.line, (b.month + interval '1 year')::date, lower(q.period), q.amount, COALESCE(indicator[extract(month FROM b.month)::int], GREATEST(b.amount, 0))
		  FROM monthly b JOIN k q ON q.depth = 2 AND q.slice ->> 'line' = b.line AND q.period @> (b.month + interval '1 year')::date
		  WHERE b.month >= '2023-01-01') chain $$;

SELECT count(*) AS months, count(*) FILTER (WHERE s.amount = b.part) AS as_by_hand
FROM preview_split(root_target('K', 'revenue'), '{month}', method => 'linked', link => 'actuals', on_negative => 'zero') s
JOIN linked_by_hand() b ON b.line = s.slice ->> 'line' AND b.month = lower(s.period);
-- the first months continue from December, those of Parts from October; Toys are as without a link
SELECT b.line, b.month, round(b.part / NULLIF(b.z, 0), 4) AS ratio, linked.amount AS linked, alone.amount AS alone, round(alone.amount / NULLIF(b.z, 0), 4) AS ratio_alone
FROM linked_by_hand() b
LEFT JOIN preview_split(root_target('K', 'revenue'), '{month}', method => 'linked', link => 'actuals', on_negative => 'zero') linked
	ON b.line = linked.slice ->> 'line' AND b.month = lower(linked.period)
LEFT JOIN preview_split(root_target('K', 'revenue'), '{month}', method => 'linked', on_negative => 'zero') alone
	ON b.line = alone.slice ->> 'line' AND b.month = lower(alone.period)
WHERE b.month >= '2023-09-01' AND b.month < '2024-05-01' ORDER BY b.line, b.month;
-- weights are a season: the same for the months before
SELECT count(*) AS months, count(*) FILTER (WHERE s.amount = b.part) AS as_by_hand
FROM preview_split(root_target('K', 'revenue'), '{month}', method => 'linked', link => 'actuals',
				   weights => (SELECT jsonb_object_agg(make_date(2024, m, 1), 10 + m % 5) FROM generate_series(1, 12) m)) s
JOIN linked_by_hand(ARRAY(SELECT 10 + m % 5 FROM generate_series(1, 12) m ORDER BY m)) b ON b.line = s.slice ->> 'line' AND b.month = lower(s.period);
-- a basis of several years is an average; of the months before, it is that of the years before
-- those, as far as there are any
SELECT count(*) AS months, count(*) FILTER (WHERE s.amount = b.part) AS as_by_hand
FROM preview_split(find_target('K', 'revenue', '{"line": "Bikes"}'), '{month}', method => 'linked', link => 'actuals', basis => '[2021-01-01,2024-01-01)') s
JOIN (SELECT month, disaggregate(total, bucket, z) OVER (ORDER BY month) AS part
	  FROM (SELECT a.month, a.month AS bucket, a.amount AS total, z
			FROM monthly a
			CROSS JOIN LATERAL (SELECT avg(b.amount) AS z FROM monthly b WHERE b.line = a.line AND b.month < '2023-01-01' AND extract(month FROM b.month) = extract(month FROM a.month)) b
			WHERE a.line = 'Bikes' AND a.month >= '2023-01-01'
			UNION ALL
			SELECT (a.month + interval '1 year')::date, lower(q.period), q.amount, z
			FROM monthly a
			CROSS JOIN LATERAL (SELECT avg(b.amount) AS z FROM monthly b WHERE b.line = a.line AND extract(month FROM b.month) = extract(month FROM a.month)) b
			JOIN k q ON q.depth = 2 AND q.slice ->> 'line' = a.line AND q.period @> (a.month + interval '1 year')::date
			WHERE a.line = 'Bikes' AND a.month >= '2023-01-01') chain) b ON b.month = lower(s.period);

-- written, explained, made again
SELECT count(*) FROM split_target(root_target('K', 'revenue'), '{month}', method => 'linked', link => 'actuals', on_negative => 'zero');
SELECT * FROM plan_check;
SELECT basis, arguments, fallbacks FROM split WHERE arguments ? 'link';
SELECT jsonb_array_elements(findings) - 'target_id' AS finding FROM split WHERE arguments ? 'link';
SELECT step, amount, method, jsonb_path_query_array(bases, '$[*] ? (exists(@.linked_to) || exists(@.problem))') #- '{0,target_id}' AS link
FROM explain_target(find_target('K', 'revenue', '{"line": "Parts"}', '[2024-07-01,2024-08-01)'));
SELECT count(*) AS changed FROM resplit_target(root_target('K', 'revenue'), amount => 88000);
SELECT count(*) AS months, count(*) FILTER (WHERE t.amount = b.part) AS as_by_hand
FROM k t JOIN linked_by_hand() b ON b.line = t.slice ->> 'line' AND b.month = lower(t.period) WHERE t.depth = 3;
-- a locked month keeps its amount, and the others bend towards it
SELECT count(*) FROM adjust_target(find_target('K', 'revenue', '{"line": "Bikes"}', '[2024-02-01,2024-03-01)'), amount => 2600);
SELECT locked FROM lock_target(find_target('K', 'revenue', '{"line": "Bikes"}', '[2024-02-01,2024-03-01)'));
SELECT count(*) AS changed FROM resplit_target(root_target('K', 'revenue'), amount => 96000);
SELECT t.period, t.amount, t.locked, t.weight = t.amount AS weighed_as_it_is, b.part AS without_lock
FROM k t JOIN linked_by_hand() b ON b.line = t.slice ->> 'line' AND b.month = lower(t.period)
WHERE t.depth = 3 AND b.line = 'Bikes' AND t.period <@ '[2024-01-01,2024-07-01)' ORDER BY t.period;
SELECT count(*) FILTER (WHERE t.amount <> b.part) AS others_of_bikes, count(*) FILTER (WHERE t.amount <> b.part AND b.line <> 'Bikes') AS of_other_lines
FROM k t JOIN linked_by_hand() b ON b.line = t.slice ->> 'line' AND b.month = lower(t.period) WHERE t.depth = 3;
SELECT * FROM plan_check;
-- another method has no link
SELECT count(*) > 0 AS changed FROM resplit_target(root_target('K', 'revenue'), by => '{month}', method => 'history', on_negative => 'zero');
SELECT arguments FROM split ORDER BY split_id DESC LIMIT 1;

-- as a level among others: like a call of its own, but for rounding
SELECT create_plan('N', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('N', 'revenue', amount => 80000) > 0 AS set;
CREATE TEMP TABLE at_once AS
SELECT slice, period, amount FROM preview_split(root_target('N', 'revenue'), '{line,quarter,month}', on_negative => 'zero',
	levels => '{"line": {"method": "percent", "weights": {"Bikes": 50, "Parts": 30, "Toys": 20}}, "quarter": {"method": "percent", "weights": {"2024-01-01": 22, "2024-04-01": 26, "2024-07-01": 20, "2024-10-01": 32}},
				"month": {"method": "linked", "link": "actuals"}}') WHERE level = 'month';
SELECT count(*) FROM split_target(root_target('N', 'revenue'), '{line,quarter}',
	levels => '{"line": {"method": "percent", "weights": {"Bikes": 50, "Parts": 30, "Toys": 20}}, "quarter": {"method": "percent", "weights": {"2024-01-01": 22, "2024-04-01": 26, "2024-07-01": 20, "2024-10-01": 32}}}');
SELECT count(*) AS months, max(abs(a.amount - s.amount)) <= 0.01 AS same
FROM at_once a JOIN preview_split(root_target('N', 'revenue'), '{month}', method => 'linked', link => 'actuals', on_negative => 'zero') s USING (slice, period);

-- days of the same weekday, on both sides of the seam
SELECT count(*) AS months, count(*) FILTER (WHERE s.amount = b.part) AS as_by_hand
FROM preview_split(find_target('N', 'revenue', '{"line": "Bikes"}'), '{month}', method => 'linked', link => 'actuals', align => 'weekday', basis => '[2023-01-02,2024-01-03)', on_incomplete => 'accept') s
JOIN (SELECT month, disaggregate(total, bucket, z) OVER (ORDER BY month) AS part
	  FROM (SELECT m::date AS month, CASE WHEN m < '2024-01-01' THEN m ELSE date_trunc('quarter', m) END AS bucket, COALESCE(q.amount, a.amount) AS total,
				   (SELECT sum(r.amount) FROM revenue r WHERE r.line = 'Bikes' AND r.day >= m::date - 364 AND r.day < (m + interval '1 month')::date - 364) AS z
			FROM generate_series('2023-02-01'::date, '2024-12-01', '1 month') m
			LEFT JOIN monthly a ON a.line = 'Bikes' AND a.month = m
			LEFT JOIN target q ON q.plan_id = (SELECT r.plan_id FROM target r WHERE r.target_id = root_target('N', 'revenue'))
				AND q.depth = 2 AND q.slice ->> 'line' = 'Bikes' AND q.period @> m::date) chain) b ON b.month = lower(s.period);

-- months that are there already, such as closed ones at their actual amounts: buckets of one month
SELECT create_plan('V', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('V', 'revenue', amount => 80000) > 0 AS set;
SELECT count(*) FROM split_target(root_target('V', 'revenue'), '{half}', method => 'amounts', weights => '{"2024-01-01": 35000, "2024-07-01": 45000}');
SELECT count(*) FROM split_target(find_target('V', 'revenue', '{}', '[2024-01-01,2024-07-01)'), '{month}', method => 'amounts',
								  weights => '{"2024-01-01": 4000, "2024-02-01": 4500, "2024-03-01": 6000, "2024-04-01": 6200, "2024-05-01": 7000, "2024-06-01": 7300}');
SELECT count(*) AS locked FROM lock_target(find_target('V', 'revenue', '{}', '[2024-01-01,2024-07-01)'));
SELECT s.period, s.amount, s.amount = b.part AS as_by_hand
FROM preview_split(root_target('V', 'revenue'), '{month}', method => 'linked') s
JOIN (SELECT month, disaggregate(total, bucket, z) OVER (ORDER BY month) AS part
	  FROM (SELECT (m.month + interval '1 year')::date AS month, lower(v.period) AS bucket, v.amount AS total, sum(m.amount) AS z
			FROM monthly m JOIN target v ON v.period @> (m.month + interval '1 year')::date
				AND v.plan_id = (SELECT r.plan_id FROM target r WHERE r.target_id = root_target('V', 'revenue')) AND v.n_children = 0
			GROUP BY 1, 2, 3) chain) b ON b.month = lower(s.period)
ORDER BY s.period;
SELECT count(*) FROM split_target(root_target('V', 'revenue'), '{month}', method => 'linked');

-- what is before a chain may be within the period: the first quarter is split by line, the
-- others follow its actuals
SELECT create_plan('W', period => '[2023-01-01,2024-01-01)') > 0 AS created;
SELECT set_target('W', 'revenue', amount => 80000) > 0 AS set;
SELECT count(*) FROM split_target(root_target('W', 'revenue'), '{quarter}', method => 'equal');
SELECT count(*) FROM split_target(find_target('W', 'revenue', '{}', '[2023-01-01,2023-04-01)'), '{line}', method => 'percent', weights => '{"Bikes": 60, "Parts": 40}');
SELECT count(*) AS months, count(*) FILTER (WHERE s.amount = b.part) AS as_by_hand
FROM preview_split(root_target('W', 'revenue'), '{month}', method => 'linked', link => 'actuals') s
JOIN (SELECT month, disaggregate(total, bucket, z) OVER (ORDER BY month) AS part
	  FROM (SELECT a.month, CASE WHEN a.month < '2023-04-01' THEN a.month ELSE date_trunc('quarter', a.month)::date END AS bucket,
				   CASE WHEN a.month < '2023-04-01' THEN a.amount ELSE 20000 END AS total, b.amount AS z
			FROM (SELECT month, sum(amount) AS amount FROM monthly GROUP BY 1) a
			JOIN (SELECT month, sum(amount) AS amount FROM monthly GROUP BY 1) b ON b.month = a.month - interval '1 year'
			WHERE a.month >= '2023-01-01') chain) b ON b.month = lower(s.period)
WHERE s.slice = '{}';

-- years that follow each other, and weeks
SELECT create_plan('Y', period => '[2024-01-01,2026-01-01)') > 0 AS created;
SELECT set_target('Y', 'revenue', amount => 200000) > 0 AS set;
SELECT count(*) AS months, count(*) FILTER (WHERE s.amount = b.part) AS as_by_hand
FROM preview_split(root_target('Y', 'revenue'), '{month}', method => 'linked', link => 'actuals', basis => '[2023-01-01,2024-01-01)') s
JOIN (SELECT month, disaggregate(total, bucket, z) OVER (ORDER BY month) AS part
	  FROM (SELECT (a.month + make_interval(years => later))::date AS month, CASE later WHEN 0 THEN a.month ELSE '2024-01-01' END AS bucket,
				   CASE later WHEN 0 THEN a.amount ELSE 200000 END AS total, CASE later WHEN 0 THEN b.amount ELSE a.amount END AS z
			FROM (SELECT month, sum(amount) AS amount FROM monthly GROUP BY 1) a
			JOIN (SELECT month, sum(amount) AS amount FROM monthly GROUP BY 1) b ON b.month = a.month - interval '1 year'
			CROSS JOIN generate_series(0, 2) later
			WHERE a.month >= '2023-01-01') chain) b ON b.month = lower(s.period);
SELECT count(*) AS weeks, sum(amount) AS amount FROM preview_split(root_target('Y', 'revenue'), '{week}', method => 'linked', link => 'actuals', basis => '[2023-01-01,2024-01-01)');

-- what there is nothing to link to, or to compare with
SELECT * FROM preview_split(root_target('Y', 'revenue'), '{month}', method => 'linked', link => 'actuals', basis => '[2021-01-01,2022-01-01)');
BEGIN;
DELETE FROM revenue WHERE day > '2023-12-10';
SELECT * FROM preview_split(root_target('Y', 'revenue'), '{month}', method => 'linked', link => 'actuals', basis => '[2022-01-01,2023-01-01)');
ROLLBACK;
BEGIN;
DELETE FROM revenue WHERE day > '2023-12-10';
SELECT count(*) FROM split_target(root_target('Y', 'revenue'), '{month}', method => 'linked', link => 'actuals', basis => '[2022-01-01,2023-01-01)', on_incomplete => 'accept');
SELECT findings -> 0 ->> 'linked_to' AS linked_to FROM split_log ORDER BY split_id DESC LIMIT 1;
ROLLBACK;
SELECT * FROM preview_split(root_target('Y', 'revenue'), '{month}', method => 'linked', link => 'budget');
SELECT * FROM preview_split(root_target('Y', 'revenue'), '{month}', link => 'actuals');
SELECT * FROM preview_split(root_target('Y', 'revenue'), '{month}', levels => '{"month": {"method": "linked", "link": "budget"}}');

-- ------------------------------------------------------------- kept months
-- The sum of the squared differences of ratios is least where, in each bucket, the months
-- that are not kept have one multiplier: what the steps before and after them differ by, per
-- unit of the indicator.  Amounts are large, so that rounding does not hide it.
CREATE VIEW kept_month AS
SELECT p.family AS plan, t.slice ->> 'line' AS line, lower(t.period) AS month, date_trunc('quarter', lower(t.period))::date AS quarter, t.amount,
	   t.locked OR t.adjusted OR q.locked AS kept, z
FROM target t JOIN plan p USING (plan_id) JOIN target q ON q.plan_id = t.plan_id AND q.target_id = t.parent_id
JOIN history h ON h.line = t.slice ->> 'line' AND h.m = extract(month FROM lower(t.period))
WHERE t.level = 'month' AND p.family LIKE 'Kept%';
CREATE FUNCTION curve(the_plan text, by_quarter boolean DEFAULT true) RETURNS TABLE (line text, open text, one_multiplier boolean) LANGUAGE sql AS $$
	SELECT line, string_agg(open::text, ' ' ORDER BY bucket), bool_and(one_multiplier)
	FROM (SELECT line, bucket, count(*) FILTER (WHERE NOT kept) AS open,
				 COALESCE(max(m) FILTER (WHERE NOT kept) - min(m) FILTER (WHERE NOT kept) < 1e-6 * max(abs(m)) + 0.1 / min(z) ^ 2, true) AS one_multiplier
		  FROM (SELECT line, CASE WHEN by_quarter THEN quarter END AS bucket, kept, z,
					   (COALESCE(b - lag(b) OVER w, 0) + COALESCE(b - lead(b) OVER w, 0)) / z AS m
				FROM (SELECT *, amount / z AS b FROM kept_month WHERE plan = the_plan) x
				WINDOW w AS (PARTITION BY line ORDER BY month)) y
		  GROUP BY 1, 2) s
	GROUP BY 1 $$;
CREATE FUNCTION kept_id(the_plan text, the_slice jsonb, the_period daterange) RETURNS bigint LANGUAGE sql AS $$
	SELECT find_target(the_plan, 'sales', the_slice, the_period) $$;
CREATE FUNCTION adjust_month(the_plan text, the_slice jsonb, first_day date, factor numeric) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM target t, adjust_target(t.target_id, amount => round(t.amount * factor, 2))
	WHERE t.target_id = kept_id(the_plan, the_slice, daterange(first_day, (first_day + interval '1 month')::date)) $$;
CREATE FUNCTION fix_month(the_plan text, the_slice jsonb, first_day date, factor numeric) RETURNS bigint LANGUAGE sql AS $$
	SELECT adjust_month(the_plan, the_slice, first_day, factor);
	SELECT count(*) FROM lock_target(kept_id(the_plan, the_slice, daterange(first_day, (first_day + interval '1 month')::date))) $$;

SELECT create_plan('Kept', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('Kept', 'sales', amount => 60000000000.01) AS r \gset
SELECT count(*) FROM split_target(:r, '{line}', method => 'percent', weights => '{"Bikes": 60, "Parts": 40}');
SELECT count(*) FROM split_target(:r, '{quarter}', method => 'percent', weights => '{"2024-01-01": 20, "2024-04-01": 30, "2024-07-01": 15, "2024-10-01": 35}');
-- bounds hold, and do not bend the curve: what they take goes to the others in proportion
SELECT s.period, s.amount AS curve, b.amount, b.at_most,
	   b.amount = apportion(q.amount - 3500000000, CASE WHEN b.at_most IS NULL THEN s.amount END) OVER (PARTITION BY q.target_id ORDER BY s.period) AS in_proportion
FROM preview_split(:r, '{month}', method => 'linked') s
JOIN preview_split(:r, '{month}', method => 'linked', bounds => '{"month": {"2024-05": {"at_most": 3500000000}}}') b USING (slice, period)
JOIN target q ON q.target_id = s.parent_id
WHERE s.slice ->> 'line' = 'Bikes' AND s.period <@ '[2024-04-01,2024-07-01)' ORDER BY 1;
SELECT count(*) FROM split_target(:r, '{month}', method => 'linked');
SELECT * FROM curve('Kept') ORDER BY 1;
-- a lock alone changes nothing, be it of months or of a quarter
SELECT count(*) FROM lock_target(kept_id('Kept', '{"line": "Bikes"}', '[2024-02-01,2024-03-01)'));
SELECT count(*) FROM lock_target(kept_id('Kept', '{"line": "Parts"}', '[2024-04-01,2024-07-01)'));
SELECT count(*) AS changed FROM resplit_target(:r);
SELECT count(*) FROM unlock_target(kept_id('Kept', '{"line": "Bikes"}', '[2024-02-01,2024-03-01)'));
SELECT count(*) FROM unlock_target(kept_id('Kept', '{"line": "Parts"}', '[2024-04-01,2024-07-01)'));
-- months at other amounts: in the middle of a quarter, at its end, two in one, one that is only
-- adjusted; Parts have no February that could bend anything
SELECT fix_month('Kept', '{"line": "Bikes"}', '2024-02-01', 1.2), fix_month('Kept', '{"line": "Bikes"}', '2024-06-01', 0.9), fix_month('Kept', '{"line": "Bikes"}', '2024-10-01', 1.1);
SELECT fix_month('Kept', '{"line": "Parts"}', '2024-01-01', 1.1), fix_month('Kept', '{"line": "Parts"}', '2024-07-01', 0.8), adjust_month('Kept', '{"line": "Parts"}', '2024-08-01', 1.1);
CREATE TEMP TABLE before AS SELECT * FROM kept_month WHERE plan = 'Kept';
SELECT * FROM curve('Kept') ORDER BY 1;
SELECT count(*) > 0 AS changed FROM resplit_target(:r, amount => 66000000000.01);
SELECT * FROM curve('Kept') ORDER BY 1;
SELECT count(*) FILTER (WHERE k.kept) AS kept, count(*) FILTER (WHERE k.kept AND k.amount = b.amount) AS as_before,
	   count(*) FILTER (WHERE NOT k.kept AND k.amount = b.amount) AS open_as_before
FROM kept_month k JOIN before b USING (line, month) WHERE k.plan = 'Kept';
SELECT * FROM plan_check;
-- made again, as a whole or in part, it is the same
SELECT count(*) AS changed FROM resplit_target(:r);
SELECT q, line, (SELECT count(*) FROM preview_resplit(kept_id('Kept', jsonb_build_object('line', line), daterange(make_date(2024, q * 3 - 2, 1), (make_date(2024, q * 3 - 2, 1) + interval '3 months')::date)))) AS changed
FROM generate_series(1, 4) q, (VALUES ('Bikes'), ('Parts')) l (line) ORDER BY 2, 1;
-- a locked quarter's months: the next quarter goes on from the last of them
SELECT count(*) FROM lock_target(kept_id('Kept', '{"line": "Bikes"}', '[2024-01-01,2024-04-01)'));
SELECT count(*) > 0 AS changed FROM resplit_target(:r, amount => 70000000000.01);
SELECT * FROM curve('Kept') ORDER BY 1;
SELECT count(*) AS changed FROM resplit_target(:r);
SELECT count(*) AS changed FROM resplit_target(kept_id('Kept', '{"line": "Bikes"}', '[2024-04-01,2024-07-01)'));
-- without the locks all is as it was first
SELECT count(*) > 0 AS changed FROM resplit_target(:r, amount => 60000000000.01, keep_locks => false, keep_adjustments => false);
SELECT count(*) AS months, count(*) FILTER (WHERE k.amount = s.amount) AS as_split
FROM kept_month k
JOIN (SELECT line, m, disaggregate(total, (m - 1) / 3, z) OVER (PARTITION BY line ORDER BY m) AS amount
	  FROM (SELECT h.line, h.m, h.z, q.amount AS total FROM history h
			JOIN target q ON q.plan_id = (SELECT plan_id FROM target WHERE target_id = :r) AND q.depth = 2 AND q.slice ->> 'line' = h.line
				AND extract(month FROM lower(q.period)) = (h.m - 1) / 3 * 3 + 1) x) s ON s.line = k.line AND s.m = extract(month FROM k.month)
WHERE k.plan = 'Kept';
-- less than what is kept
SELECT count(*) FROM resplit_target(:r, amount => 6000000000.01);

-- quarters and months by one call: a year is the bucket, a locked quarter is three kept months
SELECT create_plan('Kept both', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('Kept both', 'sales', amount => 60000000000.01) AS r \gset
SELECT count(*) FROM split_target(:r, '{line}', method => 'percent', weights => '{"Bikes": 60, "Parts": 40}');
SELECT count(*) FROM split_target(:r, '{quarter,month}', method => 'linked');
SELECT fix_month('Kept both', '{"line": "Bikes"}', '2024-05-01', 1.1), fix_month('Kept both', '{"line": "Parts"}', '2024-02-01', 1);
SELECT count(*) FROM lock_target(kept_id('Kept both', '{"line": "Bikes"}', '[2024-10-01,2025-01-01)'));
SELECT count(*) > 0 AS changed FROM resplit_target(:r, amount => 70000000000.01);
SELECT * FROM curve('Kept both', false) ORDER BY 1;
SELECT count(*) AS changed FROM resplit_target(:r);
SELECT count(*) AS changed FROM resplit_target(kept_id('Kept both', '{"line": "Bikes"}', '[2024-01-01,2024-04-01)'));
SELECT * FROM plan_check;

-- quarters at other amounts whose months are free: each is a bucket within the year's, which goes
-- on around it with one multiplier
CREATE FUNCTION curve_around(the_plan text) RETURNS TABLE (line text, bucket text, months bigint, one_multiplier boolean, largest_step numeric) LANGUAGE sql AS $$
	SELECT line, bucket, count(*), max(m) - min(m) < 1e-6 * max(abs(m)) + 0.1 / min(z) ^ 2, round(max(step), 2)
	FROM (SELECT line, z, CASE WHEN adjusted THEN to_char(month, 'YYYY-"Q"Q') ELSE 'around' END AS bucket,
				 (COALESCE(b - lag(b) OVER w, 0) + COALESCE(b - lead(b) OVER w, 0)) / z AS m, abs(b / NULLIF(lag(b) OVER w, 0) - 1) AS step
		  FROM (SELECT k.line, k.month, k.amount / k.z AS b, k.z, q.adjusted
				FROM kept_month k JOIN target q ON q.target_id = kept_id(the_plan, jsonb_build_object('line', k.line), daterange(k.quarter, (k.quarter + interval '3 months')::date))
				WHERE k.plan = the_plan) x
		  WINDOW w AS (PARTITION BY line ORDER BY month)) y
	GROUP BY 1, 2 $$;
CREATE FUNCTION adjust_quarter(the_plan text, the_slice jsonb, first_day date, factor numeric) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM target t, adjust_target(t.target_id, amount => round(t.amount * factor, 2))
	WHERE t.target_id = kept_id(the_plan, the_slice, daterange(first_day, (first_day + interval '3 months')::date)) $$;
SELECT create_plan('Kept whole', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('Kept whole', 'sales', amount => 60000000000.01) AS r \gset
SELECT count(*) FROM split_target(:r, '{line}', method => 'percent', weights => '{"Bikes": 60, "Parts": 40}');
SELECT count(*) FROM split_target(:r, '{quarter,month}', method => 'linked');
-- in the middle of the year, at its beginning and at its end
SELECT adjust_quarter('Kept whole', '{"line": "Bikes"}', '2024-04-01', 1.2), adjust_quarter('Kept whole', '{"line": "Parts"}', '2024-01-01', 0.9), adjust_quarter('Kept whole', '{"line": "Parts"}', '2024-10-01', 1.2);
SELECT count(*) FROM resplit_target(:r, amount => 66000000000.01);
SELECT * FROM curve_around('Kept whole') ORDER BY 1, 2;
SELECT * FROM plan_check;
-- made again, as a whole or in part, it is the same
SELECT count(*) AS changed FROM resplit_target(:r);
SELECT line, q, (SELECT count(*) FROM preview_resplit(kept_id('Kept whole', jsonb_build_object('line', line), daterange(make_date(2024, q * 3 - 2, 1), (make_date(2024, q * 3 - 2, 1) + interval '3 months')::date)))) AS changed
FROM generate_series(1, 4) q, (VALUES ('Bikes'), ('Parts')) l (line) ORDER BY 1, 2;
-- a kept month within a kept quarter, and one beside it; the others still have one multiplier a bucket
SELECT fix_month('Kept whole', '{"line": "Bikes"}', '2024-05-01', 1.1), fix_month('Kept whole', '{"line": "Bikes"}', '2024-08-01', 0.9);
SELECT count(*) > 0 AS changed FROM resplit_target(:r, amount => 70000000000.01);
SELECT bucket, count(*), max(m) - min(m) < 1e-6 * max(abs(m)) + 0.1 / min(z) ^ 2 AS one_multiplier
FROM (SELECT CASE quarter WHEN '2024-04-01' THEN 'Q2' ELSE 'around' END AS bucket, kept, z,
			 (COALESCE(b - lag(b) OVER w, 0) + COALESCE(b - lead(b) OVER w, 0)) / z AS m
	  FROM (SELECT *, amount / z AS b FROM kept_month WHERE plan = 'Kept whole' AND line = 'Bikes') x WINDOW w AS (ORDER BY month)) y
WHERE NOT kept GROUP BY 1 ORDER BY 1;
SELECT count(*) AS changed FROM resplit_target(:r);
-- nothing in a quarter: no part of the curve, and its months stay at 0
SELECT adjust_quarter('Kept whole', '{"line": "Parts"}', '2024-10-01', 0);
SELECT count(*) > 0 AS changed FROM resplit_target(:r, amount => 71000000000.01);
SELECT sum(amount) FROM kept_month WHERE plan = 'Kept whole' AND line = 'Parts' AND month >= '2024-10-01';
SELECT * FROM plan_check;

-- halves, quarters and months: a kept quarter within a kept half
SELECT create_plan('Kept nested', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('Kept nested', 'sales', amount => 60000000000.01) AS r \gset
SELECT count(*) FROM split_target(:r, '{line}', method => 'percent', weights => '{"Bikes": 60, "Parts": 40}');
SELECT count(*) FROM split_target(:r, '{half,quarter,month}', method => 'linked');
SELECT count(*) FROM target t, adjust_target(t.target_id, amount => round(t.amount * 1.1, 2)) WHERE t.target_id = kept_id('Kept nested', '{"line": "Bikes"}', '[2024-01-01,2024-07-01)');
SELECT adjust_quarter('Kept nested', '{"line": "Bikes"}', '2024-04-01', 0.9);
SELECT count(*) > 0 AS changed FROM resplit_target(:r, amount => 66000000000.01);
SELECT bucket, count(*), max(m) - min(m) < 1e-6 * max(abs(m)) + 0.1 / min(z) ^ 2 AS one_multiplier
FROM (SELECT CASE WHEN quarter >= '2024-07-01' THEN 'second half' ELSE to_char(quarter, '"Q"Q') END AS bucket, z,
			 (COALESCE(b - lag(b) OVER w, 0) + COALESCE(b - lead(b) OVER w, 0)) / z AS m
	  FROM (SELECT *, amount / z AS b FROM kept_month WHERE plan = 'Kept nested' AND line = 'Bikes') x WINDOW w AS (ORDER BY month)) y
GROUP BY 1 ORDER BY 1;
SELECT count(*) AS changed FROM resplit_target(:r);
SELECT * FROM plan_check;

-- as a level
SELECT create_plan('Kept level', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('Kept level', 'sales', amount => 60000000000.01) AS r \gset
SELECT count(*) FROM split_target(:r, '{quarter}', method => 'percent', weights => '{"2024-01-01": 20, "2024-04-01": 30, "2024-07-01": 15, "2024-10-01": 35}');
SELECT count(*) FROM split_target(:r, '{line,month}', levels => '{"line": {"method": "percent", "weights": {"Bikes": 60, "Parts": 40}}, "month": {"method": "linked"}}');
SELECT fix_month('Kept level', '{"line": "Bikes"}', '2024-05-01', 1.1), fix_month('Kept level', '{"line": "Parts"}', '2024-09-01', 0.9);
SELECT count(*) > 0 AS changed FROM resplit_target(:r, amount => 63000000000.01);
SELECT * FROM curve('Kept level') ORDER BY 1;
SELECT count(*) AS changed FROM resplit_target(:r);
SELECT * FROM plan_check;

-- a month below 0 leaves the others more than there is
SELECT create_plan('Kept below', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('Kept below', 'sales', amount => 60000000000.01) AS r \gset
SELECT count(*) FROM split_target(:r, '{line}', method => 'percent', weights => '{"Bikes": 60, "Parts": 40}');
SELECT count(*) FROM split_target(:r, '{quarter}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{month}', method => 'linked');
SELECT fix_month('Kept below', '{"line": "Bikes"}', '2024-02-01', -0.1);
SELECT count(*) > 0 AS changed FROM resplit_target(:r, amount => 70000000000.01);
SELECT * FROM curve('Kept below') ORDER BY 1;
SELECT weight FROM target WHERE target_id = kept_id('Kept below', '{"line": "Bikes"}', '[2024-02-01,2024-03-01)');
SELECT * FROM plan_check;
