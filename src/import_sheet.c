/*-------------------------------------------------------------------------
 *
 * import_sheet.c
 *	  Reading a sheet of targets: its columns, its periods, and amounts as
 *	  people write them.
 *
 * Glossary
 *	  wide		a column per period
 *	  long		a row per period, which a column of its own says
 *	  blank		a cell that says nothing: NULL, white space, or dashes
 *
 * Amounts
 *	  A column of a number type is taken as it is.  A text is read after
 *	  full-width characters have become plain ones:
 *
 *		1234  1,234.5  1234.50  -1,234  (1,234)  +5  .5		amounts
 *		(nothing)  -  --  NULL								blanks
 *
 *	  Everything else is no amount, above all what could be two: 1.234,5 and
 *	  1,23 (a decimal comma?), 0,123, 1 234, 12.3.4, 5k, 5%, N/A.
 *
 *	  No amount is ever a float: the decimals of the text are kept.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "import.h"
#include "query.h"

#define FETCH_ROWS 10000

/* largest amount, in quanta (numeric_units.h) */
#define MAX_UNITS_TEXT "1e36"

/* --------------------------------------------------------------- amounts */

typedef enum amount_text
{
	AMOUNT_OK,
	AMOUNT_BLANK,
	AMOUNT_BAD
} amount_text;

/*
 * Brings a text in UTF-8 to plain characters: full-width ones, the spaces and
 * the dashes that spreadsheets and fonts have.  What is left beyond ASCII
 * becomes '?', which no amount has.
 */
static char *
plain_text(const char *utf8)
{
	char	   *plain = palloc(strlen(utf8) + 1);
	char	   *to = plain;

	for (const unsigned char *p = (const unsigned char *) utf8; *p;)
	{
		pg_wchar	c = utf8_to_unicode(p);

		p += pg_utf_mblen(p);
		if (c >= 0xFF01 && c <= 0xFF5E)
			c -= 0xFEE0;
		else if (c == 0x3000 || c == 0x00A0 || c == 0xFEFF || (c >= 0x2000 && c <= 0x200B) || c == 0x202F)
			c = ' ';
		else if (c == 0x2212 || (c >= 0x2010 && c <= 0x2015))
			c = '-';
		*to++ = c == '\t' || c == '\r' || c == '\n' ? ' ' : c < 0x20 || c > 0x7E ? '?' : (char) c;
	}
	*to = '\0';
	return plain;
}

/* The amount that a text says, as numeric_in reads it */
static amount_text
read_amount_text(const char *utf8, char **amount)
{
	char	   *text = plain_text(utf8);
	char	   *end;
	char	   *to;
	bool		negative = false;
	bool		parentheses;
	int			digits = 0;
	int			group = -1;		/* digits since the last comma, -1: no comma yet */

	while (*text == ' ')
		text++;
	end = text + strlen(text);
	while (end > text && end[-1] == ' ')
		*--end = '\0';
	if (strspn(text, "-") == strlen(text) && strlen(text) <= 2)
		return AMOUNT_BLANK;

	parentheses = *text == '(';
	if (parentheses)
	{
		if (end[-1] != ')' || end - text < 3)
			return AMOUNT_BAD;
		negative = true;
		text++;
		*--end = '\0';
	}
	else if (*text == '-' || *text == '+')
		negative = *text++ == '-';

	*amount = to = palloc(end - text + 3);
	if (negative)
		*to++ = '-';
	for (; *text && *text != '.'; text++)
	{
		if (*text >= '0' && *text <= '9')
		{
			/* a comma after more than three digits, or after a 0 alone, groups nothing */
			*to++ = *text;
			digits++;
			if (group >= 0)
				group++;
		}
		else if (*text == ',' && (group == 3 || (group < 0 && digits >= 1 && digits <= 3 &&
												 to[-digits] != '0')))
			group = 0;
		else
			return AMOUNT_BAD;
		if (group > 3)
			return AMOUNT_BAD;
	}
	if (group >= 0 && group != 3)
		return AMOUNT_BAD;
	if (*text == '.')
	{
		if (digits == 0)
			*to++ = '0';
		*to++ = *text++;
		if (*text == '\0')
			return AMOUNT_BAD;
		for (; *text; text++, digits++)
		{
			if (*text < '0' || *text > '9')
				return AMOUNT_BAD;
			*to++ = *text;
		}
	}
	*to = '\0';
	return digits > 0 ? AMOUNT_OK : AMOUNT_BAD;
}

