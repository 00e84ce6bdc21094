/*-------------------------------------------------------------------------
 *
 * rake.c
 *	  Unit tests of the engine's raking; prints TAP.
 *
 *	  cc -std=gnu11 -O2 -ffp-contract=off -Isrc -o x test/unit/rake.c src/engine/[a-z]*.c -lm
 *
 * Published examples are compared with their printed or independently computed
 * cells.  Random tables are made from a table that fits, so that they are known
 * to be possible, and compared with a textbook loop in long double that keeps
 * the whole table.  Where the engine says that no table fits, the proof is added
 * up here in another way.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rake.h"
#include "unit.h"

#define MAX_CELLS	4096
#define MAX_SLOTS	2048

/* a table in both forms */
typedef struct test_table
{
	ts_rake_input input;
	ts_rake_margin margin[8];
	int32_t		size[8];
	int32_t		group[8][MAX_CELLS];
	double		total[8][MAX_SLOTS];
	double		seed[MAX_CELLS];
	double		lower[MAX_CELLS];
	double		upper[MAX_CELLS];
} test_table;

static test_table table;
static double cell[MAX_CELLS];
static double factor[MAX_SLOTS];
static int32_t ray[MAX_SLOTS];
static ts_rake_result result;

static ts_rake_status
run(const test_table *t)
{
	void	   *work = malloc(ts_rake_work(&t->input) + 1);
	ts_rake_status status = ts_rake(&t->input, cell, factor, ray, &result, work);

	free(work);
	return status;
}

static void
start_table(int n_axes, const int32_t *size)
{
	memset(&table, 0, sizeof(table));
	table.input.n = 1;
	for (int a = 0; a < n_axes; a++)
	{
		table.size[a] = size[a];
		table.input.n *= (size_t) size[a];
	}
	table.input.n_axes = n_axes;
	table.input.size = table.size;
	table.input.seed = table.seed;
	table.input.margin = table.margin;
}

static void
add_margin(uint32_t axes, const double *total)
{
	int			k = table.input.n_margins++;
	ts_rake_margin *m = &table.margin[k];

	m->axes = axes;
	m->n_groups = 1;
	for (int a = 0; a < table.input.n_axes; a++)
	{
		if ((axes & (1U << a)) != 0)
			m->n_groups *= table.size[a];
	}
	m->total = table.total[k];
	for (int g = 0; g < m->n_groups && total != NULL; g++)
		table.total[k][g] = total[g];
}

/* which group of a margin a cell is in */
static int
group_of(const test_table *t, int k, size_t i)
{
	int			place = 0;
	int			stride = 1;

	if (t->margin[k].group != NULL)
		return t->margin[k].group[i];
	for (int a = t->input.n_axes - 1; a >= 0; a--)
	{
		if ((t->margin[k].axes & (1U << a)) != 0)
		{
			place += stride * (int) (i % (size_t) t->size[a]);
			stride *= t->size[a];
		}
		i /= (size_t) t->size[a];
	}
	return place;
}

/* the same table without axes */
static void
list_groups(test_table *t)
{
	for (int k = 0; k < t->input.n_margins; k++)
	{
		for (size_t i = 0; i < t->input.n; i++)
			t->group[k][i] = group_of(t, k, i);
	}
	for (int k = 0; k < t->input.n_margins; k++)
		t->margin[k].group = t->group[k];
	t->input.n_axes = 0;
}

/* the largest residual of what was found */
static double
residual(const test_table *t)
{
	double		worst = 0;

	for (int k = 0; k < t->input.n_margins; k++)
	{
		for (int g = 0; g < t->margin[k].n_groups; g++)
		{
			long double sum = 0;

			if (isnan(t->margin[k].total[g]))
				continue;
			for (size_t i = 0; i < t->input.n; i++)
			{
				if (group_of(t, k, i) == g)
					sum += cell[i];
			}
			if (fabsl(sum - t->margin[k].total[g]) > worst)
				worst = (double) fabsl(sum - t->margin[k].total[g]);
		}
	}
	return worst;
}

