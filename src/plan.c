/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  Plans, their overall targets, and looking targets up.
 *
 * Terms
 *	overall target	the root of the target tree of a plan and metric
 *	family			name that the versions of a plan share
 *	reference		how a call names a plan: FAMILY, or FAMILY#VERSION
 *
 * Method
 *	A target is found by walking down from the root along the index on
 *	(plan, parent, member, start of the period): the children followed are
 *	those whose member is wanted, or an ancestor of a wanted one, or who cover
 *	the wanted period.  One statement a step; nothing is read that is not on
 *	the way, however large the tree.
 *
 *	Amounts are made by exact numeric arithmetic: div() and mod() cut without
 *	a rounding of their own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "calendar.h"
#include "compat.h"
#include "numeric_units.h"
#include "plan.h"
#include "query.h"
#include "source.h"
#include "target_split.h"

PG_FUNCTION_INFO_V1(target_split_create_plan);
PG_FUNCTION_INFO_V1(target_split_find_plan);
PG_FUNCTION_INFO_V1(target_split_set_target);
PG_FUNCTION_INFO_V1(target_split_root_target);
PG_FUNCTION_INFO_V1(target_split_find_target);
PG_FUNCTION_INFO_V1(target_split_existing_target);

/* Amounts are kept in 128-bit integers of quanta; this leaves room to add */
#define MAX_QUANTA "1e36"

/* A daterange as messages show it, whatever the setting DateStyle */
static char *
range_text(Datum range)
{
	DateADT		from;
	DateADT		upto;
	bool		empty;

	ts_daterange_parts(range, &from, &upto, &empty);
	return ts_window_text(from, upto);
}

/* -------------------------------------------------------------- look-ups */

void
ts_metric_find(const char *name, ts_metric *metric, MemoryContext cxt)
{
	ts_args		args = {0};

	ts_arg_text(&args, name);
	if (ts_run("SELECT m.metric_id, m.name, m.unit, m.quantum, m.additive, m.direction = 'higher'"
			   " FROM " TS_SCHEMA ".metric AS m WHERE m.name = $1", &args, false) == 0)
	{
		(void) ts_run("SELECT m.name FROM " TS_SCHEMA ".metric AS m ORDER BY m.name COLLATE \"C\"",
					  TS_NO_ARGS, false);
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("metric \"%s\" does not exist", name),
				 SPI_processed == 0 ? errdetail("There are no metrics yet.") :
				 errdetail("Metrics: %s.", ts_list(1)),
				 errhint("Add it first: SELECT " TS_SCHEMA ".add_metric(%s, unit => 'EUR');",
						 quote_literal_cstr(name))));
	}
	metric->metric_id = ts_int4(0, 1);
	metric->name = ts_text(0, 2, cxt);
	metric->unit = ts_text(0, 3, cxt);
	metric->quantum = ts_datum_copy(0, 4, cxt);
	metric->additive = ts_bool(0, 5);
	metric->higher_is_better = ts_bool(0, 6);
}

void
ts_plan_find(const char *reference, ts_plan *plan, MemoryContext cxt)
{
	const char *mark = strchr(reference, '#');
	char	   *family;
	ts_args		args = {0};
	uint64		n;
	bool		empty;

	family = mark ? pnstrdup(reference, mark - reference) : pstrdup(reference);
	ts_arg_text(&args, family);
	ts_arg_text(&args, mark ? mark + 1 : NULL);
	n = ts_run("SELECT p.plan_id, p.family, p.version, p.period, p.calendar_id, p.is_current"
			   " FROM " TS_SCHEMA ".plan AS p WHERE p.family = $1"
			   " AND (p.version::pg_catalog.text = $2 OR p.is_current AND $2 IS NULL)",
			   &args, false);
	if (n == 0)
	{
		args.n = 1;
		if (ts_run("SELECT p.version FROM " TS_SCHEMA ".plan AS p WHERE p.family = $1"
				   " ORDER BY p.version", &args, false) > 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 mark ? errmsg("plan \"%s\" has no version \"%s\"", family, mark + 1) :
					 errmsg("plan \"%s\" has no current version", family),
					 errdetail("Its versions: %s.", ts_list(1)),
					 errhint("Name a version, for example %s.",
							 quote_literal_cstr(psprintf("%s#%s", family,
														 ts_text(0, 1, CurrentMemoryContext))))));
		(void) ts_run("SELECT DISTINCT p.family COLLATE \"C\" FROM " TS_SCHEMA ".plan AS p ORDER BY 1",
					  TS_NO_ARGS, false);
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("plan \"%s\" does not exist", family),
				 SPI_processed == 0 ? errdetail("There are no plans yet.") :
				 errdetail("Plans: %s.", ts_list(1)),
				 errhint("Create it first: SELECT " TS_SCHEMA ".create_plan(%s, period => '[2024-01-01,2025-01-01)');",
						 quote_literal_cstr(family))));
	}
	plan->plan_id = ts_int4(0, 1);
	plan->family = ts_text(0, 2, cxt);
	plan->version = ts_int4(0, 3);
	ts_daterange_parts(ts_datum(0, 4), &plan->from, &plan->upto, &empty);
	plan->calendar_id = ts_int4(0, 5);
	plan->is_current = ts_bool(0, 6);
}

