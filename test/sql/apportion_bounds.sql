--
-- apportion() OVER () with at_least and at_most: bounded proportional shares
--
SET search_path = public, target_split;

-- a capacity and a floor; what they hold goes to or comes from the others by weight
CREATE TEMP TABLE region(name text, sales numeric, floor numeric, capacity numeric);
INSERT INTO region VALUES ('East', 600, NULL, 450), ('North', 300, NULL, NULL), ('South', 90, 120, NULL), ('West', 10, NULL, NULL);
SELECT name, apportion(1000, sales) OVER w AS free, apportion(1000, sales, at_most => capacity) OVER w AS capped,
	   apportion(1000, sales, at_least => floor) OVER w AS floored,
	   apportion(1000, sales, at_least => floor, at_most => capacity) OVER w AS both
FROM region WINDOW w AS (ORDER BY name);

-- Published: stratallo README (R), x = clamp(s * A, m, M); there to six digits
CREATE TEMP TABLE stratallo(id int, n numeric, a numeric[], m numeric[], u numeric[], expected numeric[]);
INSERT INTO stratallo VALUES
(1, 190, '{144000,316000,380000,32000}', NULL, NULL, '{31.376147,68.853211,82.798165,6.972477}'),
(2, 190, '{144000,316000,380000,32000}', NULL, '{100,90,70,80}', '{35.121951,77.073171,70,7.804878}'),
(3, 190, '{144000,316000,380000,32000}', '{50,120,1,2}', NULL, '{50,120,18,2}'),
(4, 1284, '{144000,316000,380000,32000}', '{100,90,500,50}', '{300,400,800,90}', '{228.949640,400,604.172662,50.877698}'),
(5, 1284, '{3000,4000,5000,2000}', '{100,90,500,50}', '{300,400,800,90}', '{297.428571,396.571429,500,90}');
SELECT id, array_agg(share ORDER BY i) AS share, array_agg(share ORDER BY i) = expected AS published, array_agg(whole ORDER BY i) AS whole
FROM (SELECT id, i, expected, apportion(n, w, 0.000001, l, h) OVER (PARTITION BY id ORDER BY i) AS share,
			 apportion(n, w, 1, l, h) OVER (PARTITION BY id ORDER BY i) AS whole
	  FROM stratallo, LATERAL (SELECT i, a[i] AS w, m[i] AS l, u[i] AS h FROM generate_series(1, 4) i) e) s
GROUP BY id, expected ORDER BY id;
-- 309 with floors of 310, and 1591 with ceilings of 1590, have no solution
SELECT apportion(309, a, 1, m) OVER (ORDER BY a) FROM (VALUES (144000, 100), (316000, 90), (380000, 70), (32000, 50)) v(a, m);
SELECT apportion(1591, a, 1, at_most => u) OVER (ORDER BY a) FROM (VALUES (144000, 300), (316000, 400), (380000, 800), (32000, 90)) v(a, u);
SELECT apportion(310, a, 1, m) OVER (ORDER BY a) FROM (VALUES (144000, 100), (316000, 90), (380000, 70), (32000, 50)) v(a, m);

-- Own, exact: re-balancing around a lock (200) and a cap; the total goes from 1000 to 1100
CREATE TEMP TABLE locked(cell int, base numeric, l numeric, u numeric);
INSERT INTO locked VALUES (1, 100, NULL, NULL), (2, 200, 200, 200), (3, 300, NULL, NULL), (4, 400, NULL, 450);
SELECT cell, apportion(1100, base, 0.01, l, u) OVER w AS cap_450, apportion(1100, base, 0.01, l, least(u, 420)) OVER w AS cap_420,
	   apportion(1100.01, base, 0.01, l, least(u, 420)) OVER w AS one_cent_more
FROM locked WINDOW w AS (ORDER BY cell);
SELECT cell, apportion(1100, base, 0.01, l, coalesce(u, base + 10)) OVER (ORDER BY cell) FROM
(VALUES (1, 100, NULL, 110), (2, 200, 200, 200), (3, 300, NULL, 310), (4, 400, NULL, 410)) v(cell, base, l, u);