/* cell = seed * factors, at its bound where that is beyond it */
static bool
cells_follow_factors(const test_table *t)
{
	for (size_t i = 0; i < t->input.n; i++)
	{
		double		x = t->seed[i];
		int			first = 0;

		for (int k = 0; k < t->input.n_margins; k++)
		{
			int			g = group_of(t, k, i);

			if (g >= 0)
				x *= factor[first + g];
			first += t->margin[k].n_groups;
		}
		if (t->input.lower != NULL && x < t->lower[i])
			x = t->lower[i];
		if (t->input.upper != NULL && x > t->upper[i])
			x = t->upper[i];
		if (fabs(x - cell[i]) > 1e-13 * fabs(x))
			return false;
	}
	return true;
}

static bool
cells_are(const double *expected, size_t n, double tolerance)
{
	for (size_t i = 0; i < n; i++)
	{
		if (!(fabs(cell[i] - expected[i]) <= tolerance))
		{
			printf("# cell %zu is %.12f and not %.12f\n", i, cell[i], expected[i]);
			return false;
		}
	}
	return true;
}

/* Farkas: what the totals ask for, less the most that the cells can bring */
static bool
ray_proves(const test_table *t)
{
	long long	sum = 0;
	int			first[9] = {0};

	for (int k = 0; k < t->input.n_margins; k++)
	{
		first[k + 1] = first[k] + t->margin[k].n_groups;
		for (int g = 0; g < t->margin[k].n_groups; g++)
		{
			if (ray[first[k] + g] != 0)
				sum += ray[first[k] + g] * llround(t->margin[k].total[g]);
		}
	}
	for (size_t i = 0; i < t->input.n; i++)
	{
		long long	weight = 0;
		double		lower = t->input.lower != NULL ? t->lower[i] : 0;
		double		upper = t->input.upper != NULL ? t->upper[i] : HUGE_VAL;
		bool		zero = false;

		for (int k = 0; k < t->input.n_margins; k++)
		{
			int			g = group_of(t, k, i);

			if (g < 0)
				continue;
			weight += ray[first[k] + g];
			zero |= t->margin[k].total[g] == 0;
		}
		if (t->seed[i] == 0)
			upper = lower;
		if (weight == 0 || (zero && lower == 0))
			continue;
		if (weight > 0 && isinf(upper))
			return false;
		sum -= weight * llround(weight > 0 ? upper : lower);
	}
	return sum > 0;
}

/* in both forms, and with the same answer */
static void
expect(const char *name, const double *expected, double tolerance)
{
	char		text[200];
	ts_rake_status status = run(&table);
	bool		good = status == TS_RAKE_OK && cells_follow_factors(&table) &&
		residual(&table) <= 1e-9 && (expected == NULL || cells_are(expected, table.input.n, tolerance));

	if (!good)
		printf("# status %d, residual %g, %d sweeps, %d Newton steps\n", status, residual(&table),
			   result.sweeps, result.newton_steps);
	list_groups(&table);
	good &= run(&table) == TS_RAKE_OK && residual(&table) <= 1e-9 && cells_follow_factors(&table) &&
		(expected == NULL || cells_are(expected, table.input.n, tolerance));
	snprintf(text, sizeof(text), "%s (%d sweeps, %d Newton steps)", name, result.sweeps, result.newton_steps);
	report(good, text);
}

static void
expect_impossible(const char *name, ts_rake_status status, bool whole)
{
	ts_rake_status got = run(&table);
	bool		good = got == status && (!whole || ray_proves(&table));

	if (!good)
		printf("# status %d, residual %g, %d sweeps, %d Newton steps\n", got, result.residual,
			   result.sweeps, result.newton_steps);
	list_groups(&table);
	got = run(&table);
	good &= got == status && (!whole || ray_proves(&table));
	report(good, name);
}

