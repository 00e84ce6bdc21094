/*-------------------------------------------------------------------------
 *
 * apportion.c
 *	  SQL functions apportion, apportion_tree and apportion_array: an amount
 *	  shared by weights, exact to the last unit.
 *
 * Glossary (see also engine/units.h, engine/apportion.c)
 *	  participant	a row whose weight is not NULL
 *	  narrow		weights fit 64-bit integers at one decimal scale, as those
 *					of a numeric(p,s) column do
 *
 * Method
 *	  The window functions read the whole partition when its first row is
 *	  asked for, keep the shares in an array, and then hand out one share a
 *	  row.  Reading is one forward pass: a tuplestore that has spilled to disk
 *	  goes back slowly, row by row.  No mark is ever set, since trimming such a
 *	  tuplestore is slow, too.
 *	  What must be the same in each row of the partition (amount, quantum) is
 *	  compared when the row is handed out, which costs no access to the
 *	  tuplestore.
 *
 * Memory, outside work_mem
 *	  apportion: 16 bytes a row at the peak and 8 afterwards; where weights do
 *	  not fit 64 bits 24 and 8; where shares do not 32 and 16.  With bounds 53
 *	  bytes a row at the peak, 69 where there are both kinds, and 16 afterwards.
 *	  One bit a row if there is a NULL weight.  apportion_tree: about 75 bytes a node at the
 *	  peak (where siblings do not come in order a little more), 20 a node and 4 a row
 *	  afterwards.
 *
 * Limits
 *	  2^31 - 2 rows in a partition, which is as far as window functions can
 *	  count; as many nodes in a tree.  A tie at the cut makes the function look
 *	  up two rows; in a partition that has spilled to disk the tuplestore goes
 *	  back to them row by row, which may take as long again as the whole call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/typcache.h"

#include "engine/apportion.h"
#include "engine/bounded.h"
#include "partition.h"

PG_FUNCTION_INFO_V1(target_split_apportion);
PG_FUNCTION_INFO_V1(target_split_apportion_tree);
PG_FUNCTION_INFO_V1(target_split_apportion_array);

/* argument numbers */
#define ARG_AMOUNT		0
#define ARG_WEIGHT		1
#define ARG_QUANTUM		2		/* of apportion */
#define ARG_AT_LEAST	3
#define ARG_AT_MOST		4
#define ARG_PATH		2		/* of apportion_tree */
#define ARG_TREE_QUANTUM 3

/*
 * What is the same for every row of a partition, from its first row
 */
typedef struct partition_amount
{
	bool		amount_isnull;
	bool		amount_varies;	/* not a constant: compare in each row */
	Datum		amount;
	ts_quantum_argument quantum_arg;
	ts_int128	units;
	ts_quantum	quantum;
} partition_amount;

/* apportion's state for one partition */
typedef struct apportion_state
{
	bool		loaded;
	partition_amount common;
	int64	   *share64;		/* one of the two is set */
	ts_int128  *share128;
	bits8	   *excluded;		/* bit i: row i has a NULL weight; may be NULL */
} apportion_state;

/* apportion_tree's state for one partition */
typedef struct tree_state
{
	bool		loaded;
	partition_amount common;
	int			depth;			/* number of levels */
	int32	   *leaf;			/* by row: its node, -1 for a NULL weight */
	int32	   *parent;			/* by node */
	ts_int128  *share;			/* by node */
} tree_state;

/*
 * Nodes of a tree while the rows' paths are read; arrays by node, capacity
 * long
 */
typedef struct tree_builder
{
	WindowObject winobj;
	MemoryContext context;		/* the partition's */
	TypeCacheEntry *element;
	Oid			collation;
	int			depth;
	int		   *direction;		/* by level: sign of the siblings' order */
	bool		hashed;			/* siblings are told apart by a hash table */
	size_t		n;
	size_t		capacity;
	int32	   *parent;
	int32	   *first_row;
	ts_int128  *weight;
	uint64	   *hash;			/* these only where hashed */
	int32	   *table;			/* node + 1, 0 if empty */
	size_t		table_mask;
} tree_builder;

/* one row's path: depth elements */
typedef struct tree_path
{
	Datum	   *values;
	bool	   *isnull;
} tree_path;

/*
 * Read amount and quantum from the partition's first row, which is current
 *
 * An amount that is NULL means that there is nothing to share out yet: the
 * partition's shares are NULL.
 */
static void
load_amount(FunctionCallInfo fcinfo, WindowObject winobj,
			MemoryContext context, int quantum_arg, partition_amount *common)
{
	MemoryContext old;
	Datum		amount;
	bool		isnull;

	common->amount_varies = ts_argument_varies(fcinfo, ARG_AMOUNT);
	common->quantum_arg.argno = quantum_arg;
	ts_read_quantum(fcinfo, winobj, context, &common->quantum_arg,
					&common->quantum);

	amount = WinGetFuncArgCurrent(winobj, ARG_AMOUNT, &isnull);
	common->amount_isnull = isnull;
	if (!isnull)
		common->units = ts_units_from_numeric(amount, &common->quantum,
											  "amount");

	old = MemoryContextSwitchTo(context);
	if (common->amount_varies && !isnull)
		common->amount = PointerGetDatum(PG_DETOAST_DATUM_COPY(amount));
	MemoryContextSwitchTo(old);
}

