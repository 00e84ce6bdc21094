/*-------------------------------------------------------------------------
 *
 * split.c
 *	  split_target and preview_split: children for every leaf at or under a
 *	  target, exact on every level.
 *
 * Glossary
 *	  leaf		a target without children that this call splits
 *	  axis		an entry of "by": a level of a dimension or a grain of time
 *	  cell		a combination of one key per axis under a leaf: a target
 *				without children that this call makes
 *	  frame		all cells that exist: members valid in the period, and every
 *				period of the calendar
 *	  weight	what the leaf's amount is shared by; a cell has its own, an
 *				inner node the sum of the cells below it
 *	  fallback	a weight that was not taken from the basis, because the
 *				caller said what to do where the basis says nothing
 *
 * Method
 *	  1. read the target's tree and lock it top-down in the order of ids
 *	  2. weigh the cells (split_method.c)
 *	  3. apply the policies for what is missing, zero or negative (split_policy.c)
 *	  4. lay the nodes out in preorder and round the whole tree under each
 *		 leaf at once (engine: every node is the floor or the ceiling of its
 *		 own exact share)
 *	  5. write the new rows into a tuplestore, insert them from it by one
 *		 statement, and return the same tuplestore to the caller
 *
 * Limits: about 80 bytes of memory a new target, beside the tuplestore that
 * keeps to work_mem.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/tuplestore.h"

#include "engine/apportion.h"
#include "engine/bounded.h"
#include "engine/residual.h"
#include "engine/wide.h"
#include "plan.h"
#include "query.h"
#include "split.h"
#include "target_split.h"

PG_FUNCTION_INFO_V1(target_split_split_target);
PG_FUNCTION_INFO_V1(target_split_preview_split);
PG_FUNCTION_INFO_V1(target_split_unsplit_target);

/* Columns of the result, in the order of the SQL declaration */
enum
{
	RES_TARGET_ID,
	RES_PARENT_ID,
	RES_DEPTH,
	RES_LEVEL,
	RES_SLICE,
	RES_PERIOD,
	RES_AMOUNT,
	RES_WEIGHT,
	RES_FALLBACK,
	RES_MEMBER_ID,
	RES_N_CHILDREN,
	RES_AT_LEAST,
	RES_AT_MOST,
	RES_COLUMNS
};

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* ---------------------------------------------------------------- names */

#define NAMES_SHOWN 20

bool
ts_name_list_full(const ts_name_list *list)
{
	return list->n >= NAMES_SHOWN;
}

/* Adds a name; beyond the first 20 they are only counted */
void
ts_name_list_add(ts_name_list *list, const char *name)
{
	if (list->n == 0)
		initStringInfo(&list->names);
	if (list->n++ < NAMES_SHOWN)
		appendStringInfo(&list->names, "%s%s", list->n > 1 ? "; " : "", name);
}

const char *
ts_name_list_text(ts_name_list *list)
{
	if (list->n > NAMES_SHOWN)
		appendStringInfo(&list->names, "; and %lld more", (long long) (list->n - NAMES_SHOWN));
	return list->names.data;
}

/* A label for a key: a member's name or a period's label */
char *
ts_split_key_label(const ts_split *split, const ts_axis *axis, int32 key)
{
	char		label[TS_PERIOD_LABEL_SIZE];

	if (!axis->is_time)
		return split->tree->members->members[key].code;
	ts_period_label(&split->tree->calendar, axis->grain, key, label, sizeof(label));
	return pstrdup(label);
}

/* "target 12 ({"market": "East"}, [2024-01-01,2024-04-01))" */
char *
ts_split_leaf_name(const ts_split *split, int32 leaf)
{
	const ts_node *node = &split->tree->nodes[split->leaves[leaf]];

	return psprintf("target %lld (%s, %s)", (long long) node->target_id,
					JsonbToCString(NULL, &DatumGetJsonbP(node->slice)->root, 0),
					ts_window_text(node->from, node->upto));
}

/* "market East, month 2024-01" for a new target, with the leaf's name where there are several */
char *
ts_split_node_name(const ts_split *split, const ts_split_nodes *nodes, int32 leaf, int64 node)
{
	int64		first = nodes->first[leaf];
	char	   *name = NULL;

	for (int32 at = (int32) (node - first); at >= 0; at = nodes->parent[first + at])
	{
		const ts_axis *axis = &split->axes[nodes->axis[first + at]];
		char	   *label = psprintf("%s %s", axis->name, ts_split_key_label(split, axis, nodes->key[first + at]));

		name = name ? psprintf("%s, %s", label, name) : label;
	}
	return split->n_leaves > 1 ? psprintf("%s of %s", name, ts_split_leaf_name(split, leaf)) : name;
}

/* "market East, month 2024-01", with the leaf's name where there are several */
char *
ts_split_cell_name(const ts_split *split, int64 cell)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int axis = 0; axis < split->n_axes; axis++)
		appendStringInfo(&buf, "%s%s %s", axis > 0 ? ", " : "", split->axes[axis].name,
						 ts_split_key_label(split, &split->axes[axis],
											split->cells.keys[cell * split->n_axes + axis]));
	if (split->n_leaves > 1)
		appendStringInfo(&buf, " of %s", ts_split_leaf_name(split, split->cells.leaf[cell]));
	return buf.data;
}

/* What the caller gave: for messages */
const char *
ts_split_what(const ts_split *split)
{
	return split->term->method->gives_amounts ? "amounts" : "weights";
}

/* ---------------------------------------------------------------- cells */

/* Adds a cell with weight 0 and returns its number */
int64
ts_split_add_cell(ts_split *split, int32 leaf, const int32 *keys)
{
	ts_cells   *cells = &split->cells;
	int64		cell = cells->n;

	if (cells->n == cells->space)
	{
		MemoryContext old = MemoryContextSwitchTo(split->context);
		bool		first = cells->space == 0;

		/* nodes are numbered by 32 bits */
		if (cells->n >= PG_INT32_MAX / (2 * TS_MAX_AXES))
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("split would make more than %lld targets", (long long) cells->n)));
		cells->space = first ? 1024 : cells->space * 2;
#define GROW(array) \
		(array) = first ? \
			MemoryContextAllocHuge(split->context, sizeof(*(array)) * cells->space) : \
			repalloc_huge((array), sizeof(*(array)) * cells->space)
		GROW(cells->leaf);
		GROW(cells->weight);
		GROW(cells->scale);
		GROW(cells->missing);
		GROW(cells->closed);
		GROW(cells->fallback);
		if (split->keep_increase)
			GROW(cells->increase);
#undef GROW
		cells->keys = first ?
			MemoryContextAllocHuge(split->context,
								   sizeof(int32) * cells->space * split->n_axes) :
			repalloc_huge(cells->keys, sizeof(int32) * cells->space * split->n_axes);
		MemoryContextSwitchTo(old);
	}
	cells->leaf[cell] = leaf;
	memcpy(cells->keys + cell * split->n_axes, keys, sizeof(int32) * split->n_axes);
	cells->weight[cell] = 0;
	cells->scale[cell] = 0;
	cells->missing[cell] = false;
	cells->closed[cell] = false;
	cells->fallback[cell] = TS_FALLBACK_NONE;
	if (split->keep_increase)
		memset(&cells->increase[cell], 0, sizeof(ts_increase));
	cells->n++;
	return cell;
}

/*
 * Finds, or enters, the slice that the keys up to an axis say, whatever the
 * periods among them, in the set of slices that are active.
 */
bool
ts_split_active_slice(const ts_split *split, int32 leaf, const int32 *keys, int last_axis,
					  HASHACTION action)
{
	int32		key[TS_MAX_AXES + 1] = {0};
	bool		found;

	key[0] = leaf;
	for (int i = 0; i < split->n_axes; i++)
		key[i + 1] = i <= last_axis && !split->axes[i].is_time ? keys[i] : -1;
	(void) hash_search(split->active_slices, key, action, &found);
	return found;
}

/* Are all members of a cell valid on some day of its period? */
static bool
is_open(const ts_split *split, const int32 *keys, DateADT from, DateADT upto)
{
	for (int i = 0; i < split->n_axes; i++)
		if (!split->axes[i].is_time)
		{
			const ts_member *m = &split->tree->members->members[keys[i]];

			if (m->valid_from >= upto || m->valid_upto <= from)
				return false;
		}
	return true;
}

/* Adds the cells under one leaf from an axis on, in the order of the keys */
static void
frame_axis(ts_split *split, int32 leaf, int axis_no, int32 *keys, int32 *member,
		   DateADT from, DateADT upto)
{
	ts_axis    *axis = &split->axes[axis_no];
	const ts_members *members = split->tree->members;

	CHECK_FOR_INTERRUPTS();
	if (axis_no == split->n_axes)
	{
		int64		cell = ts_split_add_cell(split, leaf, keys);

		/* a member that ends in May still has an August, of 0 */
		split->cells.closed[cell] = !is_open(split, keys, from, upto);
		return;
	}
	if (axis->is_time)
	{
		for (DateADT day = from; day < upto;)
		{
			DateADT		start = from;
			DateADT		end = upto;

			ts_axis_bucket(split->tree, axis, day, &start, &end);
			keys[axis_no] = start;
			frame_axis(split, leaf, axis_no + 1, keys, member, start, end);
			day = end;
		}
	}
	else
	{
		int32		up = member[axis->dim];
		int32		first = axis->first;
		int32		last = axis->last;

		if (up >= 0)
		{
			ts_axis_list_under(split->tree, axis, members->members[up].depth, split->context);
			first = axis->under_first[up];
			last = axis->under_first[up + 1];
		}
		for (int32 i = first; i < last; i++)
		{
			int32		m = up >= 0 ? axis->under[i] : i;
			const ts_member *candidate = &members->members[m];

			if (candidate->is_rest && !(axis->caught && axis->caught[m - axis->first]))
				continue;
			if (!ts_members_open(members, m, up, from, upto))
				continue;
			keys[axis_no] = m;
			if (split->active_slices &&
				!ts_split_active_slice(split, leaf, keys, axis_no, HASH_FIND))
				continue;
			member[axis->dim] = m;
			frame_axis(split, leaf, axis_no + 1, keys, member, from, upto);
			member[axis->dim] = up;
		}
	}
}

/* Fills the cells with the whole frame, sorted */
void
ts_split_frame(ts_split *split)
{
	int32		keys[TS_MAX_AXES];
	int32	   *member = palloc(sizeof(int32) * (split->tree->n_dims + 1));

	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
	{
		const ts_node *node = &split->tree->nodes[split->leaves[leaf]];
		int64		before = split->cells.n;

		ts_tree_node_members(split->tree, split->leaves[leaf], member);
		frame_axis(split, leaf, 0, keys, member, node->from, node->upto);
		ts_split_close_cells(split, leaf, before, member);
		if (split->cells.n == before)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s has no part to split into", ts_split_leaf_name(split, leaf)),
					 split->active ?
					 errdetail("None of its slices has facts in the basis.") :
					 errdetail("No combination of members is valid in its period.")));
	}
	pfree(member);
}

