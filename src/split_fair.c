/*-------------------------------------------------------------------------
 *
 * split_fair.c
 *	  Rounding of a split that has slices and periods: not only its targets, but
 *	  each period's total over all slices is the floor or the ceiling of its own
 *	  exact share.
 *
 * Glossary (see also split.c and engine/controlled.c)
 *	  block			what a call makes under one of the targets that it splits
 *	  second family	the totals that are no targets: of the periods over all
 *					slices, or of the slices over all periods
 *
 * Method
 *	  Largest remainder rounds each block from the top down.  The months of a
 *	  hundred slices then miss the month of the whole company by several units,
 *	  for each slice rounds as if it were alone.  So where a call has slices and
 *	  periods, all its blocks are rounded together: its targets are the first
 *	  family of totals of a table, whose cells are the targets without children,
 *	  and the second family says what the periods add up to.  Of all tables in
 *	  which all of these are floors or ceilings, the engine finds the one with the
 *	  least sum of squared distances from the exact shares, targets and periods.
 *
 *	  Which totals are the second family:
 *	  - periods, if some are below slices: members above them in "by", or targets
 *		of several slices that are split;
 *	  - otherwise slices, if some are below periods (the year of a market, if
 *		"by" begins with quarters);
 *	  - otherwise none: the targets are the only totals, and rounding from the top
 *		down has them all.
 *
 * Limits
 *	  Not with bounds, nor where the residual is placed by another rule, nor where
 *	  a target that is split is no multiple of the call's quantum: there the
 *	  blocks are rounded one by one.  Totals of the periods and of the slices
 *	  at once, as "quarter, market, month" would have them, are three families; no
 *	  rounding of these need exist, and the periods are taken.
 *	  A call made later knows nothing of the one before: its totals are those of
 *	  what it splits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "engine/controlled.h"
#include "engine/wide.h"
#include "split.h"

typedef enum second_family
{
	SECOND_NONE,
	SECOND_PERIODS,
	SECOND_SLICES
} second_family;

/* A total of the second family, by the one above it and what it is of */
typedef struct total_key
{
	int64		what;			/* a period's first day, or a member's id */
	int32		upto;			/* day after the period's last; 0: a member */
	int32		above;			/* -1: none */
} total_key;

typedef struct total_entry
{
	total_key	key;
	int32		total;
} total_entry;

/* the two families, and the cells, as they are collected */
typedef struct fair_table
{
	HTAB	   *totals;			/* of the second family */
	int32	   *parent[2];
	int32		n_totals[2];
	int32		space;			/* for totals of the second family */
	int64	   *units;			/* of the first: what its cells must add up to */
	int32	   *of_cell[2];
	int64	   *node;			/* per cell */
	uint64	   *part;
	int32		n_cells;
} fair_table;

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* Are the members of two targets that are split the same? */
static bool
same_slice(const ts_split *split, int32 leaf, const int32 *member, int32 *other)
{
	ts_tree_node_members(split->tree, split->leaves[leaf], other);
	return memcmp(member, other, sizeof(int32) * split->tree->n_dims) == 0;
}

/*
 * Which totals are not targets, and need a family of their own?
 */
static second_family
find_second_family(const ts_split *split)
{
	const ts_node *nodes = split->tree->nodes;
	bool		slices = false;
	bool		periods = false;
	bool		below_slices = false;
	bool		below_periods = false;
	int32	   *member = palloc(sizeof(int32) * (split->tree->n_dims + 1));
	int32	   *other = palloc(sizeof(int32) * (split->tree->n_dims + 1));

	ts_tree_node_members(split->tree, split->leaves[0], member);
	for (int32 leaf = 1; leaf < split->n_leaves && !(slices && periods); leaf++)
	{
		const ts_node *node = &nodes[split->leaves[leaf]];
		const ts_node *first = &nodes[split->leaves[0]];

		CHECK_FOR_INTERRUPTS();
		periods |= node->from != first->from || node->upto != first->upto;
		slices |= !slices && !same_slice(split, leaf, member, other);
	}
	for (int i = 0; i < split->n_axes; i++)
	{
		below_slices |= split->axes[i].is_time && slices;
		below_periods |= !split->axes[i].is_time && periods;
		slices |= !split->axes[i].is_time;
		periods |= split->axes[i].is_time;
	}
	pfree(member);
	pfree(other);
	return below_slices ? SECOND_PERIODS : below_periods ? SECOND_SLICES : SECOND_NONE;
}

