-- Working days: holidays of countries, a calendar's own days, workdays(),
-- add_workdays() and load_calendar_days().
SET search_path = target_split, public;
SET DateStyle = 'ISO, YMD';
\set SHOW_CONTEXT never

-- ------------------------------------------------------------------- China
SELECT add_calendar('china', country => 'CN') > 1 AS added;
SELECT y AS year, workdays(daterange(make_date(y, 1, 1), make_date(y + 1, 1, 1)), 'china') AS china,
       workdays(daterange(make_date(y, 1, 1), make_date(y + 1, 1, 1))) AS gregorian
FROM generate_series(2023, 2026) AS y;
-- the Spring Festival moves
SELECT y AS year, workdays(daterange(make_date(y, 1, 1), make_date(y, 2, 1)), 'china') AS january,
       workdays(daterange(make_date(y, 2, 1), make_date(y, 3, 1)), 'china') AS february
FROM generate_series(2024, 2026) AS y;
SELECT day, weight, name, name_local FROM holiday WHERE country = 'CN' AND day >= '2024-02-01' AND day < '2024-03-01' ORDER BY day;
SELECT count(*), count(DISTINCT extract(year FROM day)) AS years, min(day), max(day),
       count(*) FILTER (WHERE weight = 1) AS worked,
       count(*) FILTER (WHERE weight = 1 AND extract(isodow FROM day) < 6) AS worked_on_weekdays,
       count(*) FILTER (WHERE weight NOT IN (0, 1)) AS others, count(*) FILTER (WHERE name_local IS NULL) AS without_local_name
FROM holiday WHERE country = 'CN';
SELECT name, name_local, count(*) AS years FROM (SELECT DISTINCT name, name_local, extract(year FROM day) FROM holiday WHERE weight = 0) AS h
GROUP BY 1, 2 ORDER BY name COLLATE "C";

-- single days: the eve, the festival, a Saturday and a Sunday that are worked
SELECT d AS day, to_char(d, 'Dy') AS dow, workdays(daterange(d, d + 1), 'china') AS china, workdays(daterange(d, d, '[]')) AS gregorian
FROM unnest('{2024-02-04,2024-02-09,2024-02-10,2024-02-12,2024-02-17,2024-02-18}'::date[]) AS d;

-- ------------------------------------------------------ a calendar's own days
SELECT add_calendar('saturday', day_weights => '{1,1,1,1,1,0.5,0}') > 1 AS added;
SELECT add_calendar('own') > 1 AS added;
SELECT add_calendar('shop', country => 'CN', day_weights => '{1,1,1,1,1,1,0.5}') > 1 AS added;
SELECT add_calendar('odd', day_weights => '{0.25,100,0,3.3333,0.0001,1,0}') > 1 AS added;
SELECT workdays('[2024-01-01,2024-01-08)', 'saturday') AS week, workdays('[2024-01-01,2024-01-08)', 'odd') AS odd_week,
       workdays('[2024-01-06,2024-01-06]', 'saturday') AS saturday, workdays('[2024-01-07,2024-01-07]', 'saturday') AS sunday,
       workdays('[2024-01-05,2024-01-05]', 'odd') AS friday;

-- from a table into which a CSV file was copied
CREATE TABLE csv (day date, weight numeric, name text);
\copy csv FROM stdin (FORMAT csv, HEADER)
day,weight,name
2024-12-24,0.5,Christmas Eve
2024-12-25,0,Christmas
2024-12-28,1.5,Stocktaking
2024-12-31,0.5,
2025-01-01,0,New Year
\.
SELECT load_calendar_days('own', 'csv');
SELECT d.day, d.weight, d.name FROM calendar_day AS d JOIN calendar AS c USING (calendar_id) WHERE c.name = 'own' ORDER BY day;
SELECT workdays('[2024-12-23,2025-01-06)', 'own') AS own, workdays('[2024-12-23,2025-01-06)') AS weekdays;
-- once more: the same days, of which one has changed
UPDATE csv SET weight = 0.25, name = 'Half closed' WHERE day = '2024-12-24';
SELECT load_calendar_days('own', 'csv');
SELECT count(*), sum(weight), max(name) FILTER (WHERE weight = 0.25) AS changed FROM calendar_day;
-- without names: those that there are stay
CREATE VIEW no_names AS SELECT day, 1::smallint AS weight FROM csv WHERE day >= '2024-12-31' UNION ALL SELECT '2027-05-01', 0;
SELECT load_calendar_days('own', 'no_names');
SELECT d.day, d.weight, d.name FROM calendar_day AS d WHERE day >= '2024-12-31' ORDER BY day;
CREATE TABLE nothing (day date, weight integer);
SELECT load_calendar_days('own', 'nothing') AS nothing;
-- a calendar's own days go before the country's
INSERT INTO calendar_day (calendar_id, day, weight, name)
SELECT c.calendar_id, d.day, d.weight, d.name FROM calendar AS c,
       (VALUES (date '2024-02-10', 1.5, 'open at the festival'), ('2024-02-11', 0.5, NULL), ('2024-02-18', 0, 'no make-up day'), ('2027-01-01', 0, 'New Year'),
               ('2024-06-05', 100, 'sale'), ('2024-06-06', 0.0001, NULL)) AS d(day, weight, name)
