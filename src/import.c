/*-------------------------------------------------------------------------
 *
 * import.c
 *	  import_targets and preview_import: numbers that somebody else made, as
 *	  targets or beside them.
 *
 * Glossary
 *	  sheet		a relation with amounts, wide or long (import_sheet.c)
 *	  cell		an amount of it: a slice and a period
 *	  named		a target that a cell says the amount of
 *	  open		a target that the sheet says nothing of
 *	  determined	named, or all its parts are determined: its parts add up to
 *				what it must be
 *	  follower	an open target whose parent the sheet changes
 *	  problem	something that does not fit; a preview lists them, an import
 *				refuses the first kind that there is
 *
 * Method
 *	  1. load the plan's tree, read the sheet, and find the target of each
 *		 cell, as find_target does.  A cell whose way ends at a target that is
 *		 not split makes new targets there, along the levels of "by" or those
 *		 that the sheet itself has.
 *	  2. up: what each target would have to be to agree with all that is named
 *		 below it.
 *	  3. down: what each is.  Below a named target its determined parts are
 *		 what they must be, and the followers share the rest.  Where no target
 *		 above is named, amounts stay as they are (absorb => 'none') or are
 *		 what agrees with below (absorb => 'root').  Where parts and whole
 *		 disagree, that is a problem.
 *	  4. lock what the result depends on in the order of ids, and begin anew if
 *		 any of it has changed since it was read
 *	  5. write everything by one statement
 *
 * Limits: about 200 bytes of memory a target of the plan, and 100 a cell.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "compat.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/tuplestore.h"

#include "engine/bounded.h"
#include "import.h"
#include "plan.h"
#include "query.h"
#include "split.h"
#include "target_split.h"

PG_FUNCTION_INFO_V1(target_split_import_targets);
PG_FUNCTION_INFO_V1(target_split_preview_import);

/* Arguments, in the order of the SQL declaration */
enum
{
	ARG_PLAN,
	ARG_METRIC,
	ARG_RELATION,
	ARG_SLICE,
	ARG_MONTHS,
	ARG_PERIODS,
	ARG_PERIOD,
	ARG_AMOUNT,
	ARG_GRAIN,
	ARG_BY,
	ARG_SCALE,
	ARG_ON_BLANK,
	ARG_ON_UNKNOWN,
	ARG_ON_TOTAL,
	ARG_TOTAL_COLUMN,
	ARG_TOTAL_ROW,
	ARG_ABSORB,
	ARG_IMPORT_AS,
	ARG_REASON
};

/* Columns of the result */
enum
{
	RES_OUTCOME,
	RES_TARGET_ID,
	RES_LEVEL,
	RES_SLICE,
	RES_PERIOD,
	RES_AMOUNT_BEFORE,
	RES_AMOUNT,
	RES_DIFFERENCE,
	RES_SHEET_ROW,
	RES_SHEET_COLUMN,
	RES_CELL,
	RES_PROBLEM,
	RES_COLUMNS
};

/* Columns of what is written */
enum
{
	CHANGE_TARGET_ID,
	CHANGE_IS_NEW,
	CHANGE_PARENT_ID,
	CHANGE_MEMBER_ID,
	CHANGE_N_CHILDREN,
	CHANGE_DEPTH,
	CHANGE_LEVEL,
	CHANGE_PERIOD,
	CHANGE_AMOUNT,
	CHANGE_SLICE,
	CHANGE_FALLBACK,
	CHANGE_BY_HAND,
	CHANGE_COLUMNS
};

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* -------------------------------------------------------------- problems */

/* One kind of problem: its name in the result, and the error that it is */
typedef struct problem_kind
{
	const char *name;
	int			sqlstate;
	const char *message;		/* with the relation */
	const char *hint;			/* NULL: problem_hint knows one, or there is none */
} problem_kind;

static const problem_kind problem_kinds[TS_N_PROBLEMS] = {
	[TS_PROBLEM_UNREADABLE] = {
		"not an amount", ERRCODE_INVALID_TEXT_REPRESENTATION,
		"relation %s has cells that are not amounts",
		"Amounts look like 1234.5, 1,234.5, -1,234 or (1,234); correct the others."
	},
	[TS_PROBLEM_NOT_FINITE] = {
		"not a number", ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
		"relation %s has cells that are NaN or infinite",
		"Leave them NULL, and say what a blank means: on_blank => 'missing'"
	},
	[TS_PROBLEM_MEMBER] = {
		"unknown member", ERRCODE_UNDEFINED_OBJECT,
		"relation %s names members that do not exist",
		NULL
	},
	[TS_PROBLEM_PERIOD] = {
		"unknown period", ERRCODE_INVALID_PARAMETER_VALUE,
		"relation %s has rows that are not for periods of the plan",
		NULL
	},
	[TS_PROBLEM_BLANK] = {
		"blank", ERRCODE_NULL_VALUE_NOT_ALLOWED,
		"relation %s has cells that are blank",
		"on_blank => 'keep' leaves their targets as they are, on_blank => 'missing' says nothing about them,"
		" on_blank => 'zero' makes them 0."
	},
	[TS_PROBLEM_QUANTUM] = {
		"not a multiple", ERRCODE_INVALID_PARAMETER_VALUE,
		"relation %s has amounts that are not multiples of the quantum",
		NULL
	},
	[TS_PROBLEM_TOO_LARGE] = {
		"too large", ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
		"relation %s has amounts that are too large",
		NULL
	},
	[TS_PROBLEM_ROW_TOTAL] = {
		"row total", ERRCODE_CHECK_VIOLATION,
		"relation %s has rows that do not add up to their totals",
		"Correct them, or take the cells for right: on_total => 'accept'"
	},
	[TS_PROBLEM_COLUMN_TOTAL] = {
		"column total", ERRCODE_CHECK_VIOLATION,
		"relation %s has columns that do not add up to their totals",
		"Correct them, or take the cells for right: on_total => 'accept'"
	},
	[TS_PROBLEM_NO_TARGET] = {
		"no target", ERRCODE_UNDEFINED_OBJECT,
		"relation %s has cells that no target is for",
		NULL
	},
	[TS_PROBLEM_DOUBLE] = {
		"double", ERRCODE_CARDINALITY_VIOLATION,
		"relation %s has several cells for one target",
		"Add them up, with GROUP BY, in a view."
	},
	[TS_PROBLEM_KEEP] = {
		"nothing to keep", ERRCODE_UNDEFINED_OBJECT,
		"relation %s has blank cells for targets that do not exist yet",
		"There is no amount to keep: on_blank => 'missing' makes no target of them, on_blank => 'zero' makes them 0."
	},
	[TS_PROBLEM_GAP] = {
		"gap", ERRCODE_NO_DATA_FOUND,
		"relation %s leaves out periods of new targets",
		"Give every period an amount; a blank will do with on_blank => 'missing' or on_blank => 'zero'."
	},
	[TS_PROBLEM_LOCKED] = {
		"locked", ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		"relation %s would change targets that are locked",
		NULL
	},
	[TS_PROBLEM_BOUND] = {
		"beyond bounds", ERRCODE_CHECK_VIOLATION,
		"relation %s would move targets beyond their bounds",
		NULL
	},
	[TS_PROBLEM_SUM] = {
		"parts", ERRCODE_CHECK_VIOLATION,
		"relation %s does not add up to targets of the plan",
		NULL
	},
	[TS_PROBLEM_SHARE] = {
		"cannot follow", ERRCODE_CHECK_VIOLATION,
		"relation %s changes targets whose parts cannot follow",
		"Let the sheet name the parts as well."
	}
};

ts_problem *
ts_import_problem(ts_import *im, ts_problem_kind kind, int32 row, int32 column, const char *cell,
				  const char *text)
{
	ts_problem *problem;

	im->per_kind[kind]++;
	if (im->n_problems == im->problems_space)
	{
		im->problems_space = Max(64, im->problems_space * 2);
		im->problems = im->problems ?
			repalloc_huge(im->problems, sizeof(ts_problem) * im->problems_space) :
			MemoryContextAllocHuge(im->context, sizeof(ts_problem) * im->problems_space);
	}
	problem = &im->problems[im->n_problems++];
	memset(problem, 0, sizeof(*problem));
	problem->kind = kind;
	problem->row = row;
	problem->column = column;
	problem->node = -1;
	problem->cell = cell ? MemoryContextStrdup(im->context, cell) : NULL;
	problem->text = MemoryContextStrdup(im->context, text);
	return problem;
}

static char *
numeric_text(Datum number)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, number));
}

static Datum
amount_of(const ts_import *im, ts_int128 units)
{
	return ts_units_to_numeric(units, &im->tree->quantum);
}

/* Slice and period of a target, or of one that is to be made */
static Datum
node_slice(const ts_import *im, int32 node)
{
	return node < im->tree->n ? im->tree->nodes[node].slice : im->new_nodes[node - im->tree->n]->slice;
}

static void
node_period(const ts_import *im, int32 node, DateADT *from, DateADT *upto)
{
	if (node < im->tree->n)
	{
		*from = im->tree->nodes[node].from;
		*upto = im->tree->nodes[node].upto;
	}
	else
	{
		*from = im->new_nodes[node - im->tree->n]->from;
		*upto = im->new_nodes[node - im->tree->n]->upto;
	}
}

static char *
node_name(const ts_import *im, int32 node)
{
	Jsonb	   *slice = DatumGetJsonbP(node_slice(im, node));
	char	   *text = JsonbToCString(NULL, &slice->root, VARSIZE(slice));
	DateADT		from;
	DateADT		upto;

	node_period(im, node, &from, &upto);
	if (node >= im->tree->n)
		return psprintf("new target (%s, %s)", text, ts_window_text(from, upto));
	return psprintf("target %lld (%s, %s)", (long long) im->tree->nodes[node].target_id,
					text, ts_window_text(from, upto));
}

/* A problem as the DETAIL of an error shows it */
static char *
problem_name(const ts_import *im, const ts_problem *problem)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (problem->node >= 0)
		appendStringInfoString(&buf, node_name(im, problem->node));
	else
	{
		if (problem->row >= 0 && im->rows[problem->row].name[0] != '\0')
			appendStringInfoString(&buf, im->rows[problem->row].name);
		if (problem->column >= 0)
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "", im->columns[problem->column].name);
		if (problem->from < problem->upto && im->period_column)
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "",
							 ts_window_text(problem->from, problem->upto));
		if (problem->cell && problem->kind != TS_PROBLEM_MEMBER)
			appendStringInfo(&buf, "%s\"%s\"", buf.len > 0 ? " " : "", problem->cell);
	}
	switch (problem->kind)
	{
		case TS_PROBLEM_UNREADABLE:
		case TS_PROBLEM_NOT_FINITE:
		case TS_PROBLEM_MEMBER:
		case TS_PROBLEM_PERIOD:
		case TS_PROBLEM_BLANK:
		case TS_PROBLEM_TOO_LARGE:
		case TS_PROBLEM_KEEP:
			break;				/* the message says it */
		default:
			appendStringInfo(&buf, " %s", problem->text);
	}
	return buf.data;
}

/* What the caller accepted is told, and stops nothing */
static bool
is_accepted(const ts_import *im, ts_problem_kind kind)
{
	return kind == TS_PROBLEM_MEMBER ? im->skip_unknown :
		(kind == TS_PROBLEM_ROW_TOTAL || kind == TS_PROBLEM_COLUMN_TOTAL) && im->accept_totals;
}

/* What to do about a kind of problem, from its first one where that knows more */
static char *
problem_hint(const ts_import *im, const ts_problem *first)
{
	switch (first->kind)
	{
		case TS_PROBLEM_MEMBER:
			/* one that exists nowhere can be added */
			if (strstr(first->text, "SELECT"))
				return psprintf("%s adds the first; on_unknown => 'skip' leaves their rows out.",
								strstr(first->text, "SELECT"));
			return psprintf("The first %s; on_unknown => 'skip' leaves their rows out.", first->text);
		case TS_PROBLEM_PERIOD:
			return psprintf("SELECT * FROM target_split.plan_periods(%s, '%s') lists the periods, which a label, a date or a range names.",
							quote_literal_cstr(im->tree->plan), ts_grain_name(im->grain));
		case TS_PROBLEM_QUANTUM:
			return psprintf("The quantum is %s; round the amounts in a view, or give the scale that they are in, such as scale => 1000.",
							numeric_text(im->quantum));
		case TS_PROBLEM_TOO_LARGE:
			return psprintf("An amount holds at most 1e36 quanta of %s.", numeric_text(im->quantum));
		case TS_PROBLEM_LOCKED:
			return psprintf("SELECT * FROM target_split.target WHERE plan_id = %d AND locked;", im->tree->plan_id);
		case TS_PROBLEM_BOUND:
			return psprintf("SELECT target_id, at_least, at_most, floor_amount, stretch_amount FROM target_split.target"
							" WHERE plan_id = %d AND target_id = %lld;", im->tree->plan_id,
							(long long) im->tree->nodes[first->node].target_id);
		case TS_PROBLEM_SUM:
			if (first->node < im->tree->n && !im->nodes[first->node].under && !im->absorb_root)
				return pstrdup("Correct the sheet, or let the targets above follow: absorb => 'root'");
			return pstrdup("The sheet names the target and its parts: correct it, or leave one of them out.");
		case TS_PROBLEM_NO_TARGET:
			if (im->proposal)
				return psprintf("A proposal stands beside a target; these there are: SELECT slice, period FROM target_split.target_tree WHERE plan = %s;",
								quote_literal_cstr(im->tree->plan));
			if (first->needs_by)
				return pstrdup("Say what the new targets are made by, from the outermost level: by => '{market,month}'");
			return psprintf("A target that is split has no other parts; these there are: SELECT slice, period FROM target_split.target_tree WHERE plan = %s;",
							quote_literal_cstr(im->tree->plan));
		default:
			return problem_kinds[first->kind].hint ? pstrdup(problem_kinds[first->kind].hint) : NULL;
	}
}

/* Refuses the first kind of problem that there is and that the caller did not accept */
static void
refuse_problems(const ts_import *im)
{
	for (int kind = 0; kind < TS_N_PROBLEMS; kind++)
	{
		ts_name_list list = {0};
		const ts_problem *first = NULL;
		char	   *hint;

		if (im->per_kind[kind] == 0 || is_accepted(im, kind))
			continue;
		for (int64 i = 0; i < im->n_problems; i++)
		{
			CHECK_FOR_INTERRUPTS();
			if ((int) im->problems[i].kind != kind)
				continue;
			if (!first)
				first = &im->problems[i];
			if (kind == TS_PROBLEM_MEMBER && !ts_name_list_full(&list))
				ts_name_list_add(&list, psprintf("\"%s\"", im->problems[i].cell));
			else
				ts_name_list_add(&list, ts_name_list_full(&list) ? "" : problem_name(im, &im->problems[i]));
		}
		if (!first)
			elog(ERROR, "problems of kind %d are counted but not listed", kind);
		hint = problem_hint(im, first);
		ereport(ERROR,
				(errcode(problem_kinds[kind].sqlstate),
				 errmsg(problem_kinds[kind].message, im->relation),
				 errdetail_internal("%s.", ts_name_list_text(&list)),
				 hint ? errhint("%s", hint) : 0));
	}
}

/* ---------------------------------------------------- cells and targets */

/* Depth of the member that a node has to have, per dimension; 0 for none */
static int
member_depth(const ts_import *im, int32 member)
{
	return member < 0 ? 0 : im->tree->members->members[member].depth;
}

/*
 * The deepest target that holds a cell; *exact: it is the cell's own.  depth
 * gets the depth of the target's member per dimension.
 */
static int32
find_node(const ts_import *im, const ts_sheet_cell *cell, int *depth, bool *exact)
{
	const ts_tree *tree = im->tree;
	const int32 *member = im->rows[cell->row].member;
	int32		at = 0;

	memset(depth, 0, sizeof(int) * tree->n_dims);
	for (;;)
	{
		const ts_node *node = &tree->nodes[at];
		int32		child;

		*exact = node->from == cell->from && node->upto == cell->upto;
		for (int dim = 0; dim < tree->n_dims && *exact; dim++)
			*exact = depth[dim] == member_depth(im, member[dim]);
		if (*exact || node->n_children == 0)
			return at;
		if (node->by_time)
		{
			child = ts_tree_child_by_day(tree, at, cell->from);
			if (child < 0 || tree->nodes[child].upto < cell->upto)
				return at;
		}
		else
		{
			const ts_member *sibling = ts_tree_child_member(tree, at);
			int			dim = sibling->dim_no;
			int32		up = member[dim] < 0 ? -1 :
			ts_members_ancestor(tree->members, member[dim], sibling->depth);

			/* not the child that takes the rest, which is nobody's own target */
			child = up < 0 ? -1 : ts_tree_child_by_member(tree, at, up);
			if (child < 0 || tree->nodes[child].member != up)
				return at;
			depth[dim] = sibling->depth;
		}
		at = child;
	}
}

/* Finds the target of each cell, or the leaf under which it would be a new one */
static void
place_cells(ts_import *im)
{
	int		   *depth = palloc(sizeof(int) * (im->tree->n_dims + 1));

	for (int64 i = 0; i < im->n_cells; i++)
	{
		ts_sheet_cell *cell = &im->cells[i];
		bool		exact;
		int32		node;

		CHECK_FOR_INTERRUPTS();
		if (!im->rows[cell->row].known || cell->state == TS_CELL_BAD)
			continue;
		node = find_node(im, cell, depth, &exact);
		if (exact)
			cell->node = node;
		else if (im->tree->nodes[node].n_children == 0 && !im->proposal &&
				 !(im->tree->nodes[node].member >= 0 &&
				   im->tree->members->members[im->tree->nodes[node].member].is_rest))
			cell->leaf = node;
		else if (cell->state == TS_CELL_AMOUNT || im->on_blank == TS_BLANK_ZERO)
		{
			const ts_tree *tree = im->tree;
			ts_problem *problem;

			problem = ts_import_problem(im, TS_PROBLEM_NO_TARGET, cell->row, cell->column, NULL,
										psprintf("(the nearest is %s, which is %s)", node_name(im, node),
												 tree->nodes[node].n_children == 0 ? "not split" :
												 tree->nodes[node].by_time ? "split by time" :
												 psprintf("split by \"%s\"",
														  tree->dimensions[ts_tree_child_member(tree, node)->dim_no])));
			problem->from = cell->from;
			problem->upto = cell->upto;
		}
	}
}

/* ------------------------------------------------------------ new targets */

/* Key of a new target; the same bytes as the first fields of ts_new_node */
typedef struct new_key
{
	int32		leaf;
	int32		n;
	int32		keys[TS_MAX_AXES];
} new_key;

typedef struct new_entry
{
	new_key		key;
	ts_new_node *node;
} new_entry;

/*
 * The levels of new targets where the caller did not name them: those of the
 * cells' members and the grains of their periods.  What is the same for all
 * cells goes first, for a sheet that names a region and its towns, month by
 * month, must be split by month before it is by region.
 */
