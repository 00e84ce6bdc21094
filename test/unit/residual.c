/*-------------------------------------------------------------------------
 *
 * residual.c
 *	  Unit tests of the engine's other ways to place what rounding leaves over;
 *	  prints TAP.
 *
 *	  cc -std=gnu11 -O2 -Isrc -o x test/unit/residual.c src/engine/[a-z]*.c
 *
 * Known results, and random trees against residual_reference.h.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/residual.h"
#include "residual_reference.h"
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
	ts_int128	work[1024];

	for (int i = 0; i < n; i++)
	{
		parent[i] = -1;
		weight[i] = weights[i];
	}
	if (ts_residual_tree((size_t) n, parent, weight, NULL, NULL, total, 1, residual, named, share, work, NULL) != TS_OK)
		return false;
	for (int i = 0; i < n; i++)
		if (share[i] != expected[i])
			return false;
	return true;
}

/* The same within bounds that are alike for all; false also if there is no solution */
static bool
within(ts_residual residual, int64_t total, int n, const int64_t *weights, ts_int128 at_least, ts_int128 at_most,
	   const int64_t *expected)
{
	int32_t		parent[16];
	ts_int128	weight[16];
	ts_int128	lower[16];
	ts_int128	upper[16];
	ts_int128	share[16];
	uint8_t		held[16];
	bool		named[16] = {false};
	ts_int128	work[1024];
	ts_bounds_report why;

	for (int i = 0; i < n; i++)
	{
		parent[i] = -1;
		weight[i] = weights[i];
		lower[i] = at_least;
		upper[i] = at_most;
	}
	if (ts_bounded_tree((size_t) n, parent, weight, lower, upper, total, NULL, share, held, work, NULL, NULL, &why, NULL) != TS_OK ||
		ts_residual_tree((size_t) n, parent, weight, lower, upper, total, 1, residual, named, share, work, NULL) != TS_OK)
		return false;
	for (int i = 0; i < n; i++)
		if (share[i] != expected[i])
			return false;
	return true;
}

int
main(void)
{
	static const int64_t ones[] = {1, 1, 1, 1, 1, 1};
	static const int64_t two_three_four[] = {2, 3, 4};
	bool		right = true;
	bool		refused;
	static ts_int128 work[64 * (MAX_NODES + 1)];
	static ts_int128 bounded_work[64 * (MAX_NODES + 1)];
	int			n_bounded = 0;
	int			n_refused = 0;

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

	/* the first is at its bound: the next takes what is left */
	report(within(TS_RESIDUAL_FIRST, 10001, 6, ones, 1667, 1667, (int64_t[]) {1667, 1667, 1667, 1667, 1667, 1666}) == false,
		   "bounds that leave no room are refused");
	report(within(TS_RESIDUAL_FIRST, 10000, 6, ones, 1666, TS_NO_UPPER, (int64_t[]) {1666, 1666, 1667, 1667, 1667, 1667}),
		   "who has no more room leaves it to the next");
	report(within(TS_RESIDUAL_LOWEST, 100, 3, two_three_four, 23, 43, (int64_t[]) {24, 34, 42}) == false &&
		   within(TS_RESIDUAL_LOWEST, 100, 3, two_three_four, 23, 43, (int64_t[]) {23, 34, 43}),
		   "what bounds hold is shared before it is rounded");

	for (int tree = 0; tree < 2 * TREES && right; tree++)
	{
		int			n = 1 + (int) random_below(MAX_NODES);
		bool		bounded = tree % 2 == 1;
		int32_t		parent[MAX_NODES];
		ts_int128	weight[MAX_NODES];
		ts_int128	lower[MAX_NODES];
		ts_int128	upper[MAX_NODES];
		ts_int128	given[2][MAX_NODES];
		ts_int128	share[MAX_NODES];
		uint8_t		held[MAX_NODES];
		bool		named[MAX_NODES];
		bool		inner[MAX_NODES] = {false};
		int64_t		total = random_below(20001) - 10000;
		ts_residual residual = (ts_residual) random_below(TS_RESIDUAL_NAMED + 1);
		int64_t		multiple = residual == TS_RESIDUAL_CARRY || random_below(2) == 0 ? 1 : 1 + random_below(300);
		ts_bounds_report why;

		for (int i = 0; i < n; i++)
		{
			parent[i] = (int32_t) random_below(i + 1) - 1;
			if (random_below(3) == 0)
				parent[i] = -1;
			if (parent[i] >= 0)
				inner[parent[i]] = true;
			named[i] = random_below(5) == 0;
			lower[i] = random_below(3) != 0 ? TS_NO_LOWER :
				multiple * ((int64_t) random_below(20000 / multiple / n + 2) - (random_below(8) == 0 ? 10000 / multiple / n : 0));
			upper[i] = random_below(3) != 0 ? TS_NO_UPPER : (lower[i] == TS_NO_LOWER ? 0 : lower[i]) + multiple * random_below(20000 / multiple / n + 2);
			if (total < 0)
			{
				ts_int128	swap = lower[i];

				lower[i] = upper[i] == TS_NO_UPPER ? TS_NO_LOWER : -upper[i];
				upper[i] = swap == TS_NO_LOWER ? TS_NO_UPPER : -swap;
			}
			given[0][i] = lower[i];
			given[1][i] = upper[i];
		}
		for (int i = n - 1; i >= 0; i--)
			weight[i] = inner[i] ? 0 : random_below(4) == 0 ? 0 : random_below(50);
		if (bounded && ts_bounded_tree((size_t) n, parent, weight, lower, upper, total, NULL, share, held,
									   bounded_work, NULL, NULL, &why, NULL) != TS_OK)
		{
			n_refused++;
			continue;
		}
		n_bounded += bounded;
		switch (ts_residual_tree((size_t) n, parent, weight, bounded ? lower : NULL, bounded ? upper : NULL, total,
								 multiple, residual, named, share, work, NULL))
		{
			case TS_OK:
				right = residual_is_right(n, parent, weight, bounded ? lower : NULL, bounded ? upper : NULL, total,
										  multiple, residual, named, share);
				for (int i = 0; i < n && bounded; i++)
					right &= share[i] >= given[0][i] && share[i] <= given[1][i];
				break;
			case TS_ALL_ZERO:
				/* no weight at all; a node of weight 0 gets no amount */
				for (int i = 0; i < n; i++)
					if (parent[i] < 0 && weight[i] != 0)
						right = false;
				right &= !bounded;
				break;
			default:
				right = false;
		}
	}
	report(right, "random trees");
	report(n_bounded > TREES / 10 && n_refused > TREES / 10, "with bounds that can be kept, and others");
	refused = ts_residual_tree(1, (int32_t[]) {0}, (ts_int128[]) {1}, NULL, NULL, 1, 1, TS_RESIDUAL_LAST, NULL,
							   (ts_int128[]) {0}, work, NULL) == TS_BAD_TREE;
	report(refused, "a parent that is not before its child");
	refused = ts_residual_tree(1, (int32_t[]) {-1}, (ts_int128[]) {-1}, NULL, NULL, 1, 1, TS_RESIDUAL_LAST, NULL,
							   (ts_int128[]) {0}, work, NULL) == TS_NEGATIVE_WEIGHT;
	report(refused, "a negative weight");
	return finish();
}
