--
-- apportion_tree() OVER (): every node on every level is its own exact share
-- rounded down or up
--
SET search_path = public, target_split;

-- Chained splitting gives the first group 2 and its first member both of them,
-- though that member's exact share is 15/16.
CREATE TEMP TABLE rep(team text, name text, w numeric);
INSERT INTO rep VALUES ('a', '1', 5), ('a', '2', 1), ('a', '3', 1), ('a', '4', 1), ('b', '1', 4), ('b', '2', 4);
SELECT team, name, w, round(3 * w / 16, 4) AS exact,
	   apportion_tree(3, w, ARRAY[team, name], 1) OVER (ORDER BY team, name) AS shares
FROM rep ORDER BY team, name;

-- one level is what apportion does
SELECT count(*) AS different
FROM (SELECT apportion(12345.67, g % 17) OVER (ORDER BY g) AS flat,
			 apportion_tree(12345.67, g % 17, ARRAY[g]) OVER (ORDER BY g) AS tree
	  FROM generate_series(1, 500) g) t
WHERE ARRAY[flat] <> tree;

-- Random trees of up to four levels.  What is checked is computed here, from
-- the leaves, in exact numerics.
SELECT setseed(0.125);
CREATE TEMP TABLE leaf AS
SELECT p, a, b, c, d, q, q * trunc((random()::numeric - 0.3) * 10::numeric ^ (p % 22)) AS amount,
	   CASE WHEN random() < 0.05 THEN NULL WHEN random() < 0.2 THEN 0
			WHEN p % 3 = 0 THEN trunc(random()::numeric * 4)
			WHEN p % 3 = 1 THEN round(random()::numeric * 100000, 2)
			ELSE random()::numeric / 7 END AS w
FROM generate_series(1, 150) p,
	 LATERAL (SELECT (ARRAY[0.01, 1, 0.5, 100])[1 + p % 4] AS q) v,
	 generate_series(1, 1 + p % 4) a, generate_series(1, 3) b, generate_series(1, 1 + p % 3) c,
	 LATERAL generate_series(1, 1 + (a + b) % 4) d;
UPDATE leaf l SET amount = f.amount FROM (SELECT p, min(amount) AS amount FROM leaf GROUP BY p) f WHERE f.p = l.p;
UPDATE leaf SET w = 1 WHERE a = 1 AND b = 1 AND c = 1 AND d = 1;

CREATE TEMP TABLE tree AS
SELECT *, apportion_tree(amount, w, ARRAY[a, b, c, d], q) OVER (PARTITION BY p ORDER BY a, b, c, d) AS s
FROM leaf;
SELECT count(*), count(s) > 5000 AS most_have_a_weight FROM tree;

CREATE TEMP TABLE node AS
SELECT p, level, key, min(q) AS q, min(amount) AS amount, sum(w) AS w,
	   min(share) AS share, max(share) AS same_share, max(parent_share) AS parent_share, max(parent) AS parent
FROM (SELECT p, q, amount, w, level, (ARRAY[a, b, c, d])[1:level] AS key, s[level] AS share,
			 CASE level WHEN 1 THEN amount ELSE s[level - 1] END AS parent_share,
			 (ARRAY[a, b, c, d])[1:level - 1] AS parent
	  FROM tree, generate_series(1, 4) level WHERE s IS NOT NULL) t
GROUP BY p, level, key;
-- the rows of a node agree; floor or ceiling of the node's own exact share;
-- zero for zero; scale
SELECT count(*) > 8000 AS many_nodes, count(*) FILTER (WHERE share <> same_share) AS disagree,
	   count(*) FILTER (WHERE mod(share, q) <> 0 OR abs(share * whole - amount * w) >= q * whole) AS unfair,
	   count(*) FILTER (WHERE w = 0 AND share <> 0) AS zero_weight_got_some,
	   count(*) FILTER (WHERE scale(share) <> scale(q)) AS wrong_scale
FROM (SELECT n.*, sum(w) FILTER (WHERE level = 1) OVER (PARTITION BY p) AS whole FROM node n) t;
-- children add up to their parent on every level
SELECT count(*) > 3000 AS many_parents, count(*) FILTER (WHERE total <> share) AS wrong
FROM (SELECT p, level, parent, sum(share) AS total, min(parent_share) AS share
	  FROM node GROUP BY p, level, parent) t;

-- the rows in any order, the same window: the same answer
SELECT count(*) AS different
FROM tree t
JOIN (SELECT p, a, b, c, d, apportion_tree(amount, w, ARRAY[a, b, c, d], q) OVER (PARTITION BY p ORDER BY a, b, c, d) AS s
	  FROM (SELECT * FROM leaf ORDER BY md5(leaf::text)) r) r USING (p, a, b, c, d)
WHERE t.s IS DISTINCT FROM r.s;
-- ordered by the path itself
SELECT count(*) AS different
FROM tree t
JOIN (SELECT p, a, b, c, d, apportion_tree(amount, w, ARRAY[a, b, c, d], q) OVER (PARTITION BY p ORDER BY ARRAY[a, b, c, d]) AS s
	  FROM leaf) r USING (p, a, b, c, d)
WHERE t.s IS DISTINCT FROM r.s;

-- amounts and weights beyond 64 bits
SELECT k, apportion_tree(-1e30, 1::numeric / 3, ARRAY[k / 2, k]) OVER (ORDER BY k)
FROM generate_series(0, 3) k;