void
ts_no_target(int64 target_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("target %lld does not exist", (long long) target_id),
			 errhint("SELECT target_id, plan, metric, slice, period FROM target_split.target_tree;")));
}

void
ts_require_target(int64 target_id)
{
	ts_args		args = {0};

	ts_arg_int8(&args, target_id);
	if (ts_run("SELECT FROM " TS_SCHEMA ".target AS t"
			   " WHERE t.plan_id = ANY (ARRAY(SELECT p.plan_id FROM " TS_SCHEMA ".plan AS p))"
			   " AND t.target_id = $1", &args, false) == 0)
		ts_no_target(target_id);
}

int64
ts_root_target(const ts_plan *plan, const ts_metric *metric, bool missing_ok)
{
	ts_args		args = {0};

	ts_arg_int4(&args, plan->plan_id);
	ts_arg_int4(&args, metric->metric_id);
	if (ts_run("SELECT t.target_id FROM " TS_SCHEMA ".target AS t"
			   " WHERE t.plan_id = $1 AND t.root_metric_id = $2", &args, false) > 0)
		return ts_int8(0, 1);
	if (!missing_ok)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("plan \"%s\" has no overall target of metric \"%s\"",
						plan->family, metric->name),
				 errhint("Set it first: SELECT " TS_SCHEMA ".set_target(%s, %s, amount => 1000000);",
						 quote_literal_cstr(plan->is_current ? plan->family :
											psprintf("%s#%d", plan->family, plan->version)),
						 quote_literal_cstr(metric->name))));
	return 0;
}

/* -------------------------------------------------------------- slices */

Jsonb *
ts_slice_resolve(Jsonb *slice, int64 **member_ids, int *n_members, MemoryContext cxt)
{
	ts_args		args = {0};
	int			n;
	char	  **dimensions;
	int32	   *dimension_ids;
	Jsonb	  **values;
	Datum		resolved;
	Jsonb	   *result;
	MemoryContext old = CurrentMemoryContext;

	if (!JB_ROOT_IS_OBJECT(slice))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a slice must be a JSON object"),
				 errdetail("It is %s.", JsonbToCString(NULL, &slice->root, VARSIZE(slice))),
				 errhint("For example '{\"market\": \"East\"}', or '{}' for everything.")));
	ts_arg(&args, JSONBOID, JsonbPGetDatum(slice), false);
	n = (int) ts_run("SELECT s.key, s.value, d.dimension_id, d.name, l.depth = 1"
					 " FROM pg_catalog.jsonb_each($1) AS s(key, value)"
					 " LEFT JOIN " TS_SCHEMA ".dimension_level AS l ON l.name = s.key"
					 " LEFT JOIN " TS_SCHEMA ".dimension AS d ON d.dimension_id = l.dimension_id",
					 &args, false);
	dimensions = palloc(Max(n, 1) * sizeof(char *));
	dimension_ids = palloc(Max(n, 1) * sizeof(int32));
	values = palloc(Max(n, 1) * sizeof(Jsonb *));
	*member_ids = MemoryContextAlloc(cxt, Max(n, 1) * sizeof(int64));
	*n_members = n;
	for (int i = 0; i < n; i++)
	{
		dimensions[i] = ts_text(i, 1, old);
		values[i] = DatumGetJsonbP(ts_datum_copy(i, 2, old));
		if (ts_isnull(i, 3))
		{
			(void) ts_run("SELECT d.name FROM " TS_SCHEMA ".dimension AS d ORDER BY d.name COLLATE \"C\"",
						  TS_NO_ARGS, false);
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("dimension \"%s\" does not exist", dimensions[i]),
					 SPI_processed == 0 ? errdetail("There are no dimensions yet.") :
					 errdetail("Dimensions: %s.", ts_list(1))));
		}
		if (!ts_bool(i, 5))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" is a level, not a dimension", dimensions[i]),
					 errdetail("The key of a slice is a dimension; its value is a member of any of its levels."),
					 errhint("Write {\"%s\": %s}.", ts_text(i, 4, old),
							 JsonbToCString(NULL, &values[i]->root, VARSIZE(values[i])))));
		dimension_ids[i] = ts_int4(i, 3);
	}

	/* one key at a time, so that there is no limit to their number */
	resolved = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
	for (int i = 0; i < n; i++)
	{
		Jsonb	   *slice_value;

		(*member_ids)[i] = ts_resolve_member(dimension_ids[i], dimensions[i], values[i],
											 &slice_value, old);
		args.n = 0;
		ts_arg(&args, JSONBOID, resolved, false);
		ts_arg_text(&args, dimensions[i]);
		ts_arg(&args, JSONBOID, JsonbPGetDatum(slice_value), false);
		(void) ts_run("SELECT $1 || pg_catalog.jsonb_build_object($2, $3)", &args, false);
		resolved = ts_datum_copy(0, 1, old);
	}
	MemoryContextSwitchTo(cxt);
	result = DatumGetJsonbPCopy(resolved);
	MemoryContextSwitchTo(old);
	return result;
}

