/*-------------------------------------------------------------------------
 *
 * denton.c
 *	  Unit tests of the engine's temporal disaggregation; prints TAP.
 *
 *	  cc -std=gnu11 -O2 -ffp-contract=off -Isrc -o x test/unit/denton.c src/engine/[a-z]*.c -lm
 *
 * The reference is the dense system of all values and multipliers, set up anew
 * from the definition and solved with row exchanges in long doubles.  Where signs are to be
 * kept, the conditions of Karush, Kuhn and Tucker are checked instead: they are
 * necessary and sufficient.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "denton_cases.h"
#include "engine/denton.h"
#include "unit.h"

#define MAX_PERIODS	160
#define MAX_SYSTEM	(2 * MAX_PERIODS)
#define RANDOM_CASES 8000

static const char *const variant_name[] = {
	"proportional, first differences", "proportional, second differences",
	"additive, first differences", "additive, second differences"
};

/* one disaggregation, and room for what comes out */
typedef struct test_case
{
	ts_denton_input in;
	double		indicator[MAX_PERIODS];
	size_t		end[MAX_PERIODS];
	ts_int128	total[MAX_PERIODS];
	bool		is_free[MAX_PERIODS];
	bool		has_pools;
	size_t		pool[MAX_PERIODS];
	size_t		next[MAX_PERIODS];
	bool		is_fixed[MAX_PERIODS];
	ts_int128	fixed[MAX_PERIODS];
	double		value[MAX_PERIODS];
	ts_int128	share[MAX_PERIODS];
	ts_denton_report report;
} test_case;

static ts_status
run(test_case *c)
{
	void	   *work;
	ts_status	status;

	c->in.indicator = c->indicator;
	c->in.end = c->end;
	c->in.total = c->total;
	c->in.is_free = c->is_free;
	c->in.pool = c->has_pools ? c->pool : NULL;
	c->in.next = c->next;
	c->in.is_fixed = NULL;
	for (size_t t = 0; t < c->in.n; t++)
	{
		if (c->is_fixed[t])
			c->in.is_fixed = c->is_fixed;
	}
	c->in.fixed = c->fixed;
	work = malloc(ts_denton_work(&c->in) + 1);
	status = ts_denton(&c->in, c->value, &c->report, work);
	if (status == TS_OK && c->in.keep_sign)
		status = ts_denton_units(&c->in, c->value, c->share, work);
	free(work);
	return status;
}

static void
set_variant(test_case *c, int variant)
{
	c->in.additive = variant >= 2;
	c->in.second = variant % 2 == 1;
}

static bool
is_live(const test_case *c, size_t t)
{
	return c->in.additive ? c->indicator[t] >= 0 : c->indicator[t] > 0;
}

static size_t
start_of(const test_case *c, size_t bucket)
{
	return bucket == 0 ? 0 : c->end[bucket - 1];
}

static size_t
pool_of(const test_case *c, size_t bucket)
{
	return c->has_pools ? c->pool[bucket] : bucket;
}

/* is a period in a bucket, or in one of its pool? */
static bool
is_in(const test_case *c, size_t bucket, size_t t)
{
	size_t		k = 0;

	while (t >= c->end[k])
		k++;
	return pool_of(c, k) == pool_of(c, bucket);
}

/* what fixed periods leave of the total of a bucket, or of its pool */
static ts_int128
rest_of(const test_case *c, size_t bucket)
{
	ts_int128	rest = c->total[pool_of(c, bucket)];

	for (size_t t = 0; t < c->in.n; t++)
		rest -= is_in(c, bucket, t) && c->is_fixed[t] ? c->fixed[t] : 0;
	return rest;
}

/* is there a period that can take it? */
static bool
has_open(const test_case *c, size_t bucket)
{
	for (size_t t = 0; t < c->in.n; t++)
	{
		if (is_in(c, bucket, t) && is_live(c, t) && !c->is_fixed[t])
			return true;
	}
	return false;
}

/* the live periods, their weights and ratios, and the factors of a difference */
typedef struct live_periods
{
	size_t		n;
	size_t		place[MAX_PERIODS];
	long double weight[MAX_PERIODS];
	long double ratio[MAX_PERIODS];
} live_periods;

