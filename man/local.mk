# SPDX-License-Identifier: GPL-2.0-or-later
dist_man_MANS = man/org.sockaudit1.5 man/sockaudit.rules.5 man/sockauditctl.1 man/sockaudit.7 man/sockaudit.advice.5 \
	man/sockauditd.8
if AUDITCTL_NAME
dist_man_MANS += man/auditctl.1
else
EXTRA_DIST += man/auditctl.1
endif
