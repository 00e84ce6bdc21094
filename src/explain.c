/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  explain_basis: the facts that the weight of a target comes from.
 *
 * Method
 *	  The splits on the way from the overall target down are weighed once more,
 *	  each under the target that it started from, in a tree from the one that its
 *	  call named, with all fallbacks allowed.
 *	  What is read of the basis, year by year and base by base, is counted for
 *	  every target on the way (split_history.c).
 *
 * Limits
 *	  Facts are those of now.  What a call cannot read any more (a relation with
 *	  weights that is gone, a member) is told in a row, and is no error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/tuplestore.h"

#include "plan.h"
#include "query.h"
#include "split.h"
#include "target_split.h"

PG_FUNCTION_INFO_V1(target_split_explain_basis);

/* Columns of the result, in the order of the SQL declaration */
enum
{
	COL_TARGET_ID,
	COL_SPLIT_ID,
	COL_METRIC,
	COL_PLAN,
	COL_BASIS,
	COL_LAG,
	COL_FACTOR,
	COL_FACTS,
	COL_AMOUNT,
	COL_PROBLEM,
	N_COLUMNS
};

/* A target on the way down from the overall one */
typedef struct explain_step
{
	int64		target_id;
	int64		split_id;		/* 0: none */
	int64		origin;			/* the first split that it replaces, or itself */
	int64		origin_id;		/* the target that this one named */
	ts_watch_step edge;
} explain_step;

/* Does a call read a basis? */
static bool
reads_basis(const ts_split *split)
{
	bool		reads = split->main.method->basis != TS_TAKES_NOT || split->main.n_terms > 0;

	for (int i = 0; i < split->n_axes; i++)
		reads |= split->level_term[i] != NULL;
	return reads;
}

/*
 * The tree of a split: from the target that its call named, steps[0], down to
 * the last of n steps, which it started from, with what is beside these
 */
