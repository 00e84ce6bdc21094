--
-- rake() OVER (..): amounts like a seed that fit several margins
--
SET search_path = public, target_split;

-- A table of rows and columns as rows: seeds by row, margins by row and by column
CREATE FUNCTION grid(seeds numeric[], row_total numeric[], column_total numeric[])
RETURNS TABLE(r int, c int, seed numeric, keys text[], totals numeric[])
LANGUAGE sql IMMUTABLE AS
$$
SELECT r, c, seeds[(r - 1) * cardinality(column_total) + c],
	   ARRAY[chr(64 + r), c::text], ARRAY[row_total[r], column_total[c]]
FROM generate_series(1, cardinality(row_total)) r, generate_series(1, cardinality(column_total)) c;
$$;

-- Case 30: ipfn's example, to a billionth
SELECT r, string_agg(x::text, ' ' ORDER BY c) AS amounts, sum(x)
FROM (SELECT *, rake(seed, keys, totals, 0.000000000001) OVER (ORDER BY r, c) AS x
	  FROM grid('{8,4,6,7,3,6,5,2,9,11,3,1}', '{20,18,22}', '{18,16,12,14}')) s GROUP BY r ORDER BY r;
SELECT max(abs(x - expected)) < 1e-9 AS equal
FROM (SELECT rake(seed, keys, totals, 0.000000000001) OVER (ORDER BY r, c) AS x,
			 ('{5.579361394022,2.162466941637,3.891873715185,8.366297949156,3.433199676456,5.322602556148,5.321827529938,3.922370237459,8.987438929522,8.514930502215,2.786298754877,1.711331813385}'::numeric[])[(r - 1) * 4 + c] AS expected
	  FROM grid('{8,4,6,7,3,6,5,2,9,11,3,1}', '{20,18,22}', '{18,16,12,14}')) s;

-- Case 31: five margins, three of which follow from the two others, which two
-- families are: all are exact in whole numbers
CREATE TABLE five AS
SELECT i, j, k, seed, ARRAY[i::text, j::text, k::text, i || '/' || j, j || '/' || k] AS keys,
	   ARRAY[('{52,48}'::numeric[])[i], ('{20,30,35,15}'::numeric[])[j], ('{35,40,25}'::numeric[])[k],
			 ('{9,17,19,7,11,13,16,8}'::numeric[])[(i - 1) * 4 + j], ('{7,9,4,8,12,10,15,12,8,5,7,3}'::numeric[])[(j - 1) * 3 + k]] AS totals
FROM (SELECT (n - 1) / 12 + 1 AS i, (n - 1) / 3 % 4 + 1 AS j, (n - 1) % 3 + 1 AS k, s AS seed
	  FROM unnest('{1,2,1,3,5,5,6,2,2,1,7,2,5,4,2,5,5,5,3,8,7,2,7,6}'::numeric[]) WITH ORDINALITY u(s, n)) t;
SELECT i, j, string_agg(exact::text, ' ' ORDER BY k) AS exact, string_agg(whole::text, ' ' ORDER BY k) AS whole
FROM (SELECT *, rake(seed, keys, totals, 0.000001) OVER w AS exact, rake(seed, keys, totals, 1) OVER w AS whole
	  FROM five WINDOW w AS (ORDER BY i, j, k)) s GROUP BY i, j ORDER BY i, j;
SELECT m, count(*) AS groups, count(*) FILTER (WHERE x = total) AS exact, max(far) < 1 AS fair
FROM (SELECT m, keys[m] AS g, max(totals[m]) AS total, sum(whole) AS x, max(abs(whole - exact)) AS far
	  FROM (SELECT *, rake(seed, keys, totals, 0.000001) OVER w AS exact, rake(seed, keys, totals, 1) OVER w AS whole
			FROM five WINDOW w AS (ORDER BY i, j, k)) s, generate_series(1, 5) m GROUP BY 1, 2) t GROUP BY m ORDER BY m;

-- Case 32: small published examples
SELECT string_agg(rake::text, ' ' ORDER BY r, c) AS mipfp_1 FROM (SELECT r, c, rake(seed, keys, totals) OVER (ORDER BY r, c) FROM grid('{1,1,1,1}', '{30,70}', '{50,50}')) s;
SELECT string_agg(rake::text, ' ' ORDER BY r, c) AS unknown_margins FROM (SELECT r, c, rake(seed, keys, totals) OVER (ORDER BY r, c) FROM grid('{1,1,1,1,1,1}', '{40,60}', '{NULL,10,NULL}')) s;
SELECT string_agg(rake::text, ' ' ORDER BY r, c) AS humanleague FROM (SELECT r, c, rake(seed, keys, totals) OVER (ORDER BY r, c) FROM grid('{1,1,1,1}', '{52,48}', '{87,13}')) s;
SELECT string_agg(rake::text, ' ' ORDER BY r, c) AS ras FROM (SELECT r, c, rake(seed, keys, totals, 0.0000000001) OVER (ORDER BY r, c) FROM grid('{3,4,2,7,4,3}', '{10,12}', '{4,10,8}')) s;
SELECT string_agg(rake::text, ' ' ORDER BY r, c) AS survey FROM (SELECT r, c, rake(seed, keys, totals, 0.0000000001) OVER (ORDER BY r, c) FROM grid('{7,9,12,7}', '{5,15}', '{10,10}')) s;

