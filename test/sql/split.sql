-- split_target and preview_split: methods, levels, grains, fairness.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA split_test;
SET search_path = split_test, target_split;
SET datestyle = ISO;

-- Three years of orders, ending on a quiet day; amounts of three decimals;
-- a category has two or three products, markets have towns.
CREATE TABLE orders AS
SELECT day::date AS day, market, town, category, product,
	   (((extract(doy FROM day)::int * 37 + extract(year FROM day)::int * 13 + ascii(town) * 11 + ascii(product) * 7) % 997 + 10)::numeric / 8)::numeric(12,3) AS amount
FROM generate_series('2021-01-01'::date, '2023-12-30', '1 day') day,
	 (VALUES ('East', 'Xi'), ('East', 'Yu'), ('West', 'Ab')) m (market, town),
	 (VALUES ('Bikes', 'road'), ('Bikes', 'city'), ('Parts', 'bell'), ('Parts', 'lamp'), ('Parts', 'pump')) p (category, product)
WHERE (extract(doy FROM day)::int + ascii(town) + ascii(product)) % 3 = 0;
SELECT add_metric('sales', unit => 'EUR', quantum => 0.01) > 0 AS added;
SELECT count(*) AS levels FROM add_source('sales', 'orders', occurred_on => 'day', amount => 'amount',
	dimensions => '{"market": ["market", "town"], "category": ["category", "product"]}');
SELECT create_plan('FY2024', period => '[2024-01-01,2025-01-01)') > 0 AS created;
SELECT set_target('FY2024', 'sales', growth => 0.2137) > 0 AS set;

-- ---------------------------------------------------------------- history
-- one level, and what plain SQL says of it
SELECT slice, amount, weight FROM preview_split(root_target('FY2024', 'sales'), '{market}');
SELECT market, sum(amount) AS weight FROM orders WHERE day BETWEEN '2023-01-01' AND '2023-12-31' GROUP BY 1 ORDER BY 1;
SELECT count(*) AS targets, count(DISTINCT depth) AS levels FROM split_target(root_target('FY2024', 'sales'), '{category,market,quarter,product,month}');
SELECT depth, level, count(*) AS targets, sum(amount) AS amount, sum(n_children) AS children FROM target GROUP BY 1, 2 ORDER BY 1;
-- Every node of every level: its weight is what the orders say, and its amount
-- the floor or the ceiling of its exact share of the root, compared as whole numbers
CREATE VIEW checked AS
SELECT t.*, (SELECT COALESCE(sum(o.amount), 0) FROM orders o
			 WHERE o.day + interval '1 year' >= lower(t.period) AND o.day + interval '1 year' < upper(t.period)
			   AND (t.slice ->> 'market' IS NULL OR t.slice ->> 'market' IN (o.market, o.town))
			   AND (t.slice ->> 'category' IS NULL OR t.slice ->> 'category' IN (o.category, o.product))) AS by_hand
FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'FY2024';
SELECT count(*) AS nodes, count(*) FILTER (WHERE weight IS DISTINCT FROM by_hand AND depth > 0) AS wrong_weights,
	   count(*) FILTER (WHERE abs(amount * (SELECT by_hand FROM checked WHERE depth = 0) - (SELECT amount FROM checked WHERE depth = 0) * by_hand)
							  >= 0.01 * (SELECT by_hand FROM checked WHERE depth = 0)) AS unfair
