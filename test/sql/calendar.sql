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
           (date_trunc('quarter', day) + interval '3 months')::date, to_char(day, '"FY"YYYY-"Q"Q') FROM d
    UNION ALL
    SELECT 'half', day, make_date(extract(year FROM day)::int, h * 6 - 5, 1),
           (make_date(extract(year FROM day)::int, h * 6 - 5, 1) + interval '6 months')::date,
           to_char(day, '"FY"YYYY') || '-H' || h
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
                          WHEN 'half' THEN to_char(s, '"FY"YYYY') || '-H' || (extract(month FROM s)::int + 5) / 6
                          WHEN 'quarter' THEN to_char(s, '"FY"YYYY-"Q"Q')
                          ELSE to_char(period_start, 'YYYY-MM') END;
ROLLBACK;

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
    RETURN NEXT;
END $$;
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
GRANT SELECT ON target_split.calendar TO regress_calendar_reader;
SET ROLE regress_calendar_reader;
SELECT count(*) FROM periods('[2024-01-01,2025-01-01)', 'month');
SELECT add_calendar('mine');
RESET ROLE;
GRANT INSERT ON target_split.calendar TO regress_calendar_reader;
SET ROLE regress_calendar_reader;
SELECT add_calendar('mine') > 1 AS added;
RESET ROLE;
ROLLBACK;

-- each object of the topic has a comment
SELECT a.attname FROM pg_attribute AS a
WHERE a.attrelid = 'calendar'::regclass AND a.attnum > 0 AND col_description(a.attrelid, a.attnum) IS NULL;
SELECT p.oid::regprocedure FROM pg_proc AS p
WHERE p.proname IN ('periods', 'periods_support', 'add_calendar') AND pronamespace = 'target_split'::regnamespace
  AND obj_description(p.oid, 'pg_proc') IS NULL;

DELETE FROM calendar WHERE name IN ('july', 'april');
