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
 *	  origin		the first of the splits that replace one another
 *	  own call		that of a part which was split again by itself
 *	  top			the target that the split of an anchor's parts started from: the
 *					anchor, unless it is itself a part of that split, because
 *					only what is under it is split again, or has its own call
 *	  path			the targets between the top and the anchor, that included
 *	  way			the named target and all above it
 *	  block			what is made under one anchor
 *	  beside		a target that the call of a run once split and the run does not:
 *				locked, with an own call, or not under the named target.  Some
 *				methods weigh parts by what the others are, so it is weighed
 *				with the run's tops, with the amount it has, and nothing is made
 *	  node			a target as it will be; it has an old target or is new
 *	  held			a node that keeps its amount: locked, with all that is under
 *					it, or adjusted
 *	  stray			an old target that the run does not make; it stays, held, if
 *					it is locked, adjusted or was never made by a split, or such
 *					a one is under it, and goes otherwise
 *
 * Method
 *	  1. read and lock everything under the named target, and read the recorded
 *		 calls; the arguments of this one take the place of theirs
 *	  2. run by run, from the outermost: open the call, weigh its parts (split.c)
 *		 in a tree from the target that the call first named down to the run's
 *		 tops, and find the old target of each part by its parent, member and
 *		 first day.  A call that no run needs is never opened: what it reads may
 *		 be gone.  Weights that follow from amounts, or from there being one, are
 *		 found again in 4
 *	  3. blocks from the last to the first: what held parts need at least and
 *		 take at most limits the anchor in its own block
 *	  4. run by run, after those that its anchors, and what is beside its tops,
 *		 have their amounts from: share the anchor's amount within bounds,
 *		 rounded so that as few amounts as possible change (engine, bounded.c);
 *		 every free node is floor or ceiling of its exact share
 *	  5. write changes, new and removed targets by one statement
 *
 *	  Which call makes the parts of a target: the one that made them, unless it
 *	  has been replaced where all of it was split, or that has got other arguments
 *	  since (call_below).  So a part keeps its own call until the whole gets
 *	  arguments, and what was locked meanwhile follows the whole.
 *
 *	  New targets below which others of their run are split further are split
 *	  as those are, if the call that did it named a target at or above them.
 *
 *	  Each run is a row in "split", the first one is the call: revisions carry
 *	  its key, and undo_split takes all of it back.  A row names the part that it
 *	  is for, or explain_target would give a call that changes the whole.  Where
 *	  nothing would change, neither amounts nor weights, nothing is written.
 *
 * Limits
 *	  About 400 bytes of memory a target, besides what split.c needs.
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
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
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
	bool		is_set;			/* by this call, to: */
	bool		used;			/* it has a node, or is under one that is held */
	bool		removed;
	uint8		fallback;
	int16		weight_scale;
	ts_int128	weight;			/* -1: none */
	ts_int128	amount;
	ts_int128	set_to;
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
	int32		tree_node;		/* in the tree that is being built; -1: not there */
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
	int64		member_id;		/* 0 for a period */
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
	int			n_path;			/* targets from the anchor up to below its top */
	int32		first;			/* its nodes are first ... first + n - 1 */
	int32		n;
	int32		n_parts;		/* that the split makes here */
	int32		n_top_parts;	/* and under the whole of its top */
	bool		in_doubt;		/* what they weigh follows from the anchor's amount */
	int32	   *place;			/* of each: its node; or -1 less the node that is
								 * not split so far, below which it would be; NULL
								 * unless they are looked at again */
} resplit_block;

/* A split that a call replaces, directly or not */
typedef struct resplit_ancestor
{
	int64		split_id;
	bool		changed;		/* by other arguments than what it replaces */
} resplit_ancestor;

/* A recorded call, with the arguments that take part now */
typedef struct resplit_call
{
	int64		split_id;		/* 0: no split */
	int64		target_id;		/* that it is for */
	int64		origin;			/* the first split that it replaces, or itself */
	int64		origin_id;		/* the target that the origin named */
	int			n_line;			/* itself and what it replaces, the origin first */
	resplit_ancestor *line;
	int			n_same;			/* calls of the same origin, this one included */
	bool		below;			/* it made something under the named target */
	bool		by_hand;
	bool		named;			/* by this call's "by" */
	bool		changed;		/* by arguments of this call */
	bool		opened;
	bool		default_basis;	/* the basis was found, not given */
	NullableDatum args[TS_SPLIT_N_ARGUMENTS];
} resplit_call;

/* A target on a way down */
typedef struct resplit_step
{
	int64		target_id;
	int64		member_id;		/* 0 for a period */
	DateADT		from;
	DateADT		upto;
} resplit_step;

/* A target beside a run's tops */
typedef struct resplit_beside
{
	int32		node;			/* -1: none */
	int32		place;			/* in the run's tree */
	Datum		amount;			/* numeric, as it is so far */
} resplit_beside;

typedef struct resplit_run
{
	int			call_no;
	resplit_call *call;
	ts_split   *split;			/* NULL: by hand */
	int			scale;			/* of the weights */
	bool		left;			/* as it is: "by" names others */
	int			n_path;			/* above 0: the top is weighed, and only what is
								 * under the one anchor is taken */
	resplit_step *path;			/* from below the top down to that anchor */
	int64		skipped;		/* parts that come before those of the anchor */
	int32		n_besides;		/* leaves that come after the blocks' */
	int32		beside_space;
	resplit_beside *besides;
	bool		own_rounding;	/* a quantum of the call, or another residual */
	bool		from_amounts;	/* weights follow from what anchors have */
	bool		from_others;	/* or from what is beside its tops */
	bool		reached;		/* its amounts are being shared */
	bool		shared;			/* they are */
	bool		has_margins;	/* and from what is held */
	ts_split_nodes parts;		/* its parts, where it has margins */
	ts_split_nodes made;		/* kept for own_rounding */
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
	int			n_path;
	bool		left;			/* its parts are to be as they are */
} resplit_wait;

/* A target from the named one upwards, and what is beside it */
typedef struct resplit_way
{
	resplit_step step;
	int64		split_id;		/* 0: none */
	Datum		amount;
	int			n_children;		/* one of them is the one below it on the way */
	resplit_step *children;
} resplit_way;

