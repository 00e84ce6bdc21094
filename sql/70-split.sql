-- split_target and what belongs to it.

CREATE TYPE @extschema@.new_target AS (
	target_id	bigint,
	parent_id	bigint,
	depth		integer,
	level		text,
	slice		jsonb,
	period		daterange,
	amount		numeric,
	weight		numeric,
	fallback	text,
	member_id	bigint,
	n_children	integer,
	at_least	numeric,
	at_most		numeric
);
COMMENT ON TYPE @extschema@.new_target IS 'A target that a split makes';
COMMENT ON COLUMN @extschema@.new_target.target_id IS 'Key; NULL in a preview';
COMMENT ON COLUMN @extschema@.new_target.parent_id IS 'Target it is a part of; NULL in a preview where that is new as well';
COMMENT ON COLUMN @extschema@.new_target.depth IS '0 is the overall target';
COMMENT ON COLUMN @extschema@.new_target.level IS 'Level or grain that sets it apart from its siblings';
COMMENT ON COLUMN @extschema@.new_target.slice IS 'What it is for: dimension -> member';
COMMENT ON COLUMN @extschema@.new_target.period IS 'Days it is for';
COMMENT ON COLUMN @extschema@.new_target.amount IS 'The target, in the metric''s unit';
COMMENT ON COLUMN @extschema@.new_target.weight IS 'What its parent was shared by';
COMMENT ON COLUMN @extschema@.new_target.fallback IS 'Fallback the weight was taken from; NULL for none';
COMMENT ON COLUMN @extschema@.new_target.member_id IS 'Member that sets it apart from its siblings; 0 where the period does';
COMMENT ON COLUMN @extschema@.new_target.n_children IS 'Number of its children';
COMMENT ON COLUMN @extschema@.new_target.at_least IS 'Least amount that the call''s bounds allow, in the metric''s unit; NULL for none';
COMMENT ON COLUMN @extschema@.new_target.at_most IS 'Most that they allow, in the metric''s unit; NULL for none';

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
	on_incomplete text DEFAULT 'error',
	bases		jsonb DEFAULT NULL,
	profile		jsonb DEFAULT NULL,
	quantum		numeric DEFAULT NULL,
	residual	text DEFAULT 'largest',
	levels		jsonb DEFAULT NULL,
	bounds		jsonb DEFAULT NULL,
	bounds_from regclass DEFAULT NULL,
	prorate		text DEFAULT NULL,
	align		text DEFAULT NULL,
	link		text DEFAULT NULL,
	margins		jsonb DEFAULT NULL,
	margins_from regclass DEFAULT NULL)
RETURNS SETOF @extschema@.new_target
LANGUAGE c VOLATILE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_split_target';
COMMENT ON FUNCTION @extschema@.split_target(bigint, text[], text, daterange, jsonb, regclass, jsonb, text, text, text, text, text, text, jsonb, jsonb, numeric, text, jsonb, jsonb, regclass, text, text, text, jsonb, regclass) IS
'Splits every leaf at or under a target by levels and grains, outermost first; children add up to the last unit on every level';

CREATE FUNCTION @extschema@.preview_split(
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
	on_incomplete text DEFAULT 'error',
	bases		jsonb DEFAULT NULL,
	profile		jsonb DEFAULT NULL,
	quantum		numeric DEFAULT NULL,
	residual	text DEFAULT 'largest',
	levels		jsonb DEFAULT NULL,
	bounds		jsonb DEFAULT NULL,
	bounds_from regclass DEFAULT NULL,
	prorate		text DEFAULT NULL,
	align		text DEFAULT NULL,
	link		text DEFAULT NULL,
	margins		jsonb DEFAULT NULL,
	margins_from regclass DEFAULT NULL)
