/*-------------------------------------------------------------------------
 *
 * setup.c
 *	  Set-up of dimensions, members, people and sources.
 *
 * Terms
 *	item		one column named in the argument "dimensions" of add_source
 *	chain		levels of a dimension that a source has columns for, from the
 *				top without a gap; members are read along it
 *	path		codes of a member from the top level down to its own
 *
 * Method
 *	Members are read one dimension after the other.  The distinct paths in the
 *	source are read once, as one array of codes a level; then each level takes
 *	one statement that adds the members not known yet below their parents, and
 *	one that says which member each path has reached.
 *
 * Limits
 *	An array of codes holds at most 1 GB, which is some ten million paths.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/attnum.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "compat.h"
#include "numeric_units.h"
#include "plan.h"
#include "query.h"
#include "source.h"
#include "target_split.h"

PG_FUNCTION_INFO_V1(target_split_add_metric);
PG_FUNCTION_INFO_V1(target_split_add_dimension);
PG_FUNCTION_INFO_V1(target_split_add_member);
PG_FUNCTION_INFO_V1(target_split_add_person);
PG_FUNCTION_INFO_V1(target_split_add_source);
PG_FUNCTION_INFO_V1(target_split_import_members);

/* How much of a code that is too long is shown */
#define SHOWN_CODE_CHARS	40

/* What to do about a code with several parents in the data */
typedef enum on_conflict_action
{
	CONFLICT_ERROR,
	CONFLICT_LATER,				/* warn, and leave the level without members */
	CONFLICT_LATEST,
	CONFLICT_SEPARATE
} on_conflict_action;

/* One column named in the argument "dimensions" */
typedef struct source_item
{
	char	   *dimension;
	char	   *column;
	char	   *level;			/* NULL unless given */
	bool		persons;
} source_item;

/* A dimension that a source has columns for */
typedef struct dimension_row
{
	int32		dimension_id;
	bool		persons;
	int			n_levels;
} dimension_row;

/* --------------------------------------------------------------- metrics */

/*
 * add_metric(name, unit, quantum, additive, direction, description)
 */
Datum
target_split_add_metric(PG_FUNCTION_ARGS)
{
	char	   *name = ts_text_argument(fcinfo, 0, "name");
	char	   *unit = ts_text_argument(fcinfo, 1, "unit");
	char	   *direction = ts_text_argument(fcinfo, 4, "direction");
	ts_quantum	quantum;
	int32		metric_id;
	ts_args		args = {0};

	ts_require(fcinfo, 2, "quantum");
	ts_require(fcinfo, 3, "additive");
	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name of a metric must not be empty")));
	if (strcmp(direction, "higher") != 0 && strcmp(direction, "lower") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("direction must be 'higher' or 'lower', whichever is better, not \"%s\"",
						direction)));

	ts_connect();
	ts_arg_text(&args, name);
	ts_arg_text(&args, unit);
	ts_arg(&args, NUMERICOID, PG_GETARG_DATUM(2), false);
	ts_arg(&args, BOOLOID, PG_GETARG_DATUM(3), false);
	ts_arg_text(&args, direction);
	ts_arg_text(&args, PG_ARGISNULL(5) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(5)));
	(void) ts_run("SELECT $3 > 0 AND $3 < 'Infinity',"
				  " EXISTS (SELECT FROM " TS_SCHEMA ".metric AS m WHERE m.name = $1)",
				  &args, false);
	if (!ts_bool(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("quantum of metric \"%s\" must be a number above 0, not %s", name,
						DatumGetCString(DirectFunctionCall1(numeric_out, PG_GETARG_DATUM(2)))),
				 errhint("It is the smallest amount given out: quantum => 0.01 for cents, 1 for pieces.")));
	if (ts_bool(0, 2))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("metric \"%s\" exists already", name)));
	/* refuses what amounts could not be counted in */
	ts_quantum_from_numeric(PG_GETARG_DATUM(2), &quantum);
	(void) ts_run("INSERT INTO " TS_SCHEMA ".metric"
				  " (name, unit, quantum, additive, direction, description)"
				  " VALUES ($1, $2, $3, $4, $5, $6) RETURNING metric_id", &args, false);
	metric_id = ts_int4(0, 1);
	ts_finish();
	PG_RETURN_INT32(metric_id);
}

/* ------------------------------------------------- dimensions and levels */

/* An error if a name is taken in the namespace of dimensions, levels, grains */
static void
check_level_name(const char *name)
{
	static const char *const grains[] = {
		"total", "year", "half", "quarter", "month", "week", "day"
	};
	ts_args		args = {0};

	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name of a dimension or level must not be empty")));
	for (size_t i = 0; i < lengthof(grains); i++)
		if (strcmp(name, grains[i]) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_RESERVED_NAME),
					 errmsg("name \"%s\" means a part of the calendar", name),
					 errdetail("Dimensions, their levels and calendar grains share one namespace."),
					 errhint("Use another name; in add_source {\"column\": ..., \"level\": ...} gives a level its name.")));
	ts_arg_text(&args, name);
	if (ts_run("SELECT d.name, l.depth::pg_catalog.int4"
			   " FROM " TS_SCHEMA ".dimension_level AS l"
			   " JOIN " TS_SCHEMA ".dimension AS d ON d.dimension_id = l.dimension_id"
			   " WHERE l.name = $1", &args, false) > 0)
	{
		char	   *dimension = ts_text(0, 1, CurrentMemoryContext);
		int			depth = ts_int4(0, 2);

		if (depth == 1)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("name \"%s\" is taken by a dimension", name),
					 errdetail("Dimensions, their levels and calendar grains share one namespace."),
					 errhint("Use another name.")));
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("name \"%s\" is taken by level %d of dimension \"%s\"",
						name, depth, dimension),
				 errdetail("Dimensions, their levels and calendar grains share one namespace."),
				 errhint("Use another name; in add_source {\"column\": ..., \"level\": ...} gives a level its name.")));
	}
}

static void
create_level(int32 dimension_id, int depth, const char *name)
{
	ts_args		args = {0};

	check_level_name(name);
	ts_arg_int4(&args, dimension_id);
	ts_arg_int4(&args, depth);
	ts_arg_text(&args, name);
	(void) ts_run("INSERT INTO " TS_SCHEMA ".dimension_level (dimension_id, depth, name)"
				  " VALUES ($1, $2, $3)", &args, false);
}

/* Creates a dimension with its top level and returns its key */
static int32
create_dimension(const char *name, bool persons, const char *description)
{
	ts_args		args = {0};
	int32		dimension_id;

	check_level_name(name);
	ts_arg_text(&args, name);
	ts_arg(&args, BOOLOID, BoolGetDatum(persons), false);
	ts_arg_text(&args, description);
	(void) ts_run("INSERT INTO " TS_SCHEMA ".dimension (name, persons, description)"
				  " VALUES ($1, $2, $3) RETURNING dimension_id", &args, false);
	dimension_id = ts_int4(0, 1);
	create_level(dimension_id, 1, name);
	return dimension_id;
}

