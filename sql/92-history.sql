-- The life of every number: when a target was made, and every change of it
-- until it was removed.

-- Revisions say what was before.  What came after is the next revision's
-- before, or the target as it is: a revision without a whole row changed the
-- amount alone.  A target's making is no revision; its amount was that of the
-- first one after it.
--
-- Everything hangs on the plan by the key of its table, so that a filter on
-- the target or on the plan reads no more than it asks for.  Removals are told
-- by what they left, nothing: the operation would lead the planner to the index
-- of all removals of the plan.
CREATE VIEW @extschema@.target_history WITH (security_invoker = true) AS
SELECT p.family || CASE WHEN p.is_current THEN '' ELSE '#' || p.version END AS plan,
	   p.family AS plan_family, p.version AS plan_version, p.is_current,
	   m.name AS metric, m.unit,
	   h.target_id, w.level, w.slice, w.period,
	   pg_catalog.lower(w.period) AS period_start, pg_catalog.upper(w.period) - 1 AS period_end,
	   @extschema@.period_within('year', w.period, p.calendar_id) AS fiscal_year,
	   @extschema@.period_within('half', w.period, p.calendar_id) AS fiscal_half,
	   @extschema@.period_within('quarter', w.period, p.calendar_id) AS fiscal_quarter,
	   @extschema@.period_within('month', w.period, p.calendar_id) AS month,
	   @extschema@.period_within('week', w.period, p.calendar_id) AS week,
	   h.change_order,
	   CASE WHEN h.event IS NOT NULL THEN h.event
			WHEN h.old_row IS NULL THEN 'changed'
			-- of another split now, and that is all: a re-split left the number as it was
			ELSE COALESCE(NULLIF(pg_catalog.concat_ws(', ',
					CASE WHEN h.amount_after <> h.amount_before THEN 'changed' END,
					CASE WHEN h.old_row -> 'parent_id' <> n.new_row -> 'parent_id' THEN 'moved' END,
					CASE WHEN h.old_row -> 'slice' <> n.new_row -> 'slice' OR h.old_row -> 'member_id' <> n.new_row -> 'member_id' THEN 'renamed' END,
					CASE WHEN (h.old_row ->> 'period')::daterange <> (n.new_row ->> 'period')::daterange THEN 'period changed' END,
					CASE WHEN h.old_row -> 'at_least' <> n.new_row -> 'at_least' OR h.old_row -> 'at_most' <> n.new_row -> 'at_most'
						   OR h.old_row -> 'floor_amount' <> n.new_row -> 'floor_amount'
						   OR h.old_row -> 'stretch_amount' <> n.new_row -> 'stretch_amount' THEN 'bounds changed' END,
					CASE WHEN h.old_row -> 'over_assignment' <> n.new_row -> 'over_assignment' THEN 'over-assigned' END,
					CASE WHEN h.old_row -> 'weight' <> n.new_row -> 'weight' OR h.old_row -> 'fallback' <> n.new_row -> 'fallback' THEN 'weight changed' END,
					CASE WHEN h.old_row -> 'adjusted' <> n.new_row -> 'adjusted'
						 THEN CASE WHEN (n.new_row -> 'adjusted')::boolean THEN 'adjusted' ELSE 'adjustment dropped' END END,
					CASE WHEN h.old_row -> 'locked' <> n.new_row -> 'locked'
						 THEN CASE WHEN (n.new_row -> 'locked')::boolean THEN 'locked' ELSE 'unlocked' END END), ''), 'split again') END AS event,
	   h.amount_before, h.amount_after,
	   COALESCE(h.amount_after, 0) - COALESCE(h.amount_before, 0) AS difference,
	   CASE WHEN n.new_row IS NOT NULL
			THEN (SELECT pg_catalog.string_agg(pg_catalog.format('%s %s -> %s', k.name, COALESCE(h.old_row ->> k.name, 'none'),
																	   COALESCE(n.new_row ->> k.name, 'none')), ', ' ORDER BY k.place)
				  FROM ROWS FROM (pg_catalog.unnest('{parent_id,slice,period,at_least,at_most,floor_amount,stretch_amount,over_assignment,weight,fallback}'::text[]))
					   WITH ORDINALITY k (name, place)
				  WHERE CASE WHEN k.name = 'period' THEN (h.old_row ->> 'period')::daterange <> (n.new_row ->> 'period')::daterange
							 ELSE h.old_row -> k.name <> n.new_row -> k.name END) END AS detail,
	   h.changed_by, h.changed_at, h.reason, h.split_id, h.method, h.revision_id
