/*-------------------------------------------------------------------------
 *
 * bounded.c
 *	  Share an amount by weights, in whole units, with a lower and an upper
 *	  bound for each part: flat lists and whole trees.
 *
 * Glossary (see also units.h and apportion.c)
 *	  part			a row of a list, a node of a tree
 *	  bounds		l and u of a part, in units; either may be missing
 *	  level			s, the amount per weight that is the same for all parts
 *	  exact share	clamp(s * w, l, u), with the level at which these add up
 *					to the total T
 *	  held			a part whose exact share is one of its bounds
 *	  free			any other part; its exact share is s * w
 *	  breakpoint	l / w or u / w, the level at which a part leaves a bound or
 *					reaches it
 *	  pivot			a level that is tried
 *
 * What is computed
 *	  The sum g(s) of clamp(s * w, l, u) over the parts does not fall as s
 *	  rises, and every part's share is the same for all s with g(s) = T, so the
 *	  exact shares are unique (bounded proportional allocation; the same clamp
 *	  is the minimum of sum w^2 / x and of the relative entropy to w).
 *
 *	  A missing bound does not mean that a share may change its sign.  Where T
 *	  is not negative, a part without a lower bound does not go below 0, nor
 *	  below its upper bound where that is negative: an amount of 10 with a floor
 *	  of 20 in one part is an error and not -10 for the others.  A part that
 *	  has a negative lower bound may go down to it.  A negative T is the mirror
 *	  image: T and the bounds are negated, lower and upper ones change places,
 *	  and the shares are negated at the end.  A weight of 0 has the share
 *	  clamp(0, l, u) at any level.
 *
 *	  Bounds are whole units, so floor and ceiling of a free part's exact share
 *	  are within its bounds.  What the held parts leave over is therefore
 *	  shared among the free ones by ts_apportion128 as if there were no bounds,
 *	  with its rule for ties; no second pass is needed.
 *
 * Method
 *	  The level is bracketed.  At a pivot p / q every part that is still open is
 *	  classified by comparing p * w with l * q and u * q, products of 256 bits;
 *	  the shares add up to less or more than T, again by such a comparison, so
 *	  the level is above or below the pivot, and all breakpoints on the other
 *	  side are settled.  Parts without an open breakpoint leave the list.
 *	  Every other pivot is the level that would do if nothing were held but what
 *	  is known to be (the first: the level without bounds); it is often final.
 *	  In between, a breakpoint is picked by a fixed sequence of pseudo-random
 *	  numbers, as in quickselect, so that O(n) steps are expected whatever the
 *	  bounds are.  The result does not depend on the pivots.
 *
 *	  A tree is solved from the top down: the children of a node share the
 *	  node's exact share by their weights, within their effective bounds.
 *	  Effective is what a node's own bounds and the sums of its children's
 *	  effective bounds have in common; they are made from the leaves up, and
 *	  where they do not cross there is a solution below.  A node's weight is the
 *	  sum of the weights below it.
 *
 *	  Shares are kept exactly.  The children of a free node have the node's own
 *	  level as long as none of them is held, the quotient of two integers.  Where
 *	  a child is held, the level of the others is what is left by the sum of
 *	  their weights.  What is left is a whole number of units if the node is
 *	  held itself; if it is not, it is a fraction with the denominator of the
 *	  node's share, reduced, and these multiply with every such node on the way
 *	  down.  A denominator may grow to 2^k, with k = 125 less the bits of |T| and
 *	  of twice the sum of the lower bounds below 0 (of the upper ones above 0
 *	  for a negative T): 75 for amounts of 10^15 units.  A share whose
 *	  denominator would be larger is cut to a multiple of 2^-k of a unit before
 *	  it is shared on.
 *
 *	  Rounding is that of ts_apportion_tree: floors first, and what a node's
 *	  units leave over goes to the children with the largest fractions; the
 *	  larger weight goes first, then the smaller index.  Where shares are
 *	  negative, so is the order of ties: they are rounded as their mirror images.
 *
 *	  Where the shares that the nodes have now are given (old[]), the rounding
 *	  changes as few of them as it can, and those by as little as it can.  Floor
 *	  or ceiling are still the only choices.  cost is what the floor of a node
 *	  costs in its whole subtree, gain what the ceiling costs more: a node of k
 *	  children with r units to hand out costs the sum of theirs and of their r
 *	  smallest gains.  So costs are made from the leaves up, for both choices,
 *	  and from the top down the units go to the children with the smallest
 *	  gains, among equals as above.  A changed number costs CHANGE, a node that
 *	  is a unit further from its old share than it must be costs 1.
 *
 * What is promised of a tree
 *	  Sums are exact on every level and no share is beyond an effective bound,
 *	  always.  Every share is its exact share rounded down or up; below a node
 *	  whose share was cut, the same is true of numbers that differ from the
 *	  exact shares by less than 2^(2-k) of a unit for each such node above (and
 *	  if a node was rounded up for a fraction that was cut off for its children,
 *	  one of them has that unit beyond its ceiling).
 *	  Where no bound holds anything the shares are those of ts_apportion_tree.
 *
 * Limits
 *	  |T| < 2^126, as the sum of |l| of all parts for T >= 0 (|u| for T < 0) and
 *	  each single bound; in a tree 2^122.  Sum of the weights < 2^127.  2^31 - 2
 *	  parts.  Beyond them TS_TOO_LARGE.
 *
 *-------------------------------------------------------------------------
 */
#include "engine/bounded.h"

#include <string.h>

#include "engine/wide.h"

/* parts between two calls of the caller's check function, less one */
#define CHECK_MASK		((size_t) 0x1fff)

