/*-------------------------------------------------------------------------
 *
 * calendar.c
 *	  Days, months, weeks and fiscal periods.
 *
 * Glossary
 *	  day		days since 2000-01-01, negative before: PostgreSQL's DateADT
 *	  grain		a kind of period: year, half, quarter, month, week, day
 *	  period	[start, end): the first day, and the first day after it
 *	  fiscal	counted from the first day of the rule's first month.  Years,
 *				halves and quarters are fiscal; months are calendar months
 *	  whole week	seven days that begin on the rule's week_start
 *	  segment	the part of a whole week that lies in one month.  The week
 *				grain is made of segments: a week that crosses a month end
 *				comes as two, so that months and weeks both add up exactly
 *
 * Method
 *	  Proleptic Gregorian calendar with astronomical years: year 0 is 1 BC.
 *	  Dates are counted in cycles of 400 years that begin on 1 March, because
 *	  then the leap day is the last day of a year and a month's first day
 *	  does not depend on it.  Fiscal periods are found in months counted from
 *	  year 0, where a period of n months begins at every n-th month after the
 *	  fiscal start.
 *
 *	  A whole week's number is the one of its fourth day: week 1 of a year is
 *	  the first one with at least four of its days in that year.  With weeks
 *	  from Monday the fourth day is Thursday and this is ISO 8601; with weeks
 *	  from Sunday it is Wednesday.
 *
 * Labels
 *	  year		FY2024			named by the calendar year it begins or ends
 *								in, as the rule says
 *	  half		FY2024-H1
 *	  quarter	FY2024-Q3
 *	  month		2024-01			calendar year and month
 *	  week		2024-W06		a week that lies in one month
 *				2024-W05/01		a segment: its week, and its month's number;
 *								the rest of that week is 2024-W05/02.  The
 *								year is the week's, not the month's
 *	  day		2024-01-31
 *	  Within a grain no two periods have the same label.  From year 0 to
 *	  9999 labels other than those of weeks sort as text in order of time.
 *
 * Limits
 *	  Days from -2,451,545 (4714 BC) to 2,145,031,948 (5874897 AD), the range
 *	  of PostgreSQL's date, leave room for the bounds of the period around
 *	  them.  ts_add_months and ts_ymd_to_day return INT32_MIN or INT32_MAX,
 *	  which are no valid date, for what lies beyond 32 bits.
 *
 *-------------------------------------------------------------------------
 */
#include "engine/calendar.h"

#include <string.h>

#define DAYS_PER_400_YEARS	146097
#define DAYS_PER_100_YEARS	36524
#define DAYS_PER_4_YEARS	1461
#define DAYS_PER_YEAR		365

/* from 0000-03-01, where the cycles are counted from, to 2000-01-01 */
#define EPOCH_FROM_MARCH_0	730425

/* 2000-01-01 was a Saturday */
#define EPOCH_ISO_DAY		6

/* first day of each month in a year that begins on 1 March */
static const int march_month_start[12] = {
	0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337
};

static const int month_days[12] = {
	31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
};

/*
 * What is to be known of a grain.  A month has 30.436875 days on average; it
 * has 30.436875 / 7 week starts, and its own first day starts a segment too
 * unless it is one of them, which happens six times in seven.
 */
static const struct
{
	const char *name;
	int			months;			/* length in months; 0: not made of months */
	double		average_days;
}			grains[TS_GRAIN_COUNT] = {
	[TS_GRAIN_YEAR] = {"year", 12, 365.2425},
	[TS_GRAIN_HALF] = {"half", 6, 182.62125},
	[TS_GRAIN_QUARTER] = {"quarter", 3, 91.310625},
	[TS_GRAIN_MONTH] = {"month", 1, 30.436875},
	[TS_GRAIN_WEEK] = {"week", 0, 30.436875 / (30.436875 / 7 + 6.0 / 7)},
	[TS_GRAIN_DAY] = {"day", 0, 1}
};

/* Quotient rounded down, also for a negative dividend. */
static inline int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Remainder that goes with floor_div: 0 .. b - 1. */
static inline int
floor_mod(int64_t a, int64_t b)
{
	int64_t		r = a % b;

	return (int) (r < 0 ? r + b : r);
}