static void
find_live(const test_case *c, live_periods *l)
{
	l->n = 0;
	for (size_t t = 0; t < c->in.n; t++)
	{
		if (!is_live(c, t))
			continue;
		l->place[l->n] = t;
		l->weight[l->n] = c->in.additive ? 1 : (long double) c->indicator[t];
		l->ratio[l->n] = c->in.additive ? (long double) c->value[t] - c->indicator[t] :
			(long double) c->value[t] / c->indicator[t];
		l->n++;
	}
}

static const int first_factors[] = {-1, 1};
static const int second_factors[] = {1, -2, 1};

/* buckets that say what ratios are like */
static size_t
count_totals(const test_case *c)
{
	size_t		count = 0;

	for (size_t k = 0; k < c->in.n_buckets; k++)
	{
		bool		live = false;

		for (size_t t = start_of(c, k); t < c->end[k]; t++)
			live = live || is_live(c, t);
		count += live && !c->is_free[k] ? 1 : 0;
	}
	return count;
}

/* second differences are used where they decide */
static int
order_of(const test_case *c, const live_periods *l)
{
	return c->in.second && count_totals(c) >= 2 && l->n >= 3 ? 2 : 1;
}

/*
 * Solve the dense system; false if it is singular
 */
static bool
reference(const test_case *c, double *value)
{
	static long double a[MAX_SYSTEM][MAX_SYSTEM + 1];
	live_periods l;
	size_t		n;
	int			order;
	const int  *factor;

	find_live(c, &l);
	order = order_of(c, &l);
	factor = order == 2 ? second_factors : first_factors;
	n = l.n + c->in.n_buckets;
	memset(a, 0, sizeof(a));
	for (size_t t = 0; t + (size_t) order < l.n; t++)
	{
		for (int i = 0; i <= order; i++)
		{
			for (int j = 0; j <= order; j++)
				a[t + (size_t) i][t + (size_t) j] += factor[i] * factor[j];
		}
	}
	for (size_t t = 0; t < l.n; t++)
	{
		size_t		place = l.place[t];

		if (!c->is_fixed[place])
			continue;
		memset(a[t], 0, sizeof(a[t]));
		a[t][t] = 1;
		a[t][n] = c->in.additive ? (long double) c->fixed[place] - c->indicator[place] :
			(long double) c->fixed[place] / c->indicator[place];
	}
	for (size_t k = 0; k < c->in.n_buckets; k++)
	{
		size_t		row = l.n + k;

		/* a bucket that nobody has to be found for */
		if (c->is_free[k] || pool_of(c, k) != k || !has_open(c, k))
		{
			a[row][row] = 1;
			continue;
		}
		a[row][n] = (long double) rest_of(c, k);
		for (size_t t = 0; t < l.n; t++)
		{
			if (!is_in(c, k, l.place[t]) || c->is_fixed[l.place[t]])
				continue;
			a[row][t] = a[t][row] = l.weight[t];
			if (c->in.additive)
				a[row][n] -= c->indicator[l.place[t]];
		}
	}
	for (size_t i = 0; i < n; i++)
	{
		size_t		pivot = i;

		for (size_t j = i + 1; j < n; j++)
		{
			if (fabsl(a[j][i]) > fabsl(a[pivot][i]))
				pivot = j;
		}
		if (fabsl(a[pivot][i]) < 1e-15L)
			return false;
		for (size_t k = i; k <= n; k++)
		{
			long double swap = a[i][k];

			a[i][k] = a[pivot][k];
			a[pivot][k] = swap;
		}
		for (size_t j = i + 1; j < n; j++)
		{
			long double f = a[j][i] / a[i][i];

			for (size_t k = i; f != 0 && k <= n; k++)
				a[j][k] -= f * a[i][k];
		}
	}
	for (size_t i = n; i-- > 0;)
	{
		for (size_t k = i + 1; k < n; k++)
			a[i][n] -= a[i][k] * a[k][n];
		a[i][n] /= a[i][i];
	}
	for (size_t t = 0; t < c->in.n; t++)
		value[t] = c->is_fixed[t] ? (double) c->fixed[t] : 0;
	for (size_t t = 0; t < l.n; t++)
		value[l.place[t]] = (double) (c->in.additive ? a[t][n] + c->indicator[l.place[t]] :
									  a[t][n] * l.weight[t]);
	return true;
}

/*
 * How far the values are from the conditions of Karush, Kuhn and Tucker, in
 * parts of the largest ratio; huge where a sign is wrong
 */