/* The order of cells: by leaf, then by keys */
int
ts_cell_compare(const ts_split *split, const ts_cells *a, int64 x, const ts_cells *b, int64 y)
{
	const int32 *xk = a->keys + x * split->n_axes;
	const int32 *yk = b->keys + y * split->n_axes;

	if (a->leaf[x] != b->leaf[y])
		return a->leaf[x] < b->leaf[y] ? -1 : 1;
	for (int axis = 0; axis < split->n_axes; axis++)
		if (xk[axis] != yk[axis])
			return xk[axis] < yk[axis] ? -1 : 1;
	return 0;
}

/*
 * One pass of a radix sort: brings the numbers in "order" into the order of
 * value[number * step], which is from low to low + range - 1, and leaves them
 * as they were where values are the same.
 */
static void
sort_by(int64 n, const int64 *order, int64 *sorted, const int32 *value, int step,
		int32 low, int32 range, MemoryContext context)
{
	int64	   *next = MemoryContextAllocExtended(context, sizeof(int64) * ((Size) range + 1),
												  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int64 i = 0; i < n; i++)
		next[value[order[i] * step] - low + 1]++;
	for (int32 i = 1; i < range; i++)
		next[i] += next[i - 1];
	for (int64 i = 0; i < n; i++)
	{
		if ((i & 0xFFFF) == 0)
			CHECK_FOR_INTERRUPTS();
		sorted[next[value[order[i] * step] - low]++] = order[i];
	}
	pfree(next);
}

/*
 * Sorts the cells by leaf and keys.  Two cells of the same keys are an error,
 * or are added up.
 */
void
ts_split_sort(ts_split *split, bool refuse_doubles)
{
	ts_cells   *cells = &split->cells;
	int			width = split->n_axes;
	int64	   *order;
	int64	   *other;
	int64	   *swap;
	ts_cells	sorted = {0};
	bool		in_order = true;

	for (int64 i = 1; i < cells->n && in_order; i++)
	{
		CHECK_FOR_INTERRUPTS();
		in_order = ts_cell_compare(split, cells, i - 1, cells, i) < 0;
	}
	if (in_order)
		return;

	order = MemoryContextAllocHuge(split->context, sizeof(int64) * cells->n);
	other = MemoryContextAllocHuge(split->context, sizeof(int64) * cells->n);
	for (int64 i = 0; i < cells->n; i++)
		order[i] = i;
	for (int axis_no = width - 1; axis_no >= -1; axis_no--)
	{
		const ts_axis *axis = &split->axes[Max(axis_no, 0)];
		const ts_node *start = &split->tree->nodes[0];

		if (axis_no < 0)
			sort_by(cells->n, order, other, cells->leaf, 1, 0, split->n_leaves, split->context);
		else if (axis->is_time)
			sort_by(cells->n, order, other, cells->keys + axis_no, width,
					start->from, start->upto - start->from, split->context);
		else
			sort_by(cells->n, order, other, cells->keys + axis_no, width,
					axis->first, axis->last - axis->first, split->context);
		swap = order;
		order = other;
		other = swap;
	}
	pfree(other);

	sorted.space = cells->n;
#define MAKE(array, width) \
	sorted.array = MemoryContextAllocHuge(split->context, \
										  sizeof(*sorted.array) * (width) * cells->n)
	MAKE(leaf, 1);
	MAKE(keys, width);
	MAKE(weight, 1);
	MAKE(scale, 1);
	MAKE(missing, 1);
	MAKE(closed, 1);
	MAKE(fallback, 1);
	if (cells->increase)
		MAKE(increase, 1);
#undef MAKE
	for (int64 i = 0; i < cells->n; i++)
	{
		int64		from = order[i];
		int64		to = sorted.n;

		CHECK_FOR_INTERRUPTS();
		if (i > 0 && ts_cell_compare(split, cells, order[i - 1], cells, order[i]) == 0)
		{
			if (refuse_doubles)
				ereport(ERROR,
						(errcode(ERRCODE_CARDINALITY_VIOLATION),
						 errmsg("there are two %s for %s", ts_split_what(split),
								ts_split_cell_name(split, from)),
						 errhint("Add them up, with GROUP BY, in a view.")));
			/* weights are at one scale by now */
			sorted.weight[to - 1] += cells->weight[from];
			sorted.missing[to - 1] &= cells->missing[from];
			sorted.closed[to - 1] &= cells->closed[from];
			sorted.fallback[to - 1] = Max(sorted.fallback[to - 1], cells->fallback[from]);
			if (cells->increase)
			{
				sorted.increase[to - 1].basis += cells->increase[from].basis;
				sorted.increase[to - 1].share += cells->increase[from].share;
			}
			continue;
		}
		sorted.leaf[to] = cells->leaf[from];
		memcpy(sorted.keys + to * width, cells->keys + from * width, sizeof(int32) * width);
		sorted.weight[to] = cells->weight[from];
		sorted.scale[to] = cells->scale[from];
		sorted.missing[to] = cells->missing[from];
		sorted.closed[to] = cells->closed[from];
		sorted.fallback[to] = cells->fallback[from];
		if (cells->increase)
			sorted.increase[to] = cells->increase[from];
		sorted.n++;
	}
	pfree(order);
	pfree(cells->leaf);
	pfree(cells->keys);
	pfree(cells->weight);
	pfree(cells->scale);
	pfree(cells->missing);
	pfree(cells->closed);
	pfree(cells->fallback);
	if (cells->increase)
		pfree(cells->increase);
	*cells = sorted;
}

/* ------------------------------------------------- the biggest by name */

/*
 * A member among those it is compared with: siblings under one leaf, or under
 * leaves of the same slice, whatever the periods above them
 */
typedef struct rank_key
{
	int32		slice;			/* first leaf of the slice */
	int32		keys[TS_MAX_AXES];	/* before the axis, -1 for periods */
	int32		member;
} rank_key;

typedef struct rank_entry
{
	rank_key	key;
	ts_int128	weight;
	bool		kept;
} rank_entry;

/* siblings together; larger weight first, then smaller code: the index is in that order */
static int
compare_ranked(const void *a, const void *b)
{
	const rank_entry *x = *(rank_entry *const *) a;
	const rank_entry *y = *(rank_entry *const *) b;
	int			c = memcmp(&x->key, &y->key, offsetof(rank_key, member));

	if (c != 0)
		return c;
	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	return x->key.member < y->key.member ? -1 : x->key.member > y->key.member;
}

/* Per leaf: the first leaf of the same members */
static int32 *
first_of_slice(const ts_split *split)
{
	const ts_tree *tree = split->tree;
	int32	   *first = MemoryContextAllocHuge(split->context, sizeof(int32) * (split->n_leaves + 1));
	Size		keysize = sizeof(int32) * (tree->n_dims + 1);
	int32	   *member = palloc0(keysize);
	HASHCTL		ctl = {0};
	HTAB	   *slices;

	ctl.keysize = keysize;
	ctl.entrysize = keysize + sizeof(int32);
	ctl.hcxt = split->context;
	slices = hash_create("target_split slices", Max(split->n_leaves, 16), &ctl,
						 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
	{
		int32	   *entry;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		ts_tree_node_members(tree, split->leaves[leaf], member);
		entry = hash_search(slices, member, HASH_ENTER, &found);
		if (!found)
			entry[tree->n_dims + 1] = leaf;
		first[leaf] = entry[tree->n_dims + 1];
	}
	hash_destroy(slices);
	pfree(member);
	return first;
}

/* ", parent => ARRAY['A', 'B']" for a hint, nothing at the top */
static char *
parent_argument(const ts_members *members, int32 parent)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (parent >= 0)
	{
		appendStringInfoString(&buf, ", parent => ARRAY[");
		for (int i = 0; i < members->members[parent].depth; i++)
			appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "",
							 quote_literal_cstr(members->members[parent].path[i]));
		appendStringInfoChar(&buf, ']');
	}
	return buf.data;
}

/* The member that stands for the rest beside a member */
static int32
rest_beside(const ts_split *split, const ts_axis *axis, int32 member)
{
	const ts_members *members = split->tree->members;
	int32		parent = members->members[member].parent;

	int32		rest = ts_members_child(members, axis->dim, parent, split->rest);

	if (rest >= 0)
	{
		if (members->members[rest].is_rest)
			return rest;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("member \"%s\" of %s does not stand for the rest",
						split->rest, axis->name),
				 errhint("SELECT target_split.add_member(%s, 'Others'%s, is_rest => true);",
						 quote_literal_cstr(split->tree->dimensions[axis->dim]),
						 parent_argument(members, parent))));
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("member \"%s\" of %s does not exist", split->rest, axis->name),
			 errhint("SELECT target_split.add_member(%s, %s%s, is_rest => true);",
					 quote_literal_cstr(split->tree->dimensions[axis->dim]),
					 quote_literal_cstr(split->rest),
					 parent_argument(members, parent))));
}

/* Is a member listed by name?  Notes that it was met. */
bool
ts_split_is_named(ts_axis *axis, int32 member)
{
	int			low = 0;
	int			high = axis->n_named;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (axis->named[middle].member < member)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == axis->n_named || axis->named[low].member != member)
		return false;
	axis->named[low].met = true;
	return true;
}

/* Members listed by name that no target can have */
static void
refuse_unmet(const ts_split *split, const ts_axis *axis)
{
	StringInfoData names;
	int			n = 0;

	initStringInfo(&names);
	for (int i = 0; i < axis->n_named; i++)
		if (!axis->named[i].met && n++ < 20)
			appendStringInfo(&names, "%s\"%s\"", n > 1 ? ", " : "",
							 split->tree->members->members[axis->named[i].member].code);
	if (n > 20)
		appendStringInfo(&names, " and %d more", n - 20);
	if (n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"members\" lists %d members of \"%s\" that no target can be split into",
						n, axis->name),
				 errdetail("They are %s: not valid in the period, or below another member.",
						   names.data)));
}

static void
make_rank_key(const ts_split *split, int axis_no, const int32 *slice, int64 cell, rank_key *key)
{
	const int32 *keys = split->cells.keys + cell * split->n_axes;

	memset(key, 0, sizeof(*key));
	key->slice = slice[split->cells.leaf[cell]];
	for (int i = 0; i < axis_no; i++)
		key->keys[i] = split->axes[i].is_time ? -1 : keys[i];
	key->member = keys[axis_no];
}

/* Marks the biggest members of each set of siblings as kept */
static void
mark_biggest(HTAB *ranks, int limit, MemoryContext context)
{
	int64		n = hash_get_num_entries(ranks);
	rank_entry **list = MemoryContextAllocHuge(context, sizeof(rank_entry *) * (n + 1));
	HASH_SEQ_STATUS status;
	rank_entry *entry;
	int64		place = 0;

	n = 0;
	hash_seq_init(&status, ranks);
	while ((entry = hash_seq_search(&status)) != NULL)
		list[n++] = entry;
	qsort(list, n, sizeof(rank_entry *), compare_ranked);
	for (int64 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i > 0 && memcmp(&list[i]->key, &list[i - 1]->key, offsetof(rank_key, member)) != 0)
			place = 0;
		list[i]->kept = place++ < limit;
	}
	pfree(list);
}

/*
 * Keeps the biggest members of each set of siblings on an axis, or those
 * listed, and lets the others go into the rest (or, listed and without a
 * rest, out).  The same members are kept in all periods.
 */
static void
keep_biggest(ts_split *split, int axis_no)
{
	ts_axis    *axis = &split->axes[axis_no];
	ts_cells   *cells = &split->cells;
	const ts_member *members = split->tree->members->members;
	int			width = split->n_axes;
	int32	   *slice = first_of_slice(split);
	int64		kept = 0;
	HASHCTL		ctl = {0};
	HTAB	   *ranks;
	rank_key	key;
	rank_entry *entry;
	bool		found;

	ctl.keysize = sizeof(rank_key);
	ctl.entrysize = sizeof(rank_entry);
	ctl.hcxt = split->context;
	ranks = hash_create("target_split ranks", 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int64 i = 0; i < cells->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		make_rank_key(split, axis_no, slice, i, &key);
		/* the rest is nobody's rival, though it may have caught facts */
		if (members[key.member].is_rest)
			continue;
		entry = hash_search(ranks, &key, HASH_ENTER, &found);
		if (!found)
		{
			entry->weight = 0;
			entry->kept = axis->n_named >= 0 && ts_split_is_named(axis, key.member);
		}
		entry->weight += cells->weight[i];
	}
	if (axis->n_named < 0)
		mark_biggest(ranks, axis->limit, split->context);

	for (int64 i = 0; i < cells->n; i++)
	{
		int32	   *keys = cells->keys + i * width;

		CHECK_FOR_INTERRUPTS();
		make_rank_key(split, axis_no, slice, i, &key);
		entry = hash_search(ranks, &key, HASH_FIND, NULL);
		if (entry ? !entry->kept : split->rest != NULL)
		{
			if (!split->rest)
				continue;
			keys[axis_no] = rest_beside(split, axis, keys[axis_no]);
		}
		cells->leaf[kept] = cells->leaf[i];
		memmove(cells->keys + kept * width, keys, sizeof(int32) * width);
		cells->weight[kept] = cells->weight[i];
		cells->scale[kept] = cells->scale[i];
		cells->missing[kept] = cells->missing[i];
		cells->closed[kept] = cells->closed[i];
		cells->fallback[kept] = cells->fallback[i];
		if (cells->increase)
			cells->increase[kept] = cells->increase[i];
		kept++;
	}
	cells->n = kept;
	hash_destroy(ranks);
	pfree(slice);
	if (axis->n_named >= 0)
		refuse_unmet(split, axis);
	ts_split_sort(split, false);
}

/* Applies "members" to the cells of the whole call */
void
ts_split_limit_members(ts_split *split)
{
	for (int axis = 0; axis < split->n_axes; axis++)
	{
		if (split->axes[axis].limit < 0 && split->axes[axis].n_named < 0)
			continue;
		for (int deeper = axis + 1; deeper < split->n_axes; deeper++)
			if (!split->axes[deeper].is_time && split->axes[deeper].above == axis && split->rest)
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("level \"%s\" has a rest and cannot be split by \"%s\" in the same call",
								split->axes[axis].name, split->axes[deeper].name)));
		keep_biggest(split, axis);
	}
}

/* ---------------------------------------------------------------- nodes */

static int64
add_node(ts_split_nodes *nodes, MemoryContext context)
{
	if (nodes->n == nodes->space)
	{
		bool		first = nodes->space == 0;

		nodes->space = first ? 1024 : nodes->space * 2;
#define GROW(array) \
		(array) = first ? \
			MemoryContextAllocHuge(context, sizeof(*(array)) * nodes->space) : \
			repalloc_huge((array), sizeof(*(array)) * nodes->space)
		GROW(nodes->parent);
		GROW(nodes->key);
		GROW(nodes->n_children);
		GROW(nodes->axis);
		GROW(nodes->fallback);
		GROW(nodes->open);
		GROW(nodes->weight);
#undef GROW
	}
	return nodes->n++;
}

/* Lays the nodes out in preorder: one for each prefix of keys, per leaf */
void
ts_split_lay_out(ts_split *split, ts_split_nodes *nodes)
{
	const ts_cells *cells = &split->cells;
	int			width = split->n_axes;
	int64		at[TS_MAX_AXES] = {0};
	int32		leaf = -1;

	nodes->first = MemoryContextAllocZero(split->context,
										  sizeof(int64) * (split->n_leaves + 1));
	for (int64 i = 0; i < cells->n; i++)
	{
		const int32 *keys = cells->keys + i * width;
		int			axis = 0;

		CHECK_FOR_INTERRUPTS();
		if (cells->leaf[i] != leaf)
		{
			while (leaf < cells->leaf[i])
				nodes->first[++leaf] = nodes->n;
		}
		else
			while (axis < width - 1 && keys[axis] == keys[axis - width])
				axis++;
		/* the last level is always new: cells differ */
		do
		{
			int64		node = add_node(nodes, split->context);

			at[axis] = node;
			nodes->parent[node] = axis > 0 ? (int32) (at[axis - 1] - nodes->first[leaf]) : -1;
			nodes->key[node] = keys[axis];
			nodes->axis[node] = axis;
			nodes->n_children[node] = 0;
			nodes->weight[node] = 0;
			nodes->fallback[node] = TS_FALLBACK_NONE;
			nodes->open[node] = false;
			if (axis > 0)
				nodes->n_children[at[axis - 1]]++;
		} while (++axis < width);
		nodes->weight[at[width - 1]] = cells->weight[i];
		nodes->fallback[at[width - 1]] = cells->fallback[i];
		for (axis = 0; axis < width && !cells->closed[i]; axis++)
			nodes->open[at[axis]] = true;
	}
	while (leaf < split->n_leaves)
		nodes->first[++leaf] = nodes->n;
	for (leaf = 0; leaf < split->n_leaves; leaf++)
		if (nodes->first[leaf] == nodes->first[leaf + 1])
			ereport(ERROR,
					(errcode(ERRCODE_NO_DATA_FOUND),
					 errmsg("%s has no part to split into", ts_split_leaf_name(split, leaf)),
					 split->active ?
					 errdetail("No member of \"by\" is active in the basis there.") :
					 errdetail("None of the members that are kept by name is in it.")));
}

static ts_int128
gcd128(ts_int128 a, ts_int128 b)
{
	while (b != 0)
	{
		ts_int128	t = a % b;

		a = b;
		b = t;
	}
	return a;
}

/*
 * Weights for siblings that share alike at every level: a node at the end of
 * branches of n1, n2 ... siblings has the share 1 / (n1 n2 ...).  They are
 * made whole numbers by the least common multiple of those products, so that
 * equal shares are exactly equal; where it would be larger than 10^28, by
 * 10^28, rounded down.
 */
static void
weigh_by_shape(ts_split *split, ts_split_nodes *nodes)
{
	ts_int128	limit = TS_LARGEST_WEIGHT;
	ts_int128  *ways;
	int32	   *n_open;			/* children that share */
	int64		max_nodes = 0;

	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
		max_nodes = Max(max_nodes, nodes->first[leaf + 1] - nodes->first[leaf]);
	ways = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * (max_nodes + 1));
	n_open = MemoryContextAllocHuge(split->context, sizeof(int32) * (max_nodes + 1));
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
	{
		int64		first = nodes->first[leaf];
		int64		n = nodes->first[leaf + 1] - first;
		ts_int128	n_top = 0;
		ts_int128	multiple = 1;

		for (int64 i = 0; i < n; i++)
		{
			n_open[i] = 0;
			if (nodes->open[first + i] && nodes->parent[first + i] < 0)
				n_top++;
			else if (nodes->open[first + i])
				n_open[nodes->parent[first + i]]++;
		}
		for (int64 i = 0; i < n; i++)
		{
			int32		parent = nodes->parent[first + i];

			CHECK_FOR_INTERRUPTS();
			if (!nodes->open[first + i])
				continue;
			/* n_open < 2^31 and at most 16 levels: stop before it overflows */
			ways[i] = parent < 0 ? n_top :
				Min(ways[parent], limit) * n_open[parent];
			if (nodes->n_children[first + i] == 0 && multiple <= limit)
			{
				ts_int128	factor = ways[i] / Max(gcd128(multiple, ways[i]), 1);

				multiple = factor > limit / multiple ? limit + 1 : multiple * factor;
			}
		}
		if (multiple > limit)
			multiple = limit;
		for (int64 i = 0; i < n; i++)
			nodes->weight[first + i] = nodes->n_children[first + i] == 0 && nodes->open[first + i] ?
				Max(multiple / Max(ways[i], 1), 1) : 0;
	}
	pfree(ways);
	pfree(n_open);
}

void
ts_split_free_nodes(ts_split_nodes *nodes)
{
	pfree(nodes->parent);
	pfree(nodes->key);
	pfree(nodes->n_children);
	pfree(nodes->axis);
	pfree(nodes->fallback);
	pfree(nodes->open);
	pfree(nodes->weight);
	pfree(nodes->first);
}

/* Gives the cells the weights of siblings that share alike */
void
ts_split_weigh_by_shape(ts_split *split)
{
	ts_split_nodes nodes = {0};
	int64		cell = 0;

	ts_split_lay_out(split, &nodes);
	weigh_by_shape(split, &nodes);
	/* nodes without children come in the order of the cells */
	for (int64 node = 0; node < nodes.n; node++)
		if (nodes.n_children[node] == 0)
			split->cells.weight[cell++] = nodes.weight[node];
	split->scale = 0;
	ts_split_free_nodes(&nodes);
}

/*
 * A leaf's block of new targets as the engine takes it: n nodes, parents before
 * children
 */
typedef struct split_block
{
	int64		n;
	const int32_t *parent;
	ts_int128  *weight;
	ts_int128  *share;
} split_block;

