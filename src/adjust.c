/*-------------------------------------------------------------------------
 *
 * adjust.c
 *	  adjust_target and preview_adjust: change targets, and with them what is
 *	  beside, above and below them.
 *
 * Glossary
 *	  named		a target that the call points at (selection.c)
 *	  change	by how much an amount changes, in units of the quantum
 *	  way		the targets from the root down to a named one
 *	  top		the last target on the way up that the change reaches: the
 *				named one itself, the root, or what "absorb" names between them
 *	  absorber	a child of a top's parent that is no top: these take the
 *				opposite of the tops' changes, so that the parent stays
 *	  group		targets that share one change, with all that is below them: the
 *				named ones, or the absorbers under one parent
 *	  held		a target that cannot take its share: it is locked, at a bound,
 *				or a leaf that would change its sign
 *	  by hand	marked as adjusted, so that a resplit keeps the amount: the
 *				named ones, or the outermost of those that carried_by names
 *	  carry		leaves that take part; all, unless carried_by names a slice
 *	  room		by how much a target can change in the direction of the
 *				change, with everything below it
 *
 * Method
 *	  1. read the ways, the tops' siblings and everything below the groups, a
 *		 statement a level; lock the rows in the order of ids; read again if
 *		 somebody added, moved or removed one meanwhile
 *	  2. the named targets share their change: the weight of a leaf is the size
 *		 of its present amount, so everything keeps its share of what is above
 *		 it; what is held passes its part on to its siblings
 *	  3. the change of each named one is added to all on its way up to its top
 *	  4. the absorbers under the parent of each top share the opposite
 *	  5. the rows go into a tuplestore, which is joined to the table for the
 *		 result, and by the one statement that writes
 *
 *	  It is the change that is shared and not the new amount.  As no bound or
 *	  lock is broken before, 0 is within the room of every target; all changes
 *	  of a group have one sign, and a bound is an upper limit to their size.
 *	  Amount + change is the floor or ceiling of the exact share of the new
 *	  amount, for the amounts are whole units.
 *
 *	  absorb => 'margins' makes the split that made the named targets again around
 *	  them (resplit.c): all its other parts absorb, so that its margins stand.
 *
 *	  Growth multiplies, so that it moves negative amounts away from zero.
 *	  Where a group has amounts of both signs, the positive leaves share what
 *	  the growth of their sum is, and the negative ones the rest.
 *
 * Limits
 *	  About 400 bytes of memory a target that is read.  A target that would
 *	  absorb and has a named one below it is refused (docs/adjusting.md).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/tuplestore.h"

#include "engine/bounded.h"
#include "numeric_units.h"
#include "plan.h"
#include "query.h"
#include "selection.h"
#include "split.h"
#include "target_split.h"

PG_FUNCTION_INFO_V1(target_split_adjust_target);
PG_FUNCTION_INFO_V1(target_split_preview_adjust);

/* nobody splits that often between two statements */
#define MAX_ATTEMPTS 10

/* no limit; amounts stay below 10^36 units */
#define NO_LIMIT ((ts_int128) (~(ts_uint128) 0 >> 1))
#define HINT_HIDDEN \
	"A row-level security policy may hide it; if there is none: SELECT * FROM target_split.plan_check;"

/* Arguments, in the order of the SQL declaration */
enum
{
	ARG_TARGET_ID,
	ARG_PLAN,
	ARG_METRIC,
	ARG_SLICE,
	ARG_PERIOD,
	ARG_AMOUNT,
	ARG_GROWTH,
	ARG_ADD,
	ARG_ABSORB,
	ARG_CARRIED_BY,
	ARG_KEEP_LOCKS,
	ARG_ON_ZERO,
	ARG_ON_NEGATIVE,
	ARG_REASON
};

typedef enum adjust_role
{
	ROLE_ADJUSTED,
	ROLE_ABSORBED,
	ROLE_ABOVE,
	ROLE_BELOW
} adjust_role;

static const char *const role_names[] = {"adjusted", "absorbed", "above", "below"};

/* A target that is read */
typedef struct adjust_node
{
	int64		target_id;
	int64		parent_id;		/* 0 for the root */
	int32		parent;			/* among the nodes, -1 at the top of a group */
	int32		group;			/* -1: on a way, or parent of a group */
	int32		n_children;		/* of the target */
	int32		n_loaded;		/* of them among the nodes */
	uint64		bits;			/* dimensions of carried_by that are reached */
	bool		carries;		/* what is below it carries, whatever its slice */
	bool		by_hand;		/* its amount is what the call is about */
	bool		was_locked;
	bool		locked;			/* and that counts */
	bool		has_least;
	bool		has_most;
	adjust_role role;
	ts_int128	before;
	ts_int128	change;
	ts_int128	least;
	ts_int128	most;
} adjust_node;

/* A named target */
typedef struct adjust_named
{
	int64		target_id;
	int32		node;			/* as the top of the first group */
	int32		first;			/* its way is adjust->way[first ...] */
	int32		n;
	int32		top;			/* place of the top on the way, from 0 */
	uint64		bits;
	bool		outside;		/* of another member than carried_by */
} adjust_named;

/* A step of a way: the node, -1 where it is not needed, and its level */
typedef struct adjust_step
{
	int64		target_id;
	int64		member_id;
	int32		node;
	char	   *level;
	bool		outside;
} adjust_step;

typedef struct adjust_entry
{
	int64		target_id;
	int32		node;
} adjust_entry;

typedef struct adjust_state
{
	MemoryContext context;
	ts_selection selection;
	bool		preview;
	const char *absorb;
	bool		keep_locks;
	bool		equal_zero;		/* on_zero => 'equal' */
	bool		absolute;		/* on_negative => 'absolute' */
	bool		has_carriers;
	ts_slice_members carriers;
	Datum		growth;
	bool		by_growth;

	int			n_named;
	adjust_named *named;
	adjust_step *way;
	int32		n;
	int32		space;
	adjust_node *nodes;			/* a group's parents before their children */
	HTAB	   *index;			/* target_id -> node */
	int			n_groups;		/* the first is that of the named */
	int64	   *group_parent;	/* the others: target whose children absorb */
} adjust_state;

/* A group's targets, as the engine takes them */
typedef struct adjust_group
{
	int32		n;
	int32	   *node;
	int32	   *parent;
	ts_int128  *weight;
	ts_int128  *room;			/* with everything below */
	ts_int128  *share;
} adjust_group;

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

static inline ts_int128
size_of(ts_int128 x)
{
	return x < 0 ? -x : x;
}

static Datum
units_out(const adjust_state *state, ts_int128 units)
{
	return ts_units_to_numeric(units, &state->selection.quantum);
}

static char *
units_text(const adjust_state *state, ts_int128 units)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, units_out(state, units)));
}

static char *
node_name(const adjust_state *state, int32 node)
{
	return ts_target_names(state->selection.plan_id, 1, &state->nodes[node].target_id);
}

/* ---------------------------------------------------------------- reading */

