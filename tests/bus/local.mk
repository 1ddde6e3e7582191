# SPDX-License-Identifier: GPL-2.0-or-later
# The bus: a server over a made-up machine, and its clients, well-behaved or not.
check_PROGRAMS += tests/bus/serve tests/bus/polkit
tests_bus_polkit_SOURCES = tests/bus/polkit.c
tests_bus_polkit_LDADD = $(SYSTEMD_LIBS)
tests_bus_serve_SOURCES = tests/bus/serve.c
tests_bus_serve_LDADD = libsockaudit.a $(SYSTEMD_LIBS)
BUS_TESTS = tests/bus/odd.py tests/bus/server.py tests/bus/system.py
dist_check_SCRIPTS += $(BUS_TESTS)
TESTS += $(BUS_TESTS)
EXTRA_DIST += tests/bus/clients.py tests/bus/wire.py