/*
 * Refuse a current row whose amount or quantum is not that of the first
 */
static void
check_amount(WindowObject winobj, const partition_amount *common)
{
	Datum		value;
	bool		isnull;

	if (common->amount_varies)
	{
		value = WinGetFuncArgCurrent(winobj, ARG_AMOUNT, &isnull);
		if (isnull != common->amount_isnull ||
			(!isnull && !ts_same_numeric(value, common->amount)))
			ts_report_varying("amount", winobj,
						   common->amount_isnull ? "null" : ts_numeric_text(common->amount),
						   isnull ? "null" : ts_numeric_text(value));
	}
	ts_check_quantum(winobj, &common->quantum_arg);
}

/*
 * Turn what the engine says into an error; participants: number of weights
 * that are not NULL
 */
static void
check_status(ts_status status, int64 participants, const ts_quantum *quantum,
			 ts_int128 units)
{
	switch (status)
	{
		case TS_OK:
			return;
		case TS_ALL_ZERO:
			if (participants == 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("there is no weight to share the amount by"),
						 errdetail("The amount is %s and every weight is null.",
								   ts_numeric_text(ts_units_to_numeric(units, quantum))),
						 errhint("Use coalesce(weight, 1) to share it equally.")));
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("all weights are zero"),
					 errdetail("The amount is %s and the number of weights " INT64_FORMAT ".",
							   ts_numeric_text(ts_units_to_numeric(units, quantum)),
							   participants),
					 errhint("Use 1 as the weight to share it equally.")));
			break;
		case TS_TOO_LARGE:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many rows or weights too large to add up")));
			break;
		case TS_NEGATIVE_WEIGHT:
		case TS_BAD_TREE:
		case TS_CROSSED_BOUNDS:
		case TS_BELOW_BOUNDS:
		case TS_ABOVE_BOUNDS:
		case TS_ONLY_ZERO_WEIGHTS:
			break;
	}
	elog(ERROR, "unexpected status %d of the engine", (int) status);
}

/*
 * Refuse a tie at the cut between rows that ORDER BY does not tell apart:
 * which one gets the unit would depend on the query plan.
 */
static void
check_tie(WindowObject winobj, int64 last_chosen, int64 first_not_chosen,
		  const ts_quantum *quantum)
{
	Datum		weight;
	bool		isnull;
	bool		isout;

	/* the later row first: the partition has been read to its end */
	if (!WinRowsArePeers(winobj, first_not_chosen, last_chosen))
		return;
	weight = WinGetFuncArgInPartition(winobj, ARG_WEIGHT, (int) last_chosen,
									  WINDOW_SEEK_HEAD, false, &isnull, &isout);
	ereport(ERROR,
			(errcode(ERRCODE_WINDOWING_ERROR),
			 errmsg("ORDER BY does not decide which row gets the last unit"),
			 errdetail("Rows " INT64_FORMAT " and " INT64_FORMAT " have the same weight %s and are equal in ORDER BY; only one of them can get the last %s.",
					   last_chosen + 1, first_not_chosen + 1,
					   isnull ? "null" : ts_numeric_text(weight),
					   ts_numeric_text(ts_units_to_numeric(1, quantum))),
			 errhint("Add a column that tells the rows apart to the window's ORDER BY, for example OVER (ORDER BY id).")));
}

/*
 * Note that a row has a NULL weight
 */
static void
exclude_row(apportion_state *state, MemoryContext context, int64 nrows,
			int64 row)
{
	if (state->excluded == NULL)
		state->excluded = MemoryContextAllocZero(context, nrows / 8 + 1);
	state->excluded[row / 8] |= 1 << (row % 8);
}

static inline bool
is_excluded(const apportion_state *state, int64 row)
{
	return state->excluded != NULL &&
		(state->excluded[row / 8] & (1 << (row % 8))) != 0;
}

/*
 * Read the partition's weights and share the amount by them
 */
