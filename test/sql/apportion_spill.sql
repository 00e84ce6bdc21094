--
-- The same shares whether the partition fits work_mem or not, under parallel
-- plans, and in very many small partitions; and calls can be cancelled.
--
SET search_path = public, target_split;
SELECT setseed(0.375);
CREATE TABLE spill_input AS
SELECT i AS id, i % 7 AS g, round((random() * 100000)::numeric, 2) AS w, repeat('x', 40) AS pad
FROM generate_series(1, 60000) i;
ANALYZE spill_input;

SET max_parallel_workers_per_gather = 0;
SET work_mem = '256MB';
CREATE TEMP TABLE in_memory AS
SELECT id, pad, apportion(98765432.10, w) OVER (ORDER BY id) AS share,
	   apportion(98765432.10, w / 3) OVER (ORDER BY id) AS wide,
	   apportion_tree(98765432.10, w, ARRAY[g, id]) OVER (ORDER BY g, id) AS tree
FROM spill_input;
SELECT sum(share), sum(wide), sum(tree[2]) FROM in_memory;

SET work_mem = '64kB';
CREATE TEMP TABLE spilled AS
SELECT id, pad, apportion(98765432.10, w) OVER (ORDER BY id) AS share,
	   apportion(98765432.10, w / 3) OVER (ORDER BY id) AS wide,
	   apportion_tree(98765432.10, w, ARRAY[g, id]) OVER (ORDER BY g, id) AS tree
FROM spill_input;
SELECT count(*) AS different
FROM (TABLE in_memory EXCEPT TABLE spilled UNION ALL (TABLE spilled EXCEPT TABLE in_memory)) d;

-- a tie in a partition that has spilled: rows far apart are compared
SELECT count(*), sum(share) FROM (SELECT apportion(45001, 1, 1) OVER (ORDER BY id) AS share FROM spill_input) s;
SELECT apportion(45001, 1, 1) OVER (ORDER BY id >= 45000) AS share FROM spill_input;

-- parallel plans
SET work_mem = '4MB';
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
-- from 18 on EXPLAIN has a line for the window
CREATE FUNCTION pg_temp.explain(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || query;
END $$;
SELECT line FROM pg_temp.explain('SELECT id, apportion(98765432.10, w) OVER (ORDER BY id) FROM spill_input') AS line
WHERE line !~ '^ *Window:';
CREATE TEMP TABLE parallel_result AS
SELECT id, pad, apportion(98765432.10, w) OVER (ORDER BY id) AS share,
	   apportion(98765432.10, w / 3) OVER (ORDER BY id) AS wide,
	   apportion_tree(98765432.10, w, ARRAY[g, id]) OVER (ORDER BY g, id) AS tree
FROM spill_input;
SELECT count(*) AS different
FROM (TABLE in_memory EXCEPT TABLE parallel_result UNION ALL (TABLE parallel_result EXCEPT TABLE in_memory)) d;
-- apportion_array runs in the workers
SELECT name AS force_parallel FROM pg_settings WHERE name IN ('debug_parallel_query', 'force_parallel_mode') \gset
SET :force_parallel = on;
SELECT sum((apportion_array(id, ARRAY[w + 1, 2, 3]))[1]) > 0 AS positive FROM spill_input;
RESET :force_parallel;
RESET max_parallel_workers_per_gather;

-- 100,000 partitions of 5
SET work_mem = '64MB';
SELECT count(*) AS parts, sum(bad::int) AS bad
FROM (SELECT p, sum(share) <> 100 AS bad
	  FROM (SELECT i / 5 AS p, apportion(100, i % 11 + 1) OVER (PARTITION BY i / 5 ORDER BY i) AS share
			FROM generate_series(0, 499999) i) s
	  GROUP BY p) t;

-- cancellation
SET statement_timeout = '50ms';
SELECT sum(s) FROM (SELECT apportion(100, i) OVER () AS s FROM generate_series(1, 3000000) i) t;
SELECT sum(s[1]) FROM (SELECT apportion_tree(100, i, ARRAY[i]) OVER () AS s FROM generate_series(1, 3000000) i) t;
RESET statement_timeout;
DROP TABLE spill_input;
