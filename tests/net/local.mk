# SPDX-License-Identifier: GPL-2.0-or-later
# Real sockets in network namespaces of their own.
check_PROGRAMS += tests/net/snapshot
tests_net_snapshot_SOURCES = tests/net/snapshot.c
tests_net_snapshot_LDADD = libsockaudit.a $(MNL_LIBS)
