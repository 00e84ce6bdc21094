/*-------------------------------------------------------------------------
 *
 * split_linked.c
 *	  The method "linked" of split_target: targets that follow each other in
 *	  time are split without a step where two of them meet.
 *
 * Glossary (see also engine/denton.c)
 *	  chain			targets with the same members, each of which begins on the day
 *					after the one before ends: the quarters of a product
 *	  indicator		what the parts are to move like: the weights of a history, or
 *					those that the caller gives
 *
 * Method
 *	  The indicators are weighed as their own method would, with the on_...
 *	  options of the call.  Each chain is then one disaggregation, in which a
 *	  target is a bucket and its amount the total.  The weights are the parts
 *	  themselves: they add up to the target, so each part is its weight, and
 *	  whoever recomputes shares from what is stored finds the same.  Under a
 *	  target of 0 the weights are the indicators.
 *
 * Limits
 *	  Only periods can be split by, since a target says nothing about the
 *	  amounts of its members before it is split by them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "engine/denton.h"
#include "split.h"

/* A target that is split, in its chain */
typedef struct chain_link
{
	char	   *members;		/* ids on the way from the first target */
	DateADT		from;
	DateADT		upto;
	int32		leaf;
	int64		first;			/* its cells */
	int64		n;
} chain_link;

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

static int
compare_links(const void *a, const void *b)
{
	const chain_link *x = a;
	const chain_link *y = b;
	int			order = strcmp(x->members, y->members);

	if (order != 0)
		return order;
	return (x->from > y->from) - (x->from < y->from);
}

static bool
is_next(const chain_link *before, const chain_link *after)
{
	return strcmp(before->members, after->members) == 0 && before->upto == after->from;
}

static void
refuse_members(const ts_split *split)
{
	for (int i = 0; i < split->n_axes; i++)
		if (!split->axes[i].is_time)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("method \"linked\" goes from period to period, and \"%s\" is none",
							split->axes[i].name),
					 errhint("Split by it in a call before.")));
	if (split->n_above > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("method \"linked\" needs the amounts of the targets above its periods"),
				 errhint("Split by the levels above in a call before.")));
}

/* The leaves in chains; those that have no cell are left out */
static chain_link *
find_links(const ts_split *split, const ts_cells *cells, int64 *n)
{
	chain_link *links = MemoryContextAllocHuge(split->context, sizeof(chain_link) * (split->n_leaves + 1));

	*n = 0;
	for (int64 first = 0, last; first < cells->n; first = last)
	{
		int32		leaf = cells->leaf[first];
		const ts_node *target = &split->tree->nodes[split->leaves[leaf]];
		StringInfoData members;

		CHECK_FOR_INTERRUPTS();
		for (last = first; last < cells->n && cells->leaf[last] == leaf; last++)
			;
		initStringInfo(&members);
		for (int32 node = split->leaves[leaf]; node > 0; node = split->tree->nodes[node].parent)
			if (split->tree->nodes[node].member_id != 0)
				appendStringInfo(&members, "," INT64_FORMAT, split->tree->nodes[node].member_id);
		links[*n].members = members.data;
		links[*n].from = target->from;
		links[*n].upto = target->upto;
		links[*n].leaf = leaf;
		links[*n].first = first;
		links[*n].n = last - first;
		(*n)++;
	}
	qsort(links, *n, sizeof(chain_link), compare_links);
	return links;
}

/* A chain's parts become the weights of its cells */
static void
weigh_chain(ts_split *split, const chain_link *links, int64 n, const ts_cells *indicators)
{
	ts_cells   *cells = &split->cells;
	ts_denton_input input = {0};
	ts_denton_report report;
	ts_status	status;
	double	   *indicator;
	double	   *value;
	ts_int128  *share;
	size_t	   *end;
	ts_int128  *total;
	bool	   *is_free;
	void	   *work;
	int64		t = 0;

	for (int64 i = 0; i < n; i++)
		input.n += links[i].n;
	indicator = MemoryContextAllocHuge(split->context, sizeof(double) * input.n);
	value = MemoryContextAllocHuge(split->context, sizeof(double) * input.n);
	share = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * input.n);
	end = MemoryContextAllocHuge(split->context, sizeof(size_t) * n);
	total = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * n);
	is_free = MemoryContextAllocHuge(split->context, sizeof(bool) * n);
	for (int64 i = 0; i < n; i++)
	{
		ts_int128	sum = 0;

		for (int64 k = 0; k < links[i].n; k++)
		{
			ts_int128	weight = indicators->weight[links[i].first + k];

			sum += weight;
			indicator[t++] = (double) weight;
		}
		end[i] = t;
		total[i] = split->units[links[i].leaf];
		/* where nothing is expected of any part, nothing is to be spread */
		is_free[i] = sum == 0;
	}
	input.indicator = indicator;
	input.n_buckets = n;
	input.end = end;
	input.total = total;
	input.is_free = is_free;
	input.keep_sign = true;
	input.check = check_interrupts;
	work = MemoryContextAllocHuge(split->context, ts_denton_work(&input));
	status = ts_denton(&input, value, &report, work);
	if (status == TS_OK)
		status = ts_denton_units(&input, value, share, work);
	if (status != TS_OK)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the weights of the parts of %s are too far apart for method \"linked\"",
						ts_split_leaf_name(split, links[0].leaf))));

	t = 0;
	for (int64 i = 0; i < n; i++)
		for (int64 k = 0; k < links[i].n; k++, t++)
		{
			int64		from = links[i].first + k;
			int64		cell = ts_split_add_cell(split, links[i].leaf, indicators->keys + from * split->n_axes);

			cells->closed[cell] = indicators->closed[from];
			cells->fallback[cell] = indicators->fallback[from];
			if (total[i] != 0 && !is_free[i])
			{
				cells->weight[cell] = (share[t] < 0 ? -share[t] : share[t]) * split->tree->quantum.mantissa;
				cells->scale[cell] = (int16) split->tree->quantum.scale;
			}
			else
			{
				cells->weight[cell] = indicators->weight[from];
				cells->scale[cell] = (int16) split->scale;
			}
		}
	pfree(work);
	pfree(is_free);
	pfree(total);
	pfree(end);
	pfree(share);
	pfree(value);
	pfree(indicator);
}

void
ts_weigh_linked(ts_split *split)
{
	ts_term    *term = split->term;
	ts_term		indicator = ts_term_history(term);
	ts_cells	indicators;
	chain_link *links;
	int64		n;

	refuse_members(split);
	if (term->weights || OidIsValid(term->weights_from))
	{
		indicator.method = ts_split_method_find("weights");
		indicator.weights = term->weights;
		indicator.weights_from = term->weights_from;
	}
	ts_term_weigh(split, &indicator);
	term->has_basis = indicator.has_basis;
	term->basis_from = indicator.basis_from;
	term->basis_upto = indicator.basis_upto;
	indicators = split->cells;
	memset(&split->cells, 0, sizeof(split->cells));

	links = find_links(split, &indicators, &n);
	for (int64 first = 0, last; first < n; first = last)
	{
		for (last = first + 1; last < n && is_next(&links[last - 1], &links[last]); last++)
			;
		weigh_chain(split, links + first, last - first, &indicators);
	}
}
