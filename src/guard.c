/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  The guard of the target tree: whoever writes to the table target, by
 *	  whatever statement, children add up to their parent afterwards.
 *
 * Glossary
 *	  node		a row of target
 *	  leaf		a node without children, n_children = 0
 *	  inner		a node with children; its amount is their sum
 *	  event		the rows that one statement inserted, updated or deleted;
 *				MERGE, ON CONFLICT and data-modifying CTEs have several,
 *				which are handed over one by one after all changes are made
 *	  own delta	by how much an event changed the amount of a node
 *	  children's delta
 *				by how much it changed the sum of the node's children: updates,
 *				rows added, removed and moved
 *	  counter	n_children of a node, written by the guard alone
 *	  comparison
 *				reading a node and all its children under a fresh snapshot
 *
 * Method
 *	  One AFTER STATEMENT trigger per event reads the transition tables in one
 *	  or two passes and adds up deltas per inner node, in units of the plan's
 *	  quantum.  A node that was inner and stays it passes if its own delta equals
 *	  its children's: the invariant is linear, so changes that each add nothing
 *	  to (children - parent) keep it in whatever order they commit, and nobody
 *	  needs to lock siblings.  A leaf becomes inner if its new children add up to
 *	  it.  Whatever does not pass so is compared; at that time all changes of
 *	  the statement are there, so the comparison judges its end state.
 *
 *	  A statement that adds, removes or moves children locks the parents in
 *	  key order and updates their counter.  It is an update and not only a lock
 *	  so that a transaction in REPEATABLE READ that does the same with an older
 *	  snapshot fails instead of overlooking the new children.
 *
 *	  A locked node is not moved or deleted, and its amount does not change:
 *	  what counts is whether it was locked before the event, so unlocking it is
 *	  a statement of its own.
 *
 *	  Depth is checked whenever a parent or a depth changes.  As every child is
 *	  one level below its parent there can be no cycle.
 *
 *	  Like a foreign key's, the guard's queries run with the rights of the
 *	  table's owner: row-level security must not hide siblings from it, and the
 *	  caller must not be able to write revisions.
 *
 * Limits
 *	  Memory: about 150 bytes per inner node that an event touches, and what the
 *	  server itself keeps in work_mem for transition tables.  No guard when
 *	  triggers are disabled or session_replication_role is replica.  docs/guard.md
 *	  has the proof and the costs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "engine/units.h"
#include "numeric_units.h"
#include "query.h"
#include "target_split.h"

PG_FUNCTION_INFO_V1(target_split_target_guard);

/* Columns the guard reads, by position in guard_state.attnum */
enum guard_column
{
	COL_PLAN_ID,
	COL_TARGET_ID,
	COL_PARENT_ID,
	COL_METRIC_ID,
	COL_N_CHILDREN,
	COL_DEPTH,
	COL_AMOUNT,
	/* a change of these, or of parent_id or amount, is a revision */
	COL_FLOOR_AMOUNT,
	COL_STRETCH_AMOUNT,
	COL_OVER_ASSIGNMENT,
	COL_AT_LEAST,
	COL_AT_MOST,
	COL_LOCKED,
	COL_ADJUSTED,
	COL_WEIGHT,
	COL_FALLBACK,
	COL_SLICE,
	COL_PERIOD,
	COL_MEMBER_ID,
	N_COLUMNS
};

static const char *const column_names[N_COLUMNS] = {
	"plan_id", "target_id", "parent_id", "metric_id", "n_children", "depth",
	"amount", "floor_amount", "stretch_amount", "over_assignment", "at_least", "at_most", "locked",
	"adjusted", "weight", "fallback", "slice", "period", "member_id"
};

typedef struct target_key
{
	int32		plan_id;
	int64		target_id;
} target_key;

/* What an event did to a node that is a parent, and what is known about it */
typedef struct target_node
{
	target_key	key;
	uint32		status;			/* for simplehash */
	int32		metric_id;
	int32		child_metric_id;
	int32		n_children;		/* as given (insert), before (delete), after
								 * (all, once the counter is updated) */
	int64		n_added;		/* children that came */
	int64		n_removed;		/* children that went */
	int64		child_id;		/* lowest id of a child that the event touched */
	ts_int128	own;			/* own delta; on insert the amount itself */
	ts_int128	children;		/* children's delta */
	int16		depth;
	int16		child_depth_min;
	int16		child_depth_max;
	bool		mixed_metrics;	/* its new children differ in metric */
	bool		in_event;		/* the node is itself in the event */
	bool		found;			/* its counter was updated, so it exists */
} target_node;

#define SH_PREFIX target_hash
#define SH_ELEMENT_TYPE target_node
#define SH_KEY_TYPE target_key
#define SH_KEY key
#define SH_HASH_KEY(tb, k) \
	hash_combine(hash_combine(murmurhash32((uint32) (k).target_id), \
							  murmurhash32((uint32) ((uint64) (k).target_id >> 32))), \
				 murmurhash32((uint32) (k).plan_id))
#define SH_EQUAL(tb, a, b) ((a).target_id == (b).target_id && (a).plan_id == (b).plan_id)
#define SH_SCOPE static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

/* The quantum of a metric in a plan */
typedef struct metric_quantum
{
	uint64		key;			/* plan_id and metric_id */
	uint32		status;			/* for simplehash */
	ts_quantum	quantum;
} metric_quantum;

#define SH_PREFIX quantum_hash
#define SH_ELEMENT_TYPE metric_quantum
#define SH_KEY_TYPE uint64
#define SH_KEY key
#define SH_HASH_KEY(tb, k) \
	hash_combine(murmurhash32((uint32) (k)), murmurhash32((uint32) ((k) >> 32)))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

/* The columns of a row that every event needs */
typedef struct target_row
{
	target_key	key;
	bool		has_parent;
	int64		parent_id;
	int32		metric_id;
	int32		n_children;
	int16		depth;
	bool		locked;
	Datum		amount;			/* points into the slot */
} target_row;

/* A growing list of keys */
typedef struct key_list
{
	target_key *keys;
	int			n;
	int			size;
} key_list;

typedef struct guard_state
{
	TriggerData *trigger;
	MemoryContext context;		/* for all that follows */
	TupleDesc	desc;
	AttrNumber	attnum[N_COLUMNS];
	Oid			caller;			/* role that made the statement */
	target_hash_hash *nodes;
	quantum_hash_hash *quanta;
	metric_quantum *last_quantum;
	key_list	compare;		/* nodes whose deltas do not prove them right */
	bool		moves;			/* an update changed parents */
	int64		n_locked;		/* locked nodes that the event must not touch */
	target_key	locked;			/* the lowest of them */
	const char *would;			/* what would become of it */
} guard_state;

