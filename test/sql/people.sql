-- Who owns what: rules, their ranks, ties; the owner in target_tree is the one
-- in responsibility_matrix.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
SET search_path = public, target_split;
SET datestyle = ISO;
SELECT add_metric('sales', unit => 'EUR') > 0 AS added, add_dimension('market', levels => '{town}') > 0 AS market,
	add_dimension('prod') > 0 AS prod, add_dimension('seller', persons => true) > 0 AS seller;
SELECT count(add_member('market', m)) FROM unnest('{E,W}'::text[]) m;
SELECT count(add_member('market', t[2], ARRAY[t[1]])) FROM (VALUES ('{E,Xi}'::text[]), ('{E,W}'), ('{W,Ab}')) v (t);
SELECT count(add_member('prod', p)) FROM unnest('{x,y}'::text[]) p;
SELECT count(add_member('seller', p)) FROM unnest('{Sue,Tom}'::text[]) p;
SELECT create_plan('P', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('P', 'sales', amount => 1000) > 0 AS set;
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{market,prod,town,half}', method => 'equal');
CREATE VIEW owners AS
SELECT t.slice, COALESCE(string_agg(DISTINCT m.person, ', '), '-') AS owner, string_agg(DISTINCT m.rule_slice::text, ', ') AS rule,
	string_agg(DISTINCT m.tied_with, '; ') AS tied_with, count(DISTINCT m.target_id) AS targets
FROM target t LEFT JOIN responsibility_matrix m ON m.target_id = t.target_id AND m.role = 'A'
GROUP BY t.slice ORDER BY t.slice;
-- the two views differ
CREATE VIEW differ AS
SELECT t.target_id, t.slice, t.period, t.owner, m.owner AS in_matrix
FROM target_tree t LEFT JOIN (SELECT target_id, string_agg(person, ', ') AS owner FROM responsibility_matrix WHERE role = 'A' GROUP BY 1) m USING (target_id)
WHERE t.owner IS DISTINCT FROM m.owner;

SELECT * FROM owners WHERE owner <> '-';
-- two equally specific rules: the one assigned last, and that there was a tie
SELECT assign('P', '{"market": "E"}', 'Ann') > 0 AS assigned, assign('P', '{"prod": "x"}', 'Ben') > 0 AS assigned_later;
SELECT * FROM owners;
SELECT count(*), count(DISTINCT target_id) FROM responsibility_matrix WHERE role = 'A';
SELECT * FROM differ;
-- deeper levels and more dimensions win, whenever they were assigned
SELECT assign('P', '{"market": "E", "prod": "x"}', 'Eve') > 0 AS both, assign('P', '{"market": ["E", "W"]}', 'Una') > 0 AS town, assign('P', '{}', 'Zoe') > 0 AS everything;
SELECT * FROM owners;
SELECT * FROM differ;
-- R, C and I: all persons of the rule that wins, and of no other
SELECT assign('P', '{"prod": "x"}', r.person, r.role) > 0 AS assigned FROM (VALUES ('Kim', 'R'), ('Lee', 'R'), ('Lee', 'C')) r (person, role);
SELECT assign('P', '{"market": "E"}', 'Mia', role => 'R') > 0 AS assigned;
SELECT DISTINCT slice, role, person, rule_slice, tied_with FROM responsibility_matrix
WHERE role <> 'A' AND slice IN ('{"market": "E"}', '{"market": "W", "prod": "x"}', '{"market": "E", "prod": "x"}') ORDER BY 1, 2, 3;
-- of two rules that follow each other in time each has its days
SELECT assign('P', '{"market": "Ab"}', 'Old', to_day => '2024-06-30') > 0 AS assigned, assign('P', '{"market": "Ab"}', 'New', from_day => '2024-07-01') > 0 AS assigned;
SELECT DISTINCT period, owner FROM target_tree WHERE slice @> '{"market": "Ab"}' AND level = 'half' ORDER BY 1;
SELECT * FROM differ;

-- of persons: the own member, unless a rule names it
SELECT create_plan('S', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('S', 'sales', amount => 1000) > 0 AS set;
SELECT count(*) FROM split_target(root_target('S', 'sales'), '{market,seller}', method => 'equal');
SELECT assign('S', '{"market": "E"}', 'Ann') > 0 AS assigned, assign('S', '{"seller": "Tom"}', 'Uli') > 0 AS assigned;
SELECT slice, owner FROM target_tree WHERE plan = 'S' ORDER BY slice;
SELECT * FROM differ;
SELECT role, person, rule_slice, rank_person, n_dimensions, n_levels FROM slice_responsibility
WHERE slice = '{"market": "E", "seller": "Tom"}' ORDER BY role, rank_person DESC;

-- the rules of one plan are none of another's
SELECT create_plan('Q', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('Q', 'sales', amount => 1000) > 0 AS set;
SELECT plan, owner FROM target_tree WHERE depth = 0 ORDER BY plan;

-- what is not asked for is not worked out: the rules of one slice are looked up
CREATE FUNCTION lookups(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON) ' || query INTO plan;
	RETURN (SELECT sum((p ->> 'Actual Loops')::bigint) FROM jsonb_path_query(plan, 'strict $.** ? (@."Function Name" == "jsonb_each")') p);
END $$;
SET jit = off;
SELECT lookups('SELECT owner FROM target_tree WHERE plan_family = ''P'' AND depth <= 0');

SET client_min_messages = error;
DROP VIEW owners, differ;
DROP FUNCTION lookups;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
