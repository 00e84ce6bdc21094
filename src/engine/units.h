/*-------------------------------------------------------------------------
 *
 * units.h
 *	  Integer types of the engine.
 *
 * The engine is pure C: arrays in, arrays out, no palloc, no ereport, no
 * backend header.  It can be linked into a unit test or a fuzzer without a
 * server.
 *
 * Glossary
 *	  quantum	the smallest amount that is given out: 0.01, 1, 10000 ...
 *	  unit		one quantum; amounts are whole numbers of units
 *	  weight	what an amount is shared by; a whole number >= 0 at the
 *				partition's common decimal scale
 *	  share		the units that a row or a node receives
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_ENGINE_UNITS_H
#define TS_ENGINE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * 128-bit integers with the alignment that every allocator gives (a plain
 * __int128 asks for 16 bytes, palloc promises 8).
 */
typedef __int128 ts_int128 __attribute__((aligned(8)));
typedef unsigned __int128 ts_uint128 __attribute__((aligned(8)));

#endif							/* TS_ENGINE_UNITS_H */