static Datum
id_array(int n, const int64 *member_ids)
{
	Datum	   *ids = palloc(Max(n, 1) * sizeof(Datum));

	for (int i = 0; i < n; i++)
		ids[i] = Int64GetDatum(member_ids[i]);
	return PointerGetDatum(construct_array(ids, n, INT8OID, sizeof(int64),
										   true, TYPALIGN_DOUBLE));
}

/*
 * The members wanted, those above them on any day of the plan, and 0, which
 * stands on time edges; as a bigint[].
 */
static Datum
members_on_the_way(const ts_plan *plan, int n, const int64 *member_ids)
{
	ts_args		args = {0};

	ts_arg(&args, INT8ARRAYOID, id_array(n, member_ids), false);
	ts_arg(&args, DATERANGEOID, ts_daterange_make(plan->from, plan->upto), false);
	(void) ts_run("WITH RECURSIVE up AS ("
				  "SELECT a.member_id FROM pg_catalog.unnest($1) AS a(member_id)"
				  " UNION SELECT p.parent_id FROM up JOIN " TS_SCHEMA ".member_parent AS p"
				  " ON p.member_id = up.member_id AND p.valid && $2"
				  ") SELECT pg_catalog.array_agg(w.member_id) FROM"
				  " (SELECT up.member_id FROM up UNION ALL SELECT 0::pg_catalog.int8) AS w",
				  &args, false);
	return ts_datum_copy(0, 1, CurrentMemoryContext);
}

/*
 * The coarsest grain by which a target of the days [from, upto) can be split
 * to have a part for exactly the wanted days; NULL if there is none.
 */
static const char *
grain_to_go(const ts_plan *plan, DateADT from, DateADT upto,
			DateADT wanted_from, DateADT wanted_upto)
{
	ts_calendar_rule rule;

	ts_calendar_load_by_id(plan->calendar_id, &rule);
	for (int grain = TS_GRAIN_YEAR; grain < TS_GRAIN_COUNT; grain++)
	{
		DateADT		start;
		DateADT		end;

		if (!ts_calendar_has(&rule, (ts_grain) grain))
			continue;
		ts_period_bounds(&rule, (ts_grain) grain, wanted_from, &start, &end);
		if (Max(start, from) == wanted_from && Min(end, upto) == wanted_upto)
			return ts_grain_name((ts_grain) grain);
	}
	return NULL;
}

/*
 * The statement that splits a target so far that the wanted members and days
 * are reached; NULL if no split does that.
 */
