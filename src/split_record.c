/*-------------------------------------------------------------------------
 *
 * split_record.c
 *	  The arguments of a call of split_target, to its row in "split" and back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/varlena.h"

#include "query.h"
#include "split.h"
#include "target_split.h"

/*
 * All arguments but the first three, as JSON, for the record.  The record has the
 * basis that was read besides: that it is not here says that nobody gave it.
 */
Datum
ts_split_arguments(const NullableDatum *given)
{
	static const Oid types[TS_SPLIT_N_ARGUMENTS] = {
		[TS_SPLIT_WEIGHTS] = JSONBOID,[TS_SPLIT_WEIGHTS_FROM] = REGCLASSOID,
		[TS_SPLIT_MEMBERS] = JSONBOID,[TS_SPLIT_REST] = TEXTOID,
		[TS_SPLIT_ON_MISSING] = TEXTOID,[TS_SPLIT_ON_ZERO] = TEXTOID,
		[TS_SPLIT_ON_NEGATIVE] = TEXTOID,[TS_SPLIT_ON_UNASSIGNED] = TEXTOID,
		[TS_SPLIT_ON_INCOMPLETE] = TEXTOID,[TS_SPLIT_BASES] = JSONBOID,
		[TS_SPLIT_PROFILE] = JSONBOID,[TS_SPLIT_QUANTUM] = NUMERICOID,
		[TS_SPLIT_RESIDUAL] = TEXTOID,[TS_SPLIT_LEVELS] = JSONBOID,
		[TS_SPLIT_BOUNDS] = JSONBOID,[TS_SPLIT_BOUNDS_FROM] = REGCLASSOID,
		[TS_SPLIT_PRORATE] = TEXTOID,[TS_SPLIT_ALIGN] = TEXTOID,
		[TS_SPLIT_LINK] = TEXTOID,[TS_SPLIT_MARGINS] = JSONBOID,
		[TS_SPLIT_MARGINS_FROM] = REGCLASSOID,
	};
	ts_args		args = {0};

	for (int i = TS_SPLIT_WEIGHTS; i < TS_SPLIT_N_ARGUMENTS; i++)
		ts_arg(&args, types[i], given[i].value, given[i].isnull);
	if (!given[TS_SPLIT_BASIS].isnull)
	{
		DateADT		from;
		DateADT		upto;
		bool		empty;

		/* in words that no setting changes */
		ts_daterange_parts(given[TS_SPLIT_BASIS].value, &from, &upto, &empty);
		ts_arg_text(&args, ts_window_text(from, upto));
	}
	else
		ts_arg_text(&args, NULL);
	ts_run("SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object("
		   "'weights', $1, 'weights_from', $2::text, 'members', $3, 'rest', $4,"
		   "'on_missing', NULLIF($5, 'error'), 'on_zero', NULLIF($6, 'error'),"
		   "'on_negative', NULLIF($7, 'error'), 'on_unassigned', NULLIF($8, 'error'),"
		   "'on_incomplete', NULLIF($9, 'error'), 'bases', $10, 'profile', $11,"
		   "'quantum', $12, 'residual', NULLIF($13, 'largest'), 'levels', $14,"
		   "'bounds', $15, 'bounds_from', $16::text, 'prorate', $17,"
		   "'align', $18, 'link', $19, 'margins', $20, 'margins_from', $21::text, 'basis', $22))", &args, true);
	return ts_datum(0, 1);
}

/*
 * The first of the splits that replace one another, which may be the split
 * itself, 0 for 0; *target_id: the target that it named
 */
int64
ts_record_origin(int32 plan_id, int64 split_id, int64 *target_id)
{
	ts_args		args = {0};

	*target_id = 0;
	if (split_id == 0)
		return 0;
	ts_arg_int4(&args, plan_id);
	ts_arg_int8(&args, split_id);
	if (ts_run("WITH RECURSIVE origin AS ("
			   "SELECT s.split_id, s.target_id, s.replaces FROM " TS_SCHEMA ".split s"
			   " WHERE s.plan_id = $1 AND s.split_id = $2"
			   " UNION ALL "
			   "SELECT s.split_id, s.target_id, s.replaces FROM origin o"
			   " JOIN " TS_SCHEMA ".split s ON s.plan_id = $1 AND s.split_id = o.replaces)"
			   " SELECT o.split_id, o.target_id FROM origin o ORDER BY o.split_id LIMIT 1", &args, false) == 0)
		return split_id;
	*target_id = ts_int8(0, 2);
	return ts_int8(0, 1);
}

