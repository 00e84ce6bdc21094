/*-------------------------------------------------------------------------
 *
 * calendar.c
 *	  Calendars as the database keeps them, and the periods of a span.
 *
 * Glossary
 *	  calendar	a row of target_split.calendar: the rules by which days make
 *				periods, loaded into a ts_calendar_rule
 *	  grain		year, half, quarter, month, week or day
 *	  span		the days that periods are asked for
 *
 * Method
 *	  The table is read through SPI, so with the rights of the calling role
 *	  and under row-level security.  The plans are kept for the session.  All
 *	  counting of days is done by engine/calendar.c.
 *
 *	  periods() makes a row a call, so that a LIMIT above the list of a SELECT
 *	  ends it.  In FROM the server collects the rows of any function before it
 *	  hands out the first, those of generate_series() too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/rangetypes.h"
#include "utils/typcache.h"

#include "calendar.h"
#include "target_split.h"
#include "workdays.h"

#define PERIODS_NARGS	3
#define PERIODS_NCOLS	5

/*
 * A daterange [lower, upper) as it is stored.  All periods have the same
 * shape, so one buffer serves them all, which makes a row of days about as
 * cheap as one of generate_series().  The layout is the type's format on disk
 * (rangetypes.c, range_serialize); it cannot change between server versions.
 */
#define PERIOD_RANGE_SIZE	(sizeof(RangeType) + 2 * sizeof(DateADT) + 1)

/* What a span is, as far as anybody needs to know. */
typedef enum SpanKind
{
	SPAN_FINITE,
	SPAN_EMPTY,
	SPAN_UNBOUNDED
} SpanKind;

PG_FUNCTION_INFO_V1(target_split_periods);
PG_FUNCTION_INFO_V1(target_split_periods_support);
PG_FUNCTION_INFO_V1(target_split_add_calendar);
PG_FUNCTION_INFO_V1(target_split_period_label);

/*
 * Runs a query for one calendar with one argument; false if there is none.
 */
static bool
calendar_fetch(SPIPlanPtr *plan, const char *query, Oid argtype, Datum arg,
			   ts_calendar_rule *rule, int32 *calendar_id)
{
	bool		found;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");

	if (*plan == NULL)
	{
		SPIPlanPtr	made = SPI_prepare(query, 1, &argtype);

		if (made == NULL)
			elog(ERROR, "SPI_prepare failed for \"%s\": %s",
				 query, SPI_result_code_string(SPI_result));
		if (SPI_keepplan(made) != 0)
			elog(ERROR, "SPI_keepplan failed");
		*plan = made;
	}

	/* read-only: the calendar as the calling statement sees it */
	if (SPI_execute_plan(*plan, &arg, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed for \"%s\"", query);

	found = SPI_processed == 1;
	if (found)
	{
		HeapTuple	tuple = SPI_tuptable->vals[0];
		TupleDesc	tupdesc = SPI_tuptable->tupdesc;
		bool		isnull;

		*calendar_id = DatumGetInt32(SPI_getbinval(tuple, tupdesc, 1, &isnull));
		rule->first_month = DatumGetInt16(SPI_getbinval(tuple, tupdesc, 2, &isnull));
		rule->label_by_end = DatumGetBool(SPI_getbinval(tuple, tupdesc, 3, &isnull));
		rule->week_start = DatumGetInt16(SPI_getbinval(tuple, tupdesc, 4, &isnull));
	}

	SPI_finish();
	return found;
}

/*
 * Looks a calendar up by its name; false if there is none.
 */
static bool
calendar_find(const char *name, ts_calendar_rule *rule, int32 *calendar_id)
{
	static SPIPlanPtr plan = NULL;

	return calendar_fetch(&plan,
						  "SELECT c.calendar_id, c.first_month,"
						  " c.label_by OPERATOR(pg_catalog.=) 'end', c.week_start"
						  " FROM " TS_SCHEMA ".calendar AS c"
						  " WHERE c.name OPERATOR(pg_catalog.=) $1",
						  TEXTOID, CStringGetTextDatum(name), rule, calendar_id);
}

/*
 * Loads a calendar by its name, an error if there is none.
 */
void
ts_calendar_load_by_name(const char *name, ts_calendar_rule *rule,
						 int32 *calendar_id)
{
	if (!calendar_find(name, rule, calendar_id))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("calendar \"%s\" does not exist", name),
				 errhint("Make it with the month its fiscal year starts in: "
						 "SELECT " TS_SCHEMA ".add_calendar(%s, first_month => 1);",
						 quote_literal_cstr(name))));
}

/*
 * Loads a calendar by its key, an error if there is none.
 */
