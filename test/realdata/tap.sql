-- Assertions for the scripts of this folder; they print TAP without numbers.
CREATE EXTENSION target_split;
CREATE SCHEMA tap;

CREATE FUNCTION tap.ok(passed boolean, what text, note text DEFAULT NULL) RETURNS SETOF text
LANGUAGE sql SET enable_nestloop = off AS $$
	SELECT CASE WHEN passed THEN 'ok - ' ELSE 'not ok - ' END || what
	UNION ALL
	SELECT '# ' || line FROM regexp_split_to_table(note, E'\n') AS line WHERE passed IS NOT TRUE
$$;

CREATE FUNCTION tap.same(found anycompatible, wanted anycompatible, what text) RETURNS SETOF text
LANGUAGE sql SET enable_nestloop = off AS $$
	SELECT tap.ok(found IS NOT DISTINCT FROM wanted, what,
				  format(E'found  %s\nwanted %s', COALESCE(found::text, 'NULL'), COALESCE(wanted::text, 'NULL')))
$$;

-- A query that must return no row; the first ones are shown if it does.
CREATE FUNCTION tap.none(query text, what text) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
	shown text;
BEGIN
	EXECUTE format('SELECT count(*), string_agg(r::text, E''\n'') FILTER (WHERE place <= 5)
		FROM (SELECT r, row_number() OVER () AS place FROM (%s) AS r) AS numbered', query) INTO n, shown;
	RETURN QUERY SELECT tap.ok(n = 0, what, n || E' rows:\n' || shown);
END
$$;

-- A statement that must fail, with a message, a detail and a hint like these.
CREATE FUNCTION tap.throws(statement text, message text, detail text, hint text, what text) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
	m text := 'no error';
	d text;
	h text;
BEGIN
	BEGIN
		EXECUTE statement;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	END;
	RETURN QUERY SELECT tap.ok(m LIKE message AND COALESCE(d, '') LIKE detail AND COALESCE(h, '') LIKE hint, what,
							   concat_ws(E'\n', m, d, h));
END
$$;

-- What a plan is compared with: the weight of each node as the script sums it up
-- from the facts themselves.
CREATE TABLE tap.wanted (
	depth integer NOT NULL,
	slice jsonb NOT NULL,
	period daterange NOT NULL,
	weight numeric NOT NULL
);

-- The nodes of a plan that are not the floor or the ceiling of their exact share
-- of the target they were split from, which is at depth ANCHOR_DEPTH.  Without a
-- division, so without an error of its own.  A node that no fact is for has
-- weight 0.
CREATE FUNCTION tap.unfair(plan text, metric text, anchor_depth integer, to_depth integer)
RETURNS TABLE (problem text, slice jsonb, period daterange, amount numeric, exact_share numeric)
LANGUAGE sql SET enable_nestloop = off AS $$
	WITH node AS MATERIALIZED (
		SELECT t.depth, t.slice, t.period, t.amount, pm.quantum, COALESCE(w.weight, 0) AS weight
		FROM target_split.target t
		JOIN target_split.plan p ON p.plan_id = t.plan_id AND p.family = unfair.plan
		JOIN target_split.metric m ON m.metric_id = t.metric_id AND m.name = unfair.metric
		JOIN target_split.plan_metric pm ON pm.plan_id = t.plan_id AND pm.metric_id = t.metric_id
		LEFT JOIN tap.wanted w ON w.depth = t.depth AND w.slice = t.slice AND w.period = t.period
	)
	SELECT 'unfair', n.slice, n.period, n.amount, round(a.amount * n.weight / NULLIF(a.weight, 0), 6)
	FROM node n
	-- OFFSET 0 keeps the anchors few and first
	JOIN (SELECT * FROM node WHERE node.depth = unfair.anchor_depth OFFSET 0) a
	  ON n.slice @> a.slice AND n.period <@ a.period
	WHERE n.depth > unfair.anchor_depth AND n.depth <= unfair.to_depth
	  AND NOT abs(n.amount * a.weight - a.amount * n.weight) < n.quantum * a.weight
	UNION ALL
	SELECT 'no such target', w.slice, w.period, NULL, w.weight
	FROM tap.wanted w
	WHERE w.depth <= unfair.to_depth
	  AND NOT EXISTS (SELECT FROM node n WHERE n.depth = w.depth AND n.slice = w.slice AND n.period = w.period)
$$;

-- Inner nodes of a plan that are not the sum of their children, and levels that
-- do not add up to the overall target.
CREATE FUNCTION tap.inexact(plan text, metric text)
RETURNS TABLE (what text, amount numeric, parts numeric)
LANGUAGE sql SET enable_nestloop = off AS $$
	WITH node AS MATERIALIZED (
		SELECT t.* FROM target_split.target t
		JOIN target_split.plan p ON p.plan_id = t.plan_id AND p.family = inexact.plan
		JOIN target_split.metric m ON m.metric_id = t.metric_id AND m.name = inexact.metric
	)
	SELECT format('target %s %s', n.slice, n.period), n.amount, c.amount
	FROM node n
	JOIN (SELECT node.parent_id, sum(node.amount) AS amount FROM node GROUP BY node.parent_id) c ON c.parent_id = n.target_id
	WHERE c.amount <> n.amount
	UNION ALL
	SELECT 'level ' || l.level, r.amount, l.amount
	FROM (SELECT node.depth, node.level, sum(node.amount) AS amount FROM node GROUP BY node.depth, node.level) l
	JOIN node r ON r.depth = 0
	WHERE l.amount <> r.amount
$$;

-- The part of a month that a calendar week from Monday to Sunday has of it.
CREATE FUNCTION tap.week_in_month(day date) RETURNS daterange
LANGUAGE sql IMMUTABLE
RETURN daterange(date_trunc('month', day)::date, (date_trunc('month', day) + interval '1 month')::date)
	 * daterange(date_trunc('week', day)::date, date_trunc('week', day)::date + 7);

CREATE FUNCTION tap.month(day date) RETURNS daterange
LANGUAGE sql IMMUTABLE
RETURN daterange(date_trunc('month', day)::date, (date_trunc('month', day) + interval '1 month')::date);

CREATE FUNCTION tap.quarter(day date) RETURNS daterange
LANGUAGE sql IMMUTABLE
RETURN daterange(date_trunc('quarter', day)::date, (date_trunc('quarter', day) + interval '3 months')::date);

-- The day that a day of the basis stands for
CREATE FUNCTION tap.next_year(day date) RETURNS date
LANGUAGE sql IMMUTABLE
RETURN (day + interval '1 year')::date;
