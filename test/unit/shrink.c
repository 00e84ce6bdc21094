/*-------------------------------------------------------------------------
 *
 * shrink.c
 *	  Unit tests of the engine's shrunk shares; prints TAP.
 *
 *	  cc -std=gnu11 -O2 -Isrc -o x test/unit/shrink.c src/engine/[a-z]*.c
 *
 * The reference shares nothing with the engine: margins are summed anew for
 * each cell by looking through all others, amounts are small integers so that
 * all sums and products are exact, and only the last division rounds.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/shrink.h"
#include "unit.h"

#define TABLES		4000
#define MAX_CELLS	64
#define MAX_AXES	4
#define MAX_YEARS	5

static bool
same_candidate(const ts_shrink_candidate *a, const ts_shrink_candidate *b)
{
	return a->all_years == b->all_years && a->error == b->error &&
		memcmp(a->factor, b->factor, sizeof(a->factor)) == 0;
}

static bool
same_result(const ts_shrink_result *a, const ts_shrink_result *b)
{
	if (a->n_used != b->n_used || a->n_tested != b->n_tested || a->kept_plain != b->kept_plain ||
		a->n_candidates != b->n_candidates || !same_candidate(&a->chosen, &b->chosen) ||
		!same_candidate(&a->plain, &b->plain) || !same_candidate(&a->best, &b->best))
		return false;
	for (int i = 0; i < a->n_candidates; i++)
	{
		if (!same_candidate(&a->candidate[i], &b->candidate[i]))
			return false;
	}
	return true;
}

typedef struct test_table
{
	int			n;
	int			n_axes;
	int			n_years;
	bool		is_time[MAX_AXES];
	int32_t		keys[MAX_CELLS * MAX_AXES];
	ts_int128	amount[MAX_YEARS * MAX_CELLS];
	bool		keep_zeros;
} test_table;

static ts_status
run(const test_table *table, const ts_shrink_candidate *given, ts_int128 *weight,
	ts_int128 *share, ts_shrink_result *result)
{
	ts_shrink_input input = {0};
	void	   *work = malloc(ts_shrink_work((size_t) table->n, table->n_axes) + 1);
	ts_status	status;

	input.n = (size_t) table->n;
	input.n_axes = table->n_axes;
	input.keys = table->keys;
	input.is_time = table->is_time;
	input.n_years = table->n_years;
	input.amount = table->amount;
	input.keep_zeros = table->keep_zeros;
	input.given = given;
	status = ts_shrink(&input, weight, share, result, work);
	free(work);
	return status;
}

/* all combinations of keys on n_axes axes of the given sizes */
static void
fill_keys(test_table *table, int n_axes, const int *size)
{
	int			axis;

	table->n = 1;
	table->n_axes = n_axes;
	for (axis = 0; axis < n_axes; axis++)
		table->n *= size[axis];
	for (int i = 0; i < table->n; i++)
	{
		int			rest = i;

		for (axis = n_axes - 1; axis >= 0; axis--)
		{
			/* keys are any integers, as indexes and days are */
			table->keys[i * n_axes + axis] = rest % size[axis] * 1000 - 500;
			rest /= size[axis];
		}
	}
}

/*
 * Some of the combinations, in random order, with random amounts
 */
static void
random_table(test_table *table)
{
	int			size[MAX_AXES];
	int			kept = 0;

	memset(table, 0, sizeof(*table));
	table->n_axes = 1 + (int) random_below(MAX_AXES);
	for (int axis = 0; axis < table->n_axes; axis++)
	{
		size[axis] = 1 + (int) random_below(axis < 2 ? 4 : 2);
		table->is_time[axis] = random_below(3) == 0;
	}
	fill_keys(table, table->n_axes, size);
	for (int i = 0; i < table->n; i++)
	{
		if (random_below(8) == 0)
			continue;
		memmove(&table->keys[kept * table->n_axes], &table->keys[i * table->n_axes],
				sizeof(int32_t) * (size_t) table->n_axes);
		kept++;
	}
	table->n = kept;
	table->n_years = (int) random_below(MAX_YEARS + 1);
	table->keep_zeros = random_below(2) == 0;
	for (int year = 0; year < table->n_years; year++)
	{
		bool		empty = random_below(8) == 0;

		for (int i = 0; i < table->n; i++)
			table->amount[year * table->n + i] = empty || random_below(4) == 0 ? 0 :
				(ts_int128) random_below(60);
	}
}

