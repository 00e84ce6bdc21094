/*-------------------------------------------------------------------------
 *
 * split_seasonal.c
 *	  The method "seasonal" of split_target: periods by the index of their season
 *	  and their working days.
 *
 * seasonal.c has the indices; here are the slices for it, and the weights.  A
 * slice is what a leaf is without its periods, so all leaves of the same members
 * have the same indices; the slices form a tree from the target that the call
 * starts from.  The weight of a period is the sum over the months in it of
 *
 *		index of the month * working days of the period in it
 *
 * with the working days of the period's own year, of the days on which the
 * members of the leaf exist (split_days.c).
 *
 *	  weights => '{"outliers": "keep", "pulled": false}'
 * leaves outliers as they are, or a slice with its own indices however thin.
 *
 * A slice of less than two years takes the indices of its parent, and its parts
 * say so ("missing: parent").  If there are not two years in all, on_missing
 * says what is done.
 *
 * Limits: those of seasonal.c; leaves below one slice that are set apart by
 * different dimensions in different periods are refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "query.h"
#include "seasonal.h"

#define NOTED_LEAVES 20

/* decimals of an index and of a day, which are a weight's */
#define WEIGHT_SCALE 16

/* What a weight is made of, per day of the call's period */
typedef struct day_table
{
	DateADT		first;
	int		   *season;
	DateADT    *month_end;		/* day after the month */
	int64	   *until;			/* working days before it */
} day_table;

/* --------------------------------------------------------------- arguments */

static void
check_arguments(const ts_split *split)
{
	bool		any_period = false;

	for (int i = 0; i < split->n_axes; i++)
		any_period |= split->axes[i].is_time;
	for (int i = 0; i < split->n_axes; i++)
		if (!split->axes[i].is_time)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("method \"seasonal\" weighs periods, and \"%s\" has none", split->axes[i].name),
					 any_period ? errhint("Split by it in another call, or name its method in \"levels\".") :
					 errhint("by => '{%s,month}', or method => 'history'", split->axes[i].name)));
	if (OidIsValid(split->term->weights_from))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method \"seasonal\" does not take argument \"weights_from\""),
				 errhint("weights => '{\"outliers\": \"keep\", \"pulled\": false}'")));
}

/* Reads weights => '{"outliers": "keep", "pulled": false}' */
static void
read_options(Jsonb *json, ts_seasons *seasons)
{
	JsonbIterator *it;
	JsonbValue	key;
	JsonbValue	value;
	JsonbIteratorToken token;
	bool		ok = json == NULL || JB_ROOT_IS_OBJECT(json);

	seasons->damped = seasons->pulled = true;
	if (!json)
		return;
	it = JsonbIteratorInit(&json->root);
	while (ok && (token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		char	   *name;
		char	   *word = NULL;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(key.val.string.val, key.val.string.len);
		JsonbIteratorNext(&it, &value, true);
		if (value.type == jbvString)
			word = pnstrdup(value.val.string.val, value.val.string.len);
		if (strcmp(name, "pulled") == 0 && value.type == jbvBool)
			seasons->pulled = value.val.boolean;
		else if (strcmp(name, "outliers") == 0 && word && (strcmp(word, "damp") == 0 || strcmp(word, "keep") == 0))
			seasons->damped = strcmp(word, "damp") == 0;
		else
			ok = false;
	}
	if (!ok)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"weights\" of method \"seasonal\" must be an object of the options \"outliers\" and \"pulled\""),
				 errhint("weights => '{\"outliers\": \"keep\", \"pulled\": false}'; \"outliers\" is \"damp\" or \"keep\"")));
}

/*
 * What the basis is: the caller's, or the last whole years before the plan that the
 * source has, five at most.  It is none where there is no whole year.
 */
void
ts_seasonal_find_basis(ts_split *split)
{
	ts_term    *term = split->term;
	ts_source	source;
	ts_args		args = {0};

	if (term->has_basis)
		return;
	ts_source_load(split->tree->metric_id, &source, false, split->context);
	ts_arg_int4(&args, split->tree->plan_id);
	ts_run("SELECT pg_catalog.lower(p.period) FROM target_split.plan p WHERE p.plan_id = $1", &args, true);
	term->has_basis = ts_seasons_default_basis(&split->tree->calendar, &source, DatumGetDateADT(ts_datum(0, 1)),
											   &term->basis_from, &term->basis_upto) > 0;
}

/* ------------------------------------------------------------------ slices */

