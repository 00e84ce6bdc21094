/*-------------------------------------------------------------------------
 *
 * disaggregate.c
 *	  SQL function disaggregate: totals of buckets (years, quarters) spread
 *	  over their periods (months) so that there is no step where two meet.
 *
 * Glossary (see also engine/denton.c)
 *	  bucket		rows that come one after the other and have the same value in
 *					the argument of that name; their parts add up to its total
 *	  participant	a row whose indicator is not NULL
 *
 * Method
 *	  As in apportion.c the whole partition is read when its first row is asked
 *	  for, and the parts are handed out from an array.  The total is read once
 *	  a bucket; that all rows of a bucket have the same is seen when they are
 *	  handed out, which costs no access to the tuplestore.  What else is
 *	  needed of each row takes turns in blocks: indicators forwards, whether
 *	  the rows differ in ORDER BY backwards, buckets forwards.
 *
 *	  Buckets are told apart by the type's equality.  A hash table of those so
 *	  far finds one that comes again.  Where rows take no part, it is kept: a total
 *	  of which no row takes part would be lost, and is refused as it is handed out.
 *
 * Memory, outside work_mem
 *	  42 bytes a row at the peak and 16 afterwards, with second differences 32
 *	  more; about 150 bytes a bucket and 60 (with rows that take no part, 90)
 *	  afterwards, and the buckets' values where they are not passed by value.
 *
 * Limits
 *	  2^31 - 2 rows in a partition.  See engine/denton.c for digits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"

#include <math.h>

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/typcache.h"

#include "engine/denton.h"
#include "partition.h"

PG_FUNCTION_INFO_V1(target_split_disaggregate);

/* argument numbers */
#define ARG_TOTAL		0
#define ARG_BUCKET		1
#define ARG_INDICATOR	2
#define ARG_QUANTUM		3
#define ARG_VARIANT		4
#define ARG_DIFFERENCES 5

/* the buckets of a partition, arrays by bucket, capacity long */
typedef struct bucket_list
{
	size_t		n;
	size_t		capacity;
	Datum	   *key;
	uint64	   *hash;
	size_t	   *end;			/* row behind the last one */
	int32	   *first_row;		/* first participant */
	ts_int128  *total;			/* units */
	bool	   *is_free;		/* total is NULL */
	int32	   *table;			/* bucket + 1, 0 if empty */
	size_t		table_mask;
} bucket_list;

/* state for one partition */
typedef struct disaggregate_state
{
	bool		loaded;
	bool		total_varies;
	ts_quantum	quantum;
	ts_quantum_argument quantum_arg;
	bool		additive;
	bool		second;
	bool		something_known;	/* a bucket has a total */
	bucket_list buckets;
	size_t		current;		/* bucket of the row handed out last */
	int64		nrows;
	ts_int128  *part;			/* by row */
	bits8	   *excluded;		/* bit i: row i takes no part */
	bool		any_excluded;
} disaggregate_state;

/* what is needed while the partition is read */
typedef struct disaggregate_reader
{
	WindowObject winobj;
	MemoryContext context;		/* the partition's */
	TypeCacheEntry *type;		/* of the buckets */
	bool		is_literal;		/* of which "any" says no type: a C string */
	Oid			collation;
	disaggregate_state *state;
	ts_weight_reader indicators;
} disaggregate_reader;

static inline bool
is_excluded(const disaggregate_state *state, int64 row)
{
	return (state->excluded[row / 8] & (1 << (row % 8))) != 0;
}

/*
 * A bucket's value as text, for messages
 */
static char *
bucket_text(const disaggregate_reader *reader, Datum key)
{
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(reader->type->type_id, &output, &is_varlena);
	return OidOutputFunctionCall(output, key);
}

static bool
same_bucket(const disaggregate_reader *reader, Datum a, Datum b)
{
	const TypeCacheEntry *type = reader->type;

	if (type->typbyval ? a == b : datum_image_eq(a, b, false, type->typlen))
		return true;
	return DatumGetBool(FunctionCall2Coll(&reader->type->eq_opr_finfo,
										  reader->collation, a, b));
}

/*
 * variant and differences, from the partition's first row; they cannot differ
 * from row to row
 */
