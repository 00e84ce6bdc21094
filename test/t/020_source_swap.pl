# The order table is replaced every night; columns and tables go away.
use strict;
use warnings;

use FindBin ();
use lib $FindBin::RealBin;
use TargetSplitTest;
use Test::More;

my $database = 'ts_swap';
my $path = "SET search_path = public, target_split;\n";

make_database($database);
sql($database, 'CREATE EXTENSION target_split;' . company() . plan_sql());

# Calls that read the source; each must find it anew.
my %reader = (
	'preview_split' => q{SELECT sum(amount) FROM preview_split(root_target('FY2024', 'sales'), '{product_line,market}', members => '"active"') WHERE depth = 2},
	'set_target' => q{SELECT set_target('FY2024', 'sales', growth => 0.2) > 0},
	'import_members' => q{SELECT count(*) FROM import_members('sales')},
	'evaluate_plan' => q{SELECT evaluate_plan('FY2024', as_of => '2024-05-31')},
	'kpi_cut' => q{SELECT sum(actual) FROM kpi_cut('FY2024', 'sales', '{}', as_of => '2024-05-31')},
	'split_target' => q{BEGIN; SELECT count(*) FROM split_target(root_target('FY2024', 'sales'), '{product_line,market}', members => '"active"'); ROLLBACK},
);

my $swap = <<'SQL';
BEGIN;
CREATE TABLE orders_new (LIKE orders);
INSERT INTO orders_new SELECT ordered_on, product_line, product, market, amount * 2 FROM orders;
INSERT INTO orders_new SELECT ordered_on, 'line Z', 'product Z', 'East', 10 FROM orders WHERE market = 'East' AND product = 'product A';
DROP TABLE orders;
ALTER TABLE orders_new RENAME TO orders;
COMMIT;
SQL
# In one session: what a session keeps of the old table must not outlive it.
my $cut = q{SELECT trim_scale(actual) FROM kpi_cut('FY2024', 'sales', '{}', as_of => '2024-05-31');};
my $actual = q{SELECT trim_scale(sum(amount)) FROM orders WHERE ordered_on >= '2024-01-01' AND ordered_on <= '2024-05-31';};
my @seen = rows($database, "$path $cut $actual $swap $cut $actual");
is($seen[0], $seen[1], 'the actuals before the swap');
is($seen[2], $seen[3], 'after the swap the same session reads the new table');
isnt($seen[0], $seen[2], 'which has others');

is(sql($database, "$path SELECT sum(members_added) FROM import_members('sales')"), '2', 'import_members finds the new members');
is(sql($database, "$path SELECT set_target('FY2024', 'sales', growth => 0.2) > 0; SELECT amount FROM target_tree WHERE depth = 0"),
	"t\n" . sql($database, q{SELECT round(sum(amount) * 1.2, 2) FROM orders WHERE ordered_on >= '2023-01-01' AND ordered_on < '2024-01-01'}),
	'set_target reads the new table');
is(sql($database, "$path SELECT count(*) FROM preview_split(root_target('FY2024', 'sales'), '{product_line}') WHERE slice ->> 'product_line' = 'line Z'"),
	'1', 'so does preview_split');
sql_ok("$_ works", $database, "$path $reader{$_};") for sort keys %reader;

# Kinds of relation that a swap may bring.
sql($database, <<'SQL');
ALTER TABLE orders RENAME TO orders_base;
CREATE VIEW orders AS SELECT market, product, product_line, amount, ordered_on FROM orders_base;
SQL
sql_ok("$_ works when a view took the table's place", $database, "$path $reader{$_};") for sort keys %reader;
sql($database, <<'SQL');
DROP VIEW orders;
CREATE TABLE orders (LIKE orders_base) PARTITION BY RANGE (ordered_on);
CREATE TABLE orders_old PARTITION OF orders FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
CREATE TABLE orders_2024 PARTITION OF orders FOR VALUES FROM ('2024-01-01') TO (MAXVALUE);
INSERT INTO orders TABLE orders_base;
SQL
sql_ok("$_ works when a partitioned table took its place", $database, "$path $reader{$_};") for sort keys %reader;
sql($database, <<'SQL');
DROP TABLE orders;
CREATE TABLE orders AS SELECT ordered_on::timestamp + interval '23 hours' AS ordered_on, product_line::varchar(20), product::name, market::char(10), amount::float8 FROM orders_base;
SQL
sql_ok("$_ works with columns of other types that will do", $database, "$path $reader{$_};") for sort keys %reader;

# What is wrong must be said by name.
for my $case (
	['a dropped amount column', 'ALTER TABLE orders DROP COLUMN amount', qr/42703: column amount of the source of metric "sales" does not exist\nDETAIL:  The source is public\.orders\./],
	['a dropped date column', 'ALTER TABLE orders DROP COLUMN ordered_on', qr/42703: column ordered_on of the source of metric "sales" does not exist/],
	['a renamed date column', 'ALTER TABLE orders RENAME ordered_on TO "When"', qr/42703: column ordered_on of the source of metric "sales" does not exist/],
	['a dropped member column', 'ALTER TABLE orders DROP COLUMN market', qr/42703: column market of the source of metric "sales" does not exist/],
	['a date column that became text', 'ALTER TABLE orders ALTER ordered_on TYPE text', qr/42804: column ordered_on of the source of metric "sales" is no date\nDETAIL:  In public\.orders it is of type text\./],
	['a date column that needs a time zone', 'ALTER TABLE orders ALTER ordered_on TYPE timestamptz', qr/42804: source of metric "sales" has no time zone\nDETAIL:  In public\.orders column ordered_on is of type timestamp with time zone\./],
	['an amount column that became text', 'ALTER TABLE orders ALTER amount TYPE text', qr/42804: column amount of the source of metric "sales" is no number\nDETAIL:  In public\.orders it is of type text\./],
	['an amount column that became money', 'ALTER TABLE orders ALTER amount TYPE money USING amount::numeric::money', qr/42804: column amount of the source of metric "sales" is no number/],
	['a dropped relation', 'DROP TABLE orders', qr/42P01: source of metric "sales" does not exist\nDETAIL:  The actuals of the metric are read from public\.orders\./],
	['a relation in another schema now', 'CREATE SCHEMA elsewhere; ALTER TABLE orders SET SCHEMA elsewhere', qr/42P01: source of metric "sales" does not exist/],
	['a sequence of the same name', 'DROP TABLE orders; CREATE SEQUENCE orders', qr/ERROR:  42\w{3}: .*orders|ERROR:  42\w{3}: .*"sales"/],
	['a table without rows', 'TRUNCATE orders', qr/55000: source of metric "sales" has no facts\nDETAIL:  The actuals of the metric are read from public\.orders\./],
	)
{
	my ($name, $change, $pattern) = @$case;
	for my $call (sort keys %reader)
	{
		# Nothing to read is an error only where something is shared out by it.
		next if $name eq 'a table without rows' && $call !~ /^(preview_split|set_target|split_target)$/;
		(my $query = $reader{$call}) =~ s/^BEGIN; |; ROLLBACK$//g;
		sql_fails("$name: $call says so", $pattern, $database, "$path BEGIN; $change; $query; ROLLBACK;");
	}
}

# A temporary table of that name is not the source.
is((rows($database, "$path CREATE TEMP TABLE orders (x integer); $cut"))[-1], $seen[2], 'a temporary table does not hide the source');

is(sql($database, 'SELECT count(*) FROM target_split.plan_check'), '0', 'all promises hold');

done_testing();