/* ------------------------------------------------------------- reference */

/*
 * Shares in floating point, exact up to the division: what the engine's are
 * rounded from, to some 15 digits.  Errors that are nearer to each other than
 * this can tell are not compared.
 */
typedef struct reference
{
	bool		has_model[TS_SHRINK_MODELS];
	double		share[TS_SHRINK_MODELS][MAX_CELLS];
} reference;

static bool
same_key(const test_table *table, int a, int b, bool slice, bool time)
{
	for (int axis = 0; axis < table->n_axes; axis++)
	{
		if ((table->is_time[axis] ? time : slice) &&
			table->keys[a * table->n_axes + axis] != table->keys[b * table->n_axes + axis])
			return false;
	}
	return true;
}

static void
reference_models(const test_table *table, const int64_t *amount, const int64_t *known,
				 reference *ref)
{
	int			n_slice = 0;
	int			n_time = 0;
	double		sum[TS_SHRINK_MODELS] = {0};

	for (int axis = 0; axis < table->n_axes; axis++)
	{
		if (table->is_time[axis])
			n_time++;
		else
			n_slice++;
	}
	ref->has_model[0] = true;
	ref->has_model[1] = n_slice > 1 && n_time > 0;
	ref->has_model[2] = n_slice + (n_time > 0 ? 1 : 0) > 1;

	for (int i = 0; i < table->n; i++)
	{
		double		slice = 0;
		double		time = 0;
		double		product = 1;

		for (int j = 0; j < table->n; j++)
		{
			if (same_key(table, i, j, true, false))
				slice += (double) amount[j];
			if (same_key(table, i, j, false, true))
				time += (double) amount[j];
		}
		for (int axis = 0; axis < table->n_axes; axis++)
		{
			double		margin = 0;

			if (table->is_time[axis])
				continue;
			for (int j = 0; j < table->n; j++)
			{
				if (table->keys[i * table->n_axes + axis] == table->keys[j * table->n_axes + axis])
					margin += (double) amount[j];
			}
			product *= margin;
		}
		if (n_time > 0)
			product *= time;
		if (table->keep_zeros && known[i] == 0)
			slice = product = 0;
		ref->share[0][i] = (double) amount[i];
		ref->share[1][i] = ref->has_model[1] ? slice * time : 0;
		ref->share[2][i] = ref->has_model[2] ? product : 0;
		for (int model = 0; model < TS_SHRINK_MODELS; model++)
			sum[model] += ref->share[model][i];
	}
	for (int model = 0; model < TS_SHRINK_MODELS; model++)
	{
		for (int i = 0; i < table->n; i++)
			ref->share[model][i] = sum[model] > 0 ? ref->share[model][i] / sum[model] : 0;
	}
}

static double
reference_mixture(const reference *ref, const int *factor, int i)
{
	double		share = 0;

	for (int model = 0; model < TS_SHRINK_MODELS; model++)
		share += factor[model] * ref->share[model][i];
	return share / TS_SHRINK_WHOLE;
}

/* mean error of the held-back years; -1 if there are none */
static double
reference_error(const test_table *table, const ts_shrink_candidate *candidate)
{
	int64_t		before[MAX_CELLS] = {0};
	int64_t		last[MAX_CELLS] = {0};
	double		error = 0;
	int			used = 0;

	for (int year = 0; year < table->n_years; year++)
	{
		const ts_int128 *amount = table->amount + year * table->n;
		double		total = 0;

		for (int i = 0; i < table->n; i++)
			total += (double) amount[i];
		if (total == 0)
			continue;
		if (used > 0)
		{
			reference	ref;

			reference_models(table, candidate->all_years ? before : last, before, &ref);
			for (int i = 0; i < table->n; i++)
			{
				double		off = reference_mixture(&ref, candidate->factor, i) -
					(double) amount[i] / total;

				error += off < 0 ? -off : off;
			}
		}
		for (int i = 0; i < table->n; i++)
		{
			before[i] += (int64_t) amount[i];
			last[i] = (int64_t) amount[i];
		}
		used++;
	}
	return used > 1 ? error / (used - 1) : -1;
}

