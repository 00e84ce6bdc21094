/*-------------------------------------------------------------------------
 *
 * numeric_units.h
 *	  numeric to and from whole numbers of units, exactly.
 *
 * Glossary (see also engine/units.h)
 *	  scale		number of decimals; value = integer * 10^-scale.  May be
 *				negative for weights: 5000 is 5 at scale -3
 *	  mantissa	the quantum as a whole number at its own scale
 *
 *-------------------------------------------------------------------------
 */
#ifndef TARGET_SPLIT_NUMERIC_UNITS_H
#define TARGET_SPLIT_NUMERIC_UNITS_H

#include "compat.h"

#include "engine/units.h"

/*
 * quantum = mantissa * 10^-scale; scale is the quantum's display scale, and
 * that of every amount made with it: 0.01 is {1, 2}, 0.5 is {5, 1}, 100 is
 * {100, 0}
 */
typedef struct ts_quantum
{
	ts_int128	mantissa;
	int			scale;
} ts_quantum;

extern void ts_quantum_from_numeric(Datum quantum, ts_quantum *q);
extern ts_int128 ts_units_from_numeric(Datum amount, const ts_quantum *q,
									   const char *what);
extern bool ts_bound_from_numeric(Datum bound, const ts_quantum *q, bool upper,
								  const char *what, ts_int128 *units);
extern Datum ts_units_to_numeric(ts_int128 units, const ts_quantum *q);
extern Datum ts_scaled_to_numeric(ts_int128 value, int scale);

/*
 * Weights.  They are never refused for their scale.
 *
 * A weight of more than 38 significant digits is rounded, half away from
 * zero, to 38.  The weights of one partition are then brought to one scale:
 * the largest scale that any of them needs, unless the largest weight would
 * have more than 28 digits before the point that way; then the largest scale
 * at which it has 28, and every weight is rounded half away from zero at that
 * scale.  The rule looks at the set of weights only, not at their order.  28
 * digits, so that the sum of 2^31 weights fits 128 bits.
 */
extern void ts_weight_from_numeric(Datum weight, ts_int128 *value, int *scale);
extern int	ts_weights_align(size_t n, ts_int128 *value, const int16 *scale);

/*
 * A weight as a 64-bit integer at a given scale, 0 <= scale <= 18.  False
 * when it does not fit; *finer is then the scale it needs if only its
 * decimals are too many, else -1.  NaN and the infinities do not fit.
 */
extern bool ts_weight_as_int64(Datum weight, int scale, int64 *value,
							   int *finer);

#endif							/* TARGET_SPLIT_NUMERIC_UNITS_H */
