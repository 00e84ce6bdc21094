/*-------------------------------------------------------------------------
 *
 * split_bounds.c
 *	  bounds => and bounds_from => : the least and the most that parts of a split
 *	  may get.
 *
 * Glossary
 *	  rule		what one entry says: keys on some levels of "by", and bounds
 *	  floor, capacity
 *				at_least, at_most: amounts
 *	  guardrail	min_growth, max_growth: at least, at most the basis times
 *				1 + growth
 *	  level of a rule
 *				the deepest one that it has a key for; "*" is every member of it
 *
 * Method
 *	  A rule holds for every new target on its level that has its keys, each by
 *	  itself.  Several rules for one target all hold.  Rules of the same levels
 *	  are found by their keys, so the cost is a look-up per target and set of
 *	  levels.  A basis for guardrails is the sum of the actuals below a target,
 *	  weighed like the method history.
 *
 *	  Bounds come inwards to whole quanta of the call: a floor is rounded up, a
 *	  capacity down.  Solving them is the engine's (engine/bounded.h).
 *
 *	  A part of method increment keeps its basis and has a share of what is more.
 *	  Its bounds less its basis are bounds on that, within which what is more is
 *	  shared first, as finely as weights are: what a part cannot take goes to the
 *	  others by their shares of what is more, and what a floor takes beyond it comes
 *	  from them the same way, at most all they have.  The weights are then the
 *	  exact amounts, so that rounding finds them within the bounds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "engine/bounded.h"
#include "query.h"
#include "split.h"

/* What a rule says, in this order */
enum
{
	AT_LEAST,
	AT_MOST,
	MIN_GROWTH,
	MAX_GROWTH,
	N_BOUNDS
};

static const char *const bound_names[N_BOUNDS] = {"at_least", "at_most", "min_growth", "max_growth"};

typedef struct bound_key
{
	int32		mask;			/* axes that have a key, as bits */
	int32		level;			/* axis of the targets */
	int32		keys[TS_MAX_AXES];	/* 0 where there is none */
} bound_key;

typedef struct bound_rule
{
	bound_key	key;
	Datum		bound[N_BOUNDS];	/* numeric; 0 for none */
	char	   *text;			/* how messages name it */
	bool		used;
	int32		next;			/* of the same key, -1 */
} bound_rule;

typedef struct bound_entry
{
	bound_key	key;
	int32		first;			/* of the rules with this key */
} bound_entry;

typedef struct bound_rules
{
	int32		n;
	int32		space;
	bound_rule *rules;
	HTAB	   *by_key;
	int			n_masks;		/* distinct (mask, level) */
	bound_key	masks[64];
	bool		growth;			/* is there a guardrail */
	ts_name_list unknown;
} bound_rules;

