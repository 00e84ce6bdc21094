#!/usr/bin/env bash
# Measures resplit_target on the server that PGHOST, PGPORT, PGUSER name: a
# plan of products x accounts x 50 weeks gets another amount, then other
# weights, against the plain UPDATE that gives the same rows the same values
# under the same guard, which writes the same revisions.  Then the same cells are
# split by totals per product and per account, and get other totals.
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

# the totals that random changes of a fifth give, adding up to the amount in both margins
sql >/dev/null <<SQL
SET search_path = public, target_split;
CREATE FUNCTION totals(salt text) RETURNS TABLE (dimension text, member text, amount numeric) LANGUAGE sql AS \$\$
	SELECT dimension, member, apportion(123456789.01, v, 0.01) OVER (PARTITION BY dimension ORDER BY member)
	FROM (SELECT 'product' AS dimension, product AS member, sum(weight) * (0.9 + (hashtext(salt || product) & 1023) / 5120.0) AS v FROM w GROUP BY product
		  UNION ALL
		  SELECT 'account', account, sum(weight) * (0.9 + (hashtext(salt || account) & 1023) / 5120.0) FROM w GROUP BY account) s \$\$;
CREATE TABLE totals1 AS SELECT * FROM totals('a');
CREATE TABLE totals2 AS SELECT * FROM totals('b');
ALTER TABLE target DISABLE TRIGGER USER;
CREATE TEMP TABLE root AS SELECT * FROM target WHERE parent_id IS NULL;
TRUNCATE target, revision;
INSERT INTO target (target_id, lineage_id, plan_id, metric_id, depth, level, period, amount, slice)
SELECT target_id, lineage_id, plan_id, metric_id, depth, level, period, 123456789.01, slice FROM root;
ALTER TABLE target ENABLE TRIGGER USER;
SELECT count(*) FROM split_target(root_target('bench', 'sales'), '{product,account,week}', method => 'margins', weights_from => 'w', margins_from => 'totals1');
SQL
pair 'resplit_target, other margins, against UPDATE of amount and weight' "margins_from => 'totals2'" 'amount = w.amount, weight = w.weight'
