/*-------------------------------------------------------------------------
 *
 * residual.c
 *	  Unit tests of the engine's other ways to place what rounding leaves over;
 *	  prints TAP.
 *
 *	  cc -std=gnu11 -O2 -Isrc -o x test/unit/residual.c src/engine/[a-z]*.c
 *
 * Known results, and random trees against a reference that works on small
 * numbers with plain division, parent by parent.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/residual.h"
#include "unit.h"

#define TREES		50000
#define MAX_NODES	40

static bool
flat(ts_residual residual, int64_t total, int n, const int64_t *weights, const int64_t *expected)
{
	int32_t		parent[16];
	ts_int128	weight[16];
	ts_int128	share[16];
	bool		named[16] = {false, true};
	char		work[1024];

	for (int i = 0; i < n; i++)
	{
		parent[i] = -1;
		weight[i] = weights[i];
	}
	if (ts_residual_tree((size_t) n, parent, weight, total, residual, named, share, work, NULL) != TS_OK)
		return false;
	for (int i = 0; i < n; i++)
		if (share[i] != expected[i])
			return false;
	return true;
}

static int64_t
half_away(int64_t numerator, int64_t denominator)
{
	int64_t		size = llabs(numerator);
	int64_t		quotient = (2 * size + denominator) / (2 * denominator);

	return numerator < 0 ? -quotient : quotient;
}

/* The reference: one set of siblings after the other */
static bool
check_tree(int n, const int32_t *parent, const int64_t *weight, int64_t total, ts_residual residual,
		   const bool *named, const ts_int128 *share)
{
	for (int p = -1; p < n; p++)
	{
		int64_t		amount = p < 0 ? total : (int64_t) share[p];
		int64_t		whole = 0;
		int64_t		expected[MAX_NODES] = {0};
		int64_t		left = amount;
		int64_t		sum = 0;
		int			taker = -1;
		int			children = 0;

		for (int i = 0; i < n; i++)
			if (parent[i] == p)
			{
				whole += weight[i];
				children++;
			}
		if (children == 0)
			continue;
		for (int i = 0; i < n; i++)
		{
			if (parent[i] != p || whole == 0)
				continue;
			if (residual == TS_RESIDUAL_CARRY)
			{
				int64_t		before = half_away(amount * sum, whole);

				sum += weight[i];
				expected[i] = half_away(amount * sum, whole) - before;
				continue;
			}
			expected[i] = half_away(amount * weight[i], whole);
			left -= expected[i];
		}
		for (int i = 0; i < n && residual != TS_RESIDUAL_CARRY; i++)
		{
			bool		better;

			if (parent[i] != p || weight[i] == 0)
				continue;
			if (taker < 0)
				better = true;
			else
				switch (residual)
				{
					case TS_RESIDUAL_LAST:
						better = true;
						break;
					case TS_RESIDUAL_HIGHEST:
						better = weight[i] > weight[taker];
						break;
					case TS_RESIDUAL_LOWEST:
						better = weight[i] < weight[taker];
						break;
					case TS_RESIDUAL_NAMED:
						better = !named[taker] && (named[i] || weight[i] > weight[taker]);
						break;
					default:
						better = false;
				}
			if (better)
				taker = i;
		}
		if (taker >= 0)
			expected[taker] += left;
		for (int i = 0; i < n; i++)
			if (parent[i] == p && share[i] != expected[i])
				return false;
	}
	return true;
}

int
main(void)
{
	static const int64_t ones[] = {1, 1, 1, 1, 1, 1};
	static const int64_t two_three_four[] = {2, 3, 4};
	bool		right = true;
	bool		refused;
	char		work[16 * (MAX_NODES + 1)];

	seed = 20240607;

	/* 100.00 over six: 16.67 each is two cents too much */
	report(flat(TS_RESIDUAL_FIRST, 10000, 6, ones, (int64_t[]) {1665, 1667, 1667, 1667, 1667, 1667}), "the first takes it");
	report(flat(TS_RESIDUAL_LAST, 10000, 6, ones, (int64_t[]) {1667, 1667, 1667, 1667, 1667, 1665}), "the last takes it");
	report(flat(TS_RESIDUAL_HIGHEST, 100, 3, two_three_four, (int64_t[]) {22, 33, 45}), "the highest takes it");
	report(flat(TS_RESIDUAL_LOWEST, 100, 3, two_three_four, (int64_t[]) {23, 33, 44}), "the lowest takes it");
	report(flat(TS_RESIDUAL_NAMED, 100, 3, two_three_four, (int64_t[]) {22, 34, 44}), "the one that is named takes it");
	report(flat(TS_RESIDUAL_CARRY, 100, 6, ones, (int64_t[]) {17, 16, 17, 17, 16, 17}), "each takes over from the one before");
	report(flat(TS_RESIDUAL_CARRY, -100, 6, ones, (int64_t[]) {-17, -16, -17, -17, -16, -17}), "negative amounts mirror positive ones");
	report(flat(TS_RESIDUAL_LAST, 1, 3, (int64_t[]) {1, 1, 0}, (int64_t[]) {1, 0, 0}), "a weight of zero takes nothing");

	for (int tree = 0; tree < TREES && right; tree++)
	{
		int			n = 1 + (int) random_below(MAX_NODES);
		int32_t		parent[MAX_NODES];
		int64_t		weight[MAX_NODES];
		ts_int128	wide[MAX_NODES];
		ts_int128	share[MAX_NODES];
		bool		named[MAX_NODES];
		bool		inner[MAX_NODES] = {false};
		int64_t		total = random_below(20001) - 10000;
		ts_residual residual = (ts_residual) random_below(TS_RESIDUAL_NAMED + 1);

		for (int i = 0; i < n; i++)
		{
			parent[i] = (int32_t) random_below(i + 1) - 1;
			if (parent[i] >= 0)
				inner[parent[i]] = true;
			named[i] = random_below(5) == 0;
		}
		for (int i = n - 1; i >= 0; i--)
			weight[i] = inner[i] ? 0 : random_below(4) == 0 ? 0 : random_below(50);
		for (int i = n - 1; i >= 0; i--)
			if (parent[i] >= 0)
				weight[parent[i]] += weight[i];
		for (int i = 0; i < n; i++)
			wide[i] = inner[i] ? 0 : weight[i];
		switch (ts_residual_tree((size_t) n, parent, wide, total, residual, named, share, work, NULL))
		{
			case TS_OK:
				right = check_tree(n, parent, weight, total, residual, named, share);
				break;
			case TS_ALL_ZERO:
				/* no weight at all; a node of weight 0 gets no amount */
				for (int i = 0; i < n; i++)
					if (parent[i] < 0 && weight[i] != 0)
						right = false;
				break;
			default:
				right = false;
		}
	}
	report(right, "random trees");
	refused = ts_residual_tree(1, (int32_t[]) {0}, (ts_int128[]) {1}, 1, TS_RESIDUAL_LAST, NULL,
							   (ts_int128[]) {0}, work, NULL) == TS_BAD_TREE;
	report(refused, "a parent that is not before its child");
	refused = ts_residual_tree(1, (int32_t[]) {-1}, (ts_int128[]) {-1}, 1, TS_RESIDUAL_LAST, NULL,
							   (ts_int128[]) {0}, work, NULL) == TS_NEGATIVE_WEIGHT;
	report(refused, "a negative weight");
	return finish();
}
