/*-------------------------------------------------------------------------
 *
 * seasonal.c
 *	  Seasonal indices of slices, read from a metric's actuals, and the function
 *	  seasonal_index that shows them.
 *
 * Glossary (see also engine/seasonal.h)
 *	  season	a month of the calendar's year, by its place in it: with a fiscal
 *				year from July on, the first season is July
 *	  slice		a combination of members that has indices; its parent is the one
 *				without its last member
 *	  basis		the days that are read: whole months, two years or more
 *	  series	what a slice has in each month of the basis
 *
 * Method
 *	  The series are read like a history: by the split method of that name, in a
 *	  call that is made up for it, whose period is the basis itself and which is
 *	  split by month.  So facts find their slice by the same rules as in any split,
 *	  and the options on_unassigned and on_incomplete mean the same.  The server
 *	  groups the facts by month.  A slice that has parts is the sum of them.
 *
 *	  Amounts are divided by the working days of their month in their year, so that
 *	  a month does not look weak because its holidays fell into it.  What was sold in
 *	  an idle month, one without any working day, is in no rate, and told.  Indices
 *	  are pulled from the top down, those of the parts of one slice together.
 *
 * Limits
 *	  The engine's.  A source that begins in the middle of a month has that
 *	  month as a whole.  All years of the basis must have the same number of months;
 *	  where periods are listed, months and years must be, for all of the basis.
 *	  Memory: 16 bytes per slice and month, and 64 per slice and season, beside
 *	  what reading a history takes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "plan.h"
#include "query.h"
#include "seasonal.h"
#include "target_split.h"

PG_FUNCTION_INFO_V1(target_split_seasonal_index);

/* Arguments of seasonal_index, in the order of the SQL declaration */
enum
{
	ARG_METRIC,
	ARG_BY,
	ARG_SLICE,
	ARG_BASIS,
	ARG_CALENDAR,
	ARG_OUTLIERS,
	ARG_PULLED,
	ARG_ON_UNASSIGNED,
	ARG_ON_INCOMPLETE
};

/* Columns of its result */
enum
{
	COL_SLICE,
	COL_LEVEL,
	COL_SEASON,
	COL_LABEL,
	COL_INDEX,
	COL_OWN_INDEX,
	COL_PARENTS_SHARE,
	COL_N,
	COL_SPREAD,
	COL_YEARS,
	COL_BASIS,
	COL_IDLE_AMOUNT,
	N_COLUMNS
};

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* ---------------------------------------------------------------- months */

/* The season that a day is in, from 0, and how many its year has */
int
ts_season_of(const ts_calendar_rule *calendar, DateADT day, int *seasons)
{
	int32		at;
	int32		year_end;
	int			season = 0;

	ts_period_bounds(calendar, TS_GRAIN_YEAR, day, &at, &year_end);
	*seasons = 0;
	do
	{
		int32		start;
		int32		end;

		ts_period_bounds(calendar, TS_GRAIN_MONTH, at, &start, &end);
		if (start <= day && day < end)
			season = *seasons;
		(*seasons)++;
		at = end;
	} while (at < year_end);
	return season;
}

static DateADT
month_start(const ts_calendar_rule *calendar, DateADT day)
{
	int32		start;
	int32		end;

	ts_period_bounds(calendar, TS_GRAIN_MONTH, day, &start, &end);
	return start;
}

/* The days that the calendar has periods for */
static void
calendar_reach(const ts_calendar_rule *calendar, DateADT *from, DateADT *upto)
{
	const ts_calendar_table *table = calendar->table;

	*from = DATEVAL_NOBEGIN;
	*upto = DATEVAL_NOEND;
	/* all listed grains cover the same days */
	for (int grain = 0; table && grain < TS_GRAIN_DAY; grain++)
		if (table->n[grain] > 0)
		{
			*from = table->start[grain][0];
			*upto = table->start[grain][table->n[grain]];
		}
}

