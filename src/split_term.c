/*-------------------------------------------------------------------------
 *
 * split_term.c
 *	  Where the weights of a split come from: the call's own arguments or an
 *	  entry of "bases", and the methods that are made of several.
 *
 * Glossary
 *	  term		a method with its arguments
 *	  share		part of a leaf that a term gives to a cell, 0 to 1
 *	  basis value
 *				what a cell had in the basis, in the metric's unit
 *
 * Method
 *	  blend		share = sum of factor x share of each term, by the sum of the
 *				factors
 *	  increment	weight = basis value + (target - sum of the basis values) x share
 *				of what is more, which is by other terms; the weights add up to
 *				the target, so each part is its weight, rounded; with bounds, see
 *				split_bounds.c
 *	  growth	weight = basis value x (1 + own rate); the weight is the figure
 *				before all are brought to the target
 *
 * Shares are whole numbers of 10^-28, rounded down: blends of thirds have no end
 * in decimals.  The exact share of a target is defined on the weights that are
 * stored (see docs/architecture.md), so what is cut off here is nobody's loss.
 *
 * Each term settles what is missing, zero or negative in it by the options of
 * the call before it is mixed with others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "engine/wide.h"
#include "query.h"
#include "split.h"

#define SHARE_SCALE 28

/* 10^28 */
static ts_int128
whole_share(void)
{
	return (ts_int128) INT64CONST(100000000000000) * INT64CONST(100000000000000);
}

/* ------------------------------------------------------------- arguments */

/* A key of a JSON object as text, NULL if it is not there */
static char *
text_of(Jsonb *json, const char *key, const char *what)
{
	JsonbValue	value;

	if (!getKeyJsonValueFromContainer(&json->root, key, strlen(key), &value) || value.type == jbvNull)
		return NULL;
	if (value.type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" in %s must be a text", key, what)));
	return pnstrdup(value.val.string.val, value.val.string.len);
}

/* The same as JSON */
static Jsonb *
json_of(Jsonb *json, const char *key)
{
	JsonbValue	value;

	if (!getKeyJsonValueFromContainer(&json->root, key, strlen(key), &value) || value.type == jbvNull)
		return NULL;
	return JsonbValueToJsonb(&value);
}

/* Refuses keys that nobody reads */
static void
refuse_unknown_keys(Jsonb *json, const char *const *keys, const char *what)
{
	JsonbIterator *it = JsonbIteratorInit(&json->root);
	JsonbValue	value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		bool		known = false;

		if (token != WJB_KEY)
			continue;
		for (int i = 0; keys[i]; i++)
			known |= strlen(keys[i]) == (size_t) value.val.string.len &&
				memcmp(keys[i], value.val.string.val, value.val.string.len) == 0;
		if (!known)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s has no argument \"%s\"", what,
							pnstrdup(value.val.string.val, value.val.string.len))));
	}
}

static void
parse_basis(ts_term *term, const char *text)
{
	ts_args		args = {0};
	bool		empty;

	ts_arg_text(&args, text);
	ts_run("SELECT $1::pg_catalog.daterange", &args, true);
	ts_daterange_parts(ts_datum(0, 1), &term->basis_from, &term->basis_upto, &empty);
	if (empty || DATE_NOT_FINITE(term->basis_from) || DATE_NOT_FINITE(term->basis_upto))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("basis must have a first and a last day"),
				 errhint("\"basis\": \"[2023-01-01,2024-01-01)\"")));
	term->has_basis = true;
}

/*
 * Reads a term from a JSON object such as {"factor": 0.5, "basis":
 * "[2022-01-01,2023-01-01)"}.  Without a method it is what its arguments are
 * for.
 */
