-- Plans and their overall targets.

CREATE FUNCTION @extschema@.create_plan(
	plan text,
	period daterange,
	calendar text DEFAULT 'gregorian',
	description text DEFAULT NULL
) RETURNS integer
LANGUAGE c
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_create_plan';
COMMENT ON FUNCTION @extschema@.create_plan(text, daterange, text, text) IS
'Creates version 1 of a plan for a period; the calendar defines its quarters, months and weeks; returns its key';

CREATE FUNCTION @extschema@.set_target(
	plan text,
	metric text,
	amount numeric DEFAULT NULL,
	growth numeric DEFAULT NULL,
	basis daterange DEFAULT NULL,
	on_incomplete text DEFAULT 'error'
) RETURNS bigint
LANGUAGE c
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_set_target';
COMMENT ON FUNCTION @extschema@.set_target(text, text, numeric, numeric, daterange, text) IS
'Sets the overall target of a plan: an amount, or growth on the actuals of the basis (0.20 is 20 % more; the basis is the same period one year earlier unless given); returns the target''s id';

CREATE FUNCTION @extschema@.root_target(
	plan text,
	metric text
) RETURNS bigint
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_root_target';
COMMENT ON FUNCTION @extschema@.root_target(text, text) IS
'The id of the overall target of a plan; PLAN is its current version, PLAN#2 version 2';

CREATE FUNCTION @extschema@.find_target(
	plan text,
	metric text,
	slice jsonb DEFAULT '{}',
	period daterange DEFAULT NULL
) RETURNS bigint
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_find_target';
COMMENT ON FUNCTION @extschema@.find_target(text, text, jsonb, daterange) IS
'The id of the target of exactly this slice and period (the plan''s period unless given), such as {"market": "East"}; the value of a dimension is a member''s code, or its path from the top level';

CREATE FUNCTION @extschema@.existing_target(
	target_id bigint,
	plan text,
	metric text,
	slice jsonb,
	period daterange
) RETURNS bigint
LANGUAGE c STABLE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_existing_target';
COMMENT ON FUNCTION @extschema@.existing_target(bigint, text, text, jsonb, daterange) IS
'The id of the one target that is named by its id, or by plan, metric, slice and period; an error if there is none';

CREATE FUNCTION @extschema@.find_plan(
	plan text,
	OUT plan_id integer,
	OUT period daterange,
	OUT calendar text
)
LANGUAGE c STABLE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_find_plan';
COMMENT ON FUNCTION @extschema@.find_plan(text) IS
'The key, the days and the calendar of a plan; PLAN is its current version, PLAN#2 version 2';

-- The plan says which days and which calendar.
CREATE FUNCTION @extschema@.plan_periods(plan text, grain text)
RETURNS TABLE (period daterange, label text, parent_label text, period_start date, period_end date, days integer, week text, workdays numeric)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT s.period, s.label, s.parent_label, s.period_start, s.period_end, s.days, s.week, s.workdays
	FROM @extschema@.find_plan(plan_periods.plan) f
	CROSS JOIN LATERAL @extschema@.periods(f.period, plan_periods.grain, f.calendar) s
$$;
COMMENT ON FUNCTION @extschema@.plan_periods(text, text) IS
'The periods of a grain that a plan is made of, by its own calendar: periods() for its days';
