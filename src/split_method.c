/*-------------------------------------------------------------------------
 *
 * split_method.c
 *	  The methods of split_target: where weights come from.
 *
 * A method fills the cells (weigh); once all weights are at one scale it may
 * look at them again (settle).  What is done about missing, zero and negative
 * weights is the same for all and stands in split.c.
 *
 *	  equal		siblings share alike
 *	  history	actuals of the corresponding days in a basis window
 *	  weights	a relation or a JSON object of the caller's
 *	  amounts	the same, but the numbers are the targets
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "split.h"

/* ---------------------------------------------------------------- equal */

static void
weigh_equal(ts_split *split)
{
	ts_split_frame(split);
	/* how many siblings there are is known when the nodes are laid out */
	split->equal_shape = true;
}

/* ------------------------------------------------------------ the table */

static const ts_split_method methods[] = {
	{"equal", false, false, false, weigh_equal, NULL},
	{"history", true, false, false, ts_weigh_history, NULL},
	{"weights", false, true, false, ts_weigh_given, ts_refuse_gaps},
	{"amounts", false, true, true, ts_weigh_given, ts_settle_amounts},
};

const ts_split_method *
ts_split_method_find(const char *name)
{
	for (int i = 0; i < (int) lengthof(methods); i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	return NULL;
}

/* 'equal', 'history' ... for a hint */
char *
ts_split_method_names(void)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < (int) lengthof(methods); i++)
		appendStringInfo(&buf, "%s'%s'", i > 0 ? " or " : "", methods[i].name);
	return buf.data;
}
