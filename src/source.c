/*-------------------------------------------------------------------------
 *
 * source.c
 *	  Reading facts: where a metric's actuals are, which window of them is
 *	  filled, and which member a fact belongs to.
 *
 * Terms
 *	silence		days in a row without a fact
 *	moment		the column that dates a fact; a date or a timestamp
 *	path		codes of a member from the top level down to its own
 *	edge		a parent of a member in a stretch of days
 *
 * Method
 *	A source is kept by name and turned into SQL text here, every identifier
 *	quoted, every column with the alias of the relation, so that the texts can
 *	stand in any statement of split and evaluation.  Statements run with the
 *	caller's rights.
 *
 *	A window counts as filled when the silence at its end is not longer than
 *	the longest one before it: a shop that is shut on Sundays is not called
 *	incomplete on a Sunday, a plan made on 1 November from January to October
 *	is.
 *
 *	Members are held in one array, ordered by code in byte order, which makes
 *	results independent of ids and locale, with three hash tables of indexes
 *	beside it (open addressing, at most half full).  Aliases are few, and found
 *	by bisection.
 *
 *	A fact's day says which parent its member has where the member moved and
 *	its history stayed.  The days on which anything of that kind changes cut
 *	time into segments.  A member that has another parent in a segment, or one
 *	above it has, gets a variant: a copy with that parent, behind the members.
 *	Whoever goes up from a variant arrives at the ancestors of that segment and
 *	needs to know nothing of all this.
 *
 * Limits
 *	2^30 members in one call.  float4 and float8 amounts are read with 15
 *	significant digits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rangetypes.h"
#include "utils/typcache.h"

#include "compat.h"
#include "query.h"
#include "engine/calendar.h"
#include "source.h"
#include "calendar.h"
#include "target_split.h"

/* -------------------------------------------------------------- dates */

char *
ts_window_text(DateADT from, DateADT upto)
{
	return psprintf("[%s,%s)", ts_date_text(from), ts_date_text(upto));
}

void
ts_daterange_parts(Datum range, DateADT *from, DateADT *upto, bool *empty)
{
	TypeCacheEntry *type = lookup_type_cache(DATERANGEOID, TYPECACHE_RANGE_INFO);
	RangeBound	lower,
				upper;

	range_deserialize(type, DatumGetRangeTypeP(range), &lower, &upper, empty);
	*from = *empty || lower.infinite ? DATEVAL_NOBEGIN : DatumGetDateADT(lower.val);
	*upto = *empty || upper.infinite ? DATEVAL_NOEND : DatumGetDateADT(upper.val);
}

/* Made from text, as the signature of make_range differs between servers */
Datum
ts_daterange_make(DateADT from, DateADT upto)
{
	Oid			input;
	Oid			param;
	char	   *text = psprintf("[%s,%s)",
								DATE_IS_NOBEGIN(from) ? "" : ts_date_text(from),
								DATE_IS_NOEND(upto) ? "" : ts_date_text(upto));

	getTypeInputInfo(DATERANGEOID, &input, &param);
	return OidInputFunctionCall(input, text, param, -1);
}

/* -------------------------------------------------------------- sources */

/* The type below all domains of a column; an error if it is gone */
static Oid
column_type(const ts_source *src, const char *column)
{
	AttrNumber	number = get_attnum(src->relid, column);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column %s of the source of metric \"%s\" does not exist",
						quote_identifier(column), src->metric),
				 errdetail("The source is %s.", src->relation)));
	return getBaseType(get_atttype(src->relid, number));
}

/* The SQL expression for the day of a moment */
static char *
day_of(const ts_source *src, const char *moment)
{
	if (src->moment_type == DATEOID)
		return psprintf("(%s)::pg_catalog.date", moment);
	if (src->moment_type == TIMESTAMPOID)
		return psprintf("(%s)::pg_catalog.date", moment);
	return psprintf("(pg_catalog.timezone(%s, %s))::pg_catalog.date",
					src->time_zone, moment);
}

