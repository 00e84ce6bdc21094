/*-------------------------------------------------------------------------
 *
 * numeric_units.c
 *	  numeric to and from whole numbers of units, exactly.
 *
 * Glossary
 *	  digit		here a digit of numeric's own base, 10000: four decimals
 *	  weight	here also: power of 10000 of the first digit (numeric.c's term)
 *
 * Method
 *	  The packed value is read and written directly.  Its layout is private to
 *	  numeric.c, but it is what tables hold on disk, so it cannot change
 *	  without breaking pg_upgrade; the regression test numeric_units compares
 *	  both directions with the server's own arithmetic.
 *
 *		header, 2 bytes	11...... special: 0xC000 NaN, 0xD000 Infinity,
 *						0xF000 -Infinity; old clusters may hold longer NaNs
 *						1....... short: 0x2000 sign, 0x1F80 display scale,
 *						0x007F weight, two's complement
 *						0....... long: 0x4000 sign, 0x3FFF display scale, and
 *						2 more bytes of weight
 *		digits			int16 each, the most significant first, no zeros at
 *						either end; the value 0 has none
 *
 * Limits
 *	  A quantum has at most 18 significant digits and 36 decimals.  An amount
 *	  is below 10^36 units, and below 10^38 steps of the quantum's last decimal.
 *	  A weight has at most 16,384 digits before the point.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "numeric_units.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

/* header bits; the names say what numeric.c uses them for */
#define HEADER_SPECIAL		0xC000
#define HEADER_NAN			0xC000
#define HEADER_EXT_MASK		0xF000
#define HEADER_SHORT		0x8000
#define SHORT_NEGATIVE		0x2000
#define SHORT_SCALE_MASK	0x1F80
#define SHORT_SCALE_SHIFT	7
#define SHORT_SCALE_MAX		63
#define SHORT_WEIGHT_SIGN	0x0040
#define SHORT_WEIGHT_MASK	0x003F
#define SHORT_WEIGHT_MAX	63
#define SHORT_WEIGHT_MIN	(-64)
#define LONG_NEGATIVE		0x4000
#define LONG_SCALE_MASK		0x3FFF

#define BASE				10000
#define BASE_DECIMALS		4

#define MAX_QUANTUM_DIGITS	18
#define MAX_QUANTUM_SCALE	36
#define MAX_UNIT_DIGITS		36
#define MAX_WEIGHT_DIGITS	38	/* significant digits of one weight */
#define MAX_ALIGNED_DIGITS	28	/* digits of the largest aligned weight */
#define MAX_WEIGHT_INTEGER	16384	/* digits before a weight's point */

/* digits that 128 bits can need, with those at both ends partly used */
#define MAX_PACKED_DIGITS	11

/* powers of ten that fit 64 bits, by exponent */
static const uint64 power64[] = {
	UINT64CONST(1), UINT64CONST(10), UINT64CONST(100), UINT64CONST(1000),
	UINT64CONST(10000), UINT64CONST(100000), UINT64CONST(1000000),
	UINT64CONST(10000000), UINT64CONST(100000000), UINT64CONST(1000000000),
	UINT64CONST(10000000000), UINT64CONST(100000000000),
	UINT64CONST(1000000000000), UINT64CONST(10000000000000),
	UINT64CONST(100000000000000), UINT64CONST(1000000000000000),
	UINT64CONST(10000000000000000), UINT64CONST(100000000000000000),
	UINT64CONST(1000000000000000000), UINT64CONST(10000000000000000000)
};

/* a numeric taken apart; digits may be unaligned */
typedef struct numeric_parts
{
	bool		special;
	bool		nan;
	bool		negative;
	int			scale;			/* display scale */
	int			weight;
	int			ndigits;
	const char *digits;
} numeric_parts;

static ts_uint128
power128(int exponent)
{
	if (exponent <= 19)
		return power64[exponent];
	return (ts_uint128) power64[19] * power64[exponent - 19];
}

/* number of decimal digits of a value below 10^38, 0 for 0 */
static int
decimal_digits(ts_uint128 value)
{
	int			digits = 0;

	while (digits < 38 && value >= power128(digits))
		digits++;
	return digits;
}

/*
 * Take a numeric apart.  The pointer stays good as long as the (detoasted)
 * Datum does.
 */
