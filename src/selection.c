/*-------------------------------------------------------------------------
 *
 * selection.c
 *	  The targets that a call points at: one by its id, or all of a slice and
 *	  a period.
 *
 * Glossary
 *	  named		a target that the call points at
 *	  at or under
 *				a member is at or under another if it is that one, or below it
 *				on any day of the plan
 *	  outermost a target that fits, while the target above it does not
 *
 * Method
 *	  A target fits if for every dimension of the slice it, or a target above
 *	  it, is for a member at or under the slice's, and if its period lies
 *	  within the wanted one.  Named are the outermost that fit; what is below
 *	  them fits as well.  So {} and the plan's period name the overall target,
 *	  and {} and the first quarter name that quarter of every slice.
 *
 *	  They are found from the root down, one statement a level: children whose
 *	  member is of a dimension of the slice, but neither at or under nor above
 *	  what it names, and children of other days, are not followed.
 *
 *	  A target without children that overlaps the wanted slice and period, and
 *	  reaches beyond them, is not named.  A notice says so.
 *
 * Limits
 *	  64 dimensions in a slice.  What is read are the targets above the named
 *	  ones, and their children.
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

#include "plan.h"
#include "query.h"
#include "selection.h"
#include "source.h"
#include "target_split.h"

/* A level of the tree while the named targets are looked for */
typedef struct selection_level
{
	int			n;
	int			space;
	int64	   *target_ids;
	uint64	   *bits;			/* dimensions of the slice that are reached */
} selection_level;

