/*-------------------------------------------------------------------------
 *
 * split_method.c
 *	  The methods of split_target: where weights come from.
 *
 * A method fills the cells (weigh); once all weights are at one scale it may
 * look at them again (settle).  What is done about missing, zero and negative
 * weights is the same for all and stands in split.c.
 *
 *	  equal		siblings share alike
 *	  history	actuals of the corresponding days in a basis window
 *	  weights	a relation or a JSON object of the caller's
 *	  amounts	the same, but the numbers are the targets
 *	  percent	the same, and they must add up to 100
 *	  blend		several of these with factors (split_term.c)
 *	  increment	everybody keeps the basis, what is more is shared (split_term.c)
 *	  growth	everybody's basis grows by a rate of its own (split_term.c)
 *	  shrunk	history, pulled towards the product of its margins (split_shrunk.c)
 *	  seasonal	periods by the season's index and their working days (split_seasonal.c)
 *	  profile	like other targets or actuals, with a lag (split_history.c)
 *	  copy		the same, and their amounts times a factor must be the target
 *	  straight_line, growth_curve
 *				from period to period by equal steps, or by a rate
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "split.h"

/* ---------------------------------------------------------------- equal */

/* How many siblings there are is known when all cells are there */
static void
settle_equal(ts_split *split)
{
	ts_split_weigh_by_shape(split);
}

/* --------------------------------------------------------------- percent */

/* Percentages must be whole: 100 under each target */
static void
settle_percent(ts_split *split)
{
	ts_cells   *cells = &split->cells;
	Datum		whole = DirectFunctionCall1(int8_numeric, Int64GetDatum(100));
	ts_name_list wrong = {0};

	ts_refuse_gaps(split);
	for (int64 first = 0, last; first < cells->n; first = last)
	{
		ts_int128	sum = 0;
		Datum		percent;

		for (last = first; last < cells->n && cells->leaf[last] == cells->leaf[first]; last++)
		{
			CHECK_FOR_INTERRUPTS();
			sum += cells->weight[last];
		}
		percent = ts_scaled_to_numeric(sum, split->scale);
		if (DatumGetBool(DirectFunctionCall2(numeric_ne, percent, whole)))
			ts_name_list_add(&wrong, ts_name_list_full(&wrong) ? "" :
							 psprintf("%s: %s", ts_split_leaf_name(split, cells->leaf[first]),
									  DatumGetCString(DirectFunctionCall1(numeric_out, percent))));
	}
	if (wrong.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("the percentages do not add up to 100"),
				 errdetail_internal("%s.", ts_name_list_text(&wrong)),
				 errhint("method => 'weights' takes weights of any sum.")));
}

/* ------------------------------------------------ straight_line, growth_curve */

/* A number of weights => {"first": 100, "last": 150}, an error without it */
static Datum
number_of(const ts_split *split, const char *name)
{
	JsonbValue	value;
	Jsonb	   *json = split->term->weights;

	if (!json || !JB_ROOT_IS_OBJECT(json) ||
		!getKeyJsonValueFromContainer(&json->root, name, strlen(name), &value) ||
		value.type != jbvNumeric)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method \"%s\" needs the number \"%s\" in \"weights\"",
						split->term->method->name, name),
				 errhint("method => 'straight_line', weights => '{\"first\": 100, \"last\": 150}';"
						 " method => 'growth_curve', weights => '{\"rate\": 0.02}'")));
	return NumericGetDatum(value.val.numeric);
}

/* The frame of periods; there is no order among members */
static void
frame_of_periods(ts_split *split)
{
	for (int i = 0; i < split->n_axes; i++)
		if (!split->axes[i].is_time)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("method \"%s\" goes from period to period, and \"%s\" is none",
							split->term->method->name, split->axes[i].name),
					 errhint("Split by it in another call, or name its method in \"levels\".")));
	ts_split_frame(split);
}

static void
set_weight(ts_split *split, int64 cell, Datum weight)
{
	int			scale;

	ts_weight_from_numeric(weight, &split->cells.weight[cell], &scale);
	split->cells.scale[cell] = scale;
}

/* How many cells a leaf has from one on */
static int64
cells_of_leaf(const ts_split *split, int64 first)
{
	int64		last = first;

	while (last < split->cells.n && split->cells.leaf[last] == split->cells.leaf[first])
		last++;
	return last - first;
}

/*
 * From the first period to the last by equal steps: the weight of period k of
 * n, from 0, is first + (last - first) k / (n - 1), here times n - 1.
 */
static void
weigh_straight_line(ts_split *split)
{
	Datum		first = number_of(split, "first");
	Datum		step = DirectFunctionCall2(numeric_sub, number_of(split, "last"), first);

	frame_of_periods(split);
	for (int64 start = 0; start < split->cells.n;)
	{
		int64		n = cells_of_leaf(split, start);

		for (int64 k = 0; k < n; k++)
		{
			Datum		steps = DirectFunctionCall1(int8_numeric, Int64GetDatum(k));
			Datum		last = DirectFunctionCall1(int8_numeric, Int64GetDatum(Max(n - 1, 1)));

			CHECK_FOR_INTERRUPTS();
			set_weight(split, start + k,
					   DirectFunctionCall2(numeric_add, DirectFunctionCall2(numeric_mul, first, last),
										   DirectFunctionCall2(numeric_mul, step, steps)));
		}
		start += n;
	}
}

