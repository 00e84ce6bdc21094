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
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rangetypes.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

#include "calendar.h"
#include "query.h"
#include "target_split.h"
#include "workdays.h"

#define CUSTOM_PATTERN	"custom"

/* the periods of a calendar of that pattern, by its key */
#define LISTED_PERIODS \
	"SELECT c.grain, pg_catalog.lower(c.period), pg_catalog.upper(c.period) OPERATOR(pg_catalog.-) 1, c.label" \
	" FROM " TS_SCHEMA ".calendar_period AS c WHERE c.calendar_id OPERATOR(pg_catalog.=) %d"

#define PERIODS_NARGS	3
#define PERIODS_NCOLS	8

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
PG_FUNCTION_INFO_V1(target_split_period_number);
PG_FUNCTION_INFO_V1(target_split_period_of);
PG_FUNCTION_INFO_V1(target_split_period_within);
PG_FUNCTION_INFO_V1(target_split_calendar_guard);

/*
 * The months of a pattern, as add_calendar() and the table's constraint know
 * them; week_53 is from 1, 0 for the last month.
 */
static void
set_pattern(ts_calendar_rule *rule, const char *pattern, int week_53)
{
	static const struct
	{
		const char *name;
		int			n_months;
		int			weeks[3];
	}			patterns[] = {
		{"4-4-5", 12, {4, 4, 5}},
		{"4-5-4", 12, {4, 5, 4}},
		{"5-4-4", 12, {5, 4, 4}},
		{"13x4", 13, {4, 4, 4}}
	};

	for (int i = 0; i < (int) lengthof(patterns); i++)
		if (strcmp(pattern, patterns[i].name) == 0)
		{
			rule->n_months = patterns[i].n_months;
			for (int month = 0; month < rule->n_months; month++)
				rule->month_weeks[month] = patterns[i].weeks[month % 3];
			rule->month_53 = (week_53 > 0 ? week_53 : rule->n_months) - 1;
		}
}

/* A day in ISO format, whatever the session's style is */
char *
ts_date_text(DateADT day)
{
	int			year,
				month,
				mday;

	if (DATE_IS_NOBEGIN(day))
		return pstrdup("-infinity");
	if (DATE_IS_NOEND(day))
		return pstrdup("infinity");
	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
	if (year <= 0)
		return psprintf("%04d-%02d-%02d BC", 1 - year, month, mday);
	return psprintf("%04d-%02d-%02d", year, month, mday);
}

/* A listed period, as it is read */
typedef struct listed_row
{
	ts_grain	grain;
	DateADT		start;
	DateADT		end;			/* the day after the last */
	const char *label;
} listed_row;

static int
compare_listed(const void *a, const void *b)
{
	const listed_row *x = a;
	const listed_row *y = b;

	if (x->grain != y->grain)
		return x->grain < y->grain ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

static int
compare_days(const void *a, const void *b)
{
	int32_t		x = *(const int32_t *) a;
	int32_t		y = *(const int32_t *) b;

	return x < y ? -1 : x > y;
}

/* A period for a message: month "P01" (2024-01-01 to 2024-01-28) */
static char *
listed_text(const listed_row *row)
{
	return psprintf("%s \"%s\" (%s to %s)", ts_grain_name(row->grain), row->label,
					ts_date_text(row->start), ts_date_text(row->end - 1));
}

/*
 * Reads a row of a list of periods: grain, first day, last day, label.
 */
static void
read_listed(uint64 row, const char *calendar, MemoryContext context, listed_row *listed)
{
	HeapTuple	tuple = SPI_tuptable->vals[row];
	TupleDesc	desc = SPI_tuptable->tupdesc;
	char	   *grain = SPI_getvalue(tuple, desc, 1);
	char	   *label = SPI_getvalue(tuple, desc, 4);
	bool		no_start;
	bool		no_end;

	listed->start = DatumGetDateADT(SPI_getbinval(tuple, desc, 2, &no_start));
	listed->end = DatumGetDateADT(SPI_getbinval(tuple, desc, 3, &no_end));
	if (!grain || !label || no_start || no_end || label[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a period of calendar \"%s\" is not complete", calendar),
				 errdetail("Its grain is %s, its days are from %s to %s, its label is %s.",
						   grain ? quote_literal_cstr(grain) : "NULL",
						   no_start ? "NULL" : ts_date_text(listed->start), no_end ? "NULL" : ts_date_text(listed->end),
						   label ? quote_literal_cstr(label) : "NULL"),
				 errhint("Each period needs a grain, a period_start, a period_end (its last day) and a label.")));
	if (!ts_grain_from_name(grain, &listed->grain) || listed->grain == TS_GRAIN_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("period \"%s\" of calendar \"%s\" is of grain \"%s\"", label, calendar, grain),
				 errhint("Grains that may be listed are year, half, quarter, month and week.")));
	if (DATE_NOT_FINITE(listed->start) || DATE_NOT_FINITE(listed->end))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("period \"%s\" of calendar \"%s\" has no bound", label, calendar),
				 errdetail("It is from %s to %s.", ts_date_text(listed->start), ts_date_text(listed->end)),
				 errhint("Give both its first and its last day; what comes after can be added when it is known.")));
	if (listed->start > listed->end)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("period \"%s\" of calendar \"%s\" has no days", label, calendar),
				 errdetail("It is from %s to %s.", ts_date_text(listed->start), ts_date_text(listed->end)),
				 errhint("period_end is the last day, inclusive.")));
	if (strlen(label) >= TS_PERIOD_LABEL_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("label \"%s\" of calendar \"%s\" is too long", label, calendar),
				 errdetail("Labels have at most %d bytes.", TS_PERIOD_LABEL_SIZE - 1)));
	listed->end++;
	listed->label = MemoryContextStrdup(context, label);
}