static Datum
numeric_from_text(const char *text)
{
	return DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}

/*
 * The amount of a cell, scaled; false if the cell is blank or a problem, which
 * *state says then.
 */
static bool
scaled_amount(ts_import *im, const char *text, bool is_text, int32 row, int32 column, Datum *scaled,
			  ts_cell_state *state)
{
	char	   *amount = NULL;
	Datum		number;

	*state = TS_CELL_BLANK;
	if (!text)
		return false;
	if (is_text)
	{
		const char *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);

		switch (read_amount_text(utf8, &amount))
		{
			case AMOUNT_BLANK:
				return false;
			case AMOUNT_BAD:
				*state = TS_CELL_BAD;
				ts_import_problem(im, TS_PROBLEM_UNREADABLE, row, column, text, "is not an amount");
				return false;
			case AMOUNT_OK:
				break;
		}
	}
	number = numeric_from_text(is_text ? amount : text);
	if (numeric_is_nan(DatumGetNumeric(number)) || numeric_is_inf(DatumGetNumeric(number)))
	{
		*state = TS_CELL_BAD;
		ts_import_problem(im, TS_PROBLEM_NOT_FINITE, row, column, text, "is not a number");
		return false;
	}
	*scaled = DirectFunctionCall2(numeric_mul, number, im->scale);
	*state = TS_CELL_AMOUNT;
	return true;
}

/* The same in units of the plan's quantum */
static void
cell_units(ts_import *im, ts_sheet_cell *cell, const char *text, bool is_text)
{
	Datum		scaled;
	Datum		quanta;

	if (!scaled_amount(im, text, is_text, cell->row, cell->column, &scaled, &cell->state))
		return;
	quanta = DirectFunctionCall2(numeric_div_trunc, scaled, im->quantum);
	if (DatumGetBool(DirectFunctionCall2(numeric_ge, DirectFunctionCall1(numeric_abs, quanta),
										 numeric_from_text(MAX_UNITS_TEXT))))
	{
		cell->state = TS_CELL_BAD;
		ts_import_problem(im, TS_PROBLEM_TOO_LARGE, cell->row, cell->column, text, "is too large");
	}
	else if (!DatumGetBool(DirectFunctionCall2(numeric_eq, scaled,
											   DirectFunctionCall2(numeric_mul, quanta, im->quantum))))
	{
		ts_problem *problem;

		cell->state = TS_CELL_BAD;
		problem = ts_import_problem(im, TS_PROBLEM_QUANTUM, cell->row, cell->column, text,
									psprintf("is %s after scaling",
											 DatumGetCString(DirectFunctionCall1(numeric_out, scaled))));
		problem->from = cell->from;
		problem->upto = cell->upto;
	}
	else
		cell->units = ts_units_from_numeric(scaled, &im->tree->quantum, "amount");
}

/* --------------------------------------------------------------- periods */

typedef struct label_entry
{
	char		label[TS_PERIOD_LABEL_SIZE];
	DateADT		from;
	DateADT		upto;
} label_entry;

static void
add_label(ts_import *im, const char *label, DateADT from, DateADT upto)
{
	bool		found;
	label_entry *entry = hash_search(im->labels, label, HASH_ENTER, &found);

	if (found)
		return;					/* coarser grains come first */
	entry->from = from;
	entry->upto = upto;
}