/* Reads the series of the slices without parts, as a split of the basis by month */
static void
read_slices(ts_split *split, ts_seasons *seasons, const ts_slices *slices)
{
	ts_axis		month = ts_season_axis();
	ts_split   *series = ts_slices_split(split, slices, &month);
	const ts_tree *tree = slices->tree;
	ts_watch   *watch = split->watch;

	/* what is read is the basis of all periods below a slice */
	if (watch)
	{
		for (int32 at = split->leaves[0]; at > 0; at = split->tree->nodes[at].parent)
			watch->whole_from++;
		watch->whole_upto = watch->whole_from + split->n_axes;
	}
	ts_seasons_read(seasons, series);
	if (watch)
		watch->whole_from = watch->whole_upto = 0;
	split->n_unassigned = series->n_unassigned;
	split->findings = series->findings;

	ts_seasons_alloc(seasons, tree->n);
	for (int32 i = 0; i < tree->n; i++)
		seasons->slices[i].parent = tree->nodes[i].parent;
	seasons->slices[0].parent = -1;
	for (int64 i = 0; i < series->cells.n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		ts_seasons_add(seasons, series->leaves[series->cells.leaf[i]], series->cells.keys[i], series->cells.weight[i]);
	}
}

/* ----------------------------------------------------------------- weights */

static void
make_days(const ts_split *split, const ts_seasons *seasons, day_table *days)
{
	const ts_node *start = &split->tree->nodes[0];
	int			n = start->upto - start->from;

	days->first = start->from;
	days->season = MemoryContextAllocHuge(split->context, sizeof(int) * (n + 1));
	days->month_end = MemoryContextAllocHuge(split->context, sizeof(DateADT) * (n + 1));
	days->until = MemoryContextAllocHuge(split->context, sizeof(int64) * (n + 1));
	days->until[0] = 0;
	for (int i = 0; i < n;)
	{
		DateADT		from = start->from;
		DateADT		upto = start->upto;
		ts_axis		month = ts_season_axis();
		int			of_year;
		int			season = ts_season_of(&split->tree->calendar, start->from + i, &of_year);

		if (of_year != seasons->months.seasons)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("year of %s has %d months, and those of the basis have %d",
							ts_date_text(start->from + i), of_year, seasons->months.seasons)));
		ts_axis_bucket(split->tree, &month, start->from + i, &from, &upto);
		for (; start->from + i < upto; i++)
		{
			CHECK_FOR_INTERRUPTS();
			days->season[i] = season;
			days->month_end[i] = upto;
			days->until[i + 1] = days->until[i] +
				ts_workdays_between(seasons->workdays, start->from + i, start->from + i + 1);
		}
	}
}

/* The weight of the days [from, upto) of a slice */
static ts_int128
weight_of(const ts_seasons *seasons, const day_table *days, int32 slice, DateADT from, DateADT upto)
{
	const ts_int128 *index = seasons->index + (Size) slice * seasons->months.seasons;
	ts_int128	weight = 0;

	while (from < upto)
	{
		int			at = from - days->first;
		DateADT		end = Min(upto, days->month_end[at]);

		weight += index[days->season[at]] * (days->until[end - days->first] - days->until[at]);
		from = end;
	}
	return weight;
}

/* What weigh_cell needs */
typedef struct weighing
{
	const ts_seasons *seasons;
	const ts_slices *slices;
	day_table	days;
} weighing;

/*
 * Only the days count on which the part exists: else a part of a month would get
 * all of it, and weeks and days would say something else than the month.
 */
static void
weigh_cell(ts_split *split, int64 cell, ts_days period, ts_days open, const int32 *leaf_member, void *state)
{
	const weighing *w = state;
	ts_cells   *cells = &split->cells;
	int32		slice = w->slices->of_node[split->leaves[cells->leaf[cell]]];

	if (cells->closed[cell])
		return;
	cells->weight[cell] = weight_of(w->seasons, &w->days, slice, open.from, open.upto);
	cells->scale[cell] = WEIGHT_SCALE;
	if (slice > 0 && !w->seasons->slices[slice].own.known)
		cells->fallback[cell] = TS_MISSING_PARENT;
}

static void
weigh_cells(ts_split *split, const ts_seasons *seasons, const ts_slices *slices)
{
	weighing	w = {.seasons = seasons, .slices = slices};

	make_days(split, seasons, &w.days);
	ts_split_visit_cells(split, weigh_cell, &w);
}

/* ---------------------------------------------------------------- findings */

/* What was read, and how many slices took their parent's indices */
static void
note_call(ts_split *split, const ts_seasons *seasons)
{
	const ts_season_months *months = &seasons->months;
	ts_args		args = {0};
	int32		n_taken = 0;
	int			n_idle;
	ts_int128	idle = ts_seasons_idle(seasons, 0, -1, &n_idle);

	for (int32 i = 1; i < seasons->n; i++)
		n_taken += !seasons->slices[i].own.known;
	ts_arg_int8(&args, split->tree->nodes[0].target_id);
	ts_arg_text(&args, ts_window_text(months->from[0], months->from[months->n]));
	ts_arg_int4(&args, months->n);
	ts_arg_int4(&args, seasons->n);
	ts_arg_int4(&args, n_taken);
	ts_arg(&args, INT4OID, Int32GetDatum(n_idle), n_idle == 0);
	ts_arg(&args, NUMERICOID, ts_scaled_to_numeric(idle, seasons->scale), n_idle == 0);
	ts_run("SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('target_id', $1, 'window', $2, 'months', $3,"
		   " 'slices', $4, 'slices_with_the_parents_index', $5,"
		   " 'idle_months', $6, 'amount_in_idle_months', $7))", &args, true);
	ts_split_note(split, DatumGetJsonbP(ts_datum(0, 1)));
}

