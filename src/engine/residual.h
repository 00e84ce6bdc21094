/*-------------------------------------------------------------------------
 *
 * residual.h
 *	  Share an amount level by level as other systems do: round each part, and
 *	  put what is left over where they put it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_ENGINE_RESIDUAL_H
#define TS_ENGINE_RESIDUAL_H

#include "engine/bounded.h"

/* Who gets what rounding leaves over, among siblings with a weight above 0 */
typedef enum ts_residual
{
	TS_RESIDUAL_FIRST,
	TS_RESIDUAL_LAST,
	TS_RESIDUAL_HIGHEST,		/* largest weight, then the first */
	TS_RESIDUAL_LOWEST,			/* smallest weight, then the first */
	TS_RESIDUAL_CARRY,			/* each takes over what the one before lost */
	TS_RESIDUAL_NAMED			/* the first that is marked, else the highest */
} ts_residual;

extern size_t ts_residual_tree_work(size_t n, bool bounded);
extern ts_status ts_residual_tree(size_t n, const int32_t *parent, ts_int128 *weight,
								  const ts_int128 *lower, const ts_int128 *upper,
								  ts_int128 total, ts_int128 multiple,
								  ts_residual residual, const bool *named,
								  ts_int128 *share, void *work, ts_check check);

#endif							/* TS_ENGINE_RESIDUAL_H */
