-- Views for people and BI tools, and the check of all promises.

CREATE VIEW @extschema@.target_tree WITH (security_invoker = true) AS
SELECT p.family || CASE WHEN p.is_current THEN '' ELSE '#' || p.version END AS plan,
	   p.family AS plan_family, p.version AS plan_version, p.is_current,
	   m.name AS metric, m.unit,
	   t.target_id, t.parent_id, t.depth, t.level,
	   CASE WHEN t.depth = 0 THEN p.family
			WHEN t.member_id = 0 THEN COALESCE(@extschema@.period_label(t.level, pg_catalog.lower(t.period), p.calendar_id), t.period::text)
			ELSE mb.code END AS label,
	   (WITH RECURSIVE way AS (
			SELECT w.plan_id, w.parent_id, w.depth, w.member_id, w.level, w.period
			FROM @extschema@.target w WHERE w.plan_id = t.plan_id AND w.target_id = t.target_id
			UNION ALL
			SELECT w.plan_id, w.parent_id, w.depth, w.member_id, w.level, w.period
			FROM way JOIN @extschema@.target w ON w.plan_id = way.plan_id AND w.target_id = way.parent_id)
		SELECT pg_catalog.string_agg(
				CASE WHEN way.depth = 0 THEN p.family
					 WHEN way.member_id = 0 THEN COALESCE(@extschema@.period_label(way.level, pg_catalog.lower(way.period), p.calendar_id), way.period::text)
					 ELSE wm.code END, ' > ' ORDER BY way.depth)
		FROM way LEFT JOIN @extschema@.member wm ON wm.member_id = way.member_id) AS path,
	   t.slice, t.period,
	   pg_catalog.lower(t.period) AS period_start, pg_catalog.upper(t.period) - 1 AS period_end,
	   @extschema@.period_within('year', t.period, p.calendar_id) AS fiscal_year,
	   @extschema@.period_within('half', t.period, p.calendar_id) AS fiscal_half,
	   @extschema@.period_within('quarter', t.period, p.calendar_id) AS fiscal_quarter,
	   @extschema@.period_within('month', t.period, p.calendar_id) AS month,
	   @extschema@.period_within('week', t.period, p.calendar_id) AS week,
	   t.amount,
	   CASE WHEN pt.amount <> 0 THEN pg_catalog.round(t.amount / pt.amount, 6) END AS share_of_parent,
	   CASE WHEN rt.amount <> 0 THEN pg_catalog.round(t.amount / rt.amount, 6) END AS share_of_root,
	   t.n_children, t.n_children = 0 AS is_leaf, t.locked, t.floor_amount, t.stretch_amount, t.over_assignment,
	   (WITH RECURSIVE up AS (
			SELECT t.parent_id, 1 + COALESCE(t.over_assignment, 0) AS factor
			UNION ALL
			SELECT w.parent_id, up.factor * (1 + COALESCE(w.over_assignment, 0))
			FROM up JOIN @extschema@.target w ON w.plan_id = t.plan_id AND w.target_id = up.parent_id)
		SELECT up.factor FROM up WHERE up.parent_id IS NULL) - 1 AS cumulative_over_assignment,
	   pg_catalog.round(t.amount * (WITH RECURSIVE up AS (
			SELECT t.parent_id, 1 + COALESCE(t.over_assignment, 0) AS factor
			UNION ALL
			SELECT w.parent_id, up.factor * (1 + COALESCE(w.over_assignment, 0))
			FROM up JOIN @extschema@.target w ON w.plan_id = t.plan_id AND w.target_id = up.parent_id)
		SELECT up.factor FROM up WHERE up.parent_id IS NULL) / pm.quantum) * pm.quantum AS assigned_amount,
	   -- the first accountable person of the slice on the day that responsibility_matrix shows
	   (SELECT u.person FROM ROWS FROM (pg_catalog.unnest(o.persons), pg_catalog.unnest(o.valid)) WITH ORDINALITY u (person, valid, place)
		WHERE u.valid @> GREATEST(pg_catalog.lower(t.period), LEAST(current_date, pg_catalog.upper(t.period) - 1))
		ORDER BY u.place LIMIT 1) AS owner,
	   t.fallback, t.split_id, t.lineage_id
FROM @extschema@.target t
JOIN @extschema@.plan p ON p.plan_id = t.plan_id
JOIN @extschema@.metric m ON m.metric_id = t.metric_id
LEFT JOIN @extschema@.plan_metric pm ON pm.plan_id = t.plan_id AND pm.metric_id = t.metric_id
LEFT JOIN @extschema@.member mb ON mb.member_id = t.member_id
LEFT JOIN @extschema@.target pt ON pt.plan_id = t.plan_id AND pt.target_id = t.parent_id
LEFT JOIN @extschema@.target rt ON rt.plan_id = t.plan_id AND rt.root_metric_id = t.metric_id
-- looked up for the targets that a query asks for, once a slice
LEFT JOIN LATERAL (SELECT pg_catalog.array_agg(r.person ORDER BY r.rank_person DESC, r.n_dimensions DESC, r.n_levels DESC, r.rule_order DESC) AS persons,
						  pg_catalog.array_agg(r.valid ORDER BY r.rank_person DESC, r.n_dimensions DESC, r.n_levels DESC, r.rule_order DESC) AS valid
				   FROM @extschema@.slice_rules(t.plan_id, t.slice) r WHERE r.role = 'A') o ON true;
