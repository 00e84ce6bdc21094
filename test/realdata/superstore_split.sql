-- From a company's own order table to a target that is split: 2023 plus 20 %.
-- Every number is compared with sums over the orders.
SET client_min_messages = warning;
SET search_path = public, target_split;

-- ---------------------------------------------------------------- the orders
CREATE TABLE orders AS
SELECT "行 ID", "订单 ID", "订单日期", "发货日期", "装运模式", "客户 ID", "客户名称", "细分", "城市", "省/自治区",
	   "国家/地区", "区域", "产品 ID", "类别", "子类别", "产品名称", round("销售额", 3) AS "销售额", "数量", "折扣", "利润"
FROM "订单文件";
ANALYZE orders;

SELECT tap.same((SELECT count(*) FROM orders), 9959, 'orders are loaded');
SELECT tap.same((SELECT count(*) FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0), 20,
				'with all their columns under their own names');
SELECT tap.same((SELECT sum("销售额") FROM orders WHERE "订单日期" >= '2023-01-01' AND "订单日期" < '2024-01-01'),
				5462438.387, 'sales of 2023');

-- ------------------------------------------------ the session, as it is printed
SELECT tap.ok(add_metric('sales', unit => 'CNY', quantum => 0.01) > 0, 'metric');
SELECT tap.same(count(*), 5, 'source: levels that come from its columns')
FROM (SELECT add_source('sales', 'orders', occurred_on => '订单日期', amount => '销售额',
						dimensions => '{"product_line": ["类别", "子类别"], "customer_type": "细分", "market": ["区域", "省/自治区"]}')) s;
SELECT tap.same((SELECT jsonb_object_agg(d.name || ' ' || l.depth, l.n)
				 FROM (SELECT dimension_id, depth, count(*) AS n FROM member GROUP BY 1, 2) l JOIN dimension d USING (dimension_id)),
				'{"product_line 1": 3, "product_line 2": 17, "customer_type 1": 3, "market 1": 6}'::jsonb,
				'members come from the columns, none of a level on which a code has several parents');
SELECT tap.ok(create_plan('FY2024', period => '[2024-01-01,2025-01-01)') > 0, 'plan');
SELECT tap.ok(set_target('FY2024', 'sales', growth => 0.20) > 0, 'overall target');
SELECT tap.same((SELECT amount FROM target WHERE target_id = root_target('FY2024', 'sales')), 6554926.06,
				'the overall target is 2023 plus 20 %');
SELECT tap.same((SELECT amount FROM target WHERE target_id = root_target('FY2024', 'sales')),
				(SELECT round(sum("销售额") * 1.2, 2) FROM orders WHERE "订单日期" >= '2023-01-01' AND "订单日期" < '2024-01-01'),
				'which plain SQL says as well');

SELECT tap.same((SELECT jsonb_object_agg(level, n)
				 FROM (SELECT level, count(*) AS n
					   FROM split_target(root_target('FY2024', 'sales'), '{product_line,customer_type,market}') GROUP BY level) s),
				'{"product_line": 3, "customer_type": 9, "market": 54}'::jsonb,
				'split by product line, customer type and market');
SELECT tap.same((SELECT jsonb_object_agg(level, n)
				 FROM (SELECT level, count(*) AS n
					   FROM split_target(root_target('FY2024', 'sales'), '{quarter,month,week}', method => 'history') GROUP BY level) s),
				-- 62 weeks, cut at month ends
				'{"quarter": 216, "month": 648, "week": 3348}'::jsonb,
				'split each of the 54 by quarter, month and week');
SELECT tap.none($$SELECT period, count(*) FROM target WHERE level = 'month' GROUP BY date_trunc('quarter', lower(period)), 1 HAVING count(*) <> 54$$,
				'54 slices in every month');
SELECT tap.same((SELECT array_agg(DISTINCT n) FROM (SELECT count(*) AS n FROM target WHERE level = 'month' GROUP BY tap.quarter(lower(period))) q),
				ARRAY[162::bigint], '162 targets by month in every quarter');

-- the weights once more, from the orders; a week is the part of a month
CREATE VIEW basis AS
SELECT "类别" AS l, "细分" AS c, "区域" AS m, tap.next_year("订单日期") AS day, "销售额" AS amount
FROM orders WHERE "订单日期" >= '2023-01-01' AND "订单日期" < '2024-01-01';