static void
set_seed(const double *seeds)
{
	memcpy(table.seed, seeds, table.input.n * sizeof(double));
}

/* a table of rows and columns */
static void
two_ways(int rows, int columns, const double *seeds, const double *row, const double *column)
{
	start_table(2, (const int32_t[]) {rows, columns});
	set_seed(seeds);
	add_margin(1, row);
	add_margin(2, column);
}

#define LIST(...)	((const double[]) {__VA_ARGS__})

/* ------------------------------------------------------- published cases */

static void
test_published(void)
{
	static const double pairs[] = {0.92625, 0.02375, 0.02375, 0.02625};

	two_ways(3, 4, LIST(8, 4, 6, 7, 3, 6, 5, 2, 9, 11, 3, 1), LIST(20, 18, 22), LIST(18, 16, 12, 14));
	expect("two margins, 3 x 4 (ipfn)",
		   LIST(5.579361394022, 2.162466941637, 3.891873715185, 8.366297949156,
				3.433199676456, 5.322602556148, 5.321827529938, 3.922370237459,
				8.987438929522, 8.514930502215, 2.786298754877, 1.711331813385), 1e-9);

	start_table(3, (const int32_t[]) {2, 4, 3});
	set_seed(LIST(1, 2, 1, 3, 5, 5, 6, 2, 2, 1, 7, 2, 5, 4, 2, 5, 5, 5, 3, 8, 7, 2, 7, 6));
	add_margin(1, LIST(52, 48));
	add_margin(2, LIST(20, 30, 35, 15));
	add_margin(4, LIST(35, 40, 25));
	add_margin(3, LIST(9, 17, 19, 7, 11, 13, 16, 8));
	add_margin(6, LIST(7, 9, 4, 8, 12, 10, 15, 12, 8, 5, 7, 3));
	expect("five margins, 2 x 4 x 3 (ipfn, mipfp)",
		   LIST(2.155122053832, 4.738761655039, 2.106116291129, 3.792360097776, 7.204167219395, 6.003472682829,
				12.031415979581, 4.035121187467, 2.933462832952, 2.026014822651, 4.037026427224,
				0.936958750125, 4.844877946168, 4.261238344961, 1.893883708871, 4.207639902224, 4.795832780605,
				3.996527317171, 2.968584020419, 7.964878812533, 5.066537167048, 2.973985177349, 2.962973572776,
				2.063041249875), 1e-9);

	two_ways(2, 2, LIST(1, 1, 1, 1), LIST(30, 70), LIST(50, 50));
	expect("2 x 2 (mipfp)", LIST(15, 15, 35, 35), 1e-9);

	start_table(3, (const int32_t[]) {2, 4, 2});
	for (int i = 0; i < 16; i++)
		table.seed[i] = 1;
	table.seed[0] = 4;
	table.seed[4] = 10;
	table.seed[7] = 6;
	add_margin(1, LIST(50, 16));
	add_margin(6, LIST(10, 4, 4, 4, 22, 4, 4, 14));
	expect("2 x 4 x 2 (mipfp)", LIST(8, 2, 2, 2, 20, 2, 2, 12, 2, 2, 2, 2, 2, 2, 2, 2), 1e-9);

	two_ways(2, 3, LIST(1, 1, 1, 1, 1, 1), LIST(40, 60), LIST(NAN, 10, NAN));
	expect("free groups (mipfp)", LIST(18, 4, 18, 27, 6, 27), 1e-9);

	two_ways(2, 2, LIST(1, 1, 1, 1), LIST(52, 48), LIST(87, 13));
	expect("2 x 2 (humanleague)", LIST(45.24, 6.76, 41.76, 6.24), 1e-9);

	start_table(3, (const int32_t[]) {2, 2, 2});
	for (int i = 0; i < 8; i++)
		table.seed[i] = 0.125;
	add_margin(3, pairs);
	add_margin(5, pairs);
	add_margin(6, pairs);
	expect("three pairs of axes (humanleague)",
		   LIST(0.907765586181640, 0.018484413818360, 0.018484413818360, 0.005265586181640,
				0.018484413818360, 0.005265586181640, 0.005265586181640, 0.020984413818360), 1e-12);

	two_ways(2, 3, LIST(1.2, 5, 3.2, 2.8, 5, 4.8), LIST(10, 12), LIST(4, 10, 8));
	expect("RAS memo",
		   LIST(1.297270392054, 5.282942377310, 3.419787230636, 2.702729607946, 4.717057622690,
				4.580212769364), 1e-9);
	two_ways(2, 3, LIST(3, 4, 2, 7, 4, 3), LIST(10, 12), LIST(4, 10, 8));
	expect("RAS memo, other shares of columns",
		   LIST(1.297270392054, 5.282942377310, 3.419787230636, 2.702729607946, 4.717057622690,
				4.580212769364), 1e-9);
	two_ways(2, 2, LIST(7, 9, 12, 7), LIST(5, 15), LIST(10, 10));
	expect("raking of a survey",
		   LIST(1.775665632968, 3.224334367032, 8.224334367032, 6.775665632968), 1e-9);

	two_ways(2, 3, LIST(1, 0, 1, 0, 1, 1), LIST(4, 8), LIST(4, 2, 6));
	expect("limit on the boundary", LIST(4, 0, 0, 0, 2, 6), 1e-9);
	two_ways(2, 3, LIST(1, 0, 0, 0, 1, 1), LIST(4, 8), LIST(4, 2, 6));
	expect("limit on the boundary, the cell at 0 left out", LIST(4, 0, 0, 0, 2, 6), 1e-9);
	report(result.sweeps <= 2, "which takes two sweeps");

	two_ways(4, 4, LIST(11471, 2822, 2309, 4794, 11908, 1606, 1705, 2600, 9213, 1567, 946, 2961,
						7756, 2945, 1573, 3498), LIST(12, 9, 7, 9), LIST(15, 7, 6, 9));
	expect("Uri 2020",
		   LIST(4.382623242502, 2.260136264656, 2.164040811494, 3.193199681347,
				4.467383155796, 1.263003848301, 1.569088414644, 1.700524581260,
				3.227677748301, 1.150807940939, 0.812996899837, 1.808517410922,
				2.922315853401, 2.326051946103, 1.453873874025, 2.297758326471), 1e-9);
}

