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

#include "access/tupdesc.h"
#include "fmgr.h"
#include "utils/date.h"
#include "utils/tuplestore.h"

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
extern void ts_arg_int8_array(ts_args *args, int n, const int64 *values);

/* The same as arrays, allocated in the current context */
extern Datum ts_int8_array(int n, const int64 *values);
extern Datum ts_int4_array(int n, const int32 *values);

/* Runs a statement; its rows are then read by row (from 0) and column (from 1) */
extern uint64 ts_run(const char *sql, const ts_args *args, bool read_only);

/*
 * The same for a statement that looks up rows by lists of keys, with one index
 * lookup a key: its cost follows the keys and not the size of the table, and it
 * does not hang on statistics, which say nothing yet about a plan just loaded.
 */
extern int	ts_begin_many(void);
extern uint64 ts_run_keyed(const char *sql, const ts_args *args);
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

extern char *ts_relation_name(Oid relid, const char *argument, MemoryContext context);

/* An argument that must be one of a list of words, which ends with NULL */
extern char *ts_word_argument(FunctionCallInfo fcinfo, int argument, const char *name,
							  const char *const *words);

/* Sets target_split.reason until the function ends, unless the argument is NULL */
extern void ts_reason_argument(FunctionCallInfo fcinfo, int argument);

/* The tuplestore and its row type of a function that returns a set */
extern Tuplestorestate *ts_begin_rows(FunctionCallInfo fcinfo, TupleDesc *desc);

/* Adds the rows just read to it */
extern void ts_put_rows(Tuplestorestate *store);

/* Runs a statement like ts_run_keyed, or with many rows to join, and adds its rows, a part at a time */
extern void ts_put_query(Tuplestorestate *store, const char *sql, const ts_args *args, bool many);

/*
 * Lets statements read a tuplestore of n rows by a name, until
 * SPI_unregister_relation() or ts_finish().  The server knows how many rows there
 * are, which it does not of a recursive query.
 */
extern void ts_register_rows(const char *name, Tuplestorestate *store, TupleDesc desc, double n);

/*
 * What a query saw, and by whom.  What a function keeps of the tables between its
 * calls is good only for as long: an expression of PL/pgSQL lives for a whole
 * transaction.
 */
typedef struct ts_seen
{
	uint64		completed;
	TransactionId xmax;
	CommandId	command;
	Oid			role;
} ts_seen;

extern ts_seen ts_see(void);
extern bool ts_still_seen(const ts_seen *seen);

/* SPI_connect and SPI_finish with their errors */
extern void ts_connect(void);
extern void ts_finish(void);

#endif							/* TS_QUERY_H */
