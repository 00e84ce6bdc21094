/*-------------------------------------------------------------------------
 *
 * workdays.c
 *	  Working days: how many there are in a span of days, the day that is so
 *	  many of them away, and a calendar's own days.
 *
 * Glossary
 *	  weight	what a day counts: 0 for a day off, 1 for a whole working day,
 *				in units of 1/10000
 *	  week		the weights of Monday to Sunday, day_weights of a calendar
 *	  exception	a day whose weight is not that of its weekday: one of the
 *				calendar's own (calendar_day), or else of its country (holiday)
 *	  known		a year that has a row in one of the two; where a calendar has
 *				neither rows nor a country, its week says all there is to know
 *
 * Method
 *	  Whole weeks are multiplied and the days of a rest looked up.  Exceptions
 *	  are kept in order of time, each with the sum of how much it and those
 *	  before it differ from their weekdays, so that a span takes two binary
 *	  searches however long it is.  Known years are kept as runs of days.
 *	  add_workdays() searches for the end of a span, whose working days only
 *	  grow with it.
 *
 *	  A calendar is read once for a call site: it stays in fn_extra.  That lives
 *	  for a whole transaction in some languages, so it is read again when
 *	  another snapshot or another role would see other rows.
 *
 * Limits: 16 bytes of memory an exception.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/snapmgr.h"

#include "calendar.h"
#include "numeric_units.h"
#include "query.h"
#include "source.h"
#include "target_split.h"
#include "workdays.h"

#define DAYS_PER_WEEK 7
#define MAX_DAY_WEIGHT 100

/* calendar_id of the calendar that cannot be changed */
#define GREGORIAN_ID 1

/* The days that there are as a date, [FIRST_DAY, END_OF_DAYS) */
#define FIRST_DAY	(DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE)
#define END_OF_DAYS (DATE_END_JULIAN - POSTGRES_EPOCH_JDATE)

typedef struct day_exception
{
	DateADT		day;
	int64		difference;		/* from their weekdays, of all up to this one */
} day_exception;

/* The days [from, upto) of known years without a gap */
typedef struct known_years
{
	DateADT		from;
	DateADT		upto;
} known_years;

struct ts_workdays
{
	int32		calendar_id;
	char	   *calendar;
	char	   *country;		/* NULL for none */
	int64		before[DAYS_PER_WEEK + 1];	/* weight of the first days of a week */
	day_exception *exceptions;
	int			n_exceptions;
	known_years *runs;
	int			n_runs;
};

/* A calendar in fn_extra */
typedef struct loaded_calendar
{
	struct loaded_calendar *next;
	char	   *calendar;
	ts_workdays *workdays;
	ts_seen		seen;
	MemoryContext context;
} loaded_calendar;

PG_FUNCTION_INFO_V1(target_split_workdays);
PG_FUNCTION_INFO_V1(target_split_add_workdays);
PG_FUNCTION_INFO_V1(target_split_load_calendar_days);

/* ------------------------------------------------------------- counting */

/* Weight of the days from a Monday long ago until a day, by their weekdays */
static int64
week_units(const ts_workdays *workdays, DateADT day)
{
	/* Julian day 0 was a Monday */
	int64		days = (int64) day + POSTGRES_EPOCH_JDATE;
	int64		weeks = days / DAYS_PER_WEEK;
	int64		rest = days % DAYS_PER_WEEK;

	return weeks * workdays->before[DAYS_PER_WEEK] + workdays->before[rest];
}

/* How much the exceptions before a day differ from their weekdays */
static int64
difference_before(const ts_workdays *workdays, DateADT day)
{
	int			low = 0;
	int			high = workdays->n_exceptions;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (workdays->exceptions[middle].day < day)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? 0 : workdays->exceptions[low - 1].difference;
}

int64
ts_workdays_between(const ts_workdays *workdays, DateADT from, DateADT upto)
{
	return week_units(workdays, upto) + difference_before(workdays, upto)
		- week_units(workdays, from) - difference_before(workdays, from);
}

/* The end of the known days that begin with a day; the day itself if it is not known */
static DateADT
known_upto(const ts_workdays *workdays, DateADT day)
{
	for (int i = 0; i < workdays->n_runs; i++)
		if (workdays->runs[i].from <= day && day < workdays->runs[i].upto)
			return workdays->runs[i].upto;
	return day;
}

