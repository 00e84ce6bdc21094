/*-------------------------------------------------------------------------
 *
 * denton.c
 *	  Temporal disaggregation: totals of buckets (years, quarters) spread over
 *	  their periods (months) so that there is no step where two buckets meet.
 *
 * Glossary (see also units.h)
 *	  indicator		z, what the periods are known to move like
 *	  value			x, what a period gets, in units, not yet rounded
 *	  ratio			b: x = z * b (proportional) or x = z + b (additive)
 *	  weight		w, what a ratio counts in its bucket's total: z, or 1
 *	  live			takes part: its indicator is not below 0, nor 0 where the
 *					variant is proportional (x is 0 there whatever b is)
 *	  free			a bucket without a total: its periods follow the others
 *	  fixed			a period whose value is given, of its bucket's total
 *	  rest			what fixed periods leave of their bucket's total
 *	  pool			buckets that share a total, because others lie between them
 *	  held			a live period whose ratio is known: it is fixed, or its value
 *					is kept at 0, because it would have another sign than the
 *					rest otherwise
 *	  multiplier	of a bucket: by how much the sum of squares below grows
 *					with what w * b must add up to
 *	  step			the difference between the ratios of two neighbours
 *
 * Method
 *	  F. T. Denton, "Adjustment of monthly or quarterly series to annual
 *	  totals", J. Am. Stat. Assoc. 66 (1971), with the start of P. A. Cholette,
 *	  "Adjusting sub-annual series to yearly benchmarks", Survey Methodology 10
 *	  (1984), which lets the first ratio be what it will: the sum of the squared
 *	  first (or second) differences of b is least, subject to the totals.
 *
 *	  First differences.  With f the steps, the least sum has
 *	  f(before t) - f(after t) = multiplier * w(t).  So within a bucket that
 *	  steps F lead into and G lead out of, the step after a period is
 *	  F * (1 - p) + G * p, where p is the share of the bucket's weight up to
 *	  that period; and its weighted mean ratio is known from the total.  Hence
 *	  the first and the last ratio of a bucket are linear in F and G, and all
 *	  that is to be solved is one tridiagonal system, symmetric and positive
 *	  definite, with an unknown for each place where two buckets meet.  Held
 *	  periods cut a bucket into runs; ratios at both ends of a run between
 *	  them are known, so its sum is linear in the bucket's multiplier alone, and
 *	  the system stays as it is.  Time is linear in the number of periods
 *	  whatever the sizes of the buckets are, and no digit is lost in a long one.
 *
 *	  Fixed periods are held ones of another value: the chain of ratios goes
 *	  through theirs, and the periods before and behind it share one
 *	  multiplier, as they share the rest of the total.
 *
 *	  Pools.  What each bucket of a pool has of the total is found by conjugate
 *	  gradients: the sum of squares, with all else at its best, is a quadratic
 *	  function of these parts, whose gradient are the multipliers, and where
 *	  it is least they are the same throughout a pool.  Each step solves the system
 *	  above once; with a pool of k buckets k - 1 steps would do without rounding.
 *
 *	  Second differences.  The symmetric system of ratios and multipliers, a
 *	  bucket's multiplier right after its last ratio, is eliminated in that
 *	  order.  Each ratio has two ratios and one multiplier to its right that it
 *	  is coupled with, so this is linear as well.  No pivot is 0: each ratio
 *	  but the last two has a square of its own, and a multiplier comes after
 *	  ratios that it is coupled with.  Those at the end are solved together
 *	  with row exchanges.  Where fewer than two buckets with live periods have
 *	  a total, a straight line is not determined, and first differences are used.
 *
 *	  Signs.  An active set: periods with the wrong sign are held, held ones
 *	  that pull to the right side (their own multiplier) are let go, and the
 *	  system is solved anew, until neither happens: then the conditions of
 *	  Karush, Kuhn and Tucker hold.  All are exchanged at once, and after some
 *	  rounds that did not make them fewer one at a time (J. J. Judice and F. M.
 *	  Pires, "A block principal pivoting algorithm for large-scale strictly
 *	  monotone linear complementarity problems", Computers & Operations
 *	  Research 21 (1994)).  Where that has not come to an end after
 *	  MAX_EXCHANGES systems, no period is let go any more until all signs are
 *	  kept, and from there on the sum of squares only falls: a primal active
 *	  set, which ends since no set of held periods comes twice.  It may take
 *	  long, so after MAX_SOLVES systems the values are taken as they are: signs
 *	  and totals are right, and the report says that they are not the best.
 *	  A bucket whose rest is not 0 never has all its periods held, for some
 *	  value has the sign of the rest.
 *
 *	  Units.  Values of a bucket become whole weights, and the rest is shared
 *	  by these as apportion does: each period gets the floor or the ceiling of
 *	  its exact share.  Periods of a free bucket are rounded one by one.
 *
 * Limits
 *	  Doubles, in a fixed order and without fused operations (the file must be
 *	  compiled with -ffp-contract=off), so that results are the same everywhere.
 *	  Values are good to about 14 digits; with second differences to 12 in
 *	  buckets of a year's days, and to fewer in longer ones.
 *
 *-------------------------------------------------------------------------
 */
#include "engine/denton.h"

#include <math.h>
#include <string.h>

/* periods between two calls of the caller's check function, less one */
#define CHECK_MASK		((size_t) 0x1fff)

/* systems solved at most while periods are exchanged, and in all */
#define MAX_EXCHANGES	60
#define MAX_SOLVES		1000

/* rounds that may pass without fewer exchanges before they come one by one */
#define PATIENCE		3

/* what counts as 0, by the largest ratio */
#define TOLERANCE		1e-11

/* what may be missing of the parts of pools, by the largest ratio; attempts at it */
#define POOL_TOLERANCE	1e-13
#define POOL_ROUNDS		3

/* bits of the largest weight in a bucket */
#define WEIGHT_BITS		62

typedef enum period_state
{
	LIVE_OPEN,
	LIVE_HELD,
	LIVE_FIXED					/* held for good: it is fixed, or its bucket's rest
								 * is 0 */
} period_state;