-- Case 33: the limit is on the boundary
SELECT string_agg(rake::text, ' ' ORDER BY r, c) AS boundary FROM (SELECT r, c, rake(seed, keys, totals, 0.000000001) OVER (ORDER BY r, c) FROM grid('{1,0,1,0,1,1}', '{4,8}', '{4,2,6}')) s;

-- Case 34: what other libraries call converged is an error here, with a reason
SELECT rake(seed, keys, totals, names => '{product,region}') OVER (ORDER BY r, c) FROM grid('{1,1,0,1}', '{3,7}', '{8,2}');
SELECT rake(seed, keys, totals, names => '{product,region}') OVER (ORDER BY r, c) FROM grid('{1,1,0,1}', '{5,5}', '{8,2}');
SELECT rake(seed, keys, totals, names => '{product,region}') OVER (ORDER BY r, c) FROM grid('{1,0,1,1}', '{8,2}', '{3,7}');
SELECT rake(seed, keys, totals) OVER (ORDER BY r, c) FROM grid('{1,4,7,2,5,8}', '{100,100}', '{60,120,30}');
SELECT rake(seed, keys, totals) OVER (ORDER BY r, c) FROM grid('{1,1,1,1,1,1}', '{40,60}', '{50,31,20}');
SELECT rake(seed, keys, totals) OVER (ORDER BY r, c) FROM grid('{1,2,3,4}', '{10,20}', '{16,16}');
SELECT string_agg(rake::text, ' ' ORDER BY r, c) AS a_total_of_0 FROM (SELECT r, c, rake(seed, keys, totals) OVER (ORDER BY r, c) FROM grid('{1,2,3,4}', '{0,20}', '{8,12}')) s;
SELECT rake(seed, keys, totals) OVER (ORDER BY r, c) FROM grid('{0,0,3,4}', '{1,20}', '{8,13}');
-- pairs of axes: no 2 x 2 x 2 table has them, although all totals agree
SELECT rake(1, ARRAY[i || ',' || j, i || ',' || k, j || ',' || k],
			ARRAY[CASE WHEN i = j THEN 1 ELSE 5 END, CASE WHEN i = k THEN 1 ELSE 5 END, CASE WHEN j = k THEN 1 ELSE 5 END]) OVER (ORDER BY i, j, k)
FROM generate_series(1, 2) i, generate_series(1, 2) j, generate_series(1, 2) k;

-- where neither a table nor a reason is found it says so
CREATE TABLE unknown AS
SELECT i, j, k, ('{2,1,0,1,4,2,0,0,1,1,0,2,0,4,4,5,5,0}'::numeric[])[i * 6 + j * 3 + k + 1] AS seed,
	   ('{1,3,0,4,4,1,1,0,2,3,0,5,0,3,5,3,5,0}'::numeric[])[i * 6 + j * 3 + k + 1] AS fits
FROM generate_series(0, 2) i, generate_series(0, 1) j, generate_series(0, 2) k;
SELECT rake(seed, ARRAY[i || ',' || j, i || ',' || k, j || ',' || k], ARRAY[ij, ik, jk], 1) OVER (ORDER BY i, j, k)
FROM (SELECT *, sum(fits) OVER (PARTITION BY i, j) AS ij, sum(fits) OVER (PARTITION BY i, k) AS ik, sum(fits) OVER (PARTITION BY j, k) AS jk FROM unknown) s;
DROP TABLE unknown;

