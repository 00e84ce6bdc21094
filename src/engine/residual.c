/*-------------------------------------------------------------------------
 *
 * residual.c
 *	  Share an amount level by level as other systems do: round each part, and
 *	  put what is left over where they put it.
 *
 * For those who must match another system's numbers.  It keeps every sum, but
 * is not fair: a part that takes the rest may be many units from its exact
 * share, and each level starts from the rounded amount above.
 *
 * Method
 *	  From the top down.  The share of a part is amount x weight / (sum of the
 *	  siblings' weights), rounded half away from zero.  The difference of their
 *	  sum to the amount goes to one sibling; "carry" rounds the running sum
 *	  instead, so that each part differs from its own share by less than a unit
 *	  (error diffusion).  Parts of weight 0 get 0.
 *
 * Limits
 *	  As ts_apportion_tree: n < 2^31, weights add up to less than 2^127.
 *
 *-------------------------------------------------------------------------
 */
#include "engine/residual.h"

#include "engine/wide.h"

#define CHECK_EVERY 4096

size_t
ts_residual_tree_work(size_t n)
{
	/* first child and next sibling of each node, and of the top */
	return 2 * (n + 1) * sizeof(int32_t);
}

/* total * weight / whole, half away from zero, for total >= 0 */
static ts_int128
rounded(const ts_ratio *ratio, ts_int128 weight)
{
	ts_uint128	remainder;
	ts_uint128	whole = ratio->whole;
	ts_int128	quotient = (ts_int128) ts_ratio_floor(ratio, (ts_uint128) weight, &remainder);

	return quotient + (remainder >= whole - remainder ? 1 : 0);
}

/*
 * Shares total among the nodes of a tree; see the header.
 *
 * n, parent: nodes in preorder, -1 for those at the top.  weight: of nodes
 * without children; those of the others are set to the sums of theirs.  named:
 * marks for TS_RESIDUAL_NAMED, else NULL.  share: in units, out.  work:
 * ts_residual_tree_work(n) bytes.
 */
ts_status
ts_residual_tree(size_t n, const int32_t *parent, ts_int128 *weight, ts_int128 total,
				 ts_residual residual, const bool *named, ts_int128 *share, void *work,
				 ts_check check)
{
	int32_t    *first = (int32_t *) work;	/* of node i at i + 1; of the top at 0 */
	int32_t    *next = first + n + 1;

	for (size_t i = 0; i <= n; i++)
		first[i] = -1;
	for (size_t i = 0; i < n; i++)
	{
		if (parent[i] >= (int32_t) i)
			return TS_BAD_TREE;
		if (weight[i] < 0)
			return TS_NEGATIVE_WEIGHT;
	}
	/* from the last to the first, so that lists run in the order of the nodes */
	for (size_t i = n; i-- > 0;)
	{
		size_t		list = parent[i] < 0 ? 0 : (size_t) parent[i] + 1;

		if (first[i + 1] >= 0)
		{
			weight[i] = 0;
			for (int32_t child = first[i + 1]; child >= 0; child = next[child])
				weight[i] += weight[child];
		}
		next[i] = first[list];
		first[list] = (int32_t) i;
	}
	for (size_t list = 0; list <= n; list++)
	{
		ts_int128	amount = list == 0 ? total : share[list - 1];
		int			sign = amount < 0 ? -1 : 1;
		ts_int128	left = amount;
		ts_int128	whole = 0;
		ts_int128	so_far = 0;
		ts_int128	given = 0;
		ts_ratio	ratio;
		int32_t		taker = -1;

		if (check && list % CHECK_EVERY == 0)
			check();
		if (first[list] < 0)
			continue;
		for (int32_t child = first[list]; child >= 0; child = next[child])
			whole += weight[child];
		if (whole == 0)
		{
			if (amount != 0)
				return TS_ALL_ZERO;
			for (int32_t child = first[list]; child >= 0; child = next[child])
				share[child] = 0;
			continue;
		}
		/* what is left over may make a part negative, and its children with it */
		ts_ratio_init(&ratio, (ts_uint128) (sign * amount), (ts_uint128) whole);
		for (int32_t child = first[list]; child >= 0; child = next[child])
		{
			ts_int128	w = weight[child];

			if (residual == TS_RESIDUAL_CARRY)
			{
				so_far += w;
				share[child] = sign * rounded(&ratio, so_far) - given;
				given += share[child];
				continue;
			}
			share[child] = sign * rounded(&ratio, w);
			left -= share[child];
			if (w == 0)
				continue;
			if (taker < 0 || residual == TS_RESIDUAL_LAST ||
				(residual == TS_RESIDUAL_LOWEST && w < weight[taker]) ||
				(residual == TS_RESIDUAL_HIGHEST && w > weight[taker]) ||
				(residual == TS_RESIDUAL_NAMED && !named[taker] && (named[child] || w > weight[taker])))
				taker = child;
		}
		if (residual != TS_RESIDUAL_CARRY)
			share[taker] += left;
	}
	return TS_OK;
}
