# Two sessions at once issue random calls on the same small plans; after each
# sequence, with both idle, the promises are checked in plain SQL.
#
# TS_RANDOM_SEQUENCES	how many sequences (600)
# TS_RANDOM_SEED		what the calls of both sessions follow from (1); when which one
#						is ahead is up to the server, so a seed repeats the calls
#						and not always what comes of them
#
# TS_RANDOM_FAILURES	after how many failures to stop (5)
# TS_RANDOM_OUTCOMES	1: say how often which call ended with which error
#
# What both sessions did and what they left is in tmp_check/random after a failure.  To add a
# call, add a line to @calls.
use strict;
use warnings;

use FindBin ();
use lib $FindBin::RealBin;
use IO::Select ();
use IPC::Open3 qw(open3);
use TargetSplitTest;
use Time::HiRes qw(time);
use Test::More;

my $n_sequences = $ENV{TS_RANDOM_SEQUENCES} || 600;
my $seed = $ENV{TS_RANDOM_SEED} || 1;
my $per_database = 50;	# sequences that go on from what the ones before left
my $most_targets = 150;	# in one tree; larger ones begin anew
my $patience = 60;		# seconds without an answer are a hang
my $most_failures = $ENV{TS_RANDOM_FAILURES} || 5;
my $template = 'ts_random';
my $top = "$FindBin::RealBin/../..";
my $random = "$top/test/random";

# What callers may be told: the extension's own errors, and that another
# transaction was first.  A deadlock is judged by what led to it.
my %allowed = map { $_ => 1 } qw(
	00000 0A000 22003 22004 22023 21000 22000 22012 23503 23514 40001 42703 42704 42710 42804 42809 42P01 54000 55000 P0002);

# ------------------------------------------------------------ random numbers

# A source of random numbers: below N, or one of a list.
sub source
{
	my ($state) = @_;
	$state = $state % 2147483646 + 1;
	my $next = sub {
		$state = $state * 48271 % 2147483647;
		return $state >> 8;
	};
	$next->() for 1 .. 5;
	return $next;
}

sub below { my ($next, $n) = @_; return $next->() % $n; }
sub chance { my ($next, $percent) = @_; return below($next, 100) < $percent; }
sub one { my ($next, @list) = @_; return $list[ below($next, scalar @list) ]; }
# a phrase in one of so many percent of the calls
sub maybe { my ($next, $percent, @list) = @_; return chance($next, $percent) ? one($next, @list) : ''; }

# --------------------------------------------------------------------- calls

my @levels = ('{market}', '{market}', '{line}', '{line}', '{quarter}', '{quarter}', '{half}', '{market,line}', '{line,market}',
	'{line,quarter}', '{market,quarter}', '{half,quarter}', '{town}', '{market,town}', '{month}');
my @periods = map { "'[2024-$_->[0]-01,$_->[1]-01)'" } ['01', '2024-04'], ['04', '2024-07'], ['01', '2024-07'], ['10', '2025-01'], ['01', '2025-01'], ['03', '2024-04'];

# method and its arguments, for a split by some levels
sub method
{
	my ($next, $by) = @_;
	my $method = one($next, ('equal') x 4, ('history') x 3, 'weights', 'weights', 'growth', 'increment', 'shrunk', 'blend');
	my $single = $by !~ /,/;
	my $text = "method => '$method'";
	if ($method eq 'weights')
	{
		return "method => 'weights', weights_from => 'potential'" if $by =~ /^\{(?:market|line|market,line|line,market)\}$/ && chance($next, 60);
		return "method => 'weights', weights => '{\"A\": 3, \"B\": 2, \"C\": " . below($next, 3) . "}'" if $by eq '{line}';
		return "method => 'weights', weights => '{\"East\": 1, \"West\": 2, \"North\": 4}'" if $by eq '{market}';
		return "method => 'straight_line', weights => '{\"first\": 1, \"last\": 4}'" if $by =~ /^\{(?:quarter|month|half)\}$/;
		return "method => 'equal'";
	}
	$text .= q{, weights => '{"*": 0.1, "A": 0.5, "East": -0.2}'} if $method eq 'growth' && $single;
	$text .= q{, basis => '[2022-01-01,2024-01-01)'} if $method eq 'shrunk';
	$text .= q{, bases => '[{"basis": "[2022-01-01,2023-01-01)", "factor": 0.5}, {"basis": "[2023-01-01,2024-01-01)", "factor": 0.5}]'} if $method eq 'blend';
	$text .= one($next, '', ", on_negative => 'zero', on_zero => 'equal', on_missing => 'zero'", ", on_negative => 'absolute', on_zero => 'equal', on_missing => 'equal'");
	return $text;
}

