# Functions run with the caller's rights, and find nothing that somebody planted.
use strict;
use warnings;

use FindBin ();
use lib $FindBin::RealBin;
use TargetSplitTest;
use Test::More;

my $database = 'ts_roles';
my $path = "SET search_path = public, target_split;\n";
my $odd = 'Odd "Name"';

make_role($_) for 'ts_boss', 'ts_analyst', 'ts_bi', 'ts_nobody', $odd;
make_database($database, 'OWNER ts_boss');
sql($database, company() . <<'SQL');
REVOKE ALL ON orders FROM PUBLIC;
GRANT SELECT ON orders TO ts_boss WITH GRANT OPTION;
SQL
sql($database, <<'SQL', user => 'ts_boss');
CREATE EXTENSION target_split;
CREATE SCHEMA planning;
SQL

# ---------------------------------------------------------------- EXECUTE
my $writers = join ' ', sort qw(add_calendar add_dimension add_member add_metric add_person add_source adjust_target assign calendar_guard create_flat_view
	create_plan evaluate_plan import_members import_targets load_calendar_days lock_target merge_member move_member over_assign rename_member resplit_target retire_member
	set_target split_target target_guard undo_split unlock_target unsplit_target);
is(sql($database, <<'SQL'), $writers, 'functions that write are not for everybody, all others are');
SELECT string_agg(p.proname, ' ' ORDER BY p.proname COLLATE "C") FROM pg_proc p
WHERE p.pronamespace = 'target_split'::regnamespace AND NOT has_function_privilege('ts_nobody', p.oid, 'EXECUTE')
SQL
is(sql($database, <<'SQL'), '', 'nothing runs with other rights than the caller\'s');
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'target_split'::regnamespace AND p.prosecdef
SQL
is(sql($database, <<'SQL'), '', 'a volatile function is a writer, or the preview that gives the writer\'s rows');
SELECT p.proname FROM pg_proc p
WHERE p.pronamespace = 'target_split'::regnamespace AND p.provolatile = 'v' AND p.proname NOT IN ('preview_split', 'preview_resplit')
  AND has_function_privilege('ts_nobody', p.oid, 'EXECUTE')
SQL
sql_fails('a role without rights does not get in', qr/42501: permission denied for schema target_split/, $database,
	'SELECT * FROM target_split.target_tree', user => 'ts_nobody');