/* Refuses a calendar without the periods that seasons are made of, on these days */
static void
check_calendar(const ts_calendar_rule *calendar, DateADT from, DateADT upto)
{
	ts_calendar_check(calendar, TS_GRAIN_MONTH, from, upto);
	if (!ts_calendar_has(calendar, TS_GRAIN_YEAR))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the calendar has no periods of grain \"%s\"", ts_grain_name(TS_GRAIN_YEAR)),
				 errdetail("A season is a month by its place in the year, and the calendar lists months without years."),
				 errhint("List the years as well.")));
}

/*
 * A sentence for a message about facts that are missing, if the calendar begins
 * after the source does; else ""
 */
const char *
ts_seasons_reach_note(const ts_calendar_rule *calendar, const ts_source *source)
{
	DateADT		from;
	DateADT		upto;
	DateADT		first;

	calendar_reach(calendar, &from, &upto);
	if (DATE_IS_NOBEGIN(from) || !ts_source_first_day(source, &first) || first >= from)
		return "";
	return psprintf(" The calendar lists periods from %s on, and the source begins on %s.",
					ts_date_text(from), ts_date_text(first));
}

/*
 * The last whole years that the source has, five at most, up to a day (DATEVAL_NOEND:
 * any) or to the last month that it fills; returns how many.  They end with a month,
 * not necessarily with a year.  Days that the calendar has no periods for are none of
 * the source's.
 */
int
ts_seasons_default_basis(const ts_calendar_rule *calendar, const ts_source *source, DateADT before,
						 DateADT *from, DateADT *upto)
{
	ts_window_state state = {0};
	DateADT		reach_from;
	DateADT		reach_upto;
	DateADT		first;
	DateADT		at;
	int			seasons;
	int			years;

	calendar_reach(calendar, &reach_from, &reach_upto);
	check_calendar(calendar, reach_from, reach_upto);
	if (!ts_source_first_day(source, &first))
		return 0;
	/* the last day, then whether its month is filled */
	ts_source_check_window(source, first, first + 1, false, "accept", &state);
	if (first >= reach_upto || state.last < reach_from)
		return 0;
	if (state.last >= reach_upto)
		at = reach_upto;
	else
	{
		int32		start;
		int32		end;

		ts_period_bounds(calendar, TS_GRAIN_MONTH, state.last, &start, &end);
		ts_source_check_window(source, first, end, false, "accept", &state);
		at = state.complete ? end : start;
	}
	if (before < at)
		at = before < reach_from ? reach_from : month_start(calendar, before);
	first = first < reach_from ? reach_from : month_start(calendar, first);
	*from = *upto = at;
	if (at <= first)
		return 0;
	(void) ts_season_of(calendar, at - 1, &seasons);
	for (years = 0; years < TS_SEASON_MAX_YEARS; years++)
	{
		int			months = 0;

		/* before the first month there may be no calendar */
		for (; months < seasons && at > first; months++)
			at = month_start(calendar, at - 1);
		if (months < seasons)
			break;
		*from = at;
	}
	return years;
}

/*
 * The months of a basis, from the one in which the source begins, with their
 * working days up to the end of the tree's period
 */
