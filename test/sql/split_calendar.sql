-- A plan goes by its own calendar: splits, views, cuts, and what history is like.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA split_calendar_test;
SET search_path = split_calendar_test, target_split;
SET datestyle = ISO;
-- one order a day and market; nothing is random
CREATE TABLE orders AS
SELECT day::date AS day, market, ((extract(doy FROM day)::int * 37 + ascii(market) * 11 + extract(isodow FROM day)::int * 90) % 500 + 10) * 0.25 AS amount
FROM generate_series('2020-01-01'::date, '2026-01-31', '1 day') day, (VALUES ('East'), ('West')) m (market);
SELECT add_metric('sales', unit => 'EUR', quantum => 0.01) > 0 AS metric;
SELECT count(*) FROM add_source('sales', 'orders', occurred_on => 'day', amount => 'amount', dimensions => '{"market": "market"}');
SELECT add_calendar('retail', first_month => 2, label_by => 'start', week_start => 7, pattern => '4-5-4') > 0 AS retail,
	add_calendar('periods', pattern => '13x4') > 0 AS periods, add_calendar('july', first_month => 7) > 0 AS july;

-- ------------------------------------------------ months and weeks both add up
SELECT create_plan('G', period => '[2024-01-15,2024-12-20)') > 0 AS plan, set_target('G', 'sales', amount => 100000.01) > 0 AS target;
SELECT count(*) FROM split_target(root_target('G', 'sales'), '{market,quarter,month,week}', method => 'history', basis => '[2023-01-01,2024-01-01)');
SELECT level, label, path, period_start, period_end, fiscal_year, fiscal_half, fiscal_quarter, month, week, amount
FROM target_tree WHERE plan = 'G' AND slice = '{"market": "East"}' AND period && '[2024-04-29,2024-05-06)' ORDER BY period_start, depth;
-- the segments add up to months, quarters and the year, and to whole weeks as the calendar of the server has them
SELECT count(*) FILTER (WHERE level = 'week') AS segments, count(DISTINCT week) AS weeks,
	count(*) FILTER (WHERE level = 'week' AND week <> to_char(period_start, 'IYYY-"W"IW')) AS wrong_weeks,
	sum(amount) FILTER (WHERE level = 'week') AS total
FROM target_tree WHERE plan = 'G';
SELECT * FROM plan_check;
SELECT evaluate_plan('G', as_of => '2024-05-10') > 0 AS evaluated;
SELECT week, period_start, period_end, fiscal_half, fiscal_quarter, month, n_segments, amount, actual, expected FROM kpi_week
WHERE plan = 'G' AND slice = '{"market": "East"}' AND period_start >= '2024-04-22' AND period_start <= '2024-05-13' ORDER BY period_start;
-- against plain SQL
SELECT count(*) AS weeks, count(*) FILTER (WHERE k.amount IS DISTINCT FROM t.amount OR k.actual IS DISTINCT FROM o.actual OR k.n_segments <> t.n) AS wrong
FROM kpi_week k
JOIN (SELECT slice, date_trunc('week', period_start)::date AS monday, sum(amount) AS amount, count(*) AS n FROM target_tree WHERE plan = 'G' AND level = 'week' GROUP BY 1, 2) t
	ON t.slice = k.slice AND t.monday = date_trunc('week', k.period_start)::date
LEFT JOIN (SELECT jsonb_build_object('market', market) AS slice, date_trunc('week', day)::date AS monday, sum(amount) AS actual
	FROM orders WHERE day >= '2024-01-15' AND day < '2024-12-20' AND day <= '2024-05-10' GROUP BY 1, 2) o ON o.slice = k.slice AND o.monday = t.monday
WHERE k.plan = 'G';
-- all views have the half year, as the calendar of the server has it
SELECT create_flat_view('G', 'g_flat');
SELECT v.name, v.n > 0 AS has_rows, v.wrong
FROM (SELECT 'target_tree' AS name, count(*) AS n, count(*) FILTER (WHERE fiscal_half IS DISTINCT FROM half) AS wrong
	  FROM target_tree, LATERAL (SELECT CASE WHEN (extract(month FROM period_start) <= 6) = (extract(month FROM period_end) <= 6) THEN 'FY24-H' || CASE WHEN extract(month FROM period_start) <= 6 THEN 1 ELSE 2 END END AS half) h WHERE plan = 'G'
	  UNION ALL
	  SELECT 'kpi_variance', count(*), count(*) FILTER (WHERE k.fiscal_half IS DISTINCT FROM t.fiscal_half) FROM kpi_variance k JOIN target_tree t USING (target_id) WHERE k.plan = 'G'
	  UNION ALL
	  SELECT 'target_history', count(*), count(*) FILTER (WHERE k.fiscal_half IS DISTINCT FROM t.fiscal_half) FROM target_history k JOIN target_tree t USING (target_id) WHERE k.plan = 'G'
	  UNION ALL
	  SELECT 'flat view', count(*), count(*) FILTER (WHERE k.fiscal_half IS DISTINCT FROM t.fiscal_half) FROM g_flat k JOIN target_tree t USING (target_id)) v;
