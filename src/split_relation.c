/*-------------------------------------------------------------------------
 *
 * split_relation.c
 *	  Reads what a user has in a relation for a split: weights and bounds.
 *
 * Method
 *	  A relation has columns that are named like entries of "by", whose values
 *	  are read as text, and columns with numbers.  The reader asks for the
 *	  columns it wants, then takes row by row from a cursor; a column is
 *	  looked for by its name, so others may stand beside.
 *
 * Limits
 *	  A time in a zone names no day, so it is refused as a period.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "query.h"
#include "split.h"

/* rows fetched at a time */
#define FETCH_ROWS 10000

/*
 * argument is the name of the argument that gave the relation, for errors.
 * What is found out lives in the context of the split.
 */
void
ts_relation_open(ts_split_relation *relation, ts_split *split, Oid oid, const char *argument)
{
	memset(relation, 0, sizeof(*relation));
	relation->split = split;
	relation->oid = oid;
	relation->name = ts_relation_name(oid, argument, split->context);
	initStringInfo(&relation->columns);
}

/* Counts a column in; returns its type, a domain's base */
static Oid
add_column(ts_split_relation *relation, AttrNumber attno)
{
	if (relation->n_columns++ > 0)
		appendStringInfoString(&relation->columns, ", ");
	return getBaseType(get_atttype(relation->oid, attno));
}

/*
 * Asks for the column of an axis; false if the relation has none.  Days are
 * written as in ISO 8601, whatever the session's DateStyle is.
 */
bool
ts_relation_add_axis(ts_split_relation *relation, int axis_no)
{
	const ts_axis *axis = &relation->split->axes[axis_no];
	AttrNumber	attno = get_attnum(relation->oid, axis->name);
	Oid			type;

	if (attno == InvalidAttrNumber)
		return false;
	type = add_column(relation, attno);
	if (axis->is_time && type == TIMESTAMPTZOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of relation %s must be a date, a timestamp or a period's label, not %s",
						axis->name, relation->name, format_type_be(type)),
				 errdetail("Which day a %s is depends on the time zone.", format_type_be(type)),
				 errhint("Cast it in a view: %s::date", quote_identifier(axis->name))));
	appendStringInfo(&relation->columns, axis->is_time && (type == TIMESTAMPOID || type == DATEOID) ?
					 "pg_catalog.to_char(r.%s, 'YYYY-MM-DD')" : "r.%s::pg_catalog.text",
					 quote_identifier(axis->name));
	relation->axis_column[axis_no] = relation->n_columns;
	return true;
}

/*
 * Asks for a column with numbers; returns its number in the rows, 0 if the
 * relation has none.  Not exact types are an error.
 */
int
ts_relation_add_number(ts_split_relation *relation, const char *name)
{
	AttrNumber	attno = get_attnum(relation->oid, name);
	Oid			type;

	if (attno == InvalidAttrNumber)
		return 0;
	type = add_column(relation, attno);
	if (type != NUMERICOID && type != INT2OID && type != INT4OID && type != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of relation %s must be numeric or an integer, not %s",
						name, relation->name, format_type_be(type))));
	appendStringInfo(&relation->columns, "r.%s::pg_catalog.numeric", quote_identifier(name));
	return relation->n_columns;
}

/*
 * Calls take for each row, with the text of each axis (NULL where the value is
 * NULL or the column was not asked for).  The row and what take allocates in the
 * current context go soon afterwards.
 */
void
ts_relation_read(ts_split_relation *relation, ts_relation_take take, void *state)
{
	ts_split   *split = relation->split;
	char	   *sql = psprintf("SELECT %s FROM %s r", relation->columns.data, relation->name);
	MemoryContext row_context = AllocSetContextCreate(split->context, "target_split relation row",
													  ALLOCSET_DEFAULT_SIZES);
	Portal		portal = SPI_cursor_open_with_args(NULL, sql, 0, NULL, NULL, NULL, false, 0);

	for (;;)
	{
		MemoryContext old;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		old = MemoryContextSwitchTo(row_context);
		for (uint64 row = 0; row < SPI_processed; row++)
		{
			HeapTuple	tuple = SPI_tuptable->vals[row];
			char	   *texts[TS_MAX_AXES] = {0};

			CHECK_FOR_INTERRUPTS();
			for (int i = 0; i < split->n_axes; i++)
				if (relation->axis_column[i] > 0)
				{
					bool		isnull;
					Datum		value = SPI_getbinval(tuple, SPI_tuptable->tupdesc, relation->axis_column[i], &isnull);

					if (!isnull)
						texts[i] = TextDatumGetCString(value);
				}
			take(split, texts, tuple, SPI_tuptable->tupdesc, state);
			if ((row & 255) == 255)
				MemoryContextReset(row_context);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(row_context);
}
