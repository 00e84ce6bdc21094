/*-------------------------------------------------------------------------
 *
 * target_split.c
 *	  Module entry: magic block and settings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "compat.h"
#include "fmgr.h"
#include "utils/guc.h"

#include "target_split.h"

PG_MODULE_MAGIC;

/* target_split.reason: why numbers are being changed; kept in revisions */
char	   *ts_reason = NULL;

void		_PG_init(void);

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
}
