# pj: build, check, install.  `make help` lists the targets.

VERSION  := 0.1.0
PREFIX   ?= /usr/local
DESTDIR  ?=
CC       ?= gcc
PKGCONF  ?= pkg-config

# `make V=1` shows the commands.
ifneq ($(V),1)
Q := @
endif

ifeq ($(SAN),1)
BUILD    ?= build/san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
STATIC   :=
# A quarter less to compile than with -O2. What gcc guesses of lengths it knows less well then: the plain build looks.
OPT      ?= -O1 -g
SANWARN  := -Wno-format-truncation
else
BUILD    ?= build
SANFLAGS :=
HARDEN   := -D_FORTIFY_SOURCE=3
# pj-run is forked once per run: static, so that its pages are few and shared.
STATIC   := -static-pie
endif

WARN := -Wall -Wextra -Werror -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
        -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings \
        -Wformat=2 -Wundef -Wvla -Wswitch-enum -Wno-unused-parameter $(SANWARN)
STD  := -std=c11 -D_GNU_SOURCE
OPT  ?= -O2 -g
CPPFLAGS_PJ := -Ilib -I$(BUILD)/gen -DPJ_VERSION='"$(VERSION)"' $(HARDEN)
CFLAGS_PJ   := $(STD) $(OPT) $(WARN) $(SANFLAGS) -fPIE -fstack-protector-strong -fstack-clash-protection \
               -ffunction-sections -fdata-sections
LDFLAGS_PJ  := $(SANFLAGS) -pie -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections

LAYERS   := base codec time store job net
PROGRAMS := pj-serverd pj-workerd pj-discover pj-health pj-logship pj-run pj-ctl
PKGS     := libevent libcurl sqlite3 jansson libcrypto

