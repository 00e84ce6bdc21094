/*-------------------------------------------------------------------------
 *
 * split.h
 *	  One call of split_target: its arguments, its frame and its weights.
 *
 * See split.c for the glossary and the steps.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_SPLIT_H
#define TS_SPLIT_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/tuplestore.h"

#include "axis.h"
#include "engine/apportion.h"
#include "facts.h"
#include "tree.h"

/* bases of one split that are explained */
#define TS_WATCH_TERMS 32

/* What a weight was taken from instead of the basis */
typedef enum ts_fallback
{
	TS_FALLBACK_NONE,
	TS_MISSING_ZERO,
	TS_MISSING_EQUAL,
	TS_MISSING_PARENT,
	TS_ZERO_EQUAL,
	TS_ZERO_PARENT,
	TS_NEGATIVE_ZERO,
	TS_NEGATIVE_ABSOLUTE,
	TS_NEGATIVE_SPREAD,			/* negative, or in a negative group */
	TS_NEGATIVE_CARRIED,		/* less than its basis, for a negative sibling */
	TS_NEGATIVE_EQUAL,
	TS_NEGATIVE_PARENT,
	TS_N_FALLBACKS
} ts_fallback;

extern const char *const ts_fallback_names[];

/* Which day of the period is a day of the basis like?  See split_history.c */
typedef enum ts_align
{
	TS_ALIGN_DATE,
	TS_ALIGN_WEEK,
	TS_ALIGN_WEEKDAY
} ts_align;

extern const char *const ts_align_names[];

/* Days, upto exclusive; unbounded: DATEVAL_NOBEGIN, DATEVAL_NOEND */
typedef struct ts_days
{
	DateADT		from;
	DateADT		upto;
} ts_days;

/* What a cell of method increment is made of; kept where bounds are to hold */
typedef struct ts_increase
{
	ts_int128	basis;			/* what it keeps, at the scale of the weights */
	ts_int128	share;			/* of what is more, in 10^-28 */
} ts_increase;

/*
 * Cells: one per leaf that will be made.  keys holds n_axes keys a cell: a
 * member's index, or the first day of a period.
 */
typedef struct ts_cells
{
	int64		n;
	int64		space;
	int32	   *leaf;			/* which of the targets that are split */
	int32	   *keys;
	ts_int128  *weight;			/* at scale[], later at the common scale */
	int16	   *scale;
	bool	   *missing;		/* no information on it */
	bool	   *closed;			/* a member of it is not valid on any of its days:
								 * nothing is expected of it, its weight is 0 */
	uint8	   *fallback;
	ts_increase *increase;		/* or NULL */
} ts_cells;

/* 10^28, the largest weight that the engine's sums have room for */
#define TS_LARGEST_WEIGHT \
	((ts_int128) INT64CONST(100000000000000) * INT64CONST(100000000000000))

typedef struct ts_split ts_split;

/* Margins of a call, see split_margins.c */
typedef struct ts_margin_list ts_margin_list;

/* Does a method take an argument? */
typedef enum ts_takes
{
	TS_TAKES_NOT,
	TS_MAY_TAKE,
	TS_NEEDS
} ts_takes;

/* A way to find weights.  A new one is a row in split_method.c's table. */
typedef struct ts_split_method
{
	const char *name;
	ts_takes	basis;			/* basis =>, and the on_... options of one */
	ts_takes	weights;		/* weights => or weights_from => */
	ts_takes	bases;			/* bases => */
	ts_takes	profile;		/* profile => */
	bool		gives_amounts;	/* the weights are the amounts themselves */
	ts_takes	prorate;		/* prorate => */

	/* fills the cells */
	void		(*weigh) (ts_split *split);

	/* checks or changes the weights when they are at one scale; may be NULL */
	void		(*settle) (ts_split *split);
} ts_split_method;

/* What is like what: see split_history.c */
typedef struct ts_profile
{
	int32		metric_id;		/* whose facts or targets are read */
	char	   *metric;
	int32		plan_id;		/* of targets; 0: actuals are read */
	char	   *plan;
	int64		target_id;		/* the targets at and under this one */
	int			n_slice;		/* members of the slice that is the pattern */
	int64	   *slice;
	int			lag;			/* months by which the pattern is earlier */
	Datum		factor;			/* numeric; for copy */
} ts_profile;

/*
 * Where weights come from: the call's own arguments, or an entry of "bases" or
 * of "levels".
 */
typedef struct ts_term
{
	const ts_split_method *method;
	bool		has_basis;
	DateADT		basis_from;
	DateADT		basis_upto;
	Jsonb	   *weights;		/* NULL if not given */
	Oid			weights_from;	/* InvalidOid if not given */
	Jsonb	   *bases;			/* NULL if not given */
	int			n_terms;		/* what "bases" says */
	struct ts_term *terms;
	ts_profile *profile;		/* NULL if not given */
	char	   *link;			/* "actuals", or NULL if not given */
	Datum		factor;			/* numeric; of a base among several */
} ts_term;

/* Arguments of split_target, in the order of the SQL declaration */
enum
{
	TS_SPLIT_TARGET_ID,
	TS_SPLIT_BY,
	TS_SPLIT_METHOD,
	TS_SPLIT_BASIS,
	TS_SPLIT_WEIGHTS,
	TS_SPLIT_WEIGHTS_FROM,
	TS_SPLIT_MEMBERS,
	TS_SPLIT_REST,
	TS_SPLIT_ON_MISSING,
	TS_SPLIT_ON_ZERO,
	TS_SPLIT_ON_NEGATIVE,
	TS_SPLIT_ON_UNASSIGNED,
	TS_SPLIT_ON_INCOMPLETE,
	TS_SPLIT_BASES,
	TS_SPLIT_PROFILE,
	TS_SPLIT_QUANTUM,
	TS_SPLIT_RESIDUAL,
	TS_SPLIT_LEVELS,
	TS_SPLIT_BOUNDS,
	TS_SPLIT_BOUNDS_FROM,
	TS_SPLIT_PRORATE,
	TS_SPLIT_ALIGN,
	TS_SPLIT_LINK,
	TS_SPLIT_MARGINS,
	TS_SPLIT_MARGINS_FROM,
	TS_SPLIT_N_ARGUMENTS
};

/*
 * What is read of the basis for one target, for explain_target: steps lead to
 * it from the target that the split started from.
 */
typedef struct ts_watch_step
{
	int64		member_id;		/* 0 for a period */
	DateADT		from;
} ts_watch_step;

typedef struct ts_watch_term
{
	char	   *metric;			/* whose facts, or targets, are read */
	char	   *plan;			/* of targets; NULL: facts */
	DateADT		basis_from;
	DateADT		basis_upto;
	int			lag;			/* months */
	Datum		factor;			/* numeric; 0 if it is the only one */
	int64	   *facts;			/* per step: rows that belong to it, -1: not its basis */
	Datum	   *amount;			/* numeric, their sum */
} ts_watch_term;

typedef struct ts_watch
{
	int			n_steps;
	ts_watch_step *steps;
	int			whole_from;		/* all facts of the slice are the basis of the steps */
	int			whole_upto;		/* from ... upto - 1, whatever their period; 0: of none */
	int			n_terms;
	ts_watch_term terms[TS_WATCH_TERMS];
} ts_watch;

/* A part that has its amount already when a call is made again */
typedef struct ts_kept_part
{
	char	   *members;		/* ids on the way down from the call's first
								 * target, the last one first: ",7,3" */
	DateADT		from;
	DateADT		upto;
	ts_int128	units;
} ts_kept_part;

struct ts_split
{
	/* arguments; strings are never NULL unless said */
	int64		target_id;
	int			n_axes;
	ts_axis		axes[TS_MAX_AXES];
	int			n_above;		/* levels of the call above these */
	const ts_axis *all_axes;	/* those, and these as the call has them; NULL
								 * unless this is a stage of "levels" */
	char	   *metric;			/* of the target */
	ts_term		main;			/* the call's own term */
	ts_term    *term;			/* the one that is being weighed */
	Jsonb	   *profile_arg;	/* NULL if not given */
	bool		has_quantum;
	Datum		quantum;		/* numeric */
	Jsonb	   *levels;			/* NULL if not given */
	ts_term    *level_term[TS_MAX_AXES];	/* what it says of an axis, or NULL */
	Jsonb	   *members_arg;	/* NULL if not given */
	bool		active;			/* only slices that the basis has */
	HTAB	   *active_slices;	/* those, and what they begin with; NULL: all */
	char	   *rest;			/* NULL if not given */
	char	   *on_missing;
	char	   *on_zero;
	char	   *on_negative;
	char	   *on_unassigned;
	char	   *on_incomplete;
	bool		has_align;		/* else by the calendar */
	ts_align	align;
	bool		keep_increase;	/* new cells get an increase */
	Jsonb	   *bounds;			/* NULL if not given */
	Oid			bounds_from;	/* InvalidOid if not given */
	Jsonb	   *margins;		/* NULL if not given */
	Oid			margins_from;	/* InvalidOid if not given */
	ts_margin_list *margin_list;	/* what they say; NULL: there are none */
	char	   *prorate;		/* NULL if not given */
	HTAB	   *labels[TS_MAX_AXES];	/* per time axis, once used: label -> first day */
	int64		coarse;			/* plan's quanta in the call's quantum, 1 or more */
	char	   *residual;		/* who gets what rounding leaves over */
	bool		preview;
	bool		again;			/* a recorded call is made again, maybe for a part of
								 * what it was made for */