sub split_call
{
	my ($next) = @_;
	my $by = one($next, @levels);
	my $arguments = method($next, $by);
	$arguments .= maybe($next, 15, ', quantum => 12', ', quantum => 10', ', quantum => 100');
	$arguments .= maybe($next, 15, map { ", residual => '$_'" } qw(first last highest lowest carry));
	if (chance($next, 15))
	{
		my ($level) = $by =~ /^\{(\w+)/;
		my $member = $level eq 'market' ? 'East' : $level eq 'line' ? 'A' : '*';
		$arguments .= one($next, qq{, bounds => '{"$level": {"$member": {"at_least": 12}}}'}, qq{, bounds => '{"$level": {"$member": {"at_most": 240}}}'},
			qq{, bounds => '{"$level": {"$member": {"at_least": 12, "at_most": 600}}}'}, qq{, bounds => '{"$level": {"*": {"at_most": 1200}}}'});
	}
	return "SELECT count(*) FROM split_target(:t, '$by', $arguments);";
}

# one target by its id, or all of a slice, a period or both
sub which
{
	my ($next) = @_;
	return ':t' if chance($next, 55);
	my @parts = ("plan => :'p'", "metric => :'m'");
	my $kind = below($next, 3);
	push @parts, "slice => :'s'" if $kind != 1;
	push @parts, 'period => ' . one($next, @periods) if $kind != 0;
	return join ', ', @parts;
}

sub adjust_call
{
	my ($next) = @_;
	my $arguments = which($next);
	$arguments .= ', ' . one($next, map { "growth => $_" } qw(0.05 -0.1 0.333 -1 1.5)) if (my $what = below($next, 3)) == 0;
	$arguments .= ', ' . one($next, map { "add => $_" } qw(1 -1 12 -12 120 -24 0.01 0 5000)) if $what == 1;
	$arguments .= ', amount => ' . one($next, ":a + 12", ":a - 12", '0', '120', '-60', '1200') if $what == 2;
	$arguments .= one($next, '', '', map { ", absorb => $_" } "'root'", "'root'", "'market'", "'line'", "'quarter'", "'siblings'", ":'t'");
	$arguments .= maybe($next, 10, map { ", carried_by => '$_'" } '{"market": "East"}', '{"line": "A"}', '{"line": "C"}');
	$arguments .= maybe($next, 25, ', keep_locks => false');
	$arguments .= maybe($next, 40, ", on_zero => 'equal'");
	$arguments .= maybe($next, 40, ", on_negative => 'absolute'");
	return "SELECT count(*) FROM adjust_target($arguments);";
}

sub resplit_call
{
	my ($next) = @_;
	my $arguments = ':t';
	$arguments .= maybe($next, 60, ', amount => :a + 12', ', amount => :a - 24', ', amount => 600', ', amount => 0', ', amount => :a');
	if (chance($next, 30))
	{
		my $by = one($next, '{market}', '{line}', '{quarter}', '{line,market}');
		$arguments .= maybe($next, 50, ", by => '$by'") . ', ' . method($next, $by);
	}
	$arguments .= maybe($next, 25, ', keep_adjustments => false');
	$arguments .= maybe($next, 25, ', keep_locks => false');
	return "SELECT count(*) FROM resplit_target($arguments);";
}

# A call: its name; how often it is made; the kind of target that is picked for :t (plan :p,
# metric :m, slice :s, amount :a); whether it is plain SQL on the table, which locks rows in no
# order, or changes members, or is several statements; and what makes its text.
my @calls = (
	{ name => 'split', often => 24, kind => 'leaf', text => \&split_call },
	{ name => 'split below', often => 6, kind => 'any', text => \&split_call },
	{ name => 'unsplit', often => 6, kind => 'inner', text => sub { 'SELECT unsplit_target(:t);' } },
	{ name => 'lock', often => 8, kind => 'part', text => sub {
			my ($next) = @_;
			return 'SELECT count(*) FROM lock_target(' . which($next) . maybe($next, 50, ", scope => 'target'", ", scope => 'leaves'") . ');' } },
	{ name => 'unlock', often => 8, kind => 'locked', text => sub {
			my ($next) = @_;
			return 'SELECT count(*) FROM unlock_target(' . which($next) . maybe($next, 30, ", scope => 'target'", ", scope => 'leaves'") . ');' } },
	{ name => 'adjust', often => 30, kind => 'part', text => \&adjust_call },
	{ name => 'adjust any', often => 8, kind => 'any', text => \&adjust_call },
	{ name => 'resplit', often => 10, kind => 'inner', text => \&resplit_call },
	{ name => 'undo', often => 9, kind => 'any', text => sub { my ($next) = @_; return 'SELECT undo_split(random.pick_split(:\'trees\', ' . one($next, 0, 0, 0, 1, 2, 3) . '));' } },
	{ name => 'over_assign', often => 3, kind => 'any', text => sub {
			my ($next) = @_; return 'SELECT count(*) FROM over_assign(' . which($next) . ', factor => ' . one($next, '0.05', '0.1', 'NULL') . ');' } },
	{ name => 'set', often => 2, kind => 'root', text => sub { my ($next) = @_; return "SELECT set_target(:'p', :'m', amount => " . one($next, 0, 12000, 600, -1200) . ');' } },
	{ name => 'import', often => 4, kind => 'root', several => 1, text => sub {
			my ($next, $session) = @_;
			my @amounts = map { 12 * below($next, 40) } 1 .. 3;
			return "DELETE FROM sheet_$session; INSERT INTO sheet_$session VALUES ('East', $amounts[0]), ('West', $amounts[1]), ('North', $amounts[2]);"
				. " SELECT count(*) FROM import_targets(:'p', :'m', 'sheet_$session', slice => '{\"market\": \"market\"}', amount => 'amount'" . maybe($next, 80, ", absorb => 'root'") . ');' } },
	{ name => 'bounds', often => 3, kind => 'part', plain => 1, text => sub {
			my ($next) = @_; return 'UPDATE target SET ' . one($next, 'at_least = amount - 24, at_most = amount + 24', 'at_least = NULL, at_most = NULL', 'floor_amount = amount, stretch_amount = amount + 60') . ' WHERE target_id = :t;' } },
	{ name => 'between siblings', often => 6, kind => 'inner', plain => 1, text => sub {
			my ($next) = @_;
			return 'WITH pair AS (SELECT plan_id, target_id, row_number() OVER (ORDER BY target_id) AS n FROM target WHERE parent_id = :t AND n_children = 0 ORDER BY target_id'
				. ' OFFSET ' . below($next, 3) . ' LIMIT 2) UPDATE target t SET amount = t.amount + CASE p.n WHEN 1 THEN 12 ELSE -12 END FROM pair p'
				. ' WHERE t.plan_id = p.plan_id AND t.target_id = p.target_id AND (SELECT count(*) FROM pair) = 2;' } },
	{ name => 'all the way up', often => 4, kind => 'leaf', plain => 1, text => sub {
			return 'WITH RECURSIVE up AS (SELECT plan_id, target_id, parent_id FROM target WHERE target_id = :t UNION ALL SELECT t.plan_id, t.target_id, t.parent_id'
				. ' FROM up JOIN target t ON t.plan_id = up.plan_id AND t.target_id = up.parent_id)'
				. ' UPDATE target t SET amount = t.amount + 12 FROM up WHERE t.plan_id = up.plan_id AND t.target_id = up.target_id;' } },
	{ name => 'unbalanced', often => 3, kind => 'part', plain => 1, text => sub { return 'UPDATE target SET amount = amount + 12 WHERE target_id = :t;' } },
	{ name => 'delete parts', often => 2, kind => 'inner', plain => 1, text => sub { return 'DELETE FROM target WHERE parent_id = :t;' } },
	{ name => 'rename', often => 2, kind => 'any', members => 1, text => sub {
			my ($next, $session, $n) = @_;
			my $level = one($next, 'market', 'line', 'town');
			my $dimension = $level eq 'town' ? 'market' : $level;
			return "SELECT count(*) FROM rename_member('$dimension', random.pick_member('$level', " . below($next, 9) . "), 'R$session$n');" } },
	{ name => 'merge', often => 2, kind => 'any', members => 1, text => sub {
			my ($next) = @_;
			my $level = one($next, 'market', 'line', 'town');
			my $dimension = $level eq 'town' ? 'market' : $level;
			my $first = below($next, 9);
			return "SELECT count(*) FROM merge_member('$dimension', random.pick_member('$level', $first), random.pick_member('$level', " . ($first + 1) . '));' } },
	{ name => 'add member', often => 3, kind => 'any', members => 1, text => sub {
			my ($next, $session, $n) = @_;
			return "SELECT add_member('" . one($next, 'market', 'line') . "', 'N$session$n');" } },
);

# A call's text with the target picked for it, for one of the trees.
sub make_call
{
	my ($next, $plan, $session, $n) = @_;
	my @choice = grep { $plan->{members} || !$_->{members} } @calls;
	my $total = 0;
	$total += $_->{often} for @choice;
	my $at = below($next, $total);
	my $call;
	for (@choice)
	{
		$call = $_;
		last if ($at -= $_->{often}) < 0;
	}
	my $pick = below($next, 1000000);
	my $text = $call->{text}->($next, $session, $n);
	return { %$call, pick => "SELECT target_id AS t, plan AS p, metric AS m, slice AS s, amount AS a FROM random.pick(:'trees', '$call->{kind}', $pick) \\gset\n", sql => $text };
}

# The transactions of one session in one sequence: lists of steps.
sub make_work
{
	my ($next, $plan, $session, $sequence) = @_;
	my @work;
	my $n_calls = 5 + below($next, 6);
	my $n = 0;
	while ($n < $n_calls)
	{
		my $isolation = $plan->{members} ? 'READ COMMITTED' : one($next, ('READ COMMITTED') x 3, 'REPEATABLE READ', 'SERIALIZABLE');
		my @steps;
		if (chance($next, 30))
		{
			# a statement on its own, if it is one
			my $call = { what => 'call', %{ make_call($next, $plan, $session, "${sequence}_" . $n++) } };
			push @work, $call->{several} ? [ { what => 'begin', sql => 'BEGIN;' }, $call, { what => 'end', sql => 'COMMIT;' } ] : [$call];
			next;
		}
		push @steps, { what => 'begin', sql => "BEGIN ISOLATION LEVEL $isolation;" };
		my $in_transaction = chance($next, 50) ? 1 : 2 + below($next, 3);
		for (1 .. $in_transaction)
		{
			push @steps, { what => 'savepoint', sql => 'SAVEPOINT s;' } if chance($next, 25);
			push @steps, { what => 'call', %{ make_call($next, $plan, $session, "${sequence}_" . $n++) } };
			push @steps, { what => 'rollback to', sql => 'ROLLBACK TO s;' } if $steps[-2]{what} eq 'savepoint' && chance($next, 25);
		}
		push @steps, { what => 'end', sql => chance($next, 85) ? 'COMMIT;' : 'ROLLBACK;' };
		push @work, \@steps;
	}
	return \@work;
}

# ------------------------------------------------------------------ sessions

my $clock = time;
my @journal;	# of the sequence: time, session, text
my (%made, %outcome, %deadlocks);
my $failures = 0;

sub note_down { my ($session, $text) = @_; push @journal, sprintf '%9.4f  %s  %s', time - $clock, $session->{name}, $text; return; }

sub open_session
{
	my ($name, $database) = @_;
	local $ENV{PGOPTIONS} = '-c client_min_messages=error -c search_path=public,target_split -c datestyle=ISO -c deadlock_timeout=50ms';
	my $pid = open3(my $in, my $out, undef, 'psql', '-XAtq', '-v', 'VERBOSITY=default', '-v', 'SQLSTATE=00000', '-d', $database);
	binmode $in, ':utf8';
	$in->autoflush(1);
	return { name => $name, pid => $pid, in => $in, out => $out, buffer => '', lines => [], several_until => 0, plain_until => 0 };
}

sub close_session
{
	my ($session) = @_;
	close $session->{in};
	close $session->{out};
	waitpid $session->{pid}, 0;
	return;
}

# Sends statements; the answer ends with the state of the last one.
sub send_text
{
	my ($session, $text) = @_;
	$session->{lines} = [];
	$session->{sent} = time;
	print { $session->{in} } "$text\n\\warn \@done :SQLSTATE\n";
	return;
}

# Reads what a session has said: its SQLSTATE if the answer is complete, 'lost' if it is gone.
sub receive
{
	my ($session) = @_;
	my $n = sysread $session->{out}, $session->{buffer}, 65536, length $session->{buffer};
	return 'lost' unless $n;
	while ($session->{buffer} =~ s/^([^\n]*)\n//)
	{
		my $line = $1;
		return $1 if $line =~ /^\@done (\w+)$/;
		push @{ $session->{lines} }, $line;
	}
	return;
}

# Rows of statements that must succeed.
sub ask
{
	my ($session, $text) = @_;
	send_text($session, $text);
	my $state;
	until (defined($state = receive($session))) { }
	die "$text\n$state: @{$session->{lines}}\n" if $state ne '00000';
	return @{ $session->{lines} };
}

# Sends the next step of a session; false when it has none left.
sub go_on
{
	my ($session) = @_;
	while (!$session->{steps} || !@{ $session->{steps} })
	{
		my $steps = shift @{ $session->{work} } or return 0;
		$session->{steps} = [@$steps];
		@$session{qw(savepoint n_before open plain)} = (0, 0, 0, 0);
	}
	my $step = $session->{step} = shift @{ $session->{steps} };
	$session->{several_until} = time if $session->{n_before};
	$session->{plain_until} = time if $session->{plain} || $step->{plain};
	if ($step->{what} eq 'call')
	{
		$made{ $step->{name} }++;
		my $sql = $step->{sql};
		$session->{shown} = $sql;
		send_text($session, $step->{pick} . "\\warn \@k :SQLSTATE\n" . join('', map { "\\warn \@$_ :$_\n" } qw(t p m s a)) . $sql);
	}
	else
	{
		$session->{shown} = $step->{sql};
		send_text($session, $step->{sql});
	}
	return 1;
}

# What came of a step, and what is to be done about it.
sub settle
{
	my ($session, $other, $state) = @_;
	my $step = $session->{step};
	my $name = $step->{name} || $step->{what};
	my (%picked, @told);
	for (@{ $session->{lines} })
	{
		if (/^\@([ktpmsa]) (.*)/) { $picked{$1} = $2; } else { push @told, $_; }
	}
	$picked{trees} = $session->{trees};
	# the call was not even tried
	$state = $picked{k} if $picked{k} && $picked{k} ne '00000' && $state ne 'lost';
	# as it can be pasted
	(my $shown = $session->{shown}) =~ s/:('?)([tpmsa]|trees)\b\1/defined $picked{$2} ? "$1$picked{$2}$1" : $&/ge;
	$shown =~ s/\n/ /g;
	note_down($session, sprintf '%s  [%s, %.0f ms] %s', $shown, $state, 1000 * (time - $session->{sent}), join ' / ', @told);
	$outcome{"$name $state"}++;
my $trouble;

	if ($state eq 'lost')
	{
		$trouble = "lost the connection in: $shown";
	}
	elsif ($state eq '40P01')
	{
		# what the other is doing, or has done meanwhile
		my $busy = $other->{step} ? $other : {};
		my $kind = ($step->{plain} || $session->{plain} || $busy->{plain} || $busy->{step}{plain} || $other->{plain_until} >= $session->{sent}) ? 'with plain SQL'
			: ($session->{n_before} || $busy->{n_before} || $other->{several_until} >= $session->{sent}) ? 'of transactions with several calls' : 'of single calls';
		$deadlocks{$kind}++;
		$trouble = "deadlock of single calls: $shown" if $kind eq 'of single calls';
	}
	elsif (!$allowed{$state})
	{
		$trouble = "unexpected error $state in: $shown: @told";
	}
	$session->{several_until} = time if $session->{n_before};
	$session->{plain_until} = time if $session->{plain} || $step->{plain};
	$session->{open} = 1 if $step->{what} eq 'begin';
	$session->{savepoint} = 1 if $step->{what} eq 'savepoint';
	if ($state ne '00000' && $session->{open})
	{
		# to the savepoint, or out
		if ($session->{savepoint} && $step->{what} eq 'call' && $state !~ /^40/)
		{
			unshift @{ $session->{steps} }, { what => 'rollback to', sql => 'ROLLBACK TO s;' };
		}
		else
		{
			$session->{steps} = [ { what => 'end', sql => 'ROLLBACK;' } ];
			$session->{open} = 0;
		}
	}
	if ($step->{what} eq 'call')
	{
		$session->{n_before}++;
		$session->{plain} ||= $step->{plain};
	}
	return $trouble;
}

# Runs one sequence in both sessions at once; returns what went wrong.
sub run_sequence
{
	my ($monitor, @sessions) = @_;
	my @wrong;
	my %busy = map { fileno($_->{out}) => $_ } grep { go_on($_) } @sessions;
	my $select = IO::Select->new(map { $_->{out} } values %busy);
	while (%busy)
	{
		my @ready = $select->can_read($patience);
		if (!@ready)
		{
			push @wrong, "no answer for $patience seconds; the server says:",
				ask($monitor, q{SELECT pid, state, wait_event_type, wait_event, pg_blocking_pids(pid), query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();});
			kill 'KILL', $_->{pid} for @sessions;
			return @wrong, 'hang';
		}
		for my $handle (@ready)
		{
			my $session = $busy{ fileno $handle };
			defined(my $state = receive($session)) or next;
			my ($other) = grep { $_ != $session } @sessions;
			my $trouble = settle($session, $other, $state);
			push @wrong, $trouble if $trouble;
			if ($state eq 'lost' || !go_on($session))
			{
				$session->{step} = undef;
				$select->remove($handle);
				delete $busy{ fileno $handle };
			}
		}
	}
	return @wrong;
}

# ----------------------------------------------------------------------- run

make_database($template);
sql($template, slurp("$random/setup.sql") . slurp("$random/check.sql") . "ANALYZE;\n");

my @trees = ('P/sales', 'P/units', 'Q/sales', 'Q/crates');
my ($database, $monitor, @sessions);
my ($n_databases, $n_done, $n_unkept, $n_broken) = (0, 0, 0, 0);
my $start = time;

sub next_database
{
	close_session($_) for grep { defined } $monitor, @sessions;
	sql('postgres', "DROP DATABASE $database WITH (FORCE)") if $database;
	$database = 'ts_random_' . ++$n_databases;
	sql('postgres', "CREATE DATABASE $database TEMPLATE $template");
	$monitor = open_session('-', $database);
	@sessions = map { open_session($_, $database) } 1, 2;
	return;
}

for my $sequence (1 .. $n_sequences)
{
	next_database() if !$monitor || $sequence % $per_database == 1;
	@journal = ();
	$clock = time;
	my $next = source($seed * 15485863 + $sequence * 32452843);
	my $plan = { members => chance($next, 15), trees => [ chance($next, 70) ? one($next, @trees) : ($trees[ below($next, 2) ], $trees[ 2 + below($next, 2) ]) ] };
	my $trees = '{' . join(',', @{ $plan->{trees} }) . '}';
	ask($monitor, "SELECT random.trim('$trees', " . (chance($next, 8) ? 1 : $most_targets) . ', ' . below($next, 6) . '); SELECT random.remember();');
	for my $session (@sessions)
	{
		my $own = source($seed * 49979687 + $sequence * 67867967 + $session->{name} * 86028121);
		ask($session, "\\set trees '$trees'\nSELECT 1;");
		$session->{trees} = $trees;
		$session->{work} = make_work($own, $plan, $session->{name}, $sequence);
		$session->{steps} = undef;
	}
	my @wrong = run_sequence($monitor, @sessions);
	my $hung = @wrong && $wrong[-1] eq 'hang';
	my $lost = grep { /^lost the connection/ } @wrong;
	my @told = @wrong;
	if (!$hung && !$lost)
	{
		my @broken = ask($monitor, 'SELECT * FROM random.problems() LIMIT 20;');
		push @broken, ask($monitor, 'SELECT * FROM random.history_problems() LIMIT 20;') if $sequence % $per_database == 0 || $sequence == $n_sequences;
		push @wrong, @broken;
	}
	$n_done++;
	next unless @wrong;
	$n_unkept++ if @told;
	$n_broken++ if @wrong > @told;
	diag("sequence $sequence of seed $seed, on $trees:");
	diag("    $_") for @wrong;
	# all there is to know, in a file
	mkdir $_ for "$top/tmp_check", "$top/tmp_check/random";
	my $file = "$top/tmp_check/random/$seed-$sequence.log";
	open my $out, '>:utf8', $file or die "$file: $!";
	print $out "$_\n" for @wrong, '', @journal, '', $hung || $lost ? () : ask($monitor, 'SELECT * FROM random.state();');
	close $out;
	diag("    (both sessions, and what they found: $file)");
	$failures++;
	last if $failures >= $most_failures;
	# the next one does not go on from what is broken; a hang or a crash ends it all
	last if $hung || $lost;
	next_database();
}
close_session($_) for grep { defined } $monitor, @sessions;
psql('postgres', "DROP DATABASE $database WITH (FORCE)");

diag(sprintf '%d sequences of seed %d in %.0f s; deadlocks: %s', $n_done, $seed, time - $start,
	join(', ', map { "$deadlocks{$_} $_" } sort keys %deadlocks) || 'none');
if ($ENV{TS_RANDOM_OUTCOMES})
{
	diag("$_: $outcome{$_}") for sort keys %outcome;
}

is($n_unkept, 0, "$n_done sequences: no unexpected error, no deadlock of single calls, no hang");
is($n_broken, 0, 'and all promises hold after each');
# No call fails always.
for my $call (grep { $_->{name} !~ /unbalanced/ } @calls)
{
	my $succeeded = $outcome{"$call->{name} 00000"} || 0;
	ok($n_sequences < 300 || $succeeded > 0, "$call->{name}: $succeeded of " . ($made{ $call->{name} } || 0) . ' calls succeeded');
}
ok(!$outcome{'unbalanced 00000'} || $outcome{'unbalanced 23514'}, 'an update that does not add up is refused');

done_testing();
