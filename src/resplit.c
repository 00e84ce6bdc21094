/*-------------------------------------------------------------------------
 *
 * resplit.c
 *	  resplit_target and preview_resplit: share again what is under a target,
 *	  for a new amount, by new weights, or among other members, and keep what
 *	  was set by hand.
 *
 * Glossary
 *	  old target	one that is there, with everything under the named one
 *	  run			the splits of several targets that one call of split_target
 *					made, made again; or the targets that no split made, by
 *					hand: these keep their shares of each other
 *	  anchor		a target whose amount a run shares
 *	  top			the target that the split of an anchor's parts started from: the
 *					anchor, unless it is itself a part of that split, because
 *					only what is under it is, or once was, split again
 *	  path			the targets between the top and the anchor, that included
 *	  block			what is made under one anchor
 *	  node			a target as it will be; it has an old target or is new
 *	  held			a node that keeps its amount: locked, with all that is under
 *					it, or adjusted
 *	  stray			an old target that the run does not make; it stays, held, if
 *					it is locked, adjusted or was never made by a split, or such
 *					a one is under it, and goes otherwise
 *
 * Method
 *	  1. read and lock everything under the named target
 *	  2. run by run, from the outermost: read the recorded call, put the
 *		 arguments of this call in place of its own, weigh its parts under a
 *		 tree that has what the runs before made (split.c), and find the old
 *		 target of each part by its parent, member and first day
 *	  3. blocks from the last to the first: what held parts need at least and
 *		 take at most limits the anchor in its own block
 *	  4. blocks from the first to the last: share the anchor's amount within
 *		 bounds, rounded so that as few amounts as possible change (engine,
 *		 bounded.c); every free node is floor or ceiling of its exact share
 *	  5. write changes, new and removed targets by one statement
 *
 *	  New targets below which others of their run are split further are split
 *	  as those are, if the call that did it named a target at or above them.
 *
 *	  Each run is a row in "split", the first one is the call: revisions carry
 *	  its key, and undo_split takes all of it back.  Where nothing would change,
 *	  neither amounts nor weights, nothing is written.
 *
 * Limits
 *	  About 400 bytes of memory a target, besides what split.c needs.  A quantum
 *	  of the call or another residual than the largest cannot be kept together
 *	  with held targets.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "engine/bounded.h"
#include "plan.h"
#include "query.h"
#include "selection.h"
#include "split.h"
#include "target_split.h"

PG_FUNCTION_INFO_V1(target_split_resplit_target);
PG_FUNCTION_INFO_V1(target_split_preview_resplit);

#define MAX_ATTEMPTS 10
#define FETCH_ROWS 10000
#define HINT_HIDDEN \
	"A row-level security policy may hide it; if there is none: SELECT * FROM target_split.plan_check;"

/*
 * Arguments, in the order of the SQL declaration; those of split_target from
 * method on are between the first and the last ones.
 */
enum
{
	ARG_TARGET_ID,
	ARG_AMOUNT,
	ARG_BY,
	ARG_METHOD,
	ARG_KEEP_ADJUSTMENTS = ARG_METHOD + TS_SPLIT_N_ARGUMENTS - TS_SPLIT_METHOD,
	ARG_KEEP_LOCKS,
	ARG_REASON
};

/* What holds a node */
typedef enum resplit_hold
{
	HOLD_NONE,
	HOLD_LOCK,
	HOLD_ADJUSTMENT,
	HOLD_STRAY,
	HOLD_BOUNDS,				/* its own, or those of what is under it */
	N_HOLDS
} resplit_hold;

/* how a message tells them */
static const char *const hold_verbs[N_HOLDS] = {
	NULL, "is locked at", "was adjusted to", "stays at", NULL
};

/* beyond any amount, and far from where the engine's sums end */
#define NO_LIMIT ((ts_int128) 1 << 100)

/* how a split records them */
static const char *const hold_names[N_HOLDS] = {
	NULL, "held: locked", "held: adjusted", "held: not made by it", "held: bounds"
};

typedef struct resplit_old
{
	int64		target_id;
	int64		parent_id;
	int64		split_id;		/* 0: none */
	int64		member_id;
	int32		parent;			/* -1 for the named target */
	int32		first_child;	/* children are old_children[first_child ...] */
	int32		n_children;
	int32		n_found;
	DateADT		from;
	DateADT		upto;
	bool		locked;
	bool		adjusted;
	bool		used;			/* it has a node, or is under one that is held */
	bool		removed;
	uint8		fallback;
	int16		weight_scale;
	ts_int128	weight;			/* -1: none */
	ts_int128	amount;
	ts_int128	least;			/* at_least, floor_amount; TS_NO_LOWER: none */
	ts_int128	floor;
	ts_int128	most;			/* at_most, stretch_amount; TS_NO_UPPER: none */
	ts_int128	stretch;
} resplit_old;

typedef struct resplit_node
{
	int32		old;			/* -1: new */
	int32		parent;			/* from the block's first node, -1 at the top */
	int32		block;			/* -1 for the named target */
	int32		below;			/* block that shares its amount on, -1 */
	int32		n_children;
	int32		key;			/* member or first day, of a node that a split makes */
	int32		tree_node;		/* -1: not yet in the tree */
	int16		depth;
	uint8		axis;
	uint8		fallback;
	uint8		hold;
	bool		negative;		/* its amount is below zero, as far as is known */
	bool		made;			/* by a split, so it is stamped with the run's id */
	bool		closed;			/* the run makes no parts of it */
	bool		has_bounds;		/* the run's */
	DateADT		from;
	DateADT		upto;
	int64		target_id;		/* 0: a new one in a preview */
	ts_int128	weight;
	ts_int128	least;			/* the run's bounds, or the old target's own */
	ts_int128	most;
	ts_int128	lower;			/* these and all else that limits it */
	ts_int128	upper;
	ts_int128	share;
} resplit_node;

typedef struct resplit_block
{
	int32		run;
	int32		anchor;			/* node */
	int32		first;			/* its nodes are first ... first + n - 1 */
	int32		n;
} resplit_block;

/* A recorded call, with the arguments that take part now */
typedef struct resplit_call
{
	int64		split_id;		/* 0: no split */
	int64		origin;			/* the first split that it replaces, or itself */
	int64		target_id;		/* that the origin named */
	bool		by_hand;
	bool		named;			/* by this call's "by" */
	bool		changed;		/* by arguments of this call */
	NullableDatum args[TS_SPLIT_N_ARGUMENTS];
	ts_split   *split;			/* opened and not yet run */
} resplit_call;

typedef struct resplit_run
{
	const resplit_call *call;
	ts_split   *split;			/* NULL: by hand */
	int			scale;			/* of the weights */
	bool		left;			/* as it is: "by" names others */
	int			n_path;			/* above 0: the top is weighed, and only what is
								 * under the one anchor is taken */
	resplit_old *path;			/* the anchor and those above it, the top the last */
	bool		own_rounding;	/* a quantum of the call, or another residual */
	ts_split_nodes made;		/* kept for that */
	int32	  **place;			/* per block: where its parts are among the nodes,
								 * kept where weights follow from amounts */
	int32		first_block;
	int32		n_blocks;
	int64		split_id;		/* new */
	int64		n_made;
	int64		fallbacks[TS_N_FALLBACKS];
	int64		held[N_HOLDS];
} resplit_run;

/* An anchor that waits for its run */
typedef struct resplit_wait
{
	int32		node;
	int			call;
	bool		left;			/* its parts are to be as they are */
} resplit_wait;

typedef struct resplit_state
{
	MemoryContext context;
	MemoryContext attempt;		/* reset when the tree is read again */
	FunctionCallInfo fcinfo;
	bool		preview;
	bool		keep_adjustments;
	bool		keep_locks;
	int64		target_id;
	ts_tree    *alone;			/* the named target's top */
	ts_tree    *tree;			/* with all that was made */

	int32		n_olds;
	int32		old_space;
	resplit_old *olds;			/* the named target is the first */
	int32	   *old_children;

	int			n_calls;
	resplit_call *calls;
	int			n_way;
	resplit_old *way;			/* the named target and those above it, upwards */
	int64	   *way_origin;		/* of their splits */
	int			n_path;			/* of the named target */

	int32		n_nodes;
	int32		node_space;
	resplit_node *nodes;		/* the named target is the first */
	int32		n_in_tree;
	int32		n_blocks;
	int32		block_space;
	resplit_block *blocks;
	int			n_runs;
	int			run_space;
	resplit_run *runs;
	int32		n_waiting;
	int32		wait_space;
	resplit_wait *waiting;
} resplit_state;

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* Makes room for one more element of an array that grows by doubling */
static void *
grow(const resplit_state *state, void *array, int32 n, int32 *space, Size size)
{
	if (n < *space)
		return array;
	if (*space > PG_INT32_MAX / 4)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d targets cannot be shared again in one call", *space)));
	*space = Max(*space * 2, 64);
	return array ? repalloc_huge(array, size * *space) :
		MemoryContextAllocHuge(state->attempt, size * *space);
}

static Datum
units_out(const resplit_state *state, ts_int128 units)
{
	return ts_units_to_numeric(units, &state->tree->quantum);
}

static char *
units_text(const resplit_state *state, ts_int128 units)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, units_out(state, units)));
}

static char *
old_name(const resplit_state *state, int32 old)
{
	return ts_target_names(state->tree->plan_id, 1, &state->olds[old].target_id);
}

/* The node that one is under, NULL for the named target */
static const resplit_node *
node_above(const resplit_state *state, const resplit_node *node)
{
	const resplit_block *block;

	if (node->block < 0)
		return NULL;
	block = &state->blocks[node->block];
	return &state->nodes[node->parent < 0 ? block->anchor : block->first + node->parent];
}

/* ---------------------------------------------------------------- reading */

static int
compare_siblings(const void *a, const void *b, void *arg)
{
	const resplit_old *olds = arg;
	const resplit_old *x = &olds[*(const int32 *) a];
	const resplit_old *y = &olds[*(const int32 *) b];

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->member_id < y->member_id ? -1 : x->member_id > y->member_id;
}

static int
compare_ids(const void *a, const void *b, void *arg)
{
	const resplit_old *olds = arg;
	int64		x = olds[*(const int32 *) a].target_id;
	int64		y = olds[*(const int32 *) b].target_id;

	return x < y ? -1 : x > y;
}

