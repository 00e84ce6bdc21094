/*-------------------------------------------------------------------------
 *
 * split_linked.c
 *	  The method "linked" of split_target: targets that follow each other in
 *	  time are split without a step where two of them meet.
 *
 * Glossary (see also engine/denton.c)
 *	  chain			targets with the same members, each of which begins on the day
 *					after the one before ends: the quarters of a product
 *	  indicator		what the parts are to move like: the weights of a history, or
 *					those that the caller gives
 *	  past			periods of the year before a chain, of the finest grain of "by"
 *	  ratio			of a part, or of an actual amount, to its indicator
 *	  kept			a part that a call which is made again leaves as it is: it is
 *					locked, adjusted, or under a locked one
 *	  kept whole	a kept part that the call splits further, whose own parts are not
 *					all kept: the months of an adjusted quarter
 *
 * Method
 *	  The indicators are weighed as their own method would, with the on_...
 *	  options of the call.  Each chain is then one disaggregation, in which a
 *	  target is a bucket and its amount the total.  The weights are the parts
 *	  themselves: they add up to the target, so each part is its weight, and
 *	  whoever recomputes shares from what is stored finds the same.  Under a
 *	  target of 0 the weights are the indicators.
 *
 *	  link => 'actuals' puts the past of a chain before it, each period as a
 *	  bucket of its own, whose total is its actual amount.  What it is compared
 *	  with is what the call would have read a year earlier: its basis is a year
 *	  earlier too.  Given weights are a season, so there it is the weight of the
 *	  period a year later.  Without an amount and an indicator above 0 a period
 *	  has no ratio, and is left out; where none has one, the chain begins as it
 *	  does without a link, and a finding says so.
 *
 *	  Kept parts are fixed in their buckets, so that the curve goes through them, and
 *	  the others of a bucket share its rest.  A kept whole is a bucket within that of
 *	  its target, which goes on around it as a pool (engine/denton.c).  Where all of
 *	  them have what the curve gives them anyway, it is taken as it is: a lock alone
 *	  changes nobody's amount, not even by the last unit.
 *
 *	  Where the chain begins within the period of the call, because what is
 *	  before it is split already, the past are the periods from the call's first
 *	  day on, and their basis is the call's.
 *
 * Limits
 *	  Only periods can be split by, since a target says nothing about the
 *	  amounts of its members before it is split by them.
 *
 *	  Among "levels", a kept part that another level's method made counts with its
 *	  share, not with the amount that it keeps: its own parts are the curve's,
 *	  scaled, and there is a step on both sides.
 *
 *	  Parts that bounds, or what is under them, merely limit do not bend the curve:
 *	  its parts are then brought within the bounds as those of any method are.
 *
 *	  Steps are first differences, so the last period with a ratio decides alone:
 *	  those before it stand beside fixed ones.  A year of them is read because
 *	  the last ones may have none.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"

#include "engine/denton.h"
#include "query.h"
#include "split.h"

/* chains that are noted by name, of those that are linked and of the others */
#define NOTED_CHAINS 20

/* beyond any amount of a plan; the total of a past period need not be larger */
#define LARGEST_TOTAL 1e30

/* A target that is split, in its chain */
typedef struct chain_link
{
	char	   *members;		/* ids on the way from the first target */
	DateADT		from;
	DateADT		upto;
	int32		leaf;
	int64		first;			/* its cells */
	int64		n;
} chain_link;

/* A period of the past of a slice */
typedef struct past_key
{
	int32		slice;
	DateADT		from;
} past_key;

typedef struct past_entry
{
	past_key	key;
	double		actual;			/* in the plan's quanta */
	double		indicator;		/* as the weights of the chains are */
} past_entry;

/* The past of the chains that begin on one day */
typedef struct past
{
	DateADT		start;			/* that day */
	DateADT		from;
	DateADT		end;			/* its periods end then: at the start, or where the
								 * source does */
	ts_slices	slices;
	HTAB	   *periods;		/* past_entry */
} past;

/* A period with a ratio */
typedef struct past_period
{
	DateADT		from;
	DateADT		upto;
	double		actual;
	double		indicator;
} past_period;

