/*-------------------------------------------------------------------------
 *
 * member.c
 *	  Changes of members in mid-year: rename_member, merge_member,
 *	  move_member, retire_member.
 *
 * Glossary
 *	  alias		a code below a parent that stands for a member: facts that have
 *				it count for the member, and people may write it
 *	  subtree	a member and all members below it
 *	  pair		in a merge: a member, and the one that takes its place
 *	  heir		in a merge: the target that keeps its row where two become one
 *	  rule		a row of responsibility
 *
 * Method
 *	  What a member is called and where it is changes in the tables of members;
 *	  targets and rules that name it by a slice change with it, each by one
 *	  statement, so that the guard writes revisions and a target keeps its id.
 *	  The facts are not touched: an alias leads from the codes that they hold to
 *	  the member.
 *
 *	  In a merge the children of the two targets are brought together level by
 *	  level.  Those of the same member and period become one, whose amount is
 *	  the sum; the others are handed to it.  Amounts only move between a target
 *	  and its sibling, so no sum above changes.  All of that is one statement,
 *	  which the guard finds balanced.  Proposals for them become one as well.
 *
 *	  The members are locked first, against everybody who writes slices, then
 *	  the targets in the order of their keys.
 *
 * Limits
 *	  Targets have no index on what they are for, so a change reads them all.
 *	  Where row-level security may hide targets or rules nothing is changed.
 *	  A split in REPEATABLE READ whose snapshot is older than the change writes
 *	  old slices; plan_check finds them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "plan.h"
#include "query.h"
#include "source.h"
#include "calendar.h"
#include "target_split.h"

PG_FUNCTION_INFO_V1(target_split_rename_member);
PG_FUNCTION_INFO_V1(target_split_merge_member);
PG_FUNCTION_INFO_V1(target_split_move_member);
PG_FUNCTION_INFO_V1(target_split_retire_member);

/* A member as a call names it */
typedef struct named_member
{
	int64		member_id;
	int64		parent_id;		/* by its path; 0 at the top */
	int			depth;
	char	   *code;
	Datum		path;			/* text[] */
	char	   *path_text;		/* as a JSON array, for messages */
	Jsonb	   *slice_value;
	bool		is_rest;
} named_member;

/* A call on a dimension */
typedef struct member_call
{
	ReturnSetInfo *result;
	MemoryContext context;
	int32		dimension_id;
	char	   *dimension;
} member_call;

/* How slices named members, and how they do now */
typedef struct new_names
{
	Datum		before;			/* jsonb[] */
	Datum		after;			/* jsonb[] */
	bool		merged;
	Datum		from;			/* bigint[]: the members, if some are merged, */
	Datum		into;			/* and what takes their places, NULL for others */
} new_names;

/* The columns of member_change that say which target a row is about */
#define TARGET_COLUMNS \
	"p.family || CASE WHEN p.is_current THEN '' ELSE '#' || p.version END, m.name, t.target_id, t.period"
#define TARGET_JOINS \
	" JOIN " TS_SCHEMA ".plan AS p ON p.plan_id = t.plan_id" \
	" JOIN " TS_SCHEMA ".metric AS m ON m.metric_id = t.metric_id"

/* ------------------------------------------------------------- beginning */

/* Rows that the caller cannot see would keep their old names */
static void
refuse_hidden(const char *table)
{
	Oid			relid = get_relname_relid(table, get_namespace_oid(TS_SCHEMA, false));

	if (check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("row-level security may hide rows of table \"%s\" from role \"%s\"",
						table, GetUserNameFromId(GetUserId(), false)),
				 errdetail("What is hidden would keep the old name."),
				 errhint("Call it as a role that sees all rows: the owner of the table, or one with BYPASSRLS.")));
}

/* Connects, locks the members, finds the dimension and notes the reason */
static void
begin_call(FunctionCallInfo fcinfo, member_call *call, int reason)
{
	char	   *dimension = ts_text_argument(fcinfo, 0, "dimension");
	ts_args		args = {0};

	call->context = CurrentMemoryContext;
	call->result = (ReturnSetInfo *) fcinfo->resultinfo;
	call->dimension = dimension;
	ts_init_materialized_srf(fcinfo);
	ts_connect();
	(void) ts_run("LOCK TABLE " TS_SCHEMA ".member IN EXCLUSIVE MODE", TS_NO_ARGS, false);
	refuse_hidden("member");
	refuse_hidden("target");
	refuse_hidden("responsibility");
	ts_arg_text(&args, dimension);
	if (ts_run("SELECT d.dimension_id FROM " TS_SCHEMA ".dimension AS d WHERE d.name = $1",
			   &args, false) == 0)
	{
		(void) ts_run("SELECT d.name FROM " TS_SCHEMA ".dimension AS d ORDER BY d.name COLLATE \"C\"",
					  TS_NO_ARGS, false);
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("dimension \"%s\" does not exist", dimension),
				 SPI_processed == 0 ? errdetail("There are no dimensions yet.") :
				 errdetail("Dimensions: %s.", ts_list(1))));
	}
	call->dimension_id = ts_int4(0, 1);
	ts_reason_argument(fcinfo, reason);
}

/* Puts the rows that were just read into the result */
static void
give_rows(member_call *call)
{
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		CHECK_FOR_INTERRUPTS();
		tuplestore_puttuple(call->result->setResult, SPI_tuptable->vals[row]);
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Finds a member by what a person wrote: a code, or its path as a slice has it,
 * which begins with a bracket and a quote.
 */
static void
find_member(member_call *call, const char *named, named_member *member)
{
	ts_args		args = {0};
	Jsonb	   *value;

	ts_arg_text(&args, named);
	(void) ts_run("SELECT CASE WHEN $1 ~ '^\\s*\\[\\s*\".*\\]\\s*$' THEN $1::pg_catalog.jsonb"
				  " ELSE pg_catalog.to_jsonb($1) END", &args, false);
	value = DatumGetJsonbP(ts_datum_copy(0, 1, call->context));
	member->member_id = ts_resolve_member(call->dimension_id, call->dimension, value,
										  NULL, call->context);
	args.n = 0;
	ts_arg_int8(&args, member->member_id);
	(void) ts_run("SELECT m.depth::pg_catalog.int4, m.code, m.path, pg_catalog.to_jsonb(m.path), m.slice_value,"
				  " m.is_rest, p.member_id"
				  " FROM " TS_SCHEMA ".member AS m LEFT JOIN " TS_SCHEMA ".member AS p"
				  " ON p.dimension_id = m.dimension_id AND p.path = m.path[1:m.depth - 1]"
				  " WHERE m.member_id = $1", &args, false);
	member->depth = ts_int4(0, 1);
	member->code = ts_text(0, 2, call->context);
	member->path = ts_datum_copy(0, 3, call->context);
	member->path_text = ts_text(0, 4, call->context);
	member->slice_value = DatumGetJsonbP(ts_datum_copy(0, 5, call->context));
	member->is_rest = ts_bool(0, 6);
	member->parent_id = ts_isnull(0, 7) ? 0 : ts_int8(0, 7);
}

static void
arg_parent(ts_args *args, int64 parent_id)
{
	ts_arg(args, INT8OID, Int64GetDatum(parent_id), parent_id == 0);
}

/* The name of a level, for messages */
static char *
level_name(const member_call *call, int depth)
{
	ts_args		args = {0};

	ts_arg_int4(&args, call->dimension_id);
	ts_arg_int4(&args, depth);
	(void) ts_run("SELECT l.name FROM " TS_SCHEMA ".dimension_level AS l"
				  " WHERE l.dimension_id = $1 AND l.depth = $2", &args, false);
	return ts_text(0, 1, call->context);
}

/* --------------------------------------------------------------- aliases */

/*
 * From now on a code below a parent stands for a member, on all days on which
 * it does not stand for another already.
 */
static void
add_alias(const member_call *call, int depth, int64 parent_id, const char *code, int64 member_id)
{
	ts_args		args = {0};

	ts_arg_int4(&args, call->dimension_id);
	ts_arg_int4(&args, depth);
	arg_parent(&args, parent_id);
	ts_arg_text(&args, code);
	ts_arg_int8(&args, member_id);
	(void) ts_run("INSERT INTO " TS_SCHEMA ".member_alias (dimension_id, depth, parent_id, code, member_id, valid)"
				  " SELECT $1, $2, $3, $4, $5, r.valid"
				  " FROM pg_catalog.unnest('{(,)}'::pg_catalog.datemultirange"
				  " - COALESCE((SELECT pg_catalog.range_agg(a.valid) FROM " TS_SCHEMA ".member_alias AS a"
				  " WHERE a.dimension_id = $1 AND a.depth = $2 AND a.code = $4"
				  " AND a.parent_id IS NOT DISTINCT FROM $3), '{}')) AS r(valid)", &args, false);
}

/*
 * Frees a code below a parent for a member that takes it as its own: an alias
 * of the member itself goes, one of another member is an error.
 */
static void
take_code(const member_call *call, const named_member *member, int64 parent_id, const char *code)
{
	ts_args		args = {0};

	ts_arg_int4(&args, call->dimension_id);
	arg_parent(&args, parent_id);
	ts_arg_text(&args, code);
	ts_arg_int8(&args, member->member_id);
	ts_arg_int4(&args, member->depth);
	if (ts_run("SELECT pg_catalog.to_jsonb(m.path), m.member_id FROM " TS_SCHEMA ".member_alias AS a"
			   " JOIN " TS_SCHEMA ".member AS m ON m.member_id = a.member_id"
			   " WHERE a.dimension_id = $1 AND a.parent_id IS NOT DISTINCT FROM $2 AND a.code = $3"
			   " AND a.depth = $5 AND a.member_id <> $4 ORDER BY a.valid", &args, false) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("code \"%s\" stands for member %s of dimension \"%s\"", code,
						ts_text(0, 1, call->context), call->dimension),
				 errdetail("It was renamed, merged or moved; facts with the code count for it."),
				 errhint("If they should not: DELETE FROM " TS_SCHEMA ".member_alias WHERE member_id = %s AND code = %s;",
						 ts_text(0, 2, call->context), quote_literal_cstr(code))));
	(void) ts_run("DELETE FROM " TS_SCHEMA ".member_alias AS a"
				  " WHERE a.dimension_id = $1 AND a.parent_id IS NOT DISTINCT FROM $2 AND a.code = $3"
				  " AND a.depth = $5 AND a.member_id = $4", &args, false);
}