/* what is kept of an eliminated unknown: its coupling, its right-hand side */
typedef struct eliminated
{
	double		next[3];		/* ratio + 1, ratio + 2, the multiplier */
	double		rest;
} eliminated;

typedef struct problem
{
	const ts_denton_input *input;
	size_t		n;				/* live periods */
	double	   *weight;			/* by live period */
	double	   *ratio;
	double	   *bound;			/* ratio at which the value is 0, or the fixed one;
								 * NULL: 0 */
	double	   *good;			/* ratios that keep all signs, see improve */
	uint8_t    *state;			/* period_state */
	size_t		n_buckets;
	size_t	   *end;			/* by bucket, in live periods */
	double	   *sum;			/* what w * b must add up to */
	double	   *multiplier;
	int8_t	   *sign;			/* of its values; 0 if there is none to keep */
	bool		second;
	/* by place where two buckets meet: the tridiagonal system */
	double	   *diagonal;
	double	   *beside;
	double	   *step;
	/* by bucket, with pools only; see solve_pools */
	double	   *whole;			/* of the pool that begins here */
	double	   *size;
	double	   *part;
	double	   *pull;
	double	   *way;
	/* second differences only */
	eliminated *by_period;
	eliminated *by_bucket;
} problem;

/*
 * A bucket as those beside it see it, with steps F and G leading in and out:
 *	  ratio of its first period = first - in * F - through * G
 *	  ratio of its last period = last + through * F + out * G
 */
typedef struct bucket_ends
{
	double		in;
	double		through;
	double		out;
	double		first;
	double		last;
	double		weight;			/* of all periods */
	bool		has_held;
	size_t		first_held;
	size_t		last_held;
	/* where there are held ones: multiplier = own + by_in * F - by_out * G */
	double		own;
	double		by_in;
	double		by_out;
} bucket_ends;

static inline void
check_now(const problem *p, size_t i)
{
	if ((i & CHECK_MASK) == CHECK_MASK && p->input->check != NULL)
		p->input->check();
}

static inline size_t
bucket_start(const problem *p, size_t bucket)
{
	return bucket == 0 ? 0 : p->end[bucket - 1];
}

static inline double
bound_of(const problem *p, size_t t)
{
	return p->bound != NULL ? p->bound[t] : 0;
}

static inline bool
is_held(const problem *p, size_t t)
{
	return p->state[t] != LIVE_OPEN;
}

/* ------------------------------------------------- first differences */

/*
 * A run of open periods between two held ones, or between neighbours that are
 * held: moments of the running sums of its weights
 *
 * Returns the next held period.  *mean is over the sums from 0 to *weight,
 * *spread the sum of the squared distances from it.
 */
static size_t
measure_run(const problem *p, size_t held, double *weight, double *mean,
			double *spread)
{
	size_t		next;
	size_t		t;
	double		sum = 0;
	double		sums = 0;

	for (next = held + 1; !is_held(p, next); next++)
	{
		sum += p->weight[next];
		sums += sum;
	}
	*weight = sum;
	*mean = sums / (double) (next - held);
	*spread = *mean * *mean;
	sum = 0;
	for (t = held + 1; t < next; t++)
	{
		sum += p->weight[t];
		*spread += (sum - *mean) * (sum - *mean);
	}
	return next;
}

/*
 * The same where some periods are held.  What lies left of the first held one
 * depends on F and the multiplier, what lies right of the last on G and the
 * multiplier, and all between on the multiplier.
 */
static void
describe_held(const problem *p, size_t bucket, bucket_ends *e)
{
	double		left = 0;		/* sums of running sums of weights */
	double		right = 0;
	double		squares = 0;
	double		sum;
	double		known;			/* part of the total that is settled */
	size_t		t;

	sum = 0;
	for (t = bucket_start(p, bucket); t < e->first_held; t++)
	{
		sum += p->weight[t];
		left += sum;
		squares += sum * sum;
	}
	e->in = (double) (e->first_held - bucket_start(p, bucket));
	known = sum * bound_of(p, e->first_held);

	for (t = e->first_held; t < e->last_held;)
	{
		double		weight;
		double		mean;
		double		spread;
		size_t		next = measure_run(p, t, &weight, &mean, &spread);

		known += (weight + p->weight[t]) * bound_of(p, t) +
			(bound_of(p, next) - bound_of(p, t)) * (weight - mean);
		squares += spread;
		t = next;
	}

	sum = 0;
	for (t = p->end[bucket] - 1; t > e->last_held; t--)
	{
		sum += p->weight[t];
		right += sum;
		squares += sum * sum;
	}
	e->out = (double) (p->end[bucket] - 1 - e->last_held);
	known += (sum + p->weight[e->last_held]) * bound_of(p, e->last_held);

	e->first = bound_of(p, e->first_held);
	e->last = bound_of(p, e->last_held);
	if (!p->input->is_free[bucket] && squares > 0)
	{
		e->own = (p->sum[bucket] - known) / squares;
		e->by_in = left / squares;
		e->by_out = right / squares;
		e->in -= left * e->by_in;
		e->out -= right * e->by_out;
		e->through = left * e->by_out;
		e->first += left * e->own;
		e->last += right * e->own;
	}
}

/*
 * How a bucket that has live periods meets those beside it; false if it only
 * passes the step on: it is free, and no period is held
 */
static bool
describe_bucket(const problem *p, size_t bucket, bucket_ends *e)
{
	size_t		start = bucket_start(p, bucket);
	size_t		end = p->end[bucket];
	double		sum = 0;
	size_t		t;

	memset(e, 0, sizeof(*e));
	for (t = start; t < end; t++)
	{
		check_now(p, t);
		e->weight += p->weight[t];
		if (is_held(p, t))
		{
			if (!e->has_held)
				e->first_held = t;
			e->has_held = true;
			e->last_held = t;
		}
	}
	if (e->has_held)
	{
		describe_held(p, bucket, e);
		return true;
	}
	if (p->input->is_free[bucket])
		return false;

	e->first = e->last = p->sum[bucket] / e->weight;
	for (t = start; t + 1 < end; t++)
	{
		double		before;

		sum += p->weight[t];
		before = sum / e->weight;
		e->in += (1 - before) * (1 - before);
		e->through += before * (1 - before);
		e->out += before * before;
	}
	return true;
}

