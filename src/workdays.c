/*-------------------------------------------------------------------------
 *
 * workdays.c
 *	  Working days of a calendar: Monday to Friday.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "workdays.h"

struct ts_workdays
{
	DateADT		from;
};

ts_workdays *
ts_workdays_load(int32 calendar_id, DateADT from, DateADT upto, MemoryContext context)
{
	ts_workdays *workdays = MemoryContextAlloc(context, sizeof(ts_workdays));

	workdays->from = from;
	return workdays;
}

int64
ts_workdays_between(const ts_workdays *workdays, DateADT from, DateADT upto)
{
	int64		n = 0;

	/* day 0, 2000-01-01, is a Saturday */
	for (DateADT day = from; day < upto; day++)
		n += ((day % 7) + 7) % 7 >= 2;
	return n * TS_WORKDAY_UNITS;
}

bool
ts_workdays_unknown(const ts_workdays *workdays, DateADT from, DateADT upto, DateADT *day)
{
	return false;
}

void
ts_workdays_require(const ts_workdays *workdays, DateADT from, DateADT upto)
{
}