static void
load_shares(WindowObject winobj, apportion_state *state,
			MemoryContext context)
{
	int64		nrows = ts_count_rows(winobj);
	ts_int128	units = state->common.units;
	bool		narrow_units = units <= PG_INT64_MAX && units >= -PG_INT64_MAX;
	ts_weight_reader reader;
	ts_status	status = TS_TOO_LARGE;
	ts_cut		cut = {0};
	int64		i;

	ts_start_reading(&reader, winobj, ARG_WEIGHT, "weight", context, nrows,
					 narrow_units);
	for (i = 0; i < nrows; i++)
	{
		if (unlikely(!ts_read_weight(&reader, i)))
			exclude_row(state, context, nrows, i);
	}
	ts_finish_reading(&reader);

	if (reader.narrow != NULL)
	{
		state->share64 = ts_alloc_rows(context, nrows, sizeof(int64));
		status = ts_apportion64(nrows, reader.narrow, (int64) units,
								state->share64, &cut, ts_check_for_interrupts);
		if (status == TS_TOO_LARGE)
		{
			/* each weight fits 64 bits, but not their sum */
			pfree(state->share64);
			state->share64 = NULL;
			ts_widen_weights(&reader, nrows);
			pfree(reader.scale);
		}
		else
			pfree(reader.narrow);
	}
	if (reader.wide != NULL)
	{
		if (narrow_units)
			state->share64 = ts_alloc_rows(context, nrows, sizeof(int64));
		else
			state->share128 = ts_alloc_rows(context, nrows, sizeof(ts_int128));
		status = ts_apportion128(nrows, reader.wide, units, state->share64,
								 state->share128, &cut, ts_check_for_interrupts);
		pfree(reader.wide);
	}
	check_status(status, reader.participants, &state->common.quantum, units);
	if (cut.tied)
		check_tie(winobj, cut.last_chosen, cut.first_not_chosen,
				  &state->common.quantum);
}

/*
 * The lower or the upper bounds of a partition while they are read
 */
typedef struct bound_reader
{
	bool		upper;
	bool		varies;			/* not a constant: read it in each row */
	bool		isnull;			/* a constant: is there none? */
	ts_int128	value;			/* a constant: units */
	int64		n_bounds;		/* rows read that have one */
	ts_int128  *values;			/* by row, units; NULL before the first bound */
} bound_reader;

static inline int
bound_argument(const bound_reader *reader)
{
	return reader->upper ? ARG_AT_MOST : ARG_AT_LEAST;
}

/* the units of a bound; false if it bounds nothing */
static inline bool
bound_units(const bound_reader *reader, Datum bound, const ts_quantum *quantum,
			ts_int128 *units)
{
	return ts_bound_from_numeric(bound, quantum, reader->upper,
								 reader->upper ? "at_most" : "at_least", units);
}

/*
 * Prepare to read bounds at the first row, which is current; false if no row
 * can have one
 */
static bool
start_bounds(FunctionCallInfo fcinfo, WindowObject winobj, bool upper,
			 const ts_quantum *quantum, bound_reader *reader)
{
	memset(reader, 0, sizeof(*reader));
	reader->upper = upper;
	reader->varies = ts_argument_varies(fcinfo, bound_argument(reader));
	if (!reader->varies)
	{
		Datum		bound = WinGetFuncArgCurrent(winobj, bound_argument(reader),
												 &reader->isnull);

		if (!reader->isnull)
			reader->isnull = !bound_units(reader, bound, quantum,
										  &reader->value);
	}
	return reader->varies || !reader->isnull;
}

/*
 * Read the bound of a row; one that takes no part has none
 */
static inline void
read_bound(const apportion_state *state, const ts_weight_reader *rows,
		   bound_reader *reader, int64 row)
{
	bool		isnull = reader->isnull;
	ts_int128	units = reader->value;
	int64		i;

	if (is_excluded(state, row))
		return;
	if (reader->varies)
	{
		Datum		bound = ts_argument_of_row(rows->winobj, bound_argument(reader),
											row, rows->scratch, &isnull);

		if (!isnull)
			isnull = !bound_units(reader, bound, &state->common.quantum, &units);
	}
	if (isnull)
		return;
	if (reader->n_bounds++ == 0)
	{
		reader->values = ts_alloc_rows(rows->context, rows->nrows,
									sizeof(ts_int128));
		for (i = 0; i < rows->nrows; i++)
			reader->values[i] = reader->upper ? TS_NO_UPPER : TS_NO_LOWER;
	}
	reader->values[row] = units;
}

/*
 * Read weights and bounds
 *
 * Reading the row again that was read last makes the tuplestore step forth and
 * back.  So the arguments take turns in blocks of rows: weights forwards,
 * floors backwards, ceilings forwards.
 */
static void
read_bounded_rows(apportion_state *state, ts_weight_reader *rows,
				  bound_reader *at_least, bound_reader *at_most)
{
	int64		start;
	int64		end;
	int64		i;

	for (start = 0; start < rows->nrows; start = end)
	{
		end = Min(start + TS_BLOCK_ROWS, rows->nrows);
		for (i = start; i < end; i++)
		{
			if (unlikely(!ts_read_weight(rows, i)))
				exclude_row(state, rows->context, rows->nrows, i);
		}
		for (i = end - 1; i >= start; i--)
			read_bound(state, rows, at_least, i);
		for (i = start; i < end; i++)
			read_bound(state, rows, at_most, i);
	}
}

/*
 * Refuse a row between whose bounds there is nothing
 */
