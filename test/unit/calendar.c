/*-------------------------------------------------------------------------
 *
 * calendar.c
 *	  Unit test of engine/calendar: every day from 1990 to 2100 against the C
 *	  library's own calendar, and the properties that rules of all fiscal
 *	  starts and week starts must have.
 *
 *-------------------------------------------------------------------------
 */
#include "engine/calendar.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define FIRST_YEAR	1990
#define LAST_YEAR	2100

/* seconds from the C library's epoch to 2000-01-01 */
#define EPOCH_SECONDS	INT64_C(946684800)

/* the ends of PostgreSQL's date */
#define FIRST_DATE	(-2451545)
#define LAST_DATE	2145031948

static int	ntests = 0;
static int	nfailed = 0;
static long ndiffs;

/* Counts a difference, and shows the first ones of each test. */
static void
check(bool good, const char *what, int32_t day)
{
	if (good)
		return;
	if (ndiffs++ < 10)
		printf("# %s: day %d\n", what, day);
}

static void
report(const char *name)
{
	printf("%s %d - %s\n", ndiffs == 0 ? "ok" : "not ok", ++ntests, name);
	if (ndiffs > 0)
		nfailed++;
	ndiffs = 0;
}

/* A day by the C library. */
static struct tm
libc_day(int32_t day)
{
	time_t		t = (time_t) (EPOCH_SECONDS + (int64_t) day * 86400);
	struct tm	tm;

	gmtime_r(&t, &tm);
	return tm;
}

static int32_t
libc_make_day(int y, int month0, int d)
{
	struct tm	tm = {.tm_year = y - 1900, .tm_mon = month0, .tm_mday = d};

	return (int32_t) (((int64_t) timegm(&tm) - EPOCH_SECONDS) / 86400);
}

static void
test_days(int32_t first, int32_t last)
{
	int32_t		day;

	for (day = first; day < last; day++)
	{
		struct tm	tm = libc_day(day);
		int			y;
		int			m;
		int			d;

		ts_day_to_ymd(day, &y, &m, &d);
		check(y == tm.tm_year + 1900 && m == tm.tm_mon + 1 && d == tm.tm_mday,
			  "ts_day_to_ymd", day);
		check(ts_ymd_to_day(y, m, d) == day, "ts_ymd_to_day", day);
	}
	report("days and dates, each day");
}

/* Steps that meet every day of the 400-year cycle, to the ends of the range. */
static void
test_far_days(void)
{
	int64_t		day;

	for (day = FIRST_DATE; day <= LAST_DATE; day += 9973)
	{
		struct tm	tm = libc_day((int32_t) day);
		int			y;
		int			m;
		int			d;

		ts_day_to_ymd((int32_t) day, &y, &m, &d);
		check(y == tm.tm_year + 1900 && m == tm.tm_mon + 1 && d == tm.tm_mday,
			  "ts_day_to_ymd", (int32_t) day);
		check(ts_ymd_to_day(y, m, d) == day, "ts_ymd_to_day", (int32_t) day);
	}
	report("days and dates, 4714 BC to 5874897 AD");
}

static void
test_months(int32_t first, int32_t last, int fiscal_start)
{
	ts_calendar_rule by_end = {fiscal_start, true, 1};
	ts_calendar_rule by_start = {fiscal_start, false, 1};
	int32_t		day;
	char		name[40];

	for (day = first; day < last; day++)
	{
		struct tm	tm = libc_day(day);
		static const int lengths[] = {12, 6, 3, 1};
		static const ts_grain grains[] = {
			TS_GRAIN_YEAR, TS_GRAIN_HALF, TS_GRAIN_QUARTER, TS_GRAIN_MONTH
		};
		int			fiscal_year = tm.tm_year + 1900;
		int			offset;
		int			i;

		/* walk back to the fiscal start, month by month */
		for (offset = 0; (tm.tm_mon - offset + 12) % 12 + 1 != fiscal_start; offset++)
			;
		if (tm.tm_mon - offset < 0)
			fiscal_year--;

		for (i = 0; i < 4; i++)
		{
			int			into = offset % lengths[i];
			int32_t		start;
			int32_t		end;
			int32_t		expected_start = libc_make_day(tm.tm_year + 1900, tm.tm_mon - into, 1);
			int32_t		expected_end = libc_make_day(tm.tm_year + 1900, tm.tm_mon - into + lengths[i], 1);
			struct tm	last_day = libc_day(expected_end - 1);
			char		expected[40];
			char		label[TS_PERIOD_LABEL_SIZE];
			int			ending;

			ts_period_bounds(&by_end, grains[i], day, &start, &end);
			check(start == expected_start && end == expected_end, "bounds", day);

			ending = libc_day(libc_make_day(fiscal_year, fiscal_start - 1 + 12, 0)).tm_year + 1900;
			if (grains[i] == TS_GRAIN_YEAR)
				snprintf(expected, sizeof(expected), "FY%04d", ending);
			else if (grains[i] == TS_GRAIN_HALF)
				snprintf(expected, sizeof(expected), "FY%04d-H%d", ending, offset / 6 + 1);
			else if (grains[i] == TS_GRAIN_QUARTER)
				snprintf(expected, sizeof(expected), "FY%04d-Q%d", ending, offset / 3 + 1);
			else
				strftime(expected, sizeof(expected), "%Y-%m", &last_day);
			check(ts_period_label(&by_end, grains[i], start, label, sizeof(label)) ==
				  (int) strlen(expected), "length of a label", day);
			check(strcmp(label, expected) == 0, "label by end", day);

			ts_period_label(&by_start, grains[i], start, label, sizeof(label));
			if (grains[i] != TS_GRAIN_MONTH)
			{
				int			n = snprintf(expected, sizeof(expected), "FY%04d", fiscal_year);

				check(strncmp(label, expected, n) == 0, "label by start", day);
			}
		}
	}
	snprintf(name, sizeof(name), "fiscal years from month %d", fiscal_start);
	report(name);
}

