/*-------------------------------------------------------------------------
 *
 * rake.c
 *	  A table that is as near as possible to a seed and fits several margins:
 *	  raking, also known as iterative proportional fitting.
 *
 * Glossary (see also units.h)
 *	  seed			of a cell: what it would be like without the margins
 *	  margin		a way to group the cells
 *	  group			cells that must add up to a total; free: it has none
 *	  factor		of a group: cell = seed * product of its groups' factors,
 *					moved to its bound where that is beyond one
 *	  residual		of a group: its total less the sum of its cells
 *	  slack			what a residual is measured in: 1 is good enough
 *	  sweep			all factors found anew, margin by margin
 *	  block			margins whose factors are found in one pass over the cells
 *	  condensed		of a block: the table summed over all that its margins do
 *					not tell apart
 *	  slot			a group among those of all margins; each margin has one more
 *					in front, for the cells in none of its groups
 *	  ray			whole numbers by group that prove that no table fits
 *	  row			consecutive cells that are worked on together
 *
 * Method
 *	  Among all tables that fit, cell = seed * product of factors is the one
 *	  that is nearest to the seed in the sense of Kullback and Leibler (C. T.
 *	  Ireland and S. Kullback, "Contingency tables with given marginals",
 *	  Biometrika 55 (1968)).  Only factors are kept; cells are computed where
 *	  they are needed.
 *
 *	  Sweeps.  The factors of one margin, given the others, are total / sum.
 *	  Margins that follow each other form a block if the table condensed to
 *	  what they tell apart is small: then one pass over the cells condenses it,
 *	  and all their factors are found from that.  Four margins of one axis each
 *	  take two passes, not four.
 *
 *	  Bounds.  The sum of a group is piecewise linear in its factor and does not
 *	  fall.  Newton's method finds where it meets the total, between brackets,
 *	  for all groups of the margin at once.
 *
 *	  Newton.  Where sweeps are slow (the limit has cells at 0 that the seed has
 *	  not, or the table hardly hangs together), the logarithms of all factors
 *	  are moved at once, by the solution of the linearized equations, which
 *	  conjugate gradients find without any matrix.  A step is taken only if the
 *	  residuals shrink by it.
 *
 *	  The end is when residuals are small in money, never when cells have
 *	  stopped moving: every |residual| is at most 1/1000 unit, at most a share
 *	  of 1e-12 (tolerance) of the total, and all together are at most 1/4 unit.
 *	  Totals so large that doubles cannot do that get 1e-14 of the total.
 *
 *	  Proofs.  If there are whole numbers d by group such that the sum of d over
 *	  the groups of a cell is at most 0 for every cell, but that of d * total is
 *	  not, then no table of cells >= 0 fits (Farkas' lemma; with bounds, a cell
 *	  counts at the bound that is best for it).  Where no table fits, factors
 *	  drift along such a ray.  What they have drifted is rounded to small whole
 *	  numbers, and these are added up exactly: only a ray that proves it is
 *	  returned.  Parts of two margins that hold the same cells but differ in
 *	  their totals, and groups that have no cell or not enough room, are seen
 *	  without sweeps.
 *
 *	  Sums are made in portions, so that an error does not grow with the number
 *	  of cells.
 *
 * Limits
 *	  n <= 2^31 cells.  Doubles, in a fixed order and without fused operations
 *	  (the file must be compiled with -ffp-contract=off), so that results are
 *	  the same everywhere.  Whether a table fits three or more margins is not
 *	  always decided: TS_RAKE_NOT_CONVERGED.
 *	  Time: O(n * margins) a sweep; memory: ts_rake_work.
 *
 *-------------------------------------------------------------------------
 */
#include "engine/rake.h"

#include <math.h>
#include <string.h>

/* cells of a row: at most, and at least where axes allow it */
#define ROW_CELLS		1024
#define ROW_CELLS_MAX	65536
#define ROW_CELLS_MIN	256

/* cells between two calls of the caller's check function, about */
#define CHECK_CELLS		100000

/* a condensed table of several margins has at most this part of the cells */
#define CONDENSED_PART	64

/* what a residual may be: units, by total, by total that doubles can do */
#define SLACK_UNITS		1e-3
#define SLACK_SUM		0.25
#define SLACK_SHARE		1e-12
#define SLACK_DOUBLE	1e-14

/* condensed tables so small that there are several copies to add to */
#define COPIED_SIZE		16384
#define TABLE_COPIES	4

/* cycles over the margins of a block on its condensed table */
#define BLOCK_CYCLES	6

/* passes to find the factors of a margin with bounds */
#define BOUND_PASSES	40

/* sweeps before Newton is thought of, and how many more must be expected */
#define PATIENCE		4
#define SLOW_SWEEPS		12

/* steps of Newton in a go, and how many without gain; of conjugate gradients */
#define NEWTON_STEPS	100
#define NEWTON_PATIENCE	8
#define GRADIENT_STEPS	300

/* what keeps the linear equations solvable */
#define DAMPING			1e-8

/* trials along a line, and how far logarithms may move there */
#define LINE_TRIALS		16
#define LINE_LONGEST	60.0

#define LN_2			0.69314718055994530942

/* sweeps in which factors drift, and the largest number in a ray */
#define DRIFT_SWEEPS	24
#define RAY_LARGEST		12

/* factors beyond these are on their way to infinity */
#define FACTOR_LARGEST	1e120

#define DEFAULT_SWEEPS	2000

/* how a margin's groups change within a row */
typedef enum row_kind
{
	ROW_SAME,					/* one group in all of the row */
	ROW_FIXED,					/* the same groups in every row */
	ROW_MIXED
} row_kind;

typedef struct margin_view
{
	row_kind	kind;
	double	   *factor;			/* by group, -1 for cells in none */
	double	   *total;
	ptrdiff_t	slot;			/* of group 0 */
	int32_t    *inner;			/* axes: by place in a row */
	/* of the row at hand: group = offset + index[place] */
	ptrdiff_t	offset;
	const int32_t *index;
} margin_view;

typedef struct rake_block
{
	uint32_t	margins;
	int			first;
	int			last;
	size_t		size;			/* of its condensed table */
	row_kind	kind;
	bool		is_whole;		/* axes: the row is a stretch of the table */
	uint32_t	axes;
	int32_t    *inner;			/* axes, as in margin_view */
	ptrdiff_t	offset;
	int32_t    *group[TS_RAKE_MAX_MARGINS]; /* by place in the table */
	ptrdiff_t	stride[TS_RAKE_MAX_MARGINS];	/* without axes */
} rake_block;

typedef struct rake
{
	const ts_rake_input *input;
	int			n_margins;
	bool		bounded;
	bool		has_axes;
	size_t		n_slots;
	size_t		n_totals;		/* groups that are not free */
	margin_view margin[TS_RAKE_MAX_MARGINS];
	int			n_blocks;
	rake_block	block[TS_RAKE_MAX_MARGINS];
	/* rows */
	size_t		row_cells;
	size_t		n_rows;
	int			outer_axes;
	size_t		row;			/* the one at hand */
	size_t		first;			/* its first cell */
	size_t		cells;
	size_t		since_check;
	int32_t		at[TS_RAKE_MAX_AXES];
	/* by place in a row */
	double	   *weight;
	double	   *fixed;
	bool		has_fixed;
	double	   *value;
	double	   *open;
	double	   *change;
	int32_t    *place;
	/* condensed tables: sums, and the portion at hand */
	double	   *condensed;
	double	   *portion;
	/* by slot */
	double	   *factors;
	double	   *totals;
	double	   *sum;
	double	   *part;
	double	   *open_sum;
	double	   *open_part;
	double	   *saved;
	double	   *rest;
	double	   *solution;
	double	   *direction;
	double	   *product;
	double	   *precondition;
	int32_t    *set;			/* groups that hang together; see totals_agree */
	int32_t    *set_size;
	bool	   *leaks;
	double	   *low;			/* bounds only: brackets, breakpoints */
	double	   *high;
	double	   *next_up;
	double	   *next_down;
	bool		broken;			/* a sum is not finite any more */
	double		residual;
	int			residual_margin;
	int32_t		residual_group;
	double		residual_sum;
	int			newton_steps;
} rake;

/* ------------------------------------------------------------ memory */

/* hands out the caller's work memory; only counts where base is NULL */
typedef struct arena
{
	char	   *base;
	size_t		used;
} arena;

static void *
take(arena *a, size_t count, size_t size)
{
	void	   *start = a->base == NULL ? NULL : a->base + a->used;

	a->used += (count * size + 15) / 16 * 16;
	return start;
}

static double *
take_doubles(arena *a, size_t count)
{
	return take(a, count, sizeof(double));
}

/* ---------------------------------------------------------------- rows */

/* is the axis, or the margin, in the set? */
static inline bool
has_bit(uint32_t set, int bit)
{
	return ((set >> (bit & 31)) & 1) != 0;
}

