/*-------------------------------------------------------------------------
 *
 * shrink.c
 *	  Weights from several years of history, pulled from the cells' own shares
 *	  towards the product of their margins.
 *
 * What is computed, and why, is in shrink.h.  How:
 *
 *	  Cells with the same key on an axis, or on several, form a group; groups
 *	  are numbered once, with a hash table, and margins are then sums by number.
 *	  A model's shares are the product of its groups' margins, scaled up again
 *	  after each factor so that many axes do not lose digits, and divided by
 *	  their sum in the end.
 *
 *	  The years are gone through from the oldest.  The sum of those before is
 *	  kept, it is the window of all years; a year is held back against it.
 *	  For the search the shares are cut to 52 bits: an error is then a sum of
 *	  64-bit integers, for 66 mixtures at a time over a block of cells that
 *	  stays in the cache.
 *
 *-------------------------------------------------------------------------
 */
#include "engine/shrink.h"

#include <string.h>

#include "engine/wide.h"

/* cells between two calls of the caller's check function, less one */
#define CHECK_MASK		((size_t) 0x1fff)

/* cells that all mixtures are tried on before the next ones */
#define BLOCK			((size_t) 1024)

/* bits of a share, and of a share in the search */
#define SHARE_BITS		89
#define SEARCH_BITS		52

#define MAX_CELLS		((size_t) 1 << 30)
#define MAX_MIXTURES	(TS_SHRINK_MAX_CANDIDATES / 2)

/* below this, a sum of amounts and hence every amount has 28 digits at most */
#define MAX_WEIGHT_SUM	((ts_uint128) UINT64_C(100000000000000) * UINT64_C(100000000000000))

/* gain over plain history that is needed to leave it: 1 in 100 */
#define GAIN_NUMERATOR		1
#define GAIN_DENOMINATOR	100

/* Cells that have the same keys on some of the axes have the same number */
typedef struct group_set
{
	size_t		n;				/* groups */
	int32_t    *number;			/* per cell */
} group_set;

typedef struct shrinkage
{
	const ts_shrink_input *input;
	size_t		n;

	/* the models: factors of their products */
	int			n_axis_sets;
	group_set	axis_set[TS_SHRINK_MAX_AXES];	/* slice axes one by one, then
												 * time */
	group_set	slice_set;
	group_set	time_set;
	bool		has_model[TS_SHRINK_MODELS];

	int			n_mixtures;
	int			mixture[MAX_MIXTURES][TS_SHRINK_MODELS];

	/* work areas */
	ts_int128  *so_far;			/* sum of the years gone through */
	ts_uint128 *margin;			/* per group */
	ts_uint128 *product;		/* per cell */
	int64_t    *model[TS_SHRINK_MODELS];	/* shares, cut for the search */
	int64_t    *real;			/* those of the year that is held back */
	int32_t    *table;			/* of the hash */
	size_t		table_size;
} shrinkage;

