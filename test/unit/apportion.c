/*-------------------------------------------------------------------------
 *
 * apportion.c
 *	  Unit tests of the engine's largest remainder; prints TAP.
 *
 *	  cc -std=gnu11 -O2 -Isrc -o x test/unit/apportion.c src/engine/[a-z]*.c
 *
 * The references here share nothing with the engine: products and quotients
 * are made bit by bit, left-over units are handed out one at a time by looking
 * through all candidates, and fairness is checked against the exact share of
 * the root by multiplication, not by the way it was rounded.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/apportion.h"
#include "engine/wide.h"
#include "unit.h"

#define TREES		100000
#define MAX_NODES	400

/* a random integer of at most bits bits, often with runs of ones and zeros */
static ts_uint128
random_bits(int bits)
{
	ts_uint128	value = ((ts_uint128) next_random() << 64) | next_random();

	switch (random_below(4))
	{
		case 0:
			value |= (ts_uint128) next_random() << 64;
			value |= next_random();
			break;
		case 1:
			value = ~(ts_uint128) 0 >> random_below(128);
			break;
		case 2:
			value = (ts_uint128) 1 << random_below(128);
			break;
		default:
			break;
	}
	return bits >= 128 ? value : value & (((ts_uint128) 1 << bits) - 1);
}

/*
 * 256-bit integers as two halves; multiplied and divided bit by bit
 */
typedef struct bits256
{
	ts_uint128	high;
	ts_uint128	low;
} bits256;

static void
product_by_bits(ts_uint128 a, ts_uint128 b, bits256 *result)
{
	int			i;

	result->high = 0;
	result->low = 0;
	for (i = 127; i >= 0; i--)
	{
		result->high = (result->high << 1) | (result->low >> 127);
		result->low <<= 1;
		if (((a >> i) & 1) == 0)
			continue;
		result->low += b;
		if (result->low < b)
			result->high++;
	}
}

/* divisor below 2^127 */
static void
divide_by_bits(const bits256 *value, ts_uint128 divisor, ts_uint128 *quotient,
			   ts_uint128 *remainder)
{
	int			i;

	*quotient = 0;
	*remainder = 0;
	for (i = 255; i >= 0; i--)
	{
		ts_uint128	half = i >= 128 ? value->high : value->low;

		*remainder = (*remainder << 1) | ((half >> (i % 128)) & 1);
		*quotient <<= 1;
		if (*remainder >= divisor)
		{
			*remainder -= divisor;
			*quotient |= 1;
		}
	}
}

static void
test_division(void)
{
	bool		ok = true;
	int			i;

	for (i = 0; i < 200000 && ok; i++)
	{
		int			bits = 1 + (int) random_below(127);
		ts_uint128	whole = random_bits(bits);
		ts_uint128	total = random_bits(1 + (int) random_below(127));
		ts_uint128	weight;
		ts_uint128	quotient;
		ts_uint128	remainder;
		ts_uint128	expected;
		ts_uint128	expected_remainder;
		ts_ratio	ratio;
		bits256		product;

		if (whole == 0)
			whole = 1;
		weight = random_below(4) == 0 ? whole : random_bits(bits) % (whole + 1);
		ts_ratio_init(&ratio, total, whole);
		quotient = ts_ratio_floor(&ratio, weight, &remainder);
		product_by_bits(total, weight, &product);
		divide_by_bits(&product, whole, &expected, &expected_remainder);
		ok = quotient == expected && remainder == expected_remainder;
	}
	report(ok, "200,000 divisions of products up to 254 bits equal the bitwise ones");
}

/*
 * Flat reference: floors, then one unit at a time to the best that has none
 */
