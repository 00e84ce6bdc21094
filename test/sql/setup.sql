-- Set-up: metrics, dimensions, members, people, sources.
\set SHOW_CONTEXT never
-- on an extension of its own, so that ids and lists are always the same
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
RESET client_min_messages;
SET client_min_messages = warning;
CREATE ROLE regress_ts_planner;
CREATE ROLE regress_ts_nobody;
RESET client_min_messages;
GRANT USAGE ON SCHEMA target_split TO regress_ts_planner;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA target_split TO regress_ts_planner;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA target_split TO regress_ts_planner;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA target_split TO regress_ts_planner;

-- a company's order table: headers in Chinese, with spaces, slashes, quotes
CREATE SCHEMA "Sales Data";
CREATE TABLE "Sales Data"."订单" (
	"行 ID" integer,
	"订单日期" date,
	"客户 ID" text,
	"细分" varchar(20),
	"区域" text,
	"省/自治区" text,
	"类别" text,
	"子类别" text,
	"销售额" numeric,
	"we""ird col" text,
	"Seller" text
);
INSERT INTO "Sales Data"."订单" VALUES
	(1, '2023-01-03', '曾惠-1', '公司',     '华东', '浙江', '办公用品', '用品', 100.123, 'a"b',  'O''Brien'),
	(2, '2023-02-03', '许安-2', '消费者',   '西南', '四川', '办公用品', '信封',  50.5,   'A "b"', 'van Dyk'),
	(3, '2023-03-03', '许安-2', '公司',     '西南', '四川', '家具',     '椅子', 900,     'x, y',  'van Dyk'),
	(4, '2023-04-03', '宋良-3', '公司',     '华北', '北京', '技术',     '其他', 700.01,  'x, y',  'O''Brien'),
	(5, '2023-05-03', '万兰-4', '小型企业', '华北', NULL,   '家具',     '其他', 300,     '',      NULL),
	(6, '2023-06-03', '万兰-4', '小型企业', NULL,   '浙江', '家具',     '椅子', 30,      NULL,    ''),
	(7, '2023-07-03', '俞明-5', '消费者',   '华东', '上海', '技术',     '电话', -20.05,  'x, y',  'van Dyk');

-- the session of an analyst without special rights
SET ROLE regress_ts_planner;
SET search_path = "Sales Data", target_split;
SELECT add_metric('sales', unit => 'CNY', quantum => 0.01, description => 'net of tax');
RESET ROLE;
GRANT USAGE ON SCHEMA "Sales Data" TO regress_ts_planner;
SET ROLE regress_ts_planner;
SELECT * FROM add_source('sales', '订单', occurred_on => '订单日期', amount => '销售额');
RESET ROLE;
GRANT SELECT ON "Sales Data"."订单" TO regress_ts_planner;
SET ROLE regress_ts_planner;

-- one code under two parents: an error that lists them, and two ways out
SELECT * FROM add_source('sales', '订单', '订单日期', '销售额', '{"customer_type": ["细分", "客户 ID"]}', on_conflict => 'error');
SELECT count(*) AS dimensions_after_error FROM dimension;
-- by default a warning that lists them, and the error comes when the level is asked for
BEGIN;
SELECT * FROM add_source('sales', '订单', '订单日期', '销售额', '{"customer_type": ["细分", "客户 ID"]}');
SELECT depth, count(*) FROM member GROUP BY depth;
SAVEPOINT s;
SELECT * FROM import_members('sales');
ROLLBACK TO s;
SELECT level, members_added FROM import_members('sales', on_conflict => 'separate');
ROLLBACK;
SELECT * FROM add_source('sales', '订单', occurred_on => '订单日期', amount => '销售额',
	dimensions => '{"product_line": ["类别", {"column": "子类别"}], "market": ["区域", "省/自治区"],
		"customer_type": ["细分", "客户 ID"], "tag": {"column": "we\"ird col"},
		"seller": {"column": "Seller", "persons": true}}',
	on_conflict => 'separate');
SELECT d.name AS dimension, l.depth, l.name AS level, s.column_name
FROM dimension_level l JOIN dimension d USING (dimension_id)
	JOIN source_level s ON s.dimension_id = l.dimension_id AND s.depth = l.depth
