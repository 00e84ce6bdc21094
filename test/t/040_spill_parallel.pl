# The same numbers whatever the memory, the plan, the order of rows, the ids and the locale.
use strict;
use warnings;

use FindBin ();
use lib $FindBin::RealBin;
use TargetSplitTest;
use Test::More;

my $path = "SET search_path = public, target_split;\n";

# Names that locales sort in different orders; few different amounts, so that many shares tie.
sub orders
{
	my ($type, $order) = @_;
	return <<"SQL";
CREATE TABLE orders AS
SELECT day::date AS ordered_on, line.name AS line, market.name AS market, line.name || '-' || p AS product,
	   (1 + (l * 2 + p * 4 + m * 5 + extract(doy FROM day)::integer) % 7)::$type / 10 AS amount
FROM generate_series(timestamp '2023-01-01', timestamp '2024-01-31', interval '1 day') day,
	 unnest('{a,B,_c,Ä}'::text[]) WITH ORDINALITY line(name, l),
	 unnest('{华东,East,east,éast,"e ast",Zürich}'::text[]) WITH ORDINALITY market(name, m),
	 generate_series(0, 1) p
ORDER BY $order;
ANALYZE orders;
SQL
}
my $set_up = <<'SQL';
SELECT add_metric('sales', unit => 'EUR');
SELECT count(*) FROM add_source('sales', 'orders', occurred_on => 'ordered_on', amount => 'amount',
	dimensions => '{"line": ["line", "product"], "market": "market"}');
SELECT create_plan('P', '[2024-01-01,2025-01-01)');
SELECT set_target('P', 'sales', amount => 100000.01);
SQL

# Hashes of what splits return, in the order in which they return it, and of what they leave.
sub returned
{
	my ($function, $by) = @_;
	return <<"SQL";
BEGIN;
SELECT md5(string_agg(concat_ws('|', n, depth, level, slice, lower(period) - date '2000-01-01', upper(period) - date '2000-01-01', amount, weight, fallback), E'\n' ORDER BY n))
FROM $function(root_target('P', 'sales'), '{$by}', on_missing => 'equal')
	 WITH ORDINALITY s(target_id, parent_id, depth, level, slice, period, amount, weight, fallback, member_id, n_children, at_least, at_most, n);
ROLLBACK;
SQL
}
my $numbers = <<'SQL';
BEGIN;
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{line,product}');
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{market,month}');
SELECT md5(string_agg(concat_ws('|', depth, slice, lower(period) - date '2000-01-01', amount, weight), E'\n'
					  ORDER BY depth, slice::text COLLATE "C", lower(period))) FROM target;
SELECT md5(string_agg(concat_ws('|', cut, period_label, amount, actual, expected), ','))
FROM kpi_cut('P', 'sales', '{market,month}', as_of => '2024-01-31');
ROLLBACK;
SQL
$numbers .= returned('split_target', $_) for 'market,day', 'line,product,market,quarter,week';

sub numbers
{
	my ($database, @settings) = @_;
	return sql($database, $path . join('', map { "SET $_;\n" } @settings) . $numbers);
}

