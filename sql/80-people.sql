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

-- Which rules hold for which slice.  Worked out once per slice and not per
-- target, by joins on dimension and member: a rule holds for a slice if each
-- of its members is the slice's own or above it.
CREATE VIEW @extschema@.slice_responsibility WITH (security_invoker = true) AS
WITH slice AS (
	SELECT DISTINCT t.plan_id, t.slice FROM @extschema@.target t
), part AS (
	SELECT s.plan_id, s.slice, e.key AS dimension, e.value
	FROM slice s CROSS JOIN LATERAL pg_catalog.jsonb_each(s.slice) e
), rule AS (
	SELECT r.*, (SELECT pg_catalog.count(*) FROM pg_catalog.jsonb_object_keys(r.slice)) AS n_dimensions
	FROM @extschema@.responsibility r
), rule_part AS (
	SELECT r.responsibility_id, r.plan_id, e.key AS dimension, mi.slice_value AS value, mo.depth, d.persons
	FROM rule r
	CROSS JOIN LATERAL pg_catalog.jsonb_each(r.slice) e
	JOIN @extschema@.dimension d ON d.name = e.key
	JOIN @extschema@.member mo ON mo.dimension_id = d.dimension_id AND mo.slice_value = e.value
	JOIN @extschema@.member mi ON mi.dimension_id = d.dimension_id AND mi.path[1:mo.depth] = mo.path
), holds AS (
	SELECT p.plan_id, p.slice, rp.responsibility_id, pg_catalog.count(*) AS n_dimensions,
		   pg_catalog.sum(rp.depth) AS n_levels, pg_catalog.bool_or(rp.persons) AS names_person
	FROM part p
	JOIN rule_part rp ON rp.plan_id = p.plan_id AND rp.dimension = p.dimension AND rp.value = p.value
	GROUP BY p.plan_id, p.slice, rp.responsibility_id
	UNION ALL
	SELECT s.plan_id, s.slice, r.responsibility_id, 0, 0, false
	FROM slice s JOIN rule r ON r.plan_id = s.plan_id AND r.n_dimensions = 0
)
SELECT h.plan_id, h.slice, r.role, pe.name AS person, r.slice AS rule_slice, r.valid,
	   -- a rule that names the person's own member beats the member
	   CASE WHEN h.names_person THEN 2 ELSE 0 END AS rank_person, h.n_dimensions, h.n_levels
FROM holds h
JOIN rule r ON r.responsibility_id = h.responsibility_id AND r.n_dimensions = h.n_dimensions
JOIN @extschema@.person pe ON pe.person_id = r.person_id
UNION ALL
-- a member that is a person owns its targets
SELECT p.plan_id, p.slice, ro.role, pe.name, pg_catalog.jsonb_build_object(d.name, mb.slice_value), mb.valid,
	   1, 1, mb.depth
FROM part p
JOIN @extschema@.dimension d ON d.name = p.dimension AND d.persons
JOIN @extschema@.member mb ON mb.dimension_id = d.dimension_id AND mb.slice_value = p.value
JOIN @extschema@.person pe ON pe.person_id = mb.person_id
CROSS JOIN (VALUES ('A'), ('R')) ro (role);
COMMENT ON VIEW @extschema@.slice_responsibility IS 'The rules that hold for each slice that has targets; the highest ranks win';
COMMENT ON COLUMN @extschema@.slice_responsibility.plan_id IS 'Plan';
COMMENT ON COLUMN @extschema@.slice_responsibility.slice IS 'Slice of targets';
COMMENT ON COLUMN @extschema@.slice_responsibility.role IS 'R responsible, A accountable (the owner), C consulted, I informed';
COMMENT ON COLUMN @extschema@.slice_responsibility.person IS 'Person';
COMMENT ON COLUMN @extschema@.slice_responsibility.rule_slice IS 'Slice of the rule, or the person''s own member';
COMMENT ON COLUMN @extschema@.slice_responsibility.valid IS 'Days on which it holds';
COMMENT ON COLUMN @extschema@.slice_responsibility.rank_person IS '2: the rule names a person''s member, 1: the member itself, 0: neither';
COMMENT ON COLUMN @extschema@.slice_responsibility.n_dimensions IS 'Number of dimensions that the rule names';
COMMENT ON COLUMN @extschema@.slice_responsibility.n_levels IS 'Sum of the depths of the members that it names';

CREATE VIEW @extschema@.responsibility_matrix WITH (security_invoker = true) AS
WITH held AS (
	SELECT t.plan_id, t.target_id, d.on_day, s.role, s.person, s.rule_slice, s.valid,
		   pg_catalog.rank() OVER (PARTITION BY t.plan_id, t.target_id, s.role
								   ORDER BY s.rank_person DESC, s.n_dimensions DESC, s.n_levels DESC) AS place
	FROM @extschema@.target t
	-- today; for a target that is not begun its first day, for one that is over its last
	CROSS JOIN LATERAL (SELECT GREATEST(pg_catalog.lower(t.period), LEAST(current_date, pg_catalog.upper(t.period) - 1)) AS on_day) d
	JOIN @extschema@.slice_responsibility s ON s.plan_id = t.plan_id AND s.slice = t.slice AND s.valid @> d.on_day
)
SELECT p.family || CASE WHEN p.is_current THEN '' ELSE '#' || p.version END AS plan,
	   p.family AS plan_family, p.version AS plan_version, p.is_current,
	   m.name AS metric, m.unit,
	   t.target_id, t.parent_id, t.depth::integer AS depth, t.level, t.slice, t.period,
	   pg_catalog.lower(t.period) AS period_start, pg_catalog.upper(t.period) - 1 AS period_end,
	   t.amount, h.role, h.person, h.rule_slice,
	   pg_catalog.lower(h.valid) AS from_day, pg_catalog.upper(h.valid) - 1 AS to_day, h.on_day
FROM held h
JOIN @extschema@.target t ON t.plan_id = h.plan_id AND t.target_id = h.target_id
JOIN @extschema@.plan p ON p.plan_id = t.plan_id
JOIN @extschema@.metric m ON m.metric_id = t.metric_id
WHERE h.place = 1;
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
