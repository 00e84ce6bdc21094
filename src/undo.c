/*-------------------------------------------------------------------------
 *
 * undo.c
 *	  undo_split: take one call back, if nothing has been built on it.
 *
 * Glossary
 *	  parts		the splits of a call: one, or of resplit_target one for each
 *				split that it did again
 *	  made		a target that the call made: its split_id is a part's, and the
 *				part does not say that it only made others
 *	  shared	any other target whose split_id is a part's: it was there before,
 *				and its split_id was what the part replaces
 *	  changed	a target that was there before and that the call changed: it
 *				has revisions with the call's split_id
 *	  removed	a target that the call took away; the whole row is in a revision
 *	  left		the state in which the call left a made or changed target
 *
 * Method
 *	  The rows are locked in the order of ids.  Then each is compared with what
 *	  the call left: the first later revision has the amount, and the first that
 *	  keeps a whole row has the rest; without any the row is as it was left.
 *	  What differs, or has children that the call did not make, is in the way; of
 *	  children that no split made, those with which the sums would not be right.
 *	  A mark as adjusted is as the call found it.
 *	  If nothing is, one statement deletes what was made, puts back the values of
 *	  what was changed, and brings back what was removed; the guard compares the
 *	  end of it.
 *
 *	  The call's key is kept with the revisions of all this (undoes), for what they
 *	  change is nobody's decision.
 *
 * Limits
 *	  What a call of split_target changed is looked for in all revisions of the
 *	  plan; that of resplit_target, in those that are younger.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "plan.h"
#include "query.h"
#include "selection.h"
#include "source.h"
#include "target_split.h"

PG_FUNCTION_INFO_V1(target_split_undo_split);

/* $1 plan_id, $2 split_ids of the parts */
#define BELOW \
	"WITH RECURSIVE below AS (" \
	"SELECT t.target_id, t.parent_id, t.split_id FROM " TS_SCHEMA ".target t" \
	" WHERE t.plan_id = $1 AND t.target_id IN (" \
	"SELECT s.target_id FROM " TS_SCHEMA ".split s WHERE s.plan_id = $1 AND s.split_id = ANY ($2))" \
	" UNION " \
	"SELECT t.target_id, t.parent_id, t.split_id FROM below b" \
	" JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.parent_id = b.target_id) "

/* the same where that is all there is, which needs no recursion */
#define ALL \
	"WITH below AS (" \
	"SELECT t.target_id, t.parent_id, t.split_id FROM " TS_SCHEMA ".target t" \
	" WHERE t.plan_id = $1 AND t.metric_id IN (" \
	"SELECT s.metric_id FROM " TS_SCHEMA ".split s WHERE s.plan_id = $1 AND s.split_id = ANY ($2))) "

/* $3: revisions from before the call */
#define MARK \
	"SELECT r.target_id, pg_catalog.min(r.revision_id) AS first_id, pg_catalog.max(r.revision_id) AS last_id," \
	" pg_catalog.bool_or(r.operation = 'delete') AS removed" \
	" FROM " TS_SCHEMA ".revision r WHERE r.plan_id = $1 AND r.split_id = ANY ($2) AND r.revision_id > $3 GROUP BY r.target_id"

/*
 * What is there and was made or changed.  last_id: what came later is no part of
 * the call
 */
#define ROWS \
	"WITH part AS (" \
	"SELECT s.split_id, s.replaces, s.after_revision, s.made IS NULL AS all_made" \
	" FROM " TS_SCHEMA ".split s WHERE s.plan_id = $1 AND s.split_id = ANY ($2)" \
	"), in_part AS (" \
	"SELECT b.target_id, p.replaces, p.after_revision, p.all_made OR n.target_id IS NOT NULL AS made" \
	" FROM undo_below b JOIN part p ON p.split_id = b.split_id LEFT JOIN (" \
	"SELECT pg_catalog.unnest(s.made) AS target_id FROM " TS_SCHEMA ".split s" \
	" WHERE s.plan_id = $1 AND s.split_id = ANY ($2)) n ON n.target_id = b.target_id" \
	") SELECT COALESCE(i.target_id, m.target_id), COALESCE(i.made, false)," \
	" CASE WHEN NOT i.made THEN i.replaces END, m.first_id," \
	" GREATEST(m.last_id, CASE WHEN i.made THEN 0 ELSE i.after_revision END, 0)" \
	" FROM in_part i FULL JOIN undo_mark m ON m.target_id = i.target_id" \
	" WHERE i.target_id IS NOT NULL OR NOT m.removed"