/*
 * The stride of an axis among the axes in a set, or 0 if it is none of them
 */
static ptrdiff_t
stride_of(const ts_rake_input *input, uint32_t axes, int axis)
{
	ptrdiff_t	stride = 1;
	int			a;

	if (!has_bit(axes, axis))
		return 0;
	for (a = axis + 1; a < input->n_axes; a++)
	{
		if (has_bit(axes, a))
			stride *= input->size[a];
	}
	return stride;
}

/*
 * Places of the row's cells among the combinations of some axes, for a row that
 * is at 0 on all outer axes; and how they change from row to row
 */
static row_kind
describe_inner(const rake *r, uint32_t axes, int32_t *inner)
{
	const ts_rake_input *input = r->input;
	uint32_t	outer = r->outer_axes == 0 ? 0 :
		UINT32_MAX >> (32 - r->outer_axes);
	size_t		l;

	if (inner != NULL)
	{
		for (l = 0; l < r->row_cells; l++)
		{
			size_t		rest = l;
			ptrdiff_t	place = 0;
			int			a;

			for (a = input->n_axes - 1; a >= r->outer_axes; a--)
			{
				place += (ptrdiff_t) (rest % (size_t) input->size[a]) *
					stride_of(input, axes, a);
				rest /= (size_t) input->size[a];
			}
			inner[l] = (int32_t) place;
		}
	}
	if ((axes & ~outer) == 0)
		return ROW_SAME;
	return (axes & outer) == 0 ? ROW_FIXED : ROW_MIXED;
}

static void
point_at_row(rake *r)
{
	int			k;

	r->first = r->row * r->row_cells;
	r->cells = r->input->n - r->first < r->row_cells ?
		r->input->n - r->first : r->row_cells;
	if (!r->has_axes)
	{
		for (k = 0; k < r->n_margins; k++)
			r->margin[k].index = r->input->margin[k].group + r->first;
	}
}

static void
first_row(rake *r)
{
	int			k;

	r->row = 0;
	memset(r->at, 0, sizeof(r->at));
	for (k = 0; k < r->n_margins; k++)
		r->margin[k].offset = 0;
	for (k = 0; k < r->n_blocks; k++)
		r->block[k].offset = 0;
	point_at_row(r);
}

/*
 * Is there a row at hand?  Moves on to the next one unless it is the first call.
 */
static bool
next_row(rake *r)
{
	const ts_rake_input *input = r->input;
	int			a;
	int			k;

	r->row++;
	if (r->row >= r->n_rows)
		return false;
	r->since_check += r->cells;
	if (r->since_check > CHECK_CELLS)
	{
		r->since_check = 0;
		if (input->check != NULL)
			input->check();
	}
	for (a = r->outer_axes - 1; a >= 0; a--)
	{
		ptrdiff_t	steps = 1;

		if (++r->at[a] == input->size[a])
		{
			r->at[a] = 0;
			steps = 1 - (ptrdiff_t) input->size[a];
		}
		for (k = 0; k < r->n_margins; k++)
			r->margin[k].offset += steps * stride_of(input, input->margin[k].axes, a);
		for (k = 0; k < r->n_blocks; k++)
			r->block[k].offset += steps * stride_of(input, r->block[k].axes, a);
		if (steps == 1)
			break;
	}
	point_at_row(r);
	return true;
}

/*
 * Before the rows of a pass: the product of the factors that are the same in
 * every row, leaving out the margins in skip
 */
static void
prepare_rows(rake *r, uint32_t skip)
{
	int			k;
	size_t		l;

	r->has_fixed = false;
	if (!r->has_axes)
		return;
	for (k = 0; k < r->n_margins; k++)
	{
		const margin_view *m = &r->margin[k];

		if (m->kind != ROW_FIXED || has_bit(skip, k))
			continue;
		for (l = 0; l < r->row_cells; l++)
			r->fixed[l] = (r->has_fixed ? r->fixed[l] : 1) * m->factor[m->inner[l]];
		r->has_fixed = true;
	}
}

/*
 * Products of factors in the row at hand, without the margins in skip: the
 * result times weights by place, which are all 1 where *weight is NULL
 */
static double
row_weights(rake *r, uint32_t skip, const double **weight)
{
	const double *source = r->has_fixed ? r->fixed : NULL;
	double		scale = 1;
	size_t		cells = r->cells;
	int			k;

	for (k = 0; k < r->n_margins; k++)
	{
		const margin_view *m = &r->margin[k];
		const double *factor = m->factor + m->offset;
		const int32_t *index = m->index;
		double	   *target = r->weight;
		size_t		l;

		if (has_bit(skip, k) || m->kind == ROW_FIXED)
			continue;
		if (m->kind == ROW_SAME)
			scale *= *factor;
		else
		{
			if (source == NULL)
			{
				for (l = 0; l < cells; l++)
					target[l] = factor[index[l]];
			}
			else
			{
				for (l = 0; l < cells; l++)
					target[l] = source[l] * factor[index[l]];
			}
			source = target;
		}
	}
	*weight = source;
	return scale;
}

/*
 * Eight sums side by side: fast, and the same on every machine
 */
typedef double lanes __attribute__((vector_size(32), aligned(8)));

static double
dot(size_t n, const double *a, const double *b)
{
	lanes		low = {0, 0, 0, 0};
	lanes		high = {0, 0, 0, 0};
	double		rest = 0;
	size_t		i = 0;

	if (b == NULL)
	{
		for (; i + 8 <= n; i += 8)
		{
			low += *(const lanes *) (a + i);
			high += *(const lanes *) (a + i + 4);
		}
		for (; i < n; i++)
			rest += a[i];
	}
	else
	{
		for (; i + 8 <= n; i += 8)
		{
			low += *(const lanes *) (a + i) * *(const lanes *) (b + i);
			high += *(const lanes *) (a + i + 4) * *(const lanes *) (b + i + 4);
		}
		for (; i < n; i++)
			rest += a[i] * b[i];
	}
	low += high;
	return ((low[0] + low[1]) + (low[2] + low[3])) + rest;
}

/* sum[i] += scale * a[i] * b[i] */
static void
add_products(size_t n, double scale, const double *a, const double *b, double *sum)
{
	lanes		scales = {scale, scale, scale, scale};
	size_t		i = 0;

	if (b == NULL)
	{
		for (; i + 4 <= n; i += 4)
			*(lanes *) (sum + i) += scales * *(const lanes *) (a + i);
		for (; i < n; i++)
			sum[i] += scale * a[i];
	}
	else
	{
		for (; i + 4 <= n; i += 4)
			*(lanes *) (sum + i) += scales * *(const lanes *) (a + i) * *(const lanes *) (b + i);
		for (; i < n; i++)
			sum[i] += scale * a[i] * b[i];
	}
}

/*
 * Adds a portion to the sums and begins a new one
 */
static void
add_portion(size_t n, double *sum, double *portion)
{
	size_t		i;

	for (i = 0; i < n; i++)
	{
		sum[i] += portion[i];
		portion[i] = 0;
	}
}

/*
 * Rows to a portion, where sums are made in a table of this size: so many that
 * adding portions costs little
 */
static size_t
portion_rows(const rake *r, size_t size)
{
	size_t		rows = 64 * size / r->row_cells + 1;

	while (rows * rows * r->row_cells < r->n_rows * size)
		rows *= 2;
	return rows;
}

/* ------------------------------------------------------ condensed tables */

/*
 * The row's places in the block's condensed table
 */
static const int32_t *
block_places(rake *r, const rake_block *b)
{
	const int32_t *first = r->margin[b->first].index;
	int32_t		stride = (int32_t) b->stride[b->first];
	int32_t    *place = r->place;
	size_t		l;
	int			k;

	if (r->has_axes)
		return b->inner;
	if (b->first == b->last)
	{
		for (l = 0; l < r->cells; l++)
			place[l] = first[l] + 1;
		return place;
	}
	for (k = b->first + 1; k <= b->last; k++)
	{
		const int32_t *second = r->margin[k].index;
		int32_t		by = (int32_t) b->stride[k];
		int32_t		shift = by + (k == b->first + 1 ? stride : 0);

		if (k == b->first + 1)
		{
			for (l = 0; l < r->cells; l++)
				place[l] = first[l] * stride + second[l] * by + shift;
		}
		else
		{
			for (l = 0; l < r->cells; l++)
				place[l] += second[l] * by + shift;
		}
	}
	return place;
}

/*
 * Adds cells to their places of a table; copies of it, this far from each
 * other, are added to in turn, as the same place often comes several times in
 * a row and an addition would have to wait for the one before it
 */
