--
-- numeric to units and back, compared with the server's own arithmetic.
-- apportion_array(x, '{1}', q) decodes x and encodes it again.
--
SET search_path = public, target_split;

-- Round trip on boundaries: powers of ten and their neighbours, both signs,
-- at each quantum.  numeric_send shows every field of the stored value.
CREATE TEMP TABLE quanta(q numeric);
INSERT INTO quanta VALUES (0.01), (0.1), (1), (0.5), (2.50), (100), (10000), (0.0001),
	(0.00000000000000000001), (1e-36), (12345), (0.010), (999999999999999999);

CREATE TEMP TABLE boundary AS
SELECT q, sign * (n * q) AS x
FROM quanta,
	 (VALUES (1), (-1)) s(sign),
	 LATERAL (SELECT (10::numeric ^ k + d)::numeric AS n
			  FROM generate_series(0, 35) k, (VALUES (-1), (0), (1), (1234)) v(d)
			  UNION VALUES (0::numeric), (32767), (32768), (2147483647), (2147483648),
				 (9223372036854775806), (9223372036854775807), (9223372036854775808),
				 (18446744073709551615), (18446744073709551616), (18446744073709551617),
				 (9999999999999999), (99999999999999999999)) u
WHERE abs(n) < 1e36 AND abs(n * q) * 10::numeric ^ scale(q) < 1e38;

SELECT count(*) > 3000 AS many,
	   count(*) FILTER (WHERE numeric_send(y) IS DISTINCT FROM numeric_send(round(x, scale(q)))) AS different
FROM (SELECT q, x, (apportion_array(x, '{1}', q))[1] AS y FROM boundary) b;

-- the same through a table, where values have one-byte headers and no
-- alignment, and through the window function
CREATE TEMP TABLE stored AS SELECT 'x'::"char" AS pad, x, q FROM boundary;
SELECT count(*) FILTER (WHERE numeric_send(y) IS DISTINCT FROM numeric_send(round(x, scale(q)))) AS different
FROM (SELECT q, x, apportion(x, 1, q) OVER (PARTITION BY x, q) AS y
	  FROM (SELECT DISTINCT x, q FROM stored) d) b;

-- random values, 1 to 35 digits
SELECT setseed(0.25);
CREATE TEMP TABLE random_amount AS
SELECT q, q * trunc((random()::numeric * 2 - 1) * 10::numeric ^ (1 + i % 35)) AS x
FROM quanta, generate_series(1, 700) i;
SELECT count(*) > 8000 AS many,
	   count(*) FILTER (WHERE numeric_send(y) IS DISTINCT FROM numeric_send(round(x, scale(q)))) AS different
FROM (SELECT q, x, (apportion_array(x, '{1}', q))[1] AS y
	  FROM random_amount WHERE abs(x) * 10::numeric ^ scale(q) < 1e38) b;

-- forms that are stored differently: trailing zeros shown, the long header
SELECT (apportion_array(12.5000000, '{1}', 0.5))[1],
	   (apportion_array(round(7::numeric, 70), '{1}', 0.01))[1],
	   (apportion_array(round(-1e20, 100), '{1}', 1e-10))[1],
	   (apportion_array(-0.00, '{1}', 1))[1];

-- not a multiple: agrees with mod() on random values
CREATE FUNCTION is_accepted(x numeric, q numeric) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM target_split.apportion_array(x, '{1}', q);
	RETURN true;
EXCEPTION WHEN data_exception THEN
	RETURN false;
END $$;
SELECT count(*) AS tried, count(*) FILTER (WHERE accepted) > 50 AS some_accepted,
	   count(*) FILTER (WHERE accepted <> (mod(x, q) = 0)) AS different
FROM (SELECT x, q, is_accepted(x, q) AS accepted
	  FROM (SELECT q, round((random()::numeric - 0.5) * 10::numeric ^ (i % 8), i % 7) AS x
			FROM (VALUES (0.01), (0.5), (1), (3), (100), (0.0001), (0.025)) v(q),
				 generate_series(1, 120) i) r) t;

-- The hint works when pasted
SELECT apportion_array(10.005, '{1}', 0.01);
SELECT apportion_array(round(10.005, 2), '{1}', 0.01);
SELECT apportion_array(-1234567, '{1}', 1000);
SELECT apportion_array(round(-1234567, -3), '{1}', 1000);
SELECT apportion_array(10.3, '{1}', 0.5);
SELECT apportion_array(round(10.3 / 0.5) * 0.5, '{1}', 0.5);
SELECT apportion_array(0.00001, '{1}', 0.0001);

-- Amounts that are no amounts
SELECT apportion_array('NaN', '{1}');
SELECT apportion_array('Infinity', '{1}');
SELECT apportion_array('-Infinity', '{1}');
SELECT apportion_array(1e34, '{1}', 0.01);
SELECT apportion_array(999999999999999999999999999999999999, '{1}', 1);
SELECT apportion_array(1e36, '{1}', 1);
SELECT apportion_array(-1e36, '{1}', 1);
SELECT apportion_array(1e130, '{1}', 1);
SELECT apportion_array(1e40, '{1}', 100000);

