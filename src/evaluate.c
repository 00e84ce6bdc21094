/*-------------------------------------------------------------------------
 *
 * evaluate.c
 *	  What was reached: evaluate_plan for every target of a plan, kpi_cut for
 *	  any cut of it.
 *
 * Glossary
 *	  actual	sum of the source's amounts from the start of the period to
 *				as_of, that day included
 *	  expected	part of the amount that was due by as_of: all of a period
 *				that is over, by days of one that is under way
 *	  cut		targets added up by levels and grains in any order, whether
 *				the tree has such nodes or not
 *
 * Method
 *	  Each group of facts is followed down the tree to the deepest target that
 *	  it belongs to (tree.c) and added there; the sums then go up from child to
 *	  parent.  So a fact of an unknown member counts for the targets above and
 *	  for none below.
 *
 *	  An actual is NULL, not 0, where the source has no column for a level of
 *	  the slice, and where the source has no fact on or after the first day.
 *
 *	  Runs of one plan are made one after the other; see lock_evaluation.
 *
 * Limits: the tree is held in memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/tuplestore.h"

#include "axis.h"
#include "facts.h"
#include "plan.h"
#include "query.h"

PG_FUNCTION_INFO_V1(target_split_evaluate_plan);
PG_FUNCTION_INFO_V1(target_split_kpi_cut);

/* The figures of one target, or of one row of a cut */
typedef struct figures
{
	ts_int128	amount;			/* units */
	ts_int128	expected;		/* units */
	Datum		actual;			/* numeric; 0 means none yet */
	bool		measurable;
	bool		begun;			/* the source has facts on or after its first day */
} figures;

typedef struct evaluation
{
	ts_tree    *tree;
	ts_source	source;
	bool		has_source;
	DateADT		as_of;
	DateADT		last_fact;		/* last day up to as_of with a fact */
	figures    *nodes;			/* per node of the tree */
	MemoryContext context;
} evaluation;

static void
add_actual(figures *to, Datum amount, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Datum		before = to->actual;

	if (DatumGetPointer(before) == NULL)
		to->actual = PointerGetDatum(PG_DETOAST_DATUM_COPY(amount));
	else
	{
		to->actual = DirectFunctionCall2(numeric_add, before, amount);
		pfree(DatumGetPointer(before));
	}
	MemoryContextSwitchTo(old);
}

/* The part of an amount that is due by as_of, rounded to the unit */
static ts_int128
due_units(ts_int128 units, DateADT from, DateADT upto, DateADT as_of)
{
	int64		days = (int64) upto - from;
	int64		gone = (int64) as_of + 1 - from;
	ts_int128	whole;
	ts_int128	part;

	if (gone <= 0)
		return 0;
	if (gone >= days)
		return units;
	/* whole days' worth first, so that the product stays small */
	whole = units / days * gone;
	part = units % days * gone;
	/* half away from zero */
	return whole + (part >= 0 ? (2 * part + days) / (2 * days) : (2 * part - days) / (2 * days));
}

/*
 * The last day up to as_of on which the source has a fact.  What begins after
 * it is not known yet, which is not the same as nothing reached.
 */
static void
find_last_fact(evaluation *e)
{
	ts_args		args = {0};

	e->last_fact = DATEVAL_NOBEGIN;
	if (!e->has_source)
		return;
	ts_arg(&args, DATEOID, DateADTGetDatum(e->as_of), false);
	ts_run(psprintf("SELECT pg_catalog.max(%s) FROM %s WHERE %s <= $1",
					e->source.day, e->source.from, e->source.day), &args, true);
	if (!ts_isnull(0, 1))
		e->last_fact = DatumGetDateADT(ts_datum(0, 1));
}