FROM checked;
SELECT * FROM plan_check;
-- taken back and split again by other levels: a deeper level under its parent's
SELECT unsplit_target(root_target('FY2024', 'sales'), reason => 'towns first');
SELECT operation, count(*), count(old_row), min(reason) AS reason, min(changed_by::text) = current_user AS by_me FROM revision GROUP BY 1;
SELECT level, slice, period, amount FROM split_target(root_target('FY2024', 'sales'), '{half,market,town}') WHERE level <> 'town';
-- the second call splits every leaf; weeks are cut at month ends
SELECT count(*) FROM split_target(root_target('FY2024', 'sales'), '{quarter,month,week}');
SELECT count(*) AS nodes, count(*) FILTER (WHERE weight IS DISTINCT FROM by_hand AND depth > 0) AS wrong_weights FROM checked;
SELECT level, period, amount FROM target
WHERE slice = '{"market": "Xi"}' AND period <@ '[2024-01-01,2024-03-01)' AND level IN ('month', 'week') ORDER BY lower(period), depth;
SELECT * FROM plan_check;
-- a preview is what the split makes, but for the ids
SELECT unsplit_target(root_target('FY2024', 'sales'));
BEGIN READ ONLY;
SELECT count(*), sum(n_children) FROM preview_split(root_target('FY2024', 'sales'), '{product,month}');
ROLLBACK;
CREATE TEMP TABLE previewed AS SELECT level, slice, period, amount, weight, fallback, n_children FROM preview_split(root_target('FY2024', 'sales'), '{product,month}');
SELECT count(*) FROM target;
CREATE TEMP TABLE made AS SELECT level, slice, period, amount, weight, fallback, n_children FROM split_target(root_target('FY2024', 'sales'), '{product,month}');
SELECT (SELECT count(*) FROM made) AS made, (SELECT count(*) FROM (SELECT * FROM made EXCEPT ALL SELECT * FROM previewed) x) AS different;
-- one branch first, then the whole ragged tree
SELECT unsplit_target(root_target('FY2024', 'sales'));
SELECT count(*) FROM split_target(root_target('FY2024', 'sales'), '{market}');
SELECT count(*) FROM split_target(find_target('FY2024', 'sales', '{"market": "East"}'), '{category}');
SELECT count(*) FROM split_target(root_target('FY2024', 'sales'), '{quarter}');
SELECT count(*) AS nodes, count(*) FILTER (WHERE weight IS DISTINCT FROM by_hand AND depth > 0) AS wrong_weights FROM checked;
SELECT slice, period, amount FROM target WHERE n_children = 0 AND period = '[2024-01-01,2024-04-01)' ORDER BY target_id;
SELECT * FROM split_target(find_target('FY2024', 'sales', '{"market": "West"}'), '{town,market}');
SELECT * FROM split_target(root_target('FY2024', 'sales'), '{quarter}');
SELECT * FROM split_target(root_target('FY2024', 'sales'), '{category}');
SELECT unsplit_target(root_target('FY2024', 'sales'));

-- other windows: trailing 12 months compare a month with the same month ...
SELECT to_char(lower(period), 'MM') AS month, weight,
	   (SELECT sum(o.amount) FROM orders o WHERE o.day >= '2022-11-01' AND o.day < '2023-11-01' AND extract(month FROM o.day) = extract(month FROM lower(period))) AS by_hand
FROM preview_split(root_target('FY2024', 'sales'), '{month}', basis => '[2022-11-01,2023-11-01)');
-- ... several years are added up; and without a grain all days count
SELECT sum(weight), (SELECT sum(amount) FROM orders) AS by_hand FROM preview_split(root_target('FY2024', 'sales'), '{month}', basis => '[2021-01-01,2024-01-01)');
SELECT slice, weight FROM preview_split(root_target('FY2024', 'sales'), '{market}', basis => '[2023-04-01,2023-07-01)');
-- a quarter's target; a fiscal year from July
SELECT create_plan('Q1', period => '[2024-01-01,2024-04-01)') > 0 AS created, set_target('Q1', 'sales', amount => 1000) > 0 AS set;
SELECT period, amount, weight FROM split_target(root_target('Q1', 'sales'), '{month}');
SELECT add_calendar('july', first_month => 7) > 0 AS added;
SELECT create_plan('FY24', period => '[2023-07-01,2024-07-01)', calendar => 'july') > 0 AS created, set_target('FY24', 'sales', amount => 1000) > 0 AS set;
SELECT period, amount, (SELECT sum(o.amount) FROM orders o WHERE o.day + interval '1 year' >= lower(period) AND o.day + interval '1 year' < upper(period)) = weight AS right_weight
FROM split_target(root_target('FY24', 'sales'), '{quarter}');
-- 29 February has no day before it, and shares the one of 28 February
SELECT s.period, s.weight, o.amount FROM preview_split(find_target('Q1', 'sales', '{}', '[2024-02-01,2024-03-01)'), '{day}') s
JOIN (SELECT day, sum(amount) AS amount FROM orders GROUP BY 1) o ON o.day = (lower(s.period) - interval '1 year')::date
WHERE s.period <@ '[2024-02-27,2024-03-01)' ORDER BY 1;