static void
reference_flat(size_t n, const ts_int128 *weight, ts_int128 total,
			   ts_int128 *share, bool *tied)
{
	ts_uint128	size = total < 0 ? (ts_uint128) -total : (ts_uint128) total;
	ts_uint128	whole = 0;
	ts_uint128	left = size;
	ts_uint128 *fraction = calloc(n + 1, sizeof(*fraction));
	bool	   *got = calloc(n + 1, sizeof(*got));
	size_t		i;
	size_t		best = 0;

	*tied = false;
	for (i = 0; i < n; i++)
		whole += (ts_uint128) weight[i];
	for (i = 0; i < n; i++)
	{
		bits256		product;
		ts_uint128	units;

		product_by_bits(size, (ts_uint128) weight[i], &product);
		divide_by_bits(&product, whole, &units, &fraction[i]);
		share[i] = (ts_int128) units;
		left -= units;
	}
	while (left > 0)
	{
		best = n;
		for (i = 0; i < n; i++)
		{
			if (got[i])
				continue;
			if (best == n || fraction[i] > fraction[best] ||
				(fraction[i] == fraction[best] && weight[i] > weight[best]))
				best = i;
		}
		got[best] = true;
		share[best]++;
		left--;
		if (left == 0)
		{
			for (i = 0; i < n; i++)
			{
				if (!got[i] && fraction[i] == fraction[best] &&
					weight[i] == weight[best])
					*tied = true;
			}
		}
	}
	if (total < 0)
	{
		for (i = 0; i < n; i++)
			share[i] = -share[i];
	}
	free(fraction);
	free(got);
}

/* weights of many kinds: equal, few values, small, large, with zeros */
static ts_int128
random_weight(int kind, int bits)
{
	switch (kind)
	{
		case 0:
			return 7;
		case 1:
			return (ts_int128) random_below(3);
		case 2:
			return (ts_int128) random_below(1000);
		case 3:
			return (ts_int128) random_bits(bits);
		default:
			return random_below(2) == 0 ? 0 : (ts_int128) (random_bits(bits) & ~(ts_uint128) 0xff);
	}
}

/*
 * One flat list through every entry that can take it
 */
static bool
check_flat(size_t n, const ts_int128 *weight, ts_int128 total)
{
	ts_int128  *expected = malloc((n + 1) * sizeof(ts_int128));
	ts_int128  *work = malloc((n + 1) * sizeof(ts_int128));
	ts_int128  *share = malloc((n + 1) * sizeof(ts_int128));
	int64_t    *share64 = malloc((n + 1) * sizeof(int64_t));
	uint64_t   *work64 = malloc((n + 1) * sizeof(uint64_t));
	ts_int128	whole = 0;
	bool		fits = true;
	bool		ok;
	bool		tied;
	bool		narrow_total = total <= INT64_MAX && total >= -INT64_MAX;
	ts_cut		cut;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		whole += weight[i];
		work64[i] = (uint64_t) weight[i];
		fits = fits && weight[i] <= INT64_MAX;
	}
	reference_flat(n, weight, total, expected, &tied);

	memcpy(work, weight, n * sizeof(*work));
	ok = ts_apportion128(n, work, total, NULL, share, &cut, NULL) == TS_OK &&
		cut.tied == tied && memcmp(share, expected, n * sizeof(*share)) == 0;
	if (ok && cut.tied)
		ok = cut.last_chosen < cut.first_not_chosen &&
			weight[cut.last_chosen] == weight[cut.first_not_chosen] &&
			share[cut.last_chosen] != share[cut.first_not_chosen];
	if (ok && narrow_total)
	{
		memcpy(work, weight, n * sizeof(*work));
		ok = ts_apportion128(n, work, total, share64, NULL, &cut, NULL) == TS_OK &&
			cut.tied == tied;
		for (i = 0; i < n; i++)
			ok = ok && share64[i] == expected[i];
	}
	if (ok && narrow_total && fits)
	{
		ts_status	status = ts_apportion64(n, work64, (int64_t) total,
											share64, &cut, NULL);

		if ((ts_uint128) whole > UINT64_MAX)
			ok = status == TS_TOO_LARGE;
		else
		{
			ok = status == TS_OK && cut.tied == tied;
			for (i = 0; i < n; i++)
				ok = ok && share64[i] == expected[i];
		}
	}
	free(expected);
	free(work);
	free(share);
	free(share64);
	free(work64);
	return ok;
}

