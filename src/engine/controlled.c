/*-------------------------------------------------------------------------
 *
 * controlled.c
 *	  Tables with two families of totals: whole numbers for all cells and all
 *	  totals at once.
 *
 * Glossary (see also units.h and flow.h)
 *	  cell			a number of the table that no other is the sum of
 *	  total			the sum of some cells: a product line, a market's quarter, a
 *					month of the whole company
 *	  family		totals that nest: of two of them one contains the other, or
 *					they have no cell in common.  A tree, or several
 *	  part			of a cell or a total: what it has above its floor
 *	  up			rounded to the ceiling, that is one more than the floor
 *	  fair			floor or ceiling
 *
 * Method
 *	  Controlled rounding (L. H. Cox, "A constructive procedure for unbiased
 *	  controlled rounding", J. Amer. Statist. Assoc. 82 (1987)): each cell is
 *	  an arc from the smallest total of the first family that it is in to that of
 *	  the second.  Totals of the first family are fed by the totals that contain
 *	  them, those of the second feed theirs, and one node at the top is the
 *	  source of all and where all ends.  What flows in a cell's arc is 1 if it
 *	  is rounded up, in a total's arc the number of its cells that are.  A fair
 *	  total's arc is bounded by the floor and the ceiling of the sum of its
 *	  cells' parts.  The parts themselves are a flow within all bounds, bounds
 *	  are whole, so there is a flow in whole numbers (G. B. Dantzig and D. R.
 *	  Fulkerson): with two families there is always a table in which all cells
 *	  and all totals are fair.
 *
 *	  Among these, the one is taken whose numbers (cells and totals) have the
 *	  least sum of squared distances from what was rounded.  A number with the part
 *	  p is at a distance of p below or 1 - p above, so to go up costs
 *	  (1 - p)^2 - p^2 = 1 - 2 p more: a cost for each unit, and the flow that is
 *	  cheapest is wanted (flow.c).  Where a table is rounded anew, the caller says
 *	  what its numbers are, and to change one costs more than squares save.
 *
 *	  Where totals are given as numbers of units instead, there is a table if the
 *	  parts add up to them, or nearly so: the sum of all differences must be below
 *	  1, for a cut that was in the way would lack one whole unit.
 *
 *	  Filling a table works the same way, with the bounds of the cells in place
 *	  of 0 and 1.
 *
 * Parts are multiples of 2^-64, rounded up or down by whoever makes them.  A sum
 * of 2^29 of them may therefore be off by 2^-35; one that is within 2^-32 of a
 * whole number counts as whole, and that number is then the floor or the ceiling
 * of the true sum in any case.
 *
 * Costs are rounded to what ts_flow_max_cost has room for, 2^-40 or coarser in
 * tables with many totals in both families.  Of totals, then of cells, that are
 * alike the order decides, by some of the last of these bits: the later they
 * stand, the more it costs to round them up.
 *
 * Limits
 *	  TS_FLOW_MAX cells and totals.  Time as in flow.c: about linear in practice.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "engine/controlled.h"

#define CHECK_EVERY	4096

/* what no total has, nor any cell */
#define NO_LIMIT	(INT64_C(1) << 60)

/* finest costs: 1 is 2^COST_BITS */
#define COST_BITS	40

/* what the last cell, or total, costs more than the first, in the last of these bits */
#define ORDER_COST	64
#define TOTAL_ORDER_COST (64 * ORDER_COST)

/*
 * What it costs to change a number that is to stay: more than four others can
 * save by coming closer to their exact values
 */
#define KEEP_COST	4

/* nearer to a whole number than this, in 2^-64, a total is whole */
#define NEAR_WHOLE	(UINT64_C(1) << 32)

/* the network of a table, and where things are in the work memory */
typedef struct table_network
{
	ts_flow_network flow;
	int32_t    *tail;
	int32_t    *head;
	int64_t    *lower;
	int64_t    *upper;
	int64_t    *cost;
	int64_t    *units;
	int64_t    *step;			/* of an arc of the first family or a cell: what its
								 * next unit costs, with what is below it */
	int64_t    *price;			/* of nodes */
	int32_t    *order;			/* arcs by the node they lead from, cheapest steps first */
	int32_t    *start;			/* a node's first in it */
	ts_uint128 *sum;			/* of the parts, per total */
	bool	   *side;
	bool	   *fixed;
	void	   *work;
	int32_t		first[2];		/* a family's first total among the nodes, and the
								 * arcs */
	int32_t		top;			/* the node */
	int32_t		first_cell;		/* its arc */
} table_network;

