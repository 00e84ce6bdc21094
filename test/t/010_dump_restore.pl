# An ordinary role creates the extension, plans, dumps its database and restores it elsewhere.
use strict;
use warnings;

use FindBin ();
use lib $FindBin::RealBin;
use TargetSplitTest;
use Test::More;

my @user = (user => 'ts_planner');

make_role('ts_planner');
make_role('ts_reader');
make_database('ts_dump_from');
sql('postgres', 'GRANT CREATE ON DATABASE ts_dump_from TO ts_planner');
# Before 15 everybody may create in public, and a grant would be one that only
# a superuser can restore.
sql('ts_dump_from', <<'SQL');
SELECT 'GRANT CREATE ON SCHEMA public TO ts_planner' WHERE NOT has_schema_privilege('ts_planner', 'public', 'CREATE') \gexec
SQL

sql_ok('a role that may create in the database creates the extension', 'ts_dump_from',
	'CREATE EXTENSION target_split', @user);
is(sql('postgres', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'ts_planner'}), 'f', 'and is no superuser');
is(sql('ts_dump_from', <<'SQL'), '', 'all relations of the extension belong to that role');
SELECT c.oid::regclass, pg_get_userbyid(c.relowner) FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'target_split')
  AND c.relkind IN ('r', 'p', 'v', 'S', 'm', 'f')
  AND pg_get_userbyid(c.relowner) <> 'ts_planner'
SQL
is(sql('ts_dump_from', q{SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'target_split'}),
	'ts_planner', 'and so does the schema');

sql_ok('DROP EXTENSION by that role', 'ts_dump_from', 'DROP EXTENSION target_split', @user);
sql_ok('and CREATE EXTENSION once more', 'ts_dump_from', 'CREATE EXTENSION target_split', @user);

# Something in every table.
sql_ok('the role sets up and plans', 'ts_dump_from', company() . plan_sql() . <<'SQL', @user);
SET target_split.reason = 'the board''s plan';
SELECT add_calendar('fiscal', first_month => 4, label_by => 'start', week_start => 7) > 0;
CREATE TABLE listed AS SELECT 'month' AS grain, date '2024-01-01' AS period_start, date '2024-06-30' AS period_end, 'H1' AS label;
SELECT add_calendar('listed', periods_from => 'listed') > 0;
CREATE TABLE days AS SELECT date '2024-12-24' AS day, 0.5 AS weight, 'Christmas Eve' AS name;
SELECT load_calendar_days('fiscal', 'days') = 1;
INSERT INTO holiday (country, day, name) VALUES ('DE', '2024-12-25', 'Christmas');
SELECT add_dimension('seller', persons => true) > 0;
SELECT add_person('Bob', login => 'ts_reader') > 0, add_person('Eve "E" O''Hara', manager => 'Bob') > 0;
SELECT add_member('seller', 'Eve') > 0;
SELECT add_member('market', '华东') > 0;
SELECT count(*) FROM split_target(root_target('FY2024', 'sales'), '{product_line,market}', members => '"active"');
SELECT count(*) FROM split_target(find_target('FY2024', 'sales', '{"product_line": "line A", "market": "East"}'), '{quarter,month}');
SELECT count(*) FROM split_target(find_target('FY2024', 'sales', '{"product_line": "line B", "market": "West"}'), '{product}', method => 'equal');
-- revisions: a balanced change, and children that were taken back
UPDATE target SET amount = amount + CASE slice ->> 'product_line' WHEN 'line A' THEN 1000.01 ELSE -1000.01 END
WHERE depth = 2 AND slice ->> 'market' = 'South' AND slice ->> 'product_line' IN ('line A', 'line B')
   OR depth = 1 AND slice ->> 'product_line' IN ('line A', 'line B');
