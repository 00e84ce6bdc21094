/*-------------------------------------------------------------------------
 *
 * views.c
 *	  create_flat_view: a plan's leaves with one column per dimension and
 *	  level.
 *
 * Its columns depend on the dimensions that there are, so it cannot be a view
 * of the extension's: it belongs to the caller, in the caller's schema.
 *
 * A member that moved is below the parent that it has on the first day of the
 * leaf.
 *
 * A level that has the name of one of the view's own columns gets the prefix
 * level_, and a name that is taken all the same a number behind it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "compat.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "plan.h"
#include "query.h"

PG_FUNCTION_INFO_V1(target_split_create_flat_view);

/* The schema in which the caller creates things */
static char *
creation_schema(void)
{
	List	   *path = fetch_search_path(false);
	char	   *name = path == NIL ? NULL : get_namespace_name(linitial_oid(path));

	if (!name)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("no schema has been selected to create the view in"),
				 errhint("SET search_path = public, target_split;")));
	list_free(path);
	return name;
}

/* A column of the view that is there whatever the dimensions are */
typedef struct own_column
{
	const char *name;
	const char *expression;
	const char *comment;
	bool		with_units;		/* the comment goes on with the units */
} own_column;

#define WITHIN(grain) "target_split.period_within('" grain "', t.period, p.calendar_id)"

static const own_column own_columns[] = {
	{"metric", "m.name", "Metric", false},
	{"unit", "m.unit", "Unit of the amount", true},
	{"target_id", "t.target_id", "Target", false},
	{"amount", "t.amount", "The target, in the unit of its metric", true},
	{"period", "t.period", "Days it is for", false},
	{"period_start", "lower(t.period)", "First day", false},
	{"period_end", "upper(t.period) - 1", "Last day, inclusive", false},
	{"fiscal_year", WITHIN("year"), "Fiscal year; NULL where the target is for more than one", false},
	{"fiscal_half", WITHIN("half"), "Half year; NULL where the target is for more than one", false},
	{"fiscal_quarter", WITHIN("quarter"), "Quarter; NULL where the target is for more than one", false},
	{"month", WITHIN("month"), "Month; NULL where the target is for more than one", false},
	{"week", WITHIN("week"), "Whole week, which may be two targets'; NULL where the target is for more than one", false},
};

/* A level of a dimension, and its column */
typedef struct level_column
{
	int32		dimension_id;
	char	   *dimension;
	int			depth;
	char	   *level;
	char	   *name;
} level_column;

/* A name as the server stores it: its first bytes, whole characters */
static char *
clipped(const char *name)
{
	return pnstrdup(name, pg_mbcliplen(name, (int) strlen(name), NAMEDATALEN - 1));
}

/* Is a name that of an own column, or of one of the first n levels? */
static bool
is_taken(const char *name, const level_column *levels, int n)
{
	for (size_t i = 0; i < lengthof(own_columns); i++)
		if (strcmp(name, own_columns[i].name) == 0)
			return true;
	for (int i = 0; i < n; i++)
		if (levels[i].name && strcmp(name, levels[i].name) == 0)
			return true;
	return false;
}

/* Gives each level a column name: its own if that is free */
static void
name_columns(level_column *levels, int n)
{
	for (int i = 0; i < n; i++)
	{
		char	   *name = clipped(levels[i].level);

		levels[i].name = is_taken(name, levels, i) ? NULL : name;
	}
	for (int i = 0; i < n; i++)
	{
		char	   *name;

		if (levels[i].name)
			continue;
		name = clipped(psprintf("level_%s", levels[i].level));
		for (int number = 2; is_taken(name, levels, n); number++)
		{
			char	   *end = psprintf("_%d", number);
			char	   *start = psprintf("level_%s", levels[i].level);

			start[pg_mbcliplen(start, (int) strlen(start), NAMEDATALEN - 1 - (int) strlen(end))] = '\0';
			name = psprintf("%s%s", start, end);
		}
		levels[i].name = name;
	}
}

/* All levels of all dimensions, with the names of their columns */
static level_column *
load_levels(int *n_levels, MemoryContext context)
{
	uint64		n = ts_run("SELECT d.dimension_id, d.name, l.depth::int4, l.name FROM target_split.dimension d"
						   " JOIN target_split.dimension_level l ON l.dimension_id = d.dimension_id"
						   " ORDER BY d.dimension_id, l.depth", TS_NO_ARGS, true);
	level_column *levels = palloc0(sizeof(level_column) * Max(n, 1));

	for (uint64 row = 0; row < n; row++)
	{
		levels[row].dimension_id = ts_int4(row, 1);
		levels[row].dimension = ts_text(row, 2, context);
		levels[row].depth = ts_int4(row, 3);
		levels[row].level = ts_text(row, 4, context);
	}
	*n_levels = (int) n;
	name_columns(levels, *n_levels);
	return levels;
}