/* A bound in units: the lower one rounded up, the upper one down */
static bool
bound_units(const adjust_state *state, Datum bound, bool lower, ts_int128 *units)
{
	const ts_quantum one = {1, 0};
	Datum		quantum = units_out(state, 1);
	Datum		quotient;

	if (numeric_is_nan(DatumGetNumeric(bound)) || numeric_is_inf(DatumGetNumeric(bound)))
		return false;
	quotient = DirectFunctionCall2(numeric_div_trunc, bound, quantum);
	/* beyond any amount: as good as none */
	if (DatumGetBool(DirectFunctionCall2(numeric_ge,
										 DirectFunctionCall1(numeric_abs, quotient),
										 DirectFunctionCall3(numeric_in, CStringGetDatum("1e36"),
															 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)))))
		return false;
	*units = ts_units_from_numeric(DirectFunctionCall2(numeric_trunc, quotient, Int32GetDatum(0)),
								   &one, "bound");
	if (DatumGetBool(DirectFunctionCall2(numeric_ne, DirectFunctionCall2(numeric_mul, quotient, quantum), bound)))
	{
		bool		negative = DatumGetBool(DirectFunctionCall2(numeric_lt, bound,
																DirectFunctionCall1(int4_numeric, Int32GetDatum(0))));

		if (lower && !negative)
			*units += 1;
		else if (!lower && negative)
			*units -= 1;
	}
	return true;
}

/*
 * The columns that read_values() takes, in this order; floor_amount and
 * stretch_amount are bounds as well, kept by constraints.
 */
#define VALUE_COLUMNS \
	"t.n_children, t.locked, t.amount," \
	" GREATEST(t.at_least, t.floor_amount), LEAST(t.at_most, t.stretch_amount)"

static void
read_values(const adjust_state *state, adjust_node *node, uint64 row, int column)
{
	node->n_children = ts_int4(row, column);
	node->was_locked = ts_bool(row, column + 1);
	node->locked = node->was_locked && state->keep_locks;
	node->before = ts_units_from_numeric(ts_datum(row, column + 2), &state->selection.quantum, "amount");
	node->has_least = !ts_isnull(row, column + 3) &&
		bound_units(state, ts_datum(row, column + 3), true, &node->least);
	node->has_most = !ts_isnull(row, column + 4) &&
		bound_units(state, ts_datum(row, column + 4), false, &node->most);
}

/* Another transaction has removed a target between two statements of the call */
static void
refuse_removed(const adjust_state *state)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("a target of plan \"%s\" was removed while it was to be adjusted", state->selection.plan),
			 errhint("Try again, if it is still there.")));
}

/* Adds a node and returns its number */
static int32
add_node(adjust_state *state, int64 target_id)
{
	adjust_entry *entry;
	bool		found;

	if (state->n == state->space)
	{
		bool		first = state->space == 0;

		if (state->space > PG_INT32_MAX / 4)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("adjustment reaches more than %d targets", state->space)));
		state->space = first ? 64 : state->space * 2;
		state->nodes = first ?
			MemoryContextAllocHuge(state->context, sizeof(adjust_node) * state->space) :
			repalloc_huge(state->nodes, sizeof(adjust_node) * state->space);
	}
	entry = hash_search(state->index, &target_id, HASH_ENTER, &found);
	if (found)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s cannot be adjusted in the same call as what is beside or above it",
						ts_target_names(state->selection.plan_id, 1, &target_id)),
				 errdetail("It would absorb a change of the one, and be on the way of the other."),
				 errhint("Adjust them in calls of their own, or let the change go up: absorb => 'root'")));
	entry->node = state->n;
	memset(&state->nodes[state->n], 0, sizeof(adjust_node));
	state->nodes[state->n].target_id = target_id;
	state->nodes[state->n].parent = -1;
	state->nodes[state->n].group = -1;
	return state->n++;
}

static int32
find_node(const adjust_state *state, int64 target_id)
{
	adjust_entry *entry = hash_search(state->index, &target_id, HASH_FIND, NULL);

	return entry ? entry->node : -1;
}

/* An array argument of targets, of nodes from "first" on that fit */
static int64 *
node_ids(const adjust_state *state, int32 first, int32 upto)
{
	int64	   *ids = palloc_extended(sizeof(int64) * (Size) Max(upto - first, 1), MCXT_ALLOC_HUGE);

	for (int32 i = first; i < upto; i++)
		ids[i - first] = state->nodes[i].target_id;
	return ids;
}

/*
 * Reads the ways of the named targets and decides on their tops.  Named
 * targets come in the order of what they are for, never of ids: it decides
 * ties.
 */
static void
load_ways(adjust_state *state)
{
	const ts_selection *selection = &state->selection;
	ts_args		args = {0};
	uint64		n;
	int64		last = 0;
	adjust_named *named = NULL;

	ts_arg_int4(&args, selection->plan_id);
	ts_arg_int8_array(&args, selection->n, selection->target_ids);
	ts_arg(&args, INT8ARRAYOID, state->has_carriers ? state->carriers.member_ids : (Datum) 0, !state->has_carriers);
	ts_arg(&args, INT4ARRAYOID, state->has_carriers ? state->carriers.dimension_ids : (Datum) 0, !state->has_carriers);
	n = ts_run_keyed("WITH RECURSIVE way AS ("
					 "SELECT t.target_id AS named_id, t.slice::pg_catalog.text COLLATE \"C\" AS named_slice,"
					 " pg_catalog.lower(t.period) AS named_start, t.target_id, t.parent_id, t.depth, t.member_id, t.level"
					 " FROM pg_catalog.unnest($2) AS k (target_id)"
					 " JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.target_id = k.target_id"
					 " UNION ALL "
					 "SELECT w.named_id, w.named_slice, w.named_start, t.target_id, t.parent_id, t.depth, t.member_id, t.level"
					 " FROM way w JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.target_id = w.parent_id"
					 ") SELECT w.named_id, w.target_id, w.parent_id, w.member_id, w.level,"
					 " COALESCE(m.dimension_id = ANY ($4) AND m.member_id <> ALL ($3), false)"
					 " FROM way w LEFT JOIN " TS_SCHEMA ".member m ON m.member_id = w.member_id"
					 " ORDER BY w.named_slice, w.named_start, w.named_id, w.depth", &args);
	state->n_named = 0;
	state->named = MemoryContextAllocHuge(state->context, sizeof(adjust_named) * selection->n);
	state->way = MemoryContextAllocHuge(state->context, sizeof(adjust_step) * (Size) Max(n, 1));
	for (uint64 row = 0; row < n; row++)
	{
		adjust_step *step = &state->way[row];

		CHECK_FOR_INTERRUPTS();
		if (row == 0 || ts_int8(row, 1) != last)
		{
			named = &state->named[state->n_named++];
			memset(named, 0, sizeof(*named));
			last = named->target_id = ts_int8(row, 1);
			named->first = (int32) row;
			if (!ts_isnull(row, 3))
				ereport(ERROR,
						(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						 errmsg("role \"%s\" sees target " INT64_FORMAT ", but not all targets above it",
								GetUserNameFromId(GetUserId(), false), last),
						 errhint(HINT_HIDDEN)));
		}
		step->target_id = ts_int8(row, 2);
		step->member_id = ts_int8(row, 4);
		step->level = ts_text(row, 5, state->context);
		step->outside = ts_bool(row, 6);
		step->node = -1;
		named->n++;
		if (state->has_carriers)
		{
			named->bits |= ts_slice_member_bit(&state->carriers, step->member_id);
			named->outside |= step->outside;
		}
	}
	if (state->n_named != selection->n)
		refuse_removed(state);
}