# ------------------------------------------- what an analyst needs, and no more
my @all = rows($database, q{SELECT relname FROM pg_class WHERE relnamespace = 'target_split'::regnamespace AND relkind = 'r' ORDER BY relname COLLATE "C"});
my $insert = join ', ', map { "target_split.$_" } grep { $_ ne 'revision' } @all;
my $execute = join ', ', map { "target_split.$_" } grep { $_ ne 'target_guard' } split / /, $writers;
my @grants = (
	"EXECUTE ON FUNCTION $execute",
	'SELECT ON ALL TABLES IN SCHEMA target_split',
	"INSERT ON $insert",
	'UPDATE ON target_split.target',
	'DELETE ON target_split.target, target_split.evaluation_run, target_split.evaluation',
	'SELECT ON public.orders',
);
my $session = plan_sql() . <<'SQL';
SELECT add_calendar('fiscal', first_month => 4), add_dimension('seller', persons => true, levels => '{team}');
SELECT add_person('Bob'), add_person('Eve', manager => 'Bob');
SELECT add_member('seller', 'Eve'), add_member('seller', 'x', parent => '{Eve}');
SELECT count(*) FROM import_members('sales');
SELECT set_target('FY2024', 'sales', growth => 0.3) > 0;
SELECT count(*) FROM preview_split(root_target('FY2024', 'sales'), '{product_line,market}', members => '"active"');
SELECT count(*) FROM split_target(root_target('FY2024', 'sales'), '{product_line,market}', members => '"active"');
SELECT count(*) FROM split_target(root_target('FY2024', 'sales'), '{quarter,month}');
SELECT count(*) FROM lock_target(plan => 'FY2024', metric => 'sales', slice => '{"product_line": "line B"}', reason => 'closed');
SELECT count(*) FROM preview_adjust(plan => 'FY2024', metric => 'sales', slice => '{"market": "East"}', period => '[2024-04-01,2024-07-01)', growth => 0.02, absorb => 'root', carried_by => '{"product_line": "line A"}');
SELECT count(*) FROM adjust_target(root_target('FY2024', 'sales'), growth => 0.02, absorb => 'root', reason => 'more');
SELECT count(*) FROM preview_resplit(root_target('FY2024', 'sales'), amount => round((SELECT amount FROM target WHERE depth = 0) * 1.1));
SELECT count(*) FROM resplit_target(root_target('FY2024', 'sales'), amount => round((SELECT amount FROM target WHERE depth = 0) * 1.1), reason => 'much more');
SELECT count(*) FROM unlock_target(plan => 'FY2024', metric => 'sales');
SELECT count(*) FROM over_assign(plan => 'FY2024', metric => 'sales', slice => '{"product_line": "line A"}', factor => 0.05);
SELECT unsplit_target(find_target('FY2024', 'sales', '{"product_line": "line A", "market": "East"}'));
CREATE TEMP TABLE sheet AS SELECT slice ->> 'product_line' AS line, slice ->> 'market' AS market, total FROM target_wide WHERE plan = 'FY2024';
SELECT count(*) FROM preview_import('FY2024', 'sales', 'sheet', '{"product_line": "line", "market": "market"}', amount => 'total');
UPDATE sheet SET total = total + 1 WHERE market = 'West';
SELECT count(*) FROM import_targets('FY2024', 'sales', 'sheet', '{"product_line": "line", "market": "market"}', amount => 'total', import_as => 'proposal');
SELECT count(*) FROM explain_target(root_target('FY2024', 'sales'));
SELECT assign('FY2024', '{"market": "East"}', person => 'Bob') > 0;
SELECT evaluate_plan('FY2024', as_of => '2024-05-31') = evaluate_plan('FY2024', as_of => '2024-05-31');
SELECT count(*) FROM kpi_cut('FY2024', 'sales', '{}', as_of => '2024-05-31');
SELECT (SELECT count(*) FROM target_tree), (SELECT count(*) FROM target_wide), (SELECT count(*) FROM responsibility_matrix),
	   (SELECT count(*) FROM kpi_variance), (SELECT count(*) FROM split_log), (SELECT count(*) FROM proposal_gap), (SELECT count(*) FROM plan_check);
SET search_path = planning, target_split;
SELECT create_flat_view('FY2024');
SQL
sub as_analyst
{
	my ($sql, @given) = @_;
	return "BEGIN;\n" . 'GRANT USAGE ON SCHEMA target_split TO ts_analyst; GRANT USAGE, CREATE ON SCHEMA planning TO ts_analyst;'
		. join('', map { "GRANT $_ TO ts_analyst;\n" } @given) . "SET LOCAL ROLE ts_analyst;\n$sql\nROLLBACK;";
}
sql_ok('an analyst does everything with these rights', $database, as_analyst($session, @grants));
for my $missing (@grants)
{
	sql_fails("but not without $missing", qr/42501: permission denied/, $database,
		as_analyst($session, grep { $_ ne $missing } @grants));
}

my @more = ('UPDATE, DELETE ON target_split.member', 'UPDATE, DELETE ON target_split.member_parent', 'UPDATE, DELETE ON target_split.member_alias',
	'UPDATE, DELETE ON target_split.responsibility');