/*
 * Weeks that start on any ISO day.  The year's first week is the one that
 * holds 4 January, found by walking back from there.
 */
static void
test_weeks(int32_t first, int32_t last, int week_start)
{
	ts_calendar_rule rule = {1, true, week_start};
	int32_t		day;
	char		name[40];

	for (day = first; day < last; day++)
	{
		struct tm	tm = libc_day(day);
		int32_t		month_start = libc_make_day(tm.tm_year + 1900, tm.tm_mon, 1);
		int32_t		month_end = libc_make_day(tm.tm_year + 1900, tm.tm_mon + 1, 1);
		int32_t		whole = day;
		int32_t		start;
		int32_t		end;
		int			y;
		int			week;
		int			expected_year;
		int32_t		week_1 = 0;
		char		label[TS_PERIOD_LABEL_SIZE];
		char		expected[40];

		while (libc_day(whole).tm_wday != week_start % 7)
			whole--;
		ts_period_bounds(&rule, TS_GRAIN_WEEK, day, &start, &end);
		check(start == (whole > month_start ? whole : month_start) &&
			  end == (whole + 7 < month_end ? whole + 7 : month_end), "bounds of a week", day);

		for (expected_year = tm.tm_year + 1901;; expected_year--)
		{
			week_1 = libc_make_day(expected_year, 0, 4);
			while (libc_day(week_1).tm_wday != week_start % 7)
				week_1--;
			if (week_1 <= day)
				break;
		}
		ts_week_number(&rule, day, &y, &week);
		check(y == expected_year && week == (day - week_1) / 7 + 1, "week number", day);

		if (week_start == 1)
			strftime(expected, sizeof(expected), "%G-W%V", &tm);
		else
			snprintf(expected, sizeof(expected), "%04d-W%02d", expected_year, (day - week_1) / 7 + 1);
		if (end - start < 7)
			snprintf(expected + strlen(expected), 20, "/%02d", tm.tm_mon + 1);
		ts_period_label(&rule, TS_GRAIN_WEEK, start, label, sizeof(label));
		check(strcmp(label, expected) == 0, "label of a week", day);
	}
	snprintf(name, sizeof(name), "weeks from ISO day %d", week_start);
	report(name);
}

/*
 * For each pair of starts: periods hold their day, follow each other without
 * a gap, and each is a union of periods of the next finer grain.
 */
static void
test_nesting(int32_t first, int32_t last)
{
	ts_calendar_rule rule;

	rule.label_by_end = true;
	for (rule.first_month = 1; rule.first_month <= 12; rule.first_month++)
	{
		for (rule.week_start = 1; rule.week_start <= 7; rule.week_start++)
		{
			int32_t		day;
			int			grain;

			for (day = first; day < last; day++)
			{
				int32_t		outer_start = 0;
				int32_t		outer_end = 0;

				for (grain = TS_GRAIN_YEAR; grain <= TS_GRAIN_DAY; grain++)
				{
					int32_t		start;
					int32_t		end;
					int32_t		other_start;
					int32_t		other_end;

					ts_period_bounds(&rule, (ts_grain) grain, day, &start, &end);
					check(start <= day && day < end, "period holds its day", day);
					ts_period_bounds(&rule, (ts_grain) grain, end, &other_start, &other_end);
					check(other_start == end, "next period", day);
					ts_period_bounds(&rule, (ts_grain) grain, start - 1, &other_start, &other_end);
					check(other_end == start, "previous period", day);
					if (grain > TS_GRAIN_YEAR)
						check(outer_start <= start && end <= outer_end, "nesting", day);
					outer_start = start;
					outer_end = end;
				}
			}
		}
	}
	report("periods hold their days, are contiguous and nest");
}