/*
 * Which child of a node, or at the top (-1), is the last to have got a unit by
 * the largest remainder, -1 if none has.  ratio makes exact shares of weights.
 */
static int64
last_to_get_a_unit(const split_block *block, int64 above, const ts_ratio *ratio)
{
	int64		last = -1;
	ts_uint128	least = 0;

	for (int64 i = above + 1; i < block->n; i++)
	{
		ts_int128	weight = block->weight[i];
		ts_int128	share = block->share[i];
		ts_uint128	remainder;

		CHECK_FOR_INTERRUPTS();
		if (block->parent[i] != above ||
			ts_ratio_floor(ratio, weight, &remainder) == (ts_uint128) (share < 0 ? -share : share))
			continue;
		if (last < 0 || remainder < least ||
			(remainder == least && weight <= block->weight[last]))
		{
			last = i;
			least = remainder;
		}
	}
	return last;
}

/*
 * Rounds the tree under one leaf, which has so many units, by the largest
 * remainder, to multiples of the call's quantum.  What of the leaf is less than
 * that makes one multiple more, and on every level the node that gets its last unit
 * lacks what is too much: so every node is between the floor and the ceiling of
 * its exact share, and all but those on that path are one of the two.
 */
static ts_status
apportion_coarse(const ts_split *split, const split_block *block, ts_int128 units, void *work)
{
	int			sign = units < 0 ? -1 : 1;
	ts_int128	lacking = (split->coarse - sign * units % split->coarse) % split->coarse;
	ts_status	status = ts_apportion_tree_in(block->n, block->parent, block->weight,
											  units, split->coarse, block->share, work,
											  NULL, NULL, check_interrupts);
	int64		path[TS_MAX_AXES];
	int			depth = 0;

	if (status != TS_OK || split->coarse == 1)
		return status;
	if (lacking > 0)
	{
		ts_int128	whole = 0;
		ts_ratio	ratio;
		int64		at = -1;

		for (int64 i = 0; i < block->n; i++)
			if (block->parent[i] < 0)
				whole += block->weight[i];
		ts_ratio_init(&ratio, sign * units, whole * split->coarse);
		while ((at = last_to_get_a_unit(block, at, &ratio)) >= 0)
			path[depth++] = at;
	}
	for (int64 i = 0; i < block->n; i++)
		block->share[i] *= split->coarse;
	while (depth > 0)
		block->share[path[--depth]] -= sign * lacking;
	return status;
}

/*
 * What residual => means: -1 for the largest remainder, else a rule of the
 * engine's.  What is no word is a member's code.
 */
static int
residual_rule(const ts_split *split)
{
	static const char *const words[] = {"first", "last", "highest", "lowest", "carry"};
	const ts_members *members = split->tree->members;

	if (strcmp(split->residual, "largest") == 0)
		return -1;
	for (int i = 0; i < (int) lengthof(words); i++)
		if (strcmp(split->residual, words[i]) == 0)
			return i;
	for (int i = 0; i < split->n_axes; i++)
		if (!split->axes[i].is_time)
			for (int32 m = split->axes[i].first; m < split->axes[i].last; m++)
				if (strcmp(members->members[m].code, split->residual) == 0)
					return TS_RESIDUAL_NAMED;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("member \"%s\" named by \"residual\" does not exist on a level of \"by\"", split->residual),
			 errhint("residual => 'largest', 'first', 'last', 'highest', 'lowest', 'carry' or a member's code")));
}

/*
 * Brings shares of the nodes under one node of a block, or of those at its top
 * (-1), to multiples of the call's quantum.  Nodes that are kept have what they
 * have, and what is under them is shared by itself.  member: the nodes, parents
 * before children; place, by node: what becomes its place in the list.  A share
 * below 0 is counted from the multiple below it, since the engine takes no
 * negative weights.
 */
static ts_status
coarsen_under(const ts_split *split, const split_block *block, int64 above, ts_int128 units, const bool *kept,
			  int64 n, const int32 *member, int32 *place, ts_int128 *numbers, int32 *parent, void *work)
{
	int			sign = units < 0 ? -1 : 1;
	ts_int128  *rest = numbers;
	ts_int128  *whole = rest + n;
	split_block shifted = {n, parent, rest, whole + n};
	ts_int128	left = sign * units;
	ts_status	status;

	for (int64 i = 0; i < n; i++)
	{
		place[member[i]] = (int32) i;
		parent[i] = block->parent[member[i]] == above ? -1 : place[block->parent[member[i]]];
		rest[i] = -1;			/* no children so far */
		whole[i] = 0;
		if (parent[i] >= 0)
			rest[parent[i]] = 0;
	}
	for (int64 i = n - 1; i >= 0; i--)
	{
		CHECK_FOR_INTERRUPTS();
		if (rest[i] < 0)
		{
			ts_int128	share = sign * block->share[member[i]];

			if (kept && kept[member[i]])
				whole[i] = share;
			else if (share < 0)
				whole[i] = (share - split->coarse + 1) / split->coarse * split->coarse;
			rest[i] = share - whole[i];
			left -= whole[i];
		}
		if (parent[i] >= 0)
			whole[parent[i]] += whole[i];
	}
	status = apportion_coarse(split, &shifted, left, work);
	for (int64 i = 0; i < n; i++)
		block->share[member[i]] = sign * (shifted.share[i] + whole[i]);
	return status;
}

/*
 * Brings shares that keep to bounds to multiples of the call's quantum.  Where
 * bounds are multiples, the multiples next to a share are within them too, and so
 * is what lies between.  kept, by node: it keeps its share, multiple or not; NULL:
 * none does.
 */
static ts_status
coarsen_shares(const ts_split *split, const split_block *block, ts_int128 units, const bool *kept, void *work)
{
	MemoryContext context = AllocSetContextCreate(split->context, "target_split coarse shares", ALLOCSET_DEFAULT_SIZES);
	Size		n = block->n + 1;
	int32	   *under = MemoryContextAllocHuge(context, sizeof(int32) * n * 4);	/* which kept node, or -1 */
	int32	   *member = under + n;
	int32	   *place = member + n;
	int32	   *parent = place + n;
	int32	   *start = MemoryContextAllocHuge(context, sizeof(int32) * (n + 2));
	ts_int128  *numbers = MemoryContextAllocHuge(context, sizeof(ts_int128) * n * 3);
	ts_status	status = TS_OK;

	/* nodes by the kept node that they are under, in their order */
	memset(start, 0, sizeof(int32) * (n + 2));
	for (int64 i = 0; i < block->n; i++)
	{
		int32		above = block->parent[i];

		under[i] = above < 0 || (kept && kept[above]) ? above : under[above];
		start[under[i] + 3]++;
	}
	for (Size i = 2; i < n + 2; i++)
		start[i] += start[i - 1];
	for (int64 i = 0; i < block->n; i++)
		member[start[under[i] + 2]++] = (int32) i;

	/* outer ones first: they do not change what is kept */
	for (int64 above = -1; above < block->n && status == TS_OK; above++)
	{
		int32		first = start[above + 1];

		if (start[above + 2] > first)
			status = coarsen_under(split, block, above, above < 0 ? units : block->share[above], kept,
								   start[above + 2] - first, member + first, place, numbers, parent, work);
	}
	MemoryContextDelete(context);
	return status;
}

/*
 * Rounds parts that are shared around what is kept, by the call's quantum and
 * residual
 *
 * n, parent: nodes, parents before children.  weight: of nodes without children.
 * lower, upper, share: effective bounds and shares in the plan's quanta, as
 * ts_bounded_tree leaves them; kept: by node, it has both bounds at what it has.
 * named: marks for a residual that is a member's.  What is made may be beyond
 * bounds that are no multiples of the quantum.
 */
ts_status
ts_split_round_kept(const ts_split *split, int64 n, const int32 *parent, ts_int128 *weight, const ts_int128 *lower,
					const ts_int128 *upper, ts_int128 units, const bool *kept, const bool *named, ts_int128 *share)
{
	split_block block = {n, parent, weight, share};
	int			residual = residual_rule(split);
	void	   *work = MemoryContextAllocHuge(split->context, Max(ts_apportion_tree_work(n), ts_residual_tree_work(n, true)));
	bool		any_kept = false;
	ts_status	status;

	for (int64 i = 0; i < n && !any_kept; i++)
		any_kept = kept[i];
	if (residual >= 0)
		status = ts_residual_tree(n, parent, weight, lower, upper, units, split->coarse, (ts_residual) residual, named,
								  share, work, check_interrupts);
	else if (any_kept)
		status = coarsen_shares(split, &block, units, kept, work);
	else
		status = apportion_coarse(split, &block, units, work);
	pfree(work);
	return status;
}

/*
 * Rounds the tree under one leaf within the bounds of its nodes.  The engine
 * shares within them by the largest remainder, in the plan's quanta; a quantum of
 * the call and other residuals start from what it finds.  Where no bound holds
 * anything, all is as without bounds.
 */
static ts_status
apportion_bounded(ts_split *split, ts_split_nodes *nodes, int32 leaf, int residual, const bool *named, void *work)
{
	int64		first = nodes->first[leaf];
	int64		n = nodes->first[leaf + 1] - first;
	split_block block = {n, nodes->parent + first, nodes->weight + first, nodes->share + first};
	ts_int128	units = split->units[leaf];
	uint8_t    *held = MemoryContextAllocHuge(split->context, n + 1);
	/* the engine narrows its bounds by those above and below; ours are kept */
	ts_int128  *lower = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * (n + 1));
	ts_int128  *upper = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * (n + 1));
	ts_bounds_report why;
	ts_status	status;
	bool		any_held = false;

	memcpy(lower, nodes->lower + first, sizeof(ts_int128) * n);
	memcpy(upper, nodes->upper + first, sizeof(ts_int128) * n);
	status = ts_bounded_tree(n, block.parent, block.weight, lower, upper,
							 units, NULL, block.share, held, work,
							 NULL, NULL, &why, check_interrupts);
	for (int64 i = 0; i < n && status == TS_OK; i++)
		any_held |= ((held[i] & TS_AT_LOWER) && block.share[i] == nodes->lower[first + i]) ||
			((held[i] & TS_AT_UPPER) && block.share[i] == nodes->upper[first + i]);
	if (status != TS_OK)
		ts_bounds_refuse(split, nodes, leaf, status, why.index,
						 ts_units_to_numeric(why.total, &split->tree->quantum),
						 ts_units_to_numeric(why.sum, &split->tree->quantum),
						 ts_units_to_numeric(why.shortfall, &split->tree->quantum));
	if (status == TS_OK && residual >= 0)
		status = ts_residual_tree(n, block.parent, block.weight, lower, upper, units, split->coarse,
								  (ts_residual) residual, named, block.share, work, check_interrupts);
	else if (status == TS_OK && split->coarse > 1)
		status = any_held ? coarsen_shares(split, &block, units, NULL, work) :
			apportion_coarse(split, &block, units, work);
	pfree(held);
	pfree(lower);
	pfree(upper);
	return status;
}