# --- layers: lib/<layer>/*.c -> lib<layer>.a --------------------------------
lib_objs = $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard lib/$(1)/*.c)))
LIBS     := $(foreach l,net job store time codec base,$(BUILD)/lib/libpj$(l).a)

define LAYER
$(BUILD)/lib/libpj$(1).a: $(call lib_objs,$(1))
endef

# --- programs: bin/<program>/*.c -> build/bin/<program> ---------------------
prog_objs = $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard bin/$(1)/*.c)))
BINS := $(foreach p,$(PROGRAMS),$(BUILD)/bin/$(p))
# Which libraries a program needs; --as-needed drops what it does not use.
LDLIBS_ALL = $(shell $(PKGCONF) --libs $(PKGS)) -linih

define PROGRAM
$(BUILD)/bin/$(1): $(call prog_objs,$(1)) $(LIBS)
	@mkdir -p $$(@D)
	@echo '  LD   $$@'
	$(Q)$$(CC) $$(LDFLAGS_PJ) -o $$@ $(call prog_objs,$(1)) -Wl,--start-group $(LIBS) -Wl,--end-group $$(LDLIBS_ALL) $$(LDFLAGS)
endef

# --- unit tests: tests/unit/test_*.c, one program each ----------------------
UNIT_SRC  := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BINS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))
# --- helpers of shell tests and benchmarks: tests/{sh,bench,fault}/*.c ------
TOOL_SRC  := $(sort $(wildcard tests/sh/*.c tests/bench/*.c tests/fault/*.c))
TOOL_BINS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(TOOL_SRC))
# --- faults for LD_PRELOAD: tests/fault/preload/*.c --------------------------
PRELOADS  := $(patsubst tests/%.c,$(BUILD)/tests/%.so,$(sort $(wildcard tests/fault/preload/*.c)))

# --- fuzz targets: with the plain driver everywhere, with libFuzzer where clang has it ---
FUZZ_SRC   := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BINS  := $(patsubst tests/%.c,$(BUILD)/tests/%,$(FUZZ_SRC))
LIBFUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SRC))
FUZZ_LIB   := $(sort $(wildcard lib/base/*.c lib/codec/*.c lib/time/*.c lib/net/msg*.c) lib/net/http_parse.c)
FUZZ_FLAGS := $(CPPFLAGS_PJ) $(STD) -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
              -fno-omit-frame-pointer

.PHONY: all unit-bins tools check check-unit check-sh lint clang layers install clean help bench interop torture \
        simulate diff-cron diff-zones fuzz libfuzzers
all: $(BINS)
unit-bins: $(UNIT_BINS)
tools: $(TOOL_BINS) $(PRELOADS) $(FUZZ_BINS)
libfuzzers: $(LIBFUZZERS)

$(foreach l,$(LAYERS),$(eval $(call LAYER,$(l))))
$(foreach p,$(filter-out pj-run,$(PROGRAMS)),$(eval $(call PROGRAM,$(p))))

$(BUILD)/lib/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)ar rcs $@ $^

# pj-run is libc only, static: of codec just the files that need no library.
$(BUILD)/bin/pj-run: $(call prog_objs,pj-run) $(BUILD)/lib/libpjcodec.a $(BUILD)/lib/libpjbase.a
	@mkdir -p $(@D)
	@echo '  LD   $@'
	$(Q)$(CC) $(LDFLAGS_PJ) $(STATIC) -o $@ $^ $(LDFLAGS)

$(BUILD)/obj/%.o: %.c | $(BUILD)/gen/sql.h
	@mkdir -p $(@D)
	@echo '  CC   $<'
	$(Q)$(CC) $(CPPFLAGS_PJ) $(CPPFLAGS) $(CFLAGS_PJ) $(CFLAGS) -MMD -MP -c -o $@ $<

# The numbered migrations become one generated header.
$(BUILD)/gen/sql.h: $(sort $(wildcard lib/store/sql/*.sql lib/store/sql/worker/*.sql)) scripts/gen-sql
	@mkdir -p $(@D)
	$(Q)sh scripts/gen-sql lib/store/sql >$@.tmp && mv $@.tmp $@

$(BUILD)/unit/test_nomem: LDFLAGS += $(foreach f,malloc calloc realloc strdup strndup,-Wl,--wrap=$(f))
$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(LIBS)
	@mkdir -p $(@D)
	@echo '  LD   $@'
	$(Q)$(CC) $(LDFLAGS_PJ) -o $@ $< -Wl,--start-group $(LIBS) -Wl,--end-group $(LDLIBS_ALL) -lcmocka $(LDFLAGS)

$(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/driver.o $(LIBS)
	@mkdir -p $(@D)
	@echo '  LD   $@'
	$(Q)$(CC) $(LDFLAGS_PJ) -o $@ $< $(BUILD)/obj/tests/fuzz/driver.o -Wl,--start-group $(LIBS) -Wl,--end-group \
	    $(LDLIBS_ALL) $(LDFLAGS)

$(BUILD)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/fuzz_%: $(BUILD)/fuzz/obj/tests/fuzz/fuzz_%.o $(patsubst %.c,$(BUILD)/fuzz/obj/%.o,$(FUZZ_LIB))
	@echo '  LD   $@'
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS_ALL)

$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(LIBS)
	@mkdir -p $(@D)
	@echo '  LD   $@'
	$(Q)$(CC) $(LDFLAGS_PJ) -o $@ $< -Wl,--start-group $(LIBS) -Wl,--end-group $(LDLIBS_ALL) $(LDFLAGS)

$(BUILD)/tests/fault/preload/%.so: tests/fault/preload/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(STD) $(OPT) -Wall -Wextra -Werror -fPIC -shared -o $@ $< -ldl

check: check-unit check-sh
check-unit: unit-bins
	@sh scripts/run-unit $(UNIT_BINS)
check-sh: all tools
	@BUILD=$(abspath $(BUILD)) sh scripts/run-sh

# gcc's warnings are errors in the build itself: everything is built before the rest is looked at.
lint: all unit-bins tools
	@BUILD=$(abspath $(BUILD)) sh scripts/lint

# clang looks only; its -Wformat-nonliteral does not know the functions that pass a format on.
clang: $(BUILD)/gen/sql.h
	@printf '%s\n' $(sort $(wildcard lib/*/*.c bin/*/*.c tests/*/*.c)) | xargs -P 2 -n 8 \
	    clang $(CPPFLAGS_PJ) $(STD) $(OPT) $(WARN) -Wno-format-nonliteral -fsyntax-only

