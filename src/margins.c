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
 *	  5. Extra margins.  Buckets of the two families are rounded first, then,
 *	  margin by margin in their order, the units of each bucket are shared out
 *	  among the finer ones that the margin makes of it, and in the end among the
 *	  cells: floors and ceilings all the way down, as in a tree.  Who gets the
 *	  units depends on the parts and on what the margin's groups have got so far;
 *	  what they are off by at the end is exchanged within buckets, or found by a
 *	  flow, for buckets and the margin are two families.  If that does not do it,
 *	  all is done again with parts that push units out of groups with too many
 *	  and into those with too few, for a number of rounds.  After some of them small
 *	  tables are searched by trying, and then amounts may be one unit beyond floor
 *	  and ceiling.  Of all rounds the one is
 *	  taken whose margins are exact, the first ones before the later ones.
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

/* rounds for extra margins, those with floors and ceilings only; cells times
 * rounds at most */
#define ROUNDS			60
#define FAIR_ROUNDS		12

/* cells that are tried one by one at most, and how often */
#define SEARCH_CELLS	100
#define SEARCH_TRIES	500000
#define ROUND_CELLS		20000000

/* units around a cell that biproportional rounding begins with */
#define FIRST_REACH		2

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
groups_of_sign(const solver *s, int sign, ts_int128 *sum, bool *several)
{
	const int32 *d = s->ray;
	StringInfoData text;
	int			m;

	initStringInfo(&text);
	*sum = 0;
	*several = false;
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
			*several = *several || list.n > 1 || text.len > 0;
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

/* what cells outside the two sides of a ray have to do with it, in units */
typedef struct ray_cells
{
	bool		holds_others;	/* the holders have cells that the needy have not */
	ts_int128	upper;			/* what upper bounds leave the needy beside them */
	ts_int128	lower;			/* what lower bounds take away from them */
} ray_cells;

static ray_cells
cells_of_ray(const solver *s)
{
	const ts_margin_table *table = s->table;
	ray_cells	cells = {0};

	for (int64 c = 0; c < table->n; c++)
	{
		const int32 *d = s->ray;
		double		lower = s->lower == NULL ? 0 : s->lower[c];
		double		upper = s->seed[c] == 0 ? lower : s->upper == NULL ? HUGE_VAL : s->upper[c];
		int64		times = 0;

		CHECK_FOR_INTERRUPTS();
		if (upper == 0)
			continue;
		for (int m = 0; m < table->n_margins; m++)
		{
			if (table->margin[m].group[c] >= 0)
				times += d[table->margin[m].group[c]];
			d += table->margin[m].n_groups;
		}
		if (times > 0)
			cells.upper += (ts_int128) upper * times;
		else if (times < 0)
		{
			cells.lower -= (ts_int128) lower * times;
			cells.holds_others = true;
		}
	}
	return cells;
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
	ray_cells	cells;
	bool		need_several;
	bool		hold_several;
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
	needy = groups_of_sign(s, 1, &need, &need_several);
	holders = groups_of_sign(s, -1, &hold, &hold_several);
	margins = margins_of_ray(s);
	cells = cells_of_ray(s);
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
					 errhint("Lower the bounds of its rows (what is locked or set by hand is one, too), or raise its total.")));
			break;
		case TS_RAKE_TOTALS_DIFFER:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the totals of %s do not agree", margins),
					 cells.holds_others ?
					 errdetail("%s must bring %s, but all %s rows are in %s, which %s only %s (difference %s).",
							   needy, table->amount_text(table->arg, need), need_several ? "their" : "its",
							   holders, hold_several ? "have" : "has",
							   table->amount_text(table->arg, hold),
							   table->amount_text(table->arg, need - hold)) :
					 errdetail("%s must bring %s, but %s, which %s the same rows, %s %s (difference %s).",
							   needy, table->amount_text(table->arg, need),
							   holders, hold_several ? "are" : "is",
							   hold_several ? "have" : "has",
							   table->amount_text(table->arg, hold),
							   table->amount_text(table->arg, need - hold)),
					 errhint("Correct one of them, or leave a group free: give it a total of NULL.")));
			break;
		default:
			break;
	}
	if (*needy == '\0')
		appendStringInfo(&detail, "%s %s %s, but lower bounds ask for %s", holders,
						 hold_several ? "together have" : "has",
						 table->amount_text(table->arg, hold),
						 table->amount_text(table->arg, cells.lower));
	else
	{
		appendStringInfo(&detail, "%s must bring %s", needy, table->amount_text(table->arg, need));
		if (*holders == '\0')
			appendStringInfoString(&detail, ", but");
		else if (cells.upper > 0)
			appendStringInfo(&detail, ", but %s %s %s%s, and", holders,
							 hold_several ? "together have" : "has",
							 cells.lower > 0 ? "" : "only ",
							 table->amount_text(table->arg, hold));
		else
			appendStringInfo(&detail, ", but %s rows can only be in %s, which %s %s",
							 need_several ? "their" : "its", holders,
							 hold_several ? "together have" : "has",
							 table->amount_text(table->arg, hold));
		if (cells.upper > 0)
			appendStringInfo(&detail, " upper bounds elsewhere leave %s",
							 table->amount_text(table->arg, cells.upper));
		if (cells.lower > 0)
			appendStringInfo(&detail, "; of that lower bounds of other rows take %s",
							 table->amount_text(table->arg, cells.lower));
	}
	appendStringInfo(&detail, " (missing %s).", table->amount_text(table->arg, excess));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s cannot be met together", margins),
			 errdetail_internal("%s", detail.data),
			 errhint("Lower the first total or raise the second, loosen bounds, or let the former be in other groups: give such rows a seed above 0.")));
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