static char *
split_to_go(const ts_plan *plan, int64 target_id, DateADT from, DateADT upto,
			int n, const int64 *member_ids, DateADT wanted_from, DateADT wanted_upto)
{
	const char *grain = NULL;
	ts_args		args = {0};

	if (from != wanted_from || upto != wanted_upto)
	{
		grain = grain_to_go(plan, from, upto, wanted_from, wanted_upto);
		if (grain == NULL)
			return NULL;
	}
	ts_arg_int4(&args, plan->plan_id);
	ts_arg_int8(&args, target_id);
	ts_arg(&args, INT8ARRAYOID, id_array(n, member_ids), false);
	ts_arg_text(&args, grain);
	(void) ts_run("SELECT pg_catalog.array_agg(l.name ORDER BY l.dimension_id, l.depth)"
				  " || CASE WHEN $4 IS NOT NULL THEN ARRAY[$4] END"
				  " FROM " TS_SCHEMA ".target AS t"
				  " CROSS JOIN pg_catalog.unnest($3) AS w(member_id)"
				  " JOIN " TS_SCHEMA ".member AS m ON m.member_id = w.member_id"
				  " JOIN " TS_SCHEMA ".dimension AS d ON d.dimension_id = m.dimension_id"
				  " LEFT JOIN " TS_SCHEMA ".member AS h ON h.dimension_id = d.dimension_id"
				  " AND h.slice_value = t.slice -> d.name"
				  " JOIN " TS_SCHEMA ".dimension_level AS l ON l.dimension_id = d.dimension_id"
				  " AND l.depth > COALESCE(h.depth, 0) AND l.depth <= m.depth"
				  " WHERE t.plan_id = $1 AND t.target_id = $2", &args, false);
	if (ts_isnull(0, 1))
		return NULL;
	return psprintf("SELECT * FROM " TS_SCHEMA ".split_target(" INT64_FORMAT ", %s);", target_id,
					quote_literal_cstr(ts_text(0, 1, CurrentMemoryContext)));
}

/*
 * The error that a plan has no such target: says how far the tree reaches, and
 * what to do to get there.
 */
static void
no_such_slice(const ts_plan *plan, const ts_metric *metric, Jsonb *wanted, int64 nearest,
			  int n, const int64 *member_ids, DateADT from, DateADT upto)
{
	MemoryContext cxt = CurrentMemoryContext;
	ts_args		args = {0};
	DateADT		nearest_from;
	DateADT		nearest_upto;
	bool		empty;
	char	   *nearest_slice;
	char	   *split_by;
	char	   *split = NULL;
	char	   *hint;

	ts_arg_int4(&args, plan->plan_id);
	ts_arg_int8(&args, nearest);
	if (ts_run("SELECT t.slice, t.period, (SELECT c.level FROM " TS_SCHEMA ".target AS c"
			   " WHERE c.plan_id = t.plan_id AND c.parent_id = t.target_id"
			   " ORDER BY c.target_id LIMIT 1)"
			   " FROM " TS_SCHEMA ".target AS t WHERE t.plan_id = $1 AND t.target_id = $2",
			   &args, false) == 0)
		ts_no_target(nearest);
	nearest_slice = ts_text(0, 1, cxt);
	ts_daterange_parts(ts_datum(0, 2), &nearest_from, &nearest_upto, &empty);
	split_by = ts_text(0, 3, cxt);
	if (from < plan->from || upto > plan->upto)
		hint = psprintf("The plan is for %s.", ts_window_text(plan->from, plan->upto));
	else if (split_by)
		hint = "Name a part of that split as well; a figure that is no target is a cut: kpi_cut().";
	else
	{
		split = split_to_go(plan, nearest, nearest_from, nearest_upto, n, member_ids, from, upto);
		hint = split ? psprintf("Split it that far: %s", split) :
			"No grain has a period of exactly these days; see periods(). A figure that is no target is a cut: kpi_cut().";
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("plan \"%s\" has no target of metric \"%s\" for %s in %s",
					plan->family, metric->name,
					JsonbToCString(NULL, &wanted->root, VARSIZE(wanted)),
					ts_window_text(from, upto)),
			 split_by ?
			 errdetail("The nearest on the way is target " INT64_FORMAT ", %s in %s; it is split by \"%s\".",
					   nearest, nearest_slice, ts_window_text(nearest_from, nearest_upto), split_by) :
			 errdetail("The nearest on the way is target " INT64_FORMAT ", %s in %s; it is not split.",
					   nearest, nearest_slice, ts_window_text(nearest_from, nearest_upto)),
			 errhint("%s", hint)));
}

