/*-------------------------------------------------------------------------
 *
 * rake.h
 *	  A table that is as near as possible to a seed and fits several margins:
 *	  raking, also known as iterative proportional fitting.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_ENGINE_RAKE_H
#define TS_ENGINE_RAKE_H

#include "engine/apportion.h"

#define TS_RAKE_MAX_MARGINS	32
#define TS_RAKE_MAX_AXES	32

typedef enum ts_rake_status
{
	TS_RAKE_OK,
	TS_RAKE_NOT_CONVERGED,		/* nor was a reason found */
	/* there is no such table; the ray proves it */
	TS_RAKE_TOTALS_DIFFER,		/* two margins, or parts of them */
	TS_RAKE_NO_CELL,			/* a group with a total, but without a cell */
	TS_RAKE_ABOVE_UPPER,		/* a total beyond the sum of upper bounds */
	TS_RAKE_BELOW_LOWER,		/* a total short of the sum of lower bounds */
	TS_RAKE_INFEASIBLE			/* margins taken together */
} ts_rake_status;

/*
 * A margin: which group a cell is in, and what each group must add up to
 *
 * group NULL: the cells are all combinations of keys on axes, the last axis
 * running fastest, and so are the groups on those axes that are set in axes.
 */
typedef struct ts_rake_margin
{
	int32_t		n_groups;
	const int32_t *group;		/* by cell; -1: in none */
	uint32_t	axes;			/* bit a: axis a; where group is NULL */
	const double *total;		/* by group, units, >= 0; NAN: free */
} ts_rake_margin;

/*
 * Seeds are finite and not negative, positive ones between 1e-100 and 1e100; a
 * cell with seed 0 has its lower bound, or 0.  Bounds: 0 <= lower <= upper; an
 * infinite upper one is none.
 */
typedef struct ts_rake_input
{
	size_t		n;				/* cells */
	const double *seed;
	const double *lower;		/* by cell, units; NULL: 0 */
	const double *upper;		/* by cell, units; NULL: none */
	int			n_margins;
	const ts_rake_margin *margin;	/* either all with group or all without */
	int			n_axes;			/* where they are without */
	const int32_t *size;		/* by axis */
	double		tolerance;		/* of a total; 0: 1e-12 */
	int			max_sweeps;		/* 0: 2000 */
	ts_check	check;			/* may be NULL */
} ts_rake_input;

typedef struct ts_rake_result
{
	int			sweeps;
	int			newton_steps;
	double		residual;		/* the largest, units, and where it is */
	int			margin;
	int32_t		group;
	double		residual_sum;	/* of all groups, without signs */
} ts_rake_result;

/*
 * factor and ray: of the groups of margin 0, then those of margin 1 ...; ray is
 * all 0 unless the status says that there is no table.  cell may be NULL.
 */
extern size_t ts_rake_work(const ts_rake_input *input);
extern ts_rake_status ts_rake(const ts_rake_input *input, double *cell,
							  double *factor, int32_t *ray,
							  ts_rake_result *result, void *work);
extern ts_rake_status ts_rake_check(const ts_rake_input *input, int32_t *ray,
									void *work);

/*
 * Does the ray prove that no table fits?  By how much, in *excess.
 */
extern bool ts_rake_proves(const ts_rake_input *input, const int32_t *ray,
						   ts_int128 *excess);

extern double ts_log(double x);

#endif							/* TS_ENGINE_RAKE_H */