SELECT period_label, amount, amount = (SELECT sum(amount) FROM g_flat f WHERE f.fiscal_half = period_label) AS as_flat FROM kpi_cut('G', 'sales', '{half}', as_of => '2024-05-10');
-- by week alone weeks are whole; under months they are segments
SELECT period_label, period_start, period_end, amount, actual FROM kpi_cut('G', 'sales', '{week}', as_of => '2024-05-10') WHERE period_start BETWEEN '2024-04-22' AND '2024-05-06';
SELECT period_label, period_start, period_end, amount, actual FROM kpi_cut('G', 'sales', '{month,week}', as_of => '2024-05-10') WHERE period_start BETWEEN '2024-04-22' AND '2024-05-06';
SELECT period_label, period_start, period_end, amount FROM kpi_cut('G', 'sales', '{quarter,week}', as_of => '2024-05-10') WHERE period_start BETWEEN '2024-09-23' AND '2024-10-07';
SELECT w.n, w.total = m.total AND w.total = q.total AS same FROM (SELECT count(*) AS n, sum(amount) AS total FROM kpi_cut('G', 'sales', '{week}')) w,
	(SELECT sum(amount) AS total FROM kpi_cut('G', 'sales', '{month,week}')) m, (SELECT sum(amount) AS total FROM kpi_cut('G', 'sales', '{quarter,week}')) q;

-- -------------------------------------------------------- a year of whole weeks
SELECT * FROM find_plan('G');
SELECT create_plan('R', period => '[2024-02-04,2025-02-02)', calendar => 'retail') > 0 AS plan, set_target('R', 'sales', amount => 50000) > 0 AS target;
SELECT label, parent_label, period_start, period_end, days, workdays FROM plan_periods('R', 'month');
SELECT count(*) FROM split_target(root_target('R', 'sales'), '{market,half,quarter,month,week}');
SELECT level, label, fiscal_year, fiscal_half, fiscal_quarter, month, week, period_start, period_end, amount
FROM target_tree WHERE plan = 'R' AND slice = '{"market": "West"}' AND period && '[2024-02-04,2024-02-18)' ORDER BY period_start, depth;
-- last year's week of the same number, and in it the same weekday: weights are its sums
WITH f AS (SELECT market, (day - date '2023-01-29') / 7 AS week, sum(amount) AS amount FROM orders WHERE day >= '2023-01-29' AND day < '2024-01-28' GROUP BY 1, 2)
SELECT count(*) AS weeks, count(*) FILTER (WHERE t.weight IS DISTINCT FROM f.amount) AS wrong
FROM (SELECT x.slice ->> 'market' AS market, (lower(x.period) - date '2024-02-04') / 7 AS week, x.weight FROM target x JOIN plan p USING (plan_id) WHERE p.family = 'R' AND x.level = 'week') t
FULL JOIN f USING (market, week);
SELECT slice, fiscal_year, year_start, year_end, m01, m02, m12, m13, q1, q2, q3, q4, total, q1 + q2 + q3 + q4 = total AS whole FROM target_wide WHERE plan = 'R' ORDER BY slice;
SELECT cut, period_label, amount FROM kpi_cut('R', 'sales', '{quarter}');
SELECT period_label, period_start, period_end FROM kpi_cut('R', 'sales', '{week}') LIMIT 2;
-- a year of 53 weeks after one of 52: week 53 is like week 52
SELECT create_plan('L', period => '[2023-01-29,2024-02-04)', calendar => 'retail') > 0 AS plan, set_target('L', 'sales', amount => 53000) > 0 AS target;
SELECT count(*) FROM split_target(root_target('L', 'sales'), '{week}');
SELECT label, weight FROM target_tree JOIN (SELECT target_id, weight FROM target) w USING (target_id)
WHERE plan = 'L' AND label IN ('FY23-W01', 'FY23-W52', 'FY23-W53') ORDER BY label;
SELECT sum(amount) FILTER (WHERE day < '2022-02-06') AS week_1, sum(amount) FILTER (WHERE day >= '2023-01-22') AS week_52
FROM orders WHERE day >= '2022-01-30' AND day < '2023-01-29';
-- and one of 52 after one of 53: its week 52 is like the mean of both
SELECT create_plan('R2', period => '[2024-02-04,2025-02-02)', calendar => 'retail') > 0 AS plan, set_target('R2', 'sales', amount => 50000) > 0 AS target;
SELECT count(*) AS n, count(*) FILTER (WHERE weight IS DISTINCT FROM 2 * amount) AS wrong
FROM (SELECT (lower(period) - date '2024-02-04') / 7 + 1 AS week, weight FROM preview_split(root_target('R2', 'sales'), '{week}', basis => '[2023-01-29,2024-02-04)')) s
FULL JOIN (SELECT LEAST((day - date '2023-01-29') / 7 + 1, 52) AS week, sum(CASE WHEN day >= '2024-01-21' THEN amount / 2 ELSE amount END) AS amount FROM orders
	WHERE day >= '2023-01-29' AND day < '2024-02-04' GROUP BY 1) f USING (week);

