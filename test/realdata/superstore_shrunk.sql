-- A year that is known, 2023, split with data from before only: how far from what
-- happened are the parts?  WAPE is the sum of |part - actual| by the total.
SET client_min_messages = warning;
SET search_path = public, target_split;

CREATE VIEW past AS SELECT * FROM orders WHERE "订单日期" < '2023-01-01';
SELECT tap.ok(add_metric('past sales', unit => 'CNY') > 0, 'metric');
SELECT tap.same(count(*), 3, 'source: what was known at the end of 2022')
FROM (SELECT add_source('past sales', 'past', occurred_on => '订单日期', amount => '销售额',
						dimensions => '{"product_line": "类别", "customer_type": "细分", "market": "区域"}')) s;
SELECT tap.ok(create_plan('Known', period => '[2023-01-01,2024-01-01)') > 0, 'plan');
SELECT tap.ok(set_target('Known', 'past sales', amount => (SELECT round(sum("销售额"), 2) FROM orders WHERE "订单日期" >= '2023-01-01' AND "订单日期" < '2024-01-01')) > 0,
			  'the total of 2023 is known');

CREATE FUNCTION wape(by_levels text[], method text, basis daterange DEFAULT NULL, weights jsonb DEFAULT NULL) RETURNS numeric LANGUAGE sql AS $$
	WITH part AS (
		SELECT slice ->> 'product_line' AS l, slice ->> 'customer_type' AS c, slice ->> 'market' AS m, period, amount
		FROM preview_split(root_target('Known', 'past sales'), wape.by_levels, method => wape.method, basis => wape.basis,
						   weights => wape.weights, on_missing => 'zero')
		WHERE n_children = 0
	), actual AS (
		SELECT p.l, p.c, p.m, p.period, sum(o."销售额") AS amount
		FROM part p LEFT JOIN orders o ON o."类别" = p.l AND o."细分" = p.c AND o."区域" = p.m AND o."订单日期" <@ p.period
		GROUP BY 1, 2, 3, 4
	)
	SELECT round(sum(abs(p.amount - COALESCE(a.amount, 0))) / sum(p.amount), 3) FROM part p JOIN actual a USING (l, c, m, period)
$$;
SELECT tap.same(wape('{product_line,customer_type,market}', 'history'), 0.288, '54 slices: shares of last year');
SELECT tap.same(wape('{product_line,customer_type,market}', 'history', '[2020-01-01,2023-01-01)'), 0.234, '54 slices: shares of three years');
SELECT tap.same(wape('{product_line,customer_type,market}', 'shrunk'), 0.202, '54 slices: shrunk');
SELECT tap.same(wape('{product_line,customer_type,market,month}', 'history'), 0.921, 'by month: shares of last year');
SELECT tap.same(wape('{product_line,customer_type,market,month}', 'history', '[2020-01-01,2023-01-01)'), 0.769, 'by month: shares of three years');
SELECT tap.same(wape('{product_line,customer_type,market,quarter,month}', 'shrunk'), 0.639, 'by month: shrunk');
-- the best factors in hindsight are no better by one in a hundred
SELECT tap.ok(min(wape('{product_line,customer_type,market,month}', 'shrunk', weights => jsonb_build_object('joint', j, 'slice_x_time', s, 'product', 10 - j - s))) >= 0.639 * 0.99,
			  'no factors that anybody could choose are better by 1 %')
FROM generate_series(0, 4, 2) j, generate_series(0, 4, 2) s;