/*
 * Adds a margin to a family, behind all that are coarser; false if it does not
 * fit.  Of margins that leave cells out each may be finer than the other, and what is
 * finer than one need not be finer than what that is finer than: so all are looked at.
 */
static bool
join_family(solver *s, int f, int m)
{
	const int  *family = s->family[f];
	int			n = s->n_family[f];
	int			at;

	for (at = n; at >= 0; at--)
	{
		bool		fits = true;

		for (int i = 0; i < n && fits; i++)
			fits = i < at ? s->nests[m][family[i]] : s->nests[family[i]][m];
		if (fits)
			break;
	}
	if (at < 0)
		return false;
	memmove(&s->family[f][at + 1], &s->family[f][at], sizeof(int) * (n - at));
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
				!(a > b && s->nests[b][a]) && decides(s, a, b);
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
 * Margins with groups that are free take no part in raking if a finer one decides
 * the others, or if there are none.  Where there is room for them in a family,
 * the sums of free groups are rounded fairly, too.
 */
static void
join_free_margins(solver *s)
{
	for (int m = 0; m < s->table->n_margins; m++)
	{
		bool		any_free = false;

		if (!s->implied[m])
			continue;
		for (int32 g = 0; g < margin_of(s, m)->n_groups && !any_free; g++)
			any_free = is_free(margin_of(s, m), g);
		if (any_free && !join_family(s, 0, m))
			(void) join_family(s, 1, m);
	}
}

/*
 * What is rounded: cells, or buckets of them
 */
typedef struct level
{
	int32		n;
	const int32 *cell;			/* of a bucket: one of its cells; NULL: cells */
	int64	   *base;			/* floors */
	uint64_t   *part;			/* what is above them, in 2^-64 */
	int64	   *lower;			/* bounds; NULL: those of the cells */
	int64	   *upper;
} level;

/*
 * Some margins that nest, the coarsest first, as a family of the engine.
 * Totals are what is left of a group's total when the floors have been taken
 * away, if there are any.
 */
static void
make_family(const solver *s, int n, const int *margins, const level *items,
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
	of_cell = palloc_extended(sizeof(int32) * Max(items->n, 1), MCXT_ALLOC_HUGE);
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
	for (int32 item = 0; item < items->n; item++)
	{
		int32		cell = items->cell == NULL ? item : items->cell[item];
		int32		below = -1;

		CHECK_FOR_INTERRUPTS();
		of_cell[item] = -1;
		if (!is_live(s, cell))
			continue;
		for (int finest = 0; finest < n; finest++)
		{
			int			i = n - 1 - finest;
			int32		group = margin_of(s, margins[i])->group[cell];

			if (group < 0)
				continue;
			if (units[first[i] + group] >= 0 && items->base != NULL)
				units[first[i] + group] -= items->base[item];
			if (below < 0)
				of_cell[item] = first[i] + group;
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
	family->keep = NULL;
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
	int			n_used = 0;
	int64		slots = 0;
	double	   *factor;
	int32	   *ray;
	void	   *work;
	ts_rake_result result;
	ts_rake_status status;

	for (int m = 0; m < s->table->n_margins; m++)
	{
		if (s->implied[m])
			continue;
		which[n_used] = m;
		margin[n_used++] = s->margin[m];
		slots += s->margin[m].n_groups;
	}
	input.n_margins = n_used;
	input.margin = margin;
	input.max_sweeps = max_sweeps;
	factor = palloc_extended(sizeof(double) * Max(slots, 1), MCXT_ALLOC_HUGE);
	ray = palloc_extended(sizeof(int32) * Max(slots, 1), MCXT_ALLOC_HUGE);
	work = palloc_extended(ts_rake_work(&input) + 1, MCXT_ALLOC_HUGE);
	status = ts_rake(&input, value, factor, ray, &result, work);
	pfree(work);
	s->report->sweeps += result.sweeps + result.newton_steps;
	s->report->residual = result.residual;
	slots = 0;
	for (int i = 0; i < n_used; i++)
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
	level		cells = {.n = (int32) table->n};
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
		make_family(s, s->n_family[f], s->family[f], &cells, false, &input.family[f]);
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
				 errdetail("After %d sweeps %s %s is still off by up to %s.", s->report->sweeps,
						   table->margin[at->margin].name,
						   table->group_name(table->arg, at->margin, at->group),
						   table->amount_text(table->arg, (ts_int128) ceil(s->report->residual))),
				 errhint("The margins probably contradict each other together with seeds of 0 and bounds; give small seeds above 0, or leave groups free with a total of NULL.")));
	}
	if (status != TS_RAKE_OK)
		report_ray(s, status);
}

/*
 * Cells in no group with a total are their seeds, which may be anything
 */
