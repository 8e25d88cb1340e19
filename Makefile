# SPDX-License-Identifier: Apache-2.0
# assay - `make help` lists the targets.
ifeq ($(origin CC),default)
CC := gcc
endif
V ?= release
PREFIX ?= /usr/local
out := build/$(notdir $(firstword $(CC)))-$(V)

# ---- variants: one flag line each, nothing else differs ---------------------------------------
opt_debug := -O1 -g3
opt_release := -O3 -g
opt_asan := -DAS_INSTRUMENTED -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
opt_tsan := -DAS_INSTRUMENTED -O1 -g -fsanitize=thread
opt_cov := -DAS_INSTRUMENTED -O0 -g --coverage -fprofile-update=atomic
opt_fuzz := -DAS_INSTRUMENTED -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
ifndef opt_$(V)
$(error V=$(V): want debug, release, asan, tsan, cov or fuzz)
endif

# ---- the architecture: each room, and the rooms it may include --------------------------------
# A room is a folder of .c/.h files, one archive, one test runner. tools/layers.sh holds every
# #include to these lines; a runner links its room and what follows from them, nothing above.
rooms := core/base core/tensor core/nn core/text core/io core/bus core/store plugins \
	encoders/text encoders/image encoders/table encoders/worker \
	fusion fusion/stage train daemon tools/assay
deps_core/base :=
deps_core/tensor := core/base
deps_core/nn := core/tensor core/base
deps_core/text := core/base
deps_core/io := core/nn core/tensor core/text core/base
deps_core/bus := core/io core/base
deps_core/store := core/io core/base
deps_plugins := core/base
deps_encoders := plugins core/io core/nn core/base
deps_encoders/text := encoders plugins core/io core/nn core/tensor core/text core/base
deps_encoders/image := encoders plugins core/io core/nn core/tensor core/base
deps_encoders/table := encoders plugins core/io core/nn core/tensor core/text core/base
deps_encoders/worker := plugins core/tensor core/bus core/io core/base
deps_fusion := plugins core/io core/nn core/tensor core/base
deps_fusion/stage := fusion plugins core/io core/base
deps_train := fusion encoders encoders/text encoders/image encoders/table plugins \
	core/io core/nn core/tensor core/text core/base
deps_daemon := fusion/stage fusion plugins core/store core/bus core/io core/tensor core/base
deps_tools/assay := train fusion encoders plugins core/bus core/store core/io core/nn core/tensor core/base

# ---- third-party headers: each is visible in one room only ------------------------------------
libs_core/tensor := -ldnnl -lgomp
pkgs_core/text := libutf8proc
pkgs_core/io := jansson inih libcrypto
libs_core/io := -lcsv
pkgs_core/bus := libzmq
pkgs_core/store := sqlite3
pkgs_encoders/image := vips
pkgs_encoders/worker := libseccomp
libs_plugins := -ldl

# ---- flags ------------------------------------------------------------------------------------
warn := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wdouble-promotion \
	-Wformat=2 -Wvla -Wundef -Wpointer-arith -Wwrite-strings $(if $(WERROR),-Werror)
version := $(shell sed -n 's/^\#\# \[\([0-9.]*\)\].*/\1/p' CHANGELOG.md 2>/dev/null | head -1)
CFLAGS ?=
all_cflags = -std=c11 -D_GNU_SOURCE -DASSAY_VERSION='"$(version)"' -fPIC -ffp-contract=off -fno-math-errno \
	-fvisibility=hidden -I. $(opt_$(V)) $(warn) $(room_cflags) $(extra_cflags) $(CFLAGS)
no_undefined := -Wl,-z,defs
hard_link := -Wl,-z,relro,-z,now $(if $(filter debug release,$(V)),$(no_undefined))

# A command is shown as what it makes; Q= shows it whole.
Q ?= @
run = $(if $(Q),@echo '  $1  $2' &&)

