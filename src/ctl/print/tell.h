/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the client says on stderr: one line, with the program's name in front. */
#pragma once

#include "ctl/status.h"

/* The name that the program was called by: `auditctl` or `sockauditctl`. Set once, by main(). */
void tell_as(const char *program);
const char *tell_name(void);

/* `auditctl: TEXT`. Text of others must be escaped already. */
__attribute__((format(printf, 1, 2))) void tell_error(const char *format, ...);

/* `auditctl: warning: TEXT`. */
__attribute__((format(printf, 1, 2))) void tell_warning(const char *format, ...);

/* `auditctl: TEXT: REASON` of a negative errno; returns the exit status that belongs to it. */
__attribute__((format(printf, 2, 3))) ExitStatus tell_errno(int error, const char *format, ...);

/*
 * `auditctl: unknown WHAT 'WORD'`, escaped, and the nearest candidate, or where none is near all of
 * them if they are few. Returns STATUS_USAGE.
 */
ExitStatus tell_unknown(const char *what, const char *word, const char *const *candidates,
                        unsigned count);

/* That on the port, or with the id, there is none, and `more` behind it. Returns
 * STATUS_NO_LISTENER. */
ExitStatus tell_no_listener(const char *what, const char *more);
