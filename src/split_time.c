/*-------------------------------------------------------------------------
 *
 * split_time.c
 *	  The methods of split_target that know the time alone: no basis is read.
 *
 * Glossary
 *	  open days	of a cell: those of its period on which its members exist
 *				(split_days.c)
 *	  pattern	a few weights that are repeated from period to period
 *	  ramp		what somebody new is expected to do by months since the start, in
 *				percent of the full target, or as amounts; the last value goes on
 *	  start		of a cell: the latest first day of its members, of each dimension
 *				the deepest one's; of a person's employment too
 *
 * Method
 *	  days		weight = open days
 *	  workdays	weight = working days among the open days, by the calendar of the
 *				plan
 *	  ramp		months are those of the year, the first being the one of the start;
 *				weight = sum over the months of the value of the month x open days
 *				in it by days of the month, so a quarter is the sum of its months
 *
 * The part of a month that is open has at most 20 decimals, the last rounded;
 * as an amount it is rounded to the quantum.
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

#include "query.h"
#include "split.h"
#include "workdays.h"

#define DECIMALS 20
#define MONTHS_PER_YEAR 12

/* weights of a pattern, values of a ramp */
typedef struct number_list
{
	int			n;
	Datum	   *numbers;		/* numeric, none of them negative */
} number_list;

static Datum
numeric_of(int64 number)
{
	return DirectFunctionCall1(int8_numeric, Int64GetDatum(number));
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

/*
 * Nothing is expected of a closed cell, whatever its place in the order is; it
 * has a share until that is prorated
 */
static void
set_weight(ts_split *split, int64 cell, Datum weight)
{
	int			scale;

	if (split->cells.closed[cell] && !split->prorate)
		return;
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
void
ts_weigh_straight_line(ts_split *split)
{
	Datum		first = number_of(split, "first");
	Datum		step = DirectFunctionCall2(numeric_sub, number_of(split, "last"), first);

	frame_of_periods(split);
	for (int64 start = 0; start < split->cells.n;)
	{
		int64		n = cells_of_leaf(split, start);

		for (int64 k = 0; k < n; k++)
		{
			Datum		steps = numeric_of(k);
			Datum		last = numeric_of(Max(n - 1, 1));

			CHECK_FOR_INTERRUPTS();
			set_weight(split, start + k,
					   DirectFunctionCall2(numeric_add, DirectFunctionCall2(numeric_mul, first, last),
										   DirectFunctionCall2(numeric_mul, step, steps)));
		}
		start += n;
	}
}

/* Each period is 1 + rate times the one before it; 20 decimals are kept */
void
ts_weigh_growth_curve(ts_split *split)
{
	Datum		one = numeric_of(1);
	Datum		times = DirectFunctionCall2(numeric_add, one, number_of(split, "rate"));

	if (DatumGetInt32(DirectFunctionCall2(numeric_cmp, times, numeric_of(0))) <= 0)
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

/* ------------------------------------------------------------ days, workdays */

static void
visit_days(ts_split *split, int64 cell, ts_days period, ts_days open, const int32 *leaf_member, void *state)
{
	split->cells.weight[cell] = Max(open.upto - open.from, 0);
}

void
ts_weigh_days(ts_split *split)
{
	ts_split_frame(split);
	ts_split_visit_cells(split, visit_days, NULL);
}

static void
visit_workdays(ts_split *split, int64 cell, ts_days period, ts_days open, const int32 *leaf_member, void *state)
{
	const ts_workdays *workdays = state;
	DateADT		day;

	if (open.from >= open.upto)
		return;
	if (ts_workdays_unknown(workdays, open.from, open.upto, &day))
	{
		if (strcmp(split->on_missing, "error") == 0)
			ts_workdays_require(workdays, open.from, open.upto);
		split->cells.missing[cell] = true;
		return;
	}
	set_weight(split, cell, ts_scaled_to_numeric(ts_workdays_between(workdays, open.from, open.upto), TS_WORKDAY_SCALE));
}

void
ts_weigh_workdays(ts_split *split)
{
	const ts_node *start = &split->tree->nodes[0];

	ts_split_frame(split);
	ts_split_visit_cells(split, visit_workdays,
						 ts_workdays_load(split->tree->calendar_id, start->from, start->upto, split->context));
}

/* --------------------------------------------------------------- number lists */

static void
add_number(const ts_split *split, number_list *list, Datum number)
{
	if (DatumGetBool(DirectFunctionCall2(numeric_lt, number, numeric_of(0))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"weights\" of method \"%s\" must not be negative", split->term->method->name),
				 errdetail("Number %d is %s.", list->n + 1, DatumGetCString(DirectFunctionCall1(numeric_out, number)))));
	list->numbers[list->n++] = number;
}

/* Reads [4, 4, 5]; false if it is something else */
static bool
read_array(const ts_split *split, JsonbContainer *json, number_list *list)
{
	if (!JsonContainerIsArray(json) || JsonContainerIsScalar(json) || JsonContainerSize(json) == 0)
		return false;
	list->n = 0;
	list->numbers = palloc(sizeof(Datum) * JsonContainerSize(json));
	for (uint32 i = 0; i < JsonContainerSize(json); i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(json, i);

		CHECK_FOR_INTERRUPTS();
		if (value->type != jbvNumeric)
			return false;
		add_number(split, list, NumericGetDatum(value->val.numeric));
	}
	return true;
}

/* Reads "4 4 5", with spaces, commas or hyphens between; false if it is something else */
static bool
read_text(const ts_split *split, const char *text, number_list *list)
{
	static const char between[] = " ,-";
	static const char digits[] = "0123456789";

	list->n = 0;
	list->numbers = palloc(sizeof(Datum) * (strlen(text) / 2 + 1));
	for (text += strspn(text, between); *text; text += strspn(text, between))
	{
		size_t		length = strspn(text, digits);

		if (length > 0 && text[length] == '.')
			length += 1 + strspn(text + length + 1, digits);
		if (length == 0 || (text[length] && !strchr(between, text[length])))
			return false;
		add_number(split, list, DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(text, length)),
													ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
		text += length;
	}
	return list->n > 0;
}

/* ------------------------------------------------------------------- pattern */

static void
parse_pattern(const ts_split *split, number_list *pattern)
{
	Jsonb	   *json = split->term->weights;
	JsonbValue *value = json && JB_ROOT_IS_SCALAR(json) ? getIthJsonbValueFromContainer(&json->root, 0) : NULL;

	if (value && value->type == jbvString ?
		read_text(split, pnstrdup(value->val.string.val, value->val.string.len), pattern) :
		json && read_array(split, &json->root, pattern))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("method \"pattern\" needs a list of numbers in \"weights\""),
			 errhint("method => 'pattern', weights => '\"4 4 5\"', or weights => '[4, 4, 5]'")));
}

