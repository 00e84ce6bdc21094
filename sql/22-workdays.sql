--
-- Working days: public holidays of countries, and a calendar's own days
--

CREATE TABLE @extschema@.holiday (
    country text NOT NULL
        CONSTRAINT holiday_country_check CHECK (country OPERATOR(pg_catalog.<>) ''),
    day date NOT NULL
        CONSTRAINT holiday_day_check CHECK (pg_catalog.isfinite(day)),
    weight numeric NOT NULL DEFAULT 0
        CONSTRAINT holiday_weight_not_negative CHECK (weight OPERATOR(pg_catalog.>=) 0)
        CONSTRAINT holiday_weight_check
        CHECK (weight OPERATOR(pg_catalog.<=) 100 AND weight OPERATOR(pg_catalog.=) pg_catalog.round(weight, 4)),
    name text NOT NULL
        CONSTRAINT holiday_name_check CHECK (name OPERATOR(pg_catalog.<>) ''),
    name_local text,
    CONSTRAINT holiday_pkey PRIMARY KEY (country, day),
    -- No dump holds the rows that this script inserts: there are no others of
    -- their country, so that those of a later version meet none.
    CONSTRAINT holiday_shipped_check
        CHECK (country OPERATOR(pg_catalog.<>) 'CN'
               OR day OPERATOR(pg_catalog.>=) '2000-01-01' AND day OPERATOR(pg_catalog.<=) '2026-12-31')
);

ALTER TABLE @extschema@.holiday OWNER TO @extowner@;

-- China, 2000 to 2026, as announced each year by the General Office of the
-- State Council: the days off, and the days of a weekend that are worked
-- instead.  Checked against the data of the package holiday-calendar 1.3.3
-- (MIT).  Local names are in hexadecimal UTF-8, as this file must be readable
-- in a database of any encoding; where that has no such characters they are
-- left out.
INSERT INTO @extschema@.holiday (country, day, weight, name, name_local)
SELECT 'CN', d.day, d.weight,
       CASE d.weight WHEN 0 THEN n.name ELSE n.name OPERATOR(pg_catalog.||) ' make-up day' END,
       CASE WHEN pg_catalog.current_setting('server_encoding') OPERATOR(pg_catalog.=) ANY ('{UTF8,EUC_CN}')
            THEN pg_catalog.convert_from(pg_catalog.decode(
                CASE d.weight WHEN 0 THEN n.hex ELSE n.hex OPERATOR(pg_catalog.||) 'e8a1a5e78fad' END, 'hex'), 'UTF8') END
FROM (VALUES
        ('yuandan', 'New Year', 'e58583e697a6'),
        ('chunjie', 'Spring Festival', 'e698a5e88a82'),
        ('qingming', 'Tomb-Sweeping Day', 'e6b885e6988ee88a82'),
        ('laodong', 'Labour Day', 'e58ab3e58aa8e88a82'),
        ('duanwu', 'Dragon Boat Festival', 'e7abafe58d88e88a82'),
        ('shengli', 'Victory Day', 'e68a97e68898e8839ce588a9e7baaae5bfb5e697a5'),
        ('zhongqiu', 'Mid-Autumn Festival', 'e4b8ade7a78be88a82'),
        ('guoqing', 'National Day', 'e59bbde5ba86e88a82'),
        ('guoqing+zhongqiu', 'National Day and Mid-Autumn Festival', 'e59bbde5ba86e88a82e5928ce4b8ade7a78be88a82')
    ) AS n(holiday, name, hex)