layers:
	sh scripts/check-layers

bench: all tools
	BUILD=$(abspath $(BUILD)) sh tests/bench/run

torture: all tools
	BUILD=$(abspath $(BUILD)) TORTURE=20 SH_LIMIT=3600 sh scripts/run-sh tests/sh/crash.bats

# Thousands of random days of the scheduler; PJ_SIM_DAYS, PJ_SIM_FIRST, PJ_SIM_SEED as in tests/unit/test_sim.c.
simulate: $(BUILD)/unit/test_sim
	scripts/simulate $<

diff-cron: tools
	BUILD=$(abspath $(BUILD)) sh tests/interop/cron/run $(or $(DIFF_N),100000) $(DIFF_SEED)

diff-zones: tools
	BUILD=$(abspath $(BUILD)) sh tests/interop/zones/run

# FUZZ='sched kv' names targets, FUZZ_SECONDS is for each.
fuzz: libfuzzers
	BUILD=$(abspath $(BUILD)) FUZZ_SECONDS=$(or $(FUZZ_SECONDS),30) sh tests/fuzz/run $(FUZZ)

interop: all
	@INTEROP_LONG=1 INTEROP_LIMIT=900 BUILD=$(abspath $(BUILD)) scripts/run-interop

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 \
	    $(DESTDIR)$(PREFIX)/share/man/man7 $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/doc/pj
	install -m 755 $(BINS) $(DESTDIR)$(PREFIX)/bin
	for s in 1 5 7 8; do for f in man/*.$$s; do \
	    if [ -e "$$f" ]; then install -m 644 "$$f" $(DESTDIR)$(PREFIX)/share/man/man$$s; fi; done; done
	cd etc && find . -type f -exec install -D -m 644 {} $(abspath $(DESTDIR)/)$(PREFIX)/share/doc/pj/{} \;
	sed -i 's|/usr/local/bin|$(PREFIX)/bin|g' $(DESTDIR)$(PREFIX)/share/doc/pj/systemd/* \
	    $(DESTDIR)$(PREFIX)/share/doc/pj/cron.d/*
	install -m 644 README.md LICENSE $(DESTDIR)$(PREFIX)/share/doc/pj

clean:
	rm -rf build

help:
	@echo 'make            the programs, in build/bin/'
	@echo 'make check      unit and shell tests (SAN=1: under ASan+UBSan)'
	@echo 'make lint       gcc and clang warnings, shellcheck, mandoc, layers'
	@echo 'make bench      the benchmarks, ratios against a raw baseline'
	@echo 'make torture    kill -9 and full disks, long'
	@echo 'make simulate   4,000 random days of the scheduler with faults, on all processors (PJ_SIM_DAYS=N: of each kind)'
	@echo 'make interop    the real Java worker and client (JDK and Maven), long'
	@echo 'make diff-cron  100,000 random cron expressions against cron-utils (JDK and Maven); DIFF_N= DIFF_SEED='
	@echo 'make diff-zones every time zone of this machine against Java (JDK)'
	@echo 'make fuzz       every parser under libFuzzer (clang, libclang-rt-dev); FUZZ= FUZZ_SECONDS='
	@echo 'make install    DESTDIR= PREFIX='
	@echo 'make clean'

-include $(shell find $(BUILD)/obj $(BUILD)/fuzz/obj -name '*.d' 2>/dev/null)
.SECONDARY:
