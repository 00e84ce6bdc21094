-- Members that change in mid-year: renamed, moved, retired, added, merged.  All
-- numbers against plain SQL over the facts.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA member_test;
SET search_path = member_test, target_split;
SET datestyle = ISO;

-- Two years of orders: regions with sellers, products below lines; nothing is random.
CREATE TABLE orders AS
SELECT day::date AS day, region, seller, line,
	   ((extract(doy FROM day)::int * 31 + extract(year FROM day)::int * 17 + ascii(seller) * 5 + ascii(line) * 3) % 211 + 1)::numeric(10,2) * 0.25 AS amount
FROM generate_series('2023-01-01'::date, '2024-05-31', '1 day') day,
	 (VALUES ('North', 'Ada'), ('North', 'Ben'), ('South', 'Cem'), ('South', 'Dai')) r (region, seller),
	 (VALUES ('Bikes'), ('Parts')) l (line);
SELECT add_metric('sales', unit => 'EUR') > 0 AS added;
SELECT * FROM add_source('sales', 'orders', 'day', 'amount', '{"region": ["region", "seller"], "line": "line"}');
SELECT create_plan('FY', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('FY', 'sales', amount => 1000000) > 0 AS set;

-- ---------------------------------------------------------------- rename
BEGIN;
SELECT count(*) FROM split_target(root_target('FY', 'sales'), '{region,line,seller}');
SELECT assign('FY', '{"region": "North"}', 'Ann') > 0, assign('FY', '{"region": "Ada", "line": "Bikes"}', 'Bob', 'R') > 0;
CREATE TEMP TABLE before AS SELECT target_id, parent_id, slice, amount FROM target;
SELECT * FROM rename_member('region', 'North', 'Norden', reason => 'as the map has it');
-- ids, parents and amounts are what they were, and all sums are exact
SELECT count(*) AS different FROM before b FULL JOIN target t USING (target_id)
WHERE t.amount IS DISTINCT FROM b.amount OR t.parent_id IS DISTINCT FROM b.parent_id
   OR t.slice <> CASE WHEN b.slice ->> 'region' = 'North' THEN b.slice || '{"region": "Norden"}' ELSE b.slice END;
SELECT * FROM plan_check;
SELECT count(*), min(reason), bool_and(amount_before = amount_after) FROM revision WHERE old_row -> 'slice' ->> 'region' = 'North';
SELECT slice, role FROM responsibility ORDER BY responsibility_id;
SELECT path, slice_value FROM member WHERE path[1] = 'Norden' ORDER BY path;
SELECT a.depth, a.code, m.code AS stands_for, a.valid FROM member_alias a JOIN member m USING (member_id);
-- facts still have the old code, and count; so they do for a basis
SELECT evaluate_plan('FY', as_of => '2024-05-15');
SELECT v.slice, v.actual, v.actual = (SELECT sum(amount) FROM orders WHERE day BETWEEN '2024-01-01' AND '2024-05-15' AND region = replace(v.slice ->> 'region', 'Norden', 'North')) AS right
FROM kpi_variance v WHERE depth = 1 ORDER BY slice;
SELECT count(*), count(*) FILTER (WHERE v.actual IS DISTINCT FROM o.amount) AS different
FROM kpi_variance v JOIN (SELECT seller, line, sum(amount) AS amount FROM orders WHERE day BETWEEN '2024-01-01' AND '2024-05-15' GROUP BY 1, 2) o
  ON v.slice = jsonb_build_object('region', o.seller, 'line', o.line);
-- people may write the old code: slices, lists of members, weights
SELECT find_target('FY', 'sales', '{"region": "North"}') = find_target('FY', 'sales', '{"region": "Norden"}') AS same,
	   find_target('FY', 'sales', '{"region": ["North", "Ada"], "line": "Bikes"}') = find_target('FY', 'sales', '{"region": "Ada", "line": "Bikes"}') AS same;
SELECT create_plan('P', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('P', 'sales', amount => 1000) > 0 AS set;
SELECT slice, amount FROM preview_split(root_target('P', 'sales'), '{region}', method => 'weights', weights => '{"North": 1, "South": 3}');
CREATE TABLE shares (region text, seller text, weight int);
INSERT INTO shares VALUES ('North', 'Ada', 1), ('Norden', 'Ben', 2), ('South', 'Cem', 3), ('South', 'Dai', 4);
SELECT slice, amount FROM preview_split(root_target('P', 'sales'), '{region,seller}', method => 'weights', weights_from => 'shares');
SELECT slice FROM preview_split(root_target('P', 'sales'), '{region}', members => '["North"]');
SELECT slice, weight = (SELECT sum(amount) FROM orders WHERE day BETWEEN '2023-01-01' AND '2023-12-31' AND region = replace(p.slice ->> 'region', 'Norden', 'North')) AS right
FROM preview_split(root_target('P', 'sales'), '{region}') p;
-- it is not added again, nor can it be by hand; on days of its own it can
SELECT * FROM import_members('sales');
SELECT * FROM import_members('sales', 'latest');
SAVEPOINT s;
SELECT add_member('region', 'North');
ROLLBACK TO s;
SELECT add_member('region', 'North', valid => '[2024-04-01,)');
ROLLBACK TO s;
UPDATE member_alias SET valid = '(,2024-04-01)' WHERE code = 'North';
SELECT add_member('region', 'North', valid => '[2024-04-01,)') > 0 AS added;
SELECT slice, level FROM split_target(root_target('P', 'sales'), '{region}', method => 'equal');
SELECT k.cut, k.actual = (SELECT sum(amount) FROM orders WHERE day <@ daterange('2024-01-01', '2024-05-16') AND CASE WHEN region = 'North' AND day < '2024-04-01' THEN 'Norden' ELSE region END = k.cut ->> 'region') AS right
FROM kpi_cut('P', 'sales', '{region}', as_of => '2024-05-15') k;
SELECT unsplit_target(root_target('P', 'sales'));
SELECT weight = (SELECT sum(amount) FROM orders WHERE day BETWEEN '2023-01-01' AND '2023-12-31' AND region = 'North') AS right
FROM preview_split(root_target('P', 'sales'), '{region}', on_missing => 'zero') WHERE slice ->> 'region' = 'Norden';
ROLLBACK TO s;
-- a parent may be named by its old code too
SELECT add_member('region', 'Flo', '{North}') > 0 AS added;
SELECT path FROM member WHERE code = 'Flo';
SELECT add_member('region', 'Ada', '{North}');
ROLLBACK TO s;
SELECT add_member('region', 'Flo', '{Nord}');
ROLLBACK TO s;
-- back again: the code it had first is its own, the other one an alias
SELECT change, slice_before, slice_after FROM rename_member('region', 'Norden', 'North') WHERE target_id IS NULL;
SELECT a.code, m.code AS stands_for FROM member_alias a JOIN member m USING (member_id);
SELECT count(*) AS different FROM before b FULL JOIN target t USING (target_id)
WHERE t.plan_id = (SELECT plan_id FROM plan WHERE family = 'FY') AND b.slice <> t.slice;
ROLLBACK;

-- paths: a code that is not unique is named by its path, and so are those below
BEGIN;
SELECT add_member('region', 'Ada', '{South}') > 0 AS added;
SELECT count(*) FROM rename_member('region', 'Ben', 'Ada2');
SELECT change, slice_before, slice_after FROM rename_member('region', '["South", "Ada"]', 'Eve');
SELECT change, slice_before, slice_after FROM rename_member('region', 'Eve', 'Ada2');
SELECT change, slice_before, slice_after FROM rename_member('region', 'South', 'S');
SELECT depth, path, slice_value FROM member JOIN dimension d USING (dimension_id) WHERE d.name = 'region' ORDER BY path;
-- an alias that several members had is ambiguous, but not with its parent
SELECT count(*) FROM rename_member('region', 'Cem', 'Zed');
SELECT count(*) FROM rename_member('region', 'Zed', 'Cem');
SELECT count(*) FROM rename_member('region', '["North", "Ada"]', 'Zed');
SELECT count(*) FROM rename_member('region', '["North", "Zed"]', 'Ada');
SAVEPOINT s;
SELECT find_target('FY', 'sales', '{"region": "Zed"}');
ROLLBACK TO s;
SELECT slice FROM preview_split(root_target('FY', 'sales'), '{seller}', members => '["Zed"]');
ROLLBACK TO s;
SELECT slice FROM preview_split(root_target('FY', 'sales'), '{seller}', members => '[["North", "Zed"]]');
ROLLBACK;

-- errors
SELECT * FROM rename_member('reegion', 'North', 'N');
SELECT * FROM rename_member('region', 'Nord', 'N');
SELECT * FROM rename_member('region', '["North", "Eve"]', 'N');
SELECT * FROM rename_member('region', 'North', '');
SELECT * FROM rename_member('region', 'North', repeat('北', 501));
BEGIN;
SELECT count(*) FROM rename_member('region', 'Ada', repeat('亚', 500));
SELECT * FROM rename_member('region', 'North', repeat('北', 500));
ROLLBACK;
SELECT * FROM rename_member('region', 'North', NULL);
SELECT * FROM rename_member('region', 'North', 'North');
SELECT * FROM rename_member('region', 'North', 'South');
SELECT * FROM rename_member('region', NULL, 'x');
SELECT * FROM rename_member(NULL, 'North', 'x');
BEGIN;
SELECT count(*) FROM rename_member('region', 'North', 'N');
SELECT * FROM rename_member('region', 'South', 'North');
ROLLBACK;

-- ------------------------------------------------------------------ move
-- Ben goes to the South on 1 April 2024.  What the orders say does not matter:
-- up to March they have North, then half of the rows South already.
UPDATE orders SET region = 'South' WHERE seller = 'Ben' AND day >= '2024-04-01' AND line = 'Bikes';
CREATE FUNCTION region_of(seller text, day date, history text) RETURNS text LANGUAGE sql
AS $$ SELECT CASE WHEN seller IN ('Cem', 'Dai') OR seller = 'Ben' AND (history = 'follows' OR day >= '2024-04-01') THEN 'South' ELSE 'North' END $$;
-- whole and by month, by region alone and with the sellers: which facts count where
CREATE FUNCTION check_history(history text) RETURNS TABLE (what text, n bigint, different bigint) LANGUAGE sql AS $$
	SELECT 'basis, by region', count(*), count(*) FILTER (WHERE p.weight IS DISTINCT FROM o.amount)
	FROM preview_split(root_target('P', 'sales'), '{region}') p
	LEFT JOIN (SELECT region_of(seller, day, check_history.history) AS region, sum(amount) AS amount FROM orders WHERE day <@ daterange('2023-01-01', '2024-01-01') GROUP BY 1) o
	  ON o.region = p.slice ->> 'region'
	UNION ALL
	SELECT 'basis, by region and month', count(*), count(*) FILTER (WHERE p.weight IS DISTINCT FROM o.amount)
	FROM preview_split(root_target('P', 'sales'), '{region,month}') p
	JOIN (SELECT region_of(seller, day, check_history.history) AS region, extract(month FROM day) AS month, sum(amount) AS amount FROM orders WHERE day <@ daterange('2023-01-01', '2024-01-01') GROUP BY 1, 2) o
	  ON o.region = p.slice ->> 'region' AND extract(month FROM lower(p.period)) = o.month
	WHERE p.level = 'month'
	UNION ALL
	SELECT 'basis after the move', count(*), count(*) FILTER (WHERE p.weight IS DISTINCT FROM o.amount)
	FROM preview_split(root_target('P25', 'sales'), '{region}', basis => '[2024-03-01,2024-06-01)') p
	LEFT JOIN (SELECT region_of(seller, day, check_history.history) AS region, sum(amount) AS amount FROM orders WHERE day <@ daterange('2024-03-01', '2024-06-01') GROUP BY 1) o
	  ON o.region = p.slice ->> 'region'
	UNION ALL
	-- what Ben sold in the North in days of which he is in the South in the plan's year is Ada's to go on with
	SELECT 'basis, by region and seller', count(*), count(*) FILTER (WHERE p.weight IS DISTINCT FROM o.amount)
	FROM (SELECT slice, sum(weight) AS weight FROM preview_split(root_target('P', 'sales'), '{region,seller}', on_missing => 'zero') GROUP BY 1) p
	LEFT JOIN (SELECT region_of(seller, day, check_history.history) AS region,
					  CASE WHEN seller = 'Ben' AND history = 'stays' AND day >= '2023-04-01' THEN 'Ada' ELSE seller END AS seller, sum(amount) AS amount
			   FROM orders WHERE day <@ daterange('2023-01-01', '2024-01-01') GROUP BY GROUPING SETS ((1), (2))) o
	  ON COALESCE(o.seller, o.region) = p.slice ->> 'region'
$$;
SELECT create_plan('P', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('P', 'sales', amount => 1000000) > 0 AS set;
SELECT create_plan('P25', period => '[2025-01-01,2026-01-01)') > 0 AS created, set_target('P25', 'sales', amount => 1000000) > 0 AS set;
-- the tree as it is before: by region and month only, and, in another plan, down to sellers and months
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{month,region}', method => 'equal');
SELECT count(*) FROM split_target(root_target('FY', 'sales'), '{region,seller,month}');
CREATE TEMP TABLE before AS SELECT plan_id, target_id, slice, amount FROM target;
SELECT unsplit_target(root_target('P', 'sales')) > 0 AS unsplit;
BEGIN;
SELECT change, plan, slice_before, count(*), min(lower(period)), max(upper(period)), sum(amount_before)
FROM move_member('region', 'Ben', 'South', from_day => '2024-04-01', history => 'stays', reason => 'new territory')
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT m.path, p.code AS parent, e.valid, e.history FROM member_parent e JOIN member m USING (member_id) JOIN member p ON p.member_id = e.parent_id
WHERE m.code = 'Ben' ORDER BY e.valid;
SELECT count(*) AS gaps_or_overlaps FROM (SELECT upper(e.valid) AS ends, lead(lower(e.valid)) OVER (ORDER BY e.valid) AS starts FROM member_parent e JOIN member m USING (member_id) WHERE m.code = 'Ben') e
WHERE ends IS NOT NULL AND starts IS DISTINCT FROM ends;
SELECT count(*) AS different FROM before b JOIN target t USING (plan_id, target_id) WHERE t.slice <> b.slice OR t.amount <> b.amount;
SELECT * FROM plan_check;
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{region}', method => 'equal');
SELECT evaluate_plan('P', as_of => '2024-05-31');
SELECT v.slice, v.actual = (SELECT sum(amount) FROM orders WHERE day >= '2024-01-01' AND region_of(seller, day, 'stays') = v.slice ->> 'region') AS right
FROM kpi_variance v WHERE v.plan = 'P' AND depth = 1 ORDER BY 1;
SELECT unsplit_target(root_target('P', 'sales')) > 0 AS unsplit;
SELECT what, n, different FROM check_history('stays');
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{region,month}', method => 'equal');
SELECT count(*) AS n, count(*) FILTER (WHERE k.actual IS DISTINCT FROM o.amount) AS different
FROM kpi_cut('P', 'sales', '{region,month}', as_of => '2024-05-31') k
JOIN (SELECT region_of(seller, day, 'stays') AS region, date_trunc('month', day)::date AS month, sum(amount) AS amount FROM orders WHERE day >= '2024-01-01' GROUP BY 1, 2) o
  ON k.cut ->> 'region' = o.region AND k.period_start = o.month;
-- in the plan with sellers: Ben's own target has what he sold in the North; what he sold later counts in the South, and for no seller there
SELECT evaluate_plan('FY', as_of => '2024-05-31');
SELECT v.slice, v.actual, o.amount AS by_hand
FROM kpi_variance v LEFT JOIN (SELECT region_of(seller, day, 'stays') AS region, CASE WHEN seller <> 'Ben' OR day < '2024-04-01' THEN seller END AS seller, sum(amount) AS amount
							   FROM orders WHERE day >= '2024-01-01' GROUP BY GROUPING SETS ((1), (2))) o ON v.slice ->> 'region' IN (o.seller, o.region)
WHERE v.plan = 'FY' AND v.depth IN (1, 2) ORDER BY v.depth, v.slice;
-- both names of his lead to him, and nothing is added
SELECT find_target('FY', 'sales', '{"region": ["North", "Ben"]}') = find_target('FY', 'sales', '{"region": ["South", "Ben"]}') AS same;
SELECT level, members_added FROM import_members('sales');
-- and on to the West, with all that he ever sold, and back to where he began
SELECT add_member('region', 'West') > 0 AS added;
SELECT count(*) FROM move_member('region', 'Ben', 'West', '2024-05-01', 'follows');
SELECT p.code AS parent, e.valid, e.history FROM member_parent e JOIN member m USING (member_id) JOIN member p ON p.member_id = e.parent_id
WHERE m.code = 'Ben' ORDER BY e.valid;
SELECT slice, weight, (SELECT sum(amount) FROM orders WHERE day <@ daterange('2024-03-01', '2024-06-01')
	AND CASE WHEN seller = 'Ben' THEN CASE WHEN day < '2024-04-01' THEN 'North' ELSE 'West' END ELSE region_of(seller, day, 'stays') END = p.slice ->> 'region') AS by_hand
FROM preview_split(root_target('P25', 'sales'), '{region}', basis => '[2024-03-01,2024-06-01)') p;
SELECT count(*) FROM move_member('region', 'Ben', 'North', '2024-06-01', 'follows');
SELECT a.code, p.code AS below, m.path FROM member_alias a JOIN member m USING (member_id) JOIN member p ON p.member_id = a.parent_id ORDER BY p.code;
SELECT * FROM plan_check;
ROLLBACK;
BEGIN;
SELECT change, plan, slice_before, count(*), min(lower(period)), max(upper(period)), sum(amount_before)
FROM move_member('region', 'Ben', 'South', from_day => '2024-04-01', history => 'follows') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT what, n, different FROM check_history('follows');
SELECT slice, amount FROM preview_split(root_target('P', 'sales'), '{region,seller}');
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{region,month}', method => 'equal');
SELECT evaluate_plan('P', as_of => '2024-05-31');
SELECT v.slice, v.actual = (SELECT sum(amount) FROM orders WHERE day >= '2024-01-01' AND region_of(seller, day, 'follows') = v.slice ->> 'region') AS right
FROM kpi_variance v WHERE v.plan = 'P' AND depth = 1 ORDER BY 1;
SELECT * FROM plan_check;
ROLLBACK;

-- Down to his own level: in a plan after the move Ben is below the South only.
-- What he sold in the North is the North's history, and Ada's to go on with.
BEGIN;
SELECT count(*) FROM move_member('region', 'Ben', 'South', from_day => '2024-04-01', history => 'stays');
SELECT level, slice, amount, weight, fallback FROM preview_split(root_target('P25', 'sales'), '{region,seller}', basis => '[2024-03-01,2024-06-01)');
SELECT CASE WHEN seller = 'Ben' AND day < '2024-04-01' THEN 'Ada' ELSE seller END AS seller, sum(amount) FROM orders WHERE day >= '2024-03-01' GROUP BY 1 ORDER BY 1;
SELECT level, slice, period, amount, weight FROM preview_split(root_target('P25', 'sales'), '{quarter,region,seller}', basis => '[2024-03-01,2024-06-01)', on_missing => 'zero')
WHERE lower(period) < '2025-07-01' AND level <> 'quarter' ORDER BY period, weight DESC;
-- of a plan that contains the move he has a part below each, for its own days; below the South he has no history
SELECT level, slice, period, amount FROM preview_split(root_target('P', 'sales'), '{region,seller}');
ROLLBACK;
BEGIN;
SELECT count(*) FROM move_member('region', 'Ben', 'South', from_day => '2024-04-01', history => 'stays');
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{region,seller,quarter}', on_missing => 'equal');
SELECT p.slice ->> 'region' AS region, t.slice ->> 'region' AS seller, t.period, t.amount, t.weight, t.fallback, o.amount AS by_hand
FROM target t JOIN target s ON s.plan_id = t.plan_id AND s.target_id = t.parent_id JOIN target p ON p.plan_id = s.plan_id AND p.target_id = s.parent_id
LEFT JOIN (SELECT region_of(seller, day, 'stays') AS region, CASE WHEN seller = 'Ben' AND day >= '2023-04-01' THEN 'Ada' ELSE seller END AS seller,
				  extract(quarter FROM day) AS quarter, sum(amount) AS amount FROM orders WHERE day < '2024-01-01' GROUP BY 1, 2, 3) o
  ON o.region = p.slice ->> 'region' AND o.seller = t.slice ->> 'region' AND o.quarter = extract(quarter FROM lower(t.period))
WHERE t.level = 'quarter' AND t.plan_id = (SELECT plan_id FROM plan WHERE family = 'P') AND t.slice ->> 'region' IN ('Ada', 'Ben') ORDER BY 1, 2, 3;
SELECT findings FROM split_log WHERE plan = 'P' ORDER BY split_id DESC LIMIT 1;
SELECT * FROM plan_check;
-- what he sells counts where he is
SELECT evaluate_plan('P', as_of => '2024-05-31');
SELECT (SELECT slice ->> 'region' FROM target p WHERE p.target_id = v.parent_id) AS region, v.actual,
	   (SELECT sum(amount) FROM orders WHERE seller = 'Ben' AND day >= '2024-01-01' AND region_of(seller, day, 'stays') = (SELECT slice ->> 'region' FROM target p WHERE p.target_id = v.parent_id)) AS by_hand
FROM kpi_variance v WHERE v.plan = 'P' AND v.level = 'seller' AND v.slice ->> 'region' = 'Ben' ORDER BY 1;
-- the same in two calls, and with weights of one's own: nothing is expected of him where he is not
SELECT unsplit_target(root_target('P', 'sales')) > 0 AS unsplit;
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{region,seller}', method => 'equal');
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{quarter}', method => 'equal');
SELECT (SELECT g.slice ->> 'region' FROM target s JOIN target g ON g.target_id = s.parent_id WHERE s.target_id = t.parent_id) AS region, t.period, t.amount
FROM target t WHERE t.plan_id = (SELECT plan_id FROM plan WHERE family = 'P') AND t.level = 'quarter' AND t.slice ->> 'region' = 'Ben' ORDER BY 1, 2;
SELECT * FROM plan_check;
-- a month that the move falls into is for both
SELECT level, slice, period, amount FROM preview_split(root_target('P25', 'sales'), '{month,region,seller}', method => 'equal') WHERE slice ->> 'region' = 'Ben' AND lower(period) < '2025-03-01';
SELECT count(*) FROM move_member('region', 'Ben', 'North', from_day => '2025-02-11', history => 'stays');
SELECT level, slice, period, amount FROM preview_split(root_target('P25', 'sales'), '{month,region,seller}', method => 'equal') WHERE slice ->> 'region' = 'Ben' AND lower(period) < '2025-04-01';
-- nobody is left in the North who could go on with his history
SELECT count(*) FROM move_member('region', 'Ada', 'South', from_day => '2024-06-01', history => 'stays');
SAVEPOINT s;
SELECT slice FROM preview_split(root_target('P25', 'sales'), '{region,seller,half}', basis => '[2024-01-01,2024-06-01)', on_missing => 'zero');
ROLLBACK TO s;
SELECT level, slice, weight FROM preview_split(root_target('P25', 'sales'), '{region,seller}', basis => '[2024-01-01,2024-06-01)', on_missing => 'zero', on_unassigned => 'spread');
ROLLBACK;

-- rules of responsibility and the flat view: the parent of the target's days
BEGIN;
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{quarter,region,seller}', method => 'equal');
SELECT assign('P', '{"region": "North"}', 'Nora') > 0, assign('P', '{"region": "South"}', 'Sam') > 0, assign('P', '{"region": "South"}', 'Ron', 'R', to_day => '2024-08-15') > 0,
	   assign('P', '{"line": "Bikes", "region": "South"}', 'Lee', 'I') > 0, assign('P', '{}', 'Zoe', 'C') > 0;
SAVEPOINT s;
SELECT count(*) FROM move_member('region', 'Ben', 'South', from_day => '2024-04-01', history => 'stays');
SELECT period_start, role, person, from_day, to_day FROM responsibility_matrix WHERE plan = 'P' AND slice = '{"region": "Ben"}' ORDER BY 1, 2;
SELECT period, owner FROM target_tree WHERE plan = 'P' AND slice = '{"region": "Ben"}' ORDER BY 1;
SELECT role, person, valid, n_dimensions, n_levels FROM slice_rules((SELECT plan_id FROM plan WHERE family = 'P'), '{"region": "Ben", "line": "Bikes"}') ORDER BY 1, 2, 3;
SELECT create_flat_view('P', 'flat');
SELECT period_start, region, seller FROM flat WHERE seller = 'Ben' ORDER BY 1;
-- and back in between
SELECT count(*) FROM move_member('region', 'Ben', 'North', from_day => '2024-09-15', history => 'stays');
SELECT role, person, valid FROM slice_rules((SELECT plan_id FROM plan WHERE family = 'P'), '{"region": "Ben"}') ORDER BY 1, 2, 3;
SELECT path, days FROM moved_path ORDER BY days;
-- history that follows: the later parent before as well
SELECT count(*) FROM move_member('region', 'Ben', 'South', from_day => '2024-12-01', history => 'follows');
SELECT path, days FROM moved_path ORDER BY days;
ROLLBACK TO s;
SELECT count(*) FROM move_member('region', 'Ben', 'South', from_day => '2024-04-01', history => 'follows');
SELECT DISTINCT owner FROM target_tree WHERE plan = 'P' AND slice = '{"region": "Ben"}';
SELECT create_flat_view('P', 'flat');
SELECT period_start, region, seller FROM flat WHERE seller = 'Ben' ORDER BY 1;
-- codes are those of today
SELECT count(*) FROM rename_member('region', 'South', 'S');
SELECT path, days FROM moved_path ORDER BY path, days;
ROLLBACK;

SELECT * FROM move_member('region', 'Ben', 'South', '2024-04-01', NULL);
SELECT * FROM move_member('region', 'Ben', 'South', '2024-04-01');
SELECT * FROM move_member('region', 'Ben', 'South', '2024-04-01', 'goes');
SELECT * FROM move_member('region', 'Ben', 'South', NULL, 'stays');
SELECT * FROM move_member('region', 'Ben', 'South', 'infinity', 'stays');
SELECT * FROM move_member('region', 'North', 'South', '2024-04-01', 'stays');
SELECT * FROM move_member('region', 'Ben', 'Cem', '2024-04-01', 'stays');
SELECT * FROM move_member('region', 'Ben', 'North', '2024-04-01', 'stays');
SELECT * FROM move_member('region', 'Ben', 'West', '2024-04-01', 'stays');
BEGIN;
SELECT add_member('region', 'West', valid => '[2024-07-01,)') > 0 AS added, add_member('region', 'Ben', '{South}') > 0 AS added;
SAVEPOINT s;
SELECT * FROM move_member('region', 'Ada', 'West', '2024-04-01', 'stays');
ROLLBACK TO s;
SELECT * FROM move_member('region', '["North", "Ben"]', 'South', '2024-04-01', 'stays');
ROLLBACK TO s;
SELECT count(*) FROM move_member('region', 'Ada', 'South', '2024-04-01', 'stays');
SELECT * FROM move_member('region', 'Ada', 'North', '2024-04-01', 'stays');
ROLLBACK TO s;
SELECT * FROM retire_member('region', '["North", "Ben"]', '2024-03-31') WHERE amount_before IS NULL;
SELECT * FROM move_member('region', '["North", "Ben"]', 'West', '2024-08-01', 'stays');
ROLLBACK;

-- ------------------------------------------------- retire, and begin later
BEGIN;
SELECT change, plan, slice_before, period, amount_before, amount_after = amount_before AS stays
FROM retire_member('region', 'Ben', last_day => '2024-08-31', reason => 'leaves') ORDER BY change, period;
SELECT code, valid FROM member WHERE code = 'Ben';
SELECT count(*) AS different FROM before b JOIN target t USING (plan_id, target_id) WHERE t.slice <> b.slice OR t.amount <> b.amount;
-- a part for open periods only
SELECT period, amount = 0 AS zero FROM preview_split(root_target('P', 'sales'), '{seller,quarter}', method => 'equal') WHERE slice ->> 'region' = 'Ben' AND level = 'quarter';
SELECT add_member('region', 'Fay', '{South}', valid => '[2024-05-01,)') > 0 AS added;
SELECT slice ->> 'region' AS seller, period, amount FROM preview_split(root_target('P', 'sales'), '{quarter,seller}', method => 'equal') WHERE level = 'seller' ORDER BY period, seller;
SELECT period, amount = 0 AS zero FROM preview_split(root_target('P', 'sales'), '{seller,month}', method => 'equal') WHERE slice ->> 'region' = 'Fay' AND level = 'month';
INSERT INTO orders VALUES ('2024-05-10', 'South', 'Fay', 'Bikes', 12.34);
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{seller}', method => 'equal');
SELECT evaluate_plan('P', as_of => '2024-05-31');
SELECT slice, actual FROM kpi_variance WHERE plan = 'P' AND slice ->> 'region' = 'Fay';
SELECT count(*) AS wrong FROM kpi_variance v WHERE plan = 'P' AND depth = 1
  AND actual IS DISTINCT FROM (SELECT sum(amount) FROM orders WHERE day >= '2024-01-01' AND seller = v.slice ->> 'region');
SELECT * FROM plan_check;
-- in two calls: a member that has a part has none of it after its end, nor before its beginning
SELECT unsplit_target(root_target('P', 'sales')) > 0 AS unsplit;
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{seller}', method => 'equal');
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{quarter}', on_missing => 'equal');
SELECT t.slice ->> 'region' AS seller, t.period, t.amount, t.fallback FROM target t JOIN plan p USING (plan_id)
WHERE p.family = 'P' AND t.level = 'quarter' AND t.slice ->> 'region' IN ('Ben', 'Fay') ORDER BY 1, 2;
SELECT * FROM plan_check;
-- those below end with it
SELECT change, slice_before FROM retire_member('region', 'South', '2024-09-30') WHERE change = 'member retired';
SELECT path, valid FROM member JOIN dimension d USING (dimension_id) WHERE d.name = 'region' ORDER BY path;
SAVEPOINT s;
SELECT * FROM retire_member('region', 'Ben', '2024-08-31');
ROLLBACK TO s;
SELECT * FROM retire_member('region', 'South', '2024-03-31');
ROLLBACK TO s;
SELECT * FROM retire_member('region', 'Ben', NULL);
ROLLBACK;

-- ----------------------------------------------------------------- merge
-- Two spellings of a place, with shelves of which two have the same code.
CREATE TABLE moves AS
SELECT day::date AS day, place, shelf, kind,
	   ((extract(doy FROM day)::int * 13 + ascii(shelf) * 5 + length(place) * 7 + ascii(kind)) % 89 + 1)::numeric(10,2) * 0.25 AS amount
FROM generate_series('2023-01-01'::date, '2024-05-31', '1 day') day,
	 (VALUES ('Ware House', 'a'), ('Ware House', 'b'), ('Warehouse', 'b'), ('Warehouse', 'c'), ('Shop', 'd')) p (place, shelf),
	 (VALUES ('in'), ('out')) k (kind);
SELECT add_metric('moves', unit => 'pieces', quantum => 0.25) > 0 AS added;
SELECT level, members_added FROM add_source('moves', 'moves', 'day', 'amount', '{"place": ["place", "shelf"], "kind": "kind"}', on_conflict => 'separate');
SELECT create_plan('W', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('W', 'moves', amount => 100000) > 0 AS set;
CREATE FUNCTION merged(place text) RETURNS text LANGUAGE sql RETURN replace(place, 'Ware House', 'Warehouse');
BEGIN;
SELECT count(*) FROM split_target(root_target('W', 'moves'), '{kind,place,shelf,quarter}');
SELECT assign('W', '{"place": "Ware House"}', 'Ann', 'R') > 0, assign('W', '{"place": "Warehouse"}', 'Ann', 'R', from_day => '2024-03-01', to_day => '2024-06-30') > 0,
	   assign('W', '{"place": "Ware House"}', 'Ann') > 0, assign('W', '{"place": ["Ware House", "b"]}', 'Bob') > 0, assign('W', '{"place": ["Warehouse", "b"]}', 'Bob') > 0;
CREATE TEMP TABLE was AS SELECT t.*, m.path FROM target t LEFT JOIN member m USING (member_id);
SELECT change, plan, target_id IS NOT NULL AS target, count(*), sum(amount_before) AS before, sum(amount_after) AS after
FROM merge_member('place', 'Ware House', 'Warehouse', reason => 'one house') GROUP BY 1, 2, 3 ORDER BY 1;
SELECT * FROM plan_check;
SELECT path, slice_value FROM member JOIN dimension d USING (dimension_id) WHERE d.name = 'place' ORDER BY path;
SELECT p.path AS parent, m.path FROM member_parent e JOIN member m USING (member_id) JOIN member p ON p.member_id = e.parent_id WHERE p.code = 'Warehouse' ORDER BY m.path;
SELECT a.code, m.path FROM member_alias a JOIN member m USING (member_id);
SELECT slice, role, p.name, r.valid FROM responsibility r JOIN person p USING (person_id) ORDER BY slice, role, r.valid;
-- no amount is lost: each part is the sum of the parts that it was made from
SELECT count(*) AS parts, count(*) FILTER (WHERE t.amount IS DISTINCT FROM w.amount) AS different
FROM (SELECT t.amount, t.period, t.slice ->> 'kind' AS kind, m.path FROM target t JOIN member m ON m.slice_value = t.slice -> 'place' WHERE t.metric_id = 2) t
FULL JOIN (SELECT sum(w.amount) AS amount, w.period, w.slice ->> 'kind' AS kind, path FROM (
			SELECT w.*, CASE WHEN m.path[1] = 'Ware House' THEN array['Warehouse'] || m.path[2:] ELSE m.path END AS path FROM (SELECT amount, period, slice FROM was WHERE metric_id = 2) w
			JOIN (SELECT DISTINCT path, slice -> 'place' AS value FROM was WHERE path[1] IN ('Ware House', 'Warehouse', 'Shop') AND level IN ('place', 'shelf')) m ON m.value = w.slice -> 'place') w GROUP BY 2, 3, 4) w USING (period, kind, path);
SELECT count(*) AS left_over FROM target WHERE slice::text LIKE '%Ware House%';
-- every change is a revision
SELECT operation, count(*), min(reason) FROM revision WHERE plan_id = (SELECT plan_id FROM plan WHERE family = 'W') GROUP BY 1 ORDER BY 1;
-- facts of both spellings count
SELECT evaluate_plan('W', as_of => '2024-05-31');
SELECT count(*) AS parts, count(*) FILTER (WHERE v.actual IS DISTINCT FROM o.amount) AS different
FROM kpi_variance v JOIN member m ON m.slice_value = v.slice -> 'place'
JOIN (SELECT kind, merged(place) AS place, shelf, sum(amount) AS amount FROM moves WHERE day >= '2024-01-01' GROUP BY GROUPING SETS ((1, 2), (1, 2, 3))) o
  ON o.kind = v.slice ->> 'kind' AND o.place = m.path[1] AND o.shelf IS NOT DISTINCT FROM m.path[2]
WHERE v.plan = 'W' AND v.depth IN (2, 3);
SELECT create_plan('W2', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('W2', 'moves', amount => 100000) > 0 AS set;
SELECT count(*) AS parts, count(*) FILTER (WHERE p.weight IS DISTINCT FROM o.amount) AS different
FROM preview_split(root_target('W2', 'moves'), '{place,shelf}') p JOIN member m ON m.slice_value = p.slice -> 'place'
JOIN (SELECT merged(place) AS place, shelf, sum(amount) AS amount FROM moves WHERE day < '2024-01-01' GROUP BY GROUPING SETS ((1), (1, 2))) o
  ON o.place = m.path[1] AND o.shelf IS NOT DISTINCT FROM m.path[2];
SELECT level, members_added FROM import_members('moves', 'separate');
SELECT find_target('W', 'moves', '{"kind": "in", "place": ["Ware House", "a"]}') = find_target('W', 'moves', '{"kind": "in", "place": "a"}') AS same;
-- and the plan goes on
SELECT count(*) FROM split_target(root_target('W', 'moves'), '{month}', method => 'equal');
SELECT * FROM plan_check;
ROLLBACK;
-- proposals for targets that become one: added up, and no gap above changes
BEGIN;
SELECT count(*) FROM split_target(root_target('W', 'moves'), '{place,shelf}');
INSERT INTO proposal (plan_id, target_id, amount, reason)
SELECT t.plan_id, t.target_id, t.amount + p.more, 'by hand'
FROM (VALUES (1, '"Warehouse"', 50), (2, '"Warehouse"', 100), (3, '["Ware House", "b"]', 40), (4, '"c"', -8), (5, '"Shop"', 1), (6, '["Warehouse", "b"]', 3)) p (n, place, more)
JOIN target t ON t.slice -> 'place' = p.place::jsonb ORDER BY p.n;
SELECT slice, amount, proposed, gap, n_below, gap_below FROM proposal_gap ORDER BY depth, slice::text;
CREATE TEMP TABLE gap AS SELECT gap_below FROM proposal_gap WHERE depth = 0;
SELECT change, slice_before, slice_after, amount_before, amount_after, note FROM merge_member('place', 'Ware House', 'Warehouse', reason => 'one house') WHERE change NOT LIKE 'member%';
SELECT slice, amount, proposed, gap, n_below, gap_below, reason FROM proposal_gap ORDER BY depth, slice::text;
SELECT gap.gap_below = p.gap_below AS same FROM gap, proposal_gap p WHERE p.depth = 0;
SELECT count(*) AS of_no_target FROM proposal o WHERE NOT EXISTS (SELECT FROM target t WHERE t.plan_id = o.plan_id AND t.target_id = o.target_id);
SELECT t.slice, o.amount, o.reason FROM proposal o JOIN target t USING (plan_id, target_id) ORDER BY t.slice::text, o.proposal_id;
SELECT * FROM plan_check;
ROLLBACK;
-- only one of the two has targets: it has another name now, and its id
BEGIN;
SELECT count(*) FROM split_target(root_target('W', 'moves'), '{place}', method => 'weights', weights => '{"Ware House": 1, "Shop": 1}');
SELECT change, slice_before, slice_after, amount_before, amount_after FROM merge_member('place', 'Ware House', 'Warehouse') WHERE change LIKE 'target%';
SELECT * FROM plan_check;
SELECT t.slice, m.path FROM target t JOIN member m USING (member_id) WHERE t.metric_id = 2 ORDER BY 1;
ROLLBACK;
-- a whole tree below each of the two, one cut by kinds: those of one member and kind become one
BEGIN;
SELECT count(*) FROM split_target(root_target('W', 'moves'), '{place,kind,shelf}');
CREATE TEMP TABLE was AS SELECT slice ->> 'kind' AS kind, period, sum(amount) AS amount FROM target WHERE n_children = 0 AND metric_id = 2 GROUP BY 1, 2;
SELECT change, count(*) FROM merge_member('place', 'Warehouse', 'Ware House') GROUP BY 1 ORDER BY 1;
SELECT count(*) AS different FROM was FULL JOIN (SELECT slice ->> 'kind' AS kind, period, sum(amount) AS amount FROM target WHERE n_children = 0 AND metric_id = 2 GROUP BY 1, 2) t USING (kind, period)
WHERE was.amount IS DISTINCT FROM t.amount;
SELECT * FROM plan_check;
ROLLBACK;
-- two members below different parents: where the one had a target the other has it now,
-- and its facts count below the other parent, also where only parents have targets
BEGIN;
SELECT count(*) FROM split_target(root_target('W', 'moves'), '{place,shelf}');
SELECT change, slice_before, slice_after, amount_after = amount_before AS stays FROM merge_member('place', 'd', 'c');
SELECT * FROM plan_check;
SELECT create_plan('W2', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('W2', 'moves', amount => 100000) > 0 AS set;
SELECT p.slice, p.weight, o.amount AS by_hand
FROM preview_split(root_target('W2', 'moves'), '{place}', on_zero => 'equal', on_missing => 'zero') p
LEFT JOIN (SELECT CASE shelf WHEN 'd' THEN 'Warehouse' ELSE place END AS place, sum(amount) AS amount FROM moves WHERE day < '2024-01-01' GROUP BY 1) o ON o.place = p.slice ->> 'place';
ROLLBACK;
-- what cannot be added up is listed
BEGIN;
SELECT count(*) FROM split_target(root_target('W', 'moves'), '{place,quarter}');
SAVEPOINT s;
UPDATE target SET locked = true WHERE slice ->> 'place' LIKE 'Ware%' AND level = 'quarter' AND lower(period) < '2024-06-01';
SELECT * FROM merge_member('place', 'Ware House', 'Warehouse');
ROLLBACK TO s;
SELECT count(*) FROM split_target(find_target('W', 'moves', '{"place": "Ware House"}'), '{shelf}');
SELECT count(*) FROM split_target(find_target('W', 'moves', '{"place": "Warehouse"}'), '{shelf}');
UPDATE target SET locked = true WHERE slice ->> 'place' = 'a' AND lower(period) < '2024-06-01';
SELECT * FROM merge_member('place', 'Ware House', 'Warehouse');
ROLLBACK TO s;
-- a locked target that only gets another name is no hindrance
SELECT unsplit_target(find_target('W', 'moves', '{"place": "Ware House"}'));
UPDATE target SET locked = true WHERE slice ->> 'place' = 'Shop';
SELECT change, count(*) FROM rename_member('place', 'Shop', 'Store') GROUP BY 1 ORDER BY 1;
SELECT * FROM merge_member('place', 'Ware House', 'Warehouse');
ROLLBACK TO s;
SELECT unsplit_target(find_target('W', 'moves', '{"place": "Ware House"}'));
SELECT count(*) FROM split_target(find_target('W', 'moves', '{"place": "Ware House"}'), '{month}');
SELECT * FROM merge_member('place', 'Ware House', 'Warehouse');
ROLLBACK TO s;
UPDATE target SET at_most = 100000, floor_amount = 1, over_assignment = 0.05 WHERE slice = '{"place": "Warehouse"}' AND level = 'place';
SELECT * FROM merge_member('place', 'Ware House', 'Warehouse');
ROLLBACK TO s;
-- bounds that both have are added up
UPDATE target SET at_least = 10, at_most = amount + 1, floor_amount = 1, stretch_amount = 100000 WHERE slice ->> 'place' LIKE 'Ware%' AND level = 'place';
SELECT change, count(*) FROM merge_member('place', 'Ware House', 'Warehouse') GROUP BY 1 ORDER BY 1;
SELECT at_least, at_most - amount AS room, floor_amount, stretch_amount FROM target WHERE slice = '{"place": "Warehouse"}' AND level = 'place';
SELECT * FROM plan_check;
ROLLBACK TO s;
SELECT assign('W', '{"place": "Ware House"}', 'Ann') > 0, assign('W', '{"place": "Warehouse"}', 'Bob') > 0;
SELECT * FROM merge_member('place', 'Ware House', 'Warehouse');
ROLLBACK TO s;
SELECT count(*) FROM rename_member('place', 'c', 'a2');
SELECT count(*) FROM rename_member('place', 'a', 'c2');
SELECT count(*) FROM rename_member('place', 'c2', 'c3');
SELECT count(*) FROM rename_member('place', 'a2', 'c2');
SELECT * FROM merge_member('place', 'Ware House', 'Warehouse');
ROLLBACK;
SELECT * FROM merge_member('place', 'Warehouse', 'Warehouse');
SELECT * FROM merge_member('place', 'Warehouse', 'a');
SELECT * FROM merge_member('place', 'Warehouse', 'Nowhere');
SELECT * FROM merge_member('place', 'Warehouse', NULL);
BEGIN;
SELECT add_member('place', 'Others', is_rest => true) > 0 AS added;
SELECT * FROM merge_member('place', 'Warehouse', 'Others');
ROLLBACK;

-- ------------------------------------------------- three levels, two moves
-- A team goes from North to South in April, and one of its sellers on to another
-- team in May; then the team is merged into another one of the North.
CREATE TABLE team_orders AS
SELECT day::date AS day, land, team, seller, ((extract(doy FROM day)::int * 31 + ascii(seller) * 5) % 211 + 1)::numeric(10,2) * 0.25 AS amount
FROM generate_series('2023-01-01'::date, '2024-05-31', '1 day') day,
	 (VALUES ('N', 'T1', 'Ada'), ('N', 'T1', 'Ben'), ('N', 'T2', 'Eve'), ('S', 'T3', 'Cem'), ('S', 'T3', 'Dai')) r (land, team, seller);
SELECT add_metric('team sales', unit => 'EUR') > 0 AS added;
SELECT members_added FROM add_source('team sales', 'team_orders', 'day', 'amount', '{"land": ["land", "team", {"column": "seller", "level": "person"}]}');
SELECT create_plan('T', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('T', 'team sales', amount => 1000000) > 0 AS set;
SELECT create_plan('T2', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('T2', 'team sales', amount => 1000000) > 0 AS set;
BEGIN;
SELECT count(*) FROM split_target(root_target('T', 'team sales'), '{land,person}');
SELECT change, slice_before FROM move_member('land', 'T1', 'S', from_day => '2024-04-01', history => 'stays');
SELECT change, slice_before FROM move_member('land', 'Ben', 'T3', from_day => '2024-05-01', history => 'stays');
SELECT path, days FROM moved_path ORDER BY path[pg_catalog.cardinality(path)], days;
SELECT evaluate_plan('T', as_of => '2024-05-31');
SELECT v.slice, v.actual, (SELECT sum(amount) FROM team_orders WHERE day >= '2024-01-01' AND CASE WHEN team = 'T3' OR team = 'T1' AND day >= '2024-04-01' THEN 'S' ELSE 'N' END = v.slice ->> 'land') AS by_hand
FROM kpi_variance v WHERE v.plan = 'T' AND v.depth = 1 ORDER BY 1;
SELECT v.slice, v.actual, (SELECT sum(amount) FROM team_orders WHERE day >= '2024-01-01' AND (team <> 'T1' OR day < '2024-04-01') AND seller = v.slice ->> 'land') AS by_hand
FROM kpi_variance v WHERE v.plan = 'T' AND v.depth = 2 ORDER BY 1;
SELECT p.slice, p.weight, (SELECT sum(amount) FROM team_orders WHERE day <@ daterange('2024-03-01', '2024-06-01') AND CASE WHEN seller = 'Ben' AND day >= '2024-05-01' THEN 'T3' ELSE team END = p.slice ->> 'land') AS by_hand
FROM preview_split(root_target('T2', 'team sales'), '{team}', basis => '[2024-03-01,2024-06-01)') p;
SELECT change, slice_before, slice_after FROM merge_member('land', 'T1', 'T2');
SELECT a.code, p.path AS below, m.path FROM member_alias a JOIN member m USING (member_id) JOIN member p ON p.member_id = a.parent_id ORDER BY a.code, p.path;
SELECT p.slice, p.weight, (SELECT sum(amount) FROM team_orders WHERE day <@ daterange('2024-03-01', '2024-06-01') AND CASE WHEN seller = 'Ben' AND day >= '2024-05-01' THEN 'T3' WHEN team = 'T1' THEN 'T2' ELSE team END = p.slice ->> 'land') AS by_hand
FROM preview_split(root_target('T2', 'team sales'), '{team}', basis => '[2024-03-01,2024-06-01)') p;
SELECT slice, weight FROM preview_split(root_target('T2', 'team sales'), '{land}', basis => '[2024-03-01,2024-06-01)');
SELECT level, members_added FROM import_members('team sales');
SELECT * FROM plan_check;
ROLLBACK;

-- what row-level security may hide is not left behind
CREATE ROLE regress_ts_member;
GRANT USAGE ON SCHEMA target_split TO regress_ts_member;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA target_split TO regress_ts_member;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA target_split TO regress_ts_member;
BEGIN;
ALTER TABLE target ENABLE ROW LEVEL SECURITY;
CREATE POLICY north ON target TO regress_ts_member USING (slice ->> 'region' = 'North');
SET LOCAL ROLE regress_ts_member;
SELECT * FROM rename_member('region', 'North', 'Norden');
ROLLBACK;
SET ROLE regress_ts_member;
SELECT change, count(*) FROM rename_member('region', 'North', 'Norden', reason => 'by somebody') GROUP BY 1 ORDER BY 1;
RESET ROLE;
SELECT changed_by, amount_after = amount_before AS stays FROM revision WHERE reason = 'by somebody';
-- the reason was for that call
UPDATE target SET floor_amount = 0 WHERE slice = '{}';
SELECT DISTINCT reason FROM revision WHERE old_row ->> 'depth' = '0';
SELECT * FROM plan_check;

SET client_min_messages = error;
DROP SCHEMA member_test CASCADE;
DROP EXTENSION target_split CASCADE;
DROP OWNED BY regress_ts_member;
DROP ROLE regress_ts_member;
CREATE EXTENSION target_split;
