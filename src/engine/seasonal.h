/*-------------------------------------------------------------------------
 *
 * seasonal.h
 *	  Seasonal indices by ratio to the moving average, and how far a part's
 *	  indices are pulled towards those of what it is a part of.
 *
 * Glossary (see also units.h)
 *	  season	a position in the year: the 3rd of 12 months, the 2nd of 4 quarters
 *	  rate		amount per working day of one period of the series
 *	  trend		the centred moving average of the rates, one year wide
 *	  ratio		rate / trend of one period
 *	  index		what a season's rate is of an average one's: 1.2 is 20 % more;
 *				the mean of all seasons is 1
 *	  parent	the series that this one is a part of, with indices of its own
 *	  noise		the variance that an index has because it comes from few years
 *	  spread	the variance of the parts' true indices around their parent's
 *	  share		of the parent's index in a part's
 *
 * Method
 *	  Own indices.  With s seasons the trend is the mean of s rates in a row;
 *	  for an even s those half a year away on either side count one half each:
 *	  1/8 1/4 1/4 1/4 1/8 for quarters.  So it has no season, and no value in the
 *	  first and last half year.  A season's index is the mean of its ratios,
 *	  divided by the mean over the seasons.  A period whose trend is zero or
 *	  negative, or that has no working days, has no ratio.
 *
 *	  Outliers.  If asked for, a ratio of a season that has three or more is cut to
 *	  its season's median +- 4 median deviations.  The median deviation is that of
 *	  all these seasons together (one alone has too few), without the medians
 *	  themselves.  For a normal distribution that is about three standard
 *	  deviations.
 *
 *	  Begin.  Periods before the first amount are left out, from the first
 *	  one that is not empty again a year later: what began in a July was not
 *	  out of season in the June before.
 *
 *	  Noise.  Each whole year of the series, counted from its end, has shares: its
 *	  rates divided by their mean.  The variance of one year's shares is that of a
 *	  season's shares around their mean over the years, all seasons together; an
 *	  index that is the mean of n ratios has 1/n of it.
 *
 *	  Pull.  Of the parts i of one parent, each has a mean squared distance D from
 *	  the parent's indices; its expectation is spread + noise.  The spread is
 *	  the one for which sum(D / (spread + noise)) = parts - 1, or 0 if there is
 *	  none.  A part's index is then
 *
 *		share * parent's + (1 - share) * own,	share = noise / (noise + spread)
 *
 *	  so what is thin or erratic takes the parent's index, and all do if they differ
 *	  by no more than chance.
 *
 * Everything is in whole numbers: indices in 10^-12, variances in 10^-24, each
 * quotient rounded half away from zero.
 *
 * Source
 *	  Ratio to moving average: F. R. Macaulay, "The smoothing of time series"
 *	  (1931); as R's decompose() does it.  The pull: B. Efron and C. Morris, "Data
 *	  analysis using Stein's estimator", J. Amer. Statist. Assoc. 70 (1975); the
 *	  spread by R. C. Paule and J. Mandel, "Consensus values and weighting
 *	  factors", J. Res. Nat. Bur. Stand. 87 (1982).
 *
 * Limits
 *	  2 to 60 seasons, 1200 periods.  Two whole years at least; with fewer there are
 *	  no own indices.  With two years every season has one ratio, and no outlier
 *	  can be told.  Growth in one step is taken for growth over the year around
 *	  it.  A part of the year that moves (Easter) is in no index; the
 *	  working days have to know it.  Ratios beyond +- 2 s, which only
 *	  negative amounts can make, are cut to that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_ENGINE_SEASONAL_H
#define TS_ENGINE_SEASONAL_H

#include "engine/apportion.h"

#define TS_SEASONAL_ONE			INT64_C(1000000000000)
#define TS_SEASONAL_MAX_SEASONS 60
#define TS_SEASONAL_MAX_PERIODS 1200

typedef struct ts_seasonal_input
{
	int			n;				/* periods, one after the other */
	int			seasons;
	int			first;			/* season of the first period, from 0 */
	const ts_int128 *amount;	/* per period, at one scale */
	const int64_t *days;		/* working days per period, in any unit; not
								 * negative */
	bool		damped;			/* outliers are cut */
} ts_seasonal_input;

typedef struct ts_season
{
	int			n;				/* ratios; 0: there is no index */
	ts_int128	index;			/* the mean over those that there are is 1 */
	ts_int128	deviation;		/* mean |ratio - index|; -1 with fewer than two */
} ts_season;

typedef struct ts_seasonal_result
{
	int			begin;			/* period that the series begins with */
	int			n_years;		/* whole years from there on */
	bool		known;			/* there are own indices, of two years or more */
	bool		complete;		/* of all seasons that have working days */
	ts_int128	noise;			/* of an index */
} ts_seasonal_result;

/* Bytes of work space for so many periods */
extern size_t ts_seasonal_work(int n);

/*
 * season[] gets the own indices, one per season.  TS_TOO_LARGE: beyond the
 * limits above.
 */
extern ts_status ts_seasonal_own(const ts_seasonal_input *input, ts_season *season,
								 ts_seasonal_result *result, void *work);

/* Mean squared distance of own indices from the parent's */
extern ts_int128 ts_seasonal_distance(int seasons, const ts_season *season, const ts_int128 *parent);

/* Shares of the parent's index, in 10^-12, for n parts that have own indices */
extern void ts_seasonal_pull(size_t n, const ts_int128 *distance, const ts_int128 *noise, int64_t *share,
							 ts_check check);

/* index[] gets own and parent's mixed; where there is no own one, the parent's */
extern void ts_seasonal_mix(int seasons, const ts_season *season, const ts_int128 *parent, int64_t share,
							ts_int128 *index);

#endif							/* TS_ENGINE_SEASONAL_H */
