-- split_target: the methods that know the time alone, and proration; each
-- against plain SQL.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA time_test;
SET search_path = time_test, target_split;
SET datestyle = ISO;
\set ON_ERROR_ROLLBACK on

SELECT add_calendar('china', country => 'CN') > 0 AS added, add_metric('sales', unit => 'EUR') > 0 AS added;
SELECT create_plan('Y', period => '[2024-01-01,2025-01-01)', calendar => 'china') > 0 AS created,
	   create_plan('N', period => '[2026-07-01,2027-07-01)', calendar => 'china') > 0 AS created;
SELECT set_target('Y', 'sales', amount => 1000000) > 0 AS set, set_target('N', 'sales', amount => 1000000) > 0 AS set;
SELECT add_dimension('market') > 0 AS added, add_dimension('team', levels => '{rep}', persons => true) > 0 AS added;
-- East and West exist always, North opens on 15 May, South is lost in September
SELECT count(add_member('market', m, valid => v)) AS members
FROM (VALUES ('East', daterange '(,)'), ('West', '(,)'), ('North', '[2024-05-15,)'), ('South', '(,2024-09-01)')) m (m, v);
-- persons: Ann always, Ben is hired on 1 April, Cid leaves at the end of June, Dan is employed later than his membership begins
SELECT count(add_person(p, valid => v)) AS persons
FROM (VALUES ('Ann', daterange '(,)'), ('Ben', '(,)'), ('Cid', '(,2024-07-01)'), ('Dan', '[2024-03-11,)'), ('Lead', '(,)')) p (p, v);
SELECT add_member('team', 'Lead') > 0 AS added;
SELECT count(add_member('team', m, parent => '{Lead}', valid => v)) AS members
FROM (VALUES ('Ann', daterange '(,)'), ('Ben', '[2024-04-01,)'), ('Cid', '(,)'), ('Dan', '[2024-01-01,)')) m (m, v);

-- Is each part the floor or the ceiling of its share?  wanted: a weight per key and period
CREATE FUNCTION unfair(rows target_split.new_target[], wanted jsonb, total numeric DEFAULT 1000000)
RETURNS TABLE (slice jsonb, period daterange, amount numeric, share numeric) LANGUAGE sql AS $$
	WITH w AS (
		SELECT (e ->> 0)::jsonb AS slice, (e ->> 1)::daterange AS period, (e ->> 2)::numeric AS weight
		FROM jsonb_array_elements(wanted) e
	), x AS (
		SELECT w.*, unfair.total * w.weight / sum(w.weight) OVER () AS share FROM w
	)
	SELECT COALESCE(r.slice, x.slice), COALESCE(r.period, x.period), r.amount, x.share
	FROM (SELECT * FROM unnest(rows) r WHERE r.n_children = 0) r FULL JOIN x ON x.slice = r.slice AND x.period = r.period
	WHERE (abs(r.amount - x.share) < 0.01) IS NOT TRUE
	   OR EXISTS (SELECT FROM unnest(rows) p JOIN unnest(rows) c ON c.parent_id = p.target_id GROUP BY p.target_id, p.amount HAVING sum(c.amount) <> p.amount) $$;
CREATE FUNCTION new_parts(by text[], method text, weights jsonb DEFAULT NULL, prorate text DEFAULT NULL, plan text DEFAULT 'Y') RETURNS target_split.new_target[]
LANGUAGE sql AS $$ SELECT array_agg(s) FROM target_split.preview_split(target_split.root_target(new_parts.plan, 'sales'), new_parts.by, new_parts.method,
	weights => new_parts.weights, prorate => new_parts.prorate) s $$;
-- days of a period on which a market exists
CREATE FUNCTION open_days(market text, period daterange) RETURNS daterange LANGUAGE sql AS $$
	SELECT m.valid * open_days.period FROM target_split.member m JOIN target_split.dimension d USING (dimension_id) WHERE d.name = 'market' AND m.code = open_days.market $$;
