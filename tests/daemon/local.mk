# SPDX-License-Identifier: GPL-2.0-or-later
# sockauditd as a whole, with real sockets.
# The longest begins first: it waits for most of its time.
DAEMON_TESTS = \
	tests/daemon/name-helper.py \
	tests/daemon/nat-rules.py \
	tests/daemon/alerts.py \
	tests/daemon/allow.py \
	tests/daemon/begin.py \
	tests/daemon/by-itself.py \
	tests/daemon/flapping.py \
	tests/daemon/flood.py \
	tests/daemon/foreground.py \
	tests/daemon/holders.py \
	tests/daemon/hung.py \
	tests/daemon/injected.py \
	tests/daemon/journal.py \
	tests/daemon/limits.py \
	tests/daemon/names.py \
	tests/daemon/networks.py \
	tests/daemon/noise.py \
	tests/daemon/origin.py \
	tests/daemon/payers.py \
	tests/daemon/pids.py \
	tests/daemon/reload.py \
	tests/daemon/run.py \
	tests/daemon/service.py \
	tests/daemon/storage.py \
	tests/daemon/stuck.py \
	tests/daemon/tools.py \
	tests/daemon/valgrind.py \
	tests/daemon/verbs.py
dist_check_SCRIPTS += $(DAEMON_TESTS)
TESTS += $(DAEMON_TESTS)
# What `./dev run` runs is written there.
EXTRA_DIST += dev
# A process that makes whoever reads its command line sleep.
check_PROGRAMS += tests/daemon/clot
tests_daemon_clot_SOURCES = tests/daemon/clot.c
tests_daemon_clot_LDADD = -lpthread
check_PROGRAMS += tests/daemon/server
tests_daemon_server_SOURCES = tests/daemon/server.c
EXTRA_DIST += tests/daemon/harness.py tests/daemon/inject.c
# Preloaded into the daemon by the tests above; so it has no sanitizer of its own.
check_DATA += tests/daemon/inject.so
CLEANFILES += tests/daemon/inject.so
tests/daemon/inject.so: tests/daemon/inject.c
	$(AM_V_CC)$(MKDIR_P) $(@D) && \
		$(CC) -D_GNU_SOURCE $(CFLAGS) -std=gnu17 -Wall -Wextra -U_FORTIFY_SOURCE -shared -fPIC \
		-o $@ $(srcdir)/tests/daemon/inject.c $(LDFLAGS) -ldl
# A name service that takes its time.
EXTRA_DIST += tests/daemon/nss_hung.c
check_DATA += tests/daemon/nss_hung.so
CLEANFILES += tests/daemon/nss_hung.so
tests/daemon/nss_hung.so: tests/daemon/nss_hung.c
	$(AM_V_CC)$(MKDIR_P) $(@D) && \
		$(CC) -D_GNU_SOURCE $(CFLAGS) -std=gnu17 -Wall -Wextra -shared -fPIC \
		-o $@ $(srcdir)/tests/daemon/nss_hung.c $(LDFLAGS)
