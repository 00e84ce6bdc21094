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
 * Limits
 *	  What was changed or removed is looked for in all revisions of the plan.
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

#define MARK \
	"SELECT r.target_id, pg_catalog.min(r.revision_id) AS first_id, pg_catalog.max(r.revision_id) AS last_id," \
	" pg_catalog.bool_or(r.operation = 'delete') AS removed" \
	" FROM " TS_SCHEMA ".revision r WHERE r.plan_id = $1 AND r.split_id = ANY ($2) GROUP BY r.target_id"

/* What is found once and then read by name: undo_below and undo_mark */
#define SETS \
	"WITH part AS (" \
	"SELECT s.split_id, s.replaces, s.after_revision, s.made IS NULL AS all_made" \
	" FROM " TS_SCHEMA ".split s WHERE s.plan_id = $1 AND s.split_id = ANY ($2)" \
	"), in_part AS (" \
	"SELECT b.target_id, b.parent_id, p.replaces, p.after_revision, p.all_made OR n.target_id IS NOT NULL AS made" \
	" FROM undo_below b JOIN part p ON p.split_id = b.split_id LEFT JOIN (" \
	"SELECT pg_catalog.unnest(s.made) AS target_id FROM " TS_SCHEMA ".split s" \
	" WHERE s.plan_id = $1 AND s.split_id = ANY ($2)) n ON n.target_id = b.target_id" \
	"), made AS (SELECT i.target_id, i.parent_id FROM in_part i WHERE i.made" \
	"), kept AS (" \
	"SELECT i.target_id, i.replaces, i.after_revision FROM in_part i WHERE NOT i.made" \
	" UNION ALL SELECT k.target_id, NULL, 0 FROM undo_mark k" \
	" WHERE NOT k.removed AND NOT EXISTS (SELECT FROM in_part i WHERE i.target_id = k.target_id))"

/* What later changes are compared by; the rest says where a target is */
#define STATE_OF(row) \
	"(" row " - '{amount,n_children,level,adjusted,fallback,slice,split_id,lineage_id,root_metric_id}'::pg_catalog.text[])"