void
ts_seasons_begin(ts_seasons *seasons, const ts_tree *tree, const ts_source *source, DateADT from, DateADT upto,
				 MemoryContext context)
{
	const ts_calendar_rule *calendar = &tree->calendar;
	ts_season_months *months = &seasons->months;
	DateADT		first;
	int32		last_start;
	int32		last_end;
	int			space;

	check_calendar(calendar, from, upto);
	first = month_start(calendar, from);
	ts_period_bounds(calendar, TS_GRAIN_MONTH, upto - 1, &last_start, &last_end);
	if (first != from || last_end != upto)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("basis %s does not consist of whole months", ts_window_text(from, upto)),
				 errdetail("Seasons are the months of the plan's calendar."),
				 errhint("basis => '%s'", ts_window_text(first, last_end))));
	if (ts_source_first_day(source, &first) && first > from)
		from = Min(month_start(calendar, first), last_start);
	memset(months, 0, sizeof(*months));
	space = (upto - from) / 7 + 2;
	months->from = MemoryContextAlloc(context, sizeof(DateADT) * space);
	months->first = ts_season_of(calendar, from, &months->seasons);
	for (DateADT at = from; at < upto; months->n++)
	{
		int32		start;
		int32		end;
		int			of_year;

		ts_period_bounds(calendar, TS_GRAIN_MONTH, at, &start, &end);
		if (ts_season_of(calendar, at, &of_year) != (months->first + months->n) % months->seasons ||
			of_year != months->seasons)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("years of the basis %s do not have the same number of months", ts_window_text(from, upto)),
					 errhint("Take a basis of years that do.")));
		months->from[months->n] = start;
		at = end;
	}
	months->from[months->n] = upto;
	if (months->n > TS_SEASONAL_MAX_PERIODS || months->seasons > TS_SEASONAL_MAX_SEASONS || months->seasons < 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("basis %s has %d months, %d a year", ts_window_text(from, upto), months->n, months->seasons),
				 errdetail("Seasonal indices are made of at most %d months, 2 to %d a year.",
						   TS_SEASONAL_MAX_PERIODS, TS_SEASONAL_MAX_SEASONS)));
	seasons->context = context;
	seasons->workdays = ts_workdays_load(tree->calendar_id, from, Max(upto, tree->nodes[0].upto), context);
	ts_workdays_require(seasons->workdays, from, upto);
}

bool
ts_seasons_long_enough(const ts_seasons *seasons)
{
	return seasons->months.n >= 2 * seasons->months.seasons;
}

/* ---------------------------------------------------------------- series */

/* An axis of months, as if "by" named it */
ts_axis
ts_season_axis(void)
{
	ts_axis		axis = {0};

	axis.name = unconstify(char *, ts_grain_name(TS_GRAIN_MONTH));
	axis.is_time = true;
	axis.grain = TS_GRAIN_MONTH;
	axis.above = axis.limit = axis.n_named = -1;
	return axis;
}

/*
 * Reads what a made-up call has in each month of the basis into its cells: in
 * order, at one scale.  Nothing is done about what is missing or negative.
 */
void
ts_seasons_read(ts_seasons *seasons, ts_split *series)
{
	ts_stretches stretches = {seasons->months.n, seasons->months.from};
	ts_term		history = {0};

	/* grouped by month a fact table has a small part of the groups */
	series->stretches = &stretches;
	/* each day stands for itself */
	series->has_align = true;
	series->align = TS_ALIGN_DATE;
	history.method = ts_split_method_find("history");
	history.has_basis = true;
	history.basis_from = seasons->months.from[0];
	history.basis_upto = seasons->months.from[seasons->months.n];
	ts_term_read(series, &history);
	series->stretches = NULL;
	seasons->scale = series->scale;
}

void
ts_seasons_alloc(ts_seasons *seasons, int32 n)
{
	const ts_season_months *months = &seasons->months;
	Size		size = (Size) Max(n, 1);

	seasons->n = n;
#define MAKE(array, width) \
	seasons->array = MemoryContextAllocExtended(seasons->context, sizeof(*seasons->array) * (width) * size, \
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO)
	MAKE(slices, 1);
	MAKE(amount, months->n);
	MAKE(season, months->seasons);
	MAKE(index, months->seasons);
#undef MAKE
}

/* Adds to the series of a slice, in the month that holds a day */
void
ts_seasons_add(ts_seasons *seasons, int32 slice, DateADT day, ts_int128 amount)
{
	const ts_season_months *months = &seasons->months;
	int			low = 0;
	int			high = months->n;

	while (high - low > 1)
	{
		int			middle = (low + high) / 2;

		if (months->from[middle] <= day)
			low = middle;
		else
			high = middle;
	}
	seasons->amount[(Size) slice * months->n + low] += amount;
}

/*
 * What a slice has in months of a season, -1 for all, that have no working days,
 * and how many of these have anything
 */