/* what bounds, amounts and their sums stay below */
#define MAX_BITS		126
#define LIMIT			((ts_int128) 1 << MAX_BITS)

/*
 * More bits of held[] while the level is looked for.  ZERO: the weight is 0.
 * ABOVE_LOWER, BELOW_UPPER: the level is known to be above l / w, below u / w.
 */
#define ZERO			4
#define ABOVE_LOWER		8
#define BELOW_UPPER		16

/* where a part is at a pivot; three more bits */
#define PLACE_SHIFT		5
#define PLACE_MASK		(7 << PLACE_SHIFT)

typedef enum bounded_place
{
	PLACE_UNDER,				/* s * w < l */
	PLACE_ON_LOWER,				/* s * w = l */
	PLACE_INSIDE,
	PLACE_ON_UPPER,				/* s * w = u */
	PLACE_OVER					/* s * w > u */
} bounded_place;

/*
 * Parts that share a total.  Position i of the list is part member[i], or part
 * i when there is no member array.  The total and, through bounds_of, the
 * bounds are in units divided by scale.
 */
typedef struct bounded_list
{
	size_t		n;
	const int32_t *member;
	const ts_int128 *weight;
	const ts_int128 *lower;		/* NULL: none has one */
	const ts_int128 *upper;
	bool		mirrored;		/* the total was negative */
	ts_int128	scale;
	ts_int128	reach;			/* no share can be above: an upper bound that
								 * is does not matter */
	ts_int128	total;
	uint8_t    *held;
	int32_t    *open;			/* work: n parts */
	ts_check	check;

	/* the level: rest / whole; whole is 0 when no part is free */
	ts_int128	rest;
	ts_int128	whole;
} bounded_list;

/* a level: p / q, q > 0 */
typedef struct bounded_pivot
{
	ts_int128	p;
	ts_int128	q;
} bounded_pivot;

static inline size_t
list_part(const bounded_list *list, size_t i)
{
	return list->member != NULL ? (size_t) list->member[i] : i;
}

static inline void
list_check(const bounded_list *list, size_t i)
{
	if ((i & CHECK_MASK) == CHECK_MASK && list->check != NULL)
		list->check();
}

static inline ts_uint128
magnitude(ts_int128 value)
{
	return value < 0 ? -(ts_uint128) value : (ts_uint128) value;
}

static inline ts_int128
clamp_zero(ts_int128 lower, ts_int128 upper)
{
	return lower > 0 ? lower : upper < 0 ? upper : 0;
}

/*
 * Sign of a * b - c * d for b, d >= 0
 */
static inline int
compare_products(ts_int128 a, ts_int128 b, ts_int128 c, ts_int128 d)
{
	ts_uint128	high[2];
	ts_uint128	low[2];
	bool		negative = a < 0;

	if ((a == (int64_t) a) & (b == (int64_t) b) &
		(c == (int64_t) c) & (d == (int64_t) d))
	{
		a *= b;
		c *= d;
		return (a > c) - (a < c);
	}
	if (negative != (c < 0))
	{
		/* one is below 0 unless its other factor is 0 */
		if (negative)
			return b == 0 && (c == 0 || d == 0) ? 0 : -1;
		return d == 0 && (a == 0 || b == 0) ? 0 : 1;
	}
	ts_multiply(magnitude(a), (ts_uint128) b, &high[0], &low[0]);
	ts_multiply(magnitude(c), (ts_uint128) d, &high[1], &low[1]);
	if (high[0] == high[1] && low[0] == low[1])
		return 0;
	return ((high[0] > high[1] || (high[0] == high[1] && low[0] > low[1])) !=
			negative) ? 1 : -1;
}

/*
 * The bounds of a part as given, mirrored where the total was negative, with
 * a missing lower one filled in; units
 */
static inline void
given_bounds(const bounded_list *list, size_t part,
			 ts_int128 *lower, ts_int128 *upper)
{
	ts_int128	l = list->lower != NULL ? list->lower[part] : TS_NO_LOWER;
	ts_int128	u = list->upper != NULL ? list->upper[part] : TS_NO_UPPER;

	if (list->mirrored)
	{
		ts_int128	swap = l;

		l = u == TS_NO_UPPER ? TS_NO_LOWER : -u;
		u = swap == TS_NO_LOWER ? TS_NO_UPPER : -swap;
	}
	if (l == TS_NO_LOWER)
		l = u < 0 ? u : 0;
	*lower = l;
	*upper = u;
}

/*
 * The same as the search for the level needs them: in units divided by scale;
 * a weight of 0 has one possible share
 */
static inline void
bounds_of(const bounded_list *list, size_t part,
		  ts_int128 *lower, ts_int128 *upper)
{
	given_bounds(list, part, lower, upper);
	if (list->held[part] & ZERO)
		*lower = *upper = clamp_zero(*lower, *upper);
	if (*upper > list->reach)
		*upper = TS_NO_UPPER;
	if (list->scale != 1)
	{
		*lower *= list->scale;
		if (*upper != TS_NO_UPPER)
			*upper *= list->scale;
	}
}

/*
 * Where is this open part at the pivot?  What is known of the level is not
 * compared again.
 */
static inline bounded_place
place_of(const bounded_pivot *pivot, uint8_t known, ts_int128 weight,
		 ts_int128 lower, ts_int128 upper)
{
	int			order;

	if (!(known & ABOVE_LOWER))
	{
		order = compare_products(pivot->p, weight, lower, pivot->q);
		if (order <= 0)
			return order < 0 ? PLACE_UNDER : PLACE_ON_LOWER;
	}
	if (!(known & BELOW_UPPER) && upper != TS_NO_UPPER)
	{
		order = compare_products(pivot->p, weight, upper, pivot->q);
		if (order >= 0)
			return order > 0 ? PLACE_OVER : PLACE_ON_UPPER;
	}
	return PLACE_INSIDE;
}

