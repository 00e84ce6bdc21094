-- Totals that are no targets: each period over all slices, each slice over all periods
\set VERBOSITY terse
SET search_path = public, target_split;
SET client_min_messages = warning;

-- sales of seven lines in eleven markets, nothing round about them
CREATE TABLE fair_sales AS
SELECT date '2023-01-01' + i % 365 AS sold_on, 'L' || i % 7 AS line, 'M' || lpad((i * i % 11)::text, 2, '0') AS market,
	   round(((i::bigint * 7919 + i::bigint * i * 104729) % 100003) / 97.0, 2) AS amount
FROM generate_series(1, 9000) i;
SELECT add_metric('fair sales', unit => 'EUR', quantum => 0.01) > 0 AS added;
SELECT name, n_members FROM add_source('fair sales', 'fair_sales', occurred_on => 'sold_on', amount => 'amount',
	dimensions => '{"fair line": "line", "fair market": "market"}') AS s (dimension, name, col, n_members);

CREATE FUNCTION fair_plan(name text, amount numeric) RETURNS bigint LANGUAGE sql AS
$$
	SELECT create_plan(name, period => '[2024-01-01,2025-01-01)');
	SELECT set_target(name, 'fair sales', amount => amount);
$$;

/*
 * Totals of a plan's periods over its slices, or slices over its periods, with
 * the exact shares by plain numerics: each target's block is what its split made
 * under one target.  n is how many are a unit or more away.
 */
CREATE FUNCTION fair_totals(name text, unit numeric DEFAULT 0.01)
RETURNS TABLE (total text, level text, n_totals bigint, n_unfair bigint, furthest numeric) LANGUAGE sql AS
$$
	WITH RECURSIVE here AS (
		SELECT t.* FROM target t JOIN plan p USING (plan_id) WHERE p.family = fair_totals.name
	), made AS (
		SELECT t.*, a.amount AS block_amount, (SELECT sum(c.weight) FROM here c WHERE c.parent_id = a.target_id) AS block_weight
		FROM here a JOIN here t ON t.parent_id = a.target_id AND t.split_id IS DISTINCT FROM a.split_id
		UNION ALL
		SELECT t.*, m.block_amount, m.block_weight
		FROM made m JOIN here t ON t.parent_id = m.target_id AND t.split_id = m.split_id
	), total AS (
		SELECT 'period' AS total, m.level, m.split_id, m.period::text AS what, sum(m.amount) AS amount,
			   sum(m.block_amount * m.weight * 1000000000000::numeric / m.block_weight) / 1000000000000 AS exact
		FROM made m WHERE m.member_id = 0 GROUP BY m.level, m.split_id, m.period
		UNION ALL
		SELECT 'slice', m.level, m.split_id, m.slice::text, sum(m.amount),
			   sum(m.block_amount * m.weight * 1000000000000::numeric / m.block_weight) / 1000000000000
		FROM made m WHERE m.member_id <> 0 GROUP BY m.level, m.split_id, m.slice
	)
	SELECT t.total, t.level, count(*), count(*) FILTER (WHERE abs(t.amount - t.exact) >= fair_totals.unit),
		   round(max(abs(t.amount - t.exact)) / fair_totals.unit, 1)
	FROM total t GROUP BY t.total, t.level ORDER BY 1, 2
$$;

-- by slices, then periods: quarters and months of the company are fair
SELECT fair_plan('Fair', 1234567.89) AS r \gset
SELECT count(*) FROM split_target(:r, '{fair line,fair market,quarter,month}');
SELECT * FROM fair_totals('Fair');
SELECT * FROM plan_check;

-- the same where another system's rounding is asked for, which does not look beyond a slice
SELECT fair_plan('Not', 1234567.89) AS r \gset
SELECT count(*) FROM split_target(:r, '{fair line,fair market,quarter,month}', residual => 'first');
SELECT total, level, n_totals, n_unfair > 0 AS unfair FROM fair_totals('Not') WHERE total = 'period';
SELECT * FROM plan_check;

-- in two calls: the slices stay, their months are rounded together
SELECT fair_plan('Two', 1234567.89) AS r \gset
SELECT count(*) FROM split_target(:r, '{fair line,fair market}');
SELECT count(*) FROM split_target(:r, '{month,week}');
SELECT * FROM fair_totals('Two');
SELECT * FROM plan_check;

-- periods first: the years of lines and markets are fair
SELECT fair_plan('Year', 1234567.89) AS r \gset
SELECT count(*) FROM split_target(:r, '{quarter,fair line,fair market}');
SELECT * FROM fair_totals('Year');
SELECT fair_plan('Year2', -1234567.89) AS r \gset
SELECT count(*) FROM split_target(:r, '{quarter}');
SELECT count(*) FROM split_target(:r, '{fair line,fair market}');
SELECT * FROM fair_totals('Year2');
SELECT * FROM plan_check;

-- between them: periods are fair, slices over quarters cannot all be
SELECT fair_plan('Mixed', 1234567.89) AS r \gset
SELECT count(*) FROM split_target(:r, '{quarter,fair line,month}');
SELECT * FROM fair_totals('Mixed') WHERE total = 'period';

-- in a quantum of the call, where the target is a multiple of it
SELECT fair_plan('Coarse', 1234000) AS r \gset
SELECT count(*) FROM split_target(:r, '{fair line,fair market,month}', quantum => 1000);
SELECT * FROM fair_totals('Coarse', 1000) WHERE total = 'period';
SELECT * FROM plan_check;
-- and small: a unit for every tenth of the parts
SELECT fair_plan('Small', 0.93) AS r \gset
SELECT count(*) FROM split_target(:r, '{fair line,fair market,month}');
SELECT * FROM fair_totals('Small');
SELECT fair_plan('None', 0) AS r \gset
SELECT count(*), sum(amount) FROM split_target(:r, '{fair line,month}');