typedef struct resplit_state
{
	MemoryContext context;
	MemoryContext attempt;		/* reset when the tree is read again */
	FunctionCallInfo fcinfo;
	bool		preview;
	bool		keep_adjustments;
	bool		keep_locks;
	int64		target_id;
	int			n_set;			/* targets that the call sets, and their amounts */
	const int64 *set_ids;
	const ts_int128 *set_amounts;
	ts_tree    *tree;			/* the named target alone */
	ts_tree    *root;			/* the last one that was read for a run */
	int			n_dims;			/* dimensions of all that a tree may have */
	int32		dimension_ids[TS_MAX_DIMENSIONS];

	int32		n_olds;
	int32		old_space;
	resplit_old *olds;			/* the named target is the first */
	int32	   *old_children;

	int			n_calls;
	resplit_call *calls;
	int			n_way;
	resplit_way *way;			/* the named target and those above it */
	int			first_call;		/* that makes the parts of the named target */
	int			first_path;		/* from its top to the named target */

	int64		n_bounds_set;	/* old targets with bounds that a person set, -1:
								 * not yet read */
	int64	   *bounds_set;

	int32		n_nodes;
	int32		node_space;
	resplit_node *nodes;		/* the named target is the first */
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
			for (int i = 0; i < state->n_set; i++)
				if (state->set_ids[i] == old->target_id)
				{
					old->is_set = true;
					old->set_to = state->set_amounts[i];
				}
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

/* Reads the calls with what they replace */
static void
load_lines(resplit_state *state, int n, const int64 *ids)
{
	ts_args		args = {0};
	uint64		found;

	ts_arg_int4(&args, state->tree->plan_id);
	ts_arg_int8_array(&args, n, ids);
	found = ts_run("WITH RECURSIVE line AS ("
				   "SELECT s.split_id AS of_id, s.split_id, s.target_id, s.replaces, s.method, s.basis,"
				   " s.arguments - '{amount,keep_adjustments,keep_locks}'::pg_catalog.text[] AS arguments"
				   " FROM " TS_SCHEMA ".split s WHERE s.plan_id = $1 AND s.split_id = ANY ($2)"
				   " UNION ALL "
				   "SELECT l.of_id, s.split_id, s.target_id, s.replaces, s.method, s.basis,"
				   " s.arguments - '{amount,keep_adjustments,keep_locks}'::pg_catalog.text[]"
				   " FROM line l JOIN " TS_SCHEMA ".split s ON s.plan_id = $1 AND s.split_id = l.replaces)"
				   " SELECT l.of_id, l.split_id, l.target_id, o.split_id IS NOT NULL"
				   " AND (l.method, l.basis, l.arguments) IS DISTINCT FROM (o.method, o.basis, o.arguments)"
				   " FROM line l LEFT JOIN line o ON o.of_id = l.of_id AND o.split_id = l.replaces"
				   " ORDER BY l.of_id, l.split_id", &args, false);
	for (uint64 row = 0; row < found; row++)
	{
		resplit_call *call = &state->calls[find_call(state, ts_int8(row, 1))];

		if (call->n_line == 0)
		{
			uint64		end = row;

			while (end < found && ts_int8(end, 1) == call->split_id)
				end++;
			call->line = MemoryContextAlloc(state->attempt, sizeof(resplit_ancestor) * (end - row));
			call->origin = ts_int8(row, 2);
			call->origin_id = ts_int8(row, 3);
		}
		call->target_id = ts_int8(row, 3);
		call->line[call->n_line].split_id = ts_int8(row, 2);
		call->line[call->n_line++].changed = ts_bool(row, 4);
	}
	for (int i = 0; i < state->n_calls; i++)
		for (int j = 0; j < state->n_calls; j++)
			state->calls[i].n_same += state->calls[i].origin == state->calls[j].origin;
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
	TS_SPLIT_BASES, TS_SPLIT_PROFILE, TS_SPLIT_LEVELS, TS_SPLIT_PRORATE, TS_SPLIT_ALIGN, TS_SPLIT_LINK,
	TS_SPLIT_MARGINS, TS_SPLIT_MARGINS_FROM};
	const NullableDatum *given = state->fcinfo->args + ARG_METHOD - TS_SPLIT_METHOD;
	bool		weights = !given[TS_SPLIT_WEIGHTS].isnull || !given[TS_SPLIT_WEIGHTS_FROM].isnull;
	bool		bounds = !given[TS_SPLIT_BOUNDS].isnull || !given[TS_SPLIT_BOUNDS_FROM].isnull;
	bool		margins = !given[TS_SPLIT_MARGINS].isnull || !given[TS_SPLIT_MARGINS_FROM].isnull;

	call->changed = true;
	/* another method has other sources */
	for (int i = 0; i < (int) lengthof(sources); i++)
		if (!given[TS_SPLIT_METHOD].isnull)
			call->args[sources[i]].isnull = true;
	/* another align has another default */
	if (call->default_basis && !given[TS_SPLIT_ALIGN].isnull)
		call->args[TS_SPLIT_BASIS].isnull = true;
	if (!given[TS_SPLIT_BASIS].isnull)
		call->default_basis = false;
	if (weights)
		call->args[TS_SPLIT_WEIGHTS].isnull = call->args[TS_SPLIT_WEIGHTS_FROM].isnull = true;
	if (bounds)
		call->args[TS_SPLIT_BOUNDS].isnull = call->args[TS_SPLIT_BOUNDS_FROM].isnull = true;
	if (margins)
		call->args[TS_SPLIT_MARGINS].isnull = call->args[TS_SPLIT_MARGINS_FROM].isnull = true;
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
		if (state->calls[i].below && !state->calls[i].args[TS_SPLIT_BY].isnull)
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

/* The dimensions of the members that old targets, and those on the way, are for */
static void
load_dimensions(resplit_state *state)
{
	int64	   *ids;
	int32		n = 0;
	int32		space = state->n_olds;
	ts_args		args = {0};
	uint64		found;

	for (int i = 0; i < state->n_way; i++)
		space += state->way[i].n_children + 1;
	ids = MemoryContextAllocHuge(state->attempt, sizeof(int64) * space);
	for (int32 i = 0; i < state->n_olds; i++)
		ids[n++] = state->olds[i].member_id;
	for (int i = 0; i < state->n_way; i++)
	{
		ids[n++] = state->way[i].step.member_id;
		for (int j = 0; j < state->way[i].n_children; j++)
			ids[n++] = state->way[i].children[j].member_id;
	}
	ts_arg_int8_array(&args, distinct_ids(ids, n), ids);
	found = ts_run("SELECT DISTINCT m.dimension_id FROM " TS_SCHEMA ".member m WHERE m.member_id = ANY ($1)"
				   " ORDER BY m.dimension_id", &args, false);
	for (uint64 row = 0; row < found; row++)
		state->n_dims = ts_dimension_add(ts_int4(row, 1), state->n_dims, state->dimension_ids);
	pfree(ids);
}

/*
 * How far above a node another target is, 0 for itself, -1 if it is not.  node
 * -1: above a target on the way instead
 */
static int
height_above(const resplit_state *state, int64 target_id, int32 node, int way)
{
	int			height = 0;

	if (node >= 0)
	{
		for (const resplit_node *up = &state->nodes[node]; up; up = node_above(state, up), height++)
			if (up->target_id == target_id)
				return height;
		way = 1;
	}
	for (; way < state->n_way; way++, height++)
		if (state->way[way].step.target_id == target_id)
			return height;
	return -1;
}

/*
 * Is a call out of force where another one of its origin holds?  That is so if
 * the other one replaces it, for what was locked then has still its key; or if
 * the other one has got other arguments since.
 */
static bool
is_replaced(const resplit_call *call, const resplit_call *by)
{
	for (int i = 0; i < by->n_line; i++)
		if (by->line[i].split_id == call->split_id ||
			(by->line[i].split_id > call->split_id && by->line[i].changed))
			return true;
	return by->changed;
}

/*
 * The call that is to make the parts of a target, which the call "above" is to
 * make, -1 for none: the one that made them, unless another one of its origin
 * is in force for all of it.  A part that was split again by itself keeps its
 * own call that way, until the whole gets other arguments.
 */
static int
call_below(const resplit_state *state, int above, int64 split_id, int32 node, int way)
{
	int			found = find_call(state, split_id);
	const resplit_call *call = &state->calls[found];
	int			height;

	if (call->origin == 0 || call->n_same == 1)
		return found;
	if (above >= 0 && state->calls[above].origin == call->origin)
		return above == found || is_replaced(call, &state->calls[above]) ? above : found;
	height = height_above(state, call->target_id, node, way);
	for (int i = 0; i < state->n_calls; i++)
	{
		const resplit_call *other = &state->calls[i];
		int			other_height;

		if (i == found || other->origin != call->origin || !is_replaced(call, other))
			continue;
		other_height = height_above(state, other->target_id, node, way);
		if (other_height > height || (other_height >= 0 && other_height == height && i > found))
		{
			found = i;
			call = other;
			height = other_height;
		}
	}
	return found;
}

/* Reads the calls that made what is under the target, and on the way to it */
static void
load_calls(resplit_state *state)
{
	int64	   *ids = MemoryContextAllocHuge(state->attempt, sizeof(int64) * (state->n_olds + state->n_way));
	bool		how = says_how(state);
	bool		by_named = !state->fcinfo->args[ARG_BY].isnull;
	Datum		by = state->fcinfo->args[ARG_BY].value;
	bool		found = !by_named;
	int32		n = 0;
	resplit_call *call;

	for (int32 i = 1; i < state->n_olds; i++)
		ids[n++] = state->olds[i].split_id;
	for (int i = 0; i < state->n_way; i++)
		ids[n++] = state->way[i].split_id;
	state->n_calls = distinct_ids(ids, n);
	state->calls = MemoryContextAllocZero(state->attempt, sizeof(resplit_call) * state->n_calls);
	for (int i = 0; i < state->n_calls; i++)
	{
		call = &state->calls[i];
		call->split_id = ids[i];
		call->by_hand = !ts_record_read(state->tree->plan_id, call->split_id, call->args, &call->default_basis,
										state->attempt);
		call->args[TS_SPLIT_TARGET_ID].value = Int64GetDatum(state->target_id);
	}
	load_lines(state, state->n_calls, ids);
	for (int32 i = 1; i < state->n_olds; i++)
		state->calls[find_call(state, state->olds[i].split_id)].below = true;
	pfree(ids);

	/* from the overall target down to the named one */
	state->first_call = -1;
	for (int i = state->n_way - 1; i >= 0; i--)
	{
		int			next = call_below(state, state->first_call, i > 0 ? state->way[i - 1].split_id :
									  split_of_children(state, 0), -1, i);
		bool		goes_on = state->first_call >= 0 && state->calls[next].origin != 0 &&
			state->calls[next].origin == state->calls[state->first_call].origin;

		state->first_path = goes_on ? state->first_path + 1 : 0;
		state->first_call = next;
	}
	state->calls[state->first_call].below = true;
	for (int i = 0; i < state->n_calls; i++)
	{
		call = &state->calls[i];
		call->named = by_named && same_by(call, by);
		found |= call->named && call->below;
		if (how && (by_named ? call->named : i == state->first_call))
		{
			if (call->args[TS_SPLIT_BY].isnull)
				ereport(ERROR,
						(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						 errmsg("no split made the parts of %s", old_name(state, 0)),
						 errhint("To split it: SELECT target_split.unsplit_target(%lld); then split_target().",
								 (long long) state->target_id)));
			change_call(state, call);
			call->by_hand = false;
		}
	}
	if (!found)
		refuse_by(state, by);
}

/* ----------------------------------------------------------- making blocks */

/* Was a target put in by plain SQL?  That counts as an adjustment where a split makes it */
static bool
is_put_in(const resplit_old *old)
{
	return old->split_id == 0;
}

/* Is an old target kept where no run makes it? */
static bool
is_kept(const resplit_state *state, int32 old)
{
	const resplit_old *o = &state->olds[old];

	check_stack_depth();
	if ((state->keep_locks && o->locked) ||
		(state->keep_adjustments && (o->adjusted || is_put_in(o))))
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
	bool		by_hand = state->runs[state->blocks[block].run].call->by_hand;

	state->nodes = grow(state, state->nodes, state->n_nodes, &state->node_space, sizeof(resplit_node));
	node = &state->nodes[state->n_nodes++];
	memset(node, 0, sizeof(*node));
	node->old = old;
	node->block = block;
	node->parent = of_block ? up - state->blocks[block].first : -1;
	node->below = -1;
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
		node->member_id = o->member_id;
		node->from = o->from;
		node->upto = o->upto;
		node->least = o->least;
		node->most = o->most;
		if (state->keep_locks && o->locked)
			node->hold = HOLD_LOCK;
		else if (o->is_set || (state->keep_adjustments && (o->adjusted || (is_put_in(o) && !by_hand))))
			node->hold = HOLD_ADJUSTMENT;
	}
	return node;
}

/*
 * A node's parts are to be made by a call.  They are left as they are where
 * "by" names other splits, and nothing above them changes.
 */
static void
wait_for(resplit_state *state, int32 node, int call, int n_path, bool left)
{
	resplit_wait *wait;

	state->waiting = grow(state, state->waiting, state->n_waiting, &state->wait_space, sizeof(resplit_wait));
	wait = &state->waiting[state->n_waiting++];
	wait->node = node;
	wait->call = call;
	wait->n_path = n_path;
	wait->left = left && !state->calls[call].named;
}

/* A node that is split further, by what made the parts of its old target */
static void
wait_below(resplit_state *state, int32 number, bool left)
{
	const resplit_node *node = &state->nodes[number];
	const resplit_block *block = &state->blocks[node->block];
	int			above = state->runs[block->run].call_no;
	int			call;
	int			n_path = 0;

	if (node->old < 0 || node->n_children > 0 || node->hold == HOLD_LOCK || state->olds[node->old].n_children == 0)
		return;
	call = call_below(state, above, split_of_children(state, node->old), number, 0);
	if (state->calls[call].origin != 0 && state->calls[call].origin == state->calls[above].origin)
		n_path = block->n_path + node->depth - state->nodes[block->anchor].depth;
	wait_for(state, number, call, n_path, left);
}