static void
add_at_places(size_t n, double scale, const double *seed, const double *weight,
			  const int32_t *place, double *table, size_t distance)
{
	double	   *second = table + distance;
	double	   *third = second + distance;
	double	   *fourth = third + distance;
	size_t		i = 0;

	if (weight == NULL)
	{
		for (; i + 4 <= n; i += 4)
		{
			table[place[i]] += scale * seed[i];
			second[place[i + 1]] += scale * seed[i + 1];
			third[place[i + 2]] += scale * seed[i + 2];
			fourth[place[i + 3]] += scale * seed[i + 3];
		}
		for (; i < n; i++)
			table[place[i]] += scale * seed[i];
	}
	else
	{
		for (; i + 4 <= n; i += 4)
		{
			table[place[i]] += scale * seed[i] * weight[i];
			second[place[i + 1]] += scale * seed[i + 1] * weight[i + 1];
			third[place[i + 2]] += scale * seed[i + 2] * weight[i + 2];
			fourth[place[i + 3]] += scale * seed[i + 3] * weight[i + 3];
		}
		for (; i < n; i++)
			table[place[i]] += scale * seed[i] * weight[i];
	}
}

/*
 * Condense the table to what the block's margins tell apart, without their
 * factors
 */
static void
condense(rake *r, const rake_block *b)
{
	size_t		copies = b->size <= COPIED_SIZE ? TABLE_COPIES : 1;
	size_t		distance = copies > 1 ? b->size : 0;
	size_t		rows = portion_rows(r, b->size * copies);
	size_t		left = rows;
	bool		more = true;

	memset(r->condensed, 0, b->size * sizeof(double));
	memset(r->portion, 0, b->size * copies * sizeof(double));
	prepare_rows(r, b->margins);
	for (first_row(r); more;)
	{
		const double *seed = r->input->seed + r->first;
		const double *weight;
		double		scale = row_weights(r, b->margins, &weight);
		double	   *table = r->portion + b->offset;

		if (scale == 0)
			;					/* all of the row is 0 */
		else if (r->has_axes && b->kind == ROW_SAME)
			*table += scale * dot(r->cells, seed, weight);
		else if (r->has_axes && b->is_whole)
			add_products(r->cells, scale, seed, weight, table);
		else
			add_at_places(r->cells, scale, seed, weight, block_places(r, b), table, distance);
		more = next_row(r);
		if (--left == 0 || !more)
		{
			size_t		copy;

			for (copy = 0; copy < copies; copy++)
				add_portion(b->size, r->condensed, r->portion + copy * b->size);
			left = rows;
		}
	}
}

/* what a residual of this group is measured in */
static double
slack_of(const rake *r, double total)
{
	double		share = r->input->tolerance > 0 ? r->input->tolerance : SLACK_SHARE;
	double		slack = SLACK_UNITS;

	if (slack * (double) r->n_totals > SLACK_SUM)
		slack = SLACK_SUM / (double) r->n_totals;
	if (slack > share * total)
		slack = share * total;
	if (slack < SLACK_DOUBLE * total)
		slack = SLACK_DOUBLE * total;
	return slack > 1e-300 ? slack : 1e-300;
}

static void
start_residuals(rake *r)
{
	r->residual = 0;
	r->residual_margin = 0;
	r->residual_group = 0;
	r->residual_sum = 0;
}

/*
 * Take note of a residual; returns it in terms of its slack
 */
static double
note_residual(rake *r, int margin, ptrdiff_t group, double sum)
{
	double		total = r->margin[margin].total[group];
	double		residual = fabs(total - sum);

	if (!isfinite(sum))
	{
		r->broken = true;
		return HUGE_VAL;
	}
	r->residual_sum += residual;
	if (residual > r->residual)
	{
		r->residual = residual;
		r->residual_margin = margin;
		r->residual_group = (int32_t) group;
	}
	return residual / slack_of(r, total);
}

/*
 * Sums of a margin's groups in a condensed table, without the margin's own
 * factors
 */
static void
sum_condensed(rake *r, const rake_block *b, int margin)
{
	double	   *sum = r->sum + r->margin[margin].slot;
	size_t		t;
	int			k;

	memset(sum - 1, 0, (size_t) (r->input->margin[margin].n_groups + 1) * sizeof(double));
	for (t = 0; t < b->size; t++)
	{
		double		value = r->condensed[t];

		for (k = b->first; k <= b->last; k++)
		{
			if (k != margin)
				value *= r->margin[k].factor[b->group[k][t]];
		}
		sum[b->group[margin][t]] += value;
	}
}

/*
 * The factors of a block's margins, or only its residuals; returns the largest
 * residual met, in terms of its slack
 */
static double
fit_block(rake *r, const rake_block *b, bool only_measure)
{
	double		worst_of_all = 0;
	int			cycle;
	int			k;

	condense(r, b);
	for (cycle = 0; cycle < BLOCK_CYCLES; cycle++)
	{
		double		worst = 0;

		for (k = b->first; k <= b->last; k++)
		{
			const margin_view *m = &r->margin[k];
			const double *sum = r->sum + m->slot;
			ptrdiff_t	g;

			sum_condensed(r, b, k);
			for (g = 0; g < r->input->margin[k].n_groups; g++)
			{
				double		scaled;

				if (isnan(m->total[g]))
					continue;
				scaled = cycle == 0 ? note_residual(r, k, g, m->factor[g] * sum[g]) :
					fabs(m->total[g] - m->factor[g] * sum[g]) / slack_of(r, m->total[g]);
				if (scaled > worst)
					worst = scaled;
				if (only_measure || m->total[g] == 0)
					continue;
				m->factor[g] = m->total[g] / sum[g];
				if (!(m->factor[g] < FACTOR_LARGEST && m->factor[g] > 1 / FACTOR_LARGEST))
					r->broken = true;
			}
		}
		if (cycle == 0)
			worst_of_all = worst;
		if (only_measure || r->broken || b->first == b->last ||
			worst <= 0.25 || worst <= 0.02 * worst_of_all)
			break;
	}
	return worst_of_all;
}

/* ------------------------------------------------------------- all cells */

/*
 * Values of the row's cells, in r->value; what of them moves with the factors
 * in r->open, which is r->value itself where there are no bounds
 */
static void
row_values(rake *r)
{
	const double *seed = r->input->seed + r->first;
	const double *weight;
	double		scale = row_weights(r, 0, &weight);
	size_t		l;

	if (weight == NULL)
	{
		for (l = 0; l < r->cells; l++)
			r->value[l] = scale * seed[l];
	}
	else
	{
		for (l = 0; l < r->cells; l++)
			r->value[l] = scale * weight[l] * seed[l];
	}
	if (!r->bounded)
		return;
	for (l = 0; l < r->cells; l++)
	{
		double		lower = r->input->lower == NULL ? 0 : r->input->lower[r->first + l];
		double		upper = r->input->upper == NULL ? HUGE_VAL : r->input->upper[r->first + l];
		double		x = r->value[l];

		if (x < lower)
			x = lower;
		else if (x > upper)
			x = upper;
		r->open[l] = x == r->value[l] ? x : 0;
		r->value[l] = x;
	}
}

/*
 * Adds values of the row to the sums of a margin's groups
 */
static void
add_row(const rake *r, int margin, const double *value, double *sum)
{
	const margin_view *m = &r->margin[margin];
	const int32_t *index = m->index;
	size_t		l;

	sum += m->slot + m->offset;
	if (m->kind == ROW_SAME)
	{
		*sum += dot(r->cells, value, NULL);
		return;
	}
	for (l = 0; l < r->cells; l++)
		sum[index[l]] += value[l];
}

/*
 * Sums of all groups, of all cells and of those that move; values go to cell
 * as well, unless it is NULL.  Returns the largest residual in terms of its
 * slack.
 */
static double
measure(rake *r, double *cell)
{
	size_t		rows = portion_rows(r, r->n_slots);
	size_t		left = rows;
	double		worst = 0;
	int			k;

	memset(r->sum, 0, r->n_slots * sizeof(double));
	memset(r->part, 0, r->n_slots * sizeof(double));
	if (r->bounded)
	{
		memset(r->open_sum, 0, r->n_slots * sizeof(double));
		memset(r->open_part, 0, r->n_slots * sizeof(double));
	}
	prepare_rows(r, 0);
	first_row(r);
	do
	{
		row_values(r);
		if (cell != NULL)
			memcpy(cell + r->first, r->value, r->cells * sizeof(double));
		for (k = 0; k < r->n_margins; k++)
		{
			add_row(r, k, r->value, r->part);
			if (r->bounded)
				add_row(r, k, r->open, r->open_part);
		}
		if (--left == 0)
		{
			add_portion(r->n_slots, r->sum, r->part);
			if (r->bounded)
				add_portion(r->n_slots, r->open_sum, r->open_part);
			left = rows;
		}
	} while (next_row(r));
	add_portion(r->n_slots, r->sum, r->part);
	if (r->bounded)
		add_portion(r->n_slots, r->open_sum, r->open_part);
	else
		memcpy(r->open_sum, r->sum, r->n_slots * sizeof(double));

	start_residuals(r);
	for (k = 0; k < r->n_margins; k++)
	{
		const margin_view *m = &r->margin[k];
		ptrdiff_t	g;

		for (g = 0; g < r->input->margin[k].n_groups; g++)
		{
			double		scaled;

			if (isnan(m->total[g]))
				continue;
			scaled = note_residual(r, k, g, r->sum[m->slot + g]);
			if (scaled > worst)
				worst = scaled;
		}
	}
	return worst;
}

