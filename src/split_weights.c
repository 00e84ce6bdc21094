/*-------------------------------------------------------------------------
 *
 * split_weights.c
 *	  The methods "weights" and "amounts" of split_target: what the caller
 *	  gives, in a JSON object or a relation.
 *
 * A row names a member or a period for each entry of "by", and belongs to every
 * leaf that its keys fit under.  Where a level has a method of its own, it may name
 * levels above as well, and then belongs to the parts of those members and periods
 * alone: weights of quarters that differ by market.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "query.h"
#include "split.h"

typedef struct weight_rows
{
	int64		n;
	int64		space;
	int			width;			/* levels above, then those that are weighed */
	int			n_above;
	bool		named[TS_MAX_AXES]; /* do rows have a key for it */
	int32	   *keys;			/* width a row; -1 where they have none */
	ts_int128  *weight;
	int16	   *scale;
	ts_name_list unknown;
	int			unknown_period; /* axis of the first unknown one, if a period, -1 */
} weight_rows;

typedef struct label_entry
{
	char		label[TS_PERIOD_LABEL_SIZE];
	int32		start;
} label_entry;

/* Labels of all periods of a time axis within the target */
static HTAB *
make_labels(const ts_split *split, const ts_axis *axis)
{
	const ts_node *start = &split->tree->nodes[0];
	HASHCTL		ctl = {0};
	HTAB	   *labels;

	ctl.keysize = TS_PERIOD_LABEL_SIZE;
	ctl.entrysize = sizeof(label_entry);
	ctl.hcxt = split->context;
	labels = hash_create("target_split labels", 128, &ctl,
						 HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	for (DateADT day = start->from; day < start->upto;)
	{
		char		names[TS_PERIOD_NAMES][TS_PERIOD_LABEL_SIZE];
		DateADT		from = start->from;
		DateADT		upto = start->upto;
		int			n;

		CHECK_FOR_INTERRUPTS();
		ts_axis_bucket(split->tree, axis, day, &from, &upto);
		n = ts_period_names(&split->tree->calendar, axis->grain, from, names);
		for (int i = 0; i < n; i++)
		{
			bool		found;
			label_entry *entry = hash_search(labels, names[i], HASH_ENTER, &found);

			if (!found)
				entry->start = from;
		}
		day = upto;
	}
	return labels;
}

/* YYYY-MM-DD as a day; false if it is not one */
bool
ts_day_from_text(const char *text, DateADT *day)
{
	int			part[3] = {0};	/* year, month, day */
	int			n = 0;
	int			y,
				m,
				d;

	for (int i = 0; i < 10; i++)
	{
		if (i == 4 || i == 7)
		{
			if (text[i] != '-')
				return false;
			n++;
		}
		else if (text[i] >= '0' && text[i] <= '9')
			part[n] = part[n] * 10 + text[i] - '0';
		else
			return false;		/* the end of the text is no digit either */
	}
	if (text[10] != '\0')
		return false;
	*day = ts_ymd_to_day(part[0], part[1], part[2]);
	ts_day_to_ymd(*day, &y, &m, &d);
	return y == part[0] && m == part[1] && d == part[2];
}

/*
 * The key of a text on an axis, with the texts of the axes before it, which may
 * be NULL; false if there is no such member or period
 */
bool
ts_split_find_key(ts_split *split, int axis_no, char *const *texts, int32 *key)
{
	const ts_axis *axis = &split->axes[axis_no];
	const ts_node *start = &split->tree->nodes[0];
	char	   *codes[TS_MAX_AXES + 64] = {0};

	if (axis->is_time)
	{
		label_entry *entry = NULL;
		DateADT		day;

		if (!split->labels[axis_no])
			split->labels[axis_no] = make_labels(split, axis);
		if (strlen(texts[axis_no]) < TS_PERIOD_LABEL_SIZE)
			entry = hash_search(split->labels[axis_no], texts[axis_no], HASH_FIND, NULL);
		if (entry)
			*key = entry->start;
		else if (ts_day_from_text(texts[axis_no], &day) && day >= start->from && day < start->upto)
		{
			DateADT		from = start->from;
			DateADT		upto = start->upto;

			ts_axis_bucket(split->tree, axis, day, &from, &upto);
			*key = from;
		}
		else
			return false;
		return true;
	}
	/* codes of the upper levels, as far as the row has them */
	for (int i = axis_no; i >= 0; i = split->axes[i].above)
		codes[split->axes[i].depth - 1] = texts[i];
	*key = ts_members_find_fact(split->tree->members, axis->dim, axis->depth, codes);
	return *key >= 0;
}

/*
 * The call with the levels above among its axes: texts and keys of rows are in
 * their order
 */
static ts_split *
with_levels_above(ts_split *split)
{
	ts_split   *wide = split;

	if (split->n_above > 0)
	{
		wide = MemoryContextAlloc(split->context, sizeof(ts_split));
		*wide = *split;
		wide->n_axes = split->n_above + split->n_axes;
		memcpy(wide->axes, split->all_axes, sizeof(ts_axis) * wide->n_axes);
		memset(wide->labels, 0, sizeof(wide->labels));
	}
	return wide;
}

/* Takes one row of texts and a weight */
static void
take_row(ts_split *split, weight_rows *rows, char *const *texts, Datum weight)
{
	int			width = rows->width;
	int			scale;

	if (rows->n == rows->space)
	{
		bool		first = rows->space == 0;

		rows->space = first ? 1024 : rows->space * 2;
#define GROW(array, width) \
		(array) = first ? \
			MemoryContextAllocHuge(split->context, sizeof(*(array)) * (width) * rows->space) : \
			repalloc_huge((array), sizeof(*(array)) * (width) * rows->space)
		GROW(rows->keys, width);
		GROW(rows->weight, 1);
		GROW(rows->scale, 1);
#undef GROW
	}
	for (int i = 0; i < width; i++)
		if (!rows->named[i])
			rows->keys[rows->n * width + i] = -1;
		else if (!texts[i] || !ts_split_find_key(split, i, texts, &rows->keys[rows->n * width + i]))
		{
			/* the list outlives the row */
			MemoryContext old = MemoryContextSwitchTo(split->context);

			if (rows->unknown.n == 0 && split->axes[i].is_time)
				rows->unknown_period = i;
			ts_name_list_add(&rows->unknown, psprintf("%s %s", split->axes[i].name,
													  texts[i] ? quote_literal_cstr(texts[i]) : "NULL"));
			MemoryContextSwitchTo(old);
			return;
		}
	ts_weight_from_numeric(weight, &rows->weight[rows->n], &scale);
	rows->scale[rows->n++] = scale;
}

/* How deep objects are nested in an object, by its first members */
static int
nesting(JsonbContainer *object)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue	value;

	for (JsonbIteratorToken token = JsonbIteratorNext(&it, &value, true); token != WJB_DONE;
		 token = JsonbIteratorNext(&it, &value, true))
		if (token == WJB_VALUE && value.type != jbvNull)
			return 1 + (value.type == jbvBinary && JsonContainerIsObject(value.val.binary.data) ?
						nesting(value.val.binary.data) : 0);
	return 1;
}