/* Which target on its way is a named one's top? */
static void
find_tops(adjust_state *state)
{
	bool		is_id = state->absorb[0] != '\0' && strspn(state->absorb, "0123456789") == strlen(state->absorb);

	for (int i = 0; i < state->n_named; i++)
	{
		adjust_named *named = &state->named[i];
		const adjust_step *way = &state->way[named->first];

		if (strcmp(state->absorb, "siblings") == 0)
			named->top = named->n - 1;
		else if (strcmp(state->absorb, "root") == 0 || strcmp(state->absorb, "margins") == 0)
			named->top = 0;
		else
		{
			StringInfoData words;

			for (named->top = named->n - 1; named->top >= 0; named->top--)
				if (is_id ? strcmp(state->absorb, psprintf(INT64_FORMAT, way[named->top].target_id)) == 0 :
					strcmp(state->absorb, way[named->top].level) == 0)
					break;
			if (named->top >= 0)
				continue;
			initStringInfo(&words);
			for (int j = named->n - 1; j > 0; j--)
				appendStringInfo(&words, "'%s' or ", way[j].level);
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 is_id ?
					 errmsg("target %s is not on the way from target " INT64_FORMAT " to the overall target",
							state->absorb, named->target_id) :
					 errmsg("there is no level \"%s\" on the way from target " INT64_FORMAT " to the overall target",
							state->absorb, named->target_id),
					 errhint("absorb => 'siblings', 'root', 'margins', %sthe id of a target on the way", words.data)));
		}
	}
}

/*
 * Reads the children of targets as nodes of a group, or of groups of their
 * own, in the order that decides ties.  above: their nodes, -1 for a group's
 * parent.
 */
