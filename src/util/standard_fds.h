/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Started with stdin, stdout or stderr closed, the next files to be opened would take their
 * numbers, and what is meant for people would be written to them. What stands in for stdout can't
 * be written to: it must not look as if all had been printed. To be called first of all. Returns 0
 * or a negative errno.
 */
int standard_fds_fill(void);
