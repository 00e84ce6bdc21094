/*-------------------------------------------------------------------------
 *
 * split_levels.c
 *	  levels => : each level of "by" may have a method of its own.
 *
 * Glossary
 *	  stage		levels of "by" that follow each other and are weighed together:
 *				one with a term of its own, or all between two such
 *	  part		what a stage made: a leaf of the next one
 *
 * Method
 *	  Stage by stage.  The parts of a stage become leaves in a deeper copy of
 *	  the tree, and the next stage is weighed under each of them as if they were
 *	  targets.  The share of a part is its parent's share times its own under that
 *	  parent, in 10^-28, rounded down.  At the end the shares are the weights of one
 *	  split by all levels: everything is rounded once, so that all nodes
 *	  are fair whatever method their level has.
 *
 *	  A stage knows the levels above it (all_axes, n_above), by which its given
 *	  weights may differ (split_weights.c), and what its leaves have of the
 *	  amounts, for a method that goes by these (split_linked.c).
 *
 * Limits: about 150 bytes of memory a part, besides what split.c needs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "engine/wide.h"
#include "split.h"

#define SHARE_SCALE 28

/* What the stages so far have made, in the order of leaf and keys */
typedef struct level_parts
{
	int64		n;
	int32	   *leaf;			/* of the call */
	int32	   *keys;			/* n_axes each */
	ts_int128  *share;			/* of the leaf, in 10^-28 */
	uint8	   *fallback;
	bool	   *closed;
} level_parts;

/* Reads levels => '{"quarter": {"method": "percent", "weights": {...}}, ...}' */
void
ts_levels_parse(ts_split *split)
{
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;

	if (!split->levels)
		return;
	if (!JB_ROOT_IS_OBJECT(split->levels))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"levels\" must be a JSON object"),
				 errhint("levels => '{\"quarter\": {\"method\": \"equal\"}, \"market\": {\"weights\": {\"East\": 3, \"West\": 2}}}'")));
	if (split->main.method->gives_amounts)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method \"%s\" gives amounts, which cannot be mixed with the methods of \"levels\"",
						split->main.method->name)));
	it = JsonbIteratorInit(&split->levels->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		char	   *name;
		int			axis = 0;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(value.val.string.val, value.val.string.len);
		JsonbIteratorNext(&it, &value, true);
		while (axis < split->n_axes && strcmp(split->axes[axis].name, name) != 0)
			axis++;
		if (axis == split->n_axes)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"levels\" names \"%s\", which is not in \"by\"", name)));
		split->level_term[axis] = MemoryContextAllocZero(split->context, sizeof(ts_term));
		ts_term_parse(split, JsonbValueToJsonb(&value), psprintf("level \"%s\" of \"levels\"", name),
					  split->level_term[axis]);
		/* it is alone on its level */
		split->level_term[axis]->factor = (Datum) 0;
		if (split->level_term[axis]->method->gives_amounts)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("level \"%s\" of \"levels\" gives amounts, which cannot be mixed with others", name)));
	}
}

/*
 * Do levels have methods of their own?  Method "seasonal" is for periods: members
 * beside them are weighed by their history in its basis, unless "levels" says
 * otherwise.
 */
bool
ts_levels_differ(ts_split *split)
{
	bool		differ = false;
	bool		any_period = false;

	for (int i = 0; i < split->n_axes; i++)
	{
		differ |= split->level_term[i] != NULL;
		any_period |= split->axes[i].is_time && !split->level_term[i];
	}
	for (int i = 0; i < split->n_axes && any_period && split->main.method->weigh == ts_weigh_seasonal; i++)
	{
		if (split->axes[i].is_time || split->level_term[i])
			continue;
		ts_seasonal_find_basis(split);
		split->level_term[i] = MemoryContextAlloc(split->context, sizeof(ts_term));
		*split->level_term[i] = ts_term_history(&split->main);
		differ = true;
	}
	return differ;
}

static void
alloc_parts(const ts_split *split, level_parts *parts, int64 n)
{
	parts->n = n;
	parts->leaf = MemoryContextAllocHuge(split->context, sizeof(int32) * (n + 1));
	parts->keys = MemoryContextAllocHuge(split->context, sizeof(int32) * split->n_axes * (n + 1));
	parts->share = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * (n + 1));
	parts->fallback = MemoryContextAllocHuge(split->context, n + 1);
	parts->closed = MemoryContextAllocHuge(split->context, n + 1);
}

