/*-------------------------------------------------------------------------
 *
 * rake.c
 *	  SQL function rake: amounts that are like a seed and fit several margins
 *	  at once, exact to the last unit.
 *
 * Glossary (see also margins.h)
 *	  participant	a row whose seed is not NULL: a cell of the table
 *	  margin		a place in keys and totals; a row's key there is its group
 *	  peers			rows that are equal in the window's ORDER BY
 *
 * Method
 *	  As in apportion.c the whole partition is read when its first row is asked
 *	  for, and the amounts are handed out from an array.  The total of a group
 *	  is read where the group is met first; that the other rows have the same is
 *	  seen when they are handed out, which costs no access to the tuplestore.
 *	  What else is needed of each row takes turns in blocks: seeds forwards, keys
 *	  backwards, floors forwards, ceilings backwards, peers forwards.
 *
 *	  Groups are numbered by their keys' bytes and cells by ORDER BY, so that
 *	  nothing depends on the order in which rows arrive.  Peers are put in order
 *	  by their groups, seeds and bounds; if those are the same as well, but one
 *	  gets a unit more than the other, it is an error.
 *
 * Memory, outside work_mem
 *	  40 bytes a row, 4 a row and margin, with bounds 32 more, and what
 *	  engine/flow.c needs, about 60; 8 bytes a row, and 4 a row and margin,
 *	  afterwards.
 *
 * Limits
 *	  2^29 rows, 32 margins, totals below 2^53 units.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/array.h"

#include "margins.h"
#include "partition.h"

PG_FUNCTION_INFO_V1(target_split_rake);

/* argument numbers */
#define ARG_SEED		0
#define ARG_KEYS		1
#define ARG_TOTALS		2
#define ARG_QUANTUM		3
#define ARG_AT_LEAST	4
#define ARG_AT_MOST		5
#define ARG_ROUNDING	6
#define ARG_ON_INEXACT	7
#define ARG_NAMES		8

/* the groups of one margin, in the order of their keys once all are read */
typedef struct group_list
{
	int32		n;
	int32		capacity;
	struct varlena **key;		/* text */
	uint32	   *hash;
	int32	   *first_row;
	Datum	   *total;			/* numeric, 0 if it is NULL */
	int32	   *table;			/* group + 1, 0 if empty */
	uint32		table_mask;
	int32	   *of_row;			/* group, -1: none */
	char	   *name;			/* of the margin */
} group_list;

/* state for one partition */
typedef struct rake_state
{
	bool		loaded;
	ts_quantum	quantum;
	ts_quantum_argument quantum_arg;
	bool		totals_vary;
	int64		nrows;
	int			n_margins;
	group_list	margins[TS_MAX_MARGINS];
	int64	   *units;			/* by row */
	bits8	   *excluded;		/* bit i: row i takes no part */
} rake_state;

/* bounds while they are read */
typedef struct rake_bounds
{
	bool		varies;			/* else it is NULL */
	int64	   *units;			/* by row */
} rake_bounds;

/* what is needed while the partition is read */
typedef struct rake_reader
{
	FunctionCallInfo fcinfo;
	WindowObject winobj;
	MemoryContext context;		/* the partition's */
	rake_state *state;
	ts_weight_reader seeds;
	rake_bounds at_least;
	rake_bounds at_most;
	bool		biproportional;
	ts_inexact	on_inexact;
	bits8	   *peer;			/* bit i: row i is a peer of the row before */
	bool		has_peers;
	int32	   *row_of_cell;
} rake_reader;

/* goes through a one-dimensional array without copying it */
typedef struct array_walk
{
	int			n;
	int			at;
	bits8	   *nulls;
	char	   *data;
} array_walk;

static inline bool
has_bit(const bits8 *bits, int64 row)
{
	return (bits[row / 8] & (1 << (row % 8))) != 0;
}

/*
 * scratch: where a copy of a packed array may be made; NULL: here
 */
