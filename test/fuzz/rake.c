/*-------------------------------------------------------------------------
 *
 * rake.c
 *	  libFuzzer target for the engine's raking.
 *
 *	  clang -g -O1 -ffp-contract=off -fsanitize=fuzzer,address,undefined -Isrc \
 *		  test/fuzz/rake.c src/engine/[a-z]*.c
 *
 * The input is read as flags, sizes of axes, margins with their totals, and seeds
 * and bounds of the cells.  Checked: what is said to fit does; a cell keeps its
 * bounds, and has nothing without a seed; a table that is said not to exist
 * comes with a ray that proves it; where the totals are those of a table, no
 * ray is found; the same input gives the same bits.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rake.h"
#include "input.h"

#define MAX_CELLS	256
#define MAX_MARGINS	5

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static double seed[MAX_CELLS];
	static double lower[MAX_CELLS];
	static double upper[MAX_CELLS];
	static double fits[MAX_CELLS];
	static double cell[MAX_CELLS];
	static double again[MAX_CELLS];
	static int32_t group[MAX_MARGINS][MAX_CELLS];
	static double total[MAX_MARGINS][MAX_CELLS];
	static double factor[MAX_MARGINS * MAX_CELLS];
	static int32_t ray[MAX_MARGINS * MAX_CELLS];
	static ts_rake_margin margin[MAX_MARGINS];
	int32_t		length[3];
	fuzz_input	input;
	ts_rake_input in;
	ts_rake_result result;
	ts_rake_status status;
	ts_int128	excess;
	uint64_t	flags;
	bool		possible;
	bool		lists;
	void	   *work;

	input.data = data;
	input.size = size;
	memset(&in, 0, sizeof(in));
	flags = (uint64_t) take(&input, 1);
	possible = (flags & 1) != 0;
	lists = (flags & 4) != 0;
	in.n_axes = 1 + (int) (flags >> 3) % 3;
	in.n = 1;
	for (int a = 0; a < in.n_axes; a++)
	{
		length[a] = 1 + (int32_t) take(&input, 1) % 6;
		in.n *= (size_t) length[a];
	}
	in.size = length;
	in.n_margins = 1 + (int) take(&input, 1) % MAX_MARGINS;
	in.margin = margin;
	in.seed = seed;
	in.max_sweeps = 100;
	if ((flags & 2) != 0)
	{
		in.lower = lower;
		in.upper = upper;
	}
	for (size_t i = 0; i < in.n; i++)
	{
		uint64_t	kind = (uint64_t) take(&input, 1);

		seed[i] = kind % 4 == 0 ? 0 : ldexp((double) (1 + kind), (int) (kind % 9) - 4);
		fits[i] = kind % 4 == 0 ? 0 : (double) take(&input, 2);
		lower[i] = 0;
		upper[i] = HUGE_VAL;
		if (in.lower != NULL && kind % 8 > 4)
		{
			lower[i] = floor(fits[i] / (double) (1 + kind % 3));
			upper[i] = kind % 8 == 5 ? fits[i] : fits[i] + (double) (kind % 5);
		}
	}
	for (int k = 0; k < in.n_margins; k++)
	{
		uint64_t	axes = (uint64_t) take(&input, 1);
		int32_t		free_group;

		margin[k].axes = (uint32_t) axes % (1U << in.n_axes);
		margin[k].n_groups = 1;
		for (int a = 0; a < in.n_axes; a++)
			margin[k].n_groups *= (margin[k].axes & (1U << a)) != 0 ? length[a] : 1;
		for (size_t i = 0; i < in.n; i++)
		{
			size_t		rest = i;
			int32_t		stride = 1;

			group[k][i] = 0;
			for (int a = in.n_axes - 1; a >= 0; a--)
			{
				if ((margin[k].axes & (1U << a)) != 0)
				{
					group[k][i] += stride * (int32_t) (rest % (size_t) length[a]);
					stride *= length[a];
				}
				rest /= (size_t) length[a];
			}
			if (lists && axes > 200 && i % 5 == 0)
				group[k][i] = -1;
		}
		memset(total[k], 0, sizeof(total[k]));
		for (size_t i = 0; i < in.n; i++)
		{
			if (group[k][i] >= 0)
				total[k][group[k][i]] += fits[i];
		}
		if (!possible)
			total[k][0] += (double) take(&input, 1) - 5;
		if (total[k][0] < 0)
			total[k][0] = 0;
		free_group = (int32_t) take(&input, 1);
		if (free_group < margin[k].n_groups)
			total[k][free_group] = NAN;
		margin[k].total = total[k];
		margin[k].group = lists ? group[k] : NULL;
	}
	if (lists)
		in.n_axes = 0;

	work = malloc(ts_rake_work(&in) + 1);
	status = ts_rake(&in, again, factor, ray, &result, work);
	if (ts_rake(&in, cell, factor, ray, &result, work) != status ||
		memcmp(cell, again, in.n * sizeof(double)) != 0)
		abort();
	free(work);
	if (status == TS_RAKE_NOT_CONVERGED)
		return 0;
	if (status != TS_RAKE_OK)
	{
		if (possible || !ts_rake_proves(&in, ray, &excess) || excess <= 0)
			abort();
		return 0;
	}
	for (int k = 0; k < in.n_margins; k++)
	{
		for (int32_t g = 0; g < margin[k].n_groups; g++)
		{
			long double sum = 0;

			for (size_t i = 0; i < in.n; i++)
			{
				if (group[k][i] == g)
					sum += cell[i];
			}
			if (!isnan(total[k][g]) && !(fabsl(sum - total[k][g]) <= 1e-3L))
				abort();
		}
	}
	for (size_t i = 0; i < in.n; i++)
	{
		if (!(cell[i] >= lower[i] && cell[i] <= upper[i]) || (seed[i] == 0 && cell[i] > lower[i]))
			abort();
	}
	return 0;
}
