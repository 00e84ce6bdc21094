/*-------------------------------------------------------------------------
 *
 * split_policy.c
 *	  on_missing, on_zero and on_negative: what a split does where the weights
 *	  are missing, all zero, or below zero.
 *
 * Glossary
 *	  gap		a cell whose weight is to be found from others: its basis is
 *				missing, or negative and on_negative says so
 *	  profile	weights of the same keys added up over the leaves beside a leaf
 *	  group		a new target that has parts, and the leaf itself
 *	  net		sum of a group's weights, negative ones included
 *
 * Method
 *	  Negative weights first, so that nothing is measured by them:
 *
 *	  zero		weight 0; the group's others have that much more together
 *	  absolute	the weight without its sign
 *	  spread	weight 0, and the siblings give in proportion what it was below 0,
 *				so that their group keeps its net.  A group whose net is negative
 *				is itself a negative part of the group above.
 *	  equal, parent
 *				a gap, filled as below
 *
 *	  Then gaps: 0, as much as a cell of the leaf has on average, or what the
 *	  profile says in proportion to the cells that have a weight.  At last leaves
 *	  that have an amount and no weight at all: alike, or by the profile.
 *
 *	  Nets are shared in whole numbers by the largest remainder, so a group's
 *	  weights add up to its net exactly; six more decimals keep the proportions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "engine/apportion.h"
#include "engine/bounded.h"
#include "split.h"

const char *const ts_fallback_names[] = {
	NULL,
	"missing: zero",
	"missing: equal",
	"missing: parent",
	"zero: equal",
	"zero: parent",
	"negative: zero",
	"negative: absolute",
	"negative: spread",
	"negative: carried",
	"negative: equal",
	"negative: parent"
};

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

static char *
weight_text(const ts_split *split, ts_int128 weight)
{
	Datum		number = ts_scaled_to_numeric(weight, split->scale);

	return DatumGetCString(DirectFunctionCall1(numeric_out, DirectFunctionCall1(numeric_trim_scale, number)));
}

static void
list_cell(const ts_split *split, ts_name_list *list, int64 cell, bool with_weight)
{
	char	   *name;

	if (ts_name_list_full(list))
	{
		ts_name_list_add(list, "");
		return;
	}
	name = ts_split_cell_name(split, cell);
	if (with_weight)
		name = psprintf("%s (%s)", name, weight_text(split, split->cells.weight[cell]));
	ts_name_list_add(list, name);
}

/* Makes room for averages: six more decimals, as far as weights can be */
static void
add_decimals(ts_split *split)
{
	ts_cells   *cells = &split->cells;
	ts_int128	most = 0;

	for (int64 i = 0; i < cells->n; i++)
		most = Max(most, cells->weight[i]);
	for (int i = 0; i < 6 && most <= TS_LARGEST_WEIGHT / 10; i++, most *= 10)
	{
		CHECK_FOR_INTERRUPTS();
		for (int64 j = 0; j < cells->n; j++)
			cells->weight[j] *= 10;
		split->scale++;
	}
}

/* Is this the word of an option? */
static bool
says(const char *option, const char *word)
{
	return strcmp(option, word) == 0;
}

/* -------------------------------------------------------------- negative */

/*
 * Shares the net of each group of one leaf among the children whose own net is
 * above zero, from the top down.  weight[] has the cells' weights where nodes
 * have no children, and is set to what each node gets; net is the leaf's.
 */
static void
share_nets(int64 n, const int32_t *parent, ts_int128 *weight, ts_int128 net, MemoryContext context)
{
	int32	   *member = MemoryContextAllocHuge(context, sizeof(int32) * (n + 1));
	int32	   *start = MemoryContextAllocHuge(context, sizeof(int32) * (n + 2));
	ts_int128  *above_zero = MemoryContextAllocHuge(context, sizeof(ts_int128) * (n + 1));
	ts_int128  *share = MemoryContextAllocHuge(context, sizeof(ts_int128) * (n + 1));

	if (ts_list_siblings(n, parent, member, start, check_interrupts) != TS_OK)
		elog(ERROR, "parts of a split are not in order");
	for (int64 group = 0; group <= n; group++)
	{
		int64		first = start[group];
		int64		count = start[group + 1] - first;
		ts_int128	total = group == 0 ? net : weight[group - 1];
		ts_cut		cut;

		if (count == 0)
			continue;
		for (int64 i = 0; i < count; i++)
			above_zero[i] = total > 0 ? Max(weight[member[first + i]], 0) : 0;
		if (ts_apportion128(count, above_zero, total, NULL, share, &cut, check_interrupts) != TS_OK)
			elog(ERROR, "net of a group could not be shared");
		for (int64 i = 0; i < count; i++)
			weight[member[first + i]] = share[i];
	}
	pfree(member);
	pfree(start);
	pfree(above_zero);
	pfree(share);
}

