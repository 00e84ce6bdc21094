/*-------------------------------------------------------------------------
 *
 * calendar.h
 *	  Calendars as the database keeps them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TARGET_SPLIT_CALENDAR_H
#define TARGET_SPLIT_CALENDAR_H

#include "postgres.h"

#include "utils/date.h"

#include "engine/calendar.h"

extern void ts_calendar_load_by_name(const char *name, ts_calendar_rule *rule,
									 int32 *calendar_id);
extern void ts_calendar_load_by_id(int32 calendar_id, ts_calendar_rule *rule);
extern void ts_calendar_refuse_hidden(const char *calendar);
extern void ts_calendar_check(const ts_calendar_rule *rule, ts_grain grain, DateADT from, DateADT upto);
extern char *ts_date_text(DateADT day);

#endif							/* TARGET_SPLIT_CALENDAR_H */