/* Finds the parents, and sorts the children of each */
static void
link_olds(resplit_state *state)
{
	int32		n = state->n_olds;
	resplit_old *olds = state->olds;
	int32	   *by_id = MemoryContextAllocHuge(state->attempt, sizeof(int32) * n);

	for (int32 i = 0; i < n; i++)
		by_id[i] = i;
	qsort_arg(by_id, n, sizeof(int32), compare_ids, olds);
	for (int32 i = 0; i < n; i++)
	{
		int32		low = 0;
		int32		high = n;

		CHECK_FOR_INTERRUPTS();
		olds[i].parent = -1;
		olds[i].n_found = 0;
		while (i > 0 && low < high)
		{
			int32		middle = low + (high - low) / 2;

			if (olds[by_id[middle]].target_id < olds[i].parent_id)
				low = middle + 1;
			else
				high = middle;
		}
		if (i > 0 && low < n && olds[by_id[low]].target_id == olds[i].parent_id)
			olds[i].parent = by_id[low];
	}
	for (int32 i = 0; i < n; i++)
		by_id[i] = i;
	qsort_arg(by_id, n, sizeof(int32), compare_siblings, olds);
	state->old_children = by_id;
	for (int32 i = 0; i < n; i++)
	{
		int32		parent = olds[by_id[i]].parent;

		if (parent >= 0 && olds[parent].n_found++ == 0)
			olds[parent].first_child = i;
	}
}

static ts_int128
old_bound(const resplit_state *state, uint64 row, int column, bool upper, const char *name)
{
	ts_int128	units = upper ? TS_NO_UPPER : TS_NO_LOWER;

	if (!ts_isnull(row, column))
		(void) ts_bound_from_numeric(ts_datum(row, column), &state->tree->quantum, upper, name, &units);
	return units;
}

/*
 * Reads the named target and everything under it, and locks the rows in the
 * order of ids unless it is a preview.  False if not all was seen.
 */
static bool
load_olds(resplit_state *state)
{
	static const char *const below =
		"t.target_id IN (WITH RECURSIVE sub AS ("
		"SELECT s.target_id FROM " TS_SCHEMA ".target s WHERE s.plan_id = $1 AND s.target_id = $2"
		" UNION ALL "
		"SELECT s.target_id FROM sub JOIN " TS_SCHEMA ".target s ON s.plan_id = $1 AND s.parent_id = sub.target_id)"
		" SELECT sub.target_id FROM sub)";
	const ts_tree *tree = state->tree;
	ts_args		args = {0};
	Portal		portal;
	char	   *sql;
	bool		complete = true;

	ts_arg_int4(&args, tree->plan_id);
	ts_arg_int8(&args, state->target_id);
	/* the whole plan needs no recursion */
	ts_arg_int4(&args, tree->metric_id);
	sql = psprintf("SELECT t.target_id, t.parent_id, t.split_id, t.member_id, t.period, t.n_children,"
				   " t.locked, t.adjusted, t.amount, t.weight, t.at_least, t.floor_amount,"
				   " t.at_most, t.stretch_amount, t.fallback"
				   " FROM " TS_SCHEMA ".target t WHERE t.plan_id = $1 AND %s AND t.metric_id = $3"
				   " ORDER BY t.target_id%s",
				   tree->depth == 0 ? "$2 IS NOT NULL" : below, state->preview ? "" : " FOR NO KEY UPDATE");
	portal = SPI_cursor_open_with_args(NULL, sql, args.n, args.types, args.values, args.nulls, false, 0);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (uint64 row = 0; row < SPI_processed; row++)
		{
			resplit_old *old;
			bool		empty;
			int			scale;

			CHECK_FOR_INTERRUPTS();
			state->olds = grow(state, state->olds, state->n_olds, &state->old_space, sizeof(resplit_old));
			old = &state->olds[state->n_olds++];
			memset(old, 0, sizeof(*old));
			old->target_id = ts_int8(row, 1);
			old->parent_id = ts_isnull(row, 2) ? 0 : ts_int8(row, 2);
			old->split_id = ts_isnull(row, 3) ? 0 : ts_int8(row, 3);
			old->member_id = ts_int8(row, 4);
			ts_daterange_parts(ts_datum(row, 5), &old->from, &old->upto, &empty);
			old->n_children = ts_int4(row, 6);
			old->locked = ts_bool(row, 7);
			old->adjusted = ts_bool(row, 8);
			old->amount = ts_units_from_numeric(ts_datum(row, 9), &tree->quantum, "amount");
			old->weight = -1;
			if (!ts_isnull(row, 10))
			{
				ts_weight_from_numeric(ts_datum(row, 10), &old->weight, &scale);
				old->weight_scale = (int16) scale;
			}
			old->least = old_bound(state, row, 11, false, "at_least");
			old->floor = old_bound(state, row, 12, false, "floor_amount");
			old->most = old_bound(state, row, 13, true, "at_most");
			old->stretch = old_bound(state, row, 14, true, "stretch_amount");
			for (int i = 1; i < TS_N_FALLBACKS && !ts_isnull(row, 15); i++)
				if (strcmp(TextDatumGetCString(ts_datum(row, 15)), ts_fallback_names[i]) == 0)
					old->fallback = i;
			/* ids rise from the top down, but nothing says that they must */
			if (old->target_id == state->target_id && state->n_olds > 1)
			{
				resplit_old first = state->olds[0];

				state->olds[0] = *old;
				*old = first;
			}
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	if (state->n_olds == 0 || state->olds[0].target_id != state->target_id)
		return false;
	link_olds(state);
	for (int32 i = 0; i < state->n_olds && complete; i++)
		complete = state->olds[i].n_found == state->olds[i].n_children &&
			(i == 0 || state->olds[i].parent >= 0);
	return complete;
}

/* The child of an old target for a member and a first day, -1 */
static int32
find_old(const resplit_state *state, int32 parent, int64 member_id, DateADT from)
{
	const resplit_old *olds = state->olds;
	int32		low = olds[parent].first_child;
	int32		high = low + olds[parent].n_children;
	int32		end = high;

	while (low < high)
	{
		int32		middle = low + (high - low) / 2;
		const resplit_old *old = &olds[state->old_children[middle]];

		if (old->from < from || (old->from == from && old->member_id < member_id))
			low = middle + 1;
		else
			high = middle;
	}
	if (low < end && olds[state->old_children[low]].from == from &&
		olds[state->old_children[low]].member_id == member_id)
		return state->old_children[low];
	return -1;
}

/* ------------------------------------------------------- recorded calls */

/* Reads a call; amounts that were given are shares by now, as those of no method are */
static void
read_call(resplit_state *state, resplit_call *call)
{
	call->origin = ts_record_origin(state->tree->plan_id, call->split_id, &call->target_id);
	call->by_hand = !ts_record_read(state->tree->plan_id, call->split_id, call->args, state->attempt);
	call->args[TS_SPLIT_TARGET_ID].value = Int64GetDatum(state->target_id);
}

static char *
array_text(Datum array)
{
	return OidOutputFunctionCall(F_ARRAY_OUT, array);
}

/* Puts the arguments of this call in place of the recorded ones */
static void
change_call(const resplit_state *state, resplit_call *call)
{
	static const int sources[] = {TS_SPLIT_BASIS, TS_SPLIT_WEIGHTS, TS_SPLIT_WEIGHTS_FROM,
	TS_SPLIT_BASES, TS_SPLIT_PROFILE, TS_SPLIT_LEVELS, TS_SPLIT_PRORATE, TS_SPLIT_ALIGN, TS_SPLIT_LINK};
	const NullableDatum *given = state->fcinfo->args + ARG_METHOD - TS_SPLIT_METHOD;
	bool		weights = !given[TS_SPLIT_WEIGHTS].isnull || !given[TS_SPLIT_WEIGHTS_FROM].isnull;
	bool		bounds = !given[TS_SPLIT_BOUNDS].isnull || !given[TS_SPLIT_BOUNDS_FROM].isnull;

	call->changed = true;
	/* another method has other sources */
	for (int i = 0; i < (int) lengthof(sources); i++)
		if (!given[TS_SPLIT_METHOD].isnull)
			call->args[sources[i]].isnull = true;
	if (weights)
		call->args[TS_SPLIT_WEIGHTS].isnull = call->args[TS_SPLIT_WEIGHTS_FROM].isnull = true;
	if (bounds)
		call->args[TS_SPLIT_BOUNDS].isnull = call->args[TS_SPLIT_BOUNDS_FROM].isnull = true;
	for (int i = TS_SPLIT_METHOD; i < TS_SPLIT_N_ARGUMENTS; i++)
		if (!given[i].isnull)
			call->args[i] = given[i];
}

/* Does this call say how a run is to be made? */
static bool
says_how(const resplit_state *state)
{
	for (int i = ARG_METHOD; i < ARG_KEEP_ADJUSTMENTS; i++)
		if (!state->fcinfo->args[i].isnull)
			return true;
	return false;
}

static bool
same_by(const resplit_call *call, Datum by)
{
	return !call->args[TS_SPLIT_BY].isnull &&
		strcmp(array_text(call->args[TS_SPLIT_BY].value), array_text(by)) == 0;
}

/* The split that made the children of an old target; the latest if several did */
static int64
split_of_children(const resplit_state *state, int32 old)
{
	int64		split_id = 0;

	for (int32 i = 0; i < state->olds[old].n_children; i++)
		split_id = Max(split_id, state->olds[state->old_children[state->olds[old].first_child + i]].split_id);
	return split_id;
}

static int
find_call(const resplit_state *state, int64 split_id)
{
	int			low = 0;
	int			high = state->n_calls;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (state->calls[middle].split_id < split_id)
			low = middle + 1;
		else
			high = middle;
	}
	Assert(low < state->n_calls && state->calls[low].split_id == split_id);
	return low;
}

static int
compare_int8(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/* The error that "by" is not that of any split under the target */
static void
refuse_by(const resplit_state *state, Datum by)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < state->n_calls; i++)
		if (!state->calls[i].args[TS_SPLIT_BY].isnull)
			appendStringInfo(&list, "%sby => %s", list.len > 0 ? ", " : "",
							 quote_literal_cstr(array_text(state->calls[i].args[TS_SPLIT_BY].value)));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("target %lld and what is under it are not split by %s", (long long) state->target_id,
					array_text(by)),
			 list.len > 0 ? errdetail("They are split %s.", list.data) : 0,
			 errhint("To split it by other levels: SELECT target_split.unsplit_target(%lld);"
					 " then split_target().", (long long) state->target_id)));
}

static int
distinct_ids(int64 *ids, int32 n)
{
	int			kept = 0;

	qsort(ids, n, sizeof(int64), compare_int8);
	for (int32 i = 0; i < n; i++)
		if (kept == 0 || ids[i] != ids[kept - 1])
			ids[kept++] = ids[i];
	return kept;
}

/* The dimensions of the members that old targets are for */
static int
load_dimensions(const resplit_state *state, int32 *dimension_ids)
{
	int64	   *ids = MemoryContextAllocHuge(state->attempt, sizeof(int64) * state->n_olds);
	ts_args		args = {0};
	uint64		found;
	int			n = 0;

	for (int32 i = 0; i < state->n_olds; i++)
		ids[i] = state->olds[i].member_id;
	ts_arg_int8_array(&args, distinct_ids(ids, state->n_olds), ids);
	found = ts_run("SELECT DISTINCT m.dimension_id FROM " TS_SCHEMA ".member m WHERE m.member_id = ANY ($1)"
				   " ORDER BY m.dimension_id", &args, false);
	for (uint64 row = 0; row < found; row++)
		n = ts_dimension_add(ts_int4(row, 1), n, dimension_ids);
	pfree(ids);
	return n;
}

