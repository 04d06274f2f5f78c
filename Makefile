# sunder. `make` builds it, `make help` says what else there is.
#
# A new .c file in proxy/, faults/, probe/ or lab/ needs no edit here, nor does a new
# tests/unit/test_*.c or tests/fuzz/fuzz_*.c. To build while another part does not
# compile, name the sources you need:  make unit T=resp SRC='proxy/resp.c proxy/err.c'

VERSION ?= 0.1.0
PREFIX  ?= /usr/local
B       ?= build
Q        = $(if $(V),,@)

ifeq ($(origin CC),default)
CC := $(if $(shell command -v gcc 2>/dev/null),gcc,cc)
endif
CFLAGS ?= -O2 -g
PYTHON ?= $(shell tools/install-deps --python)

WARN   := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wmissing-prototypes \
          -Wstrict-prototypes $(if $(WERROR),-Werror)
HARDEN := -fPIE -fstack-protector-strong \
          $(if $(filter -O0,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
HARDEN_LINK := -pie -Wl,-z,relro,-z,now

# SANITIZE=address,undefined (make asan) and FUZZ=1 (make fuzz) replace the hardening.
ifneq ($(SANITIZE),)
HARDEN      := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer \
               $(if $(FUZZ),-fsanitize=fuzzer-no-link)
HARDEN_LINK := -fsanitize=$(SANITIZE)
endif

# Headers of libraries are not ours to warn about.
# LOADED are loaded when they are needed (include/library.h): only the headers count.
LINKED   := libuv hiredis yaml-0.1 jansson libnl-3.0 libnl-route-3.0
LOADED   := libmicrohttpd libcurl
PKGS     := $(LINKED) $(LOADED)
PKG_OK   := $(shell pkg-config --exists $(PKGS) 2>/dev/null && command -v $(CC))
PKG_INC  := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PKGS) 2>/dev/null))
PKG_LIBS := $(shell pkg-config --libs $(LINKED) 2>/dev/null)

COMPILE = $(CC) -std=c11 -D_GNU_SOURCE -DSUNDER_VERSION='"$(VERSION)"' -Iinclude \
          $(PKG_INC) $(WARN) $(HARDEN) $(CPPFLAGS) $(CFLAGS)
LINK    = $(CC) $(CFLAGS) $(HARDEN_LINK) -Wl,--as-needed $(LDFLAGS)
LIBS    = $(PKG_LIBS) -lm -lpthread -ldl $(LDLIBS)