/* Amounts and what is due, from the leaves up */
static void
plan_side(evaluation *e)
{
	const ts_tree *tree = e->tree;

	e->nodes = MemoryContextAllocHuge(e->context, sizeof(figures) * tree->n);
	memset(e->nodes, 0, sizeof(figures) * tree->n);
	for (int32 i = 0; i < tree->n; i++)
	{
		const ts_node *node = &tree->nodes[i];
		figures    *f = &e->nodes[i];

		CHECK_FOR_INTERRUPTS();
		f->amount = ts_units_from_numeric(node->amount, &tree->quantum, "amount");
		f->begun = node->from <= e->last_fact;
		f->measurable = e->has_source && (i == 0 || e->nodes[node->parent].measurable);
		if (node->member >= 0)
		{
			const ts_member *m = &tree->members->members[node->member];

			f->measurable = f->measurable &&
				m->depth <= ts_source_depth(&e->source, m->dimension_id);
		}
		if (node->n_children == 0)
			f->expected = due_units(f->amount, node->from, node->upto, e->as_of);
	}
	for (int32 i = tree->n - 1; i > 0; i--)
		e->nodes[tree->nodes[i].parent].expected += e->nodes[i].expected;
}

/* Reads the facts up to as_of; visit is given each with the node it ends at */
static void
actual_side(evaluation *e, void (*visit) (evaluation *e, void *arg, int32 node, const ts_fact *fact),
			void *arg)
{
	const ts_tree *tree = e->tree;
	DateADT		upto = Min(tree->nodes[0].upto, e->as_of + 1);
	ts_fact_scan *scan;
	ts_fact		fact;

	if (!e->has_source || upto <= tree->nodes[0].from)
		return;
	scan = ts_facts_open(&e->source, tree->members, tree->n_dims, tree->dimension_ids,
						 tree->depths, true, NULL, tree->nodes[0].from, upto);
	while (ts_facts_next(scan, &fact))
	{
		Numeric		sum = DatumGetNumeric(fact.amount);

		/* one that is no number has made the sum of its group one that is none */
		if (numeric_is_nan(sum) || numeric_is_inf(sum))
			ts_source_no_numbers(&e->source, tree->nodes[0].from, upto);
		visit(e, arg, ts_tree_descend(tree, 0, fact.member, fact.day), &fact);
	}
	ts_facts_close(scan);
}

static void
add_to_node(evaluation *e, void *arg, int32 node, const ts_fact *fact)
{
	add_actual(&e->nodes[node], fact->amount, e->context);
}

/* The day an evaluation is for; must be a day */
static DateADT
as_of_arg(FunctionCallInfo fcinfo, int n)
{
	DateADT		day;

	ts_require(fcinfo, n, "as_of");
	day = PG_GETARG_DATEADT(n);
	if (DATE_NOT_FINITE(day))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("argument \"%s\" must be a day", "as_of"),
				 errhint("as_of => '2024-05-31'")));
	return day;
}

/* An actual as a column: NULL where nothing can or could be measured yet */
static Datum
actual_value(const figures *f, bool *isnull)
{
	*isnull = !f->measurable || !f->begun;
	if (*isnull)
		return (Datum) 0;
	return DatumGetPointer(f->actual) ? f->actual :
		DirectFunctionCall1(int8_numeric, Int64GetDatum(0));
}