-- Case 16: margins that seeds of 0 make impossible
SELECT rake(seed, keys, totals, 1) OVER (ORDER BY r, c) FROM grid('{0,0,0,1,4,0,0,3,20}', '{0,2,6}', '{4,1,3}');
SELECT rake(seed, keys, totals, 1) OVER (ORDER BY r, c) FROM grid('{5,0,0,15,0,16}', '{2,1,1}', '{3,1}');
SELECT rake(seed, keys, totals, 1) OVER (ORDER BY r, c) FROM grid('{0,0,10,10,20,0,15,10,0,0,0,20}', '{2,1,1,1}', '{3,1,1}');
SELECT rake(seed, keys, totals, 1) OVER (ORDER BY r, c) FROM grid('{1000,0,10,1}', '{2,0}', '{1,1}');
SELECT rake(seed, keys, totals, 1) OVER (ORDER BY r, c) FROM grid('{12,5,0,0,10,5,0,0,0,0,6,10,0,0,10,5}', '{6,5,5,5}', '{5,5,5,6}');
-- tied: by ORDER BY, and with a zero diagonal: solved
SELECT string_agg(rake::text, ' ' ORDER BY r, c) AS tied FROM (SELECT r, c, rake(seed, keys, totals, 1) OVER (ORDER BY r, c) FROM grid('{10,10,10,10}', '{2,2}', '{3,1}')) s;
SELECT string_agg(rake::text, ' ' ORDER BY r, c) AS diagonal FROM (SELECT r, c, rake(seed, keys, totals, 1, rounding => 'biproportional') OVER (ORDER BY r, c) FROM grid('{0,20,100,20,0,100,100,20,0}', '{51,43,76}', '{50,30,90}')) s;

-- Cases 10, 11, 12: biproportional apportionment, published and official results
SELECT string_agg(rake::text, ' ' ORDER BY r, c) AS wikipedia_1 FROM (SELECT r, c, rake(seed, keys, totals, 1, rounding => 'biproportional') OVER (ORDER BY r, c) FROM grid('{123,45,815,912,714,414,312,255,215}', '{5,11,4}', '{7,5,8}')) s;
SELECT string_agg(rake::text, ' ' ORDER BY r, c) AS wikipedia_2 FROM (SELECT r, c, rake(seed, keys, totals, 1, rounding => 'biproportional') OVER (ORDER BY r, c) FROM grid('{51,98,45,60,100,120,63,102,144}', '{4,5,6}', '{4,5,6}')) s;
SELECT r, string_agg(x::text, ' ' ORDER BY c) AS biproportional, string_agg(y::text, ' ' ORDER BY c) AS least_squares
FROM (SELECT *, rake(seed, keys, totals, 1, rounding => 'biproportional') OVER w AS x, rake(seed, keys, totals, 1) OVER w AS y
	  FROM grid('{11471,2822,2309,4794,11908,1606,1705,2600,9213,1567,946,2961,7756,2945,1573,3498}', '{12,9,7,9}', '{15,7,6,9}')
	  WINDOW w AS (ORDER BY r, c)) s GROUP BY r ORDER BY r;
CREATE TABLE zug AS
SELECT list, c, weight, expected, ARRAY[list, c::text] AS keys,
	   ARRAY[('{NULL,11,21,17,4,9,18}'::numeric[])[list::int], ('{15,10,6,3,2,4,7,6,6,2,19}'::numeric[])[c]] AS totals
FROM (VALUES
('2', '{8108,4687,1584,531,279,477,2363,3860,1481,91,22023}', '{2,1,1,0,0,0,1,2,1,0,3}'),
('3', '{19389,9334,4807,1946,396,2844,3523,4702,3310,812,21343}', '{3,3,2,1,1,2,2,2,1,1,3}'),
('4', '{14814,6691,4005,826,379,1654,2842,2624,2713,461,33789}', '{2,2,1,1,0,1,2,1,1,1,5}'),
('5', '{4486,2270,621,198,NULL,361,728,465,925,NULL,10131}', '{1,1,0,0,NULL,0,0,0,0,NULL,2}'),
('6', '{15695,4705,1750,84,NULL,51,627,1106,1563,302,21794}', '{3,1,1,0,NULL,0,0,0,1,0,3}'),
('7', '{21298,8178,2875,1336,399,1450,3715,2610,4063,344,26798}', '{4,2,1,1,1,1,2,1,2,0,3}')) v(list, weights, units), unnest(weights::numeric[], units::numeric[]) WITH ORDINALITY u(weight, expected, c);
SELECT list, string_agg(coalesce(x::text, '-'), ' ' ORDER BY c) AS biproportional, bool_and(x = expected) AS official,
	   string_agg(coalesce(y::text, '-'), ' ' ORDER BY c) AS least_squares, count(*) FILTER (WHERE x <> y) AS differ
FROM (SELECT *, rake(weight, keys, totals, 1, rounding => 'biproportional') OVER w AS x, rake(weight, keys, totals, 1) OVER w AS y
	  FROM zug WINDOW w AS (ORDER BY list, c)) s GROUP BY list ORDER BY list;