/* What has happened to them since: the amount and the row as the call left them */
#define LATER \
	"SELECT r.target_id, (pg_catalog.array_agg(r.amount_before ORDER BY r.revision_id))[1]," \
	" (pg_catalog.array_agg(r.old_row ORDER BY r.revision_id) FILTER (WHERE r.old_row IS NOT NULL))[1]" \
	" FROM undo_row w JOIN " TS_SCHEMA ".revision r ON r.target_id = w.target_id AND r.revision_id > w.last_id" \
	" WHERE r.plan_id = $1 AND r.revision_id > $3 GROUP BY r.target_id"

/* What later changes are compared by; the rest says where a target is */
#define STATE_OF(row) \
	"(" row " - '{amount,n_children,level,adjusted,fallback,slice,split_id,lineage_id,root_metric_id}'::pg_catalog.text[])"

/*
 * Finds the call and returns its plan and, as bigint[], its parts; whole: it
 * named an overall target
 */
static Datum
find_split(FunctionCallInfo fcinfo, int64 split_id, int32 *plan_id, bool *whole, MemoryContext context)
{
	ts_args		args = {0};
	ts_plan		plan;
	uint64		n;

	ts_arg_int8(&args, split_id);
	if (!PG_ARGISNULL(1))
	{
		ts_plan_find(text_to_cstring(PG_GETARG_TEXT_PP(1)), &plan, CurrentMemoryContext);
		ts_arg_int4(&args, plan.plan_id);
	}
	else
		ts_arg(&args, INT4OID, (Datum) 0, true);
	n = ts_run("SELECT s.plan_id, s.part_of, ARRAY(SELECT p.split_id FROM " TS_SCHEMA ".split p"
			   " WHERE p.plan_id = s.plan_id AND (p.split_id = s.split_id OR p.part_of = s.split_id)),"
			   " EXISTS (SELECT FROM " TS_SCHEMA ".target t WHERE t.plan_id = s.plan_id AND t.target_id = s.target_id AND t.parent_id IS NULL)"
			   " FROM " TS_SCHEMA ".split s"
			   " WHERE s.plan_id = ANY (ARRAY(SELECT p.plan_id FROM " TS_SCHEMA ".plan p))"
			   " AND s.split_id = $1 AND (s.plan_id = $2 OR $2 IS NULL)", &args, false);
	if (n != 1)
		ereport(ERROR,
				(errcode(n == 0 ? ERRCODE_UNDEFINED_OBJECT : ERRCODE_AMBIGUOUS_PARAMETER),
				 n == 0 ? errmsg("split %lld does not exist", (long long) split_id) :
				 errmsg("several plans have a split %lld", (long long) split_id),
				 n == 0 ? errhint("SELECT split_id, plan, target_id, by_levels FROM " TS_SCHEMA ".split_log;") :
				 errhint("Name the plan: plan => 'FY2024'")));
	if (!ts_isnull(0, 2))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("split %lld is a part of the call that made split %lld",
						(long long) split_id, (long long) ts_int8(0, 2)),
				 errhint("To take the whole call back: SELECT " TS_SCHEMA ".undo_split(%lld);",
						 (long long) ts_int8(0, 2))));
	*plan_id = ts_int4(0, 1);
	*whole = ts_bool(0, 4);
	return ts_datum_copy(0, 3, context);
}

