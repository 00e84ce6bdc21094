/*-------------------------------------------------------------------------
 *
 * facts.c
 *	  Streams a source's facts, grouped, with the members they belong to.
 *
 * One GROUP BY over the source does the bulk of the work in the server's own
 * executor, with the caller's rights and row-level security; what comes out,
 * one row per combination of codes (and day), is mapped to members here.
 *
 * Where a member moved, its facts count below the parent of their day, or, if
 * its history followed, below its later parent; what the source's own columns
 * of the levels above say does not matter.  So for such members the level that
 * they are on is read for the levels above as well, and groups are cut where a
 * member moves.
 *
 * Limits: the codes are grouped as text; the groups, not the facts, are what
 * the mapping costs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "facts.h"
#include "query.h"

#define FETCH_ROWS 10000

struct ts_fact_scan
{
	const ts_members *members;
	int			n_dims;
	int		   *first_level;	/* per dimension: its first entry in codes */
	int		   *n_levels;		/* per dimension: levels that are read */
	int		   *n_own;			/* per dimension: those read for all members;
								 * the others are read for moved ones */
	bool		with_segment;	/* groups are cut where members move */
	int			n_codes;
	char	  **codes;			/* per level read: code of the fact at hand */
	bool		with_day;
	Portal		portal;
	uint64		row;			/* next row of the batch at hand */
	uint64		n_rows;
	MemoryContext batch;		/* codes of the batch's rows */
	int32	   *member;
	char	  **code;
};

/* The deepest level of a dimension that a source has a column for, 0 for none */
int
ts_source_depth(const ts_source *source, int32 dimension_id)
{
	int			depth = 0;

	for (int i = 0; i < source->n_levels; i++)
		if (source->levels[i].dimension_id == dimension_id)
			depth = Max(depth, source->levels[i].depth);
	return depth;
}

/*
 * How many levels of a dimension must be read to find members of a depth: also
 * the deeper ones whose members decide where a fact belongs
 */
static int
depth_to_read(const ts_source *source, int32 dimension_id, int depth)
{
	int			n = Min(depth, ts_source_depth(source, dimension_id));

	if (depth > 0)
		for (int i = 0; i < source->n_levels; i++)
			if (source->levels[i].dimension_id == dimension_id && source->levels[i].member_decides)
				n = Max(n, source->levels[i].depth);
	return n;
}

/* The expression that reads a level, NULL if the source has none for it */
static const char *
level_expression(const ts_source *source, int32 dimension_id, int depth)
{
	for (int i = 0; i < source->n_levels; i++)
		if (source->levels[i].dimension_id == dimension_id &&
			source->levels[i].depth == depth)
			return source->levels[i].column;
	return NULL;
}

/* The first days of stretches, the first of which begins with from, cut where members move as well */
static Datum
stretch_array(const ts_stretches *stretches, const ts_members *members, DateADT from)
{
	Datum	   *days = palloc(sizeof(Datum) * (stretches->n + members->n_breaks + 1));
	int			n = 0;

	days[n++] = DateADTGetDatum(from);
	for (int i = 0, j = 0; i < stretches->n || j < members->n_breaks;)
	{
		DateADT		day = j == members->n_breaks || (i < stretches->n && stretches->first[i] <= members->breaks[j]) ?
			stretches->first[i++] : members->breaks[j++];

		if (day > DatumGetDateADT(days[n - 1]))
			days[n++] = DateADTGetDatum(day);
	}
	return PointerGetDatum(construct_array(days, n, DATEOID, sizeof(DateADT), true, TYPALIGN_INT));
}

/*
 * Starts reading the facts of the days [from, upto).  dimension_ids are the
 * dimensions of members, in its order; depths says how many levels of each
 * are of interest.  with_day: each group is of one day, or of one stretch of
 * days if those are given.  Must be called inside an SPI connection that stays
 * open until ts_facts_close.
 */