/*
 * Place the open parts at the pivot; the sign of the sum of shares less total
 *
 * held_sum is of the parts that are known to be held, weight of all others.
 * The sum of shares that are held can only go beyond 128 bits upwards, since
 * the lower bounds' sum is limited; then it is also above the total.
 */
static int
try_pivot(const bounded_list *list, size_t n_open, const bounded_pivot *pivot,
		  ts_int128 held_sum, ts_int128 weight)
{
	bool		overflow = false;
	size_t		i;

	for (i = 0; i < n_open; i++)
	{
		size_t		part = (size_t) list->open[i];
		ts_int128	lower;
		ts_int128	upper;
		bounded_place place;

		list_check(list, i);
		bounds_of(list, part, &lower, &upper);
		place = place_of(pivot, list->held[part], list->weight[part],
						 lower, upper);
		list->held[part] = (uint8_t) ((list->held[part] & ~PLACE_MASK) |
									  (place << PLACE_SHIFT));
		if (place != PLACE_UNDER && place != PLACE_OVER)
			continue;
		weight -= list->weight[part];
		if (__builtin_add_overflow(held_sum, place == PLACE_UNDER ? lower : upper,
								   &held_sum))
			overflow = true;
	}
	if (overflow || __builtin_sub_overflow(list->total, held_sum, &held_sum))
		return 1;
	return compare_products(pivot->p, weight, held_sum, pivot->q);
}

/*
 * A breakpoint that is still open, of one of the open parts
 */
static void
pick_pivot(const bounded_list *list, size_t n_open, uint64_t *random,
		   bounded_pivot *pivot)
{
	size_t		part;
	uint8_t		known;
	ts_int128	lower;
	ts_int128	upper;

	*random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	part = (size_t) list->open[(*random >> 33) % n_open];
	known = list->held[part];
	bounds_of(list, part, &lower, &upper);
	pivot->q = list->weight[part];
	if ((known & ABOVE_LOWER) ||
		(!(known & BELOW_UPPER) && upper != TS_NO_UPPER && (*random >> 32 & 1)))
		pivot->p = upper;
	else
		pivot->p = lower;
}

/*
 * Find the level: sets rest and whole, and bits TS_AT_LOWER and TS_AT_UPPER of
 * held[] for the parts that are held (one of them for a lock).  A part whose
 * s * w is just its bound may count as free, which makes no difference.
 *
 * There must be a solution.
 */
static void
find_level(bounded_list *list)
{
	ts_int128	held_sum = 0;
	ts_int128	weight = 0;		/* of the parts that are not held */
	uint64_t	random = 0;
	bounded_pivot pivot;
	unsigned	turn = 0;
	size_t		n_open = 0;
	size_t		i;

	for (i = 0; i < list->n; i++)
	{
		size_t		part = list_part(list, i);
		ts_int128	lower;
		ts_int128	upper;

		list_check(list, i);
		list->held[part] = list->weight[part] == 0 ? ZERO : 0;
		bounds_of(list, part, &lower, &upper);
		if (lower < upper)
		{
			list->open[n_open++] = (int32_t) part;
			weight += list->weight[part];
			continue;
		}
		list->held[part] |= TS_AT_LOWER;
		held_sum += lower;
	}

	while (n_open > 0)
	{
		size_t		kept = 0;
		int			order;

		if (turn++ % 2 == 0)
		{
			pivot.p = list->total - held_sum;
			pivot.q = weight;
		}
		else
			pick_pivot(list, n_open, &random, &pivot);
		order = try_pivot(list, n_open, &pivot, held_sum, weight);

		for (i = 0; i < n_open; i++)
		{
			size_t		part = (size_t) list->open[i];
			uint8_t    *held = &list->held[part];
			bounded_place place = (bounded_place) (*held >> PLACE_SHIFT);
			ts_int128	lower;
			ts_int128	upper;

			list_check(list, i);
			bounds_of(list, part, &lower, &upper);
			*held &= (uint8_t) ~PLACE_MASK;

			/* order > 0: the level is below the pivot */
			if (place == PLACE_UNDER ? order >= 0 :
				place == PLACE_ON_LOWER && order > 0)
			{
				*held |= TS_AT_LOWER;
				held_sum += lower;
				weight -= list->weight[part];
				continue;
			}
			if (place == PLACE_OVER ? order <= 0 :
				place == PLACE_ON_UPPER && order < 0)
			{
				*held |= TS_AT_UPPER;
				held_sum += upper;
				weight -= list->weight[part];
				continue;
			}
			if (order <= 0 && place != PLACE_UNDER)
				*held |= ABOVE_LOWER;
			if (order >= 0 && place != PLACE_OVER)
				*held |= BELOW_UPPER;
			if ((*held & ABOVE_LOWER) &&
				((*held & BELOW_UPPER) || upper == TS_NO_UPPER))
				continue;
			list->open[kept++] = (int32_t) part;
		}
		n_open = kept;
	}
	list->rest = list->total - held_sum;
	list->whole = weight;
}

/*
 * Is a given pair of bounds good?
 */
static ts_status
check_bounds(ts_int128 lower, ts_int128 upper)
{
	if ((lower != TS_NO_LOWER && magnitude(lower) >= (ts_uint128) LIMIT) ||
		(upper != TS_NO_UPPER && magnitude(upper) >= (ts_uint128) LIMIT))
		return TS_TOO_LARGE;
	return lower > upper ? TS_CROSSED_BOUNDS : TS_OK;
}