bool
ts_workdays_unknown(const ts_workdays *workdays, DateADT from, DateADT upto, DateADT *day)
{
	*day = known_upto(workdays, from);
	return *day < upto;
}

static int
year_of(DateADT day)
{
	int			year,
				month,
				mday;

	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
	return year;
}

void
ts_workdays_require(const ts_workdays *workdays, DateADT from, DateADT upto)
{
	DateADT		day;

	if (!ts_workdays_unknown(workdays, from, upto, &day))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("holidays of %d are not known in calendar \"%s\"", year_of(day), workdays->calendar),
			 workdays->n_runs == 0 ? errdetail("It knows no year.") :
			 day < workdays->runs[0].from ?
			 errdetail("The first year that it knows is %d.", year_of(workdays->runs[0].from)) :
			 errdetail("The last year that it knows is %d.",
					   year_of(workdays->runs[workdays->n_runs - 1].upto - 1)),
			 errhint("Load the days of the year from a table with the columns day, weight and name: "
					 "SELECT " TS_SCHEMA ".load_calendar_days(%s, 'your_table'); or add one: "
					 "INSERT INTO " TS_SCHEMA ".calendar_day (calendar_id, day, weight) VALUES (%d, '%s', 0);",
					 quote_literal_cstr(workdays->calendar), workdays->calendar_id,
					 ts_date_text(date2j(year_of(day), 1, 1) - POSTGRES_EPOCH_JDATE))));
}

/* -------------------------------------------------------------- loading */

/*
 * The week, the name and the country.
 */
static void
load_week(ts_workdays *workdays, MemoryContext context)
{
	ts_args		args = {0};

	ts_arg_int4(&args, workdays->calendar_id);
	if (ts_run("SELECT c.name, c.country, (u.weight OPERATOR(pg_catalog.*) 10000)::pg_catalog.int8"
			   " FROM " TS_SCHEMA ".calendar AS c"
			   " CROSS JOIN LATERAL pg_catalog.unnest(c.day_weights) WITH ORDINALITY AS u(weight, n)"
			   " WHERE c.calendar_id OPERATOR(pg_catalog.=) $1 ORDER BY u.n", &args, true) != DAYS_PER_WEEK)
	{
		ts_calendar_refuse_hidden(psprintf("with ID %d", workdays->calendar_id));
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("calendar with ID %d does not exist", workdays->calendar_id),
				 errhint("See the calendars with: TABLE " TS_SCHEMA ".calendar;")));
	}
	workdays->calendar = ts_text(0, 1, context);
	workdays->country = ts_isnull(0, 2) ? NULL : ts_text(0, 2, context);
	for (int i = 0; i < DAYS_PER_WEEK; i++)
		workdays->before[i + 1] = workdays->before[i] + ts_int8(i, 3);
}

/*
 * The exceptions in [from, upto).
 */
static void
load_exceptions(ts_workdays *workdays, DateADT from, DateADT upto, MemoryContext context)
{
	ts_args		args = {0};
	uint64		n;
	int64		difference = 0;

	ts_arg_int4(&args, workdays->calendar_id);
	ts_arg_text(&args, workdays->country);
	ts_arg_date(&args, from);
	ts_arg_date(&args, upto);
	n = ts_run("SELECT COALESCE(c.day, h.day) AS day,"
			   " (COALESCE(c.weight, h.weight) OPERATOR(pg_catalog.*) 10000)::pg_catalog.int8"
			   " FROM (SELECT c.day, c.weight FROM " TS_SCHEMA ".calendar_day AS c"
			   "  WHERE c.calendar_id OPERATOR(pg_catalog.=) $1"
			   "  AND c.day OPERATOR(pg_catalog.>=) $3 AND c.day OPERATOR(pg_catalog.<) $4) AS c"
			   " FULL JOIN (SELECT h.day, h.weight FROM " TS_SCHEMA ".holiday AS h"
			   "  WHERE h.country OPERATOR(pg_catalog.=) $2"
			   "  AND h.day OPERATOR(pg_catalog.>=) $3 AND h.day OPERATOR(pg_catalog.<) $4) AS h"
			   " ON h.day OPERATOR(pg_catalog.=) c.day ORDER BY 1", &args, true);
	workdays->exceptions = MemoryContextAllocHuge(context, sizeof(day_exception) * Max(n, 1));
	for (uint64 row = 0; row < n; row++)
	{
		DateADT		day = DatumGetDateADT(ts_datum(row, 1));

		CHECK_FOR_INTERRUPTS();
		difference += ts_int8(row, 2) - (week_units(workdays, day + 1) - week_units(workdays, day));
		workdays->exceptions[row].day = day;
		workdays->exceptions[row].difference = difference;
	}
	workdays->n_exceptions = (int) n;
}

/*
 * The runs of known years.  They need all rows, as nothing else tells a
 * calendar without days from one that has them in other years.
 */
static void
load_known(ts_workdays *workdays, MemoryContext context)
{
	ts_args		args = {0};
	uint64		n;
	known_years *run = NULL;

	ts_arg_int4(&args, workdays->calendar_id);
	ts_arg_text(&args, workdays->country);
	n = ts_run("SELECT DISTINCT pg_catalog.date_trunc('year', d.day::pg_catalog.timestamp)::pg_catalog.date,"
			   " (pg_catalog.date_trunc('year', d.day::pg_catalog.timestamp)"
			   "  OPERATOR(pg_catalog.+) '1 year'::pg_catalog.interval)::pg_catalog.date"
			   " FROM (SELECT c.day FROM " TS_SCHEMA ".calendar_day AS c WHERE c.calendar_id OPERATOR(pg_catalog.=) $1"
			   "  UNION ALL SELECT h.day FROM " TS_SCHEMA ".holiday AS h WHERE h.country OPERATOR(pg_catalog.=) $2) AS d"
			   " ORDER BY 1", &args, true);
	workdays->runs = MemoryContextAlloc(context, sizeof(known_years) * Max(n, 1));
	for (uint64 row = 0; row < n; row++)
	{
		DateADT		from = DatumGetDateADT(ts_datum(row, 1));

		CHECK_FOR_INTERRUPTS();
		if (run == NULL || run->upto != from)
		{
			run = &workdays->runs[workdays->n_runs++];
			run->from = from;
		}
		run->upto = DatumGetDateADT(ts_datum(row, 2));
	}
	if (n == 0 && workdays->country == NULL)
	{
		workdays->n_runs = 1;
		workdays->runs[0].from = FIRST_DAY;
		workdays->runs[0].upto = END_OF_DAYS;
	}
}

ts_workdays *
ts_workdays_load(int32 calendar_id, DateADT from, DateADT upto, MemoryContext context)
{
	ts_workdays *workdays = MemoryContextAllocZero(context, sizeof(ts_workdays));

	workdays->calendar_id = calendar_id;
	ts_connect();
	load_week(workdays, context);
	load_exceptions(workdays, from, upto, context);
	load_known(workdays, context);
	ts_finish();
	return workdays;
}

/*
 * All days of the calendar that an argument names.
 */
static const ts_workdays *
workdays_argument(FunctionCallInfo fcinfo, int argument)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	text	   *name = PG_GETARG_TEXT_PP(argument);
	loaded_calendar *l = flinfo->fn_extra;
	ts_calendar_rule rule;
	int32		calendar_id;

	while (l && (strlen(l->calendar) != VARSIZE_ANY_EXHDR(name) ||
				 memcmp(l->calendar, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) != 0))
		l = l->next;
	if (l && l->workdays && ts_still_seen(&l->seen))
		return l->workdays;

	if (l == NULL)
	{
		l = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(loaded_calendar));
		l->calendar = MemoryContextStrdup(flinfo->fn_mcxt, text_to_cstring(name));
		l->next = flinfo->fn_extra;
		flinfo->fn_extra = l;
	}
	/* an error on the way leaves nothing that looks loaded */
	l->workdays = NULL;
	if (l->context)
		MemoryContextDelete(l->context);
	l->context = AllocSetContextCreate(flinfo->fn_mcxt, "target_split workdays", ALLOCSET_SMALL_SIZES);
	ts_calendar_load_by_name(l->calendar, &rule, &calendar_id);
	l->workdays = ts_workdays_load(calendar_id, FIRST_DAY, END_OF_DAYS, l->context);
	l->seen = ts_see();
	return l->workdays;
}