/* An error if there is a member of a code below a parent */
static void
refuse_collision(const member_call *call, const named_member *member, int64 parent_id,
				 const char *code)
{
	ts_args		args = {0};

	ts_arg_int4(&args, call->dimension_id);
	arg_parent(&args, parent_id);
	ts_arg_text(&args, code);
	if (ts_run("SELECT pg_catalog.to_jsonb(m.path) FROM " TS_SCHEMA ".member AS m"
			   " WHERE m.dimension_id = $1 AND m.path ="
			   " COALESCE((SELECT p.path FROM " TS_SCHEMA ".member AS p WHERE p.member_id = $2), '{}') || $3",
			   &args, false) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("dimension \"%s\" has a member %s already", call->dimension,
						ts_text(0, 1, call->context)),
				 errhint("To make one of the two: SELECT * FROM " TS_SCHEMA ".merge_member(%s, %s, %s);",
						 quote_literal_cstr(call->dimension), quote_literal_cstr(member->path_text),
						 quote_literal_cstr(ts_text(0, 1, call->context)))));
}

/* ----------------------------------------------------------------- names */

/*
 * An error if a path below one would be too long for a key if that began with
 * another code and parent.
 */
static void
check_path_lengths(const member_call *call, const named_member *member, const char *code, int64 parent_id)
{
	ts_args		args = {0};

	ts_arg_int4(&args, call->dimension_id);
	ts_arg_int4(&args, member->depth);
	ts_arg(&args, TEXTARRAYOID, member->path, false);
	ts_arg_text(&args, code);
	arg_parent(&args, parent_id);
	(void) ts_run("SELECT pg_catalog.max(pg_catalog.octet_length(pg_catalog.array_to_string(COALESCE((SELECT u.path"
				  " FROM " TS_SCHEMA ".member AS u WHERE u.member_id = $5), '{}') || $4 || m.path[$2 + 1:], '')))"
				  " FROM " TS_SCHEMA ".member AS m WHERE m.dimension_id = $1 AND m.path[1:$2] = $3", &args, false);
	if (ts_int4(0, 1) > TS_MAX_PATH_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("path of a member is too long"),
				 errdetail("The codes from the top level down have %d bytes; they may have %d.",
						   ts_int4(0, 1), TS_MAX_PATH_BYTES),
				 errhint("Use shorter codes.")));
}

/*
 * Gives a member a code and a path, those below it the path that goes with it,
 * and returns which of them slices name otherwise now.
 */
static void
change_path(member_call *call, const named_member *member, const char *code, int64 parent_id,
			const char *change, new_names *names)
{
	ts_args		args = {0};

	check_path_lengths(call, member, code, parent_id);
	ts_arg_int4(&args, call->dimension_id);
	ts_arg_int8(&args, member->member_id);
	ts_arg_int4(&args, member->depth);
	ts_arg(&args, TEXTARRAYOID, member->path, false);
	ts_arg_text(&args, code);
	arg_parent(&args, parent_id);
	ts_arg_text(&args, call->dimension);
	ts_arg_text(&args, change);
	ts_arg(&args, BOOLOID, BoolGetDatum(strcmp(code, member->code) != 0), false);
	/* its slice value as add_member would choose it; those below keep the kind */
	(void) ts_run("WITH moved AS ("
				  "SELECT m.member_id, m.depth, m.slice_value AS before,"
				  " COALESCE((SELECT u.path FROM " TS_SCHEMA ".member AS u WHERE u.member_id = $6), '{}')"
				  " || $5 || m.path[$3 + 1:] AS path"
				  " FROM " TS_SCHEMA ".member AS m WHERE m.dimension_id = $1 AND m.path[1:$3] = $4"
				  "), changed AS ("
				  "UPDATE " TS_SCHEMA ".member AS m SET code = v.path[m.depth], path = v.path, slice_value ="
				  " CASE WHEN m.member_id <> $2 OR NOT $9"
				  " THEN CASE pg_catalog.jsonb_typeof(m.slice_value) WHEN 'array'"
				  " THEN pg_catalog.to_jsonb(v.path) ELSE m.slice_value END"
				  " WHEN EXISTS (SELECT FROM " TS_SCHEMA ".member AS o WHERE o.dimension_id = $1"
				  " AND o.code = $5 AND o.member_id <> $2)"
				  " THEN pg_catalog.to_jsonb(v.path) ELSE pg_catalog.to_jsonb($5) END"
				  " FROM moved AS v WHERE m.member_id = v.member_id"
				  " RETURNING m.member_id, m.depth, v.before, m.slice_value AS after"
				  ") SELECT c.before, c.after,"
				  " $8, NULL, NULL, NULL::pg_catalog.int8, NULL::pg_catalog.daterange,"
				  " pg_catalog.jsonb_build_object($7, c.before), pg_catalog.jsonb_build_object($7, c.after),"
				  " NULL::pg_catalog.numeric, NULL::pg_catalog.numeric, NULL,"
				  " pg_catalog.array_agg(c.before) OVER (), pg_catalog.array_agg(c.after) OVER ()"
				  " FROM changed AS c WHERE c.member_id = $2 OR c.before <> c.after"
				  " ORDER BY c.depth, c.member_id", &args, false);
	names->merged = false;
	names->before = ts_datum_copy(0, 13, call->context);
	names->after = ts_datum_copy(0, 14, call->context);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		values[14];
		bool		nulls[14];

		CHECK_FOR_INTERRUPTS();
		heap_deform_tuple(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, values, nulls);
		tuplestore_putvalues(call->result->setResult, call->result->setDesc, values + 2, nulls + 2);
	}
}

