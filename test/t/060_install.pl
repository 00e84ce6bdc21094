# What CREATE EXTENSION leaves: documented, safe against what was there before, of one version.
use strict;
use warnings;

use FindBin ();
use lib $FindBin::RealBin;
use TargetSplitTest;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $database = 'ts_install';

make_role('ts_planter');
make_database($database);
sql($database, 'CREATE EXTENSION target_split');

my $member = <<'SQL';
WITH member AS (
	SELECT d.classid, d.objid FROM pg_depend d
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'target_split'))
SQL
ok(sql($database, "$member SELECT count(*) FROM member") > 50, 'the catalogs know the extension\'s objects');

# ------------------------------------------------------------------ comments
for my $kind (
	['function', q{SELECT p.oid::regprocedure FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
		WHERE obj_description(p.oid, 'pg_proc') IS NULL}],
	['type', q{SELECT t.oid::regtype FROM member m JOIN pg_type t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
		JOIN pg_class c ON c.oid = t.typrelid WHERE c.relkind = 'c' AND obj_description(t.oid, 'pg_type') IS NULL}],
	['operator, cast and the like', q{SELECT pg_describe_object(m.classid, m.objid, 0) FROM member m
		WHERE m.classid NOT IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_type'::regclass) AND obj_description(m.objid, m.classid::regclass::name) IS NULL}],
	['table and view', q{SELECT c.oid::regclass FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
		WHERE c.relkind IN ('r', 'p', 'v', 'm') AND obj_description(c.oid, 'pg_class') IS NULL}],
	['column', q{SELECT c.oid::regclass || '.' || a.attname FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relkind IN ('r', 'p', 'v', 'm') AND col_description(c.oid, a.attnum) IS NULL}],
	['column of a composite type', q{SELECT t.oid::regtype || '.' || a.attname FROM member m JOIN pg_type t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
		JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c' JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
		WHERE col_description(c.oid, a.attnum) IS NULL}],
	['trigger', q{SELECT c.oid::regclass || ' ' || t.tgname FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
		JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal WHERE obj_description(t.oid, 'pg_trigger') IS NULL}],
	)
{
	is(sql($database, "$member $kind->[1] ORDER BY 1"), '', "every $kind->[0] has a comment");
}
isnt(sql($database, q{SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'target_split'}), '', 'the extension has one');
is(sql($database, "$member SELECT count(*) FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid"),
	sql($database, "SELECT count(*) FROM pg_proc WHERE pronamespace = 'target_split'::regnamespace"), 'all functions in the schema are the extension\'s');
is(sql($database, <<'SQL'), '', 'all objects are in the schema');
SELECT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend d
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'target_split')
  AND (pg_identify_object(d.classid, d.objid, 0)).schema IS DISTINCT FROM 'target_split'
SQL

# ---------------------------------------------------------------- encodings
make_database('ts_latin1', q{TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'});
sql_ok('it can be created where there are no Chinese characters', 'ts_latin1', 'CREATE EXTENSION target_split');
is(sql('ts_latin1', q{SELECT count(*) > 700, count(name_local), max(name) FROM target_split.holiday WHERE country = 'CN' AND weight = 0}),
	't|0|Victory Day', 'with the holidays of China in English');

# -------------------------------------------------------------- dump and rights
is(sql($database, <<"SQL"), '', 'every table and sequence is dumped');
$member
SELECT c.oid::regclass FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
WHERE c.relkind IN ('r', 'p', 'S') AND NOT c.oid = ANY (SELECT unnest(extconfig) FROM pg_extension WHERE extname = 'target_split')
SQL
is(sql($database, <<"SQL"), '', 'every view checks the rights of the role that reads it') if sql($database, 'SHOW server_version_num') >= 150000;
$member
SELECT c.oid::regclass FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
WHERE c.relkind = 'v' AND NOT COALESCE('security_invoker=true' = ANY (c.reloptions), false)
SQL

# ---------------------------------------------------------------- search paths
# C functions that run no SQL, and functions whose body was parsed when they were made, need none;
# four set or need no path for reasons of their own.
my %pathless = map { $_ => 1 } qw(apportion apportion_array apportion_tree disaggregate rake period_label period_number period_of period_within periods periods_support
	add_calendar workdays add_workdays attainment create_flat_view slice_rules slice_terms target_guard calendar_guard);
is(join(' ', grep { !$pathless{$_} } rows($database, <<"SQL")), '', 'every function that runs SQL has a search path of its own');
$member
SELECT p.proname FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
WHERE p.proconfig IS NULL OR NOT 'search_path=pg_catalog, pg_temp' = ANY (p.proconfig)
SQL
is(sql($database, q{SELECT proname FROM pg_proc WHERE pronamespace = 'target_split'::regnamespace AND prosecdef}), '', 'no function is SECURITY DEFINER');
is(sql($database, <<"SQL"), 'c sql', 'functions are C or SQL');
$member
SELECT string_agg(DISTINCT l.lanname, ' ' ORDER BY l.lanname) FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
JOIN pg_language l ON l.oid = p.prolang WHERE l.lanname <> 'internal'
SQL

# ------------------------------------------------- a schema that was there before
my $n_planted = 0;
sub planted
{
	my ($sql) = @_;
	my $name = 'ts_install_' . ++$n_planted;
	make_database($name);
	sql('postgres', "GRANT CREATE ON DATABASE $name TO ts_planter");
	sql($name, "CREATE SCHEMA target_split;\n$sql", user => 'ts_planter');
	return $name;
}
for my $object (
	['table', 'CREATE TABLE target_split.target (target_id bigint)'],
	['view', 'CREATE VIEW target_split.plan_check AS SELECT 1 AS x'],
	['sequence', 'CREATE SEQUENCE target_split.revision'],
	['type', 'CREATE TYPE target_split.new_target AS (target_id bigint)'],
	['function', q{CREATE FUNCTION target_split.attainment(actual numeric, amount numeric) RETURNS numeric LANGUAGE sql AS 'SELECT 1::numeric'}],
	['function in C', q{CREATE FUNCTION target_split.root_target(plan text, metric text) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'}],
	)
{
	my $name = planted($object->[1]);
	sql_fails("a planted $object->[0] of the same name: CREATE EXTENSION refuses", qr/42P07|42710|42723/, $name, 'CREATE EXTENSION target_split');
	is(sql($name, q{SELECT count(*) FROM pg_extension WHERE extname = 'target_split'}), '0', 'and leaves nothing');
}

my $trap = <<'SQL';
CREATE FUNCTION target_split.trap() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
DO $$
DECLARE
	l text;
	r text;
	o text;
BEGIN
	FOREACH l IN ARRAY '{text,name,numeric,bigint,integer,smallint,jsonb,daterange,date,boolean,text[]}'::text[] LOOP
		FOREACH r IN ARRAY '{text,name,numeric,bigint,integer,smallint,jsonb,daterange,date,boolean,text[]}'::text[] LOOP
			EXECUTE format('CREATE FUNCTION target_split.op(%s, %s) RETURNS boolean LANGUAGE sql AS ''SELECT target_split.trap()''', l, r);
			FOREACH o IN ARRAY '{=,<>,<,>,<=,>=,||,+,-,*,/,@>,<@,&&,->,->>,?,%}'::text[] LOOP
				EXECUTE format('CREATE OPERATOR target_split.%s (FUNCTION = target_split.op, LEFTARG = %s, RIGHTARG = %s)', o, l, r);
			END LOOP;
		END LOOP;
	END LOOP;
END $$;
CREATE FUNCTION target_split.lower(daterange) RETURNS date LANGUAGE sql AS 'SELECT target_split.trap()::text::date';
CREATE FUNCTION target_split.upper(daterange) RETURNS date LANGUAGE sql AS 'SELECT target_split.trap()::text::date';
CREATE FUNCTION target_split.round(numeric, smallint) RETURNS numeric LANGUAGE sql AS 'SELECT target_split.trap()::integer::numeric';
CREATE FUNCTION target_split.format(text, numeric, integer) RETURNS text LANGUAGE sql AS 'SELECT target_split.trap()::text';
CREATE DOMAIN target_split.daterange AS text;
CREATE DOMAIN target_split.name AS text;
GRANT USAGE ON SCHEMA target_split TO PUBLIC;
SQL
my $name = planted($trap);
sql_ok('planted operators, functions and types are not used by CREATE EXTENSION', $name, 'CREATE EXTENSION target_split');
(my $calls = company('public.orders') . plan_sql('public.orders')) =~ s/^SET search_path.*$//m;
$calls =~ s/\b(add_metric|add_source|create_plan|set_target)\(/target_split.$1(/g;
$calls =~ s/SELECT (target_split\.(?:create_plan|set_target)\(.*?\)) > 0;/SELECT $1;/g;
sql_ok('nor by anything that was installed', $name, $calls . <<'SQL');
SELECT count(*) FROM target_split.split_target(target_split.root_target('FY2024', 'sales'), '{product_line,market,month}');
SELECT target_split.assign('FY2024', '{"market": "East"}', 'Bob');
SELECT target_split.evaluate_plan('FY2024', as_of => '2024-05-31');
SELECT count(*) FROM target_split.kpi_cut('FY2024', 'sales', '{month}');
SELECT * FROM target_split.explain_target(target_split.root_target('FY2024', 'sales'));
SELECT count(t) FROM target_split.target_tree t;
SELECT count(t) FROM target_split.target_wide t;
SELECT count(t) FROM target_split.responsibility_matrix t;
SELECT count(t) FROM target_split.kpi_variance t;
SELECT count(t) FROM target_split.split_log t;
SELECT count(t) FROM target_split.plan_check t;
SELECT target_split.unsplit_target(target_split.root_target('FY2024', 'sales'));
SQL
is(sql($name, q{SET search_path = pg_catalog, public; BEGIN; CREATE EXTENSION IF NOT EXISTS target_split; SHOW search_path; COMMIT}), 'pg_catalog, public',
	'the search path of the session is as it was');
is(sql($database, q{SET search_path = public; BEGIN; DROP EXTENSION target_split; CREATE EXTENSION target_split; SHOW search_path; COMMIT}), 'public',
	'also after CREATE EXTENSION in a transaction');

# ------------------------------------------------------------------ one version
my ($control) = slurp("$top/target_split.control") =~ /^default_version\s*=\s*'([^']+)'/m;
my ($changes) = slurp("$top/CHANGELOG.md") =~ /^## \[?([0-9][^\s\]]*)/m;
my $meta = slurp("$top/META.json");
my @meta = $meta =~ /"version"\s*:\s*"([^"]+)"/g;
pop @meta if $meta =~ /"meta-spec"/;
is(sql($database, q{SELECT extversion FROM pg_extension WHERE extname = 'target_split'}), $control, 'the version installed is that of the control file');
is($changes, $control, 'and the newest one of CHANGELOG.md');
is(join(' ', @meta), "$control $control", 'and both of META.json');
like($meta, qr/target_split--\Q$control\E\.sql/, 'which names its script');
like(slurp("$top/target_split.control"), qr/^$_->[0]\s*=\s*$_->[1]$/m, "the control file says $_->[0] = $_->[1]")
	for ['trusted', 'true'], ['relocatable', 'false'], ['schema', "'target_split'"];

done_testing();
