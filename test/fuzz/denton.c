/*-------------------------------------------------------------------------
 *
 * denton.c
 *	  libFuzzer target for the engine's temporal disaggregation.
 *
 *	  clang -g -O1 -ffp-contract=off -fsanitize=fuzzer,address,undefined -Isrc \
 *		  test/fuzz/denton.c src/engine/[a-z]*.c
 *
 * The input is read as a variant, then for each bucket a size, whether it has a
 * total, the total, and for each of its periods an indicator with an exponent and whether
 * its value is fixed, at which part of the total; buckets may share a total in pools that
 * nest.  Checked: units of a bucket or pool add up to its total; fixed ones are kept; no other value has another sign than what these leave; a
 * period that takes no part or whose indicator is 0 in the proportional variant gets
 * 0; units are their exact shares rounded; with moderate numbers the best
 * values are found; the same input gives the same bits.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/denton.h"
#include "input.h"

#define MAX_PERIODS	96

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static double indicator[MAX_PERIODS];
	static double value[MAX_PERIODS];
	static double again[MAX_PERIODS];
	static size_t end[MAX_PERIODS];
	static ts_int128 total[MAX_PERIODS];
	static bool is_free[MAX_PERIODS];
	static size_t pool[MAX_PERIODS];
	static size_t next[MAX_PERIODS];
	static size_t around[MAX_PERIODS];
	static bool is_fixed[MAX_PERIODS];
	static ts_int128 fixed[MAX_PERIODS];
	static ts_int128 share[MAX_PERIODS];
	const ts_int128 limit = (ts_int128) UINT64_C(1000000000000000000) * UINT64_C(1000000000000000000);
	fuzz_input	input;
	ts_denton_input in;
	ts_denton_report report;
	ts_denton_report report2;
	ts_status	status;
	uint64_t	flags;
	bool		wild;
	bool		with_fixed;
	bool		with_pools;
	size_t		n_around = 0;
	bool		positive = false;
	bool		negative = false;
	size_t		bytes;
	void	   *work;
	size_t		k;
	size_t		t;

	input.data = data;
	input.size = size;
	memset(&in, 0, sizeof(in));
	flags = (uint64_t) take(&input, 1);
	in.additive = (flags & 1) != 0;
	in.second = (flags & 2) != 0;
	wild = (flags & 4) != 0;
	with_fixed = (flags & 16) != 0;
	with_pools = (flags & 32) != 0 && !in.second;
	bytes = (flags & 8) != 0 ? 15 : 3;
	in.keep_sign = true;
	while (input.size > 0 && in.n < MAX_PERIODS)
	{
		size_t		periods = 1 + (size_t) take(&input, 1) % 14;
		uint64_t	kind = (uint64_t) take(&input, 1);

		k = in.n_buckets++;
		is_free[k] = kind % 8 == 0;
		total[k] = take(&input, bytes) % limit;
		if (kind % 16 == 1)
			total[k] = -total[k];
		pool[k] = k;
		next[k] = 0;
		if (with_pools && !is_free[k] && (kind & 64) != 0 && n_around > 0)
		{
			size_t		before = k - 1;

			n_around = 1 + (kind >> 4) % n_around;
			pool[k] = around[n_around - 1];
			while (pool[before] != pool[k])
				before--;
			next[before] = k;
			total[k] = total[pool[k]];
		}
		else if (!is_free[k])
			around[n_around++] = k;
		if (!is_free[k] && total[k] > 0)
			positive = true;
		if (!is_free[k] && total[k] < 0)
			negative = true;
		for (; periods > 0 && in.n < MAX_PERIODS; periods--)
		{
			indicator[in.n] = (double) take(&input, 2);
			if (indicator[in.n] == 65535)
				indicator[in.n] = -1;
			if (wild)
				indicator[in.n] = ldexp(indicator[in.n], (int) (int8_t) take(&input, 1));
			is_fixed[in.n] = false;
			fixed[in.n] = 0;
			if (with_fixed)
			{
				int			part = (int) (int8_t) take(&input, 1);

				is_fixed[in.n] = part % 2 != 0;
				fixed[in.n] = total[k] / 64 * part;
			}
			in.n++;
		}
		end[k] = in.n;
	}
	in.indicator = indicator;
	in.end = end;
	in.total = total;
	in.is_free = is_free;
	in.pool = with_pools ? pool : NULL;
	in.next = next;
	in.is_fixed = with_fixed ? is_fixed : NULL;
	in.fixed = fixed;

	work = malloc(ts_denton_work(&in) + 1);
	status = ts_denton(&in, value, &report, work);
	if (ts_denton(&in, again, &report2, work) != status ||
		(status == TS_OK && memcmp(value, again, in.n * sizeof(double)) != 0))
		abort();
	if (status == TS_OK)
		status = ts_denton_units(&in, value, share, work);
	free(work);
	if (status == TS_ALL_ZERO)
	{
		for (k = 0, t = 0; k < in.n_buckets; k++)
		{
			for (; t < end[k]; t++)
			{
				if (pool[k] == pool[report.bucket] && indicator[t] > 0 && !is_fixed[t])
					abort();
			}
		}
		return 0;
	}
	if (status == TS_TOO_LARGE && (wild || bytes > 3))
		return 0;
	if (status != TS_OK || (!wild && bytes == 3 && !report.optimal))
		abort();

	for (k = 0; k < in.n_buckets; k++)
	{
		ts_int128	sum = 0;
		ts_int128	rest = total[k];
		long double weight = 0;
		int			sign;
		size_t		bucket;

		if (pool[k] != k)
			continue;
		for (bucket = 0, t = 0; t < in.n; t++)
		{
			while (t >= end[bucket])
				bucket++;
			rest -= pool[bucket] == k && is_fixed[t] ? fixed[t] : 0;
		}
		sign = is_free[k] ? (positive && negative ? 0 : negative ? -1 : 1) : rest < 0 ? -1 : 1;
		for (bucket = 0, t = 0; t < in.n; t++)
		{
			while (t >= end[bucket])
				bucket++;
			if (pool[bucket] != k)
				continue;
			sum += share[t];
			if (is_fixed[t])
			{
				if (share[t] != fixed[t] || value[t] != (double) fixed[t])
					abort();
				continue;
			}
			weight += value[t];
			if (sign * value[t] < 0 || (sign * share[t] < 0))
				abort();
			if ((indicator[t] < 0 || (!in.additive && indicator[t] == 0)) &&
				(value[t] != 0 || share[t] != 0))
				abort();
		}
		if (is_free[k])
			continue;
		if (sum != total[k])
			abort();
		for (bucket = 0, t = 0; t < in.n && weight != 0; t++)
		{
			long double exact = (long double) rest * (value[t] / weight);

			while (t >= end[bucket])
				bucket++;
			if (pool[bucket] == k && !is_fixed[t] &&
				fabsl((long double) share[t] - exact) > 1 + fabsl((long double) rest) * 1e-14L)
				abort();
		}
	}
	return 0;
}