static void
start_walk(array_walk *walk, Datum datum, MemoryContext scratch,
		   const char *what, int64 row)
{
	MemoryContext old = MemoryContextSwitchTo(scratch != NULL ? scratch : CurrentMemoryContext);
	ArrayType  *array = DatumGetArrayTypeP(datum);

	MemoryContextSwitchTo(old);

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must have one dimension", what),
				 errdetail("It has %d in row " INT64_FORMAT ".", ARR_NDIM(array), row + 1)));
	walk->n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	walk->at = 0;
	walk->nulls = ARR_NULLBITMAP(array);
	walk->data = ARR_DATA_PTR(array);
}

/* the next element, text or numeric; NULL if it is */
static inline struct varlena *
next_element(array_walk *walk)
{
	struct varlena *element;
	int			at = walk->at++;

	if (walk->nulls != NULL && !has_bit(walk->nulls, at))
		return NULL;
	element = (struct varlena *) walk->data;
	walk->data = att_addlength_pointer(walk->data, -1, walk->data);
	walk->data = (char *) att_align_nominal(walk->data, TYPALIGN_INT);
	return element;
}

/* ------------------------------------------------------------- arguments */

/*
 * rounding, on_inexact and names, from the partition's first row; they cannot
 * differ from row to row
 */
static char *
read_word(rake_reader *reader, int argno, const char *what, const char *first,
		  const char *second)
{
	Datum		datum;
	bool		isnull;
	char	   *word;

	if (ts_argument_varies(reader->fcinfo, argno))
		ereport(ERROR,
				(errcode(ERRCODE_WINDOWING_ERROR),
				 errmsg("%s must be a constant", what)));
	datum = WinGetFuncArgCurrent(reader->winobj, argno, &isnull);
	word = isnull ? NULL : text_to_cstring(DatumGetTextPP(datum));
	if (word == NULL || (strcmp(word, first) != 0 && strcmp(word, second) != 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 word == NULL ? errmsg("%s must not be null", what) :
				 errmsg("unknown %s \"%s\"", what, word),
				 errhint("Use %s => '%s' or %s => '%s'.", what, first, what, second)));
	return word;
}

static void
read_method(rake_reader *reader)
{
	reader->biproportional = strcmp(read_word(reader, ARG_ROUNDING, "rounding", "least_squares",
											  "biproportional"), "biproportional") == 0;
	reader->on_inexact = strcmp(read_word(reader, ARG_ON_INEXACT, "on_inexact", "error", "warn"),
								"warn") == 0 ? TS_INEXACT_WARN : TS_INEXACT_ERROR;
}

/*
 * How many margins there are, and what they are called
 */
static void
read_names(rake_reader *reader)
{
	rake_state *state = reader->state;
	MemoryContext old = MemoryContextSwitchTo(reader->context);
	array_walk	walk = {0};
	Datum		names;
	bool		isnull;

	names = WinGetFuncArgCurrent(reader->winobj, ARG_NAMES, &isnull);
	if (state->n_margins == 0)
		isnull = true;
	if (!isnull)
	{
		start_walk(&walk, names, NULL, "names", 0);
		if (walk.n != state->n_margins)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("names must have as many elements as keys"),
					 errdetail("They have %d and %d.", walk.n, state->n_margins)));
	}
	for (int m = 0; m < state->n_margins; m++)
	{
		struct varlena *name = isnull ? NULL : next_element(&walk);

		state->margins[m].name = name == NULL ? psprintf("margin %d", m + 1) :
			text_to_cstring((text *) name);
	}
	MemoryContextSwitchTo(old);
}

/* ---------------------------------------------------------------- groups */

/*
 * Room for more groups; the hash table is at most half full
 */
