/*-------------------------------------------------------------------------
 *
 * wide.c
 *	  Products of 128-bit integers and their division, without rounding.
 *
 * Glossary
 *	  limb			64 bits of a longer integer
 *	  normalised	shifted left until the top bit of the divisor is set
 *	  reciprocal	floor((2^128 - 1) / d1) - 2^64 for a divisor of one limb,
 *					floor((2^192 - 1) / (d1, d0)) - 2^64 for one of two
 *
 *-------------------------------------------------------------------------
 */
#include "engine/wide.h"

/*
 * Reciprocal of a normalised limb
 */
static uint64_t
reciprocal_of_limb(uint64_t d1)
{
	return (uint64_t) (TS_JOIN(~d1, ~(uint64_t) 0) / d1);
}

/*
 * Reciprocal of two normalised limbs (Moller and Granlund, algorithm 6)
 */
static uint64_t
reciprocal_of_two(uint64_t d1, uint64_t d0)
{
	uint64_t	v = reciprocal_of_limb(d1);
	uint64_t	p = d1 * v + d0;
	ts_uint128	t;

	if (p < d0)
	{
		v--;
		if (p >= d1)
		{
			v--;
			p -= d1;
		}
		p -= d1;
	}
	t = (ts_uint128) v * d0;
	p += TS_HIGH(t);
	if (p < TS_HIGH(t))
	{
		v--;
		if (TS_JOIN(p, TS_LOW(t)) >= TS_JOIN(d1, d0))
			v--;
	}
	return v;
}

/*
 * One quotient limb of (high, u0) / (d1, d0); high < (d1, d0) is replaced by
 * the remainder (Moller and Granlund, algorithm 5)
 */
static inline uint64_t
divide_step(const ts_ratio *ratio, ts_uint128 *high, uint64_t u0)
{
	ts_uint128	d = TS_JOIN(ratio->d1, ratio->d0);
	ts_uint128	q = (ts_uint128) ratio->reciprocal * TS_HIGH(*high) + *high;
	uint64_t	q1 = TS_HIGH(q);
	uint64_t	r1 = TS_LOW(*high) - q1 * ratio->d1;
	ts_uint128	r = TS_JOIN(r1, u0) - (ts_uint128) ratio->d0 * q1 - d;

	q1++;
	if (TS_HIGH(r) >= TS_LOW(q))
	{
		q1--;
		r += d;
	}
	if (r >= d)
	{
		q1++;
		r -= d;
	}
	*high = r;
	return q1;
}

/*
 * Prepare to divide total * weight by whole, whole > 0, for many weights
 */
void
ts_ratio_init(ts_ratio *ratio, ts_uint128 total, ts_uint128 whole)
{
	ratio->total = total;
	ratio->whole = whole;
	ratio->narrow = TS_HIGH(total) == 0 && TS_HIGH(whole) == 0;
	if (ratio->narrow)
	{
		ratio->shift = __builtin_clzll(TS_LOW(whole));
		ratio->d1 = TS_LOW(whole) << ratio->shift;
		ratio->d0 = 0;
		ratio->reciprocal = reciprocal_of_limb(ratio->d1);
	}
	else
	{
		ts_uint128	d;

		ratio->shift = TS_HIGH(whole) != 0 ? __builtin_clzll(TS_HIGH(whole)) :
			64 + __builtin_clzll(TS_LOW(whole));
		d = whole << ratio->shift;
		ratio->d1 = TS_HIGH(d);
		ratio->d0 = TS_LOW(d);
		ratio->reciprocal = reciprocal_of_two(ratio->d1, ratio->d0);
	}
}

/*
 * floor(total * weight / whole) and the remainder, through a product of 256
 * bits
 *
 * The quotient is at most total and has two limbs, so the shifted product is
 * below (d1, d0) * 2^128 and fits 256 bits, too.
 */
ts_uint128
ts_ratio_floor_wide(const ts_ratio *ratio, ts_uint128 weight,
					ts_uint128 *remainder)
{
	ts_uint128	high;
	ts_uint128	low;
	uint64_t	q1;
	uint64_t	q0;

	ts_multiply(ratio->total, weight, &high, &low);
	if (ratio->shift > 0)
	{
		high = (high << ratio->shift) | (low >> (128 - ratio->shift));
		low <<= ratio->shift;
	}
	q1 = divide_step(ratio, &high, TS_HIGH(low));
	q0 = divide_step(ratio, &high, TS_LOW(low));
	*remainder = high >> ratio->shift;
	return TS_JOIN(q1, q0);
}