static double
kkt_error(const test_case *c)
{
	live_periods l;
	long double gradient[MAX_PERIODS] = {0};
	long double scale = 1e-300L;
	long double worst = 0;
	long double largest_weight = 0;
	int			order;
	const int  *factor;
	bool		negative = false;
	bool		positive = false;

	find_live(c, &l);
	order = order_of(c, &l);
	factor = order == 2 ? second_factors : first_factors;
	for (size_t t = 0; t < l.n; t++)
		largest_weight = fmaxl(largest_weight, l.weight[t]);
	for (size_t t = 0; t < l.n; t++)
	{
		l.weight[t] /= largest_weight;
		l.ratio[t] *= largest_weight;
		scale = fmaxl(scale, fabsl(l.ratio[t]));
		if (c->in.additive)
			scale = fmaxl(scale, (long double) c->indicator[l.place[t]]);
	}
	for (size_t t = 0; t + (size_t) order < l.n; t++)
	{
		long double d = 0;

		for (int i = 0; i <= order; i++)
			d += factor[i] * l.ratio[t + (size_t) i];
		for (int i = 0; i <= order; i++)
			gradient[t + (size_t) i] += factor[i] * d;
	}
	for (size_t k = 0; k < c->in.n_buckets; k++)
	{
		negative = negative || (!c->is_free[k] && c->total[k] < 0);
		positive = positive || (!c->is_free[k] && c->total[k] > 0);
	}
	for (size_t k = 0; k < c->in.n_buckets; k++)
	{
		int			sign = c->is_free[k] ? (negative ? (positive ? 0 : -1) : 1) :
			rest_of(c, k) < 0 ? -1 : 1;
		long double multiplier = 0;
		long double sum = 0;
		long double top = 0;

		if (pool_of(c, k) != k)
			continue;
		/* the multiplier from the period that says it most clearly */
		for (size_t t = 0; t < l.n; t++)
		{
			double		x = c->value[l.place[t]];

			if (!is_in(c, k, l.place[t]))
				continue;
			if (c->is_fixed[l.place[t]])
				continue;
			sum += x;
			if (sign * x < 0)
				return 1e300;
			if (x != 0 && l.weight[t] > top && !c->is_free[k])
			{
				top = l.weight[t];
				multiplier = gradient[t] / l.weight[t];
			}
		}
		if (!c->is_free[k] && fabsl(sum - (long double) rest_of(c, k)) > 1e-9L * fabsl((long double) c->total[k]))
			return 1e200;
		if (!c->is_free[k] && rest_of(c, k) == 0)
			continue;
		for (size_t t = 0; t < l.n; t++)
		{
			long double pull;

			if (!is_in(c, k, l.place[t]) || c->is_fixed[l.place[t]])
				continue;
			pull = gradient[t] - multiplier * l.weight[t];
			if (c->value[l.place[t]] != 0 || sign == 0)
				worst = fmaxl(worst, fabsl(pull));
			else
				worst = fmaxl(worst, -sign * pull);
		}
	}
	return (double) (worst / scale);
}

/* do the units of each bucket add up, each within a unit of its share? */
static bool
units_are_right(const test_case *c)
{
	for (size_t k = 0; k < c->in.n_buckets; k++)
	{
		ts_int128	sum = 0;
		long double weight = 0;

		if (pool_of(c, k) != k)
			continue;
		for (size_t t = 0; t < c->in.n; t++)
		{
			if (!is_in(c, k, t))
				continue;
			sum += c->share[t];
			weight += c->is_fixed[t] ? 0 : c->value[t];
		}
		if (!c->is_free[k] && sum != c->total[k])
			return false;
		for (size_t t = 0; t < c->in.n; t++)
		{
			long double exact = c->is_free[k] || weight == 0 ? c->value[t] :
				(long double) rest_of(c, k) * c->value[t] / weight;

			if (!is_in(c, k, t))
				continue;
			if (c->is_fixed[t])
			{
				if (c->share[t] != c->fixed[t] || c->value[t] != (double) c->fixed[t])
					return false;
				continue;
			}

			if (fabsl((long double) c->share[t] - exact) > 1 + 1e-9L * fabsl(exact))
				return false;
			if (c->value[t] == 0 && c->share[t] != 0)
				return false;
		}
	}
	return true;
}