static void
grow_groups(rake_reader *reader, group_list *list)
{
	size_t		slots;

	if (list->capacity == 0)
	{
		list->capacity = 32;
		list->key = ts_alloc_rows(reader->context, 32, sizeof(*list->key));
		list->hash = ts_alloc_rows(reader->context, 32, sizeof(uint32));
		list->first_row = ts_alloc_rows(reader->context, 32, sizeof(int32));
		list->total = ts_alloc_rows(reader->context, 32, sizeof(Datum));
	}
	else
	{
		list->capacity *= 2;
		list->key = repalloc_huge(list->key, list->capacity * sizeof(*list->key));
		list->hash = repalloc_huge(list->hash, list->capacity * sizeof(uint32));
		list->first_row = repalloc_huge(list->first_row, list->capacity * sizeof(int32));
		list->total = repalloc_huge(list->total, list->capacity * sizeof(Datum));
		pfree(list->table);
	}
	slots = (size_t) list->capacity * 2;
	list->table = MemoryContextAllocExtended(reader->context, slots * sizeof(int32),
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	list->table_mask = (uint32) (slots - 1);
	for (int32 g = 0; g < list->n; g++)
	{
		uint32		slot = list->hash[g] & list->table_mask;

		while (list->table[slot] != 0)
			slot = (slot + 1) & list->table_mask;
		list->table[slot] = g + 1;
	}
}

static inline bool
same_key(const struct varlena *a, const struct varlena *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

/*
 * The group of a key; a new one if there is none yet
 */
static int32
find_group(rake_reader *reader, group_list *list, const struct varlena *key,
		   int64 row, bool *is_new)
{
	uint32		hash = hash_bytes((const unsigned char *) VARDATA_ANY(key),
								  (int) VARSIZE_ANY_EXHDR(key));
	MemoryContext old;
	uint32		slot;

	if (list->n == list->capacity)
		grow_groups(reader, list);
	for (slot = hash & list->table_mask;
		 list->table[slot] != 0;
		 slot = (slot + 1) & list->table_mask)
	{
		int32		g = list->table[slot] - 1;

		if (list->hash[g] == hash && same_key(key, list->key[g]))
			return g;
	}
	list->table[slot] = list->n + 1;
	list->hash[list->n] = hash;
	list->first_row[list->n] = (int32) row;
	list->total[list->n] = (Datum) 0;
	old = MemoryContextSwitchTo(reader->context);
	list->key[list->n] = (struct varlena *)
		cstring_to_text_with_len(VARDATA_ANY(key), (int) VARSIZE_ANY_EXHDR(key));
	MemoryContextSwitchTo(old);
	*is_new = true;
	return list->n++;
}

/* Starts on the totals of a row, one for each of its keys */
static void
start_totals(array_walk *walk, Datum totals, bool isnull, MemoryContext scratch, int n_margins, int64 row)
{
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("totals must not be null"),
				 errdetail("They are null in row " INT64_FORMAT ".", row + 1),
				 errhint("Use an array with an element for each key; a NULL element is a group without a total.")));
	start_walk(walk, totals, scratch, "totals", row);
	if (walk->n != n_margins)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("keys and totals must have the same number of elements"),
				 errdetail("In row " INT64_FORMAT " they have %d and %d.",
						   row + 1, n_margins, walk->n)));
}

/*
 * Keep the totals of the groups that this row is the first one of
 */
static void
read_totals(rake_reader *reader, int64 row)
{
	rake_state *state = reader->state;
	MemoryContext old;
	array_walk	walk;
	Datum		totals;
	bool		isnull;

	totals = ts_argument_of_row(reader->winobj, ARG_TOTALS, row, reader->seeds.scratch, &isnull);
	start_totals(&walk, totals, isnull, reader->seeds.scratch, state->n_margins, row);
	old = MemoryContextSwitchTo(reader->context);
	for (int m = 0; m < state->n_margins; m++)
	{
		group_list *list = &state->margins[m];
		struct varlena *total = next_element(&walk);
		int32		g = list->of_row[row];

		if (g >= 0 && list->first_row[g] == row && total != NULL)
			list->total[g] = PointerGetDatum(PG_DETOAST_DATUM_COPY(PointerGetDatum(total)));
	}
	MemoryContextSwitchTo(old);
}

/*
 * The groups of a row
 */