bool
ts_source_load(int32 metric_id, ts_source *src, bool missing_ok,
			   MemoryContext cxt)
{
	ts_args		args = {0};
	MemoryContext old;
	char	   *schema;
	char	   *relation;
	char	   *occurred_on;
	char	   *amount;
	char	   *time_zone;
	Oid			namespace;
	Oid			type;
	uint64		n;

	memset(src, 0, sizeof(*src));
	src->metric_id = metric_id;

	ts_arg_int4(&args, metric_id);
	n = ts_run("SELECT m.name, s.schema_name, s.relation_name, s.occurred_on,"
			   " s.amount, s.time_zone"
			   " FROM " TS_SCHEMA ".metric AS m"
			   " LEFT JOIN " TS_SCHEMA ".source AS s ON s.metric_id = m.metric_id"
			   " WHERE m.metric_id = $1", &args, false);
	if (n == 0)
		elog(ERROR, "metric %d does not exist", metric_id);
	src->metric = ts_text(0, 1, cxt);
	if (ts_isnull(0, 2))
	{
		if (missing_ok)
			return false;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("metric \"%s\" has no source", src->metric),
				 errhint("Say where its actuals are: SELECT " TS_SCHEMA ".add_source(%s, 'my_table', occurred_on => 'my_date_column', amount => 'my_amount_column');",
						 quote_literal_cstr(src->metric))));
	}
	schema = ts_text(0, 2, cxt);
	relation = ts_text(0, 3, cxt);
	occurred_on = ts_text(0, 4, cxt);
	amount = ts_text(0, 5, cxt);
	time_zone = ts_text(0, 6, cxt);

	old = MemoryContextSwitchTo(cxt);

	src->relation = quote_qualified_identifier(schema, relation);
	namespace = LookupExplicitNamespace(schema, true);
	if (OidIsValid(namespace))
		src->relid = get_relname_relid(relation, namespace);
	if (!OidIsValid(src->relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("source of metric \"%s\" does not exist", src->metric),
				 errdetail("The actuals of the metric are read from %s.", src->relation)));
	src->from = psprintf("%s AS fact", src->relation);

	src->moment_type = column_type(src, occurred_on);
	src->moment = psprintf("fact.%s", quote_identifier(occurred_on));
	if (src->moment_type != DATEOID && src->moment_type != TIMESTAMPOID &&
		src->moment_type != TIMESTAMPTZOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column %s of the source of metric \"%s\" is no date",
						quote_identifier(occurred_on), src->metric),
				 errdetail("In %s it is of type %s.", src->relation,
						   format_type_be(src->moment_type))));
	if (src->moment_type == TIMESTAMPTZOID)
	{
		if (time_zone == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("source of metric \"%s\" has no time zone", src->metric),
					 errdetail("In %s column %s is of type %s.", src->relation,
							   quote_identifier(occurred_on),
							   format_type_be(src->moment_type))));
		src->time_zone = quote_literal_cstr(time_zone);
	}
	src->day = day_of(src, src->moment);

	type = column_type(src, amount);
	switch (type)
	{
		case NUMERICOID:
			src->amount = psprintf("(fact.%s)::pg_catalog.numeric",
								   quote_identifier(amount));
			break;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			src->amount_is_integer = true;
			src->amount = psprintf("(fact.%s)::pg_catalog.numeric",
								   quote_identifier(amount));
			break;
		case FLOAT4OID:
		case FLOAT8OID:
			/* straight from float4, only six digits would be left */
			src->amount = psprintf("(fact.%s)::pg_catalog.float8::pg_catalog.numeric",
								   quote_identifier(amount));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column %s of the source of metric \"%s\" is no number",
							quote_identifier(amount), src->metric),
					 errdetail("In %s it is of type %s.", src->relation,
							   format_type_be(type))));
	}
	MemoryContextSwitchTo(old);

	n = ts_run("SELECT l.dimension_id, l.depth::pg_catalog.int4, l.column_name, d.member_decides"
			   " FROM " TS_SCHEMA ".source_level AS l"
			   " JOIN " TS_SCHEMA ".dimension_level AS d ON d.dimension_id = l.dimension_id AND d.depth = l.depth"
			   " WHERE l.metric_id = $1 ORDER BY l.dimension_id, l.depth",
			   &args, false);
	src->n_levels = (int) n;
	src->levels = MemoryContextAllocZero(cxt, Max(n, 1) * sizeof(ts_source_level));
	for (uint64 i = 0; i < n; i++)
	{
		ts_source_level *level = &src->levels[i];

		level->dimension_id = ts_int4(i, 1);
		level->depth = ts_int4(i, 2);
		level->column_name = ts_text(i, 3, cxt);
		level->member_decides = ts_bool(i, 4);
		(void) column_type(src, level->column_name);
		old = MemoryContextSwitchTo(cxt);
		level->column = psprintf("NULLIF((fact.%s)::pg_catalog.text COLLATE \"C\", '')",
								 quote_identifier(level->column_name));
		MemoryContextSwitchTo(old);
	}
	return true;
}

char *
ts_source_window(const ts_source *src, const char *from, const char *upto)
{
	const char *moment = src->moment;

	if (src->moment_type == DATEOID)
		return psprintf("(%s >= (%s)::pg_catalog.date AND %s < (%s)::pg_catalog.date)",
						moment, from, moment, upto);
	if (src->moment_type == TIMESTAMPOID)
		return psprintf("(%s >= (%s)::pg_catalog.date::pg_catalog.timestamp"
						" AND %s < (%s)::pg_catalog.date::pg_catalog.timestamp)",
						moment, from, moment, upto);

	/*
	 * Where clocks are put back at midnight a day begins twice, so the bare
	 * column is compared a day wider and the day itself decides.
	 */
	return psprintf("(%s >= pg_catalog.timezone(%s, ((%s)::pg_catalog.date - 1)::pg_catalog.timestamp)"
					" AND %s < pg_catalog.timezone(%s, ((%s)::pg_catalog.date + 1)::pg_catalog.timestamp)"
					" AND %s >= (%s)::pg_catalog.date AND %s < (%s)::pg_catalog.date)",
					moment, src->time_zone, from,
					moment, src->time_zone, upto,
					src->day, from, src->day, upto);
}

/*
 * The longest silence between two facts from the start of a window up to the
 * source's last fact, at least one day: a quiet last day is no gap.
 */
static int32
longest_silence(const ts_source *src, DateADT from, DateADT last)
{
	ts_args		args = {0};

	ts_arg_date(&args, from);
	ts_arg_date(&args, last + 1);
	(void) ts_run(psprintf("SELECT pg_catalog.max(d.day - d.before - 1) FROM ("
						   "SELECT f.day, pg_catalog.lag(f.day) OVER (ORDER BY f.day) AS before"
						   " FROM (SELECT DISTINCT %s AS day FROM %s WHERE %s AND %s IS NOT NULL) AS f"
						   ") AS d",
						   src->day, src->from,
						   ts_source_window(src, "$1", "$2"), src->amount),
				  &args, false);
	return ts_isnull(0, 1) ? 1 : Max(ts_int4(0, 1), 1);
}

/*
 * The hint with a window of the same length that the source does fill: up to
 * the end of the last fact's month if the facts reach it, else to the last
 * fact.  Where the source is younger than that, there is none.
 */
static int
hint_filled_window(const ts_source *src, DateADT from, DateADT upto,
				   const ts_window_state *found)
{
	int			year[2],
				month[2],
				mday[2];
	int			months = 0;
	DateADT		next_month;
	DateADT		start;
	DateADT		end = found->last + 1;

	j2date(from + POSTGRES_EPOCH_JDATE, &year[0], &month[0], &mday[0]);
	j2date(upto + POSTGRES_EPOCH_JDATE, &year[1], &month[1], &mday[1]);
	if (mday[0] == mday[1])
		months = (year[1] - year[0]) * 12 + month[1] - month[0];

	j2date(found->last + POSTGRES_EPOCH_JDATE, &year[0], &month[0], &mday[0]);
	next_month = ts_add_months(date2j(year[0], month[0], 1) - POSTGRES_EPOCH_JDATE, 1);
	start = months > 0 ? ts_add_months(next_month, -months) : next_month - (upto - from);
	if (next_month - 1 - found->last <= longest_silence(src, start, found->last))
		end = next_month;
	start = months > 0 ? ts_add_months(end, -months) : end - (upto - from);
	if (start < found->first && found->n_facts == 0)
		return errhint("There are facts for basis => '%s'.", ts_window_text(found->first, found->last + 1));
	if (start < found->first)
		return errhint("The source is younger than the basis is long. Take it as it is: on_incomplete => 'accept'.");
	if (found->n_facts == 0)
		return errhint("Use a window with facts: basis => '%s'.", ts_window_text(start, end));
	return errhint("Use a window that is filled: basis => '%s'; or take this one as it is: on_incomplete => 'accept'.",
				   ts_window_text(start, end));
}

