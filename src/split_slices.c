/*-------------------------------------------------------------------------
 *
 * split_slices.c
 *	  What a split reads of days other than its own: the slices of its targets,
 *	  as a split of those days.
 *
 * The methods "seasonal" and "linked" read series that way: facts are matched
 * with slices, and policies apply, as in any other split.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "split.h"

typedef struct slice_key
{
	int32		parent;			/* slice */
	int32		member;
} slice_key;

typedef struct slice_entry
{
	slice_key	key;
	int32		slice;
} slice_entry;

/*
 * The slices of the nodes of the call's tree, as a tree of their own for the days
 * [from, upto).  wanted: which nodes, with all above them; NULL: all.
 */
void
ts_slices_make(const ts_split *split, const bool *wanted, DateADT from, DateADT upto, ts_slices *slices)
{
	const ts_tree *tree = split->tree;
	ts_tree    *top = MemoryContextAlloc(split->context, sizeof(ts_tree));
	ts_node    *nodes = MemoryContextAllocHuge(split->context, sizeof(ts_node) * tree->n);
	HASHCTL		ctl = {0};
	HTAB	   *known;
	int32		n = 1;

	ctl.keysize = sizeof(slice_key);
	ctl.entrysize = sizeof(slice_entry);
	ctl.hcxt = split->context;
	known = hash_create("target_split slices", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	slices->of_node = MemoryContextAllocHuge(split->context, sizeof(int32) * tree->n);
	slices->of_node[0] = 0;
	nodes[0] = tree->nodes[0];
	for (int32 i = 1; i < tree->n; i++)
	{
		slice_key	key;
		slice_entry *entry;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		if (wanted && !wanted[i])
			continue;
		key.parent = slices->of_node[tree->nodes[i].parent];
		key.member = tree->nodes[i].member;
		if (key.member < 0)
		{
			slices->of_node[i] = key.parent;
			continue;
		}
		entry = hash_search(known, &key, HASH_ENTER, &found);
		if (!found)
		{
			nodes[n] = tree->nodes[i];
			nodes[n].parent = key.parent;
			entry->slice = n++;
		}
		slices->of_node[i] = entry->slice;
	}
	for (int32 i = 0; i < n; i++)
	{
		nodes[i].from = from;
		nodes[i].upto = upto;
		nodes[i].n_children = 0;
		nodes[i].by_time = nodes[i].has_rest = false;
	}
	*top = *tree;
	top->n = 1;
	top->nodes = nodes;
	slices->tree = ts_tree_deepen(top, n - 1, nodes + 1, split->context);
	hash_destroy(known);

	/* facts find their way by the level of the first part */
	for (int32 i = 1; i < n; i++)
	{
		const ts_node *node = &slices->tree->nodes[i];
		const ts_member *member = &tree->members->members[node->member];
		const ts_member *first = ts_tree_child_member(slices->tree, node->parent);

		if (member->dim_no != first->dim_no || member->depth != first->depth)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("periods of target %lld are split by different levels", (long long) tree->nodes[0].target_id),
					 errdetail("Some are by \"%s\" and some by \"%s\": they have no series in common.",
							   tree->dimensions[first->dim_no], tree->dimensions[member->dim_no]),
					 errhint("Split the targets of each period in a call of its own.")));
	}
}

/*
 * The call as a split of the slices without parts by one axis of periods, with no
 * cells yet
 */
ts_split *
ts_slices_split(const ts_split *split, const ts_slices *slices, const ts_axis *axis)
{
	ts_split   *series = MemoryContextAlloc(split->context, sizeof(ts_split));
	const ts_tree *tree = slices->tree;

	*series = *split;
	series->n_axes = 1;
	series->axes[0] = *axis;
	series->axes[0].above = -1;
	series->n_above = 0;
	series->all_axes = NULL;
	series->active = false;
	series->active_slices = NULL;
	series->keep_increase = false;
	series->beside = NULL;
	series->labels[0] = NULL;
	series->tree = slices->tree;
	series->leaves = MemoryContextAllocHuge(split->context, sizeof(int32) * tree->n);
	series->leaf_of_node = MemoryContextAllocHuge(split->context, sizeof(int32) * tree->n);
	series->n_leaves = 0;
	for (int32 i = 0; i < tree->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		series->leaf_of_node[i] = -1;
		if (tree->nodes[i].n_children > 0)
			continue;
		series->leaf_of_node[i] = series->n_leaves;
		series->leaves[series->n_leaves++] = i;
	}
	return series;
}
