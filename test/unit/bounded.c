/*-------------------------------------------------------------------------
 *
 * bounded.c
 *	  Unit tests of the engine's bounded shares; prints TAP.
 *
 *	  cc -std=gnu11 -O2 -Isrc -o x test/unit/bounded.c src/engine/[a-z]*.c
 *
 * The reference does not search for a level.  It goes through all combinations
 * of parts that are held at a bound or free, takes the one whose level fits,
 * and hands out left-over units one at a time.  It computes with small
 * fractions.  Lists with numbers of any size are checked by the conditions for
 * the solution, with products made bit by bit.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/bounded.h"
#include "unit.h"

#define LISTS		400000
#define WIDE_LISTS	100000
#define TREES		150000
#define MAX_PARTS	6
#define MAX_WIDE	200
#define MAX_NODES	64

static int64_t
random_between(int64_t low, int64_t high)
{
	return low + (int64_t) random_below((uint64_t) (high - low) + 1);
}

/*
 * Fractions, reduced, with a denominator above 0; the trees here keep them far
 * below 2^127
 */
typedef struct fraction
{
	ts_int128	up;
	ts_int128	down;
} fraction;

static fraction
make_fraction(ts_int128 up, ts_int128 down)
{
	ts_int128	a = up < 0 ? -up : up;
	ts_int128	b = down;
	fraction	result;

	while (b != 0)
	{
		ts_int128	rest = a % b;

		a = b;
		b = rest;
	}
	result.up = up / a;
	result.down = down / a;
	return result;
}

static int
compare_fractions(fraction a, fraction b)
{
	ts_int128	x = a.up * b.down;
	ts_int128	y = b.up * a.down;

	return (x > y) - (x < y);
}

static ts_int128
floor_fraction(fraction a)
{
	ts_int128	result = a.up / a.down;

	return result * a.down > a.up ? result - 1 : result;
}

/* a - b, b a whole number */
static fraction
less_whole(fraction a, ts_int128 b)
{
	return make_fraction(a.up - b * a.down, a.down);
}

/* a part of a reference problem: bounds are what it may really have */
typedef struct part
{
	ts_int128	weight;
	ts_int128	lower;
	ts_int128	upper;
	bool		no_upper;
	bool		no_lower;
	fraction	exact;
	bool		free;
} part;

/*
 * The exact shares of total, by trying all combinations; false if none fits
 */
static bool
reference_level(size_t n, part *parts, fraction total, bool *negative)
{
	int			combinations = 1;
	int			combination;
	size_t		i;

	for (i = 0; i < n; i++)
		combinations *= 3;
	for (combination = 0; combination < combinations; combination++)
	{
		fraction	rest = total;
		ts_int128	whole = 0;
		int			code = combination;
		bool		good = true;
		bool		any_low = false;
		bool		any_high = false;
		fraction	low = {0, 1};	/* what the level must be between */
		fraction	high = {0, 1};

		for (i = 0; i < n && good; i++, code /= 3)
		{
			part	   *p = &parts[i];

			p->free = code % 3 == 2;
			if (p->free)
			{
				good = p->weight > 0;
				whole += p->weight;
				continue;
			}
			good = code % 3 == 0 ? !p->no_lower : !p->no_upper;
			if (!good)
				break;
			p->exact = make_fraction(code % 3 == 0 ? p->lower : p->upper, 1);
			rest = less_whole(rest, p->exact.up);
			if (p->weight == 0)
				continue;
			if (code % 3 == 0)
			{
				fraction	at = make_fraction(p->lower, p->weight);

				if (!any_high || compare_fractions(at, high) < 0)
					high = at;
				any_high = true;
			}
			else
			{
				fraction	at = make_fraction(p->upper, p->weight);

				if (!any_low || compare_fractions(at, low) > 0)
					low = at;
				any_low = true;
			}
		}
		if (!good)
			continue;
		if (whole == 0)
		{
			if (rest.up != 0 ||
				(any_low && any_high && compare_fractions(low, high) > 0))
				continue;
		}
		else
		{
			fraction	level = make_fraction(rest.up, rest.down * whole);

			if ((any_low && compare_fractions(low, level) > 0) ||
				(any_high && compare_fractions(level, high) > 0))
				continue;
			for (i = 0; i < n && good; i++)
			{
				part	   *p = &parts[i];

				if (!p->free)
					continue;
				p->exact = make_fraction(rest.up * p->weight, rest.down * whole);
				good = (p->no_lower || compare_fractions(p->exact, make_fraction(p->lower, 1)) >= 0) &&
					(p->no_upper || compare_fractions(p->exact, make_fraction(p->upper, 1)) <= 0);
			}
			if (!good)
				continue;
		}
		*negative = rest.up < 0;
		return true;
	}
	return false;
}

/*
 * Whole units: floors of |share|, then one unit at a time to the largest
 * fraction, the largest weight, the first.  Where the free shares are negative
 * they are rounded as their mirror images.
 */