/* Is a node of the member that residual => names? */
bool
ts_split_takes_residual(const ts_split *split, const ts_split_nodes *nodes, int64 node)
{
	return !split->axes[nodes->axis[node]].is_time &&
		strcmp(split->tree->members->members[nodes->key[node]].code, split->residual) == 0;
}

static ts_status
apportion_leaf(ts_split *split, ts_split_nodes *nodes, int32 leaf, int residual, bool *named, void *work)
{
	int64		first = nodes->first[leaf];
	split_block block = {nodes->first[leaf + 1] - first, nodes->parent + first, nodes->weight + first,
	nodes->share + first};

	for (int64 i = 0; i < block.n && residual >= 0; i++)
		named[i] = ts_split_takes_residual(split, nodes, first + i);
	if (nodes->lower)
		return apportion_bounded(split, nodes, leaf, residual, named, work);
	if (residual < 0)
		return apportion_coarse(split, &block, split->units[leaf], work);
	return ts_residual_tree(block.n, block.parent, block.weight, NULL, NULL, split->units[leaf], split->coarse,
							(ts_residual) residual, named, block.share, work, check_interrupts);
}

/* Rounds the tree under each leaf, then all together where periods have totals over slices */
void
ts_split_apportion(ts_split *split, ts_split_nodes *nodes)
{
	int64		max_nodes = 0;
	void	   *work;
	bool	   *named;
	int			residual = residual_rule(split);

	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
		max_nodes = Max(max_nodes, nodes->first[leaf + 1] - nodes->first[leaf]);
	nodes->share = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * (nodes->n + 1));
	work = MemoryContextAllocHuge(split->context,
								  Max(Max(ts_apportion_tree_work(max_nodes),
										  ts_residual_tree_work(max_nodes, nodes->lower != NULL)),
									  nodes->lower ? ts_bounded_tree_work(max_nodes, false) : 0));
	named = MemoryContextAllocHuge(split->context, max_nodes + 1);
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
	{
		int64		first = nodes->first[leaf];
		ts_status	status;

		if (ts_split_is_given(split, leaf))
		{
			/* the parts are what they are: only add them up */
			memset(nodes->share + first, 0,
				   sizeof(ts_int128) * (nodes->first[leaf + 1] - first));
			for (int64 node = nodes->first[leaf + 1] - 1; node >= first; node--)
			{
				nodes->share[node] += nodes->weight[node];
				if (nodes->parent[node] >= 0)
					nodes->share[first + nodes->parent[node]] += nodes->share[node];
			}
			continue;
		}
		status = apportion_leaf(split, nodes, leaf, residual, named, work);
		if (status == TS_ALL_ZERO)
			ereport(ERROR,
					(errcode(ERRCODE_DIVISION_BY_ZERO),
					 errmsg("all weights are zero for %s", ts_split_leaf_name(split, leaf)),
					 errhint("on_zero => 'equal' or on_zero => 'parent'")));
		if (status == TS_TOO_LARGE)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("weights of %s are too large for this quantum", ts_split_leaf_name(split, leaf))));
		if (status != TS_OK)
			elog(ERROR, "tree of %s could not be rounded: status %d",
				 ts_split_leaf_name(split, leaf), status);
	}
	pfree(work);
	pfree(named);
	ts_split_round_together(split, nodes);
}

/* --------------------------------------------------------------- writing */

/* A daterange, made once for all targets that share it */
typedef struct period_entry
{
	DateADT		key[2];			/* first day, day after the last */
	Datum		range;
} period_entry;

static Datum
shared_period(HTAB *periods, DateADT from, DateADT upto, MemoryContext context)
{
	DateADT		key[2] = {from, upto};
	bool		found;
	period_entry *entry = hash_search(periods, key, HASH_ENTER, &found);

	if (!found)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		entry->range = ts_daterange_make(from, upto);
		MemoryContextSwitchTo(old);
	}
	return entry->range;
}

/*
 * Writes the new targets into the tuplestore, in preorder, and gives them
 * ids unless this is a preview.
 */
