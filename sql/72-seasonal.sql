-- The indices that method seasonal works with.

CREATE FUNCTION @extschema@.seasonal_index(
	metric		text,
	by			text[] DEFAULT '{}',
	slice		jsonb DEFAULT '{}',
	basis		daterange DEFAULT NULL,
	calendar	text DEFAULT 'gregorian',
	outliers	text DEFAULT 'damp',
	pulled		boolean DEFAULT true,
	on_unassigned text DEFAULT 'error',
	on_incomplete text DEFAULT 'error')
RETURNS TABLE (
	index_slice	jsonb,
	level		text,
	season		integer,
	label		text,
	index		numeric,
	own_index	numeric,
	parents_share numeric,
	n			integer,
	spread		numeric,
	years		integer,
	index_basis	daterange,
	idle_amount numeric)
LANGUAGE c STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_seasonal_index';
COMMENT ON FUNCTION @extschema@.seasonal_index(text, text[], jsonb, daterange, text, text, boolean, text, text) IS
'Seasonal indices of sales per working day (1 is an average month), by ratio to the moving average over two or more whole years: a row per month for a slice and for its parts by levels; own_index is before it was pulled towards the parent''s, whose part in the index is parents_share; n ratios with the mean deviation spread; idle_amount was sold in months without any working day, and is in no index';