static int
compare_labels(const void *a, const void *b)
{
	const listed_row *x = *(const listed_row *const *) a;
	const listed_row *y = *(const listed_row *const *) b;
	int			order = x->grain != y->grain ? (x->grain < y->grain ? -1 : 1) : strcmp(x->label, y->label);

	return order != 0 ? order : x->start < y->start ? -1 : x->start > y->start;
}

/* A label names one period of a grain */
static void
refuse_same_labels(const listed_row *rows, int n, const char *calendar)
{
	const listed_row **sorted = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(listed_row *) * n);

	for (int i = 0; i < n; i++)
		sorted[i] = &rows[i];
	qsort(sorted, n, sizeof(listed_row *), compare_labels);
	for (int i = 1; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (sorted[i]->grain == sorted[i - 1]->grain && strcmp(sorted[i]->label, sorted[i - 1]->label) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNIQUE_VIOLATION),
					 errmsg("periods of calendar \"%s\" have the same label", calendar),
					 errdetail("There are %s and %s.", listed_text(sorted[i - 1]), listed_text(sorted[i])),
					 errhint("Put the year into the label, for example 'FY24-P01'.")));
	}
	pfree(sorted);
}

/*
 * Reads the periods that a query lists, checks that they are a calendar, and
 * returns them; NULL if there are none.  The table lives in the context.
 * Read-only: as the calling statement sees them.
 */
static ts_calendar_table *
read_periods(const char *sql, bool read_only, const char *calendar, MemoryContext context)
{
	ts_calendar_table *table;
	listed_row *rows;
	int			n;
	int			finest = 0;

	if (SPI_execute(sql, read_only, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed for \"%s\"", sql);
	n = (int) Min(SPI_processed, (uint64) PG_INT32_MAX);
	if (n == 0)
		return NULL;
	rows = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(listed_row) * n);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read_listed(i, calendar, context, &rows[i]);
	}
	qsort(rows, n, sizeof(listed_row), compare_listed);

	/* within a grain, one after the other */
	for (int i = 1; i < n; i++)
	{
		const listed_row *last = &rows[i - 1];

		CHECK_FOR_INTERRUPTS();
		if (last->grain != rows[i].grain || last->end == rows[i].start)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 last->end > rows[i].start ?
				 errmsg("periods of calendar \"%s\" overlap", calendar) :
				 errmsg("periods of calendar \"%s\" leave days out", calendar),
				 errdetail("After %s comes %s.", listed_text(last), listed_text(&rows[i])),
				 errhint("Each period of a grain must begin on the day after the one before it.")));
	}

	table = MemoryContextAllocZero(context, sizeof(ts_calendar_table));
	for (int i = 0; i < n; i++)
	{
		ts_grain	grain = rows[i].grain;

		CHECK_FOR_INTERRUPTS();
		if (table->n[grain]++ == 0)
		{
			int			count = i;

			while (count < n && rows[count].grain == grain)
				count++;
			table->start[grain] = MemoryContextAlloc(context, sizeof(int32_t) * (count - i + 1));
			table->label[grain] = MemoryContextAlloc(context, sizeof(char *) * (count - i));
		}
		table->start[grain][table->n[grain] - 1] = rows[i].start;
		table->start[grain][table->n[grain]] = rows[i].end;
		table->label[grain][table->n[grain] - 1] = rows[i].label;
		finest = grain;
	}

	refuse_same_labels(rows, n, calendar);

	/* what is coarser begins and ends where the next finer one does */
	for (int i = 0; i < n; i++)
	{
		int			finer = (int) rows[i].grain;

		CHECK_FOR_INTERRUPTS();
		while (finer < finest && (finer == (int) rows[i].grain || table->n[finer] == 0))
			finer++;
		if (bsearch(&rows[i].start, table->start[finer], table->n[finer] + 1, sizeof(int32_t), compare_days) &&
			bsearch(&rows[i].end, table->start[finer], table->n[finer] + 1, sizeof(int32_t), compare_days))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("periods of calendar \"%s\" do not fit into each other", calendar),
				 errdetail("No %s begins on the first day, or none ends on the last day, of %s.",
						   ts_grain_name((ts_grain) finer), listed_text(&rows[i])),
				 errhint("A coarser period must be made of whole finer ones.")));
	}
	for (int grain = 0; grain < finest; grain++)
		if (table->n[grain] > 0 &&
			(table->start[grain][0] != table->start[finest][0] ||
			 table->start[grain][table->n[grain]] != table->start[finest][table->n[finest]]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("periods of calendar \"%s\" do not cover the same days", calendar),
					 errdetail("Those of grain %s are from %s to %s, those of grain %s from %s to %s.",
							   ts_grain_name((ts_grain) grain),
							   ts_date_text(table->start[grain][0]), ts_date_text(table->start[grain][table->n[grain]] - 1),
							   ts_grain_name((ts_grain) finest),
							   ts_date_text(table->start[finest][0]), ts_date_text(table->start[finest][table->n[finest]] - 1)),
					 errhint("List the missing ones.")));
	return table;
}

/*
 * Runs a query for one calendar with one argument; false if there is none.
 */