static ts_tree *
load_tree(const explain_step *steps, int n, int32 plan_id, int n_dims, int32 *dimension_ids, MemoryContext context)
{
	ts_tree    *tree;
	ts_args		args = {0};
	int64	   *ids = palloc(sizeof(int64) * n);
	uint64		found;
	int32		up = 0;

	for (int i = 0; i < n; i++)
		ids[i] = steps[i].target_id;
	ts_arg_int4(&args, plan_id);
	ts_arg_int8_array(&args, n - 1, ids);
	found = n == 1 ? 0 : ts_run("SELECT DISTINCT m.dimension_id FROM target_split.target t JOIN target_split.member m"
								" ON m.member_id = t.member_id WHERE t.plan_id = $1 AND t.parent_id = ANY ($2)"
								" ORDER BY m.dimension_id", &args, true);
	for (uint64 row = 0; row < found; row++)
		n_dims = ts_dimension_add(ts_int4(row, 1), n_dims, dimension_ids);
	tree = ts_tree_load_alone(ids[0], n_dims, dimension_ids, context);
	for (int i = 1; i < n; i++)
	{
		ts_node    *nodes;
		int32		next = up;

		memset(&args, 0, sizeof(args));
		ts_arg_int4(&args, plan_id);
		ts_arg_int8(&args, ids[i - 1]);
		found = ts_run("SELECT t.target_id, t.member_id, t.period, t.amount, t.slice FROM target_split.target t"
					   " WHERE t.plan_id = $1 AND t.parent_id = $2 ORDER BY t.target_id", &args, true);
		nodes = MemoryContextAllocExtended(context, sizeof(ts_node) * found, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		for (uint64 row = 0; row < found; row++)
		{
			ts_node    *node = &nodes[row];
			bool		empty;

			node->target_id = ts_int8(row, 1);
			node->member_id = ts_int8(row, 2);
			node->parent = up;
			node->member = node->member_id == 0 ? -1 : ts_members_by_id(tree->members, node->member_id);
			ts_daterange_parts(ts_datum(row, 3), &node->from, &node->upto, &empty);
			node->amount = ts_datum_copy(row, 4, context);
			node->slice = ts_datum_copy(row, 5, context);
			if (node->target_id == ids[i])
				next = tree->n + (int32) row;
		}
		up = next;
		tree = ts_tree_deepen(tree, (int32) found, nodes, context);
	}
	return tree;
}

/* Weighs a split once more under the last of n steps, which it started from */
static void
weigh_again(const explain_step *steps, int n, int32 plan_id, int64 split_id, ts_watch *watch, MemoryContext context)
{
	static const struct
	{
		int			argument;
		const char *word;
	}			lenient[] = {
		{TS_SPLIT_ON_MISSING, "zero"}, {TS_SPLIT_ON_ZERO, "equal"}, {TS_SPLIT_ON_NEGATIVE, "zero"},
		{TS_SPLIT_ON_INCOMPLETE, "accept"}
	};
	NullableDatum args[TS_SPLIT_N_ARGUMENTS];
	bool		default_basis;
	int32		dimension_ids[TS_MAX_DIMENSIONS];
	int			n_dims;
	ts_split   *split;
	ts_split_nodes nodes = {0};

	if (!ts_record_read(plan_id, split_id, args, &default_basis, context))
		return;
	ts_record_drop_default(args, default_basis);
	args[TS_SPLIT_TARGET_ID].value = Int64GetDatum(steps[n - 1].target_id);
	for (int i = 0; i < (int) lengthof(lenient); i++)
		args[lenient[i].argument].value = CStringGetTextDatum(lenient[i].word);
	if (strcmp(TextDatumGetCString(args[TS_SPLIT_ON_UNASSIGNED].value), "error") == 0)
		args[TS_SPLIT_ON_UNASSIGNED].value = CStringGetTextDatum("spread");
	/* bounds say nothing about the basis */
	args[TS_SPLIT_BOUNDS].isnull = args[TS_SPLIT_BOUNDS_FROM].isnull = true;
	/* nor do margins: the seed is explained */
	if (!args[TS_SPLIT_MARGINS_FROM].isnull)
	{
		args[TS_SPLIT_MARGINS_FROM].isnull = true;
		args[TS_SPLIT_MARGINS].value = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
		args[TS_SPLIT_MARGINS].isnull = false;
	}
	ts_record_find_relations(split_id, args, 0, NULL);
	split = ts_split_begin(args, true, context);
	split->again = true;
	n_dims = ts_split_find_levels(split, DatumGetArrayTypeP(args[TS_SPLIT_BY].value), 0, dimension_ids);
	if (!reads_basis(split))
		return;
	split->tree = load_tree(steps, n, plan_id, n_dims, dimension_ids, context);
	split->n_leaves = 1;
	split->leaves = MemoryContextAllocZero(context, sizeof(int32));
	while (split->tree->nodes[split->leaves[0]].target_id != steps[n - 1].target_id)
		split->leaves[0]++;
	split->watch = watch;
	ts_split_weigh(split, &nodes);
}

/* The same; what fails is returned as a message and changes nothing */
static char *
try_to_weigh(const explain_step *steps, int n, int32 plan_id, int64 split_id, ts_watch *watch, MemoryContext context)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	char	   *volatile problem = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		weigh_again(steps, n, plan_id, split_id, watch, context);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(old);
		CurrentResourceOwner = owner;
		/* a cancelled query, no memory: not for us */
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN ||
			error->sqlerrcode == ERRCODE_OUT_OF_MEMORY)
			ReThrowError(error);
		problem = error->message;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
	return problem;
}

static bool
is_same_basis(const ts_watch_term *a, const ts_watch_term *b)
{
	return strcmp(a->metric, b->metric) == 0 && !a->plan == !b->plan && a->basis_from == b->basis_from &&
		a->basis_upto == b->basis_upto && a->lag == b->lag && a->factor == b->factor;
}

