/*-------------------------------------------------------------------------
 *
 * split_fair.c
 *	  Rounding of a split that has slices and periods: not only its targets, but
 *	  each period's total over all slices is the floor or the ceiling of its own
 *	  exact share.
 *
 * Glossary (see also split.c and engine/controlled.c)
 *	  block			what a call makes under one of the targets that it splits, or
 *					makes again
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
 *	  least sum of squared distances from the exact shares, targets and periods;
 *	  where targets are split again, one that leaves most of their amounts as they are.
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
 *	  a target that is split is no multiple of the call's quantum, nor where
 *	  anything is held in a split that is made again: there the blocks are rounded
 *	  one by one.  Totals of the periods and of the slices
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
	const ts_fair_input *input;
	second_family second;
	HTAB	   *totals;			/* of the second family */
	int32	   *parent[2];
	int32		n_totals[2];
	int32		space;			/* for totals of the second family */
	int64	   *units;			/* of the first: what its cells must add up to */
	int8	   *keep_total;		/* of the first: what they are already */
	int32	   *of_cell[2];
	int8	   *keep;
	ts_int128 **share;			/* per cell: where its share is kept */
	uint64	   *part;
	int32		n_cells;

	/* of one block at a time */
	int32	   *total[2];		/* per node: of the first family, -1 for a cell; of the second */
	bool	   *inner;
} fair_table;

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/*
 * Which totals are not targets, and need a family of their own?
 */
static second_family
find_second_family(const ts_fair_input *input)
{
	bool		slices = false;
	bool		periods = false;
	bool		below_slices = false;
	bool		below_periods = false;
	ts_fair_block first = {0};

	for (int32 i = 0; i < input->n_blocks && !(slices && periods); i++)
	{
		ts_fair_block block;

		CHECK_FOR_INTERRUPTS();
		input->block(input->arg, i, &block);
		if (i == 0)
		{
			first = block;
			first.way = palloc(sizeof(int64) * (block.n_way + 1));
			memcpy(first.way, block.way, sizeof(int64) * block.n_way);
			continue;
		}
		periods |= block.from != first.from || block.upto != first.upto;
		slices |= block.n_way != first.n_way ||
			memcmp(block.way, first.way, sizeof(int64) * first.n_way) != 0;
	}
	for (int i = 0; i < input->n_axes; i++)
	{
		below_slices |= input->axes[i].is_time && slices;
		below_periods |= !input->axes[i].is_time && periods;
		slices |= !input->axes[i].is_time;
		periods |= input->axes[i].is_time;
	}
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

/*
 * The floor of units * weight / whole, and what is above it in 2^-64
 */
static ts_int128
exact_share(const ts_ratio *ratio, bool negative, ts_int128 weight, uint64 *part)
{
	ts_uint128	remainder;
	ts_int128	floor = (ts_int128) ts_ratio_floor(ratio, weight, &remainder);

	*part = ts_fraction(remainder, ratio->whole);
	if (!negative)
		return floor;
	/* below 0 the floor is the one that is farther away */
	*part = -*part;
	return -floor - (*part > 0);
}

/* Is an amount the floor (-1) or the ceiling (1) of what has a part above the floor? */
static int8
kept(const ts_int128 *old, ts_int128 floor, uint64 part, ts_int128 unit)
{
	if (old == NULL || part == 0)
		return 0;
	return *old == floor * unit ? -1 : *old == (floor + 1) * unit ? 1 : 0;
}

/*
 * Adds a block to the table: its inner targets are totals of the first family,
 * the others cells, whose shares become the floors of the exact ones.  Inner
 * shares become 0.  False if there is nothing to round: the block stays as it is.
 */
static bool
add_block(fair_table *table, int32 number)
{
	const ts_fair_input *input = table->input;
	ts_fair_block block;
	ts_fair_node node;
	ts_int128	units;
	ts_int128	rest;
	ts_int128	whole = 0;
	ts_ratio	ratio;
	int32		top;
	int32		slice = -1;

	input->block(input->arg, number, &block);
	units = rest = block.units / input->unit;
	memset(table->inner, 0, sizeof(bool) * block.n);
	for (int32 i = 0; i < block.n; i++)
	{
		input->node(input->arg, number, i, &node);
		if (node.parent < 0)
			whole += node.weight;
		else
			table->inner[node.parent] = true;
	}
	if (whole == 0 || units == 0 || block.given)
		return false;
	ts_ratio_init(&ratio, units < 0 ? -units : units, whole);

	top = table->n_totals[0]++;
	table->parent[0][top] = -1;
	table->keep_total[top] = 0;
	for (int i = 0; i < block.n_way && table->second == SECOND_SLICES; i++)
		slice = find_total(table, slice, block.way[i], 0);

	for (int32 i = 0; i < block.n; i++)
	{
		int32		above[2];
		uint64		part;
		ts_int128	floor;

		CHECK_FOR_INTERRUPTS();
		input->node(input->arg, number, i, &node);
		above[0] = node.parent < 0 ? top : table->total[0][node.parent];
		above[1] = node.parent < 0 ? slice : table->total[1][node.parent];
		table->total[1][i] = above[1];
		if (node.member_id == 0 && table->second == SECOND_PERIODS)
		{
			DateADT		from;
			DateADT		upto;

			input->period(input->arg, number, i, &from, &upto);
			table->total[1][i] = find_total(table, above[1], from, upto);
		}
		else if (node.member_id != 0 && table->second == SECOND_SLICES)
			table->total[1][i] = find_total(table, above[1], node.member_id, 0);

		floor = exact_share(&ratio, units < 0, node.weight, &part);
		if (table->inner[i])
		{
			int32		total = table->n_totals[0]++;

			table->total[0][i] = total;
			table->parent[0][total] = above[0];
			table->units[total] = TS_TOTAL_FAIR;
			table->keep_total[total] = kept(node.old, floor, part, input->unit);
			*node.share = 0;
			continue;
		}
		*node.share = floor * input->unit;
		rest -= floor;
		if (part > 0)
		{
			int32		cell = table->n_cells++;

			table->share[cell] = node.share;
			table->part[cell] = part;
			table->keep[cell] = kept(node.old, floor, part, input->unit);
			table->of_cell[0][cell] = above[0];
			table->of_cell[1][cell] = table->total[1][i];
		}
	}
	table->units[top] = (int64) rest;
	return true;
}

/* Shares of a block's inner targets, from those of the others */
static void
add_up_block(const ts_fair_input *input, int32 number)
{
	ts_fair_block block;
	ts_fair_node node;
	ts_fair_node above;

	input->block(input->arg, number, &block);
	for (int32 i = (int32) block.n - 1; i >= 0; i--)
	{
		CHECK_FOR_INTERRUPTS();
		input->node(input->arg, number, i, &node);
		if (node.parent < 0)
			continue;
		input->node(input->arg, number, node.parent, &above);
		*above.share += *node.share;
	}
}

static void
refuse_size(int64 n)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("too many parts to be rounded together: %lld", (long long) n),
			 errhint("Split by slices first, and each of them by periods in a call of its own.")));
}

