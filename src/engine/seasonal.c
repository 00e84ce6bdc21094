/*-------------------------------------------------------------------------
 *
 * seasonal.c
 *	  Seasonal indices by ratio to the moving average, and how far a part's
 *	  indices are pulled towards those of what it is a part of.
 *
 * What is computed, and why, is in seasonal.h.  How large numbers get:
 *
 *	  amount	brought to at most 10^28, by a power of ten for the whole series,
 *				which no index depends on
 *	  rate		amount / days, at most 10^28 as well, but as the indices are in
 *				10^-12 it is brought to at most 10^23
 *	  ratio		rate * 2 s * 10^12 / (2 s * trend): below 10^23 * 120 * 10^12
 *	  distance	(2 * 60 * 10^12)^2, some 10^28; times 10^6 in the search
 *
 *-------------------------------------------------------------------------
 */
#include "engine/seasonal.h"

#include <stdlib.h>
#include <string.h>

#define ONE				((ts_int128) TS_SEASONAL_ONE)

/* amounts and rates are brought to between a tenth of these and these */
#define LARGEST_AMOUNT	((ts_int128) INT64_C(100000000000000) * INT64_C(100000000000000))
#define LARGEST_RATE	((ts_int128) INT64_C(100000000000) * INT64_C(1000000000000))

/* ratios further than so many median deviations from the median are cut */
#define CUT_DEVIATIONS	4
#define CUT_MIN_RATIOS	3

/* parts between two calls of the caller's check function, less one */
#define CHECK_MASK		((size_t) 0xff)

/* Half away from zero; b > 0 */
static ts_int128
divide(ts_int128 a, ts_int128 b)
{
	ts_int128	quotient = a / b;
	ts_int128	rest = a % b;

	if (rest >= 0)
		return quotient + (rest >= b - rest);
	return quotient - (-rest >= b + rest);
}

static ts_int128
absolute(ts_int128 value)
{
	return value < 0 ? -value : value;
}

/* What no series without negative amounts can go beyond */
static ts_int128
within_limits(ts_int128 ratio, int seasons)
{
	ts_int128	limit = 2 * (ts_int128) seasons * ONE;

	if (ratio > limit)
		return limit;
	return ratio < -limit ? -limit : ratio;
}

static int
compare_values(const void *a, const void *b)
{
	ts_int128	x = *(const ts_int128 *) a;
	ts_int128	y = *(const ts_int128 *) b;

	return x < y ? -1 : x > y;
}

/* The median; sorts the values, of which there is at least one */
static ts_int128
median(ts_int128 *value, int n)
{
	qsort(value, (size_t) n, sizeof(*value), compare_values);
	return n % 2 == 1 ? value[n / 2] : divide(value[n / 2 - 1] + value[n / 2], 2);
}

/* The period that a series begins with, n if it is empty */
static int
find_begin(const ts_seasonal_input *input)
{
	int			begin = 0;

	while (begin < input->n && input->amount[begin] == 0)
		begin++;
	while (begin > 0 && begin - 1 + input->seasons < input->n && input->amount[begin - 1 + input->seasons] == 0)
		begin--;
	return begin;
}

/* Brings values to between a tenth of a limit and the limit; not all are 0 */
static void
bring_to(int n, ts_int128 *value, ts_int128 limit)
{
	ts_int128	largest = 0;

	for (int i = 0; i < n; i++)
		if (absolute(value[i]) > largest)
			largest = absolute(value[i]);
	for (; largest > limit; largest /= 10)
		for (int i = 0; i < n; i++)
			value[i] = divide(value[i], 10);
	for (; largest > 0 && largest <= limit / 10; largest *= 10)
		for (int i = 0; i < n; i++)
			value[i] *= 10;
}

/* Amounts per working day; 0 where there is none */
static void
make_rates(const ts_seasonal_input *input, ts_int128 *rate)
{
	/* the smallest number has no size of its own sign */
	const ts_int128 lowest = -(ts_int128) (~(ts_uint128) 0 >> 1);

	for (int i = 0; i < input->n; i++)
		rate[i] = input->amount[i] < lowest ? lowest : input->amount[i];
	bring_to(input->n, rate, LARGEST_AMOUNT);
	for (int i = 0; i < input->n; i++)
		rate[i] = input->days[i] > 0 ? divide(rate[i], input->days[i]) : 0;
	bring_to(input->n, rate, LARGEST_RATE);
}

/*
 * The ratio of a period to its trend; false if there is none.  The trend, times
 * two years, is the sum of two sums of one year: for an even number of seasons they
 * begin one period apart, for an odd one they are the same.
 */