static ArrayType *
levels_of_sheet(ts_import *im)
{
	const ts_tree *tree = im->tree;
	int			n_dims = tree->n_dims;
	uint64	   *depths = palloc0(sizeof(uint64) * (n_dims + 1));	/* a bit a level */
	bool		grains[TS_GRAIN_COUNT] = {0};
	bool		other = false;	/* periods that are of no grain, or the leaf's own */
	int			n_grains = 0;
	Datum		names[TS_MAX_AXES];
	int			n = 0;

	for (int64 i = 0; i < im->n_cells; i++)
	{
		const ts_sheet_cell *cell = &im->cells[i];

		CHECK_FOR_INTERRUPTS();
		if (cell->leaf < 0 || (cell->state == TS_CELL_BLANK && im->on_blank != TS_BLANK_ZERO))
			continue;
		for (int dim = 0; dim < n_dims; dim++)
			depths[dim] |= UINT64CONST(1) << Min(member_depth(im, im->rows[cell->row].member[dim]), 63);
		if (cell->from == tree->nodes[cell->leaf].from && cell->upto == tree->nodes[cell->leaf].upto)
			other = true;
		else
			for (int grain = TS_GRAIN_YEAR; grain < TS_GRAIN_COUNT; grain++)
			{
				int32		from;
				int32		upto;

				ts_period_bounds(&tree->calendar, grain, cell->from, &from, &upto);
				if (Max(from, im->from) == cell->from && Min(upto, im->upto) == cell->upto)
				{
					grains[grain] = true;
					break;
				}
			}
	}
	for (int grain = 0; grain < TS_GRAIN_COUNT; grain++)
		n_grains += grains[grain];

	for (int varies = 0; varies <= 1; varies++)
	{
		for (int dim = 0; dim < n_dims; dim++)
		{
			ts_args		args = {0};
			uint64		found;

			if ((pg_popcount64(depths[dim]) > 1) != varies || depths[dim] <= 1)
				continue;
			ts_arg_int4(&args, tree->dimension_ids[dim]);
			found = ts_run("SELECT l.name, l.depth::int4 FROM target_split.dimension_level AS l"
						   " WHERE l.dimension_id = $1 ORDER BY l.depth", &args, true);
			for (uint64 row = 0; row < found; row++)
				if (ts_int4(row, 2) < 63 && (depths[dim] >> ts_int4(row, 2) & 1) && n < TS_MAX_AXES)
					names[n++] = CStringGetTextDatum(ts_text(row, 1, im->context));
		}
		for (int grain = 0; grain < TS_GRAIN_COUNT; grain++)
			if (grains[grain] && (n_grains > 1 || other) == varies && n < TS_MAX_AXES)
				names[n++] = CStringGetTextDatum(ts_grain_name(grain));
	}
	return construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT);
}

/* Enters a new target under its leaf, or finds it */
static ts_new_node *
enter_node(ts_import *im, const new_key *key, int axis, DateADT from, DateADT upto)
{
	bool		found;
	new_entry  *entry = hash_search(im->new_index, key, HASH_ENTER, &found);
	ts_new_node *node;

	if (found)
		return entry->node;
	if (im->n_new == im->new_space)
	{
		im->new_space = Max(256, im->new_space * 2);
		im->new_nodes = im->new_nodes ?
			repalloc_huge(im->new_nodes, sizeof(ts_new_node *) * im->new_space) :
			MemoryContextAllocHuge(im->context, sizeof(ts_new_node *) * im->new_space);
	}
	node = MemoryContextAllocZero(im->context, sizeof(ts_new_node));
	node->leaf = key->leaf;
	node->n = key->n;
	memcpy(node->keys, key->keys, sizeof(node->keys));
	node->axis = axis;
	node->from = from;
	node->upto = upto;
	node->cell = -1;
	entry->node = node;
	im->new_nodes[im->n_new++] = node;
	return node;
}

static ts_new_node *
lookup_node(const ts_import *im, const new_key *key)
{
	new_entry  *entry = hash_search(im->new_index, key, HASH_FIND, NULL);

	return entry ? entry->node : NULL;
}

/*
 * Follows a cell from its leaf down the axes.  With "enter", new targets are
 * made on the way, and the last one is returned: NULL if the axes do not lead
 * to the cell.  Without, it is a blank that says nothing: it fills the periods
 * that new targets would leave out, and makes nothing else.
 */
static ts_new_node *
follow_axes(ts_import *im, const ts_sheet_cell *cell, bool enter)
{
	const ts_tree *tree = im->tree;
	const int32 *member = im->rows[cell->row].member;
	int		   *depth = palloc0(sizeof(int) * (tree->n_dims + 1));
	int32	   *at = palloc(sizeof(int32) * (tree->n_dims + 1));
	DateADT		from = tree->nodes[cell->leaf].from;
	DateADT		upto = tree->nodes[cell->leaf].upto;
	new_key		key = {0};
	new_key		prefix[TS_MAX_AXES];
	int			axis_of[TS_MAX_AXES];
	DateADT		from_of[TS_MAX_AXES];
	DateADT		upto_of[TS_MAX_AXES];
	bool		stopped = false;
	bool		fits = true;
	ts_new_node *node = NULL;

	ts_tree_node_members(tree, cell->leaf, at);
	for (int dim = 0; dim < tree->n_dims; dim++)
		depth[dim] = member_depth(im, at[dim]);
	key.leaf = cell->leaf;
	for (int i = 0; i < im->n_axes && fits; i++)
	{
		const ts_axis *axis = &im->axes[i];
		int32		step;

		if (axis->is_time)
		{
			DateADT		bucket_from = from;
			DateADT		bucket_upto = upto;

			ts_axis_bucket(tree, axis, cell->from, &bucket_from, &bucket_upto);
			if (bucket_from == from && bucket_upto == upto)
				continue;		/* not longer than one: nothing to set apart */
			if (cell->from == from && cell->upto == upto)
			{
				stopped = true;
				continue;
			}
			fits = !stopped && cell->upto <= bucket_upto;
			step = from = bucket_from;
			upto = bucket_upto;
		}
		else
		{
			if (depth[axis->dim] >= axis->depth)
				continue;
			step = member[axis->dim] < 0 ? -1 :
				ts_members_ancestor(tree->members, member[axis->dim], axis->depth);
			if (step < 0)
			{
				stopped = true;
				continue;
			}
			fits = !stopped;
			depth[axis->dim] = axis->depth;
		}
		key.keys[key.n++] = step;
		prefix[key.n - 1] = key;
		axis_of[key.n - 1] = i;
		from_of[key.n - 1] = from;
		upto_of[key.n - 1] = upto;
	}
	fits = fits && key.n > 0 && from == cell->from && upto == cell->upto;
	for (int dim = 0; dim < tree->n_dims && fits; dim++)
		fits = depth[dim] == member_depth(im, member[dim]);
	pfree(depth);
	pfree(at);
	if (!fits)
		return NULL;

	for (int i = 0; i < key.n; i++)
	{
		if (enter)
			node = enter_node(im, &prefix[i], axis_of[i], from_of[i], upto_of[i]);
		else if (!lookup_node(im, &prefix[i]))
		{
			if (!im->axes[axis_of[i]].is_time)
				return NULL;
			node = enter_node(im, &prefix[i], axis_of[i], from_of[i], upto_of[i]);
			node->filled = true;
		}
	}
	return node;
}

/* By leaf, then parents before their children and siblings by key */
static int
compare_new_nodes(const void *a, const void *b)
{
	const ts_new_node *x = *(ts_new_node *const *) a;
	const ts_new_node *y = *(ts_new_node *const *) b;

	if (x->leaf != y->leaf)
		return x->leaf < y->leaf ? -1 : 1;
	for (int i = 0; i < x->n && i < y->n; i++)
		if (x->keys[i] != y->keys[i])
			return x->keys[i] < y->keys[i] ? -1 : 1;
	return x->n < y->n ? -1 : x->n > y->n;
}

static void
double_cell(ts_import *im, const ts_sheet_cell *cell, int32 node)
{
	ts_problem *problem = ts_import_problem(im, TS_PROBLEM_DOUBLE, cell->row, cell->column, NULL,
											psprintf("(%s)", node_name(im, node)));

	problem->from = cell->from;
	problem->upto = cell->upto;
}

