-- Calendars and periods()
SET search_path = target_split, public;
SET datestyle = 'ISO';
\set VERBOSITY default

-- what the extension brings
SELECT calendar_id, name, first_month, label_by, week_start FROM calendar WHERE calendar_id = 1;
SELECT add_calendar('july', first_month => 7) > 1 AS added;
SELECT add_calendar('april', 4, label_by => 'start', week_start => 7) > 1 AS added;
SELECT name, first_month, label_by, week_start FROM calendar WHERE name IN ('july', 'april') ORDER BY calendar_id;

-- one grain after the other
SELECT * FROM periods('[2024-01-01,2025-01-01)', 'year');
SELECT * FROM periods('[2024-01-01,2025-01-01)', 'half');
SELECT * FROM periods('[2024-01-01,2025-01-01)', 'quarter');
SELECT * FROM periods('[2024-01-01,2025-01-01)', 'month');
SELECT * FROM periods('[2023-12-25,2024-03-11)', 'week');
SELECT * FROM periods('[2024-02-27,2024-03-02)', 'day');

-- fiscal years, named by their end and by their start; weeks from Sunday
SELECT * FROM periods('[2023-07-01,2024-07-01)', 'year', calendar => 'july');
SELECT * FROM periods('[2023-07-01,2024-07-01)', 'half', calendar => 'july');
SELECT * FROM periods('[2023-07-01,2024-07-01)', 'quarter', calendar => 'july');
SELECT * FROM periods('[2023-07-01,2024-07-01)', 'month', calendar => 'july');
SELECT * FROM periods('[2024-04-01,2025-04-01)', 'quarter', calendar => 'april');
SELECT * FROM periods('[2023-12-31,2024-02-11)', 'week', calendar => 'april');

-- clipped to the span, labelled as whole periods
SELECT * FROM periods('[2024-02-15,2024-05-10]', 'month');
SELECT * FROM periods('[2024-02-15,2024-05-10]', 'quarter', 'july');
SELECT * FROM periods('[2024-01-10,2024-01-12)', 'week');
SELECT * FROM periods('[2024-01-10,2024-01-10]', 'year');

-- a row a call: a LIMIT ends it, and so does a cancel
SELECT periods('[0001-01-01,5800000-01-01)', 'day') LIMIT 2;
\set SHOW_CONTEXT never
SET statement_timeout = '200ms';
SELECT count(*) FROM (SELECT periods('[0001-01-01,5800000-01-01)', 'day')) s;
SELECT count(*) FROM periods('[0001-01-01,5800000-01-01)', 'day');
RESET statement_timeout;

-- in the target list, for rows that a query brings
SELECT (periods('[2024-01-01,2024-04-01)', 'month')).label;
SELECT y, count(*), sum(days), min(label), max(label)
FROM generate_series(2023, 2025) AS y,
     LATERAL periods(daterange(make_date(y, 1, 1), make_date(y + 1, 1, 1)), 'quarter')
GROUP BY y ORDER BY y;

-- the far ends of the type, and before Christ
SELECT * FROM periods('[5874897-12-30,5874897-12-30]', 'year');
SELECT * FROM periods('[4714-11-24 BC,4714-12-02 BC)', 'week');
SELECT * FROM periods('[0001-12-31 BC,0001-01-02)', 'year');

