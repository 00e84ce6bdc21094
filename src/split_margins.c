/*-------------------------------------------------------------------------
 *
 * split_margins.c
 *	  The method "margins" of split_target: parts that add up to totals which
 *	  were agreed on for products, for regions and for months at once.
 *
 * Glossary (see also margins.h)
 *	  margin		levels and grains whose members and periods have totals:
 *					"market", or "line, market"
 *	  group			the cells of one member, period or combination of a margin
 *	  entry			what the caller says of a group: an amount, a percentage of
 *					the target, or nothing (NULL): it is free, as are all that
 *					are not named
 *	  seed			what the parts would be by their history, or by another basis
 *	  growth		what all cells get by unit of seed
 *	  factor		of a group: how many times more its cells get than that because of
 *					this margin
 *
 * Method
 *	  The seed is weighed as its own method would, with the on_... options of
 *	  the call.  All targets that are split make one table: their parts are its
 *	  cells, and their amounts the first of its margins, so that each is
 *	  kept exactly.  The table is solved in whole units (margins.h).  The weights
 *	  are the parts themselves, so rounding, plan_check and explain_target find
 *	  them as they are.
 *
 *	  A margin's level may stand in "by", above it in the tree, or between: a
 *	  cell's group is then that of the member or the period above it.
 *
 *	  Cells and targets go into the table in the order of codes and days, for ties
 *	  go by that; here they are in the order of the targets' ids.
 *
 *	  Percentages are rounded by the largest remainder, so those of all groups of
 *	  a margin add up to the target.
 *
 *	  A seed of 0 stays 0.  A group that has a total and no seed is filled
 *	  by on_zero: alike, or by what the other groups of its margin have together.
 *
 *	  When targets are shared again, what is held (resplit.c) has its amount: a
 *	  cell by bounds, a target above cells as a margin of its own.
 *
 *	  Factors are told apart by a rule, for one may be doubled and another halved:
 *	  that of a free group is 1; where none is free that of the middle group, by
 *	  seed, is 1, which one that is far off does not move.  The growth is what is
 *	  left.
 *
 * Limits
 *	  All amounts are 0 or more.  One table is solved in memory, with about 60
 *	  bytes a cell besides what the solver needs.  Factors of more than 10,000
 *	  groups are not kept; the findings say how many.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "engine/apportion.h"
#include "engine/bounded.h"
#include "split_margins.h"

/* a factor above it, or below 1 by it, is named */
#define EXTREME_FACTOR 3.0

#define KEPT_FACTORS 10000

/* What the solver's callbacks need */
typedef struct margin_names
{
	const ts_split *split;
	int32	   *leaves;			/* of the split, in the order of the table */
	int32	   *place;			/* by leaf of the split, there */
	int64	   *first_cell;		/* by leaf, in the order of the split */
	int64	   *cells;			/* of the split, in the order of the table; NULL:
								 * it is the same */
	int			n_first;		/* margins before those of the call */
	const ts_split_nodes *nodes;
	int64	   *held[TS_MAX_MARGINS];	/* of those but the first: node by group */
} margin_names;

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

static char *
numeric_text(Datum number)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, number));
}

static Datum
int_number(int64 number)
{
	return DirectFunctionCall1(int8_numeric, Int64GetDatum(number));
}

/* Units of the table, in quanta of the call, as an amount */
static Datum
amount_of(const ts_split *split, ts_int128 units)
{
	return ts_units_to_numeric(units * split->coarse, &split->tree->quantum);
}

static char *
units_text(const ts_split *split, ts_int128 units)
{
	return numeric_text(amount_of(split, units));
}

/* ------------------------------------------------------------------ groups */

/*
 * Finds where cells have the keys of a margin: on an axis, that of the level
 * or else the next one below it, or in the targets that are split
 */
static void
find_sources(const ts_split *split, split_margin *margin)
{
	for (int i = 0; i < margin->n_parts; i++)
	{
		const ts_axis *part = &margin->parts[i];

		margin->source[i] = -1;
		for (int axis_no = 0; axis_no < split->n_axes; axis_no++)
		{
			const ts_axis *axis = &split->axes[axis_no];

			if (axis->is_time != part->is_time)
				continue;
			/* of periods the finest, which are those of the cells */
			if (part->is_time)
				margin->source[i] = axis_no;
			else if (axis->dim == part->dim && axis->depth >= part->depth && margin->source[i] < 0)
				margin->source[i] = axis_no;
		}
	}
}

/* The error that a margin tells cells apart that the call does not */
static void
refuse_part(const ts_split *split, const split_margin *margin, const ts_axis *part, int32 leaf)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("margin \"%s\" is by \"%s\", and the parts of %s are not", margin->name, part->name,
					ts_split_leaf_name(split, leaf)),
			 errdetail("A level of a margin must be in \"by\", or above one that is, or above the target."),
			 errhint("Name \"%s\" in \"by\", or take it out of the margins.", part->name)));
}

/* The period of a cell */
static void
cell_days(const ts_split *split, int64 cell, DateADT *from, DateADT *upto)
{
	const ts_node *node = &split->tree->nodes[split->leaves[split->cells.leaf[cell]]];

	*from = node->from;
	*upto = node->upto;
	/* the finest grain is the last */
	for (int i = split->n_axes - 1; i >= 0; i--)
		if (split->axes[i].is_time)
		{
			ts_axis_bucket(split->tree, &split->axes[i], split->cells.keys[cell * split->n_axes + i], from, upto);
			return;
		}
}

/* The key of a cell on a level or grain of a margin; member: as for ts_tree_node_members, of its leaf */
static int32
cell_key(const ts_split *split, const split_margin *margin, int part_no, int64 cell, const int32 *member)
{
	const ts_axis *part = &margin->parts[part_no];
	int			source = margin->source[part_no];
	int32		leaf = split->cells.leaf[cell];
	int32		key = source >= 0 ? split->cells.keys[cell * split->n_axes + source] : -1;
	const ts_members *members = split->tree->members;

	if (part->is_time)
	{
		DateADT		from;
		DateADT		upto;
		DateADT		group_from = split->tree->nodes[0].from;
		DateADT		group_upto = split->tree->nodes[0].upto;

		cell_days(split, cell, &from, &upto);
		ts_axis_bucket(split->tree, part, from, &group_from, &group_upto);
		if (upto > group_upto)
			refuse_part(split, margin, part, leaf);
		return group_from;
	}
	if (source < 0)
		key = member[part->dim];
	if (key >= 0 && (source < 0 || split->axes[source].depth > part->depth))
	{
		/* a member that moves is where it is on the first day */
		if (members->members[key].by_segment != NULL)
		{
			DateADT		from;
			DateADT		upto;

			cell_days(split, cell, &from, &upto);
			key = ts_members_in_segment(members, key, ts_members_segment(members, from));
		}
		key = ts_members_ancestor(members, key, part->depth);
	}
	if (key < 0)
		refuse_part(split, margin, part, leaf);
	return key;
}