static int32
add_block(resplit_state *state, int32 run, const resplit_wait *wait)
{
	resplit_block *block;

	state->blocks = grow(state, state->blocks, state->n_blocks, &state->block_space, sizeof(resplit_block));
	block = &state->blocks[state->n_blocks];
	block->run = run;
	block->anchor = wait->node;
	block->n_path = wait->n_path;
	block->first = state->n_nodes;
	block->n = 0;
	block->n_parts = 0;
	block->n_top_parts = 0;
	block->in_doubt = false;
	block->place = NULL;
	state->nodes[wait->node].below = state->n_blocks;
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
 * Does a run make no parts of a node?  Not of a locked one, nor of one whose
 * old target has no parts, or those of another call.
 */
static bool
is_closed(const resplit_state *state, int call_no, int32 number)
{
	const resplit_node *node = &state->nodes[number];

	if (node->old < 0)
		return false;
	if (node->hold == HOLD_LOCK || state->olds[node->old].n_children == 0)
		return true;
	return call_below(state, call_no, split_of_children(state, node->old), number, 0) != call_no;
}

/*
 * Narrows the parts of a run's only leaf, first ... first + n - 1, to those
 * under the anchor; false if that is not among them
 */
static bool
find_parts(const resplit_run *run, const ts_split_nodes *made, int64 *first, int32 *n)
{
	const ts_split *split = run->split;
	int64		end = *first + *n;
	int64		at = *first;

	for (int i = 0; i < run->n_path; i++)
	{
		const resplit_step *step = &run->path[i];
		const ts_axis *axis = &split->axes[i];

		for (bool found = false; !found; at++)
		{
			DateADT		from = step->from;
			DateADT		upto = step->upto;

			CHECK_FOR_INTERRUPTS();
			if (at == end || made->axis[at] < i)
				return false;
			if (made->axis[at] > i)
				continue;
			if (axis->is_time)
				ts_axis_bucket(split->tree, axis, made->key[at], &from, &upto);
			found = axis->is_time ? step->member_id == 0 && from == step->from && upto == step->upto :
				step->member_id == split->tree->members->members[made->key[at]].member_id;
		}
	}
	for (end = at; end < *first + *n && made->axis[end] >= run->n_path;)
		end++;
	*first = at;
	*n = (int32) (end - at);
	return true;
}

/* Does this call give the bounds of a call? */
static bool
gives_bounds(const resplit_state *state, const resplit_call *call)
{
	const NullableDatum *given = state->fcinfo->args + ARG_METHOD - TS_SPLIT_METHOD;

	return call->changed && !(given[TS_SPLIT_BOUNDS].isnull && given[TS_SPLIT_BOUNDS_FROM].isnull);
}

/*
 * Has a person set, or taken away, the bounds of an old target, after all splits?
 * A call that was undone is none, nor is what undid it.
 */
static bool
is_bound_set(resplit_state *state, int32 old)
{
	if (state->n_bounds_set < 0)
	{
		ts_args		args = {0};

		ts_arg_int4(&args, state->tree->plan_id);
		state->n_bounds_set = (int64)
			ts_run("WITH change AS ("
				   "SELECT r.target_id, r.revision_id, r.split_id, r.undoes FROM ("
				   "SELECT v.target_id, v.revision_id, v.split_id, v.undoes, v.old_row, pg_catalog.lead(v.old_row, 1, pg_catalog.jsonb_build_object("
				   "'at_least', t.at_least, 'at_most', t.at_most)) OVER (PARTITION BY v.target_id ORDER BY v.revision_id) AS new_row"
				   " FROM " TS_SCHEMA ".revision v JOIN " TS_SCHEMA ".target t ON t.plan_id = v.plan_id AND t.target_id = v.target_id"
				   " WHERE v.plan_id = $1 AND v.old_row IS NOT NULL) r"
				   " WHERE (r.old_row -> 'at_least', r.old_row -> 'at_most')"
				   " IS DISTINCT FROM (r.new_row -> 'at_least', r.new_row -> 'at_most')"
				   "), undone AS ("
				   "SELECT u.target_id, d.revision_id AS first_id, u.revision_id AS last_id"
				   " FROM change u JOIN change d ON d.target_id = u.target_id AND d.revision_id < u.revision_id"
				   " JOIN " TS_SCHEMA ".split s ON s.plan_id = $1 AND s.split_id = d.split_id"
				   " WHERE u.undoes = COALESCE(s.part_of, s.split_id)"
				   ") SELECT c.target_id FROM ("
				   "SELECT DISTINCT ON (r.target_id) r.target_id, r.split_id FROM change r"
				   " WHERE NOT EXISTS (SELECT FROM undone u WHERE u.target_id = r.target_id AND r.revision_id BETWEEN u.first_id AND u.last_id)"
				   " ORDER BY r.target_id, r.revision_id DESC) c WHERE c.split_id IS NULL ORDER BY c.target_id", &args, false);
		state->bounds_set = MemoryContextAllocHuge(state->attempt, sizeof(int64) * (state->n_bounds_set + 1));
		for (int64 i = 0; i < state->n_bounds_set; i++)
			state->bounds_set[i] = ts_int8(i, 1);
	}
	return bsearch(&state->olds[old].target_id, state->bounds_set, state->n_bounds_set, sizeof(int64),
				   compare_int8) != NULL;
}

/*
 * Do the weights of a leaf's parts hang on whether it has nothing to share?  So it
 * is where there is nothing to share by: on_zero is for an amount.
 */
static bool
hangs_on_zero(const ts_split *split, const ts_split_nodes *made, int32 leaf)
{
	bool		zero = split->units[leaf] == 0;

	for (int64 i = made->first[leaf]; i < made->first[leaf + 1]; i++)
	{
		if (made->fallback[i] == TS_ZERO_EQUAL || made->fallback[i] == TS_ZERO_PARENT)
			return true;
		zero &= made->n_children[i] > 0 || made->weight[i] == 0;
	}
	return zero;
}

/* The parts of one leaf of a run's split */
static void
make_block(resplit_state *state, int32 run_no, const resplit_wait *wait, const ts_split_nodes *made, int32 leaf)
{
	resplit_run *run = &state->runs[run_no];
	const ts_split *split = run->split;
	const ts_members *members = split->tree->members;
	int32		anchor = wait->node;
	int64		first = made->first[leaf];
	int32		n = (int32) (made->first[leaf + 1] - first);
	int32		block = add_block(state, run_no, wait);
	int32	   *place;
	int32		end;

	if (!find_parts(run, made, &first, &n))
		n = 0;
	run->skipped = first - made->first[leaf];
	place = MemoryContextAllocHuge(state->attempt, sizeof(int32) * (n + 1));
	for (int32 i = 0; i < n; i++)
	{
		int64		part = first + i;
		const ts_axis *axis = &split->axes[made->axis[part]];
		int32		up = made->axis[part] == run->n_path ? anchor : place[made->parent[part] - run->skipped];
		int64		member_id = axis->is_time ? 0 : members->members[made->key[part]].member_id;
		DateADT		from;
		DateADT		upto;
		resplit_node *node;
		int32		old = -1;

		CHECK_FOR_INTERRUPTS();
		if (up >= 0 && up != anchor && state->nodes[up].closed)
			up = -1 - up;
		if (up < 0)
		{
			/* not made, but its weight counts for what it would be under */
			place[i] = up;
			if (made->n_children[part] == 0)
				state->nodes[-1 - up].weight += made->weight[part];
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
		node->member_id = member_id;
		node->axis = made->axis[part];
		node->fallback = made->fallback[part];
		node->from = from;
		node->upto = upto;
		node->weight = made->n_children[part] == 0 ? made->weight[part] : 0;
		node->has_bounds = made->lower && (old < 0 || gives_bounds(state, run->call) || !is_bound_set(state, old));
		if (node->has_bounds)
		{
			node->least = made->lower[part];
			node->most = made->upper[part];
		}
		node->closed = made->n_children[part] > 0 && is_closed(state, run->call_no, place[i]);
		run->fallbacks[node->fallback]++;
	}
	end = state->n_nodes;
	for (int32 i = -1; i < n; i++)
	{
		int32		up = i < 0 ? anchor : place[i];

		if (up >= 0 && state->nodes[up].old >= 0 && (i < 0 || state->nodes[up].n_children > 0))
			add_strays(state, block, up);
	}
	state->blocks[block].n_parts = n;
	state->blocks[block].n_top_parts = (int32) (made->first[leaf + 1] - made->first[leaf]);
	state->blocks[block].in_doubt = run->from_amounts && (ts_split_reads_amounts(split) || hangs_on_zero(split, made, leaf));
	if (run->from_amounts || run->from_others || run->own_rounding)
		state->blocks[block].place = place;
	else
		pfree(place);

	/* what is split further by another call */
	for (int32 i = state->blocks[block].first; i < end; i++)
		wait_below(state, i, false);
}

/*
 * The parts of a target that no split made, by their present amounts; or those
 * that are left as they are
 */
static void
make_block_by_hand(resplit_state *state, int32 run_no, const resplit_wait *wait)
{
	const resplit_old *parent = &state->olds[state->nodes[wait->node].old];
	int32		block = add_block(state, run_no, wait);
	bool		left = state->runs[run_no].left;
	bool		any = left;

	for (int32 i = 0; i < parent->n_children; i++)
	{
		int32		old = state->old_children[parent->first_child + i];
		ts_int128	amount = state->olds[old].amount;
		int32		number = state->n_nodes;
		resplit_node *node;

		CHECK_FOR_INTERRUPTS();
		node = add_node(state, block, wait->node, old);
		node->made = !left;
		node->weight = amount < 0 ? -amount : amount;
		any |= node->weight > 0 && node->hold == HOLD_NONE;
		wait_below(state, number, left);
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

/* ------------------------------------------------------------------- trees */

static void
read_step(uint64 row, resplit_step *step)
{
	bool		empty;

	step->target_id = ts_int8(row, 1);
	step->member_id = ts_int8(row, 2);
	ts_daterange_parts(ts_datum(row, 3), &step->from, &step->upto, &empty);
}

/*
 * A run is weighed in a tree like the one that its call was weighed in: from
 * the target that the call named down to those that it splits, with all that
 * is beside them on the way, for a member that stands for the rest leaves it
 * out.
 */
typedef struct resplit_builder
{
	const ts_tree *root;
	int32		n;
	int32		space;
	ts_node    *nodes;			/* all but the root */
} resplit_builder;

/* Adds a target below another one; both are numbers in the tree that will be */
static int32
put_tree_node(const resplit_state *state, resplit_builder *builder, int32 up, int64 target_id, int64 member_id,
			  DateADT from, DateADT upto)
{
	const ts_tree *root = builder->root;
	const ts_node *above;
	ts_node    *node;

	builder->nodes = grow(state, builder->nodes, builder->n, &builder->space, sizeof(ts_node));
	above = up == 0 ? &root->nodes[0] : &builder->nodes[up - 1];
	node = &builder->nodes[builder->n++];
	memset(node, 0, sizeof(*node));
	node->target_id = target_id;
	node->parent = up;
	node->from = from;
	node->upto = upto;
	node->member = -1;
	node->slice = above->slice;
	if (member_id != 0)
	{
		node->member_id = member_id;
		node->member = ts_members_by_id(root->members, member_id);
		node->slice = DirectFunctionCall2(jsonb_concat, above->slice, ts_tree_edge_slice(root, node->member));
	}
	return builder->n;
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

static void
add_beside(resplit_state *state, resplit_run *run, int32 node, int32 place, Datum amount)
{
	resplit_beside *beside;

	run->besides = grow(state, run->besides, run->n_besides, &run->beside_space, sizeof(resplit_beside));
	beside = &run->besides[run->n_besides++];
	beside->node = node;
	beside->place = place;
	beside->amount = amount;
}

/* Are the parts of an old target those of splits that replace one another? */
static bool
is_old_top(const resplit_state *state, int64 origin, int32 old)
{
	const resplit_old *o = &state->olds[old];

	for (int32 i = 0; i < o->n_children; i++)
		if (state->calls[find_call(state, state->olds[state->old_children[o->first_child + i]].split_id)].origin == origin)
			return true;
	return false;
}

/* Is an old target one whose parts they are, or above one? */
static bool
has_old_tops(const resplit_state *state, int64 origin, int32 old)
{
	const resplit_old *o = &state->olds[old];

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (is_old_top(state, origin, old))
		return true;
	for (int32 i = 0; i < o->n_children; i++)
		if (has_old_tops(state, origin, state->old_children[o->first_child + i]))
			return true;
	return false;
}

/* Puts in what is under an old target that has no nodes below it, down to the targets beside */
static void
put_olds(resplit_state *state, resplit_builder *builder, resplit_run *run, int32 old, int32 place)
{
	const resplit_old *o = &state->olds[old];

	check_stack_depth();
	if (!has_old_tops(state, run->call->origin, old))
		return;
	for (int32 i = 0; i < o->n_children; i++)
	{
		int32		child = state->old_children[o->first_child + i];
		const resplit_old *c = &state->olds[child];
		int32		number = put_tree_node(state, builder, place, c->target_id, c->member_id, c->from, c->upto);

		if (is_old_top(state, run->call->origin, child))
			add_beside(state, run, -1, number, units_out(state, c->amount));
		else
			put_olds(state, builder, run, child, number);
	}
}

/* A target that is read because it may be beside a run's tops */
typedef struct resplit_other
{
	resplit_step step;
	int32		parent;			/* -1 for the first */
	int32		place;
	bool		top;
	bool		inner;			/* a top is below it */
	Datum		amount;
} resplit_other;

static int
compare_others(const void *a, const void *b)
{
	int64		x = ((const resplit_other *) a)->step.target_id;
	int64		y = ((const resplit_other *) b)->step.target_id;

	return x < y ? -1 : x > y;
}

/*
 * Puts in the targets that a call once split, with the way to them, from the
 * root of the builder on; but nothing under the last target of the way.  Returns
 * where that is.
 */
static int32
put_others(resplit_state *state, resplit_builder *builder, resplit_run *run, int64 last_id)
{
	ts_args		args = {0};
	resplit_other *others;
	int32	   *by_depth;
	int32		n;
	int32		last = 0;

	ts_arg_int4(&args, state->tree->plan_id);
	ts_arg_int8(&args, run->call->origin);
	ts_arg_int8(&args, builder->root->nodes[0].target_id);
	ts_arg_int8(&args, last_id);
	n = (int32) ts_run("WITH RECURSIVE same AS ("
					   "SELECT s.split_id FROM " TS_SCHEMA ".split s WHERE s.plan_id = $1 AND s.split_id = $2"
					   " UNION ALL "
					   "SELECT s.split_id FROM same JOIN " TS_SCHEMA ".split s ON s.plan_id = $1 AND s.replaces = same.split_id),"
					   " down AS ("
					   "SELECT t.target_id, t.parent_id, t.member_id, t.period, t.amount, 0 AS height, false AS top"
					   " FROM " TS_SCHEMA ".target t WHERE t.plan_id = $1 AND t.target_id = $3"
					   " UNION ALL "
					   "SELECT t.target_id, t.parent_id, t.member_id, t.period, t.amount, d.height + 1,"
					   " t.target_id <> $4 AND EXISTS (SELECT FROM " TS_SCHEMA ".target c"
					   " WHERE c.plan_id = $1 AND c.parent_id = t.target_id"
					   " AND c.split_id = ANY (ARRAY(SELECT same.split_id FROM same)))"
					   " FROM down d JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.parent_id = d.target_id"
					   " WHERE NOT d.top AND d.target_id <> $4)"
					   " SELECT d.target_id, d.member_id, d.period, COALESCE(d.parent_id, 0), d.amount, d.top,"
					   " (pg_catalog.row_number() OVER (ORDER BY d.height, d.target_id) - 1)::pg_catalog.int4"
					   " FROM down d ORDER BY d.target_id", &args, false);
	others = MemoryContextAllocHuge(state->attempt, sizeof(resplit_other) * (n + 1));
	by_depth = MemoryContextAllocHuge(state->attempt, sizeof(int32) * (n + 1));
	for (int32 i = 0; i < n; i++)
	{
		resplit_other *other = &others[i];

		CHECK_FOR_INTERRUPTS();
		read_step(i, &other->step);
		other->top = ts_bool(i, 6);
		other->amount = ts_datum_copy(i, 5, state->attempt);
		other->inner = other->step.target_id == last_id;
		by_depth[ts_int4(i, 7)] = i;
	}
	for (int32 i = 0; i < n; i++)
	{
		resplit_other key = {.step = {.target_id = ts_int8(i, 4)}};
		const resplit_other *found = bsearch(&key, others, n, sizeof(resplit_other), compare_others);

		others[i].parent = found ? (int32) (found - others) : -1;
	}
	for (int32 i = n - 1; i >= 0; i--)
	{
		const resplit_other *other = &others[by_depth[i]];

		if (other->parent >= 0 && (other->top || other->inner))
			others[other->parent].inner = true;
	}
	for (int32 i = 0; i < n; i++)
	{
		resplit_other *other = &others[by_depth[i]];

		CHECK_FOR_INTERRUPTS();
		other->place = 0;
		if (i == 0 || !others[other->parent].inner)
			continue;
		other->place = put_tree_node(state, builder, others[other->parent].place, other->step.target_id,
									 other->step.member_id, other->step.from, other->step.upto);
		if (other->step.target_id == last_id)
			last = other->place;
		else if (other->top)
			add_beside(state, run, -1, other->place, other->amount);
	}
	pfree(others);
	pfree(by_depth);
	return last;
}

/* Marks what is above a node of a tree that begins with the root */
static void
mark_above(const resplit_state *state, int32 root, int32 node, bool *inner)
{
	for (const resplit_node *up = &state->nodes[node]; up != &state->nodes[root];)
	{
		up = node_above(state, up);
		if (inner[up - state->nodes])
			break;
		inner[up - state->nodes] = true;
	}
}

/* Below a node there are only old targets, if any */
static bool
is_unmade(const resplit_node *node)
{
	return node->old >= 0 && node->below < 0 && node->n_children == 0;
}

/*
 * Marks the nodes that a run's call once split, besides its tops, and what is
 * above them; kinds: 1 for those that are above or beside tops, 2 for tops
 */
static uint8 *
find_besides(const resplit_state *state, const resplit_run *run, int32 root, int32 n, const int32 *tops, bool *inner)
{
	int64		origin = run->call->origin;
	uint8	   *kinds = MemoryContextAllocExtended(state->attempt, state->n_nodes, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int32 i = 0; i < n; i++)
		kinds[tops[i]] = 2;
	for (int32 i = 0; i < state->n_waiting; i++)
		if (state->waiting[i].n_path == 0 && state->calls[state->waiting[i].call].origin == origin)
			kinds[state->waiting[i].node] = 2;
	for (int32 i = root; i < state->n_nodes; i++)
	{
		const resplit_node *node = &state->nodes[i];
		const resplit_node *up = i == root ? NULL : node_above(state, node);

		CHECK_FOR_INTERRUPTS();
		if (up && kinds[up - state->nodes] != 1)
			kinds[i] = 0;
		else if (kinds[i] == 2 || (node->old >= 0 && is_old_top(state, origin, node->old)) ||
				 (node->below >= 0 && state->runs[state->blocks[node->below].run].call->origin == origin))
		{
			kinds[i] = 2;
			mark_above(state, root, i, inner);
		}
		else
		{
			kinds[i] = 1;
			if (is_unmade(node) && has_old_tops(state, origin, node->old))
				mark_above(state, root, i, inner);
		}
	}
	for (int32 i = 0; i < n; i++)
		kinds[tops[i]] = 0;
	return kinds;
}

/*
 * Builds the tree of a run whose tops are nodes, or the one target on the way,
 * above 0, that is the top of all; places: where they are in the tree.  all:
 * with the targets beside them.
 */
static ts_tree *
build_tree(resplit_state *state, resplit_run *run, int32 n, const int32 *tops, int top_way, bool all, int32 *places)
{
	resplit_builder builder = {0};
	int64		root_id = run->call->origin_id;
	int			root_way = 0;
	int32		root = 0;
	bool	   *inner;
	uint8	   *kinds = NULL;

	/* the target that the call named, where it is still above all */
	while (root_way < state->n_way && state->way[root_way].step.target_id != root_id)
		root_way++;
	if (root_way == state->n_way || root_way < top_way)
	{
		bool		above = top_way == 0;

		root_way = top_way;
		for (int32 i = 0; i < n && above; i++)
			above = height_above(state, root_id, tops[i], 0) >= 0;
		if (!above)
			root_id = state->way[root_way].step.target_id;
		for (root = 0; above && state->nodes[root].target_id != root_id;)
			root++;
	}
	if (!state->root || state->root->nodes[0].target_id != root_id || state->root->n_dims < state->n_dims)
		state->root = ts_tree_load_alone(root_id, state->n_dims, state->dimension_ids, state->attempt);
	builder.root = state->root;
	builder.nodes = grow(state, NULL, 0, &builder.space, sizeof(ts_node));

	/* on the way down to the named target */
	places[0] = 0;
	if (all && root_way > top_way)
		places[0] = put_others(state, &builder, run, state->way[top_way].step.target_id);
	for (int i = root_way, up = 0; i > top_way && !all; i--)
	{
		const resplit_way *way = &state->way[i];

		for (int j = 0; j < way->n_children; j++)
		{
			const resplit_step *step = &way->children[j];
			int32		number = put_tree_node(state, &builder, up, step->target_id, step->member_id,
											   step->from, step->upto);

			if (step->target_id == state->way[i - 1].step.target_id)
				places[0] = number;
		}
		up = places[0];
	}

	/* and below it */
	if (top_way == 0)
	{
		inner = MemoryContextAllocExtended(state->attempt, sizeof(bool) * state->n_nodes,
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		for (int32 i = 0; i < n; i++)
			mark_above(state, root, tops[i], inner);
		if (all)
			kinds = find_besides(state, run, root, n, tops, inner);
		for (int32 i = root; i < state->n_nodes; i++)
		{
			resplit_node *node = &state->nodes[i];
			const resplit_node *up = i == root ? NULL : node_above(state, node);

			CHECK_FOR_INTERRUPTS();
			if (i == root)
				node->tree_node = places[0];
			else if (inner[up - state->nodes])
				node->tree_node = put_tree_node(state, &builder, up->tree_node, node->target_id, node->member_id,
												node->from, node->upto);
			else
				continue;
			if (kinds && kinds[i] == 2)
				add_beside(state, run, i, node->tree_node, units_out(state, likely_units(state, node)));
			else if (kinds && kinds[i] == 1 && is_unmade(node))
				put_olds(state, &builder, run, node->old, node->tree_node);
		}
		pfree(inner);
		for (int32 i = 0; i < n; i++)
			places[i] = state->nodes[tops[i]].tree_node;
	}
	return ts_tree_deepen(builder.root, builder.n, builder.nodes, state->attempt);
}

/* The node that is the top of a run's anchor, -1 where it is above the named target */
static int32
top_of(const resplit_state *state, const resplit_run *run, int32 anchor)
{
	const resplit_node *top = &state->nodes[anchor];

	/* the anchor is one of them */
	if (state->nodes == NULL)
		pg_unreachable();
	for (int i = 0; i < run->n_path; i++)
	{
		top = node_above(state, top);
		if (!top)
			return -1;
	}
	return (int32) (top - state->nodes);
}

/* The targets from below the top of an anchor down to it */
static resplit_step *
find_path(const resplit_state *state, int n_path, int32 anchor)
{
	resplit_step *path = MemoryContextAllocZero(state->attempt, sizeof(resplit_step) * (n_path + 1));
	const resplit_node *node = &state->nodes[anchor];
	int			way = 1;

	for (int i = n_path - 1; i >= 0; i--)
	{
		if (node && node->block >= 0)
		{
			path[i].target_id = node->target_id;
			path[i].member_id = node->member_id;
			path[i].from = node->from;
			path[i].upto = node->upto;
			node = node_above(state, node);
			continue;
		}
		/* the named target is the first of the way, and the node that has no block */
		path[i] = state->way[way - 1].step;
		way++;
		node = NULL;
	}
	return path;
}

/*
 * Finds the parts that keep their amounts, for a method that goes by them: under
 * the named target what this call keeps, elsewhere what is locked or adjusted
 */
static void
find_kept(resplit_state *state, ts_split *split)
{
	int64		root_id = split->tree->nodes[0].target_id;
	bool		within = true;
	ts_args		args = {0};

	for (int i = 1; i < state->n_way; i++)
		within &= state->way[i].step.target_id != root_id;
	ts_arg_int4(&args, state->tree->plan_id);
	ts_arg_int8(&args, root_id);
	ts_arg_int8(&args, state->target_id);
	ts_arg(&args, BOOLOID, BoolGetDatum(within), false);
	ts_arg(&args, BOOLOID, BoolGetDatum(state->keep_locks), false);
	ts_arg(&args, BOOLOID, BoolGetDatum(state->keep_adjustments), false);
	ts_arg_int4(&args, state->tree->metric_id);
	/* most plans have none */
	split->n_kept = (int64) ts_run("WITH RECURSIVE down AS ("
								   "SELECT t.target_id, ''::pg_catalog.text AS members, t.period, t.amount, $4 AS within,"
								   " false AS locked, false AS adjusted"
								   " FROM " TS_SCHEMA ".target t WHERE t.plan_id = $1 AND t.target_id = $2"
								   " AND EXISTS (SELECT FROM " TS_SCHEMA ".target k WHERE k.plan_id = $1 AND k.metric_id = $7"
								   " AND (k.locked OR k.adjusted OR (k.split_id IS NULL AND k.parent_id IS NOT NULL)))"
								   " UNION ALL "
								   "SELECT t.target_id, CASE t.member_id WHEN 0 THEN d.members"
								   " ELSE pg_catalog.concat(',', t.member_id, d.members) END, t.period, t.amount,"
								   " d.within OR t.target_id = $3,"
								   " d.locked OR (t.locked AND ($5 OR NOT d.within)),"
								   " (t.adjusted OR t.split_id IS NULL) AND ($6 OR NOT d.within)"
								   " FROM down d JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.parent_id = d.target_id)"
								   " SELECT d.members, d.period, d.amount FROM down d WHERE d.locked OR d.adjusted"
								   " ORDER BY d.members COLLATE \"C\", pg_catalog.lower(d.period), pg_catalog.upper(d.period)",
								   &args, false);
	split->kept = MemoryContextAllocHuge(state->attempt, sizeof(ts_kept_part) * (split->n_kept + 1));
	for (int64 i = 0; i < split->n_kept; i++)
	{
		ts_kept_part *kept = &split->kept[i];
		bool		empty;

		CHECK_FOR_INTERRUPTS();
		kept->members = ts_text(i, 1, state->attempt);
		ts_daterange_parts(ts_datum(i, 2), &kept->from, &kept->upto, &empty);
		kept->units = ts_units_from_numeric(ts_datum(i, 3), &split->tree->quantum, "amount");
	}
}

/* Says in the context of an error which of the splits it is about */
static void
tell_call(void *arg)
{
	const resplit_call *call = arg;

	errcontext("split %lld made again: by => %s", (long long) call->split_id,
			   quote_literal_cstr(array_text(call->args[TS_SPLIT_BY].value)));
}

/* Opens a call for an anchor; lenient: without what it could refuse because of an amount */
static ts_split *
open_call(resplit_state *state, resplit_call *call, const resplit_node *anchor, bool lenient)
{
	NullableDatum args[TS_SPLIT_N_ARGUMENTS];
	ErrorContextCallback context;
	ts_split   *split;

	context.callback = tell_call;
	context.arg = call;
	context.previous = error_context_stack;
	error_context_stack = &context;
	if (!call->opened)
	{
		int64		only = 0;

		/* where others go by the same levels, "by" would name them as well */
		for (int i = 0; i < state->n_calls; i++)
			if (&state->calls[i] != call && state->calls[i].below && !state->calls[i].args[TS_SPLIT_BY].isnull &&
				same_by(&state->calls[i], call->args[TS_SPLIT_BY].value))
				only = anchor->target_id;
		ts_record_find_relations(call->split_id, call->args, only,
								 call->changed ? state->fcinfo->args + ARG_METHOD - TS_SPLIT_METHOD : NULL);
		call->opened = true;
	}
	memcpy(args, call->args, sizeof(args));
	ts_record_drop_default(args, call->default_basis);
	if (lenient)
	{
		args[TS_SPLIT_ON_NEGATIVE].value = CStringGetTextDatum("zero");
		args[TS_SPLIT_ON_ZERO].value = CStringGetTextDatum("equal");
		if (strcmp(TextDatumGetCString(args[TS_SPLIT_METHOD].value), "copy") == 0)
			args[TS_SPLIT_METHOD].value = CStringGetTextDatum("profile");
	}
	split = ts_split_begin(args, true, state->attempt);
	split->again = true;
	if (split->main.method->gives_amounts)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method \"%s\" gives amounts and shares nothing", split->main.method->name),
				 errhint("To set amounts: adjust_target(), or import_targets() for a table of them.")));
	state->n_dims = ts_split_find_levels(split, DatumGetArrayTypeP(args[TS_SPLIT_BY].value),
										 state->n_dims, state->dimension_ids);
	error_context_stack = context.previous;
	return split;
}

static void
weigh(resplit_call *call, ts_split *split, ts_split_nodes *made)
{
	ErrorContextCallback context;

	context.callback = tell_call;
	context.arg = call;
	context.previous = error_context_stack;
	error_context_stack = &context;
	ts_split_weigh(split, made);
	error_context_stack = context.previous;
}

/* Finds what a run is weighed in: its tops as leaves of a tree, with their amounts */
static void
find_tops(resplit_state *state, resplit_run *run, int32 n, const resplit_wait *waits)
{
	ts_split   *split = run->split;
	int32	   *tops = MemoryContextAllocHuge(state->attempt, sizeof(int32) * n);
	int32	   *places;
	int			way = 0;

	for (int32 i = 0; i < n; i++)
	{
		tops[i] = top_of(state, run, waits[i].node);
		if (tops[i] < 0)
			way = run->n_path - (state->nodes[waits[i].node].depth - state->nodes[0].depth);
	}
	places = MemoryContextAllocHuge(state->attempt, sizeof(int32) * n);
	split->tree = build_tree(state, run, n, tops, way, run->from_others, places);
	split->n_leaves = n + run->n_besides;
	split->leaves = MemoryContextAllocHuge(state->attempt, sizeof(int32) * split->n_leaves);
	memcpy(split->leaves, places, sizeof(int32) * n);
	if (run->n_besides > 0)
		split->beside = MemoryContextAllocExtended(state->attempt, sizeof(bool) * split->n_leaves,
												   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int32 i = 0; i < run->n_besides; i++)
	{
		split->leaves[n + i] = run->besides[i].place;
		split->beside[n + i] = true;
		split->tree->nodes[run->besides[i].place].amount = run->besides[i].amount;
	}
	for (int32 i = 0; i < n; i++)
		split->tree->nodes[split->leaves[i]].amount = tops[i] < 0 ? state->way[way].amount :
			units_out(state, likely_units(state, &state->nodes[tops[i]]));
	pfree(places);
	pfree(tops);
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
	resplit_wait *waits = MemoryContextAllocHuge(state->attempt, sizeof(resplit_wait) * state->n_waiting);
	resplit_run *run;

	/* an anchor with a path is on its own */
	for (int32 i = 0; i < state->n_waiting; i++)
	{
		resplit_wait *wait = &state->waiting[i];

		if (wait->call == call_no && (n == 0 || (wait->left == waits[0].left &&
												 (call->by_hand || wait->left ||
												  (wait->n_path == 0 && waits[0].n_path == 0)))))
			waits[n++] = *wait;
		else
			state->waiting[kept++] = *wait;
	}
	state->n_waiting = kept;
	state->runs = grow(state, state->runs, state->n_runs, &state->run_space, sizeof(resplit_run));
	run = &state->runs[state->n_runs++];
	memset(run, 0, sizeof(*run));
	run->call_no = call_no;
	run->call = call;
	run->first_block = state->n_blocks;
	run->left = waits[0].left;
	if (call->by_hand || run->left)
	{
		for (int32 i = 0; i < n; i++)
			make_block_by_hand(state, run_no, &waits[i]);
	}
	else
	{
		ts_split_nodes made = {0};
		const resplit_node *anchor = &state->nodes[waits[0].node];

		run->n_path = waits[0].n_path;
		run->path = find_path(state, run->n_path, waits[0].node);
		run->split = open_call(state, call, anchor, false);
		/* which parts there are; what they weigh is found when amounts are known */
		run->has_margins = run->split->main.method->weigh == ts_weigh_margins;
		run->from_amounts = run->has_margins || (run_no > 0 && ts_split_reads_amounts(run->split));
		run->from_others = ts_split_reads_others(run->split);
		if (run->from_amounts)
			run->split = open_call(state, call, anchor, true);
		else if (run_no > 0 && strcmp(run->split->on_zero, "error") == 0)
			run->split->on_zero = pstrdup("equal");
		run->split->seed_only = run->has_margins;
		find_tops(state, run, n, waits);
		if (ts_split_reads_kept(run->split))
			find_kept(state, run->split);
		weigh(call, run->split, &made);
		/* an anchor with an amount so far may be left with none, or the other way round */
		for (int32 i = 0; i < n && run_no > 0 && !run->from_amounts; i++)
			run->from_amounts = hangs_on_zero(run->split, &made, i);
		run->scale = run->split->scale;
		/* parts by margins are whole already, in the call's quantum */
		run->own_rounding = !run->has_margins &&
			(run->split->coarse != 1 || strcmp(run->split->residual, "largest") != 0);
		for (int32 i = 0; i < n; i++)
			make_block(state, run_no, &waits[i], &made, i);
		if (run->n_path > 0 && state->blocks[run->first_block].n == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the split that made target %lld would not make it any more",
							(long long) state->nodes[waits[0].node].target_id),
					 errhint("SELECT * FROM target_split.preview_resplit(%lld);",
							 (long long) run->split->tree->nodes[run->split->leaves[0]].target_id)));
		if (run->own_rounding)
			run->made = made;
		if (run->has_margins)
			run->parts = made;
		if (!run->own_rounding && !run->has_margins)
			ts_split_free_nodes(&made);
	}
	pfree(waits);
	return kept;
}

/* Does a call split what is under a node, if it is new? */
static bool
reaches(const resplit_state *state, const resplit_call *call, int32 node)
{
	return height_above(state, call->origin_id, node, 0) > 0 && height_above(state, call->target_id, node, 0) > 0;
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
				reaches(state, &state->calls[calls[j]], i))
			{
				wait_for(state, i, (int) calls[j], 0, false);
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

	state->node_space = 64;
	state->nodes = MemoryContextAllocHuge(state->attempt, sizeof(resplit_node) * state->node_space);
	state->n_nodes = 1;
	node = &state->nodes[0];
	memset(node, 0, sizeof(*node));
	node->block = node->parent = node->below = -1;
	node->depth = (int16) (state->n_way - 1);
	node->from = top->from;
	node->upto = top->upto;
	node->target_id = top->target_id;
	node->member_id = top->member_id;
	node->share = state->fcinfo->args[ARG_AMOUNT].isnull ? top->amount :
		ts_units_from_numeric(state->fcinfo->args[ARG_AMOUNT].value, &state->tree->quantum, "amount");
	wait_for(state, 0, state->first_call, state->first_path,
			 !state->fcinfo->args[ARG_BY].isnull && node->share == top->amount);
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
	/* what a run's parts weigh is in doubt if what is beside its tops was not yet there */
	for (int i = 1; i < state->n_runs; i++)
		for (int j = i + 1; j < state->n_runs && state->runs[i].from_others; j++)
			if (state->runs[j].call->origin == state->runs[i].call->origin)
			{
				state->runs[i].from_amounts = true;
				for (int32 k = 0; k < state->runs[i].n_blocks; k++)
					state->blocks[state->runs[i].first_block + k].in_doubt = true;
			}
}

/* A slice with a member, 0 for a period, of a run's split */
static Datum
slice_with(const resplit_run *run, Datum slice, int64 member_id)
{
	const ts_tree *tree = run->split->tree;

	if (member_id == 0)
		return slice;
	return DirectFunctionCall2(jsonb_concat, slice,
							   ts_tree_edge_slice(tree, ts_members_by_id(tree->members, member_id)));
}

/* The slice of a node that a split makes */
static Datum
slice_of(const resplit_state *state, const resplit_node *node)
{
	const resplit_block *block = &state->blocks[node->block];
	const resplit_run *run = &state->runs[block->run];
	Datum		slice;

	if (node->parent >= 0)
		slice = slice_of(state, &state->nodes[block->first + node->parent]);
	else
	{
		slice = run->split->tree->nodes[run->split->leaves[block - state->blocks - run->first_block]].slice;
		for (int i = 0; i < run->n_path; i++)
			slice = slice_with(run, slice, run->path[i].member_id);
	}
	return slice_with(run, slice, node->member_id);
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
	bool		weighed = !block->in_doubt;
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
	const resplit_old *old = &state->olds[node->old];
	const resplit_call *call = state->runs[state->blocks[node->block].run].call;
	ts_int128	amount = old->is_set ? old->set_to : old->amount;

	node->lower = node->upper = amount;
	if (node->has_bounds && (amount < node->least || amount > node->most))
	{
		if (gives_bounds(state, call))
			refuse_amount(state, node, amount, node->least, node->most);
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
		/* among amounts of both signs that no split made, each has its own */
		if (old && node->hold == HOLD_NONE && !state->runs[state->blocks[node->block].run].split && old->amount != 0)
			node->negative = up->negative != ((old->amount < 0) != (state->olds[up->old].amount < 0));
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

/*
 * Are the parts of a target that no split made to stay as they are?  That is
 * so as long as it has the amount that they add up to, and nothing limits them.
 * Otherwise they keep their shares of each other, which amounts of both signs
 * do not have.
 */
static bool
stays_by_hand(resplit_state *state, const resplit_block *block)
{
	const resplit_node *anchor = &state->nodes[block->anchor];
	bool		stays = anchor->share == state->olds[anchor->old].amount;
	bool		signs[2] = {false, false};

	for (int32 i = block->first; i < block->first + block->n; i++)
	{
		const resplit_node *node = &state->nodes[i];
		ts_int128	amount = state->olds[node->old].amount;

		CHECK_FOR_INTERRUPTS();
		stays &= amount >= node->lower && amount <= node->upper;
		if (node->hold == HOLD_NONE && amount != 0)
			signs[amount < 0] = true;
	}
	if (!stays && signs[0] && signs[1])
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("parts of %s have amounts of both signs, and no split made them", old_name(state, anchor->old)),
				 errdetail("They would share %s instead of %s, and have no shares of each other to keep.",
						   units_text(state, anchor->share), units_text(state, state->olds[anchor->old].amount)),
				 errhint("Change them first: SELECT * FROM target_split.adjust_target(%lld, amount => %s, absorb => 'root', on_negative => 'absolute');",
						 (long long) anchor->target_id, units_text(state, anchor->share))));
	if (!stays)
		return false;
	for (int32 i = block->first; i < block->first + block->n; i++)
	{
		resplit_node *node = &state->nodes[i];

		node->share = state->olds[node->old].amount;
		state->runs[block->run].held[node->hold]++;
	}
	return true;
}

/*
 * Which nodes of a block are of the member that the call's residual names?
 */
static bool *
named_nodes(const resplit_state *state, const resplit_run *run, const resplit_block *block)
{
	bool	   *named = MemoryContextAllocExtended(state->attempt, block->n + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	int64		first = run->made.first[block - &state->blocks[run->first_block]] + run->skipped;

	for (int32 i = 0; i < block->n_parts; i++)
		if (block->place[i] >= 0)
			named[block->place[i] - block->first] = ts_split_takes_residual(run->split, &run->made, first + i);
	return named;
}

/*
 * Rounds the shares of a block as its call asks for, where that is not the largest
 * remainder in the plan's quanta.  Returns whether it is to be done again from the
 * shares that the engine finds within the bounds: a node that would be beyond its own,
 * which are no multiples of the call's quantum, is kept at its share in the plan's.
 */
static bool
round_block(const resplit_state *state, const resplit_block *block, const int32 *parent, ts_int128 *weight,
			ts_int128 *lower, ts_int128 *upper, bool *kept, const bool *named, ts_int128 *share)
{
	const resplit_run *run = &state->runs[block->run];
	const resplit_node *nodes = &state->nodes[block->first];
	ts_int128  *fine = MemoryContextAllocHuge(state->attempt, sizeof(ts_int128) * block->n);
	bool		again = false;
	ts_status	status;

	memcpy(fine, share, sizeof(ts_int128) * block->n);
	status = ts_split_round_kept(run->split, block->n, parent, weight, lower, upper,
								 state->nodes[block->anchor].share, kept, named, share);
	if (status != TS_OK)
		refuse_block(state, block, status, &(ts_bounds_report) {.index = SIZE_MAX});
	for (int32 i = 0; i < block->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (kept[i] || (share[i] >= nodes[i].lower && share[i] <= nodes[i].upper))
			continue;
		lower[i] = upper[i] = fine[i];
		kept[i] = again = true;
	}
	pfree(fine);
	return again;
}

/* Shares the amount of a block's anchor */
static void
share_block(resplit_state *state, const resplit_block *block)
{
	Size		n = block->n;
	resplit_run *run = &state->runs[block->run];
	resplit_node *nodes = &state->nodes[block->first];
	int32	   *parent = MemoryContextAllocHuge(state->attempt, sizeof(int32) * n);
	ts_int128  *numbers = MemoryContextAllocHuge(state->attempt, sizeof(ts_int128) * n * 5);
	ts_int128  *weight = numbers;
	ts_int128  *lower = weight + n;
	ts_int128  *upper = lower + n;
	ts_int128  *old = upper + n;
	ts_int128  *share = old + n;
	uint8	   *held = MemoryContextAllocHuge(state->attempt, n);
	bool	   *kept = MemoryContextAllocHuge(state->attempt, n);
	bool	   *named = run->own_rounding ? named_nodes(state, run, block) : NULL;
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
		kept[i] = nodes[i].hold != HOLD_NONE;
	}
	do
	{
		status = ts_bounded_tree(n, parent, weight, lower, upper, state->nodes[block->anchor].share,
								 run->own_rounding ? NULL : old, share, held, work, NULL, NULL, &why, check_interrupts);
		if (status != TS_OK)
			refuse_block(state, block, status, &why);
	} while (run->own_rounding && n > 0 && round_block(state, block, parent, weight, lower, upper, kept, named, share));
	for (Size i = 0; i < n; i++)
	{
		bool		limited = (held[i] & TS_AT_LOWER && nodes[i].lower != TS_NO_LOWER) ||
			(held[i] & TS_AT_UPPER && nodes[i].upper != TS_NO_UPPER);

		nodes[i].share = share[i];
		nodes[i].weight = weight[i];
		run->held[nodes[i].hold != HOLD_NONE ? nodes[i].hold : limited ? HOLD_BOUNDS : HOLD_NONE]++;
	}
	pfree(parent);
	pfree(numbers);
	pfree(held);
	pfree(kept);
	if (named)
		pfree(named);
	pfree(work);
}

/*
 * Shares the amounts of a run's anchors as its call does, with the rounding that it
 * asks for.  False: not all nodes would be within their bounds, or something is held,
 * or only a part is shared, so that each block is to be shared by itself.
 */
static bool
share_run(resplit_state *state, resplit_run *run)
{
	if (run->n_path > 0)
		return false;
	for (int32 i = 0; i < run->n_blocks; i++)
	{
		const resplit_block *block = &state->blocks[run->first_block + i];

		for (int32 j = block->first; j < block->first + block->n; j++)
			if (state->nodes[j].hold != HOLD_NONE)
				return false;
		run->split->units[i] = state->nodes[block->anchor].share;
	}
	/* what is beside them has its amounts */
	run->split->n_leaves = run->n_blocks;
	ts_split_apportion(run->split, &run->made);
	for (int32 i = 0; i < run->n_blocks; i++)
	{
		const resplit_block *block = &state->blocks[run->first_block + i];

		for (int32 j = 0; j < block->n_parts; j++)
		{
			const resplit_node *node = &state->nodes[block->place[j]];
			ts_int128	share = run->made.share[run->made.first[i] + j];

			CHECK_FOR_INTERRUPTS();
			if (block->place[j] >= 0 && (share < node->lower || share > node->upper))
				return false;
		}
	}
	for (int32 i = 0; i < run->n_blocks; i++)
	{
		const resplit_block *block = &state->blocks[run->first_block + i];

		for (int32 j = 0; j < block->n_parts; j++)
		{
			int64		part = run->made.first[i] + j;

			CHECK_FOR_INTERRUPTS();
			if (block->place[j] < 0)
				continue;
			state->nodes[block->place[j]].share = run->made.share[part];
			state->nodes[block->place[j]].weight = run->made.weight[part];
		}
	}
	return true;
}

/* A target of before by its id */
typedef struct stored_top
{
	int64		target_id;
	int32		old;
} stored_top;

/*
 * What the parts of a run have in the plan, in the order of its nodes; TS_NO_LOWER
 * for those that are not there.  All of its tops are under the named target.
 */
static ts_int128 *
stored_parts(const resplit_state *state, const resplit_run *run)
{
	const ts_split *split = run->split;
	const ts_split_nodes *parts = &run->parts;
	ts_int128  *stored = MemoryContextAllocHuge(state->attempt, sizeof(ts_int128) * (parts->n + 1));
	int32	   *olds = MemoryContextAllocHuge(state->attempt, sizeof(int32) * (parts->n + 1));
	HASHCTL		ctl = {0};
	HTAB	   *tops;

	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(stored_top);
	ctl.hcxt = state->attempt;
	tops = hash_create("target_split stored tops", split->n_leaves, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
		((stored_top *) hash_search(tops, &split->tree->nodes[split->leaves[leaf]].target_id, HASH_ENTER, NULL))->old = -1;
	for (int32 old = 0; old < state->n_olds; old++)
	{
		stored_top *top = hash_search(tops, &state->olds[old].target_id, HASH_FIND, NULL);

		CHECK_FOR_INTERRUPTS();
		if (top)
			top->old = old;
	}
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
	{
		int64		first = parts->first[leaf];
		const stored_top *top = hash_search(tops, &split->tree->nodes[split->leaves[leaf]].target_id, HASH_FIND, NULL);

		for (int64 part = first; part < parts->first[leaf + 1]; part++)
		{
			const ts_axis *axis = &split->axes[parts->axis[part]];
			int32		up = parts->parent[part] >= 0 ? olds[first + parts->parent[part]] : top->old;

			CHECK_FOR_INTERRUPTS();
			olds[part] = up < 0 ? -1 : axis->is_time ? find_old(state, up, 0, parts->key[part]) :
				find_old(state, up, split->tree->members->members[parts->key[part]].member_id, state->olds[up].from);
			stored[part] = olds[part] < 0 ? TS_NO_LOWER : state->olds[olds[part]].amount;
		}
	}
	hash_destroy(tops);
	pfree(olds);
	return stored;
}

/* The error that only some targets of a split with margins are shared again */
static void
refuse_some(const resplit_state *state, const resplit_run *run)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the margins of split %lld are for all that it split together", (long long) run->call->split_id),
			 errdetail("Target %lld is only a part of that.", (long long) state->target_id),
			 errhint("SELECT * FROM target_split.resplit_target(%lld, by => %s);", (long long) run->call->target_id,
					 quote_literal_cstr(array_text(run->call->args[TS_SPLIT_BY].value)))));
}