static void
test_flat(void)
{
	static ts_int128 weight[20000];
	bool		ok = true;
	int			round;

	for (round = 0; round < 6000 && ok; round++)
	{
		size_t		n = 1 + random_below(round % 20 == 0 ? 300 : 12);
		int			kind = (int) random_below(5);
		int			bits = 1 + (int) random_below(110);
		ts_int128	total = (ts_int128) random_bits(1 + (int) random_below(119));
		ts_int128	whole = 0;
		size_t		i;

		if (random_below(3) == 0)
			total = (ts_int128) random_below(2 * n + 1);
		if (random_below(2) == 0)
			total = -total;
		for (i = 0; i < n; i++)
		{
			weight[i] = random_weight(kind, bits);
			whole += weight[i];
		}
		if (whole == 0)
			weight[n - 1] = 1;
		ok = check_flat(n, weight, total);
	}
	report(ok, "6,000 flat lists equal the reference, narrow and wide, ties reported");

	/* long lists: 11 bits a histogram, and cuts in crowded buckets */
	for (round = 0; round < 5 && ok; round++)
	{
		size_t		n = 9000;
		size_t		i;

		for (i = 0; i < n; i++)
			weight[i] = random_weight(round, 60) + 1;
		ok = check_flat(n, weight, (ts_int128) (round % 2 == 0 ? 5001 : 12345678901));
	}
	report(ok, "lists of 9,000 rows equal the reference");
}

static void
test_statuses(void)
{
	ts_int128	zero[2] = {0, 0};
	ts_int128	negative[2] = {3, -1};
	ts_int128	big[3];
	uint64_t	zero64[2] = {0, 0};
	uint64_t	big64[2] = {INT64_MAX, INT64_MAX};
	uint64_t	big64b[3] = {INT64_MAX, INT64_MAX, INT64_MAX};
	int64_t		share64[3];
	ts_int128	share[3];
	int32_t		forward[2] = {1, -1};
	int32_t		flat[2] = {-1, -1};
	char		work[256] __attribute__((aligned(16)));
	ts_cut		cut;

	big[0] = big[1] = big[2] = (ts_int128) 1 << 126;
	report(ts_apportion128(2, zero, 5, NULL, share, &cut, NULL) == TS_ALL_ZERO &&
		   ts_apportion64(2, zero64, 5, share64, &cut, NULL) == TS_ALL_ZERO &&
		   ts_apportion64(0, zero64, 5, share64, &cut, NULL) == TS_ALL_ZERO,
		   "all weights zero, or none");
	report(ts_apportion128(2, zero, 0, NULL, share, &cut, NULL) == TS_OK &&
		   share[0] == 0 && share[1] == 0 &&
		   ts_apportion64(0, zero64, 0, share64, &cut, NULL) == TS_OK,
		   "nothing to share");
	report(ts_apportion128(2, negative, 5, NULL, share, &cut, NULL) == TS_NEGATIVE_WEIGHT &&
		   ts_apportion_tree(2, flat, negative, 5, share, work, NULL, NULL, NULL) == TS_NEGATIVE_WEIGHT,
		   "negative weight");
	report(ts_apportion128(3, big, 5, NULL, share, &cut, NULL) == TS_TOO_LARGE &&
		   ts_apportion64(3, big64b, 5, share64, &cut, NULL) == TS_TOO_LARGE &&
		   ts_apportion64(2, zero64, INT64_MIN, share64, &cut, NULL) == TS_TOO_LARGE,
		   "too large");
	report(ts_apportion64(2, big64, INT64_MAX, share64, &cut, NULL) == TS_OK &&
		   share64[0] == INT64_MAX / 2 + 1 && share64[1] == INT64_MAX / 2 &&
		   cut.tied && cut.last_chosen == 0 && cut.first_not_chosen == 1,
		   "the largest narrow total and weights");
	report(ts_apportion_tree(2, forward, zero, 5, share, work, NULL, NULL, NULL) == TS_BAD_TREE,
		   "a parent after its child");
}

/*
 * A random tree in preorder.  key[] orders the siblings; it is carried along
 * when the siblings are shuffled.
 */
typedef struct test_tree
{
	size_t		n;
	int32_t		parent[MAX_NODES];
	int			children[MAX_NODES];
	ts_int128	weight[MAX_NODES];
	int			label[MAX_NODES];	/* the node's number before shuffling */
} test_tree;