/* Finds a dimension by its name */
static bool
find_dimension(const char *name, dimension_row *dimension)
{
	ts_args		args = {0};

	ts_arg_text(&args, name);
	if (ts_run("SELECT d.dimension_id, d.persons,"
			   " (SELECT pg_catalog.max(l.depth)::pg_catalog.int4 FROM " TS_SCHEMA ".dimension_level AS l"
			   " WHERE l.dimension_id = d.dimension_id)"
			   " FROM " TS_SCHEMA ".dimension AS d WHERE d.name = $1",
			   &args, false) == 0)
		return false;
	dimension->dimension_id = ts_int4(0, 1);
	dimension->persons = ts_bool(0, 2);
	dimension->n_levels = ts_isnull(0, 3) ? 0 : ts_int4(0, 3);
	return true;
}

/* The texts of an argument of type text[], none of them NULL or empty */
static char **
text_array(ArrayType *array, const char *argument, int *n)
{
	Datum	   *elements;
	bool	   *nulls;
	char	  **texts;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("argument \"%s\" must be a list, not an array of arrays", argument)));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, n);
	texts = palloc(Max(*n, 1) * sizeof(char *));
	for (int i = 0; i < *n; i++)
	{
		texts[i] = nulls[i] ? NULL : TextDatumGetCString(elements[i]);
		if (texts[i] == NULL || texts[i][0] == '\0')
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not hold a null or an empty text", argument)));
	}
	return texts;
}

/*
 * add_dimension(name, levels, persons, description)
 */
Datum
target_split_add_dimension(PG_FUNCTION_ARGS)
{
	char	   *name = ts_text_argument(fcinfo, 0, "name");
	char	  **levels = NULL;
	int			n_levels = 0;
	int32		dimension_id;

	if (!PG_ARGISNULL(1))
		levels = text_array(PG_GETARG_ARRAYTYPE_P(1), "levels", &n_levels);
	ts_require(fcinfo, 2, "persons");

	ts_connect();
	dimension_id = create_dimension(name, PG_GETARG_BOOL(2),
									PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3)));
	for (int i = 0; i < n_levels; i++)
		create_level(dimension_id, i + 2, levels[i]);
	ts_finish();
	PG_RETURN_INT32(dimension_id);
}

/* ------------------------------------------------------ people, members */

/* An error unless an argument is a daterange with days in it */
static Datum
validity_argument(FunctionCallInfo fcinfo, int argument, const char *name)
{
	Datum		value;
	DateADT		from;
	DateADT		upto;
	bool		empty;

	ts_require(fcinfo, argument, name);
	value = PG_GETARG_DATUM(argument);
	ts_daterange_parts(value, &from, &upto, &empty);
	if (empty)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be empty", name),
				 errhint("For example %s => '[2024-01-01,)'.", name)));
	return value;
}

/*
 * add_person(name, manager, valid, login)
 */
Datum
target_split_add_person(PG_FUNCTION_ARGS)
{
	char	   *name = ts_text_argument(fcinfo, 0, "name");
	Datum		valid = validity_argument(fcinfo, 2, "valid");
	int32		manager_id = 0;
	int32		person_id;
	ts_args		args = {0};

	if (name[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("name of a person must not be empty")));

	ts_connect();
	if (!PG_ARGISNULL(3))
	{
		char	   *login = NameStr(*PG_GETARG_NAME(3));
		ts_args		role = {0};

		if (!OidIsValid(get_role_oid(login, true)))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("role \"%s\" does not exist", login),
					 errhint("CREATE ROLE %s LOGIN;", quote_identifier(login))));
		ts_arg_text(&role, login);
		if (ts_run("SELECT p.name FROM " TS_SCHEMA ".person AS p WHERE p.login = $1::pg_catalog.name",
				   &role, false) > 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("role \"%s\" is the login of \"%s\" already", login,
							ts_text(0, 1, CurrentMemoryContext))));
	}
	if (!PG_ARGISNULL(1))
	{
		char	   *manager = text_to_cstring(PG_GETARG_TEXT_PP(1));

		ts_arg_text(&args, manager);
		if (ts_run("SELECT p.person_id FROM " TS_SCHEMA ".person AS p WHERE p.name = $1",
				   &args, false) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("person \"%s\" does not exist", manager),
					 errhint("Add the manager first: SELECT " TS_SCHEMA ".add_person(%s);",
							 quote_literal_cstr(manager))));
		manager_id = ts_int4(0, 1);
	}

	args.n = 0;
	ts_arg_text(&args, name);
	if (ts_run("SELECT FROM " TS_SCHEMA ".person AS p WHERE p.name = $1", &args, false) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("person \"%s\" exists already", name),
				 errhint("Two people of one name need a mark that tells them apart, such as \"%s (2)\".", name)));
	ts_arg(&args, DATERANGEOID, valid, false);
	ts_arg(&args, NAMEOID, PG_ARGISNULL(3) ? (Datum) 0 : PG_GETARG_DATUM(3), PG_ARGISNULL(3));
	(void) ts_run("INSERT INTO " TS_SCHEMA ".person (name, valid, login) VALUES ($1, $2, $3)"
				  " RETURNING person_id", &args, false);
	person_id = ts_int4(0, 1);
	if (manager_id != 0)
	{
		args.n = 0;
		ts_arg_int4(&args, person_id);
		ts_arg_int4(&args, manager_id);
		(void) ts_run("INSERT INTO " TS_SCHEMA ".person_manager (person_id, manager_id)"
					  " VALUES ($1, $2)", &args, false);
	}
	ts_finish();
	PG_RETURN_INT32(person_id);
}

/* A member by the codes, or aliases, from the top level down; its path too */
static int64
find_parent(const dimension_row *dimension, const char *dimension_name, ArrayType *codes, Datum *path)
{
	ts_args		args = {0};
	int64		parent_id;

	ts_arg(&args, TEXTARRAYOID, PointerGetDatum(codes), false);
	(void) ts_run("SELECT pg_catalog.to_jsonb($1)", &args, false);
	parent_id = ts_resolve_member(dimension->dimension_id, dimension_name,
								  DatumGetJsonbP(ts_datum_copy(0, 1, CurrentMemoryContext)),
								  NULL, CurrentMemoryContext);
	args.n = 0;
	ts_arg_int8(&args, parent_id);
	(void) ts_run("SELECT m.path FROM " TS_SCHEMA ".member AS m WHERE m.member_id = $1", &args, false);
	*path = ts_datum_copy(0, 1, CurrentMemoryContext);
	return parent_id;
}

/*
 * add_member(dimension, code, parent, name, valid, is_rest)
 */