static void
free_parts(level_parts *parts)
{
	pfree(parts->leaf);
	pfree(parts->keys);
	pfree(parts->share);
	pfree(parts->fallback);
	pfree(parts->closed);
}

/* 10^28 */
static ts_int128
whole_share(void)
{
	return (ts_int128) INT64CONST(100000000000000) * INT64CONST(100000000000000);
}

/* A share of an amount, towards zero */
static ts_int128
part_of_amount(ts_int128 amount, ts_int128 share)
{
	ts_ratio	ratio;
	ts_uint128	remainder;
	ts_int128	part;

	ts_ratio_init(&ratio, amount < 0 ? -amount : amount, whole_share());
	part = (ts_int128) ts_ratio_floor(&ratio, share, &remainder);
	return amount < 0 ? -part : part;
}

/*
 * The call as a stage sees it: the axes from first to before last, under the
 * parts of the stages before.
 */
static void
begin_stage(const ts_split *split, const level_parts *parts, int first, int last, ts_split *stage)
{
	const ts_tree *tree = split->tree;
	int64		space = parts->n * first + 1;
	ts_node    *nodes = MemoryContextAllocHuge(split->context, sizeof(ts_node) * space);
	int32		n_new = 0;
	int32		at[TS_MAX_AXES + 1];
	ts_int128	largest = 0;
	ts_int128	fine = 1;

	*stage = *split;
	stage->levels = NULL;
	stage->n_axes = last - first;
	stage->n_above = first;
	stage->all_axes = split->axes;
	for (int i = first; i < last; i++)
	{
		stage->axes[i - first] = split->axes[i];
		stage->axes[i - first].above = split->axes[i].above < first ? -1 : split->axes[i].above - first;
	}
	if (split->level_term[first])
		stage->main = *split->level_term[first];
	if (first == 0)
		return;

	/* amounts as fine as the engine's sums have room for, at most six decimals */
	stage->amounts = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * (parts->n + 1));
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
		largest = Max(largest, split->units[leaf] < 0 ? -split->units[leaf] : split->units[leaf]);
	for (; stage->amount_decimals < 6 && largest < whole_share(); largest *= 10, fine *= 10)
		stage->amount_decimals++;

	/* a node for each prefix of the parts' keys */
	stage->n_leaves = (int32) parts->n;
	stage->leaves = MemoryContextAllocHuge(split->context, sizeof(int32) * (parts->n + 1));
	stage->units = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * (parts->n + 1));
	if (split->beside)
		stage->beside = MemoryContextAllocHuge(split->context, sizeof(bool) * (parts->n + 1));
	for (int64 part = 0; part < parts->n; part++)
	{
		const int32 *keys = parts->keys + part * split->n_axes;
		int			axis_no = 0;

		CHECK_FOR_INTERRUPTS();
		at[0] = split->leaves[parts->leaf[part]];
		if (part > 0 && parts->leaf[part] == parts->leaf[part - 1])
			while (axis_no < first - 1 && keys[axis_no] == keys[axis_no - split->n_axes])
				axis_no++;
		for (; axis_no < first; axis_no++)
		{
			const ts_axis *axis = &split->axes[axis_no];
			const ts_node *above = at[axis_no] < tree->n ? &tree->nodes[at[axis_no]] :
				&nodes[at[axis_no] - tree->n];
			ts_node    *node = &nodes[n_new];

			*node = *above;
			node->parent = at[axis_no];
			node->has_rest = node->by_time = false;
			if (axis->is_time)
			{
				node->member_id = 0;
				node->member = -1;
				ts_axis_bucket(tree, axis, keys[axis_no], &node->from, &node->upto);
			}
			else
			{
				node->member = keys[axis_no];
				node->member_id = tree->members->members[node->member].member_id;
				node->slice = DirectFunctionCall2(jsonb_concat, above->slice,
												  ts_tree_edge_slice(tree, node->member));
			}
			at[axis_no + 1] = tree->n + n_new++;
		}
		stage->leaves[part] = at[first];
		if (split->beside)
			stage->beside[part] = split->beside[parts->leaf[part]];
		/* a part of nothing need not be told what to share by */
		stage->units[part] = parts->share[part] == 0 ? 0 : split->units[parts->leaf[part]];
		stage->amounts[part] = part_of_amount(split->units[parts->leaf[part]] * fine, parts->share[part]);
	}
	stage->tree = ts_tree_deepen(tree, n_new, nodes, split->context);
	pfree(nodes);
	stage->leaf_of_node = MemoryContextAllocHuge(split->context, sizeof(int32) * (stage->tree->n + 1));
	for (int32 i = 0; i < stage->tree->n; i++)
		stage->leaf_of_node[i] = -1;
	for (int32 leaf = 0; leaf < stage->n_leaves; leaf++)
		stage->leaf_of_node[stage->leaves[leaf]] = leaf;
}