-- ------------------------------------------------- which day is like which
SELECT create_plan('A', period => '[2024-01-01,2025-01-01)') > 0 AS plan, set_target('A', 'sales', amount => 366000) > 0 AS target;
-- by date: the same day of last year; 28 and 29 February share the 28th
WITH like_it AS (SELECT p.period_start AS day, o.amount / CASE WHEN to_char(o.day, 'MMDD') = '0228' THEN 2 ELSE 1 END AS amount FROM periods('[2024-01-01,2025-01-01)', 'day') p
	LEFT JOIN (SELECT day, sum(amount) AS amount FROM orders GROUP BY day) o ON o.day = (p.period_start - interval '1 year')::date)
SELECT count(*) AS days, count(*) FILTER (WHERE s.weight IS DISTINCT FROM l.amount) AS wrong
FROM preview_split(root_target('A', 'sales'), '{day}') s JOIN like_it l ON l.day = lower(s.period);
-- by week: number and weekday of the ISO week, 2024-12-30 and 31 are in week 1 of 2025, and are like the first days of 2024
-- if the basis has them; without one it ends where the plan begins, and they are like those of 2023
WITH like_it AS (SELECT p.period_start AS day, o.amount FROM periods('[2024-01-01,2025-01-01)', 'day') p
	LEFT JOIN (SELECT day, sum(amount) AS amount FROM orders GROUP BY day) o
		ON (extract(isoyear FROM o.day), extract(week FROM o.day), extract(isodow FROM o.day))
		 = (extract(isoyear FROM p.period_start) - 1, extract(week FROM p.period_start), extract(isodow FROM p.period_start)))
SELECT count(*) AS days, count(*) FILTER (WHERE s.weight IS DISTINCT FROM l.amount) AS wrong
FROM preview_split(root_target('A', 'sales'), '{day}', align => 'week', basis => '[2023-01-02,2024-01-03)') s JOIN like_it l ON l.day = lower(s.period);
SELECT count(*) AS days, count(*) FILTER (WHERE s.weight <> d.weight) AS others, string_agg(CASE WHEN s.weight <> d.weight THEN s.weight::text || ' ' || o.amount END, ', ' ORDER BY s.period) AS they_are
FROM preview_split(root_target('A', 'sales'), '{day}', align => 'week') s
JOIN preview_split(root_target('A', 'sales'), '{day}', align => 'week', basis => '[2023-01-02,2024-01-03)') d USING (period)
LEFT JOIN (SELECT day, sum(amount) AS amount FROM orders GROUP BY day) o ON o.day = lower(s.period) - 728;
-- by weekday: 52 weeks before
WITH like_it AS (SELECT p.period_start AS day, o.amount FROM periods('[2024-01-01,2025-01-01)', 'day') p
	LEFT JOIN (SELECT day, sum(amount) AS amount FROM orders GROUP BY day) o ON o.day = p.period_start - 364)
SELECT count(*) AS days, count(*) FILTER (WHERE s.weight IS DISTINCT FROM l.amount) AS wrong
FROM preview_split(root_target('A', 'sales'), '{day}', align => 'weekday', basis => '[2023-01-02,2024-01-03)') s JOIN like_it l ON l.day = lower(s.period);
-- two years before 2024, in whole weeks: 104 of them
WITH like_it AS (SELECT p.period_start AS day, o.amount FROM periods('[2024-01-01,2025-01-01)', 'day') p
	LEFT JOIN (SELECT day, sum(amount) AS amount FROM orders GROUP BY day) o ON o.day = p.period_start - 728)