/*
 * The ratios of a bucket, and its multiplier, once the steps into it and out
 * of it are known
 */
static void
fill_bucket(problem *p, size_t bucket, const bucket_ends *e, double in,
			double out)
{
	size_t		start = bucket_start(p, bucket);
	size_t		end = p->end[bucket];
	double		ratio = e->first - e->in * in - e->through * out;
	double		multiplier;
	double		step = in;
	double		sum = 0;
	size_t		t;

	if (!e->has_held)
	{
		p->multiplier[bucket] = (in - out) / e->weight;
		for (t = start; t < end; t++)
		{
			check_now(p, t);
			p->ratio[t] = ratio;
			sum += p->weight[t];
			ratio += in * (1 - sum / e->weight) + out * (sum / e->weight);
		}
		return;
	}

	multiplier = e->own + e->by_in * in - e->by_out * out;
	p->multiplier[bucket] = multiplier;
	for (t = e->last_held + 1; t < end; t++)
		sum += p->weight[t];
	for (t = start; t < end; t++)
	{
		check_now(p, t);
		if (!is_held(p, t))
		{
			p->ratio[t] = ratio;
			step -= multiplier * p->weight[t];
			ratio += step;
			continue;
		}
		if (t == e->last_held)
			step = out + multiplier * sum;
		else
		{
			double		weight;
			double		mean;
			double		spread;
			size_t		next = measure_run(p, t, &weight, &mean, &spread);

			step = (bound_of(p, next) - bound_of(p, t)) / (double) (next - t) +
				multiplier * mean;
		}
		p->ratio[t] = bound_of(p, t);
		ratio = p->ratio[t] + step;
	}
}

static void
solve_first(problem *p)
{
	bucket_ends e;
	size_t		n = 0;			/* buckets that do more than pass a step on */
	size_t		bucket;
	size_t		start;
	size_t		t;
	double		last = 0;
	double		out = 0;
	double		steps = 1;		/* from the last of these on */

	for (bucket = 0; bucket < p->n_buckets; bucket++)
	{
		start = bucket_start(p, bucket);
		p->multiplier[bucket] = 0;
		if (p->end[bucket] == start)
			continue;
		if (!describe_bucket(p, bucket, &e))
		{
			steps += (double) (p->end[bucket] - start);
			continue;
		}
		if (n > 0)
		{
			p->diagonal[n - 1] = steps + out + e.in;
			p->step[n - 1] = e.first - last;
		}
		p->beside[n] = e.through;
		out = e.out;
		last = e.last;
		steps = 1;
		n++;
	}

	/* beside[i] couples the steps into and out of the bucket i */
	for (t = 1; t + 1 < n; t++)
	{
		double		factor = p->beside[t] / p->diagonal[t - 1];

		p->diagonal[t] -= factor * p->beside[t];
		p->step[t] -= factor * p->step[t - 1];
	}
	for (t = n > 0 ? n - 1 : 0; t-- > 0;)
	{
		if (t + 2 < n)
			p->step[t] -= p->beside[t + 1] * p->step[t + 1];
		p->step[t] /= p->diagonal[t];
	}

	out = 0;
	t = 0;						/* place behind the last such bucket */
	for (bucket = 0; bucket < p->n_buckets; bucket++)
	{
		size_t		i;

		start = bucket_start(p, bucket);
		if (p->end[bucket] == start)
			continue;
		if (describe_bucket(p, bucket, &e))
		{
			double		in = out;

			out = t + 1 < n ? p->step[t] : 0;
			fill_bucket(p, bucket, &e, in, out);
			for (i = start; t == 0 && i-- > 0;)
				p->ratio[i] = p->ratio[start];
			t++;
		}
		else
		{
			for (i = start; i < p->end[bucket]; i++)
				p->ratio[i] = i > 0 ? p->ratio[i - 1] + out : 0;
		}
	}
}

/* ----------------------------------------------------------------- pools */

static inline size_t
pool_of(const ts_denton_input *input, size_t bucket)
{
	return input->pool != NULL ? input->pool[bucket] : bucket;
}

/* the next bucket of the same pool, n_buckets: none */
static inline size_t
next_of_pool(const ts_denton_input *input, size_t bucket)
{
	return input->pool != NULL && input->next[bucket] != 0 ? input->next[bucket] :
		input->n_buckets;
}

/* is it the first one of a pool of several? */
static inline bool
is_pool(const ts_denton_input *input, size_t bucket)
{
	return pool_of(input, bucket) == bucket &&
		next_of_pool(input, bucket) < input->n_buckets;
}

/*
 * Parts of a pool's total that go with what is held and add up: a bucket without
 * open periods has what these have, the others share what is missing
 *
 * size is how freely a part moves, about the inverse of its second derivative;
 * 0 where it does not.
 */
static void
place_parts(problem *p, size_t pool)
{
	double		off = p->whole[pool];
	double		open = 0;
	size_t		k;
	size_t		t;

	for (k = pool; k < p->n_buckets; k = next_of_pool(p->input, k))
	{
		size_t		start = bucket_start(p, k);
		double		weight = 0;
		double		held = 0;
		bool		any = false;

		for (t = start; t < p->end[k]; t++)
		{
			check_now(p, t);
			weight += p->weight[t];
			if (is_held(p, t))
				held += p->weight[t] * bound_of(p, t);
			else
				any = true;
		}
		p->size[k] = any ? weight * weight * (double) (p->end[k] - start) : 0;
		p->part[k] = any ? weight : 0;
		open += p->part[k];
		if (!any)
			p->sum[k] = held;
		off -= p->sum[k];
	}
	for (k = pool; k < p->n_buckets && open > 0; k = next_of_pool(p->input, k))
		p->sum[k] += off * (p->part[k] / open);
}

/*
 * What the multipliers of a pool differ by from their mean, as a change of its
 * parts that adds up to 0; returns the mean
 */