static void
reference_round(size_t n, const part *parts, ts_int128 units, bool negative,
				ts_int128 *share, bool *tied)
{
	bool		got[MAX_PARTS] = {false};
	ts_int128	left = units;
	size_t		best = 0;
	size_t		i;
	fraction	fractional[MAX_PARTS];

	*tied = false;
	for (i = 0; i < n; i++)
	{
		fraction	exact = parts[i].exact;

		if (negative)
			exact.up = -exact.up;
		share[i] = floor_fraction(exact);
		fractional[i] = less_whole(exact, share[i]);
		if (negative)
			share[i] = -share[i];
		left -= share[i];
	}
	if (negative)
		left = -left;
	while (left > 0)
	{
		best = n;
		for (i = 0; i < n; i++)
		{
			int			order;

			if (got[i] || fractional[i].up == 0)
				continue;
			order = best == n ? 1 : compare_fractions(fractional[i], fractional[best]);
			if (order > 0 || (order == 0 && parts[i].weight > parts[best].weight))
				best = i;
		}
		if (best == n)
			abort();
		got[best] = true;
		share[best] += negative ? -1 : 1;
		if (--left > 0)
			continue;
		for (i = 0; i < n; i++)
		{
			if (!got[i] && fractional[i].up != 0 &&
				compare_fractions(fractional[i], fractional[best]) == 0 &&
				parts[i].weight == parts[best].weight)
				*tied = true;
		}
	}
}

/* what a part may have: the sign of the total decides where nothing is said */
static void
set_bounds(part *p, ts_int128 weight, ts_int128 lower, ts_int128 upper,
		   bool total_negative, bool zero_is_fixed)
{
	p->weight = weight;
	p->no_lower = lower == TS_NO_LOWER;
	p->no_upper = upper == TS_NO_UPPER;
	p->lower = p->no_lower ? 0 : lower;
	p->upper = p->no_upper ? 0 : upper;
	if (!total_negative && p->no_lower)
	{
		p->no_lower = false;
		p->lower = !p->no_upper && upper < 0 ? upper : 0;
	}
	if (total_negative && p->no_upper)
	{
		p->no_upper = false;
		p->upper = !p->no_lower && lower > 0 ? lower : 0;
	}
	if (weight == 0 && zero_is_fixed)
	{
		ts_int128	only = !p->no_lower && p->lower > 0 ? p->lower :
			!p->no_upper && p->upper < 0 ? p->upper : 0;

		p->lower = p->upper = only;
		p->no_lower = p->no_upper = false;
	}
}

/* random bounds about 0 .. range */
static void
random_bounds(int64_t range, int64_t around, ts_int128 *lower, ts_int128 *upper)
{
	int64_t		a = around + random_between(-range, range);
	int64_t		b = around + random_between(-range, range);
	uint64_t	kind = random_below(8);

	*lower = a < b ? a : b;
	*upper = a < b ? b : a;
	if (kind == 0)
		*lower = *upper;
	if (kind <= 2 && kind > 0)
		*lower = TS_NO_LOWER;
	if (kind >= 2 && kind < 4)
		*upper = TS_NO_UPPER;
}

static bool
check_small_list(bool *tie_seen, bool *solved)
{
	size_t		n = random_below(MAX_PARTS + 1);
	bool		small = random_below(2) == 0;
	int64_t		total = random_between(-20, 60);
	ts_int128	weight[MAX_PARTS];
	ts_int128	given_weight[MAX_PARTS];
	ts_int128	lower[MAX_PARTS];
	ts_int128	upper[MAX_PARTS];
	ts_int128	share[MAX_PARTS];
	ts_int128	expected[MAX_PARTS];
	uint8_t		held[MAX_PARTS];
	int32_t		work[MAX_PARTS];
	part		parts[MAX_PARTS];
	ts_cut		cut;
	ts_bounds_report why;
	ts_status	status;
	ts_int128	low[2] = {0, 0};
	ts_int128	high[2] = {0, 0};
	bool		unlimited_low[2] = {false, false};
	bool		unlimited_high[2] = {false, false};
	bool		crossed = false;
	bool		no_lower = random_below(8) == 0;
	bool		no_upper = random_below(8) == 0;
	bool		negative = false;
	bool		tied = false;
	size_t		i;
	int			fixed;

	for (i = 0; i < n; i++)
	{
		weight[i] = small ? (ts_int128) random_below(4) : (ts_int128) random_below(30);
		given_weight[i] = weight[i];
		random_bounds(random_below(20) + 1, total / (int64_t) n, &lower[i], &upper[i]);
		if (no_lower)
			lower[i] = TS_NO_LOWER;
		if (no_upper)
			upper[i] = TS_NO_UPPER;
		if (random_below(500) == 0 && lower[i] != TS_NO_LOWER && !no_upper)
			upper[i] = lower[i] - 1;
		if (lower[i] > upper[i] && !crossed)
		{
			crossed = true;
			why.index = i;
			expected[0] = (ts_int128) i;
		}
		for (fixed = 0; fixed < 2; fixed++)
		{
			set_bounds(&parts[i], weight[i], lower[i], upper[i], total < 0, fixed == 1);
			low[fixed] += parts[i].no_lower ? 0 : parts[i].lower;
			high[fixed] += parts[i].no_upper ? 0 : parts[i].upper;
			unlimited_low[fixed] |= parts[i].no_lower;
			unlimited_high[fixed] |= parts[i].no_upper;
		}
	}
	status = ts_bounded(n, weight, no_lower ? NULL : lower, no_upper ? NULL : upper,
						total, share, held, work, &cut, &why, NULL);
	if (crossed)
		return status == TS_CROSSED_BOUNDS && (ts_int128) why.index == expected[0];
	for (fixed = 0; fixed < 2; fixed++)
	{
		ts_status	below = fixed ? TS_ONLY_ZERO_WEIGHTS : TS_BELOW_BOUNDS;
		ts_status	above = fixed ? TS_ONLY_ZERO_WEIGHTS : TS_ABOVE_BOUNDS;

		if (!unlimited_low[fixed] && total < low[fixed])
			return status == below && why.total == total && why.sum == low[fixed] &&
				why.shortfall == low[fixed] - total;
		if (!unlimited_high[fixed] && total > high[fixed])
			return status == above && why.total == total && why.sum == high[fixed] &&
				why.shortfall == total - high[fixed];
	}
	if (status != TS_OK || !reference_level(n, parts, make_fraction(total, 1), &negative))
		return false;
	*solved = true;
	reference_round(n, parts, total, negative, expected, &tied);
	*tie_seen |= tied;
	for (i = 0; i < n; i++)
	{
		uint8_t		flags = 0;

		if (lower[i] != TS_NO_LOWER &&
			compare_fractions(parts[i].exact, make_fraction(lower[i], 1)) == 0)
			flags |= TS_AT_LOWER;
		if (upper[i] != TS_NO_UPPER &&
			compare_fractions(parts[i].exact, make_fraction(upper[i], 1)) == 0)
			flags |= TS_AT_UPPER;
		if (share[i] != expected[i] || held[i] != flags)
			return false;
	}
	if (cut.tied != tied)
		return false;
	return !tied || (given_weight[cut.last_chosen] == given_weight[cut.first_not_chosen] &&
					 cut.last_chosen < cut.first_not_chosen);
}