SELECT round(sum((x - exact) ^ 2), 4) AS biproportional, round(sum((y - exact) ^ 2), 4) AS least_squares
FROM (SELECT rake(weight, keys, totals, 0.0000001) OVER w AS exact, rake(weight, keys, totals, 1, rounding => 'biproportional') OVER w AS x,
			 rake(weight, keys, totals, 1) OVER w AS y
	  FROM zug WINDOW w AS (ORDER BY list, c)) s;

-- Cases 20, 21: controlled rounding.  The seeds fit already; the sums of squares
-- are those of the best tables.
SELECT string_agg(rake::text, ' ' ORDER BY r, c) AS census, sum((rake - seed) ^ 2) AS squares
FROM (SELECT r, c, seed, rake(seed, keys, totals, 1) OVER (ORDER BY r, c) FROM grid('{11.998,9.083,2.919,12.983,10.872,3.145,1.019,2.045,0.936}', '{24,27,4}', '{26,22,7}')) s;
SELECT string_agg(rake::text, ' ' ORDER BY r, c) AS humanleague, sum((rake - seed) ^ 2) AS squares, sqrt(sum((rake - seed) ^ 2) / 16) AS rmse
FROM (SELECT r, c, seed, rake(seed, keys, totals, 1) OVER (ORDER BY r, c) FROM grid('{0.3,1.2,2,1.5,0.6,2.4,4,3,1.5,6,10,7.5,0.6,2.4,4,3}', '{5,10,25,10}', '{3,12,20,15}')) s;
-- three margins of 5, 4 and 5 groups: humanleague asks for a root mean square below 1.05717
CREATE TABLE cube AS
SELECT i, j, k, ARRAY[i::text, j::text, k::text] AS keys,
	   ARRAY[('{111,112,113,114,110}'::numeric[])[i], ('{136,142,143,139}'::numeric[])[j], ('{111,112,113,114,110}'::numeric[])[k]] AS totals
FROM generate_series(1, 5) i, generate_series(1, 4) j, generate_series(1, 5) k;
SELECT sqrt(sum((x - totals[1] * totals[2] * totals[3] / 560 ^ 2) ^ 2) / 100) < 0.5 AS better_than_one_half, max(abs(x - totals[1] * totals[2] * totals[3] / 560 ^ 2)) < 1 AS fair
FROM (SELECT *, rake(1, keys, totals, 1) OVER (ORDER BY i, j, k) AS x FROM cube) s;
SELECT m, bool_and(x = total) AS exact FROM (SELECT m, keys[m], max(totals[m]) AS total, sum(x) AS x FROM (SELECT *, rake(1, keys, totals, 1) OVER (ORDER BY i, j, k) AS x FROM cube) s, generate_series(1, 3) m GROUP BY 1, 2) t GROUP BY m ORDER BY m;

-- Case 22: three margins that no table of whole numbers has.  An error, or the first
-- margins exactly and a warning that lists the others.
CREATE TABLE half AS
SELECT i, j, k, CASE WHEN (i + j + k) % 2 = 1 THEN 0.5 ELSE 0 END AS seed, ARRAY[i::text, j::text, k::text] AS keys
FROM generate_series(1, 2) i, generate_series(1, 2) j, generate_series(1, 2) k;
SELECT rake(seed, keys, '{1,1,1}', 1) OVER (ORDER BY i, j, k) FROM half;
SELECT string_agg(rake::text, ' ' ORDER BY i, j, k) AS first_two FROM (SELECT i, j, k, rake(seed, keys, '{1,1,1}', 1, on_inexact => 'warn') OVER (ORDER BY i, j, k) FROM half) s;
-- a finer quantum, or seeds above 0, help
SELECT string_agg(rake::text, ' ' ORDER BY i, j, k) AS finer FROM (SELECT i, j, k, rake(seed, keys, '{1,1,1}', 0.1) OVER (ORDER BY i, j, k) FROM half) s;
SELECT string_agg(rake::text, ' ' ORDER BY i, j, k) AS fuller FROM (SELECT i, j, k, rake(greatest(seed, 0.001), keys, '{1,1,1}', 1) OVER (ORDER BY i, j, k) FROM half) s;
-- where there are whole amounts beside them, one of these moves by a unit
SELECT string_agg(rake::text, ' ' ORDER BY i, j, k) AS moved FROM (SELECT i, j, k, rake(CASE WHEN seed = 0 THEN 1 ELSE seed END, keys, '{3,3,3}', 1) OVER (ORDER BY i, j, k) FROM half) s;
CREATE TABLE lines AS
SELECT i, j, k, ('{0,1,0,.5,0,.5,.5,0,.5,.5,0,.5,.5,.5,0,0,.5,.5,.5,0,.5,0,.5,.5,.5,.5,0}'::numeric[])[(i - 1) * 9 + (j - 1) * 3 + k] AS seed
FROM generate_series(1, 3) i, generate_series(1, 3) j, generate_series(1, 3) k;
SELECT rake(seed, ARRAY[i || '.' || j, i || '.' || k, j || '.' || k], '{1,1,1}', 1, names => '{"row","column","line"}') OVER (ORDER BY i, j, k) FROM lines;
SELECT string_agg(rake::text, ' ' ORDER BY i, j, k) AS first_two
FROM (SELECT i, j, k, rake(seed, ARRAY[i || '.' || j, i || '.' || k, j || '.' || k], '{1,1,1}', 1, on_inexact => 'warn', names => '{"row","column","line"}') OVER (ORDER BY i, j, k) FROM lines) s;