static void
load_children(adjust_state *state, int n, const int64 *ids, const int32 *above, const int64 *except, int n_except)
{
	ts_args		args = {0};
	uint64		found;

	ts_arg_int4(&args, state->selection.plan_id);
	ts_arg_int8_array(&args, n, ids);
	ts_arg_int8_array(&args, n_except, except);
	found = ts_run_keyed("SELECT k.n::int4, t.target_id, t.parent_id, t.member_id, " VALUE_COLUMNS
						 " FROM pg_catalog.unnest($2) WITH ORDINALITY AS k (target_id, n)"
						 " JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.parent_id = k.target_id"
						 " LEFT JOIN " TS_SCHEMA ".member m ON m.member_id = t.member_id"
						 " WHERE t.target_id <> ALL ($3)"
						 " ORDER BY k.n, pg_catalog.lower(t.period), m.code COLLATE \"C\", m.path COLLATE \"C\", t.target_id",
						 &args);
	for (uint64 row = 0; row < found; row++)
	{
		int			place = ts_int4(row, 1) - 1;
		int32		number = add_node(state, ts_int8(row, 2));
		adjust_node *node = &state->nodes[number];

		CHECK_FOR_INTERRUPTS();
		node->parent_id = ts_int8(row, 3);
		read_values(state, node, row, 5);
		if (above)
		{
			adjust_node *parent = &state->nodes[above[place]];

			node->parent = above[place];
			node->group = parent->group;
			node->role = ROLE_BELOW;
			node->carries = parent->carries;
			node->bits = parent->bits;
			parent->n_loaded++;
		}
		else
		{
			node->group = place + 1;
			node->role = ROLE_ABSORBED;
		}
		if (state->has_carriers)
			node->bits |= ts_slice_member_bit(&state->carriers, ts_int8(row, 4));
		/* the outermost of those that carry a change */
		node->by_hand = state->has_carriers && node->group == 0 && node->bits == state->carriers.all &&
			state->nodes[node->parent].bits != state->carriers.all;
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Reads targets by their ids; they are no part of a group yet */
static void
load_targets(adjust_state *state, int n, const int64 *ids)
{
	ts_args		args = {0};
	uint64		found;

	ts_arg_int4(&args, state->selection.plan_id);
	ts_arg_int8_array(&args, n, ids);
	found = ts_run_keyed("SELECT t.target_id, t.parent_id, " VALUE_COLUMNS
						 " FROM pg_catalog.unnest($2) WITH ORDINALITY AS k (target_id, n)"
						 " JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.target_id = k.target_id"
						 " ORDER BY k.n", &args);
	for (uint64 row = 0; row < found; row++)
	{
		int32		number = add_node(state, ts_int8(row, 1));
		adjust_node *node = &state->nodes[number];

		CHECK_FOR_INTERRUPTS();
		node->parent_id = ts_isnull(row, 2) ? 0 : ts_int8(row, 2);
		node->role = ROLE_ABOVE;
		read_values(state, node, row, 3);
	}
	SPI_freetuptable(SPI_tuptable);
	if (found != (uint64) n)
		refuse_removed(state);
}

static int
compare_int8(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/* Sorts ids and drops doubles; returns how many are left */
static int
distinct_ids(int64 *ids, int n)
{
	int			kept = 0;

	qsort(ids, n, sizeof(int64), compare_int8);
	for (int i = 0; i < n; i++)
		if (kept == 0 || ids[i] != ids[kept - 1])
			ids[kept++] = ids[i];
	return kept;
}

/* Reads all that the adjustment reaches */
static void
load(adjust_state *state)
{
	HASHCTL		ctl = {0};
	int64	   *tops;
	int64	   *ups;
	int64	   *ids;
	int			n_tops = 0;
	int			n_ups = 0;
	int32		level_start;

	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(adjust_entry);
	ctl.hcxt = state->context;
	state->index = hash_create("target_split adjusted targets", 64, &ctl,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	state->n = 0;
	load_ways(state);
	find_tops(state);

	/* the named ones are the first nodes, in their order */
	ids = palloc(sizeof(int64) * state->n_named);
	for (int i = 0; i < state->n_named; i++)
		ids[i] = state->named[i].target_id;
	load_targets(state, state->n_named, ids);
	for (int i = 0; i < state->n_named; i++)
	{
		adjust_node *node = &state->nodes[i];

		state->named[i].node = i;
		node->group = 0;
		node->role = ROLE_ADJUSTED;
		node->bits = state->named[i].bits;
		node->carries = !state->has_carriers || state->named[i].outside;
		node->by_hand = !state->has_carriers || node->bits == state->carriers.all;
	}

	/* tops, what is between them and the named ones, and the tops' parents */
	tops = palloc(sizeof(int64) * state->n_named);
	ups = palloc(sizeof(int64) * (state->named[state->n_named - 1].first +
								  state->named[state->n_named - 1].n));
	ids = palloc(sizeof(int64) * state->n_named);
	state->n_groups = 1;
	for (int i = 0; i < state->n_named; i++)
	{
		const adjust_named *named = &state->named[i];
		const adjust_step *way = &state->way[named->first];

		tops[n_tops++] = way[named->top].target_id;
		for (int j = named->top; j < named->n - 1; j++)
			ups[n_ups++] = way[j].target_id;
		if (named->top > 0)
			ids[state->n_groups++ - 1] = way[named->top - 1].target_id;
	}
	n_tops = distinct_ids(tops, n_tops);
	n_ups = distinct_ids(ups, n_ups);
	state->n_groups = distinct_ids(ids, state->n_groups - 1) + 1;
	state->group_parent = MemoryContextAllocZero(state->context, sizeof(int64) * state->n_groups);
	memcpy(state->group_parent + 1, ids, sizeof(int64) * (state->n_groups - 1));
	load_targets(state, n_ups, ups);
	load_targets(state, state->n_groups - 1, ids);
	level_start = state->n;
	if (state->n_groups > 1)
		load_children(state, state->n_groups - 1, ids, NULL, tops, n_tops);

	/* absorbers start from what is reached on the way to their parent */
	for (int i = 0; i < state->n_named && state->has_carriers; i++)
	{
		const adjust_named *named = &state->named[i];
		uint64		bits = 0;
		int64	   *place;

		if (named->top == 0)
			continue;
		for (int j = 0; j < named->top; j++)
			bits |= ts_slice_member_bit(&state->carriers, state->way[named->first + j].member_id);
		place = bsearch(&state->way[named->first + named->top - 1].target_id, ids,
						state->n_groups - 1, sizeof(int64), compare_int8);
		for (int32 k = level_start; k < state->n; k++)
			if (state->nodes[k].group == place - ids + 1)
				state->nodes[k].bits |= bits;
	}
	for (int32 k = level_start; k < state->n; k++)
		state->nodes[k].carries = !state->has_carriers;

	/* everything below, a level at a time; what is locked does not change */
	for (int32 from = 0, upto = state->n; from < upto; from = upto, upto = state->n)
	{
		int32	   *above = palloc_extended(sizeof(int32) * (Size) (upto - from), MCXT_ALLOC_HUGE);
		int64	   *parents = palloc_extended(sizeof(int64) * (Size) (upto - from), MCXT_ALLOC_HUGE);
		int			n = 0;

		for (int32 i = from; i < upto; i++)
			if (state->nodes[i].group >= 0 && state->nodes[i].n_children > 0 && !state->nodes[i].locked)
			{
				above[n] = i;
				parents[n++] = state->nodes[i].target_id;
			}
		if (n > 0)
			load_children(state, n, parents, above, NULL, 0);
		pfree(above);
		pfree(parents);
	}
}

/*
 * Locks the rows of all nodes in the order of ids and takes their values as
 * they are under the lock.  False if the tree is not as it was read.
 */
static bool
lock_nodes(adjust_state *state)
{
	ts_args		args = {0};
	int64	   *ids = node_ids(state, 0, state->n);
	uint64		found;

	qsort(ids, state->n, sizeof(int64), compare_int8);
	ts_arg_int4(&args, state->selection.plan_id);
	ts_arg_int8_array(&args, state->n, ids);
	found = ts_run_keyed("SELECT t.target_id, t.parent_id, " VALUE_COLUMNS
						 " FROM " TS_SCHEMA ".target t"
						 " WHERE t.plan_id = $1 AND t.target_id = ANY ($2)"
						 " ORDER BY t.target_id FOR NO KEY UPDATE", &args);
	if (found != (uint64) state->n)
		return false;
	for (uint64 row = 0; row < found; row++)
	{
		adjust_node *node = &state->nodes[find_node(state, ts_int8(row, 1))];
		bool		locked = node->locked;

		CHECK_FOR_INTERRUPTS();
		if (node->parent_id != (ts_isnull(row, 2) ? 0 : ts_int8(row, 2)))
			return false;
		read_values(state, node, row, 3);
		if (node->locked != locked)
			return false;
	}
	SPI_freetuptable(SPI_tuptable);
	return true;
}

/* Are all children there of the targets whose children must be there? */
static bool
is_complete(const adjust_state *state)
{
	int		   *n_found = palloc0(sizeof(int) * state->n_groups);
	int64	   *tops = palloc(sizeof(int64) * state->n_named);
	int			n_tops = 0;
	bool		complete = true;

	for (int32 i = 0; i < state->n && complete; i++)
	{
		const adjust_node *node = &state->nodes[i];

		if (node->group > 0 && node->parent < 0)
			n_found[node->group]++;
		complete = node->group < 0 || node->locked || node->n_loaded == node->n_children;
	}
	for (int i = 0; i < state->n_named; i++)
		tops[n_tops++] = state->way[state->named[i].first + state->named[i].top].target_id;
	n_tops = distinct_ids(tops, n_tops);
	for (int i = 0; i < n_tops; i++)
	{
		const adjust_node *top = &state->nodes[find_node(state, tops[i])];

		if (top->parent_id == 0)
			continue;
		for (int group = 1; group < state->n_groups; group++)
			if (state->group_parent[group] == top->parent_id)
				n_found[group]++;
	}
	for (int group = 1; group < state->n_groups && complete; group++)
		complete = state->nodes[find_node(state, state->group_parent[group])].n_children == n_found[group];
	pfree(n_found);
	pfree(tops);
	return complete;
}

/* Reads, and locks unless it is a preview */
static void
load_and_lock(adjust_state *state)
{
	for (int attempt = 1;; attempt++)
	{
		CHECK_FOR_INTERRUPTS();
		load(state);
		if ((state->preview || lock_nodes(state)) && is_complete(state))
			return;
		if (attempt == MAX_ATTEMPTS)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("role \"%s\" cannot lock, or does not see, all targets that the adjustment reaches",
							GetUserNameFromId(GetUserId(), false)),
					 errhint(HINT_HIDDEN)));
	}
}

/* ---------------------------------------------------------------- sharing */

/* Which leaves take part: those above zero, those below, or all */
typedef enum adjust_sign
{
	BOTH_SIGNS,
	POSITIVE,
	NEGATIVE
} adjust_sign;

static inline bool
takes_part(const adjust_state *state, const adjust_node *node, adjust_sign sign)
{
	if (!node->carries && node->bits != state->carriers.all)
		return false;
	return sign == BOTH_SIGNS || (sign == POSITIVE ? node->before > 0 : node->before < 0);
}

/* By how much can a target change, seen by itself? */
static ts_int128
own_room(const adjust_node *node, bool up, bool may_flip)
{
	ts_int128	now = node->before + node->change;
	ts_int128	room = NO_LIMIT;

	if (node->locked)
		return 0;
	if (up && node->has_most)
		room = node->most - now;
	if (!up && node->has_least)
		room = now - node->least;
	if (node->n_loaded == 0 && !may_flip && (up ? node->before <= 0 : node->before >= 0))
	{
		/* a leaf at 0 goes either way where on_zero lets it */
		if (node->before != 0 || !up)
			room = Min(room, size_of(now));
	}
	return Max(room, 0);
}

static inline ts_int128
add_room(ts_int128 a, ts_int128 b)
{
	return a > NO_LIMIT - b ? NO_LIMIT : a + b;
}

static void
check_status(ts_status status)
{
	if (status == TS_TOO_LARGE)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amounts are too large to be adjusted together")));
	if (status != TS_OK)
		elog(ERROR, "could not share the change: status %d", (int) status);
}

/*
 * Shares a change of "total" >= 0, which the room is enough for, over the
 * group's tree.
 */
static void
share_tree(adjust_group *group, ts_int128 total)
{
	ts_int128  *lower = palloc_extended(sizeof(ts_int128) * (Size) group->n, MCXT_ALLOC_HUGE);
	ts_int128  *upper = palloc_extended(sizeof(ts_int128) * (Size) group->n, MCXT_ALLOC_HUGE);
	uint8	   *held = palloc_extended((Size) group->n, MCXT_ALLOC_HUGE);
	void	   *work = palloc_extended(ts_bounded_tree_work(group->n, false), MCXT_ALLOC_HUGE);
	ts_bounds_report why;

	for (int32 i = 0; i < group->n; i++)
	{
		/* a room that is larger than the whole change is no limit */
		lower[i] = TS_NO_LOWER;
		upper[i] = group->room[i] >= total ? TS_NO_UPPER : group->room[i];
	}
	check_status(ts_bounded_tree(group->n, group->parent, group->weight, lower, upper, total,
								 NULL, group->share, held, work, NULL, NULL, &why, check_interrupts));
	pfree(lower);
	pfree(upper);
	pfree(held);
	pfree(work);
}

static ts_int128
gcd128(ts_int128 a, ts_int128 b)
{
	while (b != 0)
	{
		ts_int128	r = a % b;

		a = b;
		b = r;
	}
	return a;
}

/*
 * Weighs the leaves that have room so that siblings are alike on every level.
 */
static void
weigh_equally(const adjust_state *state, adjust_group *group)
{
	const ts_int128 limit = (ts_int128) 1 << 90;
	ts_int128  *ways = palloc_extended(sizeof(ts_int128) * (Size) group->n, MCXT_ALLOC_HUGE);
	int32	   *n_open = palloc_extended(sizeof(int32) * ((Size) group->n + 1),
										 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	ts_int128	multiple = 1;

	for (int32 i = 0; i < group->n; i++)
		if (group->room[i] > 0)
			n_open[group->parent[i] + 1]++;
	for (int32 i = 0; i < group->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (group->room[i] <= 0)
			continue;
		ways[i] = group->parent[i] < 0 ? n_open[0] :
			Min(ways[group->parent[i]], limit) * n_open[group->parent[i] + 1];
		if (state->nodes[group->node[i]].n_loaded == 0 && multiple <= limit)
		{
			ts_int128	factor = ways[i] / gcd128(multiple, ways[i]);

			multiple = factor > limit / multiple ? limit + 1 : multiple * factor;
		}
	}
	multiple = Min(multiple, limit);
	for (int32 i = 0; i < group->n; i++)
		group->weight[i] = group->room[i] > 0 && state->nodes[group->node[i]].n_loaded == 0 ?
			Max(multiple / ways[i], 1) : 0;
	pfree(ways);
	pfree(n_open);
}

/* Makes the weights of inner nodes, and the room with everything below */
static ts_int128
measure(const adjust_state *state, adjust_group *group, bool up, bool may_flip, adjust_sign sign, bool zero_too)
{
	ts_int128	total = 0;

	for (int32 i = group->n - 1; i >= 0; i--)
	{
		const adjust_node *node = &state->nodes[group->node[i]];
		ts_int128	own = own_room(node, up, may_flip);

		if (node->n_loaded == 0 && node->n_children > 0 && !node->locked)
			elog(ERROR, "children of target " INT64_FORMAT " are missing", node->target_id);
		if (node->n_loaded == 0)
			group->room[i] = !takes_part(state, node, sign) ||
				(group->weight[i] == 0 && !zero_too) ? 0 : own;
		else
			group->room[i] = Min(group->room[i], own);
		if (group->parent[i] < 0)
			total = add_room(total, group->room[i]);
		else
			group->room[group->parent[i]] = add_room(group->room[group->parent[i]], group->room[i]);
	}
	return total;
}

/*
 * Lists what keeps a group from taking a change: at most 20, locks first seen
 * from the top.
 */
static char *
list_held(const adjust_state *state, const adjust_group *group, bool up, bool may_flip, int64 *locked)
{
	StringInfoData list;
	int			n = 0;
	bool		zero = false;
	ts_int128  *below = palloc_extended(sizeof(ts_int128) * ((Size) group->n + 1),
										MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	bool	   *told = palloc_extended((Size) group->n + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	initStringInfo(&list);
	*locked = 0;
	for (int32 i = group->n - 1; i >= 0; i--)
		if (group->parent[i] >= 0)
			below[group->parent[i]] = add_room(below[group->parent[i]], group->room[i]);
	for (int32 i = 0; i < group->n; i++)
	{
		const adjust_node *node = &state->nodes[group->node[i]];
		const char *how;
		ts_int128	own = own_room(node, up, may_flip);
		bool		bounded = up ? node->has_most : node->has_least;

		if (group->parent[i] >= 0 && told[group->parent[i]])
		{
			told[i] = true;
			continue;
		}
		if (node->n_loaded == 0 && ((!node->locked && !takes_part(state, node, BOTH_SIGNS)) ||
									(node->locked && node->before == 0)))
			continue;
		if (node->locked)
			how = psprintf("is locked at %s", units_text(state, node->before));
		else if (bounded && own < (node->n_loaded > 0 ? below[i] : NO_LIMIT) &&
				 own == (up ? node->most - node->before : node->before - node->least))
			how = psprintf(up ? "is %s and at most %s" : "is %s and at least %s",
						   units_text(state, node->before), units_text(state, up ? node->most : node->least));
		else
		{
			zero |= node->n_loaded == 0 && (own < NO_LIMIT || group->weight[i] == 0);
			continue;
		}
		told[i] = true;
		if (node->locked && *locked == 0)
			*locked = node->target_id;
		if (n++ < TS_LIST_MAX)
			appendStringInfo(&list, "%s%s %s", n > 1 ? "; " : "", node_name(state, group->node[i]), how);
	}
	if (n > TS_LIST_MAX)
		appendStringInfo(&list, "; and %d more", n - TS_LIST_MAX);
	if (zero)
		appendStringInfo(&list, "%swhat is not 0 keeps its sign, and what is 0 stays 0", n > 0 ? "; " : "");
	pfree(below);
	pfree(told);
	return list.data;
}

/* Whose change it is that does not fit, for messages */
static char *
group_name(const adjust_state *state, int group_no)
{
	if (group_no == 0)
		return state->n_named == 1 ? ts_target_names(state->selection.plan_id, 1, &state->named[0].target_id) :
			psprintf("the %d targets", state->n_named);
	if (state->n_named == 1)
		return psprintf("what is beside %s",
						ts_target_names(state->selection.plan_id, 1,
										&state->way[state->named[0].first + state->named[0].top].target_id));
	return psprintf("the other children of %s",
					ts_target_names(state->selection.plan_id, 1, &state->group_parent[group_no]));
}

/* The first 20 targets of a group that fit */
static char *
list_leaves(const adjust_state *state, const adjust_group *group, bool negative)
{
	int64	   *ids = palloc_extended(sizeof(int64) * ((Size) group->n + 1), MCXT_ALLOC_HUGE);
	int			n = 0;

	for (int32 i = 0; i < group->n; i++)
	{
		const adjust_node *node = &state->nodes[group->node[i]];

		if (negative ? node->n_loaded == 0 && node->before < 0 && group->weight[i] > 0 :
			group->parent[i] < 0)
			ids[n++] = node->target_id;
	}
	return ts_target_names(state->selection.plan_id, n, ids);
}

/* Shares a change over a group's leaves of one sign or both */
static void
share_group(adjust_state *state, adjust_group *group, int group_no, ts_int128 change, bool may_flip, adjust_sign sign)
{
	bool		up = change > 0;
	ts_int128	whole = 0;
	ts_int128	room;

	if (change == 0)
		return;
	for (int32 i = 0; i < group->n; i++)
	{
		const adjust_node *node = &state->nodes[group->node[i]];

		CHECK_FOR_INTERRUPTS();
		group->room[i] = 0;
		group->weight[i] = node->n_loaded == 0 && takes_part(state, node, sign) ? size_of(node->before) : 0;
		whole += node->locked ? 0 : group->weight[i];
	}
	if (whole == 0)
	{
		bool		any = false;

		for (int32 i = 0; i < group->n && !any; i++)
			any = state->nodes[group->node[i]].n_loaded == 0 && !state->nodes[group->node[i]].locked &&
				takes_part(state, &state->nodes[group->node[i]], sign);
		if (group->n == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("all children of %s are adjusted, none is left to absorb the change of %s",
							ts_target_names(state->selection.plan_id, 1, &state->group_parent[group_no]),
							units_text(state, change)),
					 errhint("Let the change go further up: absorb => 'root'")));
		if (!any)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("nothing in %s can take the change of %s", group_name(state, group_no), units_text(state, change)),
					 errdetail(state->has_carriers ? "All of it is locked, or outside of the slice carried_by: %s." :
							   "All of it is locked: %s.", list_leaves(state, group, false)),
					 group_no > 0 ? errhint("Let the change go further up: absorb => 'root'") :
					 errhint("To unlock the first: SELECT * FROM target_split.unlock_target(" INT64_FORMAT ");",
							 state->named[0].target_id)));
		if (!state->equal_zero)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("%s that could take the change of %s is 0",
							group_no > 0 ? "everything beside them" : "everything", units_text(state, change)),
					 errdetail("There are no shares to keep: %s.", list_leaves(state, group, false)),
					 errhint("Share it equally: on_zero => 'equal'")));
		(void) measure(state, group, up, true, sign, true);
		weigh_equally(state, group);
		for (int32 i = 0; i < group->n; i++)
			group->room[i] = 0;
		may_flip = true;
	}
	room = measure(state, group, up, may_flip, sign, false);
	if (room < size_of(change))
	{
		int64		locked;
		char	   *held = list_held(state, group, up, may_flip, &locked);

		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s cannot change by %s", group_name(state, group_no), units_text(state, change)),
				 errdetail("It can change by %s, %s too little: %s.", units_text(state, up ? room : -room),
						   units_text(state, size_of(change) - room), held),
				 locked ?
				 errhint("To unlock the first: SELECT * FROM target_split.unlock_target(" INT64_FORMAT ");",
						 locked) :
				 group_no > 0 ? errhint("Let the change go further up: absorb => 'root'") : 0));
	}
	share_tree(group, size_of(change));
	for (int32 i = 0; i < group->n; i++)
		state->nodes[group->node[i]].change += up ? group->share[i] : -group->share[i];
}