/*
 * Trigger depth at which the update trigger is called for the guard's own
 * update of counters, 0 when there is none.  A depth and not a flag, so that
 * statements of other triggers that this update fires are guarded.
 */
static int	counter_update_depth = 0;


/* ------------------------------------------------------------------ rows */

/*
 * Starts a pass over a transition table.
 *
 * Read pointer 0 is ours: scans in queries have pointers of their own.
 */
static TupleTableSlot *
begin_pass(guard_state *state, Tuplestorestate *rows)
{
	tuplestore_select_read_pointer(rows, 0);
	tuplestore_rescan(rows);
	return MakeSingleTupleTableSlot(state->desc, &TTSOpsMinimalTuple);
}

static bool
next_row(Tuplestorestate *rows, TupleTableSlot *slot)
{
	CHECK_FOR_INTERRUPTS();
	return tuplestore_gettupleslot(rows, true, false, slot);
}

static Datum
column_value(guard_state *state, TupleTableSlot *slot, enum guard_column column)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, state->attnum[column], &isnull);

	/* NOT NULL constraints came first */
	if (isnull)
		elog(ERROR, "unexpected null in column %s of a target", column_names[column]);
	return value;
}

static void
read_row(guard_state *state, TupleTableSlot *slot, target_row *row)
{
	bool		isnull;
	Datum		parent;

	row->key.plan_id = DatumGetInt32(column_value(state, slot, COL_PLAN_ID));
	row->key.target_id = DatumGetInt64(column_value(state, slot, COL_TARGET_ID));
	parent = slot_getattr(slot, state->attnum[COL_PARENT_ID], &isnull);
	row->has_parent = !isnull;
	row->parent_id = isnull ? 0 : DatumGetInt64(parent);
	row->metric_id = DatumGetInt32(column_value(state, slot, COL_METRIC_ID));
	row->n_children = DatumGetInt32(column_value(state, slot, COL_N_CHILDREN));
	row->depth = DatumGetInt16(column_value(state, slot, COL_DEPTH));
	row->locked = DatumGetBool(column_value(state, slot, COL_LOCKED));
	row->amount = column_value(state, slot, COL_AMOUNT);
}

/* Whether two versions of a row differ in a column */
static bool
column_differs(guard_state *state, TupleTableSlot *old_slot, TupleTableSlot *new_slot,
			   enum guard_column column)
{
	AttrNumber	attnum = state->attnum[column];
	Form_pg_attribute att = TupleDescAttr(state->desc, attnum - 1);
	bool		old_null;
	bool		new_null;
	Datum		old_value = slot_getattr(old_slot, attnum, &old_null);
	Datum		new_value = slot_getattr(new_slot, attnum, &new_null);

	if (old_null || new_null)
		return old_null != new_null;
	return !datum_image_eq(old_value, new_value, att->attbyval, att->attlen);
}


/* --------------------------------------------------------------- queries */

static void
set_locally(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}


/* ----------------------------------------------------------------- units */

static void
amount_context(void *arg)
{
	const target_key *key = (const target_key *) arg;

	errcontext("target " INT64_FORMAT " of plan %d", key->target_id, key->plan_id);
}

/* The quantum of a metric in a plan, read once per event */
static const ts_quantum *
lookup_quantum(guard_state *state, int32 plan_id, int32 metric_id)
{
	uint64		key = ((uint64) (uint32) plan_id << 32) | (uint32) metric_id;
	metric_quantum *entry = state->last_quantum;
	bool		found;

	if (entry && entry->key == key)
		return &entry->quantum;

	entry = quantum_hash_lookup(state->quanta, key);
	if (entry == NULL)
	{
		ts_args		args = {0};
		ts_quantum	quantum;

		ts_arg_int4(&args, plan_id);
		ts_arg_int4(&args, metric_id);
		if (ts_run("SELECT quantum FROM " TS_SCHEMA ".plan_metric"
				   " WHERE plan_id = $1 AND metric_id = $2", &args, false) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
					 errmsg("metric %d is not part of plan %d", metric_id, plan_id),
					 errdetail("Key (plan_id, metric_id)=(%d, %d) is not present in table \"plan_metric\".",
							   plan_id, metric_id)));
		ts_quantum_from_numeric(ts_datum(0, 1), &quantum);
		SPI_freetuptable(SPI_tuptable);
		entry = quantum_hash_insert(state->quanta, key, &found);
		entry->quantum = quantum;
	}
	state->last_quantum = entry;
	return &entry->quantum;
}

/* An amount in units; an error if it is not a whole number of them */
static ts_int128
amount_units(guard_state *state, const target_key *key, int32 metric_id, Datum amount)
{
	const ts_quantum *quantum = lookup_quantum(state, key->plan_id, metric_id);
	ErrorContextCallback context;
	ts_int128	units;

	context.callback = amount_context;
	context.arg = (void *) key;
	context.previous = error_context_stack;
	error_context_stack = &context;
	units = ts_units_from_numeric(amount, quantum, "amount");
	error_context_stack = context.previous;
	return units;
}

static inline void
add_units(ts_int128 *sum, ts_int128 units)
{
	__int128	result;

	if (__builtin_add_overflow((__int128) *sum, (__int128) units, &result))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("sum of targets is out of range")));
	*sum = result;
}


/* ----------------------------------------------------------------- nodes */

/* The entry of a node, made when missing; valid until the next call */
static target_node *
get_node(guard_state *state, int32 plan_id, int64 target_id)
{
	target_key	key = {plan_id, target_id};
	bool		found;
	target_node *node = target_hash_insert(state->nodes, key, &found);

	if (!found)
	{
		uint32		status = node->status;

		memset(node, 0, sizeof(*node));
		node->key = key;
		node->status = status;
		node->child_id = PG_INT64_MAX;
	}
	return node;
}

static int
compare_keys(const void *a, const void *b)
{
	const target_key *x = (const target_key *) a;
	const target_key *y = (const target_key *) b;

	if (x->plan_id != y->plan_id)
		return x->plan_id < y->plan_id ? -1 : 1;
	if (x->target_id != y->target_id)
		return x->target_id < y->target_id ? -1 : 1;
	return 0;
}

static int
compare_nodes(const void *a, const void *b)
{
	return compare_keys(&(*(target_node *const *) a)->key,
						&(*(target_node *const *) b)->key);
}

/*
 * All entries in key order.  To be called when no more entries are made: the
 * pointers would not survive it.
 */
