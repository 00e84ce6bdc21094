# shellcheck shell=bash
# Sourced by benchmarks that compare two queries on the database PGDATABASE.

# milliseconds that a query executes, with the given work_mem; EXPLAIN keeps
# every column of the query, also those that nobody reads
execution_ms() {
	psql -X -q -A -t -v ON_ERROR_STOP=1 -c "SET max_parallel_workers_per_gather = 0" -c "SET jit = off" -c "SET work_mem = '$1'" \
		-c "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY ON) $2" |
		sed -n 's/^Execution Time: \([0-9.]*\) ms$/\1/p'
}

# compare TOPIC WHAT ROWS WORK_MEM OURS PEER AIM RUNS; an aim "<= x" is about ours / peer,
# ">= x" about peer / ours
compare() {
	local best_ours=1e18 best_peer=1e18 ms i ratio
	for i in $(seq "$8"); do
		ms=$(execution_ms "$4" "$5")
		best_ours=$(printf '%s\n%s\n' "$best_ours" "$ms" | sort -g | head -1)
		ms=$(execution_ms "$4" "$6")
		best_peer=$(printf '%s\n%s\n' "$best_peer" "$ms" | sort -g | head -1)
	done
	case $7 in
		'>='*) ratio=$(awk "BEGIN { printf \"%.2f\", $best_peer / $best_ours }") ;;
		*) ratio=$(awk "BEGIN { printf \"%.2f\", $best_ours / $best_peer }") ;;
	esac
	printf '%s | %s | %s | %.0f | %.0f | %s | %s\n' \
		"$1" "$2" "$3, work_mem $4" "$best_ours" "$best_peer" "$ratio" "$7"
}
