/*-------------------------------------------------------------------------
 *
 * margins.c
 *	  A table of cells from a seed, so that it fits several margins at once,
 *	  in whole units; shared by rake() and by the method of split_target.
 *
 * Glossary (see also margins.h, engine/rake.c and engine/controlled.c)
 *	  live			a cell that may have units: its seed or its lower bound is
 *					above 0
 *	  finer			a margin is finer than another if each of its groups lies
 *					within one group of the other: months and quarters
 *	  implied		a margin that a finer one decides: all its groups' cells have
 *					totals there
 *	  family		margins of which of any two one is finer than the other
 *	  extra			a margin in neither of the two families
 *	  bucket		cells that the margins so far do not tell apart
 *	  ray			whole numbers by group that prove that no table fits
 *
 * Method
 *	  1. What can be seen at once (ts_rake_check): totals that differ, groups
 *	  without cells, bounds that leave no room.
 *	  2. The table is raked.  Implied margins are left out.
 *	  3. If that does not come to an end, and the margins are two families, a flow
 *	  decides (ts_table_fill): either there is a cut, which is the proof, or it is
 *	  known which cells are 0 or at their bound in every table that fits; with
 *	  those fixed raking converges quickly.
 *	  4. Rounding.  Two families: controlled rounding, all totals exact, each cell
 *	  its floor or ceiling, the nearest such table; groups without a total get the
 *	  floor or ceiling of theirs.  Biproportional instead: the divisor method of
 *	  Webster in both directions is the cheapest flow if the unit from k to k + 1
 *	  of a cell x costs log((k + 1/2) / x) (G. Rote and M. Zachariasen, "Matrix
 *	  scaling by network flow", SODA 2007), with as many units around x as it
 *	  takes.
 *	  5. Extra margins.  The two families are rounded first; then, margin by margin
 *	  in their order, units move within the buckets of the margins so far, which
 *	  keeps these exact: again two families, buckets and the margin.  Cells stay
 *	  floors and ceilings, unless that cannot be; then they may be one unit
 *	  further off, if bounds allow.  If that does not do it either, the first
 *	  rounding is made again with costs that push units out of groups with too
 *	  many and into those with too few, for a number of rounds.  Of all rounds
 *	  the one is taken whose margins are exact, the first ones before the later
 *	  ones.
 *
 *	  Proofs are rays, whatever found them; ts_rake_proves adds them up.
 *
 * Limits
 *	  Totals below 2^53 units; those of engine/rake.c and engine/flow.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "margins.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "engine/controlled.h"
#include "engine/rake.h"
#include "partition.h"

/* names in a message */
#define NAMES_SHOWN		20

/* sweeps before a flow decides whether there is a table at all */
#define FIRST_SWEEPS	150

/* a cell this near to a whole number is one, in units, and for all of them */
#define WHOLE_NEAR		1e-6
#define WHOLE_NEAR_SUM	0.05

/* rounds for extra margins, and cells times rounds at most */
#define ROUNDS			60
#define ROUND_CELLS		20000000

/* units around a cell that biproportional rounding begins with */
#define FIRST_REACH		2

/* a part of one half, in 2^-64 */
#define HALF			(UINT64CONST(1) << 63)

typedef struct solver
{
	const ts_margin_table *table;
	ts_margins_report *report;
	bool		implied[TS_MAX_MARGINS];
	/* nests[a][b]: a is finer than b, or the same */
	bool		nests[TS_MAX_MARGINS][TS_MAX_MARGINS];
	int			n_family[2];
	int			family[2][TS_MAX_MARGINS];	/* margins, the coarsest first */
	int			n_extra;
	int			extra[TS_MAX_MARGINS];
	double	   *seed;			/* by cell */
	double	   *lower;			/* by cell; both are NULL without bounds */
	double	   *upper;
	double	   *total[TS_MAX_MARGINS];	/* by group; NAN: free */
	ts_rake_margin margin[TS_MAX_MARGINS];
	ts_rake_input input;
	int32	   *ray;			/* of all margins' groups */
} solver;

/* two families as the engine wants them */
typedef struct family_pair
{
	ts_family	family[2];
	int32	   *first[2];		/* by place in solver.family: its first total */
} family_pair;

/* -------------------------------------------------------------- messages */

static const ts_margin *
margin_of(const solver *s, int m)
{
	return &s->table->margin[m];
}

static inline bool
is_free(const ts_margin *margin, int32 group)
{
	return margin->is_free != NULL && margin->is_free[group];
}

static inline bool
is_live(const solver *s, int64 cell)
{
	return s->seed[cell] > 0 || (s->table->lower != NULL && s->table->lower[cell] > 0);
}

/* a list of names: "Bikes, Helmets and Tents"; beyond some they are counted */
typedef struct name_list
{
	int64		n;
	char	   *name[NAMES_SHOWN];
} name_list;

static void
add_name(name_list *list, char *name)
{
	if (list->n++ < NAMES_SHOWN)
		list->name[list->n - 1] = name;
}

static void
append_names(StringInfo text, const name_list *list)
{
	int64		shown = Min(list->n, NAMES_SHOWN);

	for (int64 i = 0; i < shown; i++)
		appendStringInfo(text, "%s%s", i == 0 ? "" :
						 i == list->n - 1 ? " and " : ", ", list->name[i]);
	if (list->n > shown)
		appendStringInfo(text, " and " INT64_FORMAT " more", list->n - shown);
}

/*
 * The groups for which the ray has this sign, margin by margin, and what they
 * have to have together
 */
static char *
groups_of_sign(const solver *s, int sign, ts_int128 *sum)
{
	const int32 *d = s->ray;
	StringInfoData text;
	int			m;

	initStringInfo(&text);
	*sum = 0;
	for (m = 0; m < s->table->n_margins; m++)
	{
		const ts_margin *margin = margin_of(s, m);
		int32		times;

		/* those that count several times come in a list of their own */
		for (times = 1; times <= 12; times++)
		{
			name_list	list = {0};

			for (int32 g = 0; g < margin->n_groups; g++)
			{
				if (d[g] * sign != times)
					continue;
				add_name(&list, list.n < NAMES_SHOWN ?
						 s->table->group_name(s->table->arg, m, g) : NULL);
				*sum += (ts_int128) times * margin->total[g];
			}
			if (list.n == 0)
				continue;
			appendStringInfo(&text, "%s%s ", text.len > 0 ? ", " : "", margin->name);
			append_names(&text, &list);
			if (times > 1)
				appendStringInfo(&text, " (%d times)", times);
		}
		d += margin->n_groups;
	}
	return text.data;
}

/* The names of the margins in which the ray has something */
static char *
margins_of_ray(const solver *s)
{
	const int32 *d = s->ray;
	StringInfoData text;
	name_list	list = {0};

	initStringInfo(&text);
	for (int m = 0; m < s->table->n_margins; m++)
	{
		const ts_margin *margin = margin_of(s, m);
		bool		used = false;

		for (int32 g = 0; g < margin->n_groups; g++)
			used |= d[g] != 0;
		if (used)
			add_name(&list, pstrdup(margin->name));
		d += margin->n_groups;
	}
	append_names(&text, &list);
	return text.data;
}

/*
 * Where two margins are complete, one may take from each of the second's
 * numbers in the ray what is added to each of the first's.  Of the two ways to
 * say the same the one with fewer names is chosen.
 */
static void
shorten_ray(const solver *s, int a, int b)
{
	const ts_margin *margin[2] = {margin_of(s, a), margin_of(s, b)};
	int32	   *d[2];
	int64		names = 0;
	int64		names_other = 0;
	int			sign[2] = {-1, 1};

	for (int i = 0; i < 2; i++)
	{
		d[i] = s->ray;
		for (int m = 0; m < (i == 0 ? a : b); m++)
			d[i] += margin_of(s, m)->n_groups;
		for (int32 g = 0; g < margin[i]->n_groups; g++)
		{
			if (is_free(margin[i], g) || d[i][g] * sign[i] > 0 || d[i][g] * sign[i] < -1)
				return;
			names += d[i][g] != 0;
			names_other += d[i][g] == 0 && margin[i]->total[g] > 0;
		}
		for (int64 c = 0; c < s->table->n; c++)
		{
			CHECK_FOR_INTERRUPTS();
			if (margin[i]->group[c] < 0)
				return;
		}
	}
	if (names_other >= names)
		return;
	for (int i = 0; i < 2; i++)
	{
		for (int32 g = 0; g < margin[i]->n_groups; g++)
			d[i][g] = margin[i]->total[g] == 0 ? 0 : d[i][g] + sign[i];
	}
}

static void
report_ray(const solver *s, ts_rake_status status) pg_attribute_noreturn();

/*
 * Says why there is no table that fits
 */
static void
report_ray(const solver *s, ts_rake_status status)
{
	const ts_margin_table *table = s->table;
	ts_int128	excess;
	ts_int128	need;
	ts_int128	hold;
	char	   *needy;
	char	   *holders;
	char	   *margins;
	StringInfoData detail;

	if (status == TS_RAKE_INFEASIBLE)
	{
		int			used[2];
		int			n_used = 0;
		const int32 *d = s->ray;

		for (int m = 0; m < table->n_margins; m++)
		{
			int32		g = 0;

			while (g < margin_of(s, m)->n_groups && d[g] == 0)
				g++;
			if (g < margin_of(s, m)->n_groups)
			{
				if (n_used < 2)
					used[n_used] = m;
				n_used++;
			}
			d += margin_of(s, m)->n_groups;
		}
		if (n_used == 2)
		{
			shorten_ray(s, used[0], used[1]);
			shorten_ray(s, used[1], used[0]);
		}
	}
	if (!ts_rake_proves(&s->input, s->ray, &excess))
		elog(ERROR, "the proof that no table fits does not add up");
	needy = groups_of_sign(s, 1, &need);
	holders = groups_of_sign(s, -1, &hold);
	margins = margins_of_ray(s);
	initStringInfo(&detail);

	switch (status)
	{
		case TS_RAKE_NO_CELL:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s has a total but nothing to share it among", needy),
					 errdetail("Its total is %s, and every row of it has a seed of 0 or is in another group whose total is 0.",
							   table->amount_text(table->arg, need)),
					 errhint("Give at least one of its rows a seed above 0, or take the total away.")));
			break;
		case TS_RAKE_ABOVE_UPPER:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("upper bounds leave too little room for %s", needy),
					 errdetail("It must bring %s, but its rows may have at most %s (missing %s).",
							   table->amount_text(table->arg, need),
							   table->amount_text(table->arg, need - excess),
							   table->amount_text(table->arg, excess)),
					 errhint("Raise the bounds of its rows, or lower its total.")));
			break;
		case TS_RAKE_BELOW_LOWER:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("lower bounds are more than the total of %s", holders),
					 errdetail("It is to have %s, but its rows must have at least %s (%s too much).",
							   table->amount_text(table->arg, hold),
							   table->amount_text(table->arg, hold + excess),
							   table->amount_text(table->arg, excess)),
					 errhint("Lower the bounds of its rows, or raise its total.")));
			break;
		case TS_RAKE_TOTALS_DIFFER:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the totals of %s do not agree", margins),
					 errdetail("%s must bring %s, but %s, which are the same rows, have %s (difference %s).",
							   needy, table->amount_text(table->arg, need),
							   holders, table->amount_text(table->arg, hold),
							   table->amount_text(table->arg, need - hold)),
					 errhint("Correct one of them, or leave a group free: give it a total of NULL.")));
			break;
		default:
			break;
	}
	if (*needy != '\0')
	{
		appendStringInfo(&detail, "%s must bring %s, but ", needy,
						 table->amount_text(table->arg, need));
		if (*holders != '\0')
			appendStringInfo(&detail, "%s, where they may be, hold only %s", holders,
							 table->amount_text(table->arg, hold));
	}
	else
		appendStringInfo(&detail, "%s hold only %s, but lower bounds ask for more",
						 holders, table->amount_text(table->arg, hold));
	if (*needy == '\0')
		;
	else if (need - hold - excess > 0)
		appendStringInfo(&detail, "%s elsewhere upper bounds leave %s",
						 *holders != '\0' ? ", and" : "",
						 table->amount_text(table->arg, need - hold - excess));
	else if (need - hold - excess < 0)
		appendStringInfo(&detail, "%s lower bounds of other rows take %s of that",
						 *holders != '\0' ? ", and" : "",
						 table->amount_text(table->arg, excess - need + hold));
	appendStringInfo(&detail, " (missing %s).", table->amount_text(table->arg, excess));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the margins of %s cannot all be met", margins),
			 errdetail_internal("%s", detail.data),
			 errhint("Change these totals, loosen bounds of these rows, or give a seed above 0 to rows of the former in other groups than the latter.")));
}

/* ------------------------------------------------------------- families */

/*
 * Is each group of a within one group of b, or outside all of them?  *first[g]
 * is a live cell of group g of a, -1 if it has none.
 */
