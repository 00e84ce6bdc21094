/*-------------------------------------------------------------------------
 *
 * split_history.c
 *	  The methods "history" and "profile" of split_target: actuals of the
 *	  corresponding days in a basis window, or what is taken for them.
 *
 * Profile
 *	  What weights are taken from may be another metric's actuals, or the targets
 *	  of a plan, whose leaves are read like facts; of another slice, in place of
 *	  the target's own; and so many months earlier.  "Cash collected like sales,
 *	  two months later" is the metric sales with a lag of 2.
 *
 * Corresponding days
 *	  A fact of the basis stands for every day of the target's period that is
 *	  a number of whole years away, so a January is compared with a January
 *	  whatever the window.  Only where the window is exactly as long as the
 *	  period are several years kept in their order.
 *
 *	  A day that is whole years away is, as "align" says, one of the same
 *	  date		where its month is shorter there, it stands for the last day of it, as
 *				29 February does in most years; where it is longer, the last day
 *				of a month stands for all days from it on, which share its facts
 *	  week		week number and weekday, by the calendar; a week 53 goes with the
 *				week 52 of a year that has none.  So it is in calendars of
 *				whole weeks unless another is asked for
 *	  weekday	weekday, whole weeks away: those nearest to the years
 *
 *	  A window of a year and a half has some months twice.  Each fact counts
 *	  L / k then, where k is how many days of the basis stand for the same day
 *	  of the period, and L the least common multiple of all k: every day of the
 *	  period has the average of the days that stand for it, times L.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "facts.h"
#include "plan.h"
#include "query.h"
#include "split.h"

/* In place of a member: facts of it that are history of those above it only */
#define ELSEWHERE(member) (-2 - (member))

const char *const ts_align_names[] = {
	[TS_ALIGN_DATE] = "date",[TS_ALIGN_WEEK] = "week",[TS_ALIGN_WEEKDAY] = "weekday", NULL
};

typedef struct cell_sum
{
	int32		key[TS_MAX_AXES + 1];	/* leaf, then the keys; ELSEWHERE(member) for
										 * one that is not there any more */
	Datum		sum;			/* numeric */
	Datum		own;			/* the same without what others left to it */
	int64		count;			/* of facts */
	bool		used;
} cell_sum;

/* Facts that belong to no member, by the level that lacks one */
typedef struct unassigned_key
{
	int32		dim;
	int32		depth;
	char		code[64];		/* cut if longer; empty for NULL */
} unassigned_key;

typedef struct unassigned_entry
{
	unassigned_key key;
	int64		count;
	Datum		sum;
	bool		retired;		/* the member exists, but not in the period */
} unassigned_entry;

typedef struct history
{
	ts_split   *split;
	const char *metric;			/* whose facts are read */
	const ts_profile *profile;	/* NULL for the target's own history */
	int			lag;			/* months that the basis is earlier besides years */
	int32	   *pattern;		/* per dimension: member that the target's own
								 * one stands for, -1 */
	int		   *depths;			/* per dimension: levels that are read */
	ts_source	source;
	ts_fact_scan *facts;		/* where facts come from: a source */
	ts_tree    *targets;		/* or targets */
	int32		next_target;
	bool		with_day;		/* does the day of a fact matter */
	ts_align	align;			/* which day of the period one of the basis is like */
	bool		in_order;		/* the basis is so many years before the period */
	int			years;
	DateADT		first_fact;		/* of the source */
	/* per day of the period, if the day matters */
	int		   *factor;			/* what a fact that stands for it counts; 0 if
								 * the basis has no day that does */
	int		   *covered;		/* days before it that have a factor */
	HTAB	   *sums;
	ts_days    *leaf_days;		/* per leaf: those of its members */
	int32	   *leaf_member;	/* per leaf and dimension: deepest member, -1 */
	int64		n_left;			/* sums of members that are elsewhere by now */
	HTAB	   *unassigned;
	bool		caught;			/* the facts at hand are counted as caught */
	bool		refused;		/* or as refused */
	uint64		watched;		/* or for these of the targets that are watched */
	int64		n_refused;		/* facts of no member that nobody catches */
	Datum		sum_refused;
	const char *catcher;		/* code of the member that catches, or NULL */
} history;

static Datum
zero_numeric(void)
{
	return DirectFunctionCall1(int8_numeric, Int64GetDatum(0));
}

static void
add_to(Datum *sum, Datum amount, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Datum		before = *sum;

	*sum = DirectFunctionCall2(numeric_add, before, amount);
	if (DatumGetPointer(before))
		pfree(DatumGetPointer(before));
	MemoryContextSwitchTo(old);
}

/* Whole months between two days, if there is a whole number of them */
static bool
months_between(DateADT from, DateADT upto, int *months)
{
	int			y1,
				m1,
				d1,
				y2,
				m2,
				d2;

	ts_day_to_ymd(from, &y1, &m1, &d1);
	ts_day_to_ymd(upto, &y2, &m2, &d2);
	*months = (y2 - y1) * 12 + m2 - m1;
	return d1 == d2;
}

static int
year_of(DateADT day)
{
	int			y,
				m,
				d;

	ts_day_to_ymd(day, &y, &m, &d);
	return y;
}

static bool
is_first_of_month(DateADT day)
{
	int			y,
				m,
				d;

	ts_day_to_ymd(day, &y, &m, &d);
	return d == 1;
}

/*
 * By how many days a basis so many years earlier is moved where weekdays are
 * kept: by whole weeks, those nearest to the years.
 */
static int32
weekday_shift(const history *h, int years)
{
	DateADT		start = h->split->tree->nodes[0].from;
	int32		days = start - ts_add_months(start, -12 * years);

	return (days >= 0 ? days + 3 : days - 3) / 7 * 7;
}

/* Days that one may stand for: 28 February a month later, those up to 31 March */
#define MAX_DAYS 4

/*
 * The days for which a day of the basis stands in the period so many years
 * later; returns how many they are.
 */
static int
n_days_of(const history *h, DateADT day, int years, int32 *days)
{
	int			n = 1;

	switch (h->align)
	{
		case TS_ALIGN_DATE:
			days[0] = ts_add_months(day, 12 * years + h->lag);
			for (; n < MAX_DAYS && is_first_of_month(day + 1) && !is_first_of_month(days[0] + n); n++)
				days[n] = days[0] + n;
			return n;
		case TS_ALIGN_WEEK:
			return ts_same_week(&h->split->tree->calendar, day, years, days);
		case TS_ALIGN_WEEKDAY:
			days[0] = day + weekday_shift(h, years);
			return 1;
	}
	pg_unreachable();
}

/* The other way: the days of the basis, so many years earlier, for one of the period */
static int
n_days_for(const history *h, DateADT plan_day, int years, int32 *days)
{
	switch (h->align)
	{
		case TS_ALIGN_DATE:
			days[0] = ts_add_months(plan_day, -12 * years - h->lag);
			return 1;
		case TS_ALIGN_WEEK:
			return ts_same_week(&h->split->tree->calendar, plan_day, -years, days);
		case TS_ALIGN_WEEKDAY:
			days[0] = plan_day - weekday_shift(h, years);
			return 1;
	}
	pg_unreachable();
}

/* The same where any will do */
static const int32 *
days_for(const history *h, DateADT plan_day, int years, int32 *days)
{
	(void) n_days_for(h, plan_day, years, days);
	return days;
}

