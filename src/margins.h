/*-------------------------------------------------------------------------
 *
 * margins.h
 *	  A table of cells from a seed, so that it fits several margins at once,
 *	  in whole units; shared by rake() and by the method of split_target.
 *
 * Glossary (see also engine/rake.h)
 *	  cell			what gets an amount; its seed says what it would be like
 *	  margin		a way to group the cells: by product, by region and month
 *	  group			the cells that a margin puts together; they must add up to
 *					the group's total
 *	  free			a group without a total: it has what its cells have
 *
 *-------------------------------------------------------------------------
 */
#ifndef TARGET_SPLIT_MARGINS_H
#define TARGET_SPLIT_MARGINS_H

#include "compat.h"

#include "engine/units.h"

/* margins at most; what cells are told apart by would be many times that */
#define TS_MAX_MARGINS	32

/* totals and sums of bounds are below this, so that doubles have every unit */
#define TS_MARGIN_LIMIT	(INT64CONST(1) << 53)

/* seeds other than 0, for engine/rake.h */
#define TS_MIN_SEED		1e-100
#define TS_MAX_SEED		1e100

typedef struct ts_margin
{
	const char *name;			/* in messages: "product", "region and month" */
	int32		n_groups;
	const int32 *group;			/* by cell; -1: in no group of this margin */
	const int64 *total;			/* by group, units; >= 0 */
	const bool *is_free;		/* by group; NULL: none is */
} ts_margin;

/* what to do where three or more margins cannot all be met in whole units */
typedef enum ts_inexact
{
	TS_INEXACT_ERROR,
	TS_INEXACT_WARN				/* a WARNING that lists them, and the report */
} ts_inexact;

/*
 * Cells and groups are numbered in the order that ties go by: of two cells that
 * have the same right to a unit the one with the smaller number gets it.
 * Margins are in order of precedence.
 *
 * Texts are allocated by the callbacks in the current context; each may be
 * called many times in a message, and never else.
 */
typedef struct ts_margin_table
{
	int64		n;				/* cells */
	const double *seed;			/* by cell; 0, or from TS_MIN_SEED to TS_MAX_SEED;
								 * 0: the cell stays 0 (or its lower bound) */
	const int64 *lower;			/* by cell, units; NULL: 0 */
	const int64 *upper;			/* by cell; NULL: none; PG_INT64_MAX: none for
								 * this one */
	int			n_margins;
	const ts_margin *margin;
	bool		biproportional; /* round as divisor methods do (Webster), else
								 * by least squares; two margins only */
	ts_inexact	on_inexact;
	char	   *(*group_name) (void *arg, int margin, int32 group);
	char	   *(*cell_name) (void *arg, int64 cell);
	char	   *(*amount_text) (void *arg, ts_int128 units);
	void	   *arg;
} ts_margin_table;

/* a group whose cells do not add up to its total */
typedef struct ts_missed_group
{
	int			margin;
	int32		group;
	int64		sum;			/* of its cells, units */
} ts_missed_group;

/*
 * All arrays are in the context that was current at the call
 */
typedef struct ts_margins_report
{
	double	  **factor;			/* by margin and group: unrounded cell = seed *
								 * product of the factors of its groups, moved
								 * to its bound if that is beyond it */
	double	   *value;			/* by cell: unrounded, units */
	int			sweeps;
	double		residual;		/* units, the largest of the unrounded table */
	bool		exact[TS_MAX_MARGINS];	/* all its groups have their totals */
	int			n_missed;
	ts_missed_group *missed;
	int64		n_moved;		/* cells a unit or more from their values */
	int64	   *moved;			/* which */
} ts_margins_report;

/*
 * Fills units by cell, so that all groups that are not free have their totals;
 * an error with a reason where there is no such table.
 */
extern void ts_margins_solve(const ts_margin_table *table, int64 *units,
							 ts_margins_report *report);

#endif							/* TARGET_SPLIT_MARGINS_H */
