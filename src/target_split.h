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

#define TS_SCHEMA "target_split"

/* setting target_split.reason, never NULL, "" when not set */
extern char *ts_reason;

#endif							/* TARGET_SPLIT_H */