-- bounds that are no multiples of the quantum are brought inwards
SELECT g, apportion(100, g, 5, at_least => 11, at_most => 34) OVER (ORDER BY g) FROM generate_series(1, 5) g;
SELECT g, apportion(-100, g, 5, at_least => -34, at_most => -11) OVER (ORDER BY g) FROM generate_series(1, 5) g;
SELECT g, apportion(10, g, 0.5, at_least => 0.0001, at_most => 3.9999999999999999999999999999999999999999) OVER (ORDER BY g) FROM generate_series(1, 4) g;
SELECT g, apportion(7000, g, 100, at_most => 2.6e3) OVER (ORDER BY g) FROM generate_series(1, 4) g;
-- exactly so for bounds of many sizes and scales: the first of two rows with so much to share is held at its bound
CREATE TEMP TABLE edge AS
SELECT q, sign * (n + d) * 10::numeric ^ -s AS x
FROM (VALUES (0.01), (1), (0.5), (2.50), (100), (10000), (0.0001), (0.00000000000000000001), (12345678)) a(q),
	 (VALUES (1), (-1)) b(sign), (VALUES (0), (1), (2), (3), (4), (7), (8), (21), (40)) c(s),
	 (VALUES (-1), (0), (1), (1234)) e(d), LATERAL (SELECT 10::numeric ^ k AS n FROM generate_series(0, 31) k) f;
DELETE FROM edge WHERE abs(x) >= 4e29 * q;
SELECT count(*) > 5000 AS many, count(*) FILTER (WHERE low IS DISTINCT FROM (div(x, q) + (mod(x, q) > 0)::int) * q) AS wrong_floors,
	   count(*) FILTER (WHERE high IS DISTINCT FROM (div(x, q) - (mod(x, q) < 0)::int) * q) AS wrong_ceilings
FROM (SELECT r, x, q, apportion(-1e30 * q, 1, q, at_least => CASE r WHEN 1 THEN x END) OVER w AS low,
			 apportion(1e30 * q, 1, q, at_most => CASE r WHEN 1 THEN x END) OVER w AS high
	  FROM (SELECT DISTINCT x, q FROM edge) d, generate_series(1, 2) r WINDOW w AS (PARTITION BY x, q ORDER BY r)) s
WHERE r = 1;
-- no bound: NULL, and the infinities that bound nothing
SELECT g, apportion(10, g, 1, '-Infinity', 'Infinity') OVER (ORDER BY g) FROM generate_series(1, 4) g;
SELECT g, apportion(10, g, 1, NULL, CASE WHEN g > 4 THEN 1 END) OVER (ORDER BY g) FROM generate_series(1, 4) g;

-- without a floor of its own a row does not change its sign; with one it may
SELECT g, apportion(10, 1, 1, l) OVER (ORDER BY g) FROM (VALUES (1, 20), (2, -6), (3, NULL), (4, -5)) v(g, l);
SELECT g, apportion(10, 1, 1, l) OVER (ORDER BY g) FROM (VALUES (1, 20), (2, NULL), (3, NULL)) v(g, l);
SELECT g, apportion(10, 1, 1, at_most => u) OVER (ORDER BY g) FROM (VALUES (1, -20), (2, NULL), (3, NULL)) v(g, u);
SELECT g, apportion(-10, 1, 1, at_least => l) OVER (ORDER BY g) FROM (VALUES (1, 20), (2, NULL), (3, NULL)) v(g, l);
SELECT g, apportion(-10, 1, 1, at_most => u) OVER (ORDER BY g) FROM (VALUES (1, -20), (2, NULL), (3, NULL)) v(g, u);
SELECT g, apportion(0, 1, 1, at_most => u) OVER (ORDER BY g) FROM (VALUES (1, -20), (2, NULL), (3, NULL)) v(g, u);

-- a weight of 0 gets 0, or the bound nearest to it; NULL takes no part whatever its bounds
SELECT g, apportion(100, w, 1, l, u) OVER (ORDER BY g)
FROM (VALUES (1, 3, NULL, NULL), (2, 0, 5, NULL), (3, 0, NULL, 7), (4, NULL, 50, 60), (5, 1, NULL, NULL), (6, 0, -9, -2), (7, NULL, 2, 1)) v(g, w, l, u);

-- ties: the larger weight, then ORDER BY; among those that are free
SELECT g, w, apportion(15, w, 1, at_most => u) OVER (ORDER BY g)
FROM (VALUES (1, 1, NULL), (2, 1, NULL), (3, 3, NULL), (4, 8, 4), (5, 3, NULL)) v(g, w, u);
SELECT apportion(15, w, 1, at_most => u) OVER (ORDER BY g)
FROM (VALUES (1, 5, 7), (2, 1, NULL), (3, 1, NULL), (3, 1, NULL)) v(g, w, u);
SELECT apportion(15, w, 1, at_most => u) OVER (ORDER BY g)
FROM (VALUES (1, 5, 6), (2, 1, NULL), (3, 1, NULL), (3, 1, NULL)) v(g, w, u);