void
ts_weigh_pattern(ts_split *split)
{
	number_list pattern;

	parse_pattern(split, &pattern);
	frame_of_periods(split);
	for (int64 start = 0; start < split->cells.n;)
	{
		int64		n = cells_of_leaf(split, start);

		if (n % pattern.n != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 n < pattern.n ?
					 errmsg("the pattern is longer than %s", ts_split_leaf_name(split, split->cells.leaf[start])) :
					 errmsg("the pattern does not come out even in %s", ts_split_leaf_name(split, split->cells.leaf[start])),
					 errdetail("The pattern has %d weights, \"%s\" has %lld periods.", pattern.n,
							   split->axes[split->n_axes - 1].name, (long long) n),
					 errhint("A pattern of %lld weights, or of a number that goes into it, comes out even.", (long long) n)));
		for (int64 k = 0; k < n; k++)
		{
			CHECK_FOR_INTERRUPTS();
			set_weight(split, start + k, pattern.numbers[k % pattern.n]);
		}
		start += n;
	}
}

/* ---------------------------------------------------------------------- ramp */

typedef struct ramp
{
	number_list values;
	bool		amounts;
	bool		has_start;		/* in the call, for all cells */
	DateADT		start;
	int64		n_started;		/* cells that have a start */
} ramp;

static void
bad_ramp(const ts_split *split)
{
	bool		amounts = split->term->method->gives_amounts;

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 amounts ?
			 errmsg("method \"ramp_amounts\" needs a list of amounts by month in \"weights\"") :
			 errmsg("method \"ramp\" needs a list of percentages by month in \"weights\""),
			 amounts ?
			 errhint("method => 'ramp_amounts', weights => '[10000, 20000, 30000]'; with the start of all:"
					 " weights => '{\"start\": \"2024-05-01\", \"amounts\": [10000, 20000, 30000]}'") :
			 errhint("method => 'ramp', weights => '[0, 25, 50, 75, 100]'; with the start of all:"
					 " weights => '{\"start\": \"2024-05-01\", \"percent\": [0, 25, 50, 75, 100]}'")));
}