/* A kept whole; links: places among those of a chain's target */
typedef struct kept_whole
{
	const ts_kept_part *part;
	int64		around;			/* the kept whole that it is in, -1: none */
	int64		first;			/* its cells within the target's */
	int64		last;
	bool		is_open;		/* some of its parts are not kept; else it is none */
	bool		can_take;		/* those that are in no other whole within it */
	ts_int128	total;
	ts_int128	own;			/* what the wholes within it leave of it */
	ts_int128	rest;			/* and the kept parts */
	size_t		last_bucket;	/* the last one of its pool so far, plus 1; 0: none */
} kept_whole;

/* What a ts_denton_input has by bucket */
typedef struct buckets
{
	size_t	   *end;
	ts_int128  *total;
	bool	   *is_free;
	size_t	   *pool;
	size_t	   *next;
} buckets;

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

static int
compare_links(const void *a, const void *b)
{
	const chain_link *x = a;
	const chain_link *y = b;
	int			order = strcmp(x->members, y->members);

	if (order != 0)
		return order;
	return (x->from > y->from) - (x->from < y->from);
}

static bool
is_next(const chain_link *before, const chain_link *after)
{
	return strcmp(before->members, after->members) == 0 && before->upto == after->from;
}

static void
refuse_members(const ts_split *split)
{
	for (int i = 0; i < split->n_axes; i++)
		if (!split->axes[i].is_time)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("method \"linked\" goes from period to period, and \"%s\" is none",
							split->axes[i].name),
					 errhint("Split by it in a call before, or name its method in \"levels\".")));
}

/* The leaves in chains; those that have no cell are left out */
static chain_link *
find_links(const ts_split *split, const ts_cells *cells, int64 *n)
{
	chain_link *links = MemoryContextAllocHuge(split->context, sizeof(chain_link) * (split->n_leaves + 1));

	*n = 0;
	for (int64 first = 0, last; first < cells->n; first = last)
	{
		int32		leaf = cells->leaf[first];
		const ts_node *target = &split->tree->nodes[split->leaves[leaf]];
		StringInfoData members;

		CHECK_FOR_INTERRUPTS();
		for (last = first; last < cells->n && cells->leaf[last] == leaf; last++)
			;
		initStringInfo(&members);
		for (int32 node = split->leaves[leaf]; node > 0; node = split->tree->nodes[node].parent)
			if (split->tree->nodes[node].member_id != 0)
				appendStringInfo(&members, "," INT64_FORMAT, split->tree->nodes[node].member_id);
		links[*n].members = members.data;
		links[*n].from = target->from;
		links[*n].upto = target->upto;
		links[*n].leaf = leaf;
		links[*n].first = first;
		links[*n].n = last - first;
		(*n)++;
	}
	qsort(links, *n, sizeof(chain_link), compare_links);
	return links;
}

/* -------------------------------------------------------------------- past */

/* The day that is like this one, a year before */
static DateADT
year_before(const ts_split *split, DateADT day)
{
	int32		days[2];

	switch (ts_split_align(split))
	{
		case TS_ALIGN_DATE:
			return ts_add_months(day, -12);
		case TS_ALIGN_WEEK:
			(void) ts_same_week(&split->tree->calendar, day, -1, days);
			return days[0];
		case TS_ALIGN_WEEKDAY:
			return day - 52 * 7;
	}
	pg_unreachable();
}

/* A number that is a weight of this scale, at another one */
static double
at_scale(double weight, int scale, int other)
{
	double		power = 1;

	for (int i = scale; i != other; i += i < other ? 1 : -1)
		power *= 10;
	return scale < other ? weight * power : weight / power;
}

/*
 * Reads what a term has of the slices' days: as amounts in quanta, or as
 * indicators of the same size as the weights of the chains
 */