my $changes = plan_sql() . <<'SQL';
SELECT count(*) FROM split_target(root_target('FY2024', 'sales'), '{product_line,market}');
SELECT assign('FY2024', '{"market": "East"}', person => 'Bob') > 0;
SELECT count(*) FROM rename_member('market', 'East', 'Far East');
SELECT count(*) FROM rename_member('market', 'Far East', 'East');
SELECT count(*) FROM move_member('product_line', 'product A', 'line B', from_day => '2024-04-01', history => 'stays');
SELECT assign('FY2024', '{"market": "West"}', person => 'Bob') > 0;
SELECT count(*) FROM merge_member('market', 'East', 'West');
SELECT count(*) FROM retire_member('market', 'North', last_day => '2024-08-31');
SELECT count(*) FROM plan_check;
SQL
sql_ok('one who changes members needs some more', $database, as_analyst($changes, @grants, @more));
for my $missing (@more)
{
	sql_fails("but not without $missing", qr/42501: permission denied/, $database,
		as_analyst($changes, @grants, grep { $_ ne $missing } @more));
}

# From here on it is for good.
sql($database, join(";\n", 'GRANT USAGE ON SCHEMA target_split TO ts_analyst, ts_bi', 'GRANT USAGE, CREATE ON SCHEMA planning TO ts_analyst',
		(map { "GRANT $_ TO ts_analyst" } @grants), 'GRANT SELECT ON ALL TABLES IN SCHEMA target_split TO ts_bi') . ';', user => 'ts_boss');
sql_ok('the owner can pass these rights on, and the analyst plans', $database, $session, user => 'ts_analyst');

sql_ok("a role that was given SELECT reads every view", $database, $path . <<'SQL', user => 'ts_bi');
SELECT count(*) FROM target_tree; SELECT count(*) FROM target_wide; SELECT count(*) FROM responsibility_matrix;
SELECT count(*) FROM kpi_variance; SELECT count(*) FROM split_log; SELECT count(*) FROM proposal_gap; SELECT count(*) FROM plan_check;
SELECT count(*) FROM explain_target(root_target('FY2024', 'sales')); SELECT count(*) FROM periods('[2024-01-01,2025-01-01)', 'month');
SQL
sql_fails('it does not split', qr/42501: permission denied for function split_target/, $database,
	"$path SELECT split_target(root_target('FY2024', 'sales'), '{week}', method => 'equal')", user => 'ts_bi');
sql_fails('nor see facts through kpi_cut', qr/42501: permission denied for table orders/, $database,
	"$path SELECT * FROM kpi_cut('FY2024', 'sales', '{}')", user => 'ts_bi');
sql_fails('nor through preview_split', qr/42501: permission denied for table orders/, $database,
	"$path SELECT * FROM preview_split(root_target('FY2024', 'sales'), '{week}', on_missing => 'zero', on_zero => 'equal')", user => 'ts_bi');
# EXECUTE alone opens no table.
sql($database, "GRANT EXECUTE ON FUNCTION $execute TO ts_bi", user => 'ts_boss');
my $root = q{root_target('FY2024', 'sales')};
sql_fails('with EXECUTE but without INSERT it does not split', qr/42501: permission denied for table (split|target|plan)/, $database,
	"$path SELECT count(*) FROM split_target($root, '{week}', method => 'equal')", user => 'ts_bi');
sql_fails('nor unsplit', qr/42501: permission denied for table target/, $database, "$path SELECT unsplit_target($root)", user => 'ts_bi');
sql_fails("nor do $_->[0]", qr/42501: permission denied for table/, $database, "$path SELECT $_->[1]", user => 'ts_bi')
	for ['set_target', q{set_target('FY2024', 'sales', amount => 1)}], ['create_plan', q{create_plan('X', '[2024-01-01,2025-01-01)')}],
	['add_metric', q{add_metric('x', unit => 'x')}], ['add_person', q{add_person('somebody')}], ['add_calendar', q{add_calendar('x')}],
	['add_dimension', q{add_dimension('x')}], ['add_member', q{add_member('market', 'x')}], ['assign', q{assign('FY2024', '{}', 'Bob', 'R')}];

