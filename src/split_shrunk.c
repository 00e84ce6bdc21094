/*-------------------------------------------------------------------------
 *
 * split_shrunk.c
 *	  The method "shrunk" of split_target: history's shares, pulled towards the
 *	  product of their margins as far as past years say.
 *
 * engine/shrink.h has the method; here are the years and the axes for it.  A
 * year is the period of the target so many years earlier, and is weighed like a
 * history.  Each leaf is a table of its own.
 *
 *	  weights => '{"joint": 5, "slice_x_time": 0, "product": 5, "window": "last",
 *				  "keep_zeros": true}'
 * gives the factors instead of looking for them, in tenths, or keeps parts that
 * never had anything at zero.
 *
 * Limits: a period of at most a year; ten years.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "engine/shrink.h"
#include "query.h"
#include "split.h"

#define MAX_YEARS 10
#define NOTED_LEAVES 20

/* What one year says: cells in order, with a scale */
typedef struct year_cells
{
	ts_cells	cells;
	int			scale;
	DateADT		from;
	DateADT		upto;
} year_cells;

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* An option of weights =>, a number from 0 to most; -1 if it is not there */
static int
number_option(Jsonb *json, const char *name, int most)
{
	JsonbValue	value;
	Datum		number;

	if (!json || !getKeyJsonValueFromContainer(&json->root, name, strlen(name), &value))
		return -1;
	if (value.type == jbvNumeric)
	{
		number = NumericGetDatum(value.val.numeric);
		for (int i = 0; i <= most; i++)
			if (DatumGetBool(DirectFunctionCall2(numeric_eq, number,
												 DirectFunctionCall1(int4_numeric, Int32GetDatum(i)))))
				return i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" of method \"shrunk\" must be a whole number from 0 to %d", name, most)));
}

/* Factors and window that the caller gives; false for those that fit best */
static bool
given_factors(Jsonb *json, ts_shrink_candidate *given, bool *keep_zeros)
{
	int			factor[TS_SHRINK_MODELS];
	JsonbValue	value;
	int			sum = 0;

	*keep_zeros = false;
	memset(given, 0, sizeof(*given));
	if (!json)
		return false;
	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"weights\" of method \"shrunk\" must be a JSON object"),
				 errhint("weights => '{\"joint\": 5, \"product\": 5, \"window\": \"all\", \"keep_zeros\": true}'")));
	if (getKeyJsonValueFromContainer(&json->root, "keep_zeros", 10, &value))
		*keep_zeros = value.type == jbvBool && value.val.boolean;
	factor[TS_SHRINK_JOINT] = number_option(json, "joint", TS_SHRINK_WHOLE);
	factor[TS_SHRINK_SLICE] = number_option(json, "slice_x_time", TS_SHRINK_WHOLE);
	factor[TS_SHRINK_PRODUCT] = number_option(json, "product", TS_SHRINK_WHOLE);
	if (factor[TS_SHRINK_JOINT] < 0 && factor[TS_SHRINK_SLICE] < 0 && factor[TS_SHRINK_PRODUCT] < 0)
		return false;
	for (int i = 0; i < TS_SHRINK_MODELS; i++)
		sum += given->factor[i] = Max(factor[i], 0);
	if (sum != TS_SHRINK_WHOLE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("factors of method \"shrunk\" must add up to %d, not %d", TS_SHRINK_WHOLE, sum),
				 errhint("weights => '{\"joint\": 5, \"product\": 5}'")));
	given->all_years = !(getKeyJsonValueFromContainer(&json->root, "window", 6, &value) &&
						 value.type == jbvString && value.val.string.len == 4 &&
						 memcmp(value.val.string.val, "last", 4) == 0);
	return true;
}

/*
 * The windows of the years, from the oldest: those in the basis, or all that
 * begin when the source does or later.
 */
