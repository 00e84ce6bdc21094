/*-------------------------------------------------------------------------
 *
 * controlled_reference.h
 *	  What a controlled rounding and a filled table must be, from the
 *	  definitions.  For the unit test and the fuzzer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_CONTROLLED_REFERENCE_H
#define TS_CONTROLLED_REFERENCE_H

#include <stdlib.h>

#include "engine/controlled.h"

#define MAX_CELLS	400
#define MAX_TOTALS	64
#define ONE			18446744073709551616.0L	/* 2^64 */

/* a table, with room for what it needs */
typedef struct table
{
	int			n;
	uint64_t	part[MAX_CELLS];
	int32_t		of_cell[2][MAX_CELLS];
	int			n_totals[2];
	int32_t		parent[2][MAX_TOTALS];
	int64_t		units[2][MAX_TOTALS];
	int64_t		lower[MAX_CELLS];
	int64_t		upper[MAX_CELLS];
	int64_t		filled[MAX_CELLS];
	int8_t		keep[MAX_CELLS];
	int8_t		keep_total[2][MAX_TOTALS];
	bool		up[MAX_CELLS];
	bool		possible;
	bool		fixed[MAX_CELLS];
	bool		side[2][MAX_TOTALS];
	ts_table_cut cut;
} table;

static table t;

/* Is a cell in a total? */
static bool
contains(int f, int total, int cell)
{
	for (int32_t at = t.of_cell[f][cell]; at >= 0; at = t.parent[f][at])
		if (at == total)
			return true;
	return false;
}

static ts_family
family(int f, bool given)
{
	return (ts_family)
	{
		t.n_totals[f], t.parent[f], t.of_cell[f], given ? t.units[f] : NULL, t.keep_total[f]
	};
}

static ts_flow_status
round_table(bool given)
{
	ts_controlled_input in = {t.n, t.part, t.keep, {family(0, given), family(1, given)}, t.possible, NULL};
	void	   *work = malloc(ts_controlled_work(&in));
	ts_flow_status status;

	t.cut.total[0] = t.side[0];
	t.cut.total[1] = t.side[1];
	status = ts_controlled_round(&in, t.up, &t.cut, work);
	free(work);
	return status;
}

static ts_flow_status
fill_table(void)
{
	ts_table_input in = {t.n, t.lower, t.upper, NULL, {family(0, true), family(1, true)}, NULL};
	void	   *work = malloc(ts_table_work(&in));
	ts_flow_status status;

	t.cut.total[0] = t.side[0];
	t.cut.total[1] = t.side[1];
	status = ts_table_fill(&in, t.filled, t.fixed, &t.cut, work);
	free(work);
	return status;
}

/* The square of a number's distance, and 4 if it was to stay and does not */
static long double
square(uint64_t part, int keep, bool up)
{
	long double p = part / ONE;

	return (up ? (1 - p) * (1 - p) : p * p) + (keep != 0 && up != (keep > 0) ? 4 : 0);
}

/* What a total has of its cells' parts, in 2^-64 */
static ts_uint128
sum_of(int f, int total)
{
	ts_uint128	sum = 0;

	for (int c = 0; c < t.n; c++)
		if (contains(f, total, c))
			sum += t.part[c];
	return sum;
}

/*
 * The sum of squares of a rounding, -1 if something is not its floor or
 * ceiling.  Cells are given as bits or as up[].
 */
static long double
quality(const bool *up, bool with_totals)
{
	long double squares = 0;

	for (int c = 0; c < t.n; c++)
	{
		if (up[c] && t.part[c] == 0)
			return -1;
		squares += square(t.part[c], t.keep[c], up[c]);
	}
	for (int f = 0; f < 2; f++)
		for (int i = 0; i < t.n_totals[f]; i++)
		{
			ts_uint128	sum = sum_of(f, i);
			int64_t		whole = (int64_t) (sum >> 64);
			int64_t		ups = 0;

			for (int c = 0; c < t.n; c++)
				ups += contains(f, i, c) && up[c];
			if (with_totals)
			{
				if (ups != whole && !(ups == whole + 1 && (uint64_t) sum > (uint64_t) t.n))
					return -1;
				if ((uint64_t) sum != 0)
					squares += square((uint64_t) sum, t.keep_total[f][i], ups > whole);
			}
			else if (t.units[f][i] >= 0 && ups != t.units[f][i])
				return -1;
		}
	return squares;
}