CREATE FUNCTION n_days(r daterange) RETURNS integer LANGUAGE sql AS $$ SELECT CASE WHEN isempty(r) THEN 0 ELSE upper(r) - lower(r) END $$;
CREATE FUNCTION n_workdays(r daterange) RETURNS numeric LANGUAGE sql AS $$
	SELECT COALESCE(sum(COALESCE(h.weight, (extract(isodow FROM d) < 6)::integer)), 0)
	FROM generate_series(lower(r)::timestamp, upper(r)::timestamp - interval '1 day', '1 day') d LEFT JOIN target_split.holiday h ON h.day = d::date AND h.country = 'CN' $$;
CREATE VIEW months AS SELECT period, n, row_number() OVER (ORDER BY period) AS place
FROM (SELECT daterange(d::date, (d + interval '1 month')::date) AS period, extract(day FROM d + interval '1 month - 1 day')::integer AS n
	  FROM generate_series(timestamp '2024-01-01', '2024-12-01', '1 month') d) m;
CREATE VIEW quarters AS SELECT daterange(d::date, (d + interval '3 months')::date) AS period FROM generate_series(timestamp '2024-01-01', '2024-12-01', '3 months') d;
CREATE VIEW markets AS SELECT * FROM unnest('{East,West,North,South}'::text[]) market;

-- -------------------------------------------------------------------- days
SELECT period, amount, weight FROM preview_split(root_target('Y', 'sales'), '{quarter}', method => 'days');
SELECT * FROM unfair(new_parts('{month}', 'days'), (SELECT jsonb_agg(jsonb_build_array('{}'::text, period::text, n)) FROM months));
-- members, alike but for the days on which they are there
SELECT slice ->> 'market' AS market, amount, weight FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'days');
SELECT * FROM unfair(new_parts('{market,quarter}', 'days'),
	(SELECT jsonb_agg(jsonb_build_array(jsonb_build_object('market', market)::text, period::text, n_days(open_days(market, period)))) FROM quarters, markets));
SELECT * FROM unfair(new_parts('{month,market}', 'days'),
	(SELECT jsonb_agg(jsonb_build_array(jsonb_build_object('market', market)::text, period::text, n_days(open_days(market, period))))
	 FROM months, markets WHERE NOT isempty(open_days(market, period))));

-- ---------------------------------------------------------------- workdays
SELECT period, amount, weight FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'workdays') LIMIT 3;
SELECT * FROM unfair(new_parts('{month}', 'workdays'), (SELECT jsonb_agg(jsonb_build_array('{}'::text, period::text, n_workdays(period))) FROM months));
SELECT * FROM unfair(new_parts('{market,quarter}', 'workdays'),
	(SELECT jsonb_agg(jsonb_build_array(jsonb_build_object('market', market)::text, period::text, n_workdays(open_days(market, period)))) FROM quarters, markets));
-- weeks that cross a month end
SELECT count(*) AS segments, sum(amount) AS sum, sum(weight) AS workdays FROM preview_split(root_target('Y', 'sales'), '{quarter,month,week}', method => 'workdays') WHERE level = 'week';
-- half days of the calendar
BEGIN;
INSERT INTO calendar_day (calendar_id, day, weight) SELECT calendar_id, d, 0.5 FROM calendar, unnest('{2024-12-24,2024-12-31}'::date[]) d WHERE name = 'china';
SELECT period, weight FROM preview_split(root_target('Y', 'sales'), '{quarter}', method => 'workdays');
ROLLBACK;
-- a year whose holidays are not known
SELECT * FROM preview_split(root_target('N', 'sales'), '{quarter}', method => 'workdays');
SELECT period, amount, weight, fallback FROM preview_split(root_target('N', 'sales'), '{quarter}', method => 'workdays', on_missing => 'equal');
SELECT period, amount, weight, fallback FROM preview_split(root_target('N', 'sales'), '{half,quarter}', method => 'workdays', on_missing => 'zero');
SELECT * FROM preview_split(root_target('N', 'sales'), '{quarter}', method => 'workdays', on_missing => 'parent');
SELECT period, amount, weight FROM preview_split(root_target('N', 'sales'), '{quarter}', method => 'days');
-- as a level's own method, and among others
SELECT period, amount FROM preview_split(root_target('Y', 'sales'), '{quarter,month}', method => 'equal', levels => '{"month": {"method": "workdays"}}') WHERE period <@ '[2024-01-01,2024-04-01)';
SELECT round(250000 * n_workdays(period) / sum(n_workdays(period)) OVER (), 2) AS by_hand FROM months WHERE period <@ '[2024-01-01,2024-04-01)';
SELECT period, amount FROM preview_split(root_target('Y', 'sales'), '{quarter}', method => 'blend', bases => '[{"method": "days"}, {"method": "workdays"}]');
SELECT round(500000 * (n_days(period) / 366.0 + n_workdays(period) / 251), 2) AS by_hand FROM quarters;