static inline void
read_keys(rake_reader *reader, int64 row)
{
	rake_state *state = reader->state;
	array_walk	walk;
	Datum		keys;
	bool		isnull;
	bool		is_new = false;

	for (int m = 0; m < state->n_margins; m++)
		state->margins[m].of_row[row] = -1;
	if (has_bit(state->excluded, row))
		return;
	keys = ts_argument_of_row(reader->winobj, ARG_KEYS, row, reader->seeds.scratch, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("keys must not be null"),
				 errdetail("They are null in row " INT64_FORMAT ".", row + 1),
				 errhint("Use an array with an element for each margin; a NULL element is a row in no group of it.")));
	start_walk(&walk, keys, reader->seeds.scratch, "keys", row);
	if (state->n_margins == 0)
	{
		if (walk.n == 0 || walk.n > TS_MAX_MARGINS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 walk.n == 0 ? errmsg("keys must have an element for each margin") :
					 errmsg("too many margins"),
					 errdetail("There are %d elements in row " INT64_FORMAT "; 1 to %d are possible.",
							   walk.n, row + 1, TS_MAX_MARGINS)));
		state->n_margins = walk.n;
		for (int m = 0; m < walk.n; m++)
		{
			state->margins[m].of_row = ts_alloc_rows(reader->context, state->nrows, sizeof(int32));
			/* rows are read backwards in blocks */
			memset(state->margins[m].of_row, -1, sizeof(int32) * (row + 1));
			for (int64 i = row + 1; i < Min(row + TS_BLOCK_ROWS, state->nrows); i++)
				state->margins[m].of_row[i] = -1;
		}
	}
	else if (walk.n != state->n_margins)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("keys must have the same number of elements in all rows"),
				 errdetail("They have %d, and %d in row " INT64_FORMAT ".",
						   state->n_margins, walk.n, row + 1)));
	for (int m = 0; m < state->n_margins; m++)
	{
		group_list *list = &state->margins[m];
		struct varlena *key = next_element(&walk);
		int32		before = row + 1 < state->nrows ? list->of_row[row + 1] : -1;

		if (key == NULL)
			continue;
		/* rows are read backwards; the one read before is often in the same group */
		if (row % TS_BLOCK_ROWS != TS_BLOCK_ROWS - 1 && before >= 0 &&
			same_key(key, list->key[before]))
			list->of_row[row] = before;
		else
			list->of_row[row] = find_group(reader, list, key, row, &is_new);
	}
	if (is_new)
		read_totals(reader, row);
}

/* ------------------------------------------------------------------ rows */

static bool
start_bound(rake_reader *reader, rake_bounds *bounds, int argno)
{
	bool		isnull = false;

	bounds->varies = ts_argument_varies(reader->fcinfo, argno);
	if (!bounds->varies)
		(void) WinGetFuncArgCurrent(reader->winobj, argno, &isnull);
	return !isnull;
}

/*
 * The bound of a row, in units; those beyond all totals are none
 */
