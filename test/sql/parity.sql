-- What other planning systems do with a number, and published figures, against
-- ours.  Each query compares by itself: "same" is t everywhere.
--
-- Sources are named with each block: documentation of IBM TM1 (data spreading),
-- Oracle Essbase (@ALLOCATE, allocations), Oracle OLAP DML (ALLOCATE), Oracle EPM
-- Planning (spread patterns), Microsoft SSAS (UPDATE CUBE), Anaplan (breakback),
-- SAP BW-IP (distribution by reference data), Infor (splashing, phasing),
-- Salesforce (account targets), pg_int_split (README); and four cases: 02 divisor
-- methods, 50 reconciliation, 52 top-down shares, 92 adjusting around locks.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
CREATE SCHEMA parity_test;
SET search_path = parity_test, target_split;
SET datestyle = ISO;

-- A vector is a month of its own: what the cells 1, 2, ... had before.
CREATE TABLE fact (day date, cell text, kind text, amount numeric);
CREATE TABLE vector (name text PRIMARY KEY, month date);
CREATE FUNCTION remember(name text, amounts numeric[]) RETURNS void LANGUAGE sql AS $$
	INSERT INTO vector SELECT remember.name, '2015-01-01'::date + count(*)::int * interval '1 month' FROM vector;
	INSERT INTO fact SELECT v.month, cell::text, 'own', amount
	FROM vector v, unnest(remember.amounts) WITH ORDINALITY AS a (amount, cell) WHERE v.name = remember.name AND amount IS NOT NULL $$;
SELECT remember('10 20 30', '{10,20,30}'), remember('10 20 70', '{10,20,70}'), remember('1000 600 400', '{1000,600,400}'),
	   remember('2 3 4', '{2,3,4}'), remember('1 0 2', '{1,0,2}'), remember('near zero', '{0.1,0.1,0.1,-0.3}'), remember('all zero', '{0,0,0}'),
	   remember('six', '{1,1,1,1,1,1}'), remember('100 200 300 400', '{100,200,300,400}'), remember('negative', '{-1000}');
INSERT INTO fact SELECT month, cell::text, 'reference', amount FROM vector, unnest('{10,20,70}'::numeric[]) WITH ORDINALITY AS a (amount, cell) WHERE name = '10 20 70';
DELETE FROM fact WHERE kind = 'own' AND day = (SELECT month FROM vector WHERE name = '10 20 70') AND cell <> '1';
-- the source says something until the plan begins
INSERT INTO fact VALUES ('2023-12-31', '1', 'own', 1), ('2014-01-01', '1', 'own', 1);
SELECT add_metric('money', unit => 'EUR', quantum => 0.01) > 0 AND add_metric('count', unit => 'pieces', quantum => 1) > 0 AS added;
SELECT count(*) AS levels FROM add_source('money', 'fact', occurred_on => 'day', amount => 'amount', dimensions => '{"cell": "cell", "kind": "kind"}');
SELECT count(*) AS levels FROM add_source('count', 'fact', occurred_on => 'day', amount => 'amount', dimensions => '{"cell": "cell", "kind": "kind"}');
SELECT create_plan('Y', period => '[2024-01-01,2025-01-01)') > 0 AND create_plan('Q', period => '[2024-01-01,2024-04-01)') > 0 AS created;

-- The parts of an amount, split by the arguments of a call; or the message
CREATE FUNCTION basis_of(name text) RETURNS daterange LANGUAGE sql AS $$
	SELECT daterange(month, (month + interval '1 month')::date) FROM vector v WHERE v.name = basis_of.name $$;