-- Bounds and locks
SELECT string_agg(rake::text, ' ' ORDER BY r, c) AS at_most_6 FROM (SELECT r, c, rake(seed, keys, totals, at_most => 6) OVER (ORDER BY r, c) FROM grid('{1,9,1,1}', '{10,10}', '{10,10}')) s;
SELECT string_agg(rake::text, ' ' ORDER BY r, c) AS locked
FROM (SELECT r, c, rake(seed, keys, totals, at_least => fixed, at_most => fixed) OVER (ORDER BY r, c) FROM (SELECT *, CASE WHEN r = 1 AND c = 1 THEN 3 END AS fixed FROM grid('{1,1,1,1}', '{10,10}', '{12,8}')) g) s;
SELECT rake(seed, keys, totals, at_most => 4) OVER (ORDER BY r, c) FROM grid('{1,1,1,1}', '{10,10}', '{10,10}');
SELECT rake(seed, keys, totals, at_least => 6) OVER (ORDER BY r, c) FROM grid('{1,1,1,1}', '{10,14}', '{12,12}');
SELECT rake(seed, keys, totals, at_least => fixed, at_most => fixed) OVER (ORDER BY r, c) FROM (SELECT *, CASE WHEN r = 1 AND c = 1 THEN 1 END AS fixed FROM grid('{1,1,1,1}', '{10,10}', '{12,8}')) g;
SELECT rake(seed, keys, totals, at_least => 3, at_most => 2) OVER (ORDER BY r, c) FROM grid('{1,1,1,1}', '{10,10}', '{12,8}');
-- upper and lower bounds on both sides: what they say adds up
SELECT rake(1, ARRAY[line, region], ARRAY[CASE line WHEN 'Bikes' THEN 6 ELSE 4 END, CASE region WHEN 'North' THEN 3 END], at_least => least, at_most => most, names => '{line,region}') OVER (ORDER BY line, region)
FROM (VALUES ('Bikes', 'North', NULL, 1.7), ('Bikes', 'West', NULL, NULL), ('Helmets', 'North', NULL, NULL), ('Helmets', 'West', 2.8, NULL)) v(line, region, least, most);
-- a floor lifts a seed of 0
SELECT string_agg(rake::text, ' ' ORDER BY r, c) AS lifted FROM (SELECT r, c, rake(seed, keys, totals, at_least => 1) OVER (ORDER BY r, c) FROM grid('{0,1,1,1}', '{10,10}', '{12,8}')) s;

-- Margins that are trees: months and quarters, against products
CREATE TABLE year AS
SELECT p, m, 10 + (p * 7 + m * 5) % 11 AS seed, ARRAY['p' || p, 'q' || (m + 2) / 3, 'm' || m] AS keys
FROM generate_series(1, 4) p, generate_series(1, 12) m;
SELECT p, string_agg(x::text, ' ' ORDER BY m) AS months, sum(x)
FROM (SELECT *, rake(seed, keys, ARRAY[(100 + p)::numeric, ('{90,100,110,110}'::numeric[])[(m + 2) / 3], NULL], 1) OVER (ORDER BY p, m) AS x FROM year) s GROUP BY p ORDER BY p;
SELECT rake(seed, keys, ARRAY[(100 + p)::numeric, ('{90,100,110,110}'::numeric[])[(m + 2) / 3], CASE WHEN m < 4 THEN 31 END], 1, names => '{product,quarter,month}') OVER (ORDER BY p, m) FROM year;