/* ---------------------------------------------------------------- published */

static void
test_imf(void)
{
	static const double indicator[] = {98.2, 100.8, 102.2, 100.8, 99.0, 101.6, 102.7, 101.5, 100.5, 103.0, 103.5, 101.5};
	static const double expected[] = {
		969.792854022490, 998.419035027822, 1018.345836528942, 1013.442274420746, 1007.203341326566, 1042.848545192592,
		1060.344647085086, 1051.003466395755, 1040.648752441117, 1066.535537327713, 1071.712894305031, 1051.003466395755
	};
	static test_case c;
	ts_int128	sum = 0;
	double		worst = 0;

	memset(&c, 0, sizeof(c));
	c.in.n = 12;
	c.in.n_buckets = 3;
	c.in.keep_sign = true;
	memcpy(c.indicator, indicator, sizeof(indicator));
	for (size_t k = 0; k < 3; k++)
		c.end[k] = 4 * (k + 1);
	c.total[0] = 40000;
	c.total[1] = 41614;
	c.is_free[2] = true;
	report(run(&c) == TS_OK && c.report.optimal && c.report.solves == 1, "case 40 is solved at once");
	for (size_t t = 0; t < 12; t++)
		worst = fmax(worst, fabs(c.value[t] / 10 - expected[t]));
	report(worst < 1e-9, "case 40: the IMF's example, to 1e-9");
	report(units_are_right(&c), "case 40: units add up");

	/* in cents */
	c.total[0] = 400000;
	c.total[1] = 416140;
	run(&c);
	for (size_t t = 0; t < 4; t++)
		sum += c.share[t];
	report(sum == 400000 && c.share[0] == 96979 && c.share[1] == 99842 && c.share[2] == 101835 && c.share[3] == 101344,
		   "case 40: cents of 1998");
	report(c.share[8] == 104065 && c.share[11] == 105100, "case 40: cents that follow the last ratio");
}

static void
compare(const char *name, test_case *c, const double *expected, double scale, double tolerance)
{
	double		worst = 0;
	ts_status	status = run(c);
	char		text[200];

	for (size_t t = 0; t < c->in.n; t++)
	{
		if (!isnan(expected[t]))
			worst = fmax(worst, fabs(c->value[t] / scale - expected[t]));
	}
	snprintf(text, sizeof(text), "%s: off by %.1e at most", name, worst);
	report(status == TS_OK && worst < tolerance, text);
}

static void
test_table(void)
{
	static const double *const expected[] = {table_proportional_h1, table_proportional_h2, table_additive_h1, table_additive_h2};
	static const int totals[] = {500, 400, 300, 400, 500};
	static test_case c;
	char		name[100];

	for (int variant = 0; variant < 4; variant++)
	{
		for (int signs = 0; signs < 2; signs++)
		{
			memset(&c, 0, sizeof(c));
			c.in.n = 20;
			c.in.n_buckets = 5;
			c.in.keep_sign = signs == 1;
			set_variant(&c, variant);
			for (size_t t = 0; t < 20; t++)
				c.indicator[t] = (double[]) {50, 100, 150, 100}[t % 4];
			for (size_t k = 0; k < 5; k++)
			{
				c.end[k] = 4 * (k + 1);
				c.total[k] = totals[k];
			}
			snprintf(name, sizeof(name), "case 41, %s%s", variant_name[variant], signs ? ", signs kept" : "");
			compare(name, &c, expected[variant], 1, 1e-8);
			if (signs)
				report(units_are_right(&c), "units add up");
		}
	}
}

static void
test_pharma(void)
{
	static const double *const with[] = {pharma_ind_p_1, pharma_ind_p_2, pharma_ind_a_1, pharma_ind_a_2};
	static const double *const without[] = {pharma_p_1, pharma_p_2, pharma_p_1, pharma_p_2};
	/* totals are whole units: 12 decimals, as published */
	const double scale = 1e12;
	static test_case c;
	char		name[100];

	for (int variant = 0; variant < 4; variant++)
	{
		for (int indicator = 0; indicator < 2; indicator++)
		{
			memset(&c, 0, sizeof(c));
			c.in.n = 158;
			c.in.n_buckets = 38;
			set_variant(&c, variant);
			for (size_t t = 0; t < 158; t++)
				c.indicator[t] = indicator ? pharma_exports[t] * scale : scale;
			for (size_t k = 0; k < 38; k++)
			{
				c.end[k] = k == 37 ? 158 : 12 + 4 * k;
				c.is_free[k] = k == 0 || k == 37;
				if (!c.is_free[k])
					c.total[k] = (ts_int128) nearbyint(pharma_sales[k - 1] * scale);
			}
			snprintf(name, sizeof(name), "case 42, %s%s", variant_name[variant], indicator ? ", exports" : "");
			compare(name, &c, indicator ? with[variant] : without[variant], scale, 1e-6);
		}
	}
}