static void
grow(test_tree *tree, int32_t parent, int depth, int kind, int bits)
{
	int			count = 1 + (int) random_below(4);
	int			i;

	for (i = 0; i < count && tree->n < MAX_NODES; i++)
	{
		int32_t		node = (int32_t) tree->n++;

		tree->parent[node] = parent;
		tree->children[node] = 0;
		tree->label[node] = node;
		tree->weight[node] = 0;
		if (parent >= 0)
			tree->children[parent]++;
		if (depth > 1 && random_below(8) != 0)
			grow(tree, node, depth - 1, kind, bits);
		if (tree->children[node] == 0)
			tree->weight[node] = random_weight(kind, bits);
	}
}

/*
 * Every node's share is floor or ceiling of total * weight / whole, and the
 * children of each node add up to it.  The weights of inner nodes are summed
 * here again, by walking from each leaf to the top.
 */
static bool
check_tree(const test_tree *tree, ts_int128 total, const ts_int128 *share)
{
	ts_int128	weight[MAX_NODES];
	ts_int128	below[MAX_NODES];
	ts_int128	top = 0;
	ts_int128	whole = 0;
	ts_uint128	size = total < 0 ? (ts_uint128) -total : (ts_uint128) total;
	size_t		i;

	memset(weight, 0, sizeof(weight));
	memset(below, 0, sizeof(below));
	for (i = 0; i < tree->n; i++)
	{
		int32_t		node;

		if (tree->parent[i] >= 0)
			below[tree->parent[i]] += share[i];
		else
			top += share[i];
		if (tree->children[i] > 0)
			continue;
		whole += tree->weight[i];
		for (node = (int32_t) i; node >= 0; node = tree->parent[node])
			weight[node] += tree->weight[i];
	}
	if (top != total)
		return false;
	for (i = 0; i < tree->n; i++)
	{
		ts_int128	signed_units = total < 0 ? -share[i] : share[i];
		bits256		product;
		ts_uint128	floor;
		ts_uint128	remainder;

		if (tree->children[i] > 0 && below[i] != share[i])
			return false;
		product_by_bits(size, (ts_uint128) weight[i], &product);
		divide_by_bits(&product, (ts_uint128) whole, &floor, &remainder);
		if (signed_units != (ts_int128) floor &&
			(remainder == 0 || signed_units != (ts_int128) floor + 1))
			return false;
	}
	return true;
}

/*
 * Top-down reference: what a parent has left goes unit by unit to the child
 * with the largest remainder, largest weight, smallest label
 */
static void
reference_tree(const test_tree *tree, ts_int128 total, ts_int128 *share)
{
	ts_int128	weight[MAX_NODES];
	ts_uint128	fraction[MAX_NODES];
	bool		got[MAX_NODES];
	ts_int128	whole = 0;
	ts_uint128	size = total < 0 ? (ts_uint128) -total : (ts_uint128) total;
	size_t		i;
	int32_t		parent;

	memset(weight, 0, sizeof(weight));
	memset(got, 0, sizeof(got));
	for (i = 0; i < tree->n; i++)
	{
		int32_t		node;

		if (tree->children[i] > 0)
			continue;
		whole += tree->weight[i];
		for (node = (int32_t) i; node >= 0; node = tree->parent[node])
			weight[node] += tree->weight[i];
	}
	for (i = 0; i < tree->n; i++)
	{
		bits256		product;
		ts_uint128	units;

		product_by_bits(size, (ts_uint128) weight[i], &product);
		divide_by_bits(&product, (ts_uint128) whole, &units, &fraction[i]);
		share[i] = (ts_int128) units;
	}
	for (parent = -1; parent < (int32_t) tree->n; parent++)
	{
		ts_int128	left = parent < 0 ? (ts_int128) size : share[parent];

		if (parent >= 0 && tree->children[parent] == 0)
			continue;
		for (i = 0; i < tree->n; i++)
		{
			if (tree->parent[i] == parent)
				left -= share[i];
		}
		for (; left > 0; left--)
		{
			size_t		best = tree->n;

			for (i = 0; i < tree->n; i++)
			{
				if (tree->parent[i] != parent || got[i])
					continue;
				if (best == tree->n || fraction[i] > fraction[best] ||
					(fraction[i] == fraction[best] &&
					 (weight[i] > weight[best] ||
					  (weight[i] == weight[best] &&
					   tree->label[i] < tree->label[best]))))
					best = i;
			}
			got[best] = true;
			share[best]++;
		}
	}
	if (total < 0)
	{
		for (i = 0; i < tree->n; i++)
			share[i] = -share[i];
	}
}