static inline void
take_apart(Datum value, numeric_parts *parts)
{
	struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);
	const char *data = VARDATA_ANY(packed);
	int			size = VARSIZE_ANY_EXHDR(packed);
	uint16		header;

	memcpy(&header, data, sizeof(header));
	parts->special = false;
	if ((header & HEADER_SHORT) == 0)
	{
		int16		weight;

		memcpy(&weight, data + sizeof(header), sizeof(weight));
		parts->negative = (header & LONG_NEGATIVE) != 0;
		parts->scale = header & LONG_SCALE_MASK;
		parts->weight = weight;
		data += sizeof(header) + sizeof(weight);
		size -= sizeof(header) + sizeof(weight);
	}
	else
	{
		if (unlikely((header & HEADER_SPECIAL) == HEADER_SPECIAL))
		{
			parts->special = true;
			parts->nan = (header & HEADER_EXT_MASK) == HEADER_NAN;
			parts->ndigits = 0;
			return;
		}
		parts->negative = (header & SHORT_NEGATIVE) != 0;
		parts->scale = (header & SHORT_SCALE_MASK) >> SHORT_SCALE_SHIFT;
		parts->weight = header & SHORT_WEIGHT_MASK;
		if (header & SHORT_WEIGHT_SIGN)
			parts->weight -= SHORT_WEIGHT_MASK + 1;
		data += sizeof(header);
		size -= sizeof(header);
	}
	parts->ndigits = size / (int) sizeof(int16);
	parts->digits = data;
}

static inline int
digit_at(const numeric_parts *parts, int i)
{
	int16		digit;

	memcpy(&digit, parts->digits + i * sizeof(digit), sizeof(digit));
	return digit;
}

/* power of ten of the last digit's ones */
static inline int
last_exponent(const numeric_parts *parts)
{
	return BASE_DECIMALS * (parts->weight - parts->ndigits + 1);
}

/* number of zero decimals at the end of a digit that is not 0 */
static inline int
trailing_zeros(int digit)
{
	return digit % 10 != 0 ? 0 : digit % 100 != 0 ? 1 :
		digit % 1000 != 0 ? 2 : 3;
}

static char *
numeric_text(Datum value)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, value));
}

typedef enum decode_result
{
	DECODED,
	DECODE_FRACTION,			/* has more decimals than scale */
	DECODE_TOO_LARGE			/* 10^38 or more at that scale */
} decode_result;

/*
 * |value| * 10^scale as an integer below 10^38; value must be finite
 */
static decode_result
decode_magnitude(const numeric_parts *parts, int scale, ts_uint128 *result)
{
	ts_uint128	acc = 0;
	ts_uint128	limit = power128(38);
	int			exponent;
	int			last;
	int			factor = BASE;
	int			i;

	*result = 0;
	if (parts->ndigits == 0)
		return DECODED;

	/* the last digit is not 0, so it alone tells whether decimals remain */
	exponent = last_exponent(parts) + scale;
	last = digit_at(parts, parts->ndigits - 1);
	if (exponent < 0)
	{
		if (exponent <= -BASE_DECIMALS ||
			last % (int) power64[-exponent] != 0)
			return DECODE_FRACTION;
		last /= (int) power64[-exponent];
		factor = (int) power64[BASE_DECIMALS + exponent];
		exponent = 0;
	}
	for (i = 0; i < parts->ndigits - 1; i++)
	{
		acc = acc * BASE + digit_at(parts, i);
		if (acc >= limit / BASE)
		{
			/* still good if this was the last but one */
			if (i < parts->ndigits - 2 || acc >= limit)
				return DECODE_TOO_LARGE;
		}
	}
	if (acc > limit / factor)
		return DECODE_TOO_LARGE;
	acc = acc * factor + last;
	if (exponent > 38 || acc >= power128(38 - exponent))
		return DECODE_TOO_LARGE;
	*result = acc * power128(exponent);
	return DECODED;
}

/*
 * quantum = q->mantissa * 10^-q->scale
 *
 * Errors: NaN or infinite, not above 0, too many digits.
 */