Datum
target_split_add_member(PG_FUNCTION_ARGS)
{
	char	   *dimension_name = ts_text_argument(fcinfo, 0, "dimension");
	char	   *code = ts_text_argument(fcinfo, 1, "code");
	char	   *name = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3));
	Datum		valid = validity_argument(fcinfo, 4, "valid");
	ArrayType  *parent = PG_ARGISNULL(2) ? NULL : PG_GETARG_ARRAYTYPE_P(2);
	int			depth = 1;
	dimension_row dimension;
	Datum		path;			/* text[], of the parent */
	int64		parent_id = 0;
	int64		member_id;
	ts_args		args = {0};

	ts_require(fcinfo, 5, "is_rest");
	if (code[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("code of a member must not be empty")));
	if (pg_mbstrlen(code) > TS_MAX_CODE_CHARS)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("code of a member is too long"),
				 errdetail("The code \"%.*s...\" has %d characters; a code has %d at most.",
						   pg_mbcharcliplen(code, (int) strlen(code), SHOWN_CODE_CHARS), code,
						   pg_mbstrlen(code), TS_MAX_CODE_CHARS),
				 errhint("Use a shorter code; a long text can be the member's name.")));
	if (parent)
	{
		(void) text_array(parent, "parent", &depth);
		depth++;
	}

	ts_connect();
	ts_members_lock(RowExclusiveLock);
	if (!find_dimension(dimension_name, &dimension))
	{
		(void) ts_run("SELECT d.name FROM " TS_SCHEMA ".dimension AS d ORDER BY d.name COLLATE \"C\"",
					  TS_NO_ARGS, false);
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("dimension \"%s\" does not exist", dimension_name),
				 SPI_processed == 0 ? errdetail("There are no dimensions yet.") :
				 errdetail("Dimensions: %s.", ts_list(1)),
				 errhint("Add it first: SELECT " TS_SCHEMA ".add_dimension(%s);",
						 quote_literal_cstr(dimension_name))));
	}
	if (depth > dimension.n_levels)
	{
		ts_arg_int4(&args, dimension.dimension_id);
		(void) ts_run("SELECT l.name FROM " TS_SCHEMA ".dimension_level AS l"
					  " WHERE l.dimension_id = $1 ORDER BY l.depth", &args, false);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimension \"%s\" has no level %d", dimension_name, depth),
				 errdetail("Its levels: %s.", ts_list(1))));
	}

	path = PointerGetDatum(construct_empty_array(TEXTOID));
	if (parent)
		parent_id = find_parent(&dimension, dimension_name, parent, &path);

	/* whether the member or its code are there already */
	ts_arg_int4(&args, dimension.dimension_id);
	ts_arg_text(&args, code);
	ts_arg(&args, TEXTARRAYOID, path, false);
	ts_arg(&args, DATERANGEOID, valid, false);
	ts_arg(&args, INT8OID, Int64GetDatum(parent_id), !parent);
	(void) ts_run("SELECT pg_catalog.octet_length(pg_catalog.array_to_string($3 || $2, '')),"
				  " EXISTS (SELECT FROM " TS_SCHEMA ".member AS m"
				  " WHERE m.dimension_id = $1 AND m.path = $3 || $2),"
				  " EXISTS (SELECT FROM " TS_SCHEMA ".member AS m"
				  " WHERE m.dimension_id = $1 AND m.code = $2),"
				  " pg_catalog.to_jsonb($3 || $2),"
				  " pg_catalog.to_jsonb(a.path), pg_catalog.to_char(pg_catalog.lower($4), '\"(,\"YYYY-MM-DD\")\"'),"
				  " a.member_id"
				  " FROM (SELECT) AS one LEFT JOIN LATERAL (SELECT m.path, m.member_id FROM " TS_SCHEMA ".member_alias AS x"
				  " JOIN " TS_SCHEMA ".member AS m ON m.member_id = x.member_id"
				  " WHERE x.dimension_id = $1 AND x.code = $2 AND x.valid && $4"
				  " AND x.depth = pg_catalog.cardinality($3) + 1"
				  " AND x.parent_id IS NOT DISTINCT FROM $5 LIMIT 1) AS a ON true",
				  &args, false);
	if (ts_int4(0, 1) > TS_MAX_PATH_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("path of a member is too long"),
				 errdetail("The codes from the top level down have %d bytes; they may have %d.",
						   ts_int4(0, 1), TS_MAX_PATH_BYTES),
				 errhint("Use shorter codes.")));
	if (ts_bool(0, 2))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("dimension \"%s\" has a member %s already", dimension_name,
						ts_text(0, 4, CurrentMemoryContext))));
	if (!ts_isnull(0, 5))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("code \"%s\" stands for member %s of dimension \"%s\"", code,
						ts_text(0, 5, CurrentMemoryContext), dimension_name),
				 errdetail("It was renamed, merged or moved; facts with the code count for it."),
				 ts_isnull(0, 6) ?
				 errhint("Say from which day on the code is a member of its own: valid => '[2024-01-01,)'.") :
				 errhint("End that when the new member begins: UPDATE " TS_SCHEMA ".member_alias SET valid = '%s' WHERE member_id = %s AND code = %s;",
						 ts_text(0, 6, CurrentMemoryContext), ts_text(0, 7, CurrentMemoryContext),
						 quote_literal_cstr(code))));
	args.n = 3;
	ts_arg(&args, BOOLOID, BoolGetDatum(ts_bool(0, 3)), false);
	ts_arg_text(&args, name);
	ts_arg(&args, DATERANGEOID, valid, false);
	ts_arg(&args, BOOLOID, PG_GETARG_DATUM(5), false);
	ts_arg(&args, BOOLOID, BoolGetDatum(dimension.persons), false);

	if (dimension.persons)
	{
		ts_args		person = {0};

		ts_arg_text(&person, name ? name : code);
		(void) ts_run("INSERT INTO " TS_SCHEMA ".person (name) SELECT $1"
					  " WHERE NOT EXISTS (SELECT FROM " TS_SCHEMA ".person AS p WHERE p.name = $1)",
					  &person, false);
	}
	(void) ts_run("INSERT INTO " TS_SCHEMA ".member"
				  " (dimension_id, depth, code, path, slice_value, name, is_rest, valid, person_id)"
				  " SELECT $1, pg_catalog.cardinality($3) + 1, $2, $3 || $2,"
				  " CASE WHEN $4 THEN pg_catalog.to_jsonb($3 || $2) ELSE pg_catalog.to_jsonb($2) END,"
				  " $5, $7, $6,"
				  " (SELECT p.person_id FROM " TS_SCHEMA ".person AS p"
				  " WHERE $8 AND p.name = COALESCE($5, $2))"
				  " RETURNING member_id", &args, false);
	member_id = ts_int8(0, 1);
	if (depth > 1)
	{
		ts_args		edge = {0};

		ts_arg_int8(&edge, member_id);
		ts_arg_int8(&edge, parent_id);
		(void) ts_run("INSERT INTO " TS_SCHEMA ".member_parent (member_id, parent_id)"
					  " VALUES ($1, $2)", &edge, false);
	}
	ts_finish();
	PG_RETURN_INT64(member_id);
}

/* -------------------------------------------------------- reading members */