/* ---------------------------------------------------------------- bounds */

/*
 * Sums of a margin's groups at its present factors: of all cells, of those
 * that move with the factor; and where the next one would begin to
 */
static void
sum_bounded(rake *r, int margin)
{
	const ts_rake_input *input = r->input;
	const margin_view *m = &r->margin[margin];
	uint32_t	skip = UINT32_C(1) << margin;
	double	   *sum = r->sum + m->slot;
	double	   *part = r->part + m->slot;
	double	   *open_sum = r->open_sum + m->slot;
	double	   *open_part = r->open_part + m->slot;
	double	   *next_up = r->next_up + m->slot;
	double	   *next_down = r->next_down + m->slot;
	size_t		size = (size_t) input->margin[margin].n_groups + 1;
	size_t		rows = portion_rows(r, size);
	size_t		left = rows;
	size_t		l;
	ptrdiff_t	g;

	memset(sum - 1, 0, size * sizeof(double));
	memset(part - 1, 0, size * sizeof(double));
	memset(open_sum - 1, 0, size * sizeof(double));
	memset(open_part - 1, 0, size * sizeof(double));
	for (g = -1; g < input->margin[margin].n_groups; g++)
	{
		next_up[g] = HUGE_VAL;
		next_down[g] = 0;
	}
	prepare_rows(r, skip);
	first_row(r);
	do
	{
		const double *seed = input->seed + r->first;
		const double *weight;
		double		scale = row_weights(r, skip, &weight);

		for (l = 0; l < r->cells; l++)
		{
			double		lower = input->lower == NULL ? 0 : input->lower[r->first + l];
			double		upper = input->upper == NULL ? HUGE_VAL : input->upper[r->first + l];
			double		w = scale * (weight == NULL ? 1 : weight[l]) * seed[l];
			double		x;

			g = m->offset + m->index[l];
			x = w * m->factor[g];
			if (x < lower)
			{
				part[g] += lower;
				if (w > 0 && lower < upper && lower / w < next_up[g])
					next_up[g] = lower / w;
			}
			else if (x > upper)
			{
				part[g] += upper;
				if (lower < upper && upper / w > next_down[g])
					next_down[g] = upper / w;
			}
			else
			{
				part[g] += x;
				open_part[g] += x;
			}
		}
		if (--left == 0)
		{
			add_portion(size, sum - 1, part - 1);
			add_portion(size, open_sum - 1, open_part - 1);
			left = rows;
		}
	} while (next_row(r));
	add_portion(size, sum - 1, part - 1);
	add_portion(size, open_sum - 1, open_part - 1);
}

/*
 * The next factor to try for a group: Newton's, unless it leaves the bracket
 */
static double
better_factor(double factor, double total, double sum, double open,
			  double next_up, double next_down, double *low, double *high)
{
	double		closed = sum - open;
	double		guess;

	if (sum < total)
		*low = factor;
	else
		*high = factor;
	if (open > 0 && total > closed)
		guess = factor * ((total - closed) / open);
	else if (sum < total)
		guess = next_up * (1 + 1e-12);
	else
		guess = next_down * (1 - 1e-12);
	if (guess == factor)
		return factor;
	if (guess > *low && guess < *high && guess < FACTOR_LARGEST && guess > 1 / FACTOR_LARGEST)
		return guess;
	if (*high == HUGE_VAL)
		return *low * 2;
	if (*low <= *high / 1024)
		return *high / 32;
	return *low + (*high - *low) / 2;
}

/*
 * The factors of one margin of a table with bounds; returns the largest
 * residual met in terms of its slack
 */
static double
fit_bounded(rake *r, int margin)
{
	const margin_view *m = &r->margin[margin];
	int32_t		n_groups = r->input->margin[margin].n_groups;
	double		worst_of_all = 0;
	int			pass;
	ptrdiff_t	g;

	for (g = 0; g < n_groups; g++)
	{
		r->low[m->slot + g] = 0;
		r->high[m->slot + g] = HUGE_VAL;
	}
	for (pass = 0; pass < BOUND_PASSES; pass++)
	{
		double		worst = 0;

		sum_bounded(r, margin);
		for (g = 0; g < n_groups; g++)
		{
			ptrdiff_t	s = m->slot + g;
			double		scaled;
			double		factor;

			if (isnan(m->total[g]))
				continue;
			scaled = pass == 0 ? note_residual(r, margin, g, r->sum[s]) :
				fabs(m->total[g] - r->sum[s]) / slack_of(r, m->total[g]);
			if (m->total[g] == 0)
				continue;
			if (scaled > worst)
				worst = scaled;
			if (scaled <= 0.125)
				continue;
			factor = better_factor(m->factor[g], m->total[g], r->sum[s], r->open_sum[s],
								   r->next_up[s], r->next_down[s], &r->low[s], &r->high[s]);

			/* groups that are all at their bounds stay where they are */
			if (factor < FACTOR_LARGEST && factor > 1 / FACTOR_LARGEST)
				m->factor[g] = factor;
		}
		if (pass == 0)
			worst_of_all = worst;
		if (r->broken || worst <= 0.25 || (pass > 0 && worst <= 0.01 * worst_of_all))
			break;
	}
	return worst_of_all;
}

/* ---------------------------------------------------------------- sweeps */

static double
sweep(rake *r)
{
	double		worst = 0;
	int			k;

	start_residuals(r);
	for (k = 0; k < (r->bounded ? r->n_margins : r->n_blocks) && !r->broken; k++)
	{
		double		scaled = r->bounded ? fit_bounded(r, k) :
			fit_block(r, &r->block[k], false);

		if (scaled > worst)
			worst = scaled;
	}
	return worst;
}

/*
 * All residuals at the same factors
 */
static double
verify(rake *r)
{
	double		worst = 0;
	int			k;

	if (r->bounded)
		return measure(r, NULL);
	start_residuals(r);
	for (k = 0; k < r->n_blocks; k++)
	{
		double		scaled = fit_block(r, &r->block[k], true);

		if (scaled > worst)
			worst = scaled;
	}
	return worst;
}

/* ------------------------------------------------------ linear equations */

/*
 * product = what the sums of the groups change by if the logarithms of the
 * factors change by direction
 */
static void
multiply(rake *r, const double *direction, double *product)
{
	int			k;
	size_t		l;

	memset(product, 0, r->n_slots * sizeof(double));
	prepare_rows(r, 0);
	first_row(r);
	do
	{
		const double *open = r->bounded ? r->open : r->value;

		row_values(r);
		memset(r->change, 0, r->cells * sizeof(double));
		for (k = 0; k < r->n_margins; k++)
		{
			const margin_view *m = &r->margin[k];
			const double *d = direction + m->slot + m->offset;

			if (m->kind == ROW_SAME)
			{
				for (l = 0; l < r->cells; l++)
					r->change[l] += *d;
			}
			else
			{
				for (l = 0; l < r->cells; l++)
					r->change[l] += d[m->index[l]];
			}
		}
		for (l = 0; l < r->cells; l++)
			r->change[l] *= open[l];
		for (k = 0; k < r->n_margins; k++)
			add_row(r, k, r->change, product);
	} while (next_row(r));
	for (k = 0; k < r->n_margins; k++)
	{
		const margin_view *m = &r->margin[k];
		ptrdiff_t	g;

		/* free groups do not move */
		for (g = -1; g < r->input->margin[k].n_groups; g++)
		{
			if (r->precondition[m->slot + g] == 0)
				product[m->slot + g] = 0;
		}
	}
}

/*
 * Solves the linearized equations for the residuals in r->sum, by conjugate
 * gradients; the answer is in r->solution.  Returns its product with the
 * residuals: how fast the dual grows that way.
 */
