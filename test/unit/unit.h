/*-------------------------------------------------------------------------
 *
 * unit.h
 *	  What the unit tests of the engine share: TAP output and a generator of
 *	  random numbers.  Included once by each test, which is a program of its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_UNIT_H
#define TS_UNIT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static int	tests = 0;
static int	failures = 0;

static void
report(bool ok, const char *name)
{
	tests++;
	if (!ok)
		failures++;
	printf("%sok %d - %s\n", ok ? "" : "not ", tests, name);
	fflush(stdout);
}

/* Prints the plan; returns the exit status. */
static int
finish(void)
{
	printf("1..%d\n", tests);
	return failures == 0 ? 0 : 1;
}

/* a generator of our own: the same numbers on every platform (splitmix64) */
static uint64_t seed;

static uint64_t
next_random(void)
{
	uint64_t	z = (seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0 .. limit - 1 */
static uint64_t
random_below(uint64_t limit)
{
	return next_random() % limit;
}

#endif							/* TS_UNIT_H */