WHERE c.name = 'shop';
SELECT d AS day, workdays(daterange(d, d + 1), 'shop') AS shop, workdays(daterange(d, d + 1), 'china') AS china
FROM unnest('{2024-02-10,2024-02-11,2024-02-12,2024-02-18,2024-03-02,2024-03-03,2024-06-05,2024-06-06}'::date[]) AS d;
-- a year with days of its own is known beside the country's
SELECT workdays('[2027-01-01,2028-01-01)', 'shop') AS known;
-- a country of one's own
BEGIN;
INSERT INTO holiday (country, day, name) VALUES ('DE', '2024-12-25', 'Christmas'), ('DE', '2024-12-26', 'Boxing Day');
SELECT add_calendar('germany', country => 'DE') > 1 AS added;
SELECT workdays('[2024-12-01,2025-01-01)', 'germany') AS germany;
ROLLBACK;

-- ------------------------------------------------------------ add_workdays
SELECT n, add_workdays('2024-02-08', n, 'china') AS china, add_workdays('2024-02-08', n) AS gregorian
FROM unnest('{-10,-1,0,1,2,10,250}'::integer[]) AS n;
-- from a day that is not worked
SELECT n, add_workdays('2024-02-11', n, 'china') AS china FROM unnest('{-1,0,1}'::integer[]) AS n;
-- halves: the first day by whose end so many have passed
SELECT n, add_workdays('2024-01-05', n, 'saturday') AS saturday, to_char(add_workdays('2024-01-05', n, 'saturday'), 'Dy') AS dow,
       add_workdays('2024-01-08', -n, 'saturday') AS back
FROM unnest('{0.0001,0.5,0.5001,1,1.5,2,5.5,6}'::numeric[]) AS n;

-- --------------------------------------------- against plain SQL, day by day
CREATE TEMP TABLE brute AS
WITH d AS (
    SELECT c.name AS calendar, x::date AS day,
           COALESCE(o.weight, h.weight, c.day_weights[extract(isodow FROM x)::integer]) AS weight,
           EXISTS (SELECT FROM calendar_day AS y WHERE y.calendar_id = c.calendar_id AND extract(year FROM y.day) = extract(year FROM x))
           OR EXISTS (SELECT FROM holiday AS y WHERE y.country = c.country AND extract(year FROM y.day) = extract(year FROM x))
           OR c.country IS NULL AND NOT EXISTS (SELECT FROM calendar_day AS y WHERE y.calendar_id = c.calendar_id) AS known
    FROM calendar AS c
    CROSS JOIN generate_series(timestamp '1998-01-01', timestamp '2029-12-31', interval '1 day') AS x
    LEFT JOIN calendar_day AS o ON o.calendar_id = c.calendar_id AND o.day = x::date
    LEFT JOIN holiday AS h ON h.country = c.country AND h.day = x::date
)
SELECT * FROM d;
CREATE UNIQUE INDEX ON brute (calendar, day) INCLUDE (weight, known);
ANALYZE brute;
SELECT calendar, count(*) FILTER (WHERE known) AS known_days, min(day) FILTER (WHERE known), max(day) FILTER (WHERE known) FROM brute GROUP BY 1 ORDER BY calendar COLLATE "C";