/* Makes the new targets that the cells ask for */
static void
make_new_nodes(ts_import *im)
{
	HASHCTL		ctl = {0};
	bool		any = false;
	bool	   *leaf_used;

	for (int64 i = 0; i < im->n_cells && !any; i++)
		any = im->cells[i].leaf >= 0;
	if (!any)
		return;
	if (!im->by)
	{
		int32		dimension_ids[TS_MAX_AXES];

		(void) ts_axes_parse(levels_of_sheet(im), im->axes, &im->n_axes, dimension_ids, im->context);
	}
	ts_axes_place(im->tree, im->axes, im->n_axes);
	ctl.keysize = sizeof(new_key);
	ctl.entrysize = sizeof(new_entry);
	ctl.hcxt = im->context;
	im->new_index = hash_create("target_split new targets", 1024, &ctl,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	leaf_used = MemoryContextAllocZero(im->context, im->tree->n);

	for (int64 i = 0; i < im->n_cells; i++)
	{
		ts_sheet_cell *cell = &im->cells[i];
		ts_new_node *node;
		bool		blank = cell->state == TS_CELL_BLANK;

		CHECK_FOR_INTERRUPTS();
		if (cell->leaf < 0 || (blank && im->on_blank != TS_BLANK_ZERO))
			continue;
		node = follow_axes(im, cell, true);
		if (!node)
		{
			ts_problem *problem = ts_import_problem(im, TS_PROBLEM_NO_TARGET, cell->row, cell->column, NULL,
													psprintf("(new targets under %s would not reach it)",
															 node_name(im, cell->leaf)));

			problem->needs_by = true;
			problem->from = cell->from;
			problem->upto = cell->upto;
			cell->leaf = -1;
			continue;
		}
		leaf_used[cell->leaf] = true;
		if (node->cell >= 0)
		{
			ts_problem *problem = ts_import_problem(im, TS_PROBLEM_DOUBLE, cell->row, cell->column, NULL,
													"(a new target)");

			problem->from = cell->from;
			problem->upto = cell->upto;
		}
		else
			node->cell = (int32) i;
	}
	for (int64 i = 0; i < im->n_cells; i++)
	{
		ts_sheet_cell *cell = &im->cells[i];

		CHECK_FOR_INTERRUPTS();
		if (cell->leaf < 0 || cell->state != TS_CELL_BLANK || im->on_blank == TS_BLANK_ZERO)
			continue;
		if (im->on_blank != TS_BLANK_KEEP && leaf_used[cell->leaf])
			(void) follow_axes(im, cell, false);
		else if (im->on_blank == TS_BLANK_KEEP)
		{
			ts_problem *problem = ts_import_problem(im, TS_PROBLEM_KEEP, cell->row, cell->column, NULL,
													"has no target whose amount could be kept");

			problem->from = cell->from;
			problem->upto = cell->upto;
		}
	}
	pfree(leaf_used);
	if (im->n_new > 0)
		qsort(im->new_nodes, im->n_new, sizeof(ts_new_node *), compare_new_nodes);
	for (int32 i = 0; i < im->n_new; i++)
	{
		ts_new_node *node = im->new_nodes[i];
		ts_new_node *parent = NULL;
		const ts_axis *axis = &im->axes[node->axis];
		MemoryContext old = MemoryContextSwitchTo(im->context);

		CHECK_FOR_INTERRUPTS();
		node->number = i;
		if (node->n > 1)
		{
			new_key		key = {0};

			key.leaf = node->leaf;
			key.n = node->n - 1;
			memcpy(key.keys, node->keys, sizeof(int32) * key.n);
			parent = lookup_node(im, &key);
		}
		node->slice = parent ? parent->slice : im->tree->nodes[node->leaf].slice;
		if (!axis->is_time)
			node->slice = DirectFunctionCall2(jsonb_concat, node->slice,
											  ts_tree_edge_slice(im->tree, node->keys[node->n - 1]));
		MemoryContextSwitchTo(old);
	}
}

/* Days that the children of a target leave out, where periods set them apart */
static void
find_gaps(ts_import *im)
{
	for (int32 p = 0; p < im->tree->n + im->n_new; p++)
	{
		DateADT		day;
		DateADT		end;
		int32		child = im->nodes[p].first_new;

		CHECK_FOR_INTERRUPTS();
		if (child < 0 || !im->axes[im->new_nodes[child - im->tree->n]->axis].is_time)
			continue;
		node_period(im, p, &day, &end);
		for (;; child = im->nodes[child].next_new)
		{
			DateADT		from = end;
			DateADT		upto = end;

			if (child >= 0)
				node_period(im, child, &from, &upto);
			if (from > day)
			{
				ts_problem *problem = ts_import_problem(im, TS_PROBLEM_GAP, -1, -1, NULL,
														psprintf("has no part for %s", ts_window_text(day, from)));

				problem->node = p;
				problem->from = day;
				problem->upto = from;
			}
			if (child < 0)
				break;
			day = upto;
		}
	}
}

/* --------------------------------------------------------------- bounds */

/* Locks and bounds of the targets that have any */
static void
load_bounds(ts_import *im)
{
	ts_args		args = {0};
	HASHCTL		ctl = {0};
	HTAB	   *index;
	uint64		n;
	struct
	{
		int64		id;
		int32		number;
	}		   *entry;

	ts_arg_int4(&args, im->tree->plan_id);
	ts_arg_int4(&args, im->tree->metric_id);
	ts_arg(&args, NUMERICOID, im->quantum, false);
	/* units inwards: the least is rounded up, the most down */
	n = ts_run("SELECT t.target_id, t.locked,"
			   " pg_catalog.ceil(GREATEST(t.at_least, t.floor_amount) / $3) * $3,"
			   " pg_catalog.floor(LEAST(t.at_most, t.stretch_amount) / $3) * $3"
			   " FROM target_split.target AS t WHERE t.plan_id = $1 AND t.metric_id = $2"
			   " AND (t.locked OR t.at_least IS NOT NULL OR t.at_most IS NOT NULL"
			   " OR t.floor_amount IS NOT NULL OR t.stretch_amount IS NOT NULL)", &args, false);
	if (n == 0)
		return;
	im->bounds = MemoryContextAllocZero(im->context, sizeof(ts_import_bounds) * n);
	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(*entry);
	ctl.hcxt = im->context;
	index = hash_create("target_split bounds", Max((long) n, 16), &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (uint64 row = 0; row < n; row++)
	{
		ts_import_bounds *b = &im->bounds[row];
		int64		id = ts_int8(row, 1);

		CHECK_FOR_INTERRUPTS();
		entry = hash_search(index, &id, HASH_ENTER, NULL);
		entry->number = (int32) row;
		b->locked = ts_bool(row, 2);
		b->has_least = !ts_isnull(row, 3);
		b->has_most = !ts_isnull(row, 4);
		if (b->has_least)
			b->least = ts_units_from_numeric(ts_datum(row, 3), &im->tree->quantum, "at_least");
		if (b->has_most)
			b->most = ts_units_from_numeric(ts_datum(row, 4), &im->tree->quantum, "at_most");
	}
	for (int32 i = 0; i < im->tree->n; i++)
	{
		entry = hash_search(index, &im->tree->nodes[i].target_id, HASH_FIND, NULL);
		if (entry)
			im->nodes[i].bounds = entry->number;
	}
	hash_destroy(index);
}

static const ts_import_bounds *
bounds_of(const ts_import *im, int32 node)
{
	return im->nodes[node].bounds >= 0 ? &im->bounds[im->nodes[node].bounds] : NULL;
}

static bool
is_locked(const ts_import *im, int32 node)
{
	const ts_import_bounds *b = bounds_of(im, node);

	return b && b->locked;
}

/*
 * Shares an amount among siblings in proportion to what they are now, within
 * their bounds, and writes what each gets to "after".  NULL, or why it cannot
 * be done.
 */
static const char *
share_among(ts_import *im, int32 n, const int32 *siblings, ts_int128 amount)
{
	/* weights, lower and upper bounds, shares */
	ts_int128  *weight = MemoryContextAllocHuge(im->context, sizeof(ts_int128) * 4 * n);
	ts_int128  *lower = weight + n;
	ts_int128  *upper = lower + n;
	ts_int128  *share = upper + n;
	uint8	   *held = MemoryContextAllocHuge(im->context, n);
	void	   *work = MemoryContextAllocHuge(im->context, ts_bounded_work(n));
	const ts_int128 limit = (ts_int128) INT64CONST(100000000000000) * INT64CONST(100000000000000);
	ts_int128	largest = 0;
	bool		positive = false;
	bool		negative = false;
	ts_bounds_report why = {0};
	ts_cut		cut;
	ts_status	status = TS_OK;
	const char *reason = NULL;

	for (int32 i = 0; i < n; i++)
	{
		ts_int128	before = im->nodes[siblings[i]].before;
		const ts_import_bounds *b = bounds_of(im, siblings[i]);

		positive |= before > 0;
		negative |= before < 0;
		weight[i] = before < 0 ? -before : before;
		largest = Max(largest, weight[i]);
		lower[i] = b && b->has_least ? b->least : TS_NO_LOWER;
		upper[i] = b && b->has_most ? b->most : TS_NO_UPPER;
	}
	/* the engine's sums have room for 28 digits of a weight */
	for (; largest > limit; largest /= 10)
		for (int32 i = 0; i < n; i++)
			weight[i] /= 10;
	if (positive && negative)
		reason = "are both positive and negative";
	else if ((amount < 0 && positive) || (amount > 0 && negative))
		reason = "would change their sign";
	else
		status = ts_bounded(n, weight, lower, upper, amount, share, held, work, &cut, &why, check_interrupts);
	switch (status)
	{
		case TS_OK:
			for (int32 i = 0; i < n && !reason; i++)
				im->nodes[siblings[i]].after = share[i];
			break;
		case TS_ALL_ZERO:
			reason = "are all 0";
			break;
		case TS_ONLY_ZERO_WEIGHTS:
			reason = largest == 0 ? "are all 0" : "are 0 or at their bounds";
			break;
		case TS_BELOW_BOUNDS:
		case TS_ABOVE_BOUNDS:
			reason = psprintf("can be %s at %s", numeric_text(amount_of(im, why.sum)),
							  status == TS_BELOW_BOUNDS ? "least" : "most");
			break;
		default:
			elog(ERROR, "amounts could not be shared: status %d", status);
	}
	pfree(weight);
	pfree(held);
	pfree(work);
	return reason;
}

/* -------------------------------------------------------- up and down */

static void
note_cell(ts_import *im, int64 cell_no)
{
	const ts_sheet_cell *cell = &im->cells[cell_no];
	ts_import_node *node;

	if (cell->node < 0)
		return;
	node = &im->nodes[cell->node];
	if (node->cell >= 0)
	{
		double_cell(im, cell, cell->node);
		return;
	}
	node->cell = (int32) cell_no;
	if (cell->state == TS_CELL_AMOUNT)
	{
		node->named = true;
		node->up = cell->units;
	}
	else if (im->on_blank == TS_BLANK_ZERO)
	{
		node->named = true;
		node->up = 0;
	}
	else if (im->on_blank == TS_BLANK_KEEP)
	{
		node->named = node->kept = true;
		node->up = node->before;
	}
	else
		node->missing = true;
}

/* All targets, those of the tree and then the new ones, with what the sheet says */
static void
make_nodes(ts_import *im)
{
	const ts_tree *tree = im->tree;
	int32		n = tree->n + im->n_new;

	im->nodes = MemoryContextAllocExtended(im->context, sizeof(ts_import_node) * n,
										   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int32 i = 0; i < n; i++)
	{
		ts_import_node *node = &im->nodes[i];

		CHECK_FOR_INTERRUPTS();
		node->first_new = node->next_new = node->cell = node->bounds = -1;
		if (i < tree->n)
		{
			node->parent = tree->nodes[i].parent;
			node->n_children = tree->nodes[i].n_children;
			node->before = ts_units_from_numeric(tree->nodes[i].amount, &tree->quantum, "amount");
		}
	}
	/* from the last to the first, so that siblings are listed in their order */
	for (int32 i = im->n_new - 1; i >= 0; i--)
	{
		const ts_new_node *new_node = im->new_nodes[i];
		ts_import_node *node = &im->nodes[tree->n + i];

		CHECK_FOR_INTERRUPTS();
		node->parent = new_node->leaf;
		if (new_node->n > 1)
		{
			new_key		key = {0};

			key.leaf = new_node->leaf;
			key.n = new_node->n - 1;
			memcpy(key.keys, new_node->keys, sizeof(int32) * key.n);
			node->parent = tree->n + lookup_node(im, &key)->number;
		}
		node->next_new = im->nodes[node->parent].first_new;
		im->nodes[node->parent].first_new = tree->n + i;
		im->nodes[node->parent].n_children++;
		node->cell = new_node->cell;
		node->named = new_node->cell >= 0;
		if (node->named)
			node->up = im->cells[new_node->cell].units;
	}
	for (int64 i = 0; i < im->n_cells; i++)
	{
		CHECK_FOR_INTERRUPTS();
		note_cell(im, i);
	}
}

static void
sum_problem(ts_import *im, int32 node, ts_int128 parts)
{
	Datum		amount = amount_of(im, im->nodes[node].after);
	Datum		sum = amount_of(im, parts);
	ts_problem *problem;

	problem = ts_import_problem(im, TS_PROBLEM_SUM, -1, -1, NULL,
								psprintf("is %s, its parts add up to %s, the difference is %s",
										 numeric_text(amount), numeric_text(sum),
										 numeric_text(amount_of(im, parts - im->nodes[node].after))));
	problem->node = node;
	problem->amount = amount;
	problem->parts = sum;
}

/* Decides the children of a target whose own amount is decided */
static void
settle_children(ts_import *im, int32 p, int32 *followers)
{
	const ts_tree *tree = im->tree;
	ts_import_node *parent = &im->nodes[p];
	int32		n_followers = 0;
	ts_int128	left = parent->after;
	ts_int128	open = 0;
	int32		child = parent->first_new;
	bool		is_new = p >= tree->n || child >= 0;

	for (int32 i = 0; i < parent->n_children; i++)
	{
		int32		c = is_new ? child : tree->children[tree->nodes[p].first_child + i];
		ts_import_node *node = &im->nodes[c];

		if (is_new)
			child = node->next_new;
		node->under = parent->under || node->named;
		if (is_new || node->named || (parent->under && node->determined))
			node->after = node->up;
		else if (parent->under ? !is_locked(im, c) : node->missing && !is_locked(im, c))
		{
			followers[n_followers++] = c;
			open += node->before;
			continue;
		}
		else if (!parent->under && im->absorb_root)
			node->after = node->up;
		else
			node->after = node->before;
		left -= node->after;
	}
	if (left == open)
	{
		for (int32 i = 0; i < n_followers; i++)
			im->nodes[followers[i]].after = im->nodes[followers[i]].before;
		return;
	}
	if (n_followers == 0)
		sum_problem(im, p, parent->after - left);
	else
	{
		const char *reason = share_among(im, n_followers, followers, left);

		if (reason)
		{
			ts_problem *problem = ts_import_problem(im, TS_PROBLEM_SHARE, -1, -1, NULL,
													psprintf("has parts that would have to share %s but %s",
															 numeric_text(amount_of(im, left)), reason));

			problem->node = p;
			for (int32 i = 0; i < n_followers; i++)
				im->nodes[followers[i]].after = im->nodes[followers[i]].before;
		}
	}
}

/* What all targets will be */
static void
settle(ts_import *im)
{
	int32		n = im->tree->n + im->n_new;
	int32	   *followers = MemoryContextAllocHuge(im->context, sizeof(int32) * (n + 1));

	/* up: parts come after their whole, so from the last */
	for (int32 i = n - 1; i >= 0; i--)
	{
		ts_import_node *node = &im->nodes[i];
		bool		is_new = i >= im->tree->n;

		CHECK_FOR_INTERRUPTS();
		node->touched |= node->named || node->missing || is_new;
		if (!node->named && !(node->touched && node->n_children > 0))
			node->up = node->before;
		node->determined = node->named || is_new ||
			(node->touched && node->n_children > 0 && node->n_open == 0);
		if (i > 0)
		{
			ts_import_node *parent = &im->nodes[node->parent];

			parent->touched |= node->touched;
			if (!node->determined)
				parent->n_open++;
			if (!parent->named)
				parent->up += node->up;
		}
	}

	/* down */
	im->nodes[0].under = im->nodes[0].named;
	im->nodes[0].after = im->nodes[0].named || im->absorb_root ? im->nodes[0].up : im->nodes[0].before;
	for (int32 i = 0; i < n; i++)
	{
		const ts_import_node *node = &im->nodes[i];

		CHECK_FOR_INTERRUPTS();
		if (node->n_children == 0)
			continue;
		if (node->touched || node->after != node->before)
			settle_children(im, i, followers);
		else
			/* nothing changes, and nothing below */
			for (int32 c = 0; c < node->n_children; c++)
			{
				ts_import_node *child = &im->nodes[im->tree->children[im->tree->nodes[i].first_child + c]];

				child->after = child->before;
			}
	}
	pfree(followers);
	for (int32 i = 0; i < im->tree->n; i++)
	{
		const ts_import_node *node = &im->nodes[i];
		const ts_import_bounds *b = bounds_of(im, i);
		ts_problem *problem;

		CHECK_FOR_INTERRUPTS();
		if (!b || node->after == node->before)
			continue;
		if (b->locked)
		{
			problem = ts_import_problem(im, TS_PROBLEM_LOCKED, -1, -1, NULL,
										psprintf("is %s and would become %s",
												 numeric_text(amount_of(im, node->before)),
												 numeric_text(amount_of(im, node->after))));
			problem->node = i;
		}
		else if ((b->has_least && node->after < b->least) || (b->has_most && node->after > b->most))
		{
			bool		low = b->has_least && node->after < b->least;

			problem = ts_import_problem(im, TS_PROBLEM_BOUND, -1, -1, NULL,
										psprintf("would become %s, %s is %s",
												 numeric_text(amount_of(im, node->after)),
												 low ? "the least" : "the most",
												 numeric_text(amount_of(im, low ? b->least : b->most))));
			problem->node = i;
		}
	}
}

/* ---------------------------------------------------------------- result */

static void
put_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL;
	if (text)
		values[column] = CStringGetTextDatum(text);
}

static void
put_amount(Datum *values, bool *nulls, int column, Datum amount)
{
	nulls[column] = DatumGetPointer(amount) == NULL;
	values[column] = amount;
}

/* Slice, period, level and key of a node */
static void
put_node(const ts_import *im, int32 node, Datum *values, bool *nulls)
{
	DateADT		from;
	DateADT		upto;
	const char *level = NULL;

	node_period(im, node, &from, &upto);
	if (node < im->tree->n)
	{
		values[RES_TARGET_ID] = Int64GetDatum(im->tree->nodes[node].target_id);
		nulls[RES_TARGET_ID] = false;
	}
	else
		level = im->axes[im->new_nodes[node - im->tree->n]->axis].name;
	put_text(values, nulls, RES_LEVEL, level);
	values[RES_SLICE] = node_slice(im, node);
	nulls[RES_SLICE] = false;
	values[RES_PERIOD] = ts_daterange_make(from, upto);
	nulls[RES_PERIOD] = false;
}

static void
put_cell(const ts_import *im, int32 row, int32 column, Datum *values, bool *nulls)
{
	put_text(values, nulls, RES_SHEET_ROW, row >= 0 ? im->rows[row].name : NULL);
	put_text(values, nulls, RES_SHEET_COLUMN, column >= 0 ? im->columns[column].name : NULL);
}

/* What is wrong, as rows of the result */
static void
write_problems(const ts_import *im, Tuplestorestate *store, TupleDesc desc, MemoryContext row_context)
{
	for (int64 i = 0; i < im->n_problems; i++)
	{
		const ts_problem *problem = &im->problems[i];
		Datum		values[RES_COLUMNS] = {0};
		bool		nulls[RES_COLUMNS];
		MemoryContext old = MemoryContextSwitchTo(row_context);

		CHECK_FOR_INTERRUPTS();
		memset(nulls, true, sizeof(nulls));
		put_text(values, nulls, RES_OUTCOME, problem_kinds[problem->kind].name);
		if (problem->node >= 0)
			put_node(im, problem->node, values, nulls);
		if (problem->from < problem->upto)
		{
			values[RES_PERIOD] = ts_daterange_make(problem->from, problem->upto);
			nulls[RES_PERIOD] = false;
		}
		put_amount(values, nulls, RES_AMOUNT, problem->amount);
		if (DatumGetPointer(problem->amount))
			put_amount(values, nulls, RES_DIFFERENCE,
					   DirectFunctionCall2(numeric_sub, problem->parts, problem->amount));
		put_cell(im, problem->row, problem->column, values, nulls);
		put_text(values, nulls, RES_CELL, problem->cell);
		put_text(values, nulls, RES_PROBLEM, problem->text);
		tuplestore_putvalues(store, desc, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
	}
}

/* What becomes of the targets, as rows of the result */
static void
write_nodes(const ts_import *im, Tuplestorestate *store, TupleDesc desc, MemoryContext row_context)
{
	for (int32 i = 0; i < im->tree->n + im->n_new; i++)
	{
		const ts_import_node *node = &im->nodes[i];
		const ts_sheet_cell *cell = node->cell >= 0 ? &im->cells[node->cell] : NULL;
		bool		is_new = i >= im->tree->n;
		Datum		values[RES_COLUMNS] = {0};
		bool		nulls[RES_COLUMNS];
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		if (!cell && !is_new && (im->proposal || node->after == node->before))
			continue;
		old = MemoryContextSwitchTo(row_context);
		memset(nulls, true, sizeof(nulls));
		put_text(values, nulls, RES_OUTCOME,
				 is_new ? "new" : node->kept ? "kept" : node->missing ? "missing" :
				 !cell ? "follows" : im->proposal ? "proposed" : "set");
		put_node(im, i, values, nulls);
		if (!is_new)
			put_amount(values, nulls, RES_AMOUNT_BEFORE, amount_of(im, node->before));
		if (!im->proposal || node->named)
		{
			ts_int128	after = im->proposal ? node->up : node->after;

			put_amount(values, nulls, RES_AMOUNT, amount_of(im, after));
			if (!is_new)
				put_amount(values, nulls, RES_DIFFERENCE, amount_of(im, after - node->before));
		}
		if (cell)
			put_cell(im, cell->row, cell->column, values, nulls);
		tuplestore_putvalues(store, desc, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
	}
}

/* --------------------------------------------------------------- writing */

/*
 * Locks the targets that the result depends on, in the order of their ids.
 * False if one of them is no longer what was read: then the call begins anew.
 */
static bool
lock_nodes(const ts_import *im)
{
	const ts_tree *tree = im->tree;
	Datum	   *ids = MemoryContextAllocHuge(im->context, sizeof(Datum) * tree->n);
	int			n = 0;
	ts_args		args = {0};
	HASHCTL		ctl = {0};
	HTAB	   *index;
	bool		same = true;
	struct
	{
		int64		id;
		int32		node;
	}		   *entry;

	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(*entry);
	ctl.hcxt = im->context;
	index = hash_create("target_split locks", 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int32 i = 0; i < tree->n; i++)
	{
		const ts_import_node *node = &im->nodes[i];

		CHECK_FOR_INTERRUPTS();
		if (node->cell < 0 && node->first_new < 0 && node->after == node->before)
			continue;
		ids[n++] = Int64GetDatum(tree->nodes[i].target_id);
		entry = hash_search(index, &tree->nodes[i].target_id, HASH_ENTER, NULL);
		entry->node = i;
	}
	ts_arg_int4(&args, tree->plan_id);
	ts_arg(&args, INT8ARRAYOID,
		   PointerGetDatum(construct_array(ids, n, INT8OID, 8, true, TYPALIGN_DOUBLE)), false);
	if (ts_run("SELECT t.target_id, t.n_children, t.amount, t.locked FROM target_split.target AS t"
			   " WHERE t.plan_id = $1 AND t.target_id = ANY ($2)"
			   " ORDER BY t.target_id FOR NO KEY UPDATE", &args, false) != (uint64) n)
		return false;
	for (int row = 0; row < n && same; row++)
	{
		int64		id = ts_int8(row, 1);

		CHECK_FOR_INTERRUPTS();
		entry = hash_search(index, &id, HASH_FIND, NULL);
		same = entry && ts_int4(row, 2) == tree->nodes[entry->node].n_children &&
			ts_units_from_numeric(ts_datum(row, 3), &tree->quantum, "amount") == im->nodes[entry->node].before &&
			ts_bool(row, 4) == is_locked(im, entry->node);
	}
	hash_destroy(index);
	pfree(ids);
	return same;
}

/* All arguments that are not left out, as JSON, for the record */
static Datum
arguments_json(FunctionCallInfo fcinfo)
{
	ts_args		args = {0};

	ts_arg(&args, TEXTOID, PG_GETARG_DATUM(ARG_PLAN), false);
	ts_arg(&args, TEXTOID, PG_GETARG_DATUM(ARG_METRIC), false);
	ts_arg(&args, REGCLASSOID, PG_GETARG_DATUM(ARG_RELATION), false);
	ts_arg(&args, JSONBOID, PG_GETARG_DATUM(ARG_SLICE), false);
	ts_arg(&args, TEXTARRAYOID, PG_GETARG_DATUM(ARG_MONTHS), PG_ARGISNULL(ARG_MONTHS));
	ts_arg(&args, JSONBOID, PG_GETARG_DATUM(ARG_PERIODS), PG_ARGISNULL(ARG_PERIODS));
	ts_arg(&args, TEXTOID, PG_GETARG_DATUM(ARG_PERIOD), PG_ARGISNULL(ARG_PERIOD));
	ts_arg(&args, TEXTOID, PG_GETARG_DATUM(ARG_AMOUNT), PG_ARGISNULL(ARG_AMOUNT));
	ts_arg(&args, TEXTOID, PG_GETARG_DATUM(ARG_GRAIN), false);
	ts_arg(&args, TEXTARRAYOID, PG_GETARG_DATUM(ARG_BY), PG_ARGISNULL(ARG_BY));
	ts_arg(&args, NUMERICOID, PG_GETARG_DATUM(ARG_SCALE), false);
	ts_arg(&args, TEXTOID, PG_GETARG_DATUM(ARG_ON_BLANK), false);
	ts_arg(&args, TEXTOID, PG_GETARG_DATUM(ARG_ON_UNKNOWN), false);
	ts_arg(&args, TEXTOID, PG_GETARG_DATUM(ARG_ON_TOTAL), false);
	ts_arg(&args, TEXTOID, PG_GETARG_DATUM(ARG_TOTAL_COLUMN), PG_ARGISNULL(ARG_TOTAL_COLUMN));
	ts_arg(&args, TEXTOID, PG_GETARG_DATUM(ARG_TOTAL_ROW), PG_ARGISNULL(ARG_TOTAL_ROW));
	ts_arg(&args, TEXTOID, PG_GETARG_DATUM(ARG_ABSORB), false);
	/* arrays as texts, so that they can be written into a call again */
	(void) ts_run("SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object("
				  "'plan', $1, 'metric', $2, 'relation', $3::text, 'slice', $4, 'months', $5::text,"
				  "'periods', $6, 'period', $7, 'amount', $8, 'grain', NULLIF($9, 'month'), 'by', $10::text,"
				  "'scale', NULLIF($11, 1), 'on_blank', NULLIF($12, 'error'), 'on_unknown', NULLIF($13, 'error'),"
				  "'on_total', NULLIF($14, 'error'), 'total_column', $15, 'total_row', $16,"
				  "'absorb', NULLIF($17, 'none')))", &args, true);
	return ts_datum_copy(0, 1, CurrentMemoryContext);
}

/* Records the call in "split", and returns its key there */
static int64
record_call(const ts_import *im, FunctionCallInfo fcinfo)
{
	ts_args		args = {0};
	Datum		arguments = arguments_json(fcinfo);
	Datum		names[TS_MAX_AXES];
	int64		n_split = 0;
	int64		n_filled = 0;

	for (int i = 0; i < im->n_axes && im->n_new > 0; i++)
		names[i] = CStringGetTextDatum(im->axes[i].name);
	for (int32 i = 0; i < im->tree->n; i++)
		n_split += im->nodes[i].first_new >= 0;
	for (int32 i = 0; i < im->n_new; i++)
		n_filled += im->new_nodes[i]->filled;
	ts_arg_int4(&args, im->tree->plan_id);
	ts_arg_int4(&args, im->tree->metric_id);
	ts_arg_int8(&args, im->tree->nodes[0].target_id);
	ts_arg(&args, TEXTARRAYOID,
		   PointerGetDatum(construct_array(names, im->n_new > 0 ? im->n_axes : 0, TEXTOID, -1, false,
										   TYPALIGN_INT)), false);
	ts_arg(&args, JSONBOID, arguments, false);
	ts_arg_int8(&args, n_filled);
	ts_arg_text(&args, ts_fallback_names[TS_MISSING_ZERO]);
	ts_arg_int8(&args, n_split);
	ts_arg_int8(&args, im->n_new);
	ts_arg_text(&args, ts_reason[0] ? ts_reason : NULL);
	(void) ts_run("INSERT INTO target_split.split (plan_id, metric_id, target_id, by_levels, method,"
				  " arguments, fallbacks, n_split, n_created, reason)"
				  " VALUES ($1, $2, $3, $4, 'import', $5,"
				  " CASE WHEN $6 > 0 THEN pg_catalog.jsonb_build_object($7, $6) ELSE '{}' END,"
				  " $8, $9, $10) RETURNING split_id", &args, false);
	return ts_int8(0, 1);
}

/* A row of what is written, for each target that changes or is made */
static int64
write_changes(ts_import *im, Tuplestorestate *store, TupleDesc desc, int64 *n_updated)
{
	const ts_tree *tree = im->tree;
	int64	   *ids = MemoryContextAllocHuge(im->context, sizeof(int64) * (im->n_new + 1));
	MemoryContext row_context = AllocSetContextCreate(im->context, "target_split change",
													  ALLOCSET_DEFAULT_SIZES);
	int64		n = 0;

	*n_updated = 0;
	for (int32 i = 0; i < tree->n + im->n_new; i++)
	{
		const ts_import_node *node = &im->nodes[i];
		bool		is_new = i >= tree->n;
		Datum		values[CHANGE_COLUMNS] = {0};
		bool		nulls[CHANGE_COLUMNS];
		MemoryContext old;

		CHECK_FOR_INTERRUPTS();
		if (im->proposal ? !node->named || node->kept : !is_new && node->after == node->before)
			continue;
		old = MemoryContextSwitchTo(row_context);
		memset(nulls, true, sizeof(nulls));
		if (is_new)
		{
			const ts_new_node *new_node = im->new_nodes[i - tree->n];
			const ts_axis *axis = &im->axes[new_node->axis];
			int			depth = tree->depth + new_node->n;

			for (int32 up = new_node->leaf; up > 0; up = tree->nodes[up].parent)
				depth++;
			ids[i - tree->n] = ts_next_target_id();
			values[CHANGE_TARGET_ID] = Int64GetDatum(ids[i - tree->n]);
			values[CHANGE_PARENT_ID] = Int64GetDatum(node->parent < tree->n ?
													 tree->nodes[node->parent].target_id :
													 ids[node->parent - tree->n]);
			values[CHANGE_MEMBER_ID] = Int64GetDatum(axis->is_time ? 0 :
													 tree->members->members[new_node->keys[new_node->n - 1]].member_id);
			values[CHANGE_N_CHILDREN] = Int32GetDatum(node->n_children);
			values[CHANGE_DEPTH] = Int32GetDatum(depth);
			values[CHANGE_LEVEL] = CStringGetTextDatum(axis->name);
			values[CHANGE_PERIOD] = ts_daterange_make(new_node->from, new_node->upto);
			values[CHANGE_SLICE] = new_node->slice;
			memset(nulls, false, sizeof(nulls));
			put_text(values, nulls, CHANGE_FALLBACK,
					 new_node->filled ? ts_fallback_names[TS_MISSING_ZERO] : NULL);
		}
		else
		{
			values[CHANGE_TARGET_ID] = Int64GetDatum(tree->nodes[i].target_id);
			nulls[CHANGE_TARGET_ID] = false;
			(*n_updated)++;
		}
		values[CHANGE_IS_NEW] = BoolGetDatum(is_new);
		nulls[CHANGE_IS_NEW] = false;
		/* a number of the sheet's is somebody's decision, as in adjust_target */
		values[CHANGE_BY_HAND] = BoolGetDatum(node->named && !node->kept);
		nulls[CHANGE_BY_HAND] = false;
		values[CHANGE_AMOUNT] = amount_of(im, im->proposal ? node->up : node->after);
		nulls[CHANGE_AMOUNT] = false;
		tuplestore_putvalues(store, desc, values, nulls);
		n++;
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
	}
	MemoryContextDelete(row_context);
	return n;
}

static TupleDesc
change_desc(void)
{
	TupleDesc	desc = CreateTemplateTupleDesc(CHANGE_COLUMNS);

	TupleDescInitEntry(desc, CHANGE_TARGET_ID + 1, "target_id", INT8OID, -1, 0);
	TupleDescInitEntry(desc, CHANGE_IS_NEW + 1, "is_new", BOOLOID, -1, 0);
	TupleDescInitEntry(desc, CHANGE_PARENT_ID + 1, "parent_id", INT8OID, -1, 0);
	TupleDescInitEntry(desc, CHANGE_MEMBER_ID + 1, "member_id", INT8OID, -1, 0);
	TupleDescInitEntry(desc, CHANGE_N_CHILDREN + 1, "n_children", INT4OID, -1, 0);
	TupleDescInitEntry(desc, CHANGE_DEPTH + 1, "depth", INT4OID, -1, 0);
	TupleDescInitEntry(desc, CHANGE_LEVEL + 1, "level", TEXTOID, -1, 0);
	TupleDescInitEntry(desc, CHANGE_PERIOD + 1, "period", DATERANGEOID, -1, 0);
	TupleDescInitEntry(desc, CHANGE_AMOUNT + 1, "amount", NUMERICOID, -1, 0);
	TupleDescInitEntry(desc, CHANGE_SLICE + 1, "slice", JSONBOID, -1, 0);
	TupleDescInitEntry(desc, CHANGE_FALLBACK + 1, "fallback", TEXTOID, -1, 0);
	TupleDescInitEntry(desc, CHANGE_BY_HAND + 1, "by_hand", BOOLOID, -1, 0);
	return desc;
}

#define UPDATE_CHANGED \
	"UPDATE target_split.target AS t SET amount = c.amount, adjusted = t.adjusted OR c.by_hand" \
	" FROM import_change AS c" \
	" WHERE t.plan_id = $1 AND t.target_id = c.target_id AND NOT c.is_new"
#define INSERT_NEW \
	"INSERT INTO target_split.target (target_id, parent_id, split_id, member_id, lineage_id," \
	" plan_id, metric_id, n_children, depth, level, period, amount, slice, fallback)" \
	" SELECT c.target_id, c.parent_id, $3, c.member_id, c.target_id, $1, $2, c.n_children, c.depth," \
	" c.level, c.period, c.amount, c.slice, c.fallback FROM import_change AS c WHERE c.is_new"

/* Writes the targets, or the proposals, by one statement */
static void
write_all(ts_import *im, FunctionCallInfo fcinfo)
{
	TupleDesc	desc = change_desc();
	Tuplestorestate *store = tuplestore_begin_heap(true, false, work_mem);
	ts_args		args = {0};
	int64		n_updated;
	int64		n = write_changes(im, store, desc, &n_updated);

	if (n > 0)
	{
		ts_register_rows("import_change", store, desc, n);
		ts_arg_int4(&args, im->tree->plan_id);
		if (im->proposal)
		{
			ts_arg_text(&args, ts_reason[0] ? ts_reason : NULL);
			(void) ts_run("INSERT INTO target_split.proposal (plan_id, target_id, amount, reason)"
						  " SELECT $1, c.target_id, c.amount, $2 FROM import_change AS c", &args, false);
		}
		else
		{
			int64		split_id = record_call(im, fcinfo);

			ts_arg_int4(&args, im->tree->metric_id);
			ts_arg_int8(&args, split_id);
			ts_split_in_progress = split_id;
			if (im->n_new == 0)
				args.n = 1;
			(void) ts_run(im->n_new == 0 ? UPDATE_CHANGED :
						  n_updated == 0 ? INSERT_NEW :
						  "WITH changed AS (" UPDATE_CHANGED ") " INSERT_NEW, &args, false);
			ts_split_in_progress = 0;
		}
		SPI_unregister_relation("import_change");
	}
	tuplestore_end(store);
}

/* -------------------------------------------------------- the call itself */

/* One of a list of words: its number */
static int
word_arg(FunctionCallInfo fcinfo, int argument, const char *name, const char *const *words)
{
	char	   *value = ts_text_argument(fcinfo, argument, name);
	StringInfoData hint;

	initStringInfo(&hint);
	for (int i = 0; words[i]; i++)
	{
		if (strcmp(value, words[i]) == 0)
			return i;
		appendStringInfo(&hint, "%s%s => '%s'", i > 0 ? (words[i + 1] ? ", " : " or ") : "", name, words[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("value \"%s\" of argument \"%s\" is not one of its words", value, name),
			 errhint("%s", hint.data)));
}

/* Reads the arguments that do not need the plan, and refuses what goes not together */
static void
read_arguments(FunctionCallInfo fcinfo, ts_import *im)
{
	static const char *const blank_words[] = {"error", "keep", "missing", "zero", NULL};
	static const char *const unknown_words[] = {"error", "skip", NULL};
	static const char *const total_words[] = {"error", "accept", NULL};
	static const char *const absorb_words[] = {"none", "root", NULL};
	static const char *const as_words[] = {"targets", "proposal", NULL};
	char	   *grain = ts_text_argument(fcinfo, ARG_GRAIN, "grain");
	int			n_wide = !PG_ARGISNULL(ARG_MONTHS) + !PG_ARGISNULL(ARG_PERIODS);

	ts_require(fcinfo, ARG_RELATION, "relation");
	ts_require(fcinfo, ARG_SLICE, "slice");
	ts_require(fcinfo, ARG_SCALE, "scale");
	im->on_blank = word_arg(fcinfo, ARG_ON_BLANK, "on_blank", blank_words);
	im->skip_unknown = word_arg(fcinfo, ARG_ON_UNKNOWN, "on_unknown", unknown_words) == 1;
	im->accept_totals = word_arg(fcinfo, ARG_ON_TOTAL, "on_total", total_words) == 1;
	im->absorb_root = word_arg(fcinfo, ARG_ABSORB, "absorb", absorb_words) == 1;
	im->proposal = word_arg(fcinfo, ARG_IMPORT_AS, "import_as", as_words) == 1;
	if (!ts_grain_from_name(grain, &im->grain))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a grain", grain),
				 errhint("grain => 'year', 'half', 'quarter', 'month', 'week' or 'day'")));
	if (n_wide + !PG_ARGISNULL(ARG_AMOUNT) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("exactly one of \"months\", \"periods\" and \"amount\" must name the columns with amounts"),
				 errhint("months => '{M01,M02,M03}' or periods => '{\"2024-01\": \"January\"}' for a column per period;"
						 " amount => 'amount', period => 'month' for a row per period.")));
	if (n_wide > 0 && !PG_ARGISNULL(ARG_PERIOD))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"period\" goes with \"amount\", a row per period")));
	if (n_wide == 0 && !PG_ARGISNULL(ARG_TOTAL_COLUMN))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"total_column\" goes with \"months\" or \"periods\", a column per period")));
	im->scale = PG_GETARG_DATUM(ARG_SCALE);
	if (numeric_is_nan(DatumGetNumeric(im->scale)) || numeric_is_inf(DatumGetNumeric(im->scale)) ||
		!DatumGetBool(DirectFunctionCall2(numeric_gt, im->scale,
										  DirectFunctionCall1(int8_numeric, Int64GetDatum(0)))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("scale must be more than 0, not %s", numeric_text(im->scale)),
				 errhint("scale => 1000 for a sheet in thousands")));
	im->relid = PG_GETARG_OID(ARG_RELATION);
	im->period_column = PG_ARGISNULL(ARG_PERIOD) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(ARG_PERIOD));
	im->total_column = PG_ARGISNULL(ARG_TOTAL_COLUMN) ? NULL :
		text_to_cstring(PG_GETARG_TEXT_PP(ARG_TOTAL_COLUMN));
	im->total_row = PG_ARGISNULL(ARG_TOTAL_ROW) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(ARG_TOTAL_ROW));
	im->by = PG_ARGISNULL(ARG_BY) ? NULL : PG_GETARG_ARRAYTYPE_P(ARG_BY);
}