UPDATE target SET locked = true, floor_amount = 1 WHERE depth = 1 AND slice ->> 'product_line' = 'line C';
SELECT unsplit_target(find_target('FY2024', 'sales', '{"product_line": "line B", "market": "West"}'), reason => 'equal was wrong') > 0;
CREATE TABLE proposed (line text, amount text);
INSERT INTO proposed VALUES ('line A', '1,234.56'), ('line B', '(5)');
SELECT count(*) FROM import_targets('FY2024', 'sales', 'proposed', '{"product_line": "line"}', amount => 'amount', import_as => 'proposal');
SELECT assign('FY2024', '{"market": "East"}', person => 'Bob') > 0;
SELECT assign('FY2024', '{"market": "East"}', person => 'Eve "E" O''Hara', role => 'R', from_day => '2024-02-01', to_day => '2024-12-31') > 0;
SELECT count(*) FROM rename_member('market', 'South', 'Süd', reason => 'as on the map');
SELECT count(*) FROM move_member('product_line', 'product G', 'line A', from_day => '2024-04-01', history => 'follows');
SELECT create_plan('FY2025', period => '[2024-04-01,2025-04-01)', calendar => 'fiscal', description => 'a second one') > 0;
SELECT set_target('FY2025', 'sales', amount => -12345.67) > 0;
SELECT evaluate_plan('FY2024', as_of => '2024-05-31') > 0, evaluate_plan('FY2024', as_of => '2024-03-31') > 0;
SELECT create_flat_view('FY2024') IS NOT NULL;
GRANT USAGE ON SCHEMA target_split TO ts_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA target_split TO ts_reader;
GRANT EXECUTE ON FUNCTION split_target TO ts_reader;
SQL
is(sql('ts_dump_from', 'SELECT count(*) FROM target_split.plan_check'), '0', 'all promises hold');
my $before = fingerprint('ts_dump_from');
is(join(', ', grep { !/^target_split\.\w+\|[1-9]/ } split /\n/, $before), '', 'every table has rows');

my $acl = q{SELECT string_agg(format('%s %s', o.name, a), E'\n' ORDER BY o.name, a::text)
	FROM (SELECT oid::regclass::text, relacl FROM pg_class WHERE relnamespace = 'target_split'::regnamespace
		  UNION ALL SELECT proname, proacl FROM pg_proc WHERE pronamespace = 'target_split'::regnamespace) o(name, acl),
		 unnest(o.acl) a};
my $acl_before = sql('ts_dump_from', $acl);

# Restores and looks at what came out of it.
sub check_restored
{
	my ($name, $database) = @_;
	subtest $name => sub {
		my $after = fingerprint($database);
		is($after, $before, 'every table and sequence is as it was');
		is(sql($database, $acl), $acl_before, 'rights are as they were');
		is(sql($database, q{SELECT count(*) FROM target_split.calendar WHERE name = 'gregorian'}), '1',
			'the calendar that comes with the extension is there once');
		is(sql($database, q{SELECT first_month, label_by, week_start FROM target_split.calendar WHERE name = 'fiscal'}),
			'4|start|7', 'an own calendar came along');
		is(sql($database, q{SELECT label FROM target_split.periods('[2024-02-01,2024-03-01)', 'month', 'listed')}, @user), 'H1', 'with the periods of another');
		is(sql($database, 'SELECT count(*) FROM target_split.plan_check', @user), '0', 'all promises hold');
		is(sql($database, 'SELECT count(*), sum(amount) FROM public.fy2024_flat', @user),
			sql('ts_dump_from', 'SELECT count(*), sum(amount) FROM public.fy2024_flat', @user), 'the flat view shows the same');
		sql_fails('the guard refuses a change of one child', qr/23514/, $database,
			q{UPDATE target_split.target SET amount = amount + 1 WHERE depth = 2}, @user);
		my $counts = sql_ok('splits go on', $database, <<'SQL', @user);
SET search_path = public, target_split;
SELECT count(*), count(DISTINCT target_id) FROM split_target(find_target('FY2024', 'sales', '{"product_line": "line B", "market": "West"}'), '{quarter,month,week}');
SQL
		like($counts, qr/^(\d+)\|\1$/, 'with ids of their own');
		sql_ok('set-up goes on', $database, <<'SQL', @user);
SET search_path = public, target_split;
SELECT add_metric('pieces', unit => 'pieces', quantum => 1), add_calendar('another', first_month => 7),
	   add_person('Zoe'), add_dimension('channel');
SELECT add_member('channel', 'web'), create_plan('FY2026', period => '[2026-01-01,2027-01-01)');
SELECT set_target('FY2026', 'pieces', amount => 10);
SELECT assign('FY2026', '{"channel": "web"}', 'Zoe');
SELECT unsplit_target(find_target('FY2024', 'sales', '{"product_line": "line A", "market": "East"}'));
SELECT evaluate_plan('FY2024', as_of => '2024-05-31');
SQL
		is(sql($database, 'SELECT count(*) FROM target_split.plan_check', @user), '0', 'and all promises hold');
		sql_ok('the extension can be dropped', $database,
			'DROP VIEW public.fy2024_flat; DROP EXTENSION target_split; CREATE EXTENSION target_split', @user);
	};
	return;
}

my ($status, $out, $err);
my $folder = folder();