-- each day of every calendar
SELECT * FROM brute WHERE known AND workdays(daterange(day, day + 1), calendar) IS DISTINCT FROM trim_scale(weight);
-- NULL for an error that says the year is not known
CREATE FUNCTION pg_temp.workdays_known(span daterange, calendar text) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
    RETURN workdays(span, calendar);
EXCEPTION WHEN no_data_found THEN
    RETURN NULL;
END $$;
CREATE FUNCTION pg_temp.add_workdays_known(day date, n numeric, calendar text) RETURNS date LANGUAGE plpgsql AS $$
BEGIN
    RETURN add_workdays(day, n, calendar);
EXCEPTION WHEN no_data_found THEN
    RETURN NULL;
END $$;
CREATE TEMP TABLE spans AS
SELECT i, (SELECT array_agg(name ORDER BY calendar_id) FROM calendar)[1 + i % 6] AS calendar, f AS from_day,
       f + 1 + (i * 69621 % 4001) / CASE i % 3 WHEN 0 THEN 1 ELSE 40 END AS upto_day,
       round((i * 16807 % 80021 - 40000) / 1000.0 , i % 5) AS n
FROM (SELECT i, date '1999-06-01' + i * 48271 % 7001 AS f FROM generate_series(1, 1200) AS i) AS i;
SELECT * FROM (
    SELECT s.*, pg_temp.workdays_known(daterange(s.from_day, s.upto_day), s.calendar) AS ours, b.wanted
    FROM spans AS s, LATERAL (SELECT CASE WHEN bool_and(b.known) THEN trim_scale(sum(b.weight)) END AS wanted
                              FROM brute AS b WHERE b.calendar = s.calendar AND b.day >= s.from_day AND b.day < s.upto_day) AS b) AS x
WHERE ours IS DISTINCT FROM wanted OR scale(ours) > 4;
SELECT count(*) AS spans, count(pg_temp.workdays_known(daterange(from_day, upto_day), calendar)) AS known FROM spans;
-- 300 days hold more than 40 working days of any of these calendars
SELECT * FROM (
    SELECT s.i, s.calendar, s.from_day, s.n, pg_temp.add_workdays_known(s.from_day, s.n, s.calendar) AS ours,
           CASE WHEN s.n = 0 THEN s.from_day
                WHEN s.n > 0 THEN
                    (SELECT CASE WHEN known THEN day END
                     FROM (SELECT b.day, bool_and(b.known) OVER w AS known, sum(b.weight) OVER w AS so_far
                           FROM brute AS b WHERE b.calendar = s.calendar AND b.day > s.from_day AND b.day <= s.from_day + 300
                           WINDOW w AS (ORDER BY b.day)) AS b
                     WHERE so_far >= s.n ORDER BY day LIMIT 1)
                ELSE
                    (SELECT CASE WHEN known THEN day END
                     FROM (SELECT b.day, bool_and(b.known) OVER w AS known, sum(b.weight) OVER w AS so_far
                           FROM brute AS b WHERE b.calendar = s.calendar AND b.day < s.from_day AND b.day >= s.from_day - 300
                           WINDOW w AS (ORDER BY b.day DESC)) AS b
                     WHERE so_far >= -s.n ORDER BY day DESC LIMIT 1) END AS wanted
    FROM spans AS s) AS x
WHERE ours IS DISTINCT FROM wanted;
SELECT count(*) AS calls, count(pg_temp.add_workdays_known(from_day, n, calendar)) AS known FROM spans;

-- ------------------------------------------------------------ what is extreme
SELECT workdays('[0001-01-01,5874897-01-01)') AS gregorian, workdays('[4713-01-01 BC,0001-01-01)', 'saturday') AS before_our_era,
       workdays('[0001-01-01,5874897-01-01)', 'odd') AS odd;
SELECT add_workdays('0001-01-01', 1500000000) AS far, add_workdays(add_workdays('0001-01-01', 1500000000), -1500000000) AS and_back;
SELECT add_workdays('infinity', 1);
SELECT add_workdays('-infinity', 1);
SELECT add_workdays('5874897-12-31', 1);
SELECT add_workdays('4714-11-24 BC', -1);
SELECT add_workdays('2024-01-01', 1e18);
SELECT workdays(NULL) IS NULL AS span, workdays('[2024-01-01,2024-01-02)', NULL) IS NULL AS calendar,
       add_workdays(NULL, 1) IS NULL AS day, add_workdays('2024-01-01', NULL) IS NULL AS n, add_workdays('2024-01-01', 1, NULL) IS NULL AS calendar;