void
ts_quantum_from_numeric(Datum quantum, ts_quantum *q)
{
	numeric_parts parts;
	ts_uint128	mantissa;

	take_apart(quantum, &parts);
	if (parts.special)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("quantum must be a finite number"),
				 errdetail("The quantum is %s.", numeric_text(quantum)),
				 errhint("Use the smallest amount to give out, for example quantum => 0.01.")));
	if (parts.negative || parts.ndigits == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("quantum must be greater than 0"),
				 errdetail("The quantum is %s.", numeric_text(quantum)),
				 errhint("Use the smallest amount to give out, for example quantum => 0.01.")));
	if (parts.scale > MAX_QUANTUM_SCALE ||
		decode_magnitude(&parts, parts.scale, &mantissa) != DECODED ||
		mantissa >= power64[MAX_QUANTUM_DIGITS])
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("quantum has too many digits"),
				 errdetail("The quantum is %s; it may have %d significant digits and %d decimals at most.",
						   numeric_text(quantum), MAX_QUANTUM_DIGITS,
						   MAX_QUANTUM_SCALE),
				 errhint("Use the smallest amount to give out, for example quantum => 0.01; or count in a larger or smaller unit.")));
	q->mantissa = (ts_int128) mantissa;
	q->scale = parts.scale;
}

/*
 * An expression that rounds the amount to a multiple of the quantum, as a
 * person would type it
 */
static char *
rounding_expression(Datum amount, const ts_quantum *q)
{
	char	   *text = numeric_text(amount);
	char	   *quantum = numeric_text(ts_units_to_numeric(1, q));
	int			decimals = q->scale;
	ts_int128	mantissa = q->mantissa;

	while (mantissa % 10 == 0)
	{
		mantissa /= 10;
		decimals--;
	}
	if (mantissa == 1)
		return psprintf("round(%s, %d)", text, decimals);
	return psprintf("round(%s / %s) * %s", text, quantum, quantum);
}

/*
 * amount / quantum, which must be a whole number below 10^36
 *
 * what names the amount in messages ("amount").  Errors: NaN, infinite, not
 * a multiple of the quantum, too large.
 */
ts_int128
ts_units_from_numeric(Datum amount, const ts_quantum *q, const char *what)
{
	numeric_parts parts;
	ts_uint128	units = 0;
	decode_result result;

	take_apart(amount, &parts);
	if (parts.special)
	{
		if (parts.nan)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s must not be NaN", what)));
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be finite", what),
				 errdetail("It is %s.", numeric_text(amount))));
	}

	result = decode_magnitude(&parts, q->scale, &units);
	if (result == DECODE_FRACTION ||
		(result == DECODED && units % (ts_uint128) q->mantissa != 0))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s %s is not a multiple of the quantum %s", what,
						numeric_text(amount),
						numeric_text(ts_units_to_numeric(1, q))),
				 errhint("Round it first, for example %s, or use a finer quantum.",
						 rounding_expression(amount, q))));
	units /= (ts_uint128) q->mantissa;
	if (result == DECODE_TOO_LARGE || units >= power128(MAX_UNIT_DIGITS))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s is too large", what),
				 errdetail("%s is beyond 10^%d times the quantum %s, or has more than 38 digits.",
						   numeric_text(amount), MAX_UNIT_DIGITS,
						   numeric_text(ts_units_to_numeric(1, q)))));
	return parts.negative ? -(ts_int128) units : (ts_int128) units;
}

/*
 * bound / quantum in whole units, brought inwards: an upper bound is rounded
 * down, a lower one up
 *
 * False if it bounds nothing: an upper bound of infinity, a lower one of
 * minus infinity.  what names it in messages ("at_most").  Errors: NaN, the
 * other infinity, too large.
 */
