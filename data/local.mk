# SPDX-License-Identifier: GPL-2.0-or-later
# What is shipped beside the program; the administrator's own lies in $(sysconfdir)/sockaudit.
advicedir = $(pkgdatadir)/advice.d
dist_advice_DATA = \
	data/advice.d/05-systemd.advice \
	data/advice.d/08-debuggers.advice \
	data/advice.d/10-containers.advice \
	data/advice.d/20-javascript.advice \
	data/advice.d/30-python.advice \
	data/advice.d/40-languages.advice \
	data/advice.d/50-services.advice \
	data/advice.d/60-tools.advice \
	data/advice.d/80-generic.advice \
	data/advice.d/90-fallback.advice
