#!/usr/bin/env bash
# Measures resplit_target on the server that PGHOST, PGPORT, PGUSER name: a
# plan of products x accounts x 50 weeks gets another amount, then other
# weights, against the plain UPDATE that gives the same rows the same values
# under the same guard, which writes the same revisions.
#
#   test/bench/resplit.sh [LEAVES]
#
# Works in PGDATABASE.  Prints one line a comparison:
#   topic | what | settings | ours ms | peer ms | ratio | aim
# LEAVES is 1000000 unless given.
set -eu

leaves=${1:-1000000}
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

sql -v products=$((leaves / 10000)) -v accounts=200 -f test/bench/weeks.sql >/dev/null
sql -c "CREATE TABLE w2 AS SELECT product, account, week,
		round(weight * (1 + (hashtext(product || account) & 7) / 10.0), 3) AS weight FROM w" >/dev/null
rest() { sql -c 'VACUUM (FREEZE, ANALYZE)' -c CHECKPOINT; }
ms() { sql -c 'SET jit = off' -c '\timing on' -c "$1" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -n 1; }
row() { printf 'resplit | %s | %s leaves | %.0f | %.0f | %s | %s\n' "$1" "$leaves" "$2" "$3" "$(awk "BEGIN { printf \"%.2f\", $2 / $3 }")" '<= 3'; }
root="target_split.root_target('bench', 'sales')"

# pair WHAT ARGUMENTS COLUMNS: the call, then undone, then the same by an UPDATE.
# What is measured against lives outside the plan, so both find it equally bloated.
pair() {
	local ours peer
	rest
	ours=$(ms "SELECT count(*) FROM target_split.resplit_target($root, $2)")
	sql -c "SET client_min_messages = warning" -c "DROP TABLE IF EXISTS wanted" -c "CREATE TABLE wanted AS SELECT target_id, amount, weight FROM target_split.target" \
		-c "ALTER TABLE wanted ADD PRIMARY KEY (target_id)" \
		-c "SELECT target_split.undo_split(max(split_id)) FROM target_split.split_log" >/dev/null
	rest
	peer=$(ms "UPDATE target_split.target t SET $3 FROM wanted w WHERE w.target_id = t.target_id")
	row "$1" "$ours" "$peer"
}
pair 'resplit_target, another amount, against UPDATE of amount' 'amount => 133456789.01' 'amount = w.amount'
pair 'resplit_target, other weights, against UPDATE of amount and weight' "weights_from => 'w2'" 'amount = w.amount, weight = w.weight'
rest
printf 'resplit | nothing to do | %s leaves | %.0f | | | \n' "$leaves" "$(ms "SELECT count(*) FROM target_split.resplit_target($root, weights_from => 'w2')")"
