/*-------------------------------------------------------------------------
 *
 * seasonal.c
 *	  Unit tests of the engine's seasonal indices; prints TAP.
 *
 *	  cc -std=gnu11 -O2 -Isrc -o x test/unit/seasonal.c src/engine/[a-z]*.c
 *
 * The reference is in double precision and shares nothing with the engine: it
 * follows the textbook, with weights 1/8 1/4 1/4 1/4 1/8 and the like.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/seasonal.h"
#include "unit.h"

#define MAX_N		240
#define SERIES		3000

typedef struct series
{
	int			n;
	int			seasons;
	int			first;
	bool		damped;
	ts_int128	amount[MAX_N];
	int64_t		days[MAX_N];
} series;

/* What ts_seasonal_own made of one */
typedef struct indices
{
	ts_status	status;
	ts_season	season[TS_SEASONAL_MAX_SEASONS];
	ts_seasonal_result result;
} indices;

static void
run(const series *s, indices *out)
{
	ts_seasonal_input input;
	void	   *work = malloc(ts_seasonal_work(s->n) + 1);

	memset(out, 0, sizeof(*out));
	input.n = s->n;
	input.seasons = s->seasons;
	input.first = s->first;
	input.amount = s->amount;
	input.days = s->days;
	input.damped = s->damped;
	out->status = ts_seasonal_own(&input, out->season, &out->result, work);
	free(work);
}

/* A series of so many periods, all of one working day and of nothing */
static void
begin(series *s, int n, int seasons)
{
	memset(s, 0, sizeof(*s));
	s->n = n;
	s->seasons = seasons;
	for (int i = 0; i < n; i++)
		s->days[i] = 1;
}

static double
one(ts_int128 value)
{
	return (double) value / (double) TS_SEASONAL_ONE;
}

static bool
near(double a, double b, double tolerance)
{
	return a - b <= tolerance && b - a <= tolerance;
}

static bool
same_indices(const indices *a, const indices *b, int seasons)
{
	if (a->status != b->status || a->result.known != b->result.known || a->result.n_years != b->result.n_years)
		return false;
	for (int m = 0; m < seasons; m++)
	{
		if (a->season[m].n != b->season[m].n ||
			!near(one(a->season[m].index), one(b->season[m].index), 2e-11) ||
			!near(one(a->season[m].deviation), one(b->season[m].deviation), 2e-11))
			return false;
	}
	return true;
}

/*
 * Case 60, R's decompose() of 32 quarters, of the amounts without their signs:
 * statsmodels, tsa/tests/test_seasonal.py
 */
static void
test_published(void)
{
	static const int amounts[] = {-50, 175, 149, 214, 247, 237, 225, 329, 729, 809, 530, 489, 540, 457, 195, 176,
	337, 239, 128, 102, 232, 429, 3, 98, 43, -141, -77, -13, 125, 361, -45, 184};
	static const double expected[] = {1.0815273212, 1.5537748423, 0.6716339223, 0.6930639142};
	series		s;
	indices		out;
	bool		ok;

	begin(&s, 32, 4);
	for (int i = 0; i < 32; i++)
		s.amount[i] = abs(amounts[i]);
	run(&s, &out);
	ok = out.status == TS_OK && out.result.known && out.result.complete && out.result.n_years == 8;
	for (int m = 0; m < 4; m++)
		ok = ok && near(one(out.season[m].index), expected[m], 1e-8) && out.season[m].n == 7;
	report(ok, "indices of 32 quarters as published");

	/* the ratios that the table has of the trend: the mean of |ratio - index| by hand */
	report(out.season[0].deviation > 0 && out.season[0].deviation < TS_SEASONAL_ONE, "they deviate from year to year");

	/* a year of each quarter less: one ratio less */
	s.n = 28;
	run(&s, &out);
	ok = out.result.n_years == 7;
	for (int m = 0; m < 4; m++)
		ok = ok && out.season[m].n == 6;
	report(ok, "with a year less each season has a ratio less");
}