/* Each period is 1 + rate times the one before it; 20 decimals are kept */
static void
weigh_growth_curve(ts_split *split)
{
	Datum		one = DirectFunctionCall1(int8_numeric, Int64GetDatum(1));
	Datum		times = DirectFunctionCall2(numeric_add, one, number_of(split, "rate"));

	if (DatumGetInt32(DirectFunctionCall2(numeric_cmp, times, DirectFunctionCall1(int8_numeric, Int64GetDatum(0)))) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("rate must be more than -1"),
				 errhint("2 %% more in each period is weights => '{\"rate\": 0.02}'.")));
	frame_of_periods(split);
	for (int64 start = 0; start < split->cells.n;)
	{
		int64		n = cells_of_leaf(split, start);
		Datum		weight = one;

		for (int64 k = 0; k < n; k++)
		{
			CHECK_FOR_INTERRUPTS();
			set_weight(split, start + k, weight);
			weight = DirectFunctionCall2(numeric_round, DirectFunctionCall2(numeric_mul, weight, times),
										 Int32GetDatum(20));
		}
		start += n;
	}
}

/* ------------------------------------------------------------ the table */

static const ts_split_method methods[] = {
	{"equal", TS_TAKES_NOT, TS_TAKES_NOT, TS_TAKES_NOT, TS_TAKES_NOT, false, ts_split_frame, settle_equal},
	{"history", TS_MAY_TAKE, TS_TAKES_NOT, TS_TAKES_NOT, TS_TAKES_NOT, false, ts_weigh_history, NULL},
	{"weights", TS_TAKES_NOT, TS_NEEDS, TS_TAKES_NOT, TS_TAKES_NOT, false, ts_weigh_given, ts_refuse_gaps},
	{"amounts", TS_TAKES_NOT, TS_NEEDS, TS_TAKES_NOT, TS_TAKES_NOT, true, ts_weigh_given, ts_settle_amounts},
	{"percent", TS_TAKES_NOT, TS_NEEDS, TS_TAKES_NOT, TS_TAKES_NOT, false, ts_weigh_given, settle_percent},
	{"blend", TS_TAKES_NOT, TS_TAKES_NOT, TS_NEEDS, TS_TAKES_NOT, false, ts_weigh_blend, NULL},
	{"increment", TS_MAY_TAKE, TS_MAY_TAKE, TS_MAY_TAKE, TS_TAKES_NOT, false, ts_weigh_increment, NULL},
	{"growth", TS_MAY_TAKE, TS_NEEDS, TS_TAKES_NOT, TS_TAKES_NOT, false, ts_weigh_growth, NULL},
	{"shrunk", TS_MAY_TAKE, TS_MAY_TAKE, TS_TAKES_NOT, TS_TAKES_NOT, false, ts_weigh_shrunk, NULL},
	{"seasonal", TS_MAY_TAKE, TS_MAY_TAKE, TS_TAKES_NOT, TS_TAKES_NOT, false, ts_weigh_seasonal, NULL},
	{"profile", TS_MAY_TAKE, TS_TAKES_NOT, TS_TAKES_NOT, TS_NEEDS, false, ts_weigh_history, NULL},
	{"copy", TS_MAY_TAKE, TS_TAKES_NOT, TS_TAKES_NOT, TS_NEEDS, false, ts_weigh_history, ts_settle_copy},
	{"straight_line", TS_TAKES_NOT, TS_NEEDS, TS_TAKES_NOT, TS_TAKES_NOT, false, weigh_straight_line, NULL},
	{"growth_curve", TS_TAKES_NOT, TS_NEEDS, TS_TAKES_NOT, TS_TAKES_NOT, false, weigh_growth_curve, NULL},
};

const ts_split_method *
ts_split_method_find(const char *name)
{
	for (int i = 0; i < (int) lengthof(methods); i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	return NULL;
}

static bool
reads_amounts(const ts_term *term)
{
	return term->method->weigh == ts_weigh_increment || term->method->settle == ts_settle_copy;
}

/* Do the weights follow from the amounts of the targets that are split? */
bool
ts_split_reads_amounts(const ts_split *split)
{
	bool		reads = reads_amounts(&split->main);

	for (int i = 0; i < split->n_axes; i++)
		reads |= split->level_term[i] && reads_amounts(split->level_term[i]);
	return reads;
}

/* 'equal', 'history' ... for a hint */
char *
ts_split_method_names(void)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < (int) lengthof(methods); i++)
		appendStringInfo(&buf, "%s'%s'", i == 0 ? "" :
						 i + 1 < (int) lengthof(methods) ? ", " : " or ", methods[i].name);
	return buf.data;
}