-- every day from 1990 to 2100 against the server's own functions
WITH d AS (
    SELECT d::date AS day,
           make_date(extract(year FROM d)::int, extract(month FROM d)::int, 1) AS month_start,
           (date_trunc('month', d) + interval '1 month')::date AS month_end,
           date_trunc('week', d)::date AS week_start,
           (date_trunc('week', d) + interval '1 week')::date AS week_end
    FROM generate_series(timestamp '1990-01-01', timestamp '2100-12-31', interval '1 day') AS d
), expected AS (
    SELECT 'day' AS grain, day, day AS starts, day + 1 AS ends,
           to_char(day, 'YYYY-MM-DD') AS label FROM d
    UNION ALL
    SELECT 'week', day, greatest(week_start, month_start), least(week_end, month_end),
           to_char(extract(isoyear FROM day), 'FM0000') || '-W' || to_char(extract(week FROM day), 'FM00')
           || CASE WHEN week_start < month_start OR week_end > month_end
                   THEN '/' || to_char(day, 'MM') ELSE '' END FROM d
    UNION ALL
    SELECT 'month', day, month_start, month_end, to_char(day, 'YYYY-MM') FROM d
    UNION ALL
    SELECT 'quarter', day, date_trunc('quarter', day)::date,
           (date_trunc('quarter', day) + interval '3 months')::date, to_char(day, CASE WHEN day < '2100-01-01' AND day >= '2000-01-01' THEN '"FY"YY-"Q"Q' ELSE '"FY"YYYY-"Q"Q' END) FROM d
    UNION ALL
    SELECT 'half', day, make_date(extract(year FROM day)::int, h * 6 - 5, 1),
           (make_date(extract(year FROM day)::int, h * 6 - 5, 1) + interval '6 months')::date,
           to_char(day, CASE WHEN day < '2100-01-01' AND day >= '2000-01-01' THEN '"FY"YY' ELSE '"FY"YYYY' END) || '-H' || h
    FROM (SELECT day, (extract(month FROM day)::int + 5) / 6 AS h FROM d) AS h
    UNION ALL
    SELECT 'year', day, date_trunc('year', day)::date,
           (date_trunc('year', day) + interval '1 year')::date, to_char(day, '"FY"YYYY') FROM d
), ours AS (
    SELECT g AS grain, p.period_start + i AS day, p.*
    FROM unnest(ARRAY['day', 'week', 'month', 'quarter', 'half', 'year']) AS g,
         periods('[1990-01-01,2101-01-01)', g) AS p,
         generate_series(0, p.days - 1) AS i
)
SELECT *
FROM expected AS e FULL JOIN ours AS o USING (grain, day)
WHERE (e.starts, e.ends, e.label, e.ends - 1, e.ends - e.starts, daterange(e.starts, e.ends))
      IS DISTINCT FROM (o.period_start, o.period_end + 1, o.label, o.period_end, o.days, o.period);

-- all fiscal starts: shifting the days by the start gives a calendar year
BEGIN;
SELECT count(add_calendar('m' || m, m, 'start')) FROM generate_series(1, 12) AS m;
WITH ours AS (
    SELECT m, g AS grain, p.*
    FROM generate_series(1, 12) AS m,
         unnest(ARRAY['year', 'half', 'quarter', 'month']) AS g,
         periods(daterange(make_date(1990, m, 1), make_date(2100, m, 1)), g, 'm' || m) AS p
), shifted AS (
    SELECT *, (period_start - make_interval(months => m - 1))::date AS s,
           (period_end + 1 - make_interval(months => m - 1))::date AS e
    FROM ours
)
SELECT *
FROM shifted
WHERE s <> CASE grain WHEN 'half' THEN make_date(extract(year FROM s)::int, CASE WHEN extract(month FROM s) < 7 THEN 1 ELSE 7 END, 1)
                      ELSE date_trunc(grain, s)::date END
   OR e <> s + CASE grain WHEN 'year' THEN interval '1 year' WHEN 'half' THEN interval '6 months'
                          WHEN 'quarter' THEN interval '3 months' ELSE interval '1 month' END
   OR label <> CASE grain WHEN 'year' THEN to_char(s, '"FY"YYYY')
                          WHEN 'half' THEN to_char(s, CASE WHEN s < '2100-01-01' AND s >= '2000-01-01' THEN '"FY"YY' ELSE '"FY"YYYY' END) || '-H' || (extract(month FROM s)::int + 5) / 6
                          WHEN 'quarter' THEN to_char(s, CASE WHEN s < '2100-01-01' AND s >= '2000-01-01' THEN '"FY"YY-"Q"Q' ELSE '"FY"YYYY-"Q"Q' END)
                          ELSE to_char(period_start, 'YYYY-MM') END;
ROLLBACK;