ORDER BY d.name COLLATE "C", l.depth;
-- codes that are not unique go by their path; '' and NULL are no members
SELECT d.name AS dimension, m.depth, m.code, m.path, m.slice_value, p.name AS person
FROM member m JOIN dimension d USING (dimension_id) LEFT JOIN person p USING (person_id)
ORDER BY m.member_id;
-- against plain SQL over the same table: no path lost, none invented
SELECT (SELECT count(*) FROM member m JOIN dimension d USING (dimension_id)
		WHERE d.name = 'customer_type' AND m.depth = 2) AS members,
	(SELECT count(DISTINCT ("细分", "客户 ID")) FROM "Sales Data"."订单") AS paths;
SELECT count(*) AS wrong_parents FROM member m LEFT JOIN member_parent e USING (member_id)
	LEFT JOIN member p ON p.member_id = e.parent_id
WHERE p.path IS DISTINCT FROM CASE WHEN m.depth > 1 THEN m.path[1:m.depth - 1] END
	OR p.dimension_id <> m.dimension_id;
SELECT name FROM person ORDER BY name COLLATE "C";

-- new members later: known ones stay as they are
RESET ROLE;
INSERT INTO "Sales Data"."订单" VALUES
	(8, '2023-08-01', '新客-6', '公司', '华东', '上海', '技术', '椅子', 1, 'new', 'Li'),
	(9, '2023-08-02', '新客-7', '公司', '华东', '北京', '技术', '电话', 1, 'new', 'Li');
SET ROLE regress_ts_planner;
SELECT * FROM import_members('sales');
SELECT * FROM import_members('sales', on_conflict => 'latest');
SELECT * FROM import_members('sales', on_conflict => 'separate');
SELECT m.path, m.slice_value FROM member m WHERE m.code IN ('椅子', '北京') ORDER BY m.member_id;
SELECT * FROM import_members('sales', on_conflict => 'error');

-- latest: one member a code, below the parent of its newest fact
SELECT add_metric('orders', 'pieces', 1);
SELECT * FROM add_source('orders', '订单', '订单日期', '行 ID',
	'{"customer": ["细分", {"column": "客户 ID", "level": "account"}, {"column": "we\"ird col", "level": "label"}]}',
	on_conflict => 'latest');
SELECT m.depth, m.path, m.slice_value FROM member m JOIN dimension d USING (dimension_id)
WHERE d.name = 'customer' AND m.depth > 1 ORDER BY m.member_id;
SELECT * FROM import_members('orders', 'latest');

-- a second source of a known dimension: levels by position or by name, new ones below
SELECT add_metric('margin', 'CNY', direction => 'higher', additive => false);
SELECT * FROM add_source('margin', '订单', '订单日期', '销售额',
	'{"market": [{"column": "区域", "level": "market"}, "省/自治区", {"column": "客户 ID", "level": "shop"}],
	  "product_line": {"column": "子类别", "level": "子类别"}}', on_conflict => 'separate');

-- ------------------------------------------------------------ by hand
SELECT add_dimension('channel', levels => ARRAY['sub channel', 'Channel "3"'], description => 'how it is sold');
SELECT add_member('channel', 'Online');
SELECT add_member('channel', 'Shop', '{Online}', name => 'Own web shop', valid => '[2024-01-01,)');
SELECT add_member('channel', 'Shop');
SELECT add_member('channel', 'it''s "new"', '{Online,Shop}', is_rest => true);
SELECT m.depth, m.code, m.path, m.slice_value, m.name, m.is_rest, m.valid, p.code AS parent
FROM member m LEFT JOIN member_parent e USING (member_id) LEFT JOIN member p ON p.member_id = e.parent_id
WHERE m.dimension_id = (SELECT dimension_id FROM dimension WHERE name = 'channel') ORDER BY m.member_id;
SELECT add_person('洪光');
SELECT add_person('Ann "A" O''Hara', manager => '洪光', valid => '[2024-01-01,)', login => 'regress_ts_nobody');
SELECT add_dimension('rep', persons => true) IS NOT NULL AS added;
SELECT add_member('rep', '洪光') IS NOT NULL AS known, add_member('rep', 'R7', name => 'New One') IS NOT NULL AS new;
SELECT m.code, p.name, p.login, p.valid, b.name AS manager
FROM person p LEFT JOIN member m ON m.person_id = p.person_id AND m.code <> p.name
	LEFT JOIN person_manager pm ON pm.person_id = p.person_id LEFT JOIN person b ON b.person_id = pm.manager_id
