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

/* The year of a label that is not a year's: two digits in this century. */
static const char *
short_year(int year)
{
	static char text[8];

	snprintf(text, sizeof(text), year >= 2000 && year <= 2099 ? "%02d" : "%04d",
			 year >= 2000 && year <= 2099 ? year - 2000 : year);
	return text;
}

static void
test_months(int32_t first, int32_t last, int fiscal_start)
{
	ts_calendar_rule by_end = {.first_month = fiscal_start, .label_by_end = true, .week_start = 1};
	ts_calendar_rule by_start = {.first_month = fiscal_start, .week_start = 1};
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
				snprintf(expected, sizeof(expected), "FY%s-H%d", short_year(ending), offset / 6 + 1);
			else if (grains[i] == TS_GRAIN_QUARTER)
				snprintf(expected, sizeof(expected), "FY%s-Q%d", short_year(ending), offset / 3 + 1);
			else
				strftime(expected, sizeof(expected), "%Y-%m", &last_day);
			check(ts_period_label(&by_end, grains[i], start, label, sizeof(label)) ==
				  (int) strlen(expected), "length of a label", day);
			check(strcmp(label, expected) == 0, "label by end", day);

			ts_period_label(&by_start, grains[i], start, label, sizeof(label));
			if (grains[i] != TS_GRAIN_MONTH)
			{
				int			n = grains[i] == TS_GRAIN_YEAR ?
				snprintf(expected, sizeof(expected), "FY%04d", fiscal_year) :
				snprintf(expected, sizeof(expected), "FY%s-", short_year(fiscal_year));

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
	ts_calendar_rule rule = {.first_month = 1, .label_by_end = true, .week_start = week_start};
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
	ts_calendar_rule rule = {0};

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
	ts_calendar_rule rule = {.first_month = 1, .label_by_end = true, .week_start = 1};
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
	ts_calendar_rule rule = {.first_month = 7, .week_start = 3};
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

/*
 * The first day of a year of weeks, looked for day by day: the nearest one of
 * its weekday to the first of the month, or the last one up to it.
 */
static int32_t
find_year_start(const ts_calendar_rule *rule, int year)
{
	int32_t		day = libc_make_day(year, rule->first_month - 1, 1);

	if (rule->ends_in_month)
	{
		while (libc_day(day).tm_wday != rule->week_start % 7)
			day--;
		return day;
	}
	for (int away = 0;; away++)
	{
		if (libc_day(day - away).tm_wday == rule->week_start % 7)
			return day - away;
		if (libc_day(day + away).tm_wday == rule->week_start % 7)
			return day + away;
	}
}

/*
 * Years of weeks: walks through each year week by week, with the months as a
 * list of the weeks that begin one.
 */
static void
test_week_years(const char *pattern, const int *weeks, int n_months, bool ends_in_month)
{
	ts_calendar_rule rule = {.n_months = n_months, .ends_in_month = ends_in_month};
	static const int quarter_of_13[] = {0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3};
	int			n_long = 0;
	char		name[80];

	for (int month = 0; month < n_months; month++)
		rule.month_weeks[month] = weeks[month % 3];
	for (rule.first_month = 1; rule.first_month <= 12; rule.first_month += 3)
		for (rule.week_start = 1; rule.week_start <= 7; rule.week_start++)
			for (int year = FIRST_YEAR; year < LAST_YEAR; year++)
			{
				int32_t		start = find_year_start(&rule, year);
				int32_t		next = find_year_start(&rule, year + 1);
				int			n_weeks = (next - start) / 7;
				int			month = 0;
				int			of_month = 0;	/* weeks of it so far */
				int32_t		begin[TS_GRAIN_COUNT];
				int			number[TS_GRAIN_COUNT] = {1, 1, 1, 1};

				rule.month_53 = year % n_months;
				rule.label_by_end = year % 2 == 0;
				n_long += n_weeks == 53;
				check((next - start) % 7 == 0 && (n_weeks == 52 || n_weeks == 53), "weeks of a year", start);
				for (int grain = 0; grain < TS_GRAIN_COUNT; grain++)
					begin[grain] = start;
				for (int week = 0; week < n_weeks; week++)
				{
					int32_t		first = start + 7 * week;
					int32_t		last = first + 6;
					int			goes_to = month;
					char		label[TS_PERIOD_LABEL_SIZE];
					char		expected[40];

					begin[TS_GRAIN_WEEK] = first;
					number[TS_GRAIN_WEEK] = week + 1;
					for (int grain = 0; grain < TS_GRAIN_DAY; grain++)
					{
						int32_t		s;
						int32_t		e;

						ts_period_bounds(&rule, (ts_grain) grain, last, &s, &e);
						check(s == begin[grain] && e > last, "start of a period", last);
						check(ts_period_number(&rule, (ts_grain) grain, last) == number[grain], "number", last);
						ts_period_bounds(&rule, (ts_grain) grain, first, &s, &e);
						check(s == begin[grain], "start of a period, by its first day", first);
						if (week == n_weeks - 1)
							check(e == next, "end of the year", first);
					}
					year += rule.label_by_end && rule.first_month > 1;
					snprintf(expected, sizeof(expected), "FY%s-%c%02d", short_year(year), n_months == 13 ? 'P' : 'M', month + 1);
					ts_period_label(&rule, TS_GRAIN_MONTH, last, label, sizeof(label));
					check(strcmp(label, expected) == 0, expected, last);
					snprintf(expected, sizeof(expected), "FY%s-W%02d", short_year(year), week + 1);
					ts_week_label(&rule, last, label, sizeof(label));
					check(strcmp(label, expected) == 0, expected, last);
					year -= rule.label_by_end && rule.first_month > 1;

					/* to the month of the next week */
					of_month++;
					if (of_month == weeks[month % 3] + (n_weeks == 53 && month == rule.month_53))
					{
						goes_to++;
						of_month = 0;
					}
					if (goes_to > month && goes_to < n_months)
					{
						int			quarter = n_months == 13 ? quarter_of_13[goes_to] : goes_to / 3;
						int			before = n_months == 13 ? quarter_of_13[month] : month / 3;

						begin[TS_GRAIN_MONTH] = last + 1;
						number[TS_GRAIN_MONTH] = goes_to + 1;
						if (quarter > before)
						{
							begin[TS_GRAIN_QUARTER] = last + 1;
							number[TS_GRAIN_QUARTER] = quarter + 1;
						}
						if (quarter > before && quarter == 2)
						{
							begin[TS_GRAIN_HALF] = last + 1;
							number[TS_GRAIN_HALF] = 2;
						}
						month = goes_to;
					}
				}
			}
	/* about five or six of 28 years are long */
	check(n_long > 400 && n_long < 640, "years of 53 weeks", n_long);
	snprintf(name, sizeof(name), "years of weeks, %s, ending with the %s", pattern,
			 ends_in_month ? "last one in the month" : "nearest one");
	report(name);
}

/* 53-week years of the National Retail Federation: nrf.com, 4-5-4 calendar */
static void
test_retail_years(void)
{
	static const int long_years[] = {2000, 2006, 2012, 2017, 2023};
	ts_calendar_rule rule = {
		.first_month = 2, .week_start = 7, .n_months = 12,
		.month_weeks = {4, 5, 4, 4, 5, 4, 4, 5, 4, 4, 5, 4}, .month_53 = 11
	};
	int			next_long = 0;

	for (int year = 2000; year < 2028; year++)
	{
		int32_t		start;
		int32_t		end;
		bool		is_long = next_long < 5 && long_years[next_long] == year;

		ts_period_bounds(&rule, TS_GRAIN_YEAR, ts_ymd_to_day(year, 6, 1), &start, &end);
		check(end - start == 7 * (is_long ? 53 : 52), "weeks", year);
		next_long += is_long;
	}
	report("retail years of 53 weeks as published");
}

/* Listed periods: looked up, numbered, and nothing outside of the list. */
static void
test_listed(void)
{
	int32_t		years[] = {10, 110, 150};
	int32_t		months[] = {10, 30, 70, 110, 120, 150};
	const char *year_labels[] = {"Y1", "Y2"};
	const char *month_labels[] = {"a", "b", "c", "d", "e"};
	ts_calendar_table table = {.n = {2, 0, 0, 5}};
	ts_calendar_rule rule = {.first_month = 1, .week_start = 1, .table = &table};
	char		label[TS_PERIOD_LABEL_SIZE];

	table.start[TS_GRAIN_YEAR] = years;
	table.label[TS_GRAIN_YEAR] = year_labels;
	table.start[TS_GRAIN_MONTH] = months;
	table.label[TS_GRAIN_MONTH] = month_labels;
	check(ts_calendar_has(&rule, TS_GRAIN_MONTH) && !ts_calendar_has(&rule, TS_GRAIN_QUARTER) &&
		  ts_calendar_has(&rule, TS_GRAIN_WEEK) && ts_calendar_has(&rule, TS_GRAIN_DAY), "grains", 0);
	check(ts_calendar_covers(&rule, 10, 150) && !ts_calendar_covers(&rule, 9, 20) &&
		  !ts_calendar_covers(&rule, 20, 151), "days", 0);
	for (int32_t day = 10; day < 150; day++)
	{
		int			month = 0;
		int32_t		start;
		int32_t		end;

		while (months[month + 1] <= day)
			month++;
		ts_period_bounds(&rule, TS_GRAIN_MONTH, day, &start, &end);
		check(start == months[month] && end == months[month + 1], "listed month", day);
		check(ts_period_number(&rule, TS_GRAIN_MONTH, day) == (month < 3 ? month + 1 : month - 2), "number", day);
		ts_period_label(&rule, TS_GRAIN_MONTH, day, label, sizeof(label));
		check(strcmp(label, month_labels[month]) == 0, "label", day);
		/* weeks from Monday; day 2 was one */
		ts_period_bounds(&rule, TS_GRAIN_WEEK, day, &start, &end);
		check(start <= day && day < end && end - start <= 7 &&
			  start >= months[month] && end <= months[month + 1] &&
			  (start == months[month] || (start - 2) % 7 == 0) &&
			  (end == months[month + 1] || (end - 2) % 7 == 0), "week", day);
	}
	/* the week of the days 30 to 36 begins with month b; that of 65 is cut at 70 */
	ts_period_label(&rule, TS_GRAIN_WEEK, 66, label, sizeof(label));
	check(strcmp(label + strlen(label) - 2, "/1") == 0, "first part", 66);
	ts_period_label(&rule, TS_GRAIN_WEEK, 70, label, sizeof(label));
	check(strcmp(label + strlen(label) - 2, "/2") == 0, "second part", 70);
	ts_period_label(&rule, TS_GRAIN_MONTH, 9, label, sizeof(label));
	check(label[0] == '\0', "no label before the list", 9);
	ts_period_label(&rule, TS_GRAIN_MONTH, 150, label, sizeof(label));
	check(label[0] == '\0', "no label after the list", 150);
	check(ts_period_number(&rule, TS_GRAIN_MONTH, 150) == 0 && ts_period_number(&rule, TS_GRAIN_HALF, 20) == 0, "no number", 0);
	report("listed periods");
}

/* The same week in another year: both ways the same, and none is left out. */
static void
test_same_week(void)
{
	ts_calendar_rule rules[] = {
		{.first_month = 1, .label_by_end = true, .week_start = 1},
		{.first_month = 2, .week_start = 7, .n_months = 12,
		.month_weeks = {4, 5, 4, 4, 5, 4, 4, 5, 4, 4, 5, 4}, .month_53 = 11}
	};

	for (int r = 0; r < 2; r++)
		for (int32_t day = ts_ymd_to_day(1998, 1, 1); day < ts_ymd_to_day(2030, 1, 1); day++)
			for (int years = -6; years <= 6; years++)
			{
				int32_t		days[2];
				int			n = ts_same_week(&rules[r], day, years, days);
				int			week = libc_day(day).tm_wday;

				for (int i = 0; i < n; i++)
				{
					int32_t		back[2];
					int			n_back = ts_same_week(&rules[r], days[i], -years, back);
					int32_t		away = days[i] - day - years * 365;

					check(libc_day(days[i]).tm_wday == week, "weekday", day);
					check(back[0] == day || (n_back == 2 && back[1] == day), "back again", day);
					check(away > -15 && away < 15, "about the same date", day);
					check(years != 0 || (n == 1 && days[0] == day), "itself", day);
				}
			}
	/* ISO: 2020 has a week 53, which 2021 has not */
	{
		int32_t		days[2];

		check(ts_same_week(&rules[0], ts_ymd_to_day(2020, 12, 31), 1, days) == 1 &&
			  days[0] == ts_ymd_to_day(2021, 12, 30), "week 53", 2020);
		check(ts_same_week(&rules[0], ts_ymd_to_day(2021, 12, 30), -1, days) == 2 &&
			  days[0] == ts_ymd_to_day(2020, 12, 24) && days[1] == ts_ymd_to_day(2020, 12, 31), "week 52", 2021);
		check(ts_same_week(&rules[0], ts_ymd_to_day(2024, 1, 1), -1, days) == 1 &&
			  days[0] == ts_ymd_to_day(2023, 1, 2), "week 1", 2024);
	}
	report("the same week in other years");
}

/* The ways to write a period */
static void
test_written(void)
{
	ts_calendar_rule rule = {.first_month = 1, .label_by_end = true, .week_start = 1};
	char		names[TS_PERIOD_NAMES][TS_PERIOD_LABEL_SIZE];

	check(ts_period_names(&rule, TS_GRAIN_QUARTER, ts_ymd_to_day(2024, 2, 1), names) == 3 &&
		  strcmp(names[0], "FY24-Q1") == 0 && strcmp(names[1], "FY2024-Q1") == 0 &&
		  strcmp(names[2], "2024-Q1") == 0, "this century", 0);
	check(ts_period_names(&rule, TS_GRAIN_QUARTER, ts_ymd_to_day(1999, 2, 1), names) == 2 &&
		  strcmp(names[0], "FY1999-Q1") == 0 && strcmp(names[1], "1999-Q1") == 0, "another", 0);
	check(ts_period_names(&rule, TS_GRAIN_YEAR, 0, names) == 1 && strcmp(names[0], "FY2000") == 0, "year", 0);
	check(ts_period_names(&rule, TS_GRAIN_MONTH, 0, names) == 1 && strcmp(names[0], "2000-01") == 0, "month", 0);
	report("ways to write a period");
}

int
main(void)
{
	int32_t		first = libc_make_day(FIRST_YEAR, 0, 1);
	int32_t		last = libc_make_day(LAST_YEAR + 1, 0, 1);
	int			i;

	printf("1..38\n");
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
	{
		static const int weeks_445[] = {4, 4, 5};
		static const int weeks_454[] = {4, 5, 4};
		static const int weeks_544[] = {5, 4, 4};
		static const int weeks_13[] = {4, 4, 4};

		for (int last = 0; last < 2; last++)
		{
			test_week_years("4-4-5", weeks_445, 12, last);
			test_week_years("4-5-4", weeks_454, 12, last);
			test_week_years("5-4-4", weeks_544, 12, last);
			test_week_years("13x4", weeks_13, 13, last);
		}
	}
	test_retail_years();
	test_listed();
	test_written();
	test_same_week();
	return nfailed > 0 || ntests != 38;
}
