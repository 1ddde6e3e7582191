# SPDX-License-Identifier: GPL-2.0-or-later
# A target a parser: tests/fuzz/NAME.c, its corpus in tests/fuzz/corpus/NAME/. Built twice over from
# the same source: as replay-NAME, which `make check` runs over the corpus, and with
# --enable-fuzzers as fuzz-NAME, for `./dev fuzz NAME`.
#
# To add one, copy the five lines of `text` and replace the name.
FUZZ_LIBS = libsockaudit.a $(MNL_LIBS) $(JANSSON_LIBS) $(BPF_LIBS) $(SMARTCOLS_LIBS) $(SYSTEMD_LIBS)
FUZZ_TARGETS =
FUZZ_REPLAYS =

FUZZ_TARGETS += tests/fuzz/fuzz-text
FUZZ_REPLAYS += tests/fuzz/replay-text
tests_fuzz_fuzz_text_SOURCES = tests/fuzz/text.c
tests_fuzz_fuzz_text_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_text_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_text_SOURCES = tests/fuzz/text.c tests/fuzz/replay.c
tests_fuzz_replay_text_LDADD = $(FUZZ_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz-netlink
FUZZ_REPLAYS += tests/fuzz/replay-netlink
tests_fuzz_fuzz_netlink_SOURCES = tests/fuzz/netlink.c
tests_fuzz_fuzz_netlink_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_netlink_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_netlink_SOURCES = tests/fuzz/netlink.c tests/fuzz/replay.c
tests_fuzz_replay_netlink_LDADD = $(FUZZ_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz-proc
FUZZ_REPLAYS += tests/fuzz/replay-proc
tests_fuzz_fuzz_proc_SOURCES = tests/fuzz/proc.c
tests_fuzz_fuzz_proc_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_proc_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_proc_SOURCES = tests/fuzz/proc.c tests/fuzz/replay.c
tests_fuzz_replay_proc_LDADD = $(FUZZ_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz-cgroup
FUZZ_REPLAYS += tests/fuzz/replay-cgroup
tests_fuzz_fuzz_cgroup_SOURCES = tests/fuzz/cgroup.c
tests_fuzz_fuzz_cgroup_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_cgroup_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_cgroup_SOURCES = tests/fuzz/cgroup.c tests/fuzz/replay.c
tests_fuzz_replay_cgroup_LDADD = $(FUZZ_LIBS)

# rules: its corpus is that of the unit tests, tests/fixtures/rules, by a link
FUZZ_TARGETS += tests/fuzz/fuzz-rules
FUZZ_REPLAYS += tests/fuzz/replay-rules
tests_fuzz_fuzz_rules_SOURCES = tests/fuzz/rules.c
tests_fuzz_fuzz_rules_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_rules_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_rules_SOURCES = tests/fuzz/rules.c tests/fuzz/replay.c
tests_fuzz_replay_rules_LDADD = $(FUZZ_LIBS)

# filter
FUZZ_TARGETS += tests/fuzz/fuzz-filter
FUZZ_REPLAYS += tests/fuzz/replay-filter
tests_fuzz_fuzz_filter_SOURCES = tests/fuzz/filter.c
tests_fuzz_fuzz_filter_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_filter_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_filter_SOURCES = tests/fuzz/filter.c tests/fuzz/replay.c
tests_fuzz_replay_filter_LDADD = $(FUZZ_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz-advice
FUZZ_REPLAYS += tests/fuzz/replay-advice
tests_fuzz_fuzz_advice_SOURCES = tests/fuzz/advice.c
tests_fuzz_fuzz_advice_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_advice_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_advice_SOURCES = tests/fuzz/advice.c tests/fuzz/replay.c
tests_fuzz_replay_advice_LDADD = $(FUZZ_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz-state
FUZZ_REPLAYS += tests/fuzz/replay-state
tests_fuzz_fuzz_state_SOURCES = tests/fuzz/state.c
tests_fuzz_fuzz_state_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_state_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_state_SOURCES = tests/fuzz/state.c tests/fuzz/replay.c
tests_fuzz_replay_state_LDADD = $(FUZZ_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz-bus
FUZZ_REPLAYS += tests/fuzz/replay-bus
tests_fuzz_fuzz_bus_SOURCES = tests/fuzz/bus.c tests/unit/bus/message.c tests/unit/bus/message.h
tests_fuzz_fuzz_bus_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_fuzz_fuzz_bus_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_bus_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_bus_SOURCES = $(tests_fuzz_fuzz_bus_SOURCES) tests/fuzz/replay.c
tests_fuzz_replay_bus_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_fuzz_replay_bus_LDADD = $(FUZZ_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz-record
FUZZ_REPLAYS += tests/fuzz/replay-record
tests_fuzz_fuzz_record_SOURCES = tests/fuzz/record.c
tests_fuzz_fuzz_record_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_record_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_record_SOURCES = tests/fuzz/record.c tests/fuzz/replay.c
tests_fuzz_replay_record_LDADD = $(FUZZ_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz-nft
FUZZ_REPLAYS += tests/fuzz/replay-nft
tests_fuzz_fuzz_nft_SOURCES = tests/fuzz/nft.c
tests_fuzz_fuzz_nft_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_nft_LDADD = $(FUZZ_LIBS)
tests_fuzz_replay_nft_SOURCES = tests/fuzz/nft.c tests/fuzz/replay.c
tests_fuzz_replay_nft_LDADD = $(FUZZ_LIBS)

EXTRA_PROGRAMS = $(FUZZ_TARGETS) $(FUZZ_REPLAYS)
EXTRA_DIST += $(srcdir)/tests/fuzz/corpus
if FUZZERS
noinst_PROGRAMS += $(FUZZ_TARGETS)
else
check_PROGRAMS += $(FUZZ_REPLAYS)
TESTS += $(FUZZ_REPLAYS)
endif
