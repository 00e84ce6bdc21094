/*-------------------------------------------------------------------------
 *
 * split_margins_read.c
 *	  Reads margins => and margins_from => of split_target.
 *
 * Method
 *	  An object has a key for each margin: a level, a grain, or several with
 *	  commas between, under which objects are nested as deep.  A relation has a row
 *	  for each group.  Both become entries of one list; margins of the same levels
 *	  are one.  They are read before the targets are, for the dimensions of a margin
 *	  belong to the tree; which group an entry is for is found later
 *	  (split_margins.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "query.h"
#include "split_margins.h"
#include "target_split.h"

/* Finds a margin by its levels, or adds it; names are separated by commas */
static int
find_margin(ts_split *split, int n_names, char **names)
{
	ts_margin_list *list = split->margin_list;
	split_margin *margin;
	StringInfoData name;

	initStringInfo(&name);
	for (int i = 0; i < n_names; i++)
		appendStringInfo(&name, "%s%s", i > 0 ? ", " : "", names[i]);
	/* a level may have a comma in its name */
	for (int i = 0; i < list->n; i++)
		if (list->margins[i]->n_parts == n_names && strcmp(list->margins[i]->name, name.data) == 0)
			return i;
	if (list->n == MOST_MARGINS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("there are more than %d margins", MOST_MARGINS)));
	if (n_names > TS_MAX_AXES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("margin \"%s\" names more than %d levels", name.data, TS_MAX_AXES)));
	margin = palloc0(sizeof(split_margin));
	margin->name = name.data;
	for (int i = 0; i < n_names; i++)
	{
		Datum		text = CStringGetTextDatum(names[i]);
		ts_axis    *part = &margin->parts[i];
		int32		dimension_ids[TS_MAX_AXES];
		int			n;

		(void) ts_axes_parse(construct_array(&text, 1, TEXTOID, -1, false, TYPALIGN_INT), part, &n,
							 dimension_ids, split->context);
		for (int j = 0; j < i; j++)
		{
			if (strcmp(margin->parts[j].name, part->name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("margin \"%s\" names \"%s\" twice", margin->name, part->name)));
			/* codes are looked up below those of the levels above */
			if (!part->is_time && !margin->parts[j].is_time && margin->parts[j].dim == part->dim &&
				margin->parts[j].depth < part->depth &&
				(part->above < 0 || margin->parts[part->above].depth < margin->parts[j].depth))
				part->above = j;
		}
	}
	margin->n_parts = n_names;
	list->margins[list->n] = margin;
	return list->n++;
}

/* Is this the name of a level? */
static bool
is_level(const char *name)
{
	ts_args		args = {0};

	ts_arg_text(&args, name);
	return ts_run("SELECT FROM " TS_SCHEMA ".dimension_level l WHERE l.name = $1", &args, true) > 0;
}

/* The names in "line, market"; a level that has a comma in its name is one */
static int
split_name(char *text, char **names)
{
	int			n = 0;

	if (strchr(text, ',') == NULL || is_level(text))
	{
		names[0] = text;
		return 1;
	}
	for (char *name = strtok(text, ","); name; name = strtok(NULL, ","))
	{
		char	   *end = name + strlen(name);

		while (*name == ' ')
			name++;
		while (end > name && end[-1] == ' ')
			*--end = '\0';
		/* one too many is refused */
		if (n <= TS_MAX_AXES)
			names[n++] = name;
	}
	/* nothing but commas is no name */
	if (n == 0)
		names[0] = text;
	return Max(n, 1);
}

/* "market East" or "line A, market East" */
char *
ts_margin_entry_name(const ts_split *split, const margin_entry *entry)
{
	const split_margin *margin = split->margin_list->margins[entry->margin];
	StringInfoData name;

	initStringInfo(&name);
	for (int i = 0; i < margin->n_parts; i++)
		appendStringInfo(&name, "%s%s %s", i > 0 ? ", " : "", margin->parts[i].name, entry->texts[i]);
	return name.data;
}