-- some slices are split further than others
SELECT fair_plan('Uneven', 500000) AS r \gset
SELECT count(*) FROM split_target(:r, '{fair line}');
SELECT count(*) FROM split_target(find_target('Uneven', 'fair sales', '{"fair line": "L3"}'), '{fair market}', method => 'equal');
SELECT count(*) FROM split_target(:r, '{month}', method => 'days');
SELECT * FROM fair_totals('Uneven') WHERE total = 'period';
SELECT * FROM plan_check;

-- equal shares: no month of the company is ahead of another by more than a cent
SELECT fair_plan('Equal', 100) AS r \gset
SELECT count(*) FROM split_target(:r, '{fair line,month}', method => 'equal');
SELECT amount, count(*) FROM kpi_cut('Equal', 'fair sales', '{month}') GROUP BY 1 ORDER BY 1;

-- the same whatever order the rows are in
CREATE TABLE fair_before AS SELECT t.slice, t.period, t.amount FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'Fair';
CREATE TABLE fair_shuffled AS SELECT * FROM fair_sales ORDER BY md5(sold_on || line || market || amount);
ALTER TABLE fair_sales RENAME TO fair_old;
ALTER TABLE fair_shuffled RENAME TO fair_sales;
SELECT unsplit_target(root_target('Fair', 'fair sales')) > 0 AS gone;
SELECT count(*) FROM split_target(root_target('Fair', 'fair sales'), '{fair line,fair market,quarter,month}');
SELECT count(*) FROM (SELECT t.slice, t.period, t.amount FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'Fair'
	EXCEPT SELECT * FROM fair_before) AS different;

-- and whatever ids the targets have that are split
SELECT fair_plan('Forth', 700.07) AS r \gset
SELECT count(*) FROM split_target(:r, '{fair line}', method => 'equal');
SELECT fair_plan('Back', 700.07) AS back \gset
INSERT INTO target (lineage_id, plan_id, metric_id, parent_id, member_id, level, slice, period, depth, amount)
SELECT t.lineage_id + 1000000, b.plan_id, t.metric_id, b.target_id, t.member_id, t.level, t.slice, t.period, t.depth, t.amount
FROM target t, target b WHERE t.parent_id = :r AND b.target_id = :back ORDER BY t.slice ->> 'fair line' DESC;
SELECT count(*) FROM split_target(:r, '{month}', method => 'equal');
SELECT count(*) FROM split_target(:back, '{month}', method => 'equal');
SELECT count(*) FROM (SELECT t.slice, t.period, t.amount FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'Forth'
	EXCEPT SELECT t.slice, t.period, t.amount FROM target t JOIN plan p USING (plan_id) WHERE p.family = 'Back') AS different;

-- split again: totals stay fair, and a second time there is nothing to do
SELECT count(*) FROM preview_resplit(root_target('Fair', 'fair sales'), amount => 1300000.01);
SELECT count(*) > 0 AS changed FROM resplit_target(root_target('Fair', 'fair sales'), amount => 1300000.01);
SELECT * FROM fair_totals('Fair') WHERE total = 'period';
SELECT count(*) FROM resplit_target(root_target('Fair', 'fair sales'));
SELECT * FROM plan_check;
-- with a locked month each block is rounded by itself; sums are exact
SELECT count(*) FROM lock_target(plan => 'Fair', metric => 'fair sales', slice => '{"fair line": "L1", "fair market": "M01"}', period => '[2024-03-01,2024-04-01)');
SELECT count(*) > 0 AS changed FROM resplit_target(root_target('Fair', 'fair sales'), amount => 1100000);
SELECT * FROM plan_check;

-- a total that was changed behind the guard's back is found
BEGIN;
SET LOCAL session_replication_role = replica;
-- a unit more in each slice's February, less in its March: the quarters stay what they are
UPDATE target t SET amount = amount + CASE WHEN lower(t.period) = '2024-02-01' THEN 0.01 ELSE -0.01 END
FROM plan p WHERE p.plan_id = t.plan_id AND p.family = 'Two' AND t.level = 'month' AND lower(t.period) IN ('2024-02-01', '2024-03-01');
SELECT promise, count(*), regexp_replace(min(problem), '\d+', 'N', 'g') AS problem FROM plan_check
WHERE problem ~ 'is one of' GROUP BY promise;
ROLLBACK;

-- random trees, amounts and orders of the levels
CREATE FUNCTION fair_random(n int) RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
	orders text[] := ARRAY['{fair line,month}', '{fair market,fair line,quarter,month}', '{half,fair market}',
						   '{month,fair line,fair market}', '{fair line,month,week}', '{fair line,half,fair market,month}'];
	methods text[] := ARRAY['history', 'equal', 'shrunk'];
	unfair bigint := 0;
	root bigint;
BEGIN
	FOR i IN 1..n LOOP
		root := fair_plan('Random ' || i, round((i * 7727 % 9973) * (10 ^ (i % 7 - 3))::numeric, 2));
		PERFORM split_target(root, orders[i % 6 + 1]::text[], method => methods[i % 3 + 1]);
		SELECT unfair + count(*) INTO unfair FROM fair_totals('Random ' || i) f
		WHERE f.n_unfair > 0 AND NOT (i % 6 = 5 AND f.total = 'slice');
	END LOOP;
	RETURN unfair;
END
$$;
SELECT fair_random(60);
SELECT count(*) FROM plan_check;