-- ------------------------------------------------------- equal, and rounding
SELECT slice, amount, weight FROM preview_split(root_target('Q1', 'sales'), '{market}', method => 'equal');
SELECT create_plan('E', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('E', 'sales', amount => 100) > 0 AS set;
SELECT level, slice, amount, weight FROM preview_split(root_target('E', 'sales'), '{category,product}', method => 'equal');
SELECT set_target('E', 'sales', amount => -100) > 0 AS set;
SELECT level, slice, amount FROM preview_split(root_target('E', 'sales'), '{category,product}', method => 'equal');
SELECT set_target('E', 'sales', amount => 0.03) > 0 AS set;
SELECT level, slice, amount FROM preview_split(root_target('E', 'sales'), '{category,product}', method => 'equal');
SELECT set_target('E', 'sales', amount => 0) > 0 AS set;
SELECT sum(amount), count(*) FROM preview_split(root_target('E', 'sales'), '{category,product}', method => 'equal');
-- chained splitting gives the first leaf 2 of 3 units, more than a unit from its exact 15/16
SELECT add_metric('units', unit => 'pieces', quantum => 1) > 0 AS added;
SELECT add_dimension('grp', levels => '{leaf}') > 0 AS added;
SELECT count(add_member('grp', g)) FROM unnest('{A,B}'::text[]) g;
SELECT count(add_member('grp', l, parent => ARRAY[upper(left(l, 1))])) FROM unnest('{a1,a2,a3,a4,b1,b2}'::text[]) l;
CREATE TABLE w AS SELECT upper(left(leaf, 1)) AS grp, leaf, weight FROM (VALUES ('a1', 5), ('a2', 1), ('a3', 1), ('a4', 1), ('b1', 4), ('b2', 4)) v (leaf, weight);
SELECT set_target('E', 'units', amount => 3) > 0 AS set;
SELECT level, slice ->> 'grp' AS member, amount, weight FROM preview_split(root_target('E', 'units'), '{grp,leaf}', method => 'weights', weights_from => 'w');
-- ties go by code in the C collation, whatever the order of the rows
SELECT add_dimension('tie') > 0 AS added;
SELECT count(add_member('tie', c)) FROM unnest('{中,ä,a,B}'::text[]) c;
SELECT set_target('E', 'units', amount => 2) > 0 AS set;
SELECT slice ->> 'tie' AS member, amount FROM preview_split(root_target('E', 'units'), '{tie}', method => 'weights', weights => '{"中": 1, "ä": 1, "a": 1, "B": 1}');
-- a coarse quantum
SELECT add_metric('wan', unit => 'CNY', quantum => 10000) > 0 AS added;
SELECT set_target('E', 'wan', amount => 15000);
SELECT set_target('E', 'wan', amount => 100000) > 0 AS set;
SELECT slice ->> 'tie' AS member, amount FROM preview_split(root_target('E', 'wan'), '{tie}', method => 'equal');

-- ---------------------------------------------------------------- weights
-- a relation with quoted names; labels and dates; NULL takes no part
CREATE TABLE "My Weights" AS
SELECT m AS "market", p.label AS "month", (row_number() OVER (ORDER BY m, p.label) * 1.5)::numeric AS weight
FROM unnest('{East,West}'::text[]) m, periods('[2024-01-01,2025-01-01)', 'month') p;
SELECT set_target('E', 'sales', amount => 1000) > 0 AS set;
SELECT count(*) AS n, sum(amount) FILTER (WHERE level = 'month') AS months, sum(amount) FILTER (WHERE level = 'market') AS markets,
	   count(*) FILTER (WHERE abs(amount * 450 - 1000 * weight) >= 0.01 * 450) AS unfair
FROM preview_split(root_target('E', 'sales'), '{market,month}', method => 'weights', weights_from => '"My Weights"');
UPDATE "My Weights" SET weight = NULL WHERE market = 'West';
SELECT count(*), sum(weight) FROM preview_split(root_target('E', 'sales'), '{market,month}', method => 'weights', weights_from => '"My Weights"');
DELETE FROM "My Weights" WHERE month = '2024-03';
SELECT * FROM preview_split(root_target('E', 'sales'), '{market,month}', method => 'weights', weights_from => '"My Weights"');
CREATE VIEW by_day AS SELECT period_start AS month, days AS weight FROM periods('[2024-01-01,2025-01-01)', 'month');
SELECT period, amount FROM preview_split(root_target('E', 'sales'), '{month}', method => 'weights', weights_from => 'by_day') LIMIT 3;
-- weights of many decimals, and huge ones
SELECT slice ->> 'tie' AS member, amount FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'weights',
	weights => '{"a": 0.3333333333333333333333333333333333333333, "B": 0.3333333333333333333333333333333333333333, "ä": 0.3333333333333333333333333333333333333334}');
