-- Plans, overall targets, and finding targets.
\set SHOW_CONTEXT never
-- on an extension of its own, so that ids and lists are always the same
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
RESET client_min_messages;
SET search_path = public, target_split;
CREATE TABLE plan_orders (
	d date, "金额" numeric, region text, province text, line text
);
-- Mondays to Fridays of 2022 and 2023, three decimals
INSERT INTO plan_orders
SELECT day, (1000 + i * 7 % 331 + i * 0.001)::numeric(12,3),
	(ARRAY['East', 'West'])[1 + i % 2], (ARRAY['A', 'B', 'C', 'Other'])[1 + i % 4], (ARRAY['x', 'y', 'z'])[1 + i % 3]
FROM generate_series(0, 729) AS i, LATERAL (SELECT date '2022-01-01' + i AS day) AS s
WHERE extract(isodow FROM day) < 6;
SELECT add_metric('psales', 'CNY');
SELECT add_metric('pieces', 'pieces', 12);
SELECT add_metric('rate', '%', 0.1, additive => false);
SELECT * FROM add_source('psales', 'plan_orders', 'd', '金额',
	'{"region": ["region", {"column": "province", "level": "province"}], "line": "line"}');

-- ------------------------------------------------------------ plans
SELECT create_plan('FY2024', period => '[2024-01-01,2025-01-01)', description => 'next year');
SELECT create_plan('计划 "A"', '[2024-02-29,2024-03-31]');
SELECT family, version, period, is_current, description, created_by = current_user AS mine FROM plan ORDER BY plan_id;
SELECT create_plan('FY2024', '[2024-01-01,2025-01-01)');
SELECT create_plan('FY#2', '[2024-01-01,2025-01-01)');
SELECT create_plan('', '[2024-01-01,2025-01-01)');
SELECT create_plan(NULL, '[2024-01-01,2025-01-01)');
SELECT create_plan('x', NULL);
SELECT create_plan('x', 'empty');
SELECT create_plan('x', '[2024-01-01,)');
SELECT create_plan('x', '[2024-01-01,infinity)');
SELECT create_plan('x', '[2024-01-01,2025-01-01)', calendar => 'lunar');

-- ------------------------------------------------------------ overall targets
SELECT root_target('FY2024', 'psales');
SELECT set_target('FY2024', 'psales', growth => 0.20) = root_target('FY2024', 'psales') AS same;
-- against plain SQL
SELECT t.amount, t.amount = (SELECT round(sum("金额") * 1.2, 2) FROM plan_orders WHERE d >= '2023-01-01') AS as_computed,
	t.lineage_id = t.target_id AS own_lineage, t.depth, t.level, t.slice, t.period, m.quantum
FROM target t JOIN plan_metric m USING (plan_id, metric_id);
-- half away from zero, to a quantum that is no power of ten
CREATE TABLE plan_pieces (d date, n integer);
INSERT INTO plan_pieces VALUES ('2023-01-10', 30), ('2023-12-31', 60);
SELECT * FROM add_source('pieces', 'plan_pieces', 'd', 'n');
CREATE FUNCTION pg_temp.grown(g numeric) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
	PERFORM target_split.set_target('FY2024#1', 'pieces', growth => g);
	RETURN (SELECT amount FROM target_split.target
		WHERE target_id = target_split.root_target('FY2024', 'pieces'));
END $$;
SELECT set_target('FY2024#1', 'pieces', growth => 1) IS NOT NULL AS set;
SELECT g, 90 * (1 + g) AS exact, pg_temp.grown(g)
FROM unnest('{0, 0.0666666, 0.0666667, 0.2, -0.9333333, -0.9333334}'::numeric[]) AS g;
SELECT set_target('FY2024', 'pieces', amount => 144.00) = root_target('FY2024', 'pieces') AS same;
SELECT set_target('FY2024', 'rate', amount => -3.5) IS NOT NULL AS set;
SELECT m.name, t.amount FROM target t JOIN metric m USING (metric_id) WHERE t.depth = 0 ORDER BY m.metric_id;
-- the quantum of the plan stays
UPDATE metric SET quantum = 5 WHERE name = 'pieces';
SELECT set_target('FY2024', 'pieces', amount => 25);
SELECT set_target('FY2024', 'pieces', amount => 24) IS NOT NULL AS set;
UPDATE metric SET quantum = 12 WHERE name = 'pieces';

-- errors
SELECT set_target('FY2024', 'psales');
SELECT set_target('FY2024', 'psales', amount => 1, growth => 1);
SELECT set_target('FY2024', 'psales', amount => 1, basis => '[2023-01-01,2024-01-01)');
SELECT set_target(NULL, 'psales', amount => 1);
SELECT set_target('FY2023', 'psales', amount => 1);
SELECT set_target('FY2024#2', 'psales', amount => 1);
SELECT set_target('FY2024#', 'psales', amount => 1);
SELECT set_target('FY2024', 'sale', amount => 1);
SELECT set_target('FY2024', 'psales', amount => 0.005);
SELECT set_target('FY2024', 'psales', amount => -7.129);
SELECT set_target('FY2024', 'psales', amount => 'NaN');
SELECT set_target('FY2024', 'psales', amount => 'Infinity');
SELECT set_target('FY2024', 'psales', amount => 1e40);
SELECT set_target('FY2024', 'psales', amount => 1e30) IS NOT NULL AS large_but_fits;
-- what fits the quantum, and not the decimals that amounts are counted in
SELECT add_metric('coarse', 'CNY', quantum => 1e17) > 0 AS added;
SELECT set_target('FY2024', 'coarse', amount => 1e38);
SELECT set_target('FY2024', 'coarse', amount => 99e36) IS NOT NULL AS large_but_fits;
SELECT set_target('FY2024', 'psales', growth => 0.2) IS NOT NULL AS back;
SELECT set_target('FY2024', 'psales', growth => 'NaN');
SELECT set_target('FY2024', 'psales', growth => -1);
SELECT set_target('FY2024', 'psales', growth => 1e40);
SELECT set_target('FY2024', 'rate', growth => 0.1);
SELECT set_target('FY2024', 'psales', growth => 0.1, on_incomplete => 'maybe');
SELECT set_target('FY2024', 'psales', growth => 0.1, on_incomplete => NULL);
SELECT set_target('FY2024', 'psales', growth => 0.1, basis => 'empty');
SELECT set_target('FY2024', 'psales', growth => 0.1, basis => '(,2024-01-01)');

-- ------------------------------------------------------------ a basis that is not filled
-- the last fact is of Friday 29 December: the week-end at the end is no gap
SELECT max(d) FROM plan_orders;
-- a plan made on 1 November, from January to October
BEGIN;
DELETE FROM plan_orders WHERE d > '2023-10-31';
SELECT set_target('FY2024', 'psales', growth => 0.20);
ROLLBACK;
BEGIN;
DELETE FROM plan_orders WHERE d > '2023-10-31';
SELECT set_target('FY2024', 'psales', growth => 0.20, basis => '[2022-11-01,2023-11-01)') IS NOT NULL AS hint_works;
SELECT t.amount = (SELECT round(sum("金额") * 1.2, 2) FROM plan_orders WHERE d >= '2022-11-01') AS as_computed
FROM target t WHERE target_id = root_target('FY2024', 'psales');
SELECT set_target('FY2024', 'psales', growth => 0.20, on_incomplete => 'accept') IS NOT NULL AS accepted;
-- a month end that is a week-end is reached by its Friday
DELETE FROM plan_orders WHERE d > '2023-09-30';
SELECT max(d) FROM plan_orders;
SAVEPOINT s;
SELECT set_target('FY2024', 'psales', growth => 0.20);
ROLLBACK TO s;
SELECT set_target('FY2024', 'psales', growth => 0.20, basis => '[2022-10-01,2023-10-01)') IS NOT NULL AS hint_works;
-- in the middle of a month: up to the last fact
DELETE FROM plan_orders WHERE d > '2023-09-13';
SAVEPOINT s;
SELECT set_target('FY2024', 'psales', growth => 0.20);
ROLLBACK TO s;
SELECT set_target('FY2024', 'psales', growth => 0.20, basis => '[2022-09-14,2023-09-14)') IS NOT NULL AS hint_works;
-- an open order without an amount fills nothing
INSERT INTO plan_orders VALUES ('2023-12-31', NULL), ('infinity', 1);
SELECT set_target('FY2024', 'psales', growth => 0.20);
ROLLBACK;
-- no facts in the window, and none at all
SELECT set_target('FY2024', 'psales', growth => 0.20, basis => '[2019-01-01,2019-04-01)');
SELECT set_target('FY2024', 'psales', growth => 0.20, basis => '[2023-10-01,2024-01-01)') IS NOT NULL AS hint_works;
SELECT set_target('FY2024', 'psales', growth => 0.20, basis => '[2019-01-01,2019-04-01)', on_incomplete => 'accept');
BEGIN;
DELETE FROM plan_pieces;
SELECT set_target('FY2024', 'pieces', growth => 0.20);
ROLLBACK;
-- nothing, less than nothing, no numbers
BEGIN;
INSERT INTO plan_pieces VALUES ('2023-12-31', -90);
SELECT set_target('FY2024', 'pieces', growth => 0.20);
ROLLBACK;
BEGIN;
INSERT INTO plan_pieces VALUES ('2023-12-31', -100);
SELECT set_target('FY2024', 'pieces', growth => 0.20);
ROLLBACK;
BEGIN;
INSERT INTO plan_orders VALUES ('2023-05-05', 'NaN'), ('2023-05-04', '-Infinity'), ('2021-05-04', 'NaN');
SELECT set_target('FY2024', 'psales', growth => 0.20);
ROLLBACK;
BEGIN;
UPDATE target SET locked = true WHERE target_id = root_target('FY2024', 'psales');
SELECT set_target('FY2024', 'psales', growth => 0.20);
ROLLBACK;