/* what other libraries call converged */
static void
test_impossible(void)
{
	two_ways(2, 2, LIST(1, 1, 0, 1), LIST(3, 7), LIST(8, 2));
	expect_impossible("row 2 needs 7, column 2 holds 2", TS_RAKE_INFEASIBLE, true);
	two_ways(2, 2, LIST(1, 1, 0, 1), LIST(5, 5), LIST(8, 2));
	expect_impossible("row 2 needs 5, column 2 holds 2", TS_RAKE_INFEASIBLE, true);
	two_ways(2, 2, LIST(1, 0, 1, 1), LIST(8, 2), LIST(3, 7));
	expect_impossible("row 1 needs 8, column 1 holds 3", TS_RAKE_INFEASIBLE, true);
	two_ways(2, 3, LIST(1, 4, 7, 2, 5, 8), LIST(100, 100), LIST(60, 120, 30));
	expect_impossible("totals 200 and 210", TS_RAKE_TOTALS_DIFFER, true);
	two_ways(2, 3, LIST(1, 1, 1, 1, 1, 1), LIST(40, 60), LIST(50, 31, 20));
	expect_impossible("totals 100 and 101", TS_RAKE_TOTALS_DIFFER, true);
	two_ways(2, 2, LIST(1, 2, 3, 4), LIST(10, 20), LIST(16, 16));
	expect_impossible("totals 30 and 32", TS_RAKE_TOTALS_DIFFER, true);
	two_ways(2, 2, LIST(1, 2, 3, 4), LIST(0, 20), LIST(8, 12));
	expect("a total of 0", LIST(0, 0, 8, 12), 1e-9);
	two_ways(2, 2, LIST(0, 0, 3, 4), LIST(1, 20), LIST(8, 13));
	expect_impossible("a row without a cell", TS_RAKE_NO_CELL, true);
	two_ways(2, 2, LIST(1, 0, 3, 4), LIST(1, 20), LIST(0, 21));
	expect_impossible("a row whose cells are in columns of 0", TS_RAKE_NO_CELL, true);

	/* all three pairs [[a, b], [b, c]]: 2a + 2c >= 2b is what it takes, and more */
	start_table(3, (const int32_t[]) {2, 2, 2});
	for (int i = 0; i < 8; i++)
		table.seed[i] = 1;
	for (int k = 0; k < 3; k++)
		add_margin((const uint32_t[]) {3, 5, 6}[k], LIST(0, 5, 5, 0));
	expect_impossible("pairs that no 2 x 2 x 2 has, with zeros", TS_RAKE_NO_CELL, true);
	start_table(3, (const int32_t[]) {2, 2, 2});
	for (int i = 0; i < 8; i++)
		table.seed[i] = 1;
	for (int k = 0; k < 3; k++)
		add_margin((const uint32_t[]) {3, 5, 6}[k], LIST(1, 5, 5, 1));
	expect_impossible("pairs that no 2 x 2 x 2 has", TS_RAKE_INFEASIBLE, true);
	start_table(3, (const int32_t[]) {2, 2, 2});
	for (int i = 0; i < 8; i++)
		table.seed[i] = 1;
	add_margin(3, LIST(10, 20, 30, 40));
	add_margin(6, LIST(20, 20, 40, 20));
	expect("a common axis whose totals are 40 and 60", NULL, 0);
	start_table(3, (const int32_t[]) {2, 2, 2});
	for (int i = 0; i < 8; i++)
		table.seed[i] = 1;
	add_margin(3, LIST(10, 20, 30, 40));
	add_margin(6, LIST(30, 20, 30, 20));
	expect_impossible("a common axis whose totals are 40, 60 and 50, 50", TS_RAKE_TOTALS_DIFFER, true);

	/* bounds */
	two_ways(2, 2, LIST(1, 1, 1, 1), LIST(10, 10), LIST(10, 10));
	table.input.upper = table.upper;
	for (int i = 0; i < 4; i++)
		table.upper[i] = 4;
	expect_impossible("a row above its upper bounds", TS_RAKE_ABOVE_UPPER, true);
	two_ways(2, 2, LIST(1, 1, 1, 1), LIST(10, 10), LIST(10, 10));
	table.input.lower = table.lower;
	table.lower[2] = 6;
	table.lower[3] = 6;
	expect_impossible("a row below its lower bounds", TS_RAKE_BELOW_LOWER, true);
	two_ways(2, 2, LIST(1, 1, 1, 1), LIST(10, 10), LIST(12, 8));
	table.input.lower = table.lower;
	table.input.upper = table.upper;
	for (int i = 0; i < 4; i++)
		table.upper[i] = HUGE_VAL;
	table.lower[0] = table.upper[0] = 1;
	expect_impossible("a locked cell that is in the way", TS_RAKE_INFEASIBLE, true);
	two_ways(2, 2, LIST(1, 1, 1, 1), LIST(10, 10), LIST(12, 8));
	table.input.lower = table.lower;
	table.input.upper = table.upper;
	for (int i = 0; i < 4; i++)
		table.upper[i] = HUGE_VAL;
	table.lower[0] = table.upper[0] = 3;
	expect("a locked cell", LIST(3, 7, 9, 1), 1e-9);
}

