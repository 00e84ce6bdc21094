/*-------------------------------------------------------------------------
 *
 * apportion.c
 *	  libFuzzer target for the engine's largest remainder.
 *
 *	  clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc \
 *		  test/fuzz/apportion.c src/engine/[a-z]*.c
 *
 * The input is read as a total, then a byte of parent distance and a weight
 * per node.  Checked: exact sums, each share floor or ceiling of its exact
 * share, zero weights get 0, and the narrow, wide and tree forms agree.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "engine/apportion.h"
#include "input.h"

#define MAX_NODES	512

/*
 * share is floor or ceiling of total * weight / whole: the rest of total *
 * weight - share * whole is between -whole and whole.  Computed modulo 2^128,
 * so a share that is wrong by a multiple of 2^128 / whole would pass; the
 * unit test has the check in full.
 */
static void
check_share(ts_int128 total, ts_int128 weight, ts_int128 whole, ts_int128 share)
{
	ts_int128	rest = (ts_int128) ((ts_uint128) total * (ts_uint128) weight -
									(ts_uint128) share * (ts_uint128) whole);

	if (weight == 0 && share != 0)
		abort();
	if (rest <= -whole || rest >= whole)
		abort();
	if ((total >= 0 && (share < 0 || share > total)) ||
		(total < 0 && (share > 0 || share < total)))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int32_t parent[MAX_NODES];
	static bool inner[MAX_NODES];
	static ts_int128 weight[MAX_NODES];
	static ts_int128 leaf_weight[MAX_NODES];
	static ts_int128 copy[MAX_NODES];
	static uint64_t weight64[MAX_NODES];
	static ts_int128 share[MAX_NODES];
	static ts_int128 flat[MAX_NODES];
	static int64_t share64[MAX_NODES];
	static ts_int128 below[MAX_NODES];
	fuzz_input	input;
	ts_int128	total;
	ts_int128	whole = 0;
	ts_int128	top = 0;
	ts_cut		cut;
	ts_cut		cut64;
	ts_status	status;
	ts_status	status64;
	void	   *work;
	size_t		bytes;
	size_t		n = 0;
	size_t		i;

	input.data = data;
	input.size = size;
	bytes = take(&input, 1) % 14;
	total = (ts_int128) take(&input, bytes > 8 ? 8 : bytes);
	if (bytes > 8)
		total = (total << (8 * (bytes - 8))) | (ts_int128) take(&input, bytes - 8);
	if (take(&input, 1) % 2 == 1)
		total = -total;
	bytes = 1 + take(&input, 1) % 11;

	while (input.size > 0 && n < MAX_NODES)
	{
		uint64_t	distance = take(&input, 1);

		parent[n] = distance == 0 || distance > n ? -1 : (int32_t) (n - distance);
		inner[n] = false;
		weight[n] = (ts_int128) take(&input, bytes > 8 ? 8 : bytes);
		if (bytes > 8)
			weight[n] = (weight[n] << (8 * (bytes - 8))) |
				(ts_int128) take(&input, bytes - 8);
		if (parent[n] >= 0)
			inner[parent[n]] = true;
		n++;
	}

	/* flat, wide against narrow */
	for (i = 0; i < n; i++)
	{
		copy[i] = weight[i];
		whole += weight[i];
	}
	status = ts_apportion128(n, copy, total, NULL, flat, &cut, NULL);
	if (status == TS_OK)
	{
		for (i = 0; i < n; i++)
		{
			if (whole > 0)
				check_share(total, weight[i], whole, flat[i]);
			top += flat[i];
		}
		if (top != total)
			abort();
	}
	else if (status != TS_ALL_ZERO || whole != 0)
		abort();
	if (bytes <= 8 && total <= INT64_MAX && total >= -INT64_MAX)
	{
		for (i = 0; i < n; i++)
			weight64[i] = (uint64_t) weight[i];
		status64 = ts_apportion64(n, weight64, (int64_t) total, share64,
								  &cut64, NULL);
		if (status64 != TS_TOO_LARGE)
		{
			if (status64 != status)
				abort();
			for (i = 0; i < n && status == TS_OK; i++)
			{
				if (share64[i] != flat[i])
					abort();
			}
			if (status == TS_OK &&
				(cut.tied != cut64.tied ||
				 (cut.tied && (cut.last_chosen != cut64.last_chosen ||
							   cut.first_not_chosen != cut64.first_not_chosen))))
				abort();
		}
	}

	/* the tree */
	whole = 0;
	for (i = n; i-- > 0;)
	{
		leaf_weight[i] = inner[i] ? 0 : weight[i];
		below[i] = 0;
	}
	memcpy(copy, leaf_weight, sizeof(copy));
	for (i = n; i-- > 0;)
	{
		if (parent[i] >= 0)
			copy[parent[i]] += copy[i];
		else
			whole += copy[i];
	}
	work = malloc(ts_apportion_tree_work(n));
	status = ts_apportion_tree(n, parent, weight, total, share, work,
							   NULL, NULL, NULL);
	free(work);
	if (status == TS_ALL_ZERO)
	{
		if (whole != 0 || total == 0)
			abort();
		return 0;
	}
	if (status != TS_OK)
		abort();
	top = 0;
	for (i = 0; i < n; i++)
	{
		if (copy[i] != weight[i])
			abort();
		if (whole > 0)
			check_share(total, copy[i], whole, share[i]);
		if (parent[i] >= 0)
			below[parent[i]] += share[i];
		else
			top += share[i];
	}
	for (i = 0; i < n; i++)
	{
		if (inner[i] && below[i] != share[i])
			abort();
	}
	if (n > 0 && top != total)
		abort();
	return 0;
}