static bool
calendar_fetch(SPIPlanPtr *plan, const char *query, Oid argtype, Datum arg,
			   ts_calendar_rule *rule, int32 *calendar_id)
{
	MemoryContext context = CurrentMemoryContext;
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
		char	   *name = SPI_getvalue(tuple, tupdesc, 8);
		char	   *pattern;
		bool		isnull;
		int			week_53;

		memset(rule, 0, sizeof(*rule));
		*calendar_id = rule->id = DatumGetInt32(SPI_getbinval(tuple, tupdesc, 1, &isnull));
		rule->first_month = DatumGetInt16(SPI_getbinval(tuple, tupdesc, 2, &isnull));
		rule->label_by_end = DatumGetBool(SPI_getbinval(tuple, tupdesc, 3, &isnull));
		rule->week_start = DatumGetInt16(SPI_getbinval(tuple, tupdesc, 4, &isnull));
		pattern = SPI_getvalue(tuple, tupdesc, 5);
		rule->ends_in_month = DatumGetBool(SPI_getbinval(tuple, tupdesc, 6, &isnull));
		week_53 = DatumGetInt16(SPI_getbinval(tuple, tupdesc, 7, &isnull));
		set_pattern(rule, pattern, isnull ? 0 : week_53);
		if (strcmp(pattern, CUSTOM_PATTERN) == 0)
		{
			rule->table = read_periods(psprintf(LISTED_PERIODS, *calendar_id), true, name, context);
			if (rule->table == NULL)
				ereport(ERROR,
						(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						 errmsg("calendar \"%s\" has no periods", name),
						 errdetail("Its periods are those listed in " TS_SCHEMA ".calendar_period, and there are none that you may read."),
						 errhint("SELECT * FROM " TS_SCHEMA ".calendar_period WHERE calendar_id = %d;", *calendar_id)));
		}
	}

	SPI_finish();
	return found;
}

#define SELECT_CALENDAR \
	"SELECT c.calendar_id, c.first_month, c.label_by OPERATOR(pg_catalog.=) 'end', c.week_start," \
	" c.pattern, c.year_end OPERATOR(pg_catalog.=) 'last', c.week_53, c.name" \
	" FROM " TS_SCHEMA ".calendar AS c WHERE "

/*
 * Looks a calendar up by its name; false if there is none.
 */
static bool
calendar_find(const char *name, ts_calendar_rule *rule, int32 *calendar_id)
{
	static SPIPlanPtr plan = NULL;

	return calendar_fetch(&plan, SELECT_CALENDAR "c.name OPERATOR(pg_catalog.=) $1",
						  TEXTOID, CStringGetTextDatum(name), rule, calendar_id);
}

/*
 * A calendar ("name" or with its ID) was not found: the error where row-level
 * security may be why.  To make it would fail then, for others have it.
 */
void
ts_calendar_refuse_hidden(const char *calendar)
{
	Oid			relid = get_relname_relid("calendar", get_namespace_oid(TS_SCHEMA, false));

	if (check_enable_rls(relid, InvalidOid, true) != RLS_ENABLED)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("calendar %s does not exist, or is hidden from role \"%s\"",
					calendar, GetUserNameFromId(GetUserId(), false)),
			 errdetail("Row-level security of table " TS_SCHEMA ".calendar applies to the role."),
			 errhint("See who sees what with: SELECT * FROM pg_catalog.pg_policies "
					 "WHERE schemaname = '" TS_SCHEMA "' AND tablename = 'calendar';")));
}

/*
 * Loads a calendar by its name, an error if there is none.  What the rule points
 * to is allocated in the current context.
 */
void
ts_calendar_load_by_name(const char *name, ts_calendar_rule *rule,
						 int32 *calendar_id)
{
	if (calendar_find(name, rule, calendar_id))
		return;
	ts_calendar_refuse_hidden(psprintf("\"%s\"", name));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("calendar \"%s\" does not exist", name),
			 errhint("Make it with the month its fiscal year starts in: "
					 "SELECT " TS_SCHEMA ".add_calendar(%s, first_month => 1);",
					 quote_literal_cstr(name))));
}

/*
 * Loads a calendar by its key, an error if there is none.  What the rule points
 * to is allocated in the current context.
 */
void
ts_calendar_load_by_id(int32 calendar_id, ts_calendar_rule *rule)
{
	static SPIPlanPtr plan = NULL;
	int32		found_id;

	if (!calendar_fetch(&plan, SELECT_CALENDAR "c.calendar_id OPERATOR(pg_catalog.=) $1",
						INT4OID, Int32GetDatum(calendar_id), rule, &found_id))
	{
		ts_calendar_refuse_hidden(psprintf("with ID %d", calendar_id));
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("calendar with ID %d does not exist", calendar_id),
				 errhint("See the calendars with: TABLE " TS_SCHEMA ".calendar; "
						 "make one with: SELECT " TS_SCHEMA ".add_calendar('fiscal', first_month => 4);")));
	}
}

/*
 * Refuses a grain that a calendar has no periods of, and days that its list of
 * periods leaves out.
 */
void
ts_calendar_check(const ts_calendar_rule *rule, ts_grain grain, DateADT from, DateADT upto)
{
	if (!ts_calendar_has(rule, grain))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the calendar has no periods of grain \"%s\"", ts_grain_name(grain)),
				 errdetail("Its periods are listed, and none of that grain is among them."),
				 errhint("SELECT DISTINCT grain FROM " TS_SCHEMA ".calendar_period WHERE calendar_id = %d;", rule->id)));
	if (!ts_calendar_covers(rule, from, upto))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the calendar does not reach from %s to %s",
						ts_date_text(from), ts_date_text(upto - 1)),
				 errdetail("Its periods are listed, and do not cover all of these days."),
				 errhint("SELECT grain, min(lower(period)), max(upper(period)) - 1 FROM " TS_SCHEMA ".calendar_period WHERE calendar_id = %d GROUP BY grain;", rule->id)));
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