static int
compare_int8(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/*
 * "target 12 ({"market": "East"}, [2024-01-01,2024-04-01)); ...": at most the
 * first 20, and how many more there are.
 */
char *
ts_target_names(int32 plan_id, int n, const int64 *target_ids)
{
	ts_args		args = {0};
	StringInfoData names;
	uint64		found;

	ts_arg_int4(&args, plan_id);
	ts_arg_int8_array(&args, Min(n, TS_LIST_MAX), target_ids);
	found = ts_run_keyed("SELECT t.target_id, t.slice, t.period"
						 " FROM pg_catalog.unnest($2) WITH ORDINALITY AS k (target_id, n)"
						 " JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.target_id = k.target_id"
						 " ORDER BY k.n", &args);
	initStringInfo(&names);
	for (uint64 row = 0; row < found; row++)
	{
		DateADT		from;
		DateADT		upto;
		bool		empty;

		ts_daterange_parts(ts_datum(row, 3), &from, &upto, &empty);
		appendStringInfo(&names, "%starget " INT64_FORMAT " (%s, %s)", row > 0 ? "; " : "",
						 ts_int8(row, 1), ts_text(row, 2, CurrentMemoryContext),
						 ts_window_text(from, upto));
	}
	if (n > TS_LIST_MAX)
		appendStringInfo(&names, "; and %d more", n - TS_LIST_MAX);
	return names.data;
}

/*
 * Loads the members at, under and above those that a slice names, on any day
 * of a period.
 */
void
ts_slice_members_load(Jsonb *slice, Datum period, ts_slice_members *members, MemoryContext context)
{
	int64	   *wanted;
	ts_args		args = {0};
	HASHCTL		ctl = {0};
	uint64		n;
	int64	   *ids;
	int32	   *dimension_ids;
	MemoryContext old = CurrentMemoryContext;

	(void) ts_slice_resolve(slice, &wanted, &members->n_dims, context);
	if (members->n_dims > 64)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a slice cannot have more than %d dimensions", 64)));
	members->all = members->n_dims == 64 ? ~UINT64CONST(0) : (UINT64CONST(1) << members->n_dims) - 1;
	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(ts_slice_member);
	ctl.hcxt = context;
	members->members = hash_create("target_split slice members", 64, &ctl,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	ts_arg_int8_array(&args, members->n_dims, wanted);
	ts_arg(&args, DATERANGEOID, period, false);
	n = ts_run("WITH RECURSIVE wanted AS ("
			   "SELECT m.member_id, m.dimension_id, w.n FROM pg_catalog.unnest($1) WITH ORDINALITY AS w (member_id, n)"
			   " JOIN " TS_SCHEMA ".member m ON m.member_id = w.member_id"
			   "), under AS ("
			   "SELECT w.member_id, w.dimension_id, w.n FROM wanted w"
			   " UNION SELECT p.member_id, u.dimension_id, u.n FROM under u"
			   " JOIN " TS_SCHEMA ".member_parent p ON p.parent_id = u.member_id AND p.valid && $2"
			   "), above AS ("
			   "SELECT w.member_id, w.dimension_id, w.n FROM wanted w"
			   " UNION SELECT p.parent_id, a.dimension_id, a.n FROM above a"
			   " JOIN " TS_SCHEMA ".member_parent p ON p.member_id = a.member_id AND p.valid && $2"
			   ") SELECT u.member_id, u.dimension_id, u.n, true FROM under u"
			   " UNION ALL SELECT a.member_id, a.dimension_id, a.n, false FROM above a"
			   " WHERE a.member_id <> ALL ($1)", &args, false);
	ids = MemoryContextAllocHuge(context, sizeof(int64) * (n + 1));
	dimension_ids = MemoryContextAllocZero(context, sizeof(int32) * (members->n_dims + 1));
	for (uint64 row = 0; row < n; row++)
	{
		int64		place = ts_int8(row, 3);
		ts_slice_member *entry;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		ids[row] = ts_int8(row, 1);
		dimension_ids[place - 1] = ts_int4(row, 2);
		entry = hash_search(members->members, &ids[row], HASH_ENTER, &found);
		if (!found)
			entry->bit = 0;
		if (ts_bool(row, 4))
			entry->bit = UINT64CONST(1) << (place - 1);
	}
	MemoryContextSwitchTo(context);
	members->member_ids = ts_int8_array((int) n, ids);
	members->dimension_ids = ts_int4_array(members->n_dims, dimension_ids);
	MemoryContextSwitchTo(old);
	pfree(ids);
	pfree(dimension_ids);
}

/* The bit of the dimension whose wanted member this one is at or under, or 0 */
uint64
ts_slice_member_bit(const ts_slice_members *members, int64 member_id)
{
	ts_slice_member *entry;

	if (member_id == 0)
		return 0;
	entry = hash_search(members->members, &member_id, HASH_FIND, NULL);
	return entry ? entry->bit : 0;
}

static void
level_add(selection_level *level, int64 target_id, uint64 bits)
{
	if (level->n == level->space)
	{
		bool		first = level->space == 0;

		level->space = first ? 64 : level->space * 2;
		level->target_ids = first ?
			palloc_extended(sizeof(int64) * level->space, MCXT_ALLOC_HUGE) :
			repalloc_huge(level->target_ids, sizeof(int64) * level->space);
		level->bits = first ?
			palloc_extended(sizeof(uint64) * level->space, MCXT_ALLOC_HUGE) :
			repalloc_huge(level->bits, sizeof(uint64) * level->space);
	}
	level->target_ids[level->n] = target_id;
	level->bits[level->n++] = bits;
}

/* Finds the outermost targets of a slice and period */
static void
select_by_slice(ts_selection *selection, const ts_plan *plan, int64 root,
				Jsonb *slice, DateADT from, DateADT upto, MemoryContext context)
{
	ts_slice_members members;
	selection_level level = {0};
	selection_level named = {0};
	selection_level beyond = {0};
	ts_args		args = {0};
	char	   *wanted;

	ts_slice_members_load(slice, selection->plan_period, &members, context);
	wanted = psprintf("%s in %s", JsonbToCString(NULL, &slice->root, VARSIZE(slice)),
					  ts_window_text(from, upto));
	if (members.all == 0 && from <= plan->from && upto >= plan->upto)
		level_add(&named, root, 0);
	else
		level_add(&level, root, 0);

	ts_arg_int4(&args, selection->plan_id);
	ts_arg(&args, INT8ARRAYOID, (Datum) 0, true);
	ts_arg(&args, DATERANGEOID, ts_daterange_make(from, upto), false);
	ts_arg(&args, INT8ARRAYOID, members.member_ids, false);
	ts_arg(&args, INT4ARRAYOID, members.dimension_ids, false);
	while (level.n > 0)
	{
		selection_level next = {0};
		uint64		n;
		uint64		row = 0;

		args.values[1] = ts_int8_array(level.n, level.target_ids);
		args.nulls[1] = ' ';
		/* a target without children comes as a row of its own, without a child */
		n = ts_run_keyed("SELECT k.n::int4, c.target_id, c.member_id, c.period <@ $3, p.n_children"
						 " FROM pg_catalog.unnest($2) WITH ORDINALITY AS k (target_id, n)"
						 " JOIN " TS_SCHEMA ".target p ON p.plan_id = $1 AND p.target_id = k.target_id"
						 " LEFT JOIN (" TS_SCHEMA ".target c"
						 " LEFT JOIN " TS_SCHEMA ".member m ON m.member_id = c.member_id)"
						 " ON c.plan_id = $1 AND c.parent_id = k.target_id AND c.period && $3"
						 " AND (m.dimension_id IS NULL OR m.dimension_id <> ALL ($5) OR c.member_id = ANY ($4))"
						 " ORDER BY k.n, c.target_id", &args);
		for (row = 0; row < n; row++)
		{
			int			above = ts_int4(row, 1) - 1;
			uint64		bits = level.bits[above];

			CHECK_FOR_INTERRUPTS();
			if (ts_isnull(row, 2))
			{
				if (ts_int4(row, 5) == 0)
					level_add(&beyond, level.target_ids[above], bits);
				continue;
			}
			bits |= ts_slice_member_bit(&members, ts_int8(row, 3));
			if (bits == members.all && ts_bool(row, 4))
				level_add(&named, ts_int8(row, 2), bits);
			else
				level_add(&next, ts_int8(row, 2), bits);
		}
		level = next;
	}
	if (named.n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("plan \"%s\" has no target of metric \"%s\" that lies within %s",
						selection->plan, selection->metric, wanted),
				 beyond.n > 0 ?
				 errdetail("These reach beyond it and are not split: %s.",
						   ts_target_names(selection->plan_id, beyond.n, beyond.target_ids)) : 0,
				 errhint("SELECT target_id, slice, period FROM " TS_SCHEMA ".target_tree WHERE plan = %s AND metric = %s;",
						 quote_literal_cstr(selection->plan), quote_literal_cstr(selection->metric))));
	if (beyond.n > 0)
		ereport(NOTICE,
				(errmsg_plural("%d target reaches beyond %s and is left out",
							   "%d targets reach beyond %s and are left out", beyond.n, beyond.n, wanted),
				 errdetail("It is not split that far: %s.",
						   ts_target_names(selection->plan_id, beyond.n, beyond.target_ids))));
	selection->n = named.n;
	selection->target_ids = MemoryContextAllocHuge(context, sizeof(int64) * named.n);
	memcpy(selection->target_ids, named.target_ids, sizeof(int64) * named.n);
	qsort(selection->target_ids, named.n, sizeof(int64), compare_int8);
}

/*
 * Finds the targets that five arguments from number "first" on name: target_id,
 * or plan, metric, slice and period.  What is returned is allocated in
 * "context".
 */
void
ts_select_targets(FunctionCallInfo fcinfo, int first, ts_selection *selection, MemoryContext context)
{
	ts_args		args = {0};
	ts_plan		plan = {0};
	int64		root = 0;

	if (PG_ARGISNULL(first) == (PG_ARGISNULL(first + 1) && PG_ARGISNULL(first + 2)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("targets are named either by an id or by plan, metric, slice and period"),
				 errhint("target_id => 12, or plan => 'FY2024', metric => 'sales', slice => '{\"market\": \"East\"}'")));
	memset(selection, 0, sizeof(*selection));
	selection->by_id = !PG_ARGISNULL(first);
	if (selection->by_id)
	{
		int64		target_id = PG_GETARG_INT64(first);

		/* plan_id leads the key and the plans are few: a look-up for each */
		ts_arg_int8(&args, target_id);
		if (ts_run_keyed("SELECT t.plan_id, t.metric_id FROM " TS_SCHEMA ".target t"
						 " WHERE t.plan_id = ANY (ARRAY(SELECT p.plan_id FROM " TS_SCHEMA ".plan p))"
						 " AND t.target_id = $1", &args) == 0)
			ts_no_target(target_id);
		selection->plan_id = ts_int4(0, 1);
		selection->metric_id = ts_int4(0, 2);
		selection->n = 1;
		selection->target_ids = MemoryContextAlloc(context, sizeof(int64));
		selection->target_ids[0] = target_id;
	}
	else
	{
		char	   *plan_name = ts_text_argument(fcinfo, first + 1, "plan");
		char	   *metric_name = ts_text_argument(fcinfo, first + 2, "metric");
		ts_metric	metric;

		ts_require(fcinfo, first + 3, "slice");
		ts_plan_find(plan_name, &plan, context);
		ts_metric_find(metric_name, &metric, context);
		root = ts_root_target(&plan, &metric, false);
		selection->plan_id = plan.plan_id;
		selection->metric_id = metric.metric_id;
	}

	args.n = 0;
	ts_arg_int4(&args, selection->plan_id);
	ts_arg_int4(&args, selection->metric_id);
	if (ts_run("SELECT p.family || CASE WHEN p.is_current THEN '' ELSE '#' || p.version END,"
			   " m.name, m.unit, m.additive, pm.quantum, p.period"
			   " FROM " TS_SCHEMA ".plan p"
			   " JOIN " TS_SCHEMA ".plan_metric pm ON pm.plan_id = p.plan_id AND pm.metric_id = $2"
			   " JOIN " TS_SCHEMA ".metric m ON m.metric_id = pm.metric_id"
			   " WHERE p.plan_id = $1", &args, false) == 0)
		elog(ERROR, "plan %d has no metric %d", selection->plan_id, selection->metric_id);
	selection->plan = ts_text(0, 1, context);
	selection->metric = ts_text(0, 2, context);
	selection->unit = ts_text(0, 3, context);
	selection->additive = ts_bool(0, 4);
	ts_quantum_from_numeric(ts_datum(0, 5), &selection->quantum);
	selection->plan_period = ts_datum_copy(0, 6, context);

	if (!selection->by_id)
	{
		DateADT		from = plan.from;
		DateADT		upto = plan.upto;
		bool		empty = false;

		if (!PG_ARGISNULL(first + 4))
			ts_daterange_parts(PG_GETARG_DATUM(first + 4), &from, &upto, &empty);
		if (empty)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"period\" must not be empty")));
		select_by_slice(selection, &plan, root, PG_GETARG_JSONB_P(first + 3), from, upto, context);
	}
}