/* Reads [0, 25, 50] or {"start": "2024-05-01", "percent": [0, 25, 50]} */
static void
parse_ramp(const ts_split *split, ramp *r)
{
	Jsonb	   *json = split->term->weights;
	const char *key = r->amounts ? "amounts" : "percent";
	JsonbValue	value;
	int			n_keys = 1;

	if (json && read_array(split, &json->root, &r->values))
		return;
	if (!json || !JB_ROOT_IS_OBJECT(json) ||
		!getKeyJsonValueFromContainer(&json->root, key, strlen(key), &value) ||
		value.type != jbvBinary || !read_array(split, value.val.binary.data, &r->values))
		bad_ramp(split);
	if (getKeyJsonValueFromContainer(&json->root, "start", 5, &value))
	{
		n_keys++;
		if (value.type != jbvString ||
			!ts_day_from_text(pnstrdup(value.val.string.val, value.val.string.len), &r->start))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_DATETIME_FORMAT),
					 errmsg("\"start\" of a ramp must be a day"),
					 errhint("{\"start\": \"2024-05-01\", \"%s\": [..]}", key)));
		r->has_start = true;
	}
	if (JB_ROOT_COUNT(json) != (uint32) n_keys)
		bad_ramp(split);
}

/* The start of a cell, DATEVAL_NOBEGIN if it has been there always */
static DateADT
start_of_cell(const ts_split *split, int64 cell, const int32 *leaf_member)
{
	const int32 *keys = split->cells.keys + cell * split->n_axes;
	const ts_tree *tree = split->tree;
	DateADT		start = DATEVAL_NOBEGIN;

	for (int dim = 0; dim < tree->n_dims; dim++)
	{
		int32		member = leaf_member[dim];

		for (int i = 0; i < split->n_axes; i++)
			if (!split->axes[i].is_time && split->axes[i].dim == dim)
				member = keys[i];
		if (member >= 0)
			start = Max(start, tree->members->members[member].valid_from);
	}
	return start;
}

/* A value times days by days of a month */
static Datum
part_of_month(const ts_split *split, const ramp *r, Datum value, int days, int days_of_month)
{
	Datum		unit;

	if (days == days_of_month)
		return value;
	value = DirectFunctionCall2(numeric_mul, value, numeric_of(days));
	if (!r->amounts)
		/* the dividend has so many decimals that the quotient has them too */
		return DirectFunctionCall2(numeric_round,
								   DirectFunctionCall2(numeric_div,
													   DirectFunctionCall2(numeric_round, value, Int32GetDatum(2 * DECIMALS)),
													   numeric_of(days_of_month)),
								   Int32GetDatum(DECIMALS));
	unit = ts_units_to_numeric(1, &split->tree->quantum);
	value = DirectFunctionCall2(numeric_div, value,
								DirectFunctionCall2(numeric_mul, unit,
													numeric_of(days_of_month)));
	return DirectFunctionCall2(numeric_mul, DirectFunctionCall2(numeric_round, value, Int32GetDatum(0)), unit);
}

static void
visit_ramp(ts_split *split, int64 cell, ts_days period, ts_days open, const int32 *leaf_member, void *state)
{
	ramp	   *r = state;
	DateADT		start = r->has_start ? r->start : start_of_cell(split, cell, leaf_member);
	Datum		weight = numeric_of(0);
	int			start_month = 0;
	int			year,
				month,
				mday;

	r->n_started += !DATE_IS_NOBEGIN(start);
	if (!DATE_IS_NOBEGIN(start))
	{
		ts_day_to_ymd(start, &year, &month, &mday);
		start_month = year * MONTHS_PER_YEAR + month;
	}
	for (DateADT day = Max(open.from, start), next; day < open.upto; day = next)
	{
		DateADT		first;
		int64		k = r->values.n - 1;

		CHECK_FOR_INTERRUPTS();
		ts_day_to_ymd(day, &year, &month, &mday);
		first = day - mday + 1;
		next = month == MONTHS_PER_YEAR ? ts_ymd_to_day(year + 1, 1, 1) : ts_ymd_to_day(year, month + 1, 1);
		if (!DATE_IS_NOBEGIN(start))
			k = Min(k, year * MONTHS_PER_YEAR + month - start_month);
		weight = DirectFunctionCall2(numeric_add, weight,
									 part_of_month(split, r, r->values.numbers[k],
												   Min(next, open.upto) - day, next - first));
	}
	set_weight(split, cell, weight);
}