-- Quanta that are no quanta
SELECT apportion_array(1, '{1}', 0);
SELECT apportion_array(1, '{1}', -0.01);
SELECT apportion_array(1, '{1}', 'NaN');
SELECT apportion_array(1, '{1}', 'Infinity');
SELECT apportion_array(1, '{1}', 1e-37);
SELECT apportion_array(1, '{1}', 1e18);
SELECT apportion_array(1, '{1}', 1.00000000000000000001);

-- Weights that are no weights
SELECT apportion_array(1, '{1,NaN}');
SELECT apportion_array(1, '{1,Infinity}');
SELECT apportion_array(1, ARRAY[1, 10::numeric ^ 16384]);
SELECT apportion_array(1, ARRAY[1, 10::numeric ^ 16383]);

--
-- Weights of any scale: the documented rule, written in SQL
--
CREATE FUNCTION digits_before(w numeric) RETURNS int LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN w >= 1 THEN length(trunc(w)::text)
				ELSE -length((regexp_match(w::text, '^0\.(0*)'))[1]) END
$$;
CREATE FUNCTION significant(w numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN w = 0 THEN 0 ELSE round(w, 38 - digits_before(w)) END
$$;
CREATE FUNCTION aligned(weights numeric[]) RETURNS numeric[] LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(round(s, scale) ORDER BY i)
	FROM (SELECT i, s, least(max(min_scale(s)) OVER (),
							 28 - max(digits_before(s)) FILTER (WHERE s > 0) OVER ()) AS scale
		  FROM (SELECT i, significant(w) AS s
				FROM unnest(weights) WITH ORDINALITY u(w, i)) a) b
$$;
-- largest remainder with exact numerics
CREATE FUNCTION reference(amount numeric, weights numeric[], q numeric) RETURNS numeric[]
LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(sign(amount) * q * (share + (place <= units - given)::int) ORDER BY i)
	FROM (SELECT i, share, units, sum(share) OVER () AS given,
				 row_number() OVER (ORDER BY units * w - share * whole DESC, w DESC, i) AS place
		  FROM (SELECT i, w, units, whole, div(units * w, whole) AS share
				FROM (SELECT i, w, div(abs(amount), q) AS units, sum(w) OVER () AS whole
					  FROM unnest(weights) WITH ORDINALITY u(w, i)) a) b) c
$$;

SELECT aligned(ARRAY[1::numeric / 3, 20, 1e-30]) AS aligned_for_the_rule;

SELECT setseed(0.5);
CREATE TEMP TABLE wide_case AS
SELECT i, q, q * trunc(random()::numeric * 10::numeric ^ (1 + i % 30)) AS amount,
	   ARRAY(SELECT CASE (i + j) % 5
					WHEN 0 THEN 1::numeric / (1 + j + i % 17)
					WHEN 1 THEN round(random()::numeric * 10::numeric ^ (i % 20), (i + j) % 50)
					WHEN 2 THEN trunc(random()::numeric * 10::numeric ^ (i % 60))
					WHEN 3 THEN random()::numeric * random()::numeric * random()::numeric * random()::numeric
					ELSE 10::numeric ^ (i % 70 - 35) END
			 FROM generate_series(1, 2 + i % 9) j) AS weights
FROM generate_series(1, 1500) i, LATERAL (SELECT (ARRAY[0.01, 1, 0.5, 100, 0.0001])[1 + i % 5] AS q) v;

CREATE TEMP TABLE wide_result AS
SELECT i, apportion_array(amount, weights, q) AS ours, reference(amount, aligned(weights), q) AS theirs
FROM wide_case;
SELECT count(*) AS tried FROM wide_result;
SELECT i, ours FROM wide_result EXCEPT SELECT i, theirs FROM wide_result;
SELECT i, theirs FROM wide_result EXCEPT SELECT i, ours FROM wide_result;

-- the rule does not look at the order of the weights
SELECT count(*) AS different
FROM (SELECT ours,
			 (SELECT array_agg(s ORDER BY j DESC)
			  FROM unnest(apportion_array(amount, ARRAY(SELECT w FROM unnest(weights) WITH ORDINALITY u(w, j) ORDER BY j DESC), q))
				   WITH ORDINALITY r(s, j)) AS reversed
	  FROM wide_case JOIN wide_result USING (i)
	  WHERE (SELECT count(DISTINCT w) = count(*) FROM unnest(aligned(weights)) w)) t
WHERE ours <> reversed;

-- weights so long that they are stored compressed or out of line
CREATE TEMP TABLE long_weight(id int, w numeric);
ALTER TABLE long_weight ALTER w SET STORAGE EXTERNAL;
INSERT INTO long_weight
SELECT i, (repeat('0123456789', 900) || i || '.' || repeat('7', 900))::numeric FROM generate_series(1, 3) i;
SELECT id, length(w::text), apportion(100, w) OVER (ORDER BY id) FROM long_weight;
ALTER TABLE long_weight ALTER w SET STORAGE MAIN;
UPDATE long_weight SET w = round(w * 1);
SELECT id, apportion(100, w) OVER (ORDER BY id) FROM long_weight;
