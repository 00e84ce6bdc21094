/*-------------------------------------------------------------------------
 *
 * tree.c
 *	  The targets at and under one target, in memory, and the way of a fact
 *	  down to its node.
 *
 * A fact belongs to a node if it belongs to the node's parent and to the
 * member, or falls into the period, on the edge between the two.  A member
 * that stands for the rest takes the facts of its parent that none of its
 * siblings takes.  So a fact finds its way from the top by one look-up an
 * edge, however ragged the tree is.
 *
 * Limits: about 100 bytes a target, and its slice where that is asked for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "plan.h"
#include "query.h"
#include "tree.h"

#define FETCH_ROWS 10000

#define HINT_HIDDEN \
	"A row-level security policy may hide it; if there is none: SELECT * FROM target_split.plan_check;"

typedef struct edge_key
{
	int32		node;
	int32		member;
} edge_key;

/* In place of a member: the rest among those below one, -1 for the top */
#define REST_KEY(above) (-2 - (above))

typedef struct edge_entry
{
	edge_key	key;
	int32		child;
} edge_entry;

/* Plan, metric and calendar of the target that the tree starts at */
static void
load_start(ts_tree *tree, int64 target_id, MemoryContext context)
{
	ts_args		args = {0};
	MemoryContext old;

	/*
	 * target_id is the second column of the primary key; the plans are few
	 * and lead it, so this is one index probe per plan.
	 */
	ts_arg_int8(&args, target_id);
	if (ts_run("SELECT t.plan_id, t.metric_id, p.family, p.version, m.name,"
			   " m.additive, pm.quantum, p.calendar_id, t.depth::int4, p.is_current"
			   " FROM target_split.target t"
			   " JOIN target_split.plan p ON p.plan_id = t.plan_id"
			   " JOIN target_split.metric m ON m.metric_id = t.metric_id"
			   " JOIN target_split.plan_metric pm ON pm.plan_id = t.plan_id AND pm.metric_id = t.metric_id"
			   " WHERE t.plan_id = ANY (ARRAY(SELECT x.plan_id FROM target_split.plan x))"
			   " AND t.target_id = $1", &args, false) == 0)
		ts_no_target(target_id);
	tree->plan_id = ts_int4(0, 1);
	tree->metric_id = ts_int4(0, 2);
	tree->plan = ts_text(0, 3, context);
	if (!DatumGetBool(ts_datum(0, 10)))
		tree->plan = MemoryContextStrdup(context,
										 psprintf("%s#%d", tree->plan, ts_int4(0, 4)));
	tree->metric = ts_text(0, 5, context);
	tree->additive = DatumGetBool(ts_datum(0, 6));
	ts_quantum_from_numeric(ts_datum(0, 7), &tree->quantum);
	tree->calendar_id = ts_int4(0, 8);
	tree->depth = ts_int4(0, 9);
	old = MemoryContextSwitchTo(context);
	ts_calendar_load_by_id(tree->calendar_id, &tree->calendar);
	MemoryContextSwitchTo(old);
}

