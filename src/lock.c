/*-------------------------------------------------------------------------
 *
 * lock.c
 *	  lock_target and unlock_target: hold targets, over_assign: assign more
 *	  than the base.
 *
 * Glossary
 *	  locked		a target whose amount nothing changes: functions go around
 *					it, the guard refuses every other statement.  A locked 0 is
 *					still a 0
 *	  scope			which targets are meant: the named ones, all at and under
 *					them, or the leaves among those
 *	  over-assignment
 *					what a target's owner is given above the base, as a factor
 *					on the edge to the parent; the base stays as it is
 *
 * Method
 *	  The targets are found (selection.c), locked in the order of ids, and
 *	  looked for again: only what nobody has split or taken back meanwhile is
 *	  updated, by one statement.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "plan.h"
#include "query.h"
#include "selection.h"
#include "target_split.h"

PG_FUNCTION_INFO_V1(target_split_lock_target);
PG_FUNCTION_INFO_V1(target_split_unlock_target);
PG_FUNCTION_INFO_V1(target_split_over_assign);

/* nobody splits that often between two statements */
#define MAX_ATTEMPTS 10

/* The keys of a scope: $1 plan_id, $2 the named ones, $3 the scope */
#define KEYS_IN_SCOPE \
	"WITH RECURSIVE below AS (" \
	"SELECT t.target_id, t.n_children FROM pg_catalog.unnest($2) AS k (target_id)" \
	" JOIN " TS_SCHEMA ".target t ON t.plan_id = $1 AND t.target_id = k.target_id" \
	" UNION ALL " \
	"SELECT t.target_id, t.n_children FROM below b JOIN " TS_SCHEMA ".target t" \
	" ON t.plan_id = $1 AND t.parent_id = b.target_id WHERE $3 <> 'target')" \
	" SELECT b.target_id FROM below b WHERE $3 <> 'leaves' OR b.n_children = 0" \
	" ORDER BY b.target_id"

/* What is returned of a target */
#define RESULT_COLUMNS \
	"target_id, parent_id, depth::int4, level, slice, period, amount, locked, over_assignment"

/* Reads the keys of a scope */
static int64 *
read_scope(ts_args *args, int *n)
{
	int64	   *ids;

	*n = (int) ts_run_keyed(KEYS_IN_SCOPE, args);
	ids = palloc_extended(sizeof(int64) * (Size) Max(*n, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < *n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		ids[i] = ts_int8(i, 1);
	}
	SPI_freetuptable(SPI_tuptable);
	return ids;
}

/*
 * Finds the targets of a scope, and locks their rows in the order of ids.
 */
static int64 *
lock_scope(const ts_selection *selection, const char *scope, int *n)
{
	ts_args		args = {0};
	int64	   *ids;

	ts_arg_int4(&args, selection->plan_id);
	ts_arg_int8_array(&args, selection->n, selection->target_ids);
	ts_arg_text(&args, scope);
	ids = read_scope(&args, n);
	for (int attempt = 1;; attempt++)
	{
		ts_args		keys = {0};
		uint64		n_locked;
		int64	   *again;
		int			n_again;
		bool		same;

		CHECK_FOR_INTERRUPTS();
		ts_arg_int4(&keys, selection->plan_id);
		ts_arg_int8_array(&keys, *n, ids);
		n_locked = ts_run_keyed("SELECT t.target_id FROM " TS_SCHEMA ".target t"
								" WHERE t.plan_id = $1 AND t.target_id = ANY ($2)"
								" ORDER BY t.target_id FOR NO KEY UPDATE", &keys);
		SPI_freetuptable(SPI_tuptable);
		again = read_scope(&args, &n_again);
		same = n_again == *n && memcmp(again, ids, sizeof(int64) * (Size) *n) == 0;
		if (same && n_locked == (uint64) *n)
			return ids;
		if (attempt == MAX_ATTEMPTS)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("targets at or under target " INT64_FORMAT " cannot be locked by role \"%s\"",
							selection->target_ids[0], GetUserNameFromId(GetUserId(), false)),
					 errhint("A row-level security policy lets the role read targets that it must not change.")));
		pfree(ids);
		ids = again;
		*n = n_again;
	}
}

