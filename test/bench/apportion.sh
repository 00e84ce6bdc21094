#!/usr/bin/env bash
# Measures apportion() and apportion_tree() side by side with what they are
# compared with, on the server that PGHOST, PGPORT, PGUSER name.
#
#   test/bench/apportion.sh [ROWS]
#
# Makes a scratch database and drops it.  Prints one line a comparison:
#   topic | what | settings | ours ms | peer ms | ratio | aim
# Both are run in turn (A B A B ...), one worker, no JIT; the fastest of 5 runs
# counts.  ROWS is 1000000 unless given.
set -eu

rows=${1:-1000000}
runs=${BENCH_RUNS:-5}
here=$(cd "$(dirname "$0")" && pwd)
database=target_split_bench_$$

psql -X -q -v ON_ERROR_STOP=1 -d "${PGDATABASE:-postgres}" -c "CREATE DATABASE $database"
trap 'psql -X -q -d "${PGDATABASE:-postgres}" -c "DROP DATABASE IF EXISTS $database"' EXIT

psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$database" <<SQL
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS target_split;
SELECT setseed(0.5);
CREATE TABLE bench_weight AS
SELECT i::bigint AS id, round((random() * 100000)::numeric, 2)::numeric(18,2) AS w,
	   (i / 10000)::int AS a, (i / 50)::int AS b
FROM generate_series(1, $rows) i;
-- a floor and a ceiling for every second row, about the same number of them hold
CREATE TABLE bench_bound AS
SELECT id, w, CASE WHEN id % 2 = 0 THEN round(12345678.90 / $rows * (random() * 0.4)::numeric, 2)::numeric(18,2) END AS floor,
	   CASE WHEN id % 2 = 1 THEN round(12345678.90 / $rows * (1 + random())::numeric, 2)::numeric(18,2) END AS ceiling
FROM bench_weight;
VACUUM (FREEZE, ANALYZE) bench_weight, bench_bound;
CHECKPOINT;
SQL

export PGDATABASE=$database
. "$here/compare.sh"

call="target_split.apportion(12345678.90, w)"
compare apportion "apportion() OVER () against sum() OVER ()" "$rows rows" 256MB \
	"SELECT $call OVER () FROM bench_weight" \
	"SELECT sum(w) OVER () FROM bench_weight" "<= 1.1" "$runs"
compare apportion "apportion() OVER () against sum() OVER ()" "$rows rows" 4MB \
	"SELECT $call OVER () FROM bench_weight" \
	"SELECT sum(w) OVER () FROM bench_weight" "<= 1.3" "$runs"
compare apportion "five rows a partition, against sum() OVER" "$rows rows" 256MB \
	"SELECT $call OVER (PARTITION BY id / 5) FROM bench_weight" \
	"SELECT sum(w) OVER (PARTITION BY id / 5) FROM bench_weight" "" "$runs"
compare apportion "weights beyond 64 bits, against sum() OVER" "$rows rows" 256MB \
	"SELECT target_split.apportion(12345678.90, w / 3) OVER () FROM bench_weight" \
	"SELECT sum(w / 3) OVER () FROM bench_weight" "" "$runs"
for work_mem in 256MB 4MB; do
	compare apportion "bounded, against the same without bounds" "$rows rows" $work_mem \
		"SELECT target_split.apportion(12345678.90, w, 0.01, floor, ceiling) OVER () FROM bench_bound" \
		"SELECT $call OVER () FROM bench_bound" "<= 2" "$runs"
	compare apportion "at_most alone, against the same without bounds" "$rows rows" $work_mem \
		"SELECT target_split.apportion(12345678.90, w, at_most => 20000000.00 / $rows) OVER () FROM bench_bound" \
		"SELECT $call OVER () FROM bench_bound" "<= 2" "$runs"
done
for work_mem in 256MB 4MB; do
	compare apportion_tree "three levels, against sum() OVER" "$rows rows" $work_mem \
		"SELECT target_split.apportion_tree(12345678.90, w, ARRAY[a, b, id]) OVER (ORDER BY a, b, id) FROM bench_weight" \
		"SELECT sum(w) OVER (ORDER BY a, b, id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM bench_weight" "" 2
done
compare apportion "largest remainder in SQL (apportion_peer.sql)" "$rows rows" 256MB \
	"SELECT count(share) FROM (SELECT $call OVER (ORDER BY id) AS share FROM bench_weight) c" \
	"$(grep -v '^--' "$here/apportion_peer.sql")" ">= 10" 2
compare apportion "largest remainder in SQL, no ORDER BY on our side" "$rows rows" 256MB \
	"SELECT count(share) FROM (SELECT $call OVER () AS share FROM bench_weight) c" \
	"$(grep -v '^--' "$here/apportion_peer.sql")" ">= 10" 2
