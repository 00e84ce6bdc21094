/*-------------------------------------------------------------------------
 *
 * flow.c
 *	  Flows in a network whose arcs have bounds: is there one, which is the
 *	  cheapest, and what is in the way where there is none.
 *
 * Glossary
 *	  arc			leads from a node to another and carries a whole number of
 *					units between two bounds
 *	  circulation	what flows into a node flows out of it
 *	  edge			what is left of an arc in one direction: by how much its flow
 *					can grow, or (the edge back) fall
 *	  room			of an edge: that number of units
 *	  excess		of a node: what flows in less what flows out
 *	  price			of a node; the reduced cost of an edge from u to v is its
 *					cost plus the price of u less that of v
 *	  slack			(epsilon) no edge with room has a reduced cost below minus
 *					that.  With a slack below 1 / (length of the longest cycle)
 *					a flow of whole costs is cheapest
 *
 * Method
 *	  All arcs start with the flow within their bounds that is nearest to what
 *	  is in "flow".  Then excess is led from nodes that have some to those that
 *	  lack some, along shortest paths and as much as fits into all of the same
 *	  length at once (E. A. Dinic, Soviet Math. Dokl. 11 (1970)).  If none lead
 *	  there, the nodes that can be reached are a cut: they have more to send
 *	  than arcs out of them take, so no flow exists (A. J. Hoffman's condition).
 *
 *	  The cheapest flow is found by scaling (A. V. Goldberg and R. E. Tarjan,
 *	  "Finding minimum-cost circulations by successive approximation", Math.
 *	  Oper. Res. 15 (1990)): for a slack that falls by STEP each time, all edges
 *	  that cost too much to leave alone are filled, and the excess that this
 *	  makes is pushed on along edges with a negative reduced cost, lowering the
 *	  price of a node from which there is none.  Costs are multiplied by the
 *	  longest cycle's length, so that a slack of 1 is small enough.
 *
 *	  From time to time the prices of all nodes are lowered at once, to what it
 *	  costs from them to the nearest node that lacks something (in steps of the
 *	  slack, by buckets): otherwise excess wanders about.
 *
 *	  Only the order of nodes and arcs decides between flows that cost the same.
 *
 * Limits
 *	  TS_FLOW_MAX nodes and arcs.  Costs up to ts_flow_max_cost().  An arc with
 *	  equal bounds takes no time, other than being counted.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "engine/flow.h"

/* by how much the slack falls */
#define STEP	8

/* by how much the first one is smaller where prices are known to start from */
#define START	8

/* prices fall by less than so many times the longest cycle's largest cost */
#define LOWEST	4

/* edges looked at between two calls of check */
#define CHECK_EVERY	(1 << 16)

typedef struct edge
{
	int64_t		room;
	int64_t		cost;
	int32_t		to;
	int32_t		back;			/* the edge in the other direction */
} edge;

typedef struct solver
{
	const ts_flow_network *network;
	edge	   *edges;			/* those of a node stand together */
	int64_t    *price;
	int64_t    *excess;
	int32_t    *first;			/* n_nodes + 1: a node's edges */
	int32_t    *current;		/* the next of them to be looked at */
	int32_t    *level;			/* or rank: number of steps */
	int32_t    *queue;
	int32_t    *next;			/* lists of nodes, for buckets */
	int32_t    *previous;
	bool	   *fixed;			/* arcs whose flow is known to stay */
	int32_t		n_live;			/* the others */
	uint32_t	looked;			/* edges since the last check */
} solver;

static size_t
align8(size_t size)
{
	return (size + 7) & ~(size_t) 7;
}

/*
 * Bytes of work memory that ts_flow_solve and ts_flow_fixed need
 */
size_t
ts_flow_work(int32_t n_nodes, int32_t n_arcs)
{
	size_t		nodes = (size_t) n_nodes + 2;

	return align8(sizeof(edge) * 2 * ((size_t) n_arcs + 1)) + 2 * align8(sizeof(int64_t) * nodes) +
		6 * align8(sizeof(int32_t) * nodes) + align8(sizeof(bool) * ((size_t) n_arcs + 1));
}

