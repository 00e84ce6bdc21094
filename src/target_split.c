/*-------------------------------------------------------------------------
 *
 * target_split.c
 *	  Module entry: magic block and settings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "compat.h"
#include "fmgr.h"
#include "utils/guc.h"

#include "target_split.h"

PG_MODULE_MAGIC;

/* target_split.reason: why numbers are being changed; kept in revisions */
char	   *ts_reason = NULL;

int64		ts_split_in_progress = 0;
int64		ts_undo_in_progress = 0;

void		_PG_init(void);

/* An error may have left a call unfinished */
static void
at_end_of_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		ts_split_in_progress = ts_undo_in_progress = 0;
}

static void
at_end_of_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		ts_split_in_progress = ts_undo_in_progress = 0;
}

void
_PG_init(void)
{
	DefineCustomStringVariable("target_split.reason",
							   "Why targets are being changed; recorded with each revision.",
							   NULL,
							   &ts_reason,
							   "",
							   PGC_USERSET,
							   0,
							   NULL, NULL, NULL);
	MarkGUCPrefixReserved("target_split");
	RegisterXactCallback(at_end_of_transaction, NULL);
	RegisterSubXactCallback(at_end_of_subtransaction, NULL);
}
