/*-------------------------------------------------------------------------
 *
 * residual.c
 *	  libFuzzer target for the engine's shares that are rounded as other systems
 *	  do.
 *
 *	  clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc \
 *		  test/fuzz/residual.c src/engine/[a-z]*.c
 *
 * The input is read as a rule, a multiple and a total, then a byte of parent
 * distance, a weight and perhaps bounds per node.  Small numbers are compared with
 * test/unit/residual_reference.h; large ones must add up on every level, within
 * the bounds.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "engine/residual.h"
#include "../unit/residual_reference.h"
#include "input.h"

/* sums on every level, and bounds where there are any */
static void
check_sums(int n, const int32_t *parent, const ts_int128 *lower, const ts_int128 *upper, ts_int128 total,
		   const ts_int128 *share)
{
	static ts_int128 below[REFERENCE_NODES + 1];
	static int	children[REFERENCE_NODES + 1];

	memset(below, 0, sizeof(below));
	memset(children, 0, sizeof(children));
	for (int i = 0; i < n; i++)
	{
		below[parent[i] + 1] += share[i];
		children[parent[i] + 1]++;
		if (share[i] < lower[i] || share[i] > upper[i])
			abort();
	}
	for (int i = 0; i <= n; i++)
		if (children[i] > 0 && below[i] != (i == 0 ? total : share[i - 1]))
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int32_t parent[REFERENCE_NODES];
	static ts_int128 weight[REFERENCE_NODES];
	static ts_int128 lower[REFERENCE_NODES];
	static ts_int128 upper[REFERENCE_NODES];
	static ts_int128 given_lower[REFERENCE_NODES];
	static ts_int128 given_upper[REFERENCE_NODES];
	static ts_int128 share[REFERENCE_NODES];
	static bool named[REFERENCE_NODES];
	static uint8_t held[REFERENCE_NODES];
	fuzz_input	input = {data, size};
	ts_residual residual = (ts_residual) (take(&input, 1) % (TS_RESIDUAL_NAMED + 1));
	size_t		bytes = 1 + (size_t) take(&input, 1) % 13;
	ts_int128	multiple = residual == TS_RESIDUAL_CARRY ? 1 : 1 + take(&input, 1);
	ts_int128	total = take(&input, bytes);
	ts_bounds_report why;
	ts_status	status;
	void	   *work;
	bool		bounded = false;
	int			n = 0;

	if (take(&input, 1) % 2 == 1)
		total = -total;
	while (input.size > 0 && n < REFERENCE_NODES)
	{
		int			distance = (int) take(&input, 1);
		int			kind = (int) take(&input, 1);

		parent[n] = distance == 0 || distance > n ? -1 : n - distance;
		weight[n] = take(&input, bytes);
		lower[n] = (kind & 1) ? multiple * take(&input, bytes) : TS_NO_LOWER;
		if (kind & 4 && lower[n] != TS_NO_LOWER)
			lower[n] = -lower[n];
		upper[n] = (kind & 2) ? multiple * take(&input, bytes) + (lower[n] == TS_NO_LOWER ? 0 : lower[n]) : TS_NO_UPPER;
		if (kind & 8 && lower[n] == TS_NO_LOWER && upper[n] != TS_NO_UPPER)
			upper[n] = -upper[n];
		named[n] = (kind & 16) != 0;
		bounded |= (kind & 3) != 0;
		n++;
	}
	memcpy(given_lower, lower, sizeof(lower));
	memcpy(given_upper, upper, sizeof(upper));
	if (bounded)
	{
		work = malloc(ts_bounded_tree_work((size_t) n, false));
		status = ts_bounded_tree((size_t) n, parent, weight, lower, upper, total, NULL, share, held, work,
								 NULL, NULL, &why, NULL);
		free(work);
		if (status != TS_OK)
			return 0;
	}
	work = malloc(ts_residual_tree_work((size_t) n, bounded));
	status = ts_residual_tree((size_t) n, parent, weight, bounded ? lower : NULL, bounded ? upper : NULL, total,
							  multiple, residual, named, share, work, NULL);
	free(work);
	if (status == TS_ALL_ZERO || status == TS_TOO_LARGE)
		return 0;
	if (status != TS_OK)
		abort();
	check_sums(n, parent, given_lower, given_upper, n > 0 ? total : 0, share);
	if (bytes <= 2 && !residual_is_right(n, parent, weight, bounded ? lower : NULL, bounded ? upper : NULL, total,
										 multiple, residual, named, share))
		abort();
	return 0;
}