/* ------------------------------------------------------------------- random */

/* pools that nest; nothing that is free is in one */
static void
random_pools(test_case *c)
{
	size_t		around[MAX_PERIODS];
	size_t		n = 0;

	c->has_pools = true;
	for (size_t k = 0; k < c->in.n_buckets; k++)
	{
		c->pool[k] = k;
		if (c->is_free[k])
			continue;
		if (n == 0 || random_below(2) == 0)
		{
			around[n++] = k;
			continue;
		}
		n = 1 + random_below(n);
		c->pool[k] = around[n - 1];
		for (size_t before = k; before-- > 0;)
		{
			if (c->pool[before] == c->pool[k])
			{
				c->next[before] = k;
				break;
			}
		}
	}
}

static void
random_case(test_case *c, size_t max_periods)
{
	uint64_t	wild = random_below(4);
	uint64_t	zeros = random_below(3) == 0 ? 4 : 1000;
	uint64_t	negative = random_below(4) == 0 ? 2 : 1000;
	uint64_t	fixed = random_below(2) == 0 ? 2 + random_below(8) : 0;

	memset(c, 0, sizeof(*c));
	set_variant(c, (int) random_below(4));
	c->in.n = 1 + random_below(max_periods);
	for (size_t t = 0; t < c->in.n; t++)
	{
		c->indicator[t] = (double) (1 + random_below(wild == 0 ? 100000 : 100));
		if (random_below(zeros) == 0)
			c->indicator[t] = random_below(2) == 0 ? 0 : -1;
	}
	for (size_t t = 0; t < c->in.n;)
	{
		size_t		k = c->in.n_buckets++;
		size_t		size = random_below(3) == 0 ? 1 : 1 + random_below(14);

		t = c->in.n - t < size ? c->in.n : t + size;
		c->end[k] = t;
		c->is_free[k] = random_below(6) == 0;
		c->total[k] = (ts_int128) random_below(wild == 1 ? 1000000000 : wild == 2 ? 3 : 1000);
		if (random_below(10) == 0)
			c->total[k] = 0;
		if (random_below(negative) == 0)
			c->total[k] = -c->total[k];
	}
	if (c->in.n_buckets > 2 && !c->in.second && random_below(2) == 0)
		random_pools(c);
	/* fixed ones: some that take all of their bucket's total, or more, or less than nothing */
	for (size_t t = 0; fixed > 0 && t < c->in.n; t++)
	{
		size_t		k = 0;

		while (t >= c->end[k])
			k++;
		c->is_fixed[t] = random_below(fixed) == 0;
		c->fixed[t] = c->total[pool_of(c, k)] * (ts_int128) random_below(random_below(8) == 0 ? 150 : 40) / 100;
		if (random_below(20) == 0)
			c->fixed[t] = random_below(2) == 0 ? 0 : -c->fixed[t];
		if (random_below(20) == 0)
			c->fixed[t] = rest_of(c, k) + (c->is_fixed[t] ? c->fixed[t] : 0);
	}
	/* a total that nobody can take would be an error */
	for (size_t k = 0; k < c->in.n_buckets; k++)
	{
		if (pool_of(c, k) == k && !has_open(c, k))
			c->total[k] -= rest_of(c, k);
	}
}