/* The total of the second family that is of a period, or a member, below another */
static int32
find_total(fair_table *table, int32 above, int64 what, int32 upto)
{
	total_key	key;
	total_entry *entry;
	bool		found;

	memset(&key, 0, sizeof(key));
	key.what = what;
	key.upto = upto;
	key.above = above;
	entry = hash_search(table->totals, &key, HASH_ENTER, &found);
	if (!found)
	{
		if (table->n_totals[1] == table->space)
		{
			table->space *= 2;
			table->parent[1] = repalloc_huge(table->parent[1], sizeof(int32) * table->space);
		}
		entry->total = table->n_totals[1]++;
		table->parent[1][entry->total] = above;
	}
	return entry->total;
}

/* The slice that a target has before it is split, as a total of the slices */
static int32
slice_of_leaf(const ts_split *split, fair_table *table, int32 at)
{
	const ts_node *node = &split->tree->nodes[at];
	int32		above;

	if (at == 0)
		return -1;
	above = slice_of_leaf(split, table, node->parent);
	return node->member_id == 0 ? above : find_total(table, above, node->member_id, 0);
}

/*
 * Adds a block to the table: its inner targets are totals of the first family,
 * the others cells, whose shares become the floors of the exact ones.  What
 * the call was given as amounts counts as it is.
 */
static bool
add_block(ts_split *split, ts_split_nodes *nodes, int32 leaf, second_family second, fair_table *table)
{
	int64		first = nodes->first[leaf];
	int64		last = nodes->first[leaf + 1];
	ts_int128	units = split->units[leaf] / split->coarse;
	ts_int128	whole = 0;
	ts_ratio	ratio;
	int32		total[TS_MAX_AXES + 1][2];
	DateADT		from[TS_MAX_AXES + 1];
	DateADT		upto[TS_MAX_AXES + 1];
	ts_int128	rest = units;

	for (int64 node = first; node < last; node++)
		if (nodes->parent[node] < 0)
			whole += nodes->weight[node];
	if (whole == 0 || units == 0 || ts_split_is_given(split, leaf))
		return false;
	ts_ratio_init(&ratio, units < 0 ? -units : units, whole);

	total[0][0] = table->n_totals[0]++;
	total[0][1] = second == SECOND_SLICES ? slice_of_leaf(split, table, split->leaves[leaf]) : -1;
	table->parent[0][total[0][0]] = -1;
	from[0] = split->tree->nodes[split->leaves[leaf]].from;
	upto[0] = split->tree->nodes[split->leaves[leaf]].upto;

	for (int64 node = first; node < last; node++)
	{
		int			axis_no = nodes->axis[node];
		const ts_axis *axis = &split->axes[axis_no];
		int			at = axis_no + 1;
		ts_uint128	remainder;
		ts_int128	floor;
		uint64		part;

		CHECK_FOR_INTERRUPTS();
		from[at] = from[at - 1];
		upto[at] = upto[at - 1];
		total[at][1] = total[at - 1][1];
		if (axis->is_time)
			ts_axis_bucket(split->tree, axis, nodes->key[node], &from[at], &upto[at]);
		if (axis->is_time && second == SECOND_PERIODS)
			total[at][1] = find_total(table, total[at - 1][1], from[at], upto[at]);
		else if (!axis->is_time && second == SECOND_SLICES)
			total[at][1] = find_total(table, total[at - 1][1],
									  split->tree->members->members[nodes->key[node]].member_id, 0);
		if (nodes->n_children[node] > 0)
		{
			total[at][0] = table->n_totals[0]++;
			table->parent[0][total[at][0]] = total[at - 1][0];
			table->units[total[at][0]] = TS_TOTAL_FAIR;
			nodes->share[node] = 0;
			continue;
		}
		floor = (ts_int128) ts_ratio_floor(&ratio, nodes->weight[node], &remainder);
		part = ts_fraction(remainder, whole);
		if (units < 0)
		{
			/* the floor of what is below 0 is the one farther away */
			floor = -floor - (part > 0);
			part = -part;
		}
		nodes->share[node] = floor * split->coarse;
		rest -= floor;
		if (part > 0)
		{
			int32		cell = table->n_cells++;

			table->node[cell] = node;
			table->part[cell] = part;
			table->of_cell[0][cell] = total[at - 1][0];
			table->of_cell[1][cell] = total[at][1];
		}
	}
	table->units[total[0][0]] = (int64) rest;
	return true;
}

