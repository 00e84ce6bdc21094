/*-------------------------------------------------------------------------
 *
 * controlled.h
 *	  Tables with two families of totals: whole numbers for all cells and all
 *	  totals at once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_ENGINE_CONTROLLED_H
#define TS_ENGINE_CONTROLLED_H

#include "engine/flow.h"

/* of a total, in ts_family.units */
#define TS_TOTAL_FAIR	(-1)	/* the floor or the ceiling of what it is */
#define TS_TOTAL_FREE	(-2)	/* nothing is asked of it */

/*
 * A family of totals: of two of them one contains the other, or they have no
 * cell in common.  parent[i] < i contains total i, -1: none does.  of_cell[c]
 * is the smallest total that cell c is in, -1: none.
 */
typedef struct ts_family
{
	int32_t		n;
	const int32_t *parent;
	const int32_t *of_cell;
	const int64_t *units;		/* per total; NULL: all fair */
	const int8_t *keep;			/* of fair totals, as for cells; NULL: all 0 */
} ts_family;

/*
 * Why there is no table: nodes that together get more than they can pass on.
 * total[f][i] tells whether total i of family f is one of them, top whether
 * what is above all totals is.  See ts_table_fill.
 */
typedef struct ts_table_cut
{
	bool	   *total[2];
	bool		top;
} ts_table_cut;

/* See controlled.c for what is rounded */
typedef struct ts_controlled_input
{
	int32_t		n;				/* cells */
	const uint64_t *part;		/* what is above the floor, in 2^-64; 0: the cell
								 * is whole and stays */
	const int8_t *keep;			/* it is -1 its floor, or 1 its ceiling already, and
								 * is to stay that; 0: it is neither.  NULL: all 0 */
	ts_family	family[2];
	bool		possible;		/* totals with units given are what their cells add
								 * up to, so that there is such a table */
	ts_check	check;
} ts_controlled_input;

extern size_t ts_controlled_work(const ts_controlled_input *input);
extern ts_flow_status ts_controlled_round(const ts_controlled_input *input, bool *up, ts_table_cut *cut, void *work);

/*
 * A table that is to be filled: is there one at all?  Cells have lower[] to
 * upper[] units.  Totals have units[] or are free; fair ones are not known here.
 */
typedef struct ts_table_input
{
	int32_t		n;
	const int64_t *lower;		/* NULL: 0 */
	const int64_t *upper;		/* 0: nothing can be there */
	const int64_t *cost;		/* per unit; NULL: any table will do */
	ts_family	family[2];
	ts_check	check;
} ts_table_input;

extern size_t ts_table_work(const ts_table_input *input);
extern int64_t ts_table_max_cost(const ts_table_input *input);
extern ts_flow_status ts_table_fill(const ts_table_input *input, int64_t *units, bool *fixed,
									ts_table_cut *cut, void *work);

#endif							/* TS_ENGINE_CONTROLLED_H */
