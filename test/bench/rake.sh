#!/usr/bin/env bash
# Measures raking: the engine on 12 million cells against the packages ipfn (Python)
# and mipfp (R) where they are installed, and rake() OVER against sum() OVER of the
# same rows; called by test/bench/run.
#
# Prints one line a comparison:
#   topic | what | settings | ours ms | peer ms | ratio | aim
# Peers run once, on the same table: ipfn with its defaults, mipfp until cells of
# 100,000 move by less than 1/10,000 (its default cannot be reached by doubles of
# this size).  The largest residuals, as parts of their totals, are in the line.
set -eu

runs=${BENCH_RUNS:-5}

. "$(dirname "$0")/compare.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${CC:-cc}" -std=gnu11 -O2 -ffp-contract=off -I"$top/src" -o "$folder/engine" "$top/test/bench/rake_engine.c" \
	"$top/src/engine/rake.c" -lm
"$folder/engine" "$folder" >"$folder/ours"
read -r ours residual sweeps < <(sed -n 1p "$folder/ours")
read -r lists lists_residual _ < <(sed -n 2p "$folder/ours")

cat >"$folder/peer.py" <<'PY'
import sys, time
import numpy, ipfn.ipfn
data = numpy.fromfile(sys.argv[1])
size = (100, 100, 100, 12)
seed = data[:12000000].reshape(size).copy()
totals, at = [], 12000000
for n in size:
    totals.append(data[at:at + n])
    at += n
start = time.time()
cells = ipfn.ipfn.ipfn(seed, totals, [[0], [1], [2], [3]]).iteration()
ms = (time.time() - start) * 1000
worst = max(numpy.max(abs(cells.sum(axis=tuple(b for b in range(4) if b != a)) / totals[a] - 1)) for a in range(4))
print("%.0f %.2g" % (ms, worst))
PY
cat >"$folder/peer.R" <<'R'
suppressMessages(library(mipfp))
data <- readBin(commandArgs(TRUE)[1], "double", 12000312)
# R runs the first index fastest
seed <- array(data[1:12000000], c(12, 100, 100, 100))
totals <- list(data[12000301:12000312], data[12000201:12000300], data[12000101:12000200], data[12000001:12000100])
ms <- system.time(r <- Ipfp(seed, list(1, 2, 3, 4), totals, tol = 1e-4))[["elapsed"]] * 1000
worst <- max(sapply(1:4, function(a) max(abs(apply(r$x.hat, a, sum) / totals[[a]] - 1))))
cat(sprintf("%.0f %.2g\n", ms, worst))
R

# peer NAME COMMAND ...: a line with what it took, or why there is none
peer() {
	local name=$1 ms worst
	shift
	if "$@" >"$folder/peer" 2>"$folder/error" && read -r ms worst <"$folder/peer"; then
		printf 'rake | engine with axes against %s | 12,000,000 cells, 4 margins; residuals %s and %s, %s sweeps | %s | %s | %s | >= 10\n' \
			"$name" "$residual" "$worst" "$sweeps" "$ours" "$ms" "$(awk "BEGIN { printf \"%.2f\", $ms / $ours }")"
		printf 'rake | engine with lists of groups against %s | the same; residuals %s and %s | %s | %s | %s |\n' \
			"$name" "$lists_residual" "$worst" "$lists" "$ms" "$(awk "BEGIN { printf \"%.2f\", $ms / $lists }")"
	else
		printf 'rake | engine with axes, %s is not there | 12,000,000 cells, 4 margins; residual %s | %s | | | >= 10\n' \
			"$name" "$residual" "$ours"
	fi
}

python=python3
for candidate in python3 /usr/bin/python3; do
	if "$candidate" -c 'import numpy, ipfn' 2>/dev/null; then
		python=$candidate
		break
	fi
done
peer ipfn "$python" "$folder/peer.py" "$folder/table.bin"
peer mipfp Rscript "$folder/peer.R" "$folder/table.bin"