static int64_t
cycle_length(int32_t n_nodes, int32_t max_cycle)
{
	return 1 + (int64_t) (max_cycle > 0 && max_cycle < n_nodes ? max_cycle : n_nodes);
}

/*
 * The largest cost of a unit that prices have room for.  A price falls, for
 * each slack, by at most some slacks per edge of a path, and the slacks add up
 * to less than twice the first.
 */
int64_t
ts_flow_max_cost(int32_t n_nodes, int32_t max_cycle)
{
	int64_t		length = cycle_length(n_nodes, max_cycle);

	return (INT64_C(1) << 58) / length / length;
}

static void
lay_out_work(solver *s, const ts_flow_network *network, void *work)
{
	size_t		nodes = (size_t) network->n_nodes + 2;
	char	   *at = work;

	memset(s, 0, sizeof(*s));
	s->network = network;
	s->edges = (edge *) at;
	at += align8(sizeof(edge) * 2 * ((size_t) network->n_arcs + 1));
	s->price = (int64_t *) at;
	at += align8(sizeof(int64_t) * nodes);
	s->excess = (int64_t *) at;
	at += align8(sizeof(int64_t) * nodes);
	s->first = (int32_t *) at;
	at += align8(sizeof(int32_t) * nodes);
	s->current = (int32_t *) at;
	at += align8(sizeof(int32_t) * nodes);
	s->level = (int32_t *) at;
	at += align8(sizeof(int32_t) * nodes);
	s->queue = (int32_t *) at;
	at += align8(sizeof(int32_t) * nodes);
	s->next = (int32_t *) at;
	at += align8(sizeof(int32_t) * nodes);
	s->previous = (int32_t *) at;
	at += align8(sizeof(int32_t) * nodes);
	s->fixed = (bool *) at;
	for (int32_t arc = 0; arc < network->n_arcs; arc++)
		s->fixed[arc] = network->lower[arc] >= network->upper[arc] || network->tail[arc] == network->head[arc];
}

static inline void
look(solver *s)
{
	if (++s->looked >= CHECK_EVERY)
	{
		s->looked = 0;
		if (s->network->check)
			s->network->check();
	}
}

/*
 * Makes the edges of all arcs that are not fixed, at their present flow, and
 * the excess of the nodes.  Costs are times "scale".
 */
static void
make_edges(solver *s, const int64_t *flow, int64_t scale)
{
	const ts_flow_network *network = s->network;
	int32_t		n = network->n_nodes;
	int32_t		sum = 0;

	memset(s->first, 0, sizeof(int32_t) * ((size_t) n + 2));
	memset(s->excess, 0, sizeof(int64_t) * ((size_t) n + 1));
	s->n_live = 0;
	for (int32_t arc = 0; arc < network->n_arcs; arc++)
	{
		look(s);
		s->excess[network->tail[arc]] -= flow[arc];
		s->excess[network->head[arc]] += flow[arc];
		if (!s->fixed[arc])
		{
			s->n_live++;
			s->first[network->tail[arc]]++;
			s->first[network->head[arc]]++;
		}
	}
	for (int32_t node = 0; node <= n; node++)
	{
		int32_t		degree = s->first[node];

		s->first[node] = sum;
		s->current[node] = sum;
		sum += degree;
	}
	for (int32_t arc = 0; arc < network->n_arcs; arc++)
	{
		int32_t		forth;
		int32_t		back;
		int64_t		cost;

		if (s->fixed[arc])
			continue;
		look(s);
		forth = s->current[network->tail[arc]]++;
		back = s->current[network->head[arc]]++;
		cost = network->cost ? network->cost[arc] * scale : 0;
		s->edges[forth] = (edge)
		{
			network->upper[arc] - flow[arc], cost, network->head[arc], back
		};
		s->edges[back] = (edge)
		{
			flow[arc] - network->lower[arc], -cost, network->tail[arc], forth
		};
	}
}

