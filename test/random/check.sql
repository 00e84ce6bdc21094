-- The promises, in plain SQL on the tables, with nothing of the extension's own
-- code but plan_check and target_history, which are checked along.
SET search_path = public, target_split;

CREATE TABLE random.before AS SELECT * FROM target WITH NO DATA;
CREATE UNIQUE INDEX ON random.before (target_id);
CREATE TABLE random.mark (revision_id bigint NOT NULL, split_id bigint NOT NULL);

-- What there is before two sessions begin.
CREATE FUNCTION random.remember() RETURNS void LANGUAGE sql AS $$
	DELETE FROM random.before;
	INSERT INTO random.before SELECT * FROM target;
	DELETE FROM random.mark;
	INSERT INTO random.mark SELECT COALESCE((SELECT max(revision_id) FROM revision), 0), COALESCE((SELECT max(split_id) FROM split), 0);
$$;

-- The revisions since then, each with the lock that the target had before and after it.
CREATE VIEW random.revised AS
WITH since AS (
	SELECT r.* FROM revision r WHERE r.revision_id > (SELECT m.revision_id FROM random.mark m)
)
SELECT s.*,
	   -- between two old rows a lock does not change
	   COALESCE((s.old_row ->> 'locked')::boolean, n.locked, t.locked) AS locked_before,
	   CASE WHEN s.operation = 'update' THEN COALESCE(n.locked, t.locked) END AS locked_after,
	   lag(s.amount_after) OVER w AS previous, lag(s.revision_id) OVER w IS NULL AS is_first, lead(s.revision_id) OVER w IS NULL AS is_last,
	   lag(s.operation) OVER w IS NOT DISTINCT FROM 'delete' AS is_restored
FROM since s
LEFT JOIN target t USING (plan_id, target_id)
LEFT JOIN LATERAL (SELECT (n.old_row ->> 'locked')::boolean AS locked FROM since n
				   WHERE n.target_id = s.target_id AND n.revision_id > s.revision_id AND n.old_row IS NOT NULL
				   ORDER BY n.revision_id LIMIT 1) n ON true
WINDOW w AS (PARTITION BY s.target_id ORDER BY s.revision_id);

-- What a revision keeps of a row.
CREATE FUNCTION random.kept(t target) RETURNS jsonb LANGUAGE sql STABLE AS $$
	SELECT to_jsonb(t) - '{amount,n_children,depth,level,split_id,lineage_id,root_metric_id}'::text[]
$$;