static void
report_crossed(WindowObject winobj, int64 row, const ts_quantum *quantum)
{
	Datum		value[2];
	int			i;

	for (i = 0; i < 2; i++)
	{
		bool		isnull;
		bool		isout;

		value[i] = WinGetFuncArgInPartition(winobj, ARG_AT_LEAST + i, (int) row,
											WINDOW_SEEK_HEAD, false,
											&isnull, &isout);
		/* the tuple that it may point into is in a slot that is used again */
		value[i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(value[i]));
	}
	if (DatumGetBool(DirectFunctionCall2(numeric_gt, value[0], value[1])))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("at_least is greater than at_most"),
				 errdetail("In row " INT64_FORMAT " at_least is %s and at_most is %s.",
						   row + 1, ts_numeric_text(value[0]), ts_numeric_text(value[1])),
				 errhint("Use at_least => least(at_least, at_most) where the ceiling counts, or at_most => greatest(at_least, at_most) where the floor does.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("no multiple of the quantum is between at_least and at_most"),
			 errdetail("In row " INT64_FORMAT " at_least is %s and at_most is %s; the quantum is %s.",
					   row + 1, ts_numeric_text(value[0]), ts_numeric_text(value[1]),
					   ts_numeric_text(ts_units_to_numeric(1, quantum))),
			 errhint("Use a finer quantum, or bounds further apart.")));
}

/*
 * Say why there are no shares within the bounds
 *
 * missing_bounds: some rows have no bound of the kind that status is about.
 */
static void
report_infeasible(ts_status status, const ts_bounds_report *why,
				  const ts_quantum *quantum, bool missing_bounds)
{
	char	   *amount = ts_numeric_text(ts_units_to_numeric(why->total, quantum));
	char	   *sum = ts_numeric_text(ts_units_to_numeric(why->sum, quantum));
	char	   *shortfall = ts_numeric_text(ts_units_to_numeric(why->shortfall, quantum));

	if (status == TS_ONLY_ZERO_WEIGHTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("only rows with weight zero could take the rest of the amount"),
				 why->sum < why->total ?
				 errdetail("The amount is %s; within their bounds the rows can take %s at most, and %s is left over.",
						   amount, sum, shortfall) :
				 errdetail("The amount is %s; within their bounds the rows must take %s at least, and %s is missing.",
						   amount, sum, shortfall),
				 errhint("Give these rows a weight above zero, for example greatest(weight, 0.01).")));
	if (status == TS_BELOW_BOUNDS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("amount is less than the sum of at_least"),
				 missing_bounds ?
				 errdetail("The amount is %s and the sum of at_least %s, which is %s more; a row without at_least counts as 0, or as its at_most below 0.",
						   amount, sum, shortfall) :
				 errdetail("The amount is %s and the sum of at_least %s, which is %s more.",
						   amount, sum, shortfall),
				 errhint("Lower at_least, or share out more, for example amount => %s.",
						 sum)));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("amount is greater than the sum of at_most"),
			 missing_bounds ?
			 errdetail("The amount is %s and the sum of at_most %s, which is %s less; a row without at_most counts as 0, or as its at_least above 0.",
					   amount, sum, shortfall) :
			 errdetail("The amount is %s and the sum of at_most %s, which is %s less.",
					   amount, sum, shortfall),
			 errhint("Raise at_most, or share out less, for example amount => %s.",
					 sum)));
}

/*
 * Read the partition's weights and bounds and share the amount by them
 *
 * Weights are read as load_shares reads them, so that they are the same
 * numbers; then all is done in 128 bits.
 */
static void
load_bounded_shares(WindowObject winobj, apportion_state *state,
					MemoryContext context, bound_reader *at_least,
					bound_reader *at_most)
{
	int64		nrows = ts_count_rows(winobj);
	const ts_quantum *quantum = &state->common.quantum;
	ts_weight_reader reader;
	bool		has_weight = false;
	uint8	   *held;
	void	   *work;
	ts_status	status;
	ts_cut		cut = {0};
	ts_bounds_report why = {0};
	int64		i;

	ts_start_reading(&reader, winobj, ARG_WEIGHT, "weight", context, nrows,
					 true);
	read_bounded_rows(state, &reader, at_least, at_most);
	if (reader.narrow != NULL)
	{
		/* at one scale already */
		ts_widen_weights(&reader, nrows);
		pfree(reader.scale);
		reader.scale = NULL;
	}
	ts_finish_reading(&reader);

	for (i = 0; i < nrows && !has_weight; i++)
		has_weight = reader.wide[i] != 0;
	state->share128 = ts_alloc_rows(context, nrows, sizeof(ts_int128));
	held = ts_alloc_rows(context, nrows, sizeof(uint8));
	work = ts_alloc_rows(context, ts_bounded_work(nrows), 1);
	status = ts_bounded(nrows, reader.wide, at_least->values, at_most->values,
						state->common.units, state->share128, held, work,
						&cut, &why, ts_check_for_interrupts);
	switch (status)
	{
		case TS_CROSSED_BOUNDS:
			report_crossed(winobj, (int64) why.index, quantum);
			break;
		case TS_BELOW_BOUNDS:
			report_infeasible(status, &why, quantum,
							  at_least->n_bounds < reader.participants);
			break;
		case TS_ABOVE_BOUNDS:
			report_infeasible(status, &why, quantum,
							  at_most->n_bounds < reader.participants);
			break;
		case TS_ONLY_ZERO_WEIGHTS:
			if (has_weight)
				report_infeasible(status, &why, quantum, false);
			status = TS_ALL_ZERO;
			/* FALLTHROUGH */
		default:
			check_status(status, reader.participants, quantum,
						 state->common.units);
			break;
	}
	pfree(work);
	pfree(held);
	pfree(reader.wide);
	if (at_least->values != NULL)
		pfree(at_least->values);
	if (at_most->values != NULL)
		pfree(at_most->values);
	if (cut.tied)
		check_tie(winobj, cut.last_chosen, cut.first_not_chosen, quantum);
}