ts_int128
ts_seasons_idle(const ts_seasons *seasons, int32 slice, int season, int *n_months)
{
	const ts_season_months *months = &seasons->months;
	ts_int128	sum = 0;

	*n_months = 0;
	for (int i = 0; i < months->n; i++)
	{
		ts_int128	amount = seasons->amount[(Size) slice * months->n + i];

		if (amount == 0 || (season >= 0 && (months->first + i) % months->seasons != season) ||
			ts_workdays_between(seasons->workdays, months->from[i], months->from[i + 1]) != 0)
			continue;
		sum += amount;
		(*n_months)++;
	}
	return sum;
}

/* Own indices of all slices */
static void
make_own(ts_seasons *seasons)
{
	const ts_season_months *months = &seasons->months;
	int64_t    *days = palloc(sizeof(int64_t) * months->n);
	void	   *work = palloc(ts_seasonal_work(months->n));
	ts_seasonal_input input = {0};

	for (int i = 0; i < months->n; i++)
		days[i] = ts_workdays_between(seasons->workdays, months->from[i], months->from[i + 1]);
	input.n = months->n;
	input.seasons = months->seasons;
	input.first = months->first;
	input.days = days;
	input.damped = seasons->damped;
	for (int32 i = 0; i < seasons->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		input.amount = seasons->amount + (Size) i * months->n;
		if (ts_seasonal_own(&input, seasons->season + (Size) i * months->seasons, &seasons->slices[i].own, work) != TS_OK)
			elog(ERROR, "seasons of a slice are beyond the limits");
	}
	pfree(days);
	pfree(work);
}

/* Lists the parts of each slice: list[start[i] .. start[i + 1] - 1] are those of slice i */
static void
list_parts(const ts_seasons *seasons, int32 *start, int32 *list)
{
	memset(start, 0, sizeof(int32) * (seasons->n + 2));
	for (int32 i = 1; i < seasons->n; i++)
		start[seasons->slices[i].parent + 2]++;
	for (int32 i = 1; i < seasons->n + 2; i++)
		start[i] += start[i - 1];
	for (int32 i = 1; i < seasons->n; i++)
		list[start[seasons->slices[i].parent + 1]++] = i;
}

/*
 * Makes the indices of all slices from the series of those without parts.  False
 * if those of the first are not complete, so that nothing can be said.
 */
bool
ts_seasons_make(ts_seasons *seasons)
{
	int			s = seasons->months.seasons;
	int32	   *start = MemoryContextAllocHuge(seasons->context, sizeof(int32) * ((Size) seasons->n + 2));
	int32	   *list = MemoryContextAllocHuge(seasons->context, sizeof(int32) * ((Size) seasons->n + 1));
	ts_int128  *distance = MemoryContextAllocHuge(seasons->context, sizeof(ts_int128) * ((Size) seasons->n + 1));
	ts_int128  *noise = MemoryContextAllocHuge(seasons->context, sizeof(ts_int128) * ((Size) seasons->n + 1));
	int64_t    *share = MemoryContextAllocHuge(seasons->context, sizeof(int64_t) * ((Size) seasons->n + 1));

	for (int32 i = seasons->n - 1; i > 0; i--)
		for (int month = 0; month < seasons->months.n; month++)
			seasons->amount[(Size) seasons->slices[i].parent * seasons->months.n + month] +=
				seasons->amount[(Size) i * seasons->months.n + month];
	make_own(seasons);
	if (!seasons->slices[0].own.complete)
		return false;
	for (int m = 0; m < s; m++)
		seasons->index[m] = seasons->season[m].index;

	list_parts(seasons, start, list);
	for (int32 above = 0; above < seasons->n; above++)
	{
		const ts_int128 *parent = seasons->index + (Size) above * s;
		int32		known = 0;

		for (int32 at = start[above]; at < start[above + 1]; at++)
		{
			const ts_season_slice *part = &seasons->slices[list[at]];

			if (!part->own.known)
				continue;
			noise[known] = seasons->pulled ? part->own.noise : 0;
			distance[known++] = ts_seasonal_distance(s, seasons->season + (Size) list[at] * s, parent);
		}
		ts_seasonal_pull(known, distance, noise, share, check_interrupts);
		known = 0;
		for (int32 at = start[above]; at < start[above + 1]; at++)
		{
			ts_season_slice *part = &seasons->slices[list[at]];

			CHECK_FOR_INTERRUPTS();
			part->share = part->own.known ? share[known++] : TS_SEASONAL_ONE;
			ts_seasonal_mix(s, seasons->season + (Size) list[at] * s, parent, part->share,
							seasons->index + (Size) list[at] * s);
		}
	}
	pfree(start);
	pfree(list);
	pfree(distance);
	pfree(noise);
	pfree(share);
	return true;
}

