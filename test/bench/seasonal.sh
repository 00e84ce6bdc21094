#!/usr/bin/env bash
# Measures method "seasonal" on the server that PGHOST, PGPORT, PGUSER name: 20,000
# targets into weeks, each with indices of its own from three years of facts,
# against the same split by "days" (or BENCH_PEER), which reads none.
#
#   test/bench/seasonal.sh [TARGETS]
#
# Works in PGDATABASE.  Prints one line a comparison:
#   topic | what | settings | ours ms | peer ms | ratio | aim
# Each split has a plan of its own.  The previews, which write nothing, are shown
# beside: there what is read weighs more.
set -eu

targets=${1:-20000}
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
peer=${BENCH_PEER:-days}

sql >/dev/null <<SQL
SET client_min_messages = warning;
CREATE EXTENSION target_split;
SET search_path = public, target_split;
CREATE TABLE orders AS
SELECT (m + make_interval(days => s % 28))::date AS day, 'S' || to_char(s, 'FM00000') AS shop,
	   (100 + (extract(month FROM m)::int * (s % 7 + 3)) % 60 + hashtext(s || m::text) % 20)::numeric(12,2) AS amount
FROM generate_series(1, $targets) s, generate_series('2021-01-01'::date, '2023-12-01', '1 month') m;
ANALYZE orders;
SELECT add_metric('sales', unit => 'EUR');
SELECT add_source('sales', 'orders', occurred_on => 'day', amount => 'amount', dimensions => '{"shop": "shop"}');
SELECT create_plan(plan, period => '[2024-01-01,2025-01-01)') FROM unnest('{seasonal,$peer}'::text[]) plan;
SELECT set_target(plan, 'sales', amount => 123456789.01) FROM unnest('{seasonal,$peer}'::text[]) plan;
SELECT count(*) FROM split_target(root_target('seasonal', 'sales'), '{shop}');
SELECT count(*) FROM split_target(root_target('$peer', 'sales'), '{shop}');
VACUUM (FREEZE, ANALYZE);
CHECKPOINT;
SQL

# timed FUNCTION METHOD: milliseconds
timed() {
	sql -c "SET work_mem = '256MB'" -c 'SET jit = off' -c '\timing on' \
		-c "SELECT count(*) FROM target_split.$1(target_split.root_target('$2', 'sales'), '{week}', method => '$2')" |
		sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -n 1
}
for function in preview_split split_target; do
	theirs=$(timed "$function" "$peer")
	ours=$(timed "$function" seasonal)
	aim='<= 2'
	[ "$function" = split_target ] || aim=
	printf 'seasonal | %s into weeks by seasonal against %s | %s targets, work_mem 256MB | %.0f | %.0f | %s | %s\n' \
		"$function" "$peer" "$targets" "$ours" "$theirs" "$(awk "BEGIN { printf \"%.2f\", $ours / $theirs }")" "$aim"
done
