-- explain_basis, and what explain_target tells of it: rows and sums of each
-- basis against plain SQL.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
SET search_path = public, target_split;
SET datestyle = ISO;

CREATE TABLE orders AS
SELECT d::date AS day, m AS market, t AS type, ((extract(doy FROM d)::int * 7 + length(m || t) * 13) % 97 + 3)::numeric * CASE m WHEN 'East' THEN extract(year FROM d)::int - 2020 ELSE 1 END AS amount
FROM generate_series('2021-01-01'::date, '2023-12-31', '1 day') d, unnest('{East,West,North}'::text[]) m, unnest('{key,small}'::text[]) t
WHERE (extract(doy FROM d)::int + length(m)) % 3 > 0;
SELECT add_metric('sales', unit => 'EUR') > 0 AS metric;
SELECT count(*) FROM add_source('sales', 'orders', occurred_on => 'day', amount => 'amount', dimensions => '{"market": "market", "type": "type"}');

-- what the facts say, by plain SQL: a target's slice, in the months of its period, in a window
CREATE FUNCTION facts_of(slice jsonb, period daterange, basis daterange) RETURNS TABLE (facts bigint, amount numeric) LANGUAGE sql AS $$
	SELECT count(*), COALESCE(sum(o.amount), 0) FROM orders o
	WHERE o.day <@ basis AND (NOT slice ? 'market' OR o.market = slice ->> 'market') AND (NOT slice ? 'type' OR o.type = slice ->> 'type')
	  AND EXISTS (SELECT FROM generate_series(lower(period), upper(period) - 1, interval '1 day') d
				  WHERE to_char(d, 'MMDD') = to_char(o.day, 'MMDD'))
$$;
-- rows of explain_basis that plain SQL does not have like this
CREATE FUNCTION wrong(plan text) RETURNS TABLE (id bigint, slice jsonb, period daterange, basis daterange, facts bigint, amount numeric, should bigint, should_amount numeric) LANGUAGE sql AS $$
	SELECT DISTINCT b.id, s.slice, s.period, b.basis, b.facts, b.amount, f.facts, f.amount
	FROM target t JOIN plan p USING (plan_id), explain_basis(t.target_id) b
	JOIN target s ON s.target_id = b.id, facts_of(s.slice, s.period, b.basis) f
	WHERE p.family = wrong.plan AND t.n_children = 0 AND (b.facts, b.amount) IS DISTINCT FROM (f.facts, f.amount)
$$;

SELECT create_plan('H', period => '[2023-01-01,2024-01-01)') > 0 AS plan, set_target('H', 'sales', amount => 10000) > 0 AS target;
SELECT count(*) FROM split_target(root_target('H', 'sales'), '{market,quarter}');
SELECT count(*) FROM split_target(root_target('H', 'sales'), '{type,month}', basis => '[2021-01-01,2022-01-01)');
SELECT count(*) AS wrong FROM wrong('H');
SELECT step, level, weight, basis_rows, bases FROM explain_target(plan => 'H', metric => 'sales', slice => '{"market": "East", "type": "key"}', period => '[2023-05-01,2023-06-01)');
-- the weight is the sum of the facts
SELECT count(*) AS explained, count(*) FILTER (WHERE b.amount <> t.weight) AS not_their_sum
FROM target l JOIN plan p USING (plan_id), explain_basis(l.target_id) b JOIN target t ON t.target_id = b.id WHERE p.family = 'H' AND l.n_children = 0;

-- several bases: factors, years, a lag
SELECT create_plan('B', period => '[2023-01-01,2024-01-01)') > 0 AS plan, set_target('B', 'sales', amount => 10000) > 0 AS target;
SELECT count(*) FROM split_target(root_target('B', 'sales'), '{market}', method => 'blend',
	bases => '[{"basis": "[2021-01-01,2022-01-01)", "factor": 0.3}, {"basis": "[2022-01-01,2023-01-01)", "factor": 0.7}]');
SELECT count(*) FROM split_target(root_target('B', 'sales'), '{type}', method => 'increment', basis => '[2022-01-01,2023-01-01)');
SELECT count(*) FROM split_target(root_target('B', 'sales'), '{month}', method => 'shrunk', basis => '[2021-01-01,2023-01-01)');
SELECT count(*) AS wrong FROM wrong('B');
SELECT step, level, method, basis_rows, jsonb_path_query_array(bases, '$[*] ? (exists (@.rows))') AS bases,
	   jsonb_path_query_array(bases, '$[*] ? (exists (@.joint))') #> '{0}' ?& '{joint,product,slice_x_time,window}' AS shrunk_by