	/* the targets that are split */
	ts_tree    *tree;
	int32		n_leaves;
	int32	   *leaves;			/* nodes of the tree */
	int32	   *leaf_of_node;	/* -1 for inner nodes */
	ts_int128  *units;			/* their amounts */
	ts_int128  *amounts;		/* the same unrounded, where they are the parts of a
								 * stage: in units with so many decimals; or NULL */
	int			amount_decimals;
	bool	   *given;			/* their parts are the weights, in units; NULL:
								 * of none */
	bool	   *beside;			/* they are weighed for the others' sake alone, so
								 * nothing need be known of them; NULL: none */
	int64		n_kept;
	ts_kept_part *kept;			/* by members, from, upto; parts at any depth,
								 * for a method that goes by them */
	bool		seed_only;		/* which parts there are is asked for, not what
								 * they get */
	ts_int128  *least;			/* what parts are held at, or must have, in the order
								 * of their nodes; TS_NO_LOWER, TS_NO_UPPER: free;
								 * NULL: all are.  For method margins, which
								 * weighs the others by it */
	ts_int128  *most;

	ts_cells	cells;
	int			scale;			/* common scale of the weights */
	int64		basis_times;	/* weights of a history: by so much more than the
								 * basis, where days are averages of several */
	int64		fallbacks[TS_N_FALLBACKS];
	int64		n_unassigned;	/* facts that were spread or caught */
	Jsonb	   *findings;		/* a list of what methods found, or NULL */
	ts_watch   *watch;			/* NULL: nobody wants to know */
	const ts_stretches *stretches;	/* days that history need not tell apart; NULL: none */

	MemoryContext context;		/* lives as long as the call */
};

/* Is each part of a leaf the amount that was given for it? */
static inline bool
ts_split_is_given(const ts_split *split, int32 leaf)
{
	return split->given && split->given[leaf];
}

/* Is a leaf weighed only because the others' weights follow from it? */
static inline bool
ts_split_is_beside(const ts_split *split, int32 leaf)
{
	return split->beside && split->beside[leaf];
}

/* Which day of a period is a day of a basis like, if nothing is between but years? */
static inline ts_align
ts_split_align(const ts_split *split)
{
	if (split->has_align)
		return split->align;
	if (split->tree->calendar.n_months > 0)
		return TS_ALIGN_WEEK;
	/* listed weeks have no numbers to go by */
	return ts_calendar_whole_weeks(&split->tree->calendar) ? TS_ALIGN_WEEKDAY : TS_ALIGN_DATE;
}

/* Is there a bound on any part? */
static inline bool
ts_split_has_bounds(const ts_split *split)
{
	return split->bounds || OidIsValid(split->bounds_from);
}

extern const ts_split_method *ts_split_method_find(const char *name);
extern char *ts_split_method_names(void);
extern bool ts_split_reads_amounts(const ts_split *split);
extern bool ts_split_reads_others(const ts_split *split);
extern bool ts_split_reads_kept(const ts_split *split);

/* Names for a DETAIL: at most 20, and how many more */
typedef struct ts_name_list
{
	int64		n;
	StringInfoData names;
} ts_name_list;

extern bool ts_name_list_full(const ts_name_list *list);
extern void ts_name_list_add(ts_name_list *list, const char *name);
extern const char *ts_name_list_text(ts_name_list *list);

/* terms */
extern void ts_term_parse(ts_split *split, Jsonb *json, const char *what, ts_term *term);
extern ts_term ts_term_history(const ts_term *term);
extern void ts_term_check(const ts_term *term, const char *what);
extern void ts_term_parse_bases(ts_split *split, ts_term *term);
extern int	ts_term_dimensions(const ts_term *term, int n, int32 *dimension_ids);
extern void ts_term_read(ts_split *split, ts_term *term);
extern void ts_term_weigh(ts_split *split, ts_term *term);
extern ts_profile *ts_profile_parse(ts_split *split, Jsonb *json);

/* The slices of a call's targets: a tree without periods, see split_slices.c */
typedef struct ts_slices
{
	ts_tree    *tree;			/* node i is slice i; all of the same days */
	int32	   *of_node;		/* per wanted node of the call's tree: its slice */
} ts_slices;