static void
check_values(const solver *s)
{
	const ts_margin_table *table = s->table;

	for (int64 c = 0; c < table->n; c++)
	{
		CHECK_FOR_INTERRUPTS();
		if (s->report->value[c] < (double) TS_MARGIN_LIMIT)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the amount of %s is too large", table->cell_name(table->arg, c)),
				 errdetail("It is in no group with a total and keeps its seed; less than %s is possible.",
						   table->amount_text(table->arg, TS_MARGIN_LIMIT)),
				 errhint("Use a larger quantum.")));
	}
}

/* ------------------------------------------------------------- rounding */

/* parts up to this, and those so near to 1, are none */
static uint64_t
near_whole(const solver *s)
{
	return (uint64_t) ldexp(Min(WHOLE_NEAR, WHOLE_NEAR_SUM / (double) Max(s->table->n, 1)), 64);
}

/*
 * Floors of the values and what is above them; values that are as good as
 * whole are
 */
static void
split_values(const solver *s, level *cells)
{
	uint64_t	near = near_whole(s);

	memset(cells, 0, sizeof(*cells));
	cells->n = (int32) s->table->n;
	cells->base = palloc_extended(sizeof(int64) * cells->n, MCXT_ALLOC_HUGE);
	cells->part = palloc_extended(sizeof(uint64_t) * cells->n, MCXT_ALLOC_HUGE);
	for (int32 c = 0; c < cells->n; c++)
	{
		double		value = s->report->value[c];
		double		whole = floor(value);
		uint64_t	rest = (uint64_t) ldexp(value - whole, 64);

		CHECK_FOR_INTERRUPTS();
		cells->base[c] = (int64) whole;
		if (rest > -near)
			cells->base[c]++;
		cells->part[c] = rest <= near || rest > -near ? 0 : rest;
	}
}

static int64
lower_of(const solver *s, const level *items, int32 i)
{
	if (items->lower != NULL)
		return items->lower[i];
	return s->table->lower == NULL ? 0 : s->table->lower[i];
}

static int64
upper_of(const solver *s, const level *items, int32 i)
{
	if (items->upper != NULL)
		return items->upper[i];
	if (s->seed[i] == 0)
		return lower_of(s, items, i);
	return s->table->upper == NULL ? PG_INT64_MAX : s->table->upper[i];
}

/*
 * Finds units so that both families have their totals and no item is more than
 * reach beyond its floor or ceiling, whatever it costs
 */
static bool
fill_up(const solver *s, const level *items, const ts_family *family, int64 reach,
		int64 *units)
{
	ts_table_input input = {0};
	ts_flow_status status;
	int64	   *lower = palloc_extended(sizeof(int64) * items->n, MCXT_ALLOC_HUGE);
	int64	   *upper = palloc_extended(sizeof(int64) * items->n, MCXT_ALLOC_HUGE);
	size_t		size;
	void	   *work;

	for (int32 i = 0; i < items->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		lower[i] = Max(lower_of(s, items, i), items->base[i] - reach);
		upper[i] = Max(lower[i], Min(upper_of(s, items, i), items->base[i] + 1 + reach));
		units[i] = Max(lower[i], items->base[i]);
	}
	input.n = items->n;
	input.lower = lower;
	input.upper = upper;
	memcpy(input.family, family, sizeof(input.family));
	input.check = ts_check_for_interrupts;
	size = ts_table_work(&input);
	if (size == 0)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows and groups to round")));
	work = palloc_extended(size, MCXT_ALLOC_HUGE);
	status = ts_table_fill(&input, units, NULL, NULL, work);
	pfree(work);
	pfree(lower);
	pfree(upper);
	return status == TS_FLOW_OK;
}

/*
 * Rounds to floors and ceilings, the totals of both families exact, the largest
 * parts up as far as that allows; false if there is no such table
 */