/* $1 the dimension, $2 and $3 what slices said and say */
static void
arg_names(const member_call *call, const new_names *names, ts_args *args)
{
	ts_arg_text(args, call->dimension);
	ts_arg(args, JSONBARRAYOID, names->before, false);
	ts_arg(args, JSONBARRAYOID, names->after, false);
}

/* Targets whose slices name members otherwise now */
static void
rename_targets(member_call *call, const new_names *names)
{
	ts_args		args = {0};

	arg_names(call, names, &args);
	(void) ts_run("SELECT FROM " TS_SCHEMA ".target AS t WHERE t.slice -> $1 = ANY ($2) AND $3 IS NOT NULL"
				  " ORDER BY t.plan_id, t.target_id FOR NO KEY UPDATE", &args, false);
	ts_arg(&args, INT8ARRAYOID, names->from, !names->merged);
	ts_arg(&args, INT8ARRAYOID, names->into, !names->merged);
	(void) ts_run("WITH changed AS ("
				  "UPDATE " TS_SCHEMA ".target AS t SET slice = t.slice || pg_catalog.jsonb_build_object($1, v.after),"
				  " member_id = CASE WHEN t.member_id = v.from_id THEN COALESCE(v.into_id, t.member_id) ELSE t.member_id END"
				  " FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5))"
				  " AS v(before, after, from_id, into_id)"
				  " WHERE t.slice -> $1 = v.before AND v.before <> v.after"
				  " RETURNING t.plan_id, t.metric_id, t.target_id, t.period, t.slice, t.amount, v.before)"
				  " SELECT 'target renamed', " TARGET_COLUMNS ","
				  " t.slice || pg_catalog.jsonb_build_object($1, t.before), t.slice, t.amount, t.amount,"
				  " NULL::pg_catalog.text"
				  " FROM changed AS t" TARGET_JOINS
				  " ORDER BY t.plan_id, t.target_id", &args, false);
	give_rows(call);
}

/*
 * A rule of a person for a slice that other rules may be for as well now: what
 * is left of its days beside those of the same person, in as many rows as they
 * are in one piece.
 */
static void
merge_rule(member_call *call, int64 rule, Jsonb *slice)
{
	ts_args		args = {0};
	uint64		n;

	ts_arg_int8(&args, rule);
	ts_arg(&args, JSONBOID, JsonbPGetDatum(slice), false);
	if (ts_run("SELECT p.name, q.name, pg_catalog.to_char(pg_catalog.lower(r.valid * o.valid), 'YYYY-MM-DD'), o.responsibility_id"
			   " FROM " TS_SCHEMA ".responsibility AS r"
			   " JOIN " TS_SCHEMA ".responsibility AS o ON o.plan_id = r.plan_id AND o.slice = $2"
			   " AND o.role = 'A' AND o.person_id <> r.person_id AND o.valid && r.valid"
			   " JOIN " TS_SCHEMA ".person AS p ON p.person_id = r.person_id"
			   " JOIN " TS_SCHEMA ".person AS q ON q.person_id = o.person_id"
			   " WHERE r.responsibility_id = $1 AND r.role = 'A' ORDER BY o.valid", &args, false) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_EXCLUSION_VIOLATION),
				 errmsg("slice %s would have two accountable persons", JsonbToCString(NULL, &slice->root, 0)),
				 errdetail("\"%s\" is accountable for what is merged, \"%s\" for what it is merged into.",
						   ts_text(0, 1, call->context), ts_text(0, 2, call->context)),
				 errhint("End one of the rules first, for example: DELETE FROM " TS_SCHEMA ".responsibility WHERE responsibility_id = %lld;",
						 (long long) rule)));
	n = ts_run("SELECT u.valid FROM " TS_SCHEMA ".responsibility AS r"
			   " CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.datemultirange(r.valid)"
			   " - COALESCE((SELECT pg_catalog.range_agg(o.valid) FROM " TS_SCHEMA ".responsibility AS o"
			   " WHERE o.plan_id = r.plan_id AND o.slice = $2 AND o.role = r.role AND o.person_id = r.person_id"
			   " AND o.responsibility_id <> $1), '{}')) AS u(valid)"
			   " WHERE r.responsibility_id = $1 ORDER BY u.valid", &args, false);
	if (n == 0)
		(void) ts_run("DELETE FROM " TS_SCHEMA ".responsibility AS r"
					  " WHERE r.responsibility_id = $1 AND $2 IS NOT NULL", &args, false);
	else
	{
		Datum	   *pieces = palloc(n * sizeof(Datum));

		for (uint64 i = 0; i < n; i++)
			pieces[i] = ts_datum_copy(i, 1, call->context);
		ts_arg(&args, DATERANGEOID, pieces[0], false);
		(void) ts_run("UPDATE " TS_SCHEMA ".responsibility AS r SET slice = $2, valid = $3"
					  " WHERE r.responsibility_id = $1", &args, false);
		for (uint64 i = 1; i < n; i++)
		{
			args.values[2] = pieces[i];
			(void) ts_run("INSERT INTO " TS_SCHEMA ".responsibility"
						  " (plan_id, slice, person_id, role, valid, assigned_by, assigned_at)"
						  " SELECT r.plan_id, $2, r.person_id, r.role, $3, r.assigned_by, r.assigned_at"
						  " FROM " TS_SCHEMA ".responsibility AS r WHERE r.responsibility_id = $1",
						  &args, false);
		}
		pfree(pieces);
	}
}

/* Rules whose slices name members otherwise now; doubles are dropped */
static void
rename_rules(member_call *call, const new_names *names)
{
	ts_args		args = {0};
	uint64		n;
	int64	   *rules;
	Jsonb	  **slices;

	arg_names(call, names, &args);
	n = ts_run("SELECT r.responsibility_id, r.slice || pg_catalog.jsonb_build_object($1, v.after)"
			   " FROM " TS_SCHEMA ".responsibility AS r"
			   " JOIN ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) AS v(before, after)"
			   " ON r.slice -> $1 = v.before WHERE v.before <> v.after"
			   " ORDER BY r.responsibility_id FOR NO KEY UPDATE OF r", &args, false);
	rules = palloc(Max(n, 1) * sizeof(int64));
	slices = palloc(Max(n, 1) * sizeof(Jsonb *));
	for (uint64 i = 0; i < n; i++)
	{
		rules[i] = ts_int8(i, 1);
		slices[i] = DatumGetJsonbP(ts_datum_copy(i, 2, call->context));
	}
	for (uint64 i = 0; i < n; i++)
	{
		ts_args		rule = {0};

		CHECK_FOR_INTERRUPTS();
		ts_arg_int8(&rule, rules[i]);
		(void) ts_run("SELECT p.family || CASE WHEN p.is_current THEN '' ELSE '#' || p.version END,"
					  " r.slice, r.role || ' ' || e.name"
					  " FROM " TS_SCHEMA ".responsibility AS r"
					  " JOIN " TS_SCHEMA ".plan AS p ON p.plan_id = r.plan_id"
					  " JOIN " TS_SCHEMA ".person AS e ON e.person_id = r.person_id"
					  " WHERE r.responsibility_id = $1", &rule, false);
		ts_arg_text(&rule, ts_text(0, 1, call->context));
		ts_arg(&rule, JSONBOID, ts_datum_copy(0, 2, call->context), false);
		ts_arg_text(&rule, ts_text(0, 3, call->context));
		merge_rule(call, rules[i], slices[i]);
		(void) ts_run("SELECT CASE WHEN r.slice IS NULL THEN 'rule dropped' ELSE 'rule changed' END,"
					  " $2, NULL::pg_catalog.text, NULL::pg_catalog.int8, NULL::pg_catalog.daterange, $3, r.slice,"
					  " NULL::pg_catalog.numeric, NULL::pg_catalog.numeric, $4"
					  " FROM (SELECT) AS one"
					  " LEFT JOIN " TS_SCHEMA ".responsibility AS r ON r.responsibility_id = $1", &rule, false);
		give_rows(call);
	}
	pfree(rules);
	pfree(slices);
}

