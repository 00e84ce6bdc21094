/*-------------------------------------------------------------------------
 *
 * target_split.h
 *	  What every topic of the module shares: names of the schema and the
 *	  settings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TARGET_SPLIT_H
#define TARGET_SPLIT_H

#include "postgres.h"

#define TS_SCHEMA "target_split"

/* setting target_split.reason, never NULL, "" when not set */
extern char *ts_reason;

/*
 * Key in "split" of the call whose changes are being written, 0 for none: the
 * guard keeps it with the revisions.  Reset when a transaction ends.
 */
extern int64 ts_split_in_progress;

/* The same for a call that is being taken back */
extern int64 ts_undo_in_progress;

#endif							/* TARGET_SPLIT_H */