static double
solve_linear(rake *r)
{
	size_t		n = r->n_slots;
	double		first;
	double		old;
	double		slope = 0;
	size_t		step;
	size_t		i;
	int			k;

	memset(r->rest, 0, n * sizeof(double));
	memset(r->precondition, 0, n * sizeof(double));
	memset(r->solution, 0, n * sizeof(double));
	for (k = 0; k < r->n_margins; k++)
	{
		const margin_view *m = &r->margin[k];
		ptrdiff_t	g;

		for (g = 0; g < r->input->margin[k].n_groups; g++)
		{
			double		open = r->open_sum[m->slot + g];

			if (isnan(m->total[g]) || m->total[g] == 0 || !(open > 0))
				continue;
			r->precondition[m->slot + g] = 1 / open;
			r->rest[m->slot + g] = m->total[g] - r->sum[m->slot + g];
		}
	}
	old = 0;
	for (i = 0; i < n; i++)
	{
		r->direction[i] = r->precondition[i] * r->rest[i];
		old += r->direction[i] * r->rest[i];
	}
	first = old;
	for (step = 0; step < 2 * n + 10 && step < GRADIENT_STEPS && old > 1e-12 * first; step++)
	{
		double		length = 0;
		double		now = 0;

		multiply(r, r->direction, r->product);
		for (i = 0; i < n; i++)
		{
			if (r->precondition[i] > 0)
				r->product[i] += DAMPING / r->precondition[i] * r->direction[i];
		}
		for (i = 0; i < n; i++)
			length += r->direction[i] * r->product[i];
		if (!(length > 0))
			break;
		length = old / length;
		for (i = 0; i < n; i++)
		{
			r->solution[i] += length * r->direction[i];
			r->rest[i] -= length * r->product[i];
			now += r->precondition[i] * r->rest[i] * r->rest[i];
		}
		for (i = 0; i < n; i++)
			r->direction[i] = r->precondition[i] * r->rest[i] + now / old * r->direction[i];
		old = now;
	}
	for (k = 0; k < r->n_margins; k++)
	{
		const margin_view *m = &r->margin[k];
		ptrdiff_t	g;

		for (g = 0; g < r->input->margin[k].n_groups; g++)
		{
			if (r->precondition[m->slot + g] > 0)
				slope += r->solution[m->slot + g] * (m->total[g] - r->sum[m->slot + g]);
		}
	}
	return slope;
}

/* ---------------------------------------------------------------- proofs */

static inline bool
is_whole(double x)
{
	return fabs(x) <= 9007199254740992.0 && floor(x) == x;
}

/*
 * Does the ray prove that no table fits?
 *
 * Each cell adds at most (sum of d over its groups) * (its best bound) to the
 * sum of d * total.  Cells in a group whose total is 0 are 0.
 */
bool
ts_rake_proves(const ts_rake_input *input, const int32_t *ray, ts_int128 *excess)
{
	ts_int128	sum = 0;
	const int32_t *d = ray;
	size_t		i;
	int			k;
	int32_t		g;

	*excess = 0;
	for (k = 0; k < input->n_margins; k++)
	{
		for (g = 0; g < input->margin[k].n_groups; g++)
		{
			double		total = input->margin[k].total[g];

			if (d[g] == 0)
				continue;
			if (isnan(total) || !is_whole(total) || d[g] > 1000000 || d[g] < -1000000)
				return false;
			sum += (ts_int128) total * d[g];
		}
		d += input->margin[k].n_groups;
	}
	for (i = 0; i < input->n; i++)
	{
		double		lower = input->lower == NULL ? 0 : input->lower[i];
		double		upper = input->upper == NULL ? HUGE_VAL : input->upper[i];
		double		bound;
		int64_t		per_unit = 0;
		bool		is_zero = false;

		if (i % CHECK_CELLS == CHECK_CELLS - 1 && input->check != NULL)
			input->check();
		if (input->seed[i] == 0)
			upper = lower;
		if (upper == 0)
			continue;
		d = ray;
		for (k = 0; k < input->n_margins; k++)
		{
			const ts_rake_margin *m = &input->margin[k];
			ptrdiff_t	place = -1;

			if (m->group != NULL)
				place = m->group[i];
			else
			{
				size_t		rest = i;
				ptrdiff_t	stride = 1;
				int			a;

				place = 0;
				for (a = input->n_axes - 1; a >= 0; a--)
				{
					if (has_bit(m->axes, a))
					{
						place += stride * (ptrdiff_t) (rest % (size_t) input->size[a]);
						stride *= input->size[a];
					}
					rest /= (size_t) input->size[a];
				}
			}
			if (place >= 0)
			{
				per_unit += d[place];
				is_zero |= m->total[place] == 0;
			}
			d += m->n_groups;
		}
		bound = per_unit > 0 ? upper : lower;
		if (is_zero && lower == 0)
			bound = 0;
		if (per_unit == 0 || bound == 0)
			continue;
		if (!is_whole(bound))
			return false;
		sum -= (ts_int128) bound * per_unit;
	}
	*excess = sum;
	return sum > 0;
}

/*
 * The natural logarithm, the same on every machine
 */
double
ts_log(double x)
{
	int			exponent;
	double		t;
	double		square;
	double		sum = 0;
	int			i;

	x = frexp(x, &exponent);
	t = (x - 1) / (x + 1);
	square = t * t;
	for (i = 25; i > 0; i -= 2)
		sum = sum * square + 1.0 / i;
	return 2 * t * sum + exponent * LN_2;
}

/*
 * e to the power of x, the same on every machine
 */
static double
power_of_e(double x)
{
	double		whole;
	double		sum = 1;
	int			i;

	if (x == 0)
		return 1;
	if (!(x < 600))
		return HUGE_VAL;
	if (x < -600)
		return 0;
	whole = floor(x / LN_2 + 0.5);
	x -= whole * LN_2;
	for (i = 16; i > 0; i--)
		sum = 1 + sum * x / i;
	return ldexp(sum, (int) whole);
}

/*
 * Has a margin a total for every cell?  Then adding the same to all its factors'
 * logarithms and taking it from another such margin's changes nothing.
 */
static bool
is_complete(const rake *r, int margin)
{
	const ts_rake_margin *m = &r->input->margin[margin];
	int32_t		g;
	size_t		i;

	for (g = 0; g < m->n_groups; g++)
	{
		if (isnan(m->total[g]))
			return false;
	}
	if (m->group != NULL)
	{
		for (i = 0; i < r->input->n; i++)
		{
			if (m->group[i] < 0)
				return false;
		}
	}
	return true;
}

/*
 * Rounds the drift to whole numbers, the largest being q, and tries whether
 * that is a proof
 */
static bool
try_ray(rake *r, const double *drift, double scale, int complete, int32_t *ray)
{
	const ts_rake_input *input = r->input;
	ts_int128	excess;
	int32_t    *d = ray;
	int32_t    *first = NULL;
	int32_t		highest = INT32_MIN;
	int			k;
	int32_t		g;

	for (k = 0; k < input->n_margins; k++)
	{
		if (k == complete)
			first = d;
		for (g = 0; g < input->margin[k].n_groups; g++)
			d[g] = (int32_t) floor(drift[r->margin[k].slot + g] * scale + 0.5);
		d += input->margin[k].n_groups;
	}
	if (ts_rake_proves(input, ray, &excess))
		return true;
	if (first == NULL || r->bounded)
		return false;

	/* the first complete margin takes what cells have too much or too little */
	first_row(r);
	do
	{
		size_t		l;

		for (l = 0; l < r->cells; l++)
		{
			int32_t		sum = 0;
			bool		is_zero = input->seed[r->first + l] == 0;

			d = ray;
			for (k = 0; k < input->n_margins && !is_zero; k++)
			{
				const margin_view *m = &r->margin[k];
				ptrdiff_t	place = m->offset + (m->kind == ROW_SAME ? 0 : m->index[l]);

				if (place >= 0)
				{
					sum += d[place];
					is_zero |= m->total[place] == 0;
				}
				d += input->margin[k].n_groups;
			}
			if (!is_zero && sum > highest)
				highest = sum;
		}
	} while (next_row(r));
	if (highest == INT32_MIN || highest == 0)
		return false;
	for (g = 0; g < input->margin[complete].n_groups; g++)
		first[g] -= highest;
	return ts_rake_proves(input, ray, &excess);
}

/*
 * Looks where the factors have drifted to since they were saved
 */