static void
read_series(ts_split *split, ts_split *series, ts_term *term, past *before, bool actuals)
{
	const ts_quantum *quantum = &split->tree->quantum;

	series->n_unassigned = split->n_unassigned;
	ts_term_read(series, term);
	split->n_unassigned = series->n_unassigned;
	for (int64 i = 0; i < series->cells.n; i++)
	{
		double		weight = (double) series->cells.weight[i];
		past_entry *entry;
		past_key	key;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		if (actuals)
			weight = at_scale(weight, series->scale, quantum->scale) / (double) quantum->mantissa;
		else
			weight = at_scale(weight, series->scale, split->scale) / (double) series->basis_times * (double) split->basis_times;
		key.slice = series->leaves[series->cells.leaf[i]];
		key.from = series->cells.keys[i];
		entry = hash_search(before->periods, &key, HASH_ENTER, &found);
		if (!found)
			entry->actual = entry->indicator = 0;
		if (actuals)
			entry->actual = weight;
		else
			entry->indicator = weight;
	}
}

/* The actuals must reach the first day of the chains, or the past ends where they do */
static void
check_actuals(const ts_split *split, const ts_source *source, past *before)
{
	ts_window_state window = {0};

	ts_source_check_window(source, before->from, before->start, false, "accept", &window);
	before->end = window.complete ? before->start : window.any ? window.last + 1 : before->from;
	if (window.complete || strcmp(split->on_incomplete, "accept") == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("source of metric \"%s\" does not have the actuals before %s that targets are to be linked to",
					source->metric, ts_date_text(before->start)),
			 window.any ?
			 errdetail("They are those of %s; the facts in %s are of %s to %s.", ts_window_text(before->from, before->start),
					   source->relation, ts_date_text(window.first), ts_date_text(window.last)) :
			 errdetail("There are no facts in %s.", source->relation),
			 errhint("on_incomplete => 'accept' links to the last period that is filled, link => NULL to none.")));
}

/*
 * Reads the past of the chains that begin on the day of the first one, which are
 * among the n; history: the term of the call's basis, NULL where weights are given
 */