/* Takes what is below zero from the siblings, or from those of the group */
static void
spread_negative(ts_split *split)
{
	ts_cells   *cells = &split->cells;
	ts_split_nodes nodes = {0};
	ts_name_list below = {0};
	int64		cell = 0;

	add_decimals(split);
	ts_split_lay_out(split, &nodes);
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
	{
		int64		first = nodes.first[leaf];
		int64		n = nodes.first[leaf + 1] - first;
		ts_int128	net = 0;
		bool		any_negative = false;

		for (int64 i = n; i-- > 0;)
		{
			int32		parent = nodes.parent[first + i];
			ts_int128	weight = nodes.weight[first + i];

			CHECK_FOR_INTERRUPTS();
			any_negative |= weight < 0;
			if (parent < 0)
				net += weight;
			else
				nodes.weight[first + parent] += weight;
		}
		any_negative &= !ts_split_is_given(split, leaf);
		if (any_negative && net <= 0 && split->units[leaf] != 0)
			ts_name_list_add(&below, ts_name_list_full(&below) ? "" :
							 psprintf("%s: %s", ts_split_leaf_name(split, leaf),
									  weight_text(split, net)));
		if (any_negative)
			share_nets(n, nodes.parent + first, nodes.weight + first, Max(net, 0), split->context);

		/* nodes without children come in the order of the cells */
		for (int64 node = first; node < first + n; node++)
		{
			ts_int128	weight = nodes.weight[node];

			if (nodes.n_children[node] > 0)
				continue;
			if (any_negative && weight != cells->weight[cell])
			{
				cells->weight[cell] = weight;
				cells->fallback[cell] = weight == 0 ? TS_NEGATIVE_SPREAD : TS_NEGATIVE_CARRIED;
			}
			cell++;
		}
	}
	ts_split_free_nodes(&nodes);
	if (below.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("what is negative cannot be spread within %lld of %d targets",
						(long long) below.n, split->n_leaves),
				 errdetail("The weights of their parts add up to zero or less: %s.", ts_name_list_text(&below)),
				 errhint("on_negative => 'zero', on_negative => 'absolute' or on_negative => 'equal'")));
}

/* Weights below zero: refused, or what on_negative says */
static void
settle_negative(ts_split *split)
{
	ts_cells   *cells = &split->cells;
	ts_name_list list = {0};
	bool		spread = false;

	for (int64 i = 0; i < cells->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (cells->weight[i] >= 0 || ts_split_is_given(split, cells->leaf[i]))
			continue;
		if (says(split->on_negative, "zero"))
		{
			cells->weight[i] = 0;
			cells->fallback[i] = TS_NEGATIVE_ZERO;
		}
		else if (says(split->on_negative, "absolute"))
		{
			cells->weight[i] = -cells->weight[i];
			cells->fallback[i] = TS_NEGATIVE_ABSOLUTE;
		}
		else if (says(split->on_negative, "spread"))
			spread = true;
		else if (says(split->on_negative, "equal") || says(split->on_negative, "parent"))
		{
			cells->weight[i] = 0;
			cells->missing[i] = true;
			cells->fallback[i] = says(split->on_negative, "equal") ? TS_NEGATIVE_EQUAL : TS_NEGATIVE_PARENT;
		}
		else
			list_cell(split, &list, i, true);
	}
	if (spread)
		spread_negative(split);
	if (list.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 split->term->method->basis != TS_TAKES_NOT ?
				 errmsg("basis is negative for %lld of %lld parts",
						(long long) list.n, (long long) cells->n) :
				 errmsg("weights are negative for %lld of %lld parts",
						(long long) list.n, (long long) cells->n),
				 errdetail_internal("%s.", ts_name_list_text(&list)),
				 errhint("on_negative => 'zero', on_negative => 'absolute', on_negative => 'spread',"
						 " on_negative => 'equal' or on_negative => 'parent'")));
}

/* ------------------------------------------------------ missing and zero */

/* Weight of the same keys over all leaves under one parent */
typedef struct profile_key
{
	int32		parent;			/* node above the leaf, -1 for all leaves */
	int32		keys[TS_MAX_AXES];
} profile_key;