/* Streams the targets at and under one, or that one alone, parents first, into nodes */
static void
load_nodes(ts_tree *tree, int64 target_id, bool alone, bool with_slices, MemoryContext context)
{
	ts_args		args = {0};
	const char *sql;
	Portal		portal;
	int32		space = 1024;
	HASHCTL		ctl = {0};
	HTAB	   *index;
	struct
	{
		int64		id;
		int32		node;
	}		   *entry;

	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(*entry);
	ctl.hcxt = CurrentMemoryContext;
	index = hash_create("target_split targets", 1024, &ctl,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	/* the whole plan needs no recursion: the depth gives the order */
	ts_arg_int4(&args, tree->plan_id);
	if (alone)
	{
		ts_arg_int8(&args, target_id);
		sql = "SELECT t.target_id, t.parent_id, t.member_id, t.period, t.amount, t.slice, 0"
			" FROM target_split.target t WHERE t.plan_id = $1 AND t.target_id = $2";
	}
	else if (tree->depth == 0)
	{
		ts_arg_int4(&args, tree->metric_id);
		sql = "SELECT t.target_id, t.parent_id, t.member_id, t.period, t.amount, t.slice, t.n_children"
			" FROM target_split.target t"
			" WHERE t.plan_id = $1 AND t.metric_id = $2"
			" ORDER BY t.depth, t.target_id";
	}
	else
	{
		ts_arg_int8(&args, target_id);
		sql = "WITH RECURSIVE sub AS ("
			"SELECT t.target_id, t.parent_id, t.member_id, t.period, t.amount, t.slice, t.n_children, t.depth"
			" FROM target_split.target t WHERE t.plan_id = $1 AND t.target_id = $2"
			" UNION ALL "
			"SELECT t.target_id, t.parent_id, t.member_id, t.period, t.amount, t.slice, t.n_children, t.depth"
			" FROM sub JOIN target_split.target t ON t.plan_id = $1 AND t.parent_id = sub.target_id)"
			" SELECT target_id, parent_id, member_id, period, amount, slice, n_children FROM sub"
			" ORDER BY depth, target_id";
	}
	portal = SPI_cursor_open_with_args(NULL, sql, args.n, args.types, args.values,
									   args.nulls, false, 0);
	tree->nodes = MemoryContextAllocHuge(context, sizeof(ts_node) * space);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (uint64 row = 0; row < SPI_processed; row++)
		{
			ts_node    *node;
			int64		id = ts_int8(row, 1);
			bool		found;
			bool		empty;

			CHECK_FOR_INTERRUPTS();
			if (tree->n == space)
			{
				if (space > PG_INT32_MAX / 2)
					ereport(ERROR,
							(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							 errmsg("plan \"%s\" has too many targets", tree->plan)));
				space *= 2;
				tree->nodes = repalloc_huge(tree->nodes, sizeof(ts_node) * space);
			}
			node = &tree->nodes[tree->n];
			memset(node, 0, sizeof(*node));
			node->target_id = id;
			node->member_id = ts_int8(row, 3);
			node->parent = -1;
			node->member = -1;
			if (tree->n > 0)
			{
				int64		parent_id = ts_int8(row, 2);

				entry = hash_search(index, &parent_id, HASH_FIND, NULL);
				if (!entry)
					ereport(ERROR,
							(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
							 errmsg("role \"%s\" sees target %lld, but not the target above it",
									GetUserNameFromId(GetUserId(), false), (long long) id),
							 errhint(HINT_HIDDEN)));
				node->parent = entry->node;
			}
			ts_daterange_parts(ts_datum(row, 4), &node->from, &node->upto, &empty);
			node->amount = ts_datum_copy(row, 5, context);
			if (with_slices)
				node->slice = ts_datum_copy(row, 6, context);
			/* compared in link_nodes with what has come */
			node->n_children = ts_int4(row, 7);
			entry = hash_search(index, &id, HASH_ENTER, &found);
			entry->node = tree->n++;
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	hash_destroy(index);
}

static int
compare_int4(const void *a, const void *b)
{
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;

	return x < y ? -1 : x > y;
}

static int
compare_int8(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

/* Members on the way from the root to nodes[0], that one included */
static int
load_way(const ts_tree *tree, int64 **member_ids, int64 **parent_ids, MemoryContext context)
{
	ts_args		args = {0};
	uint64		n;

	ts_arg_int4(&args, tree->plan_id);
	ts_arg_int8(&args, tree->nodes[0].target_id);
	n = ts_run("WITH RECURSIVE way AS ("
			   "SELECT t.parent_id, t.member_id, t.depth FROM target_split.target t"
			   " WHERE t.plan_id = $1 AND t.target_id = $2"
			   " UNION ALL "
			   "SELECT t.parent_id, t.member_id, t.depth FROM way JOIN target_split.target t"
			   " ON t.plan_id = $1 AND t.target_id = way.parent_id)"
			   " SELECT member_id, parent_id FROM way WHERE member_id <> 0 ORDER BY depth",
			   &args, false);
	*member_ids = MemoryContextAlloc(context, sizeof(int64) * (n + 1));
	*parent_ids = MemoryContextAlloc(context, sizeof(int64) * (n + 1));
	for (uint64 row = 0; row < n; row++)
	{
		(*member_ids)[row] = ts_int8(row, 1);
		(*parent_ids)[row] = ts_int8(row, 2);
	}
	return (int) n;
}

/*
 * Finds the dimensions of all members in use, and those asked for besides,
 * and loads their members.
 */
static void
load_members(ts_tree *tree, const int64 *way, int n_way,
			 int n_dims, const int32 *dimension_ids, MemoryContext context)
{
	int64	   *ids = MemoryContextAllocHuge(CurrentMemoryContext,
											 sizeof(int64) * (tree->n + n_way + 1));
	int64		n = 0;
	int64		distinct = 0;
	Datum	   *values;
	ts_args		args = {0};
	uint64		found;

	for (int32 i = 0; i < tree->n; i++)
		if (tree->nodes[i].member_id != 0)
			ids[n++] = tree->nodes[i].member_id;
	for (int i = 0; i < n_way; i++)
		ids[n++] = way[i];
	qsort(ids, n, sizeof(int64), compare_int8);
	for (int64 i = 0; i < n; i++)
		if (i == 0 || ids[i] != ids[i - 1])
			ids[distinct++] = ids[i];
	values = palloc(sizeof(Datum) * (distinct + n_dims + 1));
	for (int64 i = 0; i < distinct; i++)
		values[i] = Int64GetDatum(ids[i]);
	ts_arg(&args, INT8ARRAYOID,
		   PointerGetDatum(construct_array(values, (int) distinct, INT8OID, 8, true, TYPALIGN_DOUBLE)),
		   false);
	for (int i = 0; i < n_dims; i++)
		values[i] = Int32GetDatum(dimension_ids[i]);
	ts_arg(&args, INT4ARRAYOID,
		   PointerGetDatum(construct_array(values, n_dims, INT4OID, 4, true, TYPALIGN_INT)),
		   false);
	found = ts_run("SELECT d.dimension_id, d.name FROM target_split.dimension d"
				   " WHERE d.dimension_id = ANY ($2) OR d.dimension_id IN"
				   " (SELECT m.dimension_id FROM target_split.member m WHERE m.member_id = ANY ($1))"
				   " ORDER BY d.dimension_id", &args, false);
	tree->n_dims = (int) found;
	tree->dimension_ids = MemoryContextAllocZero(context, sizeof(int32) * (found + 1));
	tree->dimensions = MemoryContextAllocZero(context, sizeof(char *) * (found + 1));
	tree->depths = MemoryContextAllocZero(context, sizeof(int) * (found + 1));
	tree->start_member = MemoryContextAllocZero(context, sizeof(int32) * (found + 1));
	for (uint64 row = 0; row < found; row++)
	{
		tree->dimension_ids[row] = ts_int4(row, 1);
		tree->dimensions[row] = ts_text(row, 2, context);
		tree->start_member[row] = -1;
	}
	tree->members = ts_members_load(tree->n_dims, tree->dimension_ids,
									tree->nodes[0].from, context);
	pfree(ids);
	pfree(values);
}

/* Index of a member in use; one that is gone would be a broken promise */
static int32
member_index(const ts_tree *tree, int64 member_id)
{
	int32		index = ts_members_by_id(tree->members, member_id);

	if (index < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("member %lld does not exist", (long long) member_id),
				 errhint("SELECT * FROM target_split.plan_check;")));
	return index;
}

/* Notes a member's level as in use */
static void
use_member(ts_tree *tree, int32 member)
{
	const ts_member *m = &tree->members->members[member];

	tree->depths[m->dim_no] = Max(tree->depths[m->dim_no], m->depth);
}

/* Lists the siblings that a member which stands for the rest leaves out */
static void
load_rest(ts_tree *tree, int32 member, int64 parent_id, MemoryContext context)
{
	const ts_member *m = &tree->members->members[member];
	ts_rest    *rest;
	ts_args		args = {0};
	uint64		n;

	ts_arg_int4(&args, tree->plan_id);
	ts_arg_int8(&args, parent_id);
	ts_arg_int8(&args, m->member_id);
	n = ts_run("SELECT t.member_id FROM target_split.target t"
			   " WHERE t.plan_id = $1 AND t.parent_id = $2 AND t.member_id NOT IN (0, $3)",
			   &args, false);
	rest = &tree->rests[tree->n_rests++];
	rest->dim = m->dim_no;
	rest->depth = m->depth;
	rest->n_named = (int) n;
	rest->named = MemoryContextAlloc(context, sizeof(int32) * (n + 1));
	for (uint64 row = 0; row < n; row++)
		rest->named[row] = member_index(tree, ts_int8(row, 1));
	qsort(rest->named, n, sizeof(int32), compare_int4);
}

/* Lays out the children of each node, by period or by member */
static void
link_nodes(ts_tree *tree, MemoryContext context)
{
	HASHCTL		ctl = {0};
	int32	   *next;

	ctl.keysize = sizeof(edge_key);
	ctl.entrysize = sizeof(edge_entry);
	ctl.hcxt = context;
	tree->edges = hash_create("target_split edges", Max(tree->n, 16), &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	tree->children = MemoryContextAllocHuge(context, sizeof(int32) * (tree->n + 1));
	next = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * (tree->n + 1));

	memset(next, 0, sizeof(int32) * tree->n);
	for (int32 i = 1; i < tree->n; i++)
		next[tree->nodes[i].parent]++;
	for (int32 i = 0, first = 0; i < tree->n; i++)
	{
		/* a part of the children would make wrong sums, none of them a leaf */
		if (next[i] != tree->nodes[i].n_children)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("target %lld has %d children, of which role \"%s\" sees %d",
							(long long) tree->nodes[i].target_id, tree->nodes[i].n_children,
							GetUserNameFromId(GetUserId(), false), next[i]),
					 errhint(HINT_HIDDEN)));
		tree->nodes[i].first_child = next[i] = first;
		first += tree->nodes[i].n_children;
	}
	for (int32 i = 1; i < tree->n; i++)
	{
		ts_node    *node = &tree->nodes[i];
		ts_node    *parent = &tree->nodes[node->parent];

		CHECK_FOR_INTERRUPTS();
		tree->children[next[node->parent]++] = i;
		if (node->member < 0)
			parent->by_time = true;
		else
		{
			const ts_member *m = &tree->members->members[node->member];
			edge_key	key = {node->parent, node->member};
			edge_entry *entry = hash_search(tree->edges, &key, HASH_ENTER, NULL);

			entry->child = i;
			if (m->is_rest)
			{
				/* found by the member above, for there may be one below each */
				key.member = REST_KEY(m->parent);
				entry = hash_search(tree->edges, &key, HASH_ENTER, NULL);
				entry->child = i;
				parent->has_rest = true;
			}
		}
	}
	/* siblings set apart by time are searched by their first day */
	for (int32 i = 0; i < tree->n; i++)
	{
		ts_node    *node = &tree->nodes[i];
		int32	   *list = tree->children + node->first_child;

		if (!node->by_time)
			continue;
		/* ids were given in the order of time: nearly always sorted already */
		for (int32 j = 1; j < node->n_children; j++)
		{
			int32		child = list[j];
			int32		k = j;

			while (k > 0 && tree->nodes[list[k - 1]].from > tree->nodes[child].from)
			{
				list[k] = list[k - 1];
				k--;
			}
			list[k] = child;
		}
	}
	pfree(next);
}