/* Reads the calls that made what is under the target, and opens them */
static void
load_calls(resplit_state *state)
{
	int64	   *ids = MemoryContextAllocHuge(state->attempt, sizeof(int64) * state->n_olds);
	bool		how = says_how(state);
	bool		by_named = !state->fcinfo->args[ARG_BY].isnull;
	Datum		by = state->fcinfo->args[ARG_BY].value;
	int64		outermost = split_of_children(state, 0);
	int			n_changed = 0;
	int32		n = 0;
	int32		dimension_ids[TS_MAX_DIMENSIONS];
	int			n_dims = load_dimensions(state, dimension_ids);

	for (int32 i = 1; i < state->n_olds; i++)
		ids[n++] = state->olds[i].split_id;
	state->n_calls = distinct_ids(ids, n);
	state->calls = MemoryContextAllocZero(state->attempt, sizeof(resplit_call) * state->n_calls);
	for (int i = 0; i < state->n_calls; i++)
	{
		resplit_call *call = &state->calls[i];

		call->split_id = ids[i];
		read_call(state, call);
		call->named = by_named && same_by(call, by);
		if (how && (by_named ? same_by(call, by) : call->split_id == outermost))
		{
			if (call->args[TS_SPLIT_BY].isnull)
				ereport(ERROR,
						(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						 errmsg("no split made the parts of %s", old_name(state, 0)),
						 errhint("To split it: SELECT target_split.unsplit_target(%lld); then split_target().",
								 (long long) state->target_id)));
			change_call(state, call);
			n_changed++;
			call->by_hand = false;
		}
		if (call->by_hand)
			continue;
		ts_record_find_relations(call->split_id, call->args, call->changed ? state->fcinfo->args + ARG_METHOD - TS_SPLIT_METHOD : NULL);
		call->split = ts_split_begin(call->args, true, state->attempt);
		if (call->split->main.method->gives_amounts)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("method \"%s\" gives amounts and shares nothing", call->split->main.method->name),
					 errhint("To set amounts: adjust_target(), or import_targets() for a table of them.")));
		n_dims = ts_split_find_levels(call->split, DatumGetArrayTypeP(call->args[TS_SPLIT_BY].value),
									  n_dims, dimension_ids);
	}
	if (by_named && n_changed == 0)
	{
		bool		found = false;

		for (int i = 0; i < state->n_calls; i++)
			found |= same_by(&state->calls[i], by);
		if (!found)
			refuse_by(state, by);
	}
	pfree(ids);
	state->alone = ts_tree_load_alone(state->way[state->n_path].target_id, n_dims, dimension_ids, state->attempt);
	state->tree = state->alone;
}

/* ----------------------------------------------------------- making blocks */

/* Is an old target kept where no run makes it? */
static bool
is_kept(const resplit_state *state, int32 old)
{
	const resplit_old *o = &state->olds[old];

	check_stack_depth();
	if ((state->keep_locks && o->locked) ||
		(state->keep_adjustments && (o->adjusted || o->split_id == 0)))
		return true;
	for (int32 i = 0; i < o->n_children; i++)
		if (is_kept(state, state->old_children[o->first_child + i]))
			return true;
	return false;
}

/* Adds a node under another one; its old target, -1 for none, decides what holds it */
static resplit_node *
add_node(resplit_state *state, int32 block, int32 up, int32 old)
{
	resplit_node *node;
	bool		of_block = up >= state->blocks[block].first;

	state->nodes = grow(state, state->nodes, state->n_nodes, &state->node_space, sizeof(resplit_node));
	node = &state->nodes[state->n_nodes++];
	memset(node, 0, sizeof(*node));
	node->old = old;
	node->block = block;
	node->parent = of_block ? up - state->blocks[block].first : -1;
	node->below = -1;
	node->tree_node = -1;
	node->depth = state->nodes[up].depth + 1;
	node->least = node->lower = TS_NO_LOWER;
	node->most = node->upper = TS_NO_UPPER;
	state->nodes[up].n_children++;
	state->blocks[block].n++;
	if (old >= 0)
	{
		resplit_old *o = &state->olds[old];

		o->used = true;
		node->target_id = o->target_id;
		node->from = o->from;
		node->upto = o->upto;
		node->least = o->least;
		node->most = o->most;
		if (state->keep_locks && o->locked)
			node->hold = HOLD_LOCK;
		else if (state->keep_adjustments && o->adjusted)
			node->hold = HOLD_ADJUSTMENT;
	}
	return node;
}

/*
 * A node's parts are to be made by a call.  They are left as they are where
 * "by" names other splits, and nothing above them changes.
 */
static void
wait_for(resplit_state *state, int32 node, int call, bool left)
{
	state->waiting = grow(state, state->waiting, state->n_waiting, &state->wait_space, sizeof(resplit_wait));
	state->waiting[state->n_waiting].node = node;
	state->waiting[state->n_waiting].left = left && !state->calls[call].named;
	state->waiting[state->n_waiting++].call = call;
}

static int32
add_block(resplit_state *state, int32 run, int32 anchor)
{
	resplit_block *block;

	state->blocks = grow(state, state->blocks, state->n_blocks, &state->block_space, sizeof(resplit_block));
	block = &state->blocks[state->n_blocks];
	block->run = run;
	block->anchor = anchor;
	block->first = state->n_nodes;
	block->n = 0;
	state->nodes[anchor].below = state->n_blocks;
	state->runs[run].n_blocks++;
	return state->n_blocks++;
}

/* The children of an old target that the block does not make: they stay, or go */
static void
add_strays(resplit_state *state, int32 block, int32 up)
{
	const resplit_old *parent = &state->olds[state->nodes[up].old];

	for (int32 i = 0; i < parent->n_children; i++)
	{
		int32		old = state->old_children[parent->first_child + i];

		CHECK_FOR_INTERRUPTS();
		if (!state->olds[old].used && is_kept(state, old))
			add_node(state, block, up, old)->hold = HOLD_STRAY;
	}
}

/*
 * Is a part under the top on the path to the anchor?  above: the same for the
 * part that it is under
 */
static bool
is_on_path(const resplit_run *run, const ts_split_nodes *made, int64 part, bool above)
{
	const ts_axis *axis = &run->split->axes[made->axis[part]];
	const resplit_old *step;
	DateADT		from;
	DateADT		upto;

	if (!above || made->axis[part] >= run->n_path)
		return false;
	step = &run->path[run->n_path - 1 - made->axis[part]];
	if (!axis->is_time)
		return step->member_id == run->split->tree->members->members[made->key[part]].member_id;
	from = run->path[run->n_path - made->axis[part]].from;
	upto = run->path[run->n_path - made->axis[part]].upto;
	ts_axis_bucket(run->split->tree, axis, made->key[part], &from, &upto);
	return step->member_id == 0 && step->from == from;
}

/*
 * Does a run make no parts of a node?  Not of a locked one, nor of one whose
 * old target has no parts, or those of another split.  Parts of its own split
 * that were split again by themselves keep their own call, unless this call
 * has arguments for all of it.
 */
static bool
is_closed(const resplit_state *state, const resplit_call *call, const resplit_node *node)
{
	const resplit_call *own;

	if (node->old < 0)
		return false;
	if (node->hold == HOLD_LOCK || state->olds[node->old].n_children == 0)
		return true;
	own = &state->calls[find_call(state, split_of_children(state, node->old))];
	return call->changed ? own->origin != call->origin : own != call;
}

/* The parts of one leaf of a run's split */
static void
make_block(resplit_state *state, int32 run_no, int32 anchor, const ts_split_nodes *made, int32 leaf)
{
	resplit_run *run = &state->runs[run_no];
	const ts_split *split = run->split;
	const ts_members *members = split->tree->members;
	int64		first = made->first[leaf];
	int32		n = (int32) (made->first[leaf + 1] - first);
	/*
	 * Where a part is among the nodes; -2 less the one that it is closed in; or
	 * between the top and the anchor, or beside that path
	 */
	const int32 on_path = PG_INT32_MIN;
	const int32 beside = PG_INT32_MIN + 1;
	int32	   *place = MemoryContextAllocHuge(state->attempt, sizeof(int32) * (n + 1));
	int32		block = add_block(state, run_no, anchor);
	int32		end;

	for (int32 i = 0; i < n; i++)
	{
		int64		part = first + i;
		const ts_axis *axis = &split->axes[made->axis[part]];
		int32		up = made->parent[part] < 0 ? anchor : place[made->parent[part]];
		int64		member_id = axis->is_time ? 0 : members->members[made->key[part]].member_id;
		DateADT		from;
		DateADT		upto;
		resplit_node *node;
		int32		old = -1;

		CHECK_FOR_INTERRUPTS();
		if (run->n_path > 0 && (made->parent[part] < 0 || up == on_path || up == beside))
		{
			place[i] = !is_on_path(run, made, part, up != beside) ? beside :
				made->axis[part] == run->n_path - 1 ? anchor : on_path;
			continue;
		}
		if (up >= 0 && up != anchor && state->nodes[up].closed)
			up = -2 - up;
		if (up < 0)
		{
			/* not made, but its weight counts for what it would be under */
			place[i] = up;
			if (made->n_children[part] == 0)
				state->nodes[-2 - up].weight += made->weight[part];
			continue;
		}
		from = state->nodes[up].from;
		upto = state->nodes[up].upto;
		if (axis->is_time)
			ts_axis_bucket(split->tree, axis, made->key[part], &from, &upto);
		if (state->nodes[up].old >= 0)
			old = find_old(state, state->nodes[up].old, member_id, from);
		place[i] = state->n_nodes;
		node = add_node(state, block, up, old);
		node->made = true;
		node->closed = made->n_children[part] > 0 && is_closed(state, run->call, node);
		node->key = made->key[part];
		node->axis = made->axis[part];
		node->fallback = made->fallback[part];
		node->from = from;
		node->upto = upto;
		node->weight = made->n_children[part] == 0 ? made->weight[part] : 0;
		node->has_bounds = made->lower != NULL;
		if (made->lower)
		{
			node->least = made->lower[part];
			node->most = made->upper[part];
		}
		run->fallbacks[node->fallback]++;
	}
	end = state->n_nodes;
	for (int32 i = -1; i < n; i++)
	{
		int32		up = i < 0 ? anchor : place[i];

		if (up >= 0 && state->nodes[up].old >= 0 &&
			(i < 0 || (up != anchor && state->nodes[up].n_children > 0)))
			add_strays(state, block, up);
	}
	if (run->place)
		run->place[leaf] = place;
	else
		pfree(place);

	/* what is split further by another call */
	for (int32 i = state->blocks[block].first; i < end; i++)
	{
		const resplit_node *node = &state->nodes[i];

		if (node->old >= 0 && node->n_children == 0 && node->hold != HOLD_LOCK &&
			state->olds[node->old].n_children > 0)
			wait_for(state, i, find_call(state, split_of_children(state, node->old)), false);
	}
}

