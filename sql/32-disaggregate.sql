-- Temporal disaggregation: totals of years or quarters spread over months without steps.

CREATE FUNCTION @extschema@.disaggregate(
	total numeric,
	bucket "any",
	indicator numeric,
	quantum numeric DEFAULT 0.01,
	variant text DEFAULT 'proportional',
	differences integer DEFAULT 1)
RETURNS numeric
AS 'MODULE_PATHNAME', 'target_split_disaggregate'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION @extschema@.disaggregate(numeric, "any", numeric, numeric, text, integer) IS
'window function: this period''s part of its bucket''s total (a year''s, a quarter''s), a multiple of quantum; the parts of a bucket add up to total exactly and move like indicator, with no step where two buckets meet (Denton''s method, proportional or additive, first or second differences); rows are periods in ORDER BY, a bucket''s rows come together and repeat its total; NULL total: the periods follow the others; a bucket of one row: a period that is fixed; NULL indicator: takes no part, but a total needs a row that does; no part has another sign than its total; the frame is ignored';