/*
 * Looks for the first or the last ("min" or "max") day with a fact; false if
 * there is none.  min() and max() of the bare column are read from an index
 * where there is one.
 */
static bool
outermost_day(const ts_source *src, const char *aggregate, DateADT *day)
{
	(void) ts_run(psprintf("SELECT %s FROM %s WHERE %s < 'infinity' AND %s > '-infinity' AND %s IS NOT NULL",
						   day_of(src, psprintf("pg_catalog.%s(%s)", aggregate, src->moment)),
						   src->from, src->moment, src->moment, src->amount),
				  TS_NO_ARGS, false);
	if (ts_isnull(0, 1))
		return false;
	*day = DatumGetDateADT(ts_datum(0, 1));
	return true;
}

bool
ts_source_first_day(const ts_source *src, DateADT *day)
{
	return outermost_day(src, "min", day);
}

void
ts_source_no_numbers(const ts_source *src, DateADT from, DateADT upto)
{
	ts_args		args = {0};

	ts_arg_date(&args, from);
	ts_arg_date(&args, upto);
	(void) ts_run(psprintf("SELECT pg_catalog.to_char(f.day, 'YYYY-MM-DD') || ': ' || f.amount FROM (SELECT %s AS day, %s AS amount"
						   " FROM %s WHERE %s) AS f"
						   " WHERE f.amount IN ('NaN', 'Infinity', '-Infinity') ORDER BY f.day, f.amount",
						   src->day, src->amount, src->from, ts_source_window(src, "$1", "$2")),
				  &args, false);
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("source of metric \"%s\" has amounts that are no numbers", src->metric),
			 errdetail("Facts in %s of %s: %s.", src->relation,
					   ts_window_text(from, upto), ts_list(1))));
}

void
ts_source_check_window(const ts_source *src, DateADT from, DateADT upto, bool from_start,
					   const char *on_incomplete, ts_window_state *state)
{
	ts_window_state found = {0};
	bool		accept = strcmp(on_incomplete, "accept") == 0;
	char	   *window = ts_source_window(src, "$1", "$2");
	ts_args		args = {0};

	if (!accept && strcmp(on_incomplete, "error") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("on_incomplete must be 'error' or 'accept', not \"%s\"",
						on_incomplete)));
	if (DATE_NOT_FINITE(from) || DATE_NOT_FINITE(upto) || from >= upto)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("basis must be a window of days with a start and an end"),
				 errhint("For example basis => '[2023-01-01,2024-01-01)'.")));

	ts_arg_date(&args, from);
	ts_arg_date(&args, upto);
	if (src->amount_is_integer)
		(void) ts_run(psprintf("SELECT pg_catalog.count(*), 0::pg_catalog.int8"
							   " FROM %s WHERE %s AND %s IS NOT NULL",
							   src->from, window, src->amount), &args, false);
	else
		(void) ts_run(psprintf("SELECT pg_catalog.count(*), pg_catalog.count(*)"
							   " FILTER (WHERE f.amount IN ('NaN', 'Infinity', '-Infinity'))"
							   " FROM (SELECT %s AS amount FROM %s WHERE %s) AS f"
							   " WHERE f.amount IS NOT NULL",
							   src->amount, src->from, window), &args, false);
	found.n_facts = ts_int8(0, 1);
	if (ts_int8(0, 2) > 0)
		ts_source_no_numbers(src, from, upto);

	found.any = outermost_day(src, "max", &found.last);
	if (!found.any)
	{
		if (!accept)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("source of metric \"%s\" has no facts", src->metric),
					 errdetail("The actuals of the metric are read from %s.", src->relation)));
	}
	else
	{
		int32		gap;
		int32		longest;

		(void) outermost_day(src, "min", &found.first);
		found.complete = found.n_facts > 0 && found.last >= upto - 1 &&
			(!from_start || found.first <= from);
		if (found.n_facts == 0 && !accept)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("source of metric \"%s\" has no facts in the basis", src->metric),
					 errdetail("The basis is %s; the facts in %s are of %s to %s.",
							   ts_window_text(from, upto), src->relation,
							   ts_date_text(found.first), ts_date_text(found.last)),
					 hint_filled_window(src, from, upto, &found)));
		if (!found.complete && found.n_facts > 0)
		{
			longest = longest_silence(src, from, found.last);
			gap = from_start ? found.first - from : 0;
			if (gap > longest && !accept)
				ereport(ERROR,
						(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						 errmsg("source of metric \"%s\" begins after the basis does", src->metric),
						 errdetail("The basis is %s; the first fact in %s is of %s. That leaves %d days without facts at its start; the longest such stretch after it is %d.",
								   ts_window_text(from, upto), src->relation,
								   ts_date_text(found.first), gap, longest),
						 hint_filled_window(src, from, upto, &found)));
			found.complete = gap <= longest;
			gap = upto - 1 - found.last;
			if (gap > longest && !accept)
				ereport(ERROR,
						(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						 errmsg("source of metric \"%s\" ends before the basis does", src->metric),
						 errdetail("The basis is %s; the last fact in %s is of %s. That leaves %d days without facts at its end; the longest such stretch before is %d.",
								   ts_window_text(from, upto), src->relation,
								   ts_date_text(found.last), gap, longest),
						 hint_filled_window(src, from, upto, &found)));
			found.complete &= gap <= longest;
		}
	}
	if (state)
		*state = found;
}

/* -------------------------------------------------------------- members */

static uint32
hash_code(const char *code, uint32 a, uint32 b)
{
	uint32		hash = hash_bytes((const unsigned char *) code, (int) strlen(code));

	return hash_combine(hash_combine(hash, murmurhash32(a)), murmurhash32(b));
}

static uint32
hash_id(int64 id)
{
	return murmurhash32((uint32) id) ^ murmurhash32((uint32) ((uint64) id >> 32) + 1);
}