static int
compare_groups(const void *a, const void *b, void *arg)
{
	const margin_group *x = *(margin_group *const *) a;
	const margin_group *y = *(margin_group *const *) b;
	int			n = *(const int *) arg;

	for (int i = 0; i < n; i++)
		if (x->keys[i] != y->keys[i])
			return x->keys[i] < y->keys[i] ? -1 : 1;
	return 0;
}

/* The group of some keys; with HASH_ENTER a new one has no total */
static margin_group *
find_group(HTAB *groups, const split_margin *margin, const int32 *keys, HASHACTION action)
{
	int32		key[TS_MAX_AXES] = {0};
	margin_group *group;
	bool		found;

	memcpy(key, keys, sizeof(int32) * margin->n_parts);
	group = hash_search(groups, key, action, &found);
	if (group && !found)
	{
		group->is_free = true;
		group->named = false;
		group->total = 0;
		group->entry = NULL;
	}
	return group;
}

/* "A, East" */
static char *
group_label(const ts_split *split, const split_margin *margin, const margin_group *group)
{
	StringInfoData label;

	initStringInfo(&label);
	for (int i = 0; i < margin->n_parts; i++)
		appendStringInfo(&label, "%s%s", i > 0 ? ", " : "", ts_split_key_label(split, &margin->parts[i], group->keys[i]));
	return label.data;
}

/* Finds the groups of the cells */
static HTAB *
group_cells(ts_split *split, split_margin *margin)
{
	const ts_cells *cells = &split->cells;
	int32	   *member = palloc(sizeof(int32) * (split->tree->n_dims + 1));
	int32	   *first = MemoryContextAllocHuge(split->context, sizeof(int32) * (cells->n + 1));
	HASHCTL		ctl = {0};
	HTAB	   *groups;
	HASH_SEQ_STATUS status;
	margin_group *group;
	int32	   *order;

	ctl.keysize = sizeof(int32) * TS_MAX_AXES;
	ctl.entrysize = sizeof(margin_group);
	ctl.hcxt = split->context;
	groups = hash_create("target_split margin groups", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	find_sources(split, margin);
	margin->n_groups = 0;
	for (int64 i = 0; i < cells->n; i++)
	{
		int32		keys[TS_MAX_AXES];
		int64		before = hash_get_num_entries(groups);

		CHECK_FOR_INTERRUPTS();
		if (i == 0 || cells->leaf[i] != cells->leaf[i - 1])
			ts_tree_node_members(split->tree, split->leaves[cells->leaf[i]], member);
		for (int part = 0; part < margin->n_parts; part++)
			keys[part] = cell_key(split, margin, part, i, member);
		group = find_group(groups, margin, keys, HASH_ENTER);
		if (hash_get_num_entries(groups) > before)
			group->number = margin->n_groups++;
		first[i] = group->number;
	}
	margin->groups = MemoryContextAllocHuge(split->context, sizeof(margin_group *) * (margin->n_groups + 1));
	hash_seq_init(&status, groups);
	for (int32 i = 0; (group = hash_seq_search(&status)) != NULL; i++)
		margin->groups[i] = group;
	qsort_arg(margin->groups, margin->n_groups, sizeof(margin_group *), compare_groups, &margin->n_parts);
	order = MemoryContextAllocHuge(split->context, sizeof(int32) * (margin->n_groups + 1));
	for (int32 i = 0; i < margin->n_groups; i++)
	{
		order[margin->groups[i]->number] = i;
		margin->groups[i]->number = i;
	}
	for (int64 i = 0; i < cells->n; i++)
		first[i] = order[first[i]];
	margin->group = first;
	pfree(order);
	pfree(member);
	return groups;
}

/* ------------------------------------------------------------------ totals */

/* What messages call the whole that is split */
static char *
whole_name(const ts_split *split)
{
	const ts_node *node = &split->tree->nodes[0];

	return split->n_leaves == 1 ? ts_split_leaf_name(split, 0) :
		psprintf("target %lld (%s, %s)", (long long) node->target_id,
				 JsonbToCString(NULL, &DatumGetJsonbP(node->slice)->root, 0), ts_window_text(node->from, node->upto));
}

/* An amount in units of the table */
static int64
entry_units(const ts_split *split, const margin_entry *entry)
{
	ts_int128	units = ts_units_from_numeric(entry->number, &split->tree->quantum,
											  psprintf("total of %s:", ts_margin_entry_name(split, entry)));

	if (units % split->coarse != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the total of %s is not a multiple of the call's quantum", ts_margin_entry_name(split, entry)),
				 errdetail("It is %s, the quantum is %s.", numeric_text(entry->number), units_text(split, 1)),
				 errhint("Round it, or use a finer quantum.")));
	units /= split->coarse;
	if (units >= TS_MARGIN_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the total of %s is too large for method \"margins\"", ts_margin_entry_name(split, entry)),
				 errdetail("It is %s; there is room for less than %s.", numeric_text(entry->number),
						   units_text(split, TS_MARGIN_LIMIT))));
	return (int64) units;
}

/* Rounds the percentages of a margin: together they are rounded, then shared by the largest remainder */
static void
round_percentages(const ts_split *split, const split_margin *margin, ts_int128 whole, Datum percents)
{
	ts_int128  *weight = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * (margin->n_groups + 1));
	ts_int128  *share = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * (margin->n_groups + 1));
	int16	   *scale = MemoryContextAllocHuge(split->context, sizeof(int16) * (margin->n_groups + 1));
	ts_quantum	one = {1, 0};
	Datum		hundredth = DirectFunctionCall3(numeric_in, CStringGetDatum("0.01"), ObjectIdGetDatum(InvalidOid),
												Int32GetDatum(-1));
	Datum		together = DirectFunctionCall2(numeric_mul, ts_scaled_to_numeric(whole, 0),
											   DirectFunctionCall2(numeric_mul, percents, hundredth));
	ts_int128	total = ts_units_from_numeric(DirectFunctionCall2(numeric_round, together, Int32GetDatum(0)), &one,
											  "percentage of the target");
	size_t		n = 0;
	ts_cut		cut;

	if (total >= TS_MARGIN_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the percentages of margin \"%s\" are too large", margin->name),
				 errdetail("They add up to %s.", numeric_text(percents))));
	for (int32 i = 0; i < margin->n_groups; i++)
	{
		const margin_entry *entry = margin->groups[i]->entry;
		int			decimals;

		if (!entry || !entry->percent || entry->number == (Datum) 0)
			continue;
		ts_weight_from_numeric(entry->number, &weight[n], &decimals);
		scale[n++] = (int16) decimals;
	}
	(void) ts_weights_align(n, weight, scale);
	if (ts_apportion128(n, weight, total, NULL, share, &cut, check_interrupts) != TS_OK)
		elog(ERROR, "percentages of margin \"%s\" could not be rounded", margin->name);
	n = 0;
	for (int32 i = 0; i < margin->n_groups; i++)
	{
		const margin_entry *entry = margin->groups[i]->entry;

		if (entry && entry->percent && entry->number != (Datum) 0)
			margin->groups[i]->total = (int64) share[n++];
	}
	pfree(weight);
	pfree(share);
	pfree(scale);
}