/* ----------------------------------------------------------- seasonal_index */

/* What the function reads: a call of split_target that nobody makes */
typedef struct index_call
{
	ts_split	split;
	ts_tree		tree;
	ts_node		node;
	ts_source	source;
	ts_seasons	seasons;
	int32		leaf;
	int32		leaf_of_node;
	/* per slice of the result */
	int		   *depth;			/* how many levels of "by" it has */
	int32	   *member;			/* on the last of them */
} index_call;

/* ts_slice_resolve, with what helps where a dimension or a member is not known */
static Jsonb *
resolve_slice(Jsonb *slice, int64 **member_ids, int *n_members, MemoryContext context)
{
	Jsonb	   *volatile resolved = NULL;

	PG_TRY();
	{
		resolved = ts_slice_resolve(slice, member_ids, n_members, context);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_UNDEFINED_OBJECT || error->hint)
			PG_RE_THROW();
		FlushErrorState();
		error->hint = pstrdup("SELECT d.name, m.path FROM " TS_SCHEMA ".member m JOIN " TS_SCHEMA ".dimension d USING (dimension_id);");
		ReThrowError(error);
	}
	PG_END_TRY();
	return resolved;
}

/* The dimensions and members that the call needs, and the slice that it is for */
static void
load_members(index_call *call, ArrayType *by, Jsonb *slice)
{
	ts_tree    *tree = &call->tree;
	ts_split   *split = &call->split;
	MemoryContext context = split->context;
	int64	   *member_ids = NULL;
	int			n_members = 0;
	int32		dimension_ids[TS_MAX_DIMENSIONS];
	int			n_dims = ts_axes_parse(by, split->axes, &split->n_axes, dimension_ids, context);
	ts_args		args = {0};

	for (int i = 0; i < split->n_axes; i++)
		if (split->axes[i].is_time)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"by\" names \"%s\", which has periods", split->axes[i].name),
					 errdetail("There is an index for every month of the calendar anyway."),
					 errhint("by => '{}', or levels of dimensions.")));
	if (split->n_axes == TS_MAX_AXES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("argument \"by\" names more than %d levels", TS_MAX_AXES - 1)));
	call->node.slice = JsonbPGetDatum(resolve_slice(slice, &member_ids, &n_members, context));
	for (int i = 0; i < n_members; i++)
	{
		ts_args		member = {0};

		ts_arg_int8(&member, member_ids[i]);
		ts_run("SELECT m.dimension_id FROM target_split.member m WHERE m.member_id = $1", &member, true);
		n_dims = ts_dimension_add(ts_int4(0, 1), n_dims, dimension_ids);
	}
	ts_arg(&args, INT4ARRAYOID, ts_int4_array(n_dims, dimension_ids), false);
	tree->n_dims = (int) ts_run("SELECT d.dimension_id, d.name FROM target_split.dimension d"
								" WHERE d.dimension_id = ANY ($1) ORDER BY d.dimension_id", &args, true);
	tree->dimension_ids = MemoryContextAllocZero(context, sizeof(int32) * (tree->n_dims + 1));
	tree->dimensions = MemoryContextAllocZero(context, sizeof(char *) * (tree->n_dims + 1));
	tree->depths = MemoryContextAllocZero(context, sizeof(int) * (tree->n_dims + 1));
	tree->start_member = MemoryContextAllocZero(context, sizeof(int32) * (tree->n_dims + 1));
	for (int dim = 0; dim < tree->n_dims; dim++)
	{
		tree->dimension_ids[dim] = ts_int4(dim, 1);
		tree->dimensions[dim] = ts_text(dim, 2, context);
		tree->start_member[dim] = -1;
	}
	/* their parents are those of the end */
	tree->members = ts_members_load(tree->n_dims, tree->dimension_ids, call->node.upto - 1, context);
	for (int i = 0; i < n_members; i++)
	{
		int32		member = ts_members_by_id(tree->members, member_ids[i]);
		const ts_member *m = &tree->members->members[member];

		tree->start_member[m->dim_no] = member;
		tree->depths[m->dim_no] = m->depth;
	}
	ts_axes_place(tree, split->axes, split->n_axes);
	for (int i = 0; i < split->n_axes; i++)
		if (split->axes[i].first == split->axes[i].last)
			ereport(ERROR,
					(errcode(ERRCODE_NO_DATA_FOUND),
					 errmsg("level \"%s\" has no members", split->axes[i].name),
					 errhint("SELECT target_split.import_members(%s);", quote_literal_cstr(tree->metric))));
	split->axes[split->n_axes++] = ts_season_axis();
}