void
ts_weigh_ramp(ts_split *split)
{
	ramp		r = {.amounts = split->term->method->gives_amounts};

	parse_ramp(split, &r);
	ts_split_frame(split);
	ts_split_visit_cells(split, visit_ramp, &r);
	if (r.n_started == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("no part of the split has a day from which it is there"),
				 errdetail("A ramp begins on the first day on which a member is valid, or a person is employed."),
				 errhint("Say when all begin: weights => '{\"start\": \"2024-05-01\", \"%s\": [..]}'",
						 r.amounts ? "amounts" : "percent")));
}

/* ------------------------------------------------------------------- prorate */

/*
 * Days of a period, or in units working days where these are given.  All days
 * count alike in a period whose holidays are not known, if on_missing says that
 * something is to be done there.
 */
static int64
days_of(const ts_split *split, const ts_workdays *workdays, ts_days period, ts_days days)
{
	DateADT		day;

	if (days.from >= days.upto)
		return 0;
	if (workdays == NULL)
		return days.upto - days.from;
	if (ts_workdays_unknown(workdays, period.from, period.upto, &day))
	{
		if (strcmp(split->on_missing, "error") == 0)
			ts_workdays_require(workdays, period.from, period.upto);
		return days.upto - days.from;
	}
	return ts_workdays_between(workdays, days.from, days.upto);
}

/* weight x part / whole, with 20 decimals more than the weights have */
static Datum
part_of_weight(const ts_split *split, Datum weight, Datum part, Datum whole)
{
	int			decimals = split->scale + DECIMALS;

	/* the dividend has so many decimals that the quotient has them too */
	weight = DirectFunctionCall2(numeric_round, DirectFunctionCall2(numeric_mul, weight, part), Int32GetDatum(decimals));
	return DirectFunctionCall2(numeric_round, DirectFunctionCall2(numeric_div, weight, whole), Int32GetDatum(decimals));
}

static void
visit_prorate(ts_split *split, int64 cell, ts_days period, ts_days open, const int32 *leaf_member, void *state)
{
	const ts_workdays *workdays = state;
	int64		part;
	int64		whole;
	int			scale;
	DateADT		day;

	split->cells.scale[cell] = split->scale;
	if (split->cells.weight[cell] == 0 || (open.from == period.from && open.upto == period.upto))
		return;
	whole = days_of(split, workdays, period, period);
	part = days_of(split, workdays, period, open);
	if (open.from >= open.upto)
		split->cells.closed[cell] = true;
	else if (whole == 0)
		/* of days that do not count, some are as good as all */
		return;
	else if (workdays && ts_workdays_unknown(workdays, period.from, period.upto, &day))
	{
		bool		none = strcmp(split->on_missing, "zero") == 0;

		part = none ? 0 : part;
		if (split->cells.fallback[cell] == TS_FALLBACK_NONE)
			split->cells.fallback[cell] = none ? TS_MISSING_ZERO : TS_MISSING_EQUAL;
	}
	ts_weight_from_numeric(part == 0 ? numeric_of(0) :
						   part_of_weight(split, ts_scaled_to_numeric(split->cells.weight[cell], split->scale),
										  numeric_of(part), numeric_of(whole)),
						   &split->cells.weight[cell], &scale);
	split->cells.scale[cell] = scale;
}

/* Behind the cells from one on that are of one leaf and the same periods above members */
static int64
end_of_period(const ts_split *split, int n_leading, int64 first)
{
	const ts_cells *cells = &split->cells;
	const int32 *keys = cells->keys + first * split->n_axes;
	int64		last = first + 1;

	while (last < cells->n && cells->leaf[last] == cells->leaf[first] &&
		   memcmp(cells->keys + last * split->n_axes, keys, sizeof(int32) * n_leading) == 0)
		last++;
	return last;
}

/* The sum of the weights of cells first ... last - 1, each at its scale */
static Datum
sum_of_cells(const ts_split *split, int64 first, int64 last)
{
	Datum		sum = numeric_of(0);

	for (int64 i = first; i < last; i++)
	{
		CHECK_FOR_INTERRUPTS();
		sum = DirectFunctionCall2(numeric_add, sum, ts_scaled_to_numeric(split->cells.weight[i], split->cells.scale[i]));
	}
	return sum;
}

/*
 * Brings cells first ... last - 1, which share a period, back to the weight that
 * the period had; of this the part on which the members of the leaf exist
 */