static target_node **
sorted_nodes(guard_state *state, int *n)
{
	target_node **nodes;
	target_node *node;
	target_hash_iterator iterator;

	*n = 0;
	nodes = MemoryContextAllocHuge(state->context,
								   sizeof(target_node *) * (Size) Max(state->nodes->members, 1));
	target_hash_start_iterate(state->nodes, &iterator);
	while ((node = target_hash_iterate(state->nodes, &iterator)) != NULL)
		nodes[(*n)++] = node;
	qsort(nodes, *n, sizeof(target_node *), compare_nodes);
	return nodes;
}

static void
append_key(guard_state *state, key_list *list, target_key key)
{
	if (list->n == list->size)
	{
		list->size = Max(64, 2 * list->size);
		if (list->keys == NULL)
			list->keys = MemoryContextAllocHuge(state->context, sizeof(target_key) * (Size) list->size);
		else
			list->keys = repalloc_huge(list->keys, sizeof(target_key) * (Size) list->size);
	}
	list->keys[list->n++] = key;
}

/* A list of keys as two arguments, arrays of plan_id and target_id */
static void
arg_keys(ts_args *args, const key_list *list)
{
	Datum	   *plan_ids = palloc_extended(sizeof(Datum) * (Size) Max(list->n, 1), MCXT_ALLOC_HUGE);
	Datum	   *target_ids = palloc_extended(sizeof(Datum) * (Size) Max(list->n, 1), MCXT_ALLOC_HUGE);
	int			i;

	for (i = 0; i < list->n; i++)
	{
		plan_ids[i] = Int32GetDatum(list->keys[i].plan_id);
		target_ids[i] = Int64GetDatum(list->keys[i].target_id);
	}
	ts_arg(args, INT4ARRAYOID,
		   PointerGetDatum(construct_array(plan_ids, list->n, INT4OID, sizeof(int32), true, TYPALIGN_INT)),
		   false);
	ts_arg(args, INT8ARRAYOID,
		   PointerGetDatum(construct_array(target_ids, list->n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE)),
		   false);
	pfree(plan_ids);
	pfree(target_ids);
}


/* ---------------------------------------------------------------- errors */

/*
 * A statement that makes a node a leaf: works whatever is below it, and leaves
 * every other sum as it is.
 */
static char *
leaf_statement(const target_key *key)
{
	return psprintf("WITH RECURSIVE below AS (SELECT target_id FROM " TS_SCHEMA ".target"
					" WHERE plan_id = %d AND parent_id = " INT64_FORMAT
					" UNION ALL SELECT t.target_id FROM " TS_SCHEMA ".target t"
					" JOIN below b ON t.plan_id = %d AND t.parent_id = b.target_id)"
					" DELETE FROM " TS_SCHEMA ".target t USING below b"
					" WHERE t.plan_id = %d AND t.target_id = b.target_id;",
					key->plan_id, key->target_id, key->plan_id, key->plan_id);
}

/*
 * A statement that changes a leaf and all nodes above it by the same amount,
 * the simplest change of a number in a tree that adds up.
 *
 * The path leads through the node and, where the event touched one, its child;
 * from there down to a leaf by lowest ids.  The walks up and down end even in the
 * cycle that a statement about to be refused may have made: UNION, not UNION ALL.
 */
static char *
path_statement(guard_state *state, const target_node *node)
{
	ts_args		args = {0};
	ts_int128	delta = node->own != 0 ? node->own : node->children;
	const char *sign = delta < 0 ? "-" : "+";
	int32		metric_id;
	char	   *path;
	char	   *amount;

	ts_arg_int4(&args, node->key.plan_id);
	ts_arg_int8(&args, node->own == 0 && node->child_id != PG_INT64_MAX ? node->child_id : node->key.target_id);
	(void) ts_run("WITH RECURSIVE down AS ("
				  " SELECT $2 AS target_id"
				  " UNION"
				  " SELECT (SELECT min(c.target_id) FROM " TS_SCHEMA ".target c"
				  "		WHERE c.plan_id = $1 AND c.parent_id = d.target_id)"
				  " FROM down d WHERE d.target_id IS NOT NULL),"
				  " up AS ("
				  " SELECT t.target_id, t.parent_id, t.metric_id FROM " TS_SCHEMA ".target t"
				  " WHERE t.plan_id = $1 AND t.target_id = $2"
				  " UNION"
				  " SELECT p.target_id, p.parent_id, p.metric_id FROM up"
				  " JOIN " TS_SCHEMA ".target p ON p.plan_id = $1 AND p.target_id = up.parent_id)"
				  " SELECT string_agg(l.target_id::text, ', ' ORDER BY l.target_id),"
				  "   (SELECT min(metric_id) FROM up)"
				  " FROM (SELECT target_id FROM down WHERE target_id IS NOT NULL"
				  "   UNION SELECT target_id FROM up) l",
				  &args, false);
	if (ts_isnull(0, 1) || ts_isnull(0, 2))
		return NULL;
	path = ts_text(0, 1, state->context);
	metric_id = ts_int4(0, 2);
	amount = DatumGetCString(DirectFunctionCall1(numeric_out,
												 ts_units_to_numeric(delta < 0 ? -delta : delta,
																	 lookup_quantum(state, node->key.plan_id, metric_id))));
	return psprintf("UPDATE " TS_SCHEMA ".target SET amount = amount %s %s WHERE plan_id = %d AND target_id IN (%s);",
					sign, amount, node->key.plan_id, path);
}

/*
 * A statement that deletes the same children and gives their amounts to the
 * first of those that remain and a path of nodes below it.  NULL where it would
 * get too long, would have to delete subtrees, or would rely on rows that this
 * transaction has made or changed.
 */
static char *
handover_statement(guard_state *state, const target_key *key)
{
	ts_args		args = {0};
	char	   *gone;
	char	   *heirs;

	ts_arg_int4(&args, key->plan_id);
	ts_arg_int8(&args, key->target_id);
	(void) ts_run(psprintf("SELECT CASE WHEN max(o.n_children) = 0 AND count(*) <= 20"
						   " THEN string_agg(o.target_id::text, ', ' ORDER BY o.target_id) END"
						   " FROM %s o WHERE o.plan_id = $1 AND o.parent_id = $2",
						   quote_identifier(state->trigger->tg_trigger->tgoldtable)),
				  &args, false);
	gone = ts_text(0, 1, state->context);
	(void) ts_run("WITH RECURSIVE down AS ("
				  " SELECT min(c.target_id) AS target_id FROM " TS_SCHEMA ".target c"
				  " WHERE c.plan_id = $1 AND c.parent_id = $2"
				  " UNION"
				  " SELECT (SELECT min(c.target_id) FROM " TS_SCHEMA ".target c"
				  "		WHERE c.plan_id = $1 AND c.parent_id = d.target_id)"
				  " FROM down d WHERE d.target_id IS NOT NULL)"
				  " SELECT CASE WHEN bool_and(t.xmin <> pg_current_xact_id()::xid)"
				  "   THEN string_agg(t.target_id::text, ', ' ORDER BY t.target_id) END"
				  " FROM down d JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.target_id = d.target_id",
				  &args, false);
	heirs = ts_text(0, 1, state->context);
	if (gone == NULL || heirs == NULL)
		return NULL;
	return psprintf("WITH gone AS (DELETE FROM " TS_SCHEMA ".target WHERE plan_id = %d AND target_id IN (%s)"
					" RETURNING amount)"
					" UPDATE " TS_SCHEMA ".target SET amount = amount + (SELECT sum(amount) FROM gone)"
					" WHERE plan_id = %d AND target_id IN (%s);",
					key->plan_id, gone, key->plan_id, heirs);
}

