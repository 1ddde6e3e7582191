# SPDX-License-Identifier: GPL-2.0-or-later
nodist_systemdsystemunit_DATA = systemd/sockaudit.service
dist_sysusers_DATA = systemd/sysusers.d/sockaudit.conf
dist_tmpfiles_DATA = systemd/tmpfiles.d/sockaudit.conf
EXTRA_DIST += systemd/sockaudit.service.in
CLEANFILES += systemd/sockaudit.service

systemd/sockaudit.service: systemd/sockaudit.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) systemd && sed -e 's|@sbindir[@]|$(sbindir)|g' \
		-e 's|@bindir[@]|$(bindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' $(srcdir)/systemd/sockaudit.service.in >$@.new && \
		mv $@.new $@