-- timestamps become days in their time zone, whatever the session's
BEGIN;
SELECT add_metric('clock', 'CNY') IS NOT NULL AS added;
CREATE TABLE plan_clock (z timestamptz, f float8);
INSERT INTO plan_clock VALUES ('2022-12-31 15:59:59+00', 1000), ('2022-12-31 16:00:00+00', 0.1), ('2023-06-01 00:00+00', 125.43999999999998),
	('2023-12-31 15:59:59+00', 0.2), ('2023-12-31 16:00:00+00', 1000);
SELECT * FROM add_source('clock', 'plan_clock', 'z', 'f', time_zone => 'Asia/Shanghai');
SET LOCAL timezone = 'America/New_York';
SET LOCAL datestyle = 'German';
SELECT set_target('FY2024', 'clock', growth => 0) IS NOT NULL AS set;
SELECT amount FROM target WHERE target_id = root_target('FY2024', 'clock');
ROLLBACK;

-- ------------------------------------------------------------ finding targets
-- a tree by hand: region, province, quarter
CREATE TEMP TABLE halves AS
SELECT root_target('FY2024', 'psales') AS root_id, (SELECT member_id FROM member WHERE path = '{East}') AS east,
	(SELECT member_id FROM member WHERE path = '{West}') AS west, (SELECT member_id FROM member WHERE path = '{East,A}') AS a,
	(SELECT member_id FROM member WHERE path = '{East,C}') AS c;
SELECT set_target('FY2024', 'psales', amount => 100) IS NOT NULL AS set;
INSERT INTO target (parent_id, member_id, lineage_id, plan_id, metric_id, depth, level, period, amount, slice)
SELECT root_id, m.member_id, 0, r.plan_id, r.metric_id, 1, 'region', r.period, 50, jsonb_build_object('region', m.slice_value)
FROM halves, member m, target r WHERE m.member_id IN (east, west) AND r.target_id = root_id;
INSERT INTO target (parent_id, member_id, lineage_id, plan_id, metric_id, depth, level, period, amount, slice)
SELECT p.target_id, m.member_id, 0, p.plan_id, p.metric_id, 2, 'province', p.period, 25, jsonb_build_object('region', m.slice_value)
FROM halves, member m, target p WHERE m.member_id IN (a, c) AND p.parent_id = root_id AND p.member_id = east;
INSERT INTO target (parent_id, member_id, lineage_id, plan_id, metric_id, depth, level, period, amount, slice)
SELECT p.target_id, 0, 0, p.plan_id, p.metric_id, p.depth + 1, 'half', h.period, h.amount, p.slice
FROM halves, target p,
	(VALUES (daterange '[2024-01-01,2024-07-01)', 10), (daterange '[2024-07-01,2025-01-01)', 15)) AS h(period, amount)
