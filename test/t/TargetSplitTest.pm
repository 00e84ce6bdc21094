# What the TAP tests share: running programs against the server that test/with_server
# started, and a small company to plan for.  Core modules only.
package TargetSplitTest;

use strict;
use warnings;

use Exporter 'import';
use File::Temp ();
use Test::More;

our @EXPORT = qw(
	run psql sql rows sql_ok sql_fails start_psql finish wait_until
	make_database make_role folder slurp company plan_sql fingerprint
);

my $folder;
my (@databases, @roles);
my $owner = $$;

BAIL_OUT('no server: run the tests with test/with_server') unless $ENV{PGHOST};
$ENV{PGOPTIONS} = '-c client_min_messages=warning';
$ENV{PGAPPNAME} = 'target_split tap';

# A folder that goes away with the test.
sub folder
{
	$folder ||= File::Temp->newdir('target_split.XXXXXX', TMPDIR => 1);
	return "$folder";
}

sub slurp
{
	my ($file) = @_;
	open my $in, '<', $file or die "$file: $!";
	local $/ = undef;
	my $text = <$in>;
	close $in;
	return defined $text ? $text : '';
}

# start(NAME, COMMAND ...): starts a program with its output in files.
my $n_started = 0;

sub start
{
	my (@command) = @_;
	my $base = folder() . '/' . ++$n_started;
	my $pid = fork;
	die "fork: $!" unless defined $pid;
	if (!$pid)
	{
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$base.out";
		open STDERR, '>', "$base.err";
		exec { $command[0] } @command or POSIX::_exit(127);
	}
	return { pid => $pid, base => $base };
}

# Waits for a program: its status, output and error output.
sub finish
{
	my ($job) = @_;
	waitpid $job->{pid}, 0;
	my $status = $?;
	my ($out, $err) = (slurp("$job->{base}.out"), slurp("$job->{base}.err"));
	chomp $out;
	return ($status, $out, $err);
}

sub run { return finish(start(@_)); }

# start_psql(DATABASE, SQL, user => ...): psql that stops at the first error.
sub start_psql
{
	my ($database, $sql, %option) = @_;
	my $file = folder() . '/' . ($n_started + 1) . '.sql';
	open my $out, '>', $file or die "$file: $!";
	print $out $sql;
	close $out;
	return start('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose',
		'-U', $option{user} || 'postgres', '-d', $database, '-f', $file);
}

sub psql { return finish(start_psql(@_)); }

# Output of statements that must succeed for the test to go on.
sub sql
{
	my ($status, $out, $err) = psql(@_);
	die "$err\nin: $_[1]\n" if $status;
	return $out;
}

sub rows { return split /\n/, sql(@_); }

# sql_ok(NAME, DATABASE, SQL, ...): an assertion that the statements succeed without a warning.
sub sql_ok
{
	my ($name, @arguments) = @_;
	my ($status, $out, $err) = psql(@arguments);
	ok($status == 0 && $err eq '', $name) or diag($err);
	return $out;
}

# sql_fails(NAME, PATTERN, DATABASE, SQL, ...): that they fail, with an error that looks like this.
sub sql_fails
{
	my ($name, $pattern, @arguments) = @_;
	my ($status, $out, $err) = psql(@arguments);
	if ($status == 0)
	{
		fail($name);
		diag("succeeded: $out");
		return '';
	}
	like($err, $pattern, $name);
	return $err;
}

sub wait_until
{
	my ($seconds, $condition) = @_;
	for (my $i = 0; $i < $seconds * 20; $i++)
	{
		return 1 if $condition->();
		select undef, undef, undef, 0.05;
	}
	return 0;
}

sub make_role
{
	my ($role, $options) = @_;
	(my $quoted = $role) =~ s/"/""/g;
	sql('postgres', qq{CREATE ROLE "$quoted" LOGIN } . ($options || ''));
	push @roles, $quoted;
	return;
}

# make_database(NAME, OPTIONS): an empty database, dropped at the end.
sub make_database
{
	my ($name, $options) = @_;
	sql('postgres', qq{CREATE DATABASE "$name" } . ($options || ''));
	push @databases, $name;
	return;
}

END
{
	if ($$ == $owner)
	{
		my $status = $?;
		psql('postgres', qq{DROP DATABASE IF EXISTS "$_" WITH (FORCE)}) for reverse @databases;
		psql('postgres', qq{DROP ROLE IF EXISTS "$_"}) for reverse @roles;
		$? = $status;
	}
}

# SQL for the order table of a small company, three years: product lines with products, markets.
sub company
{
	my ($table) = @_;
	$table ||= 'orders';
	return <<"SQL";
CREATE TABLE $table (
	ordered_on date NOT NULL, product_line text NOT NULL, product text NOT NULL, market text NOT NULL, amount numeric(12,2));
INSERT INTO $table
SELECT day::date, 'line ' || chr(65 + p / 3), 'product ' || chr(65 + p), (ARRAY['East', 'North', 'South', 'West'])[m],
	   round(100 + 37.13 * ((p * 7 + m * 11 + extract(doy FROM day)::integer * 5) % 101), 2)
FROM generate_series(timestamp '2022-01-03', timestamp '2024-06-30', interval '4 days') day,
	 generate_series(0, 6) p, generate_series(1, 4) m;
SQL
}

# SQL that takes it from the extension to a root target, as a caller would.
sub plan_sql
{
	my ($table) = @_;
	$table ||= 'orders';
	return <<"SQL";
SET search_path = public, target_split;
SELECT count(*) FROM (SELECT add_metric('sales', unit => 'EUR', quantum => 0.01)) m;
SELECT count(*) FROM add_source('sales', '$table', occurred_on => 'ordered_on', amount => 'amount',
	dimensions => '{"product_line": ["product_line", "product"], "market": "market"}');
SELECT create_plan('FY2024', period => '[2024-01-01,2025-01-01)') > 0;
SELECT set_target('FY2024', 'sales', growth => 0.2) > 0;
SQL
}

# Every table and sequence of the extension with a hash of its rows.
sub fingerprint
{
	my ($database) = @_;
	my $queries = sql($database, <<'SQL');
SELECT string_agg(format(CASE c.relkind WHEN 'S' THEN
	'SELECT %1$L, format(''%%s %%s'', last_value, is_called) FROM %1$s' ELSE
	'SELECT %1$L, count(*) || '' '' || COALESCE(md5(string_agg(t::text, E''\n'' ORDER BY t::text COLLATE "C")), '''') FROM %1$s t' END,
	c.oid::regclass), E'\nUNION ALL ')
FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass
  AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'target_split') AND c.relkind IN ('r', 'p', 'S')
SQL
	return sql($database, "SELECT * FROM ($queries) f(name, rows) ORDER BY name");
}

1;
