/*-------------------------------------------------------------------------
 *
 * import.h
 *	  One call of import_targets: its arguments, the sheet and what is wrong
 *	  with it.
 *
 * See import.c for the glossary and the steps; import_sheet.c reads the sheet.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_IMPORT_H
#define TS_IMPORT_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "axis.h"
#include "tree.h"

/* What can be wrong; import_targets refuses the first kind that there is */
typedef enum ts_problem_kind
{
	TS_PROBLEM_UNREADABLE,		/* a text that is no amount, or could be two */
	TS_PROBLEM_NOT_FINITE,		/* NaN, Infinity */
	TS_PROBLEM_MEMBER,			/* a member that nobody knows */
	TS_PROBLEM_PERIOD,			/* a period that is none, or not the plan's */
	TS_PROBLEM_BLANK,
	TS_PROBLEM_QUANTUM,			/* no multiple of the quantum */
	TS_PROBLEM_TOO_LARGE,
	TS_PROBLEM_ROW_TOTAL,		/* the cells do not add up to what is stated */
	TS_PROBLEM_COLUMN_TOTAL,
	TS_PROBLEM_NO_TARGET,		/* no target is for it, nor could be made */
	TS_PROBLEM_DOUBLE,			/* two cells for one target */
	TS_PROBLEM_KEEP,			/* nothing there that could be kept */
	TS_PROBLEM_GAP,				/* days that new targets leave out */
	TS_PROBLEM_LOCKED,
	TS_PROBLEM_BOUND,			/* beyond at_least, at_most, floor or stretch */
	TS_PROBLEM_SUM,				/* parts do not add up to their target */
	TS_PROBLEM_SHARE,			/* parts cannot follow their target */
	TS_N_PROBLEMS
} ts_problem_kind;

typedef struct ts_problem
{
	ts_problem_kind kind;
	int32		row;			/* of the sheet, -1 for none */
	int32		column;			/* of the sheet's columns, -1 for none */
	int32		node;			/* as in ts_import.nodes, -1 for none */
	DateADT		from;			/* period, where from < upto */
	DateADT		upto;
	char	   *cell;			/* text of the cell, NULL if none */
	Datum		amount;			/* numeric, 0 for none */
	Datum		parts;
	char	   *text;			/* in words */
	bool		needs_by;		/* other levels would help */
} ts_problem;

/* An entry of "slice": a column with codes */
typedef struct ts_sheet_key
{
	char	   *level;
	char	   *column;			/* as the catalog has it */
	int32		dimension_id;
	char	   *dimension;
	int			dim;			/* position in the tree's list */
	int			depth;
	bool		alone;			/* the only one of its dimension */
	HTAB	   *by_text;		/* of such a one: members of all levels */
} ts_sheet_key;

/* A column with amounts */
typedef struct ts_sheet_column
{
	char	   *name;			/* as the catalog has it */
	bool		is_text;
	DateADT		from;			/* its period; of the long form each row has one */
	DateADT		upto;
	bool		inner;			/* its period is a part of another column's */
} ts_sheet_column;

typedef struct ts_sheet_row
{
	char	   *name;			/* its codes, for messages */
	char	  **codes;			/* one a key, NULL for NULL */
	int32	   *member;			/* per dimension of the tree: deepest, or -1 */
	bool		known;			/* all its members exist */
	bool		is_total;		/* states totals of columns */
} ts_sheet_row;

typedef enum ts_cell_state
{
	TS_CELL_AMOUNT,
	TS_CELL_BLANK,
	TS_CELL_BAD					/* a problem says why */
} ts_cell_state;

typedef struct ts_sheet_cell
{
	ts_int128	units;
	int32		row;
	int32		column;
	DateADT		from;
	DateADT		upto;
	ts_cell_state state;
	int32		node;			/* as in ts_import.nodes, -1 for none */
	int32		leaf;			/* leaf of the tree under which it is new, -1 */
} ts_sheet_cell;