/* copy one subtree after another, siblings in random order */
static void
shuffle_below(const test_tree *from, int32_t parent, test_tree *to,
			  int32_t new_parent)
{
	int32_t		member[MAX_NODES];
	int			count = 0;
	int			i;

	for (i = 0; i < (int) from->n; i++)
	{
		if (from->parent[i] == parent)
			member[count++] = i;
	}
	for (i = count - 1; i > 0; i--)
	{
		int			other = (int) random_below((uint64_t) i + 1);
		int32_t		swap = member[i];

		member[i] = member[other];
		member[other] = swap;
	}
	for (i = 0; i < count; i++)
	{
		int32_t		node = (int32_t) to->n++;

		to->parent[node] = new_parent;
		to->weight[node] = from->weight[member[i]];
		to->children[node] = from->children[member[i]];
		to->label[node] = from->label[member[i]];
		shuffle_below(from, member[i], to, node);
	}
}

/* back into the order of the labels, siblings only: what ORDER BY does */
static void
sort_below(const test_tree *from, int32_t parent, test_tree *to,
		   int32_t new_parent)
{
	int			last = -1;

	for (;;)
	{
		int32_t		best = -1;
		int32_t		node;
		int			i;

		for (i = 0; i < (int) from->n; i++)
		{
			if (from->parent[i] == parent && from->label[i] > last &&
				(best < 0 || from->label[i] < from->label[best]))
				best = i;
		}
		if (best < 0)
			return;
		last = from->label[best];
		node = (int32_t) to->n++;
		to->parent[node] = new_parent;
		to->weight[node] = from->weight[best];
		to->children[node] = from->children[best];
		to->label[node] = from->label[best];
		sort_below(from, best, to, node);
	}
}

static int	ties;

static void
count_tie(void *arg, size_t last_chosen, size_t first_not_chosen)
{
	(void) arg;
	if (last_chosen < first_not_chosen)
		ties++;
}

static bool
run_tree(const test_tree *tree, ts_int128 total, ts_int128 *share)
{
	ts_int128	weight[MAX_NODES];
	void	   *work = malloc(ts_apportion_tree_work(tree->n));
	ts_status	status;
	size_t		i;

	/* what stands at inner nodes must not matter */
	for (i = 0; i < tree->n; i++)
		weight[i] = tree->children[i] > 0 ? -5 : tree->weight[i];
	ties = 0;
	status = ts_apportion_tree(tree->n, tree->parent, weight, total, share,
							   work, count_tie, NULL, NULL);
	free(work);
	return status == TS_OK;
}