SELECT slice ->> 'tie' AS member, amount FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'weights', weights => '{"a": 1e30, "B": 2e30}');
SELECT * FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'weights', weights => '{"a": 1, "nobody": 2}');
SELECT * FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'weights', weights => '{"a": "x"}');
SELECT * FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'weights', weights => '{}');
SELECT * FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'weights', weights => '[1, 2]');
SELECT * FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'weights', weights => '{"a": -1, "B": 2}');
SELECT slice, amount, fallback FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'weights', weights => '{"a": -1, "B": 2}', on_negative => 'absolute');
SELECT slice, amount, fallback FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'weights', weights => '{"a": -1, "B": 2}', on_negative => 'zero');
SELECT * FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'weights', weights => '{"a": 0, "B": 0}');
SELECT slice, amount, fallback FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'weights', weights => '{"a": 0, "B": 0}', on_zero => 'equal');
INSERT INTO w VALUES ('A', 'a1', 3);
SELECT * FROM preview_split(root_target('E', 'units'), '{grp,leaf}', method => 'weights', weights_from => 'w');
CREATE TABLE nan_weight (tie text, weight numeric);
SELECT * FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'weights', weights_from => 'nan_weight');
INSERT INTO nan_weight VALUES ('a', 'NaN');
SELECT * FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'weights', weights_from => 'nan_weight');
SELECT * FROM preview_split(root_target('E', 'sales'), '{market}', method => 'weights', weights_from => 'nan_weight');
ALTER TABLE nan_weight ALTER weight TYPE text;
SELECT * FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'weights', weights_from => 'nan_weight');

-- ---------------------------------------------------------------- amounts
SELECT slice ->> 'tie' AS member, amount, weight FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'amounts', weights => '{"a": 999.99, "B": 0.01}');
SELECT slice ->> 'tie' AS member, amount FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'amounts', weights => '{"a": 1100, "B": -100}');
SELECT * FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'amounts', weights => '{"a": 999.99, "B": 0.02}');
SELECT slice ->> 'tie' AS member, amount FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'amounts', weights => '{"a": 900, "B": 0}', rest => 'B');
SELECT * FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'amounts', weights => '{"a": 900, "B": 0}', rest => 'ä');
SELECT * FROM preview_split(root_target('E', 'sales'), '{tie}', method => 'amounts', weights => '{"a": 999.995, "B": 0.005}');

-- ---------------------------------------------------------- members and rest
SELECT count(add_member('market', 'Other towns', parent => ARRAY[m], is_rest => true)) FROM unnest('{East,West}'::text[]) m;
SELECT add_member('category', 'Other', is_rest => true) > 0 AS added;
SELECT slice ->> 'category' AS member, amount, weight FROM preview_split(root_target('E', 'sales'), '{category}', members => '1', rest => 'Other');
SELECT category, sum(amount) FROM orders WHERE day >= '2023-01-01' GROUP BY 1 ORDER BY 2 DESC;
SELECT level, slice ->> 'market' AS member, weight FROM preview_split(root_target('E', 'sales'), '{market,town}', members => '{"town": 1}', rest => 'Other towns');
SELECT slice, weight FROM preview_split(root_target('E', 'sales'), '{category}', members => '["Parts"]');
SELECT slice, weight FROM split_target(root_target('E', 'sales'), '{category}', members => '["Parts"]', rest => 'Other');
-- the rest's months are those of what it stands for
SELECT sum(weight), (SELECT sum(amount) FROM orders WHERE day >= '2023-01-01' AND category = 'Bikes') AS by_hand
FROM preview_split(find_target('E', 'sales', '{"category": "Other"}'), '{month}');
SELECT * FROM preview_split(root_target('E', 'sales'), '{market}', members => '1');
SELECT * FROM preview_split(root_target('E', 'sales'), '{market}', members => '1', rest => 'Nobody');
SELECT * FROM preview_split(root_target('E', 'sales'), '{market}', members => '1', rest => 'East');
SELECT * FROM preview_split(root_target('E', 'sales'), '{market}', members => '["North"]');
SELECT * FROM preview_split(root_target('E', 'sales'), '{market}', members => '{"town": 1}', rest => 'x');
SELECT * FROM preview_split(root_target('E', 'sales'), '{market}', members => '"some"');
SELECT * FROM preview_split(root_target('E', 'sales'), '{market}', members => '0', rest => 'x');