/* No two periods of a grain that follow each other at any distance share a label. */
static void
test_distinct_labels(int32_t first, int32_t last)
{
	ts_calendar_rule rule = {1, true, 1};
	int32_t		day = first;
	char		recent[64][TS_PERIOD_LABEL_SIZE];
	int			n = 0;

	memset(recent, 0, sizeof(recent));
	while (day < last)
	{
		int32_t		start;
		int32_t		end;
		char		label[TS_PERIOD_LABEL_SIZE];
		int			i;

		ts_period_bounds(&rule, TS_GRAIN_WEEK, day, &start, &end);
		ts_period_label(&rule, TS_GRAIN_WEEK, start, label, sizeof(label));
		for (i = 0; i < 64; i++)
			check(strcmp(recent[i], label) != 0, "label met twice", day);
		strcpy(recent[n++ % 64], label);
		day = end;
	}
	report("labels of weeks are distinct");
}

static void
test_add_months(int32_t first, int32_t last)
{
	int32_t		day;

	for (day = first; day < last; day++)
	{
		struct tm	tm = libc_day(day);
		int			months;

		for (months = -26; months <= 26; months++)
		{
			int32_t		expected = libc_make_day(tm.tm_year + 1900, tm.tm_mon + months, tm.tm_mday);
			int32_t		month_end = libc_make_day(tm.tm_year + 1900, tm.tm_mon + months + 1, 0);

			check(ts_add_months(day, months) == (expected < month_end ? expected : month_end),
				  "ts_add_months", day);
		}
	}
	check(ts_add_months(0, INT32_MAX) == INT32_MAX, "too far forward", 0);
	check(ts_add_months(0, INT32_MIN) == INT32_MIN, "too far back", 0);
	check(ts_ymd_to_day(INT32_MAX, 12, 31) == INT32_MAX, "far year", 0);
	check(ts_ymd_to_day(INT32_MIN, 1, 1) == INT32_MIN, "far year back", 0);
	report("months are added with the end of the month kept");
}

static void
test_ends(void)
{
	ts_calendar_rule rule = {7, false, 3};
	int32_t		start;
	int32_t		end;
	int			grain;
	char		label[TS_PERIOD_LABEL_SIZE];
	char		small[5];

	for (grain = TS_GRAIN_YEAR; grain <= TS_GRAIN_DAY; grain++)
	{
		ts_period_bounds(&rule, (ts_grain) grain, FIRST_DATE, &start, &end);
		check(start <= FIRST_DATE && FIRST_DATE < end, "first date", grain);
		ts_period_bounds(&rule, (ts_grain) grain, LAST_DATE, &start, &end);
		check(start <= LAST_DATE && LAST_DATE < end, "last date", grain);
	}
	ts_period_label(&rule, TS_GRAIN_DAY, LAST_DATE, label, sizeof(label));
	check(strcmp(label, "5874897-12-31") == 0, "label of the last date", LAST_DATE);
	ts_period_label(&rule, TS_GRAIN_DAY, FIRST_DATE, label, sizeof(label));
	check(strcmp(label, "-4713-11-24") == 0, "label of the first date", FIRST_DATE);
	check(ts_period_label(&rule, TS_GRAIN_DAY, 0, small, sizeof(small)) == 10 &&
		  strcmp(small, "2000") == 0, "label cut off", 0);
	check(ts_period_label(&rule, TS_GRAIN_DAY, 0, NULL, 0) == 10, "no buffer", 0);
	report("ends of the range and of the buffer");
}

static void
test_names(void)
{
	ts_grain	grain;
	int			i;

	for (i = 0; i < TS_GRAIN_COUNT; i++)
		check(ts_grain_from_name(ts_grain_name((ts_grain) i), &grain) &&
			  grain == (ts_grain) i, "name of a grain", i);
	check(!ts_grain_from_name("months", &grain), "not a grain", 0);
	check(!ts_grain_from_name("", &grain), "empty name", 0);
	report("names of grains");
}

int
main(void)
{
	int32_t		first = libc_make_day(FIRST_YEAR, 0, 1);
	int32_t		last = libc_make_day(LAST_YEAR + 1, 0, 1);
	int			i;

	printf("1..26\n");
	test_days(first, last);
	test_far_days();
	for (i = 1; i <= 12; i++)
		test_months(first, last, i);
	for (i = 1; i <= 7; i++)
		test_weeks(first, last, i);
	test_nesting(first, last);
	test_distinct_labels(first, last);
	test_add_months(first, last);
	test_ends();
	test_names();
	return nfailed > 0 || ntests != 26;
}