void
ts_term_parse(ts_split *split, Jsonb *json, const char *what, ts_term *term)
{
	static const char *const keys[] = {
		"factor", "method", "basis", "weights", "weights_from", "bases", "profile", "link", NULL
	};
	JsonbValue	value;
	char	   *text;
	Jsonb	   *profile;

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a JSON object", what),
				 errhint("{\"factor\": 0.5, \"basis\": \"[2022-01-01,2023-01-01)\"}")));
	refuse_unknown_keys(json, keys, what);
	memset(term, 0, sizeof(*term));
	term->factor = DirectFunctionCall1(int8_numeric, Int64GetDatum(1));
	if (getKeyJsonValueFromContainer(&json->root, "factor", 6, &value))
	{
		if (value.type != jbvNumeric ||
			DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(value.val.numeric),
											  DirectFunctionCall1(int8_numeric, Int64GetDatum(0)))) < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"factor\" in %s must be a number that is not negative", what)));
		term->factor = NumericGetDatum(value.val.numeric);
	}
	if ((text = text_of(json, "basis", what)) != NULL)
		parse_basis(term, text);
	term->weights = json_of(json, "weights");
	term->bases = json_of(json, "bases");
	if ((text = text_of(json, "weights_from", what)) != NULL)
	{
		ts_args		args = {0};

		ts_arg_text(&args, text);
		ts_run("SELECT pg_catalog.to_regclass($1)", &args, true);
		if (ts_isnull(0, 1))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("relation \"%s\" in %s does not exist", text, what),
					 errhint("Name it with its schema: \"weights_from\": \"public.potential\"")));
		term->weights_from = DatumGetObjectId(ts_datum(0, 1));
	}
	if ((profile = json_of(json, "profile")) != NULL)
		term->profile = ts_profile_parse(split, profile);
	if ((term->link = text_of(json, "link", what)) != NULL && strcmp(term->link, "actuals") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"link\" in %s must be \"actuals\", not \"%s\"", what, term->link),
				 errhint("\"link\": \"actuals\"")));
	text = text_of(json, "method", what);
	if (!text)
		text = term->profile ? "profile" : term->bases ? "blend" :
			term->weights || OidIsValid(term->weights_from) ? "weights" : "history";
	term->method = ts_split_method_find(text);
	if (!term->method)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("split method \"%s\" in %s does not exist", text, what),
				 errhint("method => %s", ts_split_method_names())));
	ts_term_check(term, what);
	ts_term_parse_bases(split, term);
}

static void
check_argument(const ts_term *term, ts_takes takes, bool given, const char *argument,
			   const char *what, const char *hint)
{
	if ((given && takes != TS_TAKES_NOT) || (!given && takes != TS_NEEDS))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 given ?
			 errmsg("method \"%s\" takes no %s", term->method->name, argument) :
			 errmsg("method \"%s\" needs %s", term->method->name, argument),
			 what ? errdetail("In %s.", what) : 0,
			 errhint("%s", hint)));
}

/* Has a method what it needs, and nothing that it does not read? */
void
ts_term_check(const ts_term *term, const char *what)
{
	const ts_split_method *m = term->method;

	check_argument(term, m->basis, term->has_basis, "basis", what,
				   "method => 'history', basis => '[2023-01-01,2024-01-01)'");
	check_argument(term, m->weights, term->weights || OidIsValid(term->weights_from),
				   "weights", what,
				   "method => 'weights', weights => '{\"A\": 3, \"B\": 2}', or weights_from => 'my_weights'");
	check_argument(term, m->bases, term->bases != NULL, "bases", what,
				   "method => 'blend', bases => '[{\"factor\": 0.7}, {\"factor\": 0.3, \"weights_from\": \"public.potential\"}]'");
	check_argument(term, m->profile, term->profile != NULL, "profile", what,
				   "method => 'profile', profile => '{\"metric\": \"sales\", \"lag\": 2}'");
	check_argument(term, m->weigh == ts_weigh_linked ? TS_MAY_TAKE : TS_TAKES_NOT, term->link != NULL, "link", what,
				   "method => 'linked', link => 'actuals'");
	if (what && m->weigh == ts_weigh_margins)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("method \"margins\" is for all levels of a call together"),
				 errdetail("In %s.", what),
				 errhint("Split by the other levels in a call before.")));
	if (term->weights && OidIsValid(term->weights_from))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method \"%s\" takes either \"weights\" or \"weights_from\", not both", m->name)));
}