/* The slot of the member with this code below path_parent, taken or free */
static int32 *
path_slot(const ts_members *m, int dim_no, int32 path_parent, const char *code)
{
	uint32		at = hash_code(code, (uint32) path_parent, (uint32) dim_no) & m->mask;

	while (m->by_path[at] != 0)
	{
		const ts_member *member = &m->members[m->by_path[at] - 1];

		if (member->path_parent == path_parent && member->dim_no == dim_no &&
			strcmp(member->code, code) == 0)
			break;
		at = (at + 1) & m->mask;
	}
	return &m->by_path[at];
}

/* The slot of the first member with this code on a level, taken or free */
static int32 *
code_slot(const ts_members *m, int dim_no, int depth, const char *code)
{
	uint32		at = hash_code(code, (uint32) depth, (uint32) dim_no) & m->mask;

	while (m->by_code[at] != 0)
	{
		const ts_member *member = &m->members[m->by_code[at] - 1];

		if (member->depth == depth && member->dim_no == dim_no &&
			strcmp(member->code, code) == 0)
			break;
		at = (at + 1) & m->mask;
	}
	return &m->by_code[at];
}

static int32 *
id_slot(const ts_members *m, int64 member_id)
{
	uint32		at = hash_id(member_id) & m->mask;

	while (m->by_id[at] != 0 && m->members[m->by_id[at] - 1].member_id != member_id)
		at = (at + 1) & m->mask;
	return &m->by_id[at];
}

/* The codes of a text[] without NULLs */
static char **
path_codes(Datum path, int *n)
{
	Datum	   *elements;
	char	  **codes;

	deconstruct_array(DatumGetArrayTypeP(path), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, NULL, n);
	codes = palloc(Max(*n, 1) * sizeof(char *));
	for (int i = 0; i < *n; i++)
		codes[i] = TextDatumGetCString(elements[i]);
	return codes;
}

void
ts_members_lock(LOCKMODE mode)
{
	Oid			relid = get_relname_relid("member", get_namespace_oid(TS_SCHEMA, false));

	if (!OidIsValid(relid))
		elog(ERROR, "table member does not exist");
	LockRelationOid(relid, mode);
}

/* A parent of a member, from a day on */
typedef struct dated_edge
{
	int32		member;
	int32		parent;
	DateADT		from;
	bool		follows;		/* facts of the edge before count here as well */
} dated_edge;

static int
compare_days(const void *a, const void *b)
{
	DateADT		x = *(const DateADT *) a;
	DateADT		y = *(const DateADT *) b;

	return x < y ? -1 : x > y;
}

/*
 * The edges of the members that do not have one parent for all time, by member
 * and day, as facts see them: where history follows, the edges before are the
 * later one's.
 */
static dated_edge *
load_dated_edges(const ts_members *m, const ts_args *dimensions, int *n_edges)
{
	uint64		n;
	dated_edge *edges;
	int			k = 0;

	n = ts_run("SELECT p.member_id, p.parent_id, pg_catalog.lower(p.valid), p.history = 'follows'"
			   " FROM " TS_SCHEMA ".member_parent AS p"
			   " JOIN " TS_SCHEMA ".member AS m ON m.member_id = p.member_id"
			   " WHERE m.dimension_id = ANY ($1) AND p.valid <> '(,)'"
			   " ORDER BY p.member_id, p.valid", dimensions, false);
	edges = palloc(Max(n, 1) * sizeof(dated_edge));
	for (uint64 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		edges[k].member = ts_members_by_id(m, ts_int8(i, 1));
		edges[k].parent = ts_members_by_id(m, ts_int8(i, 2));
		edges[k].from = ts_isnull(i, 3) ? DATEVAL_NOBEGIN : DatumGetDateADT(ts_datum(i, 3));
		edges[k].follows = ts_bool(i, 4);
		if (edges[k].member >= 0)
			k++;
	}
	for (int i = k - 1; i > 0; i--)
		if (edges[i].follows && edges[i - 1].member == edges[i].member)
			edges[i - 1].parent = edges[i].parent;
	*n_edges = k;
	return edges;
}

/*
 * The parent on a day by edges first to last - 1 of a member; days before the
 * first edge are the first one's, and those of no edge the one's before.
 */
static int32
parent_on(const dated_edge *edges, int first, int last, DateADT day)
{
	while (last - first > 1 && edges[last - 1].from > day)
		last--;
	return edges[last - 1].parent;
}

/* Reads the aliases of the dimensions and marks members found below another parent */
static void
load_aliases(ts_members *m, const ts_args *dimensions, MemoryContext cxt)
{
	uint64		n;

	n = ts_run("SELECT a.parent_id, a.code, a.member_id,"
			   " pg_catalog.lower(a.valid), pg_catalog.upper(a.valid)"
			   " FROM pg_catalog.unnest($1) WITH ORDINALITY AS d(dimension_id, place)"
			   " JOIN " TS_SCHEMA ".member_alias AS a ON a.dimension_id = d.dimension_id"
			   " ORDER BY d.place, a.depth, a.code COLLATE \"C\", a.parent_id, a.valid",
			   dimensions, false);
	m->aliases = MemoryContextAllocExtended(cxt, Max(n, 1) * sizeof(ts_alias),
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint64 i = 0; i < n; i++)
	{
		ts_alias   *alias = &m->aliases[m->n_aliases];
		ts_member  *member;

		CHECK_FOR_INTERRUPTS();
		alias->member = ts_members_by_id(m, ts_int8(i, 3));
		if (alias->member < 0)
			continue;
		member = &m->members[alias->member];
		alias->dim_no = member->dim_no;
		alias->depth = member->depth;
		alias->parent = ts_isnull(i, 1) ? -1 : ts_members_by_id(m, ts_int8(i, 1));
		alias->code = ts_text(i, 2, cxt);
		alias->valid_from = ts_isnull(i, 4) ? DATEVAL_NOBEGIN : DatumGetDateADT(ts_datum(i, 4));
		alias->valid_upto = ts_isnull(i, 5) ? DATEVAL_NOEND : DatumGetDateADT(ts_datum(i, 5));
		if (alias->parent != member->path_parent)
			member->moved = true;
		m->n_aliases++;
	}
}

