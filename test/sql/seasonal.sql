-- Method seasonal and seasonal_index: indices by ratio to the moving average, on
-- sales per working day; each against plain SQL.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA seasonal_test;
SET search_path = seasonal_test, target_split;
SET datestyle = ISO;

-- ------------------------------------------------- a small table, in plain SQL
-- an order a month; two markets with seasons of their own, and growth
CREATE TABLE orders AS
SELECT (make_date(y, m, 1) + 9) AS day, market,
	   ((100 + 10 * (y - 2020)) * CASE market WHEN 'East' THEN 2 ELSE 1 END * (8 + (m * 5 + ascii(market)) % 12 + (y * y * m * 7 + ascii(market)) % 5))::numeric / 4 AS amount
FROM generate_series(2020, 2023) y, generate_series(1, 12) m, (VALUES ('East'), ('West')) v (market);
SELECT add_metric('sales', unit => 'EUR') > 0 AS added;
SELECT count(*) AS levels FROM add_source('sales', 'orders', occurred_on => 'day', amount => 'amount', dimensions => '{"market": "market"}');
SELECT create_plan('A', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('A', 'sales', amount => 100000.01) > 0 AS set;

-- Monday to Friday
CREATE FUNCTION weekdays(first date, after date) RETURNS numeric LANGUAGE sql AS $$
	SELECT count(*) FROM generate_series(weekdays.first, weekdays.after - 1, '1 day') d WHERE extract(isodow FROM d) < 6 $$;
-- What the engine must make of a series of months: the index, the number of
-- ratios and their mean deviation, without cuts.
CREATE FUNCTION indices(of_market text) RETURNS TABLE (season int, index numeric, n bigint, spread numeric) LANGUAGE sql AS $$
	WITH rate AS (
		SELECT date_trunc('month', day)::date AS month,
			   sum(amount) / weekdays(date_trunc('month', day)::date, (date_trunc('month', day) + interval '1 month')::date) AS rate
		FROM orders WHERE market = indices.of_market OR indices.of_market IS NULL GROUP BY 1, date_trunc('month', day)
	), trend AS (
		SELECT month, rate, count(*) OVER around AS months,
			   (sum(rate) OVER (ORDER BY month ROWS BETWEEN 6 PRECEDING AND 5 FOLLOWING)
				+ sum(rate) OVER (ORDER BY month ROWS BETWEEN 5 PRECEDING AND 6 FOLLOWING)) / 24 AS trend
		FROM rate WINDOW around AS (ORDER BY month ROWS BETWEEN 6 PRECEDING AND 6 FOLLOWING)
	), ratio AS (
		SELECT extract(month FROM month)::int AS season, rate / trend AS ratio FROM trend WHERE months = 13
	), season AS (
		SELECT season, avg(ratio) AS mean, count(*) AS n, array_agg(ratio) AS ratios FROM ratio GROUP BY 1
	)
	SELECT s.season, s.mean / avg(s.mean) OVER (), s.n,
		   (SELECT avg(abs(r - s.mean)) FROM unnest(s.ratios) r) / avg(s.mean) OVER ()
	FROM season s
$$;
SELECT i.season, i.label, i.index, i.n, i.spread, i.years, i.index_basis,
	   abs(i.index - p.index) < 0.000001 AND i.n = p.n AND abs(i.spread - p.spread) < 0.000001 AS as_by_hand
FROM seasonal_index('sales', outliers => 'keep') i JOIN indices(NULL) p USING (season) ORDER BY season;
-- with parts, before and after they are pulled
SELECT i.index_slice, i.level, count(*) AS seasons, bool_and(abs(i.own_index - p.index) < 0.000001) AS own_as_by_hand,
	   bool_and(abs(i.index - (i.parents_share * w.index + (1 - i.parents_share) * p.index)) < 0.0001) AS mixed_as_it_says,
	   max(i.parents_share) AS parents_share, round(avg(i.index), 6) AS mean
FROM seasonal_index('sales', '{market}', outliers => 'keep') i
JOIN indices(NULL) w USING (season), LATERAL indices(i.index_slice ->> 'market') p
WHERE p.season = i.season AND i.level = 'market' GROUP BY 1, 2 ORDER BY 1;
SELECT count(*) FILTER (WHERE i.index IS DISTINCT FROM i.own_index) AS not_their_own, count(DISTINCT i.parents_share) AS shares
FROM seasonal_index('sales', '{market}', pulled => false) i;
-- one slice alone is its own parent
SELECT count(*) AS different FROM (
	SELECT season, own_index, n, spread FROM seasonal_index('sales', '{market}') WHERE index_slice = '{"market": "West"}' EXCEPT
	SELECT season, index, n, spread FROM seasonal_index('sales', slice => '{"market": "West"}')) d;
-- the split: index times working days of the plan's own months
SELECT count(*) AS months, bool_and(abs(s.amount - 100000.01 * e.weight / e.total) < 0.0101) AS as_by_hand
FROM preview_split(root_target('A', 'sales'), '{month}', method => 'seasonal', weights => '{"outliers": "keep"}') s
JOIN (SELECT p.period, i.index * weekdays(lower(p.period), upper(p.period)) AS weight, sum(i.index * weekdays(lower(p.period), upper(p.period))) OVER () AS total
	  FROM periods('[2024-01-01,2025-01-01)', 'month') p JOIN indices(NULL) i ON i.season = extract(month FROM lower(p.period))) e ON e.period = s.period;
-- finer ones by working days within the month, coarser ones are sums of months
SELECT level, count(*) AS targets, bool_and(abs(s.amount - 100000.01 * e.weight / t.total) < 0.0101) AS as_by_hand
FROM preview_split(root_target('A', 'sales'), '{half,quarter,month,week,day}', method => 'seasonal', weights => '{"outliers": "keep"}') s,
LATERAL (SELECT sum(i.index) AS weight FROM generate_series(lower(s.period), upper(s.period) - 1, '1 day') d JOIN indices(NULL) i ON i.season = extract(month FROM d)
		 WHERE extract(isodow FROM d) < 6) w,
LATERAL (SELECT COALESCE(w.weight, 0) AS weight) e,
(SELECT sum(i.index) AS total FROM generate_series('2024-01-01'::date, '2024-12-31', '1 day') d JOIN indices(NULL) i ON i.season = extract(month FROM d)
 WHERE extract(isodow FROM d) < 6) t
GROUP BY level ORDER BY min(depth);

-- ------------------------------------------------------------- by slice
-- targets of markets are there: each has its own index, pulled towards the other's
SELECT count(*) AS markets FROM split_target(root_target('A', 'sales'), '{market}');
SELECT count(*) AS months, bool_and(abs(s.amount - m.amount * i.weight / i.total) < 0.0101) AS as_by_hand
FROM split_target(root_target('A', 'sales'), '{quarter,month}', method => 'seasonal') s
JOIN target m ON m.slice = s.slice AND m.level = 'market'
JOIN (SELECT index_slice, period, index * weekdays(lower(period), upper(period)) AS weight,
			 sum(index * weekdays(lower(period), upper(period))) OVER (PARTITION BY index_slice) AS total
	  FROM seasonal_index('sales', '{market}') JOIN periods('[2024-01-01,2025-01-01)', 'month') ON extract(month FROM lower(period)) = season) i
ON i.index_slice = s.slice AND i.period = s.period
WHERE s.level = 'month';
SELECT basis, jsonb_array_length(findings) AS findings, findings -> 0 AS call, findings #> '{1,slice}' AS slice, findings #> '{1,years}' AS years,
	   (findings #>> '{1,parents_share}')::numeric = (SELECT DISTINCT parents_share FROM seasonal_index('sales', '{market}') WHERE index_slice = findings #> '{1,slice}') AS share_as_shown
FROM split_log WHERE method = 'seasonal';
-- why a month is what it is
SELECT step, level, step_slice, basis, basis_rows, jsonb_path_query_array(bases, '$[*] ? (exists (@.index)).slice') AS index_of
FROM explain_target(find_target('A', 'sales', '{"market": "West"}', '[2024-05-01,2024-06-01)')) ORDER BY step;
SELECT * FROM plan_check;
-- periods above the markets: one index a market, whatever the quarter
SELECT count(unsplit_target(root_target('A', 'sales'))) AS removed;
SELECT count(*) FROM split_target(root_target('A', 'sales'), '{quarter,market}');
SELECT bool_and(abs(s.amount - q.amount * i.weight / i.total) < 0.0101) AS as_by_hand, count(*) AS months
FROM preview_split(root_target('A', 'sales'), '{month}', method => 'seasonal') s
JOIN target q ON q.level = 'market' AND q.slice = s.slice AND q.period @> s.period
JOIN (SELECT index_slice, period, index * weekdays(lower(period), upper(period)) AS weight,
			 sum(index * weekdays(lower(period), upper(period))) OVER (PARTITION BY index_slice, extract(quarter FROM lower(period))) AS total
	  FROM seasonal_index('sales', '{market}') JOIN periods('[2024-01-01,2025-01-01)', 'month') ON extract(month FROM lower(period)) = season) i
ON i.index_slice = s.slice AND i.period = s.period;
SELECT count(unsplit_target(root_target('A', 'sales'))) AS removed;
-- members and periods in one call: members by history over the same basis
SELECT slice ->> 'market' AS market, amount, (SELECT round(100000.01 * sum(amount) FILTER (WHERE market = s.slice ->> 'market') / sum(amount), 2) FROM orders) AS by_hand
FROM preview_split(root_target('A', 'sales'), '{market,month}', method => 'seasonal') s WHERE level = 'market';
SELECT count(*) AS different FROM (
	SELECT slice, period, amount FROM preview_split(root_target('A', 'sales'), '{market,month}', method => 'seasonal') EXCEPT
	SELECT slice, period, amount FROM preview_split(root_target('A', 'sales'), '{market,month}', basis => '[2020-01-01,2024-01-01)', levels => '{"month": {"method": "seasonal"}}')) d;
SELECT level, count(*), sum(amount) FROM preview_split(root_target('A', 'sales'), '{quarter,market,month}', method => 'seasonal') GROUP BY 1 ORDER BY 1;
-- the call is kept with its basis, and means the same again
SELECT count(*) FROM split_target(root_target('A', 'sales'), '{market,month}', method => 'seasonal');
SELECT basis, arguments FROM split_log ORDER BY split_id DESC LIMIT 1;
SELECT count(*) AS changed FROM preview_resplit(root_target('A', 'sales')) r WHERE r.amount_after IS DISTINCT FROM r.amount_before;
SELECT count(unsplit_target(root_target('A', 'sales'))) AS removed;

-- one base among several, and members that are active, or the rest
SELECT bool_and(abs(b.amount - (s.amount + e.amount) / 2) < 0.0101) AS mixed
FROM preview_split(root_target('A', 'sales'), '{month}', method => 'blend', bases => '[{"method": "seasonal"}, {"method": "equal"}]') b
JOIN preview_split(root_target('A', 'sales'), '{month}', method => 'seasonal') s USING (period)
JOIN preview_split(root_target('A', 'sales'), '{month}', method => 'equal') e USING (period);
SELECT add_member('market', 'North') > 0 AS added, add_member('market', 'Others', is_rest => true) > 0 AS added;
SELECT slice ->> 'market' AS market, count(*) AS months, sum(amount) AS amount
FROM preview_split(root_target('A', 'sales'), '{market,month}', method => 'seasonal', members => '"active"') WHERE level = 'month' GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM split_target(root_target('A', 'sales'), '{market,month}', method => 'seasonal', members => '1', rest => 'Others');
SELECT bool_and(abs(s.amount - o.amount * i.weight / i.total) < 0.0101) AS the_rest_is_like_the_west
FROM target s JOIN target o ON o.target_id = s.parent_id AND o.slice = '{"market": "Others"}'
JOIN (SELECT period, index * weekdays(lower(period), upper(period)) AS weight, sum(index * weekdays(lower(period), upper(period))) OVER () AS total
	  FROM seasonal_index('sales', '{market}') JOIN periods('[2024-01-01,2025-01-01)', 'month') ON extract(month FROM lower(period)) = season
	  WHERE index_slice = '{"market": "West"}') i ON i.period = s.period;

-- ------------------------------------------------- a holiday that moves
-- 100 a working day, whenever the Spring Festival is: in January of 2020 and 2023, in
-- February of 2021, in both of 2022 -- and in February of 2024, in both of 2025
SELECT add_calendar('china', country => 'CN') > 0 AS added;
CREATE TABLE shop AS
SELECT d::date AS day, 100 * workdays(daterange(d::date, d::date + 1), 'china') AS amount
FROM generate_series('2020-01-01'::date, '2023-12-31', '1 day') d;
SELECT add_metric('cash', unit => 'CNY') > 0 AS added;
SELECT count(*) FROM add_source('cash', 'shop', occurred_on => 'day', amount => 'amount', dimensions => '{}');
SELECT min(index) AS least, max(index) AS most, max(spread) AS spread, min(n) AS n FROM seasonal_index('cash', calendar => 'china');
SELECT create_plan(plan, period => daterange(make_date(year, 1, 1), make_date(year + 1, 1, 1)), calendar => 'china') > 0 AS created,
	   set_target(plan, 'cash', amount => 24000) > 0 AS set
FROM (VALUES ('C24', 2024), ('C25', 2025)) p (plan, year);
SELECT period, amount, workdays(period, 'china') AS workdays,
	   abs(amount - 24000 * workdays(period, 'china') / workdays('[2024-01-01,2025-01-01)', 'china')) < 0.01 AS by_workdays
FROM preview_split(root_target('C24', 'cash'), '{month}', method => 'seasonal') WHERE upper(period) <= '2024-04-01';
SELECT period, amount, workdays(period, 'china') AS workdays,
	   abs(amount - 24000 * workdays(period, 'china') / workdays('[2025-01-01,2026-01-01)', 'china')) < 0.01 AS by_workdays
FROM preview_split(root_target('C25', 'cash'), '{month}', method => 'seasonal') WHERE upper(period) <= '2025-04-01';
-- weeks of the festival have nothing, and so have their days
SELECT level, count(*) FILTER (WHERE amount = 0) AS zero, count(*),
	   bool_and(abs(amount - 24000 * workdays(period, 'china') / workdays('[2025-01-01,2026-01-01)', 'china')) < 0.01) AS by_workdays
FROM preview_split(root_target('C25', 'cash'), '{month,week,day}', method => 'seasonal') GROUP BY level ORDER BY min(depth);
-- what history makes of it
SELECT period, amount FROM preview_split(root_target('C24', 'cash'), '{month}') WHERE upper(period) <= '2024-04-01';
-- years whose holidays nobody knows: the plan's, and one of the basis
SELECT create_plan('C30', period => '[2030-01-01,2031-01-01)', calendar => 'china') > 0 AS created, set_target('C30', 'cash', amount => 24000) > 0 AS set;
SELECT * FROM preview_split(root_target('C30', 'cash'), '{month}', method => 'seasonal');
CREATE VIEW long_ago AS SELECT (day - interval '22 years')::date AS day, amount FROM shop;
SELECT add_metric('coins', unit => 'CNY') > 0 AS added;
SELECT count(*) FROM add_source('coins', 'long_ago', occurred_on => 'day', amount => 'amount', dimensions => '{}');
SELECT * FROM seasonal_index('coins', calendar => 'china');
-- a fiscal year from July on: its first season is July
SELECT add_calendar('fiscal', first_month => 7) > 0 AS added;
SELECT f.season, f.label, f.index = g.index AND f.n = g.n AS same
FROM seasonal_index('sales', '{}', on_unassigned => 'spread', calendar => 'fiscal') f JOIN seasonal_index('sales', on_unassigned => 'spread') g USING (label) ORDER BY 1 LIMIT 2;

-- ------------------------------------------------- thin, short and new slices
CREATE TABLE thin AS
SELECT d::date AS day, product, (CASE WHEN extract(month FROM d) = 12 THEN 300 ELSE 100 END)::numeric AS amount
FROM generate_series('2020-01-01'::date, '2023-12-31', '1 day') d, unnest('{Big,Large,Wide}'::text[]) product WHERE extract(isodow FROM d) < 6
UNION ALL SELECT '2020-01-01'::date + (n * 7919) % 1461, 'Erratic', 50 + n % 7 * 100 FROM generate_series(1, 60) n
UNION ALL SELECT d::date, 'New', 70 FROM generate_series('2022-09-01'::date, '2023-12-31', '1 day') d WHERE extract(isodow FROM d) < 6;
SELECT add_metric('pieces', unit => 'piece', quantum => 1) > 0 AS added;
SELECT count(*) AS levels FROM add_source('pieces', 'thin', occurred_on => 'day', amount => 'amount', dimensions => '{"product": "product"}');
SELECT add_member('product', 'Unsold') > 0 AS added;
-- those that are regular keep their own; what is erratic takes much of the parent's,
-- and what has not two years, or nothing, all of it
SELECT DISTINCT index_slice ->> 'product' AS product, years, n > 0 AS has_own, round(parents_share, 1) AS parents_share,
	   max(index) OVER (PARTITION BY index_slice) AS december
FROM seasonal_index('pieces', '{product}') WHERE level IS NOT NULL ORDER BY 1;
SELECT create_plan('T', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('T', 'pieces', amount => 100000) > 0 AS set;
SELECT count(*) FROM split_target(root_target('T', 'pieces'), '{product,month}', method => 'seasonal');
SELECT slice ->> 'product' AS product, fallback, count(*) FROM target WHERE plan_id = (SELECT plan_id FROM plan WHERE family = 'T') AND level = 'month' GROUP BY 1, 2 ORDER BY 1;
SELECT fallbacks, findings -> 0 AS call FROM split_log ORDER BY split_id DESC LIMIT 1;
SELECT * FROM plan_check;

-- ------------------------------------------------------ a member that moves
-- Bob goes from North to South in the middle of a month; his history stays, and is in
-- the indices of North up to that day
CREATE TABLE visits AS
SELECT d::date AS day, CASE rep WHEN 'Cid' THEN 'South' ELSE 'North' END AS area, rep,
	   (CASE WHEN rep = 'Bob' AND extract(month FROM d) = 6 THEN 400 ELSE 100 END)::numeric AS amount
FROM generate_series(timestamp '2019-01-01', '2023-12-31', '1 day') d, unnest('{Ann,Bob,Cid}'::text[]) rep WHERE extract(isodow FROM d) < 6;
SELECT add_metric('visits', unit => 'visit') > 0 AS added;
SELECT count(*) AS levels FROM add_source('visits', 'visits', occurred_on => 'day', amount => 'amount', dimensions => '{"area": ["area", "rep"]}');
SELECT count(*) AS changes FROM move_member('area', 'Bob', 'South', from_day => '2021-06-16', history => 'stays');
CREATE VIEW visits_seen AS
SELECT day, CASE WHEN rep = 'Bob' AND day >= '2021-06-16' THEN 'South' ELSE area END AS market, amount FROM visits;
SELECT index_slice ->> 'area' AS area, bool_and(abs(own_index - by_hand) < 0.000001) AS as_by_hand, count(*) AS months
FROM seasonal_index('visits', '{area}', outliers => 'keep') i,
LATERAL (WITH rate AS (SELECT date_trunc('month', day)::date AS month, sum(amount) / weekdays(date_trunc('month', day)::date, (date_trunc('month', day) + interval '1 month')::date) AS rate
					   FROM visits_seen WHERE market = i.index_slice ->> 'area' GROUP BY date_trunc('month', day)),
			  trend AS (SELECT month, rate, count(*) OVER (ORDER BY month ROWS BETWEEN 6 PRECEDING AND 6 FOLLOWING) AS months,
							   (sum(rate) OVER (ORDER BY month ROWS BETWEEN 6 PRECEDING AND 5 FOLLOWING) + sum(rate) OVER (ORDER BY month ROWS BETWEEN 5 PRECEDING AND 6 FOLLOWING)) / 24 AS trend FROM rate),
			  mean AS (SELECT extract(month FROM month)::int AS season, avg(rate / trend) AS mean FROM trend WHERE months = 13 GROUP BY 1)
		 SELECT mean.season, mean.mean / avg(mean.mean) OVER () AS by_hand FROM mean) m
WHERE i.level = 'area' AND m.season = i.season GROUP BY 1 ORDER BY 1;

-- years of whole weeks, of 12 months and of 13 periods, some of them of 53 weeks:
-- what Ann does is the same on every working day
CREATE VIEW ann AS SELECT day, amount FROM visits WHERE rep = 'Ann';
SELECT add_metric('ann', unit => 'visit') > 0 AS added;
SELECT count(*) AS levels FROM add_source('ann', 'ann', occurred_on => 'day', amount => 'amount', dimensions => '{}');
SELECT add_calendar('retail', first_month => 2, pattern => '4-4-5') > 0 AS added, add_calendar('thirteen', pattern => '13x4') > 0 AS added;
SELECT c AS calendar, count(*) AS seasons, min(label) AS first, max(label) AS last, min(index) AS least, max(index) AS most, max(spread) AS spread, min(n) AS n, min(index_basis::text) AS basis
FROM unnest('{retail,thirteen}'::text[]) c, seasonal_index('ann', calendar => c) GROUP BY 1 ORDER BY 1;
SELECT create_plan('Retail', period => (SELECT daterange(min(period_start), max(period_end), '[]') FROM periods('[2024-02-04,2025-02-01]', 'week', 'retail')), calendar => 'retail') > 0 AS created,
	   set_target('Retail', 'ann', amount => 26100) > 0 AS set;
SELECT bool_and(abs(s.amount - 26100 * workdays(s.period, 'retail') / workdays(t.period, 'retail')) < 0.01) AS by_workdays, count(*) AS weeks
FROM preview_split(root_target('Retail', 'ann'), '{quarter,month,week}', method => 'seasonal') s,
	 target t WHERE t.target_id = root_target('Retail', 'ann') AND s.level = 'week' AND s.period && '[2024-08-01,2024-10-01)';

-- --------------------------------------------- a year, two years, no history
SELECT n, count(*) AS seasons, max(spread) AS spread FROM seasonal_index('sales', basis => '[2022-01-01,2024-01-01)') GROUP BY 1;
SELECT create_plan('B', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('B', 'sales', amount => 100000.01) > 0 AS set;
SELECT * FROM preview_split(root_target('B', 'sales'), '{month}', method => 'seasonal', basis => '[2023-01-01,2024-01-01)');
SELECT * FROM preview_split(root_target('B', 'sales'), '{month}', method => 'seasonal', basis => '[2023-01-01,2024-01-01)', on_missing => 'parent');
SELECT amount, fallback, count(*) FROM preview_split(root_target('B', 'sales'), '{month}', method => 'seasonal', basis => '[2023-01-01,2024-01-01)', on_missing => 'equal') GROUP BY 1, 2 ORDER BY 1;
SELECT * FROM seasonal_index('sales', basis => '[2023-01-01,2024-01-01)');
SELECT * FROM seasonal_index('sales', basis => '[1000-01-01,1010-01-01)');
SELECT create_plan('Early', period => '[2020-06-01,2020-09-01)') > 0 AS created, set_target('Early', 'sales', amount => 100) > 0 AS set;
SELECT * FROM preview_split(root_target('Early', 'sales'), '{month}', method => 'seasonal');
SELECT count(*) FROM split_target(root_target('Early', 'sales'), '{month}', method => 'seasonal', on_missing => 'equal');
SELECT basis, fallbacks, findings FROM split_log ORDER BY split_id DESC LIMIT 1;
-- a basis that begins before the source: from its first month on
SELECT DISTINCT years, index_basis FROM seasonal_index('sales', basis => '[2015-01-01,2024-01-01)');
-- a part of a year is split by its own months
SELECT create_plan('Part', period => '[2024-03-01,2024-06-01)') > 0 AS created, set_target('Part', 'sales', amount => 1000) > 0 AS set;
SELECT period, amount FROM preview_split(root_target('Part', 'sales'), '{month}', method => 'seasonal');
SELECT period, amount FROM preview_split(root_target('Part', 'sales'), '{month}', method => 'seasonal', basis => '[2020-03-01,2024-03-01)', on_incomplete => 'accept');

-- ----------------------------------------- members that are there for part of it
-- every rep sells the same on every working day: periods go by the working days on
-- which a rep is there, whatever grains "by" names
CREATE TABLE calls AS
SELECT d::date AS d, rep, 100 AS amount FROM generate_series(timestamp '2020-01-01', '2023-12-31', '1 day') d, unnest('{A,E}'::text[]) rep WHERE extract(isodow FROM d) < 6;
SELECT add_metric('calls', unit => 'call', quantum => 1) > 0 AS added;
SELECT count(*) AS levels FROM add_source('calls', 'calls', occurred_on => 'd', amount => 'amount', dimensions => '{"caller": "rep"}');
-- E's last day
SELECT count(*) AS changes FROM retire_member('caller', 'E', '2024-06-11');
SELECT add_member('caller', 'N', valid => '[2024-05-16,)') > 0 AS added;
SELECT create_plan('P', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('P', 'calls', amount => 100000) > 0 AS set;
BEGIN;
SELECT count(*) FROM split_target(root_target('P', 'calls'), '{caller}', method => 'weights', weights => '{"A": 1, "E": 1}', on_missing => 'zero');
CREATE VIEW by_grains AS
SELECT 1 AS n, * FROM preview_split(root_target('P', 'calls'), '{month}', method => 'seasonal') UNION ALL
SELECT 2, * FROM preview_split(root_target('P', 'calls'), '{month,week}', method => 'seasonal') UNION ALL
SELECT 3, * FROM preview_split(root_target('P', 'calls'), '{month,day}', method => 'seasonal') UNION ALL
SELECT 4, * FROM preview_split(root_target('P', 'calls'), '{quarter,month}', method => 'seasonal') UNION ALL
SELECT 5, * FROM preview_split(root_target('P', 'calls'), '{month}', method => 'workdays');
CREATE VIEW months AS
SELECT slice ->> 'caller' AS rep, period, max(amount) FILTER (WHERE n = 1) AS month, max(amount) FILTER (WHERE n = 2) AS month_week, max(amount) FILTER (WHERE n = 3) AS month_day,
	   max(amount) FILTER (WHERE n = 4) AS quarter_month, max(amount) FILTER (WHERE n = 5) AS workdays
FROM by_grains WHERE level = 'month' GROUP BY 1, 2;
SELECT * FROM months WHERE rep = 'E' AND period && '[2024-04-01,2024-08-01)' ORDER BY period;
SELECT rep, count(*) AS months, bool_and(GREATEST(month, month_week, month_day, quarter_month, workdays) - LEAST(month, month_week, month_day, quarter_month, workdays) <= 1) AS all_agree,
	   bool_and(abs(month - 50000 * (SELECT count(*) FROM generate_series(lower(m.period), upper(m.period) - 1, '1 day') d WHERE extract(isodow FROM d) < 6 AND (rep <> 'E' OR d <= '2024-06-11'))
				/ CASE rep WHEN 'E' THEN 117.0 ELSE 262.0 END) < 1) AS by_workdays
FROM months m GROUP BY 1 ORDER BY 1;
-- days on which E is not there have nothing, weeks count the others
SELECT level, period, amount FROM by_grains WHERE slice = '{"caller": "E"}' AND level IN ('week', 'day') AND period && '[2024-06-07,2024-06-18)' ORDER BY 1, 2;
ROLLBACK;
-- one call for both: the reps, and the months of each from her first day to her last
SELECT m.slice ->> 'caller' AS rep, m.period, m.amount AS month, w.amount AS month_week, d.amount AS month_day
FROM preview_split(root_target('P', 'calls'), '{caller,month}', method => 'seasonal', levels => '{"caller": {"method": "percent", "weights": {"A": 50, "E": 30, "N": 20}}}') m
JOIN preview_split(root_target('P', 'calls'), '{caller,month,week}', method => 'seasonal', levels => '{"caller": {"method": "percent", "weights": {"A": 50, "E": 30, "N": 20}}}') w USING (level, slice, period)
JOIN preview_split(root_target('P', 'calls'), '{caller,month,day}', method => 'seasonal', levels => '{"caller": {"method": "percent", "weights": {"A": 50, "E": 30, "N": 20}}}') d USING (level, slice, period)
WHERE level = 'month' AND slice <> '{"caller": "A"}' AND period && '[2024-04-01,2024-08-01)' ORDER BY 1, 2;
-- so there is nothing to prorate
SELECT * FROM preview_split(root_target('P', 'calls'), '{month}', method => 'seasonal', prorate => 'days');
-- one who moves in the middle of a month has a part of it in each place
BEGIN;
SELECT count(*) AS changes FROM move_member('area', 'Cid', 'North', from_day => '2024-06-16', history => 'stays');
SELECT create_plan('Moves', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('Moves', 'visits', amount => 100000) > 0 AS set;
SELECT count(*) FROM split_target(root_target('Moves', 'visits'), '{area,rep}', method => 'equal');
SELECT a.slice ->> 'area' AS area, m.period, m.amount, m.amount = d.amount AS as_by_weeks, d.workdays
FROM preview_split(root_target('Moves', 'visits'), '{month}', method => 'seasonal') m
JOIN (SELECT parent_id, period, amount FROM preview_split(root_target('Moves', 'visits'), '{month,week}', method => 'seasonal') WHERE level = 'month') w USING (parent_id, period)
JOIN target c ON c.target_id = m.parent_id JOIN target a ON a.target_id = c.parent_id,
LATERAL (SELECT weekdays(GREATEST(lower(m.period), CASE a.slice ->> 'area' WHEN 'North' THEN '2024-06-16'::date END),
						 LEAST(upper(m.period), CASE a.slice ->> 'area' WHEN 'South' THEN '2024-06-16'::date END)) AS workdays, w.amount) d
WHERE m.slice = '{"area": "Cid"}' AND m.amount > 0 AND m.period && '[2024-05-01,2024-08-01)' ORDER BY 1, 2;
ROLLBACK;

-- ------------------------------------------------- calendars that are listed
-- the list begins a year after the source: its days are all that there are
CREATE TABLE list AS
SELECT 'month' AS grain, m::date AS period_start, (m + interval '1 month')::date - 1 AS period_end, to_char(m, 'YYYY-MM') AS label FROM generate_series(timestamp '2021-01-01', '2024-12-01', '1 month') m
UNION ALL SELECT 'year', make_date(y, 1, 1), make_date(y, 12, 31), y::text FROM generate_series(2021, 2024) y;
CREATE VIEW list_of_months AS SELECT * FROM list WHERE grain = 'month';
CREATE VIEW list_of_quarters AS
SELECT 'quarter' AS grain, min(period_start) AS period_start, max(period_end) AS period_end, to_char(min(period_start), 'YYYY-"Q"Q') AS label
FROM list WHERE grain = 'month' GROUP BY date_trunc('quarter', period_start);
CREATE VIEW list_of_years_and_quarters AS SELECT * FROM list WHERE grain = 'year' UNION ALL SELECT * FROM list_of_quarters;
CREATE VIEW list_from_2023 AS SELECT * FROM list WHERE period_start >= '2023-01-01';
CREATE VIEW list_from_2024 AS SELECT * FROM list WHERE period_start >= '2024-01-01';
CREATE VIEW list_upto_2022 AS SELECT * FROM list WHERE period_end < '2023-01-01';
CREATE VIEW list_of_2030 AS SELECT grain, (period_start + interval '9 years')::date AS period_start, (period_end + interval '9 years')::date AS period_end, label FROM list WHERE period_end < '2022-01-01';
SELECT count(add_calendar(relname, periods_from => oid::regclass)) AS calendars FROM pg_class WHERE relnamespace = 'seasonal_test'::regnamespace AND relname ~ '^list';
SELECT count(create_plan(name, period => '[2024-01-01,2025-01-01)', calendar => name)) AS plans, count(set_target(name, 'calls', amount => 100000)) AS targets
FROM unnest('{list,list_of_months,list_of_quarters,list_of_years_and_quarters,list_from_2023,list_from_2024}'::text[]) name;
SELECT l.period, l.amount, w.amount AS workdays
FROM preview_split(root_target('list', 'calls'), '{month}', method => 'seasonal') l
JOIN preview_split(root_target('list', 'calls'), '{month}', method => 'workdays') w USING (period) LIMIT 3;
SELECT DISTINCT index_basis, years FROM seasonal_index('calls', calendar => 'list');
-- one that ends before the source does
SELECT DISTINCT index_basis, years FROM seasonal_index('calls', calendar => 'list_upto_2022');
-- one that leaves too little, or nothing, of the facts
SELECT * FROM preview_split(root_target('list_from_2023', 'calls'), '{month}', method => 'seasonal');
SELECT * FROM preview_split(root_target('list_from_2024', 'calls'), '{month}', method => 'seasonal');
SELECT * FROM seasonal_index('calls', calendar => 'list_from_2023');
SELECT * FROM seasonal_index('calls', calendar => 'list_of_2030');
SELECT amount, fallback, count(*) FROM preview_split(root_target('list_from_2024', 'calls'), '{month}', method => 'seasonal', on_missing => 'equal') GROUP BY 1, 2 ORDER BY 1;
-- a basis that begins before the list, or ends after it
SELECT * FROM preview_split(root_target('list', 'calls'), '{month}', method => 'seasonal', basis => '[2020-01-01,2021-01-01)');
SELECT * FROM preview_split(root_target('list', 'calls'), '{month}', method => 'seasonal', basis => '[2020-01-01,2024-01-01)');
SELECT * FROM seasonal_index('calls', calendar => 'list_upto_2022', basis => '[2021-01-01,2024-01-01)');
SELECT count(*) FROM split_target(root_target('list', 'calls'), '{month}', method => 'seasonal', basis => '[2022-01-01,2024-01-01)');
SELECT count(unsplit_target(root_target('list', 'calls'))) AS removed;
SELECT count(*) FROM split_target(root_target('list', 'calls'), '{month}', method => 'seasonal');
SELECT split_id - min(split_id) OVER () AS n, basis, findings #> '{0,months}' AS months FROM (SELECT * FROM split_log ORDER BY split_id DESC LIMIT 2) l ORDER BY 1;
-- without months there are no seasons, and without years none that come again
SELECT * FROM preview_split(root_target('list_of_quarters', 'calls'), '{quarter}', method => 'seasonal');
SELECT * FROM preview_split(root_target('list_of_years_and_quarters', 'calls'), '{quarter}', method => 'seasonal', basis => '[2021-01-01,2024-01-01)');
SELECT * FROM preview_split(root_target('list_of_months', 'calls'), '{month}', method => 'seasonal');
SELECT * FROM preview_split(root_target('list_of_months', 'calls'), '{month}', method => 'seasonal', basis => '[2021-01-01,2024-01-01)');
SELECT * FROM seasonal_index('calls', calendar => 'list_of_quarters');

-- -------------------------------------------------- facts of less than a year
CREATE VIEW young AS SELECT * FROM calls WHERE d >= '2023-11-01';
SELECT add_metric('young', unit => 'call') > 0 AS added;
SELECT count(*) AS levels FROM add_source('young', 'young', occurred_on => 'd', amount => 'amount', dimensions => '{}');
SELECT * FROM seasonal_index('young');
SELECT * FROM seasonal_index('young', basis => '[2023-11-01,2024-01-01)');
SELECT set_target('P', 'young', amount => 2620) > 0 AS set;
-- that method needs none
SELECT period, amount FROM preview_split(root_target('P', 'young'), '{month}', method => 'workdays') LIMIT 2;

-- ------------------------------------------------ negative amounts and zeros
CREATE VIEW returns AS SELECT day, market, CASE WHEN extract(month FROM day) = 2 THEN -amount ELSE amount END AS amount FROM orders;
SELECT add_metric('net', unit => 'EUR') > 0 AS added;
SELECT count(*) AS levels FROM add_source('net', 'returns', occurred_on => 'day', amount => 'amount', dimensions => '{"market": "market"}');
SELECT set_target('B', 'net', amount => 1000) > 0 AS set;
SELECT * FROM preview_split(root_target('B', 'net'), '{month}', method => 'seasonal');
SELECT period, amount, fallback FROM preview_split(root_target('B', 'net'), '{month}', method => 'seasonal', on_negative => 'zero') WHERE fallback IS NOT NULL;

-- -------------------------------------------------------------------- errors
SELECT * FROM preview_split(root_target('B', 'sales'), '{market}', method => 'seasonal');
SELECT * FROM preview_split(root_target('B', 'sales'), '{month}', method => 'seasonal', weights_from => 'orders');
SELECT * FROM preview_split(root_target('B', 'sales'), '{month}', method => 'seasonal', weights => '{"outliers": "cut"}');
SELECT * FROM preview_split(root_target('B', 'sales'), '{month}', method => 'seasonal', weights => '[1]');
SELECT * FROM preview_split(root_target('B', 'sales'), '{month}', method => 'seasonal', basis => '[2021-01-15,2024-01-01)');
SELECT * FROM preview_split(root_target('B', 'sales'), '{month}', method => 'seasonal', basis => '[2023-01-01,2025-01-01)');
SELECT * FROM preview_split(root_target('B', 'sales'), '{market,month}', method => 'blend', bases => '[{"method": "seasonal"}, {"factor": 2}]');
SELECT * FROM preview_split(root_target('B', 'sales'), '{month}', method => 'seasonal', profile => '{"lag": 1}');
SELECT * FROM seasonal_index('sales', '{month}');
SELECT * FROM seasonal_index('sales', '{shop}');
SELECT * FROM seasonal_index('sale');
SELECT * FROM seasonal_index('sales', calendar => 'martian');
SELECT * FROM seasonal_index('sales', outliers => 'cut');
SELECT * FROM seasonal_index('sales', slice => '{"market": "Nowhere"}');
SELECT * FROM seasonal_index('sales', slice => '{"planet": "Mars"}');
SELECT * FROM seasonal_index('sales', slice => '{"market": ["West", "Berlin"]}');
SELECT * FROM seasonal_index('sales', slice => '{"market": "North"}');
SELECT * FROM seasonal_index('sales', basis => '(,2024-01-01)');
SELECT * FROM seasonal_index('sales', basis => '[2023-01-01,2025-01-01)');
SELECT * FROM seasonal_index('sales', by => NULL);
-- facts of no member
INSERT INTO orders VALUES ('2023-05-05', 'Moon', 1), ('2022-05-05', NULL, 2);
SELECT * FROM seasonal_index('sales', '{market}');
SELECT count(*) FROM seasonal_index('sales', '{market}', on_unassigned => 'spread');
SELECT * FROM preview_split(root_target('B', 'sales'), '{market,month}', method => 'seasonal');
-- quarters that are split by different levels have no series in common
SELECT count(*) FROM split_target(root_target('B', 'sales'), '{quarter}', on_unassigned => 'spread');
SELECT count(*) FROM add_dimension('shop');
SELECT add_member('shop', 'One') > 0 AS added;
SELECT count(*) FROM split_target(find_target('B', 'sales', '{}', '[2024-01-01,2024-04-01)'), '{market}', method => 'equal');
SELECT count(*) FROM split_target(find_target('B', 'sales', '{}', '[2024-04-01,2024-07-01)'), '{shop}', method => 'equal');
SELECT * FROM preview_split(root_target('B', 'sales'), '{month}', method => 'seasonal', on_unassigned => 'spread');

-- ------------------------------------------------- idle months
-- a month that the calendar has no working day in, every August: what is sold there is in no index, and told
CREATE TABLE august_off AS SELECT d::date AS day, 0 AS weight FROM generate_series('2020-08-01'::date, '2024-08-31', '1 day') d WHERE extract(month FROM d) = 8;
CREATE TABLE kiosk AS SELECT d::date AS day, side, CASE WHEN extract(month FROM d) = 8 THEN 3.25 ELSE 100 END AS amount
FROM generate_series('2020-01-01'::date, '2023-12-31', '1 day') d, (VALUES ('left'), ('right')) s (side)
WHERE extract(isodow FROM d) <= 5 AND NOT (side = 'right' AND extract(month FROM d) = 8 AND extract(year FROM d) <> 2022);
SELECT add_calendar('summer') > 0 AS added;
SELECT load_calendar_days('summer', 'august_off');
SELECT add_metric('coffee', unit => 'EUR') > 0 AS added;
SELECT count(*) FROM add_source('coffee', 'kiosk', occurred_on => 'day', amount => 'amount', dimensions => '{"side": "side"}');
SELECT index_slice, sum(idle_amount) AS idle_amount, string_agg(label, ' ') FILTER (WHERE idle_amount IS NOT NULL) AS idle, min(index) AS least, max(index) AS most, count(own_index) AS seasons
FROM seasonal_index('coffee', '{side}', calendar => 'summer') GROUP BY 1 ORDER BY 1;
SELECT side, sum(amount) AS by_hand FROM kiosk WHERE extract(month FROM day) = 8 GROUP BY ROLLUP (1) ORDER BY 1;
SELECT create_plan('Summer', period => '[2024-01-01,2025-01-01)', calendar => 'summer') > 0 AS created, set_target('Summer', 'coffee', amount => 24000) > 0 AS set;
SELECT count(*) FROM split_target(root_target('Summer', 'coffee'), '{side,month}', method => 'seasonal');
SELECT findings -> 0 AS finding FROM split_log WHERE plan = 'Summer';
SELECT slice ->> 'side' AS side, amount FROM target WHERE slice ? 'side' AND period = '[2024-08-01,2024-09-01)' AND plan_id = (SELECT plan_id FROM plan WHERE family = 'Summer') ORDER BY 1;
-- with a calendar that has these days there is nothing to tell
SELECT count(idle_amount) AS told FROM seasonal_index('coffee', '{side}');
SELECT findings -> 0 ? 'amount_in_idle_months' AS told FROM split_log WHERE plan = 'A' AND method = 'seasonal' LIMIT 1;

DROP SCHEMA seasonal_test CASCADE;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