static ts_tree *
load_tree(int64 target_id, bool alone, bool with_slices, int n_dims,
		  const int32 *dimension_ids, MemoryContext context)
{
	ts_tree    *tree = MemoryContextAllocZero(context, sizeof(ts_tree));
	int64	   *way;
	int64	   *way_parents;
	int			n_way;

	/* slices are read to be written: no member may change its name meanwhile */
	if (with_slices)
		ts_members_lock(RowShareLock);
	load_start(tree, target_id, context);
	load_nodes(tree, target_id, alone, with_slices, context);
	n_way = load_way(tree, &way, &way_parents, context);
	load_members(tree, way, n_way, n_dims, dimension_ids, context);

	tree->rests = MemoryContextAllocZero(context, sizeof(ts_rest) * (n_way + 1));
	tree->n_way = n_way;
	tree->way = MemoryContextAlloc(context, sizeof(int32) * (n_way + 1));
	for (int i = 0; i < n_way; i++)
	{
		int32		member = member_index(tree, way[i]);
		const ts_member *m = &tree->members->members[member];

		use_member(tree, member);
		tree->way[i] = member;
		tree->start_member[m->dim_no] = member;
		if (m->is_rest)
			load_rest(tree, member, way_parents[i], context);
	}
	for (int32 i = 1; i < tree->n; i++)
		if (tree->nodes[i].member_id != 0)
		{
			tree->nodes[i].member = member_index(tree, tree->nodes[i].member_id);
			use_member(tree, tree->nodes[i].member);
		}
	link_nodes(tree, context);
	return tree;
}