static size_t
align8(size_t size)
{
	return (size + 7) & ~(size_t) 7;
}

static size_t
work_size(int32_t n, const ts_family *family)
{
	size_t		nodes = (size_t) family[0].n + (size_t) family[1].n + 1;
	size_t		arcs = nodes + (size_t) n;

	if (arcs > TS_FLOW_MAX)
		return 0;
	return 3 * align8(sizeof(int32_t) * arcs) + 5 * align8(sizeof(int64_t) * arcs) +
		align8(sizeof(int32_t) * (nodes + 1)) + align8(sizeof(int64_t) * nodes) + align8(sizeof(ts_uint128) * nodes) + 2 * align8(sizeof(bool) * arcs) +
		ts_flow_work((int32_t) nodes, (int32_t) arcs);
}

/* Levels of a family, at most */
static int32_t
family_depth(const ts_family *family)
{
	int32_t		deepest = 0;

	for (int32_t i = 0; i < family->n; i++)
	{
		int32_t		depth = 1;

		/* each is at least as deep as those before it in a chain: short trees */
		for (int32_t above = family->parent[i]; above >= 0; above = family->parent[above])
			depth++;
		if (depth > deepest)
			deepest = depth;
	}
	return deepest;
}

/*
 * How long is the longest cycle?  It goes back and forth between the families,
 * and the nodes of the smaller one limit how often.
 */
static int32_t
longest_cycle(const ts_family *family)
{
	int64_t		longest = (int64_t) family[0].n + family[1].n + 1;

	for (int i = 0; i < 2; i++)
	{
		int64_t		turns = (int64_t) family[i].n + 1;
		int64_t		length = turns * (2 + 2 * (int64_t) family_depth(&family[1 - i]));

		if (length < longest)
			longest = length;
	}
	return (int32_t) longest;
}

/*
 * The network with its arcs' ends; totals are free, up to "most"
 */
static void
build(table_network *net, int32_t n, const ts_family *family, int64_t most, ts_check check, void *work)
{
	size_t		nodes = (size_t) family[0].n + (size_t) family[1].n + 1;
	size_t		arcs = nodes - 1 + (size_t) n;
	char	   *at = work;

	net->first[0] = 0;
	net->first[1] = family[0].n;
	net->top = family[0].n + family[1].n;
	net->first_cell = net->top;
	net->lower = (int64_t *) at;
	at += align8(sizeof(int64_t) * (arcs + 1));
	net->upper = (int64_t *) at;
	at += align8(sizeof(int64_t) * (arcs + 1));
	net->cost = (int64_t *) at;
	at += align8(sizeof(int64_t) * (arcs + 1));
	net->units = (int64_t *) at;
	at += align8(sizeof(int64_t) * (arcs + 1));
	net->step = (int64_t *) at;
	at += align8(sizeof(int64_t) * (arcs + 1));
	net->price = (int64_t *) at;
	at += align8(sizeof(int64_t) * nodes);
	net->order = (int32_t *) at;
	at += align8(sizeof(int32_t) * (arcs + 1));
	net->start = (int32_t *) at;
	at += align8(sizeof(int32_t) * (nodes + 1));
	net->sum = (ts_uint128 *) at;
	at += align8(sizeof(ts_uint128) * nodes);
	net->tail = (int32_t *) at;
	at += align8(sizeof(int32_t) * (arcs + 1));
	net->head = (int32_t *) at;
	at += align8(sizeof(int32_t) * (arcs + 1));
	net->side = (bool *) at;
	at += align8(sizeof(bool) * (arcs + 1));
	net->fixed = (bool *) at;
	at += align8(sizeof(bool) * (arcs + 1));
	net->work = at;

	for (int f = 0; f < 2; f++)
		for (int32_t i = 0; i < family[f].n; i++)
		{
			int32_t		arc = net->first[f] + i;
			int32_t		above = family[f].parent[i] < 0 ? net->top : net->first[f] + family[f].parent[i];

			net->tail[arc] = f == 0 ? above : arc;
			net->head[arc] = f == 0 ? arc : above;
			net->lower[arc] = 0;
			net->upper[arc] = most;
			net->cost[arc] = 0;
			net->units[arc] = 0;
		}
	for (int32_t c = 0; c < n; c++)
	{
		int32_t		arc = net->first_cell + c;

		if (check && c % CHECK_EVERY == 0)
			check();
		net->tail[arc] = family[0].of_cell[c] < 0 ? net->top : family[0].of_cell[c];
		net->head[arc] = family[1].of_cell[c] < 0 ? net->top : net->first[1] + family[1].of_cell[c];
	}
	net->flow.n_nodes = (int32_t) nodes;
	net->flow.n_arcs = (int32_t) arcs;
	net->flow.tail = net->tail;
	net->flow.head = net->head;
	net->flow.lower = net->lower;
	net->flow.upper = net->upper;
	net->flow.cost = net->cost;
	net->flow.price = NULL;
	net->flow.max_cycle = longest_cycle(family);
	net->flow.check = check;
}