/* Adds the variant of a member below a parent, or finds it among those it has */
static int32
add_variant(ts_members *m, int32 index, int32 parent, int32 first, MemoryContext cxt)
{
	for (int32 v = first; v < m->n_all; v++)
		if (m->members[v].parent == parent)
			return v;
	if (m->n_all == m->space)
	{
		if (m->space > PG_INT32_MAX / 4)
			elog(ERROR, "too many members");
		m->space *= 2;
		m->members = repalloc_huge(m->members, m->space * sizeof(ts_member));
	}
	m->members[m->n_all] = m->members[index];
	m->members[m->n_all].parent = parent;
	m->members[m->n_all].by_segment = NULL;
	return m->n_all++;
}

/*
 * Cuts time into segments and gives members that move, and those below them,
 * their variants.
 */
static void
make_segments(ts_members *m, const dated_edge *edges, int n_edges, MemoryContext cxt)
{
	int		   *first_edge;
	int			n = 0;

	m->breaks = MemoryContextAlloc(cxt, (n_edges + 2 * m->n_aliases + 1) * sizeof(DateADT));
	for (int i = 1; i < n_edges; i++)
		if (edges[i].member == edges[i - 1].member && edges[i].parent != edges[i - 1].parent)
			m->breaks[n++] = edges[i].from;
	for (int i = 0; i < m->n_aliases; i++)
	{
		if (!DATE_IS_NOBEGIN(m->aliases[i].valid_from))
			m->breaks[n++] = m->aliases[i].valid_from;
		if (!DATE_IS_NOEND(m->aliases[i].valid_upto))
			m->breaks[n++] = m->aliases[i].valid_upto;
	}
	qsort(m->breaks, n, sizeof(DateADT), compare_days);
	for (int i = 0; i < n; i++)
		if (i == 0 || m->breaks[i] != m->breaks[i - 1])
			m->breaks[m->n_breaks++] = m->breaks[i];
	if (m->n_breaks == 0 || n_edges == 0)
		return;

	/* per member its first edge + 1 */
	first_edge = MemoryContextAllocExtended(CurrentMemoryContext, (Size) m->n * sizeof(int),
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = n_edges - 1; i >= 0; i--)
		first_edge[edges[i].member] = i + 1;

	/* upper levels come first, so the variants of parents are there already */
	for (int32 i = 0; i < m->n; i++)
	{
		int32		parent = m->members[i].parent;
		int			first = first_edge[i] - 1;
		int			last = first;
		int32		first_variant = m->n_all;
		int32	   *by_segment;

		CHECK_FOR_INTERRUPTS();
		if (first < 0 && (parent < 0 || m->members[parent].by_segment == NULL))
			continue;
		while (first >= 0 && last < n_edges && edges[last].member == i)
			last++;
		by_segment = MemoryContextAlloc(cxt, (m->n_breaks + 1) * sizeof(int32));
		for (int segment = 0; segment <= m->n_breaks; segment++)
		{
			int32		up = parent;

			if (first >= 0)
				up = parent_on(edges, first, last,
							   segment == 0 ? DATEVAL_NOBEGIN : m->breaks[segment - 1]);
			up = ts_members_in_segment(m, up, segment);
			by_segment[segment] = up == parent ? i : add_variant(m, i, up, first_variant, cxt);
		}
		if (m->n_all > first_variant)
			m->members[i].by_segment = by_segment;
		else
			pfree(by_segment);
	}
	pfree(first_edge);
}

