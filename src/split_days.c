/*-------------------------------------------------------------------------
 *
 * split_days.c
 *	  The days on which something is expected of the parts of a split: those
 *	  on which their members exist, below the members that the parts are below.
 *
 * Glossary
 *	  above		of a member of a part: the member of the same dimension that the
 *				part is below, one of the leaf's or one of "by"
 *
 * A member that moves within the period of a split has a part below each of its
 * parents, each for its own days.  What is not within these days is closed:
 * a part of 0.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "split.h"

/*
 * The days on which the members of a leaf are where the leaf has them.  A leaf
 * that is for none of them, because it outlives its members or contradicts
 * their tree, is taken as it is: for all days.
 */
ts_days
ts_split_leaf_days(const ts_split *split, int32 leaf)
{
	const ts_node *node = &split->tree->nodes[split->leaves[leaf]];
	ts_days		days = {DATEVAL_NOBEGIN, DATEVAL_NOEND};

	if (!ts_tree_node_days(split->tree, split->leaves[leaf], &days.from, &days.upto) ||
		days.from >= node->upto || days.upto <= node->from)
	{
		days.from = DATEVAL_NOBEGIN;
		days.upto = DATEVAL_NOEND;
	}
	return days;
}

/*
 * The member above the one of an axis, -1 for none.  leaf_member: the deepest
 * of the leaf per dimension.
 */
int32
ts_split_above(const ts_split *split, int axis_no, const int32 *keys, const int32 *leaf_member)
{
	const ts_axis *axis = &split->axes[axis_no];

	return axis->above >= 0 ? keys[axis->above] : leaf_member[axis->dim];
}

/*
 * Narrows days to those, from the first to the last, on which all members of a
 * cell exist and are where it has them
 */
static void
narrow_to_members(const ts_split *split, const int32 *keys, const int32 *leaf_member, ts_days *days)
{
	const ts_members *members = split->tree->members;

	for (int i = 0; i < split->n_axes; i++)
	{
		int32		above;

		if (split->axes[i].is_time)
			continue;
		days->from = Max(days->from, members->members[keys[i]].valid_from);
		days->upto = Min(days->upto, members->members[keys[i]].valid_upto);
		above = ts_split_above(split, i, keys, leaf_member);
		if (days->from < days->upto && above >= 0)
			(void) ts_members_days_below(members, keys[i], above, &days->from, &days->upto);
		if (days->from >= days->upto)
			return;
	}
}

/* Calls visit for each cell; those of a leaf stand together, and what visit allocates goes soon */
void
ts_split_visit_cells(ts_split *split, ts_cell_visit visit, void *state)
{
	int32	   *leaf_member = palloc(sizeof(int32) * (split->tree->n_dims + 1));
	MemoryContext visits = AllocSetContextCreate(split->context, "target_split cells", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(visits);
	ts_days		leaf_days = {0};
	int32		leaf = -1;

	for (int64 cell = 0; cell < split->cells.n; cell++)
	{
		const int32 *keys = split->cells.keys + cell * split->n_axes;
		const ts_node *node;
		ts_days		period;
		ts_days		open;

		CHECK_FOR_INTERRUPTS();
		if (split->cells.leaf[cell] != leaf)
		{
			leaf = split->cells.leaf[cell];
			ts_tree_node_members(split->tree, split->leaves[leaf], leaf_member);
			leaf_days = ts_split_leaf_days(split, leaf);
		}
		node = &split->tree->nodes[split->leaves[leaf]];
		period.from = node->from;
		period.upto = node->upto;
		for (int i = 0; i < split->n_axes; i++)
			if (split->axes[i].is_time)
				ts_axis_bucket(split->tree, &split->axes[i], keys[i], &period.from, &period.upto);
		open.from = Max(period.from, leaf_days.from);
		open.upto = Min(period.upto, leaf_days.upto);
		if (open.from < open.upto)
			narrow_to_members(split, keys, leaf_member, &open);
		visit(split, cell, period, open, leaf_member, state);
		if ((cell & 255) == 255)
			MemoryContextReset(visits);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(visits);
	pfree(leaf_member);
}

/* Closes the cells of a leaf, from a cell on, whose members are elsewhere on all of their days */
void
ts_split_close_cells(ts_split *split, int32 leaf, int64 first, const int32 *leaf_member)
{
	const ts_node *node = &split->tree->nodes[split->leaves[leaf]];
	const ts_members *members = split->tree->members;
	ts_days		days = ts_split_leaf_days(split, leaf);

	if (members->n_breaks == 0 && days.from <= node->from && days.upto >= node->upto)
		return;
	for (int64 cell = first; cell < split->cells.n; cell++)
	{
		const int32 *keys = split->cells.keys + cell * split->n_axes;
		DateADT		from = node->from;
		DateADT		upto = node->upto;
		bool		open = true;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < split->n_axes; i++)
			if (split->axes[i].is_time)
				ts_axis_bucket(split->tree, &split->axes[i], keys[i], &from, &upto);
		open = days.from < upto && days.upto > from;
		for (int i = 0; i < split->n_axes && open; i++)
			open = split->axes[i].is_time ||
				ts_members_open(members, keys[i], ts_split_above(split, i, keys, leaf_member), from, upto);
		if (!open)
			split->cells.closed[cell] = true;
	}
}

/* Does a member of a level of "by" move, within the period, between members that parts are below? */
bool
ts_split_moves_within(const ts_split *split)
{
	const ts_tree *tree = split->tree;
	const ts_members *members = tree->members;
	int			first = ts_members_segment(members, tree->nodes[0].from);
	int			last = ts_members_segment(members, tree->nodes[0].upto - 1);

	for (int i = 0; i < split->n_axes && first < last; i++)
	{
		const ts_axis *axis = &split->axes[i];

		if (axis->is_time || (axis->above < 0 && tree->depths[axis->dim] == 0))
			continue;
		for (int32 m = axis->first; m < axis->last; m++)
			for (int segment = first; segment < last; segment++)
				if (ts_members_in_segment(members, m, segment) != ts_members_in_segment(members, m, segment + 1))
					return true;
	}
	return false;
}