RETURNS SETOF @extschema@.new_target
LANGUAGE c VOLATILE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_preview_split';
COMMENT ON FUNCTION @extschema@.preview_split(bigint, text[], text, daterange, jsonb, regclass, jsonb, text, text, text, text, text, text, jsonb, jsonb, numeric, text, jsonb, jsonb, regclass, text, text, text, jsonb, regclass) IS
'The rows that split_target would make, without ids; writes and locks nothing';

CREATE FUNCTION @extschema@.unsplit_target(target_id bigint, reason text DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_unsplit_target';
COMMENT ON FUNCTION @extschema@.unsplit_target(bigint, text) IS
'Takes everything under a target back and returns the number of targets removed; their rows stay in revision';

CREATE FUNCTION @extschema@.explain_basis(target_id bigint)
RETURNS TABLE (
	id			bigint,
	split_id	bigint,
	metric		text,
	plan		text,
	basis		daterange,
	lag			integer,
	factor		numeric,
	facts		bigint,
	amount		numeric,
	problem		text)
LANGUAGE c STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_explain_basis';
COMMENT ON FUNCTION @extschema@.explain_basis(bigint) IS
'The facts behind the weights of a target and of those above it: one row for each and each basis that its split reads, with the number of facts (of targets, where a plan is the pattern) and their sum as they are now; problem: why it cannot be read any more';

-- One row a step from the overall target down to this one.  The exact share
-- of a step is its part of the target that its split started from: anchor's
-- amount x weight / sum of the weights.
CREATE FUNCTION @extschema@.explain_target(
	target_id	bigint DEFAULT NULL,
	plan		text DEFAULT NULL,
	metric		text DEFAULT NULL,
	slice		jsonb DEFAULT '{}',
	period		daterange DEFAULT NULL,
	with_basis	boolean DEFAULT true)
RETURNS TABLE (
	step		integer,
	id			bigint,
	level		text,
	step_slice	jsonb,
	step_period daterange,
	amount		numeric,
	method		text,
	basis		daterange,
	weight		numeric,
	weight_sum	numeric,
	shared_amount numeric,
	exact_share text,
	exact_share_decimal numeric,
	rounded_down numeric,
	units_received numeric,
	changed_since numeric,
	fallback	text,
	at_least	numeric,
	at_most		numeric,
	bound		text,
	locked		boolean,
	split_id	bigint,
	split_call	text,
	basis_rows	bigint,
	bases		jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
-- the call that is shown must mean the same in any session
SET datestyle = 'ISO, YMD'
AS $$
	WITH RECURSIVE start AS (
		SELECT t.plan_id, t.target_id
		FROM @extschema@.target t
		WHERE t.plan_id = ANY (ARRAY(SELECT p.plan_id FROM @extschema@.plan p))
		  AND t.target_id = (SELECT @extschema@.existing_target(explain_target.target_id, explain_target.plan, explain_target.metric,
																explain_target.slice, explain_target.period))
	), found AS (
		SELECT b.id, sum(b.facts)::bigint AS facts,
			   jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
				   'metric', b.metric, 'plan', b.plan, 'basis', b.basis, 'lag', NULLIF(b.lag, 0), 'factor', b.factor,
				   'rows', b.facts, 'amount', b.amount, 'problem', b.problem)) ORDER BY b.ordinality) AS bases
		FROM start s, @extschema@.explain_basis(s.target_id) WITH ORDINALITY AS b
		WHERE explain_target.with_basis
		GROUP BY b.id
	), way AS (
		SELECT t.* FROM start s JOIN @extschema@.target t ON t.plan_id = s.plan_id AND t.target_id = s.target_id
		UNION ALL
		SELECT t.* FROM way w JOIN @extschema@.target t ON t.plan_id = w.plan_id AND t.target_id = w.parent_id
	), step AS (
		SELECT w.*, s.method, s.basis, s.by_levels, s.arguments, s.fallbacks, s.after_revision, s.made IS NOT NULL AS is_resplit,
			   s.called_by, s.called_at, s.target_id AS call_target,
			   -- what the method found out for the target that it started from
			   (SELECT jsonb_agg(e.finding) FROM jsonb_array_elements(s.findings) AS e (finding)
				WHERE (e.finding ->> 'target_id')::bigint IN (SELECT a.target_id FROM way a)
				  AND w.slice @> COALESCE(e.finding -> 'slice', '{}')
				  -- of a group that a margin has a total for: is this one among its parts?
				  AND COALESCE(w.period <@ (e.finding ->> 'period')::daterange, true)
				  AND NOT EXISTS (
					SELECT FROM jsonb_array_elements_text(e.finding -> 'member_ids') AS g (member_id)
					JOIN @extschema@.member gm ON gm.member_id = g.member_id::bigint
					WHERE NOT EXISTS (SELECT FROM way a JOIN @extschema@.member m ON m.member_id = a.member_id
									  WHERE a.depth <= w.depth AND m.dimension_id = gm.dimension_id
										AND m.path[1:cardinality(gm.path)] = gm.path))) AS findings,
			   -- the target that the split started from: the deepest above that another split made
			   (SELECT a.target_id FROM way a
				WHERE a.depth < w.depth AND a.split_id IS DISTINCT FROM w.split_id
				ORDER BY a.depth DESC LIMIT 1) AS anchor_id
		FROM way w LEFT JOIN @extschema@.split s ON s.plan_id = w.plan_id AND s.split_id = w.split_id
	), shared AS (
		-- all parts that the split made, deleted ones too, with the amounts that it
		-- gave them: before the first later change
		SELECT st.target_id, sum(c.weight) AS weight_sum,
			   sum(COALESCE(r.amount_before, c.amount)) AS amount
		FROM step st
		CROSS JOIN LATERAL (
			SELECT t.target_id, t.weight, t.amount
			FROM @extschema@.target t
			WHERE t.plan_id = st.plan_id AND t.parent_id = st.anchor_id AND t.split_id = st.split_id
			UNION ALL
			SELECT d.target_id, (d.old_row ->> 'weight')::numeric, d.amount_before
			FROM @extschema@.revision d
			WHERE d.plan_id = st.plan_id AND d.operation = 'delete'
			  -- it may have been brought back
			  AND NOT EXISTS (SELECT FROM @extschema@.target b WHERE b.plan_id = d.plan_id AND b.target_id = d.target_id)
			  AND (d.old_row ->> 'parent_id')::bigint = st.anchor_id AND (d.old_row ->> 'split_id')::bigint = st.split_id) c
		LEFT JOIN LATERAL (SELECT r.amount_before FROM @extschema@.revision r
						   WHERE r.plan_id = st.plan_id AND r.target_id = c.target_id
							 AND r.revision_id > st.after_revision AND r.split_id IS DISTINCT FROM st.split_id
						   ORDER BY r.revision_id LIMIT 1) r ON true
		WHERE st.split_id IS NOT NULL
		GROUP BY st.target_id
	), exact AS (
		SELECT st.*, sh.weight_sum, sh.amount AS shared_amount,
			   COALESCE((st.arguments ->> 'quantum')::numeric, pm.quantum) AS quantum,
			   -- the units that others than the largest remainder gave are no remainder's
			   NOT st.arguments ?| '{bounds,bounds_from,residual}' AND NOT st.fallbacks ?| '{held: locked,held: adjusted,held: not made by it,held: bounds}' AS is_fair,
			   COALESCE(r.amount_before, st.amount) AS made_amount,
			   -- both sides of the fraction as whole numbers
			   sh.amount * st.weight * power(10::numeric, GREATEST(scale(sh.amount * st.weight), scale(sh.weight_sum))) AS numerator,
			   sh.weight_sum * power(10::numeric, GREATEST(scale(sh.amount * st.weight), scale(sh.weight_sum))) AS denominator
		FROM step st
		JOIN @extschema@.plan_metric pm ON pm.plan_id = st.plan_id AND pm.metric_id = st.metric_id
		LEFT JOIN shared sh ON sh.target_id = st.target_id
		LEFT JOIN LATERAL (SELECT r.amount_before FROM @extschema@.revision r
						   WHERE r.plan_id = st.plan_id AND r.target_id = st.target_id
							 AND r.revision_id > COALESCE(st.after_revision, 0) AND r.split_id IS DISTINCT FROM st.split_id
						   ORDER BY r.revision_id LIMIT 1) r ON true
	), rounded AS (
		SELECT e.*,
			   CASE WHEN e.denominator > 0
					THEN sign(e.numerator) * div(abs(e.numerator), e.denominator * e.quantum) * e.quantum END AS down
		FROM exact e
	)
	SELECT r.depth::integer, r.target_id, r.level, r.slice, r.period, r.amount,
		   r.method, r.basis, r.weight, r.weight_sum, r.shared_amount,
		   CASE WHEN r.denominator > 0
				THEN trim_scale(r.numerator / gcd(trunc(r.numerator), trunc(r.denominator)))::text || '/'
					 || trim_scale(r.denominator / gcd(trunc(r.numerator), trunc(r.denominator)))::text END,
		   CASE WHEN r.denominator > 0 THEN round(r.numerator / r.denominator, scale(r.quantum) + 6) END,
		   round(r.down, scale(r.quantum)),
		   CASE WHEN r.is_fair THEN trim_scale((r.made_amount - r.down) / r.quantum) END,
		   NULLIF(r.amount - r.made_amount, 0),
		   r.fallback, r.at_least, r.at_most,
		   CASE r.made_amount WHEN r.at_least THEN 'at_least' WHEN r.at_most THEN 'at_most' END,
		   r.locked, r.split_id,
		   CASE WHEN r.split_id IS NOT NULL
				THEN CASE WHEN r.method = 'import'
						  THEN format('SELECT * FROM @extschema@.import_targets(%s);',
									  (SELECT string_agg(format('%I => %L', a.key, a.value), ', ' ORDER BY a.key)
									   FROM jsonb_each_text(r.arguments) a))
						  WHEN r.method = 'present'
						  THEN format('SELECT * FROM @extschema@.resplit_target(%s%s);', r.call_target,
									  (SELECT string_agg(format(', %I => %L', a.key, a.value), '' ORDER BY a.key)
									   FROM jsonb_each_text(r.arguments) a))
						  ELSE format('SELECT * FROM @extschema@.%s(%s, %s%L, method => %L%s%s);',
									  CASE WHEN r.is_resplit THEN 'resplit_target' ELSE 'split_target' END,
									  r.call_target, CASE WHEN r.is_resplit THEN 'by => ' END, r.by_levels, r.method,
									  -- a link reads another past where the basis was not given
									  CASE WHEN r.basis IS NOT NULL AND (r.arguments ? 'basis' OR NOT r.arguments ? 'link')
										   THEN format(', basis => %L', r.basis) END,
									  (SELECT string_agg(format(', %I => %L', a.key, a.value), '' ORDER BY a.key)
									   FROM jsonb_each_text(r.arguments - 'basis') a)) END
					 || format(' -- by %s at %s', r.called_by, r.called_at) END,
		   f.facts, f.bases || COALESCE(r.findings, '[]')
	FROM rounded r
	LEFT JOIN found f ON f.id = r.target_id
	ORDER BY r.depth
$$;
COMMENT ON FUNCTION @extschema@.explain_target(bigint, text, text, jsonb, daterange, boolean) IS
'Why a target is what it is: one row a step from the overall target, with basis, weight, exact share as a fraction and a decimal (without bounds), units received by rounding (not where bounds or another residual decided), bounds and the one that held it, later changes, the call, and the rows and factors of each basis (with_basis => false does without them and reads no facts)';