int
ts_members_segment(const ts_members *m, DateADT day)
{
	int			low = 0;
	int			high = m->n_breaks;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (m->breaks[middle] <= day)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int32
ts_members_in_segment(const ts_members *m, int32 index, int segment)
{
	if (index < 0 || m->members[index].by_segment == NULL)
		return index;
	return m->members[index].by_segment[segment];
}

ts_members *
ts_members_load(int n_dims, const int32 *dimension_ids, DateADT on_day,
				MemoryContext cxt)
{
	ts_args		args = {0};
	MemoryContext old = MemoryContextSwitchTo(cxt);
	ts_members *m = palloc0(sizeof(ts_members));
	Datum	   *ids = palloc(Max(n_dims, 1) * sizeof(Datum));
	int64	   *parent_ids;
	dated_edge *edges;
	int			n_edges;
	ts_args		dimensions;
	uint32		size = 8;
	uint64		n;

	m->n_dims = n_dims;
	m->dimension_ids = palloc(Max(n_dims, 1) * sizeof(int32));
	m->dimension_names = palloc0(Max(n_dims, 1) * sizeof(char *));
	m->dim_start = palloc0((n_dims + 1) * sizeof(int));
	for (int i = 0; i < n_dims; i++)
	{
		m->dimension_ids[i] = dimension_ids[i];
		ids[i] = Int32GetDatum(dimension_ids[i]);
	}
	ts_arg(&args, INT4ARRAYOID,
		   PointerGetDatum(construct_array(ids, n_dims, INT4OID, sizeof(int32), true, TYPALIGN_INT)),
		   false);
	MemoryContextSwitchTo(old);

	n = ts_run("SELECT a.place::pg_catalog.int4, d.name"
			   " FROM pg_catalog.unnest($1) WITH ORDINALITY AS a(dimension_id, place)"
			   " JOIN " TS_SCHEMA ".dimension AS d ON d.dimension_id = a.dimension_id",
			   &args, false);
	for (uint64 i = 0; i < n; i++)
		m->dimension_names[ts_int4(i, 1) - 1] = ts_text(i, 2, cxt);

	dimensions = args;
	ts_arg_date(&args, on_day);
	n = ts_run("SELECT m.member_id, a.place::pg_catalog.int4, m.depth::pg_catalog.int4,"
			   " m.code, m.path, m.slice_value, m.name, m.is_rest, m.person_id,"
			   /* of nobody before or after the employment */
			   " GREATEST(pg_catalog.lower(m.valid), pg_catalog.lower(e.valid)),"
			   " LEAST(pg_catalog.upper(m.valid), pg_catalog.upper(e.valid)), p.parent_id"
			   " FROM pg_catalog.unnest($1) WITH ORDINALITY AS a(dimension_id, place)"
			   " JOIN " TS_SCHEMA ".member AS m ON m.dimension_id = a.dimension_id"
			   " LEFT JOIN " TS_SCHEMA ".person AS e ON e.person_id = m.person_id"
			   " LEFT JOIN " TS_SCHEMA ".member_parent AS p"
			   " ON p.member_id = m.member_id AND p.valid @> $2"
			   " ORDER BY a.place, m.depth, m.code COLLATE \"C\", m.path COLLATE \"C\"",
			   &args, false);
	if (n >= PG_INT32_MAX / 2)
		elog(ERROR, "too many members");
	while (size < 2 * n)
		size *= 2;
	m->n = m->n_all = (int32) n;
	m->space = (int32) Max(n, 1);
	m->mask = size - 1;
	m->members = MemoryContextAllocExtended(cxt, Max(n, 1) * sizeof(ts_member),
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	m->by_path = MemoryContextAllocExtended(cxt, (Size) size * sizeof(int32),
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	m->by_code = MemoryContextAllocExtended(cxt, (Size) size * sizeof(int32),
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	m->by_id = MemoryContextAllocExtended(cxt, (Size) size * sizeof(int32),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	m->shared_code = MemoryContextAllocExtended(cxt, Max(n, 1) * sizeof(bool),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	parent_ids = MemoryContextAllocExtended(cxt, Max(n, 1) * sizeof(int64),
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	/* Upper levels come first, so a member's parent by path is there already */
	for (uint64 i = 0; i < n; i++)
	{
		ts_member  *member = &m->members[i];
		int32	   *slot;
		int			n_codes;

		CHECK_FOR_INTERRUPTS();
		member->member_id = ts_int8(i, 1);
		member->dim_no = ts_int4(i, 2) - 1;
		member->dimension_id = m->dimension_ids[member->dim_no];
		member->depth = ts_int4(i, 3);
		member->code = ts_text(i, 4, cxt);
		old = MemoryContextSwitchTo(cxt);
		member->path = path_codes(ts_datum(i, 5), &n_codes);
		MemoryContextSwitchTo(old);
		member->slice_value = DatumGetJsonbP(ts_datum_copy(i, 6, cxt));
		member->name = ts_text(i, 7, cxt);
		member->is_rest = ts_bool(i, 8);
		member->person_id = ts_isnull(i, 9) ? 0 : ts_int4(i, 9);
		member->valid_from = ts_isnull(i, 10) ? DATEVAL_NOBEGIN : DatumGetDateADT(ts_datum(i, 10));
		member->valid_upto = ts_isnull(i, 11) ? DATEVAL_NOEND : DatumGetDateADT(ts_datum(i, 11));
		member->parent = -1;
		member->itself = (int32) i;
		parent_ids[i] = ts_isnull(i, 12) ? 0 : ts_int8(i, 12);
		m->dim_start[member->dim_no + 1] = (int) i + 1;

		member->path_parent = -1;
		for (int depth = 0; depth + 1 < member->depth; depth++)
		{
			slot = path_slot(m, member->dim_no, member->path_parent, member->path[depth]);
			/* -2 is below nobody, so that no lookup finds it there */
			member->path_parent = *slot == 0 ? -2 : *slot - 1;
			if (member->path_parent < 0)
				break;
		}
		slot = path_slot(m, member->dim_no, member->path_parent, member->code);
		*slot = (int32) i + 1;
		slot = code_slot(m, member->dim_no, member->depth, member->code);
		if (*slot == 0)
			*slot = (int32) i + 1;
		else
			m->shared_code[*slot - 1] = true;
		*id_slot(m, member->member_id) = (int32) i + 1;
	}
	for (int i = 0; i < n_dims; i++)
		m->dim_start[i + 1] = Max(m->dim_start[i + 1], m->dim_start[i]);
	for (uint64 i = 0; i < n; i++)
		if (parent_ids[i] != 0)
			m->members[i].parent = *id_slot(m, parent_ids[i]) - 1;
	pfree(parent_ids);

	load_aliases(m, &dimensions, cxt);
	edges = load_dated_edges(m, &dimensions, &n_edges);
	for (int i = 0, first = 0; i < n_edges; i++)
	{
		ts_member  *member = &m->members[edges[i].member];

		if (i > 0 && edges[i - 1].member != edges[i].member)
			first = i;
		if (i > first)
			member->moved = true;
		member->parent = parent_on(edges, first, i + 1, on_day);
	}
	make_segments(m, edges, n_edges, cxt);
	m->moved_depth = MemoryContextAllocZero(cxt, Max(n_dims, 1) * sizeof(int));
	for (int32 i = 0; i < m->n; i++)
		if (m->members[i].moved)
			m->moved_depth[m->members[i].dim_no] = Max(m->moved_depth[m->members[i].dim_no],
													   m->members[i].depth);
	pfree(edges);
	return m;
}

/* The first alias of a code on a level; n_aliases if there is none after it */
static int
first_alias(const ts_members *m, int dim_no, int depth, const char *code)
{
	int			low = 0;
	int			high = m->n_aliases;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		const ts_alias *alias = &m->aliases[middle];

		if (alias->dim_no < dim_no ||
			(alias->dim_no == dim_no &&
			 (alias->depth < depth || (alias->depth == depth && strcmp(alias->code, code) < 0))))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * The member that a code stands for below a parent, -1 for none.  Without a
 * segment the alias of the latest days decides.  any_parent: the only member
 * that the code stands for on the level.
 */
static int32
alias_member(const ts_members *m, int dim_no, int depth, int32 parent, const char *code,
			 int segment, bool any_parent)
{
	DateADT		day = segment > 0 ? m->breaks[segment - 1] : DATEVAL_NOBEGIN;
	int32		found = -1;

	if (m->n_aliases == 0)
		return -1;
	for (int i = first_alias(m, dim_no, depth, code); i < m->n_aliases; i++)
	{
		const ts_alias *alias = &m->aliases[i];

		if (alias->dim_no != dim_no || alias->depth != depth || strcmp(alias->code, code) != 0)
			break;
		if ((!any_parent && alias->parent != parent) ||
			(segment != TS_NO_SEGMENT && (alias->valid_from > day || alias->valid_upto <= day)))
			continue;
		if (any_parent && found >= 0 && found != alias->member)
			return -1;
		found = alias->member;
	}
	return found;
}

/* The member of a code, or of an alias, below a parent; -1 for none */
static int32
find_below(const ts_members *m, int dim_no, int depth, int32 parent, const char *code, int segment)
{
	int32		found = -1;

	if (segment != TS_NO_SEGMENT)
		found = alias_member(m, dim_no, depth, parent, code, segment, false);
	if (found < 0)
		found = *path_slot(m, dim_no, parent, code) - 1;
	if (found < 0 && segment == TS_NO_SEGMENT)
		found = alias_member(m, dim_no, depth, parent, code, segment, false);
	return found;
}

int32
ts_members_find_fact_in(const ts_members *m, int dim_no, int depth,
						char *const *codes, int segment)
{
	const char *code = codes[depth - 1];
	int32		parent = -1;
	int32		found;

	if (code == NULL)
		return -1;
	if (depth > 1)
		parent = ts_members_find_fact_in(m, dim_no, depth - 1, codes, segment);
	if (depth == 1 || parent >= 0)
	{
		found = find_below(m, dim_no, depth, parent, code, segment);
		if (found >= 0)
			return found;
	}
	found = *code_slot(m, dim_no, depth, code);
	if (found != 0)
		return m->shared_code[found - 1] ? -1 : found - 1;
	return alias_member(m, dim_no, depth, -1, code, segment, true);
}

int32
ts_members_find_fact(const ts_members *m, int dim_no, int depth,
					 char *const *codes)
{
	return ts_members_find_fact_in(m, dim_no, depth, codes, TS_NO_SEGMENT);
}

int32
ts_members_find_alias(const ts_members *m, int dim_no, const char *code)
{
	int32		found = -1;

	for (int i = 0; i < m->n_aliases; i++)
	{
		const ts_alias *alias = &m->aliases[i];

		if (alias->dim_no != dim_no || strcmp(alias->code, code) != 0 || alias->member == found)
			continue;
		if (found >= 0)
			return -1;
		found = alias->member;
	}
	return found;
}

int32
ts_members_child(const ts_members *m, int dim_no, int32 parent, const char *code)
{
	return *path_slot(m, dim_no, parent, code) - 1;
}

int32
ts_members_by_id(const ts_members *m, int64 member_id)
{
	return *id_slot(m, member_id) - 1;
}

int32
ts_members_ancestor(const ts_members *m, int32 index, int depth)
{
	while (index >= 0 && m->members[index].depth > depth)
		index = m->members[index].parent;
	if (index < 0 || m->members[index].depth != depth)
		return -1;
	return m->members[index].itself;
}

bool
ts_members_days_below(const ts_members *m, int32 index, int32 above, DateADT *from, DateADT *upto)
{
	int			depth = m->members[above].depth;
	DateADT		first = DATEVAL_NOEND;
	DateADT		end = DATEVAL_NOBEGIN;

	if (m->members[index].by_segment == NULL)
		return ts_members_ancestor(m, index, depth) == above;
	for (int segment = ts_members_segment(m, *from);
		 segment == 0 || (segment <= m->n_breaks && m->breaks[segment - 1] < *upto); segment++)
	{
		if (ts_members_ancestor(m, ts_members_in_segment(m, index, segment), depth) != above)
			continue;
		first = Min(first, segment == 0 ? *from : Max(*from, m->breaks[segment - 1]));
		end = segment == m->n_breaks ? *upto : Min(*upto, m->breaks[segment]);
	}
	*from = first;
	*upto = end;
	return first < end;
}

bool
ts_members_open(const ts_members *m, int32 index, int32 above, DateADT from, DateADT upto)
{
	from = Max(from, m->members[index].valid_from);
	upto = Min(upto, m->members[index].valid_upto);
	return from < upto && (above < 0 || ts_members_days_below(m, index, above, &from, &upto));
}

/* Codes as the text of a JSON array */
static char *
path_text(int n, char *const *codes)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '[');
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoString(&text, ", ");
		escape_json(&text, codes[i]);
	}
	appendStringInfoChar(&text, ']');
	return text.data;
}

/*
 * Takes apart the value a person gave for a member: a code (is_path false, one
 * code) or a path.
 */
static char **
value_codes(const char *dimension, Jsonb *value, int *n, bool *is_path)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	char	  **codes;
	bool		fits;

	*n = 0;
	fits = JB_ROOT_IS_ARRAY(value);
	*is_path = fits && !JB_ROOT_IS_SCALAR(value);
	codes = palloc((fits ? Max(JB_ROOT_COUNT(value), 1) : 1) * sizeof(char *));
	it = JsonbIteratorInit(&value->root);
	while (fits && (token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		fits = v.type == jbvString;
		if (fits)
			codes[(*n)++] = pnstrdup(v.val.string.val, v.val.string.len);
	}
	if (!fits || *n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value of dimension \"%s\" in a slice must be a member's code or path", dimension),
				 errdetail("It is %s.", JsonbToCString(NULL, &value->root, VARSIZE(value))),
				 errhint("Write a text, or an array of the codes from the top level down to the member.")));
	return codes;
}

/* How a slice names a member: what a hint tells to write */
static char *
slice_text(const char *dimension, const char *value)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	escape_json(&text, dimension);
	appendStringInfo(&text, ": %s}", value);
	return text.data;
}

/* Errors; declared to return an index so that callers can end with them */
static int32
no_such_member(const char *dimension, int n, char **codes, bool is_path,
			   const char *known)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("dimension \"%s\" has no member %s%s%s", dimension,
					is_path ? "" : "\"",
					is_path ? path_text(n, codes) : codes[0],
					is_path ? "" : "\""),
			 known[0] == '\0' ? errdetail("It has no members yet.") :
			 errdetail("Members of its top level: %s.", known)));
	return -1;
}