extern void ts_slices_make(const ts_split *split, const bool *wanted, DateADT from, DateADT upto, ts_slices *slices);
extern ts_split *ts_slices_split(const ts_split *split, const ts_slices *slices, const ts_axis *axis);

/* The new targets under all leaves, in preorder */
typedef struct ts_split_nodes
{
	int64		n;
	int64		space;
	int32	   *parent;			/* within its leaf's block, -1 at the top */
	int32	   *key;
	int32	   *n_children;
	uint8	   *axis;
	uint8	   *fallback;
	bool	   *open;			/* something is expected of it, or of one below */
	ts_int128  *weight;
	ts_int128  *share;
	ts_int128  *lower;			/* bounds in units; NULL: none has any */
	ts_int128  *upper;
	int64	   *first;			/* per leaf: its first node; n_leaves + 1 */
} ts_split_nodes;

/* The steps of a call, for split_target and resplit_target; see split.c */
extern ts_split *ts_split_begin(const NullableDatum *args, bool preview, MemoryContext context);
extern int	ts_split_find_levels(ts_split *split, ArrayType *by, int n_dims, int32 *dimension_ids);
extern void ts_split_weigh(ts_split *split, ts_split_nodes *nodes);
extern void ts_split_apportion(ts_split *split, ts_split_nodes *nodes);
extern bool ts_split_takes_residual(const ts_split *split, const ts_split_nodes *nodes, int64 node);
extern ts_status ts_split_round_kept(const ts_split *split, int64 n, const int32 *parent, ts_int128 *weight,
									 const ts_int128 *lower, const ts_int128 *upper, ts_int128 units,
									 const bool *kept, const bool *named, ts_int128 *share);
extern void ts_split_free_nodes(ts_split_nodes *nodes);

/* see resplit.c */
extern void ts_resplit_around(int64 target_id, Datum by, int n, const int64 *ids, const ts_int128 *amounts, bool keep_locks,
							  bool preview, Tuplestorestate *result);

/* A call and its row in "split" */
extern Datum ts_split_arguments(const NullableDatum *given);
extern int64 ts_record_origin(int32 plan_id, int64 split_id, int64 *target_id);
extern bool ts_record_read(int32 plan_id, int64 split_id, NullableDatum *given, bool *default_basis,
							MemoryContext context);
extern void ts_record_drop_default(NullableDatum *given, bool default_basis);
extern void ts_record_find_relations(int64 split_id, NullableDatum *given, int64 only, const NullableDatum *instead);

/* what a relation of the user's has for a split: weights, bounds */
typedef struct ts_split_relation
{
	ts_split   *split;
	Oid			oid;
	char	   *name;			/* qualified and quoted */
	StringInfoData columns;		/* of the SELECT that reads it */
	int			n_columns;
	int			axis_column[TS_MAX_AXES];	/* from 1; 0: none */
} ts_split_relation;

typedef void (*ts_relation_take) (ts_split *split, char *const *texts, HeapTuple tuple, TupleDesc tupdesc, void *state);

extern void ts_relation_open(ts_split_relation *relation, ts_split *split, Oid oid, const char *argument);
extern bool ts_relation_add_axis(ts_split_relation *relation, int axis_no);
extern int	ts_relation_add_number(ts_split_relation *relation, const char *name);
extern void ts_relation_read(ts_split_relation *relation, ts_relation_take take, void *state);

/* bounds */
extern void ts_bounds_apply(ts_split *split, ts_split_nodes *nodes);
extern void ts_bounds_refuse(const ts_split *split, const ts_split_nodes *nodes, int32 leaf,
							 ts_status status, size_t at, Datum total, Datum sum, Datum shortfall);

/* margins */
extern int	ts_margins_parse(ts_split *split, int n_dims, int32 *dimension_ids);
extern void ts_weigh_margins(ts_split *split);

/*
 * What is rounded together, see split_fair.c: targets that are split, and the
 * blocks of targets under them
 */
typedef struct ts_fair_block
{
	int64		n;				/* targets in it, each behind its parent */
	ts_int128	units;			/* the amount that they share, in the plan's quanta */
	bool		given;			/* their amounts are not shares of it */
	DateADT		from;			/* days of the target that is split */
	DateADT		upto;
	int			n_way;			/* its slice, as members from the top */
	int64	   *way;			/* until the next block is asked for */
} ts_fair_block;

