/*-------------------------------------------------------------------------
 *
 * selection.h
 *	  The targets that a call points at: one by its id, or all of a slice and
 *	  a period.
 *
 * All functions run statements through SPI and are called between
 * ts_connect() and ts_finish().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_SELECTION_H
#define TS_SELECTION_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"

#include "numeric_units.h"

/* Plan and metric of the targets, and which those are */
typedef struct ts_selection
{
	int32		plan_id;
	int32		metric_id;
	char	   *plan;			/* as people write it */
	char	   *metric;
	char	   *unit;
	bool		additive;
	ts_quantum	quantum;
	bool		by_id;			/* the call named one by its id */
	Datum		plan_period;	/* daterange */
	int			n;
	int64	   *target_ids;		/* ascending */
} ts_selection;

/*
 * What a slice names: per dimension one member, with the members at or under
 * it and those above it on any day of the plan.
 */
typedef struct ts_slice_members
{
	int			n_dims;
	uint64		all;			/* a bit for each dimension */
	HTAB	   *members;		/* member_id -> ts_slice_member */
	Datum		member_ids;		/* bigint[]: all of them */
	Datum		dimension_ids;	/* integer[] */
} ts_slice_members;

typedef struct ts_slice_member
{
	int64		member_id;
	uint64		bit;			/* the dimension's if it is at or under, 0 above */
} ts_slice_member;

extern void ts_select_targets(FunctionCallInfo fcinfo, int first,
							  ts_selection *selection, MemoryContext context);
extern void ts_slice_members_load(Jsonb *slice, Datum period,
								  ts_slice_members *members, MemoryContext context);
extern uint64 ts_slice_member_bit(const ts_slice_members *members, int64 member_id);
extern char *ts_target_names(int32 plan_id, int n, const int64 *target_ids);

#endif							/* TS_SELECTION_H */
