# SPDX-License-Identifier: GPL-2.0-or-later
sockauditconfdir = $(sysconfdir)/sockaudit
dist_sockauditconf_DATA = etc/sockaudit.rules