INSERT INTO tap.wanted
SELECT 6 - (grouping(l) + grouping(c) + grouping(m) + grouping(q) + grouping(mo) + grouping(w)),
	   jsonb_strip_nulls(jsonb_build_object('product_line', l, 'customer_type', c, 'market', m)),
	   COALESCE(w, mo, q, '[2024-01-01,2025-01-01)'), sum(amount)
FROM (SELECT l, c, m, tap.quarter(day) AS q, tap.month(day) AS mo, tap.week_in_month(day) AS w, amount FROM basis) b
GROUP BY ROLLUP (l, c, m, q, mo, w);
ANALYZE tap.wanted;

SELECT tap.same((SELECT weight FROM tap.wanted WHERE depth = 0), 5462438.387, 'the weights add up to the sales of 2023');
SELECT tap.none($$SELECT * FROM tap.unfair('FY2024', 'sales', 0, 3)$$,
				'every slice is the floor or the ceiling of its exact share of the overall target');
SELECT tap.none($$SELECT * FROM tap.unfair('FY2024', 'sales', 3, 6)$$,
				'every quarter, month and week is the floor or the ceiling of its exact share of its slice');
SELECT tap.none($$WITH slice AS (
		SELECT t.target_id, t.amount, (SELECT sum(c.weight) FROM target c WHERE c.parent_id = t.target_id) AS weight
		FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'FY2024' AND t.level = 'market'
	), below AS (
		SELECT q.*, s.amount AS of_amount, s.weight AS of_weight FROM slice s JOIN target q ON q.parent_id = s.target_id
	), month AS (
		SELECT m.*, q.of_amount, q.of_weight FROM below q JOIN target m ON m.parent_id = q.target_id
	), week AS (
		SELECT w.*, m.of_amount, m.of_weight FROM month m JOIN target w ON w.parent_id = m.target_id
	)
	SELECT level, period, sum(amount), sum(of_amount * weight * 1e15 / of_weight) / 1e15
	FROM (SELECT * FROM below UNION ALL SELECT * FROM month UNION ALL SELECT * FROM week) t
	GROUP BY level, period HAVING abs(sum(amount) - sum(of_amount * weight * 1e15 / of_weight) / 1e15) >= 0.01$$,
				'every quarter, month and week of the company, which is no node, is the floor or the ceiling of its exact share');
SELECT tap.none($$SELECT * FROM tap.inexact('FY2024', 'sales')$$, 'children add up to their parents, levels to the whole');
SELECT tap.none($$SELECT w.month, m.amount, w.amount
	FROM (SELECT tap.month(lower(period)) AS month, sum(amount) AS amount FROM target WHERE level = 'week' GROUP BY 1) w
	FULL JOIN (SELECT period AS month, sum(amount) AS amount FROM target WHERE level = 'month' GROUP BY 1) m USING (month)
	WHERE m.amount IS DISTINCT FROM w.amount$$, 'the weeks of a month add up to it, over all slices');
SELECT tap.none($$SELECT q.quarter, q.amount, m.amount
	FROM (SELECT tap.quarter(lower(period)) AS quarter, sum(amount) AS amount FROM target WHERE level = 'month' GROUP BY 1) m
	FULL JOIN (SELECT period AS quarter, sum(amount) AS amount FROM target WHERE level = 'quarter' GROUP BY 1) q USING (quarter)
	WHERE m.amount IS DISTINCT FROM q.amount$$, 'the months of a quarter add up to it, over all slices');
SELECT tap.same((SELECT sum(amount) FROM (SELECT date_trunc('week', lower(period)), sum(amount) AS amount
										  FROM target WHERE level = 'week' GROUP BY 1 HAVING count(*) > 0) w),
				6554926.06, 'whole weeks add up to the overall target');
SELECT tap.none($$SELECT * FROM plan_check$$, 'plan_check finds nothing');
SELECT tap.same((SELECT count(*) FROM split_log WHERE plan = 'FY2024' AND in_force AND fallbacks = '{}'), 2,
				'split_log has both splits, without a fallback');

-- cuts that are no node of the tree
SELECT tap.same((SELECT sum(amount) FROM kpi_cut('FY2024', 'sales', by => '{month}')), 6554926.06,
				'the months of the company add up to the overall target');