static void
write_nodes(ts_split *split, const ts_split_nodes *nodes, Tuplestorestate *store, TupleDesc desc)
{
	const ts_tree *tree = split->tree;
	MemoryContext row_context;
	MemoryContext old;
	Datum		level[TS_MAX_AXES];
	Datum		slice[TS_MAX_AXES + 1];
	Datum		period[TS_MAX_AXES + 1];
	DateADT		from[TS_MAX_AXES + 1];
	DateADT		upto[TS_MAX_AXES + 1];
	int64		id[TS_MAX_AXES + 1];
	MemoryContext axis_context[TS_MAX_AXES + 1];
	Datum		fallback[TS_N_FALLBACKS];
	HASHCTL		ctl = {0};
	HTAB	   *periods;

	ctl.keysize = sizeof(DateADT) * 2;
	ctl.entrysize = sizeof(period_entry);
	ctl.hcxt = split->context;
	periods = hash_create("target_split periods", 256, &ctl,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	row_context = AllocSetContextCreate(split->context, "target_split row",
										ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(split->context);
	for (int axis = 0; axis < split->n_axes; axis++)
	{
		level[axis] = CStringGetTextDatum(split->axes[axis].name);
		axis_context[axis + 1] = AllocSetContextCreate(split->context, "target_split slice",
													   ALLOCSET_SMALL_SIZES);
	}
	for (int i = 1; i < TS_N_FALLBACKS; i++)
		fallback[i] = CStringGetTextDatum(ts_fallback_names[i]);

	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
	{
		const ts_node *anchor = &tree->nodes[split->leaves[leaf]];
		bool		given = ts_split_is_given(split, leaf);
		int			anchor_depth = 0;

		for (int32 up = split->leaves[leaf]; up > 0; up = tree->nodes[up].parent)
			anchor_depth++;
		anchor_depth += tree->depth;
		id[0] = anchor->target_id;
		slice[0] = anchor->slice;
		from[0] = anchor->from;
		upto[0] = anchor->upto;
		period[0] = shared_period(periods, anchor->from, anchor->upto, split->context);

		for (int64 node = nodes->first[leaf]; node < nodes->first[leaf + 1]; node++)
		{
			int			axis_no = nodes->axis[node];
			const ts_axis *axis = &split->axes[axis_no];
			int			at = axis_no + 1;
			Datum		values[RES_COLUMNS];
			bool		nulls[RES_COLUMNS] = {0};

			CHECK_FOR_INTERRUPTS();
			/* what an edge says is kept until the next one on its level */
			MemoryContextReset(axis_context[at]);
			MemoryContextSwitchTo(axis_context[at]);
			from[at] = from[at - 1];
			upto[at] = upto[at - 1];
			if (axis->is_time)
			{
				ts_axis_bucket(split->tree, axis, nodes->key[node], &from[at], &upto[at]);
				period[at] = shared_period(periods, from[at], upto[at], split->context);
				slice[at] = slice[at - 1];
			}
			else
			{
				period[at] = period[at - 1];
				slice[at] = DirectFunctionCall2(jsonb_concat, slice[at - 1],
												ts_tree_edge_slice(tree, nodes->key[node]));
			}
			id[at] = split->preview ? 0 : ts_next_target_id();

			MemoryContextSwitchTo(row_context);
			values[RES_TARGET_ID] = Int64GetDatum(id[at]);
			nulls[RES_TARGET_ID] = split->preview;
			values[RES_PARENT_ID] = Int64GetDatum(id[at - 1]);
			nulls[RES_PARENT_ID] = split->preview && axis_no > 0;
			values[RES_DEPTH] = Int32GetDatum(anchor_depth + at);
			values[RES_LEVEL] = level[axis_no];
			values[RES_SLICE] = slice[at];
			values[RES_PERIOD] = period[at];
			values[RES_AMOUNT] = ts_units_to_numeric(nodes->share[node], &tree->quantum);
			nulls[RES_WEIGHT] = given;
			if (!given)
				values[RES_WEIGHT] = ts_scaled_to_numeric(nodes->weight[node], split->scale);
			nulls[RES_FALLBACK] = nodes->fallback[node] == TS_FALLBACK_NONE;
			if (!nulls[RES_FALLBACK])
				values[RES_FALLBACK] = fallback[nodes->fallback[node]];
			values[RES_MEMBER_ID] = Int64GetDatum(axis->is_time ? 0 :
												  tree->members->members[nodes->key[node]].member_id);
			values[RES_N_CHILDREN] = Int32GetDatum(nodes->n_children[node]);
			nulls[RES_AT_LEAST] = !nodes->lower || nodes->lower[node] == TS_NO_LOWER;
			if (!nulls[RES_AT_LEAST])
				values[RES_AT_LEAST] = ts_units_to_numeric(nodes->lower[node], &tree->quantum);
			nulls[RES_AT_MOST] = !nodes->lower || nodes->upper[node] == TS_NO_UPPER;
			if (!nulls[RES_AT_MOST])
				values[RES_AT_MOST] = ts_units_to_numeric(nodes->upper[node], &tree->quantum);
			split->fallbacks[nodes->fallback[node]]++;
			tuplestore_putvalues(store, desc, values, nulls);
			MemoryContextReset(row_context);
		}
		MemoryContextSwitchTo(split->context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row_context);
}

/* Adds to what is kept of the call: what a method found out */
void
ts_split_note(ts_split *split, Jsonb *finding)
{
	MemoryContext old = MemoryContextSwitchTo(split->context);
	Datum		list = split->findings ? JsonbPGetDatum(split->findings) :
		DirectFunctionCall1(jsonb_in, CStringGetDatum("[]"));

	split->findings = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, list, JsonbPGetDatum(finding)));
	MemoryContextSwitchTo(old);
}

/* The fallbacks taken, as {"zero: equal": 3} */
static Datum
fallbacks_json(const ts_split *split)
{
	JsonbParseState *state = NULL;
	JsonbValue	value;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 1; i <= TS_N_FALLBACKS; i++)
	{
		const char *name = i < TS_N_FALLBACKS ? ts_fallback_names[i] :
		psprintf("unassigned: %s", split->on_unassigned);
		int64		n = i < TS_N_FALLBACKS ? split->fallbacks[i] : split->n_unassigned;

		if (n == 0)
			continue;
		value.type = jbvString;
		value.val.string.val = unconstify(char *, name);
		value.val.string.len = strlen(name);
		pushJsonbValue(&state, WJB_KEY, &value);
		value.type = jbvNumeric;
		value.val.numeric = DatumGetNumeric(DirectFunctionCall1(int8_numeric, Int64GetDatum(n)));
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/* Records the call in "split" and inserts the rows of the tuplestore */
static void
insert_targets(ts_split *split, Datum by, Datum arguments, int64 n_created,
			   Tuplestorestate *store, TupleDesc desc)
{
	ts_args		args = {0};
	int64		split_id;
	bool		has_basis = split->term->has_basis;

	ts_arg_int4(&args, split->tree->plan_id);
	ts_arg_int4(&args, split->tree->metric_id);
	ts_arg_int8(&args, split->target_id);
	ts_arg(&args, TEXTARRAYOID, by, false);
	ts_arg_text(&args, split->term->method->name);
	ts_arg(&args, JSONBOID, arguments, false);
	ts_arg(&args, DATERANGEOID,
		   has_basis ? ts_daterange_make(split->term->basis_from, split->term->basis_upto) : (Datum) 0,
		   !has_basis);
	ts_arg(&args, JSONBOID, fallbacks_json(split), false);
	ts_arg_int8(&args, split->n_leaves);
	ts_arg_int8(&args, n_created);
	ts_arg_text(&args, ts_reason[0] ? ts_reason : NULL);
	ts_arg(&args, JSONBOID, JsonbPGetDatum(split->findings), split->findings == NULL);
	ts_run("INSERT INTO target_split.split (plan_id, metric_id, target_id, by_levels, method,"
		   " arguments, basis, fallbacks, n_split, n_created, reason, findings)"
		   " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING split_id",
		   &args, false);
	split_id = ts_int8(0, 1);

	ts_register_rows("new_target", store, desc, n_created);

	memset(&args, 0, sizeof(args));
	ts_arg_int4(&args, split->tree->plan_id);
	ts_arg_int4(&args, split->tree->metric_id);
	ts_arg_int8(&args, split_id);
	ts_run("INSERT INTO target_split.target (target_id, parent_id, split_id, member_id, lineage_id,"
		   " plan_id, metric_id, n_children, depth, level, period, amount, weight, slice, fallback,"
		   " at_least, at_most)"
		   " SELECT target_id, parent_id, $3, member_id, target_id,"
		   " $1, $2, n_children, depth, level, period, amount, weight, slice, fallback,"
		   " at_least, at_most"
		   " FROM new_target", &args, false);
	SPI_unregister_relation("new_target");

	/* the scan left its own read pointer behind; the caller reads the first */
	tuplestore_select_read_pointer(store, 0);
	tuplestore_rescan(store);
}

/* -------------------------------------------------------------- arguments */

static char *
text_arg(const NullableDatum *args, int n, const char *name)
{
	if (args[n].isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
	return text_to_cstring(DatumGetTextPP(args[n].value));
}

static Jsonb *
jsonb_arg(const NullableDatum *args, int n)
{
	return args[n].isnull ? NULL : DatumGetJsonbP(args[n].value);
}

static Oid
oid_arg(const NullableDatum *args, int n)
{
	return args[n].isnull ? InvalidOid : DatumGetObjectId(args[n].value);
}

/* One of a list of words */
static char *
option_arg(const NullableDatum *args, int n, const char *name, const char *const *words)
{
	char	   *value = text_arg(args, n, name);
	StringInfoData hint;

	initStringInfo(&hint);
	for (int i = 0; words[i]; i++)
	{
		if (strcmp(value, words[i]) == 0)
			return value;
		appendStringInfo(&hint, "%s%s => '%s'", i > 0 ? (words[i + 1] ? ", " : " or ") : "",
						 name, words[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("value \"%s\" of argument \"%s\" is not one of its words", value, name),
			 errhint("%s", hint.data)));
}

/* Finds the members of each axis, and refuses a level that has none */
static void
prepare_axes(ts_split *split)
{
	ts_axes_place(split->tree, split->axes, split->n_axes);
	for (int i = 0; i < split->n_axes; i++)
	{
		const ts_axis *axis = &split->axes[i];

		if (!axis->is_time && axis->first == axis->last)
			ereport(ERROR,
					(errcode(ERRCODE_NO_DATA_FOUND),
					 errmsg("level \"%s\" has no members", axis->name),
					 errhint("SELECT target_split.import_members(%s);",
							 quote_literal_cstr(split->tree->metric))));
	}
}

static int
compare_named(const void *a, const void *b)
{
	int32		x = ((const ts_named *) a)->member;
	int32		y = ((const ts_named *) b)->member;

	return x < y ? -1 : x > y;
}

/* One axis' share of "members": a number, a list of members, or a word */
static void
apply_members(ts_split *split, ts_axis *axis, JsonbValue *value)
{
	if (axis->is_time)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"members\" names \"%s\", which has periods", axis->name)));
	if (value->type == jbvNumeric && strcmp(split->term->method->name, "equal") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method \"%s\" knows no biggest members", split->term->method->name),
				 errhint("List them: members => '[\"A\", \"B\"]'")));
	if (value->type == jbvNumeric)
	{
		Datum		most = DirectFunctionCall1(int4_numeric, Int32GetDatum(PG_INT32_MAX));

		/* more than there can be are all of them */
		axis->limit = DatumGetInt32(DirectFunctionCall1(numeric_int4,
														DirectFunctionCall2(numeric_smaller, most,
																			NumericGetDatum(value->val.numeric))));
		if (axis->limit < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"members\" must keep at least 1 member, not %d", axis->limit)));
		if (!split->rest)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"members\" keeps %d members, and no rest takes the others",
							axis->limit),
					 errhint("rest => 'Others'")));
	}
	else if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
	{
		JsonbIterator *it = JsonbIteratorInit(value->val.binary.data);
		JsonbValue	item;
		JsonbIteratorToken token;

		axis->n_named = 0;
		axis->named = MemoryContextAllocZero(split->context,
											 sizeof(ts_named) * (JsonContainerSize(value->val.binary.data) + 1));
		while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
			if (token == WJB_ELEM)
			{
				Jsonb	   *named = JsonbValueToJsonb(&item);
				int32		member = ts_members_resolve(split->tree->members, axis->dim, named);

				if (split->tree->members->members[member].depth != axis->depth)
					ereport(ERROR,
							(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							 errmsg("argument \"members\" lists %s, which is not on level \"%s\"",
									JsonbToCString(NULL, &named->root, VARSIZE(named)), axis->name)));
				axis->named[axis->n_named++].member = member;
			}
		qsort(axis->named, axis->n_named, sizeof(ts_named), compare_named);
	}
	else if (value->type == jbvString && value->val.string.len == 6 &&
			 strncmp(value->val.string.val, "active", 6) == 0)
	{
		bool		reads = split->main.method->basis != TS_TAKES_NOT;

		for (int i = 0; i < split->main.n_terms; i++)
			reads |= split->main.terms[i].method->basis != TS_TAKES_NOT;
		if (!reads)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("method \"%s\" knows no active members", split->term->method->name),
					 errdetail("Those that have facts in the basis are active; the method reads none.")));
		split->active = true;
	}
	else if (!(value->type == jbvString && value->val.string.len == 3 &&
			   strncmp(value->val.string.val, "all", 3) == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"members\" must be a number, a list of members, \"active\" or \"all\""),
				 errhint("members => '80', members => '[\"A\", \"B\"]', members => '\"active\"'"
						 " or members => '{\"customer\": 80}'")));
}

static void
parse_members(ts_split *split)
{
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;

	if (!split->members_arg)
		return;
	if (JB_ROOT_IS_OBJECT(split->members_arg))
	{
		it = JsonbIteratorInit(&split->members_arg->root);
		while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
		{
			ts_axis    *axis = NULL;
			char	   *name;

			if (token != WJB_KEY)
				continue;
			name = pnstrdup(value.val.string.val, value.val.string.len);
			for (int i = 0; i < split->n_axes; i++)
				if (strcmp(split->axes[i].name, name) == 0)
					axis = &split->axes[i];
			if (!axis)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("argument \"members\" names \"%s\", which is not in \"by\"", name)));
			JsonbIteratorNext(&it, &value, true);
			apply_members(split, axis, &value);
		}
	}
	else
	{
		ts_axis    *only = NULL;

		for (int i = 0; i < split->n_axes; i++)
			if (!split->axes[i].is_time)
			{
				if (only && !JB_ROOT_IS_SCALAR(split->members_arg))
					ereport(ERROR,
							(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							 errmsg("argument \"members\" does not say for which level it is"),
							 errhint("members => '{\"%s\": [\"A\", \"B\"]}'", split->axes[i].name)));
				only = &split->axes[i];
			}
		if (!only)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"members\" needs a level of a dimension in \"by\"")));
		if (JB_ROOT_IS_SCALAR(split->members_arg))
		{
			JsonbExtractScalar(&split->members_arg->root, &value);
			if (value.type == jbvNumeric)
				for (int i = 0; i < split->n_axes; i++)
					if (!split->axes[i].is_time && &split->axes[i] != only)
						ereport(ERROR,
								(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
								 errmsg("argument \"members\" does not say for which level it is"),
								 errhint("members => '{\"%s\": 80}'", only->name)));
		}
		else
		{
			value.type = jbvBinary;
			value.val.binary.data = &split->members_arg->root;
			value.val.binary.len = VARSIZE(split->members_arg) - VARHDRSZ;
		}
		apply_members(split, only, &value);
	}
}

/* -------------------------------------------------------- the call itself */

/*
 * Locks the target, then its leaves in the order of their ids, and takes
 * their amounts as they are under the lock.  A leaf that another session has
 * split meanwhile means that the tree must be read again: false.
 */
static bool
lock_leaves(ts_split *split)
{
	ts_args		args = {0};
	Datum	   *ids = palloc(sizeof(Datum) * (split->n_leaves + 1));
	uint64		n;

	for (int32 i = 0; i < split->n_leaves; i++)
		ids[i] = Int64GetDatum(split->tree->nodes[split->leaves[i]].target_id);
	ts_arg_int4(&args, split->tree->plan_id);
	ts_arg(&args, INT8ARRAYOID,
		   PointerGetDatum(construct_array(ids, split->n_leaves, INT8OID, 8, true, TYPALIGN_DOUBLE)),
		   false);
	n = ts_run("SELECT t.target_id, t.n_children, t.amount FROM target_split.target t"
			   " WHERE t.plan_id = $1 AND t.target_id = ANY ($2)"
			   " ORDER BY t.target_id FOR NO KEY UPDATE", &args, false);
	if (n != (uint64) split->n_leaves)
		return false;
	for (uint64 row = 0; row < n; row++)
		if (ts_int4(row, 2) != 0)
			return false;
	/* leaves are in the order of their ids */
	for (uint64 row = 0; row < n; row++)
		split->tree->nodes[split->leaves[row]].amount = ts_datum_copy(row, 3, split->context);
	return true;
}

