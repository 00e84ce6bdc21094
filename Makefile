# target_split: build, install, test, demo, bench.
#
# make, make install and make installcheck are what PGXS users expect.
# make demo and make test need nothing prepared: test/bootstrap installs what
# is missing (or prints the line that does) and test/with_server starts a
# private throw-away server.

EXTENSION  = target_split
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" target_split.control)

MODULE_big = target_split
OBJS       = $(patsubst %.c,%.o,$(wildcard src/*.c) $(wildcard src/engine/*.c))
PG_CPPFLAGS = -I$(srcdir)/src
# Doubles must give the same everywhere: no fused multiplication and addition.
PG_CFLAGS  = -ffp-contract=off

DATA_built = sql/$(EXTENSION)--$(EXTVERSION).sql
DATA       = $(wildcard sql/*--*--*.sql)
EXTRA_CLEAN = sql/$(EXTENSION)--$(EXTVERSION).sql

REGRESS      = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --load-extension=$(EXTENSION)

# all is the default goal, also where there is no PGXS to say so.
all:

PG_CONFIG ?= pg_config
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
ifneq ($(PGXS),)
include $(PGXS)
else
all install uninstall installcheck:
	@echo "$(PG_CONFIG) finds no PostgreSQL development files." >&2
	@echo "Run test/bootstrap, which installs them, or say which installation: make PG_CONFIG=/path/to/pg_config" >&2
	@exit 1
endif

# Views run with the caller's rights where the server knows how (15 and later).
ifeq ($(MAJORVERSION),14)
VIEW_FILTER = sed 's/ WITH (security_invoker = true)//'
else
VIEW_FILTER = cat
endif

sql/$(EXTENSION)--$(EXTVERSION).sql: $(sort $(wildcard sql/[0-9]*.sql)) target_split.control
	cat $(sort $(wildcard sql/[0-9]*.sql)) | $(VIEW_FILTER) > $@

$(OBJS): $(wildcard src/*.h) $(wildcard src/engine/*.h)

# ---- beyond PGXS ----
#
# None of these needs PGXS to be there when the Makefile is read: the scripts
# look for PostgreSQL themselves, after test/bootstrap.

.PHONY: test demo bench unit fuzz random lint valgrind dist typedefs prepare

prepare:
	@test/bootstrap
	@test/stage

# REALDATA=FOLDER runs the session on real data as well.
test: prepare
	@TS_REALDATA="$${TS_REALDATA:-$(REALDATA)}" test/with_server -t 900 test/run

# KEEP=1 opens psql on the demo's server.
demo:
	@KEEP="$(KEEP)" test/demo/run

# BENCH="NAME ..." runs those only.
bench: prepare
	@test/bench/run $(BENCH)

# The unit tests alone, without a server; SANITIZE=1 builds them with sanitizers.
unit:
	@SANITIZE="$(SANITIZE)" test/run unit

# FUZZ="NAME ..." runs those only.
FUZZ_SECONDS ?= 60
fuzz:
	@FUZZ_SECONDS="$(FUZZ_SECONDS)" test/fuzz/run $(FUZZ)

# Random calls by two sessions at once, many more than make test makes; their seed
# is printed, and RANDOM_SEED repeats them.
RANDOM_SEQUENCES ?= 10000
RANDOM_SEED ?= $(shell date +%s)
random: prepare
	@TS_RANDOM_SEQUENCES="$(RANDOM_SEQUENCES)" TS_RANDOM_SEED="$(RANDOM_SEED)" \
		test/with_server prove --verbose -I test/t test/t/070_random.pl

lint:
	@test/lint

# The regression tests on a server under valgrind: many times slower.
valgrind: prepare
	@test/valgrind

# The archive for PGXN, of the last commit.
dist:
	@mkdir -p tmp_check
	git archive --format=zip --prefix=$(EXTENSION)-$(EXTVERSION)/ -o tmp_check/$(EXTENSION)-$(EXTVERSION).zip HEAD
	@echo tmp_check/$(EXTENSION)-$(EXTVERSION).zip

# For pgindent.
typedefs:
	test/typedefs >typedefs.list