/*
 * apportion(amount, weight, quantum, at_least, at_most) OVER (...)
 *
 * The current row's share.  amount and quantum as numerics; the result is a
 * multiple of the quantum at its display scale.
 */
Datum
target_split_apportion(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	apportion_state *state;
	int64		row;

	if (!WindowObjectIsValid(winobj))
		elog(ERROR, "apportion must be called as a window function");

	state = WinGetPartitionLocalMemory(winobj, sizeof(apportion_state));
	if (unlikely(!state->loaded))
	{
		MemoryContext context = GetMemoryChunkContext(state);

		load_amount(fcinfo, winobj, context, ARG_QUANTUM, &state->common);
		if (!state->common.amount_isnull)
		{
			bound_reader at_least;
			bound_reader at_most;
			bool		bounded;

			bounded = start_bounds(fcinfo, winobj, false,
								   &state->common.quantum, &at_least);
			bounded |= start_bounds(fcinfo, winobj, true,
									&state->common.quantum, &at_most);
			if (bounded)
				load_bounded_shares(winobj, state, context, &at_least, &at_most);
			else
				load_shares(winobj, state, context);
		}
		state->loaded = true;
	}

	check_amount(winobj, &state->common);
	if (state->common.amount_isnull)
		PG_RETURN_NULL();

	row = WinGetCurrentPosition(winobj);
	if (is_excluded(state, row))
		PG_RETURN_NULL();
	if (likely(state->share64 != NULL))
		return ts_units_to_numeric(state->share64[row], &state->common.quantum);
	return ts_units_to_numeric(state->share128[row], &state->common.quantum);
}

/*
 * The path of one row, copied into the current memory context
 *
 * depth is 0 for the first path, which decides.
 */
static tree_path
path_of_row(tree_builder *tree, int64 row)
{
	tree_path	path;
	ArrayType  *array;
	Datum		datum;
	bool		isnull;
	bool		isout;
	int			count;

	datum = WinGetFuncArgInPartition(tree->winobj, ARG_PATH, (int) row,
									 WINDOW_SEEK_HEAD, false, &isnull, &isout);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("path must not be null"),
				 errdetail("It is null in row " INT64_FORMAT ".", row + 1)));
	array = DatumGetArrayTypePCopy(datum);
	if (ARR_NDIM(array) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("path must have one dimension and at least one element"),
				 errdetail("It has %d dimensions in row " INT64_FORMAT ".",
						   ARR_NDIM(array), row + 1)));
	if (tree->element == NULL)
	{
		tree->element = lookup_type_cache(ARR_ELEMTYPE(array),
										  TYPECACHE_CMP_PROC_FINFO |
										  TYPECACHE_HASH_EXTENDED_PROC_FINFO);
		if (!OidIsValid(tree->element->cmp_proc_finfo.fn_oid) ||
			!OidIsValid(tree->element->hash_extended_proc_finfo.fn_oid))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("path elements of type %s cannot be compared and hashed",
							format_type_be(ARR_ELEMTYPE(array))),
					 errhint("Cast the path, for example path::text[].")));
	}
	deconstruct_array(array, ARR_ELEMTYPE(array), tree->element->typlen,
					  tree->element->typbyval, tree->element->typalign,
					  &path.values, &path.isnull, &count);
	if (tree->depth == 0)
		tree->depth = count;
	if (tree->depth != count)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("paths within a partition must have the same length"),
				 errdetail("The path has %d elements in the first row and %d in row " INT64_FORMAT ".",
						   tree->depth, count, row + 1)));
	return path;
}

/*
 * Order of two keys on one level: negative, 0 or positive.  NULL is a key like
 * any other, the last one.
 */
static int
compare_element(tree_builder *tree, const tree_path *a, const tree_path *b,
				int level)
{
	if (a->isnull[level] || b->isnull[level])
		return (int) a->isnull[level] - (int) b->isnull[level];
	if (datum_image_eq(a->values[level], b->values[level],
					   tree->element->typbyval, tree->element->typlen))
		return 0;
	return DatumGetInt32(FunctionCall2Coll(&tree->element->cmp_proc_finfo,
										   tree->collation,
										   a->values[level], b->values[level]));
}

/*
 * Make room for more nodes, doubling; where there is a hash table, it is at
 * most half full
 */