-- amounts and weights beyond 64 bits
SELECT g, apportion(1e33, w, 0.01, at_most => u) OVER (ORDER BY g)
FROM (VALUES (1, 9e20, 3e32), (2, 1::numeric / 3, NULL), (3, 1::numeric / 7, NULL), (4, 1e20, 5e32)) v(g, w, u);

-- Random inputs against a search over all combinations of rows held and free.
-- A combination is the solution where the level fits: held rows would be
-- beyond their bounds with it, free ones are not.
SELECT setseed(0.75);
CREATE TEMP TABLE input AS
SELECT p, i, q, amount, w, CASE WHEN random() < 0.6 THEN l END AS l, CASE WHEN random() < 0.6 THEN l + gap END AS u
FROM (SELECT p, i, q, amount, CASE WHEN random() < 0.1 THEN NULL WHEN random() < 0.1 THEN 0
								   WHEN p % 2 = 0 THEN trunc(random()::numeric * 5)
								   ELSE round(random()::numeric * 100, 2) END AS w,
			 round((random()::numeric * 2 - 0.3 - (p % 7 = 0)::int) * amount / k, 1 + p % 3) AS l,
			 ceil(random()::numeric * (abs(amount) / k + 1)) AS gap
	  FROM (SELECT p, q, 1 + p % 5 AS k, q * trunc((random()::numeric - 0.3) * 10::numeric ^ (1 + p % 4)) AS amount
			FROM generate_series(1, 1500) p,
				 LATERAL (SELECT (ARRAY[0.01, 1, 0.5, 0.1])[1 + p % 4] AS q) v) a,
		   LATERAL generate_series(1, k) i) b;
CREATE FUNCTION pg_temp.bounded(amount numeric, w numeric, q numeric, l numeric, u numeric, OUT lo numeric, OUT hi numeric)
LANGUAGE sql IMMUTABLE AS $$
	-- in units; what is missing is unlimited, but shares do not change their sign
	SELECT CASE WHEN w = 0 THEN z ELSE lo END, CASE WHEN w = 0 THEN z ELSE hi END
	FROM (SELECT *, CASE WHEN lo > 0 THEN lo WHEN hi < 0 THEN hi ELSE 0 END AS z
		  FROM (SELECT coalesce(ceil(l / q), CASE WHEN amount >= 0 THEN least(0, floor(u / q)) ELSE '-Infinity' END) AS lo,
					   coalesce(floor(u / q), CASE WHEN amount < 0 THEN greatest(0, ceil(l / q)) ELSE 'Infinity' END) AS hi) a) b
$$;
CREATE TEMP TABLE unit AS
SELECT p, i, q, w, div(amount, q) AS t, b.lo, b.hi, row_number() OVER (PARTITION BY p ORDER BY i) AS k
FROM input, pg_temp.bounded(amount, w, q, l, u) b WHERE w IS NOT NULL;
CREATE TEMP TABLE problem AS
SELECT p, t, count(*)::int AS n, array_agg(w ORDER BY k) AS w, array_agg(lo ORDER BY k) AS lo, array_agg(hi ORDER BY k) AS hi
FROM unit GROUP BY p, t HAVING bool_and(lo <= hi) AND t BETWEEN sum(lo) AND sum(hi);
SELECT count(*) > 500 AS many FROM problem;

-- state of row k in combination c: 0 at lo, 1 at hi, 2 free; rest and whole of the free ones
CREATE TEMP TABLE solution AS
SELECT DISTINCT ON (p) p, state, t - held AS rest, whole
FROM (SELECT p, t, w, lo, hi, state,
			 sum(CASE state[k] WHEN 0 THEN lo[k] WHEN 1 THEN hi[k] ELSE 0 END) AS held,
			 sum(CASE state[k] WHEN 2 THEN w[k] ELSE 0 END) AS whole
	  FROM problem, generate_series(0, (3 ^ n)::int - 1) c,
		   LATERAL (SELECT array_agg(c / (3 ^ (k - 1))::int % 3 ORDER BY k) AS state FROM generate_series(1, n) k) s,
		   LATERAL generate_series(1, n) k
	  WHERE NOT EXISTS (SELECT FROM generate_series(1, n) j
						WHERE state[j] = 0 AND lo[j] = '-Infinity' OR state[j] = 1 AND hi[j] = 'Infinity' OR state[j] = 2 AND w[j] = 0)
	  GROUP BY p, t, w, lo, hi, state) s