/* The name that the view gets: that of the argument, or one made of the plan's */
static char *
view_name(FunctionCallInfo fcinfo, const ts_plan *plan, MemoryContext context)
{
	char	   *name;

	if (!PG_ARGISNULL(1))
		name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	else
	{
		ts_args		args = {0};

		ts_arg_text(&args, plan->family);
		ts_run("SELECT lower($1)", &args, true);
		name = ts_text(0, 1, context);
		name = plan->is_current ? psprintf("%s_flat", name) :
			psprintf("%s_%d_flat", name, plan->version);
	}
	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("name of a view must not be empty"),
				 errhint("Leave view_name out for a name made of the plan's.")));
	/* as the server would do, with its notice */
	truncate_identifier(name, (int) strlen(name), true);
	return name;
}

/* Comments of the view and its columns, amounts with their units */
static void
add_comments(const char *relation, const ts_plan *plan, const level_column *levels, int n_levels,
			 MemoryContext context)
{
	ts_args		args = {0};
	char	   *units;

	ts_arg_int4(&args, plan->plan_id);
	ts_run("SELECT DISTINCT m.unit COLLATE \"C\" FROM target_split.plan_metric pm"
		   " JOIN target_split.metric m ON m.metric_id = pm.metric_id"
		   " WHERE pm.plan_id = $1 ORDER BY 1", &args, true);
	units = SPI_processed == 0 ? pstrdup("none yet") : MemoryContextStrdup(context, ts_list(1));
	ts_run(psprintf("COMMENT ON VIEW %s IS %s", relation,
					quote_literal_cstr(psprintf("Targets of plan %s version %d without children; amounts in %s",
												plan->family, plan->version, units))),
		   TS_NO_ARGS, false);
	for (size_t i = 0; i < lengthof(own_columns); i++)
	{
		const char *comment = own_columns[i].comment;

		if (own_columns[i].with_units)
			comment = psprintf("%s: %s", comment, units);
		ts_run(psprintf("COMMENT ON COLUMN %s.%s IS %s", relation,
						quote_identifier(own_columns[i].name), quote_literal_cstr(comment)),
			   TS_NO_ARGS, false);
	}
	for (int i = 0; i < n_levels; i++)
		ts_run(psprintf("COMMENT ON COLUMN %s.%s IS %s", relation, quote_identifier(levels[i].name),
						quote_literal_cstr(psprintf("Member of level \"%s\" of dimension \"%s\"",
													levels[i].level, levels[i].dimension))),
			   TS_NO_ARGS, false);
}

/*
 * create_flat_view(plan, view_name)
 *
 * Creates the view and returns it.  The default name is the family in lower
 * case, with _flat behind it.
 */
Datum
target_split_create_flat_view(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *reference = ts_text_argument(fcinfo, 0, "plan");
	char	   *schema = creation_schema();
	char	   *name;
	char	   *relation;
	ts_plan		plan;
	level_column *levels;
	int			n_levels;
	StringInfoData sql;
	StringInfoData joins;
	int			nest = NewGUCNestLevel();
	Oid			relid;

	/* the view's operators are looked up now, once and for all */
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	ts_connect();
	ts_plan_find(reference, &plan, context);
	name = view_name(fcinfo, &plan, context);
	relation = quote_qualified_identifier(schema, name);
	levels = load_levels(&n_levels, context);

	initStringInfo(&sql);
	initStringInfo(&joins);
	appendStringInfo(&sql, "CREATE VIEW %s%s AS SELECT ", relation, TS_SECURITY_INVOKER);
	for (size_t i = 0; i < lengthof(own_columns); i++)
		appendStringInfo(&sql, "%s%s AS %s", i > 0 ? ", " : "", own_columns[i].expression,
						 quote_identifier(own_columns[i].name));
	for (int i = 0; i < n_levels; i++)
	{
		int32		dimension_id = levels[i].dimension_id;

		if (i == 0 || levels[i - 1].dimension_id != dimension_id)
			appendStringInfo(&joins,
							 " LEFT JOIN target_split.member d%d ON d%d.dimension_id = %d AND d%d.slice_value = t.slice -> %s"
							 " LEFT JOIN target_split.moved_path p%d ON p%d.member_id = d%d.member_id AND p%d.days @> lower(t.period)",
							 dimension_id, dimension_id, dimension_id, dimension_id,
							 quote_literal_cstr(levels[i].dimension),
							 dimension_id, dimension_id, dimension_id, dimension_id);
		appendStringInfo(&sql, ", (COALESCE(p%d.path, d%d.path))[%d] AS %s", dimension_id, dimension_id,
						 levels[i].depth, quote_identifier(levels[i].name));
	}
	appendStringInfo(&sql,
					 " FROM target_split.target t"
					 " JOIN target_split.plan p ON p.plan_id = t.plan_id"
					 " JOIN target_split.metric m ON m.metric_id = t.metric_id%s"
					 " WHERE t.plan_id = %d AND t.n_children = 0", joins.data, plan.plan_id);
	ts_run(sql.data, TS_NO_ARGS, false);
	relid = get_relname_relid(name, get_namespace_oid(schema, false));
	add_comments(relation, &plan, levels, n_levels, context);
	ts_finish();
	AtEOXact_GUC(true, nest);
	PG_RETURN_OID(relid);
}