/* The basis window and how its days correspond to the period's */
static void
prepare_basis(history *h)
{
	ts_split   *split = h->split;
	const ts_node *start = &split->tree->nodes[0];
	int32		days[2];

	if (!split->term->has_basis && h->targets)
	{
		split->term->basis_from = h->targets->nodes[0].from;
		split->term->basis_upto = h->targets->nodes[0].upto;
	}
	else if (!split->term->has_basis)
	{
		split->term->basis_from = days_for(h, start->from, 1, days)[0];
		/*
		 * Of dates also the day after the last, whose month may be longer.  Whole
		 * weeks may bring the last days into the period itself; those are like
		 * days of an earlier year then.
		 */
		split->term->basis_upto = days_for(h, start->upto - 1, 1, days)[0] + 1;
		if (h->align == TS_ALIGN_DATE)
			split->term->basis_upto = Max(split->term->basis_upto, days_for(h, start->upto, 1, days)[0]);
		else
			split->term->basis_upto = Min(split->term->basis_upto, start->from);
	}
	split->term->has_basis = true;
	/* the day matters if leaves, or their parts, differ by time, or members move */
	h->with_day = ts_split_moves_within(split);
	for (int i = 0; i < split->n_axes; i++)
		h->with_day |= split->axes[i].is_time;
	for (int32 leaf = 0; leaf < split->n_leaves && !h->with_day; leaf++)
	{
		const ts_node *node = &split->tree->nodes[split->leaves[leaf]];

		h->with_day = node->from != start->from || node->upto != start->upto;
	}
	/* a window as long as the period, whole years before it, stays in order */
	if (h->align == TS_ALIGN_DATE)
	{
		int			basis_months;
		int			period_months;
		int			shift;

		h->in_order = months_between(split->term->basis_from, split->term->basis_upto, &basis_months) &&
			months_between(start->from, start->upto, &period_months) &&
			basis_months == period_months &&
			months_between(split->term->basis_from, start->from, &shift) && (shift - h->lag) % 12 == 0;
		h->years = h->in_order ? (shift - h->lag) / 12 : 0;
	}
	else
	{
		h->years = year_of(start->from + 7) - year_of(split->term->basis_from + 7);
		h->in_order = days_for(h, start->from, h->years, days)[0] == split->term->basis_from &&
			days_for(h, start->upto - 1, h->years, days)[0] == split->term->basis_upto - 1;
	}
	/* and so does one that is the period itself, whatever its days */
	if (h->lag == 0 && split->term->basis_from == start->from && split->term->basis_upto == start->upto)
	{
		h->in_order = true;
		h->years = 0;
	}
}

/*
 * How many days of a part of the basis, from the source's first fact on, stand
 * for a day of the period.  Those at the end of a longer month stand for the last day
 * of a shorter one together: as one, if there is any of them.
 */
static int
count_corresponding(const history *h, DateADT plan_day, DateADT basis_from, DateADT basis_upto)
{
	int			year = year_of(plan_day);
	bool		month_end = h->align == TS_ALIGN_DATE && is_first_of_month(plan_day + 1);
	int			n = 0;

	basis_from = Max(basis_from, h->first_fact);
	/* a lag, or a week, may bring a day into another year */
	for (int y = year_of(basis_from) - 1; y <= year_of(basis_upto) + 1; y++)
	{
		int			years = h->in_order ? h->years : year - y;
		int32		days[2];
		int			n_days = n_days_for(h, plan_day, years, days);

		for (int i = 0; i < n_days; i++)
		{
			while (month_end && days[i] < basis_from && !is_first_of_month(days[i] + 1))
				days[i]++;
			n += days[i] >= basis_from && days[i] < basis_upto;
		}
		if (h->in_order)
			break;
	}
	return n;
}

/* Finds what a fact counts that stands for a day of the period; see the header */
static void
weigh_days(history *h)
{
	const ts_node *start = &h->split->tree->nodes[0];
	int			n_days = start->upto - start->from;
	int64		multiple = 1;

	h->factor = MemoryContextAllocHuge(h->split->context, sizeof(int) * n_days);
	h->covered = MemoryContextAllocHuge(h->split->context, sizeof(int) * (n_days + 1));
	h->covered[0] = 0;
	for (int i = 0; i < n_days; i++)
	{
		int64		a = multiple;
		int64		b;

		CHECK_FOR_INTERRUPTS();
		h->factor[i] = count_corresponding(h, start->from + i,
										   h->split->term->basis_from, h->split->term->basis_upto);
		h->covered[i + 1] = h->covered[i] + (h->factor[i] > 0);
		for (b = Max(h->factor[i], 1); b != 0;)
		{
			int64		rest = a % b;

			a = b;
			b = rest;
		}
		multiple = multiple / a * Max(h->factor[i], 1);
		if (multiple > PG_INT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("basis %s has too many years for a period of this length",
							ts_window_text(h->split->term->basis_from, h->split->term->basis_upto)),
					 errhint("Take whole years: every month is there equally often then.")));
	}
	for (int i = 0; i < n_days; i++)
		if (h->factor[i] > 0)
			h->factor[i] = multiple / h->factor[i];
	h->split->basis_times = multiple;
}

/*
 * Notes facts that belong to no member of a level and that nobody catches;
 * once, on how many days they may stand.
 */
static void
refuse_fact(history *h, int dim, int depth, const ts_fact *fact, const char *code, bool retired)
{
	unassigned_key key;
	unassigned_entry *entry;
	bool		found;

	if (h->refused)
		return;
	h->refused = true;
	memset(&key, 0, sizeof(key));
	key.dim = dim;
	key.depth = depth;
	if (code)
		memcpy(key.code, code, pg_mbcliplen(code, strlen(code), sizeof(key.code) - 1));
	entry = hash_search(h->unassigned, &key, HASH_ENTER, &found);
	if (!found)
	{
		MemoryContext old = MemoryContextSwitchTo(h->split->context);

		entry->count = 0;
		entry->sum = zero_numeric();
		entry->retired = retired;
		MemoryContextSwitchTo(old);
	}
	entry->count += fact->count;
	add_to(&entry->sum, fact->amount, h->split->context);
	h->n_refused += fact->count;
	add_to(&h->sum_refused, fact->amount, h->split->context);
}

/*
 * The member that catches a fact which has none on a level: the one of the
 * caller's code below the deepest member that the fact does have above it; -1
 * if there is no such member, or more than one.
 */
static int32
find_catcher(const history *h, int dim, int depth, int32 known)
{
	const ts_members *members = h->split->tree->members;
	int			above = 0;
	int32		up = -1;
	int32		catcher = -1;

	if (!h->catcher)
		return -1;
	/* the catcher is one of them */
	if (members->members == NULL)
		pg_unreachable();
	if (known >= 0 && depth > 1)
	{
		above = Min(members->members[known].depth, depth - 1);
		up = ts_members_ancestor(members, known, above);
	}
	if (above == depth - 1)
		return ts_members_child(members, dim, up, h->catcher);
	for (int32 m = members->dim_start[dim]; m < members->dim_start[dim + 1]; m++)
	{
		if (members->members[m].depth != depth || strcmp(members->members[m].code, h->catcher) != 0 ||
			(above > 0 && ts_members_ancestor(members, m, above) != up))
			continue;
		if (catcher >= 0)
			return -1;
		catcher = m;
	}
	return catcher;
}

