# SPDX-License-Identifier: GPL-2.0-or-later
# The client: everything but main() in a library of its own, so that tests can link it.
noinst_LIBRARIES += libsockauditctl.a
libsockauditctl_a_SOURCES = \
	src/ctl/allow.c \
	src/ctl/audit.c \
	src/ctl/audit.h \
	src/ctl/check.c \
	src/ctl/daemon.c \
	src/ctl/daemon.h \
	src/ctl/daemon_status.c \
	src/ctl/explain.c \
	src/ctl/help.c \
	src/ctl/help.h \
	src/ctl/history.c \
	src/ctl/hypothesis.c \
	src/ctl/hypothesis.h \
	src/ctl/json.c \
	src/ctl/json.h \
	src/ctl/list.c \
	src/ctl/listing.c \
	src/ctl/listing.h \
	src/ctl/listing_columns.c \
	src/ctl/machine.c \
	src/ctl/machine.h \
	src/ctl/names.c \
	src/ctl/names.h \
	src/ctl/options.c \
	src/ctl/options.h \
	src/ctl/output.c \
	src/ctl/output.h \
	src/ctl/pager.c \
	src/ctl/pager.h \
	src/ctl/past.c \
	src/ctl/past.h \
	src/ctl/path_safety.c \
	src/ctl/print.c \
	src/ctl/reload.c \
	src/ctl/report.c \
	src/ctl/report.h \
	src/ctl/rules.c \
	src/ctl/ruleset.c \
	src/ctl/ruleset.h \
	src/ctl/scan.c \
	src/ctl/show.c \
	src/ctl/snooze.c \
	src/ctl/status.h \
	src/ctl/suggest.c \
	src/ctl/table.c \
	src/ctl/table.h \
	src/ctl/tell.c \
	src/ctl/tell.h \
	src/ctl/terminal.c \
	src/ctl/terminal.h \
	src/ctl/verbs.c \
	src/ctl/verbs.h \
	src/ctl/watch.c \
	src/ctl/when.c \
	src/ctl/when.h

bin_PROGRAMS += sockauditctl
sockauditctl_SOURCES = src/ctl/main.c
sockauditctl_LDADD = libsockauditctl.a libsockaudit.a $(MNL_LIBS) $(SMARTCOLS_LIBS) $(JANSSON_LIBS) \
	$(SYSTEMD_LIBS)

if AUDITCTL_NAME
noinst_DATA = auditctl
CLEANFILES += auditctl

auditctl: sockauditctl$(EXEEXT)
	$(AM_V_GEN)rm -f $@ && $(LN_S) sockauditctl$(EXEEXT) $@

install-exec-hook:
	cd $(DESTDIR)$(bindir) && rm -f auditctl && $(LN_S) sockauditctl$(EXEEXT) auditctl

uninstall-hook:
	rm -f $(DESTDIR)$(bindir)/auditctl
endif