static int
compare_leaves(const void *a, const void *b, void *arg)
{
	const ts_node *nodes = arg;
	int64		x = nodes[*(const int32 *) a].target_id;
	int64		y = nodes[*(const int32 *) b].target_id;

	return x < y ? -1 : x > y;
}

/* Reads the tree and finds the leaves to split, in the order of their ids */
static void
load_leaves(ts_split *split, int n_dims, const int32 *dimension_ids)
{
	ts_tree    *tree = ts_tree_load(split->target_id, true, n_dims, dimension_ids,
									split->context);

	split->tree = tree;
	split->n_leaves = 0;
	split->leaves = MemoryContextAllocHuge(split->context, sizeof(int32) * (tree->n + 1));
	for (int32 i = 0; i < tree->n; i++)
		if (tree->nodes[i].n_children == 0)
			split->leaves[split->n_leaves++] = i;
	qsort_arg(split->leaves, split->n_leaves, sizeof(int32), compare_leaves, tree->nodes);
}

/*
 * The error that a leaf is split by a level of "by" already, with the call that
 * splits the leaves that are not, where they are few enough to be named.
 */
static void
refuse_split_again(const ts_split *split, int32 leaf, const ts_axis *axis)
{
	const ts_tree *tree = split->tree;
	int32	   *member = palloc(sizeof(int32) * (tree->n_dims + 1));
	int			n = 0;
	StringInfoData ids;
	StringInfoData by;

	initStringInfo(&ids);
	initStringInfo(&by);
	for (int32 i = 0; i < split->n_leaves && n <= 100; i++)
	{
		CHECK_FOR_INTERRUPTS();
		ts_tree_node_members(tree, split->leaves[i], member);
		if (member[axis->dim] < 0 || tree->members->members[member[axis->dim]].depth < axis->depth)
			appendStringInfo(&ids, "%s%lld", n++ > 0 ? "," : "",
							 (long long) tree->nodes[split->leaves[i]].target_id);
	}
	for (int i = 0; i < split->n_axes; i++)
		appendStringInfo(&by, "%s%s", i > 0 ? "," : "", quote_identifier(split->axes[i].name));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s is already split by \"%s\"", ts_split_leaf_name(split, leaf), axis->name),
			 n > 0 && n <= 100 ?
			 errhint("These targets are not: SELECT s.* FROM unnest('{%s}'::bigint[]) AS t,"
					 " target_split.split_target(t, %s) AS s;",
					 ids.data, quote_literal_cstr(psprintf("{%s}", by.data))) : 0));
}

/* The hint with the first finer grain that some leaf is longer than */
static int
finer_grain(const ts_split *split, const ts_axis *axis)
{
	ts_axis		finer = *axis;

	for (finer.grain = axis->grain; finer.grain < TS_GRAIN_DAY;)
	{
		finer.grain++;
		for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
		{
			const ts_node *node = &split->tree->nodes[split->leaves[leaf]];
			DateADT		from = node->from;
			DateADT		upto = node->upto;

			CHECK_FOR_INTERRUPTS();
			ts_axis_bucket(split->tree, &finer, node->from, &from, &upto);
			if (upto < node->upto)
				return errhint("Name a finer grain: by => '{%s}'", ts_grain_name(finer.grain));
		}
	}
	return errhint("A single day cannot be split by time.");
}

/* What cannot be split again, or not like this */
static void
check_leaves(ts_split *split)
{
	const ts_tree *tree = split->tree;
	const ts_axis *first_time = NULL;
	bool		longer = false;
	int32	   *member = palloc(sizeof(int32) * (tree->n_dims + 1));

	if (!tree->additive)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("metric \"%s\" is not additive", tree->metric),
				 errdetail("Parts of it do not add up to the whole, so a target for it cannot be split.")));
	for (int i = 0; i < split->n_axes && !first_time; i++)
		if (split->axes[i].is_time)
			first_time = &split->axes[i];
	split->leaf_of_node = MemoryContextAllocHuge(split->context, sizeof(int32) * tree->n);
	split->units = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * (split->n_leaves + 1));
	for (int32 i = 0; i < tree->n; i++)
		split->leaf_of_node[i] = -1;
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
	{
		const ts_node *node = &tree->nodes[split->leaves[leaf]];

		CHECK_FOR_INTERRUPTS();
		split->leaf_of_node[split->leaves[leaf]] = leaf;
		split->units[leaf] = ts_units_from_numeric(node->amount, &tree->quantum, "amount");
		if (first_time)
		{
			DateADT		from = node->from;
			DateADT		upto = node->upto;

			ts_axis_bucket(split->tree, first_time, node->from, &from, &upto);
			longer |= upto < node->upto;
		}
		ts_tree_node_members(tree, split->leaves[leaf], member);
		for (int i = 0; i < split->n_axes; i++)
		{
			const ts_axis *axis = &split->axes[i];
			const ts_member *m;

			if (axis->is_time || axis->above >= 0 || member[axis->dim] < 0)
				continue;
			m = &tree->members->members[member[axis->dim]];
			if (m->depth >= axis->depth)
				refuse_split_again(split, leaf, axis);
			if (m->is_rest)
				ereport(ERROR,
						(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						 errmsg("%s stands for the rest and cannot be split by \"%s\"",
								ts_split_leaf_name(split, leaf), axis->name)));
		}
	}
	/* a part may be one short period where the whole is not */
	if (first_time && !longer && !split->again)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s is not longer than a %s",
						ts_split_leaf_name(split, 0), first_time->name),
				 finer_grain(split, first_time)));
}

/* How many of the plan's quanta the call's quantum is */
static int64
coarse_quantum(const ts_split *split, Datum quantum)
{
	const ts_quantum *fine = &split->tree->quantum;
	Datum		zero = DirectFunctionCall1(int8_numeric, Int64GetDatum(0));
	ts_int128	units = 0;

	if (!numeric_is_nan(DatumGetNumeric(quantum)) && !numeric_is_inf(DatumGetNumeric(quantum)) &&
		DatumGetBool(DirectFunctionCall2(numeric_gt, quantum, zero)) &&
		DatumGetBool(DirectFunctionCall2(numeric_eq, zero,
										 DirectFunctionCall2(numeric_mod, quantum, ts_units_to_numeric(1, fine)))))
		units = ts_units_from_numeric(quantum, fine, "quantum");
	if (units < 1 || units > PG_INT64_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("quantum %s is not a multiple of the plan's %s",
						DatumGetCString(DirectFunctionCall1(numeric_out, quantum)),
						DatumGetCString(DirectFunctionCall1(numeric_out, ts_units_to_numeric(1, fine))))));
	return (int64) units;
}

/* The name of a target's metric; an error if there is no such target */
static char *
metric_of_target(int64 target_id, MemoryContext context)
{
	ts_args		args = {0};

	ts_arg_int8(&args, target_id);
	if (ts_run("SELECT m.name FROM target_split.target t JOIN target_split.metric m ON m.metric_id = t.metric_id"
			   " WHERE t.plan_id = ANY (ARRAY(SELECT p.plan_id FROM target_split.plan p)) AND t.target_id = $1",
			   &args, true) == 0)
		ts_no_target(target_id);
	return ts_text(0, 1, context);
}

/*
 * Reads the arguments, as split_target() has them, as far as they need no
 * targets.  Those that must be given, and their words, are checked.
 */
ts_split *
ts_split_begin(const NullableDatum *args, bool preview, MemoryContext context)
{
	static const char *const missing_words[] = {"error", "zero", "equal", "parent", NULL};
	static const char *const zero_words[] = {"error", "equal", "parent", NULL};
	static const char *const negative_words[] = {"error", "zero", "absolute", "spread", "equal", "parent", NULL};
	static const char *const incomplete_words[] = {"error", "accept", NULL};
	static const char *const prorate_words[] = {"days", "workdays", NULL};
	static const char *const link_words[] = {"actuals", NULL};
	MemoryContext old = MemoryContextSwitchTo(context);
	ts_split   *split = palloc0(sizeof(ts_split));
	char	   *method = text_to_cstring(DatumGetTextPP(args[TS_SPLIT_METHOD].value));

	split->context = context;
	split->preview = preview;
	split->target_id = DatumGetInt64(args[TS_SPLIT_TARGET_ID].value);
	split->term = &split->main;
	split->main.method = ts_split_method_find(method);
	if (!split->main.method)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("split method \"%s\" does not exist", method),
				 errhint("method => %s", ts_split_method_names())));
	if (!args[TS_SPLIT_BASIS].isnull)
	{
		bool		empty;

		ts_daterange_parts(args[TS_SPLIT_BASIS].value, &split->main.basis_from, &split->main.basis_upto, &empty);
		if (empty || DATE_NOT_FINITE(split->main.basis_from) || DATE_NOT_FINITE(split->main.basis_upto))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("basis must have a first and a last day"),
					 errhint("basis => '[2023-01-01,2024-01-01)'")));
		split->main.has_basis = true;
	}
	split->main.weights = jsonb_arg(args, TS_SPLIT_WEIGHTS);
	split->main.weights_from = oid_arg(args, TS_SPLIT_WEIGHTS_FROM);
	split->members_arg = jsonb_arg(args, TS_SPLIT_MEMBERS);
	split->rest = args[TS_SPLIT_REST].isnull ? NULL : text_arg(args, TS_SPLIT_REST, "rest");
	split->on_missing = option_arg(args, TS_SPLIT_ON_MISSING, "on_missing", missing_words);
	split->on_zero = option_arg(args, TS_SPLIT_ON_ZERO, "on_zero", zero_words);
	split->on_negative = option_arg(args, TS_SPLIT_ON_NEGATIVE, "on_negative", negative_words);
	split->on_unassigned = text_arg(args, TS_SPLIT_ON_UNASSIGNED, "on_unassigned");
	split->on_incomplete = option_arg(args, TS_SPLIT_ON_INCOMPLETE, "on_incomplete", incomplete_words);
	split->main.bases = jsonb_arg(args, TS_SPLIT_BASES);
	split->profile_arg = jsonb_arg(args, TS_SPLIT_PROFILE);
	split->has_quantum = !args[TS_SPLIT_QUANTUM].isnull;
	split->quantum = args[TS_SPLIT_QUANTUM].value;
	split->residual = text_arg(args, TS_SPLIT_RESIDUAL, "residual");
	split->levels = jsonb_arg(args, TS_SPLIT_LEVELS);
	split->bounds = jsonb_arg(args, TS_SPLIT_BOUNDS);
	split->bounds_from = oid_arg(args, TS_SPLIT_BOUNDS_FROM);
	if (!args[TS_SPLIT_PRORATE].isnull)
		split->prorate = option_arg(args, TS_SPLIT_PRORATE, "prorate", prorate_words);
	if (!args[TS_SPLIT_ALIGN].isnull)
	{
		const char *align = option_arg(args, TS_SPLIT_ALIGN, "align", ts_align_names);

		split->has_align = true;
		while (strcmp(ts_align_names[split->align], align) != 0)
			split->align++;
	}
	if (!args[TS_SPLIT_LINK].isnull)
		split->main.link = option_arg(args, TS_SPLIT_LINK, "link", link_words);
	split->margins = jsonb_arg(args, TS_SPLIT_MARGINS);
	split->margins_from = oid_arg(args, TS_SPLIT_MARGINS_FROM);
	if (split->bounds && OidIsValid(split->bounds_from))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bounds are given either by \"bounds\" or by \"bounds_from\", not by both")));
	MemoryContextSwitchTo(old);
	return split;
}