/* Labels of all periods of the plan but days, as periods() gives them */
static void
make_labels(ts_import *im)
{
	HASHCTL		ctl = {0};

	ctl.keysize = TS_PERIOD_LABEL_SIZE;
	ctl.entrysize = sizeof(label_entry);
	ctl.hcxt = im->context;
	im->labels = hash_create("target_split labels", 128, &ctl,
							 HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	for (int grain = TS_GRAIN_YEAR; grain < TS_GRAIN_DAY; grain++)
		for (DateADT day = im->from; day < im->upto;)
		{
			char		names[TS_PERIOD_NAMES][TS_PERIOD_LABEL_SIZE];
			int			n;
			int32		from;
			int32		upto;

			CHECK_FOR_INTERRUPTS();
			if (!ts_calendar_has(&im->tree->calendar, grain))
				break;
			ts_period_bounds(&im->tree->calendar, grain, day, &from, &upto);
			n = ts_period_names(&im->tree->calendar, grain, from, names);
			from = Max(from, im->from);
			upto = Min(upto, im->upto);
			for (int i = 0; i < n; i++)
				add_label(im, names[i], from, upto);
			day = upto;
		}
}

/* Reads YYYY-MM-DD; the rest of the text goes to *rest.  False if it is none. */
static bool
parse_day(const char *text, DateADT *day, const char **rest)
{
	static const char pattern[] = "dddd-dd-dd";
	int			part[3] = {0};	/* year, month, day */
	int			n = 0;
	int			y,
				m,
				d;

	for (int i = 0; pattern[i]; i++)
	{
		if (pattern[i] == '-' ? text[i] != '-' : text[i] < '0' || text[i] > '9')
			return false;		/* the end of the text is neither */
		if (pattern[i] == '-')
			n++;
		else
			part[n] = part[n] * 10 + text[i] - '0';
	}
	*rest = text + strlen(pattern);
	*day = ts_ymd_to_day(part[0], part[1], part[2]);
	ts_day_to_ymd(*day, &y, &m, &d);
	return y == part[0] && m == part[1] && d == part[2];
}

/*
 * The period that a text names: a label, a day of the grain, or a range
 * [YYYY-MM-DD,YYYY-MM-DD).  False if it is none of these, or not within the
 * plan.
 */
bool
ts_import_find_period(ts_import *im, const char *text, ts_grain grain, DateADT *from, DateADT *upto)
{
	const char *rest;

	if (!im->labels)
		make_labels(im);
	if (strlen(text) < TS_PERIOD_LABEL_SIZE)
	{
		label_entry *entry = hash_search(im->labels, text, HASH_FIND, NULL);

		if (entry)
		{
			*from = entry->from;
			*upto = entry->upto;
			return true;
		}
	}
	if (text[0] == '[')
		return parse_day(text + 1, from, &rest) && rest[0] == ',' &&
			parse_day(rest + 1, upto, &rest) && strcmp(rest, ")") == 0 &&
			*from < *upto && *from >= im->from && *upto <= im->upto;
	if (!parse_day(text, from, &rest) || *rest != '\0' || *from < im->from || *from >= im->upto)
		return false;
	ts_period_bounds(&im->tree->calendar, grain, *from, from, upto);
	*from = Max(*from, im->from);
	*upto = Min(*upto, im->upto);
	return true;
}

static char *
grain_text(const ts_import *im)
{
	return psprintf("SELECT * FROM target_split.plan_periods(%s, '%s')",
					quote_literal_cstr(im->tree->plan), ts_grain_name(im->grain));
}

/* --------------------------------------------------------------- columns */

/* Checks that the relation has a column, and returns its type */
static Oid
column_type(const ts_import *im, const char *name)
{
	AttrNumber	attno = get_attnum(im->relid, name);
	ts_args		args = {0};

	if (attno > 0)
		return getBaseType(get_atttype(im->relid, attno));
	ts_arg(&args, OIDOID, ObjectIdGetDatum(im->relid), false);
	(void) ts_run("SELECT pg_catalog.quote_ident(a.attname) FROM pg_catalog.pg_attribute AS a"
				  " WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
				  &args, true);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("relation %s has no column \"%s\"", im->relation, name),
			 errdetail("Its columns: %s.", ts_list(1))));
}

/* The same of a column with amounts; is its type a text? */
static bool
amount_is_text(const ts_import *im, const char *name)
{
	Oid			type = column_type(im, name);

	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			return true;
		case NUMERICOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
			return false;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of relation %s must be a number or a text, not %s",
							name, im->relation, format_type_be(type))));
	}
}

static void
add_column(ts_import *im, const char *name, DateADT from, DateADT upto)
{
	ts_sheet_column *column = &im->columns[im->n_columns++];

	column->name = pstrdup(name);
	column->is_text = amount_is_text(im, name);
	column->from = from;
	column->upto = upto;
	column->inner = false;
}

/*
 * Finds the columns with amounts: months, periods, or the one of the long form
 */