SRC       := $(sort $(wildcard proxy/*.c faults/*.c probe/*.c lab/*.c))
MAIN      := proxy/main.c
CORE       = $(patsubst %.c,$B/%.o,$(filter-out $(MAIN),$(SRC)))
UNIT      := $(patsubst tests/unit/%.c,$B/%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT_HELP := $(filter-out test_%,$(notdir $(wildcard tests/unit/*.c)))
UNIT_OBJ   = $(patsubst %.c,$B/tests/unit/%.o,$(UNIT_HELP))
FUZZERS   := $(patsubst tests/fuzz/%.c,$B/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_HELP := $(filter-out fuzz_% replay.c,$(notdir $(wildcard tests/fuzz/*.c)))
FUZZ_OBJ   = $(patsubst %.c,$B/tests/fuzz/%.o,$(FUZZ_HELP))
RUN        = T='$(T)' SUNDER='$(abspath $(or $(SUNDER),$B/sunder))' $(PYTHON) tests/run -b $B

all: $B/sunder                      ## build build/sunder (V=1 shows commands, WERROR=1)

$B/sunder: $B/$(MAIN:.c=.o) $B/core.a
	@echo LD $@
	$Q$(LINK) -o $@ $^ $(LIBS)

# An archive, so that a test takes only what it needs from the rest.
$B/core.a: $(CORE)
	@echo AR $@
	$Qrm -f $@ && $(AR) rcs $@ $^

$B/test_%: $B/tests/unit/test_%.o $(UNIT_OBJ) $B/core.a
	@echo LD $@
	$Q$(LINK) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka $(LIBS)

# The unit tests that share a model with a fuzzer.
$B/test_property $B/test_repl: $(FUZZ_OBJ)

$B/fuzz_%: $B/tests/fuzz/fuzz_%.o $(if $(FUZZ),,$B/tests/fuzz/replay.o) $(FUZZ_OBJ) $B/core.a
	@echo LD $@
	$Q$(LINK) $(if $(FUZZ),-fsanitize=fuzzer) -o $@ $^ $(LIBS)

$B/%.o: %.c $B/flags
	@mkdir -p $(@D); echo CC $<
	$Q$(COMPILE) -MMD -MP -c -o $@ $<

# Holds the compiler and its flags: all is compiled anew when they change.
$B/flags: FORCE
	@$(if $(PKG_OK),,tools/install-deps --check build && \
	    echo 'cannot use the compiler $(CC), or pkg-config does not know $(PKGS)' >&2; exit 1)
	@mkdir -p $(@D); echo '$(subst ','\'',$(COMPILE) $(LINK))' >$@.new
	@cmp -s $@ $@.new && rm $@.new || mv $@.new $@

demo:                               ## install what is missing, build, run exercise 0
	$Qtools/install-deps build demo
	$Q$(MAKE) --no-print-directory all
	$B/sunder exercise stale

test:                               ## install what is missing, run all tests; T=name picks
	$Qtools/install-deps build test
	$Q-tools/install-deps compat host
	$Q$(MAKE) --no-print-directory check

TIERS = unit fuzz wire redis compat k8s host
check: all $(UNIT) $(FUZZERS)
	$Q$(RUN) $(TIERS)

unit: $(UNIT)                       ## unit tests only
	$Q$(RUN) unit
wire: all                           ## scripted peers on real sockets only
	$Q$(RUN) wire
redis: all                          ## real redis-server processes only
	$Q$(RUN) redis
compat: all                         ## clients from npm and Debian; installs them first
	$Q-tools/install-deps compat node
	$Q$(RUN) compat
k8s: all                            ## the manifests only: needs kubectl and npm
	$Q$(RUN) k8s
test-k8s: all                       ## examples/plain as pods, with podman
	$Q-tools/install-deps pods node
	$Q$(RUN) pods
test-cluster: all                   ## docs/kubernetes.md, on the cluster of KUBECONFIG
	$Q$(RUN) cluster
test-host: all                      ## host faults only, in a kernel of their own
	$Q-tools/install-deps host
	$Q$(RUN) host
fuzz-replay: $(FUZZERS)             ## replay every input the fuzzers ever kept
	$Q$(RUN) fuzz

ASAN = B=build/asan CFLAGS='-O1 -g' SANITIZE=address,undefined
asan:                               ## tests of our own code under sanitizers
	$Qtools/install-deps build test
	$Q$(MAKE) --no-print-directory $(ASAN) TIERS='unit fuzz wire redis' check

FUZZ_SECONDS ?= 60
fuzz:                               ## run each fuzzer for FUZZ_SECONDS=60
	$Qtools/install-deps build fuzz
	$Q$(MAKE) --no-print-directory B=build/fuzz CC=clang FUZZ=1 CFLAGS='-O1 -g' \
	    SANITIZE=address,undefined fuzzers
	$Qtests/fuzz/run $(FUZZ_SECONDS) build/fuzz $(T)
fuzzers: $(FUZZERS)

ROUNDS ?= 7
bench:                              ## compare with haproxy and nutcracker; ROUNDS=7
	$Q-tools/install-deps bench
	$Q$(MAKE) --no-print-directory all
	$Q$(PYTHON) tests/bench/bench.py --sunder $B/sunder --rounds $(ROUNDS) \
	    --write docs/performance.md $(BENCH)

FORMATTED = $(wildcard include/*.h proxy/*.[ch] faults/*.[ch] probe/*.[ch] lab/*.[ch] \
                       tests/unit/*.[ch] tests/fuzz/*.[ch])
CLANG_FORMAT ?= $(or $(shell command -v clang-format-14),clang-format)
format:                             ## rewrite the sources in house style
	$Q$(CLANG_FORMAT) -i $(FORMATTED)
format-check:                       ## say what `make format` would change
	$Q$(CLANG_FORMAT) --dry-run -Werror $(FORMATTED)
tidy:                               ## static analysis (cppcheck)
	$Qcppcheck --quiet --std=c11 --language=c --inline-suppr --error-exitcode=1 \
	    --enable=warning,performance,portability --suppressions-list=tools/cppcheck.txt \
	    -D_GNU_SOURCE -DSUNDER_VERSION='""' -Iinclude $(SRC)
hdr-check: $B/flags                 ## every header compiles on its own
	$Qfor h in include/*.h; do \
	    $(COMPILE) -Wno-unused -fsyntax-only -x c -include $$h /dev/null || exit 1; done
layers:                             ## no module includes what it may not
	$Qtools/layers
sizes:                              ## no function, file, header or line is too long
	$Qtools/sizes
docs-check:                         ## every path a document names exists
	$Qtools/docs-check
readme: all                         ## put the table of faults into README.md
	$Q{ sed '/<!-- faults: begin -->/q' README.md && $B/sunder faults --markdown && \
	    sed -n '/<!-- faults: end -->/,$$p' README.md; } >$B/README.md
	$Qcat $B/README.md >README.md
lint:                               ## all checks of form
	$Qtools/install-deps build lint
	$Q$(MAKE) -k --no-print-directory format-check hdr-check layers sizes docs-check tidy

image:                              ## the container image: docker, podman or buildah
	$Qk8s/image $(VERSION) $(IMAGES)

BASH_FUNCTIONS = share/bash-completion/completions
ZSH_FUNCTIONS  = share/zsh/site-functions
install: all                        ## to $(DESTDIR)$(PREFIX), default /usr/local
	install -D -m 755 $B/sunder $(DESTDIR)$(PREFIX)/bin/sunder
	$B/sunder completion bash >$B/sunder.bash && $B/sunder completion zsh >$B/_sunder
	install -D -m 644 $B/sunder.bash $(DESTDIR)$(PREFIX)/$(BASH_FUNCTIONS)/sunder
	install -D -m 644 $B/_sunder $(DESTDIR)$(PREFIX)/$(ZSH_FUNCTIONS)/_sunder
uninstall:                          ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/sunder \
	    $(DESTDIR)$(PREFIX)/$(BASH_FUNCTIONS)/sunder \
	    $(DESTDIR)$(PREFIX)/$(ZSH_FUNCTIONS)/_sunder

compile_commands.json: FORCE        ## for editors; needs bear
	$Qbear -- $(MAKE) --no-print-directory B=build/bear all
clean:                              ## remove what was built
	$Qrm -rf build compile_commands.json
help:                               ## this list
	@awk -F':.*## ' '/^[a-z_.-]+:.*## / { printf "  %-22s %s\n", $$1, $$2 }' Makefile

-include $(shell find $B -name '*.d' 2>/dev/null)
.PHONY: all demo test check unit wire redis compat k8s test-k8s test-cluster test-host \
        fuzz-replay asan fuzz fuzzers bench format format-check tidy hdr-check layers sizes \
        docs-check readme lint image install uninstall clean help FORCE
.SECONDARY:
.DELETE_ON_ERROR:
