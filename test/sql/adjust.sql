-- Holding targets and changing their amounts: lock_target, adjust_target.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
SET search_path = public, target_split;
SET datestyle = ISO;

SELECT add_metric('sales', unit => 'EUR') > 0 AS added, add_dimension('market', levels => '{town}') > 0 AS added, add_dimension('type') > 0 AS added;
SELECT count(add_member('market', m)) FROM unnest('{East,West}'::text[]) m;
SELECT count(add_member('market', t, parent => ARRAY[m])) FROM (VALUES ('Xi', 'East'), ('Yu', 'East'), ('Ab', 'West')) v (t, m);
SELECT count(add_member('type', t)) FROM unnest('{key,small}'::text[]) t;
SELECT create_plan('P', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('P', 'sales', amount => 1200) > 0 AS set;
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{type,market,quarter,month}', method => 'equal');
CREATE VIEW t AS SELECT target_id, parent_id, depth, level, slice, period, amount, n_children, locked FROM target;

-- ------------------------------------------------------------------- locks
-- the first quarter is closed: that quarter of every slice, and the months in it
SELECT level, slice, period, amount, locked FROM lock_target(plan => 'P', metric => 'sales', period => '[2024-01-01,2024-04-01)', reason => 'closed');
SELECT count(*), count(*) FILTER (WHERE locked), bool_and(locked = (period <@ '[2024-01-01,2024-04-01)'::daterange)) AS just_these FROM t;
SELECT DISTINCT operation, reason, old_row -> 'locked' AS locked FROM revision;
-- what is locked already is not changed again
SELECT count(*) FROM lock_target(plan => 'P', metric => 'sales', period => '[2024-01-01,2024-04-01)');
-- leaves only; a member names what is under it, the deepest level too
SELECT level, slice, period FROM unlock_target(plan => 'P', metric => 'sales', slice => '{"market": "West", "type": "key"}', scope => 'leaves');
SELECT level, slice, period FROM unlock_target(plan => 'P', metric => 'sales', slice => '{"type": "key"}');
SELECT level, slice, period FROM unlock_target(root_target('P', 'sales')) ORDER BY slice, level DESC, period LIMIT 3;
SELECT level, slice, period, locked FROM lock_target(find_target('P', 'sales', '{"type": "small"}'), scope => 'target');
SELECT count(*) FROM t WHERE locked;
SELECT count(*) FROM unlock_target(plan => 'P', metric => 'sales');
-- a slice that the tree does not reach; one that it reaches in part only
SELECT * FROM lock_target(plan => 'P', metric => 'sales', slice => '{"market": "Xi"}');
SET client_min_messages = notice;
SELECT count(*) FROM split_target(find_target('P', 'sales', '{"type": "key", "market": "East"}', '[2024-01-01,2024-02-01)'), '{town}', method => 'equal');
SELECT level, slice, period FROM lock_target(plan => 'P', metric => 'sales', slice => '{"type": "key", "market": "Xi"}', period => '[2024-01-01,2024-03-01)');
SELECT level, slice, period FROM unlock_target(plan => 'P', metric => 'sales', slice => '{"type": "key", "market": "East"}', period => '[2024-01-01,2024-02-01)');
SET client_min_messages = warning;
SELECT * FROM lock_target(plan => 'P', metric => 'sales', period => '[2025-01-01,2026-01-01)');
SELECT * FROM lock_target(plan => 'P', metric => 'sales', slice => '{"market": "North"}');
SELECT * FROM lock_target(plan => 'P', metric => 'sales', period => 'empty');
SELECT * FROM lock_target(plan => 'P', metric => 'sales', slice => NULL);
SELECT * FROM lock_target(0);
SELECT * FROM lock_target();
SELECT * FROM lock_target(1, plan => 'P');
SELECT * FROM lock_target(plan => 'P');
SELECT * FROM lock_target(plan => 'P', metric => 'sales', scope => 'all');
SELECT * FROM plan_check;

-- ------------------------------------------------ adjust: siblings, up, down
SELECT unsplit_target(root_target('P', 'sales'));
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{type,market,quarter,month}', method => 'equal');
-- siblings absorb by their present amounts, the parent stays
SELECT level, slice, period, amount_before, amount_after, difference, role
FROM adjust_target(find_target('P', 'sales', '{"type": "key", "market": "East"}', '[2024-01-01,2024-02-01)'), add => 10, reason => 'a new shop');
SELECT level, period, amount_before, amount_after, role
FROM adjust_target(plan => 'P', metric => 'sales', slice => '{"type": "key", "market": "East"}', period => '[2024-02-01,2024-03-01)', growth => -0.5);
SELECT amount_before, amount_after, reason FROM revision WHERE reason IS NOT NULL AND amount_after <> amount_before ORDER BY revision_id DESC;
-- up to the quarter, whose siblings absorb; up to the root; to a target by its id
SELECT level, period, amount_before, amount_after, role
FROM adjust_target(find_target('P', 'sales', '{"type": "key", "market": "East"}', '[2024-01-01,2024-02-01)'), add => -10.01, absorb => 'quarter');
SELECT level, slice, period, amount_before, amount_after, role
FROM adjust_target(find_target('P', 'sales', '{"type": "key", "market": "East"}', '[2024-01-01,2024-02-01)'), amount => 30, absorb => 'root');
SELECT level, slice, period, amount_before, amount_after, role
FROM preview_adjust(find_target('P', 'sales', '{"type": "key", "market": "East"}', '[2024-01-01,2024-02-01)'), amount => 40,
	absorb => find_target('P', 'sales', '{"type": "key"}')::text) WHERE depth < 3 OR role <> 'below';
-- several at once, with one change: all of January, up to the root
SELECT level, slice, amount_before, amount_after, role
FROM adjust_target(plan => 'P', metric => 'sales', period => '[2024-01-01,2024-02-01)', growth => 0.1, absorb => 'root') WHERE depth IN (0, 1, 4);
-- ... and beside it, each under its own parent
SELECT level, slice, period, difference, role
FROM adjust_target(plan => 'P', metric => 'sales', slice => '{"market": "West"}', period => '[2024-01-01,2024-04-01)', add => -0.05, absorb => 'quarter');
SELECT * FROM plan_check;
-- nothing to do, nothing written
CREATE TEMP TABLE revisions AS SELECT count(*) AS n FROM revision;
SELECT * FROM adjust_target(root_target('P', 'sales'), growth => 0, absorb => 'root');
SELECT count(*) - (SELECT n FROM revisions) AS new FROM revision;
-- a preview writes nothing, and is what is done
BEGIN READ ONLY;
SELECT count(*) FROM preview_adjust(root_target('P', 'sales'), growth => 0.0371, absorb => 'root');
ROLLBACK;
CREATE TEMP TABLE before AS SELECT target_id, amount FROM target;
CREATE TEMP TABLE previewed AS SELECT * FROM preview_adjust(root_target('P', 'sales'), growth => 0.0371, absorb => 'root');
SELECT count(*) AS changed FROM before b JOIN target t USING (target_id) WHERE t.amount <> b.amount;
CREATE TEMP TABLE done AS SELECT * FROM adjust_target(root_target('P', 'sales'), growth => 0.0371, absorb => 'root');
SELECT count(*), (SELECT count(*) FROM (TABLE done EXCEPT TABLE previewed) x) AS different FROM done;
SELECT count(*) AS wrong FROM done d JOIN before b USING (target_id) JOIN target t USING (target_id)
WHERE d.amount_before <> b.amount OR d.amount_after <> t.amount OR d.difference <> t.amount - b.amount;
SELECT count(*) AS silent FROM before b JOIN target t USING (target_id) WHERE t.amount <> b.amount AND target_id NOT IN (SELECT target_id FROM done);
-- every node on every level is the floor or the ceiling of its own exact share
SELECT count(*) AS unfair FROM before b JOIN target t USING (target_id),
	(SELECT b.amount AS before, t.amount AS after FROM before b JOIN target t USING (target_id) WHERE depth = 0) r
WHERE abs(t.amount * r.before - b.amount * r.after) >= 0.01 * r.before;
-- what a call says
SELECT * FROM adjust_target(root_target('P', 'sales'), amount => 1, growth => 1);
SELECT * FROM adjust_target(root_target('P', 'sales'));
SELECT * FROM adjust_target(root_target('P', 'sales'), growth => 0.1);
SELECT * FROM adjust_target(root_target('P', 'sales'), growth => -1.1, absorb => 'root');
SELECT * FROM adjust_target(root_target('P', 'sales'), growth => 'NaN', absorb => 'root');
SELECT * FROM adjust_target(root_target('P', 'sales'), amount => 'Infinity', absorb => 'root');
SELECT * FROM adjust_target(root_target('P', 'sales'), add => 0.001, absorb => 'root');
SELECT * FROM adjust_target(root_target('P', 'sales'), amount => 1e40, absorb => 'root');
SELECT * FROM adjust_target(find_target('P', 'sales', '{"type": "key"}'), add => 1, absorb => 'month');
SELECT * FROM adjust_target(find_target('P', 'sales', '{"type": "key"}'), add => 1, absorb => '999');
SELECT * FROM adjust_target(find_target('P', 'sales', '{"type": "key"}'), add => 1, absorb => NULL);
SELECT * FROM adjust_target(find_target('P', 'sales', '{"type": "key"}'), add => 1, on_zero => 'x');
SELECT * FROM adjust_target(find_target('P', 'sales', '{"type": "key"}'), add => 1, on_negative => 'x');
SELECT * FROM adjust_target(find_target('P', 'sales', '{"type": "key"}'), add => 1, keep_locks => NULL);
SELECT * FROM adjust_target(find_target('P', 'sales', '{"type": "key"}'), add => 10000);
SELECT * FROM adjust_target(plan => 'P', metric => 'sales', slice => '{"type": "key"}', add => 1, carried_by => '{"type": "nobody"}');
SELECT * FROM adjust_target(0, add => 1);
SELECT * FROM preview_adjust(plan => 'P', metric => 'sales', period => '[2024-01-01,2024-04-01)', add => 1, absorb => 'siblings') WHERE role = 'adjusted';

-- -------------------------------------------------- locks, bounds and carriers
SELECT count(*) FROM lock_target(plan => 'P', metric => 'sales', period => '[2024-01-01,2024-04-01)', reason => 'closed');
CREATE TEMP TABLE closed AS SELECT target_id, amount FROM target WHERE locked;
-- key accounts plus 5 %, three months locked: the other nine carry it, beside them and below
SELECT level, slice, period, amount_before, amount_after, role
FROM adjust_target(find_target('P', 'sales', '{"type": "key"}'), growth => 0.05) WHERE level <> 'month';
-- the company plus 5 %, carried by key accounts alone
SELECT level, slice, period, amount_before, amount_after, role
FROM adjust_target(root_target('P', 'sales'), growth => 0.05, absorb => 'root', carried_by => '{"type": "key"}') WHERE level <> 'month';
-- siblings absorb with a part of theirs alone
SELECT level, slice, period, difference, role
FROM adjust_target(plan => 'P', metric => 'sales', slice => '{"type": "key"}', period => '[2024-04-01,2025-01-01)', add => 1, absorb => 'type', carried_by => '{"market": "West"}') WHERE level <> 'month';
SELECT count(*) AS moved FROM closed c JOIN target t USING (target_id) WHERE t.amount <> c.amount;
SELECT * FROM plan_check;
-- impossible, and why
SELECT * FROM adjust_target(find_target('P', 'sales', '{"type": "key", "market": "East"}', '[2024-01-01,2024-02-01)'), add => 1);
SELECT * FROM adjust_target(plan => 'P', metric => 'sales', period => '[2024-01-01,2024-02-01)', add => 1, absorb => 'root');
SELECT slice, amount_after FROM adjust_target(find_target('P', 'sales', '{"type": "key"}'), amount => 100, absorb => 'root') WHERE depth = 1;
SELECT * FROM lock_target(root_target('P', 'sales'), scope => 'target', reason => 'the board said so') \gx
SELECT * FROM adjust_target(find_target('P', 'sales', '{"type": "key"}'), add => 1, absorb => 'root');
SELECT * FROM adjust_target(root_target('P', 'sales'), add => 1, absorb => 'root');
-- unless the call says that locks do not hold: they are opened, and closed again
SELECT level, slice, period, difference FROM adjust_target(find_target('P', 'sales', '{"type": "key", "market": "East"}', '[2024-01-01,2024-02-01)'),
	add => 1, absorb => 'root', keep_locks => false, reason => 'an error in January');
SELECT count(*) FILTER (WHERE t.amount <> c.amount) AS moved, bool_and(t.locked) AS locked FROM closed c JOIN target t USING (target_id);
SELECT count(*), count(DISTINCT target_id), min(reason) FROM revision WHERE reason LIKE 'an error%';
SELECT count(*) FROM unlock_target(root_target('P', 'sales'));
-- bounds of leaves and of inner nodes, of both kinds
UPDATE target SET at_most = amount + 1 WHERE level = 'market' AND slice = '{"type": "key", "market": "East"}';
UPDATE target SET at_least = amount - 0.005 WHERE level = 'month' AND slice = '{"type": "small", "market": "West"}' AND period = '[2024-05-01,2024-06-01)';
UPDATE target SET stretch_amount = amount + 2 WHERE level = 'type' AND slice = '{"type": "small"}';
SELECT level, slice, period, difference, role FROM adjust_target(root_target('P', 'sales'), add => 10, absorb => 'root') WHERE depth < 3;
SELECT level, slice, period, difference, role FROM adjust_target(find_target('P', 'sales', '{"type": "small", "market": "West"}'), add => -10, absorb => 'root') WHERE depth < 4 OR period = '[2024-05-01,2024-06-01)';
SELECT * FROM adjust_target(find_target('P', 'sales', '{"type": "key", "market": "West"}'), add => -10, absorb => 'siblings');
SELECT * FROM adjust_target(find_target('P', 'sales', '{"type": "small", "market": "West"}', '[2024-05-01,2024-06-01)'), add => -1, absorb => 'root');
SELECT * FROM adjust_target(find_target('P', 'sales', '{"type": "key", "market": "East"}', '[2024-05-01,2024-06-01)'), add => 2, absorb => 'root');
SELECT * FROM plan_check;

-- ------------------------------------------------------------ published examples
SELECT add_metric('units', unit => 'pieces', quantum => 0.01) > 0 AS added, add_dimension('part') > 0 AS added;
SELECT count(add_member('part', m)) FROM unnest('{a,b,c,d}'::text[]) m;
CREATE FUNCTION pg_temp.parts(name text, amounts jsonb) RETURNS bigint LANGUAGE sql AS $$
	SELECT create_plan(name, period => '[2024-01-01,2025-01-01)');
	SELECT set_target(name, 'units', amount => (SELECT sum(value::numeric) FROM jsonb_each_text(amounts)));
	SELECT count(*) FROM split_target(root_target(name, 'units'), '{part}', method => 'amounts', weights => amounts)
$$;
CREATE VIEW part AS SELECT p.family AS plan, t.target_id, slice ->> 'part' AS part, amount FROM target t JOIN plan p USING (plan_id) WHERE level = 'part';
-- Anaplan, breakback with a hold: 10, 20, 30, February held, 100 -> 20, 20, 60
SELECT pg_temp.parts('hold', '{"a": 10, "b": 20, "c": 30}');
SELECT count(*) FROM lock_target(plan => 'hold', metric => 'units', slice => '{"part": "b"}');
SELECT slice ->> 'part' AS part, amount_after FROM adjust_target(root_target('hold', 'units'), amount => 100, absorb => 'root');
-- ... and the total held at 60: January to 20 -> 20, 16, 24
SELECT pg_temp.parts('held', '{"a": 10, "b": 20, "c": 30}');
SELECT slice ->> 'part' AS part, amount_after FROM adjust_target(plan => 'held', metric => 'units', slice => '{"part": "a"}', amount => 20);
-- Infor: 1000, 600, 400 to 3000 -> 1500, 900, 600
SELECT pg_temp.parts('infor', '{"a": 1000, "b": 600, "c": 400}');
SELECT slice ->> 'part' AS part, amount_after FROM adjust_target(root_target('infor', 'units'), amount => 3000, absorb => 'root');
-- TM1: % adjustments move away from zero
SELECT pg_temp.parts('signs', '{"a": 1000, "b": -1000}');
SELECT slice ->> 'part' AS part, amount_after FROM adjust_target(plan => 'signs', metric => 'units', slice => '{"part": "b"}', growth => 0.02, absorb => 'root');
SELECT slice ->> 'part' AS part, amount_after FROM adjust_target(plan => 'signs', metric => 'units', slice => '{"part": "a"}', growth => 0.02, absorb => 'root');
SELECT slice ->> 'part' AS part, amount_after FROM adjust_target(root_target('signs', 'units'), growth => 0.5, absorb => 'root');
-- Board: 0.1, 0.1, 0.1, -0.3 to a total of 100
SELECT pg_temp.parts('board', '{"a": 0.1, "b": 0.1, "c": 0.1, "d": -0.3}');
SELECT * FROM adjust_target(root_target('board', 'units'), amount => 100, absorb => 'root');
SELECT slice ->> 'part' AS part, amount_after FROM adjust_target(root_target('board', 'units'), amount => 100, absorb => 'root', on_negative => 'absolute');
-- locks and a cap: 100, 200, 300, 400 to 1100, b locked, d at most 450, or 420, to the cent
SELECT pg_temp.parts('cap450', '{"a": 100, "b": 200, "c": 300, "d": 400}'), pg_temp.parts('cap420', '{"a": 100, "b": 200, "c": 300, "d": 400}');
SELECT count(*) FROM lock_target(plan => 'cap450', metric => 'units', slice => '{"part": "b"}') a, lock_target(plan => 'cap420', metric => 'units', slice => '{"part": "b"}') b;
UPDATE target SET at_most = CASE plan WHEN 'cap450' THEN 450 ELSE 420 END FROM part WHERE part.target_id = target.target_id AND part = 'd' AND plan LIKE 'cap%';
SELECT slice ->> 'part' AS part, amount_after FROM preview_adjust(root_target('cap450', 'units'), amount => 1100, absorb => 'root');
SELECT slice ->> 'part' AS part, amount_after FROM preview_adjust(root_target('cap420', 'units'), amount => 1100, absorb => 'root');
SELECT slice ->> 'part' AS part, amount_after FROM adjust_target(root_target('cap420', 'units'), amount => 1100.01, absorb => 'root');
-- infeasible: caps 110, 310, 410 and the lock leave 1030, 70 short
SELECT pg_temp.parts('short', '{"a": 100, "b": 200, "c": 300, "d": 400}');
UPDATE target SET at_most = target.amount + 10, locked = part = 'b' FROM part WHERE part.target_id = target.target_id AND plan = 'short';
SELECT * FROM adjust_target(root_target('short', 'units'), amount => 1100, absorb => 'root');
-- zeros stay zeros; nothing but zeros has no shares
SELECT pg_temp.parts('zeros', '{"a": 10, "b": 0, "c": 0, "d": 0}');
SELECT * FROM adjust_target(plan => 'zeros', metric => 'units', slice => '{"part": "a"}', add => -1);
SELECT count(*) FROM lock_target(plan => 'zeros', metric => 'units', slice => '{"part": "d"}');
SELECT slice ->> 'part' AS part, amount_after FROM adjust_target(plan => 'zeros', metric => 'units', slice => '{"part": "a"}', add => -1, on_zero => 'equal');
SELECT slice ->> 'part' AS part, amount_after FROM adjust_target(root_target('zeros', 'units'), amount => 0, absorb => 'root');
SELECT * FROM adjust_target(root_target('zeros', 'units'), amount => -100, absorb => 'root');
SELECT slice ->> 'part' AS part, amount_after FROM adjust_target(root_target('zeros', 'units'), amount => -100, absorb => 'root', on_zero => 'equal');
-- another sign for all
SELECT slice ->> 'part' AS part, amount_after FROM adjust_target(root_target('zeros', 'units'), amount => 50, absorb => 'root');
SELECT * FROM plan_check;
-- a quarter that would absorb, and two of its months; all children adjusted
SELECT * FROM adjust_target(plan => 'P', metric => 'sales', slice => '{}', period => '[2024-01-01,2024-12-31)', add => 1);
SELECT pg_temp.parts('one', '{"a": 100}');
SELECT * FROM adjust_target(plan => 'one', metric => 'units', slice => '{"part": "a"}', add => 1);
SELECT slice ->> 'part' AS part, difference, role FROM adjust_target(plan => 'one', metric => 'units', slice => '{"part": "a"}', add => 1, absorb => 'root');

-- ------------------------------------------------------------ against brute force
-- Siblings with locks and caps: all that are not held change at one rate; those
-- that are held could not follow it; and an error is right where room is short.
SELECT count(add_member('part', 'p' || lpad(n::text, 2, '0'))) FROM generate_series(1, 12) n;
DO $$
DECLARE
	root bigint;
	room numeric;
	wanted numeric;
	rate numeric;
	wrong bigint;
	n_done int := 0;
	n_refused int := 0;
BEGIN
	PERFORM setseed(0.42);
	PERFORM create_plan('force', period => '[2024-01-01,2025-01-01)');
	FOR i IN 1 .. 100 LOOP
		PERFORM set_target('force', 'units', amount => round((101 + random() * 1000)::numeric, 2));
		root := root_target('force', 'units');
		PERFORM split_target(root, '{part}', method => 'weights',
			weights => (SELECT jsonb_object_agg('p' || lpad(n::text, 2, '0'), floor(random() * 20)) FROM generate_series(1, 3 + (random() * 9)::int) n) || '{"p01": 1}');
		UPDATE target SET at_most = CASE WHEN random() < 0.85 THEN amount + round((random() * 30)::numeric, 2) END,
			at_least = CASE WHEN random() < 0.85 THEN amount - round((random() * 30)::numeric, 2) END,
			locked = random() < 0.2
		WHERE parent_id = root;
		wanted := round((random() * 200 - 100)::numeric, 2);
		CREATE TEMP TABLE old ON COMMIT DROP AS SELECT *,
			CASE WHEN locked OR amount = 0 THEN 0
				 WHEN wanted > 0 THEN COALESCE(at_most - amount, 'Infinity')
				 ELSE least(amount, amount - at_least) END AS room FROM target WHERE parent_id = root;
		SELECT sum(o.room) INTO room FROM old o;
		BEGIN
			PERFORM adjust_target(root, add => wanted, absorb => 'root');
			n_done := n_done + 1;
			IF room < abs(wanted) THEN RAISE 'should be refused: % of %', wanted, room; END IF;
			-- the rate of those that are free
			SELECT sum(abs(t.amount - o.amount)) / NULLIF(sum(o.amount), 0) INTO rate
			FROM old o JOIN target t USING (target_id) WHERE abs(t.amount - o.amount) < o.room;
			SELECT count(*) INTO wrong FROM old o JOIN target t USING (target_id)
			WHERE sign(t.amount - o.amount) * sign(wanted) < 0
			   OR abs(t.amount - o.amount) > o.room
			   OR abs(t.amount - o.amount) < o.room AND abs(abs(t.amount - o.amount) - rate * o.amount) >= 0.01
			   OR abs(t.amount - o.amount) = o.room AND rate * o.amount < o.room - 0.01;
			IF wrong > 0 THEN RAISE 'wrong shares'; END IF;
		EXCEPTION WHEN object_not_in_prerequisite_state THEN
			n_refused := n_refused + 1;
			IF room >= abs(wanted) AND wanted <> 0 THEN RAISE 'should be done: % of %: %', wanted, room, SQLERRM; END IF;
		END;
		DROP TABLE old;
		UPDATE target SET locked = false WHERE parent_id = root;
		PERFORM unsplit_target(root);
	END LOOP;
	RAISE INFO '%', CASE WHEN n_done > 30 AND n_refused > 5 THEN 'both came up' ELSE format('%s done, %s refused', n_done, n_refused) END;
END $$;

-- Random sequences in a whole tree: sums exact, locks and bounds kept, nobody
-- else moved, what was asked for done, and all of it told.
SELECT create_plan('R', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('R', 'sales', amount => 98765.43) > 0 AS set;
SELECT count(*) FROM split_target(root_target('R', 'sales'), '{type}', method => 'weights', weights => '{"key": 3, "small": 2}');
SELECT count(*) FROM split_target(root_target('R', 'sales'), '{market}', method => 'weights', weights => '{"East": 3, "West": 1}');
SELECT count(*) FROM split_target(root_target('R', 'sales'), '{quarter,month}', method => 'equal');
SELECT count(*) FROM split_target(find_target('R', 'sales', '{"type": "key", "market": "East"}'), '{town}', method => 'weights', weights => '{"Xi": 5, "Yu": 3}');
CREATE TABLE random_outcome (what text, n int);
DO $$
DECLARE
	plan_no int := (SELECT plan_id FROM plan WHERE family = 'R');
	node target;
	wanted numeric;
	named_ids bigint[];
	mode text;
	wrong text;
BEGIN
	PERFORM setseed(0.4242);
	FOR i IN 1 .. 250 LOOP
		SELECT * INTO node FROM target WHERE plan_id = plan_no ORDER BY md5(target_id::text || i) LIMIT 1;
		CREATE TEMP TABLE old ON COMMIT DROP AS SELECT * FROM target WHERE plan_id = plan_no;
		mode := (ARRAY['siblings', 'root', 'type', 'market', 'quarter', 'town'])[1 + floor(random() * 6)];
		wanted := round((node.amount * (random() - 0.5) * (random() ^ 3) * 2)::numeric, 2);
		BEGIN
			CASE floor(random() * 10)
			WHEN 0 THEN PERFORM lock_target(node.target_id, scope => (ARRAY['subtree', 'target', 'leaves'])[1 + floor(random() * 3)]);
			WHEN 1, 2 THEN PERFORM unlock_target(node.target_id);
			WHEN 3 THEN UPDATE target SET at_least = CASE WHEN random() < 0.5 THEN amount * 0.9 END, at_most = CASE WHEN random() < 0.5 THEN amount * 1.1 END
				WHERE plan_id = plan_no AND target_id = node.target_id;
			ELSE
				CREATE TEMP TABLE told ON COMMIT DROP AS SELECT * FROM
					adjust_target(CASE WHEN i % 3 = 0 THEN node.target_id END, CASE WHEN i % 3 > 0 THEN 'R' END, CASE WHEN i % 3 > 0 THEN 'sales' END,
								  CASE WHEN i % 2 = 0 THEN node.slice ELSE '{}' END, node.period, add => wanted, absorb => mode);
				named_ids := ARRAY(SELECT target_id FROM told WHERE role = 'adjusted');
				SELECT string_agg(w, ', ') INTO wrong FROM (
					SELECT 'a locked one' AS w FROM old o JOIN target t USING (plan_id, target_id) WHERE o.locked AND t.amount <> o.amount
					UNION ALL SELECT 'an unlocked one' FROM old o JOIN target t USING (plan_id, target_id) WHERE o.locked <> t.locked
					UNION ALL SELECT 'not told' FROM old o JOIN target t USING (plan_id, target_id) LEFT JOIN told USING (target_id)
						WHERE t.amount IS DISTINCT FROM COALESCE(told.amount_after, o.amount) OR o.amount <> COALESCE(told.amount_before, o.amount) OR told.difference = 0
					UNION ALL SELECT 'not what was asked for' WHERE wanted <> (SELECT COALESCE(sum(difference), 0) FROM told WHERE role = 'adjusted')
					UNION ALL SELECT 'sign' FROM old o JOIN target t USING (plan_id, target_id) WHERE o.amount * t.amount < 0 OR (o.amount = 0) <> (t.amount = 0) AND o.amount = 0
					UNION ALL SELECT 'root' WHERE mode <> 'root' AND EXISTS (SELECT FROM told WHERE depth = 0)
					UNION ALL SELECT 'absorbed' WHERE mode = 'root' AND EXISTS (SELECT FROM told WHERE role = 'absorbed')
					UNION ALL SELECT 'sum' FROM target p JOIN target c ON c.plan_id = p.plan_id AND c.parent_id = p.target_id WHERE p.plan_id = plan_no
						GROUP BY p.target_id, p.amount HAVING sum(c.amount) <> p.amount) x;
				IF wrong IS NOT NULL THEN RAISE 'step %, target %, %, %: %', i, node.target_id, mode, wanted, wrong; END IF;
				INSERT INTO random_outcome VALUES ('adjusted', cardinality(named_ids));
				DROP TABLE told;
			END CASE;
		EXCEPTION WHEN object_not_in_prerequisite_state THEN
			INSERT INTO random_outcome VALUES ('refused', 0);
		WHEN invalid_parameter_value THEN
			INSERT INTO random_outcome VALUES ('no such level', 0);
		END;
		DROP TABLE old;
	END LOOP;
END $$;
SELECT what, count(*) > 20 AS came_up, max(n) FROM random_outcome GROUP BY 1 ORDER BY 1;
SELECT * FROM plan_check;

-- ------------------------------------------------------------ over-assignment
-- 100 -> 105 -> 110, relative to the company; and 5 % and 10 % per level, 115.50
SELECT create_plan('O', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('O', 'units', amount => 100) > 0 AS set;
CREATE TABLE over_weights AS SELECT 'key' AS type, 'East' AS market, 1 AS weight UNION ALL SELECT 'small', 'West', 0;
SELECT count(*) FROM split_target(root_target('O', 'units'), '{type,market}', method => 'weights', weights_from => 'over_weights');
SELECT level, slice, amount, over_assignment FROM over_assign(plan => 'O', metric => 'units', slice => '{"type": "key"}', factor => 0.05, reason => 'a vacancy');
SELECT level, slice, amount, over_assignment FROM over_assign(plan => 'O', metric => 'units', slice => '{"type": "key", "market": "East"}', factor => 110.0 / 105 - 1);
CREATE VIEW over_tree AS SELECT level, slice, amount, round(over_assignment, 4) AS over_assignment, round(cumulative_over_assignment, 4) AS cumulative, assigned_amount
FROM target_tree WHERE plan = 'O' AND amount > 0 ORDER BY depth;
TABLE over_tree;
SELECT count(*) FROM over_assign(plan => 'O', metric => 'units', slice => '{"type": "key", "market": "East"}', factor => 0.10);
TABLE over_tree;
SELECT count(*) FROM over_assign(plan => 'O', metric => 'units', slice => '{"type": "key", "market": "East"}', factor => 0.10);
SELECT over_assignment FROM over_assign(plan => 'O', metric => 'units', slice => '{"type": "key"}');
TABLE over_tree;
SELECT reason, count(*) FROM revision WHERE reason = 'a vacancy' GROUP BY 1;
SELECT * FROM over_assign(root_target('O', 'units'), factor => -1);
SELECT * FROM over_assign(root_target('O', 'units'), factor => 'NaN');
SELECT * FROM plan_check;

-- ----------------------------------------------------------------------- undo
SELECT create_plan('U', period => '[2024-01-01,2025-01-01)') > 0 AS created, set_target('U', 'sales', amount => 1000) > 0 AS set;
SELECT count(*) FROM split_target(root_target('U', 'sales'), '{type,market}', method => 'equal');
SELECT max(split_id) AS first FROM split \gset
SELECT count(*) FROM split_target(root_target('U', 'sales'), '{quarter}', method => 'equal');
SELECT max(split_id) AS second FROM split \gset
CREATE TEMP TABLE undo_before AS SELECT to_jsonb(t) AS target FROM target t WHERE split_id = :first;
-- the first one carries the second
\set VERBOSITY terse
SELECT undo_split(:first);
\set VERBOSITY default
SELECT undo_split(:second, reason => 'months instead');
SELECT (SELECT count(*) FROM undo_before) AS targets, count(*) AS other FROM (SELECT to_jsonb(t) - 'n_children' FROM target t WHERE split_id = :first EXCEPT SELECT target - 'n_children' FROM undo_before) x;
SELECT count(*), min(reason) FROM revision WHERE operation = 'delete' AND (old_row ->> 'split_id')::bigint = :second;
SELECT undo_split(:second);
-- what was changed since, and what was changed and changed back
SELECT count(*) FROM adjust_target(plan => 'U', metric => 'sales', slice => '{"type": "key"}', add => 1);
SELECT count(*) FROM lock_target(plan => 'U', metric => 'sales', slice => '{"type": "small", "market": "East"}');
CREATE FUNCTION pg_temp.why(id bigint) RETURNS TABLE (message text, detail text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM undo_split(id);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	message := regexp_replace(message, '\d+', 'N', 'g');
	detail := regexp_replace(detail, 'target \d+', 'target N', 'g');
	RETURN NEXT;
END $$;
SELECT * FROM pg_temp.why(:first);
SELECT count(*) FROM unlock_target(plan => 'U', metric => 'sales', slice => '{}');
SELECT count(*) FROM adjust_target(plan => 'U', metric => 'sales', slice => '{"type": "key"}', add => -1);
UPDATE target SET at_most = amount WHERE split_id = :first AND n_children = 0 AND slice = '{"type": "key", "market": "East"}';
SELECT * FROM pg_temp.why(:first);
UPDATE target SET at_most = NULL WHERE split_id = :first;
SELECT undo_split(:first, plan => 'U');
SELECT depth, n_children, amount FROM target_tree WHERE plan = 'U';
SELECT undo_split(:first, plan => 'P');
SELECT undo_split(-1);
SELECT undo_split(NULL);
-- a call that changed, made and removed: its revisions carry its key
SELECT count(*) FROM split_target(root_target('U', 'sales'), '{type,market}', method => 'equal');
CREATE TEMP TABLE undo_tree AS SELECT to_jsonb(t) AS target FROM target t JOIN plan p USING (plan_id) WHERE family = 'U';
INSERT INTO split (plan_id, metric_id, target_id, by_levels, method, arguments, n_split, n_created)
SELECT plan_id, metric_id, target_id, '{market}', 'again', '{}', 1, 1 FROM target WHERE target_id = root_target('U', 'sales');
SELECT max(split_id) AS third, max(plan_id) AS plan_no FROM split \gset
SELECT max(revision_id) AS mark FROM revision \gset
WITH gone AS (DELETE FROM target WHERE plan_id = :plan_no AND slice = '{"type": "small", "market": "West"}' RETURNING *),
	 made AS (INSERT INTO target (parent_id, split_id, member_id, lineage_id, plan_id, metric_id, depth, level, period, amount, slice)
			  SELECT parent_id, :third, (SELECT member_id FROM member WHERE code = 'Ab'), 0, plan_id, metric_id, depth, 'town', period, amount - 7, '{"type": "small", "market": "Ab"}' FROM gone)
UPDATE target SET amount = amount + 7, weight = 5 WHERE plan_id = :plan_no AND slice = '{"type": "small", "market": "East"}';
UPDATE revision SET split_id = :third WHERE revision_id > :mark;
SELECT * FROM plan_check WHERE plan = 'U' AND promise NOT IN ('slice', 'siblings');
SELECT undo_split(:third);
SELECT count(*) AS other FROM (SELECT to_jsonb(t) FROM target t WHERE plan_id = :plan_no EXCEPT TABLE undo_tree) x;
SELECT (SELECT count(*) FROM target WHERE plan_id = :plan_no) = (SELECT count(*) FROM undo_tree) AS all_there;
SELECT * FROM plan_check;

DROP VIEW over_tree, part, t;
DROP TABLE over_weights, random_outcome;
RESET search_path;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