typedef struct undo_column
{
	const char *name;
	Oid			type;
} undo_column;

/* Runs a statement and lets others read its rows by a name */
static Tuplestorestate *
collect(const char *name, const char *sql, const ts_args *args, int n_columns, const undo_column *columns)
{
	Tuplestorestate *store = tuplestore_begin_heap(true, false, work_mem);
	TupleDesc	desc = CreateTemplateTupleDesc(n_columns);

	for (int i = 0; i < n_columns; i++)
		TupleDescInitEntry(desc, i + 1, columns[i].name, columns[i].type, -1, 0);
	ts_put_query(store, sql, args, false);
	ts_register_rows(name, store, desc, (double) tuplestore_tuple_count(store));
	return store;
}

/* The error that lists what has been built on the call */
static void
refuse(int64 split_id, uint64 n)
{
	StringInfoData list;

	initStringInfo(&list);
	for (uint64 row = 0; row < n && row < TS_LIST_MAX; row++)
		appendStringInfo(&list, "%starget " INT64_FORMAT " %s", row > 0 ? "; " : "", ts_int8(row, 1),
						 ts_text(row, 2, CurrentMemoryContext));
	if (n > TS_LIST_MAX)
		appendStringInfo(&list, "; and " UINT64_FORMAT " more", n - TS_LIST_MAX);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("split %lld cannot be undone, for something has been built on it", (long long) split_id),
			 errdetail("Since then %s.", list.data),
			 errhint("Take that back first; unsplit_target() removes whatever is under a target.")));
}

/*
 * undo_split(split_id, plan, reason)
 *
 * Restores what was there before a call, and returns the number of targets
 * that were removed, changed back or brought back.
 */