-- ------------------------------------------------------ read anew when needed
-- expressions of PL/pgSQL live for a transaction
DO $$
DECLARE
    seen numeric[];
BEGIN
    FOR i IN 1 .. 4 LOOP
        seen := seen || workdays('[2024-07-01,2024-07-08)', CASE i WHEN 2 THEN 'china' ELSE 'shop' END);
        IF i = 2 THEN
            INSERT INTO calendar_day (calendar_id, day, weight) SELECT calendar_id, '2024-07-03', 0.75 FROM calendar WHERE name = 'shop';
        ELSIF i = 3 THEN
            DELETE FROM calendar_day WHERE day = '2024-07-03';
        END IF;
    END LOOP;
    RAISE NOTICE 'seen %', seen;
END $$;
-- two calendars by turns, in a query
SELECT calendar, sum(workdays(daterange(date '2024-01-01' + i, date '2024-01-08' + i), calendar))
FROM generate_series(0, 99) AS i, unnest('{china,shop,saturday}'::text[]) AS calendar GROUP BY 1 ORDER BY calendar COLLATE "C";
-- in a parallel worker
BEGIN;
SELECT set_config(CASE WHEN current_setting('server_version_num')::int >= 160000
                       THEN 'debug_parallel_query' ELSE 'force_parallel_mode' END, 'on', true) IS NOT NULL AS forced;
SELECT workdays('[2024-01-01,2025-01-01)', 'china'), add_workdays('2024-02-08', 5, 'china');
ROLLBACK;
-- a hostile search path changes nothing
BEGIN;
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.always(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.always);
CREATE TABLE hostile.holiday (country text, day date, weight numeric);
CREATE FUNCTION hostile.nothing(numeric, integer) RETURNS numeric LANGUAGE sql AS 'SELECT 0::numeric';
CREATE OPERATOR hostile.* (LEFTARG = numeric, RIGHTARG = integer, FUNCTION = hostile.nothing);
SET LOCAL search_path = hostile, pg_catalog;
SELECT target_split.workdays('[2024-01-01,2025-01-01)', 'china'), target_split.add_workdays('2024-02-08', 5, 'china');
ROLLBACK;