/*
 * Notes a locked node whose amount the event changes, or that it moves or
 * deletes.
 */
static void
note_locked(guard_state *state, const target_row *old_row, const target_row *new_row)
{
	if (state->n_locked++ > 0 && compare_keys(&old_row->key, &state->locked) > 0)
		return;
	state->locked = old_row->key;
	if (new_row == NULL)
		state->would = "It would be deleted.";
	else if (old_row->has_parent != new_row->has_parent || old_row->parent_id != new_row->parent_id)
		state->would = "It would get another parent.";
	else
		state->would = MemoryContextStrdup(state->context,
										   psprintf("It is %s and would be %s.",
													DatumGetCString(DirectFunctionCall1(numeric_out, old_row->amount)),
													DatumGetCString(DirectFunctionCall1(numeric_out, new_row->amount))));
}

/*
 * Refuses the event if it touches a locked node.
 */
static void
refuse_locked(guard_state *state)
{
	if (state->n_locked == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("target " INT64_FORMAT " is locked", state->locked.target_id),
			 state->n_locked == 1
			 ? errdetail("%s", state->would)
			 : errdetail("%s Locked targets in the statement: " INT64_FORMAT ".",
						 state->would, state->n_locked),
			 errhint("Unlock it first: SELECT * FROM " TS_SCHEMA ".unlock_target(" INT64_FORMAT ", scope => 'target');",
					 state->locked.target_id)));
}

static void
report_missing_parent(const target_node *node)
{
	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("parent " INT64_FORMAT " of target " INT64_FORMAT " does not exist",
					node->key.target_id, node->child_id),
			 errdetail("Key (plan_id, target_id)=(%d, " INT64_FORMAT ") is not present in table \"target\".",
					   node->key.plan_id, node->key.target_id),
			 errhint("Insert a parent before its children or in the same statement, and into the same plan.")));
}

/*
 * Compares nodes with the sum of their children.  Those without children pass.
 *
 * The query runs under a snapshot taken here.  In READ COMMITTED it shows all
 * that is committed and what this transaction did; both are balanced but for
 * this transaction's own changes, so it is these that are judged.  In REPEATABLE
 * READ and SERIALIZABLE it is the transaction's snapshot, and that is as good:
 * a row that this transaction changed has not been changed by anybody else since
 * (else the change had failed), so again the snapshot is a balanced state plus
 * exactly this transaction's changes; and if somebody has added or removed
 * children of a node whose amount or counter this transaction changed, the
 * update of the counter has made one of the two fail.
 */
static void
compare_sums(guard_state *state)
{
	ts_args		args = {0};
	uint64		n_wrong;
	target_key	key;
	target_node *node;
	int64		n;
	char	   *amount;
	char	   *total;
	char	   *difference;
	char	   *children;
	char	   *others = "";
	char	   *statement;
	char	   *hint;

	if (state->compare.n == 0)
		return;

	arg_keys(&args, &state->compare);
	n_wrong = ts_run_keyed("SELECT t.plan_id, t.target_id, t.amount, s.n, s.total, t.amount - s.total"
						" FROM ROWS FROM (unnest($1), unnest($2)) AS k (plan_id, target_id)"
						" JOIN " TS_SCHEMA ".target t ON t.plan_id = k.plan_id AND t.target_id = k.target_id"
						" CROSS JOIN LATERAL (SELECT count(*) AS n, sum(c.amount) AS total FROM " TS_SCHEMA ".target c"
						" WHERE c.plan_id = k.plan_id AND c.parent_id = k.target_id) s"
						" WHERE s.total <> t.amount"
						" ORDER BY t.plan_id, t.target_id", &args);
	if (n_wrong == 0)
	{
		SPI_freetuptable(SPI_tuptable);
		return;
	}

	key.plan_id = ts_int4(0, 1);
	key.target_id = ts_int8(0, 2);
	amount = ts_text(0, 3, state->context);
	n = ts_int8(0, 4);
	total = ts_text(0, 5, state->context);
	difference = ts_text(0, 6, state->context);
	SPI_freetuptable(SPI_tuptable);

	node = target_hash_lookup(state->nodes, key);
	if (n == 1)
		children = psprintf("its only child is %s", total);
	else
		children = psprintf("its " INT64_FORMAT " children add up to %s", n, total);
	if (n_wrong == 2)
		others = " One more target is wrong.";
	else if (n_wrong > 2)
		others = psprintf(" " UINT64_FORMAT " more targets are wrong.", n_wrong - 1);

	if (TRIGGER_FIRED_BY_UPDATE(state->trigger->tg_event) && !state->moves &&
		(statement = path_statement(state, node)) != NULL)
		hint = psprintf("Change a target and all above it in one statement, for example: %s", statement);
	else if (TRIGGER_FIRED_BY_DELETE(state->trigger->tg_event) &&
			 (statement = handover_statement(state, &key)) != NULL)
		hint = psprintf("Give the amounts to children that remain, for example: %s", statement);
	else if (TRIGGER_FIRED_BY_INSERT(state->trigger->tg_event) && n == node->n_added)
		hint = psprintf("Insert all children of target " INT64_FORMAT
						" in one statement, with amounts that add up to %s.", key.target_id, amount);
	else
		hint = psprintf("In the same statement change other children of target " INT64_FORMAT
						", or the target itself and all above it, by the difference.", key.target_id);

	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("children of target " INT64_FORMAT " do not add up to it", key.target_id),
			 errdetail("The target is %s, %s, the difference is %s.%s", amount, children, difference, others),
			 errhint("%s", hint)));
}

/*
 * Checks nodes against their parents and their children: a child has the metric
 * of its parent and its depth plus one.
 */