static double
project(const problem *p, size_t pool, double *change)
{
	double		sum = 0;
	double		size = 0;
	size_t		k;

	for (k = pool; k < p->n_buckets; k = next_of_pool(p->input, k))
	{
		sum += p->size[k] * p->multiplier[k];
		size += p->size[k];
	}
	sum = size > 0 ? sum / size : 0;
	for (k = pool; k < p->n_buckets; k = next_of_pool(p->input, k))
		change[k] = p->size[k] * (sum - p->multiplier[k]);
	return sum;
}

/*
 * The multipliers for these parts of pools, where all other totals and all held
 * ratios are 0: the derivative of the multipliers along them
 */
static void
solve_along(problem *p, double *parts)
{
	double	   *sum = p->sum;
	double	   *bound = p->bound;

	p->sum = parts;
	p->bound = NULL;
	solve_first(p);
	p->sum = sum;
	p->bound = bound;
}

/*
 * Preconditioned conjugate gradients over the parts of pools, from where the last
 * solution left them.  pull: minus the gradient, projected and by size; way: the
 * direction; part: scratch.
 */
static void
solve_pools(problem *p)
{
	size_t		n = 0;
	size_t		k;
	size_t		t;
	int			round;

	for (k = 0; k < p->n_buckets; k++)
		n += pool_of(p->input, k) != k;
	for (round = 0;; round++)
	{
		double		scale = 0;
		double		squares = 0;
		double		enough;
		size_t		steps;
		bool		done = true;

		for (k = 0; k < p->n_buckets; k++)
		{
			if (is_pool(p->input, k))
				place_parts(p, k);
		}
		solve_first(p);
		for (t = 0; t < p->n; t++)
		{
			if (fabs(p->ratio[t]) > scale)
				scale = fabs(p->ratio[t]);
		}
		for (k = 0; k < p->n_buckets; k++)
			p->pull[k] = 0;
		for (k = 0; k < p->n_buckets; k++)
		{
			if (is_pool(p->input, k))
				(void) project(p, k, p->pull);
		}
		for (k = 0; k < p->n_buckets; k++)
		{
			p->way[k] = p->pull[k];
			if (p->size[k] > 0)
			{
				squares += p->pull[k] * p->pull[k] / p->size[k];
				done &= p->pull[k] * p->pull[k] <=
					POOL_TOLERANCE * POOL_TOLERANCE * scale * scale * p->size[k];
			}
		}
		if (done || round == POOL_ROUNDS)
			break;

		enough = squares * 1e-30;
		for (steps = 0; steps < n + 10 && squares > 0; steps++)
		{
			double		curve = 0;
			double		length;
			double		left = 0;

			solve_along(p, p->way);
			for (k = 0; k < p->n_buckets; k++)
			{
				if (p->size[k] > 0)
					curve += p->way[k] * p->multiplier[k];
			}
			if (!(curve > 0))
				break;
			length = squares / curve;
			for (k = 0; k < p->n_buckets; k++)
			{
				p->part[k] = 0;
				if (p->size[k] > 0)
					p->sum[k] += length * p->way[k];
			}
			for (k = 0; k < p->n_buckets; k++)
			{
				if (is_pool(p->input, k))
					(void) project(p, k, p->part);
			}
			for (k = 0; k < p->n_buckets; k++)
			{
				if (p->size[k] > 0)
				{
					p->pull[k] += length * p->part[k];
					left += p->pull[k] * p->pull[k] / p->size[k];
				}
			}
			for (k = 0; k < p->n_buckets; k++)
				p->way[k] = p->pull[k] + left / squares * p->way[k];
			squares = left;
			if (squares <= enough)
				break;
		}
	}
	for (k = 0; k < p->n_buckets; k++)
	{
		if (is_pool(p->input, k))
		{
			double		mean = project(p, k, p->part);

			for (t = k; t < p->n_buckets; t = next_of_pool(p->input, t))
				p->multiplier[t] = mean;
		}
	}
}

/* ------------------------------------------------- second differences */

/* does the bucket have a total and an open period? */
static bool
has_multiplier(const problem *p, size_t bucket)
{
	size_t		t;

	if (bucket >= p->n_buckets || p->input->is_free[bucket])
		return false;
	for (t = bucket_start(p, bucket); t < p->end[bucket]; t++)
	{
		if (!is_held(p, t))
			return true;
	}
	return false;
}

/* the next bucket that has live periods */
static size_t
next_bucket(const problem *p, size_t bucket)
{
	do
		bucket++;
	while (bucket < p->n_buckets && p->end[bucket] == p->end[bucket - 1]);
	return bucket;
}

/*
 * Solve four equations; a singular one leaves its unknown 0
 */
static void
solve_four(double matrix[4][4], double right[4])
{
	int			i;
	int			j;
	int			k;

	for (i = 0; i < 4; i++)
	{
		int			pivot = i;

		for (j = i + 1; j < 4; j++)
		{
			if (fabs(matrix[j][i]) > fabs(matrix[pivot][i]))
				pivot = j;
		}
		for (k = 0; k < 4; k++)
		{
			double		swap = matrix[i][k];

			matrix[i][k] = matrix[pivot][k];
			matrix[pivot][k] = swap;
		}
		{
			double		swap = right[i];

			right[i] = right[pivot];
			right[pivot] = swap;
		}
		for (j = i + 1; j < 4 && matrix[i][i] != 0; j++)
		{
			double		factor = matrix[j][i] / matrix[i][i];

			for (k = i; k < 4; k++)
				matrix[j][k] -= factor * matrix[i][k];
			right[j] -= factor * right[i];
		}
	}
	for (i = 3; i >= 0; i--)
	{
		for (k = i + 1; k < 4; k++)
			right[i] -= matrix[i][k] * right[k];
		right[i] = matrix[i][i] != 0 ? right[i] / matrix[i][i] : 0;
	}
}

/*
 * Eliminate unknown number pivot of the front, and note how it depends on the
 * others
 */