COMMENT ON VIEW @extschema@.target_tree IS 'Every target with its place in the tree, its shares and its owner';
COMMENT ON COLUMN @extschema@.target_tree.plan IS 'Plan as calls name it';
COMMENT ON COLUMN @extschema@.target_tree.plan_family IS 'Plan family';
COMMENT ON COLUMN @extschema@.target_tree.plan_version IS 'Version within the family';
COMMENT ON COLUMN @extschema@.target_tree.is_current IS 'Is this the current version?';
COMMENT ON COLUMN @extschema@.target_tree.metric IS 'Metric';
COMMENT ON COLUMN @extschema@.target_tree.unit IS 'Unit of the amounts';
COMMENT ON COLUMN @extschema@.target_tree.target_id IS 'Target';
COMMENT ON COLUMN @extschema@.target_tree.parent_id IS 'Target it is a part of';
COMMENT ON COLUMN @extschema@.target_tree.depth IS '0 is the overall target';
COMMENT ON COLUMN @extschema@.target_tree.level IS 'Level or grain that sets it apart from its siblings';
COMMENT ON COLUMN @extschema@.target_tree.label IS 'Member or period that sets it apart';
COMMENT ON COLUMN @extschema@.target_tree.path IS 'Labels from the overall target down';
COMMENT ON COLUMN @extschema@.target_tree.slice IS 'What it is for: dimension -> member';
COMMENT ON COLUMN @extschema@.target_tree.period IS 'Days it is for';
COMMENT ON COLUMN @extschema@.target_tree.period_start IS 'First day';
COMMENT ON COLUMN @extschema@.target_tree.period_end IS 'Last day, inclusive';
COMMENT ON COLUMN @extschema@.target_tree.fiscal_year IS 'Fiscal year by the plan''s calendar; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.target_tree.fiscal_half IS 'Half year by the plan''s calendar; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.target_tree.fiscal_quarter IS 'Quarter by the plan''s calendar; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.target_tree.month IS 'Month by the plan''s calendar; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.target_tree.week IS 'Whole week that it is in, which a month end may cut in two targets; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.target_tree.amount IS 'The target, in the unit';
COMMENT ON COLUMN @extschema@.target_tree.share_of_parent IS 'Part of the parent''s amount, 1 = 100 %';
COMMENT ON COLUMN @extschema@.target_tree.share_of_root IS 'Part of the overall target, 1 = 100 %';
COMMENT ON COLUMN @extschema@.target_tree.n_children IS 'Number of children';
COMMENT ON COLUMN @extschema@.target_tree.is_leaf IS 'Has no children';
COMMENT ON COLUMN @extschema@.target_tree.locked IS 'Held: adjustments leave it as it is';
COMMENT ON COLUMN @extschema@.target_tree.floor_amount IS 'Least that must be reached, in the unit';
COMMENT ON COLUMN @extschema@.target_tree.stretch_amount IS 'What would be excellent, in the unit';
COMMENT ON COLUMN @extschema@.target_tree.over_assignment IS 'Factor assigned above the base, 0.05 = 5 % more';
COMMENT ON COLUMN @extschema@.target_tree.cumulative_over_assignment IS 'The same over all targets from the overall one down: the product of (1 + factor), less 1';
COMMENT ON COLUMN @extschema@.target_tree.assigned_amount IS 'The amount with the cumulative over-assignment, rounded to the quantum, in the unit; it need not add up';
COMMENT ON COLUMN @extschema@.target_tree.owner IS 'Who is accountable';
COMMENT ON COLUMN @extschema@.target_tree.fallback IS 'Fallback its weight was taken from; NULL for none';
COMMENT ON COLUMN @extschema@.target_tree.split_id IS 'Split that made it';
COMMENT ON COLUMN @extschema@.target_tree.lineage_id IS 'Stays the same across the versions of a plan';