ts_fact_scan *
ts_facts_open(const ts_source *source, const ts_members *members,
			  int n_dims, const int32 *dimension_ids, const int *depths,
			  bool with_day, const ts_stretches *stretches, DateADT from, DateADT upto)
{
	ts_fact_scan *scan = palloc0(sizeof(ts_fact_scan));
	StringInfoData sql;
	ts_args		args = {0};
	const char *segment = "";
	const char *day = stretches ? "$3[pg_catalog.width_bucket(d, $3)]" : "d";

	scan->members = members;
	scan->n_dims = n_dims;
	scan->with_day = with_day;
	/* a day is in one segment */
	scan->with_segment = members->n_breaks > 0 && !with_day;
	if (scan->with_segment)
		segment = ", pg_catalog.width_bucket(d, $3)";
	scan->first_level = palloc0(sizeof(int) * Max(n_dims, 1));
	scan->n_levels = palloc0(sizeof(int) * Max(n_dims, 1));
	scan->n_own = palloc0(sizeof(int) * Max(n_dims, 1));
	scan->member = palloc0(sizeof(int32) * Max(n_dims, 1));
	scan->code = palloc0(sizeof(char *) * Max(n_dims, 1));
	scan->batch = AllocSetContextCreate(CurrentMemoryContext,
										"target_split facts",
										ALLOCSET_DEFAULT_SIZES);

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT pg_catalog.sum(a), pg_catalog.count(*)");
	if (with_day)
		appendStringInfo(&sql, ", %s", day);
	appendStringInfoString(&sql, segment);
	for (int dim = 0; dim < n_dims; dim++)
	{
		scan->first_level[dim] = scan->n_codes;
		scan->n_own[dim] = depth_to_read(source, dimension_ids[dim], depths[dim]);
		scan->n_levels[dim] = scan->n_own[dim];
		if (depths[dim] > 0)
			scan->n_levels[dim] = Max(scan->n_levels[dim],
									  Min(members->moved_depth[dim],
										  ts_source_depth(source, dimension_ids[dim])));
		for (int depth = 1; depth <= scan->n_levels[dim]; depth++)
			appendStringInfo(&sql, ", c%d", ++scan->n_codes);
	}
	appendStringInfo(&sql, " FROM (SELECT %s AS d, %s AS a", source->day, source->amount);
	scan->n_codes = 0;
	for (int dim = 0; dim < n_dims; dim++)
		for (int depth = 1; depth <= scan->n_levels[dim]; depth++)
		{
			const char *expression = level_expression(source, dimension_ids[dim], depth);

			appendStringInfo(&sql, ", %s AS c%d",
							 expression ? expression : "NULL::text", ++scan->n_codes);
		}
	appendStringInfo(&sql, " FROM %s WHERE %s) s", source->from,
					 ts_source_window(source, "$1", "$2"));
	if (with_day || scan->with_segment || scan->n_codes > 0)
	{
		appendStringInfoString(&sql, " GROUP BY ");
		if (with_day)
			appendStringInfoString(&sql, day);
		else if (scan->with_segment)
			appendStringInfoString(&sql, segment + 2);
		for (int i = 1; i <= scan->n_codes; i++)
			appendStringInfo(&sql, "%sc%d", i > 1 || with_day || scan->with_segment ? ", " : "", i);
	}
	scan->codes = palloc0(sizeof(char *) * Max(scan->n_codes, 1));

	ts_arg(&args, DATEOID, DateADTGetDatum(from), false);
	ts_arg(&args, DATEOID, DateADTGetDatum(upto), false);
	if (with_day && stretches)
		ts_arg(&args, DATEARRAYOID, stretch_array(stretches, members, from), false);
	if (scan->with_segment)
	{
		Datum	   *breaks = palloc(sizeof(Datum) * members->n_breaks);

		for (int i = 0; i < members->n_breaks; i++)
			breaks[i] = DateADTGetDatum(members->breaks[i]);
		ts_arg(&args, DATEARRAYOID,
			   PointerGetDatum(construct_array(breaks, members->n_breaks, DATEOID, sizeof(DateADT),
											   true, TYPALIGN_INT)), false);
	}
	scan->portal = SPI_cursor_open_with_args(NULL, sql.data, args.n, args.types,
											 args.values, args.nulls, false, 0);
	pfree(sql.data);
	return scan;
}

/* Fetches the next group of facts; false when there is none */
bool
ts_facts_next(ts_fact_scan *scan, ts_fact *fact)
{
	HeapTuple	tuple;
	TupleDesc	desc;
	bool		isnull;
	int			column = 3;
	int			segment = 0;

	do
	{
		CHECK_FOR_INTERRUPTS();
		if (scan->row == scan->n_rows)
		{
			SPI_freetuptable(SPI_tuptable);
			SPI_cursor_fetch(scan->portal, true, FETCH_ROWS);
			scan->row = 0;
			scan->n_rows = SPI_processed;
			if (scan->n_rows == 0)
				return false;
		}
		if ((scan->row & 1023) == 0)
			MemoryContextReset(scan->batch);
		tuple = SPI_tuptable->vals[scan->row++];
		desc = SPI_tuptable->tupdesc;
		fact->amount = SPI_getbinval(tuple, desc, 1, &isnull);
		/* amounts that are all NULL say nothing */
	} while (isnull);

	fact->count = DatumGetInt64(SPI_getbinval(tuple, desc, 2, &isnull));
	if (scan->with_day)
		fact->day = DatumGetDateADT(SPI_getbinval(tuple, desc, column++, &isnull));
	else
		fact->day = 0;
	if (scan->with_segment)
		segment = DatumGetInt32(SPI_getbinval(tuple, desc, column++, &isnull));
	else if (scan->with_day)
		segment = ts_members_segment(scan->members, fact->day);
	for (int i = 0; i < scan->n_codes; i++)
	{
		Datum		code = SPI_getbinval(tuple, desc, column++, &isnull);

		if (isnull)
			scan->codes[i] = NULL;
		else
		{
			MemoryContext old = MemoryContextSwitchTo(scan->batch);

			scan->codes[i] = TextDatumGetCString(code);
			MemoryContextSwitchTo(old);
		}
	}
	for (int dim = 0; dim < scan->n_dims; dim++)
	{
		char	  **codes = scan->codes + scan->first_level[dim];

		scan->member[dim] = -1;
		scan->code[dim] = NULL;
		for (int depth = scan->n_levels[dim]; depth >= 1; depth--)
		{
			int32		member = ts_members_find_fact_in(scan->members, dim, depth, codes, segment);

			/* below the levels of interest only moved members matter */
			if (member >= 0 && (depth <= scan->n_own[dim] || scan->members->members[member].moved))
			{
				scan->member[dim] = ts_members_in_segment(scan->members, member, segment);
				break;
			}
			if (codes[depth - 1] && depth <= scan->n_own[dim])
				scan->code[dim] = codes[depth - 1];
		}
	}
	fact->member = scan->member;
	fact->code = scan->code;
	return true;
}

void
ts_facts_close(ts_fact_scan *scan)
{
	SPI_cursor_close(scan->portal);
	MemoryContextDelete(scan->batch);
	pfree(scan);
}