static void
test_random_plain(void)
{
	static test_case c;
	static double expected[MAX_PERIODS];
	double		worst[2] = {0, 0};
	int			compared = 0;
	bool		all_ok = true;
	char		text[200];

	for (int i = 0; i < RANDOM_CASES / 4; i++)
	{
		double		scale = 0;

		random_case(&c, 40);
		if (!reference(&c, expected))
			continue;
		all_ok = all_ok && run(&c) == TS_OK;
		compared++;
		for (size_t t = 0; t < c.in.n; t++)
			scale = fmax(scale, fabs(expected[t]));
		for (size_t t = 0; t < c.in.n && scale > 0; t++)
			worst[c.in.second] = fmax(worst[c.in.second], fabs(c.value[t] - expected[t]) / scale);
	}
	snprintf(text, sizeof(text), "%d random ones are those of the dense system: off by %.1e and %.1e", compared, worst[0], worst[1]);
	report(all_ok && compared > RANDOM_CASES / 8 && worst[0] < 1e-10 && worst[1] < 1e-6, text);
}

static void
test_random_signs(void)
{
	static test_case c;
	double		worst[2] = {0, 0};
	int			most = 0;
	int			held = 0;
	int			not_optimal = 0;
	bool		all_ok = true;
	bool		units_ok = true;
	char		text[200];

	for (int i = 0; i < RANDOM_CASES; i++)
	{
		double		error;

		random_case(&c, MAX_PERIODS);
		c.in.keep_sign = true;
		all_ok = all_ok && run(&c) == TS_OK;
		if (!c.report.optimal)
		{
			not_optimal++;
			continue;
		}
		units_ok = units_ok && units_are_right(&c);
		if (c.report.solves > 1)
			held++;
		if (c.report.solves > most)
			most = c.report.solves;
		if (count_totals(&c) == 0)
			continue;
		error = kkt_error(&c);
		worst[c.in.second] = fmax(worst[c.in.second], error);
	}
	snprintf(text, sizeof(text), "signs kept: KKT conditions hold to %.1e and %.1e", worst[0], worst[1]);
	report(all_ok && worst[0] < 1e-9 && worst[1] < 1e-6, text);
	snprintf(text, sizeof(text), "signs kept: %d of %d needed it, %d rounds at most, %d not optimal", held, RANDOM_CASES, most, not_optimal);
	report(not_optimal == 0 && held > RANDOM_CASES / 10, text);
	report(units_ok, "signs kept: units add up, each by less than one from its share");
}

/* ------------------------------------------------------------------ others */

static void
test_edges(void)
{
	static test_case c;

	memset(&c, 0, sizeof(c));
	report(run(&c) == TS_OK, "no period");

	c.in.n = 3;
	c.in.n_buckets = 1;
	c.in.keep_sign = true;
	c.end[0] = 3;
	c.total[0] = 100;
	report(run(&c) == TS_ALL_ZERO && c.report.bucket == 0, "a total and only zeros");
	c.in.additive = true;
	report(run(&c) == TS_OK && c.share[0] == 34 && c.share[1] == 33 && c.share[2] == 33, "additive: zeros share it");
	c.in.additive = false;
	for (size_t t = 0; t < 3; t++)
		c.indicator[t] = (double) t;
	report(run(&c) == TS_OK && c.share[0] == 0 && c.share[1] == 33 && c.share[2] == 67, "one bucket: pro rata");
	c.in.second = true;
	report(run(&c) == TS_OK && c.share[0] == 0 && c.share[1] == 33 && c.share[2] == 67, "and with second differences");
	c.total[0] = -100;
	report(run(&c) == TS_OK && c.share[0] == 0 && c.share[1] == -33 && c.share[2] == -67, "a negative total");
	c.total[0] = (ts_int128) UINT64_C(1000000000000000000) * 1000000000;
	report(run(&c) == TS_OK && c.share[1] + c.share[2] == c.total[0] && c.share[2] > c.share[1], "a total beyond 64 bits");
	c.indicator[1] = -1;
	report(run(&c) == TS_OK && c.share[1] == 0 && c.share[2] == c.total[0], "a period that takes no part");
	c.is_free[0] = true;
	report(run(&c) == TS_OK && c.share[2] == 0, "no total at all");

	/* a bucket that has no period of the chain does not bend it */
	memset(&c, 0, sizeof(c));
	c.in.n = 6;
	c.in.n_buckets = 2;
	c.in.keep_sign = true;
	c.in.second = true;
	c.end[0] = 4;
	c.end[1] = 6;
	c.total[0] = 100;
	for (size_t t = 0; t < 4; t++)
		c.indicator[t] = 1;
	report(run(&c) == TS_OK && c.share[0] == 25 && c.share[3] == 25 && c.share[4] == 0, "second differences: a bucket of zeros says nothing");

	/* three quarters, the one in the middle is nothing */
	memset(&c, 0, sizeof(c));
	c.in.n = 9;
	c.in.n_buckets = 3;
	c.in.keep_sign = true;
	for (size_t t = 0; t < 9; t++)
		c.indicator[t] = 1;
	for (size_t k = 0; k < 3; k++)
	{
		c.end[k] = 3 * (k + 1);
		c.total[k] = k == 1 ? 1 : 1000;
	}
	report(run(&c) == TS_OK && c.report.optimal && c.report.solves > 1 && c.share[3] + c.share[4] + c.share[5] == 1 &&
		   units_are_right(&c) && kkt_error(&c) < 1e-12, "a small bucket between large ones: nothing below 0");
	c.in.keep_sign = false;
	report(run(&c) == TS_OK && c.value[4] < 0, "and without that there would be");
}