-- A row per slice of leaves and year, time across.  Where months are calendar
-- months a year is twelve of them from the plan's first; else it is the
-- calendar's, and its months are the calendar's.
CREATE VIEW @extschema@.target_wide WITH (security_invoker = true) AS
WITH leaf AS (
	SELECT t.plan_id, t.metric_id, t.slice, t.amount, t.period, p.period AS plan_period, p.calendar_id, c.pattern = 'months' AS by_month,
		   (pg_catalog.date_part('year', pg_catalog.lower(t.period)) * 12 + pg_catalog.date_part('month', pg_catalog.lower(t.period))
			- pg_catalog.date_part('year', pg_catalog.lower(p.period)) * 12 - pg_catalog.date_part('month', pg_catalog.lower(p.period)))::integer AS first_month,
		   (pg_catalog.date_part('year', pg_catalog.upper(t.period) - 1) * 12 + pg_catalog.date_part('month', pg_catalog.upper(t.period) - 1)
			- pg_catalog.date_part('year', pg_catalog.lower(p.period)) * 12 - pg_catalog.date_part('month', pg_catalog.lower(p.period)))::integer AS last_month
	FROM @extschema@.target t
	JOIN @extschema@.plan p ON p.plan_id = t.plan_id
	JOIN @extschema@.calendar c ON c.calendar_id = p.calendar_id
	WHERE t.n_children = 0
), placed AS (
	-- counted from 0, and within the year from 1
	SELECT l.plan_id, l.metric_id, l.slice, l.amount,
		   CASE WHEN l.by_month THEN
				CASE WHEN l.first_month / 12 = l.last_month / 12
					 THEN pg_catalog.daterange((pg_catalog.date_trunc('month', pg_catalog.lower(l.plan_period)::timestamp) + l.first_month / 12 * interval '1 year')::date,
											   (pg_catalog.date_trunc('month', pg_catalog.lower(l.plan_period)::timestamp) + (l.first_month / 12 + 1) * interval '1 year')::date) END
				WHEN @extschema@.period_within('year', l.period, l.calendar_id) IS NOT NULL
				THEN @extschema@.period_of('year', pg_catalog.lower(l.period), l.calendar_id) END AS year,
		   CASE WHEN l.by_month THEN CASE WHEN l.first_month = l.last_month THEN l.first_month % 12 + 1 END
				WHEN @extschema@.period_within('month', l.period, l.calendar_id) IS NOT NULL
				THEN @extschema@.period_number('month', pg_catalog.lower(l.period), l.calendar_id) END AS month,
		   CASE WHEN l.by_month THEN CASE WHEN l.first_month / 3 = l.last_month / 3 THEN l.first_month % 12 / 3 + 1 END
				WHEN @extschema@.period_within('quarter', l.period, l.calendar_id) IS NOT NULL
				THEN @extschema@.period_number('quarter', pg_catalog.lower(l.period), l.calendar_id) END AS quarter
	FROM leaf l
)
SELECT p.family || CASE WHEN p.is_current THEN '' ELSE '#' || p.version END AS plan,
	   p.family AS plan_family, p.version AS plan_version, p.is_current,
	   m.name AS metric, m.unit, l.slice,
	   pg_catalog.lower(l.year * p.period) AS year_start, pg_catalog.upper(l.year * p.period) - 1 AS year_end,
	   @extschema@.period_within('year', l.year * p.period, p.calendar_id) AS fiscal_year,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.month = 1) AS m01,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.month = 2) AS m02,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.month = 3) AS m03,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.month = 4) AS m04,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.month = 5) AS m05,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.month = 6) AS m06,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.month = 7) AS m07,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.month = 8) AS m08,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.month = 9) AS m09,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.month = 10) AS m10,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.month = 11) AS m11,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.month = 12) AS m12,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.month = 13) AS m13,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.quarter = 1) AS q1,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.quarter = 2) AS q2,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.quarter = 3) AS q3,
	   pg_catalog.sum(l.amount) FILTER (WHERE l.quarter = 4) AS q4,
	   pg_catalog.sum(l.amount) AS total