int64
ts_find_target(const ts_plan *plan, const ts_metric *metric, Jsonb *slice,
			   DateADT from, DateADT upto)
{
	MemoryContext cxt = CurrentMemoryContext;
	int64		nearest = ts_root_target(plan, metric, false);
	int64	   *member_ids;
	int			n_members;
	Jsonb	   *wanted = ts_slice_resolve(slice, &member_ids, &n_members, cxt);
	ts_args		args = {0};

	ts_arg_int4(&args, plan->plan_id);
	ts_arg(&args, INT8ARRAYOID, (Datum) 0, true);
	ts_arg(&args, INT8ARRAYOID, members_on_the_way(plan, n_members, member_ids), false);
	ts_arg(&args, JSONBOID, JsonbPGetDatum(wanted), false);
	ts_arg(&args, DATERANGEOID, ts_daterange_make(from, upto), false);
	ts_arg_int8(&args, nearest);

	(void) ts_run("SELECT t.slice = $4 AND t.period = $5, pg_catalog.array_agg(t.target_id) OVER ()"
				  " FROM " TS_SCHEMA ".target AS t"
				  " WHERE t.plan_id = $1 AND t.target_id = $6",
				  &args, false);
	args.n = 5;
	while (SPI_processed > 0)
	{
		CHECK_FOR_INTERRUPTS();
		/* the wanted one sorts first */
		if (ts_bool(0, 1))
			return nearest;
		args.values[1] = ts_datum_copy(0, 2, cxt);
		args.nulls[1] = ' ';
		if (ts_run("SELECT t.slice = $4 AND t.period = $5, pg_catalog.array_agg(t.target_id) OVER (),"
				   " t.target_id"
				   " FROM " TS_SCHEMA ".target AS t"
				   " WHERE t.plan_id = $1 AND t.parent_id = ANY ($2) AND t.member_id = ANY ($3)"
				   " AND t.period @> $5"
				   " ORDER BY 1 DESC, t.target_id", &args, false) > 0)
			nearest = ts_int8(0, 3);
	}

	no_such_slice(plan, metric, wanted, nearest, n_members, member_ids, from, upto);
	return 0;					/* keep the compiler quiet */
}

/* ------------------------------------------------------------- functions */

/*
 * create_plan(plan, period, calendar, description)
 */
Datum
target_split_create_plan(PG_FUNCTION_ARGS)
{
	char	   *family = ts_text_argument(fcinfo, 0, "plan");
	char	   *calendar = ts_text_argument(fcinfo, 2, "calendar");
	DateADT		from;
	DateADT		upto;
	bool		empty;
	ts_calendar_rule rule;
	int32		calendar_id;
	int32		plan_id;
	ts_args		args = {0};

	ts_require(fcinfo, 1, "period");
	if (family[0] == '\0' || strchr(family, '#') != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("\"%s\" is no name for a plan", family),
				 errdetail("A name is not empty and has no \"#\", which stands before a version.")));
	ts_daterange_parts(PG_GETARG_DATUM(1), &from, &upto, &empty);
	if (empty || DATE_NOT_FINITE(from) || DATE_NOT_FINITE(upto))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("period of a plan must have a first and a last day"),
				 errhint("For example period => '[2024-01-01,2025-01-01)'.")));

	ts_connect();
	ts_arg_text(&args, calendar);
	if (ts_run("SELECT c.calendar_id FROM " TS_SCHEMA ".calendar AS c WHERE c.name = $1",
			   &args, false) == 0)
	{
		ts_calendar_refuse_hidden(psprintf("\"%s\"", calendar));
		(void) ts_run("SELECT c.name FROM " TS_SCHEMA ".calendar AS c ORDER BY c.name COLLATE \"C\"",
					  TS_NO_ARGS, false);
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("calendar \"%s\" does not exist", calendar),
				 errdetail("Calendars: %s.", ts_list(1))));
	}
	calendar_id = ts_int4(0, 1);
	ts_calendar_load_by_id(calendar_id, &rule);
	ts_calendar_check(&rule, TS_GRAIN_DAY, from, upto);

	args.n = 0;
	ts_arg_text(&args, family);
	if (ts_run("SELECT p.period FROM " TS_SCHEMA ".plan AS p WHERE p.family = $1"
			   " ORDER BY p.version DESC", &args, false) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("plan \"%s\" exists already", family),
				 errdetail("It is for %s.", range_text(ts_datum(0, 1))),
				 errhint("Use another name, or go on with the plan that there is.")));
	ts_arg(&args, DATERANGEOID, PG_GETARG_DATUM(1), false);
	ts_arg_int4(&args, calendar_id);
	ts_arg_text(&args, PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3)));
	(void) ts_run("INSERT INTO " TS_SCHEMA ".plan (family, period, calendar_id, description)"
				  " VALUES ($1, $2, $3, $4) RETURNING plan_id", &args, false);
	plan_id = ts_int4(0, 1);
	ts_finish();
	PG_RETURN_INT32(plan_id);
}

/*
 * find_plan(plan)
 */
