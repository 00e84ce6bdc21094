/*-------------------------------------------------------------------------
 *
 * plan.h
 *	  Looking up what calls name: metrics, plans and targets.
 *
 * All functions run statements through SPI and are called between
 * ts_connect() and ts_finish(); what is not there is an error that lists what
 * is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TS_PLAN_H
#define TS_PLAN_H

#include "postgres.h"

#include "utils/date.h"
#include "utils/jsonb.h"

typedef struct ts_metric
{
	int32		metric_id;
	char	   *name;
	char	   *unit;
	Datum		quantum;		/* numeric */
	bool		additive;
	bool		higher_is_better;
} ts_metric;

typedef struct ts_plan
{
	int32		plan_id;
	char	   *family;
	int32		version;
	DateADT		from;
	DateADT		upto;			/* exclusive */
	int32		calendar_id;
	bool		is_current;
} ts_plan;

/* Finds a metric by its name; what is returned is allocated in cxt */
extern void ts_metric_find(const char *name, ts_metric *metric, MemoryContext cxt);

/* Finds a plan: FAMILY is its current version, FAMILY#VERSION that version */
extern void ts_plan_find(const char *reference, ts_plan *plan, MemoryContext cxt);

/* The error that there is no such target, and the same if there is none */
extern void ts_no_target(int64 target_id) pg_attribute_noreturn();
extern void ts_require_target(int64 target_id);

/* The overall target of a plan and metric; 0 if there is none and missing_ok */
extern int64 ts_root_target(const ts_plan *plan, const ts_metric *metric,
							bool missing_ok);

/*
 * Checks a slice that a person wrote, {"market": "East"} or {"market": ["East",
 * "Zhejiang"]}, and returns it as targets have it, with the members it names
 * in *member_ids (as many as it has keys); both allocated in cxt.
 */
extern Jsonb *ts_slice_resolve(Jsonb *slice, int64 **member_ids, int *n_members,
							   MemoryContext cxt);

/* A key for a new target */
extern int64 ts_next_target_id(void);

/* The target of exactly this slice and period, an error if there is none */
extern int64 ts_find_target(const ts_plan *plan, const ts_metric *metric,
							Jsonb *slice, DateADT from, DateADT upto);

#endif							/* TS_PLAN_H */