void
ts_import_find_columns(ts_import *im, ArrayType *months, Jsonb *periods, const char *amount)
{
	im->n_columns = 0;
	if (months)
	{
		Datum	   *names;
		bool	   *nulls;
		int			n;
		DateADT		day = im->from;

		deconstruct_array(months, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
		im->columns = palloc0(sizeof(ts_sheet_column) * (n + 1));
		for (int i = 0; i < n; i++)
		{
			int32		from;
			int32		upto;

			if (day >= im->upto)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("argument \"months\" names %d columns, plan \"%s\" has %d months",
								n, im->tree->plan, i),
						 errdetail("Its period is %s.", ts_window_text(im->from, im->upto)),
						 errhint("The first column is for the first month of the plan; for others use periods => '{\"2024-01\": \"COLUMN\"}'.")));
			ts_period_bounds(&im->tree->calendar, TS_GRAIN_MONTH, day, &from, &upto);
			if (!nulls[i])
				add_column(im, TextDatumGetCString(names[i]), Max(from, im->from), Min(upto, im->upto));
			day = upto;
		}
	}
	else if (periods)
	{
		JsonbIterator *it;
		JsonbValue	key;
		JsonbValue	value;
		JsonbIteratorToken token;

		if (!JB_ROOT_IS_OBJECT(periods))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"periods\" must be an object of periods and columns"),
					 errhint("periods => '{\"2024-01\": \"January\", \"2024-02\": \"February\"}'")));
		im->columns = palloc0(sizeof(ts_sheet_column) * (JB_ROOT_COUNT(periods) + 1));
		it = JsonbIteratorInit(&periods->root);
		while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
		{
			char	   *text;
			DateADT		from;
			DateADT		upto;

			if (token != WJB_KEY)
				continue;
			text = pnstrdup(key.val.string.val, key.val.string.len);
			JsonbIteratorNext(&it, &value, true);
			if (value.type != jbvString)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("argument \"periods\" does not name a column for \"%s\"", text)));
			if (!ts_import_find_period(im, text, im->grain, &from, &upto))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("\"%s\" is not a period of plan \"%s\"", text, im->tree->plan),
						 errdetail("Its period is %s.", ts_window_text(im->from, im->upto)),
						 errhint("%s lists the labels.", grain_text(im))));
			add_column(im, pnstrdup(value.val.string.val, value.val.string.len), from, upto);
		}
	}
	else
	{
		im->columns = palloc0(sizeof(ts_sheet_column));
		add_column(im, amount, im->from, im->upto);
	}
	if (im->n_columns == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" names no column", months ? "months" : "periods")));
	for (int i = 0; i < im->n_columns; i++)
		for (int j = 0; j < im->n_columns; j++)
		{
			const ts_sheet_column *a = &im->columns[i];
			const ts_sheet_column *b = &im->columns[j];

			if (a->from >= b->from && a->upto <= b->upto && a->upto - a->from < b->upto - b->from)
				im->columns[i].inner = true;
		}
	if (im->total_column)
		im->total_is_text = amount_is_text(im, im->total_column);
	for (int i = 0; i < im->n_keys; i++)
		(void) column_type(im, im->keys[i].column);
}

/* --------------------------------------------------------------- members */

/* A member by the text that stands for it, where no level says which it is on */
typedef struct member_entry
{
	char	   *text;			/* key */
	int32		member;			/* -1: several have this code */
	bool		is_code;		/* not how slices name a member, nor a path */
} member_entry;

static uint32
text_hash(const void *key, Size keysize)
{
	const char *text = *(char *const *) key;

	return DatumGetUInt32(hash_any((const unsigned char *) text, (int) strlen(text)));
}

static int
text_match(const void *a, const void *b, Size keysize)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static HTAB *
make_text_index(const ts_import *im, Size entrysize)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(char *);
	ctl.entrysize = entrysize;
	ctl.hash = text_hash;
	ctl.match = text_match;
	ctl.hcxt = im->context;
	return hash_create("target_split texts", 256, &ctl,
					   HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

/* A member's path, as slices show it: ["East", "Xi"] */
static char *
path_text(const ts_member *m)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < m->depth; i++)
	{
		appendStringInfoString(&buf, i > 0 ? ", " : "[");
		escape_json(&buf, m->path[i]);
	}
	appendStringInfoChar(&buf, ']');
	return buf.data;
}

/*
 * All members of a dimension by the codes that slices have for them, so that
 * what a view shows can be read again; by their paths; and by their codes where
 * those are nobody else's.
 */