/*
 * A graph of all changes of a rounding that keep all numbers floors or
 * ceilings, and what they cost; a cycle that costs less than nothing is better
 */
static bool
can_be_better(void)
{
	static int	from[2 * (MAX_CELLS + 2 * MAX_TOTALS)];
	static int	to[2 * (MAX_CELLS + 2 * MAX_TOTALS)];
	static long double cost[2 * (MAX_CELLS + 2 * MAX_TOTALS)];
	static long double distance[2 * MAX_TOTALS + 1];
	int			n = t.n_totals[0] + t.n_totals[1] + 1;
	int			top = n - 1;
	int			edges = 0;

	for (int c = 0; c < t.n; c++)
	{
		int			a = t.of_cell[0][c] < 0 ? top : t.of_cell[0][c];
		int			b = t.of_cell[1][c] < 0 ? top : t.n_totals[0] + t.of_cell[1][c];

		if (t.part[c] == 0)
			continue;
		from[edges] = t.up[c] ? b : a;
		to[edges] = t.up[c] ? a : b;
		cost[edges++] = square(t.part[c], t.keep[c], !t.up[c]) - square(t.part[c], t.keep[c], t.up[c]);
	}
	for (int f = 0; f < 2; f++)
		for (int i = 0; i < t.n_totals[f]; i++)
		{
			ts_uint128	sum = sum_of(f, i);
			int64_t		ups = 0;
			bool		up;
			int			here = (f == 0 ? 0 : t.n_totals[0]) + i;
			int			above = t.parent[f][i] < 0 ? top : (f == 0 ? 0 : t.n_totals[0]) + t.parent[f][i];

			if ((uint64_t) sum == 0)
				continue;
			for (int c = 0; c < t.n; c++)
				ups += contains(f, i, c) && t.up[c];
			up = ups > (int64_t) (sum >> 64);
			from[edges] = (f == 0) == up ? here : above;
			to[edges] = (f == 0) == up ? above : here;
			cost[edges++] = square((uint64_t) sum, t.keep_total[f][i], !up) -
				square((uint64_t) sum, t.keep_total[f][i], up);
		}
	for (int i = 0; i < n; i++)
		distance[i] = 0;
	for (int round = 0; round < n; round++)
	{
		bool		shorter = false;

		for (int e = 0; e < edges; e++)
			if (distance[from[e]] + cost[e] < distance[to[e]] - 1e-6L)
			{
				distance[to[e]] = distance[from[e]] + cost[e];
				shorter = true;
			}
		if (!shorter)
			return false;
	}
	return true;
}

/*
 * Does the cut prove that the table cannot be filled?  What must flow into its
 * nodes is more than what can flow out.
 */
static bool
cut_proves(void)
{
	ts_int128	more = 0;

	for (int f = 0; f < 2; f++)
		for (int i = 0; i < t.n_totals[f]; i++)
		{
			bool		here = t.side[f][i];
			bool		above = t.parent[f][i] < 0 ? t.cut.top : t.side[f][t.parent[f][i]];
			bool		tail = f == 0 ? above : here;
			bool		head = f == 0 ? here : above;

			if (tail == head)
				continue;
			if (t.units[f][i] >= 0)
				more += head ? t.units[f][i] : -t.units[f][i];
			else if (tail)
				return false;	/* there is no limit to what flows out */
		}
	for (int c = 0; c < t.n; c++)
	{
		bool		tail = t.of_cell[0][c] < 0 ? t.cut.top : t.side[0][t.of_cell[0][c]];
		bool		head = t.of_cell[1][c] < 0 ? t.cut.top : t.side[1][t.of_cell[1][c]];

		if (tail && !head)
			more -= t.upper[c];
		if (head && !tail)
			more += t.lower[c];
	}
	return more > 0;
}

/* Is the table filled within bounds, with all totals met? */
static bool
is_filled(void)
{
	for (int c = 0; c < t.n; c++)
		if (t.filled[c] < t.lower[c] || t.filled[c] > t.upper[c])
			return false;
	for (int f = 0; f < 2; f++)
		for (int i = 0; i < t.n_totals[f]; i++)
		{
			int64_t		sum = 0;

			for (int c = 0; c < t.n; c++)
				if (contains(f, i, c))
					sum += t.filled[c];
			if (t.units[f][i] >= 0 && sum != t.units[f][i])
				return false;
		}
	return true;
}

#endif							/* TS_CONTROLLED_REFERENCE_H */
