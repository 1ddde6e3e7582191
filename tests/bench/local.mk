# SPDX-License-Identifier: GPL-2.0-or-later
# tests/bench/NN-NAME is what `./dev bench NAME` runs; its programs are built for it alone.
BENCH_TARGETS += tests/bench/dump
tests_bench_dump_SOURCES = tests/bench/dump.c
tests_bench_dump_LDADD = libsockaudit.a $(MNL_LIBS)
EXTRA_DIST += tests/bench/20-dump
BENCH_TARGETS += tests/bench/verdict
tests_bench_verdict_SOURCES = tests/bench/verdict.c
tests_bench_verdict_LDADD = libsockaudit.a $(MNL_LIBS)
EXTRA_DIST += tests/bench/30-verdict
BENCH_TARGETS += tests/bench/scan
tests_bench_scan_SOURCES = tests/bench/scan.c tests/bench/population.c tests/bench/population.h
tests_bench_scan_LDADD = libsockaudit.a $(MNL_LIBS) $(BPF_LIBS)
EXTRA_DIST += tests/bench/10-scan

BENCH_TARGETS += tests/bench/ledger
tests_bench_ledger_SOURCES = tests/bench/ledger.c
tests_bench_ledger_LDADD = libsockaudit.a
EXTRA_DIST += tests/bench/30-ledger
BENCH_TARGETS += tests/bench/events
tests_bench_events_SOURCES = tests/bench/events.c
tests_bench_events_LDADD = libsockaudit.a $(MNL_LIBS) $(BPF_LIBS)
EXTRA_DIST += tests/bench/40-events
# The daemon as a whole.
BENCH_TARGETS += tests/bench/told tests/bench/sockets
tests_bench_told_SOURCES = tests/bench/told.c
tests_bench_sockets_SOURCES = tests/bench/sockets.c
EXTRA_DIST += tests/bench/50-latency tests/bench/60-rest tests/bench/70-churn tests/bench/80-cost \
	tests/bench/90-flood tests/bench/world.py
EXTRA_PROGRAMS += $(BENCH_TARGETS)
