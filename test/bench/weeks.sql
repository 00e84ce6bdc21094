-- A plan "bench" of products x accounts x 50 weeks, with weights from the table w.
-- psql -v products=100 -v accounts=200: a million leaves.
SET client_min_messages = warning;
CREATE EXTENSION target_split;
SET search_path = public, target_split;
CREATE TABLE week AS SELECT * FROM periods('[2024-01-01,2025-01-01)', 'week') ORDER BY period_start LIMIT 50;
SELECT add_metric('sales', unit => 'EUR'), add_dimension('product'), add_dimension('account');
INSERT INTO member (dimension_id, depth, code, path, slice_value)
SELECT d.dimension_id, 1, c, ARRAY[c], to_jsonb(c)
FROM (SELECT 'product' AS name, 'P' || to_char(n, 'FM00000') AS c FROM generate_series(1, :products) n
	  UNION ALL SELECT 'account', 'A' || to_char(n, 'FM00000') FROM generate_series(1, :accounts) n) m JOIN dimension d USING (name);
CREATE TABLE w AS
SELECT 'P' || to_char(p, 'FM00000') AS product, 'A' || to_char(a, 'FM00000') AS account, period_start AS week,
	   ((p * 7919 + a * 104729 + (period_start - '2024-01-01'::date) * 31) % 9973 + 1)::numeric / 100 AS weight
FROM generate_series(1, :products) p, generate_series(1, :accounts) a, week;
SELECT create_plan('bench', period => (SELECT daterange(min(period_start), max(period_end), '[]') FROM week));
SELECT set_target('bench', 'sales', amount => 123456789.01);
SELECT count(*) FROM split_target(root_target('bench', 'sales'), '{product,account,week}', method => 'weights', weights_from => 'w');