static void
check_depths(guard_state *state, const key_list *list)
{
	ts_args		args = {0};

	if (list->n == 0)
		return;
	arg_keys(&args, list);
	if (ts_run_keyed("SELECT c.plan_id, c.target_id, c.depth, c.metric_id, p.target_id, p.depth, p.metric_id"
				  " FROM ROWS FROM (unnest($1), unnest($2)) AS k (plan_id, target_id)"
				  " JOIN " TS_SCHEMA ".target c ON c.plan_id = k.plan_id AND c.target_id = k.target_id"
				  " JOIN " TS_SCHEMA ".target p ON p.plan_id = c.plan_id AND p.target_id = c.parent_id"
				  " WHERE c.depth <> p.depth + 1 OR c.metric_id <> p.metric_id"
				  " UNION ALL "
				  "SELECT c.plan_id, c.target_id, c.depth, c.metric_id, p.target_id, p.depth, p.metric_id"
				  " FROM ROWS FROM (unnest($1), unnest($2)) AS k (plan_id, target_id)"
				  " JOIN " TS_SCHEMA ".target p ON p.plan_id = k.plan_id AND p.target_id = k.target_id"
				  " JOIN " TS_SCHEMA ".target c ON c.plan_id = p.plan_id AND c.parent_id = p.target_id"
				  " WHERE c.depth <> p.depth + 1 OR c.metric_id <> p.metric_id"
				  " ORDER BY 1, 2 LIMIT 1", &args) > 0)
	{
		int64		child_id = ts_int8(0, 2);
		int			depth = DatumGetInt16(ts_datum(0, 3));
		int32		metric_id = ts_int4(0, 4);
		int64		parent_id = ts_int8(0, 5);
		int			parent_depth = DatumGetInt16(ts_datum(0, 6));
		int32		parent_metric_id = ts_int4(0, 7);

		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("target " INT64_FORMAT " does not fit below target " INT64_FORMAT, child_id, parent_id),
				 errdetail("It has depth %d and metric %d, its parent has depth %d and metric %d.",
						   depth, metric_id, parent_depth, parent_metric_id),
				 errhint("A target has the metric of its parent, here %d, and one more than its depth, here %d, so that it is never below itself.",
						 parent_metric_id, parent_depth + 1)));
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Checks that deleted nodes have no children left.
 */
static void
check_orphans(guard_state *state, const key_list *list)
{
	ts_args		args = {0};

	if (list->n == 0)
		return;
	arg_keys(&args, list);
	if (ts_run_keyed("SELECT k.plan_id, k.target_id, s.n, s.first"
				  " FROM ROWS FROM (unnest($1), unnest($2)) AS k (plan_id, target_id)"
				  " CROSS JOIN LATERAL (SELECT count(*) AS n, min(c.target_id) AS first FROM " TS_SCHEMA ".target c"
				  " WHERE c.plan_id = k.plan_id AND c.parent_id = k.target_id) s"
				  " WHERE s.n > 0 ORDER BY k.plan_id, k.target_id LIMIT 1", &args) > 0)
	{
		target_key	key = {ts_int4(0, 1), ts_int8(0, 2)};
		int64		n = ts_int8(0, 3);
		int64		first = ts_int8(0, 4);

		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("target " INT64_FORMAT " still has children", key.target_id),
				 n == 1
				 ? errdetail("Target " INT64_FORMAT " is not deleted.", first)
				 : errdetail(INT64_FORMAT " of them are not deleted, the first is target " INT64_FORMAT ".", n, first),
				 errhint("To delete first all that is below target " INT64_FORMAT ": %s",
						 key.target_id, leaf_statement(&key))));
	}
	SPI_freetuptable(SPI_tuptable);
}


/* -------------------------------------------------------------- counters */

/*
 * Runs the guard's own update, whose call of the update trigger must return at
 * once.
 */
static uint64
run_counter_update(const char *sql, const ts_args *args)
{
	int			outer_depth = counter_update_depth;
	volatile uint64 n = 0;

	counter_update_depth = DatumGetInt32(pg_trigger_depth(NULL)) + 1;
	PG_TRY();
	{
		n = ts_run_keyed(sql, args);
	}
	PG_FINALLY();
	{
		counter_update_depth = outer_depth;
	}
	PG_END_TRY();
	return n;
}

/*
 * Locks nodes in key order, adds to their counters what came and went, and
 * notes what they are now.  Those that do not exist are left "not found".
 *
 * All statements that lock several parents do it in this order, so that they
 * cannot deadlock with each other.
 */
static void
update_counters(guard_state *state, target_node **nodes, int n_nodes)
{
	ts_args		args = {0};
	key_list	list = {0};
	Datum	   *changes;
	uint64		n;
	uint64		i;
	int			j;

	if (n_nodes == 0)
		return;
	changes = palloc_extended(sizeof(Datum) * (Size) n_nodes, MCXT_ALLOC_HUGE);
	for (j = 0; j < n_nodes; j++)
	{
		append_key(state, &list, nodes[j]->key);
		changes[j] = Int32GetDatum((int32) (nodes[j]->n_added - nodes[j]->n_removed));
	}
	arg_keys(&args, &list);

	/* the update of a single row takes its lock itself */
	if (n_nodes > 1)
	{
		(void) ts_run_keyed("SELECT FROM ROWS FROM (unnest($1), unnest($2)) AS k (plan_id, target_id)"
						 " JOIN " TS_SCHEMA ".target t ON t.plan_id = k.plan_id AND t.target_id = k.target_id"
						 " ORDER BY t.plan_id, t.target_id FOR NO KEY UPDATE OF t", &args);
		SPI_freetuptable(SPI_tuptable);
	}

	ts_arg(&args, INT4ARRAYOID,
		   PointerGetDatum(construct_array(changes, n_nodes, INT4OID, sizeof(int32), true, TYPALIGN_INT)),
		   false);
	n = run_counter_update("UPDATE " TS_SCHEMA ".target t SET n_children = t.n_children + k.change"
						   " FROM ROWS FROM (unnest($1), unnest($2), unnest($3)) AS k (plan_id, target_id, change)"
						   " WHERE t.plan_id = k.plan_id AND t.target_id = k.target_id"
						   " RETURNING t.plan_id, t.target_id, t.metric_id, t.n_children, t.depth, t.amount", &args);
	for (i = 0; i < n; i++)
	{
		target_key	key = {ts_int4(i, 1), ts_int8(i, 2)};
		target_node *node = target_hash_lookup(state->nodes, key);

		CHECK_FOR_INTERRUPTS();
		node->metric_id = ts_int4(i, 3);
		node->n_children = ts_int4(i, 4);
		node->depth = DatumGetInt16(ts_datum(i, 5));
		node->found = true;

		/*
		 * The amount of what was a leaf is compared with its new children
		 * without reading them again.  Their quantum is known, so that this
		 * runs no query, which would replace the result being read.
		 */
		if (TRIGGER_FIRED_BY_INSERT(state->trigger->tg_event) &&
			node->n_children == node->n_added && node->metric_id == node->child_metric_id)
			node->own = amount_units(state, &node->key, node->metric_id, ts_datum(i, 6));
	}
	SPI_freetuptable(SPI_tuptable);
}