static inline void
read_bound(rake_reader *reader, const rake_bounds *bounds, bool upper, int64 row)
{
	const char *name = upper ? "at_most" : "at_least";
	ts_int128	units = upper ? TS_MARGIN_LIMIT : 0;
	Datum		bound;
	bool		isnull;

	bounds->units[row] = upper ? PG_INT64_MAX : 0;
	if (has_bit(reader->state->excluded, row))
		return;
	bound = ts_argument_of_row(reader->winobj, upper ? ARG_AT_MOST : ARG_AT_LEAST, row,
							   reader->seeds.scratch, &isnull);
	if (isnull || !ts_bound_from_numeric(bound, &reader->state->quantum, upper, name, &units))
		return;
	if (upper ? units < 0 : units >= TS_MARGIN_LIMIT)
		ereport(ERROR,
				(errcode(upper ? ERRCODE_INVALID_PARAMETER_VALUE : ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 upper ? errmsg("%s must not be negative", name) : errmsg("%s is too large", name),
				 errdetail("It is %s in row " INT64_FORMAT "; amounts are 0 or more and less than %s.",
						   ts_numeric_text(bound), row + 1,
						   ts_numeric_text(ts_units_to_numeric(TS_MARGIN_LIMIT, &reader->state->quantum)))));
	if (upper)
		bounds->units[row] = units >= TS_MARGIN_LIMIT ? PG_INT64_MAX : (int64) units;
	else
		bounds->units[row] = (int64) Max(units, 0);
}

/*
 * Reading the row again that was read last makes the tuplestore step forth and
 * back.  So the arguments take turns in blocks of rows.
 */
static void
read_rows(rake_reader *reader)
{
	rake_state *state = reader->state;
	int64		start;
	int64		end;
	int64		i;

	for (start = 0; start < state->nrows; start = end)
	{
		end = Min(start + TS_BLOCK_ROWS, state->nrows);
		CHECK_FOR_INTERRUPTS();
		for (i = start; i < end; i++)
		{
			if (unlikely(!ts_read_weight(&reader->seeds, i)))
				state->excluded[i / 8] |= 1 << (i % 8);
		}
		for (i = end - 1; i >= start; i--)
			read_keys(reader, i);
		for (i = start; i < end && reader->at_least.units != NULL; i++)
			read_bound(reader, &reader->at_least, false, i);
		for (i = end - 1; i >= start && reader->at_most.units != NULL; i--)
			read_bound(reader, &reader->at_most, true, i);
		for (i = start; i < end; i++)
		{
			if (i > 0 && WinRowsArePeers(reader->winobj, i - 1, i))
			{
				reader->peer[i / 8] |= 1 << (i % 8);
				reader->has_peers = true;
			}
		}
	}
}

/*
 * Seeds in units, as doubles; by row
 */
static double *
seeds_as_doubles(rake_reader *reader)
{
	rake_state *state = reader->state;
	const ts_weight_reader *read = &reader->seeds;
	double	   *seed = ts_alloc_rows(reader->context, state->nrows, sizeof(double));
	double		up = 1;
	double		down = 1;
	int			scale;

	for (scale = read->common_scale; scale < state->quantum.scale; scale++)
		up *= 10;
	for (scale = read->common_scale; scale > state->quantum.scale; scale--)
		down *= 10;
	down *= (double) state->quantum.mantissa;
	for (int64 i = 0; i < state->nrows; i++)
	{
		ts_int128	raw = read->narrow != NULL ? (ts_int128) read->narrow[i] : (ts_int128) read->wide[i];

		CHECK_FOR_INTERRUPTS();
		seed[i] = (double) raw * up / down;
		if (raw != 0 && !(seed[i] >= TS_MIN_SEED && seed[i] <= TS_MAX_SEED))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("the seed of row " INT64_FORMAT " is out of range", i + 1),
					 errdetail("Seeds other than 0 are from %g to %g units of the quantum.", TS_MIN_SEED, TS_MAX_SEED)));
	}
	return seed;
}

/* -------------------------------------------------------------- in order */

typedef struct key_order
{
	const struct varlena *key;
	int32		group;
} key_order;

static int
compare_keys(const void *a, const void *b)
{
	const struct varlena *x = ((const key_order *) a)->key;
	const struct varlena *y = ((const key_order *) b)->key;
	int			shorter = (int) Min(VARSIZE_ANY_EXHDR(x), VARSIZE_ANY_EXHDR(y));
	int			order = memcmp(VARDATA_ANY(x), VARDATA_ANY(y), shorter);

	if (order != 0)
		return order;
	return (int) VARSIZE_ANY_EXHDR(x) - (int) VARSIZE_ANY_EXHDR(y);
}

/*
 * Number a margin's groups by their keys
 */
static void
sort_groups(rake_reader *reader, group_list *list)
{
	key_order  *order = ts_alloc_rows(reader->context, list->n, sizeof(key_order));
	int32	   *rank = ts_alloc_rows(reader->context, list->n, sizeof(int32));
	struct varlena **key = ts_alloc_rows(reader->context, list->n, sizeof(*key));
	int32	   *first_row = ts_alloc_rows(reader->context, list->n, sizeof(int32));
	Datum	   *total = ts_alloc_rows(reader->context, list->n, sizeof(Datum));

	for (int32 g = 0; g < list->n; g++)
	{
		order[g].key = list->key[g];
		order[g].group = g;
	}
	qsort(order, list->n, sizeof(key_order), compare_keys);
	for (int32 i = 0; i < list->n; i++)
	{
		int32		g = order[i].group;

		rank[g] = i;
		key[i] = list->key[g];
		first_row[i] = list->first_row[g];
		total[i] = list->total[g];
	}
	for (int64 i = 0; i < reader->state->nrows; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (list->of_row[i] >= 0)
			list->of_row[i] = rank[list->of_row[i]];
	}
	if (list->capacity > 0)
	{
		pfree(list->key);
		pfree(list->first_row);
		pfree(list->total);
		pfree(list->hash);
		pfree(list->table);
	}
	list->hash = NULL;
	list->table = NULL;
	list->key = key;
	list->first_row = first_row;
	list->total = total;
	pfree(order);
	pfree(rank);
}