/* Evaluates one metric of a plan and returns the number of targets */
static int64
evaluate_metric(int64 root, DateADT as_of, MemoryContext parent_context)
{
	MemoryContext context = AllocSetContextCreate(parent_context, "target_split evaluation",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext row_context = AllocSetContextCreate(context, "target_split evaluation row",
													  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	evaluation	e = {0};
	Tuplestorestate *store;
	TupleDesc	desc;
	ts_args		args = {0};
	int64		n;
	const ts_tree *tree;

	e.context = context;
	e.as_of = as_of;
	e.tree = ts_tree_load(root, false, 0, NULL, context);
	tree = e.tree;
	e.has_source = ts_source_load(tree->metric_id, &e.source, true, context);
	find_last_fact(&e);
	plan_side(&e);
	actual_side(&e, add_to_node, NULL);
	for (int32 i = tree->n - 1; i > 0; i--)
		if (DatumGetPointer(e.nodes[i].actual))
			add_actual(&e.nodes[tree->nodes[i].parent], e.nodes[i].actual, context);

	desc = CreateTemplateTupleDesc(4);
	TupleDescInitEntry(desc, 1, "target_id", INT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, "amount", NUMERICOID, -1, 0);
	TupleDescInitEntry(desc, 3, "actual", NUMERICOID, -1, 0);
	TupleDescInitEntry(desc, 4, "expected", NUMERICOID, -1, 0);
	store = tuplestore_begin_heap(true, false, work_mem);
	for (int32 i = 0; i < tree->n; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {0};

		CHECK_FOR_INTERRUPTS();
		MemoryContextSwitchTo(row_context);
		values[0] = Int64GetDatum(tree->nodes[i].target_id);
		values[1] = tree->nodes[i].amount;
		values[2] = actual_value(&e.nodes[i], &nulls[2]);
		values[3] = ts_units_to_numeric(e.nodes[i].expected, &tree->quantum);
		tuplestore_putvalues(store, desc, values, nulls);
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(context);

	/* a second evaluation of a day takes the place of the first */
	ts_arg_int4(&args, tree->plan_id);
	ts_arg_int4(&args, tree->metric_id);
	ts_arg(&args, DATEOID, DateADTGetDatum(as_of), false);
	ts_run("DELETE FROM target_split.evaluation_run WHERE plan_id = $1 AND metric_id = $2 AND as_of = $3",
		   &args, false);
	ts_run("DELETE FROM target_split.evaluation WHERE plan_id = $1 AND metric_id = $2 AND as_of = $3",
		   &args, false);

	/*
	 * ON CONFLICT because a REPEATABLE READ transaction cannot see, and so
	 * not delete, a run that came after it began.  It then fails for
	 * serialization, which callers retry, and not for a duplicate key.
	 */
	ts_arg(&args, DATEOID, DateADTGetDatum(e.last_fact), DATE_IS_NOBEGIN(e.last_fact));
	ts_arg_int8(&args, tree->n);
	if (ts_run("INSERT INTO target_split.evaluation_run (plan_id, metric_id, as_of, last_fact, n_targets)"
			   " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING", &args, false) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent evaluation of plan \"%s\"", tree->plan),
				 errhint("The transaction might succeed if retried.")));
	args.n = 3;

	ts_register_rows("new_evaluation", store, desc, tree->n);
	ts_run("INSERT INTO target_split.evaluation (target_id, plan_id, metric_id, as_of, amount, actual, expected)"
		   " SELECT target_id, $1, $2, $3, amount, actual, expected FROM new_evaluation", &args, false);
	SPI_unregister_relation("new_evaluation");
	tuplestore_end(store);
	n = tree->n;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return n;
}

/*
 * Waits until no other transaction evaluates the plan.  Two runs for one day
 * would both write its rows, and two calls for several metrics could wait for
 * each other.  The key is (OID of the table evaluation_run, plan_id), which no
 * application uses by chance; who holds it is in pg_locks, classid and objid.
 * A row lock on the plan would need the right to update plans.
 */
static void
lock_evaluation(int32 plan_id)
{
	ts_args		args = {0};

	ts_arg_int4(&args, plan_id);
	ts_run("SELECT pg_catalog.pg_advisory_xact_lock("
		   "'target_split.evaluation_run'::pg_catalog.regclass::pg_catalog.oid::pg_catalog.int4, $1)",
		   &args, false);
}

/*
 * evaluate_plan(plan, as_of, metric)
 *
 * Records what every target of a plan has reached on a day, and returns the
 * number of targets.
 */
Datum
target_split_evaluate_plan(PG_FUNCTION_ARGS)
{
	char	   *reference = ts_text_argument(fcinfo, 0, "plan");
	DateADT		as_of = as_of_arg(fcinfo, 1);
	MemoryContext context = CurrentMemoryContext;
	ts_plan		plan;
	ts_args		args = {0};
	int64	   *roots;
	uint64		n_roots;
	int64		n = 0;

	ts_connect();
	ts_plan_find(reference, &plan, context);
	lock_evaluation(plan.plan_id);
	ts_arg_int4(&args, plan.plan_id);
	if (!PG_ARGISNULL(2))
	{
		ts_metric	metric;

		ts_metric_find(text_to_cstring(PG_GETARG_TEXT_PP(2)), &metric, context);
		ts_arg_int4(&args, metric.metric_id);
	}
	else
		ts_arg(&args, INT4OID, (Datum) 0, true);
	n_roots = ts_run("SELECT t.target_id FROM target_split.target t"
					 " WHERE t.plan_id = $1 AND t.root_metric_id = COALESCE($2, t.root_metric_id)"
					 " ORDER BY t.root_metric_id", &args, false);
	if (n_roots == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("plan \"%s\" has no target to evaluate", reference),
				 errhint("SELECT target_split.set_target(%s, 'METRIC', amount => 1000);",
						 quote_literal_cstr(reference))));
	roots = MemoryContextAlloc(context, sizeof(int64) * n_roots);
	for (uint64 row = 0; row < n_roots; row++)
		roots[row] = ts_int8(row, 1);
	for (uint64 i = 0; i < n_roots; i++)
		n += evaluate_metric(roots[i], as_of, context);
	ts_finish();
	PG_RETURN_INT64(n);
}