/* The same for facts at hand, which are noted as unassigned, and once */
static int32
catch_fact(history *h, int dim, int depth, const ts_fact *fact)
{
	if (!h->caught)
		h->split->n_unassigned += fact->count;
	h->caught = true;
	return find_catcher(h, dim, depth, fact->member[dim]);
}

/*
 * Finds the leaf that facts belong to on a day of the period, -1 for none.  On
 * the way down a fact without a member is the catcher's; a fact of a member
 * that has no target there is of no leaf: the targets beside it say so.
 */
static int32
find_leaf(history *h, const ts_fact *fact, DateADT day)
{
	const ts_tree *tree = h->split->tree;
	int32		at = ts_tree_descend(tree, 0, fact->member, day);

	while (h->split->leaf_of_node[at] < 0)
	{
		const ts_member *sibling;
		int32		known;
		int32		child = -1;

		/* a day that no part has, or a target that this call does not split */
		if (tree->nodes[at].by_time || tree->nodes[at].n_children == 0)
			return -1;
		sibling = ts_tree_child_member(tree, at);
		known = fact->member[sibling->dim_no];
		if (known >= 0 && ts_members_ancestor(tree->members, known, sibling->depth) >= 0)
			return -1;
		known = catch_fact(h, sibling->dim_no, sibling->depth, fact);
		if (known >= 0)
			child = ts_tree_child_by_member(tree, at, known);
		if (child < 0)
		{
			refuse_fact(h, sibling->dim_no, sibling->depth, fact, fact->code[sibling->dim_no], false);
			return -1;
		}
		at = ts_tree_descend(tree, child, fact->member, day);
	}
	return h->split->leaf_of_node[at];
}

/* The same by members alone, where all facts of a slice are the basis of each of its periods */
static int
follow_members(const ts_split *split, int32 leaf)
{
	const ts_node *nodes = split->tree->nodes;
	const ts_watch *watch = split->watch;
	int			n = 0;

	for (int depth = 0; n < watch->n_steps; n++)
	{
		int			above = 0;
		int32		at = leaf;

		if (watch->steps[n].member_id == 0)
			continue;
		for (int32 up = leaf; up > 0; up = nodes[up].parent)
			above++;
		/* the leaf's ancestor that is one deeper than the last one that was met */
		for (int i = above; i > depth + 1; i--)
			at = nodes[at].parent;
		if (depth++ >= above || nodes[at].member_id != watch->steps[n].member_id)
			break;
	}
	return n;
}

/*
 * How many steps from the tree's first target does a cell follow those that
 * are watched?
 */
static int
follow_steps(const ts_split *split, const int32 *key)
{
	const ts_tree *tree = split->tree;
	const ts_watch *watch = split->watch;
	int			depth = 0;
	int			n = 0;

	if (watch->whole_upto > 0)
		return follow_members(split, split->leaves[key[0]]);
	for (int32 at = split->leaves[key[0]]; at > 0; at = tree->nodes[at].parent)
		depth++;
	for (int32 at = split->leaves[key[0]]; at > 0; at = tree->nodes[at].parent)
		if (--depth < watch->n_steps &&
			(tree->nodes[at].member_id != watch->steps[depth].member_id ||
			 (tree->nodes[at].member_id == 0 && tree->nodes[at].from != watch->steps[depth].from)))
			return 0;
		else
			n++;
	for (int i = 0; i < split->n_axes && n < watch->n_steps; i++, n++)
	{
		const ts_watch_step *step = &watch->steps[n];

		if (split->axes[i].is_time ? step->member_id != 0 || step->from != key[i + 1] :
			step->member_id != tree->members->members[key[i + 1]].member_id)
			break;
	}
	return Min(n, watch->n_steps);
}

/* Begins to count what is read for the targets that are watched */
static void
watch_term(const history *h)
{
	ts_watch   *watch = h->split->watch;
	ts_watch_term *term;
	MemoryContext old;
	int			depth = 0;

	if (!watch || watch->n_terms == TS_WATCH_TERMS)
		return;
	for (int32 at = h->split->leaves[0]; at > 0; at = h->split->tree->nodes[at].parent)
		depth++;
	old = MemoryContextSwitchTo(h->split->context);
	term = &watch->terms[watch->n_terms++];
	term->metric = pstrdup(h->metric);
	term->plan = h->targets ? pstrdup(h->targets->plan) : NULL;
	term->basis_from = h->split->term->basis_from;
	term->basis_upto = h->split->term->basis_upto;
	term->lag = h->lag;
	term->factor = h->split->term->factor;
	term->facts = palloc(sizeof(int64) * watch->n_steps);
	term->amount = palloc(sizeof(Datum) * watch->n_steps);
	for (int i = 0; i < watch->n_steps; i++)
	{
		/* with a method for each level, it is for the steps of its own levels */
		term->facts[i] = i >= depth && i < depth + h->split->n_axes ? 0 : -1;
		if (watch->whole_upto > 0)
			term->facts[i] = i >= watch->whole_from && i < watch->whole_upto ? 0 : -1;
		term->amount[i] = zero_numeric();
	}
	MemoryContextSwitchTo(old);
}

/* Counts facts that belong to a cell, once where they are shared by several */
static void
watch_fact(history *h, const ts_fact *fact, const int32 *key)
{
	ts_watch   *watch = h->split->watch;
	ts_watch_term *term = &watch->terms[watch->n_terms - 1];
	int			n = follow_steps(h->split, key);

	for (int i = 0; i < n; i++)
	{
		if (term->facts[i] < 0)
			continue;
		if (i >= 64 || !(h->watched & (UINT64CONST(1) << i)))
			term->facts[i] += fact->count;
		if (i < 64)
			h->watched |= UINT64CONST(1) << i;
		add_to(&term->amount[i], fact->amount, h->split->context);
	}
}

