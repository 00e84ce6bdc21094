-- split_target: method "margins", parts that add up to totals agreed on for products, regions
-- and months at once; every promise against plain SQL.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA margins_test;
SET search_path = margins_test, target_split;
SET datestyle = ISO;

-- Bikes and Helmets, three regions with countries; Helmets are not sold in the South
CREATE TABLE orders AS
SELECT day::date AS day, line, region, country,
	   ((extract(doy FROM day)::int * 31 + ascii(line) * 5 + ascii(country) * 17) % 211 + extract(month FROM day)::int * 40)::numeric / 100 AS amount
FROM generate_series('2023-01-01'::date, '2023-12-31', '3 days') day,
	 (VALUES ('Bikes'), ('Helmets')) l (line),
	 (VALUES ('North', 'Norway'), ('North', 'Sweden'), ('South', 'Italy'), ('West', 'France'), ('West', 'Spain')) r (region, country)
WHERE NOT (line = 'Helmets' AND region = 'South');
SELECT add_metric('sales', unit => 'EUR') > 0 AS added;
SELECT count(*) AS levels FROM add_source('sales', 'orders', occurred_on => 'day', amount => 'amount',
										  dimensions => '{"line": "line", "region": ["region", "country"]}');
SELECT create_plan('P', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('P', 'sales', amount => 10000) > 0 AS set;

-- Every part that has no parts, with the names of its members
CREATE FUNCTION cell(plan text) RETURNS TABLE (target_id bigint, line text, region text, country text, month date, amount numeric, weight numeric)
LANGUAGE sql AS $$
	SELECT t.target_id, t.slice ->> 'line', COALESCE(r.path[1], t.slice ->> 'region'), r.path[2], lower(t.period), t.amount, t.weight
	FROM target t LEFT JOIN member r ON r.path[cardinality(r.path)] = t.slice ->> 'region'
	WHERE t.plan_id = (SELECT r.plan_id FROM target r WHERE r.target_id = root_target(plan, 'sales')) AND t.n_children = 0
$$;
-- Runs a statement that fails and returns what it says
CREATE FUNCTION refusal(call text, OUT message text, OUT detail text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
END $$;

-- ------------------------------ product managers, regional directors, finance
SELECT slice ->> 'line' AS line, slice ->> 'region' AS region, amount, weight
FROM preview_split(root_target('P', 'sales'), '{line,region}', method => 'margins',
				   margins => '{"line": {"Bikes": 6000, "Helmets": 4000}, "region": {"North": "30%", "South": "25%", "West": "45%"}}')
ORDER BY depth, 1, 2;
-- with months, of which finance names one by its label and one by a day
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{line,region,country,month}', method => 'margins',
	margins => '{"line": {"Bikes": 6000, "Helmets": 4000}, "region": {"North": "30%", "South": "25%", "West": "45%"},
				 "month": {"2024-01": 600, "2024-12-01": 1200.05, "2024-02": null}}');
SELECT line, sum(amount) FROM cell('P') GROUP BY 1 ORDER BY 1;
SELECT region, sum(amount) FROM cell('P') GROUP BY 1 ORDER BY 1;
SELECT month, sum(amount) FROM cell('P') WHERE month IN ('2024-01-01', '2024-12-01') GROUP BY 1 ORDER BY 1;
-- what was not sold stays 0; a part is its weight
SELECT count(*) FILTER (WHERE line = 'Helmets' AND region = 'South') AS zeros,
	   count(*) FILTER (WHERE (amount = 0) <> (line = 'Helmets' AND region = 'South')) AS other_zeros,
	   count(*) FILTER (WHERE amount <> weight) AS not_its_weight
FROM cell('P');
SELECT * FROM plan_check;

-- Raking by hand, in doubles: every cell within one unit
CREATE FUNCTION rake_by_hand() RETURNS TABLE (line text, country text, month date, x float8) LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE h ON COMMIT DROP AS
	SELECT o.line, o.region, o.country, (date_trunc('month', o.day) + interval '1 year')::date AS month, sum(o.amount)::float8 AS x FROM orders o GROUP BY 1, 2, 3, 4;
	FOR i IN 1 .. 200 LOOP
		UPDATE h SET x = h.x * f.f FROM (SELECT g.line, CASE g.line WHEN 'Bikes' THEN 6000 ELSE 4000 END / sum(g.x) AS f FROM h g GROUP BY 1) f WHERE f.line = h.line;
		UPDATE h SET x = h.x * f.f FROM (SELECT g.region, CASE g.region WHEN 'North' THEN 3000 WHEN 'South' THEN 2500 ELSE 4500 END / sum(g.x) AS f FROM h g GROUP BY 1) f WHERE f.region = h.region;
		UPDATE h SET x = h.x * f.f FROM (SELECT g.month, CASE g.month WHEN '2024-01-01' THEN 600 ELSE 1200.05 END / sum(g.x) AS f FROM h g WHERE g.month IN ('2024-01-01', '2024-12-01') GROUP BY 1) f WHERE f.month = h.month;
	END LOOP;
	RETURN QUERY SELECT h.line, h.country, h.month, h.x FROM h;
END $$;
SELECT count(*) AS cells, count(*) FILTER (WHERE abs(c.amount - r.x) < 0.01) AS within_a_unit
FROM cell('P') c JOIN rake_by_hand() r USING (line, country, month);

-- ------------------------------------------ explained, recorded, made again
SELECT findings -> 0 #- '{sweeps}' #- '{residual}' AS summary FROM split WHERE method = 'margins';
SELECT e ->> 'margin' AS margin, e ->> 'member' AS member, e -> 'total' AS total, e -> 'factor' AS factor
FROM split, jsonb_array_elements(findings) e WHERE e ? 'factor';
-- growth times factors times basis is the part
SELECT step, level, amount, exact_share, basis_rows, round(b.had, 2) AS had, f.factors,
	   abs(b.had * b.growth * f.product - amount) < 0.1 AS as_said
FROM explain_target((SELECT target_id FROM cell('P') WHERE line = 'Bikes' AND country = 'Spain' AND month = '2024-12-01')),
	 LATERAL (SELECT (bases -> 0 -> 'amount')::numeric AS had, (bases -> 1 -> 'growth')::numeric AS growth) b,
	 LATERAL (SELECT jsonb_object_agg(e ->> 'margin', e -> 'factor') AS factors, exp(sum(ln((e -> 'factor')::numeric))) AS product
			  FROM jsonb_array_elements(bases) e WHERE e ? 'factor') f
WHERE level = 'month';
SELECT arguments FROM split WHERE method = 'margins';
SELECT regexp_replace(split_call, ' -- by .*', '') AS call FROM explain_target((SELECT target_id FROM cell('P') WHERE line = 'Bikes' AND country = 'Spain' AND month = '2024-12-01')) WHERE step = 1;
-- nothing changes where nothing has changed
SELECT count(*) AS changed FROM resplit_target(root_target('P', 'sales'));

-- A month that was set by hand, and a region's line that is locked: the others give way, and all totals stand
CREATE TEMP TABLE before AS SELECT * FROM cell('P');
SELECT count(*) > 0 AS changed FROM adjust_target((SELECT target_id FROM cell('P') WHERE line = 'Bikes' AND country = 'Spain' AND month = '2024-01-01'), amount => 100);
SELECT count(*) AS locked FROM lock_target(find_target('P', 'sales', '{"line": "Helmets", "region": "West"}', '[2024-01-01,2025-01-01)'));
SELECT sum(amount) <> 600 AS january_is_broken FROM cell('P') WHERE month = '2024-01-01';
SELECT count(*) > 0 AS changed FROM resplit_target(root_target('P', 'sales'));
SELECT line, sum(amount) FROM cell('P') GROUP BY 1 ORDER BY 1;
SELECT region, sum(amount) FROM cell('P') GROUP BY 1 ORDER BY 1;
SELECT month, sum(amount) FROM cell('P') WHERE month IN ('2024-01-01', '2024-12-01') GROUP BY 1 ORDER BY 1;
SELECT count(*) FILTER (WHERE c.line = 'Helmets' AND c.region = 'West' AND c.amount <> b.amount) AS changed_under_the_lock,
	   max(c.amount) FILTER (WHERE c.line = 'Bikes' AND c.country = 'Spain' AND c.month = '2024-01-01') AS set_by_hand,
	   count(*) FILTER (WHERE c.amount <> b.amount) > 10 AS others_moved
FROM cell('P') c JOIN before b USING (target_id);
SELECT * FROM plan_check;
SELECT fallbacks FROM split ORDER BY split_id DESC LIMIT 1;
-- one line alone cannot be shared again
SELECT count(*) AS changed FROM resplit_target(find_target('P', 'sales', '{"line": "Bikes"}'));
-- another amount needs other margins
SELECT * FROM refusal($$SELECT resplit_target(root_target('P', 'sales'), amount => 11000)$$);
SELECT count(*) > 0 AS changed FROM resplit_target(root_target('P', 'sales'), amount => 11000,
	margins => '{"line": {"Helmets": "40%"}, "region": {"South": "25%"}, "month": {"2024-01": 660}}');
SELECT line, sum(amount) FROM cell('P') GROUP BY 1 ORDER BY 1;
SELECT region, sum(amount) FROM cell('P') WHERE region = 'South' GROUP BY 1;
SELECT sum(amount) AS january FROM cell('P') WHERE month = '2024-01-01';
SELECT * FROM plan_check;
SELECT arguments -> 'margins' AS margins FROM split ORDER BY split_id DESC LIMIT 1;
SELECT undo_split((SELECT max(split_id) FROM split), 'P') > 0 AS undone;
SELECT month, sum(amount) FROM cell('P') WHERE month IN ('2024-01-01', '2024-12-01') GROUP BY 1 ORDER BY 1;
SELECT * FROM plan_check;

-- a part with a call of its own takes no part in the margins, until the whole gets arguments
BEGIN;
SELECT count(*) > 0 AS changed FROM resplit_target(find_target('P', 'sales', '{"line": "Bikes"}'), method => 'history');
SELECT * FROM refusal($$SELECT resplit_target(root_target('P', 'sales'))$$);
SELECT count(*) > 0 AS changed FROM resplit_target(root_target('P', 'sales'), method => 'margins', margins => '{"region": {"South": "25%"}, "month": {"2024-01": 600}}');
SELECT sum(amount) AS january FROM cell('P') WHERE month = '2024-01-01';
SELECT * FROM plan_check;
-- what is above the cells may be held within bounds of its own
UPDATE target SET stretch_amount = amount WHERE target_id = find_target('P', 'sales', '{"line": "Bikes", "region": "North"}');
SELECT * FROM refusal($$SELECT resplit_target(root_target('P', 'sales'), margins => '{"region": {"North": "50%"}}')$$);
ROLLBACK;

-- ------------------------- adjusted, and all other parts of the split absorb it
CREATE TEMP TABLE was AS SELECT * FROM cell('P');
SELECT role, count(*) > 0 AS rows, min(amount_before) FILTER (WHERE role = 'adjusted') AS before, max(amount_after) FILTER (WHERE role = 'adjusted') AS after
FROM preview_adjust(find_target('P', 'sales', '{"line": "Helmets", "region": "Norway"}', '[2024-03-01,2024-04-01)'), amount => 150, absorb => 'margins') GROUP BY 1 ORDER BY 1;
SELECT count(*) AS changed FROM cell('P') c JOIN was w USING (target_id) WHERE c.amount <> w.amount;
SELECT count(*) > 0 AS changed FROM adjust_target(find_target('P', 'sales', '{"line": "Helmets", "region": "Norway"}', '[2024-03-01,2024-04-01)'), amount => 150, absorb => 'margins');
-- two countries of two lines together, by growth
SELECT count(*) > 0 AS changed FROM adjust_target(plan => 'P', metric => 'sales', slice => '{"line": "Bikes", "region": "Norway"}', period => '[2024-07-01,2024-10-01)', growth => 0.1, absorb => 'margins');
SELECT line, sum(amount) FROM cell('P') GROUP BY 1 ORDER BY 1;
SELECT region, sum(amount) FROM cell('P') GROUP BY 1 ORDER BY 1;
SELECT month, sum(amount) FROM cell('P') WHERE month IN ('2024-01-01', '2024-12-01') GROUP BY 1 ORDER BY 1;
SELECT max(amount) FILTER (WHERE line = 'Helmets' AND country = 'Norway' AND month = '2024-03-01') AS set,
	   round(sum(c.amount) FILTER (WHERE line = 'Bikes' AND country = 'Norway' AND month BETWEEN '2024-07-01' AND '2024-09-01') /
			 (SELECT sum(w.amount) FROM was w WHERE line = 'Bikes' AND country = 'Norway' AND month BETWEEN '2024-07-01' AND '2024-09-01'), 2) AS about
FROM cell('P') c;
SELECT * FROM plan_check;
-- what margins forbid, a target that is locked, one of another method
SELECT * FROM refusal($$SELECT adjust_target(find_target('P', 'sales', '{"line": "Bikes"}'), amount => 6100, absorb => 'margins')$$);
SELECT * FROM refusal($$SELECT adjust_target(find_target('P', 'sales', '{"line": "Helmets", "region": "Spain"}', '[2024-03-01,2024-04-01)'), amount => 1, absorb => 'margins')$$);
SELECT * FROM refusal($$SELECT adjust_target(root_target('P', 'sales'), add => 1, absorb => 'margins')$$);

-- ------------------------------- levels above, below and beside those of "by"
SELECT create_plan('Q', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('Q', 'sales', amount => 10000) > 0 AS set;
SELECT count(*) FROM split_target(root_target('Q', 'sales'), '{line}', method => 'percent', weights => '{"Bikes": 60, "Helmets": 40}');
-- the lines have their amounts; regions and quarters stand above what is split, and over both lines
SELECT count(*) FROM split_target(root_target('Q', 'sales'), '{country,month}', method => 'margins',
	margins => '[{"region": {"North": 3000, "South": 2500.5}}, {"quarter": {"2024-Q1": "20%", "2024-Q4": "30%"}}, {"quarter, line": {"2024-Q2": {"Bikes": 1400}}}]');
SELECT line, sum(amount) FROM cell('Q') GROUP BY 1 ORDER BY 1;
SELECT region, sum(amount) FROM cell('Q') GROUP BY 1 ORDER BY 1;
SELECT date_trunc('quarter', month)::date AS quarter, sum(amount), sum(amount) FILTER (WHERE line = 'Bikes') AS bikes FROM cell('Q') GROUP BY 1 ORDER BY 1;
SELECT * FROM plan_check;
SELECT jsonb_path_query_array(bases, '$[*] ? (exists(@.factor)).margin') AS factors
FROM explain_target((SELECT target_id FROM cell('Q') WHERE line = 'Bikes' AND country = 'Norway' AND month = '2024-05-01')) WHERE level = 'month';
SELECT count(*) AS changed FROM resplit_target(root_target('Q', 'sales'));
SELECT unsplit_target(find_target('Q', 'sales', '{"line": "Bikes"}')) > 0, unsplit_target(find_target('Q', 'sales', '{"line": "Helmets"}')) > 0;
-- the same margins from a relation, with arrays for two levels
CREATE TABLE agreed (dimension text[], member text[], amount numeric, percent numeric);
INSERT INTO agreed VALUES ('{region}', '{North}', 3000, NULL), ('{region}', '{South}', 2500.5, NULL), ('{region}', '{West}', NULL, NULL),
	('{quarter}', '{2024-Q1}', NULL, 20), ('{quarter}', '{2024-Q4}', NULL, 30), ('{quarter,line}', '{2024-Q2,Bikes}', 1400, NULL);
SELECT count(*) AS parts, count(*) FILTER (WHERE a.amount = b.amount) AS same
FROM preview_split(root_target('Q', 'sales'), '{country,month}', method => 'margins', margins_from => 'agreed') a
JOIN preview_split(root_target('Q', 'sales'), '{country,month}', method => 'margins',
	margins => '[{"region": {"North": 3000, "South": 2500.5}}, {"quarter": {"2024-Q1": "20%", "2024-Q4": "30%"}}, {"quarter, line": {"2024-Q2": {"Bikes": 1400}}}]') b
	USING (level, slice, period);
-- or some of each: names as texts, a day for a month
CREATE TABLE by_finance (dimension text, member date, amount int);
INSERT INTO by_finance VALUES ('month', '2024-03-15', 700), ('month', '2024-04-01', 650);
SELECT s.slice ->> 'line' AS line, s.period, sum(s.amount)
FROM split_target(root_target('Q', 'sales'), '{region,month}', method => 'margins', margins => '{"region": {"South": 2000}}', margins_from => 'by_finance') s
WHERE s.level = 'month' AND s.period && '[2024-03-01,2024-05-01)' GROUP BY ROLLUP (2, 1) ORDER BY 2, 1;
SELECT arguments -> 'margins' AS margins, arguments ->> 'margins_from' AS margins_from FROM split ORDER BY split_id DESC LIMIT 1;
-- the relation is read again
UPDATE by_finance SET amount = 800 WHERE amount = 700;
SELECT count(*) > 0 AS changed FROM resplit_target(root_target('Q', 'sales'));
SELECT sum(amount) AS march FROM cell('Q') WHERE month = '2024-03-01';
DROP TABLE by_finance;
SELECT * FROM refusal($$SELECT resplit_target(root_target('Q', 'sales'))$$);
SELECT problem IS NULL AS readable, facts > 0 AS has_facts FROM explain_basis((SELECT min(target_id) FROM cell('Q'))) LIMIT 1;

-- --------------------------------------------------- percentages to the unit
SELECT create_plan('R', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('R', 'sales', amount => 100.01) > 0 AS set;
SELECT slice ->> 'region' AS region, amount
FROM preview_split(root_target('R', 'sales'), '{region}', method => 'margins', margins => '{"region": {"North": "33.4%", "South": "33.3 %", "West": "33.3%"}}') ORDER BY 1;
SELECT slice ->> 'region' AS region, amount
FROM preview_split(root_target('R', 'sales'), '{region}', method => 'margins', margins => '{"region": {"North": 60, "South": "25%"}}') ORDER BY 1;
SELECT slice ->> 'region' AS region, amount
FROM preview_split(root_target('R', 'sales'), '{region}', method => 'margins', margins => '{"region": {"North": " 60% ", "South": " 25 % "}}') ORDER BY 1;
-- days are read as days, however the session writes them
CREATE TABLE by_days AS SELECT '{quarter,month}'::text[] AS dimension, '{2024-02-01,2024-03-15}'::date[] AS member, 7 AS amount;
SET datestyle = 'German';
SELECT sum(amount) AS march FROM preview_split(root_target('R', 'sales'), '{month}', method => 'margins', margins_from => 'by_days') WHERE lower(period) = '01.03.2024';
SET datestyle = ISO;
SELECT create_plan('S', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('S', 'sales', amount => 10000) > 0 AS set;
-- in the call's quantum; the target must be a multiple of it
SELECT * FROM refusal($$SELECT preview_split(root_target('R', 'sales'), '{region}', method => 'margins', quantum => 1, margins => '{"region": {"North": 60}}')$$);
SELECT slice ->> 'region' AS region, amount
FROM preview_split(root_target('S', 'sales'), '{region}', method => 'margins', quantum => 100, margins => '{"region": {"North": "33.3%"}}', weights => '{"North": 1, "South": 2, "West": 3}') ORDER BY 1;

BEGIN;
SELECT count(*) FROM split_target(root_target('S', 'sales'), '{region,month}', method => 'margins', quantum => 100, margins => '{"region": {"North": "33.3%"}, "month": {"2024-05": 1000}}');
SELECT count(*) AS changed FROM resplit_target(root_target('S', 'sales'));
SELECT count(*) FILTER (WHERE amount % 100 <> 0) AS broken, sum(amount) FILTER (WHERE region = 'North') AS north, sum(amount) FILTER (WHERE month = '2024-05-01') AS may FROM cell('S');
SELECT * FROM plan_check;
ROLLBACK;
-- a country that moves in mid-year counts where it is in each month
BEGIN;
SELECT count(*) FROM move_member('region', 'Spain', 'South', '2024-07-01', 'stays');
SELECT sum(amount) FILTER (WHERE country = 'France' OR (country = 'Spain' AND month < '2024-07-01')) AS west, sum(amount) AS year
FROM (SELECT slice ->> 'region' AS country, lower(period) AS month, amount
	  FROM preview_split(root_target('S', 'sales'), '{country,month}', method => 'margins', margins => '{"region": {"West": 3000}}') WHERE level = 'month') s;
ROLLBACK;
-- a target that is locked whole, among those that were split together
BEGIN;
SELECT count(*) FROM split_target(root_target('S', 'sales'), '{country}');
SELECT count(*) FROM split_target(root_target('S', 'sales'), '{line,month}', method => 'margins', margins => '{"line": {"Bikes": "61%"}, "line, quarter": {"Helmets": {"2024-Q1": 600}}}');
SELECT count(*) AS locked FROM lock_target(find_target('S', 'sales', '{"region": "Norway"}'));
CREATE TEMP TABLE norway ON COMMIT DROP AS SELECT * FROM cell('S') WHERE country = 'Norway';
SELECT count(*) > 0 AS changed FROM resplit_target(root_target('S', 'sales'), amount => 11000);
SELECT count(*) > 0 AS changed FROM resplit_target(root_target('S', 'sales'), by => '{line,month}', margins => '{"line": {"Bikes": "62%"}}');
SELECT sum(amount) FILTER (WHERE line = 'Bikes') AS bikes, sum(amount) AS year FROM cell('S');
SELECT count(*) AS as_they_were, count(*) FILTER (WHERE n.amount <> c.amount) AS changed FROM norway n JOIN cell('S') c USING (target_id);
SELECT * FROM plan_check;
ROLLBACK;
-- what is held must be possible in the call's quantum; limits come inwards to what is
BEGIN;
SELECT count(*) FROM split_target(root_target('S', 'sales'), '{region,line}', method => 'margins', quantum => 100, margins => '{"line": {"Bikes": 6000}}');
UPDATE target SET stretch_amount = 2650 WHERE target_id = find_target('S', 'sales', '{"line": "Bikes", "region": "North"}');
UPDATE target SET floor_amount = 1220 WHERE target_id = find_target('S', 'sales', '{"line": "Helmets", "region": "North"}');
SELECT count(*) > 0 AS changed FROM resplit_target(root_target('S', 'sales'), margins => '{"line": {"Bikes": 7500}}');
SELECT slice ->> 'line' AS line, slice ->> 'region' AS region, amount FROM target WHERE plan_id = (SELECT plan_id FROM target WHERE target_id = root_target('S', 'sales')) AND depth = 2 ORDER BY 1, 2;
SELECT * FROM plan_check;
-- a lock and an adjusted amount, which the others make room for in hundreds
SELECT count(*) AS locked FROM lock_target(find_target('S', 'sales', '{"line": "Bikes", "region": "South"}'));
SELECT count(*) AS changed FROM adjust_target(find_target('S', 'sales', '{"line": "Bikes", "region": "North"}'), amount => 2300, absorb => 'margins');
SELECT count(*) AS changed FROM resplit_target(root_target('S', 'sales'), amount => 11000, margins => '{"line": {"Bikes": 8000}, "region": {"North": 4000}}');
SELECT slice ->> 'line' AS line, slice ->> 'region' AS region, amount FROM target WHERE plan_id = (SELECT plan_id FROM target WHERE target_id = root_target('S', 'sales')) AND depth = 2 ORDER BY 1, 2;
SELECT * FROM plan_check;
SAVEPOINT s;
SELECT resplit_target(root_target('S', 'sales'), amount => 11050);
ROLLBACK TO s;
SELECT resplit_target(root_target('S', 'sales'), margins => '{"line": {"Bikes": 8050}}');
ROLLBACK TO s;
SELECT count(*) AS changed FROM adjust_target(find_target('S', 'sales', '{"line": "Bikes", "region": "North"}'), amount => 2350.5);
SELECT resplit_target(root_target('S', 'sales'));
ROLLBACK;
-- nor can it be below 0, or beyond all; a hint makes it anew
BEGIN;
SELECT count(*) FROM split_target(root_target('S', 'sales'), '{region,line}', method => 'margins', margins => '{"line": {"Bikes": 6000}}');
SELECT * FROM refusal($$SELECT adjust_target(find_target('S', 'sales', '{"line": "Bikes", "region": "North"}'), amount => -50, absorb => 'margins')$$);
SELECT * FROM refusal($$SELECT adjust_target(find_target('S', 'sales', '{"line": "Bikes", "region": "North"}'), amount => 1e30, absorb => 'margins')$$);
SELECT * FROM refusal($$SELECT adjust_target(find_target('S', 'sales', '{"line": "Bikes", "region": "North"}'), amount => 2000, absorb => 'margins', carried_by => '{"region": "South"}')$$);
SELECT count(*) AS changed FROM adjust_target(find_target('S', 'sales', '{"line": "Bikes", "region": "North"}'), amount => -50);
SELECT * FROM refusal($$SELECT resplit_target(root_target('S', 'sales'))$$);
SELECT count(*) > 0 AS changed FROM resplit_target(root_target('S', 'sales'), keep_adjustments => false);
SELECT sum(amount) AS bikes, min(amount) >= 0 AS none_below_0 FROM cell('S') WHERE line = 'Bikes';
ROLLBACK;
-- ties go by codes, not by ids: lines that came one after the other, or together
BEGIN;
CREATE FUNCTION pg_temp.by_lines() RETURNS TABLE (line text, region text, amount numeric) LANGUAGE sql AS $$
	SELECT s.slice ->> 'line', s.slice ->> 'region', s.amount
	FROM preview_split(root_target('S', 'sales'), '{region}', method => 'margins', quantum => 100, bases => '[{"method": "equal"}]', margins => '{"region": {"South": 3100}}') s
$$;
SELECT count(*) FROM split_target(root_target('S', 'sales'), '{line}', method => 'equal');
SELECT add_member('line', 'Accessories') > 0, add_member('line', 'Clothing') > 0;
SELECT count(*) > 0 AS changed FROM resplit_target(root_target('S', 'sales'));
SELECT array_agg(slice ->> 'line' ORDER BY target_id) AS by_id FROM cell('S') JOIN target USING (target_id);
CREATE TEMP TABLE one_by_one ON COMMIT DROP AS SELECT * FROM pg_temp.by_lines();
SELECT count(*) > 0 AS gone FROM unsplit_target(root_target('S', 'sales'));
SELECT count(*) FROM split_target(root_target('S', 'sales'), '{line}', method => 'equal');
SELECT array_agg(slice ->> 'line' ORDER BY target_id) AS by_id FROM cell('S') JOIN target USING (target_id);
SELECT line, string_agg(o.amount::text, ' ' ORDER BY region) AS one_by_one, string_agg(t.amount::text, ' ' ORDER BY region) AS together
FROM one_by_one o JOIN pg_temp.by_lines() t USING (line, region) GROUP BY 1 ORDER BY 1;
ROLLBACK;
-- weeks are cut at the ends of months, so they are in months and halves
SELECT sum(amount) FILTER (WHERE period <@ '[2024-02-01,2024-03-01)') AS february, sum(amount) FILTER (WHERE period <@ '[2024-01-01,2024-07-01)') AS first_half
FROM preview_split(root_target('S', 'sales'), '{week}', method => 'margins', margins => '{"month": {"2024-02": 600}, "half": {"2024-H1": "40%"}}');

-- ------------------------------------------ other seeds, bounds, zeros, rests
SELECT slice ->> 'line' AS line, slice ->> 'region' AS region, amount
FROM preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', bases => '[{"method": "equal"}]', margins => '{"region": {"North": 40}, "line": {"Bikes": 50.01}}') WHERE depth = 2 ORDER BY 1, 2;
SELECT slice ->> 'line' AS line, slice ->> 'region' AS region, amount
FROM preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', profile => '{"lag": 3}', on_incomplete => 'accept', on_missing => 'zero', margins => '{"region": {"North": 40}, "line": {"Bikes": 50.01}}') WHERE depth = 2 ORDER BY 1, 2;
CREATE TABLE cap AS SELECT 'Bikes' AS line, 'North' AS region, 15 AS at_least, 20 AS at_most;
SELECT slice ->> 'line' AS line, slice ->> 'region' AS region, amount, at_least, at_most
FROM preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', margins => '{"region": {"North": 40}, "line": {"Bikes": 60.01}}', bounds_from => 'cap') WHERE depth = 2 ORDER BY 1, 2;
SELECT slice ->> 'line' AS line, slice ->> 'region' AS region, amount, at_least, at_most
FROM preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', margins => '{"region": {"North": 40}, "line": {"Bikes": 60.01}}', bounds => '{"region": {"*": {"at_least": 1}}}') WHERE depth = 2 ORDER BY 1, 2;
SELECT * FROM refusal($$SELECT preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', margins => '{"region": {"North": 40}}', bounds => '{"line": {"Bikes": {"at_most": 50}}}')$$);
SELECT * FROM refusal($$SELECT preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', margins => '{"region": {"North": 40}}', bounds => '{"region": {"North": {"at_least": 50, "at_most": 40}}}')$$);
-- a region that sold nothing in the basis gets its total only if the call says how
SELECT add_member('region', 'East') > 0 AS added;
SELECT add_member('region', 'Poland', parent => '{East}') > 0 AS added;
SELECT * FROM refusal($$SELECT preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', margins => '{"region": {"East": 10}}')$$);
SELECT slice ->> 'line' AS line, slice ->> 'region' AS region, amount, fallback
FROM preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', margins => '{"region": {"East": 10}, "line": {"Bikes": 60}}', on_zero => 'equal') WHERE depth = 2 ORDER BY 1, 2;
SELECT slice ->> 'line' AS line, slice ->> 'region' AS region, amount, fallback
FROM preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', margins => '{"region": {"East": 10}}', on_zero => 'parent') WHERE depth = 2 ORDER BY 1, 2;
-- members with facts only, so that the new region has no part; and a rest
SELECT slice ->> 'region' AS region, amount
FROM preview_split(root_target('R', 'sales'), '{region}', method => 'margins', margins => '{"region": {"East": 0, "North": 50}}', members => '"active"') ORDER BY 1;
SELECT * FROM refusal($$SELECT preview_split(root_target('R', 'sales'), '{region}', method => 'margins', margins => '{"region": {"East": 1, "North": 50}}', members => '"active"')$$);
SELECT add_member('region', 'Others', is_rest => true) > 0 AS added;
SELECT slice ->> 'line' AS line, slice ->> 'region' AS region, amount
FROM preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', margins => '{"region": {"Others": 20}, "line": {"Bikes": 60.01}}', members => '{"region": 2}', rest => 'Others') WHERE depth = 2 ORDER BY 1, 2;

-- -------------------------------------------------------------- cannot be done
-- Helmets are not sold in the South, so Bikes must bring all of it; the certificate adds up
SELECT * FROM refusal($$SELECT preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', members => '"active"',
	margins => '{"line": {"Bikes": 20, "Helmets": 80.01}, "region": {"South": 25}}')$$);
-- the South needs more than the lines have that are sold there; the numbers by plain SQL
CREATE TABLE wish (dimension text, member text, amount numeric);
INSERT INTO wish VALUES ('line', 'Bikes', 20.01), ('line', 'Helmets', 80), ('region', 'North', 40), ('region', 'South', 30.01), ('region', 'West', 30);
SELECT detail, ARRAY(SELECT n[1]::numeric FROM regexp_matches(detail, '[0-9]+[.][0-9]+', 'g') n) AS said,
	   (SELECT ARRAY[h.amount, sum(w.amount), h.amount - sum(w.amount)] FROM wish h, wish w WHERE h.member = 'South' AND w.dimension = 'line'
		  AND w.member IN (SELECT line FROM orders WHERE region = 'South') GROUP BY h.amount) AS by_sql
FROM refusal($$SELECT preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', margins_from => 'wish')$$);
SELECT * FROM refusal($$SELECT preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', margins => '{"line": {"Bikes": 60, "Helmets": 40}}')$$);
SELECT * FROM refusal($$SELECT preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', margins => '{"line": {"Bikes": 120}}')$$);
SELECT * FROM refusal($$SELECT preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', margins => '{"line": {"Bikes": "60%", "Helmets": "30%"}}')$$);
-- quarters and months that contradict each other, a cent too much
SELECT * FROM refusal($$SELECT preview_split(root_target('R', 'sales'), '{line,month}', method => 'margins', margins => '{"quarter": {"2024-Q1": 20}, "month": {"2024-01": 10, "2024-02": 10.01}}')$$);

-- --------------------------------------------------------------- random tables
-- margins that some table has: all totals must come out, and nothing where nothing was sold
CREATE TABLE facts (day date, a text, b text, amount numeric);
INSERT INTO facts SELECT '2023-06-15', 'a' || i, 'b' || j, (i * 7 + j * 13) % 10 + 1 FROM generate_series(1, 5) i, generate_series(1, 4) j;
SELECT add_metric('tables', unit => 'EUR', quantum => 1) > 0 AS added;
SELECT count(*) AS levels FROM add_source('tables', 'facts', occurred_on => 'day', amount => 'amount', dimensions => '{"a": "a", "b": "b"}');
SELECT create_plan('T', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('T', 'tables', amount => 1) > 0 AS set;
CREATE FUNCTION random_tables(n int, OUT tables int, OUT wrong_margins int, OUT wrong_zeros int) LANGUAGE plpgsql AS $$
DECLARE
	w_margins int;
	w_zeros int;
	totals jsonb;
	whole numeric;
BEGIN
	tables := 0;
	wrong_margins := 0;
	wrong_zeros := 0;
	FOR k IN 1 .. n LOOP
		DELETE FROM facts;
		INSERT INTO facts SELECT '2023-06-15', 'a' || i, 'b' || j, abs(hashint4(k * 31 + i * 5 + j)) % 90 + 1
		FROM generate_series(1, 5) i, generate_series(1, 4) j WHERE i = 1 OR j = 1 OR hashint4(k * 97 + i * 11 + j) % 3 <> 0;
		-- the margins of another table with the same zeros; every third leaves a group free
		CREATE TEMP TABLE other AS SELECT a, b, abs(hashint4(k + length(a || b) + ascii(right(a, 1)) * 7 + ascii(right(b, 1)))) % 1000 + 1 AS x FROM facts;
		SELECT sum(x) INTO whole FROM other;
		SELECT jsonb_build_object('a', (SELECT jsonb_object_agg(a, x) FROM (SELECT a, sum(x) AS x FROM other GROUP BY a) s WHERE k % 3 <> 0 OR a <> 'a2'),
								  'b', (SELECT jsonb_object_agg(b, x) FROM (SELECT b, sum(x) AS x FROM other GROUP BY b) s))
		INTO totals;
		UPDATE target SET amount = whole WHERE target_id = root_target('T', 'tables');
		CREATE TEMP TABLE got AS
		SELECT s.slice ->> 'a' AS a, s.slice ->> 'b' AS b, s.amount
		FROM preview_split(root_target('T', 'tables'), '{a,b}', method => 'margins', margins => totals, on_incomplete => 'accept') s WHERE s.depth = 2;
		SELECT count(*) INTO w_margins FROM (
			SELECT (totals -> 'a' -> a)::numeric AS wanted, sum(amount) AS amount FROM got GROUP BY a
			UNION ALL SELECT (totals -> 'b' -> b)::numeric, sum(amount) FROM got GROUP BY b
			UNION ALL SELECT whole, sum(amount) FROM got) x WHERE wanted <> x.amount;
		SELECT count(*) INTO w_zeros FROM got LEFT JOIN facts USING (a, b) WHERE facts.a IS NULL AND got.amount <> 0;
		wrong_margins := wrong_margins + w_margins;
		wrong_zeros := wrong_zeros + w_zeros;
		tables := tables + 1;
		DROP TABLE other, got;
	END LOOP;
END $$;
SELECT * FROM random_tables(60);

-- any part locked or adjusted, again and again: every total stands, by the member's and the period's own parts
CREATE FUNCTION missed(plan text) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM (
		SELECT (e -> 'total')::numeric AS total,
			   (SELECT COALESCE(sum(t.amount), 0) FROM target t
				WHERE t.plan_id = s.plan_id AND t.n_children = 0 AND COALESCE(t.period <@ (e ->> 'period')::daterange, true)
				  AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(e -> 'member_ids') g JOIN member gm ON gm.member_id = g::bigint
								  WHERE NOT EXISTS (SELECT FROM jsonb_each_text(t.slice) x JOIN member m ON m.path[cardinality(m.path)] = x.value
													WHERE m.dimension_id = gm.dimension_id AND m.path[1:cardinality(gm.path)] = gm.path))) AS has
		FROM split s, jsonb_array_elements(s.findings) e
		WHERE s.split_id = (SELECT max(l.split_id) FROM split l JOIN plan p USING (plan_id) WHERE p.family = plan AND l.method = 'margins') AND e ? 'factor') x
	WHERE total <> has
$$;
CREATE FUNCTION random_changes(plan text, n int, OUT changes int, OUT missed bigint, OUT locked_that_changed bigint) LANGUAGE plpgsql AS $$
DECLARE
	root bigint := root_target(plan, 'sales');
	id bigint;
	m bigint;
BEGIN
	changes := 0;
	missed := 0;
	locked_that_changed := 0;
	FOR k IN 1 .. n LOOP
		SELECT t.target_id INTO id FROM target t WHERE t.plan_id = (SELECT r.plan_id FROM target r WHERE r.target_id = root)
			AND NOT t.locked AND t.depth >= 2 AND t.amount > 0 ORDER BY hashint8((t.target_id - root) * 7919 + k), t.target_id LIMIT 1;
		CREATE TEMP TABLE old AS SELECT t.target_id, t.amount FROM target t WHERE t.plan_id = (SELECT r.plan_id FROM target r WHERE r.target_id = root) AND t.locked;
		IF k % 2 = 1 THEN
			PERFORM lock_target(id);
			PERFORM resplit_target(root, keep_adjustments => k % 4 = 1);
		ELSE
			PERFORM adjust_target(id, growth => k % 7 * 0.01 - 0.03, absorb => 'margins');
		END IF;
		m := missed(plan);
		missed := missed + m;
		locked_that_changed := locked_that_changed + (SELECT count(*) FROM old o JOIN target t USING (target_id) WHERE o.amount <> t.amount);
		changes := changes + 1;
		DROP TABLE old;
	END LOOP;
END $$;
SELECT create_plan('V', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('V', 'sales', amount => 12345.67) > 0 AS set;
SELECT count(*) FROM split_target(root_target('V', 'sales'), '{line,quarter,country,month}', method => 'margins',
	margins => '{"line": {"Bikes": "55%"}, "region": {"North": 4000, "West": "45%"}, "quarter": {"2024-Q2": "27%"}, "month": {"2024-02": 900, "2024-11": 1100.01}}');
SELECT missed('V');
SELECT * FROM random_changes('V', 10);
SELECT * FROM plan_check;
-- three margins, of which a free group takes what whole units leave; every group that is not free is exact
SELECT count(*) FROM split_target(root_target('S', 'sales'), '{line,country,month}', method => 'margins',
	margins => '{"line": {"Bikes": "61.803%"}, "country": {"Norway": 1111.11, "Spain": 2222.22, "Italy": 1333.33}, "month": {"2024-01": 777.77, "2024-06": 888.88, "2024-11": 999.99}, "quarter": {"2024-Q1": 2000.01}}');
SELECT (SELECT sum(amount) FROM cell('S') WHERE line = 'Bikes') AS bikes, (SELECT array_agg(s ORDER BY country) FROM (SELECT country, sum(amount) AS s FROM cell('S') WHERE country IN ('Norway', 'Spain', 'Italy') GROUP BY 1) x) AS countries,
	   (SELECT array_agg(s ORDER BY month) FROM (SELECT month, sum(amount) AS s FROM cell('S') WHERE extract(month FROM month) IN (1, 6, 11) GROUP BY 1) x) AS months,
	   (SELECT sum(amount) FROM cell('S') WHERE month < '2024-04-01') AS first_quarter;
SELECT * FROM plan_check;
-- totals that no table of whole units has, though one of fractions does (Sande's 2 x 2 x 2): what is missed is told
CREATE TABLE cube AS SELECT '2023-01-01'::date + d AS day, 'x' || x AS x, 'y' || y AS y, 'z' || z AS z, 1 AS amount
FROM generate_series(0, 1) x, generate_series(0, 1) y, generate_series(0, 1) z, generate_series(0, 364) d WHERE (x + y + z) % 2 = 0;
SELECT add_metric('cube', unit => 'EUR', quantum => 1) > 0 AS added;
SELECT count(*) AS levels FROM add_source('cube', 'cube', occurred_on => 'day', amount => 'amount', dimensions => '{"x": "x", "y": "y", "z": "z"}');
SELECT set_target('S', 'cube', amount => 2) > 0 AS set;
SELECT count(*) FROM split_target(root_target('S', 'cube'), '{x,y,z}', method => 'margins', margins => '[{"x": {"x0": 1, "x1": 1}}, {"y": {"y0": 1, "y1": 1}}, {"z": {"z0": 1, "z1": 1}}]');
SELECT slice, amount FROM target t WHERE n_children = 0 AND amount <> 0 AND metric_id = (SELECT metric_id FROM metric WHERE name = 'cube') ORDER BY 1;
SELECT findings -> 0 -> 'missed' AS missed FROM split ORDER BY split_id DESC LIMIT 1;
SELECT * FROM plan_check;

-- -------------------------------------------------------------- careless calls
CREATE FUNCTION margins_refusal(margins jsonb, levels text[] DEFAULT '{line,region}') RETURNS TABLE (message text, detail text) LANGUAGE sql AS $$
	SELECT r.* FROM refusal(format('SELECT preview_split(root_target(''R'', ''sales''), %L, method => ''margins'', margins => %L)', levels, margins)) r
$$;
SELECT m.margins, r.* FROM (VALUES
	('{"line": {"Bike": 60}}'::jsonb), ('{"line": {"Bikes": "sixty"}}'), ('{"line": {"Bikes": "60"}}'), ('{"line": {"Bikes": "-5%"}}'), ('{"line": {"Bikes": "1.2.3%"}}'), ('{"line": {"Bikes": "%"}}'), ('{"line": {"Bikes": "5% of it"}}'),
	('{"line": {"Bikes": [60]}}'), ('{"line": {"Bikes": -60}}'), ('{"line": {"Bikes": 1e30}}'), ('{"line": {"Bikes": 0.001}}'), ('{"line": {"Bikes": true}}'),
	('{"line": 60}'), ('{"colour": {"red": 60}}'), ('{"line, line": {"Bikes": {"Bikes": 60}}}'), ('{"line, region": {"Bikes": 60}}'), ('{}'), ('[]'), ('[1]'), ('60'), ('{"line": {}}'),
	('[{"line": {"Bikes": 60}}, {"line": {"Bikes": 60}}]'), ('{"month": {"2024-01": 60}}'), ('{"line": {"Bikes": "1000000000000000000000000000000%"}}'),
	('{"line": {"Bikes": 50}, "": {"x": 1}}'), ('{" , ": {"x": 1}}'), ('{"line": null}'), ('{"line": {"Bikes": null}}')) m (margins), margins_refusal(m.margins) r;
SELECT m.margins, r.* FROM (VALUES ('{"month": {"2024-13": 60}}'::jsonb), ('{"month": {"2025-01-01": 60}}'), ('{"month": {"2024-01": 60, "2024-01-15": 60}}'), ('{"day": {"2024-01-01": 1}}'),
	('{"week": {"2024-W01": 1}}'), ('{"country": {"Spain": 60}}'),
	('{"quarter, month": {"2024-Q1": {"2024-05": 60}}}')) m (margins), margins_refusal(m.margins, '{region,month}') r;
SELECT message FROM margins_refusal(jsonb_build_object(array_to_string(array_fill('line'::text, '{17}'), ','), '{}'::jsonb));
SELECT (refusal(call)).* FROM (VALUES
	($$SELECT preview_split(root_target('R', 'sales'), '{line}', method => 'margins')$$),
	($$SELECT preview_split(root_target('R', 'sales'), '{line}', margins => '{"line": {"Bikes": 60}}')$$),
	($$SELECT preview_split(root_target('R', 'sales'), '{line}', margins_from => 'agreed')$$),
	($$SELECT preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', margins => '{"line": {"Bikes": 60}}', levels => '{"line": {"method": "equal"}}')$$),
	($$SELECT preview_split(root_target('R', 'sales'), '{line,region}', levels => '{"line": {"method": "margins"}}')$$),
	($$SELECT preview_split(root_target('R', 'sales'), '{line}', method => 'blend', bases => '[{"method": "margins"}]')$$),
	($$SELECT preview_split(root_target('R', 'sales'), '{line}', method => 'margins', margins => '{"line": {"Bikes": 60}}', prorate => 'days')$$),
	($$SELECT preview_split(root_target('R', 'sales'), '{line}', method => 'margins', margins => '{"line": {"Bikes": 60}}', weights => '{"Bikes": 1}', basis => '[2023-01-01,2024-01-01)')$$)) c (call);
CREATE TABLE wrong_type (dimension text, member text, amount float8);
CREATE TABLE no_number (dimension text, member text);
CREATE TABLE no_member (dimension text, amount numeric);
CREATE TABLE nothing (dimension text, member text, amount numeric);
CREATE TABLE null_member AS SELECT 'line' AS dimension, NULL::text AS member, 5 AS amount;
CREATE TABLE both_numbers AS SELECT 'line' AS dimension, 'Bikes' AS member, 5 AS amount, 5 AS percent;
CREATE TABLE too_many AS SELECT array_fill('line'::text, '{17}') AS dimension, array_fill('Bikes'::text, '{17}') AS member, 5 AS amount;
CREATE TABLE lengths AS SELECT '{line,region}'::text[] AS dimension, '{Bikes}'::text[] AS member, 5 AS amount;
CREATE TABLE nan AS SELECT 'line' AS dimension, 'Bikes' AS member, 'NaN'::numeric AS amount;
CREATE TABLE infinity AS SELECT 'line' AS dimension, 'Bikes' AS member, 'Infinity'::numeric AS percent;
CREATE TABLE negative AS SELECT 'line' AS dimension, 'Bikes' AS member, -1 AS amount;
CREATE TABLE twice AS SELECT 'line' AS dimension, 'Bikes' AS member, 5 AS amount FROM generate_series(1, 2);
SELECT r.relation, (refusal(format($$SELECT preview_split(root_target('R', 'sales'), '{line}', method => 'margins', margins_from => %L)$$, r.relation))).*
FROM unnest('{wrong_type,no_number,no_member,nothing,null_member,both_numbers,too_many,lengths,nan,infinity,negative,twice}'::text[]) r (relation);
-- hints work when pasted
SELECT preview_split(root_target('R', 'sales'), '{line}', method => 'margins');
SELECT preview_split(root_target('R', 'sales'), '{line}', method => 'margins', margins => '{"line": {"Bike": 60}}');
SELECT preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', margins => '{"region": {"North": 40}}', bounds => '{"line": {"Bikes": {"at_most": 50}}}');
SELECT count(*) FROM preview_split(root_target('R', 'sales'), '{line,region}', method => 'margins', margins => '{"region": {"North": 40}}', bounds => '{"region": {"*": {"at_least": 0}}}');
-- amounts below zero
SELECT create_plan('N', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('N', 'sales', amount => -100) > 0 AS set;
SELECT preview_split(root_target('N', 'sales'), '{line}', method => 'margins', margins => '{"line": {"Bikes": 0}}');
-- a target of nothing has parts of nothing
SELECT create_plan('O', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('O', 'sales', amount => 0) > 0 AS set;
SELECT slice, amount FROM split_target(root_target('O', 'sales'), '{line}', method => 'margins', margins => '{"line": {"Bikes": 0}}') ORDER BY 1;
SELECT * FROM plan_check;

-- more totals than factors are kept
CREATE TABLE shops AS SELECT '2023-01-01'::date + n % 365 AS day, 's' || n AS shop, 1 + n % 7 AS amount FROM generate_series(1, 10003) n;
SELECT add_metric('shops', unit => 'EUR', quantum => 1) > 0 AS added;
SELECT count(*) AS levels FROM add_source('shops', 'shops', occurred_on => 'day', amount => 'amount', dimensions => '{"shop": "shop"}');
SELECT set_target('S', 'shops', amount => 30009) > 0 AS set;
SELECT count(*) AS parts, count(*) FILTER (WHERE amount = 3) AS as_agreed
FROM split_target(root_target('S', 'shops'), '{shop}', method => 'margins', margins => (SELECT jsonb_build_object('shop', jsonb_object_agg(shop, 3)) FROM shops));
SELECT findings -> 0 -> 'factors_left_out' AS left_out, jsonb_array_length(findings) - 1 AS kept FROM split ORDER BY split_id DESC LIMIT 1;

-- beyond what the solver takes
SELECT create_plan('Huge', period => '[2024-01-01,2025-01-01)') > 0 AS made;
SELECT set_target('Huge', 'sales', amount => 1e16) > 0 AS made;
SELECT preview_split(root_target('Huge', 'sales'), '{line}', method => 'margins', margins => '{"line": {"Bikes": 60}}');
SELECT preview_split(root_target('R', 'sales'), '{line}', method => 'margins', margins => '{"line": {"Bikes": 60}}', bounds => '{"line": {"Bikes": {"at_least": 1e15}}}');
SELECT preview_split(root_target('R', 'sales'), '{line}', method => 'margins',
	margins => (SELECT jsonb_agg(jsonb_build_object(name, CASE WHEN name ~ ',' THEN '{"n": {"m": 1}}' ELSE '{"n": 1}' END::jsonb))
				FROM unnest('{line,region,country,a,b,x,y,z,year,half,quarter,month,week,day,"line, region","line, country"}'::text[]) name));