-- ------------------------------------------------------------------ errors
CREATE FUNCTION pg_temp.try(query text) RETURNS TABLE (code text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    message := 'no error';
    RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    hint := regexp_replace(hint, 'VALUES \(\d+', 'VALUES (ID');
    RETURN NEXT;
END $$;
CREATE TABLE bad (day date, weight numeric, name text);
CREATE TABLE weightless (day date, name text);
CREATE TABLE dayless (date date, weight numeric);
CREATE TABLE timestamps (day timestamp, weight numeric);
CREATE TABLE floats (day date, weight float8);
CREATE SEQUENCE no_table;
\x on
SELECT e.* FROM unnest(ARRAY[
    $$SELECT workdays('empty')$$,
    $$SELECT workdays('[2024-01-01,)')$$,
    $$SELECT workdays('(,2024-01-01)')$$,
    $$SELECT workdays('[2024-01-01,infinity)')$$,
    $$SELECT workdays('[2024-01-01,2024-01-02)', 'no such')$$,
    $$SELECT add_workdays('2024-01-01', 1, 'no such')$$,
    $$SELECT workdays('[2026-12-31,2027-01-02)', 'china')$$,
    $$SELECT workdays('[1999-12-31,2001-01-01)', 'china')$$,
    $$SELECT workdays('[2024-01-01,2028-01-01)', 'own')$$,
    $$SELECT workdays('[2030-01-01,2031-01-01)', 'own')$$,
    $$SELECT add_workdays('2026-12-30', 2, 'china')$$,
    $$SELECT add_workdays('2000-01-04', -2, 'china')$$,
    $$SELECT add_workdays('2030-01-01', 1, 'china')$$,
    $$SELECT add_workdays('2030-01-01', -1, 'china')$$,
    $$SELECT add_workdays('2024-01-01', 'NaN')$$,
    $$SELECT add_workdays('2024-01-01', 0.00001)$$,
    $$SELECT add_workdays('2024-01-01', 1e30)$$,
    $$SELECT load_calendar_days(NULL, 'csv')$$,
    $$SELECT load_calendar_days('own', NULL)$$,
    $$SELECT load_calendar_days('no such', 'csv')$$,
    $$SELECT load_calendar_days('gregorian', 'csv')$$,
    $$SELECT load_calendar_days('own', 'no_table')$$,
    $$SELECT load_calendar_days('own', 'weightless')$$,
    $$SELECT load_calendar_days('own', 'dayless')$$,
    $$SELECT load_calendar_days('own', 'timestamps')$$,
    $$SELECT load_calendar_days('own', 'floats')$$,
    $$SELECT add_calendar('x', country => 'XX')$$,
    $$SELECT add_calendar('x', country => '')$$,
    $$SELECT add_calendar('x', day_weights => NULL)$$,
    $$SELECT add_calendar('x', day_weights => '{1,1,1,1,1,0}')$$,
    $$SELECT add_calendar('x', day_weights => '{{1,1,1,1,1,0,0}}')$$,
    $$SELECT add_calendar('x', day_weights => '{}')$$,
    $$SELECT add_calendar('x', day_weights => '{1,1,1,1,1,NULL,0}')$$,
    $$SELECT add_calendar('x', day_weights => '{1,1,1,1,1,NaN,0}')$$,
    $$SELECT add_calendar('x', day_weights => '{1,1,1,1,1,-0.5,0}')$$,
    $$SELECT add_calendar('x', day_weights => '{1,1,1,1,1,100.5,0}')$$,
    $$SELECT add_calendar('x', day_weights => '{1,1,1,1,1,0.33333,0}')$$,
    $$SELECT add_calendar('x', day_weights => '{0,0,0,0,0,0,0}')$$
]) WITH ORDINALITY AS q(query, n), LATERAL pg_temp.try(q.query) AS e ORDER BY n;
-- rows that cannot be days of a calendar, with their list
CREATE FUNCTION pg_temp.try_rows(days text[], weights numeric[]) RETURNS TABLE (code text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE bad;
    INSERT INTO bad SELECT d::date, w FROM unnest(days, weights) AS u(d, w);
    RETURN QUERY SELECT * FROM pg_temp.try($q$SELECT load_calendar_days('own', 'bad')$q$);
END $$;
SELECT * FROM pg_temp.try_rows('{2024-01-02,NULL,2024-01-03,NULL}', '{1,0,-1,0.5}');
SELECT * FROM pg_temp.try_rows('{2024-01-02,infinity}', '{1,0}');
SELECT * FROM pg_temp.try_rows('{2024-01-02,2024-01-03}', '{NULL,-1}');
SELECT * FROM pg_temp.try_rows('{2024-01-02,2024-01-03}', '{NaN,1}');
SELECT * FROM pg_temp.try_rows('{2024-01-02,2024-01-03}', '{-0.5,1}');
SELECT * FROM pg_temp.try_rows('{2024-01-02,2024-01-03}', '{100.1,1}');
SELECT * FROM pg_temp.try_rows('{2024-01-02,2024-01-03}', '{0.33333,1}');
SELECT * FROM pg_temp.try_rows('{2024-01-02,2024-01-03,2024-01-02}', '{1,1,0.5}');
SELECT * FROM pg_temp.try_rows(ARRAY(SELECT (date '2024-01-01' + i)::text FROM generate_series(1, 30) AS i), ARRAY(SELECT -i FROM generate_series(1, 30) AS i));
\x off
-- nothing was written
SELECT count(*), sum(weight) FROM calendar_day AS d JOIN calendar AS c USING (calendar_id) WHERE c.name = 'own';

-- what the hints say works when pasted
BEGIN;
SELECT 'INSERT' || substring(hint FROM 'INSERT(.*);') AS paste FROM (SELECT hint FROM pg_temp.try($$SELECT add_calendar('x', country => 'XX')$$)) AS e \gset
:paste;
SELECT add_calendar('x', country => 'XX') > 1 AS added;
SELECT workdays('[2026-01-01,2027-01-01)', 'x');
ROLLBACK;
BEGIN;
DO $$
DECLARE
    given text;
BEGIN
    PERFORM workdays('[2027-01-01,2028-01-01)', 'china');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS given = PG_EXCEPTION_HINT;
    EXECUTE substring(given FROM 'INSERT.*;');
END $$;
SELECT workdays('[2027-01-01,2028-01-01)', 'china');
ROLLBACK;

-- what the tables themselves refuse
\set VERBOSITY terse
SELECT calendar_id AS own FROM calendar WHERE name = 'own' \gset
INSERT INTO calendar_day VALUES (:own, '2024-01-02', -1);
INSERT INTO calendar_day VALUES (:own, '2024-01-02', 'NaN');
INSERT INTO calendar_day VALUES (:own, '2024-01-02', 101);
INSERT INTO calendar_day VALUES (:own, '2024-01-02', 0.00001);
INSERT INTO calendar_day VALUES (:own, 'infinity', 1);
INSERT INTO calendar_day VALUES (:own, '2024-12-25', 1);
INSERT INTO calendar_day VALUES (:own, '2024-01-02', 1, '');
INSERT INTO calendar_day VALUES (1, '2024-01-02', 1);
INSERT INTO calendar_day VALUES (0, '2024-01-02', 1);
INSERT INTO holiday VALUES ('CN', '2027-01-01', 0, 'New Year');
INSERT INTO holiday VALUES ('DE', '2027-01-01', -1, 'New Year');
INSERT INTO holiday VALUES ('DE', '2027-01-01', 0.00001, 'New Year');
INSERT INTO holiday VALUES ('', '2027-01-01', 0, 'New Year');
INSERT INTO calendar (name, day_weights) VALUES ('x', '{1,1,1,1,1,0.33333,0}');
INSERT INTO calendar (name, day_weights) VALUES ('x', '{1,1,1,1,1,NaN,0}');
\set VERBOSITY default

-- ---------------------------------------------------- the rights of the caller
\set ON_ERROR_ROLLBACK on
BEGIN;
CREATE ROLE regress_workdays_reader;
GRANT USAGE ON SCHEMA target_split TO regress_workdays_reader;
GRANT SELECT ON calendar TO regress_workdays_reader;
SET ROLE regress_workdays_reader;
SELECT workdays('[2024-12-01,2025-01-01)', 'own');
RESET ROLE;
GRANT SELECT ON calendar_day, holiday TO regress_workdays_reader;
SET ROLE regress_workdays_reader;
SELECT workdays('[2024-12-01,2025-01-01)', 'own');
SELECT load_calendar_days('own', 'csv');
RESET ROLE;
GRANT EXECUTE ON FUNCTION load_calendar_days TO regress_workdays_reader;
SET ROLE regress_workdays_reader;
SELECT load_calendar_days('own', 'csv');
RESET ROLE;
GRANT SELECT ON csv TO regress_workdays_reader;
SET ROLE regress_workdays_reader;
SELECT load_calendar_days('own', 'csv');
RESET ROLE;
GRANT INSERT, UPDATE ON calendar_day TO regress_workdays_reader;
SET ROLE regress_workdays_reader;
SELECT load_calendar_days('own', 'csv');
RESET ROLE;
-- rows that a policy hides are not there
ALTER TABLE calendar_day ENABLE ROW LEVEL SECURITY;
CREATE POLICY christmas ON calendar_day USING (extract(day FROM day) = 25);
SELECT workdays('[2024-12-01,2025-01-01)', 'own') AS owner;
SET ROLE regress_workdays_reader;
SELECT workdays('[2024-12-01,2025-01-01)', 'own') AS reader;
RESET ROLE;
-- one call site, two roles
CREATE FUNCTION pg_temp.december() RETURNS numeric LANGUAGE plpgsql AS $$ BEGIN RETURN workdays('[2024-12-01,2025-01-01)', 'own'); END $$;
DO $$
DECLARE
    owner numeric := pg_temp.december();
    reader numeric;
BEGIN
    SET LOCAL ROLE regress_workdays_reader;
    reader := pg_temp.december();
    RESET ROLE;
    RAISE NOTICE 'owner %, reader %, owner %', owner, reader, pg_temp.december();
END $$;
ROLLBACK;
\set ON_ERROR_ROLLBACK off

-- days go with their calendar
DELETE FROM calendar WHERE name = 'own';
SELECT count(*) FROM calendar_day AS d WHERE calendar_id = :own;
DELETE FROM calendar WHERE name <> 'gregorian';
SELECT count(*) FROM calendar_day;
DROP VIEW no_names;
DROP TABLE csv, nothing, bad, weightless, dayless, timestamps, floats;
DROP SEQUENCE no_table;
