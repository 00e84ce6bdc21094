#!/usr/bin/env bash
# Measures adjust_target on the server that PGHOST, PGPORT, PGUSER name: one
# target deep in a plan of products x accounts x 50 week segments, whose siblings
# absorb it or which goes up to the root, against the same call in a plan of a
# hundredth of the size.
#
#   test/bench/adjust.sh [LEAVES]
#
# Makes scratch databases and drops them.  Prints one line a comparison:
#   topic | what | settings | ours ms | peer ms | ratio | aim
# The fastest of 20 calls counts, each of another target, revisions included.
# LEAVES is 1000000 unless given.
set -eu

leaves=${1:-1000000}
database=target_split_bench_$$

trap 'psql -X -q -d "${PGDATABASE:-postgres}" -c "DROP DATABASE IF EXISTS $database"' EXIT
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$database" "$@"; }

# make PRODUCTS ACCOUNTS: a plan with 50 weeks of each
make() {
	psql -X -q -d "${PGDATABASE:-postgres}" -c "DROP DATABASE IF EXISTS $database" -c "CREATE DATABASE $database" 2>/dev/null
	sql <<-SQL >/dev/null
		SET client_min_messages = warning;
		CREATE EXTENSION target_split;
		SET search_path = public, target_split;
		CREATE TABLE week AS SELECT * FROM periods('[2024-01-01,2025-01-01)', 'week') ORDER BY period_start LIMIT 50;
		SELECT add_metric('sales', unit => 'EUR'), add_dimension('product'), add_dimension('account');
		INSERT INTO member (dimension_id, depth, code, path, slice_value)
		SELECT d.dimension_id, 1, c, ARRAY[c], to_jsonb(c)
		FROM (SELECT 'product' AS name, 'P' || to_char(n, 'FM00000') AS c FROM generate_series(1, $1) n
			  UNION ALL SELECT 'account', 'A' || to_char(n, 'FM00000') FROM generate_series(1, $2) n) m JOIN dimension d USING (name);
		CREATE TABLE w AS
		SELECT 'P' || to_char(p, 'FM00000') AS product, 'A' || to_char(a, 'FM00000') AS account, period_start AS week,
			   ((p * 7919 + a * 104729 + (period_start - '2024-01-01'::date) * 31) % 9973 + 1)::numeric / 100 AS weight
		FROM generate_series(1, $1) p, generate_series(1, $2) a, week;
		SELECT create_plan('bench', period => (SELECT daterange(min(period_start), max(period_end), '[]') FROM week));
		SELECT set_target('bench', 'sales', amount => 123456789.01);
		SELECT count(*) FROM split_target(root_target('bench', 'sales'), '{product,account,week}', method => 'weights', weights_from => 'w');
		VACUUM (FREEZE, ANALYZE);
		CHECKPOINT;
	SQL
}

# least WHAT: milliseconds of the fastest of 20 calls with the arguments WHAT
least() {
	sql -c "SELECT 'SELECT count(*) FROM target_split.adjust_target(' || target_id || ', $1);'
			FROM target_split.target WHERE n_children = 0 ORDER BY md5(target_id::text) LIMIT 20" >"$calls"
	sql -c 'SET jit = off' -c '\timing on' -f "$calls" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | sort -g | head -n 1
}
calls=$(mktemp)
trap 'rm -f "$calls"; psql -X -q -d "${PGDATABASE:-postgres}" -c "DROP DATABASE IF EXISTS $database"' EXIT

make $((leaves / 100000)) 20
small_beside=$(least "add => 0.5")
small_up=$(least "growth => 0.01, absorb => ''root''")
make $((leaves / 10000)) 200
beside=$(least "add => 0.5")
up=$(least "growth => 0.01, absorb => ''root''")

row() { printf 'adjust | %s | %s leaves | %.1f | %.1f | %s | %s\n' "$1" "$leaves" "$2" "$3" "$(awk "BEGIN { printf \"%.2f\", $2 / $3 }")" '<= 20 ms, 1'; }
row 'adjust_target of a leaf, 49 siblings absorb, against 1/100 of the leaves' "$beside" "$small_beside"
row 'adjust_target of a leaf, up to the root, against 1/100 of the leaves' "$up" "$small_up"