/* Reads "bases", a list of terms */
void
ts_term_parse_bases(ts_split *split, ts_term *term)
{
	Jsonb	   *bases = term->bases;

	if (!bases)
		return;
	if (!JB_ROOT_IS_ARRAY(bases) || JB_ROOT_IS_SCALAR(bases) || JB_ROOT_COUNT(bases) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"bases\" must be a list of bases"),
				 errhint("bases => '[{\"factor\": 0.5, \"basis\": \"[2022-01-01,2023-01-01)\"},"
						 " {\"factor\": 0.5, \"basis\": \"[2023-01-01,2024-01-01)\"}]'")));
	term->n_terms = JB_ROOT_COUNT(bases);
	term->terms = MemoryContextAllocZero(split->context, sizeof(ts_term) * term->n_terms);
	for (int i = 0; i < term->n_terms; i++)
	{
		char	   *what = psprintf("basis %d of \"bases\"", i + 1);
		JsonbValue *value = getIthJsonbValueFromContainer(&bases->root, i);

		ts_term_parse(split, JsonbValueToJsonb(value), what, &term->terms[i]);
		if (term->terms[i].method->gives_amounts)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s gives amounts, which cannot be mixed with others", what)));
	}
}

/*
 * Adds the dimensions of profiles to n that are there, without doubles, and
 * returns how many there are then; there must be room for them.
 */
int
ts_term_dimensions(const ts_term *term, int n, int32 *dimension_ids)
{
	if (term->profile)
		for (int i = 0; i < term->profile->n_slice; i++)
		{
			ts_args		args = {0};

			ts_arg_int8(&args, term->profile->slice[i]);
			ts_run("SELECT m.dimension_id FROM target_split.member m WHERE m.member_id = $1", &args, true);
			n = ts_dimension_add(ts_int4(0, 1), n, dimension_ids);
		}
	for (int i = 0; i < term->n_terms; i++)
		n = ts_term_dimensions(&term->terms[i], n, dimension_ids);
	return n;
}

/* ---------------------------------------------------------------- weighing */

/*
 * Takes what "members" leaves out from the cells of one term among several, or it
 * would have a part of the term's shares.  What goes into a rest stays: the
 * biggest are known when all terms are mixed.
 */
static void
drop_left_out(ts_split *split)
{
	ts_cells   *cells = &split->cells;
	int64		kept = 0;

	for (int64 i = 0; i < cells->n; i++)
	{
		const int32 *keys = cells->keys + i * split->n_axes;
		bool		keep = true;

		CHECK_FOR_INTERRUPTS();
		for (int axis = 0; axis < split->n_axes && keep; axis++)
			keep = split->axes[axis].is_time || split->axes[axis].n_named < 0 || split->rest ||
				ts_split_is_named(&split->axes[axis], keys[axis]);
		if (keep && split->active_slices)
			keep = ts_split_active_slice(split, cells->leaf[i], keys, split->n_axes - 1, HASH_FIND);
		if (!keep)
			continue;
		if (kept < i)
		{
			cells->leaf[kept] = cells->leaf[i];
			memmove(cells->keys + kept * split->n_axes, keys, sizeof(int32) * split->n_axes);
			cells->weight[kept] = cells->weight[i];
			cells->scale[kept] = cells->scale[i];
			cells->missing[kept] = cells->missing[i];
			cells->closed[kept] = cells->closed[i];
			cells->fallback[kept] = cells->fallback[i];
		}
		kept++;
	}
	cells->n = kept;
}

/*
 * Fills the cells by a term: sorted, at one scale, some of them perhaps missing
 * or negative
 */
void
ts_term_read(ts_split *split, ts_term *term)
{
	ts_term    *before = split->term;

	split->term = term;
	if (term == &split->main)
		split->active_slices = NULL;
	memset(&split->cells, 0, sizeof(split->cells));
	term->method->weigh(split);
	split->scale = ts_weights_align(split->cells.n, split->cells.weight, split->cells.scale);
	ts_split_sort(split, true);
	if (term == &split->main)
		ts_split_limit_members(split);
	else
		drop_left_out(split);
	split->term = before;
}