psql -X -q -A -t -v ON_ERROR_STOP=1 <<SQL
SET client_min_messages = warning;
CREATE EXTENSION target_split;
SELECT setseed(0.5);
CREATE TABLE raw AS
SELECT i AS id, 'p' || i / 12000 AS product, 'r' || i / 120 % 100 AS region, 'c' || i / 12 % 10 AS channel, 'm' || i % 12 AS month,
	   round((50 + random() * 1000)::numeric, 2)::numeric(18,2) AS seed
FROM generate_series(0, 1199999) i;
-- totals that have moved by up to a half, and add up to the same in all margins
CREATE FUNCTION moved(key text) RETURNS TABLE(member text, total numeric) LANGUAGE plpgsql AS \$\$
BEGIN
	RETURN QUERY EXECUTE format('SELECT k, target_split.apportion(600000000, w) OVER (ORDER BY k)
		FROM (SELECT %1\$I AS k, sum(seed) * (1 + abs(hashtext(%1\$I)) %% 1000 / 1000.0) AS w FROM raw GROUP BY 1) s', key);
END \$\$;
CREATE TABLE cells AS
SELECT r.id, r.seed, r.product, r.region, r.channel, r.month, p.total AS pt, g.total AS rt, c.total AS ct, m.total AS mt
FROM raw r JOIN moved('product') p ON p.member = product JOIN moved('region') g ON g.member = region
	JOIN moved('channel') c ON c.member = channel JOIN moved('month') m ON m.member = month
ORDER BY id;
CREATE INDEX ON cells (id);
CREATE TABLE square AS
SELECT i AS id, i / 1000 AS r, i % 1000 AS c, round((50 + random() * 1000)::numeric, 2)::numeric(18,2) AS seed FROM generate_series(0, 999999) i;
CREATE TABLE square_totals AS
SELECT id, seed, r::text AS r, c::text AS c, round(1.1 * sum(seed) OVER (PARTITION BY r)) AS rt, NULL::numeric AS ct FROM square;
UPDATE square_totals s SET ct = t.total
FROM (SELECT c, target_split.apportion((SELECT sum(rt) FROM (SELECT max(rt) AS rt FROM square_totals GROUP BY r) s), w, 1) OVER (ORDER BY c) AS total
	  FROM (SELECT c, sum(seed) AS w FROM square_totals GROUP BY c) s) t WHERE t.c = s.c;
CREATE INDEX ON square_totals (id);
VACUUM (FREEZE, ANALYZE) cells, square_totals;
CHECKPOINT;
SQL

compare rake "4 margins, OVER (ORDER BY) against sum() OVER the same" "1,200,000 rows" 256MB \
	"SELECT target_split.rake(seed, ARRAY[product, region, channel, month], ARRAY[pt, rt, ct, mt]) OVER (ORDER BY id) FROM cells" \
	"SELECT sum(seed) OVER (ORDER BY id) FROM cells" "<= 4" "$runs"
compare rake "2 margins, OVER (ORDER BY) against sum() OVER the same" "1,200,000 rows" 256MB \
	"SELECT target_split.rake(seed, ARRAY[product, month], ARRAY[pt, mt]) OVER (ORDER BY id) FROM cells" \
	"SELECT sum(seed) OVER (ORDER BY id) FROM cells" "<= 4" "$runs"
compare rake "2 margins, every row in a group of its own in both" "1,000 x 1,000" 256MB \
	"SELECT target_split.rake(seed, ARRAY[r, c], ARRAY[rt, ct]) OVER (ORDER BY id) FROM square_totals" \
	"SELECT sum(seed) OVER (ORDER BY id) FROM square_totals" "" "$runs"
compare rake "4 margins, spilled to disk" "1,200,000 rows" 4MB \
	"SELECT target_split.rake(seed, ARRAY[product, region, channel, month], ARRAY[pt, rt, ct, mt]) OVER (ORDER BY id) FROM cells" \
	"SELECT sum(seed) OVER (ORDER BY id) FROM cells" "" 1