make_database('ts_locale_c', q{TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'});
my $c = 'ts_locale_c';
sql($c, 'CREATE EXTENSION target_split;' . orders('numeric', 'day, p, m') . $path . $set_up);
my $expected = numbers($c);
my @lines = split /\n/, $expected;
is(sql($c, $path . returned('preview_split', 'line,product,market,quarter,week')), $lines[-1], 'a preview shows what the split makes');
is(sql($c, <<"SQL"), 0, 'all promises hold');
$path
BEGIN;
SELECT WHERE 0 > (SELECT count(*) FROM split_target(root_target('P', 'sales'), '{line,product,market,month}'));
ANALYZE target;
SELECT count(*) FROM plan_check;
SQL

my @serial = ('max_parallel_workers_per_gather = 0');
my @parallel = ('parallel_setup_cost = 0', 'parallel_tuple_cost = 0', 'min_parallel_table_scan_size = 0',
	'min_parallel_index_scan_size = 0', 'max_parallel_workers_per_gather = 2');
my $force = sql('postgres', 'SHOW server_version_num') < 160000 ? 'force_parallel_mode' : 'debug_parallel_query';

like(sql($c, join('', map { "SET $_;" } @parallel) . q{EXPLAIN (COSTS OFF) SELECT product, sum(amount) FROM orders GROUP BY product}),
	qr/Gather/, 'plans are parallel where they are told to');
my %settings = (
	'work_mem 64kB' => [@serial, "work_mem = '64kB'", 'hash_mem_multiplier = 1'],
	'work_mem 256MB' => [@serial, "work_mem = '256MB'"],
	'sorted groups' => [@serial, "work_mem = '64kB'", 'enable_hashagg = off'],
	'hashed groups' => [@serial, 'enable_sort = off'],
	'parallel plans' => [@parallel],
	'parallel plans, work_mem 64kB' => [@parallel, "work_mem = '64kB'"],
	'forced parallel mode' => [@parallel, "$force = on"],
	'just-in-time compilation' => ['jit = on', 'jit_above_cost = 0', 'jit_inline_above_cost = 0', 'jit_optimize_above_cost = 0'],
	'other formats' => [q{datestyle = 'German, DMY'}, q{intervalstyle = 'iso_8601'}, 'extra_float_digits = -15', q{timezone = 'Pacific/Apia'}, q{bytea_output = 'escape'}],
);
for my $name (sort keys %settings)
{
	my @options = @{ $settings{$name} };
	my $got = numbers($c, @options);
	is($got, $expected, "$name: identical");
}

# The same facts in other places of the table.
for my $order ('md5(day::text || p || m)', 'm DESC, day DESC, p')
{
	sql($c, 'DROP TABLE orders;' . orders('numeric', $order));
	is(numbers($c), $expected, "rows in the order of $order: identical");
	is(numbers($c, @parallel, "work_mem = '64kB'"), $expected, 'also with parallel plans and little memory');
}
# Doubles do not add up the same way in another order, unless they are made exact first.
sql($c, 'DROP TABLE orders;' . orders('float8', 'md5(day::text || p || m)'));
is((rows($c, "$path SELECT md5(string_agg(amount::text, ',' ORDER BY slice::text COLLATE \"C\")) FROM preview_split(root_target('P', 'sales'), '{line,product,market}')")),
	(rows($c, "$path SET enable_hashagg = off; SELECT md5(string_agg(amount::text, ',' ORDER BY slice::text COLLATE \"C\")) FROM preview_split(root_target('P', 'sales'), '{line,product,market}')")),
	'double precision amounts: identical');
is((split /\n/, numbers($c))[2], $lines[2], 'and the same amounts and weights as with numeric ones');

# Other locales, and other ids: members come in another order.
my %locale = (
	'C.UTF-8' => q{LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'},
	'en_US.UTF-8' => q{LC_COLLATE 'en_US.UTF-8' LC_CTYPE 'en_US.UTF-8'},
	'de_DE.UTF-8' => q{LC_COLLATE 'de_DE.UTF-8' LC_CTYPE 'de_DE.UTF-8'},
	'ICU en-US' => q{LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LC_COLLATE 'C' LC_CTYPE 'C'},
	'ICU zh-CN' => q{LOCALE_PROVIDER icu ICU_LOCALE 'zh-CN' LC_COLLATE 'C' LC_CTYPE 'C'},
	'other ids' => q{LC_COLLATE 'C' LC_CTYPE 'C'},
);
my $n = 0;
for my $name (sort keys %locale)
{
	my $database = 'ts_locale_' . ++$n;
	SKIP: {
		skip "$name is not installed here", 1
			unless eval { make_database($database, "TEMPLATE template0 ENCODING 'UTF8' $locale{$name}"); 1 };
		sql($database, 'CREATE EXTENSION target_split;' . orders('numeric', 'md5(day::text)') . $path . <<'SQL' . $set_up);
SELECT add_dimension('other'), add_dimension('market'), add_dimension('line', levels => '{product}');
SELECT add_member('other', 'x'), add_member('market', 'east'), add_member('market', 'Zürich'), add_member('market', '华东'),
	   add_member('line', 'Ä'), add_member('line', 'Ä-1', parent => '{Ä}'), add_member('line', 'a'), add_member('line', 'a-1', parent => '{a}');
SQL
		is(numbers($database), $expected, "$name: identical");
	}
}

done_testing();