/* The error that a margin is not the target */
static void
refuse_sum(const ts_split *split, const split_margin *margin, ts_int128 sum, ts_int128 whole)
{
	ts_int128	difference = sum > whole ? sum - whole : whole - sum;

	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 margin->complete ?
			 errmsg("margin \"%s\" does not add up to the target", margin->name) :
			 errmsg("margin \"%s\" asks for more than the target", margin->name),
			 errdetail("Its totals add up to %s, and %s has %s, which is %s too %s.", units_text(split, sum),
					   whole_name(split), units_text(split, whole), units_text(split, difference),
					   sum > whole ? "little" : "much"),
			 errhint("Correct a total, leave one out (null) so that it takes the difference, or give the target that amount.")));
}

/* Sets the totals of a margin's groups by the entries; whole: all that is split */
static void
set_totals(const ts_split *split, split_margin *margin, ts_int128 whole)
{
	Datum		percents = int_number(0);
	Datum		hundred = int_number(100);
	bool		any_percent = false;
	bool		any_amount = false;
	ts_int128	sum = 0;

	margin->complete = true;
	for (int32 i = 0; i < margin->n_groups; i++)
	{
		margin_group *group = margin->groups[i];

		CHECK_FOR_INTERRUPTS();
		group->is_free = !group->entry || group->entry->number == (Datum) 0;
		margin->complete &= !group->is_free;
		if (group->is_free)
			continue;
		if (group->entry->percent)
		{
			any_percent = true;
			percents = DirectFunctionCall2(numeric_add, percents, group->entry->number);
		}
		else
		{
			any_amount = true;
			group->total = entry_units(split, group->entry);
		}
	}
	if (margin->complete && any_percent && !any_amount &&
		!DatumGetBool(DirectFunctionCall2(numeric_eq, percents, hundred)))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("the percentages of margin \"%s\" do not add up to 100", margin->name),
				 errdetail("They add up to %s.", numeric_text(percents)),
				 errhint("Leave one out (null), and it takes the rest.")));
	if (any_percent)
		round_percentages(split, margin, whole, percents);
	for (int32 i = 0; i < margin->n_groups; i++)
		sum += margin->groups[i]->total;
	if (margin->complete ? sum != whole : sum > whole)
		refuse_sum(split, margin, sum, whole);
	/* where the others have all, nothing is left for those that are free */
	for (int32 i = 0; i < margin->n_groups && sum == whole; i++)
		margin->groups[i]->is_free = false;
	margin->complete |= sum == whole;
}

/* Finds the groups of the entries, and refuses those that are none */
static void
place_entries(ts_split *split, HTAB **groups)
{
	ts_margin_list *list = split->margin_list;
	ts_split   *names = palloc(sizeof(ts_split));
	int			margin_no = -1;
	ts_name_list unknown = {0};
	ts_name_list unused = {0};
	const ts_axis *unknown_part = NULL;

	for (int64 i = 0; i < list->n_entries; i++)
	{
		margin_entry *entry = &list->entries[i];
		const split_margin *margin = list->margins[entry->margin];
		margin_group *group;
		int32		keys[TS_MAX_AXES] = {0};
		bool		found = true;

		CHECK_FOR_INTERRUPTS();
		/* the margin's levels as axes: entries are in their order, mostly */
		if (margin_no != entry->margin)
		{
			*names = *split;
			names->n_axes = margin->n_parts;
			memcpy(names->axes, margin->parts, sizeof(ts_axis) * margin->n_parts);
			memset(names->labels, 0, sizeof(names->labels));
			margin_no = entry->margin;
		}
		for (int part = 0; part < margin->n_parts && found; part++)
		{
			found = ts_split_find_key(names, part, entry->texts, &keys[part]);
			if (found)
				continue;
			if (!unknown_part)
				unknown_part = &margin->parts[part];
			ts_name_list_add(&unknown, ts_name_list_full(&unknown) ? "" :
							 psprintf("%s %s", margin->parts[part].name, quote_literal_cstr(entry->texts[part])));
		}
		if (!found)
			continue;
		group = find_group(groups[entry->margin], margin, keys, HASH_FIND);
		if (!group)
		{
			/* nothing is expected of what has no part */
			if (entry->number != (Datum) 0 &&
				!DatumGetBool(DirectFunctionCall2(numeric_eq, entry->number, int_number(0))))
				ts_name_list_add(&unused, ts_name_list_full(&unused) ? "" :
								 psprintf("%s: %s%s", ts_margin_entry_name(split, entry), numeric_text(entry->number),
										  entry->percent ? " %" : ""));
			continue;
		}
		if (group->named)
			ereport(ERROR,
					(errcode(ERRCODE_CARDINALITY_VIOLATION),
					 errmsg("there are two totals for %s", ts_margin_entry_name(split, entry)),
					 errdetail("One is %s, the other %s.",
							   group->entry->number == (Datum) 0 ? "free" : numeric_text(group->entry->number),
							   entry->number == (Datum) 0 ? "free" : numeric_text(entry->number))));
		group->named = true;
		group->entry = entry;
	}
	if (unknown.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg_plural("the margins name %lld member or period that the target does not have",
							   "the margins name %lld members or periods that the target does not have", unknown.n,
							   (long long) unknown.n),
				 errdetail_internal("%s.", ts_name_list_text(&unknown)),
				 unknown_part->is_time ?
				 errhint("SELECT * FROM target_split.plan_periods(%s, '%s') lists the periods, which a date or a label names.",
						 quote_literal_cstr(split->tree->plan), unknown_part->name) :
				 errhint("SELECT d.name, m.path FROM target_split.member m JOIN target_split.dimension d USING (dimension_id);")));
	if (unused.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg_plural("%lld total belongs to no target that is made",
							   "%lld totals belong to no target that is made", unused.n, (long long) unused.n),
				 errdetail_internal("%s.", ts_name_list_text(&unused)),
				 errhint("Members and periods of one total must have parts together; members => '\"all\"' makes targets of all members, not only of those that have facts.")));
	pfree(names);
}

