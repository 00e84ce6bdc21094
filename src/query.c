/*-------------------------------------------------------------------------
 *
 * query.c
 *	  Short forms for running SQL from C through SPI.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/queryenvironment.h"

#include "query.h"

/*
 * Adds one argument.  Zero the struct before the first.
 */
void
ts_arg(ts_args *args, Oid type, Datum value, bool isnull)
{
	if (args->n >= TS_MAX_ARGS)
		elog(ERROR, "too many arguments for a statement");
	args->types[args->n] = type;
	args->values[args->n] = value;
	args->nulls[args->n] = isnull ? 'n' : ' ';
	args->n++;
}

/* A text argument; NULL for an SQL NULL */
void
ts_arg_text(ts_args *args, const char *value)
{
	ts_arg(args, TEXTOID, value ? CStringGetTextDatum(value) : (Datum) 0, value == NULL);
}

void
ts_arg_int4(ts_args *args, int32 value)
{
	ts_arg(args, INT4OID, Int32GetDatum(value), false);
}

void
ts_arg_int8(ts_args *args, int64 value)
{
	ts_arg(args, INT8OID, Int64GetDatum(value), false);
}

void
ts_arg_date(ts_args *args, DateADT value)
{
	ts_arg(args, DATEOID, DateADTGetDatum(value), false);
}

Datum
ts_int8_array(int n, const int64 *values)
{
	Datum	   *datums = palloc_extended(sizeof(Datum) * (Size) Max(n, 1), MCXT_ALLOC_HUGE);
	ArrayType  *array;

	for (int i = 0; i < n; i++)
		datums[i] = Int64GetDatum(values[i]);
	array = construct_array(datums, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	pfree(datums);
	return PointerGetDatum(array);
}

Datum
ts_int4_array(int n, const int32 *values)
{
	Datum	   *datums = palloc_extended(sizeof(Datum) * (Size) Max(n, 1), MCXT_ALLOC_HUGE);
	ArrayType  *array;

	for (int i = 0; i < n; i++)
		datums[i] = Int32GetDatum(values[i]);
	array = construct_array(datums, n, INT4OID, sizeof(int32), true, TYPALIGN_INT);
	pfree(datums);
	return PointerGetDatum(array);
}

void
ts_arg_int8_array(ts_args *args, int n, const int64 *values)
{
	ts_arg(args, INT8ARRAYOID, ts_int8_array(n, values), false);
}

/*
 * Runs a statement and returns the number of rows; the rows stay in
 * SPI_tuptable until the next statement.
 */
uint64
ts_run(const char *sql, const ts_args *args, bool read_only)
{
	int			result;

	if (args)
		result = SPI_execute_with_args(sql, args->n, (Oid *) args->types,
									   (Datum *) args->values,
									   args->nulls, read_only, 0);
	else
		result = SPI_execute(sql, read_only, 0);
	if (result < 0)
		elog(ERROR, "statement failed: %s: %s", SPI_result_code_string(result), sql);
	return SPI_processed;
}

static void
set_locally(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Settings under which a plan looks up keys */
static int
begin_keyed(void)
{
	int			guc_level = NewGUCNestLevel();

	set_locally("enable_hashjoin", "off");
	set_locally("enable_mergejoin", "off");
	set_locally("enable_seqscan", "off");
	set_locally("enable_bitmapscan", "off");
	return guc_level;
}

/*
 * Settings under which many rows are not joined row by row.  Statistics of a
 * table that was filled a moment ago may say that it has one row.  The result is
 * for AtEOXact_GUC(true, ...).
 */
int
ts_begin_many(void)
{
	int			guc_level = NewGUCNestLevel();

	set_locally("enable_nestloop", "off");
	return guc_level;
}

uint64
ts_run_keyed(const char *sql, const ts_args *args)
{
	int			guc_level = begin_keyed();
	uint64		n = ts_run(sql, args, false);

	AtEOXact_GUC(true, guc_level);
	return n;
}

bool
ts_isnull(uint64 row, int column)
{
	bool		isnull;

	(void) SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);
	return isnull;
}

/* The value of a column that is not NULL, valid until the next statement */
Datum
ts_datum(uint64 row, int column)
{
	bool		isnull;
	Datum		value;

	value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);
	if (isnull)
		elog(ERROR, "unexpected null in column %d", column);
	return value;
}

/* The same, copied to a context of the caller's */
Datum
ts_datum_copy(uint64 row, int column, MemoryContext context)
{
	Form_pg_attribute att = TupleDescAttr(SPI_tuptable->tupdesc, column - 1);
	MemoryContext old = MemoryContextSwitchTo(context);
	Datum		value = datumCopy(ts_datum(row, column), att->attbyval, att->attlen);

	MemoryContextSwitchTo(old);
	return value;
}

/* The value as a C string in a context of the caller's, NULL for an SQL NULL */
char *
ts_text(uint64 row, int column, MemoryContext context)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

	return value ? MemoryContextStrdup(context, value) : NULL;
}

int32
ts_int4(uint64 row, int column)
{
	return DatumGetInt32(ts_datum(row, column));
}

int64
ts_int8(uint64 row, int column)
{
	return DatumGetInt64(ts_datum(row, column));
}