/* The indices of a leaf, and what is in them of its parent's */
static void
note_leaf(ts_split *split, const ts_seasons *seasons, const ts_slices *slices, int32 leaf)
{
	const ts_node *node = &split->tree->nodes[split->leaves[leaf]];
	int32		slice = slices->of_node[split->leaves[leaf]];
	const ts_season_slice *found = &seasons->slices[slice];
	int			s = seasons->months.seasons;
	Datum	   *index = palloc(sizeof(Datum) * s);
	ts_args		args = {0};

	for (int m = 0; m < s; m++)
		index[m] = ts_scaled_to_numeric(seasons->index[(Size) slice * s + m], 12);
	ts_arg_int8(&args, node->target_id);
	ts_arg(&args, JSONBOID, node->slice, false);
	ts_arg_int4(&args, found->own.n_years);
	ts_arg(&args, NUMERICOID, ts_scaled_to_numeric(found->share, 12), slice == 0);
	ts_arg(&args, NUMERICARRAYOID, PointerGetDatum(construct_array(index, s, NUMERICOID, -1, false, TYPALIGN_INT)), false);
	ts_run("SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('target_id', $1, 'slice', $2, 'years', $3,"
		   " 'parents_share', pg_catalog.round($4, 4),"
		   " 'index', ARRAY(SELECT pg_catalog.round(i.index, 4) FROM pg_catalog.unnest($5) WITH ORDINALITY AS i (index, season) ORDER BY i.season)))",
		   &args, true);
	ts_split_note(split, DatumGetJsonbP(ts_datum(0, 1)));
}

/*
 * There are no indices at all: an error unless on_missing says what to do; then
 * all parts are missing.
 */
static void
no_indices(ts_split *split, const ts_source *source, const ts_seasons *seasons)
{
	ts_args		args = {0};

	if (strcmp(split->on_missing, "error") == 0)
	{
		const char *reach = ts_seasons_reach_note(&split->tree->calendar, source);

		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("history of metric \"%s\" is too short for method \"seasonal\"", split->tree->metric),
				 seasons ?
				 errdetail("It needs two whole years of facts; %s has %d months%s.%s",
						   ts_window_text(seasons->months.from[0], seasons->months.from[seasons->months.n]),
						   seasons->months.n,
						   ts_seasons_long_enough(seasons) ? ", with too few facts in them" : "", reach) :
				 reach[0] ?
				 errdetail("It needs two whole years before the plan.%s", reach) :
				 errdetail("It needs two whole years before the plan, and the source has none."),
				 errhint("method => 'history' takes the shares of one year; on_missing => 'equal' gives all periods the same.")));
	}
	ts_split_frame(split);
	for (int64 i = 0; i < split->cells.n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		split->cells.missing[i] = !split->cells.closed[i];
	}
	ts_arg_int8(&args, split->tree->nodes[0].target_id);
	ts_arg_int4(&args, seasons ? seasons->months.n : 0);
	ts_run("SELECT pg_catalog.jsonb_build_object('target_id', $1, 'months', $2, 'problem', 'history is too short for seasonal indices')",
		   &args, true);
	ts_split_note(split, DatumGetJsonbP(ts_datum(0, 1)));
}

void
ts_weigh_seasonal(ts_split *split)
{
	ts_seasons	seasons = {0};
	ts_slices	slices;
	ts_source	source;

	check_arguments(split);
	read_options(split->term->weights, &seasons);
	ts_seasonal_find_basis(split);
	ts_source_load(split->tree->metric_id, &source, false, split->context);
	if (!split->term->has_basis)
	{
		no_indices(split, &source, NULL);
		return;
	}
	ts_seasons_begin(&seasons, split->tree, &source, split->term->basis_from, split->term->basis_upto, split->context);
	ts_workdays_require(seasons.workdays, split->tree->nodes[0].from, split->tree->nodes[0].upto);
	if (!ts_seasons_long_enough(&seasons))
	{
		no_indices(split, &source, &seasons);
		return;
	}
	ts_slices_make(split, NULL, seasons.months.from[0], seasons.months.from[seasons.months.n], &slices);
	read_slices(split, &seasons, &slices);
	if (!ts_seasons_make(&seasons))
	{
		no_indices(split, &source, &seasons);
		return;
	}
	ts_split_frame(split);
	weigh_cells(split, &seasons, &slices);
	note_call(split, &seasons);
	for (int32 leaf = 0; leaf < Min(split->n_leaves, NOTED_LEAVES); leaf++)
		note_leaf(split, &seasons, &slices, leaf);
}