static void
keep_period(ts_split *split, const ts_workdays *workdays, int n_leading, int64 first, int64 last, Datum before)
{
	const ts_node *node = &split->tree->nodes[split->leaves[split->cells.leaf[first]]];
	ts_days		leaf_days = ts_split_leaf_days(split, split->cells.leaf[first]);
	ts_days		period = {node->from, node->upto};
	ts_days		open;
	Datum		after = sum_of_cells(split, first, last);

	for (int i = 0; i < n_leading; i++)
		ts_axis_bucket(split->tree, &split->axes[i], split->cells.keys[first * split->n_axes + i], &period.from, &period.upto);
	open.from = Max(period.from, leaf_days.from);
	open.upto = Min(period.upto, leaf_days.upto);
	if (open.from > period.from || open.upto < period.upto)
	{
		int64		whole = days_of(split, workdays, period, period);

		/* of days that do not count, some are as good as all */
		if (whole > 0)
			before = part_of_weight(split, before, numeric_of(days_of(split, workdays, period, open)), numeric_of(whole));
	}
	if (DatumGetInt32(DirectFunctionCall2(numeric_cmp, after, numeric_of(0))) <= 0 ||
		DatumGetBool(DirectFunctionCall2(numeric_eq, after, before)))
		return;
	for (int64 i = first; i < last; i++)
	{
		int			scale;

		CHECK_FOR_INTERRUPTS();
		ts_weight_from_numeric(part_of_weight(split, ts_scaled_to_numeric(split->cells.weight[i], split->cells.scale[i]),
											  before, after), &split->cells.weight[i], &scale);
		split->cells.scale[i] = scale;
	}
}

/*
 * Gives parts that exist on some days of their period only that part of their
 * weights; what they lose is shared by all.  Where periods stand above members
 * they keep their weights, and what a member loses is shared within the period.
 */
void
ts_split_prorate(ts_split *split)
{
	const ts_node *start = &split->tree->nodes[0];
	ts_cells   *cells = &split->cells;
	ts_workdays *workdays = NULL;
	int			n_leading = 0;
	ts_int128  *before;
	MemoryContext periods;
	ts_name_list without = {0};

	if (strcmp(split->prorate, "workdays") == 0)
		workdays = ts_workdays_load(split->tree->calendar_id, start->from, start->upto, split->context);
	while (n_leading < split->n_axes && split->axes[n_leading].is_time)
		n_leading++;
	if (n_leading == split->n_axes)
		n_leading = 0;

	/* per first cell of a period above */
	before = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * (cells->n + 1));
	for (int64 first = 0, last; n_leading > 0 && first < cells->n; first = last)
	{
		last = end_of_period(split, n_leading, first);
		before[first] = 0;
		for (int64 i = first; i < last; i++)
		{
			CHECK_FOR_INTERRUPTS();
			before[first] += cells->weight[i];
		}
	}
	ts_split_visit_cells(split, visit_prorate, workdays);
	periods = AllocSetContextCreate(split->context, "target_split periods", ALLOCSET_DEFAULT_SIZES);
	for (int64 first = 0, last; n_leading > 0 && first < cells->n; first = last)
	{
		MemoryContext old = MemoryContextSwitchTo(periods);

		CHECK_FOR_INTERRUPTS();
		last = end_of_period(split, n_leading, first);
		keep_period(split, workdays, n_leading, first, last, ts_scaled_to_numeric(before[first], split->scale));
		MemoryContextSwitchTo(old);
		MemoryContextReset(periods);
	}
	MemoryContextDelete(periods);
	pfree(before);

	for (int64 first = 0, last; first < cells->n; first = last)
	{
		int32		leaf = cells->leaf[first];
		bool		any = split->units[leaf] == 0;

		CHECK_FOR_INTERRUPTS();
		last = first + cells_of_leaf(split, first);
		for (int64 i = first; i < last; i++)
			any |= cells->weight[i] != 0;
		if (!any)
			ts_name_list_add(&without, ts_name_list_full(&without) ? "" : ts_split_leaf_name(split, leaf));
	}
	if (without.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DIVISION_BY_ZERO),
				 errmsg("no part of %lld of %d targets exists on a day that counts",
						(long long) without.n, split->n_leaves),
				 errdetail_internal("%s.", ts_name_list_text(&without)),
				 errhint("prorate => 'days' counts all days.")));
	split->scale = ts_weights_align(cells->n, cells->weight, cells->scale);
}