/* Adds a group of facts to its cell on a day of the period */
static void
add_fact_on(history *h, const ts_fact *fact, DateADT day)
{
	ts_split   *split = h->split;
	const ts_tree *tree = split->tree;
	const ts_node *node;
	DateADT		from;
	DateADT		upto;
	int32		leaf = find_leaf(h, fact, day);
	int			factor = 1;
	cell_sum   *cell;
	int32		key[TS_MAX_AXES + 1] = {0};
	bool		elsewhere = false;
	bool		found;

	if (leaf < 0)
		return;
	key[0] = leaf;
	node = &tree->nodes[split->leaves[leaf]];
	from = node->from;
	upto = node->upto;
	/* a member must be valid in the finest period, wherever it stands in "by" */
	for (int i = 0; i < split->n_axes; i++)
		if (split->axes[i].is_time)
		{
			ts_axis_bucket(split->tree, &split->axes[i], day, &from, &upto);
			key[i + 1] = from;
		}
	/* nothing is expected of the leaf then */
	if (h->leaf_days[leaf].from >= upto || h->leaf_days[leaf].upto <= from)
		return;
	for (int i = 0; i < split->n_axes; i++)
	{
		const ts_axis *axis = &split->axes[i];
		const ts_member *m;
		int32		member;
		int32		above;
		DateADT		first = h->with_day ? day : from;
		DateADT		end = h->with_day ? day + 1 : upto;

		if (axis->is_time)
			continue;
		member = fact->member[axis->dim] < 0 ? -1 :
			ts_members_ancestor(tree->members, fact->member[axis->dim], axis->depth);
		m = member < 0 ? NULL : &tree->members->members[member];
		if (member < 0 || m->valid_from >= upto || m->valid_upto <= from)
		{
			member = catch_fact(h, axis->dim, axis->depth, fact);
			if (member < 0)
			{
				refuse_fact(h, axis->dim, axis->depth, fact, m ? m->code : fact->code[axis->dim], m != NULL);
				return;
			}
			axis->caught[member - axis->first] = true;
			m = &tree->members->members[member];
		}
		above = ts_split_above(split, i, key + 1, h->leaf_member + (Size) leaf * tree->n_dims);
		key[i + 1] = member;
		if (above < -1 ||
			(above >= 0 && m->by_segment &&
			 !ts_members_days_below(tree->members, member, above, &first, &end)))
		{
			key[i + 1] = ELSEWHERE(member);
			elsewhere = true;
		}
	}
	if (split->watch)
		watch_fact(h, fact, key);
	cell = hash_search(h->sums, key, HASH_ENTER, &found);
	if (!found)
	{
		MemoryContext old = MemoryContextSwitchTo(split->context);

		h->n_left += elsewhere;
		cell->sum = zero_numeric();
		cell->count = 0;
		cell->used = false;
		MemoryContextSwitchTo(old);
	}
	cell->count += fact->count;
	if (h->with_day)
		factor = Max(h->factor[day - tree->nodes[0].from], 1);
	if (factor == 1)
		add_to(&cell->sum, fact->amount, split->context);
	else
	{
		Datum		times = DirectFunctionCall1(int4_numeric, Int32GetDatum(factor));
		Datum		product = DirectFunctionCall2(numeric_mul, fact->amount, times);

		add_to(&cell->sum, product, split->context);
		pfree(DatumGetPointer(product));
		pfree(DatumGetPointer(times));
	}
}

/* Are two days in one part of the finest periods? */
static bool
same_part(history *h, const ts_fact *fact, DateADT day, DateADT other)
{
	const ts_split *split = h->split;
	int32		leaf = find_leaf(h, fact, day);
	DateADT		from;
	DateADT		upto;

	if (leaf < 0 || find_leaf(h, fact, other) != leaf)
		return false;
	from = split->tree->nodes[split->leaves[leaf]].from;
	upto = split->tree->nodes[split->leaves[leaf]].upto;
	for (int i = 0; i < split->n_axes; i++)
		if (split->axes[i].is_time)
			ts_axis_bucket(split->tree, &split->axes[i], day, &from, &upto);
	return other >= from && other < upto;
}

/*
 * Adds a group of facts to the days that share it, which follow each other:
 * alike, so that their month has what it has as a whole
 */
static void
add_fact_shared(history *h, const ts_fact *fact, int n, const int32 *days)
{
	ts_fact		part = *fact;
	Datum		rest = fact->amount;
	int			decimals = DatumGetInt32(DirectFunctionCall1(numeric_scale, fact->amount)) + 6;

	if (same_part(h, fact, days[0], days[n - 1]))
	{
		add_fact_on(h, fact, days[0]);
		return;
	}
	part.amount = DirectFunctionCall2(numeric_round,
									  DirectFunctionCall2(numeric_div, fact->amount,
														  DirectFunctionCall1(int4_numeric, Int32GetDatum(n))),
									  Int32GetDatum(decimals));
	/* the last one has what is left, so nothing is lost */
	for (int i = 0; i < n; i++)
	{
		if (i == n - 1)
			part.amount = rest;
		else
			rest = DirectFunctionCall2(numeric_sub, rest, part.amount);
		add_fact_on(h, &part, days[i]);
	}
}

/* Adds a group of facts to the cells of all days that it stands for */
static void
add_fact(history *h, const ts_fact *fact)
{
	const ts_node *start = &h->split->tree->nodes[0];
	const ts_members *members = h->split->tree->members;
	int			year;

	for (int dim = 0; dim < h->split->tree->n_dims; dim++)
	{
		int32		pattern = h->pattern[dim];

		if (pattern < 0)
			continue;
		if (fact->member[dim] < 0 ||
			ts_members_ancestor(members, fact->member[dim], members->members[pattern].depth) != pattern)
			return;
		fact->member[dim] = h->split->tree->start_member[dim];
	}
	if (!ts_tree_in_scope(h->split->tree, fact->member))
		return;
	h->caught = h->refused = false;
	h->watched = 0;
	if (!h->with_day)
	{
		add_fact_on(h, fact, start->from);
		return;
	}
	year = year_of(fact->day);
	for (int y = year_of(start->from) - 1; y <= year_of(start->upto) + 1; y++)
	{
		int32		days[MAX_DAYS];
		int			n = n_days_of(h, fact->day, h->in_order ? h->years : y - year, days);

		int			first = 0;

		/* they follow each other; those that the period does not have get no share */
		while (first < n && days[first] < start->from)
			first++;
		while (n > first && days[n - 1] >= start->upto)
			n--;
		h->watched = 0;
		if (n - first > 1 && h->align == TS_ALIGN_DATE)
			add_fact_shared(h, fact, n - first, days + first);
		for (int i = first; i < n && (n - first == 1 || h->align != TS_ALIGN_DATE); i++)
		{
			h->watched = 0;
			add_fact_on(h, fact, days[i]);
		}
		if (h->in_order)
			break;
	}
}

/* By level and code: an order that does not depend on the hash */
static int
compare_unassigned(const void *a, const void *b)
{
	const unassigned_entry *x = *(unassigned_entry *const *) a;
	const unassigned_entry *y = *(unassigned_entry *const *) b;

	if (x->key.dim != y->key.dim)
		return x->key.dim < y->key.dim ? -1 : 1;
	if (x->key.depth != y->key.depth)
		return x->key.depth < y->key.depth ? -1 : 1;
	return strcmp(x->key.code, y->key.code);
}

/* The name of a level of a dimension */
static char *
level_name(const ts_split *split, int dim, int depth)
{
	ts_args		args = {0};

	ts_arg_int4(&args, split->tree->dimension_ids[dim]);
	ts_arg_int4(&args, depth);
	ts_run("SELECT l.name FROM target_split.dimension_level l"
		   " WHERE l.dimension_id = $1 AND l.depth = $2", &args, true);
	return ts_text(0, 1, split->context);
}

/* Refuses facts that belong to no member and that nobody catches */
static void
refuse_unassigned(history *h)
{
	HASH_SEQ_STATUS status;
	unassigned_entry *entry;
	unassigned_entry **sorted;
	int64		n = hash_get_num_entries(h->unassigned);
	int64		i = 0;
	ts_name_list list = {0};

	sorted = MemoryContextAllocHuge(h->split->context, sizeof(*sorted) * (n + 1));
	hash_seq_init(&status, h->unassigned);
	while ((entry = hash_seq_search(&status)) != NULL)
		sorted[i++] = entry;
	qsort(sorted, n, sizeof(*sorted), compare_unassigned);
	for (i = 0; i < n; i++)
		ts_name_list_add(&list, ts_name_list_full(&list) ? "" : psprintf("%s %s%s: %lld rows, %s",
								  level_name(h->split, sorted[i]->key.dim, sorted[i]->key.depth),
								  sorted[i]->key.code[0] ? quote_literal_cstr(sorted[i]->key.code) : "NULL",
								  sorted[i]->retired ? " (not valid in the target's period)" : "",
								  (long long) sorted[i]->count,
								  DatumGetCString(DirectFunctionCall1(numeric_out, sorted[i]->sum))));
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("%lld facts of the basis, %s in all, belong to no member",
					(long long) h->n_refused,
					DatumGetCString(DirectFunctionCall1(numeric_out, h->sum_refused))),
			 h->catcher ?
			 errdetail("There is no one member \"%s\" that could take them: %s.",
					   h->catcher, ts_name_list_text(&list)) :
			 errdetail_internal("%s.", ts_name_list_text(&list)),
			 errhint("on_unassigned => 'spread' leaves them out, on_unassigned => 'MEMBER' gives them to a member;"
					 " SELECT target_split.import_members(%s) adds new members.",
					 quote_literal_cstr(h->metric))));
}