static void
test_small_lists(void)
{
	bool		ok = true;
	bool		tied = false;
	int			solved = 0;
	int			i;

	for (i = 0; i < LISTS && ok; i++)
	{
		bool		has_solution = false;

		ok = check_small_list(&tied, &has_solution);
		solved += has_solution;
	}
	report(ok && tied && solved > LISTS / 4,
		   "400,000 lists equal the search over all combinations: shares, held, ties, errors");
	if (!ok)
		printf("# list %d\n", i - 1);
}

/* a * b in 256 bits, bit by bit */
static void
product_by_bits(ts_uint128 a, ts_uint128 b, ts_uint128 *high, ts_uint128 *low)
{
	int			i;

	*high = 0;
	*low = 0;
	for (i = 127; i >= 0; i--)
	{
		*high = (*high << 1) | (*low >> 127);
		*low <<= 1;
		if (((a >> i) & 1) == 0)
			continue;
		*low += b;
		if (*low < b)
			(*high)++;
	}
}

/* sign of a * b - c * d, b and d not negative */
static int
compare_by_bits(ts_int128 a, ts_int128 b, ts_int128 c, ts_int128 d)
{
	ts_uint128	high[2];
	ts_uint128	low[2];
	int			sign_a = b == 0 ? 0 : (a > 0) - (a < 0);
	int			sign_c = d == 0 ? 0 : (c > 0) - (c < 0);

	if (sign_a != sign_c)
		return sign_a > sign_c ? 1 : -1;
	product_by_bits(a < 0 ? -(ts_uint128) a : (ts_uint128) a, (ts_uint128) b, &high[0], &low[0]);
	product_by_bits(c < 0 ? -(ts_uint128) c : (ts_uint128) c, (ts_uint128) d, &high[1], &low[1]);
	if (high[0] == high[1] && low[0] == low[1])
		return 0;
	return (high[0] > high[1] || (high[0] == high[1] && low[0] > low[1])) ? sign_a : -sign_a;
}

static ts_int128
random_wide(int bits)
{
	ts_uint128	value = ((ts_uint128) next_random() << 64) | next_random();

	return (ts_int128) (value & (((ts_uint128) 1 << (1 + random_below(bits))) - 1));
}

/*
 * A list with large numbers: sum, bounds, and a level that fits every part
 */