static int32
ambiguous_member(const char *dimension, const char *code, const char *list,
				 const char *first)
{
	ereport(ERROR,
			(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
			 errmsg("dimension \"%s\" has several members with code \"%s\"",
					dimension, code),
			 errdetail("Their paths: %s.", list),
			 errhint("Name one by its path: %s.", slice_text(dimension, first))));
	return -1;
}

/* Does a code stand for a member somewhere? */
static bool
is_alias_of(const ts_members *m, int dim_no, const char *code, int32 member)
{
	int			depth = m->members[member].depth;

	for (int i = first_alias(m, dim_no, depth, code); i < m->n_aliases; i++)
	{
		const ts_alias *alias = &m->aliases[i];

		if (alias->dim_no != dim_no || alias->depth != depth || strcmp(alias->code, code) != 0)
			break;
		if (alias->member == member)
			return true;
	}
	return false;
}

int32
ts_members_resolve(const ts_members *m, int dim_no, Jsonb *value)
{
	const char *dimension = m->dimension_names[dim_no];
	int			first = m->dim_start[dim_no];
	int			end = m->dim_start[dim_no + 1];
	int			max_depth = end > first ? m->members[end - 1].depth : 0;
	int32		found = -1;
	int32		found_code = -1;
	bool		several = false;
	bool		is_path;
	int			n;
	char	  **codes = value_codes(dimension, value, &n, &is_path);
	StringInfoData list;
	char	   *hint = NULL;
	int			n_listed = 0;

	if (is_path)
	{
		for (int i = 0; i < n; i++)
		{
			found = find_below(m, dim_no, i + 1, found, codes[i], TS_NO_SEGMENT);
			if (found < 0)
				break;
		}
	}
	else
	{
		for (int depth = 1; depth <= max_depth; depth++)
		{
			int32		at = *code_slot(m, dim_no, depth, codes[0]) - 1;

			if (at < 0)
				continue;
			if (found >= 0 || m->shared_code[at])
				several = true;
			found = at;
		}
		found_code = found;
		/* an alias, where no member has the code */
		for (int32 i = first; i < end && found_code < 0; i++)
			if (is_alias_of(m, dim_no, codes[0], i))
			{
				several |= found >= 0;
				found = i;
			}
	}
	if (found >= 0 && !several)
		return found;

	/* What there is instead */
	initStringInfo(&list);
	for (int i = first; i < end; i++)
	{
		const ts_member *member = &m->members[i];
		char	   *text;

		if (!several ? member->depth != 1 :
			found_code >= 0 ? strcmp(member->code, codes[0]) != 0 :
			!is_alias_of(m, dim_no, codes[0], i))
			continue;
		n_listed++;
		if (n_listed > TS_LIST_MAX)
			continue;
		text = several ? path_text(member->depth, member->path) : member->code;
		if (hint == NULL)
			hint = text;
		appendStringInfo(&list, "%s%s", n_listed > 1 ? ", " : "", text);
	}
	if (n_listed > TS_LIST_MAX)
		appendStringInfo(&list, " and %d more", n_listed - TS_LIST_MAX);
	if (several)
		return ambiguous_member(dimension, codes[0], list.data, hint);
	return no_such_member(dimension, n, codes, is_path, list.data);
}

