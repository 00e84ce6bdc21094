-- Who is responsible for what.

CREATE FUNCTION @extschema@.assign(
	plan		text,
	slice		jsonb,
	person		text,
	role		text DEFAULT 'A',
	from_day	date DEFAULT NULL,
	to_day		date DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'target_split_assign';
COMMENT ON FUNCTION @extschema@.assign(text, jsonb, text, text, date, date) IS
'Makes a person responsible (R), accountable (A), consulted (C) or informed (I) for a slice of a plan, days inclusive; the most specific rule wins; returns the rule''s key';

CREATE FUNCTION @extschema@.slice_within(inner_slice jsonb, outer_slice jsonb)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT NOT EXISTS (
		SELECT FROM jsonb_each(slice_within.outer_slice) o
		WHERE slice_within.inner_slice -> o.key IS DISTINCT FROM o.value
		  AND NOT EXISTS (
			SELECT FROM @extschema@.dimension d
			JOIN @extschema@.member mo ON mo.dimension_id = d.dimension_id AND mo.slice_value = o.value
			JOIN @extschema@.member mi ON mi.dimension_id = d.dimension_id
									  AND mi.slice_value = slice_within.inner_slice -> o.key
			WHERE d.name = o.key AND mi.path[1:mo.depth] = mo.path))
$$;
COMMENT ON FUNCTION @extschema@.slice_within(jsonb, jsonb) IS
'Is every target of the inner slice also one of the outer slice?';

CREATE VIEW @extschema@.responsibility_matrix WITH (security_invoker = true) AS
WITH rule AS (
	SELECT r.*, (SELECT pg_catalog.count(*) FROM pg_catalog.jsonb_object_keys(r.slice)) AS n_dimensions,
		   (SELECT COALESCE(pg_catalog.sum(mb.depth), 0)
			FROM pg_catalog.jsonb_each(r.slice) s
			JOIN @extschema@.dimension d ON d.name = s.key
			JOIN @extschema@.member mb ON mb.dimension_id = d.dimension_id AND mb.slice_value = s.value) AS n_levels
	FROM @extschema@.responsibility r
), day AS (
	-- the owner now; of a target that is not begun at its start, of one that is over at its end
	SELECT t.plan_id, t.target_id,
		   GREATEST(pg_catalog.lower(t.period), LEAST(current_date, pg_catalog.upper(t.period) - 1)) AS on_day
	FROM @extschema@.target t
)
SELECT p.family || CASE WHEN p.is_current THEN '' ELSE '#' || p.version END AS plan,
	   p.family AS plan_family, p.version AS plan_version, p.is_current,
	   m.name AS metric, m.unit,
	   t.target_id, t.parent_id, t.depth::integer AS depth, t.level, t.slice, t.period,
	   pg_catalog.lower(t.period) AS period_start, pg_catalog.upper(t.period) - 1 AS period_end,
	   t.amount, o.role, o.person, o.rule_slice, o.from_day, o.to_day, day.on_day
FROM @extschema@.target t
JOIN day ON day.plan_id = t.plan_id AND day.target_id = t.target_id
JOIN @extschema@.plan p ON p.plan_id = t.plan_id
JOIN @extschema@.metric m ON m.metric_id = t.metric_id
CROSS JOIN LATERAL (
	SELECT c.*, pg_catalog.rank() OVER (PARTITION BY c.role ORDER BY c.own_member DESC, c.n_dimensions DESC, c.n_levels DESC) AS rank
	FROM (
		SELECT r.role, pe.name AS person, r.slice AS rule_slice,
			   pg_catalog.lower(r.valid) AS from_day, pg_catalog.upper(r.valid) - 1 AS to_day,
			   -- a rule that names the person's own member beats the member
			   EXISTS (SELECT FROM @extschema@.dimension d WHERE d.persons AND r.slice OPERATOR(pg_catalog.?) d.name)::integer * 2 AS own_member,
			   r.n_dimensions, r.n_levels
		FROM rule r
		JOIN @extschema@.person pe ON pe.person_id = r.person_id
		WHERE r.plan_id = t.plan_id AND r.valid @> day.on_day
		  AND @extschema@.slice_within(t.slice, r.slice)
		UNION ALL
		-- a member that is a person owns its targets
		SELECT ro.role, pe.name, pg_catalog.jsonb_build_object(d.name, mb.slice_value),
			   pg_catalog.lower(mb.valid), pg_catalog.upper(mb.valid) - 1, 1, 1, mb.depth
		FROM @extschema@.dimension d
		JOIN @extschema@.member mb ON mb.dimension_id = d.dimension_id AND mb.slice_value = t.slice -> d.name
		JOIN @extschema@.person pe ON pe.person_id = mb.person_id
		CROSS JOIN (VALUES ('A'), ('R')) ro (role)
		WHERE d.persons
	) c
) o
WHERE o.rank = 1;
COMMENT ON VIEW @extschema@.responsibility_matrix IS 'Who is responsible, accountable, consulted and informed for each target, by the most specific rule; a row a target, role and person';
COMMENT ON COLUMN @extschema@.responsibility_matrix.plan IS 'Plan as calls name it';
COMMENT ON COLUMN @extschema@.responsibility_matrix.plan_family IS 'Plan family';
COMMENT ON COLUMN @extschema@.responsibility_matrix.plan_version IS 'Version within the family';
COMMENT ON COLUMN @extschema@.responsibility_matrix.is_current IS 'Is this the current version?';
COMMENT ON COLUMN @extschema@.responsibility_matrix.metric IS 'Metric';
COMMENT ON COLUMN @extschema@.responsibility_matrix.unit IS 'Unit of the amount';
COMMENT ON COLUMN @extschema@.responsibility_matrix.target_id IS 'Target';
COMMENT ON COLUMN @extschema@.responsibility_matrix.parent_id IS 'Target it is a part of';
COMMENT ON COLUMN @extschema@.responsibility_matrix.depth IS '0 is the overall target';
COMMENT ON COLUMN @extschema@.responsibility_matrix.level IS 'Level or grain that sets it apart from its siblings';
COMMENT ON COLUMN @extschema@.responsibility_matrix.slice IS 'What it is for: dimension -> member';
COMMENT ON COLUMN @extschema@.responsibility_matrix.period IS 'Days it is for';
COMMENT ON COLUMN @extschema@.responsibility_matrix.period_start IS 'First day';
COMMENT ON COLUMN @extschema@.responsibility_matrix.period_end IS 'Last day, inclusive';
COMMENT ON COLUMN @extschema@.responsibility_matrix.amount IS 'The target, in the unit';
COMMENT ON COLUMN @extschema@.responsibility_matrix.role IS 'R responsible, A accountable (the owner), C consulted, I informed';
COMMENT ON COLUMN @extschema@.responsibility_matrix.person IS 'Person';
COMMENT ON COLUMN @extschema@.responsibility_matrix.rule_slice IS 'Slice of the rule, or the person''s own member';
COMMENT ON COLUMN @extschema@.responsibility_matrix.from_day IS 'First day of the rule; NULL: always';
COMMENT ON COLUMN @extschema@.responsibility_matrix.to_day IS 'Last day of the rule, inclusive; NULL: always';
COMMENT ON COLUMN @extschema@.responsibility_matrix.on_day IS 'Day that is shown: today, or the nearest day of the target''s period';