/* The error that a part with a call of its own is among those of a run with margins */
static void
refuse_own_call(const resplit_state *state, const resplit_run *run, const resplit_node *node)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the margins of split %lld cannot be kept", (long long) run->call->split_id),
			 errdetail("%s is shared by a call of its own.", old_name(state, node->old)),
			 errhint("Arguments for the whole replace it: method => 'margins', margins => ...")));
}

/*
 * What a run with margins does not share must be locked: what is shared by others
 * would change besides
 */
static void
check_besides(const resplit_state *state, const resplit_run *run)
{
	HASHCTL		ctl = {0};
	HTAB	   *unmade;

	if (run->n_path > 0)
		refuse_some(state, run);
	ctl.keysize = ctl.entrysize = sizeof(int64);
	ctl.hcxt = state->attempt;
	unmade = hash_create("target_split besides", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int32 i = 0; i < run->n_besides; i++)
	{
		const resplit_beside *beside = &run->besides[i];
		const resplit_node *node = beside->node < 0 ? NULL : &state->nodes[beside->node];

		if (!node)
			(void) hash_search(unmade, &run->split->tree->nodes[beside->place].target_id, HASH_ENTER, NULL);
		else if (!state->keep_locks || node->old < 0 || !state->olds[node->old].locked)
			refuse_own_call(state, run, node);
	}
	/* those without a node are under a locked one, if they are under the named target at all */
	for (int32 i = 0; i < state->n_olds && hash_get_num_entries(unmade) > 0; i++)
		(void) hash_search(unmade, &state->olds[i].target_id, HASH_REMOVE, NULL);
	if (hash_get_num_entries(unmade) > 0)
		refuse_some(state, run);
	hash_destroy(unmade);
}