/*
 * The leaves of the targets that are for a member or one below it, as far as
 * their periods reach a day.  above: only those below targets of the same
 * dimension for members that are not above it.
 */
static void
give_leaves(member_call *call, const named_member *member, Datum path, DateADT day,
			bool above, const char *change)
{
	ts_args		args = {0};

	ts_arg_int4(&args, call->dimension_id);
	ts_arg_int4(&args, member->depth);
	ts_arg(&args, TEXTARRAYOID, path, false);
	ts_arg_date(&args, day);
	ts_arg(&args, BOOLOID, BoolGetDatum(above), false);
	ts_arg_text(&args, change);
	(void) ts_run("WITH RECURSIVE subtree AS ("
				  "SELECT m.member_id FROM " TS_SCHEMA ".member AS m"
				  " WHERE m.dimension_id = $1 AND m.path[1:$2] = $3"
				  "), below AS ("
				  "SELECT t.plan_id, t.target_id FROM " TS_SCHEMA ".target AS t"
				  " WHERE t.member_id IN (SELECT s.member_id FROM subtree AS s) AND pg_catalog.upper(t.period) > $4"
				  " AND (NOT $5 OR EXISTS (WITH RECURSIVE way AS ("
				  "SELECT t.parent_id, t.member_id UNION ALL"
				  " SELECT w.parent_id, w.member_id FROM way JOIN " TS_SCHEMA ".target AS w"
				  " ON w.plan_id = t.plan_id AND w.target_id = way.parent_id)"
				  " SELECT FROM way JOIN " TS_SCHEMA ".member AS u ON u.member_id = way.member_id"
				  " WHERE u.dimension_id = $1 AND u.depth < $2 AND u.path <> ($3)[1:u.depth]))"
				  " UNION SELECT t.plan_id, t.target_id FROM below AS b JOIN " TS_SCHEMA ".target AS t"
				  " ON t.plan_id = b.plan_id AND t.parent_id = b.target_id WHERE pg_catalog.upper(t.period) > $4"
				  ") SELECT $6, " TARGET_COLUMNS ", t.slice, t.slice, t.amount, t.amount, NULL::pg_catalog.text"
				  " FROM below AS b JOIN " TS_SCHEMA ".target AS t"
				  " ON t.plan_id = b.plan_id AND t.target_id = b.target_id" TARGET_JOINS
				  " WHERE t.n_children = 0"
				  " ORDER BY t.plan_id, t.metric_id, pg_catalog.lower(t.period), t.target_id", &args, false);
	give_rows(call);
}

/* ---------------------------------------------------------------- rename */

/*
 * rename_member(dimension, member, new_code, reason)
 *
 * Gives a member another code.  The old one stays as an alias; slices of
 * targets and rules that name the member, or one below it by its path, change.
 *
 * Errors: no such member; the code is a sibling's, or stands for another.
 */
Datum
target_split_rename_member(PG_FUNCTION_ARGS)
{
	char	   *named = ts_text_argument(fcinfo, 1, "member");
	char	   *code = ts_text_argument(fcinfo, 2, "new_code");
	member_call call;
	named_member member;
	new_names	names = {0};

	if (code[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("code of a member must not be empty")));
	if (pg_mbstrlen(code) > TS_MAX_CODE_CHARS)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("code of a member is too long"),
				 errdetail("It has %d characters; a code has %d at most.",
						   pg_mbstrlen(code), TS_MAX_CODE_CHARS),
				 errhint("Use a shorter code; a long text can be the member's name.")));
	begin_call(fcinfo, &call, 3);
	find_member(&call, named, &member);
	if (strcmp(member.code, code) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("code of member %s is \"%s\" already", member.path_text, code)));
	refuse_collision(&call, &member, member.parent_id, code);
	take_code(&call, &member, member.parent_id, code);
	add_alias(&call, member.depth, member.parent_id, member.code, member.member_id);
	change_path(&call, &member, code, member.parent_id, "member renamed", &names);
	rename_targets(&call, &names);
	rename_rules(&call, &names);
	ts_finish();
	return (Datum) 0;
}

/* ------------------------------------------------------------------ move */

/* An error unless a member exists on a day */
static void
require_valid(const member_call *call, const named_member *member, DateADT day)
{
	ts_args		args = {0};

	ts_arg_int8(&args, member->member_id);
	ts_arg_date(&args, day);
	(void) ts_run("SELECT m.valid @> $2, pg_catalog.lower(m.valid), pg_catalog.upper(m.valid)"
				  " FROM " TS_SCHEMA ".member AS m WHERE m.member_id = $1", &args, false);
	if (!ts_bool(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member %s of dimension \"%s\" does not exist on %s", member->path_text,
						call->dimension, ts_date_text(day)),
				 errdetail("It exists in %s.",
						   ts_window_text(ts_isnull(0, 2) ? DATEVAL_NOBEGIN : DatumGetDateADT(ts_datum(0, 2)),
										  ts_isnull(0, 3) ? DATEVAL_NOEND : DatumGetDateADT(ts_datum(0, 3))))));
}

/* A day that an argument gives */
static DateADT
day_argument(FunctionCallInfo fcinfo, int argument, const char *name)
{
	DateADT		day;

	ts_require(fcinfo, argument, name);
	day = PG_GETARG_DATEADT(argument);
	if (DATE_NOT_FINITE(day))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"%s\" must be a day", name),
				 errhint("%s => '2024-05-01'", name)));
	return day;
}

/* Ends the parent that a member has and begins another */
static void
change_parent(const member_call *call, const named_member *member, const named_member *parent,
			  DateADT from, const char *history)
{
	ts_args		args = {0};

	ts_arg_int8(&args, member->member_id);
	ts_arg_date(&args, from);
	if (ts_run("SELECT pg_catalog.lower(e.valid) < $2, pg_catalog.lower(e.valid) FROM " TS_SCHEMA ".member_parent AS e"
			   " WHERE e.member_id = $1 ORDER BY e.valid DESC LIMIT 1", &args, false) > 0 &&
		!ts_isnull(0, 1) && !ts_bool(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member %s of dimension \"%s\" has the parent that it has only since %s", member->path_text,
						call->dimension, ts_date_text(DatumGetDateADT(ts_datum(0, 2)))),
				 errhint("Give a later day: from_day => '%s'.",
						 ts_date_text(DatumGetDateADT(ts_datum(0, 2)) + 1))));
	(void) ts_run("UPDATE " TS_SCHEMA ".member_parent AS e"
				  " SET valid = pg_catalog.daterange(pg_catalog.lower(e.valid), $2)"
				  " WHERE e.member_id = $1 AND e.valid = (SELECT l.valid"
				  " FROM " TS_SCHEMA ".member_parent AS l WHERE l.member_id = $1"
				  " ORDER BY l.valid DESC LIMIT 1)", &args, false);
	ts_arg_int8(&args, parent->member_id);
	ts_arg_text(&args, history);
	(void) ts_run("INSERT INTO " TS_SCHEMA ".member_parent (member_id, parent_id, valid, history)"
				  " VALUES ($1, $3, pg_catalog.daterange($2, NULL), $4)", &args, false);
}

/*
 * move_member(dimension, member, new_parent, from_day, history, reason)
 *
 * Gives a member another parent from a day on.  Targets stay where they are;
 * returned are those that contradict the tree of members from that day on.
 *
 * Errors: no such members; the parent is not one level up, is the present one,
 * or has a child of that code; the day is not after the last move.
 */