static bool
find_ray(rake *r, int32_t *ray)
{
	const ts_rake_input *input = r->input;
	double	   *drift = r->direction;
	double		largest = 0;
	int			complete = -1;
	size_t		n_ray = 0;
	int			k;
	int			q;
	ptrdiff_t	g;

	memset(drift, 0, r->n_slots * sizeof(double));
	for (k = 0; k < r->n_margins; k++)
	{
		const margin_view *m = &r->margin[k];
		double		shift = -HUGE_VAL;
		bool		moves = false;

		n_ray += (size_t) input->margin[k].n_groups;
		for (g = 0; g < input->margin[k].n_groups; g++)
		{
			double		after = m->factor[g];
			double		before = r->saved[m->slot + g];

			if (isnan(m->total[g]) || !(after > 0) || !(before > 0) || !isfinite(after))
				continue;
			drift[m->slot + g] = ts_log(after) - ts_log(before);
			if (m->total[g] > 0 && drift[m->slot + g] > shift)
				shift = drift[m->slot + g];
			moves = true;
		}
		if (!moves || !is_complete(r, k))
			continue;
		if (complete < 0)
		{
			complete = k;
			continue;
		}
		/* what does not matter goes to the first margin */
		for (g = 0; g < input->margin[k].n_groups; g++)
			drift[m->slot + g] -= shift;
		for (g = 0; g < input->margin[complete].n_groups; g++)
			drift[r->margin[complete].slot + g] += shift;
	}
	for (k = 0; k < r->n_margins; k++)
	{
		for (g = 0; g < input->margin[k].n_groups; g++)
		{
			if (r->margin[k].total[g] == 0)
				drift[r->margin[k].slot + g] = 0;
			if (fabs(drift[r->margin[k].slot + g]) > largest)
				largest = fabs(drift[r->margin[k].slot + g]);
		}
	}
	if (largest > 1e-6)
	{
		for (q = 1; q <= RAY_LARGEST; q++)
		{
			if (try_ray(r, drift, q / largest, complete, ray))
				return true;
		}
	}
	memset(ray, 0, n_ray * sizeof(int32_t));
	return false;
}

/* ----------------------------------------------------- steps of Newton */

/*
 * Moves the logarithms of the factors from where they were saved, along
 * r->solution, and measures the residuals there; returns how fast what is
 * maximized (the dual) still grows in that direction
 */
static double
try_length(rake *r, double length, double *worst)
{
	double		slope = 0;
	size_t		i;
	int			k;

	for (i = 0; i < r->n_slots; i++)
		r->factors[i] = r->saved[i] * power_of_e(length * r->solution[i]);
	*worst = measure(r, NULL);
	if (r->broken)
	{
		r->broken = false;
		return -HUGE_VAL;
	}
	for (k = 0; k < r->n_margins; k++)
	{
		const margin_view *m = &r->margin[k];
		ptrdiff_t	g;

		for (g = 0; g < r->input->margin[k].n_groups; g++)
		{
			if (r->solution[m->slot + g] != 0)
				slope += r->solution[m->slot + g] * (m->total[g] - r->sum[m->slot + g]);
		}
	}
	return slope;
}

/*
 * Goes along r->solution until the dual hardly grows any more.  Its slope only
 * falls, so that the place can be bracketed.  False if it grows without end.
 */
static bool
search_line(rake *r, double slope, double largest, double *worst)
{
	double		low = 0;
	double		low_slope = slope;
	double		high = LINE_LONGEST / largest;
	double		high_slope = 0;
	bool		has_high = false;
	double		length = high < 1 ? high : 1;
	int			trial;

	for (trial = 0; trial < LINE_TRIALS; trial++)
	{
		double		now = try_length(r, length, worst);

		if (*worst <= 1 || fabs(now) <= 0.5 * slope)
			return true;
		if (now > 0)
		{
			low = length;
			low_slope = now;
			if (!has_high && length >= high)
				return false;
		}
		else
		{
			high = length;
			high_slope = now;
			has_high = true;
		}
		if (!has_high)
			length = length * 4 < high ? length * 4 : high;
		else
		{
			double		share = low_slope / (low_slope - high_slope);

			length = low + (high - low) * (share > 0.1 && share < 0.9 ? share : share >= 0.9 ? 0.5 : 0.1);
		}
	}
	return true;
}

/*
 * Newton steps as long as they help; returns the largest residual in terms of
 * its slack.  *proved: ray has a proof that there is no table.
 */
static double
newton(rake *r, int32_t *ray, bool *proved)
{
	double		worst = measure(r, NULL);
	double		best = r->residual_sum;
	int			without_gain = 0;
	int			steps;

	for (steps = 0; steps < NEWTON_STEPS && worst > 1 && !r->broken; steps++)
	{
		double		largest = 0;
		double		slope;
		size_t		i;

		slope = solve_linear(r);
		for (i = 0; i < r->n_slots; i++)
		{
			if (fabs(r->solution[i]) > largest)
				largest = fabs(r->solution[i]);
		}
		if (!(largest > 0 && slope > 0 && isfinite(largest) && isfinite(slope)))
			break;
		memcpy(r->saved, r->factors, r->n_slots * sizeof(double));
		if (!search_line(r, slope, largest, &worst) && find_ray(r, ray))
		{
			*proved = true;
			break;
		}
		r->newton_steps++;
		if (r->residual_sum < 0.9 * best)
		{
			best = r->residual_sum;
			without_gain = 0;
		}
		else if (++without_gain >= NEWTON_PATIENCE)
			break;
	}
	return worst;
}

/* ---------------------------------------------------- checks beforehand */

static inline bool
has_total(const rake *r, int margin, ptrdiff_t group)
{
	return group >= 0 && !isnan(r->margin[margin].total[group]);
}

/*
 * Groups that have a total, but no cell that could have it, or not enough room
 */
static ts_rake_status
check_groups(rake *r, int32_t *ray)
{
	const ts_rake_input *input = r->input;
	double	   *lower_sum = r->sum;
	double	   *upper_sum = r->open_sum;
	int32_t    *d = ray;
	int			k;
	int32_t		g;

	memset(lower_sum, 0, r->n_slots * sizeof(double));
	memset(upper_sum, 0, r->n_slots * sizeof(double));
	first_row(r);
	do
	{
		size_t		l;

		for (l = 0; l < r->cells; l++)
		{
			size_t		i = r->first + l;
			double		lower = input->lower == NULL ? 0 : input->lower[i];
			double		upper = input->upper == NULL ? HUGE_VAL : input->upper[i];
			bool		is_zero = false;

			if (input->seed[i] == 0)
				upper = lower;
			if (upper == 0)
				continue;
			for (k = 0; k < r->n_margins && lower == 0 && !is_zero; k++)
			{
				const margin_view *m = &r->margin[k];
				ptrdiff_t	place = m->offset + m->index[l];

				is_zero = place >= 0 && m->total[place] == 0;
			}
			if (is_zero)
				continue;
			for (k = 0; k < r->n_margins; k++)
			{
				const margin_view *m = &r->margin[k];
				ptrdiff_t	place = m->slot + m->offset + m->index[l];

				lower_sum[place] += lower;
				upper_sum[place] += upper;
			}
		}
	} while (next_row(r));
	for (k = 0; k < r->n_margins; k++)
	{
		const margin_view *m = &r->margin[k];

		for (g = 0; g < input->margin[k].n_groups; g++)
		{
			ts_int128	excess;
			bool		above;

			if (isnan(m->total[g]))
				continue;
			above = m->total[g] > upper_sum[m->slot + g];
			if (!above && m->total[g] >= lower_sum[m->slot + g])
				continue;
			d[g] = above ? 1 : -1;
			if (upper_sum[m->slot + g] == 0)
				return TS_RAKE_NO_CELL;
			if (ts_rake_proves(input, ray, &excess))
				return above ? TS_RAKE_ABOVE_UPPER : TS_RAKE_BELOW_LOWER;
			d[g] = 0;
		}
		d += input->margin[k].n_groups;
	}
	return TS_RAKE_OK;
}

/* the representative of a set of groups that hang together */
static int32_t
find_set(int32_t *set, int32_t i)
{
	while (set[i] != i)
	{
		set[i] = set[set[i]];
		i = set[i];
	}
	return i;
}

/*
 * The sets that the groups of two margins form: those that share cells are in
 * one.  Groups of a are numbered first, then those of b, both with the one for
 * cells in none in front.
 */
static void
join_groups(rake *r, int a, int b, int32_t *set)
{
	const ts_rake_input *input = r->input;
	int32_t		n_a = input->margin[a].n_groups;
	int32_t		n_b = input->margin[b].n_groups;
	int32_t		n_sets = n_a + n_b;
	int32_t		i;

	for (i = 0; i < n_a + n_b; i++)
		set[i] = i;
	if (r->has_axes)
	{
		uint32_t	common = input->margin[a].axes & input->margin[b].axes;
		int			margin;

		/* all that have the same keys on the common axes */
		for (margin = 0; margin < 2; margin++)
		{
			uint32_t	axes = input->margin[margin == 0 ? a : b].axes;
			int32_t		base = margin == 0 ? 0 : n_a;
			int32_t		g;

			for (g = 0; g < (margin == 0 ? n_a : n_b); g++)
			{
				int32_t		rest = g;
				ptrdiff_t	place = 0;
				int			axis;

				for (axis = input->n_axes - 1; axis >= 0; axis--)
				{
					if (!has_bit(axes, axis))
						continue;
					place += rest % input->size[axis] * stride_of(input, common, axis);
					rest /= input->size[axis];
				}
				/* r->part: the first group with these keys, plus 1 */
				if (r->part[place] == 0)
					r->part[place] = base + g + 1;
				set[base + g] = (int32_t) r->part[place] - 1;
			}
		}
		return;
	}
	first_row(r);
	do
	{
		size_t		l;

		for (l = 0; l < r->cells && n_sets > 1; l++)
		{
			int32_t		of_a = r->margin[a].index[l];
			int32_t		of_b = r->margin[b].index[l];

			if (!has_total(r, a, of_a) || !has_total(r, b, of_b) ||
				set[of_a] == set[n_a + of_b])
				continue;
			if (input->seed[r->first + l] == 0 &&
				(input->lower == NULL || input->lower[r->first + l] == 0))
				continue;
			of_a = find_set(set, of_a);
			of_b = find_set(set, n_a + of_b);
			if (of_a != of_b)
			{
				set[of_a > of_b ? of_a : of_b] = of_a < of_b ? of_a : of_b;
				n_sets--;
			}
		}
	} while (n_sets > 1 && next_row(r));
	for (i = 0; i < n_a + n_b; i++)
		set[i] = find_set(set, i);
}