/* ------------------------------------------------------------------- seeds */

/* What cells have together that differ only by the levels of a margin */
typedef struct beside_key
{
	int32		leaf;
	int32		keys[TS_MAX_AXES];	/* -1 on the levels of the margin */
} beside_key;

typedef struct beside_entry
{
	beside_key	key;
	double		seed;
} beside_entry;

static beside_entry *
find_beside(HTAB *besides, const ts_split *split, const split_margin *margin, int64 cell, HASHACTION action)
{
	beside_key	key;
	beside_entry *entry;
	bool		found;

	memset(&key, 0, sizeof(key));
	key.leaf = split->cells.leaf[cell];
	for (int i = 0; i < split->n_axes; i++)
	{
		key.keys[i] = split->cells.keys[cell * split->n_axes + i];
		for (int part = 0; part < margin->n_parts; part++)
			if (split->axes[i].is_time ? margin->parts[part].is_time :
				!margin->parts[part].is_time && margin->parts[part].dim == split->axes[i].dim)
				key.keys[i] = -1;
	}
	entry = hash_search(besides, &key, action, &found);
	if (entry && !found)
		entry->seed = 0;
	return entry;
}

/*
 * Fills the groups of a margin that have a total and no seed, if on_zero says
 * how: alike, or as the other groups have together.  Their size is what makes the
 * factor 1; ratio is seed by unit.
 */
static void
fill_empty_groups(ts_split *split, const split_margin *margin, double *seed, double ratio)
{
	ts_cells   *cells = &split->cells;
	bool		by_others = strcmp(split->on_zero, "parent") == 0;
	double	   *sum = MemoryContextAllocExtended(split->context, sizeof(double) * (margin->n_groups + 1),
												 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	double	   *filled = MemoryContextAllocExtended(split->context, sizeof(double) * (margin->n_groups + 1),
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	HTAB	   *besides = NULL;
	bool		any = false;

	for (int64 i = 0; i < cells->n; i++)
		sum[margin->group[i]] += seed[i];
	for (int32 i = 0; i < margin->n_groups; i++)
		any |= sum[i] == 0 && margin->groups[i]->total > 0;
	if (any && by_others)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(beside_key);
		ctl.entrysize = sizeof(beside_entry);
		ctl.hcxt = split->context;
		besides = hash_create("target_split margin besides", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		for (int64 i = 0; i < cells->n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			find_beside(besides, split, margin, i, HASH_ENTER)->seed += seed[i];
		}
	}
	for (int pass = 0; pass < 2 && any; pass++)
		for (int64 i = 0; i < cells->n; i++)
		{
			int32		group = margin->group[i];
			double		weight;

			CHECK_FOR_INTERRUPTS();
			if (sum[group] != 0 || margin->groups[group]->total == 0 || cells->closed[i])
				continue;
			weight = by_others ? find_beside(besides, split, margin, i, HASH_FIND)->seed : 1;
			if (pass == 0)
				filled[group] += weight;
			else if (weight > 0)
			{
				seed[i] = weight / filled[group] * ratio * (double) margin->groups[group]->total;
				cells->fallback[i] = by_others ? TS_ZERO_PARENT : TS_ZERO_EQUAL;
			}
		}
	if (besides)
		hash_destroy(besides);
	pfree(sum);
	pfree(filled);
}

/* ------------------------------------------------------------------ bounds */

/*
 * Bounds of the cells in units of the table, from those of the call; NULL where
 * it has none.  nodes: the cells and what is above them
 */
static void
find_bounds(ts_split *split, ts_split_nodes *nodes, int64 **lower, int64 **upper)
{
	ts_name_list above = {0};
	int64		cell = 0;

	*lower = *upper = NULL;
	if (!ts_split_has_bounds(split))
		return;
	ts_bounds_apply(split, nodes);
	*lower = MemoryContextAllocHuge(split->context, sizeof(int64) * (split->cells.n + 1));
	*upper = MemoryContextAllocHuge(split->context, sizeof(int64) * (split->cells.n + 1));
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
		for (int64 node = nodes->first[leaf]; node < nodes->first[leaf + 1]; node++)
		{
			ts_int128	low = nodes->lower[node] == TS_NO_LOWER ? 0 : Max(nodes->lower[node] / split->coarse, 0);
			ts_int128	high = nodes->upper[node] == TS_NO_UPPER ? PG_INT64_MAX : nodes->upper[node] / split->coarse;

			CHECK_FOR_INTERRUPTS();
			if (nodes->n_children[node] > 0)
			{
				if (nodes->lower[node] != TS_NO_LOWER || nodes->upper[node] != TS_NO_UPPER)
					ts_name_list_add(&above, ts_name_list_full(&above) ? "" :
									 ts_split_node_name(split, nodes, leaf, node));
				continue;
			}
			if (low > high)
				ts_bounds_refuse(split, nodes, leaf, TS_CROSSED_BOUNDS, (size_t) (node - nodes->first[leaf]),
								 int_number(0), int_number(0), int_number(0));
			if (low >= TS_MARGIN_LIMIT)
				ereport(ERROR,
						(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						 errmsg("the bound of %s is too large for method \"margins\"",
								ts_split_node_name(split, nodes, leaf, node))));
			(*lower)[cell] = (int64) low;
			(*upper)[cell++] = high >= TS_MARGIN_LIMIT ? PG_INT64_MAX : (int64) high;
		}
	if (above.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg_plural("method \"margins\" takes bounds of the last level only, and %lld is above it",
							   "method \"margins\" takes bounds of the last level only, and %lld are above it", above.n,
							   (long long) above.n),
				 errdetail_internal("%s.", ts_name_list_text(&above)),
				 errhint("A margin of that level says what it has; bounds => '{\"%s\": {\"*\": {\"at_least\": 0}}}' are for the last level.",
						 split->axes[split->n_axes - 1].name)));
}

/*
 * The least, or the most, that a part has when it is shared again, in units of
 * the table.  An amount that it is held at must be possible; limits come inwards to
 * what is.
 */
static int64
held_units(const ts_split *split, const ts_split_nodes *nodes, int32 leaf, int64 node, bool most)
{
	ts_int128	least = split->least[node];
	ts_int128	quanta = most ? split->most[node] : least;
	ts_int128	units = quanta / split->coarse;
	bool		is_multiple = quanta % split->coarse == 0;

	if (least == split->most[node] && !is_multiple)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("what %s is held at is not a multiple of the call's quantum",
						ts_split_node_name(split, nodes, leaf, node)),
				 errdetail("It is %s, the quantum is %s.", numeric_text(ts_units_to_numeric(quanta, &split->tree->quantum)),
						   units_text(split, 1)),
				 errhint("SELECT * FROM target_split.resplit_target(%lld, keep_adjustments => false); shares anew what is not locked.",
						 (long long) split->tree->nodes[0].target_id)));
	if (split->most[node] != TS_NO_UPPER && split->most[node] < 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("method \"margins\" shares amounts of 0 or more, and %s is held below 0",
						ts_split_node_name(split, nodes, leaf, node)),
				 errdetail("It has at most %s.",
						   numeric_text(ts_units_to_numeric(split->most[node], &split->tree->quantum))),
				 errhint("SELECT * FROM target_split.resplit_target(%lld, keep_adjustments => false); shares anew what is not locked.",
						 (long long) split->tree->nodes[0].target_id)));
	if (!most && units >= TS_MARGIN_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("what %s is held at is too large for method \"margins\"",
						ts_split_node_name(split, nodes, leaf, node)),
				 errdetail("It is %s; there is room for less than %s.",
						   numeric_text(ts_units_to_numeric(quanta, &split->tree->quantum)),
						   units_text(split, TS_MARGIN_LIMIT))));
	if (!most && quanta > 0 && !is_multiple)
		units++;
	return units >= TS_MARGIN_LIMIT ? PG_INT64_MAX : (int64) Max(units, 0);
}

