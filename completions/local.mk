# SPDX-License-Identifier: GPL-2.0-or-later
# Installed under both names of the client: bash and fish load them by it.
EXTRA_DIST += completions/auditctl.bash completions/auditctl.fish completions/_auditctl
if AUDITCTL_NAME
COMPLETED_NAMES = sockauditctl auditctl
else
COMPLETED_NAMES = sockauditctl
endif

install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(bashcompletiondir)' '$(DESTDIR)$(zshcompletiondir)' \
		'$(DESTDIR)$(fishcompletiondir)'
	for name in $(COMPLETED_NAMES); do \
		$(INSTALL_DATA) $(srcdir)/completions/auditctl.bash \
			'$(DESTDIR)$(bashcompletiondir)'/$$name && \
		$(INSTALL_DATA) $(srcdir)/completions/auditctl.fish \
			'$(DESTDIR)$(fishcompletiondir)'/$$name.fish || exit 1; \
	done
	$(INSTALL_DATA) $(srcdir)/completions/_auditctl '$(DESTDIR)$(zshcompletiondir)/_auditctl'
uninstall-local:
	cd '$(DESTDIR)$(bashcompletiondir)' && rm -f $(COMPLETED_NAMES)
	cd '$(DESTDIR)$(fishcompletiondir)' && rm -f $(COMPLETED_NAMES:=.fish)
	rm -f '$(DESTDIR)$(zshcompletiondir)/_auditctl'
