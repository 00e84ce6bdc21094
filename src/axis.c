/*-------------------------------------------------------------------------
 *
 * axis.c
 *	  The entries of "by": levels of dimensions and grains of time.
 *
 * Dimensions, levels and grains share one namespace, so a name says which it
 * is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "axis.h"
#include "query.h"

/*
 * Finds the levels and grains of "by".  The ids of its dimensions, without
 * doubles, go to dimension_ids, and their number is returned.  axis->dim is
 * the dimension's id until ts_axes_place.
 */
int
ts_axes_parse(ArrayType *by, ts_axis *axes, int *n_axes, int32 *dimension_ids,
			  MemoryContext context)
{
	Datum	   *names;
	bool	   *nulls;
	int			n;
	int			n_dims = 0;

	deconstruct_array(by, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
	if (n > TS_MAX_AXES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("argument \"by\" names more than %d levels", TS_MAX_AXES)));
	*n_axes = n;
	for (int i = 0; i < n; i++)
	{
		ts_axis    *axis = &axes[i];
		ts_args		args = {0};

		memset(axis, 0, sizeof(*axis));
		axis->above = -1;
		axis->limit = -1;
		axis->n_named = -1;
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"by\" must not contain nulls")));
		axis->name = MemoryContextStrdup(context, TextDatumGetCString(names[i]));
		for (int j = 0; j < i; j++)
			if (strcmp(axes[j].name, axis->name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("argument \"by\" names \"%s\" twice", axis->name)));
		axis->is_time = ts_grain_from_name(axis->name, &axis->grain);
		if (axis->is_time)
		{
			for (int j = 0; j < i; j++)
				if (axes[j].is_time && axes[j].grain >= axis->grain)
					ereport(ERROR,
							(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							 errmsg("argument \"by\" names \"%s\" after the finer \"%s\"",
									axis->name, axes[j].name),
							 errhint("Name the outermost level first.")));
			continue;
		}
		ts_arg_text(&args, axis->name);
		if (ts_run("SELECT l.dimension_id, l.depth::int4 FROM target_split.dimension_level l"
				   " WHERE l.name = $1", &args, true) == 0)
		{
			char	   *levels = NULL;

			ts_run("SELECT pg_catalog.string_agg(pg_catalog.quote_literal(l.name), ', '"
				   " ORDER BY l.dimension_id, l.depth) FROM target_split.dimension_level l",
				   TS_NO_ARGS, true);
			levels = ts_text(0, 1, context);
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("level \"%s\" does not exist", axis->name),
					 errdetail("There are the levels %s and the grains year, half, quarter, month, week, day.",
							   levels ? levels : "of no dimension"),
					 errhint("SELECT name FROM target_split.dimension_level;")));
		}
		/* positions are not known before the tree is loaded: keep the id */
		axis->dim = ts_int4(0, 1);
		axis->depth = ts_int4(0, 2);
		for (int j = 0; j < i; j++)
			if (!axes[j].is_time && axes[j].dim == axis->dim)
			{
				if (axes[j].depth > axis->depth)
					ereport(ERROR,
							(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							 errmsg("argument \"by\" names \"%s\" after the deeper \"%s\"",
									axis->name, axes[j].name),
							 errhint("Name the outermost level first.")));
				axis->above = j;
			}
		if (axis->above < 0)
			dimension_ids[n_dims++] = axis->dim;
	}
	return n_dims;
}

/* Adds an id to those of the dimensions that a call needs; returns how many there are then */
int
ts_dimension_add(int32 dimension_id, int n, int32 *dimension_ids)
{
	for (int i = 0; i < n; i++)
		if (dimension_ids[i] == dimension_id)
			return n;
	if (n == TS_MAX_DIMENSIONS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the call names more than %d dimensions", TS_MAX_DIMENSIONS)));
	dimension_ids[n] = dimension_id;
	return n + 1;
}

/* Puts the tree's dimension positions in place of the dimension ids */
void
ts_axes_place(const ts_tree *tree, ts_axis *axes, int n_axes)
{
	for (int i = 0; i < n_axes; i++)
	{
		ts_axis    *axis = &axes[i];
		const ts_members *members = tree->members;

		if (axis->is_time)
		{
			ts_calendar_check(&tree->calendar, axis->grain, tree->nodes[0].from, tree->nodes[0].upto);
			continue;
		}
		axis->dim = ts_tree_dim(tree, axis->dim);
		axis->first = members->dim_start[axis->dim];
		while (axis->first < members->dim_start[axis->dim + 1] &&
			   members->members[axis->first].depth < axis->depth)
			axis->first++;
		axis->last = axis->first;
		while (axis->last < members->dim_start[axis->dim + 1] &&
			   members->members[axis->last].depth == axis->depth)
			axis->last++;
	}
}

/*
 * Lists the members of an axis by their ancestors of a depth, in the order of
 * the members below each; a member that moves within the tree's days is below
 * each of those that it has on them.  Nothing is done if the list is of that
 * depth.
 */
void
ts_axis_list_under(const ts_tree *tree, ts_axis *axis, int depth, MemoryContext context)
{
	const ts_members *members = tree->members;
	int			first = ts_members_segment(members, tree->nodes[0].from);
	int			last = ts_members_segment(members, tree->nodes[0].upto - 1);

	if (axis->under_depth == depth)
		return;
	if (!axis->under)
		axis->under_first = MemoryContextAllocHuge(context, sizeof(int32) * (members->n + 2));
	memset(axis->under_first, 0, sizeof(int32) * (members->n + 2));
	for (int pass = 0; pass < 2; pass++)
	{
		for (int32 m = axis->first; m < axis->last; m++)
			for (int segment = first; segment <= last; segment++)
			{
				int32		up = ts_members_ancestor(members, ts_members_in_segment(members, m, segment), depth);
				bool		again = up < 0;

				for (int s = first; s < segment && !again; s++)
					again = ts_members_ancestor(members, ts_members_in_segment(members, m, s), depth) == up;
				if (!again && pass == 0)
					axis->under_first[up + 2]++;
				else if (!again)
					axis->under[axis->under_first[up + 1]++] = m;
				if (members->members[m].by_segment == NULL)
					break;
			}
		if (pass == 0)
		{
			for (int32 m = 1; m < members->n + 2; m++)
				axis->under_first[m] += axis->under_first[m - 1];
			if (axis->under)
				pfree(axis->under);
			axis->under = MemoryContextAllocHuge(context, sizeof(int32) * (axis->under_first[members->n + 1] + 1));
		}
	}
	axis->under_depth = depth;
}

/* The period of a time axis that holds a day, cut to [*from, *upto) */
void
ts_axis_bucket(const ts_tree *tree, const ts_axis *axis, int32 day,
				DateADT *from, DateADT *upto)
{
	int32		start;
	int32		end;

	if (axis->whole)
		ts_whole_week(&tree->calendar, day, &start, &end);
	else
		ts_period_bounds(&tree->calendar, axis->grain, day, &start, &end);
	*from = Max(*from, start);
	*upto = Min(*upto, end);
}