/* A daterange to be filled by set_period(), in the current context */
static RangeType *
empty_period(Oid type)
{
	RangeType  *range = palloc0(PERIOD_RANGE_SIZE);

	SET_VARSIZE(range, PERIOD_RANGE_SIZE);
	range->rangetypid = type;
	((char *) range)[PERIOD_RANGE_SIZE - 1] = RANGE_LB_INC;
	return range;
}

/* The bounds [start, end) */
static void
set_period(RangeType *range, DateADT start, DateADT end)
{
	char	   *dates = (char *) range + sizeof(RangeType);

	memcpy(dates, &start, sizeof(DateADT));
	memcpy(dates + sizeof(DateADT), &end, sizeof(DateADT));
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
	DateADT		month_from;		/* of the last day that was written in full */
	DateADT		month_upto;
	int			above;			/* grain that the periods are parts of, -1: none */
	DateADT		above_upto;		/* where the last one of it ends */
	text	   *above_label;
	DateADT		week_upto;		/* the same of whole weeks */
	text	   *week_label;
	ts_workdays *workdays;
	Datum		numbers[8];		/* numeric 0 to 7, the working days of a day or a
								 * week */
} periods_state;

/* Writes a label into a text of TS_PERIOD_LABEL_SIZE */
static void
set_label(text *label, int size)
{
	SET_VARSIZE(label, VARHDRSZ + size);
}

/*
 * Writes the label of the period that holds a day.  Days of one month differ in
 * the last two digits: with those alone written, a year of days takes a third less.
 */
static void
write_label(periods_state *state, DateADT day)
{
	int			year;
	int			month;
	int			of_month;
	char	   *end;

	if (state->grain != TS_GRAIN_DAY || day >= state->month_upto)
	{
		set_label(state->label, ts_period_label(&state->rule, state->grain, day,
												VARDATA(state->label), TS_PERIOD_LABEL_SIZE));
		if (state->grain != TS_GRAIN_DAY)
			return;
		ts_day_to_ymd(day, &year, &month, &of_month);
		state->month_from = day - of_month + 1;
		state->month_upto = ts_add_months(state->month_from, 1);
		return;
	}
	of_month = day - state->month_from + 1;
	end = (char *) state->label + VARSIZE(state->label);
	end[-2] = (char) ('0' + of_month / 10);
	end[-1] = (char) ('0' + of_month % 10);
}

/* The working days in [start, end) as a numeric */
static Datum
workdays_value(const periods_state *state, DateADT start, DateADT end)
{
	int64		units = ts_workdays_between(state->workdays, start, end);
	int64		days = units / TS_WORKDAY_UNITS;

	if (days < (int64) lengthof(state->numbers) && units == days * TS_WORKDAY_UNITS)
		return state->numbers[days];
	return ts_workdays_to_numeric(units);
}

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

	ts_calendar_check(&state->rule, state->grain, state->lower, state->upper);
	state->workdays = ts_workdays_load(calendar_id, state->lower, state->upper, CurrentMemoryContext);
	for (int i = 0; i < (int) lengthof(state->numbers); i++)
		state->numbers[i] = ts_workdays_to_numeric((int64) i * TS_WORKDAY_UNITS);

	state->day = state->lower;
	state->month_upto = state->lower;
	state->above = state->grain - 1;
	while (state->above >= 0 && !ts_calendar_has(&state->rule, (ts_grain) state->above))
		state->above--;
	state->above_upto = state->lower;
	state->above_label = palloc(VARHDRSZ + TS_PERIOD_LABEL_SIZE);
	state->week_upto = state->lower;
	state->week_label = palloc(VARHDRSZ + TS_PERIOD_LABEL_SIZE);
	state->range = empty_period(RangeTypeGetOid(span));
	state->label = palloc(VARHDRSZ + TS_PERIOD_LABEL_SIZE);
	return state;
}

/*
 * periods(span daterange, grain text, calendar text)
 *	  RETURNS TABLE (period daterange, label text, parent_label text,
 *					 period_start date, period_end date, days integer,
 *					 week text, workdays numeric)
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
	DateADT		unknown;
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
	write_label(state, start);
	if (state->above >= 0 && state->day >= state->above_upto)
	{
		int32_t		above_start;

		ts_period_bounds(&state->rule, (ts_grain) state->above, state->day, &above_start, &state->above_upto);
		set_label(state->above_label, ts_period_label(&state->rule, (ts_grain) state->above, state->day,
													  VARDATA(state->above_label), TS_PERIOD_LABEL_SIZE));
	}
	if (state->grain >= TS_GRAIN_WEEK && state->day >= state->week_upto)
	{
		int32_t		week_start;

		ts_whole_week(&state->rule, state->day, &week_start, &state->week_upto);
		set_label(state->week_label, ts_week_label(&state->rule, state->day,
												   VARDATA(state->week_label), TS_PERIOD_LABEL_SIZE));
	}
	start = Max(start, state->lower);
	end = Min(end, state->upper);
	set_period(state->range, start, end);
	values[0] = RangeTypePGetDatum(state->range);
	values[1] = PointerGetDatum(state->label);
	values[2] = PointerGetDatum(state->above_label);
	nulls[2] = state->above < 0;
	values[3] = DateADTGetDatum(start);
	values[4] = DateADTGetDatum(end - 1);
	values[5] = Int32GetDatum(end - start);
	values[6] = PointerGetDatum(state->week_label);
	nulls[6] = state->grain < TS_GRAIN_WEEK;
	nulls[7] = ts_workdays_unknown(state->workdays, start, end, &unknown);
	if (!nulls[7])
		values[7] = workdays_value(state, start, end);
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

	if (SPI_execute_with_args("INSERT INTO " TS_SCHEMA ".calendar"
							  " (name, first_month, label_by, week_start, pattern, year_end, week_53, country, day_weights)"
							  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
							  " ON CONFLICT (name) DO NOTHING"
							  " RETURNING calendar_id",
							  lengthof(argtypes), argtypes, values, nulls, false, 0) != SPI_OK_INSERT_RETURNING)
		elog(ERROR, "could not insert a calendar");
	if (SPI_processed == 1)
	{
		bool		isnull;

		*calendar_id = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0],
												   SPI_tuptable->tupdesc,
												   1, &isnull));
		return true;
	}
	return false;
}

/*
 * Lists a calendar's periods from a relation of the user's.
 */