static bool
find_ratio(const ts_seasonal_input *input, int begin, const ts_int128 *rate, int at, ts_int128 *ratio)
{
	int			s = input->seasons;
	int			from = at - s / 2;
	int			from2 = s % 2 == 0 ? from + 1 : from;
	ts_int128	trend = 0;

	if (from < begin || from2 + s > input->n || input->days[at] == 0)
		return false;
	for (int i = 0; i < s; i++)
		trend += rate[from + i] + rate[from2 + i];
	if (trend <= 0)
		return false;
	*ratio = within_limits(divide(rate[at] * 2 * s * ONE, trend), s);
	return true;
}

/* Cuts outliers; ratio[] has start[season + 1] - start[season] of each season */
static void
cut_outliers(int seasons, const int *start, ts_int128 *ratio, ts_int128 *sorted, ts_int128 *far)
{
	ts_int128	middle[TS_SEASONAL_MAX_SEASONS] = {0};
	ts_int128	limit;
	int			n_far = 0;

	for (int m = 0; m < seasons; m++)
	{
		int			n = start[m + 1] - start[m];

		if (n < CUT_MIN_RATIOS)
			continue;
		memcpy(sorted, ratio + start[m], sizeof(*ratio) * (size_t) n);
		middle[m] = median(sorted, n);
		for (int i = 0; i < n; i++)
			if (n % 2 == 0 || i != n / 2)
				far[n_far++] = absolute(sorted[i] - middle[m]);
	}
	if (n_far == 0)
		return;
	limit = CUT_DEVIATIONS * median(far, n_far);
	for (int m = 0; m < seasons; m++)
	{
		if (start[m + 1] - start[m] < CUT_MIN_RATIOS)
			continue;
		for (int i = start[m]; i < start[m + 1]; i++)
		{
			if (ratio[i] > middle[m] + limit)
				ratio[i] = middle[m] + limit;
			else if (ratio[i] < middle[m] - limit)
				ratio[i] = middle[m] - limit;
		}
	}
}

/*
 * The variance of the shares of one year, -1 if fewer than two whole years
 * have any.  share[] is room for as many as there are periods.
 */
static ts_int128
variance_of_year(const ts_seasonal_input *input, int n_years, const ts_int128 *rate, ts_int128 *share)
{
	int			s = input->seasons;
	ts_int128	sum = 0;
	int			used = 0;

	for (int year = 1; year <= n_years; year++)
	{
		const ts_int128 *of_year = rate + input->n - year * s;
		ts_int128	whole = 0;

		for (int m = 0; m < s; m++)
			whole += of_year[m];
		if (whole <= 0)
			continue;
		for (int m = 0; m < s; m++)
			share[used * s + m] = within_limits(divide(of_year[m] * s * ONE, whole), s);
		used++;
	}
	if (used < 2)
		return -1;
	for (int m = 0; m < s; m++)
	{
		ts_int128	mean = 0;

		for (int year = 0; year < used; year++)
			mean += share[year * s + m];
		mean = divide(mean, used);
		for (int year = 0; year < used; year++)
		{
			ts_int128	off = share[year * s + m] - mean;

			sum += off * off;
		}
	}
	return divide(sum, (ts_int128) s * (used - 1));
}

size_t
ts_seasonal_work(int n)
{
	/* rates, ratios, and room for two lists of them */
	return sizeof(ts_int128) * 4 * (size_t) (n > 0 ? n : 0);
}

ts_status
ts_seasonal_own(const ts_seasonal_input *input, ts_season *season, ts_seasonal_result *result, void *work)
{
	int			s = input->seasons;
	int			n = input->n;
	ts_int128  *rate = work;
	ts_int128  *ratio;
	int			start[TS_SEASONAL_MAX_SEASONS + 1];
	int			n_ratios = 0;
	int			n_present = 0;
	ts_int128	sum = 0;

	memset(result, 0, sizeof(*result));
	if (s < 2 || s > TS_SEASONAL_MAX_SEASONS || n < 0 || n > TS_SEASONAL_MAX_PERIODS ||
		input->first < 0 || input->first >= s)
		return TS_TOO_LARGE;
	ratio = rate + n;
	result->noise = -1;
	result->begin = find_begin(input);
	result->n_years = (n - result->begin) / s;
	make_rates(input, rate);

	/* the ratios, season by season */
	for (int m = 0; m < s; m++)
	{
		start[m] = n_ratios;
		for (int at = (m - input->first + s) % s; at < n; at += s)
			if (find_ratio(input, result->begin, rate, at, &ratio[n_ratios]))
				n_ratios++;
	}
	start[s] = n_ratios;
	if (input->damped)
		cut_outliers(s, start, ratio, ratio + n, ratio + 2 * (size_t) n);

	for (int m = 0; m < s; m++)
	{
		ts_int128	mean = 0;

		season[m].n = start[m + 1] - start[m];
		season[m].index = 0;
		season[m].deviation = -1;
		if (season[m].n == 0)
			continue;
		for (int i = start[m]; i < start[m + 1]; i++)
			mean += ratio[i];
		season[m].index = divide(mean, season[m].n);
		sum += season[m].index;
		n_present++;
	}
	if (result->n_years >= 2 && sum > 0)
		result->noise = variance_of_year(input, result->n_years, rate, ratio + n);
	if (result->noise < 0)
	{
		for (int m = 0; m < s; m++)
			season[m].n = 0;
		return TS_OK;
	}

	result->known = result->complete = true;
	result->noise = divide(result->noise * s, n_ratios);
	for (int m = 0; m < s; m++)
	{
		ts_int128	deviation = 0;
		bool		any_days = false;

		for (int at = (m - input->first + s) % s; at < n; at += s)
			any_days |= input->days[at] > 0;
		result->complete = result->complete && (season[m].n > 0 || !any_days);
		/* the ratios are normalised along with their mean */
		for (int i = start[m]; i < start[m + 1]; i++)
			deviation += absolute(ratio[i] - season[m].index);
		if (season[m].n >= 2)
			season[m].deviation = within_limits(divide(divide(deviation, season[m].n) * n_present * ONE, sum), s);
		season[m].index = within_limits(divide(season[m].index * n_present * ONE, sum), s);
	}
	return TS_OK;
}