/* Adds a rule; texts has a member or label per axis, NULL for none, "*" for all */
static void
add_rule(ts_split *split, bound_rules *rules, char *const *texts, const Datum *bound)
{
	MemoryContext old = MemoryContextSwitchTo(split->context);
	bound_rule *rule;
	bound_entry *entry;
	bound_key	key;
	StringInfoData text;
	bool		found;
	bool		any = false;

	memset(&key, 0, sizeof(key));
	key.level = -1;
	initStringInfo(&text);
	for (int i = 0; i < split->n_axes; i++)
	{
		if (!texts[i])
			continue;
		key.level = i;
		appendStringInfo(&text, "%s%s %s", text.len > 0 ? ", " : "", split->axes[i].name, texts[i]);
		if (strcmp(texts[i], "*") == 0)
			continue;
		key.mask |= 1 << i;
		if (!ts_split_find_key(split, i, texts, &key.keys[i]))
		{
			ts_name_list_add(&rules->unknown, psprintf("%s %s", split->axes[i].name, quote_literal_cstr(texts[i])));
			MemoryContextSwitchTo(old);
			return;
		}
	}
	if (key.level < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a bound names no level of \"by\""),
				 errhint("bounds => '{\"market\": {\"East\": {\"at_least\": 100}}}'")));
	for (int i = 0; i < N_BOUNDS; i++)
	{
		if (bound[i] == (Datum) 0)
			continue;
		any = true;
		rules->growth |= i == MIN_GROWTH || i == MAX_GROWTH;
		if (numeric_is_nan(DatumGetNumeric(bound[i])) || numeric_is_inf(DatumGetNumeric(bound[i])))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("%s of %s is not a number", bound_names[i], text.data)));
	}
	if (!any)
	{
		MemoryContextSwitchTo(old);
		return;
	}
	if (rules->n == rules->space)
	{
		bool		first = rules->space == 0;

		rules->space = first ? 64 : rules->space * 2;
		rules->rules = first ? MemoryContextAllocHuge(split->context, sizeof(bound_rule) * rules->space) :
			repalloc_huge(rules->rules, sizeof(bound_rule) * rules->space);
	}
	entry = hash_search(rules->by_key, &key, HASH_ENTER, &found);
	rule = &rules->rules[rules->n];
	rule->key = key;
	for (int i = 0; i < N_BOUNDS; i++)
		rule->bound[i] = bound[i] == (Datum) 0 ? (Datum) 0 : datumCopy(bound[i], false, -1);
	rule->text = text.data;
	rule->used = false;
	rule->next = found ? entry->first : -1;
	entry->first = rules->n++;

	found = false;
	for (int i = 0; i < rules->n_masks; i++)
		found |= rules->masks[i].mask == key.mask && rules->masks[i].level == key.level;
	if (!found)
	{
		if (rules->n_masks == lengthof(rules->masks))
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("bounds name more than %d sets of levels", (int) lengthof(rules->masks))));
		rules->masks[rules->n_masks].mask = key.mask;
		rules->masks[rules->n_masks++].level = key.level;
	}
	MemoryContextSwitchTo(old);
}

/* {"at_least": 100, "max_growth": 0.25} */
static void
read_bounds_object(ts_split *split, bound_rules *rules, char *const *texts, JsonbValue *object)
{
	Datum		bound[N_BOUNDS] = {0};
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;

	if (object->type != jbvBinary || !JsonContainerIsObject(object->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bounds of a member must be a JSON object"),
				 errhint("bounds => '{\"market\": {\"East\": {\"at_least\": 100, \"at_most\": 200}, \"*\": {\"max_growth\": 0.25}}}'")));
	it = JsonbIteratorInit(object->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		char	   *name;
		int			i = 0;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(value.val.string.val, value.val.string.len);
		JsonbIteratorNext(&it, &value, true);
		while (i < N_BOUNDS && strcmp(bound_names[i], name) != 0)
			i++;
		if (i == N_BOUNDS || (value.type != jbvNumeric && value.type != jbvNull))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" is no bound, or not a number", name),
					 errhint("There are at_least, at_most, min_growth and max_growth.")));
		if (value.type == jbvNumeric)
			bound[i] = NumericGetDatum(value.val.numeric);
	}
	add_rule(split, rules, texts, bound);
}

/* {"market": {"East": {...}, "*": {...}}}, a level, then a member */
static void
read_json(ts_split *split, bound_rules *rules)
{
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;

	if (!JB_ROOT_IS_OBJECT(split->bounds))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"bounds\" must be a JSON object"),
				 errhint("bounds => '{\"market\": {\"East\": {\"at_least\": 100}}}'")));
	it = JsonbIteratorInit(&split->bounds->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		char	   *name;
		int			axis = 0;
		JsonbIterator *members;
		JsonbValue	member;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(value.val.string.val, value.val.string.len);
		JsonbIteratorNext(&it, &value, true);
		while (axis < split->n_axes && strcmp(split->axes[axis].name, name) != 0)
			axis++;
		if (axis == split->n_axes)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"bounds\" names \"%s\", which is not in \"by\"", name)));
		if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("bounds of level \"%s\" must be a JSON object", name),
					 errhint("bounds => '{\"market\": {\"East\": {\"at_least\": 100}}}'")));
		members = JsonbIteratorInit(value.val.binary.data);
		while ((token = JsonbIteratorNext(&members, &member, true)) != WJB_DONE)
		{
			char	   *texts[TS_MAX_AXES] = {0};

			if (token != WJB_KEY)
				continue;
			texts[axis] = pnstrdup(member.val.string.val, member.val.string.len);
			JsonbIteratorNext(&members, &member, true);
			read_bounds_object(split, rules, texts, &member);
		}
	}
}