# ------------------------------------------------------- facts are not leaked
sql($database, 'REVOKE SELECT ON orders FROM ts_analyst', user => 'ts_boss');
for my $call (
	['add_source', q{SELECT add_metric('other', unit => 'EUR'); SELECT * FROM add_source('other', 'public.orders', occurred_on => 'ordered_on', amount => 'amount', dimensions => '{"line2": "product_line"}')}],
	['import_members', q{SELECT * FROM import_members('sales')}],
	['set_target', q{SELECT create_plan('G', '[2024-01-01,2025-01-01)'); SELECT set_target('G', 'sales', growth => 0)}],
	['split_target', q{SELECT count(*) FROM split_target(find_target('FY2024', 'sales', '{"product_line": "line A", "market": "East"}'), '{month}')}],
	['preview_split', q{SELECT count(*) FROM preview_split(find_target('FY2024', 'sales', '{"product_line": "line A", "market": "East"}'), '{month}')}],
	['evaluate_plan', q{SELECT evaluate_plan('FY2024', as_of => '2024-05-31')}],
	['kpi_cut', q{SELECT * FROM kpi_cut('FY2024', 'sales', '{month}', as_of => '2024-05-31')}],
	)
{
	sql_fails("without SELECT on the source: $call->[0]", qr/42501: permission denied for table orders/, $database,
		"$path BEGIN; $call->[1]; ROLLBACK;", user => 'ts_analyst');
}
sql($database, 'GRANT SELECT (ordered_on, amount) ON orders TO ts_analyst', user => 'ts_boss');
sql_fails('rights on some columns do not open others', qr/42501: permission denied for table orders/, $database,
	"$path SELECT * FROM kpi_cut('FY2024', 'sales', '{market}', as_of => '2024-05-31')", user => 'ts_analyst');
sql($database, 'GRANT SELECT ON orders TO ts_analyst', user => 'ts_boss');
sql($database, <<'SQL');
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY east ON orders FOR SELECT TO ts_analyst USING (market = 'East');
SQL
is(sql($database, "$path SELECT actual FROM kpi_cut('FY2024', 'sales', '{}', as_of => '2024-05-31')", user => 'ts_analyst'),
	sql($database, q{SELECT sum(amount) FROM orders WHERE market = 'East' AND ordered_on >= '2024-01-01' AND ordered_on <= '2024-05-31'}),
	'row-level security of the source holds in functions');
sql($database, 'ALTER TABLE orders DISABLE ROW LEVEL SECURITY');

# ---------------------------------------------------------------- revisions
my $balanced = q{UPDATE target_split.target SET amount = amount + CASE slice ->> 'product_line' WHEN 'line B' THEN 1 ELSE -1 END
	WHERE depth = 1 AND slice ->> 'product_line' IN ('line B', 'line C')
	   OR (depth >= 2 AND target_id IN (SELECT c.target_id FROM target_split.target c WHERE c.slice @> '{"market": "West"}' AND c.slice ->> 'product_line' IN ('line B', 'line C')
		   AND (c.depth = 2 OR c.period @> date '2024-01-01')))};