CREATE FUNCTION parts(amount numeric, arguments text, plan text DEFAULT 'Y', metric text DEFAULT 'money') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_target(parts.plan, parts.metric, amount => parts.amount);
	EXECUTE format('SELECT string_agg(trim_scale(amount)::text, '' '' ORDER BY number) FROM preview_split(root_target(%L, %L), %s)
					WITH ORDINALITY AS p (target_id, parent_id, depth, level, slice, period, amount, weight, fallback, member_id, n_children, at_least, at_most, number)
					WHERE n_children = 0', plan, metric, arguments) INTO result;
	RETURN result;
EXCEPTION WHEN others THEN
	RETURN SQLERRM;
END $$;
-- the same by history of a vector, with more arguments
CREATE FUNCTION after(vector text, amount numeric, arguments text DEFAULT '', metric text DEFAULT 'money') RETURNS text
LANGUAGE sql AS $$
	SELECT parts(after.amount, format('''{cell}'', basis => %L, members => ''"active"''%s', basis_of(after.vector), after.arguments), metric => after.metric) $$;

-- -------------------------------------------- the list of ready vectors
SELECT source, vector, ours, ours = theirs AS same
FROM (VALUES
	(1, 'Anaplan, breakback holds', '10 20 30, February held, 60 becomes 100',
	 after('10 20 30', 100, $$, bounds => '{"cell": {"2": {"at_least": 20, "at_most": 20}}}'$$), '20 20 60'),
	-- the manual prints 16 for March, which does not add up
	(2, 'Anaplan, breakback holds', '10 20 30, total held, January becomes 20',
	 after('10 20 30', 60, $$, bounds => '{"cell": {"1": {"at_least": 20, "at_most": 20}}}'$$), '20 16 24'),
	(3, 'Infor, splashing', '1000 600 400 becomes 3000', after('1000 600 400', 3000), '1500 900 600'),
	(4, 'Oracle EPM Planning, spread pattern', '4 4 5 of 13',
	 parts(13, $$'{month}', method => 'weights', weights => '{"2024-01": 4, "2024-02": 4, "2024-03": 5}'$$, 'Q', 'count'), '4 4 5'),
	(5, 'Oracle Essbase, @ALLOCATE rounding', '100 over 6, 2 decimals', after('six', 100), '16.67 16.67 16.67 16.67 16.66 16.66'),
	(6, 'pg_int_split, README', '100 over 2 3 4', after('2 3 4', 100, metric => 'count'), '22 33 45'),
	(7, 'pg_int_split', '100 over 1 0 2: 0 stays 0', after('1 0 2', 100, metric => 'count'), '33 0 67'),
	(8, 'Board, user thread', '0.1 0.1 0.1 -0.3 becomes 100: refused', after('near zero', 100), 'basis is negative for 1 of 4 parts'),
	(9, 'the same', 'declared: as zero', after('near zero', 100, $$, on_negative => 'zero'$$), '33.34 33.33 33.33 0'),
	(10, 'the same', 'declared: by size', after('near zero', 100, $$, on_negative => 'absolute'$$), '16.67 16.67 16.66 50'),
	(11, 'Oracle Essbase, excluded range', '6 over 6, one excluded: conserved',
	 parts(6, $$'{cell}', method => 'equal', members => '["1", "2", "3", "4", "5"]'$$), '1.2 1.2 1.2 1.2 1.2')
) AS v (n, source, vector, ours, theirs) ORDER BY n;
-- what Essbase writes there: the parts of six, without the sixth
SELECT sum(share) AS essbase_writes, sum(share) = 5 AS same FROM (SELECT g, apportion(6, 1) OVER (ORDER BY g) AS share FROM generate_series(1, 6) g) s WHERE g <> 6;
-- TM1, 2 % more of -1000: what grows is not guessed (a user saw -980)
SELECT set_target('Y', 'money', growth => 0.02, basis => basis_of('negative'));
-- TM1, relative proportional: 400 like a reference of 10 20 70
SELECT set_target('Y', 'money', amount => 500) > 0 AS set;
SELECT count(*) FROM split_target(root_target('Y', 'money'), '{kind}', method => 'amounts', weights => '{"own": 400, "reference": 100}');
SELECT string_agg(trim_scale(amount)::text, ' ') AS ours, string_agg(trim_scale(amount)::text, ' ') = '40 80 280' AS same
FROM preview_split(find_target('Y', 'money', '{"kind": "own"}'), '{cell}', method => 'profile', basis => basis_of('10 20 70'), members => '["1", "2", "3"]',
				   profile => '{"slice": {"kind": "reference"}}');
SELECT unsplit_target(root_target('Y', 'money'));

-- ------------------------------------- the formulas of the methods elsewhere
-- what the source's formula makes, computed here, or its own example
SELECT source, method, ours, ours = theirs AS same
FROM (VALUES
	-- SSAS, UPDATE CUBE: 60 in 10 20 30 becomes 90; weights 0.5 0.3 0.2 where there are any
	(1, 'SSAS', 'USE_EQUAL_ALLOCATION', parts(90, $$'{cell}', method => 'equal', members => '["1", "2", "3"]'$$), '30 30 30'),
	(2, 'SSAS', 'USE_EQUAL_INCREMENT', after('10 20 30', 90, $$, method => 'increment', weights => '{"1": 1, "2": 1, "3": 1}'$$), '20 30 40'),
	(3, 'SSAS', 'USE_WEIGHTED_ALLOCATION', after('10 20 30', 90), '15 30 45'),
	(4, 'SSAS', 'USE_WEIGHTED_ALLOCATION BY', parts(90, $$'{cell}', method => 'weights', weights => '{"1": 0.5, "2": 0.3, "3": 0.2}'$$), '45 27 18'),
	(5, 'SSAS', 'USE_WEIGHTED_INCREMENT BY', after('10 20 30', 90, $$, method => 'increment', weights => '{"1": 0.5, "2": 0.3, "3": 0.2}'$$), '25 29 36'),
	-- whole pieces that add up, where integer measures drift
	(6, 'SSAS', 'integers', parts(10, $$'{cell}', method => 'equal', members => '["1", "2", "3"]'$$, metric => 'count'), '4 3 3'),
	-- TM1, data spreading
	(10, 'TM1', 'RP: like a reference', after('10 20 70', 400, $$, method => 'profile', profile => '{"slice": {"kind": "reference"}}'$$), '40 80 280'),
	(11, 'TM1', 'S', parts(100, $$'{quarter}', method => 'equal'$$), '25 25 25 25'),
	(12, 'TM1', 'R: 10 in each of four', parts(4 * 10, $$'{quarter}', method => 'equal'$$), '10 10 10 10'),
	(13, 'TM1', 'SL 100:150', parts(500, $$'{quarter}', method => 'straight_line', weights => '{"first": 100, "last": 150}'$$),
	 (SELECT string_agg(trim_scale(round(100 + 50 * k / 3.0, 2))::text, ' ' ORDER BY k) FROM generate_series(0, 3) k)),
	(14, 'TM1', 'GR 100:10', parts(464.1, $$'{quarter}', method => 'growth_curve', weights => '{"rate": 0.1}'$$), '100 110 121 133.1'),
	(15, 'TM1', 'LS: leaves that are not 0', parts(90, $$'{cell}', method => 'equal', members => '["1", "3"]'$$), '45 45'),
	(16, 'TM1', 'LS*: all leaves', parts(90, $$'{cell}', method => 'equal', members => '["1", "2", "3"]'$$), '30 30 30'),
	(17, 'TM1', 'P onto zeros, switch on', after('all zero', 90, $$, on_zero => 'equal'$$), '30 30 30'),
	(18, 'TM1', 'P onto zeros, switch off', after('all zero', 90), 'all weights are zero for 1 of 1 targets'),
	(19, 'TM1', 'R%: 120 % of the reference', after('10 20 30', 72, $$, method => 'copy', profile => '{"factor": 1.2}'$$), '12 24 36'),
	-- Essbase: share and spread, rounding errors to one place
	(30, 'Essbase', 'share', after('2 3 4', 100), '22.22 33.33 44.45'),
	(31, 'Essbase', 'spread', parts(100, $$'{cell}', method => 'equal', members => '["1", "2", "3"]'$$), '33.34 33.33 33.33'),
	(32, 'Essbase', 'errors to the highest', after('2 3 4', 100, $$, residual => 'highest'$$), '22.22 33.33 44.45'),
	(33, 'Essbase', 'errors to the lowest', after('2 3 4', 100, $$, residual => 'lowest'$$), '22.23 33.33 44.44'),
	(34, 'Essbase', 'errors to a cell', after('2 3 4', 100, $$, residual => '2'$$), '22.22 33.34 44.44'),
	(35, 'Essbase', 'digits -2', after('2 3 4', 100000, $$, quantum => 100$$), '22200 33300 44500'),
	(36, 'Essbase', 'negative basis: abs', after('near zero', 60, $$, on_negative => 'absolute'$$), '10 10 10 30'),
	(37, 'Essbase', 'negative basis: zero', after('near zero', 60, $$, on_negative => 'zero'$$), '20 20 20 0'),
	-- Oracle OLAP: a protected cell is taken off first; bounds
	(40, 'Oracle OLAP', 'PROTECT NORMALIZE', after('10 20 30', 120, $$, bounds => '{"cell": {"3": {"at_least": 30, "at_most": 30}}}'$$), '30 60 30'),
	(41, 'Oracle OLAP', 'CEILING', after('10 20 30', 120, $$, bounds => '{"cell": {"3": {"at_most": 45}}}'$$), '25 50 45'),
	(42, 'Oracle OLAP', 'FLOOR', after('10 20 30', 120, $$, bounds => '{"cell": {"1": {"at_least": 30}}}'$$), '30 36 54'),
	(43, 'Oracle OLAP', 'FIRST', parts(120, $$'{quarter}', method => 'weights', weights => '{"2024-01-01": 1, "2024-04-01": 0, "2024-07-01": 0, "2024-10-01": 0}'$$), '120 0 0 0'),
	-- Oracle EPM Planning, spread patterns over a quarter
	(50, 'Oracle EPM Planning', '1 2 1 (bell)', parts(100, $$'{month}', method => 'weights', weights => '{"2024-01": 1, "2024-02": 2, "2024-03": 1}'$$, 'Q'), '25 50 25'),
	(51, 'Oracle EPM Planning', '0 1 0', parts(100, $$'{month}', method => 'weights', weights => '{"2024-01": 0, "2024-02": 1, "2024-03": 0}'$$, 'Q'), '0 100 0'),
	-- Infor: a cell at its limit is held, the rest flows on; the remainder in the last cell
	(60, 'Infor', 'limit of 1200', after('1000 600 400', 3000, $$, bounds => '{"cell": {"1": {"at_most": 1200}}}'$$), '1200 1080 720'),
	(61, 'Infor', 'phasing, remainder last', parts(100, $$'{month}', method => 'equal', residual => 'last'$$, 'Q'), '33.33 33.33 33.34'),
	-- SAP BW-IP: each part rounded with what the parts before left over
	(70, 'SAP BW-IP', 'distribute by reference', after('100 200 300 400', 0.17, $$, residual => 'carry'$$),
	 (SELECT string_agg(trim_scale(round(0.17 * upto / 1000, 2) - round(0.17 * (upto - w) / 1000, 2))::text, ' ' ORDER BY upto)
	  FROM (VALUES (100, 100), (200, 300), (300, 600), (400, 1000)) AS s (w, upto))),
	(71, 'SAP BW-IP', 'the same, alike', parts(100, $$'{month}', method => 'equal', residual => 'carry'$$, 'Q'), '33.33 33.34 33.33'),
	-- Salesforce: buckets first, accounts inside each; accounts that said something keep it
	(80, 'Salesforce', 'bucketed', parts(100, $$'{kind,cell}', members => '{"cell": ["1", "2"]}', levels => '{"kind": {"weights": {"own": 60, "reference": 40}}, "cell": {"weights": {"1": 1, "2": 3}}}'$$), '15 45 10 30'),
	(81, 'Salesforce', 'input kept, the rest re-flows', after('10 20 30', 120, $$, bounds => '{"cell": {"2": {"at_least": 20, "at_most": 20}}}'$$), '25 20 75'),
	-- SAP SuccessFactors, Varicent: a mix of years; Varicent: trailing twelve months
	(90, 'SuccessFactors', '50 % of one year, 50 % of another', parts(120, format($$'{cell}', method => 'blend', members => '["1", "2", "3"]', bases => '[{"factor": 0.5, "basis": "%s"}, {"factor": 0.5, "basis": "%s"}]'$$,
	 basis_of('10 20 30'), basis_of('1000 600 400'))), '40 38 42'),
	-- ERPNext and Tryton lose 50 and 400 of it
	(95, 'ERPNext, Tryton', '1,000,000 over 12 months', parts(1000000, $$'{month}', method => 'equal'$$),
	 '83333.34 83333.34 83333.34 83333.34 83333.33 83333.33 83333.33 83333.33 83333.33 83333.33 83333.33 83333.33')
) AS v (n, source, method, ours, theirs) ORDER BY n;
-- Essbase, rounding errors discarded: 99.99 of 100
SELECT sum(round(100 * w / 9.0, 2)) AS discarded, sum(share) AS ours, sum(round(100 * w / 9.0, 2)) = 99.99 AND sum(share) = 100 AS same
FROM (SELECT w, apportion(100, w) OVER (ORDER BY w) AS share FROM (VALUES (2), (3), (4)) v (w)) s;

-- ----------------------------------------------------------------- case 02
-- Divisor methods (Balinski and Young 1975; wahlrecht.de; the tests of proporz).
-- They are not offered: in a plan every part is its exact share rounded down or
-- up, which they do not promise.  Where they agree with the largest remainder,
-- and where a published result is beyond the exact share rounded.
CREATE TABLE divisor (n int, units int, weights numeric[], method text, expected int[]);
INSERT INTO divisor VALUES
(1, 100, '{5117,4400,162,161,160}', 'jefferson', '{52,45,1,1,1}'), (1, 100, '{5117,4400,162,161,160}', 'webster', '{51,43,2,2,2}'),
(1, 100, '{5117,4400,162,161,160}', 'hill', '{51,43,2,2,2}'), (1, 100, '{5117,4400,162,161,160}', 'adams', '{51,43,2,2,2}'),
(1, 100, '{5117,4400,162,161,160}', 'dean', '{51,43,2,2,2}'), (2, 26, '{9061,7179,5259,3319,1182}', 'jefferson', '{10,7,5,3,1}'),
(2, 26, '{9061,7179,5259,3319,1182}', 'webster', '{9,8,5,3,1}'), (2, 26, '{9061,7179,5259,3319,1182}', 'hill', '{9,7,6,3,1}'),
(2, 26, '{9061,7179,5259,3319,1182}', 'adams', '{9,7,5,3,2}'), (2, 26, '{9061,7179,5259,3319,1182}', 'dean', '{9,7,5,4,1}'),
(3, 10, '{43,33,12,8,4}', 'adams', '{4,3,1,1,1}'), (3, 10, '{43,33,12,8,4}', 'hill', '{4,3,1,1,1}'), (3, 10, '{43,33,12,8,4}', 'dean', '{4,3,1,1,1}'),
(3, 10, '{43,33,12,8,4}', 'webster', '{5,3,1,1,0}'), (3, 10, '{43,33,12,8,4}', 'jefferson', '{5,4,1,0,0}'),
(4, 10, '{4160,3380,2460}', 'jefferson', '{4,4,2}'), (4, 10, '{4160,3380,2460}', 'webster', '{4,3,3}'),
(5, 50, '{450,350,199,1}', 'adams', '{22,17,10,1}'), (5, 50, '{450,350,199,1}', 'dean', '{22,17,10,1}'), (5, 50, '{450,350,199,1}', 'hill', '{22,17,10,1}'),
(6, 8, '{100,80,30,20}', 'jefferson', '{4,3,1,0}'), (7, 15, '{5200,1700,3100}', 'webster', '{8,2,5}'),
(8, 598, '{11828277,9990488,6316080,5155933,4643272,2830238}', 'webster', '{173,146,93,76,68,42}'),
(9, 146, '{430739,143607,242942,1297940,102419,348216,202850,348082,2678956,328753,812721,216593,520990,1120018,1051198,144464}', 'webster', '{6,2,4,19,2,5,3,5,39,5,12,3,8,16,15,2}'),
(10, 3, '{100,1,0,10,0}', 'webster', '{3,0,0,0,0}'), (10, 3, '{100,1,0,10,0}', 'adams', '{1,1,0,1,0}'), (10, 3, '{100,1,0,10,0}', 'hill', '{1,1,0,1,0}'), (10, 3, '{100,1,0,10,0}', 'dean', '{1,1,0,1,0}');
CREATE FUNCTION within_quota(units int, weights numeric[], parts numeric[]) RETURNS boolean LANGUAGE sql AS $$
	SELECT bool_and(abs(p * whole - units * w) < whole) AND sum(p) = min(units)
	FROM (SELECT p, w, sum(w) OVER () AS whole FROM unnest(parts, weights) AS u (p, w)) s $$;
SELECT n, method, expected AS published, apportion_array(units, weights, 1)::int[] AS largest_remainder, apportion_array(units, weights, 1) = expected::numeric[] AS agree,
	   within_quota(units, weights, expected) AS published_in_quota, within_quota(units, weights, apportion_array(units, weights, 1)) AS ours_in_quota
FROM divisor ORDER BY n, method;
-- Adams, Dean and Hill give everybody a unit: so does a floor of 1
SELECT n, count(DISTINCT method) AS methods, array_agg(DISTINCT expected = parts) AS same
FROM divisor d, LATERAL (SELECT array_agg(share ORDER BY i)::int[] AS parts FROM (
	SELECT i, apportion(d.units, w, 1, at_least => CASE WHEN w > 0 THEN 1 END) OVER (ORDER BY i) AS share FROM unnest(d.weights) WITH ORDINALITY AS u (w, i)) s) p
WHERE n IN (3, 5, 10) AND method IN ('adams', 'dean', 'hill') GROUP BY n ORDER BY n;

-- ----------------------------------------------------------------- case 50
-- FoReco, cslcc: commitments bottom-up, and a total that is kept.  The published
-- figures have 7 digits.
CREATE TABLE committed (day date, part text, leaf text, amount numeric);
INSERT INTO committed SELECT '2023-06-30'::date, part, leaf, 10
FROM (VALUES ('X', 'XX'), ('X', 'XY'), ('Y', 'YX'), ('Y', 'YY')) AS l (part, leaf);
INSERT INTO committed VALUES ('2022-06-30', 'X', 'XX', 10.0705083914246), ('2022-06-30', 'X', 'XY', 10.1292877351609), ('2022-06-30', 'Y', 'YX', 11.7150649868833), ('2022-06-30', 'Y', 'YY', 10.4609162059892),
	('2021-06-30', 'X', 'XX', 11.2240817974395), ('2021-06-30', 'X', 'XY', 10.3598138270574), ('2021-06-30', 'Y', 'YX', 10.4007714505941), ('2021-06-30', 'Y', 'YY', 10.1106827159451);
INSERT INTO committed SELECT day, 'X', 'XX', 0 FROM unnest('{2021-01-01,2023-12-31}'::date[]) AS day;
CREATE TABLE variance AS SELECT * FROM (VALUES ('X', 'XX', 0.565581975035037), ('X', 'XY', 0.669801271178632), ('Y', 'YX', 1.358584022706739), ('Y', 'YY', 0.384964586034159)) v (part, leaf, weight);
SELECT add_metric('fine', unit => 'EUR', quantum => 0.0000000000001) > 0 AS added;
SELECT count(*) AS levels FROM add_source('fine', 'committed', occurred_on => 'day', amount => 'amount', dimensions => '{"part": ["part", "leaf"]}');
CREATE FUNCTION reconciled(total numeric, basis daterange) RETURNS numeric[] LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_target('Y', 'fine', amount => reconciled.total);
	RETURN reconciled.total || ARRAY(
		SELECT p.amount FROM preview_split(root_target('Y', 'fine'), '{part,leaf}', method => 'increment', basis => reconciled.basis,
										   weights_from => 'parity_test.variance', on_negative => 'zero') p
		ORDER BY p.depth, p.slice ->> 'part');
END $$;
CREATE FUNCTION near(a numeric[], b numeric[], tolerance numeric) RETURNS boolean LANGUAGE sql AS $$
	SELECT bool_and(abs(x - y) <= tolerance) AND cardinality(a) = cardinality(b) FROM unnest(a, b) AS u (x, y) $$;
-- A. the total is given: what is more than the commitments, by variance
SELECT h, near(reconciled(total, '[2023-01-01,2024-01-01)'), published, 6e-6) AS same
FROM (VALUES ('h-1', 39.4395243534478, '{39.43952,19.76757,19.67196,9.893588,9.873979,9.744387,9.92757}'::numeric[]),
			 ('h-2', 38.7349387653935, '{38.73494,19.47537,19.25957,9.759815,9.715556,9.423051,9.836517}')) AS v (h, total, published);
-- B. the total is uncertain as well: it moves by its own part of the variance first
SELECT h, near(reconciled(round(bottom + (total - bottom) * w.sum / (1.110461596343838 + w.sum), 13), basis), published, 6e-6) AS same
FROM (VALUES ('h-1', 39.4395243534478, '[2022-01-01,2023-01-01)'::daterange, '{40.23685,19.31277,20.92408,9.664411,9.648359,10.739579,10.184505}'::numeric[]),
			 ('h-2', 38.7349387653935, '[2021-01-01,2022-01-01)', '{39.64745,20.56873,19.07871,10.759321,9.809413,9.284371,9.794343}')) AS v (h, total, basis, published),
	 LATERAL (SELECT sum(amount) AS bottom FROM committed WHERE day <@ basis) b, (SELECT sum(weight) FROM variance) w;

-- ----------------------------------------------------------------- case 52
-- Top-down proportions, as in Nixtla's hierarchicalforecast and in hts.
CREATE TABLE bottom (day date, side text, series text, amount numeric);
INSERT INTO bottom SELECT make_date(2023, t::int, 1), CASE WHEN i < 3 THEN 'a' ELSE 'b' END, 's' || i, i * y
FROM unnest('{10,5,4,2,1}'::numeric[]) WITH ORDINALITY AS h (y, t), generate_series(1, 4) AS i;
INSERT INTO bottom SELECT make_date(2022, t::int, 1), CASE WHEN i < 3 THEN 'a' ELSE 'b' END, 's' || i, y
FROM (VALUES (1, '{10,12,8,10,14}'::numeric[]), (2, '{30,24,32,36,28}'), (3, '{25,20,35,30,30}'), (4, '{35,44,25,24,28}')) AS v (i, h), unnest(h) WITH ORDINALITY AS u (y, t);
INSERT INTO bottom VALUES ('2023-12-31', 'a', 's1', 0);
SELECT add_metric('finest', unit => 'EUR', quantum => 0.000000000001) > 0 AND add_metric('cash', unit => 'EUR') > 0 AS added;
SELECT count(*) AS levels FROM add_source('finest', 'bottom', occurred_on => 'day', amount => 'amount', dimensions => '{"side": ["side", "series"]}');
SELECT count(*) AS levels FROM add_source('cash', 'bottom', occurred_on => 'day', amount => 'amount', dimensions => '{"side": ["side", "series"]}');
CREATE FUNCTION months(year int) RETURNS text LANGUAGE sql AS $$
	SELECT jsonb_agg(jsonb_build_object('basis', daterange(make_date(year, m, 1), make_date(year, m + 1, 1))) ORDER BY m)::text FROM generate_series(1, 5) m $$;
SELECT vector, ours, ours = theirs AS same
FROM (VALUES
	(1, '1 average of the proportions', parts(10, format($$'{side,series}', method => 'blend', bases => %L$$, months(2023)), metric => 'finest'), '1 2 3 4'),
	(2, '1 proportions of the averages', parts(10, $$'{side,series}', basis => '[2023-01-01,2023-06-01)'$$, metric => 'finest'), '1 2 3 4'),
	(3, '1 proportions of the forecasts', parts(10, $$'{side,series}', levels => '{"side": {"weights": {"a": 3, "b": 7}}, "series": {"weights": {"s1": 1, "s2": 2, "s3": 3, "s4": 4}}}'$$, metric => 'finest'), '1 2 3 4'),
	(4, '2 average of the proportions', parts(1, format($$'{side,series}', method => 'blend', bases => %L$$, months(2022)), metric => 'finest'), '0.108 0.3 0.28 0.312'),
	(5, '2 proportions of the averages', parts(1, $$'{side,series}', basis => '[2022-01-01,2022-06-01)'$$, metric => 'finest'), '0.108 0.3 0.28 0.312'),
	(6, '3 a million, average of the proportions', parts(1000000, format($$'{side,series}', method => 'blend', bases => %L$$, months(2022)), metric => 'cash'), '108000 300000 280000 312000'),
	(7, '3 a million, proportions of the averages', parts(1000000, $$'{side,series}', basis => '[2022-01-01,2022-06-01)'$$, metric => 'cash'), '108000 300000 280000 312000'),
	(8, '4 proportions of the forecasts, level by level', parts(120, $$'{side,series}', levels => '{"side": {"weights": {"a": 55, "b": 70}}, "series": {"weights": {"s1": 18, "s2": 42, "s3": 33, "s4": 36}}}'$$, metric => 'finest'),
	 '15.84 36.96 32.139130434783 35.060869565217'),
	(9, '5 siblings of zero: refused', parts(120, $$'{side,series}', levels => '{"side": {"weights": {"a": 55, "b": 70}}, "series": {"weights": {"s1": 0, "s2": 0, "s3": 33, "s4": 36}}}'$$, metric => 'finest'),
	 'all weights are zero for 1 of 2 targets'),
	(10, '5 siblings of zero: alike where asked', parts(120, $$'{side,series}', on_zero => 'equal', levels => '{"side": {"weights": {"a": 55, "b": 70}}, "series": {"weights": {"s1": 0, "s2": 0, "s3": 33, "s4": 36}}}'$$, metric => 'finest'),
	 '26.4 26.4 32.139130434783 35.060869565217')
) AS v (n, vector, ours, theirs) ORDER BY n;

-- ----------------------------------------------------------------- case 92
-- 100 200 300 400 become 1100 around a lock of 200 and a cap.
SELECT rule, cap, ours, ours = theirs AS same
FROM (VALUES
	(1, 'proportional', 450, after('100 200 300 400', 1100, $$, bounds => '{"cell": {"2": {"at_least": 200, "at_most": 200}, "4": {"at_most": 450}}}'$$), '112.5 200 337.5 450'),
	(2, 'proportional', 420, after('100 200 300 400', 1100, $$, bounds => '{"cell": {"2": {"at_least": 200, "at_most": 200}, "4": {"at_most": 420}}}'$$), '120 200 360 420'),
	(3, 'a cent more', 420, after('100 200 300 400', 1100.01, $$, bounds => '{"cell": {"2": {"at_least": 200, "at_most": 200}, "4": {"at_most": 420}}}'$$), '120 200 360.01 420'),
	(4, 'equal', 450, after('100 200 300 400', 1100, $$, method => 'increment', weights => '{"1": 1, "3": 1, "4": 1}'$$), '133.33 200 333.33 433.34'),
	(5, 'weighted least squares', 450, after('100 200 300 400', 1100, $$, method => 'increment', weights => '{"1": 100, "3": 300, "4": 400}', bounds => '{"cell": {"4": {"at_most": 450}}}'$$), '112.5 200 337.5 450')
) AS v (n, rule, cap, ours, theirs) ORDER BY n;
-- the increments themselves, shared with bounds: the cap bites
SELECT string_agg(trim_scale(base + share)::text, ' ' ORDER BY cell) AS ours, string_agg(trim_scale(base + share)::text, ' ' ORDER BY cell) = '140 200 340 420' AS same
FROM (SELECT cell, base, apportion(1100 - 1000, CASE WHEN cell = 2 THEN 0 ELSE 1 END, at_most => CASE cell WHEN 4 THEN 420 - base END) OVER (ORDER BY cell) AS share
	  FROM (VALUES (1, 100), (2, 200), (3, 300), (4, 400)) AS v (cell, base)) s;
-- impossible: 1030 at most, 70 short
SELECT * FROM preview_split(root_target('Y', 'money'), '{cell}', basis => basis_of('100 200 300 400'), members => '"active"',
	bounds => '{"cell": {"1": {"at_most": 110}, "2": {"at_least": 200, "at_most": 200}, "3": {"at_most": 310}, "4": {"at_most": 410}}}');

-- ---------------------------------------------- amounts that are there already
-- The cells 1, 2, ... have amounts, some are locked, and one of them or the whole
-- changes; what comes out, or the message.  WHOLE and CELL are what is named.
CREATE FUNCTION becomes(amounts numeric[], call text, locked text[] DEFAULT '{}', bounds text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	result text;
	cell text;
BEGIN
	PERFORM set_target('Y', 'money', amount => (SELECT sum(a) FROM unnest(amounts) a));
	PERFORM split_target(root_target('Y', 'money'), '{cell}', method => CASE WHEN bounds IS NULL THEN 'amounts' ELSE 'weights' END, bounds => becomes.bounds::jsonb,
						 weights => (SELECT jsonb_object_agg(i, a) FROM unnest(amounts) WITH ORDINALITY AS u (a, i)));
	FOREACH cell IN ARRAY locked LOOP
		PERFORM lock_target(plan => 'Y', metric => 'money', slice => jsonb_build_object('cell', cell));
	END LOOP;
	EXECUTE format('SELECT count(*) FROM adjust_target(%s)', replace(replace(call, 'WHOLE', 'root_target(''Y'', ''money''), absorb => ''root'''),
																 'CELL', 'plan => ''Y'', metric => ''money'', slice => '));
	SELECT string_agg(trim_scale(amount)::text, ' ' ORDER BY slice ->> 'cell') INTO result FROM target WHERE parent_id = root_target('Y', 'money');
	-- leaves nothing behind
	RAISE EXCEPTION USING MESSAGE = result;
