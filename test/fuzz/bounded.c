/*-------------------------------------------------------------------------
 *
 * bounded.c
 *	  libFuzzer target for the engine's bounded shares.
 *
 *	  clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc \
 *		  test/fuzz/bounded.c src/engine/[a-z]*.c
 *
 * The input is read as a total, then a byte of parent distance, a weight and
 * perhaps bounds per node.  Checked: exact sums, no share beyond a bound; the
 * heavier of two parts that no bound stops has not less; a list is a tree of
 * one level; without bounds the shares are those of ts_apportion_tree; refusals
 * name a shortfall that is one.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "engine/bounded.h"
#include "input.h"

#define MAX_NODES	256

/* a bound of as many bytes, negative where the top bit of its first is set */
static ts_int128
take_bound(fuzz_input *input, size_t bytes)
{
	bool		negative = input->size > 0 && (*input->data & 0x80) != 0;
	ts_int128	value = take(input, bytes);

	return negative ? -value : value;
}

static bool
is_refusal(ts_status status)
{
	return status == TS_BELOW_BOUNDS || status == TS_ABOVE_BOUNDS ||
		status == TS_ONLY_ZERO_WEIGHTS;
}

static void
check_refusal(ts_status status, const ts_bounds_report *why)
{
	if (why->shortfall <= 0)
		abort();
	if ((status == TS_BELOW_BOUNDS && why->total + why->shortfall != why->sum) ||
		(status == TS_ABOVE_BOUNDS && why->total - why->shortfall != why->sum))
		abort();
}

/*
 * A list: of two neighbours that no bound stops, the heavier one has not less,
 * to a unit
 */
static void
check_list(size_t n, const ts_int128 *weight, const ts_int128 *lower,
		   const ts_int128 *upper, ts_int128 total, const ts_int128 *share,
		   const uint8_t *held)
{
	ts_int128	sum = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		sum += share[i];
		if (share[i] < lower[i] || share[i] > upper[i])
			abort();
		if (((held[i] & TS_AT_LOWER) && share[i] != lower[i]) ||
			((held[i] & TS_AT_UPPER) && share[i] != upper[i]))
			abort();
		if (i == 0 || weight[i - 1] > weight[i])
			continue;
		if (total >= 0 && share[i] < share[i - 1] - 1 && share[i] >= 0 &&
			share[i] < upper[i] && share[i - 1] > lower[i - 1] && share[i - 1] > 0 &&
			weight[i] > 0)
			abort();
	}
	if (sum != total)
		abort();
}

