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

sql <<-SQL >/dev/null
	SET client_min_messages = warning;
	CREATE EXTENSION target_split;
	SET search_path = public, target_split;
	CREATE TABLE week AS SELECT * FROM periods('[2024-01-01,2025-01-01)', 'week') ORDER BY period_start LIMIT 50;
	SELECT add_metric('sales', unit => 'EUR'), add_dimension('product'), add_dimension('account');
	INSERT INTO member (dimension_id, depth, code, path, slice_value)
	SELECT d.dimension_id, 1, c, ARRAY[c], to_jsonb(c)
	FROM (SELECT 'product' AS name, 'P' || to_char(n, 'FM00000') AS c FROM generate_series(1, $((leaves / 10000))) n
		  UNION ALL SELECT 'account', 'A' || to_char(n, 'FM00000') FROM generate_series(1, 200) n) m JOIN dimension d USING (name);
	CREATE TABLE w AS
	SELECT 'P' || to_char(p, 'FM00000') AS product, 'A' || to_char(a, 'FM00000') AS account, period_start AS week,
		   ((p * 7919 + a * 104729 + (period_start - '2024-01-01'::date) * 31) % 9973 + 1)::numeric / 100 AS weight
	FROM generate_series(1, $((leaves / 10000))) p, generate_series(1, 200) a, week;
	CREATE TABLE w2 AS SELECT product, account, week, round(weight * (1 + (hashtext(product || account) & 7) / 10.0), 3) AS weight FROM w;
	SELECT create_plan('bench', period => (SELECT daterange(min(period_start), max(period_end), '[]') FROM week));
	SELECT set_target('bench', 'sales', amount => 123456789.01);
	SELECT count(*) FROM split_target(root_target('bench', 'sales'), '{product,account,week}', method => 'weights', weights_from => 'w');
SQL
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
