-- Largest remainder in SQL, as well as SQL can say it with exact numerics of any
-- size: the sum of the weights in a subquery of its own (cheaper than sum()
-- OVER), one division a row (the remainder by multiplying back; OFFSET 0 keeps
-- the planner from computing the floor twice), one sort by remainder.  The
-- table is bench_weight(id, w); the amount 12345678.90 in cents.
SELECT count(share)
FROM (SELECT id, (floor + (row_number() OVER (ORDER BY remainder DESC, w DESC, id) <= units - sum(floor) OVER ())::int) / 100 AS share
	  FROM (SELECT id, w, units, floor, units * w - floor * whole AS remainder
			FROM (SELECT id, w, units, whole, div(units * w, whole) AS floor
				  FROM (SELECT id, w, 1234567890::numeric AS units,
							   (SELECT sum(w) FROM bench_weight) AS whole
						FROM bench_weight) a
				  OFFSET 0) b
			OFFSET 0) c) d
