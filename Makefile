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

DATA_built = sql/$(EXTENSION)--$(EXTVERSION).sql
DATA       = $(wildcard sql/*--*--*.sql)
EXTRA_CLEAN = sql/$(EXTENSION)--$(EXTVERSION).sql

REGRESS      = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --load-extension=$(EXTENSION)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(PGXS),)
include $(PGXS)
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