CREATE FUNCTION random.problems() RETURNS TABLE (promise text, id bigint, problem text) LANGUAGE sql STABLE AS $$
	WITH child AS MATERIALIZED (
		SELECT k.plan_id, k.parent_id AS target_id, sum(k.amount) AS amount, count(*) AS n, min(k.depth) AS least_depth, max(k.depth) AS most_depth,
			   count(DISTINCT k.metric_id) AS n_metrics
		FROM target k WHERE k.parent_id IS NOT NULL GROUP BY 1, 2
	), revised AS MATERIALIZED (
		SELECT * FROM random.revised
	)
	-- the tree
	SELECT 'sum', t.target_id, format('is %s, its %s children add up to %s', t.amount, c.n, c.amount)
	FROM target t JOIN child c USING (plan_id, target_id) WHERE c.amount <> t.amount
	UNION ALL
	SELECT 'counter', t.target_id, format('counts %s children, has %s', t.n_children, COALESCE(c.n, 0))
	FROM target t LEFT JOIN child c USING (plan_id, target_id) WHERE t.n_children <> COALESCE(c.n, 0)
	UNION ALL
	SELECT 'tree', c.target_id, 'has children and is not there' FROM child c LEFT JOIN target t USING (plan_id, target_id) WHERE t.target_id IS NULL
	UNION ALL
	SELECT 'tree', t.target_id, 'has children of another depth or metric' FROM child c JOIN target t USING (plan_id, target_id)
	WHERE c.least_depth <> t.depth + 1 OR c.most_depth <> t.depth + 1 OR c.n_metrics <> 1
	UNION ALL
	SELECT 'tree', min(t.target_id), format('%s overall targets of one plan and metric', count(*))
	FROM target t WHERE t.parent_id IS NULL GROUP BY t.plan_id, t.metric_id HAVING count(*) <> 1
	UNION ALL
	SELECT 'quantum', t.target_id, format('is %s, not a multiple of %s', t.amount, m.quantum)
	FROM target t JOIN plan_metric m USING (plan_id, metric_id) WHERE mod(t.amount, m.quantum) <> 0
	-- locks
	UNION ALL
	SELECT 'lock', r.target_id, format('changed from %s to %s while it was locked, by revision %s', r.amount_before, COALESCE(r.amount_after::text, 'nothing'), r.revision_id)
	FROM revised r WHERE r.locked_before AND r.amount_after IS DISTINCT FROM r.amount_before
	UNION ALL
	SELECT 'lock', b.target_id, format('was locked at %s, nobody unlocked it, and it is %s', b.amount, COALESCE(t.amount::text, 'gone'))
	FROM random.before b LEFT JOIN target t USING (plan_id, target_id)
	WHERE b.locked AND (t.amount IS DISTINCT FROM b.amount OR t.parent_id IS DISTINCT FROM b.parent_id OR t.locked IS DISTINCT FROM true)
	  AND NOT EXISTS (SELECT FROM revised r WHERE r.target_id = b.target_id AND r.locked_before AND NOT r.locked_after)
	-- revisions
	UNION ALL
	SELECT 'revision', r.target_id, format('revision %s has %s before, the one before it %s after', r.revision_id, r.amount_before, r.previous)
	FROM revised r WHERE NOT r.is_first AND r.amount_before IS DISTINCT FROM r.previous AND NOT r.is_restored
	UNION ALL
	SELECT 'revision', r.target_id, format('the first revision has %s before, it was %s', r.amount_before, b.amount)
	FROM revised r JOIN random.before b USING (plan_id, target_id) WHERE r.is_first AND r.amount_before <> b.amount
	UNION ALL
	SELECT 'revision', r.target_id, format('the last revision has %s after, it is %s', COALESCE(r.amount_after::text, 'nothing'), COALESCE(t.amount::text, 'gone'))
	FROM revised r LEFT JOIN target t USING (plan_id, target_id)
	WHERE r.is_last AND r.amount_after IS DISTINCT FROM t.amount
	  -- undo_split brings back what a call removed as it was before the call
	  AND NOT (r.operation = 'delete'
			   AND t.amount IS NOT DISTINCT FROM (SELECT x.amount_before FROM revised x WHERE x.target_id = r.target_id AND x.split_id = r.split_id
												  ORDER BY x.revision_id LIMIT 1))
	UNION ALL
	SELECT 'revision', b.target_id, format('was %s and is %s, without a revision', b.amount, COALESCE(t.amount::text, 'gone'))
	FROM random.before b LEFT JOIN target t USING (plan_id, target_id)
	WHERE t.amount IS DISTINCT FROM b.amount AND NOT EXISTS (SELECT FROM revised r WHERE r.target_id = b.target_id)
	UNION ALL
	SELECT 'revision', r.target_id, format('revision %s keeps an old row of amount %s, the amount before was %s', r.revision_id, r.old_row ->> 'amount', r.amount_before)
	FROM revised r WHERE (r.old_row ->> 'amount')::numeric <> r.amount_before OR (r.operation = 'delete' AND r.old_row IS NULL)
	UNION ALL
	SELECT 'revision', b.target_id, format('the first old row is not what it was: %s, %s', f.old_row, to_jsonb(b))
	FROM random.before b
	JOIN LATERAL (SELECT r.old_row FROM revised r WHERE r.target_id = b.target_id AND r.old_row IS NOT NULL ORDER BY r.revision_id LIMIT 1) f ON true
	WHERE f.old_row - '{amount,n_children,depth,level,split_id,lineage_id,root_metric_id}'::text[]
		  <> to_jsonb(b) - '{amount,n_children,depth,level,split_id,lineage_id,root_metric_id}'::text[]
	UNION ALL
	SELECT 'revision', b.target_id, format('other than its amount changed without an old row: %s, %s', to_jsonb(b), to_jsonb(t))
	FROM random.before b JOIN target t USING (plan_id, target_id)
	WHERE random.kept(t) <> to_jsonb(b) - '{amount,n_children,depth,level,split_id,lineage_id,root_metric_id}'::text[]
	  AND NOT EXISTS (SELECT FROM revised r WHERE r.target_id = b.target_id AND r.old_row IS NOT NULL)
	UNION ALL
	SELECT 'revision', r.target_id, format('revision %s changed nothing', r.revision_id)
	FROM revised r WHERE r.amount_after = r.amount_before AND r.old_row IS NULL
	-- what is new was made by a call, which is recorded
	UNION ALL
	SELECT 'split', t.target_id, format('was made, and split %s is not recorded or not new', COALESCE(t.split_id::text, 'none'))
	FROM target t LEFT JOIN random.before b USING (plan_id, target_id) LEFT JOIN split s ON s.plan_id = t.plan_id AND s.split_id = t.split_id
	WHERE b.target_id IS NULL
	  AND (s.split_id IS NULL
		   OR s.split_id <= (SELECT m.split_id FROM random.mark m) AND NOT EXISTS (SELECT FROM revision r WHERE r.target_id = t.target_id AND r.operation = 'delete'))
	UNION ALL
	SELECT 'plan_check', c.target_id, c.promise || ': ' || c.problem FROM plan_check c