SELECT count(*) AS days, count(*) FILTER (WHERE s.weight IS DISTINCT FROM l.amount) AS wrong
FROM preview_split(root_target('A', 'sales'), '{day}', align => 'weekday', basis => '[2022-01-03,2023-01-04)') s JOIN like_it l ON l.day = lower(s.period);
-- it is recorded, made again, and explained
SELECT count(*) FROM split_target(root_target('A', 'sales'), '{month}', align => 'weekday');
SELECT method, arguments FROM split_log WHERE plan = 'A';
SELECT count(*) FROM preview_resplit(root_target('A', 'sales'));
SELECT count(*) > 0 AS others FROM preview_resplit(root_target('A', 'sales'), align => 'date');
SELECT substring(split_call FROM 'method.*align[^)]*') AS split_call FROM explain_target(find_target('A', 'sales', period => '[2024-02-01,2024-03-01)')) WHERE level = 'month';
-- ------------------------------------------------- leap years, by date
CREATE TABLE leap AS SELECT day::date AS day, shop, ((extract(doy FROM day)::int * 37 + extract(year FROM day)::int * 11 + length(shop)) % 97 + 1)::numeric AS amount
FROM generate_series('2022-01-01'::date, '2027-12-31', '1 day') day, (VALUES ('old'), ('newer')) s (shop);
SELECT add_metric('leap', unit => 'EUR') > 0 AS metric;
SELECT count(*) AS levels FROM add_source('leap', 'leap', occurred_on => 'day', amount => 'amount', dimensions => '{"shop": "shop"}');
CREATE FUNCTION leap_plan(plan text, period daterange) RETURNS bigint LANGUAGE sql AS $$
	SELECT create_plan(leap_plan.plan, leap_plan.period);
	SELECT set_target(leap_plan.plan, 'leap', amount => 366000) $$;
-- each day of a basis goes to the day so many months later; the last one of a month to all days up to the end of that month as well
CREATE FUNCTION moved(basis daterange, months int) RETURNS TABLE (day date, amount numeric) LANGUAGE sql AS $$
	SELECT d.day::date, sum(l.amount / n)
	FROM (SELECT leap.day, sum(leap.amount) AS amount, (leap.day + make_interval(months => months))::date AS first,
				 (date_trunc('month', leap.day + make_interval(months => months)) + interval '1 month -1 day')::date AS last
		  FROM leap WHERE leap.day <@ basis GROUP BY 1) l
	CROSS JOIN LATERAL (SELECT CASE WHEN extract(day FROM l.day + 1) = 1 THEN last ELSE first END AS upto) u
	CROSS JOIN LATERAL (SELECT upto - first + 1 AS n) n
	CROSS JOIN LATERAL generate_series(first, upto, '1 day') d (day)
	GROUP BY 1 $$;
SELECT leap_plan('Leap', '[2024-01-01,2025-01-01)') > 0, leap_plan('Leap 28', '[2028-01-01,2029-01-01)') > 0, leap_plan('Common', '[2023-01-01,2024-01-01)') > 0, leap_plan('Common 25', '[2025-01-01,2026-01-01)') > 0;
SELECT plan, basis, count(*) AS days, count(*) FILTER (WHERE s.weight IS DISTINCT FROM m.amount) AS others, sum(s.weight) = (SELECT sum(amount) FROM leap WHERE day <@ y.basis) AS nothing_lost
FROM (VALUES ('Leap', '[2023-01-01,2024-01-01)'::daterange, 12), ('Leap 28', '[2027-01-01,2028-01-01)', 12), ('Common', '[2024-01-01,2025-01-01)', -12), ('Common 25', '[2024-01-01,2025-01-01)', 12)) y (plan, basis, months)
CROSS JOIN LATERAL preview_split(root_target(plan, 'leap'), '{day}', basis => y.basis) s
LEFT JOIN LATERAL moved(y.basis, months) m ON m.day = lower(s.period)
GROUP BY plan, basis ORDER BY plan;
SELECT plan, period, weight FROM (VALUES ('Leap', '[2023-01-01,2024-01-01)'::daterange), ('Common 25', '[2024-01-01,2025-01-01)')) y (plan, basis), preview_split(root_target(plan, 'leap'), '{day}', basis => y.basis) s
WHERE extract(month FROM lower(period)) = 2 AND extract(day FROM lower(period)) >= 27 ORDER BY 1, 2;
SELECT day, sum(amount) FROM leap WHERE day IN ('2023-02-27', '2023-02-28', '2024-02-27', '2024-02-28', '2024-02-29') GROUP BY 1 ORDER BY 1;
-- months are what their days are, whatever the basis: one year, several with a leap year among them, a year and a half
SELECT plan, basis, count(*) AS months, count(*) FILTER (WHERE m.weight <> d.weight) AS others
FROM (VALUES ('Leap', '[2023-01-01,2024-01-01)'::daterange), ('Leap 28', '[2022-01-01,2028-01-01)'), ('Leap 28', '[2026-07-01,2028-01-01)'), ('Common 25', '[2022-01-01,2025-01-01)')) y (plan, basis)
CROSS JOIN LATERAL (SELECT lower(period) AS month, weight FROM preview_split(root_target(plan, 'leap'), '{month}', basis => y.basis)) m
JOIN LATERAL (SELECT date_trunc('month', lower(period))::date AS month, sum(weight) AS weight FROM preview_split(root_target(plan, 'leap'), '{day}', basis => y.basis) GROUP BY 1) d ON d.month = m.month
GROUP BY 1, 2 ORDER BY 1, 2;
-- one leap year and five others: 29 February is the mean of one day and five halves
SELECT s.period, s.weight, (SELECT sum(CASE WHEN to_char(l.day, 'MMDD') = '0229' OR extract(year FROM l.day) = 2024 THEN amount ELSE amount / 2 END)
	FROM leap l WHERE to_char(l.day, 'MMDD') = to_char(lower(s.period), 'MMDD') OR (to_char(l.day, 'MMDD') = '0228' AND extract(year FROM l.day) <> 2024)) AS by_hand