typedef enum ts_on_blank
{
	TS_BLANK_ERROR,
	TS_BLANK_KEEP,
	TS_BLANK_MISSING,
	TS_BLANK_ZERO
} ts_on_blank;

/* A target, or one that is to be made */
typedef struct ts_import_node
{
	ts_int128	before;
	ts_int128	after;
	ts_int128	up;				/* what it would be to agree with all below it */
	int32		parent;
	int32		first_new;		/* its new children */
	int32		next_new;
	int32		cell;			/* that names it, -1 for none */
	int32		n_children;
	int32		n_open;			/* of them: those that the sheet does not determine */
	int32		bounds;			/* in ts_import.bounds, -1 for none */
	bool		named;			/* the sheet says its amount */
	bool		kept;			/* the sheet says to keep its amount */
	bool		missing;		/* the sheet says that it does not know */
	bool		touched;		/* named or missing, or something below it is */
	bool		determined;		/* named, or all its parts are */
	bool		under;			/* named, or below one that is */
} ts_import_node;

/* Of the few targets that have any */
typedef struct ts_import_bounds
{
	bool		locked;
	bool		has_least;
	bool		has_most;
	ts_int128	least;			/* in units, inclusive */
	ts_int128	most;
} ts_import_bounds;

/* A target to be made */
typedef struct ts_new_node
{
	int32		leaf;			/* target of the tree it is made under */
	int32		n;				/* steps below that */
	int32		keys[TS_MAX_AXES];	/* one a step: member, or first day */
	int32		axis;			/* that sets it apart from its siblings */
	int32		number;			/* place in new_nodes */
	DateADT		from;
	DateADT		upto;
	Datum		slice;			/* jsonb */
	int32		cell;			/* -1 for none */
	bool		filled;			/* 0 because a cell is blank and the tree has no
								 * gaps */
} ts_new_node;

typedef struct ts_import
{
	/* arguments */
	Oid			relid;
	char	   *relation;		/* quoted */
	int			n_keys;
	ts_sheet_key *keys;
	int			n_columns;
	ts_sheet_column *columns;
	char	   *period_column;	/* NULL unless long */
	ts_grain	grain;			/* of a date in it */
	char	   *total_column;	/* NULL for none */
	bool		total_is_text;
	char	   *total_row;		/* NULL for none */
	Datum		scale;			/* numeric */
	ts_on_blank on_blank;
	bool		skip_unknown;
	bool		accept_totals;
	bool		absorb_root;
	bool		proposal;
	bool		preview;
	ArrayType  *by;				/* NULL if not given */

	/* the plan */
	ts_tree    *tree;
	DateADT		from;
	DateADT		upto;
	Datum		quantum;		/* numeric */
	HTAB	   *labels;			/* label -> period */
	HTAB	   *unknown;		/* texts that no member has */

	/* the sheet */
	int64		n_rows;
	int64		rows_space;
	ts_sheet_row *rows;
	int64		n_cells;
	int64		cells_space;
	ts_sheet_cell *cells;

	/* the outcome */
	int			n_axes;
	ts_axis		axes[TS_MAX_AXES];
	int32		n_new;
	int32		new_space;
	ts_new_node **new_nodes;
	HTAB	   *new_index;
	ts_import_node *nodes;		/* of the tree, then new ones, parents first */
	int			n_bounds;
	ts_import_bounds *bounds;
	int64		n_problems;
	int64		problems_space;
	ts_problem *problems;
	int64		per_kind[TS_N_PROBLEMS];

	MemoryContext context;		/* lives as long as one attempt */
} ts_import;

/* import_sheet.c */
extern bool ts_import_find_period(ts_import *im, const char *text, ts_grain grain,
								  DateADT *from, DateADT *upto);
extern void ts_import_find_columns(ts_import *im, ArrayType *months, Jsonb *periods,
								   const char *amount);
extern void ts_import_read(ts_import *im);

/* import.c */
extern ts_problem *ts_import_problem(ts_import *im, ts_problem_kind kind, int32 row, int32 column,
									 const char *cell, const char *text);

#endif							/* TS_IMPORT_H */