/*
 * A part's own index at the parent's level: the mean over the seasons that it has
 * own ones of is the parent's over the same seasons, whole / n.
 */
static ts_int128
at_parents_level(const ts_season *season, int seasons, ts_int128 whole, int n)
{
	return within_limits(divide(season->index * whole, n * ONE), seasons);
}

/* The sum of the parent's indices over the seasons that a part has own ones of, and their number */
static ts_int128
sum_of_parent(int seasons, const ts_season *season, const ts_int128 *parent, int *n)
{
	ts_int128	sum = 0;

	*n = 0;
	for (int m = 0; m < seasons; m++)
		if (season[m].n > 0)
		{
			sum += parent[m];
			(*n)++;
		}
	return sum;
}

ts_int128
ts_seasonal_distance(int seasons, const ts_season *season, const ts_int128 *parent)
{
	int			n;
	ts_int128	whole = sum_of_parent(seasons, season, parent, &n);
	ts_int128	sum = 0;

	for (int m = 0; m < seasons; m++)
		if (season[m].n > 0)
		{
			ts_int128	off = at_parents_level(&season[m], seasons, whole, n) - parent[m];

			sum += off * off;
		}
	return n > 0 ? divide(sum, n) : 0;
}

/* Is sum(distance / (spread + noise)) more than n - 1, or 1 for one part? */
static bool
is_too_small(size_t n, const ts_int128 *distance, const ts_int128 *noise, ts_int128 spread)
{
	const ts_int128 million = 1000000;
	ts_int128	wanted = (ts_int128) (n > 1 ? n - 1 : 1) * million;
	ts_int128	sum = 0;

	for (size_t i = 0; i < n && sum <= wanted; i++)
	{
		ts_int128	variance = spread + noise[i];

		if (variance > 0)
			sum += distance[i] * million / variance;
		else if (distance[i] > 0)
			return true;
	}
	return sum > wanted;
}

/* noise / (noise + spread); 0 where both are */
static int64_t
share_of(ts_int128 noise, ts_int128 spread)
{
	if (noise == 0)
		return 0;
	while (noise + spread > LARGEST_RATE * 100)
	{
		noise = divide(noise, 10);
		spread = divide(spread, 10);
	}
	return (int64_t) divide(noise * ONE, noise + spread);
}

void
ts_seasonal_pull(size_t n, const ts_int128 *distance, const ts_int128 *noise, int64_t *share, ts_check check)
{
	ts_int128	low = -1;		/* too small, or below 0 */
	ts_int128	high = 0;		/* large enough */

	for (size_t i = 0; i < n; i++)
		high += distance[i];
	while (high - low > 1)
	{
		ts_int128	middle = low + (high - low) / 2;

		if (check)
			check();
		if (is_too_small(n, distance, noise, middle))
			low = middle;
		else
			high = middle;
	}
	for (size_t i = 0; i < n; i++)
	{
		if (check && (i & CHECK_MASK) == 0)
			check();
		share[i] = share_of(noise[i], high);
	}
}

void
ts_seasonal_mix(int seasons, const ts_season *season, const ts_int128 *parent, int64_t share, ts_int128 *index)
{
	int			n;
	ts_int128	whole = sum_of_parent(seasons, season, parent, &n);

	for (int m = 0; m < seasons; m++)
	{
		ts_int128	own = season[m].n > 0 ? at_parents_level(&season[m], seasons, whole, n) : parent[m];

		index[m] = divide(share * parent[m] + (ONE - share) * own, ONE);
	}
}