Datum
target_split_undo_split(PG_FUNCTION_ARGS)
{
	static const undo_column below_columns[] = {{"target_id", INT8OID}, {"parent_id", INT8OID}, {"split_id", INT8OID}};
	static const undo_column mark_columns[] = {{"target_id", INT8OID}, {"first_id", INT8OID},
	{"last_id", INT8OID}, {"removed", BOOLOID}};
	static const undo_column row_columns[] = {{"target_id", INT8OID}, {"made", BOOLOID}, {"replaces", INT8OID},
	{"first_id", INT8OID}, {"last_id", INT8OID}};
	static const undo_column later_columns[] = {{"target_id", INT8OID}, {"amount", NUMERICOID}, {"old_row", JSONBOID}};
	MemoryContext context;
	MemoryContext old;
	Tuplestorestate *below;
	Tuplestorestate *mark;
	Tuplestorestate *rows;
	Tuplestorestate *later;
	int64		split_id;
	int32		plan_id;
	bool		whole;
	char	   *sql;
	Datum		parts;
	int64		n_split = ts_split_in_progress;
	ts_args		args = {0};
	uint64		n;
	int64		n_made;
	int64		n_kept;
	int64		n_removed;
	int64		result;

	ts_require(fcinfo, 0, "split_id");
	split_id = PG_GETARG_INT64(0);
	ts_reason_argument(fcinfo, 2);
	context = AllocSetContextCreate(CurrentMemoryContext, "target_split undo", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	ts_connect();
	MemoryContextSwitchTo(context);
	/* members before targets: those of targets that are brought back keep their names meanwhile */
	ts_members_lock(RowShareLock);
	parts = find_split(fcinfo, split_id, &plan_id, &whole, context);
	ts_arg_int4(&args, plan_id);
	ts_arg(&args, INT8ARRAYOID, parts, false);
	/* a split that made all its targets anew has none */
	(void) ts_run("SELECT pg_catalog.min(s.after_revision) FROM " TS_SCHEMA ".split s WHERE s.plan_id = $1 AND s.split_id = ANY ($2)",
				  &args, false);
	ts_arg_int8(&args, ts_int8(0, 1));
	sql = psprintf("SELECT t.target_id FROM " TS_SCHEMA ".target t WHERE t.plan_id = $1 AND t.target_id IN ("
				   "%sSELECT b.target_id FROM below b WHERE b.split_id = ANY ($2)"
				   " UNION ALL (SELECT DISTINCT b.parent_id FROM below b WHERE b.split_id = ANY ($2))"
				   " UNION ALL SELECT m.target_id FROM (" MARK ") m)"
				   " ORDER BY t.target_id FOR NO KEY UPDATE", whole ? ALL : BELOW);
	(void) ts_run(sql, &args, false);
	SPI_freetuptable(SPI_tuptable);

	/* under a snapshot that is younger than the locks */
	sql = psprintf("%sSELECT b.target_id, b.parent_id, b.split_id FROM below b", whole ? ALL : BELOW);
	below = collect("undo_below", sql, &args, 3, below_columns);
	mark = collect("undo_mark", MARK, &args, 4, mark_columns);
	rows = collect("undo_row", ROWS, &args, 5, row_columns);
	(void) ts_run("SELECT pg_catalog.count(*) FILTER (WHERE w.made), pg_catalog.count(*) FILTER (WHERE NOT w.made),"
				  " (SELECT pg_catalog.count(*) FROM undo_mark k WHERE k.removed) FROM undo_row w", &args, false);
	n_made = ts_int8(0, 1);
	n_kept = ts_int8(0, 2);
	n_removed = ts_int8(0, 3);
	later = collect("undo_later", LATER, &args, 3, later_columns);
	n = ts_run("WITH put_in AS ("
			   /* children that no split made and that the call left alone may be of before or since: do they go with what is put back? */
			   "SELECT k.target_id, pg_catalog.count(*) AS n, COALESCE((SELECT r.amount_before"
			   " FROM undo_mark m JOIN " TS_SCHEMA ".revision r ON r.revision_id = m.first_id WHERE m.target_id = k.target_id),"
			   " (SELECT t.amount FROM " TS_SCHEMA ".target t WHERE t.plan_id = $1 AND t.target_id = k.target_id)) AS amount"
			   " FROM undo_row k JOIN undo_below b ON b.parent_id = k.target_id"
			   " WHERE NOT k.made AND b.split_id IS NULL AND NOT EXISTS (SELECT FROM undo_mark m WHERE m.target_id = b.target_id)"
			   " GROUP BY k.target_id"
			   "), problem AS ("
			   "SELECT w.target_id, 'has been removed' AS what FROM undo_row w WHERE NOT EXISTS ("
			   "SELECT FROM " TS_SCHEMA ".target x WHERE x.plan_id = $1 AND x.target_id = w.target_id)"
			   " UNION ALL "
			   "SELECT l.target_id, CASE WHEN l.amount <> x.amount THEN pg_catalog.format('was %s and is %s', l.amount, x.amount)"
			   " WHEN x.locked AND NOT (l.old_row ->> 'locked')::pg_catalog.bool THEN 'has been locked'"
			   " WHEN l.old_row IS NOT NULL AND " STATE_OF("l.old_row") " <> " STATE_OF("pg_catalog.to_jsonb(x)") " THEN 'has got other bounds, or another place' END"
			   " FROM undo_later l JOIN " TS_SCHEMA ".target x ON x.plan_id = $1 AND x.target_id = l.target_id"
			   " UNION ALL "
			   "SELECT m.target_id, pg_catalog.format('has got %s children%s', pg_catalog.count(*),"
			   " pg_catalog.string_agg(DISTINCT ' by split ' || b.split_id, ','))"
			   " FROM undo_row m JOIN undo_below b ON b.parent_id = m.target_id"
			   " WHERE m.made AND b.split_id <> ALL ($2) IS NOT FALSE GROUP BY m.target_id"
			   " UNION ALL "
			   "SELECT k.target_id, pg_catalog.format('has got %s children by split %s', pg_catalog.count(*), b.split_id)"
			   " FROM undo_row k JOIN undo_below b ON b.parent_id = k.target_id"
			   " WHERE NOT k.made AND b.split_id > (SELECT pg_catalog.max(p) FROM pg_catalog.unnest($2) p) GROUP BY k.target_id, b.split_id"
			   " UNION ALL "
			   "SELECT p.target_id, pg_catalog.format('has got %s children', p.n) FROM put_in p WHERE p.amount <> ("
			   "SELECT pg_catalog.sum(COALESCE(r.amount_before, c.amount)) FROM " TS_SCHEMA ".target c"
			   " LEFT JOIN undo_mark m ON m.target_id = c.target_id LEFT JOIN " TS_SCHEMA ".revision r ON r.revision_id = m.first_id"
			   " WHERE c.plan_id = $1 AND c.parent_id = p.target_id"
			   " AND NOT EXISTS (SELECT FROM undo_row a WHERE a.made AND a.target_id = c.target_id))"
			   " + COALESCE((SELECT pg_catalog.sum(r.amount_before) FROM undo_mark m"
			   " JOIN " TS_SCHEMA ".revision r ON r.revision_id = m.first_id WHERE m.removed"
			   " AND (r.old_row ->> 'parent_id')::pg_catalog.int8 = p.target_id), 0)"
			   " UNION ALL "
			   "SELECT r.target_id, pg_catalog.format('was for %s, where a member has got another name', r.old_row -> 'slice')"
			   " FROM undo_mark k JOIN " TS_SCHEMA ".revision r ON r.revision_id = k.last_id WHERE k.removed AND EXISTS ("
			   "SELECT FROM pg_catalog.jsonb_each(r.old_row -> 'slice') e WHERE NOT EXISTS ("
			   "SELECT FROM " TS_SCHEMA ".member m JOIN " TS_SCHEMA ".dimension d ON d.dimension_id = m.dimension_id"
			   " WHERE d.name = e.key AND m.slice_value = e.value))"
			   ") SELECT p.target_id, p.what FROM problem p WHERE p.what IS NOT NULL ORDER BY p.target_id, p.what", &args, false);
	if (n > 0)
		refuse(split_id, n);
	SPI_freetuptable(SPI_tuptable);
	if (n_made == 0 && n_kept == 0 && n_removed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("split %lld is not in force", (long long) split_id),
				 errdetail("None of the targets that it made is there.")));

	/* undoing is a change of its own and none of the call's */
	ts_split_in_progress = 0;
	ts_undo_in_progress = split_id;
	if (n_kept == 0 && n_removed == 0)
		result = (int64) ts_run("DELETE FROM " TS_SCHEMA ".target t USING undo_row m"
								" WHERE t.plan_id = $1 AND m.made AND t.target_id = m.target_id", &args, false);
	else
	{
		/* the guard lets nobody change a locked target; it is locked again below */
		(void) ts_run("UPDATE " TS_SCHEMA ".target t SET locked = false FROM undo_mark k"
					  " WHERE t.plan_id = $1 AND t.target_id = k.target_id AND t.locked", &args, false);
		(void) ts_run("WITH gone AS ("
					  "DELETE FROM " TS_SCHEMA ".target t USING undo_row m"
					  " WHERE t.plan_id = $1 AND m.made AND t.target_id = m.target_id RETURNING 1"
					  "), back AS ("
					  "UPDATE " TS_SCHEMA ".target t SET amount = COALESCE(x.amount_before, t.amount),"
					  " split_id = CASE WHEN x.old_row IS NOT NULL THEN (x.old_row ->> 'split_id')::pg_catalog.int8"
					  " WHEN t.split_id = ANY ($2) THEN x.replaces ELSE t.split_id END,"
					  " fallback = CASE WHEN x.old_row IS NULL THEN t.fallback ELSE x.old_row ->> 'fallback' END,"
					  " adjusted = CASE WHEN x.old_row IS NULL THEN COALESCE(x.adjusted, t.adjusted)"
					  " ELSE (x.old_row ->> 'adjusted')::pg_catalog.bool END,"
					  " (parent_id, depth, locked, weight, floor_amount, stretch_amount, over_assignment, at_least, at_most) = (SELECT"
					  " CASE WHEN o IS NULL THEN t.parent_id ELSE (o ->> 'parent_id')::pg_catalog.int8 END,"
					  " CASE WHEN o IS NULL THEN t.depth ELSE (o ->> 'depth')::pg_catalog.int2 END,"
					  " CASE WHEN o IS NULL THEN t.locked ELSE (o ->> 'locked')::pg_catalog.bool END,"
					  " CASE WHEN o IS NULL THEN t.weight ELSE (o ->> 'weight')::pg_catalog.numeric END,"
					  " CASE WHEN o IS NULL THEN t.floor_amount ELSE (o ->> 'floor_amount')::pg_catalog.numeric END,"
					  " CASE WHEN o IS NULL THEN t.stretch_amount ELSE (o ->> 'stretch_amount')::pg_catalog.numeric END,"
					  " CASE WHEN o IS NULL THEN t.over_assignment ELSE (o ->> 'over_assignment')::pg_catalog.numeric END,"
					  " CASE WHEN o IS NULL THEN t.at_least ELSE (o ->> 'at_least')::pg_catalog.numeric END,"
					  " CASE WHEN o IS NULL THEN t.at_most ELSE (o ->> 'at_most')::pg_catalog.numeric END"
					  " FROM (SELECT x.old_row AS o) s)"
					  " FROM (SELECT k.target_id, k.replaces, r.amount_before, r.old_row,"
					  " (l.old_row ->> 'adjusted')::pg_catalog.bool AS adjusted FROM undo_row k"
					  " LEFT JOIN undo_later l ON l.target_id = k.target_id"
					  " LEFT JOIN " TS_SCHEMA ".revision r ON r.revision_id = k.first_id AND r.revision_id > $3 WHERE NOT k.made) x"
					  " WHERE t.plan_id = $1 AND t.target_id = x.target_id RETURNING 1"
					  "), again AS ("
					  "INSERT INTO " TS_SCHEMA ".target (target_id, parent_id, split_id, member_id, lineage_id, plan_id, metric_id,"
					  " depth, locked, adjusted, level, period, amount, weight, slice, floor_amount, stretch_amount, over_assignment,"
					  " at_least, at_most, fallback)"
					  " SELECT o.target_id, o.parent_id, o.split_id, o.member_id, o.lineage_id, o.plan_id, o.metric_id,"
					  " o.depth, o.locked, COALESCE(o.adjusted, false), o.level, o.period, r.amount_before, o.weight, o.slice, o.floor_amount, o.stretch_amount,"
					  " o.over_assignment, o.at_least, o.at_most, o.fallback"
					  " FROM undo_mark k JOIN " TS_SCHEMA ".revision r ON r.revision_id = k.first_id"
					  " JOIN " TS_SCHEMA ".revision d ON d.revision_id = k.last_id,"
					  " pg_catalog.jsonb_populate_record(NULL::" TS_SCHEMA ".target, COALESCE(r.old_row, d.old_row)) o"
					  " WHERE k.removed AND (d.old_row ->> 'split_id')::pg_catalog.int8 <> ALL ($2) IS NOT FALSE RETURNING 1"
					  ") SELECT (SELECT pg_catalog.count(*) FROM gone) + (SELECT pg_catalog.count(*) FROM back)"
					  " + (SELECT pg_catalog.count(*) FROM again)", &args, false);
		result = ts_int8(0, 1);
	}
	ts_split_in_progress = n_split;
	ts_undo_in_progress = 0;
	SPI_unregister_relation("undo_below");
	SPI_unregister_relation("undo_mark");
	SPI_unregister_relation("undo_row");
	SPI_unregister_relation("undo_later");
	tuplestore_end(below);
	tuplestore_end(mark);
	tuplestore_end(rows);
	tuplestore_end(later);
	ts_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	PG_RETURN_INT64(result);
}
