/*-------------------------------------------------------------------------
 *
 * seasonal.c
 *	  libFuzzer target for the engine's seasonal indices.
 *
 *	  clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc \
 *		  test/fuzz/seasonal.c src/engine/[a-z]*.c
 *
 * The input is read as a number of seasons, the first one, how wide amounts are,
 * then days and an amount for each period.  Checked: there are indices only of two
 * years or more, and their mean is 1; nothing is beyond the limits; the same
 * in another unit is the same; shares are from 0 to 1; a mixture with the share
 * 1 is the parent's.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "engine/seasonal.h"
#include "input.h"

#define MAX_PERIODS 240
#define MAX_PARTS	32

#define ONE			((ts_int128) TS_SEASONAL_ONE)

static bool
is_within(ts_int128 value, ts_int128 limit)
{
	return value <= limit && value >= -limit;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static ts_int128 amount[MAX_PERIODS];
	static int64_t days[MAX_PERIODS];
	static ts_season season[TS_SEASONAL_MAX_SEASONS];
	static ts_season season2[TS_SEASONAL_MAX_SEASONS];
	static ts_int128 parent[TS_SEASONAL_MAX_SEASONS];
	static ts_int128 index[TS_SEASONAL_MAX_SEASONS];
	ts_int128	distance[MAX_PARTS];
	ts_int128	noise[MAX_PARTS];
	int64_t		share[MAX_PARTS];
	fuzz_input	input;
	ts_seasonal_input in;
	ts_seasonal_result result;
	ts_seasonal_result result2;
	ts_int128	sum = 0;
	ts_int128	limit;
	size_t		bytes;
	size_t		parts = 0;
	void	   *work;
	int			n = 0;
	int			present = 0;

	input.data = data;
	input.size = size;
	memset(&in, 0, sizeof(in));
	in.seasons = 2 + (int) (take(&input, 1) % 59);
	in.first = (int) (take(&input, 1) % in.seasons);
	in.damped = take(&input, 1) % 2 == 1;
	bytes = 1 + (size_t) (take(&input, 1) % 16);
	limit = 2 * in.seasons * ONE;
	while (input.size > 0 && n < MAX_PERIODS)
	{
		days[n] = (int64_t) take(&input, 1) * 5000;
		amount[n] = take(&input, bytes);
		/* one byte in two is a negative amount */
		if (bytes < 16 && (amount[n] & 1) != 0)
			amount[n] = -amount[n];
		n++;
	}
	in.n = n;
	in.amount = amount;
	in.days = days;

	work = malloc(ts_seasonal_work(n) + 1);
	if (ts_seasonal_own(&in, season, &result, work) != TS_OK)
		abort();
	if (result.known && (result.n_years < 2 || result.begin + 2 * in.seasons > n || result.noise < 0))
		abort();
	for (int m = 0; m < in.seasons; m++)
	{
		if (!is_within(season[m].index, limit) || !is_within(season[m].deviation, limit) ||
			(!result.known && season[m].n != 0))
			abort();
		present += season[m].n > 0;
		sum += season[m].index;
	}
	/* where no index was cut, their mean is 1 */
	for (int m = 0; m < in.seasons && result.known; m++)
	{
		if (!is_within(season[m].index, limit - 1))
			present = 0;
	}
	if (result.known && present > 0 && !is_within(sum - present * ONE, in.seasons))
		abort();

	/* ten times as much, where there is room */
	for (int i = 0; i < n && bytes < 15; i++)
		amount[i] *= 10;
	if (bytes < 15)
	{
		if (ts_seasonal_own(&in, season2, &result2, work) != TS_OK || result.known != result2.known)
			abort();
		for (int m = 0; m < in.seasons; m++)
		{
			if (season[m].n != season2[m].n || season[m].index != season2[m].index)
				abort();
		}
	}

	/* the same again: a mixture of an index with itself is itself */
	for (int m = 0; m < in.seasons; m++)
		parent[m] = season[m].n > 0 ? season[m].index : ONE;
	ts_seasonal_mix(in.seasons, season, parent, TS_SEASONAL_ONE, index);
	if (memcmp(parent, index, sizeof(*parent) * (size_t) in.seasons) != 0)
		abort();
	if (ts_seasonal_distance(in.seasons, season, parent) < 0)
		abort();
	free(work);

	for (int i = 0; i + 1 < n && parts < MAX_PARTS; i += 2, parts++)
	{
		distance[parts] = (ts_int128) days[i] * days[i] * 10000000000000;
		noise[parts] = (ts_int128) days[i + 1] * days[i + 1] * 10000000000000;
	}
	ts_seasonal_pull(parts, distance, noise, share, NULL);
	for (size_t i = 0; i < parts; i++)
	{
		if (share[i] < 0 || share[i] > TS_SEASONAL_ONE)
			abort();
	}
	return 0;
}
