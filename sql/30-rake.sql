-- Several margins at once: amounts like a seed that fit all of them.

CREATE FUNCTION @extschema@.rake(
	seed numeric,
	keys text[],
	totals numeric[],
	quantum numeric DEFAULT 0.01,
	at_least numeric DEFAULT NULL,
	at_most numeric DEFAULT NULL,
	rounding text DEFAULT 'least_squares',
	on_inexact text DEFAULT 'error',
	names text[] DEFAULT NULL)
RETURNS numeric
AS 'MODULE_PATHNAME', 'target_split_rake'
LANGUAGE C WINDOW IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION @extschema@.rake(numeric, text[], numeric[], numeric, numeric, numeric, text, text, text[]) IS
'window function: this row''s amount, a multiple of quantum, so that the rows are like their seeds and the rows of each group add up to its total; element i of keys is the row''s group in margin i (NULL: none), element i of totals that group''s total (NULL: free); two margins, each of which may be a tree, are always met exactly, with every row the floor or ceiling of its exact amount and the nearest such table (rounding least_squares) or by the divisor method of Webster (biproportional); with three or more that need not be possible: an error, or with on_inexact warn the first margins exactly and a warning about the others; totals that contradict each other, seeds of 0 or at_least and at_most are an error that says which groups need how much and what there is; seed 0: gets nothing; NULL seed: takes no part; names: of the margins, in messages; ties go by ORDER BY; the frame is ignored';