typedef struct profile_entry
{
	profile_key key;
	ts_int128	weight;
} profile_entry;

static profile_entry *
profile_find(HTAB *profiles, const ts_split *split, int64 cell, bool all, HASHACTION action)
{
	profile_key key;
	bool		found;
	profile_entry *entry;

	memset(&key, 0, sizeof(key));
	key.parent = all ? -1 : split->tree->nodes[split->leaves[split->cells.leaf[cell]]].parent;
	memcpy(key.keys, split->cells.keys + cell * split->n_axes, sizeof(int32) * split->n_axes);
	entry = hash_search(profiles, &key, action, &found);
	if (entry && !found)
		entry->weight = 0;
	return entry;
}

/*
 * The parents' profiles: weights of the same keys added up over the leaves
 * of one parent, and over all leaves of the call
 */
static HTAB *
make_profiles(const ts_split *split)
{
	HASHCTL		ctl = {0};
	HTAB	   *profiles;

	ctl.keysize = sizeof(profile_key);
	ctl.entrysize = sizeof(profile_entry);
	ctl.hcxt = split->context;
	profiles = hash_create("target_split profiles", 1024, &ctl,
						   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int64 i = 0; i < split->cells.n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (split->cells.missing[i])
			continue;
		profile_find(profiles, split, i, false, HASH_ENTER)->weight += split->cells.weight[i];
		profile_find(profiles, split, i, true, HASH_ENTER)->weight += split->cells.weight[i];
	}
	return profiles;
}

static ts_int128
profile_weight(HTAB *profiles, const ts_split *split, int64 cell, bool all)
{
	profile_entry *entry = profile_find(profiles, split, cell, all, HASH_FIND);

	return entry ? entry->weight : 0;
}

/* a * b / c as a whole number, of numbers too large for 128 bits between */
static ts_int128
times_over(ts_int128 a, ts_int128 b, ts_int128 c)
{
	Datum		product = DirectFunctionCall2(numeric_mul, ts_scaled_to_numeric(a, 0),
											  ts_scaled_to_numeric(b, 0));
	Datum		quotient = DirectFunctionCall2(numeric_div_trunc, product,
											   ts_scaled_to_numeric(c, 0));
	ts_quantum	one = {1, 0};

	return ts_units_from_numeric(quotient, &one, "weight");
}

/* What a gap is filled by; TS_FALLBACK_NONE: nobody said */
static ts_fallback
gap_fallback(const ts_split *split, int64 cell)
{
	/* settle_negative() has said it */
	if (split->cells.fallback[cell] != TS_FALLBACK_NONE)
		return (ts_fallback) split->cells.fallback[cell];
	if (says(split->on_missing, "zero"))
		return TS_MISSING_ZERO;
	if (says(split->on_missing, "equal"))
		return TS_MISSING_EQUAL;
	return says(split->on_missing, "parent") ? TS_MISSING_PARENT : TS_FALLBACK_NONE;
}

static bool
is_gap(const ts_split *split, int64 cell, ts_fallback fallback, ts_fallback other)
{
	ts_fallback by;

	if (!split->cells.missing[cell])
		return false;
	by = gap_fallback(split, cell);
	return by == fallback || by == other;
}

static bool
is_gap_by_profile(const ts_split *split, int64 cell)
{
	return is_gap(split, cell, TS_MISSING_PARENT, TS_NEGATIVE_PARENT);
}

static bool
is_gap_by_average(const ts_split *split, int64 cell)
{
	return is_gap(split, cell, TS_MISSING_EQUAL, TS_NEGATIVE_EQUAL);
}

/* Gaps that nothing could fill */
typedef struct gap_lists
{
	ts_name_list missing;
	ts_name_list negative;
} gap_lists;

static void
list_gap(const ts_split *split, gap_lists *lists, int64 cell)
{
	bool		negative = gap_fallback(split, cell) == TS_NEGATIVE_PARENT;

	if (ts_split_is_beside(split, split->cells.leaf[cell]))
		return;
	list_cell(split, negative ? &lists->negative : &lists->missing, cell, false);
}

/*
 * Gives cells of first ... last - 1 of one leaf the profile of the leaf's
 * parent, or where that is zero that of all leaves: all cells, or the gaps that
 * are to be filled by it.  False if both are zero.
 */