/* one bucket of five months alike, 100 in all */
static void
test_fixed(void)
{
	static test_case c;
	double		worst = 0;

	memset(&c, 0, sizeof(c));
	c.in.n = 5;
	c.in.n_buckets = 1;
	c.in.keep_sign = true;
	c.end[0] = 5;
	c.total[0] = 100;
	for (size_t t = 0; t < 5; t++)
		c.indicator[t] = 1;
	/* steps of 5 and 10 up to 30, and down again: they grow as the weight that is behind */
	c.is_fixed[2] = true;
	c.fixed[2] = 30;
	run(&c);
	for (size_t t = 0; t < 5; t++)
		worst = fmax(worst, fabs(c.value[t] - (double[]) {15, 20, 30, 20, 15}[t]));
	report(worst < 1e-12, "fixed in the middle: the others bend towards it");
	report(units_are_right(&c) && c.share[2] == 30 && kkt_error(&c) < 1e-12, "and it is kept to the unit");
	c.fixed[2] = 120;
	run(&c);
	report(units_are_right(&c) && c.share[2] == 120 && c.share[0] <= 0 && c.share[1] <= 0, "more than the total: the others pay for it");
	c.fixed[2] = 100;
	run(&c);
	report(units_are_right(&c) && c.share[0] == 0 && c.share[4] == 0, "all of the total: nothing is left");
	c.fixed[2] = -20;
	run(&c);
	report(units_are_right(&c) && c.share[2] == -20 && c.share[0] >= 30, "less than nothing: the others get more");
	c.indicator[2] = 0;
	run(&c);
	report(units_are_right(&c) && c.share[2] == -20 && c.share[0] == 30 && c.share[1] == 30, "without an indicator it is no part of the chain");
	for (size_t t = 0; t < 5; t++)
		c.is_fixed[t] = true;
	report(run(&c) == TS_ALL_ZERO && c.report.bucket == 0, "nobody is left to take the rest");
	c.total[0] = -20;
	report(run(&c) == TS_OK && units_are_right(&c), "all fixed");

	/* the fixed month is in a bucket that is free: what is around follows it */
	memset(&c, 0, sizeof(c));
	c.in.n = 4;
	c.in.n_buckets = 1;
	c.in.keep_sign = true;
	c.end[0] = 4;
	c.is_free[0] = true;
	for (size_t t = 0; t < 4; t++)
		c.indicator[t] = (double) (t + 1);
	c.is_fixed[1] = true;
	c.fixed[1] = 20;
	report(run(&c) == TS_OK && c.share[0] == 10 && c.share[1] == 20 && c.share[2] == 30 && c.share[3] == 40, "a fixed month alone says what all are like");
}

/*
 * A year whose second quarter has a total of its own: what is left of the year is
 * one pool of two buckets
 */