-- years of whole weeks: the retail calendar of the National Retail Federation.
-- nrf.com: years of 53 weeks 2000, 2006, 2012, 2017, 2023; the others follow from its rule,
-- the Saturday nearest to 31 January
SELECT add_calendar('retail', first_month => 2, label_by => 'start', week_start => 7, pattern => '4-5-4') > 1 AS added;
SELECT * FROM periods('[2023-01-29,2024-02-03]', 'year', 'retail');
SELECT * FROM periods('[2023-01-29,2024-02-03]', 'half', 'retail');
SELECT * FROM periods('[2023-01-29,2024-02-03]', 'quarter', 'retail');
SELECT * FROM periods('[2023-01-29,2024-02-03]', 'month', 'retail');
SELECT * FROM periods('[2024-01-17,2024-02-13]', 'week', 'retail');
SELECT label, parent_label, week FROM periods('[2024-02-02,2024-02-05]', 'day', 'retail');
WITH published (year, start, last, weeks) AS (VALUES
(2000, '2000-01-30', '2001-02-03', 53), (2001, '2001-02-04', '2002-02-02', 52), (2002, '2002-02-03', '2003-02-01', 52), (2003, '2003-02-02',
'2004-01-31', 52), (2004, '2004-02-01', '2005-01-29', 52), (2005, '2005-01-30', '2006-01-28', 52), (2006, '2006-01-29', '2007-02-03', 53),
(2007, '2007-02-04', '2008-02-02', 52), (2008, '2008-02-03', '2009-01-31', 52), (2009, '2009-02-01', '2010-01-30', 52), (2010, '2010-01-31',
'2011-01-29', 52), (2011, '2011-01-30', '2012-01-28', 52), (2012, '2012-01-29', '2013-02-02', 53), (2013, '2013-02-03', '2014-02-01', 52),
(2014, '2014-02-02', '2015-01-31', 52), (2015, '2015-02-01', '2016-01-30', 52), (2016, '2016-01-31', '2017-01-28', 52), (2017, '2017-01-29',
'2018-02-03', 53), (2018, '2018-02-04', '2019-02-02', 52), (2019, '2019-02-03', '2020-02-01', 52), (2020, '2020-02-02', '2021-01-30', 52),
(2021, '2021-01-31', '2022-01-29', 52), (2022, '2022-01-30', '2023-01-28', 52), (2023, '2023-01-29', '2024-02-03', 53), (2024, '2024-02-04',
'2025-02-01', 52), (2025, '2025-02-02', '2026-01-31', 52), (2026, '2026-02-01', '2027-01-30', 52), (2027, '2027-01-31', '2028-01-29', 52),
(2028, '2028-01-30', '2029-02-03', 53), (2029, '2029-02-04', '2030-02-02', 52), (2030, '2030-02-03', '2031-02-01', 52))
SELECT count(*) AS years, count(*) FILTER (WHERE (p.label, p.period_start, p.period_end, p.days) = ('FY' || year, start::date, last::date, 7 * weeks)) AS as_published
FROM published LEFT JOIN periods('[2000-01-30,2031-02-01]', 'year', 'retail') p ON p.label = 'FY' || year;
-- the year that ends with the last Saturday of January, weeks 4-4-5, week 53 in month 3
SELECT add_calendar('last', first_month => 2, label_by => 'start', week_start => 7, pattern => '4-4-5', year_end => 'last', week_53 => 3) > 1 AS added;
SELECT label, period_start, period_end, days FROM periods('[2016-01-01,2026-01-01)', 'year', 'last');
SELECT label, parent_label, period_start, period_end, days / 7 AS weeks FROM periods('[2021-01-31,2022-01-29]', 'month', 'last');
-- every year of it ends on the last Saturday of a January, and has its weeks
SELECT count(*) AS years, bool_and(extract(isodow FROM period_end) = 6 AND extract(month FROM period_end) = 1 AND extract(month FROM period_end + 7) = 2) AS ends_right,
       count(*) FILTER (WHERE days = 371) AS long, bool_and(days IN (364, 371)) AS whole
