# A split that is killed, cancelled or timed out leaves nothing behind.
use strict;
use warnings;

use FindBin ();
use lib $FindBin::RealBin;
use TargetSplitTest;
use Time::HiRes qw(time sleep);
use Test::More;

my $database = 'ts_crash';
my $path = "SET search_path = public, target_split;\n";
my $n_accounts = 546;
my $n_leaves = $n_accounts * 366;
my $split = q{SELECT count(*) FROM split_target(root_target('P', 'sales'), '{account,day}', method => 'equal')};

make_database($database);
sql($database, "CREATE EXTENSION target_split;\n$path" . <<"SQL");
SELECT add_metric('sales', unit => 'EUR'), add_dimension('account');
SELECT count(*) FROM (SELECT add_member('account', 'account ' || n) FROM generate_series(1, $n_accounts) n) m;
SELECT create_plan('P', '[2024-01-01,2025-01-01)'), create_plan('Q', '[2024-01-01,2025-01-01)');
SELECT set_target('P', 'sales', amount => 123456789.01), set_target('Q', 'sales', amount => 100);
SQL

my $state = <<'SQL';
SELECT (SELECT count(*) FROM target_split.target), (SELECT sum(n_children) FROM target_split.target),
	   (SELECT count(*) FROM target_split.split), (SELECT count(*) FROM target_split.revision),
	   (SELECT count(*) FROM target_split.plan_check)
SQL
my $untouched = '2|0|0|0|0';

sub nothing_left
{
	my ($name) = @_;
	is(sql($database, $state), $untouched, "$name: nothing is left of it");
	# dead rows would slow the next one down
	sql($database, 'VACUUM ANALYZE target_split.target');
	return;
}

# Starts the split and waits until it has done a part of its work:
# started, or written so many kilobytes.
sub start_split
{
	my ($kilobytes) = @_;
	my $before = sql($database, q{SELECT pg_relation_size('target_split.target')});
	my $job = start_psql($database, "$path SET application_name = 'ts_victim'; SELECT pg_backend_pid(); $split;");
	my $pid;
	# A file grows before anybody else can see its rows.
	wait_until(30, sub {
		my ($found, $size) = split /\|/, sql($database, <<'SQL');
SELECT COALESCE((SELECT pid FROM pg_stat_activity WHERE application_name = 'ts_victim' AND query LIKE '%split_target%' AND state = 'active'), 0),
	   pg_relation_size('target_split.target')
SQL
		$pid = $found if $found;
		return $pid && $size >= $before + 1024 * $kilobytes;
	}) or diag 'the split was not seen at work';
	return ($job, $pid);
}

# Killed as by the out-of-memory killer; the server recovers by itself.
for my $kilobytes (0, 8192)
{
	my $name = $kilobytes ? "killed after $kilobytes kB were written" : 'killed early';
	my ($job, $pid) = start_split($kilobytes);
	ok(kill('KILL', $pid), "$name: a backend is killed in the middle of the split");
	my ($status, $out, $err) = finish($job);
	isnt($status, 0, "$name: its client loses the connection");
	ok(wait_until(50, sub { return (psql($database, 'SELECT 1'))[0] == 0 }), "$name: the server is back");
	nothing_left($name);
}

# Cancelled, early and late.
for my $kilobytes (0, 1024, 16384)
{
	my ($job, $pid) = start_split($kilobytes);
	is(sql($database, "SELECT pg_cancel_backend($pid)"), 't', "cancelled after $kilobytes kB");
	my ($status, $out, $err) = finish($job);
	like($err, qr/57014: canceling statement due to user request/, 'ends with that error');
	nothing_left("cancelled after $kilobytes kB");
}

# Timed out at several points of its life; the same session and transaction go on.
my $start = time;
my $small = q{SELECT count(*), sum(amount) FILTER (WHERE level = 'month') FROM split_target(root_target('Q', 'sales'), '{quarter,month}', method => 'equal')};
is(sql($database, "$path BEGIN; $split; ROLLBACK;"), $n_accounts + $n_leaves, "a split into $n_leaves leaves");
my $milliseconds = 1000 * (time - $start);
my $n_timed_out = 0;
for my $percent (5, 30, 60, 85)
{
	my $timeout = int($milliseconds * $percent / 100) + 1;
	my ($status, $out, $err) = psql($database, <<"SQL");
\\set ON_ERROR_STOP off
$path
BEGIN;
SAVEPOINT before;
SET LOCAL statement_timeout = $timeout;
SELECT count(*) FROM split_target(root_target('P', 'sales'), '{account,day}', method => 'equal');
ROLLBACK TO before;
$small;
UPDATE target SET amount = amount + 1 WHERE plan_id = 2 AND depth = 2;
COMMIT;
SQL
	$n_timed_out++ if $err =~ /57014: canceling statement due to statement timeout/;
	# The guard still works where it was interrupted.
	like($err, qr/23514/, "timed out at $percent %: the guard is awake in the same transaction");
	like($out, qr/^16\|100\.00$/m, 'and a split works there');
	nothing_left("timed out at $percent %");
}
ok($n_timed_out >= 2, "$n_timed_out splits were timed out");

# The split can be repeated.
is(sql($database, "$path $split; ANALYZE target;"), $n_accounts + $n_leaves, 'afterwards the split can be repeated');
is(sql($database, <<'SQL'), '0|123456789.01', 'and all promises hold');
SELECT (SELECT count(*) FROM target_split.plan_check), (SELECT sum(amount) FROM target_split.target WHERE plan_id = 1 AND n_children = 0)
SQL

# So it is with taking it back.
$state =~ s/FROM target_split.plan_check/FROM target_split.plan_check WHERE false/;
$untouched = sql($database, $state);
for my $timeout (10, 150)
{
	sql_fails("unsplit_target timed out after $timeout ms", qr/57014/, $database,
		"$path SET statement_timeout = $timeout; SELECT unsplit_target(root_target('P', 'sales'))");
	nothing_left("unsplit_target timed out after $timeout ms");
}

done_testing();