static bool
near(double a, double b, double tolerance)
{
	return a - b < tolerance && b - a < tolerance;
}

static void
test_random(void)
{
	static test_table table;
	static ts_shrink_result result;
	static ts_shrink_result other;
	static test_table shuffled;
	bool		statuses = true;
	bool		simplex = true;
	bool		errors = true;
	bool		chosen = true;
	bool		weights = true;
	bool		zeros = true;
	bool		stable = true;
	int			fitted = 0;

	for (int round = 0; round < TABLES; round++)
	{
		ts_int128	weight[MAX_CELLS];
		ts_int128	weight2[MAX_CELLS];
		ts_int128	share[MAX_CELLS * TS_SHRINK_MODELS];
		int64_t		all[MAX_CELLS] = {0};
		int64_t		last[MAX_CELLS] = {0};
		int			order[MAX_CELLS];
		int			used = 0;
		double		whole = 0;
		double		least;
		double		plain;
		ts_status	status;
		reference	ref;

		random_table(&table);
		for (int year = 0; year < table.n_years; year++)
		{
			int64_t		total = 0;

			for (int i = 0; i < table.n; i++)
				total += (int64_t) table.amount[year * table.n + i];
			for (int i = 0; i < table.n && total > 0; i++)
			{
				last[i] = (int64_t) table.amount[year * table.n + i];
				all[i] += last[i];
			}
			used += total > 0;
		}
		status = run(&table, NULL, weight, share, &result);
		statuses = statuses && status == (used > 0 ? TS_OK : TS_ALL_ZERO);
		if (status != TS_OK)
			continue;
		statuses = statuses && result.n_used == used && result.n_tested == used - 1;
		if (used > 1)
			fitted++;

		/* candidates: in the simplex, no two the same, errors by the reference */
		for (int i = 0; i < result.n_candidates; i++)
		{
			const ts_shrink_candidate *c = &result.candidate[i];
			double		error;

			simplex = simplex && c->factor[0] >= 0 && c->factor[1] >= 0 && c->factor[2] >= 0 &&
				c->factor[0] + c->factor[1] + c->factor[2] == TS_SHRINK_WHOLE &&
				(!c->all_years || used > 2);
			for (int j = 0; j < i; j++)
				simplex = simplex &&
					(c->all_years != result.candidate[j].all_years ||
					 memcmp(c->factor, result.candidate[j].factor, sizeof(c->factor)) != 0);
			if (round % 8 != 0)
				continue;
			error = reference_error(&table, c);
			errors = errors && (used > 1 ? near((double) c->error, error * 1e6, 1.01) : c->error == -1);
		}

		/* the choice */
		least = reference_error(&table, &result.best);
		plain = reference_error(&table, &result.plain);
		chosen = chosen && result.plain.factor[0] == TS_SHRINK_WHOLE && !result.plain.all_years;
		for (int i = 0; i < result.n_candidates && used > 1; i++)
			chosen = chosen && result.best.error <= result.candidate[i].error;
		if (used > 1 && !near(least, plain * 0.99, 1e-9))
			chosen = chosen &&
				same_candidate(&result.chosen, least < plain * 0.99 ? &result.best : &result.plain) &&
				result.kept_plain == (!same_candidate(&result.chosen, &result.best));
		if (used == 1)
			chosen = chosen && result.n_candidates == 1 &&
				same_candidate(&result.chosen, &result.plain);

		/* the weights */
		reference_models(&table, result.chosen.all_years ? all : last, all, &ref);
		for (int i = 0; i < table.n; i++)
			whole += (double) weight[i];
		for (int i = 0; i < table.n; i++)
		{
			weights = weights && weight[i] >= 0 &&
				near((double) weight[i] / whole,
					 reference_mixture(&ref, result.chosen.factor, i), 1e-12);
			for (int model = 0; model < TS_SHRINK_MODELS; model++)
				weights = weights &&
					near((double) share[i * TS_SHRINK_MODELS + model] / (double) TS_SHRINK_ONE,
						 ref.share[model][i], 1e-12);
			if (result.chosen.factor[0] == TS_SHRINK_WHOLE)
				weights = weights && weight[i] == (result.chosen.all_years ? all[i] : last[i]);
			if (table.keep_zeros && all[i] == 0)
				zeros = zeros && weight[i] == 0;
			if (result.chosen.factor[0] > 0 && last[i] > 0)
				zeros = zeros && weight[i] > 0;
		}

		/* the same cells in another order */
		shuffled = table;
		for (int i = 0; i < table.n; i++)
		{
			int			place = (int) random_below((uint64_t) i + 1);

			order[i] = order[place];
			order[place] = i;
		}
		for (int i = 0; i < table.n; i++)
		{
			memcpy(&shuffled.keys[i * table.n_axes], &table.keys[order[i] * table.n_axes],
				   sizeof(int32_t) * (size_t) table.n_axes);
			for (int year = 0; year < table.n_years; year++)
				shuffled.amount[year * table.n + i] = table.amount[year * table.n + order[i]];
		}
		stable = stable && run(&shuffled, NULL, weight2, NULL, &other) == TS_OK &&
			same_result(&other, &result);
		for (int i = 0; i < table.n; i++)
			stable = stable && weight2[i] == weight[order[i]];
	}
	report(fitted > TABLES / 2, "most of the tables have years to hold back");
	report(statuses, "statuses, years used and years held back");
	report(simplex, "factors are in the simplex, windows were tried, no candidate twice");
	report(errors, "errors of all candidates equal the reference");
	report(chosen, "the best is chosen, if better than plain history by 1 %");
	report(weights, "weights and shares equal the reference");
	report(zeros, "zeros stay zero where wanted, what was sold last year has a weight");
	report(stable, "the order of the cells changes nothing");
}

