# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests link; -Wl,--as-needed drops what a program does not use.
AM_TESTS_ENVIRONMENT = ASAN_OPTIONS=allocator_may_return_null=1:$$ASAN_OPTIONS; \
	export ASAN_OPTIONS; top_builddir=$(top_builddir); export top_builddir;
AM_TESTS_LIBS = libsockaudit.a $(CRITERION_LIBS) $(MNL_LIBS) $(JANSSON_LIBS) $(BPF_LIBS) $(SMARTCOLS_LIBS) \
	$(SYSTEMD_LIBS)

EXTRA_DIST += tests/sanitized tests/mutate/mutate.py
if SANITIZERS
LOG_COMPILER = $(srcdir)/tests/sanitized
endif

if TESTS_ENABLED
include tests/unit/local.mk
endif
include tests/net/local.mk
include tests/cli/local.mk
include tests/bus/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
include tests/system/local.mk
include tests/kernels/local.mk
include tests/cross/local.mk
include tests/structure/local.mk
include tests/daemon/local.mk
include tests/hostile/local.mk
include tests/field/local.mk

# What has threads and no Criterion, whose arena wants addresses that ThreadSanitizer has: all that a
# build with --enable-sanitizers=thread can run. make check TESTS='$(THREAD_TESTS)'
THREAD_TESTS = $(DAEMON_TESTS) $(HOSTILE_TESTS)
