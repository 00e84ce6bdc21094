/*-------------------------------------------------------------------------
 *
 * split_margins.h
 *	  Margins of a call of split_target, between the files that read and that
 *	  solve them.
 *
 * See split_margins.c for the glossary.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_SPLIT_MARGINS_H
#define TS_SPLIT_MARGINS_H

#include "postgres.h"

#include "margins.h"
#include "split.h"

/* the solver's, less the targets' amounts and what is held on each level */
#define MOST_MARGINS (TS_MAX_MARGINS - 1 - TS_MAX_AXES)

#define MARGINS_HINT \
	"margins => '{\"line\": {\"A\": 6000, \"B\": 4000}, \"market\": {\"East\": \"30%%\", \"West\": null}}'"

typedef struct margin_entry
{
	int			margin;
	char	  **texts;			/* a member or label per part of the margin */
	Datum		number;			/* numeric; 0: free */
	bool		percent;
} margin_entry;

/* The cells of one combination of keys */
typedef struct margin_group
{
	int32		keys[TS_MAX_AXES];	/* one per part */
	int32		number;
	int64		total;			/* units */
	bool		is_free;
	bool		named;			/* by an entry */
	margin_entry *entry;
} margin_group;

typedef struct split_margin
{
	char	   *name;
	int			n_parts;
	ts_axis		parts[TS_MAX_AXES]; /* levels and grains */
	/* once cells are known */
	int			source[TS_MAX_AXES];	/* axis of the call, -1: above the cells */
	int32	   *group;			/* by cell */
	int32		n_groups;
	margin_group **groups;		/* in order of their keys */
	bool		complete;		/* no group is free */
} split_margin;

struct ts_margin_list
{
	int			n;
	split_margin *margins[MOST_MARGINS];
	int64		n_entries;
	int64		space;
	margin_entry *entries;
};

extern ts_term ts_margins_seed(const ts_term *term);
extern char *ts_margin_entry_name(const ts_split *split, const margin_entry *entry);

#endif							/* TS_SPLIT_MARGINS_H */