static void
insert_periods(int32 calendar_id, const char *name, Oid relation)
{
	char	   *from = ts_relation_name(relation, "periods_from", CurrentMemoryContext);
	char	   *sql;
	static const char *const columns[] = {"grain", "period_start", "period_end", "label"};

	for (int i = 0; i < (int) lengthof(columns); i++)
	{
		AttrNumber	attribute = get_attnum(relation, columns[i]);

		if (attribute == InvalidAttrNumber)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("relation %s has no column \"%s\"", from, columns[i]),
					 errhint("The periods of a calendar are rows of grain, period_start, period_end and label.")));
		/* which day a text is depends on the session */
		if ((i == 1 || i == 2) && get_atttype(relation, attribute) != DATEOID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of relation %s is of type %s, not date",
							columns[i], from, format_type_be(get_atttype(relation, attribute))),
					 errhint("Make a view in which it is a date, for example: to_date(%s, 'YYYY-MM-DD').", columns[i])));
	}

	/* what is wrong with them is said here, not by the table's constraints */
	sql = psprintf("SELECT grain::pg_catalog.text, period_start, period_end,"
				   " label::pg_catalog.text FROM %s", from);
	if (read_periods(sql, true, name, CurrentMemoryContext) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("calendar \"%s\" would have no periods", name),
				 errdetail("Relation %s is empty.", from)));
	sql = psprintf("INSERT INTO " TS_SCHEMA ".calendar_period (calendar_id, grain, period, label)"
				   " SELECT %d, grain::pg_catalog.text, pg_catalog.daterange(period_start, period_end, '[]'),"
				   " label::pg_catalog.text FROM %s", calendar_id, from);
	if (SPI_execute(sql, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "SPI_execute failed for \"%s\"", sql);
}

/* A NULL where something must be said */
static void
require_arguments(FunctionCallInfo fcinfo)
{
	static const struct
	{
		int			argument;
		const char *name;
		const char *hint;
	}			needed[] = {
		{0, "name", "Give the calendar a name, for example 'fiscal'."},
		{1, "first_month", "Leave it out for a fiscal year that starts in January."},
		{2, "label_by", "Leave it out to name a fiscal year by the year it ends in."},
		{3, "week_start", "Leave it out for weeks that start on Monday."},
		{4, "pattern", "Leave it out for calendar months."},
		{5, "year_end", "Leave it out for the week that ends nearest to the year's end."},
		{9, "day_weights", "Leave it out for working days from Monday to Friday."}
	};

	for (int i = 0; i < (int) lengthof(needed); i++)
		require_argument(fcinfo, needed[i].argument, needed[i].name, needed[i].hint);
}

