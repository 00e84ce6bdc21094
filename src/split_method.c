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
 *	  linked	like a history, without a step between targets (split_linked.c)
 *	  shrunk	history, pulled towards the product of its margins (split_shrunk.c)
 *	  seasonal	periods by the season's index and their working days (split_seasonal.c)
 *	  profile	like other targets or actuals, with a lag (split_history.c)
 *	  copy		the same, and their amounts times a factor must be the target
 *	  margins	like a history or another seed, so that several margins fit
 *				(split_margins.c)
 *	  straight_line, growth_curve
 *				from period to period by equal steps, or by a rate
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "split.h"

/* ---------------------------------------------------------------- equal */

/* How many siblings there are is known when all cells are there */
static void
settle_equal(ts_split *split)
{
	/* what is closed has a share until that is prorated, or its siblings would have it */
	if (split->prorate)
		memset(split->cells.closed, 0, sizeof(bool) * split->cells.n);
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

/* ------------------------------------------------------------ the table */

static const ts_split_method methods[] = {
	{"equal", TS_TAKES_NOT, TS_TAKES_NOT, TS_TAKES_NOT, TS_TAKES_NOT, false, TS_MAY_TAKE, ts_split_frame, settle_equal},
	{"history", TS_MAY_TAKE, TS_TAKES_NOT, TS_TAKES_NOT, TS_TAKES_NOT, false, TS_MAY_TAKE, ts_weigh_history, NULL},
	{"weights", TS_TAKES_NOT, TS_NEEDS, TS_TAKES_NOT, TS_TAKES_NOT, false, TS_MAY_TAKE, ts_weigh_given, ts_refuse_gaps},
	{"amounts", TS_TAKES_NOT, TS_NEEDS, TS_TAKES_NOT, TS_TAKES_NOT, true, TS_TAKES_NOT, ts_weigh_given, ts_settle_amounts},
	{"percent", TS_TAKES_NOT, TS_NEEDS, TS_TAKES_NOT, TS_TAKES_NOT, false, TS_TAKES_NOT, ts_weigh_given, settle_percent},
	{"blend", TS_TAKES_NOT, TS_TAKES_NOT, TS_NEEDS, TS_TAKES_NOT, false, TS_MAY_TAKE, ts_weigh_blend, NULL},
	{"increment", TS_MAY_TAKE, TS_MAY_TAKE, TS_MAY_TAKE, TS_TAKES_NOT, false, TS_TAKES_NOT, ts_weigh_increment, NULL},
	{"growth", TS_MAY_TAKE, TS_NEEDS, TS_TAKES_NOT, TS_TAKES_NOT, false, TS_MAY_TAKE, ts_weigh_growth, NULL},
	{"linked", TS_MAY_TAKE, TS_MAY_TAKE, TS_TAKES_NOT, TS_TAKES_NOT, false, TS_TAKES_NOT, ts_weigh_linked, NULL},
	{"shrunk", TS_MAY_TAKE, TS_MAY_TAKE, TS_TAKES_NOT, TS_TAKES_NOT, false, TS_MAY_TAKE, ts_weigh_shrunk, NULL},
	{"seasonal", TS_MAY_TAKE, TS_MAY_TAKE, TS_TAKES_NOT, TS_TAKES_NOT, false, TS_TAKES_NOT, ts_weigh_seasonal, NULL},
	{"profile", TS_MAY_TAKE, TS_TAKES_NOT, TS_TAKES_NOT, TS_NEEDS, false, TS_MAY_TAKE, ts_weigh_history, NULL},
	{"copy", TS_MAY_TAKE, TS_TAKES_NOT, TS_TAKES_NOT, TS_NEEDS, false, TS_TAKES_NOT, ts_weigh_history, ts_settle_copy},
	{"margins", TS_MAY_TAKE, TS_MAY_TAKE, TS_MAY_TAKE, TS_MAY_TAKE, false, TS_TAKES_NOT, ts_weigh_margins, NULL},
	{"straight_line", TS_TAKES_NOT, TS_NEEDS, TS_TAKES_NOT, TS_TAKES_NOT, false, TS_MAY_TAKE, ts_weigh_straight_line, NULL},
	{"growth_curve", TS_TAKES_NOT, TS_NEEDS, TS_TAKES_NOT, TS_TAKES_NOT, false, TS_MAY_TAKE, ts_weigh_growth_curve, NULL},
	{"days", TS_TAKES_NOT, TS_TAKES_NOT, TS_TAKES_NOT, TS_TAKES_NOT, false, TS_TAKES_NOT, ts_weigh_days, NULL},
	{"workdays", TS_TAKES_NOT, TS_TAKES_NOT, TS_TAKES_NOT, TS_TAKES_NOT, false, TS_TAKES_NOT, ts_weigh_workdays, NULL},
	{"pattern", TS_TAKES_NOT, TS_NEEDS, TS_TAKES_NOT, TS_TAKES_NOT, false, TS_MAY_TAKE, ts_weigh_pattern, NULL},
	{"ramp", TS_TAKES_NOT, TS_NEEDS, TS_TAKES_NOT, TS_TAKES_NOT, false, TS_TAKES_NOT, ts_weigh_ramp, NULL},
	{"ramp_amounts", TS_TAKES_NOT, TS_NEEDS, TS_TAKES_NOT, TS_TAKES_NOT, true, TS_TAKES_NOT, ts_weigh_ramp, ts_settle_amounts},
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
	return term->method->weigh == ts_weigh_increment || term->method->weigh == ts_weigh_linked ||
		term->method->weigh == ts_weigh_margins || term->method->settle == ts_settle_copy;
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

static bool
reads_others(const ts_term *term)
{
	return term->method->weigh == ts_weigh_linked || term->method->weigh == ts_weigh_seasonal ||
		term->method->weigh == ts_weigh_ramp || term->method->weigh == ts_weigh_margins;
}

/* Does "members" say how many, for some level? */
static bool
counts_members(const ts_split *split)
{
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;

	if (!split->members_arg || JB_ROOT_IS_SCALAR(split->members_arg))
		return split->members_arg != NULL;
	it = JsonbIteratorInit(&split->members_arg->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
		if (token == WJB_VALUE && value.type != jbvBinary)
			return true;
	return false;
}

/*
 * Do the weights of a target's parts follow from what other targets the call
 * splits?  A chain goes on in the next one, a season is that of all beside it,
 * a ramp must begin somewhere, a profile is what the others have, and the
 * biggest members are those of all periods.
 */
bool
ts_split_reads_others(const ts_split *split)
{
	bool		reads = reads_others(&split->main) || strcmp(split->on_missing, "parent") == 0 ||
		strcmp(split->on_zero, "parent") == 0 || strcmp(split->on_negative, "parent") == 0 || counts_members(split);

	for (int i = 0; i < split->n_axes; i++)
		reads |= split->level_term[i] && reads_others(split->level_term[i]);
	for (int i = 0; i < split->main.n_terms; i++)
		reads |= reads_others(&split->main.terms[i]);
	return reads;
}

/* Do the weights of parts follow from those that keep their amounts? */
bool
ts_split_reads_kept(const ts_split *split)
{
	bool		reads = split->main.method->weigh == ts_weigh_linked;

	for (int i = 0; i < split->n_axes; i++)
		reads |= split->level_term[i] && split->level_term[i]->method->weigh == ts_weigh_linked;
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