/* what peers are put in order by */
typedef struct peer_sort
{
	const rake_reader *reader;
	const double *seed;
} peer_sort;

static int
compare_rows(const void *a, const void *b, void *arg)
{
	const peer_sort *sort = arg;
	const rake_state *state = sort->reader->state;
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;

	for (int m = 0; m < state->n_margins; m++)
	{
		const int32 *group = state->margins[m].of_row;

		if (group[x] != group[y])
			return group[x] < group[y] ? -1 : 1;
	}
	if (sort->seed[x] != sort->seed[y])
		return sort->seed[x] > sort->seed[y] ? -1 : 1;
	for (int i = 0; i < 2; i++)
	{
		const int64 *units = i == 0 ? sort->reader->at_least.units : sort->reader->at_most.units;

		if (units != NULL && units[x] != units[y])
			return units[x] < units[y] ? -1 : 1;
	}
	return 0;
}

/*
 * The rows that take part, in the order that ties go by
 */
static int64
number_cells(rake_reader *reader, const double *seed)
{
	rake_state *state = reader->state;
	peer_sort	sort = {reader, seed};
	int64		n = 0;
	int64		run = 0;		/* where the peers of the last cell begin */

	reader->row_of_cell = ts_alloc_rows(reader->context, state->nrows, sizeof(int32));
	for (int64 i = 0; i < state->nrows; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!has_bit(reader->peer, i))
		{
			if (n - run > 1)
				qsort_arg(reader->row_of_cell + run, n - run, sizeof(int32), compare_rows, &sort);
			run = n;
		}
		if (!has_bit(state->excluded, i))
			reader->row_of_cell[n++] = (int32) i;
	}
	if (n - run > 1)
		qsort_arg(reader->row_of_cell + run, n - run, sizeof(int32), compare_rows, &sort);
	return n;
}

/*
 * Refuse cells that nothing tells apart but that got different amounts: which
 * one has more would depend on the query plan.
 */
static void
check_peers(rake_reader *reader, const double *seed, int64 n)
{
	rake_state *state = reader->state;
	peer_sort	sort = {reader, seed};

	for (int64 c = 1; c < n; c++)
	{
		int32		row = reader->row_of_cell[c];
		int32		before = reader->row_of_cell[c - 1];

		CHECK_FOR_INTERRUPTS();
		if (state->units[row] == state->units[before] ||
			compare_rows(&row, &before, &sort) != 0 ||
			!WinRowsArePeers(reader->winobj, before, row))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_WINDOWING_ERROR),
				 errmsg("ORDER BY does not decide which row gets the last unit"),
				 errdetail("Rows %d and %d have the same keys and the same seed and are equal in ORDER BY, but one must have %s and the other %s.",
						   Min(row, before) + 1, Max(row, before) + 1,
						   ts_numeric_text(ts_units_to_numeric(state->units[before], &state->quantum)),
						   ts_numeric_text(ts_units_to_numeric(state->units[row], &state->quantum))),
				 errhint("Add a column that tells the rows apart to the window's ORDER BY, for example OVER (ORDER BY id).")));
	}
}

/* ------------------------------------------------------------ to the table */

static char *
group_name(void *arg, int margin, int32 group)
{
	const rake_reader *reader = arg;

	return text_to_cstring((text *) reader->state->margins[margin].key[group]);
}

static char *
cell_name(void *arg, int64 cell)
{
	const rake_reader *reader = arg;

	return psprintf("row %d", reader->row_of_cell[cell] + 1);
}