/*
 * Rounds all blocks together, if there are totals beside the targets that are
 * to be fair.  Otherwise their shares stay as they are, each block rounded by
 * itself.
 */
void
ts_round_together(const ts_fair_input *input)
{
	MemoryContext context;
	MemoryContext old;
	fair_table	table = {0};
	HASHCTL		ctl = {0};
	ts_controlled_input rounding = {0};
	ts_flow_status status;
	int64		n_nodes = 0;
	int64		largest = 0;
	int32	   *order;
	bool	   *added;
	bool	   *up;

	table.input = input;
	table.second = find_second_family(input);
	if (table.second == SECOND_NONE)
		return;
	for (int32 i = 0; i < input->n_blocks; i++)
	{
		ts_fair_block block;

		input->block(input->arg, i, &block);
		if (block.units % input->unit != 0)
			return;
		n_nodes += block.n;
		largest = Max(largest, block.n);
	}
	if (n_nodes + input->n_blocks > TS_FLOW_MAX / 2)
		refuse_size(n_nodes);

	context = AllocSetContextCreate(CurrentMemoryContext, "target_split fair totals", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	ctl.keysize = sizeof(total_key);
	ctl.entrysize = sizeof(total_entry);
	ctl.hcxt = context;
	table.totals = hash_create("target_split fair totals", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	table.space = 256;
	table.parent[0] = MemoryContextAllocHuge(context, sizeof(int32) * (n_nodes + input->n_blocks));
	table.parent[1] = palloc(sizeof(int32) * table.space);
	table.units = MemoryContextAllocHuge(context, sizeof(int64) * (n_nodes + input->n_blocks));
	table.keep_total = MemoryContextAllocHuge(context, n_nodes + input->n_blocks);
	for (int f = 0; f < 2; f++)
	{
		table.of_cell[f] = MemoryContextAllocHuge(context, sizeof(int32) * (n_nodes + 1));
		table.total[f] = MemoryContextAllocHuge(context, sizeof(int32) * (largest + 1));
	}
	table.keep = MemoryContextAllocHuge(context, n_nodes + 1);
	table.share = MemoryContextAllocHuge(context, sizeof(ts_int128 *) * (n_nodes + 1));
	table.part = MemoryContextAllocHuge(context, sizeof(uint64) * (n_nodes + 1));
	table.inner = MemoryContextAllocHuge(context, largest + 1);
	added = MemoryContextAllocHuge(context, input->n_blocks);
	order = ts_tree_order(input->split->tree, input->n_blocks, input->split->leaves);
	for (int32 i = 0; i < input->n_blocks; i++)
		added[order[i]] = add_block(&table, order[i]);

	rounding.n = table.n_cells;
	rounding.part = table.part;
	rounding.keep = table.keep;
	for (int f = 0; f < 2; f++)
	{
		rounding.family[f].n = table.n_totals[f];
		rounding.family[f].parent = table.parent[f];
		rounding.family[f].of_cell = table.of_cell[f];
	}
	rounding.family[0].units = table.units;
	rounding.family[0].keep = table.keep_total;
	/* each block's parts are shares of its amount */
	rounding.possible = true;
	rounding.check = check_interrupts;
	up = MemoryContextAllocHuge(context, table.n_cells + 1);
	status = ts_controlled_round(&rounding, up, NULL,
								 MemoryContextAllocHuge(context, ts_controlled_work(&rounding)));
	if (status == TS_FLOW_TOO_LARGE)
		refuse_size(n_nodes);
	if (status != TS_FLOW_OK)
		elog(ERROR, "parts could not be rounded together: status %d", status);
	for (int32 cell = 0; cell < table.n_cells; cell++)
		if (up[cell])
			*table.share[cell] += input->unit;
	for (int32 i = 0; i < input->n_blocks; i++)
		if (added[i])
			add_up_block(input, i);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* ------------------------------------------------------- blocks of a split */

typedef struct split_blocks
{
	const ts_split *split;
	ts_split_nodes *nodes;
	int64	   *way;
	int			way_space;
	DateADT		from[TS_MAX_AXES + 1];	/* of the nodes above the present one, and it */
	DateADT		upto[TS_MAX_AXES + 1];
} split_blocks;

static void
split_block(void *arg, int32 number, ts_fair_block *block)
{
	split_blocks *blocks = arg;
	const ts_split *split = blocks->split;
	const ts_node *nodes = split->tree->nodes;
	int32		leaf = split->leaves[number];
	int			n_way = 0;

	block->n = blocks->nodes->first[number + 1] - blocks->nodes->first[number];
	block->units = split->units[number];
	block->given = ts_split_is_given(split, number);
	block->from = blocks->from[0] = nodes[leaf].from;
	block->upto = blocks->upto[0] = nodes[leaf].upto;
	for (int32 at = leaf; at > 0; at = nodes[at].parent)
		n_way += nodes[at].member_id != 0;
	if (n_way >= blocks->way_space)
	{
		blocks->way_space = n_way + 16;
		blocks->way = blocks->way ? repalloc(blocks->way, sizeof(int64) * blocks->way_space) :
			palloc(sizeof(int64) * blocks->way_space);
	}
	block->way = blocks->way;
	block->n_way = n_way;
	for (int32 at = leaf; at > 0; at = nodes[at].parent)
		if (nodes[at].member_id != 0)
			block->way[--n_way] = nodes[at].member_id;
}

static void
split_node(void *arg, int32 number, int32 i, ts_fair_node *node)
{
	const split_blocks *blocks = arg;
	ts_split_nodes *nodes = blocks->nodes;
	int64		at = nodes->first[number] + i;

	node->parent = nodes->parent[at];
	node->member_id = blocks->split->axes[nodes->axis[at]].is_time ? 0 :
		blocks->split->tree->members->members[nodes->key[at]].member_id;
	node->weight = nodes->weight[at];
	node->share = &nodes->share[at];
	node->old = NULL;
}

/* The days of a node of a period; nodes come in preorder */
static void
split_period(void *arg, int32 number, int32 i, DateADT *from, DateADT *upto)
{
	split_blocks *blocks = arg;
	const ts_split *split = blocks->split;
	int64		at = blocks->nodes->first[number] + i;
	int			axis_no = blocks->nodes->axis[at];
	int			above = axis_no;

	/* the next period above */
	while (above > 0 && !split->axes[above - 1].is_time)
		above--;
	blocks->from[axis_no + 1] = blocks->from[above];
	blocks->upto[axis_no + 1] = blocks->upto[above];
	ts_axis_bucket(split->tree, &split->axes[axis_no], blocks->nodes->key[at],
				   &blocks->from[axis_no + 1], &blocks->upto[axis_no + 1]);
	*from = blocks->from[axis_no + 1];
	*upto = blocks->upto[axis_no + 1];
}

/*
 * Rounds what a call makes under all its targets together
 */
void
ts_split_round_together(ts_split *split, ts_split_nodes *nodes)
{
	split_blocks blocks = {.split = split,.nodes = nodes};
	ts_fair_input input = {split, split->n_leaves, split->n_axes, split->axes, split->coarse,
	split_block, split_node, split_period, &blocks};

	if (!nodes->lower && strcmp(split->residual, "largest") == 0)
		ts_round_together(&input);
}