static void
eliminate(double front[4][4], double right[4], int pivot, eliminated *note)
{
	int			others[3] = {0};
	int			n = 0;
	int			i;
	int			j;

	for (i = 0; i < 4; i++)
	{
		if (i != pivot && n < 3)
			others[n++] = i;
	}
	note->rest = right[pivot] / front[pivot][pivot];
	for (i = 0; i < 3; i++)
		note->next[i] = front[pivot][others[i]] / front[pivot][pivot];
	for (i = 0; i < 3; i++)
	{
		for (j = 0; j < 3; j++)
			front[others[i]][others[j]] -= front[others[i]][pivot] * note->next[j];
		right[others[i]] -= front[others[i]][pivot] * note->rest;
	}
}

/*
 * The front: 0 to 2 are the ratio that is eliminated and the next two, 3 is
 * the multiplier of its bucket
 */
static void
solve_second(problem *p)
{
	static const double square[3] = {1, -2, 1};
	double		front[4][4] = {{0}};
	double		right[4] = {0};
	double		at_end[4][4] = {{0}};
	size_t		bucket;
	size_t		last;
	bool		coupled;
	size_t		t;
	int			i;
	int			j;

	for (bucket = 0; bucket < p->n_buckets; bucket++)
		p->multiplier[bucket] = 0;
	bucket = p->end[0] > 0 ? 0 : next_bucket(p, 0);
	coupled = has_multiplier(p, bucket);
	right[3] = -p->sum[bucket];
	for (t = 0; t + 2 < p->n; t++)
	{
		check_now(p, t);
		for (i = 0; i < 3; i++)
		{
			for (j = 0; j < 3; j++)
				front[i][j] += square[i] * square[j];
		}
		if (coupled)
		{
			front[0][3] -= p->weight[t];
			front[3][0] -= p->weight[t];
		}
		if (is_held(p, t))
		{
			for (i = 1; i < 4; i++)
				right[i] -= front[i][0] * bound_of(p, t);
		}
		else
			eliminate(front, right, 0, &p->by_period[t]);
		/* it must not be met again when the multiplier goes */
		for (i = 0; i < 4; i++)
			front[i][0] = front[0][i] = 0;
		right[0] = 0;
		if (t + 1 == p->end[bucket])
		{
			if (coupled)
				eliminate(front, right, 3, &p->by_bucket[bucket]);
			for (i = 0; i < 4; i++)
				front[i][3] = front[3][i] = 0;
			bucket = next_bucket(p, bucket);
			coupled = has_multiplier(p, bucket);
			right[3] = -p->sum[bucket];
		}
		for (i = 0; i < 4; i++)
		{
			int			from = i < 2 ? i + 1 : i;

			for (j = 0; j < 4; j++)
				at_end[i][j] = i == 2 || j == 2 ? 0 :
					front[from][j < 2 ? j + 1 : j];
		}
		memcpy(front, at_end, sizeof(front));
		right[0] = right[1];
		right[1] = right[2];
		right[2] = 0;
	}

	/* the last two ratios, and the multipliers of their buckets in 3 and 2 */
	memcpy(at_end, front, sizeof(at_end));
	last = bucket;
	for (i = 0; i < 2; i++)
	{
		int			row = last == bucket ? 3 : 2;

		if (has_multiplier(p, last))
		{
			at_end[i][row] -= p->weight[t + (size_t) i];
			at_end[row][i] -= p->weight[t + (size_t) i];
			right[row] = last == bucket ? right[3] : -p->sum[last];
		}
		if (t + (size_t) i + 1 == p->end[last] && i == 0)
			last = next_bucket(p, last);
	}
	for (i = 0; i < 4; i++)
	{
		if (i < 2 ? is_held(p, t + (size_t) i) :
			!has_multiplier(p, i == 3 ? bucket : last) || (i == 2 && last == bucket))
		{
			for (j = 0; j < 4; j++)
				at_end[i][j] = i == j;
			right[i] = i < 2 ? bound_of(p, t + (size_t) i) : 0;
		}
	}
	solve_four(at_end, right);
	p->ratio[t] = right[0];
	p->ratio[t + 1] = right[1];
	p->multiplier[bucket] = right[3];
	if (last != bucket)
		p->multiplier[last] = right[2];

	while (t-- > 0)
	{
		const eliminated *note = &p->by_period[t];

		check_now(p, t);
		while (t < bucket_start(p, bucket))
		{
			bucket--;
			if (t + 1 == p->end[bucket] && has_multiplier(p, bucket))
			{
				const eliminated *own = &p->by_bucket[bucket];

				/* after the shift, next[0] is of the ratio just eliminated: 0 */
				p->multiplier[bucket] = own->rest - own->next[1] * p->ratio[t + 1] -
					own->next[2] * p->ratio[t + 2];
			}
		}
		if (is_held(p, t))
			p->ratio[t] = bound_of(p, t);
		else
			p->ratio[t] = note->rest - note->next[0] * p->ratio[t + 1] -
				note->next[1] * p->ratio[t + 2] -
				note->next[2] * p->multiplier[bucket];
	}
}

/* ------------------------------------------------------------- signs */

/*
 * How the sum of squares, halved, changes with the ratio of a period
 */
static double
gradient(const problem *p, size_t t)
{
	const double *b = p->ratio;
	double		result = 0;

	if (!p->second)
	{
		if (t > 0)
			result += b[t] - b[t - 1];
		if (t + 1 < p->n)
			result -= b[t + 1] - b[t];
		return result;
	}
	if (t + 2 < p->n)
		result += b[t] - 2 * b[t + 1] + b[t + 2];
	if (t > 0 && t + 1 < p->n)
		result -= 2 * (b[t - 1] - 2 * b[t] + b[t + 1]);
	if (t > 1)
		result += b[t - 2] - 2 * b[t - 1] + b[t];
	return result;
}

/*
 * Is the period to change between open and held?
 */
static inline bool
is_wrong(const problem *p, size_t t, size_t bucket, double tolerance)
{
	double		pull;

	if (p->sign[bucket] == 0 || p->state[t] == LIVE_FIXED)
		return false;
	if (p->state[t] == LIVE_OPEN)
		return p->sign[bucket] * (p->ratio[t] - bound_of(p, t)) < -tolerance;
	pull = gradient(p, t) - p->multiplier[bucket] * p->weight[t];
	return p->sign[bucket] * pull < -tolerance;
}

