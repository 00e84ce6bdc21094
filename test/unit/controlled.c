/*-------------------------------------------------------------------------
 *
 * controlled.c
 *	  Unit tests of the engine's controlled rounding and of the flows below it;
 *	  prints TAP.
 *
 *	  cc -std=gnu11 -O2 -Isrc -o x test/unit/controlled.c src/engine/[a-z]*.c -lm
 *
 * Small tables are compared with all of their roundings.  Of larger ones it is
 * checked that no cycle of changes would make them better (Bellman and Ford, on
 * a graph that is made here from the definition); a table that cannot be
 * filled is proved so by adding up both sides of its cut.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "controlled_reference.h"
#include "unit.h"

/* rows and columns as plain families */
static void
plain(int rows, int columns)
{
	memset(&t, 0, sizeof(t));
	t.n = rows * columns;
	t.n_totals[0] = rows;
	t.n_totals[1] = columns;
	for (int i = 0; i < rows; i++)
		t.parent[0][i] = -1;
	for (int i = 0; i < columns; i++)
		t.parent[1][i] = -1;
	for (int c = 0; c < t.n; c++)
	{
		t.of_cell[0][c] = c / columns;
		t.of_cell[1][c] = c % columns;
	}
}

/* random trees, and cells somewhere in them */
static void
random_trees(int n, int totals)
{
	memset(&t, 0, sizeof(t));
	t.n = n;
	for (int f = 0; f < 2; f++)
	{
		t.n_totals[f] = (int) random_below((uint64_t) totals + 1);
		for (int i = 0; i < t.n_totals[f]; i++)
			t.parent[f][i] = (int32_t) random_below((uint64_t) i + 1) - 1;
		for (int c = 0; c < n; c++)
			t.of_cell[f][c] = (int32_t) random_below((uint64_t) t.n_totals[f] + 1) - 1;
	}
}

/* what some of the numbers are already */
static void
random_keeps(void)
{
	for (int c = 0; c < t.n; c++)
		t.keep[c] = (int8_t) (random_below(3) - 1);
	for (int f = 0; f < 2; f++)
		for (int i = 0; i < t.n_totals[f]; i++)
			t.keep_total[f][i] = (int8_t) (random_below(3) - 1);
}

/* A published table in thousandths, with its whole totals; its sum of squares */
static long double
published(int rows, int columns, const int *thousandths, const int *row, const int *column, int *rounded)
{
	plain(rows, columns);
	for (int i = 0; i < rows; i++)
		t.units[0][i] = row[i];
	for (int i = 0; i < columns; i++)
		t.units[1][i] = column[i];
	for (int c = 0; c < t.n; c++)
	{
		t.part[c] = (uint64_t) (((ts_uint128) (thousandths[c] % 1000) << 64) / 1000);
		t.units[0][c / columns] -= thousandths[c] / 1000;
		t.units[1][c % columns] -= thousandths[c] / 1000;
	}
	if (round_table(true) != TS_FLOW_OK)
		return -1;
	for (int c = 0; c < t.n; c++)
		rounded[c] = thousandths[c] / 1000 + t.up[c];
	return quality(t.up, false);
}

static void
test_published(void)
{
	/* Kleinberg and Tardos, Algorithm Design (2006), an exercise on a census table */
	static const int census[] = {11998, 9083, 2919, 12983, 10872, 3145, 1019, 2045, 936};
	static const int best[] = {12, 9, 3, 13, 11, 3, 1, 2, 1};

	/* README of humanleague, github.com/virgesmith/humanleague */
	static const int people[] = {300, 1200, 2000, 1500, 600, 2400, 4000, 3000, 1500, 6000, 10000, 7500, 600, 2400, 4000, 3000};

	/* canton of Uri 2020: raked votes, in thousandths that still add up to the seats */
	static const int uri[] = {4383, 2260, 2164, 3193, 4467, 1263, 1569, 1701, 3228, 1151, 813, 1808, 2922, 2326, 1454, 2298};
	static const int seats[] = {5, 2, 2, 3, 4, 1, 2, 2, 3, 1, 1, 2, 3, 3, 1, 2};
	int			rounded[16];
	long double squares;

	squares = published(3, 3, census, (const int[]) {24, 27, 4}, (const int[]) {26, 22, 7}, rounded);
	report(fabsl(squares - 0.057634L) < 1e-9L && memcmp(rounded, best, sizeof(best)) == 0,
		   "a census table, sum of squares 0.057634");
	squares = published(4, 4, people, (const int[]) {5, 10, 25, 10}, (const int[]) {3, 12, 20, 15}, rounded);
	report(fabsl(squares - 1.92L) < 1e-9L, "a table of people, root mean square 0.3464");
	squares = published(4, 4, uri, (const int[]) {12, 9, 7, 9}, (const int[]) {15, 7, 6, 9}, rounded);
	report(fabsl(squares - 1.977L) < 0.002L && memcmp(rounded, seats, sizeof(seats)) == 0,
		   "seats of Uri 2020");
}

