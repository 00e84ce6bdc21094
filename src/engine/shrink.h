/*-------------------------------------------------------------------------
 *
 * shrink.h
 *	  Weights from several years of history, pulled from the cells' own shares
 *	  towards the product of their margins.
 *
 * Glossary (see also units.h)
 *	  cell			one combination of a key per axis, one leaf of the split
 *	  axis			a direction that the amounts are told apart in: product
 *					line, market, month.  Of levels that nest in each other
 *					(product line and subcategory, quarter and month) only the
 *					finest is an axis here: its key implies the others
 *	  slice			what a cell is without its time axes
 *	  joint			the share of the cell itself in its year
 *	  margin		the share of all cells that have the same key on an axis, or
 *					on several
 *	  model			a way to find shares: joint, slice x time, product
 *	  factor		how much of a model goes into the mixture, in tenths
 *	  window		the years that shares are taken from: the last, or all
 *	  held back		a past year that is predicted from the years before it
 *	  error			sum over the cells of |predicted share - real share|: the
 *					WAPE of a split of the year's total, 0 to 2
 *
 * Method
 *	  Three models:
 *		joint			 amount / total
 *		slice x time	 (slice's amount / total) * (time's amount / total)
 *		product			 product over all axes of (key's amount / total); the
 *						 time axes count as one
 *	  each made to add up to 1 over the cells that are there.  A cell's weight is
 *
 *		(f0 * joint + f1 * slice x time + f2 * product) / 10,	f0 + f1 + f2 = 10
 *
 *	  A fine cell's own share is mostly chance, its margins hardly are; what the
 *	  product loses is what makes the cell different.  How much of that is real
 *	  is asked of the past: every year but the first is held back and predicted
 *	  from the years before it, with every mixture and both windows, and the
 *	  candidate with the smallest sum of errors is taken.  Three rules go with it:
 *
 *	  - What has not been tried is not used: with two years, one is held back and
 *		was predicted from one, so the window is the last year.
 *	  - Plain history, that is the last year's joint shares, is one of the
 *		candidates.  It stays unless another one's error was smaller by at least
 *		one in a hundred: less is no evidence.
 *	  - With one year there is nothing to hold back.  The weights are plain
 *		history's, and the result says n_tested = 0.
 *
 *	  Of candidates with the same error the one with more of the joint shares
 *	  is taken, then the one with more of slice x time, then the last year
 *	  rather than all.  Years without amounts have no shares and are left out,
 *	  everywhere.
 *
 * A cell that has nothing in any year has the product's weight all the same, if
 * its margins have something and f1 or f2 is above 0: nothing was sold there
 * yet, but might be.  keep_zeros says that such cells stay at 0 (in the held-back
 * years as well: those that had nothing until then).  What the caller leaves
 * out of the cells has no weight, and no part in a margin.
 *
 * Everything is in whole numbers.  Sums are exact; shares are rounded down to
 * multiples of 2^-89, products to 89 significant bits of the largest, errors are
 * compared at 2^-52.  The order of the cells does not matter, that of the axes
 * only for those last bits.  Where the factors are those of plain history the
 * weights are the amounts themselves, if they have at most 28 digits.
 *
 * Source
 *	  Shrinkage of a table of counts to a model with fewer parameters by a
 *	  factor that the data choose: S. E. Fienberg and P. W. Holland, "Simultaneous
 *	  estimation of multinomial cell probabilities", J. Amer. Statist. Assoc. 68
 *	  (1973).  They choose the factor by a formula for independent counts; amounts
 *	  of sales are none, hence by years held back (C. J. Stone, "Cross-validatory
 *	  choice and assessment of statistical predictions", J. Roy. Statist. Soc. B
 *	  36 (1974)).
 *
 * Limits
 *	  n <= 2^30 cells, 1 to 32 axes, the sum of all amounts below 2^127, amounts
 *	  that span at most 26 digits (otherwise TS_TOO_LARGE).
 *	  Time: O(n * (axes + candidates) * years); memory: ts_shrink_work.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_ENGINE_SHRINK_H
#define TS_ENGINE_SHRINK_H

#include "engine/apportion.h"

#define TS_SHRINK_MODELS	3
#define TS_SHRINK_JOINT		0
#define TS_SHRINK_SLICE		1	/* slice x time; only with two slice axes or more
								 * and a time axis, else it is one of the others */
#define TS_SHRINK_PRODUCT	2	/* only with two axes or more */

#define TS_SHRINK_MAX_AXES	32

/* what the factors add up to */
#define TS_SHRINK_WHOLE		10

/* the share that is all, where shares are returned */
#define TS_SHRINK_ONE		((ts_int128) 1 << 89)

/* (10 + 1) * (10 + 2) / 2 mixtures, two windows */
#define TS_SHRINK_MAX_CANDIDATES 132

typedef struct ts_shrink_candidate
{
	bool		all_years;		/* the window: all years, or the last */
	int			factor[TS_SHRINK_MODELS];

	/*
	 * error of the held-back years, the mean, in millionths; -1 if there are
	 * none
	 */
	int64_t		error;
} ts_shrink_candidate;

typedef struct ts_shrink_input
{
	size_t		n;				/* cells */
	int			n_axes;
	const int32_t *keys;		/* n_axes per cell */
	const bool *is_time;		/* per axis */
	int			n_years;
	const ts_int128 *amount;	/* n per year, years from the oldest; at one
								 * scale, not negative */
	bool		keep_zeros;
	const ts_shrink_candidate *given;	/* factors and window that the caller
										 * wants; NULL: those that fit best */
	ts_check	check;			/* may be NULL */
} ts_shrink_input;

typedef struct ts_shrink_result
{
	int			n_used;			/* years that have amounts */
	int			n_tested;		/* years that were held back */
	bool		kept_plain;		/* another candidate was better than plain
								 * history, but not by enough */
	ts_shrink_candidate chosen;
	ts_shrink_candidate plain;	/* plain history, for comparison */
	ts_shrink_candidate best;	/* with the smallest error; differs from chosen
								 * if kept_plain or given */
	int			n_candidates;
	ts_shrink_candidate candidate[TS_SHRINK_MAX_CANDIDATES];	/* those tried */
} ts_shrink_result;

/*
 * weight[] gets the weights of the n cells, whole numbers below 10^28.
 * share[], if not NULL, gets each cell's share by each model in the chosen
 * window, TS_SHRINK_MODELS per cell (0 where there is no such model).
 *
 * TS_ALL_ZERO: no amounts in any year.  TS_NEGATIVE_WEIGHT, TS_TOO_LARGE: see
 * above; TS_TOO_LARGE also for what is wrong with n, n_axes, n_years or given.
 */
extern size_t ts_shrink_work(size_t n, int n_axes);
extern ts_status ts_shrink(const ts_shrink_input *input, ts_int128 *weight,
						   ts_int128 *share, ts_shrink_result *result,
						   void *work);

#endif							/* TS_ENGINE_SHRINK_H */