/* ---------------------------------------------------------------- kpi_cut */

typedef struct cut_entry
{
	int32		key[TS_MAX_AXES];	/* a member or a first day; -1: no member */
	figures		figures;
} cut_entry;

typedef struct cut
{
	ts_axis		axes[TS_MAX_AXES];
	int			n_axes;
	int32	   *wanted;			/* per dimension: member of the slice, -1 */
	HTAB	   *rows;
} cut;

static cut_entry *
cut_row(cut *c, const int32 *key)
{
	bool		found;
	cut_entry  *entry = hash_search(c->rows, key, HASH_ENTER, &found);

	if (!found)
		memset(&entry->figures, 0, sizeof(figures));
	return entry;
}

/* Is a member, or what it stands for, within the slice that is wanted? */
static bool
member_is_wanted(const ts_tree *tree, const cut *c, int dim, int32 member)
{
	if (c->wanted[dim] < 0)
		return true;
	return member >= 0 &&
		ts_members_ancestor(tree->members, member,
							tree->members->members[c->wanted[dim]].depth) == c->wanted[dim];
}

/*
 * The row of a cut that a leaf belongs to: its keys, or false if it is
 * outside the slice.  A leaf that is coarser than the cut is an error.
 */
static bool
leaf_key(evaluation *e, const cut *c, int32 node, int32 *key)
{
	const ts_tree *tree = e->tree;
	int32	   *member = palloc(sizeof(int32) * (tree->n_dims + 1));
	const ts_node *n = &tree->nodes[node];
	const char *missing = NULL;

	ts_tree_node_members(tree, node, member);
	memset(key, 0, sizeof(int32) * TS_MAX_AXES);
	for (int dim = 0; dim < tree->n_dims; dim++)
	{
		int32		wanted = c->wanted[dim];

		if (wanted < 0)
			continue;
		/* outside, or known only on a level above the one that is wanted */
		if (member[dim] >= 0 && !member_is_wanted(tree, c, dim, member[dim]))
		{
			int			depth = tree->members->members[member[dim]].depth;

			if (depth >= tree->members->members[wanted].depth ||
				ts_members_ancestor(tree->members, wanted, depth) != member[dim])
			{
				pfree(member);
				return false;
			}
		}
		if (member[dim] < 0 || !member_is_wanted(tree, c, dim, member[dim]))
			missing = tree->dimensions[dim];
	}
	for (int i = 0; i < c->n_axes && !missing; i++)
	{
		const ts_axis *axis = &c->axes[i];

		if (axis->is_time)
		{
			DateADT		from = tree->nodes[0].from;
			DateADT		upto = tree->nodes[0].upto;

			ts_axis_bucket(tree, axis, n->from, &from, &upto);
			key[i] = from;
			if (n->upto > upto)
				missing = axis->name;
		}
		else
		{
			key[i] = member[axis->dim] < 0 ? -1 :
				ts_members_ancestor(tree->members, member[axis->dim], axis->depth);
			if (key[i] < 0)
				missing = axis->name;
		}
	}
	pfree(member);
	if (missing)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("target %lld is not split by \"%s\"", (long long) n->target_id, missing),
				 errdetail("A cut adds targets up; it cannot be finer than they are."),
				 errhint("SELECT * FROM target_split.split_target(%lld, '{%s}');",
						 (long long) n->target_id, missing)));
	return true;
}