/*
 * Tells a run with margins what of its parts is held, so that the others are
 * weighed around it.  What the run does not share has what is stored.
 */
static void
hold_parts(resplit_state *state, resplit_run *run, ts_split *split)
{
	const ts_split_nodes *parts = &run->parts;
	ts_int128  *stored = NULL;
	bool		any_stored = run->n_besides > 0;

	check_besides(state, run);
	for (int32 i = 0; i < run->n_blocks; i++)
		for (int32 j = 0; j < state->blocks[run->first_block + i].n_parts && !any_stored; j++)
			any_stored = state->blocks[run->first_block + i].place[j] < 0;
	if (any_stored)
		stored = stored_parts(state, run);
	split->least = MemoryContextAllocHuge(state->attempt, sizeof(ts_int128) * (parts->n + 1));
	split->most = MemoryContextAllocHuge(state->attempt, sizeof(ts_int128) * (parts->n + 1));
	for (int64 part = 0; part < parts->n; part++)
	{
		bool		held = stored && parts->n_children[part] == 0 && stored[part] != TS_NO_LOWER;

		split->least[part] = held ? stored[part] : TS_NO_LOWER;
		split->most[part] = held ? stored[part] : TS_NO_UPPER;
	}
	for (int32 i = 0; i < run->n_blocks; i++)
	{
		const resplit_block *block = &state->blocks[run->first_block + i];
		int64		first = parts->first[i] + run->skipped;

		for (int32 j = 0; j < block->n_parts; j++)
		{
			int64		part = first + j;
			const resplit_node *node = &state->nodes[block->place[j] < 0 ? -1 - block->place[j] : block->place[j]];

			CHECK_FOR_INTERRUPTS();
			if (node->closed && node->hold == HOLD_NONE)
				refuse_own_call(state, run, node);
			/* what is under a locked one stays as it is stored */
			if (block->place[j] < 0)
				continue;
			split->least[part] = TS_NO_LOWER;
			split->most[part] = TS_NO_UPPER;
			if (node->hold == HOLD_NONE && parts->n_children[part] > 0)
				continue;
			split->least[part] = node->lower;
			split->most[part] = node->upper;
		}
	}
	if (stored)
		pfree(stored);
}