/* ------------------------------------------------------------ properties */

/* amounts that are products: every model is the joint */
static void
test_independent(void)
{
	static const int size[3] = {3, 4, 3};
	static const int factor[3][4] = {{5, 3, 2, 0}, {1, 7, 2, 4}, {9, 1, 3, 0}};
	test_table	table = {0};
	ts_shrink_candidate given = {false, {0, 0, TS_SHRINK_WHOLE}, 0};
	ts_shrink_result result;
	ts_int128	weight[MAX_CELLS];
	ts_int128	sum = 0;
	bool		ok;

	fill_keys(&table, 3, size);
	table.is_time[2] = true;
	table.n_years = 1;
	for (int i = 0; i < table.n; i++)
	{
		table.amount[i] = (ts_int128) factor[0][i / 12] * factor[1][i / 3 % 4] * factor[2][i % 3];
		sum += table.amount[i];
	}
	ok = run(&table, &given, weight, NULL, &result) == TS_OK;
	for (int i = 0; i < table.n; i++)
	{
		double		exact = (double) table.amount[i] / (double) sum * TS_SHRINK_WHOLE;

		ok = ok && near((double) weight[i] / (double) TS_SHRINK_ONE, exact, 1e-14);
	}
	report(ok, "independent amounts: the product is the joint");
}

/* one axis: there is nothing to multiply, only the window is chosen */
static void
test_one_axis(void)
{
	static const int amounts[3][3] = {{10, 20, 30}, {30, 20, 10}, {10, 20, 30}};
	static const int size[1] = {3};
	test_table	table = {0};
	ts_shrink_candidate given = {false, {5, 0, 5}, 0};
	ts_shrink_result result;
	ts_int128	weight[MAX_CELLS];
	bool		ok;

	fill_keys(&table, 1, size);
	table.n_years = 3;
	for (int i = 0; i < 9; i++)
		table.amount[i] = amounts[i / 3][i % 3];
	ok = run(&table, NULL, weight, NULL, &result) == TS_OK && result.n_candidates == 2 &&
		result.chosen.all_years && result.n_tested == 2;

	/* 2021 from 2020: 2/3; 2022 from 2021: 2/3, from both: 1/3 */
	ok = ok && result.candidate[0].error == 666666 && result.candidate[1].error == 500000;
	ok = ok && weight[0] == 50 && weight[1] == 60 && weight[2] == 70;
	report(ok, "one axis: joint shares, the window is chosen");

	for (int i = 0; i < 9; i++)
		table.amount[i] = amounts[0][i % 3];
	report(run(&table, NULL, weight, NULL, &result) == TS_OK && !result.best.all_years &&
		   result.best.error == 0 && result.candidate[1].error == 0,
		   "of candidates with the same error the one nearer to plain history");
	report(run(&table, &given, weight, NULL, &result) == TS_TOO_LARGE,
		   "one axis: a factor for a product is refused");
}