/* What the arcs of the totals carry, if the cells' arcs carry what they do */
static void
add_up(table_network *net, int32_t n, const ts_family *family)
{
	for (int32_t c = 0; c < n; c++)
		for (int f = 0; f < 2; f++)
			if (family[f].of_cell[c] >= 0)
				net->units[net->first[f] + family[f].of_cell[c]] += net->units[net->first_cell + c];
	for (int f = 0; f < 2; f++)
		for (int32_t i = family[f].n - 1; i >= 0; i--)
			if (family[f].parent[i] >= 0)
				net->units[net->first[f] + family[f].parent[i]] += net->units[net->first[f] + i];
}

/* Which totals are on the side of the cut that cannot pass on what it gets? */
static void
copy_cut(const table_network *net, const ts_family *family, ts_table_cut *cut)
{
	for (int f = 0; f < 2; f++)
		memcpy(cut->total[f], net->side + net->first[f], sizeof(bool) * (size_t) family[f].n);
	cut->top = net->side[net->top];
}

/*
 * What it costs in 2^-bits to round a part p (in 2^-64) up rather than down:
 * (1 - p)^2 - p^2, and what it is to stay
 */
static inline int64_t
cost_of_up(uint64_t part, int keep, int bits)
{
	return (int64_t) ((((ts_int128) 1 << 63) - (ts_int128) part) >> (63 - bits)) -
		(int64_t) keep * KEEP_COST * (INT64_C(1) << bits);
}

/*
 * Bytes of work memory for ts_controlled_round; 0: the table is too large
 */
size_t
ts_controlled_work(const ts_controlled_input *input)
{
	return work_size(input->n, input->family);
}

/*
 * Bounds and cost of a fair total: t whole units of its cells' parts, or t and
 * one more
 */
static void
bound_fair(table_network *net, int32_t arc, int keep, int64_t order, int bits)
{
	ts_uint128	sum = net->sum[arc];
	uint64_t	part = (uint64_t) sum;

	net->lower[arc] = net->upper[arc] = (int64_t) (sum >> 64);
	if (part <= NEAR_WHOLE)
		return;					/* whole, but for what rounding added */
	net->upper[arc]++;
	if (part >= -NEAR_WHOLE)
		net->lower[arc]++;		/* or took away */
	else
		net->cost[arc] = cost_of_up(part, keep, bits) + order;
}

/* Sorts arcs by what their next unit costs, then by their order */
static void
sort_arcs(const int64_t *step, int32_t *arc, int32_t n)
{
	/* shell sort: short lists, and no other memory */
	for (int32_t gap = n / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11)
		for (int32_t i = gap; i < n; i++)
		{
			int32_t		moved = arc[i];
			int32_t		j = i;

			for (; j >= gap && (step[arc[j - gap]] > step[moved] ||
								(step[arc[j - gap]] == step[moved] && arc[j - gap] > moved)); j -= gap)
				arc[j] = arc[j - gap];
			arc[j] = moved;
		}
}

/*
 * The cheapest table as far as the first family goes, to start from, with the
 * prices that show that it is.  From the bottom up each total learns what its
 * next unit would cost, which is that of the cheapest cell or total below that
 * is not up at its floor.  Then, from the top down, each total takes as many
 * of the cheapest as it has units.  All totals of the second family begin where
 * they would be if nothing held them, and lack or have too much.
 */