static past *
read_past(ts_split *split, const chain_link *links, int64 n, const ts_term *history, bool has_basis)
{
	DateADT		start = links[0].from;
	const ts_node *period = &split->tree->nodes[0];
	const ts_axis *axis = &split->axes[split->n_axes - 1];
	bool		within = start > period->from && history;
	past	   *before = MemoryContextAllocZero(split->context, sizeof(past));
	DateADT		upto = within ? period->upto : Max(start, year_before(split, period->upto - 1) + 1);
	ts_term		term = {0};
	ts_source	source;
	ts_split   *series;
	HASHCTL		ctl = {0};
	bool	   *wanted = MemoryContextAllocZero(split->context, sizeof(bool) * split->tree->n);

	/* no others: a member that has no target beside these counts with those above it */
	for (int64 i = 0; i < n; i++)
		for (int32 node = split->leaves[links[i].leaf]; node >= 0 && links[i].from == start && !wanted[node];
			 node = split->tree->nodes[node].parent)
			wanted[node] = true;
	before->start = start;
	before->from = within ? period->from : year_before(split, start);
	ts_calendar_check(&split->tree->calendar, axis->grain, before->from, upto);
	ts_source_load(split->tree->metric_id, &source, false, split->context);
	check_actuals(split, &source, before);
	ts_slices_make(split, wanted, before->from, upto, &before->slices);
	pfree(wanted);
	series = ts_slices_split(split, &before->slices, axis);
	series->watch = NULL;
	series->on_incomplete = pstrdup("accept");
	ctl.keysize = sizeof(past_key);
	ctl.entrysize = sizeof(past_entry);
	ctl.hcxt = split->context;
	before->periods = hash_create("target_split past", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	term.method = ts_split_method_find("history");
	term.factor = split->term->factor;
	term.has_basis = true;
	term.basis_from = before->from;
	term.basis_upto = upto;
	read_series(split, series, &term, before, true);
	if (history)
	{
		ts_window_state window = {0};

		term = *history;
		if (!within)
		{
			term.has_basis = has_basis;
			term.basis_from = year_before(split, history->basis_from);
			term.basis_upto = year_before(split, history->basis_upto - 1) + 1;
		}
		read_series(split, series, &term, before, false);
		ts_source_check_window(&source, term.basis_from, term.basis_upto, false, "accept", &window);
		if (window.any && window.n_facts == 0)
			ereport(ERROR,
					(errcode(ERRCODE_NO_DATA_FOUND),
					 errmsg("source of metric \"%s\" has nothing to compare the actuals with that targets are to be linked to",
							source.metric),
					 errdetail("The actuals of %s are compared with those of %s; the facts in %s are of %s to %s.",
							   ts_window_text(before->from, before->start), ts_window_text(term.basis_from, term.basis_upto),
							   source.relation, ts_date_text(window.first), ts_date_text(window.last)),
					 errhint("link => NULL")));
	}
	return before;
}

/* Adds a period to a chain's past, if it has a ratio; indicator: below 0 for that of the basis */
static void
add_period(const past *before, int32 slice, DateADT from, DateADT upto, double indicator, past_period *periods, int64 *n)
{
	past_key	key = {slice, from};
	const past_entry *entry = hash_search(before->periods, &key, HASH_FIND, NULL);

	if (!entry || entry->actual <= 0 || upto > before->end)
		return;
	periods[*n].from = from;
	periods[*n].upto = upto;
	periods[*n].actual = entry->actual;
	periods[*n].indicator = indicator < 0 ? entry->indicator : indicator;
	*n += periods[*n].indicator > 0;
}

/* The periods with a ratio before a chain; given: the weights are the caller's */
static past_period *
find_past(const ts_split *split, const past *before, const chain_link *links, int64 n_links,
		  const ts_cells *indicators, bool given, int64 *n)
{
	const ts_axis *axis = &split->axes[split->n_axes - 1];
	int32		slice = before->slices.of_node[split->leaves[links[0].leaf]];
	DateADT		whole_upto = before->slices.tree->nodes[0].upto;
	past_period *periods = MemoryContextAllocHuge(split->context, sizeof(past_period) * (before->start - before->from + 1));
	DateADT		day = before->from;

	*n = 0;
	for (int64 i = 0; given && i < n_links; i++)
		for (int64 cell = links[i].first; cell < links[i].first + links[i].n; cell++)
		{
			DateADT		from = before->from;
			DateADT		upto = whole_upto;
			DateADT		like = year_before(split, indicators->keys[(cell + 1) * split->n_axes - 1]);

			CHECK_FOR_INTERRUPTS();
			/* two weeks may be like one */
			if (like < day || like >= before->start)
				continue;
			ts_axis_bucket(split->tree, axis, like, &from, &upto);
			add_period(before, slice, from, upto, (double) indicators->weight[cell], periods, n);
			day = upto;
		}
	while (!given && day < before->start)
	{
		DateADT		from = before->from;
		DateADT		upto = whole_upto;

		CHECK_FOR_INTERRUPTS();
		ts_axis_bucket(split->tree, axis, day, &from, &upto);
		add_period(before, slice, from, upto, -1, periods, n);
		day = upto;
	}
	return periods;
}

/* ------------------------------------------------------------------- chains */

/* Notes what a chain is linked to, or that it is not; n: noted so far, by kind */
static void
note_chain(ts_split *split, const chain_link *first, const past_period *last, int n[2])
{
	ts_args		args = {0};
	double		ratio = 0;

	if (++n[last != NULL] > NOTED_CHAINS)
		return;
	if (last)
		ratio = at_scale(last->actual, split->tree->quantum.scale, split->scale) * (double) split->tree->quantum.mantissa /
			last->indicator * (double) split->basis_times;
	ts_arg_int8(&args, split->tree->nodes[0].target_id);
	ts_arg(&args, JSONBOID, split->tree->nodes[split->leaves[first->leaf]].slice, false);
	ts_arg_date(&args, first->from);
	ts_arg_text(&args, last ? ts_window_text(last->from, last->upto) : NULL);
	ts_arg(&args, FLOAT8OID, Float8GetDatum(ratio), !last);
	ts_run("SELECT pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('target_id', $1, 'slice', $2, 'from', $3,"
		   " 'linked_to', $4, 'ratio', pg_catalog.round($5::pg_catalog.numeric, 4),"
		   " 'problem', CASE WHEN $4 IS NULL THEN 'not linked: no period before it has an amount and a basis above 0' END))",
		   &args, true);
	ts_split_note(split, DatumGetJsonbP(ts_datum(0, 1)));
}

/* How many chains there are of each kind */
static void
note_chains(ts_split *split, const int n[2])
{
	ts_args		args = {0};

	ts_arg_int8(&args, split->tree->nodes[0].target_id);
	ts_arg_int4(&args, n[true]);
	ts_arg_int4(&args, n[false]);
	ts_run("SELECT pg_catalog.jsonb_build_object('target_id', $1, 'linked', $2, 'not_linked', $3)", &args, true);
	ts_split_note(split, DatumGetJsonbP(ts_datum(0, 1)));
}

static int
compare_kept(const void *a, const void *b)
{
	const ts_kept_part *x = a;
	const ts_kept_part *y = b;
	int			order = strcmp(x->members, y->members);

	if (order != 0)
		return order;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->upto > y->upto) - (x->upto < y->upto);
}

