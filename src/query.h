/*-------------------------------------------------------------------------
 *
 * query.h
 *	  Short forms for running SQL from C through SPI.
 *
 * Every statement runs with the rights of the current user.  The SQL
 * functions that use these are created with SET search_path = pg_catalog,
 * pg_temp, so that operators and casts in the texts mean the server's own;
 * tables are written with their schema.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_QUERY_H
#define TS_QUERY_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/date.h"

#define TS_MAX_ARGS 24

/* Arguments $1, $2 ... of a statement, in the order they are added */
typedef struct ts_args
{
	int			n;
	Oid			types[TS_MAX_ARGS];
	Datum		values[TS_MAX_ARGS];
	char		nulls[TS_MAX_ARGS];
} ts_args;

#define TS_NO_ARGS ((ts_args *) NULL)

extern void ts_arg(ts_args *args, Oid type, Datum value, bool isnull);
extern void ts_arg_text(ts_args *args, const char *value);
extern void ts_arg_int4(ts_args *args, int32 value);
extern void ts_arg_int8(ts_args *args, int64 value);
extern void ts_arg_date(ts_args *args, DateADT value);

/* Runs a statement; its rows are then read by row (from 0) and column (from 1) */
extern uint64 ts_run(const char *sql, const ts_args *args, bool read_only);
extern bool ts_isnull(uint64 row, int column);
extern Datum ts_datum(uint64 row, int column);
extern Datum ts_datum_copy(uint64 row, int column, MemoryContext context);
extern char *ts_text(uint64 row, int column, MemoryContext context);
extern int32 ts_int4(uint64 row, int column);
extern int64 ts_int8(uint64 row, int column);
extern bool ts_bool(uint64 row, int column);

/*
 * What a message lists: at most TS_LIST_MAX values of a column of the rows
 * just read, of each at most TS_LIST_WIDTH characters, and how many more there
 * are.
 */
#define TS_LIST_MAX 20
#define TS_LIST_WIDTH 200
extern char *ts_list(int column);

/* Arguments of an SQL-callable function that must not be NULL */
extern void ts_require(FunctionCallInfo fcinfo, int argument, const char *name);
extern char *ts_text_argument(FunctionCallInfo fcinfo, int argument,
							  const char *name);

/* SPI_connect and SPI_finish with their errors */
extern void ts_connect(void);
extern void ts_finish(void);

#endif							/* TS_QUERY_H */