FROM periods('[1990-01-28,2100-01-30]', 'year', 'last');
-- weeks, months, quarters, halves and years nest, on every day, in all patterns
SELECT count(add_calendar(pattern, first_month => 10, week_start => 3, pattern => pattern)) FROM unnest('{4-4-5,4-5-4,5-4-4,13x4}'::text[]) AS pattern;
SELECT pattern, count(*) AS days, count(*) FILTER (WHERE NOT (w.days <= 7 AND w.period <@ m.period AND m.period <@ q.period AND q.period <@ h.period AND h.period <@ y.period
       AND w.parent_label = m.label AND m.parent_label = q.label AND q.parent_label = h.label AND h.parent_label = y.label AND d.week = w.week AND d.parent_label = w.label)) AS wrong
FROM unnest('{4-4-5,4-5-4,5-4-4,13x4}'::text[]) AS pattern,
     LATERAL (SELECT d.*, d.period_start AS day FROM periods('[1990-01-01,2000-01-01)', 'day', pattern) AS d) AS d
     JOIN LATERAL periods('[1990-01-01,2000-01-01)', 'week', pattern) AS w ON day <@ w.period
     JOIN LATERAL periods('[1990-01-01,2000-01-01)', 'month', pattern) AS m ON day <@ m.period
     JOIN LATERAL periods('[1990-01-01,2000-01-01)', 'quarter', pattern) AS q ON day <@ q.period
     JOIN LATERAL periods('[1990-01-01,2000-01-01)', 'half', pattern) AS h ON day <@ h.period
     JOIN LATERAL periods('[1990-01-01,2000-01-01)', 'year', pattern) AS y ON day <@ y.period
GROUP BY pattern ORDER BY pattern;
-- thirteen periods of four weeks
SELECT label, parent_label, period_start, period_end, days FROM periods('[2024-09-25,2025-09-30]', 'month', '13x4');
SELECT label, parent_label, days FROM periods('[2024-09-25,2025-09-23]', 'quarter', '13x4');
-- years of ISO weeks
SELECT add_calendar('iso years', pattern => '4-4-5') > 1 AS added;
SELECT count(*) AS weeks, count(*) FILTER (WHERE label <> to_char(period_start, CASE WHEN period_start + 3 < '2000-01-01' OR period_start + 3 >= '2100-01-01'
       THEN '"FY"IYYY-"W"IW' ELSE '"FY"IY-"W"IW' END)) AS wrong
FROM periods('[1990-01-01,2100-01-04)', 'week', 'iso years');

-- periods of one's own
CREATE TABLE public.our_periods (grain text, period_start date, period_end date, label text);
INSERT INTO public.our_periods VALUES ('year', '2024-01-01', '2024-06-30', 'Short year'),
    ('month', '2024-01-01', '2024-01-20', 'P1'), ('month', '2024-01-21', '2024-03-10', 'P2'), ('month', '2024-03-11', '2024-06-30', 'P3');
SELECT add_calendar('ours', periods_from => 'public.our_periods') AS ours \gset
SELECT * FROM periods('[2024-01-05,2024-04-01)', 'month', 'ours');
SELECT * FROM periods('[2024-01-05,2024-01-30)', 'week', 'ours');
SELECT * FROM periods('[2024-01-05,2024-04-01)', 'year', 'ours');
SELECT period_label('month', '2024-02-01', :ours), period_number('month', '2024-02-01', :ours), period_number('week', '2024-01-21', :ours),
       period_of('month', '2024-02-01', :ours), period_within('week', '[2024-01-15,2024-01-22)', :ours), period_within('month', '[2024-01-15,2024-01-22)', :ours);
SELECT period_label('quarter', '2024-02-01', :ours) IS NULL AS no_quarter, period_label('month', '2025-02-01', :ours) IS NULL AS beyond,
       period_number('month', '2025-02-01', :ours) IS NULL AS beyond, period_of('year', 'infinity', 1) IS NULL AS no_day, period_label('fortnight', '2024-02-01', 1) IS NULL AS no_grain;
-- a week that a month end cuts is within no month, and its segments within one week
SELECT period_within('week', p.period, 1), period_within('month', p.period, 1), period_label('week', p.period_start, 1) = p.label AS same
FROM periods('[2024-01-22,2024-02-12)', 'week') AS p;

