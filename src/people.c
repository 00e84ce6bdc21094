/*-------------------------------------------------------------------------
 *
 * people.c
 *	  Who is responsible: assign.
 *
 * A rule says that a person is R, A, C or I for a slice.  The most specific
 * rule wins for a target; which one that is, is worked out by the view
 * responsibility_matrix, so that a rule also holds for targets that are made
 * later.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/jsonb.h"

#include "plan.h"
#include "query.h"
#include "source.h"

PG_FUNCTION_INFO_V1(target_split_assign);

/* The person of a name; one who is not known yet is added, and said so */
static int32
find_person(const char *name)
{
	ts_args		args = {0};

	ts_arg_text(&args, name);
	if (ts_run("SELECT p.person_id FROM target_split.person p WHERE p.name = $1", &args, false) > 0)
		return ts_int4(0, 1);
	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("name of a person must not be empty")));
	ts_run("INSERT INTO target_split.person (name) VALUES ($1) RETURNING person_id", &args, false);
	ereport(NOTICE,
			(errmsg("person \"%s\" was not known and has been added", name)));
	return ts_int4(0, 1);
}

/*
 * assign(plan, slice, person, role, from_day, to_day)
 *
 * Makes a person R, A, C or I for a slice from one day to another, both
 * inclusive, and returns the rule's key.
 */
Datum
target_split_assign(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"plan", "slice", "person", "role"};
	MemoryContext context = CurrentMemoryContext;
	char	   *reference;
	char	   *role;
	ts_plan		plan;
	ts_args		args = {0};
	DateADT		from = PG_ARGISNULL(4) ? DATEVAL_NOBEGIN : PG_GETARG_DATEADT(4);
	DateADT		last = PG_ARGISNULL(5) ? DATEVAL_NOEND : PG_GETARG_DATEADT(5);
	Datum		slice;
	int64		id;
	int32		person_id;
	int64	   *member_ids;
	int			n_members;

	for (int i = 0; i < 4; i++)
		ts_require(fcinfo, i, names[i]);
	reference = text_to_cstring(PG_GETARG_TEXT_PP(0));
	role = text_to_cstring(PG_GETARG_TEXT_PP(3));
	if (strlen(role) != 1 || !strchr("RACI", role[0]))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("role \"%s\" is not one of R, A, C and I", role),
				 errhint("role => 'A' makes the person accountable: the owner.")));
	if (from > last)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the last day is before the first"),
				 errdetail("The rule would hold from %s to %s.", ts_date_text(from), ts_date_text(last))));

	ts_connect();
	ts_members_lock(RowShareLock);
	ts_plan_find(reference, &plan, context);
	slice = JsonbPGetDatum(ts_slice_resolve(PG_GETARG_JSONB_P(1), &member_ids, &n_members, context));
	person_id = find_person(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	ts_arg_int4(&args, plan.plan_id);
	ts_arg(&args, JSONBOID, slice, false);
	ts_arg_int4(&args, person_id);
	ts_arg_text(&args, role);
	ts_arg(&args, DATERANGEOID,
		   ts_daterange_make(from, DATE_IS_NOEND(last) ? last : last + 1), false);
	if (role[0] == 'A' &&
		ts_run("SELECT p.name, r.valid::text FROM target_split.responsibility r"
			   " JOIN target_split.person p ON p.person_id = r.person_id"
			   " WHERE r.plan_id = $1 AND r.slice = $2 AND r.role = 'A' AND r.valid && $5"
			   " AND $3 IS NOT NULL AND $4 IS NOT NULL ORDER BY r.valid LIMIT 1", &args, false) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_EXCLUSION_VIOLATION),
				 errmsg("slice %s already has an accountable person", JsonbToCString(NULL, &DatumGetJsonbP(slice)->root, 0)),
				 errdetail("\"%s\" is accountable in %s.", ts_text(0, 1, context), ts_text(0, 2, context)),
				 errhint("Say from when the new one is with from_day => '2024-07-01', and end the other rule the day before.")));
	ts_run("INSERT INTO target_split.responsibility (plan_id, slice, person_id, role, valid)"
		   " VALUES ($1, $2, $3, $4, $5) RETURNING responsibility_id", &args, false);
	id = ts_int8(0, 1);
	ts_finish();
	PG_RETURN_INT64(id);
}