/*
 * Add an upper bound to a sum of them; a sum beyond 128 bits is as good as none
 */
static inline void
add_upper(ts_int128 *sum, ts_int128 upper)
{
	if (*sum == TS_NO_UPPER || upper == TS_NO_UPPER ||
		__builtin_add_overflow(*sum, upper, sum))
		*sum = TS_NO_UPPER;
}

/*
 * Say that total cannot be had from parts that take at least or at most sum
 */
static ts_status
report_shortfall(ts_bounds_report *why, bool mirrored, size_t index,
				 ts_int128 total, ts_int128 sum, bool only_zero_weights)
{
	bool		below = total < sum;

	why->index = index;
	why->total = mirrored ? -total : total;
	why->sum = mirrored ? -sum : sum;
	why->shortfall = below ? sum - total : total - sum;
	if (only_zero_weights)
		return TS_ONLY_ZERO_WEIGHTS;
	return below != mirrored ? TS_BELOW_BOUNDS : TS_ABOVE_BOUNDS;
}

/*
 * Check weights and bounds, and that there is a solution
 */
static ts_status
check_list(const bounded_list *list, ts_bounds_report *why)
{
	ts_int128	whole = 0;
	ts_int128	size = 0;		/* sum of |l| */
	ts_int128	low = 0;		/* what the parts take at least and at most */
	ts_int128	high = 0;
	ts_int128	low_given = 0;	/* the same if weights of 0 could move */
	ts_int128	high_given = 0;
	size_t		i;

	for (i = 0; i < list->n; i++)
	{
		ts_int128	lower;
		ts_int128	upper;
		ts_status	status;

		list_check(list, i);
		if (list->weight[i] < 0)
			return TS_NEGATIVE_WEIGHT;
		if (__builtin_add_overflow(whole, list->weight[i], &whole))
			return TS_TOO_LARGE;
		status = check_bounds(list->lower != NULL ? list->lower[i] : TS_NO_LOWER,
							  list->upper != NULL ? list->upper[i] : TS_NO_UPPER);
		if (status == TS_CROSSED_BOUNDS)
			why->index = i;
		if (status != TS_OK)
			return status;
		given_bounds(list, i, &lower, &upper);
		size += (ts_int128) magnitude(lower);
		if (size >= LIMIT)
			return TS_TOO_LARGE;
		low_given += lower;
		add_upper(&high_given, upper);
		if (list->weight[i] == 0)
			lower = upper = clamp_zero(lower, upper);
		low += lower;
		add_upper(&high, upper);
	}
	if (list->total < low)
	{
		bool		zero = list->total >= low_given;

		return report_shortfall(why, list->mirrored, SIZE_MAX, list->total,
								zero ? low : low_given, zero);
	}
	if (high != TS_NO_UPPER && list->total > high)
	{
		bool		zero = list->total <= high_given;

		return report_shortfall(why, list->mirrored, SIZE_MAX, list->total,
								zero ? high : high_given, zero);
	}
	return TS_OK;
}

/*
 * Bytes of work memory that ts_bounded needs for n parts
 */
size_t
ts_bounded_work(size_t n)
{
	return n * sizeof(int32_t);
}

/*
 * Share total units by n weights within bounds
 *
 * lower[], upper[]: units, TS_NO_LOWER and TS_NO_UPPER where there is none;
 * NULL where no part has one.  weight[] is overwritten.  share[]: units.
 * held[]: TS_AT_LOWER, TS_AT_UPPER where the exact share is that bound of the
 * part.  cut: as ts_apportion128, among the free parts.
 *
 * TS_CROSSED_BOUNDS, TS_BELOW_BOUNDS, TS_ABOVE_BOUNDS and TS_ONLY_ZERO_WEIGHTS
 * (which only says that weights of 0 are in the way: the bounds' sums would
 * do) are explained in why.
 *
 * work: ts_bounded_work(n) bytes, aligned to 4.  Together with the arguments 69
 * bytes a part, less 16 for each array of bounds that is not there.
 */
ts_status
ts_bounded(size_t n, ts_int128 *weight, const ts_int128 *lower,
		   const ts_int128 *upper, ts_int128 total, ts_int128 *share,
		   uint8_t *held, void *work, ts_cut *cut, ts_bounds_report *why,
		   ts_check check)
{
	bounded_list list;
	ts_status	status;
	size_t		i;

	memset(cut, 0, sizeof(*cut));
	memset(why, 0, sizeof(*why));
	if (n > INT32_MAX - 1 || magnitude(total) >= (ts_uint128) LIMIT)
		return TS_TOO_LARGE;
	memset(&list, 0, sizeof(list));
	list.n = n;
	list.weight = weight;
	list.lower = lower;
	list.upper = upper;
	list.mirrored = total < 0;
	list.scale = 1;
	list.reach = TS_NO_UPPER;
	list.total = total < 0 ? -total : total;
	list.held = held;
	list.open = work;
	list.check = check;
	status = check_list(&list, why);
	if (status != TS_OK)
		return status;

	find_level(&list);
	for (i = 0; i < n; i++)
	{
		if (held[i] & (TS_AT_LOWER | TS_AT_UPPER))
			weight[i] = 0;
		list_check(&list, i);
	}
	status = ts_apportion128(n, weight, list.mirrored ? -list.rest : list.rest,
							 NULL, share, cut, check);
	if (status != TS_OK)
		return status;

	for (i = 0; i < n; i++)
	{
		uint8_t		flags = 0;

		list_check(&list, i);
		if (held[i] & (TS_AT_LOWER | TS_AT_UPPER))
		{
			ts_int128	bounds[2];

			bounds_of(&list, i, &bounds[0], &bounds[1]);
			share[i] = bounds[(held[i] & TS_AT_LOWER) ? 0 : 1];
			if (list.mirrored)
				share[i] = -share[i];
		}

		/* weight[] holds the remainders now, unless all free shares are 0 */
		if (list.rest == 0 || weight[i] == 0)
		{
			if (lower != NULL && share[i] == lower[i])
				flags |= TS_AT_LOWER;
			if (upper != NULL && share[i] == upper[i])
				flags |= TS_AT_UPPER;
		}
		held[i] = flags;
	}
	return TS_OK;
}

