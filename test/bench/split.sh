#!/usr/bin/env bash
# Measures split_target on the server that PGHOST, PGPORT, PGUSER name: one
# target into products x accounts x 50 week segments, against the same rows made
# by one INSERT ... SELECT with sum() OVER in place of the rounding, and against
# the plain insert of the finished rows, both without the extension's triggers.
#
#   test/bench/split.sh [LEAVES]
#
# Makes a scratch database and drops it.  Prints one line a comparison:
#   topic | what | settings | ours ms | peer ms | ratio | aim
# The four run in turn, each in a table emptied before; the fastest of 3 runs
# counts.  LEAVES is 1000000 unless given.  The fourth is the same split where each
# slice is rounded by itself, from the top down.  Weights are random; then the same by weights
# that have few values, so that there are many ties; then ten times as many leaves
# (TENFOLD=0: not that).
set -eu

leaves=${1:-1000000}
products=$((leaves / 10000))
runs=${BENCH_RUNS:-3}
here=$(cd "$(dirname "$0")" && pwd)
database=target_split_bench_$$

psql -X -q -v ON_ERROR_STOP=1 -d "${PGDATABASE:-postgres}" -c "CREATE DATABASE $database"
trap 'psql -X -q -d "${PGDATABASE:-postgres}" -c "DROP DATABASE IF EXISTS $database"' EXIT
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$database" "$@"; }

# the plan is as long as its first 50 week segments
sql <<SQL
SET client_min_messages = warning;
CREATE EXTENSION target_split;
SET search_path = public, target_split;
CREATE TABLE week AS SELECT * FROM periods('[2024-01-01,2025-01-01)', 'week') ORDER BY period_start LIMIT 50;
SELECT add_metric('sales', unit => 'EUR'), add_dimension('product'), add_dimension('account');
INSERT INTO member (dimension_id, depth, code, path, slice_value)
SELECT d.dimension_id, 1, c, ARRAY[c], to_jsonb(c)
FROM (SELECT 'product' AS name, 'P' || to_char(n, 'FM00000') AS c FROM generate_series(1, $products) n
	  UNION ALL SELECT 'account', 'A' || to_char(n, 'FM00000') FROM generate_series(1, 200) n) m JOIN dimension d USING (name);
CREATE TABLE tied AS
SELECT 'P' || to_char(p, 'FM00000') AS product, 'A' || to_char(a, 'FM00000') AS account, period_start AS week,
	   ((p * 7919 + a * 104729 + (period_start - '2024-01-01'::date) * 31) % 9973 + 1)::numeric / 100 AS weight
FROM generate_series(1, $products) p, generate_series(1, 200) a, week;
SELECT setseed(0.5);
CREATE TABLE w AS SELECT product, account, week, round((random() * 1000)::numeric, 2) AS weight FROM tied;
SELECT create_plan('bench', period => (SELECT daterange(min(period_start), max(period_end), '[]') FROM week));
SELECT set_target('bench', 'sales', amount => 123456789.01);
VACUUM (FREEZE, ANALYZE);
CHECKPOINT;
SQL

# what is below the root goes, without guard and revisions; the root is a leaf again
empty() {
	sql <<-SQL
		ALTER TABLE target_split.target DISABLE TRIGGER USER;
		CREATE TEMP TABLE root AS SELECT * FROM target_split.target WHERE parent_id IS NULL;
		TRUNCATE target_split.target;
		INSERT INTO target_split.target (target_id, lineage_id, plan_id, metric_id, depth, level, period, amount, slice)
		SELECT target_id, lineage_id, plan_id, metric_id, depth, level, period, amount, slice FROM root;
		ALTER TABLE target_split.target ENABLE TRIGGER USER;
		CHECKPOINT;
	SQL
}

# milliseconds of the last statement that is read
timed() {
	sql -c "SET work_mem = '256MB'" -c "SET jit = off" -c '\timing on' "$@" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -n 1
}

