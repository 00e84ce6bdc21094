-- create_flat_view and target_wide.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA views_test;
SET search_path = views_test, target_split;
SET datestyle = ISO;

-- dimensions and levels named like the view's own columns, or alike beyond what fits
SELECT add_dimension('metric', levels => ARRAY['amount', 'level_amount']) > 0 AS added,
	add_dimension('unit', levels => ARRAY[repeat('長', 30) || 'a', repeat('長', 30) || 'b']) > 0 AS added, add_dimension('period_start') > 0 AS added;
SELECT add_member('metric', 'm1') > 0 AS added, add_member('metric', 'a1', '{m1}') > 0 AS added, add_member('unit', 'u1') > 0 AS added;
SELECT add_metric('sales', unit => 'EUR') > 0 AS added, add_metric('visits', unit => 'visits', quantum => 1) > 0 AS added;
SELECT create_plan('P', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('P', 'sales', amount => 1000) > 0 AS set;
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{metric,amount,unit}', method => 'equal');
SELECT create_flat_view('P');
SELECT metric, unit, amount, period_start, level_metric, level_amount_2, level_amount, level_unit, level_period_start FROM p_flat;
-- comments say what is in a column, and in which unit
SELECT a.attname, col_description(a.attrelid, a.attnum) FROM pg_attribute a WHERE a.attrelid = 'p_flat'::regclass AND a.attnum > 0 ORDER BY a.attnum;
SELECT obj_description('p_flat'::regclass);
SELECT set_target('P', 'visits', amount => 12) > 0 AS set;
SELECT create_flat_view('P', 'two units') AS view;
SELECT obj_description('"two units"'::regclass);
-- a name is cut like the server does it
SET client_min_messages = notice;
SELECT create_flat_view('P', repeat('é', 40)) AS view;
RESET client_min_messages;
SELECT count(*) FROM "ééééééééééééééééééééééééééééééé";
SELECT create_flat_view('P', '');
SELECT create_flat_view('P', 'p_flat');

-- a plan of 20 months, from November: a row a slice and plan year
SET client_min_messages = warning;
SELECT add_dimension('market') > 0 AS added, add_member('market', 'E') > 0 AS east, add_member('market', 'W') > 0 AS west;
SELECT create_plan('Long', period => '[2024-11-15,2026-07-01)') > 0 AS created, set_target('Long', 'visits', amount => 4000) > 0 AS set;
SELECT count(*) FROM split_target(root_target('Long', 'visits'), '{market}', method => 'equal');
-- a leaf of several plan years is in a row of its own
SELECT slice, year_start, year_end, m01, q1, total FROM target_wide WHERE plan = 'Long' ORDER BY slice;
SELECT count(*) FROM split_target(find_target('Long', 'visits', '{"market": "E"}', '[2024-11-15,2026-07-01)'), '{month}', method => 'equal');
SELECT slice, year_start, year_end, m01, m02, m12, q1, q2, q3, q4, total FROM target_wide WHERE plan = 'Long' ORDER BY slice, year_start;
-- nothing is lost, and nothing is in two columns
SELECT sum(total) AS total, sum(COALESCE(m01, 0) + COALESCE(m02, 0) + COALESCE(m03, 0) + COALESCE(m04, 0) + COALESCE(m05, 0) + COALESCE(m06, 0)
	+ COALESCE(m07, 0) + COALESCE(m08, 0) + COALESCE(m09, 0) + COALESCE(m10, 0) + COALESCE(m11, 0) + COALESCE(m12, 0)) AS months,
	sum(COALESCE(q1, 0) + COALESCE(q2, 0) + COALESCE(q3, 0) + COALESCE(q4, 0)) AS quarters
FROM target_wide WHERE plan = 'Long' AND year_start IS NOT NULL;
-- every month against the leaves
SELECT count(*) AS months, count(*) FILTER (WHERE w.amount IS DISTINCT FROM l.amount) AS different
FROM (SELECT (date_trunc('month', year_start) + (n - 1) * interval '1 month')::date AS month, amount
	  FROM target_wide, LATERAL (VALUES (1, m01), (2, m02), (3, m03), (4, m04), (5, m05), (6, m06), (7, m07), (8, m08), (9, m09), (10, m10), (11, m11), (12, m12)) v (n, amount)
	  WHERE plan = 'Long' AND year_start IS NOT NULL AND amount IS NOT NULL) w
FULL JOIN (SELECT date_trunc('month', period_start)::date AS month, amount FROM target_tree WHERE plan = 'Long' AND level = 'month') l USING (month);
-- one year is one row
SELECT slice ->> 'unit' AS unit, year_start, year_end, total FROM target_wide WHERE plan = 'P' ORDER BY 1;

SET client_min_messages = error;
DROP SCHEMA views_test CASCADE;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