static char *
amount_text(void *arg, ts_int128 units)
{
	const rake_reader *reader = arg;

	return ts_numeric_text(ts_units_to_numeric(units, &reader->state->quantum));
}

/* arrays by row as arrays by cell */
static int64 *
bounds_by_cell(const rake_reader *reader, const rake_bounds *bounds, int64 n)
{
	int64	   *units;

	if (bounds->units == NULL)
		return NULL;
	units = ts_alloc_rows(reader->context, n, sizeof(int64));
	for (int64 c = 0; c < n; c++)
		units[c] = bounds->units[reader->row_of_cell[c]];
	return units;
}

/*
 * A margin as the table has it; groups by row become groups by cell
 */
static void
make_margin(rake_reader *reader, int m, int64 n, ts_margin *margin)
{
	rake_state *state = reader->state;
	group_list *list = &state->margins[m];
	int32	   *group = ts_alloc_rows(reader->context, n, sizeof(int32));
	int64	   *total = ts_alloc_rows(reader->context, list->n, sizeof(int64));
	bool	   *is_free = ts_alloc_rows(reader->context, list->n, sizeof(bool));

	for (int64 c = 0; c < n; c++)
		group[c] = list->of_row[reader->row_of_cell[c]];
	for (int32 g = 0; g < list->n; g++)
	{
		ts_int128	units = 0;

		CHECK_FOR_INTERRUPTS();
		is_free[g] = list->total[g] == (Datum) 0;
		if (!is_free[g])
			units = ts_units_from_numeric(list->total[g], &state->quantum, "total");
		if (units >= TS_MARGIN_LIMIT || units <= -TS_MARGIN_LIMIT)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("the total of %s %s is too large", list->name, group_name(reader, m, g)),
					 errdetail("It is %s; less than %s is possible.",
							   ts_numeric_text(list->total[g]), amount_text(reader, TS_MARGIN_LIMIT)),
					 errhint("Use a larger quantum.")));
		total[g] = (int64) units;
	}
	margin->name = list->name;
	margin->n_groups = list->n;
	margin->group = group;
	margin->total = total;
	margin->is_free = is_free;
}

/*
 * Read the partition, and find a table
 */
static void
load_units(FunctionCallInfo fcinfo, WindowObject winobj, rake_state *state,
		   MemoryContext context)
{
	rake_reader reader;
	ts_margin_table table = {0};
	ts_margin	margin[TS_MAX_MARGINS];
	ts_margins_report report;
	MemoryContext work;
	double	   *seed_of_row;
	double	   *seed;
	int64	   *units;
	int64		n;

	memset(&reader, 0, sizeof(reader));
	work = AllocSetContextCreate(context, "target_split rake", ALLOCSET_DEFAULT_SIZES);
	reader.fcinfo = fcinfo;
	reader.winobj = winobj;
	reader.context = context;
	reader.state = state;
	read_method(&reader);
	state->totals_vary = ts_argument_varies(fcinfo, ARG_TOTALS);
	state->nrows = ts_count_rows(winobj);
	state->excluded = MemoryContextAllocZero(context, state->nrows / 8 + 1);
	reader.peer = MemoryContextAllocZero(work, state->nrows / 8 + 1);
	if (start_bound(&reader, &reader.at_least, ARG_AT_LEAST))
		reader.at_least.units = ts_alloc_rows(work, state->nrows, sizeof(int64));
	if (start_bound(&reader, &reader.at_most, ARG_AT_MOST))
		reader.at_most.units = ts_alloc_rows(work, state->nrows, sizeof(int64));
	ts_start_reading(&reader.seeds, winobj, ARG_SEED, "seed", context, state->nrows, true);
	read_rows(&reader);
	ts_finish_reading(&reader.seeds);
	read_names(&reader);
	for (int m = 0; m < state->n_margins; m++)
		sort_groups(&reader, &state->margins[m]);

	reader.context = work;
	seed_of_row = seeds_as_doubles(&reader);
	if (reader.seeds.wide != NULL)
		pfree(reader.seeds.wide);
	else
		pfree(reader.seeds.narrow);
	n = number_cells(&reader, seed_of_row);
	seed = ts_alloc_rows(work, n, sizeof(double));
	for (int64 c = 0; c < n; c++)
		seed[c] = seed_of_row[reader.row_of_cell[c]];

	table.n = n;
	table.seed = seed;
	table.lower = bounds_by_cell(&reader, &reader.at_least, n);
	table.upper = bounds_by_cell(&reader, &reader.at_most, n);
	table.n_margins = state->n_margins;
	table.margin = margin;
	for (int m = 0; m < state->n_margins; m++)
		make_margin(&reader, m, n, &margin[m]);
	table.biproportional = reader.biproportional;
	table.on_inexact = reader.on_inexact;
	table.group_name = group_name;
	table.cell_name = cell_name;
	table.amount_text = amount_text;
	table.arg = &reader;

	units = ts_alloc_rows(work, n, sizeof(int64));
	MemoryContextSwitchTo(work);
	ts_margins_solve(&table, units, &report);
	MemoryContextSwitchTo(context);
	state->units = MemoryContextAllocExtended(context, Max(state->nrows, 1) * sizeof(int64),
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int64 c = 0; c < n; c++)
		state->units[reader.row_of_cell[c]] = units[c];
	if (reader.has_peers)
		check_peers(&reader, seed_of_row, n);
	MemoryContextDelete(work);
}

