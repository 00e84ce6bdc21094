/*-------------------------------------------------------------------------
 *
 * controlled.c
 *	  libFuzzer target for the engine's controlled rounding and its flows.
 *
 *	  clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc -Itest/unit \
 *		  test/fuzz/controlled.c src/engine/[a-z]*.c
 *
 * The input is read as two trees of totals, cells with their parts and bounds,
 * and totals that are given.  Checked: a rounding is fair everywhere and no
 * cycle makes it better; a table is filled, or a cut proves that it cannot be; the
 * same input gives the same table.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "../unit/controlled_reference.h"
#include "input.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_input	input = {data, size};
	bool		up[MAX_CELLS];
	ts_flow_status status;
	int			bytes;

	memset(&t, 0, sizeof(t));
	bytes = 1 + (int) take(&input, 1) % 7;
	for (int f = 0; f < 2; f++)
	{
		t.n_totals[f] = (int) take(&input, 1) % (MAX_TOTALS / 2);
		for (int i = 0; i < t.n_totals[f]; i++)
		{
			t.parent[f][i] = (int32_t) take(&input, 1) % (i + 1) - 1;
			t.units[f][i] = (int64_t) take(&input, bytes) - 1;
			if (t.units[f][i] < 0)
				t.units[f][i] = TS_TOTAL_FREE;
		}
	}
	while (t.n < MAX_CELLS && input.size > 0)
	{
		t.part[t.n] = (uint64_t) take(&input, bytes) << (8 * (8 - bytes));
		t.lower[t.n] = (int64_t) take(&input, 1) & 3;
		t.upper[t.n] = t.lower[t.n] + (int64_t) take(&input, bytes);
		for (int f = 0; f < 2; f++)
			t.of_cell[f][t.n] = (int32_t) take(&input, 1) % (t.n_totals[f] + 1) - 1;
		t.n++;
	}

	if (round_table(false) != TS_FLOW_OK || quality(t.up, true) < 0 || can_be_better())
		__builtin_trap();
	memcpy(up, t.up, sizeof(up));
	t.possible = true;
	if (round_table(false) != TS_FLOW_OK || quality(t.up, true) < 0 || can_be_better())
		__builtin_trap();
	t.possible = false;
	if (round_table(false) != TS_FLOW_OK || memcmp(up, t.up, sizeof(bool) * (size_t) t.n) != 0)
		__builtin_trap();
	status = fill_table();
	if (status == TS_FLOW_OK ? !is_filled() : status != TS_FLOW_INFEASIBLE || !cut_proves())
		__builtin_trap();
	return 0;
}