WHERE CASE WHEN whole = 0 THEN t = held
		   -- some level between the breakpoints of those below and above
		   AND (SELECT coalesce(max(hi[j] / w[j]), '-Infinity') FROM generate_subscripts(w, 1) j WHERE state[j] = 1 AND w[j] > 0)
			<= (SELECT coalesce(min(lo[j] / w[j]), 'Infinity') FROM generate_subscripts(w, 1) j WHERE state[j] = 0 AND w[j] > 0)
	  ELSE NOT EXISTS (SELECT FROM generate_subscripts(w, 1) j
					   WHERE state[j] = 0 AND w[j] > 0 AND (t - held) * w[j] > lo[j] * whole
						  OR state[j] = 1 AND w[j] > 0 AND (t - held) * w[j] < hi[j] * whole
						  OR state[j] = 2 AND ((t - held) * w[j] < lo[j] * whole OR (t - held) * w[j] > hi[j] * whole)) END
ORDER BY p, state;
SELECT count(*) AS without_solution FROM problem LEFT JOIN solution USING (p) WHERE state IS NULL;

-- largest remainder of what the held ones leave
CREATE TEMP VIEW theirs AS
SELECT p, i, q * CASE WHEN state = 0 THEN lo WHEN state = 1 THEN hi
				 ELSE sign(rest) * (share + (place <= abs(rest) - given)::int) END AS share
FROM (SELECT *, sum(share) FILTER (WHERE state = 2) OVER (PARTITION BY p) AS given,
			 row_number() OVER (PARTITION BY p, state ORDER BY abs(rest) * w - share * whole DESC, w DESC, i) AS place
	  FROM (SELECT u.*, state[k] AS state, rest, whole, CASE WHEN state[k] = 2 THEN div(abs(rest) * w, whole) END AS share
			FROM unit u JOIN solution s USING (p)) a) b;
CREATE TEMP VIEW ours AS
SELECT p, i, apportion(amount, w, q, l, u) OVER (PARTITION BY p ORDER BY i) AS share
FROM input WHERE p IN (SELECT p FROM problem);
SELECT count(*) AS different FROM theirs t JOIN ours o USING (p, i) WHERE t.share IS DISTINCT FROM o.share;
SELECT (SELECT count(*) FROM theirs) = (SELECT count(share) FROM ours) AS all_compared;
-- sums are exact, no share is beyond a bound, each is a multiple of the quantum
SELECT count(*) AS broken
FROM (SELECT o.*, n.q, n.w, n.l, n.u, n.amount, sum(o.share) OVER (PARTITION BY p) AS total FROM ours o JOIN input n USING (p, i)) t
WHERE total <> amount OR share < l OR share > u OR mod(share, q) <> 0 OR (w IS NULL) <> (share IS NULL);
-- row order does not matter where ORDER BY is the same
SELECT count(*) AS different
FROM ours o
JOIN (SELECT p, i, apportion(amount, w, q, l, u) OVER (PARTITION BY p ORDER BY i) AS share
	  FROM (SELECT * FROM input WHERE p IN (SELECT p FROM problem) ORDER BY md5(p::text || ' ' || i::text)) s) s USING (p, i)
WHERE o.share IS DISTINCT FROM s.share;
-- what the search finds infeasible is refused
CREATE FUNCTION pg_temp.refused(number int) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	PERFORM apportion(amount, w, q, l, u) OVER (ORDER BY i) FROM input WHERE p = number;
	RETURN false;
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN true;
END $$;
SELECT count(*) > 200 AS many, count(*) FILTER (WHERE NOT pg_temp.refused(p)) AS not_refused
FROM (SELECT DISTINCT p FROM unit EXCEPT SELECT p FROM problem) s;

-- a long list: bounds hold most rows, from both sides
CREATE TEMP TABLE long AS
SELECT i, round(random()::numeric * 1000, 2) AS w, CASE WHEN i % 3 = 0 THEN round(random()::numeric * 20, 2) END AS l,
	   CASE WHEN i % 2 = 0 THEN 20 + round(random()::numeric * 20, 2) END AS u
