-- Holding targets, changing their amounts, and taking splits back.

CREATE TYPE @extschema@.marked_target AS (
	target_id	bigint,
	parent_id	bigint,
	depth		integer,
	level		text,
	slice		jsonb,
	period		daterange,
	amount		numeric,
	locked		boolean,
	over_assignment numeric
);
COMMENT ON TYPE @extschema@.marked_target IS 'A target that was locked, unlocked or over-assigned';
COMMENT ON COLUMN @extschema@.marked_target.target_id IS 'Key';
COMMENT ON COLUMN @extschema@.marked_target.parent_id IS 'Target it is a part of';
COMMENT ON COLUMN @extschema@.marked_target.depth IS '0 is the overall target';
COMMENT ON COLUMN @extschema@.marked_target.level IS 'Level or grain that sets it apart from its siblings';
COMMENT ON COLUMN @extschema@.marked_target.slice IS 'What it is for: dimension -> member';
COMMENT ON COLUMN @extschema@.marked_target.period IS 'Days it is for';
COMMENT ON COLUMN @extschema@.marked_target.amount IS 'The target, in the metric''s unit';
COMMENT ON COLUMN @extschema@.marked_target.locked IS 'Is it locked now?';
COMMENT ON COLUMN @extschema@.marked_target.over_assignment IS 'Factor assigned above the base now, 0.05 = 5 % more';

CREATE FUNCTION @extschema@.lock_target(
	target_id	bigint DEFAULT NULL,
	plan		text DEFAULT NULL,
	metric		text DEFAULT NULL,
	slice		jsonb DEFAULT '{}',
	period		daterange DEFAULT NULL,
	scope		text DEFAULT 'subtree',
	reason		text DEFAULT NULL)
RETURNS SETOF @extschema@.marked_target
LANGUAGE c VOLATILE ROWS 100
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_lock_target';
COMMENT ON FUNCTION @extschema@.lock_target(bigint, text, text, jsonb, daterange, text, text) IS
'Locks a target, or all of a slice and period, and what is under them (scope: subtree, target or leaves), so that nothing changes their amounts; returns what was not locked before';

CREATE FUNCTION @extschema@.unlock_target(
	target_id	bigint DEFAULT NULL,
	plan		text DEFAULT NULL,
	metric		text DEFAULT NULL,
	slice		jsonb DEFAULT '{}',
	period		daterange DEFAULT NULL,
	scope		text DEFAULT 'subtree',
	reason		text DEFAULT NULL)
RETURNS SETOF @extschema@.marked_target
LANGUAGE c VOLATILE ROWS 100
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_unlock_target';
COMMENT ON FUNCTION @extschema@.unlock_target(bigint, text, text, jsonb, daterange, text, text) IS
'Unlocks a target, or all of a slice and period, and what is under them (scope: subtree, target or leaves); returns what was locked before';

CREATE FUNCTION @extschema@.over_assign(
	target_id	bigint DEFAULT NULL,
	plan		text DEFAULT NULL,
	metric		text DEFAULT NULL,
	slice		jsonb DEFAULT '{}',
	period		daterange DEFAULT NULL,
	factor		numeric DEFAULT NULL,
	reason		text DEFAULT NULL)
RETURNS SETOF @extschema@.marked_target
LANGUAGE c VOLATILE ROWS 100
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_over_assign';
COMMENT ON FUNCTION @extschema@.over_assign(bigint, text, text, jsonb, daterange, numeric, text) IS
'Assigns more than the base to a target, or to all of a slice and period: 0.05 is 5 % more, on top of what the target above was assigned; NULL takes it back; the amounts stay; returns what changed';