/* Adds a group of facts to its row of a cut */
static void
add_to_cut(evaluation *e, void *arg, int32 node, const ts_fact *fact)
{
	cut		   *c = arg;
	const ts_tree *tree = e->tree;
	int32		key[TS_MAX_AXES] = {0};

	if (tree->nodes[node].n_children == 0)
	{
		if (!leaf_key(e, c, node, key))
			return;
	}
	else
	{
		/* of no leaf: it counts where its own members say so */
		for (int dim = 0; dim < tree->n_dims; dim++)
			if (!member_is_wanted(tree, c, dim, fact->member[dim]))
				return;
		for (int i = 0; i < c->n_axes; i++)
		{
			const ts_axis *axis = &c->axes[i];
			DateADT		from = tree->nodes[0].from;
			DateADT		upto = tree->nodes[0].upto;

			if (axis->is_time)
			{
				ts_axis_bucket(tree, axis, fact->day, &from, &upto);
				key[i] = from;
			}
			else
				key[i] = fact->member[axis->dim] < 0 ? -1 :
					ts_members_ancestor(tree->members, fact->member[axis->dim], axis->depth);
		}
	}
	add_actual(&cut_row(c, key)->figures, fact->amount, e->context);
}

/* Dimensions of the members that a slice names, added to those of "by" */
static int
slice_dimensions(const int64 *member_ids, int n_members, int32 *dimension_ids, int n)
{
	for (int i = 0; i < n_members; i++)
	{
		ts_args		args = {0};
		int32		id;
		bool		known = false;

		ts_arg_int8(&args, member_ids[i]);
		ts_run("SELECT m.dimension_id FROM target_split.member m WHERE m.member_id = $1", &args, true);
		id = ts_int4(0, 1);
		for (int j = 0; j < n; j++)
			known |= dimension_ids[j] == id;
		if (!known)
			dimension_ids[n++] = id;
	}
	return n;
}

/* Notes, per dimension, the member that the slice of a cut names */
static void
place_slice(ts_tree *tree, cut *c, const int64 *member_ids, int n_members, MemoryContext context)
{
	c->wanted = MemoryContextAlloc(context, sizeof(int32) * (tree->n_dims + 1));
	for (int dim = 0; dim < tree->n_dims; dim++)
		c->wanted[dim] = -1;
	for (int i = 0; i < n_members; i++)
	{
		int32		member = ts_members_by_id(tree->members, member_ids[i]);
		const ts_member *m = &tree->members->members[member];

		c->wanted[m->dim_no] = member;
		tree->depths[m->dim_no] = Max(tree->depths[m->dim_no], m->depth);
	}
}