static size_t
count_wrong(const problem *p, double tolerance, size_t *last)
{
	size_t		count = 0;
	size_t		bucket;
	size_t		t = 0;

	for (bucket = 0; bucket < p->n_buckets; bucket++)
	{
		for (; t < p->end[bucket]; t++)
		{
			check_now(p, t);
			if (is_wrong(p, t, bucket, tolerance))
			{
				count++;
				*last = t;
			}
		}
	}
	return count;
}

/*
 * Change all periods that are wrong, or those only that are to be held; first
 * is where to begin
 */
static size_t
exchange(problem *p, double tolerance, size_t first, bool hold_only)
{
	size_t		count = 0;
	size_t		bucket;
	size_t		t = first;

	for (bucket = 0; bucket < p->n_buckets; bucket++)
	{
		for (; t < p->end[bucket]; t++)
		{
			if (!is_wrong(p, t, bucket, tolerance) ||
				(hold_only && p->state[t] == LIVE_HELD))
				continue;
			p->state[t] = p->state[t] == LIVE_OPEN ? LIVE_HELD : LIVE_OPEN;
			count++;
		}
	}
	return count;
}

static void
solve(problem *p, ts_denton_report *report)
{
	report->solves++;
	if (p->second)
		solve_second(p);
	else if (p->pull != NULL)
		solve_pools(p);
	else
		solve_first(p);
}

/*
 * From ratios that keep all signs to the best ones: a primal active set
 *
 * One held period at a time is let go, the one that pulls most.  On the way
 * from the ratios that are good to those that the system gives then, the first
 * one that would leave its side is held, and so on until none does.  The sum of
 * squares falls with each that is let go, so no set of held ones comes
 * twice.
 */
static void
improve(problem *p, double tolerance, ts_denton_report *report)
{
	for (;;)
	{
		size_t		most = p->n;
		double		pull = tolerance;
		size_t		bucket = 0;
		size_t		t;

		memcpy(p->good, p->ratio, p->n * sizeof(double));
		for (t = 0; t < p->n; t++)
		{
			double		own;

			check_now(p, t);
			while (t >= p->end[bucket])
				bucket++;
			if (p->state[t] != LIVE_HELD || p->sign[bucket] == 0)
				continue;
			own = -p->sign[bucket] * (gradient(p, t) -
									  p->multiplier[bucket] * p->weight[t]);
			if (own > pull)
			{
				pull = own;
				most = t;
			}
		}
		report->optimal = most == p->n;
		if (most == p->n)
			return;
		p->state[most] = LIVE_OPEN;

		do
		{
			double		way = 1;

			if (report->solves >= MAX_SOLVES)
			{
				memcpy(p->ratio, p->good, p->n * sizeof(double));
				return;
			}
			solve(p, report);
			most = p->n;
			bucket = 0;
			for (t = 0; t < p->n; t++)
			{
				double		from = p->good[t] - bound_of(p, t);
				double		to = p->ratio[t] - bound_of(p, t);

				check_now(p, t);
				while (t >= p->end[bucket])
					bucket++;
				if (p->state[t] != LIVE_OPEN ||
					p->sign[bucket] * to >= -tolerance)
					continue;
				if (p->sign[bucket] * from <= 0)
					from = 0;
				if (from / (from - to) < way)
				{
					way = from / (from - to);
					most = t;
				}
			}
			if (most == p->n)
				break;
			for (t = 0; t < p->n; t++)
				p->good[t] += way * (p->ratio[t] - p->good[t]);
			p->state[most] = LIVE_HELD;
			p->good[most] = bound_of(p, most);
		} while (true);
	}
}

static void
solve_with_signs(problem *p, double tolerance, ts_denton_report *report)
{
	size_t		fewest = SIZE_MAX;
	int			patience = PATIENCE;

	for (;;)
	{
		size_t		last = 0;
		size_t		wrong;

		solve(p, report);
		wrong = count_wrong(p, tolerance, &last);
		report->optimal = wrong == 0;
		if (wrong == 0)
			return;
		if (wrong < fewest)
		{
			fewest = wrong;
			patience = PATIENCE;
		}
		else
			patience--;
		if (report->solves >= MAX_EXCHANGES)
		{
			if (exchange(p, tolerance, 0, true) > 0)
				continue;
			improve(p, tolerance, report);
			return;
		}
		exchange(p, tolerance, patience < 0 ? last : 0, false);
	}
}

/* -------------------------------------------------------------- entry */

static inline bool
is_live(const ts_denton_input *input, size_t t)
{
	return input->additive ? input->indicator[t] >= 0 : input->indicator[t] > 0;
}

static inline bool
is_fixed(const ts_denton_input *input, size_t t)
{
	return input->is_fixed != NULL && input->is_fixed[t];
}

/* what fixed periods leave of the total of a bucket's pool, 0 without one */
static ts_int128
rest_of(const ts_denton_input *input, size_t bucket)
{
	size_t		k = pool_of(input, bucket);
	ts_int128	rest = input->total[k];
	size_t		t;

	if (input->is_free[k])
		return 0;
	for (; k < input->n_buckets; k = next_of_pool(input, k))
	{
		for (t = k == 0 ? 0 : input->end[k - 1]; t < input->end[k]; t++)
		{
			if (is_fixed(input, t))
				rest -= input->fixed[t];
		}
	}
	return rest;
}

/* has the pool of a bucket a live period that is not fixed? */
static bool
has_open(const ts_denton_input *input, size_t bucket)
{
	size_t		k;
	size_t		t;

	for (k = pool_of(input, bucket); k < input->n_buckets; k = next_of_pool(input, k))
	{
		for (t = k == 0 ? 0 : input->end[k - 1]; t < input->end[k]; t++)
		{
			if (is_live(input, t) && !is_fixed(input, t))
				return true;
		}
	}
	return false;
}

/*
 * Bytes of work area that ts_denton and ts_denton_units need
 */
