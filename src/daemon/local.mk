# SPDX-License-Identifier: GPL-2.0-or-later
sbin_PROGRAMS += sockauditd
sockauditd_SOURCES = \
	src/daemon/blind.c \
	src/daemon/daemon.c \
	src/daemon/daemon.h \
	src/daemon/events.c \
	src/daemon/exes.c \
	src/daemon/fingerprint.c \
	src/daemon/greet.c \
	src/daemon/holders.c \
	src/daemon/look.c \
	src/daemon/main.c \
	src/daemon/name_helper.c \
	src/daemon/nat_rules.c \
	src/daemon/notify.c \
	src/daemon/payers.c \
	src/daemon/passed.c \
	src/daemon/recall.c \
	src/daemon/rules.c \
	src/daemon/serve.c \
	src/daemon/allow.c \
	src/daemon/state.c \
	src/daemon/tell.c
sockauditd_LDADD = libsockauditctl.a libsockaudit.a $(MNL_LIBS) $(SYSTEMD_LIBS) $(JANSSON_LIBS) $(BPF_LIBS) \
	$(SMARTCOLS_LIBS) $(BPF_LIBS) -lpthread