/*
 * A level in a tree: rest / whole / scale units per weight
 */
typedef struct bounded_level
{
	ts_int128	rest;
	ts_int128	whole;
	ts_int128	scale;
} bounded_level;

/*
 * A tree while it is solved.  fraction and remainder of a node: its exact share
 * is the floor + (fraction + remainder / whole) / scale units, with whole and
 * scale of its parent's level.  level[0] is that of the total's children,
 * level[i + 1] that of node i's.
 */
typedef struct bounded_tree
{
	bounded_list list;			/* the set of siblings that is looked at */
	const int32_t *parent;
	ts_int128  *weight;
	ts_int128  *lower;
	ts_int128  *upper;
	ts_int128  *share;
	bounded_level *level;
	ts_int128  *fraction;
	ts_int128  *remainder;
	ts_int128	whole;			/* sum of the weights */
	ts_int128	max_scale;
	const ts_int128 *old;		/* NULL: shares are rounded without regard to any */
	int64_t    *cost;
	int64_t    *gain;
} bounded_tree;

/* cost of a changed number; there are less than 2^31 that may be 1 off */
#define CHANGE			((int64_t) 1 << 31)

/* limit of amounts and sums of bounds in a tree */
#define TREE_LIMIT		((ts_int128) 1 << (MAX_BITS - 4))

