/*-------------------------------------------------------------------------
 *
 * residual_reference.h
 *	  What engine/residual.h promises, computed from its definition with plain
 *	  divisions, one set of siblings after the other.  For numbers of a few digits;
 *	  the unit test and the fuzz target compare with it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_RESIDUAL_REFERENCE_H
#define TS_RESIDUAL_REFERENCE_H

#include "engine/residual.h"

#define REFERENCE_NODES 64

/* a bound that is none: no share of a test comes near */
#define REFERENCE_FAR	((ts_int128) 1 << 50)

/* a / b, half away from zero, b > 0 */
static ts_int128
half_away(ts_int128 a, ts_int128 b)
{
	ts_int128	size = a < 0 ? -a : a;
	ts_int128	quotient = (2 * size + b) / (2 * b);

	return a < 0 ? -quotient : quotient;
}

static ts_int128
clamp(ts_int128 value, ts_int128 lower, ts_int128 upper)
{
	return value < lower ? lower : value > upper ? upper : value;
}

/* one set of siblings */
typedef struct reference_list
{
	int			n;
	int			node[REFERENCE_NODES];
	ts_int128	weight[REFERENCE_NODES];
	ts_int128	lower[REFERENCE_NODES];
	ts_int128	upper[REFERENCE_NODES];
	bool		named[REFERENCE_NODES];
	ts_int128	numerator[REFERENCE_NODES]; /* exact shares */
	ts_int128	denominator;
	ts_int128	share[REFERENCE_NODES];
} reference_list;

/* q times the sum of the shares at the level p / q */
static ts_int128
sum_at(const reference_list *list, ts_int128 p, ts_int128 q)
{
	ts_int128	sum = 0;

	for (int i = 0; i < list->n; i++)
		sum += clamp(p * list->weight[i], list->lower[i] * q, list->upper[i] * q);
	return sum;
}

/*
 * Exact shares: clamp(level * weight, lower, upper), with the level at which they
 * add up to the amount.  The sum is linear between two neighbours among the
 * breakpoints lower / weight and upper / weight, so the level is found there.
 */
static void
exact_shares(reference_list *list, ts_int128 amount)
{
	ts_int128	p[2] = {0};		/* the breakpoints below and above the level */
	ts_int128	q[2] = {0};		/* 0: there is none */
	ts_int128	rest = amount;
	ts_int128	whole = 0;
	bool		free[REFERENCE_NODES];

	for (int i = 0; i < 2 * list->n; i++)
	{
		ts_int128	a = i % 2 == 0 ? list->lower[i / 2] : list->upper[i / 2];
		ts_int128	b = list->weight[i / 2];
		ts_int128	sum;

		if (b == 0)
			continue;
		sum = sum_at(list, a, b);
		if (sum <= amount * b && (q[0] == 0 || a * q[0] > p[0] * b))
		{
			p[0] = a;
			q[0] = b;
		}
		if (sum >= amount * b && (q[1] == 0 || a * q[1] < p[1] * b))
		{
			p[1] = a;
			q[1] = b;
		}
	}
	/* the level may be a breakpoint, and then others too where the sum is flat */
	if (q[0] != 0 && sum_at(list, p[0], q[0]) == amount * q[0])
	{
		list->denominator = q[0];
		for (int i = 0; i < list->n; i++)
			list->numerator[i] = clamp(p[0] * list->weight[i], list->lower[i] * q[0], list->upper[i] * q[0]);
		return;
	}
	for (int i = 0; i < list->n; i++)
	{
		ts_int128	w = list->weight[i];
		ts_int128	held;

		/* above the breakpoint below the level, and below the one above */
		free[i] = w > 0 && (q[0] == 0 || list->lower[i] * q[0] <= p[0] * w) &&
			(q[1] == 0 || list->upper[i] * q[1] >= p[1] * w);
		held = w == 0 ? clamp(0, list->lower[i], list->upper[i]) :
			q[0] != 0 && list->lower[i] * q[0] <= p[0] * w ? list->upper[i] : list->lower[i];
		list->numerator[i] = held;
		if (free[i])
			whole += w;
		else
			rest -= held;
	}
	list->denominator = whole > 0 ? whole : 1;
	for (int i = 0; i < list->n; i++)
		list->numerator[i] = free[i] ? rest * list->weight[i] : list->numerator[i] * list->denominator;
}

