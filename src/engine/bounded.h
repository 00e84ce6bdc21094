/*-------------------------------------------------------------------------
 *
 * bounded.h
 *	  Share an amount by weights, in whole units, with a lower and an upper
 *	  bound for each part: flat lists and whole trees.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_ENGINE_BOUNDED_H
#define TS_ENGINE_BOUNDED_H

#include "engine/apportion.h"

/* the values that say that a part has no lower or no upper bound */
#define TS_NO_UPPER ((ts_int128) (~(ts_uint128) 0 >> 1))
#define TS_NO_LOWER (-TS_NO_UPPER - 1)

/* bits of held[]: the part's exact share is its bound; a lock has both */
#define TS_AT_LOWER		1
#define TS_AT_UPPER		2

/*
 * Why there is no solution
 *
 * TS_CROSSED_BOUNDS: index is the part, the others are 0.  Otherwise total is
 * what had to be shared, sum what the parts can take: at least that much where
 * sum is above total, at most where it is below; shortfall, above 0, is the
 * difference.  In a tree index is the node whose own bound is the total that
 * its children cannot have, SIZE_MAX where it is the total of the call.
 */
typedef struct ts_bounds_report
{
	size_t		index;
	ts_int128	total;
	ts_int128	sum;
	ts_int128	shortfall;
} ts_bounds_report;

extern size_t ts_bounded_work(size_t n);
extern ts_status ts_bounded(size_t n, ts_int128 *weight,
							const ts_int128 *lower, const ts_int128 *upper,
							ts_int128 total, ts_int128 *share, uint8_t *held,
							void *work, ts_cut *cut, ts_bounds_report *why,
							ts_check check);

extern size_t ts_bounded_tree_work(size_t n, bool with_old);
extern ts_status ts_bounded_tree(size_t n, const int32_t *parent,
								 ts_int128 *weight, ts_int128 *lower,
								 ts_int128 *upper, ts_int128 total,
								 const ts_int128 *old, ts_int128 *share, uint8_t *held, void *work,
								 ts_tie tie, void *tie_arg,
								 ts_bounds_report *why, ts_check check);

#endif							/* TS_ENGINE_BOUNDED_H */