size_t
ts_denton_work(const ts_denton_input *input)
{
	size_t		by_period = 4 * sizeof(double) + sizeof(uint8_t);
	size_t		by_bucket = 5 * sizeof(double) + sizeof(size_t) + sizeof(int8_t);

	if (input->pool != NULL)
		by_bucket += 5 * sizeof(double);
	if (input->second)
	{
		by_period += sizeof(eliminated);
		by_bucket += sizeof(eliminated);
	}
	return input->n * by_period + (input->n_buckets + 1) * by_bucket;
}

/* the next count elements of a work area, which stays aligned for doubles */
static void *
take(char **work, size_t count, size_t size)
{
	void	   *result = *work;

	*work += count * size;
	return result;
}

/* The parts of a pool to begin with: as if it had one ratio throughout */
static void
share_total(problem *p, size_t pool)
{
	double		sum = 0;
	double		weight = 0;
	size_t		k;
	size_t		t;

	for (k = pool; k < p->n_buckets; k = next_of_pool(p->input, k))
	{
		sum += p->sum[k];
		p->part[k] = 0;
		for (t = bucket_start(p, k); t < p->end[k]; t++)
			p->part[k] += p->weight[t];
		weight += p->part[k];
	}
	p->whole[pool] = sum;
	for (k = pool; k < p->n_buckets && weight > 0; k = next_of_pool(p->input, k))
		p->sum[k] = sum * (p->part[k] / weight);
}

/*
 * Set up the live periods; TS_ALL_ZERO if what is left of a total has no period
 * to go to
 */
static ts_status
set_up(problem *p, const ts_denton_input *input, char *work,
	   ts_denton_report *report)
{
	double		largest = 0;
	bool		has_negative = false;
	bool		has_positive = false;
	size_t		n_totals = 0;
	size_t		bucket;
	size_t		t = 0;

	memset(p, 0, sizeof(*p));
	p->input = input;
	p->n_buckets = input->n_buckets;
	p->weight = take(&work, input->n, sizeof(double));
	p->ratio = take(&work, input->n, sizeof(double));
	p->good = take(&work, input->n, sizeof(double));
	if (input->additive || input->is_fixed != NULL)
		p->bound = take(&work, input->n, sizeof(double));
	p->sum = take(&work, input->n_buckets + 1, sizeof(double));
	p->multiplier = take(&work, input->n_buckets + 1, sizeof(double));
	p->diagonal = take(&work, input->n_buckets + 1, sizeof(double));
	p->beside = take(&work, input->n_buckets + 1, sizeof(double));
	p->step = take(&work, input->n_buckets + 1, sizeof(double));
	if (input->pool != NULL)
	{
		p->whole = take(&work, input->n_buckets + 1, sizeof(double));
		p->size = take(&work, input->n_buckets + 1, sizeof(double));
		p->part = take(&work, input->n_buckets + 1, sizeof(double));
		p->pull = take(&work, input->n_buckets + 1, sizeof(double));
		p->way = take(&work, input->n_buckets + 1, sizeof(double));
	}
	p->end = take(&work, input->n_buckets + 1, sizeof(size_t));
	if (input->second)
	{
		p->by_period = take(&work, input->n, sizeof(eliminated));
		p->by_bucket = take(&work, input->n_buckets + 1, sizeof(eliminated));
	}
	p->state = take(&work, input->n, sizeof(uint8_t));
	p->sign = take(&work, input->n_buckets + 1, sizeof(int8_t));

	for (t = 0; t < input->n; t++)
	{
		if (input->indicator[t] > largest)
			largest = input->indicator[t];
	}
	for (bucket = 0; bucket < input->n_buckets; bucket++)
	{
		if (input->is_free[bucket])
			continue;
		if (input->total[bucket] < 0)
			has_negative = true;
		if (input->total[bucket] > 0)
			has_positive = true;
	}

	t = 0;
	for (bucket = 0; bucket < input->n_buckets; bucket++)
	{
		bool		is_free = input->is_free[bucket];
		ts_int128	rest = rest_of(input, bucket);
		size_t		start = p->n;
		bool		open = false;
		bool		has_total = !is_free && pool_of(input, bucket) == bucket;
		double		sum = has_total ? (double) input->total[bucket] : 0;
		int			sign = 0;

		if (input->keep_sign && is_free)
			sign = has_negative ? (has_positive ? 0 : -1) : 1;
		else if (input->keep_sign)
			sign = rest < 0 ? -1 : 1;
		for (; t < input->end[bucket]; t++)
		{
			double		value = is_fixed(input, t) ? (double) input->fixed[t] : 0;

			check_now(p, t);
			if (!is_live(input, t))
			{
				sum -= value;
				continue;
			}
			p->weight[p->n] = input->additive ? 1 : input->indicator[t] / largest;
			if (p->bound != NULL)
				p->bound[p->n] = input->additive ? value - input->indicator[t] :
					value / p->weight[p->n];
			if (input->additive)
				sum -= input->indicator[t];
			if (is_fixed(input, t))
				p->state[p->n] = LIVE_FIXED;
			else
			{
				open = true;
				p->state[p->n] = input->keep_sign && !is_free && rest == 0 ?
					LIVE_FIXED : LIVE_OPEN;
			}
			p->n++;
		}
		if (p->n > start && !is_free)
			n_totals++;
		p->sum[bucket] = sum;
		p->sign[bucket] = (int8_t) sign;
		p->end[bucket] = p->n;
		if (p->size != NULL)
			p->size[bucket] = 0;
		if (!open && rest != 0 && (input->pool == NULL || !has_open(input, bucket)))
		{
			report->bucket = bucket;
			return TS_ALL_ZERO;
		}
	}
	for (bucket = 0; bucket < input->n_buckets && p->whole != NULL; bucket++)
	{
		if (is_pool(input, bucket))
			share_total(p, bucket);
	}
	p->sum[input->n_buckets] = 0;
	p->second = input->second && input->pool == NULL && n_totals >= 2 && p->n >= 3;
	return TS_OK;
}