void
ts_calendar_load_by_id(int32 calendar_id, ts_calendar_rule *rule)
{
	static SPIPlanPtr plan = NULL;
	int32		found_id;

	if (!calendar_fetch(&plan,
						"SELECT c.calendar_id, c.first_month,"
						" c.label_by OPERATOR(pg_catalog.=) 'end', c.week_start"
						" FROM " TS_SCHEMA ".calendar AS c"
						" WHERE c.calendar_id OPERATOR(pg_catalog.=) $1",
						INT4OID, Int32GetDatum(calendar_id), rule, &found_id))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("calendar with ID %d does not exist", calendar_id),
				 errhint("See the calendars with: TABLE " TS_SCHEMA ".calendar; "
						 "make one with: SELECT " TS_SCHEMA ".add_calendar('fiscal', first_month => 4);")));
}

/*
 * Takes a daterange apart.  Canonical dateranges are [lower, upper), but for
 * 'infinity', which is a date yet bounds nothing.
 */
static SpanKind
span_bounds(const RangeType *span, DateADT *lower, DateADT *upper)
{
	TypeCacheEntry *typcache;
	RangeBound	lower_bound;
	RangeBound	upper_bound;
	bool		empty;

	typcache = lookup_type_cache(RangeTypeGetOid(span), TYPECACHE_RANGE_INFO);
	range_deserialize(typcache, span, &lower_bound, &upper_bound, &empty);
	if (empty)
		return SPAN_EMPTY;
	if (lower_bound.infinite || upper_bound.infinite)
		return SPAN_UNBOUNDED;

	*lower = DatumGetDateADT(lower_bound.val);
	*upper = DatumGetDateADT(upper_bound.val);
	if (DATE_NOT_FINITE(*lower) || DATE_NOT_FINITE(*upper))
		return SPAN_UNBOUNDED;
	return SPAN_FINITE;
}

/*
 * A span as a user writes it.
 */
static char *
span_out(const RangeType *span)
{
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(RangeTypeGetOid(span), &output, &is_varlena);
	return OidOutputFunctionCall(output, RangeTypePGetDatum(span));
}

/*
 * Refuses a NULL for an argument that has no meaning without a value.
 */
static void
require_argument(FunctionCallInfo fcinfo, int argno, const char *name,
				 const char *hint)
{
	if (PG_ARGISNULL(argno))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name),
				 errhint("%s", hint)));
}

/*
 * Names the grains for a hint, from the engine's own list.
 */
static char *
list_grains(void)
{
	StringInfoData buf;
	int			i;

	initStringInfo(&buf);
	for (i = 0; i < TS_GRAIN_COUNT; i++)
		appendStringInfo(&buf, "%s%s",
						 i == 0 ? "" : i == TS_GRAIN_COUNT - 1 ? " and " : ", ",
						 ts_grain_name((ts_grain) i));
	return buf.data;
}

/*
 * What periods() keeps between its rows: how far it has come, and the values
 * of a row, which are filled anew for each.
 */
typedef struct periods_state
{
	ts_grain	grain;
	ts_calendar_rule rule;
	DateADT		lower;			/* the span */
	DateADT		upper;
	DateADT		day;			/* first day of the next period */
	RangeType  *range;
	text	   *label;
} periods_state;

/*
 * Reads the arguments of periods() into what it keeps, allocated in the
 * current context.
 */
static periods_state *
periods_start(FunctionCallInfo fcinfo)
{
	periods_state *state = palloc0(sizeof(periods_state));
	RangeType  *span;
	char	   *grain_name;
	int32		calendar_id;

	require_argument(fcinfo, 0, "span",
					 "Give the days as a range, for example '[2024-01-01,2025-01-01)'.");
	require_argument(fcinfo, 1, "grain",
					 psprintf("Grains are %s.", list_grains()));
	require_argument(fcinfo, 2, "calendar",
					 "Leave it out for the calendar 'gregorian'.");
	span = PG_GETARG_RANGE_P(0);
	grain_name = text_to_cstring(PG_GETARG_TEXT_PP(1));

	switch (span_bounds(span, &state->lower, &state->upper))
	{
		case SPAN_EMPTY:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("span is empty"),
					 errdetail("An empty range has no day, so no period."),
					 errhint("A range that ends with a day it includes is written with a square bracket, for example '[2024-01-01,2024-12-31]'.")));
			break;
		case SPAN_UNBOUNDED:
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					 errmsg("span has no bound"),
					 errdetail("The span is %s.", span_out(span)),
					 errhint("Give both the first and the last day, for example '[2024-01-01,2024-12-31]'.")));
			break;
		case SPAN_FINITE:
			break;
	}
	if (!ts_grain_from_name(grain_name, &state->grain))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("grain \"%s\" does not exist", grain_name),
				 errhint("Grains are %s.", list_grains())));
	ts_calendar_load_by_name(text_to_cstring(PG_GETARG_TEXT_PP(2)), &state->rule, &calendar_id);

	state->day = state->lower;
	state->range = palloc0(PERIOD_RANGE_SIZE);
	SET_VARSIZE(state->range, PERIOD_RANGE_SIZE);
	state->range->rangetypid = RangeTypeGetOid(span);
	((char *) state->range)[PERIOD_RANGE_SIZE - 1] = RANGE_LB_INC;
	state->label = palloc(VARHDRSZ + TS_PERIOD_LABEL_SIZE);
	return state;
}