/*
 * What is held when targets are shared again: cells get bounds; what is above
 * cells becomes a group of a margin, one for each level of "by" that has any.
 * Adds these margins to the n that are there; returns how many there are then.
 */
static int
hold_parts(const ts_split *split, const ts_split_nodes *nodes, int64 **lower, int64 **upper, ts_margin *margins, int n,
		   margin_names *names)
{
	int64		n_cells = split->cells.n;
	int			of_level[TS_MAX_AXES];
	int32	   *groups[TS_MAX_AXES] = {0};
	int64	   *totals[TS_MAX_AXES] = {0};

	if (!split->least)
		return n;
	if (!*lower)
	{
		*lower = MemoryContextAllocExtended(split->context, sizeof(int64) * (n_cells + 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		*upper = MemoryContextAllocHuge(split->context, sizeof(int64) * (n_cells + 1));
		for (int64 i = 0; i < n_cells; i++)
			(*upper)[i] = PG_INT64_MAX;
	}
	memset(of_level, 0, sizeof(of_level));
	for (int64 node = 0; node < nodes->n; node++)
		if (nodes->n_children[node] > 0 && split->least[node] != TS_NO_LOWER)
			of_level[nodes->axis[node]]++;
	for (int level = 0; level < split->n_axes; level++)
	{
		ts_margin  *margin = &margins[n];

		if (of_level[level] == 0)
		{
			of_level[level] = -1;
			continue;
		}
		groups[level] = MemoryContextAllocHuge(split->context, sizeof(int32) * (n_cells + 1));
		totals[level] = MemoryContextAllocHuge(split->context, sizeof(int64) * of_level[level]);
		names->held[n] = MemoryContextAllocHuge(split->context, sizeof(int64) * of_level[level]);
		margin->name = "held";
		margin->group = groups[level];
		margin->total = totals[level];
		margin->n_groups = 0;
		of_level[level] = n++;
	}
	for (int32 i = 0; i < split->n_leaves; i++)
	{
		int32		leaf = names->leaves[i];
		int32		at[TS_MAX_AXES] = {0};
		int64		cell = names->first_cell[leaf];

		for (int64 node = nodes->first[leaf]; node < nodes->first[leaf + 1]; node++)
		{
			int			level = nodes->axis[node];
			int			number = of_level[level];

			CHECK_FOR_INTERRUPTS();
			at[level] = -1;
			if (nodes->n_children[node] > 0 && split->least[node] != TS_NO_LOWER)
			{
				at[level] = margins[number].n_groups++;
				totals[level][at[level]] = held_units(split, nodes, leaf, node, false);
				names->held[number][at[level]] = node;
			}
			if (nodes->n_children[node] > 0)
				continue;
			for (int up = 0; up < level; up++)
				if (groups[up])
					groups[up][cell] = at[up];
			if (split->least[node] != TS_NO_LOWER)
				(*lower)[cell] = held_units(split, nodes, leaf, node, false);
			if (split->most[node] != TS_NO_UPPER)
				(*upper)[cell] = held_units(split, nodes, leaf, node, true);
			cell++;
		}
	}
	return n;
}

/* ---------------------------------------------------------------- findings */

static void
push_key(JsonbParseState **state, const char *key)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = pstrdup(key);
	value.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &value);
}

static void
push_text(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = pstrdup(text);
	value.val.string.len = strlen(text);
	pushJsonbValue(state, token, &value);
}

static void
push_number(JsonbParseState **state, JsonbIteratorToken token, Datum number)
{
	JsonbValue	value;

	value.type = jbvNumeric;
	value.val.numeric = DatumGetNumeric(number);
	pushJsonbValue(state, token, &value);
}