peer=$(sed "s/:amount/123456789.01/g; s/:root/1/g; s/:plan/1/g; s/:metric/1/g; s/:product/1/g; s/:account/2/g
			s/:'period'/(SELECT daterange(min(period_start), max(period_end), '[]') FROM week)/g" "$here/split_peer.sql")
columns="target_id, parent_id, split_id, member_id, lineage_id, plan_id, metric_id, n_children, depth, level, period, amount, weight, slice, fallback"
least() { printf '%s\n%s\n' "$1" "$2" | sort -g | head -n 1; }

# A quantum that the amount is no multiple of: each block is rounded from the top down, by itself
ours=1e18 top_down=1e18 sum_over=1e18 plain=1e18 memory=-
for _ in $(seq "$runs"); do
	empty
	ours=$(least "$ours" "$(timed -c "SELECT count(*) FROM target_split.split_target(1, '{product,account,week}', method => 'weights', weights_from => 'w')")")
	sql -c "DROP TABLE IF EXISTS finished" -c "CREATE TABLE finished AS SELECT $columns FROM target_split.target WHERE parent_id IS NOT NULL"
	empty
	top_down=$(least "$top_down" "$(timed -c "SELECT count(*) FROM target_split.split_target(1, '{product,account,week}', method => 'weights', weights_from => 'w', quantum => 0.02)")")
	empty
	sum_over=$(least "$sum_over" "$(timed -c "ALTER TABLE target_split.target DISABLE TRIGGER USER" -c "$peer")")
	empty
	plain=$(least "$plain" "$(timed -c "ALTER TABLE target_split.target DISABLE TRIGGER USER" \
		-c "INSERT INTO target_split.target ($columns) SELECT $columns FROM finished")")
done
empty
tied=$(timed -c "SELECT count(*) FROM target_split.split_target(1, '{product,account,week}', method => 'weights', weights_from => 'tied')")
empty
if [ -r /proc/self/status ]; then
	# the peak, less the shared buffers that count as the backend's own
	memory=$(sql -c "SET work_mem = '256MB'" \
		-c "SELECT count(*) FROM target_split.split_target(1, '{product,account,week}', method => 'weights', weights_from => 'w')" \
		-c "SELECT pg_read_file('/proc/' || pg_backend_pid() || '/status')" |
		awk '/^VmHWM:/ { peak = $2 } /^RssShmem:/ { shared = $2 } END { printf "%.0f", (peak - shared) / 1024 }')
fi

tenfold=
if [ "${TENFOLD:-1}" != 0 ]; then
	sql <<-SQL
		INSERT INTO target_split.member (dimension_id, depth, code, path, slice_value)
		SELECT dimension_id, 1, c, ARRAY[c], to_jsonb(c)
		FROM target_split.dimension, generate_series($products + 1, 10 * $products) n, LATERAL (SELECT 'P' || to_char(n, 'FM00000') AS c) code
		WHERE name = 'product';
		SELECT setseed(0.6);
		INSERT INTO w SELECT 'P' || to_char(p, 'FM00000'), 'A' || to_char(a, 'FM00000'), period_start, round((random() * 1000)::numeric, 2)
		FROM generate_series($products + 1, 10 * $products) p, generate_series(1, 200) a, week;
		VACUUM (FREEZE, ANALYZE);
	SQL
	empty
	tenfold=$(timed -c "SELECT count(*) FROM target_split.split_target(1, '{product,account,week}', method => 'weights', weights_from => 'w')")
fi

settings="$leaves leaves, work_mem 256MB"
row() { printf '%s | %s | %s | %.0f | %.0f | %s | %s\n' split "$1" "$settings" "$ours" "$2" "$(awk "BEGIN { printf \"%.2f\", $ours / $2 }")" "$3"; }
row 'split_target against INSERT ... SELECT with sum() OVER' "$sum_over" '<= 1.3'
row 'split_target with fair periods against the top-down form' "$top_down" '<= 1.5'
row 'split_target against the plain insert of the rows' "$plain" '<= 3'
printf 'split | peak memory of the backend beside shared buffers | %s | %s MB | | |\n' "$settings" "$memory"
printf 'split | weights with many ties, against random ones | %s | %.0f | %.0f | %s |\n' "$settings" "$tied" "$ours" "$(awk "BEGIN { printf \"%.2f\", $tied / $ours }")"
[ -z "$tenfold" ] || printf 'split | ten times as many leaves | %s | %.0f | %.0f | %s | <= 11\n' "$settings" "$tenfold" "$ours" "$(awk "BEGIN { printf \"%.2f\", $tenfold / $ours }")"