/* Takes what an object says of the members of one level, and of those below them */
static void
read_object(ts_split *split, weight_rows *rows, JsonbContainer *object, int level, char **texts)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue	key;
	JsonbValue	value;
	JsonbIteratorToken token;

	check_stack_depth();
	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		CHECK_FOR_INTERRUPTS();
		texts[level] = pnstrdup(key.val.string.val, key.val.string.len);
		JsonbIteratorNext(&it, &value, true);
		if (value.type == jbvNull)
			continue;			/* takes no part */
		if (level < split->n_axes - 1)
		{
			if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("weights of %s \"%s\" are not an object of weights by %s",
								split->axes[level].name, texts[level], split->axes[level + 1].name)));
			read_object(split, rows, value.val.binary.data, level + 1, texts);
			continue;
		}
		if (value.type != jbvNumeric)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("weight of \"%s\" is not a number", texts[level])));
		take_row(split, rows, texts, NumericGetDatum(value.val.numeric));
	}
}

/*
 * Reads weights => '{"A": 3, "B": 2}'; for several levels objects of them, from
 * the outermost that is named to the innermost
 */
static void
read_json(ts_split *split, weight_rows *rows)
{
	char	   *texts[TS_MAX_AXES] = {0};
	int			depth;

	if (!JB_ROOT_IS_OBJECT(split->term->weights))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"weights\" must be a JSON object of weights"),
				 errhint("by => '{market}', weights => '{\"East\": 3, \"West\": 2}'")));
	depth = nesting(&split->term->weights->root);
	if (depth < rows->width - rows->n_above || depth > rows->width)
	{
		StringInfoData names;

		initStringInfo(&names);
		for (int i = rows->n_above; i < rows->width; i++)
			appendStringInfo(&names, "%s\"%s\"", i > rows->n_above ? ", " : "", split->axes[i].name);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 depth > rows->width ?
				 errmsg("weights for %s can be nested %d deep, not %d", names.data, rows->width, depth) :
				 errmsg("weights for %s must be nested %d deep, not %d", names.data, rows->width - rows->n_above, depth),
				 errhint("by => '{market}', weights => '{\"East\": 3, \"West\": 2}';"
						 " by => '{market,line}', weights => '{\"East\": {\"A\": 3, \"B\": 2}, \"West\": {\"A\": 1}}'")));
	}
	for (int i = rows->width - depth; i < rows->width; i++)
		rows->named[i] = true;
	read_object(split, rows, &split->term->weights->root, rows->width - depth, texts);
}