/*
 * The values of all periods, not yet rounded; periods that are not live get 0,
 * or the value that is fixed
 *
 * Where no bucket has a total, there is nothing to follow and all values are 0.
 * work has ts_denton_work bytes, aligned for doubles.  TS_ALL_ZERO: see
 * report->bucket.  TS_TOO_LARGE: indicators so far apart that a ratio is
 * beyond what a double holds.
 */
ts_status
ts_denton(const ts_denton_input *input, double *value,
		  ts_denton_report *report, void *work)
{
	problem		p;
	ts_status	status;
	double		scale = 0;
	size_t		bucket;
	size_t		t;
	size_t		live = 0;

	memset(report, 0, sizeof(*report));
	status = set_up(&p, input, work, report);
	if (status != TS_OK)
		return status;

	for (bucket = 0; bucket < p.n_buckets; bucket++)
	{
		double		weight = 0;

		for (t = bucket_start(&p, bucket); t < p.end[bucket]; t++)
			weight += p.weight[t];
		if (weight > 0 && !input->is_free[bucket] &&
			fabs(p.sum[bucket] / weight) > scale)
			scale = fabs(p.sum[bucket] / weight);
	}
	for (t = 0; p.bound != NULL && t < p.n; t++)
	{
		if (fabs(p.bound[t]) > scale)
			scale = fabs(p.bound[t]);
	}
	if (p.n > 0)
		solve_with_signs(&p, scale * TOLERANCE, report);
	else
		report->optimal = true;

	bucket = 0;
	for (t = 0; t < input->n; t++)
	{
		double		x;

		check_now(&p, t);
		value[t] = is_fixed(input, t) ? (double) input->fixed[t] : 0;
		if (!is_live(input, t))
			continue;
		while (live >= p.end[bucket])
			bucket++;
		x = input->additive ? input->indicator[t] + p.ratio[live] :
			p.weight[live] * p.ratio[live];
		if (!isfinite(x))
			return TS_TOO_LARGE;
		if (!is_held(&p, live) && (p.sign[bucket] == 0 || p.sign[bucket] * x > 0))
			value[t] = x;
		live++;
	}
	return TS_OK;
}

/*
 * A value of a free bucket in units, rounded half away from 0
 */
static ts_status
round_value(double value, ts_int128 *share)
{
	double		size = floor(fabs(value) + 0.5);

	if (!(size < 1e36))
		return TS_TOO_LARGE;
	*share = value < 0 ? -(ts_int128) size : (ts_int128) size;
	return TS_OK;
}

/*
 * Does a period share in what is left to a bucket's pool?  *at follows the periods
 * from bucket to bucket.
 */
static bool
takes_part(const ts_denton_input *input, size_t pool, size_t *at, size_t t)
{
	while (t >= input->end[*at])
		(*at)++;
	return pool_of(input, *at) == pool && !is_fixed(input, t);
}

static size_t
last_of_pool(const ts_denton_input *input, size_t bucket)
{
	size_t		next = next_of_pool(input, bucket);

	while (next < input->n_buckets)
	{
		bucket = next;
		next = next_of_pool(input, bucket);
	}
	return bucket;
}

/*
 * Share what fixed periods leave of the total of one bucket, or of the pool that
 * it is the first of, by the values of the others, all of its sign
 *
 * What lies between the buckets of a pool takes part with a weight of 0; it is
 * shared later.
 */
static ts_status
round_bucket(const ts_denton_input *input, size_t bucket, size_t start,
			 const double *value, ts_int128 *share, void *work)
{
	size_t		last = last_of_pool(input, bucket);
	size_t		n = input->end[last] - start;
	ts_int128	total = rest_of(input, bucket);
	double		largest = 0;
	int			bits = WEIGHT_BITS;
	bool		narrow = total <= INT64_MAX && total >= -INT64_MAX;
	uint64_t   *weight64 = work;
	int64_t    *share64 = (int64_t *) work + n;
	ts_int128  *weight128 = work;
	double		factor;
	ts_status	status;
	ts_cut		cut;
	size_t		k = bucket;
	size_t		i;

	value += start;
	share += start;
	for (i = 0; i < n; i++)
	{
		if (takes_part(input, bucket, &k, start + i) && fabs(value[i]) > largest)
			largest = fabs(value[i]);
	}
	/* an indicator so large that a value is lost in its last digit */
	if (largest == 0 && total != 0)
		return TS_TOO_LARGE;
	/* the sum of the weights must fit 64 bits */
	for (i = 1; narrow && i < n; i *= 2)
		bits--;
	factor = ldexp(1, bits);
	for (i = 0, k = bucket; i < n; i++)
	{
		double		part = takes_part(input, bucket, &k, start + i) && largest > 0 ?
			fabs(value[i]) / largest : 0;
		uint64_t	weight = (uint64_t) (part * factor + 0.5);

		if (narrow)
			weight64[i] = weight;
		else
			weight128[i] = weight;
	}
	if (!narrow)
		status = ts_apportion128(n, weight128, total, NULL, share, &cut, input->check);
	else
		status = ts_apportion64(n, weight64, (int64_t) total, share64, &cut, input->check);
	for (i = 0; i < n && status == TS_OK; i++)
	{
		if (is_fixed(input, start + i))
			share[i] = input->fixed[start + i];
		else if (narrow)
			share[i] = share64[i];
	}
	return status;
}

/*
 * The same values in units: those of a bucket add up to its total
 *
 * For values that ts_denton made, with keep_sign.
 */
ts_status
ts_denton_units(const ts_denton_input *input, const double *value,
				ts_int128 *share, void *work)
{
	ts_status	status = TS_OK;
	size_t		bucket;
	size_t		start = 0;

	for (bucket = 0; bucket < input->n_buckets && status == TS_OK; bucket++)
	{
		size_t		end = input->end[bucket];

		if (!input->is_free[bucket] && pool_of(input, bucket) == bucket)
			status = round_bucket(input, bucket, start, value, share, work);
		else if (input->is_free[bucket])
		{
			for (; start < end && status == TS_OK; start++)
			{
				if (is_fixed(input, start))
					share[start] = input->fixed[start];
				else
					status = round_value(value[start], &share[start]);
			}
		}
		start = end;
	}
	return status;
}