/* ------------------------------------------------------------- revisions */

#define MORE_THAN_AMOUNT \
	"(o.floor_amount, o.stretch_amount, o.over_assignment, o.at_least, o.at_most, o.locked, o.adjusted, o.weight, o.fallback," \
	" o.parent_id, o.slice, o.period, o.member_id) IS DISTINCT FROM" \
	" (n.floor_amount, n.stretch_amount, n.over_assignment, n.at_least, n.at_most, n.locked, n.adjusted, n.weight, n.fallback," \
	" n.parent_id, n.slice, n.period, n.member_id)"

/*
 * A call shares a target anew, and "split" does not say what split it was of:
 * undo_split needs to know.  Without a call s is NULL.
 */
#define OTHER_SPLIT \
	"(s.split_id IS NOT NULL AND n.split_id IS DISTINCT FROM o.split_id AND s.replaces IS DISTINCT FROM o.split_id)"

#define INSERT_REVISION \
	"INSERT INTO " TS_SCHEMA ".revision" \
	" (plan_id, target_id, operation, amount_before, amount_after, old_row, changed_by, reason, split_id, undoes)"

/*
 * Writes the revisions of an event.  The query is planned anew each time: what
 * suits the transition tables of one row is hopeless for those of a million.
 */
static void
write_revisions(guard_state *state)
{
	ts_args		args = {0};
	Trigger    *trigger = state->trigger->tg_trigger;
	char	   *sql;

	if (TRIGGER_FIRED_BY_DELETE(state->trigger->tg_event))
		sql = psprintf(INSERT_REVISION
					   " SELECT o.plan_id, o.target_id, 'delete', o.amount, NULL, to_jsonb(o), $1, nullif($2, ''), nullif($3, 0), nullif($4, 0)"
					   " FROM %s o ORDER BY o.plan_id, o.target_id",
					   quote_identifier(trigger->tgoldtable));
	else
		sql = psprintf(INSERT_REVISION
					   " SELECT o.plan_id, o.target_id, 'update', o.amount, n.amount,"
					   " CASE WHEN " MORE_THAN_AMOUNT " OR " OTHER_SPLIT " THEN to_jsonb(o) END, $1, nullif($2, ''),"
					   " CASE WHEN $3 <> 0 AND n.split_id IS DISTINCT FROM o.split_id THEN n.split_id ELSE nullif($3, 0) END, nullif($4, 0)"
					   " FROM %s o JOIN %s n ON n.plan_id = o.plan_id AND n.target_id = o.target_id"
					   " LEFT JOIN " TS_SCHEMA ".split s ON $3 <> 0 AND s.plan_id = n.plan_id AND s.split_id = n.split_id"
					   " WHERE n.amount <> o.amount OR " MORE_THAN_AMOUNT " OR " OTHER_SPLIT
					   " ORDER BY o.plan_id, o.target_id",
					   quote_identifier(trigger->tgoldtable), quote_identifier(trigger->tgnewtable));

	ts_arg(&args, NAMEOID,
		   DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(state->caller, false))),
		   false);
	ts_arg_text(&args, ts_reason);
	ts_arg_int8(&args, ts_split_in_progress);
	ts_arg_int8(&args, ts_undo_in_progress);
	(void) ts_run(sql, &args, false);
}


/* ---------------------------------------------------------------- events */

/* A node that is itself among the new rows */
static void
note_in_event(target_node *node, const target_row *row, ts_int128 units)
{
	node->in_event = true;
	node->own = units;
	node->n_children = row->n_children;
	node->depth = row->depth;
	node->metric_id = row->metric_id;
}

/*
 * Looks for parents among the new rows that do not say that they are some
 *
 * There is often one candidate, the target that is split, and a small table to
 * look into for each of the rows; nodes has all parents.
 */
static void
find_in_event(guard_state *state, target_node **nodes, int n_nodes)
{
	Tuplestorestate *rows = state->trigger->tg_newtable;
	target_hash_hash *candidates = NULL;
	TupleTableSlot *slot;
	int			i;

	for (i = 0; i < n_nodes; i++)
	{
		bool		found;

		if (nodes[i]->in_event)
			continue;
		if (candidates == NULL)
			candidates = target_hash_create(state->context, 16, NULL);
		target_hash_insert(candidates, nodes[i]->key, &found);
	}
	if (candidates == NULL)
		return;
	slot = begin_pass(state, rows);
	while (next_row(rows, slot))
	{
		target_key	key;
		target_row	row;

		key.plan_id = DatumGetInt32(column_value(state, slot, COL_PLAN_ID));
		key.target_id = DatumGetInt64(column_value(state, slot, COL_TARGET_ID));
		if (target_hash_lookup(candidates, key) == NULL)
			continue;
		read_row(state, slot, &row);
		note_in_event(target_hash_lookup(state->nodes, key), &row,
					  amount_units(state, &row.key, row.metric_id, row.amount));
	}
	ExecDropSingleTupleTableSlot(slot);
	target_hash_destroy(candidates);
}

/*
 * INSERT: children that come together with their parent, first children of a
 * leaf, more children of an inner node.
 */