SELECT tap.none($$SELECT period_start, k.amount, t.amount
	FROM kpi_cut('FY2024', 'sales', by => '{month}') k
	FULL JOIN (SELECT lower(period) AS period_start, sum(amount) AS amount FROM target WHERE level = 'month' GROUP BY 1) t USING (period_start)
	WHERE k.amount IS DISTINCT FROM t.amount$$, 'and each is what plain SQL adds up from the tree');

-- ------------------------------------------------------------ one split, one call
SELECT tap.ok(create_plan('FY2024 by month', period => '[2024-01-01,2025-01-01)') > 0, 'another plan');
SELECT tap.ok(set_target('FY2024 by month', 'sales', growth => 0.20) > 0, 'its overall target');
SELECT tap.same((SELECT jsonb_object_agg(level, n)
				 FROM (SELECT level, count(*) AS n
					   FROM split_target(root_target('FY2024 by month', 'sales'), '{product_line,customer_type,market,month}') GROUP BY level) s),
				'{"product_line": 3, "customer_type": 9, "market": 54, "month": 648}'::jsonb,
				'split by product line, customer type, market and month in one call');
TRUNCATE tap.wanted;
INSERT INTO tap.wanted
SELECT 4 - (grouping(l) + grouping(c) + grouping(m) + grouping(mo)),
	   jsonb_strip_nulls(jsonb_build_object('product_line', l, 'customer_type', c, 'market', m)),
	   COALESCE(mo, '[2024-01-01,2025-01-01)'), sum(amount)
FROM (SELECT l, c, m, tap.month(day) AS mo, amount FROM basis) b
GROUP BY ROLLUP (l, c, m, mo);
SELECT tap.none($$SELECT * FROM tap.unfair('FY2024 by month', 'sales', 0, 4)$$,
				'every node is the floor or the ceiling of its exact share of the overall target');
SELECT tap.none($$SELECT * FROM tap.inexact('FY2024 by month', 'sales')$$, 'and everything adds up');
SELECT tap.none($$SELECT m.month, m.amount, 6554926.06 * w.weight / 5462438.387
	FROM (SELECT t.period AS month, sum(t.amount) AS amount FROM target t JOIN plan p USING (plan_id)
		  WHERE p.family = 'FY2024 by month' AND t.level = 'month' GROUP BY 1) m
	FULL JOIN (SELECT tap.month(day) AS month, sum(amount) AS weight FROM basis GROUP BY 1) w USING (month)
	WHERE abs(m.amount * 5462438.387 - 6554926.06 * w.weight) < 0.01 * 5462438.387 IS NOT TRUE$$,
				'and so is every month of the company, which is no node');
-- the same nodes in another order of levels are another tree
SELECT tap.ok(create_plan('FY2024 time first', period => '[2024-01-01,2025-01-01)') > 0, 'a plan that goes by time first');
SELECT tap.ok(set_target('FY2024 time first', 'sales', growth => 0.20) > 0, 'its overall target');
SELECT tap.same((SELECT count(*) FROM split_target(root_target('FY2024 time first', 'sales'), '{quarter,market,month,子类别}')
				 WHERE level = '子类别'), 12 * 6 * 17, 'split by quarter, market, month and subcategory');
TRUNCATE tap.wanted;
INSERT INTO tap.wanted
SELECT 4 - (grouping(q) + grouping(m) + grouping(mo) + grouping(s)),
	   jsonb_strip_nulls(jsonb_build_object('market', m, 'product_line', s)),
	   COALESCE(mo, q, '[2024-01-01,2025-01-01)'), sum(amount)
FROM (SELECT "子类别" AS s, "区域" AS m, tap.quarter(day) AS q, tap.month(day) AS mo, "销售额" AS amount
	  FROM orders CROSS JOIN LATERAL tap.next_year("订单日期") AS day
	  WHERE "订单日期" >= '2023-01-01' AND "订单日期" < '2024-01-01') b
GROUP BY ROLLUP (q, m, mo, s);
SELECT tap.none($$SELECT * FROM tap.unfair('FY2024 time first', 'sales', 0, 4)$$, 'fair, every node');
SELECT tap.none($$SELECT * FROM tap.inexact('FY2024 time first', 'sales')$$, 'exact');
SELECT tap.none($$SELECT * FROM plan_check$$, 'plan_check finds nothing in any plan');