Datum
target_split_find_plan(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	TupleDesc	desc;
	ts_plan		plan;
	ts_args		args = {0};
	Datum		values[3];
	bool		nulls[3] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "find_plan() is not declared to return a row");
	ts_connect();
	ts_plan_find(text_to_cstring(PG_GETARG_TEXT_PP(0)), &plan, context);
	ts_arg_int4(&args, plan.plan_id);
	(void) ts_run("SELECT p.plan_id, p.period, c.name FROM " TS_SCHEMA ".plan AS p"
				  " JOIN " TS_SCHEMA ".calendar AS c ON c.calendar_id = p.calendar_id WHERE p.plan_id = $1", &args, false);
	for (int i = 0; i < 3; i++)
		values[i] = ts_datum_copy(0, i + 1, context);
	ts_finish();
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* An amount that a person gave: a whole number of quanta, not too large */
static Datum
check_amount(Datum amount, Datum quantum, const char *unit)
{
	ts_args		args = {0};

	if (numeric_is_nan(DatumGetNumeric(amount)) || numeric_is_inf(DatumGetNumeric(amount)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amount must be a number, not %s",
						DatumGetCString(DirectFunctionCall1(numeric_out, amount)))));
	ts_arg(&args, NUMERICOID, amount, false);
	ts_arg(&args, NUMERICOID, quantum, false);
	(void) ts_run("SELECT pg_catalog.mod($1, $2) = 0, pg_catalog.abs(pg_catalog.div($1, $2)) < " MAX_QUANTA ","
				  " $2 * pg_catalog.div($1, $2),"
				  " $2 * pg_catalog.div($1 + pg_catalog.sign($1) * $2 / 2, $2), $2", &args, false);
	if (!ts_bool(0, 2))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amount is too large"),
				 errdetail("An amount holds at most " MAX_QUANTA " quanta of %s %s.",
						   ts_text(0, 5, CurrentMemoryContext), unit)));
	if (!ts_bool(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("amount %s is not a multiple of the quantum %s",
						DatumGetCString(DirectFunctionCall1(numeric_out, amount)),
						ts_text(0, 5, CurrentMemoryContext)),
				 errhint("For example amount => %s.", ts_text(0, 4, CurrentMemoryContext))));
	return ts_datum_copy(0, 3, CurrentMemoryContext);
}

/* The actuals of the basis, grown, rounded half away from zero to the quantum */
static Datum
grown_amount(const ts_metric *metric, Datum growth, DateADT from, DateADT upto,
			 const char *on_incomplete, Datum quantum)
{
	ts_source	src;
	ts_args		args = {0};

	if (numeric_is_nan(DatumGetNumeric(growth)) || numeric_is_inf(DatumGetNumeric(growth)))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("growth must be a number, not %s",
						DatumGetCString(DirectFunctionCall1(numeric_out, growth))),
				 errhint("20 %% more is growth => 0.20.")));
	ts_arg(&args, NUMERICOID, growth, false);
	(void) ts_run("SELECT $1 > -1", &args, false);
	if (!ts_bool(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("growth must be more than -1, which is everything lost"),
				 errdetail("It is %s.", DatumGetCString(DirectFunctionCall1(numeric_out, growth))),
				 errhint("20 %% less is growth => -0.20.")));

	(void) ts_source_load(metric->metric_id, &src, false, CurrentMemoryContext);
	ts_source_check_window(&src, from, upto, true, on_incomplete, NULL);

	args.n = 0;
	ts_arg_date(&args, from);
	ts_arg_date(&args, upto);
	ts_arg(&args, NUMERICOID, growth, false);
	ts_arg(&args, NUMERICOID, quantum, false);
	(void) ts_run(psprintf("SELECT s.total, pg_catalog.sign(s.total)::pg_catalog.int4,"
						   " s.grown / $4 < " MAX_QUANTA ","
						   " $4 * (pg_catalog.div(s.grown, $4)"
						   " + CASE WHEN 2 * pg_catalog.mod(s.grown, $4) >= $4 THEN 1 ELSE 0 END)"
						   " FROM (SELECT f.total, f.total * (1 + $3) AS grown"
						   " FROM (SELECT COALESCE(pg_catalog.sum(%s), 0) AS total FROM %s WHERE %s) AS f) AS s",
						   src.amount, src.from, ts_source_window(&src, "$1", "$2")),
				  &args, false);
	if (ts_int4(0, 2) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("growth of nothing is nothing"),
				 errdetail("The actuals of metric \"%s\" in %s add up to 0.",
						   metric->name, ts_window_text(from, upto)),
				 errhint("Give the amount itself: amount => 1000000; or another basis.")));
	if (ts_int4(0, 2) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("growth of a negative basis has no meaning"),
				 errdetail("The actuals of metric \"%s\" in %s add up to %s.",
						   metric->name, ts_window_text(from, upto),
						   ts_text(0, 1, CurrentMemoryContext)),
				 errhint("Give the amount itself: amount => 1000000; or another basis.")));
	if (!ts_bool(0, 3))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("amount is too large"),
				 errdetail("An amount holds at most " MAX_QUANTA " quanta of %s %s.",
						   DatumGetCString(DirectFunctionCall1(numeric_out, quantum)), metric->unit)));
	return ts_datum_copy(0, 4, CurrentMemoryContext);
}