static void
guard_insert(guard_state *state)
{
	Tuplestorestate *rows = state->trigger->tg_newtable;
	TupleTableSlot *slot;
	target_row	row;
	target_node *node;
	target_node **nodes;
	target_node **counted;
	key_list	misfits = {0};
	int			n_nodes;
	int			n_counted = 0;
	int			i;

	/* what comes to each parent, and which of them come themselves */
	slot = begin_pass(state, rows);
	while (next_row(rows, slot))
	{
		ts_int128	units;

		read_row(state, slot, &row);
		units = amount_units(state, &row.key, row.metric_id, row.amount);
		if (row.n_children != 0)
			note_in_event(get_node(state, row.key.plan_id, row.key.target_id), &row, units);
		if (!row.has_parent)
			continue;
		node = get_node(state, row.key.plan_id, row.parent_id);
		if (node->n_added++ == 0)
		{
			node->child_metric_id = row.metric_id;
			node->child_depth_min = row.depth;
			node->child_depth_max = row.depth;
		}
		add_units(&node->children, units);
		node->mixed_metrics |= node->child_metric_id != row.metric_id;
		node->child_depth_min = Min(node->child_depth_min, row.depth);
		node->child_depth_max = Max(node->child_depth_max, row.depth);
		node->child_id = Min(node->child_id, row.key.target_id);
	}
	ExecDropSingleTupleTableSlot(slot);

	nodes = sorted_nodes(state, &n_nodes);
	for (i = 0; i < n_nodes; i++)
		if (nodes[i]->in_event && nodes[i]->n_added != nodes[i]->n_children)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("n_children of target " INT64_FORMAT " is not the number of its children",
							nodes[i]->key.target_id),
					 errdetail("It is %d, the number of children in the statement is " INT64_FORMAT ".",
							   nodes[i]->n_children, nodes[i]->n_added),
					 errhint("Leave n_children out, or insert a target and all its children in one statement.")));
	find_in_event(state, nodes, n_nodes);
	counted = MemoryContextAllocHuge(state->context, sizeof(target_node *) * (Size) Max(n_nodes, 1));
	for (i = 0; i < n_nodes; i++)
		if (!nodes[i]->in_event || nodes[i]->n_children == 0)
			counted[n_counted++] = nodes[i];
	update_counters(state, counted, n_counted);

	for (i = 0; i < n_nodes; i++)
	{
		ts_int128	expected;

		node = nodes[i];
		if (!node->found && !node->in_event)
			report_missing_parent(node);
		if (node->mixed_metrics || node->child_metric_id != node->metric_id ||
			node->child_depth_min != node->depth + 1 || node->child_depth_max != node->depth + 1)
			append_key(state, &misfits, node->key);

		/*
		 * Children that came with their parent, or to what was a leaf, add up
		 * to it; those that came to an inner node add nothing.
		 */
		expected = node->in_event || node->n_children == node->n_added ? node->own : 0;
		if (node->children != expected)
			append_key(state, &state->compare, node->key);
	}
	check_depths(state, &misfits);
	compare_sums(state);
}

/*
 * UPDATE: amounts, and moves of nodes to other parents.
 *
 * The i-th old row and the i-th new row are two versions of one row: the server
 * stores them in one go.  Were it ever otherwise, the comparison of keys would
 * refuse the statement.
 */
static void
guard_update(guard_state *state)
{
	Tuplestorestate *old_rows = state->trigger->tg_oldtable;
	Tuplestorestate *new_rows = state->trigger->tg_newtable;
	TupleTableSlot *old_slot = begin_pass(state, old_rows);
	TupleTableSlot *new_slot = begin_pass(state, new_rows);
	target_row	old_row;
	target_row	new_row;
	target_node *node;
	target_node **nodes;
	target_node **counted;
	key_list	moved = {0};
	/* a call may give targets another split and leave all else */
	bool		revise = ts_split_in_progress != 0;
	int			n_nodes;
	int			n_counted = 0;
	int			i;

	while (next_row(old_rows, old_slot))
	{
		ts_int128	old_units = 0;
		ts_int128	new_units = 0;
		bool		same_amount;
		bool		same_parent;
		int			column;

		if (!next_row(new_rows, new_slot))
			elog(ERROR, "update of targets has fewer new rows than old ones");
		read_row(state, old_slot, &old_row);
		read_row(state, new_slot, &new_row);

		if (compare_keys(&old_row.key, &new_row.key) != 0 || old_row.metric_id != new_row.metric_id)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("plan_id, target_id and metric_id of target " INT64_FORMAT " cannot be changed",
							old_row.key.target_id),
					 errdetail("They are (%d, " INT64_FORMAT ", %d) and would be (%d, " INT64_FORMAT ", %d).",
							   old_row.key.plan_id, old_row.key.target_id, old_row.metric_id,
							   new_row.key.plan_id, new_row.key.target_id, new_row.metric_id)));
		if (old_row.n_children != new_row.n_children)
			ereport(ERROR,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("n_children of target " INT64_FORMAT " cannot be changed", old_row.key.target_id),
					 errdetail("It is the number of its children, %d, and is kept when children come and go.",
							   old_row.n_children)));

		same_parent = old_row.has_parent == new_row.has_parent && old_row.parent_id == new_row.parent_id;
		if (!same_parent || old_row.depth != new_row.depth)
			append_key(state, &moved, new_row.key);

		same_amount = !column_differs(state, old_slot, new_slot, COL_AMOUNT);
		if (!same_amount || !same_parent)
		{
			old_units = amount_units(state, &old_row.key, old_row.metric_id, old_row.amount);
			new_units = amount_units(state, &new_row.key, new_row.metric_id, new_row.amount);
			same_amount = old_units == new_units;
			revise = true;
			if (old_row.locked && (!same_amount || !same_parent))
				note_locked(state, &old_row, &new_row);
		}

		/* a leaf of its own has no balance to keep */
		if (!same_amount && old_row.n_children > 0)
		{
			node = get_node(state, new_row.key.plan_id, new_row.key.target_id);
			add_units(&node->own, new_units);
			add_units(&node->own, -old_units);
		}
		if (!same_parent)
		{
			state->moves = true;
			if (old_row.has_parent)
			{
				node = get_node(state, old_row.key.plan_id, old_row.parent_id);
				node->n_removed++;
				add_units(&node->children, -old_units);
			}
			if (new_row.has_parent)
			{
				node = get_node(state, new_row.key.plan_id, new_row.parent_id);
				node->n_added++;
				add_units(&node->children, new_units);
				node->child_id = Min(node->child_id, new_row.key.target_id);
			}
		}
		else if (!same_amount && new_row.has_parent)
		{
			node = get_node(state, new_row.key.plan_id, new_row.parent_id);
			add_units(&node->children, new_units);
			add_units(&node->children, -old_units);
			node->child_id = Min(node->child_id, new_row.key.target_id);
		}

		/* one change of anything worth a revision is enough to write them */
		for (column = COL_FLOOR_AMOUNT; !revise && column < N_COLUMNS; column++)
			revise = column_differs(state, old_slot, new_slot, column);
	}
	ExecDropSingleTupleTableSlot(old_slot);
	ExecDropSingleTupleTableSlot(new_slot);
	refuse_locked(state);

	nodes = sorted_nodes(state, &n_nodes);
	if (state->moves)
	{
		counted = MemoryContextAllocHuge(state->context, sizeof(target_node *) * (Size) n_nodes);
		for (i = 0; i < n_nodes; i++)
			if (nodes[i]->n_added > 0 || nodes[i]->n_removed > 0)
				counted[n_counted++] = nodes[i];
		update_counters(state, counted, n_counted);
	}

	for (i = 0; i < n_nodes; i++)
	{
		int64		n_before;

		node = nodes[i];

		/* an old parent may be gone: a CTE has deleted it */
		if (node->n_added > 0 && !node->found)
			report_missing_parent(node);

		/*
		 * What was or became a leaf is compared: deltas prove nothing about
		 * it.  An old parent that has no children left passes there.
		 */
		n_before = node->n_children - node->n_added + node->n_removed;
		if (node->own != node->children ||
			(node->found && (n_before == 0 || node->n_children == 0)))
			append_key(state, &state->compare, node->key);
	}
	check_depths(state, &moved);
	compare_sums(state);

	if (revise)
		write_revisions(state);
}