/* Has every part of a block what the margins need? */
static void
check_margins(const resplit_state *state, const resplit_run *run, const resplit_block *block)
{
	for (int32 i = block->first; i < block->first + block->n && state->nodes[block->anchor].share != 0; i++)
	{
		const resplit_node *node = &state->nodes[i];
		Datum		weight;

		CHECK_FOR_INTERRUPTS();
		if (!node->made || node->n_children > 0)
			continue;
		weight = ts_scaled_to_numeric(node->weight, run->scale);
		if (DatumGetBool(DirectFunctionCall2(numeric_eq, weight, units_out(state, node->share))))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the margins of split %lld cannot be kept", (long long) run->call->split_id),
				 errdetail("%s would get %s, and the margins need %s: a target above it is held within bounds.",
						   node->old >= 0 ? old_name(state, node->old) :
						   psprintf("The new target for %s", JsonbToCString(NULL, &DatumGetJsonbP(slice_of(state, node))->root, 0)),
						   units_text(state, node->share), DatumGetCString(DirectFunctionCall1(numeric_out, weight))),
				 errhint("Change its floor_amount or stretch_amount, or the margins.")));
	}
}

/*
 * Opens the call of a run once more, whose weights follow from amounts.  Its
 * tops and anchors are those of before; what is beside them is looked for again
 * where weights follow from that, for all is there by now.
 */
