/*-------------------------------------------------------------------------
 *
 * input.h
 *	  The bytes that a fuzzer gives, taken as numbers one after the other.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_FUZZ_INPUT_H
#define TS_FUZZ_INPUT_H

#include "engine/units.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzz_input
{
	const uint8_t *data;
	size_t		size;
} fuzz_input;

/* The next bytes, the highest first; 0 where there are none left */
static inline ts_int128
take(fuzz_input *input, size_t bytes)
{
	ts_uint128	value = 0;

	while (bytes-- > 0 && input->size > 0)
	{
		value = (value << 8) | *input->data++;
		input->size--;
	}
	return (ts_int128) value;
}

#endif							/* TS_FUZZ_INPUT_H */