Datum
target_split_move_member(PG_FUNCTION_ARGS)
{
	char	   *named = ts_text_argument(fcinfo, 1, "member");
	char	   *parent_text = ts_text_argument(fcinfo, 2, "new_parent");
	DateADT		from = day_argument(fcinfo, 3, "from_day");
	char	   *history;
	member_call call;
	named_member member;
	named_member parent;
	new_names	names = {0};
	ts_args		args = {0};

	if (PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "history"),
				 errhint("history => 'follows': past facts count below the new parent; history => 'stays': facts before from_day count below the old one.")));
	history = text_to_cstring(PG_GETARG_TEXT_PP(4));
	if (strcmp(history, "follows") != 0 && strcmp(history, "stays") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("history must be 'follows' or 'stays', not \"%s\"", history),
				 errhint("history => 'follows': past facts count below the new parent; history => 'stays': facts before from_day count below the old one.")));
	begin_call(fcinfo, &call, 5);
	find_member(&call, named, &member);
	find_member(&call, parent_text, &parent);
	if (member.depth == 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member %s of dimension \"%s\" is on the top level and has no parent",
						member.path_text, call.dimension)));
	if (parent.depth != member.depth - 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member %s of dimension \"%s\" cannot be the parent of %s",
						parent.path_text, call.dimension, member.path_text),
				 errdetail("A parent is a member of level \"%s\".", level_name(&call, member.depth - 1))));
	if (parent.member_id == member.parent_id)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member %s of dimension \"%s\" is below %s already",
						member.path_text, call.dimension, parent.path_text)));
	require_valid(&call, &member, from);
	require_valid(&call, &parent, from);
	refuse_collision(&call, &member, parent.member_id, member.code);
	take_code(&call, &member, parent.member_id, member.code);
	change_parent(&call, &member, &parent, from, history);
	add_alias(&call, member.depth, member.parent_id, member.code, member.member_id);
	change_path(&call, &member, member.code, parent.member_id, "member moved", &names);
	rename_targets(&call, &names);
	rename_rules(&call, &names);
	ts_arg_int8(&args, member.member_id);
	(void) ts_run("SELECT m.path FROM " TS_SCHEMA ".member AS m WHERE m.member_id = $1", &args, false);
	give_leaves(&call, &member, ts_datum_copy(0, 1, call.context), from, true, "target contradicts");
	ts_finish();
	return (Datum) 0;
}

/* ---------------------------------------------------------------- retire */

/*
 * retire_member(dimension, member, last_day, reason)
 *
 * Ends a member and those below it.  Targets stay; returned are those whose
 * periods go on after the last day.
 *
 * Errors: no such member; it, or one below it, begins after that day; it ends
 * before it.
 */
Datum
target_split_retire_member(PG_FUNCTION_ARGS)
{
	char	   *named = ts_text_argument(fcinfo, 1, "member");
	DateADT		last = day_argument(fcinfo, 2, "last_day");
	member_call call;
	named_member member;
	ts_args		args = {0};

	begin_call(fcinfo, &call, 3);
	find_member(&call, named, &member);
	ts_arg_int4(&args, call.dimension_id);
	ts_arg_int4(&args, member.depth);
	ts_arg(&args, TEXTARRAYOID, member.path, false);
	ts_arg_date(&args, last + 1);
	if (ts_run("SELECT pg_catalog.to_jsonb(m.path)::pg_catalog.text || ' on '"
			   " || pg_catalog.to_char(pg_catalog.lower(m.valid), 'YYYY-MM-DD')"
			   " FROM " TS_SCHEMA ".member AS m WHERE m.dimension_id = $1 AND m.path[1:$2] = $3"
			   " AND pg_catalog.lower(m.valid) >= $4 ORDER BY m.path COLLATE \"C\"", &args, false) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimension \"%s\" has members that begin after %s", call.dimension, ts_date_text(last)),
				 errdetail("They begin: %s.", ts_list(1))));
	args.n = 0;
	ts_arg_int8(&args, member.member_id);
	ts_arg_date(&args, last + 1);
	(void) ts_run("SELECT pg_catalog.upper(m.valid) <= $2, pg_catalog.upper(m.valid)"
				  " FROM " TS_SCHEMA ".member AS m WHERE m.member_id = $1", &args, false);
	if (!ts_isnull(0, 1) && ts_bool(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member %s of dimension \"%s\" ends on %s already", member.path_text,
						call.dimension, ts_date_text(DatumGetDateADT(ts_datum(0, 2)) - 1)),
				 errhint("To let it end later: UPDATE " TS_SCHEMA ".member SET valid = pg_catalog.daterange(pg_catalog.lower(valid), '%s') WHERE member_id = %lld;",
						 ts_date_text(last + 1), (long long) member.member_id)));
	args.n = 0;
	ts_arg_int4(&args, call.dimension_id);
	ts_arg_int4(&args, member.depth);
	ts_arg(&args, TEXTARRAYOID, member.path, false);
	ts_arg_date(&args, last + 1);
	ts_arg_text(&args, call.dimension);
	(void) ts_run("WITH changed AS (UPDATE " TS_SCHEMA ".member AS m"
				  " SET valid = m.valid * pg_catalog.daterange(NULL, $4)"
				  " WHERE m.dimension_id = $1 AND m.path[1:$2] = $3 AND NOT m.valid << pg_catalog.daterange($4, NULL)"
				  " RETURNING m.member_id, m.depth, m.slice_value)"
				  " SELECT 'member retired', NULL::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.int8,"
				  " NULL::pg_catalog.daterange, pg_catalog.jsonb_build_object($5, c.slice_value),"
				  " pg_catalog.jsonb_build_object($5, c.slice_value),"
				  " NULL::pg_catalog.numeric, NULL::pg_catalog.numeric, NULL::pg_catalog.text"
				  " FROM changed AS c ORDER BY c.depth, c.member_id", &args, false);
	give_rows(&call);
	give_leaves(&call, &member, member.path, last + 1, false, "target outlives");
	ts_finish();
	return (Datum) 0;
}

/* ----------------------------------------------------------------- merge */

/* Members that are merged, and those that take their places, as bigint[] */
typedef struct pairs
{
	Datum		from;
	Datum		into;
} pairs;

/*
 * The two members, and, as far as they have the same codes, those below them.
 */
static void
find_pairs(const member_call *call, const named_member *from, const named_member *into,
		   pairs *found)
{
	ts_args		args = {0};

	ts_arg_int4(&args, call->dimension_id);
	ts_arg_int8(&args, from->member_id);
	ts_arg_int8(&args, into->member_id);
	(void) ts_run("WITH RECURSIVE pair AS ("
				  "SELECT f.member_id AS from_id, i.member_id AS into_id, f.path AS from_path, i.path AS into_path, f.depth,"
				  " f.is_rest <> i.is_rest AS unlike"
				  " FROM " TS_SCHEMA ".member AS f, " TS_SCHEMA ".member AS i"
				  " WHERE f.member_id = $2 AND i.member_id = $3"
				  " UNION ALL SELECT f.member_id, i.member_id, f.path, i.path, f.depth, f.is_rest <> i.is_rest"
				  " FROM pair AS p JOIN " TS_SCHEMA ".member AS f ON f.dimension_id = $1"
				  " AND f.depth = p.depth + 1 AND f.path[1:p.depth] = p.from_path"
				  " JOIN " TS_SCHEMA ".member AS i ON i.dimension_id = $1 AND i.path = p.into_path || f.code)"
				  " SELECT pg_catalog.array_agg(p.from_id ORDER BY p.depth, p.from_id),"
				  " pg_catalog.array_agg(p.into_id ORDER BY p.depth, p.from_id),"
				  " pg_catalog.jsonb_agg(p.from_path ORDER BY p.depth, p.from_id) FILTER (WHERE p.unlike) -> 0"
				  " FROM pair AS p", &args, false);
	if (!ts_isnull(0, 3))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a member that stands for the rest cannot be merged with one that does not"),
				 errdetail("They are %s and the one that it would be merged into.",
						   ts_text(0, 3, call->context))));
	found->from = ts_datum_copy(0, 1, call->context);
	found->into = ts_datum_copy(0, 2, call->context);
}

/* $1 the dimension, $2 and $3 the pairs */
static void
arg_pairs(const member_call *call, const pairs *found, ts_args *args)
{
	ts_arg_int4(args, call->dimension_id);
	ts_arg(args, INT8ARRAYOID, found->from, false);
	ts_arg(args, INT8ARRAYOID, found->into, false);
}