FROM placed l
JOIN @extschema@.plan p ON p.plan_id = l.plan_id
JOIN @extschema@.metric m ON m.metric_id = l.metric_id
GROUP BY p.plan_id, m.metric_id, l.slice, l.year;
COMMENT ON VIEW @extschema@.target_wide IS 'A row per slice of the targets without children and year of the plan, time across; a target that a column does not hold whole is NULL there and counted in the total, one of several years has a row of its own';
COMMENT ON COLUMN @extschema@.target_wide.plan IS 'Plan as calls name it';
COMMENT ON COLUMN @extschema@.target_wide.plan_family IS 'Plan family';
COMMENT ON COLUMN @extschema@.target_wide.plan_version IS 'Version within the family';
COMMENT ON COLUMN @extschema@.target_wide.is_current IS 'Is this the current version?';
COMMENT ON COLUMN @extschema@.target_wide.metric IS 'Metric';
COMMENT ON COLUMN @extschema@.target_wide.unit IS 'Unit of the amounts';
COMMENT ON COLUMN @extschema@.target_wide.slice IS 'What the row is for: dimension -> member';
COMMENT ON COLUMN @extschema@.target_wide.year_start IS 'First day of the plan year, twelve months from the month in which the plan starts, or the calendar''s year where its months are not calendar months; NULL: targets of several plan years';
COMMENT ON COLUMN @extschema@.target_wide.year_end IS 'Last day of the plan year, inclusive; NULL: targets of several plan years';
COMMENT ON COLUMN @extschema@.target_wide.fiscal_year IS 'Fiscal year by the plan''s calendar; NULL where the row is for more than one';
COMMENT ON COLUMN @extschema@.target_wide.m01 IS 'Month 1 of the plan year, in the unit';
COMMENT ON COLUMN @extschema@.target_wide.m02 IS 'Month 2 of the plan year, in the unit';
COMMENT ON COLUMN @extschema@.target_wide.m03 IS 'Month 3 of the plan year, in the unit';
COMMENT ON COLUMN @extschema@.target_wide.m04 IS 'Month 4 of the plan year, in the unit';
COMMENT ON COLUMN @extschema@.target_wide.m05 IS 'Month 5 of the plan year, in the unit';
COMMENT ON COLUMN @extschema@.target_wide.m06 IS 'Month 6 of the plan year, in the unit';
COMMENT ON COLUMN @extschema@.target_wide.m07 IS 'Month 7 of the plan year, in the unit';
COMMENT ON COLUMN @extschema@.target_wide.m08 IS 'Month 8 of the plan year, in the unit';
COMMENT ON COLUMN @extschema@.target_wide.m09 IS 'Month 9 of the plan year, in the unit';
COMMENT ON COLUMN @extschema@.target_wide.m10 IS 'Month 10 of the plan year, in the unit';
COMMENT ON COLUMN @extschema@.target_wide.m11 IS 'Month 11 of the plan year, in the unit';
COMMENT ON COLUMN @extschema@.target_wide.m12 IS 'Month 12 of the plan year, in the unit';
COMMENT ON COLUMN @extschema@.target_wide.m13 IS 'Period 13 of the plan year, in the unit; NULL in calendars of twelve months';
COMMENT ON COLUMN @extschema@.target_wide.q1 IS 'Months 1 to 3 of the plan year, in the unit';
COMMENT ON COLUMN @extschema@.target_wide.q2 IS 'Months 4 to 6 of the plan year, in the unit';
COMMENT ON COLUMN @extschema@.target_wide.q3 IS 'Months 7 to 9 of the plan year, in the unit';
COMMENT ON COLUMN @extschema@.target_wide.q4 IS 'Months 10 to 12 of the plan year, in the unit';
COMMENT ON COLUMN @extschema@.target_wide.total IS 'All of the row, in the unit';

CREATE VIEW @extschema@.split_log WITH (security_invoker = true) AS
SELECT p.family || CASE WHEN p.is_current THEN '' ELSE '#' || p.version END AS plan,
	   p.family AS plan_family, p.version AS plan_version, p.is_current,
	   m.name AS metric, s.split_id, s.target_id, s.by_levels, s.method, s.basis,
	   pg_catalog.lower(s.basis) AS basis_start, pg_catalog.upper(s.basis) - 1 AS basis_end,
	   s.arguments, s.fallbacks, s.findings, s.n_split, s.n_created,
	   EXISTS (SELECT FROM @extschema@.target t WHERE t.plan_id = s.plan_id AND t.split_id = s.split_id) AS in_force,
	   s.called_by, s.called_at, s.reason
FROM @extschema@.split s
JOIN @extschema@.plan p ON p.plan_id = s.plan_id
JOIN @extschema@.metric m ON m.metric_id = s.metric_id;
COMMENT ON VIEW @extschema@.split_log IS 'Every call that made targets, with the fallbacks taken';
COMMENT ON COLUMN @extschema@.split_log.plan IS 'Plan as calls name it';
COMMENT ON COLUMN @extschema@.split_log.plan_family IS 'Plan family';
COMMENT ON COLUMN @extschema@.split_log.plan_version IS 'Version within the family';
COMMENT ON COLUMN @extschema@.split_log.is_current IS 'Is this the current version?';
COMMENT ON COLUMN @extschema@.split_log.metric IS 'Metric';
COMMENT ON COLUMN @extschema@.split_log.split_id IS 'Key of the split';
COMMENT ON COLUMN @extschema@.split_log.target_id IS 'Target the call named';
COMMENT ON COLUMN @extschema@.split_log.by_levels IS 'Levels and grains, outermost first';
COMMENT ON COLUMN @extschema@.split_log.method IS 'Method';
COMMENT ON COLUMN @extschema@.split_log.basis IS 'Days whose actuals were the basis';
COMMENT ON COLUMN @extschema@.split_log.basis_start IS 'First day of the basis';
COMMENT ON COLUMN @extschema@.split_log.basis_end IS 'Last day of the basis, inclusive';
COMMENT ON COLUMN @extschema@.split_log.arguments IS 'All other arguments of the call';
COMMENT ON COLUMN @extschema@.split_log.fallbacks IS 'Fallbacks taken, each with the number of targets (for unassigned: of facts)';
COMMENT ON COLUMN @extschema@.split_log.findings IS 'What the method found out: factors and errors of shrunk, indices of seasonal, for at most 20 targets; whose history was shared because they had moved, for at most 20 members';
COMMENT ON COLUMN @extschema@.split_log.n_split IS 'Number of targets that were split';
COMMENT ON COLUMN @extschema@.split_log.n_created IS 'Number of targets that were made';
COMMENT ON COLUMN @extschema@.split_log.in_force IS 'Does a target of it still exist?';
COMMENT ON COLUMN @extschema@.split_log.called_by IS 'Role that called';
COMMENT ON COLUMN @extschema@.split_log.called_at IS 'When';
COMMENT ON COLUMN @extschema@.split_log.reason IS 'Why, as the setting target_split.reason said';