/* What is done with facts of no member: on_unassigned is a word or a code */
static void
prepare_catcher(history *h)
{
	ts_split   *split = h->split;
	const ts_members *members = split->tree->members;
	bool		found = false;

	if (strcmp(split->on_unassigned, "error") == 0 || strcmp(split->on_unassigned, "spread") == 0)
		return;
	h->catcher = split->on_unassigned;
	for (int32 m = 0; m < members->n && !found; m++)
		found = strcmp(members->members[m].code, h->catcher) == 0;
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("member \"%s\" named by \"on_unassigned\" does not exist on a level of \"by\"",
						split->on_unassigned),
				 errhint("on_unassigned => 'error', on_unassigned => 'spread' or a member's code")));
	for (int i = 0; i < split->n_axes; i++)
		if (!split->axes[i].is_time)
			split->axes[i].caught = MemoryContextAllocZero(split->context,
														   split->axes[i].last - split->axes[i].first);
}

/*
 * Finds the levels that must be read, and the members that stand for the
 * target's own.  A source must have a column for each level that tells facts
 * apart.
 */
static void
prepare_levels(history *h)
{
	ts_split   *split = h->split;
	const ts_tree *tree = split->tree;
	const ts_members *members = tree->members;

	h->depths = palloc(sizeof(int) * (tree->n_dims + 1));
	h->pattern = palloc(sizeof(int32) * (tree->n_dims + 1));
	for (int dim = 0; dim < tree->n_dims; dim++)
	{
		h->depths[dim] = tree->depths[dim];
		h->pattern[dim] = -1;
	}
	for (int i = 0; h->profile && i < h->profile->n_slice; i++)
	{
		int32		member = ts_members_by_id(members, h->profile->slice[i]);
		int			dim = members->members[member].dim_no;

		h->pattern[dim] = member;
		h->depths[dim] = members->members[member].depth;
	}
	for (int i = 0; i < split->n_axes; i++)
	{
		const ts_axis *axis = &split->axes[i];

		if (axis->is_time)
			continue;
		if (h->pattern[axis->dim] >= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("slice of the profile names dimension \"%s\", which \"by\" splits by",
							tree->dimensions[axis->dim])));
		h->depths[axis->dim] = Max(h->depths[axis->dim], axis->depth);
	}
	for (int dim = 0; dim < tree->n_dims && !h->targets; dim++)
		if (h->depths[dim] > ts_source_depth(&h->source, tree->dimension_ids[dim]))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("source of metric \"%s\" does not have level %d of dimension \"%s\"",
							h->metric, h->depths[dim], tree->dimensions[dim]),
					 errdetail("A history cannot be read for it."),
					 errhint("method => 'weights', weights_from => 'my_weights'")));
}

/*
 * Per leaf: the days of its members, and per leaf and dimension its deepest
 * member
 */
static void
find_leaf_days(history *h)
{
	ts_split   *split = h->split;
	int			n_dims = split->tree->n_dims;

	h->leaf_days = MemoryContextAllocHuge(split->context, sizeof(ts_days) * (split->n_leaves + 1));
	h->leaf_member = MemoryContextAllocHuge(split->context, sizeof(int32) * ((Size) split->n_leaves * n_dims + 1));
	for (int32 leaf = 0; leaf < split->n_leaves; leaf++)
	{
		CHECK_FOR_INTERRUPTS();
		h->leaf_days[leaf] = ts_split_leaf_days(split, leaf);
		ts_tree_node_members(split->tree, split->leaves[leaf], h->leaf_member + (Size) leaf * n_dims);
	}
}

/* Narrows the days of a part to those of its member of an axis, where the part has it */
static void
narrow_days(const history *h, const int32 *key, int axis_no, ts_days *valid)
{
	const ts_split *split = h->split;
	const ts_members *members = split->tree->members;
	int32		member = key[axis_no + 1];
	int32		above = ts_split_above(split, axis_no, key + 1,
									   h->leaf_member + (Size) key[0] * split->tree->n_dims);

	valid->from = Max(valid->from, members->members[member].valid_from);
	valid->upto = Min(valid->upto, members->members[member].valid_upto);
	if (valid->from < valid->upto && above >= 0 &&
		!ts_members_days_below(members, member, above, &valid->from, &valid->upto))
		valid->upto = valid->from;
}

/*
 * Does the basis say nothing about days of the period for members of this
 * validity?  Either the source has no days that stand for them, or the members
 * did not exist on those.
 */
static bool
is_missing(const history *h, DateADT from, DateADT upto, const ts_days *valid)
{
	DateADT		basis_from = Max(h->split->term->basis_from, valid->from);
	DateADT		basis_upto = Min(h->split->term->basis_upto, valid->upto);
	DateADT		first = h->split->tree->nodes[0].from;

	if (basis_from >= basis_upto)
		return true;
	if (!h->with_day)
		return false;
	if (basis_from == h->split->term->basis_from && basis_upto == h->split->term->basis_upto)
		return h->covered[upto - first] == h->covered[from - first];
	for (DateADT day = from; day < upto; day++)
	{
		CHECK_FOR_INTERRUPTS();
		if (count_corresponding(h, day, basis_from, basis_upto) > 0)
			return false;
	}
	return true;
}

/*
 * Fetches the next leaf of the targets that are the pattern, as a fact of its
 * first day; false if there is none.
 */
static bool
next_target(history *h, ts_fact *fact)
{
	const ts_tree *targets = h->targets;
	const ts_members *members = h->split->tree->members;
	const ts_axis *finest = NULL;

	for (int i = 0; i < h->split->n_axes; i++)
		if (h->split->axes[i].is_time)
			finest = &h->split->axes[i];
	for (; h->next_target < targets->n; h->next_target++)
	{
		const ts_node *node = &targets->nodes[h->next_target];
		DateADT		from = node->from;
		DateADT		upto = node->upto;

		CHECK_FOR_INTERRUPTS();
		if (node->n_children > 0 || from < h->split->term->basis_from || upto > h->split->term->basis_upto)
			continue;
		if (finest && h->with_day)
		{
			ts_axis_bucket(targets, finest, node->from, &from, &upto);
			if (upto < node->upto)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("target %lld of plan \"%s\" is longer than a %s",
								(long long) node->target_id, targets->plan, finest->name),
						 errdetail("What is like it by %s cannot be said.", finest->name),
						 errhint("SELECT * FROM target_split.split_target(%lld, %s);",
								 (long long) node->target_id, quote_literal_cstr(psprintf("{%s}", finest->name)))));
		}
		memset(fact->code, 0, sizeof(char *) * (h->split->tree->n_dims + 1));
		for (int dim = 0; dim < h->split->tree->n_dims; dim++)
			fact->member[dim] = -1;
		for (int32 at = h->next_target;; at = targets->nodes[at].parent)
		{
			int32		member = at == 0 || targets->nodes[at].member_id == 0 ? -1 :
				ts_members_by_id(members, targets->nodes[at].member_id);

			if (member >= 0 && fact->member[members->members[member].dim_no] < 0)
				fact->member[members->members[member].dim_no] = member;
			if (at == 0)
				break;
		}
		/* and those above the target that was named */
		for (int dim = 0; dim < targets->n_dims; dim++)
			if (targets->start_member[dim] >= 0)
			{
				int32		member = ts_members_by_id(members,
													  targets->members->members[targets->start_member[dim]].member_id);

				if (member >= 0 && fact->member[members->members[member].dim_no] < 0)
					fact->member[members->members[member].dim_no] = member;
			}
		fact->day = node->from;
		fact->amount = node->amount;
		fact->count = 1;
		h->next_target++;
		return true;
	}
	return false;
}