static bool
check_wide_list(int *solved)
{
	static ts_int128 weight[MAX_WIDE];
	static ts_int128 given_weight[MAX_WIDE];
	static ts_int128 lower[MAX_WIDE];
	static ts_int128 upper[MAX_WIDE];
	static ts_int128 share[MAX_WIDE];
	static uint8_t held[MAX_WIDE];
	static int32_t work[MAX_WIDE];
	static bool at_zero[MAX_WIDE];
	ts_int128	sum = 0;
	size_t		n = 1 + random_below(random_below(4) == 0 ? MAX_WIDE : 12);
	int			bits = 2 + (int) random_below(100);
	int			weight_bits = 1 + (int) random_below(118);
	ts_int128	total = 0;
	ts_int128	rest;
	ts_int128	whole = 0;
	ts_cut		cut;
	ts_bounds_report why;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		ts_int128	inside;

		weight[i] = random_wide(weight_bits) + 1;
		given_weight[i] = weight[i];
		lower[i] = random_below(3) == 0 ? TS_NO_LOWER :
			random_wide(bits) - (random_below(4) == 0 ? random_wide(bits) : 0);
		upper[i] = random_below(3) == 0 ? TS_NO_UPPER :
			(lower[i] == TS_NO_LOWER ? 0 : lower[i]) + random_wide(bits);
		/* the total is that of some shares within the bounds */
		inside = lower[i] == TS_NO_LOWER ? 0 : lower[i];
		if (random_below(3) != 0)
			inside = upper[i] == TS_NO_UPPER ? inside + random_wide(bits) :
				inside + (ts_int128) ((ts_uint128) next_random() % (ts_uint128) (upper[i] - inside + 1));
		total += inside;
	}
	if (total < 0)
		return true;
	if (total > 0 && random_below(3) == 0)
	{
		/* the mirror image */
		total = -total;
		for (i = 0; i < n; i++)
		{
			ts_int128	swap = lower[i];

			lower[i] = upper[i] == TS_NO_UPPER ? TS_NO_LOWER : -upper[i];
			upper[i] = swap == TS_NO_LOWER ? TS_NO_UPPER : -swap;
		}
	}
	if (ts_bounded(n, weight, lower, upper, total, share, held, work, &cut, &why, NULL) != TS_OK)
		return false;
	(*solved)++;

	rest = total;
	for (i = 0; i < n; i++)
	{
		sum += share[i];
		if (share[i] < lower[i] || share[i] > upper[i])
			return false;
		if (held[i] == 0)
			continue;
		if (share[i] != ((held[i] & TS_AT_LOWER) ? lower[i] : upper[i]))
			return false;
		rest -= share[i];
	}
	if (sum != total)
		return false;

	/* the others are free, or at 0 for want of a bound to go down (up) to */
	for (i = 0; i < n; i++)
	{
		at_zero[i] = held[i] == 0 &&
			(total >= 0 ? rest <= 0 && lower[i] == TS_NO_LOWER : rest >= 0 && upper[i] == TS_NO_UPPER);
		if (at_zero[i] && share[i] != 0)
			return false;
		if (held[i] == 0 && !at_zero[i])
			whole += given_weight[i];
	}
	if (whole == 0)
		return rest == 0;
	for (i = 0; i < n; i++)
	{
		/* s * w against the bounds, or within a unit of the share */
		if (held[i] == (TS_AT_LOWER | TS_AT_UPPER) || at_zero[i])
			continue;
		/* an upper bound of 0 or less without a lower one is a lock, too */
		if (total >= 0 ? lower[i] == TS_NO_LOWER && upper[i] <= 0 :
			upper[i] == TS_NO_UPPER && lower[i] >= 0)
			continue;
		if (held[i] == TS_AT_LOWER)
		{
			if (compare_by_bits(rest, given_weight[i], lower[i], whole) > 0)
				return false;
		}
		else if (held[i] == TS_AT_UPPER)
		{
			if (compare_by_bits(rest, given_weight[i], upper[i], whole) < 0)
				return false;
		}
		else if (compare_by_bits(rest, given_weight[i], share[i] - 1, whole) <= 0 ||
				 compare_by_bits(rest, given_weight[i], share[i] + 1, whole) >= 0)
			return false;
	}
	return true;
}

static void
test_wide_lists(void)
{
	bool		ok = true;
	int			solved = 0;
	int			i;

	for (i = 0; i < WIDE_LISTS && ok; i++)
		ok = check_wide_list(&solved);
	report(ok && solved > WIDE_LISTS / 2,
		   "100,000 lists of up to 220 bits in a product: one level fits every part");
	if (!ok)
		printf("# list %d\n", i - 1);
}

/*
 * Trees
 */
typedef struct test_tree
{
	size_t		n;
	int32_t		parent[MAX_NODES];
	ts_int128	weight[MAX_NODES];
	ts_int128	lower[MAX_NODES];
	ts_int128	upper[MAX_NODES];
} test_tree;

static int	ties;

static void
count_tie(void *arg, size_t last_chosen, size_t first_not_chosen)
{
	const test_tree *tree = arg;

	ties++;
	if (tree->parent[last_chosen] != tree->parent[first_not_chosen] ||
		last_chosen >= first_not_chosen)
		ties = -1000000;
}

static void
grow(test_tree *tree, int32_t parent, int depth, int max_weight, int range)
{
	size_t		children = 1 + random_below(depth > 1 ? 3 : 4);
	size_t		i;

	for (i = 0; i < children && tree->n < MAX_NODES; i++)
	{
		size_t		node = tree->n++;

		tree->parent[node] = parent;
		tree->weight[node] = (ts_int128) random_below((uint64_t) max_weight + 1);
		tree->lower[node] = TS_NO_LOWER;
		tree->upper[node] = TS_NO_UPPER;
		if (range > 0 && random_below(2) == 0)
			random_bounds((int64_t) random_below((uint64_t) range) + 1,
						  (int64_t) random_below(4), &tree->lower[node], &tree->upper[node]);
		if (depth > 1 && random_below(4) != 0)
			grow(tree, (int32_t) node, depth - 1, max_weight, range);
	}
}

/* children of a node, or of the total: -1 */
static size_t
children_of(const test_tree *tree, int32_t node, size_t *children)
{
	size_t		n = 0;
	size_t		i;

	for (i = 0; i < tree->n; i++)
	{
		if (tree->parent[i] == node)
			children[n++] = i;
	}
	return n;
}

