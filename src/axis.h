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
#define TS_MAX_DIMENSIONS 64	/* that a call names */

/* A member that the caller listed */
typedef struct ts_named
{
	int32		member;
	bool		met;			/* there is a part for it */
} ts_named;

/* A level or a grain of "by" */
typedef struct ts_axis
{
	char	   *name;
	bool		is_time;
	ts_grain	grain;			/* of a time axis */
	bool		whole;			/* its weeks are not cut at month ends */
	int			dim;			/* of a dimension axis: position in the tree's list */
	int			depth;			/* and level */
	int			above;			/* axis of the same dimension before it, -1 */
	int32		first;			/* its members are first ... last - 1 */
	int32		last;
	int			under_depth;	/* of the ancestors that "under" is sorted by, or 0 */
	int32	   *under;			/* members sorted by ancestor */
	int32	   *under_first;	/* per ancestor: its first in "under" */
	bool	   *caught;			/* per member: takes facts of no member; or NULL */
	int			limit;			/* biggest members that are kept by name, -1 all */
	int			n_named;		/* members kept by name, -1 if not listed */
	ts_named   *named;			/* in the order of members */
} ts_axis;

extern int	ts_dimension_add(int32 dimension_id, int n, int32 *dimension_ids);
extern int	ts_axes_parse(ArrayType *by, ts_axis *axes, int *n_axes,
						  int32 *dimension_ids, MemoryContext context);
extern void ts_axes_place(const ts_tree *tree, ts_axis *axes, int n_axes);
extern void ts_axis_list_under(const ts_tree *tree, ts_axis *axis, int depth,
							   MemoryContext context);
extern void ts_axis_bucket(const ts_tree *tree, const ts_axis *axis, int32 day,
						   DateADT *from, DateADT *upto);

#endif							/* TS_AXIS_H */