static bool
is_finer(const solver *s, int a, int b, int32 *place)
{
	const ts_margin *fine = margin_of(s, a);
	const ts_margin *coarse = margin_of(s, b);

	for (int32 g = 0; g < fine->n_groups; g++)
		place[g] = -2;
	for (int64 c = 0; c < s->table->n; c++)
	{
		int32		g = fine->group[c];

		CHECK_FOR_INTERRUPTS();
		if (g < 0 || place[g] == coarse->group[c] || !is_live(s, c))
			continue;
		if (place[g] != -2)
			return false;
		place[g] = coarse->group[c];
	}
	return true;
}

/*
 * Does a, which is finer, decide all totals of b?
 */
static bool
decides(const solver *s, int a, int b)
{
	const ts_margin *fine = margin_of(s, a);
	const ts_margin *coarse = margin_of(s, b);

	for (int64 c = 0; c < s->table->n; c++)
	{
		CHECK_FOR_INTERRUPTS();
		if (coarse->group[c] < 0 || is_free(coarse, coarse->group[c]) || !is_live(s, c))
			continue;
		if (fine->group[c] < 0 || is_free(fine, fine->group[c]))
			return false;
	}
	return true;
}

static bool
all_free(const ts_margin *margin)
{
	for (int32 g = 0; g < margin->n_groups; g++)
	{
		if (!is_free(margin, g))
			return false;
	}
	return true;
}

/* Do two margins fit into one family? */
static inline bool
same_family(const solver *s, int a, int b)
{
	return s->nests[a][b] || s->nests[b][a];
}

/* Adds a margin to a family, behind all that are coarser; false if it does not fit */
static bool
join_family(solver *s, int f, int m)
{
	int			at;

	for (int i = 0; i < s->n_family[f]; i++)
	{
		if (!same_family(s, s->family[f][i], m))
			return false;
	}
	for (at = s->n_family[f]; at > 0; at--)
	{
		if (s->nests[m][s->family[f][at - 1]])
			break;
	}
	for (int i = at; i < s->n_family[f]; i++)
	{
		if (!s->nests[s->family[f][i]][m])
			return false;
	}
	memmove(&s->family[f][at + 1], &s->family[f][at], sizeof(int) * (s->n_family[f] - at));
	s->family[f][at] = m;
	s->n_family[f]++;
	return true;
}

/*
 * Can all margins be put into two families?  If so, does it: which of the two a
 * margin is in follows from those that it is at odds with.
 */
static bool
two_families(solver *s)
{
	int			n = s->table->n_margins;
	int			colour[TS_MAX_MARGINS];
	int			stack[TS_MAX_MARGINS];

	for (int m = 0; m < n; m++)
		colour[m] = -1;
	for (int start = 0; start < n; start++)
	{
		int			depth = 0;

		if (s->implied[start] || colour[start] >= 0)
			continue;
		colour[start] = 0;
		stack[depth++] = start;
		while (depth > 0)
		{
			int			m = stack[--depth];

			for (int other = 0; other < n; other++)
			{
				if (s->implied[other] || other == m || same_family(s, m, other))
					continue;
				if (colour[other] == colour[m])
					return false;
				if (colour[other] < 0)
				{
					colour[other] = 1 - colour[m];
					stack[depth++] = other;
				}
			}
		}
	}
	for (int m = 0; m < n; m++)
	{
		if (!s->implied[m] && !join_family(s, colour[m], m))
		{
			s->n_family[0] = s->n_family[1] = 0;
			return false;
		}
	}
	return true;
}

static void
classify_margins(solver *s)
{
	int			n = s->table->n_margins;
	int32		largest = 1;
	int32	   *place;

	for (int m = 0; m < n; m++)
		largest = Max(largest, margin_of(s, m)->n_groups);
	place = palloc_extended(sizeof(int32) * largest, MCXT_ALLOC_HUGE);
	for (int a = 0; a < n; a++)
	{
		for (int b = 0; b < n; b++)
			s->nests[a][b] = a == b || is_finer(s, a, b, place);
	}
	for (int b = 0; b < n; b++)
	{
		s->implied[b] = all_free(margin_of(s, b));
		for (int a = 0; a < n && !s->implied[b]; a++)
			s->implied[b] = a != b && !s->implied[a] && s->nests[a][b] &&
				!(s->nests[b][a] && a > b) && decides(s, a, b);
	}
	if (!two_families(s))
	{
		for (int m = 0; m < n; m++)
		{
			if (!s->implied[m] && !join_family(s, 0, m) && !join_family(s, 1, m))
				s->extra[s->n_extra++] = m;
		}
	}
	pfree(place);
}

/*
 * Some margins that nest, the coarsest first, as a family of the engine.
 * Totals are what is left of a group's total when base has been taken away.
 */
