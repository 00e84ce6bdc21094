/*-------------------------------------------------------------------------
 *
 * apportion.h
 *	  Share an amount by weights, in whole units, by largest remainder: flat
 *	  lists and whole trees.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_ENGINE_APPORTION_H
#define TS_ENGINE_APPORTION_H

#include "engine/units.h"

typedef enum ts_status
{
	TS_OK,
	TS_ALL_ZERO,				/* an amount that is not 0, no weight above 0 */
	TS_NEGATIVE_WEIGHT,			/* a weight below 0 */
	TS_TOO_LARGE,				/* weights or nodes beyond the limits */
	TS_BAD_TREE,				/* a parent that does not come before its child */
	/* of the bounded forms only, see bounded.h */
	TS_CROSSED_BOUNDS,			/* a lower bound above the upper one */
	TS_BELOW_BOUNDS,			/* total below the sum of the lower bounds */
	TS_ABOVE_BOUNDS,			/* total above the sum of the upper bounds */
	TS_ONLY_ZERO_WEIGHTS		/* only weights of 0 could take the rest */
} ts_status;

/*
 * Where the units that were left over ran out.  tied: the last row that got
 * one and the first that did not have the same remainder and the same weight,
 * so that only their order (smaller index first) decided.
 */
typedef struct ts_cut
{
	bool		tied;
	size_t		last_chosen;
	size_t		first_not_chosen;
} ts_cut;

/* called every few thousand rows; may longjmp, nothing is leaked */
typedef void (*ts_check) (void);

/* called for each set of siblings whose cut is tied, parents in order */
typedef void (*ts_tie) (void *arg, size_t last_chosen, size_t first_not_chosen);

extern ts_status ts_apportion64(size_t n, uint64_t *weight, int64_t total,
								int64_t *share, ts_cut *cut, ts_check check);
extern ts_status ts_apportion128(size_t n, ts_int128 *weight, ts_int128 total,
								 int64_t *share64, ts_int128 *share128,
								 ts_cut *cut, ts_check check);

extern ts_status ts_list_siblings(size_t n, const int32_t *parent,
								  int32_t *member, int32_t *start,
								  ts_check check);

extern size_t ts_apportion_tree_work(size_t n);
extern ts_status ts_apportion_tree(size_t n, const int32_t *parent,
								   ts_int128 *weight, ts_int128 total,
								   ts_int128 *share, void *work,
								   ts_tie tie, void *tie_arg, ts_check check);

extern ts_status ts_apportion_tree_in(size_t n, const int32_t *parent,
									  ts_int128 *weight, ts_int128 total,
									  ts_int128 multiple, ts_int128 *share,
									  void *work, ts_tie tie, void *tie_arg,
									  ts_check check);

#endif							/* TS_ENGINE_APPORTION_H */