bool
ts_bool(uint64 row, int column)
{
	return DatumGetBool(ts_datum(row, column));
}

/* Appends a value, but of a very long one only its beginning */
static void
append_cut(StringInfo to, const char *value)
{
	int			len = (int) strlen(value);
	int			cut = pg_mbcharcliplen(value, len, TS_LIST_WIDTH);

	appendBinaryStringInfo(to, value, cut);
	if (cut < len)
		appendStringInfoString(to, "...");
}

/*
 * The first values of a column as a message shows them: "a, b, c and 4 more".
 */
char *
ts_list(int column)
{
	StringInfoData list;
	uint64		n = SPI_processed;

	initStringInfo(&list);
	for (uint64 row = 0; row < n && row < TS_LIST_MAX; row++)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[row],
										 SPI_tuptable->tupdesc, column);

		if (row > 0)
			appendStringInfoString(&list, ", ");
		if (value)
			append_cut(&list, value);
	}
	if (n > TS_LIST_MAX)
		appendStringInfo(&list, " and " UINT64_FORMAT " more", n - TS_LIST_MAX);
	return list.data;
}

/* An error if an argument is NULL */
void
ts_require(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
}

/* The name of the table or view that an argument gives, with its schema and quoted */
char *
ts_relation_name(Oid relid, const char *argument, MemoryContext context)
{
	ts_args		args = {0};

	ts_arg(&args, OIDOID, ObjectIdGetDatum(relid), false);
	if (ts_run("SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)"
			   " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
			   " WHERE c.oid = $1 AND c.relkind IN ('r', 'v', 'm', 'f', 'p')", &args, true) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("argument \"%s\" must be a table or a view", argument)));
	return ts_text(0, 1, context);
}

/* The value of a text argument that must not be NULL */
char *
ts_text_argument(FunctionCallInfo fcinfo, int argument, const char *name)
{
	ts_require(fcinfo, argument, name);
	return text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

char *
ts_word_argument(FunctionCallInfo fcinfo, int argument, const char *name, const char *const *words)
{
	char	   *value = ts_text_argument(fcinfo, argument, name);
	StringInfoData hint;

	initStringInfo(&hint);
	for (int i = 0; words[i]; i++)
	{
		if (strcmp(value, words[i]) == 0)
			return value;
		appendStringInfo(&hint, "%s%s => '%s'", i > 0 ? (words[i + 1] ? ", " : " or ") : "",
						 name, words[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("value \"%s\" of argument \"%s\" is not one of its words", value, name),
			 errhint("%s", hint.data)));
	return NULL;				/* keep the compiler quiet */
}

/* The functions that call this have a SET clause, at whose end it is undone */
void
ts_reason_argument(FunctionCallInfo fcinfo, int argument)
{
	if (!PG_ARGISNULL(argument))
		set_locally("target_split.reason", text_to_cstring(PG_GETARG_TEXT_PP(argument)));
}

/* Called before ts_connect(), for the rows outlive the call */
Tuplestorestate *
ts_begin_rows(FunctionCallInfo fcinfo, TupleDesc *desc)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (!rsinfo || !IsA(rsinfo, ReturnSetInfo) || !(rsinfo->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	*desc = CreateTupleDescCopy(*desc);
	rsinfo->setDesc = *desc;
	rsinfo->setResult = tuplestore_begin_heap(true, false, work_mem);
	rsinfo->returnMode = SFRM_Materialize;
	MemoryContextSwitchTo(old);
	return rsinfo->setResult;
}

void
ts_put_rows(Tuplestorestate *store)
{
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		CHECK_FOR_INTERRUPTS();
		tuplestore_puttuple(store, SPI_tuptable->vals[row]);
	}
}

void
ts_put_query(Tuplestorestate *store, const char *sql, const ts_args *args, bool many)
{
	int			guc_level = many ? ts_begin_many() : begin_keyed();
	Portal		portal = SPI_cursor_open_with_args(NULL, sql, args->n, (Oid *) args->types,
												   (Datum *) args->values, args->nulls, false, 0);

	/* the plan is made */
	AtEOXact_GUC(true, guc_level);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, 10000);
		if (SPI_processed == 0)
			break;
		ts_put_rows(store);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
}

void
ts_register_rows(const char *name, Tuplestorestate *store, TupleDesc desc, double n)
{
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));

	enr->md.name = pstrdup(name);
	enr->md.reliddesc = InvalidOid;
	enr->md.tupdesc = desc;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	enr->md.enrtuples = n;
	enr->reldata = store;
	if (SPI_register_relation(enr) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not register \"%s\"", name);
}

/* What the statement at hand sees */
ts_seen
ts_see(void)
{
	Snapshot	snapshot = GetActiveSnapshot();
	ts_seen		seen;

	seen.completed = snapshot->snapXactCompletionCount;
	seen.xmax = snapshot->xmax;
	seen.command = snapshot->curcid;
	seen.role = GetUserId();
	return seen;
}

/* Would what was read then be the same if it were read now? */
bool
ts_still_seen(const ts_seen *seen)
{
	ts_seen		now = ts_see();

	return now.completed == seen->completed && now.xmax == seen->xmax &&
		now.command == seen->command && now.role == seen->role;
}

void
ts_connect(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
}

void
ts_finish(void)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "could not finish SPI");
}