-- ----------------------------------------------------------------- pattern
SELECT period, amount, weight FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'pattern', weights => '"4 4 5"');
SELECT period, amount FROM preview_split(root_target('Y', 'sales'), '{quarter}', method => 'pattern', weights => '[1, 2, 1, 0]');
SELECT bool_and(a.amount = b.amount) AS same
FROM preview_split(root_target('Y', 'sales'), '{quarter,month}', method => 'pattern', weights => '"0-1-0"') a
JOIN preview_split(root_target('Y', 'sales'), '{quarter,month}', method => 'pattern', weights => '[0, 0.7, 0]') b USING (level, period);
SELECT * FROM unfair(new_parts('{half,month}', 'pattern', '"4, 4, 5.5"'), (SELECT jsonb_agg(jsonb_build_array('{}'::text, period::text, CASE WHEN place % 3 = 0 THEN 5.5 ELSE 4 END)) FROM months));
-- under each target that is split
SELECT slice ->> 'market' AS market, level, amount FROM preview_split(root_target('Y', 'sales'), '{market,half}', method => 'equal', levels => '{"half": {"method": "pattern", "weights": "1 3"}}')
WHERE slice ->> 'market' IN ('East', 'South');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'pattern', weights => '"1 2 3 4 5"');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{quarter}', method => 'pattern', weights => '"1 2 3 4 5"');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'pattern', weights => '"1 2"');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'pattern', weights => '"4 -4 x"');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'pattern', weights => '""');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'pattern', weights => '"1..2"');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'pattern', weights => '[]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'pattern', weights => '[1, "2"]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'pattern', weights => '[1, -2]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'pattern', weights => '{"1": 2}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'pattern', weights => '7');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'pattern', weights => '[0, 0]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'pattern');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'pattern', weights_from => 'months');

-- -------------------------------------------------------------------- ramp
-- a quarter is the sum of its months: 0 + 25 + 50 of 100
SELECT slice ->> 'team' AS rep, period, weight, round(weight / 100, 6) AS full_months
FROM preview_split(root_target('Y', 'sales'), '{team,rep,quarter}', method => 'ramp', weights => '[0, 25, 50, 75, 100]') WHERE level = 'quarter';
-- by plain SQL: months since the start, days of the first and the last month
CREATE VIEW reps AS
SELECT m.code AS rep, m.valid * p.valid AS valid, lower(m.valid * p.valid) AS start
FROM member m JOIN dimension d USING (dimension_id) JOIN person p USING (person_id) WHERE d.name = 'team' AND m.depth = 2;
SELECT rep, valid FROM reps ORDER BY 1;
SELECT * FROM unfair(new_parts('{team,rep,month}', 'ramp', '[0, 25, 50, 75, 100]'),
	(SELECT jsonb_agg(jsonb_build_array(jsonb_build_object('team', rep)::text, period::text,
		(CASE WHEN start IS NULL THEN 100
		 ELSE LEAST(100, 25 * ((extract(year FROM lower(period)) - extract(year FROM start)) * 12 + extract(month FROM lower(period)) - extract(month FROM start))) END)
		* n_days(valid * period) / n)) FROM reps, months));
