/*-------------------------------------------------------------------------
 *
 * facts.h
 *	  Streams a source's facts, grouped, with the members they belong to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_FACTS_H
#define TS_FACTS_H

#include "postgres.h"

#include "utils/date.h"

#include "source.h"

/*
 * All facts that share their codes (and their day, if asked for).  Valid
 * until the next one is fetched.
 */
typedef struct ts_fact
{
	int32	   *member;			/* per dimension: its member on the deepest level
								 * that is known, -1 for none; a variant where
								 * that was below another parent on its day */
	char	  **code;			/* per dimension: the code that has no member,
								 * NULL if it is NULL or all are known */
	DateADT		day;			/* only if asked for; the first of its stretch
								 * where those are given */
	Datum		amount;			/* numeric, sum of the amounts */
	int64		count;			/* number of facts */
} ts_fact;

typedef struct ts_fact_scan ts_fact_scan;

/* Stretches of days that are read as one: their first days, in order */
typedef struct ts_stretches
{
	int			n;
	const DateADT *first;
} ts_stretches;

extern ts_fact_scan *ts_facts_open(const ts_source *source, const ts_members *members,
								   int n_dims, const int32 *dimension_ids, const int *depths,
								   bool with_day, const ts_stretches *stretches,
							   DateADT from, DateADT upto);
extern bool ts_facts_next(ts_fact_scan *scan, ts_fact *fact);
extern void ts_facts_close(ts_fact_scan *scan);
extern int	ts_source_depth(const ts_source *source, int32 dimension_id);

#endif							/* TS_FACTS_H */