/* Series that are known to the last digit */
static void
test_exact(void)
{
	series		s;
	indices		out;
	bool		ok;

	begin(&s, 36, 12);
	for (int i = 0; i < 36; i++)
		s.amount[i] = 700;
	run(&s, &out);
	ok = out.result.known && out.result.noise == 0;
	for (int m = 0; m < 12; m++)
		ok = ok && out.season[m].index == TS_SEASONAL_ONE && out.season[m].n == 2 && out.season[m].deviation == 0;
	report(ok, "a constant series: 1, from two ratios, without deviation or noise");

	/* the same indices every year, no trend: they come out exactly */
	begin(&s, 24, 4);
	s.first = 2;
	for (int i = 0; i < 24; i++)
		s.amount[i] = 10 * (1 + (s.first + i) % 4);
	run(&s, &out);
	ok = out.result.known && out.result.noise == 0;
	for (int m = 0; m < 4; m++)
		ok = ok && out.season[m].index == (m + 1) * 4 * TS_SEASONAL_ONE / 10;
	report(ok, "a pattern that repeats: its own shares, whatever season comes first");

	/* working days: the rate is constant, the amounts are not */
	begin(&s, 24, 12);
	for (int i = 0; i < 24; i++)
	{
		s.days[i] = 150000 + (i * 7 % 9) * 10000;
		s.amount[i] = s.days[i] * 31;
	}
	run(&s, &out);
	ok = out.result.known && out.result.noise == 0;
	for (int m = 0; m < 12; m++)
		ok = ok && out.season[m].index == TS_SEASONAL_ONE && out.season[m].n == 1 && out.season[m].deviation == -1;
	report(ok, "a constant rate per working day: 1, from one ratio, of which there is no deviation");

	/* two years exactly are enough, and one period less is not */
	s.n = 23;
	run(&s, &out);
	ok = out.status == TS_OK && !out.result.known && !out.result.complete && out.result.n_years == 1;
	for (int m = 0; m < 12; m++)
		ok = ok && out.season[m].n == 0;
	report(ok, "23 months: no indices");

	/* a month that is closed every year */
	begin(&s, 36, 12);
	for (int i = 0; i < 36; i++)
		s.amount[i] = s.days[i] = i % 12 == 7 ? 0 : 20;
	run(&s, &out);
	report(out.result.known && out.result.complete && out.season[7].n == 0 && out.season[7].index == 0,
		   "a month without working days has no index, and nothing is lacking");

	begin(&s, 36, 12);
	run(&s, &out);
	report(out.status == TS_OK && !out.result.known && out.result.n_years == 0, "a series of zeros: no indices");
}

/* Where a series begins */
static void
test_begin(void)
{
	series		s;
	indices		out;

	/* sold from July of the second year on, in every month */
	begin(&s, 48, 12);
	for (int i = 18; i < 48; i++)
		s.amount[i] = 100;
	run(&s, &out);
	report(out.result.begin == 18 && out.result.n_years == 2 && out.result.known &&
		   out.season[0].index == TS_SEASONAL_ONE && out.season[6].index == TS_SEASONAL_ONE,
		   "the months before a product began are not out of season");

	/* sold from May to August only, every year */
	begin(&s, 36, 12);
	for (int i = 0; i < 36; i++)
		s.amount[i] = i % 12 >= 4 && i % 12 <= 7 ? 100 : 0;
	run(&s, &out);
	report(out.result.begin == 0 && out.result.n_years == 3 && out.season[0].index == 0 &&
		   out.season[4].index == 3 * TS_SEASONAL_ONE, "the months before a season are");
}

/* No moving average, no ratio */
static void
test_negative(void)
{
	series		s;
	indices		out;
	bool		ok;

	begin(&s, 60, 12);
	for (int i = 0; i < 60; i++)
		s.amount[i] = i < 24 ? -100 : 100;
	run(&s, &out);
	ok = out.result.known && out.result.complete;
	for (int m = 0; m < 12; m++)
		ok = ok && out.season[m].n >= 1 && out.season[m].n <= 3;
	report(ok, "where the moving average is not above zero there is no ratio");

	for (int i = 0; i < 60; i++)
		s.amount[i] = -100;
	run(&s, &out);
	report(!out.result.known, "a negative series has no indices");
}

/* One outlier among several years */
static void
test_outliers(void)
{
	series		s;
	indices		plain;
	indices		damped;
	indices		undisturbed;

	begin(&s, 60, 12);
	for (int i = 0; i < 60; i++)
		s.amount[i] = 1000 + i % 12 * 10 + i * i * 7 % 13;
	run(&s, &undisturbed);
	s.amount[30] = 5000;
	run(&s, &plain);
	s.damped = true;
	run(&s, &damped);
	report(one(plain.season[6].index) > one(undisturbed.season[6].index) + 0.5 &&
		   near(one(damped.season[6].index), one(undisturbed.season[6].index), 0.05),
		   "an order that comes once makes no season");

	/* nothing to cut where there is no outlier */
	begin(&s, 48, 4);
	for (int i = 0; i < 48; i++)
		s.amount[i] = 100 + i % 4 * 10;
	run(&s, &plain);
	s.damped = true;
	run(&s, &damped);
	report(same_indices(&plain, &damped, 4), "without outliers damping changes nothing");

	/* two ratios a season: nobody knows which of them is the odd one */
	begin(&s, 36, 12);
	for (int i = 0; i < 36; i++)
		s.amount[i] = 100 + (int) random_below(100);
	run(&s, &plain);
	s.damped = true;
	run(&s, &damped);
	report(same_indices(&plain, &damped, 12), "with three years nothing is cut");
}