/*
 * The next key of a target.  Like an identity column it asks for no right on
 * the sequence: who may insert a target may have a key for it.
 */
int64
ts_next_target_id(void)
{
	static Oid	sequence = InvalidOid;
	Oid			schema = get_namespace_oid(TS_SCHEMA, false);

	/* the extension may have been dropped and created again */
	if (!OidIsValid(sequence) || get_rel_namespace(sequence) != schema)
		sequence = get_relname_relid("target_target_id_seq", schema);
	if (!OidIsValid(sequence))
		elog(ERROR, "sequence target_target_id_seq does not exist");
	return nextval_internal(sequence, false);
}

/*
 * The error for a target that was seen and could not be locked: a policy lets
 * the role see it and not change it, or it was deleted meanwhile.
 */
static void
cannot_lock(int32 plan_id, int64 target_id)
{
	ts_args		args = {0};

	ts_arg_int4(&args, plan_id);
	ts_arg_int8(&args, target_id);
	if (ts_run("SELECT FROM " TS_SCHEMA ".target AS t"
			   " WHERE t.plan_id = $1 AND t.target_id = $2", &args, false) == 0)
		ts_no_target(target_id);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to change target " INT64_FORMAT, target_id),
			 errdetail("The row-level security policies of table " TS_SCHEMA ".target let role \"%s\" see the target but not change it.",
					   GetUserNameFromId(GetUserId(), false)),
			 errhint("Ask the owner of the table for a policy FOR UPDATE that covers it.")));
}

/*
 * set_target(plan, metric, amount, growth, basis, on_incomplete)
 */
Datum
target_split_set_target(PG_FUNCTION_ARGS)
{
	char	   *plan_name = ts_text_argument(fcinfo, 0, "plan");
	char	   *metric_name = ts_text_argument(fcinfo, 1, "metric");
	char	   *on_incomplete = ts_text_argument(fcinfo, 5, "on_incomplete");
	ts_plan		plan;
	ts_metric	metric;
	Datum		quantum;
	ts_quantum	unit;
	Datum		amount;
	int64		target_id;
	ts_args		args = {0};

	if (PG_ARGISNULL(2) == PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("exactly one of amount and growth must be given"),
				 errhint("For example growth => 0.20 for 20 %% more than in the basis.")));
	if (PG_ARGISNULL(3) && !PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a basis goes with growth, not with an amount"),
				 errhint("Leave basis out, or give growth instead of amount.")));

	ts_connect();
	ts_plan_find(plan_name, &plan, CurrentMemoryContext);
	ts_metric_find(metric_name, &metric, CurrentMemoryContext);

	/* the quantum of a plan's metric stays what it was at its first target */
	ts_arg_int4(&args, plan.plan_id);
	ts_arg_int4(&args, metric.metric_id);
	quantum = metric.quantum;
	if (ts_run("SELECT p.quantum FROM " TS_SCHEMA ".plan_metric AS p"
			   " WHERE p.plan_id = $1 AND p.metric_id = $2", &args, false) > 0)
		quantum = ts_datum_copy(0, 1, CurrentMemoryContext);

	if (!PG_ARGISNULL(2))
		amount = check_amount(PG_GETARG_DATUM(2), quantum, metric.unit);
	else
	{
		DateADT		from = ts_add_months(plan.from, -12);
		DateADT		upto = ts_add_months(plan.upto, -12);
		bool		empty;

		if (!PG_ARGISNULL(4))
			ts_daterange_parts(PG_GETARG_DATUM(4), &from, &upto, &empty);
		amount = grown_amount(&metric, PG_GETARG_DATUM(3), from, upto, on_incomplete, quantum);
	}

	/* whatever is stored can be split: the engine's limits hold for it */
	ts_quantum_from_numeric(quantum, &unit);
	(void) ts_units_from_numeric(amount, &unit, "amount");

	ts_arg(&args, NUMERICOID, quantum, false);
	(void) ts_run("INSERT INTO " TS_SCHEMA ".plan_metric (plan_id, metric_id, quantum)"
				  " VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", &args, false);
	args.n = 2;
	target_id = ts_root_target(&plan, &metric, true);
	if (target_id == 0)
	{
		target_id = ts_next_target_id();
		ts_arg(&args, NUMERICOID, amount, false);
		ts_arg(&args, DATERANGEOID, ts_daterange_make(plan.from, plan.upto), false);
		ts_arg_int8(&args, target_id);
		(void) ts_run("INSERT INTO " TS_SCHEMA ".target"
					  " (target_id, lineage_id, plan_id, metric_id, depth, level, period, amount, slice)"
					  " VALUES ($5, $5, $1, $2, 0, 'total', $4, $3, '{}')", &args, false);
	}
	else
	{
		bool		locked;

		args.n = 1;
		ts_arg_int8(&args, target_id);
		/* lock first, then look at its children under a fresh snapshot */
		if (ts_run("SELECT t.locked FROM " TS_SCHEMA ".target AS t"
				   " WHERE t.plan_id = $1 AND t.target_id = $2 FOR UPDATE", &args, false) == 0)
			cannot_lock(plan.plan_id, target_id);
		locked = ts_bool(0, 1);
		if (ts_run("SELECT FROM " TS_SCHEMA ".target AS t"
				   " WHERE t.plan_id = $1 AND t.parent_id = $2 LIMIT 1", &args, false) > 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("target " INT64_FORMAT " of plan \"%s\" has been split", target_id, plan.family),
					 errdetail("Its parts add up to it; it cannot change alone."),
					 errhint("Take its parts back first: SELECT " TS_SCHEMA ".unsplit_target(" INT64_FORMAT ");",
							 target_id)));
		if (locked)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("target " INT64_FORMAT " of plan \"%s\" is locked", target_id, plan.family)));
		ts_arg(&args, NUMERICOID, amount, false);
		(void) ts_run("UPDATE " TS_SCHEMA ".target SET amount = $3"
					  " WHERE plan_id = $1 AND target_id = $2 AND amount <> $3", &args, false);
	}
	ts_finish();
	PG_RETURN_INT64(target_id);
}

