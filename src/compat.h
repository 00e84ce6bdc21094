/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  Every test of the server's version, with a named wrapper for each
 *	  difference, so that no other file needs one.
 *
 * Supported: PostgreSQL 14 to 18, 64-bit platforms with __int128.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TARGET_SPLIT_COMPAT_H
#define TARGET_SPLIT_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 140000
#error "target_split needs PostgreSQL 14 or later"
#endif

#ifndef HAVE_INT128
#error "target_split needs a 64-bit platform with __int128"
#endif

#include "funcapi.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#if PG_VERSION_NUM < 150000
/*
 * InitMaterializedSRF came with 15: prepares fcinfo's ReturnSetInfo for a
 * set-returning function that fills a tuplestore.
 */
extern void ts_init_materialized_srf(FunctionCallInfo fcinfo);
#else
#define ts_init_materialized_srf(fcinfo) InitMaterializedSRF((fcinfo), 0)
#endif

/* Settings of a prefix that nobody defined are refused from 15 on, warned of before */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* Views with the caller's rights came with 15 */
#if PG_VERSION_NUM >= 150000
#define TS_SECURITY_INVOKER " WITH (security_invoker = true)"
#else
#define TS_SECURITY_INVOKER ""
#endif

#endif							/* TARGET_SPLIT_COMPAT_H */