/*
 * add_calendar(name text, first_month integer, label_by text,
 *				week_start integer, pattern text, year_end text,
 *				week_53 integer, periods_from regclass, country text,
 *				day_weights numeric[]) RETURNS integer
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
	char	   *pattern;
	char	   *year_end;
	bool		is_custom = !PG_ARGISNULL(7);
	int32		calendar_id;
	ts_calendar_rule rule = {0};
	Datum		values[9];
	char		nulls[9];

	require_arguments(fcinfo);
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	first_month = PG_GETARG_INT32(1);
	label_by = text_to_cstring(PG_GETARG_TEXT_PP(2));
	week_start = PG_GETARG_INT32(3);
	pattern = text_to_cstring(PG_GETARG_TEXT_PP(4));
	year_end = text_to_cstring(PG_GETARG_TEXT_PP(5));

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
	set_pattern(&rule, pattern, 0);
	if (rule.n_months == 0 && strcmp(pattern, "months") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("pattern \"%s\" of calendar \"%s\" does not exist", pattern, name),
				 strcmp(pattern, CUSTOM_PATTERN) == 0 ?
				 errhint("Periods of your own are listed in a relation: periods_from => 'my_periods'.") :
				 errhint("Patterns are months, 4-4-5, 4-5-4, 5-4-4 and 13x4.")));
	if (strcmp(year_end, "nearest") != 0 && strcmp(year_end, "last") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("years of calendar \"%s\" cannot end by rule \"%s\"", name, year_end),
				 errhint("Write year_end => 'nearest' for the week that ends nearest to the end of the month before first_month, year_end => 'last' for the last week that ends in it.")));
	if (is_custom && rule.n_months > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("calendar \"%s\" cannot have both pattern \"%s\" and listed periods", name, pattern),
				 errhint("Leave out pattern or periods_from.")));
	if (!PG_ARGISNULL(6) && (rule.n_months == 0 || PG_GETARG_INT32(6) < 1 || PG_GETARG_INT32(6) > rule.n_months))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("week 53 of calendar \"%s\" cannot be in month %d", name, PG_GETARG_INT32(6)),
				 rule.n_months == 0 ?
				 errdetail("Only years of whole weeks have a week 53 that is put into one of their months.") :
				 errdetail("With pattern %s months are 1 to %d.", pattern, rule.n_months),
				 errhint("Leave week_53 out for the last month, or give pattern => '4-4-5', week_53 => 12.")));
	ts_workdays_check_calendar(name, PG_ARGISNULL(8) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(8)),
							   PG_ARGISNULL(9) ? NULL : PG_GETARG_ARRAYTYPE_P(9));

	/* periods_from, argument 7, is no column */
	for (int i = 0; i < 9; i++)
	{
		int			argument = i < 7 ? i : i + 1;

		values[i] = PG_GETARG_DATUM(argument);
		nulls[i] = PG_ARGISNULL(argument) ? 'n' : ' ';
	}
	if (is_custom)
		values[4] = CStringGetTextDatum(CUSTOM_PATTERN);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (calendar_find(name, &rule, &calendar_id) || !calendar_insert(values, nulls, &calendar_id))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("calendar \"%s\" already exists", name),
				 errhint("Choose another name, or look at it: SELECT * FROM " TS_SCHEMA ".calendar WHERE name = %s;",
						 quote_literal_cstr(name))));
	if (is_custom)
		insert_periods(calendar_id, name, PG_GETARG_OID(7));
	SPI_finish();
	PG_RETURN_INT32(calendar_id);
}

/* A calendar that a function has met */
typedef struct met_calendar
{
	int32		calendar_id;
	ts_calendar_rule rule;
	ts_seen		seen;
	struct met_calendar *next;
} met_calendar;

/*
 * A calendar for a function that is called for each row: it is read once a
 * query.
 */
static const ts_calendar_rule *
meet_calendar(FunctionCallInfo fcinfo, int32 calendar_id)
{
	met_calendar *met = fcinfo->flinfo->fn_extra;
	MemoryContext old;

	while (met && met->calendar_id != calendar_id)
		met = met->next;
	if (met && ts_still_seen(&met->seen))
		return &met->rule;
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	if (met == NULL)
	{
		met = palloc0(sizeof(met_calendar));
		met->next = fcinfo->flinfo->fn_extra;
		fcinfo->flinfo->fn_extra = met;
	}
	/* an error on the way leaves nothing that looks met */
	met->calendar_id = 0;
	ts_calendar_load_by_id(calendar_id, &met->rule);
	met->calendar_id = calendar_id;
	met->seen = ts_see();
	MemoryContextSwitchTo(old);
	return &met->rule;
}

/*
 * period_label(grain text, day date, calendar_id integer)
 *
 * Label of the period of a grain that holds a day; NULL for what is no period
 * of the calendar.
 */
Datum
target_split_period_label(PG_FUNCTION_ARGS)
{
	const ts_calendar_rule *rule = meet_calendar(fcinfo, PG_GETARG_INT32(2));
	ts_grain	grain;
	DateADT		day = PG_GETARG_DATEADT(1);
	char		label[TS_PERIOD_LABEL_SIZE];

	if (!ts_grain_from_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), &grain) ||
		DATE_NOT_FINITE(day) || !ts_calendar_has(rule, grain) || !ts_calendar_covers(rule, day, day + 1))
		PG_RETURN_NULL();
	ts_period_label(rule, grain, day, label, sizeof(label));
	PG_RETURN_TEXT_P(cstring_to_text(label));
}

/*
 * period_within(grain text, days daterange, calendar_id integer)
 *
 * Label of the period of a grain that all of the days lie in, of weeks the
 * whole week; NULL if there is none.
 */
Datum
target_split_period_within(PG_FUNCTION_ARGS)
{
	RangeType  *days = PG_GETARG_RANGE_P(1);
	const ts_calendar_rule *rule = meet_calendar(fcinfo, PG_GETARG_INT32(2));
	ts_grain	grain;
	DateADT		lower;
	DateADT		upper;
	int32_t		start;
	int32_t		end;
	char		label[TS_PERIOD_LABEL_SIZE];

	if (!ts_grain_from_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), &grain) ||
		span_bounds(days, &lower, &upper) != SPAN_FINITE ||
		!ts_calendar_has(rule, grain) || !ts_calendar_covers(rule, lower, upper))
		PG_RETURN_NULL();
	if (grain == TS_GRAIN_WEEK)
		ts_whole_week(rule, lower, &start, &end);
	else
		ts_period_bounds(rule, grain, lower, &start, &end);
	if (upper > end)
		PG_RETURN_NULL();
	if (grain == TS_GRAIN_WEEK)
		ts_week_label(rule, lower, label, sizeof(label));
	else
		ts_period_label(rule, grain, lower, label, sizeof(label));
	PG_RETURN_TEXT_P(cstring_to_text(label));
}

/*
 * period_number(grain text, day date, calendar_id integer)
 *
 * Number of the period of a grain that holds a day in its fiscal year, from 1;
 * NULL for what is no period of the calendar.
 */
