# What the documents show is what comes out: the ```sql blocks of each page run in
# order, by one psql in an empty database, and what it prints for a block is what
# the block after it shows, if there is one (``` or ```text), but for spaces at
# the ends of lines.  A block that is not to be run is ```postgresql or ```psql.
use strict;
use warnings;
use utf8;

use FindBin ();
use lib $FindBin::RealBin;
use TargetSplitTest;
use Test::More;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output);
$ENV{PGCLIENTENCODING} = 'UTF8';
# notices are part of what is shown
delete $ENV{PGOPTIONS};
# psql for a reader of the page, whatever the tester's terminal is
$ENV{PGTZ} = 'UTC';
$ENV{PAGER} = '';
$ENV{COLUMNS} = 1000;

# Texts between blocks in psql's output
my $mark = 'end of block';
my $top = "$FindBin::RealBin/../..";

sub trimmed
{
	my ($text) = @_;
	$text =~ s/[ \t]+$//mg;
	$text =~ s/\A\n+//;
	$text =~ s/\n+\z//;
	return $text;
}

# The sql blocks of a page: [line, statements, output or undef].
sub blocks
{
	my ($page) = @_;
	my (@blocks, $language, $text, $start);
	my $between = '';

	my $line = 0;
	for (split /\n/, $page)
	{
		$line++;
		if (!defined $language && /^```(\w*)$/)
		{
			($language, $text, $start) = ($1, '', $line);
		}
		elsif (!defined $language)
		{
			$between .= $_;
		}
		elsif (/^```$/)
		{
			if ($language eq 'sql')
			{
				push @blocks, [$start, $text, undef];
			}
			elsif (@blocks && $language =~ /^(text)?$/ && $between =~ /^\s*$/)
			{
				$blocks[-1][2] = $text unless defined $blocks[-1][2];
			}
			# what follows another block is not what the sql printed
			$between = $language eq 'sql' ? '' : 'other';
			undef $language;
		}
		else
		{
			$text .= "$_\n";
		}
	}
	return @blocks;
}

my @pages = ('README.md', 'README.zh-CN.md', map { s/^\Q$top\E\///r } sort glob "'$top'/docs/*.md");

for my $name (@pages)
{
	my $page = slurp("$top/$name");
	utf8::decode($page);
	my @blocks = blocks($page) or next;
	my $database = "ts_docs_" . ($name =~ s/\W/_/gr);
	my $file = folder() . '/page.sql';

	make_database($database);
	open my $script, '>:encoding(UTF-8)', $file or die "$file: $!";
	print $script "\\set SHOW_CONTEXT never\n", map { "$_->[1]\n\\echo $mark\n" } @blocks;
	close $script;
	my $printed = `psql -X -q -d $database <'$file' 2>&1`;
	utf8::decode($printed);
	my @printed = split /^\Q$mark\E\n/m, $printed, -1;
	is(scalar @printed, @blocks + 1, "$name: " . @blocks . ' blocks') or diag $printed;
	for my $i (0 .. $#blocks)
	{
		my ($line, $sql, $shown) = @{ $blocks[$i] };
		my $got = defined $printed[$i] ? trimmed($printed[$i]) : '';

		if (defined $shown)
		{
			is($got, trimmed($shown), "$name, line $line");
		}
		else
		{
			unlike($got, qr/^(ERROR|FATAL|PANIC|WARNING)/m, "$name, line $line: runs");
		}
	}
	# roles of a page are not those of the next one
	sql($database, qq{DO \$\$DECLARE r text; BEGIN FOR r IN SELECT rolname FROM pg_roles WHERE rolname IN ('analyst', 'bi_reader') LOOP
		EXECUTE format('DROP OWNED BY %I', r); EXECUTE format('DROP ROLE %I', r); END LOOP; END\$\$});
}

done_testing();