bool
ts_bound_from_numeric(Datum bound, const ts_quantum *q, bool upper,
					  const char *what, ts_int128 *units)
{
	numeric_parts parts;
	ts_uint128	size = 0;
	bool		fraction = false;
	bool		fits = true;
	int			exponent;
	int			i;

	take_apart(bound, &parts);
	if (unlikely(parts.special))
	{
		if (parts.nan)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s must not be NaN", what),
					 errhint("Use NULL for no bound.")));
		if (DatumGetBool(DirectFunctionCall2(numeric_gt, bound,
											 ts_scaled_to_numeric(0, 0))) == upper)
			return false;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be %s", what, numeric_text(bound)),
				 errhint("Use NULL for no bound.")));
	}

	/* |bound| at the quantum's scale, cut off; acc < 10^38 all the time */
	exponent = BASE_DECIMALS * (parts.weight + 1) + q->scale;
	for (i = 0; i < parts.ndigits && fits; i++)
	{
		int			digit = digit_at(&parts, i);
		int			decimals = BASE_DECIMALS;

		exponent -= BASE_DECIMALS;
		if (exponent < 0)
		{
			/* the last digit is not 0, so digits beyond are a fraction */
			decimals = Max(BASE_DECIMALS + exponent, 0);
			fraction = i < parts.ndigits - 1 ||
				digit % (int) power64[BASE_DECIMALS - decimals] != 0;
			digit /= (int) power64[BASE_DECIMALS - decimals];
		}
		fits = size < power128(38 - decimals);
		if (fits)
			size = size * power64[decimals] + digit;
		if (exponent <= 0)
		{
			fraction = fraction || i < parts.ndigits - 1;
			exponent = 0;
			break;
		}
	}
	if (fits && size != 0 && exponent > 0)
	{
		fits = exponent < 38 && size < power128(38 - exponent);
		if (fits)
			size *= power128(exponent);
	}
	if (fits && q->mantissa != 1)
	{
		fraction = fraction || size % (ts_uint128) q->mantissa != 0;
		size /= (ts_uint128) q->mantissa;
	}
	if (!fits || size >= power128(MAX_UNIT_DIGITS))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s is too large", what),
				 errdetail("%s is beyond 10^%d times the quantum %s, or has more than 38 digits.",
						   numeric_text(bound), MAX_UNIT_DIGITS,
						   numeric_text(ts_units_to_numeric(1, q))),
				 errhint("Use NULL for no bound.")));
	if (fraction && parts.negative == upper)
		size++;
	*units = parts.negative ? -(ts_int128) size : (ts_int128) size;
	return true;
}

/*
 * Make a numeric of digits that are already in order
 */
static inline Datum
put_together(bool negative, int scale, int weight, int ndigits,
			 const int16 *digits)
{
	struct varlena *result;
	Size		size;
	char	   *data;
	uint16		header;

	if (ndigits == 0)
	{
		weight = 0;
		negative = false;
	}
	if (likely(scale <= SHORT_SCALE_MAX && weight <= SHORT_WEIGHT_MAX &&
			   weight >= SHORT_WEIGHT_MIN))
	{
		size = VARHDRSZ + sizeof(uint16) + ndigits * sizeof(int16);
		result = (struct varlena *) palloc(size);
		data = VARDATA(result);
		header = HEADER_SHORT | (negative ? SHORT_NEGATIVE : 0) |
			(scale << SHORT_SCALE_SHIFT) |
			(weight & (SHORT_WEIGHT_SIGN | SHORT_WEIGHT_MASK));
		memcpy(data, &header, sizeof(header));
		data += sizeof(header);
	}
	else
	{
		int16		long_weight = (int16) weight;

		size = VARHDRSZ + 2 * sizeof(uint16) + ndigits * sizeof(int16);
		result = (struct varlena *) palloc(size);
		data = VARDATA(result);
		header = (negative ? LONG_NEGATIVE : 0) | scale;
		memcpy(data, &header, sizeof(header));
		memcpy(data + sizeof(header), &long_weight, sizeof(long_weight));
		data += sizeof(header) + sizeof(long_weight);
	}
	SET_VARSIZE(result, size);
	memcpy(data, digits, ndigits * sizeof(int16));
	return PointerGetDatum(result);
}

/*
 * Put a digit before the others, unless it is a zero at the end
 */
static inline void
prepend_digit(int16 *digits, int *first, int *weight, int digit)
{
	if (digit == 0 && *first == MAX_PACKED_DIGITS)
		(*weight)++;
	else
		digits[--(*first)] = (int16) digit;
}

/*
 * value * 10^-scale, with a display scale of its own
 */