/* A factor with five digits that count */
static Datum
factor_number(double factor)
{
	int			decimals;

	/* at the limit there may be no factor */
	if (!isfinite(factor))
		factor = 0;
	decimals = factor >= 1 || factor <= 0 ? 4 : Min(4 - (int) floor(log10(factor)), 20);
	return DirectFunctionCall3(numeric_in, CStringGetDatum(psprintf("%.*f", decimals, factor)),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

static bool
is_extreme(double factor)
{
	return factor > EXTREME_FACTOR || (factor > 0 && factor < 1 / EXTREME_FACTOR);
}

/* {"margin": "market", "member": ["East"]}, not yet closed */
static void
push_group(JsonbParseState **state, const ts_split *split, const split_margin *margin, const margin_group *group)
{
	push_key(state, "margin");
	push_text(state, WJB_VALUE, margin->name);
	push_key(state, "member");
	push_text(state, WJB_VALUE, group_label(split, margin, group));
}

/* What was found of a group, so that explain_target() finds the groups of a target */
static void
push_factor(JsonbParseState **state, const ts_split *split, const split_margin *margin, const margin_group *group,
			double factor)
{
	bool		any_member = false;

	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	push_key(state, "target_id");
	push_number(state, WJB_VALUE, int_number(split->tree->nodes[0].target_id));
	push_group(state, split, margin, group);
	for (int i = 0; i < margin->n_parts; i++)
		any_member |= !margin->parts[i].is_time;
	if (any_member)
	{
		push_key(state, "member_ids");
		pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
		for (int i = 0; i < margin->n_parts; i++)
			if (!margin->parts[i].is_time)
				push_number(state, WJB_ELEM, int_number(split->tree->members->members[group->keys[i]].member_id));
		pushJsonbValue(state, WJB_END_ARRAY, NULL);
	}
	for (int i = 0; i < margin->n_parts; i++)
		if (margin->parts[i].is_time)
		{
			DateADT		from = split->tree->nodes[0].from;
			DateADT		upto = split->tree->nodes[0].upto;

			ts_axis_bucket(split->tree, &margin->parts[i], group->keys[i], &from, &upto);
			/* of several grains the finest, which has the later start or the earlier end */
			push_key(state, "period");
			push_text(state, WJB_VALUE, ts_window_text(from, upto));
		}
	push_key(state, "total");
	push_number(state, WJB_VALUE, amount_of(split, group->total));
	push_key(state, "factor");
	push_number(state, WJB_VALUE, factor_number(factor));
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/* A factor, and how much the seed has of its group */
typedef struct seed_factor
{
	double		factor;
	double		seed;
} seed_factor;

static int
compare_factors(const void *a, const void *b)
{
	double		x = ((const seed_factor *) a)->factor;
	double		y = ((const seed_factor *) b)->factor;

	return (x > y) - (x < y);
}

/*
 * The middle one of a margin's factors, by seed: what the growth has instead.
 * Factors of 0 belong to groups of nothing.
 */
static double
middle_factor(const ts_split *split, const ts_margin *margin, const double *factor, int64 n, const double *seed)
{
	seed_factor *list = MemoryContextAllocHuge(split->context, sizeof(seed_factor) * (margin->n_groups + 1));
	double		whole = 0;
	double		sum = 0;
	double		middle = 1;

	for (int32 i = 0; i < margin->n_groups; i++)
	{
		list[i].factor = factor[i];
		list[i].seed = 0;
	}
	for (int64 i = 0; i < n; i++)
		if (margin->group[i] >= 0 && factor[margin->group[i]] > 0)
		{
			list[margin->group[i]].seed += seed[i];
			whole += seed[i];
		}
	qsort(list, margin->n_groups, sizeof(seed_factor), compare_factors);
	for (int32 i = 0; i < margin->n_groups && sum < whole / 2; i++)
	{
		sum += list[i].seed;
		if (list[i].seed > 0)
			middle = list[i].factor;
	}
	pfree(list);
	return middle;
}

/* A factor that nobody would expect */
typedef struct extreme_factor
{
	int			margin;
	int32		group;
	double		factor;
} extreme_factor;

/* the furthest from 1 first, whichever way */
static int
compare_extremes(const void *a, const void *b)
{
	const extreme_factor *x = a;
	const extreme_factor *y = b;
	double		far_x = Max(x->factor, 1 / x->factor);
	double		far_y = Max(y->factor, 1 / y->factor);

	if (far_x != far_y)
		return far_x > far_y ? -1 : 1;
	if (x->margin != y->margin)
		return x->margin < y->margin ? -1 : 1;
	return (x->group > y->group) - (x->group < y->group);
}

static extreme_factor *
find_extremes(const ts_split *split, const ts_margins_report *report, int n_first, const double *middle, int64 *n)
{
	const ts_margin_list *list = split->margin_list;
	extreme_factor *extremes;
	int64		space = 1;

	for (int i = 0; i < list->n; i++)
		space += list->margins[i]->n_groups;
	extremes = MemoryContextAllocHuge(split->context, sizeof(extreme_factor) * space);
	*n = 0;
	for (int i = 0; i < list->n; i++)
		for (int32 g = 0; g < list->margins[i]->n_groups; g++)
		{
			double		factor = report->factor[n_first + i][g] / middle[i];

			CHECK_FOR_INTERRUPTS();
			if (list->margins[i]->groups[g]->is_free || list->margins[i]->groups[g]->total == 0 || !is_extreme(factor))
				continue;
			extremes[*n].margin = i;
			extremes[*n].group = g;
			extremes[(*n)++].factor = factor;
		}
	qsort(extremes, *n, sizeof(extreme_factor), compare_extremes);
	return extremes;
}

/* What a growth in units of the table by seed is in amounts by what the basis has */
static double
growth_of_basis(const ts_split *split, double growth)
{
	growth *= (double) split->coarse * (double) split->tree->quantum.mantissa * (double) Max(split->basis_times, 1);
	for (int i = split->tree->quantum.scale; i != split->scale; i += i < split->scale ? 1 : -1)
		growth = i < split->scale ? growth * 10 : growth / 10;
	return growth;
}

/*
 * Notes what the solver did: sweeps, what is missed, factors; and tells of
 * factors that nobody would expect.  The margins of the call come after others in
 * the table, of which the first are the targets.
 */
static void
note_solution(ts_split *split, const ts_margin_table *table, const ts_margins_report *report, const margin_names *names)
{
	const ts_margin_list *list = split->margin_list;
	int			n_first = names->n_first;
	JsonbParseState *state = NULL;
	double		middle[TS_MAX_MARGINS];
	double		middle_target = middle_factor(split, &table->margin[0], report->factor[0], table->n, table->seed);
	double		growth = middle_target;
	int64		n_factors = split->n_leaves > 1 ? split->n_leaves : 0;
	int64		n_kept = 0;
	int64		n_extreme;
	extreme_factor *extremes;
	ts_name_list extreme = {0};

	for (int i = 0; i < list->n; i++)
	{
		/* what is free is the measure of the others */
		middle[i] = list->margins[i]->complete ?
			middle_factor(split, &table->margin[n_first + i], report->factor[n_first + i], table->n, table->seed) : 1;
		growth *= middle[i];
		for (int32 g = 0; g < list->margins[i]->n_groups; g++)
			n_factors += !list->margins[i]->groups[g]->is_free;
	}

	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_key(&state, "target_id");
	push_number(&state, WJB_VALUE, int_number(split->tree->nodes[0].target_id));
	push_key(&state, "margins");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < list->n; i++)
		push_text(&state, WJB_ELEM, list->margins[i]->name);
	pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	push_key(&state, "growth");
	push_number(&state, WJB_VALUE, factor_number(growth_of_basis(split, growth)));
	push_key(&state, "cells");
	push_number(&state, WJB_VALUE, int_number(table->n));
	push_key(&state, "sweeps");
	push_number(&state, WJB_VALUE, int_number(report->sweeps));
	push_key(&state, "residual");
	push_number(&state, WJB_VALUE,
				DirectFunctionCall3(numeric_in, CStringGetDatum(psprintf("%.9f", report->residual)),
									ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	push_key(&state, "moved");
	push_number(&state, WJB_VALUE, int_number(report->n_moved));
	if (report->n_missed > 0)
	{
		push_key(&state, "missed");
		pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
		for (int i = 0; i < report->n_missed; i++)
		{
			const ts_missed_group *missed = &report->missed[i];
			const split_margin *margin = missed->margin >= n_first ? list->margins[missed->margin - n_first] : NULL;

			/* those before are kept first of all */
			if (!margin)
				continue;
			pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
			push_group(&state, split, margin, margin->groups[missed->group]);
			push_key(&state, "total");
			push_number(&state, WJB_VALUE, amount_of(split, margin->groups[missed->group]->total));
			push_key(&state, "amount");
			push_number(&state, WJB_VALUE, amount_of(split, missed->sum));
			pushJsonbValue(&state, WJB_END_OBJECT, NULL);
		}
		pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	}
	push_key(&state, "extreme");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	extremes = find_extremes(split, report, n_first, middle, &n_extreme);
	for (int64 i = 0; i < n_extreme; i++)
	{
		const split_margin *margin = list->margins[extremes[i].margin];
		const margin_group *group = margin->groups[extremes[i].group];

		if (ts_name_list_full(&extreme))
		{
			ts_name_list_add(&extreme, "");
			continue;
		}
		ts_name_list_add(&extreme, psprintf("%s %s: %s", margin->name, group_label(split, margin, group),
											numeric_text(factor_number(extremes[i].factor))));
		pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		push_group(&state, split, margin, group);
		push_key(&state, "factor");
		push_number(&state, WJB_VALUE, factor_number(extremes[i].factor));
		pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	push_key(&state, "n_extreme");
	push_number(&state, WJB_VALUE, int_number(n_extreme));
	if (n_factors > KEPT_FACTORS)
	{
		push_key(&state, "factors_left_out");
		push_number(&state, WJB_VALUE, int_number(n_factors - KEPT_FACTORS));
	}
	pushJsonbValue(&state, WJB_END_OBJECT, NULL);

	for (int32 leaf = 0; leaf < split->n_leaves && split->n_leaves > 1; leaf++)
	{
		CHECK_FOR_INTERRUPTS();
		if (n_kept++ >= KEPT_FACTORS)
			continue;
		pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		push_key(&state, "target_id");
		push_number(&state, WJB_VALUE, int_number(split->tree->nodes[split->leaves[names->leaves[leaf]]].target_id));
		push_key(&state, "margin");
		push_text(&state, WJB_VALUE, "target");
		push_key(&state, "total");
		push_number(&state, WJB_VALUE, amount_of(split, table->margin[0].total[leaf]));
		push_key(&state, "factor");
		push_number(&state, WJB_VALUE, factor_number(report->factor[0][leaf] / middle_target));
		pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	for (int i = 0; i < list->n; i++)
		for (int32 g = 0; g < list->margins[i]->n_groups; g++)
		{
			const margin_group *group = list->margins[i]->groups[g];

			CHECK_FOR_INTERRUPTS();
			if (group->is_free || n_kept++ >= KEPT_FACTORS)
				continue;
			push_factor(&state, split, list->margins[i], group, report->factor[n_first + i][g] / middle[i]);
		}
	ts_split_note(split, JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL)));

	if (n_extreme > 0)
		ereport(NOTICE,
				(errmsg_plural("the factor of %lld total is above %g or below 1/%g",
							   "the factors of %lld totals are above %g or below 1/%g", n_extreme,
							   (long long) n_extreme, EXTREME_FACTOR, EXTREME_FACTOR),
				 errdetail_internal("%s.", ts_name_list_text(&extreme))));
}

/* ---------------------------------------------------------------- the table */

static char *
group_name(void *arg, int margin, int32 group)
{
	const margin_names *names = arg;
	const ts_margin_list *list = names->split->margin_list;

	if (margin >= names->n_first)
		return group_label(names->split, list->margins[margin - names->n_first],
						   list->margins[margin - names->n_first]->groups[group]);
	if (margin > 0)
	{
		int64		node = names->held[margin][group];
		int32		leaf = 0;

		while (names->nodes->first[leaf + 1] <= node)
			leaf++;
		return ts_split_node_name(names->split, names->nodes, leaf, node);
	}
	/* the margin's name is "target" */
	return ts_split_leaf_name(names->split, names->leaves[group]) + strlen("target ");
}

static char *
cell_name(void *arg, int64 cell)
{
	const margin_names *names = arg;

	return ts_split_cell_name(names->split, names->cells ? names->cells[cell] : cell);
}

static char *
amount_text(void *arg, ts_int128 units)
{
	const margin_names *names = arg;

	return units_text(names->split, units);
}

/* Finds the order of the table */
static void
find_order(const ts_split *split, margin_names *names)
{
	const ts_cells *cells = &split->cells;
	bool		is_same = true;
	int64		n = 0;

	names->leaves = ts_tree_order(split->tree, split->n_leaves, split->leaves);
	names->first_cell = MemoryContextAllocHuge(split->context, sizeof(int64) * (split->n_leaves + 1));
	names->place = MemoryContextAllocHuge(split->context, sizeof(int32) * (split->n_leaves + 1));
	for (int32 i = 0; i < split->n_leaves; i++)
	{
		is_same &= names->leaves[i] == i;
		names->place[names->leaves[i]] = i;
		names->first_cell[i] = cells->n;
	}
	for (int64 i = cells->n - 1; i >= 0; i--)
		names->first_cell[cells->leaf[i]] = i;
	if (is_same)
		return;
	names->cells = MemoryContextAllocHuge(split->context, sizeof(int64) * (cells->n + 1));
	for (int32 i = 0; i < split->n_leaves; i++)
		for (int64 cell = names->first_cell[names->leaves[i]]; cell < cells->n && cells->leaf[cell] == names->leaves[i]; cell++)
			names->cells[n++] = cell;
}

/* Brings what is by cell into the order of the table: seeds, groups, and bounds, if there are any */
static void
sort_cells(const ts_split *split, const margin_names *names, double **seed, int64 **lower, int64 **upper,
		   int n_margins, ts_margin *margins)
{
	int64		n = split->cells.n;

	if (!names->cells)
		return;
	CHECK_FOR_INTERRUPTS();
#define SORT(type, array) \
	do { \
		type	   *sorted = MemoryContextAllocHuge(split->context, sizeof(type) * (n + 1)); \
		for (int64 i = 0; i < n; i++) \
			sorted[i] = (array)[names->cells[i]]; \
		(array) = sorted; \
	} while (0)
	SORT(double, *seed);
	if (*lower)
		SORT(int64, *lower);
	if (*upper)
		SORT(int64, *upper);
	for (int m = 0; m < n_margins; m++)
		SORT(int32, margins[m].group);
#undef SORT
}

/*
 * The amounts of the targets that are split, in units of the table and in its
 * order; returns their sum
 */
static ts_int128
leaf_totals(const ts_split *split, const int32 *leaves, int64 *total)
{
	ts_int128	whole = 0;
	ts_name_list negative = {0};

	for (int32 i = 0; i < split->n_leaves; i++)
	{
		int32		leaf = leaves[i];

		CHECK_FOR_INTERRUPTS();
		if (split->units[leaf] < 0)
			ts_name_list_add(&negative, ts_name_list_full(&negative) ? "" : ts_split_leaf_name(split, leaf));
		if (split->units[leaf] % split->coarse != 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("%s is not a multiple of the call's quantum", ts_split_leaf_name(split, leaf)),
					 errdetail("It is %s, the quantum is %s.", numeric_text(ts_units_to_numeric(split->units[leaf], &split->tree->quantum)),
							   units_text(split, 1)),
					 errhint("Give it another amount, or use a finer quantum.")));
		whole += split->units[leaf] / split->coarse;
		if (whole >= TS_MARGIN_LIMIT)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("the amount is too large for method \"margins\""),
					 errdetail("There is room for less than %s.", units_text(split, TS_MARGIN_LIMIT)),
					 errhint("quantum => makes the units larger.")));
		total[i] = (int64) (split->units[leaf] / split->coarse);
	}
	if (negative.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("method \"margins\" shares amounts of 0 or more, and %lld of %d targets are negative",
						(long long) negative.n, split->n_leaves),
				 errdetail_internal("%s.", ts_name_list_text(&negative)),
				 errhint("Split what is negative by another method, or as a metric of its own.")));
	return whole;
}