/* What the arcs carry, from the edges */
static void
read_flow(solver *s, int64_t *flow)
{
	const ts_flow_network *network = s->network;

	memcpy(s->current, s->first, sizeof(int32_t) * (size_t) network->n_nodes);
	for (int32_t arc = 0; arc < network->n_arcs; arc++)
	{
		if (s->fixed[arc])
			continue;
		look(s);
		flow[arc] = network->upper[arc] - s->edges[s->current[network->tail[arc]]++].room;
		s->current[network->head[arc]]++;
	}
}

static inline void
push(solver *s, int32_t from, edge *e, int64_t units)
{
	e->room -= units;
	s->edges[e->back].room += units;
	s->excess[from] -= units;
	s->excess[e->to] += units;
}

/*
 * Numbers of steps from the nodes with excess.  Returns whether a node that
 * lacks something is reached; those not reached have level -1.
 */
static bool
find_levels(solver *s)
{
	int32_t		n = s->network->n_nodes;
	int32_t		head = 0;
	int32_t		tail = 0;
	bool		found = false;

	for (int32_t node = 0; node < n; node++)
	{
		s->level[node] = -1;
		if (s->excess[node] > 0)
		{
			s->level[node] = 0;
			s->queue[tail++] = node;
		}
	}
	while (head < tail)
	{
		int32_t		node = s->queue[head++];

		for (int32_t i = s->first[node]; i < s->first[node + 1]; i++)
		{
			int32_t		to = s->edges[i].to;

			look(s);
			if (s->edges[i].room > 0 && s->level[to] < 0)
			{
				s->level[to] = s->level[node] + 1;
				s->queue[tail++] = to;
				found |= s->excess[to] < 0;
			}
		}
	}
	return found;
}

/*
 * Leads what one node has too much to nodes that lack it, along edges from
 * level to level.  The path stands in queue[]: the node it came from is the
 * other end of the edge back.
 */
static void
send_from(solver *s, int32_t source)
{
	int32_t		length = 0;
	int32_t		node = source;

	while (s->excess[source] > 0)
	{
		if (node != source && s->excess[node] < 0)
		{
			int64_t		units = s->excess[source];
			int32_t		keep = length;

			if (-s->excess[node] < units)
				units = -s->excess[node];
			for (int32_t i = 0; i < length; i++)
				if (s->edges[s->queue[i]].room < units)
					units = s->edges[s->queue[i]].room;
			for (int32_t i = length - 1; i >= 0; i--)
			{
				edge	   *e = &s->edges[s->queue[i]];

				look(s);
				e->room -= units;
				s->edges[e->back].room += units;
				if (e->room == 0)
					keep = i;
			}
			s->excess[source] -= units;
			s->excess[node] += units;

			/* go on from where there is still room */
			if (keep < length)
				node = s->edges[s->edges[s->queue[keep]].back].to;
			length = keep;
			continue;
		}
		if (s->current[node] < s->first[node + 1])
		{
			int32_t		i = s->current[node];

			look(s);
			if (s->edges[i].room > 0 && s->level[s->edges[i].to] == s->level[node] + 1)
			{
				s->queue[length++] = i;
				node = s->edges[i].to;
			}
			else
				s->current[node]++;
		}
		else
		{
			/* a dead end: nobody comes here again in this round */
			if (node == source)
				return;
			s->level[node] = -2;
			length--;
			node = s->edges[s->edges[s->queue[length]].back].to;
			s->current[node]++;
		}
	}
}

/*
 * Makes all excess vanish.  False if that is not possible: then level[] is at
 * least 0 at the nodes that the excess can reach.
 */
static bool
balance(solver *s)
{
	int32_t		n = s->network->n_nodes;

	for (;;)
	{
		bool		any = false;

		for (int32_t node = 0; node < n && !any; node++)
			any = s->excess[node] > 0;
		if (!any)
			return true;
		if (!find_levels(s))
			return false;
		memcpy(s->current, s->first, sizeof(int32_t) * (size_t) n);
		for (int32_t node = 0; node < n; node++)
			if (s->excess[node] > 0)
				send_from(s, node);
	}
}