Datum
target_split_period_number(PG_FUNCTION_ARGS)
{
	const ts_calendar_rule *rule = meet_calendar(fcinfo, PG_GETARG_INT32(2));
	ts_grain	grain;
	DateADT		day = PG_GETARG_DATEADT(1);
	int			number = 0;

	if (ts_grain_from_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), &grain) && !DATE_NOT_FINITE(day))
		number = ts_period_number(rule, grain, day);
	if (number == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(number);
}

/*
 * period_of(grain text, day date, calendar_id integer)
 *
 * Days of the period of a grain that holds a day; NULL for what is no period of
 * the calendar.
 */
Datum
target_split_period_of(PG_FUNCTION_ARGS)
{
	const ts_calendar_rule *rule = meet_calendar(fcinfo, PG_GETARG_INT32(2));
	ts_grain	grain;
	DateADT		day = PG_GETARG_DATEADT(1);
	int32_t		start;
	int32_t		end;
	RangeType  *range;

	if (!ts_grain_from_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), &grain) ||
		DATE_NOT_FINITE(day) || !ts_calendar_has(rule, grain) || !ts_calendar_covers(rule, day, day + 1))
		PG_RETURN_NULL();
	ts_period_bounds(rule, grain, day, &start, &end);
	range = empty_period(DATERANGEOID);
	set_period(range, start, end);
	PG_RETURN_RANGE_P(range);
}

/*
 * Locks a calendar and reads a column or two of it, or says that it is gone.
 * FOR UPDATE waits for plans that are being made with it, whose foreign key holds
 * the row FOR KEY SHARE, and for everybody who changes its list.
 */
static bool
lock_calendar(int32 calendar_id, const char *strength, char **name, bool *is_custom)
{
	char	   *sql = psprintf("SELECT c.name, c.pattern OPERATOR(pg_catalog.=) '" CUSTOM_PATTERN "' FROM " TS_SCHEMA ".calendar AS c"
							   " WHERE c.calendar_id OPERATOR(pg_catalog.=) %d %s", calendar_id, strength);
	bool		isnull;

	if (SPI_execute(sql, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed for \"%s\"", sql);
	if (SPI_processed == 0)
		return false;
	*name = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	*is_custom = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	return true;
}

/*
 * Refuses what would make a plan's periods others than those its targets are for:
 * the plan that comes first is named.  The active snapshot is the latest one.
 */
static void
refuse_in_use(int32 calendar_id, const char *name, bool is_custom, const char *condition, const char *message)
{
	char	   *sql = psprintf("SELECT p.family FROM " TS_SCHEMA ".plan AS p"
							   " WHERE p.calendar_id OPERATOR(pg_catalog.=) %d AND %s ORDER BY p.plan_id LIMIT 1",
							   calendar_id, condition);

	if (SPI_execute(sql, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed for \"%s\"", sql);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("calendar \"%s\" is used by plan \"%s\"", name,
						SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1)),
				 errdetail("%s", message),
				 errhint("Other periods are another calendar, for later plans: SELECT " TS_SCHEMA ".add_calendar(%s, %s);",
						 quote_literal_cstr(psprintf("%s 2", name)),
						 is_custom ? "periods_from => 'your_periods'" : "first_month => 1")));
}

/* Do two rows say the same of a column? */
static bool
same_column(TriggerData *trigger, const char *column)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	int			number = SPI_fnumber(desc, column);
	char	   *before = SPI_getvalue(trigger->tg_trigtuple, desc, number);
	char	   *after = SPI_getvalue(trigger->tg_newtuple, desc, number);

	return before && after ? strcmp(before, after) == 0 : before == after;
}

static int32
int4_column(TriggerData *trigger, HeapTuple row, const char *column)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	bool		isnull;

	return DatumGetInt32(SPI_getbinval(row, desc, SPI_fnumber(desc, column), &isnull));
}

/* A calendar is changed or deleted */
static void
guard_calendar(TriggerData *trigger)
{
	static const char *const rules[] = {"calendar_id", "first_month", "label_by", "week_start", "pattern", "year_end", "week_53"};
	int32		calendar_id = int4_column(trigger, trigger->tg_trigtuple, "calendar_id");
	char	   *name;
	bool		is_custom;

	if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
	{
		/* the foreign key of plans says the rest */
		if (calendar_id == 1)
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("calendar \"gregorian\" cannot be deleted"),
					 errdetail("It is what functions go by that are not told another.")));
		return;
	}
	for (int i = 0; i < (int) lengthof(rules); i++)
	{
		if (same_column(trigger, rules[i]) || !lock_calendar(calendar_id, "FOR UPDATE", &name, &is_custom))
			continue;
		PushActiveSnapshot(GetLatestSnapshot());
		refuse_in_use(calendar_id, name, is_custom, "true", "Its targets are for the periods that the calendar has now.");
		PopActiveSnapshot();
	}
}

/* Was a row written before the command at which the list was last looked at? */
static bool
was_seen(TriggerData *trigger, CommandId seen)
{
	HeapTuple	row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;

	return (TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ?
			HeapTupleHeaderGetCmax(row->t_data) : HeapTupleHeaderGetCmin(row->t_data)) < seen;
}

/*
 * A listed period came, went or was changed: at the end of the transaction the
 * list must be a calendar, and the days of the plans that use it as they were.
 */