/* effective bounds and weight of a node and of those below; false: crossed */
static bool
reference_effective(const test_tree *tree, size_t node, bool negative, part *parts)
{
	size_t		children[MAX_NODES];
	size_t		n = children_of(tree, (int32_t) node, children);
	part	   *own = &parts[node];
	size_t		i;

	if (n == 0)
	{
		set_bounds(own, tree->weight[node], tree->lower[node], tree->upper[node], negative, true);
		return true;
	}
	memset(own, 0, sizeof(*own));
	for (i = 0; i < n; i++)
	{
		part	   *child = &parts[children[i]];

		if (!reference_effective(tree, children[i], negative, parts))
			return false;
		own->weight += child->weight;
		own->lower += child->lower;
		own->upper += child->upper;
		own->no_lower |= child->no_lower;
		own->no_upper |= child->no_upper;
	}
	if (tree->lower[node] != TS_NO_LOWER)
	{
		if (own->no_lower || tree->lower[node] > own->lower)
			own->lower = tree->lower[node];
		own->no_lower = false;
	}
	if (tree->upper[node] != TS_NO_UPPER)
	{
		if (own->no_upper || tree->upper[node] < own->upper)
			own->upper = tree->upper[node];
		own->no_upper = false;
	}
	return own->no_lower || own->no_upper || own->lower <= own->upper;
}

/* exact shares and rounded ones from the top down */
static bool
reference_below(const test_tree *tree, int32_t node, fraction exact,
				ts_int128 units, part *parts, ts_int128 *share)
{
	size_t		children[MAX_NODES];
	size_t		n = children_of(tree, node, children);
	part		siblings[MAX_PARTS];
	ts_int128	rounded[MAX_PARTS];
	bool		negative;
	bool		tied;
	size_t		i;

	if (n == 0)
		return true;
	for (i = 0; i < n; i++)
		siblings[i] = parts[children[i]];
	if (!reference_level(n, siblings, exact, &negative))
		return false;
	reference_round(n, siblings, units, negative, rounded, &tied);
	ties -= tied;
	for (i = 0; i < n; i++)
	{
		parts[children[i]].exact = siblings[i].exact;
		share[children[i]] = rounded[i];
		if (!reference_below(tree, (int32_t) children[i], siblings[i].exact,
							 rounded[i], parts, share))
			return false;
	}
	return true;
}

static ts_status
run_tree_from(const test_tree *tree, ts_int128 total, const ts_int128 *old, ts_int128 *share,
			  uint8_t *held, ts_int128 *lower, ts_int128 *upper, ts_bounds_report *why)
{
	ts_int128	weight[MAX_NODES];
	void	   *work = malloc(ts_bounded_tree_work(tree->n, old != NULL));
	ts_status	status;

	memcpy(weight, tree->weight, sizeof(weight));
	memcpy(lower, tree->lower, sizeof(weight));
	memcpy(upper, tree->upper, sizeof(weight));
	ties = 0;
	status = ts_bounded_tree(tree->n, tree->parent, weight, lower, upper, total, old, share,
							 held, work, count_tie, (void *) tree, why, NULL);
	free(work);
	return status;
}

static ts_status
run_tree(const test_tree *tree, ts_int128 total, ts_int128 *share, uint8_t *held,
		 ts_int128 *lower, ts_int128 *upper, ts_bounds_report *why)
{
	return run_tree_from(tree, total, NULL, share, held, lower, upper, why);
}

/* sums are exact and nothing is beyond a bound */
static bool
check_sums(const test_tree *tree, ts_int128 total, const ts_int128 *share)
{
	ts_int128	below[MAX_NODES + 1] = {0};
	bool		inner[MAX_NODES + 1] = {false};
	size_t		i;

	for (i = tree->n; i-- > 0;)
	{
		below[tree->parent[i] + 1] += share[i];
		inner[tree->parent[i] + 1] = true;
		if ((inner[i + 1] && below[i + 1] != share[i]) ||
			share[i] < tree->lower[i] || share[i] > tree->upper[i])
			return false;
	}
	return below[0] == total;
}

/* numbers that differ from their old ones, and by how much in all */
static void
count_changes(const test_tree *tree, const ts_int128 *old, const ts_int128 *share,
			  int *changed, ts_int128 *distance)
{
	size_t		i;

	*changed = 0;
	*distance = 0;
	for (i = 0; i < tree->n; i++)
	{
		if (old[i] == TS_NO_UPPER || old[i] == share[i])
			continue;
		(*changed)++;
		*distance += old[i] > share[i] ? old[i] - share[i] : share[i] - old[i];
	}
}

/*
 * Rounds in every way in which all sums are exact, from node "at" on, and keeps
 * the fewest and smallest changes
 */
static void
search_roundings(const test_tree *tree, ts_int128 total, const part *parts, const ts_int128 *old,
				 size_t at, ts_int128 *share, int *changed, ts_int128 *distance)
{
	if (at == tree->n)
	{
		int			n;
		ts_int128	sum;

		if (!check_sums(tree, total, share))
			return;
		count_changes(tree, old, share, &n, &sum);
		if (n < *changed || (n == *changed && sum < *distance))
		{
			*changed = n;
			*distance = sum;
		}
		return;
	}
	share[at] = floor_fraction(parts[at].exact);
	search_roundings(tree, total, parts, old, at + 1, share, changed, distance);
	if (parts[at].exact.down == 1)
		return;
	share[at]++;
	search_roundings(tree, total, parts, old, at + 1, share, changed, distance);
}

