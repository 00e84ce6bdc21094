-- resplit_target: what is under a target shared again.

CREATE FUNCTION @extschema@.resplit_target(
	target_id	bigint,
	amount		numeric DEFAULT NULL,
	by			text[] DEFAULT NULL,
	method		text DEFAULT NULL,
	basis		daterange DEFAULT NULL,
	weights		jsonb DEFAULT NULL,
	weights_from regclass DEFAULT NULL,
	members		jsonb DEFAULT NULL,
	rest		text DEFAULT NULL,
	on_missing	text DEFAULT NULL,
	on_zero		text DEFAULT NULL,
	on_negative text DEFAULT NULL,
	on_unassigned text DEFAULT NULL,
	on_incomplete text DEFAULT NULL,
	bases		jsonb DEFAULT NULL,
	profile		jsonb DEFAULT NULL,
	quantum		numeric DEFAULT NULL,
	residual	text DEFAULT NULL,
	levels		jsonb DEFAULT NULL,
	bounds		jsonb DEFAULT NULL,
	bounds_from regclass DEFAULT NULL,
	prorate		text DEFAULT NULL,
	align		text DEFAULT NULL,
	link		text DEFAULT NULL,
	margins		jsonb DEFAULT NULL,
	margins_from regclass DEFAULT NULL,
	keep_adjustments boolean DEFAULT true,
	keep_locks	boolean DEFAULT true,
	reason		text DEFAULT NULL)
RETURNS SETOF @extschema@.adjusted_target
LANGUAGE c VOLATILE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_resplit_target';
COMMENT ON FUNCTION @extschema@.resplit_target(bigint, numeric, text[], text, daterange, jsonb, regclass, jsonb, text, text, text, text, text, text, jsonb, jsonb, numeric, text, jsonb, jsonb, regclass, text, text, text, jsonb, regclass, boolean, boolean, text) IS
'Shares what is under a target again, as its splits did, for another amount, by other weights or among the members of today; locked and adjusted targets keep their amounts, and as few of the others change as can; returns what changed, came and went';

CREATE FUNCTION @extschema@.preview_resplit(
	target_id	bigint,
	amount		numeric DEFAULT NULL,
	by			text[] DEFAULT NULL,
	method		text DEFAULT NULL,
	basis		daterange DEFAULT NULL,
	weights		jsonb DEFAULT NULL,
	weights_from regclass DEFAULT NULL,
	members		jsonb DEFAULT NULL,
	rest		text DEFAULT NULL,
	on_missing	text DEFAULT NULL,
	on_zero		text DEFAULT NULL,
	on_negative text DEFAULT NULL,
	on_unassigned text DEFAULT NULL,
	on_incomplete text DEFAULT NULL,
	bases		jsonb DEFAULT NULL,
	profile		jsonb DEFAULT NULL,
	quantum		numeric DEFAULT NULL,
	residual	text DEFAULT NULL,
	levels		jsonb DEFAULT NULL,
	bounds		jsonb DEFAULT NULL,
	bounds_from regclass DEFAULT NULL,
	prorate		text DEFAULT NULL,
	align		text DEFAULT NULL,
	link		text DEFAULT NULL,
	margins		jsonb DEFAULT NULL,
	margins_from regclass DEFAULT NULL,
	keep_adjustments boolean DEFAULT true,
	keep_locks	boolean DEFAULT true,
	reason		text DEFAULT NULL)
RETURNS SETOF @extschema@.adjusted_target
LANGUAGE c VOLATILE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_preview_resplit';
COMMENT ON FUNCTION @extschema@.preview_resplit(bigint, numeric, text[], text, daterange, jsonb, regclass, jsonb, text, text, text, text, text, text, jsonb, jsonb, numeric, text, jsonb, jsonb, regclass, text, text, text, jsonb, regclass, boolean, boolean, text) IS
'The rows that resplit_target would return, new targets without ids; writes and locks nothing';
