--
-- apportion() OVER () and apportion_array(): largest remainder
--
SET search_path = public, target_split;

-- a first example: ORDER BY decides who gets the last cent
CREATE TEMP TABLE region(name text, sales numeric);
INSERT INTO region VALUES ('East', 1), ('North', 1), ('West', 1);
SELECT name, apportion(100, sales) OVER (ORDER BY name) FROM region;
-- and without it the answer would depend on the plan
SELECT name, apportion(100, sales) OVER () FROM region;
-- where nobody is left out there is nothing to decide
SELECT name, apportion(99, sales, 1) OVER () FROM region;
SELECT name, apportion(100, sales * length(name)) OVER () FROM region ORDER BY name;

-- Published vectors, shares in whole units.  Reference cases 01 (largest
-- remainder), 05 (what money libraries return for cents), 06 (edge cases) and 07
-- (pg_int_split); source says where the numbers are from.
CREATE TEMP TABLE published(id int, units numeric, weights numeric[], expected numeric[], source text);
INSERT INTO published VALUES
-- case 01: largest remainder, published vectors
(1, 60, '{216,310,22,32}', '{23,32,2,3}', 'proporz test-quota.R, de.wikipedia Hare-Niemeyer'),
(2, 10, '{47000,16000,15800,12000,6100,3100}', '{5,2,1,1,1,0}', 'proporz test-quota.R, en.wikipedia Largest remainder method'),
(3, 31, '{720257,323524,257466,213138,144392,88315}', '{13,6,5,4,2,1}', 'proporz test-quota.R, de.wikipedia'),
(4, 10, '{43,33,12,8,4}', '{4,3,1,1,1}', 'proporz test-quota.R, equal remainder not on threshold'),
(5, 2, '{10,10,0}', '{1,1,0}', 'proporz test-quota.R, no remainders'),
(6, 100, '{5117,4400,162,161,160}', '{51,44,2,2,1}', 'martinlackner/apportionment, Balinski & Young 1975 ex. 1'),
(7, 26, '{9061,7179,5259,3319,1182}', '{9,7,5,4,1}', 'martinlackner/apportionment, Balinski & Young 1975 ex. 2'),
(8, 12, '{14,28,7,35}', '{2,4,1,5}', 'martinlackner/apportionment, weak proportionality'),
(9, 6, '{0,14,28,0,0}', '{0,2,4,0,0}', 'martinlackner/apportionment, zero parties'),
(10, 3, '{10,9,8,8,11,12}', '{1,0,0,0,1,1}', 'martinlackner/apportionment, fewer seats than parties'),
(11, 17, '{4,3,2,1}', '{7,5,3,2}', 'humanleague tests/test_all.py, p = .4 .3 .2 .1'),
(12, 11, '{1,2,3,4}', '{1,2,3,5}', 'humanleague README, p = .1 .2 .3 .4'),
-- case 05, cent allocation: what money libraries were reported to get wrong
(21, 12000, '{66667,33333}', '{8000,4000}', 'RubyMoney/money #971 (was 8001 3999)'),
(22, -1000, '{0.6667,0.3333}', '{-667,-333}', 'RubyMoney/money #652 (was -666 -334)'),
(23, 700273, '{1.1818583143661,1.1818583143661,1.1818583143661,1.1818583143661,1.1818583143661,1.1818583143661,1.1818583143661,1.170126087450276,1.0,1.0,1.0,1.0}',
	'{61565,61565,61565,61565,61565,61565,61565,60954,52091,52091,52091,52091}', 'RubyMoney/money #1033 (lost a cent)'),