static on_conflict_action
conflict_argument(FunctionCallInfo fcinfo, int argument, bool allow_later)
{
	char	   *value = ts_text_argument(fcinfo, argument, "on_conflict");

	if (strcmp(value, "error") == 0)
		return CONFLICT_ERROR;
	if (allow_later && strcmp(value, "later") == 0)
		return CONFLICT_LATER;
	if (strcmp(value, "latest") == 0)
		return CONFLICT_LATEST;
	if (strcmp(value, "separate") == 0)
		return CONFLICT_SEPARATE;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("on_conflict must be %s'error', 'latest' or 'separate', not \"%s\"",
					allow_later ? "'later', " : "", value)));
	return CONFLICT_ERROR;		/* keep the compiler quiet */
}

/*
 * An error if a path that is not known yet has a code that another path of the
 * same level has as well; or, if it can wait until the level is used, a
 * warning and false.  $1 dimension, $2 depth, $3 codes, $4 parents.
 */
static bool
check_conflicts(const ts_args *args, const char *dimension, const char *level,
				const char *metric, bool can_wait)
{
	uint64		n;

	n = ts_run(psprintf("WITH pair AS ("
						"SELECT f.code, p.path AS parent, EXISTS (SELECT FROM " TS_SCHEMA ".member AS m"
						" WHERE m.dimension_id = $1 AND m.path = p.path || f.code) AS known"
						" FROM (SELECT DISTINCT a.code, a.parent_id"
						" FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4)) AS a(code, parent_id)"
						" WHERE a.code IS NOT NULL) AS f"
						" JOIN " TS_SCHEMA ".member AS p ON p.member_id = f.parent_id"
						"), every_pair AS ("
						"SELECT pair.code, pair.parent, pair.known FROM pair"
						" UNION SELECT m.code, m.path[1:m.depth - 1], true FROM " TS_SCHEMA ".member AS m"
						" WHERE m.dimension_id = $1 AND m.depth = $2"
						" AND m.code IN (SELECT pair.code FROM pair WHERE NOT pair.known)"
						" UNION SELECT x.code, m.path, true FROM " TS_SCHEMA ".member_alias AS x"
						" JOIN " TS_SCHEMA ".member AS m ON m.member_id = x.parent_id"
						" WHERE x.dimension_id = $1 AND x.depth = $2"
						" AND x.code IN (SELECT pair.code FROM pair WHERE NOT pair.known))"
						" SELECT CASE WHEN pg_catalog.char_length(e.code) > %d"
						" THEN pg_catalog.left(e.code, %d) || '...' ELSE e.code END || ' (' || pg_catalog.array_to_string((pg_catalog.array_agg("
						"pg_catalog.array_to_string(e.parent, ' > ') ORDER BY e.parent COLLATE \"C\"))[1:5], ', ')"
						" || CASE WHEN pg_catalog.count(*) > 5 THEN ', and ' || pg_catalog.count(*) - 5 || ' more' ELSE '' END || ')'"
						" FROM every_pair AS e GROUP BY e.code"
						" HAVING pg_catalog.count(*) > 1 AND NOT pg_catalog.bool_and(e.known)"
						" ORDER BY e.code COLLATE \"C\"",
						SHOWN_CODE_CHARS, SHOWN_CODE_CHARS),
			   args, false);
	if (n > 0)
		ereport(can_wait ? WARNING : ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg_plural("%d code of level \"%s\" of dimension \"%s\" has several parents",
							   "%d codes of level \"%s\" of dimension \"%s\" have several parents",
							   (unsigned long) n, (int) n, level, dimension),
				 errdetail("With their parents: %s.", ts_list(1)),
				 can_wait ?
				 errhint("The level has no members until one of these is called: SELECT target_split.import_members(%s, on_conflict => 'latest'); takes the parent of the newest fact, on_conflict => 'separate' makes a member of each path.",
						 quote_literal_cstr(metric)) :
				 errhint("Take the parent of the newest fact: on_conflict => 'latest'; or make a member of each path: on_conflict => 'separate'.")));
	return n == 0;
}

/*
 * An error if a code that is not known yet, or the path that it ends, is too
 * long for a key.  $1 to $4 as above.
 */
static void
check_lengths(const ts_args *args, const char *dimension, const char *level)
{
	uint64		n;

	n = ts_run(psprintf("SELECT pg_catalog.left(f.code, %d) || '... (' || pg_catalog.char_length(f.code) || ')'"
						" FROM (SELECT DISTINCT a.code, a.parent_id"
						" FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4)) AS a(code, parent_id)"
						" WHERE a.code IS NOT NULL) AS f"
						" LEFT JOIN " TS_SCHEMA ".member AS p ON p.dimension_id = $1 AND p.member_id = f.parent_id"
						" WHERE ($2 = 1 OR p.member_id IS NOT NULL)"
						" AND (pg_catalog.char_length(f.code) > %d"
						" OR pg_catalog.octet_length(f.code)"
						" + pg_catalog.octet_length(COALESCE(pg_catalog.array_to_string(p.path, ''), '')) > %d)"
						" ORDER BY f.code COLLATE \"C\"",
						SHOWN_CODE_CHARS, TS_MAX_CODE_CHARS, TS_MAX_PATH_BYTES),
			   args, false);
	if (n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg_plural("%d code of level \"%s\" of dimension \"%s\" is too long",
							   "%d codes of level \"%s\" of dimension \"%s\" are too long",
							   (unsigned long) n, (int) n, level, dimension),
				 errdetail("With their numbers of characters: %s. A code has %d characters at most, a path %d bytes.",
						   ts_list(1), TS_MAX_CODE_CHARS, TS_MAX_PATH_BYTES),
				 errhint("Name a column of shorter codes, or a view that has one.")));
}

/*
 * Adds the members of one level that are not known yet and returns how many.
 * $1 dimension, $2 depth, $3 codes, $4 parents, $5 latest facts, $6 codes that
 * occur on several levels, $7 members are people.
 */