/* The same with nothing missing or negative any more */
void
ts_term_weigh(ts_split *split, ts_term *term)
{
	ts_term    *before = split->term;

	ts_term_read(split, term);
	split->term = term;
	ts_split_settle(split);
	split->term = before;
}

static void
free_cells(ts_cells *cells)
{
	if (cells->space == 0 && cells->n == 0)
		return;
	pfree(cells->leaf);
	pfree(cells->keys);
	pfree(cells->weight);
	pfree(cells->scale);
	pfree(cells->missing);
	pfree(cells->closed);
	pfree(cells->fallback);
	if (cells->increase)
		pfree(cells->increase);
	memset(cells, 0, sizeof(*cells));
}

/* The sum of the weights of a leaf's cells, which begin at first; *last behind them */
static ts_int128
sum_of_leaf(const ts_cells *cells, int64 first, int64 *last)
{
	ts_int128	sum = 0;

	for (*last = first; *last < cells->n && cells->leaf[*last] == cells->leaf[first]; (*last)++)
	{
		CHECK_FOR_INTERRUPTS();
		sum += cells->weight[*last];
	}
	return sum;
}

/* Turns the weights of each leaf into parts of a total, rounded down */
static void
weights_to_parts(ts_cells *cells, ts_int128 total)
{
	for (int64 first = 0, last; first < cells->n; first = last)
	{
		ts_int128	sum = sum_of_leaf(cells, first, &last);
		ts_ratio	ratio;

		/* a leaf of no amount may have no weights either */
		if (sum == 0)
			continue;
		ts_ratio_init(&ratio, total, sum);
		for (int64 i = first; i < last; i++)
		{
			ts_uint128	remainder;

			CHECK_FOR_INTERRUPTS();
			cells->weight[i] = ts_ratio_floor(&ratio, cells->weight[i], &remainder);
		}
	}
}

/* Appends cells to those of the split, with a scale */
static void
append_cells(ts_split *split, const ts_cells *cells, int scale)
{
	for (int64 i = 0; i < cells->n; i++)
	{
		int64		cell;

		CHECK_FOR_INTERRUPTS();
		cell = ts_split_add_cell(split, cells->leaf[i], cells->keys + i * split->n_axes);
		split->cells.weight[cell] = cells->weight[i];
		split->cells.scale[cell] = scale;
		split->cells.closed[cell] = cells->closed[i];
		split->cells.fallback[cell] = cells->fallback[i];
	}
}

/*
 * Fills the cells with the shares of a leaf, in 10^-28, by several terms: each
 * has the part of the whole that is its factor's.
 */
static void
weigh_terms(ts_split *split, int n, ts_term *terms)
{
	ts_cells	all = {0};
	Datum		sum = DirectFunctionCall1(int8_numeric, Int64GetDatum(0));
	Datum		whole = ts_scaled_to_numeric(whole_share(), 0);
	Datum		zero = sum;
	ts_quantum	one = {1, 0};

	for (int i = 0; i < n; i++)
		sum = DirectFunctionCall2(numeric_add, sum, terms[i].factor);
	if (DatumGetBool(DirectFunctionCall2(numeric_eq, sum, zero)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the factors of \"bases\" are all zero")));
	/* those with a basis first: they say which slices are active */
	for (int k = 0; k < 2 * n; k++)
	{
		int			i = k % n;
		Datum		part;
		ts_cells	mixed = all;

		if ((terms[i].method->basis == TS_TAKES_NOT) != (k >= n))
			continue;
		part = DirectFunctionCall2(numeric_div_trunc,
								   DirectFunctionCall2(numeric_mul, whole, terms[i].factor), sum);
		ts_term_weigh(split, &terms[i]);
		weights_to_parts(&split->cells, ts_units_from_numeric(part, &one, "factor"));
		all = split->cells;
		split->cells = mixed;
		append_cells(split, &all, SHARE_SCALE);
		free_cells(&all);
		all = split->cells;
	}
	/* the same cell of several terms */
	ts_split_sort(split, false);
}

void
ts_weigh_blend(ts_split *split)
{
	weigh_terms(split, split->term->n_terms, split->term->terms);
}

/* ---------------------------------------------------------------- increment */

