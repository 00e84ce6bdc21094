/*-------------------------------------------------------------------------
 *
 * calendar.c
 *	  Days, months, weeks and fiscal periods.
 *
 * Glossary
 *	  day		days since 2000-01-01, negative before: PostgreSQL's DateADT
 *	  grain		a kind of period: year, half, quarter, month, week, day
 *	  period	[start, end): the first day, and the first day after it
 *	  fiscal	counted from the first day of the fiscal year
 *	  whole week	seven days that begin on the rule's week_start
 *	  segment	the part of a whole week that lies in one month.  The week
 *				grain is made of segments: a week that crosses a month end
 *				comes as two, so that months and weeks both add up exactly
 *	  year of weeks	a fiscal year of 52 or 53 whole weeks, whose months have
 *				four or five of them each: 4-4-5 and the like
 *
 * Method
 *	  Proleptic Gregorian calendar with astronomical years: year 0 is 1 BC.
 *	  Dates are counted in cycles of 400 years that begin on 1 March, because
 *	  then the leap day is the last day of a year and a month's first day
 *	  does not depend on it.  Fiscal periods are found in months counted from
 *	  year 0, where a period of n months begins at every n-th month after the
 *	  fiscal start.
 *
 *	  A year of weeks begins with the whole week whose first day is nearest to
 *	  the first day of the rule's first month, or with the last one that begins
 *	  on or before it.  So it ends on the Saturday (say) nearest to the end of
 *	  the month before, or on the last one in it.  In a year of 53 weeks one
 *	  month has a week more.  Thirteen periods of four weeks make quarters of
 *	  3, 3, 3 and 4, and halves of 6 and 7.
 *
 *	  A whole week's number is the one of its fourth day: week 1 of a year is
 *	  the first one with at least four of its days in that year.  With weeks
 *	  from Monday the fourth day is Thursday and this is ISO 8601; with weeks
 *	  from Sunday it is Wednesday.  In a year of weeks they are counted from
 *	  its first.
 *
 *	  Listed periods are looked up.  Where weeks are not listed, whole weeks
 *	  are cut at the ends of the finest listed grain.
 *
 * Labels
 *	  year		FY2024			named by the calendar year it begins or ends
 *								in, as the rule says
 *	  half		FY24-H1			FY1999-H1 in another century than 2000
 *	  quarter	FY24-Q3
 *	  month		2024-01			calendar year and month
 *				FY24-M01		in a year of weeks; FY24-P01 of thirteen
 *	  week		2024-W06		a week that lies in one month
 *				2024-W05/01		a segment: its week, and its month's number;
 *								the rest of that week is 2024-W05/02.  The
 *								year is the week's, not the month's
 *				2024-W05/2		the second part, where months are listed
 *				FY24-W05		in a year of weeks
 *	  day		2024-01-31
 *	  Within a grain no two periods have the same label.  From 2000 to 2099
 *	  labels other than those of weeks sort as text in order of time.
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

/* First day of the year of weeks that goes by a calendar year. */
static int32_t
weeks_year_start(const ts_calendar_rule *rule, int64_t year)
{
	int64_t		day = days_from_ymd(year, rule->first_month, 1);

	return week_start_of(rule, saturate(rule->ends_in_month ? day : day + 3));
}

/* The calendar year by which the year of weeks goes that holds a day. */
static int64_t
weeks_year_of(const ts_calendar_rule *rule, int32_t day)
{
	int			y;
	int			m;
	int			d;

	ts_day_to_ymd(day, &y, &m, &d);
	if (weeks_year_start(rule, y) > day)
		return y - 1;
	if (weeks_year_start(rule, (int64_t) y + 1) <= day)
		return (int64_t) y + 1;
	return y;
}

/* First month, from 0, of the n-th period of a grain in a year of weeks. */
static int
weeks_first_month(const ts_calendar_rule *rule, ts_grain grain, int n)
{
	int			count = grain == TS_GRAIN_YEAR ? 1 :
		grain == TS_GRAIN_HALF ? 2 : grain == TS_GRAIN_QUARTER ? 4 : rule->n_months;

	return n == count ? rule->n_months : n * (12 / (count > 12 ? 12 : count));
}

