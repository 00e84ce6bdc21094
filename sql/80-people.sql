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
'Makes a person responsible (R), accountable (A), consulted (C) or informed (I) for a slice of a plan, days inclusive; the most specific rule wins, of equally specific ones the one assigned last; returns the rule''s key';

-- Which rules hold for a slice: those whose every member is the slice's own or
-- above it, on the days on which it is.  The members above a slice are few and found by keys; a rule then
-- holds if its parts are among them.  So the owner of one target costs little,
-- and of many targets of one slice hardly more: the server remembers the rules
-- of a slice for as long as a query runs.
--
-- Of the rules for a role the first holds: by rank_person, n_dimensions,
-- n_levels and rule_order, all descending; and so do others of its slice, for
-- several persons may be responsible, consulted or informed.
CREATE TYPE @extschema@.slice_rule AS (
	role		text,
	person		text,
	rule_slice	jsonb,
	valid		daterange,
	rank_person integer,
	n_dimensions integer,
	n_levels	integer,
	rule_order	bigint);
COMMENT ON TYPE @extschema@.slice_rule IS 'A rule that holds for a slice';
COMMENT ON COLUMN @extschema@.slice_rule.role IS 'R responsible, A accountable (the owner), C consulted, I informed';
COMMENT ON COLUMN @extschema@.slice_rule.person IS 'Person';
COMMENT ON COLUMN @extschema@.slice_rule.rule_slice IS 'Slice of the rule, or the person''s own member';
COMMENT ON COLUMN @extschema@.slice_rule.valid IS 'Days on which it holds';
COMMENT ON COLUMN @extschema@.slice_rule.rank_person IS '2: the rule names a person''s member, 1: the member itself, 0: neither';
COMMENT ON COLUMN @extschema@.slice_rule.n_dimensions IS 'Number of dimensions that the rule names';
COMMENT ON COLUMN @extschema@.slice_rule.n_levels IS 'Sum of the depths of the members that it names';
COMMENT ON COLUMN @extschema@.slice_rule.rule_order IS 'Order in which equally specific rules were assigned';

-- No SET search_path: it would keep the function from being merged into the
-- query.  Names in its body are resolved here and now, as those of a view are.
CREATE FUNCTION @extschema@.slice_rules(plan_id integer, slice jsonb)
RETURNS SETOF @extschema@.slice_rule
LANGUAGE sql STABLE PARALLEL SAFE ROWS 4
BEGIN ATOMIC
	WITH RECURSIVE way AS (
		-- the members of the slice and those above them, with the days on which they are
		SELECT d.name AS dimension, d.persons, mb.member_id, mb.slice_value, mb.depth, mb.person_id, mb.valid,
			   true AS own, '(,)'::daterange AS days
		FROM pg_catalog.jsonb_each(slice_rules.slice) e
		JOIN @extschema@.dimension d ON d.name = e.key
		JOIN @extschema@.member mb ON mb.dimension_id = d.dimension_id AND mb.slice_value = e.value
		UNION ALL
		SELECT w.dimension, w.persons, up.member_id, up.slice_value, up.depth, up.person_id, up.valid, false, w.days * a.days
		FROM way w
		JOIN @extschema@.member_above a ON a.member_id = w.member_id AND a.days && w.days
		JOIN @extschema@.member up ON up.member_id = a.parent_id
	), part AS (
		SELECT w.dimension, w.persons, w.slice_value, w.depth, w.person_id, w.member_id, w.valid, w.own,
			   pg_catalog.jsonb_build_object(w.dimension, w.slice_value)::text AS term, pg_catalog.range_agg(w.days) AS days
		FROM way w
		GROUP BY w.dimension, w.persons, w.slice_value, w.depth, w.person_id, w.member_id, w.valid, w.own
	)
	SELECT r.role, (SELECT pe.name FROM @extschema@.person pe WHERE pe.person_id = r.person_id), r.slice, held.valid,
		   -- a rule that names the person's own member beats the member
		   CASE WHEN named.persons THEN 2 ELSE 0 END, pg_catalog.cardinality(r.terms), COALESCE(named.n_levels, 0), r.responsibility_id
	FROM @extschema@.responsibility r
	CROSS JOIN LATERAL (SELECT pg_catalog.bool_or(p.persons) AS persons, pg_catalog.sum(p.depth)::integer AS n_levels,
							   COALESCE(pg_catalog.range_intersect_agg(p.days), '{(,)}') AS days
						FROM part p WHERE p.term = ANY (r.terms)) named
	CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.datemultirange(r.valid) * named.days) held (valid)
	WHERE r.plan_id = slice_rules.plan_id
	  AND COALESCE(r.terms[1], '') = ANY (ARRAY(SELECT p.term FROM part p UNION ALL VALUES ('')))
	  AND r.terms <@ ARRAY(SELECT p.term FROM part p)
	UNION ALL
	-- a member that is a person owns its targets
	SELECT ro.role, (SELECT pe.name FROM @extschema@.person pe WHERE pe.person_id = p.person_id),
		   pg_catalog.jsonb_build_object(p.dimension, p.slice_value), p.valid, 1, 1, p.depth::integer, p.member_id
	FROM part p
	CROSS JOIN (VALUES ('A'), ('R')) ro (role)
	WHERE p.own AND p.persons AND p.person_id IS NOT NULL;