static void
read_method(FunctionCallInfo fcinfo, WindowObject winobj,
			disaggregate_state *state)
{
	Datum		datum;
	bool		isnull;
	char	   *variant;
	int			argno;

	for (argno = ARG_VARIANT; argno <= ARG_DIFFERENCES; argno++)
	{
		if (ts_argument_varies(fcinfo, argno))
			ereport(ERROR,
					(errcode(ERRCODE_WINDOWING_ERROR),
					 errmsg("%s must be a constant",
							argno == ARG_VARIANT ? "variant" : "differences"),
					 errhint("Write one call for each, for example CASE WHEN smooth THEN disaggregate(total, bucket, indicator, differences => 2) OVER w ELSE disaggregate(total, bucket, indicator) OVER w END.")));
	}

	datum = WinGetFuncArgCurrent(winobj, ARG_VARIANT, &isnull);
	variant = isnull ? NULL : text_to_cstring(DatumGetTextPP(datum));
	if (variant != NULL && strcmp(variant, "additive") == 0)
		state->additive = true;
	else if (variant == NULL || strcmp(variant, "proportional") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 variant == NULL ? errmsg("variant must not be null") :
				 errmsg("unknown variant \"%s\"", variant),
				 errhint("Use variant => 'proportional' or variant => 'additive'.")));

	datum = WinGetFuncArgCurrent(winobj, ARG_DIFFERENCES, &isnull);
	if (isnull || DatumGetInt32(datum) < 1 || DatumGetInt32(datum) > 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("differences must be 1 or 2"),
				 isnull ? errdetail("It is null.") :
				 errdetail("It is %d.", DatumGetInt32(datum)),
				 errhint("Use differences => 1 for no step between two periods, differences => 2 for no bend.")));
	state->second = DatumGetInt32(datum) == 2;
}

/*
 * The type of the buckets, and how its values are compared
 */
static TypeCacheEntry *
bucket_type(FunctionCallInfo fcinfo)
{
	Oid			type_id = get_fn_expr_argtype(fcinfo->flinfo, ARG_BUCKET);
	TypeCacheEntry *type;

	/* a plain literal: see read_bucket */
	if (type_id == UNKNOWNOID)
		type_id = TEXTOID;
	type = lookup_type_cache(type_id, TYPECACHE_EQ_OPR_FINFO |
							 TYPECACHE_HASH_EXTENDED_PROC_FINFO);
	if (!OidIsValid(type->eq_opr_finfo.fn_oid) ||
		!OidIsValid(type->hash_extended_proc_finfo.fn_oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("buckets of type %s cannot be compared and hashed",
						format_type_be(type_id)),
				 errhint("Cast the bucket, for example bucket::text.")));
	return type;
}

/*
 * Room for more buckets; the hash table is at most half full
 */
static void
grow_buckets(disaggregate_reader *reader)
{
	bucket_list *list = &reader->state->buckets;
	size_t		slots;
	size_t		i;

	if (list->capacity == 0)
	{
		list->capacity = 16;
		list->key = ts_alloc_rows(reader->context, 16, sizeof(Datum));
		list->hash = ts_alloc_rows(reader->context, 16, sizeof(uint64));
		list->end = ts_alloc_rows(reader->context, 16, sizeof(size_t));
		list->first_row = ts_alloc_rows(reader->context, 16, sizeof(int32));
		list->total = ts_alloc_rows(reader->context, 16, sizeof(ts_int128));
		list->is_free = ts_alloc_rows(reader->context, 16, sizeof(bool));
	}
	else
	{
		list->capacity *= 2;
		list->key = repalloc_huge(list->key, list->capacity * sizeof(Datum));
		list->hash = repalloc_huge(list->hash, list->capacity * sizeof(uint64));
		list->end = repalloc_huge(list->end, list->capacity * sizeof(size_t));
		list->first_row = repalloc_huge(list->first_row,
										list->capacity * sizeof(int32));
		list->total = repalloc_huge(list->total,
									list->capacity * sizeof(ts_int128));
		list->is_free = repalloc_huge(list->is_free,
									  list->capacity * sizeof(bool));
		pfree(list->table);
	}
	slots = list->capacity * 2;
	list->table = MemoryContextAllocExtended(reader->context,
											 slots * sizeof(int32),
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	list->table_mask = slots - 1;
	for (i = 0; i < list->n; i++)
	{
		size_t		slot = list->hash[i] & list->table_mask;

		while (list->table[slot] != 0)
			slot = (slot + 1) & list->table_mask;
		list->table[slot] = (int32) (i + 1);
	}
}

/*
 * The slot of a bucket in the hash table, or the empty one where it would be
 */
static size_t
find_slot(const disaggregate_reader *reader, Datum key, uint64 *hash)
{
	const bucket_list *list = &reader->state->buckets;
	size_t		slot;

	*hash = DatumGetUInt64(FunctionCall2Coll(&reader->type->hash_extended_proc_finfo,
											 reader->collation, key,
											 Int64GetDatum(0)));
	for (slot = *hash & list->table_mask;
		 list->table[slot] != 0;
		 slot = (slot + 1) & list->table_mask)
	{
		size_t		other = (size_t) list->table[slot] - 1;

		if (list->hash[other] == *hash &&
			same_bucket(reader, key, list->key[other]))
			break;
	}
	return slot;
}

/*
 * A new bucket begins at this row: keep it, and its total; one that has been
 * there before is an error
 */
static void
add_bucket(disaggregate_reader *reader, Datum key, int64 row)
{
	bucket_list *list = &reader->state->buckets;
	MemoryContext old;
	Datum		total;
	uint64		hash;
	size_t		slot;

	if (list->n == list->capacity)
		grow_buckets(reader);
	slot = find_slot(reader, key, &hash);
	if (list->table[slot] != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WINDOWING_ERROR),
				 errmsg("ORDER BY does not keep the rows of bucket %s together",
						bucket_text(reader, key)),
				 errdetail("Rows " INT64_FORMAT " and " INT64_FORMAT " are of it, rows between them are not.",
						   (int64) list->end[list->table[slot] - 1], row + 1),
				 errhint("Order the window by time, and use buckets that are stretches of time, for example the year with the quarter and not the quarter alone.")));
	list->table[slot] = (int32) (list->n + 1);
	list->hash[list->n] = hash;
	old = MemoryContextSwitchTo(reader->context);
	list->key[list->n] = datumCopy(key, reader->type->typbyval,
								   reader->type->typlen);
	MemoryContextSwitchTo(old);
	list->first_row[list->n] = (int32) row;

	/* key may have been in the slot that is used again here */
	total = ts_argument_of_row(reader->winobj, ARG_TOTAL, row,
							   reader->indicators.scratch,
							   &list->is_free[list->n]);
	list->total[list->n] = 0;
	if (!list->is_free[list->n])
	{
		list->total[list->n] = ts_units_from_numeric(total,
													 &reader->state->quantum,
													 "total");
		reader->state->something_known = true;
	}
	list->n++;
}