/* Random series against the textbook in double precision */
static void
test_random(void)
{
	bool		values = true;
	bool		scaling = true;
	bool		mean = true;
	bool		deviations = true;

	for (int round = 0; round < SERIES; round++)
	{
		series		s;
		indices		out;
		indices		scaled;
		int			seasons = 2 + (int) random_below(13);
		double		sum[TS_SEASONAL_MAX_SEASONS] = {0};
		double		off[TS_SEASONAL_MAX_SEASONS] = {0};
		double		ratio[MAX_N];
		bool		has[MAX_N] = {0};
		int			count[TS_SEASONAL_MAX_SEASONS] = {0};
		double		whole = 0;
		double		own = 0;
		int			present = 0;

		begin(&s, 2 * seasons + (int) random_below(5 * (uint64_t) seasons), seasons);
		s.first = (int) random_below((uint64_t) seasons);
		for (int i = 0; i < s.n; i++)
		{
			s.amount[i] = 1 + (ts_int128) random_below(1000000);
			s.days[i] = 1 + (int64_t) random_below(30);
		}
		run(&s, &out);
		for (int i = seasons / 2; i + seasons / 2 < s.n; i++)
		{
			double		trend = 0;

			for (int j = -(seasons / 2); j <= seasons / 2; j++)
				trend += (double) s.amount[i + j] / (double) s.days[i + j] *
					(seasons % 2 == 0 && (j == seasons / 2 || j == -seasons / 2) ? 0.5 : 1) / seasons;
			ratio[i] = (double) s.amount[i] / (double) s.days[i] / trend;
			has[i] = true;
			sum[(s.first + i) % seasons] += ratio[i];
			count[(s.first + i) % seasons]++;
		}
		for (int m = 0; m < seasons; m++)
			if (count[m] > 0)
			{
				whole += sum[m] / count[m];
				present++;
			}
		for (int i = 0; i < s.n; i++)
			if (has[i])
			{
				int			m = (s.first + i) % seasons;
				double		distance = ratio[i] - sum[m] / count[m];

				off[m] += (distance < 0 ? -distance : distance) / count[m];
			}
		for (int m = 0; m < seasons; m++)
		{
			if (count[m] != out.season[m].n ||
				(count[m] > 0 && !near(one(out.season[m].index), sum[m] / count[m] * present / whole, 1e-9)))
				values = false;
			if (count[m] > 1 ? !near(one(out.season[m].deviation), off[m] * present / whole, 1e-9) : out.season[m].deviation != -1)
				deviations = false;
			own += one(out.season[m].index);
		}
		mean = mean && out.result.complete && near(own, seasons, 1e-10);

		for (int i = 0; i < s.n; i++)
		{
			s.amount[i] *= 12345678;
			s.days[i] *= 10000;
		}
		run(&s, &scaled);
		scaling = scaling && same_indices(&out, &scaled, seasons) &&
			near(one(out.result.noise / TS_SEASONAL_ONE), one(scaled.result.noise / TS_SEASONAL_ONE), 1e-9);
	}
	report(values, "random series: indices of the textbook");
	report(deviations, "their deviations");
	report(mean, "their mean is 1");
	report(scaling, "other units of amounts and days leave them alone");
}