JOIN (VALUES
        ('yuandan', '[2000-01-01,2000-01-02]', '{}'),
        ('chunjie', '[2000-02-05,2000-02-11]', '{2000-02-12,2000-02-13}'),
        ('laodong', '[2000-05-01,2000-05-07]', '{2000-04-29,2000-04-30}'),
        ('guoqing', '[2000-10-01,2000-10-07]', '{2000-09-30,2000-10-08}'),
        ('yuandan', '[2000-12-30,2001-01-01]', '{}'),
        ('chunjie', '[2001-01-24,2001-01-30]', '{2001-01-20,2001-01-21}'),
        ('laodong', '[2001-05-01,2001-05-07]', '{2001-04-28,2001-04-29}'),
        ('guoqing', '[2001-10-01,2001-10-07]', '{2001-09-29,2001-09-30}'),
        ('yuandan', '[2002-01-01,2002-01-03]', '{2001-12-29,2001-12-30}'),
        ('chunjie', '[2002-02-12,2002-02-18]', '{2002-02-09,2002-02-10}'),
        ('laodong', '[2002-05-01,2002-05-07]', '{2002-04-27,2002-04-28}'),
        ('guoqing', '[2002-10-01,2002-10-07]', '{2002-09-28,2002-09-29}'),
        ('yuandan', '[2003-01-01,2003-01-03]', '{}'),
        ('chunjie', '[2003-02-01,2003-02-07]', '{2003-01-26,2003-02-08}'),
        ('laodong', '[2003-05-01,2003-05-07]', '{2003-04-27,2003-05-10}'),
        ('guoqing', '[2003-10-01,2003-10-07]', '{2003-09-28,2003-10-11}'),
        ('yuandan', '[2004-01-01,2004-01-03]', '{}'),
        ('chunjie', '[2004-01-22,2004-01-28]', '{2004-01-17,2004-01-18}'),
        ('laodong', '[2004-05-01,2004-05-07]', '{2004-04-25,2004-05-08}'),
        ('guoqing', '[2004-10-01,2004-10-07]', '{2004-09-26,2004-10-09}'),
        ('yuandan', '[2005-01-01,2005-01-03]', '{}'),
        ('chunjie', '[2005-02-09,2005-02-15]', '{2005-02-05,2005-02-06}'),
        ('laodong', '[2005-05-01,2005-05-07]', '{2005-04-30,2005-05-08}'),
        ('guoqing', '[2005-10-01,2005-10-07]', '{2005-10-08,2005-10-09}'),
        ('yuandan', '[2006-01-01,2006-01-03]', '{2005-12-31}'),
        ('chunjie', '[2006-01-29,2006-02-04]', '{2006-01-28,2006-02-05}'),
        ('laodong', '[2006-05-01,2006-05-07]', '{2006-04-29,2006-04-30}'),
        ('guoqing', '[2006-10-01,2006-10-07]', '{2006-09-30,2006-10-08}'),
        ('yuandan', '[2007-01-01,2007-01-03]', '{2006-12-30,2006-12-31}'),
        ('chunjie', '[2007-02-18,2007-02-24]', '{2007-02-17,2007-02-25}'),
        ('laodong', '[2007-05-01,2007-05-07]', '{2007-04-28,2007-04-29}'),
        ('guoqing', '[2007-10-01,2007-10-07]', '{2007-09-29,2007-09-30}'),
        ('yuandan', '[2008-01-01,2008-01-01]', '{}'),
        ('chunjie', '[2008-02-06,2008-02-12]', '{2008-02-02,2008-02-03}'),
        ('qingming', '[2008-04-04,2008-04-06]', '{}'),
        ('laodong', '[2008-05-01,2008-05-03]', '{}'),
        ('duanwu', '[2008-06-08,2008-06-09]', '{2008-06-07}'),
        ('zhongqiu', '[2008-09-14,2008-09-15]', '{2008-09-13}'),
        ('guoqing', '[2008-09-29,2008-10-05]', '{2008-09-27,2008-09-28}'),
        ('yuandan', '[2009-01-01,2009-01-03]', '{}'),
        ('chunjie', '[2009-01-25,2009-01-31]', '{2009-01-24,2009-02-01}'),
        ('qingming', '[2009-04-04,2009-04-06]', '{}'),
        ('laodong', '[2009-05-01,2009-05-03]', '{}'),
        ('duanwu', '[2009-05-28,2009-05-30]', '{2009-05-31}'),
        ('guoqing+zhongqiu', '[2009-10-01,2009-10-08]', '{2009-10-10}'),
        ('yuandan', '[2010-01-01,2010-01-03]', '{}'),
        ('chunjie', '[2010-02-13,2010-02-19]', '{2010-02-20,2010-02-21}'),
        ('qingming', '[2010-04-03,2010-04-05]', '{}'),
        ('laodong', '[2010-05-01,2010-05-03]', '{}'),
        ('duanwu', '[2010-06-14,2010-06-16]', '{2010-06-12,2010-06-13}'),
        ('zhongqiu', '[2010-09-22,2010-09-24]', '{2010-09-19,2010-09-25}'),
        ('guoqing', '[2010-10-01,2010-10-07]', '{2010-09-26,2010-10-09}'),
        ('yuandan', '[2011-01-01,2011-01-03]', '{}'),
        ('chunjie', '[2011-02-02,2011-02-08]', '{2011-01-30,2011-02-12}'),
        ('qingming', '[2011-04-03,2011-04-05]', '{2011-04-02}'),
        ('laodong', '[2011-04-30,2011-05-02]', '{}'),
        ('duanwu', '[2011-06-04,2011-06-06]', '{}'),
        ('zhongqiu', '[2011-09-10,2011-09-12]', '{}'),
        ('guoqing', '[2011-10-01,2011-10-07]', '{2011-10-08,2011-10-09}'),
        ('yuandan', '[2012-01-01,2012-01-03]', '{}'),
        ('chunjie', '[2012-01-22,2012-01-28]', '{2012-01-21,2012-01-29}'),
        ('qingming', '[2012-04-02,2012-04-04]', '{2012-03-31,2012-04-01}'),
        ('laodong', '[2012-04-29,2012-05-01]', '{2012-04-28}'),
        ('duanwu', '[2012-06-22,2012-06-24]', '{}'),
        ('zhongqiu', '[2012-09-30,2012-09-30]', '{2012-09-29}'),
        ('guoqing', '[2012-10-01,2012-10-07]', '{}'),
        ('yuandan', '[2013-01-01,2013-01-03]', '{2013-01-05,2013-01-06}'),
        ('chunjie', '[2013-02-09,2013-02-15]', '{2013-02-16,2013-02-17}'),
        ('qingming', '[2013-04-04,2013-04-06]', '{2013-04-07}'),
        ('laodong', '[2013-04-29,2013-05-01]', '{2013-04-27,2013-04-28}'),
        ('duanwu', '[2013-06-10,2013-06-12]', '{2013-06-08,2013-06-09}'),
        ('zhongqiu', '[2013-09-19,2013-09-21]', '{2013-09-22}'),
        ('guoqing', '[2013-10-01,2013-10-07]', '{2013-09-29,2013-10-12}'),
        ('yuandan', '[2014-01-01,2014-01-01]', '{}'),
        ('chunjie', '[2014-01-31,2014-02-06]', '{2014-01-26,2014-02-08}'),
        ('qingming', '[2014-04-05,2014-04-07]', '{}'),
        ('laodong', '[2014-05-01,2014-05-03]', '{2014-05-04}'),
        ('duanwu', '[2014-06-02,2014-06-02]', '{}'),
        ('zhongqiu', '[2014-09-08,2014-09-08]', '{}'),
        ('guoqing', '[2014-10-01,2014-10-07]', '{2014-09-28,2014-10-11}'),
        ('yuandan', '[2015-01-01,2015-01-03]', '{}'),
        ('chunjie', '[2015-02-18,2015-02-24]', '{2015-02-15,2015-02-28}'),
        ('qingming', '[2015-04-05,2015-04-06]', '{}'),
        ('laodong', '[2015-05-01,2015-05-03]', '{}'),
        ('duanwu', '[2015-06-20,2015-06-22]', '{}'),
        ('shengli', '[2015-09-03,2015-09-05]', '{2015-09-06}'),
        ('zhongqiu', '[2015-09-27,2015-09-27]', '{}'),
        ('guoqing', '[2015-10-01,2015-10-07]', '{2015-10-10}'),
        ('yuandan', '[2016-01-01,2016-01-03]', '{}'),
        ('chunjie', '[2016-02-07,2016-02-13]', '{2016-02-06,2016-02-14}'),
        ('qingming', '[2016-04-04,2016-04-04]', '{2016-04-02}'),
        ('laodong', '[2016-04-30,2016-05-02]', '{}'),
        ('duanwu', '[2016-06-09,2016-06-11]', '{2016-06-12}'),
        ('zhongqiu', '[2016-09-15,2016-09-17]', '{2016-09-18}'),
        ('guoqing', '[2016-10-01,2016-10-07]', '{2016-10-08,2016-10-09}'),
        ('yuandan', '[2017-01-01,2017-01-02]', '{}'),
        ('chunjie', '[2017-01-27,2017-02-02]', '{2017-01-22,2017-02-04}'),
        ('qingming', '[2017-04-02,2017-04-04]', '{2017-04-01}'),
        ('laodong', '[2017-05-01,2017-05-01]', '{}'),
        ('duanwu', '[2017-05-28,2017-05-30]', '{2017-05-27}'),
        ('guoqing+zhongqiu', '[2017-10-01,2017-10-08]', '{2017-09-30}'),
        ('yuandan', '[2018-01-01,2018-01-01]', '{}'),
        ('chunjie', '[2018-02-15,2018-02-21]', '{2018-02-11,2018-02-24}'),
        ('qingming', '[2018-04-05,2018-04-07]', '{2018-04-08}'),
        ('laodong', '[2018-04-29,2018-05-01]', '{2018-04-28}'),
        ('duanwu', '[2018-06-18,2018-06-18]', '{2018-06-16}'),
        ('zhongqiu', '[2018-09-24,2018-09-24]', '{2018-09-22}'),
        ('guoqing', '[2018-10-01,2018-10-07]', '{2018-09-29,2018-09-30}'),
        ('yuandan', '[2018-12-30,2019-01-01]', '{2018-12-29}'),
        ('chunjie', '[2019-02-04,2019-02-10]', '{2019-02-02,2019-02-03}'),
        ('qingming', '[2019-04-05,2019-04-07]', '{}'),
        ('laodong', '[2019-05-01,2019-05-04]', '{2019-04-28,2019-05-05}'),
        ('duanwu', '[2019-06-07,2019-06-09]', '{}'),
        ('zhongqiu', '[2019-09-13,2019-09-15]', '{}'),
        ('guoqing', '[2019-10-01,2019-10-07]', '{2019-09-29,2019-10-12}'),
        ('yuandan', '[2020-01-01,2020-01-01]', '{}'),
        ('chunjie', '[2020-01-24,2020-02-01]', '{2020-01-19}'),
        ('qingming', '[2020-04-04,2020-04-06]', '{}'),
        ('laodong', '[2020-05-01,2020-05-05]', '{2020-04-26,2020-05-09}'),
        ('duanwu', '[2020-06-25,2020-06-27]', '{2020-06-28}'),
        ('guoqing+zhongqiu', '[2020-10-01,2020-10-08]', '{2020-09-27,2020-10-10}'),
        ('yuandan', '[2021-01-01,2021-01-03]', '{}'),
        ('chunjie', '[2021-02-11,2021-02-17]', '{2021-02-07,2021-02-20}'),
        ('qingming', '[2021-04-03,2021-04-05]', '{}'),
        ('laodong', '[2021-05-01,2021-05-05]', '{2021-04-25,2021-05-08}'),
        ('duanwu', '[2021-06-12,2021-06-14]', '{}'),
        ('zhongqiu', '[2021-09-19,2021-09-21]', '{2021-09-18}'),
        ('guoqing', '[2021-10-01,2021-10-07]', '{2021-09-26,2021-10-09}'),
        ('yuandan', '[2022-01-01,2022-01-03]', '{}'),
        ('chunjie', '[2022-01-31,2022-02-06]', '{2022-01-29,2022-01-30}'),
        ('qingming', '[2022-04-03,2022-04-05]', '{2022-04-02}'),
        ('laodong', '[2022-04-30,2022-05-04]', '{2022-04-24,2022-05-07}'),
        ('duanwu', '[2022-06-03,2022-06-05]', '{}'),
        ('zhongqiu', '[2022-09-10,2022-09-12]', '{}'),
        ('guoqing', '[2022-10-01,2022-10-07]', '{2022-10-08,2022-10-09}'),
        ('yuandan', '[2022-12-31,2023-01-02]', '{}'),
        ('chunjie', '[2023-01-21,2023-01-27]', '{2023-01-28,2023-01-29}'),
        ('qingming', '[2023-04-05,2023-04-05]', '{}'),
        ('laodong', '[2023-04-29,2023-05-03]', '{2023-04-23,2023-05-06}'),
        ('duanwu', '[2023-06-22,2023-06-24]', '{2023-06-25}'),
        ('guoqing+zhongqiu', '[2023-09-29,2023-10-06]', '{2023-10-07,2023-10-08}'),
        ('yuandan', '[2024-01-01,2024-01-01]', '{}'),
        ('chunjie', '[2024-02-10,2024-02-17]', '{2024-02-04,2024-02-18}'),
        ('qingming', '[2024-04-04,2024-04-06]', '{2024-04-07}'),
        ('laodong', '[2024-05-01,2024-05-05]', '{2024-04-28,2024-05-11}'),
        ('duanwu', '[2024-06-10,2024-06-10]', '{}'),
        ('zhongqiu', '[2024-09-15,2024-09-17]', '{2024-09-14}'),
        ('guoqing', '[2024-10-01,2024-10-07]', '{2024-09-29,2024-10-12}'),
        ('yuandan', '[2025-01-01,2025-01-01]', '{}'),
        ('chunjie', '[2025-01-28,2025-02-04]', '{2025-01-26,2025-02-08}'),
        ('qingming', '[2025-04-04,2025-04-06]', '{}'),
        ('laodong', '[2025-05-01,2025-05-05]', '{2025-04-27}'),
        ('duanwu', '[2025-05-31,2025-06-02]', '{}'),
        ('guoqing+zhongqiu', '[2025-10-01,2025-10-08]', '{2025-09-28,2025-10-11}'),
        ('yuandan', '[2026-01-01,2026-01-03]', '{2026-01-04}'),
        ('chunjie', '[2026-02-15,2026-02-23]', '{2026-02-14,2026-02-28}'),
        ('qingming', '[2026-04-04,2026-04-06]', '{}'),
        ('laodong', '[2026-05-01,2026-05-05]', '{2026-05-09}'),
        ('duanwu', '[2026-06-19,2026-06-21]', '{}'),
        ('zhongqiu', '[2026-09-25,2026-09-27]', '{}'),
        ('guoqing', '[2026-10-01,2026-10-07]', '{2026-09-20,2026-10-10}')
    ) AS h(holiday, days_off, days_worked) ON h.holiday OPERATOR(pg_catalog.=) n.holiday