/* The part of a cell that the first levels make, if it is kept */
static const ts_kept_part *
find_kept(const ts_split *split, const chain_link *link, const ts_cells *cells, int64 cell, int levels)
{
	ts_kept_part key = {.members = link->members,.from = link->from,.upto = link->upto};

	for (int i = 0; i < levels; i++)
		ts_axis_bucket(split->tree, &split->axes[i], cells->keys[cell * split->n_axes + i], &key.from, &key.upto);
	return bsearch(&key, split->kept, split->n_kept, sizeof(ts_kept_part), compare_kept);
}

/*
 * Finds the parts of a chain's target that may be kept wholes; within: by cell, the
 * innermost one that it is in, -1: none.  Returns how many.
 */
static int64
find_wholes(const ts_split *split, const chain_link *link, const ts_cells *cells, kept_whole *wholes, int64 *within)
{
	int64		n = 0;

	for (int64 k = 0; k < link->n; k++)
	{
		int64		above = k > 0 ? within[k - 1] : -1;

		CHECK_FOR_INTERRUPTS();
		within[k] = -1;
		for (int levels = 1; levels < split->n_axes; levels++)
		{
			const ts_kept_part *part = find_kept(split, link, cells, link->first + k, levels);
			int64		whole = above;

			if (!part)
				continue;
			while (whole >= 0 && wholes[whole].part != part)
				whole = wholes[whole].around;
			if (whole < 0)
			{
				whole = n++;
				memset(&wholes[whole], 0, sizeof(kept_whole));
				wholes[whole].part = part;
				wholes[whole].around = within[k];
				wholes[whole].first = k;
			}
			wholes[whole].last = k;
			within[k] = whole;
		}
	}
	return n;
}

/*
 * Marks what is kept of a chain's target, which has this total: parts, and wholes,
 * which become the places of within and leave own.  Says whether there is any.
 * None is where something of the other sign would be left, or something that nobody
 * can take: what is shared then says why it cannot be.
 */
static bool
fix_kept(const ts_split *split, const chain_link *link, const ts_cells *cells, ts_int128 total,
		 bool *is_fixed, ts_int128 *fixed, kept_whole *wholes, int64 *within, ts_int128 *own)
{
	ts_int128	unit = 1;
	ts_int128	rest;
	bool		any = false;
	bool		open = false;
	bool		possible;
	int64		n = find_wholes(split, link, cells, wholes, within);

	*own = total;
	for (int i = 0; i < split->amount_decimals; i++)
		unit *= 10;
	for (int64 k = 0; k < link->n; k++)
	{
		const ts_kept_part *kept = find_kept(split, link, cells, link->first + k, split->n_axes);

		is_fixed[k] = kept != NULL;
		if (kept)
			fixed[k] = kept->units * unit;
		any |= kept != NULL;
		for (int64 whole = within[k]; whole >= 0 && !kept && cells->weight[link->first + k] > 0; whole = wholes[whole].around)
			wholes[whole].is_open = true;
	}
	/* where all parts of a whole are kept, they say what it has */
	for (int64 i = 0; i < n; i++)
	{
		kept_whole *whole = &wholes[i];

		while (whole->around >= 0 && !wholes[whole->around].is_open)
			whole->around = wholes[whole->around].around;
		if (!whole->is_open)
			continue;
		whole->total = whole->part->units * unit;
		whole->own += whole->total;
		if (whole->around >= 0)
			wholes[whole->around].own -= whole->total;
		else
			*own -= whole->total;
		any = true;
	}
	rest = *own;
	for (int64 i = 0; i < n; i++)
		wholes[i].rest = wholes[i].own;
	for (int64 k = 0; k < link->n; k++)
	{
		bool		can_take = !is_fixed[k] && cells->weight[link->first + k] > 0;

		CHECK_FOR_INTERRUPTS();
		while (within[k] >= 0 && !wholes[within[k]].is_open)
			within[k] = wholes[within[k]].around;
		if (within[k] >= 0)
		{
			wholes[within[k]].rest -= is_fixed[k] ? fixed[k] : 0;
			wholes[within[k]].can_take |= can_take;
		}
		else
		{
			rest -= is_fixed[k] ? fixed[k] : 0;
			open |= can_take;
		}
	}
	possible = rest == 0 || (open && (rest < 0) == (total < 0));
	for (int64 i = 0; i < n; i++)
		if (wholes[i].is_open)
			possible &= wholes[i].total != 0 && (wholes[i].total < 0) == (total < 0) &&
				(wholes[i].rest == 0 || (wholes[i].can_take && (wholes[i].rest < 0) == (total < 0)));
	if (any && possible)
		return true;
	*own = total;
	memset(is_fixed, 0, sizeof(bool) * link->n);
	for (int64 k = 0; k < link->n; k++)
		within[k] = -1;
	return false;
}