static int32_t
saturate(int64_t day)
{
	if (day < INT32_MIN)
		return INT32_MIN;
	if (day > INT32_MAX)
		return INT32_MAX;
	return (int32_t) day;
}

static bool
is_leap_year(int64_t y)
{
	return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
}

/* Month 1 .. 12 and day 1 .. of an astronomical year, in 64 bits. */
static int64_t
days_from_ymd(int64_t y, int m, int d)
{
	int			march_month = m > 2 ? m - 3 : m + 9;
	int64_t		march_year = m > 2 ? y : y - 1;
	int64_t		cycle = floor_div(march_year, 400);
	int			year = floor_mod(march_year, 400);

	return cycle * DAYS_PER_400_YEARS +
		year * DAYS_PER_YEAR + year / 4 - year / 100 +
		march_month_start[march_month] + d - 1 - EPOCH_FROM_MARCH_0;
}

/* First day of a month that is counted from January of year 0. */
static int64_t
days_from_month(int64_t month)
{
	return days_from_ymd(floor_div(month, 12), floor_mod(month, 12) + 1, 1);
}

/* The month that a day lies in, counted from January of year 0. */
static int64_t
month_of_day(int32_t day)
{
	int			y;
	int			m;
	int			d;

	ts_day_to_ymd(day, &y, &m, &d);
	return (int64_t) y * 12 + m - 1;
}

/* Year, month (1 .. 12) and day of the month (1 ..) of a day. */
void
ts_day_to_ymd(int32_t day, int *y, int *m, int *d)
{
	int64_t		days = (int64_t) day + EPOCH_FROM_MARCH_0;
	int64_t		year = floor_div(days, DAYS_PER_400_YEARS) * 400;
	int			rest = floor_mod(days, DAYS_PER_400_YEARS);
	int			n;
	int			month;

	/*
	 * The last century of a cycle and the last year of an olympiad are a day
	 * longer than the others: that day must not count as one more.
	 */
	n = rest / DAYS_PER_100_YEARS;
	if (n > 3)
		n = 3;
	rest -= n * DAYS_PER_100_YEARS;
	year += n * 100;

	year += rest / DAYS_PER_4_YEARS * 4;
	rest %= DAYS_PER_4_YEARS;

	n = rest / DAYS_PER_YEAR;
	if (n > 3)
		n = 3;
	rest -= n * DAYS_PER_YEAR;
	year += n;

	/* no month has more than 31 days: the guess is right or one too low */
	month = rest / 31;
	if (month < 11 && march_month_start[month + 1] <= rest)
		month++;

	*d = rest - march_month_start[month] + 1;
	if (month < 10)
	{
		*m = month + 3;
		*y = (int) year;
	}
	else
	{
		*m = month - 9;
		*y = (int) year + 1;
	}
}

/*
 * The day of an astronomical year, a month (1 .. 12) and a day of the month.
 * A day of the month beyond the month's end runs on into the next months.
 */
int32_t
ts_ymd_to_day(int y, int m, int d)
{
	return saturate(days_from_ymd(y, m, d));
}

/*
 * The same day of the month, months later (or earlier); the last day of the
 * month where that month is too short.
 */
int32_t
ts_add_months(int32_t day, int months)
{
	int			y;
	int			m;
	int			d;
	int			last;
	int64_t		month;

	ts_day_to_ymd(day, &y, &m, &d);
	month = (int64_t) y * 12 + m - 1 + months;
	last = month_days[floor_mod(month, 12)];
	if (last == 28 && is_leap_year(floor_div(month, 12)))
		last = 29;
	return saturate(days_from_month(month) + (d < last ? d : last) - 1);
}

/* Looks a grain up by its exact name; false if there is none. */
bool
ts_grain_from_name(const char *name, ts_grain *grain)
{
	int			i;

	for (i = 0; i < TS_GRAIN_COUNT; i++)
	{
		if (strcmp(name, grains[i].name) == 0)
		{
			*grain = (ts_grain) i;
			return true;
		}
	}
	return false;
}

const char *
ts_grain_name(ts_grain grain)
{
	return grains[grain].name;
}

/* For estimates: how many days a period of a grain has on average. */
double
ts_grain_average_days(ts_grain grain)
{
	return grains[grain].average_days;
}