/* Finds the call and returns its plan and, as bigint[], its parts */
static Datum
find_split(FunctionCallInfo fcinfo, int64 split_id, int32 *plan_id, MemoryContext context)
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
			   " WHERE p.plan_id = s.plan_id AND (p.split_id = s.split_id OR p.part_of = s.split_id))"
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
	ts_put_query(store, sql, args);
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
	MemoryContext context;
	MemoryContext old;
	Tuplestorestate *below;
	Tuplestorestate *mark;
	int64		split_id;
	int32		plan_id;
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
	parts = find_split(fcinfo, split_id, &plan_id, context);
	ts_arg_int4(&args, plan_id);
	ts_arg(&args, INT8ARRAYOID, parts, false);
	(void) ts_run("SELECT t.target_id FROM " TS_SCHEMA ".target t WHERE t.plan_id = $1 AND t.target_id IN ("
				  BELOW "SELECT b.target_id FROM below b WHERE b.split_id = ANY ($2)"
				  " UNION SELECT b.parent_id FROM below b WHERE b.split_id = ANY ($2)"
				  " UNION SELECT m.target_id FROM (" MARK ") m)"
				  " ORDER BY t.target_id FOR NO KEY UPDATE", &args, false);
	SPI_freetuptable(SPI_tuptable);

	/* under a snapshot that is younger than the locks */
	below = collect("undo_below", BELOW "SELECT b.target_id, b.parent_id, b.split_id FROM below b",
					&args, 3, below_columns);
	mark = collect("undo_mark", MARK, &args, 4, mark_columns);
	n = ts_run(SETS ", touched AS ("
			   "SELECT x.target_id, GREATEST(k.last_id, x.after_revision) AS last_id"
			   " FROM (SELECT m.target_id, 0 AS after_revision FROM made m UNION ALL"
			   " SELECT k.target_id, k.after_revision FROM kept k) x LEFT JOIN undo_mark k ON k.target_id = x.target_id"
			   "), later AS ("
			   "SELECT t.target_id, t.last_id,"
			   " (SELECT r.amount_before FROM " TS_SCHEMA ".revision r WHERE r.plan_id = $1 AND r.target_id = t.target_id"
			   "  AND r.revision_id > t.last_id ORDER BY r.revision_id LIMIT 1) AS amount,"
			   " (SELECT r.old_row FROM " TS_SCHEMA ".revision r WHERE r.plan_id = $1 AND r.target_id = t.target_id"
			   "  AND r.revision_id > t.last_id AND r.old_row IS NOT NULL ORDER BY r.revision_id LIMIT 1) AS old_row"
			   " FROM touched t"
			   /* children that no split made and that the call left alone may be of before or since: do they go with what is put back? */
			   "), put_in AS ("
			   "SELECT k.target_id, pg_catalog.count(*) AS n, COALESCE((SELECT r.amount_before"
			   " FROM undo_mark m JOIN " TS_SCHEMA ".revision r ON r.revision_id = m.first_id WHERE m.target_id = k.target_id),"
			   " (SELECT t.amount FROM " TS_SCHEMA ".target t WHERE t.plan_id = $1 AND t.target_id = k.target_id)) AS amount"
			   " FROM kept k JOIN undo_below b ON b.parent_id = k.target_id"
			   " WHERE b.split_id IS NULL AND NOT EXISTS (SELECT FROM undo_mark m WHERE m.target_id = b.target_id)"
			   " GROUP BY k.target_id"
			   "), problem AS ("
			   "SELECT l.target_id, CASE WHEN x.target_id IS NULL THEN 'has been removed'"
			   " WHEN l.amount <> x.amount THEN pg_catalog.format('was %s and is %s', l.amount, x.amount)"
			   " WHEN x.locked AND NOT (l.old_row ->> 'locked')::pg_catalog.bool THEN 'has been locked'"
			   " WHEN l.old_row IS NOT NULL AND " STATE_OF("l.old_row") " <> " STATE_OF("pg_catalog.to_jsonb(x)") " THEN 'has got other bounds, or another place' END AS what"
			   " FROM later l LEFT JOIN " TS_SCHEMA ".target x ON x.plan_id = $1 AND x.target_id = l.target_id"
			   " UNION ALL "
			   "SELECT m.target_id, pg_catalog.format('has got %s children%s', pg_catalog.count(*),"
			   " pg_catalog.string_agg(DISTINCT ' by split ' || b.split_id, ','))"
			   " FROM made m JOIN undo_below b ON b.parent_id = m.target_id WHERE b.split_id <> ALL ($2) IS NOT FALSE GROUP BY m.target_id"
			   " UNION ALL "
			   "SELECT k.target_id, pg_catalog.format('has got %s children by split %s', pg_catalog.count(*), b.split_id)"
			   " FROM kept k JOIN undo_below b ON b.parent_id = k.target_id"
			   " WHERE b.split_id > (SELECT pg_catalog.max(p.split_id) FROM part p) GROUP BY k.target_id, b.split_id"
			   " UNION ALL "
			   "SELECT p.target_id, pg_catalog.format('has got %s children', p.n) FROM put_in p WHERE p.amount <> ("
			   "SELECT pg_catalog.sum(COALESCE(r.amount_before, c.amount)) FROM " TS_SCHEMA ".target c"
			   " LEFT JOIN undo_mark m ON m.target_id = c.target_id LEFT JOIN " TS_SCHEMA ".revision r ON r.revision_id = m.first_id"
			   " WHERE c.plan_id = $1 AND c.parent_id = p.target_id AND NOT EXISTS (SELECT FROM made a WHERE a.target_id = c.target_id))"
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

	(void) ts_run(SETS " SELECT (SELECT pg_catalog.count(*) FROM made), (SELECT pg_catalog.count(*) FROM kept),"
				  " (SELECT pg_catalog.count(*) FROM undo_mark k WHERE k.removed)", &args, false);
	n_made = ts_int8(0, 1);
	n_kept = ts_int8(0, 2);
	n_removed = ts_int8(0, 3);
	if (n_made == 0 && n_kept == 0 && n_removed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("split %lld is not in force", (long long) split_id),
				 errdetail("None of the targets that it made is there.")));

	/* undoing is a change of its own and none of the call's */
	ts_split_in_progress = 0;
	if (n_kept == 0 && n_removed == 0)
		result = (int64) ts_run(SETS " DELETE FROM " TS_SCHEMA ".target t USING made m"
								" WHERE t.plan_id = $1 AND t.target_id = m.target_id", &args, false);
	else
	{
		/* the guard lets nobody change a locked target; it is locked again below */
		(void) ts_run(SETS " UPDATE " TS_SCHEMA ".target t SET locked = false FROM undo_mark k"
					  " WHERE t.plan_id = $1 AND t.target_id = k.target_id AND t.locked", &args, false);
		(void) ts_run(SETS ", gone AS ("
					  "DELETE FROM " TS_SCHEMA ".target t USING made m WHERE t.plan_id = $1 AND t.target_id = m.target_id RETURNING 1"
					  "), back AS ("
					  "UPDATE " TS_SCHEMA ".target t SET amount = COALESCE(x.amount_before, t.amount),"
					  " split_id = CASE WHEN x.old_row IS NOT NULL THEN (x.old_row ->> 'split_id')::pg_catalog.int8"
					  " WHEN t.split_id = ANY ($2) THEN x.replaces ELSE t.split_id END,"
					  " fallback = CASE WHEN x.old_row IS NULL THEN t.fallback ELSE x.old_row ->> 'fallback' END,"
					  " adjusted = CASE WHEN x.old_row IS NULL THEN COALESCE((SELECT (r.old_row ->> 'adjusted')::pg_catalog.bool"
					  " FROM " TS_SCHEMA ".revision r WHERE r.plan_id = $1 AND r.target_id = x.target_id AND r.revision_id > x.last_id"
					  " AND r.old_row IS NOT NULL ORDER BY r.revision_id LIMIT 1), t.adjusted)"
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
					  " GREATEST(m.last_id, k.after_revision) AS last_id FROM kept k"
					  " LEFT JOIN undo_mark m ON m.target_id = k.target_id"
					  " LEFT JOIN " TS_SCHEMA ".revision r ON r.revision_id = m.first_id) x"
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
	SPI_unregister_relation("undo_below");
	SPI_unregister_relation("undo_mark");
	tuplestore_end(below);
	tuplestore_end(mark);
	ts_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	PG_RETURN_INT64(result);
}