/* Shares of a block's inner targets, from those of the others */
static void
add_up_block(ts_split_nodes *nodes, int32 leaf)
{
	int64		first = nodes->first[leaf];

	for (int64 node = nodes->first[leaf + 1] - 1; node >= first; node--)
	{
		CHECK_FOR_INTERRUPTS();
		if (nodes->parent[node] >= 0)
			nodes->share[first + nodes->parent[node]] += nodes->share[node];
	}
}

/*
 * Rounds all blocks together, if there are totals beside the targets that are
 * to be fair.  Each block has been rounded by itself; what was found then stays
 * where there are no such totals.
 */
void
ts_split_round_together(ts_split *split, ts_split_nodes *nodes)
{
	second_family second = SECOND_NONE;
	MemoryContext context;
	MemoryContext old;
	fair_table	table = {0};
	HASHCTL		ctl = {0};
	ts_controlled_input input = {0};
	ts_flow_status status;
	bool	   *added;
	bool	   *up;

	if (!nodes->lower && strcmp(split->residual, "largest") == 0 && split->n_leaves > 0)
		second = find_second_family(split);
	for (int32 leaf = 0; leaf < split->n_leaves && second != SECOND_NONE; leaf++)
		if (split->units[leaf] % split->coarse != 0)
			second = SECOND_NONE;
	if (second == SECOND_NONE)
		return;
	if (nodes->n + split->n_leaves > TS_FLOW_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many parts to round together: %lld", (long long) nodes->n),
				 errhint("Split a target in several calls.")));

	context = AllocSetContextCreate(split->context, "target_split fair totals", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	ctl.keysize = sizeof(total_key);
	ctl.entrysize = sizeof(total_entry);
	ctl.hcxt = context;
	table.totals = hash_create("target_split fair totals", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	table.space = 256;
	table.parent[0] = MemoryContextAllocHuge(context, sizeof(int32) * (nodes->n + split->n_leaves));
	table.parent[1] = palloc(sizeof(int32) * table.space);
	table.units = MemoryContextAllocHuge(context, sizeof(int64) * (nodes->n + split->n_leaves));
	table.of_cell[0] = MemoryContextAllocHuge(context, sizeof(int32) * (nodes->n + 1));
	table.of_cell[1] = MemoryContextAllocHuge(context, sizeof(int32) * (nodes->n + 1));
	table.node = MemoryContextAllocHuge(context, sizeof(int64) * (nodes->n + 1));
	table.part = MemoryContextAllocHuge(context, sizeof(uint64) * (nodes->n + 1));
	added = palloc_extended(sizeof(bool) * split->n_leaves, MCXT_ALLOC_HUGE);
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
		added[leaf] = add_block(split, nodes, leaf, second, &table);

	input.n = table.n_cells;
	input.part = table.part;
	for (int f = 0; f < 2; f++)
	{
		input.family[f].n = table.n_totals[f];
		input.family[f].parent = table.parent[f];
		input.family[f].of_cell = table.of_cell[f];
	}
	input.family[0].units = table.units;
	input.check = check_interrupts;
	up = MemoryContextAllocHuge(context, sizeof(bool) * (table.n_cells + 1));
	status = ts_controlled_round(&input, up, NULL,
								 MemoryContextAllocHuge(context, ts_controlled_work(&input)));
	if (status != TS_FLOW_OK)
		elog(ERROR, "parts of target %lld could not be rounded together: status %d",
			 (long long) split->target_id, status);
	for (int32 cell = 0; cell < table.n_cells; cell++)
		if (up[cell])
			nodes->share[table.node[cell]] += split->coarse;
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
		if (added[leaf])
			add_up_block(nodes, leaf);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