$$;

-- The life of every number so far adds up to it, without a gap.
CREATE FUNCTION random.history_problems() RETURNS TABLE (promise text, id bigint, problem text) LANGUAGE sql STABLE AS $$
	WITH life AS MATERIALIZED (
		SELECT h.*, lag(h.amount_after) OVER (PARTITION BY h.target_id ORDER BY h.change_order) AS previous FROM target_history h
	)
	SELECT 'history', l.target_id, format('%s: %s before, and %s after what came before it', l.event, l.amount_before, l.previous)
	FROM life l WHERE l.amount_before IS DISTINCT FROM l.previous
	UNION ALL
	SELECT 'history', l.target_id, format('adds up to %s, is %s', sum(l.difference), COALESCE(min(t.amount), 0))
	FROM life l LEFT JOIN target t USING (target_id) GROUP BY 2 HAVING sum(l.difference) <> COALESCE(min(t.amount), 0)
	UNION ALL
	SELECT 'history', l.target_id, format('event "%s"', l.event) FROM life l WHERE l.event = '' OR l.event IS NULL
	UNION ALL
	SELECT 'history', t.target_id, 'has none' FROM target t WHERE NOT EXISTS (SELECT FROM life l WHERE l.target_id = t.target_id)
	UNION ALL
	SELECT 'history', r.target_id, format('revision %s is not in it once', r.revision_id)
	FROM revision r WHERE (SELECT count(*) FROM life l WHERE l.revision_id = r.revision_id) <> 1
$$;

-- What the sessions found, and what they left, for whoever looks for the reason.
CREATE FUNCTION random.state() RETURNS SETOF text LANGUAGE sql STABLE AS $$
	SELECT format('before: %s', to_jsonb(b) - '{lineage_id,floor_amount,stretch_amount,over_assignment,fallback,root_metric_id}'::text[])
	FROM (SELECT * FROM random.before ORDER BY plan_id, metric_id, depth, target_id) b
	UNION ALL
	SELECT format('split: %s', to_jsonb(s) - '{called_by,called_at}'::text[]) FROM (SELECT * FROM split ORDER BY split_id) s
	UNION ALL
	SELECT format('revision: %s', to_jsonb(r) - '{changed_by,changed_at}'::text[])
	FROM (SELECT * FROM revision WHERE revision_id > (SELECT m.revision_id FROM random.mark m) ORDER BY revision_id) r
	UNION ALL
	SELECT format('after: %s', to_jsonb(t) - '{lineage_id,floor_amount,stretch_amount,over_assignment,fallback,root_metric_id}'::text[])
	FROM (SELECT * FROM target ORDER BY plan_id, metric_id, depth, target_id) t
$$;