/*
 * periods(span daterange, grain text, calendar text)
 *	  RETURNS TABLE (period daterange, label text, period_start date,
 *					 period_end date, days integer)
 *
 * The periods of a grain that a span is made of, in order of time.  The first
 * and the last are clipped to the span; labels are those of whole periods.
 */
Datum
target_split_periods(PG_FUNCTION_ARGS)
{
	FuncCallContext *funcctx;
	periods_state *state;
	int32_t		start;
	int32_t		end;
	char	   *range_dates;
	Datum		values[PERIODS_NCOLS];
	bool		nulls[PERIODS_NCOLS] = {false};

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc	desc;

		funcctx = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE ||
			desc->natts != PERIODS_NCOLS)
			elog(ERROR, "periods() is not declared with %d columns", PERIODS_NCOLS);
		funcctx->tuple_desc = BlessTupleDesc(desc);
		funcctx->user_fctx = periods_start(fcinfo);
		MemoryContextSwitchTo(old);
	}
	funcctx = SRF_PERCALL_SETUP();
	state = funcctx->user_fctx;

	CHECK_FOR_INTERRUPTS();
	if (state->day >= state->upper)
		SRF_RETURN_DONE(funcctx);

	ts_period_bounds(&state->rule, state->grain, state->day, &start, &end);
	SET_VARSIZE(state->label, VARHDRSZ +
				ts_period_label(&state->rule, state->grain, start,
								VARDATA(state->label), TS_PERIOD_LABEL_SIZE));
	start = Max(start, state->lower);
	end = Min(end, state->upper);
	range_dates = (char *) state->range + sizeof(RangeType);
	memcpy(range_dates, &start, sizeof(DateADT));
	memcpy(range_dates + sizeof(DateADT), &end, sizeof(DateADT));
	values[0] = RangeTypePGetDatum(state->range);
	values[1] = PointerGetDatum(state->label);
	values[2] = DateADTGetDatum(start);
	values[3] = DateADTGetDatum(end - 1);
	values[4] = Int32GetDatum(end - start);
	state->day = end;
	SRF_RETURN_NEXT(funcctx, HeapTupleGetDatum(heap_form_tuple(funcctx->tuple_desc, values, nulls)));
}

/*
 * Planner support of periods(): how many rows it returns.
 *
 * The number of average periods that the span holds, which is exact for spans
 * of whole periods and hardly depends on the calendar.  A span that is not
 * known yet, such as a column of a plan, is taken for a year.
 */
Datum
target_split_periods_support(PG_FUNCTION_ARGS)
{
	Node	   *rawreq = (Node *) PG_GETARG_POINTER(0);
	SupportRequestRows *req;
	List	   *args;
	Node	   *span;
	Node	   *grain;
	ts_grain	g;
	DateADT		lower;
	DateADT		upper;
	double		days = ts_grain_average_days(TS_GRAIN_YEAR);

	if (!IsA(rawreq, SupportRequestRows))
		PG_RETURN_POINTER(NULL);

	req = (SupportRequestRows *) rawreq;
	if (!is_funcclause(req->node))
		PG_RETURN_POINTER(NULL);
	args = ((FuncExpr *) req->node)->args;
	if (list_length(args) != PERIODS_NARGS)
		PG_RETURN_POINTER(NULL);

	/* errors are the executor's to report: say nothing about bad arguments */
	grain = estimate_expression_value(req->root, lsecond(args));
	if (!IsA(grain, Const) || ((Const *) grain)->constisnull ||
		!ts_grain_from_name(TextDatumGetCString(((Const *) grain)->constvalue), &g))
		PG_RETURN_POINTER(NULL);

	span = estimate_expression_value(req->root, linitial(args));
	if (IsA(span, Const))
	{
		if (((Const *) span)->constisnull ||
			span_bounds(DatumGetRangeTypeP(((Const *) span)->constvalue),
						&lower, &upper) != SPAN_FINITE)
			PG_RETURN_POINTER(NULL);
		days = (double) upper - lower;
	}

	req->rows = Max(1.0, rint(days / ts_grain_average_days(g)));
	PG_RETURN_POINTER(req);
}

/*
 * Inserts a calendar; false if one of that name came first, in this statement
 * or in another session.
 */