FROM explain_target(plan => 'B', metric => 'sales', slice => '{"market": "West", "type": "small"}', period => '[2023-02-01,2023-03-01)');
SELECT create_plan('L', period => '[2023-01-01,2024-01-01)') > 0 AS plan, set_target('L', 'sales', amount => 1200) > 0 AS target;
SELECT count(*) FROM split_target(root_target('L', 'sales'), '{month}', method => 'profile', profile => '{"lag": 2}');
SELECT b.basis, b.lag, b.facts, b.amount, f.facts AS should, f.amount AS should_amount
FROM explain_basis(find_target('L', 'sales', period => '[2023-03-01,2023-04-01)')) b, facts_of('{}', '[2022-01-01,2022-02-01)', '[2022-01-01,2023-01-01)') f;
SELECT count(*) FROM unsplit_target(root_target('L', 'sales'));
SELECT count(*) FROM split_target(root_target('L', 'sales'), '{month}', method => 'profile', profile => '{"plan": "B"}', basis => '[2023-01-01,2024-01-01)');
SELECT metric, plan, basis, facts, amount, (SELECT sum(amount) FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'B' AND t.n_children = 0 AND t.period = '[2023-03-01,2023-04-01)') AS should
FROM explain_basis(find_target('L', 'sales', period => '[2023-03-01,2023-04-01)'));

-- a method for each level, and a level without a basis
SELECT create_plan('V', period => '[2023-01-01,2024-01-01)') > 0 AS plan, set_target('V', 'sales', amount => 10000) > 0 AS target;
SELECT count(*) FROM split_target(root_target('V', 'sales'), '{market,quarter,type,month}', levels => '{"quarter": {"method": "equal"}, "type": {"method": "history", "basis": "[2021-01-01,2022-01-01)"}}');
SELECT count(DISTINCT b.id) AS explained
FROM target t JOIN plan p USING (plan_id), explain_basis(t.target_id) b
JOIN target s ON s.target_id = b.id, facts_of(s.slice, s.period, CASE s.level WHEN 'type' THEN '[2021-01-01,2022-01-01)' ELSE '[2022-01-01,2023-01-01)' END::daterange) f
WHERE p.family = 'V' AND t.n_children = 0 AND (b.facts, b.amount) IS NOT DISTINCT FROM (f.facts, f.amount);
SELECT step, level, basis_rows, bases FROM explain_target(plan => 'V', metric => 'sales', slice => '{"market": "East", "type": "key"}', period => '[2023-05-01,2023-06-01)');

-- shared again, all of it and a part of it
SELECT count(*) > 0 AS changed FROM resplit_target(root_target('H', 'sales'), basis => '[2021-01-01,2023-01-01)');
SELECT count(*) > 0 AS changed FROM resplit_target(find_target('H', 'sales', '{"market": "East"}'), basis => '[2021-01-01,2022-01-01)');
SELECT count(*) AS wrong FROM wrong('H');
SELECT step, level, basis, basis_rows, bases FROM explain_target(plan => 'H', metric => 'sales', slice => '{"market": "East", "type": "key"}', period => '[2023-05-01,2023-06-01)');

-- what cannot be read any more is told; without a basis there is nothing to read
SELECT count(*) FROM split_target((SELECT target_id FROM target_tree WHERE plan = 'B' AND is_leaf ORDER BY target_id LIMIT 1), '{week}', method => 'equal');
SELECT step, basis_rows, bases FROM explain_target((SELECT max(target_id) FROM target)) WHERE step > 2;
ALTER TABLE orders RENAME TO gone;
SELECT DISTINCT b.facts, b.problem FROM target t JOIN plan p USING (plan_id), explain_basis(t.target_id) b WHERE p.family = 'V';
SELECT step, basis_rows, bases FROM explain_target(plan => 'L', metric => 'sales', period => '[2023-03-01,2023-04-01)');
SELECT step, amount, weight, basis_rows, bases FROM explain_target(plan => 'V', metric => 'sales', slice => '{"market": "East"}', period => '[2023-04-01,2023-07-01)', with_basis => false);
ALTER TABLE gone RENAME TO orders;
SELECT * FROM explain_basis(NULL);
SELECT * FROM explain_basis(-1);

DROP FUNCTION wrong(text), facts_of(jsonb, daterange, daterange);
DROP TABLE orders;
RESET search_path;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
