-- Largest remainder in SQL, as well as SQL can say it: one pass for the sum of
-- the weights, one for the floors, one sort by remainder.  The table is
-- bench_weight(id, w); amount 12345678.90 at quantum 0.01, in cents here.  The
-- remainder is compared as a numeric, so it is exact.
SELECT count(share)
FROM (SELECT id, (floor + (row_number() OVER (ORDER BY remainder DESC, w DESC, id) <= units - sum(floor) OVER ())::int) / 100 AS share
	  FROM (SELECT id, w, units, div(units * w, whole) AS floor, mod(units * w, whole) AS remainder
			FROM (SELECT id, w, 1234567890::numeric AS units, sum(w) OVER () AS whole FROM bench_weight) a) b) c