/* Rows for the targets that a split made on the way: the last of the watched ones */
static void
put_split(Tuplestorestate *store, TupleDesc desc, const explain_step *steps, int n, const ts_watch *watch, const char *problem)
{
	Datum		values[N_COLUMNS] = {0};
	bool		nulls[N_COLUMNS];

	for (int i = watch->n_steps - n; i < watch->n_steps; i++)
	{
		values[COL_TARGET_ID] = Int64GetDatum(steps[i].target_id);
		values[COL_SPLIT_ID] = Int64GetDatum(steps[i].split_id);
		if (problem)
		{
			memset(nulls, true, sizeof(nulls));
			nulls[COL_TARGET_ID] = nulls[COL_SPLIT_ID] = nulls[COL_PROBLEM] = false;
			values[COL_PROBLEM] = CStringGetTextDatum(problem);
			tuplestore_putvalues(store, desc, values, nulls);
			continue;
		}
		for (int j = 0; j < watch->n_terms; j++)
		{
			const ts_watch_term *term = &watch->terms[j];
			bool		again = term->facts[i] < 0;

			/* the same basis for two purposes, as in increment, is one */
			for (int k = 0; k < j && !again; k++)
				again = watch->terms[k].facts[i] >= 0 && is_same_basis(&watch->terms[k], term);
			if (again)
				continue;
			memset(nulls, false, sizeof(nulls));
			values[COL_METRIC] = CStringGetTextDatum(term->metric);
			nulls[COL_PLAN] = term->plan == NULL;
			if (term->plan)
				values[COL_PLAN] = CStringGetTextDatum(term->plan);
			values[COL_BASIS] = ts_daterange_make(term->basis_from, term->basis_upto);
			values[COL_LAG] = Int32GetDatum(term->lag);
			nulls[COL_FACTOR] = term->factor == (Datum) 0;
			values[COL_FACTOR] = term->factor;
			values[COL_FACTS] = Int64GetDatum(term->facts[i]);
			values[COL_AMOUNT] = term->amount[i];
			nulls[COL_PROBLEM] = true;
			tuplestore_putvalues(store, desc, values, nulls);
		}
	}
}

/*
 * explain_basis(target_id)
 *
 * A row for each target on the way down and each basis that its split reads.
 */
Datum
target_split_explain_basis(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Tuplestorestate *store = ts_begin_rows(fcinfo, &desc);
	MemoryContext context;
	MemoryContext old;
	ts_args		args = {0};
	explain_step *steps;
	int			n;
	int32		plan_id = 0;

	ts_require(fcinfo, 0, "target_id");
	context = AllocSetContextCreate(CurrentMemoryContext, "target_split explain", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	ts_connect();
	MemoryContextSwitchTo(context);
	ts_arg_int8(&args, PG_GETARG_INT64(0));
	n = (int) ts_run("WITH RECURSIVE way AS ("
					 "SELECT t.* FROM " TS_SCHEMA ".target t"
					 " WHERE t.plan_id = ANY (ARRAY(SELECT p.plan_id FROM " TS_SCHEMA ".plan p)) AND t.target_id = $1"
					 " UNION ALL "
					 "SELECT t.* FROM way w JOIN " TS_SCHEMA ".target t ON t.plan_id = w.plan_id AND t.target_id = w.parent_id)"
					 " SELECT w.target_id, COALESCE(w.split_id, 0), w.member_id, w.period, w.plan_id FROM way w ORDER BY w.depth", &args, true);
	if (n == 0)
		ts_no_target(PG_GETARG_INT64(0));
	steps = palloc0(sizeof(explain_step) * n);
	for (int i = 0; i < n; i++)
	{
		DateADT		upto;
		bool		empty;

		steps[i].target_id = ts_int8(i, 1);
		steps[i].split_id = ts_int8(i, 2);
		steps[i].edge.member_id = ts_int8(i, 3);
		ts_daterange_parts(ts_datum(i, 4), &steps[i].edge.from, &upto, &empty);
		plan_id = ts_int4(i, 5);
	}
	for (int i = 0; i < n; i++)
		steps[i].origin = ts_record_origin(plan_id, steps[i].split_id, &steps[i].origin_id);
	for (int first = 1, last, top = 0; first < n; first = last)
	{
		ts_watch   *watch = palloc0(sizeof(ts_watch));
		char	   *problem;
		int			named = 0;

		/* what was split again only in part started from where the whole did */
		if (steps[first].origin != steps[first - 1].origin)
			top = first - 1;
		for (last = first; last < n && steps[last].split_id == steps[first].split_id;)
			last++;
		if (steps[first].split_id == 0)
			continue;
		/* it may have been moved away from there */
		while (named < top && steps[named].target_id != steps[first].origin_id)
			named++;
		watch->n_steps = last - named - 1;
		watch->steps = palloc(sizeof(ts_watch_step) * watch->n_steps);
		for (int i = 0; i < watch->n_steps; i++)
			watch->steps[i] = steps[named + 1 + i].edge;
		problem = try_to_weigh(&steps[named], top - named + 1, plan_id, steps[first].split_id, watch, context);
		put_split(store, desc, &steps[named + 1], last - first, watch, problem);
	}
	ts_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