static void
round_first_family(table_network *net, const ts_controlled_input *input)
{
	int32_t		n_first = input->family[0].n;
	int32_t		arcs = net->first_cell + input->n;
	int32_t		sum = 0;

	/* the top's arcs come last, behind those of the first family's totals */
#define PLACE(node)	((node) == net->top ? n_first : (node))
	memset(net->start, 0, sizeof(int32_t) * ((size_t) n_first + 2));
	for (int32_t arc = 0; arc < arcs; arc++)
		if ((arc < n_first || arc >= net->first_cell) && net->lower[arc] < net->upper[arc])
			net->start[PLACE(net->tail[arc])]++;
	for (int32_t node = 0; node <= n_first + 1; node++)
	{
		int32_t		count = net->start[node];

		net->start[node] = sum;
		sum += count;
	}
	/* each start moves to its list's end, then all back by one */
	for (int32_t arc = 0; arc < arcs; arc++)
		if ((arc < n_first || arc >= net->first_cell) && net->lower[arc] < net->upper[arc])
			net->order[net->start[PLACE(net->tail[arc])]++] = arc;
	for (int32_t node = n_first; node > 0; node--)
		net->start[node] = net->start[node - 1];
	net->start[0] = 0;

	memcpy(net->step, net->cost, sizeof(int64_t) * (size_t) arcs);
	memset(net->price, 0, sizeof(int64_t) * ((size_t) net->top + 1));

	/* units[] of a total: how many of what is below it are up when it is at its floor */
	for (int32_t i = 0; i < n_first; i++)
		net->units[i] = net->lower[i];
	for (int32_t i = 0; i < n_first; i++)
		if (input->family[0].parent[i] >= 0)
			net->units[input->family[0].parent[i]] -= net->lower[i];
	for (int32_t i = n_first; i >= 0; i--)
	{
		/* the totals, children first, then the top */
		int32_t		node = i == 0 ? n_first : i - 1;
		int32_t    *list = net->order + net->start[node];
		int32_t		n = net->start[node + 1] - net->start[node];

		if (input->check && i % CHECK_EVERY == 0)
			input->check();
		sort_arcs(net->step, list, n);
		if (node < n_first && net->units[node] >= 0 && net->units[node] < n)
			net->step[node] += net->step[list[net->units[node]]];
	}
	for (int32_t i = n_first; i >= 0; i--)
	{
		/* the top, then the others, parents first */
		int32_t		node = i == n_first ? i : n_first - 1 - i;
		int32_t    *list = net->order + net->start[node];
		int32_t		n = net->start[node + 1] - net->start[node];
		int64_t		ups;

		if (node == n_first)
		{
			for (ups = 0; ups < n && net->step[list[ups]] < 0;)
				ups++;
		}
		else
		{
			/* what is in sum[] is no longer needed: whether the total is up */
			bool		is_up = net->sum[node] == 1;

			ups = net->units[node] + is_up;
			if (ups < 0)
				ups = 0;
			if (ups > n)
				ups = n;
			if (n > 0)
				net->price[node] = is_up || ups == n ? -net->step[list[ups > 0 ? ups - 1 : 0]] : -net->step[list[ups]];
			net->units[node] = net->lower[node] + is_up;
		}
		for (int32_t k = 0; k < n; k++)
		{
			if (list[k] < n_first)
				net->sum[list[k]] = k < ups;
			else
				net->units[list[k]] = k < ups;
		}
	}
#undef PLACE
	for (int32_t i = net->first[1]; i < net->top; i++)
		net->units[i] = net->cost[i] < 0 ? net->upper[i] : net->lower[i];
	net->flow.price = net->price;
}

/*
 * Rounds a table: up[c] tells whether cell c is its ceiling.
 *
 * TS_FLOW_INFEASIBLE: totals that have units given cannot be met, and the cut
 * (may be NULL) says why.  It cannot come with fair totals alone.
 */
ts_flow_status
ts_controlled_round(const ts_controlled_input *input, bool *up, ts_table_cut *cut, void *work)
{
	const ts_family *family = input->family;
	table_network net;
	ts_flow_status status;
	int64_t		max_cost = ts_flow_max_cost(family[0].n + family[1].n + 1, longest_cycle(family)) - TOTAL_ORDER_COST;
	int			bits = COST_BITS;

	if (work_size(input->n, family) == 0 || max_cost < KEEP_COST + 1)
		return TS_FLOW_TOO_LARGE;
	while ((KEEP_COST + 1) * (INT64_C(1) << bits) > max_cost)
		bits--;
	build(&net, input->n, family, input->n, input->check, work);
	memset(net.sum, 0, sizeof(ts_uint128) * ((size_t) net.top + 1));
	for (int32_t c = 0; c < input->n; c++)
	{
		int32_t		arc = net.first_cell + c;

		if (input->check && c % CHECK_EVERY == 0)
			input->check();
		net.lower[arc] = 0;
		net.upper[arc] = input->part[c] > 0;
		net.cost[arc] = cost_of_up(input->part[c], input->keep ? input->keep[c] : 0, bits) +
			(int64_t) c * ORDER_COST / input->n;
		net.units[arc] = input->part[c] > 0 && net.cost[arc] < 0;
		for (int f = 0; f < 2; f++)
			if (family[f].of_cell[c] >= 0)
				net.sum[net.first[f] + family[f].of_cell[c]] += input->part[c];
	}
	for (int f = 0; f < 2; f++)
		for (int32_t i = family[f].n - 1; i >= 0; i--)
		{
			int32_t		arc = net.first[f] + i;
			int64_t		units = family[f].units ? family[f].units[i] : TS_TOTAL_FAIR;

			if (family[f].parent[i] >= 0)
				net.sum[net.first[f] + family[f].parent[i]] += net.sum[arc];
			if (units >= 0)
				net.lower[arc] = net.upper[arc] = units;
			else if (units == TS_TOTAL_FAIR)
				bound_fair(&net, arc, family[f].keep ? family[f].keep[i] : 0,
						   (int64_t) i * TOTAL_ORDER_COST / family[f].n, bits);
		}
	if (input->possible)
		round_first_family(&net, input);
	else
		add_up(&net, input->n, family);
	status = ts_flow_solve(&net.flow, net.units, net.side, net.work);
	if (status == TS_FLOW_INFEASIBLE && cut)
		copy_cut(&net, family, cut);
	for (int32_t c = 0; c < input->n; c++)
		up[c] = net.units[net.first_cell + c] > 0;
	return status;
}