typedef struct bound_reader
{
	bound_rules *rules;
	int			column[N_BOUNDS];	/* 0: none */
} bound_reader;

static void
take_relation_row(ts_split *split, char *const *texts, HeapTuple tuple, TupleDesc tupdesc, void *state)
{
	bound_reader *reader = state;
	Datum		bound[N_BOUNDS] = {0};

	for (int i = 0; i < N_BOUNDS; i++)
		if (reader->column[i] > 0)
		{
			bool		isnull;
			Datum		value = SPI_getbinval(tuple, tupdesc, reader->column[i], &isnull);

			if (!isnull)
				bound[i] = value;
		}
	add_rule(split, reader->rules, texts, bound);
}

/* A relation with columns named like levels of "by", and like bounds */
static void
read_relation(ts_split *split, bound_rules *rules)
{
	ts_split_relation relation;
	bound_reader reader = {.rules = rules};
	bool		any_axis = false;
	bool		any_bound = false;

	ts_relation_open(&relation, split, split->bounds_from, "bounds_from");
	for (int i = 0; i < split->n_axes; i++)
		any_axis |= ts_relation_add_axis(&relation, i);
	if (!any_axis)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("relation %s has no column named like a level of \"by\"", relation.name)));
	for (int i = 0; i < N_BOUNDS; i++)
	{
		reader.column[i] = ts_relation_add_number(&relation, bound_names[i]);
		any_bound |= reader.column[i] > 0;
	}
	if (!any_bound)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("relation %s has none of the columns at_least, at_most, min_growth and max_growth", relation.name)));
	ts_relation_read(&relation, take_relation_row, &reader);
}

static char *
numeric_text(Datum number)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, number));
}

static char *
units_text(const ts_split *split, ts_int128 units)
{
	return numeric_text(ts_units_to_numeric(units, &split->tree->quantum));
}

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* A bound in units, rounded inwards to the call's quantum: up for a floor, down for a capacity */
static ts_int128
bound_units(const ts_split *split, Datum amount, bool up)
{
	Datum		unit = ts_units_to_numeric(split->coarse, &split->tree->quantum);
	Datum		quotient = DirectFunctionCall2(numeric_div_trunc, amount, unit);
	Datum		whole = DirectFunctionCall2(numeric_mul, quotient, unit);
	ts_int128	units = ts_units_from_numeric(whole, &split->tree->quantum, "bound");
	int			rest = DatumGetInt32(DirectFunctionCall2(numeric_cmp, amount, whole));

	/* the quotient was cut towards zero */
	if (up && rest > 0)
		units += split->coarse;
	if (!up && rest < 0)
		units -= split->coarse;
	return units;
}

/*
 * Per node: what the basis has below it, returns taken off, as numeric; 0 where
 * that is nothing or less
 */