static void
open_again(resplit_state *state, resplit_run *run)
{
	const resplit_block *blocks = &state->blocks[run->first_block];
	ts_split   *split = open_call(state, run->call, &state->nodes[blocks[0].anchor], false);
	resplit_wait *waits;

	if (!run->from_others)
	{
		split->tree = run->split->tree;
		split->n_leaves = run->split->n_leaves;
		split->leaves = run->split->leaves;
		split->beside = run->split->beside;
		split->n_kept = run->split->n_kept;
		split->kept = run->split->kept;
		run->split = split;
		return;
	}
	waits = MemoryContextAllocHuge(state->attempt, sizeof(resplit_wait) * run->n_blocks);
	memset(waits, 0, sizeof(resplit_wait) * run->n_blocks);
	for (int32 i = 0; i < run->n_blocks; i++)
		waits[i].node = blocks[i].anchor;
	run->split = split;
	run->n_besides = 0;
	find_tops(state, run, run->n_blocks, waits);
	if (ts_split_reads_kept(split))
		find_kept(state, split);
	pfree(waits);
}

/*
 * Weighs a run once more by the amounts that its anchors, and what is beside
 * them, have by now.  Its parts are the same as before.
 */
static void
weigh_again(resplit_state *state, resplit_run *run)
{
	ts_split   *split = run->split;
	ts_split_nodes made = {0};

	/* the anchors are among them */
	if (state->nodes == NULL)
		pg_unreachable();
	for (int32 i = 0; i < run->n_besides; i++)
	{
		const resplit_node *node = run->besides[i].node < 0 ? NULL : &state->nodes[run->besides[i].node];

		if (node && node->block >= 0 && state->runs[state->blocks[node->block].run].shared)
			split->tree->nodes[run->besides[i].place].amount = units_out(state, node->share);
	}
	for (int32 i = 0; i < run->n_blocks; i++)
	{
		int32		top = top_of(state, run, state->blocks[run->first_block + i].anchor);

		if (top >= 0)
			split->tree->nodes[split->leaves[i]].amount = units_out(state, state->nodes[top].share);
	}
	if (run->has_margins)
		hold_parts(state, run, split);
	weigh(run->call, split, &made);
	memset(run->fallbacks, 0, sizeof(run->fallbacks));
	for (int32 i = 0; i < run->n_blocks; i++)
	{
		const resplit_block *block = &state->blocks[run->first_block + i];
		int64		first = made.first[i] + run->skipped;

		if (made.first[i + 1] - made.first[i] != block->n_top_parts)
			elog(ERROR, "split %lld does not make the same parts again", (long long) run->call->split_id);
		for (int32 j = block->first; j < block->first + block->n; j++)
			state->nodes[j].weight = 0;
		for (int32 j = 0; j < block->n_parts; j++)
		{
			int32		at = block->place[j];

			CHECK_FOR_INTERRUPTS();
			if (made.n_children[first + j] == 0)
				state->nodes[at >= 0 ? at : -1 - at].weight += made.weight[first + j];
			if (at < 0)
				continue;
			state->nodes[at].fallback = made.fallback[first + j];
			run->fallbacks[made.fallback[first + j]]++;
		}
	}
	run->scale = split->scale;
	if (run->own_rounding)
		run->made = made;
	else
		ts_split_free_nodes(&made);
}

/* A run and its blocks, as they are rounded together */
typedef struct resplit_blocks
{
	resplit_state *state;
	const resplit_run *run;
	int64	   *way;
	int			way_space;
} resplit_blocks;

static void
together_block(void *arg, int32 number, ts_fair_block *out)
{
	resplit_blocks *blocks = arg;
	const resplit_state *state = blocks->state;
	const resplit_block *block = &state->blocks[blocks->run->first_block + number];
	const resplit_node *anchor = &state->nodes[block->anchor];
	int			n_way = 0;

	out->n = block->n;
	out->units = anchor->share;
	out->given = false;
	out->from = anchor->from;
	out->upto = anchor->upto;
	for (const resplit_node *node = anchor; node && node->block >= 0; node = node_above(state, node))
		n_way += node->member_id != 0;
	if (n_way >= blocks->way_space)
	{
		blocks->way_space = n_way + 16;
		blocks->way = MemoryContextAlloc(state->attempt, sizeof(int64) * blocks->way_space);
	}
	out->way = blocks->way;
	out->n_way = n_way;
	for (const resplit_node *node = anchor; node && node->block >= 0; node = node_above(state, node))
		if (node->member_id != 0)
			out->way[--n_way] = node->member_id;
}

static void
together_node(void *arg, int32 number, int32 i, ts_fair_node *out)
{
	const resplit_blocks *blocks = arg;
	const resplit_state *state = blocks->state;
	resplit_node *node = &state->nodes[state->blocks[blocks->run->first_block + number].first + i];

	out->parent = node->parent;
	out->member_id = node->member_id;
	out->weight = node->weight;
	out->share = &node->share;
	out->old = node->old < 0 ? NULL : &state->olds[node->old].amount;
}

static void
together_period(void *arg, int32 number, int32 i, DateADT *from, DateADT *upto)
{
	const resplit_blocks *blocks = arg;
	const resplit_state *state = blocks->state;
	const resplit_node *node = &state->nodes[state->blocks[blocks->run->first_block + number].first + i];

	*from = node->from;
	*upto = node->upto;
}

/*
 * Rounds what a run shares together, as a split does: totals of periods over
 * slices are to be fair.  Where something is held, shares of the others are no
 * longer those of the weights alone, and each block stays rounded by itself.
 * Where nothing changes nothing is rounded: of a split for more slices than
 * these, totals over these alone need not be fair.
 */
static void
share_together(resplit_state *state, const resplit_run *run)
{
	resplit_blocks blocks = {.state = state,.run = run};
	ts_fair_input input = {run->split, run->n_blocks, run->split->n_axes - run->n_path, run->split->axes + run->n_path, 1,
	together_block, together_node, together_period, &blocks};
	bool		changes = false;

	for (int hold = HOLD_NONE + 1; hold < N_HOLDS; hold++)
		if (run->held[hold] > 0)
			return;
	for (int32 i = 0; i < run->n_blocks && !changes; i++)
	{
		const resplit_block *block = &state->blocks[run->first_block + i];

		CHECK_FOR_INTERRUPTS();
		for (int32 j = block->first; j < block->first + block->n && !changes; j++)
			changes = state->nodes[j].old < 0 || state->nodes[j].share != state->olds[state->nodes[j].old].amount;
	}
	if (changes)
		ts_round_together(&input);
}

/*
 * Shares the amounts of a run's anchors, after the runs that give them these,
 * and after those that give what is beside them its amounts
 */
static void
share_runs_to(resplit_state *state, int run_no)
{
	resplit_run *run = &state->runs[run_no];

	check_stack_depth();
	if (run->reached)
		return;
	run->reached = true;
	for (int32 i = 0; i < run->n_blocks; i++)
	{
		int32		block = state->nodes[state->blocks[run->first_block + i].anchor].block;

		if (block >= 0)
			share_runs_to(state, state->blocks[block].run);
	}
	if (run->from_amounts)
	{
		open_again(state, run);
		for (int32 i = 0; i < run->n_besides; i++)
		{
			int32		block = run->besides[i].node < 0 ? -1 : state->nodes[run->besides[i].node].block;

			if (block >= 0)
				share_runs_to(state, state->blocks[block].run);
		}
		weigh_again(state, run);
	}
	if (run->own_rounding && share_run(state, run))
	{
		run->shared = true;
		return;
	}
	for (int32 i = 0; i < run->n_blocks; i++)
	{
		const resplit_block *block = &state->blocks[run->first_block + i];

		CHECK_FOR_INTERRUPTS();
		if (run->split || run->left || !stays_by_hand(state, block))
			share_block(state, block);
		if (run->has_margins)
			check_margins(state, run, block);
	}
	if (run->split && !run->own_rounding)
		share_together(state, run);
	run->shared = true;
}