-- Recomputed from the rows, never from what was recorded about them.
CREATE VIEW @extschema@.plan_check WITH (security_invoker = true) AS
WITH RECURSIVE node AS (
	SELECT t.*, pm.quantum, c.n AS n_found, c.amount AS child_amount,
		   c.first_level, c.last_level, CASE WHEN c.first_split = t.split_id AND c.last_split = t.split_id THEN c.weight END AS child_weight,
		   p.period AS plan_period, p.calendar_id,
		   pt.target_id AS found_parent, pt.period AS parent_period, pt.slice AS parent_slice,
		   pt.depth AS parent_depth, pt.metric_id AS parent_metric,
		   d.name AS edge_dimension, d.dimension_id AS edge_dimension_id, dl.name AS edge_level,
		   mb.slice_value AS edge_value, mb.member_id AS found_member
	FROM @extschema@.target t
	LEFT JOIN @extschema@.plan_metric pm ON pm.plan_id = t.plan_id AND pm.metric_id = t.metric_id
	LEFT JOIN @extschema@.target pt ON pt.plan_id = t.plan_id AND pt.target_id = t.parent_id
	LEFT JOIN @extschema@.member mb ON mb.member_id = t.member_id
	LEFT JOIN @extschema@.dimension d ON d.dimension_id = mb.dimension_id
	LEFT JOIN @extschema@.dimension_level dl ON dl.dimension_id = mb.dimension_id AND dl.depth = mb.depth
	LEFT JOIN @extschema@.plan p ON p.plan_id = t.plan_id
	LEFT JOIN (SELECT k.plan_id, k.parent_id, pg_catalog.count(*) AS n, pg_catalog.sum(k.amount) AS amount,
					  pg_catalog.min(k.level COLLATE "C") AS first_level, pg_catalog.max(k.level COLLATE "C") AS last_level,
					  pg_catalog.min(k.split_id) AS first_split, pg_catalog.max(k.split_id) AS last_split, pg_catalog.sum(k.weight) AS weight
			   FROM @extschema@.target k WHERE k.parent_id IS NOT NULL
			   GROUP BY k.plan_id, k.parent_id) c ON c.plan_id = t.plan_id AND c.parent_id = t.target_id
), above AS (
	-- members and those above them, with the days on which that holds; one
	-- that another was merged into is below the other's parent as well
	(SELECT mp.member_id, mp.parent_id AS ancestor_id, mp.days AS valid
	 FROM @extschema@.member_above mp
	 UNION
	 SELECT ma.member_id, ma.parent_id, ma.valid
	 FROM @extschema@.member_alias ma WHERE ma.parent_id IS NOT NULL)
	UNION
	SELECT a.member_id, mp.parent_id, a.valid * mp.days
	FROM above a
	JOIN @extschema@.member_above mp ON mp.member_id = a.ancestor_id AND mp.days && a.valid
), changed AS (
	-- splits of which a target was changed, moved, merged or deleted since
	SELECT t.plan_id, t.split_id
	FROM @extschema@.revision r
	JOIN @extschema@.target t ON t.plan_id = r.plan_id AND t.target_id = r.target_id
	JOIN @extschema@.split s ON s.plan_id = t.plan_id AND s.split_id = t.split_id
	WHERE r.revision_id > s.after_revision AND r.split_id IS DISTINCT FROM t.split_id
	UNION
	SELECT r.plan_id, (r.old_row ->> 'split_id')::bigint
	FROM @extschema@.revision r WHERE r.old_row IS NOT NULL
), sibling AS (
	SELECT t.plan_id, t.metric_id, t.target_id, t.parent_id, t.period,
		   pg_catalog.lag(pg_catalog.upper(t.period)) OVER s AS previous_end,
		   pg_catalog.row_number() OVER s AS n,
		   pg_catalog.lead(t.target_id) OVER s AS next_id
	FROM @extschema@.target t
	WHERE t.member_id = 0 AND t.parent_id IS NOT NULL
	WINDOW s AS (PARTITION BY t.plan_id, t.parent_id ORDER BY pg_catalog.lower(t.period))
), block AS (
	-- what one split made under one target, with the shares it made; a block
	-- in which a number was changed since is no longer the split's
	SELECT t.plan_id, t.split_id, t.parent_id AS anchor_id, pg_catalog.sum(t.weight) AS weight, pg_catalog.sum(t.amount) AS amount
	FROM @extschema@.target t
	JOIN @extschema@.target pt ON pt.plan_id = t.plan_id AND pt.target_id = t.parent_id
	WHERE t.split_id IS NOT NULL AND pt.split_id IS DISTINCT FROM t.split_id
	  AND NOT EXISTS (SELECT FROM changed x WHERE x.plan_id = t.plan_id AND x.split_id = t.split_id)
	GROUP BY t.plan_id, t.split_id, t.parent_id
), fair AS (
	SELECT t.plan_id, t.metric_id, t.target_id, t.split_id, t.level, t.member_id, t.period, t.amount, t.weight,
		   b.weight AS block_weight, b.amount AS block_amount
	FROM block b
	JOIN @extschema@.target t ON t.plan_id = b.plan_id AND t.parent_id = b.anchor_id AND t.split_id = b.split_id
	UNION ALL
	SELECT t.plan_id, t.metric_id, t.target_id, t.split_id, t.level, t.member_id, t.period, t.amount, t.weight,
		   f.block_weight, f.block_amount
	FROM fair f
	JOIN @extschema@.target t ON t.plan_id = f.plan_id AND t.parent_id = f.target_id AND t.split_id = f.split_id
), asked AS (
	-- what is asked to be fair, with the unit it is rounded to.  What bounds or another system's residual
	-- decided is not.
	SELECT f.*, pm.quantum, COALESCE((s.arguments ->> 'quantum')::numeric, pm.quantum) AS unit
	FROM fair f
	JOIN @extschema@.plan_metric pm ON pm.plan_id = f.plan_id AND pm.metric_id = f.metric_id
	JOIN @extschema@.split s ON s.plan_id = f.plan_id AND s.split_id = f.split_id
	WHERE NOT s.arguments ?| '{bounds,bounds_from,residual}'
	  AND NOT s.fallbacks ?| '{held: locked,held: adjusted,held: not made by it,held: bounds}'
), over_slices AS (
	-- a period's total over all slices of a split, in units, and its exact share in 10^-20 of a unit (whole
	-- numbers: no quotient is rounded, and each lacks less than one)
	SELECT a.plan_id, a.metric_id, a.split_id, a.level, a.period, a.unit, pg_catalog.min(a.target_id) AS target_id,
		   pg_catalog.count(*) AS n, pg_catalog.sum(pg_catalog.div(a.amount, a.unit)) AS units,
		   pg_catalog.sum(CASE WHEN a.block_weight > 0
							   THEN pg_catalog.div(pg_catalog.div(a.block_amount, a.unit) * a.weight * 100000000000000000000, a.block_weight)
							   ELSE pg_catalog.div(a.amount, a.unit) * 100000000000000000000 END) AS share
	FROM asked a
	WHERE a.member_id = 0
	  -- where a part was split again the rest is not all slices
	  AND NOT EXISTS (SELECT FROM @extschema@.split s WHERE s.plan_id = a.plan_id AND s.replaces = a.split_id)
	GROUP BY a.plan_id, a.metric_id, a.split_id, a.level, a.period, a.unit
	HAVING pg_catalog.count(*) > 1 AND pg_catalog.bool_and(pg_catalog.mod(a.block_amount, a.unit) = 0)
), broken AS (
	SELECT n.plan_id, n.metric_id, n.target_id, 'sum'::text AS promise,
		   pg_catalog.format('is %s, its %s children add up to %s', n.amount, n.n_found, n.child_amount) AS problem
	FROM node n WHERE n.child_amount IS DISTINCT FROM n.amount AND n.n_found > 0
	UNION ALL
	SELECT n.plan_id, n.metric_id, n.target_id, 'counter',
		   pg_catalog.format('counts %s children, has %s', n.n_children, COALESCE(n.n_found, 0))
	FROM node n WHERE n.n_children <> COALESCE(n.n_found, 0)
	UNION ALL
	SELECT n.plan_id, n.metric_id, n.target_id, 'parent', pg_catalog.format('has no parent %s', n.parent_id)
	FROM node n WHERE n.parent_id IS NOT NULL AND n.found_parent IS NULL
	UNION ALL
	SELECT n.plan_id, n.metric_id, n.target_id, 'depth',
		   pg_catalog.format('has depth %s below depth %s', n.depth, n.parent_depth)
	FROM node n WHERE n.depth <> n.parent_depth + 1
	UNION ALL
	SELECT n.plan_id, n.metric_id, n.target_id, 'metric', 'is of another metric than its parent'
	FROM node n WHERE n.metric_id <> n.parent_metric
	UNION ALL
	SELECT n.plan_id, n.metric_id, n.target_id, 'quantum',
		   pg_catalog.format('is %s, not a multiple of %s', n.amount, n.quantum)
	FROM node n WHERE n.quantum IS NULL OR pg_catalog.mod(n.amount, n.quantum) <> 0
	UNION ALL
	SELECT n.plan_id, n.metric_id, n.target_id, 'member', pg_catalog.format('is for member %s, which does not exist', n.member_id)
	FROM node n WHERE n.member_id <> 0 AND n.found_member IS NULL
	UNION ALL
	-- A split takes the tree of members of its target's days, which are from the plan's first day to the
	-- target's own last
	SELECT n.plan_id, n.metric_id, n.target_id, 'member',
		   pg_catalog.format('is for %s of %s, which is not below %s', n.edge_value, n.edge_dimension, am.slice_value)
	FROM node n
	JOIN @extschema@.member am ON am.dimension_id = n.edge_dimension_id AND am.slice_value = n.parent_slice -> n.edge_dimension
	WHERE NOT EXISTS (SELECT FROM above a
					  WHERE a.member_id = n.member_id AND a.ancestor_id = am.member_id
						AND a.valid && pg_catalog.daterange(LEAST(pg_catalog.lower(n.plan_period), pg_catalog.lower(n.period)),
															pg_catalog.upper(n.period)))
	UNION ALL
	SELECT n.plan_id, n.metric_id, n.target_id, 'level',
		   CASE WHEN n.parent_id IS NULL THEN pg_catalog.format('has level "%s", an overall target has "total"', n.level)
				WHEN n.member_id = 0 THEN pg_catalog.format('has level "%s", which is no grain', n.level)
				ELSE pg_catalog.format('has level "%s", its member is of level "%s"', n.level, n.edge_level) END
	FROM node n
	WHERE CASE WHEN n.parent_id IS NULL THEN n.level <> 'total'
			   WHEN n.member_id = 0 THEN n.level NOT IN ('year', 'half', 'quarter', 'month', 'week', 'day')
			   ELSE n.level <> n.edge_level END
	UNION ALL
	-- the names of levels and grains are one namespace: one name is one dimension and level, or time
	SELECT n.plan_id, n.metric_id, n.target_id, 'siblings',
		   pg_catalog.format('has children of level "%s" and of level "%s"', n.first_level, n.last_level)
	FROM node n WHERE n.first_level <> n.last_level
	UNION ALL
	SELECT n.plan_id, n.metric_id, n.target_id, 'weight',
		   pg_catalog.format('has weight %s, its children add up to %s', n.weight, n.child_weight)
	FROM node n
	WHERE n.weight <> n.child_weight
	  -- parts that were merged, moved or taken away since have left their weights behind
	  AND NOT EXISTS (SELECT FROM changed x WHERE x.plan_id = n.plan_id AND x.split_id = n.split_id)
	UNION ALL
	SELECT n.plan_id, n.metric_id, n.target_id, 'period', pg_catalog.format('is for %s, its plan for %s', n.period, n.plan_period)
	FROM node n WHERE n.parent_id IS NULL AND n.period <> n.plan_period
	UNION ALL
	SELECT n.plan_id, n.metric_id, n.target_id, 'slice', pg_catalog.format('has slice %s, an overall target has {}', n.slice)
	FROM node n WHERE n.parent_id IS NULL AND n.slice <> '{}'
	UNION ALL
	SELECT n.plan_id, n.metric_id, n.target_id, 'slice',
		   pg_catalog.format('has slice %s below %s', n.slice, n.parent_slice)
	FROM node n
	WHERE n.found_parent IS NOT NULL
	  AND n.slice <> CASE WHEN n.member_id = 0 THEN n.parent_slice
						  ELSE n.parent_slice || pg_catalog.jsonb_build_object(COALESCE(n.edge_dimension, ''), n.edge_value) END
	UNION ALL
	SELECT n.plan_id, n.metric_id, n.target_id, 'period',
		   pg_catalog.format('is for %s below %s', n.period, n.parent_period)
	FROM node n
	WHERE n.found_parent IS NOT NULL
	  AND (NOT n.period <@ n.parent_period OR (n.member_id <> 0 AND n.period <> n.parent_period))
	UNION ALL
	SELECT n.plan_id, n.metric_id, n.target_id, 'period',
		   pg_catalog.format('is for %s, which is no %s of its plan''s calendar', n.period, n.level)
	FROM node n
	WHERE n.member_id = 0 AND n.found_parent IS NOT NULL AND n.level IN ('year', 'half', 'quarter', 'month', 'week', 'day')
	  AND n.period IS DISTINCT FROM @extschema@.period_of(n.level, pg_catalog.lower(n.period), n.calendar_id) * n.parent_period
	UNION ALL
	SELECT s.plan_id, s.metric_id, s.target_id, 'period',
		   pg_catalog.format('starts on %s, the period before it ends before %s', pg_catalog.lower(s.period), s.previous_end)
	FROM sibling s WHERE s.n > 1 AND s.previous_end <> pg_catalog.lower(s.period)
	UNION ALL
	SELECT s.plan_id, s.metric_id, s.parent_id, 'period',
		   CASE WHEN s.n = 1 AND s.next_id IS NULL THEN pg_catalog.format('is for %s, its only part for %s', pt.period, s.period)
				WHEN s.n = 1 THEN pg_catalog.format('is for %s, its parts start on %s', pt.period, pg_catalog.lower(s.period))
				ELSE pg_catalog.format('is for %s, its parts end before %s', pt.period, pg_catalog.upper(s.period)) END
	FROM sibling s JOIN @extschema@.target pt ON pt.plan_id = s.plan_id AND pt.target_id = s.parent_id
	WHERE (s.n = 1 AND pg_catalog.lower(s.period) <> pg_catalog.lower(pt.period))
	   OR (s.next_id IS NULL AND pg_catalog.upper(s.period) <> pg_catalog.upper(pt.period))
	UNION ALL
	SELECT n.plan_id, n.metric_id, n.target_id, 'split', pg_catalog.format('was made by split %s, which is not recorded', n.split_id)
	FROM node n
	WHERE n.split_id IS NOT NULL
	  AND NOT EXISTS (SELECT FROM @extschema@.split s WHERE s.plan_id = n.plan_id AND s.split_id = n.split_id)
	UNION ALL
	SELECT n.plan_id, n.metric_id, n.target_id, 'bounds',
		   pg_catalog.format('is %s, not between %s and %s', n.amount, COALESCE(n.at_least::text, '...'), COALESCE(n.at_most::text, '...'))
	FROM node n WHERE n.amount < n.at_least OR n.amount > n.at_most
	UNION ALL
	-- floor or ceiling of the exact share in the call's quantum: less than one unit away, compared
	-- without a division
	SELECT f.plan_id, f.metric_id, f.target_id, 'fair',
		   pg_catalog.format('is %s, its exact share is %s', f.amount,
							 pg_catalog.round(f.block_amount * f.weight / f.block_weight, pg_catalog.scale(f.quantum) + 4))
	FROM asked f
	WHERE f.block_weight > 0
	  AND pg_catalog.abs(f.amount * f.block_weight - f.block_amount * f.weight) >= f.unit * f.block_weight
	UNION ALL
	SELECT o.plan_id, o.metric_id, o.target_id, 'fair',
		   pg_catalog.format('is one of %s for the %s %s in split %s, which add up to %s, their exact share is %s', o.n, o.level, o.period,
							 o.split_id, o.units * o.unit,
							 pg_catalog.round(o.share * o.unit / 100000000000000000000, pg_catalog.scale(o.unit) + 4))
	FROM over_slices o
	WHERE pg_catalog.abs(o.units * 100000000000000000000 - o.share) >= 100000000000000000000 - o.n
)
SELECT p.family || CASE WHEN p.is_current THEN '' ELSE '#' || p.version END AS plan,
	   p.family AS plan_family, p.version AS plan_version, p.is_current,
	   m.name AS metric, b.target_id, b.promise,
	   pg_catalog.format('target %s %s', b.target_id, b.problem) AS problem