/*
 * Noise around a product: the product is found.  The same interaction every
 * year: the joint is.
 */
static void
test_extremes(void)
{
	static const int size[2] = {8, 8};
	test_table	table = {0};
	ts_shrink_result result;
	ts_int128	weight[MAX_CELLS];
	bool		ok;

	fill_keys(&table, 2, size);
	table.is_time[1] = true;
	table.n_years = 4;
	for (int i = 0; i < 4 * table.n; i++)
		table.amount[i] = 100 + (ts_int128) random_below(200);
	ok = run(&table, NULL, weight, NULL, &result) == TS_OK &&
		result.chosen.all_years && result.chosen.factor[TS_SHRINK_PRODUCT] >= 7;
	report(ok, "noise alone: the product, of all years");

	for (int i = 0; i < 4 * table.n; i++)
		table.amount[i] = i % table.n / 8 == i % 8 ? 1000 + (ts_int128) random_below(10) : 100;
	ok = run(&table, NULL, weight, NULL, &result) == TS_OK &&
		result.chosen.factor[TS_SHRINK_JOINT] >= 9;
	report(ok, "the same interaction every year: the joint");
}

/* two years: the window of all was not tried, hence not taken */
static void
test_few_years(void)
{
	static const int size[2] = {2, 2};
	static const int amounts[8] = {4, 0, 0, 4, 0, 6, 2, 0};
	test_table	table = {0};
	ts_shrink_result result;
	ts_int128	weight[MAX_CELLS];
	bool		ok;

	fill_keys(&table, 2, size);
	table.n_years = 2;
	for (int i = 0; i < 8; i++)
		table.amount[i] = amounts[i];
	ok = run(&table, NULL, weight, NULL, &result) == TS_OK && result.n_tested == 1 &&
		!result.chosen.all_years && result.chosen.factor[TS_SHRINK_PRODUCT] == TS_SHRINK_WHOLE &&
		result.plain.error == 2000000 && result.chosen.error == 1000000;
	/* rows 6 and 2, columns 2 and 6, of 8 */
	ok = ok && near((double) weight[0] * 6.4, (double) TS_SHRINK_ONE * 12, 1e13) && weight[0] == weight[3];
	report(ok, "two years: the last year's shares, the factors from the first");

	table.n_years = 1;
	ok = run(&table, NULL, weight, NULL, &result) == TS_OK && result.n_tested == 0 &&
		result.chosen.error == -1 && weight[0] == 4 && weight[1] == 0 && weight[3] == 4;
	report(ok, "one year: plain history, and it says so");
}

/* ---------------------------------------------------------------- limits */

static void
test_limits(void)
{
	static const int size[2] = {2, 3};
	test_table	table = {0};
	ts_shrink_candidate given = {false, {4, 0, 5}, 0};
	ts_shrink_result result;
	ts_int128	weight[MAX_CELLS];
	ts_int128	limit = (ts_int128) UINT64_C(100000000000000) * UINT64_C(100000000000000);
	bool		ok;

	fill_keys(&table, 2, size);
	table.n_years = 2;
	report(run(&table, NULL, weight, NULL, &result) == TS_ALL_ZERO, "no amounts at all");
	table.amount[7] = -1;
	report(run(&table, NULL, weight, NULL, &result) == TS_NEGATIVE_WEIGHT, "a negative amount");
	table.amount[7] = 1;
	report(run(&table, &given, weight, NULL, &result) == TS_TOO_LARGE,
		   "given factors that do not add up");

	for (int i = 0; i < 12; i++)
		table.amount[i] = ((ts_int128) 1 << 126) / 12 + (ts_int128) random_below(1000) *
			((ts_int128) 1 << 100);
	given.factor[0] = 5;
	ok = run(&table, &given, weight, NULL, &result) == TS_OK;
	for (int i = 0; i < 6; i++)
		ok = ok && weight[i] > 0 && weight[i] < limit;
	given.factor[0] = TS_SHRINK_WHOLE;
	given.factor[2] = 0;
	ok = ok && run(&table, &given, weight, NULL, &result) == TS_OK;
	for (int i = 0; i < 6; i++)
		ok = ok && weight[i] > 0 && weight[i] < limit;
	report(ok, "amounts near the limit: weights of at most 28 digits");

	for (int i = 0; i < 12; i++)
		table.amount[i] = (ts_int128) 1 << 124;
	report(run(&table, NULL, weight, NULL, &result) == TS_TOO_LARGE, "amounts beyond the limit");
	table.n_axes = 0;
	report(ts_shrink_work(1, 0) == 0 && run(&table, NULL, weight, NULL, &result) == TS_TOO_LARGE,
		   "no axes");
}