static inline void
check_now(const shrinkage *s, size_t i)
{
	if ((i & CHECK_MASK) == CHECK_MASK && s->input->check != NULL)
		s->input->check();
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

/* floor(a * b / 2^shift) for a < 2^SHARE_BITS, b < 2^shift, 0 < shift < 128 */
static inline ts_uint128
multiply_shift(ts_uint128 a, ts_uint128 b, int shift)
{
	ts_uint128	low = (ts_uint128) TS_LOW(a) * TS_LOW(b);
	ts_uint128	cross = (ts_uint128) TS_LOW(a) * TS_HIGH(b);
	ts_uint128	cross2 = (ts_uint128) TS_HIGH(a) * TS_LOW(b);
	ts_uint128	high = (ts_uint128) TS_HIGH(a) * TS_HIGH(b);
	ts_uint128	middle;

	middle = (ts_uint128) TS_HIGH(low) + TS_LOW(cross) + TS_LOW(cross2);
	high += (ts_uint128) TS_HIGH(cross) + TS_HIGH(cross2) + TS_HIGH(middle);
	low = TS_JOIN(TS_LOW(middle), TS_LOW(low));
	return (high << (128 - shift)) | (low >> shift);
}

/* ---------------------------------------------------------------- groups */

static bool
same_keys(const shrinkage *s, const bool *chosen, size_t a, size_t b)
{
	int			n_axes = s->input->n_axes;
	const int32_t *key_a = s->input->keys + a * (size_t) n_axes;
	const int32_t *key_b = s->input->keys + b * (size_t) n_axes;
	int			axis;

	for (axis = 0; axis < n_axes; axis++)
	{
		if (chosen[axis] && key_a[axis] != key_b[axis])
			return false;
	}
	return true;
}

/*
 * Number the combinations of keys on the chosen axes in the order in which
 * they appear
 *
 * The table holds a cell per combination, -1 where it is free.
 */
static void
number_groups(shrinkage *s, const bool *chosen, group_set *set)
{
	int			n_axes = s->input->n_axes;
	size_t		mask = s->table_size - 1;
	size_t		i;

	set->n = 0;
	memset(s->table, 0xff, s->table_size * sizeof(*s->table));
	for (i = 0; i < s->n; i++)
	{
		const int32_t *key = s->input->keys + i * (size_t) n_axes;
		uint64_t	hash = 0;
		size_t		place;
		int			axis;

		check_now(s, i);
		for (axis = 0; axis < n_axes; axis++)
		{
			if (!chosen[axis])
				continue;
			hash = (hash ^ (uint32_t) key[axis]) * UINT64_C(0x9e3779b97f4a7c15);
			hash ^= hash >> 32;
		}
		place = (size_t) hash & mask;
		while (s->table[place] >= 0 &&
			   !same_keys(s, chosen, (size_t) s->table[place], i))
			place = (place + 1) & mask;
		if (s->table[place] < 0)
		{
			s->table[place] = (int32_t) i;
			set->number[i] = (int32_t) set->n++;
		}
		else
			set->number[i] = set->number[s->table[place]];
	}
}

/* Which models there are, and the groups that they need */
static void
prepare_models(shrinkage *s, int32_t *numbers)
{
	const ts_shrink_input *input = s->input;
	bool		chosen[TS_SHRINK_MAX_AXES];
	int			n_slice = 0;
	int			n_time = 0;
	int			axis;

	for (axis = 0; axis < input->n_axes; axis++)
	{
		if (input->is_time[axis])
		{
			n_time++;
			continue;
		}
		n_slice++;
		memset(chosen, 0, sizeof(chosen));
		chosen[axis] = true;
		s->axis_set[s->n_axis_sets].number = numbers;
		number_groups(s, chosen, &s->axis_set[s->n_axis_sets++]);
		numbers += s->n;
	}
	if (n_time > 0)
	{
		memcpy(chosen, input->is_time, sizeof(bool) * (size_t) input->n_axes);
		s->time_set.number = numbers;
		number_groups(s, chosen, &s->time_set);
		s->axis_set[s->n_axis_sets++] = s->time_set;
		numbers += s->n;
	}
	if (n_time > 0 && n_slice > 1)
	{
		for (axis = 0; axis < input->n_axes; axis++)
			chosen[axis] = !input->is_time[axis];
		s->slice_set.number = numbers;
		number_groups(s, chosen, &s->slice_set);
	}

	s->has_model[TS_SHRINK_JOINT] = true;
	s->has_model[TS_SHRINK_SLICE] = n_time > 0 && n_slice > 1;
	s->has_model[TS_SHRINK_PRODUCT] = s->n_axis_sets > 1;
}

/* All mixtures of the models there are, those with more of the first ones first */
static void
prepare_mixtures(shrinkage *s)
{
	int			joint;
	int			slice;

	for (joint = TS_SHRINK_WHOLE; joint >= 0; joint--)
	{
		for (slice = TS_SHRINK_WHOLE - joint; slice >= 0; slice--)
		{
			int			product = TS_SHRINK_WHOLE - joint - slice;
			int		   *factor = s->mixture[s->n_mixtures];

			if ((slice > 0 && !s->has_model[TS_SHRINK_SLICE]) ||
				(product > 0 && !s->has_model[TS_SHRINK_PRODUCT]))
				continue;
			factor[TS_SHRINK_JOINT] = joint;
			factor[TS_SHRINK_SLICE] = slice;
			factor[TS_SHRINK_PRODUCT] = product;
			s->n_mixtures++;
		}
	}
}

/* ---------------------------------------------------------------- models */

/* Turn amounts, some above 0, into shares of their sum, both may be the same */
static void
share_out(const shrinkage *s, const ts_uint128 *amount, ts_uint128 *share)
{
	ts_uint128	sum = 0;
	ts_uint128	remainder;
	ts_ratio	ratio;
	size_t		i;

	for (i = 0; i < s->n; i++)
		sum += amount[i];
	ts_ratio_init(&ratio, (ts_uint128) TS_SHRINK_ONE, sum);
	for (i = 0; i < s->n; i++)
	{
		check_now(s, i);
		share[i] = ts_ratio_floor(&ratio, amount[i], &remainder);
	}
}

/*
 * Multiply s->product by the margins of the groups; false if nothing is left
 */
static bool
multiply_margins(shrinkage *s, const ts_int128 *amount, const group_set *set)
{
	ts_uint128	largest = 0;
	int			shift;
	size_t		i;

	memset(s->margin, 0, set->n * sizeof(*s->margin));
	for (i = 0; i < s->n; i++)
	{
		check_now(s, i);
		s->margin[set->number[i]] += (ts_uint128) amount[i];
	}
	for (i = 0; i < set->n; i++)
	{
		if (s->margin[i] > largest)
			largest = s->margin[i];
	}
	if (largest == 0)
		return false;
	shift = bits_of(largest);

	largest = 0;
	for (i = 0; i < s->n; i++)
	{
		check_now(s, i);
		s->product[i] = multiply_shift(s->product[i], s->margin[set->number[i]], shift);
		if (s->product[i] > largest)
			largest = s->product[i];
	}
	if (largest == 0)
		return false;

	/* the product of many small shares would run out of digits */
	shift = SHARE_BITS - bits_of(largest);
	for (i = 0; i < s->n; i++)
		s->product[i] <<= shift;
	return true;
}

/*
 * The shares of a model, from the amounts of a window, into s->product
 *
 * known[] says which cells had something in any year.
 */
static bool
model_shares(shrinkage *s, int model, const ts_int128 *amount, const ts_int128 *known)
{
	size_t		i;
	int			set;

	if (model == TS_SHRINK_JOINT)
	{
		share_out(s, (const ts_uint128 *) amount, s->product);
		return true;
	}

	for (i = 0; i < s->n; i++)
		s->product[i] = s->input->keep_zeros && known[i] == 0 ? 0 :
			(ts_uint128) TS_SHRINK_ONE - 1;
	if (model == TS_SHRINK_SLICE)
	{
		if (!multiply_margins(s, amount, &s->slice_set) ||
			!multiply_margins(s, amount, &s->time_set))
			return false;
	}
	else
	{
		for (set = 0; set < s->n_axis_sets; set++)
		{
			if (!multiply_margins(s, amount, &s->axis_set[set]))
				return false;
		}
	}
	share_out(s, s->product, s->product);
	return true;
}

/* ---------------------------------------------------------------- search */

static void
cut_shares(const shrinkage *s, int64_t *cut)
{
	size_t		i;

	for (i = 0; i < s->n; i++)
		cut[i] = (int64_t) (s->product[i] >> (SHARE_BITS - SEARCH_BITS));
}

/*
 * Sum of |mixture - real| over some cells, in TS_SHRINK_WHOLE times 2^-52
 *
 * At most 2 * TS_SHRINK_WHOLE * 2^52 over all cells.
 */
static int64_t
mixture_error(const shrinkage *s, const int *factor, size_t from, size_t upto)
{
	const int64_t *joint = s->model[TS_SHRINK_JOINT];
	const int64_t *slice = s->model[TS_SHRINK_SLICE];
	const int64_t *product = s->model[TS_SHRINK_PRODUCT];
	int64_t		f0 = factor[TS_SHRINK_JOINT];
	int64_t		f1 = factor[TS_SHRINK_SLICE];
	int64_t		f2 = factor[TS_SHRINK_PRODUCT];
	int64_t		error = 0;
	size_t		i;

	for (i = from; i < upto; i++)
	{
		int64_t		difference = f0 * joint[i] + f1 * slice[i] + f2 * product[i] -
			TS_SHRINK_WHOLE * s->real[i];

		error += difference < 0 ? -difference : difference;
	}
	return error;
}

/*
 * Predict the held-back year in s->real from the amounts of a window, and add
 * the error of each mixture
 */
static bool
try_mixtures(shrinkage *s, const ts_int128 *amount, ts_int128 *error)
{
	size_t		from;
	int			i;

	for (i = 0; i < TS_SHRINK_MODELS; i++)
	{
		if (!s->has_model[i])
			continue;
		if (!model_shares(s, i, amount, s->so_far))
			return false;
		cut_shares(s, s->model[i]);
	}
	for (from = 0; from < s->n; from += BLOCK)
	{
		size_t		upto = s->n - from < BLOCK ? s->n : from + BLOCK;

		if (s->input->check != NULL)
			s->input->check();
		for (i = 0; i < s->n_mixtures; i++)
			error[i] += mixture_error(s, s->mixture[i], from, upto);
	}
	return true;
}

/* An error of n held-back years, as the mean in millionths; rounded down */
static int64_t
mean_in_millionths(ts_int128 error, int n)
{
	return (int64_t) (error * 1000000 / (TS_SHRINK_WHOLE * n) >> SEARCH_BITS);
}

static ts_shrink_candidate *
add_candidate(const shrinkage *s, ts_shrink_result *result, bool all_years,
			  int mixture, ts_int128 error)
{
	ts_shrink_candidate *candidate = &result->candidate[result->n_candidates++];

	candidate->all_years = all_years;
	memcpy(candidate->factor, s->mixture[mixture], sizeof(candidate->factor));
	candidate->error = result->n_tested > 0 ? mean_in_millionths(error, result->n_tested) : -1;
	return candidate;
}

/*
 * List what was tried, and choose
 *
 * Mixture 0 of the last year is plain history.
 */
static void
choose(const shrinkage *s, const ts_int128 *error_last, const ts_int128 *error_all,
	   ts_shrink_result *result)
{
	ts_int128	least = error_last[0];
	int			mixture;
	int			best = 0;
	int			window;

	for (mixture = 0; mixture < s->n_mixtures; mixture++)
	{
		for (window = 0; window <= (result->n_tested > 1 ? 1 : 0); window++)
		{
			const ts_int128 *error = window == 0 ? error_last : error_all;

			add_candidate(s, result, window == 1, mixture, error[mixture]);
			if (result->n_tested > 0 && error[mixture] < least)
			{
				least = error[mixture];
				best = result->n_candidates - 1;
			}
		}
		if (result->n_tested == 0)
			break;
	}

	result->plain = result->candidate[0];
	result->best = result->candidate[best];
	result->chosen = result->best;
	if (best != 0 &&
		least * GAIN_DENOMINATOR > error_last[0] * (GAIN_DENOMINATOR - GAIN_NUMERATOR))
	{
		result->chosen = result->plain;
		result->kept_plain = true;
	}
}

/* What the caller wants instead, with its error if it was tried */
static bool
take_given(const shrinkage *s, ts_shrink_result *result)
{
	const ts_shrink_candidate *given = s->input->given;
	int			sum = 0;
	int			i;

	for (i = 0; i < TS_SHRINK_MODELS; i++)
	{
		if (given->factor[i] < 0 || given->factor[i] > TS_SHRINK_WHOLE ||
			(given->factor[i] > 0 && !s->has_model[i]))
			return false;
		sum += given->factor[i];
	}
	if (sum != TS_SHRINK_WHOLE)
		return false;

	result->chosen = *given;
	result->chosen.error = -1;
	result->kept_plain = false;
	for (i = 0; i < result->n_candidates; i++)
	{
		const ts_shrink_candidate *candidate = &result->candidate[i];

		if (candidate->all_years == given->all_years &&
			memcmp(candidate->factor, given->factor, sizeof(given->factor)) == 0)
			result->chosen.error = candidate->error;
	}
	return true;
}

/* ---------------------------------------------------------------- result */

/* The weights of the chosen candidate */
static bool
mix_weights(shrinkage *s, const ts_int128 *amount, const int *factor,
			ts_int128 *weight, ts_int128 *share)
{
	ts_uint128	sum = 0;
	size_t		i;
	int			model;

	for (i = 0; i < s->n; i++)
	{
		weight[i] = 0;
		sum += (ts_uint128) amount[i];
	}
	if (share != NULL)
		memset(share, 0, s->n * TS_SHRINK_MODELS * sizeof(*share));
	for (model = 0; model < TS_SHRINK_MODELS; model++)
	{
		if (!s->has_model[model] || (factor[model] == 0 && share == NULL))
			continue;
		if (!model_shares(s, model, amount, s->so_far))
			return false;
		for (i = 0; i < s->n; i++)
		{
			weight[i] += factor[model] * (ts_int128) s->product[i];
			if (share != NULL)
				share[i * TS_SHRINK_MODELS + (size_t) model] = (ts_int128) s->product[i];
		}
	}
	if (factor[TS_SHRINK_JOINT] == TS_SHRINK_WHOLE && sum < MAX_WEIGHT_SUM)
		memcpy(weight, amount, s->n * sizeof(*weight));
	return true;
}

/*
 * The hash table is at most half full
 */
static size_t
table_size_for(size_t n)
{
	size_t		size = 4;

	while (size < 2 * n)
		size *= 2;
	return size;
}

/*
 * Bytes of the work area: 76 to 92 a cell, and 4 for each axis and two more
 *
 * The numbers are never as many as 2^64, n being limited.
 */
size_t
ts_shrink_work(size_t n, int n_axes)
{
	if (n > MAX_CELLS || n_axes < 1 || n_axes > TS_SHRINK_MAX_AXES)
		return 0;
	return n * (sizeof(ts_int128) + 2 * sizeof(ts_uint128) +
				(TS_SHRINK_MODELS + 1) * sizeof(int64_t) +
				((size_t) n_axes + 2) * sizeof(int32_t)) +
		table_size_for(n) * sizeof(int32_t);
}

/* Sum of a year's amounts; total goes on over all years */
static ts_status
add_year(const shrinkage *s, const ts_int128 *amount, ts_int128 *year, ts_int128 *total)
{
	size_t		i;

	*year = 0;
	for (i = 0; i < s->n; i++)
	{
		check_now(s, i);
		if (amount[i] < 0)
			return TS_NEGATIVE_WEIGHT;
		if (__builtin_add_overflow(*total, amount[i], total))
			return TS_TOO_LARGE;
		*year += amount[i];
	}
	return TS_OK;
}

/*
 * Weights by the mixture of joint shares and products of margins that
 * predicts the past best; see shrink.h
 */
ts_status
ts_shrink(const ts_shrink_input *input, ts_int128 *weight, ts_int128 *share,
		  ts_shrink_result *result, void *work)
{
	shrinkage	s;
	ts_int128	error_last[MAX_MIXTURES];
	ts_int128	error_all[MAX_MIXTURES];
	const ts_int128 *last = NULL;
	ts_int128	total = 0;
	char	   *area = work;
	int32_t    *numbers;
	size_t		i;
	int			model;
	int			year;

	memset(&s, 0, sizeof(s));
	memset(result, 0, sizeof(*result));
	memset(error_last, 0, sizeof(error_last));
	memset(error_all, 0, sizeof(error_all));
	if (input->n > MAX_CELLS || input->n_years < 0 || input->n_axes < 1 ||
		input->n_axes > TS_SHRINK_MAX_AXES)
		return TS_TOO_LARGE;
	if (input->n == 0)
		return TS_ALL_ZERO;

	/* the work area: wider members first, so that all are aligned */
	s.input = input;
	s.n = input->n;
	s.so_far = (ts_int128 *) area;
	area += s.n * sizeof(*s.so_far);
	s.margin = (ts_uint128 *) area;
	area += s.n * sizeof(*s.margin);
	s.product = (ts_uint128 *) area;
	area += s.n * sizeof(*s.product);
	for (model = 0; model < TS_SHRINK_MODELS; model++)
	{
		s.model[model] = (int64_t *) area;
		area += s.n * sizeof(*s.model[model]);
	}
	s.real = (int64_t *) area;
	area += s.n * sizeof(*s.real);
	s.table = (int32_t *) area;
	s.table_size = table_size_for(s.n);
	area += s.table_size * sizeof(*s.table);
	numbers = (int32_t *) area;

	prepare_models(&s, numbers);
	prepare_mixtures(&s);
	memset(s.so_far, 0, s.n * sizeof(*s.so_far));

	/* a model that there is none of has factor 0, but takes part in the sum */
	for (model = 0; model < TS_SHRINK_MODELS; model++)
		memset(s.model[model], 0, s.n * sizeof(*s.model[model]));

	for (year = 0; year < input->n_years; year++)
	{
		const ts_int128 *amount = input->amount + (size_t) year * s.n;
		ts_int128	sum;
		ts_status	status = add_year(&s, amount, &sum, &total);

		if (status != TS_OK)
			return status;
		if (sum == 0)
			continue;

		if (last != NULL)
		{
			/* held back */
			share_out(&s, (const ts_uint128 *) amount, s.product);
			cut_shares(&s, s.real);
			if (!try_mixtures(&s, last, error_last))
				return TS_TOO_LARGE;
			if (result->n_used == 1)
				memcpy(error_all, error_last, sizeof(error_all));
			else if (!try_mixtures(&s, s.so_far, error_all))
				return TS_TOO_LARGE;
			result->n_tested++;
		}
		for (i = 0; i < s.n; i++)
			s.so_far[i] += amount[i];
		last = amount;
		result->n_used++;
	}
	if (last == NULL)
		return TS_ALL_ZERO;

	choose(&s, error_last, error_all, result);
	if (input->given != NULL && !take_given(&s, result))
		return TS_TOO_LARGE;
	if (!mix_weights(&s, result->chosen.all_years ? s.so_far : last,
					 result->chosen.factor, weight, share))
		return TS_TOO_LARGE;
	return TS_OK;
}