/*
 * Loads the targets at and under one, with the members of all dimensions in
 * use and of n_dims more.  Must be called inside an SPI connection; what is
 * returned lives in context.
 *
 * Errors: a target that does not exist.
 */
ts_tree *
ts_tree_load(int64 target_id, bool with_slices, int n_dims,
			 const int32 *dimension_ids, MemoryContext context)
{
	return load_tree(target_id, false, with_slices, n_dims, dimension_ids, context);
}

/* The same for the target alone, as if nothing were under it; with its slice */
ts_tree *
ts_tree_load_alone(int64 target_id, int n_dims, const int32 *dimension_ids, MemoryContext context)
{
	return load_tree(target_id, true, true, n_dims, dimension_ids, context);
}

/*
 * The tree with more nodes below some of its leaves.  Nodes n ... of the new
 * tree are the new ones, which follow their parents and name them by their place
 * in the new tree; the old tree stays as it is.
 */
ts_tree *
ts_tree_deepen(const ts_tree *tree, int32 n_new, const ts_node *new_nodes, MemoryContext context)
{
	ts_tree    *deeper = MemoryContextAlloc(context, sizeof(ts_tree));

	*deeper = *tree;
	if (n_new > PG_INT32_MAX / 2 - tree->n)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("plan \"%s\" would have too many targets", tree->plan)));
	deeper->n = tree->n + n_new;
	deeper->nodes = MemoryContextAllocHuge(context, sizeof(ts_node) * deeper->n);
	memcpy(deeper->nodes, tree->nodes, sizeof(ts_node) * tree->n);
	memcpy(deeper->nodes + tree->n, new_nodes, sizeof(ts_node) * n_new);
	deeper->depths = MemoryContextAlloc(context, sizeof(int) * (tree->n_dims + 1));
	memcpy(deeper->depths, tree->depths, sizeof(int) * tree->n_dims);
	for (int32 i = tree->n; i < deeper->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		deeper->nodes[i].n_children = 0;
		deeper->nodes[deeper->nodes[i].parent].n_children++;
		if (deeper->nodes[i].member >= 0)
			use_member(deeper, deeper->nodes[i].member);
	}
	link_nodes(deeper, context);
	return deeper;
}