/* ------------------------------------------------------------ functions */

/* 10000 units are 1, without decimals that say nothing */
Datum
ts_workdays_to_numeric(int64 units)
{
	int			scale = TS_WORKDAY_SCALE;

	while (scale > 0 && units % 10 == 0)
	{
		units /= 10;
		scale--;
	}
	return ts_scaled_to_numeric(units, scale);
}

/*
 * workdays(span daterange, calendar text) RETURNS numeric
 */
Datum
target_split_workdays(PG_FUNCTION_ARGS)
{
	DateADT		from;
	DateADT		upto;
	bool		empty;
	const ts_workdays *workdays;

	ts_daterange_parts(PG_GETARG_DATUM(0), &from, &upto, &empty);
	if (empty)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("span is empty"),
				 errdetail("An empty range has no day."),
				 errhint("A range that ends with a day it includes is written with a square bracket, for example '[2024-01-01,2024-12-31]'.")));
	if (DATE_NOT_FINITE(from) || DATE_NOT_FINITE(upto))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("span has no bound"),
				 errdetail("The span is %s.", ts_window_text(from, upto)),
				 errhint("Give both the first and the last day, for example '[2024-01-01,2024-12-31]'.")));
	workdays = workdays_argument(fcinfo, 1);
	ts_workdays_require(workdays, from, upto);
	PG_RETURN_DATUM(ts_workdays_to_numeric(ts_workdays_between(workdays, from, upto)));
}

/*
 * The first day by whose end the days after a day have so many units.
 */
static DateADT
count_on(const ts_workdays *workdays, DateADT day, int64 units)
{
	DateADT		low = day + 1;
	DateADT		high = known_upto(workdays, low);

	if (high == low || ts_workdays_between(workdays, low, high) < units)
	{
		/* further on nothing is known, or there is nothing */
		if (high < END_OF_DAYS)
			ts_workdays_require(workdays, high, high + 1);
		return DATEVAL_NOEND;
	}
	/* the days [day + 1, low) have too few, [day + 1, high) enough */
	while (high - low > 1)
	{
		DateADT		middle = low + (high - low) / 2;

		if (ts_workdays_between(workdays, day + 1, middle) < units)
			low = middle;
		else
			high = middle;
	}
	return high - 1;
}

/*
 * The last day from which to the start of a day there are so many units.
 */
static DateADT
count_back(const ts_workdays *workdays, DateADT day, int64 units)
{
	DateADT		high = day;
	DateADT		low = day;

	/* the run that the day before is in begins with the days that are known */
	for (int i = workdays->n_runs - 1; i >= 0; i--)
		if (workdays->runs[i].from < day)
		{
			if (workdays->runs[i].upto >= day)
				low = workdays->runs[i].from;
			break;
		}
	if (low == high || ts_workdays_between(workdays, low, day) < units)
	{
		if (low > FIRST_DAY)
			ts_workdays_require(workdays, low - 1, low);
		return DATEVAL_NOBEGIN;
	}
	/* the days [low, day) have enough, [high, day) too few */
	while (high - low > 1)
	{
		DateADT		middle = low + (high - low) / 2;

		if (ts_workdays_between(workdays, middle, day) < units)
			high = middle;
		else
			low = middle;
	}
	return low;
}

/*
 * add_workdays(day date, n numeric, calendar text) RETURNS date
 */