/*
 * Runs an update of the targets of the call's scope, with the keys as $2, and
 * returns its rows.  $3 is the caller's.
 */
static Datum
update_scope(FunctionCallInfo fcinfo, const char *scope, const char *sql, Oid type, Datum value, bool isnull)
{
	MemoryContext context;
	MemoryContext old;
	ts_selection selection;
	ts_args		args = {0};
	TupleDesc	desc;
	Tuplestorestate *store = ts_begin_rows(fcinfo, &desc);
	int64	   *ids;
	int			n;

	context = AllocSetContextCreate(CurrentMemoryContext, "target_split lock", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	ts_connect();
	MemoryContextSwitchTo(context);
	ts_select_targets(fcinfo, 0, &selection, context);
	ids = lock_scope(&selection, scope, &n);
	ts_arg_int4(&args, selection.plan_id);
	ts_arg_int8_array(&args, n, ids);
	ts_arg(&args, type, value, isnull);
	(void) ts_run_keyed(sql, &args);
	ts_put_rows(store);
	ts_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return (Datum) 0;
}

static Datum
set_locked(FunctionCallInfo fcinfo, bool locked)
{
	static const char *const scopes[] = {"subtree", "target", "leaves", NULL};
	char	   *scope = ts_word_argument(fcinfo, 5, "scope", scopes);

	ts_reason_argument(fcinfo, 6);
	return update_scope(fcinfo, scope,
						"WITH changed AS (UPDATE " TS_SCHEMA ".target t SET locked = $3"
						" WHERE t.plan_id = $1 AND t.target_id = ANY ($2) AND t.locked <> $3 RETURNING t.*)"
						" SELECT " RESULT_COLUMNS " FROM changed ORDER BY depth, target_id",
						BOOLOID, BoolGetDatum(locked), false);
}

/*
 * lock_target(target_id, plan, metric, slice, period, scope, reason)
 *
 * Locks targets and returns those that were not locked before.
 */
Datum
target_split_lock_target(PG_FUNCTION_ARGS)
{
	return set_locked(fcinfo, true);
}

/*
 * unlock_target(target_id, plan, metric, slice, period, scope, reason)
 *
 * Unlocks targets and returns those that were locked before.
 */
Datum
target_split_unlock_target(PG_FUNCTION_ARGS)
{
	return set_locked(fcinfo, false);
}

/*
 * over_assign(target_id, plan, metric, slice, period, factor, reason)
 *
 * Sets what the owners of the named targets are given above the base, and
 * returns the targets that changed.  NULL takes it back.
 */
Datum
target_split_over_assign(PG_FUNCTION_ARGS)
{
	Numeric		factor;

	if (!PG_ARGISNULL(5))
	{
		factor = PG_GETARG_NUMERIC(5);
		if (numeric_is_nan(factor) || numeric_is_inf(factor) ||
			DatumGetBool(DirectFunctionCall2(numeric_le, NumericGetDatum(factor),
											 DirectFunctionCall1(int4_numeric, Int32GetDatum(-1)))))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("factor must be more than -1, not %s",
							DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(factor)))),
					 errhint("5 %% more than the base is factor => 0.05.")));
	}
	ts_reason_argument(fcinfo, 6);
	return update_scope(fcinfo, "target",
						"WITH changed AS (UPDATE " TS_SCHEMA ".target t SET over_assignment = $3"
						" WHERE t.plan_id = $1 AND t.target_id = ANY ($2)"
						" AND t.over_assignment IS DISTINCT FROM $3 RETURNING t.*)"
						" SELECT " RESULT_COLUMNS " FROM changed ORDER BY depth, target_id",
						NUMERICOID, PG_ARGISNULL(5) ? (Datum) 0 : PG_GETARG_DATUM(5), PG_ARGISNULL(5));
}