/* Position of a dimension in the tree's list, -1 if it is not in use */
int
ts_tree_dim(const ts_tree *tree, int32 dimension_id)
{
	for (int dim = 0; dim < tree->n_dims; dim++)
		if (tree->dimension_ids[dim] == dimension_id)
			return dim;
	return -1;
}

/* The parent of a member's ancestor of a depth, -1 for none */
static int32
parent_of(const ts_tree *tree, int32 member, int depth)
{
	return depth > 1 ? ts_members_ancestor(tree->members, member, depth - 1) : -1;
}

/*
 * Does a fact with these members (the deepest known per dimension, -1 for
 * none) belong to the slice of nodes[0]?
 */
bool
ts_tree_in_scope(const ts_tree *tree, const int32 *member)
{
	for (int dim = 0; dim < tree->n_dims; dim++)
	{
		int32		start = tree->start_member[dim];
		const ts_member *m;
		int32		up;

		if (start < 0)
			continue;
		m = &tree->members->members[start];
		up = member[dim] < 0 ? -1 : ts_members_ancestor(tree->members, member[dim], m->depth);
		if (up == start)
			continue;
		/* the rest holds whatever shares its parent and has no target */
		if (!m->is_rest || up < 0 || parent_of(tree, member[dim], m->depth) != m->parent)
			return false;
	}
	for (int i = 0; i < tree->n_rests; i++)
	{
		const ts_rest *rest = &tree->rests[i];
		int32		up = member[rest->dim] < 0 ? -1 :
			ts_members_ancestor(tree->members, member[rest->dim], rest->depth);

		if (up >= 0 && bsearch(&up, rest->named, rest->n_named, sizeof(int32), compare_int4))
			return false;
	}
	return true;
}