-- above: the parts of one rep
BEGIN;
SELECT count(*) AS made FROM split_target(root_target('Y', 'sales'), '{team,rep}', method => 'days');
SELECT period, amount, weight FROM preview_split(find_target('Y', 'sales', '{"team": "Ben"}'), '{month}', method => 'ramp', weights => '[0, 25, 50, 75, 100]');
-- weeks of a month that is not whole
SELECT period, weight FROM preview_split(find_target('Y', 'sales', '{"team": "Dan"}'), '{quarter,month,week}', method => 'ramp', weights => '[10, 100]') WHERE level = 'week' AND weight > 0 LIMIT 5;
SELECT '[2024-03-11,2024-03-18)' AS period, round(10.0::numeric(60,40) * 7 / 31, 20) AS by_hand;
-- a start for all
SELECT period, amount, weight FROM preview_split(find_target('Y', 'sales', '{"team": "Ann"}'), '{quarter}', method => 'ramp', weights => '{"start": "2024-08-01", "percent": [50, 100]}');
SELECT * FROM preview_split(find_target('Y', 'sales', '{"team": "Ann"}'), '{quarter}', method => 'ramp', weights => '[50, 100]');
SELECT * FROM preview_split(find_target('Y', 'sales', '{"team": "Ann"}'), '{quarter}', method => 'ramp', weights => '{"start": "2025-08-01", "percent": [50, 100]}');
ROLLBACK;
-- amounts, that are the targets
BEGIN;
SELECT set_target('Y', 'sales', amount => 10 + 20 + 30 + 6 * 45) > 0 AS set;
SELECT period, amount FROM preview_split(root_target('Y', 'sales'), '{quarter,month}', method => 'ramp_amounts', weights => '{"start": "2024-04-01", "amounts": [10, 20, 30, 45]}') WHERE level = 'month';
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'ramp_amounts', weights => '{"start": "2024-03-01", "amounts": [10, 20, 30, 45]}');
-- the part of a month is rounded to the quantum
SELECT set_target('Y', 'sales', amount => 4.84 + 20) > 0 AS set;
SELECT period, amount FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'ramp_amounts', weights => '{"start": "2024-11-16", "amounts": [9.68, 20]}') WHERE amount > 0;
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'ramp_amounts', weights => '[1]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'ramp_amounts', weights => '{"percent": [1]}');
ROLLBACK;
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'ramp', weights => '{"start": "May", "percent": [1]}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'ramp', weights => '{"start": "2024-02-30", "percent": [1]}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'ramp', weights => '{"begin": "2024-05-01", "percent": [1]}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'ramp', weights => '{"percent": 1}');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'ramp', weights => '[0, -1]');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'ramp', weights => '"0 25"');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'ramp', weights_from => 'months');

-- ----------------------------------------------------------------- prorate
SELECT slice ->> 'market' AS market, amount, weight FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'equal', prorate => 'days');
SELECT * FROM unfair(new_parts('{market}', 'equal', prorate => 'days'),
	(SELECT jsonb_agg(jsonb_build_array(jsonb_build_object('market', market)::text, '[2024-01-01,2025-01-01)', n_days(open_days(market, '[2024-01-01,2025-01-01)')))) FROM markets));
SELECT * FROM unfair(new_parts('{market}', 'equal', prorate => 'workdays'),
	(SELECT jsonb_agg(jsonb_build_array(jsonb_build_object('market', market)::text, '[2024-01-01,2025-01-01)', n_workdays(open_days(market, '[2024-01-01,2025-01-01)')))) FROM markets));
SELECT * FROM unfair(new_parts('{market}', 'weights', '{"East": 3, "West": 2, "North": 7, "South": 1}', prorate => 'days'),
	(SELECT jsonb_agg(jsonb_build_array(jsonb_build_object('market', market)::text, '[2024-01-01,2025-01-01)',
		('{"East": 3, "West": 2, "North": 7, "South": 1}'::jsonb ->> market)::numeric * n_days(open_days(market, '[2024-01-01,2025-01-01)')))) FROM markets));
-- in each period of its own: North has 17 of 31 days of May
SELECT slice ->> 'market' AS market, period, amount FROM preview_split(root_target('Y', 'sales'), '{month,market}', method => 'equal', prorate => 'days')
WHERE period IN ('[2024-05-01,2024-06-01)', '[2024-09-01,2024-10-01)');
SELECT * FROM unfair(new_parts('{month,market}', 'equal', prorate => 'days'),
	(SELECT jsonb_agg(jsonb_build_array(jsonb_build_object('market', market)::text, period::text, part / sum))
	 FROM (SELECT market, period, n_days(open_days(market, period))::numeric / n AS part, sum(n_days(open_days(market, period))::numeric / n) OVER (PARTITION BY period) AS sum
		   FROM months, markets WHERE NOT isempty(open_days(market, period))) p));