/*
 * The parts of a target that no split made, by their present amounts; or those
 * that are left as they are
 */
static void
make_block_by_hand(resplit_state *state, int32 run_no, int32 anchor)
{
	const resplit_old *parent = &state->olds[state->nodes[anchor].old];
	int32		block = add_block(state, run_no, anchor);
	bool		left = state->runs[run_no].left;
	bool		any = left;

	for (int32 i = 0; i < parent->n_children; i++)
	{
		int32		old = state->old_children[parent->first_child + i];
		ts_int128	amount = state->olds[old].amount;
		int32		number = state->n_nodes;
		resplit_node *node;

		CHECK_FOR_INTERRUPTS();
		node = add_node(state, block, anchor, old);
		node->made = !left;
		node->weight = amount < 0 ? -amount : amount;
		any |= node->weight > 0 && node->hold == HOLD_NONE;
		if (node->hold != HOLD_LOCK && state->olds[old].n_children > 0)
			wait_for(state, number, find_call(state, split_of_children(state, old)), left);
		if (left)
			state->nodes[number].hold = HOLD_STRAY;
	}
	/* nothing to share by: alike */
	for (int32 i = state->blocks[block].first; !any && i < state->n_nodes; i++)
		if (state->nodes[i].hold == HOLD_NONE)
		{
			state->nodes[i].weight = 1;
			state->nodes[i].fallback = TS_ZERO_EQUAL;
			state->runs[run_no].fallbacks[TS_ZERO_EQUAL]++;
		}
}

/* A target as a leaf of the tree, below another one; member: its index, -1 for a period */
static void
set_tree_node(const ts_tree *tree, const ts_node *above, int32 up, int64 target_id, int32 member,
			  DateADT from, DateADT upto, ts_node *node)
{
	memset(node, 0, sizeof(*node));
	node->target_id = target_id;
	node->parent = up;
	node->from = from;
	node->upto = upto;
	node->member = member;
	node->slice = above->slice;
	if (member < 0)
		return;
	node->member_id = tree->members->members[member].member_id;
	node->slice = DirectFunctionCall2(jsonb_concat, above->slice, ts_tree_edge_slice(tree, member));
}

/* The tree of the named target's top alone, with some targets below one another: steps, upwards */
static ts_tree *
path_tree(const resplit_state *state, int n, const resplit_old *steps)
{
	const ts_tree *tree = state->alone;
	ts_node    *new_nodes = palloc(sizeof(ts_node) * (n + 1));

	for (int i = 0; i < n; i++)
	{
		const resplit_old *step = &steps[n - 1 - i];

		set_tree_node(tree, i == 0 ? &tree->nodes[0] : &new_nodes[i - 1], i, step->target_id,
					  step->member_id == 0 ? -1 : ts_members_by_id(tree->members, step->member_id),
					  step->from, step->upto, &new_nodes[i]);
	}
	return ts_tree_deepen(tree, n, new_nodes, state->attempt);
}

/* Puts the path from the top to the named target into the tree */
static void
add_path(resplit_state *state)
{
	state->tree = path_tree(state, state->n_path, state->way);
	state->nodes[0].tree_node = state->n_path;
}

/*
 * The anchor and all targets above it up to the named one's top, that not
 * included; n_path: how many of them the anchor's split has made
 */
static resplit_old *
find_path(const resplit_state *state, const resplit_call *call, int32 anchor, int *n_path, int *n_all)
{
	resplit_old *path;
	int			n = 0;
	bool		same = true;

	path = palloc0(sizeof(resplit_old) * (state->nodes[anchor].depth + 2));
	*n_path = 0;
	for (const resplit_node *node = &state->nodes[anchor]; node->block >= 0; node = node_above(state, node), n++)
	{
		const resplit_run *run = &state->runs[state->blocks[node->block].run];
		const resplit_old *old = node->old < 0 ? NULL : &state->olds[node->old];
		const resplit_call *own = old ? &state->calls[find_call(state, old->split_id)] : run->call;

		path[n].target_id = node->target_id;
		path[n].from = node->from;
		path[n].upto = node->upto;
		path[n].member_id = old ? old->member_id :
			run->split->axes[node->axis].is_time ? 0 : state->tree->members->members[node->key].member_id;
		same &= call->origin != 0 && own->origin == call->origin;
		*n_path += same;
	}
	for (int i = 0; i < state->n_path; i++, n++)
	{
		path[n] = state->way[i];
		same &= call->origin != 0 && state->way_origin[i] == call->origin;
		*n_path += same;
	}
	path[n] = state->way[state->n_path];
	*n_all = n;
	return path;
}

/* Puts the nodes that are not in the tree yet into it */
static void
deepen_tree(resplit_state *state)
{
	const ts_tree *tree = state->tree;
	int32		n = state->n_nodes - state->n_in_tree;
	ts_node    *new_nodes;

	if (tree->n == 1 && state->n_path > 0)
	{
		add_path(state);
		tree = state->tree;
	}
	if (n == 0)
		return;
	new_nodes = MemoryContextAllocHuge(state->attempt, sizeof(ts_node) * n);
	for (int32 i = 0; i < n; i++)
	{
		resplit_node *node = &state->nodes[state->n_in_tree + i];
		const ts_split *split = state->runs[state->blocks[node->block].run].split;
		int32		up = node_above(state, node)->tree_node;
		int64		member_id = node->old < 0 ? 0 : state->olds[node->old].member_id;
		int32		member = split && node->made ? (split->axes[node->axis].is_time ? -1 : node->key) :
			member_id == 0 ? -1 : ts_members_by_id(tree->members, member_id);

		CHECK_FOR_INTERRUPTS();
		set_tree_node(tree, up < tree->n ? &tree->nodes[up] : &new_nodes[up - tree->n], up, node->target_id,
					  member, node->from, node->upto, &new_nodes[i]);
		node->tree_node = tree->n + i;
	}
	state->tree = ts_tree_deepen(tree, n, new_nodes, state->attempt);
	state->n_in_tree = state->n_nodes;
	pfree(new_nodes);
}

/*
 * What an anchor has to share, as far as it is known before anything is
 * shared: whether that is nothing
 */
static ts_int128
likely_units(const resplit_state *state, const resplit_node *node)
{
	if (node->block < 0)
		return node->share;
	if (node->old >= 0 && state->olds[node->old].amount != 0)
		return state->olds[node->old].amount;
	return node->weight > 0 ? 1 : 0;
}

static ts_split *
open_call(const resplit_state *state, const NullableDatum *args)
{
	ts_split   *split = ts_split_begin(args, true, state->attempt);
	int32		ignored[TS_MAX_DIMENSIONS];

	(void) ts_split_find_levels(split, DatumGetArrayTypeP(args[TS_SPLIT_BY].value), 0, ignored);
	return split;
}

/* A call's arguments without what it could refuse because of an amount */
static NullableDatum *
lenient_arguments(const resplit_call *call, NullableDatum *args)
{
	memcpy(args, call->args, sizeof(NullableDatum) * TS_SPLIT_N_ARGUMENTS);
	args[TS_SPLIT_ON_NEGATIVE].value = CStringGetTextDatum("zero");
	args[TS_SPLIT_ON_ZERO].value = CStringGetTextDatum("equal");
	if (strcmp(TextDatumGetCString(args[TS_SPLIT_METHOD].value), "copy") == 0)
		args[TS_SPLIT_METHOD].value = CStringGetTextDatum("profile");
	return args;
}

/* Says in the context of an error which of the splits it is about */
static void
tell_call(void *arg)
{
	const resplit_call *call = arg;

	errcontext("split %lld made again: by => %s", (long long) call->split_id,
			   quote_literal_cstr(array_text(call->args[TS_SPLIT_BY].value)));
}

static void
weigh(const resplit_call *call, ts_split *split, ts_split_nodes *made)
{
	ErrorContextCallback context;

	context.callback = tell_call;
	context.arg = unconstify(resplit_call *, call);
	context.previous = error_context_stack;
	error_context_stack = &context;
	ts_split_weigh(split, made);
	error_context_stack = context.previous;
}

/* The node that is the top of an anchor, NULL where it is above the named target */
static const resplit_node *
top_of(const resplit_state *state, const resplit_run *run, int32 anchor)
{
	const resplit_node *top = &state->nodes[anchor];

	for (int i = 0; i < run->n_path && top; i++)
		top = node_above(state, top);
	return top;
}

/*
 * Weighs the top of an anchor, alone in a tree with what is above it: how the
 * anchor's parts weigh among all of the split
 */
static void
prepare_top(resplit_state *state, resplit_run *run, int n_all, int32 anchor)
{
	ts_split   *split = run->split;
	const resplit_node *top = top_of(state, run, anchor);

	split->tree = path_tree(state, n_all - run->n_path, run->path + run->n_path);
	split->leaves[0] = split->tree->n - 1;
	/* of targets above the named one, the tree has the amount */
	if (top)
		split->tree->nodes[split->leaves[0]].amount = units_out(state, likely_units(state, top));
}

/*
 * Makes the parts of all targets that wait for a call in the same way as the
 * first; returns how many were waiting for others
 */