static void
test_all_roundings(void)
{
	int			wrong = 0;

	for (int i = 0; i < 4000 && wrong == 0; i++)
	{
		int			kind = (int) random_below(3);
		long double best = -1;
		long double squares;

		random_trees(1 + (int) random_below(11), 6);
		for (int c = 0; c < t.n; c++)
			t.part[c] = kind == 0 ? next_random() : random_below(8) << 61;
		if (i % 2 == 0)
			random_keeps();
		t.possible = i % 4 < 2;
		if (round_table(false) != TS_FLOW_OK)
			wrong++;
		squares = quality(t.up, true);
		for (int bits = 0; bits < 1 << t.n; bits++)
		{
			bool		up[MAX_CELLS];
			long double other;

			for (int c = 0; c < t.n; c++)
				up[c] = (bits >> c) & 1;
			other = quality(up, true);
			if (other >= 0 && (best < 0 || other < best))
				best = other;
		}
		wrong += squares < 0 || squares > best + 1e-6L;
	}
	report(wrong == 0, "4000 small tables: the best of all roundings");
}

static void
test_no_better_cycle(void)
{
	int			wrong = 0;

	for (int i = 0; i < 600 && wrong == 0; i++)
	{
		random_trees(50 + (int) random_below(350), 40);
		for (int c = 0; c < t.n; c++)
			t.part[c] = i % 3 == 0 ? random_below(4) << 62 : random_below(5) == 0 ? 0 : next_random();
		if (i % 2 == 0)
			random_keeps();
		t.possible = i % 4 < 2;
		wrong += round_table(false) != TS_FLOW_OK || quality(t.up, true) < 0 || can_be_better();
	}
	report(wrong == 0, "600 tables with trees: fair everywhere, and no change makes them better");
}

/* thirds and sevenths have no end in 2^-64: their whole sums must still be met */
static void
test_repeating(void)
{
	bool		ok = true;

	plain(3, 7);
	for (int c = 0; c < t.n; c++)
		t.part[c] = (uint64_t) (((ts_uint128) 1 << 64) * (c % 7 + 1) / (c % 7 < 2 ? 3 : 7));
	/* 1/3 2/3 3/7 4/7 5/7 6/7 0: a row is 3 and 4/7, a column whole, or 1 of 3 etc. */
	for (int c = 0; c < t.n; c++)
		if (c % 7 == 6)
			t.part[c] = 0;
	ok = round_table(false) == TS_FLOW_OK;
	for (int column = 0; column < 2; column++)
	{
		int			ups = 0;

		for (int row = 0; row < 3; row++)
			ups += t.up[row * 7 + column];
		ok = ok && ups == column + 1;
	}
	report(ok, "3 * 1/3 and 3 * 2/3 are whole");
}