/*
 * The ray that is sign for the groups of one set in margin a, -sign for those
 * in b
 */
static void
ray_of_set(const rake *r, int a, int b, const int32_t *set, int32_t which,
		   int sign, int32_t *ray)
{
	int			k;
	int32_t		j;

	for (k = 0; k < r->n_margins; k++)
	{
		const int32_t *of = k == a ? set : set + r->input->margin[a].n_groups;

		for (j = 0; j < r->input->margin[k].n_groups; j++)
		{
			ray[j] = 0;
			if ((k == a || k == b) && of[j] == which && has_total(r, k, j))
				ray[j] = k == a ? sign : -sign;
		}
		ray += r->input->margin[k].n_groups;
	}
}

/*
 * Do two margins have totals that add up to the same, wherever the same cells
 * are meant?  If not, ray says which groups: 1 in the margin with more.
 */
static ts_rake_status
totals_agree(rake *r, int a, int b, int32_t *ray)
{
	const ts_rake_input *input = r->input;
	int32_t		n_a = input->margin[a].n_groups;
	int32_t		n_b = input->margin[b].n_groups;
	int32_t    *set = r->set;
	bool	   *leaks = r->leaks;	/* by set, of a and then of b: it has
										 * cells without a total in the other */
	double	   *more = r->sum;	/* by set: totals of a less those of b */
	double	   *largest = r->solution;
	int32_t    *size = r->set_size;
	int32_t		i;

	memset(r->part, 0, r->n_slots * sizeof(double));
	join_groups(r, a, b, set);
	memset(leaks, 0, (size_t) (n_a + n_b) * 2);
	memset(more, 0, (size_t) (n_a + n_b) * sizeof(double));
	memset(largest, 0, (size_t) (n_a + n_b) * sizeof(double));
	memset(size, 0, (size_t) (n_a + n_b) * sizeof(int32_t));
	if (r->has_axes)
	{
		/* each group of a shares a cell with each of its set in b */
		for (i = 0; i < n_a + n_b; i++)
		{
			if (!has_total(r, i < n_a ? a : b, i < n_a ? i : i - n_a))
				leaks[2 * set[i] + (i < n_a)] = true;
		}
	}
	else
	{
		bool		any = false;

		for (i = 0; i < n_a + n_b; i++)
		{
			if (has_total(r, i < n_a ? a : b, i < n_a ? i : i - n_a))
				more[set[i]] += i < n_a ? r->margin[a].total[i] : -r->margin[b].total[i - n_a];
		}
		for (i = 0; i < n_a + n_b; i++)
		{
			any |= more[i] != 0;
			more[i] = 0;
		}
		if (!any)
			return TS_RAKE_OK;
		first_row(r);
		do
		{
			size_t		l;

			for (l = 0; l < r->cells; l++)
			{
				int32_t		of_a = r->margin[a].index[l];
				int32_t		of_b = r->margin[b].index[l];

				if (has_total(r, a, of_a) == has_total(r, b, of_b))
					continue;
				if (input->seed[r->first + l] == 0 &&
					(input->lower == NULL || input->lower[r->first + l] == 0))
					continue;
				if (has_total(r, a, of_a))
					leaks[2 * set[of_a]] = true;
				else
					leaks[2 * set[n_a + of_b] + 1] = true;
			}
		} while (next_row(r));
	}
	for (i = 0; i < n_a + n_b; i++)
	{
		double		total = i < n_a ? r->margin[a].total[i] : r->margin[b].total[i - n_a];

		if (isnan(total))
			continue;
		more[set[i]] += i < n_a ? total : -total;
		largest[set[i]] += total;
		size[set[i]]++;
	}
	/* a group by itself has no cell; then the others' totals differ as well */
	for (i = 0; i < n_a + n_b && !r->has_axes; i++)
	{
		if (size[i] == 1 && more[i] != 0 && !leaks[2 * i] && !leaks[2 * i + 1])
		{
			ray_of_set(r, a, b, set, i, more[i] > 0 ? 1 : -1, ray);
			return TS_RAKE_NO_CELL;
		}
	}
	for (i = 0; i < n_a + n_b; i++)
	{
		ts_int128	excess;

		/* where one of the two has nothing, others see to it */
		if (fabs(more[i]) <= 1e-13 * largest[i] || fabs(more[i]) >= largest[i] ||
			leaks[2 * i + (more[i] < 0)])
			continue;
		ray_of_set(r, a, b, set, i, more[i] > 0 ? 1 : -1, ray);

		/* totals that are not whole numbers cannot be proved, only added up */
		if (ts_rake_proves(input, ray, &excess) || !is_whole(more[i]))
			return TS_RAKE_TOTALS_DIFFER;
	}
	memset(ray, 0, (r->n_slots - (size_t) r->n_margins) * sizeof(int32_t));
	return TS_RAKE_OK;
}

/*
 * The same for a table without cells
 */
static ts_rake_status
check_no_cells(const rake *r, int32_t *ray)
{
	int			k;
	int32_t		g;

	for (k = 0; k < r->n_margins; k++)
	{
		for (g = 0; g < r->input->margin[k].n_groups; g++)
		{
			if (r->margin[k].total[g] > 0)
			{
				ray[g] = 1;
				return TS_RAKE_NO_CELL;
			}
		}
		ray += r->input->margin[k].n_groups;
	}
	return TS_RAKE_OK;
}

static ts_rake_status
check_beforehand(rake *r, int32_t *ray)
{
	int			a;
	int			b;

	for (a = 0; a < r->n_margins; a++)
	{
		for (b = a + 1; b < r->n_margins; b++)
		{
			ts_rake_status status = totals_agree(r, a, b, ray);

			if (status != TS_RAKE_OK)
				return status;
		}
	}
	if (!r->bounded)
		return TS_RAKE_OK;
	return check_groups(r, ray);
}

/* --------------------------------------------------------------- set-up */

/*
 * Margins to blocks: a margin joins the one before it if the condensed table
 * stays small
 */
static void
make_blocks(rake *r, arena *memory)
{
	const ts_rake_input *input = r->input;
	size_t		largest = 0;
	int			k;

	r->n_blocks = 0;
	if (r->bounded)
		return;
	for (k = 0; k < r->n_margins;)
	{
		rake_block *b = &r->block[r->n_blocks++];
		size_t		t;
		int			j;

		b->first = k;
		b->axes = 0;
		b->margins = 0;
		b->size = 1;
		for (; k < r->n_margins; k++)
		{
			size_t		size;

			if (r->has_axes)
			{
				uint32_t	axes = b->axes | input->margin[k].axes;
				int			a;

				size = 1;
				for (a = 0; a < input->n_axes; a++)
				{
					if (has_bit(axes, a))
						size *= (size_t) input->size[a];
				}
			}
			else
				size = b->size * (size_t) (input->margin[k].n_groups + 1);
			if (k > b->first && size > input->n / CONDENSED_PART)
				break;
			b->size = size;
			b->axes |= r->has_axes ? input->margin[k].axes : 0;
			b->margins |= UINT32_C(1) << k;
			b->last = k;
		}
		if (b->size > largest)
			largest = b->size;
		b->inner = NULL;
		if (r->has_axes)
			b->inner = take(memory, r->row_cells, sizeof(int32_t));
		for (j = b->first; j <= b->last; j++)
			b->group[j] = take(memory, b->size, sizeof(int32_t));
		if (memory->base == NULL)
			continue;

		if (r->has_axes)
		{
			b->kind = describe_inner(r, b->axes, b->inner);
			b->is_whole = true;
			for (t = 0; t < r->row_cells; t++)
				b->is_whole &= b->inner[t] == (int32_t) t;
		}
		else
		{
			ptrdiff_t	stride = 1;

			b->kind = ROW_MIXED;
			for (j = b->last; j >= b->first; j--)
			{
				b->stride[j] = stride;
				stride *= input->margin[j].n_groups + 1;
			}
		}
		for (t = 0; t < b->size; t++)
		{
			for (j = b->first; j <= b->last; j++)
			{
				ptrdiff_t	group = 0;

				if (r->has_axes)
				{
					size_t		rest = t;
					int			a;

					for (a = input->n_axes - 1; a >= 0; a--)
					{
						if (!has_bit(b->axes, a))
							continue;
						group += (ptrdiff_t) (rest % (size_t) input->size[a]) *
							stride_of(input, input->margin[j].axes, a);
						rest /= (size_t) input->size[a];
					}
				}
				else
					group = (ptrdiff_t) (t / (size_t) b->stride[j]) %
						(input->margin[j].n_groups + 1) - 1;
				b->group[j][t] = (int32_t) group;
			}
		}
	}
	r->condensed = take_doubles(memory, largest);
	r->portion = take_doubles(memory, largest <= COPIED_SIZE ? largest * TABLE_COPIES :
							  largest > COPIED_SIZE * TABLE_COPIES ? largest : COPIED_SIZE * TABLE_COPIES);
}