/*
 * DELETE: of children, or of whole subtrees.
 */
static void
guard_delete(guard_state *state)
{
	Tuplestorestate *rows = state->trigger->tg_oldtable;
	TupleTableSlot *slot = begin_pass(state, rows);
	target_row	row;
	target_node *node;
	target_node **nodes;
	target_node **counted;
	key_list	bereft = {0};
	int			n_nodes;
	int			n_counted = 0;
	int			i;

	while (next_row(rows, slot))
	{
		read_row(state, slot, &row);
		if (row.locked)
			note_locked(state, &row, NULL);
		if (row.n_children > 0)
		{
			node = get_node(state, row.key.plan_id, row.key.target_id);
			node->in_event = true;
			node->n_children = row.n_children;
		}
		if (row.has_parent)
		{
			ts_int128	units = amount_units(state, &row.key, row.metric_id, row.amount);

			node = get_node(state, row.key.plan_id, row.parent_id);
			node->n_removed++;
			add_units(&node->children, -units);
		}
	}
	ExecDropSingleTupleTableSlot(slot);
	refuse_locked(state);

	nodes = sorted_nodes(state, &n_nodes);
	counted = MemoryContextAllocHuge(state->context, sizeof(target_node *) * (Size) Max(n_nodes, 1));
	for (i = 0; i < n_nodes; i++)
	{
		node = nodes[i];
		if (!node->in_event)
			counted[n_counted++] = node;
		else if (node->n_children != node->n_removed)
			append_key(state, &bereft, node->key);
	}
	check_orphans(state, &bereft);
	update_counters(state, counted, n_counted);

	for (i = 0; i < n_counted; i++)
	{
		node = counted[i];

		/*
		 * A counter that reached 0 is not believed: a CTE may have brought new
		 * children that are not counted yet.  Without any, the node passes.
		 */
		if (node->found && (node->n_children == 0 || node->children != 0))
			append_key(state, &state->compare, node->key);
	}
	compare_sums(state);

	write_revisions(state);
}


/* --------------------------------------------------------------- trigger */

/*
 * target_guard()
 *
 * Syntax
 *	  CREATE TRIGGER ... AFTER INSERT | UPDATE | DELETE ON target_split.target
 *	  REFERENCING OLD TABLE AS ... NEW TABLE AS ...
 *	  FOR EACH STATEMENT EXECUTE FUNCTION target_split.target_guard();
 *	  the same BEFORE TRUNCATE, which it refuses.
 *
 * Purpose
 *	  Refuses every statement that leaves children that do not add up to their
 *	  parent, counts children, and writes revisions.
 */
Datum
target_split_target_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Relation	relation;
	guard_state *state;
	MemoryContext context;
	MemoryContext outer_context;
	Oid			caller;
	int			security_context;
	int			guc_level;
	int			column;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by trigger manager", "target_guard")));

	relation = trigger->tg_relation;

	/* it acts with the rights of the owner: on no other table */
	if (strcmp(RelationGetRelationName(relation), "target") != 0 ||
		RelationGetNamespace(relation) != get_namespace_oid(TS_SCHEMA, true))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" guards table \"%s.%s\" only", "target_guard", TS_SCHEMA, "target")));

	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot truncate table \"%s\"", "target"),
				 errdetail("It would leave no revisions."),
				 errhint("To delete all targets: DELETE FROM " TS_SCHEMA ".target;")));

	if (!TRIGGER_FIRED_AFTER(trigger->tg_event) || !TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event) ||
		(!TRIGGER_FIRED_BY_DELETE(trigger->tg_event) && trigger->tg_newtable == NULL) ||
		(!TRIGGER_FIRED_BY_INSERT(trigger->tg_event) && trigger->tg_oldtable == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired after a statement, with transition tables", "target_guard")));

	/* the guard's own update of counters */
	if (counter_update_depth != 0 && counter_update_depth == DatumGetInt32(pg_trigger_depth(NULL)))
		PG_RETURN_POINTER(NULL);

	if (tuplestore_tuple_count(TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ?
							   trigger->tg_oldtable : trigger->tg_newtable) == 0)
		PG_RETURN_POINTER(NULL);

	/*
	 * From here as the owner, as foreign key triggers do it.  An error undoes
	 * this with its subtransaction.  datestyle is what dates in the rows kept by
	 * revisions are written in.  A caller that looks up keys has switched off
	 * what joins transition tables, which have no index, in less than quadratic
	 * time, one that writes many rows what joins few.  jit would compile what costs little.
	 */
	GetUserIdAndSecContext(&caller, &security_context);
	SetUserIdAndSecContext(RelationGetForm(relation)->relowner,
						   security_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	guc_level = NewGUCNestLevel();
	set_locally("search_path", "pg_catalog, pg_temp");
	set_locally("datestyle", "ISO");
	set_locally("enable_nestloop", "on");
	set_locally("enable_hashjoin", "on");
	set_locally("enable_mergejoin", "on");
	set_locally("enable_seqscan", "on");
	set_locally("enable_bitmapscan", "on");
	set_locally("jit", "off");

	ts_connect();
	if (SPI_register_trigger_data(trigger) < 0)
		elog(ERROR, "could not register transition tables");

	context = AllocSetContextCreate(CurrentMemoryContext, "guard of targets", ALLOCSET_DEFAULT_SIZES);
	outer_context = MemoryContextSwitchTo(context);
	state = palloc0(sizeof(guard_state));
	state->trigger = trigger;
	state->context = context;
	state->desc = RelationGetDescr(relation);
	state->caller = caller;
	state->nodes = target_hash_create(context, 64, NULL);
	state->quanta = quantum_hash_create(context, 8, NULL);
	for (column = 0; column < N_COLUMNS; column++)
	{
		state->attnum[column] = SPI_fnumber(state->desc, column_names[column]);
		if (state->attnum[column] <= 0)
			elog(ERROR, "table target has no column %s", column_names[column]);
	}

	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		guard_insert(state);
	else if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		guard_update(state);
	else
		guard_delete(state);

	MemoryContextSwitchTo(outer_context);
	MemoryContextDelete(context);
	ts_finish();
	AtEOXact_GUC(true, guc_level);
	SetUserIdAndSecContext(caller, security_context);
	PG_RETURN_POINTER(NULL);
}