int64
ts_resolve_member(int32 dimension_id, const char *dimension, Jsonb *value,
				  Jsonb **slice_value, MemoryContext cxt)
{
	ts_args		args = {0};
	int			n;
	bool		is_path;
	char	  **codes = value_codes(dimension, value, &n, &is_path);
	uint64		found;

	ts_arg_int4(&args, dimension_id);
	if (is_path)
	{
		Datum	   *path = palloc(n * sizeof(Datum));

		for (int i = 0; i < n; i++)
			path[i] = CStringGetTextDatum(codes[i]);
		ts_arg(&args, TEXTARRAYOID,
			   PointerGetDatum(construct_array(path, n, TEXTOID, -1, false, TYPALIGN_INT)),
			   false);
		found = ts_run("SELECT m.member_id, m.slice_value FROM " TS_SCHEMA ".member AS m"
					   " WHERE m.dimension_id = $1 AND m.path = $2", &args, false);
		/* step by step, at each a member or else the latest alias */
		if (found == 0)
			found = ts_run("WITH RECURSIVE way AS ("
						   "SELECT 0 AS depth, NULL::pg_catalog.int8 AS member_id, '{}'::pg_catalog.text[] AS path"
						   " UNION ALL SELECT w.depth + 1, n.member_id, n.path"
						   " FROM way AS w CROSS JOIN LATERAL ("
						   "SELECT c.member_id, c.path FROM ("
						   "SELECT m.member_id, m.path, 0 AS place, NULL::pg_catalog.daterange AS valid"
						   " FROM " TS_SCHEMA ".member AS m"
						   " WHERE m.dimension_id = $1 AND m.path = w.path || $2[w.depth + 1]"
						   " UNION ALL SELECT m.member_id, m.path, 1, a.valid"
						   " FROM " TS_SCHEMA ".member_alias AS a"
						   " JOIN " TS_SCHEMA ".member AS m ON m.member_id = a.member_id"
						   " WHERE a.dimension_id = $1 AND a.code = $2[w.depth + 1] AND a.depth = w.depth + 1"
						   " AND a.parent_id IS NOT DISTINCT FROM w.member_id) AS c"
						   " ORDER BY c.place, c.valid DESC LIMIT 1) AS n"
						   " WHERE w.depth < pg_catalog.cardinality($2)"
						   ") SELECT m.member_id, m.slice_value FROM way AS w"
						   " JOIN " TS_SCHEMA ".member AS m ON m.member_id = w.member_id"
						   " WHERE w.depth = pg_catalog.cardinality($2)", &args, false);
	}
	else
	{
		ts_arg_text(&args, codes[0]);
		found = ts_run("SELECT m.member_id, m.slice_value, pg_catalog.to_jsonb(m.path)"
					   " FROM " TS_SCHEMA ".member AS m"
					   " WHERE m.dimension_id = $1 AND m.code = $2"
					   " ORDER BY m.depth, m.path COLLATE \"C\"", &args, false);
		if (found == 0)
			found = ts_run("SELECT m.member_id, m.slice_value, pg_catalog.to_jsonb(m.path)"
						   " FROM " TS_SCHEMA ".member AS m WHERE m.member_id IN"
						   " (SELECT a.member_id FROM " TS_SCHEMA ".member_alias AS a"
						   " WHERE a.dimension_id = $1 AND a.code = $2)"
						   " ORDER BY m.depth, m.path COLLATE \"C\"", &args, false);
	}
	if (found > 1)
		return ambiguous_member(dimension, codes[0], ts_list(3),
								ts_text(0, 3, CurrentMemoryContext));
	if (found == 0)
	{
		args.n = 1;
		(void) ts_run("SELECT m.code FROM " TS_SCHEMA ".member AS m"
					  " WHERE m.dimension_id = $1 AND m.depth = 1"
					  " ORDER BY m.code COLLATE \"C\"", &args, false);
		return no_such_member(dimension, n, codes, is_path, ts_list(1));
	}
	if (slice_value)
		*slice_value = DatumGetJsonbP(ts_datum_copy(0, 2, cxt));
	return ts_int8(0, 1);
}