static int64
add_members(const ts_args *args, on_conflict_action on_conflict)
{
	const char *only_new_codes = on_conflict != CONFLICT_LATEST ? "" :
		" AND NOT EXISTS (SELECT FROM " TS_SCHEMA ".member AS m"
		" WHERE m.dimension_id = $1 AND m.depth = $2 AND m.code = pair.code"
		" UNION ALL SELECT FROM " TS_SCHEMA ".member_alias AS x"
		" WHERE x.dimension_id = $1 AND x.depth = $2 AND x.code = pair.code)";
	const char *one_a_code = on_conflict != CONFLICT_LATEST ? "" :
		" DISTINCT ON (fresh.code)";

	(void) ts_run("INSERT INTO " TS_SCHEMA ".person (name)"
				  " SELECT DISTINCT a.code COLLATE \"C\""
				  " FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4)) AS a(code, parent_id)"
				  " WHERE $7 AND a.code IS NOT NULL AND (a.parent_id IS NOT NULL OR $2 = 1)"
				  " AND NOT EXISTS (SELECT FROM " TS_SCHEMA ".person AS p WHERE p.name = a.code)"
				  " ORDER BY 1", args, false);
	(void) ts_run(psprintf("WITH fact AS ("
						   "SELECT a.code, a.parent_id, pg_catalog.max(a.latest) AS latest"
						   " FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5))"
						   " AS a(code, parent_id, latest)"
						   " WHERE a.code IS NOT NULL AND (a.parent_id IS NOT NULL OR $2 = 1)"
						   " GROUP BY a.code, a.parent_id"
						   "), pair AS ("
						   "SELECT fact.code, fact.latest, p.member_id AS parent_id, p.code AS parent_code,"
						   " COALESCE(p.path, '{}') || fact.code AS path"
						   " FROM fact LEFT JOIN " TS_SCHEMA ".member AS p ON p.member_id = fact.parent_id"
						   "), fresh AS ("
						   "SELECT pair.* FROM pair"
						   " WHERE NOT EXISTS (SELECT FROM " TS_SCHEMA ".member AS m"
						   " WHERE m.dimension_id = $1 AND m.path = pair.path)%s"
						   "), chosen AS ("
						   "SELECT%s fresh.code, fresh.parent_id, fresh.path FROM fresh"
						   " ORDER BY fresh.code, fresh.latest DESC NULLS LAST,"
						   " fresh.parent_code COLLATE \"C\" DESC, fresh.path COLLATE \"C\" DESC"
						   "), added AS ("
						   "INSERT INTO " TS_SCHEMA ".member"
						   " (dimension_id, depth, code, path, slice_value, person_id)"
						   " SELECT $1, $2, c.code, c.path, CASE"
						   " WHEN pg_catalog.count(*) OVER (PARTITION BY c.code) > 1"
						   " OR c.code IN (SELECT s.code FROM pg_catalog.unnest($6) AS s(code))"
						   " OR c.code IN (SELECT m.code FROM " TS_SCHEMA ".member AS m WHERE m.dimension_id = $1)"
						   " THEN pg_catalog.to_jsonb(c.path) ELSE pg_catalog.to_jsonb(c.code) END,"
						   " p.person_id"
						   " FROM chosen AS c"
						   " LEFT JOIN " TS_SCHEMA ".person AS p ON $7 AND p.name = c.code"
						   " ORDER BY c.code COLLATE \"C\", c.path COLLATE \"C\""
						   " RETURNING member_id, path"
						   "), linked AS ("
						   "INSERT INTO " TS_SCHEMA ".member_parent (member_id, parent_id)"
						   " SELECT a.member_id, c.parent_id FROM added AS a"
						   " JOIN chosen AS c ON c.path = a.path WHERE c.parent_id IS NOT NULL"
						   ") SELECT pg_catalog.count(*) FROM added",
						   only_new_codes, one_a_code),
				  args, false);
	return ts_int8(0, 1);
}

/*
 * Notes that facts of a level count where their member is, if there are facts
 * that name another parent than it has.  $1 to $4 as above.
 */
static void
note_conflicts(const ts_args *args)
{
	(void) ts_run("UPDATE " TS_SCHEMA ".dimension_level AS l SET member_decides = true"
				  " WHERE l.dimension_id = $1 AND l.depth = $2 AND NOT l.member_decides AND EXISTS ("
				  "SELECT FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4)) AS a(code, parent_id)"
				  " JOIN " TS_SCHEMA ".member AS p ON p.member_id = a.parent_id"
				  " JOIN " TS_SCHEMA ".member AS m ON m.dimension_id = $1 AND m.depth = $2 AND m.code = a.code"
				  " WHERE NOT EXISTS (SELECT FROM " TS_SCHEMA ".member AS o"
				  " WHERE o.dimension_id = $1 AND o.path = p.path || a.code))", args, false);
}

/*
 * The member that each path has reached on a level, as an array in the order
 * of the paths: by parent and code, else by the code alone if only one member
 * of the level has it (as facts are looked up).  $1 to $4 as above.
 */
static Datum
reached_members(const ts_args *args)
{
	(void) ts_run("SELECT pg_catalog.array_agg(COALESCE(m.member_id, u.member_id) ORDER BY a.place)"
				  " FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4)) WITH ORDINALITY"
				  " AS a(code, parent_id, place)"
				  " LEFT JOIN " TS_SCHEMA ".member AS p ON p.member_id = a.parent_id"
				  " LEFT JOIN " TS_SCHEMA ".member AS m ON m.dimension_id = $1 AND m.depth = $2"
				  " AND m.path = COALESCE(p.path, '{}') || a.code"
				  " LEFT JOIN (SELECT n.code, pg_catalog.min(n.member_id) AS member_id"
				  " FROM (SELECT m.code, m.member_id FROM " TS_SCHEMA ".member AS m"
				  " WHERE m.dimension_id = $1 AND m.depth = $2"
				  " UNION SELECT x.code, x.member_id FROM " TS_SCHEMA ".member_alias AS x"
				  " WHERE x.dimension_id = $1 AND x.depth = $2) AS n"
				  " GROUP BY n.code HAVING pg_catalog.count(*) = 1) AS u ON u.code = a.code",
				  args, false);
	return ts_datum_copy(0, 1, CurrentMemoryContext);
}

/*
 * Puts the members' own codes and parents in place of aliases.  $1 to $4 as
 * above, $5 latest facts: which meaning a code has depends on the day.
 */
static void
resolve_aliases(ts_args *args)
{
	if (ts_run("SELECT FROM " TS_SCHEMA ".member_alias AS x"
			   " WHERE x.dimension_id = $1 AND x.depth = $2 LIMIT 1", args, false) == 0)
		return;
	(void) ts_run("SELECT pg_catalog.array_agg(COALESCE(m.code, a.code) ORDER BY a.place),"
				  " pg_catalog.array_agg(CASE WHEN m.code IS NULL THEN a.parent_id ELSE p.member_id END"
				  " ORDER BY a.place)"
				  " FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5))"
				  " WITH ORDINALITY AS a(code, parent_id, latest, place)"
				  " LEFT JOIN " TS_SCHEMA ".member_alias AS x ON x.dimension_id = $1 AND x.depth = $2"
				  " AND x.code = a.code AND x.parent_id IS NOT DISTINCT FROM a.parent_id"
				  " AND x.valid @> COALESCE(a.latest, 'infinity')"
				  " LEFT JOIN " TS_SCHEMA ".member AS m ON m.member_id = x.member_id"
				  " LEFT JOIN " TS_SCHEMA ".member AS p ON p.dimension_id = $1 AND p.path = m.path[1:m.depth - 1]",
				  args, false);
	args->values[2] = ts_datum_copy(0, 1, CurrentMemoryContext);
	args->values[3] = ts_datum_copy(0, 2, CurrentMemoryContext);
}

/*
 * Reads the members of one dimension from the first n_levels levels of a chain
 * and returns in added how many are new on each.
 */