static Datum *
find_bases(ts_split *split, const ts_split_nodes *nodes)
{
	Datum	   *basis = MemoryContextAllocHuge(split->context, sizeof(Datum) * (nodes->n + 1));
	ts_int128  *sum = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * (nodes->n + 1));
	ts_cells	before = split->cells;
	int			scale = split->scale;
	ts_term		history = ts_term_history(&split->main);
	int64		at = 0;

	if (split->rest)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("guardrails on growth do not go with a rest"),
				 errhint("Give amounts: at_least, at_most")));
	if (split->main.method->basis == TS_TAKES_NOT)
		history.has_basis = false;
	/* a basis that is missing, zero or negative is no reason to refuse here */
	ts_term_read(split, &history);
	memset(sum, 0, sizeof(ts_int128) * (nodes->n + 1));
	/* cells and the nodes without children are in the same order */
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
	{
		int32		keys[TS_MAX_AXES] = {0};

		for (int64 node = nodes->first[leaf]; node < nodes->first[leaf + 1]; node++)
		{
			int			c = -1;

			CHECK_FOR_INTERRUPTS();
			keys[nodes->axis[node]] = nodes->key[node];
			if (nodes->n_children[node] > 0)
				continue;
			for (; at < split->cells.n; at++)
			{
				c = split->cells.leaf[at] != leaf ? (split->cells.leaf[at] < leaf ? -1 : 1) : 0;
				for (int i = 0; c == 0 && i < split->n_axes; i++)
					if (split->cells.keys[at * split->n_axes + i] != keys[i])
						c = split->cells.keys[at * split->n_axes + i] < keys[i] ? -1 : 1;
				if (c >= 0)
					break;
			}
			if (c == 0 && at < split->cells.n)
				sum[node] = split->cells.weight[at];
		}
		for (int64 node = nodes->first[leaf + 1] - 1; node >= nodes->first[leaf]; node--)
			if (nodes->parent[node] >= 0)
				sum[nodes->first[leaf] + nodes->parent[node]] += sum[node];
	}
	for (int64 node = 0; node < nodes->n; node++)
	{
		CHECK_FOR_INTERRUPTS();
		basis[node] = sum[node] <= 0 ? (Datum) 0 : ts_scaled_to_numeric(sum[node], split->scale);
	}
	pfree(sum);
	split->cells = before;
	split->scale = scale;
	return basis;
}

/* Narrows a node's bounds by a rule */
static void
apply_rule(const ts_split *split, ts_split_nodes *nodes, int64 node, const bound_rule *rule, const Datum *basis)
{
	for (int i = 0; i < N_BOUNDS; i++)
	{
		Datum		amount = rule->bound[i];
		bool		lower = i == AT_LEAST || i == MIN_GROWTH;
		ts_int128	units;

		if (amount == (Datum) 0)
			continue;
		if (i == MIN_GROWTH || i == MAX_GROWTH)
		{
			/* growth of nothing says nothing */
			if (basis[node] == (Datum) 0)
				continue;
			amount = DirectFunctionCall2(numeric_add, basis[node],
										 DirectFunctionCall2(numeric_mul, basis[node], amount));
		}
		units = bound_units(split, amount, lower);
		if (lower)
			nodes->lower[node] = Max(nodes->lower[node], units);
		else
			nodes->upper[node] = Min(nodes->upper[node], units);
	}
}

/* What is said of bounds that were brought to the call's quantum; "" of others */
static char *
inwards_text(const ts_split *split)
{
	return split->coarse == 1 ? "" :
		psprintf(" Bounds are rounded inwards to multiples of %s.", units_text(split, split->coarse));
}

/*
 * The error that there are no shares within the bounds of a leaf's parts.  at,
 * total, sum, shortfall: as in ts_bounds_report, in the metric's unit.  Returns if
 * the bounds are not the reason.
 */
void
ts_bounds_refuse(const ts_split *split, const ts_split_nodes *nodes, int32 leaf,
				 ts_status status, size_t at, Datum total, Datum sum, Datum shortfall)
{
	int64		node = nodes->first[leaf] + (int64) at;
	bool		below = DatumGetInt32(DirectFunctionCall2(numeric_cmp, total, sum)) < 0;

	if (status == TS_CROSSED_BOUNDS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bounds of %s cross", ts_split_node_name(split, nodes, leaf, node)),
				 errdetail("It must have at least %s and at most %s.%s",
						   units_text(split, nodes->lower[node] == TS_NO_LOWER ? 0 : nodes->lower[node]),
						   units_text(split, nodes->upper[node]), inwards_text(split))));
	if (status == TS_BELOW_BOUNDS || status == TS_ABOVE_BOUNDS || status == TS_ONLY_ZERO_WEIGHTS)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 status == TS_ONLY_ZERO_WEIGHTS ?
				 errmsg("bounds leave what there is to share to parts of weight zero") :
				 below ?
				 errmsg("bounds of the parts ask for more than there is to share") :
				 errmsg("bounds of the parts take less than there is to share"),
				 errdetail("%s of %s are to be shared, its parts%s must have at %s %s, which is %s too %s.%s",
						   numeric_text(total),
						   at == SIZE_MAX ? ts_split_leaf_name(split, leaf) :
						   ts_split_node_name(split, nodes, leaf, node),
						   status == TS_ONLY_ZERO_WEIGHTS ? " that have a weight" : "",
						   below ? "least" : "most", numeric_text(sum), numeric_text(shortfall),
						   below ? "much" : "little", inwards_text(split)),
				 status == TS_ONLY_ZERO_WEIGHTS ?
				 errhint("Change the bounds, or give those parts a weight.") :
				 errhint("Change the bounds, or the amount of the target.")));
}