/* A node comes into a bucket, a list by links forth and back; queue[] has its head */
static inline void
put_into_bucket(solver *s, int32_t node, int32_t rank)
{
	int32_t		after = s->queue[rank];

	s->level[node] = rank;
	s->next[node] = after;
	s->previous[node] = -1;
	if (after >= 0)
		s->previous[after] = node;
	s->queue[rank] = node;
}

static inline void
take_from_bucket(solver *s, int32_t node, int32_t rank)
{
	int32_t		before = s->previous[node];
	int32_t		after = s->next[node];

	if (before >= 0)
		s->next[before] = after;
	else
		s->queue[rank] = after;
	if (after >= 0)
		s->previous[after] = before;
}

/*
 * Lowers all prices by what it costs, in slacks, to come from a node to the
 * nearest one that lacks something.  Nodes are taken from buckets by that
 * number, their rank; a node that is done has level -1 - rank.  Where all nodes
 * with excess are done the others count as being as far away as the last.
 */
static void
lower_prices(solver *s, int64_t slack)
{
	int32_t		n = s->network->n_nodes;
	int32_t		active = 0;
	int32_t		rank;

	for (rank = 0; rank <= n; rank++)
		s->queue[rank] = -1;
	for (int32_t node = 0; node < n; node++)
	{
		s->level[node] = n;
		if (s->excess[node] < 0)
			put_into_bucket(s, node, 0);
		else if (s->excess[node] > 0)
			active++;
	}
	for (rank = 0; rank < n && active > 0; rank++)
		while (s->queue[rank] >= 0)
		{
			int32_t		node = s->queue[rank];

			take_from_bucket(s, node, rank);
			s->level[node] = -1 - rank;
			if (s->excess[node] > 0)
				active--;
			for (int32_t i = s->first[node]; i < s->first[node + 1]; i++)
			{
				const edge *e = &s->edges[s->edges[i].back];
				int32_t		from = s->edges[i].to;
				int64_t		reduced;
				int64_t		steps;

				look(s);
				if (e->room <= 0 || s->level[from] < 0)
					continue;
				reduced = e->cost + s->price[from] - s->price[node];
				steps = reduced < 0 ? 0 : reduced / slack + 1;
				if (steps < s->level[from] - rank)
				{
					if (s->level[from] < n)
						take_from_bucket(s, from, s->level[from]);
					put_into_bucket(s, from, (int32_t) (rank + steps));
				}
			}
		}
	for (int32_t node = 0; node < n; node++)
	{
		int32_t		steps = s->level[node] < 0 ? -1 - s->level[node] : rank;

		s->price[node] -= steps * slack;
		s->current[node] = s->first[node];
	}
}

/*
 * Makes the flow as cheap as the slack asks for.  False if there is none at all:
 * no price falls below "lowest" where there is.
 */