EXCEPTION WHEN others THEN
	RETURN regexp_replace(SQLERRM, 'target \d+ \(.*\)\) ', 'it ');
END $$;
SELECT source, vector, ours, ours = theirs AS same
FROM (VALUES
	(1, 'Anaplan, breakback holds', '10 20 30, February held, 60 becomes 100', becomes('{10,20,30}', 'WHOLE, amount => 100', '{2}'), '20 20 60'),
	(2, 'Anaplan, breakback holds', '10 20 30, total held, January becomes 20', becomes('{10,20,30}', $$CELL '{"cell": "1"}', amount => 20$$), '20 16 24'),
	(3, 'TM1, P onto zeros, switch off', '0 in all three becomes 60', becomes('{0,0,0}', 'WHOLE, amount => 60'), 'everything that could take the change of 60.00 is 0'),
	(4, 'TM1, P onto zeros, switch on', '0 in all three becomes 60', becomes('{0,0,0}', $$WHOLE, amount => 60, on_zero => 'equal'$$), '20 20 20'),
	(5, 'TM1, P', 'a 0 among others stays 0', becomes('{10,0,30}', 'WHOLE, amount => 60'), '15 0 45'),
	(6, 'TM1, P+', '10 20 30 and 6 more', becomes('{10,20,30}', 'WHOLE, add => 6'), '11 22 33'),
	(7, 'TM1, P%', '1000 and -1000, 2 % more', becomes('{1000,-1000}', 'WHOLE, growth => 0.02'), '1020 -1020'),
	(8, 'TM1, P%', '-1000 alone, 2 % more', becomes('{1000,-1000}', $$CELL '{"cell": "2"}', growth => 0.02, absorb => 'root'$$), '1000 -1020'),
	(9, 'Infor, splashing', '1000 600 400 becomes 3000', becomes('{1000,600,400}', 'WHOLE, amount => 3000'), '1500 900 600'),
	(10, 'Infor, limits', 'the first at most 1200', becomes('{1000,600,400}', 'WHOLE, amount => 3000', bounds => '{"cell": {"1": {"at_most": 1200}}}'), '1200 1080 720'),
	(11, 'SAP Analytics Cloud, KBA 3668361', 'all that have something locked, an empty one open', becomes('{10,20,0}', 'WHOLE, amount => 60', '{1,2}'), 'everything that could take the change of 30.00 is 0'),
	(12, 'the same', 'declared: the empty one takes it', becomes('{10,20,0}', $$WHOLE, amount => 60, on_zero => 'equal'$$, '{1,2}'), '10 20 30'),
	(13, 'Board, user thread', '0.1 0.1 0.1 -0.3 becomes 100: refused', becomes('{0.1,0.1,0.1,-0.3}', 'WHOLE, amount => 100'), 'it has amounts above and below zero, which have no shares of a change of 100.00'),
	(14, 'the same', 'declared: by size', becomes('{0.1,0.1,0.1,-0.3}', $$WHOLE, amount => 100, on_negative => 'absolute'$$), '16.77 16.77 16.76 49.7'),
	(20, 'case 92, proportional', '100 200 300 400 becomes 1100, 2 locked, 4 at most 450', becomes('{100,200,300,400}', 'WHOLE, amount => 1100', '{2}', '{"cell": {"4": {"at_most": 450}}}'), '112.5 200 337.5 450'),
	(21, 'case 92, proportional', 'the same, at most 420', becomes('{100,200,300,400}', 'WHOLE, amount => 1100', '{2}', '{"cell": {"4": {"at_most": 420}}}'), '120 200 360 420'),
	(22, 'case 92, proportional', 'the same, and a cent more', becomes('{100,200,300,400}', 'WHOLE, amount => 1100.01', '{2}', '{"cell": {"4": {"at_most": 420}}}'), '120 200 360.01 420')
) AS v (n, source, vector, ours, theirs) ORDER BY n;
-- case 92, impossible: 70 short
SELECT set_target('Y', 'money', amount => 1000) > 0 AS set;
SELECT count(*) FROM split_target(root_target('Y', 'money'), '{cell}', method => 'weights', weights => '{"1": 100, "2": 200, "3": 300, "4": 400}',
	bounds => '{"cell": {"1": {"at_most": 110}, "3": {"at_most": 310}, "4": {"at_most": 410}}}');
SELECT count(*) FROM lock_target(plan => 'Y', metric => 'money', slice => '{"cell": "2"}');
SELECT * FROM adjust_target(plan => 'Y', metric => 'money', amount => 1100, absorb => 'root');
-- Oracle Sales, padding apart from the quota: 100, 105 to the region, 110 to the person
SELECT count(*) FROM over_assign(plan => 'Y', metric => 'money', slice => '{"cell": "1"}', factor => 0.05);
SELECT count(*) FROM split_target(find_target('Y', 'money', '{"cell": "1"}'), '{kind}', method => 'weights', weights => '{"own": 1}');
SELECT count(*) FROM over_assign(plan => 'Y', metric => 'money', slice => '{"cell": "1", "kind": "own"}', factor => 110.0 / 105 - 1);
SELECT amount, round(assigned_amount, 2) AS assigned_amount, round(assigned_amount, 2) = CASE depth WHEN 1 THEN 105 ELSE 110 END AS same
FROM target_tree WHERE metric = 'money' AND slice @> '{"cell": "1"}' ORDER BY depth;
SELECT * FROM plan_check;

SET client_min_messages = error;
DROP SCHEMA parity_test CASCADE;
DROP EXTENSION target_split CASCADE;
CREATE EXTENSION target_split;