/* slice => '{"market": "Region"}': the columns with codes, by dimension and level */
static void
read_slice(ts_import *im, Jsonb *slice)
{
	ts_args		args = {0};
	uint64		n;

	if (!JB_ROOT_IS_OBJECT(slice))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"slice\" must be an object of dimensions or levels and columns"),
				 errhint("slice => '{\"market\": \"Region\"}'")));
	ts_arg(&args, JSONBOID, JsonbPGetDatum(slice), false);
	n = ts_run("SELECT k.key, k.value #>> '{}', pg_catalog.jsonb_typeof(k.value) = 'string',"
			   " l.dimension_id, l.depth::int4, d.name, pg_catalog.count(*) OVER (PARTITION BY l.dimension_id) = 1"
			   " FROM pg_catalog.jsonb_each($1) AS k (key, value)"
			   " LEFT JOIN target_split.dimension_level AS l ON l.name = k.key"
			   " LEFT JOIN target_split.dimension AS d ON d.dimension_id = l.dimension_id"
			   " ORDER BY l.dimension_id NULLS FIRST, l.depth", &args, true);
	im->keys = MemoryContextAllocZero(im->context, sizeof(ts_sheet_key) * (n + 1));
	im->n_keys = (int) n;
	for (uint64 row = 0; row < n; row++)
	{
		ts_sheet_key *key = &im->keys[row];

		key->level = ts_text(row, 1, im->context);
		key->column = ts_text(row, 2, im->context);
		if (ts_isnull(row, 4))
		{
			(void) ts_run("SELECT l.name FROM target_split.dimension_level AS l"
						  " ORDER BY l.dimension_id, l.depth", TS_NO_ARGS, true);
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("level \"%s\" does not exist", key->level),
					 SPI_processed == 0 ? errdetail("There are no dimensions yet.") :
					 errdetail("Levels: %s.", ts_list(1))));
		}
		if (!ts_bool(row, 3))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"slice\" does not name a column for \"%s\"", key->level),
					 errhint("slice => '{\"market\": \"Region\"}'")));
		key->dimension_id = ts_int4(row, 4);
		key->depth = ts_int4(row, 5);
		key->dimension = ts_text(row, 6, im->context);
		key->alone = ts_bool(row, 7);
	}
}