static int
find_years(ts_split *split, year_cells *years)
{
	const ts_node *start = &split->tree->nodes[0];
	ts_term    *term = split->term;
	DateADT		earliest;
	DateADT		latest = start->from;
	int			n = 0;

	if (start->upto > ts_add_months(start->from, 12))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method \"shrunk\" needs a target of at most a year"),
				 errhint("Split it by year first, with another method.")));
	if (term->has_basis)
	{
		earliest = term->basis_from;
		latest = term->basis_upto;
	}
	else
	{
		ts_source	source;
		DateADT		first;
		int			y,
					m,
					d;

		ts_source_load(split->tree->metric_id, &source, false, split->context);
		if (!ts_source_first_day(&source, &first))
			first = start->from;
		ts_day_to_ymd(first, &y, &m, &d);
		earliest = ts_ymd_to_day(y, m, 1);
	}
	for (int back = MAX_YEARS; back >= 1; back--)
	{
		DateADT		from = ts_add_months(start->from, -12 * back);
		DateADT		upto = ts_add_months(start->upto, -12 * back);

		if (from < earliest || upto > latest)
			continue;
		years[n].from = from;
		years[n++].upto = upto;
	}
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("there is no whole year of history for method \"shrunk\""),
				 errdetail("It needs %s, or the same some years earlier, whole in %s.",
						   ts_window_text(ts_add_months(start->from, -12), ts_add_months(start->upto, -12)),
						   term->has_basis ? "the basis" : "the source"),
				 errhint("method => 'history'")));
	term->has_basis = true;
	term->basis_from = years[0].from;
	term->basis_upto = years[n - 1].upto;
	return n;
}

/* Weighs each year like a history; what a year lacks is 0 in it */
static void
weigh_years(ts_split *split, year_cells *years, int n_years)
{
	char	   *on_missing = split->on_missing;
	char	   *on_zero = split->on_zero;

	split->on_missing = "zero";
	split->on_zero = "equal";
	for (int year = 0; year < n_years; year++)
	{
		ts_term		history = ts_term_history(split->term);

		history.has_basis = true;
		history.basis_from = years[year].from;
		history.basis_upto = years[year].upto;
		ts_term_weigh(split, &history);
		years[year].cells = split->cells;
		years[year].scale = split->scale;
		memset(&split->cells, 0, sizeof(split->cells));
	}
	split->on_missing = on_missing;
	split->on_zero = on_zero;
}

/* Notes what was found for a leaf */
static void
note_finding(ts_split *split, int32 leaf, const ts_shrink_result *result, const year_cells *years, int n_years)
{
	const ts_shrink_candidate *chosen = &result->chosen;
	ts_args		args = {0};

	ts_arg_int8(&args, split->tree->nodes[split->leaves[leaf]].target_id);
	ts_arg_int4(&args, result->n_used);
	ts_arg_int4(&args, result->n_tested);
	ts_arg_text(&args, chosen->all_years ? ts_window_text(years[0].from, years[n_years - 1].upto) :
				ts_window_text(years[n_years - 1].from, years[n_years - 1].upto));
	for (int i = 0; i < TS_SHRINK_MODELS; i++)
		ts_arg_int4(&args, chosen->factor[i]);
	ts_arg_int8(&args, chosen->error);
	ts_arg_int8(&args, result->plain.error);
	ts_arg_int8(&args, result->best.error);
	ts_run("SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('target_id', $1, 'years', $2, 'years_held_back', $3,"
		   " 'window', $4, 'joint', pg_catalog.round($5 / 10.0, 1), 'slice_x_time', pg_catalog.round($6 / 10.0, 1), 'product', pg_catalog.round($7 / 10.0, 1),"
		   " 'error', CASE WHEN $8 >= 0 THEN pg_catalog.round($8 / 1000000.0, 6) END,"
		   " 'error_of_history', CASE WHEN $9 >= 0 THEN pg_catalog.round($9 / 1000000.0, 6) END,"
		   " 'error_of_best', CASE WHEN $10 >= 0 THEN pg_catalog.round($10 / 1000000.0, 6) END))", &args, true);
	ts_split_note(split, DatumGetJsonbP(ts_datum(0, 1)));
}

/* The axes that tell cells apart: of levels that nest, the finest */
static int
finest_axes(const ts_split *split, int *axes, bool *is_time)
{
	int			n = 0;
	int			time = -1;

	for (int i = 0; i < split->n_axes; i++)
	{
		bool		deeper = false;

		if (split->axes[i].is_time)
		{
			time = i;
			continue;
		}
		for (int j = i + 1; j < split->n_axes; j++)
			deeper |= !split->axes[j].is_time && split->axes[j].dim == split->axes[i].dim;
		if (!deeper)
		{
			is_time[n] = false;
			axes[n++] = i;
		}
	}
	if (time >= 0)
	{
		is_time[n] = true;
		axes[n++] = time;
	}
	return n;
}