/*
 * There are no indices.  What helps is a longer basis, if the source has one, or
 * more facts in it; else there is a method that needs less of them.
 */
static void
refuse_short(const index_call *call)
{
	const ts_season_months *months = &call->seasons.months;
	const ts_calendar_rule *calendar = &call->tree.calendar;
	bool		few = ts_seasons_long_enough(&call->seasons);
	DateADT		from;
	DateADT		upto;
	bool		longer = ts_seasons_default_basis(calendar, &call->source, DATEVAL_NOEND, &from, &upto) >= 2 &&
		upto - from > months->from[months->n] - months->from[0];
	const char *note = ts_seasons_reach_note(calendar, &call->source);
	ts_window_state window = {0};	/* a basis may lie before all facts */

	ts_source_check_window(&call->source, months->from[0], months->from[months->n], false, "accept", &window);
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("history of metric \"%s\" is too short for seasonal indices", call->tree.metric),
			 window.any && window.n_facts == 0 && months->n > 0 ?
			 errdetail("They need two whole years of facts; the facts in %s are of %s to %s.",
					   call->source.relation, ts_date_text(window.first), ts_date_text(window.last)) :
			 errdetail("They need two whole years of facts; %s has %d %s%s.%s",
					   ts_window_text(months->from[0], months->from[months->n]), months->n, months->n == 1 ? "month" : "months",
					   few ? ", with too few facts in them" : "", note),
			 longer ? errhint("basis => '%s'", ts_window_text(from, upto)) :
			 few && JB_ROOT_COUNT(DatumGetJsonbP(call->node.slice)) > 0 ? errhint("slice => '{}'") :
			 errhint("A split by method => 'history' takes the shares of one year.")));
}

/*
 * Makes a slice for each prefix of the cells' keys, parents before their parts,
 * and adds up their series
 */
static void
collect_slices(index_call *call)
{
	ts_split   *split = &call->split;
	const ts_cells *cells = &split->cells;
	int			width = split->n_axes;
	int32		at[TS_MAX_AXES + 1] = {0};
	int64		n = 1;

	for (int64 i = 0; i < cells->n; i++)
		for (int axis = 0; axis < width - 1; axis++)
			if (i == 0 || memcmp(cells->keys + i * width, cells->keys + (i - 1) * width, sizeof(int32) * (axis + 1)) != 0)
				n++;
	ts_seasons_alloc(&call->seasons, (int32) n);
	call->depth = MemoryContextAllocZero(split->context, sizeof(int) * n);
	call->member = MemoryContextAllocZero(split->context, sizeof(int32) * n);
	call->seasons.slices[0].parent = -1;
	n = 1;
	for (int64 i = 0; i < cells->n; i++)
	{
		const int32 *keys = cells->keys + i * width;

		CHECK_FOR_INTERRUPTS();
		for (int axis = 0; axis < width - 1; axis++)
			if (i == 0 || memcmp(keys, keys - width, sizeof(int32) * (axis + 1)) != 0)
			{
				call->seasons.slices[n].parent = at[axis];
				call->depth[n] = axis + 1;
				call->member[n] = keys[axis];
				at[axis + 1] = (int32) n++;
			}
		ts_seasons_add(&call->seasons, at[width - 1], keys[width - 1], cells->weight[i]);
	}
}