typedef struct weight_reader
{
	weight_rows *rows;
	int			weight_column;
} weight_reader;

static void
take_relation_row(ts_split *split, char *const *texts, HeapTuple tuple, TupleDesc tupdesc, void *state)
{
	weight_reader *reader = state;
	bool		isnull;
	Datum		weight = SPI_getbinval(tuple, tupdesc, reader->weight_column, &isnull);

	if (!isnull)				/* else it takes no part */
		take_row(split, reader->rows, texts, weight);
}

/*
 * Reads weights_from: a column per entry of "by" and a column with the weight;
 * perhaps columns for levels above
 */
static void
read_relation(ts_split *split, weight_rows *rows)
{
	ts_split_relation relation;
	weight_reader reader = {.rows = rows};
	const char *missing = NULL;

	ts_relation_open(&relation, split, split->term->weights_from, "weights_from");
	for (int i = 0; i < rows->width && missing == NULL; i++)
	{
		rows->named[i] = ts_relation_add_axis(&relation, i);
		if (!rows->named[i] && i >= rows->n_above)
			missing = split->axes[i].name;
	}
	if (missing == NULL)
	{
		/* "amount" is as good a name as "weight" for what amounts => reads */
		reader.weight_column = ts_relation_add_number(&relation, "weight");
		if (reader.weight_column == 0)
			reader.weight_column = ts_relation_add_number(&relation, "amount");
		if (reader.weight_column == 0)
			missing = "weight";
	}
	if (missing != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("relation %s has no column \"%s\"", relation.name, missing),
				 errdetail("It must have a column for each entry of \"by\", and a column \"weight\".")));
	ts_relation_read(&relation, take_relation_row, &reader);
}

/*
 * Which leaves a row of weights belongs under.  Leaves of the same period
 * whose members are on the same levels are a class; within a class the row's
 * own members, taken up to those levels, are the key.  So a row costs one look-up
 * a class, and not one comparison a leaf.
 */
typedef struct leaf_key
{
	int32		class;
	int32		member[TS_MAX_AXES];	/* of each axis' dimension, -1 for none; of a
										 * grain above, the first day */
} leaf_key;

typedef struct leaf_class
{
	DateADT		from;			/* of the leaves, where the rows have periods */
	DateADT		upto;
	int			depth[TS_MAX_AXES]; /* of the members in the key, 0 for none */
} leaf_class;

typedef struct leaf_entry
{
	leaf_key	key;
	int32		first;			/* of the chain of leaves */
} leaf_entry;

typedef struct leaf_index
{
	int			n_classes;
	int			space;
	leaf_class *classes;
	HTAB	   *class_numbers;
	HTAB	   *leaves;
	int32	   *next;			/* per leaf: the next one of its key, -1 */
} leaf_index;

typedef struct class_entry
{
	leaf_class	class;
	int			number;
} class_entry;