/* Is what is kept of a target off what the curve gives it, by a unit or more? */
static bool
is_off(const ts_split *split, const chain_link *link, const bool *is_fixed, const ts_int128 *fixed,
	   const kept_whole *wholes, const int64 *within, const ts_int128 *share)
{
	ts_int128	unit = 1;

	for (int i = 0; i < split->amount_decimals; i++)
		unit *= 10;
	for (int64 k = 0; k < link->n; k++)
	{
		ts_int128	off = is_fixed[k] ? share[k] - fixed[k] : 0;

		CHECK_FOR_INTERRUPTS();
		if (off >= unit || off <= -unit)
			return true;
		/* each whole once, where it begins */
		for (int64 whole = within[k]; whole >= 0; whole = wholes[whole].around)
		{
			if (!wholes[whole].is_open || wholes[whole].first != k)
				continue;
			off = -wholes[whole].total;
			for (int64 i = k; i <= wholes[whole].last; i++)
				off += share[i];
			if (off >= unit || off <= -unit)
				return true;
		}
	}
	return false;
}

static void
make_buckets(const ts_split *split, buckets *b, size_t n)
{
	b->end = MemoryContextAllocHuge(split->context, sizeof(size_t) * n);
	b->total = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * n);
	b->is_free = MemoryContextAllocHuge(split->context, sizeof(bool) * n);
	b->pool = MemoryContextAllocHuge(split->context, sizeof(size_t) * n);
	b->next = MemoryContextAllocHuge(split->context, sizeof(size_t) * n);
}

/*
 * Adds the buckets of a chain's target, from period t of the input on: one, or
 * one for each stretch of cells that are in the same kept whole
 */
static void
add_buckets(ts_denton_input *input, const buckets *b, const chain_link *link, ts_int128 total, bool is_free, size_t t,
			kept_whole *wholes, const int64 *within)
{
	size_t		outer = 0;		/* the last bucket that is in no whole, plus 1 */

	for (int64 k = 0; k < link->n; k++)
	{
		int64		whole = within ? within[k] : -1;
		size_t	   *last = whole < 0 ? &outer : &wholes[whole].last_bucket;
		size_t		bucket = input->n_buckets;

		if (k + 1 < link->n && within && within[k + 1] == whole)
			continue;
		if (k + 1 < link->n && !within)
			k = link->n - 1;
		b->end[bucket] = t + k + 1;
		b->total[bucket] = whole < 0 ? total : wholes[whole].own;
		b->is_free[bucket] = is_free;
		b->next[bucket] = 0;
		b->pool[bucket] = bucket;
		if (*last > 0)
		{
			b->pool[bucket] = b->pool[*last - 1];
			b->next[*last - 1] = bucket;
		}
		*last = bucket + 1;
		input->n_buckets++;
	}
}