static bool
take_profile(ts_split *split, HTAB *profiles, int64 first, int64 last, bool gaps)
{
	for (int all = 0; all <= 1; all++)
	{
		ts_int128	most = 0;

		for (int64 i = first; i < last; i++)
		{
			if (gaps ? !is_gap_by_profile(split, i) : split->cells.closed[i])
				continue;
			split->cells.weight[i] = profile_weight(profiles, split, i, all);
			split->cells.fallback[i] = gaps ? gap_fallback(split, i) : TS_ZERO_PARENT;
			most = Max(most, split->cells.weight[i]);
		}
		/* sums over many leaves may be larger than a weight can be */
		for (; most > TS_LARGEST_WEIGHT; most /= 10)
			for (int64 i = first; i < last; i++)
				split->cells.weight[i] /= 10;
		if (most > 0)
			return true;
	}
	return false;
}

/*
 * Gives the gaps of one leaf what the profile says in proportion to the cells
 * that have a weight, which is known in all.  Those that the profile does not know
 * either go to the lists.
 */
static void
complete_by_profile(ts_split *split, HTAB *profiles, int64 first, int64 last,
					ts_int128 known, gap_lists *lists)
{
	ts_cells   *cells = &split->cells;

	for (int64 i = first; i < last; i++)
	{
		bool		found = false;

		if (!is_gap_by_profile(split, i))
			continue;
		for (int all = 0; all <= 1 && !found; all++)
		{
			ts_int128	here = profile_weight(profiles, split, i, all);
			ts_int128	there = 0;

			for (int64 j = first; j < last && here > 0; j++)
				if (!cells->missing[j])
					there += profile_weight(profiles, split, j, all);
			if (here <= 0 || there <= 0)
				continue;
			CHECK_FOR_INTERRUPTS();
			cells->weight[i] = times_over(here, known, there);
			cells->fallback[i] = gap_fallback(split, i);
			found = true;
		}
		if (!found)
			list_gap(split, lists, i);
	}
}

/* Fills the gaps among the cells first ... last - 1 of one leaf */
static void
fill_gaps(ts_split *split, HTAB *profiles, int64 first, int64 last, gap_lists *lists)
{
	ts_cells   *cells = &split->cells;
	ts_int128	sum = 0;		/* of the cells that are no gaps */
	int64		n_known = 0;
	ts_int128	sum_by_profile = 0;
	int64		n_by_profile = 0;

	for (int64 i = first; i < last; i++)
	{
		CHECK_FOR_INTERRUPTS();
		n_by_profile += is_gap_by_profile(split, i);
		if (cells->missing[i] || cells->closed[i])
			continue;
		n_known++;
		sum += cells->weight[i];
	}
	if (n_by_profile > 0 && n_known > 0)
		complete_by_profile(split, profiles, first, last, sum, lists);
	else if (n_by_profile > 0 && !take_profile(split, profiles, first, last, true))
		for (int64 i = first; i < last; i++)
			if (is_gap_by_profile(split, i))
				list_gap(split, lists, i);
	for (int64 i = first; i < last; i++)
		if (is_gap_by_profile(split, i))
			sum_by_profile += cells->weight[i];
	if (n_known == 0)
	{
		sum = sum_by_profile;
		n_known = n_by_profile;
	}
	for (int64 i = first; i < last; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_gap_by_average(split, i))
			/* as much as a sibling has on average */
			cells->weight[i] = n_known > 0 && sum > 0 ?
				Max((sum + n_known / 2) / n_known, 1) : 1;
		else if (!cells->missing[i] || is_gap_by_profile(split, i))
			continue;
		else if (gap_fallback(split, i) == TS_FALLBACK_NONE)
			list_gap(split, lists, i);
		cells->fallback[i] = gap_fallback(split, i);
	}
}