(24, 1, '{33,66}', '{0,1}', 'moneyphp/money #492 (was 1 0)'),
(25, 9999, '{75,25}', '{7499,2500}', 'moneyphp/money #492 (was 7500 2499)'),
(26, 5, '{0,7,3}', '{0,4,1}', 'moneyphp/money #436 (was 1 3 1)'),
(27, -5, '{3,7}', '{-1,-4}', 'moneyphp/money #258: a tie, the larger weight goes first'),
(28, 1003, '{49,51}', '{491,512}', 'dinerojs/dinero.js #144 (was 492 511)'),
(29, 613, '{98,92,98,123,102,92}', '{99,93,99,125,104,93}', 'varunsrin/rusty_money #103 (was 100 94 99 124 103 93)'),
(30, 29900, '{265.09,0,33.91}', '{26509,0,3391}', 'macor161/ts-money PR 5 (was 26509 1 3390)'),
(31, 5, '{45,55}', '{2,3}', 'Shopify/money PR 175 (was 3 2)'),
(32, 10000, '{30,20,40,40}', '{2308,1538,3077,3077}', 'brick/money PR 62 (kept 3 units apart)'),
-- case 06, edge cases: the Alabama paradox, magnitudes, floors that binary fractions miss
(41, 10, '{6,6,2}', '{4,4,2}', 'Alabama paradox, 10 units'),
(42, 11, '{6,6,2}', '{5,5,1}', 'Alabama paradox, 11 units'),
(43, 123456789012345678, '{1,2,3}', '{20576131502057613,41152263004115226,61728394506172839}', 'beyond 2^53'),
(44, 100, '{0.01,0.29,0.7}', '{1,29,70}', 'floor(0.29 * 100) is 28 in binary64'),
(45, 0, '{1,2,3}', '{0,0,0}', 'nothing to share'),
(46, 0, '{0,0}', '{0,0}', 'nothing to share and nobody to share it'),
(47, 7, '{5}', '{7}', 'one weight gets everything'),
(48, 100, '{1,1,1}', '{34,33,33}', 'a tie: the first one'),
-- case 07, whitslack/pg_int_split: its README's numbers, where its code differs
(61, 100, '{2,3,4}', '{22,33,45}', 'pg_int_split (returned 23 33 44)'),
(62, 100, '{1,1,NULL,1}', '{34,33,NULL,33}', 'pg_int_split (returned 33 33 NULL 33)'),
(63, 6277, '{5,3,4}', '{2616,1569,2092}', 'pg_int_split README'),
(64, 10924, '{5,3,4}', '{4552,2731,3641}', 'pg_int_split README'),
(65, 8651, '{5,3,4}', '{3604,2163,2884}', 'pg_int_split README');

SELECT id, source, apportion_array(units, weights, 1) AS ours, expected
FROM published WHERE apportion_array(units, weights, 1) IS DISTINCT FROM expected;
SELECT count(*) AS published,
	   count(*) FILTER (WHERE apportion_array(units / 100, weights) = (SELECT array_agg(e / 100 ORDER BY i) FROM unnest(expected) WITH ORDINALITY u(e, i))) AS right_in_cents
FROM published;
-- the same through the window function
SELECT id, source, ours, expected
FROM (SELECT id, source, expected, array_agg(share ORDER BY i) AS ours
	  FROM (SELECT id, source, expected, i, apportion(units, w, 1) OVER (PARTITION BY id ORDER BY i) AS share
			FROM published, unnest(weights) WITH ORDINALITY u(w, i)) s
	  GROUP BY id, source, expected) t
WHERE ours IS DISTINCT FROM expected;

-- cases 06 and 07: mixed signs were divided by pg_int_split (-7 17); here they are refused
SELECT apportion_array(10, '{-3,7}', 1);

-- Random inputs against largest remainder with exact numerics in SQL
SELECT setseed(0.75);
CREATE TEMP TABLE input AS
SELECT p, i, q, amount,
	   CASE WHEN random() < 0.05 THEN NULL
			WHEN random() < 0.1 THEN 0
			WHEN p % 3 = 0 THEN trunc(random()::numeric * 4)
			WHEN p % 3 = 1 THEN round(random()::numeric * 100000, 2)
			ELSE random()::numeric * 10::numeric ^ (p % 12) / 7 END AS w
FROM (SELECT p, q, q * trunc((random()::numeric - 0.3) * 10::numeric ^ (p % 25)) AS amount
	  FROM generate_series(1, 2000) p,
		   LATERAL (SELECT (ARRAY[0.01, 1, 0.5, 100, 10000, 0.0001])[1 + p % 6] AS q) v) a,
	 LATERAL generate_series(1, 1 + p % 23) i;
INSERT INTO input SELECT p, 0, q, amount, 1 FROM (SELECT DISTINCT p, q, amount FROM input) d;
-- long lists, where the cut is selected and not sorted
INSERT INTO input SELECT 3000, i, 0.01, 1234.56, round(random()::numeric * 100, 2) FROM generate_series(1, 20000) i;
INSERT INTO input SELECT 3001, i, 1, 7001, 5 FROM generate_series(1, 9999) i;
INSERT INTO input SELECT 3002, i, 1, -777, trunc(random()::numeric * 3) FROM generate_series(1, 1000) i;
INSERT INTO input SELECT 3003, i, 0.01, 1e12, 1::numeric / i FROM generate_series(1, 3000) i;

