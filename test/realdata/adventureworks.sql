-- A fiscal year from 1 July, five files joined by a view: FY2021 planned from
-- FY2020 (July 2019 to June 2020), by product, territory, reseller type and week.
SET client_min_messages = warning;
SET search_path = public, target_split;

-- June 2020 came later, in a file of its own.
CREATE VIEW reseller_sales AS
SELECT f."OrderDate" AS order_date, f."SalesAmount" AS amount,
	   p."EnglishProductCategoryName" AS category, p."Subcategory" AS subcategory, p."Product" AS product,
	   t."SalesTerritoryRegion" AS territory, r."BusinessType" AS reseller_type,
	   e."FirstName" || ' ' || e."LastName" AS seller
FROM (SELECT "OrderDate", "SalesAmount", "ProductKey", "ResellerKey", "SalesTerritoryKey", "EmployeeKey" FROM reseller_sales_file
	  UNION ALL
	  SELECT "OrderDate", "SalesAmount", "ProductKey", "ResellerKey", "SalesTerritoryKey", "EmployeeKey" FROM reseller_sales_file_202006) f
JOIN product p USING ("ProductKey")
JOIN reseller r USING ("ResellerKey")
JOIN territory t USING ("SalesTerritoryKey")
JOIN employee e USING ("EmployeeKey");

SELECT tap.same((SELECT count(*) FROM reseller_sales), 60855, 'the view finds every fact');
SELECT tap.same((SELECT array_agg(round(amount) ORDER BY fy) FROM (
					SELECT extract(year FROM order_date + interval '6 months') AS fy, sum(amount) AS amount FROM reseller_sales GROUP BY 1) y),
				ARRAY[16429043, 27979780, 36568898]::numeric[], 'sales of the fiscal years 2018 to 2020');