static int
compare_cut_rows(const void *a, const void *b, void *arg)
{
	const cut  *c = arg;
	const cut_entry *x = *(cut_entry *const *) a;
	const cut_entry *y = *(cut_entry *const *) b;

	for (int i = 0; i < c->n_axes; i++)
		if (x->key[i] != y->key[i])
		{
			/* what has no member comes last */
			if (!c->axes[i].is_time && (x->key[i] < 0 || y->key[i] < 0))
				return x->key[i] < 0 ? 1 : -1;
			return x->key[i] < y->key[i] ? -1 : 1;
		}
	return 0;
}

/* {"market": "East"} for a row of a cut, with the slice it was asked for */
static Datum
cut_slice(const ts_tree *tree, const cut *c, const cut_entry *row)
{
	JsonbParseState *state = NULL;
	JsonbValue	value;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int dim = 0; dim < tree->n_dims; dim++)
	{
		int32		member = c->wanted[dim];
		bool		named = member >= 0;
		Jsonb	   *slice_value;

		for (int i = 0; i < c->n_axes; i++)
			if (!c->axes[i].is_time && c->axes[i].dim == dim)
			{
				named = true;
				if (row->key[i] < 0)
				{
					member = -1;
					break;
				}
				if (member < 0 || c->axes[i].depth >= tree->members->members[member].depth)
					member = row->key[i];
			}
		if (!named)
			continue;
		value.type = jbvString;
		value.val.string.val = tree->dimensions[dim];
		value.val.string.len = strlen(tree->dimensions[dim]);
		pushJsonbValue(&state, WJB_KEY, &value);
		slice_value = member < 0 ? NULL : tree->members->members[member].slice_value;
		if (!slice_value)
			value.type = jbvNull;
		else if (JB_ROOT_IS_SCALAR(slice_value))
			JsonbExtractScalar(&slice_value->root, &value);
		else
		{
			value.type = jbvBinary;
			value.val.binary.data = &slice_value->root;
			value.val.binary.len = VARSIZE(slice_value) - VARHDRSZ;
		}
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

/*
 * kpi_cut(plan, metric, by, slice, as_of)
 *
 * Amount, actual and expected added up by any levels and grains, for a part
 * of the plan.
 */
Datum
target_split_kpi_cut(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *reference = ts_text_argument(fcinfo, 0, "plan");
	char	   *metric_name = ts_text_argument(fcinfo, 1, "metric");
	Jsonb	   *slice = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "target_split cut",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	evaluation	e = {0};
	cut			c = {0};
	ts_plan		plan;
	ts_metric	metric;
	int64	   *member_ids = NULL;
	int			n_members = 0;
	int32	   *dimension_ids;
	int			n_dims;
	HASHCTL		ctl = {0};
	HASH_SEQ_STATUS status;
	cut_entry  *row;
	cut_entry **rows;
	int64		n = 0;
	int64		root;
	bool		measurable;

	ts_require(fcinfo, 2, "by");
	ts_init_materialized_srf(fcinfo);
	old = MemoryContextSwitchTo(context);
	e.context = context;
	ts_connect();
	ts_plan_find(reference, &plan, context);
	ts_metric_find(metric_name, &metric, context);
	root = ts_root_target(&plan, &metric, false);
	/* today, but a plan that is over is seen as it ended */
	e.as_of = PG_ARGISNULL(4) ? Min(GetSQLCurrentDate(), plan.upto - 1) : as_of_arg(fcinfo, 4);
	if (slice)
		(void) ts_slice_resolve(slice, &member_ids, &n_members, context);
	dimension_ids = MemoryContextAlloc(context, sizeof(int32) * (TS_MAX_AXES + n_members));
	n_dims = ts_axes_parse(PG_GETARG_ARRAYTYPE_P(2), c.axes, &c.n_axes, dimension_ids, context);
	n_dims = slice_dimensions(member_ids, n_members, dimension_ids, n_dims);
	e.tree = ts_tree_load(root, false, n_dims, dimension_ids, context);
	ts_axes_place(e.tree, c.axes, c.n_axes);
	/* a week is cut only where something coarser is asked for as well */
	for (int i = 0; i < c.n_axes; i++)
	{
		if (!c.axes[i].is_time)
			continue;
		c.axes[i].whole = c.axes[i].grain == TS_GRAIN_WEEK;
		break;
	}
	for (int i = 0; i < c.n_axes; i++)
		if (!c.axes[i].is_time)
			e.tree->depths[c.axes[i].dim] = Max(e.tree->depths[c.axes[i].dim], c.axes[i].depth);
	place_slice(e.tree, &c, member_ids, n_members, context);
	e.has_source = ts_source_load(e.tree->metric_id, &e.source, true, context);
	measurable = e.has_source;
	for (int dim = 0; dim < e.tree->n_dims && measurable; dim++)
	{
		int			depth = c.wanted[dim] >= 0 ?
		e.tree->members->members[c.wanted[dim]].depth : 0;

		for (int i = 0; i < c.n_axes; i++)
			if (!c.axes[i].is_time && c.axes[i].dim == dim)
				depth = Max(depth, c.axes[i].depth);
		measurable = depth <= ts_source_depth(&e.source, e.tree->dimension_ids[dim]);
	}

	ctl.keysize = sizeof(int32) * TS_MAX_AXES;
	ctl.entrysize = sizeof(cut_entry);
	ctl.hcxt = context;
	c.rows = hash_create("target_split cut", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	find_last_fact(&e);
	plan_side(&e);
	for (int32 i = 0; i < e.tree->n; i++)
	{
		int32		key[TS_MAX_AXES];

		CHECK_FOR_INTERRUPTS();
		if (e.tree->nodes[i].n_children > 0 || !leaf_key(&e, &c, i, key))
			continue;
		row = cut_row(&c, key);
		row->figures.amount += e.nodes[i].amount;
		row->figures.expected += e.nodes[i].expected;
		row->figures.begun |= e.nodes[i].begun;
	}
	actual_side(&e, add_to_cut, &c);

	rows = MemoryContextAllocHuge(context, sizeof(*rows) * (hash_get_num_entries(c.rows) + 1));
	hash_seq_init(&status, c.rows);
	while ((row = hash_seq_search(&status)) != NULL)
		rows[n++] = row;
	qsort_arg(rows, n, sizeof(*rows), compare_cut_rows, &c);
	for (int64 i = 0; i < n; i++)
	{
		Datum		values[7];
		bool		nulls[7] = {0};
		DateADT		from = e.tree->nodes[0].from;
		DateADT		upto = e.tree->nodes[0].upto;
		char		label[TS_PERIOD_LABEL_SIZE];

		CHECK_FOR_INTERRUPTS();
		nulls[3] = true;
		for (int axis = 0; axis < c.n_axes; axis++)
			if (c.axes[axis].is_time)
			{
				ts_axis_bucket(e.tree, &c.axes[axis], rows[i]->key[axis], &from, &upto);
				if (c.axes[axis].whole)
					ts_week_label(&e.tree->calendar, from, label, sizeof(label));
				else
					ts_period_label(&e.tree->calendar, c.axes[axis].grain, from, label, sizeof(label));
				nulls[3] = false;
			}
		row = rows[i];
		row->figures.measurable = measurable;
		row->figures.begun |= from <= e.last_fact;
		values[0] = cut_slice(e.tree, &c, row);
		values[1] = DateADTGetDatum(from);
		values[2] = DateADTGetDatum(upto - 1);
		if (!nulls[3])
			values[3] = CStringGetTextDatum(label);
		values[4] = ts_units_to_numeric(row->figures.amount, &e.tree->quantum);
		values[5] = actual_value(&row->figures, &nulls[5]);
		values[6] = ts_units_to_numeric(row->figures.expected, &e.tree->quantum);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	ts_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}
