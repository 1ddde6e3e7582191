# SPDX-License-Identifier: GPL-2.0-or-later
nodist_systemdsystemunit_DATA = systemd/sockaudit.service systemd/sockaudit-nft@.service
dist_systemdsystemunit_DATA = systemd/sockaudit-nft.socket
dist_sysusers_DATA = systemd/sysusers.d/sockaudit.conf
dist_tmpfiles_DATA = systemd/tmpfiles.d/sockaudit.conf
EXTRA_DIST += systemd/sockaudit.service.in systemd/sockaudit-nft@.service.in
CLEANFILES += $(nodist_systemdsystemunit_DATA)

$(nodist_systemdsystemunit_DATA): %: %.in Makefile
	$(AM_V_GEN)$(MKDIR_P) systemd && sed -e 's|@sbindir[@]|$(sbindir)|g' \
		-e 's|@bindir[@]|$(bindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' $(srcdir)/$@.in >$@.new && \
		mv $@.new $@
