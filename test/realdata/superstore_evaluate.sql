-- 2023 planned from 2022, as it stood on 31 May 2023, against plain SQL.  Goes
-- on where superstore_conflict.sql ended.
SET client_min_messages = warning;
SET search_path = public, target_split;

-- on_conflict => 'latest' has put 海南 into one region: there its orders count
CREATE VIEW placed AS
SELECT o.*, m.path[1] AS region FROM orders o
JOIN member m ON m.code = o."省/自治区" AND m.depth = 2 JOIN dimension d ON d.dimension_id = m.dimension_id AND d.name = 'market';
SELECT tap.ok(create_plan('FY2023', period => '[2023-01-01,2024-01-01)') > 0, 'plan');
SELECT tap.ok(set_target('FY2023', 'sales', growth => 0.20) > 0, 'overall target');
SELECT tap.same((SELECT amount FROM target WHERE target_id = root_target('FY2023', 'sales')),
				(SELECT round(sum("销售额") * 1.2, 2) FROM orders WHERE "订单日期" >= '2022-01-01' AND "订单日期" < '2023-01-01'),
				'2022 plus 20 %');
SELECT tap.same((SELECT count(*) FROM split_target(root_target('FY2023', 'sales'), '{product_line,customer_type,market,month}')),
				3 + 9 + 54 + 648, 'split by product line, customer type, market and month');
SELECT tap.same(evaluate_plan('FY2023', as_of => '2023-05-31', metric => 'sales'), 715, 'every target is evaluated');

-- each node of the upper levels by a query of its own over the orders
SELECT tap.none($$SELECT v.slice, v.actual, o.actual
	FROM kpi_variance v
	CROSS JOIN LATERAL (SELECT sum("销售额") AS actual FROM orders
						WHERE "订单日期" >= v.period_start AND "订单日期" <= v.period_end AND "订单日期" <= '2023-05-31'
						  AND "类别" = COALESCE(v.slice ->> 'product_line', "类别")
						  AND "细分" = COALESCE(v.slice ->> 'customer_type', "细分")) o
	WHERE v.plan = 'FY2023' AND v.metric = 'sales' AND v.depth <= 2
	  AND (v.actual IS DISTINCT FROM o.actual OR v.as_of <> '2023-05-31'
		   OR v.variance IS DISTINCT FROM o.actual - v.amount
		   OR v.attainment IS DISTINCT FROM round(o.actual / NULLIF(v.amount, 0), 6)
		   OR v.variance_to_date IS DISTINCT FROM o.actual - v.expected)$$,
	'actual, variance and attainment of the upper levels');
SELECT tap.same((SELECT count(*) FROM kpi_variance WHERE plan = 'FY2023' AND depth <= 2 AND actual IS NOT NULL), 13, 'all 13 of them');
-- no order of a slice in a month that is over is an observed 0; a month to come is unknown
SELECT tap.none($$SELECT v.slice, v.period, v.actual, o.actual
	FROM kpi_variance v
	LEFT JOIN (SELECT "类别" AS l, "细分" AS c, region AS m, tap.month("订单日期") AS period, sum("销售额") AS actual
			   FROM placed WHERE "订单日期" <= '2023-05-31' GROUP BY 1, 2, 3, 4) o
	  ON o.period = v.period AND v.slice = jsonb_build_object('product_line', l, 'customer_type', c, 'market', m)
	WHERE v.plan = 'FY2023' AND v.level = 'month'
	  AND v.actual IS DISTINCT FROM CASE WHEN v.period_start <= '2023-05-31' THEN COALESCE(o.actual, 0) END$$,
	'actual of every slice and month: 0 where nothing was ordered, NULL in the months to come');
SELECT tap.none($$SELECT v.slice, v.expected, l.expected
	FROM kpi_variance v
	CROSS JOIN LATERAL (SELECT sum(t.amount) AS expected FROM target_tree t
						WHERE t.plan = 'FY2023' AND t.metric = 'sales' AND t.is_leaf AND t.period_end <= '2023-05-31' AND t.slice @> v.slice) l
	WHERE v.plan = 'FY2023' AND v.metric = 'sales' AND v.depth <= 2 AND v.expected IS DISTINCT FROM l.expected$$,
	'expected is what January to May were to bring');

