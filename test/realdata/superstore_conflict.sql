-- 海南 is in two regions and eight customers are of two types: what is done is
-- never silent.  Goes on where superstore_split.sql ended.
SET client_min_messages = warning;
SET search_path = public, target_split;

SELECT tap.same((SELECT count(DISTINCT "区域") FROM orders WHERE "省/自治区" = '海南'), 2, 'the data have 海南 in two regions');
SELECT tap.same((SELECT count(*) FROM (SELECT FROM orders GROUP BY "客户 ID" HAVING count(DISTINCT "细分") > 1) c), 8,
				'and eight customers of two types');

-- refused, with all of them named
SELECT tap.throws($$SELECT import_members('sales')$$, '%1 code of level "省/自治区"%', '%海南 (中南, 西南)%', '%latest%separate%',
				  'import_members refuses, and names 海南 and its regions');
SELECT tap.throws($$SELECT split_target(root_target('FY2024 by month', 'sales'), '{省/自治区}')$$, '%省/自治区%', '%', '%import_members%',
				  'a split by the level without members says how to get them');
SELECT tap.ok(add_metric('client sales', unit => 'CNY') > 0, 'a metric by customer');
SELECT tap.same(count(*), 2, 'its source')
FROM (SELECT add_source('client sales', 'orders', '订单日期', '销售额', '{"client": ["细分", "客户 ID"]}')) s;
SELECT tap.throws($$SELECT import_members('client sales')$$, '%8 codes of level "客户 ID"%', '%周诚-11275 (公司, 消费者)%', '%latest%',
				  'import_members names the eight customers');

-- ------------------------------------------------ the parent of the newest fact
SELECT tap.same((SELECT sum(members_added) FROM import_members('sales', on_conflict => 'latest')), 31, 'latest: 31 provinces');
SELECT tap.none($$SELECT l.province, l.region, m.path
	FROM (SELECT DISTINCT ON ("省/自治区") "省/自治区" AS province, "区域" AS region
		  FROM orders ORDER BY "省/自治区", "订单日期" DESC, "区域" COLLATE "C" DESC) l
	FULL JOIN (SELECT path, code AS province FROM member JOIN dimension d USING (dimension_id) WHERE d.name = 'market' AND depth = 2) m USING (province)
	WHERE m.path IS DISTINCT FROM ARRAY[l.region, l.province]$$, 'each in the region of its newest order');
SELECT tap.ok(create_plan('FY2024 by province', period => '[2024-01-01,2025-01-01)') > 0, 'a plan');
SELECT tap.ok(set_target('FY2024 by province', 'sales', growth => 0.20) > 0, 'its overall target');
SELECT tap.same((SELECT jsonb_object_agg(level, n)
				 FROM (SELECT level, count(*) AS n
					   FROM split_target(root_target('FY2024 by province', 'sales'), '{market,省/自治区,month}') GROUP BY level) s),
				'{"market": 6, "省/自治区": 31, "month": 372}'::jsonb, 'split by market, province and month');
-- a province's orders count where the province is
TRUNCATE tap.wanted;
INSERT INTO tap.wanted
SELECT 3 - (grouping(region) + grouping(province) + grouping(mo)),
	   CASE WHEN grouping(region) = 1 THEN '{}' ELSE jsonb_build_object('market', COALESCE(province, region)) END,
	   COALESCE(mo, '[2024-01-01,2025-01-01)'), sum(amount)
FROM (SELECT "省/自治区" AS province, l.region, tap.month(tap.next_year("订单日期")) AS mo, "销售额" AS amount
	  FROM orders
	  JOIN (SELECT DISTINCT ON ("省/自治区") "省/自治区", "区域" AS region
			FROM orders ORDER BY "省/自治区", "订单日期" DESC, "区域" COLLATE "C" DESC) l USING ("省/自治区")
	  WHERE "订单日期" >= '2023-01-01' AND "订单日期" < '2024-01-01') b
GROUP BY ROLLUP (region, province, mo);
SELECT tap.none($$SELECT * FROM tap.unfair('FY2024 by province', 'sales', 0, 3)$$, 'fair, every node');
SELECT tap.none($$SELECT * FROM tap.inexact('FY2024 by province', 'sales')$$, 'exact');
SELECT tap.same((SELECT count(*) FROM member WHERE code = '海南'), 1, '海南 is one member');

SELECT tap.same((SELECT sum(members_added) FROM import_members('client sales', on_conflict => 'latest')),
				(SELECT count(DISTINCT "客户 ID") FROM orders), 'latest: every customer once');

-- ------------------------------------------------------- a member of each path
SELECT tap.ok(add_metric('sales by path', unit => 'CNY') > 0, 'another metric');
SELECT tap.same((SELECT sum(members_added)
				 FROM add_source('sales by path', 'orders', '订单日期', '销售额',
								 '{"region": ["区域", {"column": "省/自治区", "level": "province"}]}', on_conflict => 'separate')),
				6 + 32, 'separate: 32 members for 31 provinces');
SELECT tap.same((SELECT array_agg(slice_value ORDER BY path) FROM member JOIN dimension d USING (dimension_id)
				 WHERE d.name = 'region' AND code = '海南'),
				ARRAY['["中南", "海南"]', '["西南", "海南"]']::jsonb[], '海南 is named by its path');
SELECT tap.ok(set_target('FY2024 by province', 'sales by path', growth => 0.20) > 0, 'its overall target');
SELECT tap.same((SELECT jsonb_object_agg(level, n)
				 FROM (SELECT level, count(*) AS n
					   FROM split_target(root_target('FY2024 by province', 'sales by path'), '{region,province}') GROUP BY level) s),
				'{"region": 6, "province": 32}'::jsonb, 'split by region and province');
TRUNCATE tap.wanted;
INSERT INTO tap.wanted
SELECT 2 - (grouping(region) + grouping(province)),
	   CASE WHEN grouping(region) = 1 THEN '{}'
			WHEN province = '海南' THEN jsonb_build_object('region', jsonb_build_array(region, province))
			ELSE jsonb_build_object('region', COALESCE(province, region)) END,
	   '[2024-01-01,2025-01-01)', sum(amount)
FROM (SELECT "省/自治区" AS province, "区域" AS region, "销售额" AS amount
	  FROM orders WHERE "订单日期" >= '2023-01-01' AND "订单日期" < '2024-01-01') b
GROUP BY ROLLUP (region, province);
SELECT tap.none($$SELECT * FROM tap.unfair('FY2024 by province', 'sales by path', 0, 2)$$, 'fair, every node');
SELECT tap.none($$SELECT * FROM tap.inexact('FY2024 by province', 'sales by path')$$, 'exact');
SELECT tap.none($$SELECT * FROM plan_check$$, 'plan_check finds nothing');