/* What a season is called: a month's name, or "P07" in a calendar of weeks */
static Datum
season_label(const index_call *call, int season)
{
	static const char *const names[] = {"January", "February", "March", "April", "May", "June",
	"July", "August", "September", "October", "November", "December"};
	const ts_season_months *months = &call->seasons.months;
	int			month = (season - months->first + months->seasons) % months->seasons;
	int			y,
				m,
				d;

	ts_day_to_ymd(months->from[month], &y, &m, &d);
	if (d == 1 && months->from[month + 1] == ts_add_months(months->from[month], 1))
		return CStringGetTextDatum(names[m - 1]);
	return CStringGetTextDatum(psprintf("P%02d", season + 1));
}

/* An index as a number of six decimals */
static Datum
index_value(ts_int128 index)
{
	return DirectFunctionCall2(numeric_round, ts_scaled_to_numeric(index, 12), Int32GetDatum(6));
}

static void
put_slices(index_call *call, Tuplestorestate *store, TupleDesc desc)
{
	const ts_seasons *seasons = &call->seasons;
	const ts_season_months *months = &seasons->months;
	Datum	   *slices = MemoryContextAllocHuge(call->split.context, sizeof(Datum) * seasons->n);
	Datum	   *labels = palloc(sizeof(Datum) * months->seasons);
	Datum		basis = ts_daterange_make(months->from[0], months->from[months->n]);

	for (int m = 0; m < months->seasons; m++)
		labels[m] = season_label(call, m);
	for (int32 i = 0; i < seasons->n; i++)
	{
		const ts_season_slice *slice = &seasons->slices[i];

		slices[i] = i == 0 ? call->node.slice :
			DirectFunctionCall2(jsonb_concat, slices[slice->parent], ts_tree_edge_slice(&call->tree, call->member[i]));
		for (int m = 0; m < months->seasons; m++)
		{
			const ts_season *season = &seasons->season[(Size) i * months->seasons + m];
			Datum		values[N_COLUMNS];
			bool		nulls[N_COLUMNS] = {0};
			int			n_idle;
			ts_int128	idle = ts_seasons_idle(seasons, i, m, &n_idle);

			CHECK_FOR_INTERRUPTS();
			values[COL_SLICE] = slices[i];
			nulls[COL_LEVEL] = i == 0;
			if (i > 0)
				values[COL_LEVEL] = CStringGetTextDatum(call->split.axes[call->depth[i] - 1].name);
			values[COL_SEASON] = Int32GetDatum(m + 1);
			values[COL_LABEL] = labels[m];
			values[COL_INDEX] = index_value(seasons->index[(Size) i * months->seasons + m]);
			nulls[COL_OWN_INDEX] = season->n == 0;
			values[COL_OWN_INDEX] = index_value(season->index);
			nulls[COL_PARENTS_SHARE] = i == 0;
			values[COL_PARENTS_SHARE] = DirectFunctionCall2(numeric_round, ts_scaled_to_numeric(slice->share, 12), Int32GetDatum(4));
			values[COL_N] = Int32GetDatum(season->n);
			nulls[COL_SPREAD] = season->deviation < 0;
			values[COL_SPREAD] = index_value(season->deviation);
			values[COL_YEARS] = Int32GetDatum(slice->own.n_years);
			values[COL_BASIS] = basis;
			nulls[COL_IDLE_AMOUNT] = n_idle == 0;
			values[COL_IDLE_AMOUNT] = ts_scaled_to_numeric(idle, seasons->scale);
			tuplestore_putvalues(store, desc, values, nulls);
		}
	}
}

/*
 * seasonal_index(metric, by, slice, basis, calendar, outliers, pulled,
 *				  on_unassigned, on_incomplete)
 *
 * A row per slice and season: first those of the slice that was asked for, each
 * followed by its parts.
 */
