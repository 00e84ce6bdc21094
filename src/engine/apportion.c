/*-------------------------------------------------------------------------
 *
 * apportion.c
 *	  Share an amount by weights, in whole units, by largest remainder: flat
 *	  lists and whole trees.
 *
 * Glossary (see also units.h)
 *	  total			T, the units that are shared out
 *	  whole			W, the sum of all weights
 *	  exact share	T * w / W of a row or a node, a fraction
 *	  remainder		T * w mod W, the fraction of a unit times W
 *	  cut			where the left-over units run out
 *
 * Method
 *	  Every row gets the floor of its exact share.  The units that are left
 *	  over, fewer than there are rows with a remainder above 0, go one each to
 *	  the largest remainders (Hamilton; Hare-Niemeyer); at the cut the larger
 *	  weight goes first, then the smaller index.  So every row is its own exact
 *	  share rounded down or up, a weight of 0 gets 0, and the sum is T.  For a
 *	  negative T the shares of |T| are negated.
 *
 *	  Of two rows with the same remainder the one with the larger weight has
 *	  the larger floor: both are the same w * T = floor * W + remainder.  So
 *	  weights are not needed once floors and remainders are known, and the
 *	  remainders may be written over them.
 *
 *	  The cut is found without sorting or copying: a histogram of the
 *	  remainders' range tells the bucket of the cut, that bucket's own range
 *	  is taken next, and so on.  A pass takes 8 or 11 bits off the range, so
 *	  there are at most (bits of W) / 8 passes over the rows: O(n) in the
 *	  worst case, three or four passes usually.
 *
 *	  A tree is rounded from the top down.  Each child gets the floor of its
 *	  exact share *of the root's total*, and what its parent's units leave
 *	  over goes to the siblings with the largest remainders of these global
 *	  shares.  The sum of the floors is at most the parent's units and the
 *	  sum of the ceilings at least, so each child ends in floor or ceiling of
 *	  its own exact share, on every level.  (Splitting each parent's rounded
 *	  units anew would be off by more than a unit below.)
 *
 * Limits
 *	  |total| < 2^127, sum of the weights < 2^127 (2^64 in the narrow form),
 *	  2^31 - 2 nodes in a tree.
 *
 *-------------------------------------------------------------------------
 */
#include "engine/apportion.h"

#include <string.h>

#include "engine/wide.h"

/* rows between two calls of the caller's check function, less one */
#define CHECK_MASK		((size_t) 0x1fff)

/* lists up to this length are sorted on the stack */
#define SMALL_LIST		64

/* bits of a key that one histogram tells apart: long and short lists */
#define LONG_BITS		11
#define SHORT_BITS		8
#define LONG_LIST		((size_t) 8192)

/*
 * The selection is written once and compiled for each combination of integer
 * widths; that only works when it is inlined where the widths are constants.
 */
#define TS_INLINE static inline __attribute__((always_inline))

/*
 * Rows that compete for left-over units.  Position i of the list is row
 * member[i], or row i when there is no member array.  remainder and share
 * hold 64-bit integers where narrow_remainder and narrow_share say so,
 * 128-bit ones otherwise.
 */
typedef struct ts_list
{
	size_t		n;
	const int32_t *member;
	const void *remainder;
	void	   *share;
	bool		narrow_remainder;
	bool		narrow_share;
	ts_check	check;
} ts_list;

TS_INLINE size_t
list_row(const ts_list *list, size_t i)
{
	return list->member != NULL ? (size_t) list->member[i] : i;
}

TS_INLINE ts_uint128
list_remainder(const ts_list *list, size_t row)
{
	if (list->narrow_remainder)
		return ((const uint64_t *) list->remainder)[row];
	return ((const ts_uint128 *) list->remainder)[row];
}

/* shares are not negative before the end */
TS_INLINE ts_uint128
list_share(const ts_list *list, size_t row)
{
	if (list->narrow_share)
		return (uint64_t) ((const int64_t *) list->share)[row];
	return (ts_uint128) ((const ts_int128 *) list->share)[row];
}

TS_INLINE void
list_give_unit(const ts_list *list, size_t row)
{
	if (list->narrow_share)
		((int64_t *) list->share)[row]++;
	else
		((ts_int128 *) list->share)[row]++;
}