CROSS JOIN LATERAL (
    SELECT o.day::pg_catalog.date, 0
    FROM pg_catalog.generate_series(pg_catalog.lower(h.days_off::pg_catalog.daterange)::pg_catalog.timestamp,
                                    pg_catalog.upper(h.days_off::pg_catalog.daterange)::pg_catalog.timestamp OPERATOR(pg_catalog.-) '1 day'::pg_catalog.interval,
                                    '1 day') AS o(day)
    UNION ALL
    SELECT w.day, 1 FROM pg_catalog.unnest(h.days_worked::pg_catalog.date[]) AS w(day)
    ) AS d(day, weight);

SELECT pg_catalog.pg_extension_config_dump('@extschema@.holiday', 'WHERE country OPERATOR(pg_catalog.<>) ''CN''');

COMMENT ON TABLE @extschema@.holiday IS
'Days of countries that count other than their weekday: public holidays, and weekends that are worked instead; a year of which there is no row is not known';
COMMENT ON COLUMN @extschema@.holiday.country IS
'Country, by which calendars refer to its days: CN for China, whose days come with the extension (2000 to 2026)';
COMMENT ON COLUMN @extschema@.holiday.day IS
'The day';
COMMENT ON COLUMN @extschema@.holiday.weight IS
'Working days that it counts: 0 for a day off, 1 for a day that is worked, 0.5 for half of one';
COMMENT ON COLUMN @extschema@.holiday.name IS
'Name of the holiday';
COMMENT ON COLUMN @extschema@.holiday.name_local IS
'The same in a language of the country; NULL where it is not known or the database has no such characters';