/*
 * Put a row into its bucket
 */
static inline void
read_bucket(disaggregate_reader *reader, int64 row)
{
	bucket_list *list = &reader->state->buckets;
	Datum		key;
	bool		isnull;

	if (is_excluded(reader->state, row))
		return;
	key = ts_argument_of_row(reader->winobj, ARG_BUCKET, row,
							 reader->indicators.scratch, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("bucket must not be null"),
				 errdetail("It is null in row " INT64_FORMAT ".", row + 1),
				 errhint("Use a null indicator to leave a row out, or a null total for a bucket without one.")));
	if (reader->is_literal)
		key = CStringGetTextDatum(DatumGetCString(key));
	if (list->n == 0 || !same_bucket(reader, key, list->key[list->n - 1]))
		add_bucket(reader, key, row);
	list->end[list->n - 1] = (size_t) row + 1;
}

/*
 * Refuse two neighbours that ORDER BY does not tell apart: which one comes
 * first would depend on the query plan.
 *
 * Every second pair is asked the other way round, so that the tuplestore
 * steps on from the row that it is at.
 */
static inline void
check_order(const disaggregate_reader *reader, int64 row)
{
	bool		peers = row % 2 == 0 ?
		WinRowsArePeers(reader->winobj, row, row - 1) :
		WinRowsArePeers(reader->winobj, row - 1, row);

	if (likely(!peers))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_WINDOWING_ERROR),
			 errmsg("ORDER BY does not decide the order of the periods"),
			 errdetail("Rows " INT64_FORMAT " and " INT64_FORMAT " are equal in ORDER BY.",
					   row, row + 1),
			 errhint("Order the window by the period, for example OVER (ORDER BY month), and add what tells several series apart to PARTITION BY.")));
}

static void
read_rows(disaggregate_reader *reader)
{
	disaggregate_state *state = reader->state;
	int64		start;
	int64		end;
	int64		i;

	for (start = 0; start < state->nrows; start = end)
	{
		end = Min(start + TS_BLOCK_ROWS, state->nrows);
		CHECK_FOR_INTERRUPTS();
		for (i = start; i < end; i++)
		{
			CHECK_FOR_INTERRUPTS();
			if (unlikely(!ts_read_weight(&reader->indicators, i)))
			{
				state->excluded[i / 8] |= 1 << (i % 8);
				state->any_excluded = true;
			}
		}
		for (i = end - 1; i >= start; i--)
		{
			CHECK_FOR_INTERRUPTS();
			if (i > 0)
				check_order(reader, i);
		}
		for (i = start; i < end; i++)
			read_bucket(reader, i);
	}
}