static void
guard_period(TriggerData *trigger)
{
	/* what was checked last: a check serves all rows that it has seen */
	static LocalTransactionId checked_in = InvalidLocalTransactionId;
	static CommandId checked_at = 0;
	static int32 checked_id = 0;

	bool		is_new = TRIGGER_FIRED_BY_INSERT(trigger->tg_event);
	int32		calendar_id = int4_column(trigger, trigger->tg_trigtuple, "calendar_id");
	ts_calendar_table *table;
	char	   *name;
	bool		is_custom;

	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) && !same_column(trigger, "calendar_id"))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a period cannot be moved to another calendar"),
				 errhint("Delete it, and insert it there.")));
	if (is_new && checked_id == calendar_id && checked_in == MyProc->lxid && was_seen(trigger, checked_at))
		return;
	/* what is new takes nothing from a plan: no need to wait for plans */
	if (!lock_calendar(calendar_id, is_new ? "FOR NO KEY UPDATE" : "FOR UPDATE", &name, &is_custom))
		return;					/* the calendar went as well */
	if (!is_custom)
	{
		if (!TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("calendar \"%s\" does not go by listed periods", name),
					 errhint("SELECT " TS_SCHEMA ".add_calendar(%s, periods_from => 'your_periods');",
							 quote_literal_cstr(psprintf("%s 2", name)))));
		return;
	}
	PushActiveSnapshot(GetLatestSnapshot());
	if (!is_new)
	{
		TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
		char	   *period = SPI_getvalue(trigger->tg_trigtuple, desc, SPI_fnumber(desc, "period"));

		refuse_in_use(calendar_id, name, true,
					  psprintf("p.period OPERATOR(pg_catalog.&&) %s::pg_catalog.daterange", quote_literal_cstr(period)),
					  psprintf("Its period %s has days of the plan.", period));
	}
	if (!(checked_id == calendar_id && checked_in == MyProc->lxid && was_seen(trigger, checked_at)))
	{
		table = read_periods(psprintf(LISTED_PERIODS, calendar_id), true, name, CurrentMemoryContext);
		if (table != NULL)
		{
			int			grain = TS_GRAIN_WEEK;

			while (table->start[grain] == NULL)
				grain--;
			refuse_in_use(calendar_id, name, true,
						  psprintf("NOT p.period OPERATOR(pg_catalog.<@) pg_catalog.daterange('%s', '%s')",
								   ts_date_text(table->start[grain][0]), ts_date_text(table->start[grain][table->n[grain]])),
						  "Its list of periods would not cover the plan.");
		}
		checked_id = calendar_id;
		checked_in = MyProc->lxid;
		checked_at = GetActiveSnapshot()->curcid;
	}
	PopActiveSnapshot();
}

/*
 * A plan came, or goes by another calendar or for other days now.  A list without
 * any period says nothing: a restore may bring it after the plans.
 */
static void
guard_plan(TriggerData *trigger)
{
	HeapTuple	row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	int32		calendar_id = int4_column(trigger, row, "calendar_id");
	char	   *name;
	bool		is_custom;

	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) && same_column(trigger, "calendar_id") && same_column(trigger, "period"))
		return;
	if (!lock_calendar(calendar_id, "FOR KEY SHARE", &name, &is_custom))
		return;					/* the foreign key says so */
	PushActiveSnapshot(GetLatestSnapshot());
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) && !same_column(trigger, "calendar_id"))
	{
		char	   *sql = psprintf("SELECT 1 FROM " TS_SCHEMA ".target AS t WHERE t.plan_id OPERATOR(pg_catalog.=) %d"
								   " AND t.member_id OPERATOR(pg_catalog.=) 0 AND t.parent_id IS NOT NULL",
								   int4_column(trigger, row, "plan_id"));

		if (SPI_execute(sql, true, 1) != SPI_OK_SELECT)
			elog(ERROR, "SPI_execute failed for \"%s\"", sql);
		if (SPI_processed > 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("plan \"%s\" has targets for periods of its calendar", SPI_getvalue(row, desc, SPI_fnumber(desc, "family"))),
					 errhint("Take the splits by time back first, with " TS_SCHEMA ".unsplit_target().")));
	}
	if (is_custom)
	{
		ts_calendar_rule rule = {.id = calendar_id};
		DateADT		from;
		DateADT		upto;
		bool		isnull;

		rule.table = read_periods(psprintf(LISTED_PERIODS, calendar_id), true, name, CurrentMemoryContext);
		if (rule.table != NULL &&
			span_bounds(DatumGetRangeTypeP(SPI_getbinval(row, desc, SPI_fnumber(desc, "period"), &isnull)), &from, &upto) == SPAN_FINITE)
			ts_calendar_check(&rule, TS_GRAIN_DAY, from, upto);
	}
	PopActiveSnapshot();
}

/*
 * Trigger of calendar, calendar_period and plan.  It reads plans and periods as the
 * table's owner, as foreign keys do: row-level security must not hide a plan.
 */
Datum
target_split_calendar_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Oid			caller;
	int			security_context;
	int			guc_level;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"calendar_guard\" was not called by a trigger")));
	GetUserIdAndSecContext(&caller, &security_context);
	SetUserIdAndSecContext(RelationGetForm(trigger->tg_relation)->relowner,
						   security_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (strcmp(RelationGetRelationName(trigger->tg_relation), "calendar") == 0)
		guard_calendar(trigger);
	else if (strcmp(RelationGetRelationName(trigger->tg_relation), "plan") == 0)
		guard_plan(trigger);
	else if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("table \"calendar_period\" cannot be truncated"),
				 errhint("Delete the periods of one calendar, by its key in the table calendar.")));
	else
		guard_period(trigger);
	SPI_finish();
	AtEOXact_GUC(true, guc_level);
	SetUserIdAndSecContext(caller, security_context);
	PG_RETURN_POINTER(TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple);
}
