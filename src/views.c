/*-------------------------------------------------------------------------
 *
 * views.c
 *	  create_flat_view: a plan's leaves with one column per dimension and
 *	  level.
 *
 * Its columns depend on the dimensions that there are, so it cannot be a view
 * of the extension's: it belongs to the caller, in the caller's schema.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "compat.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
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
	char	   *schema = creation_schema();
	char	   *name;
	char	   *relation;
	ts_plan		plan;
	ts_args		args = {0};
	StringInfoData sql;
	StringInfoData joins;
	uint64		n;
	int			nest = NewGUCNestLevel();
	Oid			relid;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "plan")));

	/* the view's operators are looked up now, once and for all */
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	ts_connect();
	ts_plan_find(text_to_cstring(PG_GETARG_TEXT_PP(0)), &plan, context);
	if (!PG_ARGISNULL(1))
		name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	else
	{
		ts_arg_text(&args, plan.family);
		ts_run("SELECT lower($1)", &args, true);
		name = ts_text(0, 1, context);
		name = plan.is_current ? psprintf("%s_flat", name) :
			psprintf("%s_%d_flat", name, plan.version);
	}
	relation = psprintf("%s.%s", quote_identifier(schema),
						MemoryContextStrdup(context, quote_identifier(name)));

	initStringInfo(&sql);
	initStringInfo(&joins);
	appendStringInfo(&sql,
					 "CREATE VIEW %s%s AS SELECT m.name AS metric, m.unit, t.target_id, t.amount, t.period,"
					 " lower(t.period) AS period_start, upper(t.period) - 1 AS period_end,"
					 " target_split.period_label('year', lower(t.period), c.first_month, c.label_by, c.week_start) AS fiscal_year,"
					 " CASE WHEN target_split.period_label('quarter', lower(t.period), c.first_month, c.label_by, c.week_start)"
					 " = target_split.period_label('quarter', upper(t.period) - 1, c.first_month, c.label_by, c.week_start)"
					 " THEN target_split.period_label('quarter', lower(t.period), c.first_month, c.label_by, c.week_start) END AS fiscal_quarter,"
					 " CASE WHEN target_split.period_label('month', lower(t.period), c.first_month, c.label_by, c.week_start)"
					 " = target_split.period_label('month', upper(t.period) - 1, c.first_month, c.label_by, c.week_start)"
					 " THEN target_split.period_label('month', lower(t.period), c.first_month, c.label_by, c.week_start) END AS month,"
					 " CASE WHEN target_split.period_label('week', lower(t.period), c.first_month, c.label_by, c.week_start)"
					 " = target_split.period_label('week', upper(t.period) - 1, c.first_month, c.label_by, c.week_start)"
					 " THEN target_split.period_label('week', lower(t.period), c.first_month, c.label_by, c.week_start) END AS week",
					 relation,
					 TS_SECURITY_INVOKER);
	n = ts_run("SELECT d.dimension_id, d.name, l.depth::int4, l.name FROM target_split.dimension d"
			   " JOIN target_split.dimension_level l ON l.dimension_id = d.dimension_id"
			   " ORDER BY d.dimension_id, l.depth", TS_NO_ARGS, true);
	for (uint64 row = 0; row < n; row++)
	{
		int32		dimension_id = ts_int4(row, 1);
		int			depth = ts_int4(row, 3);

		if (depth == 1)
			appendStringInfo(&joins,
							 " LEFT JOIN target_split.member d%d ON d%d.dimension_id = %d AND d%d.slice_value = t.slice -> %s",
							 dimension_id, dimension_id, dimension_id, dimension_id,
							 quote_literal_cstr(ts_text(row, 2, context)));
		appendStringInfo(&sql, ", d%d.path[%d] AS %s", dimension_id, depth,
						 quote_identifier(ts_text(row, 4, context)));
	}
	appendStringInfo(&sql,
					 " FROM target_split.target t"
					 " JOIN target_split.plan p ON p.plan_id = t.plan_id"
					 " JOIN target_split.calendar c ON c.calendar_id = p.calendar_id"
					 " JOIN target_split.metric m ON m.metric_id = t.metric_id%s"
					 " WHERE t.plan_id = %d AND t.n_children = 0", joins.data, plan.plan_id);
	ts_run(sql.data, TS_NO_ARGS, false);
	relid = get_relname_relid(name, get_namespace_oid(schema, false));
	ts_finish();
	AtEOXact_GUC(true, nest);
	PG_RETURN_OID(relid);
}
