# SPDX-License-Identifier: GPL-2.0-or-later
dist_man_MANS = man/sockaudit.rules.5 man/sockauditctl.1
if AUDITCTL_NAME
dist_man_MANS += man/auditctl.1
else
EXTRA_DIST += man/auditctl.1
endif