static ts_status
solve_chain(const ts_split *split, ts_denton_input *input, double *value, ts_int128 *share)
{
	ts_denton_report report;
	void	   *work = MemoryContextAllocHuge(split->context, ts_denton_work(input));
	ts_status	status = ts_denton(input, value, &report, work);

	if (status == TS_OK)
		status = ts_denton_units(input, value, share, work);
	pfree(work);
	return status;
}

/*
 * A chain's parts become the weights of its cells; before it are n_past periods
 * that are as they are
 */
static void
weigh_chain(ts_split *split, const chain_link *links, int64 n, const ts_cells *indicators,
			const past_period *periods, int64 n_past)
{
	ts_cells   *cells = &split->cells;
	ts_denton_input input = {0};
	ts_status	status;
	double	   *indicator;
	double	   *value;
	ts_int128  *share;
	bool	   *is_fixed = NULL;
	ts_int128  *fixed = NULL;
	kept_whole *wholes = NULL;
	int64	   *within = NULL;
	bool		any_kept = false;
	ts_int128  *total;
	ts_int128  *own;			/* what the kept wholes leave of it */
	bool	   *is_free;
	buckets		b;
	int64		n_cells = 0;
	int64		t = 0;

	for (int64 i = 0; i < n; i++)
		n_cells += links[i].n;
	input.n = n_past + n_cells;
	indicator = MemoryContextAllocHuge(split->context, sizeof(double) * input.n);
	value = MemoryContextAllocHuge(split->context, sizeof(double) * input.n);
	share = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * input.n);
	total = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * n);
	own = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * n);
	is_free = MemoryContextAllocHuge(split->context, sizeof(bool) * n);
	make_buckets(split, &b, n_past + (split->n_kept > 0 ? n_cells : n));
	if (split->n_kept > 0)
	{
		is_fixed = MemoryContextAllocExtended(split->context, sizeof(bool) * input.n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		fixed = MemoryContextAllocHuge(split->context, sizeof(ts_int128) * input.n);
		wholes = MemoryContextAllocHuge(split->context, sizeof(kept_whole) * n_cells * split->n_axes);
		within = MemoryContextAllocHuge(split->context, sizeof(int64) * n_cells);
	}
	for (; t < n_past; t++)
	{
		double		actual = at_scale(periods[t].actual, 0, split->amount_decimals);
		double		whole = Min(Max(rint(actual), 1), LARGEST_TOTAL);

		/* totals are whole units, and the ratio is what matters */
		indicator[t] = whole == actual ? periods[t].indicator : periods[t].indicator * (whole / actual);
		b.total[t] = (ts_int128) whole;
		b.end[t] = t + 1;
		b.is_free[t] = false;
		b.pool[t] = t;
		b.next[t] = 0;
	}
	input.indicator = indicator;
	input.n_buckets = n_past;
	input.end = b.end;
	input.total = b.total;
	input.is_free = b.is_free;
	input.keep_sign = true;
	input.check = check_interrupts;
	for (int64 i = 0; i < n; i++)
	{
		ts_int128	sum = 0;
		int64		first = t;

		CHECK_FOR_INTERRUPTS();
		for (int64 k = 0; k < links[i].n; k++)
		{
			ts_int128	weight = indicators->weight[links[i].first + k];

			sum += weight;
			indicator[t++] = (double) weight;
		}
		total[i] = split->amounts ? split->amounts[links[i].leaf] : split->units[links[i].leaf];
		own[i] = total[i];
		/* where nothing is expected of any part, nothing is to be spread */
		is_free[i] = sum == 0;
		add_buckets(&input, &b, &links[i], total[i], is_free[i], first, NULL, NULL);
	}
	status = solve_chain(split, &input, value, share);

	/* once more, through what is kept, if the curve does not go there by itself */
	for (int64 i = 0, at = 0; i < n && split->n_kept > 0 && status == TS_OK; at += links[i++].n)
	{
		kept_whole *its = wholes + at * split->n_axes;

		if (is_free[i])
		{
			for (int64 k = 0; k < links[i].n; k++)
				within[at + k] = -1;
		}
		else if (fix_kept(split, &links[i], indicators, total[i], is_fixed + n_past + at, fixed + n_past + at, its, within + at, &own[i]))
			any_kept |= is_off(split, &links[i], is_fixed + n_past + at, fixed + n_past + at, its, within + at, share + n_past + at);
	}
	if (any_kept)
	{
		input.n_buckets = n_past;
		for (int64 i = 0, at = 0; i < n; at += links[i++].n)
			add_buckets(&input, &b, &links[i], own[i], is_free[i], n_past + at, wholes + at * split->n_axes, within + at);
		input.is_fixed = is_fixed;
		input.fixed = fixed;
		for (size_t k = 0; k < input.n_buckets; k++)
			if (b.next[k] != 0)
				input.pool = b.pool;
		input.next = b.next;
		status = solve_chain(split, &input, value, share);
	}
	if (status != TS_OK)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("the weights of the parts of %s are too far apart for method \"linked\"",
						ts_split_leaf_name(split, links[0].leaf))));

	t = n_past;
	for (int64 i = 0; i < n; i++)
		for (int64 k = 0; k < links[i].n; k++, t++)
		{
			int64		from = links[i].first + k;
			int64		cell = ts_split_add_cell(split, links[i].leaf, indicators->keys + from * split->n_axes);

			cells->closed[cell] = indicators->closed[from];
			cells->fallback[cell] = indicators->fallback[from];
			if (total[i] != 0 && !is_free[i])
			{
				/* what is kept on the other side of 0 is nobody's share */
				ts_int128	part = total[i] < 0 ? -share[t] : share[t];

				cells->weight[cell] = Max(part, 0) * split->tree->quantum.mantissa;
				cells->scale[cell] = (int16) (split->tree->quantum.scale + split->amount_decimals);
			}
			else
			{
				cells->weight[cell] = indicators->weight[from];
				cells->scale[cell] = (int16) split->scale;
			}
		}
	if (is_fixed)
	{
		pfree(is_fixed);
		pfree(fixed);
		pfree(wholes);
		pfree(within);
	}
	pfree(b.end);
	pfree(b.total);
	pfree(b.is_free);
	pfree(b.pool);
	pfree(b.next);
	pfree(is_free);
	pfree(own);
	pfree(total);
	pfree(share);
	pfree(value);
	pfree(indicator);
}

