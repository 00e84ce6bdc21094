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
	sql -v products="$1" -v accounts="$2" <<-'SQL' >/dev/null
		\i test/bench/weeks.sql
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