/* Adds an entry, with a copy of its texts; number: 0 for a free group */
static void
add_entry(ts_split *split, int margin, char **texts, Datum number, bool percent)
{
	ts_margin_list *list = split->margin_list;
	margin_entry *entry;
	const char *what = percent ? "percentage" : "total";

	if (list->n_entries == list->space)
	{
		list->space = Max(list->space * 2, 64);
		list->entries = list->entries ? repalloc_huge(list->entries, sizeof(margin_entry) * list->space) :
			MemoryContextAllocHuge(split->context, sizeof(margin_entry) * list->space);
	}
	entry = &list->entries[list->n_entries++];
	entry->margin = margin;
	entry->texts = palloc(sizeof(char *) * list->margins[margin]->n_parts);
	for (int i = 0; i < list->margins[margin]->n_parts; i++)
		entry->texts[i] = pstrdup(texts[i]);
	entry->percent = percent;
	entry->number = number == (Datum) 0 ? (Datum) 0 : datumCopy(number, false, -1);
	if (number == (Datum) 0)
		return;
	if (numeric_is_nan(DatumGetNumeric(number)) || numeric_is_inf(DatumGetNumeric(number)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the %s of %s is not a number", what, ts_margin_entry_name(split, entry)),
				 errdetail("It is %s.", DatumGetCString(DirectFunctionCall1(numeric_out, number)))));
	if (DatumGetInt32(DirectFunctionCall2(numeric_cmp, number, DirectFunctionCall1(int8_numeric, Int64GetDatum(0)))) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the %s of %s is negative", what, ts_margin_entry_name(split, entry)),
				 errdetail("It is %s; method \"margins\" shares amounts of 0 or more.",
						   DatumGetCString(DirectFunctionCall1(numeric_out, number)))));
}

/* "30%" or " 12.5 % " as 30, 12.5; 0 if it is no percentage */
static Datum
percentage(const char *text)
{
	const char *at;
	const char *sign;
	bool		digits = false;
	int			points = 0;

	text += strspn(text, " ");
	at = text;
	for (; (*at >= '0' && *at <= '9') || *at == '.'; at++)
	{
		points += *at == '.';
		digits |= *at != '.';
	}
	sign = at + strspn(at, " ");
	if (!digits || points > 1 || *sign != '%' || sign[1 + strspn(sign + 1, " ")] != '\0')
		return (Datum) 0;
	return DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(text, at - text)), ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}

/* Takes what an object says of the members of one level of a margin */
static void
read_groups(ts_split *split, int margin_no, JsonbContainer *object, int level, char **texts)
{
	const split_margin *margin = split->margin_list->margins[margin_no];
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue	key;
	JsonbValue	value;
	JsonbIteratorToken token;

	check_stack_depth();
	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		Datum		number = (Datum) 0;

		if (token != WJB_KEY)
			continue;
		CHECK_FOR_INTERRUPTS();
		texts[level] = pnstrdup(key.val.string.val, key.val.string.len);
		JsonbIteratorNext(&it, &value, true);
		if (level < margin->n_parts - 1)
		{
			if (value.type == jbvNull)
				continue;
			if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("%s \"%s\" of margin \"%s\" is not an object of totals by %s",
								margin->parts[level].name, texts[level], margin->name, margin->parts[level + 1].name),
						 errhint("margins => '{\"line, market\": {\"A\": {\"East\": 100}}}'")));
			read_groups(split, margin_no, value.val.binary.data, level + 1, texts);
			continue;
		}
		if (value.type == jbvString)
			number = percentage(pnstrdup(value.val.string.val, value.val.string.len));
		else if (value.type == jbvNumeric)
			number = NumericGetDatum(value.val.numeric);
		if (number == (Datum) 0 && value.type != jbvNull)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the total of %s \"%s\" of margin \"%s\" is neither an amount nor a percentage",
							margin->parts[level].name, texts[level], margin->name),
					 errhint(MARGINS_HINT)));
		add_entry(split, margin_no, texts, number, value.type == jbvString);
	}
}