END;
COMMENT ON FUNCTION @extschema@.slice_rules(integer, jsonb) IS
'The rules of a plan that hold for a slice; the highest rank_person, n_dimensions, n_levels and rule_order win';

CREATE VIEW @extschema@.slice_responsibility WITH (security_invoker = true) AS
SELECT s.plan_id, s.slice, r.role, r.person, r.rule_slice, r.valid, r.rank_person, r.n_dimensions, r.n_levels, r.rule_order
FROM (SELECT DISTINCT t.plan_id, t.slice FROM @extschema@.target t) s
CROSS JOIN LATERAL @extschema@.slice_rules(s.plan_id, s.slice) r;
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
COMMENT ON COLUMN @extschema@.slice_responsibility.rule_order IS 'Order in which equally specific rules were assigned';

CREATE VIEW @extschema@.responsibility_matrix WITH (security_invoker = true) AS
SELECT p.family || CASE WHEN p.is_current THEN '' ELSE '#' || p.version END AS plan,
	   p.family AS plan_family, p.version AS plan_version, p.is_current,
	   m.name AS metric, m.unit,
	   t.target_id, t.parent_id, t.depth, t.level, t.slice, t.period,
	   pg_catalog.lower(t.period) AS period_start, pg_catalog.upper(t.period) - 1 AS period_end,
	   @extschema@.period_within('year', t.period, p.calendar_id) AS fiscal_year,
	   @extschema@.period_within('half', t.period, p.calendar_id) AS fiscal_half,
	   @extschema@.period_within('quarter', t.period, p.calendar_id) AS fiscal_quarter,
	   @extschema@.period_within('month', t.period, p.calendar_id) AS month,
	   @extschema@.period_within('week', t.period, p.calendar_id) AS week,
	   t.amount, h.role, h.person, h.rule_slice,
	   pg_catalog.lower(h.valid) AS from_day, pg_catalog.upper(h.valid) - 1 AS to_day, d.on_day,
	   h.tied_with
FROM @extschema@.target t
JOIN @extschema@.plan p ON p.plan_id = t.plan_id
JOIN @extschema@.metric m ON m.metric_id = t.metric_id
-- today; for a target that is not begun its first day, for one that is over its last
CROSS JOIN LATERAL (SELECT GREATEST(pg_catalog.lower(t.period), LEAST(current_date, pg_catalog.upper(t.period) - 1)) AS on_day) d
-- the same for all targets of a slice
CROSS JOIN LATERAL (SELECT pg_catalog.array_agg(r) AS rules FROM @extschema@.slice_rules(t.plan_id, t.slice) r) of_slice
CROSS JOIN LATERAL (
	WITH on_day AS (
		SELECT r.role, r.person, r.rule_slice, r.valid,
			   pg_catalog.rank() OVER (PARTITION BY r.role ORDER BY r.rank_person DESC, r.n_dimensions DESC, r.n_levels DESC) AS place,
			   pg_catalog.first_value(r.rule_slice) OVER (PARTITION BY r.role ORDER BY r.rank_person DESC, r.n_dimensions DESC, r.n_levels DESC,
														  r.rule_order DESC) AS winner
		FROM pg_catalog.unnest(of_slice.rules) r
		WHERE r.valid @> d.on_day
	)
	SELECT o.role, o.person, o.rule_slice, o.valid,
		   (SELECT pg_catalog.string_agg(DISTINCT x.person, ', ') FROM on_day x
			WHERE x.role = o.role AND x.place = 1 AND x.rule_slice <> x.winner AND x.person <> o.person) AS tied_with
	FROM on_day o
	WHERE o.place = 1 AND o.rule_slice = o.winner) h;
COMMENT ON VIEW @extschema@.responsibility_matrix IS 'Who is responsible, accountable, consulted and informed for each target, by the most specific rule, of equally specific ones by the one assigned last; a row a target, role and person';
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
COMMENT ON COLUMN @extschema@.responsibility_matrix.fiscal_year IS 'Fiscal year by the plan''s calendar; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.responsibility_matrix.fiscal_half IS 'Half year by the plan''s calendar; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.responsibility_matrix.fiscal_quarter IS 'Quarter by the plan''s calendar; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.responsibility_matrix.month IS 'Month by the plan''s calendar; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.responsibility_matrix.week IS 'Whole week that it is in, which a month end may cut in two targets; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.responsibility_matrix.amount IS 'The target, in the unit';
COMMENT ON COLUMN @extschema@.responsibility_matrix.role IS 'R responsible, A accountable (the owner), C consulted, I informed';
COMMENT ON COLUMN @extschema@.responsibility_matrix.person IS 'Person';
COMMENT ON COLUMN @extschema@.responsibility_matrix.rule_slice IS 'Slice of the rule, or the person''s own member';
COMMENT ON COLUMN @extschema@.responsibility_matrix.from_day IS 'First day on which the rule holds for it, where a member moves from when it is below the rule''s; NULL: always';
COMMENT ON COLUMN @extschema@.responsibility_matrix.to_day IS 'Last day on which it does, inclusive; NULL: always';
COMMENT ON COLUMN @extschema@.responsibility_matrix.on_day IS 'Day that is shown: today, or the nearest day of the target''s period';
COMMENT ON COLUMN @extschema@.responsibility_matrix.tied_with IS 'Persons of rules that are as specific and were assigned earlier, so that they do not hold; NULL: none';
