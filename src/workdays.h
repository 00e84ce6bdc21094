/*-------------------------------------------------------------------------
 *
 * workdays.h
 *	  Working days of a calendar: what each day counts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_WORKDAYS_H
#define TS_WORKDAYS_H

#include "postgres.h"

#include "utils/array.h"
#include "utils/date.h"

/* Weights of days are counted in 1/10000 of a working day */
#define TS_WORKDAY_UNITS 10000
#define TS_WORKDAY_SCALE 4

typedef struct ts_workdays ts_workdays;

/* The days [from, upto) of a calendar; lives in the context */
extern ts_workdays *ts_workdays_load(int32 calendar_id, DateADT from, DateADT upto, MemoryContext context);

/* Working days in [from, upto), within the days that were loaded, in TS_WORKDAY_UNITS */
extern int64 ts_workdays_between(const ts_workdays *workdays, DateADT from, DateADT upto);

/*
 * Is there a day in [from, upto) of a year whose holidays the calendar does not
 * know?  The first one goes to *day.
 */
extern bool ts_workdays_unknown(const ts_workdays *workdays, DateADT from, DateADT upto, DateADT *day);

/* The number, of type numeric, that people see */
extern Datum ts_workdays_to_numeric(int64 units);

/* An error if there is */
extern void ts_workdays_require(const ts_workdays *workdays, DateADT from, DateADT upto);

/* Errors for a country (NULL for none) without holidays, and for weights that cannot be those of a week */
extern void ts_workdays_check_calendar(const char *calendar, const char *country, ArrayType *day_weights);

#endif							/* TS_WORKDAYS_H */