static void
make_family(const solver *s, int n, const int *margins, const int64 *base,
			bool free_are_fair, ts_family *family)
{
	int32		first[TS_MAX_MARGINS];
	int32		total = 0;
	int32	   *parent;
	int32	   *of_cell;
	int64	   *units;
	bool	   *seen;

	for (int i = 0; i < n; i++)
	{
		first[i] = total;
		total += margin_of(s, margins[i])->n_groups;
	}
	parent = palloc_extended(sizeof(int32) * Max(total, 1), MCXT_ALLOC_HUGE);
	units = palloc_extended(sizeof(int64) * Max(total, 1), MCXT_ALLOC_HUGE);
	seen = palloc_extended(sizeof(bool) * Max(total, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	of_cell = palloc_extended(sizeof(int32) * s->table->n, MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
	{
		const ts_margin *margin = margin_of(s, margins[i]);

		for (int32 g = 0; g < margin->n_groups; g++)
		{
			parent[first[i] + g] = -1;
			units[first[i] + g] = !is_free(margin, g) ? margin->total[g] :
				free_are_fair ? TS_TOTAL_FAIR : TS_TOTAL_FREE;
		}
	}
	for (int64 c = 0; c < s->table->n; c++)
	{
		int32		below = -1;

		CHECK_FOR_INTERRUPTS();
		of_cell[c] = -1;
		if (!is_live(s, c))
			continue;
		for (int i = n - 1; i >= 0; i--)
		{
			int32		group = margin_of(s, margins[i])->group[c];

			if (group < 0)
				continue;
			if (units[first[i] + group] >= 0 && base != NULL)
				units[first[i] + group] -= base[c];
			if (below < 0)
				of_cell[c] = first[i] + group;
			else if (!seen[below])
			{
				parent[below] = first[i] + group;
				seen[below] = true;
			}
			below = first[i] + group;
		}
	}
	pfree(seen);
	family->n = total;
	family->parent = parent;
	family->of_cell = of_cell;
	family->units = units;
	family->cost = NULL;
}

static void
free_family(ts_family *family)
{
	pfree(unconstify(int32 *, family->parent));
	pfree(unconstify(int32 *, family->of_cell));
	pfree(unconstify(int64 *, family->units));
}

/* --------------------------------------------------------------- raking */

/*
 * Totals must be whole numbers that a double has, and so must bounds
 */
static void
check_limits(const ts_margin_table *table)
{
	for (int m = 0; m < table->n_margins; m++)
	{
		const ts_margin *margin = &table->margin[m];
		ts_int128	sum = 0;

		for (int32 g = 0; g < margin->n_groups; g++)
		{
			CHECK_FOR_INTERRUPTS();
			if (is_free(margin, g))
				continue;
			sum += margin->total[g];
			if (margin->total[g] < 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("the total of %s %s is negative", margin->name,
								table->group_name(table->arg, m, g)),
						 errdetail("It is %s; a seed cannot be raked to less than nothing.",
								   table->amount_text(table->arg, margin->total[g]))));
		}
		if (sum >= TS_MARGIN_LIMIT)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("the totals of %s are too large", margin->name),
					 errdetail("Together they are %s; less than %s is possible.",
							   table->amount_text(table->arg, sum),
							   table->amount_text(table->arg, TS_MARGIN_LIMIT)),
					 errhint("Use a larger quantum.")));
	}
	for (int64 c = 0; c < table->n; c++)
	{
		CHECK_FOR_INTERRUPTS();
		if (table->lower != NULL && table->upper != NULL && table->lower[c] > table->upper[c])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the lower bound of %s is above its upper bound",
							table->cell_name(table->arg, c)),
					 errdetail("They are %s and %s.",
							   table->amount_text(table->arg, table->lower[c]),
							   table->amount_text(table->arg, table->upper[c]))));
	}
}