-- ------------------------------------------------------------ careless calls
SELECT * FROM split_target(NULL, '{market}');
SELECT * FROM split_target(1, NULL);
SELECT * FROM split_target(1, '{market}', method => NULL);
SELECT * FROM split_target(999999, '{market}');
SELECT * FROM split_target(root_target('Q1', 'sales'), '{}');
SELECT * FROM split_target(root_target('Q1', 'sales'), '{market,NULL}');
SELECT * FROM split_target(root_target('Q1', 'sales'), '{market,market}');
SELECT * FROM split_target(root_target('Q1', 'sales'), '{town,market}');
SELECT * FROM split_target(root_target('Q1', 'sales'), '{week,month}');
SELECT * FROM split_target(root_target('Q1', 'sales'), '{colour}');
SELECT * FROM split_target(root_target('FY2024', 'sales'), '{market}', method => 'guess');
SELECT * FROM split_target(root_target('FY2024', 'sales'), '{market}', on_zero => 'guess');
SELECT * FROM split_target(root_target('FY2024', 'sales'), '{market}', on_missing => NULL);
SELECT * FROM split_target(root_target('FY2024', 'sales'), '{market}', basis => 'empty');
SELECT * FROM split_target(root_target('FY2024', 'sales'), '{market}', basis => '[2023-01-01,)');
SELECT * FROM split_target(root_target('FY2024', 'sales'), '{market}', weights => '{"East": 1}');
SELECT * FROM split_target(root_target('FY2024', 'sales'), '{market}', method => 'weights');
SELECT * FROM split_target(root_target('FY2024', 'sales'), '{market}', method => 'equal', basis => '[2023-01-01,2024-01-01)');
SELECT * FROM split_target(root_target('FY2024', 'sales'), '{market}', method => 'weights', weights_from => 'target_split.target_pkey');
SELECT * FROM split_target(root_target('FY2024', 'sales'), '{year}');
SELECT * FROM split_target(root_target('FY2024', 'sales'), '{grp}');
SELECT add_metric('share', unit => '%', additive => false) > 0 AS added, set_target('FY2024', 'share', amount => 10) > 0 AS set;
SELECT * FROM split_target(root_target('FY2024', 'share'), '{market}', method => 'equal');
SELECT unsplit_target(NULL);
SELECT unsplit_target(999999);
SELECT unsplit_target(root_target('FY2024', 'sales'));
-- used in all sorts of places
SELECT (split_target(root_target('FY2024', 'sales'), '{market}')).amount AS in_select_list;
UPDATE target SET locked = true WHERE slice = '{"market": "East"}' AND plan_id = 1;
SELECT unsplit_target(root_target('FY2024', 'sales'));
UPDATE target SET locked = false WHERE slice = '{"market": "East"}' AND plan_id = 1;
SELECT p.family, count(*), sum(s.amount) FROM plan p, LATERAL preview_split(root_target(p.family, 'sales'), '{day}', method => 'equal') s WHERE p.family IN ('Q1', 'FY24') GROUP BY 1 ORDER BY 1;
PREPARE again AS SELECT count(*) FROM preview_split(root_target('FY24', 'sales'), '{town}');
EXECUTE again;
EXECUTE again;
SELECT * FROM plan_check;

SET client_min_messages = error;
DROP SCHEMA split_test CASCADE;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