-- element types: text with NULLs (a key like any other), dates, numeric that is
-- equal but written differently
SELECT apportion_tree(10, 1, ARRAY[r, c], 1) OVER (ORDER BY r, c)
FROM (VALUES ('x', 'y'), ('x', NULL), (NULL, 'y'), (NULL, NULL)) v(r, c);
SELECT apportion_tree(10, 1, ARRAY[date_trunc('year', d)::date, d::date], 1) OVER (ORDER BY d)
FROM generate_series('2024-11-01'::timestamp, '2025-02-01', '1 month') d;
SELECT apportion_tree(10, 1, ARRAY[r, c], 1) OVER (ORDER BY c)
FROM (VALUES (1.0, 1), (1.00, 2), (2, 3)) v(r, c);
-- order by something else that keeps the nodes together
SELECT q, m, apportion_tree(10, 1, ARRAY[q, m], 1) OVER (ORDER BY n)
FROM (VALUES (1, 'Q1', 'Jan'), (2, 'Q1', 'Feb'), (3, 'Q1', 'Mar'), (4, 'Q2', 'Apr')) v(n, q, m);

-- descending, and in no order at all on the second level
SELECT a, b, apportion_tree(10, 1, ARRAY[a, b], 1) OVER (ORDER BY a DESC, md5(b::text))
FROM generate_series(1, 2) a, generate_series(1, 4) b;
SELECT count(*) AS different
FROM tree t
JOIN (SELECT p, a, b, c, d, apportion_tree(amount, w, ARRAY[md5(a::text), md5(b::text), md5(c::text), d::text], q) OVER (PARTITION BY p ORDER BY a, b, c, d) AS s
	  FROM leaf) r USING (p, a, b, c, d)
WHERE t.s IS DISTINCT FROM r.s;

-- NULL amount, NULL weight, nothing to share
SELECT g, apportion_tree(NULL, g, ARRAY[g]) OVER () FROM generate_series(1, 2) g;
SELECT w, apportion_tree(10, w, ARRAY[k / 2, k], 1) OVER (ORDER BY k)
FROM (VALUES (0, 1), (1, NULL), (2, NULL), (3, NULL), (4, 2)) v(k, w);
SELECT apportion_tree(0, 0, ARRAY[k]) OVER (ORDER BY k) FROM generate_series(1, 2) k;
SELECT apportion_tree(0, NULL, ARRAY[k]) OVER (ORDER BY k) FROM generate_series(1, 2) k;
-- a row that takes no part may even lack a path
SELECT apportion_tree(3, w, k, 1) OVER (ORDER BY k) FROM (VALUES (1, '{a}'::text[]), (NULL, NULL)) v(w, k);

-- Errors
SELECT apportion_tree(10, 1, ARRAY[r, c]) OVER (ORDER BY c, r) FROM (VALUES ('a', 1), ('b', 2), ('a', 3)) v(r0, c), LATERAL (SELECT ascii(r0) AS r) l;
SELECT apportion_tree(10, 1, ARRAY[r, c]) OVER (ORDER BY r, c) FROM (VALUES (1, 1), (1, 2), (1, 2)) v(r, c);
SELECT apportion_tree(10, 1, ARRAY[c]) OVER (ORDER BY n) FROM (VALUES (1, 1), (2, 2), (3, 1)) v(n, c);
SELECT apportion_tree(10, 1, ARRAY[a, b]) OVER (ORDER BY n)
FROM (VALUES (1, 'x', 'b'), (2, 'x', 'a'), (3, 'y', 'a'), (4, 'z', NULL), (5, 'z', 'c'), (6, 'z', NULL)) v(n, a, b);
SELECT apportion_tree(10, 1, ARRAY[r, c], 1) OVER (ORDER BY r) FROM (VALUES (1, 1), (1, 2), (1, 3)) v(r, c);
SELECT apportion_tree(1, 1, ARRAY[r, c], 1) OVER () FROM (VALUES (1, 1), (2, 2)) v(r, c);
-- ORDER BY the region alone is enough where it decides
SELECT apportion_tree(5, w, ARRAY[r, c], 1) OVER (ORDER BY r) FROM (VALUES (1, 1, 2), (1, 2, 1), (2, 3, 2)) v(r, c, w);
SELECT apportion_tree(10, 1, ARRAY[[1, 2], [3, 4]]) OVER ();
SELECT apportion_tree(10, 1, '{}'::int[]) OVER ();
SELECT apportion_tree(10, 1, NULL::int[]) OVER ();
SELECT apportion_tree(10, 1, p) OVER (ORDER BY p) FROM (VALUES ('{1,1}'::int[]), ('{2}')) v(p);
SELECT apportion_tree(10, 1, ARRAY[point(1, 1)]) OVER ();
SELECT apportion_tree(10, -1, ARRAY[1]) OVER ();
SELECT apportion_tree(10, 0, ARRAY[g]) OVER (ORDER BY g) FROM generate_series(1, 2) g;
SELECT apportion_tree(10, NULL, ARRAY[g]) OVER (ORDER BY g) FROM generate_series(1, 2) g;
SELECT apportion_tree(g, 1, ARRAY[g]) OVER (ORDER BY g) FROM generate_series(1, 2) g;
SELECT apportion_tree(10, 1, ARRAY[g], g) OVER (ORDER BY g) FROM generate_series(1, 2) g;
SELECT apportion_tree(10, 1, ARRAY[g], NULL) OVER (ORDER BY g) FROM generate_series(1, 2) g;
SELECT apportion_tree(10.001, 1, ARRAY[g]) OVER (ORDER BY g) FROM generate_series(1, 2) g;
SELECT apportion_tree(10, 1, ARRAY[1]);