static void
start_solver(solver *s, const ts_margin_table *table, ts_margins_report *report)
{
	int64		slots = 0;

	memset(s, 0, sizeof(*s));
	s->table = table;
	s->report = report;
	s->seed = palloc_extended(sizeof(double) * Max(table->n, 1), MCXT_ALLOC_HUGE);
	memcpy(s->seed, table->seed, sizeof(double) * table->n);
	if (table->lower != NULL || table->upper != NULL)
	{
		s->lower = palloc_extended(sizeof(double) * Max(table->n, 1), MCXT_ALLOC_HUGE);
		s->upper = palloc_extended(sizeof(double) * Max(table->n, 1), MCXT_ALLOC_HUGE);
		for (int64 c = 0; c < table->n; c++)
		{
			CHECK_FOR_INTERRUPTS();
			s->lower[c] = table->lower == NULL ? 0 : (double) table->lower[c];
			s->upper[c] = table->upper == NULL || table->upper[c] == PG_INT64_MAX ? HUGE_VAL :
				(double) table->upper[c];
			if (s->upper[c] == 0)
				s->seed[c] = 0;
		}
	}
	for (int m = 0; m < table->n_margins; m++)
	{
		const ts_margin *margin = &table->margin[m];

		s->total[m] = palloc_extended(sizeof(double) * Max(margin->n_groups, 1), MCXT_ALLOC_HUGE);
		for (int32 g = 0; g < margin->n_groups; g++)
			s->total[m][g] = is_free(margin, g) ? NAN : (double) margin->total[g];
		s->margin[m].n_groups = margin->n_groups;
		s->margin[m].group = margin->group;
		s->margin[m].total = s->total[m];
		slots += margin->n_groups;
	}
	s->ray = palloc_extended(sizeof(int32) * Max(slots, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	s->input.n = table->n;
	s->input.seed = s->seed;
	s->input.lower = s->lower;
	s->input.upper = s->upper;
	s->input.n_margins = table->n_margins;
	s->input.margin = s->margin;
	s->input.check = ts_check_for_interrupts;
}

/*
 * Rakes with the margins that are not implied; the ray, if there is one, is put
 * among those of all margins
 */
static ts_rake_status
rake_once(solver *s, int max_sweeps, double *value)
{
	ts_rake_input input = s->input;
	ts_rake_margin margin[TS_MAX_MARGINS];
	int			which[TS_MAX_MARGINS];
	int64		slots = 0;
	double	   *factor;
	int32	   *ray;
	void	   *work;
	ts_rake_result result;
	ts_rake_status status;

	input.n_margins = 0;
	input.margin = margin;
	input.max_sweeps = max_sweeps;
	for (int m = 0; m < s->table->n_margins; m++)
	{
		if (s->implied[m])
			continue;
		which[input.n_margins] = m;
		margin[input.n_margins++] = s->margin[m];
		slots += s->margin[m].n_groups;
	}
	factor = palloc_extended(sizeof(double) * Max(slots, 1), MCXT_ALLOC_HUGE);
	ray = palloc_extended(sizeof(int32) * Max(slots, 1), MCXT_ALLOC_HUGE);
	work = palloc_extended(ts_rake_work(&input) + 1, MCXT_ALLOC_HUGE);
	status = ts_rake(&input, value, factor, ray, &result, work);
	pfree(work);
	s->report->sweeps += result.sweeps + result.newton_steps;
	s->report->residual = result.residual;
	slots = 0;
	for (int i = 0; i < input.n_margins; i++)
	{
		int32	   *d = s->ray;

		for (int m = 0; m < which[i]; m++)
			d += s->margin[m].n_groups;
		memcpy(s->report->factor[which[i]], factor + slots, sizeof(double) * margin[i].n_groups);
		memcpy(d, ray + slots, sizeof(int32) * margin[i].n_groups);
		slots += margin[i].n_groups;
	}
	if (status == TS_RAKE_NOT_CONVERGED)
	{
		/* the report names the place */
		s->report->n_missed = 1;
		s->report->missed[0].margin = which[result.margin];
		s->report->missed[0].group = result.group;
	}
	pfree(factor);
	pfree(ray);
	return status;
}

/*
 * A cut of the flow as a ray: a total counts 1 where it leads into the cut, and
 * -1 where it leads out of it
 */
static bool
ray_of_cut(solver *s, const ts_family *family, const ts_table_cut *cut)
{
	ts_int128	excess;
	int64		slots = 0;

	for (int m = 0; m < s->table->n_margins; m++)
		slots += s->margin[m].n_groups;
	memset(s->ray, 0, sizeof(int32) * slots);
	for (int f = 0; f < 2; f++)
	{
		int32		total = 0;

		for (int i = 0; i < s->n_family[f]; i++)
		{
			int32	   *d = s->ray;

			for (int m = 0; m < s->family[f][i]; m++)
				d += s->margin[m].n_groups;
			for (int32 g = 0; g < s->margin[s->family[f][i]].n_groups; g++, total++)
			{
				bool		above = family[f].parent[total] < 0 ? cut->top :
					cut->total[f][family[f].parent[total]];

				d[g] = (f == 0 ? 1 : -1) * ((int) cut->total[f][total] - (int) above);
			}
		}
	}
	if (ts_rake_proves(&s->input, s->ray, &excess))
		return true;
	for (int64 i = 0; i < slots; i++)
		s->ray[i] = -s->ray[i];
	return ts_rake_proves(&s->input, s->ray, &excess);
}

/*
 * Two families: is there a table at all?  If so, cells that are the same in all
 * of them are fixed, so that raking need not find them.
 */
static void
decide_by_flow(solver *s)
{
	const ts_margin_table *table = s->table;
	ts_table_input input = {0};
	ts_table_cut cut;
	ts_flow_status status;
	int64		most = 1;
	int64	   *lower;
	int64	   *upper;
	int64	   *units;
	bool	   *fixed;
	size_t		size;
	void	   *work;

	for (int m = 0; m < table->n_margins; m++)
	{
		int64		sum = 0;

		for (int32 g = 0; g < table->margin[m].n_groups; g++)
			sum += is_free(&table->margin[m], g) ? 0 : table->margin[m].total[g];
		most = Max(most, sum);
	}
	lower = palloc_extended(sizeof(int64) * table->n, MCXT_ALLOC_HUGE);
	upper = palloc_extended(sizeof(int64) * table->n, MCXT_ALLOC_HUGE);
	units = palloc_extended(sizeof(int64) * table->n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	fixed = palloc_extended(sizeof(bool) * table->n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int64 c = 0; c < table->n; c++)
	{
		CHECK_FOR_INTERRUPTS();
		lower[c] = table->lower == NULL ? 0 : table->lower[c];
		upper[c] = s->seed[c] == 0 ? lower[c] :
			Min(table->upper == NULL ? most : table->upper[c], Max(most, lower[c]));
		units[c] = lower[c];
	}
	input.n = (int32_t) table->n;
	input.lower = lower;
	input.upper = upper;
	for (int f = 0; f < 2; f++)
	{
		make_family(s, s->n_family[f], s->family[f], NULL, false, &input.family[f]);
		cut.total[f] = palloc0(sizeof(bool) * Max(input.family[f].n, 1));
	}
	input.check = ts_check_for_interrupts;
	size = ts_table_work(&input);
	if (size == 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows and groups to decide whether they fit")));
	work = palloc_extended(size, MCXT_ALLOC_HUGE);
	status = ts_table_fill(&input, units, fixed, &cut, work);
	pfree(work);
	if (status == TS_FLOW_INFEASIBLE && ray_of_cut(s, input.family, &cut))
		report_ray(s, TS_RAKE_INFEASIBLE);
	if (status == TS_FLOW_OK)
	{
		for (int64 c = 0; c < table->n; c++)
		{
			CHECK_FOR_INTERRUPTS();
			if (!fixed[c])
				continue;
			if (units[c] == 0)
				s->seed[c] = 0;
			if (s->lower != NULL)
				s->lower[c] = s->upper[c] = (double) units[c];
		}
	}
	for (int f = 0; f < 2; f++)
	{
		free_family(&input.family[f]);
		pfree(cut.total[f]);
	}
	pfree(lower);
	pfree(upper);
	pfree(units);
	pfree(fixed);
}

/*
 * Values of the cells, before rounding
 */
static void
find_values(solver *s)
{
	const ts_margin_table *table = s->table;
	ts_rake_status status;
	void	   *work;

	work = palloc_extended(ts_rake_work(&s->input) + 1, MCXT_ALLOC_HUGE);
	status = ts_rake_check(&s->input, s->ray, work);
	pfree(work);
	if (status != TS_RAKE_OK)
		report_ray(s, status);
	classify_margins(s);
	if (table->biproportional && s->n_extra > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("biproportional rounding takes two margins"),
				 errdetail("%s is neither finer nor coarser than the others.",
						   table->margin[s->extra[0]].name),
				 errhint("Use rounding => 'least_squares'.")));
	status = rake_once(s, s->n_extra == 0 ? FIRST_SWEEPS : 0, s->report->value);
	if (status == TS_RAKE_NOT_CONVERGED && s->n_extra == 0)
	{
		decide_by_flow(s);
		status = rake_once(s, 0, s->report->value);
	}
	if (status == TS_RAKE_NOT_CONVERGED)
	{
		const ts_missed_group *at = &s->report->missed[0];

		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("no table was found that fits all margins"),
				 errdetail("After %d sweeps %s %s is still off by %s.", s->report->sweeps,
						   table->margin[at->margin].name,
						   table->group_name(table->arg, at->margin, at->group),
						   table->amount_text(table->arg, (ts_int128) ceil(s->report->residual))),
				 errhint("The margins probably contradict each other together with seeds of 0 and bounds; give small seeds above 0, or leave groups free with a total of NULL.")));
	}
	if (status != TS_RAKE_OK)
		report_ray(s, status);
}

/* ------------------------------------------------------------- rounding */

/*
 * Floors of the values and what is above them, in 2^-64.  Values that are as
 * good as whole are.
 */
static void
split_values(const solver *s, int64 *base, uint64_t *part)
{
	double		near = Min(WHOLE_NEAR, WHOLE_NEAR_SUM / (double) Max(s->table->n, 1));

	for (int64 c = 0; c < s->table->n; c++)
	{
		double		value = s->report->value[c];
		double		whole = floor(value);
		double		rest = value - whole;

		CHECK_FOR_INTERRUPTS();
		if (rest >= 1 - near)
		{
			whole += 1;
			rest = 0;
		}
		if (rest <= near)
			rest = 0;
		base[c] = (int64) whole;
		part[c] = (uint64_t) ldexp(rest, 64);
	}
}

/*
 * Adds what the groups are short of to cells of a table of floors, whatever it
 * costs: for totals so large that values are not good to a unit
 */
static bool
fill_up(const solver *s, const ts_family *family, int64 reach, int64 *units)
{
	const ts_margin_table *table = s->table;
	ts_table_input input = {0};
	ts_flow_status status;
	int64	   *lower = palloc_extended(sizeof(int64) * table->n, MCXT_ALLOC_HUGE);
	int64	   *upper = palloc_extended(sizeof(int64) * table->n, MCXT_ALLOC_HUGE);
	void	   *work;

	for (int64 c = 0; c < table->n; c++)
	{
		int64		least = table->lower == NULL ? 0 : table->lower[c];
		int64		most = s->seed[c] == 0 ? least :
			table->upper == NULL ? PG_INT64_MAX : table->upper[c];

		CHECK_FOR_INTERRUPTS();
		lower[c] = Max(least, units[c] - reach);
		upper[c] = Max(lower[c], Min(most, units[c] + 1 + reach));
	}
	input.n = (int32_t) table->n;
	input.lower = lower;
	input.upper = upper;
	memcpy(input.family, family, sizeof(input.family));
	input.check = ts_check_for_interrupts;
	work = palloc_extended(ts_table_work(&input), MCXT_ALLOC_HUGE);
	status = ts_table_fill(&input, units, NULL, NULL, work);
	pfree(work);
	pfree(lower);
	pfree(upper);
	return status == TS_FLOW_OK;
}

/*
 * Rounds to floors and ceilings, the totals of both families exact; false if
 * there is no such table
 */
static bool
round_fairly(const solver *s, const int64 *base, const uint64_t *part,
			 const int64_t *cost, const ts_family *family, int64 *units)
{
	ts_controlled_input input = {0};
	ts_flow_status status;
	size_t		size;
	bool	   *up;
	void	   *work;

	input.n = (int32_t) s->table->n;
	input.part = part;
	input.cost = cost;
	input.family[0] = family[0];
	input.family[1] = family[1];
	input.check = ts_check_for_interrupts;
	size = ts_controlled_work(&input);
	if (size == 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows and groups to round")));
	up = palloc_extended(sizeof(bool) * s->table->n, MCXT_ALLOC_HUGE);
	work = palloc_extended(size, MCXT_ALLOC_HUGE);
	status = ts_controlled_round(&input, up, NULL, work);
	pfree(work);
	if (status == TS_FLOW_TOO_LARGE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows and groups to round")));
	if (status == TS_FLOW_OK)
	{
		for (int64 c = 0; c < s->table->n; c++)
			units[c] = base[c] + up[c];
	}
	pfree(up);
	return status == TS_FLOW_OK;
}

/*
 * Two families, by least squares
 */
static void
round_two(const solver *s, const int64 *base, const uint64_t *part, int64 *units)
{
	ts_family	family[2];
	bool		done;

	for (int f = 0; f < 2; f++)
		make_family(s, s->n_family[f], s->family[f], base, true, &family[f]);
	done = round_fairly(s, base, part, NULL, family, units);
	for (int f = 0; f < 2; f++)
		free_family(&family[f]);
	if (done)
		return;

	/* doubles were not good enough: farther and farther away from the values */
	for (int f = 0; f < 2; f++)
		make_family(s, s->n_family[f], s->family[f], NULL, false, &family[f]);
	for (int64 reach = 1; !done && reach < TS_MARGIN_LIMIT; reach *= 8)
	{
		memcpy(units, base, sizeof(int64) * s->table->n);
		done = fill_up(s, family, reach, units);
	}
	for (int f = 0; f < 2; f++)
		free_family(&family[f]);
	if (!done)
		elog(ERROR, "a table that fits could not be rounded");
}

/*
 * Two families, by the divisor method of Webster in both directions
 *
 * Each unit that a cell may have or not, within reach of its value, is a cell
 * of its own for the engine.
 */
static void
round_biproportional(const solver *s, int64 *units)
{
	const ts_margin_table *table = s->table;
	int64		reach;

	for (reach = FIRST_REACH;; reach *= 4)
	{
		int64		n = table->n * reach * 2;
		ts_family	family[2];
		ts_family	wide[2];
		ts_controlled_input input = {0};
		ts_flow_status status;
		int64	   *base = palloc_extended(sizeof(int64) * table->n, MCXT_ALLOC_HUGE);
		int64_t    *cost;
		uint64_t   *part;
		bool	   *up;
		bool		beyond = false;
		int64		max_cost;
		void	   *work;

		if (n > TS_FLOW_MAX / 2)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many rows to round biproportionally"),
					 errhint("Use rounding => 'least_squares'.")));
		for (int64 c = 0; c < table->n; c++)
		{
			int64		least = table->lower == NULL ? 0 : table->lower[c];

			base[c] = Max(least, (int64) floor(s->report->value[c]) - reach + 1);
		}
		cost = palloc_extended(sizeof(int64_t) * n, MCXT_ALLOC_HUGE);
		part = palloc_extended(sizeof(uint64_t) * n, MCXT_ALLOC_HUGE);
		up = palloc_extended(sizeof(bool) * n, MCXT_ALLOC_HUGE);
		input.n = (int32_t) n;
		for (int f = 0; f < 2; f++)
		{
			int32	   *of_cell;

			make_family(s, s->n_family[f], s->family[f], base, false, &family[f]);
			of_cell = palloc_extended(sizeof(int32) * n, MCXT_ALLOC_HUGE);
			for (int64 i = 0; i < n; i++)
				of_cell[i] = family[f].of_cell[i / (reach * 2)];
			wide[f] = family[f];
			wide[f].of_cell = of_cell;
			input.family[f] = wide[f];
		}
		input.part = part;
		input.cost = cost;
		input.check = ts_check_for_interrupts;
		max_cost = ts_controlled_max_cost(&input);
		for (int64 i = 0; i < n; i++)
		{
			int64		c = i / (reach * 2);
			int64		k = base[c] + i % (reach * 2);
			double		price;

			CHECK_FOR_INTERRUPTS();
			part[i] = s->seed[c] > 0 && s->report->value[c] > 0 &&
				(table->upper == NULL || k < table->upper[c]) ? HALF : 0;
			price = part[i] == 0 ? 0 : ts_log(((double) k + 0.5) / s->report->value[c]);
			/* logarithms are below 64 in size wherever it matters */
			price = Max(-63, Min(63, price)) / 64;
			cost[i] = (int64) floor(price * (double) Min(max_cost, INT64CONST(1) << 50) + 0.5);
		}
		work = palloc_extended(ts_controlled_work(&input), MCXT_ALLOC_HUGE);
		status = ts_controlled_round(&input, up, NULL, work);
		pfree(work);
		for (int64 c = 0; c < table->n && status == TS_FLOW_OK; c++)
		{
			int64		given = 0;

			for (int64 i = c * reach * 2; i < (c + 1) * reach * 2; i++)
				given += up[i];
			units[c] = base[c] + given;
			beyond |= (given == 0 && base[c] > (table->lower == NULL ? 0 : table->lower[c])) ||
				(given == reach * 2 && (table->upper == NULL || units[c] < table->upper[c]));
		}
		for (int f = 0; f < 2; f++)
		{
			free_family(&family[f]);
			pfree(unconstify(int32 *, wide[f].of_cell));
		}
		pfree(base);
		pfree(cost);
		pfree(part);
		pfree(up);
		if (status == TS_FLOW_OK && !beyond)
			return;
	}
}

/* -------------------------------------------------------- extra margins */

/* what the sums of a margin's groups are off by, without signs */
static int64
measure_margin(const solver *s, int m, const int64 *units, int64 *sum)
{
	const ts_margin *margin = margin_of(s, m);
	int64		off = 0;

	memset(sum, 0, sizeof(int64) * margin->n_groups);
	for (int64 c = 0; c < s->table->n; c++)
	{
		CHECK_FOR_INTERRUPTS();
		if (margin->group[c] >= 0)
			sum[margin->group[c]] += units[c];
	}
	for (int32 g = 0; g < margin->n_groups; g++)
	{
		if (!is_free(margin, g))
			off += Abs(sum[g] - margin->total[g]);
	}
	return off;
}

typedef struct bucket_key
{
	int32		bucket;
	int32		group;
	int32		cell;
} bucket_key;

static int
compare_keys(const void *a, const void *b)
{
	const bucket_key *x = a;
	const bucket_key *y = b;

	if (x->bucket != y->bucket)
		return x->bucket < y->bucket ? -1 : 1;
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return x->cell < y->cell ? -1 : x->cell > y->cell;
}

/*
 * Cells that were in the same bucket stay together only if they are in the same
 * group as well
 */
static int32
refine_buckets(const solver *s, const int32 *group, int32 *bucket, bucket_key *keys)
{
	int32		n = 0;

	for (int64 c = 0; c < s->table->n; c++)
	{
		keys[c].bucket = bucket[c];
		keys[c].group = group[c];
		keys[c].cell = (int32) c;
	}
	qsort(keys, s->table->n, sizeof(bucket_key), compare_keys);
	for (int64 i = 0; i < s->table->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i == 0 || keys[i].bucket != keys[i - 1].bucket || keys[i].group != keys[i - 1].group)
			n++;
		bucket[keys[i].cell] = n - 1;
	}
	return n;
}