static bool
round_fairly(const level *items, const uint64_t *part, const ts_family *family,
			 int64 *units)
{
	ts_controlled_input input = {0};
	ts_flow_status status;
	size_t		size;
	bool	   *up;
	void	   *work;

	input.n = items->n;
	input.part = part;
	input.family[0] = family[0];
	input.family[1] = family[1];
	input.check = ts_check_for_interrupts;
	size = ts_controlled_work(&input);
	status = TS_FLOW_TOO_LARGE;
	up = palloc_extended(sizeof(bool) * items->n, MCXT_ALLOC_HUGE);
	if (size > 0)
	{
		work = palloc_extended(size, MCXT_ALLOC_HUGE);
		status = ts_controlled_round(&input, up, NULL, work);
		pfree(work);
	}
	if (status == TS_FLOW_TOO_LARGE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows and groups to round")));
	if (status == TS_FLOW_OK)
	{
		for (int32 i = 0; i < items->n; i++)
			units[i] = items->base[i] + up[i];
	}
	pfree(up);
	return status == TS_FLOW_OK;
}

/*
 * Two families, by least squares; pushed, if not NULL, are parts of the caller
 * to go by, and then only totals count, not that others are fair
 */
static void
round_two(const solver *s, const level *items, const uint64_t *pushed, int64 *units)
{
	ts_family	family[2];
	level		whole = *items;
	bool		done;

	for (int f = 0; f < 2; f++)
		make_family(s, s->n_family[f], s->family[f], items, pushed == NULL, &family[f]);
	done = round_fairly(items, pushed != NULL ? pushed : items->part, family, units);
	for (int f = 0; f < 2; f++)
		free_family(&family[f]);
	if (done)
		return;

	/* doubles were not good enough: farther and farther away from the values */
	whole.base = NULL;
	for (int f = 0; f < 2; f++)
		make_family(s, s->n_family[f], s->family[f], &whole, false, &family[f]);
	for (int64 reach = 1; !done && reach < TS_MARGIN_LIMIT; reach *= 8)
		done = fill_up(s, items, family, reach, units);
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
		ts_table_input input = {0};
		ts_flow_status status;
		int64	   *base = palloc_extended(sizeof(int64) * table->n, MCXT_ALLOC_HUGE);
		level		cells = {.n = (int32) table->n, .base = base};
		int64_t    *cost;
		int64_t    *upper;
		int64_t    *up;
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
		upper = palloc_extended(sizeof(int64_t) * n, MCXT_ALLOC_HUGE);
		up = palloc_extended(sizeof(int64_t) * n, MCXT_ALLOC_HUGE);
		input.n = (int32_t) n;
		for (int f = 0; f < 2; f++)
		{
			int32	   *of_cell;

			make_family(s, s->n_family[f], s->family[f], &cells, false, &family[f]);
			of_cell = palloc_extended(sizeof(int32) * n, MCXT_ALLOC_HUGE);
			for (int64 i = 0; i < n; i++)
				of_cell[i] = family[f].of_cell[i / (reach * 2)];
			wide[f] = family[f];
			wide[f].of_cell = of_cell;
			input.family[f] = wide[f];
		}
		input.upper = upper;
		input.cost = cost;
		input.check = ts_check_for_interrupts;
		max_cost = ts_table_max_cost(&input);
		for (int64 i = 0; i < n; i++)
		{
			int64		c = i / (reach * 2);
			int64		k = base[c] + i % (reach * 2);
			double		price;

			CHECK_FOR_INTERRUPTS();
			upper[i] = s->seed[c] > 0 && s->report->value[c] > 0 &&
				(table->upper == NULL || k < table->upper[c]);
			up[i] = upper[i] > 0 && (double) k + 0.5 < s->report->value[c];
			price = upper[i] == 0 ? 0 : ts_log(((double) k + 0.5) / s->report->value[c]);
			/* logarithms are below 64 in size wherever it matters */
			price = Max(-63, Min(63, price)) / 64;
			cost[i] = (int64) floor(price * (double) Min(max_cost, INT64CONST(1) << 50) + 0.5);
		}
		work = palloc_extended(ts_table_work(&input), MCXT_ALLOC_HUGE);
		status = ts_table_fill(&input, up, NULL, NULL, work);
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
		pfree(upper);
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

/*
 * Buckets of cells; those made from one bucket follow each other
 */
typedef struct buckets
{
	level		items;
	int32	   *of_cell;
	int32	   *parent;			/* the bucket that it was made from */
} buckets;

/*
 * Sorts by small numbers, from -1 on; those with the same stay in their order
 */
static void
sort_by(int32 n, const int32 *number, int32 largest, const int32 *from, int32 *to)
{
	int32	   *start = palloc_extended(sizeof(int32) * ((Size) largest + 3), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (int32 i = 0; i < n; i++)
		start[number[i] + 2]++;
	for (int32 g = 1; g < largest + 3; g++)
		start[g] += start[g - 1];
	for (int32 i = 0; i < n; i++)
	{
		int32		cell = from == NULL ? i : from[i];

		to[start[number[cell] + 1]++] = cell;
	}
	pfree(start);
}

/*
 * Cells that are in the same bucket stay together only if they are in the same
 * group as well; from NULL: all cells are in one; group NULL: none stay together
 */
static void
refine_buckets(const solver *s, const level *cells, const buckets *from,
			   const int32 *group, int32 n_groups, buckets *to)
{
	int32	   *sorted = palloc_extended(sizeof(int32) * cells->n, MCXT_ALLOC_HUGE);
	uint64_t	near = near_whole(s);
	int32		n = 0;
	int32	   *first;

	if (group == NULL && from == NULL)
		elog(ERROR, "there is nothing to tell cells apart by");
	if (group != NULL)
	{
		int32	   *by_group = palloc_extended(sizeof(int32) * cells->n, MCXT_ALLOC_HUGE);

		sort_by(cells->n, group, n_groups, NULL, from == NULL ? sorted : by_group);
		if (from != NULL)
			sort_by(cells->n, from->of_cell, from->items.n, by_group, sorted);
		pfree(by_group);
	}
	else
		sort_by(cells->n, from->of_cell, from->items.n, NULL, sorted);
	to->of_cell = palloc_extended(sizeof(int32) * cells->n, MCXT_ALLOC_HUGE);
	for (int32 i = 0; i < cells->n; i++)
	{
		int32		c = sorted[i];

		CHECK_FOR_INTERRUPTS();
		if (i == 0 || group == NULL || group[c] != group[sorted[i - 1]] ||
			(from != NULL && from->of_cell[c] != from->of_cell[sorted[i - 1]]))
			n++;
		to->of_cell[c] = n - 1;
	}
	to->items.n = n;
	to->parent = palloc_extended(sizeof(int32) * n, MCXT_ALLOC_HUGE);
	first = palloc_extended(sizeof(int32) * n, MCXT_ALLOC_HUGE);
	memset(first, -1, sizeof(int32) * n);
	to->items.cell = first;
	to->items.base = palloc_extended(sizeof(int64) * n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	to->items.part = palloc_extended(sizeof(uint64_t) * n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	to->items.lower = palloc_extended(sizeof(int64) * n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	to->items.upper = palloc_extended(sizeof(int64) * n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int32 i = cells->n - 1; i >= 0; i--)
	{
		int32		c = sorted[i];
		int32		b = to->of_cell[c];
		int64		upper = upper_of(s, cells, c);
		uint64_t	sum = to->items.part[b] + cells->part[c];

		CHECK_FOR_INTERRUPTS();
		if (first[b] < 0 || is_live(s, c))
			first[b] = c;
		to->parent[b] = from == NULL ? 0 : from->of_cell[c];
		to->items.base[b] += cells->base[c] + (sum < cells->part[c]);
		to->items.part[b] = sum;
		to->items.lower[b] += lower_of(s, cells, c);
		if (upper == PG_INT64_MAX || to->items.upper[b] == PG_INT64_MAX)
			to->items.upper[b] = PG_INT64_MAX;
		else
			to->items.upper[b] += upper;
	}
	for (int32 b = 0; b < n; b++)
	{
		if (to->items.part[b] > -near)
			to->items.base[b]++;
		if (to->items.part[b] <= near || to->items.part[b] > -near)
			to->items.part[b] = 0;
	}
	pfree(sorted);
}

static void
free_buckets(buckets *b)
{
	pfree(unconstify(int32 *, b->items.cell));
	pfree(b->items.base);
	pfree(b->items.part);
	pfree(b->items.lower);
	pfree(b->items.upper);
	pfree(b->of_cell);
	pfree(b->parent);
}

/* an item that may get a unit */
typedef struct candidate
{
	double		score;
	int32		item;
} candidate;

static int
compare_candidates(const void *a, const void *b)
{
	const candidate *x = a;
	const candidate *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->item < y->item ? -1 : 1;
}

/*
 * Shares the units of each parent out among its items, to floors and ceilings,
 * the largest parts first, but less to groups that have got more than their
 * parts so far; false if some parent has too few or too many
 *
 * group may be NULL.
 */
static bool
share_out(const buckets *b, int32 n_groups, const int32 *group,
		  const int64 *parent_units, int64 *units)
{
	double	   *got = palloc_extended(sizeof(double) * (n_groups + 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	candidate  *list = palloc_extended(sizeof(candidate) * b->items.n, MCXT_ALLOC_HUGE);
	bool		fits = true;
	int32		end;

	for (int32 start = 0; start < b->items.n && fits; start = end)
	{
		int64		rest = parent_units[b->parent[start]];
		int32		n = 0;

		CHECK_FOR_INTERRUPTS();
		for (end = start; end < b->items.n && b->parent[end] == b->parent[start]; end++)
		{
			units[end] = b->items.base[end];
			rest -= units[end];
			if (b->items.part[end] == 0)
				continue;
			list[n].item = end;
			list[n].score = ldexp((double) b->items.part[end], -64);
			if (group != NULL)
				list[n].score -= got[group[b->items.cell[end]] + 1];
			n++;
		}
		fits = rest >= 0 && rest <= n;
		if (rest > 0 && rest < n)
			qsort(list, n, sizeof(candidate), compare_candidates);
		for (int32 i = 0; i < n && fits; i++)
		{
			int32		item = list[i].item;

			if (i < rest)
				units[item]++;
			if (group != NULL)
				got[group[b->items.cell[item]] + 1] += (i < rest) -
					ldexp((double) b->items.part[item], -64);
		}
	}
	pfree(got);
	pfree(list);
	return fits;
}

static inline bool
has_total(const ts_margin *margin, int32 group)
{
	return group >= 0 && !is_free(margin, group);
}

/*
 * Exchanges units within parents as long as groups have too many or too few;
 * returns what they are off by in the end
 */
static int64
exchange(const buckets *b, const ts_margin *margin, int64 *units)
{
	int64	   *more = palloc_extended(sizeof(int64) * (margin->n_groups + 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	const int32 *group = margin->group;
	int64		off = 0;
	int64		before;
	int32		end;

	/* by group + 1; those without a total are never off */
	for (int32 i = 0; i < b->items.n; i++)
	{
		if (has_total(margin, group[b->items.cell[i]]))
			more[group[b->items.cell[i]] + 1] += units[i];
	}
	for (int32 g = 0; g < margin->n_groups; g++)
	{
		if (has_total(margin, g))
			more[g + 1] -= margin->total[g];
		off += Abs(more[g + 1]);
	}
	do
	{
		before = off;
		for (int32 start = 0; start < b->items.n && off > 0; start = end)
		{
			bool		helps = true;

			CHECK_FOR_INTERRUPTS();
			for (end = start; end < b->items.n && b->parent[end] == b->parent[start]; end++)
				;
			while (helps)
			{
				int32		from = -1;
				int32		to = -1;

				for (int32 i = start; i < end; i++)
				{
					int64		m = more[group[b->items.cell[i]] + 1];

					if (b->items.part[i] == 0)
						continue;
					if (units[i] == b->items.base[i] + 1 &&
						(from < 0 || m > more[group[b->items.cell[from]] + 1]))
						from = i;
					if (units[i] == b->items.base[i] &&
						(to < 0 || m < more[group[b->items.cell[to]] + 1]))
						to = i;
				}
				helps = false;
				if (from >= 0 && to >= 0)
				{
					int32		g = group[b->items.cell[from]];
					int32		h = group[b->items.cell[to]];
					int64		after = off;

					if (has_total(margin, g))
						after += Abs(more[g + 1] - 1) - Abs(more[g + 1]);
					if (has_total(margin, h))
						after += Abs(more[h + 1] + 1) - Abs(more[h + 1]);
					helps = after < off;
					if (helps)
					{
						units[from]--;
						units[to]++;
						more[g + 1] -= has_total(margin, g);
						more[h + 1] += has_total(margin, h);
						off = after;
					}
				}
			}
		}
	} while (off > 0 && off < before);
	pfree(more);
	return off;
}

/*
 * Shares the units of parents out among their items although floors and ceilings
 * will not do
 */
static void
share_out_anyhow(const solver *s, const buckets *b, int32 n_parents,
				 const int64 *parent_units, int64 *units)
{
	int32	   *no_parent = palloc_extended(sizeof(int32) * n_parents, MCXT_ALLOC_HUGE);
	int32	   *none = palloc_extended(sizeof(int32) * b->items.n, MCXT_ALLOC_HUGE);
	ts_family	family[2] = {
		{n_parents, no_parent, b->parent, parent_units, NULL},
		{0, NULL, none, NULL, NULL}
	};
	bool		done = false;

	memset(no_parent, -1, sizeof(int32) * n_parents);
	memset(none, -1, sizeof(int32) * b->items.n);
	for (int64 reach = 1; !done && reach < TS_MARGIN_LIMIT; reach *= 8)
		done = fill_up(s, &b->items, family, reach, units);
	if (!done)
		elog(ERROR, "a table that fits could not be rounded");
	pfree(no_parent);
	pfree(none);
}

/*
 * The units of the buckets so far, shared out among finer ones so that one more
 * margin is met; false if it is not
 */
static bool
meet_margin(const solver *s, const int *m, const buckets *b, int32 n_parents,
			const int64 *parent_units, bool farther, int64 *units)
{
	const ts_margin *margin = margin_of(s, *m);
	ts_family	family[2];
	level		whole = b->items;
	int64	   *left;
	int32	   *no_parent;
	int64	   *moved;
	bool		shared;
	bool		done;

	shared = share_out(b, margin->n_groups, margin->group, parent_units, units);
	if (shared && exchange(b, margin, units) == 0)
		return true;

	/* buckets and the margin are two families */
	left = palloc_extended(sizeof(int64) * n_parents, MCXT_ALLOC_HUGE);
	no_parent = palloc_extended(sizeof(int32) * n_parents, MCXT_ALLOC_HUGE);
	moved = palloc_extended(sizeof(int64) * b->items.n, MCXT_ALLOC_HUGE);
	memcpy(left, parent_units, sizeof(int64) * n_parents);
	memset(no_parent, -1, sizeof(int32) * n_parents);
	for (int32 i = 0; i < b->items.n; i++)
		left[b->parent[i]] -= b->items.base[i];
	family[0].n = n_parents;
	family[0].parent = no_parent;
	family[0].of_cell = b->parent;
	family[0].units = left;
	family[0].keep = NULL;
	done = false;
	if (shared)
	{
		make_family(s, 1, m, &b->items, true, &family[1]);
		done = round_fairly(&b->items, b->items.part, family, moved);
		free_family(&family[1]);
	}
	if (!done && farther)
	{
		whole.base = NULL;
		family[0].units = parent_units;
		make_family(s, 1, m, &whole, false, &family[1]);
		done = fill_up(s, &b->items, family, 1, moved);
		free_family(&family[1]);
	}
	/* the margin is missed, but its parents are not */
	if (!done && !shared)
		share_out_anyhow(s, b, n_parents, parent_units, units);
	if (done)
		memcpy(units, moved, sizeof(int64) * b->items.n);
	pfree(left);
	pfree(no_parent);
	pfree(moved);
	return done;
}

/*
 * One try for three or more families: two of them exactly, then the extra margins
 * one by one; pushes are taken from the parts of groups in extra margins.  farther:
 * if need be amounts may be a unit beyond floor and ceiling.
 */
static void
try_rounding(const solver *s, const level *cells, double **push, bool farther,
			 int64 *units)
{
	buckets		b[2];
	int64	   *bucket_units[2];
	uint64_t   *pushed;
	bool		is_pushed = false;
	double	   *price;
	double	   *share;
	ts_family	family[2];

	for (int f = 0; f < 2; f++)
		make_family(s, s->n_family[f], s->family[f], cells, true, &family[f]);
	refine_buckets(s, cells, NULL, family[0].of_cell, family[0].n, &b[1]);
	refine_buckets(s, cells, &b[1], family[1].of_cell, family[1].n, &b[0]);
	free_buckets(&b[1]);
	for (int f = 0; f < 2; f++)
		free_family(&family[f]);

	/* two families: floors and ceilings of the buckets */
	pushed = palloc_extended(sizeof(uint64_t) * b[0].items.n, MCXT_ALLOC_HUGE);
	price = palloc_extended(sizeof(double) * b[0].items.n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	share = palloc_extended(sizeof(double) * b[0].items.n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int32 c = 0; c < cells->n; c++)
	{
		double		part = ldexp((double) cells->part[c], -64);

		CHECK_FOR_INTERRUPTS();
		share[b[0].of_cell[c]] += part;
		for (int e = 0; e < s->n_extra; e++)
		{
			int32		g = margin_of(s, s->extra[e])->group[c];

			if (g >= 0)
				price[b[0].of_cell[c]] += part * push[e][g];
		}
	}
	for (int32 i = 0; i < b[0].items.n; i++)
	{
		double		p = ldexp((double) b[0].items.part[i], -64);

		is_pushed |= price[i] != 0;
		pushed[i] = b[0].items.part[i];
		if (pushed[i] > 0 && price[i] != 0)
			pushed[i] = (uint64_t) ldexp(Max(1e-9, Min(1 - 1e-9, p - price[i] / share[i])), 64);
	}
	bucket_units[0] = palloc_extended(sizeof(int64) * b[0].items.n, MCXT_ALLOC_HUGE);
	round_two(s, &b[0].items, is_pushed ? pushed : NULL, bucket_units[0]);
	pfree(pushed);
	pfree(price);
	pfree(share);

	/* finer and finer buckets; in the end the cells */
	for (int e = 0; e <= s->n_extra; e++)
	{
		const ts_margin *margin = e < s->n_extra ? margin_of(s, s->extra[e]) : NULL;

		refine_buckets(s, cells, &b[0], margin == NULL ? NULL : margin->group,
					   margin == NULL ? 0 : margin->n_groups, &b[1]);
		bucket_units[1] = palloc_extended(sizeof(int64) * b[1].items.n, MCXT_ALLOC_HUGE);
		if (margin != NULL)
			(void) meet_margin(s, &s->extra[e], &b[1], b[0].items.n, bucket_units[0], farther, bucket_units[1]);
		else if (!share_out(&b[1], 0, NULL, bucket_units[0], bucket_units[1]))
			share_out_anyhow(s, &b[1], b[0].items.n, bucket_units[0], bucket_units[1]);
		pfree(bucket_units[0]);
		free_buckets(&b[0]);
		b[0] = b[1];
		bucket_units[0] = bucket_units[1];
	}
	for (int32 c = 0; c < cells->n; c++)
		units[c] = bucket_units[0][b[0].of_cell[c]];
	pfree(bucket_units[0]);
	free_buckets(&b[0]);
}

/* what search_cell works on; slots are the groups of all margins that count */
typedef struct search
{
	int			n_margins;
	int			n;				/* cells that are not whole */
	int32		cell[SEARCH_CELLS];
	int32		slot[SEARCH_CELLS][TS_MAX_MARGINS]; /* -1: none */
	bool		up[SEARCH_CELLS];
	int64	   *need;			/* by slot: units still to be given */
	int32	   *left;			/* by slot: cells still to be decided */
	bool		down_first[SEARCH_CELLS];
	int64		tries;
} search;

/*
 * Decides the cells from this one on; false if that cannot be
 */
static bool
search_cell(search *q, int at)
{
	bool		found = false;

	CHECK_FOR_INTERRUPTS();
	if (++q->tries > SEARCH_TRIES)
		return false;
	if (at == q->n)
		return true;			/* each need is 0 where no cell is left */
	for (int m = 0; m < q->n_margins; m++)
	{
		if (q->slot[at][m] >= 0)
			q->left[q->slot[at][m]]--;
	}
	for (int i = 0; i < 2 && !found; i++)
	{
		bool		up = q->down_first[at] ? i == 1 : i == 0;
		bool		fits = true;

		q->up[at] = up;
		for (int m = 0; m < q->n_margins; m++)
		{
			int32		slot = q->slot[at][m];

			if (slot < 0)
				continue;
			q->need[slot] -= up;
			fits = fits && q->need[slot] >= 0 && q->need[slot] <= q->left[slot];
		}
		found = fits && search_cell(q, at + 1);
		for (int m = 0; m < q->n_margins; m++)
		{
			if (q->slot[at][m] >= 0)
				q->need[q->slot[at][m]] += up;
		}
	}
	for (int m = 0; m < q->n_margins; m++)
	{
		if (q->slot[at][m] >= 0)
			q->left[q->slot[at][m]]++;
	}
	return found;
}

/*
 * Small tables: floors and ceilings that meet all margins, by trying
 */
static bool
search_table(const solver *s, const level *cells, int64 *units)
{
	const ts_margin_table *table = s->table;
	search	   *q = palloc0(sizeof(search));
	int32		slots = 0;
	bool		found = true;

	for (int m = 0; m < table->n_margins; m++)
		slots += table->margin[m].n_groups;
	q->need = palloc0(sizeof(int64) * (slots + 1));
	q->left = palloc0(sizeof(int32) * (slots + 1));
	for (int32 c = 0; c < cells->n && q->n <= SEARCH_CELLS; c++)
	{
		if (cells->part[c] == 0)
			continue;
		if (q->n < SEARCH_CELLS)
			q->cell[q->n] = c;
		q->n++;
	}
	found = q->n <= SEARCH_CELLS;
	slots = 0;
	for (int m = 0; m < table->n_margins && found; m++)
	{
		const ts_margin *margin = &table->margin[m];

		if (s->implied[m])
			continue;
		for (int32 g = 0; g < margin->n_groups; g++)
			q->need[slots + g] = has_total(margin, g) ? margin->total[g] : 0;
		for (int32 c = 0; c < cells->n; c++)
		{
			if (has_total(margin, margin->group[c]))
				q->need[slots + margin->group[c]] -= cells->base[c];
		}
		for (int i = 0; i < q->n; i++)
		{
			int32		g = margin->group[q->cell[i]];

			q->slot[i][q->n_margins] = has_total(margin, g) ? slots + g : -1;
			if (has_total(margin, g))
				q->left[slots + g]++;
			q->down_first[i] = cells->part[q->cell[i]] < (UINT64CONST(1) << 63);
		}
		for (int32 g = 0; g < margin->n_groups; g++)
			found = found && q->need[slots + g] >= 0 && q->need[slots + g] <= q->left[slots + g];
		q->n_margins++;
		slots += margin->n_groups;
	}
	found = found && search_cell(q, 0);
	if (found)
	{
		memcpy(units, cells->base, sizeof(int64) * cells->n);
		for (int i = 0; i < q->n; i++)
			units[q->cell[i]] += q->up[i];
	}
	pfree(q->need);
	pfree(q->left);
	pfree(q);
	return found;
}

/*
 * Three or more families: two of them exactly, and the extra margins as well as
 * can be found; see the head of the file
 */
static void
round_many(const solver *s, const level *cells, int64 *units)
{
	int			rounds = (int) Min(ROUNDS, 1 + ROUND_CELLS / cells->n);
	int			fair_rounds = Min(FAIR_ROUNDS, rounds - 1);
	double	   *push[TS_MAX_MARGINS];
	int64	   *sum[TS_MAX_MARGINS];
	int64		best_off[TS_MAX_MARGINS];
	int64	   *try = palloc_extended(sizeof(int64) * cells->n, MCXT_ALLOC_HUGE);

	for (int e = 0; e < s->n_extra; e++)
	{
		int32		n_groups = margin_of(s, s->extra[e])->n_groups;

		push[e] = palloc_extended(sizeof(double) * Max(n_groups, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		sum[e] = palloc_extended(sizeof(int64) * Max(n_groups, 1), MCXT_ALLOC_HUGE);
		best_off[e] = PG_INT64_MAX;
	}
	for (int round = 0; round < rounds; round++)
	{
		int			better = 0;
		int			calmer = 1 + round / 4;
		bool		all = true;

		if (round == fair_rounds && search_table(s, cells, try))
		{
			memcpy(units, try, sizeof(int64) * cells->n);
			break;
		}
		try_rounding(s, cells, push, round >= fair_rounds, try);
		for (int e = 0; e < s->n_extra; e++)
		{
			const ts_margin *margin = margin_of(s, s->extra[e]);
			int64		off = measure_margin(s, s->extra[e], try, sum[e]);

			all &= off == 0;
			if (better == 0)
				better = off < best_off[e] ? 1 : off > best_off[e] ? -1 : 0;
			if (better > 0)
				best_off[e] = off;
			for (int32 g = 0; g < margin->n_groups; g++)
			{
				if (!is_free(margin, g))
					push[e][g] += (double) (sum[e][g] - margin->total[g]) / calmer;
			}
		}
		if (better > 0)
			memcpy(units, try, sizeof(int64) * cells->n);
		if (all)
			break;
	}
	pfree(try);
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

/*
 * Cells that are farther from their values than rounding would take them
 */
static void
report_moved(const solver *s, const int64 *units)
{
	const ts_margin_table *table = s->table;
	const ts_margins_report *report = s->report;
	StringInfoData detail;
	name_list	list = {0};

	initStringInfo(&detail);
	for (int64 i = 0; i < report->n_moved; i++)
	{
		int64		c = report->moved[i];

		add_name(&list, list.n >= NAMES_SHOWN ? NULL :
				 psprintf("%s has %s and not %s", table->cell_name(table->arg, c),
						  table->amount_text(table->arg, units[c]),
						  table->amount_text(table->arg, (ts_int128) floor(report->value[c] + 0.5))));
	}
	append_names(&detail, &list);
	ereport(NOTICE,
			(errmsg("margins are met by amounts that differ by a unit or more from those before rounding"),
			 errdetail("%s.", detail.data)));
}

void
ts_margins_solve(const ts_margin_table *table, int64 *units,
				 ts_margins_report *report)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context;
	solver	   *s;
	level		cells;
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
	check_values(s);
	if (table->n > 0)
	{
		split_values(s, &cells);
		if (s->n_extra > 0)
			round_many(s, &cells, units);
		else if (table->biproportional)
			round_biproportional(s, units);
		else
		{
			join_free_margins(s);
			round_two(s, &cells, NULL, units);
		}
	}
	MemoryContextSwitchTo(caller);
	describe_units(s, units);
	MemoryContextSwitchTo(context);
	if (report->n_missed > 0)
		report_missed(s);
	if (report->n_moved > 0)
		report_moved(s, units);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}