-- -------------------------------------------------------------- determinism
CREATE TABLE orders_shuffled AS SELECT * FROM orders ORDER BY md5("行 ID"::text || 'shuffled');
SELECT tap.ok(add_metric('sales again', unit => 'CNY', quantum => 0.01) > 0, 'a metric on a shuffled copy of the orders');
SELECT tap.same(count(*), 3, 'its source')
FROM (SELECT add_source('sales again', 'orders_shuffled', occurred_on => '订单日期', amount => '销售额',
						dimensions => '{"product_line": "类别", "customer_type": "细分", "market": "区域"}')) s;
SET work_mem = '64kB';
SET enable_hashagg = off;
SELECT tap.ok(set_target('FY2024', 'sales again', growth => 0.20) > 0, 'its overall target');
SELECT tap.same((SELECT count(*) FROM split_target(root_target('FY2024', 'sales again'), '{product_line,customer_type,market}')), 66,
				'split like the first');
SELECT tap.same((SELECT count(*) FROM split_target(root_target('FY2024', 'sales again'), '{quarter,month,week}')), 4212,
				'and by time');
RESET work_mem;
RESET enable_hashagg;
SELECT tap.none($$SELECT slice, period, level, a.amount, b.amount
	FROM (SELECT t.* FROM target_tree t WHERE plan = 'FY2024' AND metric = 'sales') a
	FULL JOIN (SELECT t.* FROM target_tree t WHERE plan = 'FY2024' AND metric = 'sales again') b USING (slice, period, level)
	WHERE a.amount IS DISTINCT FROM b.amount$$, 'the same amounts, whatever the order of the rows and the plan of the query');

-- ------------------------------------- 655 among six regions (in 10,000 yuan)
CREATE VIEW orders_wan AS SELECT "订单日期", "区域", "销售额" / 10000 AS "万元" FROM orders;
SELECT tap.ok(add_metric('sales in 10,000', unit => '万元', quantum => 1) > 0, 'a metric in whole 10,000 yuan');
SELECT tap.same(count(*), 1, 'its source, a view')
FROM (SELECT add_source('sales in 10,000', 'orders_wan', '订单日期', '万元', '{"market": "区域"}')) s;
SELECT tap.ok(set_target('FY2024', 'sales in 10,000', amount => 655) > 0, 'overall target 655');
SELECT tap.same((SELECT sum(amount) FROM split_target(root_target('FY2024', 'sales in 10,000'), '{market}')), 655,
				'six regions add up to 655');
SELECT tap.same((SELECT sum(round(655 * w / total)) FROM (SELECT m, sum(amount) AS w, sum(sum(amount)) OVER () AS total FROM basis GROUP BY m) r),
				654, 'where rounding each one by itself loses a unit');
TRUNCATE tap.wanted;
INSERT INTO tap.wanted
SELECT 1 - grouping(m), jsonb_strip_nulls(jsonb_build_object('market', m)), '[2024-01-01,2025-01-01)', sum(amount) / 10000
FROM basis GROUP BY ROLLUP (m);
SELECT tap.none($$SELECT * FROM tap.unfair('FY2024', 'sales in 10,000', 0, 1)$$, 'each by its exact share');

-- --------------------------------------------- the market's managers own it
SELECT tap.same((SELECT count(add_person("区域经理")) FROM people), 6, 'people');
SELECT tap.same((SELECT count(assign('FY2024', jsonb_build_object('market', "区域"), person => "区域经理", role => 'A')) FROM people), 6,
				'a manager for each market');
CREATE TEMP TABLE owner AS SELECT target_id, person FROM responsibility_matrix WHERE plan = 'FY2024' AND role = 'A';
ANALYZE owner;
ANALYZE target_split.target;
SELECT tap.none($$SELECT t.slice, o.person, p."区域经理"
	FROM target t
	JOIN plan USING (plan_id)
	LEFT JOIN owner o USING (target_id)
	LEFT JOIN people p ON p."区域" = t.slice ->> 'market'
	WHERE plan.family = 'FY2024' AND o.person IS DISTINCT FROM p."区域经理"$$,
	'every target of a market is its manager''s, all others are nobody''s');