FROM broken b
LEFT JOIN @extschema@.plan p ON p.plan_id = b.plan_id
LEFT JOIN @extschema@.metric m ON m.metric_id = b.metric_id;
COMMENT ON VIEW @extschema@.plan_check IS 'A row is a broken promise; empty when all is well';
COMMENT ON COLUMN @extschema@.plan_check.plan IS 'Plan as calls name it';
COMMENT ON COLUMN @extschema@.plan_check.plan_family IS 'Plan family';
COMMENT ON COLUMN @extschema@.plan_check.plan_version IS 'Version within the family';
COMMENT ON COLUMN @extschema@.plan_check.is_current IS 'Is this the current version?';
COMMENT ON COLUMN @extschema@.plan_check.metric IS 'Metric';
COMMENT ON COLUMN @extschema@.plan_check.target_id IS 'Target';
COMMENT ON COLUMN @extschema@.plan_check.promise IS 'What is broken: sum, counter, parent, depth, metric, quantum, member, level, siblings, weight, slice, period, split or fair';
COMMENT ON COLUMN @extschema@.plan_check.problem IS 'In words, amounts in the metric''s unit';

CREATE FUNCTION @extschema@.create_flat_view(plan text, view_name text DEFAULT NULL)
RETURNS regclass
LANGUAGE c VOLATILE
AS 'MODULE_PATHNAME', 'target_split_create_flat_view';
COMMENT ON FUNCTION @extschema@.create_flat_view(text, text) IS
'Creates, in the caller''s current schema, a view of a plan''s targets without children, with one text column per dimension and level; a level that is named like one of the view''s own columns gets the prefix level_';
