/*-------------------------------------------------------------------------
 *
 * source.h
 *	  Reading facts: where a metric's actuals are, which window of them is
 *	  filled, and which member a fact belongs to.
 *
 * Terms
 *	source		the relation that holds a metric's actuals; one row is a fact
 *	window		days from (inclusive) to upto (exclusive) whose facts are read
 *	level		depth of a dimension, 1 at the top
 *	index		place of a member in ts_members.members, from 0
 *	alias		a code, below a parent, by which facts and people name a
 *				member of another code or parent
 *	segment		days, between two on which some member moves or an alias
 *				begins or ends, for which facts are looked up alike
 *	variant		a member as it is in a segment in which it, or one above it,
 *				has another parent than on the day asked for
 *
 * All functions run statements through SPI and are called between
 * ts_connect() and ts_finish().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_SOURCE_H
#define TS_SOURCE_H

#include "postgres.h"

#include "storage/lockdefs.h"
#include "utils/date.h"
#include "utils/jsonb.h"

#include "calendar.h"

/*
 * Codes and paths are keys, and a key has to fit into an index page.  What is
 * longer is a text, and no code.
 */
#define TS_MAX_CODE_CHARS	500
#define TS_MAX_PATH_BYTES	2400

/* One column of a source that holds a level of a dimension */
typedef struct ts_source_level
{
	int32		dimension_id;
	int			depth;
	char	   *column_name;	/* as the catalog has it, not quoted */
	char	   *column;			/* SQL expression of type text COLLATE "C"; NULL
								 * for NULL and '' */
	bool		member_decides; /* facts count where their member of this level
								 * is, whatever their upper codes say */
} ts_source_level;

/*
 * A metric's source, ready to be put into a statement.  The relation comes
 * with the alias "fact" and every expression names it, so they can stand in a
 * join:
 *		SELECT <day>, <amount> FROM <from> WHERE <window>
 */
typedef struct ts_source
{
	int32		metric_id;
	char	   *metric;			/* name of the metric, for messages */
	Oid			relid;
	char	   *relation;		/* quoted, with its schema, for messages */
	char	   *from;			/* FROM item: quoted relation AS fact */
	char	   *day;			/* SQL expression of type date */
	char	   *amount;			/* SQL expression of type numeric */
	char	   *moment;			/* the date column itself, quoted */
	Oid			moment_type;	/* DATEOID, TIMESTAMPOID or TIMESTAMPTZOID */
	char	   *time_zone;		/* an SQL literal; NULL unless timestamptz */
	bool		amount_is_integer;	/* then it is never NaN or infinite */
	int			n_levels;
	ts_source_level *levels;	/* ordered by dimension_id, depth */
} ts_source;

/*
 * Loads a source; everything is allocated in cxt.  The relation is looked up
 * by its name, so a table that was swapped by rename is found.  Without a
 * source: false if missing_ok, else an error.
 */
extern bool ts_source_load(int32 metric_id, ts_source *src, bool missing_ok,
						   MemoryContext cxt);

/*
 * The condition "the fact is in the window"; from and upto are SQL
 * expressions of type date, e.g. "$1".  It compares the bare column as well,
 * so that indexes and partition pruning work for timestamps too.  Allocated
 * in the current context.
 */
extern char *ts_source_window(const ts_source *src, const char *from,
							  const char *upto);

/* What ts_source_check_window found */
typedef struct ts_window_state
{
	int64		n_facts;		/* facts with an amount in the window */
	bool		complete;		/* the source fills the window */
	bool		any;			/* the source has a dated fact at all */
	DateADT		first;			/* days of the source's first and last fact, if */
	DateADT		last;			/* there is any */
} ts_window_state;

/*
 * Refuses a window that the source does not fill yet, and NaN or infinite
 * amounts in it; from_start: also one that begins long before the source
 * does.  on_incomplete: "error", or "accept", which leaves it to the caller to
 * look at *state (may be NULL).  Any other value is an error.
 */
extern void ts_source_check_window(const ts_source *src, DateADT from,
								   DateADT upto, bool from_start,
								   const char *on_incomplete,
								   ts_window_state *state);

/* The day of the source's first fact; false if it has none */
extern bool ts_source_first_day(const ts_source *src, DateADT *day);

/*
 * The error for NaN or infinite amounts in a window, which lists them.  For
 * who reads the amounts anyway and has met one: such an amount makes a sum one
 * of the three.
 */
extern void ts_source_no_numbers(const ts_source *src, DateADT from,
								 DateADT upto) pg_attribute_noreturn();

/* A date as YYYY-MM-DD and a window as [YYYY-MM-DD,YYYY-MM-DD), palloc'd */
extern char *ts_window_text(DateADT from, DateADT upto);

/* The parts of a daterange; the bounds may be DATEVAL_NOBEGIN, DATEVAL_NOEND */
extern void ts_daterange_parts(Datum range, DateADT *from, DateADT *upto,
							   bool *empty);
extern Datum ts_daterange_make(DateADT from, DateADT upto);

/* A member, as ts_members_load read it */
typedef struct ts_member
{
	int64		member_id;
	int32		dimension_id;
	int			dim_no;			/* place of its dimension in the call, from 0 */
	int			depth;
	int32		parent;			/* index of the parent on the day asked for; -1
								 * at the top or without one on that day */
	int32		path_parent;	/* index of the member with the path one level
								 * up; -1 at the top */
	int32		itself;			/* its own index; of a variant, the member's */
	int32	   *by_segment;		/* per segment its index or a variant's; NULL if
								 * that is itself in all of them */
	bool		moved;			/* facts name it below other parents than its
								 * own: they count where it is */
	char	   *code;
	char	  **path;			/* depth codes, the last one is code */
	Jsonb	   *slice_value;
	char	   *name;			/* NULL if none */
	bool		is_rest;
	int32		person_id;		/* 0 if none */
	DateADT		valid_from;		/* DATEVAL_NOBEGIN if unbounded */
	DateADT		valid_upto;		/* exclusive; DATEVAL_NOEND if unbounded */
} ts_member;

