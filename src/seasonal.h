/*-------------------------------------------------------------------------
 *
 * seasonal.h
 *	  Seasonal indices of slices, read from a metric's actuals.
 *
 * See seasonal.c for the glossary and the rules.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_SEASONAL_H
#define TS_SEASONAL_H

#include "postgres.h"

#include "engine/seasonal.h"
#include "split.h"
#include "workdays.h"

/* The months that a basis is made of */
typedef struct ts_season_months
{
	int			n;
	DateADT    *from;			/* first days, and the day after the last month */
	int			seasons;		/* months of a year */
	int			first;			/* season of the first month, from 0 */
} ts_season_months;

/* A slice that has indices */
typedef struct ts_season_slice
{
	int32		parent;			/* slice that it is a part of, before it; -1 */
	ts_seasonal_result own;
	int64		share;			/* of the parent's index, in 10^-12 */
} ts_season_slice;

typedef struct ts_seasons
{
	ts_season_months months;
	ts_workdays *workdays;
	bool		damped;			/* outliers are cut */
	bool		pulled;			/* towards the parent's index */
	int32		n;				/* slices */
	ts_season_slice *slices;
	ts_int128  *amount;			/* months.n per slice */
	int			scale;			/* of the amounts */
	ts_season  *season;			/* months.seasons per slice: own indices */
	ts_int128  *index;			/* months.seasons per slice: those that hold, in
								 * 10^-12 */
	MemoryContext context;
} ts_seasons;

/* How many years are read where the caller does not say */
#define TS_SEASON_MAX_YEARS 5

extern int	ts_season_of(const ts_calendar_rule *calendar, DateADT day, int *seasons);
extern int	ts_seasons_default_basis(const ts_calendar_rule *calendar, const ts_source *source, DateADT before,
									 DateADT *from, DateADT *upto);
extern const char *ts_seasons_reach_note(const ts_calendar_rule *calendar, const ts_source *source);
extern void ts_seasons_begin(ts_seasons *seasons, const ts_tree *tree, const ts_source *source,
							 DateADT from, DateADT upto, MemoryContext context);
extern bool ts_seasons_long_enough(const ts_seasons *seasons);
extern void ts_seasons_read(ts_seasons *seasons, ts_split *series);
extern void ts_seasons_alloc(ts_seasons *seasons, int32 n);
extern void ts_seasons_add(ts_seasons *seasons, int32 slice, DateADT day, ts_int128 amount);
extern bool ts_seasons_make(ts_seasons *seasons);
extern ts_int128 ts_seasons_idle(const ts_seasons *seasons, int32 slice, int season, int *n_months);
extern ts_axis ts_season_axis(void);

#endif							/* TS_SEASONAL_H */