/*
 * Lays everything out in the work memory; only counts if there is none
 */
static void
set_up(rake *r, const ts_rake_input *input, arena *memory)
{
	double	  **by_slot[] = {
		&r->factors, &r->totals, &r->sum, &r->part, &r->open_sum, &r->open_part,
		&r->saved, &r->rest, &r->solution, &r->direction, &r->product,
		&r->precondition, &r->low, &r->high, &r->next_up, &r->next_down
	};
	size_t		i;
	int			k;

	memset(r, 0, sizeof(*r));
	r->input = input;
	r->n_margins = input->n_margins;
	r->bounded = input->lower != NULL || input->upper != NULL;
	r->has_axes = input->n_axes > 0;

	r->row_cells = 1;
	if (r->has_axes)
	{
		r->outer_axes = input->n_axes;
		while (r->outer_axes > 0 && r->row_cells < ROW_CELLS_MIN &&
			   r->row_cells * (size_t) input->size[r->outer_axes - 1] <= ROW_CELLS_MAX)
			r->row_cells *= (size_t) input->size[--r->outer_axes];
	}
	else
		r->row_cells = ROW_CELLS;
	r->n_rows = (input->n + r->row_cells - 1) / r->row_cells;
	r->weight = take_doubles(memory, r->row_cells);
	r->fixed = take_doubles(memory, r->row_cells);
	r->value = take_doubles(memory, r->row_cells);
	r->open = take_doubles(memory, r->row_cells);
	r->change = take_doubles(memory, r->row_cells);
	r->place = take(memory, r->row_cells, sizeof(int32_t));

	for (k = 0; k < r->n_margins; k++)
		r->n_slots += (size_t) input->margin[k].n_groups + 1;
	for (i = 0; i < sizeof(by_slot) / sizeof(by_slot[0]); i++)
		*by_slot[i] = take_doubles(memory, r->n_slots);
	r->set = take(memory, r->n_slots, sizeof(int32_t));
	r->set_size = take(memory, r->n_slots, sizeof(int32_t));
	r->leaks = take(memory, r->n_slots * 2, sizeof(bool));
	for (k = 0; k < r->n_margins && r->has_axes; k++)
		r->margin[k].inner = take(memory, r->row_cells, sizeof(int32_t));

	if (memory->base != NULL)
	{
		ptrdiff_t	slot = 0;

		for (k = 0; k < r->n_margins; k++)
		{
			margin_view *m = &r->margin[k];
			int32_t		g;

			slot++;
			m->slot = slot;
			m->factor = r->factors + slot;
			m->total = r->totals + slot;
			m->factor[-1] = 1;
			m->total[-1] = NAN;
			m->kind = ROW_MIXED;
			if (r->has_axes)
			{
				m->kind = describe_inner(r, input->margin[k].axes, m->inner);
				m->index = m->inner;
			}
			for (g = 0; g < input->margin[k].n_groups; g++)
			{
				m->total[g] = input->margin[k].total[g];
				m->factor[g] = m->total[g] == 0 ? 0 : 1;
				if (!isnan(m->total[g]))
					r->n_totals++;
			}
			slot += input->margin[k].n_groups;
		}
	}
	make_blocks(r, memory);
}

size_t
ts_rake_work(const ts_rake_input *input)
{
	arena		memory = {NULL, 0};
	rake		r;

	set_up(&r, input, &memory);
	return memory.used;
}

/*
 * Sweeps for a while, which may give a proof that there is no table
 */
static bool
drift(rake *r, int32_t *ray, int *sweeps)
{
	int			i;

	memcpy(r->saved, r->factors, r->n_slots * sizeof(double));
	for (i = 0; i < DRIFT_SWEEPS && !r->broken; i++)
		sweep(r);
	*sweeps += DRIFT_SWEEPS;
	return find_ray(r, ray);
}

/*
 * Sweeps, and Newton where they are slow, until all residuals are small
 */
static ts_rake_status
iterate(rake *r, int32_t *ray, int *sweeps)
{
	int			limit = r->input->max_sweeps > 0 ? r->input->max_sweeps : DEFAULT_SWEEPS;
	int			next_newton = PATIENCE;
	int			wait = PATIENCE;
	double		before = HUGE_VAL;
	size_t		i;

	while (*sweeps < limit && !r->broken)
	{
		double		worst = sweep(r);

		(*sweeps)++;
		if (r->broken)
			break;
		if (worst <= 1 && verify(r) <= 1)
			return TS_RAKE_OK;
		if (*sweeps >= next_newton && worst > 1 &&
			(worst >= before ||
			 ts_log(worst) > SLOW_SWEEPS * ts_log(before / worst)))
		{
			bool		proved = false;

			if (newton(r, ray, &proved) <= 1)
				return TS_RAKE_OK;
			if (proved || drift(r, ray, sweeps))
				return TS_RAKE_INFEASIBLE;
			wait *= 2;
			next_newton = *sweeps + wait;
			worst = HUGE_VAL;
		}
		before = worst;
	}
	if (!r->bounded)
	{
		/* a group without a cell has a sum of 0 from the beginning */
		ts_rake_status why = check_groups(r, ray);

		if (why != TS_RAKE_OK)
			return why;
	}
	if (r->broken)
	{
		/* factors are on their way to infinity: that is where they drift to */
		for (i = 0; i < r->n_slots; i++)
		{
			r->saved[i] = 1;
			if (r->factors[i] > FACTOR_LARGEST)
				r->factors[i] = FACTOR_LARGEST;
			else if (r->factors[i] < 1 / FACTOR_LARGEST && r->totals[i] > 0)
				r->factors[i] = 1 / FACTOR_LARGEST;
		}
		return find_ray(r, ray) ? TS_RAKE_INFEASIBLE : TS_RAKE_NOT_CONVERGED;
	}
	return drift(r, ray, sweeps) ? TS_RAKE_INFEASIBLE : TS_RAKE_NOT_CONVERGED;
}

/*
 * What can be seen without sweeps; the answer of ts_rake is the same for a
 * table that this finds impossible
 */
ts_rake_status
ts_rake_check(const ts_rake_input *input, int32_t *ray, void *work)
{
	arena		memory = {work, 0};
	rake		r;

	set_up(&r, input, &memory);
	memset(ray, 0, (r.n_slots - (size_t) r.n_margins) * sizeof(int32_t));
	return input->n == 0 ? check_no_cells(&r, ray) : check_beforehand(&r, ray);
}

/*
 * Rake the table; see the head of the file
 */
ts_rake_status
ts_rake(const ts_rake_input *input, double *cell, double *factor,
		int32_t *ray, ts_rake_result *result, void *work)
{
	arena		memory = {work, 0};
	ts_rake_status status;
	rake		r;
	int			k;

	set_up(&r, input, &memory);
	memset(result, 0, sizeof(*result));
	memset(ray, 0, (r.n_slots - (size_t) r.n_margins) * sizeof(int32_t));
	if (input->n == 0)
		status = check_no_cells(&r, ray);
	else
	{
		status = check_beforehand(&r, ray);
		if (status == TS_RAKE_OK)
			status = iterate(&r, ray, &result->sweeps);
	}
	result->newton_steps = r.newton_steps;
	result->residual = r.residual;
	result->residual_sum = r.residual_sum;
	result->margin = r.residual_margin;
	result->group = r.residual_group;
	for (k = 0; k < r.n_margins; k++)
	{
		memcpy(factor, r.margin[k].factor,
			   (size_t) input->margin[k].n_groups * sizeof(double));
		factor += input->margin[k].n_groups;
	}
	if (cell != NULL && input->n > 0)
	{
		prepare_rows(&r, 0);
		first_row(&r);
		do
		{
			row_values(&r);
			memcpy(cell + r.first, r.value, r.cells * sizeof(double));
		} while (next_row(&r));
	}
	return status;
}