static HTAB *
index_members(const ts_import *im, int dim)
{
	const ts_members *members = im->tree->members;
	HTAB	   *index = make_text_index(im, sizeof(member_entry));

	for (int pass = 0; pass < 3; pass++)
		for (int32 i = members->dim_start[dim]; i < members->dim_start[dim + 1]; i++)
		{
			const ts_member *m = &members->members[i];
			char	   *text = m->code;
			member_entry *entry;
			bool		found;

			CHECK_FOR_INTERRUPTS();
			if (pass == 0 && JB_ROOT_IS_SCALAR(m->slice_value))
			{
				JsonbValue	value;

				JsonbExtractScalar(&m->slice_value->root, &value);
				text = pnstrdup(value.val.string.val, value.val.string.len);
			}
			else if (pass == 0)
				continue;		/* the path, which comes next */
			else if (pass == 1)
				text = path_text(m);
			entry = hash_search(index, &text, HASH_ENTER, &found);
			if (!found)
			{
				entry->text = text;
				entry->member = i;
				entry->is_code = pass == 2;
			}
			else if (entry->is_code)
				entry->member = -1;
		}
	return index;
}

/* Does a code say nothing? */
static bool
is_space(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

/* Notes a code that names no member, and what would help */
static void
unknown_member(ts_import *im, int32 row, int key_no)
{
	const ts_sheet_row *r = &im->rows[row];
	const ts_sheet_key *key = &im->keys[key_no];
	const ts_members *members = im->tree->members;
	StringInfoData parent;
	StringInfoData text;
	char	   *id;
	int			n = 0;
	bool		found;

	initStringInfo(&parent);
	for (int i = 0; i < key_no; i++)
		if (im->keys[i].dimension_id == key->dimension_id && r->codes[i])
			appendStringInfo(&parent, "%s%s", parent.len > 0 ? ", " : "", quote_literal_cstr(r->codes[i]));
	/* once each, however many rows have it */
	id = psprintf("%s %s %s", key->level, parent.data, r->codes[key_no]);
	if (!im->unknown)
		im->unknown = make_text_index(im, sizeof(char *));
	(void) hash_search(im->unknown, &id, HASH_ENTER, &found);
	if (found)
		return;

	initStringInfo(&text);
	for (int32 i = members->dim_start[key->dim]; i < members->dim_start[key->dim + 1]; i++)
		if (strcmp(members->members[i].code, r->codes[key_no]) == 0 &&
			(key->alone || members->members[i].depth == key->depth))
			appendStringInfo(&text, "%s%s", n++ > 0 ? " and " : "", path_text(&members->members[i]));
	if (n > 1 || (n == 1 && parent.len > 0))
		ts_import_problem(im, TS_PROBLEM_MEMBER, row, -1, r->codes[key_no],
						  psprintf("is %s in dimension \"%s\"", text.data, key->dimension));
	else if (is_space(r->codes[key_no]))
		ts_import_problem(im, TS_PROBLEM_MEMBER, row, -1, r->codes[key_no],
						  psprintf("is blank, where NULL would stand for all of \"%s\"", key->level));
	else
		ts_import_problem(im, TS_PROBLEM_MEMBER, row, -1, r->codes[key_no],
						  psprintf("is not a member of \"%s\": SELECT target_split.add_member(%s, %s%s%s%s);",
								   key->level, quote_literal_cstr(key->dimension),
								   quote_literal_cstr(r->codes[key_no]),
								   parent.len > 0 ? ", parent => ARRAY[" : "", parent.data,
								   parent.len > 0 ? "]" : ""));
}

/* The member that a code of a column names, -1 if there is none, or several */
static int32
find_member(ts_import *im, const ts_sheet_row *r, int key_no)
{
	ts_sheet_key *key = &im->keys[key_no];
	const ts_members *members = im->tree->members;
	char	  **codes;
	int32		member;
	int32		above;

	/* the column of a dimension has members of any of its levels */
	if (key->alone && key->depth == 1)
	{
		member_entry *entry;

		if (!key->by_text)
			key->by_text = index_members(im, key->dim);
		entry = hash_search(key->by_text, &r->codes[key_no], HASH_FIND, NULL);
		if (entry && entry->member >= 0)
			return entry->member;
		member = entry ? -1 : ts_members_find_alias(members, key->dim, r->codes[key_no]);
		if (member >= 0)
			return member;
	}
	codes = palloc0(sizeof(char *) * key->depth);
	for (int i = 0; i <= key_no; i++)
		if (im->keys[i].dimension_id == key->dimension_id)
			codes[im->keys[i].depth - 1] = r->codes[i];
	member = ts_members_find_fact(members, key->dim, key->depth, codes);
	pfree(codes);
	/* what a column further up says must be true */
	above = r->member[key->dim];
	if (member >= 0 && above >= 0 &&
		ts_members_ancestor(members, member, members->members[above].depth) != above)
		member = -1;
	return member;
}

/* Finds the members that a row's codes name */
static void
find_members(ts_import *im, int32 row)
{
	ts_sheet_row *r = &im->rows[row];

	r->member = palloc(sizeof(int32) * (im->tree->n_dims + 1));
	for (int dim = 0; dim < im->tree->n_dims; dim++)
		r->member[dim] = -1;
	r->known = true;
	/* keys are in the order of levels: the deepest one stays */
	for (int i = 0; i < im->n_keys && r->known; i++)
	{
		int32		member;

		/* NULL is everything; a member further up may be named beside it */
		if (!r->codes[i])
			continue;
		member = find_member(im, r, i);
		r->member[im->keys[i].dim] = member;
		r->known = member >= 0;
		if (!r->known)
			unknown_member(im, row, i);
	}
}

/* --------------------------------------------------------------- reading */

static ts_sheet_cell *
add_cell(ts_import *im, int32 row, int32 column, DateADT from, DateADT upto)
{
	ts_sheet_cell *cell;

	if (im->n_cells == im->cells_space)
	{
		if (im->n_cells >= PG_INT32_MAX / 2)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("relation %s has more than %d cells", im->relation, PG_INT32_MAX / 2)));
		im->cells_space = Max(1024, im->cells_space * 2);
		im->cells = im->cells ?
			repalloc_huge(im->cells, sizeof(ts_sheet_cell) * im->cells_space) :
			MemoryContextAllocHuge(im->context, sizeof(ts_sheet_cell) * im->cells_space);
	}
	cell = &im->cells[im->n_cells++];
	memset(cell, 0, sizeof(*cell));
	cell->row = row;
	cell->column = column;
	cell->from = from;
	cell->upto = upto;
	cell->node = -1;
	cell->leaf = -1;
	return cell;
}