/* A code that stands for a member */
typedef struct ts_alias
{
	int			dim_no;
	int			depth;
	int32		parent;			/* index of the member that the code is below; -1
								 * at the top */
	int32		member;			/* index of the member that is meant */
	char	   *code;
	DateADT		valid_from;		/* days of the facts that it is good for */
	DateADT		valid_upto;
} ts_alias;

typedef struct ts_members
{
	int			n_dims;
	int32	   *dimension_ids;	/* of each dim_no */
	char	  **dimension_names;
	int		   *dim_start;		/* n_dims + 1 entries: members of dim_no are
								 * dim_start[dim_no] .. dim_start[dim_no + 1] - 1 */
	int32		n;
	ts_member  *members;		/* by dim_no, depth, code (strcmp), path; behind
								 * the n of them their variants */
	int			n_breaks;		/* segments less one */
	DateADT    *breaks;			/* first days of all segments but the first */
	int		   *moved_depth;	/* per dim_no: deepest level with a moved member */
	/* the rest is source.c's own */
	int32		n_all;			/* members and variants */
	int32		space;
	int			n_aliases;
	ts_alias   *aliases;		/* by dim_no, depth, code, parent, first day */
	uint32		mask;			/* size of the hash tables - 1 */
	int32	   *by_path;		/* (path_parent, code) -> index + 1 */
	int32	   *by_code;		/* (dim_no, depth, code) -> index + 1 of the
								 * first of that code */
	bool	   *shared_code;	/* of such a first: the level has others */
	int32	   *by_id;			/* member_id -> index + 1 */
} ts_members;

/*
 * Locks the members until the end of the transaction: RowShareLock by whoever
 * writes slices, RowExclusiveLock to add members, ExclusiveLock to change what
 * members are called and where they are.  Asks for no rights; to be taken before
 * members are read, and before targets are locked.
 */
extern void ts_members_lock(LOCKMODE mode);

/*
 * All members of the dimensions, their parents as on the day, in cxt.  A member
 * that moved and took its history along has its later parent on earlier days
 * as well.
 */
extern ts_members *ts_members_load(int n_dims, const int32 *dimension_ids,
								   DateADT on_day, MemoryContext cxt);

/*
 * Index of the member that a fact with these codes belongs to on the level:
 * the child of that code, or alias, of its member one level up (so, by path);
 * without one, the member of that code if the level has only one; else -1.
 * codes are those of levels 1 to depth, NULL for a code that is NULL or
 * unknown.  An alias beats a member of the same path on the days it is for; the
 * segment says which these are, TS_NO_SEGMENT that there is no day: the member
 * beats then.
 *
 * A fact may be found by code alone although its upper codes name another
 * parent (a customer that changed its type).  It belongs to the deeper member
 * then, and on the upper levels to that member's ancestors: look up the
 * deepest level that a split uses, and go up by ts_members_ancestor.
 */
#define TS_NO_SEGMENT (-1)
extern int32 ts_members_find_fact(const ts_members *m, int dim_no, int depth,
								  char *const *codes);
extern int32 ts_members_find_fact_in(const ts_members *m, int dim_no, int depth,
									 char *const *codes, int segment);

/* The segment that a day is in, from 0 */
extern int	ts_members_segment(const ts_members *m, DateADT day);

/* The member, or the variant of it, that holds for facts of a segment */
extern int32 ts_members_in_segment(const ts_members *m, int32 index, int segment);

/* Index of the child of that code of a member (parent -1: at the top), or -1 */
extern int32 ts_members_child(const ts_members *m, int dim_no, int32 parent,
							  const char *code);

/* Index of a member, -1 if it is not among those loaded */
extern int32 ts_members_by_id(const ts_members *m, int64 member_id);

/*
 * Index of the ancestor of that depth on the day asked for, or of a variant in
 * its segment (the member itself at its own depth); -1 if there is none.  Never
 * that of a variant.
 */
extern int32 ts_members_ancestor(const ts_members *m, int32 index, int depth);

/*
 * Narrows days to those from the first to the last on which facts of a member
 * count below another one; false if there is none.
 */
extern bool ts_members_days_below(const ts_members *m, int32 index, int32 above,
								  DateADT *from, DateADT *upto);

/* Does a member exist, below another one (-1: anywhere), on one of the days? */
extern bool ts_members_open(const ts_members *m, int32 index, int32 above,
							DateADT from, DateADT upto);

/* Index of the member that the only alias of that code stands for, or -1 */
extern int32 ts_members_find_alias(const ts_members *m, int dim_no, const char *code);

/*
 * Index of the member that a person names: a code, which must be unique in
 * the dimension, or an array with the path from the top.  Where no member has
 * that code or path, an alias will do.  An error if there is no such member or
 * the code names several.
 */
extern int32 ts_members_resolve(const ts_members *m, int dim_no,
								Jsonb *value);

/*
 * The same for one member without loading all; returns its id, and its slice
 * value in cxt if slice_value is not NULL.
 */
extern int64 ts_resolve_member(int32 dimension_id, const char *dimension,
							   Jsonb *value, Jsonb **slice_value,
							   MemoryContext cxt);

#endif							/* TS_SOURCE_H */