TS_INLINE void
list_check(const ts_list *list, size_t i)
{
	if ((i & CHECK_MASK) == CHECK_MASK && list->check != NULL)
		list->check();
}

/* number of bits that value needs */
static inline int
bits_of(ts_uint128 value)
{
	if (TS_HIGH(value) != 0)
		return 128 - __builtin_clzll(TS_HIGH(value));
	if (TS_LOW(value) != 0)
		return 64 - __builtin_clzll(TS_LOW(value));
	return 0;
}

/*
 * Does this position compete, and by what key?  By remainder all do; by share
 * only those with the given remainder.
 */
TS_INLINE bool
list_key(const ts_list *list, size_t i, bool by_share, ts_uint128 remainder,
		 ts_uint128 *key)
{
	size_t		row = list_row(list, i);

	if (!by_share)
	{
		*key = list_remainder(list, row);
		return true;
	}
	if (list_remainder(list, row) != remainder)
		return false;
	*key = list_share(list, row);
	return true;
}

/*
 * The rank-th largest key (1 = the largest) of those that compete
 *
 * *above is set to the number of keys that are larger, *equal to the number
 * that are the same.
 */
TS_INLINE ts_uint128
select_key(const ts_list *list, bool by_share, ts_uint128 remainder,
		   size_t rank, size_t *above, size_t *equal)
{
	size_t		histogram[1 << LONG_BITS];
	int			bits = list->n < LONG_LIST ? SHORT_BITS : LONG_BITS;
	ts_uint128	low = 0;
	ts_uint128	high = ~(ts_uint128) 0;

	*above = 0;
	for (;;)
	{
		ts_uint128	first = ~(ts_uint128) 0;
		ts_uint128	last = 0;
		ts_uint128	key;
		size_t		found = 0;
		size_t		bucket;
		int			shift;
		size_t		i;

		/* the range that the keys between low and high really have */
		for (i = 0; i < list->n; i++)
		{
			list_check(list, i);
			if (!list_key(list, i, by_share, remainder, &key) ||
				key < low || key > high)
				continue;
			found++;
			if (key < first)
				first = key;
			if (key > last)
				last = key;
		}
		if (first == last)
		{
			*equal = found;
			return first;
		}

		low = first;
		high = last;
		shift = bits_of(high - low) - bits;
		if (shift < 0)
			shift = 0;
		memset(histogram, 0, sizeof(size_t) << bits);
		for (i = 0; i < list->n; i++)
		{
			list_check(list, i);
			if (list_key(list, i, by_share, remainder, &key) &&
				key >= low && key <= high)
				histogram[(size_t) ((key - low) >> shift)]++;
		}

		bucket = (size_t) ((high - low) >> shift);
		while (*above + histogram[bucket] < rank)
			*above += histogram[bucket--];

		low += (ts_uint128) bucket << shift;
		if (high - low >= (ts_uint128) 1 << shift)
			high = low + (((ts_uint128) 1 << shift) - 1);
		if (shift == 0)
		{
			*equal = histogram[bucket];
			return low;
		}
	}
}

/*
 * Give one unit each to the left rows of the list that come first; a long
 * list
 */
TS_INLINE void
give_by_selection(const ts_list *list, size_t left, ts_cut *cut)
{
	ts_uint128	remainder;
	ts_uint128	share = 0;
	size_t		above;
	size_t		equal;
	size_t		by_index;
	size_t		i;

	/* rows at the cut's remainder that get a unit: left - above */
	remainder = select_key(list, false, 0, left, &above, &equal);
	by_index = left - above;
	if (by_index < equal)
	{
		share = select_key(list, true, remainder, by_index, &above, &equal);
		by_index -= above;
		cut->tied = by_index < equal;
	}

	for (i = 0; i < list->n; i++)
	{
		size_t		row = list_row(list, i);
		ts_uint128	r = list_remainder(list, row);
		ts_uint128	s;

		list_check(list, i);
		if (r < remainder)
			continue;
		if (r == remainder)
		{
			s = list_share(list, row);
			if (s < share)
				continue;
			if (s == share && cut->tied)
			{
				if (by_index == 0)
				{
					if (cut->first_not_chosen == SIZE_MAX)
						cut->first_not_chosen = row;
					continue;
				}
				by_index--;
				cut->last_chosen = row;
			}
		}
		list_give_unit(list, row);
	}
}