static bool
takes_first(const reference_list *list, ts_residual residual, int a, int b)
{
	switch (residual)
	{
		case TS_RESIDUAL_LAST:
			return a > b;
		case TS_RESIDUAL_HIGHEST:
			return list->weight[a] != list->weight[b] ? list->weight[a] > list->weight[b] : a < b;
		case TS_RESIDUAL_LOWEST:
			return list->weight[a] != list->weight[b] ? list->weight[a] < list->weight[b] : a < b;
		case TS_RESIDUAL_NAMED:
			if (list->named[a] != list->named[b])
				return list->named[a];
			if (!list->named[a] && list->weight[a] != list->weight[b])
				return list->weight[a] > list->weight[b];
			return a < b;
		default:
			return a < b;
	}
}

static void
round_list(reference_list *list, ts_int128 amount, ts_int128 multiple, ts_residual residual)
{
	ts_int128	left = amount;
	ts_int128	sum = 0;
	bool		done[REFERENCE_NODES] = {false};

	for (int i = 0; i < list->n; i++)
	{
		ts_int128	share = list->numerator[i];
		bool		held = share == list->lower[i] * list->denominator || share == list->upper[i] * list->denominator;

		if (residual == TS_RESIDUAL_CARRY && !held)
		{
			list->share[i] = half_away(sum + share, list->denominator) - half_away(sum, list->denominator);
			sum += share;
		}
		else
			list->share[i] = multiple * half_away(share, multiple * list->denominator);
		left -= list->share[i];
	}
	while (left != 0)
	{
		int			taker = -1;
		ts_int128	room;

		for (int i = 0; i < list->n; i++)
			if (!done[i] && list->weight[i] > 0 && (taker < 0 || takes_first(list, residual, i, taker)))
				taker = i;
		if (taker < 0)
			return;				/* the sum is found to be wrong */
		room = clamp(left, list->lower[taker] - list->share[taker], list->upper[taker] - list->share[taker]);
		list->share[taker] += room;
		left -= room;
		done[taker] = true;
	}
}

/*
 * Are these the shares?  lower, upper: effective bounds, NULL for none.  weight:
 * of all nodes.
 */
static bool
residual_is_right(int n, const int32_t *parent, const ts_int128 *weight, const ts_int128 *lower,
				  const ts_int128 *upper, ts_int128 total, ts_int128 multiple, ts_residual residual,
				  const bool *named, const ts_int128 *share)
{
	static reference_list list;

	for (int p = -1; p < n; p++)
	{
		ts_int128	amount = p < 0 ? total : share[p];
		ts_int128	sum = 0;

		list.n = 0;
		for (int i = 0; i < n; i++)
			if (parent[i] == p)
			{
				list.node[list.n] = i;
				list.weight[list.n] = weight[i];
				list.lower[list.n] = lower == NULL || lower[i] == TS_NO_LOWER ? -REFERENCE_FAR : lower[i];
				list.upper[list.n] = upper == NULL || upper[i] == TS_NO_UPPER ? REFERENCE_FAR : upper[i];
				list.named[list.n] = named[i];
				list.n++;
			}
		if (list.n == 0)
			continue;
		exact_shares(&list, amount);
		round_list(&list, amount, multiple, residual);
		for (int i = 0; i < list.n; i++)
		{
			ts_int128	got = share[list.node[i]];

			sum += got;
			if (got != list.share[i] || got < list.lower[i] || got > list.upper[i])
				return false;
		}
		if (sum != amount)
			return false;
	}
	return true;
}

#endif							/* TS_RESIDUAL_REFERENCE_H */