static bool
refine(solver *s, int64_t slack, int64_t lowest)
{
	int32_t		n = s->network->n_nodes;
	int32_t		head = 0;
	int32_t		count = 0;
	int64_t		relabels = 0;

	for (int32_t node = 0; node < n; node++)
		for (int32_t i = s->first[node]; i < s->first[node + 1]; i++)
		{
			edge	   *e = &s->edges[i];

			look(s);
			if (e->room > 0 && e->cost + s->price[node] - s->price[e->to] < 0)
				push(s, node, e, e->room);
		}
	lower_prices(s, slack);

	/* a ring of nodes with excess; level marks those that are in it */
	for (int32_t node = 0; node < n; node++)
	{
		s->level[node] = s->excess[node] > 0;
		if (s->excess[node] > 0)
			s->queue[count++] = node;
	}
	while (count > 0)
	{
		int32_t		node = s->queue[head];

		head = head + 1 < n ? head + 1 : 0;
		count--;
		s->level[node] = 0;
		while (s->excess[node] > 0)
		{
			if (s->current[node] < s->first[node + 1])
			{
				edge	   *e = &s->edges[s->current[node]];

				look(s);
				if (e->room > 0 && e->cost + s->price[node] - s->price[e->to] < 0)
				{
					push(s, node, e, s->excess[node] < e->room ? s->excess[node] : e->room);
					if (s->excess[e->to] > 0 && !s->level[e->to])
					{
						int32_t		place = head + count < n ? head + count : head + count - n;

						s->level[e->to] = 1;
						s->queue[place] = e->to;
						count++;
					}
				}
				else
					s->current[node]++;
			}
			else
			{
				bool		found = false;
				int64_t		price = 0;

				for (int32_t i = s->first[node]; i < s->first[node + 1]; i++)
				{
					const edge *e = &s->edges[i];

					look(s);
					if (e->room > 0 && (!found || s->price[e->to] - e->cost > price))
					{
						found = true;
						price = s->price[e->to] - e->cost;
					}
				}
				if (!found || price - slack < lowest)
					return false;
				s->price[node] = price - slack;
				s->current[node] = s->first[node];
				relabels++;
			}
		}
		if (relabels > 2 * (int64_t) n && count > 0)
		{
			/* excess wanders about: show it the way, and take the ring up anew */
			relabels = 0;
			lower_prices(s, slack);
			head = 0;
			count = 0;
			for (int32_t at = 0; at < n; at++)
			{
				s->level[at] = s->excess[at] > 0;
				if (s->excess[at] > 0)
					s->queue[count++] = at;
			}
		}
	}
	return true;
}

/*
 * Takes arcs out whose flow cannot change any more, if there are enough of them.
 *
 * A flow that is cheaper differs by cycles that cost less than nothing, and no
 * edge in them costs less than minus the slack (reduced).  So an edge whose
 * reduced cost is above that of the rest of the longest cycle is in none.
 */
static void
drop_fixed(solver *s, int64_t *flow, int64_t scale, int64_t slack)
{
	const ts_flow_network *network = s->network;
	int64_t		limit = scale * slack;
	int32_t		live = 0;

	for (int32_t arc = 0; arc < network->n_arcs; arc++)
		if (!s->fixed[arc])
		{
			int64_t		reduced = network->cost[arc] * scale + s->price[network->tail[arc]] -
				s->price[network->head[arc]];

			look(s);
			live += reduced <= limit && reduced >= -limit;
		}
	if (live > s->n_live / 2)
		return;
	read_flow(s, flow);
	for (int32_t arc = 0; arc < network->n_arcs; arc++)
		if (!s->fixed[arc])
		{
			int64_t		reduced = network->cost[arc] * scale + s->price[network->tail[arc]] -
				s->price[network->head[arc]];

			look(s);
			s->fixed[arc] = reduced > limit || reduced < -limit;
		}
	make_edges(s, flow, scale);
}

/*
 * Finds a flow, the cheapest one if there are costs.
 *
 * flow[] has n_arcs entries: a first guess on entry, the flow on return.
 * work has ts_flow_work(n_nodes, n_arcs) bytes.
 *
 * TS_FLOW_INFEASIBLE: there is none.  side[], n_nodes entries, then tells why:
 * all arcs from the nodes with true to the others carry their upper bound, all
 * arcs back their lower bound, and still more flows in than out.
 */
