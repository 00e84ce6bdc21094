/*-------------------------------------------------------------------------
 *
 * wide.h
 *	  Products of 128-bit integers and their division, without rounding.
 *
 * An exact share is total * weight / whole.  The product of an amount of
 * 36 digits and a weight of 38 does not fit 128 bits, so it is kept in 256,
 * and divided by a whole that is the same for every row of a partition.
 * Dividing by the same number many times is cheaper with a reciprocal that is
 * computed once.
 *
 * Method
 *	  Schoolbook (Knuth, TAOCP 2, 4.3.1, algorithm D) with limbs of 64 bits,
 *	  each quotient limb estimated with a precomputed reciprocal instead of a
 *	  division: N. Moller and T. Granlund, "Improved division by invariant
 *	  integers", IEEE Trans. Computers 60 (2011), algorithms 3 to 6.
 *
 * Limits
 *	  0 <= weight <= whole, 0 < whole < 2^127, 0 <= total < 2^127, hence the
 *	  quotient is at most total.  Nothing is checked here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_ENGINE_WIDE_H
#define TS_ENGINE_WIDE_H

#include "engine/units.h"

/*
 * A total that is to be shared by weights that add up to whole.
 *
 * narrow: total and whole are below 2^64; d1 is whole shifted to the top of
 * one limb and d0 is not used.  Otherwise (d1, d0) is whole shifted to the top
 * of two.
 */
typedef struct ts_ratio
{
	ts_uint128	total;
	ts_uint128	whole;
	uint64_t	d1;
	uint64_t	d0;
	uint64_t	reciprocal;
	int			shift;
	bool		narrow;
} ts_ratio;

extern void ts_ratio_init(ts_ratio *ratio, ts_uint128 total, ts_uint128 whole);
extern ts_uint128 ts_ratio_floor_wide(const ts_ratio *ratio, ts_uint128 weight,
									  ts_uint128 *remainder);

/* high and low limb of a 128-bit integer */
#define TS_HIGH(x)		((uint64_t) ((x) >> 64))
#define TS_LOW(x)		((uint64_t) (x))
#define TS_JOIN(h, l)	(((ts_uint128) (h) << 64) | (l))

/*
 * a * b in 256 bits
 */
static inline void
ts_multiply(ts_uint128 a, ts_uint128 b, ts_uint128 *high, ts_uint128 *low)
{
	ts_uint128	bottom = (ts_uint128) TS_LOW(a) * TS_LOW(b);
	ts_uint128	cross = (ts_uint128) TS_LOW(a) * TS_HIGH(b);
	ts_uint128	cross2 = (ts_uint128) TS_HIGH(a) * TS_LOW(b);
	ts_uint128	middle;

	/* three numbers below 2^64 and two of low halves: no overflow */
	middle = (ts_uint128) TS_HIGH(bottom) + TS_LOW(cross) + TS_LOW(cross2);
	*high = (ts_uint128) TS_HIGH(a) * TS_HIGH(b) + TS_HIGH(cross) +
		TS_HIGH(cross2) + TS_HIGH(middle);
	*low = TS_JOIN(TS_LOW(middle), TS_LOW(bottom));
}

/*
 * floor(total * weight / whole) and the remainder, for a narrow ratio
 */
static inline uint64_t
ts_ratio_floor_narrow(const ts_ratio *ratio, uint64_t weight,
					  uint64_t *remainder)
{
	ts_uint128	product = (ts_uint128) TS_LOW(ratio->total) * weight;
	uint64_t	u1;
	uint64_t	u0;
	ts_uint128	q;
	uint64_t	q1;
	uint64_t	r;

	product <<= ratio->shift;
	u1 = TS_HIGH(product);
	u0 = TS_LOW(product);
	q = (ts_uint128) ratio->reciprocal * u1 + product;
	q1 = TS_HIGH(q) + 1;
	r = u0 - q1 * ratio->d1;
	if (r > TS_LOW(q))
	{
		q1--;
		r += ratio->d1;
	}
	if (r >= ratio->d1)
	{
		q1++;
		r -= ratio->d1;
	}
	*remainder = r >> ratio->shift;
	return q1;
}

/*
 * floor(total * weight / whole) and the remainder, for any ratio
 */
static inline ts_uint128
ts_ratio_floor(const ts_ratio *ratio, ts_uint128 weight, ts_uint128 *remainder)
{
	uint64_t	r;
	uint64_t	q;

	if (!ratio->narrow)
		return ts_ratio_floor_wide(ratio, weight, remainder);
	q = ts_ratio_floor_narrow(ratio, (uint64_t) weight, &r);
	*remainder = r;
	return q;
}

/*
 * remainder / whole in 2^-64, rounded down; 0 <= remainder < whole
 */
static inline uint64_t
ts_fraction(ts_uint128 remainder, ts_uint128 whole)
{
	uint64_t	fraction = 0;
	int			room = TS_HIGH(whole) ? __builtin_clzll(TS_HIGH(whole)) : 63;

	/* so many bits at a time do not overflow, for whole is below 2^127 */
	for (int bits = 64; bits > 0;)
	{
		int			step = bits < 63 ? bits : 63;

		if (step > room)
			step = room;
		remainder <<= step;
		fraction = (fraction << step) | (uint64_t) (remainder / whole);
		remainder %= whole;
		bits -= step;
	}
	return fraction;
}

#endif							/* TS_ENGINE_WIDE_H */
