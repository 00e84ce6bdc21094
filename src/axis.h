/*-------------------------------------------------------------------------
 *
 * axis.h
 *	  The entries of "by": levels of dimensions and grains of time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_AXIS_H
#define TS_AXIS_H

#include "postgres.h"

#include "utils/array.h"

#include "tree.h"

#define TS_MAX_AXES 16

/* A level or a grain of "by" */
typedef struct ts_axis
{
	char	   *name;
	bool		is_time;
	ts_grain	grain;			/* of a time axis */
	int			dim;			/* of a dimension axis: position in the tree's list */
	int			depth;			/* and level */
	int			above;			/* axis of the same dimension before it, -1 */
	int32		first;			/* its members are first ... last - 1 */
	int32		last;
	int32	   *under;			/* with an axis above: members sorted by ancestor */
	int32	   *under_first;	/* per member of the axis above */
	int			limit;			/* biggest members that are kept by name, -1 all */
	int			n_named;		/* members kept by name, -1 if not listed */
	int32	   *named;
} ts_axis;

extern int	ts_axes_parse(ArrayType *by, ts_axis *axes, int *n_axes,
						  int32 *dimension_ids, MemoryContext context);
extern void ts_axes_place(const ts_tree *tree, ts_axis *axes, int n_axes);
extern void ts_axis_bucket(const ts_tree *tree, const ts_axis *axis, int32 day,
						   DateADT *from, DateADT *upto);

#endif							/* TS_AXIS_H */
