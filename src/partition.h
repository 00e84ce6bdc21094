/*-------------------------------------------------------------------------
 *
 * partition.h
 *	  What window functions that read their whole partition share: rows,
 *	  arguments that must not vary, weights as whole numbers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TARGET_SPLIT_PARTITION_H
#define TARGET_SPLIT_PARTITION_H

#include "compat.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "windowapi.h"

#include "numeric_units.h"

/* rows between two resets of the context that arguments are evaluated in */
#define TS_RESET_ROWS	256

/*
 * Reading the row again that was read last makes the tuplestore step forth and
 * back.  So where several arguments are read, they take turns in blocks of so
 * many rows, forwards and backwards.
 */
#define TS_BLOCK_ROWS	16

/* the quantum, from the partition's first row */
typedef struct ts_quantum_argument
{
	int			argno;
	bool		varies;			/* not a constant: compare in each row */
	Datum		value;			/* where it varies */
} ts_quantum_argument;

/*
 * Weights of a partition while they are read: 64-bit integers at one scale as
 * long as they fit, then 128-bit ones, each with its own scale
 */
typedef struct ts_weight_reader
{
	WindowObject winobj;
	int			argno;
	const char *what;			/* the argument's name in messages */
	MemoryContext context;		/* the partition's */
	MemoryContext scratch;		/* for arguments; NULL: the per-row context */
	int64		nrows;
	int64		participants;
	uint64	   *narrow;			/* one of the two is set */
	ts_int128  *wide;
	int			common_scale;	/* of the narrow ones; of all in the end */
	int64		largest;		/* of the narrow ones */
	int16	   *scale;			/* of the wide ones */
} ts_weight_reader;

extern void ts_check_for_interrupts(void);
extern void *ts_alloc_rows(MemoryContext context, size_t n, size_t size);
extern bool ts_argument_varies(FunctionCallInfo fcinfo, int argno);
extern bool ts_same_numeric(Datum a, Datum b);
extern int64 ts_count_rows(WindowObject winobj);
extern void ts_report_varying(const char *what, WindowObject winobj,
							  char *first, char *here) pg_attribute_noreturn();
extern void ts_report_negative(const char *what, Datum weight,
							   const char *place, int64 number) pg_attribute_noreturn();

extern void ts_read_quantum(FunctionCallInfo fcinfo, WindowObject winobj,
							MemoryContext context,
							ts_quantum_argument *argument,
							ts_quantum *quantum);
extern void ts_check_quantum(WindowObject winobj,
							 const ts_quantum_argument *argument);

extern void ts_start_reading(ts_weight_reader *reader, WindowObject winobj,
							 int argno, const char *what,
							 MemoryContext context, int64 nrows, bool narrow);
extern bool ts_read_weight(ts_weight_reader *reader, int64 row);
extern void ts_widen_weights(ts_weight_reader *reader, int64 count);
extern void ts_finish_reading(ts_weight_reader *reader);

static inline char *
ts_numeric_text(Datum value)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, value));
}

/*
 * An argument of any row of the partition; scratch may be NULL
 */
static inline Datum
ts_argument_of_row(WindowObject winobj, int argno, int64 row,
				   MemoryContext scratch, bool *isnull)
{
	MemoryContext old;
	Datum		value;
	bool		isout;

	if (scratch == NULL)
		return WinGetFuncArgInPartition(winobj, argno, (int) row,
										WINDOW_SEEK_HEAD, false,
										isnull, &isout);
	if (row % TS_RESET_ROWS == 0)
		MemoryContextReset(scratch);
	old = MemoryContextSwitchTo(scratch);
	value = WinGetFuncArgInPartition(winobj, argno, (int) row,
									 WINDOW_SEEK_HEAD, false, isnull, &isout);
	MemoryContextSwitchTo(old);
	return value;
}

#endif							/* TARGET_SPLIT_PARTITION_H */