/* with old shares: floors and ceilings that change the fewest of them, by the least */
static bool
check_old_shares(const test_tree *tree, ts_int128 total, const part *parts, const ts_int128 *expected)
{
	ts_int128	old[MAX_NODES];
	ts_int128	share[MAX_NODES];
	ts_int128	trial[MAX_NODES];
	ts_int128	lower[MAX_NODES];
	ts_int128	upper[MAX_NODES];
	uint8_t		held[MAX_NODES];
	ts_bounds_report why;
	int			changed;
	int			least_changed = INT32_MAX;
	ts_int128	distance;
	ts_int128	least_distance = 0;
	int			n_fractions = 0;
	size_t		i;

	for (i = 0; i < tree->n; i++)
	{
		uint64_t	kind = random_below(6);

		old[i] = kind == 0 ? TS_NO_UPPER :
			floor_fraction(parts[i].exact) + (kind < 4 ? (ts_int128) (kind - 1) / 2 : (ts_int128) random_below(5) - 2);
		n_fractions += parts[i].exact.down != 1;
	}
	if (n_fractions > 12)
		return true;
	if (run_tree_from(tree, total, old, share, held, lower, upper, &why) != TS_OK ||
		!check_sums(tree, total, share))
		return false;
	for (i = 0; i < tree->n; i++)
	{
		ts_int128	floor = floor_fraction(parts[i].exact);

		if (share[i] != floor && (share[i] != floor + 1 || parts[i].exact.down == 1))
			return false;
	}
	count_changes(tree, old, share, &changed, &distance);
	search_roundings(tree, total, parts, old, 0, trial, &least_changed, &least_distance);
	if (changed != least_changed || distance != least_distance)
		return false;

	/* what can stay stays, and without old shares nothing is different */
	if (run_tree_from(tree, total, share, trial, held, lower, upper, &why) != TS_OK ||
		memcmp(trial, share, tree->n * sizeof(*share)) != 0)
		return false;
	for (i = 0; i < tree->n; i++)
		old[i] = TS_NO_UPPER;
	return run_tree_from(tree, total, old, trial, held, lower, upper, &why) == TS_OK &&
		memcmp(trial, expected, tree->n * sizeof(*trial)) == 0;
}

static bool
check_small_tree(int *solved, int *refused)
{
	static test_tree tree;
	part		parts[MAX_NODES];
	ts_int128	share[MAX_NODES];
	ts_int128	expected[MAX_NODES];
	ts_int128	lower[MAX_NODES];
	ts_int128	upper[MAX_NODES];
	uint8_t		held[MAX_NODES];
	ts_int128	total = random_between(-10, 40);
	ts_bounds_report why;
	ts_status	status;
	bool		crossed = false;
	size_t		children[MAX_NODES];
	size_t		n;
	size_t		i;
	ts_int128	low = 0;
	ts_int128	high = 0;
	bool		no_low = false;
	bool		no_high = false;

	tree.n = 0;
	grow(&tree, -1, 1 + (int) random_below(3), 1 + (int) random_below(9), 1 + (int) random_below(30));
	status = run_tree(&tree, total, share, held, lower, upper, &why);
	n = children_of(&tree, -1, children);
	for (i = 0; i < n && !crossed; i++)
	{
		part	   *top = &parts[children[i]];

		crossed = !reference_effective(&tree, children[i], total < 0, parts);
		low += top->lower;
		high += top->upper;
		no_low |= top->no_lower;
		no_high |= top->no_upper;
	}
	if (crossed || (!no_low && total < low) || (!no_high && total > high))
	{
		(*refused)++;
		if (status == TS_CROSSED_BOUNDS)
			return false;
		return (status == TS_BELOW_BOUNDS && why.total + why.shortfall == why.sum && why.shortfall > 0) ||
			(status == TS_ABOVE_BOUNDS && why.total - why.shortfall == why.sum && why.shortfall > 0) ||
			(status == TS_ONLY_ZERO_WEIGHTS && why.shortfall > 0);
	}
	(*solved)++;
	if (status != TS_OK || !check_sums(&tree, total, share) ||
		!reference_below(&tree, -1, make_fraction(total, 1), total, parts, expected) ||
		ties != 0)
		return false;
	for (i = 0; i < tree.n; i++)
	{
		ts_int128	floor = floor_fraction(parts[i].exact);
		uint8_t		flags = 0;

		if (share[i] != floor && (share[i] != floor + 1 || parts[i].exact.down == 1))
			return false;
		if (share[i] != expected[i])
			return false;
		if ((!parts[i].no_lower && lower[i] != parts[i].lower) ||
			(!parts[i].no_upper && upper[i] != parts[i].upper))
			return false;
		if (!parts[i].no_lower && compare_fractions(parts[i].exact, make_fraction(parts[i].lower, 1)) == 0)
			flags |= TS_AT_LOWER;
		if (!parts[i].no_upper && compare_fractions(parts[i].exact, make_fraction(parts[i].upper, 1)) == 0)
			flags |= TS_AT_UPPER;
		if (held[i] != flags)
			return false;
	}
	return check_old_shares(&tree, total, parts, expected);
}

