# shellcheck shell=bash
# What the scripts below test/ share.  Sourced, not run.

# The checkout, and the folder for everything that a run leaves to look at
# (results, diffs, logs).  Both may have a space in their path.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=$top/tmp_check

# The oldest and newest major version of PostgreSQL that the extension supports.
pg_oldest=14
pg_newest=18

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { warn "$@"; exit 1; }

# pg_is_complete PG_CONFIG: does it belong to an installation that can build an
# extension (PGXS, server headers) and run a server?
pg_is_complete() {
	local pgxs bindir headers
	# Debian's pg_config of libpq-dev fails, PostgreSQL's own prints a path
	# that need not exist.
	pgxs=$("$1" --pgxs 2>/dev/null) || return 1
	bindir=$("$1" --bindir 2>/dev/null) || return 1
	headers=$("$1" --includedir-server 2>/dev/null) || return 1
	[ -f "$pgxs" ] && [ -f "$headers/postgres.h" ] && [ -x "$bindir/postgres" ] && [ -x "$bindir/initdb" ]
}

# find_pg_config: prints the pg_config to work with.  PG_CONFIG decides where it
# is set, then the one on the PATH, then the newest supported installation that
# is complete.
find_pg_config() {
	local candidate major
	if [ -n "${PG_CONFIG:-}" ]; then
		pg_is_complete "$PG_CONFIG" || return 1
		command -v "$PG_CONFIG"
		return
	fi
	if candidate=$(command -v pg_config) && pg_is_complete "$candidate"; then
		say "$candidate"
		return
	fi
	for ((major = pg_newest; major >= pg_oldest; major--)); do
		for candidate in "/usr/lib/postgresql/$major/bin/pg_config" "/usr/pgsql-$major/bin/pg_config" \
			"/usr/local/pgsql-$major/bin/pg_config" /usr/local/pgsql/bin/pg_config; do
			if [ -x "$candidate" ] && pg_is_complete "$candidate"; then
				say "$candidate"
				return
			fi
		done
	done
	return 1
}

# need_pg: sets PG_CONFIG, or ends the script with what to do about it.
need_pg() {
	local found
	found=$(find_pg_config) || die "no complete PostgreSQL installation (server and headers)${PG_CONFIG:+ at PG_CONFIG=$PG_CONFIG}: run test/bootstrap"
	export PG_CONFIG=$found
}

# pg_major: the major version of PG_CONFIG, 15 for "PostgreSQL 15.2 (Debian ...)".
pg_major() {
	"$PG_CONFIG" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/'
}

# has_setting NAME: does this server know the setting?  Asks the server itself,
# without a data folder.
has_setting() {
	"$("$PG_CONFIG" --bindir)/postgres" --describe-config 2>/dev/null | grep -q "^$1	"
}

# stage_kind: how a server can load the extension from a folder of ours:
# destdir (a patch of Debian's), path (18 and later), or none.
stage_kind() {
	if has_setting extension_destdir; then
		say destdir
	elif has_setting extension_control_path; then
		say path
	else
		say none
	fi
}