static void
test_trees(void)
{
	static test_tree tree;
	static test_tree shuffled;
	static test_tree sorted;
	ts_int128	share[MAX_NODES];
	ts_int128	expected[MAX_NODES];
	ts_int128	other[MAX_NODES];
	ts_int128	by_label[MAX_NODES] = {0};
	bool		exact = true;
	bool		equal = true;
	bool		stable = true;
	bool		invariant = true;
	int			round;

	for (round = 0; round < TREES; round++)
	{
		int			kind = (int) random_below(5);
		int			bits = 1 + (int) random_below(100);
		ts_int128	total;
		ts_int128	whole = 0;
		size_t		i;

		tree.n = 0;
		grow(&tree, -1, 1 + (int) random_below(4), kind, bits);
		for (i = 0; i < tree.n; i++)
			whole += tree.weight[i];
		if (whole == 0)
		{
			for (i = 0; i < tree.n; i++)
				tree.weight[i] = tree.children[i] > 0 ? 0 : 1;
		}
		total = random_below(2) == 0 ? (ts_int128) random_below(3 * tree.n) :
			(ts_int128) random_bits(1 + (int) random_below(119));
		if (random_below(4) == 0)
			total = -total;

		exact = exact && run_tree(&tree, total, share) &&
			check_tree(&tree, total, share);
		reference_tree(&tree, total, expected);
		equal = equal &&
			memcmp(share, expected, tree.n * sizeof(*share)) == 0;

		/* shuffled and put back by the key: the very same answer */
		shuffled.n = 0;
		shuffle_below(&tree, -1, &shuffled, -1);
		sorted.n = 0;
		sort_below(&shuffled, -1, &sorted, -1);
		stable = stable && run_tree(&sorted, total, other);
		for (i = 0; i < sorted.n; i++)
			by_label[sorted.label[i]] = other[i];
		stable = stable && sorted.n == tree.n &&
			memcmp(by_label, share, tree.n * sizeof(*share)) == 0;

		/* shuffled and not put back: the same, unless a tie was reported */
		invariant = invariant && run_tree(&shuffled, total, other) &&
			check_tree(&shuffled, total, other);
		for (i = 0; i < shuffled.n; i++)
			by_label[shuffled.label[i]] = other[i];
		if (ties == 0)
			invariant = invariant &&
				memcmp(by_label, share, tree.n * sizeof(*share)) == 0;
	}
	report(exact, "100,000 trees: sums exact, each node floor or ceiling of its exact share");
	report(equal, "100,000 trees equal the brute-force reference");
	report(stable, "100,000 trees: the same answer after a shuffle and a sort by key");
	report(invariant, "100,000 trees: without a reported tie the order of siblings does not matter");
}

/* a chain as deep as it is long, and one node with very many children */
static void
test_extreme_trees(void)
{
	size_t		n = 1000000;
	int32_t    *parent = malloc(n * sizeof(*parent));
	ts_int128  *weight = calloc(n, sizeof(*weight));
	ts_int128  *share = malloc(n * sizeof(*share));
	void	   *work = malloc(ts_apportion_tree_work(n));
	ts_int128	sum = 0;
	size_t		i;
	bool		ok;

	for (i = 0; i < n; i++)
		parent[i] = (int32_t) i - 1;
	weight[n - 1] = 3;
	ok = ts_apportion_tree(n, parent, weight, 17, share, work, NULL, NULL, NULL) == TS_OK &&
		share[0] == 17 && share[n / 2] == 17 && share[n - 1] == 17;
	report(ok, "a chain of a million nodes");

	for (i = 0; i < n; i++)
	{
		parent[i] = i == 0 ? -1 : 0;
		weight[i] = (ts_int128) random_below(1000000);
	}
	ok = ts_apportion_tree(n, parent, weight, 123456789, share, work, NULL, NULL, NULL) == TS_OK;
	for (i = 1; i < n; i++)
		sum += share[i];
	report(ok && sum == 123456789 && share[0] == 123456789,
		   "a node with a million children");
	free(parent);
	free(weight);
	free(share);
	free(work);
}

/* largest remainder of global shares, where chained splitting is unfair */
static void
test_known_tree(void)
{
	int32_t		parent[8] = {-1, 0, 0, 0, 0, -1, 5, 5};
	ts_int128	weight[8] = {0, 5, 1, 1, 1, 0, 4, 4};
	ts_int128	share[8];
	static const int expected[8] = {2, 1, 1, 0, 0, 1, 1, 0};
	void	   *work = malloc(ts_apportion_tree_work(8));
	bool		ok;
	int			i;

	ok = ts_apportion_tree(8, parent, weight, 3, share, work, NULL, NULL, NULL) == TS_OK;
	for (i = 0; i < 8; i++)
		ok = ok && share[i] == expected[i];
	report(ok, "groups (5,1,1,1) and (4,4) with total 3: the first member gets 1");
	free(work);
}

int
main(void)
{
	seed = 20240531;
	test_division();
	test_flat();
	test_statuses();
	test_known_tree();
	test_trees();
	test_extreme_trees();
	return finish();
}
