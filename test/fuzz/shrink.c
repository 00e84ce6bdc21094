/*-------------------------------------------------------------------------
 *
 * shrink.c
 *	  libFuzzer target for the engine's shrunk shares.
 *
 *	  clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc \
 *		  test/fuzz/shrink.c src/engine/[a-z]*.c
 *
 * The input is read as a number of axes and years, how wide amounts are, then
 * a key per axis and an amount per year for each cell.  Checked: weights are
 * not negative, have at most 28 digits, are not all zero and are the amounts
 * where plain history is chosen; shares of a model add up to one, up to
 * rounding; candidates are in the simplex and the chosen one is the best or
 * plain history; the cells from last to first give the same.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "engine/shrink.h"
#include "input.h"

#define MAX_CELLS	128
#define MAX_AXES	6
#define MAX_YEARS	5

static bool
same_candidate(const ts_shrink_candidate *a, const ts_shrink_candidate *b)
{
	return a->all_years == b->all_years && a->error == b->error &&
		memcmp(a->factor, b->factor, sizeof(a->factor)) == 0;
}

static void
check_candidate(const ts_shrink_result *result, const ts_shrink_candidate *candidate)
{
	int			sum = 0;
	int			model;

	for (model = 0; model < TS_SHRINK_MODELS; model++)
	{
		if (candidate->factor[model] < 0)
			abort();
		sum += candidate->factor[model];
	}
	if (sum != TS_SHRINK_WHOLE)
		abort();
	if (candidate->error < (result->n_tested > 0 ? result->best.error : -1) ||
		candidate->error > 2000000)
		abort();
	if (candidate->all_years && result->n_used < 3)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int32_t keys[MAX_CELLS * MAX_AXES];
	static int32_t turned_keys[MAX_CELLS * MAX_AXES];
	static ts_int128 amount[MAX_YEARS * MAX_CELLS];
	static ts_int128 turned[MAX_YEARS * MAX_CELLS];
	static ts_int128 cell_amount[MAX_CELLS][MAX_YEARS];
	static ts_int128 weight[MAX_CELLS];
	static ts_int128 weight2[MAX_CELLS];
	static ts_int128 share[MAX_CELLS * TS_SHRINK_MODELS];
	static ts_shrink_result result;
	static ts_shrink_result result2;
	const ts_int128 limit = (ts_int128) UINT64_C(100000000000000) * UINT64_C(100000000000000);
	fuzz_input	input;
	ts_shrink_input in;
	bool		is_time[MAX_AXES];
	ts_int128	sum = 0;
	ts_status	status;
	void	   *work;
	size_t		bytes;
	uint64_t	time_axes;
	size_t		n = 0;
	size_t		n_axes;
	size_t		i;
	int			model;
	int			year;

	input.data = data;
	input.size = size;
	memset(&in, 0, sizeof(in));
	n_axes = 1 + take(&input, 1) % MAX_AXES;
	time_axes = take(&input, 1);
	for (i = 0; i < n_axes; i++)
		is_time[i] = (time_axes >> i & 1) != 0;
	in.n_axes = (int) n_axes;
	in.is_time = is_time;
	in.n_years = (int) (take(&input, 1) % (MAX_YEARS + 1));
	in.keep_zeros = take(&input, 1) % 2 == 1;
	bytes = 1 + take(&input, 1) % 16;

	while (input.size > 0 && n < MAX_CELLS)
	{
		for (i = 0; i < n_axes; i++)
			keys[n * n_axes + i] = (int32_t) (int8_t) take(&input, 1);
		for (year = 0; year < in.n_years; year++)
		{
			ts_uint128	value = take(&input, bytes > 8 ? 8 : bytes);

			if (bytes > 8)
				value = (value << (8 * (bytes - 8))) | take(&input, bytes - 8);
			cell_amount[n][year] = (ts_int128) value;
		}
		n++;
	}
	for (i = 0; i < n; i++)
	{
		memcpy(&turned_keys[(n - 1 - i) * n_axes], &keys[i * n_axes], n_axes * sizeof(*keys));
		for (year = 0; year < in.n_years; year++)
		{
			amount[(size_t) year * n + i] = cell_amount[i][year];
			turned[(size_t) year * n + n - 1 - i] = cell_amount[i][year];
		}
	}
	in.n = n;
	in.keys = keys;
	in.amount = amount;

	work = malloc(ts_shrink_work(n, in.n_axes) + 1);
	status = ts_shrink(&in, weight, share, &result, work);
	if (status == TS_OK)
	{
		in.keys = turned_keys;
		in.amount = turned;
		if (ts_shrink(&in, weight2, NULL, &result2, work) != TS_OK ||
			!same_candidate(&result.chosen, &result2.chosen) ||
			!same_candidate(&result.best, &result2.best) ||
			result.n_candidates != result2.n_candidates)
			abort();
	}
	free(work);
	if (status == TS_NEGATIVE_WEIGHT || status == TS_TOO_LARGE)
	{
		/* only amounts that are wide can be that */
		if (bytes < 10)
			abort();
		return 0;
	}
	if (status == TS_ALL_ZERO)
	{
		for (i = 0; i < n * (size_t) in.n_years; i++)
		{
			if (amount[i] != 0)
				abort();
		}
		return 0;
	}

	for (i = 0; i < n; i++)
	{
		if (weight[i] < 0 || weight[i] >= limit || weight[i] != weight2[n - 1 - i])
			abort();
		sum += weight[i];
	}
	if (sum == 0)
		abort();
	for (model = 0; model < TS_SHRINK_MODELS; model++)
	{
		sum = 0;
		for (i = 0; i < n; i++)
			sum += share[i * TS_SHRINK_MODELS + (size_t) model];
		if (sum > TS_SHRINK_ONE || (sum != 0 && sum < TS_SHRINK_ONE - (ts_int128) n))
			abort();
	}
	for (i = 0; i < (size_t) result.n_candidates; i++)
		check_candidate(&result, &result.candidate[i]);
	check_candidate(&result, &result.chosen);
	if (!same_candidate(&result.chosen, &result.best) &&
		!same_candidate(&result.chosen, &result.plain))
		abort();
	return 0;
}