/*
 * Loads the plan, reads the sheet, and finds out what would become of the
 * targets.  Everything is allocated in im->context.
 */
static void
work_out(FunctionCallInfo fcinfo, ts_import *im)
{
	ts_plan		plan;
	ts_metric	metric;
	int32		dimension_ids[2 * TS_MAX_AXES];
	int			n_dims = 0;

	ts_plan_find(text_to_cstring(PG_GETARG_TEXT_PP(ARG_PLAN)), &plan, im->context);
	ts_metric_find(text_to_cstring(PG_GETARG_TEXT_PP(ARG_METRIC)), &metric, im->context);
	im->relation = ts_relation_name(im->relid, "relation", im->context);
	read_slice(im, PG_GETARG_JSONB_P(ARG_SLICE));
	if (im->by)
		n_dims = ts_axes_parse(im->by, im->axes, &im->n_axes, dimension_ids, im->context);
	for (int i = 0; i < im->n_keys; i++)
	{
		bool		known = false;

		for (int j = 0; j < n_dims; j++)
			known |= dimension_ids[j] == im->keys[i].dimension_id;
		if (known)
			continue;
		if (n_dims == lengthof(dimension_ids))
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("argument \"slice\" names too many dimensions")));
		dimension_ids[n_dims++] = im->keys[i].dimension_id;
	}
	im->tree = ts_tree_load(ts_root_target(&plan, &metric, false), true, n_dims, dimension_ids, im->context);
	if (!im->tree->additive)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("metric \"%s\" is not additive", im->tree->metric),
				 errdetail("Parts of it do not add up to the whole.")));
	im->from = plan.from;
	im->upto = plan.upto;
	MemoryContextSwitchTo(im->context);
	im->quantum = ts_units_to_numeric(1, &im->tree->quantum);
	for (int i = 0; i < im->n_keys; i++)
		im->keys[i].dim = ts_tree_dim(im->tree, im->keys[i].dimension_id);
	ts_import_find_columns(im, PG_ARGISNULL(ARG_MONTHS) ? NULL : PG_GETARG_ARRAYTYPE_P(ARG_MONTHS),
						   PG_ARGISNULL(ARG_PERIODS) ? NULL : PG_GETARG_JSONB_P(ARG_PERIODS),
						   PG_ARGISNULL(ARG_AMOUNT) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(ARG_AMOUNT)));
	ts_import_read(im);
	for (int64 i = 0; i < im->n_cells; i++)
	{
		const ts_sheet_cell *cell = &im->cells[i];

		CHECK_FOR_INTERRUPTS();
		if (cell->state == TS_CELL_BLANK && im->on_blank == TS_BLANK_ERROR && im->rows[cell->row].known)
		{
			ts_problem *problem = ts_import_problem(im, TS_PROBLEM_BLANK, cell->row, cell->column, NULL,
													"is blank");

			problem->from = cell->from;
			problem->upto = cell->upto;
		}
	}
	place_cells(im);
	make_new_nodes(im);
	make_nodes(im);
	load_bounds(im);
	if (im->proposal)
		return;
	settle(im);
	if (im->n_new > 0)
		find_gaps(im);
}