FROM preview_split(root_target('Leap 28', 'leap'), '{day}', basis => '[2022-01-01,2028-01-01)') s WHERE s.period <@ '[2028-02-28,2028-03-01)';
-- a lag has short months as well: 28 February is like 28 to 31 March a month later
SELECT count(*) AS days, count(*) FILTER (WHERE abs(s.weight - m.amount) > 0.000001 OR m.amount IS NULL) AS others, sum(s.weight) = (SELECT sum(amount) FROM leap WHERE day >= '2024-12-01' AND day < '2025-12-01') AS nothing_lost
FROM preview_split(root_target('Common 25', 'leap'), '{day}', method => 'profile', profile => '{"metric": "leap", "lag": 1}', basis => '[2024-12-01,2025-12-01)') s
LEFT JOIN moved('[2024-12-01,2025-12-01)', 1) m ON m.day = lower(s.period);
-- a plan that ends on 28 February, and one that begins on the 29th: each has all of 28 February
SELECT leap_plan('To 28', '[2024-01-01,2024-02-29)') > 0, leap_plan('From 29', '[2024-02-29,2025-01-01)') > 0;
SELECT count(*) AS days, min(weight) FILTER (WHERE period = '[2024-02-28,2024-02-29)') AS on_28 FROM preview_split(root_target('To 28', 'leap'), '{day}');
SELECT count(*) AS days, min(weight) FILTER (WHERE period = '[2024-02-29,2024-03-01)') AS on_29 FROM preview_split(root_target('From 29', 'leap'), '{day}');
SELECT sum(amount) FROM leap WHERE day = '2023-02-28';
-- a basis that begins or ends between 28 and 29 February: each day of a plan has, from each year of the basis that has any of its days,
-- the sum of these, and the mean of the years
SELECT leap_plan('28 to 27', '[2025-02-28,2026-02-28)') > 0, leap_plan('March', '[2025-03-01,2026-03-01)') > 0, leap_plan('29 to 27', '[2024-02-29,2025-02-28)') > 0;
SELECT plan, y.basis, count(*) AS days, count(*) FILTER (WHERE abs(s.weight / times - h.mean) > 0.000001 OR h.mean IS NULL) AS others,
	   CASE WHEN times = 1 THEN sum(s.weight) = (SELECT sum(amount) FROM leap WHERE day <@ y.basis) END AS nothing_lost
FROM (VALUES ('28 to 27', '[2024-02-29,2025-02-28)'::daterange, 1), ('March', '[2024-02-29,2025-02-28)', 1), ('29 to 27', '[2023-02-28,2024-02-28)', 1), ('28 to 27', '[2023-03-01,2024-02-29)', 1),
	('28 to 27', '[2024-02-29,2026-01-01)', 2), ('28 to 27', '[2022-03-01,2024-02-29)', 2), ('March', '[2024-02-29,2027-02-28)', 3)) y (plan, basis, times)
CROSS JOIN LATERAL preview_split(root_target(plan, 'leap'), '{day}', basis => y.basis) s
CROSS JOIN LATERAL (SELECT avg(amount) AS mean FROM (
	SELECT sum(l.amount) AS amount FROM leap l
	WHERE l.day <@ y.basis AND to_char(l.day, CASE WHEN to_char(l.day, 'MMDD') = '0229' AND plan <> '29 to 27' THEN '"0228"' ELSE 'MMDD' END)
		= CASE WHEN to_char(lower(s.period), 'MMDD') = '0229' THEN '0228' ELSE to_char(lower(s.period), 'MMDD') END
	GROUP BY extract(year FROM l.day)) of_year) h