#define PAIRS "ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3))"

/* Codes below two members of a pair that would stand for different members */
static void
refuse_ambiguous_codes(const member_call *call, const pairs *found)
{
	ts_args		args = {0};

	arg_pairs(call, found, &args);
	if (ts_run("WITH pair AS (SELECT p.from_id, p.into_id FROM " PAIRS " AS p(from_id, into_id)"
			   "), code AS ("
			   "SELECT a.parent_id, a.code, a.member_id, a.valid, true AS is_alias FROM " TS_SCHEMA ".member_alias AS a"
			   " WHERE a.dimension_id = $1 AND (a.parent_id = ANY ($2) OR a.parent_id = ANY ($3))"
			   " UNION ALL SELECT u.member_id, m.code, m.member_id, NULL, false FROM " TS_SCHEMA ".member AS u"
			   " JOIN " TS_SCHEMA ".member AS m ON m.dimension_id = $1 AND m.depth = u.depth + 1 AND m.path[1:u.depth] = u.path"
			   " WHERE u.member_id = ANY ($2) OR u.member_id = ANY ($3)"
			   "), meaning AS ("
			   "SELECT COALESCE(p.into_id, c.parent_id) AS parent_id, c.code, COALESCE(q.into_id, c.member_id) AS member_id,"
			   " c.valid, c.is_alias"
			   " FROM code AS c LEFT JOIN pair AS p ON p.from_id = c.parent_id"
			   " LEFT JOIN pair AS q ON q.from_id = c.member_id)"
			   " SELECT DISTINCT x.code COLLATE \"C\" FROM meaning AS x JOIN meaning AS y"
			   " ON y.parent_id = x.parent_id AND y.code = x.code AND y.member_id <> x.member_id"
			   " WHERE x.is_alias AND (NOT y.is_alias OR x.valid && y.valid) ORDER BY 1", &args, false) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("codes below the two members would stand for different members"),
				 errdetail("The codes: %s.", ts_list(1)),
				 errhint("SELECT * FROM " TS_SCHEMA ".member_alias; shows what they stand for.")));
}

/*
 * Targets below one parent, in the end, that are for one member and period.
 * Level by level: the first are children of a target that has one for a member
 * which is merged; where several become one, their children follow.  A target
 * may be reached twice, at first as such a child and then below an heir: the
 * later one counts.
 */
#define MERGED_NODES 	"WITH RECURSIVE pair AS (" 	"SELECT p.from_id, p.into_id FROM " PAIRS " AS p(from_id, into_id)" 	"), place AS (" 	"SELECT DISTINCT t.plan_id, t.parent_id FROM " TS_SCHEMA ".target AS t" 	" WHERE t.member_id = ANY ($2) AND t.parent_id IS NOT NULL" 	"), level AS (" 	"SELECT 1 AS step, t.plan_id, t.target_id, t.parent_id AS new_parent," 	" pg_catalog.first_value(t.target_id) OVER (same ORDER BY p.from_id IS NOT NULL, t.target_id) AS heir," 	" pg_catalog.count(*) OVER same AS n_same" 	" FROM place AS w JOIN " TS_SCHEMA ".target AS t ON t.plan_id = w.plan_id AND t.parent_id = w.parent_id" 	" LEFT JOIN pair AS p ON p.from_id = t.member_id" 	" WHERE t.member_id = ANY ($2) OR t.member_id = ANY ($3)" 	" WINDOW same AS (PARTITION BY t.plan_id, t.parent_id, COALESCE(p.into_id, t.member_id), pg_catalog.lower(t.period))" 	" UNION ALL " 	"SELECT l.step + 1, t.plan_id, t.target_id, l.heir," 	" pg_catalog.first_value(t.target_id) OVER (same ORDER BY t.parent_id <> l.heir, p.from_id IS NOT NULL, t.target_id)," 	" pg_catalog.count(*) OVER same" 	" FROM level AS l JOIN " TS_SCHEMA ".target AS t ON t.plan_id = l.plan_id AND t.parent_id = l.target_id" 	" LEFT JOIN pair AS p ON p.from_id = t.member_id" 	" WHERE l.n_same > 1" 	" WINDOW same AS (PARTITION BY t.plan_id, l.heir, COALESCE(p.into_id, t.member_id), pg_catalog.lower(t.period))" 	"), node AS (" 	"SELECT DISTINCT ON (l.plan_id, l.target_id) l.plan_id, l.target_id, l.new_parent, l.heir, l.n_same" 	" FROM level AS l ORDER BY l.plan_id, l.target_id, l.step DESC)"

/*
 * Locks all targets that a merge may change, and the parents of those that come
 * and go, in the order of their keys; again, until nobody has added any.
 */
static void
lock_merged(const member_call *call, const pairs *found, const new_names *names)
{
	ts_args		args = {0};
	uint64		before;
	uint64		n = 0;

	arg_pairs(call, found, &args);
	ts_arg_text(&args, call->dimension);
	ts_arg(&args, JSONBARRAYOID, names->before, false);
	do
	{
		CHECK_FOR_INTERRUPTS();
		before = n;
		n = ts_run(MERGED_NODES ", wanted AS ("
				   "SELECT n.plan_id, n.target_id FROM node AS n"
				   " UNION SELECT w.plan_id, w.parent_id FROM place AS w"
				   " UNION SELECT t.plan_id, t.target_id FROM " TS_SCHEMA ".target AS t WHERE t.slice -> $4 = ANY ($5))"
				   " SELECT FROM " TS_SCHEMA ".target AS t WHERE (t.plan_id, t.target_id) IN"
				   " (SELECT w.plan_id, w.target_id FROM wanted AS w) AND $1 IS NOT NULL"
				   " ORDER BY t.plan_id, t.target_id FOR NO KEY UPDATE", &args, false);
	} while (n != before);
}

/* Targets that cannot be added up: an error that lists them */
static void
refuse_unlike_targets(const member_call *call, const named_member *from,
					  const named_member *into, const pairs *found)
{
	ts_args		args = {0};

	arg_pairs(call, found, &args);
	if (ts_run(MERGED_NODES ", same AS ("
			   "SELECT n.plan_id, n.heir, pg_catalog.array_agg(n.target_id ORDER BY n.target_id) AS ids,"
			   " pg_catalog.bool_or(t.locked) AS locked,"
			   " pg_catalog.count(DISTINCT t.period) > 1 AS periods,"
			   " pg_catalog.count(DISTINCT t.n_children > 0) > 1 AS halves,"
			   " (SELECT pg_catalog.count(DISTINCT c.level) FROM " TS_SCHEMA ".target AS c"
			   " WHERE c.plan_id = n.plan_id AND c.parent_id = ANY (pg_catalog.array_agg(n.target_id))) > 1 AS levels,"
			   " pg_catalog.count(DISTINCT t.floor_amount IS NULL) > 1 AS floors,"
			   " pg_catalog.count(DISTINCT t.stretch_amount IS NULL) > 1 AS stretches,"
			   " pg_catalog.count(DISTINCT t.at_least IS NULL) > 1 AS leasts,"
			   " pg_catalog.count(DISTINCT t.at_most IS NULL) > 1 AS mosts,"
			   " pg_catalog.count(DISTINCT COALESCE(t.over_assignment, 0)) > 1 AS overs"
			   " FROM node AS n JOIN " TS_SCHEMA ".target AS t ON t.plan_id = n.plan_id AND t.target_id = n.target_id"
			   " WHERE n.n_same > 1 GROUP BY n.plan_id, n.heir)"
			   " SELECT 'targets ' || pg_catalog.array_to_string(s.ids, ' and ') || ' ' || w.problem,"
			   " s.plan_id, s.heir, w.place FROM same AS s"
			   " CROSS JOIN LATERAL (VALUES (1, s.locked, 'are locked, or one of them is'),"
			   " (2, s.periods, 'begin on one day and end on different ones'),"
			   " (3, s.halves, 'are not all split'),"
			   " (4, s.levels, 'are split by different levels'),"
			   " (5, s.floors, 'do not all have floor_amount'),"
			   " (6, s.stretches, 'do not all have stretch_amount'),"
			   " (7, s.leasts, 'do not all have at_least'),"
			   " (8, s.mosts, 'do not all have at_most'),"
			   " (9, s.overs, 'have different over_assignment')) AS w(place, holds, problem)"
			   " WHERE w.holds AND $1 IS NOT NULL"
			   " UNION ALL SELECT 'target ' || n.target_id || ' is locked and would be moved', n.plan_id, n.target_id, 0"
			   " FROM node AS n JOIN " TS_SCHEMA ".target AS t ON t.plan_id = n.plan_id AND t.target_id = n.target_id"
			   " WHERE n.n_same = 1 AND t.locked AND t.parent_id <> n.new_parent"
			   " ORDER BY 2, 3, 4", &args, false) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("targets of member %s cannot be added to those of %s", from->path_text, into->path_text),
				 errdetail("In the way: %s.", ts_list(1)),
				 errhint("Unlock targets that may change, split both alike or take the parts of one back with " TS_SCHEMA ".unsplit_target(), and give bounds to both or to none.")));
}