/*
 * root_target(plan, metric)
 */
Datum
target_split_root_target(PG_FUNCTION_ARGS)
{
	char	   *plan_name = ts_text_argument(fcinfo, 0, "plan");
	char	   *metric_name = ts_text_argument(fcinfo, 1, "metric");
	ts_plan		plan;
	ts_metric	metric;
	int64		target_id;

	ts_connect();
	ts_plan_find(plan_name, &plan, CurrentMemoryContext);
	ts_metric_find(metric_name, &metric, CurrentMemoryContext);
	target_id = ts_root_target(&plan, &metric, false);
	ts_finish();
	PG_RETURN_INT64(target_id);
}

/* The target that the arguments plan, metric, slice, period, from "first" on, name */
static int64
target_named(FunctionCallInfo fcinfo, int first)
{
	char	   *plan_name = ts_text_argument(fcinfo, first, "plan");
	char	   *metric_name = ts_text_argument(fcinfo, first + 1, "metric");
	ts_plan		plan;
	ts_metric	metric;
	DateADT		from;
	DateADT		upto;
	bool		empty = false;

	ts_require(fcinfo, first + 2, "slice");
	ts_plan_find(plan_name, &plan, CurrentMemoryContext);
	ts_metric_find(metric_name, &metric, CurrentMemoryContext);
	from = plan.from;
	upto = plan.upto;
	if (!PG_ARGISNULL(first + 3))
		ts_daterange_parts(PG_GETARG_DATUM(first + 3), &from, &upto, &empty);
	if (empty)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"period\" must not be empty")));
	return ts_find_target(&plan, &metric, PG_GETARG_JSONB_P(first + 2), from, upto);
}

/*
 * find_target(plan, metric, slice, period)
 */
Datum
target_split_find_target(PG_FUNCTION_ARGS)
{
	int64		target_id;

	ts_connect();
	target_id = target_named(fcinfo, 0);
	ts_finish();
	PG_RETURN_INT64(target_id);
}

/*
 * existing_target(target_id, plan, metric, slice, period)
 *
 * For functions that take a target by its id or by plan, metric, slice and
 * period.  Errors: both or neither given, no such target.
 */
Datum
target_split_existing_target(PG_FUNCTION_ARGS)
{
	int64		target_id;

	if (PG_ARGISNULL(0) == (PG_ARGISNULL(1) && PG_ARGISNULL(2)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a target is named either by its id or by plan, metric, slice and period"),
				 errhint("target_id => 12, or plan => 'FY2024', metric => 'sales', slice => '{\"market\": \"East\"}'")));
	ts_connect();
	if (PG_ARGISNULL(0))
		target_id = target_named(fcinfo, 1);
	else
	{
		target_id = PG_GETARG_INT64(0);
		ts_require_target(target_id);
	}
	ts_finish();
	PG_RETURN_INT64(target_id);
}