/*
 * The same for a list of at most SMALL_LIST rows: an insertion sort
 */
TS_INLINE void
give_by_sorting(const ts_list *list, size_t left, ts_cut *cut)
{
	size_t		sorted[SMALL_LIST] = {0};
	size_t		i;

	for (i = 0; i < list->n; i++)
	{
		size_t		row = list_row(list, i);
		ts_uint128	remainder = list_remainder(list, row);
		size_t		place;

		for (place = i; place > 0; place--)
		{
			ts_uint128	other = list_remainder(list, sorted[place - 1]);

			if (other > remainder ||
				(other == remainder &&
				 list_share(list, sorted[place - 1]) >= list_share(list, row)))
				break;
			sorted[place] = sorted[place - 1];
		}
		sorted[place] = row;
	}

	if (left < list->n)
	{
		size_t		in = sorted[left - 1];
		size_t		out = sorted[left];

		if (list_remainder(list, in) == list_remainder(list, out) &&
			list_share(list, in) == list_share(list, out))
		{
			cut->tied = true;
			cut->last_chosen = in;
			cut->first_not_chosen = out;
		}
	}
	for (i = 0; i < left; i++)
		list_give_unit(list, sorted[i]);
}

/*
 * Give one unit each to the left rows of the list that come first by larger
 * remainder, larger weight, smaller index
 */
TS_INLINE void
give_left_over(const ts_list *list, size_t left, ts_cut *cut)
{
	cut->tied = false;
	cut->last_chosen = SIZE_MAX;
	cut->first_not_chosen = SIZE_MAX;
	if (left == 0)
		return;
	if (list->n <= SMALL_LIST)
		give_by_sorting(list, left, cut);
	else
		give_by_selection(list, left, cut);
}

/*
 * Share total units by n weights; the narrow form
 *
 * weight[] is overwritten.  Its sum must be below 2^64 and |total| at most
 * INT64_MAX, otherwise TS_TOO_LARGE and ts_apportion128 is the one to call.
 * All weights 0: TS_ALL_ZERO unless total is 0.  Needs no memory beyond its
 * arguments: 16 bytes a row.
 */
ts_status
ts_apportion64(size_t n, uint64_t *weight, int64_t total, int64_t *share,
			   ts_cut *cut, ts_check check)
{
	ts_ratio	ratio;
	ts_list		list;
	ts_uint128	whole = 0;
	uint64_t	given = 0;
	uint64_t	size = total < 0 ? -(uint64_t) total : (uint64_t) total;
	size_t		i;

	memset(cut, 0, sizeof(*cut));
	if (size > INT64_MAX)
		return TS_TOO_LARGE;
	for (i = 0; i < n; i++)
		whole += weight[i];
	if (whole > UINT64_MAX)
		return TS_TOO_LARGE;
	if (size == 0 || whole == 0)
	{
		if (n > 0)
			memset(share, 0, n * sizeof(*share));
		return size == 0 ? TS_OK : TS_ALL_ZERO;
	}

	ts_ratio_init(&ratio, size, whole);
	list.n = n;
	list.member = NULL;
	list.remainder = weight;
	list.share = share;
	list.narrow_remainder = true;
	list.narrow_share = true;
	list.check = check;

	for (i = 0; i < n; i++)
	{
		uint64_t	units = ts_ratio_floor_narrow(&ratio, weight[i], &weight[i]);

		list_check(&list, i);
		share[i] = (int64_t) units;
		given += units;
	}
	give_left_over(&list, (size_t) (size - given), cut);
	if (total < 0)
	{
		for (i = 0; i < n; i++)
			share[i] = -share[i];
	}
	return TS_OK;
}

/*
 * Sum of weights, none of them negative, below 2^127
 */
static ts_status
add_weights(size_t n, const ts_int128 *weight, ts_uint128 *whole)
{
	ts_int128	sum = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		if (weight[i] < 0)
			return TS_NEGATIVE_WEIGHT;
		if (__builtin_add_overflow(sum, weight[i], &sum))
			return TS_TOO_LARGE;
	}
	*whole = (ts_uint128) sum;
	return TS_OK;
}

/*
 * The body of ts_apportion128, compiled once for each width of the shares
 */