/* Lays out a group's nodes; parents come before their children already */
static void
gather_group(adjust_state *state, int group_no, adjust_group *group)
{
	int32	   *place = palloc_extended(sizeof(int32) * (Size) Max(state->n, 1), MCXT_ALLOC_HUGE);
	int32		n = 0;

	for (int32 i = 0; i < state->n; i++)
		if (state->nodes[i].group == group_no)
			n++;
	group->node = MemoryContextAllocHuge(state->context, sizeof(int32) * (Size) Max(n, 1));
	group->parent = MemoryContextAllocHuge(state->context, sizeof(int32) * (Size) Max(n, 1));
	group->weight = MemoryContextAllocHuge(state->context, sizeof(ts_int128) * (Size) Max(n, 1));
	group->room = MemoryContextAllocHuge(state->context, sizeof(ts_int128) * (Size) Max(n, 1));
	group->share = MemoryContextAllocHuge(state->context, sizeof(ts_int128) * (Size) Max(n, 1));
	group->n = 0;
	for (int32 i = 0; i < state->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (state->nodes[i].group != group_no)
			continue;
		place[i] = group->n;
		group->node[group->n] = i;
		group->parent[group->n++] = state->nodes[i].parent < 0 ? -1 : place[state->nodes[i].parent];
	}
	pfree(place);
}