static int32
make_run(resplit_state *state, int call_no)
{
	resplit_call *call = &state->calls[call_no];
	int32		run_no = state->n_runs;
	int32		n = 0;
	int32		kept = 0;
	int32	   *anchors = MemoryContextAllocHuge(state->attempt, sizeof(int32) * state->n_waiting);
	int			n_all = 0;
	int			n_path = 0;
	bool		left = false;
	resplit_old *path = NULL;
	resplit_run *run;

	/* an anchor with a path is on its own */
	for (int32 i = 0; i < state->n_waiting; i++)
	{
		const resplit_wait *wait = &state->waiting[i];
		bool		takes = wait->call == call_no && (n == 0 || (n_path == 0 && wait->left == left));

		if (takes && !call->by_hand && !wait->left)
		{
			int			n_own;
			resplit_old *own = find_path(state, call, wait->node, &n_own, &n_all);

			takes = n == 0 || n_own == 0;
			if (n == 0)
			{
				n_path = n_own;
				path = own;
			}
		}
		if (takes && n == 0)
			left = wait->left;
		if (takes)
			anchors[n++] = wait->node;
		else
			state->waiting[kept++] = *wait;
	}
	if (n_path > 0)
		(void) find_path(state, call, anchors[0], &n_path, &n_all);
	state->n_waiting = kept;
	state->runs = grow(state, state->runs, state->n_runs, &state->run_space, sizeof(resplit_run));
	run = &state->runs[state->n_runs++];
	memset(run, 0, sizeof(*run));
	run->call = call;
	run->first_block = state->n_blocks;
	run->left = left;
	run->n_path = n_path;
	run->path = path;
	if (call->by_hand || left)
	{
		for (int32 i = 0; i < n; i++)
			make_block_by_hand(state, run_no, anchors[i]);
	}
	else
	{
		ts_split_nodes made = {0};
		NullableDatum lenient[TS_SPLIT_N_ARGUMENTS];

		/* a call may be met again where targets were moved by hand */
		run->split = call->split;
		call->split = NULL;
		if (!run->split)
			run->split = open_call(state, call->args);
		if (run_no > 0 && ts_split_reads_amounts(run->split))
		{
			/* which parts there are; what they weigh is found when amounts are known */
			run->place = MemoryContextAllocZero(state->attempt, sizeof(int32 *) * (n + 1));
			run->split = open_call(state, lenient_arguments(call, lenient));
		}
		run->split->n_leaves = n;
		run->split->leaves = MemoryContextAllocHuge(state->attempt, sizeof(int32) * (n + 1));
		if (n_path > 0)
			prepare_top(state, run, n_all, anchors[0]);
		else
		{
			deepen_tree(state);
			run->split->tree = state->tree;
			for (int32 i = 0; i < n; i++)
			{
				const resplit_node *node = &state->nodes[anchors[i]];

				run->split->leaves[i] = node->tree_node;
				state->tree->nodes[node->tree_node].amount = units_out(state, likely_units(state, node));
			}
		}
		weigh(call, run->split, &made);
		run->scale = run->split->scale;
		run->own_rounding = run->split->coarse != 1 || strcmp(run->split->residual, "largest") != 0;
		for (int32 i = 0; i < n; i++)
			make_block(state, run_no, anchors[i], &made, i);
		if (n_path > 0 && state->blocks[run->first_block].n == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the split that made target %lld would not make it any more", (long long) path[0].target_id),
					 errhint("SELECT * FROM target_split.preview_resplit(%lld);", (long long) path[n_path].target_id)));
		if (run->own_rounding)
			run->made = made;
		else
			ts_split_free_nodes(&made);
	}
	pfree(anchors);
	return kept;
}

/* Does a call split what is under a node, if it is new? */
static bool
reaches(const resplit_state *state, const resplit_call *call, const resplit_node *node)
{
	for (int i = 0; i < state->n_way; i++)
		if (state->way[i].target_id == call->target_id)
			return true;
	while ((node = node_above(state, node)) != NULL)
		if (node->target_id == call->target_id)
			return true;
	return false;
}

/* New targets are split further as those beside them are */
static void
follow_siblings(resplit_state *state, int64 origin, int32 first_wait, int32 first_node)
{
	int32		n = state->n_waiting - first_wait;
	int64	   *calls = MemoryContextAllocHuge(state->attempt, sizeof(int64) * (n + 1));
	int			n_calls;

	for (int32 i = 0; i < n; i++)
		calls[i] = state->waiting[first_wait + i].call;
	n_calls = distinct_ids(calls, n);
	for (int32 i = first_node; i < state->n_nodes && n_calls > 0; i++)
	{
		const resplit_node *node = &state->nodes[i];

		CHECK_FOR_INTERRUPTS();
		if (node->old >= 0 || node->n_children > 0)
			continue;
		for (int j = 0; j < n_calls; j++)
			if (!state->calls[calls[j]].by_hand && state->calls[calls[j]].origin != origin &&
				reaches(state, &state->calls[calls[j]], node))
			{
				wait_for(state, i, (int) calls[j], false);
				break;
			}
	}
	pfree(calls);
}

/* Makes all blocks, run by run; a call comes after those above it */
static void
make_blocks(resplit_state *state)
{
	const resplit_old *top = &state->olds[0];
	resplit_node *node;

	state->nodes = grow(state, NULL, 0, &state->node_space, sizeof(resplit_node));
	state->n_nodes = 1;
	state->n_in_tree = 1;
	node = &state->nodes[0];
	memset(node, 0, sizeof(*node));
	node->block = node->parent = node->below = -1;
	node->depth = (int16) (state->n_way - 1);
	node->from = top->from;
	node->upto = top->upto;
	node->target_id = top->target_id;
	node->share = state->fcinfo->args[ARG_AMOUNT].isnull ? top->amount :
		ts_units_from_numeric(state->fcinfo->args[ARG_AMOUNT].value, &state->tree->quantum, "amount");
	wait_for(state, 0, find_call(state, split_of_children(state, 0)),
			 !state->fcinfo->args[ARG_BY].isnull && state->fcinfo->args[ARG_AMOUNT].isnull);
	while (state->n_waiting > 0)
	{
		int			next = state->n_calls;
		int32		first_wait = 0;
		int32		first_node = state->n_nodes;

		CHECK_FOR_INTERRUPTS();
		for (int32 i = 0; i < state->n_waiting; i++)
			next = Min(next, state->waiting[i].call);
		first_wait = make_run(state, next);
		follow_siblings(state, state->calls[next].origin, first_wait, first_node);
	}
	/* slices of new targets begin with that of the named one */
	if (state->tree->n == 1 && state->n_path > 0)
		add_path(state);
}

/* ---------------------------------------------------------------- sharing */

static void
mirror(ts_int128 *lower, ts_int128 *upper)
{
	ts_int128	swap = *lower;

	*lower = *upper == TS_NO_UPPER ? TS_NO_LOWER : -*upper;
	*upper = swap == TS_NO_LOWER ? TS_NO_UPPER : -swap;
}

/*
 * What held parts below need at least and take at most limits their anchor.
 * A part without a lower bound goes down to 0, as in the engine; for an
 * amount below zero everything is mirrored.  A weight of 0 is a limit, unless
 * it was weighed with an amount that is not the last.
 */
static void
limit_anchor(resplit_state *state, const resplit_block *block)
{
	bool		mirrored = state->nodes[block->anchor].negative;
	bool		weighed = !state->runs[block->run].place;
	ts_int128  *low = MemoryContextAllocExtended(state->attempt, sizeof(ts_int128) * ((Size) block->n + 1),
												 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	ts_int128  *high = MemoryContextAllocExtended(state->attempt, sizeof(ts_int128) * ((Size) block->n + 1),
												  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	resplit_node *anchor = &state->nodes[block->anchor];
	bool		open = false;

	/* parts that come after their parents; element 0 is the anchor's */
	for (int32 i = block->n; i > 0; i--)
	{
		const resplit_node *node = &state->nodes[block->first + i - 1];
		ts_int128	lower = node->lower;
		ts_int128	upper = node->upper;
		int32		up = node->parent + 1;

		CHECK_FOR_INTERRUPTS();
		if (mirrored)
			mirror(&lower, &upper);
		if (node->n_children == 0 || node->below >= 0 || node->hold == HOLD_LOCK || node->hold == HOLD_STRAY)
		{
			if (lower == TS_NO_LOWER)
				lower = Min(upper, 0);
			open |= node->weight > 0 && lower != upper;
			/* what has no weight gets nothing that it need not have */
			if (node->weight == 0 && weighed)
				upper = lower = lower > 0 ? lower : Min(upper, 0);
		}
		else
		{
			lower = Max(lower, low[i]);
			upper = Min(upper, high[i]);
		}
		low[up] += lower;
		high[up] = upper == TS_NO_UPPER || high[up] == TS_NO_UPPER ? TS_NO_UPPER : high[up] + upper;
	}
	if (mirrored)
		mirror(&anchor->lower, &anchor->upper);
	if (low[0] != 0)
		anchor->lower = Max(anchor->lower, low[0]);
	if (open || anchor->hold == HOLD_NONE)
		anchor->upper = Min(anchor->upper, high[0]);
	if (mirrored)
		mirror(&anchor->lower, &anchor->upper);
	pfree(low);
	pfree(high);
}

/* The error that an amount does not go with the bounds of its target */
static void
refuse_amount(const resplit_state *state, const resplit_node *node, ts_int128 amount, ts_int128 lower, ts_int128 upper)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s would leave its bounds", old_name(state, node->old)),
			 node->hold == HOLD_NONE ?
			 errdetail("It would be %s, which is %s.", units_text(state, amount), amount < lower ?
					   psprintf("less than %s", units_text(state, lower)) :
					   psprintf("more than %s", units_text(state, upper))) :
			 errdetail("It %s %s, which is %s.", hold_verbs[node->hold], units_text(state, amount), amount < lower ?
					   psprintf("less than %s", units_text(state, lower)) :
					   psprintf("more than %s", units_text(state, upper))),
			 node->hold == HOLD_LOCK ? errhint("keep_locks => false shares it again, or give other bounds.") :
			 node->hold == HOLD_ADJUSTMENT ? errhint("keep_adjustments => false shares it again, or give other bounds.") :
			 errhint("Give it another amount, or other bounds: floor_amount, at_least, stretch_amount and at_most of target.")));
}

/*
 * What a held node has of the run's bounds: an amount that a person set is kept
 * whatever the recorded call said; bounds that this call gives must go with it
 */
static void
limit_held(const resplit_state *state, resplit_node *node)
{
	const NullableDatum *given = state->fcinfo->args + ARG_METHOD - TS_SPLIT_METHOD;
	const resplit_old *old = &state->olds[node->old];
	const resplit_call *call = state->runs[state->blocks[node->block].run].call;
	bool		are_given = call->changed &&
		!(given[TS_SPLIT_BOUNDS].isnull && given[TS_SPLIT_BOUNDS_FROM].isnull);

	node->lower = node->upper = old->amount;
	if (node->has_bounds && (old->amount < node->least || old->amount > node->most))
	{
		if (are_given)
			refuse_amount(state, node, old->amount, node->least, node->most);
		node->has_bounds = false;
		node->least = old->least;
		node->most = old->most;
	}
}

/* Bounds of all nodes: their own, what holds them, what is under them */
static void
limit_nodes(resplit_state *state)
{
	resplit_node *top = &state->nodes[0];
	ts_int128	lower = Max(state->olds[0].least, state->olds[0].floor);
	ts_int128	upper = Min(state->olds[0].most, state->olds[0].stretch);

	if (top->share < lower || top->share > upper)
		refuse_amount(state, top, top->share, lower, upper);
	top->negative = top->share < 0;
	for (int32 i = 1; i < state->n_nodes; i++)
	{
		resplit_node *node = &state->nodes[i];
		const resplit_old *old = node->old < 0 ? NULL : &state->olds[node->old];
		const resplit_node *up = node_above(state, node);

		CHECK_FOR_INTERRUPTS();
		node->lower = old ? Max(node->least, old->floor) : node->least;
		node->upper = old ? Min(node->most, old->stretch) : node->most;
		node->negative = up->negative;
		if (old && node->hold != HOLD_NONE)
		{
			limit_held(state, node);
			if (old->amount != 0)
				node->negative = old->amount < 0;
		}
		else if (node->negative != state->nodes[state->blocks[node->block].anchor].negative)
		{
			/* under a held part of the other sign: what it has is theirs */
			if (node->negative)
				node->upper = Min(node->upper, 0);
			else
				node->lower = Max(node->lower, 0);
			if (node->lower == TS_NO_LOWER)
				node->lower = Max(up->lower, -NO_LIMIT);
			if (node->upper == TS_NO_UPPER)
				node->upper = Min(up->upper, NO_LIMIT);
		}
	}
	for (int32 block = state->n_blocks - 1; block > 0; block--)
		limit_anchor(state, &state->blocks[block]);
}