static void
read_dimension(const ts_source *src, const ts_source_level *levels, int n_levels,
			   const char *dimension, bool persons, char **level_names,
			   on_conflict_action on_conflict, int64 *added)
{
	MemoryContext cxt = CurrentMemoryContext;
	StringInfoData columns;
	StringInfoData arrays;
	StringInfoData sql;
	Datum	   *codes = palloc0(n_levels * sizeof(Datum));
	Datum		latest;
	Datum		parents;
	Datum		shared;
	ts_args		args = {0};

	/* the paths that occur, as one array of codes a level */
	initStringInfo(&columns);
	initStringInfo(&arrays);
	for (int i = 0; i < n_levels; i++)
	{
		appendStringInfo(&columns, "%s AS c%d, ", levels[i].column, i + 1);
		appendStringInfo(&arrays, "pg_catalog.array_agg(f.c%d), ", i + 1);
	}
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %spg_catalog.array_agg(f.latest),"
					 " pg_catalog.array_agg(NULL::pg_catalog.int8)"
					 " FROM (SELECT ", arrays.data);
	for (int i = 0; i < n_levels; i++)
		appendStringInfo(&sql, "d.c%d, ", i + 1);
	appendStringInfo(&sql, "pg_catalog.max(d.day) AS latest"
					 " FROM (SELECT %s%s AS day FROM %s) AS d WHERE d.c1 IS NOT NULL GROUP BY d.c1",
					 columns.data, src->day, src->from);
	for (int i = 1; i < n_levels; i++)
		appendStringInfo(&sql, ", d.c%d", i + 1);
	appendStringInfoString(&sql, ") AS f");
	(void) ts_run(sql.data, TS_NO_ARGS, false);
	if (ts_isnull(0, 1))
		return;
	for (int i = 0; i < n_levels; i++)
		codes[i] = ts_datum_copy(0, i + 1, cxt);
	latest = ts_datum_copy(0, n_levels + 1, cxt);
	parents = ts_datum_copy(0, n_levels + 2, cxt);

	/* codes that occur on several levels are named by their paths */
	resetStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT COALESCE(pg_catalog.array_agg(s.code), '{}')"
						   " FROM (SELECT l.code FROM (");
	for (int i = 0; i < n_levels; i++)
	{
		appendStringInfo(&sql, "%sSELECT DISTINCT a.code FROM pg_catalog.unnest($%d) AS a(code)",
						 i > 0 ? " UNION ALL " : "", i + 1);
		ts_arg(&args, TEXTARRAYOID, codes[i], false);
	}
	appendStringInfoString(&sql, ") AS l WHERE l.code IS NOT NULL"
						   " GROUP BY l.code HAVING pg_catalog.count(*) > 1) AS s");
	(void) ts_run(sql.data, &args, false);
	shared = ts_datum_copy(0, 1, cxt);

	for (int i = 0; i < n_levels; i++)
	{
		CHECK_FOR_INTERRUPTS();
		args.n = 0;
		ts_arg_int4(&args, levels[i].dimension_id);
		ts_arg_int4(&args, i + 1);
		ts_arg(&args, TEXTARRAYOID, codes[i], false);
		ts_arg(&args, INT8ARRAYOID, parents, false);
		ts_arg(&args, DATEARRAYOID, latest, false);
		resolve_aliases(&args);
		args.n = 4;
		check_lengths(&args, dimension, level_names[i]);
		if (i > 0 && on_conflict <= CONFLICT_LATER &&
			!check_conflicts(&args, dimension, level_names[i], src->metric,
							 on_conflict == CONFLICT_LATER))
			break;				/* the levels below hang on this one */
		ts_arg(&args, DATEARRAYOID, latest, false);
		ts_arg(&args, TEXTARRAYOID, shared, false);
		ts_arg(&args, BOOLOID, BoolGetDatum(persons), false);
		added[i] = add_members(&args, on_conflict);
		args.n = 4;
		if (i > 0 && on_conflict == CONFLICT_LATEST)
			note_conflicts(&args);
		if (i + 1 < n_levels)
			parents = reached_members(&args);
	}
}

/*
 * Reads the members of all dimensions of a source and returns a row for each
 * of its columns.
 */
static void
read_members(int32 metric_id, on_conflict_action on_conflict, ReturnSetInfo *result)
{
	MemoryContext cxt = CurrentMemoryContext;
	ts_source	src;
	char	  **level_names;
	char	  **dimension_names;
	bool	   *persons;
	int64	   *added;
	ts_args		args = {0};

	ts_members_lock(RowExclusiveLock);
	(void) ts_source_load(metric_id, &src, false, cxt);

	/* Rights on every column are checked although there may be no levels */
	(void) ts_run(psprintf("SELECT %s, %s FROM %s LIMIT 0", src.day, src.amount, src.from),
				  TS_NO_ARGS, false);

	level_names = palloc(Max(src.n_levels, 1) * sizeof(char *));
	dimension_names = palloc(Max(src.n_levels, 1) * sizeof(char *));
	persons = palloc(Max(src.n_levels, 1) * sizeof(bool));
	added = palloc0(Max(src.n_levels, 1) * sizeof(int64));
	ts_arg_int4(&args, metric_id);
	(void) ts_run("SELECT d.name, l.name, d.persons FROM " TS_SCHEMA ".source_level AS s"
				  " JOIN " TS_SCHEMA ".dimension_level AS l"
				  " ON l.dimension_id = s.dimension_id AND l.depth = s.depth"
				  " JOIN " TS_SCHEMA ".dimension AS d ON d.dimension_id = s.dimension_id"
				  " WHERE s.metric_id = $1 ORDER BY s.dimension_id, s.depth", &args, false);
	for (int i = 0; i < src.n_levels; i++)
	{
		dimension_names[i] = ts_text(i, 1, cxt);
		level_names[i] = ts_text(i, 2, cxt);
		persons[i] = ts_bool(i, 3);
	}

	for (int i = 0; i < src.n_levels;)
	{
		int			chain = 0;
		int			end = i;

		while (end < src.n_levels && src.levels[end].dimension_id == src.levels[i].dimension_id)
		{
			if (src.levels[end].depth == end - i + 1)
				chain = end - i + 1;
			end++;
		}
		if (chain > 0)
			read_dimension(&src, &src.levels[i], chain, dimension_names[i], persons[i],
						   &level_names[i], on_conflict, &added[i]);
		i = end;
	}

	for (int i = 0; i < src.n_levels; i++)
	{
		Datum		values[4];
		bool		nulls[4] = {false, false, false, false};
		NameData	column;

		namestrcpy(&column, src.levels[i].column_name);
		values[0] = CStringGetTextDatum(dimension_names[i]);
		values[1] = CStringGetTextDatum(level_names[i]);
		values[2] = NameGetDatum(&column);
		values[3] = Int64GetDatum(added[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * import_members(metric, on_conflict)
 */
Datum
target_split_import_members(PG_FUNCTION_ARGS)
{
	char	   *metric_name = ts_text_argument(fcinfo, 0, "metric");
	on_conflict_action on_conflict = conflict_argument(fcinfo, 1, false);
	ts_metric	metric;

	ts_init_materialized_srf(fcinfo);
	ts_connect();
	ts_metric_find(metric_name, &metric, CurrentMemoryContext);
	read_members(metric.metric_id, on_conflict, (ReturnSetInfo *) fcinfo->resultinfo);
	ts_finish();
	return (Datum) 0;
}

/* --------------------------------------------------------------- sources */

/* The number of a column, an error that lists the columns if it is missing */
static AttrNumber
check_column(Oid relid, const char *relation, const char *column)
{
	AttrNumber	number = get_attnum(relid, column);
	ts_args		args = {0};

	if (number > 0)
		return number;
	ts_arg(&args, OIDOID, ObjectIdGetDatum(relid), false);
	(void) ts_run("SELECT pg_catalog.quote_ident(a.attname) FROM pg_catalog.pg_attribute AS a"
				  " WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
				  &args, false);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column %s of %s does not exist", quote_identifier(column), relation),
			 errdetail("Its columns: %s.", ts_list(1))));
	return 0;					/* keep the compiler quiet */
}

/* A relation that outlives the session and can be read like a table */
static void
check_relation(Oid relid, const char *relation)
{
	char		kind = get_rel_relkind(relid);

	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE &&
		kind != RELKIND_VIEW && kind != RELKIND_MATVIEW && kind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is no table or view", relation),
				 errhint("Name a table, a view, a materialized view, or a partitioned or foreign table.")));
	if (get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table %s is temporary", quote_identifier(get_rel_name(relid))),
				 errdetail("A source is read by later sessions too."),
				 errhint("Make a table or view that stays.")));
}