Datum
target_split_add_workdays(PG_FUNCTION_ARGS)
{
	DateADT		start = PG_GETARG_DATEADT(0);
	DateADT		day = start;
	const ts_workdays *workdays;
	int64		units;
	int			finer;

	if (DATE_NOT_FINITE(day))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("working days cannot be counted from %s", ts_date_text(day)),
				 errhint("Give a day, for example '2024-01-31'.")));
	if (!ts_weight_as_int64(PG_GETARG_DATUM(1), TS_WORKDAY_SCALE, &units, &finer))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of working days must have at most 14 digits before the decimal point and %d after it",
						TS_WORKDAY_SCALE),
				 errdetail("It is %s.", DatumGetCString(DirectFunctionCall1(numeric_out, PG_GETARG_DATUM(1)))),
				 errhint("Give a number, for example 10, or -10 to count back.")));
	workdays = workdays_argument(fcinfo, 2);
	if (units > 0)
		day = count_on(workdays, day, units);
	else if (units < 0)
		day = count_back(workdays, day, -units);
	if (DATE_NOT_FINITE(day))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("date out of range"),
				 errdetail("It would be %s working days from %s.",
						   DatumGetCString(DirectFunctionCall1(numeric_out, PG_GETARG_DATUM(1))), ts_date_text(start))));
	PG_RETURN_DATEADT(day);
}

/* What a row of a relation with days must not be, the worst first */
static const struct
{
	const char *condition;
	const char *message;
}			bad_rows[] =
{
	{"r.day IS NULL", "rows without a day"},
	{"NOT pg_catalog.isfinite(r.day)", "days that are infinite"},
	{"r.weight IS NULL", "days without a weight"},
	{"r.weight::pg_catalog.numeric = 'NaN'", "weights that are no numbers"},
	{"r.weight < 0", "negative weights"},
	{"r.weight > 100", "weights of more than 100"},
	{"r.weight <> pg_catalog.round(r.weight, 4)", "weights of more than 4 decimals"},
	{"pg_catalog.count(*) OVER (PARTITION BY r.day) > 1", "days that occur more than once"}
};

/*
 * Refuses a relation with rows that cannot be days of a calendar: an error of
 * the worst kind there is.
 */
static void
check_rows(const char *relation)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT x.shown, x.problem FROM ("
						   "SELECT y.*, pg_catalog.rank() OVER (ORDER BY y.problem) AS rank FROM ("
						   "SELECT r.day, pg_catalog.concat_ws(': ', CASE WHEN pg_catalog.isfinite(r.day)"
						   " THEN pg_catalog.to_char(r.day, 'YYYY-MM-DD') ELSE r.day::pg_catalog.text END, r.weight) AS shown, CASE");
	for (int i = 0; i < (int) lengthof(bad_rows); i++)
		appendStringInfo(&sql, " WHEN %s THEN %d", bad_rows[i].condition, i);
	appendStringInfo(&sql, " END AS problem FROM %s AS r) AS y WHERE y.problem IS NOT NULL) AS x"
					 " WHERE x.rank = 1 ORDER BY x.day, x.shown", relation);
	if (ts_run(sql.data, TS_NO_ARGS, false) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("relation %s has %s", relation, bad_rows[ts_int4(0, 2)].message),
			 errdetail("Rows: %s.", ts_list(1)),
			 errhint("A day has one row, and a weight of 0 to 100 with at most 4 decimals: 0 for a day off, 1 for a whole working day.")));
}

/* An error if a relation lacks a column or it is of another type */
static void
check_column(Oid relid, const char *relation, const char *column, bool is_day)
{
	AttrNumber	attno = get_attnum(relid, column);
	Oid			type;

	if (attno == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("relation %s has no column \"%s\"", relation, column),
				 errdetail("Its columns must be day, weight and, if there is one, name."),
				 errhint("Make a view with columns of these names.")));
	type = getBaseType(get_atttype(relid, attno));
	if (is_day ? type != DATEOID : type != NUMERICOID && type != INT2OID && type != INT4OID && type != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of relation %s must be %s, not %s", column, relation,
						is_day ? "a date" : "numeric or an integer", format_type_be(type)),
				 errhint("Cast it in a view: %s", is_day ? "day::date" : "weight::numeric")));
}

/*
 * load_calendar_days(calendar text, days_from regclass) RETURNS bigint
 */