-- months without totals are fair: over all products floor or ceiling of what they would have
SELECT count(*) AS months, max(abs(x - exact)) < 1 AS fair, sum(x) AS year
FROM (SELECT m, sum(x) AS x, sum(exact) AS exact
	  FROM (SELECT m, rake(seed, keys, totals, 1) OVER w AS x, rake(seed, keys, totals, 0.00001) OVER w AS exact
			FROM (SELECT p, m, 10 + (p * 7 + m * 5) % 11 AS seed, ARRAY['p' || p, 'q' || (m + 2) / 3, 'm' || m] AS keys, ARRAY[100 + p, 1205, NULL] AS totals
				  FROM generate_series(1, 40) p, generate_series(1, 12) m) y WINDOW w AS (ORDER BY p, m)) s GROUP BY m) t;
SELECT string_agg(rake::text, ' ' ORDER BY i) AS all_free FROM (SELECT i, rake(5.005, '{a}', '{NULL}') OVER (ORDER BY i) FROM generate_series(1, 3) i) s;
-- a margin with gaps (s is b5, and all of g3): it fits above and below others, but not everywhere
SELECT a, string_agg(x::text, ' ' ORDER BY b) AS amounts, sum(x)
FROM (SELECT a, b, rake(abs(hashint4(a * 10 + b)) % 50 + 1, ARRAY['b' || b, CASE WHEN b = 5 THEN 's' END, CASE WHEN b < 3 THEN 'g1' WHEN b < 5 THEN 'g2' ELSE 'g3' END, 'a' || a],
					   ARRAY[('{10,11,12,NULL,NULL}'::numeric[])[b], 13, ('{21,23,NULL}'::numeric[])[(b + 1) / 2], ('{14,15,13,15}'::numeric[])[a]], 1) OVER (ORDER BY a, b) AS x
	  FROM generate_series(1, 4) a, generate_series(1, 5) b) s GROUP BY a ORDER BY a;
-- of two margins that do not agree one may lie within the other, or be the same rows
SELECT rake(1, ARRAY['p', 'r' || i], ARRAY[10, CASE WHEN i > 1 THEN 6 END], names => '{product,region}') OVER (ORDER BY i) FROM generate_series(1, 3) i;
SELECT rake(1, ARRAY['p', 'r' || i], ARRAY[10, 6], names => '{product,region}') OVER (ORDER BY i) FROM generate_series(1, 3) i;

-- One margin: as apportion does; none, and rows that take no part
SELECT bool_and(a = b) AS same
FROM (SELECT rake(w, ARRAY['all'], ARRAY[1000]) OVER (ORDER BY i) AS a, apportion(1000, w) OVER (ORDER BY i) AS b FROM (SELECT i, (i * 37 % 101)::numeric AS w FROM generate_series(1, 200) i) v) s;
SELECT i, rake(seed, keys, totals) OVER (ORDER BY i) FROM (VALUES (1, 1, '{a,x}'::text[], '{10,5}'::numeric[]), (2, NULL, '{b,y}', '{7,8}'), (3, 1, '{a,y}', '{10,5}'), (4, 5.25, '{NULL,NULL}', '{1,2}')) v(i, seed, keys, totals);
SELECT rake(NULL, '{a}', '{1}') OVER () FROM generate_series(1, 2);
SELECT rake(1, '{a}', '{1}') OVER () WHERE false;
SELECT rake(1, '{}', '{}') OVER ();
SELECT rake(1, NULL, '{1}') OVER ();
SELECT rake(1, '{a}', NULL) OVER ();
SELECT rake(1, '{a,b}', '{1}') OVER ();
SELECT rake(1, k, '{1}') OVER () FROM (VALUES ('{a}'::text[]), ('{a,b}')) v(k);
SELECT rake(1, k, t) OVER () FROM (VALUES ('{a}'::text[], '{1}'::numeric[]), ('{a,b}', '{1,2}')) v(k, t);
SELECT rake(1, array_fill('a'::text, '{33}'), array_fill(1, '{33}')) OVER ();
SELECT rake(1, '{a}', t) OVER () FROM (VALUES (NULL::numeric[]), ('{1}')) v(t);
SELECT rake(1, '{a}', t) OVER () FROM (VALUES ('{1,2}'::numeric[]), ('{1}')) v(t);
SELECT rake(1, '{{a},{b}}', '{1,2}') OVER ();
SELECT rake(1, '{a}', '{{1},{2}}') OVER ();
SELECT rake(-1, '{a}', '{1}') OVER ();
SELECT rake('NaN', '{a}', '{1}') OVER ();
SELECT rake(1, '{a}', '{-1}') OVER ();
SELECT rake(1, '{a}', '{NaN}') OVER ();
SELECT rake(1, '{a}', '{0.005}') OVER ();
SELECT rake(1, '{a}', '{1e30}') OVER ();
SELECT rake(1e30, '{a}', '{1e13}') OVER ();
SELECT rake(1e130, '{a}', '{1}') OVER ();
SELECT rake(1e-130, '{a}', '{1}') OVER ();
SELECT rake(1e-400, '{a}', '{1}') OVER ();
SELECT rake(1e16, ARRAY[NULL, 'b'], ARRAY[1, NULL]) OVER ();
SELECT rake(1e13, ARRAY[NULL, 'b'], ARRAY[1, NULL]) OVER ();
SELECT rake(1, '{a}', '{1}', at_least => 1e30) OVER ();
SELECT rake(1, '{a}', '{1}', at_least => 'NaN') OVER ();
SELECT rake(1, '{a}', '{1}', at_least => -1e30) OVER ();
SELECT rake(1, '{a}', '{1}', at_most => 1e30) OVER ();
SELECT rake(1, '{a}', '{1}', at_most => -0.001) OVER ();
SELECT rake(1, ARRAY['a'], ARRAY[i]) OVER (ORDER BY i) FROM generate_series(1, 2) i;
SELECT rake(1, ARRAY['a'], ARRAY[CASE WHEN i = 1 THEN 1 END]) OVER (ORDER BY i) FROM generate_series(1, 2) i;
SELECT rake(1, ARRAY[i::text], ARRAY[9e12]) OVER (ORDER BY i) FROM generate_series(1, 12) i;
SELECT rake(1, '{a}', '{1}', rounding => 'up') OVER ();
SELECT rake(1, '{a}', '{1}', on_inexact => NULL) OVER ();
SELECT rake(1, '{a}', '{1}', rounding => r) OVER () FROM (VALUES ('least_squares'), ('biproportional')) v(r);
SELECT rake(1, '{a}', '{1}', q) OVER (ORDER BY q) FROM (VALUES (0.01), (0.1)) v(q);
SELECT rake(1, '{a}', '{1}', names => '{x,y}') OVER ();
SELECT rake(seed, keys, '{1,1,1}', 1, rounding => 'biproportional') OVER (ORDER BY i, j, k) FROM half;
-- rows that nothing tells apart: who gets the unit would be chance
SELECT rake(1, ARRAY['a'], ARRAY[0.01]) OVER () FROM generate_series(1, 2);
SELECT string_agg(rake::text, ' ' ORDER BY i) FROM (SELECT i, rake(1, ARRAY[i::text, 'x'], ARRAY[NULL, 0.01]) OVER () FROM generate_series(1, 2) i) s;

