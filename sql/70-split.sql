-- split_target and what belongs to it.

CREATE FUNCTION @extschema@.split_target(
	target_id	bigint,
	by			text[],
	method		text DEFAULT 'history',
	basis		daterange DEFAULT NULL,
	weights		jsonb DEFAULT NULL,
	weights_from regclass DEFAULT NULL,
	members		jsonb DEFAULT NULL,
	rest		text DEFAULT NULL,
	on_missing	text DEFAULT 'error',
	on_zero		text DEFAULT 'error',
	on_negative text DEFAULT 'error',
	on_unassigned text DEFAULT 'error',
	on_incomplete text DEFAULT 'error')
RETURNS TABLE (
	new_target_id bigint,
	parent_id	bigint,
	depth		integer,
	level		text,
	slice		jsonb,
	period		daterange,
	amount		numeric,
	weight		numeric,
	fallback	text,
	member_id	bigint,
	n_children	integer)
LANGUAGE c VOLATILE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_split_target';