WHERE p.member_id = c AND p.depth = 2;
CREATE FUNCTION pg_temp.show(bigint) RETURNS text LANGUAGE sql AS
$$SELECT concat_ws(' ', level, slice, period, amount) FROM target_split.target WHERE target_id = $1$$;
SELECT pg_temp.show(find_target('FY2024', 'psales'));
SELECT pg_temp.show(find_target('FY2024', 'psales', '{"region": "East"}'));
SELECT pg_temp.show(find_target('FY2024', 'psales', '{"region": ["West"]}'));
SELECT pg_temp.show(find_target('FY2024', 'psales', '{"region": "A"}'));
SELECT pg_temp.show(find_target('FY2024#1', 'psales', '{"region": ["East", "C"]}', '[2024-01-01,2024-12-31]'));
-- every node is found by what it says of itself
SELECT count(*) AS nodes, count(*) FILTER (WHERE find_target('FY2024', 'psales', slice, period) <> target_id) AS wrong
FROM target WHERE metric_id = (SELECT metric_id FROM metric WHERE name = 'psales');
-- errors
SELECT set_target('FY2024', 'psales', amount => 100);
SELECT find_target('FY2024', 'psales', '{"region": "A", "line": "x"}');
SELECT find_target('FY2024', 'psales', '{"line": "x"}');
SELECT find_target('FY2024', 'psales', '{"region": ["West", "B"]}');
SELECT find_target('FY2024', 'psales', '{"region": "A"}', '[2024-01-01,2024-02-01)');
SELECT find_target('FY2024', 'psales', '{}', '[2023-01-01,2024-02-01)');
SELECT find_target('FY2024', 'psales', '{"regoin": "A"}');
SELECT find_target('FY2024', 'psales', '{"province": "A"}');
SELECT find_target('FY2024', 'psales', '{"region": "Q"}');
SELECT find_target('FY2024', 'psales', '{"region": ["East", "B"]}');
SELECT find_target('FY2024', 'psales', '{"region": 7}');
SELECT find_target('FY2024', 'psales', '{"region": []}');
SELECT find_target('FY2024', 'psales', '{"region": {"East": "A"}}');
SELECT find_target('FY2024', 'psales', '["East"]');
SELECT find_target('FY2024', 'psales', NULL);
SELECT find_target('FY2024', 'psales', '{}', 'empty');
SELECT find_target('FY2025', 'psales');
-- what a hint says can be pasted: the next grain that has the days, levels first
SELECT create_plan('H', '[2024-01-01,2026-01-01)') > 0 AS created, set_target('H', 'psales', amount => 100) > 0 AS set;
SELECT find_target('H', 'psales', '{}', '[2025-01-01,2026-01-01)');
SELECT count(*) FROM split_target(root_target('H', 'psales'), '{year,month}', method => 'equal');
SELECT find_target('H', 'psales', '{}', '[2025-03-10,2025-03-17)');
SELECT count(*) FROM split_target(find_target('H', 'psales', '{}', '[2025-03-01,2025-04-01)'), '{week}', method => 'equal');
SELECT pg_temp.show(find_target('H', 'psales', '{}', '[2025-03-10,2025-03-17)'));
SELECT find_target('H', 'psales', '{}', '[2025-03-11,2025-03-12)');
SELECT find_target('H', 'psales', '{"region": ["West", "B"]}', '[2025-04-14,2025-04-21)');
SELECT find_target('H', 'psales', '{}', '[2025-04-14,2025-04-20)');
SELECT find_target('计划 "A"', 'psales');
SELECT add_member('region', 'A', '{West}') IS NOT NULL AS added;
SELECT find_target('FY2024', 'psales', '{"region": "A"}');
SELECT pg_temp.show(find_target('FY2024', 'psales', '{"region": ["East", "A"]}'));

-- ------------------------------------------------------------ policies
-- a policy that lets a role see more than it may change
CREATE ROLE regress_ts_reader;
GRANT USAGE ON SCHEMA target_split TO regress_ts_reader;
GRANT EXECUTE ON FUNCTION set_target TO regress_ts_reader;
GRANT ALL ON ALL TABLES IN SCHEMA target_split TO regress_ts_reader;
SELECT unsplit_target(root_target('FY2024', 'psales'));
ALTER TABLE target ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON target FOR SELECT USING (true);
CREATE POLICY change ON target FOR UPDATE USING (plan_id <> 1);
SET ROLE regress_ts_reader;
SELECT set_target('FY2024', 'psales', amount => 200);
RESET ROLE;
DROP POLICY change ON target;
CREATE POLICY change ON target FOR UPDATE USING (true);
SET ROLE regress_ts_reader;
SELECT set_target('FY2024', 'psales', amount => 200) > 0 AS set;
RESET ROLE;
ALTER TABLE target DISABLE ROW LEVEL SECURITY;
DROP POLICY see ON target;
DROP POLICY change ON target;
DROP OWNED BY regress_ts_reader;
DROP ROLE regress_ts_reader;

SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
DROP TABLE plan_orders, plan_pieces;