-- Random tables.  The totals are those of a table with the seed's zeros, within
-- the bounds, so that they are possible.  Checked by plain sums: every total of
-- two margins exact, each amount less than a unit from the one at a quantum of
-- 0.000001 (with three margins as well); the same amounts whatever the order of the rows.
CREATE TABLE random_cell AS
SELECT t, a, b, c,
	   CASE WHEN abs(hashint8(n * 31 + 1)) % 5 = 0 THEN 0 ELSE 1 + abs(hashint8(n * 31 + 2)) % 1000 END::numeric AS seed,
	   CASE WHEN abs(hashint8(n * 31 + 1)) % 5 = 0 THEN 0 ELSE abs(hashint8(n * 31 + 3)) % 50 END::numeric AS fits
FROM (SELECT row_number() OVER (ORDER BY t, a, b, c) AS n, t, a, b, c
	  FROM generate_series(1, 60) t, LATERAL generate_series(1, 2 + t % 6) a, LATERAL generate_series(1, 2 + t % 5) b, LATERAL generate_series(1, 1 + t % 4) c) x;
CREATE TABLE random_table AS
SELECT *, ARRAY['a' || a, 'b' || b, 'c' || c] AS keys,
	   ARRAY[sum(fits) OVER (PARTITION BY t, a), sum(fits) OVER (PARTITION BY t, b), sum(fits) OVER (PARTITION BY t, c)] AS totals,
	   CASE WHEN t % 3 = 0 THEN floor(fits / 2) END AS at_least, CASE WHEN t % 4 = 0 THEN fits + a END AS at_most
FROM random_cell;
CREATE TABLE raked AS
SELECT *, rake(seed, keys[1:2], totals[1:2], 1, at_least, at_most) OVER w AS two,
	   rake(seed, keys[1:2], totals[1:2], 0.000001, at_least, at_most) OVER w AS two_exact,
	   rake(seed, keys, totals, 1, at_least, at_most, on_inexact => 'warn') OVER w AS three,
	   rake(seed, keys, totals, 0.000001, at_least, at_most) OVER w AS three_exact