WHERE p.name IN ('洪光', 'Ann "A" O''Hara', 'New One') ORDER BY p.person_id;

-- ------------------------------------------------------------ types of columns
RESET ROLE;
CREATE DOMAIN "Sales Data".price AS numeric;
CREATE TABLE "Sales Data".typed (d date, t timestamp, z timestamptz, txt text,
	n "Sales Data".price, f4 float4, f8 float8, i2 smallint, i8 bigint, m money, b boolean, gone int);
ALTER TABLE "Sales Data".typed DROP COLUMN gone;
INSERT INTO "Sales Data".typed VALUES
	('2023-12-31', '2023-12-31 23:30', '2023-12-31 16:30+00', 'x', 1.5, 0.1, 125.43999999999998, 1, 2, 3, true);
CREATE VIEW "Sales Data".typed_view AS SELECT * FROM "Sales Data".typed;
CREATE MATERIALIZED VIEW "Sales Data".typed_mat AS SELECT * FROM "Sales Data".typed;
CREATE TABLE "Sales Data".parted (d date, n numeric) PARTITION BY RANGE (d);
CREATE TABLE "Sales Data".empty_orders (d date, n numeric, k text);
CREATE INDEX typed_idx ON "Sales Data".typed (d);
CREATE TEMP TABLE scratch (d date, n numeric);
SELECT add_metric('m' || i, 'EUR') FROM generate_series(1, 9) AS i;
SELECT * FROM add_source('m1', 'typed_view', 't', 'n', '{"flag": "b"}');
SELECT * FROM add_source('m2', 'typed_mat', 'z', 'i8', time_zone => 'Asia/Shanghai');
SELECT * FROM add_source('m3', 'parted', 'd', 'n');
SELECT * FROM add_source('m4', 'typed', 'd', 'f8');
SELECT * FROM add_source('m5', 'empty_orders', 'd', 'n', '{"thing": "k"}');
SELECT * FROM import_members('m5');