($status, $out, $err) = run('pg_dump', '-U', 'ts_planner', '-d', 'ts_dump_from', '-f', "$folder/plain.sql");
is("$status $err", '0 ', 'pg_dump, plain');
make_database('ts_dump_plain', 'OWNER ts_planner');
($status, $out, $err) = run('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-U', 'ts_planner', '-d', 'ts_dump_plain', '-f', "$folder/plain.sql");
is("$status $err", '0 ', 'and its restore');
check_restored('restored from a plain dump', 'ts_dump_plain');

($status, $out, $err) = run('pg_dump', '-U', 'ts_planner', '-d', 'ts_dump_from', '-Fd', '-j', '2', '-f', "$folder/directory");
is("$status $err", '0 ', 'pg_dump, directory with 2 jobs');
make_database('ts_dump_directory', 'OWNER ts_planner');
($status, $out, $err) = run('pg_restore', '--exit-on-error', '-U', 'ts_planner', '-d', 'ts_dump_directory', "$folder/directory");
is("$status $err", '0 ', 'and pg_restore');
check_restored('restored from a dump by two jobs', 'ts_dump_directory');

# An archive does not say in which order the tables of an extension go, so that
# several jobs must leave them to one.
make_database('ts_dump_jobs', 'OWNER ts_planner');
for my $step (['--section=pre-data'], ['--section=data', '-n', 'target_split'],
	['-j', '2', '--section=data', '-N', 'target_split'], ['-j', '2', '--section=post-data'])
{
	($status, $out, $err) = run('pg_restore', '--exit-on-error', @$step, '-U', 'ts_planner', '-d', 'ts_dump_jobs', "$folder/directory");
	is("$status $err", '0 ', "pg_restore @$step");
}
check_restored('restored by two jobs', 'ts_dump_jobs');

($status, $out, $err) = run('pg_dump', '-U', 'ts_planner', '-d', 'ts_dump_from', '--schema-only', '-f', "$folder/schema.sql");
is("$status $err", '0 ', 'pg_dump --schema-only');
make_database('ts_dump_schema', 'OWNER ts_planner');
($status, $out, $err) = run('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-U', 'ts_planner', '-d', 'ts_dump_schema', '-f', "$folder/schema.sql");
is("$status $err", '0 ', 'and its restore');
# pg_dump takes the rows of an extension's tables along only with data.
is(sql('ts_dump_schema', q{SELECT (SELECT count(*) FROM target_split.target), (SELECT string_agg(name, ' ') FROM target_split.calendar)}),
	'0|gregorian', 'makes an extension without plans');

# Dumped and restored by a superuser, as a nightly dump of a cluster is.
($status, $out, $err) = run('pg_dump', '-U', 'postgres', '-d', 'ts_dump_from', '-Fc', '-f', "$folder/custom");
is("$status $err", '0 ', 'pg_dump by a superuser');
make_database('ts_dump_super');
($status, $out, $err) = run('pg_restore', '--exit-on-error', '-U', 'postgres', '-d', 'ts_dump_super', "$folder/custom");
is("$status $err", '0 ', 'and pg_restore by a superuser');
is(fingerprint('ts_dump_super'), $before, 'every table and sequence is as it was');
is(sql('ts_dump_super', 'SELECT count(*) FROM target_split.plan_check'), '0', 'all promises hold');

# Views show what the role that reads may see.
SKIP: {
	skip 'views run with the rights of their owner before 15', 5
		if sql('postgres', 'SHOW server_version_num') < 150000;
	my $cut = 'SELECT count(*), count(*) FILTER (WHERE %s) FROM target_split.%s';
	my $all = sprintf $cut, 'true', 'target_tree';
	my $east = q{SELECT count(*), count(*) FILTER (WHERE slice ->> 'market' = 'East') FROM target_split.%s};
	is(sql('ts_dump_from', $all, user => 'ts_reader'), sql('ts_dump_from', $all, @user), 'a role that was given SELECT reads the views');
	sql('ts_dump_from', <<'SQL', @user);
ALTER TABLE target_split.target ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_market ON target_split.target FOR SELECT TO ts_reader USING (slice ->> 'market' = 'East');
SQL
	for my $view (qw(target_tree target_wide kpi_variance responsibility_matrix))
	{
		my ($rows, $own) = split /\|/, sql('ts_dump_from', sprintf($east, $view), user => 'ts_reader');
		ok($rows > 0 && $rows == $own, "with row-level security $view shows the own rows only");
	}
	is(sql('ts_dump_from', $all, @user), sql('ts_dump_from', sprintf($cut, 'true', 'target_tree')), 'the owner still sees all');
	sql_fails('a role that was given SELECT cannot write', qr/42501/, 'ts_dump_from',
		'UPDATE target_split.target SET locked = true', user => 'ts_reader');
}

done_testing();