static bool
next_fact(history *h, ts_fact *fact)
{
	return h->targets ? next_target(h, fact) : ts_facts_next(h->facts, fact);
}

/* What members that are elsewhere leave to those beside them */
typedef struct share_group
{
	int32		key[TS_MAX_AXES + 1];	/* with -1 for the levels that are shared */
	Datum		left;			/* numeric: sum of what they leave */
	Datum		total;			/* of the positive sums beside them */
	Datum		given;			/* of left, so far */
	cell_sum   *last;			/* gets what rounding leaves */
} share_group;

#define MAX_MASKS 64

/* The key of the group that a sum leaves to, or takes from, with these levels shared */
static void
group_key(const history *h, const cell_sum *cell, uint64 mask, int32 *key)
{
	memset(key, 0, sizeof(int32) * (TS_MAX_AXES + 1));
	memcpy(key, cell->key, sizeof(int32) * (h->split->n_axes + 1));
	for (int i = 0; i < h->split->n_axes; i++)
		if (mask & (UINT64CONST(1) << i))
			key[i + 1] = -1;
}

/* The levels on which the member of a sum is elsewhere */
static uint64
mask_of(const history *h, const cell_sum *cell)
{
	uint64		mask = 0;

	for (int i = 0; i < h->split->n_axes; i++)
		if (cell->key[i + 1] < -1)
			mask |= UINT64CONST(1) << i;
	return mask;
}

/* The member of a sum that is elsewhere, the one that was above it, and its level */
static int32
member_elsewhere(const history *h, const cell_sum *cell, int32 *above, const ts_axis **axis)
{
	const ts_split *split = h->split;
	int			i = 0;

	while (cell->key[i + 1] >= -1)
		i++;
	*above = ts_split_above(split, i, cell->key + 1,
							h->leaf_member + (Size) cell->key[0] * split->tree->n_dims);
	if (axis)
		*axis = &split->axes[i];
	return ELSEWHERE(cell->key[i + 1]);
}

/* By leaf and keys: an order that does not depend on the hash */
static int
compare_sums(const void *a, const void *b, void *n_keys)
{
	const cell_sum *x = *(cell_sum *const *) a;
	const cell_sum *y = *(cell_sum *const *) b;

	for (int i = 0; i < *(int *) n_keys; i++)
		if (x->key[i] != y->key[i])
			return x->key[i] < y->key[i] ? -1 : 1;
	return 0;
}

/* A member that moved, where its history stays, and how much that is */
typedef struct moved_history
{
	int32		member;
	int32		above;
	Datum		sum;
} moved_history;

static int
compare_moved(const void *a, const void *b)
{
	const moved_history *x = a;
	const moved_history *y = b;

	if (x->member != y->member)
		return x->member < y->member ? -1 : 1;
	return x->above < y->above ? -1 : x->above > y->above;
}

/* Notes whose history was shared, for at most 20 members */
static void
note_elsewhere(history *h, int64 n, cell_sum *const *left)
{
	const ts_member *members = h->split->tree->members->members;
	moved_history *moved = MemoryContextAllocHuge(h->split->context, sizeof(moved_history) * (n + 1));
	int			n_noted = 0;

	for (int64 i = 0; i < n; i++)
	{
		moved[i].member = member_elsewhere(h, left[i], &moved[i].above, NULL);
		moved[i].sum = left[i]->sum;
	}
	qsort(moved, n, sizeof(moved_history), compare_moved);
	for (int64 i = 0; i < n; i++)
	{
		ts_args		args = {0};

		CHECK_FOR_INTERRUPTS();
		if (i + 1 < n && compare_moved(&moved[i], &moved[i + 1]) == 0)
		{
			moved[i + 1].sum = DirectFunctionCall2(numeric_add, moved[i].sum, moved[i + 1].sum);
			continue;
		}
		if (n_noted++ == TS_LIST_MAX)
			break;
		ts_arg(&args, JSONBOID, JsonbPGetDatum(members[moved[i].member].slice_value), false);
		ts_arg(&args, JSONBOID, JsonbPGetDatum(members[moved[i].above].slice_value), false);
		ts_arg(&args, NUMERICOID, moved[i].sum, false);
		ts_run("SELECT pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('moved', $1,"
			   " 'history_stays_with', $2, 'weight', $3))", &args, true);
		ts_split_note(h->split, DatumGetJsonbP(ts_datum(0, 1)));
	}
	pfree(moved);
}

/*
 * Is the member of a sum there on all days of its part, and so on those on which
 * another one is not?
 */
static bool
is_there_throughout(const history *h, const cell_sum *cell, uint64 mask)
{
	const ts_split *split = h->split;
	const ts_members *members = split->tree->members;
	const int32 *member = h->leaf_member + (Size) cell->key[0] * split->tree->n_dims;
	DateADT		from = split->tree->nodes[split->leaves[cell->key[0]]].from;
	DateADT		upto = split->tree->nodes[split->leaves[cell->key[0]]].upto;

	for (int i = 0; i < split->n_axes; i++)
		if (split->axes[i].is_time)
			ts_axis_bucket(split->tree, &split->axes[i], cell->key[i + 1], &from, &upto);
	for (int i = 0; i < split->n_axes; i++)
	{
		DateADT		first = from;
		DateADT		end = upto;
		int32		above = split->axes[i].is_time ? -1 : ts_split_above(split, i, cell->key + 1, member);

		if ((mask & (UINT64CONST(1) << i)) && above >= 0 &&
			(!ts_members_days_below(members, cell->key[i + 1], above, &first, &end) || first > from || end < upto))
			return false;
	}
	return true;
}

/* Names what is left to nobody */
static void
name_elsewhere(const history *h, const cell_sum *cell, ts_name_list *list)
{
	const ts_split *split = h->split;
	const ts_member *members = split->tree->members->members;
	const ts_axis *axis;
	int32		above;
	int32		member = member_elsewhere(h, cell, &above, &axis);
	char	   *period = "";

	for (int i = 0; i < split->n_axes; i++)
		if (split->axes[i].is_time)
			period = psprintf(", %s of %s", split->axes[i].name, ts_date_text(cell->key[i + 1]));
	ts_name_list_add(list, psprintf("%s %s of %s%s: %s", axis->name, members[member].code, members[above].code, period,
									DatumGetCString(DirectFunctionCall1(numeric_out, cell->sum))));
}

/*
 * Members that are below another parent by now: their old facts are history of
 * the parent that they had, and shared among the members that are there on
 * these days, in proportion to their own.
 */
