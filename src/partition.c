/*-------------------------------------------------------------------------
 *
 * partition.c
 *	  What window functions that read their whole partition share: rows,
 *	  arguments that must not vary, weights as whole numbers.
 *
 * Method
 *	  Weights are first kept in 64 bits, at the largest scale that any row so
 *	  far has needed (at most 18 times all of them are multiplied, usually once
 *	  and at the first row).  Once one does not fit, those read so far are
 *	  widened to 128 bits, by the rule for weights in numeric_units.h.  Where
 *	  both are possible they give the same result.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "partition.h"

#include "nodes/primnodes.h"

/* the engine calls this every few thousand rows */
void
ts_check_for_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

void *
ts_alloc_rows(MemoryContext context, size_t n, size_t size)
{
	return MemoryContextAllocHuge(context, Max(n, 1) * size);
}

/*
 * Can the argument differ from row to row?
 */
bool
ts_argument_varies(FunctionCallInfo fcinfo, int argno)
{
	Node	   *call = fcinfo->flinfo->fn_expr;
	Node	   *argument;

	if (call == NULL || !IsA(call, WindowFunc) ||
		argno >= list_length(((WindowFunc *) call)->args))
		return true;
	argument = list_nth(((WindowFunc *) call)->args, argno);
	if (IsA(argument, Const))
		return false;
	if (IsA(argument, Param))
		return ((Param *) argument)->paramkind != PARAM_EXTERN;
	return true;
}

/*
 * Are two numerics equal?  Nearly always they are the same bytes.
 */
bool
ts_same_numeric(Datum a, Datum b)
{
	struct varlena *x = (struct varlena *) DatumGetPointer(a);
	struct varlena *y = (struct varlena *) DatumGetPointer(b);

	if (x == y)
		return true;
	if (!VARATT_IS_EXTENDED(x) || VARATT_IS_SHORT(x))
	{
		/* b is our own copy, which is neither compressed nor external */
		if (VARSIZE_ANY_EXHDR(x) == VARSIZE_ANY_EXHDR(y) &&
			memcmp(VARDATA_ANY(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(x)) == 0)
			return true;
	}
	return DatumGetBool(DirectFunctionCall2(numeric_eq, a, b));
}

void
ts_report_varying(const char *what, WindowObject winobj, char *first,
				  char *here)
{
	ereport(ERROR,
			(errcode(ERRCODE_WINDOWING_ERROR),
			 errmsg("%s differs within a partition", what),
			 errdetail("It is %s in row 1 and %s in row " INT64_FORMAT ".",
					   first, here, WinGetCurrentPosition(winobj) + 1),
			 errhint("Add the columns that decide the %s to PARTITION BY.",
					 what)));
}

void
ts_report_negative(const char *what, Datum weight, const char *place,
				   int64 number)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s must not be negative", what),
			 errdetail("The %s is %s in %s " INT64_FORMAT ".", what,
					   ts_numeric_text(weight), place, number),
			 errhint("Use greatest(%s, 0) to give such rows nothing, or NULL to leave them out.",
					 what)));
}

/*
 * The quantum in the partition's first row, which is current;
 * argument->argno is set
 */
void
ts_read_quantum(FunctionCallInfo fcinfo, WindowObject winobj,
				MemoryContext context, ts_quantum_argument *argument,
				ts_quantum *quantum)
{
	MemoryContext old;
	Datum		value;
	bool		isnull;

	argument->varies = ts_argument_varies(fcinfo, argument->argno);
	value = WinGetFuncArgCurrent(winobj, argument->argno, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("quantum must not be null"),
				 errhint("Use the smallest amount to give out, for example quantum => 0.01.")));
	ts_quantum_from_numeric(value, quantum);
	if (!argument->varies)
		return;
	old = MemoryContextSwitchTo(context);
	argument->value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	MemoryContextSwitchTo(old);
}

/*
 * Refuse a current row whose quantum is not that of the first
 */
void
ts_check_quantum(WindowObject winobj, const ts_quantum_argument *argument)
{
	Datum		value;
	bool		isnull;

	if (!argument->varies)
		return;
	value = WinGetFuncArgCurrent(winobj, argument->argno, &isnull);
	if (isnull || !ts_same_numeric(value, argument->value))
		ts_report_varying("quantum", winobj, ts_numeric_text(argument->value),
						  isnull ? "null" : ts_numeric_text(value));
}

int64
ts_count_rows(WindowObject winobj)
{
	int64		nrows = WinGetPartitionRowCount(winobj);

	if (nrows > PG_INT32_MAX - 1)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("partition has too many rows"),
				 errdetail("It has " INT64_FORMAT " rows; at most %d can be shared among.",
						   nrows, PG_INT32_MAX - 1)));
	return nrows;
}