TS_INLINE void
apportion_wide(size_t n, ts_int128 *weight, ts_uint128 size, ts_uint128 whole,
			   bool negative, void *share, bool narrow_share, ts_cut *cut,
			   ts_check check)
{
	ts_ratio	ratio;
	ts_list		list;
	ts_uint128	given = 0;
	size_t		i;

	ts_ratio_init(&ratio, size, whole);
	list.n = n;
	list.member = NULL;
	list.remainder = weight;
	list.share = share;
	list.narrow_remainder = false;
	list.narrow_share = narrow_share;
	list.check = check;

	for (i = 0; i < n; i++)
	{
		ts_uint128	remainder;
		ts_uint128	units = ts_ratio_floor(&ratio, (ts_uint128) weight[i],
										   &remainder);

		list_check(&list, i);
		weight[i] = (ts_int128) remainder;
		if (narrow_share)
			((int64_t *) share)[i] = (int64_t) units;
		else
			((ts_int128 *) share)[i] = (ts_int128) units;
		given += units;
	}
	give_left_over(&list, (size_t) (size - given), cut);
	if (negative)
	{
		for (i = 0; i < n; i++)
		{
			if (narrow_share)
				((int64_t *) share)[i] = -((int64_t *) share)[i];
			else
				((ts_int128 *) share)[i] = -((ts_int128 *) share)[i];
		}
	}
}

/*
 * Share total units by n weights; the wide form
 *
 * weight[] is overwritten.  The shares go to share64 where that is not NULL
 * (|total| must be at most INT64_MAX then, otherwise TS_TOO_LARGE), else to
 * share128.  Needs no memory beyond its arguments: 24 or 32 bytes a row.
 */
ts_status
ts_apportion128(size_t n, ts_int128 *weight, ts_int128 total,
				int64_t *share64, ts_int128 *share128,
				ts_cut *cut, ts_check check)
{
	ts_uint128	size = total < 0 ? -(ts_uint128) total : (ts_uint128) total;
	ts_uint128	whole;
	ts_status	status;

	memset(cut, 0, sizeof(*cut));
	status = add_weights(n, weight, &whole);
	if (status != TS_OK)
		return status;
	if (size >> 127 != 0 || (share64 != NULL && size > INT64_MAX))
		return TS_TOO_LARGE;
	if (size == 0 || whole == 0)
	{
		if (n > 0 && share64 != NULL)
			memset(share64, 0, n * sizeof(*share64));
		else if (n > 0)
			memset(share128, 0, n * sizeof(*share128));
		return size == 0 ? TS_OK : TS_ALL_ZERO;
	}

	if (share64 != NULL)
		apportion_wide(n, weight, size, whole, total < 0, share64, true,
					   cut, check);
	else
		apportion_wide(n, weight, size, whole, total < 0, share128, false,
					   cut, check);
	return TS_OK;
}

/*
 * Bytes of work memory that ts_apportion_tree needs for n nodes: 24 a node
 * (16 remainder, 4 members of each set of siblings, 4 where the set starts).
 */
size_t
ts_apportion_tree_work(size_t n)
{
	return n * (sizeof(ts_uint128) + 2 * sizeof(int32_t)) + 2 * sizeof(int32_t);
}

/*
 * Check the tree and list the siblings: the children of node p are
 * member[start[p + 1]] .. member[start[p + 2] - 1] in order of index; those of
 * the total have p = -1.  member: n elements, start: n + 2.
 */
ts_status
ts_list_siblings(size_t n, const int32_t *parent, int32_t *member,
				 int32_t *start, ts_check check)
{
	size_t		i;

	memset(start, 0, (n + 2) * sizeof(*start));
	for (i = 0; i < n; i++)
	{
		if (parent[i] < -1 || (parent[i] >= 0 && (size_t) parent[i] >= i))
			return TS_BAD_TREE;
		start[parent[i] + 1]++;
		if ((i & CHECK_MASK) == CHECK_MASK && check != NULL)
			check();
	}

	/* counts become ends; filling each set backwards makes them starts */
	for (i = 1; i < n + 2; i++)
		start[i] += start[i - 1];
	for (i = n; i-- > 0;)
	{
		member[--start[parent[i] + 1]] = (int32_t) i;
		if ((i & CHECK_MASK) == CHECK_MASK && check != NULL)
			check();
	}
	return TS_OK;
}