/* A total that the sheet states */
typedef struct stated_total
{
	Datum		amount;			/* numeric, scaled */
	char	   *text;
	int32		row;
	int32		column;			/* -1: of the row */
	DateADT		from;
	DateADT		upto;
} stated_total;

/* they are few; kept here while a sheet is read */
typedef struct stated_totals
{
	int			n;
	int			space;
	stated_total *totals;
} stated_totals;

static void
add_total(ts_import *im, stated_totals *totals, int32 row, int32 column, const char *text,
		  bool is_text, DateADT from, DateADT upto)
{
	Datum		scaled;
	ts_cell_state state;
	stated_total *total;

	MemoryContext old;

	if (!scaled_amount(im, text, is_text, row, column, &scaled, &state))
		return;
	old = MemoryContextSwitchTo(im->context);
	if (totals->n == totals->space)
	{
		totals->space = Max(64, totals->space * 2);
		totals->totals = totals->totals ?
			repalloc_huge(totals->totals, sizeof(stated_total) * totals->space) :
			MemoryContextAllocHuge(im->context, sizeof(stated_total) * totals->space);
	}
	total = &totals->totals[totals->n++];
	total->amount = datumCopy(scaled, false, -1);
	total->text = pstrdup(text);
	total->row = row;
	total->column = column;
	total->from = from;
	total->upto = upto;
	MemoryContextSwitchTo(old);
}

/* Does a row belong to the total that another one states? */
static bool
is_part(const ts_import *im, const ts_sheet_row *total, const ts_sheet_row *row)
{
	for (int i = 0; i < im->n_keys; i++)
	{
		const char *code = total->codes[i];

		if (code && !is_space(code) && strcmp(code, im->total_row) != 0 &&
			(!row->codes[i] || strcmp(code, row->codes[i]) != 0))
			return false;
	}
	return true;
}