/* The child that holds a day, of a node whose children are periods; -1 if none */
int32
ts_tree_child_by_day(const ts_tree *tree, int32 at, DateADT day)
{
	const ts_node *node = &tree->nodes[at];
	const int32 *list = tree->children + node->first_child;
	int32		low = 0;
	int32		high = node->n_children;

	/* the last child that starts on or before the day */
	while (low < high)
	{
		int32		middle = low + (high - low) / 2;

		if (tree->nodes[list[middle]].from <= day)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0 && day < tree->nodes[list[low - 1]].upto)
		return list[low - 1];
	return -1;
}

/* The child for a member below a parent, or the one that takes the rest there */
static int32
child_below(const ts_tree *tree, int32 at, int32 member, int32 parent)
{
	edge_key	key = {at, member};
	edge_entry *entry = hash_search(tree->edges, &key, HASH_FIND, NULL);

	if (!entry && tree->nodes[at].has_rest)
	{
		key.member = REST_KEY(parent);
		entry = hash_search(tree->edges, &key, HASH_FIND, NULL);
	}
	return entry ? entry->child : -1;
}

/*
 * The child for a member of the level that sets the children apart, or the
 * one that takes the rest; -1 if there is neither.
 */
int32
ts_tree_child_by_member(const ts_tree *tree, int32 at, int32 member)
{
	return child_below(tree, at, member, tree->members->members[member].parent);
}

/* The member of a node's first child, which says what sets the children apart */
const ts_member *
ts_tree_child_member(const ts_tree *tree, int32 at)
{
	return &tree->members->members[tree->nodes[tree->children[tree->nodes[at].first_child]].member];
}

/*
 * Follows a fact of a node down to the deepest node that it belongs to and
 * returns that node's index.
 */
int32
ts_tree_descend(const ts_tree *tree, int32 at, const int32 *member, DateADT day)
{
	for (;;)
	{
		const ts_node *node = &tree->nodes[at];
		int32		child = -1;

		if (node->n_children == 0)
			return at;
		if (node->by_time)
			child = ts_tree_child_by_day(tree, at, day);
		else
		{
			const ts_member *sibling = ts_tree_child_member(tree, at);
			int32		up = member[sibling->dim_no] < 0 ? -1 :
			ts_members_ancestor(tree->members, member[sibling->dim_no], sibling->depth);

			if (up >= 0)
				child = child_below(tree, at, up,
									parent_of(tree, member[sibling->dim_no], sibling->depth));
		}
		if (child < 0)
			return at;
		at = child;
	}
}

/* Targets under one parent, the first one last: members by their codes, periods by their days */
static int
compare_children(const void *a, const void *b, void *arg)
{
	const ts_node *nodes = arg;
	const ts_node *x = &nodes[*(const int32 *) a];
	const ts_node *y = &nodes[*(const int32 *) b];

	if (x->member != y->member)
		return x->member > y->member ? -1 : 1;
	return x->from > y->from ? -1 : x->from < y->from;
}