CREATE TABLE @extschema@.calendar_day (
    calendar_id integer NOT NULL
        CONSTRAINT calendar_day_calendar_id_fkey REFERENCES @extschema@.calendar (calendar_id) ON DELETE CASCADE
        CONSTRAINT calendar_day_gregorian_check CHECK (calendar_id OPERATOR(pg_catalog.<>) 1),
    day date NOT NULL
        CONSTRAINT calendar_day_day_check CHECK (pg_catalog.isfinite(day)),
    weight numeric NOT NULL
        CONSTRAINT calendar_day_weight_not_negative CHECK (weight OPERATOR(pg_catalog.>=) 0)
        CONSTRAINT calendar_day_weight_check
        CHECK (weight OPERATOR(pg_catalog.<=) 100 AND weight OPERATOR(pg_catalog.=) pg_catalog.round(weight, 4)),
    name text
        CONSTRAINT calendar_day_name_check CHECK (name OPERATOR(pg_catalog.<>) ''),
    CONSTRAINT calendar_day_pkey PRIMARY KEY (calendar_id, day)
);

ALTER TABLE @extschema@.calendar_day OWNER TO @extowner@;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.calendar_day', '');

COMMENT ON TABLE @extschema@.calendar_day IS
'Days of a calendar that count other than its weekdays and its country say';
COMMENT ON COLUMN @extschema@.calendar_day.calendar_id IS
'The calendar; gregorian has none, as it is the same in every database';
COMMENT ON COLUMN @extschema@.calendar_day.day IS
'The day';
COMMENT ON COLUMN @extschema@.calendar_day.weight IS
'Working days that it counts, 0 to 100 with at most 4 decimals: 0 for a day off, 0.5 for half a day, 1 for a whole one, 1.5 for one with longer hours';
COMMENT ON COLUMN @extschema@.calendar_day.name IS
'What is special about the day; NULL for nothing';

CREATE FUNCTION @extschema@.workdays(span daterange, calendar text DEFAULT 'gregorian')
    RETURNS numeric
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'target_split_workdays';

COMMENT ON FUNCTION @extschema@.workdays(daterange, text) IS
'Working days in a span of days: what its days count by the calendar''s own days, its country''s holidays and its weekdays; an error where the holidays of a year are not known';

CREATE FUNCTION @extschema@.add_workdays(day date, n numeric, calendar text DEFAULT 'gregorian')
    RETURNS date
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'target_split_add_workdays';

COMMENT ON FUNCTION @extschema@.add_workdays(date, numeric, text) IS
'The first day by whose end n working days have passed since the end of a day; with a negative n the last day from whose start n working days pass until the start of the day; the day itself for 0';

CREATE FUNCTION @extschema@.load_calendar_days(calendar text, days_from regclass)
    RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'target_split_load_calendar_days';

COMMENT ON FUNCTION @extschema@.load_calendar_days(text, regclass) IS
'Adds the days of a table or view with the columns day, weight and, if it has it, name to a calendar, in place of what the calendar says of them, and returns how many they are';