/* How much of the parent's index a part takes */
static void
test_pull(void)
{
	ts_int128	distance[100];
	ts_int128	noise[100];
	int64_t		share[100];
	double		sum = 0;
	bool		ok = true;

	/* the same noise for all: (n - 1) * noise / sum of distances, as Efron and Morris have it but for the degrees of freedom */
	for (int i = 0; i < 18; i++)
	{
		noise[i] = (ts_int128) 20 * TS_SEASONAL_ONE * 1000000;
		distance[i] = (ts_int128) (10 + 7 * i) * TS_SEASONAL_ONE * 1000000;
		sum += (double) distance[i];
	}
	ts_seasonal_pull(18, distance, noise, share, NULL);
	for (int i = 0; i < 18; i++)
		ok = ok && near(one(share[i]), 17 * (double) noise[i] / sum, 1e-6);
	report(ok, "equal noise: the share of James and Stein");

	/* parts that differ by no more than chance */
	for (int i = 0; i < 18; i++)
		distance[i] = noise[i] / 2;
	ts_seasonal_pull(18, distance, noise, share, NULL);
	ok = true;
	for (int i = 0; i < 18; i++)
		ok = ok && share[i] == TS_SEASONAL_ONE;
	report(ok, "parts that differ by chance only take the parent's indices");

	/* no noise: nothing is taken */
	memset(noise, 0, sizeof(noise));
	ts_seasonal_pull(18, distance, noise, share, NULL);
	ok = true;
	for (int i = 0; i < 18; i++)
		ok = ok && share[i] == 0;
	report(ok, "parts without noise keep their own");

	/* the noisier, the more */
	for (int i = 0; i < 100; i++)
	{
		noise[i] = (ts_int128) (i + 1) * TS_SEASONAL_ONE * 1000000;
		distance[i] = noise[i] + (ts_int128) 50 * TS_SEASONAL_ONE * 1000000;
	}
	ts_seasonal_pull(100, distance, noise, share, NULL);
	ok = near(one(share[49]), 0.5, 0.02);
	for (int i = 1; i < 100; i++)
		ok = ok && share[i] > share[i - 1];
	report(ok, "the noisier a part, the more it takes");
}

static void
test_mix(void)
{
	ts_season	season[4];
	const ts_int128 parent[4] = {TS_SEASONAL_ONE / 2, TS_SEASONAL_ONE, TS_SEASONAL_ONE, 3 * (ts_int128) TS_SEASONAL_ONE / 2};
	ts_int128	index[4];

	for (int m = 0; m < 4; m++)
	{
		season[m].n = 1;
		season[m].index = TS_SEASONAL_ONE;
		season[m].deviation = -1;
	}
	ts_seasonal_mix(4, season, parent, TS_SEASONAL_ONE / 2, index);
	report(index[0] == 3 * TS_SEASONAL_ONE / 4 && index[1] == TS_SEASONAL_ONE && index[3] == 5 * (ts_int128) TS_SEASONAL_ONE / 4,
		   "half and half");
	report(ts_seasonal_distance(4, season, parent) == (ts_int128) TS_SEASONAL_ONE * TS_SEASONAL_ONE / 8, "the mean squared distance");

	/* a season that the part knows nothing of: the others keep the parent's level */
	season[0].n = 0;
	ts_seasonal_mix(4, season, parent, 0, index);
	report(index[0] == parent[0] && near(one(index[1]), 3.5 / 3, 1e-11) && near(one(index[1] + index[2] + index[3]), 3.5, 1e-10),
		   "a season without an own index takes the parent's");
}

static void
test_limits(void)
{
	const ts_int128 most = (ts_int128) (~(ts_uint128) 0 >> 1);
	series		s;
	indices		out;
	bool		ok = true;

	begin(&s, 24, 1);
	run(&s, &out);
	ok = ok && out.status == TS_TOO_LARGE;
	begin(&s, 24, 61);
	run(&s, &out);
	ok = ok && out.status == TS_TOO_LARGE;
	begin(&s, 24, 12);
	s.first = 12;
	run(&s, &out);
	ok = ok && out.status == TS_TOO_LARGE;
	report(ok, "seasons beyond the limits are refused");

	begin(&s, 36, 12);
	for (int i = 0; i < 36; i++)
		s.amount[i] = i % 2 == 0 ? most : -most - 1;
	run(&s, &out);
	for (int m = 0; m < 12; m++)
		ok = ok && near(one(out.season[m].index), 0, 2 * 12 + 1);
	for (int i = 0; i < 36; i++)
		s.amount[i] = most;
	run(&s, &out);
	for (int m = 0; m < 12; m++)
		ok = ok && out.season[m].index == TS_SEASONAL_ONE;
	report(ok, "the largest amounts that there are");

	begin(&s, 0, 12);
	run(&s, &out);
	report(out.status == TS_OK && !out.result.known, "an empty series");
}

int
main(void)
{
	seed = 20240531;
	test_published();
	test_exact();
	test_begin();
	test_negative();
	test_outliers();
	test_random();
	test_pull();
	test_mix();
	test_limits();
	return finish();
}