/* A bound in units at the scale of the weights; false if it is too large for that */
static bool
at_scale_of_weights(const ts_split *split, ts_int128 units, ts_int128 *scaled)
{
	const ts_quantum *quantum = &split->tree->quantum;
	bool		fits = split->scale >= quantum->scale &&
		!__builtin_mul_overflow(units, quantum->mantissa, scaled);

	for (int i = quantum->scale; i < split->scale && fits; i++)
		fits = !__builtin_mul_overflow(*scaled, (ts_int128) 10, scaled);
	return fits;
}

static Datum
trimmed(ts_int128 value, int scale)
{
	return DirectFunctionCall1(numeric_trim_scale, ts_scaled_to_numeric(value, scale));
}

/* Shares what is more within the bounds of one leaf's parts, and sets their weights */
static void
bound_increases(const ts_split *split, ts_split_nodes *nodes, int32 leaf, const ts_increase *increase)
{
	int64		first = nodes->first[leaf];
	int64		n = nodes->first[leaf + 1] - first;
	const int32 *parent = nodes->parent + first;
	ts_int128  *array = MemoryContextAllocExtended(split->context, sizeof(ts_int128) * 5 * (n + 1),
												   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	ts_int128  *basis = array;
	ts_int128  *weight = basis + n;
	ts_int128  *lower = weight + n;
	ts_int128  *upper = lower + n;
	ts_int128  *share = upper + n;
	uint8_t    *held = MemoryContextAllocHuge(split->context, n + 1);
	void	   *work = MemoryContextAllocHuge(split->context, ts_bounded_tree_work(n, false));
	ts_int128	amount = 0;
	ts_int128	more;
	ts_int128	whole = 0;
	bool		fits = at_scale_of_weights(split, split->units[leaf], &amount);
	ts_bounds_report why;
	ts_status	status = TS_TOO_LARGE;

	for (int64 i = 0, cell = 0; i < n; i++)
		if (nodes->n_children[first + i] == 0)
		{
			basis[i] = increase[cell].basis;
			whole += weight[i] = increase[cell++].share;
		}
	/* a leaf of no amount may have nobody who shares what is more, or less */
	if (split->units[leaf] == 0 && whole == 0)
		return;
	more = amount;
	for (int64 i = n - 1; i >= 0; i--)
	{
		CHECK_FOR_INTERRUPTS();
		if (parent[i] >= 0)
			basis[parent[i]] += basis[i];
		else
			more -= basis[i];
	}
	for (int64 i = 0; i < n && fits; i++)
	{
		ts_int128	bound = nodes->lower[first + i];
		bool		is_leaf = nodes->n_children[first + i] == 0;

		/* nobody has less than nothing, and nobody more than there is */
		lower[i] = TS_NO_LOWER;
		if (is_leaf || bound != TS_NO_LOWER)
			fits = at_scale_of_weights(split, is_leaf ? Max(bound, 0) : bound, &lower[i]);
		upper[i] = is_leaf ? Max(amount, lower[i]) : TS_NO_UPPER;
		bound = nodes->upper[first + i];
		if (bound != TS_NO_UPPER && at_scale_of_weights(split, bound, &bound) && bound < Max(amount, lower[i]))
			upper[i] = bound;
		if (lower[i] != TS_NO_LOWER)
			lower[i] -= basis[i];
		if (upper[i] != TS_NO_UPPER)
			upper[i] -= basis[i];
	}
	if (fits)
		status = ts_bounded_tree(n, parent, weight, lower, upper, more, NULL, share, held, work,
								 NULL, NULL, &why, check_interrupts);
	if (status == TS_TOO_LARGE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("amounts and bounds of %s are too large for method \"%s\"",
						ts_split_leaf_name(split, leaf), split->main.method->name)));
	if (status != TS_OK)
	{
		/* as whole amounts */
		ts_int128	kept = status == TS_CROSSED_BOUNDS ? 0 : why.index == SIZE_MAX ? amount - more : basis[why.index];

		ts_bounds_refuse(split, nodes, leaf, status, why.index,
						 trimmed(why.total + kept, split->scale),
						 trimmed(why.sum + kept, split->scale),
						 trimmed(why.shortfall, split->scale));
		elog(ERROR, "what is more of %s could not be shared: status %d", ts_split_leaf_name(split, leaf), status);
	}
	for (int64 i = 0; i < n; i++)
		if (nodes->n_children[first + i] == 0)
			nodes->weight[first + i] = basis[i] + share[i];
	pfree(array);
	pfree(held);
	pfree(work);
}