/* "target 12 (...) is locked at 100" for the held nodes under one */
static char *
list_held(const resplit_state *state, const resplit_node *top)
{
	StringInfoData list;
	int32		n = 0;

	initStringInfo(&list);
	for (int32 i = 0; i < state->n_nodes; i++)
	{
		const resplit_node *node = &state->nodes[i];
		const resplit_node *up = node;

		CHECK_FOR_INTERRUPTS();
		while (node->hold != HOLD_NONE && up && up != top)
			up = node_above(state, up);
		if (node->hold == HOLD_NONE || !up || node == top || n++ >= TS_LIST_MAX)
			continue;
		appendStringInfo(&list, "%s%s %s %s", n > 1 ? ", " : "", old_name(state, node->old),
						 hold_verbs[node->hold],
						 units_text(state, node->lower));
	}
	if (n > TS_LIST_MAX)
		appendStringInfo(&list, ", and %d more", n - TS_LIST_MAX);
	return list.data;
}

static void
refuse_block(const resplit_state *state, const resplit_block *block, ts_status status, const ts_bounds_report *why)
{
	const resplit_node *anchor = &state->nodes[block->anchor];
	const resplit_node *node = why->index == SIZE_MAX ? anchor : &state->nodes[block->first + why->index];
	char	   *name;
	char	   *held;

	while (node->old < 0)
		node = node_above(state, node);
	name = old_name(state, node->old);
	if (status == TS_CROSSED_BOUNDS)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("bounds of %s, or of what is under it, cross", name)));
	if (status == TS_TOO_LARGE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("weights or amounts under %s are too large", name)));
	if (status != TS_BELOW_BOUNDS && status != TS_ABOVE_BOUNDS && status != TS_ONLY_ZERO_WEIGHTS)
		elog(ERROR, "parts of %s could not be shared: status %d", name, (int) status);
	held = list_held(state, node);
	if (held[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("bounds of the parts of %s do not go with its amount", name),
				 errdetail("%s are to be shared, and the parts %s %s, which is %s too %s.",
						   units_text(state, why->total), why->sum > why->total ? "need" : "take", units_text(state, why->sum),
						   units_text(state, why->shortfall), why->sum > why->total ? "much" : "little"),
				 errhint("Change the bounds, which are at_least, floor_amount, at_most and stretch_amount of target, or the amount.")));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("what is kept under %s does not go with its amount", name),
			 errdetail("%s are to be shared, and the parts %s %s, which is %s too %s: %s.",
					   units_text(state, why->total), why->sum > why->total ? "need" : "take", units_text(state, why->sum),
					   units_text(state, why->shortfall), why->sum > why->total ? "much" : "little", held),
			 errhint("keep_adjustments => false shares adjusted targets again, keep_locks => false locked ones.")));
}

/* Shares the amount of a block's anchor */
static void
share_block(resplit_state *state, const resplit_block *block)
{
	Size		n = block->n;
	resplit_node *nodes = &state->nodes[block->first];
	int32	   *parent = MemoryContextAllocHuge(state->attempt, sizeof(int32) * n);
	ts_int128  *numbers = MemoryContextAllocHuge(state->attempt, sizeof(ts_int128) * n * 5);
	ts_int128  *weight = numbers;
	ts_int128  *lower = weight + n;
	ts_int128  *upper = lower + n;
	ts_int128  *old = upper + n;
	ts_int128  *share = old + n;
	uint8	   *held = MemoryContextAllocHuge(state->attempt, n);
	void	   *work = MemoryContextAllocHuge(state->attempt, ts_bounded_tree_work(n, true));
	ts_bounds_report why;
	ts_status	status;

	for (Size i = 0; i < n; i++)
	{
		parent[i] = nodes[i].parent;
		weight[i] = nodes[i].weight;
		lower[i] = nodes[i].lower;
		upper[i] = nodes[i].upper;
		old[i] = nodes[i].old < 0 ? TS_NO_UPPER : state->olds[nodes[i].old].amount;
	}
	status = ts_bounded_tree(n, parent, weight, lower, upper, state->nodes[block->anchor].share, old, share,
							 held, work, NULL, NULL, &why, check_interrupts);
	if (status != TS_OK)
		refuse_block(state, block, status, &why);
	for (Size i = 0; i < n; i++)
	{
		bool		limited = (held[i] & TS_AT_LOWER && nodes[i].lower != TS_NO_LOWER) ||
			(held[i] & TS_AT_UPPER && nodes[i].upper != TS_NO_UPPER);

		nodes[i].share = share[i];
		nodes[i].weight = weight[i];
		state->runs[block->run].held[nodes[i].hold != HOLD_NONE ? nodes[i].hold : limited ? HOLD_BOUNDS : HOLD_NONE]++;
	}
	pfree(parent);
	pfree(numbers);
	pfree(held);
	pfree(work);
}

/*
 * Shares the amounts of a run's anchors with the rounding that its call asks
 * for; nothing may be held, for that is not what other systems do
 */
static void
share_run(resplit_state *state, resplit_run *run)
{
	if (run->n_path > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a split with a quantum or a residual of its own cannot be made again for a part of it"),
				 errhint("Share it like any other: by => %s, quantum => %s, residual => 'largest'",
						 quote_literal_cstr(array_text(run->call->args[TS_SPLIT_BY].value)), units_text(state, 1))));
	for (int32 i = 0; i < run->n_blocks; i++)
	{
		const resplit_block *block = &state->blocks[run->first_block + i];

		for (int32 j = block->first; j < block->first + block->n; j++)
		{
			const resplit_node *node = &state->nodes[j];

			CHECK_FOR_INTERRUPTS();
			/* bounds of the call itself are its own business */
			if (node->lower == node->least && node->upper == node->most)
				continue;
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("a split with a quantum or a residual of its own cannot be made again around what is kept"),
					 errdetail("%s is kept, or limited by what is under it.", old_name(state, node->old)),
					 errhint("Share it like any other: by => %s, quantum => %s, residual => 'largest'",
							 quote_literal_cstr(array_text(run->call->args[TS_SPLIT_BY].value)), units_text(state, 1))));
		}
		run->split->units[i] = state->nodes[block->anchor].share;
	}
	ts_split_apportion(run->split, &run->made);
	for (int32 i = 0; i < run->n_blocks; i++)
	{
		const resplit_block *block = &state->blocks[run->first_block + i];

		for (int32 j = 0; j < block->n; j++)
		{
			resplit_node *node = &state->nodes[block->first + j];

			node->share = run->made.share[run->made.first[i] + j];
			node->weight = run->made.weight[run->made.first[i] + j];
		}
	}
}

/*
 * Weighs a run once more, whose weights follow from the amounts that its
 * anchors have by now.  Its parts are the same as before.
 */
static void
weigh_again(resplit_state *state, resplit_run *run)
{
	const resplit_call *call = run->call;
	ts_split   *split = open_call(state, call->args);
	ts_split_nodes made = {0};

	split->tree = run->split->tree;
	split->n_leaves = run->split->n_leaves;
	split->leaves = run->split->leaves;
	for (int32 i = 0; i < run->n_blocks; i++)
	{
		const resplit_node *top = top_of(state, run, state->blocks[run->first_block + i].anchor);

		if (top)
			split->tree->nodes[split->leaves[i]].amount = units_out(state, top->share);
	}
	weigh(call, split, &made);
	memset(run->fallbacks, 0, sizeof(run->fallbacks));
	for (int32 i = 0; i < run->n_blocks; i++)
	{
		const resplit_block *block = &state->blocks[run->first_block + i];
		const int32 *place = run->place[i];

		for (int32 j = block->first; j < block->first + block->n; j++)
			state->nodes[j].weight = 0;
		for (int64 part = made.first[i]; part < made.first[i + 1]; part++)
		{
			int32		at = place[part - made.first[i]];

			CHECK_FOR_INTERRUPTS();
			if (made.n_children[part] == 0)
				state->nodes[at >= 0 ? at : -2 - at].weight += made.weight[part];
			if (at < 0)
				continue;
			state->nodes[at].fallback = made.fallback[part];
			run->fallbacks[made.fallback[part]]++;
		}
	}
	run->split = split;
	run->scale = split->scale;
	if (run->own_rounding)
		run->made = made;
	else
		ts_split_free_nodes(&made);
}

/* Anchors come before their parts */
static void
share_runs(resplit_state *state)
{
	for (int i = 0; i < state->n_runs; i++)
	{
		resplit_run *run = &state->runs[i];

		if (run->place)
			weigh_again(state, run);
		if (run->own_rounding)
			share_run(state, run);
		for (int32 j = 0; j < run->n_blocks && !run->own_rounding; j++)
		{
			CHECK_FOR_INTERRUPTS();
			share_block(state, &state->blocks[run->first_block + j]);
		}
	}
}

/* ---------------------------------------------------------------- writing */

/* Columns of the tuplestore of nodes */
enum
{
	COL_RUN,
	COL_TARGET_ID,
	COL_IS_NEW,
	COL_PARENT_ID,
	COL_MEMBER_ID,
	COL_N_CHILDREN,
	COL_DEPTH,
	COL_LEVEL,
	COL_SLICE,
	COL_PERIOD,
	COL_AMOUNT,
	COL_MADE,
	COL_IS_FREE,
	COL_WEIGHT,
	COL_FALLBACK,
	COL_HAS_BOUNDS,
	COL_AT_LEAST,
	COL_AT_MOST,
	N_COLUMNS
};

static const struct
{
	const char *name;
	Oid			type;
}			node_columns[N_COLUMNS] = {
	{"run", INT4OID}, {"target_id", INT8OID}, {"is_new", BOOLOID}, {"parent_id", INT8OID},
	{"member_id", INT8OID}, {"n_children", INT4OID}, {"depth", INT4OID}, {"level", TEXTOID},
	{"slice", JSONBOID}, {"period", DATERANGEOID}, {"amount", NUMERICOID}, {"made", BOOLOID}, {"is_free", BOOLOID},
	{"weight", NUMERICOID}, {"fallback", TEXTOID}, {"has_bounds", BOOLOID}, {"at_least", NUMERICOID},
	{"at_most", NUMERICOID}
};

/* The slice of a node, from its own place in the tree or from those above it */
static Datum
slice_of(const resplit_state *state, const resplit_node *node)
{
	const ts_split *split;
	Datum		above;

	if (node->tree_node >= 0)
		return state->tree->nodes[node->tree_node].slice;
	split = state->runs[state->blocks[node->block].run].split;
	above = slice_of(state, node_above(state, node));
	if (split->axes[node->axis].is_time)
		return above;
	return DirectFunctionCall2(jsonb_concat, above, ts_tree_edge_slice(state->tree, node->key));
}