static void
test_small_trees(void)
{
	bool		ok = true;
	int			solved = 0;
	int			refused = 0;
	int			i;

	for (i = 0; i < TREES && ok; i++)
		ok = check_small_tree(&solved, &refused);
	report(ok && solved > TREES / 3 && refused > TREES / 100,
		   "150,000 trees equal the search from the top down: shares, bounds, held, ties, errors, fewest changes");
	if (!ok)
		printf("# tree %d\n", i - 1);
}

/* no bounds: the very shares of ts_apportion_tree */
static void
test_free_trees(void)
{
	static test_tree tree;
	bool		ok = true;
	int			i;

	for (i = 0; i < 100000 && ok; i++)
	{
		ts_int128	share[MAX_NODES];
		ts_int128	expected[MAX_NODES];
		ts_int128	weight[MAX_NODES];
		ts_int128	lower[MAX_NODES];
		ts_int128	upper[MAX_NODES];
		uint8_t		held[MAX_NODES];
		ts_int128	total = random_wide(119) * (random_below(3) == 0 ? -1 : 1);
		ts_bounds_report why;
		ts_status	status;
		ts_status	expected_status;
		int			ties_bounded;
		void	   *work;
		size_t		j;

		tree.n = 0;
		grow(&tree, -1, 1 + (int) random_below(4), 9, 0);
		if (random_below(2) == 0)
		{
			for (j = 0; j < tree.n; j++)
				tree.weight[j] = random_wide(100);
		}
		status = run_tree(&tree, total, share, held, lower, upper, &why);
		ties_bounded = ties;
		memcpy(weight, tree.weight, sizeof(weight));
		work = malloc(ts_apportion_tree_work(tree.n));
		ties = 0;
		expected_status = ts_apportion_tree(tree.n, tree.parent, weight, total, expected, work,
											count_tie, &tree, NULL);
		free(work);
		if (expected_status == TS_ALL_ZERO)
			ok = status == TS_ONLY_ZERO_WEIGHTS;
		else
			ok = status == expected_status && ties == ties_bounded &&
				memcmp(share, expected, tree.n * sizeof(*share)) == 0;
	}
	report(ok, "100,000 trees without bounds equal ts_apportion_tree");
}

/* large numbers, so that shares are cut: sums and bounds all the same */
static void
test_wide_trees(void)
{
	static test_tree tree;
	bool		ok = true;
	int			solved = 0;
	int			i;

	for (i = 0; i < 200000 && ok; i++)
	{
		ts_int128	share[MAX_NODES];
		ts_int128	lower[MAX_NODES];
		ts_int128	upper[MAX_NODES];
		uint8_t		held[MAX_NODES];
		int			bits = 2 + (int) random_below(110);
		ts_int128	total = random_wide(bits);
		ts_bounds_report why;
		ts_status	status;
		size_t		j;

		tree.n = 0;
		grow(&tree, -1, 1 + (int) random_below(4), 9, 0);
		for (j = 0; j < tree.n; j++)
		{
			tree.weight[j] = random_wide(118) + 1;
			if (random_below(4) == 0)
				tree.lower[j] = total / 8 - random_wide(bits);
			if (random_below(4) == 0)
				tree.upper[j] = (tree.lower[j] == TS_NO_LOWER ? 0 : tree.lower[j]) + random_wide(bits);
		}
		if (random_below(4) == 0)
		{
			total = -total;
			for (j = 0; j < tree.n; j++)
			{
				ts_int128	swap = tree.lower[j];

				tree.lower[j] = tree.upper[j] == TS_NO_UPPER ? TS_NO_LOWER : -tree.upper[j];
				tree.upper[j] = swap == TS_NO_LOWER ? TS_NO_UPPER : -swap;
			}
		}
		status = run_tree(&tree, total, share, held, lower, upper, &why);
		if (status == TS_OK)
		{
			ok = check_sums(&tree, total, share);
			solved++;
		}
		else
			ok = status == TS_BELOW_BOUNDS || status == TS_ABOVE_BOUNDS;
	}
	report(ok && solved > 20000, "200,000 trees of large numbers: exact sums, nothing beyond a bound");
}

/*
 * Published and constructed lists
 */
static bool
known(size_t n, const int *weights, const int *lowers, const int *uppers,
	  int total, ts_status expected_status, const int *expected)
{
	ts_int128	weight[MAX_PARTS];
	ts_int128	lower[MAX_PARTS];
	ts_int128	upper[MAX_PARTS];
	ts_int128	share[MAX_PARTS];
	uint8_t		held[MAX_PARTS];
	int32_t		work[MAX_PARTS];
	ts_cut		cut;
	ts_bounds_report why;
	ts_status	status;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		weight[i] = weights[i];
		lower[i] = lowers != NULL ? lowers[i] : TS_NO_LOWER;
		upper[i] = uppers != NULL && uppers[i] >= 0 ? uppers[i] : TS_NO_UPPER;
	}
	status = ts_bounded(n, weight, lower, upper, total, share, held, work, &cut, &why, NULL);
	if (status != expected_status)
		return false;
	if (status != TS_OK)
		return why.shortfall == expected[0];
	for (i = 0; i < n; i++)
	{
		if (share[i] != expected[i])
			return false;
	}
	return true;
}