GROUP BY 1, 2, times ORDER BY 1, 2;
-- a week that has both; what is explained: rows that two days share are counted once above them
SELECT s.period, s.weight, sum(m.amount) AS by_hand FROM preview_split(root_target('Leap 28', 'leap'), '{week}', basis => '[2027-01-01,2028-01-01)') s JOIN moved('[2027-01-01,2028-01-01)', 12) m ON s.period @> m.day
WHERE s.period && '[2028-02-21,2028-03-05)' GROUP BY 1, 2 ORDER BY 1;
SELECT count(*) FROM split_target(root_target('Leap', 'leap'), '{month,day}');
SELECT day, e.level, e.weight, e.basis_rows FROM (VALUES ('2024-02-28'::date), ('2024-02-29')) d (day),
	explain_target(find_target('Leap', 'leap', period => daterange(day, day + 1))) e WHERE e.step > 0 ORDER BY 1, e.step;
SELECT * FROM plan_check;

-- what cannot be
SELECT create_plan('B', period => '[2024-01-01,2025-01-01)') > 0 AS plan, set_target('B', 'sales', amount => 1) > 0 AS target;
SELECT * FROM preview_split(root_target('B', 'sales'), '{month}', align => 'month');
SELECT * FROM preview_split(root_target('B', 'sales'), '{month}', method => 'equal', align => 'week');
SELECT * FROM preview_split(root_target('B', 'sales'), '{month}', method => 'seasonal', align => 'week');
SELECT * FROM preview_split(root_target('B', 'sales'), '{month}', method => 'profile', profile => '{"metric": "sales", "lag": 2}', align => 'week');
-- a calendar without quarters
CREATE TABLE listed AS SELECT 'month' AS grain, period_start, period_end, 'P' || row_number() OVER (ORDER BY period_start) AS label
FROM periods('[2024-01-01,2025-01-01)', 'month');
SELECT add_calendar('listed', periods_from => 'listed') > 0 AS listed;
SELECT create_plan('C', period => '[2024-01-01,2024-07-01)', calendar => 'listed') > 0 AS plan, set_target('C', 'sales', amount => 60) > 0 AS target;
SELECT * FROM preview_split(root_target('C', 'sales'), '{quarter}', method => 'equal');
SELECT count(*) FROM split_target(root_target('C', 'sales'), '{month,week}', method => 'equal');
SELECT label, fiscal_year, month, week, amount FROM target_tree WHERE plan = 'C' AND period_start < '2024-02-12' AND depth > 0 ORDER BY period_start, depth;
SELECT m01, m02, m06, q1, total FROM target_wide WHERE plan = 'C';

-- ------------------------------------------- thirteen periods, a year from July
SELECT create_plan('T', period => '[2024-01-01,2024-12-30)', calendar => 'periods') > 0 AS plan, set_target('T', 'sales', amount => 13000) > 0 AS target;
SELECT count(*) FROM split_target(root_target('T', 'sales'), '{quarter,month}', method => 'equal');
SELECT fiscal_year, m01, m12, m13, q1, q4, total FROM target_wide WHERE plan = 'T';
SELECT create_plan('J', period => '[2023-07-01,2024-07-01)', calendar => 'july') > 0 AS plan, set_target('J', 'sales', amount => 1200) > 0 AS target;
SELECT count(*) FROM split_target(root_target('J', 'sales'), '{quarter,month}', method => 'equal');
SELECT path, fiscal_year, fiscal_quarter, month, amount FROM target_tree WHERE plan = 'J' AND depth > 0 AND period_start < '2023-10-01' ORDER BY period_start, depth;
SELECT fiscal_year, m01, m12, m13, q1, q4, total FROM target_wide WHERE plan = 'J';