static bool
same_weight(ts_int128 a, int a_scale, ts_int128 b, int b_scale)
{
	while (a_scale > b_scale && a % 10 == 0)
	{
		a /= 10;
		a_scale--;
	}
	while (b_scale > a_scale && b % 10 == 0)
	{
		b /= 10;
		b_scale--;
	}
	return a == b && (a_scale == b_scale || a == 0);
}

/*
 * Puts the nodes into a tuplestore, gives new ones their ids unless this is a
 * preview, and says whether anything changes
 */
static Tuplestorestate *
list_nodes(resplit_state *state, TupleDesc *desc, bool *changes)
{
	Tuplestorestate *store = tuplestore_begin_heap(true, false, work_mem);
	MemoryContext row_context = AllocSetContextCreate(state->attempt, "target_split resplit row",
													  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context;

	*desc = CreateTemplateTupleDesc(N_COLUMNS);
	for (int i = 0; i < N_COLUMNS; i++)
		TupleDescInitEntry(*desc, i + 1, node_columns[i].name, node_columns[i].type, -1, 0);
	*changes = state->nodes[0].share != state->olds[0].amount;
	old_context = MemoryContextSwitchTo(row_context);
	for (int32 i = 0; i < state->n_nodes; i++)
	{
		resplit_node *node = &state->nodes[i];
		const resplit_block *block = node->block < 0 ? NULL : &state->blocks[node->block];
		resplit_run *run = block ? &state->runs[block->run] : NULL;
		const resplit_node *up = node_above(state, node);
		const resplit_old *old = node->old < 0 ? NULL : &state->olds[node->old];
		Datum		values[N_COLUMNS] = {0};
		bool		nulls[N_COLUMNS] = {0};
		bool		is_free;

		CHECK_FOR_INTERRUPTS();
		/* strays stay as they are */
		if (node->hold == HOLD_STRAY)
			continue;
		if (!old && !state->preview)
			node->target_id = ts_next_target_id();
		is_free = node->hold == HOLD_NONE;
		*changes |= !old || old->amount != node->share || (is_free && block && old->adjusted) ||
			(node->made && (old->weight < 0 || old->fallback != node->fallback ||
							!same_weight(old->weight, old->weight_scale, node->weight, run->scale))) ||
			(node->has_bounds && (old->least != node->least || old->most != node->most));
		values[COL_RUN] = Int32GetDatum(block ? block->run : -1);
		values[COL_TARGET_ID] = Int64GetDatum(node->target_id);
		nulls[COL_TARGET_ID] = node->target_id == 0;
		values[COL_IS_NEW] = BoolGetDatum(!old);
		values[COL_AMOUNT] = units_out(state, node->share);
		values[COL_MADE] = BoolGetDatum(node->made);
		values[COL_IS_FREE] = BoolGetDatum(is_free && block);
		nulls[COL_WEIGHT] = !node->made;
		if (node->made)
			values[COL_WEIGHT] = ts_scaled_to_numeric(node->weight, run->scale);
		nulls[COL_FALLBACK] = node->fallback == TS_FALLBACK_NONE;
		if (!nulls[COL_FALLBACK])
			values[COL_FALLBACK] = CStringGetTextDatum(ts_fallback_names[node->fallback]);
		values[COL_HAS_BOUNDS] = BoolGetDatum(node->has_bounds);
		nulls[COL_AT_LEAST] = node->least == TS_NO_LOWER;
		if (!nulls[COL_AT_LEAST])
			values[COL_AT_LEAST] = units_out(state, node->least);
		nulls[COL_AT_MOST] = node->most == TS_NO_UPPER;
		if (!nulls[COL_AT_MOST])
			values[COL_AT_MOST] = units_out(state, node->most);
		for (int column = COL_PARENT_ID; column <= COL_PERIOD; column++)
			nulls[column] = old != NULL || !block;
		if (!old && block)
		{
			const ts_axis *axis = &run->split->axes[node->axis];

			values[COL_PARENT_ID] = Int64GetDatum(up->target_id);
			nulls[COL_PARENT_ID] = up->target_id == 0;
			values[COL_MEMBER_ID] = Int64GetDatum(axis->is_time ? 0 : state->tree->members->members[node->key].member_id);
			values[COL_N_CHILDREN] = Int32GetDatum(node->n_children);
			values[COL_DEPTH] = Int32GetDatum(node->depth);
			values[COL_LEVEL] = CStringGetTextDatum(axis->name);
			values[COL_SLICE] = slice_of(state, node);
			values[COL_PERIOD] = ts_daterange_make(node->from, node->upto);
			run->n_made++;
		}
		tuplestore_putvalues(store, *desc, values, nulls);
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(row_context);
	return store;
}

/* An old target that goes, and all under it */
static void
remove_old(resplit_state *state, int32 old, int64 *ids, int32 *n)
{
	resplit_old *o = &state->olds[old];

	check_stack_depth();
	o->removed = true;
	ids[(*n)++] = o->target_id;
	for (int32 i = 0; i < o->n_children; i++)
		remove_old(state, state->old_children[o->first_child + i], ids, n);
}

/* The old targets that go: children of a node's old target that no node has */
static int32
list_removed(resplit_state *state, int64 *ids)
{
	int32		n = 0;

	for (int32 i = 0; i < state->n_nodes; i++)
	{
		const resplit_node *node = &state->nodes[i];

		if (node->old < 0 || node->n_children == 0)
			continue;
		for (int32 j = 0; j < state->olds[node->old].n_children; j++)
		{
			int32		old = state->old_children[state->olds[node->old].first_child + j];

			CHECK_FOR_INTERRUPTS();
			if (!state->olds[old].used)
				remove_old(state, old, ids, &n);
		}
	}
	return n;
}

/* Fallbacks and holds of a run, as {"zero: equal": 3, "held: locked": 2} */
static Datum
fallbacks_json(const resplit_run *run)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int i = 1; i < TS_N_FALLBACKS; i++)
		if (run->fallbacks[i] > 0)
			appendStringInfo(&json, "%s\"%s\": %lld", json.len > 1 ? ", " : "", ts_fallback_names[i],
							 (long long) run->fallbacks[i]);
	for (int i = 1; i < N_HOLDS; i++)
		if (run->held[i] > 0)
			appendStringInfo(&json, "%s\"%s\": %lld", json.len > 1 ? ", " : "", hold_names[i],
							 (long long) run->held[i]);
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/* What a run's basis came out as, daterange; NULL where it reads none */
static void
basis_argument(const resplit_run *run, ts_args *args)
{
	const ts_term *term = run->split ? run->split->term : NULL;
	bool		none = !term || !term->has_basis;

	ts_arg(args, DATERANGEOID, none ? (Datum) 0 : ts_daterange_make(term->basis_from, term->basis_upto), none);
}

/* Is a run what its call was already, for all the arguments that were given? */
static bool
is_recorded(const resplit_state *state, const resplit_run *run)
{
	ts_args		args = {0};
	Datum		arguments = ts_split_arguments(run->call->args);

	ts_arg_int4(&args, state->tree->plan_id);
	ts_arg_int8(&args, run->call->split_id);
	ts_arg_text(&args, run->split->main.method->name);
	ts_arg(&args, JSONBOID, arguments, false);
	basis_argument(run, &args);
	(void) ts_run("SELECT s.method = $3 AND s.basis IS NOT DISTINCT FROM $5"
				  " AND s.arguments - '{amount,keep_adjustments,keep_locks}'::pg_catalog.text[] = $4"
				  " FROM " TS_SCHEMA ".split s WHERE s.plan_id = $1 AND s.split_id = $2", &args, false);
	return ts_bool(0, 1);
}

/*
 * Records the runs that are not left as they are: the first one is the call,
 * whose key the revisions get, the others are parts of it
 */
static void
record_runs(resplit_state *state)
{
	ts_args		args = {0};
	int64		after;
	int64		first = 0;

	(void) ts_run("SELECT COALESCE(pg_catalog.max(r.revision_id), 0) FROM " TS_SCHEMA ".revision r", TS_NO_ARGS, false);
	after = ts_int8(0, 1);
	for (int i = 0; i < state->n_runs; i++)
	{
		resplit_run *run = &state->runs[i];
		const NullableDatum *given = run->call->args;
		Datum		arguments;

		if (run->left)
			continue;
		arguments = run->split ? ts_split_arguments(given) : DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
		memset(&args, 0, sizeof(args));
		ts_arg_int4(&args, state->tree->plan_id);
		ts_arg_int4(&args, state->tree->metric_id);
		ts_arg_int8(&args, state->target_id);
		ts_arg(&args, TEXTARRAYOID, given[TS_SPLIT_BY].value, given[TS_SPLIT_BY].isnull);
		ts_arg_text(&args, run->split ? run->split->main.method->name : "present");
		ts_arg(&args, JSONBOID, arguments, false);
		ts_arg(&args, NUMERICOID, state->fcinfo->args[ARG_AMOUNT].value,
			   first != 0 || state->fcinfo->args[ARG_AMOUNT].isnull);
		ts_arg(&args, BOOLOID, BoolGetDatum(false), state->keep_adjustments);
		ts_arg(&args, BOOLOID, BoolGetDatum(false), state->keep_locks);
		basis_argument(run, &args);
		ts_arg(&args, JSONBOID, fallbacks_json(run), false);
		ts_arg_int8(&args, run->n_blocks);
		ts_arg_int8(&args, run->n_made);
		ts_arg_text(&args, ts_reason[0] ? ts_reason : NULL);
		ts_arg(&args, JSONBOID, run->split && run->split->findings ? JsonbPGetDatum(run->split->findings) : (Datum) 0,
			   !run->split || !run->split->findings);
		ts_arg(&args, INT8OID, Int64GetDatum(first), first == 0);
		ts_arg(&args, INT8OID, Int64GetDatum(run->call->split_id), run->call->split_id == 0);
		ts_arg_int8(&args, after);
		ts_arg_int4(&args, i);
		(void) ts_run("INSERT INTO " TS_SCHEMA ".split (plan_id, metric_id, target_id, by_levels, method, arguments, basis,"
					  " fallbacks, n_split, n_created, reason, findings, part_of, replaces, after_revision, made)"
					  " VALUES ($1, $2, $3, COALESCE($4, '{}'), $5, $6 || pg_catalog.jsonb_strip_nulls("
					  "pg_catalog.jsonb_build_object('amount', $7, 'keep_adjustments', $8, 'keep_locks', $9)),"
					  " $10, $11, $12, $13, $14, $15, $16, $17, $18,"
					  " ARRAY(SELECT n.target_id FROM resplit_node n WHERE n.is_new AND n.run = $19)) RETURNING split_id",
					  &args, false);
		run->split_id = ts_int8(0, 1);
		if (first == 0)
			first = run->split_id;
	}
	ts_split_in_progress = first;
}

#define UPDATE_KEPT \
	"UPDATE " TS_SCHEMA ".target t SET amount = n.amount," \
	" weight = CASE WHEN n.made THEN n.weight ELSE t.weight END," \
	" split_id = CASE WHEN n.made THEN ($2::pg_catalog.int8[])[n.run + 1] ELSE t.split_id END," \
	" fallback = CASE WHEN n.made THEN n.fallback ELSE t.fallback END," \
	" at_least = CASE WHEN n.has_bounds THEN n.at_least ELSE t.at_least END," \
	" at_most = CASE WHEN n.has_bounds THEN n.at_most ELSE t.at_most END," \
	" adjusted = t.adjusted AND NOT n.is_free," \
	" locked = t.locked OR COALESCE(t.target_id = ANY ($3), false)" \
	" FROM resplit_node n WHERE t.plan_id = $1 AND t.target_id = n.target_id AND NOT n.is_new"

/* Writes everything, and the rows that the call returns */
static void
write_all(resplit_state *state, Tuplestorestate *result)
{
	TupleDesc	desc;
	bool		changes;
	Tuplestorestate *store = list_nodes(state, &desc, &changes);
	int64	   *removed = MemoryContextAllocHuge(state->attempt, sizeof(int64) * state->n_olds);
	int32		n_removed = list_removed(state, removed);
	int64	   *split_ids = MemoryContextAlloc(state->attempt, sizeof(int64) * (state->n_runs + 1));
	int64	   *locked = MemoryContextAllocHuge(state->attempt, sizeof(int64) * state->n_olds);
	int32		n_locked = 0;
	int64		n_new = 0;
	ts_args		args = {0};

	for (int i = 0; i < state->n_runs && !changes; i++)
		changes = state->runs[i].call->changed && !state->runs[i].left && !is_recorded(state, &state->runs[i]);
	if (!changes && n_removed == 0)
	{
		tuplestore_end(store);
		return;
	}
	for (int i = 0; i < state->n_runs; i++)
		n_new += state->runs[i].n_made;
	ts_register_rows("resplit_node", store, desc, state->n_nodes);
	ts_arg_int4(&args, state->tree->plan_id);
	ts_arg_int8_array(&args, n_removed, removed);
	ts_put_query(result, "SELECT t.target_id, t.parent_id, t.depth::pg_catalog.int4, t.level, t.slice, t.period,"
				 " t.amount, n.amount, n.amount - t.amount, 'changed'::pg_catalog.text"
				 " FROM resplit_node n JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.target_id = n.target_id"
				 " WHERE n.amount <> t.amount"
				 " UNION ALL "
				 "SELECT n.target_id, n.parent_id, n.depth, n.level, n.slice, n.period, NULL, n.amount, n.amount, 'new'"
				 " FROM resplit_node n WHERE n.is_new"
				 " UNION ALL "
				 "SELECT t.target_id, t.parent_id, t.depth::pg_catalog.int4, t.level, t.slice, t.period,"
				 " t.amount, NULL, - t.amount, 'removed'"
				 " FROM " TS_SCHEMA ".target t WHERE t.plan_id = $1 AND t.target_id = ANY ($2)"
				 " ORDER BY 3, 1, 5, 6", &args);
	if (state->preview)
	{
		SPI_unregister_relation("resplit_node");
		tuplestore_end(store);
		return;
	}

	record_runs(state);
	for (int i = 0; i < state->n_runs; i++)
		split_ids[i] = state->runs[i].split_id;
	/* the guard lets nobody change or remove a locked target, us neither */
	for (int32 i = 0; i < state->n_nodes; i++)
		if (state->nodes[i].old >= 0 && state->olds[state->nodes[i].old].locked &&
			state->olds[state->nodes[i].old].amount != state->nodes[i].share &&
			state->nodes[i].hold != HOLD_STRAY)
			locked[n_locked++] = state->nodes[i].target_id;
	for (int32 i = 0; i < state->n_olds; i++)
		if (state->olds[i].locked && state->olds[i].removed)
			locked[n_locked++] = state->olds[i].target_id;
	memset(&args, 0, sizeof(args));
	ts_arg_int4(&args, state->tree->plan_id);
	ts_arg_int8_array(&args, state->n_runs, split_ids);
	ts_arg_int8_array(&args, n_locked, locked);
	if (n_locked > 0)
		(void) ts_run("UPDATE " TS_SCHEMA ".target t SET locked = false"
					  " WHERE t.plan_id = $1 AND t.target_id = ANY ($3) AND $2 IS NOT NULL", &args, false);
	if (n_removed == 0 && n_new == 0)
		(void) ts_run(UPDATE_KEPT, &args, false);
	else
	{
		ts_arg_int8_array(&args, n_removed, removed);
		ts_arg_int4(&args, state->tree->metric_id);
		(void) ts_run("WITH gone AS (DELETE FROM " TS_SCHEMA ".target t WHERE t.plan_id = $1 AND t.target_id = ANY ($4)),"
					  " kept AS (" UPDATE_KEPT ")"
					  " INSERT INTO " TS_SCHEMA ".target (target_id, parent_id, split_id, member_id, lineage_id, plan_id,"
					  " metric_id, n_children, depth, level, period, amount, weight, slice, fallback, at_least, at_most)"
					  " SELECT n.target_id, n.parent_id, ($2::pg_catalog.int8[])[n.run + 1], n.member_id, n.target_id, $1,"
					  " $5, n.n_children, n.depth, n.level, n.period, n.amount, n.weight, n.slice, n.fallback,"
					  " n.at_least, n.at_most FROM resplit_node n WHERE n.is_new", &args, false);
	}
	ts_split_in_progress = 0;
	SPI_unregister_relation("resplit_node");
	tuplestore_end(store);
}

/* -------------------------------------------------------------- functions */

/* Reads the target and all above it, and finds the top */
static void
load_way(resplit_state *state)
{
	ts_args		args = {0};
	uint64		n;
	int64		ignored;
	int64		origin = ts_record_origin(state->tree->plan_id, split_of_children(state, 0), &ignored);

	ts_arg_int4(&args, state->tree->plan_id);
	ts_arg_int8(&args, state->target_id);
	n = ts_run("WITH RECURSIVE way AS ("
			   "SELECT t.* FROM " TS_SCHEMA ".target t WHERE t.plan_id = $1 AND t.target_id = $2"
			   " UNION ALL "
			   "SELECT t.* FROM way w JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.target_id = w.parent_id)"
			   " SELECT w.target_id, COALESCE(w.split_id, 0), w.member_id, w.period FROM way w ORDER BY w.depth DESC",
			   &args, false);
	state->way = MemoryContextAllocZero(state->attempt, sizeof(resplit_old) * (n + 1));
	state->way_origin = MemoryContextAllocZero(state->attempt, sizeof(int64) * (n + 1));
	state->n_way = (int) n;
	for (uint64 row = 0; row < n; row++)
	{
		resplit_old *old = &state->way[row];
		bool		empty;

		old->target_id = ts_int8(row, 1);
		old->split_id = ts_int8(row, 2);
		old->member_id = ts_int8(row, 3);
		ts_daterange_parts(ts_datum(row, 4), &old->from, &old->upto, &empty);
	}
	for (int i = 0; i < state->n_way; i++)
		state->way_origin[i] = ts_record_origin(state->tree->plan_id, state->way[i].split_id, &ignored);
	while (origin != 0 && state->way_origin[state->n_path] == origin)
		state->n_path++;
}

/* What this call cannot do */
static void
check_target(const resplit_state *state)
{
	const resplit_old *top = &state->olds[0];

	if (top->n_children == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s is not split", old_name(state, 0)),
				 errhint("SELECT * FROM target_split.split_target(%lld, '{month}');", (long long) state->target_id)));
	if (top->locked && state->keep_locks)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s is locked", old_name(state, 0)),
				 errhint("Unlock it first: SELECT * FROM target_split.unlock_target(%lld);",
						 (long long) state->target_id)));
	if (!state->fcinfo->args[ARG_AMOUNT].isnull && state->n_way > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s has a target above it, which another amount would have to go with", old_name(state, 0)),
				 errhint("Adjust it first: SELECT * FROM target_split.adjust_target(%lld, amount => %s);",
						 (long long) state->target_id,
						 DatumGetCString(DirectFunctionCall1(numeric_out, state->fcinfo->args[ARG_AMOUNT].value)))));
}