static ts_int128
greatest_common_divisor(ts_int128 a, ts_int128 b)
{
	while (b != 0)
	{
		ts_int128	rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* divide both by what they have in common; *b > 0 */
static void
reduce(ts_int128 *a, ts_int128 *b)
{
	ts_int128	divisor = greatest_common_divisor((ts_int128) magnitude(*a), *b);

	*a /= divisor;
	*b /= divisor;
}

/*
 * floor(level->rest * weight / level->whole) and the remainder
 */
static ts_int128
share_at_level(const bounded_level *level, const ts_ratio *ratio,
			   ts_int128 weight, ts_int128 *remainder)
{
	ts_uint128	rest;
	ts_int128	share = (ts_int128) ts_ratio_floor(ratio, (ts_uint128) weight,
												   &rest);

	*remainder = (ts_int128) rest;
	if (level->rest >= 0)
		return share;
	if (rest == 0)
		return -share;
	*remainder = level->whole - (ts_int128) rest;
	return -share - 1;
}

/* floor(a / b) and the remainder, b > 0 */
static inline ts_int128
divide_floor(ts_int128 a, ts_int128 b, ts_int128 *remainder)
{
	ts_int128	quotient;

	if (b == 1)
	{
		*remainder = 0;
		return a;
	}
	quotient = a / b;
	*remainder = a % b;
	if (*remainder < 0)
	{
		*remainder += b;
		quotient--;
	}
	return quotient;
}

/*
 * Give each sibling the floor of its exact share at the level, or the bound
 * that it is held at; false if one that is not held would be beyond a bound
 */
static bool
place_siblings(bounded_tree *tree, const bounded_level *level)
{
	const bounded_list *list = &tree->list;
	ts_ratio	ratio = {0};
	size_t		i;

	if (level->whole > 0)
		ts_ratio_init(&ratio, magnitude(level->rest), (ts_uint128) level->whole);
	for (i = 0; i < list->n; i++)
	{
		size_t		node = (size_t) list->member[i];
		uint8_t		held = list->held[node] & (TS_AT_LOWER | TS_AT_UPPER);
		ts_int128	share;

		list_check(list, i);
		tree->fraction[node] = 0;
		tree->remainder[node] = 0;
		if (held != 0)
		{
			tree->share[node] = held == TS_AT_LOWER ? tree->lower[node] :
				tree->upper[node];
			continue;
		}
		share = share_at_level(level, &ratio, tree->weight[node],
							   &tree->remainder[node]);
		share = divide_floor(share, level->scale, &tree->fraction[node]);
		tree->share[node] = share;
		if (share < tree->lower[node] || share > tree->upper[node] ||
			(share == tree->upper[node] &&
			 (tree->fraction[node] | tree->remainder[node]) != 0))
			return false;
	}
	return true;
}

/*
 * The exact share of a free node, which has the given level, as *total / *scale
 */
static void
fraction_of_node(const bounded_tree *tree, const bounded_level *level,
				 size_t node, ts_int128 *total, ts_int128 *scale)
{
	ts_int128	rest = level->rest;
	ts_int128	weight = tree->weight[node];
	ts_int128	whole = level->whole;
	ts_int128	old_scale = level->scale;
	ts_int128	remainder;
	ts_int128	fraction;
	ts_int128	units;
	ts_uint128	ignored;
	ts_ratio	ratio;

	reduce(&rest, &whole);
	reduce(&weight, &whole);
	reduce(&rest, &old_scale);
	reduce(&weight, &old_scale);
	if (!__builtin_mul_overflow(whole, old_scale, scale) &&
		*scale <= tree->max_scale)
	{
		*total = rest * weight;
		return;
	}

	/* cut: each of the three parts, and the last one twice */
	*scale = tree->max_scale;
	ts_ratio_init(&ratio, magnitude(level->rest), (ts_uint128) level->whole);
	units = share_at_level(level, &ratio, tree->weight[node], &remainder);
	units = divide_floor(units, level->scale, &fraction);
	*total = units * *scale;
	ts_ratio_init(&ratio, (ts_uint128) *scale, (ts_uint128) level->scale);
	*total += (ts_int128) ts_ratio_floor(&ratio, (ts_uint128) fraction, &ignored);
	ts_ratio_init(&ratio, (ts_uint128) *scale, (ts_uint128) level->whole);
	*total += (ts_int128) ts_ratio_floor(&ratio, (ts_uint128) remainder, &ignored) /
		level->scale;
}

/*
 * Does sibling a get a unit before sibling b?  What changes fewer old shares,
 * where there are any; then the larger fraction, larger weight,
 * smaller index; the last two reversed where shares are negative, since a unit
 * then is one that is not taken.
 */
static bool
before(const bounded_tree *tree, bool negative, int32_t a, int32_t b)
{
	if (tree->old != NULL && tree->gain[a] != tree->gain[b])
		return tree->gain[a] < tree->gain[b];
	if (tree->fraction[a] != tree->fraction[b])
		return tree->fraction[a] > tree->fraction[b];
	if (tree->remainder[a] != tree->remainder[b])
		return tree->remainder[a] > tree->remainder[b];
	if (tree->weight[a] != tree->weight[b])
		return (tree->weight[a] > tree->weight[b]) != negative;
	return (a < b) != negative;
}

static inline void
swap_nodes(int32_t *a, int32_t *b)
{
	int32_t		swap = *a;

	*a = *b;
	*b = swap;
}

/*
 * Reorder node[] so that the first count are those that come before all others
 * (quickselect; no two are equal)
 */
static void
select_first(const bounded_tree *tree, bool negative, int32_t *node, size_t n,
			 size_t count)
{
	size_t		low = 0;
	size_t		high = n;
	uint64_t	random = 0;

	while (high - low > 1 && low < count && count < high)
	{
		size_t		place = low;
		size_t		last = high - 1;
		size_t		i;

		random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		swap_nodes(&node[low + (random >> 33) % (high - low)], &node[last]);
		for (i = low; i < last; i++)
		{
			list_check(&tree->list, i);
			if (before(tree, negative, node[i], node[last]))
				swap_nodes(&node[i], &node[place++]);
		}
		swap_nodes(&node[place], &node[last]);
		if (count <= place)
			high = place;
		else
			low = place + 1;
	}
}

/*
 * Add to what a node costs below it, at its floor and more at its ceiling, the
 * cost of its own share
 */
static void
add_own_cost(bounded_tree *tree, size_t node, bool mirrored, int64_t cost, int64_t gain)
{
	ts_int128	old = tree->old[node];
	ts_int128	low = tree->share[node];

	if (old != TS_NO_UPPER)
	{
		if (mirrored)
			old = -old;
		cost += (old != low ? CHANGE : 0) + (old > low ? 1 : 0);
		gain += (old != low + 1 ? CHANGE : 0) + (old <= low ? 1 : 0) -
			(old != low ? CHANGE : 0) - (old > low ? 1 : 0);
	}
	tree->cost[node] = cost;
	tree->gain[node] = gain;
}

/*
 * Make cost and gain of a node from those of its children, which are the list.
 * mirrored: old shares are of the other sign than those of the tree.
 */
static void
make_cost(bounded_tree *tree, size_t node_no, bool mirrored)
{
	const bounded_list *list = &tree->list;
	int32_t    *node = list->open;
	ts_int128	units = tree->share[node_no];
	int64_t		cost = 0;
	int64_t		gain = 0;
	size_t		n = 0;
	size_t		left;
	size_t		i;

	for (i = 0; i < list->n; i++)
	{
		int32_t		child = list->member[i];

		list_check(list, i);
		units -= tree->share[child];
		cost += tree->cost[child];
		if ((tree->fraction[child] | tree->remainder[child]) != 0)
			node[n++] = child;
	}
	left = units <= 0 ? 0 : units < (ts_int128) n ? (size_t) units : n;
	if (left > 0 && left < n)
		select_first(tree, tree->level[node_no + 1].rest < 0, node, n, left);
	for (i = 0; i < left; i++)
		cost += tree->gain[node[i]];
	for (i = left; i < n; i++)
		if (i == left || tree->gain[node[i]] < gain)
			gain = tree->gain[node[i]];
	add_own_cost(tree, node_no, mirrored, cost, gain);
}

/*
 * Hand out what the floors of the siblings leave of their parent's units
 */
static void
round_siblings(bounded_tree *tree, ts_int128 units, bool negative,
			   ts_tie tie, void *tie_arg)
{
	const bounded_list *list = &tree->list;
	int32_t    *node = list->open;
	size_t		n = 0;
	size_t		left;
	size_t		i;

	for (i = 0; i < list->n; i++)
	{
		int32_t		sibling = list->member[i];

		list_check(list, i);
		units -= tree->share[sibling];
		if ((tree->fraction[sibling] | tree->remainder[sibling]) != 0)
			node[n++] = sibling;
	}
	left = units < (ts_int128) n ? (size_t) units : n;
	units -= (ts_int128) left;
	if (left > 0 && left < n)
	{
		int32_t		in;
		int32_t		out;

		select_first(tree, negative, node, n, left);
		in = node[0];
		out = node[left];
		for (i = 1; i < left; i++)
		{
			if (before(tree, negative, in, node[i]))
				in = node[i];
		}
		for (i = left + 1; i < n; i++)
		{
			if (before(tree, negative, node[i], out))
				out = node[i];
		}
		if (tie != NULL && tree->fraction[in] == tree->fraction[out] &&
			tree->remainder[in] == tree->remainder[out] &&
			tree->weight[in] == tree->weight[out])
		{
			/* the last that got one of |share|'s units, the first that did not */
			if (negative)
				swap_nodes(&in, &out);
			tie(tie_arg, (size_t) in, (size_t) out);
		}
	}
	for (i = 0; i < left; i++)
		tree->share[node[i]]++;

	/*
	 * A unit can remain only where the parent was rounded up for a fraction
	 * that was cut off for its children.  Some child has room for it.
	 */
	for (i = 0; i < list->n && units > 0; i++)
	{
		ts_int128  *share = &tree->share[list->member[i]];
		ts_int128	upper = tree->upper[list->member[i]];
		ts_int128	given = units;

		if (upper != TS_NO_UPPER && upper - *share < given)
			given = upper - *share;
		*share += given;
		units -= given;
	}
}

/*
 * Find the level of a parent's children, which are the list, and their floors;
 * index of the level, see bounded_tree.  fixed: the parent's exact share is its
 * units.
 */
static void
solve_siblings(bounded_tree *tree, size_t index, ts_int128 units,
			   ts_int128 weight, bool fixed)
{
	bounded_list *list = &tree->list;
	bounded_level *level = &tree->level[index];
	size_t		i;

	for (i = 0; i < list->n; i++)
		list->held[list->member[i]] = weight == 0 ? TS_AT_LOWER : 0;
	if (fixed)
	{
		level->rest = units;
		level->whole = weight;
		level->scale = 1;
	}
	else
		*level = tree->level[tree->parent[index - 1] + 1];

	if (!place_siblings(tree, level))
	{
		list->total = units;
		list->scale = 1;
		if (!fixed)
			fraction_of_node(tree, level, index - 1, &list->total, &list->scale);
		find_level(list);
		level->rest = list->rest;
		level->whole = list->whole;
		level->scale = list->scale;
		(void) place_siblings(tree, level);
	}
}

/* Make the list the children of a node, or of the total: index of their level */
static void
list_children(bounded_tree *tree, size_t index, int32_t *member, const int32_t *start)
{
	tree->list.n = (size_t) (start[index + 1] - start[index]);
	tree->list.member = member + start[index];
}

/*
 * Mirror bounds and units of a tree: negate them, and swap lower and upper
 */
static void
mirror_bounds(size_t n, ts_int128 *lower, ts_int128 *upper)
{
	size_t		i;

	for (i = 0; i < n; i++)
	{
		ts_int128	swap = lower[i];

		lower[i] = upper[i] == TS_NO_UPPER ? TS_NO_LOWER : -upper[i];
		upper[i] = swap == TS_NO_LOWER ? TS_NO_UPPER : -swap;
	}
}

/*
 * Make weights and effective bounds of all nodes from the leaves up, and check
 * that there is a solution
 *
 * low and high hold what the children of a node take together, at least and at
 * most: fraction[] and remainder[], which are not needed yet, and one element
 * for the total.  *room is set to what k is made of, see above.
 */
static ts_status
make_effective_bounds(bounded_tree *tree, size_t n, const int32_t *start,
					  ts_int128 total, bool mirrored, ts_int128 *room,
					  ts_bounds_report *why)
{
	ts_int128  *low = tree->fraction;
	ts_int128  *high = tree->remainder;
	ts_int128	size = 0;		/* sum of |l| of the leaves */
	ts_int128	negative = 0;	/* of those below 0 */
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (start[i + 1] != start[i + 2])
			tree->weight[i] = 0;
		else if (tree->weight[i] < 0)
			return TS_NEGATIVE_WEIGHT;
		list_check(&tree->list, i);
	}
	memset(low, 0, (n + 1) * sizeof(*low));
	memset(high, 0, (n + 1) * sizeof(*high));
	for (i = n + 1; i-- > 0;)
	{
		bool		leaf = i > 0 && start[i] == start[i + 1];
		ts_int128	lower = i > 0 ? tree->lower[i - 1] : total;
		ts_int128	upper = i > 0 ? tree->upper[i - 1] : total;
		ts_int128	weight = i > 0 ? tree->weight[i - 1] : tree->whole;
		size_t		parent;
		ts_status	status;

		list_check(&tree->list, i);
		status = check_bounds(lower, upper);
		if (status == TS_CROSSED_BOUNDS)
			why->index = i - 1;
		if (status != TS_OK)
			return status;
		if (leaf)
		{
			if (lower == TS_NO_LOWER)
				lower = upper < 0 ? upper : 0;
			if (weight == 0)
				lower = upper = clamp_zero(lower, upper);
			size += (ts_int128) magnitude(lower);
			if (size >= TREE_LIMIT)
				return TS_TOO_LARGE;
			if (lower < 0)
				negative -= lower;
		}
		else
		{
			/* own bounds are what the children cannot have */
			if (high[i] != TS_NO_UPPER && lower > high[i])
				return report_shortfall(why, mirrored, i - 1, lower, high[i],
										weight == 0);
			if (upper < low[i])
				return report_shortfall(why, mirrored, i - 1, upper, low[i],
										weight == 0);
			if (low[i] > lower)
				lower = low[i];
			if (high[i] < upper)
				upper = high[i];
		}
		if (i == 0)
			break;
		tree->lower[i - 1] = lower;
		tree->upper[i - 1] = upper;
		/* -1 wraps to 0, the total */
		parent = (size_t) tree->parent[i - 1] + 1;
		if (__builtin_add_overflow(low[parent], lower, &low[parent]) ||
			__builtin_add_overflow(parent > 0 ? tree->weight[parent - 1] : tree->whole,
								   weight,
								   parent > 0 ? &tree->weight[parent - 1] : &tree->whole))
			return TS_TOO_LARGE;
		add_upper(&high[parent], upper);
	}
	*room = total + 2 * negative + 1;
	return TS_OK;
}

/*
 * Bytes of work memory that ts_bounded_tree needs for n nodes: 92 a node, 16
 * more where old shares are given
 */
size_t
ts_bounded_tree_work(size_t n, bool with_old)
{
	return (n + 1) * (sizeof(bounded_level) + 2 * sizeof(ts_int128)) +
		(3 * n + 2) * sizeof(int32_t) +
		(with_old ? 2 * n * sizeof(int64_t) : 0);
}

/*
 * Share total units over the nodes of a tree within bounds of any node
 *
 * parent, weight, share, tie: as ts_apportion_tree.  lower[], upper[]: units,
 * TS_NO_LOWER and TS_NO_UPPER where a node has none; they are set to the
 * effective bounds, except that a node that no bound below it limits keeps
 * TS_NO_UPPER (TS_NO_LOWER for a negative total).  held[]: TS_AT_LOWER,
 * TS_AT_UPPER where the exact share is that effective bound.  A lock is a node
 * with two equal bounds.
 *
 * A weight of 0 at a leaf counts as bounds that are equal, see above.  Where
 * there is no solution, why tells the node: TS_BELOW_BOUNDS if what it is
 * given at most is below what its children need, TS_ABOVE_BOUNDS if what it
 * needs is above what they can take, TS_ONLY_ZERO_WEIGHTS if either is so and
 * its weight is 0.
 *
 * old[]: the shares that the nodes have now, TS_NO_UPPER for one that is new;
 * NULL where there are none to keep.
 *
 * work: ts_bounded_tree_work(n, old != NULL) bytes, aligned to 8.  Together with the
 * arguments 161 bytes a node.
 */
ts_status
ts_bounded_tree(size_t n, const int32_t *parent, ts_int128 *weight,
				ts_int128 *lower, ts_int128 *upper, ts_int128 total,
				const ts_int128 *old, ts_int128 *share, uint8_t *held,
				void *work, ts_tie tie, void *tie_arg,
				ts_bounds_report *why, ts_check check)
{
	bounded_tree tree;
	bool		mirrored = total < 0;
	int32_t    *member;
	int32_t    *start;
	ts_int128	room = 0;
	ts_status	status;
	size_t		i;

	memset(why, 0, sizeof(*why));
	if (n > INT32_MAX - 1 || magnitude(total) >= (ts_uint128) TREE_LIMIT)
		return TS_TOO_LARGE;
	memset(&tree, 0, sizeof(tree));
	tree.parent = parent;
	tree.weight = weight;
	tree.lower = lower;
	tree.upper = upper;
	tree.share = share;
	tree.level = work;
	tree.fraction = (ts_int128 *) (tree.level + n + 1);
	tree.remainder = tree.fraction + n + 1;
	tree.old = old;
	tree.cost = (int64_t *) (tree.remainder + n + 1);
	tree.gain = tree.cost + n;
	member = old == NULL ? (int32_t *) tree.cost : (int32_t *) (tree.gain + n);
	start = member + n;
	tree.list.weight = weight;
	tree.list.lower = lower;
	tree.list.upper = upper;
	tree.list.held = held;
	tree.list.open = start + n + 2;
	tree.list.check = check;
	status = ts_list_siblings(n, parent, member, start, check);
	if (status != TS_OK)
		return status;
	if (mirrored)
	{
		total = -total;
		mirror_bounds(n, lower, upper);
	}
	status = make_effective_bounds(&tree, n, start, total, mirrored, &room, why);
	if (status != TS_OK)
		return status;
	tree.list.reach = room;
	tree.max_scale = 1;
	while (room <= LIMIT / 4)
	{
		room *= 2;
		tree.max_scale *= 2;
	}

	/* levels and floors, from the top down */
	for (i = 0; i <= n; i++)
	{
		list_check(&tree.list, i);
		list_children(&tree, i, member, start);
		if (tree.list.n == 0)
			continue;
		if (i == 0)
			solve_siblings(&tree, 0, total, tree.whole, true);
		else
			solve_siblings(&tree, i, share[i - 1], weight[i - 1],
						   (held[i - 1] & (TS_AT_LOWER | TS_AT_UPPER)) != 0);
	}

	/* what changes of old shares cost, from the leaves up */
	for (i = n; old != NULL && i > 0; i--)
	{
		list_check(&tree.list, i);
		list_children(&tree, i, member, start);
		make_cost(&tree, i - 1, mirrored);
	}

	/* units, from the top down: a parent's are final before its children's */
	for (i = 0; i <= n; i++)
	{
		list_check(&tree.list, i);
		list_children(&tree, i, member, start);
		if (tree.list.n > 0)
			round_siblings(&tree, i == 0 ? total : share[i - 1],
						   tree.level[i].rest < 0, tie, tie_arg);
	}

	for (i = 0; i < n; i++)
	{
		list_check(&tree.list, i);
		held[i] = 0;
		if ((tree.fraction[i] | tree.remainder[i]) == 0)
		{
			if (share[i] == lower[i])
				held[i] |= mirrored ? TS_AT_UPPER : TS_AT_LOWER;
			if (share[i] == upper[i])
				held[i] |= mirrored ? TS_AT_LOWER : TS_AT_UPPER;
		}
		if (mirrored)
			share[i] = -share[i];
	}
	if (mirrored)
		mirror_bounds(n, lower, upper);
	return TS_OK;
}
