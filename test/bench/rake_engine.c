/*-------------------------------------------------------------------------
 *
 * rake_engine.c
 *	  Measures the engine's raking of 12 million cells with four margins; built
 *	  and called by rake.sh.
 *
 *	  rake_engine FOLDER
 *
 * Prints the milliseconds of the fastest of 5 runs, with axes and with lists of
 * groups, and the largest residual as a part of its total.  The table is left in
 * FOLDER for peers: seed, then the totals of each margin, as doubles.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/rake.h"

#define AXES	4
#define CELLS	12000000

static const int32_t size[AXES] = {100, 100, 100, 12};
static double total[AXES][100];

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

static uint64_t
next(void)
{
	static uint64_t z = 1;

	z = z * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return z >> 33;
}

static double
residual(const double *cell)
{
	double		worst = 0;
	size_t		stride = CELLS;

	for (int k = 0; k < AXES; k++)
	{
		static long double sum[100];

		stride /= (size_t) size[k];
		memset(sum, 0, sizeof(sum));
		for (size_t i = 0; i < CELLS; i++)
			sum[i / stride % (size_t) size[k]] += cell[i];
		for (int32_t g = 0; g < size[k]; g++)
			worst = fmax(worst, (double) (fabsl(sum[g] - total[k][g]) / total[k][g]));
	}
	return worst;
}

int
main(int argc, char **argv)
{
	double	   *seed = malloc(CELLS * sizeof(double));
	double	   *cell = calloc(CELLS, sizeof(double));
	ts_rake_margin margin[AXES];
	ts_rake_input in;
	ts_rake_result result;
	static double factor[AXES * 100];
	static int32_t ray[AXES * 100];
	char		name[1000];
	FILE	   *file;
	size_t		stride = CELLS;

	if (argc < 2)
		return 1;
	for (size_t i = 0; i < CELLS; i++)
		seed[i] = 1 + (double) (next() % 1000);
	for (int k = 0; k < AXES; k++)
	{
		double		sum = 0;
		double		rest = 1.2e12;

		for (int32_t g = 0; g < size[k]; g++)
			sum += total[k][g] = 500000 + (double) (next() % 1000000);
		for (int32_t g = 0; g < size[k]; g++)
		{
			total[k][g] = g == size[k] - 1 ? rest : floor(total[k][g] * 1.2e12 / sum);
			rest -= total[k][g];
		}
	}
	snprintf(name, sizeof(name), "%s/table.bin", argv[1]);
	file = fopen(name, "wb");
	fwrite(seed, sizeof(double), CELLS, file);
	for (int k = 0; k < AXES; k++)
		fwrite(total[k], sizeof(double), (size_t) size[k], file);
	fclose(file);

	memset(&in, 0, sizeof(in));
	in.n = CELLS;
	in.seed = seed;
	in.n_margins = AXES;
	in.margin = margin;
	for (int form = 0; form < 2; form++)
	{
		double		best = 1e18;

		in.n_axes = form == 0 ? AXES : 0;
		in.size = size;
		stride = CELLS;
		for (int k = 0; k < AXES; k++)
		{
			int32_t    *group = NULL;

			stride /= (size_t) size[k];
			if (form == 1)
			{
				group = malloc(CELLS * sizeof(int32_t));
				for (size_t i = 0; i < CELLS; i++)
					group[i] = (int32_t) (i / stride % (size_t) size[k]);
			}
			margin[k].n_groups = size[k];
			margin[k].axes = 1U << k;
			margin[k].group = group;
			margin[k].total = total[k];
		}
		for (int run = 0; run < 5; run++)
		{
			double		start = now();
			void	   *work = malloc(ts_rake_work(&in));

			if (ts_rake(&in, cell, factor, ray, &result, work) != TS_RAKE_OK)
				return 1;
			free(work);
			best = fmin(best, now() - start);
		}
		printf("%.0f %.2g %d\n", best, residual(cell), result.sweeps);
	}
	return 0;
}