static inline Datum
encode(ts_uint128 value, bool negative, int scale, int display_scale)
{
	int16		digits[MAX_PACKED_DIGITS];
	int			first = MAX_PACKED_DIGITS;
	int			weight;
	int			beside;
	uint64		rest;

	/*
	 * weight is that of the last digit; beside is how many decimals of that
	 * digit lie beyond value's last decimal.
	 */
	if (likely(scale >= 0))
	{
		weight = -((scale + BASE_DECIMALS - 1) / BASE_DECIMALS);
		beside = -weight * BASE_DECIMALS - scale;
	}
	else
	{
		weight = -scale / BASE_DECIMALS;
		beside = -scale % BASE_DECIMALS;
	}

	if ((uint64) (value >> 64) != 0)
	{
		int			size = (int) power64[BASE_DECIMALS - beside];

		prepend_digit(digits, &first, &weight,
					  (int) (value % size) * (int) power64[beside]);
		value /= size;
		while ((uint64) (value >> 64) != 0)
		{
			prepend_digit(digits, &first, &weight, (int) (value % BASE));
			value /= BASE;
		}
		rest = (uint64) value;
	}
	else
	{
		/* each case divides by a constant, which compiles to a product */
		rest = (uint64) value;
		switch (beside)
		{
			case 1:
				prepend_digit(digits, &first, &weight, (int) (rest % 1000) * 10);
				rest /= 1000;
				break;
			case 2:
				prepend_digit(digits, &first, &weight, (int) (rest % 100) * 100);
				rest /= 100;
				break;
			case 3:
				prepend_digit(digits, &first, &weight, (int) (rest % 10) * 1000);
				rest /= 10;
				break;
			default:
				break;
		}
	}
	while (rest != 0)
	{
		prepend_digit(digits, &first, &weight, (int) (rest % BASE));
		rest /= BASE;
	}

	return put_together(negative, display_scale,
						weight + (MAX_PACKED_DIGITS - first) - 1,
						MAX_PACKED_DIGITS - first, digits + first);
}

/*
 * units * quantum, at the quantum's display scale
 */
Datum
ts_units_to_numeric(ts_int128 units, const ts_quantum *q)
{
	bool		negative = units < 0;
	ts_uint128	size = negative ? -(ts_uint128) units : (ts_uint128) units;

	if (unlikely(q->mantissa != 1))
	{
		if (__builtin_mul_overflow(size, (ts_uint128) q->mantissa, &size) ||
			size >= power128(38))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("number of units is too large for the quantum")));
	}
	return encode(size, negative, q->scale, q->scale);
}

/*
 * value * 10^-scale; the display scale is scale, or 0 where that is negative
 */
Datum
ts_scaled_to_numeric(ts_int128 value, int scale)
{
	bool		negative = value < 0;

	return encode(negative ? -(ts_uint128) value : (ts_uint128) value,
				  negative, scale, Max(scale, 0));
}

/*
 * A weight as a 64-bit integer; see the header
 */
bool
ts_weight_as_int64(Datum weight, int scale, int64 *value, int *finer)
{
	numeric_parts parts;
	uint64		acc = 0;
	int			exponent;
	int			i;

	take_apart(weight, &parts);
	*finer = -1;
	if (parts.ndigits == 0)
	{
		*value = 0;
		return !parts.special;
	}

	/* five digits are below 10^20, which 64 bits may not hold */
	if (parts.ndigits > 5)
		return false;
	for (i = 0; i < parts.ndigits - 1; i++)
		acc = acc * BASE + digit_at(&parts, i);
	i = digit_at(&parts, i);

	exponent = last_exponent(&parts) + scale;
	if (exponent >= 0)
	{
		if (exponent > 18 ||
			__builtin_mul_overflow(acc, (uint64) BASE, &acc) ||
			__builtin_add_overflow(acc, (uint64) i, &acc) ||
			__builtin_mul_overflow(acc, power64[exponent], &acc))
			return false;
	}
	else
	{
		int			decimals = -last_exponent(&parts) - trailing_zeros(i);

		if (decimals > scale)
		{
			if (decimals <= 18)
				*finer = decimals;
			return false;
		}
		/* decimals <= scale, so exponent is above -4 */
		if (__builtin_mul_overflow(acc, power64[BASE_DECIMALS + exponent], &acc) ||
			__builtin_add_overflow(acc, (uint64) i / power64[-exponent], &acc))
			return false;
	}
	if (acc > (uint64) PG_INT64_MAX)
		return false;
	*value = parts.negative ? -(int64) acc : (int64) acc;
	return true;
}

/*
 * *value * 10^-*scale = weight, with the smallest scale that is exact; of more
 * than 38 significant digits the first 38, rounded half away from zero.  A
 * negative weight gives a negative value.
 *
 * Errors: NaN or infinite, more than 16,384 digits before the point.
 */