/*
 * The period of a year of weeks that holds the day: a year, half, quarter,
 * month or week.  Returns its number in the year, from 0.
 */
static int
weeks_bounds(const ts_calendar_rule *rule, ts_grain grain, int32_t day,
			 int32_t *start, int32_t *end)
{
	int64_t		year = weeks_year_of(rule, day);
	int32_t		first = weeks_year_start(rule, year);
	bool		is_long = weeks_year_start(rule, year + 1) - first > 52 * 7;
	int			n = 0;
	int			month = 0;

	if (grain == TS_GRAIN_WEEK)
	{
		n = (day - first) / 7;
		*start = first + 7 * n;
		*end = *start + 7;
		return n;
	}

	*end = first;
	for (;; n++)
	{
		*start = *end;
		for (; month < weeks_first_month(rule, grain, n + 1); month++)
			*end += 7 * (rule->month_weeks[month] + (is_long && month == rule->month_53));
		if (day < *end)
			return n;
	}
}

/* Which listed period holds the day: -1 before the first, n after the last. */
static int
listed_period(const ts_calendar_table *table, ts_grain grain, int32_t day)
{
	int			low = -1;
	int			high = table->n[grain] + 1;

	while (high - low > 1)
	{
		int			middle = low + (high - low) / 2;

		if (table->start[grain][middle] <= day)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* The finest grain that is listed. */
static ts_grain
finest_listed(const ts_calendar_table *table)
{
	int			grain = TS_GRAIN_WEEK;

	while (grain > TS_GRAIN_YEAR && table->start[grain] == NULL)
		grain--;
	return (ts_grain) grain;
}

/* Does the calendar have periods of a grain? */
bool
ts_calendar_has(const ts_calendar_rule *rule, ts_grain grain)
{
	return rule->table == NULL || grain >= TS_GRAIN_WEEK || rule->table->start[grain] != NULL;
}

/* Does the calendar have periods for all days of [from, upto)? */
bool
ts_calendar_covers(const ts_calendar_rule *rule, int32_t from, int32_t upto)
{
	const ts_calendar_table *table = rule->table;
	ts_grain	grain;

	if (table == NULL)
		return true;
	grain = finest_listed(table);
	return from >= table->start[grain][0] && upto <= table->start[grain][table->n[grain]];
}

/*
 * The listed period of a grain, or what its days are outside of the list.
 * Weeks that are not listed are cut at the ends of the finest listed grain.
 */
static void
listed_bounds(const ts_calendar_rule *rule, ts_grain grain, int32_t day,
			  int32_t *start, int32_t *end)
{
	const ts_calendar_table *table = rule->table;
	bool		is_cut = table->start[grain] == NULL;
	ts_grain	listed = is_cut ? finest_listed(table) : grain;
	int			n = listed_period(table, listed, day);

	*start = n < 0 ? INT32_MIN : table->start[listed][n];
	*end = n >= table->n[listed] ? INT32_MAX : table->start[listed][n + 1];
	if (is_cut && grain == TS_GRAIN_WEEK)
	{
		int32_t		week = week_start_of(rule, day);

		if (*start < week)
			*start = week;
		if (*end > week + 7)
			*end = week + 7;
	}
}

/* The whole week [start, end) that holds the day. */
void
ts_whole_week(const ts_calendar_rule *rule, int32_t day, int32_t *start, int32_t *end)
{
	if (rule->table != NULL && rule->table->start[TS_GRAIN_WEEK] != NULL)
		listed_bounds(rule, TS_GRAIN_WEEK, day, start, end);
	else
	{
		*start = week_start_of(rule, day);
		*end = *start + 7;
	}
}

/*
 * The period [start, end) of a grain that holds the day.  A day that a list of
 * periods leaves out is in one with all those before, or after, the list.
 */
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
	if (rule->table != NULL)
	{
		listed_bounds(rule, grain, day, start, end);
		return;
	}
	if (rule->n_months > 0)
	{
		(void) weeks_bounds(rule, grain, day, start, end);
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

/* FY and the year of a label: 24 or 1999, and 2024 where that is all. */
static char *
put_year(char *p, int64_t year, bool in_full)
{
	*p++ = 'F';
	*p++ = 'Y';
	if (!in_full && year >= 2000 && year <= 2099)
		return put_number(p, year - 2000, 2);
	return put_number(p, year, 4);
}

/* A letter and a number after a fiscal year: -Q3 */
static char *
put_part(char *p, char letter, int number, int width)
{
	*p++ = '-';
	*p++ = letter;
	return put_number(p, number, width);
}

/* Hands out a label, cut off where the buffer ends; returns its whole length. */
static int
hand_out(const char *label, size_t len, char *buf, size_t size)
{
	if (size > 0)
	{
		size_t		n = len < size ? len : size - 1;

		memcpy(buf, label, n);
		buf[n] = '\0';
	}
	return (int) len;
}

/* Label of a period of a year of weeks. */
static char *
put_weeks_label(char *p, const ts_calendar_rule *rule, ts_grain grain, int32_t day)
{
	static const char letters[TS_GRAIN_COUNT] = "\0HQMW";
	int32_t		start;
	int32_t		end;
	int			n = weeks_bounds(rule, grain, day, &start, &end);
	int64_t		year = weeks_year_of(rule, day);
	bool		is_fine = grain == TS_GRAIN_MONTH || grain == TS_GRAIN_WEEK;

	if (rule->label_by_end && rule->first_month > 1)
		year++;
	p = put_year(p, year, grain == TS_GRAIN_YEAR);
	if (grain == TS_GRAIN_YEAR)
		return p;
	return put_part(p, grain == TS_GRAIN_MONTH && rule->n_months > 12 ? 'P' : letters[grain],
					n + 1, is_fine ? 2 : 1);
}

/* Label of a whole week that is not listed. */
static char *
put_week(char *p, const ts_calendar_rule *rule, int32_t day)
{
	int			year;
	int			week;

	ts_week_number(rule, day, &year, &week);
	p = put_number(p, year, 4);
	return put_part(p, 'W', week, 2);
}

/*
 * Writes the label of the whole week that holds a day, of which a period of the
 * week grain may be a segment.
 */
int
ts_week_label(const ts_calendar_rule *rule, int32_t day, char *buf, size_t size)
{
	char		label[TS_PERIOD_LABEL_SIZE];

	if (rule->n_months > 0 || (rule->table != NULL && rule->table->start[TS_GRAIN_WEEK] != NULL))
		return ts_period_label(rule, TS_GRAIN_WEEK, day, buf, size);
	return hand_out(label, (size_t) (put_week(label, rule, day) - label), buf, size);
}

/* Are all months, years and what is listed made of whole weeks? */
bool
ts_calendar_whole_weeks(const ts_calendar_rule *rule)
{
	const ts_calendar_table *table = rule->table;
	ts_grain	grain;

	if (table == NULL)
		return rule->n_months > 0;
	grain = finest_listed(table);
	for (int i = 1; i <= table->n[grain]; i++)
		if ((table->start[grain][i] - table->start[grain][i - 1]) % 7 != 0)
			return false;
	return true;
}

/* First day of the year of weeks, or of the one that weeks are numbered in. */
static int32_t
week_year_start(const ts_calendar_rule *rule, int64_t year)
{
	if (rule->n_months > 0)
		return weeks_year_start(rule, year);
	return week_start_of(rule, saturate(days_from_ymd(year, 1, 4)));
}

/*
 * The days that are in the week of the same number, on the same weekday, so
 * many years later: one or two, whose number is returned.  Where only one of
 * the years has a week 53, it goes with the week 52 of the other: so the
 * relation is the same both ways, and no week is without one.
 */
int
ts_same_week(const ts_calendar_rule *rule, int32_t day, int years, int32_t *days)
{
	int			y;
	int			week;
	int64_t		year;
	int32_t		first;
	int32_t		other;
	int			n;
	int			n_other;

	if (rule->n_months > 0)
		year = weeks_year_of(rule, day);
	else
	{
		ts_week_number(rule, day, &y, &week);
		year = y;
	}
	first = week_year_start(rule, year);
	other = week_year_start(rule, year + years);
	n = (week_year_start(rule, year + 1) - first) / 7;
	n_other = (week_year_start(rule, year + years + 1) - other) / 7;
	week = (day - first) / 7;
	if (week >= n_other)
		week = n_other - 1;
	days[0] = other + 7 * week + (day - first) % 7;
	if (week < n - 1 || week == n_other - 1)
		return 1;
	days[1] = days[0] + 7;
	return 2;
}

/*
 * The number, from 1, of the period of a grain that holds a day in its fiscal
 * year, or since the list of periods begins if that has no years; 0 for what is
 * no period of the calendar.
 */
int
ts_period_number(const ts_calendar_rule *rule, ts_grain grain, int32_t day)
{
	int32_t		start;
	int32_t		end;
	int32_t		year;
	int			n = 1;

	if (!ts_calendar_has(rule, grain) || !ts_calendar_covers(rule, day, day + 1))
		return 0;
	if (rule->n_months > 0 && grain != TS_GRAIN_DAY)
		return weeks_bounds(rule, grain, day, &start, &end) + 1;
	ts_period_bounds(rule, grain, day, &start, &end);
	if (ts_calendar_has(rule, TS_GRAIN_YEAR))
		ts_period_bounds(rule, TS_GRAIN_YEAR, day, &year, &end);
	else
		year = rule->table->start[finest_listed(rule->table)][0];
	if (grain == TS_GRAIN_DAY)
		return day - year + 1;
	if (rule->table == NULL && grain != TS_GRAIN_WEEK)
		return (int) ((month_of_day(start) - month_of_day(year)) / grains[grain].months) + 1;
	for (; year < start; n++)
		ts_period_bounds(rule, grain, year, &end, &year);
	return n;
}

/*
 * Writes the label of the period of a grain that begins with (or just holds)
 * the day, cut off where the buffer ends.  Returns the whole label's length;
 * that of a day that a list of periods leaves out is empty.
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
	int32_t		first;
	int32_t		next;
	int			fiscal_month;	/* months since the fiscal year's start */
	int64_t		month;

	if (rule->table != NULL && grain != TS_GRAIN_DAY && rule->table->start[grain] != NULL)
	{
		int			n = listed_period(rule->table, grain, start);
		const char *listed = n < 0 || n >= rule->table->n[grain] ? "" : rule->table->label[grain][n];

		return hand_out(listed, strlen(listed), buf, size);
	}

	ts_day_to_ymd(start, &y, &m, &d);
	if (rule->n_months > 0 && grain != TS_GRAIN_DAY)
		p = put_weeks_label(p, rule, grain, start);
	else if (rule->table == NULL || grain >= TS_GRAIN_WEEK)
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
				p = put_year(p, floor_div(month, 12), grain == TS_GRAIN_YEAR);
				if (grain != TS_GRAIN_YEAR)
					p = put_part(p, grain == TS_GRAIN_HALF ? 'H' : 'Q',
								 fiscal_month / grains[grain].months + 1, 1);
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
				p = put_week(p, rule, start);
				if (next - first < 7)
				{
					int			part = m;
					int			width = 2;

					/* listed months have no number that all would know */
					if (rule->table != NULL)
					{
						int32_t		begin = week_start_of(rule, start);

						for (part = 1, width = 1; begin < first; part++)
							ts_period_bounds(rule, TS_GRAIN_WEEK, begin, &next, &begin);
					}
					*p++ = '/';
					p = put_number(p, part, width);
				}
				break;
		}
	return hand_out(label, (size_t) (p - label), buf, size);
}

/*
 * The ways in which people write a period: its label, and FY24-Q1 also as
 * FY2024-Q1 and 2024-Q1.  Returns how many there are.
 */
int
ts_period_names(const ts_calendar_rule *rule, ts_grain grain, int32_t start,
				char names[TS_PERIOD_NAMES][TS_PERIOD_LABEL_SIZE])
{
	const char *label = names[0];
	size_t		len = (size_t) ts_period_label(rule, grain, start, names[0], TS_PERIOD_LABEL_SIZE);
	int			n = 1;

	if (grain == TS_GRAIN_YEAR || len < 5 || memcmp(label, "FY", 2) != 0)
		return 1;
	if (label[4] == '-' && len + 2 < TS_PERIOD_LABEL_SIZE)
	{
		memcpy(names[1], "FY20", 4);
		memcpy(names[1] + 4, label + 2, len - 1);
		label = names[n++];
	}
	memcpy(names[n], label + 2, strlen(label) - 1);
	return n + 1;
}