/* {"line": {"A": 6000, "B": "40%"}, "line, market": {"A": {"East": 100}}} */
static void
read_object(ts_split *split, JsonbContainer *object)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue	value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		char	   *names[TS_MAX_AXES + 1];
		char	   *texts[TS_MAX_AXES] = {0};
		int			n_names;
		int			margin;

		if (token != WJB_KEY)
			continue;
		n_names = split_name(pnstrdup(value.val.string.val, value.val.string.len), names);
		margin = find_margin(split, n_names, names);
		JsonbIteratorNext(&it, &value, true);
		if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("margin \"%s\" is not an object of totals", split->margin_list->margins[margin]->name),
					 errhint(MARGINS_HINT)));
		read_groups(split, margin, value.val.binary.data, 0, texts);
	}
}

/* margins =>: an object, or a list of them in order of precedence */
static void
read_json(ts_split *split)
{
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;

	if (JB_ROOT_IS_OBJECT(split->margins))
	{
		read_object(split, &split->margins->root);
		return;
	}
	if (JB_ROOT_IS_SCALAR(split->margins))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"margins\" must be a JSON object, or a list of objects"),
				 errhint(MARGINS_HINT)));
	it = JsonbIteratorInit(&split->margins->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("an element of argument \"margins\" is not an object"),
					 errhint("margins => '[{\"line\": {\"A\": 6000}}, {\"market\": {\"East\": 3000}}]'")));
		read_object(split, value.val.binary.data);
	}
}

/* whatever the session's datestyle */
#define DAY_TEXT "pg_catalog.to_char(%s, 'YYYY-MM-DD')"

static bool
is_day(Oid type)
{
	return type == DATEOID || type == TIMESTAMPOID;
}

/*
 * The expression that reads a column of texts as an array: of text, a day, or
 * an array
 */
static char *
texts_column(Oid relation, const char *relation_name, const char *name)
{
	AttrNumber	attno = get_attnum(relation, name);
	const char *column = psprintf("r.%s", quote_identifier(name));
	Oid			type;
	Oid			element;

	if (attno == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("relation %s has no column \"%s\"", relation_name, name),
				 errdetail("It must have the columns \"dimension\" and \"member\", and \"amount\" or \"percent\".")));
	type = getBaseType(get_atttype(relation, attno));
	element = get_element_type(type);
	if (OidIsValid(element))
		return !is_day(getBaseType(element)) ? psprintf("%s::pg_catalog.text[]", column) :
			psprintf("ARRAY(SELECT " DAY_TEXT " FROM pg_catalog.unnest(%s) WITH ORDINALITY u (d, n) ORDER BY u.n)", "u.d", column);
	if (is_day(type))
		return psprintf("ARRAY[" DAY_TEXT "]", column);
	return psprintf("ARRAY[%s::pg_catalog.text]", column);
}

/* A column of numbers, NULL if the relation has none; types that are not exact are an error */
static char *
number_column(Oid relation, const char *relation_name, const char *name)
{
	AttrNumber	attno = get_attnum(relation, name);
	Oid			type;

	if (attno == InvalidAttrNumber)
		return pstrdup("NULL::pg_catalog.numeric");
	type = getBaseType(get_atttype(relation, attno));
	if (type != NUMERICOID && type != INT2OID && type != INT4OID && type != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of relation %s must be numeric or an integer, not %s",
						name, relation_name, format_type_be(type))));
	return psprintf("r.%s::pg_catalog.numeric", quote_identifier(name));
}

/* The texts of an array, which must not be NULL; returns how many there are */
static int
row_texts(uint64 row, int column, const char *name, const char *relation_name, char **texts)
{
	Datum	   *values = NULL;
	bool	   *nulls = NULL;
	int			n = 0;
	bool		any_null = ts_isnull(row, column);

	if (!any_null)
		deconstruct_array(DatumGetArrayTypeP(ts_datum(row, column)), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	if (n > TS_MAX_AXES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column \"%s\" of relation %s names more than %d levels", name, relation_name, TS_MAX_AXES)));
	for (int i = 0; i < n; i++)
	{
		any_null |= nulls[i];
		if (!any_null)
			texts[i] = TextDatumGetCString(values[i]);
	}
	if (any_null || n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("column \"%s\" of relation %s must not be null or empty", name, relation_name),
				 errhint("A group without an amount is free; its dimension and member must be named.")));
	return n;
}

