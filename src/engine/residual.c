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
 * Glossary
 *	  residual	what the rounded parts lack, or have too much
 *	  taker		the sibling that takes it, by a rule
 *	  free		a part that no bound holds (bounded.c)
 *
 * Method
 *	  From the top down.  The share of a part is amount x weight / (sum of the
 *	  siblings' weights), rounded half away from zero to a multiple of so many
 *	  units.  The residual goes to one sibling.  "carry" rounds the running sum
 *	  instead, so that each part differs from its own share by less than a unit
 *	  (error diffusion).  Parts of weight 0 get 0.
 *
 *	  With bounds the share of a part is its bounded share of the rounded amount
 *	  above: held parts have their bound, and the free ones share what is left by
 *	  their weights.  Bounds are multiples, so that a rounded share is within
 *	  them.  A taker takes as much as its bounds have room for, and the next by
 *	  the same rule takes the rest; since the bounds' sums have room for the
 *	  amount, so do the takers.  Running sums are those of the free parts, which
 *	  all have one sign: a part gets its share rounded down or up, and is
 *	  within its bounds too.
 *
 *	  A part without an upper bound can have at most what the lower bounds of its
 *	  siblings leave.  That is put in its place, so that the bounded share of an
 *	  amount below 0, which may come below one above 0, needs no signs.
 *
 * Limits
 *	  As ts_apportion_tree: n < 2^31, weights add up to less than 2^127, also
 *	  times the multiple.  With bounds as ts_bounded_tree.  "carry" goes with
 *	  multiples of 1 only: what the total has beyond whole multiples would be
 *	  the last part's, whatever its share.
 *
 *-------------------------------------------------------------------------
 */
#include "engine/residual.h"

#include <string.h>

#include "engine/wide.h"

/* sets of siblings between two calls of the caller's check function */
#define CHECK_EVERY 4096

/*
 * A set of siblings.  weight to named are by node; what follows is by place in
 * the list, member[], and there with bounds only.  amount and bounds are negated
 * where the total is negative.
 */
typedef struct residual_list
{
	size_t		n;
	int32_t    *member;
	const ts_int128 *weight;
	const bool *named;
	ts_int128  *share;
	ts_int128	amount;
	ts_int128	multiple;
	ts_residual residual;

	const ts_int128 *given_lower;	/* by node; NULL: no bounds */
	const ts_int128 *given_upper;
	bool		mirrored;
	ts_int128  *lower;
	ts_int128  *upper;
	ts_int128  *copy;			/* of weights */
	ts_int128  *bounded;		/* shares that are held */
	uint8_t    *held;
	int32_t    *work;
	ts_check	check;
} residual_list;

size_t
ts_residual_tree_work(size_t n, bool bounded)
{
	/* first child of each node, and of the top; next sibling; a list */
	return (3 * n + 1) * sizeof(int32_t) +
		(bounded ? n * (4 * sizeof(ts_int128) + sizeof(uint8_t)) + ts_bounded_work(n) : 0);
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

/* Does sibling a take the residual before sibling b? */
static bool
takes_before(const residual_list *list, int32_t a, int32_t b)
{
	const ts_int128 *weight = list->weight;

	if (list->residual == TS_RESIDUAL_NAMED && list->named[a] != list->named[b])
		return list->named[a];
	if (list->residual == TS_RESIDUAL_LOWEST && weight[a] != weight[b])
		return weight[a] < weight[b];
	if ((list->residual == TS_RESIDUAL_HIGHEST ||
		 (list->residual == TS_RESIDUAL_NAMED && !list->named[a])) && weight[a] != weight[b])
		return weight[a] > weight[b];
	return (a < b) == (list->residual != TS_RESIDUAL_LAST);
}

static inline void
swap_members(int32_t *a, int32_t *b)
{
	int32_t		swap = *a;

	*a = *b;
	*b = swap;
}

/* Let the member at a place of the heap sink; the one at the top takes last */
static void
sink(const residual_list *list, size_t place, size_t n)
{
	int32_t    *member = list->member;

	for (size_t child; (child = 2 * place + 1) < n; place = child)
	{
		if (child + 1 < n && takes_before(list, member[child], member[child + 1]))
			child++;
		if (!takes_before(list, member[place], member[child]))
			return;
		swap_members(&member[place], &member[child]);
	}
}

/* Bring the members into the order in which they take (heapsort) */
static void
sort_takers(const residual_list *list)
{
	for (size_t i = list->n / 2; i-- > 0;)
		sink(list, i, list->n);
	for (size_t n = list->n; n > 1; n--)
	{
		swap_members(&list->member[0], &list->member[n - 1]);
		sink(list, 0, n - 1);
		if (list->check && n % CHECK_EVERY == 0)
			list->check();
	}
}

/* The bounds of a member, mirrored where the total is negative */
static inline void
bounds_of(const residual_list *list, int32_t node, ts_int128 *lower, ts_int128 *upper)
{
	*lower = list->given_lower[node];
	*upper = list->given_upper[node];
	if (list->mirrored)
	{
		ts_int128	swap = *lower;

		*lower = *upper == TS_NO_UPPER ? TS_NO_LOWER : -*upper;
		*upper = swap == TS_NO_LOWER ? TS_NO_UPPER : -swap;
	}
}

/* How much of what is left over a member can take */
static ts_int128
room_of(const residual_list *list, int32_t node, ts_int128 left)
{
	ts_int128	lower;
	ts_int128	upper;

	if (list->weight[node] == 0)
		return 0;
	if (list->given_lower == NULL)
		return left;
	bounds_of(list, node, &lower, &upper);
	if (left > 0)
		return upper == TS_NO_UPPER || upper - list->share[node] > left ? left : upper - list->share[node];
	return lower - list->share[node] < left ? left : lower - list->share[node];
}

/* Give what is left over to those that take it */
static void
give_residual(const residual_list *list, ts_int128 left)
{
	int32_t		taker = -1;
	ts_int128	room;

	if (left == 0)
		return;
	for (size_t i = 0; i < list->n; i++)
	{
		int32_t		node = list->member[i];

		if (list->weight[node] != 0 && (taker < 0 || takes_before(list, node, taker)))
			taker = node;
	}
	room = taker < 0 ? 0 : room_of(list, taker, left);
	if (room == left)
	{
		list->share[taker] += left;
		return;
	}
	sort_takers(list);
	for (size_t i = 0; i < list->n && left != 0; i++)
	{
		room = room_of(list, list->member[i], left);
		list->share[list->member[i]] += room;
		left -= room;
	}
}

/*
 * Share rest, which is what the list has for its free members, by their
 * weights, which add up to whole.  held: by place, NULL where all are free.
 */
static ts_status
share_free(residual_list *list, ts_int128 rest, ts_int128 whole, const uint8_t *held)
{
	int			sign = rest < 0 ? -1 : 1;
	ts_int128	left = list->amount;
	ts_int128	so_far = 0;
	ts_int128	given = 0;
	ts_int128	divisor;
	ts_ratio	ratio = {0};

	if (__builtin_mul_overflow(whole, list->multiple, &divisor))
		return TS_TOO_LARGE;
	if (whole > 0)
		ts_ratio_init(&ratio, (ts_uint128) (sign * rest), (ts_uint128) divisor);
	for (size_t i = 0; i < list->n; i++)
	{
		int32_t		node = list->member[i];
		ts_int128	weight = list->weight[node];

		if (held != NULL && held[i] != 0)
			list->share[node] = list->bounded[i];
		else if (whole == 0)
			list->share[node] = 0;
		else if (list->residual == TS_RESIDUAL_CARRY)
		{
			so_far += weight;
			list->share[node] = sign * rounded(&ratio, so_far) - given;
			given += list->share[node];
		}
		else
			list->share[node] = sign * list->multiple * rounded(&ratio, weight);
		left -= list->share[node];
	}
	give_residual(list, left);
	return TS_OK;
}

/* The same with bounds: find which members are held, and what the others have */
static ts_status
share_bounded(residual_list *list)
{
	ts_int128	rest = list->amount;
	ts_int128	whole = 0;
	ts_int128	spare = list->amount;	/* beyond all lower bounds */
	ts_bounds_report why;
	ts_cut		cut;
	ts_status	status;

	for (size_t i = 0; i < list->n; i++)
	{
		bounds_of(list, list->member[i], &list->lower[i], &list->upper[i]);
		list->copy[i] = list->weight[list->member[i]];
		spare -= list->lower[i];
	}
	for (size_t i = 0; i < list->n; i++)
		if (list->upper[i] == TS_NO_UPPER)
			list->upper[i] = list->lower[i] + spare;
	status = ts_bounded(list->n, list->copy, list->lower, list->upper, list->amount,
						list->bounded, list->held, list->work, &cut, &why, list->check);
	if (status != TS_OK)
		return status;
	for (size_t i = 0; i < list->n; i++)
	{
		int32_t		node = list->member[i];

		/* at a bound that it does not have: it has what there is */
		bounds_of(list, node, &list->lower[i], &list->upper[i]);
		if (list->upper[i] == TS_NO_UPPER)
			list->held[i] &= TS_AT_LOWER;
		if (list->held[i] != 0)
			rest -= list->bounded[i];
		else
			whole += list->weight[node];
	}
	return share_free(list, rest, whole, list->held);
}

/*
 * Shares total among the nodes of a tree
 *
 * n, parent: nodes in preorder, -1 for those at the top.  weight: of nodes
 * without children; those of the others are set to the sums of theirs.  lower,
 * upper: effective bounds, as ts_bounded_tree leaves them, multiples for nodes
 * without children; NULL where there are none.  multiple: above 0; 1 for
 * TS_RESIDUAL_CARRY.  named: marks for TS_RESIDUAL_NAMED, else NULL.  share: in
 * units, out.  work: ts_residual_tree_work(n, lower != NULL) bytes, aligned to 8.
 *
 * TS_ALL_ZERO: an amount that is not 0 for siblings without weights; with bounds
 * ts_bounded_tree has found that there is none.
 */
ts_status
ts_residual_tree(size_t n, const int32_t *parent, ts_int128 *weight,
				 const ts_int128 *lower, const ts_int128 *upper,
				 ts_int128 total, ts_int128 multiple,
				 ts_residual residual, const bool *named,
				 ts_int128 *share, void *work, ts_check check)
{
	residual_list list;
	bool		mirrored = total < 0;
	int32_t    *first;			/* of node i at i + 1; of the top at 0 */
	int32_t    *next;

	memset(&list, 0, sizeof(list));
	if (lower != NULL)
	{
		list.lower = work;
		list.upper = list.lower + n;
		list.copy = list.upper + n;
		list.bounded = list.copy + n;
		work = list.bounded + n;
	}
	first = work;
	next = first + n + 1;
	list.member = next + n;
	list.work = list.member + n;
	list.held = (uint8_t *) (list.work + (lower != NULL ? n : 0));
	list.weight = weight;
	list.named = named;
	list.share = share;
	list.multiple = multiple;
	list.residual = residual;
	list.given_lower = lower;
	list.given_upper = upper;
	list.mirrored = mirrored;
	list.check = check;

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
		size_t		above = parent[i] < 0 ? 0 : (size_t) parent[i] + 1;

		if (first[i + 1] >= 0)
		{
			weight[i] = 0;
			for (int32_t child = first[i + 1]; child >= 0; child = next[child])
				weight[i] += weight[child];
		}
		next[i] = first[above];
		first[above] = (int32_t) i;
	}
	for (size_t above = 0; above <= n; above++)
	{
		ts_int128	whole = 0;
		ts_status	status;

		if (check && above % CHECK_EVERY == 0)
			check();
		if (first[above] < 0)
			continue;
		list.amount = above > 0 ? share[above - 1] : mirrored ? -total : total;
		list.n = 0;
		for (int32_t child = first[above]; child >= 0; child = next[child])
		{
			list.member[list.n++] = child;
			whole += weight[child];
		}
		if (lower == NULL && whole == 0 && list.amount != 0)
			return TS_ALL_ZERO;
		status = lower != NULL ? share_bounded(&list) :
			share_free(&list, list.amount, whole, NULL);
		if (status != TS_OK)
			return status;
	}
	for (size_t i = 0; i < n && mirrored; i++)
		share[i] = -share[i];
	return TS_OK;
}