static void
grow_tree(tree_builder *tree, size_t capacity)
{
	size_t		slots = 16;
	size_t		i;

	capacity = Min(capacity, (size_t) PG_INT32_MAX - 1);
	if (tree->n >= capacity)
		check_status(TS_TOO_LARGE, 0, NULL, 0);
	if (tree->parent == NULL)
	{
		tree->parent = ts_alloc_rows(tree->context, capacity, sizeof(int32));
		tree->first_row = ts_alloc_rows(tree->context, capacity, sizeof(int32));
	}
	else if (capacity > tree->capacity)
	{
		tree->parent = repalloc_huge(tree->parent, capacity * sizeof(int32));
		tree->first_row = repalloc_huge(tree->first_row, capacity * sizeof(int32));
	}
	tree->capacity = capacity;
	if (!tree->hashed)
		return;

	if (tree->hash == NULL)
		tree->hash = ts_alloc_rows(tree->context, capacity, sizeof(uint64));
	else
	{
		tree->hash = repalloc_huge(tree->hash, capacity * sizeof(uint64));
		pfree(tree->table);
	}
	while (slots < capacity * 2)
		slots *= 2;
	tree->table = MemoryContextAllocExtended(tree->context,
											 slots * sizeof(int32),
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	tree->table_mask = slots - 1;
	for (i = 0; i < tree->n; i++)
	{
		size_t		slot = tree->hash[i] & tree->table_mask;

		while (tree->table[slot] != 0)
			slot = (slot + 1) & tree->table_mask;
		tree->table[slot] = (int32) (i + 1);
	}
}

static void
report_repeated(const tree_builder *tree, int level, int64 first, int64 again)
{
	if (level == tree->depth - 1)
		ereport(ERROR,
				(errcode(ERRCODE_WINDOWING_ERROR),
				 errmsg("two rows have the same path"),
				 errdetail("They are rows " INT64_FORMAT " and " INT64_FORMAT ".",
						   first + 1, again + 1),
				 errhint("Group the rows by path and add up their weights, or add a key to the path.")));
	ereport(ERROR,
			(errcode(ERRCODE_WINDOWING_ERROR),
			 errmsg("ORDER BY does not keep the rows of a path together"),
			 errdetail("Rows " INT64_FORMAT " and " INT64_FORMAT " belong to the same node on level %d, rows between them do not.",
					   first + 1, again + 1, level + 1),
			 errhint("Order the window by what the path is made of, from its first element on, for example OVER (ORDER BY region, rep).")));
}

/*
 * Enter the node that is about to be added into the hash table; an equal one
 * there is an error
 */
static void
hash_node(tree_builder *tree, const tree_path *path, int level, int32 parent,
		  int64 row)
{
	uint64		hash = 0;
	size_t		slot;

	if (!path->isnull[level])
		hash = DatumGetUInt64(FunctionCall2Coll(&tree->element->hash_extended_proc_finfo,
												tree->collation,
												path->values[level],
												Int64GetDatum(0)));
	hash = hash_combine64(hash_bytes_uint32_extended((uint32) parent, 0), hash);

	for (slot = hash & tree->table_mask;
		 tree->table[slot] != 0;
		 slot = (slot + 1) & tree->table_mask)
	{
		int32		other = tree->table[slot] - 1;
		tree_path	other_path;

		if (tree->hash[other] != hash || tree->parent[other] != parent)
			continue;
		/* equal hashes nearly always mean equal keys, but let us see */
		other_path = path_of_row(tree, tree->first_row[other]);
		if (compare_element(tree, path, &other_path, level) == 0)
			report_repeated(tree, level, tree->first_row[other], row);
	}
	tree->table[slot] = (int32) (tree->n + 1);
	tree->hash[tree->n] = hash;
}

/*
 * Add a node for this row's path on this level
 */
static int32
add_node(tree_builder *tree, const tree_path *path, int level, int32 parent,
		 int64 row)
{
	if (tree->n == tree->capacity)
		grow_tree(tree, tree->capacity * 2);
	if (tree->hashed)
		hash_node(tree, path, level, parent, row);
	tree->parent[tree->n] = parent;
	tree->first_row[tree->n] = (int32) row;
	return (int32) tree->n++;
}

/*
 * Read all paths and add their nodes; false when siblings do not come in
 * order and a hash table is needed to tell whether one comes again
 *
 * Weights are read along with the paths the first time, which makes the
 * tuplestore step back one row; a pass of their own would have to go back
 * through the whole partition, and slowly where it has spilled to disk.
 *
 * A node is new where the path first differs from the row before.  If the
 * siblings on a level always come in ascending or always in descending order,
 * as they do where the window is ordered by the path, then none comes twice.
 */
static bool
read_paths(tree_builder *tree, ts_weight_reader *reader, int32 *leaf)
{
	MemoryContext scratch[2];
	MemoryContext old = CurrentMemoryContext;
	tree_path	path = {NULL, NULL};
	tree_path	previous = {NULL, NULL};
	int32	   *node = NULL;
	int64		previous_row = -1;
	int64		number = 0;
	bool		in_order = true;
	int64		i;

	/* a path is needed until the next one has been compared with it */
	scratch[0] = AllocSetContextCreate(tree->context, "target_split path",
									   ALLOCSET_SMALL_SIZES);
	scratch[1] = AllocSetContextCreate(tree->context, "target_split path",
									   ALLOCSET_SMALL_SIZES);
	for (i = 0; i < reader->nrows; i++)
	{
		int			level = 0;

		if (!tree->hashed)
			leaf[i] = ts_read_weight(reader, i) ? 0 : -1;
		if (leaf[i] < 0 || !in_order)
			continue;
		MemoryContextSwitchTo(scratch[number % 2]);
		MemoryContextReset(CurrentMemoryContext);
		path = path_of_row(tree, i);
		if (node == NULL)
		{
			node = MemoryContextAlloc(tree->context, tree->depth * sizeof(int32));
			tree->direction = MemoryContextAllocZero(tree->context,
													 tree->depth * sizeof(int));
		}
		else
		{
			int			order = 0;

			while (level < tree->depth &&
				   (order = compare_element(tree, &previous, &path, level)) == 0)
				level++;
			if (level == tree->depth)
				report_repeated(tree, level - 1, previous_row, i);
			order = order < 0 ? -1 : 1;
			if (tree->direction[level] == 0)
				tree->direction[level] = order;
			if (tree->direction[level] != order && !tree->hashed)
				in_order = false;
		}
		for (; level < tree->depth && in_order; level++)
			node[level] = add_node(tree, &path, level,
								   level == 0 ? -1 : node[level - 1], i);
		leaf[i] = node[tree->depth - 1];
		previous = path;
		previous_row = i;
		number++;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch[0]);
	MemoryContextDelete(scratch[1]);
	if (node != NULL)
	{
		pfree(node);
		pfree(tree->direction);
	}
	return in_order;
}

/* two nodes whose order alone decided, by their first rows */
typedef struct tree_tie
{
	int32		last_chosen;
	int32		first_not_chosen;
} tree_tie;

typedef struct tree_ties
{
	const tree_builder *tree;
	tree_tie   *ties;
	size_t		n;
	size_t		capacity;
} tree_ties;

/* the engine found a tie; a node's place is that of its first row */
static void
note_tie(void *arg, size_t last_chosen, size_t first_not_chosen)
{
	tree_ties  *list = arg;

	if (list->n == list->capacity)
	{
		list->capacity = list->capacity * 2 + 64;
		if (list->ties == NULL)
			list->ties = ts_alloc_rows(list->tree->context, list->capacity,
									sizeof(tree_tie));
		else
			list->ties = repalloc_huge(list->ties,
									   list->capacity * sizeof(tree_tie));
	}
	list->ties[list->n].last_chosen = list->tree->first_row[last_chosen];
	list->ties[list->n].first_not_chosen = list->tree->first_row[first_not_chosen];
	list->n++;
}

/* qsort order: the last row first */
static int
compare_ties(const void *a, const void *b)
{
	int32		x = ((const tree_tie *) a)->first_not_chosen;
	int32		y = ((const tree_tie *) b)->first_not_chosen;

	return (x < y) - (x > y);
}

/*
 * Refuse ties between nodes that ORDER BY does not tell apart
 *
 * The partition has been read to its end, so the rows are looked up from
 * there backwards: a partition that has spilled to disk is then gone through
 * once more and not once for each tie.
 */
static void
check_tree_ties(tree_ties *list, const ts_quantum *quantum)
{
	size_t		i;

	qsort(list->ties, list->n, sizeof(tree_tie), compare_ties);
	for (i = 0; i < list->n; i++)
	{
		tree_tie   *tie = &list->ties[i];

		if (!WinRowsArePeers(list->tree->winobj, tie->first_not_chosen,
							 tie->last_chosen))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_WINDOWING_ERROR),
				 errmsg("ORDER BY does not decide which row gets the last unit"),
				 errdetail("The paths of rows %d and %d have the same weight and are equal in ORDER BY; only one of them can get the last %s.",
						   tie->last_chosen + 1, tie->first_not_chosen + 1,
						   ts_numeric_text(ts_units_to_numeric(1, quantum))),
				 errhint("Order the window by what the path is made of, from its first element on, for example OVER (ORDER BY region, rep).")));
	}
	if (list->ties != NULL)
		pfree(list->ties);
}