/*
 * Indicators as doubles; those of rows that take no part are -1
 *
 * In units for the additive variant, where they are amounts; otherwise only
 * their proportions matter.
 */
static double *
indicators_as_doubles(disaggregate_reader *reader)
{
	disaggregate_state *state = reader->state;
	const ts_weight_reader *read = &reader->indicators;
	double	   *indicator = ts_alloc_rows(reader->context, state->nrows,
										  sizeof(double));
	double		factor = 1;
	int64		i;

	if (state->additive)
	{
		int			scale;

		for (scale = read->common_scale; scale < state->quantum.scale; scale++)
			factor *= 10;
		for (scale = read->common_scale; scale > state->quantum.scale; scale--)
			factor /= 10;
		factor /= (double) state->quantum.mantissa;
	}
	for (i = 0; i < state->nrows; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_excluded(state, i))
			indicator[i] = -1;
		else if (read->narrow != NULL)
			indicator[i] = (double) read->narrow[i] * factor;
		else
			indicator[i] = (double) read->wide[i] * factor;
	}
	return indicator;
}

static void
report_all_zero(const disaggregate_reader *reader, size_t bucket)
{
	const disaggregate_state *state = reader->state;

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("all indicators of bucket %s are zero",
					bucket_text(reader, state->buckets.key[bucket])),
			 errdetail("Its total is %s.",
					   ts_numeric_text(ts_units_to_numeric(state->buckets.total[bucket],
														   &state->quantum))),
			 errhint("Use 1 as the indicator of its periods to spread it evenly, or variant => 'additive'.")));
}

/*
 * How the buckets of a call are compared
 */
static void
start_reader(disaggregate_reader *reader, FunctionCallInfo fcinfo,
			 WindowObject winobj, disaggregate_state *state)
{
	memset(reader, 0, sizeof(*reader));
	reader->winobj = winobj;
	reader->type = bucket_type(fcinfo);
	reader->is_literal = get_fn_expr_argtype(fcinfo->flinfo, ARG_BUCKET) == UNKNOWNOID;
	/* such a literal has no collation either */
	reader->collation = reader->is_literal ? C_COLLATION_OID : PG_GET_COLLATION();
	reader->state = state;
}

/*
 * Read the partition, and spread the totals
 */
static void
load_parts(FunctionCallInfo fcinfo, WindowObject winobj,
		   disaggregate_state *state, MemoryContext context)
{
	disaggregate_reader reader;
	ts_denton_input input;
	ts_denton_report report;
	ts_status	status;
	double	   *indicator;
	double	   *value;
	void	   *work;

	start_reader(&reader, fcinfo, winobj, state);
	reader.context = context;
	state->total_varies = ts_argument_varies(fcinfo, ARG_TOTAL);
	state->nrows = ts_count_rows(winobj);
	state->excluded = MemoryContextAllocZero(context, state->nrows / 8 + 1);
	ts_start_reading(&reader.indicators, winobj, ARG_INDICATOR, "indicator",
					 context, state->nrows, true);
	read_rows(&reader);
	ts_finish_reading(&reader.indicators);

	indicator = indicators_as_doubles(&reader);
	if (reader.indicators.wide != NULL)
		pfree(reader.indicators.wide);
	else
		pfree(reader.indicators.narrow);

	/* rows behind the last bucket take no part */
	memset(&input, 0, sizeof(input));
	input.n_buckets = state->buckets.n;
	input.n = input.n_buckets == 0 ? 0 : state->buckets.end[input.n_buckets - 1];
	input.indicator = indicator;
	input.end = state->buckets.end;
	input.total = state->buckets.total;
	input.is_free = state->buckets.is_free;
	input.additive = state->additive;
	input.second = state->second;
	input.keep_sign = true;
	input.check = ts_check_for_interrupts;

	value = ts_alloc_rows(context, state->nrows, sizeof(double));
	work = ts_alloc_rows(context, ts_denton_work(&input), 1);
	status = ts_denton(&input, value, &report, work);
	if (status == TS_ALL_ZERO)
		report_all_zero(&reader, report.bucket);
	pfree(indicator);
	state->part = ts_alloc_rows(context, state->nrows, sizeof(ts_int128));
	if (status == TS_OK)
		status = ts_denton_units(&input, value, state->part, work);
	if (status != TS_OK)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("totals and indicators are too far apart to be spread"),
				 errhint("Use an indicator of the size of the parts, or variant => 'proportional'.")));
	if (!report.optimal)
		ereport(WARNING,
				(errmsg("parts are not the smoothest ones possible"),
				 errdetail("They add up and none is negative, but too many of them would be below 0 to find the best ones in %d steps.",
						   report.solves)));
	pfree(work);
	pfree(value);
	if (state->buckets.n > 0 && !state->any_excluded)
	{
		pfree(state->buckets.table);
		pfree(state->buckets.hash);
	}
}