static void
test_pool(void)
{
	static test_case c;
	static double alone[MAX_PERIODS];
	double		worst = 0;

	memset(&c, 0, sizeof(c));
	c.in.n = 12;
	c.in.n_buckets = 3;
	c.in.keep_sign = true;
	c.has_pools = true;
	for (size_t t = 0; t < 12; t++)
		c.indicator[t] = (double) (10 + t * t % 7);
	c.end[0] = 3;
	c.end[1] = 6;
	c.end[2] = 12;
	c.pool[1] = 1;
	c.next[0] = 2;
	c.total[0] = 900000000;
	c.total[1] = 450000000;
	report(run(&c) == TS_OK && c.report.optimal && units_are_right(&c) && kkt_error(&c) < 1e-12,
		   "a quarter within a year: one multiplier before and behind it");
	memcpy(alone, c.value, sizeof(alone));
	/* the same where the year's parts are known */
	c.has_pools = false;
	c.total[0] = c.share[0] + c.share[1] + c.share[2];
	c.total[2] = 900000000 - c.total[0];
	run(&c);
	for (size_t t = 0; t < 12; t++)
		worst = fmax(worst, fabs(c.value[t] - alone[t]) / alone[t]);
	report(worst < 1e-6, "as two buckets with the totals that it found");
	c.has_pools = true;
	c.total[0] = 0;
	report(run(&c) == TS_OK && units_are_right(&c) && c.share[0] == 0 && c.share[11] == 0, "nothing is left around it");
	c.total[0] = (ts_int128) UINT64_C(1000000000000000000) * 1000000000;
	c.total[1] = c.total[0] / 2;
	report(run(&c) == TS_OK && units_are_right(&c) && kkt_error(&c) < 1e-12, "a total beyond 64 bits around it");
	for (size_t t = 0; t < 12; t++)
		c.indicator[t] = t >= 3 && t < 6 ? 1 : 0;
	report(run(&c) == TS_ALL_ZERO && c.report.bucket == 0, "nobody around it takes part");
}

/* time and digits in long series: a few large buckets, many small ones */
static void
test_long(void)
{
	const size_t n = 500000;
	double	   *indicator = malloc(n * sizeof(double));
	double	   *value = malloc(n * sizeof(double));
	size_t	   *end = malloc(n * sizeof(size_t));
	ts_int128  *total = malloc(n * sizeof(ts_int128));
	bool	   *is_free = calloc(n, sizeof(bool));
	bool	   *is_fixed = calloc(n, sizeof(bool));
	ts_int128  *fixed = malloc(n * sizeof(ts_int128));
	ts_int128  *share = malloc(n * sizeof(ts_int128));

	for (int variant = 0; variant < 4; variant++)
	{
		ts_denton_input in = {0};
		ts_denton_report result;
		size_t		start = 0;
		void	   *work;
		bool		ok = true;
		char		text[200];

		in.n = n;
		in.indicator = indicator;
		in.end = end;
		in.total = total;
		in.is_free = is_free;
		in.is_fixed = is_fixed;
		in.fixed = fixed;
		in.keep_sign = true;
		in.additive = variant >= 2;
		in.second = variant % 2 == 1;
		for (size_t t = 0; t < n; t++)
		{
			indicator[t] = (double) (50 + random_below(100));
			is_fixed[t] = t % 7 == 3 && t % 3000 < 1000 && t >= 365;
			fixed[t] = (ts_int128) indicator[t];
		}
		while (start < n)
		{
			size_t		size = start == 0 ? (in.second ? 365 : n / 2) : 1 + random_below(24);

			start = start + size > n ? n : start + size;
			end[in.n_buckets] = start;
			total[in.n_buckets] = (ts_int128) size * (ts_int128) (90 + random_below(30));
			/* a bucket of one must not be fixed at something else */
			if (size < 3)
				is_fixed[start - 1] = is_fixed[start - size] = false;
			in.n_buckets++;
		}
		work = malloc(ts_denton_work(&in));
		ok = ts_denton(&in, value, &result, work) == TS_OK && result.optimal &&
			ts_denton_units(&in, value, share, work) == TS_OK;
		start = 0;
		for (size_t k = 0; k < in.n_buckets && ok; k++)
		{
			ts_int128	sum = 0;
			double		real = 0;

			for (; start < end[k]; start++)
			{
				sum += share[start];
				real += value[start];
			}
			ok = sum == total[k] && fabs(real - (double) total[k]) < 1e-6 * (double) total[k];
		}
		free(work);
		snprintf(text, sizeof(text), "a bucket of %zu before many small ones, %s: %d rounds",
				 end[0], variant_name[variant], result.solves);
		report(ok, text);
	}
	free(indicator);
	free(value);
	free(end);
	free(total);
	free(is_free);
	free(is_fixed);
	free(fixed);
	free(share);
}

int
main(void)
{
	test_imf();
	test_table();
	test_pharma();
	test_random_plain();
	test_random_signs();
	test_edges();
	test_fixed();
	test_pool();
	test_long();
	return finish();
}