/*
 * Proposals for targets that become one are the heir's, and where there are any
 * a new one adds up what they come to, so that no gap above changes: a target
 * without a proposal of its own counts with its amount and the gap below it.
 */
static void
merge_proposals(member_call *call, const pairs *found)
{
	ts_args		args = {0};
	Datum		plans;
	Datum		heirs;
	Datum		before;
	Datum		amounts;

	arg_pairs(call, found, &args);
	if (ts_run(MERGED_NODES ", total AS ("
			   "SELECT n.plan_id, n.heir, pg_catalog.sum(g.proposed) FILTER (WHERE n.target_id = n.heir) AS before,"
			   " pg_catalog.sum(t.amount + COALESCE(g.gap, g.gap_below, 0)) AS amount"
			   " FROM node AS n JOIN " TS_SCHEMA ".target AS t ON t.plan_id = n.plan_id AND t.target_id = n.target_id"
			   " LEFT JOIN " TS_SCHEMA ".proposal_gap AS g ON g.target_id = n.target_id"
			   " WHERE n.n_same > 1 AND $1 IS NOT NULL GROUP BY n.plan_id, n.heir HAVING pg_catalog.count(g.proposed) > 0)"
			   " SELECT pg_catalog.array_agg(o.plan_id), pg_catalog.array_agg(o.heir),"
			   " pg_catalog.array_agg(o.before), pg_catalog.array_agg(o.amount)"
			   " FROM total AS o HAVING pg_catalog.count(*) > 0", &args, false) == 0)
		return;
	plans = ts_datum_copy(0, 1, call->context);
	heirs = ts_datum_copy(0, 2, call->context);
	before = ts_datum_copy(0, 3, call->context);
	amounts = ts_datum_copy(0, 4, call->context);
	(void) ts_run(MERGED_NODES " UPDATE " TS_SCHEMA ".proposal AS o SET target_id = n.heir FROM node AS n"
				  " WHERE o.plan_id = n.plan_id AND o.target_id = n.target_id"
				  " AND n.heir <> n.target_id AND $1 IS NOT NULL", &args, false);
	args.n = 0;
	ts_arg(&args, INT4ARRAYOID, plans, false);
	ts_arg(&args, INT8ARRAYOID, heirs, false);
	ts_arg(&args, NUMERICARRAYOID, before, false);
	ts_arg(&args, NUMERICARRAYOID, amounts, false);
	ts_arg_text(&args, ts_reason[0] ? ts_reason : NULL);
	(void) ts_run("WITH total AS ("
				  "SELECT * FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))"
				  " AS o(plan_id, target_id, before, amount)"
				  "), made AS ("
				  "INSERT INTO " TS_SCHEMA ".proposal (plan_id, target_id, amount, reason)"
				  " SELECT o.plan_id, o.target_id, o.amount, $5 FROM total AS o ORDER BY o.plan_id, o.target_id"
				  ") SELECT 'proposals added up', " TARGET_COLUMNS ", t.slice, t.slice, o.before, o.amount, NULL::pg_catalog.text"
				  " FROM total AS o JOIN " TS_SCHEMA ".target AS t"
				  " ON t.plan_id = o.plan_id AND t.target_id = o.target_id" TARGET_JOINS
				  " ORDER BY t.plan_id, t.target_id", &args, false);
	give_rows(call);
}

/*
 * Makes one of targets that are for one member and period in the end, children
 * included; one statement, in which every sum stays.
 */
static void
merge_targets(member_call *call, const pairs *found)
{
	ts_args		args = {0};

	arg_pairs(call, found, &args);
	/* bounds are there for all or for none: a sum is NULL for none */
	(void) ts_run(MERGED_NODES ", total AS ("
				  "SELECT n.plan_id, n.heir, pg_catalog.sum(t.amount) AS amount,"
				  " pg_catalog.sum(t.floor_amount) AS floor_amount, pg_catalog.sum(t.stretch_amount) AS stretch_amount,"
				  " pg_catalog.sum(t.at_least) AS at_least, pg_catalog.sum(t.at_most) AS at_most"
				  " FROM node AS n JOIN " TS_SCHEMA ".target AS t ON t.plan_id = n.plan_id AND t.target_id = n.target_id"
				  " WHERE n.n_same > 1 GROUP BY n.plan_id, n.heir"
				  "), gone AS ("
				  "DELETE FROM " TS_SCHEMA ".target AS t USING node AS n"
				  " WHERE t.plan_id = n.plan_id AND t.target_id = n.target_id AND n.heir <> n.target_id"
				  " RETURNING t.plan_id, t.metric_id, t.target_id, t.period, t.slice, t.amount, n.heir"
				  "), kept AS ("
				  "UPDATE " TS_SCHEMA ".target AS t SET parent_id = n.new_parent,"
				  " amount = o.amount + COALESCE(s.amount - o.amount, 0),"
				  " floor_amount = COALESCE(s.floor_amount, o.floor_amount),"
				  " stretch_amount = COALESCE(s.stretch_amount, o.stretch_amount),"
				  " at_least = COALESCE(s.at_least, o.at_least), at_most = COALESCE(s.at_most, o.at_most)"
				  " FROM node AS n JOIN " TS_SCHEMA ".target AS o ON o.plan_id = n.plan_id AND o.target_id = n.target_id"
				  " LEFT JOIN total AS s ON s.plan_id = n.plan_id AND s.heir = n.heir"
				  " WHERE t.plan_id = n.plan_id AND t.target_id = n.target_id AND n.heir = n.target_id"
				  " AND (n.n_same > 1 OR o.parent_id <> n.new_parent)"
				  " RETURNING t.plan_id, t.metric_id, t.target_id, t.period, t.slice, t.amount,"
				  " o.amount AS before, n.n_same > 1 AS enlarged"
				  ") SELECT t.change, " TARGET_COLUMNS ", t.slice, t.slice_after, t.before, t.amount, t.note FROM ("
				  "SELECT 'target merged' AS change, g.plan_id, g.metric_id, g.target_id, g.period, g.slice,"
				  " NULL::pg_catalog.jsonb AS slice_after, g.amount AS before, NULL::pg_catalog.numeric AS amount,"
				  " 'into ' || g.heir AS note FROM gone AS g"
				  " UNION ALL SELECT CASE WHEN k.enlarged THEN 'target enlarged' ELSE 'target moved' END,"
				  " k.plan_id, k.metric_id, k.target_id, k.period, k.slice, k.slice, k.before, k.amount, NULL FROM kept AS k"
				  ") AS t" TARGET_JOINS
				  " WHERE $1 IS NOT NULL ORDER BY t.plan_id, t.target_id", &args, false);
	give_rows(call);
}

/*
 * Puts members in the place of others: aliases, children, parents; then the
 * others go.
 */