/*
 * Refuse a current row whose total is not that of its bucket
 */
static void
check_total(FunctionCallInfo fcinfo, WindowObject winobj,
			disaggregate_state *state, int64 row)
{
	bucket_list *list = &state->buckets;
	Datum		total;
	bool		isnull;
	disaggregate_reader reader;

	while ((size_t) row >= list->end[state->current])
		state->current++;
	if (!state->total_varies || row == list->first_row[state->current])
		return;
	total = WinGetFuncArgCurrent(winobj, ARG_TOTAL, &isnull);
	if (likely(isnull ? list->is_free[state->current] :
			   !list->is_free[state->current] &&
			   ts_units_from_numeric(total, &state->quantum, "total") ==
			   list->total[state->current]))
		return;
	reader.type = bucket_type(fcinfo);
	ereport(ERROR,
			(errcode(ERRCODE_WINDOWING_ERROR),
			 errmsg("total differs within bucket %s",
					bucket_text(&reader, list->key[state->current])),
			 errdetail("It is %s in row %d and %s in row " INT64_FORMAT ".",
					   list->is_free[state->current] ? "null" :
					   ts_numeric_text(ts_units_to_numeric(list->total[state->current],
														   &state->quantum)),
					   list->first_row[state->current] + 1,
					   isnull ? "null" : ts_numeric_text(total), row + 1),
			 errhint("Repeat a bucket's total in each of its rows, for example by max(total) OVER (PARTITION BY bucket) in a subquery.")));
}

/*
 * Refuse a current row without an indicator whose bucket has a total, but no row
 * that could get any of it
 */
static void
check_left_out(FunctionCallInfo fcinfo, WindowObject winobj,
			   disaggregate_state *state)
{
	disaggregate_reader reader;
	Datum		total;
	Datum		key;
	uint64		hash;
	bool		isnull;

	total = WinGetFuncArgCurrent(winobj, ARG_TOTAL, &isnull);
	if (isnull || DatumGetInt32(DirectFunctionCall2(numeric_cmp, total,
													DirectFunctionCall1(int4_numeric, Int32GetDatum(0)))) == 0)
		return;
	key = WinGetFuncArgCurrent(winobj, ARG_BUCKET, &isnull);
	if (isnull)
		return;
	start_reader(&reader, fcinfo, winobj, state);
	if (reader.is_literal)
		key = CStringGetTextDatum(DatumGetCString(key));
	if (state->buckets.n > 0 &&
		state->buckets.table[find_slot(&reader, key, &hash)] != 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("all indicators of bucket %s are null", bucket_text(&reader, key)),
			 errdetail("Its total is %s.", ts_numeric_text(total)),
			 errhint("Use coalesce(indicator, 1) to spread it evenly, or a null total to leave its periods out.")));
}

/*
 * disaggregate(total, bucket, indicator, quantum, variant, differences) OVER
 * (...)
 *
 * The current period's part of its bucket's total; the result is a multiple
 * of the quantum at its display scale.
 */
Datum
target_split_disaggregate(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	disaggregate_state *state;
	int64		row;

	if (!WindowObjectIsValid(winobj))
		elog(ERROR, "disaggregate must be called as a window function");

	state = WinGetPartitionLocalMemory(winobj, sizeof(disaggregate_state));
	if (unlikely(!state->loaded))
	{
		MemoryContext context = GetMemoryChunkContext(state);

		state->quantum_arg.argno = ARG_QUANTUM;
		ts_read_quantum(fcinfo, winobj, context, &state->quantum_arg,
						&state->quantum);
		read_method(fcinfo, winobj, state);
		load_parts(fcinfo, winobj, state, context);
		state->loaded = true;
	}

	ts_check_quantum(winobj, &state->quantum_arg);
	row = WinGetCurrentPosition(winobj);
	if (is_excluded(state, row))
	{
		check_left_out(fcinfo, winobj, state);
		PG_RETURN_NULL();
	}
	check_total(fcinfo, winobj, state, row);
	if (!state->something_known)
		PG_RETURN_NULL();
	return ts_units_to_numeric(state->part[row], &state->quantum);
}
