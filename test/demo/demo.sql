-- The main job of target_split, on the sample of sample.sql: from last year's
-- orders to a target that is split, owned and compared with the actuals.
\set ON_ERROR_STOP on
\pset pager off
\pset null '-'
\pset footer off
SET client_min_messages = warning;

\echo
\echo '== The company: its orders, per year and product line (EUR)'
SELECT extract(year FROM ordered_on)::integer AS year, count(*) AS orders, sum(amount) AS sales,
	   sum(amount) FILTER (WHERE product_line = 'Machines') AS machines,
	   sum(amount) FILTER (WHERE product_line = 'Parts') AS parts,
	   sum(amount) FILTER (WHERE product_line = 'Service') AS service
FROM demo.orders GROUP BY 1 ORDER BY 1;

CREATE EXTENSION IF NOT EXISTS target_split;
SET search_path = public, target_split;

\echo '== 1. What is measured, and where the actuals are read. Dimensions and their members come from the columns.'
SELECT add_metric('sales', unit => 'EUR', quantum => 0.01) AS metric \gset
SELECT add_dimension('seller', persons => true) AS dimension \gset
SELECT * FROM add_source('sales', 'demo.orders', occurred_on => 'ordered_on', amount => 'amount',
	dimensions => '{"product_line": ["product_line", "product"],
					"customer_type": ["customer_type", "customer"],
					"region": "region",
					"seller": "seller"}');

\echo '== 2. The overall target: sales fell in 2023; the plan for 2024 is 2023 plus 20 %.'
SELECT create_plan('FY2024', period => '[2024-01-01,2025-01-01)') AS plan \gset
SELECT set_target('FY2024', 'sales', growth => 0.20) AS root \gset
SELECT (SELECT sum(amount) FROM demo.orders WHERE ordered_on >= '2023-01-01' AND ordered_on < '2024-01-01') AS sales_2023,
	   amount AS target_2024
FROM target WHERE target_id = :root;

\echo '== 3. Split it by product line, customer type, region and seller, each by its share of 2023 ...'
SELECT level, count(*) AS targets, sum(amount) AS amount, min(amount) AS smallest, max(amount) AS biggest
FROM split_target(root_target('FY2024', 'sales'), '{product_line,customer_type,region,seller}', members => '"active"')
GROUP BY depth, level ORDER BY depth;

\echo '   ... and every part by quarter, month and week: by the seasons of three years and the working days of 2024.'
\echo '   Each level adds up to the same total, to the cent.'
SELECT level, count(*) AS targets, sum(amount) AS amount, min(amount) AS smallest, max(amount) AS biggest
FROM split_target(root_target('FY2024', 'sales'), '{quarter,month,week}', method => 'seasonal')
GROUP BY depth, level ORDER BY depth;

\echo '== 4. Who answers for what: sellers own their parts, managers are accountable for a region.'
SELECT add_person(name) AS person
FROM (VALUES ('Nora Lindqvist'), ('Samuel Ortega'), ('Eva Horvath'), ('William Dupont')) AS manager (name) \g /dev/null
SELECT assign('FY2024', '{"region": "North"}', person => 'Nora Lindqvist', role => 'A') \g /dev/null
SELECT assign('FY2024', '{"region": "South"}', person => 'Samuel Ortega', role => 'A') \g /dev/null
SELECT assign('FY2024', '{"region": "East"}', person => 'Eva Horvath', role => 'A') \g /dev/null
SELECT assign('FY2024', '{"region": "West"}', person => 'William Dupont', role => 'A') \g /dev/null

\echo '== The top of the tree (view target_tree): the path names each part, shares say what it is of what'
SELECT path, amount, round(100 * share_of_parent, 1) AS "% of parent", round(100 * share_of_root, 1) AS "% of all", n_children AS parts
FROM target_tree WHERE plan = 'FY2024' AND depth <= 2 ORDER BY path;

\echo '== One branch down to its sellers'
SELECT path, amount, owner
FROM target_tree
WHERE plan = 'FY2024' AND slice @> '{"product_line": "Service", "customer_type": "key account"}' AND depth BETWEEN 2 AND 4
ORDER BY path;

\echo '== A seller''s year, one line a slice (view target_wide)'
SELECT slice ->> 'product_line' AS product_line, slice ->> 'customer_type' AS customer_type, q1, q2, q3, q4, total
FROM target_wide
WHERE plan = 'FY2024' AND slice @> '{"seller": "Ada Brandt"}'
ORDER BY 1, 2;

\echo '== Who owns what (view responsibility_matrix): the key accounts of service in the north'
SELECT level, concat_ws(' / ', slice ->> 'product_line', slice ->> 'customer_type', slice ->> 'region', slice ->> 'seller') AS part,
	   amount, role, person
FROM responsibility_matrix
WHERE plan = 'FY2024' AND slice @> '{"product_line": "Service", "customer_type": "key account", "region": "North"}' AND depth BETWEEN 3 AND 4
ORDER BY part, role;

\echo '== 5. Where we stand on 31 May 2024: the whole year against what was expected by that day'
SELECT evaluate_plan('FY2024', as_of => '2024-05-31') \g /dev/null
SELECT concat_ws(' / ', 'all', slice ->> 'product_line') AS part, amount, actual, expected, variance_to_date,
	   round(100 * attainment_to_date, 1) AS "% of expected", round(100 * attainment, 1) AS "% of year"
FROM kpi_variance WHERE plan = 'FY2024' AND depth <= 1
ORDER BY part;

\echo '== The same figures for a cut that is no node of the tree: the whole company, month by month'
SELECT period_label AS month, amount, actual, variance, round(100 * attainment, 1) AS "% attained"
FROM kpi_cut('FY2024', 'sales', by => '{month}', as_of => '2024-05-31')
ORDER BY period_start;

\echo '== Why is this number what it is? One seller''s machines for small firms, in May: a row a step, from the top'
SELECT step, level, method, weight, weight_sum, exact_share_decimal AS exact_share, units_received AS cents_received, amount
FROM explain_target(find_target('FY2024', 'sales',
	slice => '{"product_line": "Machines", "customer_type": "small firm", "region": "North", "seller": "Ada Brandt"}',
	period => '[2024-05-01,2024-06-01)'))
ORDER BY step;

\echo '== Is every promise kept? plan_check has a row for each broken one.'
SELECT count(*) AS broken_promises FROM plan_check;
SELECT promise, problem FROM plan_check LIMIT 10;