SELECT * FROM unfair(new_parts('{quarter,market}', 'equal', prorate => 'workdays'),
	(SELECT jsonb_agg(jsonb_build_array(jsonb_build_object('market', market)::text, period::text, part / sum))
	 FROM (SELECT market, period, n_workdays(open_days(market, period)) / n_workdays(period) AS part, sum(n_workdays(open_days(market, period)) / n_workdays(period)) OVER (PARTITION BY period) AS sum
		   FROM quarters, markets WHERE NOT isempty(open_days(market, period))) p));
-- members first: the sum over its periods, which are weighed as if it were always there
SELECT * FROM unfair(new_parts('{market,month}', 'equal', prorate => 'days'),
	(SELECT jsonb_agg(jsonb_build_array(jsonb_build_object('market', market)::text, period::text, n_days(open_days(market, period))::numeric / n)) FROM months, markets));
-- persons: Cid's employment ends in June, Dan's begins on 11 March
SELECT slice ->> 'team' AS rep, amount, weight FROM preview_split(root_target('Y', 'sales'), '{team,rep}', method => 'equal', prorate => 'days') WHERE level = 'rep';
SELECT rep, round(1000000.0 * n_days(valid * '[2024-01-01,2025-01-01)') / sum(n_days(valid * '[2024-01-01,2025-01-01)')) OVER (), 2) AS by_hand FROM reps ORDER BY 1;
-- under a target of one member
BEGIN;
SELECT count(*) AS made FROM split_target(root_target('Y', 'sales'), '{market}', method => 'equal');
SELECT period, amount FROM preview_split(find_target('Y', 'sales', '{"market": "North"}'), '{quarter}', method => 'equal', prorate => 'days');
SELECT period, round(250000.0 * n_days(open_days('North', period)) / n_days(period) / sum(n_days(open_days('North', period))::numeric / n_days(period)) OVER (), 2) AS by_hand FROM quarters;
ROLLBACK;
-- history
BEGIN;
CREATE TABLE orders AS SELECT d::date AS day, market, (extract(doy FROM d) * 7 + ascii(market))::integer % 97 + 1 AS amount
FROM generate_series('2023-01-01'::date, '2023-12-31', '1 day') d, unnest('{East,West,South}'::text[]) market;
SELECT count(*) AS levels FROM add_source('sales', 'orders', occurred_on => 'day', amount => 'amount', dimensions => '{"market": "market"}');
SELECT slice ->> 'market' AS market, weight, amount FROM preview_split(root_target('Y', 'sales'), '{market}', members => '"active"', prorate => 'days');
SELECT market, round(w, 6) AS weight, round(1000000 * w / sum(w) OVER (), 2) AS by_hand
FROM (SELECT market, sum(amount) * n_days(open_days(market, '[2024-01-01,2025-01-01)')) / 366.0 AS w FROM orders GROUP BY 1) o ORDER BY 1;
ROLLBACK;
-- whole again where nobody is there for part of the time only
SELECT bool_and(a.amount = b.amount) AS same, count(*) FROM preview_split(root_target('Y', 'sales'), '{month}', method => 'equal', prorate => 'days') a
JOIN preview_split(root_target('Y', 'sales'), '{month}', method => 'equal') b USING (period);
-- with a method for each level, kept with the split, and made again
BEGIN;
SELECT count(*) AS made FROM split_target(root_target('Y', 'sales'), '{market,quarter}', method => 'equal', levels => '{"quarter": {"method": "pattern", "weights": "1 2 3 4"}}', prorate => 'days');
SELECT method, arguments FROM split_log WHERE plan = 'Y';
SELECT slice ->> 'market' AS market, period, amount FROM target WHERE level = 'quarter' AND slice ->> 'market' IN ('East', 'North', 'South') ORDER BY slice, period;
SELECT count(*) AS changed FROM preview_resplit(root_target('Y', 'sales'));
SELECT slice ->> 'market' AS market, amount_before, amount_after FROM preview_resplit(root_target('Y', 'sales'), prorate => 'workdays') WHERE level = 'market' ORDER BY 1;
SELECT count(*) > 0 AS changed FROM preview_resplit(root_target('Y', 'sales'), method => 'days', by => '{market,quarter}');
SELECT * FROM plan_check;
ROLLBACK;
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'equal', prorate => 'months');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'days', prorate => 'days');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market,quarter}', method => 'equal', levels => '{"quarter": {"method": "workdays"}}', prorate => 'days');
SELECT * FROM preview_split(root_target('Y', 'sales'), '{market}', method => 'amounts', weights => '{"East": 1000000}', prorate => 'days');
SELECT count(*) FROM preview_split(root_target('N', 'sales'), '{market}', method => 'equal', prorate => 'workdays');
BEGIN;
SELECT add_member('market', 'Pole', valid => '[2027-02-01,)') > 0 AS added;
SELECT * FROM preview_split(root_target('N', 'sales'), '{market}', method => 'equal', prorate => 'workdays');
-- on_missing says what to do: all days of a period with unknown ones count alike, or nothing does
SELECT slice ->> 'market' AS market, amount, round(weight, 6) AS weight, fallback FROM preview_split(root_target('N', 'sales'), '{market}', method => 'equal', prorate => 'workdays', on_missing => 'equal');
SELECT round(150 / 365.0, 6) AS pole_by_days;
SELECT slice ->> 'market' AS market, amount, fallback FROM preview_split(root_target('N', 'sales'), '{market}', method => 'equal', prorate => 'workdays', on_missing => 'zero');
-- a quarter of which all is known goes by its working days
UPDATE member SET valid = '[2026-10-14,2027-05-01)' WHERE code = 'Pole';
SELECT period, slice ->> 'market' AS market, amount, round(weight, 6) AS weight, fallback FROM preview_split(root_target('N', 'sales'), '{quarter,market}', method => 'equal', prorate => 'workdays', on_missing => 'equal') WHERE slice ->> 'market' = 'Pole';
SELECT period, round(250000 * f / (3 + f), 4) AS by_hand
FROM (SELECT q.period, CASE WHEN upper(q.period) <= '2027-01-01' THEN workdays(q.period * '[2026-10-14,2027-05-01)', 'china') / workdays(q.period, 'china') ELSE n_days(q.period * '[2026-10-14,2027-05-01)') / n_days(q.period)::numeric END AS f
	  FROM (SELECT daterange(d::date, (d + interval '3 months')::date) AS period FROM generate_series('2026-10-01'::date, '2027-04-01', '3 months') d) q) x;