/* --------------------------------------------------------- random tables */

/* the textbook: the whole table, in long double, one margin after the other */
static bool
textbook(const test_table *t, long double *x, int sweeps)
{
	long double worst = 0;

	for (size_t i = 0; i < t->input.n; i++)
		x[i] = t->seed[i];
	for (int s = 0; s < sweeps; s++)
	{
		worst = 0;
		for (int k = 0; k < t->input.n_margins; k++)
		{
			static long double sum[MAX_SLOTS];

			memset(sum, 0, sizeof(sum));
			for (size_t i = 0; i < t->input.n; i++)
			{
				if (group_of(t, k, i) >= 0)
					sum[group_of(t, k, i)] += x[i];
			}
			for (int g = 0; g < t->margin[k].n_groups; g++)
			{
				if (!isnan(t->margin[k].total[g]) && fabsl(sum[g] - t->margin[k].total[g]) > worst)
					worst = fabsl(sum[g] - t->margin[k].total[g]);
			}
			for (size_t i = 0; i < t->input.n; i++)
			{
				int			g = group_of(t, k, i);

				if (g >= 0 && !isnan(t->margin[k].total[g]) && sum[g] > 0)
					x[i] *= t->margin[k].total[g] / sum[g];
			}
		}
		if (worst < 1e-11L)
			return true;
	}
	return false;
}