/*
 * Read the partition, build the tree and share the amount over it
 */
static void
load_tree(WindowObject winobj, tree_state *state, MemoryContext context,
		  Oid collation)
{
	int64		nrows = ts_count_rows(winobj);
	ts_weight_reader reader;
	tree_builder tree;
	tree_ties	ties = {NULL, NULL, 0, 0};
	void	   *work;
	ts_status	status;
	int64		i;

	state->leaf = ts_alloc_rows(context, nrows, sizeof(int32));
	ts_start_reading(&reader, winobj, ARG_WEIGHT, "weight", context, nrows,
					 true);
	memset(&tree, 0, sizeof(tree));
	tree.winobj = winobj;
	tree.context = context;
	tree.collation = collation;
	grow_tree(&tree, nrows + nrows / 8 + 16);
	if (!read_paths(&tree, &reader, state->leaf))
	{
		tree.n = 0;
		tree.hashed = true;
		grow_tree(&tree, tree.capacity);
		(void) read_paths(&tree, &reader, state->leaf);
		pfree(tree.table);
		pfree(tree.hash);
	}

	ts_finish_reading(&reader);
	tree.weight = ts_alloc_rows(context, tree.n, sizeof(ts_int128));
	for (i = 0; i < nrows; i++)
	{
		if (state->leaf[i] < 0)
			continue;
		tree.weight[state->leaf[i]] = reader.wide != NULL ? reader.wide[i] :
			(ts_int128) reader.narrow[i];
	}
	if (reader.wide != NULL)
		pfree(reader.wide);
	else
		pfree(reader.narrow);

	state->depth = tree.depth;
	state->parent = tree.parent;
	state->share = ts_alloc_rows(context, tree.n, sizeof(ts_int128));
	work = ts_alloc_rows(context, ts_apportion_tree_work(tree.n), 1);
	ties.tree = &tree;
	status = ts_apportion_tree(tree.n, tree.parent, tree.weight,
							   state->common.units, state->share, work,
							   note_tie, &ties, ts_check_for_interrupts);
	check_status(status, reader.participants, &state->common.quantum,
				 state->common.units);
	pfree(work);
	pfree(tree.weight);
	check_tree_ties(&ties, &state->common.quantum);
	pfree(tree.first_row);
}

