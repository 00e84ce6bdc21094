/*-------------------------------------------------------------------------
 *
 * tree.h
 *	  The targets at and under one target, in memory, and the way of a fact
 *	  down to its node.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_TREE_H
#define TS_TREE_H

#include "postgres.h"

#include "utils/date.h"
#include "utils/hsearch.h"

#include "calendar.h"
#include "numeric_units.h"
#include "source.h"

typedef struct ts_node
{
	int64		target_id;
	int64		member_id;		/* member on the edge above, 0 for a period */
	int32		parent;			/* node above, -1 for the first */
	int32		member;			/* the member's index, -1 for a period */
	int32		first_child;	/* children are tree->children[first_child ...] */
	int32		n_children;
	bool		has_rest;		/* a child takes what its siblings do not */
	bool		by_time;		/* children are set apart by their periods */
	DateADT		from;			/* first day */
	DateADT		upto;			/* day after the last */
	Datum		amount;			/* numeric */
	Datum		slice;			/* jsonb, only if asked for */
} ts_node;

/* A member that stands for the rest: what it leaves out */
typedef struct ts_rest
{
	int			dim;
	int			depth;
	int			n_named;
	int32	   *named;			/* members that have a target of their own */
} ts_rest;

typedef struct ts_tree
{
	int32		plan_id;
	int32		metric_id;
	char	   *plan;			/* as people write it */
	char	   *metric;
	bool		additive;
	ts_quantum	quantum;
	int32		calendar_id;
	ts_calendar_rule calendar;
	int			depth;			/* of nodes[0] in the plan's tree */
	int32		n;
	ts_node    *nodes;			/* parents before their children */
	int32	   *children;
	int			n_dims;
	int32	   *dimension_ids;
	char	  **dimensions;		/* their names */
	int		   *depths;			/* per dimension: deepest level in use */
	ts_members *members;
	int32	   *start_member;	/* per dimension: member that nodes[0] is for, -1 */
	int			n_way;
	int32	   *way;			/* members from the root to nodes[0] */
	int			n_rests;
	ts_rest    *rests;			/* on the way from the root to nodes[0] */
	HTAB	   *edges;			/* (node, member) -> child */
} ts_tree;

extern ts_tree *ts_tree_load(int64 target_id, bool with_slices,
							 int n_dims, const int32 *dimension_ids,
							 MemoryContext context);
extern ts_tree *ts_tree_load_alone(int64 target_id, int n_dims, const int32 *dimension_ids,
								   MemoryContext context);
extern ts_tree *ts_tree_deepen(const ts_tree *tree, int32 n_new, const ts_node *new_nodes,
							   MemoryContext context);
extern bool ts_tree_in_scope(const ts_tree *tree, const int32 *member);
extern int32 ts_tree_descend(const ts_tree *tree, int32 at, const int32 *member, DateADT day);
extern int32 ts_tree_child_by_day(const ts_tree *tree, int32 at, DateADT day);
extern int32 ts_tree_child_by_member(const ts_tree *tree, int32 at, int32 member);
extern const ts_member *ts_tree_child_member(const ts_tree *tree, int32 at);
extern int32 *ts_tree_order(const ts_tree *tree, int32 n, const int32 *nodes);
extern void ts_tree_node_members(const ts_tree *tree, int32 node, int32 *member);
extern bool ts_tree_node_days(const ts_tree *tree, int32 node, DateADT *from, DateADT *upto);
extern Datum ts_tree_edge_slice(const ts_tree *tree, int32 member);
extern int	ts_tree_dim(const ts_tree *tree, int32 dimension_id);

#endif							/* TS_TREE_H */
