# SPDX-License-Identifier: GPL-2.0-or-later
# The client: everything but main() in a library of its own, so that tests can link it.
noinst_LIBRARIES += libsockauditctl.a
libsockauditctl_a_SOURCES = \
	src/ctl/audit.c \
	src/ctl/audit.h \
	src/ctl/daemon.c \
	src/ctl/daemon.h \
	src/ctl/help.c \
	src/ctl/help.h \
	src/ctl/machine.c \
	src/ctl/machine.h \
	src/ctl/options.c \
	src/ctl/options.h \
	src/ctl/path_safety.c \
	src/ctl/polkit_agent.c \
	src/ctl/polkit_agent.h \
	src/ctl/ruleset.c \
	src/ctl/ruleset.h \
	src/ctl/status.h \
	src/ctl/verbs.c \
	src/ctl/verbs.h \
	src/ctl/print/json.c \
	src/ctl/print/json.h \
	src/ctl/print/listing.c \
	src/ctl/print/listing.h \
	src/ctl/print/listing_columns.c \
	src/ctl/print/names.c \
	src/ctl/print/names.h \
	src/ctl/print/output.c \
	src/ctl/print/output.h \
	src/ctl/print/pager.c \
	src/ctl/print/pager.h \
	src/ctl/print/print.c \
	src/ctl/print/report.c \
	src/ctl/print/report.h \
	src/ctl/print/table.c \
	src/ctl/print/table.h \
	src/ctl/print/tell.c \
	src/ctl/print/tell.h \
	src/ctl/print/terminal.c \
	src/ctl/print/terminal.h \
	src/ctl/verbs/allow.c \
	src/ctl/verbs/check.c \
	src/ctl/verbs/explain.c \
	src/ctl/verbs/history.c \
	src/ctl/verbs/hypothesis.c \
	src/ctl/verbs/hypothesis.h \
	src/ctl/verbs/list.c \
	src/ctl/verbs/past.c \
	src/ctl/verbs/past.h \
	src/ctl/verbs/reload.c \
	src/ctl/verbs/rules.c \
	src/ctl/verbs/scan.c \
	src/ctl/verbs/show.c \
	src/ctl/verbs/snooze.c \
	src/ctl/verbs/status.c \
	src/ctl/verbs/suggest.c \
	src/ctl/verbs/watch.c \
	src/ctl/verbs/when.c \
	src/ctl/verbs/when.h

bin_PROGRAMS += sockauditctl
sockauditctl_SOURCES = src/ctl/main.c
sockauditctl_LDADD = libsockauditctl.a libsockaudit.a $(MNL_LIBS) $(SMARTCOLS_LIBS) $(JANSSON_LIBS) $(BPF_LIBS) \
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