ts_flow_status
ts_flow_solve(const ts_flow_network *network, int64_t *flow, bool *side, void *work)
{
	solver		s;
	int64_t		scale = cycle_length(network->n_nodes, network->max_cycle);
	int64_t		largest = 0;
	int64_t		lowest = 0;

	if (network->n_nodes > TS_FLOW_MAX || network->n_arcs > TS_FLOW_MAX)
		return TS_FLOW_TOO_LARGE;
	if (network->cost)
	{
		for (int32_t arc = 0; arc < network->n_arcs; arc++)
		{
			int64_t		cost = network->cost[arc] < 0 ? -network->cost[arc] : network->cost[arc];

			if (cost > largest && network->lower[arc] < network->upper[arc])
				largest = cost;
		}
		if (largest > ts_flow_max_cost(network->n_nodes, network->max_cycle))
			return TS_FLOW_TOO_LARGE;
	}
	for (int32_t arc = 0; arc < network->n_arcs; arc++)
	{
		if (flow[arc] > network->upper[arc])
			flow[arc] = network->upper[arc];
		if (flow[arc] < network->lower[arc])
			flow[arc] = network->lower[arc];
		/* crossed bounds, which only a mistake can make */
		if (flow[arc] > network->upper[arc])
			return TS_FLOW_TOO_LARGE;
	}
	lay_out_work(&s, network, work);
	for (int32_t node = 0; node < network->n_nodes; node++)
	{
		s.price[node] = network->price ? network->price[node] * scale : 0;
		if (s.price[node] < lowest)
			lowest = s.price[node];
	}
	lowest -= LOWEST * largest * scale * scale;
	make_edges(&s, flow, scale);
	if (!network->price && !balance(&s))
	{
		for (int32_t node = 0; node < network->n_nodes; node++)
			side[node] = s.level[node] >= 0;
		read_flow(&s, flow);
		return TS_FLOW_INFEASIBLE;
	}
	if (largest > 0)
		for (int64_t slack = network->price ? largest * scale / START : largest * scale; slack > 1;)
		{
			slack = slack / STEP > 1 ? slack / STEP : 1;
			if (!refine(&s, slack, lowest))
				return TS_FLOW_INFEASIBLE;
			drop_fixed(&s, flow, scale, slack);
		}
	read_flow(&s, flow);
	return TS_FLOW_OK;
}

/*
 * Which arcs carry the same in every flow there is?
 *
 * flow[] is one of them.  The flow of an arc that is at one of its bounds can
 * change if and only if a cycle of edges with room leads through it, that is,
 * if both its ends are in the same strongly connected component (R. E. Tarjan,
 * SIAM J. Comput. 1 (1972)).  Of an arc between its bounds nothing is said: it
 * is not marked, for its own two edges are such a cycle.
 */
void
ts_flow_fixed(const ts_flow_network *network, const int64_t *flow, bool *fixed, void *work)
{
	solver		s;
	int32_t		n = network->n_nodes;
	int32_t		count = 0;
	int32_t		open = 0;		/* nodes on the stack of unfinished components */
	int32_t    *lowest;
	int32_t    *path;
	int32_t    *component;

	lay_out_work(&s, network, work);
	make_edges(&s, flow, 0);
	memcpy(s.current, s.first, sizeof(int32_t) * (size_t) n);
	lowest = (int32_t *) s.price;	/* what has no use here */
	path = (int32_t *) s.excess;
	component = (int32_t *) s.price + n;
	for (int32_t node = 0; node < n; node++)
		s.level[node] = component[node] = -1;
	for (int32_t root = 0; root < n; root++)
	{
		int32_t		length = 0;

		if (s.level[root] >= 0)
			continue;
		path[length++] = root;
		s.level[root] = lowest[root] = count++;
		s.queue[open++] = root;
		while (length > 0)
		{
			int32_t		node = path[length - 1];

			if (s.current[node] < s.first[node + 1])
			{
				const edge *e = &s.edges[s.current[node]++];

				look(&s);
				if (e->room <= 0)
					continue;
				if (s.level[e->to] < 0)
				{
					s.level[e->to] = lowest[e->to] = count++;
					s.queue[open++] = e->to;
					path[length++] = e->to;
				}
				else if (component[e->to] < 0 && s.level[e->to] < lowest[node])
					lowest[node] = s.level[e->to];
			}
			else
			{
				length--;
				if (lowest[node] == s.level[node])
				{
					int32_t		other;

					do
					{
						other = s.queue[--open];
						component[other] = node;
					} while (other != node);
				}
				if (length > 0 && lowest[node] < lowest[path[length - 1]])
					lowest[path[length - 1]] = lowest[node];
			}
		}
	}
	for (int32_t arc = 0; arc < network->n_arcs; arc++)
		fixed[arc] = network->lower[arc] >= network->upper[arc] ||
			component[network->tail[arc]] != component[network->head[arc]];
}