SELECT count(*) FROM split_target(root_target('N', 'sales'), '{quarter,market}', method => 'equal', prorate => 'workdays', on_missing => 'equal');
SELECT fallbacks FROM split_log WHERE plan = 'N';
SELECT count(*) AS changed FROM preview_resplit(root_target('N', 'sales'));
SELECT * FROM plan_check;
ROLLBACK;
-- there on a weekend alone
BEGIN;
SELECT add_dimension('stall') > 0 AS added;
SELECT add_member('stall', 'fair', valid => '[2024-06-01,2024-06-03)') > 0 AS added;
SELECT * FROM preview_split(root_target('Y', 'sales'), '{stall}', method => 'equal', prorate => 'workdays');
SELECT slice, amount FROM preview_split(root_target('Y', 'sales'), '{stall}', method => 'equal', prorate => 'days');
ROLLBACK;
-- of a weekend on which nobody works some is as good as all, also above members: 4 weeks and a weekend
BEGIN;
SELECT create_plan('W', period => '[2024-06-01,2024-07-01)', calendar => 'china') > 0 AS created;
SELECT set_target('W', 'sales', amount => 1000) AS r \gset
SELECT add_dimension('shop') > 0 AS added, add_dimension('stall') > 0 AS added;
SELECT add_member('shop', 'Kiosk', valid => '[2024-06-02,)') > 0 AS added, count(add_member('stall', s)) AS stalls FROM unnest('{One,Two}'::text[]) s;
SELECT count(*) FROM split_target(:r, '{shop}', method => 'equal');
SELECT period, amount, weight FROM preview_split(find_target('W', 'sales', '{"shop": "Kiosk"}'), '{week}', method => 'equal', prorate => 'workdays');
SELECT period, amount, weight FROM preview_split(find_target('W', 'sales', '{"shop": "Kiosk"}'), '{week,stall}', method => 'equal', prorate => 'workdays') WHERE level = 'week';
ROLLBACK;

DROP SCHEMA time_test CASCADE;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