static bool
calendar_insert(Datum *values, char *nulls, int32 *calendar_id)
{
	Oid			argtypes[9] = {TEXTOID, INT4OID, TEXTOID, INT4OID, TEXTOID, TEXTOID, INT4OID, TEXTOID, NUMERICARRAYOID};
	bool		inserted;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args("INSERT INTO " TS_SCHEMA ".calendar"
							  " (name, first_month, label_by, week_start, pattern, year_end, week_53, country, day_weights)"
							  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
							  " ON CONFLICT (name) DO NOTHING"
							  " RETURNING calendar_id",
							  lengthof(argtypes), argtypes, values, nulls, false, 0) != SPI_OK_INSERT_RETURNING)
		elog(ERROR, "could not insert a calendar");

	inserted = SPI_processed == 1;
	if (inserted)
	{
		bool		isnull;

		*calendar_id = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0],
												   SPI_tuptable->tupdesc,
												   1, &isnull));
	}
	SPI_finish();
	return inserted;
}

/*
 * add_calendar(name text, first_month integer, label_by text,
 *				week_start integer) RETURNS integer
 *
 * Makes a calendar and returns its ID.  The table's constraints say the same
 * as the errors here, which name the cure.
 */
Datum
target_split_add_calendar(PG_FUNCTION_ARGS)
{
	char	   *name;
	int32		first_month;
	char	   *label_by;
	int32		week_start;
	int32		calendar_id;
	ts_calendar_rule rule;
	Datum		values[9];
	char		nulls[9];

	require_argument(fcinfo, 0, "name",
					 "Give the calendar a name, for example 'fiscal'.");
	require_argument(fcinfo, 1, "first_month",
					 "Leave it out for a fiscal year that starts in January.");
	require_argument(fcinfo, 2, "label_by",
					 "Leave it out to name a fiscal year by the year it ends in.");
	require_argument(fcinfo, 3, "week_start",
					 "Leave it out for weeks that start on Monday.");
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	first_month = PG_GETARG_INT32(1);
	label_by = text_to_cstring(PG_GETARG_TEXT_PP(2));
	week_start = PG_GETARG_INT32(3);

	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("name of a calendar must not be empty"),
				 errhint("Give the calendar a name, for example 'fiscal'.")));
	if (first_month < 1 || first_month > 12)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("first month of calendar \"%s\" is out of range", name),
				 errdetail("The first month is %d; months are 1 to 12.", first_month),
				 errhint("For a fiscal year from April write first_month => 4.")));
	if (strcmp(label_by, "start") != 0 && strcmp(label_by, "end") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fiscal years of calendar \"%s\" cannot be labelled by \"%s\"",
						name, label_by),
				 errhint("Write label_by => 'start' or label_by => 'end', the calendar year that a fiscal year is named by.")));
	if (week_start < 1 || week_start > 7)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("week start of calendar \"%s\" is out of range", name),
				 errdetail("The week start is %d; days are 1 for Monday to 7 for Sunday.", week_start),
				 errhint("For weeks from Sunday write week_start => 7.")));
	ts_workdays_check_calendar(name, PG_ARGISNULL(8) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(8)),
							   PG_ARGISNULL(9) ? NULL : PG_GETARG_ARRAYTYPE_P(9));

	/* periods_from, argument 7, is no column */
	for (int i = 0; i < 9; i++)
	{
		int			argument = i < 7 ? i : i + 1;

		values[i] = PG_GETARG_DATUM(argument);
		nulls[i] = PG_ARGISNULL(argument) ? 'n' : ' ';
	}
	if (calendar_find(name, &rule, &calendar_id) ||
		!calendar_insert(values, nulls, &calendar_id))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("calendar \"%s\" already exists", name),
				 errhint("Choose another name, or look at it: SELECT * FROM " TS_SCHEMA ".calendar WHERE name = %s;",
						 quote_literal_cstr(name))));

	PG_RETURN_INT32(calendar_id);
}

/*
 * period_label(grain, day, first_month, label_by, week_start)
 *
 * Label of the period of a grain that holds a day, by the rule of a calendar's
 * row; NULL for what is not a grain.  Views use it, so it is strict and reads
 * no table.
 */
Datum
target_split_period_label(PG_FUNCTION_ARGS)
{
	ts_calendar_rule rule;
	ts_grain	grain;
	DateADT		day = PG_GETARG_DATEADT(1);
	char		label[TS_PERIOD_LABEL_SIZE];

	if (!ts_grain_from_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), &grain) ||
		DATE_NOT_FINITE(day))
		PG_RETURN_NULL();
	rule.first_month = PG_GETARG_INT16(2);
	rule.label_by_end = strcmp(text_to_cstring(PG_GETARG_TEXT_PP(3)), "end") == 0;
	rule.week_start = PG_GETARG_INT16(4);
	ts_period_label(&rule, grain, day, label, sizeof(label));
	PG_RETURN_TEXT_P(cstring_to_text(label));
}