/* The key of a leaf on a level above it */
static int32
key_above(const ts_split *split, const ts_axis *axis, const ts_node *node, const int32 *member)
{
	DateADT		from = split->tree->nodes[0].from;
	DateADT		upto = split->tree->nodes[0].upto;

	if (!axis->is_time)
		return ts_members_ancestor(split->tree->members, member[axis->dim], axis->depth);
	ts_axis_bucket(split->tree, axis, node->from, &from, &upto);
	return from;
}

static void
index_leaves(const ts_split *split, const weight_rows *rows, leaf_index *index)
{
	const ts_tree *tree = split->tree;
	int32	   *member = palloc(sizeof(int32) * (tree->n_dims + 1));
	HASHCTL		ctl = {0};
	bool		by_time = false;

	for (int i = rows->n_above; i < rows->width; i++)
		by_time |= split->axes[i].is_time;
	ctl.keysize = sizeof(leaf_class);
	ctl.entrysize = sizeof(class_entry);
	ctl.hcxt = split->context;
	index->class_numbers = hash_create("target_split leaf classes", 64, &ctl,
									   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ctl.keysize = sizeof(leaf_key);
	ctl.entrysize = sizeof(leaf_entry);
	index->leaves = hash_create("target_split leaves by member", Max(split->n_leaves, 16), &ctl,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	index->next = MemoryContextAllocHuge(split->context, sizeof(int32) * (split->n_leaves + 1));
	index->space = 16;
	index->classes = MemoryContextAllocHuge(split->context, sizeof(leaf_class) * index->space);

	/* from the last to the first, so that chains run in the order of leaves */
	for (int32 leaf = split->n_leaves - 1; leaf >= 0; leaf--)
	{
		const ts_node *node = &tree->nodes[split->leaves[leaf]];
		leaf_class	class;
		leaf_key	key;
		class_entry *number;
		leaf_entry *entry;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		memset(&class, 0, sizeof(class));
		memset(&key, 0, sizeof(key));
		ts_tree_node_members(tree, split->leaves[leaf], member);
		if (by_time)
		{
			class.from = node->from;
			class.upto = node->upto;
		}
		for (int i = 0; i < rows->width; i++)
		{
			const ts_axis *axis = &split->axes[i];

			key.member[i] = -1;
			if (i < rows->n_above)
				key.member[i] = rows->named[i] ? key_above(split, axis, node, member) : -1;
			else if (!axis->is_time && member[axis->dim] >= 0)
			{
				key.member[i] = member[axis->dim];
				class.depth[i] = tree->members->members[key.member[i]].depth;
			}
		}
		number = hash_search(index->class_numbers, &class, HASH_ENTER, &found);
		if (!found)
		{
			if (index->n_classes == index->space)
			{
				index->space *= 2;
				index->classes = repalloc_huge(index->classes, sizeof(leaf_class) * index->space);
			}
			number->number = index->n_classes;
			index->classes[index->n_classes++] = class;
		}
		key.class = number->number;
		entry = hash_search(index->leaves, &key, HASH_ENTER, &found);
		index->next[leaf] = found ? entry->first : -1;
		entry->first = leaf;
	}
	pfree(member);
}

/* The first leaf of a class that a row belongs under, -1 for none */
static int32
first_leaf(const ts_split *split, const weight_rows *rows, const leaf_index *index, int class_no, const int32 *keys)
{
	const leaf_class *class = &index->classes[class_no];
	leaf_key	key;
	leaf_entry *entry;

	memset(&key, 0, sizeof(key));
	key.class = class_no;
	for (int i = 0; i < rows->width; i++)
	{
		key.member[i] = -1;
		if (i < rows->n_above)
			key.member[i] = keys[i];
		else if (split->axes[i].is_time)
		{
			if (keys[i] < class->from || keys[i] >= class->upto)
				return -1;
		}
		else if (class->depth[i] > 0)
			key.member[i] = ts_members_ancestor(split->tree->members, keys[i], class->depth[i]);
	}
	entry = hash_search(index->leaves, &key, HASH_FIND, NULL);
	return entry ? entry->first : -1;
}

/* Periods that a set of siblings lacks would be days without a target */
void
ts_refuse_gaps(ts_split *split)
{
	ts_cells   *cells = &split->cells;
	int			width = split->n_axes;
	ts_name_list gaps = {0};

	for (int axis_no = 0; axis_no < width; axis_no++)
	{
		if (!split->axes[axis_no].is_time)
			continue;
		for (int64 first = 0, last; first < cells->n; first = last)
		{
			const int32 *keys = cells->keys + first * width;
			const ts_node *node = &split->tree->nodes[split->leaves[cells->leaf[first]]];
			DateADT		from = node->from;
			DateADT		upto = node->upto;
			DateADT		day;

			CHECK_FOR_INTERRUPTS();
			for (int i = 0; i < axis_no; i++)
				if (split->axes[i].is_time)
					ts_axis_bucket(split->tree, &split->axes[i], keys[i], &from, &upto);
			day = from;
			for (last = first; last < cells->n && cells->leaf[last] == cells->leaf[first] &&
				 memcmp(cells->keys + last * width, keys, sizeof(int32) * axis_no) == 0; last++)
			{
				int32		start = cells->keys[last * width + axis_no];
				DateADT		bucket_from = from;
				DateADT		bucket_upto = upto;

				if (last > first && start == cells->keys[(last - 1) * width + axis_no])
					continue;
				if (start > day)
					ts_name_list_add(&gaps, psprintf("%s of %s", ts_window_text(day, start),
											  ts_split_leaf_name(split, cells->leaf[first])));
				ts_axis_bucket(split->tree, &split->axes[axis_no], start, &bucket_from, &bucket_upto);
				day = bucket_upto;
			}
			if (day < upto)
				ts_name_list_add(&gaps, psprintf("%s of %s", ts_window_text(day, upto),
										  ts_split_leaf_name(split, cells->leaf[first])));
		}
	}
	if (gaps.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("the weights leave out %lld periods", (long long) gaps.n),
				 errdetail_internal("%s.", ts_name_list_text(&gaps)),
				 errhint("SELECT * FROM target_split.plan_periods(%s, '%s') lists the periods; a weight of 0 is allowed.",
						 quote_literal_cstr(split->tree->plan),
						 split->axes[split->n_axes - 1].is_time ?
						 split->axes[split->n_axes - 1].name : "month")));
}

void
ts_weigh_given(ts_split *split)
{
	ts_split   *wide = with_levels_above(split);
	weight_rows rows = {.width = wide->n_axes, .n_above = split->n_above};
	leaf_index	index = {0};
	bool	   *used;
	bool	   *leaf_used;
	ts_name_list unused = {0};
	ts_name_list without = {0};

	rows.unknown_period = -1;
	if (split->term->weights)
		read_json(wide, &rows);
	else
		read_relation(wide, &rows);
	if (rows.unknown.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the weights name %lld members or periods that the target does not have",
						(long long) rows.unknown.n),
				 errdetail_internal("%s.", ts_name_list_text(&rows.unknown)),
				 rows.unknown_period >= 0 ?
				 errhint("SELECT * FROM target_split.plan_periods(%s, '%s') lists the periods, which a date or a label names.",
						 quote_literal_cstr(split->tree->plan),
						 wide->axes[rows.unknown_period].name) :
				 errhint("SELECT d.name, m.path FROM target_split.member m JOIN target_split.dimension d USING (dimension_id);")));
	if (rows.n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("there are no weights")));

	used = MemoryContextAllocHuge(split->context, rows.n);
	memset(used, 0, rows.n);
	leaf_used = MemoryContextAllocZero(split->context, split->n_leaves + 1);
	index_leaves(wide, &rows, &index);
	for (int64 i = 0; i < rows.n; i++)
	{
		const int32 *keys = rows.keys + i * rows.width;

		for (int class_no = 0; class_no < index.n_classes; class_no++)
		{
			CHECK_FOR_INTERRUPTS();
			for (int32 leaf = first_leaf(wide, &rows, &index, class_no, keys); leaf >= 0; leaf = index.next[leaf])
			{
				int64		cell = ts_split_add_cell(split, leaf, keys + rows.n_above);

				CHECK_FOR_INTERRUPTS();
				used[i] = leaf_used[leaf] = true;
				split->cells.weight[cell] = rows.weight[i];
				split->cells.scale[cell] = rows.scale[i];
			}
		}
	}
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
		if (!leaf_used[leaf])
			ts_name_list_add(&without, ts_name_list_full(&without) ? "" : ts_split_leaf_name(split, leaf));
	if (without.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("there are no weights for %lld of %d targets",
						(long long) without.n, split->n_leaves),
				 errdetail_internal("%s.", ts_name_list_text(&without))));
	for (int64 i = 0; i < rows.n; i++)
		if (!used[i] && ts_name_list_full(&unused))
			ts_name_list_add(&unused, "");
		else if (!used[i])
		{
			StringInfoData name;

			initStringInfo(&name);
			for (int axis_no = 0; axis_no < rows.width; axis_no++)
			{
				const ts_axis *axis = &wide->axes[axis_no];
				int32		key = rows.keys[i * rows.width + axis_no];

				/* of the levels that are weighed the last says enough */
				if (!rows.named[axis_no] || (axis_no >= rows.n_above && axis_no < rows.width - 1))
					continue;
				appendStringInfo(&name, "%s%s %s", name.len > 0 ? ", " : "", axis->name,
								 axis->is_time ? ts_date_text(key) : split->tree->members->members[key].code);
			}
			ts_name_list_add(&unused, name.data);
		}
	/* what is for targets that a call made again leaves alone is no mistake */
	if (unused.n > 0 && !split->again)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%lld weights belong to no target that is split", (long long) unused.n),
				 errdetail_internal("%s.", ts_name_list_text(&unused))));
	if (wide != split)
		pfree(wide);
	pfree(rows.keys);
	pfree(rows.weight);
	pfree(rows.scale);
	pfree(used);
	pfree(leaf_used);
	pfree(index.classes);
	pfree(index.next);
	hash_destroy(index.class_numbers);
	hash_destroy(index.leaves);
}

