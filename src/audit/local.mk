# SPDX-License-Identifier: GPL-2.0-or-later
libsockaudit_a_SOURCES += \
	src/audit/identity.c \
	src/audit/identity.h \
	src/audit/judge.c \
	src/audit/judge.h \
	src/audit/ledger.c \
	src/audit/ledger.h \
	src/audit/ledger_entry.c \
	src/audit/ledger_alerts.c \
	src/audit/ledger_internal.h \
	src/audit/ledger_judge.c \
	src/audit/ledger_snooze.c \
	src/audit/ledger_state.c \
	src/audit/ledger_state.h \
	src/audit/ledger_update.c \
	src/audit/pool.c \
	src/audit/pool.h \
	src/audit/look_budget.c \
	src/audit/look_budget.h \
	src/audit/rate.c \
	src/audit/rate.h \
	src/audit/state.c \
	src/audit/state.h \
	src/audit/state_format.c \
	src/audit/state_parse.c \
	src/audit/state_text.h \
	src/audit/table.c \
	src/audit/table.h \
	src/audit/time.h \
	src/audit/timers.c \
	src/audit/timers.h