-- what a plan goes by stays; the end of the transaction says so
DELETE FROM calendar_period WHERE label = 'P6';
BEGIN;
DELETE FROM calendar_period WHERE label IN ('P1', 'P2');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
DELETE FROM calendar_period;
DELETE FROM calendar_period WHERE label = 'P12';
INSERT INTO calendar_period SELECT calendar_id, 'month', '[2025-02-01,2025-03-01)', 'P14' FROM calendar WHERE name = 'listed';
BEGIN;
INSERT INTO calendar_period SELECT calendar_id, 'month', '[2025-01-01,2025-02-01)', 'P14' FROM calendar WHERE name = 'listed';
INSERT INTO calendar_period SELECT calendar_id, 'month', '[2024-12-01,2025-01-01)', 'P13' FROM calendar WHERE name = 'listed';
COMMIT;
SELECT count(*) FROM calendar_period;
UPDATE calendar SET first_month = 4 WHERE name = 'july';
UPDATE calendar SET day_weights = '{1,1,1,1,1,1,0}', country = 'CN' WHERE name = 'july';
DELETE FROM calendar WHERE name = 'july';
DELETE FROM calendar WHERE name = 'gregorian';
TRUNCATE calendar_period;
UPDATE calendar_period SET label = 'Q1' WHERE label = 'P1';
UPDATE calendar_period SET calendar_id = 1 WHERE label = 'P1';
BEGIN;
UPDATE calendar_period SET period = '[2024-01-01,2024-01-11)' WHERE label = 'P1';
UPDATE calendar_period SET period = '[2024-01-11,2024-03-01)' WHERE label = 'P2';
COMMIT;
-- constraints that are immediate are checked for each statement
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
DELETE FROM calendar_period WHERE label = 'P14';
DELETE FROM calendar_period WHERE label = 'P12';
DELETE FROM calendar_period WHERE label = 'P10';
ROLLBACK;
-- rows of a calendar that is not listed
INSERT INTO calendar_period SELECT calendar_id, 'year', '[2024-01-01,2025-01-01)', 'Y' FROM calendar WHERE name IN ('july', 'gregorian');
-- plans by plain SQL
INSERT INTO plan (family, period, calendar_id) SELECT 'Z', '[2030-01-01,2031-01-01)', calendar_id FROM calendar WHERE name = 'listed';
UPDATE plan SET calendar_id = (SELECT calendar_id FROM calendar WHERE name = 'retail') WHERE family = 'J';
UPDATE plan SET description = 'a year from July' WHERE family = 'J';
-- a role that sees no plan cannot either
CREATE ROLE regress_ts_calendar;
GRANT USAGE ON SCHEMA target_split TO regress_ts_calendar;
GRANT SELECT, UPDATE, DELETE ON calendar, calendar_period TO regress_ts_calendar;
SET ROLE regress_ts_calendar;
UPDATE calendar SET first_month = 4 WHERE name = 'july';
DELETE FROM calendar_period WHERE label = 'P6';
RESET ROLE;
DROP OWNED BY regress_ts_calendar;
DROP ROLE regress_ts_calendar;
-- where the guard was off, plan_check finds it
BEGIN;
ALTER TABLE calendar DISABLE TRIGGER calendar_guard;
UPDATE calendar SET first_month = 6 WHERE name = 'july';
SELECT plan, promise, regexp_replace(problem, '\d+', 'N') AS problem FROM plan_check ORDER BY target_id;
ROLLBACK;
-- listed weeks: by weekday unless told otherwise
CREATE TABLE weeks AS SELECT 'week' AS grain, day::date AS period_start, day::date + 6 AS period_end, 'W' || to_char(day, 'YYYYMMDD') AS label
FROM generate_series('2022-12-26'::date, '2024-12-23', '7 days') day;
SELECT add_calendar('weeks', periods_from => 'weeks') > 0 AS weeks;
SELECT create_plan('W', period => '[2024-01-01,2024-12-30)', calendar => 'weeks') > 0 AS plan, set_target('W', 'sales', amount => 5200) > 0 AS target;
SELECT count(*) AS weeks, count(*) FILTER (WHERE s.weight IS DISTINCT FROM o.amount) AS wrong FROM preview_split(root_target('W', 'sales'), '{week}') s
LEFT JOIN (SELECT (day - date '2023-01-02') / 7 AS week, sum(amount) AS amount FROM orders WHERE day >= '2023-01-02' AND day < '2024-01-01' GROUP BY 1) o ON o.week = (lower(s.period) - date '2024-01-01') / 7;
SELECT * FROM preview_split(root_target('W', 'sales'), '{week}', align => 'week');
-- functions see a change of the same transaction
DO $$
DECLARE
	id int;
BEGIN
	id := target_split.add_calendar('changing');
	FOR i IN 1 .. 2 LOOP
		RAISE WARNING '%', target_split.period_label('quarter', '2024-01-15', id);
		UPDATE target_split.calendar SET first_month = 7 WHERE calendar_id = id;
	END LOOP;
END $$;
-- hints by the plan's calendar
SELECT create_plan('K', period => '[2023-07-01,2024-07-01)', calendar => 'july') > 0 AS plan, set_target('K', 'sales', amount => 1200) > 0 AS target;
SELECT * FROM preview_split(root_target('K', 'sales'), '{quarter}', method => 'percent', weights => '{"Q1": 10, "Q2": 90}');
SELECT create_plan('D', period => '[2024-01-01,2024-01-02)') > 0 AS plan, set_target('D', 'sales', amount => 60) > 0 AS target;
SELECT * FROM preview_split(root_target('D', 'sales'), '{month}', method => 'equal');

-- ------------------------------------------------ random calendars, spans, weights
-- every level adds up, every part is a period of its calendar, no promise is broken
CREATE FUNCTION chosen(VARIADIC texts text[]) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT texts[1 + floor(random() * array_length(texts, 1))::int]';
CREATE TABLE tried (no int, calendar text, span daterange, by_levels text[], method text, parts bigint);
SELECT setseed(0.2024);
DO $$
DECLARE
	pattern text; calendar_name text; first_day date; span daterange; by_levels text[]; way text; plan_name text; parts bigint;