/* First day of the whole week that holds the day. */
static int32_t
week_start_of(const ts_calendar_rule *rule, int32_t day)
{
	return day - floor_mod((int64_t) day + EPOCH_ISO_DAY - rule->week_start, 7);
}

/* Year and number of the whole week that holds the day. */
void
ts_week_number(const ts_calendar_rule *rule, int32_t day, int *year, int *week)
{
	int32_t		fourth = week_start_of(rule, day) + 3;
	int			m;
	int			d;

	ts_day_to_ymd(fourth, year, &m, &d);
	*week = (int) (fourth - days_from_ymd(*year, 1, 1)) / 7 + 1;
}

/* The period [start, end) of a grain that holds the day. */
void
ts_period_bounds(const ts_calendar_rule *rule, ts_grain grain, int32_t day,
				 int32_t *start, int32_t *end)
{
	int64_t		month;

	if (grain == TS_GRAIN_DAY)
	{
		*start = day;
		*end = day + 1;
		return;
	}

	month = month_of_day(day);
	if (grain == TS_GRAIN_WEEK)
	{
		int32_t		week = week_start_of(rule, day);

		*start = (int32_t) days_from_month(month);
		*end = (int32_t) days_from_month(month + 1);
		if (*start < week)
			*start = week;
		if (*end > week + 7)
			*end = week + 7;
		return;
	}

	month -= floor_mod(month - (rule->first_month - 1), grains[grain].months);
	*start = (int32_t) days_from_month(month);
	*end = (int32_t) days_from_month(month + grains[grain].months);
}

/* Appends a number with at least so many digits. */
static char *
put_number(char *p, int64_t number, int width)
{
	char		digits[20];
	int			n = 0;

	if (number < 0)
	{
		*p++ = '-';
		number = -number;
	}
	do
	{
		digits[n++] = (char) ('0' + number % 10);
		number /= 10;
	} while (number > 0 || n < width);
	while (n > 0)
		*p++ = digits[--n];
	return p;
}

/*
 * Writes the label of the period of a grain that begins with (or just holds)
 * the day, cut off where the buffer ends.  Returns the whole label's length.
 */
int
ts_period_label(const ts_calendar_rule *rule, ts_grain grain, int32_t start,
				char *buf, size_t size)
{
	char		label[TS_PERIOD_LABEL_SIZE];
	char	   *p = label;
	int			y;
	int			m;
	int			d;
	int			week;
	int32_t		first;
	int32_t		next;
	int			fiscal_month;	/* months since the fiscal year's start */
	int64_t		month;
	size_t		len;

	ts_day_to_ymd(start, &y, &m, &d);
	switch (grain)
	{
		case TS_GRAIN_YEAR:
		case TS_GRAIN_HALF:
		case TS_GRAIN_QUARTER:
			month = (int64_t) y * 12 + m - 1;
			fiscal_month = floor_mod(month - (rule->first_month - 1), 12);
			month -= fiscal_month;
			if (rule->label_by_end)
				month += 11;
			*p++ = 'F';
			*p++ = 'Y';
			p = put_number(p, floor_div(month, 12), 4);
			if (grain != TS_GRAIN_YEAR)
			{
				*p++ = '-';
				*p++ = grain == TS_GRAIN_HALF ? 'H' : 'Q';
				p = put_number(p, fiscal_month / grains[grain].months + 1, 1);
			}
			break;
		case TS_GRAIN_MONTH:
		case TS_GRAIN_DAY:
			p = put_number(p, y, 4);
			*p++ = '-';
			p = put_number(p, m, 2);
			if (grain == TS_GRAIN_DAY)
			{
				*p++ = '-';
				p = put_number(p, d, 2);
			}
			break;
		case TS_GRAIN_WEEK:
			ts_period_bounds(rule, TS_GRAIN_WEEK, start, &first, &next);
			ts_week_number(rule, start, &y, &week);
			p = put_number(p, y, 4);
			*p++ = '-';
			*p++ = 'W';
			p = put_number(p, week, 2);
			if (next - first < 7)
			{
				*p++ = '/';
				p = put_number(p, m, 2);
			}
			break;
	}

	len = (size_t) (p - label);
	if (size > 0)
	{
		size_t		n = len < size ? len : size - 1;

		memcpy(buf, label, n);
		buf[n] = '\0';
	}
	return (int) len;
}