/*
 * apportion_tree(amount, weight, path, quantum) OVER (...)
 *
 * The shares of the current row's nodes, from the outermost level to the
 * leaf.
 */
Datum
target_split_apportion_tree(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	tree_state *state;
	int32		node;
	Datum	   *shares;
	int			level;

	if (!WindowObjectIsValid(winobj))
		elog(ERROR, "apportion_tree must be called as a window function");

	state = WinGetPartitionLocalMemory(winobj, sizeof(tree_state));
	if (unlikely(!state->loaded))
	{
		MemoryContext context = GetMemoryChunkContext(state);

		load_amount(fcinfo, winobj, context, ARG_TREE_QUANTUM, &state->common);
		if (!state->common.amount_isnull)
			load_tree(winobj, state, context, PG_GET_COLLATION());
		state->loaded = true;
	}

	check_amount(winobj, &state->common);
	if (state->common.amount_isnull)
		PG_RETURN_NULL();
	node = state->leaf[WinGetCurrentPosition(winobj)];
	if (node < 0)
		PG_RETURN_NULL();

	shares = palloc(state->depth * sizeof(Datum));
	for (level = state->depth - 1; level >= 0; level--)
	{
		shares[level] = ts_units_to_numeric(state->share[node],
											&state->common.quantum);
		node = state->parent[node];
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(shares, state->depth, NUMERICOID,
										  -1, false, TYPALIGN_INT));
}

/*
 * apportion_array(amount, weights, quantum)
 *
 * The result has the bounds of weights.  No weights are like no row: only
 * the amount 0 can be shared among none.
 */
Datum
target_split_apportion_array(PG_FUNCTION_ARGS)
{
	Datum		amount = PG_GETARG_DATUM(0);
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(1);
	Datum		quantum_value = PG_GETARG_DATUM(2);
	ts_quantum	quantum;
	ts_int128	units;
	Datum	   *values;
	bool	   *nulls;
	ts_int128  *weight;
	ts_int128  *share;
	int16	   *scale;
	int64		participants = 0;
	int			count;
	ts_status	status;
	ts_cut		cut = {0};
	int			i;

	ts_quantum_from_numeric(quantum_value, &quantum);
	units = ts_units_from_numeric(amount, &quantum, "amount");
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("weights must have one dimension"),
				 errdetail("The array has %d dimensions.", ARR_NDIM(array))));

	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT,
					  &values, &nulls, &count);
	if (count == 0)
	{
		if (units != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("there is no weight to share the amount by"),
					 errdetail("The amount is %s and the array of weights is empty.",
							   ts_numeric_text(amount))));
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(NUMERICOID));
	}

	weight = ts_alloc_rows(CurrentMemoryContext, count, sizeof(*weight));
	share = ts_alloc_rows(CurrentMemoryContext, count, sizeof(*share));
	scale = ts_alloc_rows(CurrentMemoryContext, count, sizeof(*scale));
	for (i = 0; i < count; i++)
	{
		int			own_scale = 0;

		weight[i] = 0;
		if (!nulls[i])
		{
			participants++;
			ts_weight_from_numeric(values[i], &weight[i], &own_scale);
			if (weight[i] < 0)
				ts_report_negative("weight", values[i], "element", i + 1);
		}
		scale[i] = (int16) own_scale;
	}
	ts_weights_align(count, weight, scale);
	status = ts_apportion128(count, weight, units, NULL, share, &cut,
							 ts_check_for_interrupts);
	check_status(status, participants, &quantum, units);
	for (i = 0; i < count; i++)
	{
		if (!nulls[i])
			values[i] = ts_units_to_numeric(share[i], &quantum);
	}
	PG_RETURN_ARRAYTYPE_P(construct_md_array(values, nulls, 1, ARR_DIMS(array),
											 ARR_LBOUND(array), NUMERICOID,
											 -1, false, TYPALIGN_INT));
}