static void
test_known_lists(void)
{
	static const int a[] = {144000, 316000, 380000, 32000};
	static const int few[] = {3000, 4000, 5000, 2000};
	static const int low[] = {100, 90, 500, 50};
	static const int high[] = {300, 400, 800, 90};
	static const int base[] = {100, 200, 300, 400};

	report(known(4, a, NULL, (const int[]) {100, 90, 70, 80}, 190, TS_OK, (const int[]) {35, 77, 70, 8}) &&
		   known(4, a, (const int[]) {50, 120, 1, 2}, NULL, 190, TS_OK, (const int[]) {50, 120, 18, 2}) &&
		   known(4, a, low, high, 1284, TS_OK, (const int[]) {229, 400, 604, 51}) &&
		   known(4, few, low, high, 1284, TS_OK, (const int[]) {297, 397, 500, 90}) &&
		   known(4, a, (const int[]) {100, 90, 70, 50}, NULL, 309, TS_BELOW_BOUNDS, (const int[]) {1}) &&
		   known(4, a, low, high, 1600, TS_ABOVE_BOUNDS, (const int[]) {10}),
		   "stratallo README, to whole units");
	report(known(4, base, (const int[]) {0, 200, 0, 0}, (const int[]) {-1, 200, -1, 420}, 1100, TS_OK,
				 (const int[]) {120, 200, 360, 420}) &&
		   known(4, base, (const int[]) {0, 200, 0, 0}, (const int[]) {110, 200, 310, 410}, 1100, TS_ABOVE_BOUNDS,
				 (const int[]) {70}),
		   "re-balancing around a lock");
}

static void
test_limits(void)
{
	ts_int128	weight[2] = {1, 1};
	ts_int128	lower[2] = {TS_NO_LOWER, TS_NO_LOWER};
	ts_int128	upper[2] = {TS_NO_UPPER, TS_NO_UPPER};
	ts_int128	most = ((ts_int128) 1 << 126) - 1;
	ts_int128	share[2];
	uint8_t		held[2];
	int32_t		work[2];
	ts_cut		cut;
	ts_bounds_report why;
	bool		ok;

	ok = ts_bounded(2, weight, NULL, NULL, most + 1, share, held, work, &cut, &why, NULL) == TS_TOO_LARGE;
	weight[0] = weight[1] = 1;
	upper[0] = most;
	upper[1] = most;
	ok = ok && ts_bounded(2, weight, lower, upper, most, share, held, work, &cut, &why, NULL) == TS_OK &&
		share[0] + share[1] == most && share[0] == most / 2 + 1;
	weight[0] = weight[1] = 1;
	lower[0] = -most;
	ok = ok && ts_bounded(2, weight, lower, upper, most, share, held, work, &cut, &why, NULL) == TS_OK;
	lower[1] = -most;
	ok = ok && ts_bounded(2, weight, lower, upper, most, share, held, work, &cut, &why, NULL) == TS_TOO_LARGE;
	upper[0] = most + 1;
	ok = ok && ts_bounded(2, weight, NULL, upper, 1, share, held, work, &cut, &why, NULL) == TS_TOO_LARGE;
	weight[1] = -1;
	ok = ok && ts_bounded(2, weight, NULL, NULL, 1, share, held, work, &cut, &why, NULL) == TS_NEGATIVE_WEIGHT;
	report(ok, "limits");
	report(ts_bounded(0, weight, NULL, NULL, 0, share, held, work, &cut, &why, NULL) == TS_OK &&
		   ts_bounded(0, weight, NULL, NULL, 1, share, held, work, &cut, &why, NULL) == TS_ABOVE_BOUNDS &&
		   why.shortfall == 1, "no parts");
}

/* the order of the parts, and very many of them */
static void
test_long_list(void)
{
	size_t		n = 1000000;
	ts_int128  *weight = malloc(n * sizeof(*weight));
	ts_int128  *lower = malloc(n * sizeof(*lower));
	ts_int128  *upper = malloc(n * sizeof(*upper));
	ts_int128  *share = malloc(n * sizeof(*share));
	uint8_t    *held = malloc(n);
	void	   *work = malloc(ts_bounded_work(n));
	ts_cut		cut;
	ts_bounds_report why;
	ts_int128	sum = 0;
	size_t		at_bound = 0;
	size_t		i;
	bool		ok;

	/* breakpoints that rise, so that each Newton step settles few parts */
	for (i = 0; i < n; i++)
	{
		weight[i] = 1;
		lower[i] = (ts_int128) (i * i / 1000);
		upper[i] = lower[i] + (ts_int128) i;
	}
	ok = ts_bounded(n, weight, lower, upper, (ts_int128) 1000000 * 333600000, share, held, work,
					&cut, &why, NULL) == TS_OK;
	for (i = 0; i < n; i++)
	{
		sum += share[i];
		at_bound += held[i] != 0;
		ok = ok && share[i] >= lower[i] && share[i] <= upper[i];
	}
	report(ok && sum == (ts_int128) 1000000 * 333600000 && at_bound > n / 2, "a million parts");
	free(weight);
	free(lower);
	free(upper);
	free(share);
	free(held);
	free(work);
}

int
main(void)
{
	seed = 20240601;
	test_known_lists();
	test_limits();
	test_small_lists();
	test_wide_lists();
	test_long_list();
	test_free_trees();
	test_small_trees();
	test_wide_trees();
	return finish();
}