static void
test_fill(void)
{
	int			wrong = 0;
	int			infeasible = 0;
	int			fixed = 0;

	for (int i = 0; i < 20000 && wrong == 0; i++)
	{
		int64_t		largest = i % 2 == 0 ? 3 : INT64_C(1000000000000000);

		if (i % 3 == 0)
			plain(1 + (int) random_below(4), 1 + (int) random_below(4));
		else
			random_trees(1 + (int) random_below(14), 6);
		for (int c = 0; c < t.n; c++)
		{
			t.lower[c] = random_below(3) == 0 ? (int64_t) random_below((uint64_t) largest) : 0;
			t.upper[c] = t.lower[c] + (random_below(3) == 0 ? 0 : (int64_t) random_below((uint64_t) largest));
			t.filled[c] = t.lower[c] + (int64_t) random_below((uint64_t) (t.upper[c] - t.lower[c]) + 1);
		}
		for (int f = 0; f < 2; f++)
			for (int k = 0; k < t.n_totals[f]; k++)
			{
				t.units[f][k] = 0;
				for (int c = 0; c < t.n; c++)
					if (contains(f, k, c))
						t.units[f][k] += t.filled[c];
				if (random_below(20) == 0)
					t.units[f][k] += 1;
				if (random_below(5) == 0)
					t.units[f][k] = TS_TOTAL_FREE;
			}
		if (random_below(2) == 0)
			memset(t.filled, 0, sizeof(t.filled));
		if (fill_table() == TS_FLOW_OK)
		{
			bool		was_fixed[MAX_CELLS];
			int64_t		was[MAX_CELLS];

			wrong += !is_filled();
			memcpy(was_fixed, t.fixed, sizeof(was_fixed));
			memcpy(was, t.filled, sizeof(was));
			for (int c = 0; c < t.n && i % 5 == 0; c++)
			{
				int64_t		lower = t.lower[c];
				int64_t		upper = t.upper[c];
				ts_flow_status status;

				if (lower == upper || (was[c] != lower && was[c] != upper))
					continue;
				/* may it leave its bound? */
				if (was[c] == lower)
					t.lower[c]++;
				else
					t.upper[c]--;
				status = fill_table();
				wrong += was_fixed[c] != (status == TS_FLOW_INFEASIBLE) ||
					(status == TS_FLOW_INFEASIBLE && !cut_proves()) || (status == TS_FLOW_OK && !is_filled());
				fixed += was_fixed[c];
				t.lower[c] = lower;
				t.upper[c] = upper;
			}
		}
		else
		{
			infeasible++;
			wrong += !cut_proves();
		}
	}
	report(wrong == 0 && infeasible > 2000 && fixed > 500,
		   "20000 tables are filled, or a cut proves that they cannot be; cells that cannot change are known");
}

/* Mathematics Stack Exchange: the margins leave no choice */
static void
test_boundary(void)
{
	static const int64_t only[] = {4, 0, 0, 0, 2, 6};
	bool		ok;

	plain(2, 3);
	for (int c = 0; c < t.n; c++)
		t.upper[c] = c == 1 || c == 3 ? 0 : 100;
	memcpy(t.units[0], (const int64_t[]) {4, 8}, sizeof(int64_t) * 2);
	memcpy(t.units[1], (const int64_t[]) {4, 2, 6}, sizeof(int64_t) * 3);
	ok = fill_table() == TS_FLOW_OK && memcmp(t.filled, only, sizeof(only)) == 0;
	for (int c = 0; c < t.n; c++)
		ok = ok && (t.filled[c] != 0 || t.fixed[c]);
	report(ok, "a cell that its margins leave at 0 is found");
}

static void
test_limits(void)
{
	plain(2, 2);
	t.part[0] = UINT64_C(1) << 63;
	t.units[0][0] = 2;
	t.units[0][1] = 0;
	t.units[1][0] = 1;
	t.units[1][1] = 1;
	report(round_table(true) == TS_FLOW_INFEASIBLE, "totals that cells cannot reach are refused");
	plain(0, 0);
	report(round_table(false) == TS_FLOW_OK && fill_table() == TS_FLOW_OK, "an empty table");
	plain(1, 1);
	t.lower[0] = 2;
	t.upper[0] = 1;
	t.units[0][0] = t.units[1][0] = 2;
	report(fill_table() == TS_FLOW_TOO_LARGE, "crossed bounds are refused");
}

int
main(void)
{
	seed = 20240229;
	test_published();
	test_all_roundings();
	test_no_better_cycle();
	test_repeating();
	test_fill();
	test_boundary();
	test_limits();
	return finish();
}