-- cuts
SELECT tap.none($$SELECT period_start, k.amount, t.amount, k.actual, o.actual
	FROM kpi_cut('FY2023', 'sales', by => '{month}', as_of => '2023-05-31') k
	FULL JOIN (SELECT lower(tap.month("订单日期")) AS period_start, sum("销售额") AS actual FROM orders
			   WHERE "订单日期" >= '2023-01-01' AND "订单日期" <= '2023-05-31' GROUP BY 1) o USING (period_start)
	FULL JOIN (SELECT lower(t.period) AS period_start, sum(t.amount) AS amount FROM target t JOIN plan USING (plan_id)
			   WHERE family = 'FY2023' AND level = 'month' GROUP BY 1) t USING (period_start)
	WHERE k.actual IS DISTINCT FROM o.actual OR k.amount IS DISTINCT FROM t.amount
	   OR k.variance IS DISTINCT FROM o.actual - t.amount$$,
	'kpi_cut by month');
SELECT tap.same((SELECT count(*) FROM kpi_cut('FY2023', 'sales', by => '{month}', as_of => '2023-05-31') WHERE actual IS NOT NULL), 5,
				'which knows five months');
SELECT tap.none($$SELECT market, k.amount, t.amount, k.actual, o.actual
	FROM (SELECT cut ->> 'market' AS market, c.* FROM kpi_cut('FY2023', 'sales', by => '{market}', as_of => '2023-05-31') c) k
	FULL JOIN (SELECT region AS market, sum("销售额") AS actual FROM placed
			   WHERE "订单日期" >= '2023-01-01' AND "订单日期" <= '2023-05-31' GROUP BY 1) o USING (market)
	FULL JOIN (SELECT slice ->> 'market' AS market, sum(amount) AS amount,
					  sum(amount) FILTER (WHERE upper(t.period) <= '2023-06-01') AS expected
			   FROM target t JOIN plan USING (plan_id) WHERE family = 'FY2023' AND level = 'month' GROUP BY 1) t USING (market)
	WHERE k.actual IS DISTINCT FROM o.actual OR k.amount IS DISTINCT FROM t.amount OR k.expected IS DISTINCT FROM t.expected$$,
	'kpi_cut by market, which is below product line and customer type in the tree');
SELECT tap.none($$SELECT market, period_start, k.actual, o.actual
	FROM (SELECT cut ->> 'market' AS market, c.* FROM kpi_cut('FY2023', 'sales', by => '{month,market}',
		slice => '{"product_line": "技术"}', as_of => '2023-05-31') c) k
	FULL JOIN (SELECT region AS market, lower(tap.month("订单日期")) AS period_start, sum("销售额") AS actual FROM placed
			   WHERE "订单日期" >= '2023-01-01' AND "订单日期" <= '2023-05-31' AND "类别" = '技术' GROUP BY 1, 2) o USING (market, period_start)
	WHERE k.actual IS DISTINCT FROM CASE WHEN period_start <= '2023-05-31' THEN COALESCE(o.actual, 0) END$$,
	'kpi_cut by month and market of one product line');

-- a second run for a day takes the place of the first; one at the year's end sees it all
SELECT tap.same(evaluate_plan('FY2023', as_of => '2023-05-31', metric => 'sales'), 715, 'evaluated again');
SELECT tap.same((SELECT count(*) FROM evaluation e JOIN plan USING (plan_id) WHERE family = 'FY2023'), 715, 'each target once');
SELECT tap.same(evaluate_plan('FY2023', as_of => '2023-12-31', metric => 'sales'), 715, 'evaluated at the end of the year');
SELECT tap.same((SELECT actual FROM kpi_variance WHERE plan = 'FY2023' AND depth = 0), 5462438.387, 'the sales of 2023');
SELECT tap.none($$SELECT * FROM plan_check$$, 'plan_check finds nothing');