static Datum
resplit(FunctionCallInfo fcinfo, bool preview)
{
	MemoryContext context;
	MemoryContext old;
	resplit_state *state;
	TupleDesc	desc;
	Tuplestorestate *result = ts_begin_rows(fcinfo, &desc);

	ts_require(fcinfo, ARG_TARGET_ID, "target_id");
	ts_require(fcinfo, ARG_KEEP_ADJUSTMENTS, "keep_adjustments");
	ts_require(fcinfo, ARG_KEEP_LOCKS, "keep_locks");
	if (!preview)
		ts_reason_argument(fcinfo, ARG_REASON);
	context = AllocSetContextCreate(CurrentMemoryContext, "target_split resplit", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	state = palloc(sizeof(resplit_state));
	ts_connect();
	MemoryContextSwitchTo(context);
	for (int attempt = 1;; attempt++)
	{
		CHECK_FOR_INTERRUPTS();
		memset(state, 0, sizeof(*state));
		state->context = context;
		state->attempt = AllocSetContextCreate(context, "target_split resplit attempt", ALLOCSET_DEFAULT_SIZES);
		MemoryContextSwitchTo(state->attempt);
		state->fcinfo = fcinfo;
		state->preview = preview;
		state->keep_adjustments = PG_GETARG_BOOL(ARG_KEEP_ADJUSTMENTS);
		state->keep_locks = PG_GETARG_BOOL(ARG_KEEP_LOCKS);
		state->target_id = PG_GETARG_INT64(ARG_TARGET_ID);
		/* plan and quantum; it is read again with the dimensions of all calls */
		state->tree = ts_tree_load_alone(state->target_id, 0, NULL, state->attempt);
		if (load_olds(state))
			break;
		if (attempt == MAX_ATTEMPTS)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("role \"%s\" cannot lock, or does not see, all targets under target %lld",
							GetUserNameFromId(GetUserId(), false), (long long) state->target_id),
					 errhint(HINT_HIDDEN)));
		MemoryContextSwitchTo(context);
		MemoryContextDelete(state->attempt);
	}
	load_way(state);
	check_target(state);
	load_calls(state);
	make_blocks(state);
	limit_nodes(state);
	share_runs(state);
	write_all(state, result);
	ts_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/*
 * resplit_target(target_id, amount, by, method ... bounds_from,
 *				  keep_adjustments, keep_locks, reason)
 *
 * Shares what is under a target again, and returns what changed, came and
 * went.
 */
Datum
target_split_resplit_target(PG_FUNCTION_ARGS)
{
	return resplit(fcinfo, false);
}

/* The same rows, and nothing is written or locked */
Datum
target_split_preview_resplit(PG_FUNCTION_ARGS)
{
	return resplit(fcinfo, true);
}