FROM @extschema@.plan p
CROSS JOIN LATERAL (
	SELECT r.target_id, 2 * r.revision_id AS change_order, CASE WHEN r.amount_after IS NULL THEN 'removed' END AS event,
		   r.amount_before, r.amount_after, r.old_row, r.changed_by, r.changed_at, r.reason, r.split_id, s.method, r.revision_id
	FROM @extschema@.revision r
	LEFT JOIN @extschema@.split s ON s.plan_id = r.plan_id AND s.split_id = r.split_id
	WHERE r.plan_id = p.plan_id
	UNION ALL
	-- the makings: of targets that are there, and of those that a revision removed;
	-- after a removal it was brought back
	SELECT l.target_id, 2 * COALESCE(b.revision_id, 0) + 1,
		   CASE WHEN b.revision_id IS NOT NULL THEN 'restored' WHEN l.parent_id IS NULL THEN 'set' ELSE 'made' END,
		   NULL,
		   COALESCE((SELECT r.amount_before FROM @extschema@.revision r
					 WHERE r.plan_id = p.plan_id AND r.target_id = l.target_id AND r.revision_id > COALESCE(b.revision_id, 0)
					 ORDER BY r.revision_id LIMIT 1), l.amount),
		   NULL,
		   CASE WHEN b.revision_id IS NULL THEN s.called_by END, CASE WHEN b.revision_id IS NULL THEN s.called_at END,
		   CASE WHEN b.revision_id IS NULL THEN s.reason END, s.split_id, s.method, NULL
	FROM (SELECT t.target_id, t.parent_id, t.split_id, t.amount, NULL::bigint AS removed_by
		  FROM @extschema@.target t
		  WHERE t.plan_id = p.plan_id
		  UNION ALL
		  SELECT r.target_id, (r.old_row ->> 'parent_id')::bigint, (r.old_row ->> 'split_id')::bigint, r.amount_before, r.revision_id
		  FROM @extschema@.revision r
		  WHERE r.plan_id = p.plan_id AND r.amount_after IS NULL) l
	LEFT JOIN LATERAL (SELECT r.revision_id FROM @extschema@.revision r
					   WHERE r.plan_id = p.plan_id AND r.target_id = l.target_id AND r.amount_after IS NULL
						 AND (r.revision_id < l.removed_by OR l.removed_by IS NULL)
					   ORDER BY r.revision_id DESC LIMIT 1) b ON true
	LEFT JOIN @extschema@.split a ON a.plan_id = p.plan_id AND a.split_id = l.split_id
	-- splits that only shared it anew are in the way to the one that made it
	LEFT JOIN @extschema@.split s
		ON s.plan_id = p.plan_id
	   AND s.split_id = CASE WHEN a.made IS NULL THEN a.split_id ELSE
			(WITH RECURSIVE way AS (
				SELECT a.split_id, a.replaces, l.target_id = ANY (a.made) AS is_maker
				UNION ALL
				SELECT f.split_id, f.replaces, f.made IS NULL OR l.target_id = ANY (f.made)
				FROM way JOIN @extschema@.split f ON f.plan_id = p.plan_id AND f.split_id = way.replaces
				WHERE NOT way.is_maker)
			 SELECT way.split_id FROM way WHERE way.is_maker) END) h
LEFT JOIN @extschema@.target t ON t.plan_id = p.plan_id AND t.target_id = h.target_id
-- where it is, or was when it was removed
CROSS JOIN LATERAL (SELECT t.metric_id, t.level, t.slice, t.period WHERE t.target_id IS NOT NULL
					UNION ALL
					(SELECT o.metric_id, o.level, o.slice, o.period
					 FROM @extschema@.revision r
					 CROSS JOIN LATERAL pg_catalog.jsonb_populate_record(NULL::@extschema@.target, r.old_row) o
					 WHERE r.plan_id = p.plan_id AND r.target_id = h.target_id AND r.amount_after IS NULL AND t.target_id IS NULL
					 ORDER BY r.revision_id DESC LIMIT 1)) w