static int
compare_places(const void *a, const void *b, void *arg)
{
	const int32 *place = arg;
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;

	if (place[x] != place[y])
		return place[x] < place[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

/*
 * The order of some nodes that decides between equals: from the top down, by codes
 * and days.  A tree has its nodes by their ids.  Returns which of them is the first,
 * the second ...
 */
int32 *
ts_tree_order(const ts_tree *tree, int32 n, const int32 *nodes)
{
	int32	   *order = palloc_extended(sizeof(int32) * (n + 1), MCXT_ALLOC_HUGE);
	int32	   *place_of = palloc_extended(sizeof(int32) * (n + 1), MCXT_ALLOC_HUGE);
	int32	   *stack = palloc_extended(sizeof(int32) * tree->n, MCXT_ALLOC_HUGE);
	int32	   *place = palloc_extended(sizeof(int32) * tree->n, MCXT_ALLOC_HUGE);
	int32		n_stack = 0;
	int32		n_seen = 0;

	stack[n_stack++] = 0;
	while (n_stack > 0)
	{
		int32		at = stack[--n_stack];
		const ts_node *node = &tree->nodes[at];

		CHECK_FOR_INTERRUPTS();
		place[at] = n_seen++;
		memcpy(stack + n_stack, tree->children + node->first_child, sizeof(int32) * node->n_children);
		qsort_arg(stack + n_stack, node->n_children, sizeof(int32), compare_children, tree->nodes);
		n_stack += node->n_children;
	}
	for (int32 i = 0; i < n; i++)
	{
		order[i] = i;
		place_of[i] = place[nodes[i]];
	}
	qsort_arg(order, n, sizeof(int32), compare_places, place_of);
	pfree(place_of);
	pfree(stack);
	pfree(place);
	return order;
}

/* The deepest member per dimension that a node is for, -1 for none */
void
ts_tree_node_members(const ts_tree *tree, int32 node, int32 *member)
{
	memcpy(member, tree->start_member, sizeof(int32) * tree->n_dims);
	for (; node > 0; node = tree->nodes[node].parent)
	{
		int32		index = tree->nodes[node].member;
		const ts_member *m;

		if (index < 0)
			continue;
		m = &tree->members->members[index];
		if (member[m->dim_no] < 0 ||
			tree->members->members[member[m->dim_no]].depth < m->depth)
			member[m->dim_no] = index;
	}
}

/*
 * Narrows days to those from the first to the last on which all members that a
 * node is for exist, below the members of the same dimension that are above
 * them in the tree; false if there is none.
 */
bool
ts_tree_node_days(const ts_tree *tree, int32 node, DateADT *from, DateADT *upto)
{
	int32	   *below = palloc(sizeof(int32) * (tree->n_dims + 1));
	int			way = tree->n_way;
	bool		found = true;

	for (int dim = 0; dim < tree->n_dims; dim++)
		below[dim] = -1;
	while (found && (node > 0 || way > 0))
	{
		int32		index = node > 0 ? tree->nodes[node].member : tree->way[--way];
		const ts_member *m;

		if (node > 0)
			node = tree->nodes[node].parent;
		if (index < 0)
			continue;
		m = &tree->members->members[index];
		*from = Max(*from, m->valid_from);
		*upto = Min(*upto, m->valid_upto);
		found = *from < *upto &&
			(below[m->dim_no] < 0 ||
			 ts_members_days_below(tree->members, below[m->dim_no], index, from, upto));
		below[m->dim_no] = index;
	}
	pfree(below);
	return found;
}

/* {"dimension": value of the member} */
Datum
ts_tree_edge_slice(const ts_tree *tree, int32 member)
{
	const ts_member *m = &tree->members->members[member];
	JsonbParseState *state = NULL;
	JsonbValue	key;
	JsonbValue	value;
	char	   *name = tree->dimensions[m->dim_no];

	key.type = jbvString;
	key.val.string.val = name;
	key.val.string.len = strlen(name);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&state, WJB_KEY, &key);
	if (JB_ROOT_IS_SCALAR(m->slice_value))
		JsonbExtractScalar(&m->slice_value->root, &value);
	else
	{
		value.type = jbvBinary;
		value.val.binary.data = &m->slice_value->root;
		value.val.binary.len = VARSIZE(m->slice_value) - VARHDRSZ;
	}
	pushJsonbValue(&state, WJB_VALUE, &value);
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}