src = $(wildcard $1/*.c)
obj = $(patsubst %.c,$(out)/obj/%.o,$1)
lib = $(out)/lib/$(subst /,-,$1).a
closure = $(sort $1 $(foreach d,$(deps_$1),$(call closure,$d)))
archives = $(foreach b,$(filter $(rooms),$(call closure,$1)),$(call lib,$b))
pkgs_of = $(sort $(foreach b,$(call closure,$1),$(pkgs_$b)))
libs_of = $(if $(pkgs_of),$(shell pkg-config --libs $(pkgs_of))) \
	$(foreach b,$(call closure,$1),$(libs_$b)) -lm -pthread
group = -Wl,--start-group $1 -Wl,--end-group

kinds := text image table
programs := $(out)/bin/assayd $(out)/bin/assay $(out)/bin/assay-worker
phantom := $(out)/bin/phantom
flood := $(out)/bin/flood
unit := $(out)/assayd.service
plugins := $(kinds:%=$(out)/plugins/%.so) $(out)/plugins/null.so

SECONDS ?= 60
.PHONY: all deps test run-tests fuzz run-fuzz crash nightly test-clients lint format demo install clean help \
	accuracy bench bench-peers coverage
all: $(programs) $(phantom) $(flood) $(plugins) $(unit) ## programs and plugins, into build/<compiler>-<variant>/

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed 's/:.*##/\t/'

deps: ## install the Debian packages that building and testing need
	@tools/deps.sh

$(out)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call run,CC,$@) $(CC) $(all_cflags) -MMD -MP -c $< -o $@

define room
$(call obj,$(call src,$1)): private room_cflags := $(if $(pkgs_$1),$(shell pkg-config --cflags $(pkgs_$1) 2>/dev/null))
$(call lib,$1): $(call obj,$(filter-out $1/main.c $1/plugin.c,$(call src,$1)))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(call run,AR,$$@) $(AR) rcs $$@ $$^
$(out)/run/$(subst /,-,$1): $(call obj,$(wildcard tests/$1/*_test.c) $(wildcard tests/support/*.c)) \
		$(call archives,$1)
	@mkdir -p $$(@D)
	$$(call run,LINK,$$@) $(CC) $(opt_$(V)) $$(counted) -o $$@ $$(call group,$$^) $$(call libs_of,$1) -lcriterion
endef
$(foreach r,$(rooms),$(eval $(call room,$r)))

define program
$(out)/bin/$1: $(out)/obj/$2/main.o $(call archives,$2)
	@mkdir -p $$(@D)
	$$(call run,LINK,$$@) $(CC) $(opt_$(V)) $(hard_link) -o $$@ $$(call group,$$^) $$(call libs_of,$2)
endef
$(eval $(call program,assayd,daemon))
$(eval $(call program,assay,tools/assay))
$(eval $(call program,assay-worker,encoders/worker))

# A built-in encoder's .so is encoders/plugin.c around its kind and the rooms below it.
define kind
$(out)/obj/encoders/plugin-$1.o: encoders/plugin.c
	@mkdir -p $$(@D)
	$$(call run,CC,$$@) $(CC) $$(all_cflags) -DENC_KIND=enc_$1_kind -DENC_HEADER='"encoders/$1/$1.h"' -MMD -MP -c $$< -o $$@
$(out)/plugins/$1.so: $(out)/obj/encoders/plugin-$1.o $(call archives,encoders/$1)
	@mkdir -p $$(@D)
	$$(call run,LINK,$$@) $(CC) $(opt_$(V)) $(hard_link) -shared -Wl,--exclude-libs,ALL -o $$@ $$(call group,$$^) $$(call libs_of,encoders/$1)
endef
$(foreach k,$(kinds),$(eval $(call kind,$k)))

$(out)/plugins/null.so: $(out)/obj/plugins/null/null.o
	@mkdir -p $(@D)
	$(call run,LINK,$@) $(CC) $(opt_$(V)) $(hard_link) -shared -o $@ $^

# The generator of the demo's cases: built and tested, not installed.
$(phantom): $(call obj,$(call src,examples/breast)) $(call archives,core/base)
	@mkdir -p $(@D)
	$(call run,LINK,$@) $(CC) $(opt_$(V)) $(hard_link) -o $@ $^ -lm

# Measurements of docs/performance.md: not installed.
bench_rooms := train
$(out)/bin/bench: $(call obj,$(call src,bench)) $(call archives,$(bench_rooms))
	@mkdir -p $(@D)
	$(call run,LINK,$@) $(CC) $(opt_$(V)) -o $@ $(call group,$^) $(call libs_of,$(bench_rooms))

# Many small cases, for bench/load.sh: built, not installed.
$(flood): $(out)/obj/bench/load/flood.o $(call archives,core/bus)
	@mkdir -p $(@D)
	$(call run,LINK,$@) $(CC) $(opt_$(V)) $(hard_link) -o $@ $(call group,$^) $(call libs_of,core/bus)

$(unit): daemon/assayd.service.in
	@mkdir -p $(@D)
	sed 's|@PREFIX@|$(PREFIX)|' $< >$@

# ---- tests ------------------------------------------------------------------------------------
with_tests := $(foreach r,$(rooms),$(if $(wildcard tests/$r/*_test.c),$r))
e2e := $(if $(wildcard tests/e2e/*_test.c),$(out)/run/e2e)
fuzzers := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
fuzz_rooms := encoders/image encoders/text encoders/table fusion core/bus
# Tests that count what our own code asks of the allocator (tests/support/count.h).
$(out)/run/fusion $(out)/run/encoders-text: private counted := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc
# Tests in which our own calls of the system fail (tests/support/fault.h).
faulty := $(foreach f,open read pread write pwrite fsync rename renameat2 unlink access stat fstat fstatvfs ftruncate \
	posix_fallocate mkdir opendir readdir mmap getrandom,-Wl,--wrap=$f)
$(out)/run/core-store: private counted := $(faulty) -Wl,--wrap=sqlite3_column_text
$(out)/run/core-io: private counted := $(faulty)
$(out)/run/daemon: private counted := $(faulty) $(foreach f,waitpid pidfd_open epoll_ctl,-Wl,--wrap=$f)
$(out)/run/core-bus: private counted := $(faulty) $(foreach f,ctx_new ctx_set ctx_term socket setsockopt getsockopt bind connect \
	socket_monitor send msg_send recv msg_recv msg_init_size poll curve_keypair curve_public,-Wl,--wrap=zmq_$f) \
	-Wl,--wrap=poll,--wrap=pthread_create
runners := $(foreach r,$(with_tests),$(out)/run/$(subst /,-,$r)) $(out)/run/fuzz $(e2e)
$(out)/obj/tests/%.o: private extra_cflags = -DBUILD_DIR='"$(abspath $(out))"' -DSOURCE_DIR='"$(CURDIR)"'
$(out)/run/e2e: $(call obj,$(wildcard tests/e2e/*.c) $(wildcard tests/support/*.c)) $(call archives,core/bus)
	@mkdir -p $(@D)
	$(call run,LINK,$@) $(CC) $(opt_$(V)) -o $@ $(call group,$^) $(call libs_of,core/bus) -lseccomp -lcriterion

# A harness is called fuzz_NAME in the runner of the corpora, and what libFuzzer calls in its own.
define fuzzer
$(out)/obj/tests/fuzz/$1_fuzz.o: private extra_cflags = $(if $(filter fuzz,$(V)),,-DFUZZ=fuzz_$1)
$(out)/fuzz/$1: $(out)/obj/tests/fuzz/$1_fuzz.o $(foreach r,$(fuzz_rooms),$(call archives,$r))
	@mkdir -p $$(@D)
	$$(call run,LINK,$$@) $(CC) $(opt_$(V)) -fsanitize=fuzzer -o $$@ $$(call group,$$(sort $$^)) \
		$$(sort $(foreach r,$(fuzz_rooms),$$(call libs_of,$r)))
endef
$(foreach f,$(fuzzers),$(eval $(call fuzzer,$f)))
$(out)/run/fuzz: $(out)/obj/tests/fuzz/corpus_test.o $(fuzzers:%=$(out)/obj/tests/fuzz/%_fuzz.o) \
		$(call obj,$(wildcard tests/support/*.c)) $(foreach r,$(fuzz_rooms),$(call archives,$r))
	@mkdir -p $(@D)
	$(call run,LINK,$@) $(CC) $(opt_$(V)) -o $@ $(call group,$(sort $^)) \
		$(sort $(foreach r,$(fuzz_rooms),$(call libs_of,$r))) -lcriterion

# Faults: killed, failing and full; a runner of its own, because it takes minutes, most of them waiting.
$(out)/run/crash: $(call obj,$(wildcard tests/crash/*.c) $(wildcard tests/support/*.c)) $(call archives,daemon)
	@mkdir -p $(@D)
	$(call run,LINK,$@) $(CC) $(opt_$(V)) -o $@ $(call group,$^) $(call libs_of,daemon) -lcriterion
crash: all $(out)/run/crash ## kill and fail the daemon at its system calls, then check what it promised
	JOBS=3 tools/run-tests.sh $(out) '$(T)' $(out)/run/crash

LEAST ?= 90
coverage: deps ## what the tests reach, per file; fails below LEAST (90) percent of the lines
	@find build/gcc-cov/obj -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) --no-print-directory CC=gcc V=cov run-tests T='$(T)'
	tools/coverage.sh build/gcc-cov $(LEAST)

nightly: ## the long forms: every call of the crash sweeps, a soak, every fuzzer for a minute, coverage
	@CRASH_STEP=1 $(MAKE) --no-print-directory crash
	bench/load.sh $(out) soak
	@$(MAKE) --no-print-directory fuzz
	@$(MAKE) --no-print-directory coverage

fuzz: ## every fuzzer for SECONDS (60), from its corpus; what it finds is in build/fuzz
	@$(MAKE) --no-print-directory CC=clang V=fuzz run-fuzz
run-fuzz: $(fuzzers:%=$(out)/fuzz/%)
	tools/fuzz.sh $(out) '$(SECONDS)' $(if $(T),$(T),$(fuzzers))

test: deps ## install what is needed, build, run every suite (T='nn_linear/*' narrows)
	@$(MAKE) --no-print-directory run-tests
run-tests: all $(runners)
	tools/run-tests.sh $(out) '$(T)' $(runners)

test-clients: all ## the example clients (Python, Node.js) against a real daemon
	tools/test-clients.sh $(out)

lint: ## layer order, simple mistakes, format, clang-tidy
	@$(foreach r,$(rooms),tools/layers.sh $r $(deps_$r) &&) true
	@tools/simple-mistakes.sh
	@tools/def-tables.sh --check
	@clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')
	@tools/tidy.sh

format: ## clang-format every source in place
	clang-format -i $$(git ls-files '*.c' '*.h')

demo: deps ## train on phantom cases, run the daemon, show judgments (DATA=folder: real patients)
	@$(MAKE) --no-print-directory all
	@examples/breast/demo.sh $(out) $(DATA)

accuracy: all ## the tables of docs/accuracy.md (DATA=folder of the data sets, T=name narrows)
	@tools/accuracy.sh $(out) '$(DATA)' '$(T)'

PEERS ?= build/peers
bench: all $(out)/bin/bench ## time everything (DATA=folder: the daemon too): docs/performance.md, build/bench.json
	@bench/run.sh $(out) $(PEERS) 2 $(DATA)

bench-peers: ## install what `make bench` compares with: PyTorch, ONNX Runtime (PEERS=folder)
	@bench/peers/install.sh $(PEERS)

install: all ## into $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/assay $(DESTDIR)$(PREFIX)/include \
		$(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/lib/systemd/system
	install $(programs) $(DESTDIR)$(PREFIX)/bin
	install $(kinds:%=$(out)/plugins/%.so) $(DESTDIR)$(PREFIX)/lib/assay
	sed 's|@PREFIX@|$(PREFIX)|' daemon/assayd.service.in >$(DESTDIR)$(PREFIX)/lib/systemd/system/assayd.service
	install -m 644 plugins/assay_plugin.h $(DESTDIR)$(PREFIX)/include
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(version)|' plugins/assay-plugin.pc.in \
		>$(DESTDIR)$(PREFIX)/lib/pkgconfig/assay-plugin.pc

clean: ## remove build/
	rm -rf build

-include $(shell find $(out)/obj -name '*.d' 2>/dev/null)
