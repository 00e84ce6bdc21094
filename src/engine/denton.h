/*-------------------------------------------------------------------------
 *
 * denton.h
 *	  Temporal disaggregation: totals of buckets (years, quarters) spread over
 *	  their periods (months) so that there is no step where two buckets meet.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_ENGINE_DENTON_H
#define TS_ENGINE_DENTON_H

#include "engine/apportion.h"

/*
 * What is to be spread; see denton.c for the words
 *
 * Bucket k has the periods from end[k - 1] (0 for the first) to end[k] - 1.
 * indicator: finite; a period with one below 0 takes no part and gets 0.
 * For the additive variant it is in units, as totals are; otherwise its scale
 * does not matter.  Fixed values may have any sign, and a period may have one
 * without taking part.
 *
 * Buckets of one pool share a total, that of its first bucket: what is left of
 * a year around a quarter that has a total of its own.  Pools nest: between the
 * buckets of one there are only whole others.
 */
typedef struct ts_denton_input
{
	size_t		n;				/* periods */
	const double *indicator;	/* by period */
	size_t		n_buckets;
	const size_t *end;			/* by bucket */
	const ts_int128 *total;		/* by bucket, units; below 10^36 */
	const bool *is_free;		/* by bucket: it has no total */
	const size_t *pool;			/* by bucket, the first one of its pool, which has the
								 * total; NULL: each is alone.  Not for second
								 * differences, and no free ones */
	const size_t *next;			/* by bucket, the next one of its pool; 0: none */
	const bool *is_fixed;		/* by period: its value is given; NULL: none is */
	const ts_int128 *fixed;		/* by period, that value, units; below 10^36, in a
								 * bucket or pool also together */
	bool		additive;		/* else proportional */
	bool		second;			/* second differences, else first */
	bool		keep_sign;		/* no value has another sign than what fixed ones
								 * leave of its total */
	ts_check	check;
} ts_denton_input;

typedef struct ts_denton_report
{
	size_t		bucket;			/* TS_ALL_ZERO: which */
	int			solves;			/* linear systems solved */
	bool		optimal;		/* the conditions of Karush, Kuhn and Tucker
								 * hold */
} ts_denton_report;

extern size_t ts_denton_work(const ts_denton_input *input);
extern ts_status ts_denton(const ts_denton_input *input, double *value,
						   ts_denton_report *report, void *work);
extern ts_status ts_denton_units(const ts_denton_input *input,
								 const double *value, ts_int128 *share,
								 void *work);

#endif							/* TS_ENGINE_DENTON_H */