Datum
target_split_seasonal_index(PG_FUNCTION_ARGS)
{
	static const char *const outlier_words[] = {"damp", "keep", NULL};
	static const char *const incomplete_words[] = {"error", "accept", NULL};
	TupleDesc	desc;
	Tuplestorestate *store = ts_begin_rows(fcinfo, &desc);
	char	   *metric_name = ts_text_argument(fcinfo, ARG_METRIC, "metric");
	char	   *calendar = ts_text_argument(fcinfo, ARG_CALENDAR, "calendar");
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "target_split seasonal index",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	index_call *call;
	ts_split   *split;
	ts_metric	metric;
	ts_term		term = {0};
	DateADT		from;
	DateADT		upto;

	ts_require(fcinfo, ARG_BY, "by");
	ts_require(fcinfo, ARG_SLICE, "slice");
	ts_require(fcinfo, ARG_PULLED, "pulled");
	old = MemoryContextSwitchTo(context);
	call = palloc0(sizeof(index_call));
	split = &call->split;
	call->seasons.damped = strcmp(ts_word_argument(fcinfo, ARG_OUTLIERS, "outliers", outlier_words), "damp") == 0;
	call->seasons.pulled = PG_GETARG_BOOL(ARG_PULLED);
	split->on_unassigned = ts_text_argument(fcinfo, ARG_ON_UNASSIGNED, "on_unassigned");
	split->on_incomplete = ts_word_argument(fcinfo, ARG_ON_INCOMPLETE, "on_incomplete", incomplete_words);
	split->on_missing = split->on_zero = split->on_negative = "error";
	split->residual = "largest";
	split->context = context;
	split->preview = true;

	ts_connect();
	MemoryContextSwitchTo(context);
	ts_metric_find(metric_name, &metric, context);
	call->tree.metric_id = metric.metric_id;
	split->metric = call->tree.metric = metric.name;
	ts_calendar_load_by_name(calendar, &call->tree.calendar, &call->tree.calendar_id);
	(void) ts_source_load(metric.metric_id, &call->source, false, context);
	if (PG_ARGISNULL(ARG_BASIS))
	{
		if (ts_seasons_default_basis(&call->tree.calendar, &call->source, DATEVAL_NOEND, &from, &upto) == 0)
		{
			const char *note = ts_seasons_reach_note(&call->tree.calendar, &call->source);

			ereport(ERROR,
					(errcode(ERRCODE_NO_DATA_FOUND),
					 errmsg("source of metric \"%s\" has no whole year of facts", call->tree.metric),
					 errdetail("Seasonal indices need two whole years.%s", note),
					 errhint("A split by method => 'workdays' needs no facts.")));
		}
	}
	else
	{
		bool		empty;

		ts_daterange_parts(PG_GETARG_DATUM(ARG_BASIS), &from, &upto, &empty);
		if (empty || DATE_NOT_FINITE(from) || DATE_NOT_FINITE(upto))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("basis must have a first and a last day"),
					 errhint("basis => '[2021-01-01,2024-01-01)'")));
	}

	/* a target for the basis itself, that is its own tree */
	call->tree.n = 1;
	call->tree.nodes = &call->node;
	call->node.parent = call->node.member = -1;
	call->node.upto = upto;
	ts_seasons_begin(&call->seasons, &call->tree, &call->source, from, upto, context);
	if (!ts_seasons_long_enough(&call->seasons))
		refuse_short(call);
	call->node.from = call->seasons.months.from[0];
	call->node.upto = call->seasons.months.from[call->seasons.months.n];
	split->tree = &call->tree;
	split->n_leaves = 1;
	split->leaves = &call->leaf;
	split->leaf_of_node = &call->leaf_of_node;
	split->term = &term;
	load_members(call, PG_GETARG_ARRAYTYPE_P(ARG_BY), PG_GETARG_JSONB_P(ARG_SLICE));
	ts_seasons_read(&call->seasons, split);
	collect_slices(call);
	if (!ts_seasons_make(&call->seasons))
		refuse_short(call);
	put_slices(call, store, desc);
	ts_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
