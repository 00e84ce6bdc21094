#!/usr/bin/env bash
# Measures periods() at day grain on the server that PGHOST, PGPORT, PGUSER
# name, against generate_series() of the same days.
#
#   test/bench/calendar.sh [YEARS]
#
# Works in PGDATABASE.  Prints one line a comparison:
#   topic | what | settings | ours ms | peer ms | ratio | aim
# YEARS is 100 unless given.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/compare.sh"

years=${1:-100}
psql -X -q -v ON_ERROR_STOP=1 -c "CREATE EXTENSION target_split" \
	-c "SELECT target_split.add_calendar('retail', first_month => 2, week_start => 7, pattern => '4-5-4')" >/dev/null

# days CALENDAR
days() {
	compare calendar "periods(.., 'day', '$1') against generate_series" "$years years" 64MB \
		"SELECT * FROM target_split.periods('[2000-01-01,$((2000 + years))-01-01)', 'day', '$1')" \
		"SELECT * FROM pg_catalog.generate_series('2000-01-01'::date, '$((1999 + years))-12-31', '1 day')" '<= 2' 15
}
days gregorian
days retail