/* Sums of the leaves above and below zero */
static void
sum_leaves(const adjust_state *state, const adjust_group *group, bool part_only,
		   ts_int128 *positive, ts_int128 *negative)
{
	*positive = *negative = 0;
	for (int32 i = 0; i < group->n; i++)
	{
		const adjust_node *node = &state->nodes[group->node[i]];

		if (node->n_loaded > 0 ||
			(part_only && (node->locked || !takes_part(state, node, BOTH_SIGNS))))
			continue;
		if (node->before > 0)
			*positive += node->before;
		else
			*negative += node->before;
	}
}

/* What a sum becomes by growth, in units, rounded half away from zero */
static ts_int128
grown(const adjust_state *state, ts_int128 sum)
{
	const ts_quantum one = {1, 0};
	Datum		factor = DirectFunctionCall2(numeric_add, state->growth,
											 DirectFunctionCall1(int4_numeric, Int32GetDatum(1)));
	Datum		product = DirectFunctionCall2(numeric_mul, ts_scaled_to_numeric(sum, 0), factor);

	return ts_units_from_numeric(DirectFunctionCall2(numeric_round, product, Int32GetDatum(0)), &one, "amount");
}

/* Shares a change over one group */
static void
settle_group(adjust_state *state, int group_no, ts_int128 change)
{
	adjust_group group;
	ts_int128	positive;
	ts_int128	negative;
	ts_int128	sum = 0;
	bool		may_flip = false;

	gather_group(state, group_no, &group);
	sum_leaves(state, &group, true, &positive, &negative);
	if (group_no == 0)
	{
		for (int32 i = 0; i < group.n && group.parent[i] < 0; i++)
			sum += state->nodes[group.node[i]].before;
		/* whoever asks for another sign gets it */
		may_flip = sum == 0 || (sum + change != 0 && (sum > 0) != (sum + change > 0));
	}
	if (positive != 0 && negative != 0)
	{
		if (group_no == 0 && state->by_growth)
		{
			ts_int128	part;

			sum_leaves(state, &group, false, &positive, &negative);
			part = grown(state, negative) - negative;
			share_group(state, &group, group_no, change - part, false, POSITIVE);
			share_group(state, &group, group_no, part, false, NEGATIVE);
			return;
		}
		if (!state->absolute && change != 0)
		{
			for (int32 i = 0; i < group.n; i++)
			{
				const adjust_node *node = &state->nodes[group.node[i]];

				group.weight[i] = node->n_loaded == 0 && !node->locked && takes_part(state, node, BOTH_SIGNS);
			}
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("%s has amounts above and below zero, which have no shares of a change of %s",
							group_name(state, group_no), units_text(state, change)),
					 errdetail("Below zero: %s.", list_leaves(state, &group, true)),
					 errhint("Share it by the size of the amounts, whatever their sign: on_negative => 'absolute'")));
		}
	}
	share_group(state, &group, group_no, change, may_flip || (state->absolute && positive != 0 && negative != 0),
				BOTH_SIGNS);
}

