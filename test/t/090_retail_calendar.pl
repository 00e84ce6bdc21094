# Years of whole weeks against another calendar: the npm package retail-calendar
# (MIT) has every week from 1990 to 2100, by all last months, last weekdays and
# both rules for the year's end.  Without node and npm, or without the package,
# there is nothing to compare with.
use strict;
use warnings;

use FindBin ();
use lib $FindBin::RealBin;
use TargetSplitTest;
use Test::More;

my $package = 'retail-calendar@4.1.2';
my $folder = "$FindBin::RealBin/../../tmp_check/retail_calendar";

plan skip_all => 'node and npm are not there' if grep { system("command -v $_ >/dev/null 2>&1") != 0 } qw(node npm);
system('mkdir', '-p', $folder) == 0 or die "cannot make $folder";
plan skip_all => "$package cannot be had"
	if !-d "$folder/node_modules/retail-calendar"
	&& system("cd '$folder' && npm install --no-save --no-audit --no-fund --silent --prefix . $package >/dev/null 2>&1") != 0;

# A row a week: calendar, first day, week and month of the year.  Months are
# numbered from 1; -1, a week that the package leaves out of its months, is in the last.
my $program = <<'JS';
const r = require('retail-calendar');
const groups = [['4-4-5', r.WeekGrouping.Group445], ['4-5-4', r.WeekGrouping.Group454], ['5-4-4', r.WeekGrouping.Group544]];
const rules = [['nearest', r.WeekCalculation.LastDayNearestEOM], ['last', r.WeekCalculation.LastDayBeforeEOM]];
let n = 0;
for (const [rule, weekCalculation] of rules)
	for (let lastMonthOfYear = 0; lastMonthOfYear < 12; lastMonthOfYear++)
		for (let lastDayOfWeek = 1; lastDayOfWeek <= 7; lastDayOfWeek++) {
			const [pattern, weekGrouping] = groups[n % 3];
			const leap = n % 5 === 0 ? n % 12 : undefined;
			const name = [pattern, rule, (lastMonthOfYear + 1) % 12 + 1, lastDayOfWeek % 7 + 1, leap === undefined ? '' : leap + 1].join(' ');
			const lines = [];
			for (let year = 1990; year < 2100; year++) {
				const c = new r.RetailCalendarFactory({ weekCalculation, weekGrouping, lastDayOfWeek, lastMonthOfYear, addLeapWeekToMonth: leap }, year);
				for (const w of c.weeks)
					lines.push([name, w.gregorianStartDate.toISOString().slice(0, 10), w.weekOfYear + 1, w.monthOfYear < 0 ? 12 : w.monthOfYear].join('\t'));
			}
			console.log(lines.join('\n'));
			n++;
		}
JS
open my $file, '>', "$folder/weeks.js" or die $!;
print {$file} $program;
close $file;
plan skip_all => "$package does not run"
	if system("cd '$folder' && TZ=UTC node weeks.js > weeks.tsv") != 0;

my $database = 'ts_retail';
make_database($database);
sql($database, <<"SQL");
CREATE EXTENSION target_split;
CREATE TABLE theirs (calendar text, day date, week integer, month integer);
\\copy theirs FROM '$folder/weeks.tsv'
CREATE TABLE named AS
SELECT DISTINCT calendar, string_to_array(calendar, ' ') AS part FROM theirs;
SELECT count(target_split.add_calendar(calendar, pattern => part[1], year_end => part[2], first_month => part[3]::integer,
	week_start => part[4]::integer, week_53 => NULLIF(part[5], '')::integer)) FROM named;
CREATE TABLE ours AS
SELECT n.calendar, w.period_start AS day, target_split.period_number('week', w.period_start, c.calendar_id) AS week,
	   target_split.period_number('month', w.period_start, c.calendar_id) AS month
FROM named n
JOIN target_split.calendar c ON c.name = n.calendar
JOIN (SELECT calendar, min(day) AS first, max(day) + 7 AS last FROM theirs GROUP BY calendar) d ON d.calendar = n.calendar,
LATERAL target_split.periods(daterange(d.first, d.last), 'week', n.calendar) w;
SQL
is(sql($database, 'SELECT count(*) FROM named'), '168', 'calendars');
cmp_ok(sql($database, 'SELECT count(*) FROM theirs'), '>', 950000, 'weeks');
is(sql($database, q{SELECT concat_ws(', ', calendar, day, t.week, t.month, o.week, o.month) FROM theirs t FULL JOIN ours o USING (calendar, day)
	WHERE (t.week, t.month) IS DISTINCT FROM (o.week, o.month) ORDER BY calendar, day LIMIT 5}), '', 'every week, its number and its month are the same');
done_testing();
