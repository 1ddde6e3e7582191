/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What --help says, and which options are another program's. */
#pragma once

#include <stdbool.h>

#include "ctl/verbs.h"

extern const char scan_details[];
extern const char list_details[];
extern const char show_details[];
extern const char watch_details[];
extern const char reload_details[];
extern const char snooze_details[];
extern const char suggest_details[];
extern const char check_details[];
extern const char history_details[];
extern const char allow_details[];

/* The help of a verb, or of the program (NULL), on stdout. */
ExitStatus help_print(const Options *options, const Verb *verb);

/* Whether it is an option of Linux Audit's auditctl and none of ours (auditctl(8)). */
bool is_linux_audit_option(const char *word);