/* The change of all named targets together */
static ts_int128
wanted_change(adjust_state *state, FunctionCallInfo fcinfo)
{
	ts_int128	sum = 0;
	ts_int128	all = 0;
	ts_int128	change;

	for (int i = 0; i < state->n_named; i++)
		sum += state->nodes[i].before;
	if (!PG_ARGISNULL(ARG_ADD))
		change = ts_units_from_numeric(PG_GETARG_DATUM(ARG_ADD), &state->selection.quantum, "add");
	else if (!PG_ARGISNULL(ARG_AMOUNT))
		change = ts_units_from_numeric(PG_GETARG_DATUM(ARG_AMOUNT), &state->selection.quantum, "amount") - sum;
	else
		change = grown(state, sum) - sum;
	/* the new sum is an amount like any other */
	all = sum + change;
	(void) ts_units_from_numeric(units_out(state, all), &state->selection.quantum, "amount");
	return change;
}

/* Adds the change of a named target to all on its way up to its top */
static void
go_up(adjust_state *state)
{
	for (int i = 0; i < state->n_named; i++)
	{
		const adjust_named *named = &state->named[i];

		for (int j = named->top; j < named->n - 1; j++)
			state->nodes[find_node(state, state->way[named->first + j].target_id)].change +=
				state->nodes[named->node].change;
	}
	for (int32 i = 0; i < state->n; i++)
	{
		const adjust_node *node = &state->nodes[i];
		ts_int128	after = node->before + node->change;

		CHECK_FOR_INTERRUPTS();
		if (node->group >= 0 || node->change == 0)
			continue;
		if (node->locked)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("%s above is locked", node_name(state, i)),
					 errdetail("It is %s and would be %s.", units_text(state, node->before), units_text(state, after)),
					 errhint("To unlock it: SELECT * FROM target_split.unlock_target(" INT64_FORMAT ", scope => 'target');",
							 node->target_id)));
		if ((node->has_most && after > node->most) || (node->has_least && after < node->least))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("%s above would leave its bounds", node_name(state, i)),
					 errdetail("It is %s and would be %s, which is %s %s.", units_text(state, node->before),
							   units_text(state, after),
							   node->has_most && after > node->most ?
							   psprintf("%s more than", units_text(state, after - node->most)) :
							   psprintf("%s less than", units_text(state, node->least - after)),
							   units_text(state, node->has_most && after > node->most ? node->most : node->least))));
	}
}

/* A group's change is the opposite of what the tops under its parent change by */
static ts_int128
absorbed_change(const adjust_state *state, int group_no)
{
	ts_int128	change = 0;
	int64	   *tops = palloc(sizeof(int64) * state->n_named);
	int			n = 0;

	for (int i = 0; i < state->n_named; i++)
		tops[n++] = state->way[state->named[i].first + state->named[i].top].target_id;
	n = distinct_ids(tops, n);
	for (int i = 0; i < n; i++)
	{
		const adjust_node *top = &state->nodes[find_node(state, tops[i])];

		if (top->parent_id == state->group_parent[group_no])
			change -= top->change;
	}
	pfree(tops);
	return change;
}

static void
solve(adjust_state *state, FunctionCallInfo fcinfo)
{
	ts_int128	change = wanted_change(state, fcinfo);

	if (state->n_named == 1 && state->nodes[0].locked && change != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s is locked", node_name(state, 0)),
				 errdetail("It is %s and would be %s.", units_text(state, state->nodes[0].before),
						   units_text(state, state->nodes[0].before + change)),
				 errhint("Unlock it first: SELECT * FROM target_split.unlock_target(" INT64_FORMAT ");",
						 state->nodes[0].target_id)));
	for (int i = 0; i < state->n_named; i++)
		if (strcmp(state->absorb, "root") != 0 && state->named[i].top == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("%s is the overall target and has no siblings that could absorb a change",
							node_name(state, find_node(state, state->way[state->named[i].first].target_id))),
					 errhint("absorb => 'root'")));
	settle_group(state, 0, change);
	go_up(state);
	for (int group = 1; group < state->n_groups; group++)
		settle_group(state, group, absorbed_change(state, group));
}

/* ---------------------------------------------------------------- writing */

/* Puts the changed targets, with their new amounts, into a tuplestore */
static Tuplestorestate *
list_changes(adjust_state *state, TupleDesc *desc, int64 *n_changed)
{
	Tuplestorestate *store = tuplestore_begin_heap(true, false, work_mem);
	MemoryContext row_context = AllocSetContextCreate(state->context, "target_split adjust row",
													  ALLOCSET_SMALL_SIZES);
	MemoryContext old;
	Datum		roles[4];

	*desc = CreateTemplateTupleDesc(5);
	TupleDescInitEntry(*desc, 1, "target_id", INT8OID, -1, 0);
	TupleDescInitEntry(*desc, 2, "amount", NUMERICOID, -1, 0);
	TupleDescInitEntry(*desc, 3, "role", TEXTOID, -1, 0);
	TupleDescInitEntry(*desc, 4, "locked", BOOLOID, -1, 0);
	TupleDescInitEntry(*desc, 5, "by_hand", BOOLOID, -1, 0);
	for (int i = 0; i < 4; i++)
		roles[i] = CStringGetTextDatum(role_names[i]);
	*n_changed = 0;
	old = MemoryContextSwitchTo(row_context);
	for (int32 i = 0; i < state->n; i++)
	{
		const adjust_node *node = &state->nodes[i];
		Datum		values[5];
		bool		nulls[5] = {false};

		CHECK_FOR_INTERRUPTS();
		if (node->change == 0)
			continue;
		values[0] = Int64GetDatum(node->target_id);
		values[1] = units_out(state, node->before + node->change);
		values[2] = roles[node->role];
		values[3] = BoolGetDatum(node->was_locked);
		values[4] = BoolGetDatum(node->by_hand);
		tuplestore_putvalues(store, *desc, values, nulls);
		MemoryContextReset(row_context);
		(*n_changed)++;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row_context);
	return store;
}

static void
write_changes(adjust_state *state, Tuplestorestate *result)
{
	ts_args		args = {0};
	TupleDesc	desc;
	int64		n_changed;
	Tuplestorestate *store = list_changes(state, &desc, &n_changed);

	ts_register_rows("new_amount", store, desc, n_changed);
	ts_arg_int4(&args, state->selection.plan_id);
	if (n_changed > 0)
		ts_put_query(result, "SELECT t.target_id, t.parent_id, t.depth::pg_catalog.int4, t.level, t.slice, t.period,"
					 " t.amount, n.amount, n.amount - t.amount, n.role"
					 " FROM new_amount n JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.target_id = n.target_id"
					 " ORDER BY t.depth, t.target_id", &args, false);
	if (n_changed > 0 && !state->preview)
	{
		/* the guard lets nobody change a locked target, us neither */
		if (!state->keep_locks)
			(void) ts_run_keyed("UPDATE " TS_SCHEMA ".target t SET locked = false FROM new_amount n"
								" WHERE t.plan_id = $1 AND t.target_id = n.target_id AND n.locked", &args);
		if (ts_run_keyed("UPDATE " TS_SCHEMA ".target t SET amount = n.amount, locked = n.locked,"
						 " adjusted = t.adjusted OR n.by_hand FROM new_amount n"
						 " WHERE t.plan_id = $1 AND t.target_id = n.target_id", &args) != (uint64) n_changed)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("role \"%s\" cannot change all targets that the adjustment reaches",
							GetUserNameFromId(GetUserId(), false)),
					 errhint(HINT_HIDDEN)));
	}
	SPI_unregister_relation("new_amount");
	tuplestore_end(store);
}