static char *
units_text(ts_int128 units, const ts_quantum *quantum)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, ts_units_to_numeric(units, quantum)));
}

/* amounts that are given must add up, or rest => names who takes the difference */
void
ts_settle_amounts(ts_split *split)
{
	ts_cells   *cells = &split->cells;
	ts_quantum *quantum = &split->tree->quantum;

	ts_refuse_gaps(split);
	split->given = MemoryContextAllocZero(split->context, sizeof(bool) * split->n_leaves);
	for (int64 first = 0, last; first < cells->n; first = last)
	{
		int32		leaf = cells->leaf[first];
		ts_int128	left = split->units[leaf];
		int64		rest = -1;

		split->given[leaf] = true;

		for (last = first; last < cells->n && cells->leaf[last] == leaf; last++)
		{
			ts_int128	units = ts_units_from_numeric(ts_scaled_to_numeric(cells->weight[last], split->scale),
													  quantum, "amount");

			CHECK_FOR_INTERRUPTS();
			left -= units;
			cells->weight[last] = units;
			if (split->rest && !split->axes[split->n_axes - 1].is_time &&
				strcmp(split->tree->members->members[cells->keys[last * split->n_axes + split->n_axes - 1]].code,
					   split->rest) == 0)
			{
				if (rest >= 0)
					ereport(ERROR,
							(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							 errmsg("rest \"%s\" is the name of several parts of %s",
									split->rest, ts_split_leaf_name(split, leaf))));
				rest = last;
			}
		}
		if (left == 0)
			continue;
		if (split->rest && rest < 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("rest \"%s\" is not among the parts of %s",
							split->rest, ts_split_leaf_name(split, leaf)),
					 errhint("Give it the amount 0, and it receives the difference.")));
		if (!split->rest)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("the amounts do not add up to %s", ts_split_leaf_name(split, leaf)),
					 errdetail("The target is %s, the amounts add up to %s, the difference is %s.",
							   units_text(split->units[leaf], quantum),
							   units_text(split->units[leaf] - left, quantum),
							   units_text(left, quantum)),
					 errhint("rest => 'MEMBER' names who takes the difference.")));
		cells->weight[rest] += left;
		if ((cells->weight[rest] < 0) != (split->units[leaf] < 0) && cells->weight[rest] != 0)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("the amounts leave less than nothing to rest \"%s\" of %s",
							split->rest, ts_split_leaf_name(split, leaf)),
					 errdetail("The target is %s, the other amounts add up to %s, which leaves %s.",
							   units_text(split->units[leaf], quantum),
							   units_text(split->units[leaf] - cells->weight[rest], quantum),
							   units_text(cells->weight[rest], quantum))));
	}
}
