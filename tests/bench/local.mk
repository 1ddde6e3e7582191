# SPDX-License-Identifier: GPL-2.0-or-later
# tests/bench/NN-NAME is what `./dev bench NAME` runs; its programs are built for it alone.
BENCH_TARGETS += tests/bench/dump
tests_bench_dump_SOURCES = tests/bench/dump.c
tests_bench_dump_LDADD = libsockaudit.a $(MNL_LIBS)
EXTRA_DIST += tests/bench/20-dump
EXTRA_PROGRAMS += $(BENCH_TARGETS)