/* Can the weights of all methods of the call be prorated? */
static void
check_prorate(const ts_split *split)
{
	const ts_split_method *method = split->main.method;

	for (int i = 0; i < split->n_axes && method->prorate != TS_TAKES_NOT; i++)
		if (split->level_term[i])
			method = split->level_term[i]->method;
	if (split->prorate && method->prorate == TS_TAKES_NOT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method \"%s\" takes no prorate", method->name),
				 errdetail("The method itself says what a part gets that is there for some of its period.")));
}

/* Does the call read days of a basis that could be like one day or another of the period? */
static void
check_align(const ts_split *split)
{

	const ts_split_method *method = split->main.method;
	bool		reads = method->bases != TS_TAKES_NOT;

	reads |= method->basis != TS_TAKES_NOT && method->weigh != ts_weigh_seasonal;
	for (int i = 0; i < split->n_axes; i++)
		reads |= split->level_term[i] != NULL;
	if (split->has_align && !reads)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method \"%s\" takes no align", method->name),
				 errdetail("It does not set the days of a basis against those of the period.")));
}

/*
 * Finds levels, terms and the dimensions that they need, which are added to
 * the n_dims in dimension_ids; returns how many there are then.
 */
int
ts_split_find_levels(ts_split *split, ArrayType *by, int n_dims, int32 *dimension_ids)
{
	int32		axis_dims[TS_MAX_AXES];
	int			n_axis_dims = ts_axes_parse(by, split->axes, &split->n_axes, axis_dims, split->context);

	if (split->n_axes == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"by\" names no level"),
				 errhint("by => '{month}'")));
	for (int i = 0; i < n_axis_dims; i++)
		n_dims = ts_dimension_add(axis_dims[i], n_dims, dimension_ids);
	split->metric = metric_of_target(split->target_id, split->context);
	if (split->profile_arg)
		split->main.profile = ts_profile_parse(split, split->profile_arg);
	ts_term_check(&split->main, NULL);
	ts_term_parse_bases(split, &split->main);
	n_dims = ts_term_dimensions(&split->main, n_dims, dimension_ids);
	ts_levels_parse(split);
	n_dims = ts_margins_parse(split, n_dims, dimension_ids);
	check_prorate(split);
	check_align(split);
	for (int i = 0; i < split->n_axes; i++)
		if (split->level_term[i])
			n_dims = ts_term_dimensions(split->level_term[i], n_dims, dimension_ids);
	return n_dims;
}

/*
 * Makes the parts of the leaves, which are in split->tree and split->leaves,
 * with their weights and bounds
 */
void
ts_split_weigh(ts_split *split, ts_split_nodes *nodes)
{
	bool		bounded = ts_split_has_bounds(split);

	split->coarse = split->has_quantum ? coarse_quantum(split, split->quantum) : 1;
	if (split->coarse != 1 && strcmp(split->residual, "carry") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("residual 'carry' and a quantum of the call exclude each other"),
				 errdetail("What of the target is less than the quantum would go to the last part, even to one of nothing."),
				 errhint("residual => 'largest', 'first', 'last', 'highest', 'lowest' or a member's code")));
	if (split->main.method->gives_amounts && bounded)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method \"%s\" gives the amounts, which no bounds can change", split->main.method->name)));
	prepare_axes(split);
	check_leaves(split);
	parse_members(split);
	if (split->rest && !split->members_arg && !split->term->method->gives_amounts)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"rest\" needs \"members\", which says who is kept by name"),
				 errhint("members => '80', rest => 'Others'")));

	if (ts_levels_differ(split))
		ts_levels_weigh(split);
	else
		ts_term_weigh(split, &split->main);
	if (split->prorate)
		ts_split_prorate(split);

	ts_split_lay_out(split, nodes);
	if (bounded)
		ts_bounds_apply(split, nodes);
}

static Datum
split_or_preview(FunctionCallInfo fcinfo, bool preview)
{
	MemoryContext context;
	MemoryContext old;
	ts_split   *split;
	ts_split_nodes nodes = {0};
	int32		dimension_ids[TS_MAX_DIMENSIONS];
	int			n_dims;
	TupleDesc	desc;
	Tuplestorestate *store = ts_begin_rows(fcinfo, &desc);

	ts_require(fcinfo, TS_SPLIT_TARGET_ID, "target_id");
	ts_require(fcinfo, TS_SPLIT_BY, "by");
	ts_require(fcinfo, TS_SPLIT_METHOD, "method");
	context = AllocSetContextCreate(CurrentMemoryContext, "target_split split",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	split = ts_split_begin(fcinfo->args, preview, context);
	ts_connect();
	n_dims = ts_split_find_levels(split, PG_GETARG_ARRAYTYPE_P(TS_SPLIT_BY), 0, dimension_ids);
	if (!preview)
	{
		ts_args		args = {0};

		/* members before targets, as whoever changes them; then top-down: the target, its leaves */
		ts_members_lock(RowShareLock);
		ts_arg_int8(&args, split->target_id);
		ts_run("SELECT t.target_id FROM target_split.target t"
			   " WHERE t.plan_id = ANY (ARRAY(SELECT p.plan_id FROM target_split.plan p))"
			   " AND t.target_id = $1 FOR NO KEY UPDATE", &args, false);
	}
	for (int attempt = 1;; attempt++)
	{
		CHECK_FOR_INTERRUPTS();
		load_leaves(split, n_dims, dimension_ids);
		if (preview || lock_leaves(split))
			break;
		/* nobody splits that often between two statements: they cannot be locked */
		if (attempt == 10)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("targets at or under target %lld cannot be locked by role \"%s\"",
							(long long) split->target_id, GetUserNameFromId(GetUserId(), false)),
					 errhint("A row-level security policy lets the role read targets that it must not change.")));
	}
	ts_split_weigh(split, &nodes);
	ts_split_apportion(split, &nodes);
	MemoryContextSwitchTo(context);
	write_nodes(split, &nodes, store, desc);
	if (!preview)
		insert_targets(split, PG_GETARG_DATUM(TS_SPLIT_BY), ts_split_arguments(fcinfo->args), nodes.n, store, desc);
	ts_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/*
 * split_target(target_id, by, method, basis, weights, weights_from, members,
 *				rest, on_missing, on_zero, on_negative, on_unassigned,
 *				on_incomplete)
 *
 * Splits every leaf at or under a target and returns the new targets.
 */
Datum
target_split_split_target(PG_FUNCTION_ARGS)
{
	return split_or_preview(fcinfo, false);
}

/* The same rows, without ids, and nothing is written or locked */
Datum
target_split_preview_split(PG_FUNCTION_ARGS)
{
	return split_or_preview(fcinfo, true);
}

/*
 * unsplit_target(target_id, reason)
 *
 * Removes everything under a target; the target keeps its amount.  The guard
 * keeps the removed rows in "revision".
 *
 * Errors: a target that does not exist, has no children, or has a locked one
 * below it.
 */
Datum
target_split_unsplit_target(PG_FUNCTION_ARGS)
{
	ts_args		args = {0};
	int64		target_id;
	int64		removed;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "target_id")));
	target_id = PG_GETARG_INT64(0);
	ts_connect();
	ts_arg_int8(&args, target_id);
	if (ts_run("SELECT t.n_children FROM target_split.target t"
			   " WHERE t.plan_id = ANY (ARRAY(SELECT p.plan_id FROM target_split.plan p))"
			   " AND t.target_id = $1 FOR NO KEY UPDATE", &args, false) == 0)
	{
		ts_require_target(target_id);
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("target %lld cannot be locked by role \"%s\"",
						(long long) target_id, GetUserNameFromId(GetUserId(), false)),
				 errhint("A row-level security policy lets the role read targets that it must not change.")));
	}
	if (ts_int4(0, 1) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("target %lld is not split", (long long) target_id)));
#define BELOW \
	"WITH RECURSIVE below AS (" \
	"SELECT t.plan_id, t.target_id FROM target_split.target t" \
	" WHERE t.plan_id = ANY (ARRAY(SELECT p.plan_id FROM target_split.plan p)) AND t.parent_id = $1" \
	" UNION ALL " \
	"SELECT t.plan_id, t.target_id FROM below b JOIN target_split.target t" \
	" ON t.plan_id = b.plan_id AND t.parent_id = b.target_id) "
	/* in the order of ids, as everybody; a DELETE goes by no order */
	(void) ts_run("SELECT t.target_id FROM target_split.target t"
				  " WHERE t.plan_id = ANY (ARRAY(SELECT p.plan_id FROM target_split.plan p)) AND t.target_id IN ("
				  BELOW "SELECT b.target_id FROM below b) ORDER BY t.target_id FOR UPDATE", &args, false);
	SPI_freetuptable(SPI_tuptable);
	if (ts_run(BELOW "SELECT t.target_id FROM below b JOIN target_split.target t"
			   " ON t.plan_id = b.plan_id AND t.target_id = b.target_id"
			   " WHERE t.locked ORDER BY t.target_id LIMIT 1", &args, false) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("target %lld is locked", (long long) ts_int8(0, 1)),
				 errdetail("It would be removed with everything under target %lld.", (long long) target_id)));

	if (!PG_ARGISNULL(1))
		(void) set_config_option("target_split.reason", text_to_cstring(PG_GETARG_TEXT_PP(1)),
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	removed = ts_run(BELOW "DELETE FROM target_split.target t USING below b"
					 " WHERE t.plan_id = b.plan_id AND t.target_id = b.target_id", &args, false);
#undef BELOW
	ts_finish();
	PG_RETURN_INT64(removed);
}