static void
share_runs(resplit_state *state)
{
	for (int i = 0; i < state->n_runs; i++)
		share_runs_to(state, i);
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
	COL_MARK,
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
	{"slice", JSONBOID}, {"period", DATERANGEOID}, {"amount", NUMERICOID}, {"made", BOOLOID}, {"is_free", BOOLOID}, {"mark", BOOLOID},
	{"weight", NUMERICOID}, {"fallback", TEXTOID}, {"has_bounds", BOOLOID}, {"at_least", NUMERICOID},
	{"at_most", NUMERICOID}
};

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
		bool		mark;

		CHECK_FOR_INTERRUPTS();
		/* strays stay as they are */
		if (node->hold == HOLD_STRAY)
			continue;
		if (!old && !state->preview)
			node->target_id = ts_next_target_id();
		is_free = node->hold == HOLD_NONE;
		/* its split will not tell any more that it was put in by plain SQL */
		mark = old && node->made && run->split && !is_free && (is_put_in(old) || old->is_set);
		/* weights of what no split made are the present amounts, and say nothing new */
		*changes |= !old || old->amount != node->share || mark || (is_free && block && old->adjusted) ||
			(node->made && run->split && (old->weight < 0 || old->fallback != node->fallback ||
										  !same_weight(old->weight, old->weight_scale, node->weight, run->scale))) ||
			(node->has_bounds && (old->least != node->least || old->most != node->most));
		values[COL_RUN] = Int32GetDatum(block ? block->run : -1);
		values[COL_TARGET_ID] = Int64GetDatum(node->target_id);
		nulls[COL_TARGET_ID] = node->target_id == 0;
		values[COL_IS_NEW] = BoolGetDatum(!old);
		values[COL_AMOUNT] = units_out(state, node->share);
		values[COL_MADE] = BoolGetDatum(node->made);
		values[COL_IS_FREE] = BoolGetDatum(is_free && block);
		values[COL_MARK] = BoolGetDatum(mark);
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
			values[COL_MEMBER_ID] = Int64GetDatum(node->member_id);
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

/* The arguments of a run's call, for the record */
static Datum
arguments_of(const resplit_run *run)
{
	NullableDatum args[TS_SPLIT_N_ARGUMENTS];

	memcpy(args, run->call->args, sizeof(args));
	if (run->call->default_basis)
		args[TS_SPLIT_BASIS].isnull = true;
	return ts_split_arguments(args);
}

/* Is a run what its call was already, for all the arguments that were given? */
static bool
is_recorded(const resplit_state *state, const resplit_run *run)
{
	ts_args		args = {0};
	Datum		arguments = arguments_of(run);

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
 * The target that a run's call is for from now on: one of a part stays that of
 * the part, also when the whole is made again
 */
static int64
target_of_run(const resplit_state *state, const resplit_run *run)
{
	if (run->n_path > 0)
		return state->nodes[state->blocks[run->first_block].anchor].target_id;
	for (int32 i = 0; i < run->n_blocks; i++)
		if (height_above(state, run->call->target_id, state->blocks[run->first_block + i].anchor, 0) < 0)
			return state->target_id;
	return height_above(state, run->call->target_id, 0, 0) > 0 ? state->target_id : run->call->target_id;
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
		arguments = run->split ? arguments_of(run) : DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
		memset(&args, 0, sizeof(args));
		ts_arg_int4(&args, state->tree->plan_id);
		ts_arg_int4(&args, state->tree->metric_id);
		ts_arg_int8(&args, target_of_run(state, run));
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

/* so many are joined with the targets at once, whatever the statistics say */
#define MANY_NODES	10000

#define UPDATE_KEPT \
	"UPDATE " TS_SCHEMA ".target t SET amount = n.amount," \
	" weight = CASE WHEN n.made THEN n.weight ELSE t.weight END," \
	" split_id = CASE WHEN n.made THEN ($2::pg_catalog.int8[])[n.run + 1] ELSE t.split_id END," \
	" fallback = CASE WHEN n.made THEN n.fallback ELSE t.fallback END," \
	" at_least = CASE WHEN n.has_bounds THEN n.at_least ELSE t.at_least END," \
	" at_most = CASE WHEN n.has_bounds THEN n.at_most ELSE t.at_most END," \
	" adjusted = n.mark OR (t.adjusted AND NOT n.is_free)," \
	" locked = t.locked OR COALESCE(t.target_id = ANY ($3), false)" \
	" FROM resplit_node n WHERE t.plan_id = $1 AND t.target_id = n.target_id AND NOT n.is_new"

/* Writes the nodes, which "resplit_node" has */
static void
write_nodes(resplit_state *state, int32 n_removed, int64 *removed, int64 n_new)
{
	int64	   *split_ids = MemoryContextAlloc(state->attempt, sizeof(int64) * (state->n_runs + 1));
	int64	   *locked = MemoryContextAllocHuge(state->attempt, sizeof(int64) * state->n_olds);
	int32		n_locked = 0;
	ts_args		args = {0};

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
}

/* Writes everything, and the rows that the call returns */
static void
write_all(resplit_state *state, Tuplestorestate *result)
{
	TupleDesc	desc;
	bool		changes;
	Tuplestorestate *store = list_nodes(state, &desc, &changes);
	int64	   *removed = MemoryContextAllocHuge(state->attempt, sizeof(int64) * state->n_olds);
	int32		n_removed = list_removed(state, removed);
	int64		n_new = 0;
	bool		many = state->n_nodes >= MANY_NODES;
	int			guc_level = -1;
	ts_args		args = {0};
	ts_args		shown;			/* with what is asked for */

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
	if (many)
		guc_level = ts_begin_many();
	ts_arg_int4(&args, state->tree->plan_id);
	ts_arg_int8_array(&args, n_removed, removed);
	shown = args;
	ts_arg(&shown, INT8ARRAYOID, state->n_set > 0 ? ts_int8_array(state->n_set, state->set_ids) : (Datum) 0, state->n_set == 0);
	ts_put_query(result, "SELECT t.target_id, t.parent_id, t.depth::pg_catalog.int4, t.level, t.slice, t.period,"
				 " t.amount, n.amount, n.amount - t.amount, CASE WHEN $3 IS NULL THEN 'changed'"
				 " WHEN t.target_id = ANY ($3) THEN 'adjusted' ELSE 'absorbed' END"
				 " FROM resplit_node n JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.target_id = n.target_id"
				 " WHERE n.amount <> t.amount"
				 " UNION ALL "
				 "SELECT n.target_id, n.parent_id, n.depth, n.level, n.slice, n.period, NULL, n.amount, n.amount, 'new'"
				 " FROM resplit_node n WHERE n.is_new"
				 " UNION ALL "
				 "SELECT t.target_id, t.parent_id, t.depth::pg_catalog.int4, t.level, t.slice, t.period,"
				 " t.amount, NULL, - t.amount, 'removed'"
				 " FROM " TS_SCHEMA ".target t WHERE t.plan_id = $1 AND t.target_id = ANY ($2)"
				 " ORDER BY 3, 1, 5, 6", &shown, many);
	if (!state->preview)
		write_nodes(state, n_removed, removed, n_new);
	if (guc_level >= 0)
		AtEOXact_GUC(true, guc_level);
	SPI_unregister_relation("resplit_node");
	tuplestore_end(store);
}

/* -------------------------------------------------------------- functions */

/* Reads the target and all above it, with what is beside these */
static void
load_way(resplit_state *state)
{
	ts_args		args = {0};
	int64	   *ids;

	ts_arg_int4(&args, state->tree->plan_id);
	ts_arg_int8(&args, state->target_id);
	state->n_way = (int) ts_run("WITH RECURSIVE way AS ("
								"SELECT t.* FROM " TS_SCHEMA ".target t WHERE t.plan_id = $1 AND t.target_id = $2"
								" UNION ALL "
								"SELECT t.* FROM way w JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.target_id = w.parent_id)"
								" SELECT w.target_id, w.member_id, w.period, COALESCE(w.split_id, 0), w.amount, w.parent_id IS NULL"
								" FROM way w ORDER BY w.depth DESC", &args, false);
	/* a part has what a call finds for all of it, so all of it must be seen */
	if (!ts_bool(state->n_way - 1, 6))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" sees target %lld, but not all targets above it",
						GetUserNameFromId(GetUserId(), false), (long long) state->target_id),
				 errhint(HINT_HIDDEN)));
	state->way = MemoryContextAllocZero(state->attempt, sizeof(resplit_way) * state->n_way);
	ids = MemoryContextAlloc(state->attempt, sizeof(int64) * state->n_way);
	for (int i = 0; i < state->n_way; i++)
	{
		read_step(i, &state->way[i].step);
		state->way[i].split_id = ts_int8(i, 4);
		state->way[i].amount = ts_datum_copy(i, 5, state->attempt);
		ids[i] = state->way[i].step.target_id;
	}
	for (int i = 1; i < state->n_way; i++)
	{
		resplit_way *way = &state->way[i];

		memset(&args, 0, sizeof(args));
		ts_arg_int4(&args, state->tree->plan_id);
		ts_arg_int8(&args, ids[i]);
		way->n_children = (int) ts_run("SELECT t.target_id, t.member_id, t.period FROM " TS_SCHEMA ".target t"
									   " WHERE t.plan_id = $1 AND t.parent_id = $2 ORDER BY t.target_id", &args, false);
		way->children = MemoryContextAllocHuge(state->attempt, sizeof(resplit_step) * (way->n_children + 1));
		for (int j = 0; j < way->n_children; j++)
			read_step(j, &way->children[j]);
	}
	pfree(ids);
	load_dimensions(state);
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

/* What is to be set must be a part that the call makes and nothing holds */
static void
check_set(const resplit_state *state)
{
	for (int i = 0; i < state->n_set; i++)
	{
		int32		node = 0;

		while (node < state->n_nodes &&
			   !(state->nodes[node].target_id == state->set_ids[i] && state->nodes[node].hold == HOLD_ADJUSTMENT))
			node++;
		if (node == state->n_nodes)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("%s is locked, or a target above it is", ts_target_names(state->tree->plan_id, 1, &state->set_ids[i])),
					 errhint("Unlock it first: SELECT * FROM target_split.unlock_target(%lld);", (long long) state->set_ids[i])));
	}
}

/* The rows of a call; amounts: what n_set targets are set to */
static void
resplit_rows(FunctionCallInfo fcinfo, bool preview, int n_set, const int64 *set_ids, const ts_int128 *set_amounts,
			 Tuplestorestate *result)
{
	MemoryContext context;
	MemoryContext old;
	resplit_state *state;

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
		state->n_bounds_set = -1;
		state->preview = preview;
		state->keep_adjustments = PG_GETARG_BOOL(ARG_KEEP_ADJUSTMENTS);
		state->keep_locks = PG_GETARG_BOOL(ARG_KEEP_LOCKS);
		state->target_id = PG_GETARG_INT64(ARG_TARGET_ID);
		state->n_set = n_set;
		state->set_ids = set_ids;
		state->set_amounts = set_amounts;
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
	check_set(state);
	limit_nodes(state);
	share_runs(state);
	write_all(state, result);
	ts_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static Datum
resplit(FunctionCallInfo fcinfo, bool preview)
{
	TupleDesc	desc;
	Tuplestorestate *result = ts_begin_rows(fcinfo, &desc);

	resplit_rows(fcinfo, preview, 0, NULL, NULL, result);
	return (Datum) 0;
}

/*
 * Makes the splits by "by" under a target again around n targets, which are set
 * to amounts in units of the plan: for adjust_target, within ts_connect()
 */
void
ts_resplit_around(int64 target_id, Datum by, int n, const int64 *ids, const ts_int128 *amounts, bool keep_locks,
				  bool preview, Tuplestorestate *result)
{
	LOCAL_FCINFO(fcinfo, ARG_REASON + 1);

	InitFunctionCallInfoData(*fcinfo, NULL, ARG_REASON + 1, InvalidOid, NULL, NULL);
	for (int i = 0; i <= ARG_REASON; i++)
		fcinfo->args[i].isnull = true;
	fcinfo->args[ARG_TARGET_ID] = (NullableDatum)
	{
		Int64GetDatum(target_id), false
	};
	fcinfo->args[ARG_BY] = (NullableDatum)
	{
		by, false
	};
	fcinfo->args[ARG_KEEP_ADJUSTMENTS] = (NullableDatum)
	{
		BoolGetDatum(true), false
	};
	fcinfo->args[ARG_KEEP_LOCKS] = (NullableDatum)
	{
		BoolGetDatum(keep_locks), false
	};
	resplit_rows(fcinfo, preview, n, ids, amounts, result);
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
