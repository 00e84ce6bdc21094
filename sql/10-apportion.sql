-- Largest remainder: an amount shared by weights, exact to the last unit.

CREATE FUNCTION @extschema@.apportion(
	amount numeric,
	weight numeric,
	quantum numeric DEFAULT 0.01,
	at_least numeric DEFAULT NULL,
	at_most numeric DEFAULT NULL)
RETURNS numeric
AS 'MODULE_PATHNAME', 'target_split_apportion'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION @extschema@.apportion(numeric, numeric, numeric, numeric, numeric) IS
'window function: this row''s share of the partition''s amount by weight, a multiple of quantum; shares add up to amount exactly, each is its exact share rounded down or up; the last units go to the largest remainders, then larger weights, then by ORDER BY; at_least and at_most bound the row''s share, brought inwards to multiples of quantum, and what they hold is shared among the others by weight; NULL: no bound, but a share does not change its sign; NULL weight: takes no part; NULL amount in the whole partition: NULL shares; the frame is ignored';

CREATE FUNCTION @extschema@.apportion_tree(
	amount numeric,
	weight numeric,
	path anyarray,
	quantum numeric DEFAULT 0.01)
RETURNS numeric[]
AS 'MODULE_PATHNAME', 'target_split_apportion_tree'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION @extschema@.apportion_tree(numeric, numeric, anyarray, numeric) IS
'window function: rows are the leaves of a tree, path the keys from the outermost level to the leaf, ORDER BY the same keys; element j of the result is the share of this row''s node on level j; every node on every level is its own exact share of amount rounded down or up to a multiple of quantum, and equals the sum of its children';

CREATE FUNCTION @extschema@.apportion_array(
	amount numeric,
	weights numeric[],
	quantum numeric DEFAULT 0.01)
RETURNS numeric[]
AS 'MODULE_PATHNAME', 'target_split_apportion_array'
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION @extschema@.apportion_array(numeric, numeric[], numeric) IS
'amount shared by weights, in multiples of quantum, exactly; ties go to the larger weight, then to the element that comes first; a NULL weight takes no part and stays NULL';