/* ---------------------------------------------------------------- margins */

/* The split that made all named targets, which must be by margins */
typedef struct adjust_margins
{
	int64		target_id;		/* that it is for */
	Datum		by;				/* text[] */
} adjust_margins;

/*
 * Finds that split, and locks what it may change, with all above, in the order of
 * ids
 */
static void
find_margins(adjust_state *state, adjust_margins *margins)
{
	ts_args		args = {0};
	uint64		n;

	ts_arg_int4(&args, state->selection.plan_id);
	ts_arg_int8_array(&args, state->selection.n, state->selection.target_ids);
	n = ts_run("SELECT DISTINCT s.target_id, s.by_levels, s.method FROM " TS_SCHEMA ".target t"
			   " LEFT JOIN " TS_SCHEMA ".split s ON s.plan_id = t.plan_id AND s.split_id = t.split_id"
			   " WHERE t.plan_id = $1 AND t.target_id = ANY ($2)", &args, false);
	if (n != 1 || ts_isnull(0, 3) || strcmp(ts_text(0, 3, state->context), "margins") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 n > 1 ? errmsg("the targets were made by several splits, whose margins cannot absorb a change together") :
				 errmsg("%s was made by no split with margins", ts_target_names(state->selection.plan_id, 1, state->selection.target_ids)),
				 errhint("absorb => 'siblings'")));
	margins->target_id = ts_int8(0, 1);
	margins->by = ts_datum_copy(0, 2, state->context);
	if (state->preview)
		return;
	memset(&args, 0, sizeof(args));
	ts_arg_int4(&args, state->selection.plan_id);
	ts_arg_int8(&args, margins->target_id);
	(void) ts_run("WITH RECURSIVE up AS ("
				  "SELECT t.target_id, t.parent_id FROM " TS_SCHEMA ".target t WHERE t.plan_id = $1 AND t.target_id = $2"
				  " UNION ALL "
				  "SELECT t.target_id, t.parent_id FROM up JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.target_id = up.parent_id),"
				  " down AS ("
				  "SELECT t.target_id FROM " TS_SCHEMA ".target t WHERE t.plan_id = $1 AND t.target_id = $2"
				  " UNION ALL "
				  "SELECT t.target_id FROM down JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.parent_id = down.target_id)"
				  " SELECT t.target_id FROM " TS_SCHEMA ".target t WHERE t.plan_id = $1"
				  " AND t.target_id IN (SELECT up.target_id FROM up UNION SELECT down.target_id FROM down)"
				  " ORDER BY t.target_id FOR NO KEY UPDATE", &args, false);
}

/* The named targets share their change; then their split is made again around them */
static void
adjust_within_margins(adjust_state *state, FunctionCallInfo fcinfo, const adjust_margins *margins, Tuplestorestate *result)
{
	ts_int128	change = wanted_change(state, fcinfo);
	int64	   *ids = palloc(sizeof(int64) * state->n_named);
	ts_int128  *amounts = palloc(sizeof(ts_int128) * state->n_named);

	if (change == 0)
		return;
	settle_group(state, 0, change);
	for (int i = 0; i < state->n_named; i++)
	{
		const adjust_node *node = &state->nodes[state->named[i].node];

		ids[i] = node->target_id;
		amounts[i] = node->before + node->change;
	}
	ts_resplit_around(margins->target_id, margins->by, state->n_named, ids, amounts, state->keep_locks, state->preview, result);
}

/* -------------------------------------------------------------- functions */

static Datum
adjust(FunctionCallInfo fcinfo, bool preview)
{
	static const char *const zero_words[] = {"error", "equal", NULL};
	static const char *const negative_words[] = {"error", "absolute", NULL};
	MemoryContext context;
	MemoryContext old;
	adjust_state *state;
	TupleDesc	desc;
	Tuplestorestate *result = ts_begin_rows(fcinfo, &desc);

	context = AllocSetContextCreate(CurrentMemoryContext, "target_split adjust", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	state = palloc0(sizeof(adjust_state));
	state->context = context;
	state->preview = preview;
	state->absorb = ts_text_argument(fcinfo, ARG_ABSORB, "absorb");
	ts_require(fcinfo, ARG_KEEP_LOCKS, "keep_locks");
	state->keep_locks = PG_GETARG_BOOL(ARG_KEEP_LOCKS);
	state->equal_zero = strcmp(ts_word_argument(fcinfo, ARG_ON_ZERO, "on_zero", zero_words), "equal") == 0;
	state->absolute = strcmp(ts_word_argument(fcinfo, ARG_ON_NEGATIVE, "on_negative", negative_words), "absolute") == 0;
	if (!PG_ARGISNULL(ARG_AMOUNT) + !PG_ARGISNULL(ARG_GROWTH) + !PG_ARGISNULL(ARG_ADD) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("exactly one of amount, growth and add must be given"),
				 errhint("For example growth => 0.05 for 5 %% more, or add => -1000.")));
	if (!PG_ARGISNULL(ARG_GROWTH))
	{
		Numeric		growth = PG_GETARG_NUMERIC(ARG_GROWTH);

		state->by_growth = true;
		state->growth = NumericGetDatum(growth);
		if (numeric_is_nan(growth) || numeric_is_inf(growth) ||
			DatumGetBool(DirectFunctionCall2(numeric_lt, state->growth,
											 DirectFunctionCall1(int4_numeric, Int32GetDatum(-1)))))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("growth must be at least -1, which is everything lost, not %s",
							DatumGetCString(DirectFunctionCall1(numeric_out, state->growth))),
					 errhint("5 %% less is growth => -0.05.")));
	}
	if (!preview)
		ts_reason_argument(fcinfo, ARG_REASON);

	ts_connect();
	MemoryContextSwitchTo(context);
	ts_select_targets(fcinfo, ARG_TARGET_ID, &state->selection, context);
	if (!PG_ARGISNULL(ARG_CARRIED_BY))
	{
		state->has_carriers = true;
		ts_slice_members_load(PG_GETARG_JSONB_P(ARG_CARRIED_BY), state->selection.plan_period,
							  &state->carriers, context);
	}
	if (strcmp(state->absorb, "margins") == 0)
	{
		adjust_margins margins;

		if (state->has_carriers)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("carried_by and absorb => 'margins' exclude each other"),
					 errdetail("Margins need all other parts of the split to make room."),
					 errhint("Leave out carried_by, and lock what is to stay.")));
		find_margins(state, &margins);
		load_and_lock(state);
		adjust_within_margins(state, fcinfo, &margins, result);
	}
	else
	{
		load_and_lock(state);
		solve(state, fcinfo);
		write_changes(state, result);
	}
	ts_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/*
 * adjust_target(target_id, plan, metric, slice, period, amount, growth, add,
 *				 absorb, carried_by, keep_locks, on_zero, on_negative, reason)
 *
 * Changes targets and all that has to change with them, and returns what
 * changed.
 */
Datum
target_split_adjust_target(PG_FUNCTION_ARGS)
{
	return adjust(fcinfo, false);
}

/* The same rows, and nothing is written or locked */
Datum
target_split_preview_adjust(PG_FUNCTION_ARGS)
{
	return adjust(fcinfo, true);
}