void
ts_weight_from_numeric(Datum weight, ts_int128 *value, int *scale)
{
	numeric_parts parts;
	ts_uint128	acc = 0;
	int			exponent;
	int			i;

	take_apart(weight, &parts);
	if (parts.special)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("weight must be a finite number"),
				 errdetail("The weight is %s.", numeric_text(weight))));
	if (parts.weight >= MAX_WEIGHT_INTEGER / BASE_DECIMALS)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("weight is too large"),
				 errdetail("A weight may have %d digits before the decimal point.",
						   MAX_WEIGHT_INTEGER)));
	*value = 0;
	*scale = 0;
	if (parts.ndigits == 0)
		return;

	/* nine digits have 36 decimals at most */
	exponent = BASE_DECIMALS * (parts.weight + 1);
	for (i = 0; i < parts.ndigits && i < 9; i++)
	{
		acc = acc * BASE + digit_at(&parts, i);
		exponent -= BASE_DECIMALS;
	}
	if (i < parts.ndigits)
	{
		/* between 33 and 36 decimals: fill up to 38, decimal by decimal */
		int			digit = digit_at(&parts, i);
		int			unit = BASE / 10;
		int			decimals = decimal_digits(acc);

		while (decimals < MAX_WEIGHT_DIGITS)
		{
			if (unit == 0)
			{
				i++;
				if (i >= parts.ndigits)
					break;
				digit = digit_at(&parts, i);
				unit = BASE / 10;
			}
			acc = acc * 10 + digit / unit % 10;
			exponent--;
			decimals++;
			unit /= 10;
		}
		if (decimals == MAX_WEIGHT_DIGITS)
		{
			if (unit == 0 && ++i < parts.ndigits)
			{
				digit = digit_at(&parts, i);
				unit = BASE / 10;
			}
			if (unit != 0 && i < parts.ndigits && digit / unit % 10 >= 5)
				acc++;
		}
	}
	while (acc % 10 == 0)
	{
		acc /= 10;
		exponent++;
	}
	*value = parts.negative ? -(ts_int128) acc : (ts_int128) acc;
	*scale = -exponent;
}

/*
 * value / 10^exponent, rounded half away from zero
 */
static ts_int128
shift_right_rounded(ts_int128 value, int exponent)
{
	ts_uint128	size = value < 0 ? -(ts_uint128) value : (ts_uint128) value;
	ts_uint128	divisor;

	if (exponent > 38)
		return 0;
	divisor = power128(exponent);
	size = size / divisor + (size % divisor >= divisor - size % divisor ? 1 : 0);
	return value < 0 ? -(ts_int128) size : (ts_int128) size;
}

/*
 * Bring n weights to one scale, in place; returns that scale
 *
 * value[i] * 10^-scale[i] as ts_weight_from_numeric gives them.  The rule is in
 * the header.  Nothing is rounded unless the largest weight has more than 28
 * digits at the largest scale.
 */
int
ts_weights_align(size_t n, ts_int128 *value, const int16 *scale)
{
	int			common = PG_INT16_MIN;
	int			before = PG_INT32_MIN;	/* digits of the largest before its point */
	int			seen_scale = 0;
	ts_uint128	seen_size = 0;
	size_t		i;

	for (i = 0; i < n; i++)
	{
		ts_uint128	size = value[i] < 0 ? -(ts_uint128) value[i] :
			(ts_uint128) value[i];
		int			digits;

		if (size == 0)
			continue;
		common = Max(common, scale[i]);

		/* counting digits is slow: skip what cannot be the largest */
		if (before != PG_INT32_MIN && scale[i] >= seen_scale && size <= seen_size)
			continue;
		digits = decimal_digits(size) - scale[i];
		if (digits > before)
			before = digits;
		seen_scale = scale[i];
		seen_size = size;
	}
	if (before == PG_INT32_MIN)
		return 0;
	common = Min(common, MAX_ALIGNED_DIGITS - before);

	for (i = 0; i < n; i++)
	{
		if (value[i] == 0 || scale[i] == common)
			continue;
		if (scale[i] < common)
			value[i] *= (ts_int128) power128(common - scale[i]);
		else
			value[i] = shift_right_rounded(value[i], scale[i] - common);
	}
	return common;
}