/*
 * A table with axes and margins over random sets of them; the totals are those
 * of a random table of whole numbers with the seed's zeros
 */
static void
random_table(bool bounded)
{
	int32_t		size[5];
	int			n_axes = 2 + (int) random_below(3);
	int			n_margins = 2 + (int) random_below(4);
	int			sparse = random_below(2) == 0 ? 8 : 3;
	static double fits[MAX_CELLS];

	for (int a = 0; a < n_axes; a++)
		size[a] = 2 + (int32_t) random_below(n_axes > 3 ? 4 : 8);
	start_table(n_axes, size);
	for (size_t i = 0; i < table.input.n; i++)
	{
		bool		zero = random_below((uint64_t) sparse) == 0;

		table.seed[i] = zero ? 0 : 1 + (double) random_below(1000);
		fits[i] = zero ? 0 : 1 + (double) random_below(random_below(3) == 0 ? 100000 : 100);
		table.lower[i] = 0;
		table.upper[i] = HUGE_VAL;
		if (bounded && random_below(3) == 0)
		{
			table.lower[i] = floor(fits[i] * (double) random_below(11) / 10);
			if (random_below(2) == 0)
				table.upper[i] = fits[i] + (double) random_below(50);
			if (random_below(8) == 0)
				table.lower[i] = table.upper[i] = fits[i];
		}
	}
	if (bounded)
	{
		table.input.lower = table.lower;
		table.input.upper = table.upper;
	}
	for (int k = 0; k < n_margins; k++)
	{
		uint32_t	axes = 1 + (uint32_t) random_below((1U << n_axes) - 1);

		add_margin(axes, NULL);
		memset(table.total[k], 0, sizeof(table.total[k]));
		for (size_t i = 0; i < table.input.n; i++)
			table.total[k][group_of(&table, k, i)] += fits[i];
		for (int g = 0; g < table.margin[k].n_groups; g++)
		{
			if (random_below(10) == 0)
				table.total[k][g] = NAN;
		}
	}
}