/* Gaps, and leaves without any weight, leaf by leaf */
static void
settle_missing_and_zero(ts_split *split)
{
	ts_cells   *cells = &split->cells;
	HTAB	   *profiles = NULL;
	gap_lists	lists = {0};
	ts_name_list zero = {0};
	bool		by_average = false;
	bool		by_profile = false;

	for (int64 i = 0; i < cells->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		by_average |= is_gap_by_average(split, i);
		by_profile |= is_gap_by_profile(split, i);
	}
	if (by_average || by_profile)
		add_decimals(split);
	if (by_profile || says(split->on_zero, "parent"))
		profiles = make_profiles(split);

	for (int64 first = 0, last; first < cells->n; first = last)
	{
		int32		leaf = cells->leaf[first];
		ts_int128	sum = 0;
		bool		any_gap = false;

		for (last = first; last < cells->n && cells->leaf[last] == leaf; last++)
			any_gap |= cells->missing[last];
		if (any_gap)
			fill_gaps(split, profiles, first, last, &lists);
		for (int64 i = first; i < last; i++)
		{
			CHECK_FOR_INTERRUPTS();
			sum += cells->weight[i];
		}
		if (sum != 0 || split->units[leaf] == 0 || lists.missing.n + lists.negative.n > 0 ||
			ts_split_is_given(split, leaf))
			continue;

		/* an amount to share, and nothing to share it by */
		if (says(split->on_zero, "equal"))
			for (int64 i = first; i < last; i++)
			{
				if (cells->closed[i])
					continue;
				cells->weight[i] = 1;
				cells->fallback[i] = TS_ZERO_EQUAL;
			}
		else if ((!says(split->on_zero, "parent") ||
				  !take_profile(split, profiles, first, last, false)) && !ts_split_is_beside(split, leaf))
			ts_name_list_add(&zero, ts_name_list_full(&zero) ? "" : ts_split_leaf_name(split, leaf));
	}
	if (lists.missing.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 split->term->method->basis == TS_TAKES_NOT ?
				 errmsg("weights are not known for %lld of %lld parts",
						(long long) lists.missing.n, (long long) cells->n) :
				 errmsg("basis says nothing about %lld of %lld parts",
						(long long) lists.missing.n, (long long) cells->n),
				 split->term->method->basis == TS_TAKES_NOT ?
				 errdetail_internal("%s.", ts_name_list_text(&lists.missing)) :
				 errdetail("The source has no facts for it yet, or the member did not exist: %s.",
						   ts_name_list_text(&lists.missing)),
				 says(split->on_missing, "parent") ?
				 errhint("The targets beside them say nothing either: on_missing => 'zero' or on_missing => 'equal'") :
				 errhint("on_missing => 'zero', on_missing => 'equal' or on_missing => 'parent'")));
	if (lists.negative.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("there is no profile for %lld of %lld parts, whose weights are negative",
						(long long) lists.negative.n, (long long) cells->n),
				 errdetail("The targets beside them say nothing about: %s.", ts_name_list_text(&lists.negative)),
				 errhint("on_negative => 'zero', on_negative => 'absolute', on_negative => 'spread' or on_negative => 'equal'")));
	if (zero.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DIVISION_BY_ZERO),
				 errmsg("all weights are zero for %lld of %d targets",
						(long long) zero.n, split->n_leaves),
				 errdetail_internal("%s.", ts_name_list_text(&zero)),
				 says(split->on_zero, "parent") ?
				 errhint("The targets beside them have no weights either: on_zero => 'equal'") :
				 errhint("on_zero => 'equal' or on_zero => 'parent'")));
	if (profiles)
		hash_destroy(profiles);
}

/* Policies, once the weights are at one scale and in order */
void
ts_split_settle(ts_split *split)
{
	if (split->term->method->settle)
		split->term->method->settle(split);
	/* increases within bounds are settled when those are known */
	if (!split->cells.increase)
		settle_negative(split);
	settle_missing_and_zero(split);
}

/*
 * Parts of method increment that would be below zero if no bound held anything.
 * Where one says what they must have at least, all is said; of the others the
 * call must say that they may lose all they had.
 */
void
ts_split_settle_increases(ts_split *split, const ts_split_nodes *nodes)
{
	ts_cells   *cells = &split->cells;
	bool		zero = says(split->on_negative, "zero") || says(split->on_negative, "spread");
	ts_name_list list = {0};
	int64		cell = 0;

	for (int64 node = 0; node < nodes->n; node++)
	{
		CHECK_FOR_INTERRUPTS();
		if (nodes->n_children[node] > 0)
			continue;
		if (cells->weight[cell] < 0 && nodes->lower[node] == TS_NO_LOWER)
		{
			if (zero)
				nodes->fallback[node] = says(split->on_negative, "zero") ? TS_NEGATIVE_ZERO : TS_NEGATIVE_SPREAD;
			else
				list_cell(split, &list, cell, true);
		}
		cell++;
	}
	if (list.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("without bounds %lld of %lld parts would be below zero",
						(long long) list.n, (long long) cells->n),
				 errdetail_internal("%s.", ts_name_list_text(&list)),
				 errhint("They may lose all they had: bounds => '{\"%s\": {\"*\": {\"at_least\": 0}}}', or on_negative => 'zero'",
						 split->axes[split->n_axes - 1].name)));
}