/*
 * A private context for evaluating arguments row by row, or NULL where the
 * partition is so small that the per-row context will do
 */
static MemoryContext
argument_context(MemoryContext parent, int64 nrows)
{
	if (nrows <= TS_RESET_ROWS)
		return NULL;
	return AllocSetContextCreate(parent, "target_split arguments",
								 ALLOCSET_SMALL_SIZES);
}

void
ts_start_reading(ts_weight_reader *reader, WindowObject winobj, int argno,
				 const char *what, MemoryContext context, int64 nrows,
				 bool narrow)
{
	memset(reader, 0, sizeof(*reader));
	reader->winobj = winobj;
	reader->argno = argno;
	reader->what = what;
	reader->context = context;
	reader->scratch = argument_context(context, nrows);
	reader->nrows = nrows;
	if (narrow)
		reader->narrow = ts_alloc_rows(context, nrows, sizeof(uint64));
	else
	{
		reader->wide = ts_alloc_rows(context, nrows, sizeof(ts_int128));
		reader->scale = ts_alloc_rows(context, nrows, sizeof(int16));
	}
}

/*
 * Change to 128-bit weights, count of which have been read
 *
 * In place, and from the end, where a weight's new place is beyond all old
 * ones that are still needed.
 */
void
ts_widen_weights(ts_weight_reader *reader, int64 count)
{
	uint64	   *narrow;
	int64		i;

	narrow = repalloc_huge(reader->narrow,
						   Max(reader->nrows, 1) * sizeof(ts_int128));
	reader->narrow = NULL;
	reader->wide = (ts_int128 *) narrow;
	reader->scale = ts_alloc_rows(reader->context, reader->nrows, sizeof(int16));
	for (i = count - 1; i >= 0; i--)
	{
		uint64		value;

		memcpy(&value, narrow + i, sizeof(value));
		reader->wide[i] = (ts_int128) value;
		reader->scale[i] = (int16) reader->common_scale;
	}
}

/*
 * Bring the narrow weights read so far to a finer scale; false if they would
 * not fit
 */
static bool
refine(ts_weight_reader *reader, int64 count, int finer)
{
	int64		factor = 1;
	int64		i;

	if (finer <= reader->common_scale)
		return false;
	for (i = reader->common_scale; i < finer; i++)
		factor *= 10;
	if (reader->largest > PG_INT64_MAX / factor)
		return false;
	reader->largest *= factor;
	reader->common_scale = finer;
	for (i = 0; i < count; i++)
		reader->narrow[i] *= factor;
	return true;
}

/*
 * Read the weight of the next row; false if it is NULL, which counts as 0
 */
bool
ts_read_weight(ts_weight_reader *reader, int64 row)
{
	bool		isnull;
	Datum		datum = ts_argument_of_row(reader->winobj, reader->argno, row,
											   reader->scratch, &isnull);

	if (likely(!isnull))
		reader->participants++;
	if (reader->narrow != NULL)
	{
		int64		value = 0;
		int			finer;

		if (unlikely(isnull))
		{
			reader->narrow[row] = 0;
			return false;
		}
		if (likely(ts_weight_as_int64(datum, reader->common_scale, &value,
									  &finer)) ||
			(refine(reader, row, finer) &&
			 ts_weight_as_int64(datum, finer, &value, &finer)))
		{
			if (unlikely(value < 0))
				ts_report_negative(reader->what, datum, "row", row + 1);
			reader->narrow[row] = value;
			if (value > reader->largest)
				reader->largest = value;
			return true;
		}
		ts_widen_weights(reader, row);
	}

	/* narrow or wide, one of the two is there */
	if (reader->wide == NULL)
		pg_unreachable();
	reader->wide[row] = 0;
	reader->scale[row] = 0;
	if (!isnull)
	{
		int			own_scale;

		if (numeric_is_nan(DatumGetNumeric(datum)) ||
			numeric_is_inf(DatumGetNumeric(datum)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s must be a finite number", reader->what),
					 errdetail("The %s is %s.", reader->what,
							   ts_numeric_text(datum))));
		ts_weight_from_numeric(datum, &reader->wide[row], &own_scale);
		reader->scale[row] = (int16) own_scale;
		if (reader->wide[row] < 0)
			ts_report_negative(reader->what, datum, "row", row + 1);
	}
	return !isnull;
}

/*
 * All weights have been read: bring the wide ones to one scale
 */
void
ts_finish_reading(ts_weight_reader *reader)
{
	if (reader->scratch != NULL)
		MemoryContextDelete(reader->scratch);
	reader->scratch = NULL;
	if (reader->scale != NULL)
	{
		reader->common_scale = ts_weights_align(reader->nrows, reader->wide,
												reader->scale);
		pfree(reader->scale);
	}
}
