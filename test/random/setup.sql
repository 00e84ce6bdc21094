-- What random calls work on: two plans with two metrics each, members and
-- facts, small enough that two sessions meet all the time.
CREATE EXTENSION target_split;
SET search_path = public, target_split;

SELECT add_dimension('market', levels => '{town}'), add_dimension('line');
SELECT add_member('market', m) FROM unnest('{East,West,North}'::text[]) m;
SELECT add_member('market', t, parent => ARRAY[m]) FROM (VALUES ('Ab', 'East'), ('Xi', 'East'), ('Yu', 'West'), ('Zu', 'West')) v (t, m);
SELECT add_member('line', m) FROM unnest('{A,B,C}'::text[]) m;
-- two years of orders; line C takes goods back in summer, North sells nothing in the second year
CREATE TABLE orders AS
SELECT day::date AS ordered_on, line, m.market, m.town, round((10 + 7 * (extract(doy FROM day) + n)::integer % 13) * CASE WHEN line = 'C' AND extract(month FROM day) IN (7, 8) THEN -1 ELSE 1 END, 2) AS amount
FROM generate_series(timestamp '2022-01-02', timestamp '2023-12-30', interval '6 days') day,
	 (VALUES ('A', 1), ('B', 5), ('C', 9)) l (line, n),
	 (VALUES ('East', 'Ab'), ('East', 'Xi'), ('West', 'Yu'), ('West', 'Zu'), ('North', NULL)) m (market, town)
WHERE day < '2023-01-01' OR m.market <> 'North';
CREATE TABLE potential AS SELECT l AS line, m AS market, (ascii(l) + length(m)) % 7 AS weight
FROM unnest('{A,B,C}'::text[]) l, unnest('{East,West,North}'::text[]) m;
-- a sheet for each session
CREATE TABLE sheet_1 (market text, amount numeric);
CREATE TABLE sheet_2 (market text, amount numeric);

SELECT add_metric('sales', unit => 'EUR', quantum => 0.01), add_metric('units', unit => 'pieces', quantum => 1), add_metric('crates', unit => 'pieces', quantum => 12);
SELECT count(*) FROM add_source('sales', 'orders', occurred_on => 'ordered_on', amount => 'amount', dimensions => '{"line": "line", "market": ["market", "town"]}');
SELECT create_plan(p, '[2024-01-01,2025-01-01)') FROM unnest('{P,Q}'::text[]) p;
SELECT set_target('P', 'sales', amount => 10000), set_target('P', 'units', amount => 777), set_target('Q', 'sales', amount => -5000.55), set_target('Q', 'crates', amount => 1200);

CREATE SCHEMA random;

CREATE VIEW random.node AS
SELECT p.family || '/' || m.name AS tree, p.family AS plan, m.name AS metric, t.*
FROM target t JOIN plan p USING (plan_id) JOIN metric m USING (metric_id);

-- The nth target of a kind in some trees, by id; any, if none is of the kind.
CREATE FUNCTION random.pick(trees text[], kind text, n integer,
	OUT target_id bigint, OUT plan text, OUT metric text, OUT slice jsonb, OUT period daterange, OUT amount numeric)
LANGUAGE sql STABLE AS $$
	WITH fit AS (
		SELECT n.*, row_number() OVER (PARTITION BY k.fits ORDER BY n.target_id) - 1 AS place, count(*) OVER (PARTITION BY k.fits) AS n,
			   k.fits, bool_or(k.fits) OVER () AS any_fits
		FROM random.node n
		CROSS JOIN LATERAL (SELECT CASE kind WHEN 'leaf' THEN n.n_children = 0 WHEN 'inner' THEN n.n_children > 0 WHEN 'root' THEN n.depth = 0
											 WHEN 'part' THEN n.depth > 0 WHEN 'locked' THEN n.locked ELSE true END AS fits) k
		WHERE n.tree = ANY (trees)
	)
	SELECT COALESCE(f.target_id, 0), COALESCE(f.plan, split_part(trees[1], '/', 1)), COALESCE(f.metric, split_part(trees[1], '/', 2)), COALESCE(f.slice, '{}'), f.period,
		   COALESCE(f.amount, 0)
	FROM (SELECT 1) one LEFT JOIN fit f ON f.fits = f.any_fits AND f.place = pick.n % f.n
$$;
-- the nth split in some trees, the latest first; 0 if there is none
CREATE FUNCTION random.pick_split(trees text[], n integer) RETURNS bigint LANGUAGE sql STABLE AS $$
	SELECT COALESCE((SELECT s.split_id FROM split s JOIN plan p USING (plan_id) JOIN metric m USING (metric_id)
					 WHERE p.family || '/' || m.name = ANY (trees) ORDER BY s.split_id DESC OFFSET n LIMIT 1), 0)
$$;
-- the nth member of a level, as calls name it
CREATE FUNCTION random.pick_member(level text, n integer) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT COALESCE((SELECT CASE jsonb_typeof(slice_value) WHEN 'array' THEN slice_value::text ELSE slice_value #>> '{}' END
					 FROM (SELECT m.*, row_number() OVER (ORDER BY m.member_id) - 1 AS place, count(*) OVER () AS n
						   FROM member m JOIN dimension_level l USING (dimension_id, depth) WHERE l.name = level) f
					 WHERE f.place = pick_member.n % f.n), 'nobody')
$$;

-- Trees that have grown too large begin anew, and some that nobody has split are split.
CREATE FUNCTION random.trim(trees text[], most integer, n integer) RETURNS void LANGUAGE sql AS $$
	SELECT count(l.*) FROM target t, unlock_target(t.target_id) l
	WHERE t.depth = 0 AND (SELECT count(*) FROM target k WHERE k.plan_id = t.plan_id AND k.metric_id = t.metric_id) > most;
	SELECT unsplit_target(t.target_id) FROM target t
	WHERE t.depth = 0 AND (SELECT count(*) FROM target k WHERE k.plan_id = t.plan_id AND k.metric_id = t.metric_id) > most;
	SELECT count(s.*)
	FROM random.node r, split_target(r.target_id, string_to_array((ARRAY['line,market', 'market,quarter', 'line,quarter', 'half,market'])[n + 1], ','), method => 'equal') s
	WHERE n < 4 AND r.depth = 0 AND r.n_children = 0 AND r.tree = ANY (trees);
$$;
