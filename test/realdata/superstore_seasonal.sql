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

-- --------------------------------------------- the session, with seasons and working days
SELECT tap.ok(create_plan('S2024', period => '[2024-01-01,2025-01-01)', calendar => 'office') > 0, 'plan of 2024 by China''s working days');
SELECT tap.same(set_target('S2024', 'sales', growth => 0.20) > 0, true, 'overall target');
SELECT tap.same((SELECT count(*) FROM split_target(root_target('S2024', 'sales'), '{product_line,customer_type,market}')), 66::bigint, 'slices');
SELECT tap.same((SELECT jsonb_object_agg(level, n) FROM (
				 SELECT level, count(*) AS n FROM split_target(root_target('S2024', 'sales'), '{quarter,month,week}', method => 'seasonal') GROUP BY level) s),
				'{"quarter": 216, "month": 648, "week": 3348}'::jsonb, 'each by quarter, month and week, seasonal');
SELECT tap.none($$SELECT * FROM tap.inexact('S2024', 'sales')$$, 'children add up to their parents, levels to the whole');
SELECT tap.none($$SELECT promise, problem FROM plan_check WHERE plan = 'S2024'$$, 'no promise is broken');
CREATE VIEW s2024 AS SELECT t.* FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'S2024';
SELECT tap.none(format($$SELECT c.slice, c.period FROM s2024 c
	LEFT JOIN (SELECT slice, %1$s AS period, sum(amount) AS amount FROM s2024 WHERE level = 'week' GROUP BY 1, 2) w USING (slice, period)
	WHERE c.level = %2$L AND c.amount IS DISTINCT FROM w.amount$$, f, g), 'the weeks add up to every ' || g)
FROM (VALUES ('month', 'tap.month(lower(period))'), ('quarter', 'tap.quarter(lower(period))')) v (g, f);
SELECT tap.same((SELECT sum(amount) FROM s2024 WHERE level = 'week'), (SELECT amount FROM s2024 WHERE depth = 0), 'and to the year');
-- whole ISO weeks, by the server's own functions
SELECT tap.none($$SELECT COALESCE(k.week, i.week), k.amount, i.amount
	FROM (SELECT period_label AS week, amount FROM kpi_cut('S2024', 'sales', '{week}')) k
	FULL JOIN (SELECT to_char(lower(period), 'IYYY-"W"IW') AS week, sum(amount) AS amount FROM s2024 WHERE level = 'week' GROUP BY 1) i USING (week)
	WHERE k.amount IS DISTINCT FROM i.amount$$, 'a week is the sum of its segments, over all slices');
SELECT tap.same((SELECT count(*) FROM kpi_cut('S2024', 'sales', '{week}')), 53::bigint, 'there are 53 of them in 2024');
-- a month's index is the same on all of its days: within it weeks go by working days
SELECT tap.none($$SELECT w.slice, w.period, w.amount, m.amount * workdays(w.period, 'office') / workdays(m.period, 'office')
	FROM s2024 w JOIN s2024 m ON m.target_id = w.parent_id
	WHERE w.level = 'week' AND abs(w.amount - m.amount * workdays(w.period, 'office') / workdays(m.period, 'office')) >= 0.02$$,
	'within a month, weeks go by their working days');
SELECT tap.same((SELECT sum(amount) FROM s2024 WHERE level = 'week' AND period = '[2024-10-01,2024-10-07)'), 0.00, 'nothing is asked for in the National Day holiday');