/* Replaces the seeds in the cells by parts that fit the margins */
static void
solve(ts_split *split)
{
	ts_margin_list *list = split->margin_list;
	ts_cells   *cells = &split->cells;
	ts_margin_table table = {0};
	ts_margin	margins[TS_MAX_MARGINS] = {0};
	ts_margins_report report = {0};
	margin_names names = {.split = split,.n_first = 1};
	HTAB	   *groups[MOST_MARGINS] = {0};
	ts_split_nodes nodes = {0};
	int64	   *leaf_total = MemoryContextAllocHuge(split->context, sizeof(int64) * (split->n_leaves + 1));
	double	   *seed = MemoryContextAllocHuge(split->context, sizeof(double) * (cells->n + 1));
	int64	   *units = MemoryContextAllocHuge(split->context, sizeof(int64) * (cells->n + 1));
	int64	   *lower;
	int64	   *upper;
	int32	   *leaf_group = MemoryContextAllocHuge(split->context, sizeof(int32) * (cells->n + 1));
	double		sum = 0;
	ts_int128	whole;

	find_order(split, &names);
	whole = leaf_totals(split, names.leaves, leaf_total);

	/* with all that is above the cells: bounds are by node */
	ts_split_lay_out(split, &nodes);
	find_bounds(split, &nodes, &lower, &upper);
	names.nodes = &nodes;
	names.n_first = hold_parts(split, &nodes, &lower, &upper, margins, 1, &names);

	for (int64 i = 0; i < cells->n; i++)
		leaf_group[i] = names.place[cells->leaf[i]];
	margins[0].name = "target";
	margins[0].n_groups = split->n_leaves;
	margins[0].group = leaf_group;
	margins[0].total = leaf_total;
	for (int i = 0; i < list->n; i++)
	{
		ts_axes_place(split->tree, list->margins[i]->parts, list->margins[i]->n_parts);
		groups[i] = group_cells(split, list->margins[i]);
	}
	place_entries(split, groups);
	for (int i = 0; i < list->n; i++)
	{
		split_margin *margin = list->margins[i];
		int64	   *total = MemoryContextAllocHuge(split->context, sizeof(int64) * (margin->n_groups + 1));
		bool	   *is_free = MemoryContextAllocHuge(split->context, sizeof(bool) * (margin->n_groups + 1));

		set_totals(split, margin, whole);
		for (int32 g = 0; g < margin->n_groups; g++)
		{
			total[g] = margin->groups[g]->total;
			is_free[g] = margin->groups[g]->is_free;
		}
		margins[names.n_first + i].name = margin->name;
		margins[names.n_first + i].n_groups = margin->n_groups;
		margins[names.n_first + i].group = margin->group;
		margins[names.n_first + i].total = total;
		margins[names.n_first + i].is_free = is_free;
	}
	for (int64 i = 0; i < cells->n; i++)
		sum += seed[i] = (double) cells->weight[i];
	for (int i = 0; i < list->n && strcmp(split->on_zero, "error") != 0 && whole > 0; i++)
		fill_empty_groups(split, list->margins[i], seed, sum / (double) whole);

	sort_cells(split, &names, &seed, &lower, &upper, names.n_first + list->n, margins);
	table.n = cells->n;
	table.seed = seed;
	table.lower = lower;
	table.upper = upper;
	table.n_margins = names.n_first + list->n;
	table.margin = margins;
	table.on_inexact = TS_INEXACT_WARN;
	table.group_name = group_name;
	table.cell_name = cell_name;
	table.amount_text = amount_text;
	table.arg = &names;
	ts_margins_solve(&table, units, &report);
	/*
	 * Margins of the call may be missed by units, with a warning; the first ones,
	 * which are one tree, never are
	 */
	for (int i = 0; i < names.n_first; i++)
		if (!report.exact[i])
			elog(ERROR, "parts of a split do not add up");
	note_solution(split, &table, &report, &names);

	for (int64 i = 0; i < cells->n; i++)
	{
		int64		cell = names.cells ? names.cells[i] : i;

		CHECK_FOR_INTERRUPTS();
		/* under a target of nothing all parts are nothing, by whatever weights */
		if (leaf_total[names.place[cells->leaf[cell]]] == 0)
			continue;
		cells->weight[cell] = (ts_int128) units[i] * split->coarse * split->tree->quantum.mantissa;
		cells->scale[cell] = (int16) split->tree->quantum.scale;
	}
	ts_split_free_nodes(&nodes);
	for (int i = 0; i < list->n; i++)
		hash_destroy(groups[i]);
}

void
ts_weigh_margins(ts_split *split)
{
	ts_term    *term = split->term;
	ts_term		seed = ts_margins_seed(term);
	ts_cells   *cells = &split->cells;

	if (split->margin_list->n_entries == 0 && !split->watch)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there are no margins"),
				 errhint(MARGINS_HINT)));
	ts_term_weigh(split, &seed);
	term->has_basis = seed.has_basis;
	term->basis_from = seed.basis_from;
	term->basis_upto = seed.basis_upto;
	/* the policies have been applied: these are weights like any others */
	for (int64 i = 0; i < cells->n; i++)
	{
		cells->missing[i] = false;
		cells->scale[i] = (int16) split->scale;
	}
	/* margins are of all targets together, and what is watched is the seed */
	if (split->watch || split->seed_only)
		return;
	ts_split_limit_members(split);
	solve(split);
}