void
ts_weigh_linked(ts_split *split)
{
	ts_term    *term = split->term;
	ts_term		indicator = ts_term_history(term);
	bool		given = term->weights || OidIsValid(term->weights_from);
	bool		has_basis = term->has_basis;
	ts_cells	indicators;
	chain_link *links;
	int64		n;
	past	  **pasts = NULL;	/* one for each first day of a chain */
	int64		n_pasts = 0;
	int			n_noted[2] = {0, 0};

	refuse_members(split);
	if (given)
	{
		indicator.method = ts_split_method_find("weights");
		indicator.weights = term->weights;
		indicator.weights_from = term->weights_from;
		split->basis_times = 1;
	}
	ts_term_weigh(split, &indicator);
	term->has_basis = indicator.has_basis;
	term->basis_from = indicator.basis_from;
	term->basis_upto = indicator.basis_upto;
	indicators = split->cells;
	memset(&split->cells, 0, sizeof(split->cells));

	links = find_links(split, &indicators, &n);
	if (term->link)
		pasts = MemoryContextAllocHuge(split->context, sizeof(past *) * (n + 1));
	for (int64 first = 0, last; first < n; first = last)
	{
		past_period *periods = NULL;
		int64		n_past = 0;

		for (last = first + 1; last < n && is_next(&links[last - 1], &links[last]); last++)
			;
		if (term->link)
		{
			int64		i = 0;

			while (i < n_pasts && pasts[i]->start != links[first].from)
				i++;
			if (i == n_pasts)
				pasts[n_pasts++] = read_past(split, links + first, n - first, given ? NULL : &indicator, has_basis);
			periods = find_past(split, pasts[i], links + first, last - first, &indicators, given, &n_past);
			note_chain(split, &links[first], n_past > 0 ? &periods[n_past - 1] : NULL, n_noted);
		}
		weigh_chain(split, links + first, last - first, &indicators, periods, n_past);
		if (periods)
			pfree(periods);
	}
	if (term->link)
		note_chains(split, n_noted);
}