CREATE TEMP VIEW ours AS
SELECT p, i, apportion(amount, w, q) OVER (PARTITION BY p ORDER BY i) AS share FROM input;
-- the weights here have fewer than 28 digits, so none of them is rounded
CREATE TEMP VIEW theirs AS
SELECT p, i, CASE WHEN w IS NOT NULL THEN sign(amount) * q * (share + (place <= units - given)::int) END AS share
FROM (SELECT *, sum(share) OVER (PARTITION BY p) AS given,
			 row_number() OVER (PARTITION BY p ORDER BY units * w - share * whole DESC NULLS LAST, w DESC, i) AS place
	  FROM (SELECT *, div(units * w, whole) AS share
			FROM (SELECT *, div(abs(amount), q) AS units, sum(w) OVER (PARTITION BY p) AS whole
				  FROM input) a) b) c;
SELECT count(*), count(share) > 50000 AS most_have_a_weight FROM ours;
SELECT * FROM ours EXCEPT SELECT * FROM theirs;
SELECT * FROM theirs EXCEPT SELECT * FROM ours;

-- every share is a multiple of the quantum, less than one quantum from the
-- exact share, and at the quantum's scale; weights of 0 get 0; sums are exact
SELECT count(*) AS broken
FROM (SELECT o.*, n.q, n.w, n.amount, sum(o.share) OVER (PARTITION BY p) AS total,
			 sum(n.w) OVER (PARTITION BY p) AS whole
	  FROM ours o JOIN input n USING (p, i)) t
WHERE total <> amount OR mod(share, q) <> 0 OR scale(share) <> scale(q)
   OR (w = 0 AND share <> 0) OR (w IS NULL) <> (share IS NULL)
   OR abs(share * whole - amount * w) >= q * whole;

-- row order does not matter where ORDER BY is the same
SELECT count(*) AS different
FROM ours o
JOIN (SELECT p, i, apportion(amount, w, q) OVER (PARTITION BY p ORDER BY i) AS share
	  FROM (SELECT * FROM input ORDER BY md5(p::text || ' ' || i::text)) s) s USING (p, i)
WHERE o.share IS DISTINCT FROM s.share;

-- weights at several scales, the finest last; and one too fine for 64 bits
SELECT w, apportion(1000, w, 1) OVER (ORDER BY n)
FROM (VALUES (1, 2), (2, 3.5), (3, NULL), (4, 0.125), (5, 7.00000)) v(n, w);
SELECT w, apportion(1000, w, 1) OVER (ORDER BY n)
FROM (VALUES (1, 9e18), (2, 0.1), (3, 9000000000000000000.0000000000001)) v(n, w);
SELECT w, apportion(1000, w, 1) OVER (ORDER BY n)
FROM (VALUES (1, 9e18), (2, 9e18), (3, NULL), (4, 9e18)) v(n, w);
-- an amount beyond 64 bits
SELECT w, apportion(1e30, w) OVER (ORDER BY n), apportion(-1e30, w) OVER (ORDER BY n)
FROM (VALUES (1, 1), (2, 1), (3, NULL), (4, 1)) v(n, w);

-- named and default arguments, integer arguments, parameters
SELECT apportion(weight => g, amount => 10, quantum => 1) OVER (ORDER BY g) FROM generate_series(1, 3) g;
PREPARE split(numeric, numeric) AS SELECT apportion($1, g, $2) OVER (ORDER BY g) FROM generate_series(1, 3) g;
EXECUTE split(10, 0.5);
EXECUTE split(10, 0.0001);
DEALLOCATE split;
-- the frame is ignored, and other window functions go along
SELECT g, apportion(10, g, 1) OVER w, sum(g) OVER w, row_number() OVER w
FROM generate_series(1, 4) g WINDOW w AS (ORDER BY g ROWS BETWEEN CURRENT ROW AND CURRENT ROW);
-- two windows, two orders, two shares at once
SELECT g, apportion(10, 1, 1) OVER (ORDER BY g), apportion(10, 1, 1) OVER (ORDER BY g DESC), apportion(20, g, 5) OVER (ORDER BY g)
FROM generate_series(1, 4) g ORDER BY g;