/*
 * A name for a view over a relation, for hints: beside the relation, but no
 * view of a user's belongs into the extension's schema.
 */
static char *
view_name(Oid relid)
{
	char	   *schema = get_namespace_name(get_rel_namespace(relid));

	return quote_qualified_identifier(strcmp(schema, TS_SCHEMA) == 0 ? "public" : schema,
									  psprintf("%s_source", get_rel_name(relid)));
}

/*
 * What to do about a column of a wrong type: the text of a hint, with a
 * statement only if it works.
 */
static char *
cast_hint(Oid relid, const char *relation, const char *column, Oid type,
		  Oid wanted, const char *as_name)
{
	const char *name = quote_identifier(column);
	char	   *expression = NULL;

	if (can_coerce_type(1, &type, &wanted, COERCION_EXPLICIT))
		expression = psprintf("%s::%s", name, format_type_be(wanted));
	else if (type_is_range(type))
	{
		Oid			subtype = get_range_subtype(type);

		if (can_coerce_type(1, &subtype, &wanted, COERCION_EXPLICIT))
			expression = psprintf("lower(%s)%s%s", name, subtype == wanted ? "" : "::",
								  subtype == wanted ? "" : format_type_be(wanted));
	}
	if (expression == NULL)
		return psprintf("Name another column, or a view that has one of type %s.",
						format_type_be(wanted));
	return psprintf("Make a view that converts it, and name the view: CREATE VIEW %s AS SELECT *, %s AS %s FROM %s;",
					view_name(relid), expression, as_name, relation);
}

/* The date column: its type, and the time zone that goes with it */
static void
check_moment(Oid relid, const char *relation, const char *column, const char *time_zone)
{
	AttrNumber	number = check_column(relid, relation, column);
	Oid			type = getBaseType(get_atttype(relid, number));

	if (type == TIMESTAMPTZOID)
	{
		ts_args		args = {0};

		if (time_zone == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("column %s of %s needs a time zone to become a day",
							quote_identifier(column), relation),
					 errdetail("It is of type %s.", format_type_be(type)),
					 errhint("Say whose midnight counts, for example time_zone => 'Asia/Shanghai'.")));
		/* an unknown zone is an error of the server's own */
		ts_arg_text(&args, time_zone);
		(void) ts_run("SELECT pg_catalog.timezone($1, pg_catalog.now())", &args, false);
	}
	else if (type != DATEOID && type != TIMESTAMPOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column %s of %s is no date", quote_identifier(column), relation),
				 errdetail("It is of type %s; a date, timestamp or timestamp with time zone is needed.",
						   format_type_be(type)),
				 errhint("%s", cast_hint(relid, relation, column, type, DATEOID, "occurred_on"))));
	else if (time_zone != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column %s of %s has no use for a time zone",
						quote_identifier(column), relation),
				 errdetail("It is of type %s, which is the same in every time zone.",
						   format_type_be(type)),
				 errhint("Leave time_zone out.")));
}

/* The amount column: a type that adds up exactly, or nearly so with a notice */
static void
check_amount(Oid relid, const char *relation, const char *column)
{
	AttrNumber	number = check_column(relid, relation, column);
	Oid			type = getBaseType(get_atttype(relid, number));

	switch (type)
	{
		case NUMERICOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
			break;
		case FLOAT4OID:
		case FLOAT8OID:
			ereport(NOTICE,
					(errmsg("column %s of %s is of type %s, which holds no exact decimals",
							quote_identifier(column), relation, format_type_be(type)),
					 errdetail("Each amount is read with 15 significant digits, and added up exactly from there.")));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column %s of %s is no number that can be added up exactly",
							quote_identifier(column), relation),
					 errdetail("It is of type %s; a numeric or integer type is needed.",
							   format_type_be(type)),
					 errhint("%s", cast_hint(relid, relation, column, type, NUMERICOID, "exact_amount"))));
	}
}

/* Takes apart the argument "dimensions" */
static source_item *
parse_dimensions(Jsonb *dimensions, int *n_items)
{
	MemoryContext cxt = CurrentMemoryContext;
	source_item *items;
	ts_args		args = {0};
	uint64		n;

	if (!JB_ROOT_IS_OBJECT(dimensions))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"dimensions\" must be a JSON object"),
				 errhint("For example dimensions => '{\"product_line\": [\"category\", \"subcategory\"], \"market\": \"region\"}'.")));
	ts_arg(&args, JSONBOID, JsonbPGetDatum(dimensions), false);
	n = ts_run("SELECT d.key, c.value ->> 'column', c.value ->> 'level',"
			   " COALESCE(c.value ->> 'persons', 'false') = 'true',"
			   " c.value IS NOT NULL AND pg_catalog.jsonb_typeof(c.value) = 'object'"
			   " AND pg_catalog.jsonb_typeof(c.value -> 'column') = 'string'"
			   " AND COALESCE(pg_catalog.jsonb_typeof(c.value -> 'level') = 'string', true)"
			   " AND COALESCE(pg_catalog.jsonb_typeof(c.value -> 'persons') = 'boolean', true)"
			   " AND (c.value - '{column,level,persons}'::pg_catalog.text[]) = '{}',"
			   " e.value"
			   " FROM pg_catalog.jsonb_each($1) WITH ORDINALITY AS d(key, value, place)"
			   " LEFT JOIN LATERAL pg_catalog.jsonb_array_elements("
			   "CASE WHEN pg_catalog.jsonb_typeof(d.value) = 'array' THEN d.value"
			   " ELSE pg_catalog.jsonb_build_array(d.value) END)"
			   " WITH ORDINALITY AS e(value, place) ON true"
			   " LEFT JOIN LATERAL (SELECT CASE pg_catalog.jsonb_typeof(e.value)"
			   " WHEN 'string' THEN pg_catalog.jsonb_build_object('column', e.value)"
			   " WHEN 'object' THEN e.value END AS value) AS c ON true"
			   " ORDER BY d.place, e.place", &args, false);
	items = palloc0(Max(n, 1) * sizeof(source_item));
	for (uint64 i = 0; i < n; i++)
	{
		items[i].dimension = ts_text(i, 1, cxt);
		if (ts_isnull(i, 6))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("dimension \"%s\" names no column", items[i].dimension)));
		if (ts_isnull(i, 5) || !ts_bool(i, 5))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("dimension \"%s\" must name a column, or a list of columns from the top level down",
							items[i].dimension),
					 errdetail("It names %s.", ts_text(i, 6, cxt)),
					 errhint("Write a column as \"column\", or as {\"column\": \"...\", \"level\": \"...\", \"persons\": true}.")));
		items[i].column = ts_text(i, 2, cxt);
		items[i].level = ts_text(i, 3, cxt);
		items[i].persons = ts_bool(i, 4);
	}
	*n_items = (int) n;
	return items;
}