SELECT tap.ok(add_metric('reseller sales', unit => 'USD', quantum => 0.01) > 0, 'metric');
SELECT tap.ok(add_calendar('fiscal', first_month => 7) > 1, 'a calendar with a fiscal year from 1 July');
SELECT tap.ok(add_dimension('seller', persons => true) > 0, 'a dimension of persons');
SELECT tap.same((SELECT jsonb_object_agg(level, members_added)
				 FROM add_source('reseller sales', 'reseller_sales', occurred_on => 'order_date', amount => 'amount',
								 dimensions => '{"category": ["category", "subcategory", "product"], "territory": "territory",
												 "reseller_type": "reseller_type", "seller": "seller"}')),
				(SELECT jsonb_build_object('category', count(DISTINCT category), 'subcategory', count(DISTINCT subcategory),
										   'product', count(DISTINCT product), 'territory', count(DISTINCT territory),
										   'reseller_type', count(DISTINCT reseller_type), 'seller', count(DISTINCT seller))
				 FROM reseller_sales), 'members of every level');
SELECT tap.same((SELECT array_agg(code ORDER BY code) FROM member JOIN dimension d USING (dimension_id) WHERE d.name = 'reseller_type'),
				'{Specialty Bike Shop,Value Added Reseller,Ware House,Warehouse}'::text[],
				'the misspelt Ware House is a member of its own');

-- ------------------------------------------------- a year that is not over yet
CREATE VIEW reseller_sales_to_may AS SELECT * FROM reseller_sales WHERE order_date < '2020-06-01';
SELECT tap.ok(add_metric('sales to May', unit => 'USD') > 0, 'a metric on the facts without June 2020');
SELECT tap.same(count(*), 1, 'its source')
FROM (SELECT add_source('sales to May', 'reseller_sales_to_may', 'order_date', 'amount', '{"territory": "territory"}')) s;

SELECT tap.ok(create_plan('FY2021', period => '[2020-07-01,2021-07-01)', calendar => 'fiscal') > 0, 'plan');
SELECT tap.throws($$SELECT set_target('FY2021', 'sales to May', growth => 0.10)$$, '%', '%2020-05-3%', '%basis%',
				  'growth on a year whose last month is not there yet is refused, with the date of the last fact');
SELECT tap.ok(set_target('FY2021', 'reseller sales', growth => 0.10) > 0, 'growth on the year with June');
SELECT tap.same((SELECT amount FROM target WHERE target_id = root_target('FY2021', 'reseller sales')),
				(SELECT round(sum(amount) * 1.10, 2) FROM reseller_sales WHERE order_date >= '2019-07-01'), 'FY2020 plus 10 %');

-- -------------------------------------------- every slice that has history
CREATE TEMP TABLE made AS
SELECT * FROM split_target(root_target('FY2021', 'reseller sales'),
						   '{category,subcategory,product,territory,reseller_type,week}', members => '"active"');
ANALYZE made;
ANALYZE target_split.target;
CREATE TEMP TABLE basis AS SELECT tap.next_year(order_date) AS day, s.* FROM reseller_sales s WHERE order_date >= '2019-07-01';
SELECT tap.same((SELECT jsonb_object_agg(level, n) FROM (SELECT level, count(*) AS n FROM made WHERE level <> 'week' GROUP BY 1) m),
				(SELECT jsonb_build_object('category', count(DISTINCT category), 'subcategory', count(DISTINCT subcategory),
										   'product', count(DISTINCT product), 'territory', count(DISTINCT (product, territory)),
										   'reseller_type', count(DISTINCT (product, territory, reseller_type)))
				 FROM basis), 'a target for every combination that has facts, and for no other');
SELECT tap.same((SELECT count(*) FROM made WHERE level = 'week'),
				(SELECT count(DISTINCT (product, territory, reseller_type)) FROM basis)
				* (SELECT count(DISTINCT tap.week_in_month(day::date)) FROM generate_series('2020-07-01'::date, '2021-06-30', '1 day') day),
				'each by all weeks, those without facts as well');

INSERT INTO tap.wanted
SELECT 6 - (grouping(category) + grouping(subcategory) + grouping(product) + grouping(territory) + grouping(reseller_type) + grouping(w)),
	   jsonb_strip_nulls(jsonb_build_object('category', COALESCE(product, subcategory, category), 'territory', territory, 'reseller_type', reseller_type)),
	   COALESCE(w, '[2020-07-01,2021-07-01)'), sum(amount)
FROM (SELECT b.*, tap.week_in_month(day) AS w FROM basis b) b
GROUP BY ROLLUP (category, subcategory, product, territory, reseller_type, w);
ANALYZE tap.wanted;
-- as tables with statistics, there are some 230,000 of them
CREATE TEMP TABLE node AS
SELECT m.depth, m.slice, m.period, m.amount, COALESCE(w.weight, 0) AS weight
FROM made m LEFT JOIN tap.wanted w ON w.depth = m.depth AND w.slice = m.slice AND w.period = m.period;
ANALYZE node;
SELECT tap.none($$SELECT n.*
	FROM node n, (SELECT weight FROM tap.wanted WHERE depth = 0) w,
		 (SELECT amount FROM target WHERE target_id = root_target('FY2021', 'reseller sales') OFFSET 0) r
	WHERE NOT abs(n.amount * w.weight - r.amount * n.weight) < 0.01 * w.weight$$,
	'every node is the floor or the ceiling of its exact share of the overall target');
SELECT tap.same((SELECT sum(weight) FROM node WHERE depth = 6), (SELECT sum(amount) FROM basis), 'no fact is left out');
SELECT tap.none($$SELECT * FROM tap.inexact('FY2021', 'reseller sales')$$, 'children add up to their parents, levels to the whole');
SELECT tap.none($$SELECT * FROM plan_check$$, 'plan_check finds nothing');
SELECT tap.ok((SELECT min(amount) > 0 FROM kpi_cut('FY2021', 'reseller sales', by => '{reseller_type}') WHERE cut ->> 'reseller_type' = 'Ware House'),
			  'Ware House has a target of its own');
SELECT tap.same((SELECT array_agg(period_start ORDER BY period_start) FROM kpi_cut('FY2021', 'reseller sales', by => '{quarter}')),
				'{2020-07-01,2020-10-01,2021-01-01,2021-04-01}'::date[], 'quarters start in July, October, January and April');
SELECT tap.same((SELECT sum(amount) FROM kpi_cut('FY2021', 'reseller sales', by => '{quarter}')),
				(SELECT amount FROM target WHERE target_id = root_target('FY2021', 'reseller sales')), 'and add up to the year');

-- ------------------------------------------------------------ people who own
SELECT tap.ok(create_plan('FY2021 sellers', period => '[2020-07-01,2021-07-01)', calendar => 'fiscal') > 0, 'a plan by seller');
SELECT tap.ok(set_target('FY2021 sellers', 'reseller sales', growth => 0.10) > 0, 'its overall target');
SELECT tap.same((SELECT jsonb_object_agg(level, n)
				 FROM (SELECT level, count(*) AS n
					   FROM split_target(root_target('FY2021 sellers', 'reseller sales'), '{seller,quarter}', members => '"active"') GROUP BY level) s),
				(SELECT jsonb_build_object('seller', count(DISTINCT seller), 'quarter', 4 * count(DISTINCT seller)) FROM basis),
				'split by seller and quarter');
TRUNCATE tap.wanted;
INSERT INTO tap.wanted
SELECT 2 - (grouping(seller) + grouping(q)), jsonb_strip_nulls(jsonb_build_object('seller', seller)),
	   COALESCE(q, '[2020-07-01,2021-07-01)'), sum(amount)
FROM (SELECT b.*, tap.quarter(day) AS q FROM basis b) b
GROUP BY ROLLUP (seller, q);
SELECT tap.none($$SELECT * FROM tap.unfair('FY2021 sellers', 'reseller sales', 0, 2)$$, 'fair, every node');
SELECT tap.none($$SELECT * FROM tap.inexact('FY2021 sellers', 'reseller sales')$$, 'exact');
SELECT tap.none($$SELECT t.slice, o.role, o.person
	FROM target t JOIN plan p USING (plan_id)
	CROSS JOIN (VALUES ('A'), ('R')) ro (role)
	LEFT JOIN responsibility_matrix o ON o.target_id = t.target_id AND o.plan = 'FY2021 sellers' AND o.role = ro.role
	WHERE p.family = 'FY2021 sellers' AND t.depth > 0 AND o.person IS DISTINCT FROM t.slice ->> 'seller'$$,
	'every seller is responsible and accountable for the own targets');
SELECT tap.same((SELECT array_agg(DISTINCT person) FROM responsibility_matrix WHERE plan = 'FY2021 sellers'),
				(SELECT array_agg(DISTINCT seller) FROM basis), 'nobody else is');

-- ----------------------------------------- FY2020 as it stood on 31 March 2020
SELECT tap.ok(create_plan('FY2020', period => '[2019-07-01,2020-07-01)', calendar => 'fiscal') > 0, 'the plan of the year before');
SELECT tap.ok(set_target('FY2020', 'reseller sales', growth => 0.10) > 0, 'FY2019 plus 10 %');
SELECT tap.same((SELECT count(*) FROM split_target(root_target('FY2020', 'reseller sales'), '{category,territory,month}')),
				4 + 4 * 10 + 4 * 10 * 12, 'split by category, territory and month');
SELECT tap.same(evaluate_plan('FY2020', as_of => '2020-03-31', metric => 'reseller sales'), 525, 'evaluated');
SELECT tap.none($$SELECT v.slice, v.period, v.actual, s.actual
	FROM kpi_variance v
	CROSS JOIN LATERAL (SELECT sum(amount) AS actual FROM basis
						WHERE order_date >= v.period_start AND order_date <= v.period_end AND order_date <= '2020-03-31'
						  AND category = COALESCE(v.slice ->> 'category', category)
						  AND territory = COALESCE(v.slice ->> 'territory', territory)) s
	WHERE v.plan = 'FY2020'
	  AND v.actual IS DISTINCT FROM CASE WHEN v.period_start <= '2020-03-31' THEN COALESCE(s.actual, 0) END$$,
	'actual of every target against the facts');
SELECT tap.none($$SELECT * FROM plan_check$$, 'plan_check finds nothing');

-- ------------------------------------- a fiscal year from 1 July, by season and working days
SELECT tap.ok(create_plan('FY2021 seasons', period => '[2020-07-01,2021-07-01)', calendar => 'fiscal') > 0, 'a plan by season');
SELECT tap.ok(set_target('FY2021 seasons', 'reseller sales', growth => 0.10) > 0, 'its overall target');
SELECT tap.ok((SELECT count(*) FROM split_target(root_target('FY2021 seasons', 'reseller sales'), '{category}')) > 0, 'by category');
SELECT tap.ok((SELECT count(*) FROM split_target(root_target('FY2021 seasons', 'reseller sales'), '{half,quarter,month,week}', method => 'seasonal')) > 0,
			  'by half, quarter, month and week, seasonal');
SELECT tap.none($$SELECT * FROM tap.inexact('FY2021 seasons', 'reseller sales')$$, 'children add up to their parents, levels to the whole');
SELECT tap.none($$SELECT promise, problem FROM plan_check WHERE plan = 'FY2021 seasons'$$, 'no promise is broken');
SELECT tap.same((SELECT string_agg(DISTINCT label, ' ' ORDER BY label) FROM target_tree WHERE plan = 'FY2021 seasons' AND level IN ('half', 'quarter')),
				'FY21-H1 FY21-H2 FY21-Q1 FY21-Q2 FY21-Q3 FY21-Q4', 'labels of the fiscal year');
SELECT tap.same((SELECT array_agg(DISTINCT fiscal_year) FROM target_tree WHERE plan = 'FY2021 seasons'), '{FY2021}'::text[], 'of which all are');
SELECT tap.none($$SELECT q.slice, q.period FROM target_tree q
	LEFT JOIN (SELECT slice, fiscal_quarter, sum(amount) AS amount FROM target_tree WHERE plan = 'FY2021 seasons' AND level = 'week' GROUP BY 1, 2) w USING (slice, fiscal_quarter)
	WHERE q.plan = 'FY2021 seasons' AND q.level = 'quarter' AND q.amount IS DISTINCT FROM w.amount$$, 'the weeks add up to the fiscal quarters');