-- ------------------------------------------------------------ errors
SELECT add_metric(NULL, 'EUR');
SELECT add_metric('', 'EUR');
SELECT add_metric('sales', 'EUR');
SELECT add_metric('x', 'EUR', quantum => 0);
SELECT add_metric('x', 'EUR', quantum => 'NaN');
-- a quantum that amounts could not be counted in later
SELECT add_metric('x', 'EUR', quantum => 1e50);
SELECT add_metric('x', 'EUR', quantum => 1e-50);
SELECT add_metric('x', 'EUR', quantum => 1.2345678901234567891);
SELECT add_metric('x', 'EUR', direction => 'up');
SELECT add_metric('x', 'EUR', additive => NULL);
SELECT add_dimension(NULL);
SELECT add_dimension('');
SELECT add_dimension('month');
SELECT add_dimension('market');
SELECT add_dimension('省/自治区');
SELECT add_dimension('x', levels => '{y,y}');
SELECT add_dimension('x', levels => '{y,NULL}');
SELECT add_dimension('x', levels => '{{y,z}}');
SELECT add_dimension('x', levels => '{week}');
SELECT add_member('chanel', 'x');
SELECT add_member('channel', NULL);
SELECT add_member('channel', '');
SELECT add_member('channel', 'Online');
SELECT add_member('channel', 'x', '{Offline}');
SELECT add_member('channel', 'x', '{Online,Shop,"it''s \"new\""}');
SELECT add_member('channel', 'x', valid => 'empty');
-- codes are keys
SELECT add_member('channel', repeat('長', 501));
SELECT add_member('channel', repeat('x', 32000));
BEGIN;
SELECT add_member('channel', repeat('長', 500)) IS NOT NULL AS longest;
SELECT add_member('channel', repeat('短', 500), ARRAY[repeat('長', 500)]);
ROLLBACK;
SELECT add_person('');
SELECT add_person('洪光');
SELECT add_person('x', manager => 'nobody''s boss');
SELECT add_person('x', login => 'no such role');
SELECT add_person('x', login => 'regress_ts_nobody');
SELECT add_person('x', valid => NULL);
SELECT * FROM add_source('no metric', 'typed', 'd', 'n');
SELECT * FROM add_source('m6', NULL, 'd', 'n');
SELECT * FROM add_source('m6', 'no_such_table', 'd', 'n');
SELECT * FROM add_source('m6', 'typed_idx', 'd', 'n');
SELECT * FROM add_source('m6', 'scratch', 'd', 'n');
SELECT * FROM add_source('m6', 'typed', 'D', 'n');
SELECT * FROM add_source('m6', '订单', '订单日期', 'we"ird');
SELECT * FROM add_source('m6', 'typed', 'ctid', 'n');
SELECT * FROM add_source('m6', 'typed', 'txt', 'n');
SELECT * FROM add_source('m6', 'typed', 'z', 'n');
SELECT * FROM add_source('m6', 'typed', 'z', 'n', time_zone => 'Europe/Atlantis');
SELECT * FROM add_source('m6', 'typed', 'd', 'n', time_zone => 'Europe/Paris');
SELECT * FROM add_source('m6', 'typed', 'd', 'm');
-- the hint, pasted
CREATE VIEW "Sales Data".typed_source AS SELECT *, m::numeric AS exact_amount FROM "Sales Data".typed;
SELECT * FROM add_source('m7', 'typed_source', 'd', 'exact_amount');
SELECT * FROM add_source('m6', 'typed', 'd', 'txt');
-- a range has a first day; what has no cast has no statement to paste
SELECT * FROM add_source('m6', 'typed', 'b', 'n');
SELECT * FROM add_source('m6', 'typed', 'd', 'b');
SELECT * FROM add_source('m6', 'target_split.target', 'period', 'amount');
ALTER TABLE "Sales Data".typed ADD during daterange, ADD run tsrange;
UPDATE "Sales Data".typed SET during = '[2023-12-31,2024-01-05)';
SELECT * FROM add_source('m6', 'typed', 'during', 'n');
SELECT * FROM add_source('m6', 'typed', 'run', 'n');
BEGIN;
DROP VIEW "Sales Data".typed_source;
CREATE VIEW "Sales Data".typed_source AS SELECT *, lower(during) AS occurred_on FROM "Sales Data".typed;
SELECT * FROM add_source('m6', 'typed_source', 'occurred_on', 'n');
ROLLBACK;
SELECT * FROM add_source('m6', 'typed', 'd', 'n', on_conflict => 'newest');
SELECT * FROM add_source('m6', 'typed', 'd', 'n', dimensions => NULL);
SELECT * FROM add_source('m6', 'typed', 'd', 'n', '["txt"]');
SELECT * FROM add_source('m6', 'typed', 'd', 'n', '{"x": 5}');
SELECT * FROM add_source('m6', 'typed', 'd', 'n', '{"x": []}');
SELECT * FROM add_source('m6', 'typed', 'd', 'n', '{"x": ["txt", null]}');
SELECT * FROM add_source('m6', 'typed', 'd', 'n', '{"x": {"column": "txt", "levle": "y"}}');
SELECT * FROM add_source('m6', 'typed', 'd', 'n', '{"x": {"level": "y"}}');
SELECT * FROM add_source('m6', 'typed', 'd', 'n', '{"x": {"column": "txt", "persons": "yes"}}');
SELECT * FROM add_source('m6', 'typed', 'd', 'n', '{"x": {"column": "txt", "level": "y"}}');
SELECT * FROM add_source('m6', 'typed', 'd', 'n', '{"x": "no col"}');
SELECT * FROM add_source('m6', 'typed', 'd', 'n', '{"day": "txt"}');
SELECT * FROM add_source('m6', 'typed', 'd', 'n', '{"省/自治区": "txt"}');
SELECT * FROM add_source('m6', 'typed', 'd', 'n', '{"x": ["txt", {"column": "i2", "level": "market"}]}');
SELECT * FROM add_source('m6', 'typed', 'd', 'n', '{"market": ["txt", {"column": "i2", "level": "market"}]}');
SELECT * FROM add_source('m6', 'typed', 'd', 'n', '{"market": ["txt", {"column": "i2", "level": "new"}]}');
SELECT * FROM add_source('m6', 'typed', 'd', 'n', '{"market": {"column": "txt", "persons": true}}');
SELECT * FROM add_source('sales', 'typed', 'd', 'n');
SELECT * FROM import_members('m6');
SELECT * FROM import_members('no metric');
SELECT * FROM import_members('sales', NULL);
-- the hint of the second source, pasted
BEGIN;
WITH m AS (SELECT metric_id FROM target_split.metric WHERE name = 'sales'), l AS (DELETE FROM target_split.source_level WHERE metric_id IN (TABLE m)) DELETE FROM target_split.source WHERE metric_id IN (TABLE m);
SELECT count(*) FROM add_source('sales', 'typed', 'd', 'n');
ROLLBACK;
-- a column, then the table is gone
BEGIN;
ALTER TABLE "Sales Data".empty_orders DROP COLUMN k;
SELECT * FROM import_members('m5');
ROLLBACK;
BEGIN;
DROP TABLE "Sales Data".empty_orders;
SELECT * FROM import_members('m5');
ROLLBACK;
-- swapped by rename: the new table is read
BEGIN;
CREATE TABLE "Sales Data".loaded (d timestamp, n integer, k text);
INSERT INTO "Sales Data".loaded VALUES ('2023-05-05', 1, 'fresh');
ALTER TABLE "Sales Data".empty_orders RENAME TO old_orders;
ALTER TABLE "Sales Data".loaded RENAME TO empty_orders;
SELECT * FROM import_members('m5');
ROLLBACK;
-- at most 20 are listed
BEGIN;
CREATE TABLE "Sales Data".many (d date, n numeric, a text, b text);
INSERT INTO "Sales Data".many SELECT '2023-01-01', 1, p, 'code ' || i FROM unnest('{p,q}'::text[]) p, generate_series(10, 34) i;
SELECT * FROM add_source('m6', 'many', 'd', 'n', '{"wide": ["a", "b"]}', on_conflict => 'error');
ROLLBACK;
-- codes that are too long are listed, cut
BEGIN;
CREATE TABLE "Sales Data".long (d date, n numeric, a text, b text);
INSERT INTO "Sales Data".long VALUES ('2023-01-01', 1, 'short', repeat('a', 501)), ('2023-01-01', 1, 'short', repeat('b', 32000));
SAVEPOINT s;
SELECT * FROM add_source('m6', 'long', 'd', 'n', '{"lengthy": ["a", "b"]}');
ROLLBACK TO s;
UPDATE "Sales Data".long SET a = repeat('長', 400), b = repeat('短', 450);
SELECT * FROM add_source('m6', 'long', 'd', 'n', '{"lengthy": ["a", "b"]}');
ROLLBACK TO s;
-- ... as are long codes in other lists
UPDATE "Sales Data".long SET a = CASE WHEN b LIKE 'a%' THEN 'p' ELSE 'q' END, b = repeat('c', 400);
SELECT * FROM add_source('m6', 'long', 'd', 'n', '{"lengthy": ["a", "b"]}', on_conflict => 'error');
ROLLBACK;
-- no rights on the extension's tables
SET ROLE regress_ts_nobody;
SELECT target_split.add_metric('x', 'EUR');
RESET ROLE;
-- nothing of all this has left a trace
SELECT count(*) FROM source JOIN metric USING (metric_id) WHERE name = 'm6';
SELECT name FROM dimension ORDER BY dimension_id;

RESET search_path;
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
DROP SCHEMA "Sales Data" CASCADE;
DROP OWNED BY regress_ts_planner;
DROP ROLE regress_ts_planner, regress_ts_nobody;