JOIN @extschema@.metric m ON m.metric_id = w.metric_id
LEFT JOIN LATERAL (SELECT COALESCE((SELECT r.old_row FROM @extschema@.revision r
									WHERE r.plan_id = p.plan_id AND r.target_id = h.target_id AND r.revision_id > h.revision_id
									  AND r.old_row IS NOT NULL
									ORDER BY r.revision_id LIMIT 1), pg_catalog.to_jsonb(t)) AS new_row
				   WHERE h.old_row IS NOT NULL AND h.event IS NULL) n ON true;
COMMENT ON VIEW @extschema@.target_history IS 'The life of every number: a row is one change of a target, its making or its removal; of one target in the order of change_order';
COMMENT ON COLUMN @extschema@.target_history.plan IS 'Plan as calls name it';
COMMENT ON COLUMN @extschema@.target_history.plan_family IS 'Plan family';
COMMENT ON COLUMN @extschema@.target_history.plan_version IS 'Version within the family';
COMMENT ON COLUMN @extschema@.target_history.is_current IS 'Is this the current version?';
COMMENT ON COLUMN @extschema@.target_history.metric IS 'Metric';
COMMENT ON COLUMN @extschema@.target_history.unit IS 'Unit of the amounts';
COMMENT ON COLUMN @extschema@.target_history.target_id IS 'Target, which may be there no more';
COMMENT ON COLUMN @extschema@.target_history.level IS 'Level or grain that sets it apart from its siblings';
COMMENT ON COLUMN @extschema@.target_history.slice IS 'What it is for: dimension -> member, as it is called now, or was when it was removed';
COMMENT ON COLUMN @extschema@.target_history.period IS 'Days it is for';
COMMENT ON COLUMN @extschema@.target_history.period_start IS 'First day';
COMMENT ON COLUMN @extschema@.target_history.period_end IS 'Last day, inclusive';
COMMENT ON COLUMN @extschema@.target_history.fiscal_year IS 'Fiscal year by the plan''s calendar; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.target_history.fiscal_half IS 'Half year by the plan''s calendar; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.target_history.fiscal_quarter IS 'Quarter by the plan''s calendar; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.target_history.month IS 'Month by the plan''s calendar; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.target_history.week IS 'Whole week that it is in, which a month end may cut in two targets; NULL where it is for more than one';
COMMENT ON COLUMN @extschema@.target_history.change_order IS 'Order of the changes of one target, with gaps';
COMMENT ON COLUMN @extschema@.target_history.event IS 'What happened: set (an overall target), made (any other), changed (the amount), moved (to another parent), renamed (its slice), period changed, bounds changed, over-assigned, weight changed, adjusted (set by hand: resplit_target keeps it), adjustment dropped, locked, unlocked, split again (a re-split left it as it was), removed or restored (what had been removed); several at once with commas';
COMMENT ON COLUMN @extschema@.target_history.amount_before IS 'Amount before, in the unit; NULL where it was made';
COMMENT ON COLUMN @extschema@.target_history.amount_after IS 'Amount after, in the unit; NULL where it was removed';
COMMENT ON COLUMN @extschema@.target_history.difference IS 'After less before, in the unit, where no amount counts as 0: all of a target add up to what it is';
COMMENT ON COLUMN @extschema@.target_history.detail IS 'What else than amount and lock changed, before -> after; NULL for nothing';
COMMENT ON COLUMN @extschema@.target_history.changed_by IS 'Role that did it; NULL where nobody recorded it: a target that no split made, or that was restored';
COMMENT ON COLUMN @extschema@.target_history.changed_at IS 'Start of the transaction that did it; NULL where nobody recorded it';
COMMENT ON COLUMN @extschema@.target_history.reason IS 'Why, as the call or the setting target_split.reason said';
COMMENT ON COLUMN @extschema@.target_history.split_id IS 'Call in split_log that did it; of one that was restored, the call that had made it';
COMMENT ON COLUMN @extschema@.target_history.method IS 'Method of that call';
COMMENT ON COLUMN @extschema@.target_history.revision_id IS 'Row of revision; NULL for a making';
