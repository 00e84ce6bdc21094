-- plan_check: every promise that it knows, broken behind the guard's back.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
SET search_path = public, target_split;
SET datestyle = ISO;

-- markets with towns, products; a town that moved
SELECT add_metric('sales', unit => 'EUR') > 0 AS added, add_dimension('market', levels => '{town}') > 0 AS market, add_dimension('product') > 0 AS product;
SELECT count(add_member('market', m)) FROM unnest('{East,West}'::text[]) m;
SELECT count(add_member('market', t[2], ARRAY[t[1]])) FROM (VALUES ('{East,Xi}'::text[]), ('{East,Yu}'), ('{West,Ab}'), ('{West,Cd}')) v (t);
SELECT count(add_member('product', p)) FROM unnest('{bike,bell}'::text[]) p;
SELECT create_plan('P', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('P', 'sales', amount => 1000) > 0 AS set;
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{market,product,town,quarter}', method => 'equal');
SELECT * FROM plan_check;

-- the change is made, what plan_check says of it is shown, and taken back
CREATE FUNCTION broken(change text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	found text[];
BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;
		EXECUTE change;
		found := ARRAY(SELECT format('%s %s: %s', c.promise, count(*), min(c.problem COLLATE "C"))
					   FROM plan_check c GROUP BY c.promise ORDER BY c.promise COLLATE "C");
		RAISE EXCEPTION USING ERRCODE = 'TS000';
	EXCEPTION WHEN SQLSTATE 'TS000' THEN
		NULL;
	END;
	RETURN QUERY SELECT unnest(found);
END $$;
CREATE FUNCTION at(slice jsonb, period daterange DEFAULT '[2024-01-01,2025-01-01)') RETURNS bigint LANGUAGE sql STABLE AS
	'SELECT find_target(''P'', ''sales'', $1, $2)';

-- sums, counters and places
SELECT broken($$UPDATE target_split.target SET amount = amount + 1 WHERE depth = 0$$);
SELECT broken($$UPDATE target_split.target SET n_children = 7 WHERE depth = 0$$);
SELECT broken($$UPDATE target_split.target SET parent_id = 999 WHERE slice = '{"market": "East"}'$$);
SELECT broken($$UPDATE target_split.target SET depth = 5 WHERE slice = '{"market": "East"}'$$);
SELECT broken($$UPDATE target_split.target SET metric_id = 9 WHERE slice = '{"market": "East"}'$$);
SELECT broken($$UPDATE target_split.plan_metric SET quantum = 7$$);
SELECT broken($$DELETE FROM target_split.split$$);

-- the overall target is for all of its plan
SELECT broken($$UPDATE target_split.plan SET period = '[2024-01-01,2025-02-01)'$$);
SELECT broken($$UPDATE target_split.target SET slice = '{"market": "East"}' WHERE depth = 0$$);
SELECT broken($$UPDATE target_split.target SET level = 'year' WHERE depth = 0$$);

-- a level is the name of the member's, or a grain
SELECT broken($$UPDATE target_split.target SET level = 'town' WHERE slice = '{"market": "East"}'$$);
SELECT broken($$UPDATE target_split.target SET level = 'season' WHERE target_id = at('{"market": "Xi", "product": "bike"}', '[2024-01-01,2024-04-01)')$$);
SELECT broken($$UPDATE target_split.target SET level = 'market' WHERE target_id = at('{"market": "Xi", "product": "bike"}', '[2024-01-01,2024-04-01)')$$);
SELECT broken($$UPDATE target_split.dimension_level SET name = 'city' WHERE name = 'town'$$);

-- children of one parent are of one level
SELECT broken($$UPDATE target_split.target SET level = 'month' WHERE target_id = at('{"market": "Xi", "product": "bike"}', '[2024-01-01,2024-04-01)')$$);
SELECT broken($$UPDATE target_split.target SET level = 'product', member_id = (SELECT member_id FROM target_split.member WHERE code = 'bell'),
	slice = '{"product": "bell"}' WHERE slice = '{"market": "East"}' AND depth = 1$$);
-- ... members and time are not mixed
SELECT broken($$UPDATE target_split.target SET level = 'month', member_id = 0, slice = '{}' WHERE slice = '{"market": "East"}' AND depth = 1$$);

-- a member is below the one that a target above has
SELECT broken($$UPDATE target_split.target SET member_id = CASE level WHEN 'town' THEN (SELECT member_id FROM target_split.member WHERE code = 'Ab') ELSE 0 END,
	slice = slice || '{"market": "Ab"}' WHERE slice @> '{"market": "Xi"}'$$);
-- ... nor is one of the same level, be it that one itself
SELECT broken($$UPDATE target_split.target SET member_id = CASE level WHEN 'town' THEN (SELECT member_id FROM target_split.member WHERE code = 'East') ELSE 0 END,
	level = CASE level WHEN 'town' THEN 'market' ELSE level END, slice = slice || '{"market": "East"}' WHERE slice @> '{"market": "Xi"}'$$);
SELECT broken($$UPDATE target_split.target SET member_id = 999 WHERE slice = '{"market": "East"}'$$);
SELECT broken($$UPDATE target_split.target SET slice = '{"market": "West"}' WHERE slice = '{"market": "East"}'$$);
-- a town that moves later was below it when the plan began
BEGIN;
UPDATE member_parent SET valid = '(,2024-07-01)' WHERE member_id = (SELECT member_id FROM member WHERE code = 'Xi');
INSERT INTO member_parent SELECT c.member_id, p.member_id, '[2024-07-01,)' FROM member c, member p WHERE c.code = 'Xi' AND p.code = 'West';
SELECT * FROM plan_check;
-- one that never was is not
UPDATE member_parent SET valid = '(,2023-07-01)' WHERE member_id = (SELECT member_id FROM member WHERE code = 'Xi') AND lower_inf(valid);
SELECT promise, count(*), min(problem) FROM plan_check GROUP BY promise;
ROLLBACK;

-- a weight is the sum of the weights below it in the same split
SELECT broken($$UPDATE target_split.target SET weight = weight + 1 WHERE target_id = at('{"market": "Xi", "product": "bike"}', '[2024-01-01,2024-04-01)')$$);
SELECT broken($$UPDATE target_split.target SET weight = 9 WHERE slice = '{"market": "East", "product": "bike"}'$$);
-- fairness, in a split that nobody has changed since
SELECT broken($$UPDATE target_split.target SET amount = amount + CASE lower(period) WHEN '2024-01-01' THEN 0.02 ELSE -0.02 END
	WHERE level = 'quarter' AND slice = '{"market": "Xi", "product": "bike"}' AND lower(period) < '2024-07-01'$$);

-- periods fill their parent
SELECT broken(format($$UPDATE target_split.target SET period = '[2024-02-01,2024-04-01)' WHERE target_id = %s$$, at('{"market": "Xi", "product": "bike"}', '[2024-01-01,2024-04-01)')));
SELECT broken(format($$UPDATE target_split.target SET period = '[2024-10-01,2024-12-01)' WHERE target_id = %s$$, at('{"market": "Xi", "product": "bike"}', '[2024-10-01,2025-01-01)')));
SELECT broken(format($$UPDATE target_split.target SET period = '[2024-04-01,2024-06-01)' WHERE target_id = %s$$, at('{"market": "Xi", "product": "bike"}', '[2024-04-01,2024-07-01)')));
SELECT broken(format($$UPDATE target_split.target SET period = '[2024-01-01,2025-02-01)' WHERE target_id = %s$$, at('{"market": "East"}')));
-- ... a lone one that begins rightly as well
SELECT create_plan('Y', period => '[2024-01-01,2024-07-01)') > 0 AS created, set_target('Y', 'sales', amount => 10) > 0 AS set;
INSERT INTO target (parent_id, lineage_id, plan_id, metric_id, depth, level, period, amount, slice)
SELECT t.target_id, 0, t.plan_id, t.metric_id, 1, 'half', t.period, t.amount, t.slice FROM target t WHERE t.target_id = root_target('Y', 'sales');
SELECT * FROM plan_check;
SELECT broken($$UPDATE target_split.target SET period = '[2024-01-01,2024-06-01)' WHERE level = 'half'$$);
SELECT broken($$UPDATE target_split.target SET period = '[2024-02-01,2024-07-01)' WHERE level = 'half'$$);

SET client_min_messages = error;
DROP FUNCTION broken, at;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