/*
 * Reads what "split" has of a call, 0 for none, as arguments of split_target.
 * False if it cannot be made again: amounts were given, or nothing was split.
 * default_basis: the basis is what the call found where none was given
 */
bool
ts_record_read(int32 plan_id, int64 split_id, NullableDatum *given, bool *default_basis, MemoryContext context)
{
	const ts_split_method *method;
	ts_args		args = {0};

	for (int i = 0; i < TS_SPLIT_N_ARGUMENTS; i++)
		given[i].isnull = true;
	*default_basis = false;
	if (split_id == 0)
		return false;
	ts_arg_int4(&args, plan_id);
	ts_arg_int8(&args, split_id);
	if (ts_run("SELECT s.target_id, s.by_levels, s.method, s.basis, a -> 'weights', a ->> 'weights_from',"
			   " a -> 'members', a ->> 'rest', COALESCE(a ->> 'on_missing', 'error'),"
			   " COALESCE(a ->> 'on_zero', 'error'), COALESCE(a ->> 'on_negative', 'error'),"
			   " COALESCE(a ->> 'on_unassigned', 'error'), COALESCE(a ->> 'on_incomplete', 'error'),"
			   " a -> 'bases', a -> 'profile', (a ->> 'quantum')::pg_catalog.numeric,"
			   " COALESCE(a ->> 'residual', 'largest'), a -> 'levels', a -> 'bounds', a ->> 'bounds_from', a ->> 'prorate', a ->> 'align',"
			   " a ->> 'link', a -> 'margins', a ->> 'margins_from', s.basis IS NOT NULL AND NOT a ? 'basis'"
			   " FROM " TS_SCHEMA ".split s, LATERAL (SELECT s.arguments AS a) x"
			   " WHERE s.plan_id = $1 AND s.split_id = $2", &args, false) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("split %lld is not recorded", (long long) split_id),
				 errhint("SELECT * FROM target_split.plan_check;")));
	for (int i = TS_SPLIT_TARGET_ID; i < TS_SPLIT_N_ARGUMENTS; i++)
	{
		given[i].isnull = ts_isnull(0, i + 1);
		if (!given[i].isnull)
			given[i].value = ts_datum_copy(0, i + 1, context);
	}
	*default_basis = ts_bool(0, TS_SPLIT_N_ARGUMENTS + 1);
	method = ts_split_method_find(text_to_cstring(DatumGetTextPP(given[TS_SPLIT_METHOD].value)));
	return method && !method->gives_amounts;
}

/*
 * Leaves out a basis that nobody gave: it is found again as it was, and what else
 * is read by it, such as the past that targets are linked to, is that of a default
 * too.  What "seasonal" found depends on the facts of that day, and stays.
 */
void
ts_record_drop_default(NullableDatum *given, bool default_basis)
{
	if (default_basis && strcmp(TextDatumGetCString(given[TS_SPLIT_METHOD].value), "seasonal") != 0)
		given[TS_SPLIT_BASIS].isnull = true;
}

/*
 * Relations are recorded by their names: puts their oids in place, but for
 * those that "instead" has.  only: a target that has to be named, for "by"
 * alone would name other splits as well; 0 for none
 */
void
ts_record_find_relations(int64 split_id, NullableDatum *given, int64 only, const NullableDatum *instead)
{
	static const struct
	{
		int			argument;
		const char *name;
	}			relations[] = {
		{TS_SPLIT_WEIGHTS_FROM, "weights_from"}, {TS_SPLIT_BOUNDS_FROM, "bounds_from"},
		{TS_SPLIT_MARGINS_FROM, "margins_from"}
	};

	for (int i = 0; i < (int) lengthof(relations); i++)
	{
		NullableDatum *arg = &given[relations[i].argument];
		const char *name = relations[i].name;
		Oid			oid;

		if (arg->isnull || (instead && !instead[relations[i].argument].isnull))
			continue;
		oid = RangeVarGetRelid(makeRangeVarFromNameList(textToQualifiedNameList(DatumGetTextPP(arg->value))), NoLock, true);
		if (!OidIsValid(oid))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("relation %s, which split %lld reads, does not exist",
							TextDatumGetCString(arg->value), (long long) split_id),
					 only != 0 ?
					 errhint("Name another one: SELECT * FROM " TS_SCHEMA ".resplit_target(%lld, %s => 'RELATION');",
							 (long long) only, name) :
					 errhint("Name another one: by => %s, %s => 'RELATION'",
							 quote_literal_cstr(OidOutputFunctionCall(F_ARRAY_OUT, given[TS_SPLIT_BY].value)), name)));
		arg->value = ObjectIdGetDatum(oid);
	}
}