/* margins_from =>: a row is a group, with its dimension, its member, and an amount or a percentage */
static void
read_relation(ts_split *split)
{
	char	   *name = ts_relation_name(split->margins_from, "margins_from", split->context);
	char	   *dimension = texts_column(split->margins_from, name, "dimension");
	char	   *member = texts_column(split->margins_from, name, "member");
	char	   *amount = number_column(split->margins_from, name, "amount");
	char	   *percent = number_column(split->margins_from, name, "percent");
	SPITupleTable *rows;
	uint64		n;

	if (strcmp(amount, percent) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("relation %s has none of the columns \"amount\" and \"percent\"", name)));
	n = ts_run(psprintf("SELECT x.d, x.m, x.a, x.p FROM (SELECT %s, %s, %s, %s FROM %s r) x (d, m, a, p)"
						" ORDER BY x.d COLLATE pg_catalog.\"C\", x.m COLLATE pg_catalog.\"C\"",
						dimension, member, amount, percent, name), TS_NO_ARGS, false);
	rows = SPI_tuptable;
	for (uint64 row = 0; row < n; row++)
	{
		char	   *names[TS_MAX_AXES] = {0};
		char	   *texts[TS_MAX_AXES] = {0};
		int			n_names;
		int			n_texts;
		int			margin;
		bool		has_amount;
		bool		has_percent;

		CHECK_FOR_INTERRUPTS();
		/* looking up a level runs statements of its own */
		SPI_tuptable = rows;
		n_names = row_texts(row, 1, "dimension", name, names);
		n_texts = row_texts(row, 2, "member", name, texts);
		has_amount = !ts_isnull(row, 3);
		has_percent = !ts_isnull(row, 4);
		if (n_names != n_texts)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a row of relation %s names %d levels and %d members", name, n_names, n_texts),
					 errdetail("The first level is \"%s\", the first member \"%s\".", names[0], texts[0]),
					 errhint("Arrays name several: ARRAY['line', 'market'], ARRAY['A', 'East']")));
		if (has_amount && has_percent)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s \"%s\" in relation %s has both an amount and a percentage", names[0], texts[0], name)));
		margin = find_margin(split, n_names, names);
		SPI_tuptable = rows;
		add_entry(split, margin, texts, has_amount ? ts_datum(row, 3) : has_percent ? ts_datum(row, 4) : (Datum) 0,
				  has_percent);
	}
}

/* The method that weighs the seed: what the call's arguments are for */
ts_term
ts_margins_seed(const ts_term *term)
{
	ts_term		seed = *term;

	seed.method = ts_split_method_find(term->profile ? "profile" : term->bases ? "blend" :
									   term->weights || OidIsValid(term->weights_from) ? "weights" : "history");
	return seed;
}

/*
 * Reads the margins of a call; adds the dimensions that they need to the n_dims
 * in dimension_ids, and returns how many there are then
 */
int
ts_margins_parse(ts_split *split, int n_dims, int32 *dimension_ids)
{
	MemoryContext old = MemoryContextSwitchTo(split->context);
	bool		given = split->margins || OidIsValid(split->margins_from);
	ts_term		seed;

	if (split->main.method->weigh != ts_weigh_margins)
	{
		if (given)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("method \"%s\" takes no margins", split->main.method->name),
					 errhint("method => 'margins', " MARGINS_HINT)));
		MemoryContextSwitchTo(old);
		return n_dims;
	}
	if (!given)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method \"margins\" needs margins"),
				 errhint("method => 'margins', " MARGINS_HINT ", or margins_from => 'my_margins'")));
	if (split->levels)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("method \"margins\" is for all levels of a call together, and takes no \"levels\""),
				 errhint("Split by the other levels in a call before.")));
	seed = ts_margins_seed(&split->main);
	ts_term_check(&seed, NULL);

	split->margin_list = palloc0(sizeof(ts_margin_list));
	if (split->margins)
		read_json(split);
	if (OidIsValid(split->margins_from))
		read_relation(split);
	for (int i = 0; i < split->margin_list->n; i++)
	{
		const split_margin *margin = split->margin_list->margins[i];

		for (int part = 0; part < margin->n_parts; part++)
			if (!margin->parts[part].is_time)
				n_dims = ts_dimension_add(margin->parts[part].dim, n_dims, dimension_ids);
	}
	MemoryContextSwitchTo(old);
	return n_dims;
}