/* sums are exact, and nothing is beyond its own bounds or the effective ones */
static void
check_tree(size_t n, const int32_t *parent, const ts_int128 *lower, const ts_int128 *upper,
		   const ts_int128 *low, const ts_int128 *high, ts_int128 total, const ts_int128 *share)
{
	ts_int128	below[MAX_NODES] = {0};
	bool		inner[MAX_NODES] = {false};
	ts_int128	top = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (share[i] < lower[i] || share[i] > upper[i] ||
			share[i] < low[i] || share[i] > high[i])
			abort();
		if (parent[i] < 0)
			top += share[i];
		else
		{
			below[parent[i]] += share[i];
			inner[parent[i]] = true;
		}
	}
	for (i = 0; i < n; i++)
	{
		if (inner[i] && below[i] != share[i])
			abort();
	}
	if (top != total)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int32_t parent[MAX_NODES];
	static int32_t no_parent[MAX_NODES];
	static ts_int128 weight[MAX_NODES];
	static ts_int128 lower[MAX_NODES];
	static ts_int128 upper[MAX_NODES];
	static ts_int128 copy[3][MAX_NODES];
	static ts_int128 share[MAX_NODES];
	static ts_int128 other[MAX_NODES];
	static uint8_t held[MAX_NODES];
	static ts_int128 old[MAX_NODES];
	static ts_int128 kept[MAX_NODES];
	fuzz_input	input;
	ts_int128	total;
	ts_cut		cut;
	ts_bounds_report why;
	ts_status	status;
	ts_status	tree_status;
	void	   *work;
	size_t		bytes;
	size_t		bound_bytes;
	size_t		n = 0;
	size_t		i;
	bool		any_bound = false;

	input.data = data;
	input.size = size;
	bytes = (size_t) take(&input, 1) % 14;
	total = take(&input, bytes);
	if (take(&input, 1) % 2 == 1)
		total = -total;
	bound_bytes = 1 + (size_t) take(&input, 1) % 14;
	bytes = 1 + (size_t) take(&input, 1) % 14;

	while (input.size > 0 && n < MAX_NODES)
	{
		size_t		distance = (size_t) take(&input, 1);
		int			kind = (int) take(&input, 1);

		parent[n] = distance == 0 || distance > n ? -1 : (int32_t) (n - distance);
		no_parent[n] = -1;
		weight[n] = take(&input, bytes);
		lower[n] = (kind & 1) ? take_bound(&input, bound_bytes) : TS_NO_LOWER;
		upper[n] = (kind & 2) ? take_bound(&input, bound_bytes) : TS_NO_UPPER;
		if ((kind & 3) == 3 && (kind & 12) != 0 && lower[n] > upper[n])
			upper[n] = lower[n];
		any_bound |= (kind & 3) != 0;
		n++;
	}

	/* a list, and the same as a tree of one level */
	memcpy(copy[0], weight, sizeof(weight));
	work = malloc(ts_bounded_work(n));
	status = ts_bounded(n, copy[0], lower, upper, total, share, held, work,
						&cut, &why, NULL);
	free(work);
	if (status == TS_OK)
		check_list(n, weight, lower, upper, total, share, held);
	if (is_refusal(status))
		check_refusal(status, &why);
	memcpy(copy[0], weight, sizeof(weight));
	memcpy(copy[1], lower, sizeof(lower));
	memcpy(copy[2], upper, sizeof(upper));
	work = malloc(ts_bounded_tree_work(n, false));
	tree_status = ts_bounded_tree(n, no_parent, copy[0], copy[1], copy[2], total,
								  NULL, other, held, work, NULL, NULL, &why, NULL);
	if ((status == TS_OK) != (tree_status == TS_OK) ||
		is_refusal(status) != is_refusal(tree_status))
		abort();
	if (status == TS_OK && n > 0 && memcmp(share, other, n * sizeof(*share)) != 0)
		abort();

	/* the tree */
	memcpy(copy[0], weight, sizeof(weight));
	memcpy(copy[1], lower, sizeof(lower));
	memcpy(copy[2], upper, sizeof(upper));
	status = ts_bounded_tree(n, parent, copy[0], copy[1], copy[2], total,
							 NULL, share, held, work, NULL, NULL, &why, NULL);
	free(work);
	if (is_refusal(status))
		check_refusal(status, &why);
	if (status == TS_OK)
	{
		check_tree(n, parent, lower, upper, copy[1], copy[2], total, share);

		/* what there is decides the rounding: the shares of the list, and these */
		for (int from_list = 1; from_list >= 0; from_list--)
		{
			ts_status	again;

			memcpy(old, from_list && tree_status == TS_OK ? other : share, sizeof(old));
			memcpy(copy[0], weight, sizeof(weight));
			memcpy(copy[1], lower, sizeof(lower));
			memcpy(copy[2], upper, sizeof(upper));
			work = malloc(ts_bounded_tree_work(n, true));
			again = ts_bounded_tree(n, parent, copy[0], copy[1], copy[2], total,
									old, kept, held, work, NULL, NULL, &why, NULL);
			free(work);
			if (again != TS_OK)
				abort();
			check_tree(n, parent, lower, upper, copy[1], copy[2], total, kept);
			for (i = 0; i < n; i++)
			{
				/* floor or ceiling of the same exact share */
				if (kept[i] - share[i] > 1 || share[i] - kept[i] > 1)
					abort();
			}
		}
	}
	else if (status == TS_NEGATIVE_WEIGHT || status == TS_BAD_TREE)
		abort();
	if (any_bound)
		return 0;

	/* no bounds */
	memcpy(copy[0], weight, sizeof(weight));
	work = malloc(ts_apportion_tree_work(n));
	tree_status = ts_apportion_tree(n, parent, copy[0], total, other, work,
									NULL, NULL, NULL);
	free(work);
	if ((status == TS_OK) != (tree_status == TS_OK))
		abort();
	if (status == TS_OK && n > 0 && memcmp(share, other, n * sizeof(*share)) != 0)
		abort();
	return 0;
}