/* Puts the cells of a stage under the parts that they were weighed under */
static void
end_stage(const ts_split *split, const level_parts *parts, int first, const ts_split *stage, level_parts *made)
{
	const ts_cells *cells = &stage->cells;

	alloc_parts(split, made, cells->n);
	for (int64 start = 0, end; start < cells->n; start = end)
	{
		int32		part = cells->leaf[start];
		ts_int128	share = first == 0 ? whole_share() : parts->share[part];
		ts_int128	whole = 0;
		ts_ratio	ratio;

		for (end = start; end < cells->n && cells->leaf[end] == part; end++)
			whole += cells->weight[end];
		if (whole > 0)
			ts_ratio_init(&ratio, share, whole);
		for (int64 i = start; i < end; i++)
		{
			ts_uint128	remainder;

			CHECK_FOR_INTERRUPTS();
			made->leaf[i] = first == 0 ? part : parts->leaf[part];
			if (first > 0)
				memcpy(made->keys + i * split->n_axes, parts->keys + part * split->n_axes,
					   sizeof(int32) * first);
			memcpy(made->keys + i * split->n_axes + first, cells->keys + i * stage->n_axes,
				   sizeof(int32) * stage->n_axes);
			made->share[i] = whole > 0 ? (ts_int128) ts_ratio_floor(&ratio, cells->weight[i], &remainder) : 0;
			made->fallback[i] = first == 0 ? cells->fallback[i] : Max(parts->fallback[part], cells->fallback[i]);
			made->closed[i] = cells->closed[i] || (first > 0 && parts->closed[part]);
		}
	}
}

/* Fills the cells of a call with levels: sorted, at one scale, settled */
void
ts_levels_weigh(ts_split *split)
{
	level_parts parts = {0};
	bool		main_used = false;

	for (int first = 0, last; first < split->n_axes; first = last)
	{
		ts_split   *stage = palloc(sizeof(ts_split));
		level_parts made;

		last = first + 1;
		if (!split->level_term[first])
			while (last < split->n_axes && !split->level_term[last])
				last++;
		begin_stage(split, &parts, first, last, stage);
		ts_term_weigh(stage, &stage->main);
		end_stage(split, &parts, first, stage, &made);
		if (first > 0)
			free_parts(&parts);
		parts = made;
		split->n_unassigned = stage->n_unassigned;
		split->findings = stage->findings;
		if (!split->level_term[first])
		{
			/* what its basis came out as, for the record */
			split->main.has_basis = stage->main.has_basis;
			split->main.basis_from = stage->main.basis_from;
			split->main.basis_upto = stage->main.basis_upto;
			main_used = true;
		}
		pfree(stage);
	}
	if (!main_used && strcmp(split->main.method->name, "history") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("every level has a method of its own, and method \"%s\" is for none",
						split->main.method->name)));

	memset(&split->cells, 0, sizeof(split->cells));
	for (int64 i = 0; i < parts.n; i++)
	{
		int64		cell;

		CHECK_FOR_INTERRUPTS();
		cell = ts_split_add_cell(split, parts.leaf[i], parts.keys + i * split->n_axes);
		split->cells.weight[cell] = parts.share[i];
		split->cells.scale[cell] = SHARE_SCALE;
		split->cells.fallback[cell] = parts.fallback[i];
		split->cells.closed[cell] = parts.closed[i];
	}
	free_parts(&parts);
	split->scale = ts_weights_align(split->cells.n, split->cells.weight, split->cells.scale);
}