FROM random_table WINDOW w AS (PARTITION BY t ORDER BY a, b, c);
SELECT count(*) AS rows, count(DISTINCT t) AS tables,
	   count(*) FILTER (WHERE abs(two - two_exact) >= 1) AS two_far, count(*) FILTER (WHERE abs(three - three_exact) >= 1) AS three_far,
	   count(*) FILTER (WHERE two < at_least OR two > at_most OR three < at_least OR three > at_most OR least(two, three) < 0) AS beyond
FROM raked;
SELECT m, count(*) AS groups, count(*) FILTER (WHERE two <> total AND m < 3) AS two_off, count(*) FILTER (WHERE three <> total) AS three_off
FROM (SELECT t, m, keys[m], max(totals[m]) AS total, sum(two) AS two, sum(three) AS three FROM raked, generate_series(1, 3) m GROUP BY 1, 2, 3) s
GROUP BY m ORDER BY m;
SELECT count(*) AS differ
FROM (SELECT *, rake(seed, keys[1:2], totals[1:2], 1, at_least, at_most) OVER w AS two_again,
			 rake(seed, keys, totals, 1, at_least, at_most, on_inexact => 'warn') OVER w AS three_again
	  FROM (SELECT * FROM raked ORDER BY hashint8(a * 100 + b * 10 + c), t) s WINDOW w AS (PARTITION BY t ORDER BY a, b, c)) s
WHERE two <> two_again OR three <> three_again;
SELECT count(*) AS differ_without_order
FROM (SELECT *, rake(seed, keys, totals, 1, at_least, at_most, on_inexact => 'warn') OVER (PARTITION BY t) AS x,
			 rake(seed, keys, totals, 1, at_least, at_most, on_inexact => 'warn') OVER (PARTITION BY t ORDER BY 1::int) AS y
	  FROM (SELECT * FROM raked ORDER BY hashint8(a * 100 + b * 10 + c), t) s) s
WHERE x <> y;

-- Least squares, by trying all tables: 3 x 3, floors and ceilings
WITH cells AS (
	SELECT t, r, c, rake(seed, keys, totals, 0.000000001) OVER w AS exact, rake(seed, keys, totals, 1) OVER w AS whole
	FROM (SELECT t, g.* FROM generate_series(1, 25) t, LATERAL (SELECT array_agg((1 + abs(hashint8(t * 97 + i)) % 100)::numeric) FROM generate_series(1, 9) i) s(seeds),
		  LATERAL grid(seeds, ARRAY[5 + t % 7, 11, 9 + t % 4], ARRAY[10, 5 + t % 7, 10 + t % 4]) g) x WINDOW w AS (PARTITION BY t ORDER BY r, c)),
tables AS (SELECT t, array_agg(exact ORDER BY r, c) AS exact, sum((whole - exact) ^ 2) AS squares FROM cells GROUP BY t),
tried AS (
	SELECT t, n, sum((floor(exact[i]) + (n >> i - 1 & 1) - exact[i]) ^ 2) AS squares,
		   array_agg(floor(exact[i]) + (n >> i - 1 & 1) ORDER BY i) AS x
	FROM tables, generate_series(0, 511) n, generate_series(1, 9) i GROUP BY t, n)
SELECT count(DISTINCT t) AS tables, count(*) FILTER (WHERE b.squares < t.squares - 1e-6) AS better
FROM (SELECT t, min(squares) AS squares FROM tried
	  WHERE x[1] + x[2] + x[3] = 5 + t % 7 AND x[4] + x[5] + x[6] = 11 AND x[7] + x[8] + x[9] = 9 + t % 4
		AND x[1] + x[4] + x[7] = 10 AND x[2] + x[5] + x[8] = 5 + t % 7 GROUP BY t) b JOIN tables t USING (t);

-- Spilled to disk, with arrays from a table
CREATE TABLE many AS
SELECT i, ARRAY['p' || i / 100, 'r' || i % 100] AS keys, 1 + i * 7919 % 1000 AS seed FROM generate_series(0, 19999) i;
CREATE TABLE many_totals AS
SELECT i, seed, keys, ARRAY[sum(seed) OVER (PARTITION BY keys[1]), sum(seed) OVER (PARTITION BY keys[2])]::numeric[] AS totals FROM many;
SET work_mem = '64kB';
SELECT count(*) AS rows, count(*) FILTER (WHERE x <> seed) AS differ FROM (SELECT seed, rake(seed, keys, totals) OVER (ORDER BY i) AS x FROM many_totals) s;
RESET work_mem;
SET statement_timeout = '10ms';
SELECT count(rake) FROM (SELECT rake(seed, keys, totals) OVER (ORDER BY i) FROM many_totals) s;
RESET statement_timeout;

DROP TABLE five, zug, cube, half, lines, year, random_cell, random_table, raked, many, many_totals;
DROP FUNCTION grid;