static void
share_elsewhere(history *h)
{
	ts_split   *split = h->split;
	MemoryContext old = MemoryContextSwitchTo(split->context);
	HASHCTL		ctl = {0};
	HTAB	   *groups;
	cell_sum  **left = palloc(sizeof(cell_sum *) * h->n_left);
	uint64		masks[MAX_MASKS];
	int			n_masks = 0;
	HASH_SEQ_STATUS status;
	cell_sum   *cell;
	share_group *group;
	int32		key[TS_MAX_AXES + 1];
	int64		n = 0;
	int64		n_shared = 0;
	int			n_keys = split->n_axes + 1;
	int			scale = 0;
	bool		found;
	ts_name_list list = {0};

	ctl.keysize = sizeof(int32) * (TS_MAX_AXES + 1);
	ctl.entrysize = sizeof(share_group);
	ctl.hcxt = split->context;
	groups = hash_create("target_split members elsewhere", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	/* what is left, by who may take it */
	hash_seq_init(&status, h->sums);
	while ((cell = hash_seq_search(&status)) != NULL)
	{
		uint64		mask = mask_of(h, cell);
		int			i = 0;

		cell->own = cell->sum;
		if (mask == 0)
			continue;
		left[n++] = cell;
		cell->used = true;
		while (i < n_masks && masks[i] != mask)
			i++;
		if (i == MAX_MASKS)
			elog(ERROR, "too many levels with members that moved");
		if (i == n_masks)
			masks[n_masks++] = mask;
		group_key(h, cell, mask, key);
		group = hash_search(groups, key, HASH_ENTER, &found);
		if (!found)
		{
			group->left = group->total = group->given = zero_numeric();
			group->last = NULL;
		}
		group->left = DirectFunctionCall2(numeric_add, group->left, cell->sum);
		scale = Max(scale, DatumGetInt32(DirectFunctionCall1(numeric_scale, group->left)) + 6);
	}

	/* who takes it: the sums beside, then their parts of it */
	for (int pass = 0; pass < 2; pass++)
	{
		hash_seq_init(&status, h->sums);
		while ((cell = hash_seq_search(&status)) != NULL)
		{
			CHECK_FOR_INTERRUPTS();
			if (cell->used || !DatumGetBool(DirectFunctionCall2(numeric_gt, cell->own, zero_numeric())))
				continue;
			for (int i = 0; i < n_masks; i++)
			{
				Datum		part;

				group_key(h, cell, masks[i], key);
				group = hash_search(groups, key, HASH_FIND, NULL);
				if (!group || !is_there_throughout(h, cell, masks[i]))
					continue;
				if (pass == 0)
				{
					group->total = DirectFunctionCall2(numeric_add, group->total, cell->own);
					if (!group->last || compare_sums(&group->last, &cell, &n_keys) < 0)
						group->last = cell;
					continue;
				}
				if (group->last == cell)
					continue;
				part = DirectFunctionCall2(numeric_div,
										   DirectFunctionCall2(numeric_mul, group->left, cell->own), group->total);
				part = DirectFunctionCall2(numeric_round, part, Int32GetDatum(scale));
				group->given = DirectFunctionCall2(numeric_add, group->given, part);
				cell->sum = DirectFunctionCall2(numeric_add, cell->sum, part);
			}
		}
	}
	hash_seq_init(&status, groups);
	while ((group = hash_seq_search(&status)) != NULL)
		if (group->last)
			group->last->sum = DirectFunctionCall2(numeric_add, group->last->sum,
												   DirectFunctionCall2(numeric_sub, group->left, group->given));

	/* where nobody is there to take it */
	qsort_arg(left, n, sizeof(cell_sum *), compare_sums, &n_keys);
	for (int64 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		group_key(h, left[i], mask_of(h, left[i]), key);
		group = hash_search(groups, key, HASH_FIND, NULL);
		if (group->last)
			left[n_shared++] = left[i];
		else if (strcmp(split->on_unassigned, "spread") == 0)
			split->n_unassigned += left[i]->count;
		else
			name_elsewhere(h, left[i], &list);
	}
	if (list.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("history of members that moved away has nobody to go to"),
				 errdetail("Beside them, nobody who stays has facts in the basis: %s.", ts_name_list_text(&list)),
				 errhint("on_unassigned => 'spread' leaves it out.")));
	note_elsewhere(h, n_shared, left);
	hash_destroy(groups);
	MemoryContextSwitchTo(old);
}