-- NULL: no information.  No amount, no shares; no weight, no part in it.
SELECT g, apportion(NULL, g) OVER () FROM generate_series(1, 2) g;
SELECT p, w, apportion(a, w) OVER (PARTITION BY p ORDER BY w)
FROM (VALUES (1, 100, 1), (1, 100, 3), (2, NULL, 1), (2, NULL, 1), (3, 7, NULL), (3, 7, 5)) v(p, a, w);
SELECT apportion(0, NULL) OVER () FROM generate_series(1, 2);
SELECT apportion(0.00, 0) OVER () FROM generate_series(1, 2);
SELECT apportion(1, 1) OVER () WHERE false;
SELECT apportion_array(NULL, '{1}') IS NULL AS a, apportion_array(1, NULL) IS NULL AS w, apportion_array(1, '{1}', NULL) IS NULL AS q;
SELECT apportion_array(1, '{1,NULL,0}'), apportion_array(0, '{}'), apportion_array(0, '{NULL}');
-- bounds of the array are kept
SELECT apportion_array(10, '[3:5]={1,1,2}', 1);

-- Errors
\set VERBOSITY default
SELECT apportion(100, 1) OVER () FROM generate_series(1, 3);
SELECT apportion(1, w, 1) OVER (ORDER BY k) FROM (VALUES (1, 5), (2, 5), (2, 5), (3, 5)) v(k, w);
SELECT apportion(2, w, 1) OVER (ORDER BY k) FROM (VALUES (1, 5), (2, 5), (2, 5), (3, 5)) v(k, w);
SELECT apportion(-2, w, 0.5) OVER (ORDER BY k) FROM (VALUES (1, 1::numeric / 3), (1, 1::numeric / 3), (1, 1::numeric / 3)) v(k, w);
SELECT apportion(a, 1) OVER (ORDER BY a) FROM (VALUES (100), (200)) v(a);
SELECT apportion(a, 1) OVER (ORDER BY a) FROM (VALUES (100), (NULL)) v(a);
SELECT apportion(a, 1) OVER (ORDER BY a NULLS FIRST) FROM (VALUES (100), (NULL)) v(a);
-- the same amount written differently is the same amount
SELECT apportion(a, a * 3) OVER (ORDER BY a::text) FROM (VALUES (100.0), (100.00), (100)) v(a);
SELECT apportion(10, 1, q) OVER (ORDER BY q) FROM (VALUES (0.5), (1)) v(q);
SELECT apportion(10, 1, q) OVER (ORDER BY q) FROM (VALUES (0.5), (NULL)) v(q);
SELECT apportion(10, 1, NULL) OVER ();
SELECT apportion(10, w) OVER (ORDER BY w DESC) FROM (VALUES (1.5), (-0.25)) v(w);
SELECT apportion(10, w) OVER (ORDER BY w DESC) FROM (VALUES (1::numeric / 3), (-1::numeric / 3)) v(w);
SELECT apportion(10, greatest(w, 0)) OVER (ORDER BY w DESC) FROM (VALUES (1.5), (-0.25)) v(w);
SELECT apportion(10, w) OVER () FROM (VALUES ('NaN'::numeric), (1)) v(w);
SELECT apportion(10, w) OVER () FROM (VALUES (1), ('Infinity'::numeric)) v(w);
SELECT apportion(10, 0) OVER () FROM generate_series(1, 3);
SELECT apportion(10, NULL) OVER () FROM generate_series(1, 3);
SELECT apportion(10.001, 1) OVER ();
SELECT apportion('NaN', 1) OVER ();
SELECT apportion(10, 1, 0) OVER ();
SELECT apportion(10, 1);
SELECT apportion_array(1, '{}');
SELECT apportion_array(1, '{NULL}');
SELECT apportion_array(1, '{0,NULL}');
SELECT apportion_array(1, '{{1,2},{3,4}}');
SELECT apportion_array(1, '{1,-1}');
-- each with its own code
\set VERBOSITY sqlstate
SELECT apportion(100, 1) OVER () FROM generate_series(1, 3);
SELECT apportion(a, 1) OVER (ORDER BY a) FROM (VALUES (100), (200)) v(a);
SELECT apportion(10, 1, NULL) OVER ();
SELECT apportion(10, -1) OVER ();
SELECT apportion(10, 0) OVER ();
SELECT apportion(10.001, 1) OVER ();
SELECT apportion(1e40, 1) OVER ();
\set VERBOSITY default

-- What the catalog says
SELECT p.proname, p.prokind, p.provolatile, p.proparallel, p.proisstrict, obj_description(p.oid) IS NOT NULL AS commented
FROM pg_proc p WHERE p.pronamespace = 'target_split'::regnamespace AND p.proname LIKE 'apportion%' ORDER BY 1;