Datum
target_split_load_calendar_days(PG_FUNCTION_ARGS)
{
	char	   *calendar = ts_text_argument(fcinfo, 0, "calendar");
	Oid			relid;
	ts_args		args = {0};
	ts_calendar_rule rule;
	int32		calendar_id;
	const char *relation;
	bool		named;
	uint64		n;

	ts_require(fcinfo, 1, "days_from");
	relid = PG_GETARG_OID(1);
	ts_connect();
	ts_calendar_load_by_name(calendar, &rule, &calendar_id);
	if (calendar_id == GREGORIAN_ID)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("calendar \"%s\" cannot have days of its own", calendar),
				 errdetail("It is the same in every database."),
				 errhint("Make a calendar for them: SELECT " TS_SCHEMA ".add_calendar('working days');")));
	relation = ts_relation_name(relid, "days_from", CurrentMemoryContext);
	check_column(relid, relation, "day", true);
	check_column(relid, relation, "weight", false);
	named = get_attnum(relid, "name") != InvalidAttrNumber;
	check_rows(relation);

	/* in the order of days, in which two sessions wait for each other only once */
	ts_arg_int4(&args, calendar_id);
	n = ts_run(psprintf("INSERT INTO " TS_SCHEMA ".calendar_day (calendar_id, day, weight, name)"
						" SELECT $1, r.day, r.weight, %s FROM %s AS r ORDER BY r.day"
						" ON CONFLICT (calendar_id, day) DO UPDATE SET weight = excluded.weight%s",
						named ? "NULLIF(r.name::pg_catalog.text, '')" : "NULL", relation,
						named ? ", name = excluded.name" : ""), &args, false);
	ts_finish();
	PG_RETURN_INT64((int64) n);
}

/* --------------------------------------------------------- add_calendar */

void
ts_workdays_check_calendar(const char *calendar, const char *country, ArrayType *day_weights)
{
	Datum	   *weights;
	bool	   *nulls;
	int			n;
	int64		sum = 0;

	if (day_weights == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"day_weights\" must not be null"),
				 errhint("Leave it out for working days from Monday to Friday.")));
	deconstruct_array(day_weights, NUMERICOID, -1, false, TYPALIGN_INT, &weights, &nulls, &n);
	if (n != DAYS_PER_WEEK || ARR_NDIM(day_weights) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("day weights of calendar \"%s\" are not one for each day of the week", calendar),
				 errdetail("There are %d.", n),
				 errhint("Give seven, Monday to Sunday: day_weights => '{1,1,1,1,1,0.5,0}'")));
	for (int i = 0; i < n; i++)
	{
		int64		units;
		int			finer;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a day weight of calendar \"%s\" is null", calendar),
					 errhint("Write 0 for a day off.")));
		if (!ts_weight_as_int64(weights[i], TS_WORKDAY_SCALE, &units, &finer) ||
			units < 0 || units > (int64) MAX_DAY_WEIGHT * TS_WORKDAY_UNITS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("day weight %s of calendar \"%s\" is not a number from 0 to %d with at most %d decimals",
							DatumGetCString(DirectFunctionCall1(numeric_out, weights[i])), calendar,
							MAX_DAY_WEIGHT, TS_WORKDAY_SCALE),
					 errhint("Write 1 for a whole working day, 0.5 for half of one, 0 for a day off.")));
		sum += units;
	}
	if (sum == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("calendar \"%s\" has no working day", calendar),
				 errhint("Leave day_weights out for working days from Monday to Friday.")));
	if (country == NULL)
		return;
	if (country[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("country of calendar \"%s\" must not be empty", calendar),
				 errhint("Leave it out for a calendar without public holidays.")));

	ts_connect();
	(void) ts_run("SELECT DISTINCT h.country FROM " TS_SCHEMA ".holiday AS h ORDER BY 1", TS_NO_ARGS, false);
	for (uint64 row = 0; row < SPI_processed; row++)
		if (strcmp(ts_text(row, 1, CurrentMemoryContext), country) == 0)
		{
			ts_finish();
			return;
		}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("holidays of country \"%s\" are not known", country),
			 SPI_processed == 0 ? errdetail("There are no holidays.") :
			 errdetail("Countries with holidays: %s.", ts_list(1)),
			 errhint("Add them, for example: INSERT INTO " TS_SCHEMA ".holiday (country, day, weight, name)"
					 " VALUES (%s, '2026-01-01', 0, 'New Year'); or leave the country out and load the calendar's days with load_calendar_days().",
					 quote_literal_cstr(country))));
}