/* A term with the call's basis alone */
ts_term
ts_term_history(const ts_term *term)
{
	ts_term		history = *term;

	history.method = ts_split_method_find("history");
	history.weights = NULL;
	history.weights_from = InvalidOid;
	history.bases = NULL;
	history.n_terms = 0;
	history.profile = NULL;
	return history;
}

/* What a term's basis came out as, for the record */
static void
keep_basis(ts_term *term, const ts_term *history)
{
	term->has_basis = true;
	term->basis_from = history->basis_from;
	term->basis_upto = history->basis_upto;
}

/*
 * How many more decimals the weights of a leaf can have, with 28 digits in all,
 * at most 12
 */
static int
spare_decimals(ts_int128 largest)
{
	int			spare = 0;

	for (; spare < 12 && largest < whole_share() / 10; spare++)
		largest *= 10;
	return spare;
}

void
ts_weigh_increment(ts_split *split)
{
	ts_term    *term = split->term;
	ts_term		history = ts_term_history(term);
	ts_term		weights = *term;
	ts_cells	basis;
	ts_cells	shares;
	int			basis_scale;
	int			scale;
	ts_int128	largest = 1;
	ts_int128  *sum = MemoryContextAllocZero(split->context, sizeof(ts_int128) * (split->n_leaves + 1));
	ts_int128  *amount = MemoryContextAllocZero(split->context, sizeof(ts_int128) * (split->n_leaves + 1));
	ts_int128  *share = NULL;	/* of what is more, where it is kept */

	ts_term_weigh(split, &history);
	keep_basis(term, &history);
	basis = split->cells;
	basis_scale = split->scale;

	/* how what is more is shared: by weights, by bases, or by the basis itself */
	memset(&split->cells, 0, sizeof(split->cells));
	if (term->bases && (term->weights || OidIsValid(term->weights_from)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("method \"%s\" shares what is more either by weights or by \"bases\", not by both",
						term->method->name)));
	if (term->bases)
		weigh_terms(split, term->n_terms, term->terms);
	else
	{
		if (term->weights || OidIsValid(term->weights_from))
		{
			weights.method = ts_split_method_find("weights");
			weights.has_basis = false;
			weights.bases = NULL;
		}
		else
			weights = history;
		ts_term_weigh(split, &weights);
		weights_to_parts(&split->cells, whole_share());
	}
	shares = split->cells;
	memset(&split->cells, 0, sizeof(split->cells));
	/* bounds hold what is more, not what is kept; among "levels" there are shares only */
	if (ts_split_has_bounds(split) && term == &split->main && split->all_axes == NULL)
		share = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * (shares.n + 1));

	/* basis values and amounts at one scale, with as many decimals as there is room for */
	scale = Max(basis_scale, split->tree->quantum.scale);
	for (int64 first = 0, last; first < basis.n; first = last)
	{
		int32		leaf = basis.leaf[first];

		sum[leaf] = sum_of_leaf(&basis, first, &last);
		for (int i = basis_scale; i < scale; i++)
			sum[leaf] *= 10;
		largest = Max(largest, sum[leaf]);
	}
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
	{
		ts_quantum	fine = {1, scale};

		amount[leaf] = ts_units_from_numeric(split->tree->nodes[split->leaves[leaf]].amount, &fine, "amount");
		largest = Max(largest, amount[leaf] < 0 ? -amount[leaf] : amount[leaf]);
	}
	for (int spare = spare_decimals(largest); spare > 0; spare--, scale++)
		for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
		{
			sum[leaf] *= 10;
			amount[leaf] *= 10;
		}
	for (int64 i = 0; i < basis.n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int s = basis_scale; s < scale; s++)
			basis.weight[i] *= 10;
	}
	for (int64 i = 0; i < shares.n; i++)
	{
		int32		leaf = shares.leaf[i];
		ts_int128	more = amount[leaf] - sum[leaf];
		ts_ratio	ratio;
		ts_uint128	remainder;
		ts_int128	part;

		CHECK_FOR_INTERRUPTS();
		ts_ratio_init(&ratio, more < 0 ? -more : more, whole_share());
		part = ts_ratio_floor(&ratio, shares.weight[i], &remainder);
		if (share)
			share[i] = shares.weight[i];
		shares.weight[i] = more < 0 ? -part : part;
	}
	split->keep_increase = share != NULL;
	append_cells(split, &basis, scale);
	append_cells(split, &shares, scale);
	split->keep_increase = false;
	for (int64 i = 0; i < basis.n && share; i++)
		split->cells.increase[i].basis = basis.weight[i];
	for (int64 i = 0; i < shares.n && share; i++)
		split->cells.increase[basis.n + i].share = share[i];
	free_cells(&basis);
	free_cells(&shares);
	pfree(sum);
	pfree(amount);
	if (share)
		pfree(share);
	ts_split_sort(split, false);
}