/*
 * Moves units within buckets so that a margin is met; false if that cannot be,
 * and then nothing has changed
 */
static bool
move_within_buckets(const solver *s, int m, int32 n_buckets, const int32 *bucket,
					const int64 *base, const uint64_t *part, int64 *units)
{
	int64		n = s->table->n;
	ts_family	family[2];
	int64	   *sum = palloc_extended(sizeof(int64) * n_buckets, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	int32	   *parent = palloc_extended(sizeof(int32) * n_buckets, MCXT_ALLOC_HUGE);
	int64	   *moved = palloc_extended(sizeof(int64) * n, MCXT_ALLOC_HUGE);
	bool		done;

	for (int32 b = 0; b < n_buckets; b++)
		parent[b] = -1;
	for (int64 c = 0; c < n; c++)
		sum[bucket[c]] += units[c] - base[c];
	family[0].n = n_buckets;
	family[0].parent = parent;
	family[0].of_cell = bucket;
	family[0].units = sum;
	family[0].cost = NULL;
	make_family(s, 1, &m, base, true, &family[1]);
	done = round_fairly(s, base, part, NULL, family, moved);
	free_family(&family[1]);
	if (!done)
	{
		make_family(s, 1, &m, NULL, false, &family[1]);
		for (int64 c = 0; c < n; c++)
			sum[bucket[c]] += base[c];
		memcpy(moved, base, sizeof(int64) * n);
		done = fill_up(s, family, 1, moved);
		free_family(&family[1]);
	}
	if (done)
		memcpy(units, moved, sizeof(int64) * n);
	pfree(sum);
	pfree(parent);
	pfree(moved);
	return done;
}

/*
 * Three or more families: two of them exactly, and the extra margins as well as
 * can be found; see the head of the file
 */
static void
round_many(const solver *s, const int64 *base, const uint64_t *part, int64 *units)
{
	int64		n = s->table->n;
	int			rounds = (int) Min(ROUNDS, 1 + ROUND_CELLS / n);
	ts_family	family[2];
	ts_controlled_input probe = {0};
	double	   *push[TS_MAX_MARGINS];
	int64	   *sum[TS_MAX_MARGINS];
	int64		best_off[TS_MAX_MARGINS];
	int32	   *first_bucket = palloc_extended(sizeof(int32) * n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	int32	   *bucket = palloc_extended(sizeof(int32) * n, MCXT_ALLOC_HUGE);
	bucket_key *keys = palloc_extended(sizeof(bucket_key) * n, MCXT_ALLOC_HUGE);
	int64	   *try = palloc_extended(sizeof(int64) * n, MCXT_ALLOC_HUGE);
	int64_t    *cost = palloc_extended(sizeof(int64_t) * n, MCXT_ALLOC_HUGE);
	int32		n_first = 0;
	double		scale;

	for (int f = 0; f < 2; f++)
	{
		make_family(s, s->n_family[f], s->family[f], base, true, &family[f]);
		n_first = refine_buckets(s, family[f].of_cell, first_bucket, keys);
		probe.family[f] = family[f];
	}
	probe.n = (int32_t) n;
	scale = (double) Min(ts_controlled_max_cost(&probe), INT64CONST(1) << 40) / 64;
	for (int e = 0; e < s->n_extra; e++)
	{
		int32		n_groups = margin_of(s, s->extra[e])->n_groups;

		push[e] = palloc_extended(sizeof(double) * n_groups, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		sum[e] = palloc_extended(sizeof(int64) * n_groups, MCXT_ALLOC_HUGE);
		best_off[e] = PG_INT64_MAX;
	}
	for (int round = 0; round < rounds; round++)
	{
		int32		n_buckets = n_first;
		int			better = 0;
		bool		all = true;

		for (int64 c = 0; c < n; c++)
		{
			double		price = 1 - 2 * ldexp((double) part[c], -64);

			CHECK_FOR_INTERRUPTS();
			for (int e = 0; e < s->n_extra; e++)
			{
				int32		g = margin_of(s, s->extra[e])->group[c];

				if (g >= 0)
					price += push[e][g];
			}
			price = Max(-60, Min(60, price));
			cost[c] = (int64) floor(price * scale + 0.5);
		}
		if (!round_fairly(s, base, part, cost, family, try))
			round_two(s, base, part, try);
		for (int e = 0; e < s->n_extra; e++)
		{
			const ts_margin *margin = margin_of(s, s->extra[e]);

			measure_margin(s, s->extra[e], try, sum[e]);
			for (int32 g = 0; g < margin->n_groups; g++)
			{
				if (!is_free(margin, g))
					push[e][g] += (double) (sum[e][g] - margin->total[g]) / (1 + round / 4);
			}
		}
		memcpy(bucket, first_bucket, sizeof(int32) * n);
		for (int e = 0; e < s->n_extra; e++)
		{
			int64		off = measure_margin(s, s->extra[e], try, sum[e]);

			if (off > 0 && move_within_buckets(s, s->extra[e], n_buckets, bucket, base, part, try))
				off = 0;
			all &= off == 0;
			if (better == 0)
				better = off < best_off[e] ? 1 : off > best_off[e] ? -1 : 0;
			if (better > 0)
				best_off[e] = off;
			n_buckets = refine_buckets(s, margin_of(s, s->extra[e])->group, bucket, keys);
		}
		if (better > 0)
			memcpy(units, try, sizeof(int64) * n);
		if (all)
			break;
	}
	for (int f = 0; f < 2; f++)
		free_family(&family[f]);
	pfree(first_bucket);
	pfree(bucket);
	pfree(keys);
	pfree(try);
	pfree(cost);
}

/* --------------------------------------------------------------- results */

/*
 * Which groups have their totals, which cells moved by a unit or more
 */
static void
describe_units(solver *s, const int64 *units)
{
	const ts_margin_table *table = s->table;
	ts_margins_report *report = s->report;
	int			n_missed = 0;

	report->n_missed = 0;
	for (int m = 0; m < table->n_margins; m++)
	{
		const ts_margin *margin = &table->margin[m];
		int64	   *sum = palloc_extended(sizeof(int64) * Max(margin->n_groups, 1), MCXT_ALLOC_HUGE);

		report->exact[m] = measure_margin(s, m, units, sum) == 0;
		for (int32 g = 0; g < margin->n_groups && !report->exact[m]; g++)
		{
			if (is_free(margin, g) || sum[g] == margin->total[g])
				continue;
			report->missed[n_missed].margin = m;
			report->missed[n_missed].group = g;
			report->missed[n_missed++].sum = sum[g];
		}
		pfree(sum);
	}
	report->n_missed = n_missed;
	report->n_moved = 0;
	for (int64 c = 0; c < table->n; c++)
	{
		CHECK_FOR_INTERRUPTS();
		if (fabs((double) units[c] - report->value[c]) >= 1)
			report->n_moved++;
	}
	report->moved = palloc_extended(sizeof(int64) * Max(report->n_moved, 1), MCXT_ALLOC_HUGE);
	report->n_moved = 0;
	for (int64 c = 0; c < table->n; c++)
	{
		if (fabs((double) units[c] - report->value[c]) >= 1)
			report->moved[report->n_moved++] = c;
	}
}

/*
 * Three or more margins that were not all met: an error, or a warning
 */
static void
report_missed(const solver *s)
{
	const ts_margin_table *table = s->table;
	const ts_margins_report *report = s->report;
	StringInfoData detail;
	name_list	list = {0};

	initStringInfo(&detail);
	for (int i = 0; i < report->n_missed; i++)
	{
		const ts_missed_group *missed = &report->missed[i];
		const ts_margin *margin = &table->margin[missed->margin];

		add_name(&list, list.n >= NAMES_SHOWN ? NULL :
				 psprintf("%s %s has %s instead of %s", margin->name,
						  table->group_name(table->arg, missed->margin, missed->group),
						  table->amount_text(table->arg, missed->sum),
						  table->amount_text(table->arg, margin->total[missed->group])));
	}
	append_names(&detail, &list);
	ereport(table->on_inexact == TS_INEXACT_ERROR ? ERROR : WARNING,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("no table of whole units was found that meets all margins"),
			 errdetail("%s.", detail.data),
			 table->on_inexact != TS_INEXACT_ERROR ? 0 :
			 errhint("Three or more margins need not have one: use on_inexact => 'warn' to meet the first margins exactly and the others nearly, give seeds above 0 to more rows, or use a smaller quantum.")));
}

void
ts_margins_solve(const ts_margin_table *table, int64 *units,
				 ts_margins_report *report)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	solver	   *s;
	int64	   *base;
	uint64_t   *part;
	int64		n_groups = 0;

	memset(report, 0, sizeof(*report));
	if (table->n_margins > TS_MAX_MARGINS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many margins"),
				 errdetail("There are %d; at most %d are possible.",
						   table->n_margins, TS_MAX_MARGINS)));
	check_limits(table);
	report->factor = palloc0(sizeof(double *) * Max(table->n_margins, 1));
	for (int m = 0; m < table->n_margins; m++)
	{
		int32		n = table->margin[m].n_groups;

		report->factor[m] = palloc_extended(sizeof(double) * Max(n, 1), MCXT_ALLOC_HUGE);
		for (int32 g = 0; g < n; g++)
			report->factor[m][g] = 1;
		n_groups += n;
	}
	report->value = palloc_extended(sizeof(double) * Max(table->n, 1), MCXT_ALLOC_HUGE);
	report->missed = palloc_extended(sizeof(ts_missed_group) * (n_groups + 1), MCXT_ALLOC_HUGE);

	context = AllocSetContextCreate(caller, "target_split margins", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	s = palloc(sizeof(solver));
	start_solver(s, table, report);
	find_values(s);
	if (table->n > 0)
	{
		base = palloc_extended(sizeof(int64) * table->n, MCXT_ALLOC_HUGE);
		part = palloc_extended(sizeof(uint64_t) * table->n, MCXT_ALLOC_HUGE);
		split_values(s, base, part);
		if (s->n_extra > 0)
			round_many(s, base, part, units);
		else if (table->biproportional)
			round_biproportional(s, units);
		else
			round_two(s, base, part, units);
	}
	MemoryContextSwitchTo(caller);
	describe_units(s, units);
	MemoryContextSwitchTo(context);
	if (report->n_missed > 0)
		report_missed(s);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}