/*
 * Ties the columns of one dimension to its levels, and makes what is not there
 * yet.
 */
static void
add_source_levels(int32 metric_id, const source_item *items, int n_items)
{
	const char *name = items[0].dimension;
	dimension_row dimension;
	bool		persons = false;
	int			depth = 0;

	for (int i = 0; i < n_items; i++)
		persons = persons || items[i].persons;
	if (!find_dimension(name, &dimension))
	{
		dimension.dimension_id = create_dimension(name, persons, NULL);
		dimension.persons = persons;
		dimension.n_levels = 1;
	}
	else if (persons && !dimension.persons)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimension \"%s\" is not one of persons", name),
				 errhint("Leave \"persons\" out, or use a dimension of another name.")));

	for (int i = 0; i < n_items; i++)
	{
		const source_item *item = &items[i];
		ts_args		args = {0};
		int			above = depth;

		depth++;
		if (item->level != NULL)
		{
			ts_arg_int4(&args, dimension.dimension_id);
			ts_arg_text(&args, item->level);
			if (ts_run("SELECT l.depth::pg_catalog.int4 FROM " TS_SCHEMA ".dimension_level AS l"
					   " WHERE l.dimension_id = $1 AND l.name = $2", &args, false) > 0)
				depth = ts_int4(0, 1);
			else
				depth = dimension.n_levels + 1;
			/* downwards; a new level only right below the deepest one */
			if (depth <= above ||
				(depth > dimension.n_levels && above < dimension.n_levels))
			{
				args.n = 1;
				(void) ts_run("SELECT l.name FROM " TS_SCHEMA ".dimension_level AS l"
							  " WHERE l.dimension_id = $1 ORDER BY l.depth", &args, false);
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("level \"%s\" does not fit into dimension \"%s\"",
								item->level, name),
						 errdetail("Its levels: %s.", ts_list(1)),
						 errhint("List the columns from the top level down; new levels come below those there are, and the top level carries the name of the dimension.")));
			}
			args.n = 0;
		}
		if (depth > dimension.n_levels)
		{
			create_level(dimension.dimension_id, depth,
						 item->level ? item->level : item->column);
			dimension.n_levels = depth;
		}
		ts_arg_int4(&args, metric_id);
		ts_arg_int4(&args, dimension.dimension_id);
		ts_arg_int4(&args, depth);
		ts_arg_text(&args, item->column);
		(void) ts_run("INSERT INTO " TS_SCHEMA ".source_level"
					  " (metric_id, dimension_id, depth, column_name)"
					  " VALUES ($1, $2, $3, $4::pg_catalog.name)", &args, false);
	}
}

/*
 * add_source(metric, relation, occurred_on, amount, dimensions, time_zone,
 * on_conflict)
 */
Datum
target_split_add_source(PG_FUNCTION_ARGS)
{
	char	   *metric_name = ts_text_argument(fcinfo, 0, "metric");
	on_conflict_action on_conflict = conflict_argument(fcinfo, 6, true);
	char	   *time_zone = PG_ARGISNULL(5) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(5));
	ts_metric	metric;
	Oid			relid;
	char	   *schema;
	char	   *name;
	char	   *relation;
	char	   *occurred_on;
	char	   *amount;
	source_item *items;
	int			n_items;
	ts_args		args = {0};

	ts_require(fcinfo, 1, "relation");
	ts_require(fcinfo, 2, "occurred_on");
	ts_require(fcinfo, 3, "amount");
	ts_require(fcinfo, 4, "dimensions");
	ts_init_materialized_srf(fcinfo);
	relid = PG_GETARG_OID(1);
	occurred_on = NameStr(*PG_GETARG_NAME(2));
	amount = NameStr(*PG_GETARG_NAME(3));

	ts_connect();
	ts_metric_find(metric_name, &metric, CurrentMemoryContext);
	name = get_rel_name(relid);
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	schema = get_namespace_name(get_rel_namespace(relid));
	relation = quote_qualified_identifier(schema, name);
	check_relation(relid, relation);
	check_moment(relid, relation, occurred_on, time_zone);
	check_amount(relid, relation, amount);
	items = parse_dimensions(PG_GETARG_JSONB_P(4), &n_items);
	for (int i = 0; i < n_items; i++)
		(void) check_column(relid, relation, items[i].column);

	ts_arg_int4(&args, metric.metric_id);
	if (ts_run("SELECT pg_catalog.quote_ident(s.schema_name) || '.' || pg_catalog.quote_ident(s.relation_name)"
			   " FROM " TS_SCHEMA ".source AS s WHERE s.metric_id = $1",
			   &args, false) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("metric \"%s\" has a source already", metric.name),
				 errdetail("Its actuals are read from %s, looked up by name at each call.",
						   ts_text(0, 1, CurrentMemoryContext)),
				 errhint("To read them elsewhere, take the source away first: "
						 "WITH m AS (SELECT metric_id FROM " TS_SCHEMA ".metric WHERE name = %s), "
						 "l AS (DELETE FROM " TS_SCHEMA ".source_level WHERE metric_id IN (TABLE m)) "
						 "DELETE FROM " TS_SCHEMA ".source WHERE metric_id IN (TABLE m);",
						 quote_literal_cstr(metric.name))));
	ts_arg_text(&args, schema);
	ts_arg_text(&args, name);
	ts_arg_text(&args, occurred_on);
	ts_arg_text(&args, amount);
	ts_arg_text(&args, time_zone);
	(void) ts_run("INSERT INTO " TS_SCHEMA ".source"
				  " (metric_id, schema_name, relation_name, occurred_on, amount, time_zone)"
				  " VALUES ($1, $2::pg_catalog.name, $3::pg_catalog.name,"
				  " $4::pg_catalog.name, $5::pg_catalog.name, $6)", &args, false);

	for (int i = 0; i < n_items;)
	{
		int			end = i;

		while (end < n_items && strcmp(items[end].dimension, items[i].dimension) == 0)
			end++;
		add_source_levels(metric.metric_id, &items[i], end - i);
		i = end;
	}
	read_members(metric.metric_id, on_conflict, (ReturnSetInfo *) fcinfo->resultinfo);
	ts_finish();
	return (Datum) 0;
}