-- working days; NULL where a calendar does not know the year's holidays
SELECT add_calendar('china', country => 'CN') > 1 AS added;
SELECT label, days, workdays FROM periods('[2026-01-01,2027-01-01)', 'month', 'china');
SELECT label, days, workdays FROM periods('[2026-07-01,2028-01-01)', 'half', 'china');
SELECT label, parent_label, week, workdays FROM periods('[2026-09-28,2026-10-12)', 'week', 'china');
SELECT label, workdays FROM periods('[2024-02-01,2024-02-19)', 'day', 'china');
SELECT count(*) FILTER (WHERE workdays IS DISTINCT FROM workdays(period, 'china')) AS differ FROM periods('[2000-01-01,2027-01-01)', 'week', 'china');

-- the range is built by hand: it must be the very bytes of a daterange
CREATE TEMP TABLE stored AS
SELECT period, daterange(period_start, period_end + 1) AS made FROM periods('[1990-01-01,2030-01-01)', 'week');
SELECT bool_and(period = made AND range_send(period) = range_send(made)) AS same_bytes,
       bool_and(pg_column_size(period) = pg_column_size(made)) AS same_size,
       bool_and(hash_range(period) = hash_range(made)) AS same_hash
FROM stored;
DROP TABLE stored;

-- the planner knows the number of rows
CREATE FUNCTION pg_temp.estimate(query text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN plan -> 0 -> 'Plan' -> 'Plan Rows';
END $$;
SELECT g AS grain, c.count AS actual,
       pg_temp.estimate(format('SELECT * FROM periods(''[2024-01-01,2027-01-01)'', %L)', g)) AS estimated
FROM unnest(ARRAY['year', 'half', 'quarter', 'month', 'week', 'day']) AS g,
     LATERAL (SELECT count(*) FROM periods('[2024-01-01,2027-01-01)', g)) AS c;
SELECT pg_temp.estimate($$SELECT * FROM periods(calendar => 'july', grain => 'month', span => '[2024-01-05,2024-01-06)')$$) AS part_of_a_month,
       pg_temp.estimate($$SELECT p.* FROM (VALUES ('[2024-01-01,2024-02-01)'::daterange), ('[2024-02-01,2024-03-01)')) AS s(span), periods(s.span, 'month') AS p$$) AS two_spans_not_known,
       pg_temp.estimate($$SELECT * FROM periods('empty', 'month')$$) AS empty_span,
       pg_temp.estimate($$SELECT * FROM periods('[2024-01-01,)', 'month')$$) AS no_bound,
       pg_temp.estimate($$SELECT * FROM periods(NULL, 'month')$$) AS null_span,
       pg_temp.estimate($$SELECT * FROM periods('[2024-01-01,2025-01-01)', 'fortnight')$$) AS no_such_grain;

-- in a parallel worker, a calendar of this very transaction too
BEGIN;
SELECT add_calendar('fresh', 4, 'end', 7) > 1 AS added;
SELECT set_config(CASE WHEN current_setting('server_version_num')::int >= 160000
                       THEN 'debug_parallel_query' ELSE 'force_parallel_mode' END, 'on', true) IS NOT NULL AS forced;
SELECT count(*), sum(days) FROM periods('[2024-01-01,2025-01-01)', 'week', 'fresh');
ROLLBACK;

-- spilling
BEGIN;
SET LOCAL work_mem = '64kB';
SELECT count(*), sum(days), min(period_start), max(period_end) FROM periods('[1900-01-01,2100-01-01)', 'day');
ROLLBACK;

-- can be cancelled
BEGIN;
SET LOCAL statement_timeout = '50ms';
SELECT count(*) FROM periods('[0001-01-01,5000000-01-01)', 'day');
ROLLBACK;

-- errors, with their codes
CREATE FUNCTION pg_temp.try(query text) RETURNS TABLE (code text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'no error';
    RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    hint := regexp_replace(hint, 'calendar_id = \d+', 'calendar_id = N');
    RETURN NEXT;
END $$;
CREATE VIEW public.no_periods AS SELECT * FROM public.our_periods WHERE false;
CREATE VIEW public.overlap AS TABLE public.our_periods UNION ALL VALUES ('month', date '2024-03-10', date '2024-03-10', 'P2b');
CREATE VIEW public.gap AS SELECT * FROM public.our_periods WHERE label <> 'P2';
CREATE VIEW public.misfit AS TABLE public.our_periods UNION ALL VALUES ('half', date '2024-01-01', date '2024-01-21', 'H1'), ('half', date '2024-01-22', date '2024-06-30', 'H2');
CREATE VIEW public.shorter AS TABLE public.our_periods UNION ALL VALUES ('half', date '2024-01-01', date '2024-01-20', 'H1');
CREATE VIEW public.no_label AS TABLE public.our_periods UNION ALL VALUES ('half', date '2024-01-01', NULL::date, NULL);
CREATE VIEW public.days AS TABLE public.our_periods UNION ALL VALUES ('day', date '2024-01-01', date '2024-01-01', 'D1');
CREATE VIEW public.backwards AS TABLE public.our_periods UNION ALL VALUES ('half', date '2024-02-01', date '2024-01-01', 'H1');
CREATE VIEW public.endless AS TABLE public.our_periods UNION ALL VALUES ('half', date '2024-02-01', date 'infinity', 'H1');
CREATE VIEW public.same_label AS TABLE public.our_periods UNION ALL VALUES ('month', date '2024-07-01', date '2024-07-31', 'P2');
CREATE VIEW public.texts AS SELECT grain, period_start::text, period_end, label FROM public.our_periods;
CREATE VIEW public.long_label AS TABLE public.our_periods UNION ALL VALUES ('half', date '2024-01-01', date '2024-06-30', repeat('x', 64));
\x on
SELECT e.* FROM unnest(ARRAY[
    $$SELECT periods('empty', 'month')$$,
    $$SELECT periods('[2024-01-01,2024-01-01)', 'month')$$,
    $$SELECT periods('[2024-01-01,)', 'month')$$,
    $$SELECT periods('(,2024-01-01)', 'month')$$,
    $$SELECT periods('(,)', 'month')$$,
    $$SELECT periods('[2024-01-01,infinity)', 'month')$$,
    $$SELECT periods('[-infinity,2024-01-01)', 'month')$$,
    $$SELECT periods(NULL, 'month')$$,
    $$SELECT periods('[2024-01-01,2025-01-01)', NULL)$$,
    $$SELECT periods('[2024-01-01,2025-01-01)', 'month', NULL)$$,
    $$SELECT periods('[2024-01-01,2025-01-01)', 'fortnight')$$,
    $$SELECT periods('[2024-01-01,2025-01-01)', 'Month')$$,
    $$SELECT periods('[2024-01-01,2025-01-01)', '')$$,
    $$SELECT periods('[2024-01-01,2025-01-01)', 'month', 'no such')$$,
    $$SELECT periods('[2024-01-01,2025-01-01)', 'month', 'it''s')$$,
    $$SELECT add_calendar(NULL)$$,
    $$SELECT add_calendar('x', NULL)$$,
    $$SELECT add_calendar('x', 1, NULL)$$,
    $$SELECT add_calendar('x', 1, 'end', NULL)$$,
    $$SELECT add_calendar('')$$,
    $$SELECT add_calendar('x', 0)$$,
    $$SELECT add_calendar('x', 13)$$,
    $$SELECT add_calendar('x', 65537)$$,
    $$SELECT add_calendar('x', label_by => 'middle')$$,
    $$SELECT add_calendar('x', week_start => 0)$$,
    $$SELECT add_calendar('x', week_start => 8)$$,
    $$SELECT add_calendar('july')$$,
    $$SELECT add_calendar('x', pattern => '4-4-4')$$,
    $$SELECT add_calendar('x', pattern => 'custom')$$,
    $$SELECT add_calendar('x', pattern => NULL)$$,
    $$SELECT add_calendar('x', year_end => 'first', pattern => '4-4-5')$$,
    $$SELECT add_calendar('x', year_end => NULL)$$,
    $$SELECT add_calendar('x', week_53 => 3)$$,
    $$SELECT add_calendar('x', pattern => '4-4-5', week_53 => 13)$$,
    $$SELECT add_calendar('x', pattern => '13x4', week_53 => 14)$$,
    $$SELECT add_calendar('x', pattern => '4-4-5', periods_from => 'public.our_periods')$$,
    $$SELECT add_calendar('x', day_weights => NULL)$$,
    $$SELECT add_calendar('x', periods_from => 'calendar')$$,
    $$SELECT add_calendar('x', periods_from => 'calendar_pkey')$$,
    $$SELECT add_calendar('x', periods_from => 0)$$,
    $$SELECT add_calendar('x', periods_from => 'public.no_periods')$$,
    $$SELECT add_calendar('x', periods_from => 'public.overlap')$$,
    $$SELECT add_calendar('x', periods_from => 'public.gap')$$,
    $$SELECT add_calendar('x', periods_from => 'public.misfit')$$,
    $$SELECT add_calendar('x', periods_from => 'public.shorter')$$,
    $$SELECT add_calendar('x', periods_from => 'public.no_label')$$,
    $$SELECT add_calendar('x', periods_from => 'public.days')$$,
    $$SELECT add_calendar('x', periods_from => 'public.backwards')$$,
    $$SELECT add_calendar('x', periods_from => 'public.endless')$$,
    $$SELECT add_calendar('x', periods_from => 'public.long_label')$$,
    $$SELECT add_calendar('x', periods_from => 'public.same_label')$$,
    $$SELECT add_calendar('x', periods_from => 'public.texts')$$,
    $$SELECT periods('[2024-01-01,2024-02-01)', 'quarter', 'ours')$$,
    $$SELECT periods('[2023-12-31,2024-02-01)', 'month', 'ours')$$,
    $$SELECT create_plan('x', period => '[2024-01-01,2025-01-01)', calendar => 'ours')$$,
    $$SELECT period_label('month', '2024-01-01', 0)$$,
    $$SELECT add_calendar('gregorian', 4)$$,
    $$SELECT add_calendar('twice') FROM generate_series(1, 2)$$
]) WITH ORDINALITY AS q(query, n), LATERAL pg_temp.try(q.query) AS e ORDER BY n;
\x off

-- the hint works when pasted
SELECT hint FROM pg_temp.try($$SELECT periods('[2024-01-01,2025-01-01)', 'month', 'it''s new')$$) \gset
SELECT substring(:'hint' FROM 'SELECT (.*);') AS paste \gset
BEGIN;
SELECT :paste > 1 AS pasted;
SELECT count(*) FROM periods('[2024-01-01,2025-01-01)', 'month', 'it''s new');
ROLLBACK;

-- what the table itself refuses
\set VERBOSITY terse
INSERT INTO calendar (name, first_month) VALUES ('x', 13);
INSERT INTO calendar (name, label_by) VALUES ('x', 'middle');
INSERT INTO calendar (name, week_start) VALUES ('x', 0);
INSERT INTO calendar (name) VALUES ('');
INSERT INTO calendar (name, pattern) VALUES ('x', '4-4-4');
INSERT INTO calendar (name, year_end) VALUES ('x', 'first');
INSERT INTO calendar (name, pattern, week_53) VALUES ('x', '4-4-5', 13);
INSERT INTO calendar (name, day_weights) VALUES ('x', '{1,1,1,1,1}');
INSERT INTO calendar (name, day_weights) VALUES ('x', '{1,1,1,1,1,0,-1}');
INSERT INTO calendar (name, day_weights) VALUES ('x', '{1,1,1,1,1,0,NULL}');
INSERT INTO calendar (name, day_weights) VALUES ('x', '{1,1,1,1,1,0,NaN}');
INSERT INTO calendar (name, day_weights) VALUES ('x', '{0,0,0,0,0,0,0}');
INSERT INTO calendar_period VALUES (:ours, 'month', '[2024-06-30,2024-07-31]', 'P4');
INSERT INTO calendar_period VALUES (:ours, 'day', '[2024-07-01,2024-07-31]', 'P4');
INSERT INTO calendar_period VALUES (:ours, 'month', '[2024-07-01,)', 'P4');
INSERT INTO calendar_period VALUES (:ours, 'month', '[2024-07-01,2024-07-31]', 'P3');
-- what plain SQL puts in is checked when it is read
INSERT INTO calendar_period VALUES (:ours, 'month', '[2024-08-01,2024-08-31]', 'P4');
SELECT * FROM periods('[2024-01-05,2024-04-01)', 'month', 'ours');
DELETE FROM calendar_period WHERE calendar_id = :ours;
SELECT * FROM periods('[2024-01-05,2024-04-01)', 'month', 'ours');
UPDATE calendar SET first_month = 4 WHERE name = 'gregorian';
UPDATE calendar SET name = 'other' WHERE name = 'gregorian';

-- a hostile search path changes nothing
BEGIN;
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.always(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.always);
CREATE TABLE hostile.calendar (calendar_id int, name text);
SET LOCAL search_path = hostile, pg_catalog;
SELECT count(*) FROM target_split.periods('[2024-01-01,2025-01-01)', 'month', 'nobody');
ROLLBACK;

-- the rights of the caller
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
BEGIN;
CREATE ROLE regress_calendar_reader;
GRANT USAGE ON SCHEMA target_split TO regress_calendar_reader;
GRANT EXECUTE ON FUNCTION add_calendar, periods TO regress_calendar_reader;
REVOKE ALL ON target_split.calendar FROM PUBLIC;
SET ROLE regress_calendar_reader;
SELECT count(*) FROM periods('[2024-01-01,2025-01-01)', 'month');
RESET ROLE;
GRANT SELECT ON target_split.calendar, target_split.calendar_day, target_split.holiday TO regress_calendar_reader;
SET ROLE regress_calendar_reader;
SELECT count(*) FROM periods('[2024-01-01,2025-01-01)', 'month');
SELECT add_calendar('mine');
RESET ROLE;
GRANT INSERT ON target_split.calendar TO regress_calendar_reader;
SET ROLE regress_calendar_reader;
SELECT add_calendar('mine') > 1 AS added;
RESET ROLE;
-- a calendar that a policy hides is not made again, and the error says so
ALTER TABLE calendar ENABLE ROW LEVEL SECURITY;
CREATE POLICY common ON calendar USING (name <> 'mine') WITH CHECK (true);
SELECT count(*) AS months FROM periods('[2024-01-01,2024-03-01)', 'month', 'mine');
GRANT EXECUTE ON FUNCTION create_plan TO regress_calendar_reader;
SET ROLE regress_calendar_reader;
SELECT count(*) AS months FROM periods('[2024-01-01,2024-03-01)', 'month');
SAVEPOINT hidden;
\set VERBOSITY default
SELECT count(*) FROM periods('[2024-01-01,2024-03-01)', 'month', 'mine');
\set VERBOSITY terse
ROLLBACK TO hidden;
SELECT workdays('[2024-01-01,2024-03-01)', 'mine');
ROLLBACK TO hidden;
SELECT period_of('month', '2024-01-01', (SELECT max(calendar_id) + 1 FROM calendar));
ROLLBACK TO hidden;
SELECT create_plan('X', period => '[2024-01-01,2025-01-01)', calendar => 'mine');
ROLLBACK TO hidden;
SELECT add_calendar('mine');
ROLLBACK TO hidden;
SELECT tablename, policyname, qual FROM pg_catalog.pg_policies WHERE schemaname = 'target_split' AND tablename = 'calendar';
RESET ROLE;
ROLLBACK;

-- each object of the topic has a comment
SELECT a.attname FROM pg_attribute AS a
WHERE a.attrelid IN ('calendar'::regclass, 'calendar_period'::regclass) AND a.attnum > 0 AND col_description(a.attrelid, a.attnum) IS NULL;
SELECT p.oid::regprocedure FROM pg_proc AS p
WHERE p.proname IN ('periods', 'periods_support', 'add_calendar') AND pronamespace = 'target_split'::regnamespace
  AND obj_description(p.oid, 'pg_proc') IS NULL;

DELETE FROM calendar WHERE calendar_id > 1;
SET client_min_messages = warning;
DROP TABLE public.our_periods CASCADE;