static Datum
import_or_preview(FunctionCallInfo fcinfo, bool preview)
{
	ReturnSetInfo *rsinfo;
	MemoryContext context;
	MemoryContext old;
	ts_import  *im = NULL;

	for (int i = ARG_PLAN; i <= ARG_METRIC; i++)
		ts_require(fcinfo, i, i == ARG_PLAN ? "plan" : "metric");
	ts_init_materialized_srf(fcinfo);
	rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	if (!preview && !PG_ARGISNULL(ARG_REASON))
		(void) set_config_option("target_split.reason", text_to_cstring(PG_GETARG_TEXT_PP(ARG_REASON)),
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);

	ts_connect();
	context = AllocSetContextCreate(CurrentMemoryContext, "target_split import",
									ALLOCSET_DEFAULT_SIZES);
	for (int attempt = 1;; attempt++)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(context);
		old = MemoryContextSwitchTo(context);
		im = palloc0(sizeof(ts_import));
		im->context = context;
		im->preview = preview;
		read_arguments(fcinfo, im);
		MemoryContextSwitchTo(old);
		work_out(fcinfo, im);
		if (preview)
			break;
		refuse_problems(im);
		if (im->n_cells == 0)
			ereport(ERROR,
					(errcode(ERRCODE_NO_DATA_FOUND),
					 errmsg("relation %s has no amounts", im->relation)));
		if (im->proposal || lock_nodes(im))
			break;
		/* nobody changes targets that often between two statements: they cannot be locked */
		if (attempt == 10)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("targets of plan \"%s\" cannot be locked by role \"%s\"",
							im->tree->plan, GetUserNameFromId(GetUserId(), false)),
					 errhint("A row-level security policy lets the role read targets that it must not change.")));
	}
	MemoryContextSwitchTo(context);
	if (!preview)
		write_all(im, fcinfo);
	MemoryContextSwitchTo(context);
	write_problems(im, rsinfo->setResult, rsinfo->setDesc,
				   AllocSetContextCreate(context, "target_split problem", ALLOCSET_DEFAULT_SIZES));
	write_nodes(im, rsinfo->setResult, rsinfo->setDesc,
				AllocSetContextCreate(context, "target_split row", ALLOCSET_DEFAULT_SIZES));
	ts_finish();
	return (Datum) 0;
}

/*
 * import_targets(plan, metric, relation, slice, months, periods, period,
 *				  amount, grain, by, scale, on_blank, on_unknown, on_total,
 *				  total_column, total_row, absorb, import_as, reason)
 *
 * Makes the amounts of a sheet targets of a plan, or proposals beside them.
 */
Datum
target_split_import_targets(PG_FUNCTION_ARGS)
{
	return import_or_preview(fcinfo, false);
}

/* The same rows, with everything that is wrong among them; nothing is written */
Datum
target_split_preview_import(PG_FUNCTION_ARGS)
{
	return import_or_preview(fcinfo, true);
}