BEGIN
	FOR i IN 1 .. 60 LOOP
		pattern := split_calendar_test.chosen('months', '4-4-5', '4-5-4', '5-4-4', '13x4');
		calendar_name := 'random ' || i;
		PERFORM target_split.add_calendar(calendar_name, pattern => pattern, first_month => 1 + floor(random() * 12)::int, label_by => split_calendar_test.chosen('start', 'end'),
			week_start => 1 + floor(random() * 7)::int, year_end => split_calendar_test.chosen('nearest', 'last'),
			week_53 => CASE WHEN pattern <> 'months' AND random() < 0.5 THEN 1 + floor(random() * 12)::int END,
			day_weights => CASE WHEN random() < 0.5 THEN '{1,1,1,1,1,0,0}'::numeric[] ELSE '{1,1,1,1,1.5,0.5,0.25}'::numeric[] END);
		first_day := date '2023-01-01' + floor(random() * 600)::int;
		span := daterange(first_day, first_day + 1 + floor(random() * 700)::int);
		SELECT array_agg(g ORDER BY n) INTO by_levels
		FROM unnest('{year,half,quarter,month,week,day}'::text[]) WITH ORDINALITY u (g, n) WHERE random() < CASE g WHEN 'day' THEN 0.2 ELSE 0.6 END;
		CONTINUE WHEN by_levels IS NULL;
		way := split_calendar_test.chosen('days', 'workdays', 'equal', 'history');
		plan_name := 'random ' || i;
		PERFORM target_split.create_plan(plan_name, period => span, calendar => calendar_name);
		PERFORM target_split.set_target(plan_name, 'sales', amount => round((random() * 1000000 - 100000)::numeric, 2));
		BEGIN
			SELECT count(*) INTO parts FROM target_split.split_target(target_split.root_target(plan_name, 'sales'), by_levels, method => way, on_missing => 'equal', on_zero => 'equal',
				basis => CASE way WHEN 'history' THEN daterange('2021-01-01', '2023-01-01') END);
			INSERT INTO split_calendar_test.tried VALUES (i, calendar_name, span, by_levels, way, parts);
		EXCEPTION WHEN OTHERS THEN
			-- a span within one period cannot be split by it
			IF SQLERRM NOT LIKE '% is not longer than a %' THEN RAISE; END IF;
		END;
	END LOOP;
END $$;
SELECT count(*) > 30 AS many_plans, count(DISTINCT method) AS methods, sum(parts) > 5000 AS many_parts FROM tried;
SELECT plan, promise, problem FROM plan_check WHERE plan LIKE 'random%' LIMIT 5;
CREATE VIEW random_tree AS SELECT t.*, n.no, n.method, n.calendar FROM tried n JOIN target_tree t ON t.plan = 'random ' || n.no;
-- the parts of each level are the periods of the calendar in that span, cut only by the span
SELECT count(*) > 0 AS levels, count(*) FILTER (WHERE ours IS DISTINCT FROM theirs) AS wrong
FROM (SELECT n.no, g, (SELECT array_agg((period_start, period_end, label) ORDER BY period_start) FROM random_tree t WHERE t.no = n.no AND t.level = g) AS ours,
		(SELECT array_agg((p.period_start, p.period_end, p.label) ORDER BY p.period_start) FROM periods(n.span, g, n.calendar) p) AS theirs
	  FROM tried n CROSS JOIN unnest(n.by_levels) g) l;
-- every level adds up to the whole, and whole weeks do
SELECT count(*) > 0 AS levels, count(*) FILTER (WHERE l.total <> r.amount) AS wrong
FROM (SELECT no, level, sum(amount) AS total FROM random_tree WHERE depth > 0 GROUP BY no, level) l JOIN random_tree r ON r.no = l.no AND r.depth = 0;
SELECT count(*) > 0 AS weeks, count(*) FILTER (WHERE w.total <> k.amount) AS wrong
FROM (SELECT no, plan, week, sum(amount) AS total FROM random_tree WHERE level = 'week' GROUP BY no, plan, week) w
CROSS JOIN LATERAL (SELECT c.amount FROM kpi_cut(w.plan, 'sales', '{week}') c WHERE c.period_label = w.week) k WHERE w.no % 6 = 0;
-- days and working days are weights as plain SQL counts them
SELECT count(*) > 0 AS parts, count(*) FILTER (WHERE x.weight <> CASE t.method WHEN 'days' THEN t.period_end - t.period_start + 1 ELSE workdays(t.period, t.calendar) END) AS wrong
FROM random_tree t JOIN target x ON x.target_id = t.target_id WHERE t.method IN ('days', 'workdays') AND t.depth > 0 AND t.fallback IS NULL AND t.is_leaf;

DROP SCHEMA split_calendar_test CASCADE;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