/* The same under each leaf of a call of method increment */
static void
bound_all_increases(ts_split *split, ts_split_nodes *nodes)
{
	int64		cell = 0;

	ts_split_settle_increases(split, nodes);
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
	{
		bound_increases(split, nodes, leaf, split->cells.increase + cell);
		/* nodes without children come in the order of the cells */
		while (cell < split->cells.n && split->cells.leaf[cell] == leaf)
			cell++;
	}
}

/* Finds the bounds of the nodes */
void
ts_bounds_apply(ts_split *split, ts_split_nodes *nodes)
{
	bound_rules rules = {0};
	HASHCTL		ctl = {0};
	Datum	   *basis = NULL;
	ts_name_list unused = {0};

	ctl.keysize = sizeof(bound_key);
	ctl.entrysize = sizeof(bound_entry);
	ctl.hcxt = split->context;
	rules.by_key = hash_create("target_split bounds", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	if (split->bounds)
		read_json(split, &rules);
	else
		read_relation(split, &rules);
	if (rules.unknown.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the bounds name %lld members or periods that the target does not have",
						(long long) rules.unknown.n),
				 errdetail_internal("%s.", ts_name_list_text(&rules.unknown))));
	if (rules.growth)
		basis = find_bases(split, nodes);

	nodes->lower = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * (nodes->n + 1));
	nodes->upper = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * (nodes->n + 1));
	for (int64 node = 0; node < nodes->n; node++)
	{
		nodes->lower[node] = TS_NO_LOWER;
		nodes->upper[node] = TS_NO_UPPER;
	}
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
	{
		int32		keys[TS_MAX_AXES] = {0};

		for (int64 node = nodes->first[leaf]; node < nodes->first[leaf + 1]; node++)
		{
			int			level = nodes->axis[node];

			keys[level] = nodes->key[node];
			for (int m = 0; m < rules.n_masks; m++)
			{
				bound_key	key;
				bound_entry *entry;

				CHECK_FOR_INTERRUPTS();
				if (rules.masks[m].level != level)
					continue;
				key = rules.masks[m];
				for (int i = 0; i < TS_MAX_AXES; i++)
					key.keys[i] = key.mask & (1 << i) ? keys[i] : 0;
				entry = hash_search(rules.by_key, &key, HASH_FIND, NULL);
				for (int32 rule = entry ? entry->first : -1; rule >= 0; rule = rules.rules[rule].next)
				{
					rules.rules[rule].used = true;
					apply_rule(split, nodes, node, &rules.rules[rule], basis);
				}
			}
		}
	}
	for (int32 rule = 0; rule < rules.n; rule++)
		if (!rules.rules[rule].used)
			ts_name_list_add(&unused, rules.rules[rule].text);
	/* what is for targets that a call made again leaves alone is no mistake */
	if (unused.n > 0 && !split->again)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%lld bounds belong to no target that is made", (long long) unused.n),
				 errdetail_internal("%s.", ts_name_list_text(&unused))));
	hash_destroy(rules.by_key);
	if (split->cells.increase)
		bound_all_increases(split, nodes);
}