/*
 * Bytes of work memory for ts_table_fill; 0: the table is too large
 */
size_t
ts_table_work(const ts_table_input *input)
{
	return work_size(input->n, input->family);
}

/*
 * The largest cost of a unit that the caller may give.  With costs, all that the
 * table has, times its cells and totals, must stay below 2^62.
 */
int64_t
ts_table_max_cost(const ts_table_input *input)
{
	int64_t		nodes = (int64_t) input->family[0].n + input->family[1].n + 1;

	return ts_flow_max_cost((int32_t) nodes, longest_cycle(input->family));
}

/*
 * Fills a table: units[c] of each cell within its bounds, so that all totals
 * that are given are met; the cheapest such table if there are costs.  units[]
 * is a first guess on entry.  Bounds and totals are below 2^60.
 *
 * fixed[c] (may be NULL): a cell that is at a bound, and is so in every table.
 * A cell that may have units and is at 0 in all tables is found this way.
 *
 * TS_FLOW_INFEASIBLE: there is none, and the cut (may be NULL) says why.  With
 * plain families, and without the top in it: its totals of the first family must
 * bring more than its totals of the second family are to have and their cells in
 * other ones can take.  With the top in it, of those that are not in it: the totals
 * of the second family are to have more than those of the first family bring and
 * cells from others can take.
 */
ts_flow_status
ts_table_fill(const ts_table_input *input, int64_t *units, bool *fixed, ts_table_cut *cut, void *work)
{
	const ts_family *family = input->family;
	table_network net;
	ts_flow_status status;
	ts_int128	most = 0;

	if (work_size(input->n, family) == 0)
		return TS_FLOW_TOO_LARGE;
	for (int32_t c = 0; c < input->n; c++)
		most += input->upper[c];
	if (!input->cost)
		most = NO_LIMIT;
	else if (most > (INT64_C(1) << 62) / ((int64_t) input->n + family[0].n + family[1].n + 1))
		return TS_FLOW_TOO_LARGE;
	build(&net, input->n, family, (int64_t) most, input->check, work);
	if (!input->cost)
		net.flow.cost = NULL;
	for (int32_t c = 0; c < input->n; c++)
	{
		int32_t		arc = net.first_cell + c;

		if (input->check && c % CHECK_EVERY == 0)
			input->check();
		net.lower[arc] = input->lower ? input->lower[c] : 0;
		net.upper[arc] = input->upper[c];
		net.cost[arc] = input->cost ? input->cost[c] : 0;
		net.units[arc] = units[c];
	}
	for (int f = 0; f < 2; f++)
		for (int32_t i = 0; i < family[f].n; i++)
			if (family[f].units[i] >= 0)
				net.lower[net.first[f] + i] = net.upper[net.first[f] + i] = family[f].units[i];
	add_up(&net, input->n, family);
	status = ts_flow_solve(&net.flow, net.units, net.side, net.work);
	if (status == TS_FLOW_INFEASIBLE && cut)
		copy_cut(&net, family, cut);
	if (status == TS_FLOW_OK && fixed)
	{
		ts_flow_fixed(&net.flow, net.units, net.fixed, net.work);
		memcpy(fixed, net.fixed + net.first_cell, sizeof(bool) * (size_t) input->n);
	}
	for (int32_t c = 0; c < input->n; c++)
		units[c] = net.units[net.first_cell + c];
	return status;
}
