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

\echo '   ... and every part by quarter, month and week. Each level adds up to the same total, to the cent.'
SELECT level, count(*) AS targets, sum(amount) AS amount, min(amount) AS smallest, max(amount) AS biggest
FROM split_target(root_target('FY2024', 'sales'), '{quarter,month,week}')
GROUP BY depth, level ORDER BY depth;

\echo '== 4. Who answers for what: sellers own their parts, managers are accountable for a region.'
SELECT add_person(name) AS person
FROM (VALUES ('Nora Lindqvist'), ('Samuel Ortega'), ('Eva Horvath'), ('William Dupont')) AS manager (name) \g /dev/null
SELECT assign('FY2024', '{"region": "North"}', person => 'Nora Lindqvist', role => 'A') \g /dev/null
SELECT assign('FY2024', '{"region": "South"}', person => 'Samuel Ortega', role => 'A') \g /dev/null
SELECT assign('FY2024', '{"region": "East"}', person => 'Eva Horvath', role => 'A') \g /dev/null
SELECT assign('FY2024', '{"region": "West"}', person => 'William Dupont', role => 'A') \g /dev/null

\echo '== The top of the tree (view target_tree)'
SELECT * FROM target_tree WHERE plan = 'FY2024' AND depth <= 2;

\echo '== Who owns what (view responsibility_matrix), the first rows'
SELECT * FROM responsibility_matrix WHERE plan = 'FY2024' LIMIT 12;

\echo '== 5. Where we stand on 31 May 2024'
SELECT evaluate_plan('FY2024', as_of => '2024-05-31') \g /dev/null
SELECT * FROM kpi_variance WHERE plan = 'FY2024' AND depth <= 1;

\echo '== The same figures for a cut that is no node of the tree: the whole company, month by month'
SELECT * FROM kpi_cut('FY2024', 'sales', by => '{month}', as_of => '2024-05-31');

\echo '== Why is this number what it is? One seller''s machines for small firms, in May'
SELECT * FROM explain_target(find_target('FY2024', 'sales',
	slice => '{"product_line": "Machines", "customer_type": "small firm", "region": "North", "seller": "Ada Brandt"}',
	period => '[2024-05-01,2024-06-01)'));

\echo '== Is every promise kept? plan_check shows a row for each that is broken; none is well.'
SELECT * FROM plan_check;