void
ts_weigh_history(ts_split *split)
{
	history		h = {0};
	ts_tree    *tree = split->tree;
	ts_window_state window = {0};
	ts_fact		fact = {0};
	HASHCTL		ctl = {0};
	HASH_SEQ_STATUS status;
	cell_sum   *cell;
	bool		any = false;

	h.split = split;
	split->basis_times = 1;
	h.profile = split->term->profile;
	h.metric = h.profile ? h.profile->metric : tree->metric;
	h.lag = h.profile ? h.profile->lag : 0;
	h.align = h.lag != 0 && !split->has_align ? TS_ALIGN_DATE : ts_split_align(split);
	if (h.align == TS_ALIGN_WEEK && split->tree->calendar.table && split->tree->calendar.table->start[TS_GRAIN_WEEK])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("listed weeks have no number to align by"),
				 errhint("Whole weeks are set against each other by align => 'weekday'.")));
	if (h.lag != 0 && h.align != TS_ALIGN_DATE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a profile with a lag goes by dates"),
				 errdetail("The lag is of %d months, days are aligned by %s.", h.lag, ts_align_names[h.align]),
				 errhint("align => 'date'")));
	if (h.profile && h.profile->plan_id != 0)
		h.targets = ts_tree_load(h.profile->target_id, false, 0, NULL, split->context);
	else
		ts_source_load(h.profile ? h.profile->metric_id : tree->metric_id, &h.source, false, split->context);
	prepare_levels(&h);
	prepare_catcher(&h);
	prepare_basis(&h);
	find_leaf_days(&h);
	if (h.targets)
		h.first_fact = split->term->basis_from;
	else
	{
		/* where the day matters, what lies before the source is missing, cell by cell */
		ts_source_check_window(&h.source, split->term->basis_from, split->term->basis_upto, !h.with_day,
							   split->on_incomplete, &window);
		h.first_fact = window.any ? window.first : DATEVAL_NOEND;
	}
	if (h.with_day)
		weigh_days(&h);
	watch_term(&h);
	h.sum_refused = zero_numeric();

	ctl.keysize = sizeof(int32) * (split->n_axes + 1);
	ctl.entrysize = sizeof(cell_sum);
	ctl.hcxt = split->context;
	h.sums = hash_create("target_split basis", 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ctl.keysize = sizeof(unassigned_key);
	ctl.entrysize = sizeof(unassigned_entry);
	h.unassigned = hash_create("target_split unassigned", 64, &ctl,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	if (h.targets)
	{
		fact.member = palloc(sizeof(int32) * (tree->n_dims + 1));
		fact.code = palloc(sizeof(char *) * (tree->n_dims + 1));
	}
	else
		h.facts = ts_facts_open(&h.source, tree->members, tree->n_dims, tree->dimension_ids,
								h.depths, h.with_day, split->stretches, split->term->basis_from, split->term->basis_upto);
	while (next_fact(&h, &fact))
	{
		add_fact(&h, &fact);
		any = true;
	}
	if (h.facts)
		ts_facts_close(h.facts);
	if (h.n_refused > 0 && strcmp(split->on_unassigned, "spread") != 0)
		refuse_unassigned(&h);

	if (h.n_left > 0)
		share_elsewhere(&h);

	/* only slices with facts, but all of their periods */
	if (split->active)
	{
		ctl.keysize = sizeof(int32) * (split->n_axes + 1);
		ctl.entrysize = sizeof(int32) * (TS_MAX_AXES + 1);
		/* of several bases, what is active in any */
		if (!split->active_slices)
			split->active_slices = hash_create("target_split active slices", 1024, &ctl,
											   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		hash_seq_init(&status, h.sums);
		while ((cell = hash_seq_search(&status)) != NULL)
			for (int axis = 0; axis < split->n_axes; axis++)
				if (!split->axes[axis].is_time)
					ts_split_active_slice(split, cell->key[0], cell->key + 1, axis, HASH_ENTER);
	}

	/* the frame, and what the basis says of each of its cells */
	ts_split_frame(split);
	for (int64 i = 0; i < split->cells.n; i++)
	{
		int32		key[TS_MAX_AXES + 1] = {0};
		int			scale;

		CHECK_FOR_INTERRUPTS();
		key[0] = split->cells.leaf[i];
		memcpy(key + 1, split->cells.keys + i * split->n_axes, sizeof(int32) * split->n_axes);
		cell = hash_search(h.sums, key, HASH_FIND, NULL);
		if (cell)
		{
			cell->used = true;
			split->cells.closed[i] = false;
			ts_weight_from_numeric(cell->sum, &split->cells.weight[i], &scale);
			split->cells.scale[i] = scale;
		}
		else if (!split->cells.closed[i])
		{
			const ts_node *node = &tree->nodes[split->leaves[key[0]]];
			DateADT		from = node->from;
			DateADT		upto = node->upto;
			ts_days		valid = h.leaf_days[key[0]];

			for (int axis = 0; axis < split->n_axes; axis++)
				if (split->axes[axis].is_time)
					ts_axis_bucket(split->tree, &split->axes[axis], key[axis + 1], &from, &upto);
				else
					narrow_days(&h, key, axis, &valid);
			split->cells.missing[i] = !any || is_missing(&h, from, upto, &valid);
		}
	}

	/*
	 * Cells outside the frame are those of a member that caught facts and is
	 * not valid in the period itself.
	 */
	hash_seq_init(&status, h.sums);
	while ((cell = hash_seq_search(&status)) != NULL)
		if (!cell->used)
		{
			int64		i = ts_split_add_cell(split, cell->key[0], cell->key + 1);
			int			scale;

			ts_weight_from_numeric(cell->sum, &split->cells.weight[i], &scale);
			split->cells.scale[i] = scale;
		}
	if (split->cells.n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("basis %s has no facts for %s",
						ts_window_text(split->term->basis_from, split->term->basis_upto),
						ts_split_leaf_name(split, 0)),
				 errhint("method => 'equal'")));
	hash_destroy(h.sums);
}

/* ------------------------------------------------------- profile, copy */

/*
 * Reads profile => '{"plan": "FY2024", "metric": "sales", "slice": {"market":
 * "East"}, "lag": 2, "factor": 1.1}'.  Without a plan it is about actuals.
 */
ts_profile *
ts_profile_parse(ts_split *split, Jsonb *json)
{
	ts_profile *profile = MemoryContextAllocZero(split->context, sizeof(ts_profile));
	JsonbIterator *it;
	JsonbValue	key;
	JsonbValue	value;
	JsonbIteratorToken token;
	char	   *plan_name = NULL;
	Jsonb	   *slice = NULL;
	ts_metric	metric;

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"profile\" must be a JSON object"),
				 errhint("profile => '{\"metric\": \"sales\", \"slice\": {\"market\": \"East\"}, \"lag\": 2}'")));
	profile->factor = DirectFunctionCall1(int8_numeric, Int64GetDatum(1));
	profile->metric = split->tree ? split->tree->metric : NULL;
	it = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		char	   *name;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(key.val.string.val, key.val.string.len);
		JsonbIteratorNext(&it, &value, true);
		if (strcmp(name, "plan") == 0 && value.type == jbvString)
			plan_name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (strcmp(name, "metric") == 0 && value.type == jbvString)
			profile->metric = pnstrdup(value.val.string.val, value.val.string.len);
		else if (strcmp(name, "slice") == 0 && value.type == jbvBinary)
			slice = JsonbValueToJsonb(&value);
		else if (strcmp(name, "lag") == 0 && value.type == jbvNumeric)
			profile->lag = DatumGetInt32(DirectFunctionCall1(numeric_int4, NumericGetDatum(value.val.numeric)));
		else if (strcmp(name, "factor") == 0 && value.type == jbvNumeric)
			profile->factor = NumericGetDatum(value.val.numeric);
		else
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"profile\" has no \"%s\" of this type", name),
					 errhint("plan and metric are texts, slice is an object, lag a number of months, factor a number.")));
	}
	if (profile->lag < -1200 || profile->lag > 1200)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lag of %d months is too long", profile->lag)));
	if (!profile->metric)
		profile->metric = split->metric;
	ts_metric_find(profile->metric, &metric, split->context);
	profile->metric_id = metric.metric_id;
	if (slice)
		(void) ts_slice_resolve(slice, &profile->slice, &profile->n_slice, split->context);
	if (plan_name)
	{
		ts_plan		plan;

		ts_plan_find(plan_name, &plan, split->context);
		profile->plan_id = plan.plan_id;
		profile->plan = plan_name;
		profile->target_id = ts_root_target(&plan, &metric, false);
		if (profile->target_id == split->target_id)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the profile is the target that is to be split")));
	}
	return profile;
}

/* What is copied, times the factor, must be the target, to the quantum */
void
ts_settle_copy(ts_split *split)
{
	ts_cells   *cells = &split->cells;
	const ts_quantum *quantum = &split->tree->quantum;
	Datum		unit = ts_units_to_numeric(1, quantum);
	ts_name_list wrong = {0};

	for (int64 first = 0, last; first < cells->n; first = last)
	{
		ts_int128	sum = 0;
		Datum		copied;
		Datum		amount = split->tree->nodes[split->leaves[cells->leaf[first]]].amount;
		Datum		difference;

		for (last = first; last < cells->n && cells->leaf[last] == cells->leaf[first]; last++)
		{
			CHECK_FOR_INTERRUPTS();
			sum += cells->weight[last];
		}
		copied = DirectFunctionCall2(numeric_mul, ts_scaled_to_numeric(sum, split->scale),
									 split->term->profile->factor);
		difference = DirectFunctionCall1(numeric_abs, DirectFunctionCall2(numeric_sub, amount, copied));
		if (DatumGetBool(DirectFunctionCall2(numeric_ge, difference, unit)))
			ts_name_list_add(&wrong, psprintf("%s is %s, the copy %s", ts_split_leaf_name(split, cells->leaf[first]),
											  DatumGetCString(DirectFunctionCall1(numeric_out, amount)),
											  DatumGetCString(DirectFunctionCall1(numeric_out, copied))));
	}
	if (wrong.n > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("what is copied does not add up to the target"),
				 errdetail_internal("%s.", ts_name_list_text(&wrong)),
				 errhint("Set the target to it first, or take the shares alone: method => 'profile'")));
}