/*
 * Share total units over the nodes of a tree
 *
 * parent[i] < i is the parent of node i, -1 for a child of the total; the
 * order of the indexes is the order of siblings with equal remainder and
 * weight.  weight[] is given for the leaves (nodes without children) and is
 * set for the others to the sum of the leaves below; it is at most the whole,
 * whose sum must be below 2^127.  share[] is set for every node.
 *
 * work: ts_apportion_tree_work(n) bytes, aligned to 8.  Together with the
 * arguments 60 bytes a node.  tie may be NULL; it is called with the nodes
 * whose order alone decided, once for each set of siblings where it did.
 */
ts_status
ts_apportion_tree(size_t n, const int32_t *parent, ts_int128 *weight,
				  ts_int128 total, ts_int128 *share, void *work,
				  ts_tie tie, void *tie_arg, ts_check check)
{
	return ts_apportion_tree_in(n, parent, weight, total, 1, share, work,
								tie, tie_arg, check);
}

/*
 * The same in multiples of so many units, above 0: share[] counts multiples.
 * The nodes at the top add up to total / multiple, rounded away from zero.
 */
ts_status
ts_apportion_tree_in(size_t n, const int32_t *parent, ts_int128 *weight,
					 ts_int128 total, ts_int128 multiple, ts_int128 *share,
					 void *work, ts_tie tie, void *tie_arg, ts_check check)
{
	ts_uint128 *remainder = work;
	int32_t    *member = (int32_t *) (remainder + n);
	int32_t    *start = member + n;
	ts_uint128	size = total < 0 ? -(ts_uint128) total : (ts_uint128) total;
	ts_int128	whole = 0;
	ts_int128	divisor;
	ts_ratio	ratio;
	ts_list		list;
	ts_status	status;
	size_t		i;

	if (n > INT32_MAX - 1 || size >> 127 != 0)
		return TS_TOO_LARGE;
	status = ts_list_siblings(n, parent, member, start, check);
	if (status != TS_OK)
		return status;

	/* weights from the leaves up: children come after their parents */
	for (i = 0; i < n; i++)
	{
		if (start[i + 1] != start[i + 2])
			weight[i] = 0;
		else if (weight[i] < 0)
			return TS_NEGATIVE_WEIGHT;
	}
	for (i = n; i-- > 0;)
	{
		ts_int128  *sum = parent[i] < 0 ? &whole : &weight[parent[i]];

		if (__builtin_add_overflow(*sum, weight[i], sum))
			return TS_TOO_LARGE;
		if ((i & CHECK_MASK) == CHECK_MASK && check != NULL)
			check();
	}
	if (size == 0 || whole == 0)
	{
		if (n > 0)
			memset(share, 0, n * sizeof(*share));
		return size == 0 ? TS_OK : TS_ALL_ZERO;
	}

	list.remainder = remainder;
	list.share = share;
	list.narrow_remainder = false;
	list.narrow_share = false;
	list.check = check;

	if (__builtin_mul_overflow(whole, multiple, &divisor))
		return TS_TOO_LARGE;
	ts_ratio_init(&ratio, size, (ts_uint128) divisor);
	for (i = 0; i < n; i++)
	{
		share[i] = (ts_int128) ts_ratio_floor(&ratio, (ts_uint128) weight[i],
											  &remainder[i]);
		if ((i & CHECK_MASK) == CHECK_MASK && check != NULL)
			check();
	}

	/* from the top down: a parent's units are final before its children's */
	for (i = 0; i <= n; i++)
	{
		size_t		count = (size_t) (start[i + 1] - start[i]);
		ts_int128	left;
		ts_cut		cut;
		size_t		j;

		if ((i & CHECK_MASK) == CHECK_MASK && check != NULL)
			check();
		if (count == 0)
			continue;
		list.n = count;
		list.member = member + start[i];
		left = i > 0 ? share[i - 1] :
			(ts_int128) (size / (ts_uint128) multiple) + (size % (ts_uint128) multiple != 0);
		for (j = 0; j < count; j++)
			left -= share[list.member[j]];
		give_left_over(&list, (size_t) left, &cut);
		if (cut.tied && tie != NULL)
			tie(tie_arg, cut.last_chosen, cut.first_not_chosen);
	}

	if (total < 0)
	{
		for (i = 0; i < n; i++)
			share[i] = -share[i];
	}
	return TS_OK;
}
