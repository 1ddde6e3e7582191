# SPDX-License-Identifier: GPL-2.0-or-later
# The bus: a server over a made-up machine, and its clients, well-behaved or not.
check_PROGRAMS += tests/bus/serve
tests_bus_serve_SOURCES = tests/bus/serve.c
tests_bus_serve_LDADD = libsockaudit.a $(SYSTEMD_LIBS)
dist_check_SCRIPTS += tests/bus/server.py
TESTS += tests/bus/server.py
EXTRA_DIST += tests/bus/wire.py
