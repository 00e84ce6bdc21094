#!/usr/bin/env bash
# Measures disaggregate() OVER on 100,000 years of months against sum() OVER () of
# the same rows, and whether time is linear; called by test/bench/run.
#
# Prints one line a comparison:
#   topic | what | settings | ours ms | peer ms | ratio | aim
# Both are run in turn (A B A B ...), one worker, no JIT; the fastest of 5 runs
# counts.
set -eu

runs=${BENCH_RUNS:-5}

. "$(dirname "$0")/compare.sh"

psql -X -q -A -t -v ON_ERROR_STOP=1 <<SQL
SET client_min_messages = warning;
CREATE EXTENSION target_split;
SELECT setseed(0.5);
CREATE TABLE months AS
SELECT i AS id, i / 12 AS year, round((50 + random() * 100)::numeric, 2)::numeric(18,2) AS z,
	   (round((hashint4(i / 12) % 100000)::numeric / 10, 2) + 1000000)::numeric(18,2) AS total
FROM generate_series(0, 1199999) i;
CREATE TABLE fewer AS SELECT * FROM months WHERE id < 120000 ORDER BY id;
CREATE INDEX ON months (id);
CREATE INDEX ON fewer (id);
VACUUM (FREEZE, ANALYZE) months, fewer;
CHECKPOINT;
SQL

call="target_split.disaggregate(total, year, z)"
compare disaggregate "OVER (ORDER BY) against sum() OVER ()" "1,200,000 months" 256MB \
	"SELECT $call OVER (ORDER BY id) FROM months" "SELECT sum(z) OVER () FROM months" "<= 3" "$runs"
compare disaggregate "the same, spilled to disk" "1,200,000 months" 4MB \
	"SELECT $call OVER (ORDER BY id) FROM months" "SELECT sum(z) OVER () FROM months" "<= 4" "$runs"
compare disaggregate "additive, against sum() OVER ()" "1,200,000 months" 256MB \
	"SELECT target_split.disaggregate(total, year, z, variant => 'additive') OVER (ORDER BY id) FROM months" \
	"SELECT sum(z) OVER () FROM months" "<= 3" "$runs"
compare disaggregate "second differences, against sum() OVER ()" "1,200,000 months" 256MB \
	"SELECT target_split.disaggregate(total, year, z, differences => 2) OVER (ORDER BY id) FROM months" \
	"SELECT sum(z) OVER () FROM months" "" "$runs"
compare disaggregate "1,200,000 months against 120,000" "months" 256MB \
	"SELECT $call OVER (ORDER BY id) FROM months" "SELECT $call OVER (ORDER BY id) FROM fewer" "<= 11" "$runs"