void
ts_weigh_shrunk(ts_split *split)
{
	year_cells	years[MAX_YEARS] = {0};
	int			n_years = find_years(split, years);
	int			axes[TS_MAX_AXES];
	bool		is_time[TS_MAX_AXES];
	int			n_axes = finest_axes(split, axes, is_time);
	ts_shrink_candidate given;
	bool		keep_zeros;
	bool		is_given = given_factors(split->term->weights, &given, &keep_zeros);
	ts_shrink_result *result = palloc(sizeof(ts_shrink_result));
	int64		at[MAX_YEARS] = {0};
	int			scale = 0;
	ts_cells   *cells = &split->cells;

	weigh_years(split, years, n_years);
	for (int year = 0; year < n_years; year++)
		scale = year == 0 ? years[year].scale : Max(scale, years[year].scale);

	/* the cells of any year; which, and what they had, follows */
	for (int year = 0; year < n_years; year++)
		for (int64 i = 0; i < years[year].cells.n; i++)
		{
			int64		cell;

			CHECK_FOR_INTERRUPTS();
			cell = ts_split_add_cell(split, years[year].cells.leaf[i],
									 years[year].cells.keys + i * split->n_axes);
			cells->closed[cell] = years[year].cells.closed[i];
		}
	ts_split_sort(split, false);

	for (int64 first = 0, last; first < cells->n; first = last)
	{
		int32		leaf = cells->leaf[first];
		int64		n = 0;
		ts_shrink_input input = {0};
		int32	   *keys;
		ts_int128  *amount;
		ts_int128  *weight;
		void	   *work;
		ts_status	status;

		for (last = first; last < cells->n && cells->leaf[last] == leaf; last++)
			n++;
		keys = MemoryContextAllocHuge(split->context, sizeof(int32) * n_axes * n);
		amount = MemoryContextAllocExtended(split->context, sizeof(ts_int128) * n * n_years,
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		weight = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * n);
		work = MemoryContextAllocHuge(split->context, ts_shrink_work(n, n_axes));
		for (int64 i = 0; i < n; i++)
		{
			bool		known = false;

			CHECK_FOR_INTERRUPTS();
			for (int axis = 0; axis < n_axes; axis++)
				keys[i * n_axes + axis] = cells->keys[(first + i) * split->n_axes + axes[axis]];
			for (int year = 0; year < n_years; year++)
			{
				const ts_cells *had = &years[year].cells;
				ts_int128	units;

				if (at[year] >= had->n || ts_cell_compare(split, had, at[year], cells, first + i) != 0)
					continue;
				/* a year with returns says something, whatever on_negative makes of them */
				known |= had->fallback[at[year]] == TS_FALLBACK_NONE || had->fallback[at[year]] >= TS_NEGATIVE_ZERO;
				units = had->fallback[at[year]] == TS_ZERO_EQUAL ? 0 : had->weight[at[year]];
				for (int s = years[year].scale; s < scale; s++)
					units *= 10;
				amount[year * n + i] = units;
				at[year]++;
			}
			cells->missing[first + i] = !known && !cells->closed[first + i];
		}
		input.n = n;
		input.n_axes = n_axes;
		input.keys = keys;
		input.is_time = is_time;
		input.n_years = n_years;
		input.amount = amount;
		input.keep_zeros = keep_zeros;
		input.given = is_given ? &given : NULL;
		input.check = check_interrupts;
		status = ts_shrink(&input, weight, NULL, result, work);
		if (status == TS_TOO_LARGE)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("history of %s is too large for method \"shrunk\"", ts_split_leaf_name(split, leaf))));
		if (status != TS_OK && status != TS_ALL_ZERO)
			elog(ERROR, "shares of %s could not be shrunk: status %d", ts_split_leaf_name(split, leaf), status);
		for (int64 i = 0; i < n; i++)
		{
			cells->weight[first + i] = status == TS_OK && !cells->closed[first + i] ? weight[i] : 0;
			cells->scale[first + i] = 0;
		}
		if (status == TS_OK && leaf < NOTED_LEAVES)
			note_finding(split, leaf, result, years, n_years);
		pfree(keys);
		pfree(amount);
		pfree(weight);
		pfree(work);
	}
	pfree(result);
}
