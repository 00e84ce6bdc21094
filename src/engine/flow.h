/*-------------------------------------------------------------------------
 *
 * flow.h
 *	  Flows in a network whose arcs have bounds: is there one, which is the
 *	  cheapest, and what is in the way where there is none.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_ENGINE_FLOW_H
#define TS_ENGINE_FLOW_H

#include "engine/apportion.h"

/* nodes and arcs are at most so many; what all nodes lack together is below 2^62 */
#define TS_FLOW_MAX		(INT32_C(1) << 29)

/*
 * A circulation: what flows into a node flows out of it.  Arc a leads from
 * tail[a] to head[a] and carries lower[a] to upper[a].  cost[a] is for each
 * unit; NULL: nothing costs anything.
 */
typedef struct ts_flow_network
{
	int32_t		n_nodes;
	int32_t		n_arcs;
	const int32_t *tail;
	const int32_t *head;
	const int64_t *lower;
	const int64_t *upper;
	const int64_t *cost;
	const int64_t *price;		/* of nodes, to start from; see ts_flow_solve.  NULL:
								 * not known */
	int32_t		max_cycle;		/* no cycle without a repeated node is longer;
								 * 0: not known */
	ts_check	check;
} ts_flow_network;

typedef enum ts_flow_status
{
	TS_FLOW_OK,
	TS_FLOW_INFEASIBLE,
	TS_FLOW_TOO_LARGE			/* beyond the limits, or costs too large */
} ts_flow_status;

extern size_t ts_flow_work(int32_t n_nodes, int32_t n_arcs);
extern int64_t ts_flow_max_cost(int32_t n_nodes, int32_t max_cycle);
extern ts_flow_status ts_flow_solve(const ts_flow_network *network, int64_t *flow,
									bool *side, void *work);
extern void ts_flow_fixed(const ts_flow_network *network, const int64_t *flow, bool *fixed, void *work);

#endif							/* TS_ENGINE_FLOW_H */