CREATE TYPE @extschema@.adjusted_target AS (
	target_id	bigint,
	parent_id	bigint,
	depth		integer,
	level		text,
	slice		jsonb,
	period		daterange,
	amount_before numeric,
	amount_after numeric,
	difference	numeric,
	role		text
);
COMMENT ON TYPE @extschema@.adjusted_target IS 'A target whose amount an adjustment changes';
COMMENT ON COLUMN @extschema@.adjusted_target.target_id IS 'Key';
COMMENT ON COLUMN @extschema@.adjusted_target.parent_id IS 'Target it is a part of';
COMMENT ON COLUMN @extschema@.adjusted_target.depth IS '0 is the overall target';
COMMENT ON COLUMN @extschema@.adjusted_target.level IS 'Level or grain that sets it apart from its siblings';
COMMENT ON COLUMN @extschema@.adjusted_target.slice IS 'What it is for: dimension -> member';
COMMENT ON COLUMN @extschema@.adjusted_target.period IS 'Days it is for';
COMMENT ON COLUMN @extschema@.adjusted_target.amount_before IS 'Amount before, in the metric''s unit';
COMMENT ON COLUMN @extschema@.adjusted_target.amount_after IS 'Amount after, in the metric''s unit';
COMMENT ON COLUMN @extschema@.adjusted_target.difference IS 'After less before, in the metric''s unit';
COMMENT ON COLUMN @extschema@.adjusted_target.role IS 'adjusted: named by the call; absorbed: gives or takes the difference; above: on the way up; below: under one of these';

CREATE FUNCTION @extschema@.adjust_target(
	target_id	bigint DEFAULT NULL,
	plan		text DEFAULT NULL,
	metric		text DEFAULT NULL,
	slice		jsonb DEFAULT '{}',
	period		daterange DEFAULT NULL,
	amount		numeric DEFAULT NULL,
	growth		numeric DEFAULT NULL,
	add			numeric DEFAULT NULL,
	absorb		text DEFAULT 'siblings',
	carried_by	jsonb DEFAULT NULL,
	keep_locks	boolean DEFAULT true,
	on_zero		text DEFAULT 'error',
	on_negative text DEFAULT 'error',
	reason		text DEFAULT NULL)
RETURNS SETOF @extschema@.adjusted_target
LANGUAGE c VOLATILE ROWS 100
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_adjust_target';
COMMENT ON FUNCTION @extschema@.adjust_target(bigint, text, text, jsonb, daterange, numeric, numeric, numeric, text, jsonb, boolean, text, text, text) IS
'Changes a target, or all of a slice and period together, to an amount, by growth (0.05 is 5 % more) or by adding; siblings absorb it, or it goes up to the root or to a level or target that absorb names, or all other parts of a split by margins do, so that these stand; down into the parts, which keep their shares, locks and bounds; returns every target that changed';

CREATE FUNCTION @extschema@.preview_adjust(
	target_id	bigint DEFAULT NULL,
	plan		text DEFAULT NULL,
	metric		text DEFAULT NULL,
	slice		jsonb DEFAULT '{}',
	period		daterange DEFAULT NULL,
	amount		numeric DEFAULT NULL,
	growth		numeric DEFAULT NULL,
	add			numeric DEFAULT NULL,
	absorb		text DEFAULT 'siblings',
	carried_by	jsonb DEFAULT NULL,
	keep_locks	boolean DEFAULT true,
	on_zero		text DEFAULT 'error',
	on_negative text DEFAULT 'error',
	reason		text DEFAULT NULL)
RETURNS SETOF @extschema@.adjusted_target
LANGUAGE c STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_preview_adjust';
COMMENT ON FUNCTION @extschema@.preview_adjust(bigint, text, text, jsonb, daterange, numeric, numeric, numeric, text, jsonb, boolean, text, text, text) IS
'The rows that adjust_target would return; writes and locks nothing';

CREATE FUNCTION @extschema@.undo_split(
	split_id	bigint,
	plan		text DEFAULT NULL,
	reason		text DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
-- as the guard writes the dates in old rows
SET datestyle = 'ISO'
-- it costs more than any of the statements
SET jit = off
AS 'MODULE_PATHNAME', 'target_split_undo_split';
COMMENT ON FUNCTION @extschema@.undo_split(bigint, text, text) IS
'Takes a call in split_log back: what it made goes, what it changed or removed is as before; an error that says what, if something has been built on it; returns the number of targets';