static void
check_total(ts_import *im, const stated_total *total, ts_int128 units, bool known)
{
	Datum		parts = ts_units_to_numeric(units, &im->tree->quantum);
	ts_problem *problem;

	/* where a cell cannot be read that is what is wrong */
	if (!known || DatumGetBool(DirectFunctionCall2(numeric_eq, parts, total->amount)))
		return;
	problem = ts_import_problem(im, total->column < 0 ? TS_PROBLEM_ROW_TOTAL : TS_PROBLEM_COLUMN_TOTAL,
								total->row, total->column, total->text,
								psprintf("states %s, the cells add up to %s",
										 DatumGetCString(DirectFunctionCall1(numeric_out, total->amount)),
										 DatumGetCString(DirectFunctionCall1(numeric_out, parts))));
	problem->amount = total->amount;
	problem->parts = parts;
	problem->from = total->from;
	problem->upto = total->upto;
}

/* Compares the totals that the sheet states with what its cells add up to */
static void
check_totals(ts_import *im, const stated_totals *totals)
{
	int64		cell = 0;

	for (int i = 0; i < totals->n; i++)
	{
		const stated_total *total = &totals->totals[i];
		ts_int128	units = 0;
		bool		known = true;

		if (total->column < 0)
		{
			/* cells are in the order of rows, and so are totals of rows */
			while (cell < im->n_cells && im->cells[cell].row < total->row)
				cell++;
			for (int64 j = cell; j < im->n_cells && im->cells[j].row == total->row; j++)
				if (!im->columns[im->cells[j].column].inner)
				{
					known &= im->cells[j].state != TS_CELL_BAD;
					units += im->cells[j].units;
				}
		}
		else
			for (int64 j = 0; j < im->n_cells; j++)
			{
				const ts_sheet_cell *c = &im->cells[j];

				CHECK_FOR_INTERRUPTS();
				if (c->from != total->from || c->upto != total->upto || c->column != total->column ||
					!is_part(im, &im->rows[total->row], &im->rows[c->row]))
					continue;
				known &= c->state != TS_CELL_BAD;
				units += c->units;
			}
		CHECK_FOR_INTERRUPTS();
		check_total(im, total, units, known);
	}
}

/* The statement that reads the sheet, in an order that does not depend on its own */
static char *
sheet_query(const ts_import *im)
{
	StringInfoData sql;
	int			n = 0;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	for (int i = 0; i < im->n_keys; i++)
		appendStringInfo(&sql, "s.%s::pg_catalog.text COLLATE \"C\", ",
						 quote_identifier(im->keys[i].column));
	if (im->period_column)
	{
		const char *column = quote_identifier(im->period_column);
		Oid			type = column_type(im, im->period_column);

		switch (type)
		{
			case DATEOID:
			case TIMESTAMPOID:
				appendStringInfo(&sql, "pg_catalog.to_char(s.%s, 'YYYY-MM-DD'), ", column);
				break;
			case DATERANGEOID:
				appendStringInfo(&sql, "'[' || pg_catalog.to_char(pg_catalog.lower(s.%s), 'YYYY-MM-DD') || ','"
								 " || pg_catalog.to_char(pg_catalog.upper(s.%s), 'YYYY-MM-DD') || ')', ",
								 column, column);
				break;
			case TEXTOID:
			case VARCHAROID:
			case BPCHAROID:
				appendStringInfo(&sql, "s.%s::pg_catalog.text COLLATE \"C\", ", column);
				break;
			default:
				ereport(ERROR,
						(errcode(ERRCODE_DATATYPE_MISMATCH),
						 errmsg("column \"%s\" of relation %s must be a date, a daterange, or a text with a period's label, not %s",
								im->period_column, im->relation, format_type_be(type)),
						 type == TIMESTAMPTZOID ?
						 errhint("Cast it in a view, in the time zone that you mean: %s::date", column) : 0));
		}
	}
	for (int i = 0; i < im->n_columns; i++)
		appendStringInfo(&sql, "s.%s::pg_catalog.text%s", quote_identifier(im->columns[i].name),
						 i < im->n_columns - 1 ? ", " : "");
	if (im->total_column)
		appendStringInfo(&sql, ", s.%s::pg_catalog.text", quote_identifier(im->total_column));
	appendStringInfo(&sql, " FROM %s AS s", im->relation);
	n = im->n_keys + (im->period_column ? 1 : 0);
	for (int i = 1; i <= n; i++)
		appendStringInfo(&sql, "%s %d", i == 1 ? " ORDER BY" : ",", i);
	return sql.data;
}