static void
merge_members(member_call *call, const named_member *from, const named_member *into,
			  const pairs *found)
{
	ts_args		args = {0};

	/* an alias that both have, or that is a code of the member itself by now */
	arg_pairs(call, found, &args);
	(void) ts_run("DELETE FROM " TS_SCHEMA ".member_alias AS a USING " PAIRS " AS p(from_id, into_id), " TS_SCHEMA ".member_alias AS o"
				  " WHERE a.dimension_id = $1 AND a.parent_id = p.from_id AND o.dimension_id = $1"
				  " AND o.parent_id = p.into_id AND o.code = a.code AND o.valid @> a.valid", &args, false);
	(void) ts_run("UPDATE " TS_SCHEMA ".member_alias AS a SET"
				  " parent_id = COALESCE((SELECT p.into_id FROM " PAIRS " AS p(from_id, into_id) WHERE p.from_id = a.parent_id), a.parent_id),"
				  " member_id = COALESCE((SELECT p.into_id FROM " PAIRS " AS p(from_id, into_id) WHERE p.from_id = a.member_id), a.member_id)"
				  " WHERE a.dimension_id = $1 AND (a.parent_id = ANY ($2) OR a.member_id = ANY ($2))", &args, false);
	(void) ts_run("DELETE FROM " TS_SCHEMA ".member_alias AS a USING " TS_SCHEMA ".member AS m, " TS_SCHEMA ".member AS u"
				  " WHERE a.dimension_id = $1 AND m.member_id = a.member_id AND u.member_id = a.parent_id"
				  " AND m.path = u.path || a.code AND m.member_id = ANY ($3) AND $2 IS NOT NULL", &args, false);

	/* it exists on the days of either */
	(void) ts_run("UPDATE " TS_SCHEMA ".member AS m SET valid = pg_catalog.range_merge(m.valid, f.valid),"
				  " person_id = COALESCE(m.person_id, f.person_id)"
				  " FROM " PAIRS " AS p(from_id, into_id), " TS_SCHEMA ".member AS f"
				  " WHERE m.member_id = p.into_id AND f.member_id = p.from_id AND $1 IS NOT NULL", &args, false);
	(void) ts_run("DELETE FROM " TS_SCHEMA ".member_parent AS e WHERE e.member_id = ANY ($2)"
				  " AND $1 IS NOT NULL AND $3 IS NOT NULL", &args, false);
	(void) ts_run("UPDATE " TS_SCHEMA ".member_parent AS e SET parent_id = p.into_id FROM " PAIRS " AS p(from_id, into_id)"
				  " WHERE e.parent_id = p.from_id AND $1 IS NOT NULL", &args, false);
	(void) ts_run("DELETE FROM " TS_SCHEMA ".member AS m WHERE m.member_id = ANY ($2)"
				  " AND $1 IS NOT NULL AND $3 IS NOT NULL", &args, false);
	add_alias(call, from->depth, from->parent_id, from->code, into->member_id);

	/* what is left below the old path */
	args.n = 1;
	ts_arg_int4(&args, from->depth);
	ts_arg(&args, TEXTARRAYOID, from->path, false);
	ts_arg(&args, TEXTARRAYOID, into->path, false);
	(void) ts_run("UPDATE " TS_SCHEMA ".member AS m SET path = $4 || m.path[$2 + 1:], slice_value ="
				  " CASE pg_catalog.jsonb_typeof(m.slice_value) WHEN 'array'"
				  " THEN pg_catalog.to_jsonb($4 || m.path[$2 + 1:]) ELSE m.slice_value END"
				  " WHERE m.dimension_id = $1 AND m.path[1:$2] = $3", &args, false);
}

/* How slices name members below the one that is merged, and how they will */
static void
find_new_names(member_call *call, const named_member *from, const named_member *into,
			   const pairs *found, new_names *names)
{
	ts_args		args = {0};

	arg_pairs(call, found, &args);
	ts_arg_int4(&args, from->depth);
	ts_arg(&args, TEXTARRAYOID, from->path, false);
	ts_arg(&args, TEXTARRAYOID, into->path, false);
	ts_arg_text(&args, call->dimension);
#define NAMES \
	"(SELECT m.depth, m.member_id, p.into_id, m.slice_value AS before, CASE" \
	" WHEN p.into_id IS NOT NULL THEN (SELECT i.slice_value FROM " TS_SCHEMA ".member AS i WHERE i.member_id = p.into_id)" \
	" WHEN pg_catalog.jsonb_typeof(m.slice_value) = 'array' THEN pg_catalog.to_jsonb($6 || m.path[$4 + 1:])" \
	" ELSE m.slice_value END AS after" \
	" FROM " TS_SCHEMA ".member AS m" \
	" LEFT JOIN " PAIRS " AS p(from_id, into_id) ON p.from_id = m.member_id" \
	" WHERE m.dimension_id = $1 AND m.path[1:$4] = $5 AND $7 IS NOT NULL) AS n"
	(void) ts_run("SELECT CASE WHEN n.into_id IS NULL THEN 'member moved' ELSE 'member merged' END,"
				  " NULL::pg_catalog.text, NULL::pg_catalog.text, NULL::pg_catalog.int8, NULL::pg_catalog.daterange,"
				  " pg_catalog.jsonb_build_object($7, n.before), pg_catalog.jsonb_build_object($7, n.after),"
				  " NULL::pg_catalog.numeric, NULL::pg_catalog.numeric, NULL::pg_catalog.text"
				  " FROM " NAMES " ORDER BY n.depth, n.member_id", &args, false);
	give_rows(call);
	(void) ts_run("SELECT pg_catalog.array_agg(n.before), pg_catalog.array_agg(n.after),"
				  " pg_catalog.array_agg(n.member_id), pg_catalog.array_agg(n.into_id)"
				  " FROM " NAMES, &args, false);
#undef NAMES
	names->before = ts_datum_copy(0, 1, call->context);
	names->after = ts_datum_copy(0, 2, call->context);
	names->merged = true;
	names->from = ts_datum_copy(0, 3, call->context);
	names->into = ts_datum_copy(0, 4, call->context);
}

/*
 * merge_member(dimension, member, into_member, reason)
 *
 * Makes one of two members of a level, and of those below them that have the
 * same codes.  Facts, targets and rules of the first are the second's.
 *
 * Errors: no such members; they are one, or not of one level; targets of both
 * that cannot be added up; rules that contradict each other.
 */
Datum
target_split_merge_member(PG_FUNCTION_ARGS)
{
	char	   *named = ts_text_argument(fcinfo, 1, "member");
	char	   *into_named = ts_text_argument(fcinfo, 2, "into_member");
	member_call call;
	named_member from;
	named_member into;
	pairs		found;
	new_names	names = {0};

	begin_call(fcinfo, &call, 3);
	refuse_hidden("proposal");
	find_member(&call, named, &from);
	find_member(&call, into_named, &into);
	if (from.member_id == into.member_id)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member %s of dimension \"%s\" cannot be merged into itself",
						from.path_text, call.dimension)));
	if (from.depth != into.depth)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("members %s and %s of dimension \"%s\" are not of one level",
						from.path_text, into.path_text, call.dimension),
				 errdetail("They are of \"%s\" and \"%s\".",
						   level_name(&call, from.depth), level_name(&call, into.depth))));
	check_path_lengths(&call, &from, into.code, into.parent_id);
	find_pairs(&call, &from, &into, &found);
	refuse_ambiguous_codes(&call, &found);
	find_new_names(&call, &from, &into, &found, &names);
	lock_merged(&call, &found, &names);
	refuse_unlike_targets(&call, &from, &into, &found);
	merge_proposals(&call, &found);
	merge_targets(&call, &found);
	merge_members(&call, &from, &into, &found);
	rename_targets(&call, &names);
	rename_rules(&call, &names);
	/* renamed targets are still where the others were */
	if (from.parent_id != into.parent_id)
		give_leaves(&call, &into, into.path, DATEVAL_NOBEGIN, true, "target contradicts");
	ts_finish();
	return (Datum) 0;
}