/* many cells, many axes with small shares */
static void
test_large(void)
{
	size_t		n = 300000;
	int			n_axes = 6;
	int32_t    *keys = malloc(n * (size_t) n_axes * sizeof(*keys));
	ts_int128  *amount = malloc(3 * n * sizeof(*amount));
	ts_int128  *weight = malloc(n * sizeof(*weight));
	void	   *work = malloc(ts_shrink_work(n, n_axes));
	bool		is_time[6] = {false, false, false, false, false, true};
	ts_shrink_input input = {0};
	ts_shrink_result result;
	ts_int128	sum = 0;
	bool		ok;

	for (size_t i = 0; i < n; i++)
	{
		for (int axis = 0; axis < n_axes; axis++)
			keys[i * (size_t) n_axes + (size_t) axis] = (int32_t) (i * (size_t) (axis + 1) % (n - (size_t) axis));
		for (size_t year = 0; year < 3; year++)
			amount[year * n + i] = 1 + (ts_int128) random_below(1000);
	}
	input.n = n;
	input.n_axes = n_axes;
	input.keys = keys;
	input.is_time = is_time;
	input.n_years = 3;
	input.amount = amount;
	ok = ts_shrink(&input, weight, NULL, &result, work) == TS_OK;
	for (size_t i = 0; i < n; i++)
	{
		ok = ok && weight[i] > 0;
		sum += weight[i];
	}
	report(ok && sum > 0, "300,000 cells, six axes with as many keys: no share is lost");
	free(keys);
	free(amount);
	free(weight);
	free(work);
}

/*
 * Products that are far below the product of the largest margins keep their
 * digits: on each of eight axes 200 cells have the first key, and have keys of
 * their own on all others
 */
static void
test_digits(void)
{
	enum
	{
		axes = 8, per_axis = 200, cells = axes * per_axis
	};
	static int32_t keys[cells * axes];
	static ts_int128 amount[cells];
	static ts_int128 weight[cells];
	static double expected[cells];
	bool		is_time[axes] = {false};
	double		first[axes] = {0};
	double		sum = 0;
	void	   *work = malloc(ts_shrink_work(cells, axes));
	ts_shrink_candidate given = {false, {0, 0, TS_SHRINK_WHOLE}, 0};
	ts_shrink_input input = {0};
	ts_shrink_result result;
	bool		ok;

	for (int i = 0; i < cells; i++)
	{
		for (int axis = 0; axis < axes; axis++)
			keys[i * axes + axis] = i / per_axis == axis ? -1 : i;
		amount[i] = 1000 + (ts_int128) random_below(1000);
		first[i / per_axis] += (double) amount[i];
	}
	for (int i = 0; i < cells; i++)
	{
		expected[i] = first[i / per_axis] / 1e6;
		for (int axis = 1; axis < axes; axis++)
			expected[i] *= (double) amount[i] / 1e3;
		sum += expected[i];
	}
	input.n = cells;
	input.n_axes = axes;
	input.keys = keys;
	input.is_time = is_time;
	input.n_years = 1;
	input.amount = amount;
	input.given = &given;
	ok = ts_shrink(&input, weight, NULL, &result, work) == TS_OK;
	for (int i = 0; i < cells; i++)
		ok = ok && near((double) weight[i] / (double) TS_SHRINK_ONE / TS_SHRINK_WHOLE / (expected[i] / sum),
						1, 1e-12);
	report(ok, "eight axes, margins that never meet: no digits are lost");
	free(work);
}

int
main(void)
{
	seed = 20240531;
	test_digits();
	test_independent();
	test_one_axis();
	test_extremes();
	test_few_years();
	test_limits();
	test_random();
	test_large();
	return finish();
}