/*
 * Refuse a current row in which a total is not that of its group
 */
static void
check_totals(WindowObject winobj, const rake_state *state, int64 row)
{
	array_walk	walk;
	Datum		totals;
	bool		isnull;

	if (!state->totals_vary)
		return;
	totals = WinGetFuncArgCurrent(winobj, ARG_TOTALS, &isnull);
	start_totals(&walk, totals, isnull, NULL, state->n_margins, row);
	for (int m = 0; m < state->n_margins; m++)
	{
		const group_list *list = &state->margins[m];
		struct varlena *total = next_element(&walk);
		int32		g = list->of_row[row];

		if (g < 0 || list->first_row[g] == row)
			continue;
		if (likely(total == NULL ? list->total[g] == (Datum) 0 : list->total[g] != (Datum) 0 &&
				   ts_same_numeric(PointerGetDatum(total), list->total[g])))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_WINDOWING_ERROR),
				 errmsg("the total of %s %s differs within a partition", list->name,
						text_to_cstring((text *) list->key[g])),
				 errdetail("It is %s in row %d and %s in row " INT64_FORMAT ".",
						   list->total[g] == (Datum) 0 ? "null" : ts_numeric_text(list->total[g]),
						   list->first_row[g] + 1,
						   total == NULL ? "null" : ts_numeric_text(PointerGetDatum(total)), row + 1),
				 errhint("Repeat a group's total in each of its rows, and add the columns that decide it to the keys or to PARTITION BY.")));
	}
}

/*
 * rake(seed, keys, totals, quantum, at_least, at_most, rounding, on_inexact,
 * names) OVER (...)
 *
 * The current row's amount; a multiple of the quantum at its display scale.
 */
Datum
target_split_rake(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	rake_state *state;
	int64		row;

	if (!WindowObjectIsValid(winobj))
		elog(ERROR, "rake must be called as a window function");

	state = WinGetPartitionLocalMemory(winobj, sizeof(rake_state));
	if (unlikely(!state->loaded))
	{
		MemoryContext context = GetMemoryChunkContext(state);
		MemoryContext old = CurrentMemoryContext;

		state->quantum_arg.argno = ARG_QUANTUM;
		ts_read_quantum(fcinfo, winobj, context, &state->quantum_arg,
						&state->quantum);
		load_units(fcinfo, winobj, state, context);
		MemoryContextSwitchTo(old);
		state->loaded = true;
	}

	ts_check_quantum(winobj, &state->quantum_arg);
	row = WinGetCurrentPosition(winobj);
	if (has_bit(state->excluded, row))
		PG_RETURN_NULL();
	check_totals(winobj, state, row);
	return ts_units_to_numeric(state->units[row], &state->quantum);
}