my $who = q{SELECT string_agg(DISTINCT changed_by::text, ',') FROM target_split.revision WHERE reason = '%s'};
sql($database, <<"SQL");
GRANT ts_analyst TO "Odd ""Name"""; ALTER ROLE "Odd ""Name""" INHERIT;
SQL
sql_ok('a balanced change by the analyst', $database, "SET target_split.reason = 'one'; $balanced", user => 'ts_analyst');
is(sql($database, sprintf $who, 'one'), 'ts_analyst', 'the revision names the caller, not the owner');
sql_ok('one by a role with upper case and quotes in its name', $database, "SET target_split.reason = 'two'; $balanced", user => $odd);
is(sql($database, sprintf $who, 'two'), $odd, 'the revision names it');
sql_ok('one under SET ROLE', $database, "SET target_split.reason = 'three'; SET ROLE ts_analyst; $balanced", user => $odd);
is(sql($database, sprintf $who, 'three'), 'ts_analyst', 'the revision names the current role');
sql_ok('splits and plans too', $database, "$path SET target_split.reason = 'four'; SELECT create_plan('Odd', '[2024-01-01,2025-01-01)'), set_target('Odd', 'sales', amount => 10);
	SELECT count(*) FROM split_target(root_target('Odd', 'sales'), '{month}', method => 'equal'); SELECT assign('Odd', '{}', 'Bob');", user => $odd);
is(sql($database, q{SELECT s.called_by, p.created_by, r.assigned_by FROM target_split.split s JOIN target_split.plan p USING (plan_id) JOIN target_split.responsibility r USING (plan_id) WHERE s.reason = 'four'}),
	"$odd|$odd|$odd", 'name the caller');
sql_fails("no role but the owner writes revisions itself: $_", qr/42501: permission denied for table revision/, $database, $_, user => 'ts_analyst')
	for q{INSERT INTO target_split.revision (plan_id, target_id, operation, amount_before, changed_by) VALUES (1, 1, 'update', 1, 'ts_boss')},
	q{UPDATE target_split.revision SET changed_by = 'ts_boss'}, q{DELETE FROM target_split.revision};
# The guard keeps working for the analyst under row-level security that hides the siblings.
sql($database, <<'SQL', user => 'ts_boss');
ALTER TABLE target_split.target ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON target_split.target TO ts_analyst USING (depth = 0 OR slice ->> 'product_line' = 'line B');
SQL
sql_fails('the guard sees siblings that row-level security hides', qr/23514/, $database,
	q{UPDATE target_split.target SET amount = amount + 1 WHERE depth = 1}, user => 'ts_analyst');
SKIP: {
	skip 'views run with the rights of their owner before 15', 1
		if sql('postgres', 'SHOW server_version_num') < 150000;
	is(sql($database, q{SELECT count(DISTINCT slice ->> 'product_line') FROM target_split.target_tree WHERE plan = 'FY2024'}, user => 'ts_analyst'),
		'1', 'while views keep to it');
}
sql($database, 'DROP POLICY own ON target_split.target; ALTER TABLE target_split.target DISABLE ROW LEVEL SECURITY', user => 'ts_boss');
is(sql($database, 'SELECT count(*) FROM target_split.plan_check'), '0', 'all promises hold');

# The guard is not to be used elsewhere.
sql_fails('the guard\'s function cannot be put on another table', qr/42501: permission denied for function target_split\.target_guard/, $database,
	q{CREATE TABLE planning.target (a integer); CREATE TRIGGER t AFTER INSERT ON planning.target EXECUTE FUNCTION target_split.target_guard()}, user => 'ts_analyst');

# A sheet for those who import it.
sql($database, <<'SQL', user => 'ts_boss');
CREATE TABLE planning.sheet AS
SELECT slice ->> 'product_line' AS line, slice ->> 'market' AS market, total FROM target_split.target_wide WHERE plan = 'FY2024';
GRANT SELECT ON planning.sheet TO ts_analyst;
SQL

# ------------------------------------------------------- row-level security
# A role that sees a part, or may change a part only, is told so; it makes no
# wrong sums of what it sees.
{
	my $copy = 'ts_roles_rls';
	make_database($copy, "TEMPLATE $database");
	my $root = sql($copy, q{SELECT target_split.root_target('FY2024', 'sales')});
	sql($copy, <<'SQL');
ALTER TABLE target_split.target ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON target_split.target FOR SELECT USING (true);
CREATE POLICY change ON target_split.target FOR UPDATE USING (depth > 9);
CREATE POLICY make ON target_split.target FOR INSERT WITH CHECK (true);
SQL
	sql_fails('targets that it may not change cannot be split', qr/42501: targets at or under target $root cannot be locked by role "ts_analyst"/, $copy,
		"SELECT count(*) FROM target_split.split_target($root, '{quarter}', method => 'equal')", user => 'ts_analyst');
	sql_fails('nor taken back', qr/42501: target $root cannot be locked by role "ts_analyst"/, $copy,
		"SELECT target_split.unsplit_target($root)", user => 'ts_analyst');
	sql_fails('nor set by a sheet', qr/42501: targets of plan "FY2024" cannot be locked by role "ts_analyst"/, $copy,
		q{SELECT count(*) FROM target_split.import_targets('FY2024', 'sales', 'planning.sheet', '{"product_line": "line", "market": "market"}', amount => 'total')},
		user => 'ts_analyst');
	sql($copy, <<'SQL');
DROP POLICY see ON target_split.target;
CREATE POLICY see ON target_split.target FOR SELECT USING (depth = 0 OR slice @> '{"market": "East"}');
SQL
	for my $call ("evaluate_plan('FY2024', as_of => '2024-05-31')", "kpi_cut('FY2024', 'sales', '{market}', as_of => '2024-05-31')",
		"preview_split($root, '{quarter}', method => 'equal')",
		q{preview_import('FY2024', 'sales', 'planning.sheet', '{"product_line": "line", "market": "market"}', amount => 'total')})
	{
		sql_fails("no sums of a part: $call", qr/42501: (target \d+ has \d+ children, of which role "ts_analyst" sees \d+|role "ts_analyst" sees target \d+, but not the target above it)/, $copy,
			"SELECT count(*) FROM target_split.$call", user => 'ts_analyst');
	}
}

# ------------------------------------------------------ hostile search paths
sql($database, <<'SQL');
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.trap() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE FUNCTION hostile.lower(text) RETURNS text LANGUAGE sql AS 'SELECT hostile.trap()::text';
CREATE FUNCTION hostile.lower(daterange) RETURNS date LANGUAGE sql AS $$SELECT hostile.trap()::text::date$$;
CREATE FUNCTION hostile.upper(daterange) RETURNS date LANGUAGE sql AS $$SELECT hostile.trap()::text::date$$;
CREATE FUNCTION hostile.sum_step(numeric, numeric) RETURNS numeric LANGUAGE sql AS 'SELECT hostile.trap()::integer::numeric';
CREATE AGGREGATE hostile.sum(numeric) (SFUNC = hostile.sum_step, STYPE = numeric, INITCOND = '0');
CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE sql AS $$SELECT hostile.trap()::text::timestamptz$$;
-- exact operators for types that the server's own take by a cast, and its own once more
DO $$
DECLARE
	l text;
	r text;
	o text;
BEGIN
	FOREACH l IN ARRAY '{text,name,numeric,bigint,integer,smallint,jsonb,daterange,date,boolean,text[]}'::text[] LOOP
		FOREACH r IN ARRAY '{text,name,numeric,bigint,integer,smallint,jsonb,daterange,date,boolean,text[]}'::text[] LOOP
			EXECUTE format('CREATE OR REPLACE FUNCTION hostile.op(%s, %s) RETURNS boolean LANGUAGE sql AS ''SELECT hostile.trap()''', l, r);
			FOREACH o IN ARRAY '{=,<>,<,>,<=,>=,||,+,-,*,/,@>,<@,&&,->,->>,?,%}'::text[] LOOP
				EXECUTE format('CREATE OPERATOR hostile.%s (FUNCTION = hostile.op, LEFTARG = %s, RIGHTARG = %s)', o, l, r);
			END LOOP;
		END LOOP;
	END LOOP;
END $$;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
SQL
sql_fails('the trap works', qr/trapped/, $database, q{SET search_path = hostile, pg_catalog; SELECT 'a'::text = 'b'::text});
my $temporary = join '', map { "CREATE TEMP TABLE $_ (LIKE target_split.$_); INSERT INTO pg_temp.$_ SELECT * FROM target_split.$_;\n" } grep { $_ ne 'target' } @all;
# Calls by name only: what the caller writes is resolved by the caller's own path.
my @calls = (
	q{add_metric('h1', unit => 'EUR')}, q{add_calendar('h1', first_month => 7)}, q{add_dimension('h1', levels => '{h2}')}, q{add_person('h1', manager => 'Bob')},
	q{add_member('h1', 'x')}, q{add_member('h1', 'y', parent => '{x}')}, q{create_plan('H1', '[2024-01-01,2025-01-01)', calendar => 'h1')},
	q{set_target('H1', 'sales', growth => 0.1)}, q{import_members('sales')},
	q{preview_split(target_split.root_target('H1', 'sales'), '{product_line,market,quarter,week}', members => '"active"', on_missing => 'equal', on_zero => 'equal')},
	q{split_target(target_split.root_target('H1', 'sales'), '{product_line,market}', members => '"active"')},
	q{split_target(target_split.root_target('H1', 'sales'), '{month}', method => 'equal')},
	q{preview_import('H1', 'sales', 'planning.sheet', '{"product_line": "line", "market": "market"}', amount => 'total', absorb => 'root')},
	q{import_targets('H1', 'sales', 'planning.sheet', '{"product_line": "line", "market": "market"}', amount => 'total', absorb => 'root')},
	q{import_targets('H1', 'sales', 'planning.sheet', '{"product_line": "line", "market": "market"}', amount => 'total', import_as => 'proposal')},
	q{find_target('H1', 'sales', '{"product_line": "line A", "market": "East"}', '[2024-02-01,2024-03-01)')},
	q{explain_target(target_split.find_target('H1', 'sales', '{"product_line": "line A", "market": "East"}'))},
	q{assign('H1', '{"market": "East"}', 'Bob', from_day => '2024-02-01')},
	q{evaluate_plan('H1', as_of => '2024-05-31')}, q{kpi_cut('H1', 'sales', '{month,market}', as_of => '2024-05-31')},
	q{unsplit_target(target_split.find_target('H1', 'sales', '{"product_line": "line A", "market": "East"}'))},
	q{periods('[2024-01-01,2025-01-01)', 'week', 'h1')}, q{workdays('[2024-01-01,2025-01-01)', 'h1')}, q{add_workdays('2024-01-01', 3, 'h1')}, q{create_flat_view('H1', 'h1')},
	q{apportion_array(100, '{1,1,1}')},
);
my $views = join('', map { "SELECT * FROM target_split.$_;\n" } qw(target_tree target_wide responsibility_matrix slice_responsibility kpi_variance split_log proposal_gap plan_check))
	. "SELECT * FROM planning.h1;\n";
sub hostile
{
	my ($before, $search_path) = @_;
	return "BEGIN;\n$before SET LOCAL search_path = $search_path;\n" . join('', map { "SELECT * FROM target_split.$_;\n" } @calls)
		. $views . 'UPDATE target_split.target SET locked = true; UPDATE target_split.target SET locked = false; DELETE FROM target_split.target; ROLLBACK;';
}
# Each in a copy of the database, so that ids are the same.
my $n_copies = 0;
sub outcome
{
	my ($name, @arguments) = @_;
	my $copy = "ts_roles_" . ++$n_copies;
	make_database($copy, "TEMPLATE $database");
	sql($copy, "GRANT TEMPORARY ON DATABASE $copy TO ts_analyst");
	my $out = sql_ok($name, $copy, hostile(@arguments), user => 'ts_analyst');
	$out =~ s/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.\d]*\+\d\d/(time)/g;
	return join "\n", sort split /\n/, $out;
}
my $plain = outcome('the calls with a plain search path', '', 'planning, pg_catalog');
like($plain, qr/"product_line": "line A"/, 'show something');
ok(outcome('with hostile operators and functions first on the path', '', 'planning, hostile, pg_catalog') eq $plain, 'the same results');
ok(outcome('with temporary tables and types of the same names', <<"SQL", 'planning, pg_temp, pg_catalog') eq $plain, 'the same results');
CREATE TEMP TABLE target (target_id text); CREATE TEMP TABLE orders (x text); CREATE TEMP TABLE new_targets (x text);
CREATE TEMP TABLE new_rows (x text); CREATE TEMP TABLE old_rows (x text); CREATE TEMP TABLE new_evaluation (x text);
CREATE TEMP VIEW target_tree AS SELECT 1 AS x;
CREATE TYPE pg_temp.numeric AS ENUM ('x'); CREATE TYPE pg_temp.date AS ENUM ('x');
$temporary
SQL

done_testing();
