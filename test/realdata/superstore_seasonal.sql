-- What the months of 2023 would have been given by each method with only data from
-- before, and how far that was from what happened: the WAPE, the sum of |part -
-- actual| by the total.  docs/seasonal.md has the table.
SET client_min_messages = warning;
SET search_path = public, target_split;

CREATE VIEW before_2023 AS SELECT * FROM orders WHERE "订单日期" < '2023-01-01';
SELECT tap.ok(add_metric('known sales', unit => 'CNY') > 0, 'metric');
SELECT tap.same(count(*), 4, 'source: what was known at the end of 2022')
FROM (SELECT add_source('known sales', 'before_2023', occurred_on => '订单日期', amount => '销售额',
						dimensions => '{"product_line": ["类别", "子类别"], "customer_type": "细分", "market": "区域"}')) s;
-- The orders come on any day, public holidays too.  What an office's calendar, or one
-- with holidays alone, makes of them is shown beside.
SELECT tap.ok(add_calendar('office', country => 'CN') > 0 AND add_calendar('holidays', country => 'CN', day_weights => '{1,1,1,1,1,1,1}') > 0
			  AND add_calendar('every day', day_weights => '{1,1,1,1,1,1,1}') > 0, 'calendars');
SELECT tap.ok(create_plan(c, period => '[2023-01-01,2024-01-01)', calendar => c) > 0 AND
			  set_target(c, 'known sales', amount => (SELECT round(sum("销售额"), 2) FROM orders WHERE "订单日期" >= '2023-01-01' AND "订单日期" < '2024-01-01')) > 0,
			  'plan ' || c || ', whose total is known')
FROM unnest('{office,holidays,every day}'::text[]) c;
CREATE TABLE month_days AS
SELECT period_start::text AS month, workdays(period, 'office') AS weight FROM periods('[2023-01-01,2024-01-01)', 'month');

-- members by three years of history, whatever the months are shared by
CREATE FUNCTION month_wape(plan text, by_levels text[], months jsonb) RETURNS numeric LANGUAGE sql AS $$
	WITH part AS (
		SELECT row_number() OVER () AS no, slice ->> 'market' AS m, slice ->> 'product_line' AS l, slice ->> 'customer_type' AS c, period, amount
		FROM preview_split(root_target(month_wape.plan, 'known sales'), month_wape.by_levels || '{month}'::text[],
						   basis => '[2020-01-01,2023-01-01)', levels => jsonb_build_object('month', month_wape.months), on_missing => 'zero')
		WHERE n_children = 0
	), actual AS (
		SELECT p.no, COALESCE(sum(o."销售额"), 0) AS amount
		FROM part p LEFT JOIN orders o ON o."订单日期" <@ p.period AND (p.m IS NULL OR o."区域" = p.m)
			AND (p.c IS NULL OR o."细分" = p.c) AND (p.l IS NULL OR o."类别" = p.l)
		GROUP BY 1
	)
	SELECT round(sum(abs(p.amount - a.amount)) / sum(p.amount), 3) FROM part p JOIN actual a USING (no)
$$;
CREATE TABLE wape AS
SELECT c.no AS cut_no, cut, m.no AS method_no, method, month_wape(plan, by_levels, months) AS wape
FROM (VALUES (1, '12 months', '{}'::text[]), (2, '72: market x month', '{market}'), (3, '216: product line x market x month', '{product_line,market}'),
			 (4, '648: product line x customer type x market x month', '{product_line,customer_type,market}')) c (no, cut, by_levels),
	 (VALUES (1, 'equal', 'every day', '{"method": "equal"}'::jsonb), (2, 'working days', 'office', '{"method": "weights", "weights_from": "public.month_days"}'),
			 (3, 'history, 2022', 'every day', '{"method": "history", "basis": "[2022-01-01,2023-01-01)"}'),
			 (4, 'history, 2020 to 2022', 'every day', '{"method": "history", "basis": "[2020-01-01,2023-01-01)"}'),
			 (5, 'seasonal, own indices', 'every day', '{"method": "seasonal", "weights": {"pulled": false}}'),
			 (6, 'seasonal', 'every day', '{"method": "seasonal"}'),
			 (7, 'seasonal, holidays off', 'holidays', '{"method": "seasonal"}'),
			 (8, 'seasonal, holidays and weekends off', 'office', '{"method": "seasonal"}')) m (no, method, plan, months);
SELECT tap.same(string_agg(wape::text, ' ' ORDER BY cut_no), expected, method || ': WAPE of ' || string_agg(cut, ', ' ORDER BY cut_no))
FROM wape JOIN (VALUES (1, '0.254 0.317 0.451 0.683'), (2, '0.245 0.313 0.442 0.678'), (3, '0.151 0.406 0.596 0.911'), (4, '0.158 0.341 0.501 0.769'),
			(5, '0.122 0.364 0.537 0.825'), (6, '0.122 0.277 0.417 0.651'), (7, '0.099 0.276 0.414 0.648'), (8, '0.129 0.298 0.426 0.648')) e (method_no, expected) USING (method_no)
GROUP BY method_no, method, expected ORDER BY method_no;
