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

typedef struct ts_calendar_rule
{
	int			first_month;	/* 1..12, month the fiscal year starts in */
	bool		label_by_end;	/* FY is named by the year it ends in */
	int			week_start;		/* ISO day a week starts on, 1 Monday .. 7 */
} ts_calendar_rule;

/* A buffer of this size holds every label, terminating NUL included. */
#define TS_PERIOD_LABEL_SIZE	32

extern bool ts_grain_from_name(const char *name, ts_grain *grain);
extern const char *ts_grain_name(ts_grain grain);
extern double ts_grain_average_days(ts_grain grain);

extern void ts_period_bounds(const ts_calendar_rule *rule, ts_grain grain,
							 int32_t day, int32_t *start, int32_t *end);
extern int	ts_period_label(const ts_calendar_rule *rule, ts_grain grain,
							int32_t start, char *buf, size_t size);
extern void ts_week_number(const ts_calendar_rule *rule, int32_t day,
						   int *year, int *week);

extern int32_t ts_add_months(int32_t day, int months);
extern void ts_day_to_ymd(int32_t day, int *y, int *m, int *d);
extern int32_t ts_ymd_to_day(int y, int m, int d);

#endif							/* TS_ENGINE_CALENDAR_H */