FROM generate_series(1, 20000) i;
-- every row's exact share is within a cent of ours: one level for all that are free
SELECT sum(share) AS total, count(*) FILTER (WHERE share < l OR share > u) AS beyond,
	   count(*) FILTER (WHERE share = l) > 1000 AS floors, count(*) FILTER (WHERE share = u) > 1000 AS ceilings,
	   max((share - 0.01) / nullif(w, 0)) FILTER (WHERE share IS DISTINCT FROM l) < min((share + 0.01) / nullif(w, 0)) FILTER (WHERE share IS DISTINCT FROM u) AS one_level
FROM (SELECT *, apportion(400000, w, 0.01, l, u) OVER (ORDER BY i) AS share FROM long) s;
-- bounds that hold nothing change nothing
SELECT count(*) AS different
FROM (SELECT apportion(400000, w) OVER (ORDER BY i) AS a, apportion(400000, w, 0.01, 0) OVER (ORDER BY i) AS b,
			 apportion(400000, w, 0.01, -1, 1e9 + i) OVER (ORDER BY i) AS c FROM long) s
WHERE a <> b OR a <> c;

-- named arguments and parameters
PREPARE capped(numeric) AS SELECT apportion(10, g, at_most => $1, quantum => 1) OVER (ORDER BY g) FROM generate_series(1, 3) g;
EXECUTE capped(4);
EXECUTE capped(NULL);
DEALLOCATE capped;
SELECT p, apportion(a, 1, 1, at_most => a / 2) OVER (PARTITION BY p ORDER BY i) FROM (VALUES (1, 1, 10), (1, 2, 10), (2, 1, NULL), (2, 2, NULL)) v(p, i, a);

-- Errors
SELECT apportion(10, 1, 1, l, u) OVER (ORDER BY l) FROM (VALUES (1, 9), (5, 4)) v(l, u);
SELECT apportion(10, 1, 1, least(l, u), u) OVER (ORDER BY l) FROM (VALUES (1, 9), (5, 4)) v(l, u);
SELECT apportion(10, 1, 1, l, greatest(l, u)) OVER (ORDER BY l) FROM (VALUES (1, 9), (5, 4)) v(l, u);
SELECT apportion(10, 1, 1, 3.2, 3.9) OVER (ORDER BY g) FROM generate_series(1, 3) g;
SELECT apportion(10, 1, 0.1, 3.2, 3.9) OVER (ORDER BY g) FROM generate_series(1, 3) g;
SELECT apportion(10, 1, 1, 4) OVER (ORDER BY g) FROM generate_series(1, 3) g;
SELECT apportion(12, 1, 1, 4) OVER (ORDER BY g) FROM generate_series(1, 3) g;
SELECT apportion(10, 1, 1, at_most => 3) OVER (ORDER BY g) FROM generate_series(1, 3) g;
SELECT apportion(-10, 1, 1, at_least => -3) OVER (ORDER BY g) FROM generate_series(1, 3) g;
SELECT apportion(-10, 1, 1, at_most => -4) OVER (ORDER BY g) FROM generate_series(1, 3) g;
SELECT apportion(10, w, 1, at_most => 3) OVER (ORDER BY w) FROM generate_series(0, 3) w;
SELECT apportion(10, w, 1, at_most => 3) OVER (ORDER BY w) FROM (SELECT greatest(g, 0.01) AS w FROM generate_series(0, 3) g) g;
SELECT apportion(1, w, 1, at_least => l) OVER (ORDER BY w) FROM (VALUES (0, -2), (1, 0), (3, 2)) v(w, l);
SELECT apportion(10, 0, 1, at_most => 5) OVER () FROM generate_series(1, 2);
SELECT apportion(10, NULL, 1, at_most => 5) OVER () FROM generate_series(1, 2);
SELECT apportion(10, 1, 1, at_least => 'NaN') OVER ();
SELECT apportion(10, 1, 1, at_most => CASE WHEN g = 2 THEN 'NaN'::numeric END) OVER (ORDER BY g) FROM generate_series(1, 2) g;
SELECT apportion(10, 1, 1, at_least => 'Infinity') OVER ();
SELECT apportion(10, 1, 1, at_most => '-Infinity') OVER ();
SELECT apportion(10, 1, 1, at_most => 1e40) OVER ();
SELECT apportion(10, -1, 1, at_most => 20) OVER ();
SELECT apportion(10, 1, 1, at_most => 4) OVER () FROM generate_series(1, 3);
-- each with its own code
\set VERBOSITY sqlstate
SELECT apportion(10, 1, 1, 5, 4) OVER ();
SELECT apportion(10, 1, 1, 12) OVER ();
SELECT apportion(10, 1, 1, at_most => 1e40) OVER ();
\set VERBOSITY default