typedef struct ts_fair_node
{
	int32		parent;			/* in the block; -1: the target that is split */
	int64		member_id;		/* 0: a period */
	ts_int128	weight;
	ts_int128  *share;			/* in the plan's quanta */
	const ts_int128 *old;		/* what it has by now; NULL: it is new */
} ts_fair_node;

typedef struct ts_fair_input
{
	const ts_split *split;		/* block i is what is under its leaf i */
	int32		n_blocks;
	int			n_axes;			/* levels of the blocks */
	const ts_axis *axes;
	ts_int128	unit;			/* that shares are multiples of, in quanta */
	void		(*block) (void *arg, int32 number, ts_fair_block *block);
	void		(*node) (void *arg, int32 number, int32 i, ts_fair_node *node);
	/* days of a node of a period, asked for in order */
	void		(*period) (void *arg, int32 number, int32 i, DateADT *from, DateADT *upto);
	void	   *arg;
} ts_fair_input;

extern void ts_round_together(const ts_fair_input *input);
extern void ts_split_round_together(ts_split *split, ts_split_nodes *nodes);

/* levels */
extern void ts_levels_parse(ts_split *split);
extern bool ts_levels_differ(ts_split *split);
extern void ts_levels_weigh(ts_split *split);

/* methods */
extern void ts_weigh_history(ts_split *split);
extern void ts_weigh_given(ts_split *split);
extern void ts_weigh_blend(ts_split *split);
extern void ts_weigh_increment(ts_split *split);
extern void ts_weigh_growth(ts_split *split);
extern void ts_weigh_linked(ts_split *split);
extern void ts_weigh_shrunk(ts_split *split);
extern void ts_weigh_straight_line(ts_split *split);
extern void ts_weigh_growth_curve(ts_split *split);
extern void ts_weigh_days(ts_split *split);
extern void ts_weigh_workdays(ts_split *split);
extern void ts_weigh_pattern(ts_split *split);
extern void ts_weigh_ramp(ts_split *split);
extern void ts_seasonal_find_basis(ts_split *split);
extern void ts_weigh_seasonal(ts_split *split);
extern void ts_settle_copy(ts_split *split);
extern void ts_refuse_gaps(ts_split *split);
extern void ts_settle_amounts(ts_split *split);

/* for methods */
extern void ts_split_frame(ts_split *split);
extern ts_days ts_split_leaf_days(const ts_split *split, int32 leaf);

/*
 * A cell with the days of its period, and those of them on which its members
 * exist (none: upto is not after from); leaf_member as for ts_split_above
 */
typedef void (*ts_cell_visit) (ts_split *split, int64 cell, ts_days period, ts_days open,
							   const int32 *leaf_member, void *state);
extern void ts_split_visit_cells(ts_split *split, ts_cell_visit visit, void *state);
extern bool ts_split_moves_within(const ts_split *split);
extern int32 ts_split_above(const ts_split *split, int axis_no, const int32 *keys, const int32 *leaf_member);
extern void ts_split_close_cells(ts_split *split, int32 leaf, int64 first, const int32 *leaf_member);
extern bool ts_split_active_slice(const ts_split *split, int32 leaf, const int32 *keys,
								  int last_axis, HASHACTION action);
extern int	ts_cell_compare(const ts_split *split, const ts_cells *a, int64 x,
							const ts_cells *b, int64 y);
extern int64 ts_split_add_cell(ts_split *split, int32 leaf, const int32 *keys);
extern void ts_split_sort(ts_split *split, bool refuse_doubles);
extern void ts_split_settle(ts_split *split);
extern void ts_split_settle_increases(ts_split *split, const ts_split_nodes *nodes);
extern void ts_split_lay_out(ts_split *split, ts_split_nodes *nodes);
extern void ts_split_weigh_by_shape(ts_split *split);
extern bool ts_split_is_named(ts_axis *axis, int32 member);
extern void ts_split_limit_members(ts_split *split);
extern void ts_split_prorate(ts_split *split);
extern bool ts_day_from_text(const char *text, DateADT *day);
extern bool ts_split_find_key(ts_split *split, int axis_no, char *const *texts, int32 *key);
extern char *ts_split_node_name(const ts_split *split, const ts_split_nodes *nodes, int32 leaf, int64 node);
extern void ts_split_note(ts_split *split, Jsonb *finding);
extern const char *ts_split_what(const ts_split *split);
extern char *ts_split_key_label(const ts_split *split, const ts_axis *axis, int32 key);
extern char *ts_split_cell_name(const ts_split *split, int64 cell);
extern char *ts_split_leaf_name(const ts_split *split, int32 leaf);

#endif							/* TS_SPLIT_H */
