-- split_target: method "margins", parts that add up to totals agreed on for products, regions
-- and months at once; every promise against plain SQL.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA margins_test;
SET search_path = margins_test, target_split;
SET datestyle = ISO;

-- Bikes and Helmets, three regions with countries, a year of days; Helmets are not sold in the South
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

-- product managers, regional directors, finance
SELECT slice ->> 'line' AS line, slice ->> 'region' AS region, amount, weight
FROM preview_split(root_target('P', 'sales'), '{line,region}', method => 'margins',
				   margins => '{"line": {"Bikes": 6000, "Helmets": 4000}, "region": {"North": "30%", "South": "25%", "West": "45%"}}')
ORDER BY depth, 1, 2;
