/*-------------------------------------------------------------------------
 *
 * calendar.h
 *	  Days, months, weeks and fiscal periods.
 *
 * See calendar.c for the glossary and the rules.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_ENGINE_CALENDAR_H
#define TS_ENGINE_CALENDAR_H

#include "engine/units.h"

/* How long a period is, coarsest first: each grain is a union of the next. */
typedef enum ts_grain
{
	TS_GRAIN_YEAR,
	TS_GRAIN_HALF,
	TS_GRAIN_QUARTER,
	TS_GRAIN_MONTH,
	TS_GRAIN_WEEK,
	TS_GRAIN_DAY
} ts_grain;

#define TS_GRAIN_COUNT	(TS_GRAIN_DAY + 1)

/* The most months of a year: thirteen periods of four weeks */
#define TS_MAX_MONTHS	13

/*
 * Periods that somebody listed.  Per grain they are in order of time, without
 * gap or overlap, over the same days; those of a coarser grain are unions of
 * those of a finer one.  A grain without any has start NULL.  There are no days:
 * a day is one whatever the list says.
 */
typedef struct ts_calendar_table
{
	int			n[TS_GRAIN_DAY];
	int32_t    *start[TS_GRAIN_DAY];	/* n + 1: the last is the end of all */
	const char **label[TS_GRAIN_DAY];
} ts_calendar_table;

typedef struct ts_calendar_rule
{
	int			id;				/* the caller's name for it, for messages */
	int			first_month;	/* 1..12, month the fiscal year starts in */
	bool		label_by_end;	/* FY is named by the year it ends in */
	int			week_start;		/* ISO day a week starts on, 1 Monday .. 7 */

	/* years of whole weeks */
	int			n_months;		/* 12 or 13; 0: months are calendar months */
	int			month_weeks[TS_MAX_MONTHS]; /* in a year of 52 weeks */
	int			month_53;		/* from 0: month that week 53 is added to */
	bool		ends_in_month;	/* the year's last day is the last one of its
								 * weekday before first_month, not the nearest */

	const ts_calendar_table *table; /* NULL: no list */
} ts_calendar_rule;

/*
 * A buffer of this size holds every label, terminating NUL included; a listed
 * period's label must not be longer.
 */
#define TS_PERIOD_LABEL_SIZE	64

/* So many ways there are to write a period at most */
#define TS_PERIOD_NAMES		3

extern bool ts_grain_from_name(const char *name, ts_grain *grain);
extern const char *ts_grain_name(ts_grain grain);
extern double ts_grain_average_days(ts_grain grain);

extern bool ts_calendar_has(const ts_calendar_rule *rule, ts_grain grain);
extern bool ts_calendar_whole_weeks(const ts_calendar_rule *rule);
extern bool ts_calendar_covers(const ts_calendar_rule *rule, int32_t from, int32_t upto);
extern void ts_period_bounds(const ts_calendar_rule *rule, ts_grain grain,
							 int32_t day, int32_t *start, int32_t *end);
extern int	ts_period_label(const ts_calendar_rule *rule, ts_grain grain,
							int32_t start, char *buf, size_t size);
extern int	ts_period_number(const ts_calendar_rule *rule, ts_grain grain, int32_t day);
extern int	ts_period_names(const ts_calendar_rule *rule, ts_grain grain, int32_t start,
							char names[TS_PERIOD_NAMES][TS_PERIOD_LABEL_SIZE]);
extern void ts_whole_week(const ts_calendar_rule *rule, int32_t day,
						  int32_t *start, int32_t *end);
extern int	ts_same_week(const ts_calendar_rule *rule, int32_t day, int years, int32_t *days);
extern int	ts_week_label(const ts_calendar_rule *rule, int32_t day,
						  char *buf, size_t size);
extern void ts_week_number(const ts_calendar_rule *rule, int32_t day,
						   int *year, int *week);

extern int32_t ts_add_months(int32_t day, int months);
extern void ts_day_to_ymd(int32_t day, int *y, int *m, int *d);
extern int32_t ts_ymd_to_day(int y, int m, int d);

#endif							/* TS_ENGINE_CALENDAR_H */