/* Takes a row of the sheet; texts are as in sheet_query */
static void
take_row(ts_import *im, stated_totals *totals, char **texts)
{
	int32		row;
	ts_sheet_row *r;
	StringInfoData name;
	char	   *const *amounts = texts + im->n_keys + (im->period_column ? 1 : 0);
	bool		empty = true;
	MemoryContext old;
	DateADT		from = im->from;
	DateADT		upto = im->upto;

	/* the blank lines that spreadsheets end with */
	for (int i = 0; i < im->n_keys && empty; i++)
		empty = !texts[i] || is_space(texts[i]);
	for (int i = 0; i < im->n_columns && empty; i++)
		empty = !amounts[i] || (im->columns[i].is_text && is_space(amounts[i]));
	if (empty)
		return;

	if (im->n_rows == im->rows_space)
	{
		im->rows_space = Max(256, im->rows_space * 2);
		im->rows = im->rows ?
			repalloc_huge(im->rows, sizeof(ts_sheet_row) * im->rows_space) :
			MemoryContextAllocHuge(im->context, sizeof(ts_sheet_row) * im->rows_space);
	}
	old = MemoryContextSwitchTo(im->context);
	row = (int32) im->n_rows++;
	r = &im->rows[row];
	memset(r, 0, sizeof(*r));
	r->codes = palloc(sizeof(char *) * (im->n_keys + 1));
	initStringInfo(&name);
	for (int i = 0; i < im->n_keys; i++)
	{
		r->codes[i] = texts[i] ? pstrdup(texts[i]) : NULL;
		if (im->total_row && texts[i] && strcmp(texts[i], im->total_row) == 0)
			r->is_total = true;
		if (texts[i])
			appendStringInfo(&name, "%s%s", name.len > 0 ? ", " : "", texts[i]);
	}
	r->name = name.data;
	if (!r->is_total)
		find_members(im, row);
	MemoryContextSwitchTo(old);
	if (im->period_column)
	{
		const char *text = texts[im->n_keys];

		if (!text || !ts_import_find_period(im, text, im->grain, &from, &upto))
		{
			ts_import_problem(im, TS_PROBLEM_PERIOD, row, -1, text, "is not a period of the plan");
			return;
		}
	}
	for (int i = 0; i < im->n_columns; i++)
	{
		const ts_sheet_column *column = &im->columns[i];

		if (!im->period_column)
		{
			from = column->from;
			upto = column->upto;
		}
		if (r->is_total)
			add_total(im, totals, row, i, amounts[i], column->is_text, from, upto);
		else
			cell_units(im, add_cell(im, row, i, from, upto), amounts[i], column->is_text);
	}
	if (im->total_column && !r->is_total)
		add_total(im, totals, row, -1, amounts[im->n_columns], im->total_is_text, im->from, im->upto);
}

/* Reads the sheet into rows and cells, and checks the totals that it states */
void
ts_import_read(ts_import *im)
{
	int			n_texts = im->n_keys + (im->period_column ? 1 : 0) + im->n_columns + (im->total_column ? 1 : 0);
	char	  **texts = palloc(sizeof(char *) * n_texts);
	stated_totals totals = {0};
	MemoryContext row_context = AllocSetContextCreate(im->context, "target_split sheet row",
													  ALLOCSET_DEFAULT_SIZES);
	Portal		portal;

	portal = SPI_cursor_open_with_args(NULL, sheet_query(im), 0, NULL, NULL, NULL, im->preview, 0);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (uint64 row = 0; row < SPI_processed; row++)
		{
			MemoryContext old = MemoryContextSwitchTo(row_context);

			CHECK_FOR_INTERRUPTS();
			for (int i = 0; i < n_texts; i++)
			{
				bool		isnull;
				Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, i + 1, &isnull);

				texts[i] = isnull ? NULL : TextDatumGetCString(value);
			}
			take_row(im, &totals, texts);
			MemoryContextSwitchTo(old);
			MemoryContextReset(row_context);
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(row_context);
	if (!im->accept_totals)
		check_totals(im, &totals);
}