static void
test_random(void)
{
	static long double x[MAX_CELLS];
	bool		same = true;
	bool		fits = true;
	bool		follows = true;
	bool		repeats = true;
	int			compared = 0;
	int			most_sweeps = 0;
	int			given_up = 0;

	seed = 1;
	for (int t = 0; t < 600; t++)
	{
		random_table(false);
		for (int form = 0; form < 2; form++)
		{
			static double first_cell[MAX_CELLS];
			double		largest = 0;
			ts_rake_status status;

			if (form == 1)
				list_groups(&table);
			status = run(&table);
			if (status != TS_RAKE_OK)
			{
				given_up++;
				printf("# table %d: status %d, %d sweeps, residual %g\n", t, status, result.sweeps, result.residual);
				continue;
			}
			for (size_t i = 0; i < table.input.n; i++)
				largest = fmax(largest, cell[i]);
			fits &= residual(&table) <= 1e-3 && residual(&table) <= result.residual * 1.01 + 1e-8;
			follows &= cells_follow_factors(&table);
			if (result.sweeps > most_sweeps)
				most_sweeps = result.sweeps;
			memcpy(first_cell, cell, sizeof(cell));
			repeats &= run(&table) == TS_RAKE_OK && memcmp(first_cell, cell, table.input.n * sizeof(double)) == 0;
			if (!textbook(&table, x, 1500))
				continue;
			compared++;
			for (size_t i = 0; i < table.input.n; i++)
			{
				if (fabsl(x[i] - cell[i]) > 1e-7L * largest)
				{
					printf("# table %d cell %zu: %.12g, textbook %.12Lg\n", t, i, cell[i], x[i]);
					same = false;
					break;
				}
			}
		}
	}
	printf("# %d compared, %d given up, most sweeps %d\n", compared, given_up, most_sweeps);
	report(given_up == 0, "random tables: all are solved");
	report(fits, "random tables: all groups have their totals");
	report(follows, "random tables: cells are seeds times factors");
	report(repeats, "random tables: the same bits again");
	report(same && compared > 600, "random tables: as the textbook has them");
}

static void
test_random_bounds(void)
{
	bool		fits = true;
	bool		follows = true;
	int			given_up = 0;

	seed = 2;
	for (int t = 0; t < 600; t++)
	{
		random_table(true);
		for (int form = 0; form < 2; form++)
		{
			ts_rake_status status;

			if (form == 1)
				list_groups(&table);
			status = run(&table);
			if (status != TS_RAKE_OK)
			{
				given_up++;
				printf("# table %d: status %d, %d sweeps, residual %g\n", t, status, result.sweeps, result.residual);
				continue;
			}
			fits &= residual(&table) <= 1e-3;
			follows &= cells_follow_factors(&table);
		}
	}
	printf("# %d given up\n", given_up);
	report(given_up == 0, "random bounds: all are solved");
	report(fits, "random bounds: all groups have their totals");
	report(follows, "random bounds: cells are seeds times factors, or at their bounds");
}

/* totals moved from group to group at random: mostly impossible */
static void
test_random_impossible(void)
{
	int			found = 0;
	int			open = 0;
	int			possible = 0;
	bool		proved = true;
	bool		fits = true;

	seed = 3;
	for (int t = 0; t < 1000; t++)
	{
		int			k;

		random_table(t % 2 == 1);
		if (t % 3 == 0)
			list_groups(&table);
		for (int change = 0; change < 3; change++)
		{
			int			from;
			int			to;
			double		amount;

			k = (int) random_below((uint64_t) table.input.n_margins);
			from = (int) random_below((uint64_t) table.margin[k].n_groups);
			to = (int) random_below((uint64_t) table.margin[k].n_groups);
			amount = floor(table.total[k][from] * (double) random_below(10) / 10);
			if (isnan(table.total[k][from]) || isnan(table.total[k][to]))
				continue;
			table.total[k][from] -= amount;
			table.total[k][to] += amount;
		}
		switch (run(&table))
		{
			case TS_RAKE_OK:
				possible++;
				fits &= residual(&table) <= 1e-3;
				break;
			case TS_RAKE_NOT_CONVERGED:
				open++;
				break;
			default:
				found++;
				proved &= ray_proves(&table);
		}
	}
	printf("# %d possible, %d proved impossible, %d open\n", possible, found, open);
	report(proved, "totals moved at random: proofs add up");
	report(fits, "totals moved at random: what converged fits");
	report(open * 20 <= found, "totals moved at random: hardly any is left open");
}

int
main(void)
{
	test_published();
	test_impossible();
	test_random();
	test_random_bounds();
	test_random_impossible();
	return finish();
}