/* ------------------------------------------------------------------ growth */

/*
 * The basis of each cell times 1 + its own rate.  Rates are given like weights;
 * in JSON "*" is the rate of all that are not named.
 */
void
ts_weigh_growth(ts_split *split)
{
	ts_term    *term = split->term;
	ts_term		history = ts_term_history(term);
	ts_term		rates = *term;
	ts_cells	basis;
	ts_cells	rate;
	int			basis_scale;
	Datum		one = DirectFunctionCall1(int8_numeric, Int64GetDatum(1));
	Datum		rest = (Datum) 0;
	bool		has_rest = false;
	ts_name_list without = {0};
	int64		j = 0;

	if (term->weights && JB_ROOT_IS_OBJECT(term->weights))
	{
		JsonbValue	value;

		if (getKeyJsonValueFromContainer(&term->weights->root, "*", 1, &value) && value.type == jbvNumeric)
		{
			has_rest = true;
			rest = NumericGetDatum(value.val.numeric);
			rates.weights = DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(term->weights),
															   CStringGetTextDatum("*")));
		}
	}
	ts_term_weigh(split, &history);
	keep_basis(term, &history);
	basis = split->cells;
	basis_scale = split->scale;

	/* rates may be negative, and a member may have none */
	rates.method = ts_split_method_find("weights");
	rates.has_basis = false;
	split->term = &rates;
	memset(&split->cells, 0, sizeof(split->cells));
	if (!rates.weights || JB_ROOT_COUNT(rates.weights) > 0)
		ts_weigh_given(split);
	ts_split_sort(split, true);
	split->term = term;
	rate = split->cells;
	memset(&split->cells, 0, sizeof(split->cells));

	for (int64 i = 0; i < basis.n; i++)
	{
		const int32 *keys = basis.keys + i * split->n_axes;
		int64		cell;
		int			scale;
		int			c = 1;
		Datum		own = rest;
		Datum		grown;

		CHECK_FOR_INTERRUPTS();
		while (j < rate.n &&
			   (c = ts_cell_compare(split, &rate, j, &basis, i)) < 0)
			j++;
		if (j < rate.n && c == 0)
			own = ts_scaled_to_numeric(rate.weight[j], rate.scale[j]);
		else if (!has_rest)
		{
			split->cells = basis;
			ts_name_list_add(&without, ts_name_list_full(&without) ? "" : ts_split_cell_name(split, i));
			memset(&split->cells, 0, sizeof(split->cells));
			continue;
		}
		grown = DirectFunctionCall2(numeric_mul, ts_scaled_to_numeric(basis.weight[i], basis_scale),
									DirectFunctionCall2(numeric_add, one, own));
		cell = ts_split_add_cell(split, basis.leaf[i], keys);
		ts_weight_from_numeric(grown, &split->cells.weight[cell], &scale);
		split->cells.scale[cell] = scale;
		split->cells.closed[cell] = basis.closed[i];
		split->cells.fallback[cell] = basis.fallback[i];
	}
	if (without.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("%lld of %lld parts have no rate of growth", (long long) without.n, (long long) basis.n),
				 errdetail_internal("%s.", ts_name_list_text(&without)),
				 errhint("weights => '{\"A\": 0.10, \"*\": 0}': \"*\" is the rate of all others.")));
	free_cells(&basis);
	free_cells(&rate);
}
